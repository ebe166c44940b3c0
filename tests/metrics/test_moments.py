"""Moments of each arm: against numpy, scipy and extended precision, with clusters, bit for bit, by few queries."""

from dataclasses import replace

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sources import make_design, make_source
from scipy import stats

from helpers import metrics

PLAN = {"y": {"kind": "amount"}, "r": {"kind": "ratio", "numerator": "top", "denominator": "bottom"}}


def _fold(frame, kinds=PLAN, **more):
    return metrics.fold(make_source(frame), make_design(kinds, variant={"observational": ["cps"]}, **more))


def _make_frame(values, *, segment="s", arm=None, seed=0):
    """One row a value, with a covariate that follows it, and a ratio of two shifted copies."""
    n, rng = len(values), np.random.default_rng(seed)
    arms = [arm] * n if arm else [("a", "b")[i % 2] for i in range(n)]
    noise = rng.normal(0, 1, n)
    names = [f"{segment}{i}" for i in range(n)]
    frame = pd.DataFrame({"unit": names, "variant": arms, "y": values, "segment": segment})
    return frame.assign(x=values + noise, top=values - noise, bottom=7e6 + noise)


def _check_exactly(moments, columns, *, rtol=1e-10, has_tail=True):
    """Compare with two passes in extended precision, of distances from the first value, which are exact."""
    wide = [np.asarray(column, np.longdouble) for column in columns]
    less = [(column - column[0]) - (column - column[0]).mean() for column in wide]
    cov = np.array([[float((a * b).sum() / (len(a) - 1)) for b in less] for a in less])
    scale = np.sqrt(np.outer(np.diag(cov), np.diag(cov)))
    gaps = [abs(float(mean - column.mean())) for mean, column in zip(moments.mean, wide, strict=True)]
    assert all(gap <= 4e-15 * float(np.abs(column).max()) for gap, column in zip(gaps, wide, strict=True))
    assert np.all(np.abs(moments.cov - cov) <= rtol * scale)
    if moments.names[0] == "y" and has_tail:
        m2 = (less[0] ** 2).mean()
        assert moments.skewness == pytest.approx(float((less[0] ** 3).mean() / m2**1.5), rel=1e-9, abs=1e-9)
        assert moments.top_share == pytest.approx(float((less[0] ** 2).max() / (less[0] ** 2).sum()), rel=1e-9)


def _check_all(frame, *, by=None):
    units = _fold(frame, covariates=["x"], segments=["segment"])
    found = metrics.summarise(units, by=by, adjusted=True)
    for group, of in found.items():
        rows = frame if group is None else frame[frame["segment"] == group]
        for arm, part in rows.groupby("variant"):
            known = part[part["y"].notna()]
            _check_exactly(of["y"][arm], (known["y"], known["x"]), has_tail=by is None)
            _check_exactly(of["r"][arm], (part["top"], part["bottom"]))


def _draw(mean, n=3000, seed=3):
    return mean + np.random.default_rng(seed).gamma(0.5, 1.0, n)


def _join(parts, n=1500, **more):
    """Frames around several means, one below the other, each a segment."""
    frames = [_make_frame(_draw(mean, n), segment=name, **more) for name, mean in parts.items()]
    return pd.concat(frames, ignore_index=True)


def test_summarise_is_exact_where_groups_are_far_from_the_rest():
    _check_all(_join({"near": 0.0, "far": 1e8, "farther": -1e11, "between": 40.0}), by="segment")
    arms = pd.concat([_join({"s": 0.0}, arm="a"), _join({"t": 1e9}, arm="b")], ignore_index=True)
    _check_all(arms.assign(y=arms["y"].where(arms.index % 7 > 0)))  # with outcomes that are missing
    first = _join({"s": 0.0, "t": 1e7}, n=12_000).sort_values("y", ignore_index=True)
    _check_all(first.assign(variant=np.where(first.index < 12_000, "a", "b")))  # the first rows are unlike the rest


@settings(derandomize=True, deadline=None, max_examples=6)
@given(
    st.lists(st.floats(-100, 100), min_size=4, max_size=40),
    st.sampled_from([0.0, 1e-3, 1.0, -5e3, 1e8, 1e12]),
    st.sampled_from([1e-3, 1.0, 1e3]),
    st.integers(0, 2**32 - 1),
)
def test_summarise_is_exact_for_any_values_and_shift(values, shift, scale, seed):
    base = np.random.default_rng(seed).normal(0, 1, len(values)) + np.round(values, 2)
    _check_all(pd.concat([_make_frame(base * scale), _make_frame(base * scale + shift, segment="t")]), by="segment")


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e8 + 0.1, -7.7, 3.0])
def test_summarise_of_equal_values_has_no_variance_beside_a_group_that_varies(value):
    frame = pd.concat([_make_frame(np.full(41, value), segment="equal"), _make_frame(_draw(0.0))], ignore_index=True)
    found = metrics.summarise(_fold(frame, segments=["segment"]), by="segment")["equal"]["y"]["a"]
    assert found.value == pytest.approx(value, rel=1e-15)
    assert (found.variance, np.isnan(found.skewness)) == (0.0, True)


def _count_queries(units, monkeypatch, **options):
    asked, plain = [], ibis.backends.duckdb.Backend.to_pyarrow

    def to_pyarrow(backend, expression, **more):
        asked.append(expression)
        return plain(backend, expression, **more)

    monkeypatch.setattr(ibis.backends.duckdb.Backend, "to_pyarrow", to_pyarrow)
    metrics.summarise(units, **options)
    return len(asked)


def test_summarise_asks_for_a_constant_and_once_for_everything(monkeypatch):
    units = _fold(_make_frame(_draw(1e8)), covariates=["x"], segments=["segment"])
    assert _count_queries(units, monkeypatch, adjusted=True) == 2
    assert _count_queries(units, monkeypatch, by="segment") == 0  # the levels are what the arms were added up from


def test_summarise_measures_arms_alone_where_a_segment_has_many_levels(monkeypatch):
    frame = _make_frame(_draw(0.0)).assign(segment=lambda f: (f.index // 2).astype(str))
    units = _fold(frame, segments=["segment"], min_cell=1)
    assert _count_queries(units, monkeypatch) == 2
    assert _count_queries(units, monkeypatch, by="segment") == 1


def test_summarise_without_tails_leaves_them_out_until_they_are_asked_for():
    units = _fold(_make_frame(_draw(0.0)), segments=["segment"])
    for has_tails in (False, True, False):
        found = metrics.summarise(units, has_tails=has_tails)[None]["y"]["a"]
        assert np.isnan([found.skewness, found.top_share]).all() != has_tails
        _check_exactly(metrics.summarise(units)[None]["y"]["a"], (_draw(0.0)[::2],))


def test_summarise_finds_outcomes_that_are_missing_after_the_first_rows_only(monkeypatch):
    frame = _make_frame(_draw(0.0, 12_000))
    frame.loc[frame.index[-500:], "y"] = np.nan
    _check_all(frame)
    assert _count_queries(_fold(frame, covariates=["x"]), monkeypatch, adjusted=True) == 2


def test_summarise_asks_again_only_where_a_group_is_far(monkeypatch):
    units = _fold(_join({"s": 0.0, "t": 1e8}), segments=["segment"])
    assert _count_queries(units, monkeypatch) == 2  # first rows, sums
    assert _count_queries(units, monkeypatch, by="segment") == 1  # about the mean of each
    assert _count_queries(units, monkeypatch, by="segment") == 0


def test_summarise_does_not_ask_again_for_counts_that_are_exact(monkeypatch):
    counts = np.repeat([1000.0, 3.0], 500)
    frame = _make_frame(counts).assign(segment=np.where(counts > 3, "many", "few"))
    units = _fold(frame, {"y": {"kind": "count"}}, segments=["segment"])
    assert _count_queries(units, monkeypatch, by="segment") == 2
    assert metrics.summarise(units, by="segment")["many"]["y"]["a"].variance == 0.0


def test_summarise_keeps_what_rounding_takes_from_a_mean():
    values = 1e15 + np.array([0.0, 0.125, 0.25, 0.375])
    found = metrics.summarise(_fold(_make_frame(values, arm="a")))[None]["y"]["a"]
    assert found.mean[0] + (found.remainder[0] - 0.1875) == 1e15
    assert float(np.longdouble(found.mean[0]) - np.longdouble(1e15) + np.longdouble(found.remainder[0])) == 0.1875


def test_summarise_beside_covariates_gives_what_is_taken_without_any():
    frame = _make_frame(_draw(0.1))
    frame.loc[::5, "y"] = np.nan
    plain, beside = (metrics.summarise(_fold(frame, covariates=names))[None] for names in ([], ["x"]))
    for name, arms in beside.items():
        for arm, left in arms.items():
            np.testing.assert_equal(vars(left), vars(plain[name][arm]))


KINDS = {
    "spent": {"kind": "amount"},
    "paid": {"kind": "binary"},
    "r": {"kind": "ratio", "numerator": "top", "denominator": "bottom"},
    "t": {"kind": "time_to_event", "time": "top", "observed": "paid", "horizon_days": 3},
}


def _draw_frame(n=400, seed=1, mean=0.0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"unit": [f"u{i:05d}" for i in range(n)], "variant": rng.choice(["a", "b", "cps"], n)})
    frame["spent"] = mean + rng.exponential(1, n)
    frame.loc[rng.random(n) < 0.1, "spent"] = np.nan
    frame["paid"] = (rng.random(n) < 0.3).astype(float)
    frame["top"], frame["bottom"] = rng.poisson(3, n).astype(float), 1.0 + rng.poisson(2, n)
    frame["seats"] = mean + rng.normal(0, 1, n) + frame["spent"].fillna(mean) - mean
    frame["tier"] = rng.choice(["free", "pro", None], n, p=[0.5, 0.4, 0.1])
    return frame


FRAME = _draw_frame()


def _check(found, values, missing=0, rtol=1e-12, ratio=None):
    """Compare moments with numpy's, of one row a unit and one column a name; a ratio's tail is about that of all."""
    values = np.asarray(values, float).reshape(len(values), -1)
    assert (found.n, found.missing) == (len(values), missing)
    np.testing.assert_allclose(found.mean, values.mean(axis=0), rtol=rtol)
    np.testing.assert_allclose(found.cov, np.atleast_2d(np.cov(values.T)), rtol=rtol, atol=rtol)
    left = values[:, 0] - (ratio * values[:, 1] if ratio else 0.0)
    skewness = stats.skew(left) if found.names[0] in ("y", "num") and np.ptp(left) > 1e-12 else np.nan
    np.testing.assert_allclose(found.skewness, skewness, rtol=1e-9, atol=1e-9)


def _check_but_tail(found, values, missing=0):
    """The same of a week, a segment or lowered values, of which nobody reads a tail."""
    assert np.isnan(found.skewness)
    _check(replace(found, skewness=stats.skew(values)), values, missing=missing)


def test_summarise_equals_numpy_for_every_kind_and_arm():
    found = metrics.summarise(_fold(FRAME, KINDS))[None]
    assert list(found) == ["spent", "paid", "r"]  # a time to event has no moments
    for arm, rows in FRAME.groupby("variant"):
        known = rows["spent"].dropna()
        _check(found["spent"][arm], known, missing=len(rows) - len(known))
        _check(found["paid"][arm], rows["paid"])
        _check(found["r"][arm], rows[["top", "bottom"]], ratio=FRAME["top"].mean() / FRAME["bottom"].mean())
    assert (found["paid"]["a"].names, found["r"]["a"].names) == (("y",), ("num", "den"))


def test_summarise_keeps_the_tail_of_a_ratio_of_whole_numbers_and_fractions():
    bottom = np.random.default_rng(5).exponential(1000, 4000)  # the numerator is whole and near 0, and all but follows
    frame = _make_frame(bottom).assign(top=np.round(3 * bottom), bottom=bottom)
    left = frame["top"] - frame["top"].mean() / frame["bottom"].mean() * frame["bottom"]
    found = metrics.summarise(_fold(frame))[None]["r"]
    expected = left.groupby(frame["variant"]).skew().tolist()
    assert [found[arm].skewness for arm in "ab"] == pytest.approx(expected, abs=1e-3)


def test_summarise_adjusted_takes_covariates_over_units_with_a_known_outcome():
    frame = _draw_frame()
    units = _fold(frame, KINDS, covariates=["seats", "tier"])
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
    frame = _draw_frame(60)
    frame.loc[frame["tier"].isna(), "variant"] = "a"  # then b has no unit of unknown tier
    found = metrics.summarise(_fold(frame, KINDS, segments=["tier"], min_cell=1), by="tier")
    assert list(found) == ["free", "pro", "unknown"]
    _check_but_tail(found["pro"]["paid"]["a"], frame.query("tier == 'pro' and variant == 'a'")["paid"])
    empty = found["unknown"]["paid"]["b"]
    assert (empty.n, empty.missing, np.isnan(empty.mean).all(), np.isnan(empty.cov).all()) == (0, 0, True, True)


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


def test_summarise_counts_as_missing_only_what_is_over():
    frame = CLUSTERED.assign(assigned_at=pd.date_range("2024-01-01", periods=6))
    kinds = {"spent": {"kind": "amount", "within_days": 2}}
    found = metrics.summarise(_fold(frame, kinds, assigned_at="assigned_at", as_of="2024-01-06"))[None]["spent"]["b"]
    assert (found.n, found.missing) == (1, 1)  # the window of u, assigned last, is not over


def test_winsorise_lowers_to_the_quantile_of_positive_values_of_all_arms():
    frame = pd.DataFrame({"unit": list("pqrstu"), "variant": list("aabbbb")}).assign(spent=[0, 10, 0, 20, 120, np.nan])
    frame.loc[len(frame)] = ["v", "cps", 1e6]  # outside the randomisation: no part of the quantile, lowered too
    found = metrics.moments.winsorise(_fold(frame, {"spent": {"kind": "amount"}}), "spent")
    # of 10, 20, 120: 20 + 0.98 x 100
    _check_but_tail(found["b"], [0.0, 20.0, 118.0], missing=1)
    _check_but_tail(found["a"], [0.0, 10.0])
    assert found["cps"].value == 118.0


def test_winsorise_finds_the_quantile_wherever_the_largest_values_stand():
    rng = np.random.default_rng(5)
    drawn = np.concatenate([rng.exponential(1, 14_000), 50 + rng.exponential(9, 400), np.zeros(600)])
    for spent in (drawn, drawn[::-1], rng.permutation(drawn), np.repeat([0.0, 3.0, 3.0], 5000)):
        frame = pd.DataFrame({"unit": [f"{i:05d}" for i in range(15_000)], "spent": spent}).assign(variant="a")
        frame.loc[frame.index % 2 == 1, "variant"] = "b"
        found = metrics.moments.winsorise(_fold(frame, {"spent": {"kind": "amount"}}), "spent")
        lowered = frame.assign(spent=np.minimum(spent, np.quantile(spent[spent > 0], 0.99)))
        for arm, rows in lowered.groupby("variant"):
            _check_but_tail(found[arm], rows["spent"].to_numpy())


def test_winsorise_lowers_each_amount_of_a_plan_and_tells_the_sizes_of_its_values():
    rng, kinds = np.random.default_rng(6), {"first": {"kind": "amount"}, "second": {"kind": "amount"}}
    drawn = {"first": rng.normal(5, 2, 3000), "second": np.where(rng.random(3000) < 0.5, 0, rng.lognormal(9, 2, 3000))}
    frame = pd.DataFrame({"unit": range(3000), "variant": ["a", "b"] * 1500, "tier": ["x", "y", "y"] * 1000, **drawn})
    units = _fold(frame, kinds, segments=["tier"])
    for name, values in drawn.items():
        lowered = frame.assign(value=np.minimum(values, np.quantile(values[values > 0], 0.99)))
        found, seen = metrics.moments.winsorise(units, name), metrics.moments.see_values(units)[name, name]
        for arm, rows in lowered.groupby("variant"):
            _check_but_tail(found[arm], rows["value"].to_numpy())
            known = rows.loc[rows[name] != 0, name]
            sizes = np.array([text.split(":")[1:] for text in seen[arm]["sizes"]], float)
            assert seen[arm]["n"] == sizes[:, 0].sum() == len(known)
            assert sizes[:, 1].min() == pytest.approx(known.min(), rel=1e-15)
            assert sizes[:, 2].max() == pytest.approx(known.max(), rel=1e-15)
            assert sizes[:, 3].sum() == pytest.approx(known.sum(), rel=1e-12)


def test_winsorise_lowers_nothing_without_values_above_0():
    frame = pd.DataFrame({"unit": list("pqrs"), "variant": list("aabb"), "spent": [0.0, -3.0, 0.0, np.nan]})
    found = metrics.moments.winsorise(_fold(frame, {"spent": {"kind": "amount"}}), "spent")
    _check_but_tail(found["a"], [0.0, -3.0])
    _check_but_tail(found["b"], [0.0], missing=1)


def test_summarise_shares_takes_marks_of_each_arm():
    units = _fold(FRAME, KINDS, segments=["tier"], min_cell=1)
    found = metrics.moments.summarise_shares(units, ["missing_spent"])[None]["missing_spent"]["b"]
    _check(found, FRAME.query("variant == 'b'")["spent"].isna())
    level = metrics.moments.summarise_shares(units, ["missing_spent"], by="tier")["pro"]["missing_spent"]["b"]
    _check_but_tail(level, FRAME.query("variant == 'b' and tier == 'pro'")["spent"].isna())


def test_summarise_covariates_takes_them_jointly_and_clusters_by_their_means():
    found = metrics.summarise_covariates(_fold(FRAME, KINDS, covariates=["seats", "bottom"]))["a"]
    assert found.names == ("x_seats", "x_bottom")
    _check(found, FRAME.query("variant == 'a'")[["seats", "bottom"]])
    clustered = metrics.summarise_covariates(_fold(CLUSTERED, RATIO, cluster="firm", covariates=["top"]))["a"]
    _check(clustered, [1.5, 3.0])
