"""Replies and the effect: was the treatment delivered, by arm, time and hour; and what may the effect owe to speed."""

import math
from itertools import product

import numpy as np
import pandas as pd
import scipy  # its optimize loads when it is first used
from scipy.special import ndtri, stdtrit

from helpers import metrics
from helpers.inference.contrasts import quantile_difference
from helpers.inference.decisions import list_comparisons
from helpers.inference.looks import read_look
from helpers.inference.means import compare_ratios, difference, measure_columns
from helpers.inference.methods import compare_arms
from helpers.plan import ExperimentPlan
from helpers.records import NAN, Effect, Moments, Results
from helpers.survival import wilson_interval

WEEK = 7 * 24 * 60.0  # minutes for which a conversation is followed before "never answered" is said of it
GRID = np.geomspace(0.5, WEEK, 61)
MANY_UNANSWERED = "half of an arm's conversations or more were never answered"
DIFFERENCES = ["difference", "ci_low", "ci_high"]
GAPS = ["gap", "gap_low", "gap_high"]
LINE = ("slope", "slope_low", "slope_high", "centre_gap", "centre_effect", "centre_error")
RESPONSES = ("linear in minutes", "linear in log minutes")
FASTER, RANDOMISED = "faster - slower, within control", "as randomised"


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
    pair, size = compare_ratios(moments, moments), moments.effective_units
    p, worth = pair.control, float(moments.n)
    if 0 < p < 1 and pair.var_control > 0:
        worth = p * (1 - p) / pair.var_control
    low, high = wilson_interval(p, worth, float(-stdtrit(max(size - 1, 1.0), alpha / 2)))
    return {"share": p, "ci_low": float(low), "ci_high": float(high), "n": moments.n}


def study_replies(
    conversations: pd.DataFrame | None, units: metrics.Units, results: Results, *, within=(2, 15, 60), slower=(0, 10)
) -> dict[str, pd.DataFrame]:
    """Return everything about replies: whether the treatment was delivered, and what its effect may owe to speed.

    Parameters
    ----------
    conversations : DataFrame or None, as `metrics.read_conversations` gives it
    units : metrics.Units
    results : Results
        Of the experiment. Where it is withheld no difference between arms and no effect is told. The tables of
        effects are of primary and secondary metrics that can be estimated.
    within : sequence of float, minutes
        The first is the target of the treatment.
    slower : sequence of float, minutes
        By how much the control may have become slower.

    Returns
    -------
    dict: tables `replies`, `reply_curve`, `reply_hours`, `hours_effect`, `slower`, `speed_association` and `agents`,
        each as the function that makes it says; without conversations none, and none that would be empty.
    """
    if conversations is None or conversations.empty:
        return {}
    design, target, outcomes = units.design, within[0], None
    replies = compare_replies(conversations, design, within=within)
    hours = compare_hours(conversations, design, target=target)
    tables = {"replies": replies, "reply_curve": trace_replies(conversations, design), "reply_hours": hours}
    if results.status == "withheld":
        tables["replies"] = replies.assign(**dict.fromkeys(DIFFERENCES, math.nan))
        tables["reply_hours"] = hours.assign(**dict.fromkeys(GAPS, math.nan)) if len(hours) else hours
    else:
        roles = design.by_role("primary", "secondary")
        names = [n for n in roles if any(not math.isnan(e.estimate) for e in results.headline(n))]
        tables["hours_effect"] = compare_effects_by_hours(units, hours, names)
        tables["slower"] = allow_for_slower(results, replies, names, slower=slower)
        tables["speed_association"] = associate_speed(conversations, units, results, names)
        shares = [f"y_{name}" for name in names if roles[name].how.is_share]
        outcomes = metrics.read_rows(units, ["unit", *shares]) if shares else None
    tables["agents"] = describe_agents(conversations, units, target=target, outcomes=outcomes)
    return {name: table for name, table in tables.items() if not table.empty}


def describe_agents(
    conversations: pd.DataFrame, units: metrics.Units, *, target=2, outcomes: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return what each agent did in the randomised arms, the busiest first; who it is stays untold.

    Parameters
    ----------
    conversations : DataFrame, as `metrics.read_conversations` gives it
    units : metrics.Units
        Its plan gives `min_cell`: an agent serves an arm when so many of its units were answered.
    target : float, minutes
    outcomes : DataFrame, optional
        One row a unit: `unit` and `y_` columns of binary metrics. Left out, no outcome is told.

    Returns
    -------
    DataFrame: one row an agent: `agent` ("agent 1" answered most), `serves` (an arm, "both", or "few sign-ups"),
        `conversations` (answered first), `units`, `median_wait` (minutes), `share_in_target`, `per_active_day`
        (conversations, of days with one), and for each outcome `share_<metric>` and `known_<metric>` over the units
        whose first reply came from this agent. Empty without agents.
    """
    arms, rows = units.design.variant.arms, []
    answered = conversations[conversations["agent_id"].notna() & conversations["variant"].isin(arms)]
    answered = answered.sort_values(["asked_at", "conversation_id"])
    first = answered.drop_duplicates("unit")[["unit", "agent_id"]]
    joined = first if outcomes is None else first.merge(outcomes, on="unit")
    for agent, mine in answered.groupby("agent_id"):
        served = [arm for arm in arms if mine.loc[mine["variant"] == arm, "unit"].nunique() >= units.design.min_cell]
        days = mine["asked_at"] + pd.to_timedelta(mine["wait_minutes"], unit="min")
        row = {
            "serves": "both" if arms[0] in served and len(served) > 1 else ", ".join(served) or "few sign-ups",
            "conversations": len(mine),
            "units": mine["unit"].nunique(),
            "median_wait": float(np.median(mine["wait_minutes"])),
            "share_in_target": float((mine["wait_minutes"] <= target).mean()),
            "per_active_day": len(mine) / days.dt.date.nunique(),
        }
        for column in joined.columns[2:]:
            known, name = joined.loc[joined["agent_id"] == agent, column].dropna(), column.removeprefix("y_")
            row |= {f"share_{name}": float(known.mean()) if len(known) else NAN, f"known_{name}": len(known)}
        rows.append(row)
    if not rows:
        return pd.DataFrame()
    frame = pd.DataFrame(rows).sort_values("conversations", ascending=False, kind="stable", ignore_index=True)
    return frame.assign(agent=[f"agent {place + 1}" for place in range(len(frame))])


def compare_effects_by_hours(units: metrics.Units, hours: pd.DataFrame, names) -> pd.DataFrame:
    """Return the effect by block of assignment beside the gap in replies achieved in that block: exploratory.

    All units assigned in a block count, whether they asked or not. The gap is that of the questions asked in these
    hours, which staffing made; a unit that signs up in them may ask in others. The slope is least squares, weighted by
    precision: blocks differ in more than their gap, so it is an association between blocks, and its interval allows
    for these differences (random effects). Gaps count as known; their noise draws the slope a little towards 0.

    Parameters
    ----------
    units : metrics.Units
    hours : DataFrame, as `compare_hours` gives it
    names : sequence of str
        Metrics; those that are no means are left out.

    Returns
    -------
    DataFrame: one row a metric, comparison and block: `metric`, `comparison`, `control`, `treatment`, `hours`, `gap`
        (minutes; nan where fewer than twice `min_cell` units asked in an arm), `estimate`, `std_error`, `ci_low`,
        `ci_high`, `control_value`, `treatment_value`, `n_control`, `n_treatment`, and, alike in all blocks of an
        effect, `slope` (of the effect on a minute of gap), `slope_low`, `slope_high`, `centre_gap`, `centre_effect`,
        `centre_error` (where the line passes, and half its interval there over the normal quantile). Always-valid
        intervals of the effects in an interim run. Empty without a block that both know.

    References
    ----------
    Knapp & Hartung 2003, Statistics in Medicine 22: 2693-2710; Paule & Mandel 1982, Journal of Research of the
    National Bureau of Standards 87: 377-385.
    """
    design, frames = units.design, [pd.DataFrame()]
    if hours.empty or "hours" not in units.table.columns:
        return frames[0]
    groups, look = metrics.summarise(units, by="hours"), read_look(units)
    # too few units asked for a median that may be told
    gaps = hours["gap"].where(hours[["n_control", "n_treatment"]].min(axis=1) >= 2 * design.min_cell)
    hours = hours.assign(gap=gaps)[hours["hours"].isin(list(groups))]
    for comparison in list_comparisons(design):
        if comparison.name not in names or not comparison.metric.how.is_mean:
            continue
        rows, sides = [], {"control": comparison.control, "treatment": comparison.treatment}
        for block, gap in hours.loc[hours["comparison"] == comparison.label, ["hours", "gap"]].to_numpy():
            arms = groups[block][comparison.name]
            n = comparison.count(arms)
            effect = compare_arms(comparison.metric, *comparison.take(arms), confidence_level=comparison.level)
            effect = look.apply(comparison, effect, n=sum(n))
            row = {"metric": comparison.name, "comparison": comparison.label, **sides, "hours": block}
            row |= {"gap": float(gap), "estimate": effect.estimate, "std_error": effect.std_error}
            rows.append({**row, **read_effect(effect), "n_control": n[0], "n_treatment": n[1]})
        if rows:
            frames.append(pd.DataFrame(rows).drop(columns="difference").assign(**_fit(rows, design)))
    return pd.concat(frames[1:] or frames, ignore_index=True)


def _fit(rows, design):
    """The line of the effect on the gap, over blocks with enough units; nan from fewer than four of them."""
    enough = [r for r in rows if r["std_error"] > 0 and min(r["n_control"], r["n_treatment"]) >= design.min_cell]
    usable = [(r["gap"], r["estimate"], r["std_error"]) for r in enough if math.isfinite(r["gap"])]
    x, y, error = np.array(usable, float).reshape(-1, 3).T
    if len(x) < 4 or np.ptp(x) == 0:
        return dict.fromkeys(LINE, math.nan)
    df, between = len(x) - 2, 0.0

    def excess(between):
        return _draw_line(x, y, 1 / (error**2 + between))[-1] - df

    if excess(0.0) > 0:  # blocks miss the line by more than they should (Paule-Mandel); at the far end by 1 at most
        between = float(scipy.optimize.brentq(excess, 0.0, float(np.var(y)) * len(y)))
    weight = 1 / (error**2 + between)
    centre, middle, slope, spread, misfit = _draw_line(x, y, weight)
    unrest = max(misfit / df, 1.0)  # Knapp-Hartung, never narrower than chance within blocks
    wide = float(-stdtrit(df, design.alpha / 2)) * math.sqrt(unrest)
    half = wide / math.sqrt(spread)
    error = wide / float(-ndtri(design.alpha / 2)) / math.sqrt(float(weight.sum()))
    return dict(zip(LINE, (slope, slope - half, slope + half, centre, middle, error), strict=True))


def _draw_line(x, y, weight):
    """Where the weighted line passes, its slope, the weighted spread of x, and the weighted squares that it leaves."""
    centre, middle = float(np.average(x, weights=weight)), float(np.average(y, weights=weight))
    spread = float(np.sum(weight * (x - centre) ** 2))
    slope = float(np.sum(weight * (x - centre) * y)) / spread
    return centre, middle, slope, spread, float(np.sum(weight * (y - middle - slope * (x - centre)) ** 2))


def allow_for_slower(results: Results, replies: pd.DataFrame, names, *, slower=(0, 10)) -> pd.DataFrame:
    """Return what the effect would be, had the control not become slower by some minutes while agents moved.

    The effect and its interval are scaled by the part of the gap in median waits that would have remained, under a
    response to waiting that is linear in minutes, and under one that is linear in their logarithm; the whole effect is
    taken to come from waiting. The medians count as known.

    Parameters
    ----------
    results : Results
    replies : DataFrame, as `compare_replies` gives it
    names : sequence of str, metrics
    slower : sequence of float, minutes
        By how much the control may have become slower; what was measured against each group before joins them.

    Returns
    -------
    DataFrame: one row a comparison, number of minutes and response: `metric`, `comparison`, `control`, `treatment`,
        `slower_minutes`, `is_measured`, `response`, `factor`, `estimate`, `ci_low`, `ci_high`, `reason`. Empty where
        the effect is not estimable.
    """
    medians = replies[replies["measure"] == "median"]
    measured = medians.loc[~medians["is_randomised"], "difference"].dropna()
    steps, rows = sorted([*((float(x), False) for x in slower), *((float(x), True) for x in measured)]), []
    waits = medians[medians["is_randomised"]].set_index("comparison")[["control_value", "treatment_value"]]
    for effect in (e for name in names for e in results.headline(name)):
        if effect.comparison not in waits.index or math.isnan(effect.estimate):
            continue
        control, treatment = map(float, waits.loc[effect.comparison])
        for (minutes, is_measured), response in product(steps, RESPONSES):
            factor, reason = NAN, None  # the part of the gap that remains, or why there is none
            if not control > treatment:
                reason = "the control did not wait longer"
            elif response == RESPONSES[0]:
                factor = (control - minutes - treatment) / (control - treatment)
            elif min(control - minutes, treatment) > 0:
                factor = math.log((control - minutes) / treatment) / math.log(control / treatment)
            else:
                reason = "no wait would be left, so it has no logarithm"
            row = {k: getattr(effect, k) for k in ("metric", "comparison", "control", "treatment")}
            row |= {"slower_minutes": minutes, "is_measured": is_measured, "response": response, "factor": factor}
            low, high = sorted((effect.ci_low * factor, effect.ci_high * factor))
            rows.append({**row, "estimate": effect.estimate * factor, "ci_low": low, "ci_high": high, "reason": reason})
    return pd.DataFrame(rows)


def associate_speed(conversations: pd.DataFrame, units: metrics.Units, results: Results, names) -> pd.DataFrame:
    """Return, inside the control arm, outcomes of units whose first reply came fast against slow: an association.

    The first conversation of each unit decides: below the arm's median wait is faster, the rest, the unanswered among
    them, slower. Units without a question are in neither. The randomised difference stands beside.

    Parameters
    ----------
    conversations : DataFrame, as `metrics.read_conversations` gives it
    units : metrics.Units
    results : Results
    names : sequence of str
        Metrics; those that are no means of units are left out.

    Returns
    -------
    DataFrame: two rows a metric: `metric`, `kind` ("faster - slower, within control"; "as randomised"), `comparison`,
        `control_value` (slower), `treatment_value` (faster), `difference`, `ci_low`, `ci_high`, `n_control`,
        `n_treatment`. Empty above the limit of row-level methods and where clusters are randomised.
    """
    design, rows = units.design, []
    names = [n for n in names if design.metrics[n].how.is_mean and design.metrics[n].how.outcome == "y"]
    asked = split_arms(conversations, design)[design.variant.control]
    first = asked[asked["followed_minutes"] >= WEEK].sort_values(["asked_at", "conversation_id"])
    first = first.drop_duplicates("unit")
    if design.cluster or first.empty:
        return pd.DataFrame()
    outcomes = metrics.read_rows(units, ["unit", *(f"y_{name}" for name in names)])
    if outcomes is None:
        return pd.DataFrame()
    wait = first["wait_minutes"].fillna(np.inf)
    joined = outcomes.merge(first[["unit"]].assign(is_fast=wait < wait.median()), on="unit")
    for name in names:
        sides = (joined.loc[joined["is_fast"] == side, f"y_{name}"].dropna() for side in (False, True))
        moments = [measure_columns(side.to_numpy(float)[:, None]) for side in sides]
        effect = compare_arms(design.metrics[name], *moments, confidence_level=design.confidence_level)
        found = [(FASTER, design.variant.control, effect, *(m.n for m in moments))]
        found += [(RANDOMISED, e.comparison, e, e.n_control, e.n_treatment) for e in results.headline(name)]
        for kind, comparison, e, n_control, n_treatment in found:
            row = {"metric": name, "kind": kind, "comparison": comparison, **read_effect(e)}
            rows.append({**row, "n_control": n_control, "n_treatment": n_treatment})
    return pd.DataFrame(rows)
