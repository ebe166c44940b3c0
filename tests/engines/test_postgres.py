"""The studies on tables in a real PostgreSQL: every figure as from files, few rows fetched, no password left behind."""

import os

import engine_samples
import pandas as pd
import psycopg
import pytest

ADDRESS = "postgres://${PGUSER}:${PGPASSWORD}@${PGHOST}:${PGPORT}/studies"
TYPES = {"M": "timestamptz", "f": "double precision", "i": "bigint", "b": "boolean"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


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
    """Write a study's files and tables; return the parameters of a run on either."""
    given = engine_samples.write_files(folder, study)
    for name in engine_samples.TABLES:
        write_table(f"{study}_{name}", pd.read_parquet(folder / f"{study}_{name}.parquet"))
    return given, engine_samples.point_at(ADDRESS, study, given)


@pytest.mark.parametrize("study", ["proactive_help", "live_support", "customer_milestones", "experiment"])
def test_every_figure_is_as_from_files(study, folder):
    files, tables = write_study(folder, study)
    found, again = (engine_samples.run_cells(study, changes) for changes in (files, tables))
    assert len(found.estimates) > 50
    assert engine_samples.compare_results(found, again) == []


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
