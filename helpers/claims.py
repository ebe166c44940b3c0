"""Published claims beside what a run found: which can be tested at all, on which data, and with what verdict."""

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

    Simulated data: recovered (the interval holds the planted value and excludes no effect) or not recovered, which
    tests the method alone; nothing to test where no effect was planted and none is found. The researcher's own data:
    consistent (the interval holds the published value and excludes no effect; for a claim of direction, it lies on
    that side), inconsistent, or too imprecise. Public data of another kind, a withheld or an unfinished run tests no
    claim.

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
    rows, effects = read_claims(results.study).itertuples(), (truth or {}).get("effects", [])
    return tuple(_assess_claim(row, results, effects) for row in rows)


def _assess_claim(row, results, effects) -> Claim:
    about = (row.id, None if np.isnan(row.value) else float(row.value), row.unit, row.published_as)
    found = results.select(segment=None, at=None, **{name: getattr(row, name) for name in MATCHED})
    estimate = next((e for e in found if e.role != "sensitivity"), None)
    reason = _why_untested(row, results) or ("" if estimate else "This run holds no such estimate.")
    if reason:
        return Claim(*about, None, NAN, NAN, NAN, UNTESTED, reason)
    shown, *ends = (value * row.multiply for value in (estimate.estimate, estimate.ci_low, estimate.ci_high))
    low, high = sorted(ends)
    if not np.isfinite([shown, low, high]).all():
        verdict, reason = UNTESTED, estimate.reason or "The estimate has no finite interval."
    elif results.data.kind == "simulated":
        verdict, reason = _judge_planted(row, low, high, effects)
    else:
        verdict, reason = _judge_own(row, low, high)
    return Claim(*about, estimate.id, shown, low, high, verdict, reason)


def _why_untested(row, results) -> str:
    if not row.metric:
        return row.reason or "No test of this claim is defined for this study."
    if results.data.kind == "public":
        return "Public data of another kind tests no claim."
    return {
        "withheld": "The answer is withheld, so no effect is shown.",
        "interim": "The experiment is not finished.",
    }.get(results.status, "")


def _judge_planted(row, low, high, effects):
    truths = [e["value"] for e in effects if all(e[name] == getattr(row, name) for name in MATCHED)]
    if not truths:
        return UNTESTED, "No planted value of it is known to this run."
    planted = truths[0] * row.multiply + 0.0  # no minus before a zero
    none = planted == row.null_value
    if not low <= planted <= high:
        verdict, found = "not recovered", "misses it"
    elif none:
        verdict, found = "nothing to test", "holds no effect"
    elif low <= row.null_value <= high:
        verdict, found = "not recovered", "holds it, and no effect too, so it is too imprecise"
    else:
        verdict, found = "recovered", "finds it"
    same = np.isnan(row.value) or bool(row.direction) or np.isclose(planted, row.value)
    told = f"The planted value is {planted:.3g} {row.told_in or row.unit}{', no effect' * none}"
    told += "" if same else f", which is not the published {row.value:.3g}"
    return verdict, f"{told}; the interval {found}. This tests the method, not the claim."


def _judge_own(row, low, high):
    holds_null = low <= row.null_value <= high
    if row.direction:
        if holds_null:
            return "too imprecise", "The interval holds no effect, so the direction stays open."
        agrees = _side(row, low) == row.direction
        side = "published" if agrees else "other"
        return "consistent" if agrees else "inconsistent", f"The interval lies on the {side} side."
    if not low <= row.value <= high:
        return "inconsistent", "The interval excludes the published value."
    if holds_null:
        return "too imprecise", "The interval holds both the published value and no effect."
    return "consistent", "The interval holds the published value and excludes no effect."


def _side(row, value):
    return "below" if value < row.null_value else "above" if value > row.null_value else "null"
