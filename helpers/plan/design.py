"""The typed design: what a plan may hold, and what must fit together."""

import datetime as dt
from functools import cached_property
from typing import Annotated, Any, Literal, get_origin
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, create_model, field_validator, model_validator

from helpers.kinds import COUNTED, KINDS, VALUED, Kind
from helpers.records import GRAVE, suggest

SHORT_FORMS = (  # said in capitals where a plan gives no label
    *("nps", "csat", "ces", "arr", "mrr", "ltv", "clv", "arpu", "aov", "gmv", "roi", "cac", "fcr", "aht", "sla"),
    *("nrr", "grr", "dau", "wau", "mau", "api", "sms"),
)
ROW = "aggregated:row"  # the number of a row that holds many units
NULLS = {"", "~", "null", "Null", "NULL"}
Reason = Annotated[str, Field(pattern=r"\w")]
Grave = Literal[tuple(name for name in GRAVE if name not in ("enough_units", "leavers_fit"))]  # what a reason releases


class Part(BaseModel):
    """A part of a plan: unknown keys are refused, and nothing in it changes.

    What YAML reads as nothing is left out where nothing is the default, and one value is a list of it where a list is
    needed. What must fit together a part yields in `list_rules`: whether it is broken, and the sentence that says so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _hold(cls, given, handler):
        if isinstance(given, dict):
            fields, given = cls.model_fields, dict(given)
            for key in fields.keys() & given.keys():
                is_plain = isinstance(given[key], (str, int, float))
                if is_plain and given[key] in NULLS and fields[key].default is None:
                    del given[key]
                elif is_plain and get_origin(fields[key].annotation) is list:
                    given[key] = [given[key]]
        part = handler(given)
        faults = []
        try:
            faults.extend(fault for is_broken, fault in getattr(part, "list_rules", tuple)() if is_broken)
        except (ArithmeticError, LookupError, TypeError, ValueError):  # a later rule may rest on a broken one
            if not faults:
                raise
        if faults:
            raise ValueError("\n".join(faults))
        return part


class Events(Part):
    """The columns of the event table, under the names that they came with; `unit` is as unit_id where it is left out.

    `named` calls every row an event of this name, where the table has no column of names, as one of orders. `wide` are
    columns that each hold the times of the events of their name, where one row has several events.
    """

    unit: str | None = None
    event: str = "event"
    at: str = "at"
    value: str = "value"
    named: str | None = None
    wide: list[str] = []

    def list_rules(self):
        """Yield each rule; see `Part`."""
        for key in ("event", "at", "named", "value") if self.wide else ():
            fault = f"wide and {key} exclude each other, as each column of wide holds the times of its event"
            yield key in self.model_fields_set, fault
        columns = [name for name in (self.unit, *(self.wide or (self.event, self.at, self.value))) if name]
        yield len(set(columns)) < len(columns), "a column stands twice; unit, event, at, value and each of wide are one"
        both = "give event, the column of the names, or named, the one name of all events"
        yield self.named is not None and "event" in self.model_fields_set, both


class Design(Part):
    """What the plans of both kinds hold: the question, the unit, how its data are written, what is sure enough."""

    title: str
    question: str
    unit_id: str
    registered: Literal["before", "after"] | None = None
    events: Events = Events()
    as_of: dt.date | None = None
    time_zone: str | None = None
    decimal: Literal[",", "."] | None = None
    confidence_level: float = Field(0.95, gt=0.5, lt=1)
    min_cell: int = Field(10, ge=1)
    answers: list[str] = []
    labels: dict[str, str] = {}

    @field_validator("time_zone")
    @classmethod
    def _know_zone(cls, zone):
        if zone is not None and zone not in available_timezones():
            raise ValueError("no time zone is called so; write one such as Europe/Rome or UTC")
        return zone

    @property
    def alpha(self) -> float:
        """1 - confidence_level."""
        return 1 - self.confidence_level


class Variant(Part):
    """The column of the arm as assigned, its labels as written, and the planned split."""

    column: str
    control: str
    treatments: list[str] = Field(min_length=1)
    split: dict[str, float] | Literal["unknown"] | None = None
    observational: list[str] = []

    def list_rules(self):
        """Yield each rule; see `Part`."""
        labels = [*self.arms, *self.observational]
        yield len(set(labels)) < len(labels), "a label stands twice among control, treatments and observational"
        if isinstance(self.split, dict):
            shares = self.split.values()
            fault = f"split must be shares above 0 that sum to 1, not {sum(shares):.4g}"
            yield set(self.split) != set(self.arms), "split must name exactly the control and the treatments"
            yield min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6, fault

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

    absolute: float | None = Field(None, gt=0)
    relative: float | None = Field(None, gt=0)

    def list_rules(self):
        """Yield each rule; see `Part`."""
        yield (self.absolute is None) == (self.relative is None), "give a margin as either absolute or relative"


class _Metric(Part):
    """One outcome: its kind and role, which way is good, and how it is read from a column or events."""

    kind: Literal[tuple(KINDS)]
    role: Literal["primary", "secondary", "guardrail", "exploratory"] = "exploratory"
    better: Literal["higher", "lower", "neither"] = "neither"
    expected: Literal["higher", "lower"] | None = None
    label: str | None = None
    column: str | None = None
    event: list[str] = []
    value: str | None = None
    unit: str | None = None
    from_days: float | None = Field(None, gt=0)
    within_days: float | None = Field(None, gt=0)
    worthwhile: float | None = Field(None, gt=0)
    margin: Margin | None = None
    missing: Literal["zero", "unknown"] = "unknown"
    asked: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _type_own(cls, given):
        """Each kind types its own keys, as two kinds may bring one of the same name."""
        own = _OWN.get(str(given.get("kind"))) if isinstance(given, dict) else None
        if own is None:
            return given
        return given | dict(own.model_validate({key: given[key] for key in given.keys() & own.model_fields.keys()}))

    def list_rules(self):
        """Yield each rule; see `Part`."""
        for key in [key for key in type(self).model_fields if key in self.model_fields_set]:
            brought = [name for name, kind in KINDS.items() if key in kind.keys]
            of = brought or [name for name, kind in KINDS.items() if key not in kind.lacks]
            if self.kind not in of:
                yield True, f"a metric of kind {self.kind} has no {key}; it is for kind {_join(of)}"
        late = self.from_days is not None and not (self.within_days or 0) > self.from_days
        yield late, "from_days begins a window that within_days ends: give within_days, above from_days"
        read = self.from_days is not None and self.column is not None
        yield read, "from_days chooses among events: a column has none"
        unread = "value names the column of events that are added up or averaged, and this metric reads none"
        yield self.value is not None and (self.column is not None or self.how.total not in VALUED), unread
        unguarded = self.role == "guardrail" and (self.margin is None or self.better == "neither")
        yield unguarded, "a guardrail needs a margin, and better: higher or lower"
        relative = self.margin is not None and self.margin.relative is not None
        yield relative and self.how.absolute, self.how.absolute
        yield from self.how.rules(self)
        low, high = self.how.extremes(self) or ((0, 1) if self.how.shown == "share" else (0, float("inf")))
        widest = max(self.worthwhile or 0, (self.margin and self.margin.absolute) or 0)
        limit = f"within its scale, below {high - low:g}"
        if self.how.shown == "share":
            limit = f"differences of two chances, below 1; {widest:,.10g} would be {100 * widest:,.10g} points"
        yield widest >= high - low > 0, f"worthwhile and margin are {limit}"
        whole, worst = self.margin and self.margin.relative, "all is lost" if self.better == "higher" else "it doubles"
        fault = f"a relative margin of 1 or more tolerates that {worst}; give a share below 1, such as 0.05"
        yield (whole or 0) >= 1, fault

    @cached_property
    def how(self) -> Kind:
        """Its kind, in the form that the plan asks for, such as a quantile, a rate or ordered levels."""
        kind, own = KINDS[self.kind], _OWN[self.kind].model_fields
        for given, form in kind.forms.items():
            key, _, value = given.partition(": ")
            if getattr(self, key) == value if value else getattr(self, key) != own[key].default:
                return form
        return kind

    @property
    def window(self) -> float | None:
        """Days after assignment within which it is read; None where it has none."""
        return self.horizon_days or self.within_days


def _join(names):
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


_OWN = {name: create_model(name, __base__=Part, **kind.keys) for name, kind in KINDS.items()}
_KEYS = {key: (Any, own.default) for part in reversed(_OWN.values()) for key, own in part.model_fields.items()}
Metric = create_model("Metric", __base__=_Metric, __module__=__name__, __doc__=_Metric.__doc__, **_KEYS)


class Contrast(Part):
    """How the difference of two arms is displayed; results keep treatment minus control."""

    contrast: Literal["treatment - control", "control - treatment"] = "treatment - control"
    words: str | None = None


class Exposure(Part):
    """Who took it up: a 0/1 column, or an event within some days of assignment."""

    column: str | None = None
    event: list[str] = []
    within_days: float | None = Field(None, gt=0)

    def list_rules(self):
        """Yield each rule; see `Part`."""
        yield bool(self.column) == bool(self.event), "give exposure as either a column or an event"


def say_name(name: str) -> str:
    """Return a name of the plan or the data in words.

    Examples
    --------
    >>> [say_name(name) for name in ("nps", "first_reply", "csat_after", "NPS")]
    ['NPS', 'first reply', 'CSAT after', 'NPS']
    """
    return " ".join(word.upper() if word in SHORT_FORMS else word for word in str(name).replace("_", " ").split(" "))


class ExperimentPlan(Design):
    """The plan of an experiment: every key of DESIGN's example, with its default."""

    kind: Literal["experiment"]
    unit: str = "unit"
    variant: Variant
    assigned_at: str | None = None
    units_in_row: str | None = None
    enrolment_days: int | None = Field(None, gt=0)
    planned_units: int | None = Field(None, gt=0)
    randomised_units: Annotated[int, Field(gt=0)] | dict[str, Annotated[int, Field(gt=0)]] | None = None
    looks: list[float] = []
    spending: Literal["obrien-fleming"] = "obrien-fleming"
    cluster: str | None = None
    decides_on: Literal["raw", "adjusted"] = "raw"
    metrics: dict[str, Metric] = Field(min_length=1)
    exposure: Exposure | None = None
    covariates: list[str] = []
    segments: list[str] = []
    comparisons: list[str] = []
    acknowledge: dict[Grave, Reason] = {}
    shown_as: Contrast | None = None

    def list_rules(self):
        """Yield each rule; see `Part`."""
        looks, arms, asked = self.looks, self.variant.treatments, self.comparisons
        between = [f"{arm} - {other}" for other in arms for arm in arms if arm != other]
        yield set(asked) - set(between), f"comparisons are of two treatments, as in {' or '.join(between) or 'b - a'}"
        twice = len({frozenset(told.split(" - ")) for told in asked}) < len(asked)
        yield twice, "comparisons name two treatments twice; the difference turned round is the same one"
        counted = self.randomised_units
        unnamed = isinstance(counted, dict) and set(counted) != set(self.variant.arms)
        yield unnamed, "randomised_units must be one number, or name exactly the control and the treatments"
        rising = not looks or (sorted(set(looks)) == looks and looks[0] > 0 and looks[-1] == 1)
        yield not rising, "looks must rise from above 0 to 1.0, the planned end"
        sized = "give planned_units, such as 4000, or enrolment_days and assigned_at; experiment_design finds how many"
        yield bool(looks) and not self.names_end, f"looks are shares of a planned size: {sized} units it takes"
        yield self.decides_on == "adjusted" and not self.covariates, "decides_on: adjusted needs covariates"
        plain = {n: m.how for n, m in self.metrics.items() if m.how.is_mean and m.how.outcome == "y"}
        parts = {name for name, how in plain.items() if how.total in COUNTED}
        times = {name for name in parts if not plain[name].is_share}
        of = [n for n, k in KINDS.items() if k.is_mean and k.outcome == "y" and k.total in COUNTED]
        for name, metric in self.metrics.items():
            if {metric.numerator, metric.denominator} & (set(self.metrics) - parts):
                yield True, f"the ratio {name} needs parts of kind {_join(of)}, and no quantile or rate"
            if metric.time_at_risk in set(self.metrics) - times:
                of = [kind for kind in of if not KINDS[kind].is_share]
                yield True, f"the time at risk of {name} must be of kind {_join(of)}, and no quantile or rate"
            twice = f"an event of {name} stands among those that compete with it; keep it in one list"
            yield set(metric.competing) & set(metric.event or [name]), twice
        keys = (self.unit_id, self.variant.column)
        for name in keys:
            twice = keys[0] == keys[1] or name in {*self.covariates, *self.segments}
            yield twice, f"the column {name} has two uses; unit_id and variant.column have one each"
        yield "week" in self.segments, "the segment week is kept for the week of assignment; rename the column"
        for name in sorted(set(self.answers) - {*self.metrics, "money"}):  # of live support its money answers
            yield True, f"answers names no metric: {name}; {suggest(name, self.metrics)}"
        outcomes = {m.column or name for name, m in self.metrics.items() if not m.event and m.how.total}
        for name in sorted(outcomes & set(self.covariates)):
            yield True, f"the covariate {name} is an outcome too; covariates are measured before assignment"
        yield from self._list_sums() if self.units_in_row else ()
        for name, metric in self.metrics.items() if not self.units_in_row else ():
            of = "squares" if metric.squares else "products"
            fault = f"{of} of {name}: only rows that hold many units need them; name their number in units_in_row"
            yield bool(metric.squares or metric.products), fault

    def _list_sums(self):
        """Yield the rules of a plan whose rows are sums over units."""
        yield self.unit_id != ROW, "rows that hold many units have no id of each: leave out unit_id"
        single = {"cluster": self.cluster, "exposure": self.exposure}
        for key in (key for key, given in single.items() if given):
            yield True, f"rows that hold many units tell no {key}: leave it out"
        for name, metric in self.metrics.items():
            how, parts = metric.how, (metric.numerator, metric.denominator)
            is_plain = how.is_mean and how.outcome == "y" and (how.is_share or how.code is None)
            is_plain &= not (metric.event or metric.asked)
            is_ratio = how.outcome == "num" and set(parts) <= set(self.metrics)
            fault = "a share, a mean of numbers, or a ratio of two metrics"
            yield not (is_plain or is_ratio), f"rows that hold many units do not tell {name}; it can be {fault}"
            needs = f"{name} needs squares, the column with the sum of its squares in each row"
            yield is_plain and not how.is_share and not metric.squares, needs
            needs = f"{name} needs products, the column with the sum of numerator times denominator in each row"
            yield is_ratio and not metric.products, needs
        beside = self.beside
        twice = set(beside) & {anchor for anchor, _ in beside.values()}
        twice |= {n for n in beside if sum(n in (m.numerator, m.denominator) for m in self.metrics.values()) > 1}
        names = ", ".join(sorted(twice))
        yield bool(twice), f"beside products a metric stands in one ratio, and these do not: {names}"

    @property
    def beside(self) -> dict[str, tuple[str, str]]:
        """Of ratios in rows that hold many units: metric -> the other one and the column with their products."""
        found = {}
        for metric in (m for m in self.metrics.values() if m.products):
            pair = (metric.numerator, metric.denominator)
            above, below = pair[::-1] if self.metrics[pair[0]].how.is_share else pair
            found[above] = below, metric.products
        return found

    @property
    def names_end(self) -> bool:
        """Whether it says when enrolment is over."""
        return bool(self.planned_units or (self.enrolment_days and self.assigned_at))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The arms that are compared: the control with each treatment, then the treatments that `comparisons` names."""
        control, arms = self.variant.control, self.variant.treatments
        between = [(other, arm) for other in arms for arm in arms if f"{arm} - {other}" in self.comparisons]
        return [*((control, treatment) for treatment in arms), *between]

    @property
    def key_metric(self) -> str:
        """The metric that a picture shows where there is room for one: the first primary, else the first."""
        return next(iter(self.by_role("primary") or self.metrics))

    @property
    def asked(self) -> list[str]:
        """The metrics that answer the question: those that the plan names, else the primary ones, else the first."""
        answers = [name for name in self.answers if name in self.metrics]
        return answers or [*self.by_role("primary")] or [self.key_metric]

    def label_of(self, name: str) -> str:
        """What a reader calls a metric: its label or name in words, a window that begins late, a quantile."""
        metric = self.metrics[name]
        label = metric.label or say_name(name)
        told = [f"day {metric.from_days:g} to {metric.within_days:g}"] if metric.from_days else []
        told += metric.how.told(metric) if metric.how.told else []
        told = ", ".join(words for words in told if words not in label.lower())
        return f"{label} ({told})" if told else label

    def by_role(self, *roles) -> dict[str, Metric]:
        """Metrics of some roles, in the plan's order."""
        return {name: m for name, m in self.metrics.items() if m.role in roles}
