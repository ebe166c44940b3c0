"""What real-time support takes for everybody, from the queue: a team of twice the questions is not twice the team."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers import metrics
from helpers.queues.staffing import plan_staffing
from helpers.records import Refused
from helpers.simulate.queue import HOURS_A_WEEK

STANDARD, TEST = "standard promise for all", "the test: live for half, standard for half"
DOUBLED, LIVE = "live for all, as twice the test's live team", "live for all, from the queue"


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


def plan_roll_out(
    conversations,
    *,
    units_in_arms,
    control,
    treatment,
    units_per_week,
    handle_minutes,
    patience_minutes,
    promise_patience_minutes,
    target_minutes,
    promise_minutes,
    target_share,
    min_cell=1,
) -> pd.DataFrame:
    """Return the agent hours a week of four ways to serve the same sign-ups.

    Every hour of the week is staffed by Erlang A for its own questions; the arm with live support asks as often as it
    did in the test. Nothing waits for a quieter hour and other customers' questions count nowhere, so that the standard
    promise takes more hours here than a team that spreads its work: the extra hours are then a lower limit. In the
    test the two halves have teams of their own.

    Parameters
    ----------
    conversations : DataFrame
        One row a question: variant, hour.
    units_in_arms : mapping, arm -> number of units
    control, treatment : str
        The arms with the standard promise and with live support.
    units_per_week : float
        All who sign up in a week.
    handle_minutes : float, mean
    patience_minutes, promise_patience_minutes : float, means
        Until somebody who waits for live support, or for the standard promise, leaves.
    target_minutes, promise_minutes : float
        The reply that live support and the standard promise aim at.
    target_share : float
        Of all who ask, answered within either.
    min_cell : int, as for `rate_questions`

    Returns
    -------
    DataFrame: scenario, agent_hours_per_week, extra_hours_per_week (beyond the standard promise for all),
        conversations_per_week; four rows, the third doubles the hours of the test's live team, as if halves could be
        added. (The test's extra hours are another thing: they pay for a second team of the standard promise too.)
    """

    def staff(arm, share, minutes, patience):
        size = {"n_units": units_in_arms.get(arm, 0), "units_per_week": units_per_week * share}
        rates = rate_questions(conversations, variant=arm, min_cell=min_cell, **size)
        staffing = plan_staffing(
            rates,
            handle_minutes=handle_minutes,
            patience_minutes=patience,
            target_minutes=minutes,
            target_share=target_share,
        )
        return np.array([staffing["agents_erlang_a"].sum(), rates.sum()], dtype=float)

    promise, target = (promise_minutes, promise_patience_minutes), (target_minutes, patience_minutes)
    standard, live = staff(control, 1, *promise), staff(treatment, 1, *target)
    live_half = staff(treatment, 0.5, *target)
    test = staff(control, 0.5, *promise) + live_half
    scenarios = {STANDARD: standard, TEST: test, DOUBLED: 2 * live_half, LIVE: live}
    return pd.DataFrame(
        {
            "scenario": list(scenarios),
            "agent_hours_per_week": [hours for hours, _ in scenarios.values()],
            "extra_hours_per_week": [hours - standard[0] for hours, _ in scenarios.values()],
            "conversations_per_week": [asked for _, asked in scenarios.values()],
        }
    )
