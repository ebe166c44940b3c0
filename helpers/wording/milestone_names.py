"""What the parts of a milestones study are called: outcomes, steps, features, events, and what is held equal."""

from __future__ import annotations

import pandas as pd

from helpers.plan import FrameworkPlan
from helpers.records import Results
from helpers.wording.captions import join_words
from helpers.wording.scales import pluralise, read_scale

EVENTS = "activation events"
OUTCOMES = {"retained": "higher", "expanded": "higher", "dormant": "lower"}


def name_alike(results: Results) -> str:
    """Return at which equal values customers are compared: "at equal plan and size", or "not adjusted"."""
    named = results.tables.get("controls", pd.DataFrame(columns=["control"]))["control"]
    return f"at equal {' and '.join(named)}" if len(named) else "not adjusted"


def name_events(results: Results) -> str:
    """Return what activation counts, in words ("conversations"); "activation events" where nothing names it."""
    frame = results.tables.get("metrics", pd.DataFrame(columns=["metric"]))
    return read_scale(results, "activation_events").label if "activation_events" in set(frame["metric"]) else EVENTS


def name_alive(results: Results) -> str | None:
    """Return who counts as alive where nobody is ever lost ("active in the 60 days before day 90"), else None."""
    frame = results.tables.get("metrics", pd.DataFrame(columns=["metric"]))
    return read_scale(results, "alive").label if "alive" in set(frame["metric"]) else None


def keep_readings(results: Results, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the readings without the adjusted one where there is nothing to adjust for, as it only repeats."""
    repeats = (rows["reading"] == "adjusted") & (name_alike(results) == "not adjusted")
    return rows[~repeats] if (rows["reading"] == "landmark").any() else rows


def list_names(design: FrameworkPlan) -> pd.DataFrame:
    """Return outcomes, steps, features, categories and what is counted with their names in words, one row each."""
    days = f"{design.horizon_days:g}"
    labels = {
        "retained": f"still a customer {days} days later",
        "expanded": f"expanded within {design.outcomes.expanded.within_days:g} days"
        if design.outcomes.expanded
        else "",
        "dormant": f"dormant or gone {days} days later",
    }
    if design.outcomes.retained.event:
        labels["retained"] = f"came back within {days} days"
    if design.is_snapshot:
        labels["retained"] = "still a customer"
    rows = [
        {
            "metric": name,
            "label": labels[name],
            "kind": "binary",
            "role": "primary" if name == "retained" else "secondary",
        }
        | {"better": OUTCOMES[name], "noun": design.unit, "within_days": design.horizon_days}
        for name in design.outcome_names
    ]
    parts = [item.name for item in (*design.steps, *design.features)] + list(design.categories)
    rows += [{"metric": name, "label": design.label_of(name), "noun": design.unit} for name in dict.fromkeys(parts)]
    rows += [{"metric": name, "label": told, "noun": design.unit} for name, told in list_counts(design).items() if told]
    return pd.DataFrame(rows, dtype=object)


def list_counts(design):
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
