"""Each feature for itself: who uses it, what is associated with it among accounts of one plan and size, its twins."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import connected_components

from helpers.inference import benjamini_hochberg
from helpers.milestones.adjusted import HARDLY, LEAST_ROWS, NO_OVERLAP, adjusted_difference, make_controls
from helpers.milestones.counts import SIDES, count_sides
from helpers.records import Effect

NICHE, UNIVERSAL, TWINS = 0.05, 0.90, 0.7
UNTIMED = "time order unknown, so it may follow from staying: not compared and not ranked"


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
        effect, sides = _compare(frame, used[feature.name], controls, design, is_known=_is_known(feature, design))
        rows.append(_describe(feature, design) | {"group": int(group)} | _tell(used[feature.name], effect) | sides)
    table = pd.DataFrame(rows, columns=_COLUMNS)
    table["p_value_adjusted"] = benjamini_hochberg(table["p_value"].to_numpy(float))
    clear = table["p_value_adjusted"] <= design.alpha
    judged = np.where(~clear, "not supported", np.where(table["difference"] > 0, "supported", "opposite"))
    table = table.assign(**{name: _keep_none(table[name]) for name in ("category", "reason")})
    table["supported"] = np.where(table["hypothesised"].to_numpy(bool), judged, "").astype(object)
    return table


_COLUMNS = (
    *("feature", "category", "hypothesised", "group", "prevalence", "n_used", "difference", "ci_low", "ci_high"),
    *("p_value", "p_value_adjusted", "share_difference", "gap_if_causal", "flag", "time_order", "supported", "reason"),
    *SIDES,
)


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
    used = np.asarray(used, float)
    known = ~np.isnan(used)
    mean = np.divide(np.nansum(used, axis=0), known.sum(axis=0), out=np.zeros(used.shape[1]), where=known.any(axis=0))
    centred = np.where(known, used - mean, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0))
    scaled = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
    _, labels = connected_components(np.abs(scaled.T @ scaled) >= TWINS - 1e-12, directed=False)
    _, first, group = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[group] + 1


def _keep_none(column):
    return column.astype(object).where(column.notna(), None)


def _describe(feature, design):
    holders = [name for name, part in design.categories.items() if feature.name in (*part.basic, *part.mature)]
    return {
        "feature": feature.name,
        "category": feature.category or next(iter(holders), None),
        "hypothesised": feature.hypothesised,
        "time_order": "known" if feature.is_timed and not design.is_snapshot else "unknown",
    }


def _is_known(feature, design):
    """Whether it may be compared: it has a time, or nothing in the data has one."""
    return feature.is_timed or design.is_snapshot


def _compare(frame, used, controls, design, *, is_known):
    """Among all accounts, or those of plans that have users and others, and told so; with their counts."""
    outcome, level = frame["retained"].to_numpy(float), {"confidence_level": design.confidence_level}
    sides = count_sides(used, outcome)
    if not is_known:
        return Effect(reason=UNTIMED), sides
    effect = adjusted_difference(used, outcome, controls, **level)
    if effect.reason is None or not effect.reason.startswith((NO_OVERLAP, HARDLY)):
        return effect, sides
    _, tier = np.unique(frame["tier"].to_numpy(str), return_inverse=True)
    both = np.minimum(np.bincount(tier, used == 1), np.bincount(tier, used == 0)) >= LEAST_ROWS
    within = both[tier]
    if within.all() or not within.any():
        return effect, sides
    effect = adjusted_difference(used[within], outcome[within], controls[within], **level)
    note = f"compared within the plans in which some use it and some do not ({within.mean():.0%} of accounts)"
    reason = "; ".join(filter(None, (note, effect.reason)))
    return replace(effect, reason=reason), count_sides(used[within], outcome[within])


def _tell(used, effect):
    share = float(np.nanmean(used)) if (~np.isnan(used)).any() else math.nan
    return {
        "prevalence": share,
        "n_used": int(np.nansum(used)),
        "difference": effect.estimate,
        "ci_low": effect.ci_low,
        "ci_high": effect.ci_high,
        "p_value": effect.p_value,
        "share_difference": share * effect.estimate,
        "gap_if_causal": (1 - share) * effect.estimate,
        "flag": "niche" if share < NICHE else "universal" if share > UNIVERSAL else "",
        "reason": effect.reason,
    }
