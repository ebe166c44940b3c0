"""Made results of a milestones study: a plan, and every table that the study hands on, in figures that fit together."""

import math

import numpy as np
import pandas as pd
from scipy.stats import norm

from helpers.plan.framework import FrameworkPlan
from helpers.records import DataInfo, Estimate, Results, Test

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
    """Return results with every table of the study; changes replace fields of the results."""
    estimates = _estimates()
    tables = {
        "metrics": _metrics(), "controls": _controls(), **_landmarks(), **_progress(), **_threshold(), **_setup(),
        **_maturity(), **_size(),
        **_ranking(), **_review(), **_daily_use(),
    }  # fmt: skip
    data = DataInfo("simulated", "", "", None, 412_000, 20_000)
    tests = (Test("retained:activated - not activated:log-rank", "retained", "log-rank", 88.1, 1.0, 6.2e-21),)
    found = Results("customer_milestones", "t", "q", "answered", data, {}, as_of="2023-06-30")
    return found.but(estimates=estimates, tests=tests, tables=tables, **changes)


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


def _metrics():
    better = {"retained": "higher", "expanded": "higher", "dormant": "lower"}
    labels = {"retained": "kept", "expanded": "expanded", "dormant": "dormant", "add_sla": "Add SLAs"}
    rows = [
        {"metric": m, "label": labels[m], "kind": "binary", "better": better.get(m, "neither"), "noun": "account",
         "within_days": 180.0 if m in ("retained", "expanded") else None}
        for m in (*OUTCOMES, "add_sla")
    ]  # fmt: skip
    return pd.DataFrame(rows, dtype=object)


def _controls():
    return pd.DataFrame([("plan", "plan_tier"), ("size", "seats")], columns=["control", "column"])


def _landmarks():
    readings = [
        ("naive", 4300, 15_700, 0.93, 0.62, 0.0075), ("landmark", 4200, 8200, 0.861, 0.748, 0.008),
        ("adjusted", 4200, 8200, 0.838, 0.757, 0.0082), ("clone-censor-weight", 4300, 15_700, 0.832, 0.759, 0.0104),
    ]  # fmt: skip
    names = ["reading", "n_reached", "n_not", "share_reached", "share_not"]
    rows = [
        dict(zip(names, r, strict=False)) | {"difference": r[3] - r[4], **_interval(r[3] - r[4], r[5]), "reason": None}
        for r in readings
    ]
    hazards = [
        ("ever activated, from the start", 0.31, 0.28, 0.34), ("time-varying", 0.58, 0.52, 0.65),
        ("time-varying, adjusted", 0.67, 0.60, 0.75),
    ]  # fmt: skip
    keys = ["reading", "hazard_ratio", "ci_low", "ci_high"]
    cox = [dict(zip(keys, h, strict=True)) | {"n": 20_000, "lost": 5210, "reason": None} for h in hazards]
    return {
        "readings": pd.DataFrame(rows).drop(columns="p_value"), "hazards": pd.DataFrame(cox),
        "landmark_effects": pd.DataFrame(list(_effects())), "milestone_survival": _survival(),
    }  # fmt: skip


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
    ns = [2100, 1900, 1500, 1400, 1250, 1000, 780, 640, 520, 480, 450, 380]
    counts = [
        {"count_low": low, "count_high": high, "open": high == 95, **_share(n, round(n * (s + 0.012 * (-1) ** k)))}
        for k, (low, high, n, s) in enumerate(zip(edges, [*(e - 1 for e in edges[1:]), 95], ns, smooth, strict=True))
    ]  # fmt: skip
    at = np.arange(0, 80)
    curves = {"count": at, "share_smooth": 0.70 + 0.19 * (1 - np.exp(-at / 14))}
    curves["share_step"] = np.where(at >= 9, 0.85, 0.745)
    cuts = np.arange(1, 41)
    statistic = 9.4 * np.exp(-((np.log(cuts / 9)) ** 2) / 2.2)
    chosen = [{8: 3, 9: 6, 11: 1}.get(int(c), 0) for c in cuts]
    scan = _name("cut difference statistic in_set chosen", cuts, 0.015 + 0.010 * statistic, statistic,
                 (cuts >= 6) & (cuts <= 14), chosen)  # fmt: skip
    row = _name("n cut cut_low cut_high lines statistic", 12_400, 9, 6, 14, "6 to 14", 9.4)
    row |= {"p_lausen_schumacher": 3e-17, "p_permutation": 0.001, "naive_difference": 0.108}
    row |= _spread("difference", 0.096, 0.016, ends="ci") | _spread("loss_gap", 0.0027, 0.0016)
    row |= {"loss_constant": 0.5312, "loss_step": 0.5228, "loss_smooth": 0.5201, "shape": "smooth", "reason": None}
    row |= {"newest_cohort": "2022-Q4", "n_newest": 2900, "confirmed": "confirmed", "planned": 20.0}
    row |= _spread("newest_difference", 0.088, 0.033, ends="newest")
    row |= _spread("planned_difference", 0.079, 0.019, ends="planned")
    return {"activation_counts": pd.DataFrame(counts), "activation_curves": pd.DataFrame(curves),
            "cuts": pd.DataFrame(scan), "threshold": pd.DataFrame([row]),
            "alive": pd.DataFrame([row | {"alive_days": 60.0}, row | {"alive_days": 30.0, "n": 9800}])}  # fmt: skip


def _setup():
    made = zip(
        STEPS, (0.92, 0.55, 0.40, 0.61, 0.33, 0.27, 0.03), (0.02, 0.11, 0.065, 0.09, 0.004, 0.03, NAN),
        (0.99, 0.96, 0.93, 0.97, 0.9, 0.62, 0.85), (1.0, 3.0, 5.0, 2.0, 8.0, 11.0, 12.0), strict=True,
    )  # fmt: skip
    rows = []
    for name, share, difference, before, day in made:
        p = _interval(difference, 0.013)
        flag = "niche" if share < 0.05 else "routine" if share > 0.9 else "order unclear" if before < 0.8 else ""
        absent = math.isnan(difference)
        verdict = "not estimable" if absent else f"{'no ' * (7 * p['p_value'] > 0.05)}clear difference"
        rows.append({
            "step": name, "n_done": round(share * 14_000), "share_done": share, "difference": difference, **p,
            "p_value_adjusted": min(1.0, 7 * p["p_value"]) if not absent else NAN, "before": before, "median_day": day,
            "flag": flag, "verdict": verdict,
            "reason": "too few accounts took this step to adjust" if absent else None,
        })  # fmt: skip
    return {"steps": pd.DataFrame(rows)}


def _maturity():
    parts = (0.2, 0.55), (0.35, 0.4), (0.6, 0.28), (0.9, 0.08), (0.7, 0.2)
    made = zip(AREAS, parts, (0.04, 0.055, 0.03, 0.012, 0.008), strict=True)
    categories = [
        {"category": a, "none": none, "basic": basic, "mature": 1 - none - basic, "n": 12_400, "difference": d,
         **_interval(d, 0.009), "p_value_adjusted": min(1.0, 5 * _interval(d, 0.009)["p_value"]),
         "success_metric": f"any mature feature of {a.replace('_', ' ')}", "reason": None}
        for a, (none, basic), d in made
    ]  # fmt: skip
    sizes = zip((5200, 3300, 2250, 1200, 400, 50), (0.72, 0.765, 0.79, 0.80, 0.81, 0.82), strict=True)
    counts = [{"mature_categories": k, **_share(n, round(n * s))} for k, (n, s) in enumerate(sizes)]
    lines = [
        {"line": k, "share_at_or_above": n / 12_400, "difference": d, "planned": k == 3,
         **{key: v for key, v in _interval(d, _error(max(n, 30), 12_400)).items() if key != "p_value"},
         "loss_gap": loss - 0.5284, "loss_gap_low": loss - 0.5293,
         "loss_gap_high": loss - 0.5275, "reason": None if k < 5 else "too few accounts at or above this line"}
        for k, n, d, loss in ((1, 7200, 0.045, 0.5290), (2, 3900, 0.038, 0.5296), (3, 1650, 0.021, 0.5309),
                              (4, 450, 0.018, 0.5313), (5, 50, NAN, NAN))
    ]  # fmt: skip
    tables = {"categories": categories, "mature_counts": counts, "maturity_lines": lines}
    return {name: pd.DataFrame(rows) for name, rows in tables.items()}


def _size():
    row = {"n": 12_100, "elasticity": 0.71, "ci_low": 0.69, "ci_high": 0.73, "p_one": 1e-60}
    row |= {"elasticity_tier": 0.66, "tier_low": 0.63, "tier_high": 0.69, "reason": None}
    bands = []
    passes = {"per seat": (0.48, 0.37, 0.27, 0.18, 0.11), "expected for the size": (0.31, 0.32, 0.31, 0.3, 0.32)}
    sizes = {"1-2 seats": 3900, "3-5 seats": 3300, "6-10 seats": 2400, "11-25 seats": 1600, "26+ seats": 900}
    for line, rates in passes.items():
        for (band, n), rate in zip(sizes.items(), rates, strict=True):
            share = _share(n, round(n * rate))
            gap = (0.062 if line == "per seat" else 0.055) + 0.01 * rate
            error = _error(n * rate, n * (1 - rate))
            bands.append({"band": band, "n": n, "line": line, "n_pass": share["kept"], "pass_rate": share["share"],
                          "pass_low": share["ci_low"],
                          "pass_high": share["ci_high"], "share_pass": 0.76 + gap, "share_fail": 0.76, "gap": gap,
                          "gap_low": gap - 1.96 * error, "gap_high": gap + 1.96 * error})  # fmt: skip
    return {"size_elasticity": pd.DataFrame([row]), "size_bands": pd.DataFrame(bands)}


def _ranking():
    rows, order = [], sorted(FEATURES, key=lambda name: (not FEATURES[name][6], -FEATURES[name][4]))
    for place, name in enumerate(order, start=1):
        area, hypothesised, share, d, _, flag, timed, group = FEATURES[name]
        used = round(12_400 * share)
        p = _interval(d, _error(used, 12_400 - used)) if timed else _interval(NAN, 1.0)
        word = "supported" if p["ci_low"] > 0 else "opposite" if p["ci_high"] < 0 else "not supported"
        known = {"rank": float(place), "rank_low": max(1.0, place - 1 - place // 3)}
        known |= {"rank_high": min(17.0, place + 1 + place // 2)}
        known |= {"difference": d, "p_value_adjusted": min(1.0, 3 * p["p_value"])}
        known |= {"gap_if_causal": (1 - share) * d}
        told = _name("feature category hypothesised group prevalence n_used flag time_order supported reason",
                     name, area, hypothesised, group, share, used, flag, "known" if timed else "unknown",
                     word if hypothesised else "", None if timed else "the time of first use is unknown")  # fmt: skip
        rows.append(told | p | (known if timed else dict.fromkeys(known, NAN)))  # untimed ones are not ranked
    quality = {"n": 12_400, "features": 17, "refits": 20, "floor": 0.6, "predicts": True, "top": 10, "reason": None}
    quality |= {"auc": 0.664, "auc_low": 0.651, "auc_high": 0.676}
    quality |= _spread("added", 0.058, 0.017) | _spread("stability", 0.71, 0.08)
    steps = [
        ("activated", 4100, 0.081, 0.757, 1660), ("using", 2300, 0.054, 0.761, 3600),
        ("invite_team", 950, 0.031, 0.742, 11_100), ("connect_inbox", 610, 0.024, 0.75, 18_200),
    ]  # fmt: skip
    next_steps = pd.DataFrame(steps, columns=["step", "accounts", "association", "share_now", "units_needed"])
    ends = {"ci_low": next_steps["association"] - 0.016, "ci_high": next_steps["association"] + 0.016}
    return {
        "ranking": pd.DataFrame(rows), "model_quality": pd.DataFrame([quality | {"model": "random forest"}]),
        "next_steps": next_steps.assign(**ends, reason=None),
    }  # fmt: skip


def _review():
    rows = []
    made = (
        (COHORTS[1], 0.671, -0.01, 1.02, "keep", 0.4, 0.5), (COHORTS[2], 0.658, 0.06, 0.97, "keep", 0.4, 0.5),
        (COHORTS[3], 0.603, 0.34, 0.71, "recalibrate", 0.001, 0.004),
    )  # fmt: skip
    for cohort, auc, intercept, slope, choice, *p in made:
        row = {"cohort": cohort, "n": 2900, "lost": 690, **_spread("auc", auc, 0.022)}
        row |= _spread("intercept", intercept, 0.09) | _spread("slope", slope, 0.17) | {"choice": choice}
        row |= _name("p_keep p_reintercept p_recalibrate observed expected reason", *p, 0.6, 0.762, 0.758, None)
        rows.append(row)
    drift = pd.DataFrame([
        (COHORTS[2], "cut", 9.0, 10.0, 5.0, 15.0), (COHORTS[3], "cut", 9.0, 21.0, 5.0, 15.0),
        (COHORTS[3], "rank of shared_inbox", 1.0, 2.0, 1.0, 3.0),
        (COHORTS[3], "rank of saved_replies", 3.0, 9.0, 2.0, 6.0),
    ], columns=["cohort", "what", "reference", "found", "low", "high"])  # fmt: skip
    words = [
        ("set_up", "keep", "Its difference stays clear in the newest cohort."),
        ("activated", "re-set", "The best cut of the newest cohort lies outside what chance alone moves it."),
        ("using", "watch", "The model discriminates less in the newest cohort, still above the floor."),
        ("mature", "drop", "Its difference is smaller than the worthwhile one in every cohort."),
    ]
    model = [
        ("intercept", "", 0.91, 0.86, 0.96), ("coefficient", "activated", 0.52, 0.42, 0.62),
        ("coefficient", "set_up", 0.2, 0.11, 0.29), ("cut", "activated", 9.0, 6.0, 14.0),
        ("rank", "shared_inbox", 1.0, 1.0, 2.0), ("auc", "", 0.664, 0.651, 0.676), ("n", "", 12_400.0, NAN, NAN),
    ]  # fmt: skip
    return {
        "review": pd.DataFrame(rows),
        "drift": drift.assign(outside=~drift["found"].between(drift["low"], drift["high"])),
        "review_words": pd.DataFrame(words, columns=["milestone", "word", "why"]),
        "model": pd.DataFrame(model, columns=["kind", "name", "value", "low", "high"]),
    }


def _daily_use():
    flow = [("started", 20_000, "by 2023-06-30")]
    for day, lost in ((90, 3200), (60, 2400), (120, 3700)):
        told = f"landmark day {day}"
        flow += [
            (f"{told}: followed", 15_600, f"to day {day + 180}, by the end of 2023-06-30"),
            (f"{told}: lost before it", lost, "no outcome of theirs can follow a milestone"),
            (f"{told}: kept", 15_600 - lost, "customers on that day, followed long enough"),
        ]
    columns = ["table", "column", "rows", "missing", "latest", "days_old", "note"]
    fresh = [
        ("accounts", "started_at", 20_000, 0.0, "2023-06-30", 0.0, ""),
        ("accounts", "seats", 20_000, 0.012, None, NAN, "12 in 1,000 missing"),
        ("events", "at", 392_000, 0.0, "2023-06-28", 2.0, ""),
    ]
    sql = [(dialect, m, f'SELECT "account_id" FROM "events" /* {m}, {dialect} */ WHERE "n" < 20')
           for dialect in ("duckdb", "postgres", "bigquery", "snowflake") for m in MILESTONES]  # fmt: skip
    return {
        "landmark_flow": pd.DataFrame(flow, columns=["step", "accounts", "note"]),
        "freshness": pd.DataFrame(fresh, columns=columns),
        "definitions": pd.DataFrame(sql, columns=["dialect", "milestone", "statement"]),
    }
