"""What would tell about a few people is hidden, with what would give it away: one audit over all that a run publishes.

Views declare what the counts of a table are counts of; a count under `min_cell` is hidden, 0 included, because "none of
these 34" tells as much about each of them as "3 of these 34". A table without a view is refused.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from helpers import schema
from helpers.disclosure import statements
from helpers.disclosure.audit import close, find_leak, is_small, unite
from helpers.disclosure.digits import coarsen, coarsen_frame, count_digits, cut, is_amount
from helpers.disclosure.statements import ASSIGNED, CLUSTERS, evaluate, mark_rows
from helpers.kinds import KINDS
from helpers.metrics import Units, moments, payments, tell_days
from helpers.plan import ExperimentPlan, FrameworkPlan
from helpers.plan.views import Cells, Link, View, find_view
from helpers.records import Results, to_frame

SHARES = [name for name, kind in KINDS.items() if kind.is_share or kind.outcome == "time"]
FIGURES = ("estimate", "std_error", "ci_low", "ci_high", "p_value", "control_value", "treatment_value")
OPTIONS = ("df", "ci_set", "p_value_adjusted", "as_expected")
SIZES = ("n_control", "n_treatment")
OTHER, BOUNDS, BEST = "other", "worst-case bounds", "activated - not activated"  # whom the best line compares
REASONS = (
    "hidden: fewer than {} units that have any lie below this quantile of an arm",
    "hidden: fewer than {} units of an arm lie beyond this quantile",
    "hidden: fewer than {} outcomes of an arm are unknown, and bounds would tell how many",
)
EFFECT = Link(table="estimates", there=f"(tail | hidden) & place.isna() & population in {ASSIGNED}")
OF_EFFECT = ("metric", "comparison", "treatment")  # a table goes with the effect that it is made of, by what it has
REASON = "hidden: fewer than {} {} here, or in a group that this one would reveal"
SCALED = r"\b(?:below|above) [\d.]+ %"  # a share of few events, which are not counted, as units have several
LEFT_OUT = ("srm", "duplicates", "two_variants", "attrition", "missing_")  # checks of which the value tells how many
COUNTED = (
    r"(?:{before})(\d+)(?: of \d+(?:,\d+)*|(?= of |\.?$| \(planned)|(,? )(rows?|events?|ids?|accounts?|{nouns})\b)"
)
BESIDE = r" \([\d.,]+ %\)|; p [<=>] \.\d+"  # a share, or a test, that is another one for each count


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
    known_of = (moments.list_overlap(units), payments.count_payers(units)) if is_asked else (None, {})
    views = {name: find_view(results.study, name) for name in [*results.tables, "estimates"]}
    shown = [n for n in results.tables if not (results.status == "withheld" and views[n].withheld)]
    cells = {name: views[name].guards for name in [*shown, "estimates"]}
    frames = {name: statements.stop_curves(results.tables[name], cells[name], least) for name in shown}
    frames["estimates"] = _frame_estimates(to_frame(results.estimates), known["quantiles"], known_of[1], least)
    frames = _mark_leaks(frames, cells, known, least, known_of)
    frames["checks"] = to_frame(results.checks).assign(metric=[c.id.removeprefix("missing_") for c in results.checks])
    is_open = design.kind == "experiment"  # that it has no row is no secret, and its section says so
    reason = REASON.format(least, "units, events or non-events" if is_open else "accounts, kept or lost")
    tables = {name: _hide(name, frames, views[name], known, reason) for name in shown}
    tables = {n: t for n, t in tables.items() if len(t) or (is_open and results.tables[n].empty)}
    gone = np.any([mask for mask, _ in _list_masks("estimates", frames, cells["estimates"], known)], axis=0)
    estimates = _hide_estimates(results.estimates, gone, frames["estimates"], reason, least)
    tests = _drop_tests(results.tests, results.estimates, gone, least)
    days = tell_days(units) if units and results.assigned else results.assigned
    return _hide_counts(results.but(estimates=estimates, tables=tables, tests=tests, assigned=days), design)


def _hide_counts(results, design) -> Results:
    """Results that do not count few units of an arm, rows left out, or what was noticed.

    What others would give away goes too: all units together, the rows that were read, a check's figure.
    """
    data, least, word = results.data, design.min_cell, f"fewer than {design.min_cell}"
    few = {arm: math.nan for arm, n in data.units_by_variant.items() if 0 < n < least}
    before = "|".join(
        f"(?<={re.escape(name)} )" for name in (":", "of", "with", "out:", "events,", *data.units_by_variant)
    )
    noun = getattr(design, "unit", "account")
    pattern = COUNTED.format(before=before, nouns=f"{re.escape(schema.pluralise(noun))}|{re.escape(noun)}")

    def say(found):
        few = f"{word}{found[2]}{schema.pluralise(found[3])}" if found[3] else word
        return few if 0 < int(found[1]) < least else found[0]

    def tell(text, marks=word):
        told = re.sub(pattern, say, text)
        return re.sub(BESIDE, "", told) if re.search(marks, told) else told

    checks = []
    for check in results.checks:
        marks = f"{word}|{SCALED}" if check.id.startswith("missing_") else word
        told = replace(check, message=tell(check.message, marks))
        is_few = check.id.startswith(LEFT_OUT) and re.search(marks, told.message)
        checks.append(replace(told, value=math.nan) if is_few else told)
    rows = math.nan if few or 0 < data.rows - data.units < least else data.rows
    steps = [
        (name, rows if name == "read" else math.nan if 0 < n < least else n, tell(of)) for name, n, of in data.steps
    ]
    told = {"rows": rows, "units": math.nan if few else data.units, "units_by_variant": data.units_by_variant | few}
    told |= {"steps": () if few else tuple(steps), "messages": tuple(map(tell, data.messages))}
    return results.but(checks=tuple(checks), data=replace(data, **told))


def _state_all(frames, cells, known, known_of):
    """What all tables say of people, and which rows of one go together."""
    said, together = [], {}
    for name, frame in frames.items():
        if name == "estimates" and not cells[name].counts:
            said += statements.state_estimates(frame, known["shares"], *known_of, known["sooner"])
        else:
            said += statements.state(name, frame, cells[name], known)
        together |= statements.group_together(name, frame, cells[name], known)
    return said, together


def _mark_leaks(frames, cells, known, least, known_of) -> dict[str, pd.DataFrame]:
    """Tables with the columns `hidden`, by the audit of all of them, and `small`, whether a count of its own is."""
    said, together = _state_all(frames, cells, known, known_of)
    hidden = more = close(said, least, together)
    curves = {name: frame for name, frame in frames.items() if cells[name].rule in ("days", "curve")}
    while more and curves:  # events of a longer step are rounded anew
        curves = {n: frame.drop(index=[i for i in frame.index if (n, i) in more]) for n, frame in curves.items()}
        again, with_it = _state_all(curves, cells, known, (None, {}))
        more = close(again, least, with_it)
        hidden |= more
    small = {row for one in said if is_small(one.count, least, one.is_open) for row in one.rows}
    for mark, rows in (("hidden", hidden), ("small", small)):
        is_in = {name: np.array([(name, i) in rows for i in frame.index], bool) for name, frame in frames.items()}
        frames = {name: frame.assign(**{mark: is_in[name]}) for name, frame in frames.items()}
    return frames


def find_leaks(
    study: str, tables: Mapping[str, Sequence[Mapping[str, Any]]], min_cell: int, overlap=None, payers=()
) -> dict[str, int]:
    """Return how many leaks finished tables have, by the tables that they need: the audit of `protect`, once more.

    Parameters
    ----------
    study : str
    tables : mapping, name -> rows of results.json, `estimates` among them; hidden counts are null
    min_cell : int
    overlap : DataFrame or None, as `metrics.moments.list_overlap` gives it
    payers : mapping, as `metrics.payments.count_payers` gives it

    Raises
    ------
    Refused: a table has no view, so nobody has said what guards its cells.
    """
    said, found, spaces, rows = [], Counter(), defaultdict(list), tables.get("metrics", ())
    shares = [row["metric"] for row in rows if row.get("kind") in SHARES]
    quantiles, payers = {row.get("metric"): row.get("quantile") for row in rows}, dict(payers)
    for name, rows in tables.items():
        cells, frame = find_view(study, name).guards, pd.DataFrame(list(rows))
        known = _list_known(None) | {"shares": shares, "plain": list(frame.get("category", ())), "least": min_cell}
        if name == "estimates" and not cells.counts and len(frame):
            frame = _frame_estimates(frame, quantiles, payers, min_cell)
            found.update({name: n} if (n := int((frame["tail"] | frame["lacks_few"]).sum())) else {})
        said += _state_all({name: frame}, {name: cells}, known | {"is_shared": True}, (overlap, payers))[0]
    for one in unite(said):
        spaces[one.space].append(one)
    for visible in spaces.values():
        if told := find_leak(visible, min_cell):
            found[", ".join(sorted({table for table, _ in told.rows}))] += 1
    return dict(found)


def _list_known(design) -> dict[str, Any]:
    """What expressions may name: an open count, metrics that are shares, the main landmark, levels nobody can have."""
    metrics, categories = getattr(design, "metrics", {}), getattr(design, "categories", {})
    return {
        "open": math.inf,
        "least": getattr(design, "min_cell", math.nan),
        "shares": [name for name, metric in metrics.items() if metric.kind in SHARES],
        "quantiles": {name: getattr(metric, "quantile", None) for name, metric in metrics.items()},
        "main": [*getattr(design, "landmarks", ()), math.nan][0],
        "sooner": {name: _list_sooner(name, metrics) for name in metrics},
        "plain": [name for name, category in categories.items() if not category.basic],
    }


def _list_sooner(name, metrics):
    """The metrics that say whether the event of this one came, from the same day on and in a shorter time."""
    times = {
        one: (metric.event or [one], metric.from_days, metric.window or math.inf)
        for one, metric in metrics.items()
        if metric.kind == "binary"
    }
    if name not in times:
        return []
    *same, until = times[name]
    return [one for one, (*told, end) in times.items() if told == same and end < until]


def _hide(name, frames, view: View, known, reason) -> pd.DataFrame:
    """One table without what its cells hide, what goes with hidden rows of others, and what its view does not name."""
    frame, cells, shown = frames[name], view.guards, {*view.columns, *view.ends}
    found, dropped, fill = frame, np.zeros(len(frame), bool), {"reason": reason, **cells.fill}
    for mask, hides in _list_masks(name, frames, cells, known):
        if not (hides or cells.names) or cells.rule in ("days", "curve"):
            dropped |= mask
            continue
        figures = shown.intersection(hides or shown.difference(cells.names, cells.within)).intersection(frame)
        bare = {c: found[c].astype(object).mask(mask, fill[c]) if c in fill else found[c].mask(mask) for c in figures}
        found = found.assign(**bare)
    named = {c: found[c].astype(object).mask(frame["small"], OTHER) for c in cells.levels if c in found}
    found = found.assign(**named).loc[~dropped, [c for c in frame if c in shown]]
    return found.round(cells.digits).reset_index(drop=True)


def _list_masks(name, frames, cells: Cells, known) -> Iterator[tuple[np.ndarray, list[str]]]:
    """Rows that go, and which of their columns: by their own counts, then with those of other tables."""
    yield frames[name]["hidden"].to_numpy(bool), cells.hides
    follows = "metric" in frames[name] and name not in ("metrics", "estimates")
    follows &= all(link.table != "estimates" for link in cells.links)
    effect = EFFECT.model_copy(update={"by": {c: c for c in OF_EFFECT if c in frames[name]}})
    for link in [*cells.links, *[effect] * follows]:
        other = frames.get(link.table)
        if other is None or other.empty or frames[name].empty:
            continue
        there = other[mark_rows(other, link.there, known)]
        keys = set(zip(*(evaluate(there, key, known) for key in link.by.values()), strict=True))
        here = zip(*(evaluate(frames[name], key, known) for key in link.by), strict=True)
        goes = np.array([key in keys for key in here]) if link.by else np.full(len(frames[name]), len(there) > 0)
        yield goes & mark_rows(frames[name], link.where, known), link.hides


def _frame_estimates(frame, quantiles, payers, least) -> pd.DataFrame:
    """Estimates as statements and views ask for them, those of results.json with numbers in place of null.

    `pair` is treatment - control; `tail` whether few units of an arm lie beyond its quantile, or few that have any
    below it, and `why`, also of bounds that tell how many are unknown. Where few of an arm, or of its part, lack an
    outcome, `told_control` and `told_treatment` are all of it (`lacks_few`).
    """
    if frame.empty:
        return frame
    figures = ["n_control", "n_treatment", "control_value", "treatment_value", "estimate", *CLUSTERS]
    frame = frame.assign(**{name: pd.to_numeric(frame[name]) for name in figures if name in frame})
    places = frame["segment"].fillna(frame["at"]).astype(object).replace(np.nan, None)
    frame = frame.assign(pair=frame["treatment"] + " - " + frame["control"], place=places)
    shares = np.array([quantiles.get(name) or math.nan for name in frame["metric"]], float)
    masks = np.zeros((4, len(frame)), bool)
    for side in ("control", "treatment"):  # units lie in the order of what they have, those without any first
        n, is_told = frame[f"n_{side}"].to_numpy(float), frame[f"{side}_value"].notna()
        keys = [*zip(frame["metric"], frame[side], places, strict=True)]
        above = np.array([payers.get(key, math.nan) for key in keys], float)
        whole = np.array([payers.get(("", *key[1:]), math.nan) for key in keys], float)
        below, is_few = shares * n - (n - above), frame["population"].isin(ASSIGNED) & (whole - n < least) & (whole > n)
        tails = (below > 0) & (below.round(9) < least), (n * np.minimum(shares, 1 - shares)).round(9) < least
        masks |= np.array([*(is_told & tail for tail in tails), is_few & (frame["method"] == BOUNDS), is_few])
        frame[f"told_{side}"] = np.where(is_few, whole, n)
    return frame.assign(tail=masks[:2].any(axis=0), lacks_few=masks[3], why=np.select(masks[:3], REASONS, ""))


def _hide_estimates(estimates, gone, frame, reason, least):
    """A tail hides figures alone: its counts are those of whole variants, and stay."""
    found = []
    for e, is_gone, row in zip(estimates, gone, frame.itertuples(), strict=True):
        if is_gone or row.why:
            told = {"verdict": "not estimable", "reason": reason if is_gone else row.why.format(least)}
            e = e.but(**dict.fromkeys(FIGURES, math.nan), **dict.fromkeys(OPTIONS), **told)
        sizes = dict(zip(SIZES, (row.told_control, row.told_treatment), strict=True))
        found.append(e.but(**dict.fromkeys(SIZES, math.nan), **dict.fromkeys(CLUSTERS)) if is_gone else e.but(**sizes))
    return tuple(found)


def _drop_tests(tests, estimates, gone, least):
    """Tests without those of a hidden effect, or that compare a hidden part with others: digits would tell of it."""
    whole, parts = set(), set()
    for e, is_gone in zip(estimates, gone, strict=True):
        if is_gone and not e.segment and e.at is None:
            whole.add((e.metric, e.comparison))
        elif is_gone and min(e.n_control, e.n_treatment) >= least:
            name = f"interaction with {e.segment.partition('=')[0]}" if e.segment else "trend over weeks"
            parts.add((e.metric, e.comparison, name))
    pairs = [(test.metric, BEST if test.id.startswith("best_cut:") else test.id.split(":")[1]) for test in tests]
    named = zip(tests, pairs, strict=True)
    return tuple(test for test, pair in named if pair not in whole and (*pair, test.name) not in parts)
