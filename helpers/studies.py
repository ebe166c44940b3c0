"""The little that one study adds to what views and templates say: names, fitted lines, and rows of several tables."""

from dataclasses import replace
from typing import Any

import pandas as pd

from helpers.design import Setting, list_effects, list_weeks, settle
from helpers.milestones import move_line
from helpers.plan import ExperimentPlan, FrameworkPlan
from helpers.plan.views import Column, find_view
from helpers.records import Results
from helpers.schema import pluralise
from helpers.value import Assumptions, study_payback
from helpers.view import html
from helpers.view.html import Display, Row, show_sentence
from helpers.view.numbers import capitalise, count_decimals, join_words, write_count, write_number
from helpers.view.scales import list_metrics, name_label
from helpers.view.show import draw_ladder, draw_table, find_title, frame_part, list_rows, show, write_cell
from helpers.view.words import explain

OUTCOMES = {"retained": "higher", "expanded": "higher", "dormant": "lower"}
STAFFING = ("staffing", "staffing_check", "arrivals")


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
    ranking = results.tables["ranking"]
    (row,) = list_rows(ranking[ranking["feature"] == name], find_view(results.study, "ranking"), results)
    return replace(row, note=note, verdict=verdict, values=())


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
    view, is_raw = find_view(results.study, "landmark_effects"), rows["adjustment"] == "none"
    raw = is_raw & (rows["landmark"] == rows["landmark"].iloc[0])
    rows = rows[raw | (rows["adjustment"] == "covariates")] if len(results.tables.get("controls", ())) else rows[~raw]
    told = []
    for row in rows.to_dict("records"):
        day, difference = (write_cell(row[c], view.columns[c], row, results) for c in ("landmark", "difference"))
        told.append({**row, "choice": day + ", raw" * (row["adjustment"] == "none"), "told": difference})
    names = {"index": ["milestone", "outcome"], "columns": "choice", "values": "told"}
    wide = pd.DataFrame(told).pivot_table(**names, aggfunc="first", sort=False).reset_index()
    columns = {name: view.columns.get(name) or Column(label=name, format="as_is") for name in wide}
    drawn = draw_table(wide, view.model_copy(update={"columns": columns, "show": list(wide)}), results)
    return frame_part(results, drawn, name="otherwise", frame=rows)


def definitions(results: Results) -> Display:
    """Return the milestones as SQL, folded, one fold a database; paper leaves them out."""
    rows = results.tables.get("definitions")
    if rows is None or rows.empty:
        return show_sentence("", absent=True)
    parts = rows.groupby("dialect", sort=False)["statement"]
    told = [(name_label(results, dialect), "\n".join(statements)) for dialect, statements in parts]
    return Display(html.draw("statements", rows=told), "\n\n".join(rows["statement"]))


def list_names(design: FrameworkPlan) -> pd.DataFrame:
    """Return outcomes, steps, features, categories and what is counted with their names in words, one row each."""
    days, expanded = f"{design.horizon_days:g}", design.outcomes.expanded
    returned = f"came back within {days} days" if design.outcomes.retained.event else ""
    labels = {
        "retained": "still a customer" if design.is_snapshot else returned or f"still a customer {days} days later",
        "expanded": f"expanded within {expanded.within_days:g} days" if expanded else "",
        "dormant": f"dormant or gone {days} days later",
    }
    rows = [
        {"metric": n, "label": labels[n], "kind": "binary", "role": "primary" if n == "retained" else "secondary"}
        | {"better": OUTCOMES[n], "noun": design.unit, "within_days": design.horizon_days}
        for n in design.outcome_names
    ]
    parts = dict.fromkeys([item.name for item in (*design.steps, *design.features)] + list(design.categories))
    named = [*((name, design.label_of(name)) for name in parts), *_list_counts(design).items()]
    rows += [{"metric": name, "label": told, "noun": design.unit} for name, told in named if told]
    return pd.DataFrame(rows, dtype=object)


def _list_counts(design):
    """What is counted, in words: the events of activation, and a snapshot's tenure with its unit."""
    events = [event.replace("_", " ") for event in (design.activation.event if design.activation else ())]
    nouns = [f"{event} events" if " " in event else pluralise(event) for event in events]
    alive = design.alive and f"active in the {design.alive.within_days:g} days before day {design.landmarks[0]:g}"
    return {
        "alive": alive,
        "activation_events": join_words(nouns) if nouns else None,
        "tenure": (design.outcomes.retained.time or "").replace("_", " ") or None,
    }


def part(results: Results) -> tuple[Results, Results]:
    """Return what a run shows of its experiment, and what it shows of arrivals brought in from elsewhere.

    Either is empty, so that its sections leave the page: a run with arrivals of its own plans the work of its
    experiment, one with public arrivals asks nothing of the experiment. Results on file have both.
    """
    hours, none = results.tables.get("staffing"), {"estimates": (), "tests": (), "claims": (), "checks": ()}
    empty = results.but(**none, tables={})
    if hours is None or hours.empty or not hours["source"].iloc[0].startswith("public:"):
        return results, empty
    return empty, results.but(**none, tables={name: results.tables[name] for name in STAFFING})


def weigh_doubts(results: Results) -> Display:
    """Return how far a year's net value lies apart by each doubt alone and by all together, the widest doubt first.

    Absent without money, and one sentence where an amount is unknown or effects are withheld.
    """
    money, doubts = (results.tables.get(name, pd.DataFrame()) for name in ("money", "tornado"))
    if results.status == "withheld" or money.empty or doubts.empty or money["central"].isna().any():
        return show(results, "money")
    single, view = find_view(results.study, "tornado").columns, find_view(results.study, "doubts")
    told = doubts.to_dict("records")
    ends = [[write_cell(row[end], single[end], row, results) for end in ("at_low", "at_high")] for row in told]
    alone = doubts.assign(row=doubts["doubt"], note=[" to ".join(pair) for pair in ends], group="alone")
    together = money.iloc[1:].assign(group="together", note="")
    shown = ["group", "row", "note", "low", "central", "high", "unit"]
    frame = pd.concat([alone[shown], together[shown]], ignore_index=True)
    drawn, title = draw_ladder(frame, view, results), find_title(results, "doubts")
    return frame_part(results, drawn, title=title, note=view.note, name="doubts", frame=frame)


def list_domains(results: Results) -> Display:
    """Return for which data each method makes its promise, methods of one domain together, each with its source."""
    table, rows = results.tables["guarantees"], {}
    for domain, group in table.groupby("domain", sort=False):
        named = zip(group["guarantee"], group["reference"], strict=True)
        rows[capitalise(domain)] = join_words(f"{name} ({source})" for name, source in named)
    return Display(html.draw("terms", rows=rows), "\n".join(f"{domain}: {told}." for domain, told in rows.items()))


def count_shares(results: Results, design: ExperimentPlan) -> Results:
    """Return results that tell a ratio whose plan gives it the unit `share` in per cent: one part of what it counts.

    Parameters
    ----------
    results : Results
    design : ExperimentPlan
    """
    table = list_metrics(design)
    is_share = (table["kind"] == "ratio") & (table["unit"] == "share")
    told = {"kind": table["kind"].mask(is_share, "binary"), "unit": table["unit"].mask(is_share, None)}
    return results.but(tables={**results.tables, "metrics": table.assign(**told)})


def show_plan(results: Results) -> Display:
    """Return the plan of an experiment to come as text to copy, folded; paper leaves it out."""
    told = [("The plan, to copy", row["text"]) for row in results.tables["plan_text"].to_dict("records")]
    return Display(html.draw("statements", rows=told), told[0][1])


def slide(results: Results, setting: Setting) -> Any:
    """Return sliders of pace, power and the effect that matters, which draw the chances by week anew."""
    import ipywidgets  # here, so that reports do without it

    most, name = setting.assumed.most_weeks, setting.first.name
    labels = {"description_width": "initial"}

    def draw(pace, power, times, weeks):
        assumed = replace(setting.assumed, units_per_week=pace, power=power, most_weeks=weeks, past_effects=0.1 * times)
        metric = setting.design.metrics[name]
        changed = metric.model_copy(update={"worthwhile": abs(setting.first.effect) * times})
        design = setting.design.model_copy(update={"metrics": {**setting.design.metrics, name: changed}})
        moved = replace(setting, design=design, assumed=assumed)
        tables = {"settled": settle(moved), "by_week": list_weeks(moved), "by_effect": list_effects(moved)}
        return show(explain(results.but(tables={**results.tables, **tables}), design), "by_effect")

    pace = setting.units_per_week
    return ipywidgets.interactive(
        draw,
        {"auto_display": True},
        pace=ipywidgets.FloatSlider(pace, min=pace / 10, max=4 * pace, description="units a week", style=labels),
        power=ipywidgets.FloatSlider(setting.assumed.power, min=0.5, max=0.99, step=0.01, style=labels),
        times=ipywidgets.FloatSlider(1.0, min=0.5, max=2.0, step=0.1, description="effect, times", style=labels),
        weeks=ipywidgets.IntSlider(most, min=2, max=4 * most, style=labels),
    )


def slide_cost(results: Results, design: ExperimentPlan, assumed: Assumptions, metric: str, **payback) -> Any:
    """Return a slider of what an agent hour costs, each move of which tells the answer anew.

    Parameters
    ----------
    results : Results, with their answer
    design : ExperimentPlan
    assumed : Assumptions
        The range of costs keeps its shape around what is chosen.
    metric : str
    **payback : the further arguments of `value.study_payback`
    """
    costs = assumed.cost_per_hour
    middle = costs[1]

    def tell(cost):
        moved = replace(assumed, cost_per_hour=tuple(cost * (each / middle if middle else 1.0) for each in costs))
        tables = {**results.tables, **study_payback(results, metric, moved, **payback)}
        return _tell_answer(explain(results.but(tables=tables), design))

    return _slide(tell, "cost", middle, "USD an agent hour", most=4 * middle or 100.0)


def slide_line(results: Results, design: FrameworkPlan, main: pd.DataFrame) -> Any:
    """Return a slider of the line of activation, each move of which tells the answer anew.

    Parameters
    ----------
    results : Results, with their answer
    design : FrameworkPlan
    main : DataFrame, one row an account at the main landmark
    """
    planned = design.activation and design.activation.at_least
    if not planned or design.is_snapshot:
        return show_sentence("The plan draws no line of activation that could be moved.", absent=True)

    def tell(line):
        activation = design.activation.model_copy(update={"at_least": round(line)})
        changed = design.model_copy(update={"activation": activation})
        moved = results.but(estimates=move_line(results.estimates, main, changed))
        first = next(e for e in moved.estimates if e.role == "primary" and e.treatment == "activated")
        if min(first.n_control, first.n_treatment) < design.min_cell:
            return show_sentence(f"Fewer than {design.min_cell} {pluralise(design.unit)} lie on one side of this line.")
        return _tell_answer(explain_milestones(moved, changed))

    most = max(2 * planned, float(main["count"].quantile(0.95)))
    return _slide(tell, "line", planned, "events", most=most, least=1.0, step=1.0)


def _tell_answer(results):
    return Display(html.draw("lines", told=results.answer, kind="limits"), "\n".join(results.answer))


def _slide(tell, name, value, label, *, most, least=0.0, step=0.5):
    """One slider."""
    import ipywidgets  # here, so that reports do without it

    words = {"description": label, "style": {"description_width": "initial"}, "continuous_update": False}
    slider = ipywidgets.FloatSlider(value, min=least, max=most, step=step, **words)
    return ipywidgets.interactive(tell, {"auto_display": True}, **{name: slider})


def list_settled(results: Results) -> Results:
    """Return the review of evidence with what would settle each claim and question as it is shown: design and size."""
    tables = dict(results.tables)
    claims, topics = tables["claims_reviewed"], tables["topics"]
    sized = [f"; {write_count(n)} units" if n == n else "" for n in claims["n"]]
    found = []
    for row in claims.to_dict("records"):
        decimals = count_decimals(row["ci_low"], row["ci_high"])
        value, *ends = (write_number(row[key], decimals=decimals) for key in ("estimate", "ci_low", "ci_high"))
        found.append(f"Found {value} [{', '.join(ends)}]. " if row["estimate"] == row["estimate"] else "")
    tables["claims_reviewed"] = claims.assign(settled=claims["settled_by"] + sized, why=found + claims["reason"])
    units = topics["n_published"].fillna(topics["n_worthwhile"])
    told = [
        f"{write_count(n)} {pluralise(unit)}" if n == n else "" for n, unit in zip(units, topics["unit"], strict=True)
    ]
    tables["topics"] = topics.assign(n_published=told)
    return results.but(tables=tables)
