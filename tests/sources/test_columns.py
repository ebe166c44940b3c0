"""Numbers and times that a text table may hold: one reading, or none."""

import datetime as dt
import math

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources_samples import EVENT_PLAN, PLAN

from helpers import plan, sources
from helpers.records import Refused


@pytest.fixture
def dates(load):
    """Return a function: loads a table with these dates of assignment and gives them back with the messages."""

    def make(*cells):
        rows = "".join(f"{i},{'new' if i else 'old'},1,{c}\n" for i, c in enumerate(cells))
        source = load("user_id,variant,spend,assigned_at\n" + rows, plan_text=EVENT_PLAN)
        return source.units.order_by("unit").to_pyarrow()["assigned_at"].to_pylist(), source.info.messages

    return make


NOON = dt.datetime(2024, 1, 31, 12, 0)


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ("2024-01-31", dt.datetime(2024, 1, 31)),
        ("2024/1/31", dt.datetime(2024, 1, 31)),
        ("2024-01-31 12:00", NOON),
        ("2024-01-31T12:00:00", NOON),
        ("2024-01-31T12:00:00Z", NOON),
        ("2024-01-31 12:00:00 UTC", NOON),
        ("2024-01-31 14:00:00+02:00", NOON),  # to UTC
        ("2024-01-31T07:00:00.000-0500", NOON),
        ("2024-01-31 12:00:00.25", NOON.replace(microsecond=250_000)),
    ],
)
def test_cast_reads_times_with_one_reading_as_utc(dates, cell, read):
    assert dates(cell, cell)[0] == [read, read]


@pytest.mark.parametrize(
    ("cells", "read", "order"),
    [
        (("13/02/2024", "01/02/2024 12:00"), [dt.datetime(2024, 2, 13), dt.datetime(2024, 2, 1, 12)], "day first"),
        (("02/13/2024", "01/02/2024"), [dt.datetime(2024, 2, 13), dt.datetime(2024, 1, 2)], "month first"),
        (("13.02.2024", "1.2.2024"), [dt.datetime(2024, 2, 13), dt.datetime(2024, 2, 1)], "day first"),
    ],
)
def test_cast_reads_dates_in_the_order_that_one_of_them_settles(dates, cells, read, order):
    found, messages = dates(*cells)
    assert found == read
    assert f"units.csv: column assigned_at: dates are read with the {order}, as only that fits all of them" in messages


CURE = "write 2024-01-31 or 2024-01-31 13:45:00 (UTC)"


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        (("01/02/2024", "03/04/2024"), f"2 dates with two readings, as day or month can stand first; {CURE}"),
        (("13/02/2024", "02/13/2024"), f"1 date with the day first and 1 with the month first; {CURE}"),
        (("2024-01-31", "13/02/2024"), f"dates in two formats, 1 of 2 not year first; {CURE}"),
        (("2024-01-31", "yesterday"), f"1 row without a date or time; {CURE}"),
        (("2024-01-31", "45292"), f"1 row without a date or time; {CURE}"),  # a spreadsheet's day number
        (("2024-01-31", "2024-02-30"), "1 row with no day of the calendar or no time of day; correct them"),
        (("2024-01-31", ""), "1 row without a value; the plan needs one in each row"),
        (("2024-01-31", "NA"), "1 row without a value; the plan needs one in each row"),
    ],
)
def test_refuse_raw_times_with_two_readings_or_none(dates, cells, fault):
    with pytest.raises(Refused) as caught:
        dates(*cells)
    assert str(caught.value) == f"units.csv, column assigned_at: {fault}"


def test_cast_reads_typed_times_as_utc(design, tmp_path):
    noon = [dt.datetime(2024, 1, 31, 12), dt.datetime(2024, 1, 31, 13)]
    for kind in (pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("ms", tz="Europe/Rome")):
        at = pa.array(noon, kind)
        pq.write_table(pa.table({"user_id": [1, 2], "variant": ["old", "new"], "spend": [1, 2], "assigned_at": at}),
                       tmp_path / "u.parquet")  # fmt: skip
        source = sources.load(design(EVENT_PLAN), str(tmp_path / "u.parquet"))
        assert source.units.order_by("unit").to_pyarrow()["assigned_at"].to_pylist() == noon


@pytest.mark.parametrize("cell", ["1_000", "0x10", "1 000", "$5", "5 %", "1,234,567", "--1", "1e", ".", "true1"])
def test_refuse_raw_numbers_that_only_look_like_one(load, cell):
    with pytest.raises(Refused, match="1 row with text where a number is needed"):
        load(f'user_id,variant,spend\n1,old,"{cell}"\n2,new,1\n')


@pytest.mark.parametrize(
    ("cells", "sign"),
    [
        (("0,125", "2"), True),  # no thousands begin with 0
        (("1,234", "1,5"), True),  # the second settles it
        (("1234", "5"), False),
    ],
)
def test_has_decimal_comma_where_only_that_fits(load, cells, sign):
    source = load(
        "user_id;variant;spend\n" + "".join(f"{i};{'new' if i else 'old'};{c}\n" for i, c in enumerate(cells))
    )
    assert ("units.csv: decimal comma" in source.info.messages) == sign


@pytest.mark.parametrize("value", ["12345e67", "9e2", "1e5", "2024-01-01", "1.5", "10.05", "1E+2x"])
def test_refuse_raw_ids_only_when_they_were_rounded(load, value):
    assert load(f"user_id,variant,spend\n{value},old,1\n2,new,1\n").info.units == 2


@pytest.mark.parametrize("value", ["1.23457E+15", "1e+23", "1.2345E15", "3.0", "-7.00"])
def test_refuse_raw_ids_that_were_rounded(load, value):
    with pytest.raises(Refused, match="1 id rounded, or kept as decimal numbers"):
        load(f"user_id,variant,spend\n{value},old,1\n2,new,1\n")


@given(numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=6))
@settings(derandomize=True, deadline=None, max_examples=12)
def test_cast_reads_every_number_that_python_writes(numbers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("numbers")
    (folder / "plan.yaml").write_text(PLAN)
    rows = "".join(f"{i},{'new' if i else 'old'},{x!r}\n" for i, x in enumerate(numbers))
    (folder / "u.csv").write_text("user_id,variant,spend\n" + rows)
    source = sources.load(plan.read(str(folder / "plan.yaml")).design, str(folder / "u.csv"))
    found = source.units.order_by("unit").to_pyarrow()["spend"].to_pylist()
    assert all(math.isclose(a, b, rel_tol=1e-15, abs_tol=0) for a, b in zip(found, numbers, strict=True))


@pytest.mark.parametrize(("cell", "remote"), [("9999-12-31", 1), ("0000-01-01", 1), ("1900-01-01", 0)])
def test_refuse_cast_dates_that_stand_for_something_else(dates, cell, remote):
    if not remote:
        assert dates("2024-01-31", cell)[0][1] == dt.datetime(1900, 1, 1)
        return
    with pytest.raises(Refused) as caught:
        dates("2024-01-31", cell)
    assert str(caught.value) == (
        "units.csv, column assigned_at: 1 date before 1900 or after 2199; correct them, or leave those rows out"
    )


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_cast_reads_ids_without_the_spaces_around_them(design, tmp_path, suffix):
    file = tmp_path / f"units{suffix}"
    frame = pd.DataFrame({"user_id": ["1", "2", "2 "], "variant": ["old", "new", "new"], "spend": [1, 2, 2]})
    frame.to_csv(file, index=False) if suffix == ".csv" else frame.to_parquet(file)
    source = sources.load(design(), str(file))
    assert (source.info.units, source.n_duplicates) == (2, 1)  # "2 " is 2 once more, not a third unit
    assert f"{file.name}: column user_id: 1 cell read without the spaces around it" in source.info.messages
