"""What customers got and said: how fast first replies came, levels beside effects, and what surveys can say."""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from helpers import metrics
from helpers.inference.contrasts import quantile_difference
from helpers.inference.means import compare_ratios, difference, linearise, measure_columns
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
    for (first, second, is_randomised), (measure, minutes, followed) in product(pairs, ways):
        sides = [groups[first], groups[second]]
        if measure == "median":
            effect = compare_medians(*sides, **level)
        else:
            shares = (measure_share(rows, followed if measure == "within" else None) for rows in sides)
            effect = difference(compare_ratios(*shares), **level)
        counted = (rows.loc[rows["followed_minutes"] >= followed, "unit"].nunique() for rows in sides)
        row = {"comparison": f"{second} - {first}", "is_randomised": is_randomised, "control": first}
        row |= {"treatment": second, "measure": measure, "minutes": minutes, "reason": effect.reason}
        row |= {"control_value": effect.control_value, "treatment_value": effect.treatment_value}
        row |= {"difference": effect.estimate, "ci_low": effect.ci_low, "ci_high": effect.ci_high}
        found.append(row | dict(zip(("n_control", "n_treatment"), counted, strict=True)))
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
    values = [float(np.median(w)) if np.count_nonzero(np.isinf(w)) < len(w) / 2 else NAN for w in waits]
    if any(map(math.isnan, values)):
        return Effect(control_value=values[0], treatment_value=values[1], reason=MANY_UNANSWERED)
    clusters = dict(zip(("control_clusters", "treatment_clusters"), (r["cluster"] for r in sides), strict=True))
    return quantile_difference(*waits, 0.5, confidence_level=confidence_level, **clusters)


def _limit_share(moments, alpha):
    """The share with Wilson limits: of as many rows as its variance by clusters is worth, by Student's quantile."""
    p, low, high = NAN, NAN, NAN
    if moments.n >= 2:
        p, worth = _count_worth(moments, float(moments.n))
        low, high = wilson_interval(p, worth, float(-stdtrit(max(moments.effective_units - 1, 1.0), alpha / 2)))
    return {"share": p, "ci_low": float(low), "ci_high": float(high), "n": moments.n}


def _count_worth(moments, least):
    """A share by clusters, and as how many independent rows it is known; `least` where it does not vary."""
    p, variance = linearise(moments.mean, moments.cov)
    return p, p * (1 - p) / (variance / moments.n) if 0 < p < 1 and variance > 0 else least


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
    rows = metrics.read_rows(units, ["variant", f"y_{RATING}"]) if RATING in units.design.metrics else None
    if rows is None:
        return []
    variant, z, found = units.design.variant, -ndtri(units.design.alpha / 2), []
    for population, arm in [("control", variant.control), *(("before", name) for name in variant.observational)]:
        rated = rows.loc[rows["variant"] == arm, f"y_{RATING}"].dropna()
        n, hits, share, low, high = len(rated), int((rated >= GOOD).sum()), NAN, NAN, NAN
        if n:
            share, (low, high) = hits / n, wilson_interval(hits / n, n, z)
        row = {"metric": "good_ratings", "population": population, "estimate": share, "n": n, "hits": hits}
        row |= {"ci_low": float(low), "ci_high": float(high)}
        found.append(row | {"reason": None if n else "Nobody of this group rated."})
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
    _, worth = _count_worth(measure_share(rows, median), n)
    ends = wilson_interval(0.5, worth, -ndtri((1 - confidence_level) / 2))
    places = np.clip([math.floor(ends[0] * n) - 1, math.ceil(ends[1] * n)], 0, n - 1)
    low, high = (float(waits[place]) for place in places)
    return {"estimate": median, "ci_low": low, "ci_high": high, **counted, "reason": None}


ROUNDED = (-0.005, 0.0, 0.005)  # a printed per cent may be half a point more or less
GROUPS = 25
ASKED = ("plan to measure retention", "plan to measure renewals", "expect rising demands", "are sure to meet them")


def bound_answers(share: float, response: float) -> tuple[float, float]:
    """Return the lowest and highest share of all asked, when only a part of them answered.

    Parameters
    ----------
    share, response : float, of those who answered; of the asked, who answered

    References
    ----------
    Manski 1989, Journal of Human Resources 24: 343-360: nothing is assumed about who did not answer.
    """
    return share * response, share * response + 1 - response


def bound_gap(first: float, second: float, *, within: bool) -> dict[str, tuple[float, float]]:
    """Return what two shares of the same people leave open, over all joint tables that their margins allow.

    Parameters
    ----------
    first, second : float, shares that say yes to each
    within : bool
        Whether the second share is of those who say yes to the first, and not of all.

    Returns
    -------
    dict: `difference` (first minus second, of all), `only_first` (yes to the first alone), `disagree` (yes to one of
        both alone, from which the error of the difference follows): lowest and highest.

    References
    ----------
    Frechet 1951; Hoeffding 1940, for the bounds of a joint table.
    """
    if within:
        alone, rest = first - first * second, 1 - first
        return {"difference": (alone - rest, alone), "only_first": (alone, alone), "disagree": (alone, alone + rest)}
    both = max(0.0, first + second - 1), min(first, second)
    disagree = tuple(first + second - 2 * part for part in reversed(both))
    return {"difference": (first - second,) * 2, "only_first": (first - both[1], first - both[0]), "disagree": disagree}


def study_survey(shares: Sequence[float], *, n, design_effect, responses, confidence_level=0.95):
    """Return what a published survey can say, from its printed shares.

    Parameters
    ----------
    shares : sequence of float, as printed, one each of `ASKED`; the last two are of the same people
    n : int, people who answered; 0 leaves the survey out
    design_effect : float, 1 is a simple random sample
    responses : sequence of float, shares of the asked who may have answered: the survey does not say
    confidence_level : float

    Returns
    -------
    dict: tables `survey` (a row a share and response) and `expectations` (a row a reading of the last two).
    """
    if not n:
        return {}
    z, effective, rows = float(-ndtri((1 - confidence_level) / 2)), n / design_effect, []
    for asked, share in zip(ASKED, shares, strict=True):
        row = {"asked": asked, "share": share, "n": n, "effective": effective}
        row |= dict(zip(("ci_low", "ci_high"), wilson_interval(share, n, z), strict=True))
        row |= dict(zip(("wide_low", "wide_high"), wilson_interval(share, effective, z), strict=True))
        for response in responses:
            ends = bound_answers(share, response)
            rows.append({**row, "response": response, "all_low": ends[0], "all_high": ends[1]})
    return {"survey": pd.DataFrame(rows), "expectations": pd.DataFrame(_read_margins(*shares[-2:], effective, z))}


def _read_margins(first, second, n, z):
    """Both readings of the second share: what margins leave open, and what rounding and sampling add to it."""
    moved, rows = [(first + a, second + b) for a in ROUNDED for b in ROUNDED], []
    for reading in ("of all", "of those"):
        within = reading == "of those"
        for what in ("difference", "only_first"):
            ends = [bound_gap(*pair, within=within) for pair in moved]
            ends = min(e[what][0] for e in ends), max(e[what][1] for e in ends)
            plain = bound_gap(first, second, within=within)
            spread = [plain["disagree"][1] if what == "difference" else end for end in ends]
            low, high = (
                end + side * z * math.sqrt(max(part - end**2, 0) / n)
                for end, side, part in zip(ends, (-1, 1), spread, strict=True)
            )
            row = {"reading": reading, "what": what, "low": plain[what][0], "high": plain[what][1]}
            row["middle"] = sum(plain[what]) / 2
            rows.append({**row, "ci_low": max(low, -1.0), "ci_high": min(high, 1.0)})
    return rows


def jackknife(rows: pd.DataFrame, measure, *, confidence_level: float = 0.95, is_share=False) -> dict[str, float]:
    """Return a measure of rows with an interval that allows for units with several of them.

    Parameters
    ----------
    rows : DataFrame, whose column `unit` says what rows belong together
    measure : function of such rows -> float or array
    confidence_level : float
    is_share : bool
        Of a measure that lies within 0 and 1: where the interval would leave them, or has no width, it is Wilson's at
        the number of units that the standard error is worth, or where there is none at all that have a row without a
        gap.

    Returns
    -------
    dict: value, std_error, ci_low, ci_high (t, with a degree of freedom less than there are groups); nan where the
        measure is, the interval too with one unit alone.

    References
    ----------
    Wolter 2007, Introduction to Variance Estimation, chapter 4: units in 25 groups, of fewer each by itself, each left
    out in turn; Korn & Graubard 1998, Survey Methodology 24: 193-201 (effective numbers).
    """
    place = pd.factorize(rows["unit"])[0]
    group, n = place % GROUPS, min(GROUPS, int(place.max(initial=0)) + 1)
    value, without = measure(rows), np.array([measure(rows[group != g]) for g in range(n)])
    error = np.sqrt((n - 1) / n * np.sum((without - without.mean(axis=0)) ** 2, axis=0))
    t = -stdtrit(n - 1, (1 - confidence_level) / 2)
    low, high = value - t * error, value + t * error
    if is_share and not 0 < low < high < 1:
        worth = value * (1 - value) / error**2 if error > 0 else max(rows.dropna()["unit"].nunique(), 1)
        low, high = wilson_interval(value, worth, t)
    return {"value": value, "std_error": error, "ci_low": low, "ci_high": high}
