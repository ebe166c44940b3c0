"""What was decided before the data was seen: the YAML plan, typed, and the departures from it."""

from __future__ import annotations

import datetime as dt
import difflib
import hashlib
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from helpers import paths
from helpers.records import Refused

NULLS = {"", "~", "null", "Null", "NULL"}


def _null(value):
    return None if isinstance(value, str) and value in NULLS else value


def _listed(value):
    return [value] if isinstance(value, str) else value


Text = Annotated[str | None, BeforeValidator(_null)]
Number = Annotated[float | None, BeforeValidator(_null)]
Whole = Annotated[int | None, BeforeValidator(_null)]
Names = Annotated[list[str], BeforeValidator(_listed)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Variant(_Part):
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


class Margin(_Part):
    """The worst worsening that a guardrail tolerates, above 0."""

    absolute: Number = Field(None, gt=0)
    relative: Number = Field(None, gt=0)

    @model_validator(mode="after")
    def _one(self):
        if (self.absolute is None) == (self.relative is None):
            raise ValueError("give a margin as either absolute or relative")
        return self


class Metric(_Part):
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


class Exposure(_Part):
    """Who took it up: a 0/1 column, or an event within some days of assignment."""

    column: Text = None
    event: Names = []
    within_days: Number = Field(None, gt=0)

    @model_validator(mode="after")
    def _one(self):
        if bool(self.column) == bool(self.event):
            raise ValueError("give exposure as either a column or an event")
        return self


class ExperimentPlan(_Part):
    """The plan of an experiment: every key of DESIGN's example, with its default."""

    kind: Literal["experiment"]
    title: str
    question: str
    unit: str = "unit"
    unit_id: str
    variant: Variant
    assigned_at: Text = None
    as_of: Annotated[dt.date | None, BeforeValidator(_null)] = None
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
    acknowledge: dict[Literal["srm", "two_variants"], str] = {}

    @model_validator(mode="after")
    def _consistent(self):
        if self.looks and (sorted(set(self.looks)) != list(self.looks) or self.looks[0] <= 0 or self.looks[-1] != 1):
            raise ValueError("looks must rise from above 0 to 1.0, the planned end")
        for name, metric in self.metrics.items():
            for part in (metric.numerator, metric.denominator):
                if part and part in self.metrics and self.metrics[part].kind not in ("count", "amount", "binary"):
                    raise ValueError(f"the ratio {name} needs counts, amounts or binary parts")
        if self.decides_on == "adjusted" and not self.covariates:
            raise ValueError("decides_on: adjusted needs covariates")
        return self

    @property
    def alpha(self) -> float:
        """1 - confidence_level."""
        return 1 - self.confidence_level

    @property
    def key_metric(self) -> str:
        """The metric that a picture shows where there is room for one: the first primary, else the first."""
        return next(iter(self.by_role("primary") or self.metrics))

    def by_role(self, *roles) -> dict[str, Metric]:
        """Metrics of some roles, in the plan's order."""
        return {name: m for name, m in self.metrics.items() if m.role in roles}


@dataclass(frozen=True)
class Plan:
    """A plan as read: the typed design, and the record that the report prints of it."""

    design: ExperimentPlan
    file: str
    sha256: str
    commit: str
    departures: tuple[dict[str, Any], ...] = field(default=())

    @property
    def record(self) -> dict[str, Any]:
        """What results.json says of the plan: base name, checksum, departures."""
        return {"file": self.file, "sha256": self.sha256, "departures": list(self.departures)}


class _Text(yaml.SafeLoader):
    """YAML in which every scalar stays as written; keys may not repeat."""

    yaml_implicit_resolvers: ClassVar = {}

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        twice = sorted({k for k in keys if keys.count(k) > 1})
        if twice:
            raise Refused(f"the key {twice[0]!r} stands twice (line {node.start_mark.line + 1}); keep one")
        return super().construct_mapping(node, deep)


def read(name, *, departures=None, base=None) -> Plan:
    """Return a plan, checked, with the departures from it that the parameters ask for.

    Parameters
    ----------
    name : str
        A name in notebooks/plans or the path of a YAML file.
    departures : dict, optional
        Parameters that the plan holds too; None means as planned, another value is a departure.
    base : Path, optional
        Folder from which a relative path is read.

    Returns
    -------
    Plan: the design, base name, SHA-256, last commit ("not under version control" otherwise), departures.

    Raises
    ------
    Refused: no such file, not YAML, an unknown or repeated key, a value that is not allowed.
    """
    file = paths.plan_file(name, base=base)
    raw = _bytes(file)
    design, found = _parse(raw, file.name), []
    changes = {k: v for k, v in (departures or {}).items() if v is not None}
    if changes:
        planned = design.model_dump(mode="json")
        found = [{"parameter": k, "planned": planned[k], "used": v} for k, v in changes.items() if planned[k] != v]
        design = _validated({**_scalars(raw, file.name), **{k: _as_text(v) for k, v in changes.items()}}, file.name)
    return Plan(design, file.name, hashlib.sha256(raw).hexdigest(), _commit(file), tuple(found))


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        known = sorted(p.stem for p in paths.PLANS.glob("*.yaml"))
        near = difflib.get_close_matches(file.stem, known, 1)
        hint = f"; did you mean {near[0]}?" if near else f"; known plans: {', '.join(known) or 'none yet'}"
        raise Refused(f"plan {file.name}: no such file{hint}") from None


def _scalars(raw: bytes, name: str) -> dict:
    try:
        content = yaml.load(raw.decode("utf-8-sig"), _Text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise Refused(f"plan {name}{where}: not readable as YAML; check indentation, quotes and colons") from None
    except Refused as error:
        raise Refused(f"plan {name}: {error}") from None
    if not isinstance(content, dict):
        raise Refused(f"plan {name}: holds no keys; `studies plan` drafts one from a table")
    if content.get("kind") != "experiment":
        raise Refused(f"plan {name}, kind: {content.get('kind', 'left out')}; this study needs kind: experiment")
    return {key: value for key, value in content.items() if _null(value) is not None}


def _parse(raw: bytes, name: str) -> ExperimentPlan:
    return _validated(_scalars(raw, name), name)


def _validated(content: dict, name: str) -> ExperimentPlan:
    try:
        return ExperimentPlan.model_validate(content)
    except ValidationError as error:
        raise Refused(f"plan {name}, {_sentence(error.errors()[0])}") from None


def _as_text(value):
    return value if isinstance(value, (list, dict)) else str(value)


_PARTS = {"variant": Variant, "metrics": Metric, "exposure": Exposure, "margin": Margin}


def _sentence(error) -> str:
    where = [str(part) for part in error["loc"] if not str(part).startswith(("function-", "literal", "dict["))]
    place = ".".join(where) or "the plan as a whole"
    if error["type"] == "extra_forbidden":
        known = next(
            (list(_PARTS[p].model_fields) for p in reversed(where[:-1]) if p in _PARTS),
            list(ExperimentPlan.model_fields),
        )
        near = difflib.get_close_matches(where[-1], known, 1)
        return f"{place}: unknown key; " + (f"did you mean {near[0]}?" if near else f"allowed: {', '.join(known)}")
    if error["type"] == "missing":
        return f"{place}: left out, and it is needed"
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{place}: {message}"


def _commit(file: Path) -> str:
    commit = _git(file, "log", "-1", "--format=%H")
    if not commit:
        return "not under version control"
    return commit + (", changed since" if _git(file, "status", "--porcelain") else "")


def _git(file: Path, *words) -> str:
    command = ["git", "-C", str(file.parent), *words, "--", file.name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
