import json
import os
import signal
from fnmatch import fnmatch

import pandas as pd
import pytest
import validation_samples as samples

from helpers import checks, paths, report
from helpers import plan as plans

GONE = "no such file; check the name, and the folder it is read from"
NO_PLACE = "reports.yaml: not in this folder; go to your workspace, make one (studies init FOLDER), or say with --out "
NO_PLACE += "DIR where reports go"
TAKEN = "the name 'first' is one of reports.yaml; choose another, or render that run: studies report first"


@pytest.fixture
def asked(monkeypatch):
    """Keep what `report.render` is asked, in the place of rendering; `status` says how that ends."""
    kept = {}
    render = lambda runs, **options: kept.update(runs=runs, **options) or kept.get("status", 0)  # noqa: E731
    monkeypatch.setattr(report, "render", render, raising=False)
    return kept


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("report", NO_PLACE),
        ("report small --name mine", NO_PLACE),  # which is nobody's beside the repository's own
        ("compare first second", "first: no report of this name in reports; studies report makes one"),
        ("share --to runs.zip", NO_PLACE),
        ("report frist", "no run is called 'frist'; did you mean first?"),
        ("report small -p seed=9", "-p and -f need --name NAME: a run with other parameters gets a name of its own"),
        ("report small --name first", TAKEN),
        ("report --name first", TAKEN),
        ("report small --name ../x",
         "a run's name has 1 to 64 of a-z, 0-9, _ and -, and begins with a letter or digit, such as x"),
        ("report --name x", "--name needs one STUDY before it; 0 came"),
        ("report small --name Spring.Review",
         "a run's name has 1 to 64 of a-z, 0-9, _ and -, and begins with a letter or digit, such as spring-review"),
        ("report small --name x -p data=[a.csv,b.csv]", "-p data: write a list as -p data=a.csv -p data=b.csv"),
        ("report --runs runs", "runs: holds no run; write one, such as - {name: mine, study: experiment}"),
        ("report small --name x -p seed", "-p needs KEY=VALUE, such as -p seed=7"),
        ("report small --name x -f list.yaml", "list.yaml: needs lines of the form name: value"),
        ("report small --name x -p seed=100", "parameter seed: needs a whole number from 0 to 99; 100 came"),
        ("report small --name x -p data=gone.csv", f"gone.csv: {GONE}"),  # these before a kernel starts
        ("report small --name x -p data=duckdb:gone.db", f"gone.db: {GONE}"),
        ("describe smal", "no study is called 'smal'; did you mean small?"),
        ("init list.yaml", "list.yaml: is a file; name a new folder"),
        (f"init {paths.REPOSITORY}/mine", "mine: lies inside the repository; name a folder outside it"),
    ],
)  # fmt: skip
def test_a_command_that_cannot_be_done_is_refused_in_one_sentence(
    studies, notebooks, asked, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "runs").write_text("# none yet\n")
    assert studies(*arguments.split()) == (2, "", f"studies: {message}\n")
    assert asked == {} and not (tmp_path / "mine").exists()


def test_report_renders_every_run_or_those_named_with_its_options(studies, notebooks, asked, monkeypatch, tmp_path):
    assert studies("report") == (0, f"{paths.REPORTS / 'index.html'}\n", "")
    assert [(run.name, run.given) for run in asked["runs"]] == [("first", {"seed": 8})]
    assert (asked["out"], asked["jobs"], asked["force"], asked["code"]) == (paths.REPORTS, None, False, False)
    monkeypatch.chdir(tmp_path)
    studies("report", "first", "--jobs", 2, "--force", "--code", "--out", "there")
    assert (asked["out"], asked["jobs"], asked["force"], asked["code"]) == (tmp_path / "there", 2, True, True)


def test_report_reads_runs_of_a_folder_of_her_own(studies, notebooks, asked, tmp_path):
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
def test_report_ends_with_the_path_of_the_index_unless_interrupted(studies, notebooks, asked, tmp_path, status):
    asked["status"] = status
    shown = "" if status == 130 else f"{tmp_path / 'index.html'}\n"
    assert studies("report", "--out", tmp_path) == (status, shown, "")


def test_report_tells_what_each_run_answers_unless_it_failed(studies, notebooks, asked, tmp_path):
    folder = tmp_path / "first"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"card": {"answer": "It pays by 2 %."}}))
    lines = ["first: It pays by 2 %.", f"  {folder / 'report.html'}", f"{tmp_path / 'index.html'}"]
    assert studies("report", "--out", tmp_path)[1].splitlines() == lines
    (folder / "failed.html").touch()
    assert studies("report", "--out", tmp_path)[1].splitlines() == lines[2:]
    (folder / "failed.html").unlink()
    (folder / "run.json").write_text('{"files": {}}')  # of no run of ours
    assert studies("report", "--out", tmp_path)[1].splitlines() == lines[2:]


def test_report_makes_one_run_with_other_parameters_and_p_wins_over_the_file(
    studies, notebooks, asked, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    for name in ("a=.csv", "b.csv"):
        (tmp_path / name).touch()
    (tmp_path / "p.yaml").write_text("seed: 5\nscheme: dark\neffect:\n")
    given = ["-f", "p.yaml", "-p", "seed=9", "-p", "data=a=.csv", "-p", "data=b.csv"]
    studies("report", "small", "--name", "other", *given, "--out", "there")
    [run] = asked["runs"]
    files = [str(tmp_path / "a=.csv"), str(tmp_path / "b.csv")]
    assert asked["out"] == tmp_path / "there"
    assert (run.name, run.study) == ("other", "small")
    assert run.given == {"seed": 9, "scheme": "dark", "effect": None, "data": files}


def test_list_shows_runs_and_studies(studies, notebooks, tmp_path):
    assert studies("list")[1] == (
        "Runs: studies report RUN ...\n"
        "  first  small  seed=8\n"
        "Studies: studies report STUDY --name NAME -p KEY=VALUE ...\n"
        "  small  Does it pay?\n"
    )
    (tmp_path / "own.yaml").write_text("- {name: other, study: small}\n")
    assert "  other  small\n" in studies("list", "--runs", tmp_path / "own.yaml")[1]


def test_describe_shows_every_parameter(studies, notebooks):
    lines = studies("describe", "small")[1].splitlines()
    assert lines[0] == "small: Does it pay?"
    told = [" ".join(line.split()) for line in lines[1:]]
    assert told == [
        "parameter type default range unit meaning",
        'plan str "plan.yaml" path what was decided',
        'data str|list "simulated" path the table',
        "seed int 7 [0, 99] seed of the random numbers",
        "effect float none [, 1] points planted effect",
        "as_of str as planned date last day",
        'scheme str "light" {light, dark} colours',
    ]


@pytest.fixture
def methods(notebooks, write_notebook):
    """Put the page of methods, to which reports link, among the notebooks."""
    write_notebook(notebooks / "methods.ipynb", "seed: int = 7  # [0, 99]; ; seed\n")


def test_init_makes_a_workspace_that_can_run_and_writes_over_none(studies, notebooks, methods, tmp_path):
    hers = (notebooks / "small.ipynb").read_text()
    ours = hers.replace('\\"plan.yaml', '\\"jobs_ii').replace('\\"simulated', '\\"public:jobs_ii')
    (notebooks / "experiment.ipynb").write_text(ours)
    mine = tmp_path / "mine"
    told = f"{mine}: plan.yaml, reports.yaml, experiment.ipynb, README.md\nnext: cd {mine} && studies report\n"
    assert studies("init", mine)[1] == told
    run, page = report.read_runs(mine / "reports.yaml")
    assert (page.name, page.notebook) == ("methods", notebooks / "methods.ipynb")
    assert run.notebook == mine / "experiment.ipynb"  # which opens with her plan, not with somebody's experiment
    assert run.notebook.read_text() == hers != ours
    assert run.given == {"plan": str(mine / "plan.yaml"), "data": "simulated"}
    assert list(plans.read(run.given["plan"]).design.by_role("primary")) == ["activated"]
    ignored = (mine / ".gitignore").read_text().splitlines()
    files = ["a.csv", "a.tsv.gz", "a.txt", "a.json", "a.jsonl", "a.ndjson", "a.parquet", "a.pq", "a.xlsx", "share.zip"]
    assert {"reports/", ".env"} <= set(ignored)
    assert all(any(fnmatch(file, pattern) for pattern in ignored) for file in files)
    assert not any(fnmatch(file, pattern) for pattern in ignored for file in ("plan.yaml", "experiment.ipynb"))
    assert "`experiment.ipynb` is your copy" in (mine / "README.md").read_text()
    (mine / "plan.yaml").write_text("hers")
    files = "plan.yaml, experiment.ipynb, reports.yaml, README.md, .gitignore"
    message = f"studies: mine: holds {files} already; name a new folder, or move them away\n"
    assert studies("init", mine) == (2, "", message) and (mine / "plan.yaml").read_text() == "hers"


def test_in_a_workspace_no_command_needs_to_be_told_where_it_is(
    studies, notebooks, methods, asked, tmp_path, monkeypatch
):
    (notebooks / "experiment.ipynb").write_bytes((notebooks / "small.ipynb").read_bytes())
    assert studies("init", tmp_path / "my work")[1].endswith(f"next: cd '{tmp_path / 'my work'}' && studies report\n")
    monkeypatch.chdir(tmp_path / "my work")
    assert studies("report") == (0, f"{tmp_path / 'my work' / 'reports' / 'index.html'}\n", "")
    run, page = asked["runs"]
    assert page.name == "methods"
    monkeypatch.setattr(paths, "REPOSITORY", notebooks)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert studies("init", ".")[1].endswith("\nnext: studies report\n")
    monkeypatch.chdir(tmp_path / "my work")
    assert (run.name, run.notebook) == ("my_experiment", tmp_path / "my work" / "experiment.ipynb")
    studies("report", "experiment", "--name", "again", "-p", "seed=9")
    [run] = asked["runs"]
    assert (run.notebook, asked["out"]) == (tmp_path / "my work" / "experiment.ipynb", tmp_path / "my work" / "reports")
    assert "  my_experiment  experiment  " in studies("list")[1] and "  first  " not in studies("list")[1]
    monkeypatch.chdir(notebooks)  # where our own runs stand, the folder of ours is meant
    studies("report", "--runs", paths.RUNS)
    assert asked["out"] == paths.REPORTS


def test_init_of_customers_brings_a_plan_of_few_names_and_not_the_article_s(studies, tmp_path):
    assert studies("init", tmp_path / "mine", "--study", "customer_milestones")[0] == 0
    text = (tmp_path / "mine" / "plan.yaml").read_text(encoding="utf-8")
    assert len(plans.read(str(tmp_path / "mine" / "plan.yaml"), kind="framework").design.features) == 3
    assert "article" not in text


@pytest.fixture
def grid(monkeypatch, asked):
    """Measure nothing: the grid is two cells, their values are made by hand; returns what was asked."""

    def list_cells(guarantees, depth, *, replicates=None):
        asked.update(guarantees=guarantees, depth=depth, replicates=replicates)
        return ["first", "second"]

    def measure_cells(cells, guarantees, *, progress, **options):
        asked.update(options, jobs_measuring=options["jobs"], cells=cells)
        for done, _ in enumerate(cells, 1):
            progress(done, len(cells))
        if asked.get("interrupt"):
            os.kill(os.getpid(), asked["interrupt"])
        return pd.DataFrame()

    asked["judged"] = samples.cells().query("guarantee != 'Fieller lift'")
    monkeypatch.setattr(checks, "list_cells", list_cells, raising=False)
    monkeypatch.setattr(checks, "measure_cells", measure_cells, raising=False)
    monkeypatch.setattr(checks, "judge_cells", lambda frame, **_: asked["judged"], raising=False)
    return asked


def test_validate_measures_the_deep_grid_and_renders_its_report(studies, grid, tmp_path):
    status, shown, said = studies("validate", "--out", tmp_path, "--jobs", 2, "--replicates", 30)
    assert (status, shown) == (0, f"{tmp_path / 'validation-deep' / 'report.html'}\n")
    begins = "validation-deep: 2 cells to measure or to find measured\n"
    assert said == begins + "validation-deep: 1 of 2 cells measured\nvalidation-deep: 2 of 2 cells measured\n"
    store = tmp_path / ".private" / ".work" / "validation"
    assert store.is_dir() and (tmp_path / ".private").stat().st_mode & 0o077 == 0
    assert (grid["depth"], grid["replicates"], grid["store"], grid["out"]) == ("deep", 30, store, tmp_path)
    assert (grid["confidence_level"], grid["seed"], grid["cells"]) == (0.95, 2022, ["first", "second"])
    [run] = grid["runs"]
    assert (run.name, run.study, grid["jobs_measuring"]) == ("validation-deep", "validation", 2)
    assert run.given == {"depth": "deep", "measured": str(store), "replicates": 30}


def test_validate_fails_when_a_method_breaks_its_promise_and_keeps_the_report(studies, grid, tmp_path, monkeypatch):
    grid["judged"] = samples.cells()
    monkeypatch.setattr("helpers.report.pipeline.count_cores", lambda: 7)
    status, shown, said = studies("validate", "--out", tmp_path)
    assert grid["jobs_measuring"] == 7 and grid["replicates"] is None
    assert (status, shown) == (1, f"{tmp_path / 'validation-deep' / 'report.html'}\n")
    assert said.endswith("studies: 1 method breaks its promise: Fieller lift\n")
    grid["judged"] = samples.cells().assign(verdict="fails")
    grid["status"] = 2
    status, _, said = studies("validate", "--out", tmp_path)  # how rendering ended counts more
    assert status == 2 and "studies: 5 methods break their promise: Welch difference, Fieller lift," in said


def test_validate_stops_after_some_minutes_and_records_what_it_found(studies, grid, tmp_path):
    status, _, _ = studies("validate", "--out", tmp_path, "--minutes", 5, "--record", tmp_path / "deep.csv")
    assert (status, grid["minutes"]) == (0, 5)
    kept = pd.read_csv(tmp_path / "deep.csv")
    names = ["Welch difference", "Miettinen-Nurminen difference", "Always-valid sequence", "Weekly trend"]
    assert list(kept) == list(checks.read_deep()) and kept["guarantee"].tolist() == names
    assert kept["least_draws"].tolist()[0] == 400 and kept["seed"].unique().tolist() == [2022]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "terminate"])
def test_validate_interrupted_says_that_it_goes_on(studies, grid, tmp_path, number):
    grid["interrupt"] = number
    status, shown, said = studies("validate", "--out", tmp_path)
    assert (status, shown) == (130, "") and "runs" not in grid
    assert said.endswith("studies: interrupted; what is measured is kept, run it again to go on\n")


def test_validate_refuses_before_it_measures(studies, grid, tmp_path):
    message = "studies: parameter replicates: needs a whole number from 20 to 1000000; 1 came\n"
    assert studies("validate", "--out", tmp_path, "--replicates", 1) == (2, "", message)
    (tmp_path / "file").touch()
    message = "studies: file: the folder cannot be written (Not a directory); choose another with --out\n"
    assert studies("validate", "--out", tmp_path / "file") == (2, "", message)
    message = "studies: deep.csv: its folder is not there; make it first\n"
    assert studies("validate", "--out", tmp_path, "--record", tmp_path / "none" / "deep.csv") == (2, "", message)
    assert "cells" not in grid
