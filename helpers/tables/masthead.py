"""The first screen: kind of data, question, answer, key figures, and what the report cannot show."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from helpers.records import Estimate, Results
from helpers.wording import (
    Display,
    capitalise,
    draw_interval,
    escape,
    escape_prose,
    is_lift,
    is_ratio,
    mark_verdict,
    name_kind,
    name_metric,
    read_scale,
    write_effect,
    write_interval,
    write_value,
)

BOXES = {"withheld": "Withheld: no effect is shown", "interim": "Interim: the study is not complete"}
RELEASED = "Released by the plan although a check failed"
GRAVE = ("srm", "two_variants")
MOST_KEYS = 4
WEIGHTY = ("clear benefit", "clear harm")
BOLD = ("clear benefit", "clear harm", "clear difference", "no clear difference")
ROLE_ORDER = ("primary", "guardrail", "secondary")


def masthead(results: Results) -> Display:
    """Return the first screen of a report.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Display: data kind in words, the question as heading, the answer, at most four key figures with interval and
    verdict. A withheld or interim answer stands in a ruled box that says so first; withheld shows no figure.
    """
    answer = _answer(results)
    state, box = _state(results)
    if box:
        answer = f'<div class="box {state}"><p class="state">{box}</p>{answer}</div>'
    html = (
        f'<header class="masthead"><p class="kind">{escape(name_kind(results.data))}</p>'
        f"<h1>{escape(results.question)}</h1>"
        f'<div class="answer">{answer}</div>{_keys(results)}</header>'
    )
    text = "\n".join([name_kind(results.data), results.question, *([box] if box else []), *results.answer])
    return Display(html, text)


def _state(results: Results) -> tuple[str, str]:
    """How the answer is boxed, and what the box says first; one that the plan released despite a grave check too."""
    failed = [check for check in results.checks if check.id in GRAVE and check.status == "fail"]
    released = results.status == "answered" and failed
    return ("released", RELEASED) if released else (results.status, BOXES.get(results.status, ""))


def _answer(results: Results) -> str:
    """The answer's paragraphs: effects and verdicts bold, the sentence that the data are simulated muted."""
    effects = [e for e in results.select(role=ROLE_ORDER, segment=None, at=None) if not is_lift(e)]
    found = {escape_prose(write_effect(e, read_scale(results, e.metric))) for e in effects}
    bold = "|".join(map(re.escape, sorted({*found, *BOLD}, key=len, reverse=True)))
    told = [escape_prose(sentence) for sentence in results.answer]
    told = [re.sub(rf"(?<![\w.])({bold})(?!\w)", r"<strong>\1</strong>", sentence, flags=re.I) for sentence in told]
    first = '<p class="said">' if results.data.kind == "simulated" else "<p>"
    return "".join(f"{'<p>' if place else first}{sentence}</p>" for place, sentence in enumerate(told))


def key_estimates(results: Results) -> tuple[Estimate, ...]:
    """Return the headline effects that stand on the first screen, at most four, primary ones first.

    One row a metric and treatment, clear benefits and harms before the rest of their role: a lift is left to the
    tables; a metric that is not estimable stays, said as such.
    """
    if results.status == "withheld":
        return ()
    found = [
        e
        for role in ROLE_ORDER
        for e in sorted(results.select(role=role, segment=None, at=None), key=lambda e: e.verdict not in WEIGHTY)
        if not is_lift(e) and e.population in ("itt", "responders", "landmark")
    ]
    first: dict[tuple[str, str], Estimate] = {}
    for e in found:
        first.setdefault((e.metric, e.treatment), e)
    return tuple(first.values())[:MOST_KEYS]


def _keys(results: Results) -> str:
    chosen = key_estimates(results)
    several = len({e.treatment for e in chosen}) > 1
    told = results.tables["keys"].to_dict("records") if "keys" in results.tables else []
    cards = "".join([*map(_told_key, told), *(_key(e, results, several) for e in chosen)][:MOST_KEYS])
    return f'<ul class="keys">{cards}</ul>' if cards else ""


def _told_key(key: Mapping[str, str]) -> str:
    """A key figure in words, which stands before the effects: a row of the table `keys`."""
    return (
        f'<li><span class="name">{escape(key["name"])}</span>'
        f'<strong class="figure">{escape_prose(key["figure"])}</strong>'
        f'<span class="between">{escape_prose(key["note"])}</span></li>'
    )


def _key(estimate: Estimate, results: Results, several: bool) -> str:
    scale = read_scale(results, estimate.metric)
    picture = draw_interval(estimate, null=1.0 if is_ratio(estimate) else 0.0)
    arms = ""
    if not math.isnan(estimate.control_value):
        arms = (
            f"{write_value(estimate.treatment_value, scale, beside=estimate)} in {estimate.treatment}, "
            f"{write_value(estimate.control_value, scale, beside=estimate)} in {estimate.control}"
        )
    interval = "" if math.isnan(estimate.estimate) else write_interval(estimate, scale)
    return (
        f'<li><span class="name">{escape(capitalise(name_metric(estimate, scale, several=several)))}</span>'
        f'<strong class="figure">{escape_prose(write_effect(estimate, scale))}</strong>{picture}'
        f'<span class="between">{escape_prose(interval)}</span>'
        f'{mark_verdict(estimate.verdict)}<span class="arms">{escape_prose(arms)}</span></li>'
    )


def limits(results: Results) -> Display:
    """Return "What this cannot show": the limits of the design and the data, one line each."""
    items = "".join(f"<li>{escape_prose(line)}</li>" for line in results.limits)
    return Display(f'<ul class="limits">{items}</ul>', "\n".join(results.limits))
