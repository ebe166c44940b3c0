"""What every other room passes on: estimates, tests, checks, moments, and the refusal."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

NAN = float("nan")
DETAIL = " For its promise, "  # what follows in a check's message is for the table of checks
# of the populations that methods are measured on: days of follow-up of times, days with looks, levels of a score
HORIZON_DAYS, LOOK_DAYS, LEVELS = 30.0, 28, 5
TURNED = {"clear benefit": "clear harm", "clear harm": "clear benefit"}  # verdicts of a difference the other way round


class Refused(Exception):
    """What came cannot be used: one message that names file, column, count and cure, and never a value."""


def suggest(name: object, known: Iterable[str], rest: str = "it is one of") -> str:
    """Return the nearest of the known names as a question, or else all of them after the words `rest`."""
    near = difflib.get_close_matches(str(name), known := [*known], 1)
    return f"did you mean {near[0]}?" if near else f"{rest}: {', '.join(known) or 'none'}"


@dataclass(frozen=True)
class Estimate:
    """One effect: what was compared, by how much, how sure, and what the plan's rule says of it.

    The fields are those of results.json (data/README.md describes each). Binary differences are proportions;
    differences are treatment minus control; `nan` is undefined and then `reason` says why. `ci_set` lists the pairs of
    a set that is not one interval (None is an unbounded end).
    """

    id: str
    metric: str
    control: str
    treatment: str
    comparison: str
    estimand: str
    population: str = "itt"
    adjustment: str = "none"
    segment: str | None = None
    at: str | None = None
    role: str = "exploratory"
    family: str = ""
    estimate: float = NAN
    std_error: float = NAN
    df: float | None = None
    ci_low: float = NAN
    ci_high: float = NAN
    ci_set: tuple[tuple[float | None, float | None], ...] | None = None
    confidence_level: float = 0.95
    interval: str = "fixed"
    p_value: float = NAN
    p_value_adjusted: float | None = None
    control_value: float = NAN
    treatment_value: float = NAN
    n_control: int = 0
    n_treatment: int = 0
    clusters_control: int | None = None
    clusters_treatment: int | None = None
    method: str = ""
    as_expected: bool | None = None
    verdict: str = "not estimable"
    reason: str | None = None

    but = replace  # `estimate.but(role="secondary")` is a copy with some fields changed

    def _repr_html_(self) -> str:
        """Return the estimate in one line, for notebooks."""
        name = f"{self.metric}, {self.comparison}, {self.estimand.replace('_', ' ')}"
        name += f", {self.segment}" if self.segment else ""
        if self.estimate != self.estimate:
            return f"<b>{escape(name)}</b>: {escape(self.reason or 'not defined')}"
        found = f"{self.estimate:.4g} [{self.ci_low:.4g}, {self.ci_high:.4g}]"
        told = f"p = {self.decision_p:.2g}; {self.verdict} ({self.role}, {self.population})"
        return f"<b>{escape(name)}</b>: {found}, {escape(told)}"

    @property
    def decision_p(self) -> float:
        """The p-value that decides: the adjusted one where there is one."""
        return self.p_value if self.p_value_adjusted is None else self.p_value_adjusted

    def turn(self) -> Estimate:
        """Return a difference the other way round: arms change places, a benefit of the one is a harm of the other."""
        pairs = [(f"control{of}", f"treatment{of}") for of in ("", "_value")]
        pairs += [(f"{of}_control", f"{of}_treatment") for of in ("n", "clusters")]
        swapped = {name: getattr(self, other) for pair in pairs for name, other in (pair, pair[::-1])}
        ends = {"estimate": -self.estimate, "ci_low": -self.ci_high, "ci_high": -self.ci_low}
        if self.ci_set:
            ends["ci_set"] = tuple(tuple(None if x is None else -x for x in part[::-1]) for part in self.ci_set[::-1])
        return self.but(**swapped, **ends, verdict=TURNED.get(self.verdict, self.verdict))


@dataclass(frozen=True)
class Effect:
    """One contrast before it gets its labels: what every estimator of `inference` and `survival` returns.

    `estimate` is treatment minus control (or the lift, ratio); `ci_low`, `ci_high` a two-sided interval at the
    level asked for; `ci_set` the confidence set where it is not one interval; `p_value` two-sided, of no effect;
    nan is undefined and `reason` then says why; `df` None means normal.
    """

    estimate: float = NAN
    std_error: float = NAN
    df: float | None = None
    ci_low: float = NAN
    ci_high: float = NAN
    ci_set: tuple[tuple[float | None, float | None], ...] | None = None
    p_value: float = NAN
    control_value: float = NAN
    treatment_value: float = NAN
    method: str = ""
    reason: str | None = None


@dataclass(frozen=True)
class Test:
    """One hypothesis test that has no single effect beside it (log-rank, interaction, trend)."""

    id: str
    metric: str
    name: str
    statistic: float
    df: float | None
    p_value: float
    p_value_adjusted: float | None = None
    family: str = ""

    __test__ = False  # pytest: a record, not a test


# the checks of which one that fails withholds the answer, of experiments and of accounts
GRAVE = (
    *("enough_units", "srm", "srm_over_time", "balance", "two_variants", "clusters", "attrition", "events_fit"),
    *("events_add", "leavers_fit"),
)
TAKE_UP = ""  # its key among the metrics that a check may fail, which all have names
STATUS_WORDS = {"warn": "unclear"}  # as a reader sees a check's status


@dataclass(frozen=True)
class Check:
    """One trust check: `status` is pass, warn (told as unclear), fail or not tested; `message` is for the reader."""

    id: str
    status: str
    value: float
    threshold: float
    message: str

    def _repr_html_(self) -> str:
        """Return the check in one line, for notebooks."""
        told = STATUS_WORDS.get(self.status, self.status)
        return f"<b>{escape(self.id)}</b>: {escape(told)}. {escape(self.message)}"


class Checks(tuple):
    """The checks of one run in their order: a tuple that notebooks show one line each."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return "<br>".join(check._repr_html_() for check in self)


@dataclass(frozen=True)
class Claim:
    """One published claim beside what this run found, in the claim's own unit and direction."""

    id: str
    published: float | None
    unit: str
    published_as: str
    estimate_id: str | None
    estimate: float
    ci_low: float
    ci_high: float
    verdict: str
    reason: str


@dataclass(frozen=True)
class Moments:
    """Counts, means and sample covariances of some columns over one group of units.

    Everything that a mean, a ratio or a covariate adjustment needs; rows with a missing value in the first
    column (the outcome) are not in `n` but counted in `missing`.

    Parameters
    ----------
    names : tuple of str, length k
    n : int, units with the outcome known
    mean : array, shape (k,)
    cov : array, shape (k, k), divisor n - 1; nan when n < 2
    missing : int, units whose outcome is unknown
    skewness : float, g1 = m3 / m2^1.5 of the first column, or of what a ratio leaves of its numerator (numerator -
        ratio x denominator); nan when undefined
    top_share : float, part of the sum of squares of that which its largest value holds; nan where it is not known
    apart : float, at least so large a share of units is off the lowest value, and off the highest; nan as top_share
    remainder : array, shape (k,), or None for zeros
        What rounding took from `mean`: the mean is `mean + remainder`. It tells apart groups near 1e12 that are close.
    """

    names: tuple[str, ...]
    n: int
    mean: np.ndarray
    cov: np.ndarray
    missing: int = 0
    skewness: float = NAN
    top_share: float = NAN
    apart: float = NAN
    remainder: np.ndarray | None = None

    @property
    def value(self) -> float:
        """Mean of the first column."""
        return float(self.mean[0])

    @property
    def variance(self) -> float:
        """Sample variance of the first column."""
        return float(self.cov[0, 0])

    @property
    def effective_units(self) -> float:
        """How many equal units know as much about a ratio as these, whose denominators (column two) are unlike.

        n / (1 + squared coefficient of variation of the denominator), at most n; nan with fewer than 2 units or where
        the denominator's mean is not above 0. Carter, Schnepel & Steigerwald 2017, Review of Economics and Statistics
        99: 698-709.
        """
        mean = float(self.mean[1])
        return self.n / (1 + float(self.cov[1, 1]) / mean**2) if mean > 0 else NAN


@dataclass(frozen=True)
class DataInfo:
    """Where the data came from and how much of it there is; never a path, a password or a value.

    `kind` is simulated, public or yours; `source` a base name, a public name or scheme, host and table;
    `steps` the rows kept and dropped, one (step, rows, note) each; `messages` what was detected and said.
    """

    kind: str
    note: str
    source: str
    sha256: str | None
    rows: int
    units: int
    units_by_variant: dict[str, int] = field(default_factory=dict)
    steps: tuple[tuple[str, int, str], ...] = ()
    messages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Results:
    """All that a run found: what results.json holds and what every section of the report shows.

    `as_of` is the last day that the data is complete for, `assigned` the first and last day on which a unit was
    randomised, in ISO form; None where the data has no dates. `words` are the parts of the study's template.
    """

    study: str
    title: str
    question: str
    status: str
    data: DataInfo
    plan: dict[str, Any]
    checks: tuple[Check, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    tests: tuple[Test, ...] = ()
    claims: tuple[Claim, ...] = ()
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    answer: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    as_of: str | None = None
    assigned: tuple[str, str] | None = None

    but = replace

    def select(self, **wanted: Any) -> tuple[Estimate, ...]:
        """Return the estimates whose fields equal what is wanted, in order; a list or tuple means any of.

        A field that estimates do not have is refused, and so is a metric that results in words do not know.
        """
        names = [part.name for part in fields(Estimate)]
        for name in wanted:
            if name not in names:
                raise Refused(f"select: {name} is no field of an estimate; {suggest(name, names)}")
        sought = {k: v if isinstance(v, (list, tuple)) else (v,) for k, v in wanted.items()}
        metrics = {e.metric for e in self.estimates}.union(self.tables.get("metrics", {}).get("metric", ()))
        if self.words and metrics and not metrics & {*sought.get("metric", metrics)}:
            name = sought["metric"][0]
            raise Refused(f"select: no metric is called {name}; {suggest(name, sorted(metrics))}")
        return tuple(e for e in self.estimates if all(getattr(e, k) in v for k, v in sought.items()))

    def frame(self) -> pd.DataFrame:
        """Return every estimate, one row each, its columns the fields of `Estimate`."""
        return to_frame(self.estimates).reindex(columns=[part.name for part in fields(Estimate)])

    def _repr_html_(self) -> str:
        """Return title, status, answer and what there is to look at, in a few lines, for notebooks."""
        held = {"estimates": self.estimates, "checks": self.checks, "tests": self.tests, "tables": self.tables}
        told = ", ".join(f"{len(part)} {name}" for name, part in held.items())
        answer = " ".join(self.answer) or "The answer is not written yet."
        answer = f'<span class="mathjax_ignore">{escape(answer)}</span>'  # else Jupyter reads $5 to $7 as a formula
        return f"<b>{escape(self.title)}</b> ({escape(self.status)})<br>{answer}<br><small>{told}</small>"

    def headline(self, *metrics: str, **wanted: Any) -> tuple[Estimate, ...]:
        """Return the differences that decide, over all assigned or all who answered; of some metrics when named."""
        population = ("itt", "responders")
        rows = self.select(estimand="difference", population=population, segment=None, at=None, **wanted)
        return tuple(e for e in rows if e.role != "sensitivity" and (not metrics or e.metric in metrics))


def to_frame(records) -> pd.DataFrame:
    """Return a table of records of one class, one row a record, one column a field."""
    import pandas as pd  # here, so that commands with nothing to do start without it

    rows = [asdict(record) for record in records]
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else None)
