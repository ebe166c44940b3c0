"""Accounts that left beside those that stayed: each fault is told, and what behaviour does alone is not."""

import pandas as pd
import pytest
from sources_samples import tell_refusal

from helpers import checks, metrics, plan, sources

PLAN = {"kind": "framework", "title": "T", "question": "Who stays?", "unit_id": "id", "started_at": "start"}
PLAN |= {"as_of": "2024-12-31", "plan_tier": "tier", "size": "seats", "steps": [{"name": "invited"}]}
PLAN |= {"activation": {"event": "chat", "at_least": 3, "window_days": 60, "landmark_days": 60}}
PLAN |= {"usage": {"event": "solved", "seats": "seats"}}
PLAN |= {"outcomes": {"retained": {"lost_at": "left", "within_days": 90}}}
SNAPSHOT = {"kind": "framework", "title": "T", "question": "Who stays?", "unit": "shop", "unit_id": "id"}
SNAPSHOT |= {"plan_tier": "tier", "features": [{"name": name, "column": name} for name in ("chat", "bots")]}
SNAPSHOT |= {"outcomes": {"retained": {"column": "gone", "time": "months"}}}
FIRST, DAY = pd.Timestamp("2023-01-01"), pd.Timedelta(days=1)


def make_world():
    """Return 300 accounts, one started a day, every other lost after 70 to 270 days, and what they do until then."""
    i = pd.Series(range(300))
    start = FIRST + i * DAY
    left = (start + (70 + (i * 37) % 200) * DAY).where(i % 2 == 1)
    tier = (i % 3).map({0: "free", 1: "basic", 2: "full"})
    accounts = pd.DataFrame({"id": "a" + i.astype(str) + "k", "start": start, "left": left, "tier": tier})
    accounts["seats"] = 1 + i % 5
    rows = []
    for account, begin, end in zip(accounts["id"], start, left.fillna(pd.Timestamp("2024-12-31")), strict=True):
        days = pd.date_range(begin + pd.Timedelta("3h1s"), end, freq="11D")
        rows += [(account, name, at) for at in days for name in ("chat", "solved")]
        rows.append((account, "invited", begin + pd.Timedelta("9h7s")))
    return accounts, pd.DataFrame(rows, columns=["id", "event", "at"])


def check(accounts, events=None, content=PLAN):
    """Return what `leavers_fit` says of accounts and events, None where it is not there."""
    design = plan.read(content, kind="framework").design
    source = sources.load_accounts(design, accounts, events=events)
    found = checks.check_accounts(source, metrics.fold_accounts(source, design))
    return next(((item.status, item.message) for item in found if item.id == "leavers_fit"), None)


A, E = make_world()
ROW, OF, STAYS = A.index, E["id"].str[1:-1].astype(int), A["left"].isna()
GONE, EARLY = A["id"][~STAYS], A["left"] < "2023-10-01"
CHATS, HOUR = E[E["event"] == "chat"], pd.Timedelta(hours=1)
MANY = pd.concat([A.assign(id=A["id"] + str(i)) for i in range(3)], ignore_index=True)
MORE, FEW = pd.concat([E.assign(id=E["id"] + str(i)) for i in range(3)]), MANY.index % 15 > 0
FAULTS = {
    "one plan for all who left": ((A.assign(tier=A["tier"].where(STAYS, "none")), E), "fail",
     "Of the accounts that left 100.0 % have one and the same plan tier, and 0.0 % of the others: it may be written "
     "anew at the loss; give that of the start."),
    "no size of who left": ((A.assign(seats=A["seats"].where(STAYS)), E), "fail",
     "Of the accounts that left 100.0 % have no size, and 0.0 % of the others: it may be written anew at the loss; "
     "give that of the start."),
    "events deleted with the account": ((A, E[~E["id"].isin(GONE[:60])]), "fail",
     "Of the accounts that left after day 60 40.0 % have no event at all, and 0.0 % of those that stayed: their "
     "events may be deleted, so that both cannot be compared."),
    "in use after the loss": ((A.assign(left=A["left"] - 69 * DAY), E), "warn",
     "Of the accounts that left 100.0 % have events more than 30 days after their loss: its day may be wrong, or "
     "they came back."),
    "losses of the first year deleted": ((A[~EARLY], E[~E["id"].isin(A["id"][EARLY])]), "warn",
     "The first loss stands on 2023-10-04, before which 35 would be expected by when accounts leave since: those "
     "that left earlier may be deleted, so that too many seem to stay."),
    "the whole log twice": ((A, pd.concat([E, E])), "warn",
     "50.0 % of the events come within 10 seconds after another of their kind: the log may hold each twice."),
    "the whole log twice, in two time zones": ((A, pd.concat([E, E.assign(at=E["at"] + HOUR)])), "warn",
     "50.0 % of the events come 60 minutes after another of their kind: the log may hold each twice."),
    "one kind of event twice": ((A, pd.concat([E, CHATS.assign(at=CHATS["at"] + HOUR)])), "warn",
     "50.0 % of the events chat come 60 minutes after another of their kind: the log may hold each twice."),
    "losses lost with the events": ((A.assign(left=A["left"].where(ROW % 5 > 1)), E[OF % 5 > 1]), "fail",
     "Of the 120 accounts without any event 0 left, where the others would lead to expect 60: their losses may be "
     "missing as well, so that they seem to stay; leave them out, or give the losses."),
    "those of a few": ((MANY.assign(left=MANY["left"].where(FEW)), MORE[~MORE["id"].isin(MANY["id"][~FEW])]), "warn",
     "Of the 60 accounts without any event 0 left, where the others would lead to expect 30: their losses may be "
     "missing as well, so that they seem to stay; leave them out, or give the losses."),
    "losses of some months": ((A.assign(left=A["left"].where(~A["left"].between("2023-08-01", "2023-12-10"))), E),
     "warn", "Hardly a loss stands from 2023-07-29 to 2023-12-10, where 64 would be expected by when accounts leave "
     "else: they may be missing, so that too many seem to stay."),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_check_leavers_tells_what_no_behaviour_explains(name):
    tables, status, said = FAULTS[name]
    found = check(*tables)
    assert found and found[0] == status
    assert said in found[1]


NEW = A.assign(start=A["start"].where(ROW > 99, pd.Timestamp("2024-12-01")), left=A["left"].where(ROW > 99))
HEALTHY = {
    "as it is": (A, E),
    "days alone, on which many do a thing twice": (A, pd.concat([E, E]).assign(at=lambda e: e["at"].dt.floor("D"))),
    "who leaves does half": (A, E[~E["id"].isin(GONE) | (E.index % 2 == 0)]),
    "who leaves did little": (A, E[~E["id"].isin(GONE[:60]) | (E.groupby("id").cumcount() < 1 + OF % 3)]),
    "the free plan leaves most": (A.assign(tier=A["tier"].where(STAYS | (ROW % 10 == 1), "free")), E),
    "a legacy plan is left by all": (A.assign(tier=A["tier"].where(STAYS | (ROW % 8 > 1), "old")), E),
    "contracts of a year": (A.assign(left=(A["start"] + 365 * DAY).where(~STAYS)), E),
    "many never use it, and leave like others": (A, E[OF % 3 > 0]),
    "who never uses it is new": (NEW, E[OF > 99]),
    "some come back": (A.assign(left=A["left"].where(ROW % 20 != 1, A["start"] + 20 * DAY)), E),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_check_leavers_says_nothing_of_what_behaviour_does(name):
    assert check(*HEALTHY[name]) is None


def test_load_accounts_refuses_ids_that_are_written_anew_at_the_loss():
    gone, bare = E["id"].isin(GONE), E["id"].str[:-1]
    told = tell_refusal(check, A.assign(id=A["id"].str[:-1]), E.assign(id=bare.where(~gone, bare + "x")))
    n = f"{gone.sum():,}"
    said = f"events (DataFrame): {n} events of accounts that are not in the table; {n} of them would be known without "
    said += "what follows their last digit: write the ids alike in both tables"
    assert told == said


def make_shops():
    """Return 240 shops of a snapshot, of which every third is gone."""
    i = pd.Series(range(240))
    kinds = {"tier": (i % 5 < 2).map({True: "free", False: "full"}), "chat": (i % 2), "bots": (i % 7 < 3) * 1}
    return pd.DataFrame({"id": "s" + i.astype(str), **kinds, "gone": (i % 3 == 0) * 1, "months": 1 + i % 48})


SHOP = make_shops()
LEFT, ANEW = SHOP["gone"] == 1, "it may be written anew at the loss; give that of the start."
SHOPS = {
    "chat is empty": (SHOP.assign(chat=SHOP["chat"].where(~LEFT)),
     f"Of the shops that left 100.0 % have no chat, and 0.0 % of the others: {ANEW}"),
    "all features are off": (SHOP.assign(chat=SHOP["chat"].where(~LEFT, 0), bots=SHOP["bots"].where(~LEFT, 0)),
     f"Of the shops that left 100.0 % have no feature at all, and 27.5 % of the others: {ANEW}"),
    "plan cancelled": (SHOP.assign(tier=SHOP["tier"].where(~LEFT | (SHOP.index % 6 == 0), "cancelled")),
     f"Of the shops that left 50.0 % have one and the same plan tier, and 0.0 % of the others: {ANEW}"),
}  # fmt: skip


@pytest.mark.parametrize("name", SHOPS)
def test_check_leavers_of_a_snapshot(name):
    shops, said = SHOPS[name]
    assert check(shops, content=SNAPSHOT) == ("fail", said)


def test_check_leavers_of_a_healthy_snapshot_says_nothing():
    marked = SHOP.assign(chat=SHOP["chat"].where(~LEFT, 0))  # one feature may well mark all who stay
    for shops in (SHOP, marked, SHOP.assign(months=SHOP["months"].where(~LEFT, 1))):
        assert check(shops, content=SNAPSHOT) is None
