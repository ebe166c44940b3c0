"""Times as numbers, amounts with a currency, and marks of nothing: read where they have one reading, else refused."""

import numpy as np
import pandas as pd
import pytest
from sources_samples import PLAN, tell_refusal

from helpers import sources

TIMED = PLAN.replace("unit_id", "assigned_at: assigned_at\nunit_id")
HEAD = "user_id,variant,spend\n"


def read_spend(load, cells, **more):
    """Return the amounts of units of both arms, given as cells of a file with semicolons, and what was said."""
    rows = [f"{i};{'new' if i % 2 else 'old'};{cell}" for i, cell in enumerate(cells)]
    source = load("\n".join([HEAD.strip().replace(",", ";"), *rows]), **more)
    return list(source.units.order_by("unit").to_pandas()["spend"]), source.info.messages


AMOUNTS = [
    (["$1,234.50", "$5", "-$3.25", "$-1", "$0.5", "0"], [1234.5, 5, -3.25, -1, 0.5, 0], "$"),
    (["12,50 €", "1.234,50 €", "0,00 €", "-3,10\xa0€", "12 345,6 €"], [12.5, 1234.5, 0, -3.1, 12345.6], "€"),
    (["USD 12.5", "USD 3.25", "USD-4.75"], [12.5, 3.25, -4.75], "USD"),
    (["£.5", "£ 2.75"], [0.5, 2.75], "£"),
    (["CHF 1'234.50", "CHF 2.5"], [1234.5, 2.5], "CHF"),
    (["US$1.5", "US$2.5", r"\N", "NULL"], [1.5, 2.5, np.nan, np.nan], "US$"),
]


@pytest.mark.parametrize(("cells", "values", "sign"), AMOUNTS)
def test_amounts_are_read_without_their_currency_and_it_is_said(load, cells, values, sign):
    cells = [*cells, *cells[:1]]
    found, said = read_spend(load, cells)
    np.testing.assert_array_equal(found, [*values, values[0]])
    assert f"units.csv: column spend: amounts are read without their {sign}" in said


TEXT = "with text where a number is needed; correct them, or leave a cell empty where it is unknown"
NEGATIVE = "below 0 as accountants write it, with brackets or the minus behind it; write a minus before the digits"
MONIES = [
    (["$1.5", "2.5 €"], "amounts in 2 currencies; bring them into one"),
    (["$1.5", "US$2.5"], "amounts in 2 currencies; bring them into one"),
    (["$1.5", "2.5", "3.5"], "2 amounts without a currency beside others in $; write it in each or in none"),
    (["$1,234", "$5"], "1 number with two readings, as a comma before three digits is a decimal sign or separates "
     "thousands; say in the plan which, decimal: \",\" or decimal: \".\", or write a decimal point and no separators"),
    (["$1.5", "$"], f"1 row {TEXT}"),
    (["$1.5", "5 apples"], f"1 row {TEXT}"),
    (["₹1,23,456.5", "5"], f"1 row {TEXT}"),  # thousands are set apart in another way than those that are known
    # money has two decimals: beside those a dot before three digits may set thousands apart
    (["1.234 €", "29.28 €"], "1 number with two readings, as a dot before three digits is a decimal sign or separates "
     "thousands; write decimal: \".\" in the plan if all numbers have it, else write a decimal point and no "
     "separators in all columns, and decimal: \".\" in the plan"),
    (["(1,234.50)", "5", "7.5-", "(€ 3)"], f"3 numbers {NEGATIVE}"),
    (["(4 apples)", "5"], f"1 row {TEXT}"),
    (["(12%)", "ID7-", "-3-", "5"], f"3 rows {TEXT}"),  # a minus before the digits would mend none of them
]  # fmt: skip


@pytest.mark.parametrize(("cells", "fault"), MONIES)
def test_amounts_with_two_readings_are_refused(load, cells, fault):
    assert tell_refusal(read_spend, load, cells) == f"units.csv, column spend: {fault}"


def test_a_column_of_names_keeps_what_looks_like_money(load):
    source = load("user_id,variant,spend\n$1,old,1\n$2,new,2\n")
    assert sorted(source.units.to_pandas()["unit"]) == ["$1", "$2"]


MOMENTS = pd.to_datetime(["2024-03-01 10:00:00.25", "2001-09-10 00:00:00", "2024-03-02 23:59:59.5"], format="ISO8601")
UNITS = {"seconds": 10**9, "milliseconds": 10**6, "microseconds": 10**3, "nanoseconds": 1}


def make_times(unit, *, as_text):
    """Return units whose assignments are numbers since 1970, as text of a file or numbers."""
    whole = MOMENTS.as_unit("ns").astype("int64")
    numbers = whole / 1e9 if unit == "seconds" else whole // UNITS[unit]
    if as_text:
        numbers = [f"{n:.2f}" if unit == "seconds" else str(n) for n in numbers]
    return pd.DataFrame({"user_id": [*"abc"], "variant": ["old", "new", "old"], "assigned_at": numbers, "spend": 1})


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("unit", UNITS)
def test_numbers_since_1970_are_times_and_it_is_said(design, unit, as_text):
    source = sources.load(design(TIMED), make_times(unit, as_text=as_text))
    found = source.units.order_by("unit").to_pandas()["assigned_at"]
    assert list(found.astype("datetime64[us]")) == list(MOMENTS)
    said = f"data (DataFrame): column assigned_at: numbers are read as {unit} since 1970, in UTC"
    assert said in source.info.messages


EPOCHS = [
    ([1709287200, 1709287200000, 1709287201], "2 in seconds since 1970 and 1 in milliseconds since 1970 of 3 times; "
     "write all in one way"),
    (["1709287200", "2024-03-01 10:00:00", "2024-03-02"], "1 in seconds since 1970 of 3 times; write all in one way"),
    ([1709287200, 20240301, 0], "2 rows without a date or time; write 2024-01-31 or 2024-01-31 13:45:00 (UTC)"),
    ([45352.4, 45353.0, 45354.5], "3 rows without a date or time; write 2024-01-31 or 2024-01-31 13:45:00 (UTC)"),
]  # fmt: skip


@pytest.mark.parametrize(("numbers", "fault"), EPOCHS)
def test_numbers_that_are_no_times_in_one_unit_are_refused(design, numbers, fault):
    units = make_times("seconds", as_text=False).assign(assigned_at=numbers)
    assert tell_refusal(sources.load, design(TIMED), units) == f"data (DataFrame), column assigned_at: {fault}"


def test_numbers_since_1970_beside_times_without_a_zone_need_it(design):
    text = TIMED.replace("{kind: amount,", "{kind: amount, within_days: 7, event: order,")
    units = make_times("seconds", as_text=False)
    events = pd.DataFrame({"user_id": ["a"], "event": "order", "at": "2024-03-03 10:00:00", "value": 3.0})
    assert tell_refusal(sources.load, design(text), units, events=events) == (
        "events (DataFrame), column at: 1 time of day without a time zone, and 3 with one in data (DataFrame), column "
        "assigned_at; write time_zone into the plan, such as Europe/Rome or UTC, in which those without are read"
    )
    zoned = design(text.replace("unit_id", "time_zone: Europe/Rome\nunit_id"))
    source = sources.load(zoned, units, events=events)
    assert str(source.events.to_pandas()["at"][0]) == "2024-03-03 09:00:00"


def test_what_databases_write_for_nothing_is_nothing(design, write):
    text = PLAN + "segments: [country]\ncovariates: [seats]\n"
    rows = ["1,old,1.5,IT,3", r"2,old,\N,\N,\N", r"3,new,2.5,\N,4", "4,new,NULL,DE,5"]
    source = sources.load(design(text), write("\n".join(["user_id,variant,spend,country,seats", *rows])))
    frame = source.units.order_by("unit").to_pandas()
    np.testing.assert_array_equal(frame["spend"], [1.5, np.nan, 2.5, np.nan])
    np.testing.assert_array_equal(frame["seats"], [3, np.nan, 4, 5])
    assert frame["country"].isna().tolist() == [False, True, True, False]
    assert "units.csv: column spend: 2 cells such as NA or null read as missing" in source.info.messages
    told = tell_refusal(sources.load, design(), write("user_id,variant,spend\n" r"\N,old,1" "\n2,new,2\n"))
    assert told == (
        "units.csv, column user_id: 1 row with a word such as null or NA for an id; give each row its own, or leave "
        "those rows out"
    )


def test_t_and_f_are_yes_and_no(load):
    text = PLAN.partition("  spend")[0] + "  paid: {kind: binary}\n"
    source = load("user_id,variant,paid\n1,old,t\n2,old,f\n3,new,t\n4,new,t\n", plan_text=text)
    assert list(source.units.order_by("unit").to_pandas()["paid"]) == [1, 0, 1, 1]
    said = "units.csv: column paid: words for yes and no, or true and false, are read as 1 and 0"
    assert said in source.info.messages
