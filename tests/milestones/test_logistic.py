"""The small logistic model: beside statsmodels, its losses, the natural spline, and folds."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.interpolate import CubicSpline

from helpers.milestones.logistic import build_spline, find_knots, fit_logistic, measure_losses, split_folds


def draw(n=400, seed=1):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    return x, (rng.random(n) < 1 / (1 + np.exp(-x @ [0.5, 1.0, -0.4]))).astype(float)


def test_fit_logistic_equals_statsmodels():
    x, y = draw()
    model = sm.Logit(y, x).fit(disp=0)
    assert fit_logistic(x, y) == pytest.approx(model.params, abs=1e-5)
    assert measure_losses(x, y, model.params).sum() == pytest.approx(-model.llf, rel=1e-12)


def test_fit_logistic_start_saves_steps_and_changes_nothing(monkeypatch):
    x, y = draw()
    full = fit_logistic(x, y)
    assert fit_logistic(x, y, start=full + 0.3) == pytest.approx(full, abs=1e-9)
    monkeypatch.setattr("helpers.milestones.logistic.STEPS", 1)
    assert fit_logistic(x, y, start=full) == pytest.approx(full, abs=1e-9)
    assert fit_logistic(x, y) != pytest.approx(full, abs=1e-3)


def test_fit_logistic_stays_finite_where_a_column_separates():
    x = np.column_stack([np.ones(60), np.repeat([0.0, 1.0], 30)])
    y = np.where(x[:, 1] == 1, 1.0, np.tile([0.0, 1.0], 30))
    slopes = fit_logistic(x, y)
    assert np.isfinite(slopes).all() and 5 < slopes[1] < 20


def test_measure_losses_by_hand():
    x = np.array([[1.0, 0.0], [1.0, 1.0]])
    # shares 1/2 and 3/4
    assert measure_losses(x, [1, 0], np.array([0.0, np.log(3)])) == pytest.approx([np.log(2), np.log(4)])


@pytest.mark.parametrize(
    ("values", "n"),
    [
        (np.arange(100), 4),  # spread out: four quantiles
        (np.repeat([0, 1, 2, 5, 20], [400, 40, 30, 20, 10]), 3),  # most are 0: the quantiles of the rest
        ([0, 0, 0, 7], 2),  # two values: both ends
    ],
)
def test_find_knots_keeps_them_apart(values, n):
    knots = find_knots(values)
    assert len(knots) == n and (np.diff(knots) > 0).all()
    assert knots[0] >= 0 and knots[-1] <= np.log1p(np.max(values))


def test_build_spline_holds_every_natural_spline_with_its_knots():
    knots = np.log1p([0.0, 2.0, 9.0, 40.0])
    counts = np.arange(41.0)
    wanted = CubicSpline(knots, [0.2, -1.0, 0.5, 0.3], bc_type="natural")(np.log1p(counts))
    columns = np.column_stack([np.ones(41), build_spline(counts, knots)])
    assert columns.shape[1] == 4
    fitted = columns @ np.linalg.lstsq(columns, wanted, rcond=None)[0]
    assert fitted == pytest.approx(wanted, abs=1e-10)


def test_build_spline_is_straight_beyond_the_outer_knots_and_with_two():
    far = np.expm1(np.array([5.0, 6.0, 7.0]))
    assert np.diff(build_spline(far, np.array([0.5, 1.0, 2.0, 3.0])), n=2, axis=0) == pytest.approx(0, abs=1e-9)
    assert build_spline([0.0, 1.0], np.array([0.0, 1.0])).tolist() == [[0.0], [np.log(2)]]


def test_split_folds_are_equal_seeded_and_by_chance():
    folds = split_folds(23, 5, np.random.default_rng(1))
    assert sorted(np.bincount(folds)) == [4, 4, 5, 5, 5]
    assert (folds == split_folds(23, 5, np.random.default_rng(1))).all()
    assert (folds != split_folds(23, 5, np.random.default_rng(2))).any()
