"""How often a study asks the engine, and that it reads rows once: counted over the calls that its notebook makes."""

import pytest
from ibis.backends.duckdb import Backend

from helpers import checks, inference, metrics, plan, sources


@pytest.fixture
def asked(monkeypatch):
    """What is asked of DuckDB, in order."""
    found = []

    def count(name):
        plain = getattr(Backend, name)

        def wrapped(engine, expression, *args, **more):
            found.append(expression)
            return plain(engine, expression, *args, **more)

        monkeypatch.setattr(Backend, name, wrapped)

    count("to_pyarrow")
    count("_create_cached_table")
    return found


def test_proactive_help_asks_few_questions(asked):
    decided = plan.read("proactive_help")
    design = decided.design
    simulation = {"study": "proactive_help", "n_units": 600, "seed": 3}
    source, loaded = sources.load(design, "simulated", simulation=simulation), len(asked)
    units, folded = metrics.fold(source, design), len(asked)
    trust, checked = checks.run(units, source, design), len(asked)
    results = inference.run_experiment(
        decided, source, units, trust, study="proactive_help", withheld=None, n_resamples=200
    )
    assert results.estimates
    assert loaded <= 9  # of the files: rows, gaps, labels, units in two variants
    assert folded - loaded <= 4  # clock, gaps and currencies, levels of covariates, the fold, all notes
    assert checked - folded <= 5  # a look at the first rows; an amount's limit; arms and first segment; second; weeks
    assert len(asked) - checked <= 3  # sizes of the arms, rows for the methods that need them
    assert len(asked) <= 20
    rows = [expression for expression in asked if "unit" in getattr(expression, "columns", ())]
    assert len(rows) <= 1


def test_read_rows_keeps_what_it_has_read(asked):
    design = plan.read("proactive_help").design
    source = sources.load(design, "simulated", simulation={"study": "proactive_help", "n_units": 200, "seed": 3})
    units = metrics.fold(source, design)
    before = len(asked)
    one = metrics.read_rows(units, ["variant", "y_converted"])
    metrics.read_rows(units, ["exposed", "time_paid_in", *units.covariates])
    assert len(asked) - before == 2  # sizes of the arms, and the rows
    more = metrics.read_rows(units, ["unit", "y_converted"])  # the id is fetched by itself, in the same order
    assert len(asked) - before == 3
    assert more["y_converted"].equals(one["y_converted"])
    assert more["unit"].is_monotonic_increasing
