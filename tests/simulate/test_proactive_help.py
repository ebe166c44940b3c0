"""The simulated hold-out: its events fold to its units, its truth is recovered, equal seeds give equal data."""

import time

import numpy as np
import pandas as pd
import pytest

from helpers.records import Refused
from helpers.simulate.proactive_help import COMPLETE_TO, proactive_help

MADE = proactive_help(n_units=2000, seed=11)
SEEDS, UNITS = 24, 1500


def window(events, name, days):
    chosen = events[events["event"].isin([name] if isinstance(name, str) else name)]
    return chosen[chosen["at"] < chosen["assigned_at"] + pd.Timedelta(days=days)].groupby("workspace_id")


@pytest.fixture(scope="module")
def folded():
    """Fold the events once more, with pandas alone."""
    start = MADE.assignments.set_index("workspace_id")["assigned_at"]
    events = MADE.events.join(start, on="workspace_id")
    return pd.DataFrame(
        {
            "help_opened": window(events, "help_opened", 28).size() > 0,
            "activated": window(events, "activated", 28).size() > 0,
            "conversations": window(events, "conversation_started", 28).size(),
            "searches": window(events, "help_search", 28).size(),
            "active_days": window(events, "active_day", 28).size(),
            "converted": window(events, "paid", 60).size() > 0,
            "still_paying": window(events, "renewed", 245).size() > 0,
            "arr": window(events, ["payment", "refund"], 365)["value"].sum(),
        },
        index=start.index,
    ).fillna(0)


def test_proactive_help_events_fold_to_units(folded):
    units = MADE.units.set_index("workspace_id")
    for name in folded:
        assert (folded[name].astype(float) == units[name].astype(float)).all(), name


def test_proactive_help_time_to_payment_is_that_of_the_first_paid_event():
    units = MADE.units.set_index("workspace_id")
    paid = MADE.events[MADE.events["event"] == "paid"].set_index("workspace_id")["at"]
    days = (paid - units.loc[paid.index, "assigned_at"]).dt.total_seconds() / 86_400
    assert np.allclose(days, units.loc[paid.index, "paid_in_days"], rtol=0, atol=1e-9)
    unpaid = units[units["paid_in_observed"] == 0]
    seen = (COMPLETE_TO - unpaid["assigned_at"]).dt.total_seconds() / 86_400
    assert np.allclose(seen, unpaid["paid_in_days"])


def test_proactive_help_has_events_outside_every_window():
    start = MADE.assignments.set_index("workspace_id")["assigned_at"]
    age = MADE.events["at"] - start.loc[MADE.events["workspace_id"]].array
    late = set(MADE.events["event"][age >= pd.Timedelta(days=28)])
    assert {"activated", "conversation_started", "help_search", "active_day", "payment"} <= late
    assert age.min() >= pd.Timedelta(0)
    assert MADE.events["at"].max() < COMPLETE_TO


def test_proactive_help_columns_and_values():
    assert list(MADE.events) == ["workspace_id", "event", "at", "value", "format"]
    assert list(MADE.assignments) == ["workspace_id", "variant", "assigned_at", "seats", "country", "plan_tier"]
    valued = MADE.events.groupby("event")["value"].count()
    assert set(valued[valued > 0].index) == {"payment", "refund"}
    formats = MADE.events.groupby("event")["format"].count()
    assert set(formats[formats > 0].index) == {"help_opened"}
    assert set(MADE.events["format"].dropna()) == {"tour", "article", "video", "course"}
    assert (MADE.events.loc[MADE.events["event"] == "refund", "value"] < 0).all()
    assert not MADE.units.isna().any().any()


def test_proactive_help_a_unit_is_active_on_distinct_days_and_from_the_first():
    assert MADE.units["active_days"].between(1, 28).all()


def test_proactive_help_is_the_same_for_the_same_seed():
    again = proactive_help(n_units=2000, seed=11)
    pd.testing.assert_frame_equal(again.units, MADE.units)
    pd.testing.assert_frame_equal(again.events, MADE.events)


def test_proactive_help_differs_by_seed_and_size():
    assert not proactive_help(n_units=2000, seed=12).units.equals(MADE.units)
    assert len(proactive_help(n_units=50, seed=11).units) == 50


def test_proactive_help_effect_parameters_move_the_data_but_not_the_assignment():
    strong = proactive_help(n_units=2000, seed=11, paid_rate=0.5)
    pd.testing.assert_frame_equal(strong.assignments, MADE.assignments)
    assert strong.units["converted"].mean() > MADE.units["converted"].mean() + 0.1


def test_proactive_help_refuses_an_unknown_parameter():
    with pytest.raises(Refused) as refused:
        proactive_help(n_units=100, activation_rat=0.3)
    assert str(refused.value) == (
        "simulation proactive_help: unknown parameter activation_rat; did you mean activation_rate?"
    )


def test_proactive_help_note_and_truth_say_that_it_is_planted():
    assert MADE.note == (
        "Simulated: 2,000 workspaces whose effects are planted. "
        "Recovering them tests the method; it is no evidence for the published claims."
    )
    assert MADE.truth["world"]["paid_effect"] == -0.09


def contrast(units, metric, estimand):
    arms = [units[units["variant"] == arm] for arm in ("links", "no_links")]
    if estimand == "ratio":
        offered = arms[0].groupby("help_opened")["activated"].mean()
        return offered[1] / offered[0]
    if metric == "per_active":
        return np.subtract(*[a["conversations"].sum() / a["active_days"].sum() for a in arms[::-1]])
    if estimand == "rmst_difference":
        return np.subtract(*[a["paid_in_days"].clip(upper=90).mean() for a in arms[::-1]])
    difference = arms[1][metric].mean() - arms[0][metric].mean()
    if estimand == "cace":
        return difference / (arms[1]["help_opened"].mean() - arms[0]["help_opened"].mean())
    return difference


WANTED = [
    ("activated", "difference"),
    ("activated", "cace"),
    ("activated", "ratio"),
    ("conversations", "difference"),
    ("searches", "difference"),
    ("active_days", "difference"),
    ("per_active", "difference"),
    ("converted", "difference"),
    ("still_paying", "difference"),
    ("arr", "difference"),
    ("paid_in", "rmst_difference"),
]


@pytest.fixture(scope="module")
def recovered():
    """Estimate each effect in each of the seeds."""
    runs = [proactive_help(n_units=UNITS, seed=seed).units for seed in range(SEEDS)]
    return pd.DataFrame([[contrast(units, *wanted) for wanted in WANTED] for units in runs], columns=WANTED)


@pytest.mark.parametrize("wanted", WANTED, ids=lambda pair: ":".join(pair))
def test_proactive_help_truth_is_recovered_over_seeds(recovered, wanted):
    (planted,) = (e["value"] for e in MADE.truth["effects"] if (e["metric"], e["estimand"]) == wanted)
    found = recovered[wanted]
    band = 4.3 * found.std() / np.sqrt(SEEDS)  # t with 23 df: family-wise error .003 over the eleven
    bias = 0.05 if wanted[1] == "ratio" else 0.01 if wanted[1] == "cace" else 0  # of ratios in small samples
    assert abs(found.mean() - planted) < band + bias


def test_proactive_help_assigns_half_each():
    n = [(proactive_help(n_units=1000, seed=s).units["variant"] == "links").sum() for s in range(5)]
    assert abs(sum(n) / 5000 - 0.5) < 4 * 0.5 / np.sqrt(5000)


def test_proactive_help_is_fast():
    start = time.perf_counter()
    proactive_help(n_units=20_000)
    assert time.perf_counter() - start < 3
