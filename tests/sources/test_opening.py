"""What `data` names is opened and nothing else; addresses never show a password, and no message tells a secret."""

import datetime as dt
import gzip
import hashlib
import json
import math
import subprocess
import sys
import traceback
from pathlib import Path

import duckdb
import ibis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sources_samples import EVENT_PLAN, FIVE, PLAN, tell_refusal

from helpers import plan, sources
from helpers.records import Refused
from helpers.sources import opening
from helpers.sources.addresses import Address, read_address

LITERAL = "data: the address holds a password; write ${NAME} in its place and set that variable in the environment"
LOOKS = "data: this looks like the address of a database; write scheme://user:${PASSWORD}@host/database"
FAR = "data: files are read from this machine alone; copy it here and give its path"


@pytest.mark.parametrize(("data", "kind", "name"), [
    ("simulated", "simulated", "simulated"),
    (["simulated"], "simulated", "simulated"),
    ("public:jobs_ii", "public", "public:jobs_ii"),
    ("postgres://${PGUSER}:${PGPASSWORD}@db.example:5432/shop", "url", "postgres://db.example"),
    ("postgres://db.example/shop?password=${PW}", "url", "postgres://db.example"),
    ("bigquery://project/dataset", "url", "bigquery://project"),
    ("postgres://${U}:${P}@${PGHOST}/shop", "url", "postgres://${PGHOST}"),  # the template, not its value
])  # fmt: skip
def test_read_address_knows_every_form(data, kind, name):
    found = read_address(data)
    assert (found.kind, found.name) == (kind, name)
    assert "PW" not in repr(found) and "PASSWORD" not in repr(found)


@pytest.mark.parametrize(("name", "kind"), [
    ("a.csv", "text"),
    ("A.CSV", "text"),
    ("a.tsv", "text"),
    ("a.txt.gz", "text"),
    ("a.parquet", "parquet"),
    ("a:b@c.pq", "parquet"),  # a file that exists is no address
])  # fmt: skip
def test_read_address_knows_files_by_their_ending(tmp_path, name, kind):
    (tmp_path / name).touch()
    found = read_address(str(tmp_path / name))
    assert (found.kind, found.name, found.paths) == (kind, name, (tmp_path / name,))
    assert str(tmp_path) not in repr(found)


def test_read_address_joins_the_names_of_several_files(tmp_path):
    names = ["a.csv", "b.csv", "c.csv", "d.csv"]
    for name in names:
        (tmp_path / name).touch()
    assert read_address([str(tmp_path / n) for n in names]).name == "a.csv, b.csv, c.csv and 1 more"


@pytest.mark.parametrize(("data", "message"), [
    ("/no/where/units.csv", "units.csv: no such file; check the name, and the folder it is read from"),
    ("duckdb:/no/where/f.db", "f.db: no such file; check the name, and the folder it is read from"),
    *((f"{place}{'n' * 300}.csv", f"{'n' * 300}.csv: no such file; check the name, and the folder it is read from")
      for place in ("/", "/a/" * 2000, "~nobody-of-this-name/")),  # too long for a file
    ("", "data: nothing is named; give simulated, public:NAME, a file, duckdb:PATH or a database address"),
    ("postgres://me:canary@host/db", LITERAL),
    ("postgres://me:canary/1@host/db", LITERAL),  # a slash in the password
    ("postgres://me:${A}canary@host/db", LITERAL),  # a variable and more
    ("postgres://me:$PGPASSWORD@host/db", LITERAL),  # no braces
    ("postgres://host/db?password=canary", LITERAL),
    ("snowflake://host/db?private_key=canary", LITERAL),
    ("trino://host/db?jwt=canary", LITERAL),
    ("postgres://host/db?user=me&pw=canary", LITERAL),
    ("postgres://host/db?user=me;password=canary", LITERAL),
    ("postgres://host/db#password=canary", LITERAL),
    ("canary://me:canary@host/db", LITERAL),
    ("postgres:me:canary@host", LOOKS),  # no slashes: its base name would be the password
    ("postgres:/me:canary@host/db", LOOKS),
    ("cassandra://host/canary",
     "data: addresses of this scheme are not read; allowed: duckdb:PATH, postgres, postgresql, bigquery, "
     "snowflake, pyspark, databricks, trino, clickhouse"),
    ("ftp://host/canary", FAR),
    ("https://host/canary.csv", FAR),
    ("s3://canary/u.parquet", FAR),
])  # fmt: skip
def test_read_address_refuses_without_showing_more_than_a_base_name(data, message):
    assert tell_refusal(read_address, data) == message
    assert "canary" not in message


def test_read_address_refuses_other_files(tmp_path):
    (tmp_path / "units.xls").touch()
    said = "units.xls: this kind of file is not read; give .csv, .tsv, .txt, .jsonl, .ndjson, .json (each also .gz), "
    said += ".parquet, .xlsx, or duckdb:PATH"
    assert tell_refusal(read_address, str(tmp_path / "units.xls")) == said


def test_connect_fills_an_address_from_the_environment(monkeypatch):
    monkeypatch.setenv("PW", "p@ss/w:rd")
    monkeypatch.setattr(ibis, "connect", lambda url: url)
    place = Address("url", "postgres://host", url="postgres://me:${PW}@host/db")
    assert opening.connect([place]) == "postgres://me:p%40ss%2Fw:rd@host/db"


def test_connect_names_a_variable_that_is_not_set(monkeypatch):
    monkeypatch.delenv("NO_SUCH_PW", raising=False)
    told = tell_refusal(lambda: opening.connect([read_address("postgres://me:${NO_SUCH_PW}@host/db")]))
    assert told == "data: the environment variable NO_SUCH_PW is not set; set it before the run"


def parquet(path, rows="(1, 'old', 1.0), (2, 'new', 2.0)"):
    duckdb.sql(f"SELECT * FROM (VALUES {rows}) t(user_id, variant, spend)").write_parquet(str(path))
    return str(path)


@pytest.mark.parametrize("statement", [
    "SELECT * FROM read_parquet('{other}')",  # a neighbour of the given file
    "SELECT * FROM read_text('/etc/hostname')",
    "COPY (SELECT 1) TO '{folder}/out.csv'",
    "ATTACH '{folder}/new.db' AS other",
    "SET enable_external_access=true",
    "SET allowed_paths=['/']",
    "INSTALL httpfs",
    "SET threads=2",
])  # fmt: skip
def test_connect_locks_the_engine_to_the_given_files(tmp_path, design, statement):
    other = parquet(tmp_path / "other.parquet")
    backend = sources.load(design(), parquet(tmp_path / "u.parquet")).units.get_backend()
    with pytest.raises(duckdb.Error):
        backend.raw_sql(statement.format(other=other, folder=tmp_path)).fetchall()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other.parquet", "plan.yaml", "u.parquet"]


def test_the_spill_folder_is_private_and_goes_with_its_process(tmp_path, monkeypatch):
    left = tmp_path / "studies-999999999-abc"
    left.mkdir()
    monkeypatch.setattr(opening.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(opening.tempfile, "tempdir", str(tmp_path))
    folder = Path(opening.make_spill.__wrapped__(opening.os.getpid()))
    assert folder.stat().st_mode & 0o777 == 0o700 and folder.parent == tmp_path and not left.exists()
    program = "import duckdb; real, duckdb.connect = duckdb.connect, None; "  # which an import does not ask for
    program += "from helpers.sources.opening import connect; duckdb.connect = real; c = connect([]); "
    program += "print(c.raw_sql(\"SELECT current_setting('temp_directory')\").fetchall()[0][0])"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    assert "studies-" in told and not Path(told).exists()


@pytest.mark.parametrize(
    "data",
    ["host=h user=u password=hunter2 dbname=d", "duckdb:md:sales?motherduck_token=abc123456", "Server=db;PWD=hunter2;"],
)
def test_an_address_of_another_form_shows_no_password(data):
    assert tell_refusal(lambda: read_address(data)) == LITERAL


def test_connect_loads_no_extension_by_itself():
    backend = opening.connect([])
    settings = "SELECT value FROM duckdb_settings() WHERE name IN ('autoinstall_known_extensions', "
    found = backend.raw_sql(settings + "'autoload_known_extensions', 'enable_external_access')").fetchall()
    assert found == [("false",)] * 3


def test_connect_to_a_database_keeps_the_password_to_itself(monkeypatch, design):
    monkeypatch.setenv("CANARY_PW", "sesame-canary")

    def fail(url):
        assert "sesame-canary" in url
        raise RuntimeError(f"cannot connect to {url}")

    monkeypatch.setattr(ibis, "connect", fail)
    with pytest.raises(Refused) as caught:
        sources.load(design(), "postgres://me:${CANARY_PW}@db.example/shop", table="units")
    said = "postgres://db.example: no connection (RuntimeError); check host, database, user, password and network"
    assert str(caught.value) == said
    assert "sesame-canary" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("name", "driver"),
    [("psycopg", "driver psycopg"), (None, "driver of this database")],  # no name: psycopg lacks its C library
)
def test_connect_names_a_driver_that_is_missing(monkeypatch, name, driver):
    def fail(url):
        raise ImportError("no", name=name)

    monkeypatch.setattr(ibis, "connect", fail)
    told = tell_refusal(lambda: opening.connect([Address("url", "postgres://h", url="postgres://h/d")]))
    assert told == f"postgres://h: the {driver} is not installed; install its extra, such as [postgres]"


def test_an_interrupt_that_the_engine_hands_on_as_an_error_stays_one():
    def fail():
        raise RuntimeError("Query interrupted") from KeyboardInterrupt()

    with pytest.raises(KeyboardInterrupt):
        opening.ask(fail, "u.csv")


def test_ask_says_only_the_class_of_an_error():
    def fail():
        raise ValueError("canary@example.org")

    told = tell_refusal(lambda: opening.ask(fail, "u.csv"))
    assert told == "u.csv: the table cannot be read to its end (ValueError); check the file, or the rights to it"


def test_fetch_refuses_more_rows_than_come_into_memory(monkeypatch):
    table = ibis.duckdb.connect().create_table("tickets", pa.table({"ticket": [1, 2, 3]}))
    monkeypatch.setattr(opening, "MOST_ROWS", 3)
    assert opening.fetch(table, "tickets").num_rows == 3
    monkeypatch.setattr(opening, "MOST_ROWS", 2)
    said = "data: more than 2 tickets, the most that come into memory; draw some of the units at random into a smaller "
    said += "table, with all their events"
    assert tell_refusal(lambda: opening.fetch(table, "tickets")) == said


ARMS = ["old", "new", "new"]
SHARED = "column user_id: 1 id rounded, or kept as decimal numbers, so that different units can share one; "


def write_parquet(path, **columns):
    pq.write_table(pa.table({"user_id": [1, 2, 3], "variant": ARMS, "spend": [1, 2, 3]} | columns), path)
    return str(path)


def read(source, *columns):
    frame = source.units.order_by("unit").to_pyarrow().to_pydict()
    return [frame[column] for column in columns]


def test_load_parquet_stays_in_the_engine(design, tmp_path):
    path = write_parquet(tmp_path / "u.parquet", user_id=[3, 1, 2], variant=ARMS, spend=[1.0, math.nan, None])
    source = sources.load(design(), path)
    assert read(source, "unit", "variant", "spend") == [["1", "2", "3"], ["new", "new", "old"], [None, None, 1.0]]
    assert "read_parquet" in str(source.units.get_backend().raw_sql("SELECT sql FROM duckdb_views()").fetchall())
    assert source.info.messages == ("u.parquet: Parquet",)


WRONG = [
    # a blank among whole numbers made them floats; beyond 2^53 neighbours are one
    ({"user_id": [1.0, 2.0, None]}, SHARED + "export the column as text"),
    ({"user_id": [1.0, 2.0, math.nan]}, SHARED + "export the column as text"),
    ({"user_id": [2.0**54, 2.0, 3.0]}, SHARED + "export the column as text"),
    ({"spend": [1.0, math.inf, 2.0]}, "column spend: 1 infinite value; leave a cell empty where it is unknown"),
    ({"spend": [1.0, -1e200, 2.0]},
     "column spend: 1 number beyond 1e+50 on either side of 0; correct them, or leave a cell empty where it is "
     "unknown"),
    ({"spend": pa.array([0, 1, 2], pa.date32())},
     "column spend: holds date values where numbers are needed; name another column in the plan"),
    ({"user_id": [[1], [2], [3]]}, "column user_id: holds array values where text is needed; export it as text"),
    ({"assigned_at": [1_700_000_000, 1, 2]},
     "column assigned_at: 2 rows without a date or time; write 2024-01-31 or 2024-01-31 13:45:00 (UTC)"),
    ({"user_id": [1, 2, None]}, "column user_id: 1 row without an id; give each row its unit, or leave those rows out"),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "message"), WRONG, ids=range(len(WRONG)))
def test_load_refuses_parquet_columns_of_the_wrong_kind(design, tmp_path, columns, message):
    path = write_parquet(tmp_path / "u.parquet", **columns)
    text = EVENT_PLAN if "assigned_at" in columns else PLAN
    assert tell_refusal(sources.load, design(text), path) == f"u.parquet, {message}"


def test_load_reads_whole_decimal_numbers_as_whole_ids_and_labels(design, tmp_path):
    text = PLAN.replace("control: old, treatments: [new]", 'control: "0", treatments: ["1"]')
    columns = {"user_id": [1.0, 2.0, 3.0], "variant": [0.0, 1.0, 1.0], "spend": [True, False, None]}
    source = sources.load(design(text), write_parquet(tmp_path / "u.parquet", **columns))
    assert read(source, "unit", "variant", "spend") == [["1", "2", "3"], ["0", "1", "1"], [1.0, 0.0, None]]


def test_load_refuses_a_truncated_parquet_and_one_without_rows(design, tmp_path):
    none = pa.array([], pa.string())
    empty = write_parquet(tmp_path / "e.parquet", user_id=none, variant=none, spend=none)
    assert tell_refusal(sources.load, design(), empty) == "e.parquet: columns and no rows; export it again"
    path = Path(write_parquet(tmp_path / "u.parquet"))
    path.write_bytes(path.read_bytes()[:-20])
    told = tell_refusal(sources.load, design(), str(path))
    assert told == "u.parquet: not a whole Parquet file; it is cut short or damaged, copy it again"


@pytest.mark.parametrize(("name", "content", "said"), [
    ("u.csv", gzip.compress(FIVE.encode(), mtime=0), "is packed with gzip by its first bytes; end its name with .gz"),
    ("u.csv", b"PAR1\0", "is a Parquet file by its first bytes; end its name with .parquet"),
    ("u.csv.gz", FIVE.encode(), "is not packed with gzip, as its name says; end it as what it is"),
    ("u.parquet", FIVE.encode(), "is not a Parquet file, as its name says; end it as what it is"),
])  # fmt: skip
def test_load_refuses_a_file_that_is_not_what_its_name_says(design, tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    assert tell_refusal(sources.load, design(), str(tmp_path / name)) == f"{name}: {said}"


def test_load_joins_several_files_in_any_order_of_columns(design, tmp_path, write):
    one, two = write(FIVE, "a.csv"), write("spend;variant;user_id\n1.5;new;6\n", "b.csv")
    source = sources.load(design(), [one, two])
    assert read(source, "spend")[0] == [1.0, 2.0, 3.0, 4.5, None, 1.5]
    assert source.info.source == "a.csv, b.csv"
    sums = "\n".join(hashlib.sha256(Path(p).read_bytes()).hexdigest() for p in (one, two))
    assert source.info.sha256 == hashlib.sha256(sums.encode()).hexdigest()
    first = write_parquet(tmp_path / "a.parquet")
    pq.write_table(pa.table({"spend": [0.5], "user_id": [4], "variant": ["new"]}), tmp_path / "b.parquet")
    second = str(tmp_path / "b.parquet")
    assert read(sources.load(design(), [first, second]), "spend")[0] == [1.0, 2.0, 3.0, 0.5]


def test_load_refuses_several_files_with_other_columns(design, write):
    files = [write(FIVE, "a.csv"), write("user_id,variant,spent\n1,old,1\n", "b.csv")]
    told = tell_refusal(sources.load, design(), files)
    assert told == "b.csv: its columns are not those of a.csv, spend is in one only; give files with the same columns"


@pytest.mark.parametrize(("zones", "told"), [(("UTC", None), "without"), ((None, "Europe/Rome"), "with")])
def test_load_refuses_files_of_which_one_has_a_time_zone(design, tmp_path, zones, told):
    for name, zone in zip(("a", "b", "c"), (*zones, None), strict=True):
        columns = {"user_id": [name], "variant": ["old"], "spend": [1.0]}
        columns["at"] = pa.array([dt.datetime(2024, 1, 31)], pa.timestamp("us", tz=zone))
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    said = tell_refusal(sources.load, design(), str(tmp_path))
    assert said == f"b.parquet, column at: times {told} a time zone, unlike those of a.parquet; write both in one way"


def test_load_refuses_parquet_with_a_column_name_that_stands_twice(design, tmp_path):
    table = pa.table([["1"], ["old"], [1.0], [2.0]], names=["user_id", "variant", "spend", "Spend"])
    pq.write_table(table, tmp_path / "u.parquet")
    said = "u.parquet: the column name spend stands twice (upper and lower case are one); rename one"
    assert tell_refusal(sources.load, design(), str(tmp_path / "u.parquet")) == said


def test_load_ignores_a_folder_that_looks_like_a_partition(design, tmp_path):
    (tmp_path / "variant=x").mkdir()
    path = write_parquet(tmp_path / "variant=x" / "u.parquet")
    assert sources.load(design(), path).info.units_by_variant == {"old": 1, "new": 2}


def test_load_shares_threads_with_the_engine(design, write):
    for threads in (1, 2):
        backend = sources.load(design(), write(FIVE), threads=threads).units.get_backend()
        assert backend.raw_sql("SELECT current_setting('threads')").fetchone() == (threads,)


@pytest.mark.parametrize("name", ["x'); DROP TABLE raw_units; --.parquet", "*.parquet", "[a].parquet", "a b?.parquet"])
def test_load_takes_a_file_name_as_a_name(tmp_path, design, name):
    write_parquet(tmp_path / "a.parquet", user_id=[7, 8, 9])  # what a glob would find
    source = sources.load(design(), write_parquet(tmp_path / name))
    assert (read(source, "unit"), source.info.source) == ([["1", "2", "3"]], name)


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "shop's.db"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE units AS SELECT * FROM (VALUES ('1', 'old', 1.0), ('2', 'new', 2.0)) "
                           "t(user_id, variant, spend)")  # fmt: skip
        connection.execute("CREATE SCHEMA mart; CREATE TABLE mart.other AS SELECT * FROM units")
    return path


@pytest.mark.parametrize("table", ["units", "main.units", "mart.other", None])
def test_load_from_a_duckdb_file(design, database, table):
    source = sources.load(design(), f"duckdb:{'//' if table else ''}{database}", table=table)
    assert source.info.units_by_variant == {"old": 1, "new": 1}
    assert source.info.source == f"shop's.db/{table or 'units'}"
    assert source.info.sha256 == hashlib.sha256(database.read_bytes()).hexdigest()


@pytest.mark.parametrize(("kept", "n"), [("few", 1), ("many", 2), ("events.csv", 1)])
def test_load_joins_a_duckdb_file_with_the_named_events(design, database, write, kept, n):
    event = "SELECT '1' AS user_id, 'spend' AS event, TIMESTAMP '2024-01-02' AS at, 5.0 AS value FROM range"
    with duckdb.connect(str(database)) as connection:
        connection.execute("ALTER TABLE units ADD COLUMN assigned_at TIMESTAMP DEFAULT '2024-01-01'")
        connection.execute(f"CREATE TABLE few AS {event}(1); CREATE TABLE many AS {event}(2)")
    place = f"duckdb:{database}"
    beside = {"events": place, "events_table": kept}
    if kept == "events.csv":
        beside = {"events": write("user_id,event,at,value\n1,spend,2024-01-02,5\n", kept)}
    source = sources.load(design(EVENT_PLAN), place, table="units", **beside)
    assert source.units.join(source.events, "unit").value.sum().to_pyarrow().as_py() == 5.0 * n
    assert source.info.source == "shop's.db/units, " + (kept if kept == "events.csv" else f"shop's.db/{kept}")


MISSING_TABLES = [
    ("unit", "shop's.db: no table unit; it has, nearest first: units; correct the name"),
    ("mart.units", "shop's.db: no table mart.units; it has, nearest first: other; correct the name"),
    (None, "shop's.db: table is left out; it has, nearest first: more, units; name it"),
]


@pytest.mark.parametrize(("table", "message"), MISSING_TABLES)
def test_load_refuses_a_table_that_the_database_lacks(design, database, table, message):
    if table is None:
        with duckdb.connect(str(database)) as connection:
            connection.execute("CREATE TABLE more AS SELECT 1 AS x")
    assert tell_refusal(sources.load, design(), f"duckdb:{database}", table=table) == message


def test_load_refuses_a_file_that_is_no_database(design, write):
    file = write("no database at all" * 100, "f.db")
    told = tell_refusal(sources.load, design(), f"duckdb:{file}")
    assert told == "f.db: cannot be opened read-only; it is no DuckDB database"


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ"])
def test_load_refuses_times_without_end(design, tmp_path, kind):
    with duckdb.connect(str(tmp_path / "f.db")) as con:
        rows = f"SELECT 1 AS user_id, 'old' AS variant, 1.0 AS spend, 'infinity'::{kind} AS assigned_at"
        con.execute(f"CREATE TABLE units AS {rows} UNION ALL SELECT 2, 'new', 1.0, '2024-01-31'::{kind}")
    cure = "correct them, or leave those rows out"
    said = f"f.db/units, column assigned_at: 1 date before 1900 or after 2199; {cure}"
    assert tell_refusal(sources.load, design(EVENT_PLAN), f"duckdb:{tmp_path / 'f.db'}") == said


def test_load_refuses_a_table_of_an_engine_that_cannot_count(design):
    schema = {"user_id": "int64", "variant": "string", "spend": "float64"}
    table = ibis.sqlite.connect().create_table("t", schema=schema)
    cure = "cannot count all that is asked of a table; give the rows, such as table.to_pandas()"
    assert tell_refusal(sources.load, design(), table) == f"data (Table): sqlite {cure}"


def test_load_does_not_write_to_a_duckdb_file(design, database):
    before = database.read_bytes()
    sources.load(design(), f"duckdb:{database}", table="units")
    assert database.read_bytes() == before
    assert not list(database.parent.glob("*.wal"))


def test_load_refuses_a_view_that_reads_another_file(design, database, tmp_path):
    other = write_parquet(tmp_path / "other.parquet")
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"CREATE VIEW peek AS SELECT * FROM read_parquet('{other}')")
    message = tell_refusal(sources.load, design(), f"duckdb:{database}", table="peek")
    assert "the table cannot be read to its end" in message and str(tmp_path) not in message


def test_load_from_another_backend_shows_scheme_host_and_table(monkeypatch, design):
    other = ibis.duckdb.connect()  # stands for any database that an address names
    other.raw_sql("CREATE TABLE units AS SELECT * FROM (VALUES (1, 'old', 1.0), (2, 'new', 2.0), (2, 'new', 2.0)) "
                  "t(user_id, variant, spend)")  # fmt: skip
    monkeypatch.setenv("CANARY_PW", "sesame-canary")
    monkeypatch.setattr(ibis, "connect", lambda url: other)
    source = sources.load(design(), "postgres://me:${CANARY_PW}@db.example/shop", table="units")
    assert (source.info.source, source.info.sha256, source.n_duplicates) == ("postgres://db.example/units", None, 1)
    assert "sesame-canary" not in repr(source) + str(source.info)


@pytest.mark.parametrize("study", ["proactive_help", "customer_milestones"])
def test_load_simulated_data_gives_the_truth_beside_it(study):
    design = plan.read(study, kind=None).design
    load = sources.load if design.kind == "experiment" else sources.load_accounts
    given = {"study": study, "n_units": 400, "seed": 3}
    source = load(design, "simulated", simulation=given)
    assert (source.info.kind, source.info.source, source.info.units) == ("simulated", "simulated", 400)
    assert source.truth["effects"] and source.info.note
    assert source.events.columns[:4] == ("unit", "event", "at", "value")
    assert load(design, "simulated", simulation=given).info == source.info
    assert load(design, "simulated", simulation={**given, "seed": 4}).info.sha256 != source.info.sha256


def test_load_public_data_by_name():
    source = sources.load(plan.read("jobs_ii").design, "public:jobs_ii")
    assert (source.info.kind, source.info.source, source.info.units) == ("public", "public:jobs_ii", 899)
    assert source.info.note


GIVEN = [
    ("simulated", {}, "data: simulated needs the study that is simulated; name it"),
    ("public:jobs", {},
     "data: no public data jobs; there is, nearest first: jobs_ii, cdnow_second, nsw_cps, thornton_hiv"),
    ("public:bank_calls", {},
     "data: public:bank_calls holds counts of arrivals and no experiment; give it as the parameter arrivals"),
    ("public:cdnow", {},
     "data: public:cdnow holds accounts, and the plan is of kind experiment; name a plan of kind framework"),
    ("simulated", {"events": "e.csv"}, "data: simulated comes with its own tables; leave out events and table"),
    (FIVE, {"events": "simulated"}, "events: simulated comes as data, not as events; give the table of events"),
    (FIVE, {"events_table": "e"}, "events_table: a table is named and no events; say in events where it is"),
    (FIVE, {"events": "postgres://h/d", "events_table": "events"},
     "data and events stand in two engines; put both into one database, or both into files"),
    (FIVE, {"table": "units"}, "units.csv: a file has no tables, and table is given; leave it out"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "more", "message"), GIVEN, ids=range(len(GIVEN)))
def test_load_refuses_what_does_not_go_together(design, write, data, more, message):
    assert tell_refusal(sources.load, design(EVENT_PLAN), write(FIVE) if data == FIVE else data, **more) == message


def test_read_table_gives_text_as_it_came(write):
    table = sources.read_table(write(FIVE))
    assert table.schema().types[2].is_string()
    assert table.count().to_pyarrow().as_py() == 5


def test_read_table_refuses_data_with_a_plan():
    with pytest.raises(Refused, match=r"^data: simulated has a plan already; give a table of your own$"):
        sources.read_table("simulated")


def test_read_table_opens_one_table_of_a_database(tmp_path):
    with duckdb.connect(str(tmp_path / "d.db")) as database:
        database.execute("CREATE TABLE t AS SELECT 1 AS x; CREATE TABLE u AS SELECT 2 AS x")
    assert sources.read_table(f"duckdb:{tmp_path}/d.db", table="u").x.max().to_pyarrow().as_py() == 2


ROWS = [
    {"kind": "auc", "name": "landmark", "value": 0.7, "low": 0.6, "high": None},
    {"kind": "n", "name": "accounts", "value": 100, "low": None, "high": None},
]


def write_results(tmp_path, content):
    file = tmp_path / "results.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def made(rows=ROWS, study="customer_milestones"):
    return {"study": study, "tables": {"model": rows}}


def test_read_model_of_a_file_and_of_its_folder(tmp_path):
    assert sources.read_model(None) is None
    file = write_results(tmp_path, made([{**row, "more": 1} for row in ROWS]))
    for address in (str(file), str(tmp_path)):
        model = sources.read_model(address)
        assert list(model) == ["kind", "name", "value", "low", "high"]
        assert model["value"].tolist() == [0.7, 100.0]
        assert model["low"].tolist() == pytest.approx([0.6, np.nan], nan_ok=True)
        assert np.isnan(model["high"]).all()


MESSAGES = {
    "absent": (None, "results.json: no such file; give the results.json of an earlier run"),
    "no JSON": ("{", "results.json is no results.json; give that of an earlier run"),
    "a list": ("[]", "results.json is no results.json; give that of an earlier run"),
    "another study": (made(study="live_support"),
     "results.json is of the study live_support; give one of customer_milestones"),
    "no table": (made([]),
     "results.json holds no table model with kind, name, value, low, high; render that run again"),
    "other columns": (made([{"kind": "auc"}]),
     "results.json holds no table model with kind, name, value, low, high; render that run again"),
    "text": (made([{**ROWS[0], "value": "high"}]),
     "results.json, model: text where a number is needed; render that run again"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(MESSAGES))
def test_read_model_refuses(tmp_path, name):
    content, message = MESSAGES[name]
    file = tmp_path / "results.json" if content is None else write_results(tmp_path, content)
    assert tell_refusal(lambda: sources.read_model(str(file))) == f"review_against: {message}"


def test_a_misspelt_file_is_told_with_the_nearest_one_beside_it(tmp_path):
    (tmp_path / "my_companies.csv").write_text("a,b\n")
    told = tell_refusal(lambda: read_address(str(tmp_path / "my_company.csv")))
    assert told == "my_company.csv: no such file; did you mean my_companies.csv?"


def test_connect_draws_no_bar_where_no_file_is_run():
    asked = "print(opening.connect([]).raw_sql(\"select current_setting('enable_progress_bar')\").fetchone()[0])"
    code = f"from helpers.sources import opening; {asked}"  # as a worker of the reports is begun
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
