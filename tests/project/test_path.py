"""The way of one number, from a file to the verdict: how many hands it passes, counted by the profiler."""

import sys
from pathlib import Path

import pytest
import yaml

import helpers
from helpers import checks, inference, metrics, paths, plan, simulate, sources

ROOT = str(Path(helpers.__file__).parent)
NAMELESS = {"<listcomp>", "<genexpr>", "<dictcomp>", "<setcomp>", "<lambda>", "<module>"}


@pytest.fixture
def given(tmp_path):
    """Return the plan of proactive help with its primary metric alone, and the files of a simulated experiment."""
    planned = yaml.safe_load((paths.PLANS / "proactive_help.yaml").read_text())
    for key in ("exposure", "covariates", "segments", "answers"):
        planned.pop(key)
    planned["metrics"] = {"activated": planned["metrics"]["activated"]}
    file = tmp_path / "one.yaml"
    file.write_text(yaml.safe_dump(planned, sort_keys=False))
    made = simulate.simulate("proactive_help", n_units=600, seed=3)
    for name, table in (("assigned", made.assignments), ("events", made.events)):
        table.to_parquet(tmp_path / f"{name}.parquet", index=False)
    return file, tmp_path / "assigned.parquet", tmp_path / "events.parquet"


def test_one_binary_metric_passes_few_functions(given):
    file, assigned, events = given
    passed, run_checks = set(), checks.run  # a room is imported when it is asked for

    def watch(frame, event, _):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(ROOT) and code.co_name not in NAMELESS:
            passed.add((code.co_filename, code.co_qualname))

    sys.setprofile(watch)
    try:
        decided = plan.read(str(file))
        source = sources.load(decided.design, str(assigned), events=str(events))
        units = metrics.fold(source, decided.design)
        trust = run_checks(units, source, decided.design)
        results = inference.run_experiment(decided, source, units, trust, study="experiment", withheld=None)
    finally:
        sys.setprofile(None)
    assert [row for row in results.estimates if row.estimand == "difference" and row.at is None]
    assert len(passed) <= 180 and len({file for file, _ in passed}) <= 29
