"""Events per time at risk in two arms: their ratio, with a variance that units may share out unequally."""

from __future__ import annotations

import numpy as np
from scipy.stats import t as student

from helpers.inference.pairs import compare_ratios, effective_units, satterthwaite
from helpers.records import Effect, Moments

METHOD = "log rate ratio"
NO_EVENTS = "no unit of {} has an event, so a ratio of rates has no interval"


def rate_ratio(control: Moments, treatment: Moments, *, confidence_level=0.95) -> Effect:
    """Return the rate of events in treatment divided by that in control, where units differ in time at risk.

    The rate is all events over all time at risk; its variance comes from how units differ within each arm, so counts
    need not be Poisson and some units may have far more events than others. The interval is symmetric on the log
    scale. It tests the same thing as the difference of the rates, on another scale: near the limit one may be clear
    and the other not. The difference decides; this stands beside it.

    Parameters
    ----------
    control, treatment : Moments
        Of two columns, one row a randomised unit: events and time at risk.
    confidence_level : float, between 0 and 1

    Returns
    -------
    Effect: 1 is no effect; `control_value` and `treatment_value` are the rates; `std_error` is on the ratio scale,
        for display. nan with a reason when an arm has no events, no time at risk or fewer than 2 units.

    References
    ----------
    Deng, Knoblich & Lu 2018, KDD: 233-242 (delta method at the randomised unit); Lin, Wei, Yang & Ying 2000, Journal
    of the Royal Statistical Society B 62: 711-730 (rates without a Poisson assumption).
    """
    pair = compare_ratios(control, treatment)
    shared = {"control_value": pair.control, "treatment_value": pair.treatment, "method": METHOD}
    if pair.reason or min(pair.control, pair.treatment) <= 0:
        return Effect(reason=pair.reason or _name_empty(pair), **shared)
    ratio = pair.treatment / pair.control
    relative = [v / value**2 for v, value in zip(pair.variances, (pair.control, pair.treatment), strict=True)]
    error = float(np.sqrt(sum(relative)))
    df = satterthwaite(*((v, effective_units(arm) - 1) for v, arm in zip(relative, (control, treatment), strict=True)))
    reach = float(student.isf((1 - confidence_level) / 2, df)) * error
    return Effect(
        estimate=ratio,
        std_error=ratio * error,
        df=df,
        ci_low=ratio * float(np.exp(-reach)),
        ci_high=ratio * float(np.exp(reach)),
        p_value=2 * float(student.sf(abs(np.log(ratio)) / error, df)),
        **shared,
    )


def _name_empty(pair):
    if pair.control <= 0 and pair.treatment <= 0:
        return NO_EVENTS.format("either arm")
    return NO_EVENTS.format("the control arm" if pair.control <= 0 else "the treatment arm")
