"""What a display cell calls: one results table as its view says, with its finding as heading and its downloads."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd

from helpers import disclosure
from helpers.plan.views import Column, View, find_view, read_views
from helpers.records import Estimate, Refused, Results, suggest
from helpers.view import charts, html, numbers, scales
from helpers.view.html import Display, Row, show_sentence
from helpers.view.scales import HIDDEN, name_arm, name_label

MOST_ROWS, MOST_COLUMNS = 30, 7
LONG = 14  # rows of a table that paper still shows
WITHHELD = "The effects of this run are withheld; the answer at the top says why."
KINDS = {"simulated": "Simulated data", "public": "Public data", "yours": "Your data"}


def _write_any(value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return numbers.write_number(value) if isinstance(value, (int, float)) else str(value)


def _write_label(results, code) -> str:
    """What a code is called; metrics and events of the reader's own data begin as she wrote them."""
    told, own = name_label(results, code), {"metrics": "metric", "event_sums": "event"}
    is_own = any(code in [*results.tables.get(table, {}).get(key, ())] for table, key in own.items())
    return scales.begin(results, told) if is_own else numbers.capitalise(told)


# The formats of columns: of a value alone, of a code with the words of its run, in a style of its own or of its row.
PLAIN: dict[str, Callable[[Any], str]] = {
    "text": lambda value: numbers.capitalise(numbers.drop_underscores(str(value))),
    "as_is": str,
    "any": _write_any,
    "count": numbers.write_count,
    "rank": numbers.write_count,
    "percent": partial(numbers.write_share, decimals=0),
    "chance": numbers.write_chance,
    "number": numbers.write_number,
    "day": lambda value: f"Day {value:g}",
    "wait": numbers.write_wait,
    "p": lambda value: numbers.write_p(value).removeprefix("p ").removeprefix("= "),
    "yes": lambda value: "yes" if value else "no",
    "verdict": str,
}
NAMED: dict[str, Callable[[Results, str], str]] = {"label": _write_label, "begin": scales.begin, "arm": name_arm}
NAMED["contrast"] = scales.name_contrast
STYLES = {"points": numbers.POINTS, **dict.fromkeys(("share", "percent", "chance"), numbers.PERCENT)}
STYLES |= {"times": numbers.Style(suffix=" times"), "minutes": numbers.Style(suffix=" minutes", signed=True)}
FORMATS = {*PLAIN, *NAMED, *STYLES, "effect", "value", "gap", "money", "cost"}
NUMERIC = FORMATS - {"text", "as_is", "any", "day", "yes", "verdict", *NAMED}


def write_cell(value: Any, column: Column, row: Mapping[str, Any], results: Results) -> str:
    """Return one cell in words; of a value with ends, its interval too; "hidden for privacy" where it is hidden.

    Where one end alone is known, such as of a median that lies beyond what was followed, that one stands.

    Parameters
    ----------
    value, row : the cell, and the whole row as a mapping
    column : Column
    results : Results
        For labels, units and the level of metrics.
    """
    form, reason = column.forms.get(str(row.get(column.by)), column.format), row.get("reason") if column.ends else None
    if is_missing(value) and isinstance(reason, str):
        return HIDDEN if reason.startswith("hidden") else reason
    ends = [None if is_missing(row.get(end)) else row[end] for end in column.ends or ()]
    ray = numbers.write_range(*ends, _find_style(form, row, results), None) if ends.count(None) == 1 else ""
    if is_missing(value):
        return ray
    if not column.ends:
        return column.words.get(str(value)) or _write(value, form, row, results)
    (low, high), known = ends, None not in ends
    if known and low == high == value:  # counted, not estimated
        return _write(value, form, row, results)
    if known and form == "rank":
        return f"{value:.0f} ({low:.0f} to {high:.0f})"
    style = _find_style(form, row, results)
    if not known:
        return numbers.write_number(value, style) + f" ({ray})" * bool(ray)
    decimals = numbers.count_decimals(low, high, factor=style.factor)
    ends = (numbers.write_number(end, replace(style, suffix=""), decimals=decimals) for end in (low, high))
    return f"{numbers.write_number(value, style, decimals=decimals)} [{', '.join(ends)}]"


def _write(value, form, row, results) -> str:
    if form in PLAIN:
        return PLAIN[form](value)
    if form in NAMED:
        return NAMED[form](results, value)
    style = _find_style(form, row, results)
    decimals, ends = 1 if style.factor == 100 else None, (row.get("ci_low"), row.get("ci_high"))
    if form in ("cost", "money"):  # in cents where it is small, whole where it is not
        decimals = 2 if 0 < abs(value) < 10 else 0
    elif form == "times" and abs(value) < 10:
        decimals = 2
    elif form == "gap" and not any(map(is_missing, ends)):  # as fine as the effect that it stands beside
        decimals = numbers.count_decimals(*ends, factor=style.factor)
    return numbers.write_number(value, style, decimals=decimals)


def _find_style(form, row, results) -> numbers.Style:
    """How a value is printed; its own metric or unit says it where rows measure different things."""
    if form not in FORMATS:
        raise Refused(f"no format of a column is called {form}; there are {', '.join(sorted(FORMATS))}")
    if form in ("effect", "value", "gap"):
        scale = scales.read_scale(results, row["metric"])
        return scales.style_value(scale) if form == "value" else scales.style_gap(scale, signed=form == "effect")
    if form in ("money", "cost"):
        return numbers.Style(1, numbers.read_currency(row.get("unit", "USD")), "", form == "money")
    return STYLES.get(form, numbers.Style())


def is_missing(value) -> bool:
    """Return whether there is nothing in a cell."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


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
    is_absent = frame is None or frame.empty
    for column, value in {} if is_absent else equal.items():
        frame = frame[frame[column] == value]
    if is_absent or frame.empty:
        return show_sentence(view.none or f"There is nothing to show of {name.replace('_', ' ')}.", absent=is_absent)
    if (reason := _find_reason(frame)) is not None:
        return show_sentence(f"{numbers.capitalise(reason)}.")
    if sort:
        frame = frame.sort_values(sort.lstrip("-"), ascending=sort.startswith("-"), kind="stable")
    frame, place = disclosure.coarsen_frame(results, name, frame), place or name
    turned = _turn(frame.reset_index(drop=True), view, results)
    drawn = DRAWN[form or view.kind](turned, view, results, place.replace(" ", "-"), most)
    if form:
        return frame_part(results, drawn, name=f"{name} {form}", frame=frame)
    note = (results.words.get(f"note {name}") or (view.note,))[0]
    title = find_title(results, name, *map(str, equal.values()))
    return frame_part(results, drawn, title=title, note=note, name=place, frame=frame)


def _find_reason(frame: pd.DataFrame) -> str | None:
    """Why nothing of a table is known, where one reason that is not privacy stands in every row."""
    reasons = set(frame["reason"]) if "reason" in frame else set()
    only = reasons.pop() if len(reasons) == 1 else None
    return only.rstrip(".") if isinstance(only, str) and not only.startswith("hidden") else None


def _turn(frame: pd.DataFrame, view: View, results: Results) -> pd.DataFrame:
    """A table in which effects, with their ends, read as the plan displays them."""
    for name, column in view.columns.items() if scales.is_turned(results) else ():
        if column.format == "effect" and name in frame:
            ends = zip(column.ends or (), reversed(column.ends or ()), strict=True)
            frame = frame.assign(**{name: -frame[name]}, **{end: -frame[other] for end, other in ends})
    return frame


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
    source = f"{kind}{_count_units(results, told)}." if results.data.units else ""
    words = {"title": title, "note": note, "source": results.words.get(f"source {name}", (source,))[0]}
    tag = "figure" if svg or 'class="rows' in told else "div"
    shown = html.draw("part", tag=tag, place=html.name_id(name), drawn=told, files=files, **words)
    return Display(shown, f"{title}\n{text}".strip())


def _count_units(results, drawn):
    """How many units there are, and apart from them those of drawn groups that are in no arm of an effect."""
    arms = {arm for e in results.headline() for arm in (e.control, e.treatment)}
    apart = {name_arm(results, arm): n for arm, n in results.data.units_by_variant.items() if arms and arm not in arms}
    first = f"{numbers.write_count(results.data.units - sum(apart.values()))} {scales.find_noun(results)}"
    named = (f"{numbers.write_count(n)} {arm}" for arm, n in apart.items() if arm.casefold() in drawn.casefold())
    return numbers.join_words([first, *named])


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


def write_rows(frame: pd.DataFrame, view: View, results: Results) -> pd.DataFrame:
    """Return a table in words, one column a shown column of the view that the table has.

    Columns that are blank are left out, and so is a contrast or treatment that all rows share.
    """
    rows, told = frame.to_dict("records"), {}
    for name, column in view.shown.items():
        cells = [write_cell(row[name], column, row, results) for row in rows if name in frame]
        is_told = column.format == "contrast" or name == "treatment"  # once, above the table
        if any(cells) and not (is_told and len({*cells}) == 1):
            told[name] = cells
    return pd.DataFrame(told, dtype=object)


def _head(label: str, results: Results) -> str:
    """A header, in which `{noun}` is the unit of analysis, `{control}` and `{treatment}` the arms in words."""
    words = {"noun": scales.find_noun(results), "control": "with the control", "treatment": "with the treatment"}
    first, *others = results.data.units_by_variant or [None]  # of a run without effects
    planned = {"control": {first} - {None}, "treatment": set(others)}
    for side in planned if "{" in label else ():
        arms = {getattr(e, side) for e in results.headline()} or planned[side]
        words |= {side: name_arm(results, arms.pop())} if len(arms) == 1 else {}
    return numbers.capitalise(re.sub(r"\{(\w+)\}", lambda found: words.get(found[1], found[1]), label))


def draw_ladder(frame: pd.DataFrame, view: View, results: Results, name: str = "", most: int = MOST_ROWS):
    """Return rows of a table as a ladder: the first column names a row.

    `chart` in the view names the column of the `effect` and says what it is, its `contrast`. It may name the columns
    `values` (as the contrast puts them, with `heads`), `note` (or a sentence with columns in braces), `group`,
    `verdict`, `band` (two columns), `null` (the value of no effect), `muted` (values of columns that rows without trust
    have), and `log` (ratios, on a scale of their logarithm). With `ends: true` the ends of a range stand for the effect
    in words.
    """
    spec, columns = view.chart, view.columns
    what, amount, *heads = (
        _head(label, results)
        for label in (next(iter(view.shown.values())).label, columns[spec["effect"]].label, *spec.get("heads", ()))
    )
    words = {"contrast": spec["contrast"], "caption": f"Each row: {view.row}", "what": what, "effect": amount}
    return html.draw_rows(list_rows(frame.head(most), view, results), heads=tuple(heads), **words)


def list_rows(frame: pd.DataFrame, view: View, results: Results) -> list[Row]:
    """Return the rows of a table as those of a ladder."""
    label, spec, found = next(iter(view.shown)), view.chart, []
    effect, note, muted = spec["effect"], spec.get("note", ""), spec.get("muted", {})
    places = (effect, *view.columns[effect].ends, *spec.get("band", []))
    for row in frame.to_dict("records"):
        written = {c: write_cell(row.get(c), column, row, results) for c, column in view.columns.items()}
        words, _, interval = written[effect].partition(" [")
        known, interval = not is_missing(row[effect]), f"[{interval}" if interval else ""
        if spec.get("ends") and interval:
            words, interval = interval.strip("[]").replace(", ", " to "), ""
        null, ends = row[spec["null"]] if "null" in spec else 0.0, [row.get(c) for c in places]
        if spec.get("log"):  # a ratio of 2 stands as far from no effect as one of a half
            ends = [None if is_missing(end) else math.log(end) for end in ends]
        value, low, high, *band = (None if is_missing(end) else end - null for end in ends)
        made = {"name": written[label], "unit": (effect,), "interval": interval if known else words}
        made |= {"note": written.get(note, ""), "verdict": written.get(spec.get("verdict"), "")}
        if "{" in note:
            made["note"] = note.format_map(written) if known else ""
        if known:
            made |= {"values": _write_values(row, written, view), "effect": words, "middle": value}
            made |= {"pieces": ((low, high),) if low is not None else ()}
        made |= {"band": tuple(band) if band and band[0] is not None else None}
        made |= {"muted": bool(muted) and all(row[c] == v for c, v in muted.items())}
        found.append(Row(**{"effect": "", **made, "group": written.get(spec.get("group"), "")}))
    return found


def _write_values(row: Mapping, written: Mapping[str, str], view: View) -> tuple[str, ...]:
    """The values beside an effect; two shares so rounded that they subtract to it as printed."""
    names, effect = view.chart.get("values", []), view.chart["effect"]
    if [view.columns[name].format for name in names] != ["share", "share"]:
        return tuple(written[name] for name in names)
    first, second = (row[name] for name in names)
    low, high = (row[end] for end in view.columns[effect].ends)
    shown = {"estimand": "difference", "population": "landmark", "treatment_value": first, "control_value": second}
    e = Estimate("", "", "", "", "", **shown, estimate=row[effect], ci_low=low, ci_high=high)
    return tuple(scales.write_value(value, scales.Scale("", "", kind="binary"), beside=e) for value in (first, second))


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
    spec, key, words = dict(view.chart), (), results.words
    if isinstance(spec["x"], list):
        frame, spec["x"] = frame.assign(middle=frame[spec["x"]].mean(axis=1)), "middle"
    spec |= {"shaded": words[f"shaded {name}"]} if f"shaded {name}" in words else {}
    arms, percent = spec.pop("control", False), {} if view.kind == "heat" else {"factor": 100, "suffix": " %"}
    style = numbers.Style(**spec.pop("style", percent))
    chart = charts.Chart(**spec, style=style, name=html.name_id(results.study, name))
    if view.kind == "heat":
        drawing = charts.heat(frame.assign(**{chart.y: frame[chart.y] * style.factor}), chart)
    elif view.kind == "dose":
        drawing = charts.dose(frame, chart, words.get(f"fits {name}", {}))
    else:
        lines = list(frame[chart.by].drop_duplicates()) if chart.by else [""]
        first = results.estimates[0].control if arms and results.estimates else None
        known = {arm for e in results.headline() for arm in (e.control, e.treatment)} if first else set(lines)
        colors = color_lines(sorted(lines, key=lambda line: line != first), first)
        colors = {line: color if line in known else charts.NEUTRAL[1] for line, color in colors.items()}
        drawing = charts.curve(frame, chart, colors)
        key = [(color, _tell_line(results, frame, chart, line, arms)) for line, color in colors.items() if chart.by]
    alternative = f"{find_title(results, name) or f'Each row: {view.row}'}."
    return html.draw("chart", key=key, words=alternative[:249], drawing=drawing), alternative, drawing["wide"]


def _tell_line(results, frame, chart, line, is_arm) -> str:
    """The name of a line, with its last value."""
    known, labels = frame[frame[chart.by] == line][chart.y].dropna(), results.plan.get("labels") or {}
    decimals = 0 if chart.style.prefix else 1
    last = numbers.write_number(known.iloc[-1], chart.style, decimals=decimals) if len(known) else HIDDEN
    named = name_arm(results, line) if is_arm else labels.get(f"{chart.by}={line}") or name_label(results, line)
    until = f" by day {frame[chart.x][known.index[-1]]:g}" if is_arm and chart.x == "day" and len(known) else ""
    return f"{numbers.capitalise(named)}: {last}{until}"


DRAWN = {"table": draw_table, "ladder": draw_ladder, **dict.fromkeys(("curve", "dose", "heat"), draw_chart)}
