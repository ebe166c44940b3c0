"""In-product help held back from half of the new workspaces, as events and as a folded table, with a planted truth."""

from dataclasses import dataclass
from sys import float_info
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from helpers.simulate import kit
from helpers.simulate.kit import NODES, SECONDS_A_DAY, TRIAL_DAYS, average, bound, tell, to_seconds

CONTROL, TREATMENT = "links", "no_links"
WINDOW_DAYS, CONVERSION_DAYS, REVENUE_DAYS, HORIZON_DAYS = 28, 60, 365, 90
ENROLMENT_DAYS, LATER_DAYS, RENEWAL_MONTHS = 28, 14, 6
DELAY_DAYS, PAY_DAYS = 8.0, CONVERSION_DAYS - TRIAL_DAYS  # mean and most from the end of the trial to the payment
SEATS_LOG_MEAN, SEATS_SLOPE, SEATS_SPREAD = 1.1, 0.35, 1.5
PRICES = {"starter": 39.0, "growth": 59.0, "scale": 99.0}  # dollars a seat a month
TIER_LEVELS, TIER_SLOPES = np.array([0.9, 0.4, -0.4]), np.array([-0.5, 0.0, 0.5])
ENROLMENT_STARTS = pd.Timestamp("2021-03-01", tz="UTC")
COMPLETE_TO = pd.Timestamp("2022-05-01", tz="UTC")  # the end of the plan's as_of, 2022-04-30
COUNTRIES = {"US": 0.36, "GB": 0.16, "DE": 0.14, "FR": 0.12, "BR": 0.12, "IN": 0.10}
FORMATS = {"article": 0.40, "tour": 0.35, "video": 0.15, "course": 0.10}
LEAST, MOST, BELOW_ONE = np.nextafter(0, 1), float_info.max, np.nextafter(1, 0)
SHARE, PART = (LEAST, BELOW_ONE, "a share above 0 and below 1"), (0, BELOW_ONE, "a number from 0 to below 1")
MEAN, EFFECT = (LEAST, MOST, "a number above 0"), (-MOST, MOST, "a number")


@dataclass(frozen=True)
class HelpWorld(kit.World):
    """Baselines and planted effects; effects are `no_links` minus `links`, per assigned workspace.

    The article gives no baseline. Baselines are those of the arm with links, as a company sees them today.
    """

    study: ClassVar = "proactive_help"
    arms: ClassVar = (CONTROL, TREATMENT)
    parts: ClassVar = ("people", "assignment", "help", "activation", "activity", "questions", "money")
    calendar: ClassVar = {"end": COMPLETE_TO, "texts": ["format"]}
    share_use_content: float = bound(0.40, *SHARE)  # of workspaces with links; leaves room for a ratio of 2.5 at 30 %
    share_find_anyway: float = bound(0.05, *SHARE)  # open help without links (help centre); so take-up is two-sided
    keenness_and_use: float = bound(0.70, *PART)  # correlation of keenness and use: the article's own doubt, made large
    activation_rate: float = bound(0.30, *SHARE)  # usual order of magnitude for self-serve software; not reported
    activation_effect: float = bound(-0.02, *EFFECT)  # small, because the article reports none for its key metric
    # users of content activate so many times as often as others (claim P04)
    activation_ratio: float = bound(2.5, *MEAN)
    paid_rate: float = bound(0.25, *SHARE)  # usual order of magnitude for a free trial without a card; not reported
    paid_effect: float = bound(-0.09, *EFFECT)  # the published nine points (claim P13)
    keenness_and_paid: float = bound(0.80, -3, 3)  # log-odds of paying per standard deviation: 7 % to 30 % across it
    active_days: float = bound(8.0, *MEAN)  # of the first 28 days: twice a week
    active_days_effect: float = bound(-1.0, *EFFECT)  # one eighth fewer: less engagement without a start (claim P15)
    conversations: float = bound(1.2, *MEAN)  # per workspace in 28 days; most start none or one
    conversations_effect: float = bound(-0.15, *EFFECT)  # one eighth fewer, as active days: because fewer are active
    searches: float = bound(2.0, *MEAN)  # per workspace in 28 days
    searches_effect: float = bound(-0.40, *EFFECT)  # a fifth fewer (claim P12 gives the direction alone)
    monthly_churn: float = bound(0.03, *PART)  # of paying workspaces; low end for small companies
    refund_share: float = bound(0.03, *PART)  # of first payments, so that revenue has negative values

    def __post_init__(self):
        super().__post_init__()
        wrong = self.share_find_anyway >= self.share_use_content
        self.refuse(wrong, ", share_find_anyway: it must be below share_use_content")


@dataclass(frozen=True)
class Response(kit.Chance):
    """How one outcome rises with keenness, and what opened help adds to compliers.

    `ceiling` is the greatest mean (1 for a share, None for a count); `factor` the share of the room above
    (or, below 0 and for counts, of the value itself) that help adds.
    """

    ceiling: float | None = 1.0

    def plain(self, trait) -> np.ndarray:
        """Mean outcome without help, at each keenness."""
        if self.ceiling is None:
            return np.exp(self.level + self.slope * trait)
        return self.ceiling * super().plain(trait)

    def room(self, trait) -> np.ndarray:
        """What a factor of 1 adds, at each keenness."""
        plain = self.plain(trait)
        return plain if self.ceiling is None or self.factor < 0 else self.ceiling - plain


def proactive_help(*, n_units=4000, seed=2022, **world) -> kit.Simulation:
    """Return workspaces of a 28-day hold-out: control `links` keeps the links to help, treatment `no_links` lacks them.

    A hidden keenness drives use of content, activation and payment. Help works through being opened alone, in the
    workspaces that open it with links and would not without (compliers); so the exclusion restriction holds here.

    Parameters
    ----------
    n_units : int, workspaces, 10 to 100,000,000
        The article gives none; 4,000 shows nine points clearly and two points not.
    seed : int
    **world : float
        Baselines and planted effects: the fields of `HelpWorld`, each with its reason there.

    Returns
    -------
    Simulation: assignments (workspace_id, variant, assigned_at UTC, seats, country, plan_tier); events (workspace_id,
        event, at UTC, value, format); units with activated, conversations, searches, active_days, converted, arr
        (USD in 365 days), still_paying (renewed within 245 days), help_opened (0/1 within 28 days), paid_in_days and
        paid_in_observed; truth of the population, without sampling error.

    Raises
    ------
    Refused: an unknown parameter, a value outside its range, effects that cannot be carried.

    Examples
    --------
    >>> made = proactive_help(n_units=50, seed=3)
    >>> sorted(set(made.units["variant"]))
    ['links', 'no_links']
    """
    settings, n_units, rng = HelpWorld.open(world, n_units, seed)
    responses = solve_responses(settings)
    assignments, hidden = _draw_people(n_units, rng, settings)
    means = {name: response.served(hidden["keenness"], hidden["helped"]) for name, response in responses.items()}
    parts = [
        _draw_help(hidden["opens"], rng["help"]),
        _draw_activation(means["activated"], rng["activation"]),
        _draw_activity(means["active"], rng["activity"]),
        _draw_questions(means, rng["questions"]),
        _draw_money(assignments, means["paid"], rng["money"], settings),
    ]
    truth = {"effects": state_truth(settings, responses)}
    return settings.finish(assignments, parts, truth, f"{n_units:,} workspaces whose effects are planted")


def opening_shares(world, keenness) -> tuple[np.ndarray, np.ndarray]:
    """Return the chance to open help with links, and without, at each keenness."""
    spread = np.sqrt(1 - world.keenness_and_use**2)
    return tuple(
        stats.norm.cdf((world.keenness_and_use * keenness + stats.norm.ppf(share)) / spread)
        for share in (world.share_use_content, world.share_find_anyway)
    )


def mean_seats(keenness) -> np.ndarray:
    """Return the mean number of seats beyond the first, at each keenness."""
    return np.exp(SEATS_LOG_MEAN + SEATS_SLOPE * np.asarray(keenness, float))


def solve_responses(world) -> dict[str, Response]:
    """Return the response of each outcome, such that the population has exactly the world's rates and effects.

    Raises
    ------
    Refused: an effect that compliers alone cannot carry, or a ratio that no strength of keenness gives.
    """
    days = world.active_days - 1
    found = {
        "activated": _solve_activation(world),
        "paid": _solve(world, world.paid_rate, world.paid_effect, world.keenness_and_paid),
        "active": _solve(world, days, world.active_days_effect, 0.5, ceiling=WINDOW_DAYS - 1),
        "conversations": _solve(world, world.conversations, world.conversations_effect, 0.4, ceiling=None),
        "searches": _solve(world, world.searches, world.searches_effect, 0.4, ceiling=None),
    }
    for name, response in found.items():
        fits = -1 <= response.factor <= (np.inf if response.ceiling is None else 1)
        world.refuse(not fits, f": the effect on {name} is more than opened help can carry; lower it")
    return found


def _solve(world, control, effect, slope, *, ceiling=1) -> Response:
    base = control + effect
    beyond = base <= 0 or (ceiling and max(base, control) >= ceiling)
    world.refuse(beyond, ": a baseline with its effect leaves the possible range; lower the effect")
    if ceiling is None:
        level = np.log(base / average(np.exp(slope * NODES)))
    else:
        level = kit.solve_level(lambda level: special.expit(level + slope * NODES), base / ceiling)
    use, find = opening_shares(world, NODES)
    room = Response(level, slope, -effect, ceiling).room(NODES)
    return Response(level, slope, -effect / average((use - find) * room), ceiling)


def _solve_activation(world) -> Response:
    def respond(slope):
        return _solve(world, world.activation_rate, world.activation_effect, slope)

    def miss(slope):
        others, users = contrast_users(world, respond(slope))
        return users / others - world.activation_ratio

    never = miss(-6) * miss(6) > 0
    world.refuse(never, ", activation_ratio: no strength of keenness gives it at these rates")
    return respond(optimize.brentq(miss, -6, 6, xtol=1e-12))


def mean_by_arm(world, response, *, worth=1.0) -> tuple[float, float]:
    """Return the population means with links and without, each person weighted by `worth` (at each node)."""
    use, find = opening_shares(world, NODES)
    plain = response.plain(NODES)
    gain = (use - find) * (response.served(NODES) - plain)
    return average(worth * (plain + gain)), average(worth * plain)


def contrast_users(world, response, *, worth=1.0) -> tuple[float, float]:
    """Return the means of those who do not open help and of those who do, within the arm with links."""
    use, find = opening_shares(world, NODES)
    plain, helped = response.plain(NODES), response.served(NODES)
    others = average(worth * (1 - use) * plain) / average(1 - use)
    return others, average(worth * (find * plain + (use - find) * helped)) / average(use)


def state_truth(world, responses) -> list[dict]:
    """Return every planted effect, computed from the generating probabilities: population values, no sampling error.

    Returns
    -------
    list of dict: rows as `list_effects` makes them; for each metric the difference and lift over all assigned, the
        naive contrast of those who open help with those who do not within the arm with links, and the effect in
        compliers (both taker minus not).
    """
    tiers = special.softmax(TIER_LEVELS + np.multiply.outer(NODES, TIER_SLOPES), axis=-1)
    months = kit.expect_payments(world, REVENUE_DAYS, lambda day: kit.cut_share(day - TRIAL_DAYS, DELAY_DAYS, PAY_DAYS))
    worth = {
        "arr": months * (tiers @ list(PRICES.values())) * (1 + mean_seats(NODES)),
        "still_paying": (1 - world.refund_share) * (1 - world.monthly_churn) ** RENEWAL_MONTHS,
    }
    paying = dict.fromkeys(("converted", "arr", "still_paying"), "paid")
    outcomes = {name: name for name in ("activated", "conversations", "searches")} | paying
    effects = []
    for name, key in outcomes.items():
        effects += _state_metric(world, name, responses[key], worth.get(name, 1.0))
    days = [1 + mean for mean in mean_by_arm(world, responses["active"])]
    rates = [talk / day for talk, day in zip(mean_by_arm(world, responses["conversations"]), days, strict=True)]
    delay = DELAY_DAYS + PAY_DAYS / np.expm1(-PAY_DAYS / DELAY_DAYS) * np.exp(-PAY_DAYS / DELAY_DAYS)  # mean, cut off
    gained = HORIZON_DAYS - TRIAL_DAYS - delay
    times = [HORIZON_DAYS - share * gained for share in mean_by_arm(world, responses["paid"])]
    effects += kit.list_effects("active_days", world.arms, days) + kit.list_effects("per_active", world.arms, rates)
    return [*effects, kit.make_effect("paid_in", world.arms, times, estimand="rmst_difference")]


def _state_metric(world, metric, response, worth):
    links, without = mean_by_arm(world, response, worth=worth)
    others, users = seen = contrast_users(world, response, worth=worth)
    use, find = opening_shares(world, NODES)
    compliers = average(use - find)
    plain = average(worth * (use - find) * response.plain(NODES)) / compliers
    told = [
        (seen, {"estimand": "naive", "population": "as_treated"}),
        (seen, {"value": users / others, "estimand": "ratio", "population": "as_treated"}),
        ((plain, plain + (links - without) / compliers), {"estimand": "cace", "population": "compliers"}),
    ]
    effects = [kit.make_effect(metric, world.arms, means, **labels) for means, labels in told]
    return kit.list_effects(metric, world.arms, (links, without)) + effects


def _draw_people(n_units, rng, settings):
    people, keenness = rng["people"], rng["people"].standard_normal(n_units)
    with_links, without = opening_shares(settings, keenness)
    urge, tier = people.random(n_units), kit.choose(TIER_LEVELS, TIER_SLOPES, keenness, people)
    links = rng["assignment"].random(n_units) < 0.5
    start = np.sort(rng["assignment"].integers(0, ENROLMENT_DAYS * SECONDS_A_DAY, n_units))
    assignments = pd.DataFrame(
        {
            "workspace_id": kit.name_units("ws", n_units),
            "variant": np.where(links, CONTROL, TREATMENT),
            "assigned_at": ENROLMENT_STARTS.as_unit("s") + pd.to_timedelta(start, unit="s"),
            "seats": 1 + people.negative_binomial(SEATS_SPREAD, SEATS_SPREAD / (SEATS_SPREAD + mean_seats(keenness))),
            "country": people.choice(list(COUNTRIES), n_units, p=list(COUNTRIES.values())),
            "plan_tier": np.array(list(PRICES))[tier],
        }
    )
    helped = links & (urge < with_links) & (urge >= without)
    return assignments, {"keenness": keenness, "opens": helped | (urge < without), "helped": helped}


def _draw_help(opens, rng):
    rows = kit.spread_rows(np.where(opens, 1 + rng.poisson(1.5, opens.size), 0))
    kinds = rng.choice(list(FORMATS), rows.size, p=list(FORMATS.values()))
    opened = tell("help_opened", rows, _spread(rng, rows.size, early=3), format=kinds)
    return {"help_opened": opens}, [opened]


def _draw_activation(share, rng):
    chance = rng.random(share.size)
    activated, late = chance < share, (chance >= share) & (chance < share + 0.05 * (1 - share))
    soon, after = np.flatnonzero(activated), np.flatnonzero(late)
    within = tell("activated", soon, _spread(rng, soon.size, early=2))
    return {"activated": activated}, [within, tell("activated", after, _spread(rng, after.size, late=True))]


def _draw_activity(mean, rng):
    share, days = mean / (WINDOW_DAYS - 1), np.arange(WINDOW_DAYS + LATER_DAYS)
    active = rng.random((share.size, days.size)) < share[:, None] * np.where(days < WINDOW_DAYS, 1, 0.5)
    active[:, 0] = True
    rows, day = np.nonzero(active)
    times = day * SECONDS_A_DAY + rng.integers(0, SECONDS_A_DAY, rows.size)
    return {"active_days": active[:, :WINDOW_DAYS].sum(axis=1)}, [tell("active_day", rows, times)]


def _draw_questions(means, rng):
    columns, events = {}, []
    for name, event in (("conversations", "conversation_started"), ("searches", "help_search")):
        columns[name] = rng.poisson(means[name])
        rows, later = kit.spread_rows(columns[name]), kit.spread_rows(rng.poisson(means[name] / 4))
        events.append(tell(event, rows, _spread(rng, rows.size, early=1.5)))
        events.append(tell(event, later, _spread(rng, later.size, late=True)))
    return columns, events


def _draw_money(assignments, share, rng, settings):
    paid = rng.random(share.size) < share
    months, refunded = kit.draw_months(settings, paid, rng)
    first = to_seconds(TRIAL_DAYS + kit.cut_delay(rng.random(share.size), DELAY_DAYS, PAY_DAYS))
    bill = assignments["seats"].to_numpy() * assignments["plan_tier"].map(PRICES).to_numpy()
    revenue, payments = kit.list_payments(first, bill, months, refunded, {"arr": REVENUE_DAYS})
    unpaid, renewed = (COMPLETE_TO - assignments["assigned_at"]).dt.total_seconds(), months > RENEWAL_MONTHS
    days = np.where(paid, first, unpaid) / SECONDS_A_DAY
    columns = {"converted": paid, **revenue, "still_paying": renewed, "paid_in_days": days, "paid_in_observed": paid}
    trial = tell("trial_ended", None, np.full(share.size, to_seconds(TRIAL_DAYS)))
    again = tell("renewed", None, first + to_seconds(RENEWAL_MONTHS * kit.MONTH_DAYS), where=renewed)
    return columns, [*payments, trial, tell("paid", None, first, where=paid), again]


def _spread(rng, size, *, early=1.0, late=False):
    """Return seconds within the window, more of them early, or evenly in the days after it."""
    first, last = (WINDOW_DAYS, WINDOW_DAYS + LATER_DAYS) if late else (0, WINDOW_DAYS)
    return to_seconds(first + rng.beta(1, early, size) * (last - first))
