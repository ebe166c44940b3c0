"""Does mail pay? The revenue part on Hillstrom's public spend, against figures worked out from its known effect."""

import math

import pandas as pd
import pytest
from payback_samples import bare, effect
from scipy import stats

from helpers.inference import compare_columns
from helpers.value import Assumptions, study_payback

UNITS, MARGIN, HOURS, COST = 100_000, 0.4, 1_000, (20, 25, 35)


@pytest.fixture(scope="module")
def spend(shared):
    """Return dollars of two weeks a customer: no e-mail, men's e-mail."""
    table = pd.read_csv(shared / "data" / "hillstrom.csv.gz")
    return tuple(table.loc[table["segment"] == arm, "spend"] for arm in ("No E-Mail", "Mens E-Mail"))


@pytest.fixture(scope="module")
def found(spend):
    """Return the tables of payback of men's mail for 100,000 customers a year, of whose spend 40 % is kept."""
    columns = [values.to_numpy(float)[:, None] for values in spend]
    welch = compare_columns(*columns, confidence_level=0.95, rng=None)
    figures = {name: getattr(welch, name) for name in ("estimate", "std_error", "ci_low", "ci_high")}
    mail = effect("spend", control="No E-Mail", treatment="Mens E-Mail").but(**figures)
    assumed = Assumptions(UNITS, MARGIN, cost_per_year=tuple(HOURS * cost for cost in COST))
    options = {"extra_hours_per_year": HOURS, "by_age": [("spend", 14)], "choice": "Mens E-Mail"}
    return study_payback(bare(mail), "spend", assumed, **options)


def test_hillstrom_yearly_value_of_mail(found):
    # 0.770 dollars a customer, from 0.485 to 1.055, as known from elsewhere (tests/project/test_hillstrom.py)
    money = found["money"].iloc[0]
    for end, known in [("low", 0.485), ("central", 0.770), ("high", 1.055)]:
        assert money[end] == pytest.approx(UNITS * MARGIN * known - HOURS * 25, abs=UNITS * MARGIN * 5e-4)


def test_hillstrom_break_even_of_an_hour(found):
    table = found["break_even"]
    assert table["break_even"].tolist() == pytest.approx([30.8, 19.4, 42.2], abs=0.02)  # 100,000 x 0.4 x effect / 1,000
    assert table["rule"].tolist() == ["up to"] * 3
    assert table["assumed"][0] == 25


def test_hillstrom_chance_that_mail_pays(found, spend):
    control, mail = spend
    error = math.sqrt(control.var() / len(control) + mail.var() / len(mail))
    at = [stats.norm.sf(HOURS * cost / (UNITS * MARGIN), mail.mean() - control.mean(), error) for cost in COST]
    chances = found["probability"]["probability"].tolist()
    assert (chances[0], chances[2]) == (pytest.approx(at[1]), pytest.approx(at[2]))
    assert at[2] < chances[1] < at[0]
    assert (round(at[1], 2), round(at[2], 2)) == (0.84, 0.23)  # z = (0.770 - 0.625) / 0.145, (0.770 - 0.875) / 0.145


def test_hillstrom_cash_counts_no_more_than_the_two_weeks_that_were_seen(found):
    month, year = 365 / 12, found["cash"]
    grown = 1 - 14 / month / 2  # of a month's customers on average by its end
    assert year["revenue"].tolist() == pytest.approx(
        [UNITS / 12 * MARGIN * 0.770 * s for s in (grown, *[1] * 11)], rel=1e-3
    )
