"""The checks of a help desk: each fault is told, in words, and what desks do by themselves is not."""

from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest

from helpers import contracts, plan, service, sources
from helpers.checks import desk
from helpers.metrics import tickets

DESIGN = plan.read("support_metrics", kind="framework").design
OPENED, DAY = pd.Timestamp("2022-01-01", tz="UTC"), pd.Timedelta(days=1)
CLEAN = "Tickets are answered and solved after they were opened, in that order."
CLOCKS = "Above 10 % the clocks of tickets and replies differ, and nothing can be timed"
ONE = pd.DataFrame({"unit": ["c0"], "started_at": OPENED, "amount": 1.0, "left": 9.0, "end": 900.0})
NONE_DUE = pd.DataFrame({"unit": ["c0"], "at": OPENED, "left": 1, "amount": np.nan}).head(0)


@pytest.fixture
def source():
    """Return a source of which the checks read nothing but its steps: no event of it has a time."""
    events = ibis.memtable({"event": ["reviewed"], "at": pd.Series([OPENED + 900 * DAY])})
    info = SimpleNamespace(steps=[("exact duplicates dropped", 0, "")], kind="public")
    return SimpleNamespace(info=info, events=events)


def tell_tickets(n, **columns):
    """Return tickets as the checks read them: three a day, all answered and solved in time, half of them rated."""
    days = np.arange(n) * 0.37
    told = {"replied": 0.2, "solved": 0.4, "satisfied": np.resize([0.0, 1.0, np.nan, np.nan], n)}
    told |= {"opened": OPENED + pd.to_timedelta(days, "D"), "end": n * 0.37 - days}
    return pd.DataFrame(told | {"score": np.resize([2.0, 5.0, np.nan, np.nan], n)} | columns, index=range(n))


def make_frame(n, seed=1):
    rng = np.random.default_rng(seed)
    told = {"unit": np.arange(n), "tier": rng.choice(["Basic", "Pro"], n), "size": rng.integers(1, 20, n)}
    at = OPENED + 400 * DAY
    return pd.DataFrame(told | {"left": np.resize([0, 0, 1], n), "at": at, "started_at": at - 90 * DAY})


def check_desk(source, told, frame):
    return desk.check_desk(source, ONE, NONE_DUE, told, frame, DESIGN, window=365.0)


def check_events(source, told):
    found = {check.id: check for check in check_desk(source, told, make_frame(200))}["events_fit"]
    return found.status, found.message


EARLY = [(1, "pass", ""), (5, "warn", ""), (20, "fail", f" {CLOCKS}; give both in UTC.")]


@pytest.mark.parametrize("spoilt", ["replied", "solved"])
@pytest.mark.parametrize(("n_early", "status", "more"), EARLY)
def test_check_desk_of_replies_before_their_tickets(source, n_early, status, more, spoilt):
    times = {"replied": 0.2, "solved": 0.4} | {spoilt: [-0.1] * n_early + [0.2] * (100 - n_early)}
    if spoilt == "solved":
        times["replied"] = times["solved"]  # else each is answered after its solution
    told = f"Tickets answered or solved before they were opened: {n_early:.1f} %.{more}" if n_early > 1 else CLEAN
    assert check_events(source, tell_tickets(100, **times)) == (status, told)


@pytest.mark.parametrize(("n_late", "status"), [(1, "pass"), (5, "warn"), (20, "fail")])
def test_check_desk_of_replies_after_the_solution(source, n_late, status):
    found = check_events(source, tell_tickets(100, replied=[0.5] * n_late + [0.2] * (100 - n_late)))
    told = f"Tickets first answered after they were solved: {n_late}.0 %." if n_late > 1 else CLEAN
    assert found == (status, told + (f" {CLOCKS}; give both in UTC." if n_late > 10 else ""))


DATES = OPENED + pd.to_timedelta((np.arange(400) * 0.37).astype(int), "D")
CODES = " Ratings of {} may be codes for none, so who was satisfied is not told; leave them out."


@pytest.mark.parametrize(("columns", "told"), [
    ({"replied": np.resize([3 / 86_400] + [0.2] * 4, 400)},
     " Of the first replies 20.0 % come within 10 seconds of their ticket, as automatic ones do: these are "
     "none; leave them out."),
    ({"score": np.resize([5.0, 4.0, 3.0, 99.0], 400)}, CODES.format(99)),
    ({"score": np.resize([5.0, 4.0, 3.0, 2.0, -1.0], 400)}, CODES.format(-1)),
    ({"score": np.resize([5.0, 4.0, 3.0, 2.0, 1.0, 0.0, 0.0, 0.0], 400)}, CODES.format(0)),
    ({"score": np.resize([5.0, 4.0, 3.0, 2.0, 1.0, 8.0, 10.0], 400)}, CODES.format("8 and 10")),  # two scales
    ({"score": np.resize([0.0, 1.0], 400), "satisfied": np.nan},
     " Ratings lie on one side of satisfied_from, so who was satisfied is not told; set it on their scale."),
    ({"replied": np.nan}, " No event is first_reply or reply, so what rests on them is not told."),
    ({"solved": np.nan}, " No event is solved, so what rests on them is not told."),
    ({"opened": DATES, "replied": np.resize(np.linspace(0.01, 0.4, 97), 400)},
     " Nearly all openings stand at one time of day, as dates alone do, so how "
     "soon replies come is not told."),
    ({"opened": DATES, "replied": 0.0},  # not automatic replies
     " Nearly all openings and first replies stand at one time of day, as dates alone do, so how "
     "soon replies come is not told."),
    ({"end": 178 - np.arange(400) * 0.37},
     " No ticket was opened in the last 30 days: the log may stop early, and an earlier as_of be right."),
    ({"opened": OPENED + pd.to_timedelta(330 + np.arange(400) * 0.37, "D")},  # the renewals' time begins on day 310
     " The log of tickets begins on 2022-11-27, after the time whose service is compared: contacts before it are "
     "unread, and count as none."),
])  # fmt: skip
def test_check_desk_tells_what_makes_a_desk_look_better(source, columns, told):
    assert check_events(source, tell_tickets(400, **columns)) == ("warn", told.strip())


@pytest.mark.parametrize("columns", [
    {"replied": np.resize([3 / 86_400] + [0.2] * 19, 400)},  # few
    {"replied": np.resize([30 / 86_400, 0.2], 400)},  # a chat
    {"score": np.resize([0.0, 1.0, np.nan], 400)},
    {"score": np.resize([1.0, 3.0, 5.0, 4.5], 400)},
    {"score": np.resize([5.0, 4.0, 99.0] + [np.nan] * 12, 400)},  # few
    {"score": np.nan, "satisfied": np.nan},
    {"end": 153 - np.arange(400) * 0.37},  # a quiet end of five days
    {"opened": OPENED + pd.to_timedelta(313 + np.arange(400) * 0.37, "D")},  # and a quiet beginning of three
])  # fmt: skip
def test_check_desk_tells_nothing_of_quick_replies_and_scores_as_they_are(source, columns):
    assert check_events(source, tell_tickets(400, **columns)) == ("pass", CLEAN)


def test_check_desk_begins_where_the_window_does(source):
    told, frame = tell_tickets(400), make_frame(200).assign(started_at=OPENED - 400 * DAY)
    for window, status in ((365.0, "pass"), (450.0, "warn")):  # of renewals on day 400
        found = desk.check_desk(source, ONE, NONE_DUE, told, frame, DESIGN, window=window)
        assert {check.id: check for check in found}["events_fit"].status == status


def test_check_desk_says_where_nobody_left_or_everybody(source):
    frame, more = make_frame(200), " None of them left; outcomes.retained.lost of the plan names the event of a loss."
    every = " All of them left; events of those who stay are called renewed."
    for left, status, said in ((0, "warn", more), (1, "warn", every), (frame["left"], "pass", "")):
        found = check_desk(source, tell_tickets(0), frame.assign(left=left))[0]
        assert (found.status, found.message) == (status, f"The renewals of 200 customers can be compared.{said}")


def test_check_desk_tells_of_no_ticket_where_there_is_none(source):
    found = check_desk(source, tell_tickets(0), make_frame(200))
    assert [check.id for check in found] == ["enough_accounts", "duplicates"]
    source.info.kind = "yours"
    check = check_desk(source, tell_tickets(0), make_frame(200))[2]
    told = "No event opens a ticket, so nothing is told of tickets; name their events as data/README.md lists them."
    assert (check.id, check.status, check.message) == ("events_fit", "warn", told)


def test_check_desk_of_a_plan_that_is_written_anew_at_leaving(source):
    frame = make_frame(400)

    def check(tier):
        found = check_desk(source, tell_tickets(1), frame.assign(tier=tier))
        return {check.id: check for check in found}.get("leavers_fit")

    assert check(frame["tier"]) is None
    renamed = np.where(frame["left"] == 1, "Starter", np.resize(["Starter", "Business"], 400))
    share = 100 * (renamed[frame["left"] == 0] == "Starter").mean()
    assert (check(renamed).status, check(renamed).message) == (
        "warn",  # a yearly plan may be one that cannot be left
        f"Of the customers that left 100.0 % have one and the same plan tier, and {share:.1f} % of the others: it may "
        "be written anew at the loss; give that of the start.",
    )
    assert check(np.where(frame["left"] == 1, "Free", frame["tier"])).status == "fail"  # that nobody has who stayed


def make_world(n=400, years=3):
    """Return customers who start one a day, ask every 20 days, and renew every year but one of six."""
    started = OPENED - pd.Timedelta(days=365 * years) + pd.to_timedelta(np.arange(n), "D")
    accounts = pd.DataFrame({"customer_id": [f"c{i:03}" for i in range(n)], "started_at": started, "plan": "Pro"})
    accounts = accounts.assign(seats=5 + np.arange(n) % 7, amount=1200.0 + np.arange(n))
    rows, end = [], OPENED + 200 * DAY
    begun = accounts[["customer_id", "started_at", "amount"]].itertuples(index=False)
    for i, (customer, start, amount) in enumerate(begun):
        for year in range(1, years + 2):
            at = start + pd.Timedelta(days=365 * year)
            gone = (i + year) % 6 == 0
            rows += [(customer, "left" if gone else "renewed", at, np.nan if gone else 1.05**year * amount, None)]
            if gone:
                break
        for k, opened in enumerate(pd.date_range(start + pd.Timedelta("31h17s"), min(at, end), freq="20D")):
            ticket, asked = f"{customer}-{k}", opened + pd.Timedelta(hours=(5 * i + k) % 24)
            times = [("ticket_opened", 0), ("first_reply", 1 + (7 * i + 3 * k) % 40), ("solved", 45 + (k * i) % 60)]
            rows += [(customer, event, asked + pd.Timedelta(hours=hours), np.nan, ticket) for event, hours in times]
            rows += [(customer, "rated", asked + pd.Timedelta(days=5), 1.0 + (3 * k + i) % 5, ticket)]
    events = pd.DataFrame(rows, columns=["customer_id", "event", "at", "value", "ticket"])
    return accounts, events[events["at"] < end].reset_index(drop=True)


WORLD_PLAN = {
    "kind": "framework",
    "title": "T",
    "question": "Who renews?",
    "unit": "customer",
    "unit_id": "customer_id",
}
WORLD_PLAN |= {"started_at": "started_at", "plan_tier": "plan", "size": "seats", "as_of": "2022-07-19"}
WORLD_PLAN |= {"outcomes": {"retained": {"lost": ["left"], "within_days": 365}}}
RULES = {"promise_hours": 24.0, "premium_hours": 1.0, "soon_days": 3.0, "return_days": 7.0, "satisfied_from": 4.0}
RULES |= {"window_days": 365.0, "lead_days": 30.0, "fixes": [], "fix_days": 180.0, "premium_line": 100.0}
RULES |= {"premium_from": "2021-01-01", "seed": 1, "n_resamples": 20}


def study(accounts, events):
    """Return what a desk's study says of its events, and whether it tells of money, and of who is satisfied."""
    decided = plan.read(WORLD_PLAN, kind="framework")
    source, design = sources.load_accounts(decided.design, accounts, events=events), decided.design
    due = tickets.read_customers(source, design), tickets.read_renewals(source, design)
    results = service.study_desk(decided, source, *due, tickets.read_tickets(source, design), RULES)
    found = next(check for check in results.checks if check.id == "events_fit")
    told = contracts.measure_revenue(*due, days=365.0), results.tables["desk"]
    money, measures = (set(table["measure"]) for table in told)
    return found.status, found.message, "net" in money, "satisfied" in measures


A, E = make_world()
IS, AT, VALUE = E["event"].eq, E["at"], E["value"]
SUMMER = AT.between(OPENED - 300 * DAY, OPENED - 180 * DAY)
MONEY = "% of the amounts are ten times the one before or more, or a tenth of it or less, as those of several "
MONEY += "currencies or units are: nothing is told in money; give all in one."
OVERDUE = "% of the customers neither renewed nor left when contracts usually end: renewals or losses may be missing, "
OVERDUE += "and nothing is told in money."
HOLE = "Hardly an event {} stands from 2021-03-07 to 2021-07-04: what was done then is unread, and counts as not done."
FAULTS = {
    "some renewals in cents": (E.assign(value=VALUE.mask(IS("renewed") & (E.index % 3 == 0), 100 * VALUE)), MONEY),
    "renewals by month": (E.assign(value=VALUE.mask(IS("renewed"), VALUE / 12)), MONEY),
    "every second loss": (E.drop(index=np.flatnonzero(IS("left"))[::2]), OVERDUE),
    "losses ten years ahead": (E.assign(at=AT.mask(IS("left") & (E.index % 2 == 0), AT + 3650 * DAY)), OVERDUE),
    "a log cut by customer": (E[E["customer_id"] < "c250"], OVERDUE),
    "no ticket in summer": (E[~(SUMMER & E["ticket"].notna())], HOLE.format("ticket_opened")),
    "no solution in summer": (E[~(SUMMER & IS("solved"))], HOLE.format("solved")),
    "no late loss": (E[~(IS("left") & (AT > OPENED + 99 * DAY))], "No event left stands in the last 101 days: the log "
                     "of it may stop early."),
}  # fmt: skip


def test_study_desk_tells_nothing_of_a_desk_that_is_whole():
    assert study(A, E) == ("pass", CLEAN, True, True)
    in_spring = E.assign(at=AT.mask(E["ticket"].isna(), AT.dt.floor("365D") + 100 * DAY))  # one day a year for all
    assert study(A.assign(started_at=A["started_at"].min()), in_spring)[:2] == ("pass", CLEAN)


@pytest.mark.parametrize("name", FAULTS)
def test_study_desk_tells_what_its_log_lacks(name):
    events, told = FAULTS[name]
    status, said, in_money, _ = study(A, events)
    assert (status, said.lstrip("0123456789. "), in_money) == ("warn", told, told not in (MONEY, OVERDUE))


def test_study_desk_tells_nobody_satisfied_among_codes():
    coded = E.assign(value=VALUE.mask(IS("rated") & (E.index % 5 == 0), -1.0))
    assert study(A, coded) == ("warn", CODES.format(-1).strip(), True, False)
