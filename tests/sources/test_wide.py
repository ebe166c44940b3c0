"""A table with a column of times an event gives what the same events give one row each."""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest
import yaml
from afternoon import FRAMEWORK, make_accounts
from sources_samples import LOG_PLAN, draw_log, tell_refusal

from helpers import checks, metrics, plan, simulate, sources

NAMES = ["signed up", "bezahlt"]
WEEKS = {"better": "higher", "within_days": 28}
PLAN = LOG_PLAN | {
    **{"time_zone": "Europe/Rome", "planned_units": 300, "enrolment_days": 20},
    "metrics": {
        "paid": WEEKS | {"kind": "binary", "role": "primary", "event": ["bezahlt"], "worthwhile": 0.1},
        "signed": {"kind": "time_to_event", "better": "higher", "event": ["signed up"], "horizon_days": 28},
        "tickets": WEEKS | {"kind": "count", "event": ["ticket"]},
    },
}
WIDE = PLAN | {"events": {"unit": "Konto", "wide": [*NAMES, "ticket"]}}
LONG = PLAN | {"events": {"unit": "Konto"}}


def widen(log, unit):
    """Return a log with a row for the first events of a unit of each name, one for the second ones, and so on."""
    nth = log.assign(nth=log.groupby([unit, "event"]).cumcount())
    wide = nth.pivot_table(index=[unit, "nth"], columns="event", values="at", aggfunc="first")
    return wide.reset_index(unit).reset_index(drop=True)


@pytest.fixture(scope="module")
def world():
    """Return 300 units, and a log of their events whose times are texts without a zone."""
    rng, names = np.random.default_rng(12), [*NAMES, "ticket"]
    units, log = draw_log(rng, "u{:03d}", names, begin="2024-03-15", times="%d.%m.%Y %H:%M:%S")
    return units, log.rename(columns={"user_id": "Konto"})


def read(content, units, events):
    """Return what the results of an experiment are made of."""
    design = plan.read(content).design
    source = sources.load(design, units, events=events)
    folded = metrics.fold(source, design)
    return folded.frame(), source.meeting, checks.run(folded, source, design)


def test_a_column_of_times_an_event_gives_what_one_row_an_event_gives(world):
    units, log = world
    known, found = read(LONG, units, log), read(WIDE, units, widen(log, "Konto"))
    pd.testing.assert_frame_equal(found[0], known[0], check_exact=True)
    pd.testing.assert_frame_equal(found[1], known[1], check_exact=True)
    assert found[2] == known[2]
    assert 0 < known[0]["paid"].mean() < 1 < known[0]["tickets"].max()
    some = plan.read(WIDE | {"events": {"unit": "Konto", "wide": NAMES}}).design  # a column not named is no event
    assert metrics.fold(sources.load(some, units, events=widen(log, "Konto")), some).frame()["tickets"].sum() == 0


def test_accounts_of_such_a_table_are_those_of_a_log():
    accounts, log = make_accounts(400)
    log = log.drop(columns="Betrag").rename(columns={"Was": "event", "Wann": "at"})
    content, frames = yaml.safe_load(FRAMEWORK), []
    for events, key in ((log, {}), (widen(log, "Konto"), {"wide": sorted(set(log["event"]))})):
        design = plan.read(content | {"events": {"unit": "Konto"} | key}, kind=None).design
        folded = metrics.fold_accounts(sources.load_accounts(design, accounts, events=events), design)
        frames.append(metrics.read_landmarks(folded)[60.0])
    pd.testing.assert_frame_equal(*frames, check_exact=True)
    assert 0 < frames[0]["retained"].mean() < 1 and frames[0]["activated"].sum() > 0


def list_times(table, wide=("a", "b")):
    """Return the unit, the event and the time of each event of a wide table."""
    accounts = pd.DataFrame({"user_id": ["1", "2"], "begun": "2024-01-01"})
    given = {"kind": "framework", "title": "A", "question": "B?", "unit_id": "user_id", "started_at": "begun"}
    given |= {"events": {"wide": [*wide]}, "outcomes": {"retained": {"event": "a"}}}
    design = plan.read(given, kind=None).design
    events = sources.load_accounts(design, accounts, events=table).events.select("unit", "event", "at").to_pandas()
    return sorted((unit, event, str(at)) for unit, event, at in events.to_numpy())


DAY = [("1", "a", "2024-01-02 00:00:00"), ("2", "b", "2024-01-03 00:00:00")]
EMPTY = [  # no event: a cell that is empty, of spaces, of a word for nothing, no number, no time, or a column of those
    {"a": ["2024-01-02", ""], "b": [" ", "2024-01-03"]},
    {"a": ["2024-01-02", "NA"], "b": ["\\N", "2024-01-03"]},
    {"a": [1704153600.0, np.nan], "b": [np.nan, 1704240000.0]},
    {"a": [1704153600.0, np.nan], "b": [None, 1704240000]},
    {"a": pd.to_datetime(["2024-01-02", None]), "b": pd.to_datetime([None, "2024-01-03"]).as_unit("s")},
    {"a": pd.to_datetime(["2024-01-02", None]), "b": [None, dt.date(2024, 1, 3)]},
    {"a": pd.to_datetime(["2024-01-02", None], utc=True), "b": pd.to_datetime([None, "2024-01-03"], utc=True)},
]


@pytest.mark.parametrize("cells", EMPTY)
def test_an_empty_cell_is_no_event_however_times_are_written(cells):
    # what the table calls as an event's columns are called is none of them
    beside = {"user_id": ["1", "2"], "event": "x", "at": "y", "event_id": "z", "value": 7}
    assert list_times(pd.DataFrame(beside | cells)) == DAY
    if cells["b"][0] is None or isinstance(cells["b"][0], str):  # of texts, numbers and days
        assert list_times(pd.DataFrame(beside | cells | {"b": [None, None], "c": [0.5, 1]})) == DAY[:1]


def test_an_event_may_be_called_as_the_columns_of_a_log():
    table = pd.DataFrame({"user_id": ["1"], "a": "2024-01-02", "at": "2024-01-02", "event": "2024-01-03"})
    found = list_times(table, ["a", "at", "event"])
    days = {"a": "2024-01-02", "at": "2024-01-02", "event": "2024-01-03"}
    assert [(name, at[:10]) for _, name, at in found] == [*days.items()]
    assert list_times(table, ["a"]) == [("1", "a", "2024-01-02 00:00:00")]


def test_values_of_a_row_are_added_up_where_a_metric_names_their_column():
    units = pd.DataFrame({"user_id": ["1", "2"], "variant": ["old", "new"], "assigned_at": "2024-01-01"})
    metric = {"kind": "amount", "role": "primary", "better": "higher", "event": ["paid"], "value": "net"}
    changes = {"metrics": {"spend": metric | {"within_days": 7}}, "events": {"wide": ["paid", "left"]}}
    design = plan.read(PLAN | {"time_zone": None} | changes).design
    table = pd.DataFrame({"user_id": ["1", "2"], "paid": "2024-01-02", "left": "2024-01-03", "net": [3.0, 5.0]})
    assert metrics.fold(sources.load(design, units, events=table), design).frame()["spend"].tolist() == [3.0, 5.0]
    told = tell_refusal(sources.load, design, units, events=table.rename(columns={"net": "gross"}))
    there = "it has, nearest first: left, user_id, paid, gross; correct the plan or the table"
    assert told == f"events (DataFrame): no column net (for amount or score); {there}"


FAULTS = [
    (pd.DataFrame({"user_id": ["1"], "a": "2024-01-02"}),
     ": no column b (for an event of events.wide); it has, nearest first: user_id, a; correct the plan or the table"),
    (pd.DataFrame({"id": ["1"], "a": "2024-01-02", "b": ""}),
     ": no column user_id (for unit_id); it has, nearest first: id, a, b; correct the plan or the table"),
    (pd.DataFrame({"user_id": ["1", "2"], "a": ["2024-01-02", "no"], "b": "-"}),
     ", column a, b: 3 rows without a date or time; write 2024-01-31 or 2024-01-31 13:45:00 (UTC)"),
    (pd.DataFrame({"user_id": ["1"], "a": pd.Timestamp("2024-01-02"), "b": "2024-01-02"}),
     ": times are of type string in column b and timestamp in column a; give all events.wide one type"),
    (pd.DataFrame({"user_id": ["1"], "a": "", "b": ""}),
     ": no event, as every column of events.wide is empty; export it again"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "fault"), FAULTS)
def test_tables_that_lack_what_is_named_or_mix_it_are_refused(table, fault):
    assert tell_refusal(list_times, table) == f"events (DataFrame){fault}"


REFUSED = [
    ({key: "x"}, f"wide and {key} exclude each other, as each column of wide holds the times of its event")
    for key in ("event", "at", "named", "value")
]
REFUSED += [
    ({"unit": "paid"}, "a column stands twice; unit, event, at, value and each of wide are one"),
    ({"wide": ["paid", "paid"]}, "a column stands twice; unit, event, at, value and each of wide are one"),
]


@pytest.mark.parametrize(("more", "fault"), REFUSED)
def test_keys_of_a_log_do_not_go_with_columns_of_times(more, fault):
    told = tell_refusal(plan.read, WIDE | {"events": {"wide": ["paid", "left"]} | more})
    shown = "`events: {unit: customer, event: action, at: happened_at, value: amount}`"
    assert told == f"plan as a dict, events: {fault}; such as {shown}"


def test_a_dry_run_has_a_column_of_times_an_event():
    design = plan.read(WIDE).design
    made = simulate.simulate("experiment", design, seed=3)
    assert {*made.events} == {"Konto", *NAMES, "ticket", "value"}
    assert made.events[NAMES].notna().sum(axis=1).le(1).all() and made.events["bezahlt"].notna().sum() > 20
    source = sources.load(design, "simulated", simulation={"study": "experiment", "seed": 3})
    log = sources.load(plan.read(LONG).design, "simulated", simulation={"study": "experiment", "seed": 3})
    pd.testing.assert_frame_equal(metrics.fold(source, design).frame(), metrics.fold(log, design).frame())


@pytest.mark.parametrize("dialect", ["postgres", "pyspark", "bigquery", "snowflake"])
def test_other_engines_are_asked_for_one_part_a_column(dialect):
    table = ibis.table({"user_id": "string", "a": "timestamp", "b": "timestamp"}, name="wide")
    own = plan.read(PLAN | {"events": {"wide": ["a", "b"]}}).design.events
    sql = str(ibis.to_sql(sources.aggregated.lengthen(table, own, "user_id"), dialect=dialect))
    assert sql.count("UNION ALL") == 1 and sql.count("IS NOT NULL") == 2
