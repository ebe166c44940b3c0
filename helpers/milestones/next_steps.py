"""What each account lacks that goes with staying, and how large an experiment on it would have to be."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from helpers.inference import holm, sample_size_proportions
from helpers.milestones.adjusted import adjusted_difference, make_controls

NOTHING = "none"
COLUMNS = ("step", "accounts", "association", "ci_low", "ci_high", "share_now", "units_needed", "reason")
UNCLEAR = "no clear positive difference, so nobody is advised to it"
NOTHING_LACKS = "they lack nothing that has a clear positive difference"
AFTERWARDS = "it mostly follows activation, so it is no step towards it"
TOO_HIGH = "too many of those without it stay already to see half the difference on top"


def study_next_steps(frame, tables, design, *, power=0.8) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Return what accounts lack that goes with staying: counts by step, and privately one row an account.

    An account's next step is, of the milestones that it has not reached, the one with the largest adjusted difference
    in retention among those whose difference is clear and positive (Holm over all candidates). Where the plan has
    setup steps, the steps that an account lacks stand for the milestone set up, as long as it is not reached. These
    are associations: that staying follows from being brought there is what the experiment has to show, planned for half
    the difference, since the largest of several differences promises too much.

    Parameters
    ----------
    frame : DataFrame, one row an account alive at the main landmark, as `read_landmarks` gives it
    tables : dict of DataFrame
        `landmark_effects`, where it is there, gives the differences of milestones, so that a report says one figure;
        `steps` the setup steps that mostly follow activation, to which nobody is advised.
    design : FrameworkPlan
    power : float, of that experiment

    Returns
    -------
    tuple: `next_steps` in a dict, one row a candidate, most accounts first, and then the accounts with nothing to
        advise: step, accounts (advised to it), association, ci_low, ci_high, share_now (kept among those that lack
        it), units_needed (an arm, to find half the association), reason; and the PRIVATE table, one row an account:
        unit, next_step, association (nan for none).
    """
    candidates = [_read_candidate(frame, column, tables, design) for column in _list_candidates(frame, design)]
    candidates = _mark_reversed(candidates, tables)
    usable = _find_usable(candidates, design)
    gains = np.array([found["association"] for found in candidates])
    place = _choose(frame, [found["column"] for found in candidates], np.where(usable, gains, -math.inf))
    counts = np.bincount(place, minlength=len(candidates) + 1).tolist()
    found = list(zip(candidates, counts, usable, strict=False))  # the last count is of those with nothing to advise
    rows = [_plan(candidate, count, is_usable, design, power) for candidate, count, is_usable in found]
    rows = sorted(rows, key=lambda row: (-row["accounts"], row["step"]))
    rest = dict.fromkeys(COLUMNS, math.nan) | {"step": NOTHING, "accounts": counts[-1], "reason": NOTHING_LACKS}
    names = np.array([*(candidate["step"] for candidate in candidates), NOTHING], object)
    told = {"next_step": names[place], "association": np.append(gains, math.nan)[place]}
    table = pd.DataFrame([*rows, rest], columns=COLUMNS)
    table["reason"] = table["reason"].astype(object).where(table["reason"].notna(), None)
    return {"next_steps": table}, frame[["unit"]].assign(**told)


def _find_usable(candidates, design):
    """Whether a candidate's difference is positive, and clear by Holm."""
    clear = holm([found["p_value"] for found in candidates]) <= design.alpha
    return clear & np.array([found["association"] > 0 and found["reason"] != AFTERWARDS for found in candidates], bool)


def _mark_reversed(candidates, tables):
    """Candidates with a reason where a setup step mostly follows activation: what goes with it may be activation's."""
    steps = tables.get("steps", pd.DataFrame(columns=["step", "flag"]))
    late = set(steps.loc[steps["flag"] == "order unclear", "step"])
    return [found | ({"reason": AFTERWARDS} if found["step"] in late else {}) for found in candidates]


def _choose(frame, columns, worth):
    """The place of the candidate worth most among those that an account lacks; one past the last for nothing."""
    lacks = [_find_lacking(frame, column) for column in columns]
    worths = [np.where(lack, value, -math.inf) for lack, value in zip(lacks, worth, strict=True)]
    stack = np.array([*worths, np.full(len(frame), -math.inf)])
    return np.where(np.isfinite(stack).any(axis=0), stack.argmax(axis=0), len(columns))


def _list_candidates(frame, design):
    """Columns of setup steps and milestones, in the order of a customer's way."""
    steps = [f"step_{step.name}" for step in design.steps]
    later = [name for name in design.milestone_names if name != "set_up"]
    return [name for name in (*steps, *later) if name in frame and frame[name].notna().any()]


def _find_lacking(frame, column):
    lacks = (frame[column] == 0).to_numpy()
    return lacks & (frame["set_up"] == 0).to_numpy() if column.startswith("step_") else lacks


def _read_candidate(frame, column, tables, design):
    known = _find_known(column, tables, design)
    if known is None:
        outcome, controls = frame["retained"].to_numpy(float), make_controls(frame)
        level = {"confidence_level": design.confidence_level}
        effect = adjusted_difference(frame[column].to_numpy(float), outcome, controls, **level)
        known = (effect.estimate, effect.ci_low, effect.ci_high, effect.p_value, effect.reason)
    named = dict(zip(("association", "ci_low", "ci_high", "p_value", "reason"), known, strict=True))
    lacking = frame.loc[frame[column] == 0, "retained"]
    return {"column": column, "step": column.removeprefix("step_"), **named, "share_now": float(lacking.mean())}


def _find_known(column, tables, design):
    """The milestone's adjusted difference at the main landmark as the report tells it elsewhere, or None."""
    if (effects := tables.get("landmark_effects")) is None:
        return None
    wanted = {"milestone": column, "outcome": "retained", "adjustment": "covariates", "landmark": design.landmarks[0]}
    found = effects[np.logical_and.reduce([effects[key] == value for key, value in wanted.items()])]
    names = ["difference", "ci_low", "ci_high", "p_value", "reason"]
    return None if found.empty else tuple(found.iloc[0][names])


def _plan(found, count, is_usable, design, power):
    row = {name: found.get(name) for name in COLUMNS} | {"accounts": int(count), "units_needed": math.nan}
    if not is_usable:
        return row | {"reason": found["reason"] if isinstance(found["reason"], str) else UNCLEAR}
    both = sample_size_proportions(found["share_now"], found["association"] / 2, power=power, alpha=design.alpha)
    if math.isnan(both):
        return row | {"reason": TOO_HIGH}
    return row | {"units_needed": float(math.ceil(both / 2)), "reason": None}
