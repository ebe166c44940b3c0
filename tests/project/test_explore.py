"""Each notebook's cells to explore from: three at least, run as they stand, and left out of the report."""

import json

import matplotlib
import notebook_cells
import pytest

matplotlib.use("Agg")


def list_exploring(study):
    """Return the code cells between "Explore from here" and the last: their tags and source."""
    cells = json.loads((notebook_cells.NOTEBOOKS / f"{study}.ipynb").read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    first = next(place for place, text in enumerate(texts) if text.startswith("## Explore from here"))
    return [(cell["metadata"].get("tags"), text) for cell, text in zip(cells, texts, strict=True)][first + 1 : -1]


@pytest.mark.parametrize("study", list(notebook_cells.SMALL))
def test_cells_to_explore_from_run_as_they_stand_and_write_nothing(study, tmp_path, monkeypatch):
    exploring = list_exploring(study)
    assert len(exploring) >= 3 and all(tags == ["remove-cell"] for tags, _ in exploring)
    assert "seaborn" in exploring[0][1] and ".to_csv(export" in exploring[-1][1]
    assert any("by = " in text or "slide(" in text for _, text in exploring)
    cells = notebook_cells.start(tmp_path, study, {})
    *before, (last, _, _) = cells.statements
    space = dict(cells.reach(len(before)))
    exec(last, space)
    monkeypatch.chdir(tmp_path)
    for _, text in exploring:
        exec(compile(text, study, "exec"), space)
    assert space["text"].count("\n") >= 1 and not list(tmp_path.iterdir())
    matplotlib.pyplot.close("all")
