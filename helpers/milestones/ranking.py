"""Which features foretell who stays: how far a forest needs each of them, beside what is associated with each."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from helpers.milestones.adjusted import make_controls
from helpers.milestones.counts import SIDES
from helpers.milestones.features import measure_features
from helpers.milestones.forest import LEAST_LEAF, N_TREES
from helpers.milestones.importance import Rows, average_refits, run_refits
from helpers.milestones.stability import measure_stability
from helpers.records import NAN, Refused

MOST_IN_TOP = 10
LEAST_OUTCOMES = 2 * LEAST_LEAF  # kept, and lost, so that each half holds what one leaf does
AUC, ADDED = ("auc", "auc_low", "auc_high"), ("added", "added_low", "added_high")
RANKED = ("rank", "rank_low", "rank_high")
COLUMNS = (
    *RANKED,
    *("feature", "category", "hypothesised", "group", "prevalence", "n_used", "importance", "importance_low"),
    *("importance_high", "difference", "ci_low", "ci_high", "p_value", "p_value_adjusted", "share_difference"),
    *("gap_if_causal", "flag", "time_order", "supported", "reason"),
    *SIDES,
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
    _refuse(refits, workers)
    table = measure_features(frame, design)
    known = frame[frame["retained"].notna()]
    modelled = table[(table["time_order"] == "known") | design.is_snapshot]
    rows = _read_rows(known, modelled)
    quality = {"n": len(known), "features": len(modelled), "refits": refits, "floor": auc_floor, "model": _name_model()}
    reason = _find_lack(rows)
    if not reason:
        auc, drops, added = run_refits(rows, refits=refits, workers=workers, seed=seed, tell=tell)
        level = {"confidence_level": design.confidence_level}
        means = *average_refits(auc, **level), *average_refits(added, **level)
        found = dict(zip((*AUC, *ADDED), map(float, means), strict=True))
        reason = _find_doubt(found, auc_floor)
        quality |= found
    if not reason:
        place = np.searchsorted(np.unique(modelled["group"]), modelled["group"])
        ranked, steady = _rank(drops[:, place], level)
        table = table.join(ranked.set_axis(modelled.index))
        quality |= steady
    return {"ranking": _order(table, reason and reason.split(" (")[0]), "model_quality": _tell_quality(quality, reason)}


def _refuse(refits, workers):
    if refits < 2:
        raise Refused(f"refits is {refits}; a ranking needs at least 2, to see how far it changes")
    if workers < 1:
        raise Refused(f"workers is {workers}; give at least 1")


def _read_rows(frame, modelled) -> Rows:
    used = frame[[f"feature_{name}" for name in modelled["feature"]]].to_numpy(np.float32)
    values = np.ascontiguousarray(np.column_stack([used, make_controls(frame)]), np.float32)
    groups = modelled["group"].to_numpy(int)
    columns = tuple(np.flatnonzero(groups == group) for group in np.unique(groups))
    return Rows(values, frame["retained"].to_numpy(int), _list_strata(frame), columns)


def _list_strata(frame):
    """Plan tier and quarter of size, as one whole number; a missing size is a quarter of its own."""
    _, tier = np.unique(frame["tier"].to_numpy(str), return_inverse=True)
    size = frame["size"].to_numpy(float)
    known = ~np.isnan(size)
    edges = np.quantile(size[known], (0.25, 0.5, 0.75)) if known.any() else []
    return tier * 5 + np.where(known, np.searchsorted(edges, size), 4)


def _find_lack(rows):
    """Why no model can be fitted, or None."""
    if not rows.groups:
        return "no feature can be modelled"
    kept = int(rows.outcome.sum())
    if min(kept, len(rows.outcome) - kept) < LEAST_OUTCOMES:
        return f"no ranking: fewer than {LEAST_OUTCOMES} accounts were kept, or lost"
    return None


def _find_doubt(found, floor):
    """Why the model is not trusted, or None: it tells too little, or no more than plan and size alone."""
    if not found["auc_low"] >= floor:
        low = f"its AUC may be as low as {found['auc_low']:.3f}"
        return f"no ranking: the model cannot predict who stays ({low}, and {floor:g} is asked for)"
    if not found["added_low"] > 0:
        ends = f"{found['added_low']:+.3f} to {found['added_high']:+.3f}"
        return f"no ranking: plan and size alone may tell it as well (features add {ends} to the AUC)"
    return None


def _rank(drops, level):
    """Ranks and importances, one row a feature, and the stability of the best."""
    ranks = rankdata(-np.round(drops, 12), axis=1)
    middle, low, high = np.quantile(ranks, (0.5, 0.05, 0.95), axis=0)
    mean, least, most = average_refits(drops, **level)
    names = (*RANKED, "importance", "importance_low", "importance_high")
    table = pd.DataFrame(dict(zip(names, (middle, low, high, mean, least, most), strict=True)))
    top = min(MOST_IN_TOP, max(1, drops.shape[1] // 3))
    stability = measure_stability(ranks <= top, **level)
    steady = dict(zip(("stability", "stability_low", "stability_high"), stability, strict=True))
    return table, steady | {"top": top}


def _order(table, reason):
    table = table.reindex(columns=COLUMNS)
    figures = [*RANKED, "importance", "importance_low", "importance_high"]
    table[figures] = table[figures].astype(float)
    is_out = table["rank"].isna()
    told = [_join(mine, reason if unknown else None) for mine, unknown in zip(table["reason"], is_out, strict=True)]
    size = -table["difference"].abs().fillna(-1.0)
    order = np.lexsort((table["feature"].to_numpy(str), size, table["rank"].fillna(math.inf)))
    return table.assign(reason=pd.Series(told, table.index, dtype=object)).iloc[order].reset_index(drop=True)


def _join(*reasons):
    return "; ".join(filter(None, reasons)) or None


def _tell_quality(quality, reason):
    names = (*AUC, *ADDED, "floor", "predicts", "stability", "stability_low", "stability_high")
    columns = ["n", "features", "refits", *names, "top", "model", "reason"]
    row = dict.fromkeys(columns, NAN) | quality | {"predicts": reason is None, "reason": reason}
    return pd.DataFrame([row], columns=columns)


def _name_model():
    return f"random forest of {N_TREES} trees with leaves of at least {LEAST_LEAF} accounts"
