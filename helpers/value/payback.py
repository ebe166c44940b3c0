"""Whether a choice pays for what it costs: agent hours, break-even, and every table of the money in one call."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from helpers.records import Estimate, Results
from helpers.value.cash import cash_by_month
from helpers.value.doubts import list_tornado, probability_pays
from helpers.value.yearly import (
    Assumptions,
    check_range,
    explain_unknown,
    find_chosen,
    list_assumptions,
    read_effect,
    read_range,
    yearly_value,
)

FREE = "it pays whatever an agent hour costs"
NEVER = "it does not pay, even where agents cost nothing"
IDLE = "no agent hour is added or saved, and the effect brings nothing"
HOURS = "extra_hours"


def agent_cost(
    extra_hours_per_week: float | tuple[float, float, float],
    cost_per_agent_hour: float | tuple[float, float, float],
    *,
    weeks: float = 52,
) -> tuple[float, float, float]:
    """Return what extra agent hours cost a year: low, central, high; below 0 where hours are saved.

    Parameters
    ----------
    extra_hours_per_week : float or triple, hours
        Hours on duty that the choice adds; below 0 where it saves them.
    cost_per_agent_hour : float or triple, money an hour, 0 or more
    weeks : float, paid weeks a year

    Returns
    -------
    tuple of three floats: the cheapest and the dearest that both ranges allow, with the central one between them.

    Raises
    ------
    Refused: a range is out of order or out of bounds.

    Examples
    --------
    >>> agent_cost(10, (20, 30, 50))
    (10400.0, 15600.0, 26000.0)
    >>> agent_cost((-2, 0, 1), (20, 30, 50), weeks=1)
    (-100.0, 0.0, 50.0)
    """
    check_range(HOURS, extra_hours_per_week)
    check_range("cost_per_agent_hour", cost_per_agent_hour)
    hours, costs = read_range(extra_hours_per_week), read_range(cost_per_agent_hour)
    products = [weeks * hour * cost for hour, cost in itertools.product(hours, costs)]
    return min(products), weeks * hours[1] * costs[1], max(products)


def find_break_even(
    estimate: Estimate,
    assumptions: Assumptions,
    *,
    extra_hours_per_year: float | tuple[float, float, float],
    choice: str | None = None,
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
    check_range(HOURS, extra_hours_per_year)
    hours = read_range(extra_hours_per_year)[1]
    factor, cost = assumptions.multipliers()[1], assumptions.costs()[1]
    level = f"{100 * estimate.confidence_level:g} % interval"
    names = ("central estimate", f"low end of the {level}", f"high end of the {level}")
    brings = [effect * factor for effect in read_effect(estimate, choice)]
    solved = [_solve_cost(amount, hours, estimate) for amount in brings]
    frame = pd.DataFrame(
        {"basis": names, "brings": brings, "hours": hours, "break_even": [cost for cost, _, _ in solved]}
    )
    return frame.assign(
        rule=pd.Series([rule for _, rule, _ in solved], dtype=object),
        assumed=cost / hours if hours else math.nan,
        unit=f"{assumptions.unit} an agent hour",
        choice=choice or estimate.treatment,
        reason=pd.Series([reason for _, _, reason in solved], dtype=object),
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


def study_payback(
    results: Results,
    metric: str,
    assumptions: Assumptions,
    *,
    extra_hours_per_year: float | tuple[float, float, float] | None,
    cost_per_agent_hour: float | tuple[float, float, float] | None = None,
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
        cost = agent_cost(extra_hours_per_year, cost_per_agent_hour, weeks=1)
        assumptions = replace(assumptions, cost_per_year=cost)
    hours = {"extra_hours_per_year": extra_hours_per_year, "choice": choice}
    found = {
        "money": yearly_value(estimate, assumptions, choice=choice),
        "assumptions": list_assumptions(assumptions),
        "break_even": find_break_even(estimate, assumptions, **hours),
        "probability": probability_pays(estimate, assumptions, choice=choice),
        "tornado": list_tornado(estimate, assumptions, **hours),
    }
    if by_age and all(find_chosen(results, name, choice) for name, _ in by_age):
        about = {"control": estimate.control, "treatment": estimate.treatment, "choice": choice}
        found["cash"] = cash_by_month(results, by_age, assumptions, **about)
    return found
