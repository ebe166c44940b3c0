"""The typed design: what a plan may hold, and what must fit together."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

NULLS = {"", "~", "null", "Null", "NULL"}
QUANTILE_KINDS = ("count", "amount", "score")
PART_KINDS = ("count", "amount", "binary")  # of which a ratio can be made
TIME_KINDS = ("count", "amount")


def as_null(value):
    """Return None for text that YAML reads as nothing."""
    return None if isinstance(value, str) and value in NULLS else value


def _listed(value):
    return [value] if isinstance(value, str) else value


Text = Annotated[str | None, BeforeValidator(as_null)]
Number = Annotated[float | None, BeforeValidator(as_null)]
Whole = Annotated[int | None, BeforeValidator(as_null)]
Names = Annotated[list[str], BeforeValidator(_listed)]


class Part(BaseModel):
    """A part of a plan: unknown keys are refused, and nothing in it changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Variant(Part):
    """The column of the arm as assigned, its labels as written, and the planned split."""

    column: str
    control: str
    treatments: Names = Field(min_length=1)
    split: dict[str, float] | Literal["unknown"] | None = None
    observational: Names = []

    @model_validator(mode="after")
    def _consistent(self):
        labels = [self.control, *self.treatments, *self.observational]
        if len(set(labels)) < len(labels):
            raise ValueError("a label stands twice among control, treatments and observational")
        if isinstance(self.split, dict):
            if set(self.split) != set(self.arms):
                raise ValueError("split must name exactly the control and the treatments")
            if any(share <= 0 for share in self.split.values()) or abs(sum(self.split.values()) - 1) > 1e-6:
                raise ValueError("split must be shares above 0 that sum to 1")
        return self

    @property
    def arms(self) -> list[str]:
        """Labels of the randomised arms, control first."""
        return [self.control, *self.treatments]

    @property
    def shares(self) -> dict[str, float] | None:
        """Planned share of each arm; None when it is unknown; equal when left out."""
        if self.split == "unknown":
            return None
        return self.split or {arm: 1 / len(self.arms) for arm in self.arms}


class Margin(Part):
    """The worst worsening that a guardrail tolerates, above 0."""

    absolute: Number = Field(None, gt=0)
    relative: Number = Field(None, gt=0)

    @model_validator(mode="after")
    def _one(self):
        if (self.absolute is None) == (self.relative is None):
            raise ValueError("give a margin as either absolute or relative")
        return self


class Metric(Part):
    """One outcome: its kind and role, which way is good, and how it is read from a column or events."""

    kind: Literal["binary", "count", "amount", "score", "nps", "time_to_event", "ratio"]
    role: Literal["primary", "secondary", "guardrail", "exploratory"] = "exploratory"
    better: Literal["higher", "lower", "neither"] = "neither"
    expected: Literal["higher", "lower"] | None = None
    label: Text = None
    column: Text = None
    event: Names = []
    unit: Text = None
    within_days: Number = Field(None, gt=0)
    horizon_days: Number = Field(None, gt=0)
    worthwhile: Number = Field(None, gt=0)
    margin: Margin | None = None
    missing: Literal["zero", "unknown"] = "unknown"
    scale: Literal["numeric", "ordered"] = "numeric"
    asked: Text = None
    numerator: Text = None
    denominator: Text = None
    time: Text = None
    observed: Text = None
    quantile: Number = Field(None, gt=0, lt=1)
    time_at_risk: Text = None
    competing: Names = []

    @model_validator(mode="after")
    def _complete(self):
        if self.kind == "ratio" and not (self.numerator and self.denominator):
            raise ValueError("a ratio needs numerator and denominator")
        if self.kind == "time_to_event" and self.horizon_days is None:
            raise ValueError("a time to event needs horizon_days")
        if self.role == "guardrail" and (self.margin is None or self.better == "neither"):
            raise ValueError("a guardrail needs a margin, and better: higher or lower")
        if self.margin and self.margin.relative is not None and self.kind in ("nps", "score"):
            raise ValueError("a margin for a score or nps must be absolute")
        return self

    @model_validator(mode="after")
    def _fitting(self):
        if self.scale == "ordered" and self.kind != "score":
            raise ValueError("only a score has scale: ordered")
        if self.quantile is not None and (self.kind not in QUANTILE_KINDS or self.scale == "ordered"):
            raise ValueError("only a count, an amount or a numeric score has a quantile")
        if self.time_at_risk and self.kind != "count":
            raise ValueError("only a count has time_at_risk")
        if self.time_at_risk and self.quantile is not None:
            raise ValueError("give either a quantile or time_at_risk; a rate is a mean")
        if self.competing and self.kind != "time_to_event":
            raise ValueError("only a time to event has competing events")
        return self

    @model_validator(mode="after")
    def _on_its_scale(self):
        if self.quantile is not None and self.margin and self.margin.relative is not None:
            raise ValueError("a margin for a quantile must be absolute, as a quantile has no lift")
        sizes = (self.worthwhile, self.margin.absolute if self.margin else None)
        if self.scale == "ordered" and any(size is not None and size >= 1 for size in sizes):
            raise ValueError("worthwhile and margin of an ordered score are differences of two chances, below 1")
        return self

    @property
    def window(self) -> float | None:
        """Days after assignment within which it is read; None where it has none."""
        return self.horizon_days or self.within_days

    @property
    def is_ratio(self) -> bool:
        """Whether it is total by total: a ratio of two parts, or a count by its time at risk."""
        return self.kind == "ratio" or self.time_at_risk is not None

    @property
    def is_mean(self) -> bool:
        """Whether moments alone estimate it (ratios too): no time to event, no quantile, no ordered score."""
        return self.kind != "time_to_event" and self.quantile is None and self.scale != "ordered"


class Contrast(Part):
    """How the difference of two arms is displayed; results keep treatment minus control."""

    contrast: Literal["treatment - control", "control - treatment"] = "treatment - control"
    words: Text = None


class Exposure(Part):
    """Who took it up: a 0/1 column, or an event within some days of assignment."""

    column: Text = None
    event: Names = []
    within_days: Number = Field(None, gt=0)

    @model_validator(mode="after")
    def _one(self):
        if bool(self.column) == bool(self.event):
            raise ValueError("give exposure as either a column or an event")
        return self


def name_quantile(quantile: float) -> str:
    """Return a quantile in words.

    Parameters
    ----------
    quantile : float, 0 to 1

    Returns
    -------
    str: such as "median", "90th percentile", "99.5th percentile".
    """
    if quantile == 0.5:
        return "median"
    percent = f"{100 * quantile:.10g}"
    last = "" if percent.endswith(("11", "12", "13")) else percent[-1]
    ending = "th" if "." in percent else {"1": "st", "2": "nd", "3": "rd"}.get(last, "th")
    return f"{percent}{ending} percentile"


def _is_part(metric, kinds):
    return metric.kind in kinds and metric.is_mean and not metric.is_ratio


class ExperimentPlan(Part):
    """The plan of an experiment: every key of DESIGN's example, with its default."""

    kind: Literal["experiment"]
    title: str
    question: str
    unit: str = "unit"
    unit_id: str
    variant: Variant
    assigned_at: Text = None
    as_of: Annotated[dt.date | None, BeforeValidator(as_null)] = None
    enrolment_days: Whole = Field(None, gt=0)
    planned_units: Whole = Field(None, gt=0)
    looks: list[float] = []
    spending: Literal["obrien-fleming"] = "obrien-fleming"
    cluster: Text = None
    confidence_level: float = Field(0.95, gt=0.5, lt=1)
    decides_on: Literal["raw", "adjusted"] = "raw"
    min_cell: int = Field(10, ge=1)
    metrics: dict[str, Metric] = Field(min_length=1)
    exposure: Exposure | None = None
    covariates: Names = []
    segments: Names = []
    acknowledge: dict[Literal["srm", "two_variants"], Annotated[str, Field(pattern=r"\w")]] = {}
    answers: Names = []
    shown_as: Contrast | None = None
    labels: dict[str, str] = {}

    @model_validator(mode="after")
    def _consistent(self):
        if self.looks and (sorted(set(self.looks)) != list(self.looks) or self.looks[0] <= 0 or self.looks[-1] != 1):
            raise ValueError("looks must rise from above 0 to 1.0, the planned end")
        if self.decides_on == "adjusted" and not self.covariates:
            raise ValueError("decides_on: adjusted needs covariates")
        return self

    @model_validator(mode="after")
    def _parted(self):
        for name, metric in self.metrics.items():
            for part in (metric.numerator, metric.denominator):
                if part in self.metrics and not _is_part(self.metrics[part], PART_KINDS):
                    raise ValueError(f"the ratio {name} needs counts, amounts or binary parts, and no quantile or rate")
            if metric.time_at_risk in self.metrics and not _is_part(self.metrics[metric.time_at_risk], TIME_KINDS):
                raise ValueError(f"the time at risk of {name} must be a count or an amount, and no quantile or rate")
            if set(metric.competing) & set(metric.event or [name]):
                raise ValueError(f"an event of {name} stands among those that compete with it; keep it in one list")
        return self

    @model_validator(mode="after")
    def _apart(self):
        names = [self.unit_id, self.variant.column, *dict.fromkeys([*self.covariates, *self.segments])]
        if twice := next((name for name in names[:2] if names.count(name) > 1), None):
            raise ValueError(f"the column {twice} has two uses; unit_id and variant.column have one each")
        outcomes = {m.column or name for name, m in self.metrics.items() if not m.event and m.kind != "ratio"}
        if late := sorted(outcomes & set(self.covariates)):
            raise ValueError(f"the covariate {late[0]} is an outcome too; covariates are measured before assignment")
        return self

    @property
    def alpha(self) -> float:
        """1 - confidence_level."""
        return 1 - self.confidence_level

    @property
    def key_metric(self) -> str:
        """The metric that a picture shows where there is room for one: the first primary, else the first."""
        return next(iter(self.by_role("primary") or self.metrics))

    @property
    def asked(self) -> list[str]:
        """The metrics that answer the question: those that the plan names, else the primary ones, else the first."""
        return (
            [name for name in self.answers if name in self.metrics] or [*self.by_role("primary")] or [self.key_metric]
        )

    def label_of(self, name: str) -> str:
        """What a reader calls a metric: its label, else its name in words; and which quantile it is."""
        metric = self.metrics[name]
        label = metric.label or name.replace("_", " ")
        told = "" if metric.quantile is None else name_quantile(metric.quantile)
        return label if not told or told in label.lower() else f"{label}, {told}"

    def by_role(self, *roles) -> dict[str, Metric]:
        """Metrics of some roles, in the plan's order."""
        return {name: m for name, m in self.metrics.items() if m.role in roles}
