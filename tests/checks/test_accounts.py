"""The checks of accounts: each passes on clean data and warns when one thing is made wrong."""

import datetime as dt
import functools

import pandas as pd
import pytest

from helpers import checks, metrics, plan, sources

PLAN = """
{kind: framework, title: T, question: 'Who stays?', unit_id: id, started_at: start, as_of: 2024-12-31, min_cell: 10,
 size: arr, plan_tier: tier, activation: {event: chat, window_days: 30, landmark_days: [30, 60]},
 usage: {event: solved, seats: seats}, outcomes: {retained: {lost: left, within_days: 60}}}
"""
SNAPSHOT = """
{kind: framework, title: T, question: 'Who stays?', unit: shop, unit_id: id,
 features: [{name: chat, column: has_chat}, {name: bots, column: has_bots, label: Robots}],
 outcomes: {retained: {column: gone, time: months}}}
"""
CALLS = PLAN.replace("usage:", "features: [{name: calls}], usage:")
DAYS = 366


def make_accounts(n=120, **changes):
    """Return the CSV of accounts that start on the first 60 days of 2024; a change names a column's values by row."""
    day = dt.date(2024, 1, 1)
    rows = ["id,start,arr,tier,seats"]
    for i in range(n):
        cells = {"start": day + dt.timedelta(i % 60), "arr": 100 + i, "tier": "free", "seats": 2}
        cells |= {name: value(i) for name, value in changes.items() if value(i) is not None}
        rows.append(f"a{i}," + ",".join(str(cells[name]) for name in ("start", "arr", "tier", "seats")))
    return "\n".join(rows) + "\n"


def make_events(*, until=DAYS, early=0):
    """Return the CSV of one chat a day until a day of the year, one solved on its last day, and early chats."""
    first = dt.date(2024, 1, 1)
    rows = [f"a{i % 60},chat,{first + dt.timedelta(max(i, i % 60))},1" for i in range(until)]
    rows += [f"a{i % 120},solved,2024-12-{31 - i % 3},1" for i in range(9)]
    rows += [f"a{i % 120},left,2024-12-31,1" for i in range(1)]
    return "id,event,at,value\n" + "\n".join(rows + ["a59,chat,2023-06-01,1"] * early) + "\n"


def compared(n=120, **changes):
    """Return what is read at a landmark, as far as checks look at it."""
    made = pd.DataFrame({"size": [1.0] * n, "tier": ["free"] * n, "seats": [2.0] * n})
    return made.assign(started_at=pd.Timestamp("2024-01-01", tz="UTC"), **changes)


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """Return a function: source and accounts of CSV and a plan, each loaded once."""
    folder = tmp_path_factory.mktemp("accounts")

    @functools.cache
    def load(accounts, events, text):
        (folder / "plan.yaml").write_text(text)
        design = plan.read(str(folder / "plan.yaml"), kind="framework").design
        files = [folder / f"{name}{len(list(folder.iterdir()))}.csv" for name in "ae"]
        files[0].write_text(accounts)
        if events:
            files[1].write_text(events)
        source = sources.load_accounts(design, str(files[0]), events=str(files[1]) if events else None)
        return source, metrics.fold_accounts(source, design)

    return load


@pytest.fixture
def check(load):
    """Return a function: the checks of accounts and events given as CSV, by id."""

    def make(accounts=None, events=None, *, text=PLAN, given=0):
        is_heard = text is PLAN or "started_at" in text
        loaded = load(accounts or make_accounts(), (events or make_events()) if is_heard else None, text)
        read = {30.0: compared()} if isinstance(given, int) else given
        return {item.id: item for item in checks.check_accounts(*loaded, landmarks=read)}

    return make


def test_check_accounts_of_clean_data_passes_everything(check):
    found = check(given=None)  # reads the landmarks itself
    names = ["enough_accounts", "landmark_in_data", "follow_up", "duplicates", "events_before_start"]
    names += ["events_fit", "missing_size", "missing_plan_tier", "missing_seats", "freshness"]
    assert {name: item.status for name, item in found.items()} == dict.fromkeys(names, "pass")
    assert [item.message for item in found.values()] == [
        "120 accounts can be compared at day 30.",
        "366 days are known of the oldest account, and 90 are needed (landmark and horizon).",
        "Not yet followed to day 90, left out: 0.0 % of the accounts.",
        "No row repeats another.",
        "Events before their account's start, not used: 0.0 %.",
        "Events reach from the first account's start to the end.",
        "Without a known size: 0.0 % of the accounts that are compared.",
        "Without a known plan tier: 0.0 % of the accounts that are compared.",
        "Without a known number of seats: 0.0 % of the accounts that are compared.",
        "Every kind of event that comes again and again was heard on the last day of the data.",
    ]


def judge(found, name):
    item = found[name]
    return item.status, pytest.approx(item.value), item.message


def _at(day, text=PLAN):
    return text.replace("2024-12-31", day)


FAR = PLAN.replace("landmark_days: [30, 60]", "landmark_days: [30, 60, 400, 900]")
LATE = "".join(f"a{i},calls,2024-03-{10 + i % 20},1\n" for i in range(100))
HOLE = "\n".join(row for row in make_events().splitlines() if not "2024-06-01" <= row.split(",")[2] <= "2024-07-10")
PINGS = "".join(f"a59,ping,{dt.date(2024, 3, 1) + dt.timedelta(i)},1\n" for i in range(306))
MOVED = make_accounts(start=lambda i: "2024-02-05" if i % 3 == 0 else None)
FAULTS = [
    ({"given": {30.0: compared(99)}}, "enough_accounts", "warn", 99,
     "99 accounts can be compared at day 30; below 100 only very large differences show."),
    ({"given": {30.0: compared(19)}}, "enough_accounts", "fail", 19,
     "19 accounts can be compared at day 30, too few for any comparison."),
    # 106 days: 90 are over for 17 of 60 first days
    ({"text": _at("2024-04-15")}, "follow_up", "warn", 43 / 60,
     "Not yet followed to day 90, left out: 71.7 % of the accounts; the answer is about the older ones only."),
    ({"text": _at("2024-03-10"), "given": {30.0: compared(0)}}, "landmark_in_data", "fail", 70,
     "70 days are known of the oldest account, and 90 are needed (landmark and horizon)."),
    ({"text": FAR}, "landmarks_in_data", "warn", 366,
     "Of day 400 and day 900 nothing can be told: 366 days are known of the oldest account, and 460 are needed; name "
     "earlier days."),
    ({"accounts": make_accounts() + "a0,2024-01-01,100,free,2\n"}, "duplicates", "warn", 1,
     "Rows that repeat another row exactly, dropped: 1."),
    ({"events": make_events(early=24)}, "events_before_start", "warn", 24 / 400,
     "Events before their account's start, not used: 6.0 %; the start may be written down too late, or in another time "
     "zone."),
    ({"events": HOLE}, "events_fit", "warn", 0,
     "Hardly an event stands from 2024-06-01 to 2024-07-10: what was done then is unread, and counts as not done."),
    ({"events": HOLE + "\n" + PINGS}, "events_fit", "warn", 0,
     "Hardly an event chat stands from 2024-06-01 to 2024-07-10: what was done then is unread, and counts as not "
     "done."),
    ({"events": make_events() + "a1,left,2025-01-02,1\n" + "a1,chat,2034-05-01,1\n" * 11 + "a2,chat,2025-01-02,1\n"},
     "events_fit", "warn", 0,
     "A year and more after the last day, and hardly sooner, come 11 events of chat: these dates may be wrong."),
    ({"accounts": MOVED}, "events_fit", "warn", 0,
     "Of the accounts 35.0 % start at one moment, 2024-02-05 00:00, as they do that were moved or written down later: "
     "what they did before is unread; give their own start, or leave them out."),
    ({"text": CALLS, "events": make_events() + LATE, "given": None}, "events_begun", "warn", 80 / 120,
     "calls is first heard on 2024-03-10, before which 66.7 % of the accounts passed day 30: if it was not there yet, "
     "they count as without it for that alone."),
    ({"events": make_events(until=300)}, "freshness", "warn", 67,
     "No event chat was heard in the last 67 days, though it was frequent before; the data may be incomplete, and an "
     "earlier as_of right."),
]  # fmt: skip


@pytest.mark.parametrize(("made", "name", "status", "value", "said"), FAULTS)
def test_check_accounts_tells_a_fault(check, made, name, status, value, said):
    assert judge(check(**made), name) == (status, value, said)


def test_check_accounts_leaves_out_what_does_not_apply(check):
    none = {"given": {30.0: compared(0)}}
    assert check(text=_at("2024-03-10"), **none)["missing_size"].status == "not tested"
    assert "landmarks_in_data" not in check(text=_at("2024-03-10", FAR), **none)  # not even the first one is within
    early = check(text=CALLS, events=make_events() + LATE.replace("2024-03", "2024-01"))
    assert not {"events_begun", "events_occur"} & {*early}
    soon = check(events=make_events() + "a1,left,2025-02-01,1\na2,left,2026-05-01,1\n")  # an earlier as_of cuts so
    assert soon["events_fit"].status == "pass"
    for some in (lambda i: None if i % 10 else "2024-02-05", lambda i: "2024-02-05"):  # a busy day; one for all
        assert check(accounts=make_accounts(start=some))["events_fit"].status == "pass"
    rare = make_events().replace("left,2024-12-31", "left,2024-03-01")  # one event long ago says nothing
    assert check(events=rare)["freshness"].status == "pass"


LACKING = [
    ("size", "size", float("nan"), "size"),
    ("plan_tier", "tier", "unknown", "plan tier"),
    ("seats", "seats", float("nan"), "number of seats"),
]


def test_check_accounts_of_what_is_missing(check):
    changes = {column: [lack] * 12 + [compared()[column][0]] * 108 for _, column, lack, _ in LACKING}
    found = check(given={30.0: compared(**changes)})
    for name, _, _, words in LACKING:
        said = f"Without a known {words}: 10.0 % of the accounts that are compared; the adjustment for it is weaker."
        assert judge(found, f"missing_{name}") == ("warn", 0.1, said)
    bare = check(text=PLAN.replace("size: arr, plan_tier: tier,", ""))
    assert [name for name in bare if name.startswith("missing")] == ["missing_seats"]


def test_check_accounts_of_a_snapshot(check):
    rows = "".join(f"s{i},{i % 2},0,{i % 3 % 2},{i % 9}\n" for i in range(150))
    found = check("id,has_chat,has_bots,gone,months\n" + rows, text=SNAPSHOT, given=None)
    assert list(found) == ["enough_accounts", "duplicates", "time_order"]
    assert found["enough_accounts"].message == "150 shops can be compared."
    said = "Time order unknown, so that what they go with may have come first: chat, Robots."
    assert judge(found, "time_order") == ("warn", 2, said)


def test_check_accounts_of_what_nobody_has_who_lacks_another(check):
    """In 300 shops line and fibre exclude each other, and only who has either has a router; half of it is lacking."""
    features = "[{name: line, column: line}, {name: fibre, column: fibre}, {name: router, column: router%s}]"
    text = SNAPSHOT.replace("[{name: chat, column: has_chat}, {name: bots, column: has_bots, label: Robots}]", features)
    cells = "s{},{:d},{:d},{:d},{:d},{}\n"
    rows = [(i, i % 3 == 0, i % 3 == 1, i % 3 < 2 and i % 2, i % 4 == 0, i % 9) for i in range(300)]
    made = "id,line,fibre,router,gone,months\n" + "".join(cells.format(*row) for row in rows)
    found = check(made, text=text % "", given=None)["needs"]
    said = "No shop without line or fibre has router: where it cannot be had without, write needs: [line, fibre], so "
    said += "that it is compared among those that could have it; needs: [] says that all could."
    assert (found.status, found.value, found.message) == ("warn", 1.0, said)
    for settled in (", needs: []", ", needs: [line, fibre]"):
        assert "needs" not in check(made, text=text % settled, given=None)
    assert "needs" not in check(made.replace("s2,0,0,0", "s2,0,0,1"), text=text % "", given=None)  # one can have it


def test_check_accounts_fails_where_an_event_that_decides_never_occurs(check):
    events = make_events().replace(",left,", ",came,")
    said = "No event left occurs, so that nobody counts as lost."
    assert judge(check(events=events), "events_occur") == ("fail", 1.0, said)
