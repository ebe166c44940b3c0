"""How far accounts get in each area of the product, and what any line of "mature in so many areas" says."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from helpers.inference import holm
from helpers.milestones.adjusted import adjusted_difference, make_controls
from helpers.milestones.counts import count_sides, read_share
from helpers.milestones.logistic import fit_logistic, measure_losses, split_folds
from helpers.milestones.shapes import measure_gap

FOLDS, MATURE = 10, 2


def study_maturity(frame: pd.DataFrame, design, *, seed: int) -> dict[str, pd.DataFrame]:
    """Return the levels of each area, the share kept by mature areas, and every line beside the planned one.

    Parameters
    ----------
    frame : DataFrame, one row an account alive at the landmark and followed to its horizon
        `level_CATEGORY` (0 none, 1 basic, 2 mature), `mature_categories`, `retained`, `tier`, `size`. Rows without a
        known outcome are left out.
    design : FrameworkPlan
    seed : int, of the folds

    Returns
    -------
    dict: none where the plan names no categories; else
        categories: category, none, basic, mature (shares), n, difference (mature or not, adjusted) with ci_low,
        ci_high, p_value, p_value_adjusted (Holm), success_metric (in words), reason.
        mature_counts: mature_categories, n, kept, share, ci_low, ci_high (Wilson).
        maturity_lines: line, share_at_or_above, n_at_or_above, difference, ci_low, ci_high, planned, loss (log loss
        out of sample of that line), loss_count (of the count itself, a slope in place of a line), loss_gap (loss -
        loss_count, paired) with loss_gap_low, loss_gap_high, reason.
        The first and the last also carry the counts of `count_sides`, which disclosure checks and drops.
    """
    if not design.categories:
        return {}
    frame = frame[frame["retained"].notna()].reset_index(drop=True)
    controls, kept = make_controls(frame), frame["retained"].to_numpy(float)
    return {
        "categories": _list_categories(frame, kept, controls, design),
        "mature_counts": _count_mature(frame, kept, design),
        "maturity_lines": _list_lines(frame, kept, controls, design, np.random.default_rng(seed)),
    }


def _list_categories(frame, kept, controls, design):
    rows = []
    for name in design.categories:
        levels = frame[f"level_{name}"].to_numpy(int)
        shares = np.bincount(levels, minlength=3) / len(levels) if len(levels) else [math.nan] * 3
        found = _read_difference(levels >= MATURE, kept, controls, design) | count_sides(levels >= MATURE, kept)
        rows.append({"category": name, **dict(zip(("none", "basic", "mature"), map(float, shares), strict=True)),
                     "n": len(levels), **found, "success_metric": _describe(name, design)})  # fmt: skip
    table = pd.DataFrame(rows)
    table.insert(table.columns.get_loc("p_value") + 1, "p_value_adjusted", holm(table["p_value"]))
    return table[[*(name for name in table if name != "reason"), "reason"]]


def _describe(name, design):
    """The one figure to watch in an area, in words: the share of accounts that use enough of its mature features."""
    category = design.categories[name]
    labels = [design.label_of(feature) for feature in category.mature]
    named = " and ".join(filter(None, (", ".join(labels[:-1]), labels[-1])))
    if len(labels) == 1:
        return f"share that uses {named}"
    least = category.mature_at_least
    which = "all" if least == len(labels) else "any" if least == 1 else f"at least {least}"
    return f"share that uses {which} of {named}"


def _count_mature(frame, kept, design):
    rows = []
    for count in range(len(design.categories) + 1):
        inside = frame["mature_categories"].to_numpy(int) == count
        n, stayed = int(inside.sum()), int(kept[inside].sum())
        rows.append({"mature_categories": count, "n": n, "kept": stayed, **read_share(stayed, n, design)})
    return pd.DataFrame(rows)


def _list_lines(frame, kept, controls, design, rng):
    """One row a line; all are judged on the same folds, beside the count itself."""
    count, fold = frame["mature_categories"].to_numpy(float), split_folds(len(frame), FOLDS, rng)
    plain, rows = _lose(count, kept, controls, fold), []
    for line in range(1, len(design.categories) + 1):
        above = count >= line
        found = _read_difference(above, kept, controls, design)
        loss = _lose(above, kept, controls, fold)
        gap = measure_gap(loss, plain, confidence_level=design.confidence_level) if len(loss) > 1 else [math.nan] * 3
        rows.append({
            "line": line, "share_at_or_above": float(above.mean()) if len(above) else math.nan,
            "n_at_or_above": int(above.sum()),
            **{name: found[name] for name in ("difference", "ci_low", "ci_high")},
            "planned": line == design.mature_line, "loss": _average(loss), "loss_count": _average(plain),
            **dict(zip(("loss_gap", "loss_gap_low", "loss_gap_high"), gap, strict=True)), **count_sides(above, kept),
            "reason": found["reason"],
        })  # fmt: skip
    return pd.DataFrame(rows)


def _average(losses):
    return float(losses.mean()) if len(losses) else math.nan


def _lose(column, kept, controls, fold):
    """The log loss of each account under a logistic model of one column and the controls, fitted without its fold."""
    x, losses = np.column_stack([np.ones(len(kept)), controls, column]), np.full(len(kept), math.nan)
    for k in np.unique(fold):
        out = fold == k
        losses[out] = measure_losses(x[out], kept[out], fit_logistic(x[~out], kept[~out]))
    return losses


def _read_difference(exposed, kept, controls, design):
    effect = adjusted_difference(exposed, kept, controls, confidence_level=design.confidence_level)
    return {
        "difference": effect.estimate,
        "ci_low": effect.ci_low,
        "ci_high": effect.ci_high,
        "p_value": effect.p_value,
        "reason": effect.reason,
    }
