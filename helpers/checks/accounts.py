"""The trust checks of accounts: followed long enough, complete, fresh, and with a known order of time."""

import datetime as dt
import math

import ibis
import numpy as np
import pandas as pd

from helpers import metrics, schema
from helpers.checks.leavers import check_leavers
from helpers.checks.logs import LEAST_TOLD, TENTH, describe_hole, percent
from helpers.checks.trust import report_duplicates
from helpers.metrics import Accounts
from helpers.metrics.events import STALE_DAYS, ask, list_recurring, measure_silence
from helpers.records import NAN, Check
from helpers.sources import AccountSource

DAY, YEAR = 86_400, dt.timedelta(days=365)
HEAP = 0.1  # of the accounts, from which on their common start is told; where as many do not share it
FEW = 100  # accounts, below which hardly any difference can be seen
MOST_SHORT = 0.5  # of the accounts may be too young before the check warns
MOST_EARLY = 0.01  # of the events may come before their account's start
LEAST_EXPECTED = 20  # accounts with a feature, by chance alone, among those that lack another: none at all is no chance
MOST_EARLIER = 0.05  # of the accounts may have passed the landmark before an event is first heard
SURE = 12.0  # of them that would be expected to have it by then
MOST_MISSING = 0.05  # of the accounts may lack what comparisons are adjusted for


def check_accounts(source: AccountSource, accounts: Accounts, *, landmarks=None) -> list[Check]:
    """Return every trust check of a framework's data, each a sentence for the reader.

    A failed `leavers_fit` withholds the answer, as `milestones.run_framework` reads it.

    Parameters
    ----------
    source : AccountSource
    accounts : Accounts
        The same data folded.
    landmarks : dict of float to DataFrame, optional
        What `metrics.read_landmarks` gave, or for a snapshot {0: what `metrics.read_snapshot` gave}; read when left
        out.

    Returns
    -------
    list of Check: enough_accounts, landmark_in_data, landmarks_in_data (of later ones), follow_up, duplicates,
        events_occur, events_before_start, events_fit, missing_size, missing_plan_tier, missing_seats, leavers_fit,
        events_begun, needs, time_order, freshness: those that the plan gives cause for. `value` is a count
        (enough_accounts, duplicates, events_occur, leavers_fit, needs, time_order), days (landmark_in_data and its
        like, freshness) or a share.
    """
    design = accounts.design
    if landmarks is None:
        landmarks = {0: metrics.read_snapshot(accounts)} if design.is_snapshot else metrics.read_landmarks(accounts)
    frame = next(iter(landmarks.values()))
    n, (status, doubt) = len(frame), ("pass", "")
    if n < FEW:
        status, doubt = "warn", f"; below {FEW} only very large differences show"
    if n < 2 * design.min_cell:
        status, doubt = "fail", ", too few for any comparison"
    where = "" if design.is_snapshot else f" at day {design.landmarks[0]:g}"
    said = f"{schema.say(n, design.unit)} can be compared{where}{doubt}."
    found = [Check("enough_accounts", status, float(n), FEW, said)]
    if not design.is_snapshot:
        found += _check_follow_up(source, accounts, design)
    found.append(report_duplicates(next(n for step, n, _ in source.info.steps if step == "exact duplicates dropped")))
    heard = [] if source.events is None else _hear(source, accounts)
    if source.events is not None:
        share = sum(row["early"] or 0 for row in heard) / max(1, sum(row["n"] for row in heard))
        doubt = "; the start may be written down too late, or in another time zone"
        words = ("Events before their account's start, not used", "", doubt)
        found += [*_check_events(heard, design), _grade("events_before_start", share, MOST_EARLY, *words)]
        found.append(_check_reach(source, accounts, heard, design))
    found += [*_check_missing(frame, design), *_check_begun(source, frame, heard, design)]
    found += [*check_leavers(source, accounts, frame), *(_check_needs(frame, design) if design.is_snapshot else ())]
    untimed = [design.label_of(feature.name) for feature in design.features if not feature.is_timed]
    if untimed:
        names = ", ".join(untimed[:3]) + (f" and {len(untimed) - 3} more" if len(untimed) > 3 else "")
        said = f"Time order unknown, so that what they go with may have come first: {names}."
        found.append(Check("time_order", "warn", float(len(untimed)), 0.0, said))
    return found if source.events is None else [*found, _check_freshness(heard, accounts, design)]


def _grade(name, share, most, head, tail, doubt):
    """A check that a share is at most so large: where it is not, the sentence ends with the doubt that follows."""
    status = "not tested" if math.isnan(share) else "pass" if share <= most else "warn"
    told = "an unknown share" if math.isnan(share) else "under 0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %"
    return Check(name, status, share, most, f"{head}: {told}{tail}{doubt if status == 'warn' else ''}.")


def _check_follow_up(source, accounts, design):
    """How long the first account is followed, and what share of the accounts is followed to the end of the horizon."""
    needed, known = design.landmarks[0] + design.horizon_days, source.accounts
    if accounts.reach.began:
        known = known.filter(known["started_at"] >= ibis.literal(dt.datetime.combine(accounts.reach.began, dt.time())))
    starts, last = known.started_at, ibis.literal(accounts.cutoff - dt.timedelta(days=needed))
    row = ask(known, {"first": starts.min(), "long": (starts <= last).sum(), "n": starts.count()})
    days = (accounts.cutoff - row["first"]) / dt.timedelta(days=1)
    told = f"{days:,.0f} days are known of the oldest {design.unit}, and {needed:g} are needed (landmark and horizon)."
    yield Check("landmark_in_data", "pass" if days >= needed else "fail", days, needed, told)
    if beyond := [day for day in design.landmarks[1:] if day + design.horizon_days > days >= needed]:
        needed_then, which = min(beyond) + design.horizon_days, " and day ".join(f"{day:g}" for day in beyond)
        told = f"Of day {which} nothing can be told: {days:,.0f} days are known of the oldest {design.unit}, and "
        told += f"{needed_then:g} are needed; name earlier days."
        yield Check("landmarks_in_data", "warn", days, needed_then, told)
    share, doubt = 1 - (row["long"] or 0) / row["n"], "; the answer is about the older ones only"
    head = f"Not yet followed to day {needed:g}, left out"
    yield _grade("follow_up", share, MOST_SHORT, head, f" of the {schema.pluralise(design.unit)}", doubt)


def _hear(source, accounts):
    """One row an event's name, of known accounts: how many, how many before the start, first and last time by as_of."""
    joined = source.events.inner_join(source.accounts.select("unit", "started_at"), "unit")
    at, known = joined["at"], joined["at"] < ibis.literal(accounts.cutoff)
    start = joined["started_at"].truncate("D") if accounts.dated else joined["started_at"]
    told = {"n": joined.count(), "early": (at < start).sum(), "in_time": known.sum()}
    is_far = at >= ibis.literal(accounts.cutoff + YEAR)
    told |= {"first": at.min(where=known), "last": at.max(where=known)}
    told |= {"soon": (~known & ~is_far).sum(), "far": is_far.sum()}
    return joined.group_by("event").aggregate(**told).order_by("event").to_pyarrow().to_pylist()


def _check_events(heard, design):
    """Whether every event without which a main question cannot be answered occurs at all; nothing where all do."""
    present, retained = {row["event"] for row in heard}, design.outcomes.retained
    asked = {"is activated": design.activation, "uses it": design.usage}
    asked = {what: of.event for what, of in asked.items() if of}
    asked |= {"counts as lost": retained.lost, "counts as kept": retained.event}
    asked |= {"counts as alive": design.alive.event} if design.alive else {}
    absent = {what: " or ".join(names) for what, names in asked.items() if names and not present & set(names)}
    said = [f"No event {names} occurs, so that nobody {what}" for what, names in absent.items()]
    return [Check("events_occur", "fail", float(len(said)), 0.0, f"{'; '.join(said)}.")] if said else []


def _check_reach(source, accounts, heard, design):
    """Whether the log of events is there from the first account's start to the last day; what it leaves unread."""
    reach, told = accounts.reach, []
    early, late = (schema.say(n, design.unit) for n in (reach.n_early, reach.n_late))
    if reach.began:
        told.append(f"{early} started before the events begin on {reach.began}: nobody can read their first days")
    if reach.ended:
        where = f"the events end on {reach.ended}, before the last day asked for"
        told.append(f"{where}: {late} cannot be followed to the end")
    share, said = (reach.n_early + reach.n_late) / max(1, accounts.n_loaded), "; and ".join(told)
    said = [f"{said[0].upper()}{said[1:]}; left out."] if told else []
    said += [*_find_holes(source, accounts), *_find_far(heard, accounts), *_find_heap(source, design)]
    if said:
        return Check("events_fit", "warn", share, 0.0, " ".join(said))
    return Check("events_fit", "pass", 0.0, 0.0, f"Events reach from the first {design.unit}'s start to the end.")


def _find_holes(source, accounts):
    """Yield a sentence on days on which the log holds hardly an event, or of one that decides, unlike before and after.

    Losses, which may come once a year, are judged by age (`leavers`).
    """
    joined = source.events.inner_join(source.accounts.select("unit", "started_at"), "unit")
    counts = (joined["at"] >= joined["started_at"]) & (joined["at"] < ibis.literal(accounts.cutoff))
    events = joined.filter(counts).select("event", day=joined["at"].date())
    days = events.group_by("event", "day").aggregate(n=events.count()).order_by("day").to_pyarrow().to_pandas()
    days["day"] = days["day"].astype("datetime64[s]").astype("int64") // DAY
    for what in ["", *accounts.design.counted_events]:
        held = (days[days["event"] == what] if what else days).groupby("day", as_index=False)["n"].sum()
        if told := describe_hole(held, f"event {what}".strip(), STALE_DAYS):
            yield told
            return


def _find_far(heard, accounts):
    """Yield a sentence on events of the plan years after the last day, with hardly any sooner: no as_of cuts so."""
    planned = schema.list_account_event_names(accounts.design)
    far = [row for row in heard if row["event"] in planned and row["soon"] < TENTH * row["far"]]
    if far:
        n, names = sum(row["far"] for row in far), " and ".join(row["event"] for row in far[:3])
        yield (
            f"A year and more after the last day, and hardly sooner, come {schema.say(n, 'event')} of {names}: these "
            "dates may be wrong."
        )


def _find_heap(source, design):
    """Yield a sentence on many accounts that start at one moment, where hardly any share another."""
    starts = source.accounts.group_by("started_at").aggregate(n=source.accounts.count())
    rows = starts.order_by(ibis.desc("n"), "started_at").limit(2).to_pyarrow().to_pylist()
    most, n = rows[0]["n"], source.info.units
    if len(rows) == 2 and HEAP * n <= most <= (1 - HEAP) * n and rows[1]["n"] <= TENTH * most and most >= LEAST_TOLD:
        yield (
            f"Of the {schema.pluralise(design.unit)} {percent(most / n)} start at one moment, "
            f"{rows[0]['started_at']:%Y-%m-%d %H:%M}, as they do that were moved or written down later: what they did "
            "before is unread; give their own start, or leave them out."
        )


def _check_begun(source, frame, heard, design):
    """Whether an event is heard so late that many accounts could not have done it: it may not have been there yet."""
    found, planned = [], set(schema.list_account_event_names(design)).difference(design.outcomes.retained.lost)
    for row in (row for row in heard if row["event"] in planned and row["first"]):
        first = pd.Timestamp(row["first"], tz="UTC")
        is_early = frame["started_at"] + pd.Timedelta(days=design.landmarks[0]) <= first
        if MOST_EARLIER < is_early.mean() < 1:
            who = source.events.filter(source.events["event"] == row["event"]).semi_join(source.accounts, "unit")
            units = ask(who, {"units": who["unit"].nunique()})["units"]
            if is_early.sum() * units / max(1, len(frame) - is_early.sum()) > SURE:
                found.append((float(is_early.mean()), row["event"], first.date()))
    if found:
        share, name, day = max(found)
        told = f"{100 * share:.1f} % of the {schema.pluralise(design.unit)} passed day {design.landmarks[0]:g}"
        said = f"{name} is first heard on {day}, before which {told}: if it was not there yet, they count as without "
        said += "it for that alone."
        yield Check("events_begun", "warn", share, MOST_EARLIER, said)


def _check_missing(frame, design):
    asked = [("size", "size", design.size), ("tier", "plan tier", design.plan_tier)]
    asked.append(("seats", "number of seats", design.usage))
    tail, doubt = f" of the {schema.pluralise(design.unit)} that are compared", "; the adjustment for it is weaker"
    for column, words, _ in (one for one in asked if one[2]):
        share = float((frame[column].isna() | (frame[column] == "unknown")).mean())
        name = f"missing_{'plan_' if column == 'tier' else ''}{column}"
        yield _grade(name, share, MOST_MISSING, f"Without a known {words}", tail, doubt)


def _check_needs(frame, design):
    """Whether nobody has a feature who lacks another, or lacks both of two, where chance alone would let many have it.

    Those who lack them may be unable to have it, so that they compare with nobody.
    """
    names = [feature.name for feature in design.features]
    used = frame[[f"feature_{name}" for name in names]].to_numpy(float)
    lacks, doubts = (used == 0).astype(float), []
    n_lacking = lacks.T @ lacks  # of accounts, who lack each two
    for at, feature in enumerate(design.features):
        if "needs" in feature.model_fields_set:
            continue
        has = used[:, at] == 1
        is_empty = (lacks[has].T @ lacks[has] == 0) & (n_lacking * has.mean() >= LEAST_EXPECTED)
        is_empty[at] = is_empty[:, at] = False
        pairs = sorted(np.argwhere(np.triu(is_empty)).tolist(), key=lambda pair: pair[0] != pair[1])
        doubts += [(feature.name, [names[i] for i in dict.fromkeys(pair)]) for pair in pairs[:1]]
    for name, needed in doubts[:1]:
        more = f", and so of {schema.say(len(doubts) - 1, 'further feature')}" if doubts[1:] else ""
        told = (
            f"No {design.unit} without {' or '.join(map(design.label_of, needed))} has {design.label_of(name)}{more}: "
            f"where it cannot be had without, write needs: [{', '.join(needed)}], so that it is compared among those "
            "that could have it; needs: [] says that all could."
        )
        yield Check("needs", "warn", float(len(doubts)), 0.0, told)


def _check_freshness(heard, accounts, design):
    """Whether a kind of event that comes again and again has stopped before the data's last day."""
    rows = [row for row in heard if row["event"] in list_recurring(design) and row["in_time"]]
    told = ("in_time", "first", "last")
    silent = {row["event"]: measure_silence(*(row[name] for name in told), accounts.cutoff) for row in rows}
    longest, most = max((gap for gap, _ in silent.values()), default=NAN), STALE_DAYS
    stale = {name: gap for name, (gap, is_stale) in silent.items() if is_stale}
    if not silent:
        return Check("freshness", "not tested", NAN, most, "No event that comes again and again occurs.")
    if not stale:
        days = math.ceil(longest)
        last = "on the last day" if days <= 1 else f"in the last {days} days"
        said = f"Every kind of event that comes again and again was heard {last} of the data."
        return Check("freshness", "pass", longest, most, said)
    worst = max(stale, key=stale.get)
    said = (
        f"No event {worst} was heard in the last {stale[worst]:.0f} days, though it was frequent before; the data may "
    )
    return Check("freshness", "warn", stale[worst], most, f"{said}be incomplete, and an earlier as_of right.")
