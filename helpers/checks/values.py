"""Values that are not what they seem: codes for none among answers, empty cells that mean no, rows that sum others."""

import itertools
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy  # its stats load when they are first used

from helpers import schema
from helpers.checks.logs import LOST_FAILS, percent
from helpers.checks.rates import ALERT, compare_counts
from helpers.metrics import Units, moments
from helpers.metrics.values import UNPLANNED
from helpers.plan import ExperimentPlan
from helpers.records import NAN, Check, Refused

LEAST = 10  # values, below which nothing is read into them
TWICE, PARTS = 2, 10  # times the next value that subtotals are, and as many rows as they at the least that they sum
WHOLE, GAP = 0.5, 100  # of a unit, to which a sum is rounded; times less than the gap above which it stands
RARE = 7  # times that two answers are given, from which on one between them would be too: e^-7 is one in a thousand
TOP, NO_ANSWER = 10, 20  # the highest answer of most scales; from there on a number is a code beside them
NINES = (99, 999, 9999, 99_999)  # codes for none on scales that reach further
REACH = range(3, 10)  # the highest answers of scales that rarely begin with 0
PROMOTES = 8  # the answer that a net promoter score of 0 to 10 reaches among some thirty
MOST_OPEN = 0.5  # of the units without an event may have a time of 0
MANY_LEVELS, ALIKE, CHANCE = 10, 0.95, 1e-6  # levels of a column, the share of them in one arm alone, and how odd
HASHED = ("bucket", "hash", "slot", "seed")  # columns of chance, by which arms are drawn for each unit
QUICK, FEW_REPLIES = 10, 100  # seconds, in which nobody reads and answers; replies, below which none are told apart
FEW_NO = 0.02  # of those that say yes and of the empty cells, up to which a no is a slip
MANY_EMPTY = 0.1  # of those that say yes, from which on empty cells may well say no
EMPTY = (
    "{nearly}every cell that is told says {word}, and {n:,} of {all:,} are empty, so that empty may mean {other} or "
    "not known; write {other} where it is meant{or_plan}, or leave the {units} out of which nothing is known"
)
NO_TIME = (
    "{n:,} of {all:,} {units} without the event have {what}, so that nobody knows how long they were followed; give "
    "the time until which each was seen without it"
)
CODES = (
    "{n:,} of {all:,} answers are {codes}, {why}; leave them empty where they are a code for none, and write scale: "
    "[lowest, highest] into the plan"
)
PROMOTER = (
    "none of {all:,} answers is above {most}, and a net promoter score is asked from 0 to 10; give the answers as they "
    "were asked, or write kind: score"
)
SUMS = "a row holds the sum of all others, so that it is a total and no {unit}; leave it out"
SUBTOTALS = "some rows hold together the sum of all others, so that they are subtotals and no {unit}; leave them out"
LISTS = ("sizes", "days", "hours")  # of texts, one for each of some values
UNITS = (
    "Whoever has the same {column} is in the same arm, in {alike:,} of {several:,} cases ({sizes}): arms look "
    "assigned by {column} and not by {unit}. Where they were, write cluster: {column} into the plan, as intervals are "
    "too narrow without."
)


def check_values(units: Units, design: ExperimentPlan) -> Check | None:
    """Refuse values that the plan does not settle; return the check `units_fit`, None where the unit is as planned.

    Parameters
    ----------
    units : Units
        `moments.see_values` says what stands in the values of each arm.
    design : ExperimentPlan

    Returns
    -------
    Check: unclear where arms keep to the levels of a column that the plan does not name, so that they look assigned by
        it; `value` is the share of levels that do.

    Raises
    ------
    Refused: one value only in a column of yes and no, beside empty cells; no time, or the time 0, for units without
        the event; answers that stand apart from all others, without a scale; a net promoter score that is none; a row
        that holds the sum of all others.
    """
    for (name, read), arms in moments.see_values(units).items():
        told, metric = None, design.metrics.get(name)
        whats = next(iter(arms.values()))
        if name == UNPLANNED:
            continue
        if "answers" in whats:
            answers = {arm: read_answers(found["answers"]) for arm, found in arms.items()}
            told = _find_codes(metric, answers, design.min_cell)
            whats = ()
        facts = {what: sum(arm[what] for arm in arms.values()) for what in whats if what not in LISTS}
        for key, find in (("open", _find_untimed), ("empty", _find_empty)):
            told = told or (find(facts, arms, metric, design) if key in facts else None)
        if "sizes" in whats and name not in units.heard:
            sizes = [arm["sizes"] for arm in arms.values()]  # a row may be the sum of all others, or of its arm's
            parts = [read_sizes(some) for some in (sizes, *([one] for one in sizes))]
            if not told and any(map(is_total, parts)):
                told = SUMS.format(unit=design.unit)
            if not told and any(map(has_subtotals, parts)):
                told = SUBTOTALS.format(unit=design.unit)
        if told:
            column = metric.observed if "every cell" in told and metric and metric.observed else read
            raise Refused(f"{column if column == name or not name else f'{name}, {column}'}: {told}")
    if design.cluster:
        return None
    shares = design.variant.shares
    even = sum(share**2 for share in shares.values()) if shares else 1 / len(design.variant.arms)
    for (name, column), facts in moments.see_values(units).items():
        if name != UNPLANNED or any(word in column.lower() for word in HASHED):
            continue
        several, alike = (facts[None][what] for what in ("several", "alike"))
        is_many = several >= MANY_LEVELS and alike >= ALIKE * several
        if is_many and scipy.special.bdtrc(alike - 1, several, even) <= CHANCE:
            sizes = ", ".join(f"{arm} {facts[arm]['alike']:,}" for arm in design.variant.arms)
            told = UNITS.format(column=column, unit=design.unit, sizes=sizes, alike=alike, several=several)
            return Check("units_fit", "warn", alike / several, ALIKE, told)
    return None


def _find_empty(facts, arms, metric, design):
    """One value alone in a column of yes and no, whose empty cells may well be the other."""
    yes, no, n = facts["yes"], facts["no"], facts["empty"]
    is_one, is_few = min(yes, no) == 0, no <= FEW_NO * min(yes, n) and n > MANY_EMPTY * yes
    is_planned = metric and metric.missing == "zero" and not metric.observed
    if not (is_one or is_few) or min(yes + no, n) < LEAST or is_planned:
        return None
    word, other = ("yes (1)", "no (0)") if yes else ("no (0)", "yes (1)")
    plan = ", or missing: zero into the plan" if yes and metric and not metric.observed else ""
    facts = {"word": word, "other": other, "n": n, "all": yes + no + n, "units": schema.pluralise(design.unit)}
    return EMPTY.format(nearly="" if is_one else "nearly ", or_plan=plan, **facts)


def _find_untimed(facts, arms, metric, design):
    """Units without the event whose time is empty or 0, far more often than of those with it, or in one arm."""
    for key, what in (("empty", "no time"), ("zero", "the time 0")):
        n, others = facts[f"open_{key}"], facts[f"ended_{key}"] / max(facts["ended"], 1)
        apart = compare_counts([(arm[f"open_{key}"], arm["open"]) for arm in arms.values()])
        beside = [(n, facts["open"]), (facts[f"ended_{key}"], facts["ended"])]
        is_more = n > 2 * others * facts["open"] and compare_counts(beside) < ALERT
        most = 0 if key == "empty" else MOST_OPEN * facts["open"]
        if n >= LEAST and (facts["ended"] == 0 or is_more) and (n > most or apart < ALERT):
            return NO_TIME.format(n=n, all=facts["open"], what=what, units=schema.pluralise(design.unit))
    return None


@dataclass(frozen=True)
class Size:
    """Values that are about as large: how many, the least, the largest, and their sum."""

    n: int
    low: float
    high: float
    total: float


def read_sizes(arms) -> list[Size]:
    """Return the sizes of the values of some arms together, the largest first.

    Parameters
    ----------
    arms : sequence of sequences of str, as `moments.see_values` has them under "sizes"
    """
    found = {}
    for text in (text for told in arms for text in told or ()):
        step, *numbers = text.split(":")
        n, low, high, total = map(float, numbers)
        # two steps are one size: finer ones are for the percentile of amounts
        found.setdefault((int(int(step) / 2), low > 0), []).append((int(n), low, high, total))
    columns = [tuple(zip(*same, strict=True)) for same in found.values()]
    sizes = [Size(sum(n), min(low), max(high), sum(total)) for n, low, high, total in columns]
    return sorted(sizes, key=lambda size: -size.high)


def is_total(sizes: list[Size]) -> bool:
    """Return whether the largest value is the sum of all others, perhaps rounded, and far above them.

    Parameters
    ----------
    sizes : list of Size, the largest first
    """
    if len(sizes) < 2 or sizes[0].n > 1 or sizes[0].low <= 0 or sum(size.n for size in sizes) <= LEAST:
        return False
    top, next_ = sizes[0].low, max(sizes[1].high, 0)
    off, gap = abs(top - sum(size.total for size in sizes[1:])), top - next_
    return (off <= 1e-9 * top and (gap > GAP or top > 10 / 3 * next_)) or off < WHOLE < gap / (10 * GAP)


def has_subtotals(sizes: list[Size]) -> bool:
    """Return whether some of the largest values are together the sum of all others, or twice that with their total.

    Each stands far above all others.

    Parameters
    ----------
    sizes : list of Size, the largest first
    """
    n, totals = (np.cumsum([getattr(size, name) for size in sizes]) for name in ("n", "total"))
    for i, (size, next_) in enumerate(itertools.pairwise(sizes)):
        is_far = next_.high > 0 and size.low > TWICE * next_.high and PARTS * n[i] <= n[-1] - n[i]
        times = totals[i] / (totals[-1] - totals[i]) if is_far and n[i] > 1 else NAN
        if abs(times - 1) <= 1e-9 or abs(times - 2) <= 1e-9:
            return True
    return False


def read_answers(told) -> tuple[dict[float, int], int]:
    """Return how often each whole answer is given, and how often others are.

    Parameters
    ----------
    told : sequence of str, as `moments.see_values` has them under "answers"
    """
    found = dict(text.split(":") for text in told or ())
    return {float(answer): int(n) for answer, n in found.items() if answer != "none"}, int(found.get("none", 0))


def _find_codes(metric, arms, least):
    """Answers that stand apart from all others, by a gap, by their sign, or by a heap at 0."""
    counts = sum((Counter(found) for found, _ in arms.values()), Counter())
    n, is_broken = counts.total(), any(other for _, other in arms.values())
    if n < LEAST or len(counts) < 2:
        return None
    if metric.kind == "nps":
        return PROMOTER.format(all=n, most=PROMOTES - 1) if n >= 30 and max(counts) < PROMOTES else None
    if isinstance(metric.scale, tuple):
        return None
    told = find_apart(counts, is_broken=is_broken, is_ordered=metric.scale == "ordered")
    if not told:
        return None
    codes, why = told
    is_open = min(counts[code] for code in codes) >= least  # else it is the answer of a few
    shown = " or ".join(f"{code:g}" for code in codes[:3]) if is_open else "another number than most"
    return CODES.format(codes=shown, why=why, n=sum(counts[code] for code in codes), all=n)


def find_apart(counts, *, is_broken=False, is_ordered=False) -> tuple[list[float], str] | None:
    """Return answers that stand apart from all others, as codes for none do, and why; None without.

    Parameters
    ----------
    counts : dict of int, how often each whole answer is given
    is_broken : bool, others are given too
    is_ordered : bool, their levels have no distances
    """
    told = _find_far(counts, is_broken=is_broken)
    return told if told or is_broken or is_ordered or len(counts) < 2 else _find_gap(counts)


def _find_far(counts, *, is_broken):
    """The answers that no scale holds beside the others: one below 0 alone, unless fractions are, or some far above."""
    answers = np.array(sorted(counts))
    below = answers[answers < 0]
    if not is_broken and len(below) == 1 and answers[-1] > 1 and len(answers) > 3:
        return [below[0]], "the only one below 0"
    beyond = answers[(answers >= NO_ANSWER) & (answers > TOP)]
    inside = answers[answers <= TOP]
    if len(beyond) and len(inside) > 2 and len(beyond) <= 3:
        return list(beyond), "far above all others"
    is_code = answers[-1] in NINES and answers[-1] > 2 * answers[-2] and counts[answers[-1]] >= RARE
    return ([answers[-1]], "far above all others") if is_code else None


def _find_gap(counts):
    """The answers apart from the most common run, by an answer between them that nobody gives, or by a heap at 0."""
    answers = np.array(sorted(counts))
    gaps = np.diff(answers)
    runs = np.split(answers, np.flatnonzero(gaps > gaps.min()) + 1)
    run = max(runs, key=lambda one: sum(counts[answer] for answer in one))
    apart = [answer for one in runs if one is not run for answer in one]
    edges = [(one, run[0] if one[-1] < run[0] else run[-1]) for one in runs if one is not run]
    near = [min(sum(counts[a] for a in one), counts[edge]) for one, edge in edges]
    if len(run) > 2 and apart and len(apart) <= 3 and min(near) >= RARE:
        return apart, "apart from them"
    low, next_ = answers[0], answers[1]
    both = counts[low] + counts[next_]
    heap = counts[low] > counts[next_] and 2 * scipy.special.bdtr(counts[next_], both, 0.5) < ALERT  # both sides alike
    if low == 0 and next_ == 1 and answers[-1] in REACH and heap:
        return [low], "more than the answer beside it"
    return None


def find_automatic(seconds: pd.Series) -> str | None:
    """Return the sentence on first replies that come at once, as automatic ones do; None where few or none do."""
    known = seconds.dropna()
    share = float(((known >= 0) & (known <= QUICK)).mean()) if len(known) >= FEW_REPLIES else 0.0
    told = f"Of the first replies {percent(share)} come within {QUICK} seconds of their ticket, as automatic ones do: "
    return f"{told}these are none; leave them out." if share > LOST_FAILS else None
