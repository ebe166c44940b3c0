"""Published claims beside what a run found: which can be tested at all, on which data, and with what verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers import paths
from helpers.records import NAN, Claim, Results

UNTESTED = "not tested by this run"
MATCHED = ["metric", "estimand", "population"]  # fields in which a claim's test, an estimate and a planted effect agree


def read_claims(study=None) -> pd.DataFrame:
    """Return the published claims, with how a run tests each.

    Parameters
    ----------
    study : str, optional
        Claims of one study; all of them when left out.

    Returns
    -------
    DataFrame: one row a claim, the columns of data/published_claims.csv and data/claim_tests.csv; text is empty and
        numbers are nan where nothing was published or no test is defined.
    """
    claims = pd.read_csv(paths.DATA / "published_claims.csv", dtype={"lines": str})
    claims = claims.merge(pd.read_csv(paths.DATA / "claim_tests.csv"), on="id", how="left", suffixes=("_text", ""))
    if study is not None:
        claims = claims[claims["study"] == study].reset_index(drop=True)
    texts = claims.columns.difference(["value", "multiply", "null_value"])
    return claims.fillna({column: "" for column in texts})


def assess(results: Results, *, truth=None) -> tuple[Claim, ...]:
    """Return every published claim of a study beside this run's estimate, in the claim's own unit and direction.

    Simulated data: recovered or not recovered, against the planted truth, which tests the method alone. The
    researcher's own data: consistent (the interval holds the published value and excludes no effect; for a claim of
    direction, it lies on that side), inconsistent, or too imprecise. Public data of another kind, a withheld or an
    unfinished run tests no claim.

    Parameters
    ----------
    results : Results
        `study` chooses the claims; the control is read as the arm with the help that the article describes.
    truth : dict, optional
        What a simulation planted, `Simulation.truth`.

    Returns
    -------
    tuple of Claim: in the order of the file; none for a study without claims.
    """
    rows = read_claims(results.study).itertuples()
    return tuple(_assess_claim(row, results, (truth or {}).get("effects", [])) for row in rows)


def _assess_claim(row, results, effects) -> Claim:
    reason = _why_untested(row, results)
    estimate = None if reason else _find_estimate(row, results)
    if reason or estimate is None:
        return _claim(row, UNTESTED, reason or "This run holds no such estimate.")
    if not np.isfinite([estimate.estimate, estimate.ci_low, estimate.ci_high]).all():
        return _claim(row, UNTESTED, estimate.reason or "The estimate has no finite interval.", estimate)
    simulated = results.data.kind == "simulated"
    verdict, reason = _judge_planted(row, estimate, effects) if simulated else _judge_own(row, estimate)
    return _claim(row, verdict, reason, estimate)


def _why_untested(row, results) -> str:
    if not row.metric:
        return row.reason or "No test of this claim is defined for this study."
    if results.data.kind == "public":
        return "Public data of another kind tests no claim."
    return {
        "withheld": "The answer is withheld, so no effect is shown.",
        "interim": "The experiment is not finished.",
    }.get(results.status, "")


def _find_estimate(row, results):
    found = results.select(segment=None, at=None, **{name: getattr(row, name) for name in MATCHED})
    return next((e for e in found if e.role != "sensitivity"), None)


def _judge_planted(row, estimate, effects):
    truths = [e["value"] for e in effects if all(e[name] == getattr(row, name) for name in MATCHED)]
    if not truths:
        return UNTESTED, "No planted value of it is known to this run."
    planted, (low, high) = truths[0] * row.multiply, _interval(row, estimate)
    sides = [_side(row, value) for value in (low, high, planted)]
    hit = low <= planted <= high and (not row.direction or len(set(sides)) == 1)
    same = np.isnan(row.value) or np.isclose(planted, row.value)
    said = "" if same else f", which is not the published {row.value:.3g}"
    found = "finds it" if hit else "holds it but leaves the direction open" if low <= planted <= high else "misses it"
    told = f"The planted value is {planted:.3g} {row.told_in or row.unit}{said}; the interval {found}"
    return "recovered" if hit else "not recovered", f"{told}. This tests the method, not the claim."


def _judge_own(row, estimate):
    low, high = _interval(row, estimate)
    excludes_null = not low <= row.null_value <= high
    if row.direction:
        agrees = excludes_null and _side(row, low) == row.direction
        verdict = "consistent" if agrees else "inconsistent" if excludes_null else "too imprecise"
        told = {"consistent": "lies on the published side", "inconsistent": "lies on the other side"}
        return verdict, f"The interval {told.get(verdict, 'holds no effect, so the direction stays open')}."
    if not low <= row.value <= high:
        return "inconsistent", "The interval excludes the published value."
    if not excludes_null:
        return "too imprecise", "The interval holds both the published value and no effect."
    return "consistent", "The interval holds the published value and excludes no effect."


def _side(row, value):
    return "below" if value < row.null_value else "above" if value > row.null_value else "null"


def _interval(row, estimate):
    return sorted((estimate.ci_low * row.multiply, estimate.ci_high * row.multiply))


def _claim(row, verdict, reason, estimate=None) -> Claim:
    published = None if np.isnan(row.value) else float(row.value)
    about = (row.id, published, row.unit, row.published_as)
    if estimate is None:
        return Claim(*about, None, NAN, NAN, NAN, verdict, reason)
    shown = estimate.estimate * row.multiply
    return Claim(*about, estimate.id, shown, *_interval(row, estimate), verdict, reason)
