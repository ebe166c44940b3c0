"""Metrics, exposure, covariates and segments that stand in the unit table, by hand."""

import pytest
from made_sources import make_design, make_source

from helpers import metrics
from helpers.records import Refused

UNITS = {
    "unit": ["u1", "u2", "u3", "u4"],
    "variant": ["a", "b", "b", "a"],
    "score": [9.0, 6.0, 7.0, None],  # promoter, detractor, passive, no answer
    "sent": [1.0, 1.0, 1.0, 0.0],  # u4 was not asked
    "top": [6.0, None, 3.0, 2.0],  # a ratio without its numerator is unknown
    "bottom": [2.0, 3.0, 0.0, None],  # and one without its denominator
    "days": [1.5, 30.0, None, 4.0],
    "ended": [1.0, 0.0, 1.0, 0.0],
    "took": [1.0, 0.0, None, 0.0],
}


def _fold(kinds, units=UNITS, **more):
    return metrics.fold(make_source(units), make_design(kinds, **more))


def _read(units, column):
    return units.table.order_by("unit")[column].to_pyarrow().to_pylist()


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ({"kind": "nps"}, [100, -100, 0, None]),
        ({"kind": "nps", "missing": "zero"}, [100, -100, 0, 0]),
        ({"kind": "score"}, [9, 6, 7, None]),
        ({"kind": "amount", "missing": "zero"}, [9, 6, 7, 0]),
        ({"kind": "amount", "column": "top"}, [6, None, 3, 2]),
    ],
)
def test_fold_of_a_column_by_kind_and_missing(metric, expected):
    assert _read(_fold({"score": metric}), "y_score") == expected


def test_fold_counts_what_is_filled_and_keeps_it_marked():
    units = _fold({"score": {"kind": "amount", "missing": "zero"}})
    assert units.messages == ("missing outcomes of score that count as 0, as planned: 1",)
    assert _read(units, "missing_score") == [0, 0, 0, 1]


def test_fold_of_a_column_asks_for_answers_only_of_those_asked():
    units = _fold({"score": {"kind": "nps", "asked": "sent"}})
    assert _read(units, "asked_score") == [1, 1, 1, 0]
    assert _read(units, "missing_score") == [0, 0, 0, None]


def test_fold_of_a_column_without_the_column_of_who_was_asked_tests_all():
    assert _read(_fold({"score": {"kind": "nps", "asked": "elsewhere"}}), "missing_score") == [0, 0, 0, 1]


def test_fold_of_a_ratio_of_columns():
    units = _fold({"r": {"kind": "ratio", "numerator": "top", "denominator": "bottom"}})
    assert _read(units, "num_r") == [6, None, 3, None]
    assert _read(units, "den_r") == [2, None, 0, None]
    assert _read(units, "missing_r") == [0, 1, 0, 1]


def test_fold_of_a_ratio_of_columns_with_missing_zero_is_known_and_marked():
    units = _fold({"r": {"kind": "ratio", "numerator": "top", "denominator": "bottom", "missing": "zero"}})
    assert _read(units, "num_r") == [6, 0, 3, 2]
    assert _read(units, "den_r") == [2, 3, 0, 0]
    assert _read(units, "missing_r") == [0, 1, 0, 1]


def test_fold_of_a_ratio_of_a_metric_in_the_plan():
    part = {"kind": "count", "column": "top", "missing": "zero"}
    units = _fold({"r": {"kind": "ratio", "numerator": "tops", "denominator": "bottom"}, "tops": part})
    assert _read(units, "num_r") == [6, 0, 3, None]
    assert _read(units, "missing_r") == [0, 1, 0, 1]


def test_fold_of_a_time_to_event_of_columns():
    units = _fold({"t": {"kind": "time_to_event", "time": "days", "observed": "ended", "horizon_days": 9}})
    assert _read(units, "time_t") == [1.5, 30, None, 4]
    assert _read(units, "observed_t") == [1, 0, 1, 0]
    assert _read(units, "missing_t") == [0, 0, 1, 0]


def test_fold_of_an_exposure_column_leaves_the_unknown_unknown_and_says_so():
    units = _fold({"score": {"kind": "score"}}, exposure={"column": "took"})
    assert _read(units, "exposed") == [1, 0, None, 0]
    assert units.messages == ("units whose take-up is not known, or not yet: 1",)


def test_fold_of_an_exposure_by_event_reads_the_column_of_that_name_when_there_are_no_events():
    assert _read(_fold({"score": {"kind": "score"}}, exposure={"event": ["took", "absent"]}), "exposed") == [
        1,
        0,
        None,
        0,
    ]


def test_fold_refuses_an_exposure_that_nothing_tells():
    with pytest.raises(Refused) as refused:
        _fold({"score": {"kind": "score"}}, exposure={"event": ["opened"]})
    assert str(refused.value) == (
        "plan, exposure: there are no events and the table has no column opened; name the column, or give the events"
    )


def test_fold_refuses_names_that_differ_only_in_capitals():
    with pytest.raises(Refused) as refused:
        _fold({"score": {"kind": "score"}, "Score": {"kind": "nps", "column": "score"}})
    assert str(refused.value) == "plan: the name score stands twice, in other capitals or not; rename one"


def test_fold_names_missing_segments_unknown():
    units = _fold({"score": {"kind": "score"}}, UNITS | {"tier": ["pro", None, "007", "no"]}, segments=["tier"])
    assert _read(units, "s_tier") == ["pro", "unknown", "007", "no"]


COVARIATES = {
    "seats": [2.0, None, 5.0, 1.0],
    "country": ["it", " IT", "de", None],  # compared trimmed and case folded: it is the most frequent
}


def test_fold_of_covariates_fills_with_zero_beside_an_indicator():
    units = _fold({"score": {"kind": "score"}}, UNITS | COVARIATES, covariates=["seats", "country"])
    assert units.covariates == ("x_seats", "x_seats:missing", "x_country=de", "x_country:missing")
    assert [_read(units, c) for c in units.covariates] == [[2, 0, 5, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def test_fold_of_covariates_without_gaps_has_no_indicator_and_takes_truth_values():
    units = _fold({"score": {"kind": "score"}}, UNITS | {"trial": [True, False, True, True]}, covariates=["trial"])
    assert units.covariates == ("x_trial",)
    assert _read(units, "x_trial") == [1, 0, 1, 1]


def test_fold_of_covariates_pools_levels_beyond_the_twentieth():
    levels = [f"l{i:02d}" for i in range(22)]
    units = {
        "unit": [f"u{i:02d}" for i in range(24)],
        "variant": ["a", "b"] * 12,
        "score": [1.0] * 24,
        "level": [*levels, "l00", "l21"],  # l00 and l21 stand twice, the last two of the others are pooled
    }
    found = _fold({"score": {"kind": "score"}}, units, covariates=["level"])
    assert found.covariates == tuple(f"x_level={name}" for name in ["l21", *levels[1:19], "other"])
    assert sum(_read(found, "x_level=other")) == 2


def test_fold_of_covariates_looks_at_randomised_arms_only():
    units = UNITS | {"variant": ["a", "b", "b", "cps"], "country": ["it", "it", "de", None]}
    found = _fold({"score": {"kind": "score"}}, units, covariates=["country"], variant={"observational": ["cps"]})
    assert found.covariates == ("x_country=de",)  # nothing is missing in the arms
    assert _read(found, "x_country=de") == [0, 0, 1, 0]


@pytest.mark.parametrize("name", ["having", "by", "metrics"])
def test_fold_takes_a_covariate_of_any_name(name):
    units = _fold({"score": {"kind": "score"}}, {**UNITS, name: [1.0, 2.0, 3.0, 4.0]}, covariates=[name])
    assert metrics.summarise_covariates(units)["a"].mean.tolist() == [2.5]
