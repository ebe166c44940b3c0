"""What help inside a product adds to its experiment: contacts, deflection, reach, praise, known ends, and the worth."""

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from helpers import metrics
from helpers.in_app import measures
from helpers.inference.contrasts import risk_difference
from helpers.inference.decisions import decide, make_estimate
from helpers.metrics.events import find_end
from helpers.metrics.tickets import MONTH, read_months, read_people, read_requests
from helpers.milestones.contrasts import adjusted_difference
from helpers.plan import Metric
from helpers.records import Effect, Estimate, Results

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
    months, asked = read_months(source, units), read_requests(source, units)
    people = read_people(units, choices.answered, choices.wants, choices.place, choices.margins)
    parts = [_study_contact(months, asked, results, units, choices, level)]
    parts.append(_study_feedback(people, units.design, choices, level))
    parts.append(_study_praise(asked, units.design, choices, level))
    parts.append(_study_price(asked, units, choices, level))
    tables = {name: table for found, _, _ in parts for name, table in found.items() if len(table)}
    levels = [found["levels"] for found, _, _ in parts if "levels" in found]
    tables |= {"levels": pd.concat(levels, ignore_index=True)} if levels else {}
    estimates = tuple(decide(e, SHARE, alpha=units.design.alpha) for _, found, _ in parts for e in found)
    checks = tuple(check for *_, found in parts for check in found)
    found = {"estimates": (*results.estimates, *estimates), "checks": (*results.checks, *checks)}
    return results.but(tables={**results.tables, **tables}, **found)


def _study_contact(months, asked, results, units, choices, level):
    """The contact rate and its load, and what is taken for deflection."""
    treatment, tables = units.design.variant.treatments[0], {}
    if asked is not None and results.headline("left_over"):
        tables["deflection"] = measures.read_deflection(asked, results, treatment, **level)
    if months is not None and len(months):
        contact = measures.measure_contact(months, **level)
        tables["contact"] = pd.DataFrame([contact])
        tables["levels"] = _tell_level("contact_rate", contact["rate"], contact["ci_low"], contact["ci_high"], contact)
        if asked is not None:
            come = (asked["ticket"] | asked["returned"]).groupby(asked["variant"]).mean()
            left = {arm: float(come.get(arm, math.nan)) for arm in units.design.variant.arms}
            work = {"people": choices.people, "minutes": choices.minutes[1], "desk_hours": choices.desk_hours}
            tables["load"] = measures.plan_load(contact, left, users=choices.users, **work)
    return tables, [], []


def _tell_level(metric, share, low, high, counts):
    """One level, for the claims about it: a share of all, which compares nothing."""
    row = {"metric": metric, "estimand": "level", "population": "itt", "estimate": share}
    return pd.DataFrame([row | {"ci_low": low, "ci_high": high, "n": int(counts["users"])}])


def _study_feedback(people, design, choices, level):
    if people is None or not (people["place"] == choices.inside).any() or (people["place"] == choices.inside).all():
        return {}, [], []
    lots = [] if choices.place == design.variant.column else [choices.by_lot]  # the plan's own lot has its checks
    checks = [measures.check_places(people, choices.inside, by_lot=by_lot) for by_lot in lots]
    is_fair = all(check.status == "pass" for check in checks)
    bands = measures.band_people(people, choices.margins)
    held = [people[name] >= least for name, least in choices.segment.items() if name in people]
    segment = np.logical_and.reduce(held) if held else np.zeros(len(people), bool)
    tables = {
        "reach": measures.list_reach(people, choices.inside, segment, **level),
        "answerers": measures.list_answerers(people, bands, choices.inside),
        "opinions": measures.list_opinions(people, bands, choices.inside, **level),
    }
    found = measures.compare_places(people, choices.inside, **level)
    row = tables["reach"].iloc[0]
    if min(row[["answers_inside", "answers_outside"]]) < design.min_cell:
        return tables, [], checks
    sides = {"n_control": int(row["n_outside"]), "n_treatment": int(row["n_inside"])}
    other = "elsewhere" if people["place"].nunique() > 2 else next(p for p in people["place"] if p != choices.inside)
    about = {"control": other, "treatment": choices.inside, "population": "itt" if is_fair else "observational"}
    lift = {"estimate": found.estimate - 1, "ci_low": found.ci_low - 1, "ci_high": found.ci_high - 1}
    rows = [_estimate("reach", "ratio", found, **about, **sides, **level)]
    rows.append(_estimate("reach", "relative_lift", found, **about, **sides, **level).but(**lift, std_error=math.nan))
    return tables, rows, checks


def _study_praise(asked, design, choices, level):
    replies = pd.DataFrame() if asked is None else asked[asked["minutes"].notna()].reset_index(drop=True)
    if replies.empty or not measures.can_read(replies):
        return {}, [], []
    drawn = {"seed": choices.seed, "n_resamples": choices.n_resamples, "folds": choices.folds}
    tables = {
        "praise_curve": measures.trace_praise(replies, **level),
        "praise_line": measures.judge_line(replies, **drawn, **level),
        "praise_speed": measures.compare_speeds(replies, **level),
    }
    fast, y = (replies["minutes"] <= choices.within).to_numpy(), replies["kudos"].to_numpy(float)
    counts = (int(y[fast].sum()), int(fast.sum()), int(y[~fast].sum()), int((~fast).sum()))
    if min(counts[0], counts[1] - counts[0], counts[2], counts[3] - counts[2]) < design.min_cell:
        return tables, [], []
    about = {"control": "later", "treatment": "within", "population": "observational"}
    about |= {"n_control": counts[3], "n_treatment": counts[1], **level}
    adjusted = adjusted_difference(fast, y, measures.make_reply_controls(replies), **level)
    rows = [_estimate("praise", "difference", risk_difference(*counts, **level), **about)]
    beside = {"role": "sensitivity", "adjustment": "covariates"}
    return tables, [*rows, _estimate("praise", "difference", adjusted, **about, **beside)], []


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
        return {}, [], []
    rows = rows.set_index("unit")
    end = pd.Timestamp(find_end(units.as_of), tz="UTC")
    months = (end - pd.to_datetime(rows["assigned_at"], utc=True)).dt.total_seconds() / MONTH
    work = asked[["ticket", "returned"]].sum(axis=1).groupby(asked["unit"]).sum().reindex(rows.index, fill_value=0)
    users = pd.DataFrame({"tickets": work / months.clip(lower=1), "price": rows[column]})
    money = {"minutes": choices.minutes, "cost_per_hour": choices.cost, "margin": choices.margin}
    tables, n = {"worth": measures.weigh_support(users, **money, **level)}, len(users)
    paying = measures.cluster_share(users["price"] > 0, np.ones(n), **level)
    tickets = asked[asked["ticket"]]
    if len(tickets):
        each = rows[column].reindex(tickets["unit"]).to_numpy(float)
        cost = choices.follow_up / 60 * choices.cost[1]
        band = [f"{price}={name}" for name in measures.band_numbers(each, choices.price_edges)]
        tables["known"] = measures.list_known(tickets, band, each, cost=cost, **level)
    return tables | {"levels": _tell_level("paying", *paying[:3], {"users": n})}, [], []
