"""What a table must hold, by plan."""

import re

import pytest
from sources_samples import tell_refusal

from helpers import paths, schema
from helpers.plan import ExperimentPlan, FrameworkPlan


def make_design(metrics, **more):
    variant = {"column": "arm", "control": "a", "treatments": ["b"]}
    base = {"kind": "experiment", "title": "t", "question": "q", "unit_id": "id", "variant": variant}
    return ExperimentPlan.model_validate({**base, "metrics": metrics, **more})


def tell(columns):
    """Return columns as name:type, with the plan's own name before it where that is another; ? if it may be absent."""
    own = ("" if c.target == c.name else f"{c.target}=" for c in columns)
    return " ".join(f"{name}{c.name}:{c.type}{'' if c.needed else '?'}" for name, c in zip(own, columns, strict=True))


def test_list_unit_columns_without_events_needs_a_column_for_every_metric():
    design = make_design(
        {
            "bought": {"kind": "binary"},  # its own name
            "money": {"kind": "amount", "column": "usd", "event": "paid"},  # the named column wins
            "nps": {"kind": "nps", "asked": "sent"},  # who was asked may be absent
            "per": {"kind": "ratio", "numerator": "money", "denominator": "days"},  # money is a metric, days a column
            "until": {"kind": "time_to_event", "time": "t", "observed": "seen", "horizon_days": 9},
            "left": {"kind": "time_to_event", "time": "t", "observed": "how", "horizon_days": 9, "competing": "gone"},
            "p90": {"kind": "amount", "column": "usd", "quantile": 0.9},  # the column of money, once
            "calls": {"kind": "count", "time_at_risk": "hours"},
            "opens": {"kind": "count", "time_at_risk": "calls_2"},
            "calls_2": {"kind": "count", "column": "calls"},
        },
        assigned_at="when",
        cluster="team",
        segments=["size"],
        covariates=["size", "age"],  # size is text already, as a segment
        exposure={"event": "opened"},
    )
    assert tell(schema.list_unit_columns(design)) == (
        "unit=id:id variant=arm:label when:timestamp bought:binary usd:number nps:nps sent:number? t:count seen:binary "
        # 2 is a competing event; time at risk is not below 0
        "how:state calls:whole opens:whole days:number hours:count opened:number? team:text size:text age:either"
    )


def test_list_unit_columns_with_events_needs_only_columns_the_plan_names():
    metrics = {
        "bought": {"kind": "binary"},  # an event
        "csat": {"kind": "score", "column": "csat_mean"},  # a column, named
        "per": {"kind": "ratio", "numerator": "opened", "denominator": "seats"},  # an event over a column
        "until": {"kind": "time_to_event", "event": "paid", "horizon_days": 9},
    }
    design = make_design(metrics, assigned_at="when", exposure={"column": "took"})
    first = "unit=id:id variant=arm:label when:timestamp csat_mean:number"
    assert tell(schema.list_unit_columns(design, events={"opened"})) == f"{first} seats:number took:binary"
    # no such event: a column
    assert tell(schema.list_unit_columns(design, events=set())) == f"{first} opened:number seats:number took:binary"


def test_list_unit_columns_keeps_a_unit_id_that_is_also_the_cluster():
    found = schema.list_unit_columns(make_design({"y": {"kind": "count"}}, cluster="id"))
    assert tell(found) == "unit=id:id variant=arm:label y:whole id:text"


@pytest.mark.parametrize(("metrics", "more", "events", "message"), [
    # events have times; the time of assignment is needed beside them
    ({"y": {"kind": "count"}}, {}, set(),
     "plan, assigned_at: left out, and events need it; name the column with the time of assignment"),
    # a time to event of a unit table stands in two columns
    ({"y": {"kind": "time_to_event", "time": "t", "horizon_days": 1}}, {}, None,
     "plan, metrics.y: without events a time to event needs both time and observed"),
    # another column would be taken for the unit
    ({"y": {"kind": "count"}}, {"covariates": ["Unit"]}, None,
     "plan, covariates: the column name Unit is kept for the plan's own unit and variant; rename the column"),
])  # fmt: skip
def test_list_unit_columns_refuses_a_plan_that_no_table_can_meet(metrics, more, events, message):
    assert tell_refusal(lambda: schema.list_unit_columns(make_design(metrics, **more), events=events)) == message


@pytest.mark.parametrize(("metrics", "needed"), [
    ({"y": {"kind": "count"}}, False),  # numbers of events need no value
    ({"y": {"kind": "amount"}}, True),  # sums do
    ({"y": {"kind": "score", "column": "c"}}, False),  # a column of the unit table does not
])  # fmt: skip
def test_list_event_columns_needs_values_only_for_sums_and_scores(metrics, needed):
    found = tell(schema.list_event_columns(make_design(metrics)))
    assert found == f"unit=id:id event:text at:timestamp value:number{'' if needed else '?'}"


def test_list_event_names_holds_every_event_that_the_plan_reads():
    metrics = {
        "bought": {"kind": "binary"},
        "arr": {"kind": "amount", "event": ["payment", "refund"]},
        "nps": {"kind": "nps", "asked": "sent", "column": "score"},
        "per": {"kind": "ratio", "numerator": "bought", "denominator": "days"},
        "until": {"kind": "time_to_event", "event": "payment", "horizon_days": 9, "competing": ["left"]},
        "told": {"kind": "time_to_event", "time": "t", "observed": "o", "horizon_days": 9, "competing": "column"},
        "calls": {"kind": "count", "time_at_risk": "days"},  # days may be a column, as the parts of a ratio
    }
    design = make_design(metrics, exposure={"event": "opened"})
    events = ("bought", "payment", "refund", "sent", "days", "left", "calls", "opened")
    assert schema.list_event_names(design) == events
    assert schema.list_event_names(design, ["days", "bought"]) == tuple(name for name in events if name != "days")


def test_refuse_missing_names_the_nearest_column_first():
    columns = [schema.Column("activated", "metric activated", "binary"), schema.Column("x", "y", "text", needed=False)]
    schema.refuse_missing(columns, ["activated"], file="u.csv")
    said = "u.csv: no column activated (for metric activated); it has, nearest first: "
    said += f"Activatd, user_id, {'v' * 39}…; correct the plan or the table"
    assert tell_refusal(lambda: schema.refuse_missing(columns, ["user_id", "Activatd", "v" * 50], file="u.csv")) == said
    first_row = ["Zoë Miller", "old"]  # of a file without names
    assert tell_refusal(lambda: schema.refuse_missing(columns, first_row, file="u.csv", typed=True)) == (
        "u.csv: no column activated (for metric activated); nor any other that is asked for, so that its first line "
        "may hold no names; correct the plan or the table"
    )
    told = tell_refusal(lambda: schema.refuse_missing(columns, ["x", "Activatd"], file="u.csv", typed=True))
    assert told.split("; ")[1] == "it has, nearest first: Activatd, x"


def test_list_unit_columns_holds_a_column_used_twice_to_the_narrower_use():
    calls = {"calls": {"kind": "count"}, "any": {"kind": "binary", "column": "calls"}}
    for metrics in (calls, dict(reversed(calls.items()))):
        columns = schema.list_unit_columns(make_design(metrics))
        assert [(c.type, c.use) for c in columns if c.name == "calls"] == [("binary", "metric any")]
    pair = {"money": {"kind": "amount"}, "p90": {"kind": "amount", "column": "money", "quantile": 0.9}}
    assert tell(schema.list_unit_columns(make_design(pair))) == "unit=id:id variant=arm:label money:number"


def make_framework(**more):
    base = {"kind": "framework", "title": "t", "question": "q", "unit_id": "id", "started_at": "signed_up"}
    return FrameworkPlan.model_validate({**base, "outcomes": {"retained": {"lost": "left"}}, **more})


USAGE = {"event": "solved", "seats": "seats"}


def test_list_account_columns_takes_each_column_once_by_its_use():
    design = make_framework(size="arr", plan_tier="tier", cohort="wave", usage=USAGE)
    first = "unit=id:id started_at=signed_up:timestamp"
    assert tell(schema.list_account_columns(design)) == f"{first} arr:count seats:count tier:text wave:text"
    design = make_framework(size="seats", usage=USAGE, cohort="month", features=[{"name": "f", "column": "has_f"}])
    assert tell(schema.list_account_columns(design)) == f"{first} seats:count has_f:binary"  # seats once, as size


def test_list_account_columns_of_a_snapshot():
    outcomes = {"retained": {"column": "gone", "time": "months"}}
    design = make_framework(started_at="null", outcomes=outcomes)
    assert tell(schema.list_account_columns(design)) == "unit=id:id gone:binary months:count"
    assert schema.list_account_event_names(design) == ()


REFUSED_FRAMEWORKS = [
    ({"plan_tier": "started_at"},
     "plan, plan_tier: the column name started_at is kept for the plan's own unit and start; rename the column"),
    ({"size": "signed_up", "plan_tier": "signed_up"},
     "plan, plan_tier: the column signed_up is read as size already, and not as the same kind of value; name "
     "another column"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "message"), REFUSED_FRAMEWORKS)
def test_list_account_columns_refuses_a_column_with_two_readings(more, message):
    assert tell_refusal(lambda: schema.list_account_columns(make_framework(**more))) == message


def test_list_account_event_names_in_the_order_of_the_plan_each_once():
    design = make_framework(
        steps=[{"name": "one"}, {"name": "two", "event": "second"}],
        features=[{"name": "f"}, {"name": "g", "column": "has_g"}],  # a column has no event
        activation={"event": ["chat", "call"]},
        usage={**USAGE, "seats_event": "seats_changed"},
        outcomes={"retained": {"lost": "left"}, "expanded": {"event": "grew"}, "activity": ["chat", "opened"]},
        alive={"event": "seen", "within_days": 30},
    )
    wanted = "one second f chat call solved seats_changed left opened grew seen"
    assert schema.list_account_event_names(design) == tuple(wanted.split())


@pytest.mark.parametrize(("event", "needed"), [(None, False), ("seats_changed", True)])
def test_list_account_event_columns_needs_a_value_where_seats_change(event, needed):
    columns = schema.list_event_columns(make_framework(usage={**USAGE, "seats_event": event}))
    assert tell(columns).endswith(f" value:number{'' if needed else '?'}")


def test_plurals_are_made_by_one_function():
    # a noun of hers that gets an s where it stands would be "companys" one day
    kinds = {".py", ".j2", ".yaml", ".md", ".ipynb"}
    tops = (paths.REPOSITORY / "helpers", paths.NOTEBOOKS)
    files = [file for top in tops for file in top.rglob("*.*") if file.suffix in kinds]
    by_hand = r"""\}\}s\b|\{[\w.]*(?:unit|noun|name|thing)\w*\}s\b|"s" *\*|"s" if|if [^}]*== 1 else "s\""""
    assert len(files) > 100
    found = {f.name: re.findall(by_hand, f.read_text(encoding="utf-8").replace("'", '"')) for f in files}
    assert {name: hits for name, hits in found.items() if hits} == {"schema.py": ["{noun}s"], "trust.py": ['"s" if']}


@pytest.mark.parametrize(("nouns", "many"), [
    ("portfolio scenario patio video", "portfolios scenarios patios videos"),
    ("hero casino trial_hero", "heroes casinos trial_heroes"),
    ("villa cinema pizza formula menu taxi", "villas cinemas pizzas formulas menus taxis"),
    ("konto gruppo firma klienci menedżer", "konto gruppo firma klienci menedżer"),  # of other languages
    ("usuario alumno", "usuarios alumnos"),  # which take an s of their own
])  # fmt: skip
def test_pluralise_of_nouns_that_end_with_a_vowel(nouns, many):
    assert [schema.pluralise(noun) for noun in nouns.split()] == many.split()
    assert [schema.pluralise(noun, 1) for noun in nouns.split()] == nouns.split()
