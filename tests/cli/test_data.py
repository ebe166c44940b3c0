import json
import sys

import pandas as pd
import pytest

from helpers import cli

PLAN = """\
kind: experiment
title: T
question: Q?
unit_id: customer_id
variant: {column: variant, control: old, treatments: [new], split: {old: OLD, new: NEW}}
metrics:
  activated: {kind: binary, role: primary, better: higher}
"""
SPENT = """\
assigned_at: joined
as_of: 2024-01-10
metrics:
  spent: {kind: amount, role: primary, better: higher, event: [pay, refund], within_days: 7, unit: EUR}
"""


def write_plan(tmp_path, old):
    """Write a plan with this share for the control; return its file."""
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN.replace("OLD", str(old)).replace("NEW", str(1 - old)))
    return file


def test_check_runs_every_check_and_says_whether_a_study_would_answer(studies, table, tmp_path):
    status, shown, message = studies("check", table, "--plan", write_plan(tmp_path, 0.5))
    assert (status, message) == (0, "") and "        pass  srm: " in shown
    assert shown.endswith("\nA study of this table would answer.\n")
    status, shown, _ = studies("check", table, "--plan", write_plan(tmp_path, 0.1))
    assert status == 0 and "        fail  srm: " in shown  # withheld, and done
    assert "\nA study of this table withholds its answer: The sample ratio is not as planned, " in shown


def test_check_says_what_a_study_could_not_estimate(studies, tmp_path):
    rows = [f"u{i},{'ab'[i % 2]},{i % 7},{'-1' if i % 3 else '2.05'},{i % 5}" for i in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["user_id,variant,num,den,m", *rows]))
    metrics = "q: {kind: ratio, role: primary, better: higher, numerator: num, denominator: den}"
    plan = tmp_path / "plan.yaml"
    head = "kind: experiment\ntitle: T\nquestion: Q?\nunit_id: user_id\n"
    head += "variant: {column: variant, control: a, treatments: [b]}\nmetrics:\n"
    plan.write_text(f"{head}  {metrics}\n")
    reason = "q cannot be estimated: one unit holds most of a denominator, so nothing can be tested."
    _, shown, _ = studies("check", tmp_path / "t.csv", "--plan", plan)
    assert shown.endswith(f"\nA study of this table would not answer: {reason}\n")
    plan.write_text(f"{head}  {metrics}\n  m: {{kind: amount, role: primary, better: higher}}\nanswers: [m]\n")
    _, shown, _ = studies("check", tmp_path / "t.csv", "--plan", plan)
    assert shown.endswith(f"\nA study of this table would answer, but {reason}\n")


def test_check_says_that_nothing_decides_without_a_primary_metric(studies, table, tmp_path):
    plan, told = write_plan(tmp_path, 0.5), "        said  the plan names no primary metric, so nothing decides; "
    assert told not in studies("check", table, "--plan", plan)[1]
    plan.write_text(plan.read_text().replace("role: primary", "role: secondary"))
    assert told + "give one of them role: primary\n" in studies("check", table, "--plan", plan)[1]


def test_check_prints_what_each_event_adds_and_what_was_left_out(studies, tmp_path):
    plan, units, events = (tmp_path / name for name in ("plan.yaml", "units.csv", "events.csv"))
    plan.write_text(PLAN.replace("OLD", "0.5").replace("NEW", "0.5").split("metrics:")[0] + SPENT)
    with plan.open("a") as file:
        file.write("  pay: {kind: amount, within_days: 7}\n")  # called as its event
    rows = [f"c{i},{('old', 'new')[i % 2]},2024-01-01 10:00" for i in range(60)]
    units.write_text("\n".join(["customer_id,variant,joined", *rows]))
    told = [f"c{i},pay,2024-01-02 12:30,9,eur" for i in range(60)] + ["c1,refund,2024-01-03 09:00,-2.5,EUR"]
    events.write_text("\n".join(["customer_id,event,at,value,currency", *told, "c2,pay,2023-12-31 09:00,9,eur"]))
    status, shown, message = studies("check", units, "--plan", plan, "--events", events)
    assert (status, message) == (0, "")
    assert "        said  events before their unit is assigned, left out: 1\n" in shown
    assert "        adds  spent, pay: 60 events of 540 in all, 60 above 0, currencies: 1\n" in shown
    assert "        adds  pay: 60 events of 540 in all, 60 above 0, currencies: 1\n" in shown
    assert "        adds  spent, refund: 1 event of -2.5 in all, 1 below 0, currencies: 1\n" in shown
    assert "        pass  events_add: " in shown


def test_check_refuses_what_it_cannot_do(studies, table, tmp_path):
    plan = write_plan(tmp_path, 0.5)
    message = "studies: none.csv: no such file; check the name, and the folder it is read from\n"
    assert studies("check", tmp_path / "none.csv", "--plan", plan) == (2, "", message)
    message = "studies: --seed: draws the splits of --aa; give both, or neither\n"
    assert studies("check", table, "--plan", plan, "--seed", 3) == (2, "", message)
    message = "studies: --aa: splits the units of an experiment, and the plan is of kind framework; leave it out\n"
    assert studies("check", table, "--plan", "customer_milestones", "--aa", 100) == (2, "", message)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder of simulated tables of 400 workspaces, and one of 600 accounts."""
    folders = []
    for study, n in (("proactive_help", 400), ("customer_milestones", 600)):
        folders.append(tmp_path_factory.mktemp(study))
        cli.main(["simulate", study, "--to", str(folders[-1]), "--units", str(n)])
    return folders


def test_check_aa_shows_whether_the_p_values_of_every_metric_are_even(studies, made):
    files = made[0] / "assignments.parquet", "--events", made[0] / "events.parquet", "--plan", "proactive_help"
    status, shown, message = studies("check", *files, "--aa", 100)
    assert (status, message) == (0, "")
    told, heads, *rows = shown[shown.index("A/A test: ") :].splitlines()
    assert told == (
        "A/A test: 100 times every workspace of all arms is put into an arm at random (links 50 %, no_links 50 %; "
        "seed 1), so no difference can be real. A test that keeps its promise calls 5 % of these splits clear, or by "
        "chance what that column says, and its p-values fill every tenth alike. Fewest: workspaces in an arm of any "
        "split; of a share those with the event, or those without."
    )
    assert heads.split("  ")[0] == "metric" and heads.endswith("by chance  fewest  p-values by tenth, % of the splits")
    metrics = ["activated", "conversations", "searches", "per_active", "converted", "still_paying", "arr", "paid_in"]
    assert [row.split()[0] for row in rows] == [*metrics, "active_days"]
    assert all(row.endswith("  as it should be") for row in rows)
    assert "cumulative incidence" in rows[7]


def test_check_aa_is_decided_by_its_seed_and_number_of_splits(studies, table, tmp_path):
    plan = write_plan(tmp_path, 0.5)
    asked = (100,), (100, "--seed", 1), (100, "--seed", 0), (120,)
    one, again, other, longer = (studies("check", table, "--plan", plan, "--aa", *more)[1] for more in asked)
    assert one == again
    assert len({one, other, longer}) == 3
    plain = studies("check", table, "--plan", plan)[1]
    assert one.startswith(f"{plain}A/A test: ")


def test_check_aa_shows_no_value_and_no_small_cell(studies, table, tmp_path):
    customers = pd.read_csv(table).assign(activated=1)
    customers.loc[0, "revenue"] = 987654.25  # the canary
    customers.to_csv(table, index=False)
    plan = write_plan(tmp_path, 0.5)
    plan.write_text(plan.read_text() + "  revenue: {kind: amount, role: secondary}\n")
    status, shown, _ = studies("check", table, "--plan", plan, "--aa", 100)
    everybody, revenue = shown.splitlines()[-2:]
    assert status == 0 and "987654" not in shown and "cust-" not in shown
    assert everybody.split() == ["activated", "miettinen-nurminen", "none", "under", "10", "too", "few", "to", "say"]
    assert revenue.startswith("revenue ")


def test_check_aa_names_the_treatment_where_there_are_several_and_says_what_is_not_resplit(studies, tmp_path):
    arms = ["old", "new", "newer"]
    frame = pd.DataFrame({"customer_id": range(90), "variant": arms * 30, "team": range(90), "grade": [1, 2, 3] * 30})
    frame.assign(activated=[0, 1, 1, 0, 1] * 18).to_csv(tmp_path / "three.csv", index=False)
    plan = write_plan(tmp_path, 0.5)
    text = plan.read_text().replace("[new], split: {old: 0.5, new: 0.5}", "[new, newer], split: unknown")
    plan.write_text(text.replace("metrics:", "cluster: team\nmetrics:") + "  grade: {kind: score, scale: ordered}\n")
    _, shown, _ = studies("check", tmp_path / "three.csv", "--plan", plan, "--aa", 100)
    told, _, *rows = shown.splitlines()[-6:]
    assert "every team of all arms is put into an arm at random (as found; seed 1)" in told
    assert [row[:17].strip() for row in rows] == [f"{m} ({arm})" for m in ("activated", "grade") for arm in arms[1:]]
    reason = "not resplit: clusters are randomised, and ordered scores are compared by unit only"
    assert all(row.endswith(reason) for row in rows[2:])


def test_check_aa_tells_a_terminal_how_far_it_is(studies, table, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    _, _, message = studies("check", table, "--plan", write_plan(tmp_path, 0.5), "--aa", 100)
    assert message.split("\x1b[2K")[1:] == [f"{done} of 100 splits\r" for done in (25, 50, 75)] + ["\r"]


def test_simulate_writes_tables_and_truth_decided_by_the_seed(studies, tmp_path):
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        _, shown, _ = studies("simulate", "proactive_help", "--to", tmp_path / folder, "--units", 300, "--seed", seed)
        files = "assignments.parquet, events.parquet, units.parquet, truth.json"
        assert shown.startswith(f"{tmp_path / folder}: {files}\n")
    a, b, c = ((tmp_path / folder / "events.parquet").read_bytes() for folder in "abc")
    assert a == b != c
    truth = json.loads((tmp_path / "a" / "truth.json").read_text())
    assert truth["effects"] and len(pd.read_parquet(tmp_path / "a" / "units.parquet")) == 300


def test_simulate_again_changes_nothing_and_refuses_other_tables_and_studies(studies, tmp_path, monkeypatch):
    arguments = ["simulate", "proactive_help", "--to", tmp_path / "made", "--units", 300]
    assert studies(*arguments)[0] == studies(*arguments)[0] == 0
    names = "assignments.parquet, events.parquet, units.parquet"  # the truth does not depend on the seed
    message = f"studies: made: holds another {names}; name a new folder, or move them away\n"
    assert studies(*arguments, "--seed", 99) == (2, "", message)
    monkeypatch.chdir(tmp_path / "made")
    assert studies(*arguments[:3], ".", *arguments[4:], "--seed", 99) == (2, "", message)
    known = "proactive_help, live_support, customer_milestones, in_app_support, support_metrics, experiment"
    message = f"studies: simulation: no study of that name can be simulated; known: {known}\n"
    assert studies("simulate", "nosuch", "--to", tmp_path / "other") == (2, "", message)


def test_simulate_follows_the_plan_it_is_given(studies, tmp_path):
    studies("simulate", "experiment", "--to", tmp_path / "made", "--units", 200, "--plan", write_plan(tmp_path, 0.5))
    assert {"customer_id", "variant", "activated"} <= set(pd.read_parquet(tmp_path / "made" / "units.parquet"))


def test_simulate_and_check_of_accounts(studies, made):
    folder = made[1]
    assert sorted(file.name for file in folder.iterdir()) == ["accounts.parquet", "events.parquet", "truth.json"]
    files = folder / "accounts.parquet", "--events", folder / "events.parquet"
    status, shown, message = studies("check", *files, "--plan", "customer_milestones")
    assert (status, message) == (0, "")
    assert shown.startswith(
        "         600  read: rows of the table\n"
        "           0  exact duplicates dropped: rows that repeat another in every column\n"
        "         600  kept: one row an account\n"
    )
    told = [line.split()[1] for line in shown.splitlines() if line.split()[0] in ("pass", "unclear", "fail")]
    assert told[:4] == ["enough_accounts:", "landmark_in_data:", "follow_up:", "duplicates:"]
    assert shown.endswith("\nA study of these accounts would answer.\n")


def test_check_of_accounts_says_when_there_is_nothing_to_compare(studies, tmp_path):
    (tmp_path / "plan.yaml").write_text(
        "kind: framework\ntitle: T\nquestion: Q?\nunit_id: id\noutcomes: {retained: {column: gone, time: months}}\n"
    )
    (tmp_path / "a.csv").write_text("id,gone,months\na,0,3\nb,1,4\n")
    _, shown, _ = studies("check", tmp_path / "a.csv", "--plan", tmp_path / "plan.yaml")
    assert "        fail  enough_accounts: 2 accounts can be compared, too few for any comparison.\n" in shown
    assert shown.endswith("A study of these accounts has nothing to compare.\n")
