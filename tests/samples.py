"""Results built by hand for the tests of what a reader sees: two arms, three arms, withheld, interim, hostile."""

import math

import nbformat
import pandas as pd

from helpers.records import Check, Claim, DataInfo, Estimate, Results

HOSTILE = "<script>alert(1)</script>"
SCALES = [
    # metric, label, kind, role, unit, better, worthwhile, margin: one of each kind that reads differently
    ("activated", "activated", "binary", "primary", None, "higher", 0.02, None),
    ("converted", "converted to paid", "binary", "secondary", None, "higher", None, None),
    ("conversations", "conversations", "count", "secondary", None, "neither", None, None),
    ("arr", "yearly revenue", "amount", "secondary", "USD", "higher", None, None),
    ("csat", "satisfaction", "score", "guardrail", None, "higher", None, 0.1),
    ("nps", "net promoter score", "nps", "exploratory", None, "higher", None, None),
]
COLUMNS = ["metric", "label", "kind", "role", "unit", "better", "worthwhile", "margin_absolute"]


def metrics(label=None):
    """Return the table of metrics; `label` replaces the first metric's."""
    frame = pd.DataFrame(SCALES, columns=COLUMNS, dtype=object).assign(noun="workspace", within_days=28.0)
    return frame.assign(label=[label or frame["label"][0], *frame["label"][1:]])


def effect(metric="activated", estimate=0.09, half=0.019, values=(0.142, 0.232), **changes):
    """Return an effect with a symmetric interval."""
    standard = {"id": f"{metric}_difference", "metric": metric, "control": "links", "treatment": "no_links"}
    standard |= {"comparison": "no_links - links", "estimand": "difference", "role": "primary", "family": "primary"}
    standard |= {"estimate": estimate, "std_error": half / 1.96, "ci_low": estimate - half}
    standard |= {"ci_high": estimate + half, "p_value": 0.0004, "control_value": values[0]}
    standard |= {"treatment_value": values[1], "n_control": 2003, "n_treatment": 1997, "method": "miettinen-nurminen"}
    standard |= {"verdict": "clear benefit"}
    return Estimate(**{**standard, **changes})


NOT_CLEAR = "no clear difference"
HEADLINE = [
    # metric, estimate, half of the interval, values of both arms, p-value, verdict, method, role; two are lifts
    ("activated", 0.09, 0.019, (0.142, 0.232), 0.0004, "clear benefit", "miettinen-nurminen", "primary"),
    ("activated", 0.63, 0.2, (0.142, 0.232), 0.0004, "clear benefit", "miettinen-nurminen", "primary"),
    ("converted", -0.012, 0.011, (0.057, 0.045), 0.03, "clear harm", "miettinen-nurminen", "secondary"),
    ("converted", -0.21, 0.19, (0.142, 0.232), 0.0004, "clear harm", "miettinen-nurminen", "secondary"),
    ("conversations", -0.21, 0.35, (2.4, 2.19), 0.24, NOT_CLEAR, "welch", "secondary"),
    ("arr", 12.4, 310.2, (1240.2, 1252.6), 0.94, NOT_CLEAR, "welch", "secondary"),
    ("csat", -0.02, 0.06, (4.21, 4.19), 0.51, "not inferior", "miettinen-nurminen", "guardrail"),
    ("nps", 3.2, 4.9, (12.0, 15.2), 0.2, NOT_CLEAR, "miettinen-nurminen", "exploratory"),
]


def headline(treatment="no_links", shift=0.0):
    """Return one effect a metric, and two lifts, against the control."""
    rows = []
    for place, (metric, estimate, half, values, p_value, verdict, method, role) in enumerate(HEADLINE):
        told = {"p_value": p_value, "verdict": verdict, "method": method, "role": role}
        told |= {"family": "secondary" if role == "secondary" else "primary"}
        told |= {"estimand": "relative_lift"} if place in (1, 3) else {}
        told |= {"id": "activated_lift"} if place == 1 else {}
        told |= {"treatment": treatment, "comparison": f"{treatment} - links"}
        rows.append(effect(metric, estimate + shift * (place == 0), half, values, **told))
    return tuple(rows)


def sensitivity():
    """Return the primary effect under other fair choices."""
    thin = {"role": "sensitivity", "family": "sensitivity"}
    return (
        effect(estimate=0.087, half=0.017, adjustment="covariates", method="lin", **thin),
        effect(estimate=0.081, half=0.03, population="responders", adjustment="weights", method="welch", **thin),
    )


def contrasts():
    """Return naive, adjusted, as-assigned and complier effects of one metric."""
    naive, cace = {"estimand": "naive", "population": "as_treated"}, {"estimand": "cace", "population": "compliers"}
    return (
        effect(estimate=0.31, half=0.03, method="welch", role="exploratory", **naive),
        effect(estimate=0.22, half=0.035, adjustment="covariates", method="lin", **naive),
        effect(estimate=0.02, half=0.024, verdict=NOT_CLEAR),
        effect(estimate=0.031, half=0.04, method="delta", verdict=NOT_CLEAR, **cace),
    )


def segments():
    """Return the primary effect in five segments of two columns; one is not estimable."""
    few, long = {"n_control": 640, "n_treatment": 655}, "country=other, and a long name for it"
    split = [
        effect(estimate=0.12, half=0.05, segment="country=DE", **few),
        effect(estimate=0.07, half=0.06, segment="country=FR", **few),
        effect(estimate=0.02, half=0.05, segment=long, verdict=NOT_CLEAR, **few),
        effect(segment="plan tier=starter"),
    ]
    unknown = dict.fromkeys(("estimate", "ci_low", "ci_high", "control_value", "treatment_value"), math.nan)
    small = effect(segment="plan tier=scale", verdict="not estimable", reason="fewer than 10 units").but(**unknown)
    return tuple(e.but(role="exploratory") for e in (*split, small))


def weeks():
    """Return the primary effect by week of assignment."""
    found = [0.14, 0.1, 0.08, 0.07]
    return tuple(effect(estimate=e, half=0.04, at=f"week {k + 1}", role="exploratory") for k, e in enumerate(found))


STEPS = (("rows read", 4003, ""), ("exact duplicates dropped", 3, "kept once"), ("units analysed", 4000, ""))
ARMS = {"links": 2003, "no_links": 1997}
DATA = DataInfo(
    "simulated", "Workspaces made by a seeded model", "proactive_help", "9f2c" * 16, 4003, 4000, ARMS, STEPS
)
CHECKS = (
    Check("srm", "pass", 0.92, 0.001, "The groups hold 2,003 and 1,997 units; the planned split fits (p = .92)."),
    Check("balance", "warn", 0.0008, 0.001, "Seats differ between the groups before the start (p < .001)."),
    Check("missing_csat", "not tested", math.nan, 0.001, "No value is missing."),
)
CLAIMED = "9 % fewer teams convert without links"
CLAIMS = (
    Claim("P13", 9, "points", CLAIMED, "x", -1.2, -2.3, -0.1, "not recovered", "The planted 9 points lie outside."),
    Claim("P04", 2.5, "times", "about 2.5 times", None, *[math.nan] * 3, "not tested by this run", "No exposure."),
)
ANSWER = (
    "These data are simulated: the effect was planted, so finding it tests the method and is no evidence.",
    "Without the links 23.2 % of 1,997 workspaces activate and with them 14.2 % of 2,003: +9.0 points "
    "(95 % interval between +7.1 and +10.9 points). By the plan's rule this is a clear benefit.",
    "The guardrail satisfaction is not inferior: between -0.08 and +0.04.",
)
LIMITS = (
    "It cannot show what happens after 28 days.",
    "The unit is the workspace; nothing is said of single people.",
    "No effect on those who never open the product is measured.",
)


def results(**changes):
    """Return the results of an experiment with two arms."""
    question = "Does showing in-product help links raise activation and paid conversion?"
    plan = {"file": "proactive_help.yaml", "sha256": "ab" * 32, "departures": []}
    standard = {"checks": CHECKS, "estimates": (*headline(), *sensitivity(), *segments(), *weeks()), "claims": CLAIMS}
    standard |= {"tables": {"metrics": metrics()}, "answer": ANSWER, "limits": LIMITS}
    return Results("proactive_help", "In-product help links", question, "answered", DATA, plan, **standard).but(
        **changes
    )


def three_arms():
    """Return results with two treatments."""
    rows = (*headline(), *headline("short_links", -0.05))
    return results(estimates=rows)


def withheld():
    """Return results whose effects are withheld."""
    reason = (
        "The groups hold 2,210 and 1,790 workspaces where equal ones were planned (p < .001): assignment went wrong.",
        "No effect is shown, because groups that were not made by the plan's chance cannot be compared.",
    )
    check = Check(
        "srm", "fail", 1e-11, 0.001, "The groups hold 2,210 and 1,790 units; equal ones were planned (p < .001)."
    )
    return results(status="withheld", estimates=(), tests=(), checks=(check,), answer=reason, claims=())


def interim():
    """Return results before the planned end, with always-valid intervals."""
    early = tuple(e.but(interval="always-valid") for e in headline())
    return results(status="interim", estimates=early)


def hostile():
    """Return results in which every word that can come from data is a script."""
    bad = HOSTILE
    words = {"control": bad, "treatment": bad, "reason": bad, "method": bad}
    rows = tuple(e.but(segment=e.segment and f"{bad}={bad}", **words) for e in results().estimates)
    departures = [{"parameter": "as_of", "planned": bad, "used": bad}]
    told = {"title": bad, "question": bad, "answer": (bad,), "limits": (bad,), "estimates": rows}
    told |= {"data": DataInfo("yours", bad, bad, None, 1, 1, {bad: 1}, ((bad, 1, bad),))}
    told |= {"checks": (Check(bad, bad, 0, 0, bad),), "claims": (Claim(bad, 1, bad, bad, None, 1, 0, 2, bad, bad),)}
    told |= {"tables": {"metrics": metrics(bad)}, "plan": {"file": bad, "sha256": bad, "departures": departures}}
    return results(**told)


def curves():
    """Return cumulative incidence of two arms by day."""
    rows = []
    for arm, speed in (("links", 0.004), ("no_links", 0.0028)):
        for day in range(0, 61, 2):
            share = 1 - math.exp(-speed * day)
            half = 1.96 * math.sqrt(share * (1 - share) / 2000)
            rows.append((arm, day, share, max(0, share - half), share + half, round(2000 * (1 - share))))
    return pd.DataFrame(rows, columns=["arm", "day", "share", "ci_low", "ci_high", "at_risk"])


def output(display):
    """Return a display as the output of a cell."""
    data, metadata = display._repr_mimebundle_()
    return nbformat.v4.new_output("display_data", data=data, metadata=metadata)


def notebook(*parts):
    """Return an executed notebook: text becomes a Markdown cell, a display the output of a code cell."""
    cells = [nbformat.v4.new_markdown_cell("# Title of the notebook\nOwner: nobody", metadata={"tags": ["title"]})]
    for part in parts:
        if isinstance(part, str):
            cells.append(nbformat.v4.new_markdown_cell(part))
        else:
            cells.append(nbformat.v4.new_code_cell("call(results)", outputs=[output(part)], execution_count=1))
    for place, cell in enumerate(cells):
        cell["id"] = f"cell-{place}"
    return nbformat.v4.new_notebook(cells=cells)
