"""Whether those who left are written down like those who stayed: a fault is what no behaviour explains.

Who leaves does less before, so fewer events are no fault; none at all of accounts that were customers for long, or one
plan for all who left are.
"""

import datetime as dt
from itertools import chain

import ibis
import pandas as pd

from helpers import schema
from helpers.checks.logs import LEAST_TOLD, TENTH, expect_lost, find_quiet, percent, write_day
from helpers.metrics import Accounts
from helpers.metrics.events import add_days
from helpers.records import Check
from helpers.sources import AccountSource
from helpers.sources.opening import fetch

DAY = 86_400
NEARLY_ALL, MANY, HARDLY_ANY, OFTEN = 0.98, 0.5, 0.01, 0.5  # of those who left, or stayed, with one value
PURGED = 0.2  # of those who left late without any event
GRACE, MOST_AFTER = 30, 0.1  # days after a loss, to which a contract may run; the share of losses with later events
CLOSE, TWICE = 10, 0.35  # seconds to which a gap is told; share of one gap from which on a log stands twice
TWICE_WITHIN = 43_200  # seconds, to which a copy may come later: what is done once a day is no copy
DEAD = 0.1  # of the accounts, from which on those that never do anything and never leave decide the answer
SOME = 5_000  # accounts whose events tell whether the log stands twice
LEAST_LACKED = 20.0  # losses on days that hold none, by when accounts of such ages leave on others


def check_leavers(source: AccountSource, accounts: Accounts, frame: pd.DataFrame) -> list[Check]:
    """Return whether accounts that left and those that stayed, and their events, are written down alike.

    Parameters
    ----------
    source : AccountSource
    accounts : Accounts, the same data folded
    frame : DataFrame, the accounts of a snapshot as `metrics.read_snapshot` has them; else not read

    Returns
    -------
    list of Check: `leavers_fit`, fails where what is compared is lost or rewritten for those who left, and warns where
        days of losses are in doubt; `value` is the number of doubts, none where there is no doubt.
    """
    design, noun = accounts.design, schema.pluralise(accounts.design.unit)
    if design.is_snapshot:
        grave, doubts = find_rewritten(frame, frame["lost"], list_traits(design), noun)
        return report_leavers([*grave, *_find_odd_features(frame, design)], doubts)
    if not design.outcomes.retained.ends:
        return []
    lacking, late = _find_silent(source, accounts)
    there = accounts.table["lost_at"] >= add_days(accounts.table["started_at"], design.landmarks[0])
    known = accounts.table.filter(there.fill_null(True))
    left = known["lost_at"].notnull().cast("int32")  # noqa: PD004 (of Ibis)
    rows = fetch(known.select("tier", "size", "seats", left=left), "accounts").to_pandas()
    grave, alike = find_rewritten(rows, rows["left"], list_traits(design), noun)
    return report_leavers(
        [*grave, *lacking], [*alike, *late, *_find_no_losses(accounts), *_find_twice(source, accounts)]
    )


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


def _list_done(accounts) -> list[str]:
    """The events of the plan that are no losses."""
    lost = accounts.design.outcomes.retained.lost
    return [name for name in schema.list_account_event_names(accounts.design) if name not in lost]


def _find_twice(source, accounts):
    """A sentence where the log holds each event twice: in some accounts it follows its like after always one time."""
    some = accounts.table.select("unit").order_by("unit").limit(SOME)
    heard = source.events.filter(source.events["event"].isin(_list_done(accounts))).semi_join(some, "unit")
    second = heard["at"].epoch_seconds().floor().cast("int64")
    before = second.lag().over(group_by=["unit", "event"], order_by=second)
    gaps = heard.select("event", gap=(second - before) // CLOSE, is_timed=second % 60 != 0)
    gaps = gaps.group_by("event", "gap").aggregate(n=gaps.count(), timed=gaps["is_timed"].sum())
    rows = gaps.to_pyarrow().to_pandas()
    for name in ["", *accounts.design.counted_events]:
        counts = (rows[rows["event"] == name] if name else rows).groupby("gap", dropna=False)[["n", "timed"]].sum()
        told, soon = counts.sum(), counts["n"][(counts.index >= bool(name)) & (counts.index < TWICE_WITHIN // CLOSE)]
        if soon.max() >= max(TWICE * told["n"], LEAST_TOLD) and told["timed"]:
            when = f"{soon.idxmax() * CLOSE / 60:,.0f} minutes" if soon.idxmax() else f"within {CLOSE} seconds"
            what = f"events {name}" if name else "events"
            said = f"{percent(soon.max() / told['n'])} of the {what} come {when} after another of their kind"
            yield f"{said}: the log may hold each twice."
            return


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
        (grave if n >= DEAD * (n + others) else doubts).append(
            f"Of the {n:,} {noun} without any event {lost:,} left, where the others would lead to expect "
            f"{expected:,.0f}: their losses may be missing as well, so that they seem to stay; leave them out, or give "
            "the losses."
        )
    n, late = rows.loc[left, "units"].sum(), rows.loc[rows["late"].eq(True), "units"].sum()
    if late >= LEAST_TOLD and late > MOST_AFTER * n:
        doubts.append(
            f"Of the {noun} that left {percent(late / n)} have events more than {GRACE} days after their loss: its day "
            "may be wrong, or they came back."
        )
    return grave, doubts


def _find_no_losses(accounts):
    """Yield a sentence on losses that begin late, or lack some days, though accounts of such ages leave on others."""
    table, noun = accounts.table, schema.pluralise(accounts.design.unit)
    start, lost = (
        (table[n].epoch_seconds().cast("float64") / DAY).floor().cast("int64") for n in ("started_at", "lost_at")
    )
    rows = table.group_by(start=start, lost=lost).aggregate(n=table.count()).to_pyarrow().to_pandas()
    known = rows.dropna(subset="lost").sort_values("lost")
    if known["n"].sum() < LEAST_TOLD:
        return
    first, longest = int(known["lost"].iloc[0]), known["lost"].diff().max()
    ages = known.assign(day=known["lost"] - known["start"]).rename(columns={"n": "known"})
    starts, end = rows.rename(columns={"start": "day"}), (accounts.as_of - dt.date(1970, 1, 1)).days
    found = expect_lost(ages, starts, reach=(first, end), end=end, window=(0.0, None))
    if found[1] > LEAST_LACKED and first - rows["start"].min() > 2 * longest + 2:
        yield (
            f"The first loss stands on {write_day(first)}, before which {found[1]:,.0f} would be expected by when "
            f"{noun} leave since: those that left earlier may be deleted, so that too many seem to stay."
        )
        return
    _, hole, _ = find_quiet(known.groupby("lost")["n"].sum().rename_axis("day").reset_index())
    found = expect_lost(ages, starts, reach=(first, end), end=end, window=(0.0, None), hole=hole) if hole else (0, 0)
    if found[1] > LEAST_LACKED:
        yield (
            f"Hardly a loss stands from {write_day(hole[0])} to {write_day(hole[1])}, where {found[1]:,.0f} would be "
            f"expected by when {noun} leave else: they may be missing, so that too many seem to stay."
        )
