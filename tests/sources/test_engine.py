"""Addresses never show a password; the engine opens the given files and nothing else, and tells no secret."""

import subprocess
import sys
import traceback

import duckdb
import ibis
import pytest
from sources_samples import EVENT_PLAN, FIVE

from helpers import sources
from helpers.records import Refused
from helpers.sources import opening
from helpers.sources.opening import Address, read_address

LITERAL = "data: the address holds a password; write ${NAME} in its place and set that variable in the environment"
LOOKS = "data: this looks like the address of a database; write scheme://user:${PASSWORD}@host/database"


def refuse(data):
    with pytest.raises(Refused) as caught:
        read_address(data)
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "kind", "name"),
    [
        ("simulated", "simulated", "simulated"),
        (["simulated"], "simulated", "simulated"),
        ("public:jobs_ii", "public", "public:jobs_ii"),
        ("postgres://${PGUSER}:${PGPASSWORD}@db.example:5432/shop", "url", "postgres://db.example"),
        ("postgres://db.example/shop?password=${PW}", "url", "postgres://db.example"),
        ("bigquery://project/dataset", "url", "bigquery://project"),
        ("postgres://${U}:${P}@${PGHOST}/shop", "url", "postgres://${PGHOST}"),  # the template, not its value
    ],
)
def test_read_address_knows_every_form(data, kind, name):
    found = read_address(data)
    assert (found.kind, found.name) == (kind, name)
    assert "PW" not in repr(found) and "PASSWORD" not in repr(found)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.csv", "text"),
        ("A.CSV", "text"),
        ("a.tsv", "text"),
        ("a.txt.gz", "text"),
        ("a.parquet", "parquet"),
        ("a:b@c.pq", "parquet"),  # a file that exists is no address
    ],
)
def test_read_address_knows_files_by_their_ending(tmp_path, name, kind):
    (tmp_path / name).touch()
    found = read_address(str(tmp_path / name))
    assert (found.kind, found.name, found.paths) == (kind, name, (tmp_path / name,))
    assert str(tmp_path) not in repr(found)


@pytest.mark.parametrize("form", ["duckdb:{}", "duckdb://{}"])
def test_read_address_finds_a_duckdb_file(tmp_path, form):
    (tmp_path / "f.db").touch()
    assert read_address(form.format(tmp_path / "f.db")).paths == (tmp_path / "f.db",)


def test_read_address_joins_the_names_of_several_files(tmp_path):
    names = ["a.csv", "b.csv", "c.csv", "d.csv"]
    for name in names:
        (tmp_path / name).touch()
    assert read_address([str(tmp_path / n) for n in names[:2]]).name == "a.csv, b.csv"
    assert read_address([str(tmp_path / n) for n in names]).name == "a.csv, b.csv, c.csv and 1 more"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("/no/where/units.csv", "units.csv: no such file; check the name, and the folder it is read from"),
        ("duckdb:/no/where/f.db", "f.db: no such file; check the name, and the folder it is read from"),
        ("", "data: nothing is named; give simulated, public:NAME, a file, duckdb:PATH or a database address"),
        ("postgres://me:canary@host/db", LITERAL),
        ("postgres://me:canary/1@host/db", LITERAL),  # a slash in the password
        ("postgres://me:${A}canary@host/db", LITERAL),  # a variable and more
        ("postgres://me:$PGPASSWORD@host/db", LITERAL),  # no braces
        ("postgres://host/db?password=canary", LITERAL),
        ("snowflake://host/db?private_key=canary", LITERAL),
        ("canary://me:canary@host/db", LITERAL),
        ("postgres:me:canary@host", LOOKS),  # no slashes: its base name would be the password
        ("postgres:/me:canary@host/db", LOOKS),
        (
            "ftp://host/canary",
            "data: addresses of this scheme are not read; allowed: duckdb:PATH, postgres, postgresql, bigquery, "
            "snowflake, pyspark, databricks, trino, clickhouse",
        ),
    ],
)
def test_read_address_refuses_without_showing_more_than_a_base_name(data, message):
    assert refuse(data) == message
    assert "canary" not in message


def test_read_address_refuses_a_folder_and_other_files(tmp_path):
    (tmp_path / "units.xlsx").touch()
    (tmp_path / "a.csv").touch()
    (tmp_path / "a.parquet").touch()
    assert refuse(str(tmp_path)) == f"{tmp_path.name}: a folder; name the files in it"
    assert refuse(str(tmp_path / "units.xlsx")) == (
        "units.xlsx: this kind of file is not read; give .csv, .tsv, .txt (each also .gz), .parquet, or duckdb:PATH"
    )
    assert refuse([str(tmp_path / "a.csv"), str(tmp_path / "a.parquet")]) == (
        "data: text files and Parquet files together; give files of one kind"
    )


def test_connect_fills_an_address_from_the_environment(monkeypatch):
    monkeypatch.setenv("PW", "p@ss/w:rd")
    monkeypatch.setattr(ibis, "connect", lambda url: url)
    place = Address("url", "postgres://host", url="postgres://me:${PW}@host/db")
    assert opening.connect([place]) == "postgres://me:p%40ss%2Fw:rd@host/db"


def test_connect_names_a_variable_that_is_not_set(monkeypatch):
    monkeypatch.delenv("NO_SUCH_PW", raising=False)
    with pytest.raises(Refused) as caught:
        opening.connect([read_address("postgres://me:${NO_SUCH_PW}@host/db")])
    assert str(caught.value) == "data: the environment variable NO_SUCH_PW is not set; set it before the run"


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
    backend = opening.connect([])
    settings = "SELECT value FROM duckdb_settings() WHERE name IN ('autoinstall_known_extensions', "
    found = backend.raw_sql(settings + "'autoload_known_extensions', 'enable_external_access')").fetchall()
    assert found == [("false",)] * 3


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
        opening.connect([Address("url", "postgres://h", url="postgres://h/d")])
    assert str(caught.value) == f"postgres://h: the {driver} is not installed; install its extra, such as [postgres]"


def test_ask_says_only_the_class_of_an_error():
    def fail():
        raise ValueError("canary@example.org")

    with pytest.raises(Refused) as caught:
        opening.ask(fail, "u.csv")
    assert str(caught.value) == (
        "u.csv: the table cannot be read to its end (ValueError); check the file, or the rights to it"
    )
    assert caught.value.__context__ is None


def test_importing_sources_opens_no_connection():
    code = (
        "import duckdb; real = duckdb.connect\n"
        "def connect(*a, **k): raise SystemExit('connected')\n"
        "duckdb.connect = connect\nimport helpers.sources"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
