"""Every method: what it promises and for which data, the plan's rule that chooses one, and how columns reach it."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from helpers.inference.associations import bound_missing, weight_responders
from helpers.inference.contrasts import (
    compare_arms,
    quantile_difference,
    relative_lift_risk,
    risk_difference,
    score_limits,
    score_p_value,
    win_difference,
)
from helpers.inference.decisions import Comparison, holm
from helpers.inference.looks import always_valid, at_look, sequential_bounds
from helpers.inference.means import (
    difference,
    measure_columns,
    measure_interaction,
    measure_trend,
    needs_permutation,
    pair_arms,
    permutation_difference,
    rate_ratio,
    relative_lift,
)
from helpers.inference.take_up import anderson_rubin, complier_effect
from helpers.plan import ExperimentPlan, Metric
from helpers.records import NAN, Effect, Guarantee, Moments
from helpers.simulate.populations import LEVELS, LOOK_DAYS
from helpers.survival import GUARANTEES as OF_TIMES

LOOKS = (0.5, 1.0)
N_RESAMPLES = 99  # exact with any number; reports draw more, for a finer p-value
MIN_CELL = 10  # units an arm of a segment or a week, as plans have it by default
UNBOUNDED = ("count", "amount")  # a score has no tail that a few hundred units cannot average out


@dataclass(frozen=True)
class Arm:
    """One arm as a method takes it: its moments, or each unit's outcome (with its cluster), or units on each level."""

    moments: Moments | None = None
    outcome: np.ndarray | None = None
    clusters: np.ndarray | None = None
    levels: np.ndarray | None = None


def choose_method(metric: Metric, design: ExperimentPlan, *, sizes, skewness, is_adjustable) -> str:
    """Return the name of the method that the plan's rule calls for at the end of an experiment.

    Parameters
    ----------
    metric : Metric
    design : ExperimentPlan
    sizes : dict of float by arm, units with a known outcome
    skewness : float, of the outcome pooled over the arms; nan is not judged
        A heavy tail of a count or an amount, in few units of unequal arms, calls for the permutation test.
    is_adjustable : bool
        Whether there are covariates beside the outcome; they decide where the plan says so.

    Returns
    -------
    str: as `Guarantee.method`.
    """
    if metric.kind == "time_to_event":
        return "cumulative incidence"
    if not metric.is_mean:
        return "brunner-munzel" if metric.quantile is None else "order statistics"
    if metric.is_ratio or design.cluster is not None:
        return "delta"
    if metric.kind in UNBOUNDED and needs_permutation(sizes, design.variant.shares, skewness):
        return "permutation"
    if is_adjustable and design.decides_on == "adjusted" and metric.kind != "nps":
        return "lin"
    return "miettinen-nurminen" if metric.kind == "binary" else "welch"


def compare(metric: Metric, method: str, control: Arm, treatment: Arm, *, confidence_level=0.95, **random) -> Effect:
    """Return the difference of one metric between two arms by a method of the plan's rule.

    Parameters
    ----------
    metric : Metric
    method : str, as `choose_method` gives it, but for times to an event
    control, treatment : Arm
        With what the method takes: levels of ordered scores, outcomes for quantiles and permutation, else moments.
    confidence_level : float, 0.5 to 1
    **random : rng, n_resamples
        Of the permutation test.

    Returns
    -------
    Effect
    """
    if method == "brunner-munzel":
        return win_difference(control.levels, treatment.levels, confidence_level=confidence_level)
    if method == "permutation":
        sides = control.outcome, treatment.outcome
        return permutation_difference(*sides, confidence_level=confidence_level, **random)
    if method == "order statistics":
        clusters = {"control_clusters": control.clusters, "treatment_clusters": treatment.clusters}
        sides = control.outcome, treatment.outcome
        return quantile_difference(*sides, metric.quantile, confidence_level=confidence_level, **clusters)
    return compare_arms(metric, control.moments, treatment.moments, confidence_level=confidence_level)


def compare_levels(comparison: Comparison, levels: dict) -> Effect:
    """Return the difference of an ordered score from the units on each of its levels.

    Parameters
    ----------
    comparison : Comparison
    levels : dict, arm -> array of counts, as `metrics.count_levels` gives them for one group

    Returns
    -------
    Effect: nan with a reason where clusters are randomised.
    """
    if comparison.design.cluster is not None:
        reason = "clusters are randomised, and an ordered score is compared by unit only"
        return Effect(method="brunner-munzel", reason=reason)
    return win_difference(*comparison.take(levels), confidence_level=comparison.level)


def pool_skewness(arms) -> float:
    """Return the skewness of an outcome over some arms, weighted by their units; nan where it is undefined.

    Parameters
    ----------
    arms : iterable of Moments
    """
    known = [m for m in arms if m.n and m.skewness == m.skewness]
    return sum(m.n * m.skewness for m in known) / sum(m.n for m in known) if known else NAN


def find_guarantee(method: str, estimand: str, *, unit: str = "units") -> Guarantee | None:
    """Return what is promised of an estimate; None where nothing is, or nothing of its own.

    Parameters
    ----------
    method, estimand : str, as in an `Estimate`
    unit : str
        "clusters" where clusters are randomised.
    """
    every = (*GUARANTEES, *OF_TIMES)
    return next((g for g in every if (g.method, g.estimand, g.unit) == (method, estimand, unit)), None)


def _compute(form, contrast, control, treatment, *, confidence_level, rng) -> Effect:
    """A method on the columns of two arms, arrays of shape (n, k), one row a randomised unit."""
    return contrast(*form(control, treatment), confidence_level=confidence_level)


def _differ(control, treatment, *, confidence_level):
    return difference(pair_arms(control, treatment), confidence_level=confidence_level)


def _lift(control, treatment, *, confidence_level):
    return relative_lift(pair_arms(control, treatment), confidence_level=confidence_level)


def _read_known(control, treatment):
    """Moments of the first column; units without it are counted as missing."""
    known = [arm[~np.isnan(arm[:, 0]), :1] for arm in (control, treatment)]
    return [measure_columns(k, missing=len(a) - len(k)) for k, a in zip(known, (control, treatment), strict=True)]


def _read_sums(control, treatment):
    return [measure_columns(arm, ("num", "den")) for arm in (control, treatment)]


def _read_take_up(control, treatment):
    return [tuple(measure_columns(arm, ("y", "taken")) for arm in (control, treatment))]


def _read_counts(control, treatment):
    return [n for arm in (treatment, control) for n in (int(arm[:, 0].sum()), len(arm))]


def _read_levels(control, treatment):
    return [np.bincount(arm[:, 0].astype(int), minlength=LEVELS + 1)[1:] for arm in (control, treatment)]


def _read_values(control, treatment):
    return control[:, 0], treatment[:, 0]


def _fill_covariates(control, treatment):
    """As metrics does: zero, and an indicator a column that has a gap in either arm."""
    gaps = np.isnan(control[:, 1:]).any(axis=0) | np.isnan(treatment[:, 1:]).any(axis=0)
    filled = [np.column_stack([np.nan_to_num(a), np.isnan(a[:, 1:])[:, gaps]]) for a in (control, treatment)]
    names = ("y", *(f"x{k}" for k in range(1, filled[0].shape[1])))
    return [measure_columns(arm, names) for arm in filled]


compare_columns = partial(_compute, _read_known, _differ)
lift_columns = partial(_compute, _read_known, _lift)
adjust_columns = partial(_compute, _fill_covariates, _differ)
_compare_sums = partial(_compute, _read_sums, _differ)
_lift_sums = partial(_compute, _read_sums, _lift)


def _weight(control, treatment, *, confidence_level, rng):
    names = [f"x{k}" for k in range(1, control.shape[1])]
    frames = [pd.DataFrame(arm, columns=["y", *names]).assign(treated=t) for t, arm in enumerate((control, treatment))]
    return weight_responders(pd.concat(frames, ignore_index=True), covariates=names, confidence_level=confidence_level)


def _permute(control, treatment, *, confidence_level, rng):
    arms = _read_values(control, treatment)
    return permutation_difference(*arms, rng=rng, n_resamples=N_RESAMPLES, confidence_level=confidence_level)


def _look_daily(control, treatment, *, confidence_level, rng):
    """What all always-valid intervals together leave, looked at on every day; columns outcome and day."""
    n_planned, seen = len(control) + len(treatment), []
    for (n0, mean0, var0), (n1, mean1, var1) in zip(_sum_days(control), _sum_days(treatment), strict=True):
        fixed = Effect(estimate=mean1 - mean0, std_error=float(np.sqrt(var0 + var1)), method="welch")
        seen.append(always_valid(fixed, n=n0 + n1, n_planned=n_planned, confidence_level=confidence_level))
    return _intersect(seen)


def _sum_days(arm):
    """Units known by each day, their mean and its squared standard error."""
    days = arm[:, 1].astype(int)
    n, first, second = (np.cumsum(np.bincount(days, arm[:, 0] ** k, LOOK_DAYS + 1))[1:] for k in range(3))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.column_stack([n, first / n, (second - first**2 / n) / (n - 1) / n])


def _look_as_planned(control, treatment, *, confidence_level, rng):
    """What the repeated intervals of two planned looks together leave; columns outcome and day."""
    seen = []
    for look in LOOKS:
        arms = [measure_columns(arm[: round(look * len(arm)), :1]) for arm in (control, treatment)]
        fixed = _differ(*arms, confidence_level=confidence_level)
        seen.append(at_look(fixed, look, LOOKS, alpha=1 - confidence_level))
    return _intersect(seen)


def _limit_looks(controls, treatments, *, confidence_level):
    """As above, of many experiments at once; 0 or 1 for a p-value, which takes a search."""
    bounds, ends = sequential_bounds(LOOKS, 1 - confidence_level), []
    for look, bound in zip(LOOKS, bounds, strict=True):
        arms = [arm[:, : round(look * arm.shape[1]), 0] for arm in (controls, treatments)]
        parts = [(arm.var(axis=1, ddof=1) / arm.shape[1], arm.shape[1] - 1) for arm in arms]
        variance = sum(part for part, _ in parts)
        df = variance**2 / sum(part**2 / freedom for part, freedom in parts)
        half = stats.t.isf(stats.norm.sf(bound), df) * np.sqrt(variance)
        middle = arms[1].mean(axis=1) - arms[0].mean(axis=1)
        ends.append((middle - half, middle + half))
    low, high = np.max([low for low, _ in ends], axis=0), np.min([high for _, high in ends], axis=0)
    return low, high, np.where((low > 0) | (high < 0), 0.0, 1.0)


def _limit_bounds(controls, treatments, *, confidence_level):
    """The worst-case bounds of many experiments at once."""
    sizes = treatments.shape[1], controls.shape[1]
    (x1, more1), (x0, more0) = (
        (np.nansum(arm[:, :, 0], axis=1), np.isnan(arm[:, :, 0]).sum(axis=1)) for arm in (treatments, controls)
    )
    low, _ = score_limits(x1, sizes[0], x0 + more0, sizes[1], confidence_level=confidence_level)
    _, high = score_limits(x1 + more1, sizes[0], x0, sizes[1], confidence_level=confidence_level)
    return low, high, np.full(len(low), NAN)


def _intersect(effects):
    seen = [effect for effect in effects if effect.ci_low == effect.ci_low]
    if not seen:
        return replace(effects[-1], ci_low=NAN, ci_high=NAN, p_value=NAN)
    low, high = max(e.ci_low for e in seen), min(e.ci_high for e in seen)
    return replace(effects[-1], ci_low=low, ci_high=high, p_value=min(e.p_value for e in seen))


def _combine_metrics(control, treatment, *, confidence_level, rng):
    """The smallest of Holm's adjusted p-values over the columns, each a metric."""
    pairs = ((control[:, [k]], treatment[:, [k]]) for k in range(control.shape[1]))
    tests = [compare_columns(*pair, confidence_level=confidence_level, rng=rng).p_value for pair in pairs]
    return Effect(p_value=float(np.nanmin(holm(tests))), method="holm")


def _test_groups(measure, method, least, control, treatment, *, confidence_level, rng):
    """A test over the effects in groups; columns outcome and group."""
    found = []
    for group in np.union1d(control[:, 1], treatment[:, 1]):
        arms = [measure_columns(arm[arm[:, 1] == group, :1]) for arm in (control, treatment)]
        if min(arm.n for arm in arms) >= MIN_CELL:
            pair = pair_arms(*arms)
            found.append((group, pair.treatment - pair.control, 1 / pair.variance))
    if len(found) < least:
        return Effect(method=method, reason=f"fewer than {least} groups are large enough")
    return Effect(p_value=measure(*np.array(found).T)[1], method=method)


def _limit_difference(x1, n1, x0, n0, *, confidence_level):
    """Limits and p-values of the differences of arrays of tables: treatment x1 of n1, control x0 of n0."""
    return *score_limits(x1, n1, x0, n0, confidence_level=confidence_level), score_p_value(x1, n1, x0, n0)


def _limit_lift(x1, n1, x0, n0, *, confidence_level):
    """As above, of lifts: without an event in the control one has no p-value, only a set without an upper end."""
    low, high = score_limits(x1, n1, x0, n0, confidence_level=confidence_level, ratio=True)
    return low - 1, high - 1, np.where(np.asarray(x0) > 0, score_p_value(x1, n1, x0, n0), np.nan)


def _promise(name, method, estimand, families, compute, reference, *, claim="nominal within .01", **domain):
    if not callable(compute):
        compute = partial(_compute, *compute)
    return Guarantee(name, method, estimand, claim, families, compute, reference, **domain)


def _tail(least_arm=50, **more):
    """Kohavi et al. 2014: from 355 times the squared skewness a mean is normal enough."""
    return {"skewness_factor": 355, "balanced_factor": 5, "least_arm": least_arm, **more}


QUANTILE = "Zou & Donner 2008; Woodruff 1952"
WELCH, DENG = "Welch 1947", "Deng, Knoblich & Lu 2018"
CLUSTERS, LIN = f"{DENG}; Carter, Schnepel & Steigerwald 2017", "Lin 2013; Negi & Wooldridge 2021"
_AT_LEAST = {"claim": "at least"}
_SHARE = {"least_arm": 20, "least_events": 10}
_QUANTILE = {**_AT_LEAST, "least_arm": 50, "least_events": 10}
_TEST = {"has_interval": False, "is_dual": False}
GUARANTEES = (
    _promise("Welch difference", "welch", "difference", ("counts", "money", "scores"), compare_columns,
             f"{WELCH}; Kohavi et al. 2014, rule 7", **_tail()),
    _promise("Fieller lift", "fieller", "relative_lift", ("counts", "money"), lift_columns,
             "Fieller 1954; Kohavi et al. 2014, rule 7", **_tail()),
    _promise("permutation difference", "permutation", "difference", ("money",), _permute,
             "Janssen 1997; Chung & Romano 2013", least_arm=200, most_units=2_000, most_replicates=2_000),
    _promise("NPS difference", "welch", "difference", ("NPS",), compare_columns, WELCH, **_tail()),
    _promise("win difference", "brunner-munzel", "difference", ("ordered scores",), (_read_levels, win_difference),
             "Brunner & Munzel 2000", **_tail(most_effect=0.8)),
    _promise("median difference", "order statistics", "difference", ("medians",),
             (_read_values, partial(quantile_difference, probability=0.5)), QUANTILE, **_QUANTILE),
    _promise("90th percentile difference", "order statistics", "difference", ("90th percentiles",),
             (_read_values, partial(quantile_difference, probability=0.9)), QUANTILE, **_QUANTILE),
    _promise("Miettinen-Nurminen difference", "miettinen-nurminen", "difference", ("shares",),
             (_read_counts, risk_difference), "Miettinen & Nurminen 1985", limits=_limit_difference, **_SHARE),
    _promise("score ratio", "score-ratio", "relative_lift", ("shares",), (_read_counts, relative_lift_risk),
             "Miettinen & Nurminen 1985; Koopman 1984", limits=_limit_lift, **_SHARE),
    _promise("delta difference of ratios", "delta", "difference", ("ratios", "rates"), _compare_sums, DENG, **_tail()),
    _promise("Fieller lift of ratios", "fieller", "relative_lift", ("ratios", "rates"), _lift_sums, DENG, **_tail()),
    _promise("log rate ratio", "log rate ratio", "rate_ratio", ("rates",), (_read_sums, rate_ratio),
             "Lin, Wei, Yang & Ying 2000", **_tail(100)),
    _promise("delta difference of clusters", "delta", "difference", ("clusters",), _compare_sums, CLUSTERS,
             unit="clusters", **_tail(20)),
    _promise("Fieller lift of clusters", "fieller", "relative_lift", ("clusters",), _lift_sums, CLUSTERS,
             unit="clusters", **_tail(20)),
    _promise("Lin's adjusted difference", "lin", "difference", ("covariates",), adjust_columns, LIN, **_tail(100)),
    _promise("Lin, covariates missing", "lin", "difference", ("missing covariates",), adjust_columns,
             f"{LIN}; Zhao & Ding 2024", **_tail(100)),
    _promise("difference among responders", "welch", "difference", ("outcomes missing at random",), compare_columns,
             WELCH, **_tail()),
    _promise("weighted responders", "inverse probability of response weights", "difference",
             ("outcomes missing at random", "outcomes missing by arm"), _weight, "Seaman & White 2013",
             **_AT_LEAST, **_tail(200)),
    _promise("worst-case bounds", "worst-case bounds", "difference", ("outcomes unknown in one arm",),
             (_read_known, partial(bound_missing, Metric(kind="binary"))), "Manski 1990; Horowitz & Manski 2000",
             least_arm=50, batch=_limit_bounds, **_AT_LEAST),
    _promise("Anderson-Rubin set", "anderson-rubin", "cace", ("take-up", "weak take-up"),
             (_read_take_up, anderson_rubin), "Anderson & Rubin 1949", **_tail()),
    _promise("complier effect, delta", "wald ratio, delta", "cace", ("take-up", "weak take-up"),
             (_read_take_up, complier_effect), "Imbens & Angrist 1994", **_AT_LEAST, **_tail(200)),
    _promise("always-valid over daily looks", "welch, always-valid", "difference", ("daily looks",), _look_daily,
             "Waudby-Smith et al. 2024", **_AT_LEAST, **_tail(200)),
    _promise("planned looks", "welch, repeated", "difference", ("planned looks",), _look_as_planned,
             "Lan & DeMets 1983; Jennison & Turnbull 1989", batch=_limit_looks, **_tail(100)),
    _promise("Holm over three metrics", "holm", "any_difference", ("several metrics",), _combine_metrics, "Holm 1979",
             **_TEST, **_AT_LEAST, **_tail()),
    _promise("interaction across segments", "interaction", "interaction", ("segments",),
             partial(_test_groups, measure_interaction, "interaction", 2), "Cochran 1954", **_TEST, **_tail(500)),
    _promise("trend over weeks", "trend over weeks", "trend", ("weeks",),
             partial(_test_groups, measure_trend, "trend over weeks", 3), "Cochran 1954", **_TEST, **_tail(200)),
)  # fmt: skip

_SHOWN = "an association: its interval is that of a sample, and how far it lies from an effect no coverage tells"
EXEMPT = {  # what no guarantee is for: (method, estimand) of an estimate, or the name of a test, and why
    ("least squares, HC2", "naive"): _SHOWN,
    ("inverse probability weights to the takers", "naive"): _SHOWN,
    ("welch", "naive"): f"{_SHOWN}; computed as the Welch difference",
    ("miettinen-nurminen", "naive"): f"{_SHOWN}; computed as the Miettinen-Nurminen difference",
    ("score-ratio", "ratio"): f"{_SHOWN}; one more than the score ratio's lift",
    ("standardised difference", "difference"): f"{_SHOWN}; planted gaps are found in the tests of milestones",
    ("clone, censor, weight", "difference"): f"{_SHOWN}; the planted share is found in the tests of milestones",
    ("Cox, Efron", "hazard_ratio"): f"{_SHOWN}; equal to R's coxph and statsmodels' PHReg",
    ("winsorised", "difference"): "the data choose where values are cut; a row beside the difference that decides",
    ("order statistics, clusters", "difference"): "its coverage by cluster is simulated in the tests of ranks alone",
    ("log rate ratio, clusters", "rate_ratio"): "a row beside the difference of rates by cluster, which decides",
    ("matched event study, jackknife", "difference"): f"{_SHOWN}; the planted change is found in the tests of service",
    "log-rank": "a test beside the incidence, which decides; equal to statsmodels' survdiff",
    "any difference between the arms": "a test beside the comparisons, which decide; equal to pingouin's and scipy's",
    "maximally selected statistic, improved Bonferroni": "its false alarms are counted in the tests of milestones",
    "maximally selected statistic, permutation": "its false alarms are counted in the tests of milestones",
    "benjamini-hochberg": "holds the share of false alarms, not their chance; equal to statsmodels on random families",
    "rank ranges": "exploratory, of associations; planted features come first in the tests of milestones",
    "chance of paying": "read off the normal curve of an effect that has a promise of its own",
    "staffing": "a simulated queue, held against Erlang's formulas where these apply",
}


def find_promise(method: str, estimand: str = "", *, unit="units", adjustment="none") -> Guarantee | str | None:
    """Return what stands behind an estimate or a test: its guarantee, or in words why it has none.

    Parameters
    ----------
    method, estimand : str
        As in an `Estimate`; of a test its name alone. What is made to last over looks has its method's guarantee where
        it has none of its own.
    unit : str
        "clusters" where clusters are randomised.
    adjustment : str, as in an `Estimate`

    Returns
    -------
    Guarantee, or a text of `EXEMPT`; None where neither is written down, which a test of all runs does not let pass.
    """
    if adjustment == "winsorised":
        return EXEMPT["winsorised", estimand]
    before = method.removesuffix(", always-valid").partition(", repeated")[0]
    kind = method.partition(" with ")[0]  # "interaction with country"
    tried = ((method, estimand), (before, estimand)) if estimand else ((kind, kind.partition(" ")[0]),)
    found = next(filter(None, (find_guarantee(*way, unit=unit) for way in tried)), None)
    several = f"{before}, clusters" if unit == "clusters" else before
    return found or EXEMPT.get((several, estimand) if estimand else method)
