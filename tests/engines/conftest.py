"""Real engines are met by `make engines` alone, which starts them; the SQL that others would get is compiled beside."""

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
collect_ignore = [] if "STUDIES_ENGINES" in os.environ else [file.name for file in HERE.glob("test_*.py")]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Return where the files of all studies stand."""
    return tmp_path_factory.mktemp("files")
