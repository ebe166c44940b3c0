"""An effect as money: what it is worth a year under assumptions that the reader can see, and how likely it pays."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from helpers.records import Estimate, Refused, Results

Range = float | tuple[float, float, float]  # certain, or low, central and high
POPULATIONS = ("itt", "responders")
LABELS = {
    "units_per_year": "units a year",
    "value_per_unit": "value of one unit of the outcome",
    "cost_per_year": "cost a year",
    "monthly_persistence": "share that stays from month to month",
}
NODES = 16  # of the quadrature, on either side of a triangle's peak
BELOW_0 = (-math.inf, math.inf, ", below 0 where it saves")
BOUNDS = {"monthly_persistence": (0, 1, ", between 0 and 1"), "cost_per_year": BELOW_0, "extra_hours": BELOW_0}


@dataclass(frozen=True)
class Assumptions:
    """What turns an effect into money; each range is (low, central, high), one number where it is certain.

    Parameters
    ----------
    units_per_year : float or triple, units that meet the choice in a year, 0 or more
    value_per_unit : float or triple, 0 or more
        Worth of one unit of the outcome (1 where the outcome is money): within the observed follow-up, or per
        month where a horizon is given.
    monthly_persistence : float or triple, 0 to 1, optional
        Share of the value that is left after each month. Needs `horizon_months`.
    horizon_months : int, 1 or more, optional
        Months that are counted, the first in full. None counts nothing beyond the observed follow-up.
    cost_per_year : float or triple
        What the choice costs a year; it is taken off. Below 0 it saves.
    unit : str
        Currency of the result.

    Raises
    ------
    Refused: a horizon without a persistence or the reverse, a range out of order or out of bounds.
    """

    units_per_year: Range
    value_per_unit: Range
    monthly_persistence: Range | None = None
    horizon_months: int | None = None
    cost_per_year: Range = 0.0
    unit: str = "USD"

    def __post_init__(self):
        if (self.horizon_months is None) != (self.monthly_persistence is None):
            raise Refused(
                "horizon_months and monthly_persistence belong together; "
                "give both, or neither to count the observed follow-up only"
            )
        if self.horizon_months is not None and not self.horizon_months >= 1:
            raise Refused("horizon_months: below 1; give whole months")
        for name in LABELS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, read_range(name, getattr(self, name)))

    def ranges(self) -> dict[str, tuple[float, float, float]]:
        """Return low, central and high of units, value, cost and share that stays, in this order, by name."""
        given = {name: getattr(self, name) for name in LABELS}
        return {name: (1.0,) * 3 if spread is None else spread for name, spread in given.items()}

    def central(self) -> list[float]:
        """Return the central value of each range."""
        return [spread[1] for spread in self.ranges().values()]

    def corners(self) -> list[tuple[float, ...]]:
        """Return every way to set each range at one of its ends."""
        return list(itertools.product(*(dict.fromkeys((low, high)) for low, _, high in self.ranges().values())))

    def earn(self, effect, units, worth, cost, kept):
        """Return the money a year that an effect brings, net of its cost: numbers or arrays that broadcast."""
        return effect * units * worth * sum(kept**month for month in range(self.horizon_months or 1)) - cost


def yearly_value(estimate: Estimate, assumptions: Assumptions, *, choice: str | None = None) -> pd.DataFrame:
    """Return what one year's units are worth more under one arm than under the other, net of its cost.

    The rows keep two uncertainties apart: what chance leaves open, and what is assumed. The third row joins the
    worst and the best of both; it is a scenario and has no confidence level.

    Parameters
    ----------
    estimate : Estimate
        A difference per randomised unit among all assigned (a lift or an effect in compliers is another thing);
        one among responders is taken to hold for all.
    assumptions : Assumptions
    choice : str, optional
        The arm whose value is told, the treatment when left out; the control where the treatment takes away.

    Returns
    -------
    DataFrame, three rows: row (DESIGN's names), note (what is held fixed), low, central, high (money a year, `unit`),
        interval ("fixed" or as the estimate's, "scenario" for ranges over assumptions), choice, reason;
        figures are nan where the estimate or its interval is not finite, and `reason` says why.

    Raises
    ------
    Refused: the estimate is not a difference among all assigned; the choice is not one of its arms.
    """
    effect, *interval = read_effect(estimate, choice)
    low, central, high = (assumptions.earn(end, *assumptions.central()) for end in (interval[0], effect, interval[1]))
    assumed, joint = (
        [assumptions.earn(end, *corner) for end in ends for corner in assumptions.corners()]
        for ends in ([effect], interval)
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
    reason = explain_unknown(estimate) if np.isnan([effect, *interval]).any() else None
    return frame.assign(unit=f"{assumptions.unit} a year", choice=choice or estimate.treatment, reason=reason)


def probability_pays(estimate: Estimate, assumptions: Assumptions, *, choice: str | None = None) -> pd.DataFrame:
    """Return the chance that a year's net value is above 0, at three readings of the assumptions.

    The effect is normal around the estimate with its standard error: what is believed after the data from a flat
    prior. It pays where effect x factor > cost, so the chance at given assumptions is that of an effect above
    cost / factor. It knows nothing of looking early, so that an unfinished experiment has none.

    Parameters
    ----------
    estimate : Estimate, as for `yearly_value`
        Needs a standard error.
    assumptions : Assumptions
    choice : str, optional, as for `yearly_value`

    Returns
    -------
    DataFrame, three rows: basis, probability (0 to 1), assumes (in words), choice, reason. The bases: central
        assumptions; assumptions drawn independently, each from a triangle between its low and high end with its peak at
        central (deterministic quadrature of 16 Gauss-Legendre nodes on either side of the peak); pessimistic, each
        at the end that makes paying least likely. nan where the estimate has no standard error or is of an unfinished
        experiment; `reason` then says so.

    Raises
    ------
    Refused: as `yearly_value`.

    References
    ----------
    Gelman et al. (2013), Bayesian Data Analysis, section 2.5 (normal mean, flat prior). Davis & Rabinowitz (1984),
    Methods of Numerical Integration, section 2.7 (Gauss-Legendre).
    """
    centre, reason = read_effect(estimate, choice)[0], None

    def find_chance(units, worth, cost, kept):
        gain = assumptions.earn(centre, units, worth, cost, kept)
        noise = assumptions.earn(estimate.std_error, units, worth, 0 * cost, kept)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(noise > 0, ndtr(np.divide(gain, noise)), gain > 0)

    nodes, weights = zip(*map(_place_nodes, assumptions.ranges().values()), strict=True)
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
    assumes = [f"{told}; {how}" for how in said.values()]
    return frame.assign(assumes=assumes, choice=choice or estimate.treatment, reason=reason)


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


def list_assumptions(assumptions: Assumptions) -> pd.DataFrame:
    """Return every assumption behind the money, one row each, to stand beside it.

    Parameters
    ----------
    assumptions : Assumptions

    Returns
    -------
    DataFrame: assumption, low, central, high, unit; without a horizon a row says that nothing later is counted.
    """
    money, months = assumptions.unit, assumptions.horizon_months
    units = {"units_per_year": "units", "cost_per_year": money, "monthly_persistence": "share a month"}
    units["value_per_unit"] = f"{money} per month" if months else f"{money} within the observed follow-up"
    told = [name for name in LABELS if months or name != "monthly_persistence"]
    rows = [(LABELS[name], *assumptions.ranges()[name], units[name]) for name in told]
    counted, unit = (float(months), "months") if months else (math.nan, "none beyond the observed follow-up")
    rows.append(("months counted", counted, counted, counted, unit))
    return pd.DataFrame(rows, columns=["assumption", "low", "central", "high", "unit"])


def value_headline(
    results: Results, metric: str, assumptions: Assumptions, *, choice: str | None = None
) -> dict[str, pd.DataFrame]:
    """Return the money of a metric's deciding difference, and the assumptions behind it, as tables of the results.

    Parameters
    ----------
    results : Results
    metric : str
    assumptions : Assumptions
    choice : str, optional
        As for `yearly_value`; of several treatments the first that is compared with it.

    Returns
    -------
    dict of DataFrame: `money` (`yearly_value`) and `assumptions` (`list_assumptions`); empty where the answer is
        withheld or the metric has no difference.

    Raises
    ------
    Refused: the choice is not one of the arms.
    """
    estimate = find_chosen(results, metric, choice)
    if estimate is None:
        return {}
    money = yearly_value(estimate, assumptions, choice=choice)
    return {"money": money, "assumptions": list_assumptions(assumptions)}


def find_chosen(results: Results, metric: str, choice: str | None) -> Estimate | None:
    """Return a metric's deciding difference, of several the first that is about the choice; None where there is none.

    Parameters
    ----------
    results : Results
        A withheld one has no difference, whatever it still holds.
    metric : str
    choice : str or None, an arm
    """
    found = () if results.status == "withheld" else results.headline(metric)
    return next((e for e in found if choice in (e.treatment, e.control)), next(iter(found), None))


def read_range(name: str, value: Range) -> tuple[float, float, float]:
    """Return low, central and high of an assumption; a number that is certain is all three.

    Raises
    ------
    Refused: it is not one finite number, or three in rising order, within its bounds.
    """
    least, most, bounds = BOUNDS.get(name, (0, math.inf, ", 0 or more"))
    spread = tuple(map(float, value)) if isinstance(value, (tuple, list)) else (float(value),) * 3
    rising = len(spread) == 3 and least <= spread[0] <= spread[1] <= spread[2] <= most
    if not rising or not all(map(math.isfinite, spread)):
        raise Refused(f"{name}: give one number, or low, central and high in rising order{bounds}")
    return spread


def read_effect(estimate: Estimate, choice: str | None) -> tuple[float, float, float]:
    """Return the effect of the choice: estimate, low and high end of its interval; nan where one is not finite.

    Raises
    ------
    Refused: the estimate is not a difference among all assigned or all who answered; the choice is not an arm of it.
    """
    if estimate.estimand != "difference" or estimate.population not in POPULATIONS:
        raise Refused(
            f"yearly value of {estimate.metric}: came {estimate.estimand} ({estimate.population}); "
            "give the difference among all assigned"
        )
    if choice not in (None, estimate.treatment, estimate.control):
        raise Refused(f"yearly value of {estimate.metric}: the choice is {estimate.treatment} or {estimate.control}")
    found = estimate.estimate, estimate.ci_low, estimate.ci_high
    if choice == estimate.control:
        found = -found[0], -found[2], -found[1]
    return tuple(float(value) if math.isfinite(value) else math.nan for value in found)


def explain_unknown(estimate: Estimate) -> str:
    """Return why a figure made of the estimate is unknown."""
    return estimate.reason or "the effect has no finite interval"
