"""Small tables for the tests of sources: a plan of one's own and files written cell by cell."""

import pytest
from sources_samples import FIVE, PLAN, tell_refusal

from helpers import plan, sources


@pytest.fixture
def design(tmp_path):
    """Return a function: the design of a plan given as YAML."""

    def make(text=PLAN):
        file = tmp_path / "plan.yaml"
        file.write_text(text, encoding="utf-8")
        return plan.read(str(file), kind=None).design

    return make


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a text or bytes to a file of some name and gives its path as text."""

    def make(content, name="units.csv"):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(file)

    return make


@pytest.fixture
def load(design, write):
    """Return a function that loads a table given as text, by the small plan."""

    def make(content=FIVE, *, name="units.csv", plan_text=PLAN, **more):
        return sources.load(design(plan_text), write(content, name), **more)

    return make


@pytest.fixture
def refusal(load):
    """Return a function that loads a table given as text and gives the message of its refusal."""
    return lambda *given, **more: tell_refusal(load, *given, **more)
