"""How far a log reaches: logs that begin late or stop early are found, quiet weeks and slow starts are none."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_accounts import make_account_source
from sources_samples import tell_refusal

from helpers import checks, metrics
from helpers.metrics.events import find_front
from helpers.plan import FrameworkPlan

PLAN = {
    "kind": "framework", "title": "T", "question": "Who stays?", "unit_id": "unit", "started_at": "started_at",
    "as_of": "2024-12-31", "steps": [{"name": "installed"}],
    "activation": {"event": "talk", "at_least": 3, "window_days": 30, "landmark_days": 30},
    "outcomes": {"retained": {"lost": "gone", "within_days": 60}},
}  # fmt: skip
FIRST = pd.Timestamp("2024-01-01")


def draw(n=400, *, starts=200, rate=0.1, wait=0, seed=1):
    """Return accounts that start over so many days, and events: one step, talks at a daily rate, some losses."""
    rng = np.random.default_rng(seed)
    start = FIRST + pd.to_timedelta(np.sort(rng.uniform(0, starts, n)), unit="D")
    accounts = pd.DataFrame({"unit": [f"a{i:03d}" for i in range(n)], "started_at": start})
    talks = [(i, "talk", day) for i in range(n) for day in rng.uniform(wait, 366, rng.poisson(rate * (366 - wait)))]
    steps = [(i, "installed", wait + day) for i, day in enumerate(rng.exponential(2, n))]
    losses = [(i, "gone", day) for i, day in enumerate(rng.exponential(300, n))]
    events = pd.DataFrame([*talks, *steps, *losses], columns=["place", "event", "day"])
    moment = start.to_numpy()[events["place"]] + pd.to_timedelta(events["day"], unit="D")
    events = events.assign(unit=accounts["unit"].to_numpy()[events["place"]], at=moment, value=np.nan)
    return accounts, events[events["at"] < "2025-01-01"][["unit", "event", "at", "value"]].reset_index(drop=True)


ACCOUNTS, EVENTS = draw()


def fold(accounts, events, **changes):
    source = make_account_source(accounts, events.astype({"at": str}).to_numpy().tolist())
    source = replace(source, info=replace(source.info, steps=(("exact duplicates dropped", 0, ""),)))
    return source, metrics.fold_accounts(source, FrameworkPlan.model_validate(PLAN | changes))


def test_find_reach_leaves_out_who_started_before_the_log_and_reads_the_others_as_ever():
    late = EVENTS[EVENTS["at"] >= "2024-03-11"]
    source, found = fold(ACCOUNTS, late)
    early = ACCOUNTS["started_at"] < "2024-03-11"
    assert (str(found.reach.began), found.reach.ended, found.reach.n_early) == ("2024-03-11", None, early.sum())
    said = f"accounts that start before the events begin on 2024-03-11, left out: {early.sum()}"
    assert said in found.messages
    step = ("began too early", early.sum(), "on a day before the events begin, 2024-03-11: left out")
    assert metrics.accounts.explain_accounts(found)[:2] == [step, ("started", (~early).sum(), "by 2024-12-31")]
    whole = fold(ACCOUNTS[~early], EVENTS)[1]
    pd.testing.assert_frame_equal(metrics.read_landmarks(found)[30.0], metrics.read_landmarks(whole)[30.0])
    check = {item.id: item for item in checks.check_accounts(source, found)}["events_fit"]
    told = f"{early.sum()} accounts started before the events begin on 2024-03-11: nobody can read their first days"
    assert (check.status, check.value, check.message) == ("warn", early.mean(), f"{told}; left out.")


def test_find_reach_takes_the_last_event_for_the_last_day_where_the_log_stops():
    source, found = fold(ACCOUNTS, EVENTS[EVENTS["at"] < "2024-08-01"])
    assert (str(found.as_of), found.reach.began) == ("2024-07-31", None)
    start, (end, planned) = ACCOUNTS["started_at"], pd.to_datetime(["2024-05-03", "2024-10-03"])  # 90 days before each
    n = ((start > end) & (start <= planned)).sum()
    assert found.messages[:2] == (
        "the events end on 2024-07-31, before 2024-12-31: it is taken as the last complete day",
        f"accounts that would be followed by 2024-12-31 and are not by 2024-07-31, left out: {n}",
    )
    assert metrics.read_landmarks(found)[30.0]["started_at"].max() <= end.tz_localize("UTC")
    check = {item.id: item for item in checks.check_accounts(source, found)}["events_fit"]
    said = f"before the last day asked for: {n} accounts cannot be followed to the end; left out."
    assert (check.status, check.message) == ("warn", f"The events end on 2024-07-31, {said}")


@pytest.mark.parametrize("change", [
    lambda a, e: e[(e["at"] >= "2024-03-11") | (e["event"] == "gone")],  # losses come from another system
    lambda a, e: e[(e["at"] >= "2024-03-11") | (e["event"] != "talk")],  # only what activates begins late
    lambda a, e: pd.concat([e[e["at"] < "2024-02-01"].head(2), e[e["at"] >= "2024-03-11"]]),  # two strays
    lambda a, e: pd.concat([e[e["at"] >= "2024-03-11"], e.head(50).assign(unit="stranger")]),  # of no account
])  # fmt: skip
def test_find_reach_is_not_misled_by_what_else_is_there(change):
    assert str(fold(ACCOUNTS, change(ACCOUNTS, EVENTS))[1].reach.began) == "2024-03-11"


def weekdays(accounts, events):
    return accounts[accounts["started_at"].dt.day_of_week < 5], events[events["at"].dt.day_of_week < 5]


@pytest.mark.parametrize(("accounts", "events"), [
    (ACCOUNTS, EVENTS),
    draw(rate=0.004),  # rarely heard
    draw(n=12),
    draw(wait=21),  # a new product, which everybody takes up three weeks after the start
    draw(n=4000, starts=60, rate=0.0),  # heard once at the start, then only when they leave
    weekdays(*draw(n=2000)),
    (ACCOUNTS, EVENTS.head(0)),
])  # fmt: skip
def test_find_reach_of_a_log_that_is_whole(accounts, events):
    found = fold(accounts, events)[1]
    assert (found.reach, str(found.as_of)) == (metrics.events.Reach(), "2024-12-31")


def test_find_reach_does_not_take_the_end_of_enrolment_for_that_of_the_log():
    accounts, events = draw(n=1000, starts=60, rate=0.0)  # all that comes, comes in the first days
    events = events[events["event"] == "installed"]
    assert fold(accounts, events)[1].reach.ended is None


def test_find_reach_refuses_where_everybody_started_before():
    accounts, events = draw(starts=30)
    assert tell_refusal(fold, accounts, events[events["at"] >= "2024-04-01"]) == (
        "events: they begin on 2024-04-01, after every account had started, so nobody's first days can be read; give "
        "the events from the accounts' starts on, or accounts that started later"
    )


def test_fold_accounts_counts_the_day_of_the_start_where_events_have_dates_alone():
    source, found = fold(ACCOUNTS, EVENTS.assign(at=EVENTS["at"].dt.floor("D")))
    said = "events have dates alone: each account starts with its day, so that events of that day count"
    assert found.messages[0] == said
    whole = fold(ACCOUNTS.assign(started_at=ACCOUNTS["started_at"].dt.floor("D")), EVENTS)[1]
    dated, timed = (metrics.read_landmarks(folded)[30.0] for folded in (found, whole))
    assert dated["activated"].mean() == pytest.approx(timed["activated"].mean(), abs=0.005)
    checked = {item.id: item for item in checks.check_accounts(source, found)}
    assert (checked["events_before_start"].value, checked["events_fit"].status) == (0.0, "pass")


@pytest.mark.parametrize(("early", "gap", "front"), [
    (30, 5, 20.0),  # half are heard within the gap: .5 ^ 30
    (5, 5, None),  # .5 ^ 5
    (30, 2, None),  # nobody is heard so soon
    (30, 1, None),  # one day is a night
])  # fmt: skip
def test_find_front_follows_the_chance_of_the_silence(early, gap, front):
    waits = [(20.0 + i, 20.0 + i + 3 * (j == 0), 20) for i in range(9) for j in range(2)]
    waits = [(start, first if first > start else np.nan, n) for start, first, n in waits]
    rows = [(20.0 - gap, 20.0, float(early)), *waits, *[(20.0 + i, 20.0 + i, 0) for i in range(9)]]
    assert find_front(pd.DataFrame(rows, columns=["start", "first", "n"])) == front
