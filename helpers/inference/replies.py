"""First replies and what goes with them: how fast, how many, and levels that are told beside effects."""

import math
from itertools import product

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from helpers import metrics
from helpers.inference.contrasts import quantile_difference
from helpers.inference.means import compare_ratios, difference, measure_columns
from helpers.plan import ExperimentPlan
from helpers.records import NAN, Effect, Moments, Results
from helpers.survival import wilson_interval

WEEK = 7 * 24 * 60.0  # minutes for which a conversation is followed before "never answered" is said of it
GRID = np.geomspace(0.5, WEEK, 61)
MANY_UNANSWERED = "half of an arm's conversations or more were never answered"
DIFFERENCES = ["difference", "ci_low", "ci_high"]
RESPONSES = ("linear in minutes", "linear in log minutes")


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
        counts), `reason` (why there is no interval).

    References
    ----------
    Deng, Knoblich & Lu 2018, KDD: 233-242 (ratios and quantiles of rows at the randomised unit).
    """
    groups, level, found = split_arms(conversations, design), {"confidence_level": design.confidence_level}, []
    ways = [("median", NAN, WEEK), *(("within", float(t), t) for t in within), ("never", NAN, WEEK)]
    control, treatments, before = design.variant.control, design.variant.treatments, design.variant.observational
    pairs = [*((control, name, True) for name in treatments), *((name, control, False) for name in before)]
    for first, second, is_randomised in pairs:
        sides, told = [groups[first], groups[second]], {"comparison": f"{second} - {first}"}
        told |= {"is_randomised": is_randomised, "control": first, "treatment": second}
        for measure, minutes, followed in ways:
            if measure == "median":
                effect = compare_medians(*sides, **level)
            else:
                shares = (measure_share(rows, followed if measure == "within" else None) for rows in sides)
                effect = difference(compare_ratios(*shares), **level)
            row = {**told, "measure": measure, "minutes": minutes, "reason": effect.reason}
            row |= {"control_value": effect.control_value, "treatment_value": effect.treatment_value}
            row |= {"difference": effect.estimate, "ci_low": effect.ci_low, "ci_high": effect.ci_high}
            counted = [rows[rows["followed_minutes"] >= followed] for rows in sides]
            n_control, n_treatment = (rows["unit"].nunique() for rows in counted)
            found.append(row | {"n_control": n_control, "n_treatment": n_treatment})
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
    dict: tables `replies`, `reply_curve` and `slower`, each as the function that makes it says; without conversations
        none, and none that would be empty.
    """
    if conversations is None or conversations.empty:
        return {}
    design = units.design
    replies = compare_replies(conversations, design, within=within)
    tables = {"replies": replies, "reply_curve": trace_replies(conversations, design)}
    if results.status == "withheld":
        tables["replies"] = replies.assign(**dict.fromkeys(DIFFERENCES, math.nan))
    else:
        names = design.by_role("primary", "secondary")
        names = [n for n in names if any(not math.isnan(e.estimate) for e in results.headline(n))]
        tables["slower"] = allow_for_slower(results, replies, names, slower=slower)
    return {name: table for name, table in tables.items() if not table.empty}


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


GOOD = 4  # ratings of four or five of five are good
RATING = "csat"
COLUMNS = ["metric", "estimand", "population", "estimate", "ci_low", "ci_high", "n", "hits", "reason"]


def list_levels(conversations: pd.DataFrame | None, units: metrics.Units, hours: pd.DataFrame | None) -> pd.DataFrame:
    """Return the levels that published claims are about, each with its interval.

    Parameters
    ----------
    conversations : DataFrame or None, as `metrics.read_conversations` gives it
    units : metrics.Units
    hours : DataFrame or None
        Table `agent_hours`: its range is that over assumptions.

    Returns
    -------
    DataFrame: one row a level. `metric`, `estimand` ("level"), `population` (control, treatment, before), `estimate`,
        `ci_low`, `ci_high` (at the plan's level; of agent hours the range over assumptions), `n` (units; of waits
        conversations), `hits` (good ratings, and half of the waits), `reason` why there is none.
    """
    rows = _list_ratings(units)
    if hours is not None and not hours.empty:
        values = hours["extra_hours"]
        central = values[(hours["handling"] == hours["handling"].median()) & (hours["patience"] == 1)]
        found = {"estimate": float((central if len(central) else values).median()), "n": NAN, "hits": NAN}
        found |= {"ci_low": float(values.min()), "ci_high": float(values.max())}
        rows.insert(0, {"metric": "agent_hours", "population": "treatment", **found})
    if conversations is not None and len(conversations):
        groups, variant = split_arms(conversations, units.design), units.design.variant
        sides = {"median_reply_hours": (60, "control", variant.control)}
        sides["median_reply_minutes"] = (1, "treatment", variant.treatments[0])
        for name, (unit, population, arm) in sides.items():
            found = limit_median(groups[arm], confidence_level=units.design.confidence_level)
            found |= {key: found[key] / unit for key in ("estimate", "ci_low", "ci_high")}
            rows.append({"metric": name, "population": population, **found})
    return pd.DataFrame([{"estimand": "level", "reason": None, **row} for row in rows], columns=COLUMNS)


def _list_ratings(units):
    """Shares of good ratings in the control and, where it is there, in the group before the test."""
    if RATING not in units.design.metrics:
        return []
    rows = metrics.read_rows(units, ["variant", f"y_{RATING}"])
    if rows is None:
        return []
    variant, z, found = units.design.variant, -ndtri(units.design.alpha / 2), []
    for population, arm in [("control", variant.control), *(("before", name) for name in variant.observational)]:
        rated = rows.loc[rows["variant"] == arm, f"y_{RATING}"].dropna()
        n, hits = len(rated), int((rated >= GOOD).sum())
        low, high = wilson_interval(hits / n, n, z) if n else (NAN, NAN)
        shares = {"estimate": hits / n if n else NAN, "ci_low": float(low), "ci_high": float(high)}
        reason = None if n else "Nobody of this group rated."
        found.append({"metric": "good_ratings", "population": population, **shares, "n": n, "hits": hits})
        found[-1]["reason"] = reason
    return found


def limit_median(rows: pd.DataFrame, *, confidence_level=0.95) -> dict:
    """Return the median wait of one group in minutes, with its interval by order statistics and the randomised unit.

    Parameters
    ----------
    rows : DataFrame, one row a conversation: `cluster`, `wait_minutes`, `followed_minutes`
        Never answered is later than anything; conversations followed for less than a week are left out.
    confidence_level : float

    Returns
    -------
    dict: `estimate`, `ci_low`, `ci_high`, `n`, `hits`, `reason`; nan with a reason where half or more were never
        answered.

    References
    ----------
    Woodruff 1952, Journal of the American Statistical Association 47: 635-646.
    """
    rows = rows[rows["followed_minutes"] >= WEEK]
    waits, n = np.sort(rows["wait_minutes"].fillna(np.inf).to_numpy(float)), len(rows)
    counted = {"n": n, "hits": n // 2}
    if n < 2 or not math.isfinite(waits[n // 2]):
        nothing = dict.fromkeys(("estimate", "ci_low", "ci_high"), NAN)
        return {**nothing, **counted, "reason": "Half of the conversations or more were never answered."}
    median = float(np.median(waits))
    moments = measure_share(rows, median)
    pair = compare_ratios(moments, moments)
    worth = pair.control * (1 - pair.control) / pair.var_control if pair.var_control > 0 else n
    ends = wilson_interval(0.5, worth, -ndtri((1 - confidence_level) / 2))
    places = np.clip([math.floor(ends[0] * n) - 1, math.ceil(ends[1] * n)], 0, n - 1)
    low, high = (float(waits[place]) for place in places)
    return {"estimate": median, "ci_low": low, "ci_high": high, **counted, "reason": None}
