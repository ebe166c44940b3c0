"""Every method: its functions, what it promises and for which data; the plan's rule that chooses one."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from helpers.inference import associations, contrasts, looks, means, take_up
from helpers.inference.decisions import holm
from helpers.inference.means import compare_means, difference, measure_columns
from helpers.plan import ExperimentPlan, Metric
from helpers.records import HORIZON_DAYS, LEVELS, NAN, Effect, Moments, Refused
from helpers.survival import MEAN, SHARE, build_life_table, incidence_difference, rmst_difference

N_RESAMPLES = 99  # exact with any number; reports draw more, for a finer p-value
MIN_CELL = 10  # units an arm of a segment or a week, as plans have it by default
BY_UNIT = "clusters are randomised, and {} are compared by unit only"
MOST_HELD = 0.15  # of the variance of an arm by one unit: in 1,200 draws a cell, coverage above 90 % wherever it passes


@dataclass(frozen=True)
class Domain:
    """For which data a method promises what it does.

    Parameters
    ----------
    least_arm : int, `unit`s in the smaller arm from which the claim holds
    skewness_factor, balanced_factor : float
        The smaller arm holds at least this many times the squared skewness: beside a far larger arm, and beside one of
        its own size and spread, where the skewness of one cancels that of the other. 0 is any skewness.
    least_events : float, units with, and units without, the event in each arm; of a quantile, on each side of it
    least_apart : float, units off the lowest value, and off the highest, in the smaller arm if both had them alike
    most_jump : float, of the limits of a quantile in an arm, the part that may lie between two neighbouring values
    most_effect : float, the largest absolute estimate
    unit : str, what is counted: units or clusters
    sides : str, how both kinds of units that `least_events` counts are named
    """

    least_arm: int = 2
    skewness_factor: float = 0.0
    balanced_factor: float = 0.0
    least_events: float = 0.0
    least_apart: float = 0.0
    most_jump: float = math.inf
    most_effect: float = math.inf
    unit: str = "units"
    sides: str = "with {} without the event"

    def describe(self) -> str:
        """Return in words for which data the claim is made."""
        words = [f"at least {self.least_arm} {self.unit} in the smaller arm"]
        if self.skewness_factor:
            balanced = f"in it over {self.balanced_factor:g} x skewness² {self.unit} (arms of one size and spread)"
            beside = f"{self.skewness_factor:g} x skewness² (beside a far larger arm)"
            held = f"no unit with over {100 * MOST_HELD:.0f} % of an arm's variance where their sizes differ"
            words.append(f"{balanced} to {beside}, and {held}")
        if self.least_events:
            words.append(f"at least {self.least_events:g} units {self.sides.format('and')} in each arm")
        if self.least_apart:
            words.append(f"at least {self.least_apart:g} units off the lowest value, and off the highest, in each arm")
        if self.most_jump < math.inf:
            words.append(f"no two neighbouring values that lie over {100 * self.most_jump:.0f} % of its limits apart")
        if self.most_effect < math.inf:
            words.append(f"an effect of at most {self.most_effect:g}")
        return "; ".join(words)

    def find_departure(
        self, *, n_control, n_treatment, skewness=NAN, spread=1.0, events=None, estimate=NAN, **seen
    ) -> str | None:
        """Return why data lie outside the domain: in plain words, a colon, what it needs; None where they lie inside.

        Parameters
        ----------
        n_control, n_treatment : float, units with a known outcome (or what the clusters count like)
        skewness, estimate : float, of the outcome, of the effect; nan is not judged
        spread : float, standard deviation of a unit in treatment over that in control
        events : float, optional, the fewest units with, or without, the event in an arm; None is not judged
        **seen : float, nan or left out is not judged
            `top_share`, part of an arm's variance that its largest value holds, the larger of both: a sample's skewness
            is small just where the tail was missed, and then a few values hold what variance it shows; arms of one size
            are spared, since in them the skewness of one cancels that of the other. `apart`, as in `Moments`, of both
            arms together: where few units have any, arms look alike by chance. `jump`, the largest part of a quantile's
            limits in an arm that lies between two neighbouring values.
        """
        top_share, apart, jump = (seen.get(name, NAN) for name in ("top_share", "apart", "jump"))
        smaller, factor, is_alike = min(n_control, n_treatment), 0.0, True
        if self.skewness_factor and smaller >= 1:  # of equal spreads at least: a sample that missed the tail shows any
            alike, unlike = (self._find_factor(n_control, n_treatment, of) for of in (1.0, spread))
            factor, is_alike = max(alike, unlike), alike * skewness**2 >= smaller
        if smaller < self.least_arm:
            return f"there are too few {self.unit}: the smaller arm needs at least {self.least_arm}"
        if self.skewness_factor and smaller <= factor * skewness**2:
            heavy = f"the tail is too heavy for so few {self.unit}"
            heavy = heavy if is_alike else "one arm varies more than the other and the tail is heavy"
            return f"{heavy}: the smaller arm needs more than {factor:.0f} x skewness² {self.unit}"
        if top_share > MOST_HELD and factor > self.balanced_factor:
            most = f"no unit may hold more than {100 * MOST_HELD:.0f} % of an arm's variance"
            return f"one unit holds so much of an arm's variance that its tail is not known yet: {most}"
        if smaller * apart < self.least_apart:
            most = f"the smaller arm needs at least {self.least_apart:g} with another"
            return f"most units have one value, the lowest or the highest, and too few another: {most}"
        if jump > self.most_jump:
            most = f"no two neighbouring values may lie over {100 * self.most_jump:.0f} % of its limits apart"
            return f"the values jump where the quantile lies, as from 0 to far above: {most}"
        if events is not None and events < self.least_events - 1e-9:  # shares of 1 are not exact
            least = f"each arm needs at least {self.least_events:g}"
            return f"an arm has too few units {self.sides.format('or')}: {least} {self.sides.format('and')}"
        if abs(estimate) > self.most_effect:
            return f"the arms hardly overlap: the effect may be {self.most_effect:g} at most"
        return None

    def _find_factor(self, n_control, n_treatment, spread):
        """Times the squared skewness: the share of it that the standardised difference of both means keeps."""
        third, square = spread**3 / n_treatment**2 - 1 / n_control**2, spread**2 / n_treatment + 1 / n_control
        kept = abs(third) / square**1.5
        return max(self.balanced_factor, self.skewness_factor * min(n_control, n_treatment) * kept**2)


def read_known(control, treatment):
    """Return the moments of the first column; units without it are counted as missing."""
    known = [arm[~np.isnan(arm[:, 0]), :1] for arm in (control, treatment)]
    return [measure_columns(k, missing=len(a) - len(k)) for k, a in zip(known, (control, treatment), strict=True)]


def read_sums(control, treatment):
    """Return the moments of a numerator and a denominator."""
    return [measure_columns(arm, ("num", "den")) for arm in (control, treatment)]


def read_take_up(control, treatment):
    """Return the moments of outcome and take-up, both arms as one argument."""
    return [tuple(measure_columns(arm, ("y", "taken")) for arm in (control, treatment))]


def read_levels(control, treatment):
    """Return the units on each level of an ordered score."""
    return [np.bincount(arm[:, 0].astype(int), minlength=LEVELS + 1)[1:] for arm in (control, treatment)]


def read_values(control, treatment):
    """Return the outcomes."""
    return control[:, 0], treatment[:, 0]


def read_times(control, treatment):
    """Return the life tables; columns days and event code."""
    return [build_life_table(*arm.T) for arm in (control, treatment)]


def read_covariates(control, treatment):
    """Return the moments of outcome and covariates, filled as metrics does: zero, and an indicator where a gap is."""
    gaps = np.isnan(control[:, 1:]).any(axis=0) | np.isnan(treatment[:, 1:]).any(axis=0)
    filled = [np.column_stack([np.nan_to_num(a), np.isnan(a[:, 1:])[:, gaps]]) for a in (control, treatment)]
    names = ("y", *(f"x{k}" for k in range(1, filled[0].shape[1])))
    return [measure_columns(arm, names) for arm in filled]


READ_FROM = dict.fromkeys((read_known, read_sums, read_covariates), "moments")
READ_FROM |= {read_values: "outcome", read_levels: "levels", read_times: "times"}


@dataclass(frozen=True)
class Method:
    """One method: the functions that compute it, what it promises and for which data, declared before any measuring.

    Parameters
    ----------
    name, method, estimand : str
        In words; as `Effect.method`; as `Estimate.estimand`.
    steps : tuple of function, the last (..., *, confidence_level) -> Effect
        From the columns of both arms to the effect: how they are read (`columns`), perhaps joined, and contrasted.
    families : tuple of str, the families of populations that it is for
    domain : Domain
    reference : str
    claim : str
        What its interval (its test, where `has_interval` is false) promises: "nominal" its level, "at least" its
        level or more, "nominal within .01" its level give or take one point of a hundred.
    limits : function of (x_treatment, n_treatment, x_control, n_control, *, confidence_level), optional
        Lower limits, upper limits and p-values of arrays of tables; with it every cell of shares is enumerated.
    batch : function of (controls, treatments, *, confidence_level, rng), optional
        The same of many experiments at once, arrays of shape (experiments, n, k): limits as `compute` gives them, and
        p-values that lie on the same side of 1 - confidence_level; validation draws with it where it is far faster.
    lift : str, the method of the relative lift that goes with a difference; without it a metric has none
    planned : tuple of (argument of the last step, key of the metric that gives it in an experiment)
    by_cluster : bool, whether its last step takes `control_clusters` and `treatment_clusters`
    has_interval, is_dual : bool
        Whether it gives an interval; whether interval and p-value always agree about no effect.
    n_resamples : int, optional, permutations that it draws here
    most_units, most_replicates : int, optional
        The largest smaller arm, and the most replicates, that validation spends on it.
    reads : str, what the first step reads of an arm, in a word; None where no experiment has it
    """

    name: str
    method: str
    estimand: str
    steps: tuple[Callable, ...]
    families: tuple[str, ...]
    domain: Domain
    reference: str
    claim: str = "nominal within .01"
    limits: Callable[..., tuple] | None = None
    batch: Callable[..., tuple] | None = None
    lift: str = ""
    planned: tuple[tuple[str, str], ...] = ()
    by_cluster: bool = False
    has_interval: bool = True
    is_dual: bool = True
    n_resamples: int | None = None
    most_units: int | None = None
    most_replicates: int | None = None
    reads: str | None = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "reads", READ_FROM.get(next(iter(self.steps), None)))

    def compute(self, control, treatment, *, confidence_level, rng=None) -> Effect:
        """Return the effect from the columns of two arms, arrays of shape (n, k), one row a randomised unit."""
        drawn = {"rng": rng, "n_resamples": self.n_resamples} if self.n_resamples else {}
        given = self.steps[0](control, treatment) if len(self.steps) > 1 else (control, treatment)
        return self.contrast(given, confidence_level=confidence_level, **drawn)

    def contrast(self, given, **options) -> Effect:
        """Return the effect from what the first step reads of both arms."""
        for step in self.steps[1:-1]:
            given = step(*given)
            given = given if isinstance(given, (list, tuple)) else (given,)
        return self.steps[-1](*given, **options)


def combine_metrics(control, treatment, *, confidence_level) -> Effect:
    """Return the smallest of Holm's adjusted p-values over the columns, each a metric.

    Notes
    -----
    p₁ ≤ … ≤ pₘ in order: adjusted pᵢ = max over j ≤ i of min(1, (m - j + 1) · pⱼ); here the smallest of them.
    """
    pairs = (read_known(control[:, [k]], treatment[:, [k]]) for k in range(control.shape[1]))
    return Effect(p_value=float(np.nanmin(holm([difference(compare_means(*p)).p_value for p in pairs]))), method="holm")


def measure_groups(measure, method, least, control, treatment, *, confidence_level) -> Effect:
    """Return a test over the effects in groups; columns outcome and group."""
    found = []
    for group in np.union1d(control[:, 1], treatment[:, 1]):
        pair = compare_means(*(measure_columns(arm[arm[:, 1] == group, :1]) for arm in (control, treatment)))
        if min(n := (pair.n_control, pair.n_treatment)) >= MIN_CELL:
            found.append((pair.treatment - pair.control, pair.variance, pair.df, n[0] * n[1] / sum(n), group))
    if len(found) < least:
        return Effect(method=method, reason=f"fewer than {least} groups are large enough")
    columns = np.array(found).T
    return Effect(p_value=measure(*columns[: 5 if measure is contrasts.measure_trend else 3])[2], method=method)


def _tail(least_arm=50, **more):
    """Kohavi et al. 2014: from 355 times the squared skewness a mean is normal enough."""
    return Domain(least_arm, skewness_factor=355, balanced_factor=5, **{"least_apart": 25, **more})


SHARES, TIMES, MEAN_TIMES = Domain(20, least_events=10), Domain(50, least_events=10), Domain(50, least_events=20)
QUANTILES = Domain(50, least_events=10, sides="below {} above the quantile", most_jump=0.5)
WELCH, DENG, ORDER = "Welch 1947", "Deng, Knoblich & Lu 2018", "Zou & Donner 2008; Woodruff 1952"
CLUSTERS, LIN = f"{DENG}; Carter, Schnepel & Steigerwald 2017", "Lin 2013; Negi & Wooldridge 2021"
AT_LEAST, TEST = {"claim": "at least"}, {"has_interval": False, "is_dual": False}
PROBABILITY = {"planned": (("probability", "quantile"),), "by_cluster": True}
HORIZON = {"planned": (("horizon", "horizon_days"),)}
differ = read_known, means.compare_means, means.difference
lift = read_known, means.compare_means, means.relative_lift
differ_sums = read_sums, means.compare_ratios, means.difference
lift_sums = read_sums, means.compare_ratios, means.relative_lift
adjust = read_covariates, means.adjust_means, means.difference
incidence = read_times, partial(incidence_difference, horizon=HORIZON_DAYS)
mean_time = read_times, partial(rmst_difference, horizon=HORIZON_DAYS)
share = read_known, contrasts.count_events, contrasts.risk_difference
lift_share = read_known, contrasts.count_events, contrasts.relative_lift_risk
METHODS = (
    Method("Welch difference", "welch", "difference", differ, ("counts", "money", "scores"), _tail(),
           f"{WELCH}; Kohavi et al. 2014, rule 7", lift="fieller"),
    Method("Fieller lift", "fieller", "relative_lift", lift, ("counts", "money"), _tail(),
           "Fieller 1954; Kohavi et al. 2014, rule 7"),
    Method("permutation difference", "permutation", "difference", (read_values, means.permutation_difference),
           ("money",), Domain(200), "Janssen 1997; Chung & Romano 2013",
           lift="fieller", batch=partial(means.permute_many, n_resamples=N_RESAMPLES), n_resamples=N_RESAMPLES,
           most_units=2_000, most_replicates=2_000),
    Method("NPS difference", "welch", "difference", differ, ("NPS",), _tail(), WELCH),
    Method("win difference", "brunner-munzel", "difference", (read_levels, contrasts.win_difference),
           ("ordered scores",), _tail(most_effect=0.8), "Brunner & Munzel 2000"),
    Method("median difference", "order statistics", "difference",
           (read_values, partial(contrasts.quantile_difference, probability=0.5)),
           ("medians",), QUANTILES, ORDER, batch=partial(contrasts.limit_quantiles, probability=0.5), **AT_LEAST,
           **PROBABILITY),
    Method("90th percentile difference", "order statistics", "difference",
           (read_values, partial(contrasts.quantile_difference, probability=0.9)),
           ("90th percentiles",), QUANTILES, ORDER, batch=partial(contrasts.limit_quantiles, probability=0.9),
           **AT_LEAST, **PROBABILITY),
    Method("Miettinen-Nurminen difference", "miettinen-nurminen", "difference", share,
           ("shares",), SHARES, "Miettinen & Nurminen 1985", lift="score-ratio", limits=contrasts.limit_shares),
    Method("score ratio", "score-ratio", "relative_lift", lift_share, ("shares",),
           SHARES, "Miettinen & Nurminen 1985; Koopman 1984", limits=partial(contrasts.limit_shares, ratio=True)),
    Method("delta difference of ratios", "delta", "difference", differ_sums, ("ratios", "rates"), _tail(), DENG,
           lift="fieller"),
    Method("Fieller lift of ratios", "fieller", "relative_lift", lift_sums, ("ratios", "rates"), _tail(), DENG),
    Method("log rate ratio", "log rate ratio", "rate_ratio", (read_sums, means.rate_ratio), ("rates",),
           _tail(100), "Lin, Wei, Yang & Ying 2000"),
    Method("delta difference of clusters", "delta", "difference", differ_sums, ("clusters",),
           _tail(20, unit="clusters", least_apart=0), CLUSTERS, lift="fieller"),
    Method("Fieller lift of clusters", "fieller", "relative_lift", lift_sums, ("clusters",),
           _tail(20, unit="clusters", least_apart=0), CLUSTERS),
    Method("Lin's adjusted difference", "lin", "difference", adjust, ("covariates",), _tail(100), LIN, lift="fieller"),
    Method("Lin, covariates missing", "lin", "difference", adjust, ("missing covariates",), _tail(100),
           f"{LIN}; Zhao & Ding 2024"),
    Method("difference among responders", "welch", "difference", differ, ("outcomes missing at random",), _tail(),
           WELCH),
    Method("weighted responders", "inverse probability of response weights", "difference",
           (associations.weight_responders,), ("outcomes missing at random", "outcomes missing by arm"), _tail(200),
           "Seaman & White 2013", **AT_LEAST),
    Method("worst-case bounds", "worst-case bounds", "difference",
           (read_known, associations.bound_shares), ("outcomes unknown in one arm",),
           Domain(50), "Manski 1990; Horowitz & Manski 2000", batch=associations.limit_bounds, **AT_LEAST),
    Method("Anderson-Rubin set", "anderson-rubin", "cace", (read_take_up, take_up.anderson_rubin),
           ("take-up", "weak take-up"), _tail(), "Anderson & Rubin 1949"),
    Method("complier effect, delta", "wald ratio, delta", "cace", (read_take_up, take_up.complier_effect),
           ("take-up", "weak take-up"), _tail(200), "Imbens & Angrist 1994", **AT_LEAST),
    Method("always-valid over daily looks", "welch, always-valid", "difference", (looks.look_daily,),
           ("daily looks",), _tail(200), "Waudby-Smith et al. 2024", batch=looks.limit_days, **AT_LEAST),
    Method("planned looks", "welch, repeated", "difference", (looks.look_as_planned,), ("planned looks",), _tail(100),
           "Lan & DeMets 1983; Jennison & Turnbull 1989", batch=looks.limit_looks),
    Method("Holm over three metrics", "holm", "any_difference", (combine_metrics,), ("several metrics",),
           _tail(), "Holm 1979", **AT_LEAST, **TEST),
    Method("interaction across segments", "interaction", "interaction",
           (partial(measure_groups, contrasts.measure_interaction, "interaction", 2),), ("segments",), _tail(500),
           "Welch 1951; Cochran 1954", **TEST),
    Method("trend over weeks", "trend over weeks", "trend",
           (partial(measure_groups, contrasts.measure_trend, "trend over weeks", 3),), ("weeks",), _tail(200),
           "Welch 1938; Satterthwaite 1946", **TEST),
    Method("incidence difference", SHARE, "difference", incidence, ("times to an event",), TIMES,
           "Newcombe 1998, method 10; Rothman 1978", **HORIZON),
    Method("incidence difference, competing events", SHARE, "difference", incidence, ("competing events",),
           TIMES, "Newcombe 1998, method 10; Aalen & Johansen 1978"),
    Method("restricted mean difference", MEAN, "rmst_difference", mean_time, ("times to an event",),
           MEAN_TIMES, "Royston & Parmar 2013", **HORIZON),
    Method("restricted mean difference, competing events", MEAN, "rmst_difference", mean_time,
           ("competing events",), MEAN_TIMES, "Andersen 2013"),
)  # fmt: skip


def find_method(method: str, estimand: str, *, unit: str = "units") -> Method | None:
    """Return the method of an estimate; None where it is exempt, or has no promise of its own.

    Parameters
    ----------
    method, estimand : str, as in an `Estimate`
    unit : str
        "clusters" where clusters are randomised.
    """
    sought = (method, estimand, unit)
    return next((m for m in METHODS if (m.method, m.estimand, m.domain.unit) == sought), None)


def demand_method(method: str, estimand: str = "difference") -> Method:
    """Return the row of a method that is to decide; the first of its name and estimand.

    Raises
    ------
    Refused: there is none, so that nobody has said how it computes, or an experiment lacks what it reads.
    """
    found = next((m for m in METHODS if (m.method, m.estimand) == (method, estimand)), None)
    if found is None:
        raise Refused(f"no method is called {method}; give it a row for a {estimand} in METHODS, or name one of them")
    if found.reads is None:
        told = f"the method {method} reads columns in a way that no experiment knows"
        raise Refused(f"{told}; begin its steps with one of {', '.join(step.__name__ for step in READ_FROM)}")
    return found


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
    str: as `Method.method`.

    Raises
    ------
    Refused: a method without a row, or one that needs more than the moments of what its kind calls a mean.
    """
    how, row = metric.how, demand_method(metric.how.method)
    if how.is_mean and row.reads != "moments":
        raise Refused(f"kind {metric.kind}: {row.method} reads the {row.reads}; say is_mean=False, or name another")
    if how.is_mean and design.cluster is not None:
        return "delta"
    if how.has_tail and means.needs_permutation(sizes, design.variant.shares, skewness):
        return "permutation"
    if is_adjustable and design.decides_on == "adjusted" and how.takes_covariates:
        return "lin"
    return how.method


def compare_arms(
    metric: Metric, control, treatment, *, method=None, estimand="difference", confidence_level=0.95, **more
) -> Effect:
    """Return the effect on one metric between two arms, as the row of a method computes it.

    Parameters
    ----------
    metric : Metric
        With the keys that the row reads from the plan.
    control, treatment : what the method `reads` of each: Moments, outcomes, units on each level, or a LifeTable
        Moments of the outcome, for the method of the metric's kind; of (outcome, covariates), for Lin's adjustment; or
        of (numerator, denominator) of ratios and clusters, for the delta method. Unknown outcomes are not in them.
    method, estimand : str, of a row of `METHODS`
        Without a method the one that moments are made for.
    confidence_level : float, 0.5 to 1
    **more : rng, n_resamples, clusters
        Of methods that draw; of rows, and counts of them, where clusters are randomised: the cluster of each row of
        either arm, None for counts.

    Returns
    -------
    Effect: nan with a reason when an arm is too small, or where clusters are randomised and the method compares by
        unit.

    Raises
    ------
    Refused: no such method. ValueError: moments of a metric that is no mean (a quantile, an ordered score, a time).
    """
    if method is None:
        method = "delta" if control.names[0] == "num" else "lin" if len(control.names) > 1 else metric.how.method
        if (reads := demand_method(method).reads) != "moments":
            raise ValueError(f"{method} needs the {reads} of both arms")
    row, options = demand_method(method, estimand), {"confidence_level": confidence_level}
    if more.get("clusters") and not row.by_cluster:
        return Effect(method=method, reason=BY_UNIT.format(row.families[0]))
    options |= {argument: getattr(metric, key) for argument, key in row.planned}
    options |= {name: more[name] for name in ("rng", "n_resamples") if row.n_resamples}
    if row.by_cluster:
        options["control_clusters"], options["treatment_clusters"] = more.get("clusters") or (None, None)
    return row.contrast((control, treatment), **options)


def lift_arms(metric: Metric, control: Moments, treatment: Moments, *, confidence_level=0.95, like=None) -> Effect:
    """Return the relative lift of one metric between two arms, from the same test as the difference.

    Parameters
    ----------
    metric, control, treatment, confidence_level : as for `compare_arms`
    like : Effect, optional
        The difference that decides instead (by permutation, at an interim look); the lift follows it.

    Returns
    -------
    Effect: the score ratio of two shares, else Fieller's; an NPS has no lift and is not to be asked for one.
    """
    if metric.how.is_share and control.names == ("y",) and like is None:
        counts = contrasts.count_events(control, treatment)
        return contrasts.relative_lift_risk(*counts, confidence_level=confidence_level)
    return means.relative_lift(means.pair_arms(control, treatment), confidence_level=confidence_level, like=like)


def pool_skewness(arms) -> float:
    """Return the skewness of an outcome over some arms, weighted by their units; nan where it is undefined.

    Parameters
    ----------
    arms : iterable of Moments
    """
    known = [m for m in arms if m.n and m.skewness == m.skewness]
    return sum(m.n * m.skewness for m in known) / sum(m.n for m in known) if known else NAN
