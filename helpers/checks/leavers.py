"""Whether those who left are written down like those who stayed: a fault is what no behaviour explains.

Who leaves does less before, so fewer events are no fault; none at all of accounts that were customers for long, one
plan for all who left, or events that are doubled among those who stayed are.
"""

import datetime as dt
from itertools import chain

import ibis
import pandas as pd

from helpers import schema
from helpers.checks.logs import LEAST_TOLD, TENTH, expect_lost, percent, write_day
from helpers.metrics import Accounts
from helpers.metrics.events import add_days, store
from helpers.records import Check
from helpers.sources import AccountSource
from helpers.sources.opening import fetch

DAY = 86_400
NEARLY_ALL, MANY, HARDLY_ANY, OFTEN = 0.98, 0.5, 0.01, 0.5  # of those who left, or stayed, with one value
PURGED = 0.2  # of those who left late without any event
GRACE, MOST_AFTER = 30, 0.1  # days after a loss, to which a contract may run; the share of losses with later events
CLOSE, NEAR = 10, 60  # seconds: one act logged twice, and what somebody may do twice
DENSER, DOUBLED = 5.0, 0.05  # times as many within the former as within the rest of the latter; share of doubled events
TWICE = 0.45  # of the events of every name close behind another, from which on the log holds each twice
PILED, ALONE = 0.25, 0.1  # of an event's, on one day, and what another day may have of them
LEAST_LACKED = 20.0  # losses before the first one, by when accounts of such ages leave since
FEWER, TAKEN = 0.2, 0.5  # of an event's, from the day on which another name takes so much of what it lacks
MONTH = 28


def check_leavers(source: AccountSource, accounts: Accounts, frame: pd.DataFrame) -> list[Check]:
    """Return whether accounts that left and those that stayed, and their events, are written down alike.

    Parameters
    ----------
    source : AccountSource
    accounts : Accounts, the same data folded
    frame : DataFrame, the accounts of a snapshot as `metrics.read_snapshot` has them; else not read

    Returns
    -------
    list of Check: `leavers_fit`, fails where what is compared is lost or rewritten for those who left, or events are
        doubled for some alone, and warns where days or names of events, or days of losses, are in doubt; `value` is
        the number of doubts, none where there is no doubt.
    """
    design, noun = accounts.design, schema.pluralise(accounts.design.unit)
    if design.is_snapshot:
        grave, doubts = find_rewritten(frame, frame["lost"], list_traits(design), noun)
        grave += [*_find_odd_features(frame, design), *_find_odd_tenure(frame, design)]
    else:
        days = _count_days(source, accounts)
        grave, doubts = _find_doubled(days)
        doubts += [*_find_piled(days), *_find_renamed(source, accounts, days)]
        if design.outcomes.retained.ends:
            lacking, late = _find_silent(source, accounts)
            there = accounts.table["lost_at"] >= add_days(accounts.table["started_at"], design.landmarks[0])
            known = accounts.table.filter(there.fill_null(True))
            left = known["lost_at"].notnull().cast("int32")  # noqa: PD004 (of Ibis)
            rows = fetch(known.select("tier", "size", "seats", left=left), "accounts").to_pandas()
            traits, alike = find_rewritten(rows, rows["left"], list_traits(design), noun)
            grave = [*traits, *lacking, *grave]
            doubts += [*alike, *late, *_find_no_losses(accounts)]
    return report_leavers(grave, doubts)


def report_leavers(grave: list[str], doubts=()) -> list[Check]:
    """Return the check `leavers_fit` of what was found, at most two sentences; none where nothing was."""
    told = [*grave, *doubts]
    status = "fail" if grave else "warn"
    return [Check("leavers_fit", status, float(len(told)), 0.0, " ".join(told[:2]))] if told else []


def list_traits(design) -> dict[str, str]:
    """Return what accounts are compared at equal values of: column of a frame, and the words for it."""
    wanted = {"tier": (design.plan_tier, "plan tier"), "size": (design.size, "size")}
    wanted |= {"seats": (design.usage and design.usage.seats, "number of seats")}
    firsts = {column: name for name, (column, _) in reversed(wanted.items()) if column}
    return {name: wanted[name][1] for name in reversed(firsts.values())}


def find_rewritten(frame: pd.DataFrame, left: pd.Series, traits: dict[str, str], noun: str) -> tuple[list, list]:
    """Return what nearly all who left have alike: what hardly any who stayed has, as it was written anew; and the rest.

    Only some of those who stayed may have it for a reason, as where a yearly contract cannot be left.
    """
    gone, told = left == 1, ([], [])
    if min(gone.sum(), (~gone).sum()) < LEAST_TOLD:
        return told
    for name, words in traits.items():
        values = frame[name].astype(object).where(frame[name].notna(), None)
        shares = values[gone].value_counts(normalize=True, dropna=False)
        same = values.isna() if pd.isna(shares.index[0]) else values == shares.index[0]
        own, rest = same[gone].mean(), same[~gone].mean()
        if (own >= NEARLY_ALL and rest <= OFTEN) or (own >= MANY and rest <= HARDLY_ANY):
            what = f"no {words}" if pd.isna(shares.index[0]) else f"one and the same {words}"
            told[int(rest > HARDLY_ANY)].append(
                f"Of the {noun} that left {percent(own)} have {what}, and {percent(rest)} of the others: it may be "
                "written anew at the loss; give that of the start."
            )
    return told


def _find_odd_features(frame, design):
    """Features that a snapshot no longer knows of those who left: each empty, or all without any."""
    noun, columns = schema.pluralise(design.unit), {f"feature_{one.name}": one for one in design.features}
    empty = pd.DataFrame({name: frame[name].where(frame[name].isna(), 0.0) for name in columns})
    labels = {name: design.label_of(one.name) for name, one in columns.items()}
    told = [
        line for lines in find_rewritten(empty, frame["lost"], labels, noun) for line in lines if "have no " in line
    ]
    if len(columns) > 1 and not told:
        any_ = frame[[*columns]].max(axis=1).where(lambda most: most > 0)
        told = [*chain(*find_rewritten(any_.to_frame("any"), frame["lost"], {"any": "feature at all"}, noun))]
    return told


def _find_odd_tenure(frame, design):
    """Tenures of those who left that all are 0, or as no account that stays has one."""
    time, noun = design.outcomes.retained.time, schema.pluralise(design.unit)
    sides = [frame.loc[frame["lost"] == lost, "lost_days"] for lost in (1, 0)]
    if min(map(len, sides)) < LEAST_TOLD:
        return []
    gone, stay = sides
    if (gone == 0).mean() >= NEARLY_ALL and (stay == 0).mean() <= MANY:
        return [f"Of the {noun} that left {percent((gone == 0).mean())} have a {time} of 0: give that at their loss."]
    if gone.median() > stay.max() > 0:
        return [f"Most {noun} that left have a longer {time} than any that stayed: it may be in another unit."]
    return []


def _list_done(accounts) -> list[str]:
    """The events of the plan that are no losses."""
    lost = accounts.design.outcomes.retained.lost
    return [name for name in schema.list_account_event_names(accounts.design) if name not in lost]


def _count_days(source, accounts) -> pd.DataFrame:
    """Events by name, day and whether their account left by the end: `n`, `close` behind one, `near` behind others."""
    events = source.events.filter(source.events["event"].isin(_list_done(accounts)))
    heard = events.select("unit", "event", "at").inner_join(accounts.table.select("unit", "lost_at"), "unit")
    heard = heard.filter(heard["at"] < ibis.literal(accounts.cutoff))
    seconds = heard["at"].epoch_seconds().floor().cast("int64")
    timed = heard.select("unit", "event", seconds=seconds, left=heard["lost_at"].notnull())  # noqa: PD004 (of Ibis)
    by = {"group_by": ["unit", "event"], "order_by": "seconds"}
    gaps = {f"gap{i}": timed["seconds"] - timed["seconds"].lag(i).over(**by) for i in (1, 2)}
    timed = timed.mutate(**gaps, day=(timed["seconds"].cast("float64") / DAY).floor())
    near = ((timed["gap1"] > CLOSE) & (timed["gap1"] <= NEAR)) | (timed["gap2"] <= NEAR).fill_null(False)
    counts = {"n": timed.count(), "close": (timed["gap1"] <= CLOSE).sum(), "near": near.sum()}
    days = timed.group_by("event", "day", "left").aggregate(**counts, fine=(timed["seconds"] % NEAR != 0).sum())
    days = days.order_by("event", "day", "left").to_pyarrow().to_pandas().fillna(0)
    return days.astype({name: int for name in ("day", "n", "close", "near", "fine")})


def _find_doubled(days):
    """Sentences on events that are doubled for those alone that left or stayed, and on one side of a day alone.

    Such are many close behind another, and hardly any a little later, as none does by acting.
    """
    by_fate, by_day, sums = [], [], days.groupby("event")[["n", "close", "near", "fine"]].sum()
    sums = sums[sums["n"] >= LEAST_TOLD]
    is_twice = (sums["close"] >= TWICE * sums["n"]) & (sums["close"] >= DENSER * sums["near"]) & (sums["fine"] > 0)
    if len(sums) and is_twice.all():
        n, close = sums[["n", "close"]].sum()
        told = f"Of the {n:,} events that the plan reads {percent(close / n)} come within {CLOSE} seconds of one "
        by_day.append(told + "before, whatever they are: the log may hold each twice.")
    for event, rows in days.groupby("event"):
        close, near = rows["close"].sum(), rows["near"].sum()
        if close < LEAST_TOLD or close < DENSER * near or not rows["fine"].any():
            continue
        sums = rows.groupby("left")[["close", "n"]].sum().reindex([True, False])
        shares = (sums["close"] / sums["n"]).tolist()
        if sums["n"].min() >= LEAST_TOLD and _are_apart(shares):
            told = f"Of the events {event} {percent(shares[0])} of those that left, and {percent(shares[1])} of the "
            by_fate.append(f"{told}others, come within {CLOSE} seconds of one before: some are logged twice.")
        n, close = (rows.groupby("day")[name].sum() for name in ("n", "close"))
        parts = [(part.cumsum() - part, part[::-1].cumsum()[::-1]) for part in (close, n)]
        sides = [some / every.where(every >= LEAST_TOLD) for some, every in zip(*parts, strict=True)]
        gap = (sides[1] - sides[0]).abs()
        if gap.notna().any() and _are_apart(shares := sorted(side[gap.idxmax()] for side in sides)):
            told = f"Of the events {event} {percent(shares[1])} come within {CLOSE} seconds of one before on one side "
            told += f"of {write_day(gap.idxmax())}, and {percent(shares[0])} on the other: some are logged twice."
            by_day.append(told)
    return by_fate, by_day


def _are_apart(shares):
    return max(shares) >= DOUBLED and min(shares) <= TENTH * max(shares)


def _find_piled(days):
    """Events of which one day holds many, and any other hardly one: no accounts do that by themselves."""
    for event, rows in days.groupby("event"):
        first, *others = rows.groupby("day")["n"].sum().sort_values(ascending=False).items()
        if others and first[1] >= max(LEAST_TOLD, PILED * rows["n"].sum()) and others[0][1] <= ALONE * first[1]:
            yield (
                f"Of the {rows['n'].sum():,} events {event} {first[1]:,} stand on {write_day(first[0])}, and at most "
                f"{others[0][1]:,} on another day: their days may be those of a load."
            )


def _find_renamed(source, accounts, days):
    """Events that become fewer on the day on which others come that the plan does not name, with nearly their name."""
    done, every = _list_done(accounts), source.events
    names = schema.list_account_event_names(accounts.design)
    told = store(every.select("event").distinct())  # few names, where every event would be compared with each
    told = told.filter(~told["event"].isin(names), ibis.or_(*(told["event"].startswith(name) for name in done)))
    alike = told.to_pyarrow()["event"].to_pylist()
    if not alike:
        return
    others = every.filter(every["event"].isin(alike), every["at"] < ibis.literal(accounts.cutoff))
    day = (others["at"].epoch_seconds().cast("float64") / DAY).floor().cast("int64")
    others = others.group_by("event", day=day).aggregate(n=others.count()).order_by("event", "day")
    for other, rows in others.to_pyarrow().to_pandas().groupby("event"):
        name = max((name for name in done if other.startswith(name)), key=len)
        first, known = rows["day"].min(), days[days["event"] == name].groupby("day")["n"].sum()
        before = known[(known.index >= first - MONTH) & (known.index < first)].sum()
        after, new = (
            n[(n.index >= first) & (n.index < first + MONTH)].sum() for n in (known, rows.set_index("day")["n"])
        )
        gone = before - after
        if before >= LEAST_TOLD and gone >= FEWER * before and TAKEN * gone <= new <= before / TAKEN:
            yield (
                f"From {write_day(first)} on {name} has {percent(gone / before)} fewer events, and {schema.cut(other)} "
                "begins, which the plan does not name: list both under event if they are one."
            )


def _find_silent(source, accounts):
    """Sentences on accounts that left long after their start without any event, and on those with events long after."""
    table, design = accounts.table, accounts.design
    done = source.events.filter(source.events["event"].isin(_list_done(accounts)))
    last = done["at"].max(where=done["at"] < ibis.literal(accounts.cutoff))
    done = done.group_by("unit").aggregate(n=done["at"].count(), at=last)
    met = table.select("unit", "started_at", "lost_at").left_join(done, "unit")
    start, lost, last = (met[name].epoch_seconds() for name in ("started_at", "lost_at", "at"))
    met = met.mutate(n=ibis.least(met["n"].fill_null(0), 4), left=met["lost_at"].notnull())  # noqa: PD004 (of Ibis)
    old = start <= ibis.literal(accounts.cutoff).epoch_seconds() - design.landmarks[0] * DAY
    each = met.mutate(long=lost - start >= design.landmarks[0] * DAY, late=last - lost > GRACE * DAY, old=old)
    rows = each.group_by("left", "long", "n", "late", "old").aggregate(units=each.count()).to_pyarrow().to_pandas()
    left, noun = rows["left"].astype(bool), schema.pluralise(design.unit)
    gone, stay = rows[left & rows["long"].eq(True)].groupby("n")["units"].sum(), rows[~left].groupby("n")["units"].sum()
    none, rest = (side.get(0, 0) / max(1, side.sum()) for side in (gone, stay))
    grave, doubts, few = [], [], gone.reindex([1, 2, 3]).sum()
    if gone.get(0, 0) >= LEAST_TOLD and none >= PURGED and rest <= TENTH * none and few <= TENTH * gone[0]:
        grave.append(
            f"Of the {noun} that left after day {design.landmarks[0]:g} {percent(none)} have no event at all, and "
            f"{percent(rest)} of those that stayed: their events may be deleted, so that both cannot be compared."
        )
    old = rows[rows["old"]].assign(gone=rows["units"] * left, none=rows["n"] == 0)
    old = old.groupby("none")[["units", "gone"]].sum().reindex([True, False], fill_value=0)
    (n, lost), (others, leave) = old.to_numpy().tolist()
    expected = n * leave / max(1, others)
    if expected >= LEAST_LACKED and lost <= TENTH * expected:
        doubts.append(
            f"Of the {n:,} {noun} without any event {lost:,} left, where the others would lead to expect "
            f"{expected:,.0f}: their losses may be missing as well, so that they seem to stay."
        )
    n, late = rows.loc[left, "units"].sum(), rows.loc[rows["late"].eq(True), "units"].sum()
    if late >= LEAST_TOLD and late > MOST_AFTER * n:
        doubts.append(
            f"Of the {noun} that left {percent(late / n)} have events more than {GRACE} days after their loss: its day "
            "may be wrong, or they came back."
        )
    return grave, doubts


def _find_no_losses(accounts):
    """The sentence on losses that begin late, though accounts of such ages leave since: earlier ones may be deleted."""
    table = accounts.table
    start, lost = (
        (table[n].epoch_seconds().cast("float64") / DAY).floor().cast("int64") for n in ("started_at", "lost_at")
    )
    rows = table.group_by(start=start, lost=lost).aggregate(n=table.count()).to_pyarrow().to_pandas()
    known = rows.dropna(subset="lost").sort_values("lost")
    if known["n"].sum() < LEAST_TOLD:
        return
    first, longest = int(known["lost"].iloc[0]), known["lost"].diff().max()
    ages = known.assign(day=known["lost"] - known["start"]).rename(columns={"n": "known"})
    end = (accounts.as_of - dt.date(1970, 1, 1)).days
    found = expect_lost(ages, rows.rename(columns={"start": "day"}), reach=(first, end), end=end, window=(0.0, None))
    if found[1] > LEAST_LACKED and first - rows["start"].min() > 2 * longest + 2:
        noun = schema.pluralise(accounts.design.unit)
        yield (
            f"The first loss stands on {write_day(first)}, before which {found[1]:,.0f} would be expected by when "
            f"{noun} leave since: those that left earlier may be deleted, so that too many seem to stay."
        )
