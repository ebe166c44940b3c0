"""How much in all, such as money: the sum of the values of a unit's events, its mean or a quantile."""

from dataclasses import replace

from helpers.kinds import OF_QUANTILE, QUANTILE, SQUARES, Kind

BASE = 40.0


def _draw(world):
    import numpy as np  # here, so that a plan is read without it

    mean = world.move(world.raise_base(BASE))  # half spend nothing
    spent = 2 * mean * np.exp(world.to_normal(2 * world.rank - 1) - 0.5)
    return world.put(np.where(world.rank > 0.5, spent, 0.0), world.raise_base(BASE))


def _draw_quantile(world):
    import numpy as np

    place = world.to_normal(world.metric.quantile)
    at = world.raise_base(BASE * np.exp(place - 0.5))  # of the quantile to the mean, where everybody spends
    values = at * np.exp(world.to_normal(world.rank) - place)
    return world.put(values * (1 + world.effect / at * world.treated), at)


_MEAN = Kind("amount", _draw, keys={"quantile": QUANTILE, "squares": SQUARES}, told=None, total="amount", has_tail=True)
KIND = replace(_MEAN, forms={"quantile": replace(_MEAN, draw=_draw_quantile, **OF_QUANTILE)})
