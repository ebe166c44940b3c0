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


def headline(treatment="no_links", shift=0.0):
    """Return one effect a metric, and two lifts, against the control."""
    about = {"treatment": treatment, "comparison": f"{treatment} - links"}
    second = {**about, "role": "secondary", "family": "secondary"}
    unclear = {**second, "verdict": "no clear difference", "method": "welch"}
    return (
        effect(estimate=0.09 + shift, **about),
        effect(estimate=0.63, half=0.2, estimand="relative_lift", id="activated_lift", **about),
        effect("converted", -0.012, 0.011, (0.057, 0.045), p_value=0.03, verdict="clear harm", **second),
        effect("converted", -0.21, 0.19, estimand="relative_lift", verdict="clear harm", **second),
        effect("conversations", -0.21, 0.35, (2.4, 2.19), p_value=0.24, **unclear),
        effect("arr", 12.4, 310.2, (1240.2, 1252.6), p_value=0.94, **unclear),
        effect(
            "csat", -0.02, 0.06, (4.21, 4.19), p_value=0.51, verdict="not inferior", **about | {"role": "guardrail"}
        ),
        effect("nps", 3.2, 4.9, (12.0, 15.2), p_value=0.2, **unclear | {"role": "exploratory", "family": "primary"}),
    )


def sensitivity():
    """Return the primary effect under other fair choices."""
    thin = {"role": "sensitivity", "family": "sensitivity"}
    return (
        effect(estimate=0.087, half=0.017, adjustment="covariates", method="lin", **thin),
        effect(estimate=0.081, half=0.03, population="responders", adjustment="weights", method="welch", **thin),
    )


def contrasts():
    """Return naive, adjusted, as-assigned and complier effects of one metric."""
    naive = {"estimand": "naive", "population": "as_treated"}
    cace = {"estimand": "cace", "population": "compliers", "method": "delta"}
    unclear = {"verdict": "no clear difference"}
    return (
        effect(estimate=0.31, half=0.03, method="welch", role="exploratory", **naive),
        effect(estimate=0.22, half=0.035, adjustment="covariates", method="lin", **naive),
        effect(estimate=0.02, half=0.024, **unclear),
        effect(estimate=0.031, half=0.04, **cace, **unclear),
    )


def segments():
    """Return the primary effect in five segments of two columns; one is not estimable."""
    rows = [("DE", 0.12, 0.05), ("FR", 0.07, 0.06), ("other, and a long name for it", 0.02, 0.05)]
    thin = {"role": "exploratory", "n_control": 640, "n_treatment": 655}
    split = [effect(estimate=e, half=h, segment=f"country={s}", **thin) for s, e, h in rows]
    split[2] = split[2].but(verdict="no clear difference")
    tiny = dict.fromkeys(("estimate", "ci_low", "ci_high", "control_value", "treatment_value"), math.nan)
    small = effect(segment="plan tier=scale", role="exploratory").but(reason="fewer than 10 units", **tiny)
    starter = effect(segment="plan tier=starter", role="exploratory")
    return (*split, starter, small.but(verdict="not estimable"))


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
    check = Check("srm", "fail", 1e-11, 0.001, "The groups hold 2,210 and 1,790 units; equal ones were planned.")
    return results(status="withheld", estimates=(), tests=(), checks=(check,), answer=reason, claims=())


def interim():
    """Return results before the planned end, with always-valid intervals."""
    early = tuple(e.but(interval="always-valid") for e in headline())
    return results(status="interim", estimates=early)


def hostile():
    """Return results in which every word that can come from data is a script."""
    base, departures = results(), [{"parameter": "as_of", "planned": HOSTILE, "used": HOSTILE}]
    spoilt = dict.fromkeys(("control", "treatment", "reason", "method"), HOSTILE)
    rows = tuple(e.but(segment=e.segment and f"{HOSTILE}={HOSTILE}", **spoilt) for e in base.estimates)
    words = {"title": HOSTILE, "question": HOSTILE, "answer": (HOSTILE,), "limits": (HOSTILE,)}
    return base.but(
        **words,
        data=DataInfo("yours", HOSTILE, HOSTILE, None, 1, 1, {HOSTILE: 1}, ((HOSTILE, 1, HOSTILE),)),
        estimates=rows,
        checks=(Check(HOSTILE, HOSTILE, 0, 0, HOSTILE),),
        claims=(Claim(HOSTILE, 1, HOSTILE, HOSTILE, None, 1, 0, 2, HOSTILE, HOSTILE),),
        tables={"metrics": metrics(HOSTILE)},
        plan={"file": HOSTILE, "sha256": HOSTILE, "departures": departures},
    )


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
