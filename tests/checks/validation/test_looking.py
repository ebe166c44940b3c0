"""Daily looks at nothing: three rules on the same experiments, the fixed test's known inflation, equal seeds."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers import checks
from helpers.checks.validation.looking import DAYS, RULES, UNITS_PER_DAY

REPLICATES = 150


@pytest.fixture(scope="module")
def found():
    return checks.compare_looking(replicates=REPLICATES, seed=5)


def last_share(frame, rule):
    return frame[(frame["rule"] == rule) & (frame["day"] == DAYS)]["false_alarm"].item()


def test_compare_looking_has_a_row_a_rule_and_day(found):
    assert found["rule"].tolist() == list(np.repeat(RULES, DAYS))
    assert found["day"].tolist() == list(range(1, DAYS + 1)) * 3
    assert (found["n"] == found["day"] * UNITS_PER_DAY).all() and (found["replicates"] == REPLICATES).all()


def test_compare_looking_never_takes_an_alarm_back(found):
    assert (found.groupby("rule", sort=False)["false_alarm"].diff().dropna() >= 0).all()
    assert ((found["ci_low"] <= found["false_alarm"]) & (found["false_alarm"] <= found["ci_high"])).all()


def test_compare_looking_inflates_the_fixed_test_as_published(found):
    # Armitage, McPherson & Rowe 1969, table 2: 14 looks at 5 % lie between 10 looks (.193) and 20 looks (.248)
    low, high = stats.binom.ppf([0.0005, 0.9995], REPLICATES, [0.193, 0.248]) / REPLICATES
    assert low <= last_share(found, "test every day") <= high


def test_compare_looking_keeps_the_error_of_planned_looks_and_sequences(found):
    most = stats.binom.isf(0.0005, REPLICATES, 0.05) / REPLICATES
    assert last_share(found, "planned looks") <= most
    assert last_share(found, "always-valid") <= most


def test_compare_looking_first_day_is_one_fixed_test(found):
    first = found[found["day"] == 1].set_index("rule")["false_alarm"]
    assert first["test every day"] <= stats.binom.isf(0.0005, REPLICATES, 0.05) / REPLICATES
    assert first["planned looks"] == 0  # nothing is left to spend so early


def test_compare_looking_depends_on_seed_replicates_and_level():
    small = checks.compare_looking(replicates=12, seed=5)
    pd.testing.assert_frame_equal(small, checks.compare_looking(replicates=12, seed=5))
    assert not small.equals(checks.compare_looking(replicates=12, seed=6))
    assert checks.compare_looking(replicates=13, seed=5)["replicates"].iloc[0] == 13
    looser = checks.compare_looking(replicates=12, seed=5, confidence_level=0.6)
    assert last_share(looser, "always-valid") > last_share(small, "always-valid")
