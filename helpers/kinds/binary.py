"""Whether something happened to a unit: a share of units."""

from helpers.kinds import Kind


def _draw(world):
    base = world.find_share()
    return world.put((world.rank > 1 - world.move(base)).astype(int), base)


KIND = Kind(
    "binary",
    _draw,
    column="binary",
    total="count",
    code=lambda value, metric: (value > 0).cast("int32").cast("float64"),
    is_share=True,
    method="miettinen-nurminen",
    extremes=lambda metric: (0.0, 1.0),
    shown="share",
)
