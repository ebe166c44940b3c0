"""Made results of a milestones study: a plan, and every table that the study hands on, in figures that fit together."""

import math

import numpy as np
import pandas as pd
from scipy.stats import norm

from helpers.plan.framework import FrameworkPlan
from helpers.records import DataInfo, Estimate, Results

NAN = math.nan
MILESTONES = ("set_up", "activated", "using", "mature")
OUTCOMES = ("retained", "expanded", "dormant")
STATES = ("started", "set up", "activated", "using", "mature", "dormant", "gone")
AREAS = ("messaging", "inbox", "help_centre", "automation", "reporting")
STEPS = ("install_messenger", "invite_team", "import_contacts", "connect_inbox", "set_hours", "write_article")
STEPS += ("add_sla",)
COHORTS = ("2022-Q1", "2022-Q2", "2022-Q3", "2022-Q4")
REACHED = {"set_up": 6100, "activated": 4200, "using": 3900, "mature": 1650}  # of 12,400 at the main landmark
ADJUSTED = {  # milestone -> difference in retained, expanded, dormant after adjustment
    "set_up": (0.032, 0.011, -0.018), "activated": (0.081, 0.034, -0.052),
    "using": (0.054, 0.022, -0.047), "mature": (0.021, 0.027, -0.009),
}  # fmt: skip
BASE = {"retained": 0.74, "expanded": 0.12, "dormant": 0.21}
FEATURES = {  # name -> area, hypothesised, prevalence, adjusted difference, importance, flag, timed, group
    "shared_inbox": ("inbox", True, 0.41, 0.062, 0.0290, "", True, 1),
    "assignment_rules": ("inbox", False, 0.33, 0.058, 0.0270, "", True, 1),
    "saved_replies": ("inbox", True, 0.56, 0.045, 0.0180, "", True, 2),
    "product_tours": ("messaging", True, 0.22, 0.037, 0.0120, "", True, 3),
    "auto_messages": ("messaging", False, 0.47, 0.031, 0.0110, "", True, 3),
    "workflow_bots": ("automation", False, 0.035, 0.094, 0.0090, "niche", True, 4),
    "messenger_home": ("messaging", False, 0.955, 0.052, 0.0040, "universal", True, 5),
    "articles": ("help_centre", True, 0.38, 0.024, 0.0060, "", True, 6),
    "custom_reports": ("reporting", False, 0.18, 0.012, 0.0030, "", True, 7),
    "email_digest": ("reporting", True, 0.29, -0.041, 0.0080, "", True, 8),
    "sla_alerts": ("reporting", False, 0.028, 0.017, 0.0004, "niche", True, 9),
    "message_tags": ("inbox", False, 0.63, 0.006, 0.0002, "", True, 10),
    "team_notes": ("inbox", True, 0.52, 0.003, 0.0001, "", True, 11),
    "data_export": ("reporting", False, 0.11, -0.008, 0.0000, "", True, 12),
    "api_access": (None, False, 0.14, 0.009, 0.0005, "", False, 13),
    "dark_theme": (None, False, 0.44, 0.001, -0.0001, "", True, 14),
    "mobile_app": (None, False, 0.36, 0.014, 0.0015, "", True, 15),
    "import_wizard": (None, False, 0.72, 0.010, 0.0008, "", True, 16),
}  # fmt: skip


def sample_plan(**changes) -> FrameworkPlan:
    """Return the plan of the made study; changes replace keys of its first level."""
    areas = {a: [n for n, f in FEATURES.items() if f[0] == a] for a in AREAS}
    plan = {
        "kind": "framework", "title": "Milestones of customers who stay", "question": "Which milestones mark them?",
        "unit": "account", "unit_id": "account_id", "started_at": "started_at", "as_of": "2023-06-30",
        "cohort": "quarter", "size": "seats", "plan_tier": "plan_tier", "steps_at_least": 5, "mature_at_least": 3,
        "steps": [{"name": s, "label": "Add SLAs"} if s == "add_sla" else {"name": s} for s in STEPS],
        "activation": {"event": "conversation", "at_least": 20, "window_days": 90, "landmark_days": [90, 60, 120]},
        "usage": {"event": "resolved", "seats": "seats", "seats_event": "seats_changed", "at_least": 10},
        "categories": {a: {"basic": f[:1], "mature": f[1:] or f} for a, f in areas.items()},
        "features": [
            {"name": n, "category": f[0], "hypothesised": f[1]} | ({} if f[6] else {"column": n})
            for n, f in FEATURES.items()
        ],
        "outcomes": {
            "retained": {"lost": "cancelled"}, "expanded": {"event": "upgraded"}, "dormant_after_days": 30,
            "activity": ["conversation", "resolved"],
        },
    }  # fmt: skip
    return FrameworkPlan(**{**plan, **changes})


def sample_milestones(**changes) -> Results:
    """Return results with the tables that a reader's words and pictures are made of; changes replace fields."""
    metrics = [
        {"metric": m, "label": "kept", "kind": "binary", "better": "higher", "noun": "account"} for m in OUTCOMES
    ]
    controls = pd.DataFrame([("plan", "plan_tier"), ("size", "seats")], columns=["control", "column"])
    tables = {"metrics": pd.DataFrame(metrics, dtype=object), "controls": controls}
    tables |= _landmarks() | _progress() | _threshold() | _ranking() | _review()
    data = DataInfo("simulated", "", "", None, 412_000, 20_000)
    found = Results("customer_milestones", "t", "q", "answered", data, {}, as_of="2023-06-30")
    return found.but(estimates=_estimates(), tables=tables, **changes)


def _interval(value, error):
    z = norm.isf(0.025)
    p = float(2 * norm.sf(abs(value / error))) if error else NAN
    return {"ci_low": value - z * error, "ci_high": value + z * error, "p_value": p}


def _spread(name, value, reach, *, ends=""):
    """A figure and its limits under the names of a table."""
    return {name: value, f"{ends or name}_low": value - reach, f"{ends or name}_high": value + reach}


def _name(names, *values):
    """Values under the names of a table, written as one text."""
    return dict(zip(names.split(), values, strict=True))


def _share(n, kept):
    error = math.sqrt(max(kept / n * (1 - kept / n), 1e-6) / n)
    return {"n": n, "kept": kept, **_spread("share", kept / n, 1.96 * error, ends="ci")}


def _error(n_reached, n_not):
    return 0.43 * math.sqrt(1 / n_reached + 1 / n_not)


def _landmarks():
    readings = [
        ("naive", 4300, 15_700, 0.93, 0.62, 0.0075), ("landmark", 4200, 8200, 0.861, 0.748, 0.008),
        ("adjusted", 4200, 8200, 0.838, 0.757, 0.0082), ("clone-censor-weight", 4300, 15_700, 0.832, 0.759, 0.0104),
    ]  # fmt: skip
    names = ["reading", "n_reached", "n_not", "share_reached", "share_not"]
    rows = [
        dict(zip(names, r, strict=False))
        | _spread("difference", r[3] - r[4], 1.96 * r[5], ends="ci")
        | {"reason": None}
        for r in readings
    ]
    sizes = zip((5200, 3300, 2250, 1200, 400, 50), (0.72, 0.765, 0.79, 0.80, 0.81, 0.82), strict=True)
    counts = [{"mature_categories": k, **_share(n, round(n * s))} for k, (n, s) in enumerate(sizes)]
    lines = [{"line": 3, "planned": True, "loss_gap": 0.0025, "loss_gap_low": 0.0016, "loss_gap_high": 0.0034}]
    sql = [{"dialect": "duckdb", "milestone": "set_up", "statement": "SELECT 1"}]
    tables = {"readings": rows, "landmark_effects": _effects(), "milestone_survival": _survival(), "definitions": sql}
    tables |= {"mature_counts": counts, "maturity_lines": lines}
    return {name: pd.DataFrame(made) for name, made in tables.items()}


def _effects():
    for name in MILESTONES:
        for k, outcome in enumerate(OUTCOMES):
            for landmark, size in ((90.0, 1.0), (60.0, 1.08), (120.0, 0.91)):
                reached, rest = round(REACHED[name] / size), round((12_400 - REACHED[name]) * size)
                for adjustment, factor in (("none", 1.4), ("covariates", 1.0)):
                    d, base = ADJUSTED[name][k] * factor * size, BASE[outcome]
                    yield {
                        "milestone": name, "outcome": outcome, "landmark": landmark, "adjustment": adjustment,
                        "n_reached": reached, "n_not": rest, "share_reached": base + d, "share_not": base,
                        "difference": d, **_interval(d, _error(reached, rest)), "reason": None,
                    }  # fmt: skip


def _estimates():
    rows = []
    for r in _effects():
        d, sided = r["difference"], r["outcome"] != "dormant"
        main, adjusted = r["landmark"] == 90, r["adjustment"] == "covariates"
        role = ("primary" if r["outcome"] == "retained" else "secondary") if main and adjusted else "sensitivity"
        p = min(1.0, 4 * r["p_value"]) if role != "sensitivity" else None
        name, told = r["milestone"], r["milestone"].replace("_", " ")
        suffix = "" if adjusted else ":unadjusted"
        clear = "clear association" if (r["p_value"] if p is None else p) <= 0.05 else "no clear association"
        rows.append(Estimate(
            f"{r['outcome']}:{name}@{r['landmark']:g}{suffix}", r["outcome"], f"not {told}", told,
            f"{told} - not {told}", "difference", "landmark", r["adjustment"],
            at=None if main else f"day {r['landmark']:g}", role=role, family=role, estimate=d,
            std_error=_error(r["n_reached"], r["n_not"]), ci_low=r["ci_low"], ci_high=r["ci_high"],
            p_value=r["p_value"], p_value_adjusted=p, control_value=r["share_not"],
            treatment_value=r["share_reached"], n_control=r["n_not"], n_treatment=r["n_reached"],
            method="standardised difference" if adjusted else "miettinen-nurminen", as_expected=(d > 0) == sided,
            verdict=clear,
        ))  # fmt: skip
    naive = rows[1].but(
        id="retained:activated:naive", control="not activated", treatment="activated", family="exploratory",
        comparison="activated - not activated", estimand="naive", population="observational", adjustment="none",
        role="exploratory", estimate=0.31, ci_low=0.295, ci_high=0.325, control_value=0.62, treatment_value=0.93,
        n_control=15_700, n_treatment=4300, p_value=0.0, p_value_adjusted=None, method="miettinen-nurminen",
    )  # fmt: skip
    return tuple([*sorted(rows, key=lambda e: e.role == "sensitivity"), naive])


def _survival():
    days, rows = np.arange(0, 181, 15.0), []
    for name in MILESTONES:
        for reached in (1, 0):
            n = REACHED[name] if reached else 12_400 - REACHED[name]
            gone = 1 - (BASE["retained"] + reached * ADJUSTED[name][0] * 1.4)
            for day in days:
                lost = round(n * (1 - (1 - gone) ** (day / 180)))
                told = _name("milestone landmark reached day at_risk lost", name, 90.0, reached, day, n - lost, lost)
                rows.append(told | _share(n, n - lost))
    return pd.DataFrame(rows).drop(columns=["n", "kept"])


def _progress():
    rows = []
    for month in range(13):
        t = month / 12
        weights = [2.2 * math.exp(-4 * t), 0.8 * t * math.exp(-2 * t), 0.5 * t, 0.9 * t, 0.5 * t * t, 0.5 * t, 0.9 * t]
        weights = np.array([1.0, 0, 0, 0, 0, 0, 0] if month == 0 else weights)
        for state, share in zip(STATES, weights / weights.sum(), strict=True):
            rows.append({"month": month, "state": state, "share": share, "at_risk": 20_000 - 1300 * month,
                         "ci_low": max(0.0, share - 0.006), "ci_high": min(1.0, share + 0.006)})  # fmt: skip
    day = np.arange(0, 73, 6)
    share, reach = 0.62 + 0.38 * np.exp(-day / 30), 0.002 * day / 6
    overall = {"day": day, "at_risk": np.round(7043 * (1 - day / 80)).astype(int), "share": share}
    overall |= {"ci_low": share - reach, "ci_high": np.minimum(1.0, share + reach)}
    return {"states": pd.DataFrame(rows), "overall": pd.DataFrame(overall)}


def _threshold():
    edges = [0, 1, 3, 5, 8, 12, 16, 20, 25, 30, 40, 60]
    smooth = [0.70 + 0.19 * (1 - math.exp(-e / 14)) for e in edges]
    counts = [
        {"count_low": low, "count_high": high, "open": high == 95, **_share(1000, round(1000 * s))}
        for low, high, s in zip(edges, [*(e - 1 for e in edges[1:]), 95], smooth, strict=True)
    ]
    at = np.arange(0, 80)
    curves = {"count": at, "share_smooth": 0.70 + 0.19 * (1 - np.exp(-at / 14))}
    curves["share_step"] = np.where(at >= 9, 0.85, 0.745)
    row = _name("n cut cut_low cut_high lines statistic", 12_400, 9, 6, 14, "6 to 14", 9.4)
    row |= {"loss_constant": 0.5312, "loss_step": 0.5228, "loss_smooth": 0.5201, "shape": "smooth", "reason": None}
    row |= {
        "naive_difference": 0.108,
        "newest_cohort": "2022-Q4",
        "n_newest": 2900,
        "confirmed": "confirmed",
        "planned": 20.0,
    }
    row |= _spread("difference", 0.096, 0.016, ends="ci") | _spread("newest_difference", 0.088, 0.033, ends="newest")
    tables = {"activation_counts": counts, "activation_curves": curves, "threshold": [row]}
    return {name: pd.DataFrame(made) for name, made in tables.items()}


def _ranking():
    rows, order = [], sorted(FEATURES, key=lambda name: (not FEATURES[name][6], -FEATURES[name][4]))
    for place, name in enumerate(order, start=1):
        area, hypothesised, share, d, _, flag, timed, group = FEATURES[name]
        used = round(12_400 * share)
        told = _name("feature category hypothesised group prevalence n_used flag time_order", name, area, hypothesised,
                     group, share, used, flag, "known" if timed else "unknown")  # fmt: skip
        told |= {"supported": "", "reason": None if timed else "the time of first use is unknown"}
        if timed:  # others are neither compared nor ranked
            p = _interval(d, _error(used, 12_400 - used))
            told |= _spread("rank", float(place), 2.0) | {
                "difference": d,
                "p_value_adjusted": min(1.0, 3 * p["p_value"]),
                **p,
            }
        rows.append(told)
    quality = {"n": 12_400, "features": 17, "refits": 20, "predicts": True, "auc": 0.664, "reason": None}
    steps = [
        ("activated", 4100, 0.081, 0.757, 1660), ("using", 2300, 0.054, 0.761, 3600),
        ("invite_team", 950, 0.031, 0.742, 11_100), ("connect_inbox", 610, 0.024, 0.75, 18_200),
    ]  # fmt: skip
    next_steps = pd.DataFrame(steps, columns=["step", "accounts", "association", "share_now", "units_needed"])
    return {"ranking": pd.DataFrame(rows), "model_quality": pd.DataFrame([quality]), "next_steps": next_steps}


def _review():
    words = pd.DataFrame([("set_up", "keep"), ("using", "watch"), ("activated", "re-set"), ("mature", "drop")])
    return {
        "review": pd.DataFrame({"cohort": COHORTS[1:], "choice": ["keep", "keep", "recalibrate"]}),
        "review_words": words.set_axis(["milestone", "word"], axis=1).assign(why="It is so."),
    }
