"""Published claims beside what a run found: which can be tested at all, on which data, and with what verdict."""

import numpy as np
import pandas as pd

from helpers import paths
from helpers.records import NAN, Claim, Estimate, Results

UNTESTED, NOTHING = "not tested by this run", "nothing to test"
MATCHED = ["metric", "estimand", "population"]  # fields in which a claim's test, an estimate and a planted effect agree
# Verdicts from the strongest to the weakest: "all" of several estimates are as good as the weakest, "any" as the best.
RANKED = ("recovered", "consistent", NOTHING, "too imprecise", "not recovered", "inconsistent", UNTESTED)
GOOD = RANKED[:2]
METHOD_ONLY = "This tests the method, not the claim."


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
    return claims.astype({column: object for column in texts}).fillna({column: "" for column in texts})


def assess(results: Results, *, truth=None) -> tuple[Claim, ...]:
    """Return every published claim of a study beside this run's estimate, in the claim's own unit and direction.

    Simulated data: recovered (the interval holds the planted value and excludes no effect) or not recovered, which
    tests the method alone; nothing to test where no effect was planted and none is found. The researcher's own data:
    consistent (the interval holds the published value and excludes no effect; for a claim of direction, it lies on
    that side), inconsistent, or too imprecise. Public data of another kind, a withheld or an unfinished run tests no
    claim. History, definitions, illustrations and opinions have nothing to test, on any data.

    Parameters
    ----------
    results : Results
        `study` chooses the claims; the control is read as the arm with the help that the article describes. Besides its
        estimates, rows of the table `levels` (what one group had) and of `steps` are what claims can be about.
    truth : dict, optional
        What a simulation planted, `Simulation.truth`.

    Returns
    -------
    tuple of Claim: in the order of the file; none for a study without claims.
    """
    rows, effects = read_claims(results.study).itertuples(), (truth or {}).get("effects", [])
    found = [e for e in results.select(segment=None, at=None) if e.role != "sensitivity"] + _read_tables(results)
    return tuple(_assess_claim(row, results, found, effects) for row in rows)


def _read_tables(results) -> list[Estimate]:
    """Levels of one group, and the association of each setup step with activating, as estimates are read."""
    levels, steps = (results.tables.get(name, pd.DataFrame()) for name in ("levels", "steps"))
    found = [
        Estimate(f"level:{r.metric}:{r.population}", r.metric, "", "", "", r.estimand, r.population).but(
            estimate=r.estimate, ci_low=r.ci_low, ci_high=r.ci_high, reason=getattr(r, "reason", None)
        )
        for r in levels.itertuples()
    ]
    return found + [
        Estimate(f"step:{r.step}", "activated", "", r.step, "", "association", "landmark").but(
            estimate=r.difference, ci_low=r.ci_low, ci_high=r.ci_high, reason=r.reason
        )
        for r in steps.itertuples()
    ]


def _assess_claim(row, results, found, effects) -> Claim:
    about = (row.id, None if np.isnan(row.value) else float(row.value), row.unit, row.published_as)
    if not row.metric:
        reason = row.reason or "No test of this claim is defined for this study."
        return Claim(*about, None, NAN, NAN, NAN, row.verdict or UNTESTED, reason)
    fits = [e for e in found if e.metric in row.metric.split() and e.estimand == row.estimand]
    fits = [e for e in fits if e.population == row.population and row.treatment in ("", e.treatment)]
    reason = _why_untested(results) or ("" if fits else "This run holds no such estimate.")
    if reason:
        return Claim(*about, None, NAN, NAN, NAN, UNTESTED, reason)
    judged = [_judge(row, e, results, effects) for e in (fits if row.of_several else fits[:1])]
    choose = min if row.of_several == "any" else max
    verdict, reason, e, ends = choose(judged, key=lambda one: RANKED.index(one[0]))
    if row.of_several:
        good = sum(one[0] in GOOD for one in judged)
        told = e.metric.replace("_", " ") + f" by {e.treatment.replace('_', ' ')}" * (e.population == "landmark")
        reason = f"It holds for {good} of {len(judged)} estimates; told here: {told}. {reason}"
    return Claim(*about, e.id, *ends, verdict, reason)


def _why_untested(results) -> str:
    if results.data.kind == "public":
        return "Public data of another kind tests no claim."
    return {
        "withheld": "The answer is withheld, so no effect is shown.",
        "interim": "The experiment is not finished.",
    }.get(results.status, "")


def _judge(row, e, results, effects):
    """The verdict on one estimate with its reason, the estimate, and its value and ends in the claim's unit."""
    shown, *ends = (value * row.multiply for value in (e.estimate, e.ci_low, e.ci_high))
    low, high = sorted(ends)
    if not np.isfinite([shown, low, high]).all():
        verdict, reason = UNTESTED, e.reason or "The estimate has no finite interval."
    elif results.data.kind == "simulated":
        same = [t for t in effects if all(t[name] == getattr(e, name) for name in MATCHED)]
        if row.treatment or row.of_several:
            same = [t for t in same if t.get("treatment") == e.treatment]
        planted = same[0]["value"] * row.multiply + 0.0 if same else None  # no minus before a zero
        verdict, reason = _judge_planted(row, low, high, planted)
    else:
        verdict, reason = _judge_own(row, low, high)
    return verdict, reason, e, (shown, low, high)


def _judge_planted(row, low, high, planted):
    if planted is None:
        return _judge_built(row, low, high) if row.estimand in ("level", "association") else UNKNOWN
    none = planted == row.null_value
    if not low <= planted <= high:
        verdict, found = "not recovered", "misses it"
    elif none:
        verdict, found = NOTHING, "holds no effect"
    elif low <= row.null_value <= high:
        verdict, found = "not recovered", "holds it, and no effect too, so it is too imprecise"
    else:
        verdict, found = "recovered", "finds it"
    same = np.isnan(row.value) or bool(row.direction) or np.isclose(planted, row.value)
    told = f"The planted value is {planted:.3g} {row.told_in or row.unit}{', no effect' * none}"
    told += "" if same else f", which is not the published {row.value:.3g}"
    if row.direction and not none and _side(row, planted) != row.direction:
        told += ", on the other side than published"
    return verdict, f"{told}; the interval {found}. {METHOD_ONLY}"


UNKNOWN = UNTESTED, "No planted value of it is known to this run."


def _judge_built(row, low, high):
    """A level that the simulated world is made to have as published, without being planted as one number."""
    if row.direction:
        held, what = _side(row, low) == _side(row, high) == row.direction, "lies on the published side"
    else:
        held, what = low <= row.value <= high, "holds the published value"
    found = what if held else what.replace("lies", "does not lie").replace("holds", "does not hold")
    reason = " ".join(filter(None, (f"This world is made to have it; the interval {found}.", row.reason, METHOD_ONLY)))
    return "recovered" if held else "not recovered", reason


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
    excludes = "" if np.isnan(row.null_value) else " and excludes no effect"
    return "consistent", f"The interval holds the published value{excludes}."


def _side(row, value):
    return "below" if value < row.null_value else "above" if value > row.null_value else "null"
