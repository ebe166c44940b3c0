"""Tables in memory: they give what their file gives, or are refused as it is."""

import datetime as dt
import decimal
import math
import re

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from sources_samples import EVENT_PLAN, FIVE, PLAN, tell_refusal

from helpers import plan, sources

WIDE = PLAN + "  done: {kind: binary, role: secondary, better: higher}\nsegments: [country]\ncovariates: [seats]\n"
NO_TABLE = "no table; give a path, a pandas, Polars or Arrow table, or an Ibis table"


class Streamed:
    """A table of another library, such as Polars, of which Arrow sees the stream alone."""

    def __init__(self, frame):
        self.frame = frame

    def __arrow_c_stream__(self, requested_schema=None):
        return pa.table(self.frame).__arrow_c_stream__(requested_schema)


class Lazy:
    """A table that has yet to be collected, whose columns cost a look at its source."""

    columns = property(lambda self: pytest.fail("its columns were read"))

    def __init__(self, frame):
        self.frame = frame

    def collect(self):
        return Streamed(self.frame)


def view_categories(frame):
    """Return an Arrow table whose column `variant` holds numbers of views of text."""
    table, codes = pa.Table.from_pandas(frame), frame["variant"].eq("new").astype("uint32")
    views = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(["old", "new"], pa.string_view()))
    return table.set_column(table.column_names.index("variant"), "variant", views)


def add_odd_columns(frame):
    """Return an Arrow table beside whose columns stand some of types that DuckDB or Ibis does not read."""
    table, n = pa.Table.from_pandas(frame), len(frame)
    odd = {
        "wait": pa.array([10**9] * n, pa.duration("ns")),
        "half": pa.array(np.ones(n, "float16")),
        "wide": pa.array([decimal.Decimal("1.5")] * n, pa.decimal256(60, 2)),
        "hash": pa.array([b"ab"] * n, pa.binary(2)),
        "view": pa.array([b"ab"] * n, pa.binary_view()),
        "months": pa.array([pa.MonthDayNano([1, 2, 3])] * n),
        "runs": pa.RunEndEncodedArray.from_arrays([n], ["x"]),
        "views": pa.array([[1]] * n, pa.list_view(pa.int64())),
        "json": pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}"] * n)),
        "none": pa.nulls(n),
    }
    return pa.table([*table.columns, *odd.values()], names=[*table.column_names, *odd])


@pytest.fixture
def wide():
    """Return a table of 400 units with amounts, yes and no, a label with gaps and a whole number with gaps."""
    rng, n = np.random.default_rng(3), 400
    frame = pd.DataFrame({"user_id": np.arange(n), "variant": np.where(np.arange(n) % 2, "new", "old")})
    frame["spend"] = rng.lognormal(3, 1, n).round(2)
    frame["done"] = np.where(rng.random(n) < 0.3, "yes", "no")
    frame["country"] = rng.choice(["DE", "FR", None], n)
    seats = np.where(rng.random(n) < 0.1, None, rng.integers(1, 50, n))
    return frame.assign(seats=pd.array(seats, dtype="Int64"))


def test_a_frame_gives_the_units_of_its_file(tmp_path, wide):
    file = tmp_path / "units.csv"
    wide.to_csv(file, index=False)
    (tmp_path / "plan.yaml").write_text(WIDE)
    design = plan.read(str(tmp_path / "plan.yaml"))
    shapes = {
        "as pandas reads it": pd.read_csv(file),
        "categories, and ranges that pandas cuts": wide.assign(cut=pd.cut(wide["spend"],
         2)).astype(dict.fromkeys(["variant"], "category")),
        "categories": wide.astype(dict.fromkeys(["variant", "done", "country"], "category")),
        "an index": wide.set_index("user_id"),
        "Arrow types": pd.read_csv(file, dtype_backend="pyarrow"),
        "numbers as objects": wide.astype({"seats": object, "spend": object}),
        "Arrow": pa.Table.from_pandas(wide),
        "categories as Polars gives them": view_categories(wide),
        "another library": Streamed(wide),
        "not yet collected": Lazy(wide),
        "Ibis": ibis.memtable(wide),
        "columns of types that the engine does not read": add_odd_columns(wide),
        "spans of time": wide.assign(wait=pd.to_timedelta(wide["spend"], "h").astype("timedelta64[ns]")),
    }  # fmt: skip
    told = sources.load(design.design, str(file))
    known = told.units.order_by("unit").to_pyarrow()
    for name, data in shapes.items():
        source = sources.load(design.design, data)
        assert source.units.select(known.column_names).order_by("unit").to_pyarrow() == known, name


@pytest.mark.parametrize("spend", [
    [1, "two", 3.0, 4.5, None],  # numbers and text
    ["1", "x", "3", "4", ""],  # text alone
    [1.0, -math.inf, 2.0, 3.0, 4.0],
    [1, "1,234", 2, 3, 4],  # with two readings
])  # fmt: skip
def test_a_frame_is_refused_as_its_file(design, write, spend):
    frame = pd.DataFrame({"user_id": range(1, 6), "variant": ["old", "old", "new", "new", "new"]})
    frame["spend"] = pd.Series(spend, dtype=object)
    said = tell_refusal(sources.load, design(), write(frame.to_csv(index=False)))
    assert tell_refusal(sources.load, design(), frame) == said.replace("units.csv", "data (DataFrame)")


def test_a_frame_of_times_with_a_zone_is_read_in_utc(design):
    frame = pd.DataFrame({"user_id": [1, 2], "variant": ["old", "new"]})
    times = pd.to_datetime(["2024-01-31 23:30:00.000001", "2024-07-31 00:30"], format="ISO8601")
    frame["assigned_at"] = times.tz_localize("Europe/Rome")
    events = pd.DataFrame({"user_id": [1], "event": "spend", "value": 2.5, "at": frame["assigned_at"].iloc[:1]})
    source = sources.load(design(EVENT_PLAN), frame, events=events)
    found = source.units.order_by("unit").to_pyarrow().to_pydict()["assigned_at"]
    in_utc = [dt.datetime(2024, 1, 31, 22, 30, 0, 1), dt.datetime(2024, 7, 30, 22, 30)]
    assert [moment.replace(tzinfo=None) for moment in found] == in_utc
    assert source.events.to_pyarrow().to_pydict()["value"] == [2.5]
    assert source.info.source == "data (DataFrame), events (DataFrame)"


@pytest.mark.parametrize(("spend", "read"), [
    (pa.array([decimal.Decimal("1.25"), None], pa.decimal256(60, 2)), [1.25, None]),
    (pa.array(np.array([1.5, 2.5], "float16")), [1.5, 2.5]),
    (pa.array([None, None], pa.null()), [None, None]),
])  # fmt: skip
def test_numbers_of_rare_types_are_read(design, spend, read):
    source = sources.load(design(), pa.table({"user_id": [1, 2], "variant": ["old", "new"], "spend": spend}))
    assert source.units.order_by("unit").to_pyarrow().to_pydict()["spend"] == read


def test_spans_of_time_are_no_numbers(design):
    table = pa.table({"user_id": [1], "variant": ["old"], "spend": pa.array([1], pa.duration("ns"))})
    said = "data (Table), column spend: holds interval values where numbers are needed; name another column in the plan"
    assert tell_refusal(sources.load, design(), table) == said


def test_days_and_times_in_one_column_keep_their_times(design):
    times = [dt.date(2024, 1, 31), dt.datetime(2024, 1, 31, 10, 30)]  # of which Arrow makes days
    frame = pd.DataFrame({"user_id": [1, 2], "variant": ["old", "new"], "assigned_at": pd.Series(times, dtype=object)})
    events = frame.assign(event="spend", value=1.0, at=frame["assigned_at"])
    found = sources.load(design(EVENT_PLAN), frame, events=events).units.order_by("unit").to_pyarrow().to_pydict()
    assert found["assigned_at"] == [dt.datetime(2024, 1, 31), dt.datetime(2024, 1, 31, 10, 30)]


def test_times_with_a_zone_beside_some_without_are_refused_as_in_a_file(design):
    times = [pd.Timestamp("2024-01-31 10:00", tz="Europe/Rome"), pd.Timestamp("2024-01-31 10:00")]
    frame = pd.DataFrame({"user_id": [1, 2], "variant": ["old", "new"], "spend": [1.0, 2.0]})
    frame["assigned_at"] = pd.Series(times, dtype=object)
    cure = "write time_zone into the plan, such as Europe/Rome or UTC, in which those without are read"
    said = f"data (DataFrame), column assigned_at: 1 time of day without a time zone and 1 with one; {cure}"
    assert tell_refusal(sources.load, design(EVENT_PLAN), frame) == said


def test_equal_frames_have_one_checksum_and_others_another(design, wide):
    frames = (wide, wide.copy(), wide.assign(spend=wide["spend"] + 1))
    first, again, other = (sources.load(design(), data).info.sha256 for data in frames)
    assert first == again != other


@pytest.mark.parametrize("kind", ["frame", "parquet", "json", "ibis"])
def test_spaces_around_a_name_are_no_part_of_it(design, wide, tmp_path, kind):
    named, path = wide.rename(columns={"spend": " spend\xa0", "done": "done "}), tmp_path / f"data.{kind}"
    if kind == "parquet":
        named.to_parquet(path)
    elif kind == "json":
        named.to_json(path, orient="records", lines=True)
    data = {"frame": named, "ibis": ibis.memtable(named)}.get(kind, str(path))
    assert sources.load(design(), data).info.units_by_variant == {"old": 200, "new": 200}


def test_columns_without_a_name_are_numbered(design, wide):
    for named in (wide.rename(columns={"seats": ""}), Streamed(wide.rename(columns={"seats": ""}))):
        source = sources.load(design(), named)
        assert source.info.units_by_variant == {"old": 200, "new": 200}


class Strange:
    """A table with a column of a type that Arrow lacks."""

    def __arrow_c_stream__(self, requested_schema=None):
        raise pa.ArrowInvalid("Invalid or unsupported format string: '_pli128'")


def test_what_is_no_table_is_refused(design, write):
    five = pd.DataFrame({"user_id": [1], "variant": "old", "spend": 1.0})
    twice = five.rename(columns={"spend": "Variant"})
    two = "data and events stand in two engines; put both into one database, or both into files"
    for data, more, said in (
        (3, {}, f"data (int): {NO_TABLE}"),
        (five["spend"], {}, f"data (Series): {NO_TABLE}"),
        (Strange(), {},
         "data (Strange): a column of a type that Arrow lacks, such as Int128 of Polars; cast it, such as to Int64 or "
         "to text"),
        (five.to_dict(), {}, f"data (dict): {NO_TABLE}"),
        (twice, {},
         "data (DataFrame): the column name variant stands twice (upper and lower case are one); rename one"),
        (five.set_index(pd.MultiIndex.from_arrays([[1], [1]], names=["a", "a"])), {},
         "data (DataFrame): the column name a stands twice (upper and lower case are one); rename one"),
        (five.iloc[:, :0], {}, "data (DataFrame): no columns; give a table that has some"),
        (pd.concat({"a": five}, axis=1), {},
         "data (DataFrame): names of columns in 2 levels; make one of them, such as "
         "df.columns = df.columns.map('_'.join)"),
        (five, {"table": "t"}, "data (DataFrame): a table in memory has no tables, and table is given; leave it out"),
        (five.iloc[:0], {}, "data (DataFrame): columns and no rows; export it again"),
        (ibis.memtable(five), {"events": five}, two),
        (write(FIVE), {"events": ibis.memtable(five)}, two),
    ):  # fmt: skip
        wanted = design(EVENT_PLAN if "events" in more else PLAN)
        assert tell_refusal(sources.load, wanted, data, **more) == said


def test_a_plan_as_a_dict_is_the_plan_of_its_file(tmp_path):
    file = tmp_path / "plan.yaml"
    file.write_text(WIDE.replace("variant: {", "as_of: 2024-02-29\nvariant: {").replace("old", "no"))
    content = {
        "kind": "experiment",
        "title": "A test",
        "question": "Does it work?",
        "as_of": dt.date(2024, 2, 29),
        "cluster": None,
        "unit_id": "user_id",
        "variant": {"column": "variant", "control": "no", "treatments": ("new",)},
        "metrics": {"spend": {"kind": "amount", "role": "primary", "better": "higher"}, "done": {"kind": "binary",
         "role": "secondary", "better": "higher"}},
        "segments": ["country"],
        "covariates": ["seats"],
        "confidence_level": 0.95,
    }  # fmt: skip
    found = plan.read(content, departures={"min_cell": 20})
    assert found.design == plan.read(str(file), departures={"min_cell": 20}).design
    assert found.record["file"] == "as a dict" and len(found.record["sha256"]) == 64
    assert found.record["departures"] == [{"parameter": "min_cell", "planned": 10, "used": 20}]


@pytest.mark.parametrize("change", [
    {"metric": {}},
    {"kind": None},
    {"metrics": {"spend": {"kind": "amont"}}},
    {"confidence_level": 2},
    {"variant": {"column": "variant", "control": "old"}},
])  # fmt: skip
def test_a_plan_as_a_dict_is_refused_as_its_file(tmp_path, change):
    file, content = tmp_path / "plan.yaml", yaml.safe_load(PLAN) | change
    file.write_text(yaml.safe_dump(content))
    said = tell_refusal(plan.read, str(file))
    assert tell_refusal(plan.read, content) == re.sub("line [0-9]+, ", "", said).replace("plan.yaml", "as a dict")


def test_a_plan_as_a_dict_holds_what_a_file_can_hold():
    said = "plan as a dict: holds object; write text, numbers, days, lists and dicts"
    assert tell_refusal(plan.read, {"kind": "experiment", "metrics": {"spend": object()}}) == said
