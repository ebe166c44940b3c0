"""What each customer lacks that goes with staying, and how large an experiment on it would have to be."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from helpers.inference import holm, sample_size_proportions
from helpers.milestones.adjusted import adjusted_difference, make_controls
from helpers.milestones.landmarks import compare_naively
from helpers.milestones.today import read_today

NOTHING = "none"
COLUMNS = ("step", "accounts", "association", "ci_low", "ci_high", "share_now", "units_needed", "reason")
UNCLEAR = "no clear positive difference, so nobody is advised to it"
NOTHING_LACKS = "they lack nothing within their reach that has a clear positive difference"
AFTERWARDS = "it mostly follows activation, so it is no step towards it"
WINDOW_OVER = "its window is over on the landmark: an experiment starts with new accounts, at their start"
OVERSHADOWED = "whoever lacked it on the landmark also lacked what has a larger difference: none shows how many stay"
TOO_FEW = "fewer than {least} of those without it were kept, or were lost: too few to plan an experiment with"
TOO_HIGH = "too many of those without it stay already to see half the difference on top"


def study_next_steps(
    frame, histories, months, tables, design, *, power=0.8
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Return what customers lack that goes with staying: counts by step, and privately one row a customer.

    A customer's next step is, of the milestones that it has not reached by the end of `as_of`, the one with the largest
    adjusted difference in retention among those whose difference is clear and positive (Holm over all candidates).
    Where the plan has setup steps, the steps that a customer lacks stand for the milestone set up, as long as it is not
    reached. Nobody is advised to activate where the window is over on the landmark: whoever has not by then never can.
    These are associations: that staying follows from being brought there is what the experiment has to show, planned
    for half the difference, since the largest of several differences promises too much.

    Parameters
    ----------
    frame : DataFrame, one row an account alive at the main landmark, as `read_landmarks` gives it
        The differences, and how many stay now, are read from it.
    histories, months : DataFrame, as `read_histories` and `read_months` give them
        Who is a customer at the end of `as_of` and what each has reached by then is read from them.
    tables : dict of DataFrame
        `landmark_effects`, where it is there, gives the differences of milestones, so that a report says one figure;
        `steps` the setup steps that mostly follow activation, to which nobody is advised; `readings` the share of
        starters that come back, where the plan names no loss.
    design : FrameworkPlan
    power : float, of that experiment

    Returns
    -------
    tuple: `next_steps` in a dict, one row a candidate, most accounts first, and then the customers with nothing to
        advise: step, accounts (customers advised to it), association, ci_low, ci_high, share_now (kept among those that
        would have been advised to it at the landmark; nan where nobody is), units_needed (an arm, to find half the
        association), reason. Of activation whose window is over, share_now is of all starters, to landmark + horizon,
        and units_needed counts starters: those that activate by themselves dilute what an experiment can see. Then the
        PRIVATE table, one row a customer: unit, next_step, association (nan for none).
    """
    today = read_today(histories, months, design)
    columns = _list_candidates(frame, design)
    candidates = _judge([_read_candidate(frame, column, tables, design) for column in columns], tables, design)
    place, before = _choose(today, candidates), _choose(frame, candidates)
    counts = np.bincount(place, minlength=len(candidates) + 1).tolist()
    bases = [_count_kept(frame, before == i) for i in range(len(candidates))]
    if WINDOW_OVER in (reasons := [found["reason"] for found in candidates]):
        bases[reasons.index(WINDOW_OVER)] = _count_starters(histories, tables, design)
    planned = zip(candidates, counts, bases, strict=False)  # the last count is of those with nothing to advise
    rows = [_plan(found | {"accounts": count}, base, design, power) for found, count, base in planned]
    rows = sorted(rows, key=lambda row: (-row["accounts"], row["step"]))
    rest = dict.fromkeys(COLUMNS, math.nan) | {"step": NOTHING, "accounts": counts[-1], "reason": NOTHING_LACKS}
    table = pd.DataFrame([*rows, rest], columns=COLUMNS)
    table["reason"] = table["reason"].astype(object).where(table["reason"].notna(), None)
    names = np.array([*(found["step"] for found in candidates), NOTHING], object)
    gains = np.array([*(found["association"] for found in candidates), math.nan])
    return {"next_steps": table}, today[["unit"]].assign(next_step=names[place], association=gains[place])


def _list_candidates(frame, design):
    """Columns of setup steps and milestones, in the order of a customer's way."""
    steps = [f"step_{step.name}" for step in design.steps]
    later = [name for name in design.milestone_names if name != "set_up"]
    return [name for name in (*steps, *later) if name in frame and frame[name].notna().any()]


def _read_candidate(frame, column, tables, design):
    known = _find_known(column, tables, design)
    if known is None:
        outcome, controls = frame["retained"].to_numpy(float), make_controls(frame)
        level = {"confidence_level": design.confidence_level}
        effect = adjusted_difference(frame[column].to_numpy(float), outcome, controls, **level)
        known = (effect.estimate, effect.ci_low, effect.ci_high, effect.p_value, effect.reason)
    named = dict(zip(("association", "ci_low", "ci_high", "p_value", "reason"), known, strict=True))
    return {"column": column, "step": column.removeprefix("step_"), **named}


def _find_known(column, tables, design):
    """The milestone's adjusted difference at the main landmark as the report tells it elsewhere, or None."""
    if (effects := tables.get("landmark_effects")) is None:
        return None
    wanted = {"milestone": column, "outcome": "retained", "adjustment": "covariates", "landmark": design.landmarks[0]}
    found = effects[np.logical_and.reduce([effects[key] == value for key, value in wanted.items()])]
    names = ["difference", "ci_low", "ci_high", "p_value", "reason"]
    return None if found.empty else tuple(found.iloc[0][names])


def _judge(candidates, tables, design):
    """Candidates, each with the reason why nobody is advised to it; None where it is advised."""
    steps = tables.get("steps", pd.DataFrame(columns=["step", "flag"]))
    late = set(steps.loc[steps["flag"] == "order unclear", "step"])  # what goes with them may be activation's
    clear = holm([found["p_value"] for found in candidates]) <= design.alpha
    pairs = zip(candidates, clear, strict=True)
    return [found | {"reason": _find_reason(found, is_clear, late, design)} for found, is_clear in pairs]


def _find_reason(found, is_clear, late, design):
    if found["step"] in late:
        return AFTERWARDS
    if not (is_clear and found["association"] > 0):
        return found["reason"] if isinstance(found["reason"], str) else UNCLEAR
    is_over = found["column"] == "activated" and design.activation.window_days <= design.landmarks[0]
    return WINDOW_OVER if is_over else None


def _choose(frame, candidates):
    """The place of the candidate worth most among those that an account lacks; one past the last for nothing."""
    worth = np.full((len(candidates) + 1, len(frame)), -math.inf)
    for i, found in enumerate(candidates):
        if found["reason"] is None:
            worth[i, _find_lacking(frame, found["column"])] = found["association"]
    return np.where(np.isfinite(worth).any(axis=0), worth.argmax(axis=0), len(candidates))


def _find_lacking(frame, column):
    lacks = (frame[column] == 0).to_numpy()
    return lacks & (frame["set_up"] == 0).to_numpy() if column.startswith("step_") else lacks


def _count_kept(frame, chosen):
    """How many accounts, the share of them that was kept (nan of none), and the share that can be moved: all."""
    return int(chosen.sum()), float(frame.loc[chosen, "retained"].mean()), 1.0


def _count_starters(histories, tables, design):
    """How many started, the share of them kept to landmark + horizon, and the share that did not activate."""
    if design.outcomes.retained.lost:
        naive = compare_naively(histories, design)
        counts, shares = (naive.n_reached, naive.n_not), (naive.effect.treatment_value, naive.effect.control_value)
    else:
        readings = tables.get("readings", pd.DataFrame(columns=["reading"]))
        told = readings[readings["reading"] == "naive"]
        if told.empty:
            return 0, math.nan, math.nan
        row = told.iloc[0]
        counts, shares = (row["n_reached"], row["n_not"]), (row["share_reached"], row["share_not"])
    n = sum(counts)
    return n, float(np.dot(counts, shares)) / n, counts[1] / n


def _plan(found, base, design, power):
    """A candidate's row: the experiment on it, or why there is none."""
    row = {name: found.get(name, math.nan) for name in COLUMNS}
    if found["reason"] not in (None, WINDOW_OVER):
        return row
    n, share, movable = base
    if n == 0 or round(n * min(share, 1 - share)) < design.min_cell:
        return row | {"reason": found["reason"] or (TOO_FEW.format(least=design.min_cell) if n else OVERSHADOWED)}
    row["share_now"] = share
    both = sample_size_proportions(share, movable * found["association"] / 2, power=power, alpha=design.alpha)
    if math.isnan(both):
        return row | {"reason": found["reason"] or TOO_HIGH}
    return row | {"units_needed": float(math.ceil(both / 2))}
