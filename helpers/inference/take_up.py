"""Effects of taking up what is offered, by way of the randomised offer: compliers, weak offers, and E-values."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from helpers.inference.associations import NO_SPREAD, build_effect
from helpers.inference.pairs import satterthwaite
from helpers.records import Effect, Moments

WEAK_F = 10.0
NO_FIRST_STAGE = "take-up is the same in both arms, so the offer says nothing about taking"
TOO_FEW = "an arm has fewer than two units with outcome and take-up known"


@dataclass(frozen=True)
class FirstStage:
    """How strongly the offer moves take-up: the difference, its F, and one sentence about who does not comply.

    `take_up` is treatment minus control in shares; `f` the squared t of it, nan when undefined and inf when
    everybody complies; `is_weak` is True below 10, where the delta interval of the complier effect misleads.
    """

    take_up: Effect
    f: float
    is_weak: bool
    note: str


def fold_take_up(rows: pd.DataFrame) -> tuple[Moments, Moments]:
    """Return the moments of outcome and take-up in the control and in the treatment arm, one unit a row.

    Parameters
    ----------
    rows : DataFrame, one row per randomised unit
        `y`, `assigned` (1 = treatment arm), `taken` (1 = took it up); a row that lacks one of them is left out.

    Returns
    -------
    tuple of Moments: control, treatment; names ("y", "taken"); `missing` counts the rows left out.
    """
    return _fold(rows[rows["assigned"] == 0]), _fold(rows[rows["assigned"] == 1])


def complier_effect(units, *, confidence_level: float = 0.95) -> Effect:
    """Return the complier average causal effect: the offer's effect on the outcome over its effect on take-up.

    The effect of taking (taker minus not) on units that take because of the offer, whichever arm has more
    take-up. It needs that the offer works only through taking and discourages nobody. Interval by the delta
    method; do not rely on it when `first_stage` is weak: use `anderson_rubin`. Units are the randomised ones.

    Parameters
    ----------
    units : DataFrame as for `fold_take_up`, or its result (control, treatment), which an engine may compute
    confidence_level : float, 0 to 1

    Returns
    -------
    Effect: with Welch-Satterthwaite degrees of freedom; `treatment_value` and `control_value` are the compliers'
        mean outcome with and without taking (implied means, which chance or a failed assumption can push out of
        the possible range); nan with a reason when take-up does not differ or an arm has fewer than two units.

    References
    ----------
    Imbens and Angrist (1994), Identification and estimation of local average treatment effects; Bloom (1984).
    """
    control, treatment = _read(units)
    method = "wald ratio, delta"
    if min(control.n, treatment.n) < 2:
        return Effect(method=method, reason=TOO_FEW)
    gap, cov = _contrast(control, treatment)
    if gap[1] == 0:
        return Effect(method=method, reason=NO_FIRST_STAGE)
    effect = float(gap[0] / gap[1])
    weights = np.array([1.0, -effect])
    error = math.sqrt(max(float(weights @ cov @ weights), 0.0)) / abs(float(gap[1]))
    taking = float((_product(treatment) - _product(control)) / gap[1])
    df = _welch_df(control, treatment, weights)
    values = (taking - effect, taking)
    return build_effect(effect, error, df, values=values, method=method, confidence_level=confidence_level)


def anderson_rubin(units, *, confidence_level: float = 0.95) -> Effect:
    """Return the complier effect with its Anderson-Rubin confidence set, right however weak the take-up is.

    The set holds every effect b for which the arms do not differ in y - b x taken (Welch variances, the degrees
    of freedom of the intention-to-treat test, so that the set leaves out 0 exactly when that test rejects).

    Parameters
    ----------
    units : DataFrame as for `fold_take_up`, or its result
    confidence_level : float, 0 to 1

    Returns
    -------
    Effect: `p_value` is that of intention to treat; `ci_low`, `ci_high` where the set is one interval; otherwise
        they are nan, `reason` says so and `ci_set` holds two rays, one ray, the whole line, or nothing.

    References
    ----------
    Anderson and Rubin (1949); Fieller (1954); Andrews, Stock and Sun (2019), section 5.
    """
    control, treatment = _read(units)
    point = replace(
        complier_effect((control, treatment), confidence_level=confidence_level),
        std_error=math.nan, df=None, ci_low=math.nan, ci_high=math.nan, p_value=math.nan, method="anderson-rubin",
    )  # fmt: skip
    if min(control.n, treatment.n) < 2:
        return point
    gap, cov = _contrast(control, treatment)
    df = _welch_df(control, treatment, np.array([1.0, 0.0]))
    found = _solve(gap, cov, float(stats.t.isf((1 - confidence_level) / 2, df)))
    if found is None:
        return replace(point, reason=point.reason or NO_SPREAD)
    p = float(2 * stats.t.sf(abs(gap[0]) / math.sqrt(cov[0, 0]), df))
    if len(found) == 1 and None not in found[0]:
        return replace(point, df=df, p_value=p, ci_low=found[0][0], ci_high=found[0][1])
    return replace(point, df=df, p_value=p, ci_set=found, reason=point.reason or _describe(found))


def first_stage(units, *, confidence_level: float = 0.95) -> FirstStage:
    """Return how much the offer moves take-up, with its F and what non-compliance there is.

    Parameters
    ----------
    units : DataFrame as for `fold_take_up`, or its result
    confidence_level : float, 0 to 1

    Returns
    -------
    FirstStage: `take_up` is nan with a reason when an arm has fewer than two units.

    References
    ----------
    Staiger and Stock (1997): a first-stage F below 10 is weak.
    """
    control, treatment = _read(units)
    if min(control.n, treatment.n) < 2:
        return FirstStage(Effect(method="welch", reason=TOO_FEW), math.nan, True, f"Not tested: {TOO_FEW}.")
    gap, cov = _contrast(control, treatment)
    low, high = float(control.mean[1]), float(treatment.mean[1])
    error = math.sqrt(cov[1, 1])
    df = _welch_df(control, treatment, np.array([0.0, 1.0]))
    take_up = build_effect(high - low, error, df, values=(low, high), method="welch", confidence_level=confidence_level)
    f = float(gap[1] / error) ** 2 if error > 0 else (math.inf if gap[1] else math.nan)
    return FirstStage(take_up, f, not f >= WEAK_F, _note(min(low, high), max(low, high), f))


def e_value(risk_ratio: float, limit: float | None = None) -> tuple[float, float]:
    """Return how strong an unmeasured common cause must be to explain a risk ratio away, and its interval.

    Parameters
    ----------
    risk_ratio : float, above 0
    limit : float, above 0, optional
        The end of its confidence interval that is nearer to 1.

    Returns
    -------
    tuple of float: the E-value of the estimate and of the limit, each a risk ratio of 1 or more; 1 for a limit
        at or beyond 1; nan for what is missing or not above 0.

    References
    ----------
    VanderWeele and Ding (2017), Sensitivity analysis in observational research: introducing the E-value.

    Examples
    --------
    >>> [round(value, 2) for value in e_value(3.9, 1.8)]
    [7.26, 3.0]
    """
    if limit is None or math.isnan(limit) or limit <= 0 or not risk_ratio > 0:
        return _needed(risk_ratio), math.nan
    return _needed(risk_ratio), _needed(limit) if (limit > 1) == (risk_ratio > 1) else 1.0


def _needed(ratio):
    if not 0 < ratio < math.inf:
        return math.nan
    ratio = max(ratio, 1 / ratio)
    return ratio + math.sqrt(ratio * (ratio - 1))


def _read(units):
    return fold_take_up(units) if isinstance(units, pd.DataFrame) else units


def _fold(rows):
    known = rows[["y", "taken"]].dropna().to_numpy(float)
    n = len(known)
    cov = np.cov(known, rowvar=False) if n > 1 else np.full((2, 2), math.nan)
    return Moments(("y", "taken"), n, known.mean(axis=0) if n else np.full(2, math.nan), cov, len(rows) - n)


def _contrast(control, treatment):
    return treatment.mean - control.mean, control.cov / control.n + treatment.cov / treatment.n


def _product(arm):
    # mean of y x taken, from the moments alone
    return float(arm.cov[0, 1] * (arm.n - 1) / arm.n + arm.mean[0] * arm.mean[1])


def _welch_df(control, treatment, weights):
    return satterthwaite(*((float(weights @ arm.cov @ weights) / arm.n, arm.n - 1) for arm in (control, treatment)))


def _solve(gap, cov, t):
    """Return the set of b with (gap_y - b gap_taken)^2 <= t^2 var(y - b taken), or None where it is undefined."""
    if not cov[0, 0] > 0:
        return None
    scale = math.sqrt(cov[0, 0])  # b in units of the outcome's standard error: no overflow, one tolerance
    y, d, yd, dd = gap[0] / scale, gap[1], cov[0, 1] / scale, cov[1, 1]
    a, h, c = d * d - t * t * dd, y * d - t * t * yd, y * y - t * t
    if a == 0 and h == 0:
        return ((None, None),) if c <= 0 else ()
    if a == 0:
        end = float(scale * c / (2 * h))
        return ((end, None),) if h > 0 else ((None, end),)
    under = h * h - a * c
    if a < 0 and under <= 0:
        return ((None, None),)
    low, high = sorted(float(scale * (h + sign * math.sqrt(max(under, 0.0))) / a) for sign in (-1, 1))
    return ((low, high),) if a > 0 else ((None, low), (high, None))


def _describe(found):
    if not found:
        return "no effect of taking fits: the arms differ in the outcome and not at all in take-up"
    if found == ((None, None),):
        return "any effect of taking fits: the offer moves take-up too little"
    rays = "two rays" if len(found) == 2 else "one ray"
    return f"the confidence set is {rays}, not an interval: the offer moves take-up too little"


def _note(low, high, f):
    if f == math.inf:
        return "Everybody takes it up in one arm and nobody in the other: the offer and taking are the same thing."
    sides = "Non-compliance is on both sides: some take it up without the offer, and some do not with it."
    if low == 0:
        sides = "Nobody takes it up without the offer: non-compliance is one-sided, and takers are the compliers."
    elif high == 1:
        sides = "Everybody takes it up with the offer: non-compliance is one-sided."
    return sides if f >= WEAK_F else f"{sides} The offer moves take-up weakly: trust the Anderson-Rubin set only."
