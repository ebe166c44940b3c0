"""The staffing part of a study: agents by the hour, their check by a simulated queue, and what all take for a year."""

import numpy as np
import pandas as pd

from helpers import examples, metrics
from helpers.queues.arrivals import (
    add_means,
    band_arrivals,
    count_arrivals,
    describe_arrivals,
    estimate_ratio,
    miss_of_poisson,
    rate_hours,
    slot_arrivals,
)
from helpers.queues.erlang import agents_needed, answer_by_erlang_a, answer_by_erlang_c
from helpers.records import Refused
from helpers.simulate.support_world import HOURS_A_WEEK, SECONDS_AN_HOUR, serve

QUESTIONS, WEEKS_A_YEAR = "questions", 52
CALL_MINUTES = 5  # intervals in which public calls are counted
CUSTOMERS = 60_000  # simulated, about: enough for a share within half a point
FEWEST_WEEKS, MOST_WEEKS = 2, 400
STANDARD, TEST = "standard promise for all", "the test: live for half, standard for half"
DOUBLED, LIVE = "live for all, as twice the test's live team", "live for all, from the queue"


def plan_staffing(arrivals, promise) -> pd.DataFrame:
    """Return the fewest agents who hold a reply target, one row an hour of the week.

    Each hour is staffed for its own rate, as if it lasted for ever (stationary, hour by hour); `check_staffing`
    measures what that leaves out. Agents are people at the desk: breaks and training come on top.

    Parameters
    ----------
    arrivals : array, shape (168,), questions an hour, Monday 00:00 first
    promise : Promise

    Returns
    -------
    DataFrame: hour, arrivals_per_hour, agents_erlang_a (customers give up), agents_erlang_c (they wait for ever), and
        by Erlang A with that many agents share_within, share_lost, wait_minutes, occupancy; where nothing arrives
        there are no agents and these four are nan.

    References
    ----------
    Green, Kolesar & Soares 2001 (stationary independent period by period); see `helpers.queues.erlang`.
    """
    rates = np.asarray(arrivals, float).tolist()
    staffing = pd.DataFrame({"hour": range(HOURS_A_WEEK), "arrivals_per_hour": rates})
    staffing["agents_erlang_a"] = [agents_needed(rate, promise) for rate in rates]
    staffing["agents_erlang_c"] = [agents_needed(rate, promise, answer=answer_by_erlang_c) for rate in rates]
    pairs = zip(rates, staffing["agents_erlang_a"].tolist(), strict=True)
    found = pd.DataFrame([vars(answer_by_erlang_a(*pair, promise)) for pair in pairs])
    return staffing.join(found.where(staffing["arrivals_per_hour"] > 0))


def check_staffing(staffing, promise, *, seed) -> pd.DataFrame:
    """Return what a simulated queue gives with the planned agents, beside the formula, one row a block of hours.

    The week is simulated many times, one after the other: Poisson questions at the planned rates, exponential
    handling times and patience, agents who come and go with the hours and finish what they began. So queues carry
    over from hour to hour, which the formula ignores. Both are models: neither is a measured share.

    Parameters
    ----------
    staffing : DataFrame
        As `plan_staffing` returns it.
    promise : Promise, as planned with
    seed : int

    Returns
    -------
    DataFrame: block ("weekday 08-12"), arrivals_per_week, agents (mean), share_formula, share_within, ci_low, ci_high
        (95 % Monte-Carlo interval, with days as replicates), lost_formula, share_lost; blocks without questions are
        left out.
    """
    rates, agents = staffing["arrivals_per_hour"].to_numpy(), staffing["agents_erlang_a"].to_numpy()
    weeks, rng = int(np.clip(CUSTOMERS / max(rates.sum(), 1e-9), FEWEST_WEEKS, MOST_WEEKS)), np.random.default_rng(seed)
    counts = rng.poisson(np.tile(rates, weeks))
    hour = np.repeat(np.arange(counts.size), counts)
    arrived = np.sort(SECONDS_AN_HOUR * (hour + rng.random(hour.size)))
    handling, patience = (
        rng.exponential(60 * mean, hour.size) for mean in (promise.handle_minutes, promise.patience_minutes)
    )
    duty = np.arange(agents.max(initial=0))[:, None] < agents
    wait, blocks = serve(arrived, handling, patience, len(duty), duty).wait, metrics.name_hours(range(HOURS_A_WEEK))
    drawn = pd.DataFrame({"block": blocks[hour % HOURS_A_WEEK], "day": hour // 24, "lost": np.isnan(wait)})
    drawn["within"], rows = wait <= 60 * promise.target_minutes, []
    for name, planned in staffing[rates > 0].groupby(blocks[rates > 0], sort=False):
        replies, asked = drawn[drawn["block"] == name], planned["arrivals_per_hour"]
        if replies.empty:
            continue
        share = estimate_ratio(replies["within"], 1.0, replies["day"], least=0.0, most=1.0)
        row = {"block": name, "arrivals_per_week": asked.sum(), "agents": planned["agents_erlang_a"].mean()}
        row |= {"share_formula": (planned["share_within"] * asked).sum() / asked.sum(), "share_within": share["value"]}
        row |= {"ci_low": share["ci_low"], "ci_high": share["ci_high"]}
        row |= {"lost_formula": (planned["share_lost"] * asked).sum() / asked.sum()}
        rows.append({**row, "share_lost": replies["lost"].mean()})
    return pd.DataFrame(rows)


def rate_questions(conversations, *, variant, n_units, units_per_week, min_cell=1) -> np.ndarray:
    """Return the questions that sign-ups of one arm ask, by hour of the week, once so many sign up every week.

    All questions that the data holds count: in the long run each week brings as many as one week's sign-ups ever ask.

    Parameters
    ----------
    conversations : DataFrame
        One row a question: variant, hour (0 to 167, of the UTC week, Monday 00:00 first), unit (where min_cell counts).
    variant : str
    n_units : int
        Units in the arm, with or without a question.
    units_per_week : float
        Units that will be served in that way.
    min_cell : int
        Where fewer units ask in an hour, all hours of its block of four have their mean; so do small blocks together.

    Returns
    -------
    array, shape (168,), questions an hour.

    Raises
    ------
    Refused: an arm without units.
    """
    if n_units < 1:
        raise Refused(f"staffing: no unit is in the arm {variant}; name the arms as the plan does")
    asked = conversations[conversations["variant"] == variant]
    counts = np.bincount(asked["hour"].to_numpy(int), minlength=HOURS_A_WEEK).astype(float)
    return (_pool_small(counts, asked, min_cell) if min_cell > 1 else counts) / n_units * units_per_week


def _pool_small(counts, asked, least):
    """Counts by hour in which no figure is of fewer than `least` units: small hours have the mean of their block."""
    blocks = metrics.name_hours(range(HOURS_A_WEEK))
    pools = np.array([f"{hour}" for hour in range(HOURS_A_WEEK)], object)

    def count_units():
        return asked.groupby(pools[asked["hour"].to_numpy(int)])["unit"].nunique().sort_values(kind="stable")

    units = count_units()
    few = np.isin(pools, units.index[units < least])
    pools = np.where(np.isin(blocks, blocks[few]), blocks, pools)
    units = count_units()
    while len(units) > 1 and units.iloc[0] < least:
        pools[np.isin(pools, units.index[:2])] = units.index[1]
        units = count_units()
    return pd.Series(counts).groupby(pools).transform("mean").to_numpy()


def plan_roll_out(conversations, promises, *, units_in_arms, units_per_week, min_cell=1) -> pd.DataFrame:
    """Return the agent hours a week of four ways to serve the same sign-ups.

    Every hour of the week is staffed by Erlang A for its own questions; the arm with live support asks as often as it
    did in the test. Nothing waits for a quieter hour and other customers' questions count nowhere, so that the standard
    promise takes more hours here than a team that spreads its work: the extra hours are then a lower limit. In the
    test the two halves have teams of their own.

    Parameters
    ----------
    conversations : DataFrame
        One row a question: variant, hour.
    promises : dict of Promise by arm: the standard promise first, then live support
    units_in_arms : mapping, arm -> number of units
    units_per_week : float
        All who sign up in a week.
    min_cell : int, as for `rate_questions`

    Returns
    -------
    DataFrame: scenario, agent_hours_per_week, extra_hours_per_week (beyond the standard promise for all),
        conversations_per_week; four rows, the third doubles the hours of the test's live team, as if halves could be
        added. (The test's extra hours are another thing: they pay for a second team of the standard promise too.)
    """

    def staff(arm, share):
        size = {"n_units": units_in_arms.get(arm, 0), "units_per_week": units_per_week * share}
        rates = rate_questions(conversations, variant=arm, min_cell=min_cell, **size)
        return np.array([sum(agents_needed(rate, promises[arm]) for rate in rates.tolist()), rates.sum()], dtype=float)

    control, treatment = promises
    live_half = staff(treatment, 0.5)
    scenarios = {
        STANDARD: staff(control, 1),
        TEST: staff(control, 0.5) + live_half,
        DOUBLED: 2 * live_half,
        LIVE: staff(treatment, 1),
    }
    names = ["agent_hours_per_week", "conversations_per_week"]
    found = pd.DataFrame(list(scenarios.values()), columns=names).assign(scenario=list(scenarios))
    return found.assign(extra_hours_per_week=found[names[0]] - found[names[0]][0])


def study_staffing(
    conversations, promises, *, arrivals, units_in_arms, units_per_week, seed, min_cell=1
) -> dict[str, pd.DataFrame]:
    """Return every table about staffing that a study shows.

    Parameters
    ----------
    conversations : DataFrame or None
        One row a question: unit, variant, hour (0 to 167 of the UTC week), asked_at (UTC). None where there are no
        events: then there is no roll-out, and, unless arrivals are public, nothing at all.
    promises : dict of Promise by arm: the standard promise first, then live support
    arrivals : str
        `questions`: the hours are staffed for all sign-ups with live support; `public:bank_calls`: for those calls.
    units_in_arms : mapping, arm -> number of units
    units_per_week : float
        Sign-ups a week once all are served in the same way.
    seed : int
    min_cell : int
        Hours of the week in which fewer units ask share a rate, as `rate_questions` says; hours of the day with fewer
        questions lose their band.

    Returns
    -------
    dict: `staffing` (an hour of the week), `staffing_check` (a block of hours), `roll_out` (a way to serve all),
        `arrivals` (a measure), `arrivals_bands` (an hour of the day), both empty where each hour of the week was
        seen only once; see data/README.md.

    Raises
    ------
    Refused: an arm without units; arrivals of an unknown name.
    """
    if arrivals == QUESTIONS and (conversations is None or conversations.empty):
        return {}
    live, size = list(promises)[1], {"units_per_week": units_per_week, "min_cell": min_cell}
    if arrivals == QUESTIONS:
        counts = count_arrivals(conversations["asked_at"])
        rates = rate_questions(conversations, variant=live, n_units=units_in_arms.get(live, 0), **size)
    else:
        counts = slot_arrivals(examples.read_arrivals(arrivals).units, CALL_MINUTES)
        rates = rate_hours(counts)
    staffing, roll_out = plan_staffing(rates, promises[live]), pd.DataFrame()
    if conversations is not None:
        roll_out = plan_roll_out(conversations, promises, units_in_arms=units_in_arms, **size)
    said = {"target_minutes": float(promises[live].target_minutes), "target_share": promises[live].target_share}
    uneven, bands = pd.DataFrame(), pd.DataFrame()
    if len(add_means(counts)):  # else each interval of the week was seen only once
        parts = [describe_arrivals(counts), miss_of_poisson(counts, promises[live], seed=seed)]
        uneven = pd.concat(parts, ignore_index=True).assign(**said, source=arrivals)
        bands = band_arrivals(counts, min_cell=min_cell)
    rounded = staffing["arrivals_per_hour"].round(1)
    return {
        "staffing": staffing.assign(arrivals_per_hour=rounded, **said, source=arrivals),
        "staffing_check": check_staffing(staffing, promises[live], seed=seed),
        "roll_out": roll_out,
        "arrivals": uneven,
        "arrivals_bands": bands,
    }


def find_extra_hours(tables, *, given=None) -> float | None:
    """Return the agent hours a year that live support for all adds to the standard promise for all.

    Parameters
    ----------
    tables : dict, as `study_staffing` returns it
    given : float, optional, hours a year
        What the researcher knows better.

    Returns
    -------
    float: 52 weeks of the roll-out from the queue; None without one and without `given`.
    """
    roll_out = tables.get("roll_out", pd.DataFrame())
    if given is not None or roll_out.empty:
        return given
    return WEEKS_A_YEAR * float(roll_out.set_index("scenario").loc[LIVE, "extra_hours_per_week"])
