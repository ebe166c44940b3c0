"""Whether a choice pays for what it costs: break-even, doubts, cash, and every table of the money in one call."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from helpers.records import Estimate, Refused, Results
from helpers.value.yearly import (
    LABELS,
    Assumptions,
    Range,
    explain_unknown,
    find_chosen,
    probability_pays,
    read_effect,
    read_range,
    value_headline,
)

FREE = "it pays whatever an agent hour costs"
NEVER = "it does not pay, even where agents cost nothing"
IDLE = "no agent hour is added or saved, and the effect brings nothing"
MONTHS, MONTH = 12, 365 / 12  # of a roll-out; days


def agent_cost(extra_hours: Range, cost_per_agent_hour: Range) -> tuple[float, float, float]:
    """Return what extra agent hours cost: low, central, high; below 0 where hours are saved.

    Parameters
    ----------
    extra_hours : float or triple, hours
        Hours on duty that the choice adds; below 0 where it saves them.
    cost_per_agent_hour : float or triple, money an hour, 0 or more

    Returns
    -------
    tuple of three floats: the cheapest and the dearest that both ranges allow, with the central one between them.

    Raises
    ------
    Refused: a range is out of order or out of bounds.

    Examples
    --------
    >>> agent_cost(10, (20, 30, 50))
    (200.0, 300.0, 500.0)
    >>> agent_cost((-2, 0, 1), (20, 30, 50))
    (-100.0, 0.0, 50.0)
    """
    hours, costs = read_range("extra_hours", extra_hours), read_range("cost_per_agent_hour", cost_per_agent_hour)
    products = [hour * cost for hour, cost in itertools.product(hours, costs)]
    return min(products), hours[1] * costs[1], max(products)


def find_break_even(
    estimate: Estimate, assumptions: Assumptions, *, extra_hours_per_year: Range, choice: str | None = None
) -> pd.DataFrame:
    """Return what an agent hour may cost for the choice to pay exactly, from the estimate and its interval.

    All of `cost_per_year` is taken to be agent hours; units and value are at their central assumptions.

    Parameters
    ----------
    estimate : Estimate, as for `yearly_value`
    assumptions : Assumptions
    extra_hours_per_year : float or triple, hours
        Agent hours that the choice adds in a year (the central ones count); below 0 where it saves them.
    choice : str, optional, as for `yearly_value`

    Returns
    -------
    DataFrame, three rows: basis (central estimate; low, high end of the interval), brings (money a year before costs),
        hours, break_even (money an agent hour), rule ("up to" it pays, "from" it pays, where hours are saved; "any"
        and "none", and break_even is then nan), assumed (central cost of an agent hour; nan without hours), unit,
        choice, reason (of what is nan).

    Raises
    ------
    Refused: as `yearly_value`; hours out of order.
    """
    hours = read_range("extra_hours", extra_hours_per_year)[1]
    units, worth, cost, kept = assumptions.central()
    level = f"{100 * estimate.confidence_level:g} % interval"
    names = ("central estimate", f"low end of the {level}", f"high end of the {level}")
    brings = [assumptions.earn(effect, units, worth, 0.0, kept) for effect in read_effect(estimate, choice)]
    solved = [_solve_cost(amount, hours, estimate) for amount in brings]
    frame = pd.DataFrame({"basis": names, "brings": brings, "hours": hours})
    frame[["break_even", "rule", "reason"]] = pd.DataFrame(solved, dtype=object)
    return frame.astype({"break_even": float}).assign(
        assumed=cost / hours if hours else math.nan,
        unit=f"{assumptions.unit} an agent hour",
        choice=choice or estimate.treatment,
    )


def _solve_cost(brings, hours, estimate):
    """The cost of an hour at which nothing is left, the side of it that pays, and why there is none."""
    if math.isnan(brings):
        return math.nan, None, explain_unknown(estimate)
    if hours > 0:
        return (brings / hours, "up to", None) if brings >= 0 else (math.nan, "none", NEVER)
    if hours < 0:
        return (brings / hours, "from", None) if brings < 0 else (math.nan, "any", FREE)
    return (math.nan, "any", FREE) if brings > 0 else (math.nan, "none", IDLE)


def list_tornado(
    estimate: Estimate, assumptions: Assumptions, *, choice: str | None = None, extra_hours_per_year: Range = 0.0
) -> pd.DataFrame:
    """Return how far each doubt alone moves a year's net value, the others at central: the largest first.

    Parameters
    ----------
    estimate : Estimate, as for `yearly_value`
    assumptions : Assumptions
    choice : str, optional, as for `yearly_value`
    extra_hours_per_year : float or triple, hours, optional
        Where it is one number that is not 0, the cost is told as the cost of an agent hour.

    Returns
    -------
    DataFrame, one row a doubt (the effect, and each assumption that is a range): doubt, at_low, at_high (the ends of
        the doubt, in its own unit), value_low, value_high (net value a year there), central (the same in all rows),
        low, high (the lesser and the greater of both), swing (their distance), metric, unit, choice, reason. Where
        the interval has no finite end the row of the effect is nan and stands last; `reason` says why.

    Raises
    ------
    Refused: as `yearly_value`.
    """
    effect, *interval = read_effect(estimate, choice)
    least, hours, most = read_range("extra_hours", extra_hours_per_year)
    centrals = assumptions.central()
    rows = [("effect", *interval, *(assumptions.earn(end, *centrals) for end in interval))]
    for k, (name, (low, _, high)) in enumerate(assumptions.ranges().items()):
        ends = [assumptions.earn(effect, *centrals[:k], end, *centrals[k + 1 :]) for end in (low, high)]
        if name == "cost_per_year" and low < high and least == most != 0:  # saved hours turn the ends round
            (low, first), (high, last) = sorted(zip((low / hours, high / hours), ends, strict=True))
            rows.append(("cost of an agent hour", low, high, first, last))
        elif low < high:
            rows.append((LABELS[name], low, high, *ends))
    frame = pd.DataFrame(rows, columns=["doubt", "at_low", "at_high", "value_low", "value_high"])
    ends = frame[["value_low", "value_high"]]
    low, high = ends.min(axis=1, skipna=False), ends.max(axis=1, skipna=False)
    frame = frame.assign(central=assumptions.earn(effect, *centrals), low=low, high=high, swing=high - low)
    reason = pd.Series(explain_unknown(estimate), frame.index, dtype=object).where(frame["swing"].isna(), None)
    about = {"metric": estimate.metric, "unit": f"{assumptions.unit} a year", "choice": choice or estimate.treatment}
    frame = frame.assign(**about, reason=reason)
    return frame.sort_values("swing", ascending=False, kind="stable", ignore_index=True)


def cash_by_month(
    by_age: Sequence[tuple[Estimate, float]], assumptions: Assumptions, *, choice: str | None = None
) -> pd.DataFrame:
    """Return cash in the twelve months after the choice is made for all, at central assumptions.

    A twelfth of the year's units comes in each month, spread evenly over it, and costs run from month 1. A unit has
    brought the observed difference of the first metric by its age, and so on; between two ages it grows evenly, before
    the first from 0, and after the last nothing more comes. The interval adds up the ends of the estimates'
    intervals, as if the amounts of all ages and months moved together. No dependence between them can make it
    wider: the standard deviation of a sum is at most the sum of the standard deviations.

    Parameters
    ----------
    by_age : sequence of (Estimate, days), ages rising
        Deciding differences of one comparison: money a unit, added up from assignment to that age.
    assumptions : Assumptions
        Without a horizon: nothing is counted beyond the last age.
    choice : str, optional, as for `yearly_value`

    Returns
    -------
    DataFrame, one row a month: month (1 on), revenue (what the effect brings, before costs), cost, net, cumulative,
        cumulative_low, cumulative_high (money), confidence_level, interval, unit, choice, reason; figures are nan where
        a metric has no finite difference, and `reason` names it.

    Raises
    ------
    Refused: no metric, ages that do not rise from above 0, assumptions with a horizon, or a choice that is no arm.

    References
    ----------
    Minkowski's inequality for standard deviations: Hardy, Littlewood & Polya (1952), Inequalities, theorem 24.
    """
    days = [0.0, *(float(age) for _, age in by_age)]
    if len(days) == 1 or not all(low < high for low, high in itertools.pairwise(days)):
        raise Refused("cash by month: give one age or more, in days, rising from above 0")
    if assumptions.horizon_months is not None:
        raise Refused("cash by month counts the observed follow-up only; leave out horizon_months")
    units, worth, cost, _ = assumptions.central()
    values = np.array([read_effect(estimate, choice) for estimate, _ in by_age])
    unknown = [estimate.metric for (estimate, _), ends in zip(by_age, values, strict=True) if np.isnan(ends).any()]
    values[:] = math.nan if unknown else values
    brought = np.array([units * worth / 12 * _average_by_age(days, [0.0, *line]) for line in values.T])
    total, first = np.cumsum(brought - cost / 12, axis=1), by_age[0][0]
    return pd.DataFrame(
        {
            "month": np.arange(1, MONTHS + 1),
            "revenue": brought[0],
            "cost": cost / 12,
            "net": brought[0] - cost / 12,
            **dict(zip(("cumulative", "cumulative_low", "cumulative_high"), total, strict=True)),
            "unit": assumptions.unit,
            "confidence_level": first.confidence_level,
            "interval": first.interval,
            "choice": choice or first.treatment,
            "reason": f"no difference with a finite interval: {', '.join(unknown)}" if unknown else None,
        }
    )


def _average_by_age(days, values):
    """What the units of one month have brought on average by the end of their 1st, 2nd, ... month.

    They came evenly over the month, so it is the mean of a piecewise linear line over ages of one month's width. As
    one month's units follow another's, it is also what all units bring in month 1, 2, ...
    """
    ends = MONTH * np.arange(MONTHS + 1)
    knots = np.union1d(ends, days)
    heights = np.interp(knots, days, values)
    areas = np.concatenate([[0.0], np.cumsum(np.diff(knots) * (heights[1:] + heights[:-1]) / 2)])
    return np.diff(areas[np.searchsorted(knots, ends)]) / MONTH


def study_payback(
    results: Results,
    metric: str,
    assumptions: Assumptions,
    *,
    extra_hours_per_year: Range | None,
    cost_per_agent_hour: Range | None = None,
    by_age: Sequence[tuple[str, float]] = (),
    choice: str | None = None,
) -> dict[str, pd.DataFrame]:
    """Return whether a choice pays, as tables of the results.

    Parameters
    ----------
    results : Results
    metric : str
        Its deciding difference is the effect.
    assumptions : Assumptions
        Its `cost_per_year` is what the extra agent hours cost a year, unless an hour's cost is given.
    extra_hours_per_year : float or triple, hours, or None
        Agent hours that the choice adds in a year; below 0 where it saves them. Where nobody knows them, nothing is
        told.
    cost_per_agent_hour : float or triple, money an hour, optional
        Takes the place of `cost_per_year`.
    by_age : sequence of (metric, days)
        What a unit has brought by each age, for the cash by month; without it, or where one of these metrics has no
        difference, there is none.
    choice : str, optional
        As for `yearly_value`; of several treatments the first that is compared with it.

    Returns
    -------
    dict of DataFrame: `money`, `assumptions` (as `value_headline`), `break_even`, `probability`, `tornado`, `cash`;
        empty where the answer is withheld, the metric has no difference or the hours are unknown.

    Raises
    ------
    Refused: as `agent_cost`, `yearly_value` and `cash_by_month`.
    """
    estimate = find_chosen(results, metric, choice)
    if estimate is None or extra_hours_per_year is None:
        return {}
    if cost_per_agent_hour is not None:
        assumptions = replace(assumptions, cost_per_year=agent_cost(extra_hours_per_year, cost_per_agent_hour))
    hours = {"extra_hours_per_year": extra_hours_per_year, "choice": choice}
    found = value_headline(results, metric, assumptions, choice=choice)
    found["break_even"] = find_break_even(estimate, assumptions, **hours)
    found["probability"] = probability_pays(estimate, assumptions, choice=choice)
    found["tornado"] = list_tornado(estimate, assumptions, **hours)
    aged = [(find_chosen(results, name, choice), days) for name, days in by_age]
    if aged and all(effect for effect, _ in aged):
        found["cash"] = cash_by_month(aged, assumptions, choice=choice)
    return found
