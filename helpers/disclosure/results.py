"""Results in which nothing tells of a few: what the audit hides of each table, and what goes with it elsewhere."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from helpers.disclosure import statements
from helpers.disclosure.audit import close, find_leak, unite
from helpers.disclosure.statements import ASSIGNED, CLUSTERS, evaluate, mark_rows
from helpers.kinds import KINDS
from helpers.metrics import Units, segments
from helpers.plan import ExperimentPlan, FrameworkPlan
from helpers.plan.views import Cells, View, find_view
from helpers.records import Results, to_frame

SHARES = [name for name, kind in KINDS.items() if kind.is_share or kind.outcome == "time"]
FIGURES = ("estimate", "std_error", "ci_low", "ci_high", "p_value", "control_value", "treatment_value")
OPTIONS = ("df", "ci_set", "p_value_adjusted", "as_expected")
SIZES = ("n_control", "n_treatment")
OTHER, BOUNDS = "other", "worst-case bounds"
TAIL = "hidden: fewer than {} units of an arm lie beyond this quantile"
TAIL_PAID = "hidden: fewer than {} units that have any lie below this quantile of an arm"
UNKNOWN = "hidden: fewer than {} outcomes of an arm are unknown, and bounds would tell how many"
REASON = "hidden: fewer than {} {} here, or in a group that this one would reveal"
FEW = "fewer than {}"
LEFT_OUT = ("srm", "duplicates", "two_variants", "attrition")  # checks of which the value tells how many
COUNTED = r"(?:{before})(\d+)(?= of |\.?$| \(planned|,? (?:rows?|events?|ids?|accounts?|{noun}s?)\b)"


def protect(results: Results, design: ExperimentPlan | FrameworkPlan, units: Units | None = None) -> Results:
    """Return results in which small cells are hidden, before any sentence or picture is made of them.

    Parameters
    ----------
    results : Results
        Each table as its study makes it; of a withheld answer those are left that hold no effect.
    design : ExperimentPlan or FrameworkPlan
        Gives `min_cell`, and what the expressions of views ask for.
    units : metrics.Units, optional
        Where an experiment has them: they tell which levels of two segments lie in each other.

    Returns
    -------
    Results: hidden figures are missing, with a `reason` where the table has that column; a table of which nothing is
    left is left out.

    Raises
    ------
    Refused: a table has no view, so nobody has said what guards its cells.
    """
    is_asked, known, least = units and results.estimates, _list_known(design), design.min_cell
    known_of = [count(units) if is_asked else None for count in (segments.count_overlap, segments.count_payers)]
    views = {name: find_view(results.study, name) for name in [*results.tables, "estimates"]}
    shown = [n for n in results.tables if not (results.status == "withheld" and views[n].withheld)]
    cells = {name: views[name].guards for name in [*shown, "estimates"]}
    frames = {name: statements.stop_curves(results.tables[name], cells[name], least) for name in shown}
    frames["estimates"] = _frame_estimates(to_frame(results.estimates), known["quantiles"], known_of[1], least)
    if len(frames.get("uptake", ())):
        frames["uptake"] = _carry_sizes(frames["uptake"], frames["estimates"])
    frames = _mark_leaks(frames, cells, known, least, known_of)
    frames["checks"] = to_frame(results.checks).assign(metric=[c.id.removeprefix("missing_") for c in results.checks])
    is_open = isinstance(design, ExperimentPlan)  # that it has no row is no secret, and its section says so
    reason = REASON.format(least, "units, events or non-events" if is_open else "accounts, kept or lost")
    tables = {name: _hide(name, frames, views[name], known, reason) for name in shown}
    tables = {n: t for n, t in tables.items() if len(t) or (is_open and results.tables[n].empty)}
    gone = np.any([mask for mask, _ in _list_masks("estimates", frames, cells["estimates"], known)], axis=0)
    sizes = level_sizes(frames["estimates"], known_of[1], least)
    texts = (reason, *(text.format(least) for text in (TAIL_PAID, TAIL, UNKNOWN)))
    estimates = _hide_estimates(results.estimates, gone, frames["estimates"], sizes, texts)
    tests = _drop_tests(results.tests, results.estimates, gone, least)
    return _hide_counts(results.but(estimates=estimates, tables=tables, tests=tests), design, units)


def _hide_counts(results, design, units) -> Results:
    """Results that do not count few units of an arm, rows left out or what was noticed, or the days of the first few.

    What others would give away goes too: all units together, the rows that were read, a check's figure.
    """
    data, least, word = results.data, design.min_cell, FEW.format(design.min_cell)
    is_few = {arm: 0 < n < least for arm, n in data.units_by_variant.items()}
    before = "|".join(f"(?<={re.escape(name)} )" for name in (":", "of", "with", "out:", *data.units_by_variant))
    pattern = COUNTED.format(before=before, noun=re.escape(getattr(design, "unit", "account")))

    def tell(text):
        told = re.sub(pattern, lambda found: word if 0 < int(found[1]) < least else found[0], text)
        return text if told == text else re.sub(r" \([\d.,]+ %\)", "", told)

    checks = [replace(check, message=tell(check.message)) for check in results.checks]
    checks = [replace(c, value=math.nan) if c.id in LEFT_OUT and word in c.message else c for c in checks]
    rows = math.nan if any(is_few.values()) or 0 < data.rows - data.units < least else data.rows
    counts = [(name, rows if name == "read" else math.nan if 0 < n < least else n, of) for name, n, of in data.steps]
    known = {arm: math.nan if few else data.units_by_variant[arm] for arm, few in is_few.items()}
    told = {"rows": rows, "units": math.nan if any(is_few.values()) else data.units, "units_by_variant": known}
    told["steps"] = () if any(is_few.values()) else tuple((name, n, tell(of)) for name, n, of in counts)
    told["messages"] = tuple(map(tell, data.messages))
    days = _find_days(results.assigned, units, least) if results.assigned and units else results.assigned
    return results.but(checks=tuple(checks), data=replace(data, **told), assigned=days)


def _find_days(assigned, units, least):
    """The day until which, and the one since which, at least so many were assigned; None where they are fewer."""
    hours = [hour.split(":") for arm in units.seen.get(("", ""), {}).values() for hour in arm["hours"]]
    days = pd.DataFrame(hours, columns=["hour", "n"]).astype(int)
    counts = days["n"].groupby([date(1970, 1, 1) + timedelta(hour // 24) for hour in days["hour"]]).sum()
    counts = counts[[assigned[0] <= day.isoformat() <= assigned[1] for day in counts.index]]
    ends = [one[one.cumsum() >= least].index for one in (counts, counts[::-1])]
    return tuple(end[0].isoformat() for end in ends) if all(map(len, ends)) else None


def _state_all(frames, cells, known, known_of):
    """What all tables say of people, and which rows of one go together."""
    said, together = [], {}
    for name, frame in frames.items():
        if name == "estimates" and not cells[name].counts:
            said += statements.state_estimates(frame, known["shares"], *known_of)
        else:
            said += statements.state(name, frame, cells[name], known)
        together |= statements.group_together(name, frame, cells[name], known)
    return said, together


def _mark_leaks(frames, cells, known, least, known_of) -> dict[str, pd.DataFrame]:
    """Tables with the columns `hidden`, by the audit of all of them, and `small`, whether a count of its own is."""
    said, together = _state_all(frames, cells, known, known_of)
    hidden, found = close(said, least, together), {}
    for name, frame in frames.items():
        hidden |= _close_again(name, frame, cells, known, least, hidden)
    small = {row for one in said if one.count < least and not (one.is_open and one.count < 0.5) for row in one.rows}
    for name, frame in frames.items():
        rows = [(name, i) for i in range(len(frame))]
        marks = {"hidden": [row in hidden for row in rows], "small": [row in small for row in rows]}
        found[name] = frame.assign(**{key: np.array(mark, bool) for key, mark in marks.items()})
    return found


def _close_again(name, frame, cells, known, least, hidden) -> set:
    """Rows of a curve that tell of few once others are hidden: events of a longer step are rounded anew."""
    found, more = set(), cells[name].rule in ("days", "curve")
    while more:
        places = [i for i in range(len(frame)) if (name, i) not in hidden | found]
        shown = frame.iloc[places].reset_index(drop=True)
        said, together = _state_all({name: shown}, cells, known, ())
        more = close(said, least, together)
        found |= {(name, places[i]) for _, i in more}
    return found


def find_leaks(
    study: str, tables: Mapping[str, Sequence[Mapping[str, Any]]], min_cell: int, overlap=None, payers=None
) -> dict[str, int]:
    """Return how many leaks finished tables have, by the tables that they need: the audit of `protect`, once more.

    Parameters
    ----------
    study : str
    tables : mapping, name -> rows of results.json, `estimates` among them; hidden counts are null
    min_cell : int
    overlap : DataFrame or None, as `metrics.segments.count_overlap` gives it
    payers : mapping or None, as `metrics.segments.count_payers` gives it

    Raises
    ------
    Refused: a table has no view, so nobody has said what guards its cells.
    """
    said, found, spaces, rows = [], Counter(), defaultdict(list), tables.get("metrics", ())
    shares = [row["metric"] for row in rows if row.get("kind") in SHARES]
    quantiles = {row.get("metric"): row.get("quantile") for row in rows}
    for name, rows in tables.items():
        cells, frame = find_view(study, name).guards, pd.DataFrame(list(rows))
        known = _list_known(None) | {"shares": shares, "plain": list(frame.get("category", ())), "least": min_cell}
        if name == "estimates" and not cells.counts and len(frame):
            frame = _frame_estimates(frame, quantiles, payers, min_cell)
            sizes = level_sizes(frame, payers, min_cell)[[*SIZES]]
            told = frame["tail"] | (sizes.ne(frame[[*SIZES]]) & sizes.notna()).any(axis=1)
            found.update({name: int(told.sum())} if told.any() else {})
        elif len(frame):
            frame, cells = _keep_known(frame, cells, known)
        said += _state_all({name: frame}, {name: cells}, known, (overlap, payers))[0]
    for one in unite(said):
        spaces[one.space].append(one)
    for visible in spaces.values():
        if told := find_leak(visible, min_cell):
            found[", ".join(sorted({table for table, _ in told.rows}))] += 1
    return dict(found)


def _keep_known(frame, cells, known):
    """A table without the rows that are hidden, and of its counts those that still can be told."""
    counts = [one for one in cells.counts if _has(frame, one, known)]
    if cells.rule == "lines" and len(counts) < len(cells.counts):
        counts = []
    where = cells.where if not cells.where or _has(frame, cells.where, known) else ""
    near = cells.near if cells.near and _has(frame, cells.near, known) else ""
    cells = cells.model_copy(update={"counts": counts, "where": where, "near": near})
    shown = (
        np.isfinite(statements.count_cells(frame, counts, known)).any(axis=1) if counts else np.ones(len(frame), bool)
    )
    return frame[shown].reset_index(drop=True), cells


def _has(frame, expression, known) -> bool:
    try:
        evaluate(frame, expression, known)
    except (NameError, AttributeError, TypeError):  # a column that only studies carry, or that is all null
        return False
    return True


def _list_known(design) -> dict[str, Any]:
    """What expressions may name: an open count, metrics that are shares, the main landmark, levels nobody can have."""
    metrics, categories = getattr(design, "metrics", {}), getattr(design, "categories", {})
    return {
        "open": math.inf,
        "least": getattr(design, "min_cell", math.nan),
        "shares": [name for name, metric in metrics.items() if metric.kind in SHARES],
        "quantiles": {name: getattr(metric, "quantile", None) for name, metric in metrics.items()},
        "main": [*getattr(design, "landmarks", ()), math.nan][0],
        "plain": [name for name, category in categories.items() if not category.basic],
    }


def _hide(name, frames, view: View, known, reason) -> pd.DataFrame:
    """One table without what its cells hide, what goes with hidden rows of others, and what its view does not name."""
    frame, cells, shown = frames[name], view.guards, {*view.columns, *view.ends}
    found, dropped, fill = frame, np.zeros(len(frame), bool), {"reason": reason, **cells.fill}
    for mask, hides in _list_masks(name, frames, cells, known):
        if not (hides or cells.names) or cells.rule in ("days", "curve"):
            dropped |= mask
            continue
        figures = shown.intersection(hides or shown.difference(cells.names, cells.within)).intersection(frame)
        cut = {c: found[c].astype(object).mask(mask, fill[c]) if c in fill else found[c].mask(mask) for c in figures}
        found = found.assign(**cut)
    if name != "metrics" and "metric" in frame and all(link.table != "estimates" for link in cells.links):
        dropped |= _follow_effects(frame, frames["estimates"])
    named = {c: found[c].astype(object).mask(frame["small"], OTHER) for c in cells.levels if c in found}
    found = found.assign(**named).loc[~dropped, [c for c in frame if c in shown]]
    return found.round(cells.digits).reset_index(drop=True)


def _follow_effects(frame, estimates) -> np.ndarray:
    """Rows of a metric and comparison of which the effect is hidden as a whole: they are made of it or add up to it."""
    if "tail" not in estimates:
        return np.zeros(len(frame), bool)
    whole = estimates["segment"].isna() & estimates["at"].isna() & estimates["population"].isin(ASSIGNED)
    is_gone = estimates["hidden"] | estimates["tail"]
    names = set(estimates.loc[whole & is_gone, "metric"])
    known = set(estimates.loc[whole & ~is_gone, ["metric", "comparison"]].itertuples(index=False, name=None))
    said = frame["comparison"] if "comparison" in frame else pd.Series(None, frame.index, dtype=object)
    rows = zip(frame["metric"], said, strict=True)
    return np.array([row[0] in names and row not in known for row in rows], bool)


def _list_masks(name, frames, cells: Cells, known) -> Iterator[tuple[np.ndarray, list[str]]]:
    """Rows that go, and which of their columns: by their own counts, then with those of other tables."""
    yield frames[name]["hidden"].to_numpy(bool), cells.hides
    for link in cells.links:
        other = frames.get(link.table)
        if other is None or other.empty or frames[name].empty:
            continue
        there = other[mark_rows(other, link.there, known)]
        keys = set(zip(*(evaluate(there, key, known) for key in link.by.values()), strict=True))
        here = zip(*(evaluate(frames[name], key, known) for key in link.by), strict=True)
        goes = np.array([key in keys for key in here]) if link.by else np.full(len(frames[name]), len(there) > 0)
        yield goes & mark_rows(frames[name], link.where, known), link.hides


def _carry_sizes(uptake, estimates) -> pd.DataFrame:
    """The table with how many units of each arm its shares are of."""
    sizes = estimates.loc[estimates["population"] == "compliers", ["metric", "pair", *SIZES]]
    sizes.columns = ["metric", "comparison", "size_control", "size_treatment"]
    return uptake.merge(sizes.drop_duplicates(["metric", "comparison"]), "left", ["metric", "comparison"])


def _frame_estimates(frame, quantiles, payers, least) -> pd.DataFrame:
    """Estimates as statements and views ask for them, those of results.json with numbers in place of null.

    `pair` is treatment - control; `tail` whether few units of an arm lie beyond its quantile, or few who pay
    (`few_paid`) below it.
    """
    if frame.empty:
        return frame
    figures = ["n_control", "n_treatment", "control_value", "treatment_value", "estimate", *CLUSTERS]
    frame = frame.assign(**{name: pd.to_numeric(frame[name]) for name in figures if name in frame})
    frame = frame.assign(pair=frame["treatment"] + " - " + frame["control"])
    shares = np.array([quantiles.get(name) or math.nan for name in frame["metric"]], float)
    places = frame["segment"].fillna(frame["at"]).astype(object).replace(np.nan, None)
    tail = few_paid = np.zeros(len(frame), bool)
    for side in ("control", "treatment"):  # units lie in the order of what they pay, those that pay nothing first
        n, known = frame[f"n_{side}"].to_numpy(float), frame[f"{side}_value"].notna()
        keys = zip(frame["metric"], frame[side], places, strict=True)
        below = shares * n - (n - np.array([(payers or {}).get(key, math.nan) for key in keys], float))
        few_paid = few_paid | (known & (below > 0) & (below.round(9) < least))
        tail = tail | (known & ((n * np.minimum(shares, 1 - shares)).round(9) < least))
    return frame.assign(tail=tail | few_paid, few_paid=few_paid, place=places)


def level_sizes(frame: pd.DataFrame, units: Mapping[tuple, int] | None, least: int) -> pd.DataFrame:
    """Return estimates of which those that lack fewer than `least` units of an arm, or of its part, have as many as it.

    Parameters
    ----------
    frame : DataFrame, one row an estimate, with its `place`
    units : mapping or None, as `metrics.segments.count_payers` gives it
    least : int
    """
    sizes, level = defaultdict(set), {}
    for (metric, *key), n in (units or {}).items():
        sizes[tuple(key)] |= set() if metric else {n}
    keys = {f"n_{side}": [side, "place", f"n_{side}"] for side in ("control", "treatment") if len(frame)}
    for columns in keys.values():
        for *key, n in frame.loc[frame["population"].isin(ASSIGNED), columns].itertuples(False, None):
            sizes[tuple(key)].add(n)
    for key, found in sizes.items():
        top = math.inf
        for n in sorted((n for n in found if n > 0), reverse=True):
            top = top if top - n < least else n
            level[(*key, n)] = top
    told = {n: [level.get(key, key[-1]) for key in frame[of].itertuples(False, None)] for n, of in keys.items()}
    return frame.assign(**told)


def _hide_estimates(estimates, gone, frame, sizes, texts):
    """A tail hides figures alone: its counts are those of whole variants, and stay."""
    found, tails = [], [frame.get(name, ()) for name in ("few_paid", "tail")]
    for e, is_gone, *is_tail, n in zip(estimates, gone, *tails, sizes.get(list(SIZES), frame).to_numpy(), strict=True):
        n = dict(zip(SIZES, n.tolist(), strict=True))
        is_bound = e.method == BOUNDS and n != {name: getattr(e, name) for name in SIZES}
        why = next((text for text, is_so in zip(texts, (is_gone, *is_tail, is_bound), strict=True) if is_so), None)
        if why:
            told = {"verdict": "not estimable", "reason": why}
            e = e.but(**dict.fromkeys(FIGURES, math.nan), **dict.fromkeys(OPTIONS), **told)
        found.append(e.but(**dict.fromkeys(SIZES, math.nan), **dict.fromkeys(CLUSTERS)) if is_gone else e.but(**n))
    return tuple(found)


def _drop_tests(tests, estimates, gone, least):
    """Tests without those of a hidden effect, or that compare a hidden part with others: digits would tell of it."""
    whole, parts = set(), set()
    for e, is_gone in zip(estimates, gone, strict=True):
        if is_gone and not e.segment and not (e.at or "").startswith("week"):
            whole.add((e.metric, e.comparison))
        elif is_gone and min(e.n_control, e.n_treatment) >= least:
            name = f"interaction with {e.segment.partition('=')[0]}" if e.segment else "trend over weeks"
            parts.add((e.metric, e.comparison, name))
    best = "activated - not activated"  # whom the best line compares
    pairs = [(test.metric, best if test.id.startswith("best_cut:") else test.id.split(":")[1]) for test in tests]
    named = zip(tests, pairs, strict=True)
    return tuple(test for test, pair in named if pair not in whole and (*pair, test.name) not in parts)
