"""The simulated hold-out: its equations hold exactly, its events fold to its units, its truth is recovered."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from helpers.simulate import proactive_help as world
from helpers.simulate.kit import NODES, average
from helpers.simulate.proactive_help import HelpWorld, proactive_help, solve_responses, state_truth

WORLD = HelpWorld()

MADE = proactive_help(n_units=2000, seed=11)
SEEDS, UNITS = 16, 1500


def window(events, name, days):
    chosen = events[events["event"].isin([name] if isinstance(name, str) else name)]
    return chosen[chosen["at"] < chosen["assigned_at"] + pd.Timedelta(days=days)].groupby("workspace_id")


def test_proactive_help_events_fold_to_units():
    units = MADE.units.set_index("workspace_id")
    events = MADE.events.join(units["assigned_at"], on="workspace_id")
    shares = {"help_opened": ("help_opened", 28), "activated": ("activated", 28)}
    shares |= {"converted": ("paid", 60), "still_paying": ("renewed", 245)}
    counts = {"conversations": "conversation_started", "searches": "help_search", "active_days": "active_day"}
    found = {name: window(events, *asked).size() > 0 for name, asked in shares.items()}
    found |= {name: window(events, event, 28).size() for name, event in counts.items()}
    found["arr"] = window(events, ["payment", "refund"], 365)["value"].sum()
    for name, values in found.items():
        assert (values.astype(float).reindex(units.index, fill_value=0.0) == units[name]).all(), name


def test_proactive_help_time_to_payment_is_that_of_the_first_paid_event():
    units = MADE.units.set_index("workspace_id")
    paid = MADE.events[MADE.events["event"] == "paid"].set_index("workspace_id")["at"]
    days = (paid - units.loc[paid.index, "assigned_at"]).dt.total_seconds() / 86_400
    assert np.allclose(days, units.loc[paid.index, "paid_in_days"], rtol=0, atol=1e-9)
    unpaid = units[units["paid_in_observed"] == 0]
    seen = (world.COMPLETE_TO - unpaid["assigned_at"]).dt.total_seconds() / 86_400
    assert np.allclose(seen, unpaid["paid_in_days"])


def test_proactive_help_has_events_outside_every_window():
    start = MADE.units.set_index("workspace_id")["assigned_at"]
    age = MADE.events["at"] - start.loc[MADE.events["workspace_id"]].array
    late = set(MADE.events["event"][age >= pd.Timedelta(days=28)])
    assert {"activated", "conversation_started", "help_search", "active_day", "payment"} <= late
    assert age.min() >= pd.Timedelta(0)
    assert MADE.events["at"].max() < world.COMPLETE_TO


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
    assert MADE.units["active_days"].between(1, 28).all()


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


MEANS = ("activated", "conversations", "searches", "active_days", "per_active", "converted", "still_paying", "arr")
WANTED = [(name, "difference") for name in MEANS]
WANTED += [("activated", "cace"), ("activated", "ratio"), ("paid_in", "rmst_difference")]


def test_proactive_help_truth_is_recovered_over_seeds():
    runs = [proactive_help(n_units=UNITS, seed=seed).units for seed in range(SEEDS)]
    planted = {(e["metric"], e["estimand"]): e["value"] for e in MADE.truth["effects"]}
    for wanted in WANTED:
        found = np.array([contrast(units, *wanted) for units in runs])
        band = 4.8 * found.std(ddof=1) / np.sqrt(SEEDS)  # t with 15 df: family-wise error .003 over the eleven
        bias = {"ratio": 0.05, "cace": 0.01}.get(wanted[1], 0)  # of ratios in small samples
        assert abs(found.mean() - planted[wanted]) < band + bias, wanted


def state():
    return state_truth(WORLD, solve_responses(WORLD))


def pick(effects, metric, estimand):
    (found,) = (e["value"] for e in effects if (e["metric"], e["estimand"]) == (metric, estimand))
    return found


def test_state_truth_holds_the_published_figures():
    effects = state()
    assert pick(effects, "converted", "difference") == pytest.approx(-0.09)
    assert pick(effects, "activated", "difference") == pytest.approx(-0.02)
    assert pick(effects, "activated", "ratio") == pytest.approx(2.5)
    assert pick(effects, "conversations", "difference") == pytest.approx(-0.15)
    assert pick(effects, "per_active", "difference") == pytest.approx(0, abs=1e-12)  # they are fewer active days
    keys = [(e["metric"], e["estimand"], e["population"]) for e in effects]
    assert len(set(keys)) == len(keys)
    kept = 0.97 * 0.97**6  # not refunded, and six months without leaving
    assert pick(effects, "still_paying", "difference") == pytest.approx(-0.09 * kept)
    # 40 % open with links, 5 % without: 35 % are moved
    assert pick(effects, "activated", "cace") == pytest.approx(0.02 / 0.35)
    assert pick(effects, "converted", "cace") == pytest.approx(0.09 / 0.35)


def test_state_truth_time_to_payment_by_hand():
    share = np.linspace(0, 1, 200_001)[:-1] + 0.5 / 200_000
    delay = np.mean(-8 * np.log1p(-share * -np.expm1(-46 / 8)))  # truncated exponential, by its quantiles
    expected = 0.09 * (90 - 14 - delay)
    assert pick(state(), "paid_in", "rmst_difference") == pytest.approx(expected, rel=1e-6)


def test_state_truth_revenue_by_brute_force():
    rng, paid = np.random.default_rng(5), solve_responses(WORLD)["paid"]
    z = rng.standard_normal(400_000)
    chances = special.softmax(world.TIER_LEVELS + np.multiply.outer(z, world.TIER_SLOPES), axis=1)
    price = chances @ np.array([39.0, 59.0, 99.0])
    delay = -8 * np.log1p(-rng.random(z.size) * -np.expm1(-46 / 8))
    months = np.arange(13)
    bills = ((14 + delay[:, None] + 30 * months < 365) * 0.97**months).sum(axis=1) * 0.97
    revenue = paid.plain(z) * bills * price * (1 + np.exp(1.1 + 0.35 * z))
    (stated,) = (e["treatment_value"] for e in state() if (e["metric"], e["estimand"]) == ("arr", "difference"))
    assert abs(revenue.mean() - stated) < 4 * revenue.std() / np.sqrt(z.size)


def test_opening_shares_equal_a_direct_integral():
    def integrand(z):
        return stats.norm.pdf(z) * world.opening_shares(WORLD, z)[0] * z

    mean, _ = integrate.quad(integrand, -9, 9)
    assert average(world.opening_shares(WORLD, NODES)[0] * NODES) == pytest.approx(mean, abs=1e-9)


def test_response_by_hand():
    share, count = world.Response(0.0, 0.0, 0.5), world.Response(np.log(2), 0.0, 0.5, None)
    assert [share.plain(0), share.served(0)] == [0.5, 0.75]  # half without help; help adds half of the room above
    assert world.Response(0.0, 0.0, -0.5).served(0) == 0.25  # below 0 a share of the value
    assert [count.plain(0), count.served(0)] == pytest.approx([2, 3])  # no ceiling


@settings(derandomize=True, deadline=None, max_examples=25)
@given(rate=st.floats(0.15, 0.35), effect=st.floats(-0.08, 0.05), ratio=st.floats(1.8, 2.6))
def test_solve_responses_hits_rate_effect_and_ratio(rate, effect, ratio):
    given = HelpWorld(activation_rate=rate, activation_effect=effect, activation_ratio=ratio)
    response = solve_responses(given)["activated"]
    links, without = world.mean_by_arm(given, response)
    others, users = world.contrast_users(given, response)
    assert [links, without - links, users / others] == pytest.approx([rate, effect, ratio], abs=1e-8)


def test_solve_responses_hits_the_means_of_counts_and_days():
    found, means = solve_responses(WORLD), {"searches": (2.0, 1.6), "conversations": (1.2, 1.05)}
    means |= {"active": (7.0, 6.0), "paid": (0.25, 0.16)}
    for name, pair in means.items():
        assert world.mean_by_arm(WORLD, found[name]) == pytest.approx(pair), name
