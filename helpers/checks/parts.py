"""Whether a part of the data is lost or counted in another way: a segment of one arm, shares above one, a cut export.

All of it is told and withholds nothing: a treatment may reach one segment alone.
"""

import math

import numpy as np

from helpers import metrics
from helpers.checks.logs import LEAST_TOLD, SURE, TENTH, measure_chance, percent
from helpers.checks.rates import compare_rates, count_shares, write_rates
from helpers.kinds import COUNTED

ALERT = 0.001
EQUAL = 0.1  # of the units with any may have as many above as below, where a ratio looks like a share
ROWS = (10_000, 65_535, 65_536, 100_000, 1_000_000, 1_048_575, 1_048_576)  # after which exports and sheets end
SHEETS = tuple(n for n in ROWS if n % 10)  # of rows of units these alone: 10,000 may be planned
LOST = (
    "Of {label} in {arm} hardly anything stands where {by} is {level}, and {share} of all would be expected there: "
    "either a part of the log is lost, or the treatment did it."
)
ABOVE = (
    "{label} is above 1 for units of one arm alone: {rates}; where it is a share, its {above} are counted twice there, "
    "or its {below} are lost."
)
CUT = "There are exactly {n:,} {what}, where exports and sheets are often cut; check that none is lost."


def find_parts(units) -> list[tuple[float, str]]:
    """Return which segments of one arm look lost in the log: the share of its events that is, and a sentence.

    Parameters
    ----------
    units : Units
    """
    found, metrics_ = [], units.design.metrics.items()
    heard = [name for name, metric in metrics_ if name in units.heard and metric.how.total in COUNTED]
    for by in units.design.segments if heard else ():
        levels = metrics.summarise(units, by=by)
        for name in heard:
            arms = units.design.variant.arms
            totals = {level: {arm: _add_up(of[name][arm]) for arm in arms} for level, of in levels.items()}
            found += _find_lost(totals, name, by, units.design)
    return found


def _add_up(moments):
    """The units or clusters of an arm, their sum, and how many of one size it is worth."""
    n = moments.n
    if not n:
        return 0, 0.0, 0.0
    total, squares = n * moments.mean[0], n * moments.mean[0] ** 2
    squares += (n - 1) * moments.cov[0, 0] if n > 1 else 0.0
    return n, float(total), float(total**2 / squares) if squares else 0.0


def _find_lost(totals, name, by, design):
    """Yield each level of a segment of which one arm has hardly any, though it has others as the other arms do."""
    for arm in design.variant.arms:
        sides = {level: np.array([of[arm], np.sum([*of.values()], axis=0)]) for level, of in totals.items()}
        sure, (every, whole) = SURE + math.log(len(totals)), np.sum([*sides.values()], axis=0)
        for level, (own, both) in sides.items():
            rest, mine = both - own, every - own
            others = whole - every - rest
            if min(own[0], *rest[:2], *others[:2], mine[0]) <= 0 or mine[2] < LEAST_TOLD:
                continue
            ratio = own[0] / rest[0] * mine[1] / mine[0] / (others[1] / others[0])  # as where nothing is lost
            expected = ratio * rest[1]
            if own[1] <= TENTH * expected and measure_chance(own[2], rest[2], ratio) > sure:
                share = float(expected / (expected + mine[1]))
                told = {"by": design.labels.get(by, by), "level": level, "share": percent(share)}
                yield share, LOST.format(label=design.label_of(name), arm=arm, **told)


def find_above(name, arms, design) -> str | None:
    """Return what is odd of a ratio that looks like a share, and is above 1 in one arm alone.

    Parameters
    ----------
    name : str, the metric
    arms : dict, as `seen` of `Units` tells of how many units of each arm a ratio is above 1, or 1
    design : ExperimentPlan
    """
    metric, told = design.metrics[name], [arms[arm] for arm in design.variant.arms]
    shares, some = count_shares([(of["above"], of["some"]) for of in told]), sum(of["some"] for of in told)
    is_share = min(of["above"] for of in told) == 0 and sum(of["equal"] for of in told) > EQUAL * some
    if not is_share or not compare_rates(shares) < ALERT:
        return None
    words = {"above": metric.numerator, "below": metric.denominator, "rates": write_rates(design, shares)}
    return ABOVE.format(label=design.label_of(name), **words)
