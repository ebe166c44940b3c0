"""Studies of one outcome together: random effects, and why there is nothing to pool where there is not."""

import math

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import chi2
from scipy.stats import t as student

from helpers.records import NAN, Refused

LEAST = 3  # randomised studies of one outcome, each with effect and error


def pool(effects, errors, *, confidence_level=0.95) -> dict[str, float]:
    """Return the mean of effects that differ from study to study, how far they differ, and where a next one may lie.

    Random effects: the variance between studies by Paule and Mandel, the interval by Hartung, Knapp, Sidik and Jonkman,
    whose scale is at least 1, so that studies that agree by chance make no interval shorter than the common effect's.
    The prediction interval holds its level for many studies; of six that differ it covers about 88 % (Partlett & Riley
    2017, Statistics in Medicine 36: 301-317).

    Parameters
    ----------
    effects : sequence of float, at least three, on a scale on which they add up, such as log ratios
    errors : sequence of float, above 0, their standard errors
    confidence_level : float, between 0 and 1

    Returns
    -------
    dict: `estimate`, `std_error`, `ci_low`, `ci_high`, `p_value` (of no effect; Student's t, k - 1 degrees of freedom);
        `tau2` (variance between studies), `i2` (share of the variance that is between them), `q` and `q_p_value`
        (Cochran's test that all are equal); `next_low`, `next_high`, the prediction interval of the effect in a study
        to come (Student's t, k - 2 degrees of freedom); `studies`.

    Raises
    ------
    Refused: fewer than three studies, an effect that is not finite, an error that is not above 0.

    References
    ----------
    Paule & Mandel 1982, Journal of Research of the National Bureau of Standards 87: 377-385; IntHout, Ioannidis & Borm
    2014, BMC Medical Research Methodology 14: 25; Roever, Knapp & Friede 2015, BMC Medical Research Methodology 15: 99
    (the scale of at least 1); Higgins, Thompson & Spiegelhalter 2009, JRSS A 172: 137-159 (prediction).

    Examples
    --------
    >>> found = pool([0.1, 0.2, 0.3], [0.1, 0.1, 0.1])
    >>> round(found["estimate"], 3), round(found["tau2"], 3), round(found["std_error"], 4)
    (0.2, 0.0, 0.0577)
    """
    y, s = np.asarray(effects, float), np.asarray(errors, float)
    if len(y) < LEAST or len(y) != len(s):
        raise Refused(f"pooling needs at least {LEAST} studies, each with effect and standard error; {len(y)} came")
    if not (np.isfinite(y).all() and np.isfinite(s).all() and (s > 0).all()):
        raise Refused("pooling needs finite effects and standard errors above 0; leave a study without them out")
    k, v = len(y), s**2
    q = _spread(0.0, y, v)
    tau2 = 0.0 if q <= k - 1 else brentq(lambda t: _spread(t, y, v) - (k - 1), 0.0, _widest(y, v), xtol=1e-14)
    weights = 1 / (v + tau2)
    mean = float(weights @ y / weights.sum())
    error = math.sqrt(max(1.0, _spread(tau2, y, v) / (k - 1)) / weights.sum())
    reach = float(student.isf((1 - confidence_level) / 2, k - 1)) * error
    far = float(student.isf((1 - confidence_level) / 2, k - 2)) * math.sqrt(tau2 + error**2)
    found = {"estimate": mean, "std_error": error, "ci_low": mean - reach, "ci_high": mean + reach, "studies": k}
    found |= {"p_value": float(2 * student.sf(abs(mean) / error, k - 1)), "tau2": tau2, "q": q}
    found |= {"i2": max(0.0, 1 - (k - 1) / q) if q else 0.0, "q_p_value": float(chi2.sf(q, k - 1))}
    return found | {"next_low": mean - far, "next_high": mean + far}


def _spread(tau2, y, v):
    """Cochran's Q with a variance between studies: it falls as that grows."""
    weights = 1 / (v + tau2)
    return float(weights @ (y - weights @ y / weights.sum()) ** 2)


def _widest(y, v):
    top = float(np.var(y, ddof=1))
    while _spread(top, y, v) > len(y) - 1:
        top *= 2
    return top


def pool_outcomes(effects: pd.DataFrame, *, confidence_level=0.95) -> pd.DataFrame:
    """Return each outcome with its randomised studies pooled, or why they are not.

    Parameters
    ----------
    effects : DataFrame, as `list_effects` gives it
        Several rows of one study count once: of them the first with an error is taken.
    confidence_level : float

    Returns
    -------
    DataFrame: one row an outcome. `outcome`, `randomised` (studies), `usable` (of them with effect and error),
        `ratio`, `ci_low`, `ci_high`, `next_low`, `next_high`, `tau2`, `reason` (why there is none).
    """
    rows, figures = [], ("ratio", "ci_low", "ci_high", "next_low", "next_high")
    for outcome, part in effects.groupby("outcome", sort=False):
        trials = part[part["grade"] == "A"]
        usable = trials.dropna(subset=["log_error"]).drop_duplicates("source")
        row = {"outcome": outcome, "randomised": trials["source"].nunique(), "usable": len(usable)}
        row |= {**dict.fromkeys((*figures, "tau2"), NAN), "reason": "too few randomised studies with effect and error"}
        if len(usable) >= LEAST:
            found = pool(np.log(usable["ratio"]), usable["log_error"], confidence_level=confidence_level)
            values = (found[name] for name in ("estimate", *figures[1:]))
            row |= dict(zip(figures, map(math.exp, values), strict=True)) | {"tau2": found["tau2"], "reason": None}
        rows.append(row)
    return pd.DataFrame(rows)
