"""Pictures of effects: a forest by role, contrasts side by side, and segments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from helpers.figures.forest import measure_forest, paint_forest
from helpers.figures.rows import BEHIND, Block, Row, find_overall, tell_rows
from helpers.figures.theme import draw, shorten
from helpers.records import Estimate, Results, to_frame
from helpers.wording import (
    BETTER,
    ROLES,
    WITHHELD,
    Display,
    Scale,
    capitalise,
    describe_effects,
    find_margin,
    is_lift,
    is_ratio,
    join_words,
    lower_first,
    name_method,
    name_row,
    read_scale,
    show_sentence,
    tell_finding,
    tell_findings,
    write_count,
    write_effect,
)

MOST_ROWS = 24
SHORT, SHORT_ARM = 25, 14  # characters of a row's name on a phone, and of the treatment in it
NO_SEGMENT = "No effect by segment: the plan names no segment, or the metric is a quantile or a time to an event."


def forest(
    results: Results,
    *,
    role: str | Sequence[str] = ("primary", "secondary", "guardrail", "exploratory"),
    estimates: Sequence[Estimate] | None = None,
    title: str | None = None,
) -> Display:
    """Return effects as a forest: one row an effect, one block a role, sensitivity rows thinner and below.

    Parameters
    ----------
    results : Results
    role : str or sequence of str
        Whose rows to draw. Lifts stand as text beside their difference. With one role its sensitivity rows follow
        when "sensitivity" is named too.
    estimates : sequence of Estimate, optional
        These effects instead, whatever their role.
    title : str, optional
        The finding; computed when left out.

    Returns
    -------
    Display: one sentence when the effects are withheld or there are none. At most 24 rows are drawn.
    """
    if results.status == "withheld":
        return show_sentence(WITHHELD)
    roles = [role] if isinstance(role, str) else list(role)
    found = results.select(role=roles, segment=None, at=None) if estimates is None else estimates
    chosen = [e for e in found if estimates is not None or not is_lift(e)][:MOST_ROWS]
    if not chosen:
        return show_sentence(f"The plan names no {join_words(roles)} metric.")
    several = len({e.treatment for e in chosen}) > 1
    blocks = [Block(ROLES[r], _rows(results, chosen, r, several)) for r in ROLES if any(e.role == r for e in chosen)]
    return _draw_blocks(
        results, blocks, title=title, name=f"{results.study}_{'_'.join(roles) if estimates is None else 'effects'}"
    )


def _rows(results: Results, chosen, role: str, several: bool) -> tuple[Row, ...]:
    rows = []
    order = list(dict.fromkeys(e.metric for e in chosen))
    for e in sorted((e for e in chosen if e.role == role), key=lambda e: order.index(e.metric)):
        scale = read_scale(results, e.metric)
        if role == "sensitivity":
            how = ", ".join(part for part in (name_row(e), name_method(e.method)) if part)
            rows.append(Row(e, scale, f"{capitalise(scale.label)}: {how}", thin=True))
            continue
        parts = [e.treatment] * several + ["share of pairs"] * scale.ordered + [BETTER[scale.better]]
        name, note = capitalise(scale.label), ", ".join(parts)
        short = _name_short(name, e.treatment) if several else ""
        rows.append(Row(e, _scale_margin(results, e, scale), name, note, _below(results, e), short=short))
    return tuple(rows)


def _name_short(label: str, treatment: str) -> str:
    """A row's name on a phone, where no note has room: as much of the label as leaves the treatment whole."""
    arm = shorten(treatment, SHORT_ARM)
    return f"{shorten(label, SHORT - 2 - len(arm))}, {arm}"


def _scale_margin(results: Results, e: Estimate, scale: Scale) -> Scale:
    """A relative margin drawn so that the end which gave the verdict is on the same side of it as the lift's end."""
    lifts = _find_lifts(results, e)
    if scale.role != "guardrail" or scale.margin_relative is None or not lifts:
        return scale
    end = "ci_low" if (scale.better == "higher") == (e.verdict != "inferior") else "ci_high"
    limit = getattr(lifts[0], end)
    control = getattr(e, end) / limit if limit else math.nan
    return replace(scale, margin_absolute=scale.margin_relative * control) if control > 0 else scale


def _find_lifts(results: Results, e: Estimate) -> list[Estimate]:
    same = {"metric": e.metric, "treatment": e.treatment, "population": e.population, "segment": e.segment, "at": e.at}
    return [x for x in results.select(estimand="relative_lift", role=e.role, **same) if not math.isnan(x.estimate)]


def _below(results: Results, e: Estimate) -> str:
    if math.isnan(e.estimate):
        return e.reason or ""
    lifts = _find_lifts(results, e)
    lift = f", lift {write_effect(lifts[0], read_scale(results, e.metric))}" if lifts and not is_ratio(e) else ""
    return f"{e.verdict}{', not as expected' if e.as_expected is False else ''}{lift}"


def _draw_blocks(results: Results, blocks, *, title, name, headers=None, reference=None, subtitle="") -> Display:
    rows = [row for block in blocks for row in block.rows]
    main = [row for row in rows if not row.thin] or rows
    effects = [row.effect for row in rows]
    headers = headers or (_name_side(effects, "control"), _name_side(effects, "treatment"))
    return draw(
        lambda figure: paint_forest(figure, blocks, headers=headers, reference=reference),
        height=measure_forest(blocks),
        narrow_height=measure_forest(blocks, narrow=True),
        title=title or tell_findings([r.effect for r in main], [r.scale for r in main]),
        subtitle=subtitle + _subtitle(rows),
        alternative=describe_effects(effects, results, what="Forest plot of effects with intervals."),
        results=results,
        table=to_frame(effects)[BEHIND].dropna(axis=1, how="all"),
        shown=tell_rows(effects, results),
        name=name,
    )


def _name_side(effects: Sequence[Estimate], side: str) -> str:
    names = {getattr(e, side) for e in effects}
    return names.pop() if len(names) == 1 else side


def _subtitle(rows: Sequence[Row]) -> str:
    e = rows[0].effect
    kinds = sorted({r.effect.interval for r in rows} - {"fixed"})
    parts = [f"{e.confidence_level * 100:g} % intervals{', dashed ones ' + join_words(kinds) if kinds else ''}."]
    banded = {r.scale.role == "guardrail" for r in rows if find_margin(r.effect, r.scale) is not None}
    said = {False: "smaller than the plan calls worthwhile", True: "what the plan tolerates of a guardrail"}
    if banded:
        parts.append(f"Shaded: {join_words([said[b] for b in sorted(banded)])}.")
    return " ".join(parts)


def contrasts(results: Results, estimates: Sequence[Estimate], *, title: str | None = None) -> Display:
    """Return several answers to one question on one scale: naive, adjusted, weighted, as assigned, in compliers.

    Parameters
    ----------
    results : Results
    estimates : sequence of Estimate
        In the order to be drawn, all of one metric.
    title : str, optional
        The finding; computed from the first and the last row when left out.

    Returns
    -------
    Display: one sentence when the effects are withheld or there are none.
    """
    if results.status == "withheld" or not estimates:
        none = "The plan names no exposure, and no group beside the randomised ones."
        return show_sentence(WITHHELD if results.status == "withheld" else none)
    scale = read_scale(results, estimates[0].metric)
    rows = [Row(e, scale, name_row(e.but(adjustment="none")), _sizes(e), _judge(e)) for e in estimates]
    told = [f"{lower_first(name_row(e))} {write_effect(e, scale)}" for e in (estimates[0], estimates[-1])]
    found = f"{capitalise(scale.label)}: {told[0]}; {told[1]} ({estimates[-1].verdict})"
    title = title or (found if len(rows) > 1 else tell_finding(estimates[0], scale))
    taken = any(e.population in ("as_treated", "compliers") for e in estimates)
    headers = ("without", "with") if taken else None
    if any(e.population == "observational" for e in estimates):
        headers = ("others", _name_side(estimates, "treatment"))
    return _draw_blocks(
        results, [Block("", tuple(rows))], title=title, name=f"{scale.metric}_contrasts", headers=headers
    )


def _judge(e: Estimate) -> str:
    return e.reason or ("association, not an effect" if e.estimand == "naive" else e.verdict)


def _sizes(e: Estimate) -> str:
    how = name_row(e).removeprefix(name_row(e.but(adjustment="none"))).strip(", ")
    parts = (how or name_method(e.method), f"n {write_count(e.n_control)} and {write_count(e.n_treatment)}")
    return ", ".join(part for part in parts if part)


def segments(results: Results, *, metric: str, title: str | None = None) -> Display:
    """Return one metric's effect in every segment, beside the effect over all of a single treatment; exploratory.

    Parameters
    ----------
    results : Results
        Effects whose `segment` is written "column=level"; a block a column and treatment.
    metric : str
    title : str, optional
        Computed when left out.

    Returns
    -------
    Display: one sentence when the effects are withheld or the metric has no segment.
    """
    found = [e for e in results.estimates if e.metric == metric and e.segment is not None and not is_lift(e)][
        :MOST_ROWS
    ]
    if results.status == "withheld" or not found:
        return show_sentence(WITHHELD if results.status == "withheld" else NO_SEGMENT)
    scale = read_scale(results, metric)
    several = len({e.treatment for e in found}) > 1
    rows: dict[str, list[Row]] = {}
    for e in found:
        column = capitalise(e.segment.partition("=")[0].replace("_", " "))
        heading = f"{column}: {e.treatment}" if several else column
        rows.setdefault(heading, []).append(_segment_row(e, scale))
    overall = () if several else find_overall(results, found[0])
    clear = sum(e.verdict.startswith("clear") for e in found)
    what = "segments" if not several else "comparisons in segments"
    said = f"{clear or 'none'} of {len(found)} {what} {'shows' if clear < 2 else 'show'} a clear difference"
    return _draw_blocks(
        results,
        [Block(heading, tuple(inside)) for heading, inside in rows.items()],
        title=title or f"{capitalise(scale.label)}: {said}",
        name=f"{metric}_segments",
        reference=overall[0].estimate if overall else None,
        subtitle="Exploratory. Dashed line: the effect over all. " if overall else "Exploratory. ",
    )


def _segment_row(e: Estimate, scale: Scale) -> Row:
    below = (e.reason or "") if math.isnan(e.estimate) else e.verdict
    name = e.segment.partition("=")[2] or e.segment
    return Row(e, scale, name, f"n {write_count(e.n_control)} and {write_count(e.n_treatment)}", below)
