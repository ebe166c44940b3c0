"""Columns of views: codes that read as words, and rows that measure different things, each in its own format."""

from dataclasses import replace

import pandas as pd
import pytest
import samples

from helpers.plan.views import Column, find_view
from helpers.records import NAN, DataInfo, Results
from helpers.view.show import write_cell, write_rows

RESULTS = Results("s", "t", "q", "answered", DataInfo("yours", "", "", None, 0, 0, {}), {})
MIXED = Column(label="Value", format="share", by="measure", forms={"median": "wait"})
GAP = Column(label="Gap", format="points", ends=("low", "high"), by="measure", forms={"median": "minutes"})
CELLS = [
    # value, column, the other cells of its row, what is read
    ("days_short", Column(label="M", words={"days_short": "Days short"}), {}, "Days short"),
    ("other_code", Column(label="M", words={"days_short": "Days short"}), {}, "Other code"),
    (0.25, MIXED, {"measure": "within"}, "25.0 %"),
    (44 / 60, MIXED, {"measure": "median"}, "44 seconds"),
    (0.1, GAP, {"measure": "within", "low": 0.05, "high": 0.15}, "+10.0 points [+5.0, +15.0]"),
    (-12.0, GAP, {"measure": "median", "low": -14.0, "high": -10.0}, "-12.0 minutes [-14.0, -10.0]"),
    # one end alone is known
    (0.1, GAP, {"measure": "within", "low": 0.05, "high": NAN}, "+10 points (above +5 points)"),
    (NAN, GAP, {"measure": "median", "low": 14.0, "high": NAN}, "above +14 minutes"),
    (NAN, GAP, {"measure": "median", "low": NAN, "high": NAN}, ""),
    (NAN, GAP, {"measure": "median", "low": 14.0, "high": NAN, "reason": "too few"}, "too few"),
    (36.25, Column(label="Cost", format="cost"), {"unit": "USD an hour"}, "$36"),
    (4.5, Column(label="Cost", format="cost"), {"unit": "USD an hour"}, "$4.50"),
    (0.0, Column(label="Cost", format="cost"), {"unit": "USD an hour"}, "$0"),
    (68.83, Column(label="Net", format="money"), {"unit": "USD"}, "+$69"),
    (1.004, Column(label="Looks", format="times"), {}, "1.00 times"),
    (2.1, Column(label="Looks", format="times"), {}, "2.10 times"),
    (14.12, Column(label="Looks", format="times"), {}, "14.1 times"),
]


@pytest.mark.parametrize(("value", "column", "row", "told"), CELLS)
def test_write_cell_by_its_words_and_by_the_row_it_stands_in(value, column, row, told):
    assert write_cell(value, column, row, RESULTS) == told


def test_a_loss_has_the_digits_of_the_effect_beside_it():
    found = samples.results()
    row = {"metric": "activated", "ci_low": 0.0712, "ci_high": 0.1094}
    assert write_cell(0.00004, Column(label="", format="gap"), row, found) == "0.0 points"
    assert write_cell(0.0904, Column(label="", format="gap"), row | {"ci_low": 0.0901}, found) == "9.04 points"
    assert write_cell(0.0904, Column(label="", format="gap"), {"metric": "activated"}, found) == "9.0 points"


def test_a_treatment_that_all_rows_share_is_told_above_them():
    rows = pd.DataFrame({"metric": "activated", "treatment": ["no_links", "no_links"], "day": [7, 14]})
    view = find_view("experiment", "path")
    assert list(write_rows(rows, view, samples.results())) == ["metric", "day"]
    assert "treatment" in write_rows(rows.assign(treatment=["no_links", "other"]), view, samples.results())


@pytest.mark.parametrize(
    ("kind", "label", "event"), [("yours", "activated", "bezahlt"), ("public", "Activated", "Bezahlt")]
)
def test_labels_and_events_of_her_own_data_stand_as_she_wrote_them(kind, label, event):
    found, sums = samples.results(), pd.DataFrame({"event": ["bezahlt"]})
    found = found.but(data=replace(found.data, kind=kind), tables={**found.tables, "event_sums": sums})
    assert write_cell("activated", Column(label="", format="label"), {}, found) == label
    view = find_view("experiment", "metrics")
    assert write_rows(found.tables["metrics"], view, found)["label"][0] == label
    assert write_rows(sums, find_view("experiment", "event_sums"), found)["event"][0] == event
    assert write_cell("not_supported", Column(label="", format="label"), {}, found) == "Not supported"
