"""A study's words: Jinja templates beside its notebook, filled from its results with the numbers' own rules."""

import math
import re
from collections.abc import Callable
from functools import lru_cache, partial
from types import SimpleNamespace
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context

from helpers import disclosure, paths, schema
from helpers.kinds import KINDS
from helpers.records import DETAIL, Estimate, Results
from helpers.view import numbers, scales

DEFAULT = "experiment"
RELEASED = "{} The plan releases the answer all the same, for this reason: {}."
TRUST = (  # checks of whether the data fit, told where unclear
    *("srm", "attrition", "events_fit", "events_add", "exposure_fit", "units_fit"),
)


def list_names(results: Results, design: Any = None) -> dict[str, Any]:
    """Return what a template may name: effects as displayed, rows of tables, and labels.

    Parameters
    ----------
    results : Results, after small cells are hidden
    design : the plan, or None

    Returns
    -------
    dict: besides the plan, the data, status and checks

    - `rows(table, column=value)` the rows of a results table, `row(...)` the first of them or None
    - `headline(metric, ..., field=value)` the differences that decide, of some metrics in the order they are named;
      `select(field=value)` any estimates
    - `effect(e)`, `interval(e)`, `value(e, "treatment")`, `margin(e)` an effect, its interval for a sentence, an arm's
      own value beside it, and what the plan calls worthwhile or tolerates; `gap(metric, size)` any size of a difference
    - `way(e)` which way an association goes and how far; `among(e)` whom an effect is of, else "" if of everybody
    - `primary` the primary effects, `guards` the guardrails' beside the control, `decisive` those that answer the
      question: of what the plan names in `answers`, else the primary ones, else the first; `illusion` as
      `find_illusion` has it
    - `doubts` what is unclear of whether the data fit; `warnings` why the interval of a primary effect may not hold
      what it promises
    - `pair(e)` which of several treatments it is of, and against which other one
    - `scale(metric)`, `label(code)`, `arm(name)`, `other(told, name)`, `say(sentence)` as in `scales`
    """
    named = {name: partial(function, results) for name, function in BOUND.items()}
    headline, rows = named["headline"], named["rows"]
    treatments = {e.treatment for e in results.headline()}  # a guardrail guards what the control has
    guards = [e for e in headline(role="guardrail") if not {e.treatment, e.control} <= treatments]
    answers, primary = list(results.plan.get("answers") or []), headline(role="primary")
    decisive = (headline(*answers) if answers else []) or primary or headline()[:1]
    unlike = {c.id for c in results.checks if c.id.startswith("srm_") and c.value < c.threshold}  # over time, by group
    doubts = {*TRUST, *unlike, *(f"missing_{e.metric}" for e in primary)}
    named |= {"doubts": _list_warnings(results, doubts), "answers": answers, "primary": primary, "guards": guards}
    named |= {"warnings": _list_warnings(results, {f"domain_{e.metric}" for e in primary}), "decisive": decisive}
    named |= {"design": design, "data": results.data, "status": results.status, "checks": results.checks}
    named |= {"noun": scales.find_noun(results), "unit": scales.find_noun(results, singular=True)}
    named |= {"dates": scales.list_dates(results), "illusion": find_illusion(decisive, named["select"])}
    return named | {"row": lambda *args, **equal: next(iter(rows(*args, **equal)), None)}


def _list_headlines(results, *metrics, **wanted) -> list[Estimate]:
    found = [scales.orient(results, e) for e in results.headline(*metrics, **wanted)]
    return sorted(found, key=lambda e: metrics.index(e.metric)) if metrics else found


def _list_rows(results, table, **equal) -> list[SimpleNamespace]:
    frame = disclosure.coarsen_frame(results, table, results.tables.get(table, pd.DataFrame()))
    for column, value in equal.items():
        frame = frame[frame[column] == value] if column in frame else frame.iloc[:0]
    return [SimpleNamespace(**row) for row in frame.to_dict("records")]


def _list_warnings(results, asked) -> list[str]:
    found = [c.message for c in results.checks if c.id in asked and c.status == "warn"]
    return [scales.say_codes(results, message.partition(DETAIL)[0]) for message in found]


def _write_gap(results, metric, size) -> str:
    return numbers.write_number(size, scales.style_gap(scales.read_scale(results, metric)))


def _write_margin(results, e) -> str:
    """The margin of an effect in the plan's direction, since margins are of the plan's control."""
    margin = scales.find_margin(scales.orient(results, e), scales.read_scale(results, e.metric))
    return _write_gap(results, e.metric, margin)


def _write_arm(e: Estimate, scale, arm) -> str:
    return scales.write_value(getattr(e, f"{arm}_value"), scale, beside=e)


def _write_way(e: Estimate, scale) -> str:
    """How far an association goes ("35.5 points less often", "lower by $8,500")."""
    way, size = scales.name_way(e, scale), scales.write_effect(e, scale).lstrip("+-")
    return f"{size} {way}" if way.endswith("often") else f"{way} by {size}"


def _name_population(results, e: Estimate) -> str:
    """Whom an effect is of, with their share of all randomised to its arms; "" where it is of all of them."""
    lost = next((check.value for check in results.checks if check.id == "attrition" and check.value > 0), 0.0)
    if e.population != "responders" and not (e.population == "itt" and lost):
        return ""
    sides = [results.data.units_by_variant.get(arm) or math.nan for arm in (e.control, e.treatment)]
    if e.clusters_control is not None and lost:
        sides = [math.nan]  # of the clusters that are lost nobody knows the units
    share = (e.n_control + e.n_treatment) / sum(sides) * (1 - lost)
    is_answer = KINDS[scales.read_scale(results, e.metric).kind].total == "last" and not lost
    who = "who answered" if is_answer else "whose outcome is known"
    shown = numbers.write_share(share, decimals=0) if 0 < share <= 1 else "100 %"
    return f"among those {who}" if shown == "100 %" else f"among the {shown} {who}"


def find_illusion(decisive: list[Estimate], select: Callable) -> tuple[Estimate, Estimate] | None:
    """Return the association that tells most another story than the experiment, and the fair effect; None without."""
    about = {"role": "exploratory", "estimand": "naive", "segment": None, "at": None}
    pairs = [(e, fair) for fair in decisive for e in select(metric=fair.metric, **about)]
    pairs = [(e, f) for e, f in pairs if e.verdict.startswith("clear") and e.treatment in (f.treatment, f.control)]
    is_alike = {(e, f): f.verdict.startswith("clear") and e.estimate * f.estimate > 0 for e, f in pairs}
    told = [(e, f) for e, f in pairs if not is_alike[e, f] or not f.ci_low <= e.estimate <= f.ci_high]
    return min(told, key=is_alike.get, default=None)


def _points(value, low=None, high=None, *, signed=True) -> str:
    """A difference of shares in points, with the digits of its interval where ends are given."""
    deserved = None if low is None else numbers.count_decimals(low, high, factor=100)
    decimals = None if low is None else 1 if deserved is None else max(0, min(1, deserved))
    return numbers.write_number(value, numbers.Style(100, "", " points", signed), decimals=decimals)


def _between(low, high, *, factor=1.0, suffix="", prefix="", signed=False, decimals=None) -> str:
    found = numbers.count_decimals(low, high, factor=factor) if decimals is None else decimals
    return numbers.write_range(low, high, numbers.Style(factor, prefix, suffix, signed), found)


def _money(value, low=None, high=None, *, signed=False) -> str:
    decimals = None if low is None else numbers.count_decimals(low, high)
    if decimals is None and value:
        decimals = min(0, 2 - math.floor(math.log10(abs(value)))) if abs(value) >= 10 else 2
    return numbers.write_number(value, numbers.Style(1, "$", "", signed), decimals=decimals)


def _by_scale(write: Callable) -> Callable:
    """A function of an effect that is written by the scale of its metric."""
    return lambda results, e, *more: write(e, scales.read_scale(results, e.metric), *more)


# What a template may name that is a function of the results at hand.
BOUND = {"say": scales.say_codes, "label": scales.name_label, "arm": scales.name_arm, "other": scales.name_other}
BOUND |= {"scale": scales.read_scale, "headline": _list_headlines, "rows": _list_rows, "among": _name_population}
BOUND["select"] = lambda results, **wanted: [scales.orient(results, e) for e in results.select(**wanted)]
BOUND |= {"effect": _by_scale(scales.write_effect), "interval": _by_scale(scales.write_interval)}
BOUND |= {"way": _by_scale(_write_way), "value": _by_scale(_write_arm), "margin": _write_margin, "gap": _write_gap}
BOUND["pair"] = lambda results, e: scales.name_pair(results, scales.orient(results, e))
FILTERS = {"points": _points, "money": _money, "share": numbers.write_share, "chance": numbers.write_chance}
FILTERS |= {"count": numbers.write_count, "number": numbers.write_number, "wait": numbers.write_wait}
FILTERS |= {"words": numbers.join_words, "cap": numbers.capitalise, "low": numbers.lower_first}
FILTERS |= {"plural": schema.pluralise, "percent": partial(numbers.write_share, decimals=0)}
FILTERS["spoken"] = lambda text: str(text).replace("_", " ")


def _find_separator(loop) -> str:
    """What stands behind one of several in a sentence ("a, b and c")."""
    return "" if loop.last else " and " if loop.revindex == 2 else ", "


def tell(results: Results, design: Any = None) -> dict[str, tuple[str, ...]]:
    """Return the words of a study, by part: the sentences of answer, bullets, next and limits, and titles of tables.

    Parameters
    ----------
    results : Results, after small cells are hidden
    design : the plan, where a sentence needs it

    Returns
    -------
    dict: notebooks/views/STUDY.md.j2 filled, experiment.md.j2 where there is none. A line `== NAME` begins a
    part, a dash at the begin of a line one of several sentences; white space is folded.
    """
    template = open_templates(paths.VIEWS).select_template([f"{name}.md.j2" for name in (results.study, DEFAULT)])
    parts = re.split(r"^== *(.+?) *$", template.render(list_names(results, design)), flags=re.MULTILINE)
    lines = [[" ".join(line.split()) for line in re.split(r"^\s*- ", text, flags=re.MULTILINE)] for text in parts[2::2]]
    told = (tuple(re.sub(r" (?=[,;:.?)](?:\s|$))", "", line) for line in part if line) for part in lines)
    return dict(zip(parts[1::2], told, strict=True))


@lru_cache(maxsize=1)
def open_templates(folder) -> Environment:
    """The templates of a folder, each compiled once; codes are named as the results at hand name them."""
    made = Environment(loader=FileSystemLoader(folder), undefined=StrictUndefined)
    by_results = {name: pass_context(lambda by, code, name=name: by[name](code)) for name in ("label", "arm", "scale")}
    made.filters |= FILTERS | by_results
    made.globals |= {"between": _between, "sep": _find_separator}
    made.tests["known"] = lambda value: value is not None and value == value
    return made


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
    given = {name: getattr(design, name, None) for name in ("labels", "shown_as", "answers")}
    shown = {name: value.model_dump() if hasattr(value, "model_dump") else value for name, value in given.items()}
    is_missing = "metrics" not in results.tables and hasattr(design, "metrics")
    metrics = {"metrics": scales.list_metrics(design)} if is_missing else {}
    named = results.but(plan={**results.plan, **shown}, tables={**metrics, **results.tables})
    words = tell(named, design)
    labels = dict(re.split(r" *\| *", line, maxsplit=1) for line in words.get("labels", ()))
    named = named.but(plan={**named.plan, "labels": {**labels, **(shown["labels"] or {})}})
    words = tell(named, design) if labels else words  # whose sentences say them too
    kind, limits = words.get("kind", ())[:1], tuple(map(numbers.capitalise, words.get("limits", ())[:5]))
    reasons, say = getattr(design, "acknowledge", {}), partial(scales.say_codes, named)
    failed = [check for check in results.checks if check.status == "fail" and check.id in reasons]
    released = [RELEASED.format(say(check.message), reasons[check.id].rstrip(". ")) for check in failed]
    told = map(numbers.capitalise, (*words["answer"], *[*released, *words.get("bullets", ())][:4]))
    if results.status == "withheld":
        told = map(say, results.answer)
    answer = (*kind, *told, *(f"Next: {line}" for line in words.get("next", ())[:1]))
    question = (words.get("question") or (results.question,))[0]
    return named.but(question=question, answer=answer, limits=limits, words=words)
