"""Records: selection and conversion to tables."""

import numpy as np
import pytest

from helpers.records import DataInfo, Estimate, Guarantee, Moments, Results, to_frame


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


def guarantee(**domain):
    return Guarantee("n", "m", "difference", "nominal within .01", ("scores",), print, "r", **domain)


@pytest.mark.parametrize(
    ("domain", "data", "departure"),
    [
        ({"least_arm": 50}, {}, "there are too few units: the smaller arm needs at least 50"),
        ({"least_arm": 50, "unit": "clusters"}, {}, "there are too few clusters: the smaller arm needs at least 50"),
        ({"least_arm": 40}, {}, None),
        # 355 (1 - 1/9)^2 / (1 + 1/9) = 252.4 times the squared skewness, for 40 beside 360
        (
            {"skewness_factor": 355},
            {"skewness": 0.4},
            "the tail is too heavy for so few units: the smaller arm needs more than 252 x skewness² units",
        ),
        ({"skewness_factor": 355}, {"skewness": -0.39}, None),
        ({"skewness_factor": 355}, {"skewness": 9.0, "n_control": 40}, None),  # one size: the skewness cancels
        (
            {"skewness_factor": 355, "balanced_factor": 10},
            {"skewness": -2.0, "n_control": 40},
            "the tail is too heavy for so few units: the smaller arm needs more than 10 x skewness² units",
        ),
        ({"skewness_factor": 10}, {"skewness": float("nan")}, None),  # not known, not judged
        (
            {"least_events": 10},
            {"events": 9.9},
            "an arm has too few units with or without the event: each arm needs at least 10 with and without the event",
        ),
        ({"least_events": 10}, {"events": 10}, None),
        # of one size, and three times the spread: 355 n (27 - 1)^2 / n^4 / (10 / n)^3 = 240 times
        (
            {"skewness_factor": 355},
            {"skewness": 0.5, "spread": 3.0, "n_control": 40},
            "one arm varies more than the other and the tail is heavy: "
            "the smaller arm needs more than 240 x skewness² units",
        ),
        (
            {"skewness_factor": 355},
            {"skewness": 0.3, "top_share": 0.16},  # a tail that was missed looks light
            "one unit holds so much of an arm's variance that its tail is not known yet: no unit may hold more than "
            "15 % of an arm's variance",
        ),
        ({"skewness_factor": 355}, {"skewness": 0.3, "top_share": 0.15}, None),
        ({"skewness_factor": 355}, {"skewness": 0.3, "top_share": 0.9, "n_control": 40}, None),  # arms of one size
        ({}, {"top_share": 0.9}, None),  # a method for any tail
        ({"skewness_factor": 355}, {"skewness": 0.4, "spread": 3.0, "n_control": 40}, None),
        ({"most_effect": 0.8}, {"estimate": -0.81}, "the arms hardly overlap: the effect may be 0.8 at most"),
        ({"most_effect": 0.8}, {"estimate": 0.8}, None),
        ({"least_events": 10}, {}, None),
    ],
    ids=range(19),
)
def test_find_departure_of_40_treated_and_360_controls(domain, data, departure):
    assert guarantee(**domain).find_departure(**{"n_control": 360, "n_treatment": 40, **data}) == departure


def test_describe_domain_names_every_condition():
    words = guarantee(least_arm=50, skewness_factor=355, balanced_factor=25, least_events=5, most_effect=0.8)
    assert words.describe_domain() == (
        "at least 50 units in the smaller arm; in it over 25 x skewness² units (arms of one size and spread) to 355 x "
        "skewness² (beside a far larger arm), and no unit with over 15 % of an arm's variance where their sizes differ"
        "; at least 5 units with and without the event in each arm; an effect of at most 0.8"
    )
    quantile = Guarantee("n", "order statistics", "difference", "at least", (), print, "r", least_events=10)
    assert quantile.describe_domain().endswith("at least 10 units below and above the quantile in each arm")
    assert quantile.find_departure(n_control=99, n_treatment=99, events=9.9) == (
        "an arm has too few units below or above the quantile: each arm needs at least 10 below and above the quantile"
    )
    assert guarantee(least_arm=20, unit="clusters").describe_domain() == "at least 20 clusters in the smaller arm"
