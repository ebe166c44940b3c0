"""The typed framework: which milestones a customer passes, how each is read, what they should foretell, its review."""

import re
from typing import Literal

from pydantic import Field

from helpers.plan.design import Design, Part, Reason, say_name

REVIEWED = ("discrimination", "calibration", "cut", "ranks")
STAYING = {"active", "alive", "current", "kept", "renewed", "retained", "stayed", "stays", "subscribed"}
TURNING = {"ex", "former", "left", "lost", "no", "non", "not", "un"}  # words that make the others mean who left
PERIOD_DAYS = {"week": 7, "month": 30, "quarter": 90}


class Activation(Part):
    """So many events within some days of the start; read at landmarks, of which the first is the main one."""

    event: list[str] = Field(min_length=1)
    window_days: float = Field(90, gt=0)
    at_least: int | None = Field(None, ge=1)
    landmark_days: list[float] = Field([90])

    def list_rules(self):
        """Yield each rule; see `Part`."""
        days = self.landmark_days
        yield min(days, default=0) <= 0, "landmark_days must hold at least one number of days above 0"
        yield len(set(days)) < len(days), "a landmark stands twice in landmark_days"


class Usage(Part):
    """Events a period and seat; `seats` is the column at the start, `seats_event` carries a new number as its value."""

    event: list[str] = Field(min_length=1)
    seats: str
    seats_event: str | None = None
    period: Literal["week", "month", "quarter"] = "month"
    at_least: float | None = Field(None, gt=0)

    @property
    def period_days(self) -> int:
        """Days of one period."""
        return PERIOD_DAYS[self.period]

    @property
    def monthly_line(self) -> float | None:
        """The line a seat for a month of 30 days, where the plan draws it for a week or a quarter too."""
        return self.at_least and self.at_least * PERIOD_DAYS["month"] / self.period_days


class Category(Part):
    """One area of the product: basic when any of its basic features is used, mature when enough of the mature ones."""

    basic: list[str] = Field([])
    mature: list[str] = Field(min_length=1)
    mature_at_least: int = Field(1, ge=1)
    label: str | None = None

    def list_rules(self):
        """Yield each rule; see `Part`."""
        many = self.mature_at_least > len(self.mature)
        yield many, "mature_at_least is more than the mature features that are named"


class Feature(Part):
    """One feature: its first event, or a column without a time (then its time order is unknown).

    `needs` names features without any of which nobody could use it: it is compared among those that have one.
    """

    name: str
    category: str | None = None
    hypothesised: bool = False
    event: str | None = None
    column: str | None = None
    label: str | None = None
    needs: list[str] = Field([])

    def list_rules(self):
        """Yield each rule; see `Part`."""
        yield self.event and self.column, "give a feature as either an event or a column"

    @property
    def is_timed(self) -> bool:
        """Whether its first use has a time, so that it can be read at a landmark."""
        return self.column is None


class Retained(Part):
    """Who counts as kept: nobody's `lost` event came, or an `event` came again, within some days of the landmark.

    `lost_at` is a column of the accounts, when each was lost, in place of such an event.
    """

    lost: list[str] = Field([])
    lost_at: str | None = None
    event: list[str] = Field([])
    column: str | None = None
    time: str | None = None
    leavers: Literal["all", "some", "unknown"] = Field(
        "unknown", description="which of those who left a snapshot holds"
    )
    within_days: float = Field(180, gt=0)

    def list_rules(self):
        """Yield each rule; see `Part`."""
        given = bool(self.lost) + bool(self.lost_at) + bool(self.event) + bool(self.column)
        yield given != 1, "give retained as one of lost, lost_at, event or column"
        together = "column and time belong together: who has left, and after how long"
        yield bool(self.time) != bool(self.column), together
        words = set(re.split("[^a-z]+", re.sub("(?<=[a-z])(?=[A-Z])", "_", self.column or "").casefold()))
        told = f"column is 1 for who left, and {self.column} sounds like who stays; give one of who left"
        yield bool(words & STAYING) and not words & TURNING, told

    @property
    def ends(self) -> bool:
        """Whether a loss has a moment, told by an event or a column."""
        return bool(self.lost or self.lost_at)


class Later(Part):
    """An event within some days after the landmark."""

    event: list[str] = Field(min_length=1)
    within_days: float = Field(180, gt=0)


class Alive(Part):
    """Who still counts as a customer where nobody cancels: who had an event in the days before the landmark."""

    event: list[str] = Field(min_length=1)
    within_days: float = Field(gt=0)


class Outcomes(Part):
    """What milestones should foretell; dormant is: no activity for so many days, whether or not still a customer."""

    retained: Retained
    expanded: Later | None = None
    dormant_after_days: float | None = Field(None, gt=0)
    activity: list[str] = Field([])


class Thresholds(Part):
    """What the review calls acceptable, fixed in advance."""

    auc_at_least: float = Field(0.6, gt=0.5, lt=1)
    auc_drop: float = Field(0.05, gt=0, lt=0.5)
    p_value: float = Field(0.05, gt=0, lt=1)
    worthwhile: float = Field(0.02, gt=0, lt=1)


class Review(Part):
    """What is looked at on each new cohort, and when a milestone is kept."""

    metrics: list[Literal[REVIEWED]] = Field(list(REVIEWED))
    thresholds: Thresholds = Thresholds()


class FrameworkPlan(Design):
    """The plan of a milestones framework: every key of DESIGN's list, with its default."""

    kind: Literal["framework"]
    unit: str = "account"
    started_at: str | None = None
    cohort: str = "quarter"
    size: str | None = None
    plan_tier: str | None = None
    steps: list[Feature] = Field([])
    steps_at_least: int | None = Field(None, ge=1)
    activation: Activation | None = None
    usage: Usage | None = None
    categories: dict[str, Category] = Field({})
    mature_at_least: int | None = Field(None, ge=1)
    features: list[Feature] = Field([])
    outcomes: Outcomes
    alive: Alive | None = None
    review: Review = Review()
    acknowledge: dict[Literal["events_fit", "leavers_fit"], Reason] = Field({})

    def list_rules(self):
        """Yield each rule; see `Part`."""
        for key, named in (("features", self.features), ("steps", self.steps)):
            labels = [item.label or say_name(item.name) for item in named]
            for kind, words in (("name", [item.name for item in named]), ("label", labels)):
                folded = [word.casefold() for word in words]
                for word in folded:
                    yield folded.count(word) > 1, f"{key}: the {kind} {word} stands twice; rename one"
        names = {feature.name for feature in self.features}
        for feature in self.features:
            strange = [name for name in feature.needs if name not in names - {feature.name}]
            yield strange, f"the feature {feature.name} needs {' and '.join(strange)}, which is no other feature"
        known = [feature.name for feature in self.features if feature.is_timed]
        for name, category in self.categories.items():
            for used in [*category.basic, *category.mature]:
                yield used not in known, f"the category {name} names {used}, which is no feature with a time"
        mature, steps = self.mature_at_least or 0, self.steps_at_least or 0
        yield mature > len(self.categories), "mature_at_least is more than the categories that are named"
        yield steps > len(self.steps), "steps_at_least is more than the steps that are named"
        for step in self.steps:
            untimed = f"the step {step.name} needs an event: a step without a time cannot be read at a landmark"
            yield not step.is_timed, untimed
        if self.is_snapshot:
            needs = "milestones need started_at: without it nothing can be read at a landmark"
            yield self.activation or self.steps or self.usage or self.categories, needs
            for name in known:
                yield True, f"without started_at, the feature {name} needs a column; if it is called so, column: {name}"
            yield self.outcomes.retained.column is None, "without started_at, retained needs a column and a time"
        else:
            told = "with started_at, retained needs an event or a date: lost, lost_at or event"
            yield self.outcomes.retained.column, told
            early = (self.outcomes.dormant_after_days or 0) > self.horizon_days
            yield early, "dormant_after_days reaches back before the landmark; give at most within_days"

    @property
    def mature_line(self) -> int:
        """Categories in which a mature customer is mature: as planned, else more than half of them."""
        return self.mature_at_least or len(self.categories) // 2 + 1

    @property
    def steps_line(self) -> int:
        """Steps after which a customer is set up: as planned, else all of them."""
        return self.steps_at_least or len(self.steps)

    @property
    def is_snapshot(self) -> bool:
        """Whether nothing in the data has a time but the end, so that no milestone can be read at a landmark."""
        return self.started_at is None

    @property
    def landmarks(self) -> list[float]:
        """Days after the start at which milestones are read, the main one first; empty for a snapshot."""
        return [] if self.is_snapshot else self.activation.landmark_days if self.activation else [90.0]

    @property
    def horizon_days(self) -> float:
        """Days after the landmark over which customers are followed."""
        return self.outcomes.retained.within_days

    @property
    def outcome_names(self) -> list[str]:
        """Outcomes that the plan can read, retained first."""
        found = self.outcomes
        quiet = found.dormant_after_days and self.activity_events
        return ["retained", *(["expanded"] if found.expanded else []), *(["dormant"] if quiet else [])]

    @property
    def activity_events(self) -> list[str]:
        """Events that show that a customer uses the product: those named, else those of activation and usage."""
        return self.outcomes.activity or self.counted_events

    @property
    def counted_events(self) -> list[str]:
        """Events whose number says who is activated and who uses the product, each once."""
        parts = [part for part in (self.activation, self.usage) if part]
        return list(dict.fromkeys(event for part in parts for event in part.event))

    @property
    def milestone_names(self) -> list[str]:
        """Milestones that the plan defines, in the order of a customer's way: set_up, activated, using, mature."""
        parts = {"set_up": self.steps, "activated": self.activation, "using": self.usage, "mature": self.categories}
        return [name for name, part in parts.items() if part]

    def label_of(self, name: str) -> str:
        """What a reader calls a feature, step or category: its label, else its name in words."""
        named = {item.name: item.label for item in [*self.features, *self.steps]}
        named |= {key: category.label for key, category in self.categories.items()}
        return named.get(name) or say_name(name)
