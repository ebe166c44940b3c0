"""How far customers have come: mature areas, use by size, their state by month, and what each of them lacks."""

import itertools
import math

import numpy as np
import pandas as pd
from scipy.stats import norm, t
from statsmodels.genmod.families import Poisson
from statsmodels.genmod.generalized_linear_model import GLM

from helpers.inference.contrasts import risk_difference
from helpers.inference.decisions import holm
from helpers.inference.planning import sample_size_proportions
from helpers.milestones import contrasts
from helpers.milestones.contrasts import make_controls, name_figures, tell_accounts
from helpers.milestones.thresholds import measure_gap, measure_unseen, split_folds
from helpers.plan import FrameworkPlan
from helpers.survival import wilson_interval

STARTS = (1, 2, 4, 8, 16)
LEAST_ROWS = 100
PER_SEAT, EXPECTED = "per seat", "expected for the size"
SHARES = ("pass_rate", "pass_low", "pass_high", "share_pass", "share_fail", "gap", "gap_low", "gap_high")
FOLDS, MATURE = 10, 2
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


def study_maturity(frame: pd.DataFrame, design, *, seed: int) -> dict[str, pd.DataFrame]:
    """Return the levels of each area, the share kept by mature areas, and every line beside the planned one.

    Parameters
    ----------
    frame : DataFrame, one row an account alive at the landmark and followed to its horizon
        `level_CATEGORY` (0 none, 1 basic, 2 mature), `mature_categories`, `retained`, `tier`, `size`. Rows without a
        known outcome are left out.
    design : FrameworkPlan
    seed : int, of the folds

    Returns
    -------
    dict: none where the plan names no categories; else
        categories: category, none, basic, mature (shares), n, difference (mature or not, adjusted) with ci_low,
        ci_high, p_value, p_value_adjusted (Holm), success_metric (in words), reason.
        mature_counts: mature_categories, n, kept, share, ci_low, ci_high (Wilson).
        maturity_lines: line, share_at_or_above, difference, ci_low, ci_high, planned, loss_gap (log loss out of sample
        of that line less that of the count itself, a slope in place of a line; paired) with loss_gap_low,
        loss_gap_high, reason.
        The first and the last also carry the counts of `count_sides`, which disclosure checks and drops.
    """
    if not design.categories:
        return {}
    frame = frame[frame["retained"].notna()].reset_index(drop=True)
    controls, counts = make_controls(frame), []
    for count in range(len(design.categories) + 1):
        kept = frame.loc[frame["mature_categories"] == count, "retained"]
        n, stayed = len(kept), int(kept.sum())
        counts.append({"mature_categories": count, "n": n, "kept": stayed, **contrasts.read_share(stayed, n, design)})
    rows = []
    for name, category in design.categories.items():
        levels = frame[f"level_{name}"].to_numpy(int)
        labels, least = [design.label_of(name) for name in category.mature], category.mature_at_least
        some = "all of " if least == len(labels) else "any of " if least == 1 else f"at least {least} of "
        named = " and ".join(filter(None, (", ".join(labels[:-1]), labels[-1])))
        watched = f"share that uses {some if len(labels) > 1 else ''}{named}"  # the one figure to watch in an area
        row = {"category": name, "n": len(levels), "success_metric": watched}
        for level, word in enumerate(("none", "basic", "mature")):
            row[word] = float(np.mean(levels == level)) if len(levels) else math.nan
        rows.append(row | tell_accounts(frame, levels >= MATURE, design, controls))
    table = pd.DataFrame(rows)
    return {
        "categories": table.assign(p_value_adjusted=holm(table["p_value"])),
        "mature_counts": pd.DataFrame(counts),
        "maturity_lines": _list_lines(frame, controls, design, np.random.default_rng(seed)),
    }


def _list_lines(frame, controls, design, rng):
    """One row a line; all are judged on the same folds, beside the count itself."""
    areas, kept = frame["mature_categories"].to_numpy(int), frame["retained"].to_numpy(float)
    fold, base = split_folds(len(kept), FOLDS, rng), np.column_stack([np.ones(len(kept)), controls])
    lines = range(1, len(design.categories) + 1)
    columns = [areas, *(areas >= line for line in lines)]
    plain, *losses = (measure_unseen(np.column_stack([base, column]), kept, fold) for column in columns)
    rows = []
    for line, above, loss in zip(lines, columns[1:], losses, strict=True):
        gap = measure_gap(loss, plain, confidence_level=design.confidence_level) if len(loss) > 1 else [math.nan] * 3
        share = float(above.mean()) if len(above) else math.nan
        row = {"line": line, "share_at_or_above": share, "planned": line == design.mature_line}
        rows.append(row | name_figures("loss_gap", gap) | tell_accounts(frame, above, design, controls))
    return pd.DataFrame(rows).drop(columns="p_value")


def study_size(frame: pd.DataFrame, design) -> dict[str, pd.DataFrame]:
    """Return how use grows with seats, and whom the per-seat line passes, by size, beside a line that knows the size.

    With an elasticity below one, use a seat falls as accounts grow, and one line a seat favours small accounts. The
    other line asks for a multiple of what accounts of that many seats use on average, chosen so that it passes the
    same share of all accounts.

    Parameters
    ----------
    frame : DataFrame, one row an account
        `events_in_period` (0 or more), `seats` (at the start of the period; rows without are left out), `usage`,
        `retained`, `tier`.
    design : FrameworkPlan

    Returns
    -------
    dict: none where the plan names no usage; else
        size_elasticity: one row: n, elasticity, ci_low, ci_high, p_one (two-sided, of 1), elasticity_tier with
        tier_low and tier_high (among accounts of one plan tier), reason.
        size_bands: band, n, line, n_pass, pass_rate with pass_low, pass_high (Wilson), share_pass and share_fail (kept
        among those that pass and those that do not), gap (pass - fail, Miettinen and Nurminen) with gap_low, gap_high;
        no rows where the plan gives no line a seat.
    """
    if design.usage is None:
        return {}
    known = (frame["seats"] > 0) & frame["events_in_period"].notna() & frame["retained"].notna()
    rows, level = frame[known].reset_index(drop=True), {"confidence_level": design.confidence_level}
    events, seats = rows["events_in_period"].to_numpy(float), rows["seats"].to_numpy(float)
    row, intercept = measure_elasticity(events, seats, **level)
    tiers = pd.get_dummies(rows["tier"], drop_first=True, dtype=float).to_numpy()
    within, _ = measure_elasticity(events, seats, tiers, **level)
    row |= {f"tier_{end}": within[f"ci_{end}"] for end in ("low", "high")} | {"elasticity_tier": within["elasticity"]}
    bands = []
    if design.usage.at_least is not None and len(rows):
        kept = rows["retained"].to_numpy(float)
        lines = _draw_lines(events, seats, row["elasticity"], intercept, design.usage.at_least)
        for line, passes in lines.items():
            for name, inside in split_bands(seats, least=2 * design.min_cell):
                (x1, n1), (x0, n0) = ((kept[part].sum(), part.sum()) for part in (inside & passes, inside & ~passes))
                gap = risk_difference(x1, n1, x0, n0, **level)
                rate = contrasts.read_share(n1, n1 + n0, design).values()
                told = gap.treatment_value, gap.control_value, gap.estimate, gap.ci_low, gap.ci_high
                bands.append((name, n1 + n0, line, n1, *rate, *told))
    return {
        "size_elasticity": pd.DataFrame([row]),
        "size_bands": pd.DataFrame(bands, columns=["band", "n", "line", "n_pass", *SHARES]),
    }


def measure_elasticity(events, seats, tiers=None, *, confidence_level: float = 0.95) -> tuple[dict, float]:
    """Return the elasticity of the mean number of events to seats: 0.7 means 10 % more seats go with 7 % more events.

    Poisson quasi-likelihood with a log link: right for any distribution whose mean is a power of the seats, with
    accounts that have no events kept. (A line through the logs leaves them out, and is biased by what varies.)

    Parameters
    ----------
    events, seats : array, shape (n,); seats above 0
    tiers : array, shape (n, k), optional, indicators of plan tiers to hold fixed
    confidence_level : float

    Returns
    -------
    tuple: dict of n, elasticity, ci_low, ci_high, p_one (of 1), reason, and the intercept (log of the events at one
        seat). nan with a reason for fewer than 100 accounts (intervals are too narrow then), no events, or one number
        of seats.

    References
    ----------
    Gourieroux, Monfort & Trognon 1984, Econometrica 52: 701-720 (consistent whatever the distribution); Santos Silva &
    Tenreyro 2006, Review of Economics and Statistics 88: 641-658 (why not logs); MacKinnon & White 1985, Journal of
    Econometrics 29: 305-325 (HC3, here with t of n - k degrees of freedom).
    """
    events, logs = np.asarray(events, float), np.log(np.asarray(seats, float))
    row = dict.fromkeys(("elasticity", "ci_low", "ci_high", "p_one"), math.nan) | {"n": len(events), "reason": None}
    x = np.column_stack([np.ones(len(logs)), logs])
    if tiers is not None:  # a tier without any event has no finite slope and joins the level without an indicator
        x = np.column_stack([x, *(tier for tier in np.transpose(tiers) if events[tier > 0].sum() > 0)])
    obstacles = {
        f"fewer than {LEAST_ROWS} accounts with a known number of seats": len(events) < LEAST_ROWS,
        "no account has an event in the period": events.sum() == 0,
        "all accounts have the same number of seats": len(np.unique(logs)) == 1,
        "the plan tier fixes the number of seats": len(x) and np.linalg.matrix_rank(x) < x.shape[1],
    }
    if any(obstacles.values()):
        return row | {"reason": next(reason for reason, is_there in obstacles.items() if is_there)}, math.nan
    fit = GLM(events, x, family=Poisson()).fit(tol=1e-12)
    room = 1 - fit.get_hat_matrix_diag()
    rest = np.where(room > 1e-8, fit.resid_response / np.maximum(room, 1e-8), 0.0)  # 0: fitted by itself alone
    pull = (x @ fit.normalized_cov_params[1]) * rest
    df, slope, error = len(x) - x.shape[1], float(fit.params[1]), float(np.sqrt(pull @ pull))
    reach = float(t.isf((1 - confidence_level) / 2, df)) * error
    row |= {"elasticity": slope, "ci_low": slope - reach, "ci_high": slope + reach}
    return row | {"p_one": float(2 * t.sf(abs(slope - 1) / error, df))}, float(fit.params[0])


def _draw_lines(events, seats, elasticity, intercept, at_least):
    """Who passes each line; the second one's multiple is the one that passes most nearly as many accounts."""
    per_seat = events / seats >= at_least
    if math.isnan(elasticity):
        return {PER_SEAT: per_seat}
    ratio = events / np.exp(intercept + elasticity * np.log(seats))
    levels = np.append(np.unique(ratio), math.inf)
    passing = len(ratio) - np.searchsorted(np.sort(ratio), levels)
    return {PER_SEAT: per_seat, EXPECTED: ratio >= levels[np.abs(passing - per_seat.sum()).argmin()]}


def split_bands(seats, *, least: int) -> list[tuple[str, np.ndarray]]:
    """Return bands of seats (1, 2-3, 4-7, 8-15, 16 and more), small ones joined with the next larger one.

    Parameters
    ----------
    seats : array, shape (n,), above 0
    least : int, accounts that a band must hold; what is left at the top joins the band below it

    Returns
    -------
    list of (name, array of bool), from small to large.

    Examples
    --------
    >>> [(name, int(inside.sum())) for name, inside in split_bands([1, 1, 2, 3, 9, 40], least=2)]
    [('1 seat', 2), ('2-3 seats', 2), ('4+ seats', 2)]
    """
    start = np.maximum(np.searchsorted(STARTS, np.asarray(seats, float), side="right") - 1, 0)
    lows, bands = contrasts.join_small(STARTS, np.bincount(start, minlength=len(STARTS)), least), []
    for low, after in itertools.pairwise([*lows, math.inf]):
        told = f"{low}+" if after == math.inf else f"{low}-{after - 1}" if after - 1 > low else f"{low}"
        name = "1 seat" if told == "1" else f"{told} seats"
        bands.append((name, (np.array(STARTS)[start] >= low) & (np.array(STARTS)[start] < after)))
    return bands


def study_progress(histories: pd.DataFrame, months: pd.DataFrame, design: FrameworkPlan) -> dict[str, pd.DataFrame]:
    """Return the states of customers by month since the start.

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
        Aalen-Johansen share of all accounts, by `estimate_occupancy`. Only states that the plan defines.
    """
    states = ["started", *(name.replace("_", " ") for name in contrasts.list_milestones(design))]
    states += ["dormant"] * ("dormant" in design.outcome_names) + ["gone"] * design.outcomes.retained.ends
    courses = _list_courses(histories, months, design, states)
    both = (courses[:, :-1] >= 0) & (courses[:, 1:] >= 0)
    counts, (row, month) = np.zeros((both.shape[1], len(states), len(states))), np.nonzero(both)
    np.add.at(counts, (month, courses[row, month], courses[row, month + 1]), 1)
    counts = counts[both.any(axis=0)]  # accounts by month, state before and state after, as long as any is followed
    shares, variances = estimate_occupancy(counts)
    followed = np.append(len(courses), counts.sum(axis=(1, 2)))
    varies = variances > 1e-15
    size = np.where(varies, shares * (1 - shares) / np.where(varies, variances, 1), followed[:, None])
    low, high = wilson_interval(shares, np.maximum(size, 1), float(norm.isf(design.alpha / 2)))
    low[0], high[0] = shares[0], shares[0]  # all are "started" at the start, by definition
    month, state = (grid.ravel() for grid in np.indices(shares.shape))
    table = {"month": month, "state": np.array(states, object)[state], "share": shares.ravel()}
    table |= {"ci_low": low.ravel(), "ci_high": high.ravel(), "at_risk": followed[month].astype(int)}
    return {"states": pd.DataFrame(table)}


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
        weight = np.where(total > 0, share**2 / np.maximum(total, 1), 0.0)
        spread += np.diag(weight @ matrix) - (matrix.T * weight) @ matrix
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


def read_today(histories: pd.DataFrame, months: pd.DataFrame, design: FrameworkPlan) -> pd.DataFrame:
    """Return the customers at the end of `as_of` and what each has reached, in the form of a landmark.

    Parameters
    ----------
    histories : DataFrame, one row an account that started, `histories` of `metrics.read_frames`
    months : DataFrame, one row an account and full month, `months` of `metrics.read_frames`
    design : FrameworkPlan

    Returns
    -------
    DataFrame, one row an account without a loss, in the order of histories, index from 0: `unit`, `step_NAME` and the
        milestones that the plan draws a line for (1 reached, 0 not). Not activated is nan once the window is over,
        since nobody can reach that any more. Using is read from the latest full month, at the plan's rate a seat; nan
        before one month is over and without seats.
    """
    customers = histories[histories["lost_day"].isna()].reset_index(drop=True)
    today, reached = customers[["unit"]].copy(), contrasts.list_milestones(design)
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


def study_next_steps(frame, histories, months, tables, design, *, power=0.8) -> tuple[dict, pd.DataFrame]:
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
    histories, months : DataFrame, `histories` and `months` of `metrics.read_frames`
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
    today, effects = read_today(histories, months, design), tables.get("landmark_effects", pd.DataFrame())
    main = {"outcome": "retained", "landmark": design.landmarks[0], "adjustment": contrasts.COVARIATES}
    known = {row["milestone"]: row for row in effects.to_dict("records") if main.items() <= row.items()}
    steps = [f"step_{step.name}" for step in design.steps]
    candidates = []
    for column in [*steps, *(name for name in design.milestone_names if name != "set_up")]:
        if column in frame and frame[column].notna().any():
            found = known.get(column) or tell_accounts(frame, frame[column], design)
            told = {"column": column, "step": column.removeprefix("step_"), "association": found["difference"]}
            candidates.append(told | {name: found[name] for name in ("ci_low", "ci_high", "p_value", "reason")})
    clear = holm([found["p_value"] for found in candidates]) <= design.alpha
    for found, is_clear in zip(candidates, clear, strict=True):
        found["reason"] = _find_reason(found, is_clear, tables, design)
    place, before = _choose(today, candidates), _choose(frame, candidates)
    counts, rows = np.bincount(place, minlength=len(candidates) + 1).tolist(), []
    for i, found in enumerate(candidates):
        lacking = frame.loc[before == i, "retained"]
        base = _count_starters(tables) if found["reason"] == WINDOW_OVER else (len(lacking), lacking.mean(), 1.0)
        rows.append(_plan(found, base, design, power) | {"accounts": counts[i]})
    rows = sorted(rows, key=lambda row: (-row["accounts"], row["step"]))
    rows.append({"step": NOTHING, "accounts": counts[-1], "reason": NOTHING_LACKS, "association": math.nan})
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["reason"] = table["reason"].astype(object).where(table["reason"].notna(), None)
    candidates = pd.DataFrame([*candidates, rows[-1]])
    advised = candidates[["step", "association"]].iloc[place].set_axis(["next_step", "association"], axis=1)
    return {"next_steps": table}, today[["unit"]].join(advised.reset_index(drop=True))


def _find_reason(found, is_clear, tables, design):
    """Why nobody is advised to a candidate; None where it is advised."""
    steps = tables.get("steps", pd.DataFrame(columns=["step", "flag"]))
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
    if "readings" not in tables:
        return 0, math.nan, math.nan
    row = tables["readings"].iloc[0]  # the naive one
    n = row["n_reached"] + row["n_not"]
    kept = row["n_reached"] * row["share_reached"] + row["n_not"] * row["share_not"]
    return n, kept / n if n else math.nan, row["n_not"] / max(n, 1)


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
