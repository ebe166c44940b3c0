"""One total by another over all units, such as tickets per active day; its parts are metrics, columns or events."""

from helpers.kinds import OF_TOTALS, Kind


def _rule(metric):
    yield not (metric.numerator and metric.denominator), "a ratio needs numerator and denominator"


def _draw(world):
    parts = (world.metric.numerator, world.metric.denominator)
    if any(part in world.means for part in parts):
        above, below = (world.means.get(part, (world.PART_MEAN,) * 2) for part in parts)
        new = {part: world.draw_part() for part in parts if part not in world.means}
        return new, {"difference": tuple(a / b for a, b in zip(above, below, strict=True))}
    share = world.raise_base(0.2)
    below = 1 + world.count(world.rank, world.PART_MEAN - 1).astype(int)
    above = world.rng.poisson(world.move(share) * below)
    return dict(zip(parts, (above, below), strict=True)), {"difference": (share, share + world.effect)}


KIND = Kind(
    "ratio",
    _draw,
    keys=dict.fromkeys(("numerator", "denominator", "products"), (str | None, None)),
    lacks=("column", "event", "asked"),
    told=None,
    rules=_rule,
    total=None,
    **OF_TOTALS,
)
