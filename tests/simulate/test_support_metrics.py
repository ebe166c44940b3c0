"""The help desk: what is planted, what follows from it, and that planted effects are found over seeds."""

import numpy as np
import pandas as pd
import pytest

from helpers import contracts, plan, service, simulate, sources
from helpers.metrics import tickets
from helpers.simulate import support_metrics

DESIGN = plan.read("support_metrics", kind="framework").design
RULES = {"promise_hours": 8.0, "premium_hours": 1.0, "soon_days": 3.0, "return_days": 7.0, "satisfied_from": 4}
RULES |= {"window_days": 365.0, "lead_days": 30.0}


def read(n_units, seed, **world):
    """Return customers, renewals, judged tickets, reviews and the truth of one simulation."""
    given = {"study": "support_metrics", "n_units": n_units, "seed": seed, **world}
    source = sources.load_accounts(DESIGN, "simulated", simulation=given)
    readers = (tickets.read_customers, tickets.read_renewals, tickets.read_tickets, tickets.read_reviews)
    customers, renewals, asked, reviews = (reader(source, DESIGN) for reader in readers)
    return customers, renewals, tickets.judge_tickets(asked, RULES), reviews, source.truth


@pytest.fixture(scope="module")
def seeds():
    """Return three simulations of 2,500 customers."""
    return [read(2500, seed) for seed in range(3)]


def test_a_world_of_ten_customers_has_the_same_truths():
    few, many = (support_metrics.support_metrics(n_units=n, seed=1) for n in (10, 300))
    assert few.truth["causal"].keys() <= many.truth["causal"].keys()


def test_nothing_is_heard_of_customers_who_have_left():
    made = support_metrics.support_metrics(n_units=300, seed=1)
    events = made.events.merge(made.units, on="customer_id")
    days = (events["at"] - events["started_at"]).dt.total_seconds() / 86_400
    assert not (days > events["left_day"]).any()
    assert events["left_day"].notna().any()


def test_truth_is_that_of_the_published_distributions_by_hand():
    truth = simulate.simulate("support_metrics", n_units=300, seed=1).truth
    by_hand = {"Starter": (0.704, 1.182), "Business": (0.668, 3.806)}
    for tier, (a, b) in by_hand.items():  # each renewal: beta + t - 1 over alpha + beta + t - 1
        kept = np.prod([(b + t - 1) / (a + b + t - 1) for t in range(1, 11)])
        assert truth["kept_ten_years"][tier] == pytest.approx(kept)
    assert truth["fix_ratio"] == pytest.approx(0.6)
    assert truth["effects"][-1]["value"] == pytest.approx(-0.04)


def test_adjusted_associations_are_those_that_were_planted(seeds):
    errors = []
    for customers, renewals, asked, _, truth in seeds:
        frame = service.read_frame(customers, renewals, asked, RULES)
        found = {e.treatment: e for e in service.study_movers(frame, DESIGN)[0] if e.role == "primary"}
        for planted in truth["effects"][:2]:
            e = found[planted["treatment"]]
            errors.append((e.estimate - planted["value"]) / e.std_error)
            assert e.estimate > 1.3 * truth["causal"][e.treatment]  # loyal customers are served better: no effect
    assert abs(np.mean(errors)) < 3 / np.sqrt(len(errors)) + 0.5  # a few tickets cannot be told, and pull to 0
    assert np.std(errors) < 2


def test_contracts_project_what_was_planted(seeds):
    z = []
    for customers, renewals, _, _, truth in seeds:
        table = contracts.study_contracts(customers, renewals, months=[12, 120], term_days=365.0)["retention"]
        rows = table[table["months"] == 120].set_index("plan")
        assert set(table.loc[table["months"] == 12, "basis"]) == {"counted"}
        assert set(rows["basis"]) == {"projection"}
        for name, kept in truth["kept_ten_years"].items():
            z.append((rows.loc[name, "share"] - kept) / ((rows.loc[name, "ci_high"] - rows.loc[name, "ci_low"]) / 3.92))
    assert abs(np.mean(z)) < 3 / np.sqrt(len(z)) and np.max(np.abs(z)) < 4


def test_a_fix_takes_away_what_was_planted_and_nothing_before_it(seeds):
    options = {"days": 180.0, "confidence_level": 0.95}
    found = [service.study_fixes(asked, ["login 2021-07-01"], **options)["fixes"] for _, _, asked, _, _ in seeds]
    rows = pd.concat(found)
    ratios = rows.groupby("window")["ratio"].apply(lambda r: np.exp(np.log(r).mean()))
    assert ratios["fix"] == pytest.approx(0.6, abs=0.09) and ratios["before"] == pytest.approx(1, abs=0.15)
    covered = (rows["low"] < np.where(rows["window"] == "fix", 0.6, 1)) & (rows["high"] > 0.6)
    assert covered.mean() >= 0.6


def test_the_line_finds_premium_support_where_it_is_strong():
    customers, renewals, _, _, truth = read(4000, 1, premium_effect=0.09, tickets_a_year=0.1)
    (e,), tables = service.study_premium(customers, renewals, line=20, launched_on="2020-11-01", design=DESIGN)
    assert truth["effects"][-1]["value"] == pytest.approx(-0.09)
    assert abs(e.estimate + 0.09) < 3 * e.std_error
    readings = tables["premium"].set_index("reading")["value"]
    assert readings["buyers"] < -0.09  # buyers are loyal: naively it looks like more
