"""The setting of an experiment to come: baselines, told or measured, and how large effects and errors are."""

import math
import re
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import pandas as pd
from scipy.special import ndtri

from helpers import metrics
from helpers.inference import planning
from helpers.inference.credibility import find_exaggeration
from helpers.inference.decisions import find_rule
from helpers.inference.looks import price_looks
from helpers.inference.means import find_independent, linearise, regress
from helpers.plan import ExperimentPlan
from helpers.records import NAN, Refused
from helpers.survival import build_life_table, estimate_incidence

FORM = "write it as metric = mean, or metric = mean, standard deviation"
UNSIZED = "a quantile or an ordered score is not sized beforehand"
STILL = "nothing varies in the history"
FEWEST = 20  # units (or clusters) with a known outcome, below which a history tells no spread


@dataclass(frozen=True)
class Baseline:
    """One metric as it is without the change.

    `mean` and `sd` of a unit (of a ratio, of what it leaves of its numerator, per unit of its denominator); `answered`
    the share of units whose outcome becomes known; `explained` the share of the variance that covariates tell;
    `cluster_size` units that are assigned together, and `design_effect` by how much that multiplies the variance;
    `n` units (clusters) it was read from, nan where it was given. Where it has no figure, `reason` says why.
    """

    metric: str
    mean: float = NAN
    sd: float = NAN
    answered: float = 1.0
    explained: float = 0.0
    cluster_size: float = 1.0
    design_effect: float = 1.0
    n: float = NAN
    skewness: float = NAN
    is_of_shares: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class Known:
    """What is known before: a baseline a metric, how outcomes of a unit go together, and units a week (nan unknown)."""

    baselines: dict[str, Baseline]
    together: pd.DataFrame
    pace: float = NAN


def assume_baselines(design: ExperimentPlan, told, *, explained=0.0, correlation=0.0) -> Known:
    """Return the baselines that somebody gives, one a metric of the plan.

    Parameters
    ----------
    design : ExperimentPlan
    told : sequence of str
        "metric = mean" of a share, "metric = mean, standard deviation" of anything else.
    explained : float, 0 to 1
        Share of the variance that the covariates tell, of every metric that can be adjusted for them.
    correlation : float, 0 to below 1
        Between any two outcomes of a unit.

    Returns
    -------
    Known: metrics that are not given have a reason.

    Raises
    ------
    Refused: a text of another form, a metric that the plan lacks, or a figure that its kind cannot have.
    """
    found = {name: Baseline(name, reason="no baseline is given") for name in design.metrics}
    for text in told:
        name, equals, figures = (part.strip() for part in text.partition("="))
        if not equals or not re.fullmatch(r"[-+.\deE]+(\s*,\s*[-+.\deE]+)?", figures):
            raise Refused(f"parameter baselines: {text[:40]!r} is not read; {FORM}")
        if name not in design.metrics:
            known = ", ".join(design.metrics)
            raise Refused(f"parameter baselines: the plan has no metric {name[:40]!r}; it has {known}")
        mean, *more = map(float, figures.split(","))
        found[name] = _assume(name, design.metrics[name], mean, more, explained if can_adjust(design, name) else 0.0)
    together = np.full((len(found), len(found)), float(correlation))
    np.fill_diagonal(together, 1.0)
    return Known(found, pd.DataFrame(together, list(found), list(found)))


def _assume(name, metric, mean, more, explained):
    if not (metric.how.is_mean or tells_shares(metric)):
        return Baseline(name, reason=UNSIZED)
    if tells_shares(metric):
        if more or not 0 < mean < 1:
            cure = f"a share needs one figure between 0 and 1, such as {name} = 0.3"
            raise Refused(f"parameter baselines, {name}: {cure}")
        return Baseline(name, mean, math.sqrt(mean * (1 - mean)), explained=explained, is_of_shares=True)
    if not more or not more[0] > 0:
        cure = f"give mean and standard deviation, such as {name} = 2, 3"
        raise Refused(f"parameter baselines, {name}: needs a standard deviation above 0; {cure}")
    return Baseline(name, mean, more[0], explained=explained)


def can_adjust(design: ExperimentPlan, name) -> bool:
    """Return whether covariates can be taken into account in a metric: a mean of units, no ratio and no NPS."""
    how, is_by_unit = design.metrics[name].how, bool(design.covariates) and not design.cluster
    return is_by_unit and how.is_mean and how.takes_covariates and how.outcome == "y"


def tells_shares(metric) -> bool:
    """Return whether a metric is a share of units: those with an event, in a window or up to a horizon."""
    return metric.how.is_share or metric.how.outcome == "time"


def group_units(known: Known, *, size, correlation) -> Known:
    """Return what is known of units that are assigned in groups, by the design effect 1 + (size - 1) x correlation.

    Parameters
    ----------
    known : Known
        Of a history whose clusters are measured nothing changes.
    size : float, 1 or more, units a group
    correlation : float, 0 to 1, between two units of a group

    References
    ----------
    Donner & Klar 2000, Design and Analysis of Cluster Randomization Trials, 1.2.
    """
    more = {"cluster_size": float(size), "design_effect": 1 + (size - 1) * correlation}
    grouped = {name: replace(b, **more) if b.cluster_size == 1 else b for name, b in known.baselines.items()}
    return replace(known, baselines=grouped)


def measure_baselines(units: metrics.Units) -> Known:
    """Return what a history says: its baselines, how its outcomes go together, and how many units came a week.

    Of a history with arms the control's units count. With clusters the spread is that of their sums (delta method) and
    the design effect is it over the spread of as many units by themselves.

    Parameters
    ----------
    units : metrics.Units

    Returns
    -------
    Known: correlations between outcomes are 0 where none is known, units a week nan where the history has no times.

    Raises
    ------
    Refused: fewer than 20 units (clusters) without the change.
    """
    design, control = units.design, units.design.variant.control
    moments = metrics.summarise(units, adjusted=True)[None]
    arms, what = metrics.describe_arms(units).set_index("variant"), "clusters" if design.cluster else "units"
    n_units = arms.loc[control, what] if control in arms.index else 0
    if n_units < FEWEST:
        raise Refused(f"history: {n_units:,} {what} without the change; give at least {FEWEST}, or give baselines")
    told = ("y_", "num_", "time_", "observed_")
    rows = metrics.read_rows(units, [c for c in units.table.columns if c == "variant" or c.startswith(told)])
    rows = pd.DataFrame() if rows is None else rows[rows["variant"] == control]
    facts = arms.loc[control]
    found = {name: _measure(design, name, moments.get(name, {}).get(control), rows, facts) for name in design.metrics}
    columns = {name: rows.get(f"y_{name}", rows.get(f"num_{name}")) for name in design.metrics}
    known = pd.DataFrame({name: column for name, column in columns.items() if column is not None}, dtype=float)
    together = known.corr().reindex(index=design.metrics, columns=design.metrics).fillna(0.0).to_numpy(copy=True)
    np.fill_diagonal(together, 1.0)
    pace = NAN  # units a week over all arms, from the first to the last that came
    if "first_assigned_at" in arms and not arms["last_assigned_at"].isna().any():
        days = (arms["last_assigned_at"].max().date() - arms["first_assigned_at"].min().date()).days + 1
        pace = float(arms["units"].sum()) * 7 / days
    return Known(found, pd.DataFrame(together, list(design.metrics), list(design.metrics)), pace)


def _measure(design, name, m, rows, facts):
    """One baseline from moments, or of a time to an event from its curve, and from what is counted of the control."""
    metric, (complete, known) = design.metrics[name], (float(facts[f"{of}_{name}"]) for of in ("complete", "known"))
    told = {"answered": known / complete if complete else NAN, "n": known, "is_of_shares": tells_shares(metric)}
    if metric.how.outcome == "time" and len(rows):
        table = build_life_table(rows[f"time_{name}"], rows[f"observed_{name}"])
        share = float(estimate_incidence(table, metric.horizon_days)[0])
        return _check(name, share, math.sqrt(max(share * (1 - share), 0.0)), **told)
    if not metric.how.is_mean or m is None:
        return Baseline(name, reason=UNSIZED)
    if m.n < FEWEST:
        return Baseline(name, reason=f"fewer than {FEWEST} known outcomes")
    is_plain, told["skewness"] = m.names[0] == "y", m.skewness
    if metric.how.is_share and is_plain and min(known * m.value, known - known * m.value) < design.min_cell:
        return Baseline(name, reason=f"fewer than {design.min_cell} units with the event, or without it")
    if is_plain:
        explained = _explain(m) if can_adjust(design, name) else 0.0
        return _check(name, m.value, math.sqrt(m.variance), explained=explained, **told)
    ratio, variance = linearise(m.mean, m.cov) if m.mean[1] > 0 else (NAN, NAN)
    if not design.cluster:
        return _check(name, ratio, math.sqrt(variance), **told)
    size = known / m.n
    alone = float(rows[f"y_{name}"].std()) if f"y_{name}" in rows else NAN
    alone = alone if alone > 0 else math.sqrt(variance * size)  # of a ratio nothing is known of a unit by itself
    told |= {"n": m.n, "cluster_size": size, "design_effect": variance * size / alone**2 if alone > 0 else NAN}
    return _check(name, ratio, alone, **told)


def _check(name, mean, sd, **told):
    found = Baseline(name, mean, sd, **told)
    is_known = math.isfinite(mean) and sd > 0 and math.isfinite(found.design_effect)
    return found if is_known else Baseline(name, reason=STILL)


def _explain(m):
    """The share of a variance that covariates explain, with what they cost in degrees of freedom; 0 at least."""
    kept = find_independent(m.cov[1:, 1:]) if len(m.names) > 1 else []
    if not kept or m.n - 1 - len(kept) < FEWEST or not m.variance > 0:
        return 0.0
    columns = [0, *(k + 1 for k in kept)]
    return max(0.0, 1 - float(regress(m.cov[columns][:, columns], m.n)[1]) / m.variance)


LARGE = 500  # units, from which on a t test is a normal one to a third of a hundredth


@dataclass(frozen=True)
class Assumed:
    """What nobody can read from a plan or a history: pace, power, how long, and what a week costs.

    `worth_per_year` is what one worthwhile effect of the first metric is worth in a year, `cost_per_year` what the
    treatment costs more than the control, `cost_per_week` a week of the experiment; `horizon_years` for how long the
    choice holds; `past_effects` the spread of such changes, a share of the control value.
    """

    units_per_week: float | None = None
    most_weeks: int = 26
    power: float = 0.8
    past_effects: float = 0.1
    worth_per_year: float = 0.0
    cost_per_year: float = 0.0
    cost_per_week: float = 0.0
    horizon_years: float = 2.0
    weeks: int | None = None
    draws: int = 20_000
    seed: int = 1


@dataclass(frozen=True)
class Sized:
    """One metric as its power is computed: its baseline, the effect that matters, and at which p it is decided.

    `price` is how many times the units planned looks take, for the same power; `is_relative` whether a guardrail is
    held against a share of the control value, whose own uncertainty counts then.
    """

    name: str
    role: str
    baseline: Baseline
    effect: float
    level: float
    share: float
    is_adjusted: bool
    is_assumed: bool = False
    price: float = 1.0
    is_relative: bool = False

    @property
    def is_share(self) -> bool:
        """Whether the formulas of two shares hold: a share of units that were assigned one by one."""
        return self.baseline.is_of_shares and self.baseline.cluster_size == 1

    @property
    def dilution(self) -> float:
        """Units that take the place of one counted unit: clusters, unknown outcomes, less what covariates explain."""
        b = self.baseline
        return b.cluster_size / b.answered * (1 - b.explained * self.is_adjusted)

    def _choose(self, of_shares, of_means, of_margin, of_error):
        """The formula of two shares or means, with what it needs of both arms: of clusters that of a mean.

        Of a margin where nothing changes, by the score limits of two shares or by a standard error.
        """
        b, scale = self.baseline, math.sqrt(self.baseline.design_effect / self.baseline.cluster_size)
        told = {"difference": self.effect, "share_treatment": self.share, "alpha": self.level}
        if self.role == "guardrail" and not self.is_scored:
            return partial(of_error, self.effect, unit_error=self.find_error(self.dilution, 0.0), alpha=self.level)
        if self.role == "guardrail":
            told["margin"] = told.pop("difference") / (b.mean if self.is_relative else 1)
            return partial(of_margin, b.mean, is_ratio=self.is_relative, **told)
        if self.is_share:
            return partial(of_shares, baseline=b.mean, is_scored=self.is_scored, **told)
        return partial(of_means, sd=b.sd * scale, sd_treatment=self._find_spread(self.effect) * scale, **told)

    def _find_spread(self, effect):
        treated = self.baseline.mean + effect
        is_share = self.baseline.is_of_shares and 0 < treated < 1
        return math.sqrt(treated * (1 - treated)) if is_share else self.baseline.sd

    def find_error(self, n_units, effect=None) -> float:
        """Return the standard error of the difference with so many units in both arms.

        Of a relative margin it is that of the treatment less its share of the control (Fieller).
        """
        b, shift = self.baseline, self.effect if effect is None else effect
        control = b.sd * (1 + self.effect / b.mean if self.is_relative else 1)
        unit = self._find_spread(shift) ** 2 / self.share + control**2 / (1 - self.share)
        unit *= b.design_effect / b.cluster_size
        return math.sqrt(unit * self.dilution / n_units) if n_units > 0 else math.inf

    @property
    def critical(self) -> float:
        """Standard errors beyond which the effect is clear."""
        return float(-ndtri(self.level / 2))

    @property
    def is_scored(self) -> bool:
        """Whether the score test of two shares decides: not with covariates, or by the bounds of looks."""
        return self.is_share and not self.is_adjusted and self.price == 1

    def find_stretch(self, effect=None) -> float:
        """Return the standard error over that by which the score test divides; 1 for any other, and in equal arms.

        The test has the variance of both arms together.
        """
        one, other = self._find_spread(self.effect if effect is None else effect) ** 2, self.baseline.sd**2
        tested = one / (1 - self.share) + other / self.share
        return math.sqrt((one / self.share + other / (1 - self.share)) / tested) if self.is_scored else 1.0

    def find_exaggeration(self, n_units) -> float:
        """Return by how much a clear result overstates the effect, with so many units in both arms."""
        return find_exaggeration(self.effect, self.find_error(n_units), self.critical / self.find_stretch())

    def find_power(self, n_units) -> float:
        """Return the chance that the effect is found; of a guardrail that it is shown to hold where nothing changes."""
        n = n_units / self.dilution / self.price
        formulas = planning.power_proportions, planning.power_means, planning.power_margin, planning.power_normal
        return self._choose(*formulas)(n_units=n)

    def find_size(self, power) -> float:
        """Return how many units, both arms together, find the effect with a given power."""
        formulas = planning.sample_size_proportions, planning.sample_size_means
        formulas += planning.sample_size_margin, planning.sample_size_normal
        return self._choose(*formulas)(power=power) * self.dilution * self.price

    def find_smallest(self, n_units, power) -> float:
        """Return the smallest effect, above 0, that so many units find; of means in large arms by the normal curve."""
        n, told = n_units / self.dilution / self.price, {"power": power, "alpha": self.level}
        if self.is_share:
            told |= {"share_treatment": self.share, "is_scored": self.is_scored, "direction": 2 * (self.effect > 0) - 1}
            return abs(planning.mde_proportions(self.baseline.mean, n, **told))
        if n >= LARGE:
            return planning.mde_normal(self.find_error(1.0), n_units / self.price, **told)
        sd = self.baseline.sd * math.sqrt(self.baseline.design_effect / self.baseline.cluster_size)
        return planning.mde_means(sd, n, share_treatment=self.share, **told)


@dataclass(frozen=True)
class Setting:
    """A plan with its baselines and assumptions, and the metrics that they let us size; `first` decides the length."""

    design: ExperimentPlan
    known: Known
    assumed: Assumed

    @property
    def shares(self) -> dict[str, float]:
        """Planned share of each arm; equal where it is unknown."""
        arms = self.design.variant.arms
        return self.design.variant.shares or dict.fromkeys(arms, 1 / len(arms))

    @property
    def fraction(self) -> float:
        """Share of all units that are in the two arms of `share`."""
        return sum(self._sides)

    @property
    def share(self) -> float:
        """Share of the treatment among the units of the two arms that are compared with the least certainty."""
        return self._sides[1] / sum(self._sides)

    @property
    def _sides(self):
        pairs = [(self.shares[control], self.shares[treatment]) for control, treatment in self.design.pairs]
        return max(pairs, key=lambda sides: 1 / sides[0] + 1 / sides[1])

    @cached_property
    def metrics(self) -> dict[str, Sized]:
        """Every primary, secondary and guardrail metric with a baseline; the effect is nan where nobody says any."""
        names = self.design.by_role("primary", "secondary", "guardrail")
        return {name: self._size(name) for name in names if self.known.baselines[name].reason is None}

    def _size(self, name):
        design, metric, b = self.design, self.design.metrics[name], self.known.baselines[name]
        (level, direction), margin, is_assumed = find_rule(design, name), metric.margin, False
        effect, price = metric.worthwhile or NAN, 1.0
        if margin is not None:
            effect, direction = margin.absolute or margin.relative * abs(b.mean), -1 if metric.better == "higher" else 1
        elif effect != effect and metric.how.has_lift and b.mean > 0:
            effect, is_assumed = self.assumed.past_effects * b.mean, True
        if tells_shares(metric) and not 0 < b.mean + direction * effect < 1:
            raise Refused(
                f"plan, metrics.{name}: an effect of {effect:g} leaves no share from a baseline of {b.mean:.3g}; "
                "lower worthwhile or the margin, or correct the baseline"
            )
        if design.looks:
            price = price_looks(design.looks, power=self.assumed.power, alpha=level)["most"]
        told = {"price": price, "is_adjusted": design.decides_on == "adjusted", "is_assumed": is_assumed}
        told["is_relative"] = margin is not None and margin.relative is not None and b.mean > 0
        return Sized(name, metric.role, b, direction * effect, level, self.share, **told)

    @cached_property
    def first(self) -> Sized:
        """The metric that decides the length: the first primary one with a baseline."""
        for name in (*self.design.by_role("primary"), *self.design.metrics):
            if name in self.metrics and self.metrics[name].effect == self.metrics[name].effect:
                return self.metrics[name]
        raise Refused(
            "baselines: no metric that decides has a baseline and an effect that matters; give a baseline of a primary "
            "metric, and its worthwhile in the plan"
        )

    @property
    def units_per_week(self) -> float:
        """As assumed, else as they came in the history, else as the plan has them come."""
        design, found = self.design, self.assumed.units_per_week or self.known.pace
        if found != found and design.planned_units and design.enrolment_days:
            found = 7 * design.planned_units / design.enrolment_days
        if found > 0:
            return found
        told = "left out, and no history with times and no plan tells it; give it as a parameter"
        raise Refused(f"units_per_week: {told}")

    def count(self, weeks) -> float:
        """Return how many of the units of so many weeks are in the two arms that are compared."""
        return self.units_per_week * weeks * self.fraction

    def find_weeks(self, units) -> float:
        """Return in how many whole weeks so many units of two arms come; nan for no finite number."""
        return math.ceil(units / self.fraction / self.units_per_week - 1e-9) if math.isfinite(units) else NAN

    @cached_property
    def weeks(self) -> int:
        """Weeks of the plan: those asked for, else the first in which every primary metric has the power."""
        needed = [m.find_size(self.assumed.power) for m in self.metrics.values() if m.role == "primary"]
        needed = [size for size in needed if size == size] or [self.first.find_size(self.assumed.power)]
        found = self.find_weeks(max(needed))
        return int(self.assumed.weeks or min(found, self.assumed.most_weeks))


def change_design(design: ExperimentPlan, *, share_treatment=None, looks=None) -> ExperimentPlan:
    """Return a plan with another split or other looks, checked as any plan is.

    Parameters
    ----------
    design : ExperimentPlan
    share_treatment : float, between 0 and 1, optional
        Of a plan with one treatment.
    looks : sequence of float, optional
        Shares of the planned units, rising to 1.

    Raises
    ------
    Refused: a share for several treatments; looks that do not rise to 1.
    """
    changes, variant = {}, design.variant
    if share_treatment is not None:
        if len(variant.treatments) > 1:
            raise Refused("share_treatment: the plan has several treatments; write their split into the plan")
        split = {variant.control: 1 - share_treatment, variant.treatments[0]: share_treatment}
        changes["variant"] = variant.model_copy(update={"split": split})
    if looks is not None:
        if sorted(looks) != list(looks) or not looks or looks[0] <= 0 or looks[-1] != 1:
            raise Refused("parameter looks: must rise from above 0 to 1, the planned end")
        changes["looks"] = [float(look) for look in looks]
    return design.model_copy(update=changes)
