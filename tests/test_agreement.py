"""Agreement of reviewers: by hand, against published examples, and its truth in a simulation."""

import math

import numpy as np
import pandas as pd
import pingouin
import pytest
from sklearn.metrics import cohen_kappa_score

from helpers import agreement

NAN = np.nan
OBSERVERS = np.array([
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
]).T  # fmt: skip


def make_reviews(pairs):
    rows = [(f"t{i:04d}", f"r{j}", score) for i, pair in enumerate(pairs) for j, score in enumerate(pair)]
    at = pd.date_range("2022-01-01", "2022-04-01", len(rows), tz="UTC")
    return pd.DataFrame(rows, columns=["ticket", "agent", "value"]).assign(at=at)


def study(reviews, **changes):
    return agreement.study_reviews(reviews, **{"margins": [0.5], "reliability": 0.8, **changes})


def draw(n, noise, seed):
    rng = np.random.default_rng(seed)
    return np.round(3 + rng.normal(size=(n, 1)) * 0.8 + noise * rng.normal(size=(n, 2))).clip(1, 5)


def test_measure_alpha_is_krippendorffs_published_figure():
    assert agreement.measure_alpha(OBSERVERS) == pytest.approx(0.815, abs=0.001)
    assert math.isnan(agreement.measure_alpha(np.full((5, 2), 3.0)))


def test_measure_kappa_by_hand():
    # three agree (1 1, 2 2, 3 3), one is two apart (1 3); both orders: marks 1 three times, 2 twice, 3 three times
    pairs = np.array([[1, 1], [2, 2], [3, 3], [1, 3]], float)
    observed, expected = (4 + 4) / 8, 2 * (3 / 8) ** 2 * 4 + 4 * (3 / 8) * (2 / 8)
    assert agreement.measure_kappa(pairs) == pytest.approx(1 - observed / expected)
    assert math.isnan(agreement.measure_kappa(np.full((5, 2), 3.0)))


def test_measure_kappa_is_scikit_learns_in_both_orders():
    pairs = draw(50, 0.8, 5)
    peer = cohen_kappa_score(*np.concatenate([pairs, pairs[:, ::-1]]).T.astype(int), weights="quadratic")
    assert agreement.measure_kappa(pairs) == pytest.approx(peer)


def test_study_reviews_tells_of_no_more_than_full_agreement():
    pairs = np.array([[1.0, 2], *[[1.0, 1]] * 11, *[[5.0, 5]] * 12])
    found = study(make_reviews(pairs))["agreement"].set_index("measure")
    assert found.loc["alpha", "value"] > 0.95 and found["ci_high"].max() <= 1


def test_measure_icc_by_hand_and_its_interval_is_pingouins():
    pairs = draw(60, 0.6, 1)
    between, within = 2 * pairs.mean(axis=1).var(ddof=1), (np.diff(pairs)[:, 0] ** 2 / 2).mean()
    found = agreement.measure_icc(pairs)
    assert found[0] == pytest.approx((between - within) / (between + within), abs=1e-4)
    rows = make_reviews(pairs)
    peer = pingouin.intraclass_corr(rows, targets="ticket", raters="agent", ratings="value").iloc[0]
    ends = next(peer[name] for name in ("CI95%", "CI95") if name in peer)
    assert found[1:] == pytest.approx(ends, abs=0.01)
    assert agreement.measure_icc(pairs, confidence_level=0.8)[1] > found[1]


def test_pair_reviews_takes_two_people_of_each_ticket():
    reviews = make_reviews([[1, 2], [3, 4]])
    again, alone = reviews.iloc[[0]].assign(value=5), reviews.iloc[[0]].assign(ticket="t9")
    third = reviews.iloc[[2]].assign(agent="r7")
    assert agreement.pair_reviews(pd.concat([reviews, again, alone, third])).tolist() == [[1, 2], [3, 4]]


def test_study_reviews_says_how_many_reviews_it_takes():
    pairs = draw(400, 0.8, 2)
    tables = study(make_reviews(pairs), margins=[0.25, 0.5])
    needed, spread = tables["reviews_needed"], pairs[:, 0].std(ddof=1)
    assert needed["reviews"].tolist() == [math.ceil((1.959964 * spread / m) ** 2) for m in (0.25, 0.5)]
    icc = tables["agreement"].set_index("measure").loc["icc", "value"]
    k = needed["reviewers"].iloc[0]
    assert k * icc / (1 + (k - 1) * icc) >= 0.8 > (k - 1) * icc / (1 + (k - 2) * icc)
    assert needed["reviews_now"].iloc[0] == pytest.approx(800 / 3)
    assert study(make_reviews(pairs), reliability=0.95)["reviews_needed"]["reviewers"].iloc[0] > k
    assert study(make_reviews(pairs[:9])) == {}


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    pairs = draw(20_000, 0.8, 3)
    between, within = 2 * pairs.mean(axis=1).var(ddof=1), (np.diff(pairs) ** 2 / 2).mean()
    truth, hits = (between - within) / (between + within), []
    for seed in range(40):
        _, low, high = agreement.measure_icc(draw(80, 0.8, 100 + seed))
        hits.append(low < truth < high)
    assert np.mean(hits) >= 0.85
