"""Which setup steps, done early, go with becoming active later: each with its order in time and how common it is."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from helpers.inference import holm
from helpers.milestones.adjusted import adjusted_difference, make_controls
from helpers.milestones.counts import SIDES, count_sides

NICHE, ROUTINE, CLEAR_ORDER = 0.05, 0.9, 0.8
NONE_LEFT = "nobody is followed to the end of the window who was not activated by then"


def study_setup(histories: pd.DataFrame, design, *, setup_days: float = 14) -> dict[str, pd.DataFrame]:
    """Return how being activated later differs between accounts that did a setup step early and those that did not.

    Read at an early landmark of its own, `setup_days` after the start, among accounts that are alive then, not yet
    activated, and followed to the end of the activation window. A step done after that day counts as not done; an
    account that leaves before the window ends counts as not activated.

    Parameters
    ----------
    histories : DataFrame, one row an account
        `followed_days`, `lost_day`, `day_activated`, `tier`, `size`, and `step_day_NAME` of each step (nan: never).
    design : FrameworkPlan
    setup_days : float, days after the start, below the activation window

    Returns
    -------
    dict: table `steps`, one row a step: n_done, share_done, difference (adjusted for plan and size) with ci_low,
        ci_high, p_value, p_value_adjusted (Holm over the steps), difference_joint with joint_low and joint_high
        (adjusted also for the other steps), before (of those in the whole data who did it and were activated, the
        share who did it first), median_day (of all who did it), flag, verdict, reason, and the counts of `count_sides`
        (kept is activated), which disclosure checks and drops. Empty where the plan has no steps, no line of
        activation, or a window that ends by setup_days.
    """
    rule = design.activation
    if not design.steps or rule is None or rule.at_least is None or rule.window_days <= setup_days:
        return {}
    followed = histories[histories["followed_days"] >= rule.window_days]
    early = followed[~(followed["lost_day"] <= setup_days) & ~(followed["day_activated"] <= setup_days)]
    done = {step.name: early[f"step_day_{step.name}"].to_numpy(float) <= setup_days for step in design.steps}
    activated = (early["day_activated"] <= rule.window_days).to_numpy(float)
    if not len(early):
        return {"steps": _judge(pd.DataFrame([_describe(followed, name, d) | _fill(NONE_LEFT)
                                              for name, d in done.items()]), design)}  # fmt: skip
    controls = make_controls(early)
    rows = [_describe(followed, name, done[name]) | _compare(name, done, activated, controls, design) for name in done]
    return {"steps": _judge(pd.DataFrame(rows), design)}


def _compare(name, done, activated, controls, design):
    """The difference of one step, adjusted for plan and size, and for the other steps too."""
    others = [values.astype(float) - values.mean() for key, values in done.items() if key != name]
    level = {"confidence_level": design.confidence_level}
    alone = adjusted_difference(done[name], activated, controls, **level)
    joint = adjusted_difference(done[name], activated, np.column_stack([controls, *others]), **level)
    return {
        "difference": alone.estimate,
        "ci_low": alone.ci_low,
        "ci_high": alone.ci_high,
        "p_value": alone.p_value,
        "difference_joint": joint.estimate,
        "joint_low": joint.ci_low,
        "joint_high": joint.ci_high,
        **count_sides(done[name], activated),
        "reason": alone.reason,
    }


def _fill(reason):
    names = ("difference", "ci_low", "ci_high", "p_value", "difference_joint", "joint_low", "joint_high")
    return {**dict.fromkeys(names, math.nan), **dict.fromkeys(SIDES, 0), "reason": reason}


def _describe(followed, name, done):
    """How common a step is by the early landmark, and when it is done, before or after becoming active."""
    day, activated = followed[f"step_day_{name}"], followed["day_activated"]
    both = day.notna() & activated.notna()
    share = float(done.mean()) if len(done) else math.nan
    before = float((day[both] < activated[both]).mean()) if both.any() else math.nan
    return {
        "step": name,
        "n_done": int(done.sum()),
        "share_done": share,
        "before": before,
        "median_day": float(day.median()),
        "flag": _flag(share, before),
    }


def _flag(share, before):
    if share < NICHE:
        return "niche"
    if share > ROUTINE:
        return "routine"
    return "order unclear" if before < CLEAR_ORDER else ""


def _judge(table, design):
    table["p_value_adjusted"] = holm(table["p_value"])
    clear = table["p_value_adjusted"] <= design.alpha
    verdict = np.where(clear, "clear difference", "no clear difference")
    table["verdict"] = np.where(table["p_value_adjusted"].isna(), "not estimable", verdict)
    names = ("step", "n_done", "share_done", "difference", "ci_low", "ci_high", "p_value", "p_value_adjusted",
             "difference_joint", "joint_low", "joint_high", "before", "median_day", "flag", "verdict",
             "reason", *SIDES)  # fmt: skip
    return table[list(names)]
