"""Columns of views: codes that read as words, and rows that measure different things, each in its own format."""

import pytest

from helpers.records import DataInfo, Results
from helpers.view.views import Column, write_cell

RESULTS = Results("s", "t", "q", "answered", DataInfo("yours", "", "", None, 0, 0, {}), {})
MIXED = Column(label="Value", format="share", by="measure", forms={"median": "wait"})
GAP = Column(label="Gap", format="points", ends=("low", "high"), by="measure", forms={"median": "minutes"})
CELLS = [
    # value, column, the other cells of its row, what is read
    ("lag_1", Column(label="M", words={"lag_1": "Correlation"}), {}, "Correlation"),
    ("other_code", Column(label="M", words={"lag_1": "Correlation"}), {}, "Other code"),
    (0.25, MIXED, {"measure": "within"}, "25.0 %"),
    (44 / 60, MIXED, {"measure": "median"}, "44 seconds"),
    (0.1, GAP, {"measure": "within", "low": 0.05, "high": 0.15}, "+10.0 points [+5.0, +15.0]"),
    (-12.0, GAP, {"measure": "median", "low": -14.0, "high": -10.0}, "-12.0 minutes [-14.0, -10.0]"),
    (36.25, Column(label="Cost", format="cost"), {"unit": "USD an hour"}, "$36"),
    (4.5, Column(label="Cost", format="cost"), {"unit": "USD an hour"}, "$4.50"),
]


@pytest.mark.parametrize(("value", "column", "row", "told"), CELLS)
def test_write_cell_by_its_words_and_by_the_row_it_stands_in(value, column, row, told):
    assert write_cell(value, column, row, RESULTS) == told
