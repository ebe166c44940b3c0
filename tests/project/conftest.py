"""The first run once more, rendered by another command."""

import pytest
import yaml


@pytest.fixture(scope="session")
def again(run_studies, runs, tmp_path_factory):
    """Return the folder in which another command has rendered the first run."""
    first, folder = yaml.safe_load(runs.read_text())[0]["name"], tmp_path_factory.mktemp("again")
    done = run_studies("report", first, "--runs", runs, "--out", folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith(f"\n{folder / 'index.html'}\n")
    return folder
