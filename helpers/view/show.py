"""What a display cell calls: one results table as its view says, with its finding as heading and its downloads."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from helpers import disclosure
from helpers.plan.views import View, find_view, read_views
from helpers.records import Estimate, Refused, Results, suggest
from helpers.view import charts, html, numbers, rows
from helpers.view.html import Display, show_sentence
from helpers.view.scales import Scale, find_noun, name_arm, name_label, write_value
from helpers.view.views import HIDDEN, NUMERIC, fit, is_missing, turn, write_cell, write_rows

MOST_ROWS, MOST_COLUMNS = 30, 7
LONG = 14  # rows of a table that paper still shows
WITHHELD = "The effects of this run are withheld; the answer at the top says why."
KINDS = {"simulated": "Simulated data", "public": "Public data", "yours": "Your data"}


def show(
    results: Results, name: str, *, sort: str = "", most: int = MOST_ROWS, form: str = "", place: str = "", **equal: Any
) -> Display:
    """Return a results table for the report, as its view says: a table, a ladder or a chart.

    Parameters
    ----------
    results : Results
    name : str, of the table
    sort : str, optional, a column by which rows stand, largest first; smallest first with a minus before it
    most : int, rows that are shown; the file has all
    form : str, optional, another kind of picture than the view's; it has no heading then
    place : str, optional, a name of this part, where the page has several of one table
    equal : column=value that rows must have

    Returns
    -------
    Display: one sentence where there is no row. Withheld effects, and a table that this run does not have or that is
    empty, are absent: a section of nothing else leaves the page.

    Raises
    ------
    Refused: no study of this name has such a table.
    """
    if name not in results.tables and name not in read_views(results.study):
        raise Refused(f"show: there is no table {name}; {suggest(name, results.tables)}")
    view, frame = find_view(results.study, name), results.tables.get(name)
    if results.status == "withheld" and view.withheld:
        return show_sentence(WITHHELD, absent=True)
    none = view.none or f"There is nothing to show of {name.replace('_', ' ')}."
    if frame is None or frame.empty:
        return show_sentence(none, absent=True)
    for column, value in equal.items():
        frame = frame[frame[column] == value]
    if frame.empty:
        return show_sentence(none)
    if (reason := _find_reason(frame)) is not None:
        return show_sentence(f"{numbers.capitalise(reason)}.")
    if sort:
        frame = frame.sort_values(sort.lstrip("-"), ascending=sort.startswith("-"), kind="stable")
    frame = disclosure.coarsen_frame(results, name, frame)
    view = fit(view, frame, results)
    title = "" if form else find_title(results, name, *map(str, equal.values()))
    place, turned = place or name, turn(frame.reset_index(drop=True), view, results)
    drawn = DRAWN[form or view.kind](turned, view, results, place.replace(" ", "-"), most)
    note = (results.words.get(f"note {name}") or (view.note,))[0]
    note, place = ("", f"{name} {form}") if form else (note, place)
    return frame_part(results, drawn, title=title, note=note, name=place, frame=frame)


def _find_reason(frame: pd.DataFrame) -> str | None:
    """Why nothing of a table is known, where one reason that is not privacy stands in every row."""
    reasons = set(frame["reason"]) if "reason" in frame else set()
    only = reasons.pop() if len(reasons) == 1 else None
    return only.rstrip(".") if isinstance(only, str) and not only.startswith("hidden") else None


def find_title(results: Results, *names: str) -> str:
    """Return the finding of a table from the study's words: `title NAME VALUE`, else `title NAME`; empty without."""
    known = [results.words.get(f"title {name}") for name in (" ".join(names), names[0])]
    return next((found[0] for found in known if found), "")


def frame_part(
    results: Results, drawn: tuple[str, str, str], *, name: str, frame: pd.DataFrame, title: str = "", note: str = ""
) -> Display:
    """Return what was drawn under its heading, with a permalink, its source and its downloads.

    Parameters
    ----------
    results : Results
    drawn : (HTML, text, SVG); the SVG is empty where nothing but HTML was drawn
    name : str, of the part, from which its id and the names of its files come
    frame : DataFrame, what the CSV holds
    title, note : str, the finding; metric, unit and population. Where the data come from is the part `source NAME` of
        the study's words, else the run's own kind and size.
    """
    told, text, svg = drawn
    file, count = f"{results.study}_{name.replace(' ', '_')}", "1 row" if len(frame) == 1 else f"{len(frame):,} rows"
    content = html.write_csv(frame.to_dict("records"), list(frame))
    files = [(f"{file}.csv", f"Data ({count}, CSV)", "text/csv;charset=utf-8", content)]
    files += [(f"{file}.svg", "Picture (SVG)", "image/svg+xml", svg)] if svg else []
    kind = "" if results.data.kind == "simulated" else f"{tell_kind(results)}, "  # it stands on top
    source = f"{kind}{numbers.write_count(results.data.units)} {find_noun(results)}."
    words = {"title": title, "note": note, "source": results.words.get(f"source {name}", (source,))[0]}
    tag = "figure" if svg or 'class="rows' in told else "div"
    shown = html.draw("part", tag=tag, place=html.name_id(name), drawn=told, files=files, **words)
    return Display(shown, f"{title}\n{text}".strip())


def tell_kind(results: Results) -> str:
    """Return in words what kind of data a run has."""
    return KINDS.get(results.data.kind, results.data.kind)


def draw_table(frame: pd.DataFrame, view: View, results: Results, name: str = "", most: int = MOST_ROWS):
    """Return a table as HTML with scopes, a caption that says what a row is, and its own scroll box; and as text.

    At most seven columns and so many rows are drawn; a column that is blank in every row is left out.
    """
    told = write_rows(frame.head(most), view, results).iloc[:, :MOST_COLUMNS]
    shown = [(_head(view.columns[name].label, results), view.columns[name].format) for name in told]
    columns = [{"head": head, "n": form in NUMERIC, "judged": form == "verdict"} for head, form in shown]
    cut = f" (the first {most} of {len(frame):,})" if len(frame) > most else ""
    words = {"caption": f"Each row: {view.row}{cut}", "long": len(told) > LONG}
    words |= {"places": [html.name_id(name, place) for place in told[view.place]]} if view.place else {}
    return html.draw("table", columns=columns, rows=told.to_numpy().tolist(), **words), told.to_string(index=False), ""


def _head(label: str, results: Results) -> str:
    """A header, in which `{noun}` is the unit of analysis, `{control}` and `{treatment}` the arms in words."""
    words = {"noun": find_noun(results), "control": "with the control", "treatment": "with the treatment"}
    first, *others = results.data.units_by_variant or [None]  # of a run without effects
    planned = {"control": {first} - {None}, "treatment": set(others)}
    for side in ("control", "treatment") if "{" in label else ():
        arms = {getattr(e, side) for e in results.headline()} or planned[side]
        words |= {side: name_arm(results, arms.pop())} if len(arms) == 1 else {}
    return numbers.capitalise(re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], found[1]), label))


def _write_values(row: Mapping, written: Mapping[str, str], effect: str, view: View) -> tuple[str, ...]:
    """The values beside an effect; two shares so rounded that they subtract to it as printed."""
    names = view.chart.get("values", [])
    if [view.columns[name].format for name in names] != ["share", "share"]:
        return tuple(written[name] for name in names)
    first, second = (row[name] for name in names)
    low, high = (row[end] for end in view.columns[effect].ends)
    shown = {"estimand": "difference", "population": "landmark", "treatment_value": first, "control_value": second}
    e = Estimate("", "", "", "", "", **shown, estimate=row[effect], ci_low=low, ci_high=high)
    return tuple(write_value(value, Scale("", "", kind="binary"), beside=e) for value in (first, second))


def draw_ladder(frame: pd.DataFrame, view: View, results: Results, name: str = "", most: int = MOST_ROWS):
    """Return rows of a table as a ladder: the first column names a row, the first with ends is its effect.

    `chart` in the view may name the columns: `values` (as the contrast puts them, with `heads`), `note` (or a sentence
    with columns in braces), `group`, `verdict`, `band` (two columns), `null` (the value of no effect), `muted` (values
    of columns that rows without trust have), `log` (ratios, on a scale of their logarithm), and `contrast`, what the
    effect is. With `ends: true` the ends of a range stand for the effect in words.
    """
    found = list_rows(frame.head(most), view, results)
    heads = tuple(_head(head, results) for head in view.chart.get("heads", []))
    labels = (next(iter(view.shown.values())).label, view.columns[_name_effect(view)].label)
    what, amount = (_head(label, results) for label in labels)
    words = {"contrast": view.chart.get("contrast", "difference"), "caption": f"Each row: {view.row}"}
    drawn = rows.draw_rows(found, heads=heads, what=what, effect=amount, **words)
    return drawn, rows.tell_rows(found, heads), ""


def _name_effect(view: View) -> str:
    return view.chart.get("effect") or next(name for name, column in view.columns.items() if column.ends)


def list_rows(frame: pd.DataFrame, view: View, results: Results) -> list[rows.Row]:
    """Return the rows of a table as those of a ladder."""
    label, effect, spec, found = next(iter(view.shown)), _name_effect(view), view.chart, []
    note = spec.get("note", "")  # a column, or a sentence in which columns in braces are cells: told of what is known
    for row in frame.to_dict("records"):
        written = {c: write_cell(row.get(c), column, row, results) for c, column in view.columns.items()}
        words, _, interval = written[effect].partition(" [")
        if spec.get("ends") and interval:
            words, interval = interval.removesuffix("]").replace(", ", " to "), ""
        null, muted = row[spec["null"]] if "null" in spec else 0.0, spec.get("muted", {})
        value, *ends = (row.get(c) for c in (effect, *view.columns[effect].ends, *spec.get("band", [])))
        if spec.get("log"):  # a ratio of 2 stands as far from no effect as one of a half
            value, *ends = (None if is_missing(v) else math.log(v) for v in (value, *ends))
        known = not is_missing(value)
        low, high, *band = (None if is_missing(end) else end - null for end in ends)
        found.append(
            rows.Row(
                name=written[label],
                note=(note.format_map(written) if known else "") if "{" in note else written.get(note, ""),
                values=_write_values(row, written, effect, view) if known else (),
                effect=words if known else "",
                interval=f"[{interval}" if interval else "" if known else words,
                verdict=written.get(spec.get("verdict", ""), ""),
                middle=value - null if known else float("nan"),
                pieces=((low, high),) if known and low is not None else (),
                band=tuple(band) if band and band[0] is not None else None,
                unit=(effect,),
                muted=bool(muted) and all(row[c] == v for c, v in muted.items()),
                group=written.get(spec.get("group", ""), ""),
            )
        )
    return found


def color_lines(names: Sequence[str], control: str | None = None) -> dict[str, str]:
    """Return a colour for each line: arms have theirs (control blue, treatment orange), other groups shades of ink.

    Parameters
    ----------
    names : sequence of str
    control : str, optional
        The control among the arms; None where lines are no arms.
    """
    shades = charts.NEUTRAL if control is None else (charts.TREATMENT, *charts.OTHERS)
    colors = {name: shades[k % len(shades)] for k, name in enumerate(name for name in names if name != control)}
    return colors if control is None else {control: charts.CONTROL} | colors


def draw_chart(frame: pd.DataFrame, view: View, results: Results, name: str = "", most: int = 0):
    """Return a chart as its view says, both widths of it, with its lines named by the browser.

    `chart` in the view holds the settings of `charts.Chart`, of which `x` may be two columns, whose middle is meant;
    `style` those of `numbers.Style`; `control: true` says that lines are arms, which have colours of their own. A
    study's words may hold `fits NAME`, lines by their name, and `shaded NAME`, the ends of a range.
    """
    spec, key = dict(view.chart), ()
    if isinstance(spec["x"], list):
        frame, spec["x"] = frame.assign(middle=frame[spec["x"]].mean(axis=1)), "middle"
    if shaded := results.words.get(f"shaded {name}"):
        spec["shaded"] = shaded
    arms, more = spec.pop("control", False), ()
    style = numbers.Style(**spec.pop("style", {} if view.kind == "heat" else {"factor": 100, "suffix": " %"}))
    if view.kind == "heat":
        frame = frame.assign(**{spec["y"]: frame[spec["y"]] * style.factor})
    chart = charts.Chart(**spec, style=style, name=html.name_id(results.study, name))
    if view.kind == "curve":
        lines = list(frame[chart.by].drop_duplicates()) if chart.by else [""]
        first = results.estimates[0].control if arms and results.estimates else None
        colors = color_lines(sorted(lines, key=lambda line: line != first), first)
        known = {arm for e in results.headline() for arm in (e.control, e.treatment)} if first else set(lines)
        more = ({line: color if line in known else charts.NEUTRAL[1] for line, color in colors.items()},)
        key = _list_key(results, frame, chart, *more, arms=arms) if chart.by else ()
    if view.kind == "dose":
        more = (results.words.get(f"fits {name}", {}),)
    drawing = getattr(charts, view.kind)(frame, chart, *more)
    alternative = f"{find_title(results, name) or f'Each row: {view.row}'}."
    return html.draw("chart", key=key, words=alternative[:249], drawing=drawing), alternative, drawing.wide


def _list_key(results, frame, chart, colors, *, arms) -> list[tuple[str, str]]:
    """The colour of each line, with its name and last value."""
    found, labels = [], results.plan.get("labels") or {}
    for line, color in colors.items():
        known = frame[frame[chart.by] == line].dropna(subset=[chart.y])
        decimals = 0 if chart.style.prefix else 1
        last = numbers.write_number(known[chart.y].iloc[-1], chart.style, decimals=decimals) if len(known) else HIDDEN
        named = name_arm(results, line) if arms else labels.get(f"{chart.by}={line}") or name_label(results, line)
        found.append((color, f"{numbers.capitalise(named)}: {last}"))
    return found


DRAWN = {"table": draw_table, "ladder": draw_ladder, **dict.fromkeys(("curve", "dose", "heat"), draw_chart)}
