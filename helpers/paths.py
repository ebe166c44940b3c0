"""Where things stand: the folders of the repository and how a plan or a notebook is found."""

import os
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
NOTEBOOKS = REPOSITORY / "notebooks"
PLANS = NOTEBOOKS / "plans"
VIEWS = NOTEBOOKS / "views"
RUNS = NOTEBOOKS / "reports.yaml"
DATA = REPOSITORY / "data"
LOCK = REPOSITORY / "requirements.lock"
REPORTS = REPOSITORY / "reports"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where the library has it


def read_words(file):
    """Return what a YAML file of ours holds."""
    return yaml.load(file.read_text(encoding="utf-8"), LOADER)


def plan_file(name, *, base=None):
    """Return the file of a plan that is named without path, or given by path.

    Parameters
    ----------
    name : str
        `jobs_ii` (notebooks/plans/jobs_ii.yaml) or a path, which has an ending.
    base : Path, optional
        Where a relative path starts; the present folder when left out.

    Returns
    -------
    Path: absolute; whether the file exists is for the reader to find out.
    """
    if os.sep not in name and not Path(name).suffix:
        return PLANS / f"{name}.yaml"
    return (Path(base or Path.cwd()) / os.path.expanduser(name)).resolve()


def notebook_file(study):
    """Return the notebook of a study, notebooks/STUDY.ipynb or the workspace copy that the runner names."""
    override = os.environ.get("STUDIES_NOTEBOOK", "")
    if override and Path(override).stem == study:
        return Path(override)
    return NOTEBOOKS / f"{study}.ipynb"
