"""Whether a part of the data is lost: a segment of one arm, or the end of a cut export.

All of it is told and withholds nothing: a treatment may reach one segment alone.
"""

import math

import numpy as np

from helpers import metrics
from helpers.checks.logs import LEAST_TOLD, SURE, TENTH, measure_chance, percent
from helpers.kinds import COUNTED

ROWS = (10_000, 65_535, 65_536, 100_000, 1_000_000, 1_048_575, 1_048_576)  # after which exports and sheets end
SHEETS = tuple(n for n in ROWS if n % 10)  # of rows of units these alone: 10,000 may be planned
LOST = (
    "Of {label} in {arm} hardly anything stands where {by} is {level}, and {share} of all would be expected there: "
    "either a part of the log is lost, or the treatment did it."
)
CUT = "There are exactly {n:,} {what}, where exports and sheets are often cut; check that none is lost."


def find_parts(units) -> list[str]:
    """Return which segments of one arm look lost in the log, a sentence each.

    Parameters
    ----------
    units : Units
    """
    design, found = units.design, []
    heard = [name for name, of in design.metrics.items() if name in units.heard and of.how.total in COUNTED]
    for by in design.segments if heard else ():
        levels = metrics.summarise(units, by=by)
        for name in heard:
            totals = {level: {arm: _add_up(m) for arm, m in of[name].items()} for level, of in levels.items()}
            words = {"label": design.label_of(name), "by": design.labels.get(by, by)}
            for share, arm, level in find_lost(totals):
                found.append(LOST.format(share=percent(share), arm=arm, level=level, **words))
    return found


def _add_up(moments):
    """The units or clusters of an arm, their sum, and how many of one size it is worth."""
    n = moments.n
    if not n:
        return 0, 0.0, 0.0
    total, squares = n * moments.mean[0], n * moments.mean[0] ** 2
    squares += (n - 1) * moments.cov[0, 0] if n > 1 else 0.0
    return n, float(total), float(total**2 / squares) if squares else 0.0


def find_lost(totals) -> list[tuple[float, str, str]]:
    """Return each level of a segment of which one arm has hardly any, though it has others as the other arms do.

    Parameters
    ----------
    totals : dict, by level and arm the units, the sum of a metric, and how many of one size that sum is worth

    Returns
    -------
    list of (float, str, str): the share of the arm's events that is lost, the arm, the level
    """
    found = []
    for arm in next(iter(totals.values()), ()):
        sides = {level: np.array([of[arm], np.sum([*of.values()], axis=0)]) for level, of in totals.items()}
        sure, (every, whole) = SURE + math.log(len(totals)), np.sum([*sides.values()], axis=0)
        for level, (own, both) in sides.items():
            rest, mine = both - own, every - own
            others = whole - every - rest
            if min(own[0], *rest[:2], *others[:2], mine[0]) <= 0 or mine[2] < LEAST_TOLD:
                continue
            elsewhere = mine[1] / mine[0] / (others[1] / others[0])  # beyond a tenth the others lost theirs there
            ratio = own[0] / rest[0] * elsewhere  # as where nothing is lost
            expected, is_even = ratio * rest[1], TENTH * elsewhere < 1
            if is_even and own[1] <= TENTH * expected and measure_chance(own[2], rest[2], ratio) > sure:
                found.append((float(expected / (expected + mine[1])), arm, level))
    return found
