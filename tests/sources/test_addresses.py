"""The forms of the parameter `data`, and addresses that never show a password."""

import pytest

from helpers.records import Refused
from helpers.sources.engine import expand_url, read_address

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
        (
            "",
            "data: nothing is named; give simulated, public:NAME, a file, duckdb:PATH or a database address",
        ),
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


def test_expand_url_fills_from_the_environment(monkeypatch):
    monkeypatch.setenv("PW", "p@ss/w:rd")
    assert expand_url("postgres://me:${PW}@host/db") == "postgres://me:p%40ss%2Fw:rd@host/db"


def test_expand_url_names_a_variable_that_is_not_set(monkeypatch):
    monkeypatch.delenv("NO_SUCH_PW", raising=False)
    with pytest.raises(Refused) as caught:
        expand_url("postgres://me:${NO_SUCH_PW}@host/db")
    assert str(caught.value) == "data: the environment variable NO_SUCH_PW is not set; set it before the run"
