"""Events beside the assignments, as tables: typed, counted, and never silently empty."""

import datetime as dt

import pytest
from sources_samples import EVENT_PLAN

from helpers import sources
from helpers.records import Refused

UNITS = "user_id,variant,assigned_at\n1,old,2024-01-01\n2,new,2024-01-01\n3,new,2024-01-02\n"
EVENTS = (
    "user_id,event,at,value,channel\n1,spend,2024-01-02 10:00,5,web\n2,spend,2024-01-03,2.5,\n2,other,2024-01-04,,\n"
)
COUNTS = EVENT_PLAN.replace("spend: {kind: amount", "visits: {kind: count")


@pytest.fixture
def load_events(design, write):
    """Return a function: loads units with events, both given as text."""

    def make(events=EVENTS, *, units=UNITS, plan_text=EVENT_PLAN):
        return sources.load(design(plan_text), write(units), events=write(events, "events.csv"))

    return make


def refuse(load_events, *given, **more):
    with pytest.raises(Refused) as caught:
        load_events(*given, **more)
    return str(caught.value)


def test_load_events_by_hand(load_events):
    source = load_events()
    assert source.events.order_by("at").to_pyarrow().to_pydict() == {
        "unit": ["1", "2", "2"],
        "event": ["spend", "spend", "other"],  # an event in no plan is kept
        "at": [dt.datetime(2024, 1, 2, 10), dt.datetime(2024, 1, 3), dt.datetime(2024, 1, 4)],
        "value": [5.0, 2.5, None],
        "channel": ["web", None, None],
    }
    assert source.units.columns == ("unit", "variant", "assigned_at")
    assert source.info.source == "units.csv, events.csv"
    assert source.info.messages == ("units.csv: comma-separated", "events.csv: comma-separated", "events.csv: 3 events")


def test_load_events_counts_those_of_unknown_units(load_events):
    source = load_events(EVENTS + "9,spend,2024-01-02,1,\n9,spend,2024-01-02,1,\n")
    assert source.info.messages[-1] == "events.csv: 2 events of units that were never assigned, not used"


def test_load_events_of_units_in_two_variants_are_not_unknown(load_events):
    source = load_events(
        units=UNITS + "4,old,2024-01-01\n4,new,2024-01-01\n", events=EVENTS + "4,spend,2024-01-02,1,\n"
    )
    assert source.n_two_variants == 1
    assert source.info.messages[-1] == "events.csv: 4 events"


def test_load_events_keeps_equal_events_and_drops_those_with_one_event_id(load_events):
    twice = EVENTS + "1,spend,2024-01-02 10:00,5,web\n"
    assert load_events(twice).events.count().to_pyarrow().as_py() == 4
    rows = twice.splitlines()
    with_id = "\n".join([rows[0] + ",event_id", *(f"{row},e{i % 3}" for i, row in enumerate(rows[1:]))])
    source = load_events(with_id)
    assert source.events.count().to_pyarrow().as_py() == 3
    assert "events.csv: 4 events, 1 of them dropped as exact duplicates" in source.info.messages


def test_load_events_says_how_many_share_an_id_without_being_equal(load_events):
    header, *rows = EVENTS.splitlines()
    ids = ["e1", "e1", "e2"]  # two events of different users with one id: neither is dropped
    source = load_events("\n".join([header + ",event_id", *(f"{r},{i}" for r, i in zip(rows, ids, strict=True))]))
    assert source.events.count().to_pyarrow().as_py() == 3
    assert source.info.messages[-2:] == (
        "events.csv: 3 events, 0 of them dropped as exact duplicates",
        "events.csv, column event_id: 1 event with the id of another that differs, kept",
    )


def test_load_events_without_an_id_are_kept_where_others_have_one(load_events):
    header, first, *_ = EVENTS.splitlines()
    rows = [header + ",event_id", f"{first},", f"{first},", f"{first}, ", f"{first},e1", f"{first},e1 "]
    source = load_events("\n".join(rows))
    assert source.events.count().to_pyarrow().as_py() == 4
    assert source.info.messages[-1] == "events.csv: 5 events, 1 of them dropped as exact duplicates"


def test_load_events_without_values_where_none_is_needed(load_events):
    rows = "user_id,event,at\n1,visits,2024-01-02\n"
    source = load_events(rows, plan_text=COUNTS)
    assert source.events.to_pyarrow()["value"].to_pylist() == [None]
    assert source.events["value"].type().is_floating()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        # an amount needs its value
        (
            "user_id,event,at\n1,spend,2024-01-02\n",
            "events.csv: no column value (for amount or score); it has, nearest first: event, user_id, at; "
            "correct the plan or the table",
        ),
        (
            EVENTS + ",spend,2024-01-02,1,\n",
            "events.csv, column user_id: 1 row without an id; give each row its unit, or leave those rows out",
        ),
        (
            EVENTS + "1,,2024-01-02,1,\n",
            "events.csv, column event: 1 row without an event; give each its name, or leave those rows out",
        ),
        (
            EVENTS + "1,spend,,1,\n",
            "events.csv, column at: 1 row without a time; give each event its time, or leave those rows out",
        ),
        # a plan that asks for `spend` finds none, though nearly
        (
            EVENTS.replace("spend", "Spend"),
            "events.csv, column event: no event spend, which the plan names; did you mean Spend?",
        ),
        (
            "user_id,event,at,value\n" + "".join(f"1,e{i},2024-01-02,1\n" for i in range(10_001)),
            "events.csv, column event: more than 10,000 different names; give the kind of each event",
        ),
        # every outcome would be a wrong 0: ids padded in one table only
        (
            EVENTS.replace("\n1,", "\n001,").replace("\n2,", "\n002,"),
            "events.csv: 3 events, none of an assigned unit; write the ids alike in both tables",
        ),
    ],
    ids=range(7),
)
def test_load_events_refuses_with_one_message(load_events, rows, message):
    assert refuse(load_events, rows) == message


def test_load_events_says_when_an_event_of_the_plan_never_occurs(load_events):
    source = load_events(EVENTS.replace("spend", "something"))
    assert "events.csv, column event: no event spend occurs, which the plan names" in source.info.messages


def test_load_events_takes_a_part_of_a_ratio_from_events_or_columns(load_events):
    text = EVENT_PLAN + "  per_seat: {kind: ratio, numerator: other, denominator: seats}\n"
    units = UNITS.replace("at\n", "at,seats\n").replace("01\n", "01,2\n").replace("02\n", "02,3\n")
    assert load_events(units=units, plan_text=text).units.seats.sum().to_pyarrow().as_py() == 7.0
    assert refuse(load_events, plan_text=text).startswith("units.csv: no column seats (for metric per_seat)")


def test_load_events_reads_ids_and_names_without_the_spaces_around_them(load_events):
    source = load_events(EVENTS.replace("\n1,spend,", "\n 1,spend ,"))
    assert source.events.filter(source.events.unit == "1").event.to_pyarrow().to_pylist() == ["spend"]
    assert source.info.messages[2:] == (
        "events.csv: column user_id: 1 cell read without the spaces around it",
        "events.csv: column event: 1 cell read without the spaces around it",
        "events.csv: 3 events",
    )
