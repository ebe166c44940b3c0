"""Known leaks, each by hand; that nothing hidden can be solved for, by property; and one planted in each table."""

import ast
import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources_samples import tell_refusal

from helpers import paths
from helpers.disclosure import _list_known, _mark_leaks
from helpers.disclosure.audit import Said, close, find_leak, find_most
from helpers.disclosure.statements import evaluate, group_together, state, stop_curves
from helpers.plan.views import Cells, read_own, read_views

KNOWN = {"open": math.inf}
ALL = frozenset("abcd")


def hide(frame, least=10, **cells):
    """Return which rows of one table are hidden."""
    frame, cells = pd.DataFrame(frame), Cells(**cells)
    gone = close(state("t", frame, cells, KNOWN), least, group_together("t", frame, cells, KNOWN))
    return [("t", i) in gone for i in range(len(frame))]


@pytest.mark.parametrize(("counts", "hidden"), [
    ([50, 40, 30], [False, False, False]),  # nothing small: nothing hidden
    ([50, 40, 3], [False, True, True]),  # one small beside a total: the next smallest goes with it
    ([50, 4, 7], [False, True, True]),  # two small that hold 11 together: enough
    ([50, 4, 3, 20], [False, True, True, True]),  # two small that hold 7: a third is needed
    ([50, 0, 30], [False, True, True]),  # nobody is a small count too
    ([50, math.inf, 30], [False, False, False]),  # unless that is no secret
    ([50, 10, 9], [False, True, True]),  # 10 may be seen, 9 may not
    ([50, math.nan, 30], [False, True, True]),  # what is not known counts as small
    ([3], [True]),  # a total of one cell
    ([20, 20, 5], [True, False, True]),  # ties go by row order
])  # fmt: skip
def test_parts_of_a_total_by_hand(counts, hidden):
    assert hide({"n": counts}, counts=["n"]) == hidden


def test_each_total_is_closed_by_itself_and_the_same_beside_every_outcome():
    frame = {"arm": list("aaabbb"), "n": [5, 30, 40, 50, 30, 40]}
    assert hide(frame, counts=["n"], within=["arm"]) == [True, True, False, False, False, False]
    for events in ([2, 49, 30], [2, 12, 11]):  # were the partner chosen by events, two outcomes would tell the 4
        assert hide({"n": [4, 50, 60], "events": events}, counts=["n", "events"])[1]


def test_rows_go_alone_or_together_and_groups_that_differ_by_few_do_not_stand_together():
    frame = {"group": list("aabb"), "n": [50, 9, 50, 50], "kind": ["part", "part", "part", "whole"]}
    assert hide(frame, rule="rows", counts=["n"]) == [False, True, False, False]
    assert hide(frame, rule="rows", counts=["n"], together=["group"]) == [True, True, False, False]
    assert hide(frame, rule="rows", counts=["n"], where="kind == 'whole'") == [False] * 4
    for counts, gone in (([100, 105, 200], [False, True, False]), ([100, 100, 110], [False] * 3)):
        assert hide({"n": counts, "all": 500}, rule="rows", counts=["all"], near="n") == gone
    frame = {"n": [105, 100], "name": list("xy"), "all": 500}
    assert hide(frame, rule="rows", counts=["all"], near="n", first="name == 'y'") == [True, False]


def test_lines_stay_between_which_nobody_or_enough_lie():
    n, kept = np.array([380, 300, 295, 250, 200, 120]), np.array([289, 240, 238, 231, 185, 112])
    frame = {"line": range(1, 7), "n": n, "kept": kept, "n_below": 400 - n, "kept_below": 300 - kept}
    counts = ["n", "kept", "n - kept", "n_below", "kept_below", "n_below - kept_below"]
    gone = np.array(hide(frame, rule="lines", at="line", counts=counts))
    for all_of, column in ((400, n), (300, kept), (100, n - kept)):
        steps = np.diff(sorted([0, *column[~gone], all_of]))
        assert all(step == 0 or step >= 10 for step in steps) and not gone.all()


def test_days_of_a_picture_go_for_all_its_lines():
    lost = {1: [0, 4, 12, 15, 30, 40], 0: [0, 12, 24, 36, 48, 60]}
    rows = [(r, day, n, 200 - n) for r in lost for day, n in enumerate(lost[r])]
    frame = pd.DataFrame(rows, columns=["reached", "day", "lost", "at_risk"])
    stop = {"at": "day", "count": "at_risk"}
    gone = np.array(hide(frame, rule="days", names=["reached"], counts=["lost"], stop=stop))
    assert frame["day"][~gone].tolist() == [0, 2, 4, 5] * 2  # 4 and 3 more would be seen on days 1 and 3


def test_a_curve_does_not_step_by_one_customer():
    frame = pd.DataFrame({"arm": "a", "day": range(0, 50, 7), "at_risk": 300})
    frame["share"] = np.array([0, 2, 5, 25, 26, 45, 45, 54]) / 300
    cells = {"rule": "curve", "names": ["arm"], "counts": ["share"], "stop": {"at": "day", "count": "at_risk"}}
    gone = np.array(hide(frame, **cells))
    assert frame["day"][~gone].tolist() == [0, 21, 49]  # the end stays: the headline tells it
    frame["at_risk"] = [300, 296, 293, 270, 266, 240, 240, 230]  # four who are no longer followed are a step too
    assert frame["day"][~np.array(hide(frame, **cells))].tolist() == [0, 21, 49]


def test_stop_curves_stops_every_curve_of_a_picture_with_the_first():
    frame = pd.DataFrame({"arm": list("aaabbb"), "day": [0, 7, 14] * 2, "at_risk": [50, 40, 30, 50, 20, 9]})
    stop = {"at": "day", "count": "at_risk"}
    assert stop_curves(frame, Cells(stop=stop), 10)["day"].tolist() == [0, 7, 0, 7]
    assert stop_curves(frame, Cells(stop=stop | {"within": ["arm"]}), 10)["day"].tolist() == [0, 7, 14, 0, 7]
    assert stop_curves(frame, Cells(), 10).equals(frame)


def test_two_tables_of_the_same_people_are_one_audit():
    # 4 accounts are mature in 3 categories or more; the lines 2 and 3 alone would tell that 3 of them are in just 3
    counts = {"n": [60, 50, 15, 8], "k": [0, 1, 2, 3]}
    lines = {"line": [1, 2], "above": [73, 23], "below": [60, 110]}
    parts = state("p", pd.DataFrame(counts), Cells(space="m", at="k", counts=["n"]), KNOWN)
    cut = Cells(rule="lines", space="m", at="line", counts=["above", "below"])
    gone = close([*parts, *state("l", pd.DataFrame(lines), cut, KNOWN)], 10, {})
    assert ("p", 3) in gone and ("p", 2) in gone  # 8, and 15, which the line at 2 would give it away with
    assert ("l", 1) not in gone and ("p", 1) not in gone
    assert close(parts, 10, {}) == {("p", 2), ("p", 3)}
    tight = pd.DataFrame(lines | {"above": [73, 8], "below": [60, 125]})
    assert ("l", 1) in close([*parts, *state("l", tight, cut, KNOWN)], 10, {})


def test_a_count_that_two_rows_tell_is_hidden_in_both():
    both = Said(("n",), ALL, 8, frozenset([("t", 0), ("t", 1)]))
    assert close([Said(("events",), ALL, 3, frozenset([("t", 0)])), both], 10, {}) == {("t", 0), ("t", 1)}
    sound = Said(("n",), ALL, 80, frozenset([("t", 0), ("t", 1)]))
    assert close([Said(("events",), ALL, 3, frozenset([("t", 0)])), sound], 10, {}) == {("t", 0)}


def test_what_follows_only_by_bounds_is_a_leak():
    known = [Said(("s",), frozenset(x), n, frozenset([("t", x)])) for x, n in (("a", 60), ("b", 33))]
    said = [Said(("s",), ALL, 100), *known]
    assert find_leak(said, 8) and not find_leak(said, 7)  # c and d together hold 7, whoever holds what
    assert find_most(np.array([[1.0, 1, 1], [1, 0, 0], [1, 1, 0]]), np.array([9.0, 5, 5]), 1)[0] == 0


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 40), min_size=6, max_size=6), st.integers(2, 12))
def test_nothing_can_be_solved_in_two_ways_to_divide_the_same_people(counts, least):
    """Rows and columns of a table of 2 by 3 are published; by brute force, no hidden one is proved to be small."""
    table = np.array(counts).reshape(2, 3)
    cells = [[(i, j) for j in range(3)] for i in range(2)] + [[(i, j) for i in range(2)] for j in range(3)]
    names = list(itertools.product(range(2), range(3)))
    said = [Said(("s",), frozenset(names), float(table.sum()))]
    for k, c in enumerate(cells):
        said.append(Said(("s",), frozenset(c), float(sum(table[x] for x in c)), frozenset([("t", k)])))
    gone = close(said, least, {})
    shown = [s for s in said if not s.rows & gone]
    for cell in cells if table.sum() >= least else ():
        sets = np.array([[name in s.part for name in names] for s in shown], float)
        joint = np.c_[sets, np.zeros(len(sets))]
        joint = np.vstack([joint, [*[-float(name in cell) for name in names], 1.0]])
        most = find_most(joint, np.array([*(s.count for s in shown), 0.0]), 6)[0]
        assert most >= least - 1e-6


def test_a_table_without_the_counts_that_guard_it_is_refused():
    message = "the table t lacks what guards its cells: name 'kept' is not defined"
    assert tell_refusal(hide, {"n": [50]}, counts=["n", "kept"]) == message


STUDIES = sorted({file.stem for file in paths.NOTEBOOKS.glob("*.ipynb")} & {f.stem for f in paths.VIEWS.glob("*.yaml")})
TABLES = [(study, name) for study in [*STUDIES, "common"] for name in read_own(study)]
GUARDED = [(s, n) for s, n in TABLES if read_views(s)[n].guards.counts]
# Tables whose counts are of whole arms, of all units, of simulated or published people, or of none.
OPEN_COUNTS = ["replies", "size_elasticity", "model_quality"]  # all units, or whole arms
OPEN_COUNTS += ["settled", "by_week", "steps", "levers", "looks", "worth", "sample_sizes", "agent_hours"]  # planned
MODEL = {"kind": ["n", "n", "difference"], "name": ["lost", "accounts", "x"], "value": [1000.0, 2000.0, 0.1]}
PLANTED = {"model": MODEL}


def draw(study, name):
    """Return three sound rows of a table, and what guards them."""
    view = read_views(study)[name]
    cells = view.guards
    texts = [*cells.counts, cells.where, cells.near, cells.first, *cells.within, *cells.together, *cells.names]
    nodes = [node for text in texts if text for node in ast.walk(ast.parse(text.replace("@", "")))]
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {*view.columns} | ({cells.stop.at, cells.stop.count} if cells.stop else set())
    frame = pd.DataFrame(index=range(3))
    for column in sorted(names - {"open", "least", "shares", "plain", "main"}):
        shown = view.columns.get(column)
        is_share = (shown is not None and shown.format in ("share", "percent")) or column in ("none", "basic", "mature")
        is_text = shown is not None and shown.format in ("text", "as_is", "label", "arm", "contrast", "yes")
        frame[column] = 0.5 if is_share else [f"{column} {i}" for i in range(3)] if is_text else 2000.0
    return frame, cells


@pytest.mark.parametrize(("study", "name"), GUARDED)
def test_a_leak_planted_in_a_table_is_found(study, name):
    frame, cells = draw(study, name)
    frame = frame.assign(**PLANTED.get(name, {}))
    known, found = _list_known(None) | {"least": 10}, 0
    numbers = [column for column in frame if isinstance(frame[column][0], float)]
    values = (4.0, 1996.0, 0.002, 0.998)  # of 2,000 or 1,000
    for expression, column, value in itertools.product(cells.counts, numbers, values):
        planted = frame.assign(**{column: [value, *frame[column][1:]]})
        count = float(np.broadcast_to(evaluate(planted, expression, known), 3)[0])
        if cells.rule != "curve" and 0.5 < count < 9.5:
            marked = _mark_leaks({name: planted}, {name: cells}, known, 10, ())[name]
            assert marked["hidden"][0] or cells.where, (expression, column, value)
            found += bool(marked["hidden"][0])
    assert found or cells.rule == "curve"


@pytest.mark.parametrize(("study", "name"), [(s, n) for s, n in TABLES if read_views(s)[n].cells == "open"])
def test_a_table_that_counts_people_says_what_guards_it(study, name):
    columns = read_views(study)[name].columns
    counted = [c for c, told in columns.items() if told.format == "count" and "noun" in told.label]
    assert not counted or name in OPEN_COUNTS, counted
