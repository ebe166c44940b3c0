"""What the doubts do to a year's net value: the chance that it is above 0, and how far each doubt alone moves it."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import ndtr

from helpers.records import Estimate
from helpers.value.yearly import LABELS, Assumptions, explain_unknown, read_effect, read_range

NODES = 16  # of the quadrature, on either side of a triangle's peak
HOUR = "cost of an agent hour"
CENTRAL, DRAWN, PESSIMISTIC = "central assumptions", "assumptions drawn", "pessimistic assumptions"


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
    centre, spread = read_effect(estimate, choice)[0], estimate.std_error
    ranges = [*assumptions.factors(), assumptions.costs()]
    ends = [tuple(dict.fromkeys((low, high))) for low, _, high in ranges]
    corners = [_chance_above(centre, spread, assumptions, *corner) for corner in itertools.product(*ends)]
    centrals = [central for _, central, _ in ranges]
    chances = [_chance_above(centre, spread, assumptions, *centrals), _integrate(centre, spread, assumptions, ranges)]
    told = "effect normal around the estimate, flat prior"
    said = (
        "all assumptions at central",
        "each assumption drawn by itself from a triangle: low, peak at central, high",
        "each assumption at the end that is worst for paying",
    )
    is_over = estimate.interval == "fixed"
    chances = [float(chance) if is_over else math.nan for chance in (*chances, min(corners))]
    frame = pd.DataFrame({"basis": [CENTRAL, DRAWN, PESSIMISTIC], "probability": chances})
    known = math.isfinite(centre) and math.isfinite(spread)
    reason = None if known else estimate.reason or "the effect has no standard error"
    reason = reason if is_over else "the experiment is not finished"
    return frame.assign(assumes=[f"{told}; {how}" for how in said], choice=choice or estimate.treatment, reason=reason)


def _chance_above(centre, spread, assumptions, units, worth, kept, cost):
    """The chance that effect x factor - cost is above 0; numbers or arrays that broadcast."""
    if not (math.isfinite(centre) and math.isfinite(spread)):
        return math.nan
    factor = assumptions.multiply(units, worth, kept) * np.ones(np.shape(cost))
    gain, noise = centre * factor - cost, spread * factor
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(noise > 0, ndtr(gain / noise), gain > 0)


def _integrate(centre, spread, assumptions, ranges):
    nodes, weights = zip(*map(_place_nodes, ranges), strict=True)
    grids = np.meshgrid(*nodes, indexing="ij", sparse=True)
    chances = np.broadcast_to(_chance_above(centre, spread, assumptions, *grids), [len(n) for n in nodes])
    for weight in reversed(weights):
        chances = chances @ weight
    return chances


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


def list_tornado(
    estimate: Estimate,
    assumptions: Assumptions,
    *,
    choice: str | None = None,
    extra_hours_per_year: float | tuple[float, float, float] = 0.0,
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
    effects = read_effect(estimate, choice)
    rows = [("effect", effects[1], effects[2], *(_net(effect, assumptions) for effect in effects[1:]))]
    for name in ("units_per_year", "value_per_unit", "monthly_persistence", "cost_per_year"):
        spread = read_range(getattr(assumptions, name) if getattr(assumptions, name) is not None else 1.0)
        if spread[0] < spread[2]:
            ends = [_net(effects[0], replace(assumptions, **{name: end})) for end in (spread[0], spread[2])]
            rows.append((LABELS[name], spread[0], spread[2], *ends))
    rows = [_tell_per_hour(row, read_range(extra_hours_per_year)) for row in rows]
    frame = pd.DataFrame(rows, columns=["doubt", "at_low", "at_high", "value_low", "value_high"])
    ends = frame[["value_low", "value_high"]]
    low, high = ends.min(axis=1, skipna=False), ends.max(axis=1, skipna=False)
    frame = frame.assign(central=_net(effects[0], assumptions), low=low, high=high, swing=high - low)
    reason = pd.Series(explain_unknown(estimate), frame.index, dtype=object).where(frame["swing"].isna(), None)
    about = {"metric": estimate.metric, "unit": f"{assumptions.unit} a year", "choice": choice or estimate.treatment}
    frame = frame.assign(**about, reason=reason)
    return frame.sort_values("swing", ascending=False, kind="stable", ignore_index=True)


def _net(effect, assumptions):
    return effect * assumptions.multipliers()[1] - assumptions.costs()[1] if math.isfinite(effect) else math.nan


def _tell_per_hour(row, hours):
    """The row of the cost by agent hour, where the hours are certain; saved hours turn its ends round."""
    if row[0] != LABELS["cost_per_year"] or hours[0] != hours[2] or not hours[1]:
        return row
    (first, first_value), (last, last_value) = sorted(((row[1] / hours[1], row[3]), (row[2] / hours[1], row[4])))
    return HOUR, first, last, first_value, last_value
