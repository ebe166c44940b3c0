"""Tables as statements: what each row's counts say of which people, by the geometry that its view declares."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from helpers.disclosure.audit import Row, Said
from helpers.plan.views import Cells
from helpers.records import Refused

WHOLE = (-math.inf, math.inf)
PARTS, ASSIGNED = ("segment", "at"), ("itt", "responders")
CLUSTERS = ("clusters_control", "clusters_treatment")
LEAST_CLUSTERS = 3  # companies, schools: a part of fewer tells of one of them, however many units it has
MOST_CELLS = 1000  # combinations of all segments, in all arms; of more, those of each two are looked at


def evaluate(frame: pd.DataFrame, expression: str, known: Mapping[str, Any]) -> Any:
    """Return an expression of a view over a table's columns; `@name` in it is one of `known`.

    Of what is shared columns are gone that only studies carry, and others are all null: then it is not known.
    """
    if expression in frame:  # most often it is a column, which needs no parser
        return frame[expression]
    try:
        return frame.eval(expression, engine="python", local_dict=dict(known))
    except (NameError, AttributeError, TypeError):
        if "is_shared" not in known:
            raise
        return math.nan


def mark_rows(frame: pd.DataFrame, expression: str, known: Mapping[str, Any]) -> np.ndarray:
    """Return the rows in which a condition holds, shape (n,); all where there is none, or none is known."""
    held = evaluate(frame, expression, known) if expression else True
    return np.array(pd.Series(True if held is math.nan else held, frame.index).fillna(False), bool)


def count_cells(frame: pd.DataFrame, expressions: Sequence[str], known: Mapping[str, Any]) -> np.ndarray:
    """Return the counts of each cell, whole numbers, shape (n, k); nan where a count is not known."""
    counts = [pd.to_numeric(pd.Series(evaluate(frame, one, known), frame.index)).to_numpy(float) for one in expressions]
    return np.round(np.column_stack(counts)) if counts else np.empty((len(frame), 0))


def group_rows(frame: pd.DataFrame, by: Sequence[str], known: Mapping[str, Any]) -> dict[tuple, np.ndarray]:
    """Return the places of the rows that are equal in some columns or expressions; all together without any."""
    if not by:
        return {(): np.arange(len(frame))}
    keys = pd.DataFrame({name: evaluate(frame, name, known) for name in by}, index=frame.index)
    found = keys.groupby(list(by), dropna=False, sort=False).indices
    return {key if isinstance(key, tuple) else (key,): rows for key, rows in found.items()}


def stop_curves(frame: pd.DataFrame, cells: Cells, least: int) -> pd.DataFrame:
    """Return curves up to the place before one of a picture has fewer than `least` at risk."""
    stop = cells.stop
    if stop is None or frame.empty:
        return frame.reset_index(drop=True)
    ends = frame[stop.at].where(~(frame[stop.count] >= least))
    ends = ends.groupby([frame[name] for name in stop.within]).transform("min") if stop.within else ends.min()
    return frame[~(frame[stop.at] >= ends)].reset_index(drop=True)


def state(name: str, frame: pd.DataFrame, cells: Cells, known: Mapping[str, Any]) -> list[Said]:
    """Return what a table says of people.

    Parameters
    ----------
    name : str
    frame : DataFrame
    cells : Cells, of its view
    known : mapping, what expressions may name

    Raises
    ------
    Refused: a count that its view names is not in the table.
    """
    if frame.empty or not (cells.counts or cells.near):
        return []
    try:
        counts, is_here = count_cells(frame, cells.counts, known), mark_rows(frame, cells.where, known)
        if "is_shared" in known and cells.counts:  # a hidden row is not nobody
            is_here &= np.isfinite(counts).any(axis=1)
        places, part, counts = frame.index[is_here], frame[is_here].reset_index(drop=True), counts[is_here]
        groups = group_rows(part, cells.within if cells.rule == "cells" else cells.lines, known)
        found = [s for key, rows in groups.items() for s in STATED[cells.rule](name, part, rows, counts, key, cells)]
        if cells.near:
            found += _state_near(name, part, cells, known)
    except (NameError, KeyError) as error:
        raise Refused(f"the table {name} lacks what guards its cells: {error}") from None
    return [replace(one, rows=frozenset((name, places[row]) for row in one.rows)) for one in found]


def group_together(name: str, frame: pd.DataFrame, cells: Cells, known: Mapping[str, Any]) -> dict[Row, list[Row]]:
    """Return which rows of a table go with each: those of one contrast of arms, days of a picture, or its view's."""
    by, leads = [*cells.within, cells.stop.at] if cells.rule in ("days", "curve") else cells.together, frame.index
    if name == "estimates" and len(frame) and not cells.counts:  # what compliers show may go alone
        by, frame = ["metric", "pair"], frame[_is_whole_arm(frame)]
        leads = frame.index[frame["population"] != "compliers"]
    groups = group_rows(frame, by, known).values() if by and len(frame) else ()
    groups = [[(name, row) for row in frame.index[rows]] for rows in groups]
    return {row: group for group in groups for row in group if row[1] in leads}


def _tell(space, part, count, row, **more):
    return Said(space, part, float(count), frozenset([int(row)]), more.pop("order", (0, int(row))), **more)


def _list_ends(frame, rows, cells):
    """Where each row's cell begins and ends on the axis of its space: the next row's begin; else each by itself."""
    begins = frame[cells.at].to_numpy(float)[rows] if cells.at else rows.astype(float)
    ordered = [*sorted(set(begins)), math.inf]
    ends = dict(pairwise(ordered))
    return [(-math.inf if low == ordered[0] else low, ends[low]) for low in begins]


def _state_cells(name, frame, rows, counts, key, cells) -> Iterator[Said]:
    """Cells of one total, which is known; what is not known counts as nobody, what is open says nothing."""
    ends = _list_ends(frame, rows, cells)
    for layer, column in enumerate(counts[rows].T):
        if np.isnan(column).all():
            continue
        column = np.nan_to_num(column, nan=0.0, posinf=np.inf)
        shown = np.isfinite(column)
        total = column[shown].sum()
        space = (cells.space or name, key, layer, float(total))
        yield Said(space, WHOLE, float(total)) if shown.all() else Said(space, frozenset(rows[shown]), float(total))
        for row, part, count in zip(rows[shown], np.array(ends, object)[shown], column[shown], strict=True):
            yield _tell(space, tuple(part) if shown.all() else frozenset([row]), count, row)


def _state_rows(name, frame, rows, counts, key, cells) -> Iterator[Said]:
    for layer, column in enumerate(counts[rows].T):
        for row, count in zip(rows, column, strict=True):
            if np.isfinite(count):
                yield _tell((name, int(row), layer), WHOLE, count, row)


def _state_lines(name, frame, rows, counts, key, cells) -> Iterator[Said]:
    """Half of the counts are at or above a line, the others the same counts below it."""
    above, below = np.split(counts[rows], 2, axis=1)
    at = frame[cells.at].to_numpy(float)[rows] if cells.at else -above[:, 0]
    for layer in range(above.shape[1]):
        for row, low, more, less in zip(rows, at, above[:, layer], below[:, layer], strict=True):
            if np.isfinite(more + less):
                space = (cells.space or name, key, layer, float(more + less))
                yield Said(space, WHOLE, float(more + less), is_open=True)
                yield _tell(space, (low, math.inf), more, row, is_open=True, order=(0, -more))


def _state_days(name, frame, rows, counts, key, cells) -> Iterator[Said]:
    """How many a line of a picture has lost by each day, and how many it still has then."""
    line = frame.iloc[rows].sort_values(cells.stop.at)
    left = line[cells.stop.count].to_numpy(float)
    lost = _count_events(counts[line.index, 0], left, line, cells)
    for day, row in enumerate(line.index):
        is_end = day == len(line) - 1  # it goes last, as a headline may tell as much
        told = {"is_open": True, "order": (0, -1 if is_end else day)}
        if np.isfinite(lost[day]):
            yield _tell((name, key, "lost"), frozenset(range(day + 1)), lost[day], row, **told)
        if np.isfinite(left[day]):
            yield _tell((name, key, "left"), frozenset(range(day, len(line))), left[day], row, **told)


def _count_events(counts, left, line, cells):
    """Events by each day; where a share is told, at least as many as its steps and those at risk say."""
    if cells.rule == "days":
        return counts
    share = line[cells.counts[0]].to_numpy(float)
    before, stay = np.r_[share[0], share[:-1]], np.r_[left[0], left[:-1]]
    kept = before if share[-1] < share[0] else 1 - before
    kept = np.where(left == stay, 1.0, np.maximum(kept, 1e-9))  # nobody leaves: they are what the share is of
    return np.cumsum(np.round(np.nan_to_num(np.abs(share - before) * left / kept)))


def _state_near(name, frame, cells, known) -> Iterator[Said]:
    """Groups of which each holds the next smaller one; those that come first stay."""
    counts = count_cells(frame, [cells.near], known)[:, 0]
    late = ~mark_rows(frame, cells.first, known) if cells.first else np.zeros(len(frame), bool)
    by = [] if cells.rule == "cells" else cells.within  # of cells that is what their totals are of
    for key, rows in group_rows(frame, by, known).items():
        sizes = sorted(set(counts[rows][np.isfinite(counts[rows])]))
        for row in rows:
            if np.isfinite(counts[row]) and counts[row] > 0:
                part = frozenset(range(sizes.index(counts[row]) + 1))
                order = (int(late[row]), int(row))
                yield _tell((name, key, "near"), part, counts[row], row, is_open=True, order=order)


STATED = {"cells": _state_cells, "rows": _state_rows, "lines": _state_lines, "days": _state_days, "curve": _state_days}


def state_estimates(
    frame: pd.DataFrame,
    shares: Sequence[str],
    overlap: pd.DataFrame | None = None,
    payers: Mapping[tuple, int] | None = None,
    sooner: Mapping[str, Sequence[str]] | None = None,
) -> list[Said]:
    """Return what the estimates of an experiment say: units of each arm, those with the event and those without.

    A level of a segment holds the cells that it has in common with those of other segments and weeks, so that a level
    inside another one is known as such. Whole arms are known by their headline; weeks and levels are their parts.

    Parameters
    ----------
    frame : DataFrame
        One row an estimate.
    shares : sequence of str
        Metrics of which a share is told, so that events are counted.
    overlap : DataFrame or None
        What `metrics.moments.list_overlap` gives. Without it, levels of different segments, and weeks, have nothing to
        do with each other.
    payers : mapping or None
        Metric that adds up, arm, `segment` or `at` (None of the whole arm) -> how many have any there; 1 where one
        holds most. With "guard" in place of a part: how many guard the whole arm, where any must.
    sooner : mapping or None
        Metric -> those of the same event in a part of its time, whose counts lie within its own.
    """
    if frame.empty:
        return []
    payers = payers or {}
    by_arms = frame[~frame["population"].isin(["as_treated", "compliers"])]
    is_part = by_arms[[*PARTS]].notna().any(axis=1)
    totals, told, find_parts = {}, {}, cache(partial(_find_parts, overlap))
    for row in by_arms[~is_part & (by_arms["adjustment"] == "none")].itertuples():
        for arm, n, value in _list_sides(row):
            totals.setdefault((row.metric, row.population, arm), (n, value))
    plain = {_find_place(row): row for row in by_arms[is_part & (by_arms["adjustment"] == "none")].itertuples()}
    for row in by_arms[is_part].itertuples():
        for side, (arm, n, value) in enumerate(_list_sides(row)):
            whole, share = totals.get((row.metric, row.population, arm), (math.nan, math.nan))
            parts, alone = (of(row.segment, row.at, arm) for of in (find_parts, partial(_find_parts, None)))
            kinds = [(n, whole, None, parts)]
            if row.metric in shares and row.adjustment == "none" and _is_whole(n * value):
                more = [(n * value, whole * share, "with"), (n - n * value, whole - whole * share, "without")]
                kinds += [(count, total, (kind, row.metric), parts) for count, total, kind in more]
                within = [plain.get((name, *_find_place(row)[1:])) for name in (sooner or {}).get(row.metric, ())]
                for other in filter(None, within):  # those with an event in the rest of the time alone
                    _, n_other, part = _list_sides(other)[side]
                    all_other, share_other = totals.get((other.metric, row.population, arm), (math.nan, math.nan))
                    if n_other == n and all_other == whole:
                        between = ("between", other.metric, row.metric), parts
                        kinds.append((n * (value - part), whole * (share - share_other), *between))
            paid = [payers.get((row.metric, arm, place)) for place in (row.place, None)]
            if paid[0] is not None and n > 0:  # whose one payer holds most is left by all others: they sum up with a 1
                kinds += [(*paid, ("paid", row.metric), parts), (paid[0], math.nan, ("paid", row.metric), alone)]
            if getattr(row, CLUSTERS[side], math.nan) > 0:
                kinds.append((n if getattr(row, CLUSTERS[side]) >= LEAST_CLUSTERS else 1, math.nan, "clusters", alone))
            for count, total, kind, spaces in kinds:
                for space, part in spaces:
                    key = (*space, row.population, kind, round(total) if math.isfinite(total) else None)
                    told.setdefault(key, []).append((part, float(np.round(count)), row.Index, row.segment))
    found = [one for space, cells in told.items() for one in _state_parts(space, cells)]
    for row in frame[_is_whole_arm(frame)].itertuples():
        for side, (arm, n, _) in enumerate(_list_sides(row)):  # whose events tell of nobody, as it was drawn by lot
            counts = [n, *([payers.get((row.metric, arm, "guard"), math.nan)] if n > 0 else [])]
            found += [_say(f"arm {k}", row, side, np.round(x), is_open=True) for k, x in enumerate(counts)]
    return found + _state_takers(frame, shares, payers)


def _find_place(row):
    return row.metric, row.population, row.pair, row.place


def _is_whole(count) -> bool:
    """Whether a share of some units counts units; shares by clusters and weighted ones do not."""
    return math.isfinite(count) and abs(count - round(count)) < 1e-3


def _is_whole_arm(frame):
    return frame[[*PARTS]].isna().all(axis=1) & (frame["population"] != "as_treated")


def _say(about, row, side, count, **more):
    return Said((about, row.Index, side), WHOLE, float(count), frozenset([("estimates", row.Index)]), **more)


def _state_takers(frame, shares, payers) -> list[Said]:
    """What contrasts of takers say: takers and others, and those of the other arm, which ITT over CACE gives."""
    found = []
    plain = frame[frame["segment"].isna() & frame["at"].isna() & (frame["role"] != "sensitivity")]
    naive = plain[(plain["population"] == "as_treated") & (plain["n_control"] * plain["n_treatment"] > 0)]
    among = {(row.metric, row.pair): row for row in naive.itertuples()}
    is_fair = (plain["estimand"] == "difference") & plain["population"].isin(ASSIGNED)
    fair = {(row.metric, row.pair): row for row in plain[is_fair].itertuples()}
    for row in frame[frame["population"] == "as_treated"].itertuples():
        counts = among.get((row.metric, row.pair))
        for side, (_, n, value) in enumerate(_list_sides(counts) if counts else ()):
            events = [n * value, n - n * value] if row.metric in shares and _is_whole(n * value) else []
            found += [_say(f"takers {kind}", row, side, np.round(x)) for kind, x in enumerate([n, *events])]
        for arm in (row.control, row.treatment) if counts else ():  # who pays, in the arm that they are of
            sizes = [payers.get((row.metric, arm, f"n {part}")) for part in ("others", "takers")]
            if sizes == [counts.n_control, counts.n_treatment]:
                paid = [payers[row.metric, arm, part] for part in ("others", "takers")]
                found += [_say("takers paid", row, side, n) for side, n in enumerate(paid)]
    for row in frame[frame["population"] == "compliers"].itertuples():
        counts, whole = (held.get((row.metric, row.pair)) for held in (among, fair))
        if counts is None or whole is None or not row.estimate:
            continue
        taken, others = counts.n_treatment, counts.n_control
        found += [_say("takers", row, side, n) for side, n in enumerate((others, taken))]
        offered = taken + others
        size = row.n_control if abs(row.n_treatment - offered) <= abs(row.n_control - offered) else row.n_treatment
        elsewhere = np.round(size * (taken / offered - abs(whole.estimate / row.estimate)))
        found += [_say("elsewhere", row, side, n) for side, n in enumerate((elsewhere, size - elsewhere)) if n > 0]
    return found


def _state_parts(space, cells) -> Iterator[Said]:
    """The parts of one arm, and all of it where it is known; who stands in no part is a cell of its own."""
    total, union, sums = space[-1], frozenset().union(*(part for part, *_ in cells)), {}
    for part, count, _, segment in cells:
        sums.setdefault(str(segment).partition("=")[0], {})[part] = count
    most = max(sum(found.values()) for found in sums.values())
    total = most if total is None else float(total)  # nobody says how many there are: as many as the parts hold
    if math.isfinite(total):
        yield Said(space, union | {"nowhere"} if most < total else union, total)
    for part, count, row, _ in cells:
        if math.isfinite(count):
            yield Said(space, part, count, frozenset([("estimates", row)]), (0, row))


def _list_sides(row):
    return (row.control, row.n_control, row.control_value), (row.treatment, row.n_treatment, row.treatment_value)


def _find_parts(overlap, segment, at, arm):
    """The spaces of a part, and the cells of each that it is: combinations of all levels and weeks, or of two."""
    column, _, level = ("week", "", at) if segment is None or pd.isna(segment) else f"s_{segment}".partition("=")
    names = [name for name in overlap if name != "variant"] if overlap is not None else []
    if column not in names:
        return [((column, arm), frozenset([level]))]
    here = overlap.loc[(overlap["variant"] == arm) & (overlap[column] == level), names]
    pairs = [[name for name in names if name in (column, other)] for other in names if other != column]
    all_of = (names, [name for name in names if name != "week"])
    few = [of for of in all_of if column in of and len(overlap[["variant", *of]].drop_duplicates()) <= MOST_CELLS]
    spaces = few[:1] if names in few else [*few, *pairs]
    return [(("parts", *of, arm), frozenset(here[of].itertuples(index=False, name=None))) for of in spaces]
