"""The MineThatData e-mail experiment by its plan file alone: three arms, figures as known from elsewhere."""

import pandas as pd
import pytest

from helpers import checks, inference, metrics, plan, sources

MENS, WOMENS = "Mens E-Mail - No E-Mail", "Womens E-Mail - No E-Mail"

# metric, comparison, difference in shares or dollars, tolerance of the printed figure
PUBLISHED = [
    ("visit", MENS, 0.0766, 0.00005),
    ("visit", WOMENS, 0.0452, 0.00005),
    ("conversion", MENS, 0.0068, 0.00005),
    ("conversion", WOMENS, 0.0031, 0.00005),
    ("spend", MENS, 0.770, 0.0005),
    ("spend", WOMENS, 0.424, 0.0005),
]


@pytest.fixture(scope="module")
def found(shared):
    """Return the results on the public table with a number a row."""
    table = pd.read_csv(shared / "data" / "hillstrom.csv.gz")
    decided = plan.read("hillstrom")
    source = sources.load(decided.design, table.assign(customer=range(1, len(table) + 1)))
    units = metrics.fold(source, decided.design)
    trust = checks.run(units, source, decided.design)
    return inference.run_experiment(decided, source, units, trust, study="experiment")


def read_headline(found, metric, comparison):
    """Return the one difference that decides."""
    rows = [e for e in found.select(metric=metric, comparison=comparison, estimand="difference", segment=None, at=None)]
    (row,) = [e for e in rows if e.role != "sensitivity"]
    return row


@pytest.mark.parametrize(("metric", "comparison", "difference", "tolerance"), PUBLISHED)
def test_hillstrom_gives_the_known_difference(found, metric, comparison, difference, tolerance):
    headline = read_headline(found, metric, comparison)
    assert headline.estimate == pytest.approx(difference, abs=tolerance)
    assert (headline.population, headline.interval) == ("itt", "fixed")


@pytest.mark.parametrize(("comparison", "low", "high"), [(MENS, 0.485, 1.055), (WOMENS, 0.169, 0.680)])
def test_hillstrom_spend_has_the_known_welch_interval(found, comparison, low, high):
    # the split is equal, so the heavy tail of spend calls for no permutation test
    headline = read_headline(found, "spend", comparison)
    assert headline.method == "welch"
    assert (headline.ci_low, headline.ci_high) == (pytest.approx(low, abs=5e-4), pytest.approx(high, abs=5e-4))


def test_hillstrom_is_answered_with_the_sample_ratio_as_planned(found):
    srm = next(check for check in found.checks if check.id == "srm")
    assert (found.status, srm.status, round(srm.value, 2)) == ("answered", "pass", 0.90)
    assert found.data.units == 64_000


def test_hillstrom_adjusts_two_comparisons_of_the_primary_metric(found):
    for comparison in (MENS, WOMENS):
        headline = read_headline(found, "visit", comparison)
        assert headline.p_value_adjusted >= headline.p_value
        assert headline.verdict == "clear benefit"
