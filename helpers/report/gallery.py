"""The page of findings, reports/index.html: a card a run, with its answer and key figure, without script."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any

import pandas as pd

from helpers.records import DataInfo, Estimate, Results
from helpers.report.page import POLICY, TEMPLATES, drop_schemes, read_css
from helpers.tables.masthead import BOXES, WEIGHTY, key_estimates
from helpers.wording import (
    KINDS,
    capitalise,
    draw_interval,
    is_ratio,
    join_words,
    mark_verdict,
    read_scale,
    write_effect,
    write_interval,
)

FIRST = "evidence_review"
NUMBERS = ("estimate", "std_error", "ci_low", "ci_high", "p_value", "control_value", "treatment_value")
FAILED = "The last run failed; what stands here is older, or nothing."


def render(cards: Sequence[Mapping[str, Any]]) -> str:
    """Return the gallery's HTML: the evidence review first, then the runs in the order given.

    Parameters
    ----------
    cards : sequence of mapping
        `name`, `title`, `question`, `status`, `answer` (sentences), `data` (as in results.json, and `as_of` where
        known), `estimates` and `claims` (as in results.json), `metrics` and `keys` (rows of the results tables,
        optional), `href` (relative address of the report, or None), `failed` (bool), `study` (optional).

    Returns
    -------
    str: one file that loads nothing.
    """
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup

    ordered = sorted(cards, key=lambda c: FIRST not in (c.get("study"), c.get("name")))
    told = [_card(card) for card in ordered]
    page = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True).get_template("gallery.html.j2")
    css = Markup(read_css("gallery.css"))
    body = page.render(cards=told, css=css, policy=Markup(POLICY), summary=_summarise(cards))
    return drop_schemes(body)


def _summarise(cards) -> str:
    kinds = [card.get("data", {}).get("kind") for card in cards if not card.get("failed")]
    counted = [f"{kinds.count(k)} on {words}" for k, words in _PLURALS.items() if kinds.count(k)]
    failed = sum(bool(card.get("failed")) for card in cards)
    counted += [f"{failed} failed"] if failed else []
    told = f"{len(cards)} {'report' if len(cards) == 1 else 'reports'}"
    warning = " Simulated data test the methods and are no evidence." if "simulated" in kinds else ""
    return f"{told}{': ' + ', '.join(counted) if counted else ''}.{warning}"


_PLURALS = {"yours": "your own data", "public": "public data", "simulated": "simulated data"}
STATUSES = {"answered": "Answered", "interim": "Interim", "withheld": "Withheld"}


def _card(card: Mapping[str, Any]) -> dict[str, Any]:
    failed, status, data = bool(card.get("failed")), card.get("status", ""), card.get("data") or {}
    answer = card.get("answer") or []
    return {
        "kind": KINDS.get(data.get("kind"), data.get("kind") or "No data yet"),
        "question": card.get("question") or card.get("title") or card.get("name", ""),
        "href": card.get("href"),
        "state": "failed" if failed else status if status in BOXES else "",
        "box": FAILED if failed else BOXES.get(status, ""),
        "answer": _first_sentence(answer, data.get("note")),
        "under": _under(card, data),
        "figures": _figures(card),
    }


def _first_sentence(answer: Sequence[str], note: str | None) -> str:
    """The first sentence of the answer, and the next where the first only says that the data are simulated.

    A sentence that only says what the public data are is left out: the card says so below.
    """
    answer = answer[1:] if answer and answer[0] == note else answer
    return " ".join(answer[: 2 if answer and "simulated" in answer[0].lower() else 1])


def _under(card, data) -> str:
    """Where the data are from, the report's status and the data's date, and the claims that it bears on."""
    claims = [c["id"] for c in card.get("claims") or []]
    state = "Failed" if card.get("failed") else STATUSES.get(card.get("status", ""), "")
    undated = "" if data.get("kind") == "simulated" else "data without a date"
    dated = f"data to {_write_day(data['as_of'])}" if data.get("as_of") else undated
    parts = [
        data.get("note") or data.get("source") or "",
        ", ".join(part for part in (state, dated if data else "") if part),
        f"Bears on published {'claim' if len(claims) == 1 else 'claims'} {_write_claims(claims)}" if claims else "",
    ]
    return " ".join(f"{capitalise(part.rstrip('. '))}." for part in parts if part)


def _write_day(day) -> str:
    found = date.fromisoformat(str(day)[:10])
    return f"{found.day} {found:%B %Y}"


def _write_claims(ids: Sequence[str]) -> str:
    """Name claims, neighbours of one series as a range: P01 to P17, R03."""
    runs: list[list[str]] = []
    for name in ids:
        last = runs[-1][-1] if runs else ""
        follows = (
            last[:1] == name[:1] and last[1:].isdigit() and name[1:].isdigit() and int(name[1:]) - int(last[1:]) == 1
        )
        runs = [*runs[:-1], [*runs[-1], name]] if follows else [*runs, [name]]
    return join_words([f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(run) for run in runs])


def _figures(card) -> list[dict[str, Any]]:
    """The key figure, and the first clear benefit or harm where that is another."""
    results = _read(card)
    chosen = [e for e in key_estimates(results) if math.isfinite(e.estimate)]
    weighty = [e for e in chosen[1:] if e.verdict in WEIGHTY and chosen[0].verdict not in WEIGHTY]
    told = [{"name": k["name"], "effect": k["figure"], "interval": k["note"]} for k in card.get("keys", [])[:1]]
    return [] if card.get("failed") else [*(_figure(e, results) for e in (*chosen[:1], *weighty[:1])), *told]


def _figure(e: Estimate, results: Results) -> dict[str, Any]:
    from markupsafe import Markup

    scale = read_scale(results, e.metric)
    return {
        "name": capitalise(scale.label),
        "effect": write_effect(e, scale),
        "picture": Markup(draw_interval(e, null=1.0 if is_ratio(e) else 0.0, width=220)),
        "interval": write_interval(e, scale),
        "verdict": Markup(mark_verdict(e.verdict)),
    }


def _read(card) -> Results:
    """The card's estimates as records again: null is nan where a number is meant."""
    known = {f.name for f in fields(Estimate)}
    rows = [{k: v for k, v in row.items() if k in known} for row in card.get("estimates") or []]
    found = [Estimate(**{k: math.nan if v is None and k in NUMBERS else v for k, v in row.items()}) for row in rows]
    metrics = pd.DataFrame(card.get("metrics") or [], dtype=object)
    data = DataInfo("", "", "", None, 0, 0)
    tables = {} if metrics.empty else {"metrics": metrics}
    return Results("", "", "", card.get("status", ""), data, {}, estimates=tuple(found), tables=tables)
