"""How the answer came about: trust, limits, design, claims, the run's record; and what goes beside the report."""

import hashlib
import io
import math
import re
import textwrap
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from helpers import paths
from helpers.inference.credibility import find_promise
from helpers.inference.methods import Method
from helpers.plan.views import find_view
from helpers.records import DETAIL, STATUS_WORDS, Results, to_frame
from helpers.schema import say
from helpers.view import charts, html, numbers, scales
from helpers.view.effects import BOXES, list_card, name_columns, scorecard, split_answer, tell_dates
from helpers.view.html import UNDECIDED, WIDE, Axis, Display, Row, find_axis, list_facts, show_sentence
from helpers.view.numbers import capitalise, join_words
from helpers.view.show import draw_table, frame_part, show, tell_kind

EACH_CLAIM = "Each stands with its reason in the review of all evidence, the first card of the gallery."
SIZE, LINE = 1000, 46  # CSS pixels: the picture's width, and the height of a row
FAINT = {"color": charts.MUTED, "size": 9}
NO_CHECKSUM = "none: made by this run, or read from a database, which could change meanwhile"
VERBS = {"pass": ("passes", "pass"), "fail": ("fails", "fail")}


def limits(results: Results) -> Display:
    """Return "What this cannot show": the limits of the design and the data, one line each."""
    return Display(html.draw("lines", told=results.limits, kind="limits"), "\n".join(results.limits))


def trust_line(results: Results) -> Display:
    """Return the trust checks in one line, with what does not pass, and their table behind it."""
    if not results.checks:
        return show_sentence("No trust check applies to this run.")
    counts = Counter(check.status for check in results.checks)
    told = [f"{n} {VERBS[s][n > 1] if s in VERBS else STATUS_WORDS.get(s, s)}" for s, n in counts.most_common()]
    open_ = [c for c in results.checks if c.status in ("fail", "warn")]
    labels = tuple(results.tables.get("metrics", {}).get("label", ()))
    same: dict[str, list[str]] = {}  # what is told of several metrics alike is told of them together
    for about, mark, rest in (c.message.partition(DETAIL)[0].rstrip(".").partition(": ") for c in open_):
        same.setdefault(mark + rest or about, []).append(about)
    heads = [join_words(dict.fromkeys(about)) + rest * rest.startswith(": ") for rest, about in list(same.items())[:3]]
    own = labels if results.data.kind == "yours" else ()  # names that stay as she wrote them
    spoken = "".join(f" {head if own and head.startswith(own) else capitalise(head)}." for head in heads)
    line = f"{say(len(results.checks), 'check')}: {', '.join(told)}.{scales.say_codes(results, spoken)}"
    frame = to_frame(results.checks).assign(check=[_name_check(results, check.id) for check in results.checks])
    said = frame.assign(message=[scales.say_codes(results, message) for message in frame["message"]])
    drawn = draw_table(said, find_view(results.study, "checks"), results, most=len(said))
    part = frame_part(results, drawn, name="checks", frame=frame)
    has_sums = not results.tables.get("event_sums", frame[:0]).empty
    drawn = part.html + (show(results, "event_sums").html if has_sums else "")
    noticed = [scales.say_codes(results, capitalise(m.removeprefix("public:"))) for m in results.data.messages]
    return Display(html.draw("trust", line=line, checks=drawn, steps=_list_steps(results), noticed=noticed), line)


def _name_check(results, name) -> str:
    kind, _, rest = name.partition("_")
    known = {"srm": "sample ratio", "missing": "missing values", "domain": "domain of the method"}
    if kind not in known or not rest:
        return capitalise(known.get(name, name.replace("_", " ")))
    return capitalise(f"{known[kind]}, {scales.name_label(results, rest)}")


def _list_steps(results: Results) -> list[tuple[str, str]]:
    steps = [(s, f"{numbers.write_count(n)}{f', {note}' if note else ''}") for s, n, note in results.data.steps]
    told, noun = [(capitalise(name), words) for name, words in steps], scales.find_noun(results)
    for arm, n in results.data.units_by_variant.items() if results.data.units else ():
        told.append((f"{capitalise(noun)}, {scales.name_arm(results, arm)}", numbers.write_count(n)))
    return told


def describe_plan(results: Results) -> Display:
    """Return what was planned, from the study's words, whose part `design` holds lines "decision | words"."""
    told = [re.split(r" *\| *", line, maxsplit=1) for line in results.words.get("design", ())]
    found = results.plan.get("departures") or []
    moved = [f"{d['parameter'].replace('_', ' ')} is {_tell(d['used'])}, planned {_tell(d['planned'])}" for d in found]
    departures = ("Departures from the plan", "; ".join(moved) or "none")
    return list_facts((*(pair for pair in told if pair[1]), departures))


def describe_design(results: Results) -> Display:
    """Return an experiment as planned, and its metrics; absent where a run is about none."""
    if "metrics" not in results.tables:
        return show_sentence("This run is about no experiment.", absent=True)
    facts, metrics = describe_plan(results), results.tables["metrics"]
    table, text, _ = draw_table(metrics, find_view(results.study, "metrics"), results, most=len(metrics))
    return Display(facts.html + table, f"{facts.text}\n{text}")


def _tell(value) -> str:
    several = value if isinstance(value, list | tuple) else [] if value is None else [value]
    return join_words(map(str, several))


def count_claims(results: Results) -> Display:
    """Return in one line how the published claims ended in this run, and where each stands with its reason."""
    if not results.claims:
        return show_sentence("No published claim bears on this run.", absent=True)
    told = join_words(f"{n} {v}" for v, n in Counter(c.verdict for c in results.claims).most_common())
    line = f"{say(len(results.claims), 'published claim')}: {told}. {EACH_CLAIM}"
    return Display(html.draw("line", told=line), line)


def methods(results: Results) -> Display:
    """Return the methods that made an effect of this run, with what each does and who described it.

    They stand in views/method_sources.yaml, found by the words in `Estimate.method`, or by a table of the run. Those of
    which something is promised are named behind them, each a link to where the page of methods works it.
    """
    known = paths.read_words(paths.VIEWS / "method_sources.yaml")
    said = " ".join(estimate.method.lower() for estimate in results.estimates)
    tables = {name for name, table in results.tables.items() if len(table)}
    chosen = [m for m in known if any(word in said for word in m["of"]) or tables & set(m.get("tables", ()))]
    facts = list_facts((m["name"], f"{capitalise(m['says'])} ({m['by']}).") for m in chosen)
    promised = set()
    for e in results.estimates:
        unit = "units" if e.clusters_control is None else "clusters"
        promised.add(find_promise(e.method, e.estimand, unit=unit, adjustment=e.adjustment))
    worked = sorted(method.name for method in promised if isinstance(method, Method))
    linked = html.draw("worked", names={name: html.name_id(name) for name in worked})
    return Display(facts.html + linked, facts.text)


def run_record(results: Results, parameters: Mapping[str, Any]) -> Display:
    """Return the run's record: parameters as used, and the checksums of data, plan and lock.

    Parameters
    ----------
    results : Results
    parameters : mapping
        As the notebook used them; those that are None follow the plan.

    Returns
    -------
    Display: times, machine and versions stand in run.json, since equal runs differ in them.
    """
    data, plan = results.data, results.plan
    given = [f"{name.replace('_', ' ')} {_tell(_hide(v))}" for name, v in parameters.items() if v is not None]
    given += ["all others as planned"] if None in parameters.values() else []
    kind = tell_kind(results)
    told = data.note if data.note.startswith(kind.split()[0]) else f"{kind}: {data.source}. {data.note}"
    rows = {"Parameters": "; ".join(given), "Data": told}
    rows |= {"Data checksum (SHA-256)": data.sha256 or NO_CHECKSUM, "Plan": plan.get("file")}
    rows |= {"Plan checksum (SHA-256)": plan.get("sha256")}
    rows |= {"Lock checksum (SHA-256)": hashlib.sha256(paths.LOCK.read_bytes()).hexdigest()}
    return list_facts((name, told) for name, told in rows.items() if told)


def _hide(value):
    """Leave of a path its base name, and of an address what is not a user or a password."""
    if isinstance(value, list | tuple):
        return [_hide(v) for v in value]
    if not isinstance(value, str) or "/" not in value:
        return value
    return re.sub(r"//[^@/]*@", "//", value) if "://" in value else value.rstrip("/").rsplit("/", 1)[-1]


def write_summary(results: Results) -> str:
    """Return the answer, the scorecard and the limits as Markdown that reads as plain text too."""
    kind, headline, bullets, following = split_answer(results)
    card = scorecard(results).text
    parts = [f"# {results.question}", f"*{kind}* {tell_dates(results)}".strip(), BOXES.get(results.status, "")]
    parts += [f"**{headline}**" if headline else "", "\n".join(f"- {line}" for line in bullets)]
    parts += [f"Next: {following}" if following else "", f"## Scorecard\n\n{card}" if card else ""]
    parts += ["## What this cannot show\n\n" + "\n".join(f"- {line}" for line in results.limits)]
    return "\n\n".join(part for part in parts if part) + "\n"


def make_card(results: Results) -> dict[str, Any]:
    """Return the gallery's row of a run: kind, question, answer in one line, what is next, and its first mark.

    Returns
    -------
    dict: JSON types; `mark` holds name, effect, interval, verdict, and low, middle, high of the first scorecard row
    that has a figure; None where there is none.
    """
    kind, headline, _, following = split_answer(results)
    mark, metrics = None, results.tables.get("metrics")
    is_idle = metrics is not None and "role" in metrics and "primary" not in set(metrics["role"])
    for first in list_card(results)[0][:1]:
        ends = [v for piece in first.pieces for v in piece if v is not None and math.isfinite(v)]
        mark = {"name": first.name, "effect": first.effect, "interval": first.interval}
        mark["verdict"] = UNDECIDED if is_idle and first.verdict else first.verdict
        middle = None if first.middle != first.middle else first.middle
        mark |= {"low": min(ends, default=None), "middle": middle, "high": max(ends, default=None)}
    told = {"kind": kind, "question": results.question, "answer": headline, "next": following, "mark": mark}
    group = next(iter(results.words.get("group", ())), None)  # where it stands, if not by its data
    return told | {"dated": not results.words.get("card only"), "group": group}


def draw_scorecard(results: Results) -> bytes | None:
    """Return the scorecard as a PNG with question and answer; None where no effect may be seen.

    The same bytes on any machine: drawn in the packaged font.
    """
    rows, effects = list_card(results)
    if not rows:
        return None
    kind, headline, _, _ = split_answer(results)
    title, answer = textwrap.wrap(results.question, 74), textwrap.wrap(headline, 104)
    below, axis, stream = 50 + 26 * len(title), find_axis(rows), io.BytesIO()
    top = below + 22 * len(answer) + 24
    with charts.themed():
        figure = Figure(figsize=(SIZE / 100, (top + LINE * len(rows) + 24) / 100), dpi=150, facecolor="white")
        canvas = FigureCanvasAgg(figure)
        _write(figure, 24, 22, textwrap.shorten(kind, 130, placeholder=" …"), **FAINT)
        for place, line in enumerate(title):
            _write(figure, 24, 48 + 26 * place, line, size=16, weight="semibold")
        for place, line in enumerate(answer):
            _write(figure, 24, below + 22 * place, line, size=11.5)
        _write(figure, 590, top - 16, capitalise(name_columns(results, effects)[1]), **FAINT)
        for place, row in enumerate(rows):
            _draw_row(figure, row, axis, top + LINE * place)
        canvas.print_png(stream, metadata={"Software": None})
    return stream.getvalue()


def _write(figure: Figure, left: float, top: float, text: str, **style) -> None:
    high = figure.get_size_inches()[1] * 100
    figure.text(left / SIZE, 1 - top / high, text, va="center", **style)


def _draw_row(figure: Figure, row: Row, axis: Axis, top: float) -> None:
    middle = top + LINE / 2
    _write(figure, 24, middle - (8 if row.note else 0), row.name[:44], size=11, weight="semibold")
    _write(figure, 24, middle + 10, row.note[:60], size=8.5, color=charts.MUTED)
    _write(figure, 330, middle - 8, row.effect, size=11, weight="semibold")
    _write(figure, 330, middle + 10, f"{row.interval}   {row.verdict}"[:52], size=8.5, color=charts.MUTED)
    if row.unit not in axis.reach:
        return
    high = figure.get_size_inches()[1] * 100
    axes = figure.add_axes((590 / SIZE, 1 - (top + LINE) / high, 380 / SIZE, LINE / high))
    axes.set(xlim=(0, WIDE), ylim=(0, 1))
    axes.axis("off")
    if row.band:
        axes.axvspan(*axis.span(row.band, row.unit), color=charts.BAND, linewidth=0)
    axes.axvline(axis.share * WIDE, color=charts.MUTED, linewidth=0.8)
    for piece in row.pieces:
        ends = axis.span(piece, row.unit)
        axes.plot(ends, (0.5, 0.5), color=charts.INK, linewidth=2, linestyle=(0, (3, 1.5)) if row.dashed else "solid")
    if np.isfinite(row.middle):
        axes.plot(axis.place(row.middle, row.unit), 0.5, "o", color=charts.INK, markersize=7)
