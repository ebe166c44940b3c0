"""A study's words: Jinja templates beside its notebook, filled from its results with the numbers' own rules."""

from __future__ import annotations

import math
import re
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateNotFound

from helpers import paths
from helpers.records import DETAIL, Estimate, Results
from helpers.view import numbers, scales

DEFAULT = "experiment"


class Reader:
    """Results as a template reads them: effects as displayed, rows of tables, labels, and counts of checks.

    Parameters
    ----------
    results : Results, after small cells are hidden
    design : the plan, or None
    """

    def __init__(self, results: Results, design: Any = None):
        self.results, self.design = results, design
        self.data, self.status, self.checks = results.data, results.status, results.checks
        self.noun, self.unit = scales.find_noun(results), scales.find_noun(results, singular=True)

    def scale(self, metric: str) -> scales.Scale:
        """Return how a metric is read."""
        return scales.read_scale(self.results, metric)

    def label(self, name: str) -> str:
        """Return a metric, level, event or step in words."""
        return scales.name_label(self.results, name)

    def arm(self, name: str) -> str:
        """Return an arm as it stands in a sentence."""
        return scales.name_arm(self.results, name)

    def headline(self, *metrics: str, **wanted: Any) -> list[Estimate]:
        """Return the differences that decide, as they are displayed; of some metrics in the order they are named."""
        found = [scales.orient(self.results, e) for e in self.results.headline(*metrics, **wanted)]
        return sorted(found, key=lambda e: metrics.index(e.metric)) if metrics else found

    def select(self, **wanted: Any) -> list[Estimate]:
        """Return estimates by their fields, as they are displayed."""
        return [scales.orient(self.results, e) for e in self.results.select(**wanted)]

    def rows(self, table: str, **equal: Any) -> list[SimpleNamespace]:
        """Return the rows of a results table whose columns equal what is wanted; none where there is no table."""
        frame = self.results.tables.get(table, pd.DataFrame())
        for column, value in equal.items():
            frame = frame[frame[column] == value] if column in frame else frame.iloc[:0]
        return [SimpleNamespace(**row) for row in frame.to_dict("records")]

    def row(self, table: str, **equal: Any) -> SimpleNamespace | None:
        """Return the first such row, or None."""
        return next(iter(self.rows(table, **equal)), None)

    @cached_property
    def answers(self) -> list[str]:
        """What the plan says answers its question: metrics, or names of what a study's template tells."""
        return list(self.results.plan.get("answers") or [])

    @cached_property
    def primary(self) -> list[Estimate]:
        """The primary effects."""
        return self.headline(role="primary")

    @cached_property
    def decisive(self) -> list[Estimate]:
        """The effects that answer the question: those of `answers`, else the primary ones, else the first."""
        named = self.headline(*self.answers) if self.answers else []
        return named or self.primary or self.headline()[:1]

    @cached_property
    def guards(self) -> list[Estimate]:
        """The guardrails' effects."""
        return self.headline(role="guardrail")

    @cached_property
    def illusion(self) -> tuple[Estimate, Estimate] | None:
        """The association that tells most another story than the experiment, and the fair effect; None without."""
        about = {"role": "exploratory", "estimand": "naive", "segment": None, "at": None}
        pairs = [(e, fair) for fair in self.decisive for e in self.select(metric=fair.metric, **about)]
        pairs = [(e, f) for e, f in pairs if e.verdict.startswith("clear") and e.treatment in (f.treatment, f.control)]
        pairs = [(e, f) for e, f in pairs if e.verdict != f.verdict or not f.ci_low <= e.estimate <= f.ci_high]
        return min(pairs, key=lambda pair: pair[0].verdict == pair[1].verdict, default=None)

    @cached_property
    def warnings(self) -> list[str]:
        """Why the interval of a primary effect may not hold what it promises, in plain words."""
        primary = dict.fromkeys(f"domain_{e.metric}" for e in self.results.headline(role="primary"))
        found = [c for c in self.checks if c.id in primary and c.status == "warn"]
        return [self.say(c.message.partition(DETAIL)[0]) for c in found]

    def say(self, text: str) -> str:
        """Return a sentence in which codes stand in words."""
        return scales.say_codes(self.results, text)

    def is_crowded(self, e: Estimate) -> bool:
        """Return whether an effect would be clear alone and is not among the others of its family."""
        return e.p_value <= 1 - e.confidence_level < e.decision_p

    # How an effect is written, for a template: {{ effect(e) }}, {{ interval(e) }}, {{ value(e, "treatment") }}.

    def effect(self, e: Estimate) -> str:
        """Return an effect with its unit."""
        return scales.write_effect(e, self.scale(e.metric))

    def interval(self, e: Estimate) -> str:
        """Return its interval for a sentence."""
        return scales.write_interval(e, self.scale(e.metric))

    def value(self, e: Estimate, arm: str) -> str:
        """Return an arm's own value beside the effect; `arm` is treatment or control, as displayed."""
        return scales.write_value(getattr(e, f"{arm}_value"), self.scale(e.metric), beside=e)

    def margin(self, e: Estimate) -> str:
        """Return what the plan calls worthwhile, or tolerates, with its unit."""
        scale, planned = self.scale(e.metric), scales.orient(self.results, e)  # margins are of the plan's control
        return numbers.write_number(scales.find_margin(planned, scale), scales.style_gap(scale))


def _points(value, low=None, high=None, *, signed=True, decimals=None) -> str:
    """A difference of shares in points, with the digits of its interval where ends are given."""
    style = numbers.Style(100, "", " points", signed)
    if low is not None:
        found = numbers.count_decimals(low, high, factor=100)
        decimals = 1 if found is None else max(0, min(1, found))
    return numbers.write_number(value, style, decimals=decimals)


def _between(low, high, *, factor=1.0, suffix="", prefix="", signed=False, decimals=None) -> str:
    found = numbers.count_decimals(low, high, factor=factor) if decimals is None else decimals
    return numbers.write_range(low, high, numbers.Style(factor, prefix, suffix, signed), found)


def _money(value, low=None, high=None, *, currency="$", signed=False) -> str:
    decimals = None if low is None else numbers.count_decimals(low, high)
    if decimals is None and value:
        decimals = min(0, 2 - math.floor(math.log10(abs(value)))) if abs(value) >= 10 else 2
    return numbers.write_number(value, numbers.Style(1, currency, "", signed), decimals=decimals)


FILTERS = {
    "points": _points,
    "money": _money,
    "share": lambda value, decimals=1: numbers.write_share(value, decimals=decimals),
    "percent": lambda value: numbers.write_share(value, decimals=0),
    "chance": numbers.write_chance,
    "count": numbers.write_count,
    "number": lambda value, decimals=None: numbers.write_number(value, decimals=decimals),
    "wait": numbers.write_wait,
    "p": numbers.write_p,
    "words": numbers.join_words,
    "cap": numbers.capitalise,
    "low": numbers.lower_first,
    "plural": scales.pluralise,
    "spoken": lambda text: str(text).replace("_", " "),
}


def _environment() -> Environment:
    made = Environment(loader=FileSystemLoader(paths.VIEWS), undefined=StrictUndefined, trim_blocks=True)
    made.filters |= FILTERS
    made.globals |= {"between": _between, "abs": abs, "round": round}
    made.tests["known"] = lambda value: value is not None and value == value
    return made


def tell(results: Results, design: Any = None) -> dict[str, tuple[str, ...]]:
    """Return the words of a study, by part: the sentences of answer, bullets, next and limits, and titles of tables.

    Parameters
    ----------
    results : Results, after small cells are hidden
    design : the plan, where a sentence needs it

    Returns
    -------
    dict: notebooks/views/STUDY.md.j2 filled, experiment.md.j2 where there is none. A line `== NAME` begins a part, an
    empty line ends a sentence; white space is folded.
    """
    environment = _environment()
    try:
        template = environment.get_template(f"{results.study}.md.j2")
    except TemplateNotFound:
        template = environment.get_template(f"{DEFAULT}.md.j2")
    reader = Reader(results, design)
    named = {name: getattr(reader, name) for name in dir(reader) if not name.startswith("_")}
    parts = re.split(r"^== *(.+?) *$", template.render(named), flags=re.MULTILINE)
    return {name: tuple(_split_sentences(text)) for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def _split_sentences(text: str) -> list[str]:
    folded = (re.sub(r"\s+", " ", line).strip() for line in re.split(r"\n\s*\n", text))
    return [re.sub(r" (?=[,;:.?)](?:\s|$))", "", line) for line in folded if line]


def explain(results: Results, design: Any) -> Results:
    """Return results with the answer and its limits in sentences, and with what their display needs of the plan.

    Parameters
    ----------
    results : Results
        After small cells are hidden: sentences name only what may be seen. Of a withheld one the answer is its reason.
    design : the plan

    Returns
    -------
    Results: `answer` holds the kind of data where it is no evidence, the sentence that answers the question, at most
    four more, and what to do next; `question` the part of this name, for a run that asks another one than the plan;
    `plan` the labels, the displayed contrast and what answers; `words` all parts.
    """
    shown = {name: getattr(design, name, None) for name in ("labels", "shown_as", "answers")}
    shown = {name: value.model_dump() if hasattr(value, "model_dump") else value for name, value in shown.items()}
    tables = results.tables
    if "metrics" not in tables and design is not None and hasattr(design, "metrics"):
        tables = {"metrics": scales.list_metrics(design), **tables}
    named = results.but(plan={**results.plan, **shown}, tables=tables)
    words = tell(named, design)
    labels = dict(re.split(r" *\| *", line, maxsplit=1) for line in words.get("labels", ()))
    named = named.but(plan={**named.plan, "labels": {**labels, **(shown["labels"] or {})}})
    kind, limits = words.get("kind", ())[:1], words.get("limits", ())[:4]
    told = (*words["answer"], *words.get("bullets", ())[:4])
    if results.status == "withheld":
        told = tuple(scales.say_codes(named, line) for line in results.answer)
    following = (f"Next: {line}" for line in words.get("next", ())[:1])
    question = words.get("question", ())[:1] or (results.question,)
    return named.but(question=question[0], answer=(*kind, *told, *following), limits=limits, words=words)
