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
    [run] = yaml.safe_load(workspace.RUNS)
    assert run["parameters"]["plan"] in workspace.README
