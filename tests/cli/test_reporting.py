import pytest

from helpers import paths, report
from helpers.cli import reporting


def catch_render(monkeypatch, status=0):
    """Keep what `report.render` is asked, in the place of rendering."""
    asked = {}
    monkeypatch.setattr(
        report, "render", lambda runs, **options: asked.update(runs=runs, **options) or status, raising=False
    )
    return asked


def test_report_renders_every_run(studies, notebooks, monkeypatch):
    asked = catch_render(monkeypatch)
    assert studies("report") == (0, f"{paths.REPORTS / 'index.html'}\n", "")
    assert [(run.name, run.given) for run in asked["runs"]] == [("first", {"seed": 8})]
    assert (asked["out"], asked["jobs"], asked["force"], asked["code"]) == (paths.REPORTS, None, False, False)


def test_report_passes_on_options_and_status(studies, notebooks, monkeypatch, tmp_path):
    asked = catch_render(monkeypatch, status=1)
    monkeypatch.chdir(tmp_path)
    assert studies("report", "first", "--jobs", 2, "--force", "--code", "--out", "there")[0] == 1
    assert (asked["out"], asked["jobs"], asked["force"], asked["code"]) == (tmp_path / "there", 2, True, True)


def test_report_refuses_an_unknown_run(studies, notebooks):
    assert studies("report", "frist") == (2, "", "studies: no run is called 'frist'; did you mean first?\n")


def test_report_reads_runs_of_a_folder_of_her_own(studies, notebooks, monkeypatch, tmp_path):
    asked = catch_render(monkeypatch)
    file = tmp_path / "mine.yaml"
    file.write_text("- {name: own, study: small, parameters: {data: t.csv}}\n")
    studies("report", "--runs", file, "--out", tmp_path / "out")
    assert [(run.name, run.given) for run in asked["runs"]] == [("own", {"data": str(tmp_path / "t.csv")})]
    assert asked["out"] == tmp_path / "out"
    studies("report", "--runs", file)  # never into the repository's own reports
    assert asked["out"] == tmp_path / "reports"
    studies("report", "--runs", paths.RUNS)
    assert asked["out"] == paths.REPORTS


@pytest.mark.parametrize("status", [0, 1, 2, 130])
def test_report_ends_with_the_path_of_the_index_unless_interrupted(studies, notebooks, monkeypatch, tmp_path, status):
    catch_render(monkeypatch, status)
    shown = "" if status == 130 else f"{tmp_path / 'index.html'}\n"
    assert studies("report", "--out", tmp_path) == (status, shown, "")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("data=gone.csv", "gone.csv: no such file; check the name, and the folder it is read from"),
        ("data=duckdb:gone.db", "gone.db: no such file; check the name, and the folder it is read from"),
        ("plan=gone.yaml", "plan gone.yaml: no such file; known plans: KNOWN"),
        ("plan=gone", "plan gone.yaml: no such file; known plans: KNOWN"),
    ],
)
def test_report_refuses_a_file_that_is_not_there_without_a_kernel(studies, notebooks, monkeypatch, given, message):
    asked, known = catch_render(monkeypatch), ", ".join(sorted(file.stem for file in paths.PLANS.glob("*.yaml")))
    refused = f"studies: {message.replace('KNOWN', known)}\n"
    assert studies("report", "small", "--name", "x", "-p", given) == (2, "", refused)
    assert asked == {}


def test_report_makes_one_run_with_other_parameters(studies, notebooks, monkeypatch, tmp_path):
    asked = catch_render(monkeypatch)
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).touch()
    studies("report", "small", "--name", "other", "-p", "seed=9", "-p", "data=a.csv", "-p", "data=b.csv")
    [run] = asked["runs"]
    assert (run.name, run.study) == ("other", "small")
    assert run.given == {"seed": 9, "data": [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]}


def test_report_takes_parameters_from_a_file_and_p_wins(studies, notebooks, monkeypatch, tmp_path):
    asked = catch_render(monkeypatch)
    file = tmp_path / "p.yaml"
    file.write_text("seed: 5\nscheme: dark\neffect:\n")
    studies("report", "small", "--name", "other", "-f", file, "-p", "seed=6")
    assert asked["runs"][0].given == {"seed": 6, "scheme": "dark", "effect": None}


def test_report_refuses_parameters_without_name(studies, notebooks):
    message = "studies: -p and -f need --name NAME: a run with other parameters gets a name of its own\n"
    assert studies("report", "small", "-p", "seed=9") == (2, "", message)


def test_report_refuses_a_name_of_reports_yaml(studies, notebooks):
    message = "studies: the name 'first' is one of reports.yaml; choose another\n"
    assert studies("report", "small", "--name", "first") == (2, "", message)


def test_report_refuses_a_name_that_is_no_folder_name(studies, notebooks):
    message = "studies: a run's name has 1 to 64 of a-z, 0-9, _ and -, and begins with a letter or digit\n"
    assert studies("report", "small", "--name", "../x") == (2, "", message)


def test_report_refuses_a_name_without_one_study(studies, notebooks):
    assert studies("report", "--name", "x") == (2, "", "studies: --name needs one STUDY before it; 0 came\n")


def test_read_given_refuses_what_is_no_pair(studies, notebooks):
    message = "studies: -p needs KEY=VALUE, such as -p seed=7\n"
    assert studies("report", "small", "--name", "x", "-p", "seed") == (2, "", message)


def test_read_given_refuses_a_file_without_names(studies, notebooks, tmp_path):
    (tmp_path / "list.yaml").write_text("- 1\n")
    message = "studies: list.yaml: needs lines of the form name: value\n"
    assert studies("report", "small", "--name", "x", "-f", tmp_path / "list.yaml") == (2, "", message)


def test_read_given_keeps_an_equals_sign_in_the_value():
    assert reporting.read_given(None, ["data=postgres://h/db?a=b"]) == {"data": "postgres://h/db?a=b"}


def test_report_refuses_a_bad_parameter_without_a_kernel(studies, notebooks):
    message = "studies: parameter seed: needs a whole number from 0 to 99; 100 came\n"
    assert studies("report", "small", "--name", "x", "-p", "seed=100") == (2, "", message)
