import json
from dataclasses import asdict
from types import SimpleNamespace

import pytest
from tiny_study import payload

from helpers.cli import comparing
from helpers.records import Estimate

FIGURES = {"estimate": 2.0, "std_error": 0.5, "ci_low": 1.0, "ci_high": 3.0, "p_value": 0.01, "control_value": 1.0}
FIGURES |= {"treatment_value": 3.0, "n_control": 20, "n_treatment": 20, "verdict": "clear benefit"}
ESTIMATE = asdict(Estimate("sales", "sales", "old", "new", "new - old", "difference", **FIGURES))
WHOLE = payload(SimpleNamespace(name="one", values={}))["results"]
RESULTS = {"study": "experiment", "data": {"kind": "yours", "rows": 40, "sha256": "a" * 64}, "parameters": {"seed": 1}}
RESULTS = {**WHOLE, **RESULTS, "plan": {}}
RECORD = {"head": "b" * 40, "versions": {"pandas": "3.1.1"}}


@pytest.fixture
def write_run(tmp_path):
    """Return a function that writes a run's records into a folder of reports, and the folder."""

    def write(name, estimates, record=RECORD, **other):
        (tmp_path / name).mkdir()
        results = {**RESULTS, "estimates": estimates, **other}
        (tmp_path / name / "results.json").write_text(json.dumps(results))
        (tmp_path / name / "run.json").write_text(json.dumps(record))
        return tmp_path

    return write


@pytest.fixture
def tell(studies):
    """Return a function that compares two runs of a folder; gives the lines, each without what aligns it."""

    def told(out, *names):
        status, shown, message = studies("compare", *names, "--out", out)
        assert (status, message) == (0, "")
        return [" ".join(line.split()) for line in shown.splitlines()]

    return told


MOVED = [
    "1 of 2 estimates moved or have another verdict; 0 only in spring, 0 only in summer",
    "in 1 only limits and p-values moved, as their level or the kind of look is another",
]


def test_compare_tells_what_moved_by_how_much_and_what_differs(tell, write_run):
    lone = {**ESTIMATE, "id": "visits"}
    moved = {**ESTIMATE, "id": "price", "estimate": None, "verdict": "not estimable"}
    write_run("spring", [ESTIMATE, {**ESTIMATE, "id": "price"}, {**ESTIMATE, "id": "same"}, lone])
    changed, same = {**ESTIMATE, "estimate": 2.5, "ci_high": 4.0}, {**ESTIMATE, "id": "same", "estimate": 2.0 + 1e-12}
    record = {"head": "c" * 40, "versions": {"pandas": "3.2.0"}}
    other = {"data": {"kind": "yours", "rows": 50, "sha256": "d" * 64}, "plan": {"file": "new.yaml"}}
    other |= {"parameters": {"seed": 1, "data": "new.csv"}}
    assert (
        tell(write_run("summer", [changed, moved, same], record, **other), "spring", "summer")
        == """\
spring -> summer, two runs of experiment
what differs
data rows 40 -> 50
data content aaaaaaaaaa -> dddddddddd
plan file none -> new.yaml
parameters data none -> new.csv
code commit bbbbbbbbbb -> cccccccccc
code pandas 3.1.1 -> 3.2.0
2 of 3 estimates moved or have another verdict; 1 only in spring, 0 only in summer
estimate spring summer moved of its doubt verdict
price 2 [1, 3] none clear benefit -> not estimable
sales 2 [1, 3] 2.5 [1, 4] +0.5 50% clear benefit
of its doubt: the move in half widths of the interval that the estimate had before
data, plan, parameters and code differ: which of them moved a figure, only a run that changes one of them can tell
""".splitlines()
    )


def test_compare_of_equal_runs_says_that_nothing_differs(tell, write_run):
    write_run("spring", [ESTIMATE])
    told = tell(write_run("again", [ESTIMATE]), "spring", "again")
    assert told[1] == "what differs nothing that a run records"
    assert told[2] == "0 of 1 estimates moved or have another verdict; 0 only in spring, 0 only in again"


def test_compare_tells_what_the_plan_decides_before_segments_and_other_choices():
    roles = {"country=DE": "exploratory", "winsorised": "sensitivity", "visits": "secondary", "sales": "primary"}
    was = [{**ESTIMATE, "id": name, "role": role} for name, role in roles.items()]
    now = [{**one, "estimate": 2.1} for one in was]
    now[0] |= {"estimate": 2.9, "verdict": "no clear difference"}  # moved most, and decides nothing
    now[3] |= {"estimate": 2.2}
    moved, _ = comparing.list_moves({"estimates": was}, {"estimates": now})
    assert [name for name, *_ in moved] == ["sales", "visits", "country=DE", "winsorised"]


@pytest.mark.parametrize("figure", ["estimate", "ci_low", "ci_high", "p_value", "p_value_adjusted", "verdict"])
def test_an_estimate_has_moved_when_any_figure_that_is_read_from_it_has(figure):
    other = {**ESTIMATE, figure: "no clear difference" if figure == "verdict" else 0.5}
    rows, counts = comparing.list_moves({"estimates": [ESTIMATE]}, {"estimates": [other]})
    assert (len(rows), counts) == (1, {"both": 1, "moved": 1, "level": 0, "gone": 0, "new": 0})


def test_compare_refuses_what_is_no_pair_of_one_study(studies, write_run):
    write_run("spring", [ESTIMATE])
    out = write_run("other", [ESTIMATE], study="live_support")
    for name, told in (
        ("other", "spring is a run of experiment, other one of live_support; name two runs of one study"),
        ("spring", "spring: named twice; name two runs"),
        ("winter", f"winter: no report of this name in {out.name}; studies report makes one"),
    ):
        assert studies("compare", "spring", name, "--out", out) == (2, "", f"studies: {told}\n")


LACKING = [{"estimates": None}, {"estimates": [{"id": "sales"}]}, {"data": []}, {"plan": "p"}, {"schema": 0}]


@pytest.mark.parametrize("damage", ["", "[]", "{}", *LACKING])
def test_compare_refuses_results_that_are_damaged(studies, write_run, damage):
    out = write_run("spring", [ESTIMATE])
    write_run("autumn", [ESTIMATE])
    text = damage if isinstance(damage, str) else json.dumps({**RESULTS, "estimates": [ESTIMATE], **damage})
    (out / "autumn" / "results.json").write_text(text)
    told = "studies: autumn: results.json is damaged, or of another version; make the report anew with --force\n"
    assert studies("compare", "spring", "autumn", "--out", out) == (2, "", told)


def test_compare_tells_a_change_of_the_plan_key_by_key(tell, write_run):
    spring = {"title": "Help links", "metrics": {"sales": {"role": "primary", "worthwhile": "0.02"}}}
    summer = {"metrics": {"sales": {"worthwhile": "0.03"}}, "looks": ["0.5", "1"], "features": [{"name": "inbox"}]}
    spring["features"], summer["title"] = [{"name": "rules"}, {"name": "inbox"}], "Help links"
    write_run("spring", [ESTIMATE], {**RECORD, "plan": spring}, plan={"file": "plan.yaml", "sha256": "e" * 64})
    out = write_run("summer", [ESTIMATE], {**RECORD, "plan": summer}, plan={"file": "plan.yaml", "sha256": "f" * 64})
    write_run("fall", [ESTIMATE], {**RECORD, "plan": summer}, plan={"file": "plan.yaml", "sha256": "0" * 64})
    write_run("old", [ESTIMATE], plan={"file": "plan.yaml", "sha256": "1" * 64})

    found = [
        [line.removeprefix("plan ") for line in tell(out, *names) if line.startswith("plan ")]
        for names in (("spring", "summer"), ("summer", "fall"), ("summer", "old"))
    ]
    features, looks = "features.rules.name rules -> none", "looks none -> [0.5, 1]"
    changed = ["metrics.sales.role primary -> none", "metrics.sales.worthwhile 0.02 -> 0.03", features, looks]
    assert found == [changed, ["comments alone; each key is as it was"], ["content ffffffffff -> 1111111111"]]


def test_limits_of_another_confidence_level_have_not_moved(tell, write_run):
    wide, other = {**ESTIMATE, "ci_low": 1.2, "ci_high": 2.8, "confidence_level": 0.9}, {**ESTIMATE, "id": "visits"}
    write_run("spring", [ESTIMATE, other], parameters={"confidence_level": None})
    departed = {"departures": [{"parameter": "confidence_level", "planned": 0.95, "used": 0.9}]}
    turned = {**other, "ci_low": 1.2, "confidence_level": 0.9, "verdict": "no clear difference"}
    out = write_run("summer", [wide, turned], parameters={"confidence_level": 0.9}, plan=departed)
    told = tell(out, "spring", "summer")
    assert told[2:5] == ["parameters confidence_level 0.95 (as planned) -> 0.9", *MOVED]
    assert told[6] == "visits 2 [1, 3] 2 [1.2, 3] +0 0% clear benefit -> no clear difference"


def test_an_interim_look_is_compared_with_the_end(tell, write_run):
    wide = {"interval": "always-valid", "ci_low": 0.2, "ci_high": 3.8, "p_value": 0.03}
    first = {**ESTIMATE, **wide, "id": "sales:new - old:difference:covariates:always-valid:lin, always-valid"}
    write_run("spring", [first, {**ESTIMATE, **wide, "id": "visits:always-valid"}])
    last = {**ESTIMATE, "id": "sales:new - old:difference:covariates:lin"}
    out = write_run("summer", [last, {**ESTIMATE, "id": "visits", "estimate": 2.5}])
    told = tell(out, "spring", "summer")
    assert told[2:5] == ["look intervals always-valid -> fixed", *MOVED]
    assert told[6] == "visits 2 [0.2, 3.8] 2.5 [1, 3] +0.5 28% clear benefit"


@pytest.mark.parametrize("record", ["", "[]", '{"versions": []}', '{"head": 4, "versions": {"pandas": [1]}}'])
def test_compare_does_without_a_record_that_is_damaged(studies, write_run, record):
    out = write_run("spring", [ESTIMATE])
    write_run("autumn", [{**ESTIMATE, "estimate": 2.5}])
    (out / "autumn" / "run.json").write_text(record)
    status, shown, message = studies("compare", "spring", "autumn", "--out", out)
    assert (status, message) == (0, "") and "1 of 1 estimates moved or" in shown
