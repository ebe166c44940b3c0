"""An experiment from its plan: headline effects with verdicts, sensitivity, take-up, times, weeks and segments."""

import math
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
import pandas as pd

from helpers import metrics
from helpers.inference import decisions
from helpers.inference.associations import bound_missing, weight_responders
from helpers.inference.contrasts import measure_interaction, measure_trend
from helpers.inference.credibility import check_methods, list_posteriors
from helpers.inference.decisions import Comparison, list_comparisons
from helpers.inference.looks import Look, read_look
from helpers.inference.means import exponentiate, merge_moments, rate_ratio
from helpers.inference.methods import choose_method, compare_arms, demand_method, lift_arms, pool_skewness
from helpers.inference.take_up import study_uptake
from helpers.plan import ExperimentPlan
from helpers.records import Effect, Estimate, Results, Test
from helpers.survival import MEAN, build_life_table, log_rank, read_incidence

ROLES = ("primary", "secondary", "guardrail", "exploratory", "sensitivity")
FAILED = {  # checks of one metric, after which it is not estimated
    "missing_": "outcomes are missing at different rates in the arms, so the known ones cannot be compared",
    "events_fit_": "the log lacks events of it, so that its outcomes cannot be compared",
    "events_add_": "what is added up for it is not what it says, so that its outcomes cannot be compared",
    "exposure_fit": "the log lacks events of the take-up",
}
TOO_MANY = "too many units for a method that needs every row"
CURVES, CURVE_DAYS = ["metric", "arm", "day", "at_risk", "share", "ci_low", "ci_high"], 31


@dataclass(frozen=True)
class Settings:
    """What a researcher may choose: the prior's units an arm, the spread of past effects, the seed, permutations."""

    prior_units: float = 1.0
    past_effects: float | None = None
    seed: int = 1
    n_resamples: int = 4_000


@dataclass(frozen=True)
class Material:
    """What the estimators of one experiment share: plan, units, moments by arm, the look, and the randomness.

    `raw` and `adjusted` hold moments by metric and arm, without and with covariates; `partly_known` the (metric, arm)
    that hold units whose window is over and whose outcome is unknown; `not_estimable` says why for each metric, and for
    records.TAKE_UP, of which a check failed.
    """

    design: ExperimentPlan
    units: metrics.Units
    raw: dict
    adjusted: dict
    look: Look
    not_estimable: dict[str, str]
    partly_known: frozenset = frozenset()
    settings: Settings = field(default_factory=Settings)

    @cached_property
    def rows(self) -> pd.DataFrame | None:
        """One row a unit, for the methods that need it, read when first asked for; None above their limit."""
        return metrics.read_rows(self.units, self.units.table.columns)

    def choose(self, comparison: Comparison) -> str:
        """Return the method that decides, by the plan's rule; no permutation test at an early look."""
        arms = self.raw[comparison.name]
        sizes = {arm: m.n for arm, m in arms.items()}
        skewness = pool_skewness(arms.values()) if self.look.interval == "fixed" else float("nan")
        facts = {"sizes": sizes, "skewness": skewness, "is_adjustable": comparison.name in self.adjusted}
        return choose_method(comparison.metric, self.design, **facts)

    def compare(self, comparison: Comparison, method: str) -> Effect:
        """Return the difference of a comparison by a method, as at the end of the experiment, from what it reads."""
        name, more = comparison.name, {"method": method, "confidence_level": comparison.level}
        reads, is_clustered = demand_method(method).reads, self.design.cluster is not None
        if reads == "moments":
            arms = comparison.take((self.adjusted if method == "lin" else self.raw)[name])
        elif reads == "levels":
            arms = comparison.take(metrics.moments.count_levels(self.units, name)[None])
            more["clusters"] = (None, None) if is_clustered else None
        elif self.rows is None:
            return Effect(method=method, reason=TOO_MANY)
        else:
            known = self.rows.dropna(subset=[f"y_{name}"])
            sides = [known[known["variant"] == arm] for arm in comparison.arms]
            arms = [side[f"y_{name}"].to_numpy(float) for side in sides]
            more["clusters"] = [side["cluster"] for side in sides] if is_clustered else None
            seed = [self.settings.seed, *f"{name}:{comparison.label}".encode()]
            more |= {"rng": np.random.default_rng(seed), "n_resamples": self.settings.n_resamples}
        return compare_arms(comparison.metric, *arms, **more)

    def at_look(self, comparison: Comparison, effect: Effect) -> Effect:
        """Return an effect with the interval that decides at this look."""
        return self.look.apply(comparison, effect, n=sum(comparison.count(self.raw[comparison.name])))

    def label(self, comparison: Comparison, effect: Effect, *, arms=None, **labels) -> Estimate:
        """Return an effect at this look with its labels, about all, or in every part of it, those who answered."""
        known = "responders" if any((comparison.name, arm) in self.partly_known for arm in comparison.arms) else "itt"
        labels = {"population": known, "interval": self.look.interval, **labels}
        return decisions.label_effect(comparison, effect, arms=arms or self.raw[comparison.name], **labels)


def run_experiment(decided, source, units, trust, *, study, withheld=None, **settings) -> Results:
    """Return everything that the plan asks of an experiment, before small cells are hidden and sentences written.

    Parameters
    ----------
    decided : Plan
    source : sources.Source
    units : metrics.Units, one row a unit
    trust : tuple of Check
        A failed `missing_<metric>` or `events_fit_<metric>` makes that metric not estimable, a failed `exposure_fit`
        what taking up does.
    study : str
    withheld : str, optional
        The reason for which the answer is withheld; nothing is estimated then.
    **settings : fields of `Settings`

    Returns
    -------
    Results: headline rows first, then take-up, sensitivity, segments and weeks; `status` is answered, interim or
        withheld; checks of the methods' promises behind those of trust; tables `uptake`, `path`, `bayes`
        and `curves`.
    """
    design = decided.design
    data = replace(source.info, messages=(*source.info.messages, *units.messages))
    days = units.assigned and tuple(day.isoformat() for day in units.assigned)
    dates = {"as_of": units.as_of.isoformat() if units.as_of else None, "assigned": days}
    tables = {"event_sums": pd.DataFrame(units.added)} if units.added else {}
    told = {"data": data, "plan": decided.record, "checks": tuple(trust), "tables": tables, **dates}
    empty = Results(study, design.title, design.question, "withheld", **told)
    if withheld:
        return empty.but(answer=(withheld,))
    material = _gather(design, units, trust, Settings(**settings))
    estimates, tests, uptake, curves = [], [], pd.DataFrame(), pd.DataFrame(columns=CURVES)
    for comparison in [c for c in list_comparisons(design) if c.metric.how.outcome != "time"]:
        estimates += [*estimate_headline(comparison, material), *estimate_sensitivity(comparison, material)]
    if design.exposure or design.variant.observational:
        taken, uptake = study_uptake(material)
        estimates += taken
    splits, differing = estimate_splits(material)
    estimates += splits
    if any(metric.how.outcome == "time" for metric in design.metrics.values()):
        times, tests, curves = study_times(units, material.look, material.not_estimable)
        estimates += times
    estimates.sort(  # headline rows first, then take-up, sensitivity, segments and weeks
        key=lambda e: (
            e.segment is not None or e.at is not None,
            e.role == "sensitivity",
            e.population not in decisions.AS_ASSIGNED,
            ROLES.index(e.role),
        )
    )
    if any(check.id == "attrition" and check.value > 0 for check in trust):  # rows are lacking of who was randomised
        estimates = [e.but(population="responders") if e.population == "itt" else e for e in estimates]
    found = empty.but(
        status="interim" if material.look.is_interim else "answered",
        estimates=decisions.decide_all(decisions.adjust_families(estimates), design.metrics, alpha=design.alpha),
        tests=(*differing, *tests),
    )
    priors = {key: getattr(material.settings, key) for key in ("prior_units", "past_effects")}
    path = trace_path(units, material.look, material.not_estimable)
    tables |= {"uptake": uptake, "path": path, "bayes": list_posteriors(found, design, **priors), "curves": curves}
    return found.but(checks=(*trust, *check_methods(material, found)), tables=tables)


def _gather(design, units, trust, settings):
    broken = [check.id for check in reversed(trust) if check.status == "fail"]  # of several the first one counts
    failed = {c.removeprefix(head): why for c in broken for head, why in FAILED.items() if c.startswith(head)}
    whole, raw, adjusted = metrics.summarise(units, adjusted=True)[None], metrics.summarise(units)[None], {}
    for name, arms in whole.items():
        names = next(iter(arms.values())).names
        if design.metrics[name].how.takes_covariates and names[0] == "y" and len(names) > 1:
            adjusted[name] = arms
    if design.cluster is None:
        partly = ((name, arm) for name, arms in raw.items() for arm, m in arms.items() if m.missing)
    else:  # moments of clusters do not see the unknown outcomes of units
        rows = metrics.describe_arms(units).to_dict("records")
        partly = ((n, row["variant"]) for n in raw for row in rows if row[f"known_{n}"] < row[f"complete_{n}"])
    return Material(design, units, raw, adjusted, read_look(units), failed, frozenset(partly), settings)


def explain_gaps(units, trust) -> dict[str, str]:
    """Return why metrics that decide (primary, guardrail or asked) are not estimable, by name; empty where all are.

    Parameters
    ----------
    units : metrics.Units
    trust : tuple of Check
    """
    design = units.design
    wanted = {*design.by_role("primary", "guardrail"), *design.asked}
    material = _gather(design, units, trust, Settings())
    found = [c for c in list_comparisons(design) if c.name in wanted and c.metric.how.outcome != "time"]
    estimates = [e for comparison in found for e in estimate_headline(comparison, material)]
    estimates += study_times(units, material.look, material.not_estimable)[0]
    told = decisions.decide_all(decisions.adjust_families(estimates), design.metrics, alpha=design.alpha)
    gaps = [e for e in told if e.metric in wanted and e.verdict == "not estimable" and e.estimand == "difference"]
    return {e.metric: e.reason for e in gaps}


def estimate_headline(comparison: Comparison, material: Material) -> list[Estimate]:
    """Return the deciding difference and lift of one metric between two arms.

    Parameters
    ----------
    comparison : Comparison
    material : Material

    Returns
    -------
    list of Estimate: by the plan's rule, with the interval that decides at this look; nan with the reason where the
        metric failed its missingness check. Quantiles, ordered scores and an NPS have a difference and no lift.
    """
    metric, method, why = comparison.metric, material.choose(comparison), material.not_estimable.get(comparison.name)
    labels = {"role": metric.role, "adjustment": "covariates" if method == "lin" else "none"}
    effect = Effect(reason=why) if why else material.at_look(comparison, material.compare(comparison, method))
    found = [material.label(comparison, effect, estimand="difference", **labels)]
    if not why and metric.how.has_lift and demand_method(method).lift:
        is_plain = demand_method(method).lift == "score-ratio" and material.look.interval == "fixed"
        sides = comparison.take((material.adjusted if method == "lin" else material.raw)[comparison.name])
        lift = lift_arms(metric, *sides, confidence_level=comparison.level, like=None if is_plain else effect)
        found.append(material.label(comparison, lift, estimand="relative_lift", **labels))
    return found


def estimate_sensitivity(comparison: Comparison, material: Material) -> list[Estimate]:
    """Return the rows beside the headline: the other adjustment, Welch, winsorised, weighted, bounded, rate ratio.

    All have the role `sensitivity`; none where the metric has no other fair choice.
    """
    metric, method, level = comparison.metric, material.choose(comparison), {"confidence_level": comparison.level}
    if comparison.name in material.not_estimable:
        return []
    look, is_plain = partial(material.at_look, comparison), metric.how.is_mean and metric.how.outcome == "y"
    by_unit, sides, rows = material.design.cluster is None, comparison.take(material.raw[comparison.name]), []
    if comparison.name in material.adjusted and method != "lin":
        adjusted = compare_arms(metric, *comparison.take(material.adjusted[comparison.name]), **level)
        rows.append((look(adjusted), {"adjustment": "covariates"}))
    if method in ("lin", "permutation"):
        rows.append((look(compare_arms(metric, *sides, **level)), {"adjustment": "none"}))
    if metric.how.total == "amount" and metric.how.is_mean and by_unit and not metric.squares:
        capped = metrics.moments.winsorise(material.units, comparison.name)
        rows.append((look(compare_arms(metric, *comparison.take(capped), **level)), {"adjustment": "winsorised"}))
    if any(m.missing for m in sides) and is_plain and by_unit:
        rows.append((look(_weight(comparison, material)), {"adjustment": "weights"}))
        ends, measure = metric.how.extremes(metric), partial(compare_arms, metric, **level)
        rows.append((bound_missing(measure, ends, *sides, look=look), {"population": "itt"}))
    if metric.time_at_risk is not None:
        rows.append((_divide_rates(comparison, material, *sides), {"estimand": "rate_ratio"}))
    labels = {"role": "sensitivity", "estimand": "difference"}
    return [material.label(comparison, effect, **{**labels, **more}) for effect, more in rows]


def _weight(comparison, material):
    rows, columns = material.rows, [f"y_{comparison.name}", *material.units.covariates]
    if rows is None:
        return Effect(method="inverse probability of response weights", reason=TOO_MANY)
    meant = rows[rows[f"complete_{comparison.name}"].astype(bool)]
    sides = (meant.loc[meant["variant"] == arm, columns].to_numpy(float) for arm in comparison.arms)
    return weight_responders(*sides, confidence_level=comparison.level)


def _divide_rates(comparison, material, control, treatment):
    """The ratio of two rates, with the interval that decides at this look, taken on the log scale."""
    found = rate_ratio(control, treatment, confidence_level=comparison.level)
    if material.look.interval == "fixed" or not found.std_error > 0:
        return found
    log = replace(found, estimate=float(np.log(found.estimate)), std_error=found.std_error / found.estimate)
    return exponentiate(material.at_look(comparison, log))


def study_times(units: metrics.Units, look: Look, failed) -> tuple[list[Estimate], list[Test], pd.DataFrame]:
    """Return the effects on times to an event between each treatment and the control, their tests and curves.

    Where the plan names competing events, the incidence is the share of all units that has the event although others
    leave before it (Aalen-Johansen), a unit that left counts as without the event in the mean time, and log-rank
    compares the rates among those still without either, so that it can disagree with the incidence.

    Parameters
    ----------
    units : metrics.Units
    look : Look
    failed : mapping of str to str
        Metrics that failed a check of their own, and why nothing is told of them.

    Returns
    -------
    list of Estimate: the difference in cumulative incidence at the horizon carries the metric's role; that in
        restricted mean time is sensitivity. Among responders where a time is unknown; nan with a reason where
        clusters are randomised.
    list of Test: log-rank of the events up to the horizon, one a comparison; its p-value is that of this look.
    DataFrame: `metric`, `arm`, `day`, `at_risk`, `share` (0 to 1), `ci_low`, `ci_high` (as wide as this look asks for)
        at evenly spaced days up to the horizon; no individual time. Empty where clusters are randomised, since the
        bands would be too narrow. All are empty without such metrics.
        Above the limit of row-level methods estimates have a reason alone.

    References
    ----------
    Andersen, Geskus, de Witte and Putter (2012), Competing risks in epidemiology: possibilities and pitfalls.
    """
    design, estimates, tests, frames = units.design, [], [], []
    for name, metric in design.metrics.items():
        if metric.how.outcome != "time":
            continue
        columns, why, tables, partly = [f"time_{name}", f"observed_{name}"], failed.get(name), {}, set()
        rows = metrics.read_rows(units, ["variant", *columns])
        if rows is None:
            sizes, why = metrics.describe_arms(units).set_index("variant")["units"], why or TOO_MANY
        else:
            groups = {arm: rows.loc[rows["variant"] == arm, columns].to_numpy(float) for arm in design.variant.arms}
            tables = {arm: build_life_table(*group.T) for arm, group in groups.items()}
            partly = {arm for arm, group in groups.items() if np.isnan(group).any()}
            sizes = {arm: table.n for arm, table in tables.items()}
        is_told = design.cluster is None and not why
        for comparison in [pair for pair in list_comparisons(design) if pair.name == name]:
            estimates += _compare_times(comparison, look, tables, sizes, partly, why=why)
            tests += [_test_times(comparison, look, comparison.take(tables))] if is_told else []
        days = np.unique(np.linspace(0, metric.horizon_days, CURVE_DAYS).round(1))
        for arm, table in tables.items() if is_told else ():
            against = Comparison(design, name, design.variant.control, design.variant.treatments[0])
            rival = against.control if arm != against.control else against.treatment
            level = look.find_level(against, n=table.n + tables[rival].n)
            found = read_incidence(table, days, confidence_level=level)
            frames.append(found.rename(columns={"incidence": "share"}).assign(metric=name, arm=arm))
    curves = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=CURVES)
    return estimates, tests, curves[CURVES]


def _test_times(comparison, look, tables):
    """The log-rank test with the p-value of this look: its root is a standardised difference."""
    horizon = comparison.metric.horizon_days
    test = log_rank(tables, metric=comparison.name, comparison=comparison.label, horizon=horizon)
    if look.interval == "fixed" or test.statistic != test.statistic:
        return test
    seen = look.apply(comparison, Effect(math.sqrt(test.statistic), 1.0), n=sum(table.n for table in tables))
    return replace(test, p_value=seen.p_value)


def _compare_times(comparison, look, tables, sizes, partly, *, why):
    metric, (n_control, n_treatment), found = comparison.metric, comparison.take(sizes), []
    labels = {"population": "responders" if set(comparison.arms) & partly else "itt", "interval": look.interval}
    labels |= {"n_control": n_control, "n_treatment": n_treatment}
    more = {"confidence_level": comparison.level, "clusters": (None, None) if comparison.design.cluster else None}
    for method, estimand, role in (
        (metric.how.method, "difference", metric.role),
        *([] if why else [(MEAN, "rmst_difference", "sensitivity")]),
    ):
        effect = Effect(reason=why)
        if not why:
            effect = compare_arms(metric, *comparison.take(tables), method=method, estimand=estimand, **more)
            effect = look.apply(comparison, effect, n=n_control + n_treatment)
        found.append(decisions.label_effect(comparison, effect, estimand=estimand, role=role, **labels))
    return found


def estimate_splits(material) -> tuple[list[Estimate], list[Test]]:
    """Return the effect within each level of each segment and by week of assignment, each with a test that it differs.

    Parameters
    ----------
    material : Material
        Without `assigned_at` in the plan there are no weeks.

    Returns
    -------
    list of Estimate: `segment` is "column=level", `at` is "week 1", "week 2", ..., role exploratory, family segments or
        weeks; none for times to an event and quantiles.
    list of Test: a linear trend of the weekly effect over the weeks, as Student and Satterthwaite judge it; Cochran's
        Q over the levels, as Welch judges it; both over groups with at least `min_cell` units in both arms, and
        adjusted within their family, weeks or segments, by Benjamini and Hochberg.
    """
    design, segments, weeks, tests = material.design, [], [], []
    clusters = None if design.cluster is None else (None, None)
    for by in (*(["week"] if design.assigned_at else []), *design.segments):
        groups, family = metrics.summarise(material.units, by=by), "weeks" if by == "week" else "segments"
        for comparison in [c for c in list_comparisons(design, "primary", "secondary") if c.is_with_control]:
            metric, name, level = comparison.metric, comparison.name, {"confidence_level": comparison.level}
            reads = demand_method(metric.how.method).reads
            if reads not in ("moments", "levels") or name in material.not_estimable:
                continue
            levels = metrics.moments.count_levels(material.units, name, by=by) if reads == "levels" else {}
            way, rows = {"method": metric.how.method, "clusters": clusters} if levels else {}, []
            for group in sorted(groups):
                arms, labels = groups[group][name], {"estimand": "difference", "role": "exploratory", "family": family}
                effect = compare_arms(metric, *comparison.take(levels[group] if levels else arms), **level, **way)
                labels |= {"at": f"week {int(group) + 1}"} if by == "week" else {"segment": f"{by}={group}"}
                effect = material.at_look(comparison, effect)
                rows.append(material.label(comparison, effect, arms=arms, **labels))
            (weeks if by == "week" else segments).extend(rows)
            tests += _test_split(comparison, by, sorted(groups), rows)
    for family in {test.family for test in tests}:
        members = [i for i, test in enumerate(tests) if test.family == family]
        adjusted = decisions.benjamini_hochberg([tests[i].p_value for i in members]).tolist()
        for i, p in zip(members, adjusted, strict=True):
            tests[i] = replace(tests[i], p_value_adjusted=p)
    return [*segments, *weeks], tests


def _test_split(comparison, by, groups, rows):
    """The one test that the effect differs over the groups that are large enough; none where these are too few."""
    usable, name, family, least = [], f"interaction with {by}", "segments", 2
    if by == "week":
        name, family, least = "trend over weeks", "weeks", 3
    for group, row in zip(groups, rows, strict=True):
        n = np.array([row.n_control, row.n_treatment])
        if row.std_error > 0 and min(n) >= comparison.design.min_cell:
            variance, place = row.std_error**2, int(group) if by == "week" else 0
            if row.method.startswith("miettinen-nurminen"):  # the likeliest one is too small in small groups
                shares = np.array([row.control_value, row.treatment_value])
                variance = np.sum(shares * (1 - shares) / (n - 1))
            usable.append((row.estimate, variance, row.df or sum(n) - 2, n[0] * n[1] / sum(n), place))
    if len(usable) < least:
        return []
    columns = np.array(usable, float).T
    statistic, df, p = measure_trend(*columns) if by == "week" else measure_interaction(*columns[:3])
    key = f"{comparison.name}:{comparison.label}:{name}"
    return [Test(key, comparison.name, name, statistic, df, p, family=family)]


def trace_path(units: metrics.Units, look: Look, failed) -> pd.DataFrame:
    """Return the effect on the key metric as it would have been seen after each week of assignment.

    The units of a week count once their windows are over, so a week stands for the day on which its last window
    ends. The always-valid interval holds the truth at all weeks together; the fixed one at the last alone.

    Parameters
    ----------
    units : metrics.Units
    look : Look
    failed : set of str
        Metrics that failed their missingness check.

    Returns
    -------
    DataFrame: one row a treatment and week, treatments in the plan's order: `metric`, `treatment`, `day` (days since
        the first assignment, the week's end), `n`, `estimate`, `ci_low`, `ci_high` (always-valid). Empty without times
        of assignment, for a metric that moments do not tell (time to event, quantile, ordered score) or that is not
        estimable, and until an interval exists.
    """
    design, rows = units.design, []
    name = design.key_metric
    if design.assigned_at is None or not design.metrics[name].how.is_mean or name in failed:
        return pd.DataFrame()
    weeks = metrics.summarise(units, by="week")
    look = replace(look, interval="always-valid")
    for comparison in [c for c in list_comparisons(design) if c.name == name and c.is_with_control]:
        so_far = {comparison.control: None, comparison.treatment: None}
        for week in sorted(weeks):
            so_far = {arm: merge_moments(found, weeks[week][name][arm]) for arm, found in so_far.items()}
            fixed = compare_arms(comparison.metric, *so_far.values(), confidence_level=comparison.level)
            n = sum(comparison.count(so_far))
            seen = look.apply(comparison, fixed, n=n)
            row = {"metric": name, "treatment": comparison.treatment, "day": 7 * (int(week) + 1), "n": n}
            row |= {"estimate": fixed.estimate, "ci_low": seen.ci_low, "ci_high": seen.ci_high}
            rows.append(row)
    return pd.DataFrame(rows).dropna(subset=["ci_low"]).reset_index(drop=True)
