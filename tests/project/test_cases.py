"""Public bug reports as small inputs: each gives the right figure, a warning, or one message with a cure."""

import json

import notebook_cells
import pytest

from helpers.records import Refused


@pytest.fixture
def analyse(shared):
    """Return a function that runs the experiment notebook's cells on a case, and gives its results."""

    def analyse(name):
        folder = shared / "cases" / name
        space, given = {}, {"plan": str(folder / "plan.yaml"), "data": str(folder / "data.csv"), "n_resamples": 400}
        if (folder / "events.csv").exists():
            given["events"] = str(folder / "events.csv")
        for tags, source in notebook_cells.list_cells("experiment"):
            if "import pingouin" not in source:
                exec(compile(source, name, "exec"), space)
            if "parameters" in tags:
                space |= given
        return space["results"]

    return analyse


@pytest.fixture
def expected(shared):
    """Return a function that gives what a case expects."""
    return lambda name: json.loads((shared / "cases" / name / "expected.json").read_text())


def find_headline(results):
    """Return the difference that decides."""
    return next(e for e in results.headline() if e.estimand == "difference")


REFUSED = {"de_thousands": "two readings"}
REFUSED |= {"kaggle_ab_test_results_shape": "both arms|more than one variant|two variants"}
REFUSED |= {"orders_log_flat_price": "several rows", "users_numbered_within_account": "account"}


@pytest.mark.parametrize(("name", "cure"), REFUSED.items())
def test_what_has_two_readings_is_refused_with_its_cure(analyse, name, cure):
    with pytest.raises(Refused, match=cure):
        analyse(name)


@pytest.mark.parametrize("name", ["yn_tf", "french_export", "excel_sep_line"])
def test_common_exports_are_read(analyse, name):
    assert analyse(name).status == "answered"


def test_day_of_assignment_counts_where_events_have_dates_alone(analyse, expected):
    e, true = find_headline(analyse("statsig_day0_dates")), expected("statsig_day0_dates")["true"]
    assert (e.control_value, e.treatment_value) == pytest.approx((true["a"], true["b"]))


@pytest.mark.parametrize(("name", "said"), [("export_stops_early", "events"), ("stripe_positive_refunds", "refund")])
def test_data_that_do_not_fit_are_refused_withheld_or_warned_of_in_the_answer(analyse, name, said):
    try:
        results = analyse(name)
    except Refused as refused:
        assert said in str(refused)
    else:
        assert results.status == "withheld" or said in " ".join(results.answer)


def test_a_window_may_begin_after_assignment(analyse):
    e = find_headline(analyse("posthog42768_day7_retention"))
    assert e.reason is None and 0 <= e.control_value <= 1


def test_a_ratio_that_no_unit_varies_has_one_verdict_whatever_the_price(analyse):
    found = [find_headline(analyse(name)) for name in ("aov_constant_19_99", "aov_constant_20_0")]
    assert found[0].verdict == found[1].verdict and found[0].reason == found[1].reason
    assert [e.estimate for e in found] == pytest.approx([1.0, 1.0])


def test_an_adjusted_ratio_stays_near_the_raw_one(analyse, expected):
    lifts = [e for e in analyse("cluster_experiments270_ratio_covariate").estimates if e.estimand == "relative_lift"]
    raw = expected("cluster_experiments270_ratio_covariate")["lift_raw"]
    assert [e.estimate for e in lifts] == pytest.approx([raw] * len(lifts), abs=0.05)


def test_weeks_of_one_metric_do_not_weigh_on_another(analyse):
    found = [analyse(f"explore_{weeks}") for weeks in ("one_week", "twenty_weeks")]
    ps = [next(e.decision_p for e in r.headline() if e.metric == "z" and e.estimand == "difference") for r in found]
    assert ps[0] == pytest.approx(ps[1])


def test_restricted_mean_equals_the_published_one(analyse, expected):
    results, wanted = analyse("lifelines1682_rmst"), expected("lifelines1682_rmst")
    e = next(e for e in results.estimates if e.estimand == "rmst_difference")
    assert e.treatment_value == pytest.approx(wanted["rmst_miR137"], abs=5e-4)
    assert e.p_value == pytest.approx(wanted["p"], abs=5e-3)
