"""Every query of the studies as BigQuery and Snowflake would get it: compiled and compared with what is kept, not run.

`STUDIES_SNAPSHOTS=write make engines` writes anew what is kept: a checksum of each query, and the shortest in full.
"""

import hashlib
import os
import re
from pathlib import Path

import engine_samples
import ibis
import ibis.expr.operations as ops
import pytest
import sqlglot
from ibis.backends.duckdb import Backend
from sqlglot import exp

from helpers.sources import numerals, tables

# What sqlglot does not know by name; each stands in the reference of its database.
KNOWN = {"bigquery": {"ieee_divide"}, "snowflake": set()}
SHORT = 400  # signs; such queries are kept in full


@pytest.fixture(scope="module")
def queries(folder):
    """Return each query of each study's run on files, once: (study, expression), what is stored included."""
    found, hook = {}, Backend._run_pre_execute_hooks
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numerals, "_compose", lambda text: text)  # as on every engine but DuckDB
        patch.setattr(tables, "_take_zone", lambda value: value.cast("timestamp"))
        for study in engine_samples.STUDIES:

            def listen(backend, expression, study=study):
                if not expression.op().find(ops.InMemoryTable):
                    found.setdefault(expression.op(), (study, expression))
                return hook(backend, expression)

            patch.setattr(Backend, "_run_pre_execute_hooks", listen)
            engine_samples.run_files(folder, study)
    return list(found.values())


def write_sql(expression, dialect) -> str:
    """Return the SQL of an expression in one line; names given by chance are numbered, means of the data left out."""
    names, told = {}, re.sub(r"\s+", " ", str(ibis.to_sql(expression, dialect=dialect)))
    told = re.sub(r"\d+\.\d{4,}(e-?\d+)?", "0.0", told)
    return re.sub(r"ibis_\w+?_[a-z0-9]{20,}|raw_\w+", lambda m: names.setdefault(m[0], f"table_{len(names)}"), told)


@pytest.mark.parametrize("dialect", KNOWN)
def test_every_query_compiles_for_a_database_that_is_not_here(dialect, queries):
    told = [(study, write_sql(expression, dialect)) for study, expression in queries]
    trees = [sqlglot.parse_one(text, dialect=dialect, error_level=sqlglot.ErrorLevel.RAISE) for _, text in told]
    unknown = {call.name.lower() for tree in trees for call in tree.find_all(exp.Anonymous)}
    assert unknown <= KNOWN[dialect]
    lines = [f"-- {study} {hashlib.sha256(text.encode()).hexdigest()[:12]}\n" for study, text in told]
    short = dict.fromkeys(text + ";\n" for _, text in told if len(text) < SHORT)
    kept, file = "".join([*lines, *short]), Path(__file__).parent / f"{dialect}.sql"
    if os.environ.get("STUDIES_SNAPSHOTS") == "write":
        file.write_text(kept)
    assert kept == file.read_text(), "the SQL changed; read the change, then run with STUDIES_SNAPSHOTS=write"


def test_truth_becomes_a_number_as_postgresql_takes_it(queries):
    casts = [cast for _, expression in queries for cast in expression.op().find(ops.Cast)]
    odd = {str(cast.to) for cast in casts if cast.arg.dtype.is_boolean()} - {"int32", "string"}
    assert len(casts) > 100
    assert odd == set()
