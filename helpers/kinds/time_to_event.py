"""How long until something happens to a unit, seen up to a horizon; other events may come before it."""

from pydantic import Field

from helpers.kinds import Kind

COMPETING = 0.2  # competing events of a dry run in the time up to the horizon, per unit still without any


def _rule(metric):
    yield metric.horizon_days is None, "a time to event needs horizon_days"


def _draw(world):
    """Constant hazards of the event and of all that competes with it, which the treatment leaves alone."""
    import numpy as np

    metric, base, horizon = world.metric, world.find_share(), world.metric.horizon_days
    other = COMPETING / horizon if metric.competing else 0.0
    shares = (base, base + world.effect)
    rates, free = zip(*(world.find_rate(share, other, horizon) for share in shares), strict=True)
    rate = np.where(world.treated, rates[1], rates[0])
    days = -np.log(np.clip(1 - world.rank, 1e-12, 1)) / (rate + other)
    state = np.where(world.rng.random(days.size) * (rate + other) < rate, 1, 2) if metric.competing else 1
    drawn = {metric.time or f"{world.name}_days": np.minimum(days, horizon)}
    drawn[metric.observed or f"{world.name}_observed"] = np.where(days < horizon, state, 0)
    return drawn, {"difference": shares, "rmst_difference": free}


KIND = Kind(
    "time_to_event",
    _draw,
    keys={
        "horizon_days": (float | None, Field(None, gt=0)),
        "time": (str | None, None),
        "observed": (str | None, None),
        "competing": (list[str], []),
    },
    lacks=("column", "from_days", "within_days", "missing", "asked"),
    told=None,
    rules=_rule,
    total="first",
    outcome="time",
    is_mean=False,
    method="cumulative incidence, square-and-add",
    takes_covariates=False,
    absolute="a margin for a time to an event must be absolute, such as 0.02, as it has no lift",
    shown="share",
)
