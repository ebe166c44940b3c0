"""Net promoter score: 9 and 10 of 0 to 10 count 100, 6 and less -100, the last answer of a unit; in points."""

from helpers.kinds import Kind


def _code(value, metric):
    promotes, detracts = (fact.cast("int32") for fact in (value >= 9, value <= 6))
    return ((promotes - detracts) * 100).cast("float64")


def _draw(world):
    import numpy as np

    world.refuse_effect(abs(world.effect) <= 35, "at most 35 points")
    promoters = 0.4 + world.effect / 100 * world.treated
    score = np.select([world.rank < 0.2, world.rank < 1 - promoters], [3, 7], 9)
    return world.put(score + (world.rank * 1000).astype(int) % 2, 20.0)


KIND = Kind(
    "nps",
    _draw,
    column="nps",
    code=_code,
    takes_covariates=False,
    absolute="a margin for a score or nps must be absolute",
    extremes=lambda metric: (-100.0, 100.0),
    shown="points",
)
