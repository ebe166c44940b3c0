"""New accounts and their lives: setup steps, features, seats, conversations, and who stays, by planted rates."""

from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import special, stats

from helpers.simulate import kit
from helpers.simulate.kit import MONTH_DAYS, SECONDS_A_DAY, bound

SHAPES = ("step", "smooth", "none")
OPENED, CLOSED = pd.Timestamp("2021-04-01", tz="UTC"), pd.Timestamp("2022-10-01", tz="UTC")  # six quarters of starts
COMPLETE_TO = pd.Timestamp("2023-09-01", tz="UTC")  # the end of the plan's as_of, 2023-08-31, a day after the article
NEWEST_FROM, NEWEST = pd.Timestamp("2022-07-01", tz="UTC"), "2022-Q3"  # the drifted cohort
WINDOW_DAYS = 90  # the article's first three months, and the plan's main landmark
HORIZON_DAYS, DORMANT_DAYS = 180, 45  # the plan's
PLANNED_COUNT, PLANNED_STEPS, PLANNED_USE, PLANNED_MATURE = 20, 4, 1.0, 3  # lines of the plan, to which truth refers


# Setup steps: share of Starter accounts that take it, log-odds per tier, mean days, and role: helps, inert, routine,
# niche, after activation (and then most of those who have activated). Steps that help do not depend on the tier, so
# that conversations depend on seats by the elasticity alone.
# Features: share of Starter accounts that use it by day 90, probit slope per tier, group of likes, role, and category
# in which it makes an account mature, as in the plan. Roles: helpful and harmful are associated with loss itself,
# mature only through its category; a companion is used together with a helpful one; niche, universal and inert are not
# associated once tier and seats are alike.
FILES = (Path(__file__).with_name(f"account_{name}.csv") for name in ("steps", "features"))
STEP, FEATURE = (pd.read_csv(file, keep_default_na=False) for file in FILES)
STEPS, FEATURES = (tuple(table.itertuples(index=False)) for table in (STEP, FEATURE))
MILESTONES, OUTCOMES = ("set_up", "activated", "using", "mature"), ("retained", "expanded", "dormant")
PARTS = ("accounts", "steps", "features", "seats", "talks", "replies", "ends", "later_seats", "later_talks")
KINDS = ["conversation", "conversation_resolved", "cancelled", "expanded", "seats_changed"]
SEAT_EDGES = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 17, 21, 28, 40)  # compared within a tier and a band of seats


@dataclass(frozen=True)
class AccountWorld(kit.World):
    """Baselines and planted associations; those with loss are on the log of the monthly rate of loss, upwards is less.

    The article gives three months, seven steps, more than fifty features, five categories and three of five, and no
    figure for any association or baseline: all values here are assumptions, so large that 20,000 accounts show them.
    """

    study: ClassVar = "customer_milestones"
    parts: ClassVar = PARTS
    calendar: ClassVar = {"at": "started_at", "end": COMPLETE_TO, "kinds": [*KINDS, *STEP["name"], *FEATURE["name"]]}
    activation_shape: str = kit.limit("step", "step, smooth or none", lambda shape: shape in SHAPES)
    # of loss after three months by conversations within them
    activation_cut: int = bound(20, 5, 60)  # conversations in 90 days; so that about half reach it
    activation_effect: float = bound(0.6, -2, 2)  # on loss, silence, expansion; 8 points of half-year retention
    usage_effect: float = bound(0.25, -2, 2)  # per standard deviation of the share resolved: no line is special
    early_leavers: float = bound(0.15, 0, 0.6)  # whatever they do: what makes "activated customers stay" true
    monthly_loss: float = bound(0.07, 0.001, 0.5)  # Starter without milestone or feature; a third in half a year
    # per tier, on loss and expansion: Premium stays, and has what it is sold with
    tier_effect: float = bound(0.35, -1, 1)
    feature_effect: float = bound(0.25, -1, 1)  # of each of the four features that are truly associated with staying
    harmful_effect: float = bound(0.3, -1, 1)  # of the feature of those who are about to leave: exports by hand
    maturity_effect: float = bound(0.08, -0.5, 0.5)  # per mature category, in a line: no number is special
    step_effect: float = bound(0.3, -1, 1)  # log conversations after each of the three steps that help: a third more
    conversations: float = bound(4.8, 0.5, 30)  # median a month of four seats; half reach 20 with the steps
    conversations_spread: float = bound(0.6, 0, 1.5)  # of log conversations at one size: nearly a factor of two
    seats_elasticity: float = bound(0.7, 0, 1.5)  # below 1, so a line per seat favours small accounts
    drift: float = bound(1.0, 0, 1)  # 1: in the newest cohort the cut is 35, the association half
    expansion_rate: float = bound(0.02, 0.0001, 0.1)  # a month, Starter, not activated; usual for small firms
    dormancy_rate: float = bound(0.01, 0, 0.3)  # a month, not activated; the silent leave three times as fast

    @property
    def drift_cut(self) -> int:
        """The cut of the newest cohort: 35 for 20 where the drift is 1."""
        return round(self.activation_cut * (1 + 0.75 * self.drift))


TIERS, TIER_SHARES = np.array(["Starter", "Pro", "Premium"]), (0.55, 0.33, 0.12)
SEATS_MEDIAN, SEATS_SPREAD = np.array([2.2, 5.0, 14.0]), 0.7  # by tier: a larger plan is bought by larger teams
COUNTRIES, COUNTRY_SHARES = np.array(["US", "GB", "DE", "FR", "AU"]), (0.45, 0.2, 0.15, 0.1, 0.1)
# Early leavers leave by an exponential of this mean, cut off at three months; what is no step in two months never is.
EARLY_DAYS, STEP_DAYS = 45, 60
LIKENESS = 0.75  # correlation of each feature of a group with what the group shares
LATER_ADOPTION = 0.03  # first uses a month after day 90, times the share of the tier that used the feature by then
SAVED_SHARE, SAVED_DAYS = 0.75, 20  # of the activated save a reply, so many days later on average
# Conversations are drawn by period; short ones at first, so that a step raises what comes after it and not before.
EARLY_EDGES = np.array([0, 3, 7, 10, 14, 21, 30, 45, 60, 75, 90], dtype=float)
LATE_EDGES = np.arange(90, 901, 30, dtype=float)
LATER_VOLUME = 0.45  # of conversations go on after three months: a new messenger is tried out, and then used
TYPICAL_SEATS = 4
# log-odds of being resolved: a quarter to three quarters across accounts; mean days to a resolution
SOLVED_LEVEL, SOLVED_SLOPE, SOLVED_DAYS = 0.1, 1.0, 0.5
CHANGES_FROM, SHRINKING = 30, 0.006  # seats stay as bought in the first month; accounts a month that give up a seat
GROWTH, MOST_SEATS = 0.25, 400  # an expansion adds a quarter, at least one seat, up to so many


def draw_accounts(world, n_units, rng):
    """Return accounts in order of their start: `leaves_early` day, inf for most; `followed` days to the data's end.

    `volume` and `solving` are hidden habits, standard normal.
    """
    seconds, newest, end = (int((last - OPENED).total_seconds()) for last in (CLOSED, NEWEST_FROM, COMPLETE_TO))
    start = np.sort(rng.integers(0, seconds, n_units))
    tier = rng.choice(3, n_units, p=TIER_SHARES)
    seats = np.maximum(1, np.rint(SEATS_MEDIAN[tier] * np.exp(SEATS_SPREAD * rng.standard_normal(n_units))))
    country = COUNTRIES[rng.choice(COUNTRIES.size, n_units, p=COUNTRY_SHARES)]
    early, share = rng.random(n_units) < world.early_leavers, rng.random(n_units)
    volume, solving = rng.standard_normal((2, n_units))
    started = OPENED.as_unit("s") + pd.to_timedelta(start, unit="s")
    found = {"account_id": kit.name_units("ac", n_units), "started_at": started, "plan_tier": TIERS[tier], "tier": tier}
    found |= {"seats": seats.astype(int), "country": country, "volume": volume, "solving": solving}
    found["leaves_early"] = np.where(early, kit.cut_delay(share, EARLY_DAYS, WINDOW_DAYS), np.inf)
    return pd.DataFrame(found | {"followed": (end - start) / SECONDS_A_DAY, "newest": start >= newest})


def _draw_features(tier, rng):
    """Features of one group share a normal factor; more of the first uses are early in the three months than late."""
    size, groups = (tier.size, len(FEATURES)), FEATURE["group"].to_numpy()
    levels = np.array([special.ndtri(FEATURE["share"]) + FEATURE["slope"] * rank for rank in range(3)])
    shared = rng.standard_normal((tier.size, groups.max() + 1))[:, groups]
    likeness = np.where(groups > 0, LIKENESS, 0.0)
    liking = likeness * shared + np.sqrt(1 - likeness**2) * rng.standard_normal(size)
    soon = WINDOW_DAYS * rng.random(size) ** 2
    later = WINDOW_DAYS + MONTH_DAYS * rng.exponential(1 / (LATER_ADOPTION * special.ndtr(levels[tier])))
    return np.where(liking < levels[tier], soon, later)


def draw_lives(world, accounts, rng):
    """Return all that happens until each account's activity stops, whenever the data ends.

    How it goes on after day 90 follows from what was done by then.

    Returns
    -------
    tuple: the accounts with the day each is `lost`, the milestones that it reached by day 90 and its chances of what
        comes after (nan where it left before); day of each step, shape (n, 7), and of each feature, (n, 54), inf where
        never; changes of seats, and conversations, one row each.
    """
    tier, leaves = accounts["tier"].to_numpy(), accounts["leaves_early"].to_numpy()
    shares = special.expit([special.logit(STEP["share"]) + STEP["slope"] * rank for rank in range(3)])
    size, luck = (tier.size, len(STEPS)), rng["steps"]
    days = kit.cut_delay(luck.random(size), STEP["days"].to_numpy(), STEP_DAYS)
    steps, features = np.where(luck.random(size) < shares[tier], days, np.inf), _draw_features(tier, rng["features"])
    # growth before the landmark must not foretell who stays beyond the tier, so the tier alone sets its rate
    rate = world.expansion_rate / MONTH_DAYS * np.exp(world.tier_effect * tier)
    grown = _draw_times(rate, CHANGES_FROM, WINDOW_DAYS, rng["seats"])
    changes = _order_changes(accounts, grown, grown[:0])
    talks = _draw_talks(world, accounts, changes, steps, EARLY_EDGES, rng["talks"])
    steps, features = _end(_save_replies(steps, talks, rng["replies"]), leaves), _end(features, leaves)
    talks = _keep_before(talks, leaves)
    seats = _read_seats(accounts, changes, np.array([0, WINDOW_DAYS - MONTH_DAYS, WINDOW_DAYS]))
    reached = _read_milestones(talks, steps, features, seats[:, 1])
    held = list(accumulate(range(EXPANSIONS - 1), lambda held, _: _grow(held), initial=seats[:, 2]))
    talk = LATER_VOLUME * _rate_talks(world, accounts, np.stack(held, axis=1), _count_helping(steps, [WINDOW_DAYS]))
    rates = find_rates(world, accounts, reached["conversations"], features, talk)
    lost, stop = draw_ends(rates, leaves, rng["ends"])
    end = np.minimum(stop, accounts["followed"].to_numpy())
    later = _draw_times(rates.expand, WINDOW_DAYS, end, rng["later_seats"])
    shrunk = _draw_times(SHRINKING / MONTH_DAYS, WINDOW_DAYS, end, rng["later_seats"])
    changes = _order_changes(accounts, pd.concat([grown[grown["day"] < end[grown["row"]]], later]), shrunk)
    talks = pd.concat([talks, _draw_talks(world, accounts, changes, steps, LATE_EDGES, rng["later_talks"])])
    alive = np.isinf(leaves)
    chances = {f"chance_{name}": np.where(alive, chance, np.nan) for name, chance in find_chances(rates).items()}
    accounts = accounts.assign(lost=lost, alive=alive, **reached, **chances)
    return accounts, _end(steps, stop), _end(features, stop), changes, _keep_before(talks, stop)


def _end(days, end):
    return np.where(days < end[:, None], days, np.inf)


def _keep_before(talks, end):
    """Return the conversations before each account's end, and their resolutions before it."""
    end = end[talks["row"]]
    solved = np.where(talks["solved"] < end, talks["solved"], np.inf)
    return talks.assign(solved=solved)[talks["day"].to_numpy() < end]


def _draw_times(rate, start, end, rng):
    """Return row and day of events that come at a steady daily rate between two days of each account."""
    number = rng.poisson(rate * np.maximum(np.asarray(end) - start, 0))
    row = kit.spread_rows(number)
    end = np.broadcast_to(end, number.shape)[row]
    return pd.DataFrame({"row": row, "day": start + (end - start) * rng.random(row.size)})


def _grow(seats):
    """Return the seats after one expansion; very large accounts have all they need."""
    return np.where(seats < MOST_SEATS, seats + np.maximum(1, np.rint(GROWTH * seats)).astype(int), seats)


def _order_changes(accounts, grown, shrunk):
    """Return all changes in order of account and day with the seats after each; one seat cannot be given up."""
    changes = pd.concat([grown.assign(grows=True), shrunk.assign(grows=False)])
    changes = changes.sort_values(["row", "day"], kind="stable", ignore_index=True)
    held, after = accounts["seats"].to_list(), []
    for row, grows in zip(changes["row"], changes["grows"], strict=True):
        held[row] = int(_grow(held[row])) if grows else max(held[row] - 1, 1)
        after.append(held[row])
    return changes.assign(grows=changes["grows"].astype(bool), seats=np.array(after, dtype=int))


def _read_seats(accounts, changes, edges):
    """Return the seats at the start of each period, shape (n, periods)."""
    changes = changes.assign(period=np.searchsorted(edges, changes["day"]))
    held = changes.pivot_table("seats", "row", "period", aggfunc="last")
    held = held.reindex(index=accounts.index, columns=range(edges.size))
    held[0] = held[0].fillna(accounts["seats"])
    return held.ffill(axis=1).to_numpy(int)


def _rate_talks(world, accounts, seats, helping):
    """Return conversations a day in the first three months, by seats and helping steps, shape (n, periods)."""
    size = world.seats_elasticity * np.log(seats / TYPICAL_SEATS)
    habit = (world.conversations_spread * accounts["volume"].to_numpy())[:, None]
    return world.conversations / MONTH_DAYS * np.exp(size + habit + world.step_effect * helping)


def _count_helping(steps, days):
    """Return how many of the steps that help each account took before each day, shape (n, days)."""
    taken = steps[:, STEP["role"] == "helps"]
    return (taken[:, :, None] < np.asarray(days)).sum(axis=1)


def _draw_talks(world, accounts, changes, steps, edges, rng):
    """Return conversations over all periods between the edges, whoever has left by then."""
    starts, lengths = edges[:-1], np.diff(edges)
    rate = _rate_talks(world, accounts, _read_seats(accounts, changes, starts), _count_helping(steps, starts))
    number = rng.poisson(rate * (np.where(starts < WINDOW_DAYS, 1.0, LATER_VOLUME) * lengths))
    number *= starts < accounts["followed"].to_numpy()[:, None]
    row, period = (np.repeat(axis.ravel(), number.ravel()) for axis in np.indices(number.shape))
    day = starts[period] + lengths[period] * rng.random(row.size)
    share = special.expit(SOLVED_LEVEL + SOLVED_SLOPE * accounts["solving"].to_numpy())
    solved = np.where(rng.random(row.size) < share[row], day + rng.exponential(SOLVED_DAYS, row.size), np.inf)
    return pd.DataFrame({"row": row, "day": day, "solved": solved})


def _save_replies(steps, talks, rng):
    """Return the steps where most of the activated have saved a reply some time after they were activated."""
    talks = talks.sort_values(["row", "day"])
    activated = talks[talks.groupby("row").cumcount() == PLANNED_COUNT - 1].set_index("row")["day"]
    reached = activated.reindex(range(len(steps)), fill_value=np.inf).to_numpy()
    chosen, later = rng.random(len(steps)) < SAVED_SHARE, rng.exponential(SAVED_DAYS, len(steps))
    saved = np.where(chosen, reached + later, np.inf)[:, None]
    return np.where(STEP["role"] == "after activation", np.minimum(steps, saved), steps)


def _read_milestones(talks, steps, features, seats):
    """Return the conversations of each account by day 90 and which milestones it reached, by the lines of the plan.

    `seats` are those of day 60: the start of the last month before the landmark.
    """
    size, row, solved = seats.size, talks["row"].to_numpy(), talks["solved"].to_numpy()
    count = np.bincount(row, minlength=size)
    last = np.bincount(row[(solved >= WINDOW_DAYS - MONTH_DAYS) & (solved < WINDOW_DAYS)], minlength=size)
    reached = {"set_up": (steps < WINDOW_DAYS).sum(axis=1) >= PLANNED_STEPS, "activated": count >= PLANNED_COUNT}
    reached |= {"using": last / seats >= PLANNED_USE, "mature": count_mature(features) >= PLANNED_MATURE}
    return {"conversations": count, **reached}


def count_mature(features) -> np.ndarray:
    """Return in how many categories each account used a feature by day 90."""
    categories = FEATURE[FEATURE["category"] != ""].groupby("category").groups.values()
    return sum((features[:, places] < WINDOW_DAYS).any(axis=1).astype(int) for places in categories)


SMOOTH_SLOPE = 0.6  # of the association, per unit of log conversations: over the range about as much as the step
QUIET_LEAVING = 3.0  # silent accounts leave so many times as fast
EXPANSIONS = 5  # from none to four in the half year, for the chance of silence
COUNTED_DAYS = 140  # from the landmark to the months, on average, whose seats bring the last 45 days' conversations
MATURITY_EXPANSION = 2.5  # a mature category counts this many times for expansion as for loss


@dataclass(frozen=True)
class Rates:
    """Daily rates after day 90, shape (n,): leaving while active, falling silent, expanding.

    `talk`: conversations a day by the number of expansions since, shape (n, numbers).
    """

    leave: np.ndarray
    quiet: np.ndarray
    expand: np.ndarray
    talk: np.ndarray


def find_rates(world, accounts, count, features, talk) -> Rates:
    """Return the rates that follow from what each account did in its first three months."""
    used, mature = features < WINDOW_DAYS, count_mature(features)
    activated = _score_activation(world, accounts["newest"].to_numpy(), count)
    tier = world.tier_effect * accounts["tier"].to_numpy()
    good = world.feature_effect * used[:, FEATURE["role"] == "helpful"].sum(axis=1)
    bad = world.harmful_effect * used[:, FEATURE["role"] == "harmful"].sum(axis=1)
    habit = world.usage_effect * accounts["solving"].to_numpy()
    stays = tier + good - bad + habit + world.maturity_effect * mature
    grows = tier + MATURITY_EXPANSION * world.maturity_effect * mature
    leave, quiet, expand = np.array([world.monthly_loss, world.dormancy_rate, world.expansion_rate]) / MONTH_DAYS
    return Rates(
        leave * np.exp(-activated - stays), quiet * np.exp(-activated), expand * np.exp(activated + grows), talk
    )


def _score_activation(world, newest, count):
    """Return by how much conversations of three months lower the log rate of loss, in the shape that is planted."""
    if world.activation_shape == "none":
        return np.zeros(count.shape)
    effect = world.activation_effect * np.where(newest, 1 - 0.5 * world.drift, 1.0)
    if world.activation_shape == "smooth":
        return effect * SMOOTH_SLOPE * (np.log1p(count) - np.log1p(world.activation_cut))
    return effect * (count >= np.where(newest, world.drift_cut, world.activation_cut))


def draw_ends(rates, leaves_early, rng):
    """Return the day each account is lost and the day its activity ends (silence or loss), whatever is observed.

    Parameters
    ----------
    rates : Rates
    leaves_early : array, shape (n,), the day early leavers are lost, inf for the others
    rng : Generator
    """
    turns = rng.exponential(size=(3, leaves_early.size))
    with np.errstate(divide="ignore"):
        leave, quiet, silent = turns / [rates.leave, rates.quiet, QUIET_LEAVING * rates.leave]
    stop = WINDOW_DAYS + np.minimum(leave, quiet)
    lost = np.where(leave < quiet, stop, stop + silent)
    return np.minimum(leaves_early, lost), np.minimum(leaves_early, stop)


def find_chances(rates) -> dict[str, np.ndarray]:
    """Return each account's chance of retained, expanded and dormant by day 270, if it is a customer on day 90.

    Retained: not lost within 180 days. Expanded: at least one expansion in them. Dormant: no conversation in the
    last 45 of them, averaged over the number of expansions (seats that are given up meanwhile are left out); the
    last number stands for more too.
    """
    ends, days = rates.leave + rates.quiet, HORIZON_DAYS
    silent = QUIET_LEAVING * rates.leave
    gap = (ends - silent) * days  # far below 0 nobody is left to fall silent
    quiet = rates.quiet * days * np.exp(-silent * days) * special.exprel(np.minimum(-gap, 500))
    retained = np.exp(-ends * days) + np.where(gap > -500, quiet, 0.0)
    expanded = rates.expand * days * special.exprel(-(rates.expand + ends) * days)
    before, both = np.exp(-ends * (days - DORMANT_DAYS)), (ends[:, None] + rates.talk) * DORMANT_DAYS
    silence = (ends * DORMANT_DAYS)[:, None] * special.exprel(-both) + np.exp(-both)
    numbers = stats.poisson.pmf(np.arange(rates.talk.shape[1]), (rates.expand * COUNTED_DAYS)[:, None])
    numbers[:, -1] += 1 - numbers.sum(axis=1)
    dormant = 1 - before + before * (numbers * silence).sum(axis=1)
    return {"retained": retained, "expanded": expanded, "dormant": dormant}


def customer_milestones(*, n_units=20_000, seed=2023, **world) -> kit.Simulation:
    """Return accounts that start over six quarters, all that they do, and who of them stays, with a planted truth.

    Early leavers leave within 90 days whatever they do. For all others, loss, silence and expansion after day 90
    depend on what was done by then: conversations (a step, a smooth curve or not at all), features, mature
    categories, the share of conversations resolved, and the plan tier, which drives seats and features too.

    Parameters
    ----------
    n_units : int, accounts, 10 to 100,000,000
        The article gives none.
    seed : int
    **world : float, int or str
        Baselines and planted associations: the fields of `AccountWorld`, each with its reason there.

    Returns
    -------
    Simulation: assignments are the accounts (account_id, started_at UTC, plan_tier, seats at the start, country);
        events (account_id, event, at, value: the new seats of seats_changed); units with lost_day (nan not lost),
        alive at day 90, conversations, set_up, activated, using, mature by day 90, retained, expanded, dormant by
        day 270, and the chance of each; truth (effects, naive, features, threshold, elasticity, steps).

    Raises
    ------
    Refused: an unknown parameter, or a value outside its range.

    Examples
    --------
    >>> made = customer_milestones(n_units=50, seed=3)
    >>> sorted(set(made.assignments["plan_tier"]))
    ['Premium', 'Pro', 'Starter']
    """
    settings, n_units, rng = AccountWorld.open(world, n_units, seed)
    accounts = draw_accounts(settings, n_units, rng["accounts"])
    accounts, steps, features, changes, talks = draw_lives(settings, accounts, rng)
    assignments = accounts[["account_id", "started_at", "plan_tier", "seats", "country"]]
    parts = [(_tell_units(accounts, changes, talks), _list_events(accounts, steps, features, changes, talks))]
    truth = state_truth(settings, accounts, features)
    return settings.finish(assignments, parts, truth, f"{n_units:,} accounts whose associations are planted")


def _list_events(accounts, steps, features, changes, talks):
    """Return what happens before the end of the data, kind by kind; the value is the new number of seats."""
    grown, everyone, followed = changes[changes["grows"]], np.arange(len(accounts)), accounts["followed"].to_numpy()
    told = [(talks["row"], talks["day"]), (talks["row"], talks["solved"]), (everyone, accounts["lost"])]
    told += [(grown["row"], grown["day"]), (changes["row"], changes["day"])]
    told += [(everyone, days) for days in (*steps.T, *features.T)]
    seats, events = {"seats_changed": changes["seats"].to_numpy(float)}, []
    for event, (row, day) in zip(AccountWorld.calendar["kinds"], told, strict=True):
        value, where = seats.get(event, np.nan), day < followed[row]
        events.append(kit.tell(event, row, day * SECONDS_A_DAY, value=value, where=where))
    return events


def _tell_units(accounts, changes, talks):
    last, lost, n = WINDOW_DAYS + HORIZON_DAYS, accounts["lost"], len(accounts)
    grown = changes["row"][changes["grows"] & (changes["day"] >= WINDOW_DAYS) & (changes["day"] < last)]
    heard = talks["row"][(talks["day"] >= last - DORMANT_DAYS) & (talks["day"] < last)]
    found = {"lost_day": lost.where(lost < accounts["followed"])}
    found |= {name: accounts[name] for name in ("alive", "conversations", *MILESTONES)}
    found |= {"retained": lost > last, "expanded": np.bincount(grown, minlength=n) > 0}
    found["dormant"] = np.bincount(heard, minlength=n) == 0
    return found | {f"chance_{name}": accounts[f"chance_{name}"] for name in OUTCOMES}


def state_truth(world, accounts, features) -> dict:
    """Return the true associations at day 90, naive and by feature, and what is planted; no outcome is drawn.

    Each account's chance of an outcome follows from the planted rates; its mean is taken within tier and band of
    seats among those who reached a milestone and those who did not, over all customers of day 90, so nothing but the
    chances' own spread over these accounts remains. Naive: all starters, early leavers included.

    Returns
    -------
    dict: effects (rows as `make_effect` makes them, population landmark, naive: observational; nan where so few
        accounts cannot state it), naive, features (role, sign, group and difference of each), threshold,
        elasticity, steps.
    """
    lived, used = accounts[accounts["alive"]], features[accounts["alive"].to_numpy()] < WINDOW_DAYS
    cells = lived["tier"].to_numpy() * (len(SEAT_EDGES) + 1) + np.digitize(lived["seats"], SEAT_EDGES)
    planted = {"helpful": world.feature_effect, "mature": world.maturity_effect, "harmful": -world.harmful_effect}
    found = {}
    for place, feature in enumerate(FEATURES):
        plain, reached = kit.standardise(used[:, place], lived["chance_retained"].to_numpy(), cells)
        told = {"role": feature.role, "sign": int(np.sign(planted.get(feature.role, 0))), "group": feature.group}
        found[feature.name] = told | {"difference": None if np.isnan(reached) else reached - plain}
    threshold = {"shape": world.activation_shape, "cut": world.activation_cut, "planned": PLANNED_COUNT}
    return {
        "effects": _state_milestones(accounts, lived, cells),
        "features": found,
        "threshold": threshold | {"newest_cohort": NEWEST, "newest_cut": world.drift_cut},
        "elasticity": world.seats_elasticity,
        "steps": {s.name: {"role": s.role, "effect": world.step_effect if s.role == "helps" else 0.0} for s in STEPS},
    }


def _state_milestones(accounts, lived, cells):
    rows = []
    for name in MILESTONES:
        word = name.replace("_", " ")
        for metric in OUTCOMES:
            pair = kit.standardise(lived[name].to_numpy(), lived[f"chance_{metric}"].to_numpy(), cells)
            rows.append(kit.make_effect(metric, (f"not {word}", word), pair, population="landmark"))
    kept, activated = accounts["chance_retained"].fillna(0.0).to_numpy(), accounts["activated"]
    pair = [kept[activated == side].mean() if (activated == side).any() else np.nan for side in (0, 1)]
    naive = {"estimand": "naive", "population": "observational"}
    return [*rows, kit.make_effect("retained", ("not activated", "activated"), pair, **naive)]
