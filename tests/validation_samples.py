"""Judged cells, peers, looks and power made by hand: a method that holds, one that fails, one without interval."""

import math
from functools import cache

import pandas as pd

from helpers import checks
from helpers.view.words import explain

NAN = math.nan
PEERS = ["case", "estimator", "ours", "coverage", "contradictions", "width", "undefined", "exact", "replicates"]
GUARANTEES = {
    # name: method, estimand, claim, family
    "Welch difference": ("welch", "difference", "nominal within .01", "money"),
    "Fieller lift": ("fieller", "relative_lift", "nominal within .01", "money"),
    "Miettinen-Nurminen difference": ("miettinen-nurminen", "difference", "nominal within .01", "binary"),
    "Always-valid sequence": ("welch, always-valid", "difference", "at least", "money"),
    "Weekly trend": ("trend", "trend", "at least", "count"),
}
CELLS = [
    # guarantee, n of both arms, effect, inside, coverage, false alarms, verdict, limits
    ("Welch difference", (500, 500), "none", True, 0.948, 0.052, "no defect found", (0.92, 0.98)),
    ("Welch difference", (500, 500), "planted", True, 0.951, NAN, "no defect found", (0.92, 0.98)),
    ("Welch difference", (1800, 200), "none", False, 0.87, 0.13, "outside its domain", (0.92, 0.98)),
    ("Fieller lift", (500, 500), "planted", True, 0.9, NAN, "fails", (0.92, 0.98)),
    ("Fieller lift", (50, 50), "planted", False, 0.955, NAN, "outside its domain", (0.92, 0.98)),
    ("Miettinen-Nurminen difference", (200, 200), "none", True, 0.9493, 0.0507, "no defect found", (0.94, 0.96)),
    ("Always-valid sequence", (200, 200), "none", True, 0.988, 0.012, "no defect found", (0.92, 1.0)),
    ("Weekly trend", (900, 900), "none", True, 0.96, 0.04, "no defect found", (0.92, 1.0)),
]


def cells():
    """Return judged cells as `checks.judge_cells` does."""
    rows = []
    for name, (control, treatment), effect, inside, coverage, alarms, verdict, limits in CELLS:
        method, estimand, claim, family = GUARANTEES[name]
        exact = family == "binary"
        rows.append({
            "guarantee": name, "method": method, "estimand": estimand, "claim": claim, "population": f"{family} 1",
            "family": family, "effect": effect, "n_control": control, "n_treatment": treatment,
            "share_treatment": treatment / (control + treatment), "skewness": 4.5, "inside": inside,
            "departure": None if inside else f"an arm has {min(control, treatment)} units, fewer than 355",
            "exact": exact, "replicates": 0 if exact else 400, "coverage": coverage,
            "missed_low": (1 - coverage) / 2, "missed_high": (1 - coverage) / 2, "false_alarm": alarms,
            "power": NAN if effect == "none" else 0.7, "undefined": 0.0 if name != "Fieller lift" else 0.01,
            "width": NAN if estimand == "trend" else 1.5, "has_interval": estimand != "trend",
            "is_dual": estimand != "trend", "disagree": 0.0, "band": 0.0 if exact else 0.03,
            "domain": "355 units or more in each arm", "reference": "Welch 1947",
            "limit_low": limits[0], "limit_high": limits[1], "verdict": verdict,
        })  # fmt: skip
    return pd.DataFrame(rows)


def summary():
    """Return one row a guarantee as `checks.summarise_guarantees` does."""
    judged, rows = cells(), []
    for name, group in judged.groupby("guarantee", sort=False):
        inside, outside = group[group["inside"]], group[~group["inside"]]
        rows.append({
            "guarantee": name, "claim": group["claim"].iloc[0], "domain": "355 units or more in each arm",
            "reference": "Welch 1947", "cells_inside": len(inside), "draws": int(inside["replicates"].sum()),
            "pooled_coverage": inside["coverage"].mean(),
            "pooled_limit": 0.921 if (inside["replicates"] > 0).any() else 0.94,
            "smallest_defect": 0.915 if (inside["replicates"] > 0).any() else 0.94,
            "worst_coverage": inside["coverage"].min(),
            "largest_false_alarm": inside["false_alarm"].max(), "cells_outside": len(outside),
            "worst_outside": outside["coverage"].min(),
            "verdict": "fails" if (group["verdict"] == "fails").any() else "no defect found",
        })  # fmt: skip
    return pd.DataFrame(rows)


def beside():
    """Return the tables that stand beside the cells: peers, looks, power."""
    lift = "lift, payers 10 %, 300 an arm"
    peers = [
        (lift, "Fieller", True, 0.954, 0.0, 1.9, 0.0, False, 1000),
        (lift, "difference / control mean", False, 0.898, 0.18, 1.6, 0.0, False, 1000),
        (lift, "delta", False, 0.91, 0.2, 1.7, 0.0, False, 1000),
        ("share, 5 %, 100 an arm", "Miettinen-Nurminen", True, 0.951, 0.0, 0.12, 0.0, True, 0),
        ("share, 5 %, 100 an arm", "Wald", False, 0.93, 1e-8, 0.11, 0.0, True, 0),
    ]
    looks = [
        (rule, day, day * 50, end * day / 3, end * day / 3 - 0.01, end * day / 3 + 0.02, 400)
        for rule, end in (("test every day", 0.21), ("planned looks", 0.05), ("always-valid", 0.01))
        for day in (1, 2, 3)
    ]
    power = [("shares, 10 % to 15 %", 1372, 0.8, 0.805, 0.76, 0.84, True), ("means", 200, 0.8, 0.7, 0.66, 0.74, False)]
    return {
        "peers": pd.DataFrame(peers, columns=PEERS),
        "looking": pd.DataFrame(looks, columns=["rule", "day", "n", "false_alarm", "ci_low", "ci_high", "replicates"]),
        "powers": pd.DataFrame(power, columns=["case", "n", "formula", "simulated", "ci_low", "ci_high", "agrees"]),
        "deep": deep(),
    }


def deep():
    """Return the committed deep grid as `checks.read_deep` does."""
    return checks.record_deep(cells(), summary(), measured_on="2026-01-31", seed=7)


def results(judged=None, table=None, depth="quick", **changes):
    """Return explained results of the hand-made cells."""
    judged = cells() if judged is None else judged
    table = summary() if table is None else table
    found = checks.conclude(judged, table, {**beside(), **changes}, confidence_level=0.95, depth=depth)
    return explain(found, None)


@cache
def good(depth="quick"):
    """Return results in which every method holds."""
    kept = (table[table["guarantee"] != "Fieller lift"].reset_index(drop=True) for table in (cells(), summary()))
    return results(*kept, depth=depth)
