"""The engine opens the given files and nothing else, and says nothing that an address or a path hides."""

import hashlib
import traceback

import duckdb
import ibis
import pytest
from sources_samples import EVENT_PLAN, FIVE

from helpers import sources
from helpers.records import Refused
from helpers.sources import engine
from helpers.sources.engine import Address


def parquet(path, rows="(1, 'old', 1.0), (2, 'new', 2.0)"):
    duckdb.sql(f"SELECT * FROM (VALUES {rows}) t(user_id, variant, spend)").write_parquet(str(path))
    return str(path)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_parquet('{other}')",  # a neighbour of the given file
        "SELECT * FROM read_text('/etc/hostname')",
        "COPY (SELECT 1) TO '{folder}/out.csv'",
        "ATTACH '{folder}/new.db' AS other",
        "SET enable_external_access=true",
        "SET allowed_paths=['/']",
        "INSTALL httpfs",
        "SET threads=2",
    ],
)
def test_connect_locks_the_engine_to_the_given_files(tmp_path, design, statement):
    other = parquet(tmp_path / "other.parquet")
    backend = sources.load(design(), parquet(tmp_path / "u.parquet")).units.get_backend()
    with pytest.raises(duckdb.Error):
        backend.raw_sql(statement.format(other=other, folder=tmp_path)).fetchall()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other.parquet", "plan.yaml", "u.parquet"]


def test_connect_loads_no_extension_by_itself():
    backend = engine.connect([])
    settings = "SELECT value FROM duckdb_settings() WHERE name IN ('autoinstall_known_extensions', "
    found = backend.raw_sql(settings + "'autoload_known_extensions', 'enable_external_access')").fetchall()
    assert found == [("false",)] * 3


@pytest.mark.parametrize("name", ["x'); DROP TABLE raw_units; --.parquet", "*.parquet", "[a].parquet", "a b?.parquet"])
def test_load_takes_a_file_name_as_a_name(tmp_path, design, name):
    parquet(tmp_path / "a.parquet", "(7, 'old', 1.0), (8, 'new', 2.0), (9, 'new', 3.0)")  # what a glob would find
    source = sources.load(design(), parquet(tmp_path / "x") and str((tmp_path / "x").rename(tmp_path / name)))
    assert (source.info.units, source.info.source) == (2, name)


def test_load_takes_the_name_of_a_text_file_as_a_name(load):
    assert load(name="x'); DROP TABLE units.csv").info.source == "x'); DROP TABLE units.csv"


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
    source = sources.load(design(), f"duckdb:{database}", table=table)
    assert source.info.units_by_variant == {"old": 1, "new": 1}
    assert source.info.source == f"shop's.db/{table or 'units'}"
    assert source.info.sha256 == hashlib.sha256(database.read_bytes()).hexdigest()


def test_load_joins_a_duckdb_file_with_events_in_a_text_file(design, database, write):
    with duckdb.connect(str(database)) as connection:
        connection.execute("ALTER TABLE units ADD COLUMN assigned_at TIMESTAMP DEFAULT '2024-01-01'")
    events = write("user_id,event,at,value\n1,spend,2024-01-02,5\n", "events.csv")
    source = sources.load(design(EVENT_PLAN), f"duckdb:{database}", table="units", events=events)
    assert source.units.join(source.events, "unit").value.sum().to_pyarrow().as_py() == 5.0
    assert source.info.source == "shop's.db/units, events.csv"


@pytest.mark.parametrize(("table", "n"), [("few", 1), ("many", 2)])
def test_load_takes_the_named_table_of_events(design, database, table, n):
    with duckdb.connect(str(database)) as connection:
        connection.execute("ALTER TABLE units ADD COLUMN assigned_at TIMESTAMP DEFAULT '2024-01-01'")
        for name, rows in (("few", 1), ("many", 2)):
            event = "'1' AS user_id, 'spend' AS event, TIMESTAMP '2024-01-02' AS at, 1.0 AS value"
            connection.execute(f"CREATE TABLE {name} AS SELECT {event} FROM range({rows})")
    place = f"duckdb:{database}"
    source = sources.load(design(EVENT_PLAN), place, table="units", events=place, events_table=table)
    assert source.events.count().to_pyarrow().as_py() == n


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("unit", "shop's.db: no table unit; it has, nearest first: units; correct the name"),
        ("mart.units", "shop's.db: no table mart.units; it has, nearest first: other; correct the name"),
    ],
)
def test_load_refuses_a_table_that_the_database_lacks(design, database, table, message):
    with pytest.raises(Refused) as caught:
        sources.load(design(), f"duckdb:{database}", table=table)
    assert str(caught.value) == message


def test_load_refuses_to_choose_among_several_tables(design, database):
    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE more AS SELECT 1 AS x")
    with pytest.raises(Refused) as caught:
        sources.load(design(), f"duckdb:{database}")
    assert str(caught.value) == "shop's.db: table is left out; it has, nearest first: more, units; name it"


def test_load_refuses_a_file_that_is_no_database(design, write):
    with pytest.raises(Refused) as caught:
        sources.load(design(), "duckdb:" + write("no database at all" * 100, "f.db"))
    assert str(caught.value) == "f.db: cannot be opened read-only; it is no DuckDB database"


def test_load_does_not_write_to_a_duckdb_file(design, database):
    before = database.read_bytes()
    sources.load(design(), f"duckdb:{database}", table="units")
    assert database.read_bytes() == before
    assert not list(database.parent.glob("*.wal"))


def test_load_refuses_a_view_that_reads_another_file(design, database, tmp_path):
    other = parquet(tmp_path / "other.parquet")
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"CREATE VIEW peek AS SELECT * FROM read_parquet('{other}')")
    with pytest.raises(Refused, match="the table cannot be read to its end") as caught:
        sources.load(design(), f"duckdb:{database}", table="peek")
    assert str(tmp_path) not in str(caught.value)


def test_load_refuses_table_beside_a_file(load):
    with pytest.raises(Refused, match=r"^units.csv: a file has no tables, and table is given; leave it out$"):
        load(table="units")


def test_load_refuses_two_engines(design, write):
    with pytest.raises(Refused) as caught:
        sources.load(design(EVENT_PLAN), write(FIVE), events="postgres://h/d", events_table="events")
    assert str(caught.value) == ("data and events stand in two engines; put both into one database, or both into files")


def test_connect_to_a_database_keeps_the_password_to_itself(monkeypatch, design):
    monkeypatch.setenv("CANARY_PW", "sesame-canary")

    def fail(url):
        assert "sesame-canary" in url
        raise RuntimeError(f"cannot connect to {url}")

    monkeypatch.setattr(ibis, "connect", fail)
    with pytest.raises(Refused) as caught:
        sources.load(design(), "postgres://me:${CANARY_PW}@db.example/shop", table="units")
    assert str(caught.value) == (
        "postgres://db.example: no connection (RuntimeError); check host, database, user, password and network"
    )
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
    with pytest.raises(Refused) as caught:
        engine.connect([Address("url", "postgres://h", url="postgres://h/d")])
    assert str(caught.value) == f"postgres://h: the {driver} is not installed; install its extra, such as [postgres]"


def test_load_from_another_backend_shows_scheme_host_and_table(monkeypatch, design):
    other = ibis.duckdb.connect()  # stands for any database that an address names
    other.raw_sql("CREATE TABLE units AS SELECT * FROM (VALUES (1, 'old', 1.0), (2, 'new', 2.0), (2, 'new', 2.0)) "
                  "t(user_id, variant, spend)")  # fmt: skip
    monkeypatch.setenv("CANARY_PW", "sesame-canary")
    monkeypatch.setattr(ibis, "connect", lambda url: other)
    source = sources.load(design(), "postgres://me:${CANARY_PW}@db.example/shop", table="units")
    assert (source.info.source, source.info.sha256, source.n_duplicates) == ("postgres://db.example/units", None, 1)
    assert "sesame-canary" not in repr(source) + str(source.info)


def test_ask_says_only_the_class_of_an_error():
    def fail():
        raise ValueError("canary@example.org")

    with pytest.raises(Refused) as caught:
        engine.ask(fail, "u.csv")
    assert str(caught.value) == (
        "u.csv: the table cannot be read to its end (ValueError); check the file, or the rights to it"
    )
    assert caught.value.__context__ is None


def test_importing_sources_opens_no_connection():
    import subprocess
    import sys

    code = (
        "import duckdb; real = duckdb.connect\n"
        "def connect(*a, **k): raise SystemExit('connected')\n"
        "duckdb.connect = connect\nimport helpers.sources"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
