"""The simulated live-support test: equations, queues, events that fold to units, planted effects that come out."""

import functools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from helpers import metrics, plan, sources
from helpers.simulate import live_support as world
from helpers.simulate.kit import cut_delay
from helpers.simulate.live_support import SIGN_UPS, SupportWorld, deliver, live_support, solve_chances

METRICS = ("revenue", "revenue_30", "revenue_60", "trial", "paid", "questions", "csat", "answered")


@functools.cache
def draw(**given):
    return live_support(**given)


SMALL = draw(n_units=1500, seed=11)


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
    return read_waits(draw())


@pytest.fixture(scope="module")
def folded():
    """The fold of the events by the engine, as the plan says."""
    design = plan.read("live_support").design
    asked = {"study": "live_support", "n_units": 1500, "seed": 11}
    units = metrics.fold(sources.load(design, "simulated", simulation=asked), design)
    return metrics.read_rows(units, ["y_nps", "exposed", *(f"y_{name}" for name in METRICS)])


def test_live_support_events_fold_to_units(folded):
    for name in METRICS:
        values = (made.to_numpy(float) for made in (folded[f"y_{name}"], SMALL.units[name]))
        np.testing.assert_allclose(*values, atol=1e-4, err_msg=name)
    scores = SMALL.units["nps"]
    points = np.where(scores.isna(), np.nan, 100.0 * (scores >= 9) - 100.0 * (scores <= 6))
    np.testing.assert_allclose(folded["y_nps"].to_numpy(float), points)
    assert folded["exposed"].tolist() == SMALL.units["live_reply"].tolist()


def test_live_support_has_events_outside_every_window():
    start = SMALL.assignments.set_index("signup_id")["assigned_at"]
    age = SMALL.events["at"] - start.loc[SMALL.events["signup_id"]].array
    late = [set(SMALL.events["event"][age >= pd.Timedelta(days=days)]) for days in (28, 90)]
    assert {"question", "first_reply", "live_reply", "trial_started"} <= late[0]
    assert {"paid", "payment"} <= late[1]
    assert age.min() >= pd.Timedelta(0)
    assert SMALL.events["at"].max() < world.COMPLETE_TO


def test_live_support_columns_and_values():
    ids, events = ["conversation_id", "agent_id"], SMALL.events
    assert list(SMALL.assignments) == ["signup_id", "variant", "assigned_at", "company_size", "channel"]
    assert list(events) == ["signup_id", "event", "at", "value", *ids]
    filled = events.groupby("event")[["value", *ids]].count() > 0
    assert set(filled.index[filled["value"]]) == {"payment", "refund", "nps_answered", "csat_answered"}
    assert set(filled.index[filled["conversation_id"]]) == {"question", "first_reply", "live_reply"}
    assert set(filled.index[filled["agent_id"]]) == {"first_reply", "live_reply"}
    assert (events["event"] == "survey_sent").sum() == len(SMALL.units)
    assert not SMALL.units.drop(columns=["nps", "csat"]).isna().any().any()
    answered = SMALL.units["answered"] == 1
    assert (SMALL.units[["nps", "csat"]].notna().to_numpy() == answered.to_numpy()[:, None]).all()


def test_live_support_a_conversation_has_one_question_and_at_most_one_reply():
    talk = SMALL.events[SMALL.events["conversation_id"].notna()]
    assert not talk.duplicated(["conversation_id", "event"]).any()
    assert talk.groupby("conversation_id")["signup_id"].nunique().max() == 1
    names = ("question", "first_reply", "live_reply")
    asked, first, live = (talk[talk["event"] == name].set_index("conversation_id") for name in names)
    soon = (first["at"] - asked["at"].loc[first.index]).dt.total_seconds() <= 300
    pd.testing.assert_frame_equal(live[["at", "agent_id"]], first.loc[soon, ["at", "agent_id"]].loc[live.index])
    assert len(live) == soon.sum()


def test_live_support_is_shaped_as_described():
    arms = draw().assignments.groupby("variant")["assigned_at"].agg(["count", "min", "max"])
    assert arms.loc["before", "count"] == 6000
    assert abs(arms.loc["live", "count"] - 12_000) < 4 * np.sqrt(24_000) / 2
    began = pd.Timestamp("2018-09-03", tz="UTC")
    assert arms.loc["before", "min"] >= pd.Timestamp("2018-08-06", tz="UTC")
    assert arms.loc["before", "max"] < began <= arms.loc[["live", "standard"], "min"].min()
    assert arms["max"].max() < pd.Timestamp("2018-12-24", tz="UTC")
    units = draw().units[draw().units["variant"] != "live"]
    assert 0.5 < (units["questions"] == 0).mean() < 0.7
    assert (units["csat"].dropna() >= 4).mean() == pytest.approx(0.95, abs=0.01)  # claim R03
    assert draw().units["revenue"].skew() > 5
    assert units.loc[units["paid"] == 1, "trial"].all()


def test_live_support_a_refund_gives_the_first_payment_back_after_ten_days_and_ends_it():
    money = {name: part.set_index("signup_id") for name, part in draw().events.groupby("event")}
    back, payments = money["refund"], money["payment"]
    paid = payments[payments.index.isin(back.index)]
    assert paid.index.is_unique
    paid = paid.loc[back.index]
    assert (back["at"] - paid["at"] == pd.Timedelta(days=10)).all()
    assert (back["value"] == -paid["value"]).all()
    assert (back["value"] < 0).all()


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
    events = draw().events.join(draw().assignments.set_index("signup_id")["variant"], on="signup_id")
    agents = events[events["event"] == "first_reply"].groupby("variant")["agent_id"].agg(set)
    assert not agents["live"] & agents["standard"]
    assert agents["live"] & agents["before"]


def test_live_support_shared_agents_serve_both_and_make_the_standard_arm_slower(waits):
    shared = draw(shared_agents=True)
    slower = read_waits(shared).groupby("variant")["minutes"].median()
    assert slower["standard"] > waits.groupby("variant")["minutes"].median()["standard"] + 5
    assert slower["standard"] > slower["before"] + 10
    assert slower["live"] < 5
    assert shared.truth["delivered"]["shared_agents"]
    assert set(shared.truth["delivered"]["teams"]) == {"before", "standard"}


def test_live_support_states_the_staffing_that_was_planned():
    named = {"before": (17, 664), "standard": (13, 504), "live": (13, 492)}
    teams = {name: {"agents": people, "agent_hours_per_week": hours} for name, (people, hours) in named.items()}
    assert draw().truth["delivered"] == {"shared_agents": False, "teams": teams}


SEEDS, UNITS = 16, 6000
MEANS = ("questions", "trial", "paid", "revenue", "revenue_30", "revenue_60", "answered")
WANTED = [(name, "itt") for name in MEANS] + [("nps", "responders"), ("csat", "responders")]
T_CRITICAL = 4.5  # of t with 15 df: family-wise error .004 over the nine


def read_score(arm, metric):
    """Return the mean of a metric in one arm; loyalty in points."""
    values = arm[metric].dropna().to_numpy(float)
    return 100 * (np.mean(values >= 9) - np.mean(values <= 6)) if metric == "nps" else values.mean()


@pytest.fixture(scope="module")
def recovered():
    """Each difference in each of the seeds, the contrast of who got a live reply, and the planted effects."""
    rows, received = [], []
    for seed in range(SEEDS):
        made = live_support(n_units=UNITS, seed=seed, other_questions_per_hour=2)  # short queues: no effect needs them
        standard, live = (made.units[made.units["variant"] == name] for name in ("standard", "live"))
        rows.append([read_score(live, metric) - read_score(standard, metric) for metric, _ in WANTED])
        received.append(live.loc[live["live_reply"] == 1, "trial"].mean() - standard["trial"].mean())
    found = pd.DataFrame(rows, columns=pd.MultiIndex.from_tuples(WANTED))
    return found, np.array(received), made.truth["effects"]


def test_live_support_truth_is_recovered_over_seeds(recovered):
    planted = {(e["metric"], e["population"]): e["value"] for e in recovered[2] if e["estimand"] == "difference"}
    for wanted in WANTED:
        found = recovered[0][wanted]
        assert abs(found.mean() - planted[wanted]) < T_CRITICAL * found.std() / np.sqrt(SEEDS), wanted


def test_live_support_who_got_a_live_reply_overstates_the_effect(recovered):
    bias = recovered[1] - 0.06  # planted: six points for all; who asks is keener
    assert bias.mean() > T_CRITICAL * bias.std() / np.sqrt(SEEDS)


def state(**changes):
    settled = replace(SupportWorld(), **changes)
    effects = world.state_truth(settled, solve_chances(settled))
    return {(e["metric"], e["estimand"], e["population"]): e for e in effects}


def value(effects, metric, estimand="difference", population="itt"):
    return effects[metric, estimand, population]["value"]


def test_state_truth_holds_the_published_figures():
    effects = state()
    lifts = [value(effects, name, "relative_lift") for name in ("questions", "trial", "paid", "revenue")]
    assert lifts == pytest.approx([0.18, 0.30, 0.15, 0.15], abs=1e-9)
    assert value(effects, "nps", population="responders") == pytest.approx(15, abs=1e-9)
    assert value(effects, "csat", population="responders") == pytest.approx(0, abs=1e-9)


def test_state_truth_loyalty_as_percent_of_the_standard_arm_by_hand():
    effects = state(loyalty_as="percent")
    assert value(effects, "nps", population="responders") == pytest.approx(0.15 * 30, abs=1e-9)
    assert SupportWorld(loyalty_as="percent", nps=-20).loyalty_gain == pytest.approx(-3)


def test_state_truth_baselines_are_the_worlds_and_who_answers_is_happier():
    effects, alike = state(), state(satisfied_answer=0.0, response_effect=0.0)
    baselines = {key: effect["control_value"] for key, effect in effects.items()}
    plain = [baselines[name, "difference", "itt"] for name in ("questions", "trial", "paid")]
    assert plain == pytest.approx([0.8, 0.2, 0.08])
    assert baselines["nps", "difference", "responders"] == pytest.approx(30)
    assert baselines["nps", "difference", "itt"] < 25
    rating = 0.95 * (0.65 * 5 + 0.35 * 4) + 0.05 * (0.5 * 3 + 0.25 * 2 + 0.25)
    assert baselines["csat", "difference", "responders"] == pytest.approx(rating)
    assert value(alike, "nps") == pytest.approx(15)


def test_state_truth_loyalty_of_those_who_answer_by_brute_force():
    settled, rng = SupportWorld(), np.random.default_rng(4)
    chances = solve_chances(settled)
    trait, delivered = rng.standard_normal(400_000), deliver(settled)[rng.choice(168, 400_000, p=SIGN_UPS)]
    weight = chances["answered"].served(trait, delivered)
    score = chances["promoter"].served(trait, delivered) - chances["detractor"].served(trait, delivered)
    error = 100 * np.std(weight * (score - 0.45)) / weight.mean() / np.sqrt(trait.size)
    assert abs(100 * np.average(score, weights=weight) - 45) < 4 * error


def test_count_payments_by_brute_force():
    settled, rng = SupportWorld(refund_share=0.2, monthly_churn=0.3), np.random.default_rng(2)
    first = 14 + cut_delay(rng.random(400_000), 3, 28) + cut_delay(rng.random(400_000), 4, 18)
    refunded, stays = rng.random(first.size) < 0.2, rng.geometric(0.3, first.size)
    months = np.where(refunded, 1, stays)
    for days in (30, 60, 90):
        paid = sum((first + 30 * nth < days) & (months > nth) for nth in range(3))
        net = paid - (refunded & (first + 10 < days))
        assert abs(net.mean() - world.count_payments(settled, days)) < 4 * net.std() / np.sqrt(first.size)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(lift=st.floats(-0.5, 0.4), loyalty=st.floats(-20, 20), response=st.floats(-0.08, 0.08), hour=st.floats(0, 1))
def test_solve_chances_hits_every_effect(lift, loyalty, response, hour):
    effects = state(trial_lift=lift, loyalty_effect=loyalty, response_effect=response, effect_by_hour=hour)
    assert value(effects, "trial", "relative_lift") == pytest.approx(lift, abs=1e-9)
    assert value(effects, "nps", population="responders") == pytest.approx(loyalty, abs=1e-7)
    assert value(effects, "answered") == pytest.approx(response, abs=1e-9)


def test_asking_means_equal_a_direct_integral():
    mean, _ = integrate.quad(lambda z: stats.norm.pdf(z) * world.asking_means(SupportWorld(), z, 1.0), -9, 9)
    assert mean == pytest.approx(0.8 * 1.18, abs=1e-9)
