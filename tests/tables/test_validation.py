"""The tables of a validation: one row a method, figures as shares, the whole in the download."""

import validation_samples as samples

from helpers import tables


def cells_of(display):
    """Return the rows of a table as lists of texts."""
    rows = display.html.split("<tr>")[2:]
    strip = lambda cell: cell.split(">", 1)[1].split("</t")[0]  # noqa: E731
    return [[strip(part) for part in row.replace("<th", "<td").split("<td")[1:]] for row in rows]


def test_promises_tell_claim_and_domain():
    shown = cells_of(tables.promises(samples.results()))
    assert shown[0] == ["Welch difference", "Within 1\u00a0point of 95\u00a0%", "355 units or more in each arm"]
    assert shown[3][1] == "At least 95\u00a0%" and len(shown) == 5


def test_masthead_shows_the_key_figures_of_a_run_without_effects():
    shown = tables.masthead(samples.results()).html
    assert shown.count("<li>") == 4
    assert '<strong class="figure">4 of 5</strong><span class="between">every cell, and all draws' in shown
    many = samples.results()
    more = many.tables["keys"].loc[[0, 1, 2, 3, 0]].assign(name="a < b")
    escaped = tables.masthead(many.but(tables={**many.tables, "keys": more})).html
    assert escaped.count("<li>") == 4 and '<span class="name">a &lt; b</span>' in escaped


def test_sources_name_each_method_once():
    assert cells_of(tables.sources(samples.results()))[1] == ["Fieller lift", "Welch 1947"]


def test_grid_counts_what_was_measured():
    shown = cells_of(tables.grid(samples.results()))
    assert [row[:2] for row in shown] == [
        ["Cells in the grid", "8"],
        ["Inside the method&#x27;s domain", "6"],
        ["Outside it", "2"],
        ["Enumerated exactly", "1"],
        ["Experiments drawn", "2,800"],
    ]


def test_verdicts_are_computed_a_row_a_method():
    shown = cells_of(tables.verdicts(samples.results()))
    assert shown[0][2:] == ["2 x 400", "94.8\u00a0%", "95.1\u00a0%", "5.2\u00a0%", "0.0\u00a0%"]
    assert [row[1].rsplit(" ", 1)[-1].removesuffix("</span>") for row in shown] == [
        "holds",
        "fails",
        "holds",
        "holds",
        "holds",
    ]
    assert shown[2][2] == "1, exact"
    nowhere = samples.results(samples.cells().assign(inside=False), samples.summary().assign(cells_inside=0))
    assert {row[2] for row in cells_of(tables.verdicts(nowhere))} == {"none inside"}
    assert shown[4][3:] == ["", "", "4.0\u00a0%", ""]  # a test without interval has no coverage


def test_outside_shows_the_worst_cell_and_why():
    shown = cells_of(tables.outside(samples.results()))
    assert [row[0] for row in shown] == ["Welch difference", "Fieller lift"]
    assert shown[0][1:5] == [
        "Money 1, 1,800 and 200 units", "An arm has 200 units, fewer than 355", "87.0\u00a0%", "13.0\u00a0%",
    ]  # fmt: skip
    inside = samples.cells().query("inside")
    assert tables.outside(samples.results(inside)).text == "No cell of this grid lies outside a domain."


def test_sizes_count_each_cell_once_by_size_by_split_and_by_effect():
    shown = cells_of(tables.sizes(samples.results()))
    assert [(row[0], row[1], row[2]) for row in shown] == [
        ("100 to 499 in the smaller arm", "2", "0"),
        ("500 to 1,999 in the smaller arm", "4", "1"),
        ("Arms of one size", "6", "1"),
        ("No effect", "4", "0"),
        ("Effect planted", "2", "1"),
    ]
    none = samples.results(samples.cells().assign(inside=False))
    assert tables.sizes(none).text == "No cell of this grid lies inside a domain."


def test_peers_mark_ours_and_tell_contradictions():
    shown = cells_of(tables.peers(samples.results()))
    assert shown[0][1:4] == ["Fieller (ours)", "95.4\u00a0%", "0.0\u00a0%"]
    assert shown[1][1:4] == ["Difference / control mean", "89.8\u00a0%", "18.0\u00a0%"]
    few = samples.beside()["peers"].assign(contradictions=0.0002)
    assert cells_of(tables.peers(samples.results(peers=few)))[1][3] == "under 0.1\u00a0%"
