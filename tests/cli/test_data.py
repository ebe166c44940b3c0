import json

import numpy as np
import pandas as pd
import pytest

from helpers import cli
from helpers.cli import resplits

SPLITS = "argument --aa: needs a whole number, 100 or more: fewer splits cannot tell a false promise from chance"
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


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder of simulated tables of 400 workspaces."""
    folder = tmp_path_factory.mktemp("made")
    cli.main(["simulate", "proactive_help", "--to", str(folder), "--units", "400"])
    return folder


def check_made(studies, made, *more):
    """Check the simulated tables, with more arguments."""
    files = made / "assignments.parquet", "--events", made / "events.parquet"
    return studies("check", *files, "--plan", "proactive_help", *more)


def test_check_aa_shows_whether_the_p_values_of_every_metric_are_even(studies, made):
    plain, (status, shown, message) = check_made(studies, made)[1], check_made(studies, made, "--aa", 100)
    assert (status, message) == (0, "")
    assert shown.startswith(plain)
    told, heads, *rows = shown.removeprefix(plain).splitlines()
    assert told == (
        "A/A test: 100 times every workspace of all arms is put into an arm at random (links 50 %, no_links 50 %; "
        "seed 1), so no difference can be real. A test that keeps its promise calls 5 % of these splits clear, give or "
        "take chance, and its p-values fill every tenth alike."
    )
    assert heads.split("  ")[0] == "metric" and heads.endswith("smallest  p-values by tenth, % of the splits")
    metrics = ["activated", "conversations", "searches", "per_active", "converted", "still_paying", "arr", "paid_in"]
    assert [row.split()[0] for row in rows] == [*metrics, "active_days"]
    assert all(row.endswith("  as it should be") for row in rows)
    assert "cumulative incidence" in rows[7]


def test_check_aa_is_decided_by_its_seed_and_number_of_splits(studies, table, tmp_path):
    plan = write_plan(tmp_path, 0.5)
    plan.write_text(plan.read_text() + "  revenue: {kind: amount, role: secondary}\n")
    one, again, other, longer = (
        studies("check", table, "--plan", plan, "--aa", n, *seed)[1]
        for n, seed in ((100, ()), (100, ("--seed", 1)), (100, ("--seed", 0)), (120, ()))
    )
    assert one == again
    assert len({one, other, longer}) == 3


def test_check_aa_shows_no_value_and_no_small_cell(studies, table, tmp_path):
    customers = pd.read_csv(table)
    customers.loc[0, "revenue"] = 987654.25  # the canary
    customers.to_csv(table, index=False)
    plan = write_plan(tmp_path, 0.5)
    plan.write_text(plan.read_text() + "  revenue: {kind: amount, role: secondary}\n")
    status, shown, _ = studies("check", table, "--plan", plan, "--aa", 100)
    rows = shown.splitlines()[-2:]
    assert status == 0 and "987654" not in shown and "cust-" not in shown
    assert [row.split()[0] for row in rows] == ["activated", "revenue"]
    assert all("  under 10  " in row for row in rows[:1])


def test_check_aa_that_alarms_is_done(studies, tmp_path):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"customer_id": range(1500), "variant": np.where(rng.random(1500) < 0.05, "new", "old")})
    frame["money"] = np.where(rng.random(1500) < 0.1, rng.lognormal(3, 2, 1500), 0)
    frame["activated"] = 1
    frame.to_csv(tmp_path / "money.csv", index=False)
    plan = write_plan(tmp_path, 0.95)
    plan.write_text(plan.read_text() + "  money: {kind: amount, role: secondary}\n")
    status, shown, _ = studies("check", tmp_path / "money.csv", "--plan", plan, "--aa", 100)
    everybody, decided, welch = shown.splitlines()[-3:]
    assert status == 0
    assert everybody.split()[:3] == ["activated", "miettinen-nurminen", "none"]
    assert everybody.endswith("too few to say")
    assert decided.split()[:2] == ["money", "permutation"] and decided.endswith("as it should be")
    assert welch.split()[:2] == ["money", "welch"]
    assert welch.endswith("too many false alarms: its p-values and intervals promise more than they keep here")


def test_check_aa_names_the_treatment_where_there_are_several_and_says_what_is_not_resplit(studies, tmp_path):
    frame = pd.DataFrame({"customer_id": range(90), "variant": ["old", "new", "newer"] * 30, "team": range(90)})
    frame = frame.assign(activated=[0, 1, 1, 0, 1] * 18, grade=[1, 2, 3] * 30)
    frame.to_csv(tmp_path / "three.csv", index=False)
    plan = write_plan(tmp_path, 0.5)
    text = plan.read_text().replace("[new], split: {old: 0.5, new: 0.5}", "[new, newer], split: unknown")
    plan.write_text(text.replace("metrics:", "cluster: team\nmetrics:") + "  grade: {kind: score, scale: ordered}\n")
    _, shown, _ = studies("check", tmp_path / "three.csv", "--plan", plan, "--aa", 100)
    told, _, *rows = shown.splitlines()[-6:]
    assert "every team of all arms is put into an arm at random (as found; seed 1)" in told
    names = ["activated (new)", "activated (newer)", "grade (new)", "grade (newer)"]
    assert [row[:17].strip() for row in rows] == names
    reason = "not resplit: clusters are randomised, and ordered scores are compared by unit only"
    assert all(row.endswith(reason) for row in rows[2:])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--aa", "0"), SPLITS),
        (("--aa", "-5"), SPLITS),
        (("--aa", "many"), SPLITS),
        (("--aa", "99"), SPLITS),
        (("--aa", "100", "--seed", "-1"), "argument --seed: needs a whole number, 0 or more"),
        (("--aa", "100", "--seed", "x"), "argument --seed: needs a whole number, 0 or more"),
    ],
)
def test_check_refuses_a_number_of_splits_or_a_seed_that_is_none(studies, table, tmp_path, given, message):
    status, shown, told = studies("check", table, "--plan", write_plan(tmp_path, 0.5), *given)
    assert (status, shown) == (2, "")
    assert told.endswith(f"studies check: error: {message}\n")


def test_check_refuses_a_seed_that_would_draw_nothing(studies, table, tmp_path):
    message = "studies: --seed: draws the splits of --aa; give both, or neither\n"
    assert studies("check", table, "--plan", write_plan(tmp_path, 0.5), "--seed", 3) == (2, "", message)


def test_check_aa_tells_a_terminal_how_far_it_is(studies, table, tmp_path, monkeypatch):
    monkeypatch.setattr("helpers.cli.resplits._find_teller", lambda: resplits._tell)
    _, _, message = studies("check", table, "--plan", write_plan(tmp_path, 0.5), "--aa", 100)
    assert message.startswith("\r25 of 100 splits\r50 of 100 splits") and message.endswith("\r\x1b[2K")


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
    known = "proactive_help, live_support, customer_milestones, experiment"
    message = f"studies: simulation: no study of that name can be simulated; known: {known}\n"
    assert studies("simulate", "nosuch", "--to", tmp_path / "made") == (2, "", message)
    assert not (tmp_path / "made").exists()


# accounts of a framework


@pytest.fixture(scope="module")
def accounts(tmp_path_factory):
    """Return a folder of simulated accounts."""
    folder = tmp_path_factory.mktemp("accounts")
    cli.main(["simulate", "customer_milestones", "--to", str(folder), "--units", "600"])
    return folder


def check_accounts(studies, accounts, *more):
    """Check the simulated accounts, with more arguments."""
    files = accounts / "accounts.parquet", "--events", accounts / "events.parquet"
    return studies("check", *files, "--plan", "customer_milestones", *more)


def test_simulate_of_accounts_writes_what_a_user_has(accounts):
    assert sorted(file.name for file in accounts.iterdir()) == ["accounts.parquet", "events.parquet", "truth.json"]
    frame = pd.read_parquet(accounts / "accounts.parquet")
    assert len(frame) == 600 and "variant" not in frame
    assert json.loads((accounts / "truth.json").read_text())["effects"]


def test_check_of_accounts_runs_every_check(studies, accounts):
    status, shown, message = check_accounts(studies, accounts)
    assert (status, message) == (0, "")
    lines = shown.splitlines()
    assert lines[:3] == [
        "         600  read: rows of the table",
        "           0  exact duplicates dropped: rows that repeat another in every column",
        "         600  kept: one row an account",
    ]
    told = [line.split()[1] for line in lines if line.split()[0] in ("pass", "warn", "fail")]
    assert told[:4] == ["enough_accounts:", "landmark_in_data:", "follow_up:", "duplicates:"]
    assert lines[-1] == "A study of these accounts would answer."


def test_check_of_accounts_says_when_there_is_nothing_to_compare(studies, tmp_path):
    (tmp_path / "plan.yaml").write_text(
        "kind: framework\ntitle: T\nquestion: Q?\nunit_id: id\noutcomes: {retained: {column: gone, time: months}}\n"
    )
    (tmp_path / "a.csv").write_text("id,gone,months\na,0,3\nb,1,4\n")
    status, shown, _ = studies("check", tmp_path / "a.csv", "--plan", tmp_path / "plan.yaml")
    assert status == 0
    assert "        fail  enough_accounts: 2 accounts can be compared, too few for any comparison.\n" in shown
    assert shown.endswith("A study of these accounts has nothing to compare.\n")


def test_check_of_accounts_refuses_splits(studies, accounts):
    message = "studies: --aa: splits the units of an experiment, and the plan is of kind framework; leave it out\n"
    assert check_accounts(studies, accounts, "--aa", 100) == (2, "", message)
