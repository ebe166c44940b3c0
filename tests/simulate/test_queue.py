"""The teams and their queue: rules by hand, two recursions of queueing theory, and what must always hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.simulate.kit import HOURS_A_PERSON, HOURS_A_WEEK, plan_duty, serve
from helpers.simulate.live_support import ON_DUTY, SIGN_UPS, SupportWorld, deliver, expect_others, gather_teams

ALWAYS = np.ones((1, HOURS_A_WEEK), bool)
PATIENT = np.inf


def _duty(*rows):
    """One row an agent, from the hours of the week in which the agent is on duty."""
    duty = np.zeros((len(rows), HOURS_A_WEEK), bool)
    for agent, hours in enumerate(rows):
        duty[agent, list(hours)] = True
    return duty


def test_serve_one_agent_by_hand():
    # the second waits for the first; the third gives up after 5 s; the fourth finds the agent free at 20
    service = serve([0, 4, 6, 30], [10, 10, 10, 1], [PATIENT, PATIENT, 5, PATIENT], ALWAYS)
    assert service.agent.tolist() == [0, 0, -1, 0]
    np.testing.assert_array_equal(service.wait, [0, 6, np.nan, 0])
    assert serve([0, 4], [10, 1], [0, 6], ALWAYS).wait.tolist() == [0, 6]  # patient to the very moment
    assert serve([], [], [], ALWAYS).wait.shape == (0,)


def test_serve_takes_the_agent_who_has_been_idle_longest():
    # both free at first: the lower number; then agent 1, idle since 0; then agent 0, idle since 5, before 1, since 11
    service = serve([0, 10, 12], [5, 1, 1], [PATIENT] * 3, np.repeat(ALWAYS, 2, axis=0))
    assert service.agent.tolist() == [0, 1, 0]


def test_serve_by_priority_and_first_come_within():
    arguments = [0, 1, 2, 3], [10] * 4, [PATIENT] * 4, ALWAYS
    assert serve(*arguments).wait.tolist() == [0, 9, 18, 27]
    assert serve(*arguments, priority=[1, 1, 0, 0]).wait.tolist() == [0, 29, 8, 17]  # the one begun is not broken off


def test_serve_begins_only_on_duty_and_finishes_what_was_begun():
    # on duty 01:00 to 02:00; the first comes at night, the second at 01:59:59 and is finished after 02:00,
    # the third waits for the next Monday 01:00
    week = HOURS_A_WEEK * 3600
    assert serve([1800, 7199, 7200], [60, 600, 60], [PATIENT] * 3, _duty([1])).wait.tolist() == [1800, 0, week - 3600]
    for weeks in (1, 5):  # counted from the first Monday
        assert serve([weeks * week + 1800], [60], [PATIENT], _duty([1])).wait.tolist() == [1800]
    # begins with who is on duty, and goes on when duty begins again
    assert serve([5400], [60], [PATIENT], _duty([1])).wait.tolist() == [0]
    assert serve([5400], [60], [PATIENT], _duty([0])).wait.tolist() == [week - 5400]
    # busy from 00:30 for two hours: duty ends at 01:00, begins again at 02:00, the second is begun at 02:30
    assert serve([1800, 2000], [7200, 1], [PATIENT] * 2, _duty([0, 2])).wait.tolist() == [0, 7000]
    for nobody in (np.zeros((0, HOURS_A_WEEK)), np.zeros((3, HOURS_A_WEEK))):
        assert serve([0, 5], [1, 1], [PATIENT, 3], nobody).agent.tolist() == [-1, -1]


def test_serve_at_one_moment_duty_changes_then_conversations_end_then_customers_arrive():
    # at 10 the agent takes who waits, and not the one of higher rank who comes at that moment
    assert serve([0, 5, 10], [10, 1, 1], [PATIENT] * 3, ALWAYS, priority=[0, 1, 0]).wait.tolist() == [0, 5, 1]
    # who comes when duty ends finds nobody, although the agent is idle
    assert serve([3600, 7200], [60, 60], [PATIENT] * 2, _duty([1])).wait.tolist() == [0, (HOURS_A_WEEK - 1) * 3600]


def _draw(seed, n, *, gap=60.0):
    rng = np.random.default_rng(seed)
    return np.cumsum(rng.exponential(gap, n)), rng.lognormal(4, 1, n)


@pytest.mark.parametrize(("agents", "gap"), [(1, 100), (3, 32)])
def test_serve_equals_the_recursion_of_lindley_kiefer_and_wolfowitz(agents, gap):
    arrived, handling = _draw(agents, 3000, gap=gap)
    work, expected = np.zeros(agents), []
    for passed, task in zip(np.diff(arrived, prepend=arrived[0]), handling, strict=True):
        work = np.sort(np.maximum(work - passed, 0))
        expected.append(work[0])
        work[0] += task
    service = serve(arrived, handling, np.full(3000, PATIENT), np.repeat(ALWAYS, agents, axis=0))
    np.testing.assert_allclose(service.wait, expected, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.booleans())
def test_serve_always_holds_its_rules(seed, agents, ranked):
    rng = np.random.default_rng(seed)
    arrived, handling = np.sort(rng.integers(0, 40_000, 60)).astype(float), rng.integers(0, 3000, 60).astype(float)
    patience, duty = rng.integers(0, 20_000, 60).astype(float), rng.random((agents, HOURS_A_WEEK)) < 0.5
    priority = rng.integers(0, 2, 60) if ranked else np.zeros(60, int)
    service = serve(arrived, handling, patience, duty, priority=priority)
    served = service.agent >= 0
    start = arrived + service.wait
    assert (service.wait[served] <= patience[served]).all()
    assert duty[service.agent[served], (start[served] // 3600).astype(int) % HOURS_A_WEEK].all()
    for agent in range(agents):  # nobody has two conversations at a time
        begun = np.flatnonzero(service.agent == agent)
        begun = begun[np.lexsort((begun, start[begun]))]
        assert (np.diff(start[begun]) >= handling[begun][:-1] - 1e-9).all() or (handling[begun] == 0).any()
    gone = np.where(served, start, arrived + patience)
    for row in np.flatnonzero(served):  # whoever was there, came before and ranks as high, does not wait longer
        ahead = (arrived < arrived[row]) & (priority <= priority[row]) & (gone > start[row])
        assert not ahead.any()


@pytest.mark.parametrize("agents", [1, 3])
def test_serve_leaves_nobody_waiting_while_an_agent_is_free(agents):
    arrived, handling = _draw(3, 400, gap=60 / agents)
    duty = np.random.default_rng(4).random((agents, HOURS_A_WEEK)) < 0.6
    service = serve(arrived, handling, np.full(400, PATIENT), duty)
    start = arrived + service.wait
    for row in np.flatnonzero(service.wait > 0):
        moments = np.linspace(arrived[row], start[row], 7)[:-1]
        for moment in moments:
            busy = {service.agent[k] for k in range(400) if start[k] <= moment < start[k] + handling[k]}
            on_duty = set(np.flatnonzero(duty[:, int(moment // 3600) % HOURS_A_WEEK]).tolist())
            assert on_duty <= busy


def test_deliver_follows_staffing_and_averages_to_one_over_sign_ups():
    for changes in ({}, {"effect_by_hour": 1.0}, {"shared_agents": True}):
        assert deliver(SupportWorld(**changes)) @ SIGN_UPS == pytest.approx(1, abs=1e-12)
    assert np.ptp(deliver(SupportWorld(effect_by_hour=0.0))) == pytest.approx(0)
    by_hour = deliver(SupportWorld(effect_by_hour=1.0))
    assert by_hour[2] == 0  # Monday at two: nobody is on duty
    assert by_hour[10] == by_hour.max()


@pytest.mark.parametrize(("team", "seats"), [("live", 5), ("regular", 8), ("live", 1), ("regular", 31)])
def test_plan_duty_fills_each_hour_and_overworks_nobody(team, seats):
    duty = plan_duty(ON_DUTY[team], seats)
    wanted = np.ceil(ON_DUTY[team] * seats - 1e-9)
    assert duty.sum(axis=0).tolist() == wanted.tolist()
    assert (duty[:, :4] == 0).all()  # between midnight and four
    assert duty.sum(axis=1).mean() <= HOURS_A_PERSON
    assert np.ptp(duty.sum(axis=1)) <= 8  # two blocks


def test_gather_teams_grow_with_the_sign_ups_the_live_reserve_with_their_root():
    small, large = (gather_teams(SupportWorld(), n) for n in (24_000, 96_000))
    seats = {name: [t[name].sum(axis=0).max() for t in (small, large)] for name in ("before", "live")}
    assert seats["before"] == [8, 32]
    work = 12_000 / 16 / 168 * 0.8 * 1.18 * 10 / 60
    assert seats["live"] == [5, round(4 * work + 2 * (5 - work))]
    assert set(gather_teams(SupportWorld(shared_agents=True), 24_000)) == {"before", "standard"}


@pytest.mark.parametrize("n_units", [10, 6_000, 24_000, 50_000])
def test_expect_others_keep_the_work_for_each_agent_on_duty(n_units):
    usual, teams = gather_teams(SupportWorld(), 24_000), gather_teams(SupportWorld(), n_units)
    others, known = expect_others(SupportWorld(), n_units, teams), 0.8 * 24_000 / 16
    before = others[0] / SIGN_UPS + known * n_units / 24_000
    on_duty = teams["before"].any(axis=0)
    each = before[on_duty] / teams["before"].sum(axis=0)[on_duty]
    wanted = (15 * 168 + known) / usual["before"].sum(axis=0)[on_duty]
    assert each == pytest.approx(wanted)
    assert others.shape == (28, 168)
    if n_units == 24_000:
        assert others.sum(axis=1) == pytest.approx(np.full(28, 15 * 168))  # the world's rate
