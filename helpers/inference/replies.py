"""Was the treatment delivered: how fast replies came, by arm, by time and by hour of the week."""

import numpy as np
import pandas as pd
from scipy.stats import t as student

from helpers import metrics
from helpers.inference.contrasts import quantile_difference
from helpers.inference.means import compare_ratios, difference, effective_units, measure_columns
from helpers.plan import ExperimentPlan
from helpers.records import NAN, Effect, Moments
from helpers.survival import wilson_interval

WEEK = 7 * 24 * 60.0  # minutes for which a conversation is followed before "never answered" is said of it
GRID = np.geomspace(0.5, WEEK, 61)
MANY_UNANSWERED = "half of an arm's conversations or more were never answered"


def compare_replies(conversations: pd.DataFrame, design: ExperimentPlan, *, within=(2, 15, 60)) -> pd.DataFrame:
    """Return how fast first replies came, the treatments against the control, and the control against groups before.

    Never answered is later than anything. A conversation counts for "within t minutes" when it was followed for t
    minutes; for the median and for "never" when it was followed for a week. A group before counts as `split_arms` says.

    Parameters
    ----------
    conversations : DataFrame, as `metrics.read_conversations` gives it
    design : ExperimentPlan
        Treatments are compared with the control (randomised), the control with each observational group (not).
    within : sequence of float, minutes

    Returns
    -------
    DataFrame: one row a comparison and measure: `comparison`, `is_randomised`, `control`, `treatment` (the two groups),
        `measure` ("median", "within", "never"), `minutes` (of "within"), `control_value`, `treatment_value` (minutes,
        or shares), `difference`, `ci_low`, `ci_high`, `n_control`, `n_treatment` (units with a conversation that
        counts), `conversations_control`, `conversations_treatment`, `reason` (why there is no interval).

    References
    ----------
    Deng, Knoblich & Lu 2018, KDD: 233-242 (ratios and quantiles of rows at the randomised unit).
    """
    groups, level, found = split_arms(conversations, design), {"confidence_level": design.confidence_level}, []
    ways = [("median", NAN, WEEK), *(("within", float(t), t) for t in within), ("never", NAN, WEEK)]
    for pair in list_pairs(design):
        sides = groups[pair["control"]], groups[pair["treatment"]]
        for measure, minutes, followed in ways:
            if measure == "median":
                effect = compare_medians(*sides, **level)
            else:
                shares = (measure_share(rows, followed if measure == "within" else None) for rows in sides)
                effect = difference(compare_ratios(*shares), **level)
            counted = _count(*(rows[rows["followed_minutes"] >= followed] for rows in sides))
            labels = {**pair, "measure": measure, "minutes": minutes, "reason": effect.reason}
            found.append({**labels, **read_effect(effect), **counted})
    return pd.DataFrame(found)


def trace_replies(conversations: pd.DataFrame, design: ExperimentPlan) -> pd.DataFrame:
    """Return the share of conversations answered within each time, from half a minute to a week, by group.

    Parameters
    ----------
    conversations : DataFrame, as `metrics.read_conversations` gives it
    design : ExperimentPlan

    Returns
    -------
    DataFrame: one row a group and time: `arm`, `role` ("control", "treatment", "observational"), `minutes`, `share`,
        `ci_low`, `ci_high` (for each time by itself), `n` (units with a conversation that was followed so long). Wilson
        limits of as many conversations as the units are worth, so that they stay within 0 and 1.

    References
    ----------
    Korn & Graubard 1998, Survey Methodology 24: 193-201 (effective sample size); Wilson 1927.
    """
    variant = design.variant
    roles = dict.fromkeys(variant.observational, "observational") | dict.fromkeys(variant.treatments, "treatment")
    rows = []
    for arm, group in split_arms(conversations, design).items():
        for minutes in GRID:
            share = _limit_share(measure_share(group, minutes), design.alpha)
            rows.append({"arm": arm, "role": roles.get(arm, "control"), "minutes": float(minutes), **share})
    return pd.DataFrame(rows).dropna(subset=["share"]).reset_index(drop=True)


def compare_hours(conversations: pd.DataFrame, design: ExperimentPlan, *, target=2) -> pd.DataFrame:
    """Return how fast first replies came by hours of the week in which the questions were asked, treatment by control.

    Parameters
    ----------
    conversations : DataFrame, as `metrics.read_conversations` gives it
    design : ExperimentPlan
    target : float, minutes

    Returns
    -------
    DataFrame: one row a comparison and block of four hours (UTC): `comparison`, `control`, `treatment`, `hours`,
        `target`, `control_median`, `treatment_median` (minutes), `gap` (control - treatment), `gap_low`, `gap_high`,
        `control_share`, `treatment_share` (within the target), `n_control`, `n_treatment` (units), and the numbers of
        conversations. Blocks without a conversation are left out.
    """
    rows = []
    for name, group in conversations.groupby(metrics.name_hours(conversations["hour"])):
        arms = split_arms(group, design)
        for pair in list_pairs(design):
            if not pair.pop("is_randomised"):
                continue
            sides = arms[pair["control"]], arms[pair["treatment"]]
            effect = compare_medians(*sides, confidence_level=design.confidence_level)
            moments = [measure_share(rows, target) for rows in sides]
            shares = [m.value / float(m.mean[1]) if m.n else NAN for m in moments]
            found = {"control_median": effect.control_value, "treatment_median": effect.treatment_value}
            found |= {"gap": -effect.estimate, "gap_low": -effect.ci_high, "gap_high": -effect.ci_low}
            found |= {"control_share": shares[0], "treatment_share": shares[1], **_count(*sides)}
            rows.append({**pair, "hours": name, "target": float(target), **found})
    frame = pd.DataFrame(rows)
    return frame.sort_values(["comparison", "hours"], ignore_index=True) if rows else frame


def list_pairs(design: ExperimentPlan) -> list[dict]:
    """Return the comparisons of replies: each treatment with the control, then the control with each group before.

    Parameters
    ----------
    design : ExperimentPlan

    Returns
    -------
    list of dict: `comparison` (in words), `is_randomised`, `control`, `treatment` (the first is taken from the second).
    """
    control = design.variant.control
    sides = [(True, control, t) for t in design.variant.treatments]
    sides += [(False, group, control) for group in design.variant.observational]
    return [
        {"comparison": f"{second} - {first}", "is_randomised": randomised, "control": first, "treatment": second}
        for randomised, first, second in sides
    ]


def split_arms(conversations: pd.DataFrame, design: ExperimentPlan) -> dict[str, pd.DataFrame]:
    """Return the conversations of each group, control first, observational groups last, with the cluster to count by.

    Of an observational group most of whose questions came before the experiment's first, only those are kept: who
    signed up before and asked later met the queues of the experiment, so these waits say nothing of the time before.

    Parameters
    ----------
    conversations : DataFrame
        `cluster` is the randomised unit where it is there, else `unit`.
    design : ExperimentPlan
    """
    rows = conversations.assign(cluster=conversations["cluster" if "cluster" in conversations else "unit"])
    begins = rows.loc[rows["variant"].isin(design.variant.arms), "asked_at"].min()
    groups = {}
    for name in (*design.variant.arms, *design.variant.observational):
        group = rows[rows["variant"] == name]
        is_before = group["asked_at"] < begins  # of no arm
        groups[name] = group[is_before] if is_before.mean() > 0.5 else group
    return groups


def measure_share(rows: pd.DataFrame, minutes: float | None) -> Moments:
    """Return the moments of two sums, one row a randomised unit: conversations answered in time, and all that count.

    Parameters
    ----------
    rows : DataFrame, one row a conversation: `cluster`, `wait_minutes`, `followed_minutes`
    minutes : float or None
        Answered within so many minutes, of conversations followed so long; None is never, of those followed a week.

    Returns
    -------
    Moments: names ("num", "den"); their ratio is the share.
    """
    rows = rows[rows["followed_minutes"] >= (WEEK if minutes is None else minutes)]
    hit = rows["wait_minutes"].isna() if minutes is None else rows["wait_minutes"] <= minutes
    codes = pd.factorize(rows["cluster"])[0]
    sums = np.column_stack([np.bincount(codes, weights=hit.to_numpy(float)), np.bincount(codes).astype(float)])
    return measure_columns(sums.reshape(-1, 2), ("num", "den"))


def compare_medians(control: pd.DataFrame, treatment: pd.DataFrame, *, confidence_level) -> Effect:
    """Return the difference of the median wait in minutes, treatment minus control, by the randomised unit.

    Parameters
    ----------
    control, treatment : DataFrame, one row a conversation: `cluster`, `wait_minutes`, `followed_minutes`
        Never answered is later than anything; conversations followed for less than a week are left out.
    confidence_level : float

    Returns
    -------
    Effect: by order statistics; nan with a reason where half of an arm was never answered.
    """
    sides = [rows[rows["followed_minutes"] >= WEEK] for rows in (control, treatment)]
    waits = [rows["wait_minutes"].fillna(np.inf).to_numpy(float) for rows in sides]
    late = [not len(w) or np.count_nonzero(np.isinf(w)) >= len(w) / 2 for w in waits]
    if any(late):
        values = [NAN if is_late else float(np.median(w)) for is_late, w in zip(late, waits, strict=True)]
        return Effect(control_value=values[0], treatment_value=values[1], reason=MANY_UNANSWERED)
    clusters = dict(zip(("control_clusters", "treatment_clusters"), (r["cluster"] for r in sides), strict=True))
    return quantile_difference(*waits, 0.5, confidence_level=confidence_level, **clusters)


def read_effect(effect) -> dict:
    """Return the figures of an effect or an estimate as a table names them."""
    values = {"control_value": effect.control_value, "treatment_value": effect.treatment_value}
    return {**values, "difference": effect.estimate, "ci_low": effect.ci_low, "ci_high": effect.ci_high}


def _count(control, treatment):
    units = {"n_control": control["unit"].nunique(), "n_treatment": treatment["unit"].nunique()}
    return {**units, "conversations_control": len(control), "conversations_treatment": len(treatment)}


def _limit_share(moments, alpha):
    """The share with Wilson limits: of as many rows as its variance by clusters is worth, by Student's quantile."""
    if moments.n < 2:
        return {"share": NAN, "ci_low": NAN, "ci_high": NAN, "n": moments.n}
    pair, size = compare_ratios(moments, moments), effective_units(moments)
    p, worth = pair.control, float(moments.n)
    if 0 < p < 1 and pair.var_control > 0:
        worth = p * (1 - p) / pair.var_control
    low, high = wilson_interval(p, worth, float(student.isf(alpha / 2, max(size - 1, 1.0))))
    return {"share": p, "ci_low": float(low), "ci_high": float(high), "n": moments.n}
