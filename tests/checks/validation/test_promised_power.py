"""Promised power beside simulated power: every formula holds, and one that promises too much is seen."""

import pytest

from helpers import checks
from helpers.inference import mde_proportions, power_proportions, sample_size_proportions


def test_compare_power_every_formula_holds():
    found = checks.compare_power(replicates=300, seed=3)
    assert found["agrees"].all()
    assert found["case"].is_unique and len(found) == 8
    # as many units as were asked for a power of 80 %, so the smallest effect found is the planted one
    assert found["formula"].between(0.8, 0.81).all()
    gap = (found["smallest"] / found["effect"] - 1).abs()
    assert (gap < 0.01).all() and (found["undefined"] == 0).all()
    assert found["ci_low"].lt(found["simulated"]).all() and found["ci_high"].gt(found["simulated"]).all()


def test_compare_power_seed_and_replicates_change_the_result():
    base = checks.compare_power(replicates=20, seed=1)
    assert base.equals(checks.compare_power(replicates=20, seed=1))
    assert not base["simulated"].equals(checks.compare_power(replicates=20, seed=2)["simulated"])
    assert not base["ci_low"].equals(checks.compare_power(replicates=30, seed=1)["ci_low"])


def test_compare_power_sees_a_formula_that_promises_too_much(monkeypatch):
    # a formula that forgets the second arm's variance plans half of the units: not 80 % but about half find it
    monkeypatch.setattr(
        "helpers.checks.validation.promised_power.sample_size_proportions",
        lambda *args, **kw: sample_size_proportions(*args, **kw) / 2,
    )
    monkeypatch.setattr(
        "helpers.checks.validation.promised_power.power_proportions",
        lambda baseline, difference, n: power_proportions(baseline, difference, 2 * n),
    )
    found = checks.compare_power(replicates=150, seed=1).set_index("case")["agrees"]
    assert not found["share with the event"] and found.drop("share with the event").all()
    assert mde_proportions(0.2, 2182) == pytest.approx(0.05, rel=1e-3)
