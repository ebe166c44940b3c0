"""What the effect may owe to the speed of replies: by hour, after a slower control, as an association, by person."""

import math
from itertools import product

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import norm
from scipy.stats import t as student

from helpers import metrics
from helpers.inference.contrasts import compare_arms
from helpers.inference.decisions import list_comparisons
from helpers.inference.looks import read_look
from helpers.inference.means import measure_columns
from helpers.inference.replies import WEEK, compare_hours, compare_replies, read_effect, split_arms, trace_replies
from helpers.records import NAN, Results

DIFFERENCES = ["difference", "ci_low", "ci_high"]
GAPS = ["gap", "gap_low", "gap_high"]
LINE = ("slope", "slope_low", "slope_high", "centre_gap", "centre_effect", "centre_error")
RESPONSES = ("linear in minutes", "linear in log minutes")
FASTER, RANDOMISED = "faster - slower, within control", "as randomised"


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
        between = float(brentq(excess, 0.0, float(np.var(y)) * len(y)))
    weight = 1 / (error**2 + between)
    centre, middle, slope, spread, misfit = _draw_line(x, y, weight)
    unrest = max(misfit / df, 1.0)  # Knapp-Hartung, never narrower than chance within blocks
    wide = float(student.isf(design.alpha / 2, df)) * math.sqrt(unrest)
    half = wide / math.sqrt(spread)
    error = wide / float(norm.isf(design.alpha / 2)) / math.sqrt(float(weight.sum()))
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
