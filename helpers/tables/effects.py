"""Effects and published claims as tables: the same figures as the pictures, every field in the download."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from helpers.records import Claim, Estimate, Results, to_frame
from helpers.tables.show import name_unit, show
from helpers.wording import (
    ROLES,
    WITHHELD,
    Display,
    capitalise,
    count_decimals,
    is_lift,
    is_ratio,
    join_words,
    lower_first,
    mark_verdict,
    name_method,
    name_metric,
    name_row,
    read_scale,
    show_sentence,
    write_bounds,
    write_effect,
    write_number,
    write_p,
    write_value,
)

HEADERS = {
    "metric": "Metric",
    "how": "How",
    "effect": "Effect",
    "p": "p",
    "verdict": "Verdict",
    "method": "Method",
}


def estimates(
    results: Results,
    *,
    role: str | Sequence[str] | None = None,
    chosen: Sequence[Estimate] | None = None,
    caption: str | None = None,
    name: str | None = None,
) -> Display:
    """Return effects as a table, one row an effect; a lift stands in its own row.

    Parameters
    ----------
    results : Results
    role : str or sequence of str, optional
        Which roles; all when left out. Rows of the role `sensitivity` say how they were made instead of arm values.
    chosen : sequence of Estimate, optional
        These effects instead of a role.
    caption, name : str, optional
        Computed from the role when left out.

    Returns
    -------
    Display: one sentence when the effects are withheld or there are none.
    """
    if results.status == "withheld":
        return show_sentence(WITHHELD)
    roles = [role] if isinstance(role, str) else list(role or ROLES)
    rows = list(results.select(role=roles) if chosen is None else chosen)
    if not rows:
        none = f"The plan names no {join_words(roles)} metric." if chosen is None else "There is no such effect."
        return show_sentence(none)
    arms = all(e.role != "sensitivity" for e in rows)
    frame = pd.DataFrame([_row(e, results, rows, arms) for e in rows])
    level = f"{rows[0].confidence_level * 100:g} % interval"
    headers = {**HEADERS, **_arm_headers(rows), "interval": level}
    return show(
        frame,
        caption=caption or f"{_describe(roles)}, treatment minus control, one row an effect{_looking(rows)}",
        name=name or f"{results.study}_{'_'.join(roles) if len(roles) <= 2 else 'effects'}",
        headers=headers,
        formats={"verdict": mark_verdict},
        raw=("verdict",),
        download=to_frame(rows),
    )


def sensitivity(results: Results) -> Display:
    """Return the headline effects under other fair choices, one row an effect; take-up stands in its own section."""
    others = results.select(role="sensitivity", population=["itt", "responders"])
    return estimates(
        results, chosen=others, caption="The same effects otherwise, one row an effect", name="sensitivity"
    )


def _describe(roles: Sequence[str]) -> str:
    return f"Effects on {join_words(roles)} metrics" if len(roles) <= 2 else "All effects"


def _arm_headers(rows) -> dict[str, str]:
    treatments = list(dict.fromkeys(e.treatment for e in rows))
    second = f"{treatments[0]} (treatment)" if len(treatments) == 1 else "Treatment"
    return {"control": f"{rows[0].control} (control)", "treatment": second}


def _looking(rows) -> str:
    kinds = sorted({e.interval for e in rows} - {"fixed"})
    told = f"; intervals: {', '.join(kinds)}" if kinds else ""
    adjusted = any(e.p_value_adjusted is not None and not math.isnan(e.p_value_adjusted) for e in rows)
    return told + "; p is adjusted for how many there are, intervals are not" * adjusted


def _row(e: Estimate, results: Results, rows, arms: bool) -> dict[str, str]:
    scale = read_scale(results, e.metric)
    several = len({r.treatment for r in rows}) > 1
    unit = "" if is_lift(e) or is_ratio(e) else name_unit(scale)
    name = capitalise(name_metric(e, scale, several=several)) + (f" ({unit.strip()})" if unit else "")
    if arms:
        row = {"metric": name + _kind(e), **_arm_values(e, scale)}
    else:
        row = {"metric": name, "how": name_row(e), "method": name_method(e.method)}
    bounds = (e.reason or "") if math.isnan(e.estimate) else write_bounds(e, scale)
    row = {**row, "effect": write_effect(e, scale)}
    return {
        **{column: told.removesuffix(unit) for column, told in row.items()},
        "interval": bounds,
        "p": write_p(e.decision_p).removeprefix("p ").removeprefix("= "),
        "verdict": e.verdict,
    }


def _arm_values(e: Estimate, scale) -> dict[str, str]:
    if is_lift(e) or (math.isnan(e.control_value) and math.isnan(e.treatment_value)):
        return {"control": "", "treatment": ""}
    return {
        "control": write_value(e.control_value, scale, beside=e),
        "treatment": write_value(e.treatment_value, scale, beside=e),
    }


def _kind(e: Estimate) -> str:
    if e.segment is not None or e.at is not None:
        return f", {e.segment if e.segment is not None else e.at}"
    if e.estimand == "difference" and e.population == "itt" and e.adjustment == "none":
        return ""
    return ", relative lift" if is_lift(e) and e.population == "itt" else f": {lower_first(name_row(e))}"


def claims(results: Results) -> Display:
    """Return the published claims beside what this run found, one row a claim, in the claim's own unit."""
    if not results.claims:
        return show_sentence("No published claim bears on this run.")
    frame = pd.DataFrame([_claim(c) for c in results.claims])
    headers = {"id": "Claim", "published": "Published", "found": "This run", "verdict": "Verdict", "reason": "Why"}
    return show(
        frame,
        caption="Published claims beside this run, one row a claim, in the claim's own unit and direction",
        name=f"{results.study}_claims",
        headers=headers,
        formats={"verdict": mark_verdict},
        raw=("verdict",),
        download=to_frame(results.claims),
    )


def _claim(c: Claim) -> dict[str, str]:
    found = ""
    if not math.isnan(c.estimate):
        decimals = count_decimals(c.ci_low, c.ci_high)
        found, low, high = (write_number(v, decimals=decimals) for v in (c.estimate, c.ci_low, c.ci_high))
        percent = " %" if c.unit == "%" or c.unit.startswith("% more") else ""
        found = f"{found}{percent} [{low}, {high}]"
    return {"id": c.id, "published": c.published_as, "found": found, "verdict": c.verdict, "reason": c.reason}
