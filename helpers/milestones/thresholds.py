"""Is there a number of activations that marks customers who stay? The best cut, judged without having been chosen."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from helpers.milestones.adjusted import adjusted_difference, make_controls, rules_out
from helpers.milestones.counts import SIDES, count_kept, count_sides, find_highest
from helpers.milestones.cuts import bound_p_value, find_cuts, permute_p_value, score_cuts
from helpers.milestones.logistic import split_folds
from helpers.milestones.shapes import compare_shapes, find_set, list_runs, measure_gap, name_shape, trace_shapes
from helpers.records import Effect, Test

LEAST_SHARE, FIRST_FOLDS, LEAST_ROWS = 0.1, 0.2, 100
FEW = f"fewer than {LEAST_ROWS} accounts, so no threshold is looked for"
NO_CUT = "no count divides the accounts so that each side holds at least 10 % of them"
ALIKE = "all accounts have the same outcome"
CURVES = ("count", "share_smooth", "share_step")
CUTS = ("cut", "difference", "statistic", "in_set", "chosen")


def study_threshold(frame: pd.DataFrame, design, *, seed: int, n_resamples: int, folds: int = 10):
    """Return whether some number of activations marks accounts that stay, and how sure that number is.

    The p-values are of the best of all cuts. The difference beside them is measured on accounts that had no part in
    choosing the cut: folds are opened one after the other, and each is cut where those before it say (a chain of
    martingale differences, whose interval holds even where there is no cut to find). Its target is the difference at
    the cuts so chosen.

    Parameters
    ----------
    frame : DataFrame, one row an account alive at the landmark and followed to its horizon
        `count`, `retained`, `tier`, `size`, `cohort`. Rows without a known outcome are left out.
    design : FrameworkPlan
    seed, n_resamples : int, of the permutation test
    folds : int, of the comparison out of sample

    Returns
    -------
    tuple: list of Test (the maximally selected statistic, by inequality and by permutation), and tables
        `activation_counts`, `activation_curves`, `cuts` (raw differences) and `threshold` (adjusted ones: at the best
        cut on all accounts, `naive_difference`, and unchosen; `lines` are the cuts that fit as well as the best). No
        tests and no tables where the plan names no activation. `cuts` and `threshold` (of its newest accounts) carry
        the counts of `count_sides`, which disclosure checks and drops. Where nothing can be said, `threshold` is nan
        with a reason.

    References
    ----------
    Luedtke & van der Laan 2016, Annals of Statistics 44: 713-742 (the interval of a target that the data chose);
    Altman et al. 1994, Journal of the National Cancer Institute 86: 829-835 (why the best cut misleads).
    """
    if design.activation is None:
        return [], {}
    frame = frame[frame["retained"].notna()].reset_index(drop=True)
    counts, outcome = frame["count"].to_numpy(float), frame["retained"].to_numpy(float)
    bins, cuts = count_kept(counts, outcome, design), find_cuts(counts)
    if reason := _refuse(outcome, cuts):
        row = _blank(frame, design) | _read_planned(frame, design) | {"reason": reason}
        empty = {"activation_curves": pd.DataFrame(columns=CURVES), "cuts": pd.DataFrame(columns=CUTS)}
        return [], {"activation_counts": bins, **empty, "threshold": pd.DataFrame([row])}
    controls = make_controls(frame)
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3)]
    scores = score_cuts(counts, outcome, controls, cuts)
    losses = compare_shapes(counts, outcome, controls, cuts, folds=folds, rng=streams[0])
    p_values = {
        "p_lausen_schumacher": bound_p_value(scores),
        "p_permutation": permute_p_value(counts, outcome, controls, cuts, n_resamples=n_resamples, rng=streams[1]),
    }
    table = _list_cuts(counts, outcome, scores, losses)
    honest = measure_unchosen(counts, outcome, controls, cuts, folds=folds, rng=streams[2],
                              confidence_level=design.confidence_level)  # fmt: skip
    row = _blank(frame, design) | _read_cut(frame, table, scores, design) | p_values | _read_effect(honest, "")
    row |= _read_shape(losses, p_values, design) | _confirm(frame, design) | _read_planned(frame, design)
    curves = trace_shapes(counts, outcome, scores.cuts[scores.best], highest=find_highest(counts, design))
    tables = {"activation_counts": bins, "activation_curves": pd.DataFrame(curves), "cuts": table}
    return _list_tests(scores, p_values), tables | {"threshold": pd.DataFrame([row | {"reason": honest.reason}])}


def measure_unchosen(counts, outcome, controls, cuts, *, folds: int, rng, confidence_level: float) -> Effect:
    """Return the adjusted difference at the best cut, from accounts that had no part in choosing it.

    The first fifth of the folds only chooses; each later fold is cut where all folds before it say.

    Parameters
    ----------
    counts, outcome, controls, cuts : as for `score_cuts`
    folds : int
    rng : numpy Generator
    confidence_level : float

    Returns
    -------
    Effect: as `adjusted_difference` gives it.

    References
    ----------
    Luedtke & van der Laan 2016, section 4. Cutting each fold where all others say looks alike and covers too seldom
    when there is no cut to find: the folds' errors then go together through the shared choice.
    """
    fold, reached = split_folds(len(counts), folds, rng), np.full(len(counts), np.nan)
    for k in range(max(1, round(FIRST_FOLDS * folds)), folds):
        before, now = fold < k, fold == k
        if np.ptp(outcome[before]) > 0:
            best = score_cuts(counts[before], outcome[before], controls[before], cuts).best
            reached[now] = counts[now] >= cuts[best]
    return adjusted_difference(reached, outcome, controls, confidence_level=confidence_level)


def _refuse(outcome, cuts):
    if len(outcome) < LEAST_ROWS:
        return FEW
    if len(cuts) == 0:
        return NO_CUT
    return ALIKE if np.ptp(outcome) == 0 else None


def _list_cuts(counts, outcome, scores, losses):
    """One row a cut: the raw difference in shares, its statistic, whether it is in the set, folds that chose it."""
    reached = [counts >= cut for cut in scores.cuts]
    return pd.DataFrame({
        "cut": scores.cuts,
        "difference": [outcome[above].mean() - outcome[~above].mean() for above in reached],
        "statistic": scores.standardised,
        "in_set": find_set(losses),
        "chosen": np.bincount(losses.chosen, minlength=len(scores.cuts)),
        **pd.DataFrame([count_sides(above, outcome) for above in reached]),
    })  # fmt: skip


def _read_cut(frame, table, scores, design):
    """The best cut, those that fit as well, and the adjusted difference that the best one promises."""
    held = table.loc[table["in_set"], "cut"]
    return {
        "cut": float(scores.cuts[scores.best]),
        "cut_low": float(held.min()),
        "cut_high": float(held.max()),
        "lines": list_runs(scores.cuts, table["in_set"]),
        "statistic": scores.statistic,
        "naive_difference": _compare(frame, scores.cuts[scores.best], design).estimate,
    }


def _read_effect(effect, prefix):
    """The difference and its interval, under the names of the threshold table."""
    name = f"{prefix}_" if prefix else "ci_"
    return {
        f"{prefix}_difference" if prefix else "difference": effect.estimate,
        f"{name}low": effect.ci_low,
        f"{name}high": effect.ci_high,
    }


def _read_shape(losses, p_values, design):
    level = {"confidence_level": design.confidence_level}
    means = {f"loss_{name}": float(getattr(losses, name).mean()) for name in ("constant", "step", "smooth")}
    gap = measure_gap(losses.step, losses.smooth, **level)
    gaps = dict(zip(("loss_gap", "loss_gap_low", "loss_gap_high"), gap, strict=True))
    return means | gaps | {"shape": name_shape(losses, p_value=p_values["p_permutation"], **level)}


def _read_planned(frame, design):
    """The adjusted difference at the plan's own line, which no data chose."""
    line = design.activation.at_least
    if line is None:
        return {"planned": math.nan, **_read_effect(Effect(), "planned")}
    return {"planned": float(line), **_read_effect(_compare(frame, line, design), "planned")}


def _confirm(frame, design):
    """The cut that older cohorts choose, on the newest ones, which hold at least a tenth of the accounts."""
    newest, name = split_newest(frame["cohort"])
    row = {"newest_cohort": name, "n_newest": int(newest.sum())}
    old = frame[~newest].reset_index(drop=True)
    counts, outcome = (old[column].to_numpy(float) for column in ("count", "retained"))
    cuts = find_cuts(counts)
    if _refuse(outcome, cuts):
        return row | _read_effect(Effect(), "newest") | {"confirmed": "too imprecise"} | dict.fromkeys(SIDES, 0)
    scores = score_cuts(counts, outcome, make_controls(old), cuts)
    cut = scores.cuts[scores.best]
    older, found = _compare(old, cut, design), _compare(frame[newest], cut, design)
    sides = count_sides(frame.loc[newest, "count"] >= cut, frame.loc[newest, "retained"])
    return row | _read_effect(found, "newest") | {"confirmed": judge_confirmation(older, found)} | sides


def split_newest(cohorts: pd.Series) -> tuple[np.ndarray, str]:
    """Return which accounts belong to the newest cohorts: the fewest that hold a tenth of all, and not every cohort.

    Parameters
    ----------
    cohorts : Series of text that sorts by time

    Returns
    -------
    tuple: array of bool, and their name ("2022-Q4", or "2022-Q3 to 2022-Q4"); none and "" for a single cohort.
    """
    names = sorted(cohorts.unique())
    for first in range(len(names) - 1, 0, -1):
        newest = (cohorts >= names[first]).to_numpy(bool)
        if newest.mean() >= LEAST_SHARE:
            return newest, " to ".join(dict.fromkeys((names[first], names[-1])))
    return np.zeros(len(cohorts), bool), ""


def judge_confirmation(older: Effect, newest: Effect) -> str:
    """Return whether newer accounts confirm what older ones showed at the cut that the older ones chose.

    Parameters
    ----------
    older, newest : Effect, differences at that cut

    Returns
    -------
    str: "confirmed" (the interval of the newest excludes 0 on the same side), "not confirmed" (it does not, and the
        two differences lie further apart than their intervals together allow), else "too imprecise".
    """
    if math.isnan(newest.ci_low) or math.isnan(older.estimate):
        return "too imprecise"
    sign = 1 if older.estimate >= 0 else -1
    if min(sign * newest.ci_low, sign * newest.ci_high) > 0:
        return "confirmed"
    now, before = ((effect.estimate, effect.ci_low, effect.ci_high) for effect in (newest, older))
    return "not confirmed" if rules_out(now, before) else "too imprecise"


def _compare(frame, cut, design):
    reached, outcome = frame["count"].to_numpy(float) >= cut, frame["retained"].to_numpy(float)
    return adjusted_difference(reached, outcome, make_controls(frame), confidence_level=design.confidence_level)


def _blank(frame, design):
    """A row of which nothing but the number of accounts is known."""
    cut = dict.fromkeys(("cut", "cut_low", "cut_high"), math.nan) | {"lines": ""}
    names = ("statistic", "p_lausen_schumacher", "p_permutation", "naive_difference", "difference", "ci_low",
             "ci_high", "loss_constant", "loss_step", "loss_smooth", "loss_gap", "loss_gap_low",
             "loss_gap_high")  # fmt: skip
    later = {"newest_difference": math.nan, "newest_low": math.nan, "newest_high": math.nan}
    shape = {"shape": "undecided", "newest_cohort": "", "n_newest": 0, **later, "confirmed": "too imprecise"}
    return {"n": len(frame), **cut, **dict.fromkeys(names, math.nan), **shape, **dict.fromkeys(SIDES, 0)}


def _list_tests(scores, p_values):
    names = {"p_lausen_schumacher": "improved Bonferroni", "p_permutation": "permutation"}
    return [
        Test(f"best_cut:retained:{key}", "retained", f"maximally selected statistic, {names[key]}",
             scores.statistic, None, p)
        for key, p in p_values.items()
    ]  # fmt: skip
