"""Where customers stand: their state by month, what each has reached today, what it lacks that goes with staying."""

import math

import numpy as np
import pandas as pd
from scipy.stats import norm

from helpers.inference import holm, sample_size_proportions
from helpers.milestones.adjusted import compare_accounts, make_controls
from helpers.milestones.landmarks import COVARIATES, list_milestones
from helpers.plan import FrameworkPlan
from helpers.survival import wilson_interval

MONTH = 30  # days of a month of tenure
REACHED = {"set up": "day_set_up", "activated": "day_activated", "mature": "day_mature"}
NOTHING = "none"
COLUMNS = ("step", "accounts", "association", "ci_low", "ci_high", "share_now", "units_needed", "reason")
UNCLEAR = "no clear positive difference, so nobody is advised to it"
NOTHING_LACKS = "they lack nothing within their reach that has a clear positive difference"
AFTERWARDS = "it mostly follows activation, so it is no step towards it"
WINDOW_OVER = "its window is over on the landmark: an experiment starts with new accounts, at their start"
OVERSHADOWED = "whoever lacked it on the landmark also lacked what has a larger difference: none shows how many stay"
TOO_FEW = "fewer than {least} of those without it were kept, or were lost: too few to plan an experiment with"
TOO_HIGH = "too many of those without it stay already to see half the difference on top"


def study_progress(histories: pd.DataFrame, months: pd.DataFrame, design: FrameworkPlan) -> dict[str, pd.DataFrame]:
    """Return the states of customers by month since the start, and the moves between them.

    An account has one state at the end of each month of 30 days, the first that holds of: gone, dormant (no activity
    for the plan's number of days), mature, using (the month's usage a seat at its start reaches the plan's line),
    activated, set up, started. Month 0 is the start itself, at which all are "started".

    Parameters
    ----------
    histories : DataFrame, one row an account
        `unit`, `followed_days`, `lost_day`, `day_set_up`, `day_activated`, `day_mature` (nan never).
    months : DataFrame, one row an account and full month: `unit`, `month` (0 first), `events`, `seats`, `active`
    design : FrameworkPlan

    Returns
    -------
    dict: `states` (month, state, share, ci_low, ci_high, at_risk: accounts followed to that month, gone or not), the
        Aalen-Johansen share of all accounts, by `estimate_occupancy`; `flows` (from_state, to_state, months, moves,
        share: of the months that began in from_state), staying included. Only states that the plan defines.
    """
    known = {"dormant": "dormant" in design.outcome_names, "gone": bool(design.outcomes.retained.lost)}
    words = [name.replace("_", " ") for name in list_milestones(design)]
    states = ["started", *words, *(state for state, is_there in known.items() if is_there)]
    courses = _list_courses(histories, months, design, states)
    counts = _count_moves(courses, len(states))
    shares, variances = estimate_occupancy(counts)
    followed = np.append(len(courses), counts.sum(axis=(1, 2)))
    varies = variances > 1e-15
    size = np.where(varies, shares * (1 - shares) / np.where(varies, variances, 1), followed[:, None])
    low, high = wilson_interval(shares, np.maximum(size, 1), float(norm.isf(design.alpha / 2)))
    low[0], high[0] = shares[0], shares[0]  # all are "started" at the start, by definition
    month, state = (grid.ravel() for grid in np.indices(shares.shape))
    table = {"month": month, "state": np.array(states, object)[state], "share": shares.ravel()}
    table |= {"ci_low": low.ravel(), "ci_high": high.ravel(), "at_risk": followed[month].astype(int)}
    moves, flows = counts.sum(axis=0), []
    for i, j in zip(*np.nonzero(moves), strict=True):
        if states[i] != "gone":
            row = {"from_state": states[i], "to_state": states[j], "months": int(moves[i].sum())}
            flows.append(row | {"moves": int(moves[i, j]), "share": moves[i, j] / moves[i].sum()})
    flows = pd.DataFrame(flows, columns=["from_state", "to_state", "months", "moves", "share"])
    return {"states": pd.DataFrame(table), "flows": flows}


def estimate_occupancy(counts) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of accounts in each state and its variance, month by month, when all begin in the first state.

    The product of the monthly matrices of moves (Aalen-Johansen in discrete time), right-censoring allowed. The
    variance is Greenwood's for matrices: in each month the moves from a state are multinomial given who was in it.
    Without censoring the shares are plain ones and the variance is share x (1 - share) / n.

    Parameters
    ----------
    counts : array, shape (m, k, k), accounts by month, state before and state after

    Returns
    -------
    tuple of array, shape (m + 1, k): shares and their variances.

    References
    ----------
    Aalen & Johansen 1978; Andersen, Borgan, Gill & Keiding 1993, 4.4.20, in discrete time; Datta & Satten 2001,
    Statistics & Probability Letters 55: 403-411: the shares hold without the Markov property, the variance needs it.
    """
    counts = np.asarray(counts, float)
    size = counts.shape[1]
    share, spread = np.eye(size)[0], np.zeros((size, size))
    shares, variances = [share], [np.zeros(size)]
    for moved in counts:
        total = moved.sum(axis=1)
        matrix = np.where(total[:, None] > 0, moved / np.maximum(total, 1)[:, None], np.eye(size))
        spread = matrix.T @ spread @ matrix
        for state in np.flatnonzero((total > 0) & (share > 0)):
            chances = matrix[state]
            spread += share[state] ** 2 / total[state] * (np.diag(chances) - np.outer(chances, chances))
        share = share @ matrix
        shares.append(share)
        variances.append(np.maximum(np.diag(spread), 0))
    return np.array(shares), np.array(variances)


def _list_courses(histories, months, design, states) -> np.ndarray:
    """State numbers, one row an account, one column a month since the start; -1 where nobody knows."""
    row = pd.Index(histories["unit"]).get_indexer(months["unit"])
    month, found = months["month"].to_numpy(int), np.zeros(len(months), int)
    for number, state in enumerate(states):
        if state in REACHED:
            found[histories[REACHED[state]].to_numpy(float)[row] < (month + 1.0) * MONTH] = number
        elif state == "using":
            found[_is_using(months, design) == 1] = number
        elif state == "dormant":
            found[months["active"].to_numpy(float) == 0] = number
    seen = np.bincount(row, minlength=len(histories))
    last = np.floor(histories["followed_days"].to_numpy(float) / MONTH).astype(int)
    courses = np.full((len(histories), 1 + max(last.max(initial=0), seen.max(initial=0))), -1)
    courses[:, 0] = 0
    courses[row, month + 1] = found
    if "gone" in states:
        after, is_lost = np.arange(courses.shape[1]), histories["lost_day"].notna().to_numpy()
        courses[is_lost[:, None] & (after > seen[:, None]) & (after <= last[:, None])] = states.index("gone")
    return courses


def _is_using(months, design):
    """Whether a month's use reaches the plan's rate a seat, 1 or 0; nan without seats or a count."""
    events, seats = (months[name].to_numpy(float) for name in ("events", "seats"))
    is_using = events >= design.usage.monthly_line * seats
    return np.where((seats > 0) & ~np.isnan(events), is_using, np.nan)


def _count_moves(courses, size) -> np.ndarray:
    """Accounts by month, state before and state after, as long as somebody is followed."""
    counts = []
    for before, after in zip(courses.T[:-1], courses.T[1:], strict=True):
        both = (before >= 0) & (after >= 0)
        if both.any():
            moves = np.bincount(before[both] * size + after[both], minlength=size * size)
            counts.append(moves.reshape(size, size))
    return np.array(counts).reshape(-1, size, size)


def read_today(histories: pd.DataFrame, months: pd.DataFrame, design: FrameworkPlan) -> pd.DataFrame:
    """Return the customers at the end of `as_of` and what each has reached, in the form of a landmark.

    Parameters
    ----------
    histories : DataFrame, one row an account that started, as `metrics.read_histories` gives it
    months : DataFrame, one row an account and full month, as `metrics.read_months` gives it
    design : FrameworkPlan

    Returns
    -------
    DataFrame, one row an account without a loss, in the order of histories, index from 0: `unit`, `step_NAME` and the
        milestones that the plan draws a line for (1 reached, 0 not). Not activated is nan once the window is over,
        since nobody can reach that any more. Using is read from the latest full month, at the plan's rate a seat; nan
        before one month is over and without seats.
    """
    customers = histories[histories["lost_day"].isna()].reset_index(drop=True)
    today, reached = customers[["unit"]].copy(), list_milestones(design)
    days = {f"step_{step.name}": f"step_day_{step.name}" for step in design.steps}
    for name, day in (days | {name: f"day_{name}" for name in reached if name != "using"}).items():
        today[name] = customers[day].notna().astype(float)
    if "activated" in reached:
        is_open = customers["followed_days"] < design.activation.window_days
        today["activated"] = today["activated"].where(is_open | (today["activated"] == 1))
    if "using" in reached:
        latest = months.sort_values("month").drop_duplicates("unit", keep="last").set_index("unit")
        today["using"] = _is_using(latest.reindex(today["unit"]), design)
    return today


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
    today, columns = read_today(histories, months, design), _list_candidates(frame, design)
    candidates = [_read_candidate(frame, column, tables, design) for column in columns]
    clear = holm([found["p_value"] for found in candidates]) <= design.alpha
    for found, is_clear in zip(candidates, clear, strict=True):
        found["reason"] = _find_reason(found, is_clear, tables, design)
    place, before = _choose(today, candidates), _choose(frame, candidates)
    counts, rows = np.bincount(place, minlength=len(candidates) + 1).tolist(), []
    for i, found in enumerate(candidates):
        lacking = frame.loc[before == i, "retained"]
        base = len(lacking), float(lacking.mean()), 1.0
        if found["reason"] == WINDOW_OVER:
            base = _count_starters(tables)
        rows.append(_plan(found, base, design, power) | {"accounts": counts[i]})
    rows = sorted(rows, key=lambda row: (-row["accounts"], row["step"]))
    rest = {"step": NOTHING, "accounts": counts[-1], "reason": NOTHING_LACKS}
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
    """Its adjusted difference at the main landmark: of a milestone as the report tells it elsewhere."""
    known = tables.get("landmark_effects", pd.DataFrame(columns=["milestone"]))
    known = known[known["milestone"] == column]
    if len(known):
        is_main = (known["landmark"] == design.landmarks[0]) & (known["adjustment"] == COVARIATES)
        found = known[is_main & (known["outcome"] == "retained")].iloc[0]
    else:
        found = compare_accounts(frame[column], frame["retained"], make_controls(frame), design)
    told = {name: found[name] for name in ("ci_low", "ci_high", "p_value", "reason")}
    return {"column": column, "step": column.removeprefix("step_"), "association": found["difference"], **told}


def _find_reason(found, is_clear, tables, design):
    """Why nobody is advised to a candidate; None where it is advised."""
    if "steps" in tables:
        steps = tables["steps"]
        if found["step"] in set(steps.loc[steps["flag"] == "order unclear", "step"]):
            return AFTERWARDS  # what goes with it may be activation's
    if not (is_clear and found["association"] > 0):
        return found["reason"] if isinstance(found["reason"], str) else UNCLEAR
    is_over = found["column"] == "activated" and design.activation.window_days <= design.landmarks[0]
    return WINDOW_OVER if is_over else None


def _choose(frame, candidates):
    """The place of the candidate worth most among those that an account lacks; one past the last for nothing."""
    worth = np.full((len(candidates) + 1, len(frame)), -math.inf)
    for i, found in enumerate(candidates):
        lacks = (frame[found["column"]] == 0).to_numpy()
        if found["column"].startswith("step_"):
            lacks = lacks & (frame["set_up"] == 0).to_numpy()
        if found["reason"] is None:
            worth[i, lacks] = found["association"]
    return np.where(np.isfinite(worth).any(axis=0), worth.argmax(axis=0), len(candidates))


def _count_starters(tables):
    """How many started, the share of them kept to landmark + horizon, and the share that did not activate."""
    told = tables.get("readings", pd.DataFrame(columns=["reading"]))
    told = told[told["reading"] == "naive"]
    if told.empty or not told.iloc[0]["n_reached"] + told.iloc[0]["n_not"]:
        return 0, math.nan, math.nan
    row = told.iloc[0]
    n = row["n_reached"] + row["n_not"]
    kept = row["n_reached"] * row["share_reached"] + row["n_not"] * row["share_not"]
    return n, kept / n, row["n_not"] / n


def _plan(found, base, design, power):
    """A candidate's row: the experiment on it, or why there is none."""
    if found["reason"] not in (None, WINDOW_OVER):
        return found
    n, share, movable = base
    if n == 0 or round(n * min(share, 1 - share)) < design.min_cell:
        return found | {"reason": found["reason"] or (TOO_FEW.format(least=design.min_cell) if n else OVERSHADOWED)}
    row = found | {"share_now": share}
    both = sample_size_proportions(share, movable * found["association"] / 2, power=power, alpha=design.alpha)
    if math.isnan(both):
        return row | {"reason": found["reason"] or TOO_HIGH}
    return row | {"units_needed": float(math.ceil(both / 2))}
