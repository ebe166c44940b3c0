"""Her own units split at random: which test runs, that it is the shipped one, that broken ones are found, in words."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from experiments import make_design, make_source
from scipy import stats
from sources_samples import tell_refusal

from helpers import checks, metrics, survival
from helpers.checks import splits
from helpers.checks.splits import FEWER, HOLDS, TOO_FEW, TOO_MANY, count_by_tenth, judge_p_values
from helpers.inference import contrasts, means, methods
from helpers.records import Effect

KINDS = {
    "paid": {"kind": "binary", "role": "primary", "better": "higher"},
    "calls": {"kind": "count"},
    "money": {"kind": "amount"},
    "nps": {"kind": "nps"},
    "rate": {"kind": "ratio", "numerator": "calls", "denominator": "days"},
    "grade": {"kind": "score", "scale": "ordered"},
    "slow": {"kind": "amount", "quantile": 0.75, "column": "money"},
    "leaves": {"kind": "time_to_event", "time": "left_in", "observed": "left", "horizon_days": 20},
}
METHODS = ["miettinen-nurminen", "welch", "welch", "welch", "delta", "brunner-munzel", "order statistics"]


def draw_units(n=600, *, seed=1, share=0.5, **columns):
    """Return n units of two arms with an outcome of every kind, some of them missing, and an effect on all."""
    rng = np.random.default_rng(seed)
    treated = rng.random(n) < share
    frame = pd.DataFrame({"variant": np.where(treated, "t", "c"), "x": rng.normal(size=n)})
    frame["paid"] = (rng.random(n) < 0.2 + 0.2 * treated).astype(float)
    frame["calls"], frame["days"] = rng.poisson(3 + treated, n).astype(float), rng.poisson(9, n) + 1.0
    frame["money"] = rng.gamma(2, 5, n) + frame["x"]
    frame["nps"] = rng.integers(0, 11, n).astype(float)
    frame["grade"] = rng.integers(1, 6, n).astype(float)
    frame.loc[rng.random(n) < 0.1, ["nps", "grade"]] = np.nan
    frame["left_in"], frame["left"] = rng.uniform(1, 30, n), (rng.random(n) < 0.5).astype(float)
    frame["team"] = [f"team {i % 60}" for i in range(n)]
    return frame.assign(**columns)


def fold(frame, kinds=KINDS, **plan):
    """Return units in the engine, the arms c and t of a split as planned."""
    return metrics.fold(make_source(frame), make_design(metrics=kinds, **plan))


def draw_split(split, n):
    """Return the numbers that decide the arms of one split under seed 1."""
    return np.random.default_rng([1, split, *b"resplit:"]).random(n)


def resplit(frame, kinds=KINDS, *, n_splits=100, seed=1, **plan):
    """Return the result of an A/A test by metric (and method, where a metric has two)."""
    return checks.resplit(fold(frame, kinds, **plan), n_splits=n_splits, seed=seed)


def test_resplit_runs_the_headline_test_of_every_kind_and_finds_them_even():
    found = resplit(draw_units(), n_splits=200)
    assert [row.method for row in found] == [*METHODS, "cumulative incidence, square-and-add"]
    assert [row.metric for row in found] == list(KINDS)
    verdicts = {row.metric: row.judgement.verdict for row in found}
    careful = verdicts.pop("slow")  # order statistics promise at most the level
    assert set(verdicts.values()) == {HOLDS} and careful != TOO_MANY
    assert {len(row.p_values) for row in found} == {200}


def test_resplit_gives_the_p_value_of_the_shipped_estimators():
    # the same split made by hand and sent through the whole experiment gives the same p-values
    frame = draw_units(300)
    found = {row.metric: row.p_values[4] for row in resplit(frame)}
    arms = draw_split(4, 300) >= 0.5
    units = fold(frame.assign(variant=np.where(arms, "t", "c")))
    moments = metrics.summarise(units)[None]
    for name in ("paid", "calls", "money", "nps", "rate"):
        sides = moments[name]["c"], moments[name]["t"]
        effect = methods.compare_arms(units.design.metrics[name], *sides)
        assert found[name] == pytest.approx(effect.p_value, rel=1e-9), name
    levels = metrics.moments.count_levels(units, "grade")[None]
    assert found["grade"] == pytest.approx(contrasts.win_difference(levels["c"], levels["t"]).p_value, rel=1e-9)
    values = [frame.loc[arms == side, "money"].to_numpy() for side in (False, True)]
    assert found["slow"] == pytest.approx(contrasts.quantile_difference(*values, 0.75).p_value, rel=1e-9)
    sides = (frame.loc[arms == side, ["left_in", "left"]].to_numpy() for side in (False, True))
    tables = [survival.build_life_table(*side.T) for side in sides]
    assert found["leaves"] == survival.incidence_difference(*tables, horizon=20).p_value


def test_resplit_adjusts_where_the_plan_decides_on_adjusted():
    frame = draw_units(300)
    kinds = {name: KINDS[name] for name in ("paid", "money", "nps")}
    found = resplit(frame, kinds, covariates=["x"], decides_on="adjusted")
    decided = [("paid", "lin"), ("money", "lin"), ("money", "welch"), ("nps", "welch")]
    assert [(row.metric, row.method) for row in found] == decided
    raw = resplit(frame, kinds, covariates=["x"])
    assert [row.method for row in raw] == ["miettinen-nurminen", "welch", "welch"]
    arms = draw_split(7, 300) >= 0.5
    units = fold(frame.assign(variant=np.where(arms, "t", "c")), kinds, covariates=["x"])
    moments = metrics.summarise(units, adjusted=True)[None]["money"]
    expected = means.difference(means.adjust_means(moments["c"], moments["t"])).p_value
    assert found[1].p_values[7] == pytest.approx(expected, rel=1e-9)


def test_resplit_keeps_clusters_whole():
    # one team is one value, so splitting units would find a difference nearly always
    frame = draw_units(600, paid=[float(i % 60 % 3 == 0) for i in range(600)])
    whole = {row.metric: row for row in resplit(frame, n_splits=200, cluster="team")}
    assert [whole[name].method for name in KINDS] == [*["delta"] * 5, "", "order statistics", ""]
    assert whole["paid"].judgement.verdict == HOLDS
    assert whole["paid"].smallest_cell < 31  # teams, not units
    assert whole["grade"].reason == "clusters are randomised, and ordered scores are compared by unit only"
    assert whole["leaves"].reason == "clusters are randomised, and times to an event are compared by unit only"
    arms = draw_split(3, 60) >= 0.5
    teams = sorted(set(frame["team"]))
    moved = frame["team"].map(dict(zip(teams, np.where(arms, "t", "c"), strict=True)))
    units = fold(frame.assign(variant=moved), cluster="team")
    for name in ("paid", "nps", "rate"):
        moments = metrics.summarise(units)[None][name]
        effect = means.difference(means.compare_ratios(moments["c"], moments["t"]))
        assert whole[name].p_values[3] == pytest.approx(effect.p_value, rel=1e-9), name


def draw_money(n=2000):
    """Return an amount with a heavy tail: a tenth of the units pay, a few of them very much."""
    rng = np.random.default_rng(2)
    money = np.where(rng.random(n) < 0.1, rng.lognormal(3, 2, n), 0.0)
    return pd.DataFrame({"variant": np.where(rng.random(n) < 0.05, "t", "c"), "money": money})


def test_resplit_of_heavy_tails_shows_what_plain_welch_would_give():
    variant = {"control": "c", "treatments": ["t"], "split": {"c": 0.95, "t": 0.05}}
    decided, welch = resplit(draw_money(), {"money": {"kind": "amount"}}, variant=variant)
    assert (decided.method, decided.judgement.verdict) == ("permutation", HOLDS)
    assert (welch.method, welch.judgement.verdict) == ("welch", TOO_MANY)
    assert welch.judgement.clear > 0.15  # PITFALLS: 11 to 19 % at 90/10


def test_resplit_without_a_planned_split_takes_the_shares_as_found():
    variant = {"control": "c", "treatments": ["t"], "split": "unknown"}
    (welch,) = resplit(draw_money(), {"money": {"kind": "amount"}}, variant=variant)
    assert (welch.method, welch.judgement.verdict) == ("welch", TOO_MANY)  # without a plan there is no permutation
    assert 60 < welch.smallest_cell < 140


def test_resplit_finds_a_broken_estimator(monkeypatch):
    monkeypatch.setattr(splits, "compare_arms", lambda metric, c, t, **_: _halve(c, t))
    assert [row.judgement.verdict for row in resplit(draw_units(), {"calls": KINDS["calls"]})] == [TOO_MANY]
    # a test that never rejects: the p-values of a good one, halved towards 1
    halve = lambda *arms, **more: Effect(p_value=0.5 + methods.compare_arms(*arms, **more).p_value / 2)  # noqa: E731
    monkeypatch.setattr(splits, "compare_arms", halve)
    (row,) = resplit(draw_units(), {"grade": KINDS["grade"]}, n_splits=200)
    assert row.judgement.verdict.startswith("fewer than promised")


def _halve(control, treatment):
    pair = means.compare_means(control, treatment)
    return means.difference(replace(pair, var_control=pair.var_control / 4, var_treatment=pair.var_treatment / 4))


def test_resplit_leaves_observational_groups_out_and_takes_every_treatment():
    frame = draw_units(900).assign(variant=lambda f: np.array(["c", "t", "u", "far"])[np.arange(900) % 4])
    frame.loc[frame["variant"] == "far", "calls"] = 1e6  # would drown everything
    variant = {"control": "c", "treatments": ["t", "u"], "observational": ["far"]}
    found = resplit(frame, {"calls": KINDS["calls"]}, variant=variant)
    assert [row.treatment for row in found] == ["t", "u"]
    assert {row.judgement.verdict for row in found} == {HOLDS}
    assert found[0].smallest_cell < 260 and not np.array_equal(found[0].p_values, found[1].p_values)


def test_resplit_says_nothing_where_events_are_rare():
    (row,) = resplit(draw_units(200, paid=[1.0] * 6 + [0.0] * 194), {"paid": KINDS["paid"]})
    assert (row.judgement.verdict, row.smallest_cell) == (TOO_FEW, 0)
    (row,) = resplit(draw_units(200, paid=math.nan), {"calls": KINDS["calls"], "paid": KINDS["paid"]})[1:]
    assert (row.judgement.verdict, row.smallest_cell) == (TOO_FEW, 0)


def test_resplit_arguments_change_the_result():
    kinds, told = {"paid": KINDS["paid"], "leaves": KINDS["leaves"]}, []
    frame = draw_units(200)
    one, again, other = (resplit(frame, kinds, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one[0].p_values, again[0].p_values)
    assert not np.array_equal(one[0].p_values, other[0].p_values)
    longer = resplit(frame, kinds, n_splits=150)
    assert np.array_equal(longer[0].p_values[:100], one[0].p_values)  # a split depends on the seed and its number
    checks.resplit(fold(frame, kinds), n_splits=100, progress=lambda done, of: told.append((done, of)))
    assert told == [(25, 100), (50, 100), (75, 100), (100, 100)]


def test_resplit_does_not_depend_on_the_order_of_rows():
    frame = draw_units(200).assign(unit=range(200))
    mixed = frame.sample(frac=1, random_state=1)
    for row, other in zip(resplit(frame), resplit(mixed), strict=True):
        assert row.p_values == pytest.approx(other.p_values, rel=1e-12, nan_ok=True)


def test_resplit_refuses_too_many_units_and_none(monkeypatch):
    told = tell_refusal(resplit, draw_units(20, variant="elsewhere"), variant={"control": "c", "treatments": ["t"]})
    assert told == "--aa: the randomised arms have no units; check variant in the plan"
    monkeypatch.setattr(metrics, "read_rows", lambda *_: None)
    assert tell_refusal(resplit, draw_units(20)) == (
        "--aa: the table has more units than are read into memory; draw some of them at random into a smaller table, "
        "and read the result as that of a smaller experiment"
    )


EVEN = (np.arange(1000) + 0.5) / 1000
LATE = np.where(EVEN > 0.1, 1 - 0.9 * ((1 - EVEN) / 0.9) ** 2, EVEN)  # even up to .1, then too large
EARLY = np.where(EVEN > 0.1, 0.1 + 0.9 * ((EVEN - 0.1) / 0.9) ** 2, EVEN)  # even up to .1, then too small


def test_judge_p_values_by_hand():
    found = judge_p_values(EVEN, alpha=0.05)
    assert found.clear == 0.05 and found.verdict == HOLDS
    # the band: at most .0005 of all even tests have fewer, and at most .0005 have more
    assert stats.binom.cdf(round(found.band_low * 1000) - 1, 1000, 0.05) < 0.0005
    assert stats.binom.sf(round(found.band_high * 1000), 1000, 0.05) <= 0.0005
    assert found.p_uniform == pytest.approx(1)


@pytest.mark.parametrize(("p_values", "verdict"), [
    (EVEN**2, TOO_MANY),  # 22 % below .05
    (np.sqrt(EVEN), FEWER),  # .25 % below .05
    (EARLY, "not even, on the bold side: p-values up to 0.32 come in 55 % of the splits"),
    (LATE, "not even, on the careful side: p-values up to 0.77 come in 55 % of the splits"),
    (np.where(EVEN > 0.89, np.nan, EVEN), TOO_FEW),  # a tenth of the splits had no test
    (np.full(1000, np.nan), TOO_FEW),
    (np.ceil(EVEN * 9) / 9, TOO_FEW),  # nine values only
], ids=range(7))  # fmt: skip
def test_judge_p_values_says_what_is_wrong(p_values, verdict):
    assert judge_p_values(p_values, alpha=0.05).verdict == verdict


def test_judge_p_values_arguments_change_the_result():
    one, many = (judge_p_values(EVEN, alpha=0.05, n_tests=n) for n in (1, 20))
    assert many.band_low < one.band_low < one.band_high < many.band_high
    assert judge_p_values(EVEN, alpha=0.1).clear == 0.1
    assert judge_p_values(EVEN, alpha=0.05, is_small=True).verdict == TOO_FEW
    assert judge_p_values(EVEN, alpha=0.05, is_small=True).clear == 0.05


def test_judge_p_values_of_discrete_tests_is_not_blamed_for_jumps():
    # exact p-values stand at the top of their jump, mid-p-values in its middle: both keep what they promise
    rng = np.random.default_rng(3)
    x = rng.binomial(12, 0.5, 5000)
    exact = stats.binom.cdf(x, 12, 0.5)
    middle = exact - stats.binom.pmf(x, 12, 0.5) / 2
    for p_values in (exact, middle):
        assert judge_p_values(p_values, alpha=float(stats.binom.cdf(3, 12, 0.5))).p_uniform > 0.01
        assert stats.kstest(p_values, "uniform").pvalue < 1e-6  # the plain test would blame them


def test_judge_p_values_seldom_alarms_in_vain():
    rng = np.random.default_rng(4)
    judged = [judge_p_values(rng.random(200), alpha=0.05, n_tests=1) for _ in range(2000)]
    assert sum(one.verdict != HOLDS for one in judged) <= stats.binom.isf(0.001, 2000, 0.002)
    uneven = sum(one.p_uniform <= 0.05 for one in judged)  # rather fewer: the distance is short of up to one in 200
    assert 40 < uneven <= stats.binom.isf(0.001, 2000, 0.05)


def test_judge_p_values_measures_kolmogorovs_distance_without_ties():
    p_values = np.random.default_rng(5).random(300) ** 1.3
    found, plain = judge_p_values(p_values, alpha=0.05).p_uniform, stats.kstest(p_values, "uniform")
    assert stats.kstwo.isf(found, 300) == pytest.approx(plain.statistic, abs=1 / 300 + 1e-5)


def test_count_by_tenth_by_hand():
    assert count_by_tenth([0.05, 0.1, 0.11, 1, math.nan]).tolist() == [0.5, 0.25, 0, 0, 0, 0, 0, 0, 0, 0.25]
    assert np.isnan(count_by_tenth([math.nan])).all()
    assert count_by_tenth([0.3, 0.1 + 0.2])[2] == 1  # rounding does not move a value into the next tenth
