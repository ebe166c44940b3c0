"""Records: selection and conversion to tables."""

import numpy as np
import pytest

from helpers.records import Check, DataInfo, Estimate, Moments, Results, to_frame


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


def test_results_as_a_frame_have_a_row_an_estimate(results):
    assert results.frame().equals(to_frame(results.estimates))
    assert list(results.but(estimates=()).frame())[:2] == ["id", "metric"]  # columns to select, though there is none


def test_records_are_told_in_notebooks_in_a_line_of_inert_words(results):
    known = estimate(estimate=0.09, ci_low=0.01, ci_high=0.17, p_value=0.03, p_value_adjusted=0.06)
    known = known.but(verdict="clear harm")
    told = "<b>m, t - c, difference</b>: 0.09 [0.01, 0.17], p = 0.06; clear harm (exploratory, itt)"
    assert known._repr_html_() == told
    assert known.but(metric="<m>", segment="a=b", estimate=float("nan"), reason="too few")._repr_html_() == (
        "<b>&lt;m&gt;, t - c, difference, a=b</b>: too few"
    )
    assert Check("srm", "warn", 0.01, 0.001, "Odd & open.")._repr_html_() == "<b>srm</b>: unclear. Odd &amp; open."
    answered = results.but(title="T<", answer=("One.", "Two."))
    assert answered._repr_html_() == (
        '<b>T&lt;</b> (answered)<br><span class="mathjax_ignore">One. Two.</span><br>'
        "<small>3 estimates, 0 checks, 0 tests, 0 tables</small>"
    )
    assert "The answer is not written yet." in results._repr_html_()
