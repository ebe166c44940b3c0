"""An effect as money: what it is worth a year, whether it pays for what it costs, and how much each doubt moves."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats
from scipy.ndimage import map_coordinates
from scipy.special import ndtr

from helpers.inference.credibility import find_exaggeration, read_posterior
from helpers.inference.planning import power_normal
from helpers.queues import GIVEN
from helpers.records import Estimate, Results

Range = float | Sequence[float]  # certain, or low, central and high
CURRENCY = "USD"
ASSUMED = {  # how each assumption is told, and its unit
    "units_per_year": ("units a year", "units"),
    "value_per_unit": ("value of one unit of the outcome", f"{CURRENCY} within the observed follow-up"),
    "cost_per_year": ("cost a year", CURRENCY),
    "cost_per_hour": ("cost of an agent hour", f"{CURRENCY} a paid hour"),
    "breaks": ("breaks and training", "share of paid hours"),
    "handling": ("handling time", "times the planned"),
    "patience": ("patience", "times the planned"),
    "kept": ("effect, control as before", "share"),
}
DRAWS = 2**12  # of assumptions, spread evenly
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
        What the choice costs a year besides agents; it is taken off. Below 0 it saves.
    cost_per_hour : float or triple, dollars a paid agent hour, 0 or more
    breaks : float or triple, 0 to below 1
        Share of paid hours that is not spent at the desk (shrinkage).
    handling, patience : float or triple, times what was planned, above 0
    kept : float or triple, share of the effect
        What would be left of it, had the control stayed as it was before the experiment; 1 is as measured, and below 0
        it would be the other way round.
    hours : array, shape (3, 3, 3), optional
        Agent hours at the desk that the choice adds in a year, at low, central and high of units, handling and
        patience; below 0 where it saves them.
    """

    units_per_year: Range
    value_per_unit: Range
    cost_per_year: Range = 0.0
    cost_per_hour: Range = 0.0
    breaks: Range = 0.0
    handling: Range = 1.0
    patience: Range = 1.0
    kept: Range = 1.0
    hours: np.ndarray | None = None

    def __post_init__(self):
        for name in ASSUMED:
            given = getattr(self, name)
            spread = given if isinstance(given, (tuple, list)) else (given,) * 3
            object.__setattr__(self, name, tuple(map(float, spread)))

    def ranges(self) -> dict[str, tuple[float, float, float]]:
        """Return low, central and high of each assumption, by name."""
        return {name: getattr(self, name) for name in ASSUMED}

    def central(self) -> dict[str, float]:
        """Return the central value of each assumption."""
        return {name: spread[1] for name, spread in self.ranges().items()}

    def corners(self) -> dict[str, np.ndarray]:
        """Return every way to set each assumption at low, central or high, one array an assumption.

        Central ones too: hours in whole agents may be the most or the least there.
        """
        ends = itertools.product(*map(dict.fromkeys, self.ranges().values()))
        return dict(zip(ASSUMED, np.array(list(ends)).T, strict=True))

    def draw(self) -> dict[str, np.ndarray]:
        """Return assumptions drawn independently, each from a triangle: low, peak at central, high.

        References
        ----------
        Sobol (1967): points that fill the unit cube more evenly than random ones, and always the same.
        """
        open_ = [name for name, (low, _, high) in self.ranges().items() if low < high]
        points = stats.qmc.Sobol(max(len(open_), 1), scramble=False).random(DRAWS)
        found = {name: np.full(DRAWS, spread[1]) for name, spread in self.ranges().items()}
        for name, point in zip(open_, points.T, strict=False):
            low, peak, high = getattr(self, name)
            found[name] = stats.triang.ppf(point, (peak - low) / (high - low), low, high - low)
        return found

    def pay_hours(self, *, units_per_year, handling, patience, breaks, **_):
        """Return the paid agent hours that the choice adds in a year, breaks and training included.

        Between the hours that were planned for low, central and high they run in straight lines.
        """
        if self.hours is None:
            return 0.0 * units_per_year
        levels = {"units_per_year": units_per_year, "handling": handling, "patience": patience}
        places = [np.interp(value, getattr(self, name), range(3)) for name, value in levels.items()]
        places = np.broadcast_arrays(*places)
        found = map_coordinates(self.hours, [np.ravel(place) for place in places], order=1, mode="nearest")
        return found.reshape(np.shape(places[0])) / (1 - breaks)

    def bring(self, effect, *, units_per_year, value_per_unit, kept, **_):
        """Return the money a year that an effect brings before costs."""
        return effect * kept * units_per_year * value_per_unit

    def spend(self, *, cost_per_year, cost_per_hour, **others):
        """Return the cost a year."""
        return cost_per_year + cost_per_hour * self.pay_hours(**others)

    def earn(self, effect, **at):
        """Return the money a year that an effect brings, net of its cost: numbers or arrays that broadcast."""
        return self.bring(effect, **at) - self.spend(**at)


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
    """
    found = () if results.status == "withheld" else results.headline(metric)
    estimate = next((e for e in found if choice in (e.treatment, e.control)), next(iter(found), None))
    if estimate is None:
        return None
    estimate = estimate.turn() if choice == estimate.control else estimate
    ends = {name: getattr(estimate, name) for name in ("estimate", "ci_low", "ci_high")}
    return estimate.but(**{name: float(end) if math.isfinite(end) else math.nan for name, end in ends.items()})


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
    dict of DataFrame: `money` (`yearly_value`) and `assumptions` (`list_assumptions`); empty where the answer is
        withheld or the metric has no difference.
    """
    estimate = choose_effect(results, metric, choice)
    if estimate is None:
        return {}
    return {"money": yearly_value(estimate, assumptions), "assumptions": list_assumptions(assumptions)}


def list_assumptions(assumptions: Assumptions) -> pd.DataFrame:
    """Return every assumption behind the money, and the hours and the cost that follow from them, one row each.

    Parameters
    ----------
    assumptions : Assumptions

    Returns
    -------
    DataFrame: assumption, low, central, high, unit; low and high of what follows are the least and the most at any ends
        of the others. The last row says that nothing later is counted.
    """
    at, corners, agents = assumptions.central(), assumptions.corners(), assumptions.hours is not None
    told = list(ASSUMED) if agents else ["units_per_year", "value_per_unit"]
    ranges = {name: assumptions.ranges()[name] for name in told if name != "cost_per_year"}
    rows = [(ASSUMED[name][0], *ends, ASSUMED[name][1]) for name, ends in ranges.items()]
    follow = [("agent hours a year", assumptions.pay_hours, "paid hours")] if agents else []
    for label, find, unit in [*follow, ("cost a year", assumptions.spend, CURRENCY)]:
        ends = np.ravel(find(**corners))
        rows.append((label, ends.min(), float(find(**at)), ends.max(), unit))
    rows.append(("months counted", math.nan, math.nan, math.nan, "none beyond the observed follow-up"))
    return pd.DataFrame(rows, columns=["assumption", "low", "central", "high", "unit"])


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
    at, corners = assumptions.central(), assumptions.corners()
    chance = f"chance alone varies: {100 * estimate.confidence_level:g} % interval"
    both = "worst and best of both, without a confidence level"
    rows = [
        ("sampling interval at central assumptions", chance, estimate.interval, interval, at),
        ("range over assumptions at the central estimate", "assumptions alone vary", "scenario", [effect], corners),
        ("both (scenario)", both, "scenario", interval, corners),
    ]
    found = [[assumptions.earn(end, **case) for end in ends] for *_, ends, case in rows]
    ends = {"low": [np.min(one) for one in found], "high": [np.max(one) for one in found]}
    frame = pd.DataFrame([row[:3] for row in rows], columns=["row", "note", "interval"])
    reason = (estimate.reason or UNKNOWN) if np.isnan([effect, *interval]).any() else None
    about = {"unit": f"{CURRENCY} a year", "choice": estimate.treatment, "reason": reason}
    return frame.assign(**ends, central=float(assumptions.earn(effect, **at)), **about)


def find_chance(assumptions: Assumptions, effect, error, **at):
    """Return the chance that a year's net value is above 0, where the effect is normal: numbers or arrays."""
    gain, noise = assumptions.earn(effect, **at), abs(assumptions.bring(error, **at))  # `kept` may turn the effect
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(noise > 0, ndtr(np.divide(gain, noise)), gain > 0)


def _explain_chance(estimate):
    """Why there is no chance: looking early is not allowed for, and an effect without an error has none."""
    if estimate.interval != "fixed":
        return "it was looked at early, for which this chance does not allow"
    known = math.isfinite(estimate.estimate) and math.isfinite(estimate.std_error)
    return None if known else estimate.reason or "the effect has no standard error"


def probability_pays(estimate: Estimate, assumptions: Assumptions) -> pd.DataFrame:
    """Return the chance that a year's net value is above 0, at three readings of the assumptions.

    The effect is normal around the estimate with its standard error: what is believed after the data from a flat
    prior. It knows nothing of looking early, so that an experiment that was looked at has none.

    Parameters
    ----------
    estimate : Estimate, as `choose_effect` returns it
        Needs a standard error.
    assumptions : Assumptions

    Returns
    -------
    DataFrame, three rows: basis, probability (0 to 1), assumes (in words), choice, reason. The bases: central
        assumptions; assumptions drawn (`Assumptions.draw`); pessimistic, each at the end that makes paying least
        likely. nan where the estimate has no standard error or was looked at early; `reason` then says so.

    References
    ----------
    Gelman et al. (2013), Bayesian Data Analysis, section 2.5 (normal mean, flat prior).
    """
    reason, told = _explain_chance(estimate), "effect normal around the estimate, flat prior"
    drawn = "each assumption drawn by itself from a triangle: low, peak at central, high"
    worst = "each assumption at the end that is worst for paying"
    ways = [
        ("central assumptions", "all assumptions at central", assumptions.central(), np.mean),
        ("assumptions drawn", drawn, assumptions.draw(), np.mean),
        ("pessimistic assumptions", worst, assumptions.corners(), np.min),
    ]
    chances = [float(of(find_chance(assumptions, estimate.estimate, estimate.std_error, **at))) for *_, at, of in ways]
    frame = pd.DataFrame({"basis": [way[0] for way in ways], "assumes": [f"{told}; {way[1]}" for way in ways]})
    return frame.assign(probability=math.nan if reason else chances, choice=estimate.treatment, reason=reason)


def read_doubts(
    estimate: Estimate, assumptions: Assumptions, *, slower: Mapping[str, float], past_effects: float
) -> pd.DataFrame:
    """Return a year's net value by several readings of the measured effect, assumptions at central.

    As measured; as it would be, had the control stayed as it was before the experiment; and shrunk by a sceptic, who
    knows how large effects of the past were: a normal prior around 0. Beside each stands how a test of this size fares
    where so large an effect is the true one: how often it is clear, and how many times too large it then looks.

    Parameters
    ----------
    estimate : Estimate, as `choose_effect` returns it
    assumptions : Assumptions
    slower : mapping, a way in which the outcome may answer to waiting -> share of the effect that would be left
    past_effects : float, above 0
        Standard deviation of past effects, in the effect's unit.

    Returns
    -------
    DataFrame, one row a reading: reading, effect, effect_low, effect_high, brings (before costs), low, central, high
        (net value a year), probability (of a gain), power, overstates (times), metric, unit, choice, reason.

    References
    ----------
    See `inference.credibility.read_posterior` and `inference.credibility.find_exaggeration`.
    """
    error, alpha, at = estimate.std_error, 1 - estimate.confidence_level, assumptions.central()
    ends = estimate.estimate, estimate.ci_low, estimate.ci_high
    readings = {"as measured": (ends, error)}
    for name, share in slower.items():  # below 0 it turns the effect, and with it the ends
        low, high = sorted((share * ends[1], share * ends[2]))
        readings[name] = ((share * ends[0], low, high), share * error)
    shrunk = read_posterior(estimate, prior_sd=past_effects)
    if shrunk:
        readings["shrunk by a sceptic"] = ((shrunk.mean, shrunk.ci_low, shrunk.ci_high), shrunk.sd)
    rows, reason = [], _explain_chance(estimate)
    for name, (spread, noise) in readings.items():
        central, low, high = (float(assumptions.earn(end, **at)) for end in spread)
        row = dict(zip(("reading", "effect", "effect_low", "effect_high"), (name, *spread), strict=True))
        row |= {"brings": assumptions.bring(spread[0], **at), "low": low, "central": central, "high": high}
        row["probability"] = math.nan if reason else float(find_chance(assumptions, spread[0], noise, **at))
        row["power"] = power_normal(spread[0], error, 1, alpha=alpha)
        rows.append({**row, "overstates": find_exaggeration(spread[0], error, stats.norm.isf(alpha / 2))})
    about = {"metric": estimate.metric, "unit": f"{CURRENCY} a year", "choice": estimate.treatment, "reason": reason}
    return pd.DataFrame(rows).assign(**about)


def find_break_even(estimate: Estimate, assumptions: Assumptions) -> pd.DataFrame:
    """Return what an agent hour may cost for the choice to pay exactly, from the estimate and its interval.

    Parameters
    ----------
    estimate : Estimate, as `choose_effect` returns it
    assumptions : Assumptions, at central

    Returns
    -------
    DataFrame, three rows: basis (central estimate; low, high end of the interval), brings (money a year before costs),
        hours (paid, that the choice adds; below 0 where it saves them), break_even (money an agent hour), rule ("up to"
        it pays, "from" it pays, where hours are saved; "any" and "none", and break_even is then nan), assumed (central
        cost of an agent hour; nan without hours), unit, choice, reason (of what is nan).
    """
    at = assumptions.central()
    hours, level = float(assumptions.pay_hours(**at)), f"{100 * estimate.confidence_level:g} % interval"
    basis = ("central estimate", f"low end of the {level}", f"high end of the {level}")
    about = {"hours": hours, "assumed": at["cost_per_hour"] if hours else math.nan}
    about |= {"unit": f"{CURRENCY} an agent hour", "choice": estimate.treatment}
    rows = []
    for name, end in zip(basis, (estimate.estimate, estimate.ci_low, estimate.ci_high), strict=True):
        brings = assumptions.bring(end, **at) - at["cost_per_year"]
        rows.append((name, brings, *_solve_cost(brings, hours, estimate)))
    frame = pd.DataFrame(rows, columns=["basis", "brings", "break_even", "rule", "reason"], dtype=object)
    return frame.astype({"brings": float, "break_even": float}).assign(**about)


def _solve_cost(brings, hours, estimate):
    """The cost of an hour at which nothing is left, the side of it that pays, and why there is none."""
    if math.isnan(brings):
        return math.nan, None, estimate.reason or UNKNOWN
    if hours > 0:
        return (brings / hours, "up to", None) if brings >= 0 else (math.nan, "none", NEVER)
    if hours < 0:
        return (brings / hours, "from", None) if brings < 0 else (math.nan, "any", FREE)
    return (math.nan, "any", FREE) if brings > 0 else (math.nan, "none", IDLE)


def list_tornado(estimate: Estimate, assumptions: Assumptions) -> pd.DataFrame:
    """Return how far each doubt alone moves a year's net value, the others at central: the largest first.

    Parameters
    ----------
    estimate : Estimate, as `choose_effect` returns it
    assumptions : Assumptions

    Returns
    -------
    DataFrame, one row a doubt (the effect, and each assumption that is a range): doubt, at_low, at_high (the ends of
        the doubt, in its own unit), value_low, value_high (net value a year there), central (the same in all rows),
        low, high (the least and the greatest of the three), swing (their distance), metric, unit, choice, reason. Where
        the interval has no finite end the row of the effect is nan and stands last; `reason` says why.
    """
    effect, at, interval = estimate.estimate, assumptions.central(), (estimate.ci_low, estimate.ci_high)
    rows = [("effect", *interval, *(float(assumptions.earn(end, **at)) for end in interval))]
    for name, (low, _, high) in assumptions.ranges().items():
        if low < high:
            ends = (float(assumptions.earn(effect, **{**at, name: end})) for end in (low, high))
            rows.append((ASSUMED[name][0], low, high, *ends))
    frame = pd.DataFrame(rows, columns=["doubt", "at_low", "at_high", "value_low", "value_high"])
    frame["central"] = float(assumptions.earn(effect, **at))
    ends = frame[["value_low", "central", "value_high"]]  # hours in whole agents may cost most at central
    low, high = ends.min(axis=1, skipna=False), ends.max(axis=1, skipna=False)
    frame = frame.assign(low=low, high=high, swing=high - low)
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
    at = assumptions.central()
    cost = float(assumptions.spend(**at))
    values = np.array([(estimate.estimate, estimate.ci_low, estimate.ci_high) for estimate, _ in by_age])
    unknown = [estimate.metric for (estimate, _), ends in zip(by_age, values, strict=True) if np.isnan(ends).any()]
    values[:] = math.nan if unknown else values
    days = [0.0, *(float(age) for _, age in by_age)]
    brought = np.array([assumptions.bring(1 / 12, **at) * _average_by_age(days, [0.0, *line]) for line in values.T])
    total, first = np.cumsum(brought - cost / 12, axis=1), by_age[0][0]
    amounts = {"revenue": brought[0], "cost": cost / 12, "net": brought[0] - cost / 12}
    amounts |= dict(zip(("cumulative", "cumulative_low", "cumulative_high"), total, strict=True))
    reason = f"no difference with a finite interval: {', '.join(unknown)}" if unknown else None
    about = {"unit": CURRENCY, "interval": first.interval, "choice": first.treatment, "reason": reason}
    months = pd.DataFrame({"month": np.arange(1, MONTHS + 1), **amounts})
    return months.assign(confidence_level=first.confidence_level, **about)


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
    results: Results, metric: str, assumptions: Assumptions, *, hours, past_effects: float, slower=None, by_age=()
) -> dict[str, pd.DataFrame]:
    """Return whether a choice pays, as tables of the results.

    Parameters
    ----------
    results : Results
    metric : str
        Its deciding difference is the effect.
    assumptions : Assumptions
    hours : DataFrame or None
        As `queues.study_staffing` returns `agent_hours`. Where nobody knows them, nothing is told.
    slower : DataFrame, optional
        As `inference.study_replies` returns it: what would be left of an effect, had the control not become slower.
    past_effects : float, above 0
        Standard deviation of past effects as a share of the control's value.
    by_age : sequence of (metric, days), ages rising
        What a unit has brought by each age, for the cash by month; without it, or where one of these metrics has no
        difference, there is none.

    Returns
    -------
    dict of DataFrame: `money`, `assumptions` (as `value_headline`), `break_even`, `probability`, `tornado`,
        `effect_readings`, `cash`; empty where the answer is withheld, the metric has no difference or the hours are
        unknown.
    """
    estimate = choose_effect(results, metric)
    if estimate is None or hours is None:
        return {}
    left = {}
    if slower is not None and not slower.empty:
        rows = slower[(slower["metric"] == metric) & slower["is_measured"] & slower["factor"].notna()]
        left = {f"corrected, {row.response}": row.factor for row in rows.itertuples()}
    kept = (min([1.0, *left.values()]), 1.0, max([1.0, *left.values()]))
    desk = hours["extra_hours"].to_numpy(float).reshape(3, 3, 3)
    assumptions = replace(assumptions, kept=kept, hours=desk)
    if (hours["basis"] == GIVEN).all():  # as paid, whatever the work is
        assumptions = replace(assumptions, handling=1.0, patience=1.0, breaks=0.0)
    found = value_headline(results, metric, assumptions)
    found["break_even"] = find_break_even(estimate, assumptions)
    found["probability"] = probability_pays(estimate, assumptions)
    found["tornado"] = list_tornado(estimate, assumptions)
    past = past_effects * abs(estimate.control_value)
    found["effect_readings"] = read_doubts(estimate, assumptions, slower=left, past_effects=past)
    aged = [(choose_effect(results, name), days) for name, days in by_age]
    if aged and all(effect for effect, _ in aged):
        found["cash"] = cash_by_month(aged, assumptions)
    return found
