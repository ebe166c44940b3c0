"""Pictures of milestones: four readings of one question, all milestones at their landmarks, and survival from there."""

from __future__ import annotations

import math

import pandas as pd

from helpers.figures.curves import paint_curves
from helpers.figures.points import (
    KEPT,
    find_landmark,
    is_clear,
    make_strip,
    name_landmark,
    name_part,
    tell_gap,
    write_gap,
)
from helpers.figures.strips import choose_points, measure_strips, paint_strips
from helpers.figures.theme import draw
from helpers.records import Results
from helpers.wording import (
    Display,
    Style,
    capitalise,
    find_noun,
    find_rows,
    join_words,
    keep_readings,
    name_alike,
    name_alive,
    read_scale,
    show_sentence,
    write_number,
    write_share,
)

READINGS = {  # reading -> its name, and whom it compares
    "naive": ("Naive", "everyone{leavers}"),
    "landmark": ("At the landmark", "those {alive}, read by {day}"),
    "adjusted": ("At the landmark, adjusted", "the same, {alike}"),
    "clone-censor-weight": ("Cloned and weighted", "everyone from the start, weighted"),
}
COUNTS = ("", "One reading", "Two readings", "Three readings", "Four readings")
NO_READINGS = "No reading of activation can be shown."
NO_EFFECTS = "No difference by milestone can be shown."
NO_SURVIVAL = "There is no curve by milestone to show."
NO_OVERALL = "There is no survival curve to show."


def readings(results: Results) -> Display:
    """Return four readings of "are activated accounts kept more often?" on one axis, the naive one muted.

    Parameters
    ----------
    results : Results
        Table `readings`; the main landmark from `landmark_effects`.

    Returns
    -------
    Display: one sentence when there is no reading.
    """
    rows, absent = find_rows(results, "readings", NO_READINGS, known="difference")
    if absent:
        return absent
    rows = keep_readings(results, rows.dropna(subset=["difference"]))
    words = {"noun": find_noun(results), "day": name_landmark(results), "alike": name_alike(results)}
    words |= {"alive": name_alive(results) or f"still there on {words['day']}"}
    words |= {"leavers": "" if name_alive(results) else "; early leavers as not activated"}
    strips = [_read_strip(row, words) for row in rows.itertuples()]
    scale = choose_points(rows[["difference", "ci_low", "ci_high"]].to_numpy(float).ravel())
    told = [f"{strip.name}: {strip.text} ({strip.below})" for strip in strips]
    return draw(
        lambda figure: paint_strips(figure, strips, scale),
        height=measure_strips(strips),
        narrow_height=measure_strips(strips, narrow=True),
        title=_tell_readings(rows, words),
        subtitle=f"Share of {words['noun']} kept, activated minus not activated, in percentage points. An association, "
        "not what activating somebody would change.",
        alternative=f"{COUNTS[len(strips)]} of one difference on one axis. {'; '.join(told)}.",
        results=results,
        table=rows,
        name="milestones_readings",
    )


def _read_strip(row, words):
    name, note = READINGS.get(row.reading, (row.reading, ""))
    shares = [write_share(share) for share in (row.share_reached, row.share_not)]
    below = f"{shares[0]} v {shares[1]}" if math.isfinite(row.difference) else row.reason or ""
    kind = "naive" if row.reading == "naive" else None
    return make_strip(name, row, kind=kind, note=note.format(**words), below=below)


def _tell_readings(rows: pd.DataFrame, words) -> str:
    """What is left of the naive difference when only those still there are compared, adjusted if that is known."""
    found = {row.reading: row for row in rows.itertuples() if math.isfinite(row.difference)}
    best, naive = found.get("adjusted") or found.get("landmark"), found.get("naive")
    who = f"{words['noun']} {words['alive']}"
    if best is None:
        if naive is None:
            return "Activation cannot be read at the landmark"
        told = write_gap(naive.difference, naive.ci_low, naive.ci_high)
        return f"The naive difference is {told}; what is left of it cannot be estimated"
    if naive is None:
        return f"Activated and not, among {who}: {tell_gap(best.difference, best.ci_low, best.ci_high)}"
    whole = write_number(naive.difference, Style(100, "", " points"), decimals=0)
    if not is_clear(best.ci_low, best.ci_high):
        return f"Of the naive {whole}, none is clearly left among {who}"
    if 0 < best.difference < naive.difference and words["leavers"]:
        left = write_number(100 * best.difference, decimals=int(best.difference < 0.01))
        return f"Of the naive {whole}, {left} {'is' if left == '1' else 'are'} left among {who}"
    told = tell_gap(best.difference, best.ci_low, best.ci_high)
    return f"The naive difference is {whole}; among {who} it is {told}"


def landmark_effects(results: Results, outcome: str = "retained") -> Display:
    """Return the adjusted difference of each milestone at each landmark, on one axis.

    Parameters
    ----------
    results : Results
        Table `landmark_effects`.
    outcome : str
        One of the plan's outcomes.

    Returns
    -------
    Display: one sentence when nothing can be shown.
    """
    options = {"known": "difference", "outcome": outcome, "adjustment": "covariates"}
    rows, absent = find_rows(results, "landmark_effects", NO_EFFECTS, **options)
    if absent:
        return absent
    strips = _list_effects(results, rows, outcome)
    scale = choose_points(rows[["difference", "ci_low", "ci_high"]].to_numpy(float).ravel())
    told = [f"{name_part(results, r.milestone)}, day {r.landmark:g}: {tell_gap(r.difference, r.ci_low, r.ci_high)}"
            for r in rows.itertuples()]  # fmt: skip
    return draw(
        lambda figure: paint_strips(figure, strips, scale),
        height=measure_strips(strips),
        narrow_height=measure_strips(strips, narrow=True),
        title=_tell_effects(results, rows, outcome),
        subtitle=f"Share of {find_noun(results)} {KEPT.get(outcome, outcome)} after the landmark, reached minus not "
        f"reached, {name_alike(results)}. Filled: a clear difference; hollow: none.",
        alternative=f"One row a milestone and landmark. {'; '.join(told)}.",
        results=results,
        table=rows,
        name=f"milestones_{outcome}",
    )


def _judge(results, rows, outcome) -> list[str]:
    """Clear or not, by the verdict of the run's estimate, which minds multiplicity; else by the interval."""
    verdicts = {e.id: e.verdict for e in results.select(metric=outcome)}
    kinds = []
    for row in rows.itertuples():
        found = verdicts.get(f"{outcome}:{row.milestone}@{row.landmark:g}")
        clear = is_clear(row.ci_low, row.ci_high) if found is None else found == "clear difference"
        kinds.append("clear" if clear else "unclear")
    return kinds


def _list_effects(results, rows, outcome):
    main, strips, last = find_landmark(results), [], None
    for row, kind in zip(rows.itertuples(), _judge(results, rows, outcome), strict=True):
        counts = [f"{n:,.0f}" if math.isfinite(n) else "few" for n in (row.n_reached, row.n_not)]
        below = f"{counts[0]} reached, {counts[1]} not" if math.isfinite(row.difference) else row.reason or ""
        heading = "" if row.milestone == last else capitalise(name_part(results, row.milestone))
        name = f"Day {row.landmark:g}{', the main landmark' if row.landmark == main else ''}"
        strips.append(make_strip(name, row, kind=kind, below=below, heading=heading))
        last = row.milestone
    return strips


def _tell_effects(results, rows, outcome) -> str:
    main = rows[(rows["landmark"] == find_landmark(results)) & rows["difference"].notna()]
    clear = main[[kind == "clear" for kind in _judge(results, main, outcome)]]
    what = f"who is {KEPT.get(outcome, outcome)}"
    if clear.empty:
        return f"No milestone shows a clear difference in {what}"
    row = clear.loc[clear["difference"].abs().idxmax()]
    told, rest = tell_gap(row.difference, row.ci_low, row.ci_high), len(clear) - 1
    name = name_part(results, row.milestone)
    if len(main) == 1:
        return f"{capitalise(name)} and not {name} differ clearly in {what}: {told}"
    more = f"; {rest} more of {len(main)} milestones show a clear one" if rest else ""
    return f"The widest difference in {what} goes with {name}: {told}{more}"


def milestone_survival(results: Results, milestone: str = "activated") -> Display:
    """Return the share still customers from the landmark on, reached and not, with numbers at risk.

    Parameters
    ----------
    results : Results
        Table `milestone_survival`, after small cells are hidden.
    milestone : str

    Returns
    -------
    Display: one sentence when there is no curve.
    """
    rows, absent = find_rows(results, "milestone_survival", NO_SURVIVAL, known="share", milestone=milestone)
    if absent:
        return absent
    told = name_part(results, milestone)
    names = {1: told, 0: f"not {told}"}
    curves = rows.assign(arm=rows["reached"].map(names))
    day = f"day {rows['landmark'].iloc[0]:g}"
    found = _tell_survival(curves, [told, f"not {told}"], day)
    if not found:
        return show_sentence(NO_SURVIVAL)
    return draw(
        lambda figure: paint_curves(
            figure, curves, [names[0], names[1]], names[0], label=f"days since {day}", floor=_find_floor(rows)
        ),
        height=404,
        title=found,
        subtitle=f"Still customers, among those there on {day}, not adjusted; bands each day by itself. The axis "
        f"begins at {_find_floor(rows) * 100:g} %; numbers at risk below.",
        alternative=f"Two curves from the landmark. {found}.",
        results=results,
        table=rows,
        name=f"milestones_survival_{milestone}",
    )


def _find_floor(rows: pd.DataFrame) -> float:
    """A tenth at or below the lowest end of a band."""
    lowest = rows[["share", "ci_low"]].min().min()
    return max(0.0, math.floor(lowest * 10) / 10)


def _tell_survival(curves, arms, day) -> str:
    """Both shares on the last day that may be seen of both; empty where that is none after the first."""
    shares = curves.pivot_table(index="day", columns="arm", values="share").dropna()
    last = shares.iloc[-1]
    if last.name <= 0:
        return ""
    ends = [f"{write_share(last[arm])} of those {arm}" for arm in arms if arm in last]
    return f"{last.name:g} days after {day}, {join_words(ends)} were still customers"


def overall(results: Results) -> Display:
    """Return one survival curve of all accounts by tenure, where nothing else has a time.

    Parameters
    ----------
    results : Results
        Table `overall`, `day` in the data's own unit of time.

    Returns
    -------
    Display: one sentence when there is no curve.
    """
    rows, absent = find_rows(results, "overall", NO_OVERALL, known="share")
    if absent:
        return absent
    last = rows.dropna(subset=["share"]).iloc[-1]
    if last.day <= 0:
        return show_sentence(NO_OVERALL)
    unit = read_scale(results, "tenure").label
    at = f"a tenure of {last.day:g}" if unit == "tenure" else f"{last.day:g} {unit}"
    found = f"{write_share(last.share)} of {find_noun(results)} are still customers at {at}"
    curves = rows.assign(arm="all")
    return draw(
        lambda figure: paint_curves(
            figure,
            curves,
            ["all"],
            "all",
            label="tenure, in the data's unit of time" if unit == "tenure" else unit,
            floor=_find_floor(rows),
        ),
        height=382,
        title=found,
        subtitle="Still customers by tenure, with a band; who has not left yet counts until the last day seen. The "
        f"vertical axis begins at {_find_floor(rows) * 100:g} %; numbers at risk below.",
        alternative=f"One curve, all {find_noun(results)}. {found}.",
        results=results,
        table=rows,
        name="milestones_overall",
    )
