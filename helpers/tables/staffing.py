"""Tables of staffing: the plan beside a simulated queue, the ways to serve everybody, and how questions arrive."""

from __future__ import annotations

import math

import pandas as pd

from helpers.records import Results
from helpers.tables.show import show
from helpers.wording import (
    WITHHELD,
    Display,
    capitalise,
    name_arrivals,
    show_sentence,
    tell_source,
    write_count,
    write_number,
    write_p,
    write_share,
)

MEASURES = {
    "dispersion": "Variance over mean of an interval",
    "dispersion_hours": "Variance over mean of an hour",
    "dispersion_days": "Variance over mean of a whole day",
    "above_limit": "Intervals above the Poisson 95 % limit",
    "lag_1": "Correlation with the next interval",
    "within": "Answered in time, staffed for the mean",
    "days_short": "Days more than 5 points below the target share",
    "agent_hours_rule": "Agent hours a week, staffed for the mean",
    "agent_hours_held": "Agent hours a week, for the count that nine days of ten stay below",
}
SHARES = ("above_limit", "within", "days_short")


def staffing_check(results: Results) -> Display:
    """Return the share answered in time that the formula promises beside a simulation's, one row a block of hours."""
    frame = results.tables.get("staffing_check", pd.DataFrame())
    if results.status == "withheld" or frame.empty:
        return show_sentence(WITHHELD if results.status == "withheld" else "No hour was staffed, so there is no check.")
    ends = zip(frame["ci_low"], frame["ci_high"], strict=True)
    rows = frame.assign(interval=[f"[{write_share(low)}, {write_share(high)}]" for low, high in ends])
    return show(
        rows[["block", "arrivals_per_week", "agents", "share_formula", "share_within", "interval", "share_lost"]],
        caption="Answered in time with the planned agents, by the formula and in a simulated queue, one row a block of "
        f"hours{_name_clock(results)}. Both are models{_tell_misses(frame)}",
        name=f"{results.study}_staffing_check",
        headers={
            "block": "Hours",
            "arrivals_per_week": "Arrivals a week",
            "agents": "Agents, mean",
            "share_formula": "Erlang A",
            "share_within": "Simulated queue",
            "interval": "95 % of simulation",
            "share_lost": "Lost, simulated",
        },
        formats={
            "arrivals_per_week": write_count,
            "agents": lambda n: write_number(n, decimals=1),
            **dict.fromkeys(("share_formula", "share_within", "share_lost"), write_share),
        },
        download=frame,
    )


def _tell_misses(frame) -> str:
    """In how many blocks formula and simulation part, and why they may."""
    outside = int(((frame["share_formula"] < frame["ci_low"]) | (frame["share_formula"] > frame["ci_high"])).sum())
    if not outside:
        return ""
    blocks = "1 block" if outside == 1 else f"{outside} blocks"
    return (
        f"; in {blocks} of {len(frame)} the formula lies outside the interval: it takes each hour by itself, while in "
        "the simulated queue an hour begins with what the one before has left"
    )


def _name_clock(results: Results) -> str:
    """Whose clock the hours follow: that of public arrivals is their own."""
    plan = results.tables.get("staffing", pd.DataFrame())
    return " (UTC)" if plan.empty or tell_source(plan) is None else " by their own clock"


def roll_out(results: Results) -> Display:
    """Return the agent hours a week of each way to serve all sign-ups, one row a way."""
    frame = results.tables.get("roll_out", pd.DataFrame())
    if results.status == "withheld" or frame.empty:
        said = "Without conversations there is no roll-out to plan."
        return show_sentence(WITHHELD if results.status == "withheld" else said)
    return show(
        frame.assign(scenario=frame["scenario"].map(capitalise)),
        caption="What a full roll-out takes, one row a way to serve all sign-ups of a week. Each hour is staffed for "
        "its own questions by Erlang A; nothing waits for a quieter hour, so that the extra hours are a lower limit",
        name=f"{results.study}_roll_out",
        headers={
            "scenario": "Way to serve all",
            "agent_hours_per_week": "Agent hours a week",
            "extra_hours_per_week": "Beyond the standard promise",
            "conversations_per_week": "Conversations a week",
        },
        formats=dict.fromkeys(frame.columns[1:], write_count),
    )


def arrivals(results: Results) -> Display:
    """Return how unevenly questions arrive and what staffing for their mean misses, one row a measure."""
    frame = results.tables.get("arrivals", pd.DataFrame())
    if frame.empty:
        return show_sentence("No arrivals were counted.")
    rows = [_tell_measure(row) for row in frame.itertuples()]
    return show(
        pd.DataFrame(rows),
        caption=f"How unevenly {name_arrivals(frame['source'].iloc[0])} arrive, one row a measure, beside a Poisson "
        f"stream with the same means. In time: within {write_number(frame['target_minutes'].iloc[0])} minutes, for "
        f"{write_share(frame['target_share'].iloc[0], decimals=0)} of all who ask",
        name=f"{results.study}_arrivals",
        headers={
            "measure": "Measure",
            "value": "Counted",
            "interval": "95 % interval, by day",
            "poisson": "Poisson stream",
            "p": "p of a Poisson stream",
        },
        download=frame,
    )


def _tell_measure(row) -> dict[str, str]:
    ends = "" if math.isnan(row.ci_low) else f"[{_tell(row.measure, row.ci_low)}, {_tell(row.measure, row.ci_high)}]"
    return {
        "measure": MEASURES[row.measure],
        "value": _tell(row.measure, row.value),
        "interval": ends,
        "poisson": _tell(row.measure, row.poisson),
        "p": "" if math.isnan(row.p_value) else write_p(row.p_value).removeprefix("p ").removeprefix("= "),
    }


def _tell(measure: str, value: float) -> str:
    if measure in SHARES:
        return write_share(value)
    return write_count(value) if measure.startswith("agent_hours") else write_number(value, decimals=2)
