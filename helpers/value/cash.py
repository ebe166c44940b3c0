"""Cash by month of a roll-out: what each month's units bring as they grow older, less what the choice costs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers.records import Refused, Results
from helpers.value.yearly import Assumptions, read_effect

MONTH = 365 / 12  # days
ENDS = ("central", "low", "high")


def cash_by_month(
    results: Results,
    metrics: Sequence[tuple[str, float]],
    assumptions: Assumptions,
    *,
    control: str | None = None,
    treatment: str | None = None,
    choice: str | None = None,
    months: int = 12,
) -> pd.DataFrame:
    """Return cash by month where the choice is made for all from month 1 on, at central assumptions.

    A twelfth of the year's units comes in each month, spread evenly over it, and costs run from month 1. A unit has
    brought the observed difference of the first metric by its age, and so on; between two ages it grows evenly, before
    the first from 0, and after the last nothing more comes. The interval adds up the ends of the estimates'
    intervals, as if the amounts of all ages and months moved together. No dependence between them can make it
    wider: the standard deviation of a sum is at most the sum of the standard deviations.

    Parameters
    ----------
    results : Results
        Holds a deciding difference of each metric: money a unit, added up from assignment to that age.
    metrics : sequence of (metric, days), ages rising
    assumptions : Assumptions
        Without a horizon: nothing is counted beyond the last age.
    control, treatment : str, optional
        Which comparison; the first one when left out.
    choice : str, optional, as for `yearly_value`
    months : int, 1 or more

    Returns
    -------
    DataFrame, one row a month: month (1 on), revenue (what the effect brings, before costs), cost, net, cumulative,
        cumulative_low, cumulative_high (money), confidence_level, interval, unit, choice, reason; figures are nan where
        a metric has no finite difference, and `reason` names it.

    Raises
    ------
    Refused: no metric, ages that do not rise from above 0, months below 1, assumptions with a horizon, or a choice
        that is no arm.

    References
    ----------
    Minkowski's inequality for standard deviations: Hardy, Littlewood & Polya (1952), Inequalities, theorem 24.
    """
    days = [float(age) for _, age in metrics]
    _check_cash(days, assumptions, months)
    wanted = {key: arm for key, arm in (("control", control), ("treatment", treatment)) if arm is not None}
    found = [next(iter(results.headline(name, **wanted)), None) for name, _ in metrics]
    first = next((e for e in found if e is not None), None)
    values = {end: np.full(len(days), math.nan) for end in ENDS}
    if all(e is not None for e in found):
        values = dict(zip(ENDS, np.transpose([read_effect(e, choice) for e in found]), strict=True))
    unknown = [name for (name, _), *ends in zip(metrics, *values.values(), strict=True) if not np.isfinite(ends).all()]
    a_month = assumptions.multipliers()[1] / 12
    brought = {end: a_month * _average_by_age(days, values[end], months) for end in ENDS}
    reason = f"no difference with a finite interval: {', '.join(unknown)}" if unknown else None
    if unknown:
        brought = {end: np.full(months, math.nan) for end in ENDS}
    return _lay_out(brought, assumptions).assign(
        confidence_level=first.confidence_level if first else math.nan,
        interval=first.interval if first else None,
        choice=choice or (first.treatment if first else treatment),
        reason=reason,
    )


def _check_cash(days, assumptions, months):
    if not days or not all(low < high for low, high in zip([0, *days], days, strict=False)):
        raise Refused("cash by month: give one age or more, in days, rising from above 0")
    if months < 1:
        raise Refused("cash by month: months is below 1; give whole months")
    if assumptions.horizon_months is not None:
        raise Refused("cash by month counts the observed follow-up only; leave out horizon_months")


def _average_by_age(days, values, months):
    """What the units of one month have brought on average by the end of their 1st, 2nd, ... month.

    They came evenly over the month, so it is the mean of a piecewise linear line over ages of one month's width. As
    one month's units follow another's, it is also what all units bring in month 1, 2, ...
    """
    ages, line = [0.0, *days], [0.0, *values]
    ends = MONTH * np.arange(months + 1)
    knots = np.union1d(ends, ages)
    heights = np.interp(knots, ages, line)
    areas = np.concatenate([[0.0], np.cumsum(np.diff(knots) * (heights[1:] + heights[:-1]) / 2)])
    return np.diff(areas[np.searchsorted(knots, ends)]) / MONTH


def _lay_out(brought, assumptions):
    months = np.arange(1, len(brought["central"]) + 1)
    cost = assumptions.costs()[1] / 12
    total = {end: np.cumsum(amounts - cost) for end, amounts in brought.items()}
    return pd.DataFrame(
        {
            "month": months,
            "revenue": brought["central"],
            "cost": cost,
            "net": brought["central"] - cost,
            "cumulative": total["central"],
            "cumulative_low": total["low"],
            "cumulative_high": total["high"],
            "unit": assumptions.unit,
        }
    )
