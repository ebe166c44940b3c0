"""An effect as money: what it is worth a year, under assumptions that the reader can see."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, fields

import pandas as pd

from helpers.records import Estimate, Refused, Results

SAMPLING = "sampling interval at central assumptions"
ASSUMED = "range over assumptions at the central estimate"
BOTH = "both (scenario)"
POPULATIONS = ("itt", "responders")
LABELS = {
    "units_per_year": "units a year",
    "value_per_unit": "value of one unit of the outcome",
    "cost_per_year": "cost a year",
    "monthly_persistence": "share that stays from month to month",
    "horizon_months": "months counted",
}
BOUNDS = {
    "monthly_persistence": (0, 1, ", between 0 and 1"),
    "cost_per_year": (-math.inf, math.inf, ", below 0 where it saves"),
    "extra_hours": (-math.inf, math.inf, ", below 0 where it saves"),
}


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

    units_per_year: float | tuple[float, float, float]
    value_per_unit: float | tuple[float, float, float]
    monthly_persistence: float | tuple[float, float, float] | None = None
    horizon_months: int | None = None
    cost_per_year: float | tuple[float, float, float] = 0.0
    unit: str = "USD"

    def __post_init__(self):
        if (self.horizon_months is None) != (self.monthly_persistence is None):
            raise Refused(
                "horizon_months and monthly_persistence belong together; "
                "give both, or neither to count the observed follow-up only"
            )
        if self.horizon_months is not None and not self.horizon_months >= 1:
            raise Refused("horizon_months: below 1; give whole months")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in LABELS and field.name != "horizon_months" and value is not None:
                check_range(field.name, value)

    def multipliers(self) -> tuple[float, float, float]:
        """Return the money a year that an effect of 1 brings before costs: low, central, high."""
        units, worth, kept = self.factors()
        return tuple(self.multiply(*values) for values in zip(units, worth, kept, strict=True))

    def factors(self) -> tuple[tuple[float, float, float], ...]:
        """Return what the effect is multiplied by, each as low, central, high: units, value, share that stays."""
        kept = 1.0 if self.monthly_persistence is None else self.monthly_persistence
        return read_range(self.units_per_year), read_range(self.value_per_unit), read_range(kept)

    def multiply(self, units, worth, kept):
        """Return the money a year of an effect of 1 from one value, or an array of values, of each factor."""
        months = 1.0 if self.horizon_months is None else sum(kept**m for m in range(self.horizon_months))
        return units * worth * months

    def costs(self) -> tuple[float, float, float]:
        """Return the cost a year: low, central, high."""
        return read_range(self.cost_per_year)


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
        figures are nan where the estimate or its interval is, and `reason` says why.

    Raises
    ------
    Refused: the estimate is not a difference among all assigned; the choice is not one of its arms.
    """
    sign = read_sign(estimate, choice)
    low, high = sorted((sign * estimate.ci_low, sign * estimate.ci_high))
    centre, (few, factor, many) = sign * estimate.estimate, assumptions.multipliers()
    cheap, cost, dear = assumptions.costs()
    centre_value = centre * factor - cost
    assumed = _extremes([centre], [few, many], [cheap, dear])
    joint = _extremes([low, high], [few, many], [cheap, dear])
    level = f"{100 * estimate.confidence_level:g} % interval"
    rows = [
        (
            SAMPLING,
            f"chance alone varies: {level}",
            low * factor - cost,
            centre_value,
            high * factor - cost,
            estimate.interval,
        ),
        (ASSUMED, "assumptions alone vary", assumed[0], centre_value, assumed[1], "scenario"),
        (BOTH, "worst and best of both, without a confidence level", joint[0], centre_value, joint[1], "scenario"),
    ]
    frame = pd.DataFrame(rows, columns=["row", "note", "low", "central", "high", "interval"])
    unknown = not all(map(math.isfinite, (low, centre, high)))
    reason = explain_unknown(estimate) if unknown else None
    return frame.assign(unit=f"{assumptions.unit} a year", choice=choice or estimate.treatment, reason=reason)


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
    return {
        "money": yearly_value(estimate, assumptions, choice=choice),
        "assumptions": list_assumptions(assumptions),
    }


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
    about = [e for e in found if choice in (e.treatment, e.control)]
    return next(iter([*about, *found]), None)


def list_assumptions(assumptions: Assumptions) -> pd.DataFrame:
    """Return every assumption behind the money, one row each, to stand beside it.

    Parameters
    ----------
    assumptions : Assumptions

    Returns
    -------
    DataFrame: assumption, low, central, high, unit; without a horizon a row says that nothing later is counted.
    """
    money = assumptions.unit
    per = "per month" if assumptions.horizon_months else "within the observed follow-up"
    units = {"units_per_year": "units", "value_per_unit": f"{money} {per}", "cost_per_year": money}
    units |= {"monthly_persistence": "share a month", "horizon_months": "months"}
    rows = [
        (LABELS[name], *read_range(getattr(assumptions, name)), units[name])
        for name in LABELS
        if getattr(assumptions, name) is not None
    ]
    if assumptions.horizon_months is None:
        rows.append((LABELS["horizon_months"], *(math.nan,) * 3, "none beyond the observed follow-up"))
    return pd.DataFrame(rows, columns=["assumption", "low", "central", "high", "unit"])


def read_range(value: float | tuple[float, float, float]) -> tuple[float, float, float]:
    """Return low, central and high of an assumption; a number that is certain is all three."""
    return tuple(map(float, value)) if isinstance(value, (tuple, list)) else (float(value),) * 3


def check_range(name: str, value: float | tuple[float, float, float]) -> None:
    """Check that an assumption is one finite number, or three in rising order, within its bounds.

    Raises
    ------
    Refused: it is not.
    """
    least, most, bounds = BOUNDS.get(name, (0, math.inf, ", 0 or more"))
    spread = read_range(value)
    rising = len(spread) == 3 and least <= spread[0] <= spread[1] <= spread[2] <= most
    if not rising or not all(map(math.isfinite, spread)):
        raise Refused(f"{name}: give one number, or low, central and high in rising order{bounds}")


def read_sign(estimate: Estimate, choice: str | None) -> int:
    """Return 1 where the treatment is chosen (or nothing said), -1 where the control is.

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
    return -1 if choice == estimate.control else 1


def read_effect(estimate: Estimate, choice: str | None) -> tuple[float, float, float]:
    """Return the effect of the choice: estimate, low and high end of its interval; nan where one is not finite.

    Raises
    ------
    Refused: as `read_sign`.
    """
    sign = read_sign(estimate, choice)
    low, high = (estimate.ci_low, estimate.ci_high)[::sign]
    found = sign * estimate.estimate, sign * low, sign * high
    return tuple(float(value) if math.isfinite(value) else math.nan for value in found)


def explain_unknown(estimate: Estimate) -> str:
    """Return why a figure made of the estimate is unknown."""
    return estimate.reason or "the effect has no finite interval"


def _extremes(effects, factors, costs):
    values = [effect * factor - cost for effect, factor, cost in itertools.product(effects, factors, costs)]
    return (math.nan, math.nan) if any(map(math.isnan, values)) else (min(values), max(values))
