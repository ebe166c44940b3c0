"""Sentences on replies: whether the treatment was delivered, whether the control became slower, and who replied."""

from __future__ import annotations

import math

import pandas as pd

from helpers.records import Results
from helpers.wording.captions import join_words
from helpers.wording.numbers import Style, count_decimals, write_number, write_share

BOTH, FEW = "both", "few sign-ups"  # as `inference.describe_agents` says whom an agent serves
HOUR, DAY = 60, 1_440
SOURCES = {"questions": "questions", "public:bank_calls": "calls to a bank"}
PUBLIC = {
    "public:bank_calls": "Public data: calls to a North American bank in 2003, counted every five minutes. How long "
    "a call takes and how long callers wait is assumed."
}
NO_REPLIES = "Reply times are not known: the data hold no conversations."


def tell_delivery(results: Results) -> str:
    """Return whether the treatment was delivered: half of the first replies, by arm, and before against during.

    Parameters
    ----------
    results : Results
        Table `replies`, as `inference.compare_replies` makes it.

    Returns
    -------
    str: one sentence a treatment, and one a group before.
    """
    replies = results.tables.get("replies")
    if replies is None or replies.empty:
        return NO_REPLIES
    medians = replies[replies["measure"] == "median"]
    return " ".join(
        _tell_arm(row) if row.is_randomised else _tell_before(row) for row in medians.itertuples(index=False)
    )


def name_arrivals(source: str) -> str:
    """Return whose arrivals are staffed ("questions"), as `queues.study_staffing` names the source."""
    return SOURCES.get(source, f"arrivals of {source}")


def tell_source(table: pd.DataFrame) -> str | None:
    """Return the source line of a table about staffing where its arrivals are public; None where they are the run's.

    Parameters
    ----------
    table : DataFrame, with the column `source`
    """
    return PUBLIC.get(table["source"].iloc[0])


def tell_arrivals(results: Results) -> str:
    """Return what a run with public arrivals shows, and that nothing else in it is public; empty for one without.

    Parameters
    ----------
    results : Results
        Table `arrivals`, as `queues.study_staffing` makes it.
    """
    frame = results.tables.get("arrivals")
    if frame is None or frame.empty or tell_source(frame) is None:
        return ""
    what, rows = name_arrivals(frame["source"].iloc[0]), frame.set_index("measure")
    times = write_number(rows.loc["dispersion_hours", "value"], decimals=1)
    missed, even = (write_share(rows.loc["days_short", name], decimals=0) for name in ("value", "poisson"))
    own = "simulated" if results.data.kind == "simulated" else "this study's own"
    return (
        f'Only the arrivals under "What would it take?" are public: {what}. Sign-ups, effects and money are {own}. '
        f"From hour to hour these arrivals vary {times} times as much as chance alone would have it; a team planned "
        f"for their mean misses its target clearly on {missed} of days, and on {even} if only chance were at work."
    )


def ask_question(results: Results) -> str:
    """Return the question of a run: the plan's, or, where arrivals are public, what they are brought in for.

    Parameters
    ----------
    results : Results
        Table `arrivals`, as for `tell_arrivals`.
    """
    frame = results.tables.get("arrivals")
    if frame is None or frame.empty or tell_source(frame) is None:
        return results.question
    within = write_wait(frame["target_minutes"].iloc[0])
    like = name_arrivals(frame["source"].iloc[0])
    return f"How many agents does a reply within {within} take, if questions came like {like}?"


def tell_team(results: Results) -> str:
    """Return whether speed can be told apart from the people who replied: only where agents serve both arms.

    Parameters
    ----------
    results : Results
        Table `agents`, as `inference.describe_agents` makes it.
    """
    agents = results.tables.get("agents")
    if agents is None or agents.empty:
        return "Speed and team cannot be told apart: the data do not say who replied."
    both, n = int((agents["serves"] == BOTH).sum()), len(agents)
    if not both:
        return f"Speed and team cannot be told apart: none of the {n} agents serves both arms."
    serve = "agent serves" if both == 1 else "agents serve"
    return f"Speed and team can be told apart in part: {both} {serve} both arms, of {n} agents."


def write_wait(minutes: float) -> str:
    """Return a wait as a reader says it: seconds, minutes, hours or days.

    Parameters
    ----------
    minutes : float
        nan is "not known".

    Examples
    --------
    >>> write_wait(0.5), write_wait(1.44), write_wait(41.2), write_wait(300), write_wait(10_080)
    ('30 seconds', '1.4 minutes', '41 minutes', '5 hours', '7 days')
    """
    if minutes is None or math.isnan(minutes):
        return "not known"
    sign = "-" if minutes < 0 else ""
    size = abs(minutes)
    for least, unit, word in ((2 * DAY, DAY, "days"), (2 * HOUR, HOUR, "hours"), (1, 1, "minutes"), (0, 1 / 60, "s")):
        if size >= least:
            number = size / unit
            told = f"{number:.1f}".removesuffix(".0") if number < 10 else f"{number:.0f}"
            word = "seconds" if word == "s" else word
            return f"{sign}{told} {word[:-1] if told == '1' else word}"
    return "not known"


def write_range(low: float, high: float, style: Style) -> str:
    """Return an interval as a sentence has it ("between -41 and -38 minutes"); empty where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    decimals = count_decimals(low, high, factor=style.factor)
    first = write_number(low, Style(style.factor, style.prefix, "", style.signed), decimals=decimals)
    return f"between {first} and {write_number(high, style, decimals=decimals)}"


def _tell_arm(row) -> str:
    """One treatment: its median against the control's."""
    if math.isnan(row.treatment_value) or math.isnan(row.control_value):
        return f"Half of the conversations of {row.treatment} or {row.control} were never answered."
    faster = row.treatment_value < row.control_value
    apart = not math.isfinite(row.ci_low) or row.ci_low <= 0 <= row.ci_high
    begin = (
        f"With {row.treatment} replies were {'not clearly faster' if faster else 'no faster'}"
        if apart or not faster
        else f"{row.treatment.capitalize()} support was delivered"
    )
    bounds = write_range(row.ci_low, row.ci_high, Style(1, "", " minutes", True))
    inside = f" (difference {bounds})" if bounds else ""
    return (
        f"{begin}: half of the first replies came within {write_wait(row.treatment_value)}, against "
        f"{write_wait(row.control_value)} with {row.control}{inside}."
    )


def _tell_before(row) -> str:
    """The control during the experiment against a group before it."""
    waits = [write_wait(v) for v in (row.control_value, row.treatment_value)]
    if "not known" in waits:
        return ""
    if not math.isfinite(row.ci_low):
        return (
            f"{row.treatment.capitalize()}: half of its first replies came within {waits[1]}, {row.control} {waits[0]}."
        )
    bounds = write_range(row.ci_low, row.ci_high, Style(1, "", " minutes", True))
    if row.ci_low <= 0 <= row.ci_high:
        return (
            f"{row.treatment.capitalize()} became neither clearly slower nor faster (change {bounds}, not randomised)."
        )
    clear = "slower" if row.ci_low > 0 else "faster"
    return f"{row.treatment.capitalize()} became {clear} than in the group {row.control} ({bounds}, not randomised)."


def list_served(agents: pd.DataFrame) -> str:
    """Return how many agents serve which arm, as a list in a sentence.

    Parameters
    ----------
    agents : DataFrame, with the column `serves`
    """
    counts = agents["serves"].value_counts(sort=False)
    return join_words([f"{n} {name}" for name, n in counts.items()])
