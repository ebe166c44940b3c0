import nbformat
import yaml

from helpers import paths, report
from helpers import plan as plans
from helpers.cli import workspace


def prepare(notebooks):
    """Put a notebook called experiment among the notebooks."""
    (notebooks / "experiment.ipynb").write_bytes((notebooks / "small.ipynb").read_bytes())


def test_init_makes_a_workspace_that_can_run(studies, notebooks, tmp_path):
    prepare(notebooks)
    status, shown, _ = studies("init", tmp_path / "mine")
    assert status == 0
    assert f"studies report --runs {tmp_path}/mine/reports.yaml --out {tmp_path}/mine/reports" in shown
    [run] = report.read_runs(tmp_path / "mine" / "reports.yaml")
    assert run.notebook == tmp_path / "mine" / "experiment.ipynb"
    assert run.given == {"plan": str(tmp_path / "mine" / "plan.yaml"), "data": "simulated"}
    design = plans.read(run.given["plan"]).design
    assert list(design.by_role("primary")) == ["activated"]


def test_init_refuses_files_that_exist_and_changes_none(studies, notebooks, tmp_path):
    prepare(notebooks)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "plan.yaml").write_text("hers")
    message = "studies: mine: holds plan.yaml already; name a new folder, or move them away\n"
    assert studies("init", tmp_path / "mine") == (2, "", message)
    assert [(f.name, f.read_text()) for f in (tmp_path / "mine").iterdir()] == [("plan.yaml", "hers")]


def test_init_refuses_the_repository(studies):
    message = "studies: mine: lies inside the repository; name a folder outside it\n"
    assert studies("init", paths.REPOSITORY / "mine") == (2, "", message)


def test_init_refuses_a_file(studies, tmp_path):
    (tmp_path / "mine").write_text("x")
    assert studies("init", tmp_path / "mine") == (2, "", "studies: mine: is a file; name a new folder\n")


def test_workspace_readme_commands_name_its_files():
    [run] = yaml.safe_load(workspace.RUNS.format(study="experiment"))
    assert run["parameters"]["plan"] in workspace.README
    assert f"{run['study']}.ipynb" in workspace.README.format(study="experiment")


def test_init_of_another_study_copies_its_notebook_and_its_plan(studies, notebooks, tmp_path, monkeypatch):
    (tmp_path / "plan.yaml").write_text("kind: framework\n")
    monkeypatch.chdir(tmp_path)  # where the plan of the small study, which is named by its path, begins
    status, shown, _ = studies("init", tmp_path / "mine", "--study", "small")
    assert status == 0
    assert shown.startswith(f"{tmp_path}/mine: plan.yaml, reports.yaml, small.ipynb, README.md\n")
    assert (tmp_path / "mine" / "plan.yaml").read_text() == "kind: framework\n"
    [run] = report.read_runs(tmp_path / "mine" / "reports.yaml")
    assert (run.name, run.study, run.notebook) == ("my_small", "small", tmp_path / "mine" / "small.ipynb")


def test_init_refuses_a_study_that_reads_no_table(studies, notebooks, tmp_path):
    notebook = nbformat.read(notebooks / "small.ipynb", as_version=4)
    notebook.cells[1].source = "seed: int = 7  # [0, 99]; ; seed\n"
    nbformat.write(notebook, notebooks / "grid.ipynb")
    message = "studies: grid: reads no table of yours, so that it needs no workspace; studies report grid\n"
    assert studies("init", tmp_path / "mine", "--study", "grid") == (2, "", message)
    assert not (tmp_path / "mine").exists()


def test_init_refuses_an_unknown_study(studies, notebooks, tmp_path):
    message = "studies: no study is called 'smal'; did you mean small?\n"
    assert studies("init", tmp_path / "mine", "--study", "smal") == (2, "", message)
