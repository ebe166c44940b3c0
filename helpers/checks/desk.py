"""The trust checks of a help desk: are clocks, ratings, renewals and the log such that its service can be read off.

A customer whose contract ends renews or leaves, a reply comes before what it solves, and a desk that works has tickets.
"""

from collections.abc import Iterator

import pandas as pd

from helpers import schema
from helpers.checks.leavers import find_rewritten, list_traits, report_leavers
from helpers.checks.logs import LOST_FAILS, LOST_WARNS, describe_hole, find_quiet, percent
from helpers.checks.trust import report_duplicates
from helpers.checks.values import find_apart, find_automatic
from helpers.metrics.events import STALE_DAYS, measure_silence
from helpers.metrics.tickets import TICKET_EVENTS, find_dated, read_days
from helpers.records import Check

FEW, DAY = 100, pd.Timedelta(days=1)
USUAL, LATE, MOST_OVERDUE = 0.98, 1.25, 0.05  # of contracts end by then; times that; of the customers
JUMP, MOST_JUMPS = 10, 0.02  # times, as of another currency or unit; of the amounts
NEVER = {"first_reply or reply": "replied", "solved": "solved"}
NO_TICKET = "No event opens a ticket, so nothing is told of tickets; name their events as data/README.md lists them."
ONE_SIDED = {0: " None of them left; outcomes.retained.lost of the plan names the event of a loss."}
ONE_SIDED |= {1: " All of them left; events of those who stay are called renewed."}
FITS = "Tickets are answered and solved after they were opened, in that order."
CLOCKS = " Above 10 % the clocks of tickets and replies differ, and nothing can be timed; give both in UTC."


def check_desk(source, customers, renewals, tickets, frame, design, *, window) -> tuple[Check, ...]:
    """Return the trust checks of a help desk's data; one that fails, unacknowledged, withholds the answer.

    Parameters
    ----------
    source : sources.AccountSource
    customers, renewals, tickets : DataFrame, as `metrics.tickets` reads them, tickets judged
    frame : DataFrame, the customers whose renewals are compared, as `service.read_frame` has them
    design : FrameworkPlan
    window : float, days before a renewal whose tickets are read
    """
    n, noun = len(frame), schema.pluralise(design.unit)
    told = f"The renewals of {n:,} customers can be compared{'' if n >= FEW else ': too few for small differences'}."
    odd = ONE_SIDED.get(frame["left"].mean(), "") if n >= FEW else ""
    found = [Check("enough_accounts", "warn" if n < FEW or odd else "pass", float(n), FEW, told + odd)]
    found.append(report_duplicates(next(k for step, k, _ in source.info.steps if step == "exact duplicates dropped")))
    worst, said, doubts = 0.0, "", [*_find_gaps(source, design), *_doubt_renewals(customers, renewals, noun)]
    if len(tickets):
        worst, said = _time_tickets(tickets)
        doubts = [*_doubt_tickets(tickets), *_find_late_begin(tickets, frame, window), *doubts]
    elif source.info.kind == "yours":
        doubts.insert(0, NO_TICKET)
    if told := [*filter(None, [said]), *doubts]:
        found.append(Check("events_fit", "fail" if worst > LOST_FAILS else "warn", worst, LOST_WARNS, " ".join(told)))
    elif len(tickets):
        found.append(Check("events_fit", "pass", worst, LOST_WARNS, FITS))
    if len(tickets) and n:
        traits = {name: words for name, words in list_traits(design).items() if name in frame}
        found += report_leavers(*find_rewritten(frame, frame["left"], traits, noun))
    return tuple(found)


def _time_tickets(tickets):
    """The largest share of tickets whose times are in an order that no desk has, and the sentences on it."""
    shares = {
        "Tickets answered or solved before they were opened": (tickets[["replied", "solved"]].min(axis=1) < 0).mean(),
        "Tickets first answered after they were solved": (tickets["replied"] > tickets["solved"]).mean(),
    }
    worst = float(max(shares.values()))
    told = [f"{what}: {percent(share)}." for what, share in shares.items() if share > LOST_WARNS]
    return worst, " ".join(told) + (CLOCKS if worst > LOST_FAILS else "")


def _doubt_tickets(tickets) -> Iterator[str]:
    """Sentences on what makes a desk look other than it is: automatic replies, another scale, what the log lacks."""
    if dated := " and ".join(find_dated(tickets)):
        yield f"Nearly all {dated} stand at one time of day, as dates alone do, so how soon replies come is not told."
    elif told := find_automatic(86_400 * tickets["replied"]):
        yield told
    opened, n = tickets["opened"], len(tickets)
    end = opened.iloc[0] + pd.Timedelta(days=tickets["end"].iloc[0])
    gap, is_stale = measure_silence(n, opened.min(), opened.max(), end)
    if is_stale:
        yield f"No ticket was opened in the last {gap:.0f} days: the log may stop early, and an earlier as_of be right."
    if codes := find_codes(tickets["score"]):
        yield f"Ratings of {codes} may be codes for none, so who was satisfied is not told; leave them out."
    elif tickets["score"].notna().any() and tickets["satisfied"].isna().all():
        yield "Ratings lie on one side of satisfied_from, so who was satisfied is not told; set it on their scale."
    for event, name in NEVER.items():
        if tickets[name].isna().all():
            yield f"No event is {event}, so what rests on them is not told."


def find_codes(scores: pd.Series) -> str:
    """Return, as text, ratings that stand apart from all others, as codes for none do; "" where none or few do."""
    known = scores.dropna().astype(float)
    whole = known[known % 1 == 0].value_counts().to_dict()
    told = find_apart(whole, is_broken=len(whole) < known.nunique()) if len(known) >= FEW and len(whole) > 1 else None
    return " and ".join(f"{code:g}" for code in told[0]) if told else ""


def _find_gaps(source, design):
    """Sentences on months that hold hardly an event of a ticket, and on renewals or losses that end early.

    As contracts may all end in one season, months without these are none; that nobody renewed tells of them.
    """
    days, end = read_days(source, design)
    holes = (describe_hole(days[days["event"] == event], f"event {event}", STALE_DAYS) for event in TICKET_EVENTS)
    yield from list(filter(None, holes))[:1]
    for event, held in days[days["event"].isin(["left", "renewed"])].groupby("event"):
        first, last = pd.to_datetime(held["day"].iloc[[0, -1]], unit="D")
        gap, is_stale = measure_silence(len(held), first, last, end)  # days: many may end on one
        if is_stale and gap > find_quiet(held)[0]:
            yield f"No event {event} stands in the last {gap:.0f} days: the log of it may stop early."


def _find_late_begin(tickets, frame, window):
    """The sentence on a log of tickets that begins after the time whose service is compared."""
    opened = tickets["opened"]
    begun = (frame["at"] - window * DAY).clip(lower=frame["started_at"]).quantile(MOST_OVERDUE)
    _, lacks = measure_silence(len(tickets), opened.min(), opened.max(), opened.max() + (opened.min() - begun))
    if lacks:
        yield (
            f"The log of tickets begins on {opened.min():%Y-%m-%d}, after the time whose service is compared: contacts "
            "before it are unread, and count as none."
        )


def _doubt_renewals(customers, renewals, noun):
    """Sentences on renewals and losses that seem to lack, and on amounts of several currencies or units."""
    overdue, jumps = measure_overdue(customers, renewals), measure_jumps(customers, renewals)
    if overdue > MOST_OVERDUE:
        yield (
            f"{percent(overdue)} of the {noun} neither renewed nor left when contracts usually end: renewals or losses "
            "may be missing, and nothing is told in money."
        )
    if jumps > MOST_JUMPS:
        yield (
            f"{percent(jumps)} of the amounts are ten times the one before or more, or a tenth of it or less, as those "
            "of several currencies or units are: nothing is told in money; give all in one."
        )


def _list_terms(customers, renewals):
    """Starts and what came due after them, in order, each with the time and the amount before it of its customer."""
    starts = customers[["unit", "started_at", "amount"]].rename(columns={"started_at": "at"})
    rows = pd.concat([starts, renewals[renewals["unit"].isin(starts["unit"])]]).sort_values(
        ["unit", "at"], kind="stable"
    )
    before = rows.groupby("unit")[["at", "amount"]].shift()
    return rows.assign(days=(rows["at"] - before["at"]) / DAY, times=rows["amount"] / before["amount"])


def measure_overdue(customers: pd.DataFrame, renewals: pd.DataFrame) -> float:
    """Return the share of customers who neither renewed nor left when that was due.

    It is due by the time to which nearly all contracts run, and a quarter more; 0 where fewer than a hundred ended.

    Parameters
    ----------
    customers, renewals : DataFrame, as `metrics.tickets` reads them
    """
    rows = _list_terms(customers, renewals)
    if rows["days"].count() < FEW:
        return 0.0
    open_ = customers[customers["left"].isna()].set_index("unit")
    last = rows.groupby("unit")["at"].max().reindex(open_.index)
    since = open_["end"] - (last - open_["started_at"]) / DAY
    return float((since > LATE * rows["days"].quantile(USUAL)).sum() / len(customers))


def measure_jumps(customers: pd.DataFrame, renewals: pd.DataFrame) -> float:
    """Return the share of amounts that are ten times the one before of their customer, or a tenth of it, and beyond."""
    times = _list_terms(customers, renewals)["times"].dropna()
    return float(((times >= JUMP) | (times <= 1 / JUMP)).mean()) if len(times) else 0.0
