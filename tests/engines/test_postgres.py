"""The studies on tables in a real PostgreSQL: every figure as from files, few rows fetched, no password left behind."""

import gc
import os

import engine_samples
import ibis
import pandas as pd
import psycopg
import pytest
from ibis.backends.postgres import Backend as PostgresBackend

from helpers.metrics.events import store
from helpers.metrics.moments import SIZE
from helpers.records import Refused
from helpers.sources import opening

ADDRESS = "postgres://${PGUSER}:${PGPASSWORD}@${PGHOST}:${PGPORT}/studies"
TYPES = {"M": "timestamptz", "f": "double precision", "i": "bigint", "b": "boolean"}


def write_table(name, frame):
    """Write a frame as a table of the database."""
    columns = ", ".join(f'"{column}" {TYPES.get(kind.kind, "text")}' for column, kind in frame.dtypes.items())
    with psycopg.connect(dbname="studies") as connection, connection.cursor() as cursor:
        cursor.execute(f"drop table if exists {name}")
        cursor.execute(f"create table {name} ({columns})")
        with cursor.copy(f"copy {name} from stdin (format csv)") as copy:
            copy.write(frame.to_csv(index=False, header=False))
        cursor.execute(f"analyze {name}")  # as the server does by itself within a minute


def write_study(folder, study):
    """Write a study's tables as its files are."""
    engine_samples.write_files(folder, study)
    for name in engine_samples.TABLES:
        write_table(f"{study}_{name}", pd.read_parquet(folder / f"{study}_{name}.parquet"))


@pytest.mark.parametrize("study", engine_samples.STUDIES)
def test_every_figure_is_as_from_files(study, folder):
    write_study(folder, study)
    engine_samples.assert_same(folder, study, ADDRESS)


def test_what_is_stored_is_not_dropped_while_other_rows_are_read(folder):
    write_study(folder, "experiment")
    backend = ibis.connect(os.path.expandvars(ADDRESS))
    name = store(backend.table("experiment_assigned")).get_name()
    gc.collect()
    assert backend.table(name).count().to_pyarrow().as_py() > 0


def test_no_more_rows_come_into_memory_than_is_stated(folder, monkeypatch):
    found, to_pyarrow = [], PostgresBackend.to_pyarrow

    def count(backend, table, **options):
        found.append(to_pyarrow(backend, table, **options))
        return found[-1]

    monkeypatch.setattr(PostgresBackend, "to_pyarrow", count)
    for name, most in (("MOST_UNITS", 1400), ("MOST_ROWS", 400)):  # fewer than there are units, and accounts
        monkeypatch.setattr(opening, name, most)
    write_study(folder, "experiment")
    files = engine_samples.write_files(folder, "experiment")
    results = engine_samples.run_cells("experiment", engine_samples.point_at(ADDRESS, "experiment", files))
    counted = [table for table in found if "n" in table.column_names]  # says how often: no row is of one unit
    assert len(counted) < len(found)
    sized = [table for table in found if SIZE in table.column_names]  # levels, sizes and arms, of however many units
    assert max(table.num_rows for table in sized) < 500
    assert max(table.num_rows for table in found if table not in [*counted, *sized]) < 100
    lacking = {row.reason for row in results.estimates if row.metric == "paid_in"}
    assert lacking == {"too many units for a method that needs every row"}
    write_study(folder, "customer_milestones")
    files = engine_samples.write_files(folder, "customer_milestones")
    with pytest.raises(Refused, match=r"^data: more than 400 accounts, the most that come into memory; draw some "):
        engine_samples.run_cells("customer_milestones", engine_samples.point_at(ADDRESS, "customer_milestones", files))


def test_no_file_of_a_run_holds_the_password(folder, run_studies, tmp_path):
    write_study(folder, "proactive_help")
    places = {"data": ADDRESS, "table": "proactive_help_assigned", "events": ADDRESS}
    options = [part for pair in places.items() for part in ("-p", "=".join(pair))]
    options += ["--name", "ours", "--out", tmp_path, "-p"]
    done = run_studies("report", "proactive_help", *options, "events_table=proactive_help_events")
    assert done.returncode == 0, done.stderr
    missing = run_studies("report", "proactive_help", *options, "events_table=none")
    assert missing.returncode == 2, missing.stderr
    wrong = run_studies("report", "proactive_help", *options, "events_table=none", PGPASSWORD="canary-" + "x" * 20)
    assert wrong.returncode == 2, wrong.stderr
    assert "no connection (OperationalError)" in wrong.stderr
    texts = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"report.html", "run.json", "results.json", "proactive_help.ipynb", "failed.html"} <= {p.name for p in texts}
    texts |= {run.args[0]: (run.stdout + run.stderr).encode() for run in (done, missing, wrong)}
    for secret in (os.environ["PGPASSWORD"], "canary-"):
        assert [path for path, text in texts.items() if secret.encode() in text] == []
