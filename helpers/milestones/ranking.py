"""Which features foretell who stays: how far a forest needs each of them, beside what is associated with each."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import connected_components
from scipy.stats import rankdata

from helpers.inference import benjamini_hochberg
from helpers.milestones import adjusted
from helpers.milestones.adjusted import SIDES, adjusted_difference, make_controls
from helpers.milestones.forest import LEAST_LEAF, N_TREES, Rows, average_refits, measure_stability, run_refits
from helpers.records import Effect, Refused

NICHE, UNIVERSAL, TWINS, MOST_IN_TOP = 0.05, 0.90, 0.7, 10
LEAST_OUTCOMES = 2 * LEAST_LEAF  # kept, and lost, so that each half holds what one leaf does
MODEL = f"random forest of {N_TREES} trees with leaves of at least {LEAST_LEAF} accounts"
UNTIMED = "time order unknown, so it may follow from staying: not compared and not ranked"
RANKED = ("rank", "rank_low", "rank_high", "importance", "importance_low", "importance_high")
COLUMNS = (
    *("feature", "category", "hypothesised", "group", "prevalence", "n_used", "difference", "ci_low", "ci_high"),
    *("p_value", "p_value_adjusted", "share_difference", "gap_if_causal", "flag", "time_order", "supported", "reason"),
    *SIDES,
)
QUALITY = (
    *("n", "features", "refits", "auc", "auc_low", "auc_high", "added", "added_low", "added_high", "floor"),
    *("predicts", "stability", "stability_low", "stability_high", "top", "model", "reason"),
)


def study_ranking(frame, design, *, refits=20, workers=1, auc_floor=0.6, seed, tell=None) -> dict[str, pd.DataFrame]:
    """Return the ranking of features and how far the model behind it can be trusted.

    A random forest on features, plan tier and log size is fitted on half of the accounts and measured on the other
    half, again and again. The importance of a feature is the drop in held-out AUC when its values, and those of the
    features that go together with it, are shuffled within accounts of one plan tier and one quarter of size: neither
    plan nor size can then carry a feature. Impurity importance, which rewards columns with many values, is not used.
    In a study with landmarks a feature without a time stays out of the model; in a snapshot no feature has one.

    Parameters
    ----------
    frame : DataFrame, one row an account alive at the landmark, as read by `read_landmarks` or `read_snapshot`
    design : FrameworkPlan
    refits : int, at least 2, half-samples
    workers : int, at least 1, threads; the result is the same with any number
    auc_floor : float, 0 to 1
        Where the lower limit of the AUC is below it, features are not ranked; nor where that of `added` is not above 0.
    seed : int
    tell : function (done, total), optional, called after each refit

    Returns
    -------
    dict of DataFrame: `ranking`, one row a feature, best first: rank (median over refits; ties share the mean rank),
        rank_low and rank_high (5th and 95th percentile), importance (mean over refits) with the interval of
        `average_refits`, and the columns of `measure_features`; without a ranking in order of the absolute
        difference. `model_quality`, one row: n, features, refits, auc, auc_low, auc_high, added (what the AUC loses
        when all features are shuffled within plan and size at once) with added_low and added_high, floor, predicts,
        stability of the `top` best (a third of the features, 10 at most) with its interval, model, reason. Undefined
        is nan.

    Raises
    ------
    Refused: refits below 2, workers below 1.

    References
    ----------
    Breiman 2001, Machine Learning 45: 5-32 (permutation); Strobl et al. 2008, BMC Bioinformatics 9: 307 (within
    strata); Strobl et al. 2007, BMC Bioinformatics 8: 25 (why not impurity).
    """
    if refits < 2:
        raise Refused(f"refits is {refits}; a ranking needs at least 2, to see how far it changes")
    if workers < 1:
        raise Refused(f"workers is {workers}; give at least 1")
    table = measure_features(frame, design)
    table = table.assign(**dict.fromkeys(RANKED, math.nan))
    known = frame[frame["retained"].notna()]
    modelled = table[(table["time_order"] == "known") | design.is_snapshot]
    rows = _read_rows(known, modelled)
    quality = {"n": len(known), "features": len(modelled), "refits": refits, "floor": auc_floor, "model": MODEL}
    reason = _find_lack(rows)
    if not reason:
        level = {"confidence_level": design.confidence_level}
        auc, drops, added = run_refits(rows, refits=refits, workers=workers, seed=seed, tell=tell)
        quality |= _name("auc", average_refits(auc, **level)) | _name("added", average_refits(added, **level))
        reason = _find_doubt(quality)
    if not reason:
        place = np.searchsorted(np.unique(modelled["group"]), modelled["group"])
        drops = drops[:, place]
        ranks, top = rankdata(-np.round(drops, 12), axis=1), min(MOST_IN_TOP, max(1, len(modelled) // 3))
        figures = *np.quantile(ranks, (0.5, 0.05, 0.95), axis=0), *average_refits(drops, **level)
        table.loc[modelled.index, list(RANKED)] = np.column_stack(figures)
        quality |= _name("stability", measure_stability(ranks <= top, **level)) | {"top": top}
    quality |= {"predicts": reason is None, "reason": reason}
    return {"ranking": _order(table, reason), "model_quality": pd.DataFrame([quality], columns=QUALITY)}


def _name(name, figures):
    """A figure and its limits under the names of a table."""
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(float, figures), strict=True))


def _read_rows(frame, modelled) -> Rows:
    """What refits work on; a stratum is a plan tier and a quarter of size, a missing size a quarter of its own."""
    used = frame[[f"feature_{name}" for name in modelled["feature"]]].to_numpy(np.float32)
    values = np.ascontiguousarray(np.column_stack([used, make_controls(frame)]), np.float32)
    groups = modelled["group"].to_numpy(int)
    columns = tuple(np.flatnonzero(groups == group) for group in np.unique(groups))
    _, tier = np.unique(frame["tier"].to_numpy(str), return_inverse=True)
    size = frame["size"].to_numpy(float)
    known = ~np.isnan(size)
    edges = np.quantile(size[known], (0.25, 0.5, 0.75)) if known.any() else []
    strata = tier * 5 + np.where(known, np.searchsorted(edges, size), 4)
    return Rows(values, frame["retained"].to_numpy(int), strata, columns)


def _find_lack(rows):
    """Why no model can be fitted, or None."""
    if not rows.groups:
        return "no feature can be modelled"
    if min(np.sum(rows.outcome == 1), np.sum(rows.outcome == 0)) < LEAST_OUTCOMES:
        return f"no ranking: fewer than {LEAST_OUTCOMES} accounts were kept, or lost"
    return None


def _find_doubt(quality):
    """Why the model is not trusted, or None: it tells too little, or no more than plan and size alone."""
    if not quality["auc_low"] >= quality["floor"]:
        low = f"its AUC may be as low as {quality['auc_low']:.3f}"
        return f"no ranking: the model cannot predict who stays ({low}, and {quality['floor']:g} is asked for)"
    if not quality["added_low"] > 0:
        ends = f"{quality['added_low']:+.3f} to {quality['added_high']:+.3f}"
        return f"no ranking: plan and size alone may tell it as well (features add {ends} to the AUC)"
    return None


def _order(table, reason):
    """Rows by rank, then size of the difference, then name; those without a rank say why."""
    told = np.where(table["rank"].isna(), reason.split(" (")[0] if reason else "", "")
    reasons = ["; ".join(filter(None, both)) or None for both in zip(table["reason"], told, strict=True)]
    size = -table["difference"].abs().fillna(-1.0)
    order = np.lexsort((table["feature"].to_numpy(str), size, table["rank"].fillna(math.inf)))
    return table.assign(reason=pd.Series(reasons, table.index, dtype=object)).iloc[order].reset_index(drop=True)


def measure_features(frame: pd.DataFrame, design) -> pd.DataFrame:
    """Return the adjusted difference in retention for each feature, with what its use and its name say about it.

    A feature that only some plans offer is compared within those plans: fewer than ten accounts that use it, or that
    do not, make a plan one that says nothing about it. The reason then says so.

    Parameters
    ----------
    frame : DataFrame, one row an account: `retained`, `tier`, `size`, feature_NAME (1 used by the landmark, else 0)
    design : FrameworkPlan

    Returns
    -------
    DataFrame, one row a feature in the plan's order: feature, category, hypothesised, group (features that go together
        share it), prevalence, n_used, difference (used minus not, standardised), ci_low, ci_high, p_value,
        p_value_adjusted (Benjamini and Hochberg over the features), share_difference (prevalence x difference),
        gap_if_causal ((1 - prevalence) x difference), flag (niche below 5 %, universal above 90 %), time_order,
        supported (of hypothesised features; clear and higher, opposite, or not supported), reason, and the counts of
        `count_sides` among those compared, which disclosure checks and drops. A figure that cannot be estimated is nan.
    """
    controls = make_controls(frame)
    used = {feature.name: frame[f"feature_{feature.name}"].to_numpy(float) for feature in design.features}
    groups = group_features(np.column_stack(list(used.values()))) if used else []
    rows = []
    for feature, group in zip(design.features, groups, strict=True):
        is_known, uses = feature.is_timed or design.is_snapshot, used[feature.name]
        found = _compare(frame, uses, controls, design) if is_known else (Effect(reason=UNTIMED), frame["retained"])
        rows.append(_describe(feature, uses, *found, design) | {"group": int(group)})
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["p_value_adjusted"] = benjamini_hochberg(table["p_value"].to_numpy(float))
    clear = table["p_value_adjusted"] <= design.alpha
    judged = np.where(~clear, "not supported", np.where(table["difference"] > 0, "supported", "opposite"))
    for name in ("category", "reason"):
        table[name] = table[name].astype(object).where(table[name].notna(), None)
    table["supported"] = np.where(table["hypothesised"].to_numpy(bool), judged, "").astype(object)
    return table


def _compare(frame, used, controls, design):
    """The difference among all accounts, or those of plans that have users and others; and the outcome of those."""
    outcome, level = frame["retained"].to_numpy(float), {"confidence_level": design.confidence_level}
    effect = adjusted_difference(used, outcome, controls, **level)
    if effect.reason is None or not effect.reason.startswith((adjusted.NO_OVERLAP, adjusted.HARDLY)):
        return effect, outcome
    _, tier = np.unique(frame["tier"].to_numpy(str), return_inverse=True)
    within = (np.minimum(np.bincount(tier, used == 1), np.bincount(tier, used == 0)) >= adjusted.LEAST_ROWS)[tier]
    if within.all() or not within.any():
        return effect, outcome
    effect = adjusted_difference(used[within], outcome[within], controls[within], **level)
    note = f"compared within the plans in which some use it and some do not ({within.mean():.0%} of accounts)"
    return replace(effect, reason="; ".join(filter(None, (note, effect.reason)))), np.where(within, outcome, math.nan)


def _describe(feature, used, effect, outcome, design):
    share = float(np.nanmean(used)) if (~np.isnan(used)).any() else math.nan
    holders = [name for name, part in design.categories.items() if feature.name in (*part.basic, *part.mature)]
    return {
        "feature": feature.name,
        "category": feature.category or next(iter(holders), None),
        "hypothesised": feature.hypothesised,
        "time_order": "known" if feature.is_timed and not design.is_snapshot else "unknown",
        "prevalence": share,
        "n_used": int(np.nansum(used)),
        "share_difference": share * effect.estimate,
        "gap_if_causal": (1 - share) * effect.estimate,
        "flag": "niche" if share < NICHE else "universal" if share > UNIVERSAL else "",
        **adjusted.tell_effect(effect),
        **adjusted.count_sides(used, outcome),
    }


def group_features(used) -> np.ndarray:
    """Return which features go together: those joined by a chain of correlations of at least .7, either sign.

    A group is shuffled as one, so that no feature hides behind a twin that stays in place.

    Parameters
    ----------
    used : array, shape (n, k), 1 used, 0 not; a missing value counts like the feature's mean

    Returns
    -------
    array, shape (k,), int: 1 for the first feature's group, and so on in the order of the columns. A feature that all
        use, or nobody, is alone.

    Examples
    --------
    >>> group_features([[0, 1, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1]]).tolist()
    [1, 1, 2]
    """
    used = pd.DataFrame(np.asarray(used, float))
    centred = (used - used.mean()).fillna(0.0).to_numpy()
    spread = np.sqrt((centred**2).sum(axis=0))
    scaled = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
    _, labels = connected_components(np.abs(scaled.T @ scaled) >= TWINS - 1e-12, directed=False)
    return pd.factorize(labels)[0] + 1
