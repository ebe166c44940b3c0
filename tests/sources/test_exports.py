"""Files of other kinds, folders and patterns: the same table gives the same in whatever form, or is refused."""

import datetime as dt
import gzip
import json
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pytest
from sources_samples import PLAN, draw_log, tell_refusal

from helpers import plan, sources
from helpers.sources.addresses import READ, read_address

EVENT_PLAN = PLAN.replace("unit_id", "assigned_at: assigned_at\nas_of: 2024-05-31\nunit_id") + (
    "  orders: {kind: count, event: order, within_days: 28}\n  seen: {kind: binary, event: order, within_days: 7}\n"
)


@pytest.fixture(scope="module")
def tables():
    """Return 300 assignments and 900 events, with ids that begin with zeros, and decimals."""
    rng = np.random.default_rng(21)
    units, events = draw_log(rng, "{:05d}", ["spend", "order"], begin="2024-03-01", times="%Y-%m-%d %H:%M:%S")
    events["value"] = rng.lognormal(3, 1, 900)
    return units, events


def write_csv(table, folder):
    table.to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


def write_parquet(table, folder):
    for i in range(3):
        (folder / f"part={i}").mkdir()
        table.iloc[i::3].to_parquet(folder / f"part={i}" / "0.parquet", index=False)
    (folder / "_SUCCESS").touch()
    (folder / ".0.parquet.crc").touch()
    return folder


def write_pattern(table, folder):
    for i in range(3):
        table.iloc[i::3].to_parquet(folder / f"t_{i}.parquet", index=False)
    table.to_csv(folder / "other.csv")
    return folder / "t_*.parquet"


def write_json(table, folder):
    with gzip.open(folder / "t.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in table.to_dict("records"))
    return folder / "t.jsonl.gz"


def write_excel(table, folder):
    table.to_excel(folder / "t.xlsx", index=False)
    return folder / "t.xlsx"


def load_form(tables, write, tmp_path):
    """Return what is loaded of the tables in one form."""
    places = []
    for name, table in zip(("units", "events"), tables, strict=True):
        folder = tmp_path / name
        folder.mkdir()
        places.append(str(write(table, folder)))
    (tmp_path / "plan.yaml").write_text(EVENT_PLAN)
    return sources.load(plan.read(str(tmp_path / "plan.yaml")).design, places[0], events=places[1])


@pytest.fixture(scope="module")
def as_text(tables, tmp_path_factory):
    """Return what is loaded of the tables as CSV."""
    return load_form(tables, write_csv, tmp_path_factory.mktemp("text"))


@pytest.mark.parametrize("write", [write_parquet, write_pattern, write_json, write_excel])
def test_the_same_data_in_another_form_are_the_same(tables, as_text, write, tmp_path):
    found = load_form(tables, write, tmp_path)
    for name, by in (("units", ["unit"]), ("events", ["unit", "at", "event"])):
        frames = [getattr(source, name).to_pandas().sort_values(by, ignore_index=True) for source in (found, as_text)]
        pd.testing.assert_frame_equal(frames[0][frames[1].columns], frames[1], rtol=1e-12, check_dtype=False)
    assert found.info.sha256 and found.info.sha256 != as_text.info.sha256


def test_folders_named_for_a_value_are_columns(tables, design, tmp_path):
    units, data = tables[0].assign(spend=1.5), tmp_path / "data"
    for arm, rows in units.groupby("variant"):
        folder = data / "day=1" / f"variant={arm}"
        folder.mkdir(parents=True)
        rows.drop(columns="variant").to_parquet(folder / "0.parquet")
    source = sources.load(design(), str(data))
    assert source.info.units_by_variant == {"old": 150, "new": 150}
    assert source.info.messages[0] == "data (2 files): Parquet, with the names of its folders as columns"


def test_of_a_folder_is_read_what_is_data_and_not_what_programs_leave(tmp_path):
    for name in ("b.csv", "a.csv", "_tmp.csv", ".c.csv", "~$a.csv", "notes.md", "_temporary/d.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    both = (tmp_path / "a.csv", tmp_path / "b.csv")
    assert read_address(str(tmp_path)).paths == read_address(str(tmp_path / "[ab].csv")).paths == both
    named = [str(tmp_path), str(tmp_path / "[ab].csv"), [str(tmp_path / "a.csv"), str(tmp_path / "b*")]]
    told = [f"{tmp_path.name} (2 files)", "[ab].csv (2 files)", "a.csv, b* (1 file)"]  # and not by its parts
    assert [read_address(data).name for data in named] == told
    (tmp_path / "c[1].csv").touch()  # a file of this very name is no pattern
    assert read_address(str(tmp_path / "c[1].csv")).paths == (tmp_path / "c[1].csv",)
    twice = read_address([str(tmp_path / "a.csv"), str(tmp_path / "*.csv")]).paths
    assert len(twice) == len(set(twice)) == 3


def test_folders_that_cannot_be_read_in_one_way_are_refused(tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    told = f"export: no file in this folder is read; check it, or give {READ}"
    assert tell_refusal(read_address, str(folder)) == told
    fault = f"*.csv: no file that is read fits this pattern; check it, or give {READ}"
    assert tell_refusal(read_address, str(folder / "*.csv")) == fault
    (folder / "a.csv").touch()
    (folder / "a.parquet").touch()
    told = tell_refusal(read_address, str(folder))
    assert told == "data: text and parquet files together; give files of one kind, such as folder/*.parquet"
    (folder / "_delta_log").mkdir()
    told = tell_refusal(read_address, str(folder))
    assert told == "export: a table of versions, of which old files hold no rows; export it as it is now"
    told = tell_refusal(read_address, str(tmp_path / "exp*"))
    assert told == "exp*: a table of versions, of which old files hold no rows; export it as it is now"


def test_json_may_lack_names_and_holds_truth_and_nothing(design, write):
    rows = [
        {"user_id": "01", "variant": "old", "spend": 1.5, "note": {"a": [1]}},
        {"user_id": "02", "variant": "old", "spend": None},
        {"user_id": "1", "variant": "new", "spend": "2.5"},
        {"variant": "new", "user_id": 44},
        {"user_id": "5", "variant": "new", "spend": True},
    ]
    text = "\n".join(json.dumps(row) for row in rows)
    told = tell_refusal(sources.load, design(), write(text, "u.ndjson"))
    assert told == (
        "u.ndjson, column spend: 1 row with text where a number is needed; correct them, or leave a cell empty where "
        "it is unknown"
    )
    for name, content in (("u.jsonl", text), ("u.json", json.dumps(rows, indent=1))):
        source = sources.load(design(), write(content.replace("true", "7"), name))
        frame = source.units.order_by("unit").to_pandas()
        assert list(frame["unit"]) == ["01", "02", "1", "44", "5"]
        np.testing.assert_array_equal(frame["spend"], [1.5, np.nan, 2.5, np.nan, 7])
        assert f"{name}: JSON" in source.info.messages


def test_what_lies_within_json_is_a_column_of_its_own(write):
    rows = [
        {"id": "a", "properties": {"revenue": 2.5, "of/to~": "x", "deep": {"er": True}}, "mixed": {"a": 1}, "v.w": 1},
        {"id": "b", "properties": {"revenue": None, "it's": [1, 2]}, "mixed": "text", "v": {"W": 2}},
        {"id": "c", "mixed": None, "many": {f"k{i}": i for i in range(101)}, "twice": {"A": 1, "a": 2}, "bad": "{no"}
        | {"p": {"q.R": 1, "s": 2}, "p.q": {"r": 3}},
    ]
    file = write("\n".join(map(json.dumps, rows)), "u.jsonl")
    table = sources.read_table(file).to_pandas().set_index("id").astype(object)
    found = {name: [None if pd.isna(value) else value for value in table[name]] for name in table}
    assert {name: values for name, values in found.items() if name != "many"} == {
        "properties.revenue": ["2.5", None, None],
        "properties.of/to~": ["x", None, None],
        "properties.it's": [None, "[1,2]", None],
        "properties.deep.er": ["true", None, None],
        "mixed": ['{"a":1}', "text", None],  # not of objects alone
        "v.w": ["1", None, None],  # a name that is taken
        "v": [None, '{"W":2}', None],
        "p": [None, None, '{"q.R":1,"s":2}'],  # two that would have one name
        "p.q": [None, None, '{"r":3}'],
        "twice": [None, None, '{"A":1,"a":2}'],
        "bad": [None, None, "{no"],
    }
    assert json.loads(found["many"][2]) == rows[2]["many"]


BROKEN = "no whole JSON in UTF-8"
JSON = [
    ("", "the file is empty; export it again"),
    ('{"user_id": 1}\n[1, 2]\n', "1 value that is no object with names; export it again, one object a line"),
    ('{"user_id": 1}\n{"user_id": \n', f"{BROKEN} (u.jsonl, line 2); export it again, one object a line"),
    ('{"a": 1, "A": 2}\n', "the column name a stands twice (upper and lower case are one); rename one"),
    ('{"a": 1, "a": 2}\n', "the column name a stands twice (upper and lower case are one); rename one"),
    ('{"a": "\u00e9"}\n'.encode("latin-1"), f"{BROKEN} (u.jsonl, line 1); export it again, one object a line"),
    ('{"a": 1}\nno\n{"a": 2}\n', f"{BROKEN} (u.jsonl, line 2); export it again, one object a line"),
]


@pytest.mark.parametrize(("content", "fault"), JSON)
def test_json_that_cannot_be_read_is_refused(design, write, content, fault):
    assert tell_refusal(sources.load, design(), write(content, "u.jsonl")) == f"u.jsonl: {fault}"


def _write_book(path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    book.save(path)
    return str(path)


HEAD = ["user_id", "variant", "spend", None, "seen_on"]
ROWS = [["007", "old", 1.5, None, dt.datetime(2024, 1, 31)], [12, "old", 2], [13, "new", None], [14, "new", 3.25]]


def test_excel_cells_are_as_text_would_hold_them(design, tmp_path):
    file = _write_book(tmp_path / "u.xlsx", Notes=[], Data=[[], HEAD, *ROWS, [], [None]])
    source = sources.load(design(), file)
    frame = source.units.order_by("unit").to_pandas()
    assert list(frame.columns) == ["unit", "variant", "spend", "seen_on"]
    assert list(frame["unit"]) == ["007", "12", "13", "14"]
    np.testing.assert_array_equal(frame["spend"], [1.5, 2, np.nan, 3.25])
    assert frame["seen_on"].iloc[0] == "2024-01-31"
    assert source.info.messages[0] == "u.xlsx: Excel, sheet Data"


def test_one_of_several_sheets_is_named_in_table(design, tmp_path):
    file = _write_book(tmp_path / "u.xlsx", First=[HEAD, *ROWS], Second=[HEAD, *ROWS[1:]])
    cure = "name one (--table, -p table=SHEET of studies report, or table: in reports.yaml)"
    several, none = "2 sheets that hold something; it has First, Second", "no sheet Secnd; it has Second, First"
    for table, fault in ((None, several), ("Secnd", none)):
        assert tell_refusal(sources.load, design(), file, table=table) == f"u.xlsx: {fault}; {cure}"
    fault = tell_refusal(sources.load, design(), file, table="Second", events=file)
    cure = "name one (--events-table, -p events_table=SHEET of studies report, or events_table: in reports.yaml)"
    assert fault == f"u.xlsx: 2 sheets that hold something; it has First, Second; {cure}"
    assert sources.load(design(), file, table="Second").info.rows == 3


SHEETS = [
    ([["Report of May"], HEAD, *ROWS], "u.xlsx, line 1: one cell above a table, such as a title; delete what stands "
     "above the column names"),
    ([["Account", None, "Data"], HEAD, *ROWS], "u.xlsx, line 1: 2 of 4 columns have no name, and line 2 has one for "
     "each; delete line 1"),
    (ROWS, "u.xlsx, line 1: holds values, such as numbers or dates, where column names are needed; add them"),
    ([["user_id", "Variant", "variant"], *ROWS], "u.xlsx: the column name variant stands twice (upper and lower case "
     "are one); rename one"),
    ([HEAD, [1234567890123456789, "old", 1], *ROWS], "u.xlsx, column user_id: 1 id rounded, or kept as decimal "
     "numbers, so that different units can share one; export the column as text"),
    ([HEAD], "u.xlsx: columns and no rows; export it again"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "fault"), SHEETS)
def test_a_sheet_that_cannot_be_read_is_refused(design, tmp_path, rows, fault):
    assert tell_refusal(sources.load, design(), _write_book(tmp_path / "u.xlsx", Data=rows)) == fault


@pytest.mark.parametrize(("cell", "spend"), [
    ("<f>1+1</f><v />", "refused"),  # as programs write it that compute nothing
    ("<f>1+1</f><v></v>", "refused"),
    ("<f>1+1</f>", "refused"),
    ('<f t="shared" si="0"/>', "refused"),
    ("<f>1+1</f><v>2</v>", 2.0),
    ('<f t="shared" si="0"/><v>2</v>', 2.0),
    ('" t="str"><f>IF(1,"")</f><v></v>', None),  # no text, computed
])  # fmt: skip
def test_a_formula_whose_value_nobody_computed_is_no_empty_cell(design, tmp_path, cell, spend):
    rows = [HEAD, *ROWS, [15, "old", "=1+1"]]
    made, file = _write_book(tmp_path / "made.xlsx", Data=rows, More=[["a"], ["=1+1"]]), str(tmp_path / "u.xlsx")
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            text = text.replace('"><f>1+1</f><v />' if cell.startswith('"') else "<f>1+1</f><v />", cell)
            new.writestr(name, text if name.endswith("sheet1.xml") else old.read(name))
    if spend == "refused":
        cure = "open the file in Excel or LibreOffice, and save it"
        said = f"u.xlsx: 1 formula whose value no program has computed; {cure}"
        assert tell_refusal(sources.load, design(), file, table="Data") == said
    else:
        found = sources.load(design(), file, table="Data").units.to_pyarrow().to_pylist()
        assert [row["spend"] for row in found if row["unit"] == "15"] == [spend]


def test_a_file_that_is_no_sheet_is_refused(design, write):
    fault = "u.xlsx: no whole Excel file, or one with a password; save it again as .xlsx or as CSV"
    assert tell_refusal(sources.load, design(), write("user_id,variant\n", "u.xlsx")) == fault
