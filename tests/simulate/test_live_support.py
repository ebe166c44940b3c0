"""The simulated live-support test: its events fold to its units, its waits come from its queues, equal seeds agree."""

import time
from dataclasses import asdict, fields

import numpy as np
import pandas as pd
import pytest

from helpers import metrics, plan, simulate, sources
from helpers.records import Refused
from helpers.simulate.live_support import live_support
from helpers.simulate.live_support.people import COMPLETE_TO
from helpers.simulate.live_support.world import World

MADE = live_support(n_units=1500, seed=11)
USUAL = live_support()
METRICS = ("revenue", "revenue_30", "revenue_60", "trial", "paid", "questions", "csat", "answered")


def read_waits(made):
    """Return one row a question: variant, hour of the week, minutes to the first reply."""
    events = made.events.join(made.assignments.set_index("signup_id")["variant"], on="signup_id")
    named = {name: events[events["event"] == name].set_index("conversation_id") for name in ("question", "first_reply")}
    asked, replied = named["question"], named["first_reply"]["at"].reindex(named["question"].index)
    hour = asked["at"].dt.day_of_week * 24 + asked["at"].dt.hour
    minutes = (replied - asked["at"]).dt.total_seconds() / 60
    return pd.DataFrame({"variant": asked["variant"], "hour": hour, "minutes": minutes})


@pytest.fixture(scope="module")
def waits():
    """The waits of the default study."""
    return read_waits(USUAL)


@pytest.fixture(scope="module")
def folded():
    """The fold of the events by the engine, as the plan says."""
    design = plan.read("live_support").design
    asked = {"study": "live_support", "n_units": 1500, "seed": 11}
    units = metrics.fold(sources.load(design, "simulated", simulation=asked), design)
    return metrics.read_rows(units, ["y_nps", "exposed", *(f"y_{name}" for name in METRICS)])


@pytest.mark.parametrize("name", METRICS)
def test_live_support_events_fold_to_units(folded, name):
    np.testing.assert_allclose(folded[f"y_{name}"].to_numpy(float), MADE.units[name].to_numpy(float), atol=1e-4)


def test_live_support_loyalty_and_live_replies_fold_to_units(folded):
    scores = MADE.units["nps"]
    points = np.where(scores.isna(), np.nan, 100.0 * (scores >= 9) - 100.0 * (scores <= 6))
    np.testing.assert_allclose(folded["y_nps"].to_numpy(float), points)
    assert folded["exposed"].tolist() == MADE.units["live_reply"].tolist()


def test_live_support_has_events_outside_every_window():
    start = MADE.assignments.set_index("signup_id")["assigned_at"]
    age = MADE.events["at"] - start.loc[MADE.events["signup_id"]].array
    late = [set(MADE.events["event"][age >= pd.Timedelta(days=days)]) for days in (28, 90)]
    assert {"question", "first_reply", "live_reply", "trial_started"} <= late[0]
    assert {"paid", "payment"} <= late[1]
    assert age.min() >= pd.Timedelta(0)
    assert MADE.events["at"].max() < COMPLETE_TO


def test_live_support_columns_and_values():
    ids = ["conversation_id", "agent_id"]
    assert list(MADE.assignments) == ["signup_id", "variant", "assigned_at", "company_size", "channel"]
    assert list(MADE.events) == ["signup_id", "event", "at", "value", *ids]
    filled = MADE.events.groupby("event")[["value", *ids]].count() > 0
    assert set(filled.index[filled["value"]]) == {"payment", "refund", "nps_answered", "csat_answered"}
    assert set(filled.index[filled["conversation_id"]]) == {"question", "first_reply", "live_reply"}
    assert set(filled.index[filled["agent_id"]]) == {"first_reply", "live_reply"}
    assert (MADE.events["event"] == "survey_sent").sum() == len(MADE.units)
    assert (USUAL.events.loc[USUAL.events["event"] == "refund", "value"] < 0).all()
    whole = MADE.units.drop(columns=["nps", "csat"])
    assert not whole.isna().any().any()


def test_live_support_a_conversation_has_one_question_and_at_most_one_reply():
    talk = MADE.events[MADE.events["conversation_id"].notna()]
    assert talk.groupby(["conversation_id", "event"]).size().max() == 1
    assert talk.groupby("conversation_id")["signup_id"].nunique().max() == 1
    first = talk[talk["event"] == "first_reply"].set_index("conversation_id")
    live = talk[talk["event"] == "live_reply"].set_index("conversation_id")
    asked = talk[talk["event"] == "question"].set_index("conversation_id")["at"]
    soon = (first["at"] - asked.loc[first.index]).dt.total_seconds() <= 300
    assert set(live.index) == set(first.index[soon])
    pd.testing.assert_frame_equal(live[["at", "agent_id"]], first.loc[live.index, ["at", "agent_id"]])


def test_live_support_weeks_arms_and_answers():
    arms = USUAL.assignments.groupby("variant")["assigned_at"].agg(["count", "min", "max"])
    assert arms.loc["before", "count"] == 6000
    assert abs(arms.loc["live", "count"] - 12_000) < 4 * np.sqrt(24_000) / 2
    assert arms.loc["before", "min"] >= pd.Timestamp("2018-08-06", tz="UTC")
    assert (
        arms.loc["before", "max"] < pd.Timestamp("2018-09-03", tz="UTC") <= arms.loc[["live", "standard"], "min"].min()
    )
    assert arms["max"].max() < pd.Timestamp("2018-12-24", tz="UTC")
    answered = USUAL.units["answered"] == 1
    assert (USUAL.units["nps"].notna() == answered).all()
    assert (USUAL.units["csat"].notna() == answered).all()


def test_live_support_is_shaped_as_described():
    units = USUAL.units[USUAL.units["variant"] != "live"]
    assert 0.5 < (units["questions"] == 0).mean() < 0.7
    assert (units["csat"].dropna() >= 4).mean() == pytest.approx(0.95, abs=0.01)  # claim R03
    assert USUAL.units["revenue"].skew() > 5
    assert units.loc[units["paid"] == 1, "trial"].all()


def test_live_support_a_refund_gives_the_first_payment_back_after_ten_days_and_ends_it():
    money = {name: part.set_index("signup_id") for name, part in USUAL.events.groupby("event")}
    back, payments = money["refund"], money["payment"]
    paid = payments[payments.index.isin(back.index)]
    assert paid.index.is_unique
    paid = paid.loc[back.index]
    assert (back["at"] - paid["at"] == pd.Timedelta(days=10)).all()
    assert (back["value"] == -paid["value"]).all()


def test_live_support_replies_are_those_that_were_promised(waits):
    minutes = waits.groupby("variant")["minutes"]
    assert 45 < minutes.mean()["before"] < 75  # claim R04: one hour
    assert 45 < minutes.mean()["standard"] < 75
    assert minutes.median()["standard"] > minutes.median()["before"] + 5  # two seats moved
    staffed = waits[(waits["variant"] == "live") & (waits["hour"] % 24 >= 4)]["minutes"]
    assert staffed.median() < 1  # claim R08: two minutes
    assert (staffed <= 2).mean() > 0.8
    lost = waits["minutes"].isna().groupby(waits["variant"]).mean()
    assert 0.02 < lost["standard"] < 0.15
    assert lost["live"] < 0.02


def test_live_support_no_agent_serves_both_arms_and_some_came_over():
    events = USUAL.events.join(USUAL.assignments.set_index("signup_id")["variant"], on="signup_id")
    agents = events[events["event"] == "first_reply"].groupby("variant")["agent_id"].agg(set)
    assert not agents["live"] & agents["standard"]
    assert agents["live"] & agents["before"]


def test_live_support_shared_agents_serve_both_and_make_the_standard_arm_slower(waits):
    shared = live_support(shared_agents=True)
    slower = read_waits(shared).groupby("variant")["minutes"].median()
    assert slower["standard"] > waits.groupby("variant")["minutes"].median()["standard"] + 5
    assert slower["standard"] > slower["before"] + 10
    assert slower["live"] < 5
    assert shared.truth["delivered"]["shared_agents"]
    assert set(shared.truth["delivered"]["teams"]) == {"before", "standard"}


def test_live_support_states_the_staffing_that_was_planned():
    assert USUAL.truth["delivered"] == {
        "shared_agents": False,
        "teams": {
            "before": {"agents": 17, "agent_hours_per_week": 664},
            "standard": {"agents": 13, "agent_hours_per_week": 504},
            "live": {"agents": 13, "agent_hours_per_week": 492},
        },
    }


def test_live_support_fast_replies_in_the_standard_arm_go_with_trials_though_speed_does_nothing_there():
    talks = USUAL.events.merge(USUAL.assignments, on="signup_id").query("variant == 'standard'")
    first = talks[talks["event"] == "question"].drop_duplicates("signup_id").set_index("conversation_id")
    replied = talks[talks["event"] == "first_reply"].set_index("conversation_id")["at"]
    minutes = (replied.reindex(first.index) - first["at"]).dt.total_seconds().dropna() / 60
    trial = USUAL.units.set_index("signup_id")["trial"].loc[first.loc[minutes.index, "signup_id"]].to_numpy()
    fast = (minutes < minutes.median()).to_numpy()
    gap = trial[fast].mean() - trial[~fast].mean()
    assert gap > 2.5 * np.sqrt(2 * trial.var() * 2 / trial.size)


def test_live_support_is_the_same_for_the_same_seed_and_differs_for_another():
    again, other = live_support(n_units=1500, seed=11), live_support(n_units=1500, seed=12)
    for name in ("assignments", "events", "units"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(MADE, name))
        assert not getattr(other, name).equals(getattr(MADE, name))
    assert again.truth == MADE.truth


def test_live_support_has_the_size_that_is_asked_for():
    small = live_support(n_units=10, seed=1).units["variant"]
    assert ((small != "before").sum(), (small == "before").sum()) == (10, 2)


CHANGED = {"loyalty_as": "percent", "shared_agents": True, "trial_lift": 0.1, "fading": 0.5, "effect_by_hour": 0.3}
CHANGED |= {"moved_agents": 5, "csat_effect": -0.08, "nps": 10, "live_agents": 40, "regular_agents": 12}
SEEN = {  # what must change with each field: among the units, the reply times, the stated truth
    "units": {
        *("questions", "questions_lift", "trial_rate", "trial_lift", "paid_rate", "revenue_lift", "monthly_amount"),
        *("revenue_spread", "monthly_churn", "refund_share", "nps", "loyalty_effect", "loyalty_as", "csat_good"),
        *("csat_effect", "response_rate", "response_effect", "satisfied_answer", "effect_by_hour", "fading"),
        *("keenness_and_outcome", "shared_agents"),  # the effect follows the hours of the team that serves
    },
    "waits": {
        *("keenness_and_speed", "live_agents", "regular_agents", "moved_agents"),
        *("other_questions_per_hour", "handle_minutes", "first_reply_share", "patience_hours"),
    },
}


def change(name):
    """Return another value of one field."""
    usual = asdict(World())[name]
    return CHANGED[name] if name in CHANGED else usual * (1.5 if usual < 0.6 else 0.8)


@pytest.mark.parametrize("name", [f.name for f in fields(World)])
def test_live_support_every_field_changes_what_it_should_and_nobodys_assignment(name):
    other = live_support(n_units=1500, seed=11, **{name: change(name)})
    pd.testing.assert_frame_equal(other.assignments, MADE.assignments)
    outcomes = [made.units.drop(columns="live_reply") for made in (MADE, other)]
    (kind,) = (kind for kind, names in SEEN.items() if name in names)
    assert outcomes[0].equals(outcomes[1]) == (kind == "waits")
    if kind == "waits":
        assert not read_waits(other).equals(read_waits(MADE))
    assert other.truth["world"][name] != MADE.truth["world"][name]


def test_live_support_refuses_what_it_does_not_know():
    with pytest.raises(Refused) as refused:
        live_support(n_units=100, live_agent=3)
    assert str(refused.value) == "simulation live_support: unknown parameter live_agent; did you mean live_agents?"
    with pytest.raises(Refused) as refused:
        live_support(n_units=9)
    assert str(refused.value) == "simulation, n_units: give a whole number from 10 to 100,000,000"


def test_live_support_note_says_that_it_is_planted():
    assert simulate.simulate("live_support", n_units=1500, seed=11).note == (
        "Simulated: 1,500 sign-ups whose effects are planted, and 375 of the weeks before. "
        "Recovering the effects tests the method; it is no evidence for the published claims."
    )


def test_live_support_is_fast():
    start = time.perf_counter()
    live_support(n_units=24_000)
    assert time.perf_counter() - start < 5
