import json

import pandas as pd

PLAN = """\
kind: experiment
title: T
question: Q?
unit_id: customer_id
variant: {column: variant, control: old, treatments: [new], split: {old: OLD, new: NEW}}
metrics:
  activated: {kind: binary, role: primary, better: higher}
"""


def write_plan(tmp_path, old):
    """Write a plan with this share for the control; return its file."""
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN.replace("OLD", str(old)).replace("NEW", str(1 - old)))
    return file


def test_check_runs_every_check(studies, table, tmp_path):
    status, shown, message = studies("check", table, "--plan", write_plan(tmp_path, 0.5))
    assert (status, message) == (0, "")
    assert "pass  srm: " in shown
    assert shown.endswith("A study of this table would answer.\n")


def test_check_says_when_an_answer_would_be_withheld_and_is_done(studies, table, tmp_path):
    status, shown, _ = studies("check", table, "--plan", write_plan(tmp_path, 0.1))
    assert status == 0
    assert "fail  srm: " in shown
    assert "A study of this table withholds its answer: " in shown


def test_check_reads_events_beside_the_assignments(studies, tmp_path):
    studies("simulate", "proactive_help", "--to", tmp_path / "made", "--units", 300)
    made = tmp_path / "made"
    arguments = ["check", made / "assignments.parquet", "--events", made / "events.parquet", "--plan", "proactive_help"]
    status, shown, _ = studies(*arguments)
    assert status == 0
    assert "events.parquet: " in shown


def test_check_refuses_a_file_that_is_not_there(studies, tmp_path):
    message = "studies: none.csv: no such file; check the name, and the folder it is read from\n"
    assert studies("check", tmp_path / "none.csv", "--plan", write_plan(tmp_path, 0.5)) == (2, "", message)


def test_simulate_writes_tables_and_truth(studies, tmp_path):
    status, shown, _ = studies("simulate", "proactive_help", "--to", tmp_path / "made", "--units", 300, "--seed", 3)
    assert status == 0
    assert "assignments.parquet, events.parquet, units.parquet, truth.json" in shown
    assert len(pd.read_parquet(tmp_path / "made" / "units.parquet")) == 300
    assert json.loads((tmp_path / "made" / "truth.json").read_text())["effects"]


def test_simulate_is_decided_by_its_seed(studies, tmp_path):
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        studies("simulate", "proactive_help", "--to", tmp_path / folder, "--units", 300, "--seed", seed)
    a, b, c = ((tmp_path / folder / "events.parquet").read_bytes() for folder in "abc")
    assert a == b != c


def test_simulate_again_changes_nothing_and_refuses_to_write_over_others(studies, tmp_path):
    arguments = ["simulate", "proactive_help", "--to", tmp_path / "made", "--units", 300]
    assert studies(*arguments)[0] == studies(*arguments)[0] == 0
    names = "assignments.parquet, events.parquet, units.parquet"  # the truth does not depend on the seed
    message = f"studies: made: holds another {names}; name a new folder, or move them away\n"
    assert studies(*arguments, "--seed", 99) == (2, "", message)


def test_simulate_follows_the_plan_it_is_given(studies, tmp_path):
    studies("simulate", "experiment", "--to", tmp_path / "made", "--units", 200, "--plan", write_plan(tmp_path, 0.5))
    made = pd.read_parquet(tmp_path / "made" / "units.parquet")
    assert {"customer_id", "variant", "activated"} <= set(made)


def test_simulate_refuses_an_unknown_study(studies, tmp_path):
    message = "studies: simulation: no study of that name can be simulated; known: proactive_help, experiment\n"
    assert studies("simulate", "nosuch", "--to", tmp_path / "made") == (2, "", message)
    assert not (tmp_path / "made").exists()
