"""Whether reviewers of the same reply agree, and how many reviews a programme needs to tell agents apart."""

import math

import krippendorff
import numpy as np
import pandas as pd
from scipy import stats

from helpers.inference.replies import jackknife

LEAST = 10  # tickets with two reviews, below which nothing is said


def pair_reviews(reviews: pd.DataFrame) -> np.ndarray:
    """Return the first two scores of each ticket that two or more people reviewed, shape (tickets, 2)."""
    rows = reviews.dropna(subset=["value"]).drop_duplicates(["ticket", "agent"])
    nth = rows.groupby("ticket").cumcount()
    wide = rows.assign(nth=nth)[nth < 2].pivot_table(index="ticket", columns="nth", values="value")
    return wide.reindex(columns=[0, 1]).dropna().to_numpy(float)


def measure_alpha(pairs: np.ndarray) -> float:
    """Return Krippendorff's alpha of ordered scores: 1 agree always, 0 as by lot; nan where all scores are equal.

    Parameters
    ----------
    pairs : array, shape (tickets, reviewers), nan where a reviewer did not score

    References
    ----------
    Krippendorff 2004, Content Analysis, chapter 11; computed by the package krippendorff (Castro 2017).
    """
    if len(np.unique(pairs[~np.isnan(pairs)])) < 2:
        return math.nan
    return float(krippendorff.alpha(reliability_data=pairs.T, level_of_measurement="ordinal"))


def measure_kappa(pairs: np.ndarray) -> float:
    """Return Cohen's kappa with quadratic weights, both orders of a pair counted, as reviewers are interchangeable.

    References
    ----------
    Cohen 1968, Psychological Bulletin 70: 213-220; Fleiss & Cohen 1973 for its likeness to the intraclass correlation.
    """
    return float(1 - np.mean(np.diff(pairs) ** 2) / (2 * pairs.var())) if np.ptp(pairs) else math.nan


def measure_icc(pairs: np.ndarray, *, confidence_level: float = 0.95) -> tuple[float, float, float]:
    """Return the one-way intraclass correlation of a single review, ICC(1), and its interval.

    References
    ----------
    Shrout & Fleiss 1979, Psychological Bulletin 86: 420-428; the interval is that of their F; mean squares are those of
    pingouin's `intraclass_corr`.
    """
    import pingouin  # here, as it takes half a second to import, and few runs have reviews

    rows = pd.DataFrame(pairs).rename_axis("ticket").reset_index().melt("ticket", var_name="rater", value_name="score")
    found = pingouin.intraclass_corr(rows, targets="ticket", raters="rater", ratings="score").iloc[0]
    if not math.isfinite(found["F"]):
        return math.nan, math.nan, math.nan
    n, k, tail = len(pairs), pairs.shape[1], (1 - confidence_level) / 2
    low = found["F"] / stats.f.isf(tail, n - 1, n * (k - 1))
    high = found["F"] * stats.f.isf(tail, n * (k - 1), n - 1)
    return float(found["ICC"]), float((low - 1) / (low + k - 1)), float((high - 1) / (high + k - 1))


def study_reviews(reviews, *, margins, reliability, confidence_level=0.95) -> dict[str, pd.DataFrame]:
    """Return how far reviewers agree, and how many reviews tell an agent's mean within so much.

    Parameters
    ----------
    reviews : DataFrame, one row a review: ticket, agent (the reviewer), value (the score), at (UTC)
    margins : sequence of float, points of the score, half the width of an interval
    reliability : float, of the mean of several reviews of one reply, that the programme asks for
    confidence_level : float; alpha and kappa by the jackknife over tickets

    Returns
    -------
    dict: tables `agreement` (measure, value, ci_low, ci_high, n) and `reviews_needed` (a row a margin: reviews of one
        agent a month, reviewers of each reply, reviews now); empty with fewer than ten tickets reviewed twice.

    References
    ----------
    Spearman 1910; Brown 1910, for the reliability of a mean of several reviews.
    """
    pairs = pair_reviews(reviews)
    if len(pairs) < LEAST:
        return {}
    level = {"confidence_level": confidence_level}
    rows, icc = [], measure_icc(pairs, **level)
    table = pd.DataFrame(pairs).assign(unit=np.arange(len(pairs)))
    for name, measure in (("alpha", measure_alpha), ("kappa", measure_kappa)):
        found = jackknife(table, lambda part, of=measure: of(part[[0, 1]].to_numpy()), **level)
        rows.append({"measure": name, **found, "ci_high": min(found["ci_high"], 1.0)})
    rows.insert(1, dict(zip(("value", "ci_low", "ci_high"), icc, strict=True), measure="icc"))
    spread, share = float(pairs[:, 0].std(ddof=1)), min(max(icc[0], 0.01), 0.99)
    reviewers = max(1, math.ceil(reliability * (1 - share) / (share * (1 - reliability)) - 1e-9))
    months = max((reviews["at"].max() - reviews["at"].min()) / pd.Timedelta(days=30), 1.0)
    z, needed = float(stats.norm.isf((1 - confidence_level) / 2)), pd.DataFrame({"margin": margins})
    needed = needed.assign(reviews=np.ceil((z * spread / needed["margin"]) ** 2).astype(int), reviewers=reviewers)
    needed = needed.assign(reliability=reliability, spread=spread, reviews_now=len(reviews) / months)
    return {"agreement": pd.DataFrame(rows).assign(n=len(pairs)), "reviews_needed": needed}
