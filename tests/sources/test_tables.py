"""What a table may hold: numbers and times with one reading, events beside the assignments, never silently empty."""

import collections
import datetime as dt
import math
import random
import unicodedata

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources_samples import EVENT_PLAN, PLAN, tell_refusal

from helpers import plan, sources
from helpers.records import Refused
from helpers.sources import numerals, tables


@pytest.fixture
def dates(load):
    """Return a function: loads a table with these dates of assignment and gives them back with the messages."""

    def make(*cells):
        rows = "".join(f"{i},{'new' if i else 'old'},1,{c}\n" for i, c in enumerate(cells))
        source = load("user_id,variant,spend,assigned_at\n" + rows, plan_text=EVENT_PLAN)
        return source.units.order_by("unit").to_pyarrow()["assigned_at"].to_pylist(), source.info.messages

    return make


NOON = dt.datetime(2024, 1, 31, 12, 0)


@pytest.mark.parametrize("cells", [
    {"2024-01-31": dt.datetime(2024, 1, 31), "2024/1/31": dt.datetime(2024, 1, 31), "2024-01-31 12:00": NOON,
     "2024-01-31T12:00:00": NOON, "2024-01-31 12:00:00.25": NOON.replace(microsecond=250_000)},
    {  # with a zone
        "2024-01-31T12:00:00Z": NOON,
        "2024-01-31 12:00:00 UTC": NOON,
        "2024-01-31 14:00:00+02:00": NOON,
        "2024-01-31T07:00:00.000-0500": NOON,
    },
])  # fmt: skip
def test_cast_reads_times_with_one_reading_as_utc(dates, cells):
    assert dates(*cells)[0] == list(cells.values())


@pytest.mark.parametrize(("cells", "read", "order"), [
    (("13/02/2024", "01/02/2024 12:00"), [dt.datetime(2024, 2, 13), dt.datetime(2024, 2, 1, 12)], "day first"),
    (("02/13/2024", "01/02/2024"), [dt.datetime(2024, 2, 13), dt.datetime(2024, 1, 2)], "month first"),
    (("13.02.2024", "1.2.2024"), [dt.datetime(2024, 2, 13), dt.datetime(2024, 2, 1)], "day first"),
])  # fmt: skip
def test_cast_reads_dates_in_the_order_that_one_of_them_settles(dates, cells, read, order):
    found, messages = dates(*cells)
    assert found == read
    assert f"units.csv: column assigned_at: dates are read with the {order}, as only that fits all of them" in messages


@pytest.mark.parametrize("cells", [
    ("2024-01-31 07:00:00 -0500", "2024-01-31 13:00:00 +01:00"),  # as Shopify and Ruby write them
    ("2024-01-31T12:00Z", "2024-01-31 13:00+01:00"),  # ISO 8601 to the minute
    ("2024-01-31 12:00 UTC", "2024-01-31 12:00:00 Z"),
    ("31.01.2024 12:00 Z", "31.01.2024 14:00:00.0 +02"),
])  # fmt: skip
def test_cast_reads_a_zone_after_minutes_or_a_space(dates, cells):
    assert dates(*cells)[0] == [NOON, NOON]


CURE = "write 2024-01-31 or 2024-01-31 13:45:00 (UTC)"


@pytest.mark.parametrize(("cells", "fault"), [
    (("01/02/2024", "03/04/2024"), f"2 dates with two readings, as day or month can stand first; {CURE}"),
    (("13/02/2024", "02/13/2024"), f"1 date with the day first and 1 with the month first; {CURE}"),
    (("2024-01-31", "13/02/2024"), f"dates in two formats, 1 of 2 not year first; {CURE}"),
    (("2024-01-31", "yesterday"), f"1 row without a date or time; {CURE}"),
    (("2024-01-31", "45292"), f"1 row without a date or time; {CURE}"),  # a spreadsheet's day number
    (("2024-01-31", "2024-02-30"), "1 row with no day of the calendar or no time of day; correct them"),
    (("2024-01-31", ""), "1 row without a value; the plan needs one in each row"),
    (("2024-01-31", "NA"), "1 row without a value; the plan needs one in each row"),
])  # fmt: skip
def test_refuse_raw_times_with_two_readings_or_none(dates, cells, fault):
    assert tell_refusal(lambda: dates(*cells)) == f"units.csv, column assigned_at: {fault}"


def test_cast_reads_typed_times_as_utc(design, tmp_path):
    noon = [dt.datetime(2024, 1, 31, 12), dt.datetime(2024, 1, 31, 13)]
    for kind in (pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("ms", tz="Europe/Rome")):
        at = pa.array(noon, kind)
        pq.write_table(pa.table({"user_id": [1, 2], "variant": ["old", "new"], "spend": [1, 2], "assigned_at": at}),
                       tmp_path / "u.parquet")  # fmt: skip
        source = sources.load(design(EVENT_PLAN), str(tmp_path / "u.parquet"))
        assert source.units.order_by("unit").to_pyarrow()["assigned_at"].to_pylist() == noon


def test_refuse_raw_numbers_that_only_look_like_one(refusal):
    cells = ("1_000", "0x10", "1 00", "$5 off", "5 %", "1,23,456", "--1", "1e", ".", "true1")
    rows = "".join(f'{i},{"new" if i else "old"},"{cell}"\n' for i, cell in enumerate(cells))
    assert "10 rows with text where a number is needed" in refusal("user_id,variant,spend\n" + rows)


READINGS = "with two readings, as a {} before three digits is a decimal sign or separates thousands"
TWO = f'{READINGS}; say in the plan which, decimal: "," or decimal: ".", or write a decimal point and no separators'
REWRITE = 'write a decimal point and no separators in all columns, and decimal: "." in the plan'
SHARED = f'{READINGS}; write decimal: "{{}}" in the plan if all numbers have it, else {REWRITE}'
EITHER = f"{READINGS}, and the numbers of this table have either sign; {REWRITE}"


@pytest.fixture
def spend(load):
    """Return a function: loads a table with these amounts and gives them back with the messages."""

    def make(*cells, decimal=None):
        rows = "".join(f"{i};{'new' if i else 'old'};{c}\n" for i, c in enumerate(cells))
        text = PLAN if decimal is None else PLAN.replace("unit_id", f"decimal: '{decimal}'\nunit_id")
        source = load("user_id;variant;spend\n" + rows, plan_text=text)
        return source.units.order_by("unit").to_pyarrow()["spend"].to_pylist(), source.info.messages[1:]

    return make


@pytest.mark.parametrize(("cells", "decimal", "read", "said"), [
    (("0,125", "2"), None, [0.125, 2], ["decimal comma"]),  # no thousands begin with 0
    (("1,234", "1,5"), None, [1.234, 1.5], ["decimal comma"]),  # the second settles it
    (("1234", "5"), None, [1234, 5], []),
    (("1.234", "27.866"), ".", [1.234, 27.866], []),
    (("1.234", "974"), ",", [1234, 974], ["decimal comma", "1 cell read without the dots between thousands"]),
    (("1.234", "974"), ".", [1.234, 974], []),
    (("1,234", "974"), ".", [1234, 974], ["1 cell read without the commas between thousands"]),
    (("1,234", "974"), ",", [1.234, 974], ["decimal comma"]),
    (("1.234", "1,234", "0,5"), None, [1234, 1.234, 0.5],
     ["decimal comma", "1 cell read without the dots between thousands"]),
    (("1.234", "0,5", *["7.890"] * 30), None, [1234, 0.5, *[7890] * 30],
     ["decimal comma", "31 cells read without the dots between thousands"]),
    (("1.234", "2,345.678", *["7.890"] * 30), None, [1.234, 2345.678, *[7.89] * 30],  # commas set thousands apart
     ["1 cell read without the commas between thousands"]),
    (("1.234,5", "974"), None, [1234.5, 974], ["decimal comma", "1 cell read without the dots between thousands"]),
    (("1,234,567.5", "-1,234"), None, [1234567.5, -1234], ["2 cells read without the commas between thousands"]),
    (("1 234,5", "2\u202f000"), None, [1234.5, 2000],
     ["decimal comma", "2 cells read without the spaces or apostrophes between thousands"]),
    (("1'234.5", "2\u2019000"), None, [1234.5, 2000],
     ["2 cells read without the spaces or apostrophes between thousands"]),
])  # fmt: skip
def test_numbers_are_read_by_the_sign_that_fits_or_is_planned(spend, cells, decimal, read, said):
    found, messages = spend(*cells, decimal=decimal)
    assert found == read
    assert [text.removeprefix("units.csv: ").removeprefix("column spend: ") for text in messages] == said


@pytest.mark.parametrize(("cells", "decimal", "fault"), [
    (("1.234", "974"), None, "1 number " + TWO.format("dot")),
    (("1,234", "2,345"), None, "2 numbers " + TWO.format("comma")),
    (("1.234", "27.866"), None, "2 numbers " + TWO.format("dot")),  # no whole number beside them, and yet
    (("1.234", "12345"), None, "1 number " + TWO.format("dot")),  # a number that somebody typed by hand
    (("1.234", "1,234"), None, "2 numbers " + TWO.format("dot or comma")),  # two signs, and either may be decimal
    (("1.234", "1,5", "2.5"), None,
     "1 number with a decimal comma and 1 with a decimal point; write one sign, and no thousands separators"),
    (("1.5", "2"), ",",
     '1 number with a decimal point where the plan says decimal: ","; correct the plan, or write one sign'),
    (("1,5", "2"), ".",
     '1 number with a decimal comma where the plan says decimal: "."; correct the plan, or write one sign'),
])  # fmt: skip
def test_numbers_with_two_readings_are_refused(spend, cells, decimal, fault):
    assert tell_refusal(spend, *cells, decimal=decimal) == f"units.csv, column spend: {fault}"


THREE = [f"{i % 9 + 1}.{i * 37 % 900 + 100}" for i in range(100)]  # as 2.137, with a sign before three digits
SHORT = [f"{i % 9 + 1}.{i * 37 % 90 + 10}" for i in range(100)]
WHOLE = [f"{100 + i * 37 % 900}" for i in range(100)]
FEW = [*THREE[:19], *[""] * 81]  # of twenty decimals one ends with 0, which is left out
ELSEWHERE = "19 cells with a {} before three digits read as decimals, as the numbers of column note are"


def _write_pair(spend, note, sign):
    rows = [f"{i};{'new' if i % 2 else 'old'};{a};{b}" for i, (a, b) in enumerate(zip(spend, note, strict=True))]
    return "\n".join(["user_id;variant;spend;note", *rows]).replace(".", sign)


@pytest.mark.parametrize(("spend", "note", "n", "cure"), [
    (THREE, WHOLE, 100, TWO),
    ([*THREE[:99], "1234"], WHOLE, 99, TWO),  # one that was typed by hand
    (THREE[:10] + WHOLE[:90], WHOLE, 10, TWO),
    ([*THREE[:99], "8.9"], WHOLE, 99, SHARED),  # of a hundred decimals ten end with 0, which is left out
    (THREE[:96] + SHORT[:4], WHOLE, 96, SHARED),
    (THREE[:10] + WHOLE[:90], SHORT, 10, SHARED),  # another column has decimals, and whole numbers of this one none
    (THREE[:20] + [""] * 80, SHORT, 20, SHARED),  # all with three digits, which decimals seldom have
])  # fmt: skip
def test_numbers_that_may_be_thousands_are_refused(refusal, spend, note, n, cure):
    sign, word = (",", "comma") if n == 96 or note is SHORT else (".", "dot")
    said = refusal(_write_pair(spend, note, sign), plan_text=PLAN + "covariates: [note]\n")
    assert said == f"units.csv, column spend: {n} numbers {cure.format(word, sign)}"


@pytest.mark.parametrize(("spend", "note", "told"), [
    (THREE[:95] + SHORT[:5], WHOLE, []),
    (THREE[:80] + SHORT[:10] + WHOLE[:10], WHOLE, []),
    (["0" + cell[1:] for cell in THREE[:10]] + THREE[:90], WHOLE, []),  # no thousands begin with 0
    (["123" + cell for cell in THREE], WHOLE, []),
    (WHOLE, WHOLE, []),
    (FEW, SHORT, [ELSEWHERE]),
    (FEW, WHOLE[:50] + SHORT[:50], [ELSEWHERE]),
])  # fmt: skip
def test_numbers_are_settled_by_their_own_column_or_told(load, spend, note, told):
    sign, word = (",", "comma") if note is SHORT or spend is SHORT else (".", "dot")
    source = load(_write_pair(spend, note, sign), plan_text=PLAN + "covariates: [note]\n")
    assert source.units.spend.sum().execute() == pytest.approx(sum(float(cell or 0) for cell in spend))
    told = [f"units.csv: column spend: {text.format(word)}" for text in told]
    assert [text for text in source.info.messages if "digits" in text] == told


@pytest.mark.parametrize(("cells", "read", "said"), [
    (("1.234,56 €;29.28;4", "7,10 €;1.5;2"), [[1234.56, 7.1], [29.28, 1.5], [4, 2]],
     ["decimal comma in column spend", "column spend: 1 cell read without the dots between thousands",
      "column spend: amounts are read without their €"]),
    (("0,5;29.28;1,25", "7;1.5;2"), [[0.5, 7], [29.28, 1.5], [1.25, 2]], ["decimal comma in columns spend, more"]),
    (("0,5;1.234;2.5", "7;974;2"), None, "1 number " + EITHER.format("dot")),  # two columns, two signs
    (("29.28;1.234 €;1", *["7;1.234 €;1"] * 199), None, "200 numbers " + SHARED.format("dot", ".")),
    (("12,50;1.234;1", *["7;1.234;1"] * 199), [[12.5, *[7] * 199], [1234] * 200, [1] * 200],  # all thousands
     ["decimal comma", "column note: 200 cells read without the dots between thousands"]),
    (("12,50;1.234;1", "7;1,234;1"), None, "2 numbers " + SHARED.format("dot or comma", ",")),
    (("1,5;1.234;1", "2;5;1"), [[1.5, 2], [1234, 5], [1, 1]],  # thousands, beside whole numbers too
     ["decimal comma", "column note: 1 cell read without the dots between thousands"]),
])  # fmt: skip
def test_each_column_of_numbers_has_the_sign_that_fits_it(load, cells, read, said):
    rows = "".join(f"{i};{'new' if i else 'old'};{cell}\n" for i, cell in enumerate(cells))
    text, plan = "user_id;variant;spend;note;more\n" + rows, PLAN + "covariates: [note, more]\n"
    if read is None:
        assert tell_refusal(load, text, plan_text=plan) == f"units.csv, column note: {said}"
        return
    source = load(text, plan_text=plan)
    found = source.units.order_by("unit").to_pyarrow()
    assert [found[name].to_pylist() for name in ("spend", "note", "more")] == read
    assert [line.removeprefix("units.csv: ") for line in source.info.messages[1:]] == said


def write_number(number, sign, apart, digits):
    """Return a number of thousandths as a program writes it: its sign, its mark of thousands, its digits at most."""
    whole, part = divmod(number, 1000)
    text, part = f"{whole:,}".replace(",", apart), f"{part:03}"[: abs(digits)]
    part = part if digits > 0 else part.rstrip("0")  # below 0: without the zeros that close it
    return text + sign + part if part else text


def draw_columns(rng):
    """Return of three columns how each is written and its numbers in thousandths; all of one sign, or many rows.

    Where makers differ none writes decimals of three digits throughout: beside another's sign they look like thousands.
    """
    is_one, shared = rng.random() < 0.5, rng.choice(".,")
    n = rng.randint(2, 40) if is_one else rng.randint(20, 40)
    columns = []
    for _ in range(3):
        sign = shared if is_one else rng.choice(".,")
        digits = rng.choice((0, 0, 1, 2, 3, 3, -3) if is_one else (0, 0, 1, 2))
        apart, least = rng.choice(("", {".": ",", ",": "."}[sign])), rng.choice((3, 5.9, 6))
        numbers = [int(10 ** rng.uniform(3, 6) if least == 3 else 10 ** rng.uniform(least, 7)) for _ in range(n)]
        step = 10 ** (3 - abs(digits))
        columns.append(((sign, apart, digits), [x // step * step for x in numbers]))
    return columns


def test_numbers_are_read_as_they_were_written_or_refused():
    rng = random.Random(11)
    drawn = [(f"t{i}c{k}", *column) for i in range(600) for k, column in enumerate(draw_columns(rng))]
    rows = [(name, write_number(x, *way), x / 1000) for name, way, numbers in drawn for x in numbers]
    table = ibis.memtable(pd.DataFrame(rows, columns=["name", "text", "number"]))
    bare = numerals.bare_numbers(table, {"name": table["name"], "text": table["text"]})
    tests = numerals.count_numbers(bare, "text")
    counts = bare.group_by("name").aggregate(**{key: test.sum() for key, test in tests.items()}).to_pandas()
    counts = counts.set_index("name").to_dict("index")
    some = dict.fromkeys(tests, 1) | {"filled": 2}  # each step of the cast is taken
    cast = {sign: numerals.cast_number(table["text"], some, sign) for sign in ",."}
    right = {sign: (number == table["number"]).fill_null(False) for sign, number in cast.items()}
    is_right = table.group_by("name").aggregate(**{sign: test.all() for sign, test in right.items()}).to_pandas()
    is_right, outcomes = is_right.set_index("name").to_dict("index"), collections.Counter()
    for i in range(600):
        columns = {f"t{i}c{k}": counts[f"t{i}c{k}"] for k in range(3)}
        try:
            signs, _ = numerals.find_signs(columns, "units.csv")
        except Refused as error:
            outcomes["refused" if "with two readings" in str(error) else str(error)] += 1
            said = str(error).partition("write a decimal point")[0]
            offered = [sign for sign in ",." if f'decimal: "{sign}"' in said]
            written = {way[0] for name, way, _ in drawn if name in columns}
            assert len(written) == 2 or written <= {*offered}, str(error)  # who writes one sign need but say it
            for sign in offered:
                for c in columns.values():
                    numerals.refuse_numbers("units.csv", c, sign, is_state=False)  # and is not refused again
            continue
        assert all(is_right[name][sign] for name, sign in signs.items()), [c for c in drawn if c[0] in columns]
        outcomes["read"] += 1
    assert set(outcomes) == {"read", "refused"} and min(outcomes.values()) > 150


def test_counts_with_fractions_or_below_0_are_refused(refusal):
    counts = PLAN.replace("amount", "count")
    said = refusal("user_id,variant,spend\n1,old,3.5\n2,new,-1\n3,new,2\n4,old,3.0\n5,new,0\n", plan_text=counts)
    assert said == (
        "units.csv, column spend: 2 rows with another value than whole numbers of 0 or more, for metric spend; correct "
        "them, or change the plan"
    )


def test_refuse_raw_ids_only_when_they_were_rounded(load, refusal):
    def write_ids(*values):
        rows = [f"{value},{('old', 'new')[i % 2]},1" for i, value in enumerate(values)]
        return "\n".join(["user_id,variant,spend", *rows])

    whole = ("12345e67", "9e2", "1e5", "2024-01-01", "1.5", "10.05", "1E+2x")
    assert load(write_ids(*whole)).info.units == len(whole)
    rounded = ("1.23457E+15", "1e+23", "1.2345E15", "3.0", "-7.00")
    assert "5 ids rounded, or kept as decimal numbers" in refusal(write_ids(*rounded, "2", "4"))
    cut = [f"{10**14 + 7 * i}00" for i in range(10)]  # as a spreadsheet leaves seventeen digits
    assert "10 ids rounded, or kept as decimal numbers" in refusal(write_ids(*cut, "2", "4"))
    assert load(write_ids(*cut, "10000000000000001")).info.units == 11
    assert load(write_ids(*cut[1:])).info.units == 9
    assert load(write_ids(*(f"{1700000000000 + 37 * i}000" for i in range(12)))).info.units == 12  # a clock's


@given(numbers=st.lists(st.floats(-1e50, 1e50), min_size=2, max_size=60))
@settings(derandomize=True, deadline=None, max_examples=4)
def test_cast_reads_every_number_that_python_writes(numbers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("numbers")
    (folder / "plan.yaml").write_text(PLAN)
    rows = "".join(f"u{i:02},{'new' if i else 'old'},{x!r}\n" for i, x in enumerate(numbers))
    (folder / "u.csv").write_text("user_id,variant,spend\n" + rows)
    source = sources.load(plan.read(str(folder / "plan.yaml")).design, str(folder / "u.csv"))
    found = source.units.order_by("unit").to_pyarrow()["spend"].to_pylist()
    assert all(math.isclose(a, b, rel_tol=1e-15, abs_tol=0) for a, b in zip(found, numbers, strict=True))


@pytest.mark.parametrize(("cell", "remote"), [("9999-12-31", 1), ("0000-01-01", 1), ("1900-01-01", 0)])
def test_refuse_cast_dates_that_stand_for_something_else(dates, cell, remote):
    if not remote:
        assert dates("2024-01-31", cell)[0][1] == dt.datetime(1900, 1, 1)
        return
    said = "units.csv, column assigned_at: 1 date before 1900 or after 2199; correct them, or leave those rows out"
    assert tell_refusal(lambda: dates("2024-01-31", cell)) == said


SPACES = ("", "\xa0", "\u202f", "\u3000", "\u200b\ufeff")  # no-break, narrow, wide, of no width


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_cast_reads_ids_without_the_spaces_around_them(design, tmp_path, suffix):
    file = tmp_path / f"units{suffix}"
    ids = ["0", *(f"{space}{i} " for i, space in enumerate(SPACES))]
    frame = pd.DataFrame({"user_id": ids, "variant": ["old", "old", *["new"] * 4], "spend": 1})
    frame.to_csv(file, index=False) if suffix == ".csv" else frame.to_parquet(file)
    source = sources.load(design(), str(file))
    assert source.units.order_by("unit").to_pyarrow()["unit"].to_pylist() == [*"01234"]
    assert source.n_duplicates == 1  # "0 " is 0 once more, not another unit
    assert f"{file.name}: column user_id: 5 cells read without the spaces around it" in source.info.messages


UNITS = "user_id,variant,assigned_at\n1,old,2024-01-01\n2,new,2024-01-01\n3,new,2024-01-02\n"
EVENTS = "user_id,event,at,value,channel\n1,spend,2024-01-02 10:00,5,web\n2,spend,2024-01-03,2.5,\n"
EVENTS += "2,other,2024-01-04,,\n"
COUNTS = EVENT_PLAN.replace("spend: {kind: amount", "visits: {kind: count")


@pytest.fixture
def load_events(design, write):
    """Return a function: loads units with events, both given as text."""

    def make(events=EVENTS, *, units=UNITS, plan_text=EVENT_PLAN):
        return sources.load(design(plan_text), write(units), events=write(events, "events.csv"))

    return make


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


@pytest.mark.parametrize(("known", "heard", "cause"), [
    ("7", "007", "without the zeros before them"),
    ("007", "7", "without the zeros before them"),
    ("a7", "A7", "with letters of another case"),
    ("a7", "a7.0", "without a decimal ending such as .0"),
    ("a7-b8", "{a7b8}", "without dashes, commas, braces or quotes"),
    ("a7b8", "='a7b8'", "without dashes, commas, braces or quotes"),
])  # fmt: skip
def test_load_events_tells_why_ids_may_be_unknown(load_events, known, heard, cause):
    units, more = UNITS + f"{known},new,2024-01-01\n", f"{heard},spend,2024-01-02,1,\n"
    source = load_events(EVENTS + more + more + "z,spend,2024-01-02,1,\n", units=units)
    said = f"events.csv: 3 events of units that were never assigned, not used; 2 of them would be known {cause}: write "
    said += "the ids alike in both tables"
    assert source.info.messages[-1] == said


def test_load_events_refuses_ids_that_are_written_in_two_ways_by_arm(load_events):
    units = UNITS.splitlines()[0] + "\n" + "".join(f"{n},{('old', 'new')[n % 2]},2024-01-01\n" for n in range(1, 11))
    head, known = EVENTS.splitlines()[0], [*(2 for _ in range(3000)), *(1 for _ in range(990))]

    def write_log(strange):  # nine or ten of about a thousand events of the new arm, and none of the old
        rows = [*known, *(["001"] * strange)]
        return "\n".join([head, *(f"{name},spend,2024-01-02,{n},web" for n, name in enumerate(rows))])

    told = "events.csv: {0} events of units that were never assigned{1}; {0} of them would be known without the zeros "
    told += "before them: write the ids alike in both tables"
    assert told.format(10, ", not used") in load_events(write_log(10), units=units).info.messages  # 1 % of its arm
    assert tell_refusal(lambda: load_events(write_log(11), units=units)) == told.format(11, "")


@pytest.mark.parametrize("written", ["user_{}", "{}@acme.com", "web:{}"])
def test_load_events_refuses_ids_with_a_prefix_or_an_ending_in_one_arm(load_events, written):
    arms = {n: ("old", "new")[n % 2] for n in range(101, 141)}
    units = UNITS.splitlines()[0] + "\n" + "".join(f"u{n},{arm},2024-01-01\n" for n, arm in arms.items())

    def write_log(arms_of_strangers):  # of ten events of each, four
        rows = [(n, k) for n in arms for k in range(10)]
        ids = [written.format(f"u{n}") if k < 4 and arms[n] in arms_of_strangers else f"u{n}" for n, k in rows]
        return EVENTS.splitlines()[0] + "".join(f"\n{i},spend,2024-01-02,{n},web" for n, i in enumerate(ids))

    told = "of units that were never assigned"
    said = tell_refusal(lambda: load_events(write_log(["new"]), units=units))
    assert said.startswith(f"events.csv: 80 events {told}; 80 of them would be known without what ")
    assert said.endswith(": write the ids alike in both tables")
    if written == "web:{}":  # a prefix as the first
        return
    source = load_events(write_log(["old", "new"]), units=units)
    assert source.meeting[source.meeting["what"] == "meant"]["n"].tolist() == [160]
    alike = source.info.messages[-1]  # both arms alike may be strangers
    assert alike.startswith(f"events.csv: 160 events {told}, not used; 160 of them would be known without what ")


def test_load_events_reads_letters_with_their_accents_apart_as_one(load_events):
    units = "user_id,variant,été\nré,früh,2024-01-01\nré2,new,2024-01-01\n"
    text = EVENT_PLAN.replace("assigned_at: assigned_at", "assigned_at: été").replace("old", "früh")
    apart = unicodedata.normalize("NFD", units), unicodedata.normalize("NFD", text)
    rows = EVENTS.splitlines()[0] + "\nré,spend,2024-01-02,1,web\nre\u0301,spend,2024-01-02,1,web\n"
    for known, planned in ((units, text), apart):
        source = load_events(rows, units=known, plan_text=planned)
        assert source.info.units_by_variant == {"früh": 1, "new": 1}
    assert source.units.select("unit").order_by("unit").to_pyarrow().to_pydict() == {"unit": ["ré", "ré2"]}


def test_load_events_refuses_events_in_another_spelling(load_events):
    others = ("Spend", "SPEND", " s pend", "s\xa0pend", "s-pend", "s_pend", "s\u2013pend")
    rows = [f"2,{name},2024-01-02,{n}," for n, name in enumerate(others)]
    told = f"{len(others)} events with a name that differs from spend in case, spaces, dashes or accents only"
    cure = "write each name in one way, or list them all under event"
    many = [f"2,spend,2024-01-02,{n},web" for n in range(1000 * len(others))]
    said = load_events("\n".join([EVENTS.splitlines()[0], *many, *rows])).info.messages  # one of more than a thousand
    assert f"events.csv, column event: {told}, not used; {cure}" in said
    assert tell_refusal(load_events, EVENTS + "\n".join(rows)) == f"events.csv, column event: {told}; {cure}"


@pytest.mark.parametrize(("one", "two", "words"), [("u{}", "U{}", "case"), ("{}", "0{}", "zeros before them")])
def test_load_tells_ids_that_differ_in_spelling_only(load_events, one, two, words):
    ids, head = [way.format(n) for n in range(1, 21) for way in (one, two)], UNITS.splitlines()[0] + "\n"
    units = head + "".join(f"{i},{('old', 'new')[n % 2]},2024-01-01\n" for n, i in enumerate(ids))
    said = f"units.csv, column unit: 40 ids that another differs from in {words} only"
    rows = [f"{i},spend,2024-01-02,1,\n" for i in ids]
    log, half = EVENTS.splitlines()[0] + "\n" + "".join(rows), EVENTS.splitlines()[0] + "\n" + "".join(rows[1::2])
    assert f"{said}, each a unit of its own" in load_events(log, units=units).info.messages
    told = tell_refusal(load_events, half, units=units)
    assert told == f"{said}, and events.csv knows one spelling alone; write the ids alike in both tables"
    cases = ((20, "2024-01-01"), (5, "2024-01-01"), (20, "2024-01-{:02d}"))
    for n_same, day in cases if words == "case" else cases[:1]:  # what follows is the same of both
        arms = [("old", "new")[(n // 2 if n < 2 * n_same else n) % 2] for n in range(40)]
        same = head + "".join(f"{i},{arms[n]},{day.format(1 + n % 28)}\n" for n, i in enumerate(ids))
        if n_same == 5:  # of the others each is a unit of its own, so that nobody knows
            assert f"{said}, each a unit of its own" in load_events(log, units=same).info.messages
            continue
        cure = "in rows or variants that are alike, as those of one unit are; write each id in one way, and give one"
        assert tell_refusal(load_events, log, units=same) == f"{said}, {cure} row a unit"


def test_load_refuses_words_for_no_id(load_events):
    words = ("null", "NA", "None", "undefined", "\\N")
    told = "column user_id: 5 rows with a word such as null or NA for an id; "
    told += "give each row its own, or leave those rows out"
    units = UNITS + "".join(f"{word},new,2024-01-01\n" for word in words)
    events = EVENTS + "".join(f"{word},spend,2024-01-02,1,\n" for word in words)
    assert tell_refusal(load_events, units=units) == f"units.csv, {told}"
    assert tell_refusal(load_events, events) == f"events.csv, {told}"


ZONES = UNITS.replace("2024-01-01\n2", "2024-07-01 12:00\n2")  # one of three has a time of day
ALONE = "time of day without a time zone"
IN_ZONE = "write time_zone into the plan, such as Europe/Rome or UTC, in which those without are read"
CLOCKS = {  # events, then what is said of them
    "10:00:00Z": f"units.csv, column assigned_at: 1 {ALONE}, and 1 with one in events.csv, column at",
    "10:00": None,
    "10:00:00Z\n1,spend,2024-01-02 11:00": f"events.csv, column at: 1 {ALONE} and 1 with one",
}


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("zone", [None, "Europe/Rome"])
def test_times_without_a_zone_beside_others_need_the_plans(load_events, clock, zone):
    text = EVENT_PLAN if zone is None else EVENT_PLAN.replace("unit_id", f"time_zone: {zone}\nunit_id")
    rows = [f"{row},1" for row in f"2,spend,2024-01-02\n1,spend,2024-01-02 {clock}".split("\n")]
    events = "\n".join(["user_id,event,at,value", *rows])
    if CLOCKS[clock] and zone is None:
        assert tell_refusal(load_events, events, units=ZONES) == f"{CLOCKS[clock]}; {IN_ZONE}"
        return
    source, late = load_events(events, units=ZONES, plan_text=text), 10 if zone else 12
    read = [row["assigned_at"] for row in source.units.order_by("unit").to_pyarrow().to_pylist()]
    days = [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2)]  # dates alone stay days
    assert read == [dt.datetime(2024, 7, 1, late), *days]
    hours = {"10:00:00Z": [0, 10], "10:00": [0, 9 if zone else 10]}.get(clock, [0, 10, 10])
    assert [at.hour for at in source.events.order_by("at").to_pyarrow()["at"].to_pylist()] == hours
    said = "units.csv: column assigned_at: 1 cell without a time zone read in Europe/Rome"
    assert (said in source.info.messages) == (zone is not None)


def test_load_events_of_units_in_two_variants_are_not_unknown(load_events):
    source = load_events(EVENTS + "4,spend,2024-01-02,1,\n", units=UNITS + "4,old,2024-01-01\n4,new,2024-01-01\n")
    assert source.n_two_variants == 1
    assert source.info.messages[-1] == "events.csv: 4 events"


def test_load_events_keeps_equal_events_and_drops_those_with_one_event_id(load_events):
    twice = EVENTS + "1,spend,2024-01-02 10:00,5,web\n"
    source = load_events(twice.replace("10:00", "10:00:07"))
    assert source.events.count().to_pyarrow().as_py() == 4
    assert "events.csv: 1 event repeats another of the same unit, counted" in source.info.messages
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


@pytest.mark.parametrize(("rows", "message"), [
    # an amount needs its value
    ("user_id,event,at\n1,spend,2024-01-02\n",
     "events.csv: no column value (for amount or score); it has, nearest first: event, user_id, at; "
     "correct the plan or the table"),
    (EVENTS + ",spend,2024-01-02,1,\n",
     "events.csv, column user_id: 1 row without an id; give each row its unit, or leave those rows out"),
    (EVENTS + "1,,2024-01-02,1,\n",
     "events.csv, column event: 1 row without an event; give each its name, or leave those rows out"),
    (EVENTS + "1,spend,,1,\n",
     "events.csv, column at: 1 row without a time; give each event its time, or leave those rows out"),
    # a plan that asks for `spend` finds none, though nearly
    (EVENTS.replace("spend", "Spend"),
     "events.csv, column event: no event spend, which the plan names; did you mean Spend?"),
    ("user_id,event,at,value\n" + "".join(f"1,e{i},2024-01-02,1\n" for i in range(10_001)),
     "events.csv, column event: more than 10,000 different names; give the kind of each event"),
    # every outcome would be a wrong 0: ids padded in one table only
    (EVENTS.replace("\n1,", "\n001,").replace("\n2,", "\n002,"),
     "events.csv: 3 events, none of an assigned unit; 3 of them would be known without the zeros before them: "
     "write the ids alike in both tables"),
], ids=range(7))  # fmt: skip
def test_load_events_refuses_with_one_message(load_events, rows, message):
    assert tell_refusal(load_events, rows) == message


@pytest.mark.parametrize("kind", ["amount", "count", "binary", "score", "nps"])
def test_load_events_refuses_a_metric_that_would_not_read_the_column_of_its_name(load_events, kind):
    units = UNITS.splitlines()
    units = "\n".join([f"{units[0]},visits", *(f"{line},1" for line in units[1:])]) + "\n"
    plan_text = EVENT_PLAN.replace("spend: {kind: amount", f"visits: {{kind: {kind}")
    assert tell_refusal(load_events, units=units, plan_text=plan_text) == (
        "plan, metrics.visits: beside events it reads an event of this name, which does not occur, and the table has a "
        "column visits; write column: visits, or event: and the names of its events"
    )
    if kind == "count":
        named = plan_text.replace(f"kind: {kind}", f"kind: {kind}, column: visits")
        assert load_events(units=units, plan_text=named).info.units == 3


def test_load_events_says_when_an_event_of_the_plan_never_occurs(load_events):
    said = "events.csv, column event: no event spend occurs, which the plan names"
    assert said in load_events(EVENTS.replace("spend", "something")).info.messages
    assert f"{said}; did you mean spent?" in load_events(EVENTS.replace("spend", "spent")).info.messages


def test_load_events_takes_a_part_of_a_ratio_from_events_or_columns(load_events):
    text = EVENT_PLAN + "  per_seat: {kind: ratio, numerator: other, denominator: seats}\n"
    units = UNITS.replace("at\n", "at,seats\n").replace("01\n", "01,2\n").replace("02\n", "02,3\n")
    assert load_events(units=units, plan_text=text).units.seats.sum().to_pyarrow().as_py() == 7.0
    assert tell_refusal(load_events, plan_text=text).startswith("units.csv: no column seats (for metric per_seat)")


def test_load_events_reads_ids_and_names_without_the_spaces_around_them(load_events):
    source = load_events(EVENTS.replace("\n1,spend,", "\n 1,spend ,"))
    assert source.events.filter(source.events.unit == "1").event.to_pyarrow().to_pylist() == ["spend"]
    assert source.info.messages[2:] == (
        "events.csv: column user_id: 1 cell read without the spaces around it",
        "events.csv: column event: 1 cell read without the spaces around it",
        "events.csv: 3 events",
    )


WRITTEN = (  # cells as people write them, at the border of what is plain
    r"7|0|-3|007|1.5|57.0|0.0|1.25|1.234|12.3456|1234.567|+5|1e5|1E+5|.5|5.|1,5|1,234|1 234|5 | 5|€5|(5)|5-|yes|t|NA|\N"
    "|inf|nan|| |5\n|\u0665|a1|firma-00001|a_1|1-2|nil|null|n0ne|DE|Ünder|U\u0308nder1|a\u200b1|a b|a1 |x\\y|1.0|3.0E+5"
    "|123456789012345|1234567890123456|123456789012340000|f47ac10b-58cc-4372-a567-0e02b2c3d479|2025-01-31|2025-1-3 4:05"
    "|2025-01-31T13:45:00|2025-01-31 13:45:00.123|2025-01-31 13:45:00Z|2025-01-31 13:45:00+01|2025/01/31|31.01.2025"
    "|01/02/2025|1700000000|2025-13-45|2025-01-31 "
)


@pytest.mark.parametrize("kind", ["id", "label", "text", "timestamp", "number", "binary"])
def test_cells_that_look_plain_are_what_a_closer_look_finds(kind):
    cells = WRITTEN.split("|")
    table = ibis.memtable({"cell": cells})
    first = numerals.count_plain(table["cell"], kind)
    bare = table if kind not in tables.NUMBERS else numerals.bare_numbers(table, {"cell": table["cell"]})
    closer = tables.count_raw(bare["cell"], kind) if bare is table else numerals.count_numbers(bare, "cell")
    seen = table.select("cell", **first).to_pandas().set_index("cell")
    found = bare.select(**{"cell": bare["cell:text" if bare is not table else "cell"], **closer}).to_pandas()
    assert len(found) == len(cells)
    found.index = cells
    plain = found.loc[~seen["unlike"].astype(bool).reindex(cells)].drop(columns="cell")
    assert 3 <= len(plain) < len(cells) - 3
    every = {"timestamp": ["filled", "iso"]}.get(kind, ["filled", "number"] if kind in tables.NUMBERS else [])
    assert plain[every].all(axis=None)  # so many as there are cells
    told = [*every, *(key for key in first if key != "unlike"), *(["long"] if kind == "id" else [])]
    assert not plain.drop(columns=told).any(axis=None)  # long ids are no fault of their own: only what is cut of them
    for key in (key for key in first if key not in ("unlike", "filled")):
        assert plain[key].astype(bool).equals(seen.loc[plain.index, key].astype(bool)), key
