"""Her own names: events and accounts whose columns the plan names give what renamed ones give, to the last digit."""

import numpy as np
import pandas as pd
import pytest
from accounts_samples import PLAN as FRAMEWORK
from sources_samples import LOG_PLAN, tell_refusal

from helpers import metrics, plan, simulate, sources

PLAN = LOG_PLAN | {
    "metrics": {
        "spend": {"kind": "amount", "event": ["order", "refund"], "within_days": 28, "role": "primary"},
        "orders": {"kind": "count", "event": "order", "within_days": 28},
        "rating": {"kind": "score", "scale": "numeric", "event": "rated", "within_days": 28},
    },
}
OWN = {"unit": "customer", "event": "action", "at": "happened", "value": "gross"}
NAMES = {"user_id": "customer", "event": "action", "at": "happened", "value": "gross"}


@pytest.fixture(scope="module")
def world():
    """Return 400 units and the orders, refunds and ratings of some of them."""
    rng = np.random.default_rng(8)
    units = pd.DataFrame({"user_id": [f"u{i:03d}" for i in range(400)], "variant": ["old", "new"] * 200})
    units["assigned_at"] = pd.Timestamp("2024-03-01") + pd.to_timedelta(rng.integers(0, 20 * 86_400, 400), "s")
    row = rng.integers(0, 400, 1500)
    events = units.iloc[row][["user_id"]].reset_index(drop=True)
    events["event"] = rng.choice(["order", "order", "refund", "rated"], 1500)
    seconds = pd.to_timedelta(rng.integers(0, 60 * 86_400, 1500), "s")
    events["at"] = units["assigned_at"].to_numpy()[row] + seconds
    value = rng.lognormal(3, 1, 1500).round(2)
    value = np.where(events["event"] == "refund", -value, value)
    events["value"] = np.where(events["event"] == "rated", rng.integers(1, 6, 1500), value)
    return units, events


def measure(units, log, **changes):
    """Return one row a unit, folded by the small plan with some keys changed."""
    design = plan.read(PLAN | changes).design
    return metrics.fold(sources.load(design, units, events=log), design).frame()


@pytest.fixture(scope="module")
def known(world):
    """Return one row a unit of the world, under our names."""
    return measure(*world)


def test_own_names_give_what_ours_give_and_a_column_of_ours_beside_them_is_hers_to_keep(world, known):
    units, events = world
    odd = events.rename(columns=NAMES).assign(unit="kg", at="desk", value="high", event="x")
    for log in (events.rename(columns=NAMES), odd):
        pd.testing.assert_frame_equal(measure(units, log, events=OWN), known, check_exact=True)
    assert known["spend"].abs().sum() > 0


def test_each_metric_may_add_up_a_column_of_its_own(world, known):
    units, events = world
    wide = events.assign(net=0.8 * events["value"], note="x").drop(columns="value")
    wide.loc[wide["event"] == "rated", "net"] = None
    wide["stars"] = events["value"].where(events["event"] == "rated")
    wide["tax"] = (0.2 * events["value"]).where(events["event"] != "rated")
    spend = PLAN["metrics"]["spend"]
    own = {
        "spend": spend | {"value": "net"},
        "tax": spend | {"value": "tax", "role": "secondary"},
        "orders": PLAN["metrics"]["orders"],
        "rating": PLAN["metrics"]["rating"] | {"value": "stars"},
    }
    found = measure(units, wide, metrics=own)
    np.testing.assert_allclose(found["spend"], 0.8 * known["spend"], rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(found["tax"], 0.2 * known["spend"], rtol=1e-12, atol=1e-9)
    assert (found["orders"] == known["orders"]).all()
    pd.testing.assert_series_equal(found["rating"], known["rating"])


def test_a_table_of_orders_alone_needs_no_column_of_names(world):
    units, events = world
    orders = events[events["event"] == "order"]
    metric = {"spend": PLAN["metrics"]["spend"] | {"event": "order"}}
    found = measure(units, orders.drop(columns="event"), metrics=metric, events={"named": "order"})
    pd.testing.assert_frame_equal(found, measure(units, orders, metrics=metric), check_exact=True)


def test_what_events_add_is_told_of_the_column_that_is_summed(world):
    units, events = world
    wide = events.assign(net=-1.0)
    wide.loc[wide.index[wide["event"] == "order"][:3], "net"] = None
    design = plan.read(PLAN | {"metrics": {"spend": PLAN["metrics"]["spend"] | {"value": "net"}}}).design
    added = {row["event"]: row for row in metrics.fold(sources.load(design, units, events=wide), design).added}
    assert added["order"]["without"] + added["refund"]["without"] <= 3
    assert added["order"]["above"] == 0 and added["order"]["below"] > 0


def test_what_stands_in_values_is_looked_at_in_the_column_that_a_metric_reads(world):
    units, events = world
    wide = events.assign(net=events["value"].abs(), stars=3.0, value=1.0)
    own = {"rating": PLAN["metrics"]["rating"] | {"value": "stars"}}
    own |= {"spend": PLAN["metrics"]["spend"] | {"value": "net"}, "gross": PLAN["metrics"]["spend"]}
    design = plan.read(PLAN | {"metrics": own}).design
    seen = metrics.moments.see_values(metrics.fold(sources.load(design, units, events=wide), design))
    assert {text.split(":")[0] for text in seen["rating", "rated"]["old"]["answers"]} == {"3"}
    own, others = ({float(text.split(":")[3]) for text in seen[n, "order"]["old"]["sizes"]} for n in ("spend", "gross"))
    assert len(own) > 1 and others == {1.0}


MISSING = [
    ({"events": {"at": "moment"}}, "no column moment (for time of the event)"),
    ({"events": {"value": "amount"}}, "no column amount (for amount or score)"),
    ({"metrics": {"spend": PLAN["metrics"]["spend"] | {"value": "net"}}}, "no column net (for amount or score)"),
]


@pytest.mark.parametrize(("changes", "fault"), MISSING)
def test_a_named_column_that_is_not_there_is_told_with_those_that_are(world, changes, fault):
    units, events = world
    told = tell_refusal(measure, units, events, **changes)
    assert told.startswith(f"events (DataFrame): {fault}; it has, nearest first: ")


def test_events_that_were_left_out_are_asked_for_and_no_other_column(world):
    told = (
        "events: left out, and the plan reads spend from events; name their table (load: events=; check: --events; "
        "report: -p events=FILE; reports.yaml: events:)"
    )
    spend = {"spend": {"kind": "amount", "role": "primary", "within_days": 14, "event": "order"}}
    assert tell_refusal(measure, world[0], None, metrics=spend) == told
    assert tell_refusal(measure, world[0], None, events={"at": "moment"}, metrics=spend) == told
    told = "events (DataFrame): has the column variant, which data (DataFrame) lacks: data and events are swapped"
    assert tell_refusal(measure, world[1], world[0], metrics=spend) == told


FAULTS = [
    ({"events": {"at": "x", "value": "x"}},
     "events: a column stands twice; unit, event, at, value and each of wide are one"),
    ({"events": {"event": "x", "named": "y"}},
     "events: give event, the column of the names, or named, the one name of all events"),
    ({"metrics": {"n": {"kind": "count", "event": "order", "value": "net"}}},
     "metrics.n: value names the column of events that are added up or averaged, and this metric reads none"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "fault"), FAULTS)
def test_names_that_do_not_fit_together_are_a_fault_of_the_plan(changes, fault):
    told = tell_refusal(plan.read, PLAN | changes)
    assert fault in told


@pytest.mark.parametrize("study", ["experiment"])
def test_a_dry_run_has_her_names(study):
    changes = {"events": OWN, "planned_units": 200, "enrolment_days": 20}
    changes["metrics"] = {"tax": PLAN["metrics"]["spend"] | {"value": "vat", "worthwhile": 3, "better": "higher"}}
    design = plan.read(PLAN | changes).design
    made = simulate.simulate(study, design, seed=3)
    assert {"customer", "action", "happened", "gross", "vat"} == set(made.events)
    source = sources.load(design, "simulated", simulation={"study": study, "seed": 3})
    assert metrics.fold(source, design).frame()["tax"].sum() > 0


def make_accounts():
    """Return 300 accounts, who asked, and when some of them cancelled; starts have times of day."""
    rng = np.random.default_rng(5)
    start = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 200 * 86_400, 300), "s")
    accounts = pd.DataFrame({"account_id": [f"a{i:03d}" for i in range(300)], "started_at": start})
    accounts["seats"], accounts["plan_tier"] = rng.integers(1, 20, 300), rng.choice(["basic", "pro"], 300)
    row = rng.integers(0, 300, 4000)
    asked = pd.DataFrame({"account_id": accounts["account_id"].to_numpy()[row], "event": "asked"})
    asked["at"] = start[row] + pd.to_timedelta(rng.integers(0, 300 * 86_400, 4000), "s")
    left = pd.Series(start + pd.to_timedelta(rng.integers(86_400, 600 * 86_400, 300), "s"))
    return accounts, asked, left.where(rng.random(300) < 0.6)


ACCOUNTS, ASKED, LEFT = make_accounts()


def read_accounts(accounts, events, retained):
    """Return what the accounts did by their landmark, and what was said of them."""
    outcomes = {"retained": retained | {"within_days": 180}}
    design = plan.read(FRAMEWORK | {"as_of": "2024-04-30", "outcomes": outcomes}, kind=None).design
    folded = metrics.fold_accounts(sources.load_accounts(design, accounts, events=events), design)
    return metrics.read_landmarks(folded)[90.0], folded.messages


def test_a_date_of_loss_in_the_accounts_is_as_an_event_of_loss():
    gone = ACCOUNTS[["account_id"]].assign(event="cancelled", at=LEFT).dropna()
    known, _ = read_accounts(ACCOUNTS, pd.concat([ASKED, gone]), {"lost": "cancelled"})
    found, said = read_accounts(ACCOUNTS.assign(churned_on=LEFT), ASKED, {"lost_at": "churned_on"})
    pd.testing.assert_frame_equal(found, known, check_exact=True)
    assert 0 < known["retained"].mean() < 1
    assert not [text for text in said if text.startswith("losses")]


def test_a_loss_that_is_a_date_ends_with_its_day():
    left = LEFT.where(LEFT.index > 0, ACCOUNTS["started_at"])  # one on the day of the start, which began before it
    end = left.dt.normalize() + pd.Timedelta(seconds=86_399)
    known, _ = read_accounts(ACCOUNTS.assign(churned_on=end), ASKED, {"lost_at": "churned_on"})
    dated = ACCOUNTS.assign(churned_on=left.dt.strftime("%Y-%m-%d"))
    found, said = read_accounts(dated, ASKED, {"lost_at": "churned_on"})
    pd.testing.assert_frame_equal(found, known, check_exact=True)
    assert "losses have dates alone: each account is lost at the end of its day" in said
    assert ACCOUNTS["account_id"].iloc[0] not in set(found["unit"])


def test_losses_that_cannot_be_are_refused():
    where, last = "data (DataFrame), column churned_on", LEFT.max().normalize()
    n, day = LEFT.notna().sum(), last.date()

    def tell(churned_on, of=ACCOUNTS):
        return tell_refusal(read_accounts, of.assign(churned_on=churned_on), ASKED, {"lost_at": "churned_on"})

    early = LEFT.where(LEFT.index > 2, ACCOUNTS["started_at"] - pd.Timedelta(days=1))
    assert tell(early) == f"{where}: 3 accounts lost before the day of their start; correct one of the days"
    assert tell("") == (f"{where}: empty in every row, so that nobody counts as lost; name the column of the losses")
    said = f"{where}: {n} of {n} losses stand on {day}, as of an export; give the day of each loss"
    assert tell(LEFT.where(LEFT.isna(), last)) == said
    told = tell(LEFT.fillna(last))
    assert told.startswith(f"{where}: every account has a day, and ")
    assert f" have the last, {day}; leave it empty" in told
    told = tell(LEFT.dropna(), ACCOUNTS[LEFT.notna()])
    assert told.startswith(f"{where}: every account is lost, and ")
    assert told.endswith(" events are of accounts that are not in the table; give the accounts that stay too")
    none = "or leave a cell empty where there is none"
    assert tell("9999-12-31").endswith(f"after 2199; correct them, {none}")
    active = ["2024-01-31"] + ["active"] * (len(ACCOUNTS) - 1)
    assert tell(active).endswith(f"write 2024-01-31 or 2024-01-31 13:45:00 (UTC), {none}")
    told = tell_refusal(read_accounts, ACCOUNTS, ASKED, {"lost_at": "churned_on"})
    assert told.startswith("data (DataFrame): no column churned_on (for lost_at of retained); it has, nearest first: ")


def test_losses_of_one_day_are_told_where_not_all_stand_on_it():
    day = LEFT.max().normalize() - pd.Timedelta(days=1)
    retained = {"retained": {"lost_at": "churned_on", "within_days": 180}}
    design = plan.read(FRAMEWORK | {"as_of": "2024-04-30", "outcomes": retained}, kind=None).design
    earlier = ACCOUNTS.assign(churned_on=LEFT.where(LEFT.isna() | LEFT.eq(LEFT.max()), day))
    n, told = LEFT.notna().sum(), sources.load_accounts(design, earlier, events=ASKED).info.messages
    where = "data (DataFrame), column churned_on"
    assert f"{where}: {n - 1} of {n} losses stand on {day.date()}; check that this is the day of each loss" in told


def test_a_row_that_sums_all_accounts_is_refused():
    whole = pd.concat([ACCOUNTS, ACCOUNTS[:1].assign(account_id="Total", seats=ACCOUNTS["seats"].sum())])
    assert tell_refusal(read_accounts, whole, ASKED, {"event": "cancelled"}) == (
        "data (DataFrame), column seats: 1 row with the sum of all others, so that it is a total and no account; leave "
        "it out"
    )
