"""Made results of a choice that may pay: two arms, revenue by age, one effect each, with the tables of payback."""

import itertools

import numpy as np
import pandas as pd

from helpers import value
from helpers.records import DataInfo, Estimate, Results

MONTH = 365 / 12
AGES = [("revenue_30", 30), ("revenue_60", 60), ("revenue", 90)]


def effect(metric="revenue", estimate=12.0, error=5.0, **changes):
    """Return a difference with its normal 95 % interval."""
    fields = {
        "id": metric, "metric": metric, "control": "standard", "treatment": "live", "comparison": "live - standard",
        "estimand": "difference", "role": "primary", "estimate": estimate, "std_error": error,
        "ci_low": estimate - 1.96 * error, "ci_high": estimate + 1.96 * error, "n_control": 5000, "n_treatment": 5000,
        "control_value": 30.0, "treatment_value": 30.0 + estimate, "verdict": "clear benefit",
    }  # fmt: skip
    return Estimate(**{**fields, **changes})


def assume(hours=6240, **changes):
    """Return assumptions with a range each, agent hours apart: 6,240 a year at 25, 35, 50 dollars."""
    fields = {"units_per_year": (25_000, 30_000, 35_000), "value_per_unit": (0.7, 0.8, 0.9)}
    fields |= {"cost_per_hour": (25, 35, 50), "hours": np.full((3, 3, 3), hours, float)}
    return value.Assumptions(**{**fields, **changes})


def list_hours(hours=6240, *, given=False):
    """Return agent hours as staffing tells them, the same for every number of sign-ups, handling and patience."""
    rows = itertools.product((25_000, 30_000, 35_000), (0.8, 1, 1.25), (0.5, 1, 2))
    frame = pd.DataFrame(rows, columns=["units_per_year", "handling", "patience"])
    return frame.assign(extra_hours=hours, basis="given" if given else "as tested")


def bare(*estimates, **changes):
    """Return results that hold the effects, and revenue as money of sign-ups."""
    estimates = estimates or (effect(), effect("revenue_30", 3, 1.5), effect("revenue_60", 8, 3))
    data = DataInfo("simulated", "", "", None, 10_000, 10_000, {"standard": 5000, "live": 5000})
    names = {"metric": "revenue", "label": "revenue within 90 days", "kind": "amount", "unit": "USD", "noun": "sign-up"}
    tables = {"metrics": pd.DataFrame([names], dtype=object)}
    return Results("live_support", "t", "q", "answered", data, {}, estimates=estimates, tables=tables).but(**changes)


def results(*estimates, by_age=AGES, hours=6240, **options):
    """Return results with the tables of payback."""
    found, options = bare(*estimates), {"by_age": by_age, "past_effects": 0.1, **options}
    worth = value.study_payback(found, "revenue", assume(), hours=list_hours(hours), **options)
    return found.but(tables={**found.tables, **worth})
