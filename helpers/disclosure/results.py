"""Results in which nothing tells of a few: what the audit hides of each table, and what goes with it elsewhere."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from helpers.disclosure import statements
from helpers.disclosure.audit import close, find_leak, unite
from helpers.disclosure.statements import CLUSTERS, evaluate, mark_rows
from helpers.kinds import KINDS
from helpers.metrics import Units, segments
from helpers.plan import ExperimentPlan, FrameworkPlan
from helpers.plan.views import Cells, find_view
from helpers.records import Results, to_frame

SHARES = [name for name, kind in KINDS.items() if kind.is_share]
SIDES = ("n_with", "kept_with", "n_without", "kept_without")
CARRIED = (
    *SIDES,
    "size_control",
    "size_treatment",
    "hidden",
    "small",
    "is_one",
    "foreign",
)  # by studies, for the audit
FIGURES = ("estimate", "std_error", "ci_low", "ci_high", "p_value", "control_value", "treatment_value")
OPTIONS = ("df", "ci_set", "p_value_adjusted", "as_expected")
SIZES = ("n_control", "n_treatment")
OTHER = "other"
TAIL = "hidden: fewer than {} units of an arm lie beyond this quantile"
TAIL_PAID = "hidden: fewer than {} units that pay lie below this quantile of an arm"
REASON = "hidden: fewer than {} {} here, or in a group that this one would reveal"


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
    counts = (segments.count_overlap, segments.count_payers) if units and results.estimates else ()
    known_of = [count(units) for count in counts]
    views = {name: find_view(results.study, name) for name in [*results.tables, "estimates"]}
    shown = [n for n in results.tables if not (results.status == "withheld" and views[n].withheld)]
    cells = {name: views[name].guards for name in [*shown, "estimates"]}
    known, least = _list_known(design), design.min_cell
    frames = {name: statements.stop_curves(results.tables[name], cells[name], least) for name in shown}
    quantiles = {name: getattr(metric, "quantile", None) for name, metric in getattr(design, "metrics", {}).items()}
    payers = known_of[1] if known_of else None
    frames["estimates"] = _frame_estimates(to_frame(results.estimates), quantiles, payers, least)
    if len(frames.get("uptake", ())):
        frames["uptake"] = _carry_sizes(frames["uptake"], frames["estimates"])
    frames = _mark_leaks(frames, cells, known, least, known_of)
    frames["checks"] = to_frame(results.checks).assign(metric=[c.id.removeprefix("missing_") for c in results.checks])
    is_open = isinstance(design, ExperimentPlan)  # that it has no row is no secret, and its section says so
    reason = REASON.format(least, "units, events or non-events" if is_open else "accounts, kept or lost")
    tables = {name: _hide(name, frames, cells[name], known, reason) for name in shown}
    tables = {n: t for n, t in tables.items() if len(t) or (is_open and results.tables[n].empty)}
    gone = np.any([mask for mask, _ in _list_masks("estimates", frames, cells["estimates"], known)], axis=0)
    estimates = _hide_estimates(results.estimates, gone, frames["estimates"], reason, least)
    tests = _drop_splits(results, gone, least) if is_open else _keep_tests(results.tests, estimates, reason)
    return _hide_arms(results.but(estimates=estimates, tables=tables, tests=tests), least)


def _hide_arms(results, least) -> Results:
    """Results without how many units are in an arm of few, or all together, of which the others would tell it."""
    sizes = results.data.units_by_variant
    few = {arm: n for arm, n in sizes.items() if 0 < n < least}
    if not few:
        return results
    checks = [replace(check, value=math.nan) if check.id == "srm" else check for check in results.checks]
    for arm, n in few.items():
        told = f"{arm} {n:,} (", f"{arm} under {least} ("
        checks = [replace(check, message=check.message.replace(*told)) for check in checks]
    known = {arm: math.nan if arm in few else n for arm, n in sizes.items()}
    data = replace(results.data, rows=math.nan, units=math.nan, units_by_variant=known, steps=())
    return results.but(checks=tuple(checks), data=data)


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
    shares = [row["metric"] for row in tables.get("metrics", ()) if row.get("kind") in SHARES]
    quantiles = {row.get("metric"): row.get("quantile") for row in tables.get("metrics", ())}
    said, found, spaces = [], Counter(), defaultdict(list)
    for name, rows in tables.items():
        cells, frame = find_view(study, name).guards, pd.DataFrame(list(rows))
        known = _list_known(None) | {"shares": shares, "plain": list(frame.get("category", ())), "least": min_cell}
        if name == "estimates" and not cells.counts and len(frame):
            frame = _frame_estimates(frame, quantiles, payers, min_cell)
            found.update({name: int(frame["tail"].sum())} if frame["tail"].any() else {})
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
        "shares": [name for name, metric in metrics.items() if metric.how.is_share],
        "main": [*getattr(design, "landmarks", ()), math.nan][0],
        "plain": [name for name, category in categories.items() if not category.basic],
    }


def _hide(name, frames, cells: Cells, known, reason) -> pd.DataFrame:
    """One table without what its own cells hide, and what goes with hidden rows of others."""
    frame, fill = frames[name], {"reason": reason, **cells.fill}
    found, dropped = frame, np.zeros(len(frame), bool)
    for mask, hides in _list_masks(name, frames, cells, known):
        if not (hides or cells.names) or cells.rule in ("days", "curve"):
            dropped |= mask
            continue
        figures = hides or [column for column in frame if column not in {*cells.names, *cells.within, *CARRIED}]
        figures = [column for column in figures if column in frame]
        cut = {c: found[c].astype(object).mask(mask, fill[c]) if c in fill else found[c].mask(mask) for c in figures}
        found = found.assign(**cut)
    if name != "metrics" and "metric" in frame and all(link.table != "estimates" for link in cells.links):
        dropped |= _follow_effects(frame, frames["estimates"])
    named = {c: found[c].astype(object).mask(frame["small"], OTHER) for c in cells.levels if c in found}
    return (
        found.assign(**named)[~dropped]
        .round(cells.digits)
        .drop(columns=[*CARRIED], errors="ignore")
        .reset_index(drop=True)
    )


def _follow_effects(frame, estimates) -> np.ndarray:
    """Rows of a metric and comparison of which the effect is hidden as a whole: they are made of it or add up to it."""
    if "tail" not in estimates:
        return np.zeros(len(frame), bool)
    whole = estimates["segment"].isna() & estimates["at"].isna() & estimates["population"].isin(["itt", "responders"])
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
    places = frame["segment"].fillna(frame["at"]).replace(np.nan, None)
    tail = few_paid = np.zeros(len(frame), bool)
    for side in ("control", "treatment"):  # units lie in the order of what they pay, those that pay nothing first
        n, known = frame[f"n_{side}"].to_numpy(float), frame[f"{side}_value"].notna()
        keys = zip(frame["metric"], frame[side], places, strict=True)
        below = shares * n - (n - np.array([(payers or {}).get(key, math.nan) for key in keys], float))
        few_paid = few_paid | (known & (below > 0) & (below.round(9) < least))
        tail = tail | (known & ((n * np.minimum(shares, 1 - shares)).round(9) < least))
    return frame.assign(tail=tail | few_paid, few_paid=few_paid)


def _hide_estimates(estimates, gone, frame, reason, least):
    """A tail hides figures alone: its counts are those of whole variants, and stay."""
    found = []
    for e, is_gone, is_tail, is_paid in zip(
        estimates, gone, frame.get("tail", ()), frame.get("few_paid", ()), strict=True
    ):
        if is_gone or is_tail:
            why = reason if is_gone else (TAIL_PAID if is_paid else TAIL).format(least)
            told = {"verdict": "not estimable", "reason": why}
            e = e.but(**dict.fromkeys(FIGURES, math.nan), **dict.fromkeys(OPTIONS), **told)
        found.append(e.but(**dict.fromkeys(SIZES, math.nan), **dict.fromkeys(CLUSTERS)) if is_gone else e)
    return tuple(found)


def _drop_splits(results, gone, least):
    """Tests without those that compare a hidden part with others: their digits would tell how many it has."""
    hidden = set()
    for e, is_gone in zip(results.estimates, gone, strict=True):
        if is_gone and (e.segment or e.at) and min(e.n_control, e.n_treatment) >= least:
            name = f"interaction with {e.segment.partition('=')[0]}" if e.segment else "trend over weeks"
            hidden.add(f"{e.metric}:{e.comparison}:{name}")
    return tuple(test for test in results.tests if test.id not in hidden)


def _keep_tests(tests, estimates, reason):
    """Tests without those that compare the accounts of a hidden estimate; the best line compares activated ones."""
    pairs = {e.comparison for e in estimates if e.at is None and e.reason == reason}
    named = {t.id: "activated - not activated" if t.id.startswith("best_cut:") else t.id.split(":")[1] for t in tests}
    return tuple(test for test in tests if named[test.id] not in pairs)
