"""The rules by hand, three to six rows each, and that nothing hidden can be worked out, by property."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.disclosure.masks import close_total, find_near, mark_cells, stop_curves
from helpers.plan.views import Cells
from helpers.records import Refused

KNOWN = {"open": math.inf}


def mark(frame, least=10, **cells):
    """Return which rows are hidden."""
    return mark_cells("table", pd.DataFrame(frame), Cells(**cells), least, KNOWN)["hidden"].tolist()


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
def test_close_total_by_hand(counts, hidden):
    assert close_total(np.array(counts, float), 10).tolist() == hidden


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=8), st.integers(1, 20))
def test_cells_leave_nothing_to_work_out_from_their_total(counts, least):
    hidden = np.array(mark({"n": counts}, least, names=["n"], counts=["n"]))
    counts = np.array(counts)
    assert not (counts[~hidden] < least).any()
    assert hidden.sum() == 0 or hidden.all() or (hidden.sum() >= 2 and counts[hidden].sum() >= least)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=6), st.integers(2, 20))
def test_cells_leave_no_event_and_no_other_to_work_out(counts, least):
    frame = pd.DataFrame(counts, columns=["events", "others"]).assign(n=lambda f: f["events"] + f["others"])
    hidden = np.array(mark(frame, least, names=["n"], counts=["n", "events", "n - events"]))
    for column in frame:
        rest = frame[column][hidden].sum()
        assert not (frame[column][~hidden] < least).any() and (not hidden.any() or hidden.all() or rest >= least)


def test_cells_close_each_total_by_itself():
    frame = {"arm": list("aaabbb"), "n": [5, 30, 40, 50, 30, 40]}
    assert mark(frame, counts=["n"], within=["arm"]) == [True, True, False, False, False, False]
    frame["n"][3] = 6
    assert mark(frame, counts=["n"], within=["arm"]) == [True, True, False, True, True, False]
    assert mark(frame, counts=["n"]) == [True, False, False, True, False, False]  # 11 together in one total


def test_cells_hide_the_same_beside_every_outcome():
    # were the partner of a small n chosen by events, two outcomes would hide different partners and tell it
    for events in ([2, 49, 30], [2, 12, 11]):
        assert mark({"n": [4, 50, 60], "events": events}, counts=["n", "events"])[1]


def test_cells_need_a_count_twice_where_a_median_stands():
    assert mark({"n": [19, 50, 60]}, counts=["n"], times=2) == [True, True, False]
    assert mark({"n": [20, 50, 60]}, counts=["n"], times=2) == [False, False, False]


def test_rows_go_alone_or_together_and_others_are_no_cells():
    frame = {"group": list("aabb"), "n": [50, 9, 50, 50], "kind": ["part", "part", "part", "whole"]}
    assert mark(frame, rule="rows", counts=["n"]) == [False, True, False, False]
    assert mark(frame, rule="rows", counts=["n"], together=["group"]) == [True, True, False, False]
    assert mark(frame, rule="rows", counts=["n"], where="kind == 'whole'") == [False] * 4


@pytest.mark.parametrize(("counts", "near"), [
    ([100, 105, 200], [False, True, False]),  # 5 more would be told by subtraction
    ([100, 100, 110], [False, False, False]),  # the same, and 10 more, may be seen
    ([100, 105, 112], [False, True, False]),  # against those that stay alone
    ([math.nan, 3, 8], [False, False, True]),
])  # fmt: skip
def test_find_near_by_hand(counts, near):
    assert find_near(np.array(counts, float), 10).tolist() == near
    frame = {"n": counts, "name": list("xyz"), "all": 500}
    assert mark(frame, rule="rows", counts=["all"], near="n") == near
    assert mark({"n": [105, 100], "name": list("xy")}, rule="rows", counts=["n"], near="n", first="name == 'y'") == [
        True,
        False,
    ]


def test_lines_stay_between_which_nobody_or_enough_lie():
    # of 400 with 100 lost. 6: 8 lost above; 4 to 5: 4 lost; 3: stays; 2: 3 lost more than 3; 1: 9 lost below it
    n, kept = np.array([380, 300, 295, 250, 200, 120]), np.array([289, 240, 238, 231, 185, 112])
    frame = {"n": n, "kept": kept, "n_below": 400 - n, "kept_below": 300 - kept}
    counts = ["n", "kept", "n - kept", "n_below", "kept_below", "n_below - kept_below"]
    assert mark(frame, rule="lines", counts=counts) == [True, True, False, True, False, True]


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 200), min_size=1, max_size=7), st.integers(2, 20))
def test_lines_leave_no_small_group_between_any_two(above, least):
    above = np.array(above)
    hidden = mark({"n": above, "rest": 200 - above}, least, rule="lines", counts=["n", "rest"])
    seen = [0, *sorted(above[~np.array(hidden)]), 200]
    assert all(gap == 0 or gap >= least for gap in np.diff(seen)) or len(seen) == 2


STOP = {"at": "day", "count": "at_risk"}


def test_stop_curves_stops_every_curve_of_a_picture_with_the_first():
    frame = pd.DataFrame({"arm": list("aaabbb"), "day": [0, 7, 14] * 2, "at_risk": [50, 40, 30, 50, 20, 9]})
    assert stop_curves(frame, Cells(stop=STOP), 10)["day"].tolist() == [0, 7, 0, 7]
    apart = stop_curves(frame, Cells(stop=STOP | {"within": ["arm"]}), 10)
    assert apart["day"].tolist() == [0, 7, 14, 0, 7]
    assert stop_curves(frame, Cells(stop=STOP), 9).equals(frame)
    assert stop_curves(frame, Cells(), 10) is frame


def test_days_stay_between_which_nobody_or_enough_are_lost_in_each_line():
    lost = {1: [0, 4, 12, 15, 30, 40], 0: [0, 12, 24, 36, 48, 60]}
    rows = [(r, day, n) for r in lost for day, n in enumerate(lost[r])]
    frame = pd.DataFrame(rows, columns=["reached", "day", "lost"])
    hidden = np.array(mark(frame, rule="days", names=["reached"], counts=["lost"], stop=STOP))
    assert frame["day"][~hidden].tolist() == [0, 2, 4, 5] * 2  # 4 and 3 more would be seen on days 1 and 3


def test_some_leaves_out_days_on_which_a_few_have_had_the_event():
    frame = pd.DataFrame({"arm": list("aaabbb"), "day": [0, 7, 14] * 2, "at_risk": [200, 199, 190] * 2})
    frame["share"] = [0.0, 0.02, 0.1, 0.0, 0.1, 0.15]  # four events in a on day 7
    assert mark(frame, rule="some", names=["arm"], counts=["share"], stop=STOP) == [False, True, False] * 2


def test_a_table_without_the_counts_that_guard_it_is_refused():
    message = "the table table lacks what guards its cells: name 'kept' is not defined"
    with pytest.raises(Refused, match=f"^{message}$"):
        mark({"n": [50]}, counts=["n", "kept"])
