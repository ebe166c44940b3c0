"""From judged cells to results: what is counted, which gate fails, and what each table holds."""

import pytest
import validation_samples as samples

from helpers import checks
from helpers.records import Check


def conclude(judged=None, table=None, **changes):
    judged = samples.cells() if judged is None else judged
    table = samples.summary() if table is None else table
    options = {"confidence_level": 0.95, "depth": "quick", **changes}
    return checks.conclude(judged, table, samples.beside(), **options)


def find_check(found, name):
    return next(check for check in found.checks if check.id == name)


def test_count_draws_is_what_was_asked_or_what_the_depth_plans():
    assert checks.count_draws("quick", 20) == checks.count_draws("deep", 20) == 20
    assert checks.count_draws("quick") < checks.count_draws("deep")


def test_conclude_counts_cells_and_draws_by_hand():
    data = conclude().data
    assert [(step, n) for step, n, _ in data.steps] == [
        ("cells in the grid", 8),
        ("inside the method's domain", 6),
        ("outside it", 2),
        ("enumerated exactly", 1),
        ("experiments drawn", 2800),  # seven cells of 400; the enumerated one draws nothing
    ]
    assert (data.kind, data.rows, data.units, data.sha256) == ("simulated", 2800, 2800, None)
    assert data.note == "8 cells of the quick grid, 2,800 experiments drawn, shares enumerated exactly"
    assert "deep grid" in conclude(depth="deep").data.note


def test_conclude_keeps_every_table_and_the_level():
    tables = conclude(confidence_level=0.9).tables
    assert list(tables) == ["metrics", "guarantees", "cells", "peers", "looking", "powers", "settings"]
    assert tables["settings"].to_dict("records") == [{"confidence_level": 0.9, "depth": "quick"}]


def test_conclude_fails_the_gate_of_a_method_that_breaks_its_promise():
    found = conclude()
    told = "4 of 5 methods keep within what they promise in every cell inside their domain."
    assert found.checks[0] == Check("gates", "fail", 4, 5, told)
    broken = find_check(found, "gate of Fieller lift")
    assert (broken.status, broken.value) == ("fail", 0.9)
    assert broken.message == "It promises “nominal within .01” and shows coverage of 90.0 %."
    assert found.status == "answered"


def test_conclude_says_when_no_cell_lies_inside_a_domain():
    table = samples.summary().assign(cells_inside=0)
    told = "It promises “nominal within .01”, and no cell of the grid lies inside its domain."
    assert find_check(conclude(table=table), "gate of Fieller lift").message == told


def test_conclude_passes_when_all_methods_hold():
    found = samples.good()
    assert [(check.id, check.status) for check in found.checks] == [
        ("gates", "pass"),
        ("interval and test", "pass"),
        ("without interval", "pass"),
    ]


@pytest.mark.parametrize(
    ("column", "where", "value", "name", "status", "message"),
    [
        # an interval that contradicts its test, inside the domain
        (
            "disagree", 0, 0.02, "interval and test", "warn",
            "Interval and test contradict each other in up to 2.0 % of a cell's experiments.",
        ),
        # the same outside the domain decides nothing
        (
            "disagree", 2, 0.02, "interval and test", "pass",
            "Inside the domains, interval and test contradict each other in no experiment.",
        ),
        # a test without interval cannot contradict one
        (
            "disagree", 7, 0.02, "interval and test", "pass",
            "Inside the domains, interval and test contradict each other in no experiment.",
        ),
        # more experiments without interval than is tolerable
        (
            "undefined", 0, 0.2, "without interval", "warn",
            "At most 20 % of experiments of a cell inside a domain get no interval (Welch difference).",
        ),
        # none at all
        (
            "undefined", slice(None), 0.0, "without interval", "pass",
            "Inside the domains every experiment gets its interval.",
        ),
    ],
)  # fmt: skip
def test_conclude_checks_agreement_and_missing_intervals(column, where, value, name, status, message):
    judged = samples.cells()
    judged.loc[where, column] = value
    check = find_check(conclude(judged), name)
    assert (check.status, check.message) == (status, message)


def test_conclude_does_not_test_what_was_not_measured():
    judged = samples.cells().assign(inside=False)
    found = conclude(judged)
    assert find_check(found, "interval and test").status == find_check(found, "without interval").status == "not tested"


def test_conclude_gives_peers_their_exact_binomial_bands():
    peers = conclude().tables["peers"]
    # R: binom.test(954, 1000, conf.level = 0.99)
    assert (round(peers["ci_low"][0], 4), round(peers["ci_high"][0], 4)) == (0.9342, 0.9694)
    assert (peers["ci_low"][3], peers["ci_high"][3]) == (0.951, 0.951)  # enumerated: no chance in it
