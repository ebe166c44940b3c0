"""Accounts that left beside those that stayed: each fault is told, and what behaviour does alone is not."""

import pandas as pd
import pytest

from helpers import checks, metrics, plan, sources
from helpers.records import Refused

PLAN = """
kind: framework
title: T
question: Who stays?
unit_id: id
started_at: start
as_of: 2024-12-31
plan_tier: tier
size: seats
activation: {event: chat, at_least: 3, window_days: 60, landmark_days: 60}
usage: {event: solved, seats: seats}
steps: [{name: invited}]
outcomes: {retained: {lost_at: left, within_days: 90}}
"""
SNAPSHOT = """
kind: framework
title: T
question: Who stays?
unit: shop
unit_id: id
plan_tier: tier
features: [{name: chat, column: chat}, {name: bots, column: bots}]
outcomes: {retained: {column: gone, time: months}}
"""
FIRST, DAY = pd.Timestamp("2023-01-01"), pd.Timedelta(days=1)


def make_world():
    """Return 300 accounts, one started a day, every other lost after 70 to 270 days, and what they do until then."""
    i = pd.Series(range(300))
    start = FIRST + i * DAY
    left = (start + (70 + (i * 37) % 200) * DAY).where(i % 2 == 1)
    tier = (i % 3).map({0: "free", 1: "basic", 2: "full"})
    accounts = pd.DataFrame(
        {"id": "a" + i.astype(str) + "k", "start": start, "left": left, "tier": tier, "seats": 1 + i % 5}
    )
    rows = []
    for account, begin, end in zip(accounts["id"], start, left.fillna(pd.Timestamp("2024-12-31")), strict=True):
        days = pd.date_range(begin + pd.Timedelta("3h1s"), end, freq="11D")
        rows += [(account, name, at) for at in days for name in ("chat", "solved")]
        rows.append((account, "invited", begin + pd.Timedelta("9h7s")))
    return accounts, pd.DataFrame(rows, columns=["id", "event", "at"])


@pytest.fixture
def check(tmp_path):
    """Return a function: what `leavers_fit` says of accounts and events, None where it is not there."""

    def make(accounts, events=None, text=PLAN):
        (tmp_path / "plan.yaml").write_text(text)
        design = plan.read(str(tmp_path / "plan.yaml"), kind="framework").design
        source = sources.load_accounts(design, accounts, events=events)
        found = checks.check_accounts(source, metrics.fold_accounts(source, design))
        found = {item.id: item for item in found}.get("leavers_fit")
        return found and (found.status, found.message)

    return make


WORLD = make_world()
FAULTS = {
    "one plan for all who left": (
        lambda a, e: (a.assign(tier=a["tier"].where(a["left"].isna(), "none")), e),
        "fail",
        "Of the accounts that left 100.0 % have one and the same plan tier, and 0.0 % of the others: it may be written "
        "anew at the loss; give that of the start.",
    ),
    "no size of who left": (
        lambda a, e: (a.assign(seats=a["seats"].where(a["left"].isna())), e),
        "fail",
        "Of the accounts that left 100.0 % have no size, and 0.0 % of the others: it may be written anew at the loss; "
        "give that of the start.",
    ),
    "events deleted with the account": (
        lambda a, e: (a, e[~e["id"].isin(a["id"][a["left"].notna()][:60])]),
        "fail",
        "Of the accounts that left after day 60 40.0 % have no event at all, and 0.0 % of those that stayed: their "
        "events may be deleted, so that both cannot be compared.",
    ),
    "in use after the loss": (
        lambda a, e: (a.assign(left=a["left"] - 69 * DAY), e),
        "warn",
        "Of the accounts that left 100.0 % have events more than 30 days after their loss: its day may be wrong, or "
        "they came back.",
    ),
    "losses of the first year deleted": (
        lambda a, e: (a[~(a["left"] < "2023-10-01")], e[~e["id"].isin(a["id"][a["left"] < "2023-10-01"])]),
        "warn",
        "The first loss stands on 2023-10-04, before which 35 would be expected by when accounts leave since: those "
        "that left earlier may be deleted, so that too many seem to stay.",
    ),
    "the whole log twice": (
        lambda a, e: (a, pd.concat([e, e])),
        "warn",
        "50.0 % of the events come in the same 10 seconds as another: the log may hold each twice.",
    ),
    "losses lost with the events": (
        lambda a, e: (a.assign(left=a["left"].where(a.index % 5 > 1)), e[~e["id"].isin(a["id"][a.index % 5 < 2])]),
        "warn",
        "Of the 120 accounts without any event 0 left, where the others would lead to expect 60: their losses may be "
        "missing as well, so that they seem to stay.",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_check_leavers_tells_what_no_behaviour_explains(check, name):
    spoil, status, said = FAULTS[name]
    found = check(*spoil(*WORLD))
    assert found and found[0] == status
    assert said in found[1]


HEALTHY = {
    "days alone, on which many do a thing twice": lambda a, e: (a, pd.concat([e, e]).assign(at=e["at"].dt.floor("D"))),
    "as it is": lambda a, e: (a, e),
    "who leaves does half": lambda a, e: (a, e[~e["id"].isin(a["id"][a["left"].notna()]) | (e.index % 2 == 0)]),
    "who leaves did little": lambda a, e: (
        a,
        e[
            ~e["id"].isin(a["id"][a["left"].notna()][:60])
            | (e.groupby("id").cumcount() < 1 + e["id"].str[1:-1].astype(int) % 3)
        ],
    ),
    "the free plan leaves most": lambda a, e: (
        a.assign(tier=a["tier"].where(a["left"].isna() | (a.index % 10 == 1), "free")),
        e,
    ),
    "a legacy plan is left by all": lambda a, e: (
        a.assign(tier=a["tier"].where(a["left"].isna() | (a.index % 8 > 1), "old")),
        e,
    ),
    "contracts of a year": lambda a, e: (a.assign(left=(a["start"] + 365 * DAY).where(a["left"].notna())), e),
    "many never use it, and leave like others": lambda a, e: (a, e[~e["id"].isin(a["id"][a.index % 3 == 0])]),
    "who never uses it is new": lambda a, e: (
        a.assign(start=a["start"].where(a.index > 99, pd.Timestamp("2024-12-01")), left=a["left"].where(a.index > 99)),
        e[~e["id"].isin(a["id"][:100])],
    ),
    "some come back": lambda a, e: (a.assign(left=a["left"].where(a.index % 20 != 1, a["start"] + 20 * DAY)), e),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_check_leavers_says_nothing_of_what_behaviour_does(check, name):
    assert check(*HEALTHY[name](*WORLD)) is None


def test_load_accounts_refuses_ids_that_are_written_anew_at_the_loss(check):
    accounts, events = WORLD
    accounts = accounts.assign(id=accounts["id"].str[:-1])
    gone = events["id"].str[:-1].isin(accounts["id"][accounts["left"].notna()])
    events = events.assign(id=events["id"].str[:-1].where(~gone, events["id"].str[:-1] + "x"))
    with pytest.raises(Refused) as told:
        check(accounts, events)
    n = f"{gone.sum():,}"
    assert str(told.value) == (
        f"events (DataFrame): {n} events of accounts that are not in the table; {n} of them would be known without "
        "what follows their last digit: write the ids alike in both tables"
    )


def make_shops():
    """Return 240 shops of a snapshot, of which every third is gone."""
    i = pd.Series(range(240))
    kinds = {"tier": (i % 5 < 2).map({True: "free", False: "full"}), "chat": (i % 2), "bots": (i % 7 < 3) * 1}
    return pd.DataFrame({"id": "s" + i.astype(str), **kinds, "gone": (i % 3 == 0) * 1, "months": 1 + i % 48})


SHOPS = {
    "chat is empty": (
        lambda t: t.assign(chat=t["chat"].where(t["gone"] == 0)),
        "Of the shops that left 100.0 % have no chat, and 0.0 % of the others: it may be written anew at the loss; "
        "give that of the start.",
    ),
    "all features are off": (
        lambda t: t.assign(chat=t["chat"] * (1 - t["gone"]), bots=t["bots"] * (1 - t["gone"])),
        "Of the shops that left 100.0 % have no feature at all, and 27.5 % of the others: it may be written anew at "
        "the loss; give that of the start.",
    ),
    "plan cancelled": (
        lambda t: t.assign(tier=t["tier"].where((t["gone"] == 0) | (t.index % 6 == 0), "cancelled")),
        "Of the shops that left 50.0 % have one and the same plan tier, and 0.0 % of the others: it may be written "
        "anew at the loss; give that of the start.",
    ),
}


@pytest.mark.parametrize("name", SHOPS)
def test_check_leavers_of_a_snapshot(check, name):
    spoil, said = SHOPS[name]
    assert check(spoil(make_shops()), text=SNAPSHOT) == ("fail", said)


def test_check_leavers_of_a_healthy_snapshot_says_nothing(check):
    shops = make_shops()
    assert check(shops, text=SNAPSHOT) is None
    marked = shops.assign(chat=shops["chat"] * (1 - shops["gone"]))  # one feature may well mark all who stay
    assert check(marked, text=SNAPSHOT) is None
    early = shops.assign(months=shops["months"].where(shops["gone"] == 0, 1))
    assert check(early, text=SNAPSHOT) is None
