"""Records: selection and conversion to tables."""

import numpy as np
import pytest

from helpers.records import DataInfo, Estimate, Moments, Results, to_frame


def estimate(**changes):
    return Estimate(id="a", metric="m", control="c", treatment="t", comparison="t - c", estimand="difference").but(
        **changes
    )


@pytest.fixture
def results():
    rows = (estimate(role="primary"), estimate(role="secondary", metric="k"), estimate(role="guardrail"))
    return Results("s", "t", "q", "answered", DataInfo("yours", "", "f", None, 3, 3), {}, estimates=rows)


def test_select_by_one_value(results):
    assert [e.metric for e in results.select(role="secondary")] == ["k"]


def test_select_by_any_of_several(results):
    assert [e.role for e in results.select(role=["primary", "guardrail"], metric="m")] == ["primary", "guardrail"]


def test_but_leaves_the_original(results):
    changed = results.but(status="interim")
    assert (results.status, changed.status) == ("answered", "interim")


def test_decision_p_is_the_adjusted_one_where_there_is_one():
    assert estimate(p_value=0.03).decision_p == 0.03
    assert estimate(p_value=0.03, p_value_adjusted=0.06).decision_p == 0.06


def test_moments_value_and_variance_are_those_of_the_outcome():
    moments = Moments(("y", "x"), 4, np.array([2.0, 5.0]), np.array([[3.0, 1.0], [1.0, 9.0]]))
    assert (moments.value, moments.variance) == (2.0, 3.0)


def test_to_frame_has_a_row_a_record_and_a_column_a_field(results):
    frame = to_frame(results.estimates)
    assert len(frame) == 3 and list(frame.columns[:3]) == ["id", "metric", "control"]
    assert to_frame([]).empty
