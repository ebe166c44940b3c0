"""What help inside a product adds to its experiment: contacts, deflection, reach, praise, known ends, and the worth."""

import math
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pandas as pd

from helpers import metrics
from helpers.checks.logs import LOST_FAILS, LOST_WARNS, describe_hole, percent
from helpers.checks.values import find_automatic
from helpers.in_app import measures
from helpers.inference.contrasts import risk_difference
from helpers.inference.decisions import decide, make_estimate
from helpers.metrics.events import DAY, STALE_DAYS, find_end, measure_silence
from helpers.metrics.tickets import MONTH, read_activity, read_months, read_people, read_requests
from helpers.milestones.contrasts import adjusted_difference
from helpers.plan import Metric
from helpers.records import Check, Effect, Estimate, Results

UNASKED = "How many ask in a month, and how much work that is, is not told."
AGAIN = (
    "{} of the requests stand more than once under one request_id, or are of several users: metrics that count them "
    "may be too large, and nothing is told of replies to them; give each request an id and an event."
)
SHARE = Metric(kind="binary")  # a share in no role: neither way is better, nothing is expected


@dataclass(frozen=True)
class Choices:
    """What a researcher may choose beside the plan.

    `place` is a segment or the variant of the plan, `inside` a level of it, `answered` and `wants` metrics; `by_lot`
    says that the place was drawn by lot; `margins` are covariates or segments with where their bands begin, the price
    first; `segment` the least of each margin in the planned segment; `price_edges` the bands of the price for known
    ends; `within` the minutes of a fast reply. `users`, `people`, `desk_hours` are of the load; `minutes`, `cost`,
    `margin` low, central and high of the work on a ticket, of an hour of it, and of what is left of a price;
    `follow_up` minutes to ask after a ticket.
    """

    place: str = "place"
    inside: str = "inside"
    answered: str = "answered"
    wants: str = "wants"
    by_lot: bool = True
    margins: dict = field(default_factory=dict)
    segment: dict = field(default_factory=dict)
    price_edges: tuple = (0.01, 100, 1000)
    within: float = 15
    users: tuple = (200_000, 2_000_000)
    people: float = 20
    desk_hours: float = 120
    minutes: tuple = (5, 10, 15)
    cost: tuple = (20, 30, 40)
    margin: tuple = (0.7, 0.8, 0.9)
    follow_up: float = 6
    folds: int = 10
    n_resamples: int = 999
    seed: int = 1


def study_in_app(results: Results, source, units: metrics.Units, choices: Choices) -> Results:
    """Return the experiment's results with all that events and answers tell beside it.

    Parameters
    ----------
    results : Results, as `inference.run_experiment` gives them; withheld ones stay as they are
    source : sources.Source
    units : metrics.Units
    choices : Choices

    Returns
    -------
    Results: with tables `contact`, `load`, `deflection`, `reach`, `answerers`, `opinions`, `praise_curve`,
        `praise_line`, `praise_speed`, `known`, `worth` and `levels`, of which those are absent that the data cannot
        fill; with the estimates that published claims are held against, and a check of the places of asking.
    """
    if results.status == "withheld":
        return results
    level = {"confidence_level": units.design.confidence_level}
    asked, found, levels = read_requests(source, units), {Estimate: [], Check: []}, []
    tables = dict(results.tables)
    months, doubts = read_months(source, units), [*_doubt_activity(read_activity(source, units), units)]
    if doubts and months is not None:
        found[Check].append(Check("activity_fit", "warn", math.nan, math.nan, f"{doubts[0]} {UNASKED}"))
    if asked is not None and (share := float(asked["odd"].mean())) > LOST_WARNS:
        found[Check].append(Check("requests_fit", "warn", share, LOST_WARNS, AGAIN.format(percent(share))))
        asked = None
    parts = [
        _study_contact(None if doubts else months, asked, results, units, choices, level),
        _study_feedback(units, choices, level),
        _study_praise(asked, units.design, choices, level),
        _study_price(asked, units, choices, level),
    ]
    for one in chain(*parts):
        if isinstance(one, dict):
            levels.append(one)
            tables["levels"] = pd.DataFrame(levels)
        elif isinstance(one, tuple):
            tables |= {one[0]: one[1]} if len(one[1]) else {}
        else:
            found[type(one)].append(one)
    estimates = [decide(e, SHARE, alpha=units.design.alpha) for e in found[Estimate]]
    checks = (*results.checks, *found[Check])
    return results.but(tables=tables, estimates=(*results.estimates, *estimates), checks=checks)


def _doubt_activity(days, units):
    """Yield why it cannot be told who was active when: events that begin late, end a month early, or have a hole."""
    for event, held in days.groupby("event"):
        first, last = (stamp.to_pydatetime() for stamp in pd.to_datetime(held["day"].iloc[[0, -1]], unit="D"))
        begin = pd.Timestamp(units.assigned[0]).to_pydatetime()
        late = measure_silence(len(held), first, last, last + (first - begin))[1]
        gap, is_stale = measure_silence(len(held), first, last, find_end(units.as_of))
        if late or (is_stale and gap > MONTH / DAY):  # months that are not over count nowhere
            where = f"before {first:%Y-%m-%d}" if late else f"after {last:%Y-%m-%d}"
            yield f"No event {event} stands {where}, when users were there."
        if told := describe_hole(held, f"event {event}", STALE_DAYS):
            yield told


def _study_contact(months, asked, results, units, choices, level):
    """The contact rate and its load, and what is taken for deflection."""
    if asked is not None and results.headline("left_over"):
        yield "deflection", measures.read_deflection(asked, results, units.design.variant.treatments[0], **level)
    if months is not None and len(months):
        contact = measures.measure_contact(months, **level)
        yield "contact", pd.DataFrame([contact])
        yield _tell_level("contact_rate", (contact["rate"], contact["ci_low"], contact["ci_high"]), contact["users"])
        if asked is not None:
            come = (asked["ticket"] | asked["returned"]).groupby(asked["variant"]).mean()
            left = {arm: float(come.get(arm, math.nan)) for arm in units.design.variant.arms}
            work = {"people": choices.people, "minutes": choices.minutes[1], "desk_hours": choices.desk_hours}
            yield "load", measures.plan_load(contact, left, users=choices.users, **work)


def _tell_level(metric, ends, n):
    """One level, for the claims about it: a share of all, which compares nothing."""
    row = {"metric": metric, "estimand": "level", "population": "itt"}
    return row | dict(zip(("estimate", "ci_low", "ci_high"), ends, strict=True)) | {"n": int(n)}


def _study_feedback(units, choices, level):
    """Who answers where, and what they want."""
    people, design = read_people(units, choices.answered, choices.wants, choices.place, choices.margins), units.design
    if people is None or (people["place"] == choices.inside).nunique() < 2:
        return
    is_fair = True
    if choices.place != design.variant.column:  # the plan's own lot has its checks
        check = measures.check_places(people, choices.inside, by_lot=choices.by_lot)
        is_fair = check.status == "pass"
        yield check
    bands = measures.band_people(people, choices.margins)
    held = [people[name] >= least for name, least in choices.segment.items() if name in people]
    segment = np.logical_and.reduce(held) if held else np.zeros(len(people), bool)
    reach = measures.list_reach(people, choices.inside, segment, **level)
    yield "reach", reach
    yield "answerers", measures.list_answerers(people, bands, choices.inside)
    yield "opinions", measures.list_opinions(people, bands, choices.inside, **level)
    row = reach.iloc[0]
    if min(row[["answers_inside", "answers_outside"]]) < design.min_cell:
        return
    found = measures.compare_places(people, choices.inside, **level)
    other = "elsewhere" if people["place"].nunique() > 2 else next(p for p in people["place"] if p != choices.inside)
    about = {"control": other, "treatment": choices.inside, "population": "itt" if is_fair else "observational"}
    about |= {"n_control": int(row["n_outside"]), "n_treatment": int(row["n_inside"]), **level}
    lift = {"estimate": found.estimate - 1, "ci_low": found.ci_low - 1, "ci_high": found.ci_high - 1}
    yield _estimate("reach", "ratio", found, **about)
    yield _estimate("reach", "relative_lift", found, **about).but(**lift, std_error=math.nan)


def _study_praise(asked, design, choices, level):
    """How praise goes with the minutes to a reply."""
    replies = pd.DataFrame() if asked is None else asked[asked["minutes"].notna()].reset_index(drop=True)
    if asked is not None and (doubt := _doubt_waits(asked["seconds"].dropna())):
        yield Check("replies_fit", "warn", math.nan, math.nan, f"{doubt} How praise goes with the wait is not told.")
        return
    if early := float((asked["seconds"].dropna() < 0).mean()) if len(replies) else 0.0:
        told = f"Of the first replies {percent(early)} come before their ticket; praise is told without them."
        yield Check("replies_fit", "warn" if early > LOST_WARNS else "pass", early, LOST_WARNS, told)
    if replies.empty or not measures.can_read(replies):
        return
    drawn = {"seed": choices.seed, "n_resamples": choices.n_resamples, "folds": choices.folds}
    yield "praise_curve", measures.trace_praise(replies, **level)
    yield "praise_line", measures.judge_line(replies, **drawn, **level)
    yield "praise_speed", measures.compare_speeds(replies, **level)
    fast, y = (replies["minutes"] <= choices.within).to_numpy(), replies["kudos"].to_numpy(float)
    counts = (int(y[fast].sum()), int(fast.sum()), int(y[~fast].sum()), int((~fast).sum()))
    if min(counts[0], counts[1] - counts[0], counts[2], counts[3] - counts[2]) < design.min_cell:
        return
    about = {"control": "later", "treatment": "within", "population": "observational"}
    about |= {"n_control": counts[3], "n_treatment": counts[1], **level}
    adjusted = adjusted_difference(fast, y, measures.make_reply_controls(replies), **level)
    yield _estimate("praise", "difference", risk_difference(*counts, **level), **about)
    yield _estimate("praise", "difference", adjusted, **about, role="sensitivity", adjustment="covariates")


def _doubt_waits(seconds):
    """Why the time to a reply cannot be read; None where it can."""
    early = float((seconds < 0).mean())
    if early > LOST_FAILS:
        return f"Of the first replies {percent(early)} come before their ticket: give both in UTC."
    return find_automatic(seconds)


def _estimate(metric, estimand, effect: Effect, **labels) -> Estimate:
    """An effect of no planned metric, with its labels."""
    parts = [metric, f"{labels['treatment']} - {labels['control']}", estimand, labels["population"]]
    key = ":".join([*parts, *([labels["adjustment"]] if "adjustment" in labels else [])])
    return make_estimate(effect, id=key, metric=metric, estimand=estimand, **labels)


def _study_price(asked, units, choices, level):
    """For how many tickets an end is known by price, and which part of the payers' revenue support has to keep."""
    price = next(iter(choices.margins), "")
    column = f"x_{price}"
    can = asked is not None and column in units.table.columns
    rows = metrics.read_rows(units, ["unit", "assigned_at", column]) if can else None
    if rows is None:
        return
    rows, end = rows.set_index("unit"), pd.Timestamp(find_end(units.as_of), tz="UTC")
    months = (end - pd.to_datetime(rows["assigned_at"], utc=True)).dt.total_seconds() / MONTH
    work = asked[["ticket", "returned"]].sum(axis=1).groupby(asked["unit"]).sum().reindex(rows.index, fill_value=0)
    users = pd.DataFrame({"tickets": work / months.clip(lower=1), "price": rows[column]})
    money = {"minutes": choices.minutes, "cost_per_hour": choices.cost, "margin": choices.margin}
    yield "worth", measures.weigh_support(users, **money, **level)
    yield _tell_level(
        "paying", measures.cluster_share(users["price"] > 0, np.ones(len(users)), **level)[:3], len(users)
    )
    tickets = asked[asked["ticket"]]
    if len(tickets):
        each = rows[column].reindex(tickets["unit"]).to_numpy(float)
        band = [f"{price}={name}" for name in measures.band_numbers(each, choices.price_edges)]
        yield "known", measures.list_known(tickets, band, each, cost=choices.follow_up / 60 * choices.cost[1], **level)
