"""What a unit answered on a scale, the last of its answers: its mean, a quantile, or the order of its levels."""

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import ValidationError, WrapValidator

from helpers.kinds import OF_QUANTILE, QUANTILE, SQUARES, Kind

BASE = 4.0
ABSOLUTE = "a margin for a score or nps must be absolute"
CUTS = (0.1, 0.3, 0.6, 0.85)  # shares below each line between the five levels of an ordered score


def _know_scale(scale, handler):
    try:
        return handler(scale)
    except ValidationError:
        cure = "should be numeric, ordered, or the lowest and the highest answer, such as [1, 5]"
        raise ValueError(cure) from None


def _find_ends(metric):
    """The lowest and the highest answer, where the scale names them."""
    return None if isinstance(metric.scale, str) else metric.scale


def _rule(metric):
    if ends := _find_ends(metric):
        low, high = ends
        yield not low < high, "scale begins with the lowest answer, and the highest is above it"
        zero = metric.missing == "zero" and not low <= 0 <= high
        yield zero, "missing: zero lies outside the scale; write missing: unknown"


def _rule_order(metric):
    yield metric.quantile is not None, "give either a quantile or scale: ordered, whose levels have no distances"


def _score(world, rank, mean):
    return mean + world.raise_base(BASE) / 4 * world.to_normal(rank)


def _draw_within(world):
    """The middle half of a scale, alike everywhere, which the treatment moves; and its middle."""
    low, high = world.metric.scale
    middle, reach = (low + high) / 2, (high - low) / 4
    world.refuse_effect(abs(world.effect) <= reach, "at most a quarter of the scale")
    return world.move(middle) + reach * (2 * world.rank - 1), middle


def _draw(world):
    if _find_ends(world.metric):
        return world.put(*_draw_within(world))
    base = world.raise_base(BASE)
    return world.put(_score(world, world.rank, world.move(base)), base)


def _draw_quantile(world):
    if _find_ends(world.metric):
        values, middle = _draw_within(world)
        return world.put(values, middle + (2 * world.metric.quantile - 1) * (max(world.metric.scale) - middle) / 2)
    base = world.raise_base(BASE)
    at = float(_score(world, world.metric.quantile, base))
    return world.put(_score(world, world.rank, world.move(base)), at)


def _draw_ordered(world):
    """Five levels of a latent normal score, which the treatment moves; the values are the chances to be higher."""
    world.refuse_effect(abs(world.effect) < 0.8, "below 0.8 for an ordered score")
    lines = world.to_normal(CUTS)
    move, chances = world.move_score(lines)
    return world.put(1 + lines.searchsorted(world.to_normal(world.rank) + move * world.treated), *chances)


_SCALE = Annotated[Literal["numeric", "ordered"] | tuple[float, float], WrapValidator(_know_scale)]
_KEYS = {"scale": (_SCALE, "numeric"), "quantile": QUANTILE, "squares": SQUARES}
_MEAN = Kind("score", _draw, keys=_KEYS, told=None, rules=_rule, absolute=ABSOLUTE, extremes=_find_ends)
_QUANTILE = replace(_MEAN, draw=_draw_quantile, **OF_QUANTILE | {"absolute": ABSOLUTE})
_ORDER = replace(_QUANTILE, told=None, draw=_draw_ordered, rules=_rule_order, method="brunner-munzel", shown="share")
KIND = replace(_MEAN, forms={"scale: ordered": _ORDER, "quantile": _QUANTILE})
