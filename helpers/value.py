"""An effect as money: what it is worth a year, whether it pays for what it costs, and how much each doubt moves."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import ndtr

from helpers.records import Estimate, Refused, Results

Range = float | tuple[float, float, float]  # certain, or low, central and high
CURRENCY = "USD"
ASSUMED = {  # how each assumption is told, and its unit
    "units_per_year": ("units a year", "units"),
    "value_per_unit": ("value of one unit of the outcome", f"{CURRENCY} within the observed follow-up"),
    "cost_per_year": ("cost a year", CURRENCY),
}
BELOW_0 = (-math.inf, ", below 0 where it saves")
BOUNDS = {"cost_per_year": BELOW_0, "extra_hours": BELOW_0}
NODES = 16  # of the quadrature, on either side of a triangle's peak
UNKNOWN = "the effect has no finite interval"
FREE = "it pays whatever an agent hour costs"
NEVER = "it does not pay, even where agents cost nothing"
IDLE = "no agent hour is added or saved, and the effect brings nothing"
MONTHS, MONTH = 12, 365 / 12  # of a roll-out; days


@dataclass(frozen=True)
class Assumptions:
    """What turns an effect into money; each range is (low, central, high), one number where it is certain.

    Nothing beyond the observed follow-up is counted.

    Parameters
    ----------
    units_per_year : float or triple, units that meet the choice in a year, 0 or more
    value_per_unit : float or triple, 0 or more
        Worth of one unit of the outcome within the observed follow-up (1 where the outcome is money).
    cost_per_year : float or triple, dollars
        What the choice costs a year; it is taken off. Below 0 it saves.

    Raises
    ------
    Refused: a range out of order or out of bounds.
    """

    units_per_year: Range
    value_per_unit: Range
    cost_per_year: Range = 0.0

    def __post_init__(self):
        for name in ASSUMED:
            object.__setattr__(self, name, read_range(name, getattr(self, name)))

    def central(self) -> list[float]:
        """Return the central value of each range."""
        return [spread[1] for spread in vars(self).values()]

    def corners(self) -> list[tuple[float, ...]]:
        """Return every way to set each range at one of its ends."""
        return list(itertools.product(*(dict.fromkeys((low, high)) for low, _, high in vars(self).values())))


def read_range(name: str, value: Range) -> tuple[float, float, float]:
    """Return low, central and high of an assumption; a number that is certain is all three.

    Raises
    ------
    Refused: it is not one finite number, or three in rising order, within its bounds.
    """
    least, bounds = BOUNDS.get(name, (0, ", 0 or more"))
    spread = tuple(map(float, value)) if isinstance(value, (tuple, list)) else (float(value),) * 3
    if not (len(spread) == 3 and least <= spread[0] <= spread[1] <= spread[2] and all(map(math.isfinite, spread))):
        raise Refused(f"{name}: give one number, or low, central and high in rising order{bounds}")
    return spread


def earn(effect, units, worth, cost):
    """Return the money a year that an effect brings, net of its cost: numbers or arrays that broadcast."""
    return effect * units * worth - cost


def choose_effect(results: Results, metric: str, choice: str | None = None) -> Estimate | None:
    """Return a metric's deciding difference as the effect of a choice; None where there is none.

    Parameters
    ----------
    results : Results
        A withheld one has no difference, whatever it still holds.
    metric : str
    choice : str, optional
        The arm whose value is told, the treatment when left out; the control where the treatment takes away. Of
        several treatments the first that is compared with it.

    Returns
    -------
    Estimate: the choice is its treatment; the estimate and the ends of its interval are nan where they are not finite.
        One among responders is taken to hold for all.

    Raises
    ------
    Refused: the choice is not one of the arms.
    """
    found = () if results.status == "withheld" else results.headline(metric)
    estimate = next((e for e in found if choice in (e.treatment, e.control)), next(iter(found), None))
    if estimate is None:
        return None
    if choice not in (None, estimate.treatment, estimate.control):
        raise Refused(f"yearly value of {metric}: the choice is {estimate.treatment} or {estimate.control}")
    ends = estimate.estimate, estimate.ci_low, estimate.ci_high
    arms = {"treatment": estimate.treatment, "control": estimate.control}
    if choice == estimate.control:
        ends, arms = [-ends[k] for k in (0, 2, 1)], {"treatment": choice, "control": estimate.treatment}
    central, low, high = (float(end) if math.isfinite(end) else math.nan for end in ends)
    return estimate.but(estimate=central, ci_low=low, ci_high=high, **arms)


def value_headline(
    results: Results, metric: str, assumptions: Assumptions, *, choice: str | None = None
) -> dict[str, pd.DataFrame]:
    """Return the money of a metric's deciding difference, and the assumptions behind it, as tables of the results.

    Parameters
    ----------
    results : Results
    metric : str
    assumptions : Assumptions
    choice : str, optional, as for `choose_effect`

    Returns
    -------
    dict of DataFrame: `money` (`yearly_value`) and `assumptions` (assumption, low, central, high, unit; the last row
        says that nothing later is counted); empty where the answer is withheld or the metric has no difference.

    Raises
    ------
    Refused: the choice is not one of the arms.
    """
    estimate = choose_effect(results, metric, choice)
    if estimate is None:
        return {}
    rows = [(ASSUMED[name][0], *spread, ASSUMED[name][1]) for name, spread in vars(assumptions).items()]
    rows.append(("months counted", math.nan, math.nan, math.nan, "none beyond the observed follow-up"))
    assumed = pd.DataFrame(rows, columns=["assumption", "low", "central", "high", "unit"])
    return {"money": yearly_value(estimate, assumptions), "assumptions": assumed}


def yearly_value(estimate: Estimate, assumptions: Assumptions) -> pd.DataFrame:
    """Return what one year's units are worth more under the chosen arm than under the other, net of its cost.

    The rows keep two uncertainties apart: what chance leaves open, and what is assumed. The third row joins the
    worst and the best of both; it is a scenario and has no confidence level.

    Parameters
    ----------
    estimate : Estimate, as `choose_effect` returns it
    assumptions : Assumptions

    Returns
    -------
    DataFrame, three rows: row (DESIGN's names), note (what is held fixed), low, central, high (money a year, `unit`),
        interval ("fixed" or as the estimate's, "scenario" for ranges over assumptions), choice, reason;
        figures are nan where the estimate or its interval is not finite, and `reason` says why.
    """
    effect, interval = estimate.estimate, (estimate.ci_low, estimate.ci_high)
    low, central, high = (earn(end, *assumptions.central()) for end in (interval[0], effect, interval[1]))
    assumed, joint = (
        [earn(end, *corner) for end in ends for corner in assumptions.corners()] for ends in ([effect], interval)
    )
    level = f"{100 * estimate.confidence_level:g} % interval"
    rows = {
        "sampling interval at central assumptions": (f"chance alone varies: {level}", [low, high]),
        "range over assumptions at the central estimate": ("assumptions alone vary", assumed),
        "both (scenario)": ("worst and best of both, without a confidence level", joint),
    }
    told = [(name, note, np.min(ends), central, np.max(ends)) for name, (note, ends) in rows.items()]
    frame = pd.DataFrame(told, columns=["row", "note", "low", "central", "high"])
    frame["interval"] = [estimate.interval, "scenario", "scenario"]
    reason = (estimate.reason or UNKNOWN) if np.isnan([effect, *interval]).any() else None
    return frame.assign(unit=f"{CURRENCY} a year", choice=estimate.treatment, reason=reason)


def probability_pays(estimate: Estimate, assumptions: Assumptions) -> pd.DataFrame:
    """Return the chance that a year's net value is above 0, at three readings of the assumptions.

    The effect is normal around the estimate with its standard error: what is believed after the data from a flat
    prior. It pays where effect x factor > cost, so the chance at given assumptions is that of an effect above
    cost / factor. It knows nothing of looking early, so that an unfinished experiment has none.

    Parameters
    ----------
    estimate : Estimate, as `choose_effect` returns it
        Needs a standard error.
    assumptions : Assumptions

    Returns
    -------
    DataFrame, three rows: basis, probability (0 to 1), assumes (in words), choice, reason. The bases: central
        assumptions; assumptions drawn independently, each from a triangle between its low and high end with its peak at
        central (deterministic quadrature of 16 Gauss-Legendre nodes on either side of the peak); pessimistic, each
        at the end that makes paying least likely. nan where the estimate has no standard error or is of an unfinished
        experiment; `reason` then says so.

    References
    ----------
    Gelman et al. (2013), Bayesian Data Analysis, section 2.5 (normal mean, flat prior). Davis & Rabinowitz (1984),
    Methods of Numerical Integration, section 2.7 (Gauss-Legendre).
    """
    centre, reason = estimate.estimate, None

    def find_chance(units, worth, cost):
        gain, noise = earn(centre, units, worth, cost), earn(estimate.std_error, units, worth, 0 * cost)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(noise > 0, ndtr(np.divide(gain, noise)), gain > 0)

    nodes, weights = zip(*map(_place_nodes, vars(assumptions).values()), strict=True)
    drawn = find_chance(*np.meshgrid(*nodes, indexing="ij"))
    for weight in reversed(weights):
        drawn = drawn @ weight
    chances = [find_chance(*assumptions.central()), drawn, min(find_chance(*ends) for ends in assumptions.corners())]
    if estimate.interval != "fixed":
        reason = "the experiment is not finished"
    elif not (math.isfinite(centre) and math.isfinite(estimate.std_error)):
        reason = estimate.reason or "the effect has no standard error"
    told = "effect normal around the estimate, flat prior"
    said = {
        "central assumptions": "all assumptions at central",
        "assumptions drawn": "each assumption drawn by itself from a triangle: low, peak at central, high",
        "pessimistic assumptions": "each assumption at the end that is worst for paying",
    }
    frame = pd.DataFrame({"basis": list(said), "probability": [math.nan if reason else float(c) for c in chances]})
    return frame.assign(assumes=[f"{told}; {how}" for how in said.values()], choice=estimate.treatment, reason=reason)


def _place_nodes(spread):
    """Nodes and weights that integrate over a triangular density; one node where the value is certain."""
    low, peak, high = spread
    if low == high:
        return np.array([low]), np.array([1.0])
    points, weights = np.polynomial.legendre.leggauss(NODES)
    share, mass = (points + 1) / 2, weights * (points + 1) / 2  # of the way from the end to the peak; sums to 1
    sides = [(end, abs(peak - end)) for end in (low, high) if end != peak]
    nodes = [end + (peak - end) * share for end, _ in sides]
    return np.concatenate(nodes), np.concatenate([mass * width / (high - low) for _, width in sides])


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


def find_break_even(estimate: Estimate, assumptions: Assumptions, *, extra_hours_per_year: Range) -> pd.DataFrame:
    """Return what an agent hour may cost for the choice to pay exactly, from the estimate and its interval.

    All of `cost_per_year` is taken to be agent hours; units and value are at their central assumptions.

    Parameters
    ----------
    estimate : Estimate, as `choose_effect` returns it
    assumptions : Assumptions
    extra_hours_per_year : float or triple, hours
        Agent hours that the choice adds in a year (the central ones count); below 0 where it saves them.

    Returns
    -------
    DataFrame, three rows: basis (central estimate; low, high end of the interval), brings (money a year before costs),
        hours, break_even (money an agent hour), rule ("up to" it pays, "from" it pays, where hours are saved; "any"
        and "none", and break_even is then nan), assumed (central cost of an agent hour; nan without hours), unit,
        choice, reason (of what is nan).

    Raises
    ------
    Refused: hours out of order.
    """
    hours = read_range("extra_hours", extra_hours_per_year)[1]
    units, worth, cost = assumptions.central()
    level = f"{100 * estimate.confidence_level:g} % interval"
    basis = ["central estimate", f"low end of the {level}", f"high end of the {level}"]
    brings = [earn(end, units, worth, 0.0) for end in (estimate.estimate, estimate.ci_low, estimate.ci_high)]
    frame = pd.DataFrame({"basis": basis, "brings": brings, "hours": hours})
    solved = [_solve_cost(amount, hours, estimate) for amount in brings]
    frame[["break_even", "rule", "reason"]] = pd.DataFrame(solved, dtype=object)
    assumed = {"assumed": cost / hours if hours else math.nan, "unit": f"{CURRENCY} an agent hour"}
    return frame.astype({"break_even": float}).assign(**assumed, choice=estimate.treatment)


def _solve_cost(brings, hours, estimate):
    """The cost of an hour at which nothing is left, the side of it that pays, and why there is none."""
    if math.isnan(brings):
        return math.nan, None, estimate.reason or UNKNOWN
    if hours > 0:
        return (brings / hours, "up to", None) if brings >= 0 else (math.nan, "none", NEVER)
    if hours < 0:
        return (brings / hours, "from", None) if brings < 0 else (math.nan, "any", FREE)
    return (math.nan, "any", FREE) if brings > 0 else (math.nan, "none", IDLE)


def list_tornado(estimate: Estimate, assumptions: Assumptions, *, extra_hours_per_year: Range = 0.0) -> pd.DataFrame:
    """Return how far each doubt alone moves a year's net value, the others at central: the largest first.

    Parameters
    ----------
    estimate : Estimate, as `choose_effect` returns it
    assumptions : Assumptions
    extra_hours_per_year : float or triple, hours, optional
        Where it is one number that is not 0, the cost is told as the cost of an agent hour.

    Returns
    -------
    DataFrame, one row a doubt (the effect, and each assumption that is a range): doubt, at_low, at_high (the ends of
        the doubt, in its own unit), value_low, value_high (net value a year there), central (the same in all rows),
        low, high (the lesser and the greater of both), swing (their distance), metric, unit, choice, reason. Where
        the interval has no finite end the row of the effect is nan and stands last; `reason` says why.
    """
    least, hours, most = read_range("extra_hours", extra_hours_per_year)
    centrals, interval = assumptions.central(), (estimate.ci_low, estimate.ci_high)
    rows = [("effect", *interval, *(earn(end, *centrals) for end in interval))]
    for k, (name, (low, _, high)) in enumerate(vars(assumptions).items()):
        ends = [earn(estimate.estimate, *centrals[:k], end, *centrals[k + 1 :]) for end in (low, high)]
        if name == "cost_per_year" and low < high and least == most != 0:  # saved hours turn the ends round
            (low, first), (high, last) = sorted(zip((low / hours, high / hours), ends, strict=True))
            rows.append(("cost of an agent hour", low, high, first, last))
        elif low < high:
            rows.append((ASSUMED[name][0], low, high, *ends))
    frame = pd.DataFrame(rows, columns=["doubt", "at_low", "at_high", "value_low", "value_high"])
    ends = frame[["value_low", "value_high"]]
    low, high = ends.min(axis=1, skipna=False), ends.max(axis=1, skipna=False)
    frame = frame.assign(central=earn(estimate.estimate, *centrals), low=low, high=high, swing=high - low)
    reason = pd.Series(estimate.reason or UNKNOWN, frame.index, dtype=object).where(frame["swing"].isna(), None)
    about = {"metric": estimate.metric, "unit": f"{CURRENCY} a year", "choice": estimate.treatment, "reason": reason}
    return frame.assign(**about).sort_values("swing", ascending=False, kind="stable", ignore_index=True)


def cash_by_month(by_age: Sequence[tuple[Estimate, float]], assumptions: Assumptions) -> pd.DataFrame:
    """Return cash in the twelve months after the choice is made for all, at central assumptions.

    A twelfth of the year's units comes in each month, spread evenly over it, and costs run from month 1. A unit has
    brought the observed difference of the first metric by its age, and so on; between two ages it grows evenly, before
    the first from 0, and after the last nothing more comes. The interval adds up the ends of the estimates'
    intervals, as if the amounts of all ages and months moved together. No dependence between them can make it
    wider: the standard deviation of a sum is at most the sum of the standard deviations.

    Parameters
    ----------
    by_age : sequence of (Estimate, days), one or more, ages rising from above 0
        Deciding differences of one comparison: money a unit, added up from assignment to that age.
    assumptions : Assumptions

    Returns
    -------
    DataFrame, one row a month: month (1 on), revenue (what the effect brings, before costs), cost, net, cumulative,
        cumulative_low, cumulative_high (money), confidence_level, interval, unit, choice, reason; figures are nan where
        a metric has no finite difference, and `reason` names it.

    References
    ----------
    Minkowski's inequality for standard deviations: Hardy, Littlewood & Polya (1952), Inequalities, theorem 24.
    """
    units, worth, cost = assumptions.central()
    values = np.array([(estimate.estimate, estimate.ci_low, estimate.ci_high) for estimate, _ in by_age])
    unknown = [estimate.metric for (estimate, _), ends in zip(by_age, values, strict=True) if np.isnan(ends).any()]
    values[:] = math.nan if unknown else values
    days = [0.0, *(float(age) for _, age in by_age)]
    brought = np.array([units * worth / 12 * _average_by_age(days, [0.0, *line]) for line in values.T])
    total, first = np.cumsum(brought - cost / 12, axis=1), by_age[0][0]
    amounts = {"revenue": brought[0], "cost": cost / 12, "net": brought[0] - cost / 12}
    amounts |= dict(zip(("cumulative", "cumulative_low", "cumulative_high"), total, strict=True))
    return pd.DataFrame({"month": np.arange(1, MONTHS + 1), **amounts}).assign(
        unit=CURRENCY,
        confidence_level=first.confidence_level,
        interval=first.interval,
        choice=first.treatment,
        reason=f"no difference with a finite interval: {', '.join(unknown)}" if unknown else None,
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
    cost_per_agent_hour: Range,
    by_age: Sequence[tuple[str, float]] = (),
) -> dict[str, pd.DataFrame]:
    """Return whether a choice pays, as tables of the results.

    Parameters
    ----------
    results : Results
    metric : str
        Its deciding difference is the effect.
    assumptions : Assumptions
        Their cost is that of the agent hours, whatever they say.
    extra_hours_per_year : float or triple, hours, or None
        Agent hours that the choice adds in a year; below 0 where it saves them. Where nobody knows them, nothing is
        told.
    cost_per_agent_hour : float or triple, money an hour
    by_age : sequence of (metric, days)
        What a unit has brought by each age, for the cash by month; without it, or where one of these metrics has no
        difference, there is none.

    Returns
    -------
    dict of DataFrame: `money`, `assumptions` (as `value_headline`), `break_even`, `probability`, `tornado`, `cash`;
        empty where the answer is withheld, the metric has no difference or the hours are unknown.

    Raises
    ------
    Refused: as `agent_cost`.
    """
    estimate = choose_effect(results, metric)
    if estimate is None or extra_hours_per_year is None:
        return {}
    assumptions = replace(assumptions, cost_per_year=agent_cost(extra_hours_per_year, cost_per_agent_hour))
    found, hours = value_headline(results, metric, assumptions), {"extra_hours_per_year": extra_hours_per_year}
    found["break_even"] = find_break_even(estimate, assumptions, **hours)
    found["probability"] = probability_pays(estimate, assumptions)
    found["tornado"] = list_tornado(estimate, assumptions, **hours)
    aged = [(choose_effect(results, name), days) for name, days in by_age]
    if aged and all(effect for effect, _ in aged):
        found["cash"] = cash_by_month(aged, assumptions)
    return found
