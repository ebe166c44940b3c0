"""How often something happened to a unit: its mean, a quantile, or a rate by the time at risk."""

from dataclasses import replace

from helpers.kinds import OF_QUANTILE, OF_TOTALS, QUANTILE, SQUARES, Kind


def _draw(world):
    base = world.raise_base(2.0)
    return world.put(world.count(world.rank, world.move(base)).astype(int), base)


def _draw_quantile(world):
    """A quantile of whole numbers moves by whole numbers."""
    base, step = world.raise_base(2.0), round(world.effect)
    at = float(world.count(world.metric.quantile, base))
    values = (world.count(world.rank, base).astype(int) + step * world.treated).clip(0)
    return world.put(values, at, max(at + step, 0.0))


def _draw_rate(world):
    place, rate = world.metric.time_at_risk, world.raise_base(0.4)
    planned = world.design.metrics.get(place)
    place = (planned and planned.column) or place
    new = {} if place in world.columns else {place: world.draw_part()}
    drawn, pair = world.put(world.rng.poisson(world.move(rate) * (world.columns | new)[place]), rate)
    return drawn | new, pair


_KEYS = {"quantile": QUANTILE, "squares": SQUARES, "time_at_risk": (str | None, None)}
_MEAN = Kind("count", _draw, keys=_KEYS, told=None, column="whole", total="count", has_tail=True)
_QUANTILE = replace(_MEAN, draw=_draw_quantile, **OF_QUANTILE)
_BOTH = "give either a quantile or time_at_risk; a rate is a mean"
_RATE = replace(_MEAN, draw=_draw_rate, rules=lambda metric: [(metric.quantile is not None, _BOTH)], **OF_TOTALS)
KIND = replace(_MEAN, forms={"time_at_risk": _RATE, "quantile": _QUANTILE})
