"""Moments of each arm: against numpy and scipy, at a mean of a hundred million, with clusters, bit for bit."""

from dataclasses import replace

import numpy as np
import pandas as pd
from made_sources import make_design, make_source
from scipy import stats

from helpers import metrics

KINDS = {
    "spent": {"kind": "amount"},
    "paid": {"kind": "binary"},
    "r": {"kind": "ratio", "numerator": "top", "denominator": "bottom"},
    "t": {"kind": "time_to_event", "time": "top", "observed": "paid", "horizon_days": 3},
}


def _make_frame(n=400, seed=1, mean=0.0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"unit": [f"u{i:05d}" for i in range(n)], "variant": rng.choice(["a", "b", "cps"], n)})
    frame["spent"] = mean + rng.exponential(1, n)
    frame.loc[rng.random(n) < 0.1, "spent"] = np.nan
    frame["paid"] = (rng.random(n) < 0.3).astype(float)
    frame["top"], frame["bottom"] = rng.poisson(3, n).astype(float), 1.0 + rng.poisson(2, n)
    frame["seats"] = mean + rng.normal(0, 1, n) + frame["spent"].fillna(mean) - mean
    frame["tier"] = rng.choice(["free", "pro", None], n, p=[0.5, 0.4, 0.1])
    return frame


def _fold(frame, kinds=KINDS, **more):
    design = make_design(kinds, variant={"observational": ["cps"]}, **more)
    return metrics.fold(make_source(frame), design)


def _check(found, values, missing=0, rtol=1e-12, ratio=None):
    """Compare moments with numpy's, of one row a unit and one column a name; a ratio's tail is about that of all."""
    values = np.asarray(values, float).reshape(len(values), -1)
    assert (found.n, found.missing) == (len(values), missing)
    np.testing.assert_allclose(found.mean, values.mean(axis=0), rtol=rtol)
    np.testing.assert_allclose(found.cov, np.atleast_2d(np.cov(values.T)), rtol=rtol, atol=rtol)
    left = values[:, 0] - (ratio * values[:, 1] if ratio else 0.0)
    skewness = stats.skew(left) if found.names[0] in ("y", "num") and np.ptp(left) > 1e-12 else np.nan
    np.testing.assert_allclose(found.skewness, skewness, rtol=1e-9, atol=1e-9)


def _check_but_tail(found, values):
    """The same of a week or a segment, of which nobody reads a tail."""
    assert np.isnan(found.skewness)
    _check(replace(found, skewness=stats.skew(values)), values)


def test_summarise_equals_numpy_for_every_kind_and_arm():
    frame = _make_frame()
    found = metrics.summarise(_fold(frame))[None]
    assert list(found) == ["spent", "paid", "r"]  # a time to event has no moments
    for arm, rows in frame.groupby("variant"):
        known = rows["spent"].dropna()
        _check(found["spent"][arm], known, missing=len(rows) - len(known))
        _check(found["paid"][arm], rows["paid"])
        _check(found["r"][arm], rows[["top", "bottom"]], ratio=frame["top"].mean() / frame["bottom"].mean())
    assert (found["paid"]["a"].names, found["r"]["a"].names) == (("y",), ("num", "den"))


def test_summarise_adjusted_takes_covariates_over_units_with_a_known_outcome():
    frame = _make_frame()
    units = _fold(frame, covariates=["seats", "tier"])
    found = metrics.summarise(units, adjusted=True)[None]
    assert found["spent"]["b"].names == ("y", "x_seats", "x_tier=pro", "x_tier:missing")
    assert found["r"]["b"].names == ("num", "den")
    rows = frame[frame["variant"] == "b"]
    tiers = [(rows["tier"] == "pro").astype(float), rows["tier"].isna().astype(float)]
    whole = np.column_stack([rows["spent"], rows["seats"], *tiers])
    known = ~np.isnan(whole[:, 0])
    _check(found["spent"]["b"], whole[known], missing=int((~known).sum()))
    _check(found["paid"]["b"], np.column_stack([rows["paid"], whole[:, 1:]]))


def test_summarise_by_segment_has_every_level_and_arm():
    frame = _make_frame(60)
    frame.loc[frame["tier"].isna(), "variant"] = "a"  # then b has no unit of unknown tier
    found = metrics.summarise(_fold(frame, segments=["tier"]), by="tier")
    assert list(found) == ["free", "pro", "unknown"]
    _check_but_tail(found["pro"]["paid"]["a"], frame.query("tier == 'pro' and variant == 'a'")["paid"])
    empty = found["unknown"]["paid"]["b"]
    assert (empty.n, empty.missing, np.isnan(empty.mean).all(), np.isnan(empty.cov).all()) == (0, 0, True, True)


def test_summarise_by_week_groups_by_assignment():
    frame = _make_frame(50).assign(assigned_at=pd.date_range("2024-01-01", periods=50, freq="8h"))
    found = metrics.summarise(_fold(frame, assigned_at="assigned_at"), by="week")
    assert list(found) == [0, 1, 2]
    _check_but_tail(found[1]["paid"]["a"], frame.iloc[21:42].query("variant == 'a'")["paid"])


def test_summarise_of_one_unit_and_of_equal_values_is_nan_where_nothing_varies():
    frame = pd.DataFrame({"unit": ["u1", "u2", "u3"], "variant": ["a", "b", "b"], "spent": [3.1, 0.1, 0.1]})
    found = metrics.summarise(_fold(frame, {"spent": {"kind": "amount"}}))[None]["spent"]
    assert (found["a"].n, found["a"].value, np.isnan(found["a"].variance)) == (1, 3.1, True)
    assert (found["b"].variance, np.isnan(found["b"].skewness)) == (0.0, True)


CLUSTERED = pd.DataFrame(
    {
        "unit": list("pqrstu"),
        "variant": ["a", "a", "a", "b", "b", "b"],
        "firm": ["f1", "f1", "f2", "f3", "f4", "f4"],
        "spent": [1.0, 3.0, 5.0, 2.0, np.nan, np.nan],  # f4: nobody known
        "top": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "bottom": [1.0, 1.0, 1.0, 2.0, 2.0, 2.0],
    }
)
RATIO = {"spent": KINDS["spent"], "r": KINDS["r"]}


def test_summarise_with_clusters_takes_sums_of_each_cluster():
    found = metrics.summarise(_fold(CLUSTERED, RATIO, cluster="firm"))[None]
    assert found["spent"]["a"].names == ("num", "den")
    _check(found["spent"]["a"], [[4.0, 2.0], [5.0, 1.0]], ratio=11 / 4)  # f1: sum 4 of two, f2: sum 5 of one
    assert (found["spent"]["b"].n, found["spent"]["b"].missing) == (1, 1)
    assert found["r"]["b"].names == ("num", "den", "units")
    _check(found["r"]["b"], [[4.0, 2.0, 1.0], [11.0, 4.0, 2.0]], ratio=21 / 9)  # f3: one unit, f4: two


def test_summarise_with_clusters_stays_unadjusted():
    units = _fold(CLUSTERED.assign(seats=1.0), RATIO, cluster="firm", covariates=["seats"])
    assert metrics.summarise(units, adjusted=True)[None]["spent"]["a"].names == ("num", "den")


def test_summarise_counts_as_missing_only_what_is_over():
    frame = CLUSTERED.assign(assigned_at=pd.date_range("2024-01-01", periods=6))
    kinds = {"spent": {"kind": "amount", "within_days": 2}}
    found = metrics.summarise(_fold(frame, kinds, assigned_at="assigned_at", as_of="2024-01-06"))[None]["spent"]["b"]
    assert (found.n, found.missing) == (1, 1)  # the window of u, assigned last, is not over


def test_winsorise_lowers_to_the_quantile_of_positive_values_of_all_arms():
    frame = pd.DataFrame({"unit": list("pqrstu"), "variant": list("aabbbb")}).assign(spent=[0, 10, 0, 20, 120, np.nan])
    frame.loc[len(frame)] = ["v", "cps", 1e6]  # outside the randomisation: no part of the quantile, lowered too
    found = metrics.winsorise(_fold(frame, {"spent": {"kind": "amount"}}), "spent")  # of 10, 20, 120: 20 + 0.98 x 100
    _check(found["b"], [0.0, 20.0, 118.0], missing=1)
    _check(found["a"], [0.0, 10.0])
    assert found["cps"].value == 118.0


def test_winsorise_without_positive_values_changes_nothing():
    frame = pd.DataFrame({"unit": list("pqrs"), "variant": list("aabb"), "spent": [0.0, -1.0, 0.0, -3.0]})
    _check(metrics.winsorise(_fold(frame, {"spent": {"kind": "amount"}}), "spent")["a"], [0.0, -1.0])


def test_summarise_shares_takes_marks_of_each_arm():
    frame = _make_frame()
    units = _fold(frame, segments=["tier"])
    found = metrics.summarise_shares(units, ["missing_spent"])[None]["missing_spent"]["b"]
    _check(found, frame.query("variant == 'b'")["spent"].isna())
    level = metrics.summarise_shares(units, ["missing_spent"], by="tier")["pro"]["missing_spent"]["b"]
    _check_but_tail(level, frame.query("variant == 'b' and tier == 'pro'")["spent"].isna())


def test_summarise_covariates_takes_them_jointly_and_clusters_by_their_means():
    frame = _make_frame()
    found = metrics.summarise_covariates(_fold(frame, covariates=["seats", "bottom"]))["a"]
    assert found.names == ("x_seats", "x_bottom")
    _check(found, frame.query("variant == 'a'")[["seats", "bottom"]])
    clustered = metrics.summarise_covariates(_fold(CLUSTERED, RATIO, cluster="firm", covariates=["top"]))["a"]
    _check(clustered, [1.5, 3.0])


def test_summarise_keeps_a_mean_of_zero_exactly_zero():
    # the median over both arms lies between 0 and 0.7: a shift by it would leave 1e-17 in place of 0
    frame = pd.DataFrame({"unit": [str(i) for i in range(600)], "variant": ["a", "b"] * 300, "spent": [0.0, 0.7] * 300})
    found = metrics.summarise(_fold(frame, {"spent": KINDS["spent"]}))[None]["spent"]["a"]
    assert (found.value, found.variance) == (0.0, 0.0)
