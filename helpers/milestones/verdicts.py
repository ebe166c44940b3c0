"""One word a milestone: keep, watch, re-set, drop or too early, by a rule that is fixed before any cohort is seen."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from helpers.milestones.adjusted import adjusted_difference, make_controls, rules_out
from helpers.plan import FrameworkPlan

MISFITS = {"recalibrate": "its spread", "revise": "its coefficients"}
Row = tuple[float, float, float]  # value, low, high


def measure_differences(frame: pd.DataFrame, design: FrameworkPlan, line: float) -> dict[str, Row]:
    """Return the adjusted difference in the share kept of each milestone among some accounts.

    Parameters
    ----------
    frame : DataFrame, as `read_landmarks` gives it
    design : FrameworkPlan
    line : float, count from which an account is activated where the plan names none; nan is unknown

    Returns
    -------
    dict: milestone -> (difference, low, high); nan where not estimable.
    """
    found = {}
    has_line = design.activation is not None and design.activation.at_least is not None
    for name in design.milestone_names:
        exposed = frame[name].to_numpy(float) if name in frame else np.full(len(frame), np.nan)
        if name == "activated" and not has_line:
            exposed = (frame["count"] >= line).to_numpy(float) if math.isfinite(line) else np.full(len(frame), np.nan)
        if not len(frame) or np.isnan(exposed).all():
            found[name] = (math.nan,) * 3
            continue
        options = {"confidence_level": design.confidence_level}
        effect = adjusted_difference(exposed, frame["retained"].to_numpy(float), make_controls(frame), **options)
        found[name] = (effect.estimate, effect.ci_low, effect.ci_high)
    return found


def judge_milestones(
    now, before, review, drift, newest: str, *, older_auc: float, cut_p: float = 1.0, design
) -> pd.DataFrame:
    """Return one word a milestone, and why, from the newest cohort that is large enough.

    In this order: "too early" where the newest cohort or the older ones have too few accounts; "re-set" (activated)
    where the best cut lies outside what chance would give, and is no accident of looking at many; "drop" where the
    difference in the newest could not be as large as what the plan calls worthwhile and is clear on the other side, or
    is not clear and lies further from the older one than both intervals together allow, or where the older one is not
    clear nor could be worthwhile either; "watch" where it is on the other side or not clear, yet not dropped; "re-set"
    where it is clear, yet the best cut lies outside; "watch" where the model's spread or coefficients no longer fit,
    or it tells those who stay apart less well than planned; else "keep".

    Parameters
    ----------
    now, before : dict of milestone -> (difference, low, high)
    review, drift : DataFrames, as `study_review` gives them
    newest : str, cohort
    older_auc : float, area under the curve in the older cohorts, or in the earlier run; nan is not judged
    cut_p : float
        Chance that the best of all cuts looks as good in the newest cohort without any association.
    design : FrameworkPlan, gives the thresholds

    Returns
    -------
    DataFrame: milestone, word, why (one sentence).
    """
    row = review.set_index("cohort").loc[newest]
    moved = drift[drift["cohort"].isin([newest, "all"]) & (drift["what"] == "cut") & drift["outside"].astype(bool)]
    rows = []
    for name in design.milestone_names:
        cut = moved.iloc[0] if name == "activated" and len(moved) else None
        word, why = _judge(now[name], before[name], row, cut, (older_auc, cut_p), design.review.thresholds)
        rows.append((name, word, f"{_describe(newest, now[name], before[name])}{why}."))
    return pd.DataFrame(rows, columns=["milestone", "word", "why"])


def _judge(now, before, row, cut, further, limits):
    older_auc, cut_p = further
    if not (math.isfinite(now[1]) and math.isfinite(before[1])) or row["choice"] == "too few":
        return "too early", ", with too few accounts to judge it"
    if cut is not None and cut_p < limits.p_value:
        return "re-set", f", but {_describe_cut(cut)}"
    is_small = now[2] < limits.worthwhile
    if now[1] > 0 or now[2] < 0:
        if now[0] * before[0] < 0:
            return "drop" if is_small else "watch", ", clear and on the other side"
        return _judge_clear(row, cut, older_auc, limits)
    if rules_out(now, before):
        moved = "" if cut is None else f"; the best cut is {cut['found']:g} now, which is not clear either"
        worth = "" if is_small else f", yet it may reach the {_points(limits.worthwhile)} that would be worthwhile"
        return "drop" if is_small else "watch", f", not clear, and older cohorts' is ruled out{worth}{moved}"
    if before[1] <= 0 <= before[2] and max(now[2], before[2]) < limits.worthwhile:
        return "drop", f", not clear in either and below the {_points(limits.worthwhile)} that would be worthwhile"
    return "watch", ", not clear, while older cohorts' is not ruled out"


def _judge_clear(row, cut, older_auc, limits):
    """The word of a milestone whose difference is clear on the side of older cohorts."""
    if cut is not None:
        return "re-set", f", clear, but {_describe_cut(cut)}"
    if row["choice"] in MISFITS:
        return "watch", f", clear, but the model of all milestones no longer fits in {MISFITS[row['choice']]}"
    if row["auc"] < limits.auc_at_least:
        least = limits.auc_at_least
        return "watch", f", clear, but the model's area under the curve is {row['auc']:.2f}, below {least:g}"
    if older_auc - row["auc"] > limits.auc_drop:
        return "watch", f", clear, but the model's area under the curve fell from {older_auc:.2f} to {row['auc']:.2f}"
    level = ", though the share that stays has moved" if row["choice"] == "re-intercept" else ""
    return "keep", f", clear and on the side of older cohorts{level}"


def _describe_cut(cut):
    beside = f"the {cut['low']:g} to {cut['high']:g}" if cut["low"] < cut["high"] else f"the {cut['low']:g}"
    return f"the best cut is {cut['found']:g}, outside {beside} that chance would give"


def _describe(newest, now, before):
    if not math.isfinite(now[0]):
        return f"The difference in {newest} is not estimable"
    text = f"The difference in {newest} is {_points(now[0], signed=True)}"
    if math.isfinite(now[1]):
        text += f" ({100 * now[1]:+.1f} to {100 * now[2]:+.1f})"
    return text + (f", {_points(before[0], signed=True)} before" if math.isfinite(before[0]) else "")


def _points(value, signed=False):
    return f"{100 * value:{'+' if signed else ''}.1f} points"
