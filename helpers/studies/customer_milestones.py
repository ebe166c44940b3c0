"""What the milestones study adds: names of its parts, fitted lines, and rows that no view of one table gives."""

from __future__ import annotations

import pandas as pd

from helpers.plan import FrameworkPlan
from helpers.records import Results
from helpers.view.html import Display, escape, fold, show_sentence
from helpers.view.numbers import capitalise, join_words
from helpers.view.rows import Row
from helpers.view.scales import name_label, pluralise
from helpers.view.show import draw_table, frame_part, show
from helpers.view.views import Column, find_view, write_cell
from helpers.view.words import FILTERS, explain

OUTCOMES = {"retained": "higher", "expanded": "higher", "dormant": "lower"}


def explain_milestones(results: Results, design: FrameworkPlan) -> Results:
    """Return results with names of its parts, with sentences, and with what pictures draw beside a table.

    Parameters
    ----------
    results : Results, after small cells are hidden
    design : FrameworkPlan

    Returns
    -------
    Results: table `metrics` holds the names. Of the template, lines of `card` name a feature, a note and a verdict,
    and become rows; `fits` and `shaded` of `activation_counts` are lines and the range of lines that fit as well.
    """
    told = explain(results.but(tables={"metrics": list_names(design), **results.tables}), design)
    card = tuple(_draw_feature(told, line) for line in told.words.get("card", ()))
    return told.but(words={**told.words, "card": card, **_list_fits(told)})


def _draw_feature(results, line) -> Row:
    name, note, verdict = line.split(" | ")
    row = results.tables["ranking"].set_index("feature").loc[name]
    value, *ends = (float(row[c]) for c in ("difference", "ci_low", "ci_high"))
    effect, *bounds = (FILTERS["points"](v, *ends) for v in (value, *ends))
    interval = ", ".join(bound.partition(" ")[0] for bound in bounds)
    drawn = {"middle": value, "pieces": (tuple(ends),), "unit": ("difference",)}
    return Row(capitalise(name_label(results, name)), effect, f"[{interval}]", note=note, verdict=verdict, **drawn)


def _list_fits(results) -> dict:
    """What stands over the shares kept by number of events: first what does better out of sample, then the other."""
    curves, line = (results.tables.get(name) for name in ("activation_curves", "threshold"))
    if curves is None or line is None or curves.empty or line.empty:
        return {}
    row = line.iloc[0]
    order = ("step", "smooth") if row["loss_step"] <= row["loss_smooth"] else ("smooth", "step")
    fits = {name: pd.DataFrame({"x": curves["count"], "y": curves[f"share_{name}"]}) for name in order}
    edges = [fits["step"].assign(x=curves["count"] + side) for side in (0.5, -0.5)]
    fits["step"] = pd.concat(edges).sort_values("x", kind="stable")
    found = {"fits activation_counts": fits}
    known = row[["cut_low", "cut_high"]].notna().all()
    return found | ({"shaded activation_counts": (row["cut_low"] - 0.5, row["cut_high"] + 0.5)} if known else {})


def readings(results: Results) -> Display:
    """Return the readings of one difference from naive to fair, without one that repeats or that the data lack."""
    rows = results.tables.get("readings")
    if rows is not None:
        is_equal = bool(len(results.tables.get("controls", ())))
        hidden = rows["reason"].fillna("").str.startswith("hidden")
        kept = rows[(rows["difference"].notna() | hidden) & ((rows["reading"] != "adjusted") | is_equal)]
        results = results.but(tables={**results.tables, "readings": kept})
    return show(results, "readings")


def otherwise(results: Results) -> Display:
    """Return the difference by milestone and outcome under other fair choices, one column a choice."""
    rows = results.tables.get("landmark_effects")
    if results.status == "withheld" or rows is None or rows.empty:
        return show_sentence("", absent=True)
    view, main = find_view(results, "landmark_effects"), rows["landmark"].iloc[0]
    raw, column = (rows["landmark"] == main) & (rows["adjustment"] == "none"), view.columns["difference"]
    day = view.columns["landmark"]
    rows = rows[raw | (rows["adjustment"] == "covariates")] if len(results.tables.get("controls", ())) else rows[~raw]
    wide = {}
    for row in rows.to_dict("records"):
        choice = write_cell(row["landmark"], day, row, results) + ", raw" * (row["adjustment"] == "none")
        cells = wide.setdefault((row["milestone"], row["outcome"]), {})
        cells[choice] = write_cell(row["difference"], column, row, results)
    frame = pd.DataFrame([{"milestone": m, "outcome": o, **cells} for (m, o), cells in wide.items()])
    columns = {c: view.columns.get(c) or Column(label=c, format="as_is") for c in frame}
    drawn = draw_table(frame, view.model_copy(update={"columns": columns, "show": list(frame)}), results)
    return frame_part(results, drawn, title="", note="", name="otherwise", frame=rows)


def definitions(results: Results) -> Display:
    """Return the milestones as SQL, folded, one fold a database; paper leaves them out."""
    rows = results.tables.get("definitions")
    if rows is None or rows.empty:
        return show_sentence("", absent=True)
    told = "".join(
        fold(
            name_label(results, dialect),
            f'<pre tabindex="0">{escape(chr(10).join(part["statement"]))}</pre>',
            kind="long",
        )
        for dialect, part in rows.groupby("dialect", sort=False)
    )
    return Display(told, "\n\n".join(rows["statement"]))


def list_names(design: FrameworkPlan) -> pd.DataFrame:
    """Return outcomes, steps, features, categories and what is counted with their names in words, one row each."""
    days, expanded = f"{design.horizon_days:g}", design.outcomes.expanded
    labels = {
        "retained": f"still a customer {days} days later",
        "expanded": f"expanded within {expanded.within_days:g} days" if expanded else "",
        "dormant": f"dormant or gone {days} days later",
    }
    if design.outcomes.retained.event:
        labels["retained"] = f"came back within {days} days"
    if design.is_snapshot:
        labels["retained"] = "still a customer"
    rows = [
        {"metric": n, "label": labels[n], "kind": "binary", "role": "primary" if n == "retained" else "secondary"}
        | {"better": OUTCOMES[n], "noun": design.unit, "within_days": design.horizon_days}
        for n in design.outcome_names
    ]
    parts = [item.name for item in (*design.steps, *design.features)] + list(design.categories)
    rows += [{"metric": name, "label": design.label_of(name), "noun": design.unit} for name in dict.fromkeys(parts)]
    rows += [
        {"metric": name, "label": told, "noun": design.unit} for name, told in _list_counts(design).items() if told
    ]
    return pd.DataFrame(rows, dtype=object)


def _list_counts(design):
    """What is counted, in words: the events of activation, and a snapshot's tenure with its unit."""
    events = design.activation.event if design.activation else []
    alive = design.alive and f"active in the {design.alive.within_days:g} days before day {design.landmarks[0]:g}"
    return {
        "alive": alive,
        "activation_events": join_words([_name_all(event.replace("_", " ")) for event in events]) if events else None,
        "tenure": (design.outcomes.retained.time or "").replace("_", " ") or None,
    }


def _name_all(noun):
    """A word as several ("conversations"); of a name of several words only that it is an event."""
    if " " in noun:
        return f"{noun} events"
    return noun if noun.endswith("s") else pluralise(noun)
