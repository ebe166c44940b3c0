"""The review of a framework, cohort by cohort: does what marked older customers who stay still mark the newest ones?"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from helpers.milestones.adjusted import make_controls
from helpers.milestones.calibration import FIGURES, LEAST_PER_COEFFICIENT, TESTS, choose_update, measure_calibration
from helpers.milestones.cuts import bound_p_value, find_cuts, score_cuts
from helpers.milestones.discrimination import measure_auc
from helpers.milestones.drift import COLUMNS, compare_cuts, compare_ranks
from helpers.milestones.model import Model, build_columns, fit_model, name_columns, read_model, write_model
from helpers.milestones.verdicts import judge_milestones, measure_differences
from helpers.plan import FrameworkPlan

TOP_FEATURES, N_RESAMPLES = 10, 200
WHOLE = "all"  # what is said of a whole run
AUC = ("auc", "auc_low", "auc_high")


def study_review(
    frame: pd.DataFrame,
    design: FrameworkPlan,
    tables: dict[str, pd.DataFrame],
    *,
    against: pd.DataFrame | None = None,
    seed: int,
) -> dict[str, pd.DataFrame]:
    """Return how the framework holds in each cohort, one word a milestone, and the model that a later run can review.

    A logistic model of who is kept (milestones, log size, plan tier) is made from the cohorts before the newest; the
    newest is the last with 10 accounts lost and 10 kept for each coefficient, and at least `min_cell` of both. Each
    older cohort is judged by the model made without it, so that all predictions are of accounts that the model has not
    seen. With `against`, all are judged by the earlier run's model. Each cohort has its own chance of a false alarm
    (the plan's p_value); the words are about the newest alone.

    Parameters
    ----------
    frame : DataFrame, as `read_landmarks` gives it at the main landmark
    design : FrameworkPlan
        `review.metrics` says what is looked at, `review.thresholds` what is acceptable.
    tables : dict of DataFrame
        `threshold` and `ranking`, where there are any, give the cut and the ranks that are kept in the model, and the
        ten features whose ranks are followed.
    against : DataFrame, optional, table `model` of an earlier run
    seed : int

    Returns
    -------
    dict: `review` (a cohort a row; what was not planned, or is not estimable, is nan with a reason), `drift`,
        `review_words`, `model`. Empty for a snapshot, or where nobody can be read at the landmark.

    Raises
    ------
    Refused: `against` is no model, or that of other milestones or lines, another landmark or another horizon.
    """
    if design.is_snapshot or frame.empty or not frame["retained"].notna().any():
        return {}
    frame = frame[frame["retained"].notna()].reset_index(drop=True)
    stored = None if against is None else read_model(against, design)
    newest, older = _split_cohorts(frame, design, stored)
    review, scores = _review_cohorts(frame, design, older, stored)
    drift = _find_drift(frame, design, tables, older, stored, seed)
    made = frame[frame["cohort"].isin(older)] if older else frame
    model = fit_model(made, name_columns(made, design), confidence_level=design.confidence_level)
    cut = _find_line(frame, drift, newest, older, stored)
    now, before = (measure_differences(frame[frame["cohort"].isin(part)], design, cut) for part in ([newest], older))
    further = _list_further(tables, before, scores, made, design)
    if stored is not None:
        before = {name: stored.stored.get(("difference", name), (math.nan,) * 3) for name in now}
        scores = stored.stored.get(("auc", "retained"), (math.nan,) * 3)
    p = _test_cuts(frame[frame["cohort"] == newest], design, before.get("activated", (math.nan,))[0])
    words = judge_milestones(now, before, review, drift, newest, older_auc=scores[0], cut_p=p, design=design)
    return {"review": review, "drift": drift, "review_words": words, "model": write_model(model, design, further)}


def _split_cohorts(frame, design, stored):
    """The newest cohort that is large enough to be judged (the last one, when none is), and those before it."""
    cohorts = sorted(frame["cohort"].unique())
    columns = name_columns(frame, design) if stored is None else stored.coefficients
    least = max(LEAST_PER_COEFFICIENT * (len(columns) + 1), design.min_cell)
    kept = frame.groupby("cohort")["retained"].agg(["sum", "size"])
    large = kept.index[(kept["sum"] >= least) & (kept["size"] - kept["sum"] >= least)]
    candidates = [name for name in cohorts[0 if stored else 1 :] if name in large]
    newest = candidates[-1] if candidates else cohorts[-1]
    return newest, [name for name in cohorts if name < newest]


def _review_cohorts(frame, design, older, stored):
    """One row a cohort, and the area under the curve of all older cohorts with its interval."""
    rows, linear, sizes = [], np.full(len(frame), np.nan), {}
    labels = frame["cohort"].to_numpy(str)
    for cohort in sorted(set(labels)):
        model = stored or _fit_without(frame, design, [name for name in older if name != cohort])
        own = labels == cohort
        if model is not None:
            linear[own], sizes[cohort] = model.score(frame[own]), model
        rows.append(_review_one(frame[own], cohort, linear[own], sizes.get(cohort), design))
    seen = np.isin(labels, older) & ~np.isnan(linear)
    pooled = measure_auc(linear[seen], frame["retained"][seen], confidence_level=design.confidence_level)
    return pd.DataFrame(rows), (pooled.estimate, pooled.ci_low, pooled.ci_high)


def _fit_without(frame, design, cohorts):
    rows = frame[frame["cohort"].isin(cohorts)]
    both = 0 < rows["retained"].sum() < len(rows)
    return fit_model(rows, name_columns(rows, design), confidence_level=design.confidence_level) if both else None


def _review_one(rows, cohort, linear, model: Model | None, design):
    y = rows["retained"].to_numpy(float)
    found = {"cohort": cohort, "n": len(y), "lost": int((1 - y).sum())} | dict.fromkeys((*AUC, *FIGURES), math.nan)
    found |= {"choice": "too few", **dict.fromkeys(TESTS, math.nan), "observed": float(y.mean()), "expected": math.nan}
    if model is None:
        return found | {"reason": "no other cohort from which a model could be made"}
    if "discrimination" in design.review.metrics:
        auc = measure_auc(linear, y, confidence_level=design.confidence_level)
        found |= dict(zip(AUC, (auc.estimate, auc.ci_low, auc.ci_high), strict=True))
    choice = "not planned"
    if "calibration" in design.review.metrics:
        options = {"inflation": 1 + len(y) / model.n}
        found |= measure_calibration(linear, y, confidence_level=design.confidence_level, **options)
        columns = build_columns(rows, list(model.coefficients), model.centre)
        found |= choose_update(linear, columns, y, alpha=design.review.thresholds.p_value, **options)
        choice = found["choice"]
    return found | {"choice": choice, "reason": _explain(rows, choice, model)}


def _explain(rows, choice, model):
    if choice == "too few":
        return f"fewer than {LEAST_PER_COEFFICIENT} accounts lost, or kept, for each coefficient"
    return None if model.knows(rows) else "some accounts have a tier that the model does not know, or saw too rarely"


def _find_drift(frame, design, tables, older, stored, seed):
    """Rows of the best cut and of ranks by cohort, and, beside an earlier run, those of this whole run."""
    seeds, parts = np.random.SeedSequence(seed).spawn(2), []
    options = {"n_resamples": N_RESAMPLES, "alpha": design.review.thresholds.p_value}
    cohorts = sorted(frame["cohort"].unique())
    if "cut" in design.review.metrics and design.activation is not None:
        parts.append(compare_cuts(frame, cohorts, older, rng=np.random.default_rng(seeds[0]), **options))
    if "ranks" in design.review.metrics and "ranking" in tables:
        features = _choose_features(tables["ranking"], frame)
        parts.append(compare_ranks(frame, features, cohorts, older, rng=np.random.default_rng(seeds[1]), **options))
    if stored is not None:
        parts.append(_compare_runs(tables, design, stored))
    parts = [part for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def _choose_features(ranking, frame):
    """The ten features of the highest rank (largest difference, without ranks) that were read at the landmark.

    One without a time may follow from staying, and is followed nowhere.
    """
    order = ranking[ranking["time_order"] == "known"]
    order = order.assign(last=-order["difference"].abs())
    order = order.sort_values(["rank", "last", "feature"], kind="stable", na_position="last")
    return [name for name in order["feature"] if f"feature_{name}" in frame][:TOP_FEATURES]


def _compare_runs(tables, design, stored):
    """The cut and the ranks of this run beside those of the earlier one, with what that run could not tell apart."""
    found = {key: row for key, row in _list_found(tables).items() if key[0] + "s" in ("ranks", "cuts")}
    planned = {"cut": "cut", "rank": "ranks"}
    rows = []
    for (kind, name), (value, _, _) in found.items():
        reference, low, high = stored.stored.get((kind, name), (math.nan,) * 3)
        if planned[kind] in design.review.metrics and math.isfinite(reference):
            what = "cut" if kind == "cut" else f"rank of {name}"
            rows.append((WHOLE, what, reference, value, low, high, bool(value < low or value > high)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _list_found(tables):
    """Cut and ranks of this run, with what it cannot tell apart: (kind, name) -> (value, low, high)."""
    found, threshold, ranking = {}, tables.get("threshold"), tables.get("ranking")
    if threshold is not None and len(threshold):
        found["cut", "activated"] = tuple(map(float, threshold.iloc[0][["cut", "cut_low", "cut_high"]]))
    if ranking is not None:
        known = ranking.dropna(subset=["rank"])
        values = known[["rank", "rank_low", "rank_high"]].to_numpy(float)
        found |= {("rank", str(k)): tuple(map(float, v)) for k, v in zip(known["feature"], values, strict=True)}
    return {key: row for key, row in found.items() if math.isfinite(row[0])}


def _find_line(frame, drift, newest, older, stored):
    """The count from which an account is activated where the plan names none: the earlier run's, or older cohorts'."""
    if stored is not None and ("cut", "activated") in stored.stored:
        return stored.stored["cut", "activated"][0]
    row = drift[(drift["cohort"] == newest) & (drift["what"] == "cut")] if older else drift.iloc[:0]
    return float(row["reference"].iloc[0]) if len(row) else math.nan


def _test_cuts(frame, design, older):
    """The p-value of the best of all cuts of the count, adjusted for plan and size; 1 where none is on older's side."""
    if design.activation is None or frame["retained"].nunique() < 2:
        return 1.0
    count, kept = frame["count"].to_numpy(float), frame["retained"].to_numpy(float)
    cuts = find_cuts(count)
    if not len(cuts):
        return 1.0
    scores = score_cuts(count, kept, make_controls(frame), cuts)
    return bound_p_value(scores) if scores.standardised[scores.best] * older > 0 else 1.0


def _list_further(tables, differences, auc, made, design):
    """Rows of the model's table that are no part of the model itself."""
    rows = {("difference", name): row for name, row in differences.items() if math.isfinite(row[0])}
    rows |= _list_found(tables) | {("auc", "retained"): auc}
    return rows | {("n", "lost"): (float((1 - made["retained"]).sum()), math.nan, math.nan)}
