"""Queues: how many agents a reply target takes, what it takes for everybody, and what uneven arrivals do to it."""

import functools
import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from helpers import examples
from helpers.inference.means import linearise, measure_columns
from helpers.records import Refused
from helpers.simulate.kit import HOURS_A_WEEK, SECONDS_AN_HOUR, serve

QUESTIONS, WEEKS_A_YEAR = "questions", 52
BLOCK = 4  # hours; of a weekday or of the weekend, one name for each hour of the week
NAMES = [f"{day} {h:02d}-{h + BLOCK:02d}" for day in ("weekday", "weekend") for h in range(0, 24, BLOCK)]
BLOCKS = np.array([NAMES[(h >= 120) * len(NAMES) // 2 + h % 24 // BLOCK] for h in range(HOURS_A_WEEK)], object)
TESTED, ALL_HOURS, GIVEN = "as tested", "all hours", "given"
RANGES = ("units_per_year", "handling", "patience")
CALL_MINUTES = 5  # intervals in which public calls are counted
CUSTOMERS = 60_000  # simulated, about: enough for a share within half a point
FEWEST_WEEKS, MOST_WEEKS = 2, 400
STANDARD, TEST = "standard promise for all", "the test: live for half, standard for half"
DOUBLED, LIVE = "live for all, as twice the test's live team", "live for all, from the queue"
MONDAY = pd.Timestamp("2018-01-01", tz="UTC")
EDGE_DAYS = 42  # sign-ups ask for four weeks, stragglers for two more: their tail is growth and decline, not unrest
LEVEL = 0.95
DRAWS = 3  # of a Poisson stream beside the real one
TOLERANCE = 0.05  # a day is short when this much less than the target share is answered in time
HELD_DAYS = 0.9  # share of days on which the dearer plan holds the target
NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)
NEGLIGIBLE = 42.0  # e to the minus 42: what is left out of an integral
MOST_AGENTS = 100_000


@dataclass(frozen=True)
class Promise:
    """A reply that is promised, the work that it takes, and the patience of those who wait for it.

    Parameters
    ----------
    handle_minutes, patience_minutes : float, above 0
        Means of the work on a question, and of the time after which a customer without an answer leaves; both times
        are taken as exponential.
    target_minutes : float, 0 or more
    target_share : float, above 0 and below 1
        Of all who ask, answered within the target; whoever leaves before is missed.
    """

    handle_minutes: float
    patience_minutes: float
    target_minutes: float
    target_share: float


@dataclass(frozen=True)
class Answering:
    """How a queue answers in the long run.

    `share_within` of all who ask, answered within the target; `share_lost` who leave unanswered; `wait_minutes` mean
    wait of those who are answered, nan where nobody is; `occupancy` mean share of the agents who are busy, nan without
    agents.
    """

    share_within: float
    share_lost: float
    wait_minutes: float
    occupancy: float


def answer_by_erlang_c(arrivals_per_hour, agents, promise) -> Answering:
    """Return how a queue answers whose customers wait for ever (M/M/n).

    Assumes that questions come one by one at an even rate, that handling times are exponential and that the hour is
    like all hours before it. Nobody leaves: agents too few for the load never catch up.

    Parameters
    ----------
    arrivals_per_hour : float, 0 or more
    agents : int, 0 or more
    promise : Promise, whose patience is left aside

    Returns
    -------
    Answering: share_lost 0; where the load is not below the number of agents share_within is 0 and the wait endless.

    References
    ----------
    Erlang 1917, Solution of some problems in the theory of probabilities, section 3; Gross et al. 2018, Fundamentals
    of Queueing Theory, section 3.3.
    """
    load = arrivals_per_hour * promise.handle_minutes / 60
    if agents <= load:  # no agent, or a queue that grows for ever
        return Answering(0.0, 0.0, math.inf, 1.0 if agents else math.nan)
    blocked = math.exp(_log_erlang_b(load, agents))
    waiting = blocked / (1 - load / agents * (1 - blocked))
    spare = (agents - load) / promise.handle_minutes
    within = 1 - waiting * math.exp(-spare * promise.target_minutes)
    return Answering(within, 0.0, waiting / spare, load / agents)


@functools.lru_cache(maxsize=100_000)
def answer_by_erlang_a(arrivals_per_hour, agents, promise) -> Answering:
    """Return how a queue answers whose customers give up (M/M/n+M, Erlang A).

    Assumes what Erlang C does, but that each customer leaves after an exponential patience with the given mean. The
    wait of a patient one has the density h(x) = exp(rate (1 - exp(-leaving x)) / leaving - served x) beyond 0, up to a
    factor; it is integrated on either side of its peak and of the target, over its value at the peak.

    Parameters
    ----------
    arrivals_per_hour : float, 0 or more
    agents : int, 0 or more
    promise : Promise

    Returns
    -------
    Answering: whoever leaves counts as not answered within the target.

    References
    ----------
    Garnett, Mandelbaum & Reiman 2002, section 2; Mandelbaum & Zeltyn 2007, section 3 (J and epsilon; the integrals are
    taken numerically, on a log scale).
    """
    if agents == 0:
        return Answering(0.0, 1.0, math.nan, math.nan)
    if arrivals_per_hour == 0:
        return Answering(1.0, 0.0, 0.0, 0.0)
    rate, served, leaving = arrivals_per_hour / 60, agents / promise.handle_minutes, 1 / promise.patience_minutes

    def height(x):
        return -rate * np.expm1(-leaving * x) / leaving - served * x

    def rise(x):
        return height(x) - peak + NEGLIGIBLE

    top = max(0.0, math.log(rate / served) / leaving)
    peak = height(top)
    low = 0.0 if rise(0.0) >= 0 else optimize.brentq(rise, 0.0, top)
    high = optimize.brentq(rise, top, (rate / leaving - peak + NEGLIGIBLE + 1) / served)
    cuts = np.unique([low, top, high, np.clip(promise.target_minutes, low, high)])[:, None]
    x = cuts[:-1] + np.diff(cuts, axis=0) * (NODES + 1) / 2
    density = np.exp(height(x) - peak) * WEIGHTS * np.diff(cuts, axis=0) / 2
    total, still = density.sum(), density * np.exp(-leaving * x)  # who would wait, who is still there
    soon = still[cuts[1:, 0] <= promise.target_minutes].sum()
    odds = math.log(rate) + _log_erlang_b(rate * promise.handle_minutes, agents - 1) + peak + math.log(total)
    waiting, at_once = special.expit(odds), special.expit(-odds)
    answered = at_once + waiting * still.sum() / total
    return Answering(
        share_within=float(min(at_once + waiting * soon / total, 1.0)),
        share_lost=float(np.clip(1 - answered, 0.0, 1.0)),
        wait_minutes=float(waiting * (still * x).sum() / total / answered),
        occupancy=float(min(rate * answered / served, 1.0)),
    )


def _log_erlang_b(load, agents):
    """Log of the share that finds all agents busy where nobody waits (Erlang B); inf where hardly any is ever free."""
    below = special.gammaincc(agents + 1, load)
    none = special.xlogy(agents, load) - load - special.gammaln(agents + 1)
    return none - (math.log(below) if below > 0 else -math.inf)


def agents_needed(arrivals_per_hour, promise, *, answer=answer_by_erlang_a) -> np.ndarray:
    """Return the fewest agents who answer the target share of all who ask within the target, one number a rate.

    Parameters
    ----------
    arrivals_per_hour : float or array-like, 0 or more; 0 needs no agent
    promise : Promise
    answer : function, `answer_by_erlang_a` or `answer_by_erlang_c`

    Returns
    -------
    array of int, shape as the rates

    Raises
    ------
    Refused: more than 100,000 agents would be needed.
    """
    rates, places = np.unique(arrivals_per_hour, return_inverse=True)
    agents, found = 0, []
    for rate in rates.tolist():  # rising: what is too few for one rate is too few for the next
        agents = max(agents, math.floor(rate * promise.handle_minutes / 60 * promise.target_share))
        while agents <= MOST_AGENTS and rate and answer(rate, agents, promise).share_within < promise.target_share:
            agents += 1
        if agents > MOST_AGENTS:
            raise Refused(f"staffing: more than {MOST_AGENTS:,} agents would be needed; check the rates and the target")
        found.append(agents)
    return np.array(found)[places].reshape(np.shape(arrivals_per_hour))


def count_arrivals(asked_at) -> pd.DataFrame:
    """Return how many questions were asked in each hour of whole days, quiet hours included.

    Six weeks at either end are not counted, where questions grow with the first sign-ups and run out with the last,
    unless fewer than three times as many are there.

    Parameters
    ----------
    asked_at : Series of times in UTC, one a question; not empty

    Returns
    -------
    DataFrame: as `count_hours` gives it, rising.
    """
    first, last, edge = asked_at.min(), asked_at.max(), pd.Timedelta(days=EDGE_DAYS)
    if last - first >= 3 * edge:
        first, last = first + edge, last - edge
    start = pd.date_range(first.normalize(), last.normalize() + pd.Timedelta(hours=23), freq="h")
    counts = asked_at.dt.floor("h").value_counts().reindex(start, fill_value=0)
    return count_hours(pd.DataFrame({"start": start, "count": counts.to_numpy()}), 60)


def count_hours(counts, minutes) -> pd.DataFrame:
    """Return counts by the hour, with the hour of the week.

    Parameters
    ----------
    counts : DataFrame: start (UTC), count, of intervals
    minutes : int, length of an interval, which divides an hour

    Returns
    -------
    DataFrame: start, count, covered (part of the hour that was counted), slot (Monday 00:00 is 0).
    """
    hours = counts.groupby(counts["start"].dt.floor("h"))["count"].agg(count="sum", covered="size").reset_index()
    slot = (hours["start"] - MONDAY) // pd.Timedelta(hours=1) % HOURS_A_WEEK
    return hours.assign(covered=hours["covered"] * minutes / 60, slot=slot.astype(int))


def add_means(hours) -> pd.DataFrame:
    """Return each hour with its slot's `mean`, the `gap` to it, and the share of variance `left` by estimating it.

    Slots seen once or without an arrival are left out.
    """
    slots = hours.groupby("slot")["count"]
    table = hours.assign(mean=slots.transform("mean"), n=slots.transform("size"))
    table = table[(table["n"] > 1) & (table["mean"] > 0)]
    return table.assign(gap=table["count"] - table["mean"], left=1 - 1 / table["n"], day=table["start"].dt.normalize())


def estimate_ratio(over, under, days, *, least=-math.inf, most=math.inf) -> dict[str, float]:
    """Return a ratio of two sums with its 95 % interval, days as clusters (linearised, t); nan from one day.

    Parameters
    ----------
    over, under : Series, or a number that stands for all
    days : Series of the same length
    least, most : float, beyond which no end of the interval lies
    """
    sums = pd.DataFrame({"over": over, "under": under}, dtype=float).groupby(days).sum()
    moments = measure_columns(sums.to_numpy(), ("over", "under"))
    ratio, variance = linearise(moments.mean, moments.cov)
    half = stats.t.ppf((1 + LEVEL) / 2, max(moments.n - 1, 1)) * math.sqrt(variance / max(moments.n, 1))
    low, high = np.clip([ratio - half, ratio + half], least, most).tolist()
    return {"value": ratio, "ci_low": low, "ci_high": high}


def judge_arrivals(hours, promise, *, seed) -> pd.DataFrame:
    """Return how unevenly questions arrive, what staffing for the mean of each hour of the week then misses, and holds.

    Each hour is compared with the mean of its weekday and time, estimated from the same counts, so that unrest is
    understated a little. The rule: each hour of the week gets the agents that Erlang A asks for at its mean rate. How
    they answer is then read, again from Erlang A, at the rate that really came in that hour. A Poisson stream with the
    same means, drawn and read in the same way, falls short at times too; what the real one does worse is what the rule
    misses.

    Parameters
    ----------
    hours : DataFrame, as `add_means` gives it, of two weeks or more
    promise : Promise
    seed : int, of the Poisson stream

    Returns
    -------
    DataFrame: measure, value, ci_low, ci_high (95 %, days as clusters; nan for agent hours), poisson.
        Measures: `dispersion_hours` (variance over mean within a slot), `within` (share of all who ask, answered within
        the target), `days_short` (share of days on which that is more than 5 points below the target share),
        `agent_hours_rule` (a week, by the rule), `agent_hours_held` (with agents for the count of each hour that 90 %
        of its days stay below).

    References
    ----------
    Avramidis, Deslauriers & L'Ecuyer 2004; Ibrahim, Ye, L'Ecuyer & Shen 2016 (over-dispersion).
    """
    agents = agents_needed(hours["mean"] / hours["covered"], promise).tolist()

    def read(count):
        pairs = zip((count / hours["covered"]).tolist(), agents, strict=True)
        within = [answer_by_erlang_a(*pair, promise).share_within for pair in pairs]
        return hours.assign(count=count, within=count * within)

    rng = np.random.default_rng(seed)
    real = _judge_days(read(hours["count"]), promise)
    draws = [_judge_days(read(rng.poisson(hours["mean"])), promise) for _ in range(DRAWS)]
    even = {name: np.mean([draw[name]["value"] for draw in draws]) for name in real}
    slots = hours.groupby("slot")
    mean, covered = slots["mean"].first(), slots["covered"].mean()
    busy = slots["count"].quantile(HELD_DAYS, interpolation="higher")
    counts = (mean, busy, stats.poisson.ppf(HELD_DAYS, mean))
    rule, held, held_even = ((agents_needed(count / covered, promise) * covered).sum() for count in counts)
    spread = estimate_ratio(hours["gap"] ** 2 / hours["mean"] / hours["left"], 1.0, hours["day"], least=0.0)
    rows = [{"measure": "dispersion_hours", **spread, "poisson": 1.0}]
    rows += [{"measure": name, **found, "poisson": even[name]} for name, found in real.items()]
    rows.append({"measure": "agent_hours_rule", "value": rule, "poisson": rule})
    return pd.DataFrame([*rows, {"measure": "agent_hours_held", "value": held, "poisson": held_even}])


def _judge_days(hours, promise):
    """The share of questions answered within the target, and of days on which it is clearly below the target share."""
    days = hours.groupby("day")[["count", "within"]].sum()
    missed = days["within"] < (promise.target_share - TOLERANCE) * days["count"]
    ratios = {"within": (days["within"], days["count"]), "days_short": (missed, 1.0)}
    return {name: estimate_ratio(*pair, days.index, least=0.0, most=1.0) for name, pair in ratios.items()}


def plan_staffing(arrivals, promise) -> pd.DataFrame:
    """Return the fewest agents who hold a reply target, one row an hour of the week.

    Each hour is staffed for its own rate, as if it lasted for ever (stationary, hour by hour); `check_staffing`
    measures what that leaves out. Agents are people at the desk: breaks and training come on top.

    Parameters
    ----------
    arrivals : array, shape (168,), questions an hour, Monday 00:00 first
    promise : Promise

    Returns
    -------
    DataFrame: hour, arrivals_per_hour, agents_erlang_a (customers give up), agents_erlang_c (they wait for ever), and
        by Erlang A with that many agents share_within, share_lost, wait_minutes, occupancy; where nothing arrives
        there are no agents and these four are nan.

    References
    ----------
    Green, Kolesar & Soares 2001 (stationary independent period by period); see `answer_by_erlang_a`.
    """
    rates = np.asarray(arrivals, float).tolist()
    staffing = pd.DataFrame({"hour": range(HOURS_A_WEEK), "arrivals_per_hour": rates})
    staffing["agents_erlang_a"] = agents_needed(rates, promise)
    staffing["agents_erlang_c"] = agents_needed(rates, promise, answer=answer_by_erlang_c)
    pairs = zip(rates, staffing["agents_erlang_a"].tolist(), strict=True)
    found = pd.DataFrame([vars(answer_by_erlang_a(*pair, promise)) for pair in pairs])
    return staffing.join(found.where(staffing["arrivals_per_hour"] > 0))


def check_staffing(staffing, promise, *, seed) -> pd.DataFrame:
    """Return what a simulated queue gives with the planned agents, beside the formula, one row a block of hours.

    The week is simulated many times, one after the other: Poisson questions at the planned rates, exponential
    handling times and patience, agents who come and go with the hours and finish what they began. So queues carry
    over from hour to hour, which the formula ignores. Both are models: neither is a measured share.

    Parameters
    ----------
    staffing : DataFrame
        As `plan_staffing` returns it.
    promise : Promise, as planned with
    seed : int

    Returns
    -------
    DataFrame: block ("weekday 08-12"), arrivals_per_week, agents (mean), share_formula, share_within, ci_low, ci_high
        (95 % Monte-Carlo interval, with days as replicates), lost_formula, share_lost; blocks without questions are
        left out.
    """
    rates, agents = staffing["arrivals_per_hour"].to_numpy(), staffing["agents_erlang_a"].to_numpy()
    weeks, rng = int(np.clip(CUSTOMERS / max(rates.sum(), 1e-9), FEWEST_WEEKS, MOST_WEEKS)), np.random.default_rng(seed)
    counts = rng.poisson(np.tile(rates, weeks))
    hour = np.repeat(np.arange(counts.size), counts)
    arrived = np.sort(SECONDS_AN_HOUR * (hour + rng.random(hour.size)))
    handling, patience = rng.exponential(60, (2, hour.size)) * [[promise.handle_minutes], [promise.patience_minutes]]
    duty = np.arange(agents.max(initial=0))[:, None] < agents
    wait = serve(arrived, handling, patience, duty).wait
    drawn = pd.DataFrame({"block": BLOCKS[hour % HOURS_A_WEEK], "day": hour // 24, "lost": np.isnan(wait)})
    drawn["within"], rows = wait <= 60 * promise.target_minutes, []
    for name, planned in staffing[rates > 0].groupby(BLOCKS[rates > 0], sort=False):
        replies, asked = drawn[drawn["block"] == name], planned["arrivals_per_hour"]
        if replies.empty:
            continue
        formula = planned[["share_within", "share_lost"]].mul(asked, axis=0).sum() / asked.sum()
        row = {"block": name, "arrivals_per_week": asked.sum(), "agents": planned["agents_erlang_a"].mean()}
        row |= {"share_formula": formula["share_within"], "lost_formula": formula["share_lost"]}
        row |= estimate_ratio(replies["within"], 1.0, replies["day"], least=0.0, most=1.0)
        rows.append({**row, "share_lost": replies["lost"].mean()})
    return pd.DataFrame(rows).rename(columns={"value": "share_within"})


def rate_questions(conversations, *, variant, n_units, min_cell=1) -> np.ndarray:
    """Return the questions that sign-ups of one arm ask, by hour of the week, once one signs up every week.

    All questions that the data holds count: in the long run each week brings as many as one week's sign-ups ever ask.
    Hours in which the test had nobody on duty for the arm stay so: what is asked then waits, as it did, and is work of
    the other hours, in proportion to theirs. Somebody was on duty in an hour in whose second half a question had its
    first reply, or in which one was asked and had it; without any reply all hours are taken as staffed.

    Parameters
    ----------
    conversations : DataFrame
        One row a question: variant, hour (0 to 167, of the UTC week, Monday 00:00 first), asked_at (UTC), wait_minutes
        (nan where never answered), unit (where min_cell counts).
    variant : str
    n_units : int
        Units in the arm, with or without a question.
    min_cell : int
        Where fewer units ask in an hour, all hours of its block of four have their mean; so do small blocks together.
        They are staffed where any of them is.

    Returns
    -------
    array, shape (168,), questions an hour.

    Raises
    ------
    Refused: an arm without units.
    """
    if n_units < 1:
        raise Refused(f"staffing: no unit is in the arm {variant}; name the arms as the plan does")
    asked = conversations[conversations["variant"] == variant]
    pools = _pool_small(asked, min_cell)
    counts = np.bincount(asked["hour"].to_numpy(int), minlength=HOURS_A_WEEK).astype(float)
    rates = pd.Series(counts).groupby(pools).transform("mean").to_numpy() / n_units
    replied = (asked["asked_at"] + pd.to_timedelta(asked["wait_minutes"], unit="min")).dropna()
    same = replied.dt.floor("h") == asked["asked_at"].dt.floor("h")[replied.index]
    replied = replied[same | (replied.dt.minute >= 30)]
    served = replied.dt.day_of_week * 24 + replied.dt.hour
    staffed = np.isin(pools, pools[served]) if len(served) else np.full(HOURS_A_WEEK, True)
    return np.where(staffed, rates * (rates.sum() / max(rates[staffed].sum(), 1e-300)), 0.0)


def _pool_small(asked, least):
    """Names of hours that share a rate, so that none is of fewer than `least` units: small ones have their block's."""
    hours = asked["hour"].to_numpy(int)
    pools = np.array([f"{hour}" for hour in range(HOURS_A_WEEK)], object)
    if least <= 1:
        return pools

    def count_units():
        return asked.groupby(pools[hours])["unit"].nunique().sort_values(kind="stable")

    units = count_units()
    few = np.isin(pools, units.index[units < least])
    pools = np.where(np.isin(BLOCKS, BLOCKS[few]), BLOCKS, pools)
    units = count_units()
    while len(units) > 1 and units.iloc[0] < least:
        pools[np.isin(pools, units.index[:2])] = units.index[1]
        units = count_units()
    return pools


def plan_roll_out(rates, promises, *, units_per_week) -> pd.DataFrame:
    """Return the agent hours a week of four ways to serve the same sign-ups.

    Every hour of the week is staffed by Erlang A for its own questions; the arm with live support asks as often as it
    did in the test. Nothing waits for a quieter hour and other customers' questions count nowhere, so that the standard
    promise takes more hours here than a team that spreads its work: the extra hours are then a lower limit. In the
    test the two halves have teams of their own. Hours are at the desk: breaks and training come on top.

    Parameters
    ----------
    rates : dict of array, shape (168,), by arm
        As `rate_questions` returns them.
    promises : dict of Promise by arm: the standard promise first, then live support
    units_per_week : float
        All who sign up in a week.

    Returns
    -------
    DataFrame: scenario, agent_hours_per_week, extra_hours_per_week (beyond the standard promise for all);
        four rows, the third doubles the hours of the test's live team, as if halves could be
        added. (The test's extra hours are another thing: they pay for a second team of the standard promise too.)
    """

    def staff(arm, share):
        return agents_needed(rates[arm] * units_per_week * share, promises[arm]).sum()

    control, treatment = promises
    live_half = staff(treatment, 0.5)
    found = [staff(control, 1), staff(control, 0.5) + live_half, 2 * live_half, staff(treatment, 1)]
    hours = np.array(found, float)
    ways = {"scenario": [STANDARD, TEST, DOUBLED, LIVE], "agent_hours_per_week": hours}
    return pd.DataFrame({**ways, "extra_hours_per_week": hours - hours[0]})


def range_hours(rates, promises, *, ranges, given=None, basis=TESTED) -> pd.DataFrame:
    """Return the agent hours that live support for all adds in a year to the standard promise, over what is in doubt.

    Parameters
    ----------
    rates, promises : as for `plan_roll_out`; rates may be empty where hours are given
    ranges : dict of low, central and high
        `units_per_year`; `handling` and `patience`, times those of both promises.
    given : float, optional, paid hours a year
        What the researcher knows better for the central number of units; they grow with it in proportion.
    basis : str, `TESTED`, `ALL_HOURS` or `GIVEN`: which hours of the week are staffed

    Returns
    -------
    DataFrame, 27 rows, one a combination of the three: units_per_year, handling, patience, extra_hours (at the desk;
        paid where given), basis.
    """
    rows = []
    for units, handling, patience in itertools.product(*(ranges[name] for name in RANGES)):
        extra = 0.0 if given is None else given * units / max(ranges["units_per_year"][1], 1)
        for arm, sign in zip(promises, (-1, 1), strict=True) if given is None else ():
            times = {"handle_minutes": handling, "patience_minutes": patience}
            meant = {name: getattr(promises[arm], name) * factor for name, factor in times.items()}
            needed = agents_needed(rates[arm] * units / WEEKS_A_YEAR, replace(promises[arm], **meant))
            extra += sign * WEEKS_A_YEAR * float(needed.sum())
        rows.append((units, handling, patience, extra))
    return pd.DataFrame(rows, columns=[*RANGES, "extra_hours"], dtype=float).assign(basis=basis)


def study_staffing(
    conversations, promises, *, arrivals, units_in_arms, ranges, seed, given=None, min_cell=1
) -> dict[str, pd.DataFrame]:
    """Return every table about staffing that a study shows.

    Parameters
    ----------
    conversations : DataFrame or None
        One row a question, as `metrics.read_conversations` returns them. None where there are no events: then there is
        no roll-out, and, unless arrivals are public, no staffing.
    promises : dict of Promise by arm: the standard promise first, then live support
    arrivals : str
        `questions`: the hours are staffed for all sign-ups with live support; `public:bank_calls`: for those calls.
    units_in_arms : mapping, arm -> number of units
    ranges : dict of low, central and high, as for `range_hours`
    seed : int
    given : float, optional, as for `range_hours`
    min_cell : int
        Hours of the week in which fewer units ask share a rate, as `rate_questions` says.

    Returns
    -------
    dict: `staffing` (an hour of the week), `staffing_check` (a block of hours), `roll_out` (a way to serve all),
        `arrivals` (a measure), empty where each hour of the week was seen only once; `agent_hours` (a combination of
        what is in doubt), where there are conversations or hours are given; see data/README.md.

    Raises
    ------
    Refused: an arm without units.
    """
    units_per_week, live = ranges["units_per_year"][1] / WEEKS_A_YEAR, list(promises)[1]
    found, rates = {}, {}
    if conversations is not None and not conversations.empty:
        size = {arm: {"n_units": units_in_arms.get(arm, 0), "min_cell": min_cell} for arm in promises}
        rates = {arm: rate_questions(conversations, variant=arm, **size[arm]) for arm in promises}
        found["roll_out"] = plan_roll_out(rates, promises, units_per_week=units_per_week)
    if rates or given is not None:
        replied = bool(rates) and conversations["wait_minutes"].notna().any()
        basis = TESTED if replied and given is None else ALL_HOURS if given is None else GIVEN
        found["agent_hours"] = range_hours(rates, promises, ranges=ranges, given=given, basis=basis)
    if arrivals != QUESTIONS:
        hours = count_hours(examples.ARRIVALS[arrivals.removeprefix("public:")]().units, CALL_MINUTES)
        slots = hours.groupby("slot")
        wanted = (slots["count"].sum() / slots["covered"].sum()).reindex(range(HOURS_A_WEEK), fill_value=0.0).to_numpy()
    elif rates:
        hours, wanted = count_arrivals(conversations["asked_at"]), rates[live] * units_per_week
    else:
        return found
    staffing, uneven, hours = plan_staffing(wanted, promises[live]), pd.DataFrame(), add_means(hours)
    said = {"target_minutes": float(promises[live].target_minutes), "target_share": promises[live].target_share}
    if len(hours):  # else each hour of the week was seen only once
        uneven = judge_arrivals(hours, promises[live], seed=seed).assign(**said, source=arrivals)
    rounded = staffing["arrivals_per_hour"].round(1)
    return found | {
        "staffing": staffing.assign(arrivals_per_hour=rounded, **said, source=arrivals),
        "staffing_check": check_staffing(staffing, promises[live], seed=seed),
        "arrivals": uneven,
    }
