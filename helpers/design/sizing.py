"""The setting of an experiment to come: how large effects and errors are, and the plan that is written of it."""

import datetime as dt
import math
from dataclasses import dataclass
from functools import cached_property

import pandas as pd
import yaml

from helpers.design.baselines import Baseline, Known, tells_shares
from helpers.inference import planning
from helpers.inference.decisions import find_rule
from helpers.inference.planning import price_looks
from helpers.plan import ExperimentPlan
from helpers.records import NAN, Refused

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

    def _describe(self):
        """What a formula needs of both arms: a share, or the spread of a unit (of a cluster's mean)."""
        b, scale = self.baseline, math.sqrt(self.baseline.design_effect / self.baseline.cluster_size)
        if self.is_share:
            return {"baseline": b.mean}
        return {"sd": b.sd * scale, "sd_treatment": self._find_spread(self.effect) * scale}

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

    def find_power(self, n_units) -> float:
        """Return the chance that the effect is found; of a guardrail that it is shown to hold where nothing changes."""
        n, split = n_units / self.dilution / self.price, {"share_treatment": self.share, "alpha": self.level}
        if self.role == "guardrail":
            return planning.power_normal(self.effect, self.find_error(1.0, 0.0), n_units / self.price, alpha=self.level)
        compute = planning.power_proportions if self.is_share else planning.power_means
        return compute(difference=self.effect, n_units=n, **self._describe(), **split)

    def find_size(self, power) -> float:
        """Return how many units, both arms together, find the effect with a given power."""
        if self.role == "guardrail":
            error = self.find_error(1.0, 0.0)
            return planning.sample_size_normal(self.effect, error, power=power, alpha=self.level) * self.price
        compute = planning.sample_size_proportions if self.is_share else planning.sample_size_means
        split = {"share_treatment": self.share, "power": power, "alpha": self.level}
        return compute(difference=self.effect, **self._describe(), **split) * self.dilution * self.price

    def find_smallest(self, n_units, power) -> float:
        """Return the smallest effect, above 0, that so many units find; of means in large arms by the normal curve."""
        n, split = n_units / self.dilution / self.price, {"power": power, "alpha": self.level}
        if self.is_share:
            split |= {"share_treatment": self.share, "direction": 1 if self.effect > 0 else -1}
            return abs(planning.mde_proportions(self.baseline.mean, n, **split))
        if n >= LARGE:
            return planning.mde_normal(self.find_error(1.0), n_units / self.price, **split)
        return planning.mde_means(self._describe()["sd"], n, share_treatment=self.share, **split)


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
        metric, b = self.design.metrics[name], self.known.baselines[name]
        level, direction = find_rule(self.design, name)
        margin, assumed = metric.margin, False
        effect = metric.worthwhile or NAN
        if margin is not None:
            effect, direction = margin.absolute or margin.relative * abs(b.mean), -1 if metric.better == "higher" else 1
        elif effect != effect and metric.how.has_lift and b.mean > 0:
            effect, assumed = self.assumed.past_effects * b.mean, True
        if tells_shares(metric) and not 0 < b.mean + direction * effect < 1:
            raise Refused(
                f"plan, metrics.{name}: an effect of {effect:g} leaves no share from a baseline of {b.mean:.3g}; "
                "lower worthwhile or the margin, or correct the baseline"
            )
        adjusted = self.design.decides_on == "adjusted"
        price = (
            price_looks(self.design.looks, power=self.assumed.power, alpha=level)["most"] if self.design.looks else 1.0
        )
        relative = margin is not None and margin.relative is not None and b.mean > 0
        return Sized(name, metric.role, b, direction * effect, level, self.share, adjusted, assumed, price, relative)

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
        if not found > 0:
            raise Refused(
                "units_per_week: left out, and no history with times and no plan tells it; give it as a parameter"
            )
        return found

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


DROPPED = ("as_of", "randomised_units", "acknowledge", "registered")  # of another experiment than the one to come
COMMENT = "# Settled by the study experiment_design, from {} (SHA-256 {}). Commit it before the first assignment.\n"
FIRST = ("kind", "title", "question", "unit", "unit_id", "variant", "assigned_at")


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


def write_plan(design: ExperimentPlan, settled: pd.DataFrame, decided, *, starts_on=None) -> pd.DataFrame:
    """Return the plan of the experiment to come, in YAML, with its size and length settled.

    Parameters
    ----------
    design : ExperimentPlan
        As it was sized: its split, looks and confidence level are written as they stand in it.
    settled : DataFrame, one row
        Of `plan_experiment`: `weeks` of enrolment and `units` to be assigned, all arms together.
    decided : plan.Plan
        The one that was sized: its name and checksum stand in a comment on top.
    starts_on : str, a day (YYYY-MM-DD), optional
        The first day of enrolment: the last day of the data follows from it; left open without.

    Returns
    -------
    DataFrame: one row, `file` and `text`. What stood in the plan of an earlier experiment alone (its dates, what was
        acknowledged) is left out.
    """
    weeks, units = (int(settled[name].iloc[0]) for name in ("weeks", "units"))
    content = design.model_dump(mode="json", exclude_defaults=True, exclude_unset=True)
    content = {name: value for name, value in content.items() if name not in DROPPED}
    content |= {"registered": "before", "enrolment_days": 7 * weeks, "planned_units": units}
    if starts_on:
        longest = max(metric.window or 0 for metric in design.metrics.values())
        days = 7 * weeks - 1 + math.ceil(longest)  # the last unit is assigned on the last day of enrolment
        content["as_of"] = (dt.date.fromisoformat(starts_on) + dt.timedelta(days=days)).isoformat()
    content |= {name: getattr(design, name) for name in ("confidence_level", "decides_on", "min_cell")}
    content = {name: content.pop(name) for name in FIRST if name in content} | content
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)
    return pd.DataFrame([{"file": decided.file, "text": COMMENT.format(decided.file, decided.sha256[:12]) + text}])
