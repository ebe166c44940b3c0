"""Made results of a choice that may pay: two arms, revenue by age, one effect each, with the tables of payback."""

import pandas as pd

from helpers import value
from helpers.records import DataInfo, Estimate, Results

MONTH = 365 / 12
HOURS, COST = {"extra_hours_per_year": 6240}, {"cost_per_agent_hour": (25, 35, 50)}
AGES = [("revenue_30", 30), ("revenue_60", 60), ("revenue", 90)]


def effect(metric="revenue", estimate=12.0, error=5.0, **changes):
    """Return a difference with its normal 95 % interval."""
    fields = {
        "id": metric, "metric": metric, "control": "standard", "treatment": "live", "comparison": "live - standard",
        "estimand": "difference", "role": "primary", "estimate": estimate, "std_error": error,
        "ci_low": estimate - 1.96 * error, "ci_high": estimate + 1.96 * error, "n_control": 5000, "n_treatment": 5000,
        "verdict": "clear benefit",
    }  # fmt: skip
    return Estimate(**{**fields, **changes})


def assume(**changes):
    """Return assumptions with a range each: 6,240 agent hours a year at 25, 35, 50 dollars."""
    fields = {"units_per_year": (25_000, 30_000, 35_000), "value_per_unit": (0.7, 0.8, 0.9)}
    return value.Assumptions(**{**fields, "cost_per_year": (156_000, 218_400, 312_000), **changes})


def bare(*estimates, **changes):
    """Return results that hold the effects, and revenue as money of sign-ups."""
    estimates = estimates or (effect(), effect("revenue_30", 3, 1.5), effect("revenue_60", 8, 3))
    data = DataInfo("simulated", "", "", None, 10_000, 10_000, {"standard": 5000, "live": 5000})
    names = {"metric": "revenue", "label": "revenue within 90 days", "kind": "amount", "unit": "USD", "noun": "sign-up"}
    tables = {"metrics": pd.DataFrame([names], dtype=object)}
    return Results("live_support", "t", "q", "answered", data, {}, estimates=estimates, tables=tables).but(**changes)


def results(*estimates, by_age=AGES, **hours):
    """Return results with the tables of payback."""
    found, options = bare(*estimates), {"by_age": by_age, **HOURS, **COST, **hours}
    return found.but(tables={**found.tables, **value.study_payback(found, "revenue", assume(), **options)})
