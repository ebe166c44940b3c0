"""Moments by sums about constants: against extended precision wherever a group lies, and by how many queries."""

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sources import make_design, make_source

from helpers import metrics

PLAN = {"y": {"kind": "amount"}, "r": {"kind": "ratio", "numerator": "top", "denominator": "bottom"}}


def _fold(frame, kinds=PLAN, **more):
    return metrics.fold(make_source(frame), make_design(kinds, **more))


def _make_frame(values, *, segment="s", arm=None, seed=0):
    """One row a value, with a covariate that follows it, and a ratio of two shifted copies."""
    n, rng = len(values), np.random.default_rng(seed)
    arms = [arm] * n if arm else [("a", "b")[i % 2] for i in range(n)]
    noise = rng.normal(0, 1, n)
    frame = pd.DataFrame(
        {"unit": [f"{segment}{i}" for i in range(n)], "variant": arms, "y": values, "segment": segment}
    )
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


@pytest.mark.parametrize("mean", [0.0, 0.1, -5e3, 1e8, 1e12])
def test_summarise_is_exact_at_any_mean(mean):
    _check_all(_make_frame(_draw(mean)))


def test_summarise_is_exact_where_one_segment_is_far_from_the_rest():
    parts = {"near": 0.0, "far": 1e8, "farther": -1e11, "between": 40.0}
    frame = pd.concat([_make_frame(_draw(m, 1500), segment=name) for name, m in parts.items()], ignore_index=True)
    _check_all(frame, by="segment")


def test_summarise_is_exact_where_one_arm_is_far_and_outcomes_are_missing():
    frame = pd.concat(
        [_make_frame(_draw(0.0), arm="a", segment="s"), _make_frame(_draw(1e9), arm="b", segment="t")],
        ignore_index=True,
    )
    frame.loc[::7, "y"] = np.nan
    _check_all(frame)


def test_summarise_is_exact_where_the_first_rows_are_unlike_the_rest():
    values = np.sort(np.concatenate([_draw(0.0, 12_000), _draw(1e7, 12_000)]))
    frame = _make_frame(values)
    frame["variant"] = np.where(np.arange(len(frame)) < 12_000, "a", "b")
    _check_all(frame)


@settings(derandomize=True, deadline=None, max_examples=8)
@given(
    st.lists(st.floats(-100, 100), min_size=4, max_size=40),
    st.sampled_from([0.0, 1e-3, 1.0, 1e5, 1e10]),
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


def test_summarise_asks_once_for_a_constant_and_once_for_everything(monkeypatch):
    units = _fold(_make_frame(_draw(1e8)), covariates=["x"], segments=["segment"])
    assert _count_queries(units, monkeypatch, by="segment", adjusted=True) == 2


def test_summarise_finds_outcomes_that_are_missing_after_the_first_rows_only(monkeypatch):
    frame = _make_frame(_draw(0.0, 12_000))
    frame.loc[frame.index[-500:], "y"] = np.nan
    _check_all(frame)
    assert _count_queries(_fold(frame, covariates=["x"]), monkeypatch, adjusted=True) == 3
    assert _count_queries(_fold(frame.iloc[::-1], covariates=["x"]), monkeypatch, adjusted=True) == 2
    assert _count_queries(_fold(frame, covariates=["x"]), monkeypatch) == 2  # without covariates nothing depends on it


def test_summarise_asks_again_only_where_a_group_is_far(monkeypatch):
    frame = pd.concat([_make_frame(_draw(0.0)), _make_frame(_draw(1e8), segment="t")], ignore_index=True)
    units = _fold(frame, segments=["segment"])
    assert _count_queries(units, monkeypatch) == 2  # the arms are alike
    assert _count_queries(units, monkeypatch, by="segment") == 2  # and the look at the first rows is kept
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


def test_summarise_is_bit_identical_where_it_asks_again():
    frame = pd.concat([_make_frame(_draw(0.1)), _make_frame(_draw(1e8), segment="t")], ignore_index=True)
    one, other = (
        metrics.summarise(_fold(frame, covariates=["x"], segments=["segment"]), by="segment", adjusted=True)
        for _ in range(2)
    )
    for segment in ("s", "t"):
        a, b = one[segment]["y"]["a"], other[segment]["y"]["a"]
        assert (a.mean.tobytes(), a.cov.tobytes(), a.skewness) == (b.mean.tobytes(), b.cov.tobytes(), b.skewness)


def test_leave_covariates_gives_what_is_taken_without_them():
    frame = _make_frame(_draw(0.1))
    frame.loc[::5, "y"] = np.nan
    units = _fold(frame, covariates=["x"])
    plain, left = (
        metrics.summarise(units)[None],
        metrics.leave_covariates(metrics.summarise(units, adjusted=True)[None]),
    )
    for name in ("y", "r"):
        for arm in ("a", "b"):
            one, other = plain[name][arm], left[name][arm]
            assert (one.names, one.n, one.missing, one.skewness) == (
                other.names,
                other.n,
                other.missing,
                other.skewness,
            )
            assert (one.mean.tolist(), one.cov.tolist()) == (other.mean.tolist(), other.cov.tolist())


def test_summarise_of_an_arm_without_known_rows_has_no_moments():
    frame = pd.DataFrame({"unit": list("pqr"), "variant": list("abb"), "y": [np.nan, 1.0, 2.0]})
    found = metrics.summarise(_fold(frame, {"y": {"kind": "amount"}}))[None]["y"]
    assert (found["a"].n, found["a"].missing, np.isnan(found["a"].value)) == (0, 1, True)
    assert (found["b"].n, found["b"].missing, found["b"].value) == (2, 0, 1.5)
