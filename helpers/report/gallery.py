"""The page of findings, reports/index.html: one scorecard row a run, hers first; written when what it shows changes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from helpers import paths
from helpers.report import cache, folders

STATE = Path(folders.PRIVATE) / folders.WORK / "index.json"
GROUPS = {  # in which order runs stand: what the group is called
    "yours": "Your own data",
    "simulated": "Questions about support, on simulated data",
    "public": "The same methods on real data of others",
    "validation": "Can the methods be trusted?",
    "none": "No report yet",
}
FAILED = "The last run failed; what stands here is older, or nothing."
KINDS = {"yours": "your own data", "public": "public data", "simulated": "simulated data, no evidence"}


def update_index(out, *, checksums) -> Path:
    """Write index.html when what it shows has changed; return its path.

    Parameters
    ----------
    out : Path
        Folder of the reports.
    checksums : Checksums

    Raises
    ------
    OSError: the folder cannot be written and something has changed.
    """
    out = Path(out)
    index = out / "index.html"
    if index.exists() and _read(out / STATE) == _state(out, checksums):
        return index
    with folders.hold_lock(out, "index"):
        state = _state(out, checksums)
        folders.write_file(index, render(collect_cards(out)))
        folders.write_file(out / STATE, json.dumps(state))
    return index


def collect_cards(out) -> list[dict[str, Any]]:
    """Return one card a run that has a report or has failed, from its run.json and results.json.

    Returns
    -------
    list of dict: name, group, kind, question, answer, next, mark, status, date, started, href, failed
    """
    found = []
    for folder in _run_folders(Path(out)):
        results, record = _read(folder / "results.json") or {}, _read(folder / "run.json") or {}
        kind = results.get("data", {}).get("kind", "")
        found.append(
            {
                "answer": next(iter(results.get("answer", [])), ""),
                "question": record.get("question") or folder.name,
                "mark": None,
                **(record.get("card") or {}),
                "name": folder.name,
                "group": "validation" if results.get("study") == "validation" else kind or "none",
                "kind": KINDS.get(kind, "no data yet"),
                "status": results.get("status", ""),
                "date": record.get("as_of") or "",
                "started": record.get("started", ""),
                "href": f"{folder.name}/{'report' if results else 'failed'}.html",
                "failed": (folder / "failed.html").is_file(),
            }
        )
    return found


def render(cards: Sequence[Mapping[str, Any]]) -> str:
    """Return the gallery's HTML: an overall sentence, then the runs by group, the newest of her own first.

    Parameters
    ----------
    cards : sequence of mapping, as `collect_cards` gives them

    Returns
    -------
    str: one file that loads nothing.
    """
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup

    from helpers.report.page import POLICY, TEMPLATES, drop_schemes, read_css
    from helpers.view.html import mark_verdict
    from helpers.view.rows import Row, draw_mark, find_axis

    groups: dict[str, list] = {name: [] for name in GROUPS}
    for card in sorted(cards, key=lambda card: card["started"], reverse=True):
        groups.setdefault(card["group"], []).append(dict(card))
    for card in (card for group in groups.values() for card in group):
        mark = card["mark"]
        card["box"] = FAILED if card["failed"] else {"interim": "Interim", "withheld": "Withheld"}.get(card["status"])
        if mark and mark["middle"] is not None:
            pieces = () if mark["low"] is None else ((mark["low"], mark["high"]),)
            row = Row("", "", middle=mark["middle"], pieces=pieces, verdict=mark["verdict"])
            card["drawn"] = Markup(draw_mark(row, find_axis([row])))
        if mark and mark["verdict"]:
            card["judged"] = Markup(mark_verdict(mark["verdict"]))
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True)
    named = {GROUPS.get(name, name): group for name, group in groups.items() if group}
    text = environment.get_template("gallery.html.j2").render(
        groups=named, css=Markup(read_css()), policy=Markup(POLICY), summary=_summarise(cards)
    )
    return drop_schemes(text)


def _summarise(cards) -> str:
    own, failed = sum(card["group"] == "yours" for card in cards), sum(card["failed"] for card in cards)
    first = (
        f"{own} of {len(cards)} reports {'speaks' if own == 1 else 'speak'} of your own data."
        if own
        else f"{len(cards)} reports, none of them on your own data yet: they show the methods, not your product."
    )
    return f"{first}{f' {failed} failed the last time.' if failed else ''}"


def _run_folders(out):
    return sorted(f for f in out.glob("[a-z0-9]*") if (f / "results.json").is_file() or (f / "failed.html").is_file())


def _state(out, checksums):
    files = [[f.name, checksums.of(f / "run.json"), (f / "failed.html").is_file()] for f in _run_folders(out)]
    return cache.digest([checksums.of(paths.REPOSITORY / "helpers"), files])


def _read(file):
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return None
