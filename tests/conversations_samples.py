"""Conversations for tests: small ones by hand, and many with a known distribution of waits."""

import numpy as np
import pandas as pd
from made_sources import make_design, make_source

from helpers import metrics
from helpers.inference.decisions import label_effect, list_comparisons
from helpers.inference.methods import compare_arms
from helpers.records import DataInfo, Results
from helpers.view.scales import list_metrics

START = pd.Timestamp("2024-01-01", tz="UTC")  # a Monday
METRICS = {"trial": {"kind": "binary", "role": "primary", "better": "higher"}, "spent": {"kind": "amount"}}


def design_replies(metrics=METRICS, **more):
    """Return a plan with control a, treatment b and a group before, cps."""
    variant = {"observational": ["cps"]} | more.pop("variant", {})
    return make_design(metrics, variant=variant, **({"assigned_at": "assigned_at", "min_cell": 2} | more))


def make_conversations(rows, *, days=60):
    """Return conversations from (unit, variant, wait in minutes or None, hour of the week)."""
    frame = pd.DataFrame(rows, columns=["unit", "variant", "wait_minutes", "hour"])
    asked = START + pd.to_timedelta(frame["hour"], unit="h")
    return frame.assign(
        conversation_id=[f"k{i:06d}" for i in range(len(frame))],
        asked_at=asked,
        wait_minutes=frame["wait_minutes"].astype(float),
        followed_minutes=(START + pd.Timedelta(days=days) - asked).dt.total_seconds() / 60,
    )


def draw_conversations(n=300, *, seed=1, medians=(40.0, 1.5, 30.0), spread=1.0, never=0.02):
    """Return the conversations of n units an arm: 1 to 4 each, waits alike within a unit, lognormal."""
    rng, rows = np.random.default_rng(seed), []
    for variant, median in zip(("a", "b", "cps"), medians, strict=True):
        for unit in range(n):
            own = rng.normal(0, spread)
            for _ in range(rng.integers(1, 5)):
                wait = median * np.exp(own + rng.normal(0, 0.5))
                is_answered = rng.random() >= never
                rows.append((f"{variant}{unit}", variant, wait if is_answered else None, rng.integers(168)))
    return make_conversations(rows)


def make_units(conversations, *, seed=1, lift=0.3, more=None, **design):
    """Return folded units: those of the conversations, each with a trial (0 or 1) and an amount spent."""
    rng = np.random.default_rng(seed)
    who = conversations.drop_duplicates("unit").reset_index(drop=True)
    chance = 0.3 + lift * (who["variant"] == "b")
    frame = pd.DataFrame({"unit": who["unit"], "variant": who["variant"], "assigned_at": who["asked_at"].astype(str)})
    frame["trial"] = (rng.random(len(who)) < chance).astype(float)
    frame["spent"] = rng.exponential(1, len(who)) + lift * (who["variant"] == "b")
    return metrics.fold(make_source(frame.assign(**(more or {}))), design_replies(**design))


def run_results(units, *, status="answered"):
    """Return results that hold the headline differences of the units, as an experiment would."""
    estimates = []
    for comparison in list_comparisons(units.design):
        arms = metrics.summarise(units)[None][comparison.name]
        sides = [arms[side] for side in (comparison.control, comparison.treatment)]
        effect = compare_arms(comparison.metric, *sides)
        role = comparison.metric.role
        estimates.append(label_effect(comparison, effect, estimand="difference", role=role, arms=arms))
    data = DataInfo("yours", "", "made.csv", None, 0, 0)
    scales = {"metrics": list_metrics(units.design)}
    return Results("s", "t", "q", status, data, {}, estimates=tuple(estimates), tables=scales)
