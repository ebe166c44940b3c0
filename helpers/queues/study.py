"""The staffing part of a study in one call: agents by the hour, their check, the roll-out, how arrivals vary."""

from __future__ import annotations

import pandas as pd

from helpers import examples
from helpers.queues.arrivals import band_arrivals, count_arrivals, describe_arrivals, rate_hours, slot_arrivals
from helpers.queues.poisson_rule import miss_of_poisson
from helpers.queues.roll_out import LIVE, plan_roll_out, rate_questions
from helpers.queues.staffing import check_staffing, plan_staffing

QUESTIONS, WEEKS_A_YEAR = "questions", 52
EDGE_DAYS = 42  # sign-ups ask for four weeks, stragglers for two more: their tail is growth and decline, not unrest
QUESTION_MINUTES, CALL_MINUTES = 60, 5  # intervals in which questions and public calls are counted


def study_staffing(
    conversations,
    *,
    arrivals,
    units_in_arms,
    control,
    treatment,
    units_per_week,
    handle_minutes,
    patience_minutes,
    patience_hours,
    target_minutes,
    promise_minutes,
    target_share,
    seed,
    edge_days=EDGE_DAYS,
    min_cell=1,
) -> dict[str, pd.DataFrame]:
    """Return every table about staffing that a study shows.

    Parameters
    ----------
    conversations : DataFrame or None
        One row a question: unit, variant, hour (0 to 167 of the UTC week), asked_at (UTC). None where there are no
        events: then there is no roll-out, and, unless arrivals are public, nothing at all.
    arrivals : str
        `questions`: the hours are staffed for all sign-ups with live support; `public:bank_calls`: for those calls.
    units_in_arms : mapping, arm -> number of units
    control, treatment : str
    units_per_week : float
        Sign-ups a week once all are served in the same way.
    handle_minutes, patience_minutes, patience_hours : float
        Mean handling time; mean time after which a customer without an answer leaves, who waits for live support, and
        who has the standard promise.
    target_minutes, promise_minutes : float
        The replies that live support and the standard promise aim at.
    target_share : float
        Of all who ask, answered within either.
    seed : int
    edge_days : int
        Days at either end of the questions that are not counted for how unevenly they arrive: there they grow with the
        first sign-ups and run out with the last. All days count where fewer than three times as many are there.
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
    Refused: figures outside their range; arrivals of an unknown name.
    """
    if arrivals == QUESTIONS and (conversations is None or conversations.empty):
        return {}
    plan = {"handle_minutes": handle_minutes, "patience_minutes": patience_minutes, "target_minutes": target_minutes}
    arms = {"units_in_arms": units_in_arms, "control": control, "treatment": treatment}
    if arrivals == QUESTIONS:
        counts = count_arrivals(conversations, minutes=QUESTION_MINUTES, **_find_steady(conversations, edge_days))
        n_units = units_in_arms.get(treatment, 0)
        size = {"n_units": n_units, "units_per_week": units_per_week, "min_cell": min_cell}
        rates = rate_questions(conversations, variant=treatment, **size)
    else:
        counts = slot_arrivals(examples.read_arrivals(arrivals).units, CALL_MINUTES)
        rates = rate_hours(counts)
    staffing = plan_staffing(rates, **plan, target_share=target_share)
    roll_out = pd.DataFrame()
    if conversations is not None:
        way = {"units_per_week": units_per_week, "promise_minutes": promise_minutes, "target_share": target_share}
        way |= {"promise_patience_minutes": 60 * patience_hours, "min_cell": min_cell}
        roll_out = plan_roll_out(conversations, **arms, **way, **plan)
    said = {"target_minutes": float(target_minutes), "target_share": target_share, "source": arrivals}
    uneven, bands = pd.DataFrame(), pd.DataFrame()
    if counts["slot"].duplicated().any():  # else each interval of the week was seen only once
        missed = miss_of_poisson(counts, **plan, target_share=target_share, seed=seed)
        uneven = pd.concat([describe_arrivals(counts), missed], ignore_index=True).assign(**said)
        bands = _hide_bands(band_arrivals(counts), min_cell)
    return {
        "staffing": staffing.assign(arrivals_per_hour=staffing["arrivals_per_hour"].round(1), **said),
        "staffing_check": check_staffing(staffing, **plan, seed=seed),
        "roll_out": roll_out,
        "arrivals": uneven,
        "arrivals_bands": bands,
    }


def _hide_bands(bands, least):
    """Bands without the figures of hours in which fewer than `least` questions were asked; empty where none is left."""
    if bands.empty:
        return bands
    is_shown = (bands["mean"] * bands["days"]).round() >= least
    figures = bands.columns.drop(["time", "hour", "days"])
    return bands.assign(**bands[figures].where(is_shown)) if is_shown.any() else bands.iloc[:0]


def _find_steady(conversations, edge_days):
    first, last = (getattr(conversations["asked_at"], end)() for end in ("min", "max"))
    edge = pd.Timedelta(days=edge_days)
    return {"since": first + edge, "until": last - edge} if last - first >= 3 * edge else {}


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
