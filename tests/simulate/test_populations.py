"""Populations: their exact truth against large draws and against other formulas."""

import numpy as np
import pytest
from scipy import stats

from helpers.simulate.populations import HORIZON_DAYS, LEVELS, LOOK_DAYS, POPULATIONS, find_null, make_money

N = 200_000


def draw(population, n=N):
    return population.draw(np.random.default_rng(1), n, False), population.draw(np.random.default_rng(2), n, True)


def read_arm(population, arm):
    """Return the value of one arm that a difference is taken of, and its standard error, per family."""
    family = population.family
    if family in ("ratios", "clusters", "rates"):
        ratio = arm[:, 0].sum() / arm[:, 1].sum()
        return ratio, (arm[:, 0] - ratio * arm[:, 1]).std() / arm[:, 1].mean() / len(arm) ** 0.5
    if family in ("medians", "90th percentiles"):
        p = 0.5 if family == "medians" else 0.9
        reach = np.quantile(arm, [p, p - 4 * (p * (1 - p) / len(arm)) ** 0.5, p + 4 * (p * (1 - p) / len(arm)) ** 0.5])
        return reach[0], (reach[2] - reach[1]) / 8
    known = arm[~np.isnan(arm[:, 0]), 0]
    return known.mean(), known.std() / len(known) ** 0.5


NOT_MEANS = ("ordered scores", "times to an event", "competing events")
NOT_MEANS += ("outcomes missing by arm", "outcomes unknown in one arm")
MEANS = [name for name, p in POPULATIONS.items() if "difference" in p.truth and p.family not in NOT_MEANS]


@pytest.mark.parametrize("name", MEANS)
def test_truth_of_the_difference_equals_that_of_a_large_draw(name):
    population = POPULATIONS[name]
    (low, error_low), (high, error_high) = (read_arm(population, arm) for arm in draw(population))
    lift, gap = population.truth.get("relative_lift", np.nan), population.truth["difference"]
    assert not abs(gap - lift * low) > 4.5 * error_low * abs(lift) + 1e-12  # where there is a lift
    step = 5.0 if "steps" in name else 0.0  # a quantile of whole steps can only be off by a step
    assert abs(high - low - population.truth["difference"]) <= 4.5 * np.hypot(error_low, error_high) + step


@pytest.mark.parametrize("name", [n for n, p in POPULATIONS.items() if p.family == "ordered scores"])
def test_truth_of_ordered_scores_equals_somers_d(name):
    population = POPULATIONS[name]
    control, treatment = (np.bincount(a[:, 0].astype(int), minlength=LEVELS + 1)[1:] for a in draw(population))
    found = stats.somersd(np.array([control, treatment])).statistic
    assert found == pytest.approx(population.truth["difference"], abs=0.01)


@pytest.mark.parametrize("name", [n for n, p in POPULATIONS.items() if p.skewness == p.skewness and p.skewness < 10])
def test_skewness_is_that_of_a_large_draw(name):
    population = POPULATIONS[name]
    control, treatment = (leave(arm, population) for arm in draw(population))
    found = max(abs(stats.skew(arm)) for arm in (control, treatment))
    assert found == pytest.approx(population.skewness, rel=0.1, abs=0.03)
    if population.family != "shares":  # whose domain asks for events
        assert treatment.std() / control.std() == pytest.approx(population.spread, rel=0.03)


def leave(arm, population):
    """The outcome; of a ratio, what it leaves of its numerator."""
    if population.family not in ("ratios", "rates", "clusters"):
        return arm[:, 0]
    return arm[:, 0] - arm[:, 0].mean() / arm[:, 1].mean() * arm[:, 1]


def test_worth_of_clusters_is_that_of_their_sizes():
    population = POPULATIONS["clusters of unequal size"]
    sizes = draw(population)[0][:, 1]
    assert 1 / (1 + sizes.var() / sizes.mean() ** 2) == pytest.approx(population.worth, rel=0.03)


def test_skewness_of_money_equals_that_of_the_lognormal_where_all_pay():
    found = make_money("all pay", (1.0, 3.0), (1.0, 3.0), spread=0.8).skewness
    assert found == pytest.approx(float(stats.lognorm(0.8).stats("s")), rel=1e-12)


@pytest.mark.parametrize("name", ["followed for 20 to 80 days", "ended by other events"])
def test_truth_of_times_equals_quadrature(name):
    name = f"{name}, a third more events"
    hazards, competing = (0.02, 0.027), 0.01 if "other" in name else 0.0
    days = np.linspace(0, HORIZON_DAYS, 20_001)
    shares, means = [], []
    for hazard in hazards:
        incidence = np.cumsum(hazard * np.exp(-(hazard + competing) * days)) * (days[1] - days[0])
        shares.append(np.trapezoid(hazard * np.exp(-(hazard + competing) * days), days))
        means.append(np.trapezoid(1 - incidence, days))
    truth = POPULATIONS[name].truth
    assert truth["difference"] == pytest.approx(shares[1] - shares[0], abs=1e-6)
    assert truth["rmst_difference"] == pytest.approx(means[1] - means[0], abs=1e-3)
    assert POPULATIONS[name].event_shares == pytest.approx(shares, abs=1e-6)


def test_times_are_drawn_with_the_incidence_of_their_hazards():
    name = "ended by other events, a third more events"
    for arm, hazard in zip(draw(POPULATIONS[name]), (0.02, 0.027), strict=True):
        seen = np.mean((arm[:, 0] <= 20) & (arm[:, 1] == 1))  # nobody is lost before day 20
        assert seen == pytest.approx(hazard / (hazard + 0.01) * -np.expm1(-(hazard + 0.01) * 20), abs=0.005)


def test_take_up_moves_by_the_compliers_and_the_outcome_by_their_effect():
    for name, share in (("40 % comply, +0.5", 0.4), ("3 % comply, +0.5", 0.03)):
        control, treatment = draw(POPULATIONS[name])
        assert treatment[:, 1].mean() - control[:, 1].mean() == pytest.approx(share, abs=0.005)
        assert POPULATIONS[name].truth["difference"] == pytest.approx(0.5 * share)


def test_unknown_outcomes_make_the_known_ones_mislead():
    population = POPULATIONS["half of the treated without event unknown"]
    control, treatment = draw(population)
    assert np.nanmean(treatment) - np.nanmean(control) > population.truth["difference"] + 0.1
    # half of the 70 % without the event are unknown, and the rest as it was
    assert np.isnan(treatment).mean() == pytest.approx(0.35, abs=0.005) and not np.isnan(control).any()


def test_missing_covariates_and_outcomes_are_as_many_as_said():
    control, treatment = draw(POPULATIONS["30 % of what is known before missing"])
    assert np.isnan(np.vstack([control, treatment])[:, 1:]).mean(axis=0) == pytest.approx([0.3] * 3, abs=0.005)
    control, treatment = draw(POPULATIONS["outcomes missing by covariate in one arm"])
    # only in the treated arm those with a high covariate are missing more
    assert np.mean(control[np.isnan(control[:, 0]), 1]) == pytest.approx(0, abs=0.02)
    assert np.mean(treatment[np.isnan(treatment[:, 0]), 1]) > 0.3


def test_days_of_looks_fill_the_window():
    days = POPULATIONS["looked at every day"].draw(np.random.default_rng(1), 5_000, True)[:, 1]
    assert set(days) == set(range(1, LOOK_DAYS + 1))


@pytest.mark.parametrize("population", POPULATIONS.values(), ids=lambda population: population.name)
def test_rows_are_drawn_alike_so_that_many_experiments_are_drawn_at_once(population):
    rows = population.draw(np.random.default_rng(2), 20_000, True)
    first, second = np.nanmean(rows[:10_000], axis=0), np.nanmean(rows[10_000:], axis=0)
    assert (abs(first - second) < 5 * np.nanstd(rows, axis=0) / np.sqrt(5_000)).all()


def test_has_effect_knows_ratios():
    rates = POPULATIONS["events a day at risk"]
    assert not rates.has_effect("rate_ratio") and not rates.has_effect("difference")
    assert POPULATIONS["events a day at risk, +20 %"].has_effect("rate_ratio")
    assert (find_null("rate_ratio"), find_null("difference")) == (1.0, 0.0)


def test_count_events_takes_the_rarest_of_all_cells():
    population = POPULATIONS["5 % and 7 % have the event"]
    assert population.count_events(200, 100) == pytest.approx(7.0)  # 10 in control, 7 in treatment
    assert population.count_events(100, 200) == pytest.approx(5.0)
    assert POPULATIONS["Poisson counts"].count_events(200, 100) is None


def test_every_family_has_a_population_without_effect():
    plain = {p.family for p in POPULATIONS.values() if any(not p.has_effect(estimand) for estimand in p.truth)}
    assert plain == {p.family for p in POPULATIONS.values()}


def test_draw_is_the_same_from_the_same_seed_and_differs_between_arms():
    for population in POPULATIONS.values():
        first, second = (population.draw(np.random.default_rng(3), 50, True) for _ in range(2))
        assert np.array_equal(first, second, equal_nan=True)
        assert first.shape[0] == 50 and first.ndim == 2
