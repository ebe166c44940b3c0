"""Who renews: the published fit, projections by hand, money by hand, and the coverage of the projection."""

import numpy as np
import pandas as pd
import pytest
from sources_samples import tell_refusal

from helpers import contracts, paths

TABLE = pd.read_csv(paths.DATA / "published_retention.csv")
START = pd.Timestamp("2020-01-01", tz="UTC")
PUBLISHED = {"Regular": (0.704, 1.182, -1680.3), "High end": (0.668, 3.806, -1611.2)}


def make(rows, renewals):
    columns = ["unit", "amount", "left", "end"]
    customers = pd.DataFrame(rows, columns=columns).assign(started_at=START, tier="all", size=1.0, bought=np.nan)
    due = pd.DataFrame(renewals, columns=["unit", "at", "left", "amount"])
    return customers, due.assign(at=START + pd.to_timedelta(due["at"].astype(float), unit="D"))


@pytest.mark.parametrize("segment", PUBLISHED)
def test_fit_contracts_is_the_published_one_of_fader_and_hardie(segment):
    left = TABLE.loc[TABLE["segment"] == segment, "customers_remaining"].to_numpy()[:8]
    kept = np.zeros(8)
    kept[-1] = left[-1]
    fit = contracts.fit_contracts(-np.diff(left), kept)
    alpha, beta, log_likelihood = PUBLISHED[segment]
    assert (fit.alpha, fit.beta) == pytest.approx((alpha, beta), abs=5e-4)
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=0.05)


def test_the_published_table_is_the_shared_one(shared):
    given = pd.read_csv(shared / "data" / "sbg_retention.csv")
    assert given["customers_remaining"].tolist() == TABLE["customers_remaining"].tolist()


def test_survive_by_hand():
    # the chance of renewing k times is the product of (beta + t - 1) / (alpha + beta + t - 1)
    assert contracts.survive(1.0, 2.0, [0, 1, 2]) == pytest.approx([1, 2 / 3, 2 / 3 * 3 / 4])
    # alpha = beta = 1: half leave, then a third of the rest, then a quarter
    assert contracts.survive(1.0, 1.0, 3) == pytest.approx(1 / 4)


def test_project_follows_the_fit_and_widens_with_time():
    left = TABLE["customers_remaining"].to_numpy()[:8]
    fit = contracts.fit_contracts(-np.diff(left), np.append(np.zeros(7), left[-1]))
    near, far = contracts.project(fit, 8), contracts.project(fit, 30)
    assert near[0] == pytest.approx(float(contracts.survive(fit.alpha, fit.beta, 8)))
    assert near[1] < near[0] < near[2]
    assert (far[2] - far[1]) / far[0] > (near[2] - near[1]) / near[0]
    assert contracts.project(fit, 0) == (1, 1, 1)
    assert contracts.project(fit, 8, confidence_level=0.8)[1] > near[1]


@pytest.mark.parametrize(("lost", "kept", "reason"), [
    ([4, 3], [0, 0, 90], "fewer than ten left, or all at one renewal"),
    ([50], [0, 50], "fewer than ten left, or all at one renewal"),
    # a fifth at each renewal: all alike
    ([2000, 1600, 1280], [0, 0, 0, 5120], "chances of leaving hardly differ between customers, so that nothing "
     "tells them apart"),
])  # fmt: skip
def test_fit_contracts_says_why_there_is_none(lost, kept, reason):
    fit = contracts.fit_contracts(lost, kept)
    assert fit.reason == reason
    assert np.isnan(contracts.project(fit, 3)).all()


def test_count_renewals_by_hand():
    customers, due = make(
        [("a", 1, np.nan, 800), ("b", 1, 730, 800), ("c", 1, 365, 800), ("d", 1, np.nan, 100)],
        [("a", 365, 0, 1), ("a", 730, 0, 1), ("b", 365, 0, 1), ("b", 730, 1, np.nan), ("c", 365, 1, np.nan)],
    )
    lost, kept = contracts.count_renewals(customers, due)
    assert (lost.tolist(), kept.tolist()) == ([1, 1], [1, 0, 1])  # d renewed never, a twice
    lost, kept = contracts.count_renewals(customers, due, 1)
    assert (lost.tolist(), kept.tolist()) == ([1], [1, 2])  # b's second renewal is not looked at


def test_measure_revenue_by_hand():
    rows = [("a", 100, np.nan, 800), ("b", 200, np.nan, 800), ("c", 300, 730, 800), ("d", 400, 365, 800)]
    rows += [("e", 50, np.nan, 300)]  # began within the window
    due = [("a", 365, 0, 110), ("a", 730, 0, 150), ("b", 365, 0, 200), ("b", 730, 0, 120)]
    due += [("c", 365, 0, 300), ("c", 730, 1, np.nan), ("d", 365, 1, np.nan)]
    found = contracts.measure_revenue(*make(rows, due), days=365.0).set_index("measure")["value"]
    # at day 435: a pays 110, b 200, c 300; d has left and e has not begun
    assert found["starting"] == 610
    assert (found["expansion"], found["contraction"], found["churn"]) == (40, 80, 300)
    assert found["net"] == pytest.approx((150 + 120) / 610)
    assert found["gross"] == pytest.approx((110 + 120) / 610)
    assert found["renewal_rate"] == pytest.approx(2 / 3)


def test_measure_revenue_keeps_no_more_than_all_and_is_not_certain_of_forty_customers():
    rows = [(f"u{i}", 100 + i, np.nan, 800) for i in range(40)]
    due = [(f"u{i}", day, 0, 100) for i in range(40) for day in (365, 730)]
    found = contracts.measure_revenue(*make(rows, due), days=365.0).set_index("measure")
    for name in ("renewal_rate", "gross"):
        assert found.loc[name, "value"] == 1 == found.loc[name, "ci_high"] and 0.8 < found.loc[name, "ci_low"] < 0.95
    grown = contracts.measure_revenue(*make(rows, [*due[:-1], ("u39", 730, 0, 400)]), days=365.0).set_index("measure")
    assert grown.loc["net", "ci_high"] > 1.07  # growth can bring more than all


def test_measure_revenue_without_amounts_has_the_rate_alone_and_refuses_amounts_of_nothing():
    rows = [("a", np.nan, np.nan, 800), ("b", np.nan, 730, 800)]
    due = [("a", 730, 0, np.nan), ("b", 730, 1, np.nan)]
    assert contracts.measure_revenue(*make(rows, due), days=365.0)["measure"].tolist() == ["renewal_rate"]
    free = make([("a", 0, np.nan, 800), ("b", 5, np.nan, 800)], [])
    told = "accounts, column amount: 1 of 2 customers with an amount of 0 or below; give what a year costs"
    assert tell_refusal(contracts.measure_revenue, *free, days=365.0) == told
    assert contracts.measure_revenue(*make([("a", 1, np.nan, 100)], []), days=365.0).empty


def test_without_any_renewal_or_loss_nothing_is_told_of_who_stays():
    rows = [(f"u{i}", 100, np.nan, 1200) for i in range(200)]
    assert contracts.measure_revenue(*make(rows, []), days=365.0).empty
    assert contracts.study_contracts(*make(rows, []), months=[12], term_days=365.0) == {}
    some = make(rows, [("u1", 365, 0, 110)])
    assert "net" in set(contracts.measure_revenue(*some, days=365.0)["measure"])
    assert len(contracts.study_contracts(*some, months=[12], term_days=365.0)["retention"])


def test_projections_of_few_renewals_hold_the_truth_about_as_often_as_they_say():
    rng, alpha, beta, hits = np.random.default_rng(5), 0.8, 2.5, []
    truth = float(contracts.survive(alpha, beta, 10))
    for _ in range(60):
        lasted = np.minimum(rng.geometric(np.maximum(rng.beta(alpha, beta, 800), 1e-9)) - 1, 5)
        kept = np.bincount(lasted, minlength=6)
        fit = contracts.fit_contracts(kept[:5], np.append(np.zeros(5), kept[5]))
        _, low, high = contracts.project(fit, 10)
        hits.append(low <= truth <= high)
    assert np.mean(hits) == pytest.approx(0.95, abs=0.085)
