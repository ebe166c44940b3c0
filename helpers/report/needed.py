"""What a notebook reads of other runs: the results that reports.yaml says it needs."""

import json
import os
from pathlib import Path

from helpers import paths
from helpers.records import Refused
from helpers.report.runs import read_yaml
from helpers.report.store import read_results


def read_needed(study, files=None) -> dict[str, dict | None]:
    """Return the results of the runs that a study needs, by name.

    Parameters
    ----------
    study : str
        Its first run in notebooks/reports.yaml says which; the runner says where they lie, else reports/.
    files : str or sequence of str, optional
        Instead of those: one path or several, of results.json files.

    Returns
    -------
    dict: name of the run -> content of its results.json; None where there is none, or one that is damaged or
        of another version.

    Raises
    ------
    Refused: a file that was named is not there, or holds no results.
    """
    if files is None:
        return {name: read_results(Path(file)) or None for name, file in _list_needed(study).items()}
    found = {}
    for file in [files] if isinstance(files, str) else files:
        results = read_results(Path(file))
        if not results:
            told = "holds no results of a run that this version has made; name one of a report, made anew"
            raise Refused(f"runs, {Path(file).name}: {told}")
        found[results["run"]] = results
    return found


def _list_needed(study):
    if "STUDIES_NEEDS" in os.environ:
        return json.loads(os.environ["STUDIES_NEEDS"])
    entry = next((run for run in read_yaml(paths.RUNS) if run["study"] == study), {})
    return {name: paths.REPORTS / name / "results.json" for name in entry.get("needs") or ()}
