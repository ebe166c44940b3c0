"""Erlang C and A: by hand, against published figures and brute force, by what always holds, and by simulation."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg
from sources_samples import tell_refusal

from helpers.queues import Promise, agents_needed, answer_by_erlang_a, answer_by_erlang_c
from helpers.simulate.kit import HOURS_A_WEEK, serve


def _erlang_a(arrivals, handle, agents, *, target=2.0, patience=10.0):
    return answer_by_erlang_a(arrivals, agents, Promise(handle, patience, target, 0.8))


def _erlang_c(arrivals, handle, agents, *, target=2.0):
    return answer_by_erlang_c(arrivals, agents, Promise(handle, 1, target, 0.8))


def test_answer_by_erlang_c_by_hand():
    # M/M/1 at a load of a half: half wait; the mean wait is 0.5 / (1/10 - 1/20) = 10 minutes
    found = _erlang_c(3, 10, 1, target=20)
    assert found.wait_minutes == pytest.approx(10)
    assert found.share_within == pytest.approx(1 - 0.5 * math.exp(-1))
    assert (found.share_lost, found.occupancy) == (0, pytest.approx(0.5))
    # two agents, load 1: states 1, 1, 1/2, 1/4, ...: a third wait, for 1 / (2/10 - 1/10) = 10 minutes
    assert _erlang_c(6, 10, 2).wait_minutes == pytest.approx(10 / 3)


@pytest.mark.parametrize(("agents", "waiting", "within"), [(11, 68.2, 39.0), (12, 44.9, 64.0), (14, 17.4, 88.8)])
def test_answer_by_erlang_c_gives_a_published_table(agents, waiting, within):
    # Call Centre Helper, "Erlang C formula: made simple": 200 calls an hour of 3 minutes, at once and in 20 seconds
    found = [100 * _erlang_c(200, 3, agents, target=target).share_within for target in (0, 1 / 3)]
    assert found == pytest.approx([100 - waiting, within], abs=0.06)


def test_answer_by_erlang_c_too_few_agents_never_catch_up():
    found = _erlang_c(60, 2, 2)
    assert (found.share_within, found.wait_minutes) == (0, math.inf)
    assert math.isnan(_erlang_c(60, 2, 0).occupancy)


def test_answer_by_erlang_a_one_agent_who_is_left_as_fast_as_served_by_hand():
    # leaving as fast as serving: the number present is Poisson(1), so the agent is idle with chance 1/e
    found = _erlang_a(6, 10, 1, patience=10)
    assert _erlang_a(6, 10, 1, target=0).share_within == pytest.approx(math.exp(-1))
    assert found.occupancy == pytest.approx(1 - math.exp(-1))
    assert found.share_lost == pytest.approx(math.exp(-1))


def test_answer_by_erlang_a_gives_the_published_comparison():
    # Garnett, Mandelbaum & Reiman 2002: 48 calls a minute of a minute, 50 agents, patience 2 minutes
    found = _erlang_a(48 * 60, 1, 50, patience=2)
    assert found.share_lost == pytest.approx(0.031, abs=5e-4)
    assert found.occupancy == pytest.approx(0.93, abs=5e-3)
    # theirs is the mean wait of all, lost ones included, 3.7 seconds: the share lost times mean patience
    assert found.share_lost * 2 * 60 == pytest.approx(3.7, abs=0.05)
    assert _erlang_c(48 * 60, 1, 50).wait_minutes * 60 == pytest.approx(20.8, abs=0.05)


def _solve_chain(arrivals, handle, agents, target, patience, most=60):
    """The stationary chain by linear algebra, and the wait of one who finds k ahead by a matrix exponential."""
    rate, served, leaving = arrivals / 60, 1 / handle, 1 / patience
    out = np.array([min(k, agents) * served + max(k - agents, 0) * leaving for k in range(most + 1)])
    flow = np.diag(np.full(most, rate), 1) + np.diag(out[1:], -1)
    flow -= np.diag(flow.sum(axis=1))
    present = linalg.null_space(flow.T)[:, 0]
    present /= present.sum()
    ahead = present[agents:]  # one who comes then has so many of the queue before it
    size = ahead.size
    steps = agents * served + leaving * np.arange(size)
    down = np.zeros((size + 1, size + 1))  # the last state: answered
    down[np.arange(size), np.r_[size, : size - 1]] = steps
    down[np.arange(size), np.arange(size)] = -steps - leaving
    soon = linalg.expm(down * target)[:size, size]
    answered = linalg.solve(-down[:size, :size], down[:size, size])
    return present[:agents].sum() + ahead @ soon, 1 - present[:agents].sum() - ahead @ answered


@pytest.mark.parametrize(
    ("arrivals", "handle", "agents", "target", "patience"),
    [(20, 9, 3, 2, 10), (30, 8, 2, 5, 4), (5, 30, 4, 0.5, 60), (60, 10, 7, 15, 20), (3, 6, 1, 2, 1)],
)
def test_answer_by_erlang_a_equals_a_chain_solved_by_brute_force(arrivals, handle, agents, target, patience):
    found = _erlang_a(arrivals, handle, agents, target=target, patience=patience)
    expected = _solve_chain(arrivals, handle, agents, target, patience)
    assert [found.share_within, found.share_lost] == pytest.approx(expected, abs=1e-8)


@settings(max_examples=80, deadline=None)
@given(st.floats(0.1, 4000), st.floats(0.5, 60), st.integers(1, 800), st.floats(0, 90), st.floats(0.2, 2000))
def test_answer_by_erlang_a_keeps_its_books(arrivals, handle, agents, target, patience):
    found = _erlang_a(arrivals, handle, agents, target=target, patience=patience)
    more = _erlang_a(arrivals, handle, agents + 1, target=target, patience=patience)
    busier = _erlang_a(arrivals * 1.1, handle, agents, target=target, patience=patience)
    later = _erlang_a(arrivals, handle, agents, target=target + 1, patience=patience)
    assert 0 <= found.share_within <= 1 - found.share_lost + 1e-9
    assert more.share_within >= found.share_within - 1e-9
    assert more.share_lost <= found.share_lost + 1e-9
    assert busier.share_within <= found.share_within + 1e-9
    assert later.share_within >= found.share_within - 1e-9
    assert found.occupancy * agents == pytest.approx(arrivals * handle / 60 * (1 - found.share_lost), rel=1e-6)
    # what is lost is lost at the rate of patience: with time in minutes, share lost = mean wait of all / patience
    assert found.share_lost >= max(0, 1 - agents / (arrivals * handle / 60)) - 1e-9


def test_answer_by_erlang_a_at_the_edges():
    endless = _erlang_a(600, 8, 5000)
    assert (endless.share_within, endless.share_lost, endless.wait_minutes) == (1, 0, 0)
    assert (_erlang_a(0, 8, 3).share_within, _erlang_a(10, 8, 0).share_lost) == (1, 1)
    crushed = _erlang_a(50_000, 60, 3, patience=5)  # 50,000 times too few: those answered are the few that agents can
    assert 1 - crushed.share_lost == pytest.approx(3 / 50_000, rel=1e-6)
    assert crushed.share_within < 1e-4
    patient, without = _erlang_a(6000, 8, 830, patience=1e9), _erlang_c(6000, 8, 830)  # with endless patience, Erlang C
    assert patient.share_within == pytest.approx(without.share_within, abs=1e-6)
    assert patient.wait_minutes == pytest.approx(without.wait_minutes, rel=1e-5)


@pytest.mark.parametrize(("arrivals", "handle", "agents", "target", "patience"), [(20, 9, 3, 2, 10), (90, 6, 8, 1, 3)])
def test_answer_by_erlang_a_agrees_with_a_simulated_queue(arrivals, handle, agents, target, patience):
    n, shares, lost, waits = 3000, [], [], []
    for seed in range(25):
        rng = np.random.default_rng([seed, agents])
        times = np.cumsum(rng.exponential(3600 / arrivals, n)), rng.exponential(60 * handle, n)
        wait = serve(*times, rng.exponential(60 * patience, n), np.ones((agents, HOURS_A_WEEK))).wait[200:]
        shares.append((wait <= 60 * target).mean())
        lost.append(np.isnan(wait).mean())
        waits.append(np.nanmean(wait) / 60)
    found = _erlang_a(arrivals, handle, agents, target=target, patience=patience)
    for drawn, exact in ((shares, found.share_within), (lost, found.share_lost), (waits, found.wait_minutes)):
        assert abs(np.mean(drawn) - exact) < 4 * np.std(drawn, ddof=1) / 5


PROMISE = Promise(8, 10, 2, 0.9)


@pytest.mark.parametrize("answer", [answer_by_erlang_a, answer_by_erlang_c])
@pytest.mark.parametrize("arrivals", [0.01, 3, 40, 700])
def test_agents_needed_is_the_fewest(arrivals, answer):
    found = agents_needed(arrivals, PROMISE, answer=answer)
    enough, short = (answer(arrivals, agents, PROMISE).share_within for agents in (found, found - 1))
    assert enough >= 0.9 > short


@pytest.mark.parametrize(("arrivals", "change", "more"), [
    (90, {}, True), (60, {"handle_minutes": 12}, True), (60, {"target_minutes": 30}, False),
    (60, {"target_share": 0.6}, False), (60, {"patience_minutes": 1}, False), (0, {}, False),  # leavers make room
])  # fmt: skip
def test_agents_needed_changes_with_every_figure(arrivals, change, more):
    base, found = agents_needed(60, PROMISE), agents_needed(arrivals, replace(PROMISE, **change))
    assert found > base if more else found < base
    assert arrivals or found == 0


def test_agents_needed_refuses_more_than_anybody_has():
    assert tell_refusal(agents_needed, 1e6, Promise(60, 1e6, 2, 0.9)) == (
        "staffing: more than 100,000 agents would be needed; check the rates and the target"
    )
