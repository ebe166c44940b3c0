"""Populations to draw both arms of an experiment from, whose true effects are known exactly."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import ndtr

from helpers.records import HORIZON_DAYS, LEVELS, LOOK_DAYS, NAN
from helpers.simulate import kit

FOLLOWED = (20.0, 80.0)  # days that a unit is followed for an event, uniform between
MORE_ACTIVE = 5  # a unit with more active days than this has a higher rate
AT_RISK_DAYS = (1.0, 60.0)
CLUSTER_MEAN = 18.0  # units of a cluster beyond two
ALWAYS, COMPLIERS = 0.1, 0.4  # of take-up; the rest never takes it up


def find_null(estimand: str) -> float:
    """Return the value of an estimand that means no effect: 1 for a ratio, else 0."""
    return 1.0 if estimand == "rate_ratio" else 0.0


@dataclass(frozen=True)
class Population:
    """Both arms of an experiment as random columns, with the exact truth.

    Parameters
    ----------
    name : str
    family : str
        What the columns are, and so which methods are for it.
    draw : function (rng, n, treated) -> array, shape (n, k), one row a randomised unit
    truth : dict, estimand -> value
    skewness : float, of the outcome (of what a ratio leaves of its numerator), the larger of both arms; nan where a
        method has no use for it
    event_shares : tuple of float, optional
        Shares of units with the event, or beyond the quantile, in control and treatment.
    spread : float, standard deviation in treatment over that in control
    worth : float, how many equal units a unit counts like: below 1 for clusters of unequal size
    apart : tuple of float, optional, as in `Moments`, in control and treatment
    jump : float, part of the limits of its quantile that lies between two neighbouring values
    """

    name: str
    family: str
    draw: Callable[[np.random.Generator, int, bool], np.ndarray]
    truth: dict[str, float]
    skewness: float = NAN
    event_shares: tuple[float, float] | None = None
    spread: float = 1.0
    worth: float = 1.0
    apart: tuple[float, float] = (NAN, NAN)
    jump: float = 0.0

    def has_effect(self, estimand: str) -> bool:
        """Return whether an effect of this kind is planted."""
        return abs(self.truth[estimand] - find_null(estimand)) > 1e-12

    def count_events(self, n_control: int, n_treatment: int) -> float | None:
        """Return the fewest units that are expected with, or without, the event in an arm; None without events."""
        if self.event_shares is None:
            return None
        shares = zip((n_control, n_treatment), self.event_shares, strict=True)
        return min(n * min(share, 1 - share) for n, share in shares)


def _contrast(control, treatment):
    return {"difference": float(treatment - control), "relative_lift": float(treatment / control - 1)}


def _shape(raw, *, is_positive=False):
    """Return the larger skewness, and the ratio of standard deviations, from three raw moments of either arm.

    Of a positive outcome, also how many units of either arm are above 0 at least, as a share.
    """
    deviations = [math.sqrt(second - first**2) for first, second, _ in raw]
    thirds = [abs(third - 3 * first * second + 2 * first**3) for first, second, third in raw]
    skewness = float(max(third / deviation**3 for third, deviation in zip(thirds, deviations, strict=True)))
    told = {"skewness": skewness, "spread": float(deviations[1] / deviations[0])}
    return told | ({"apart": tuple(first**2 / second for first, second, _ in raw)} if is_positive else {})


def make_share(name, *shares) -> Population:
    """Return a population of 0 and 1 with two shares of 1, of control and treatment."""

    def draw(rng, n, treated):
        return (rng.random((n, 1)) < shares[treated]).astype(float)

    skewness = _shape([(share, share, share) for share in shares])["skewness"]
    return Population(name, "shares", draw, _contrast(*shares), skewness, shares)


def make_count(name, *means, size=np.inf) -> Population:
    """Return a population of counts, Poisson, or negative binomial where `size` (1 / overdispersion) is finite."""

    def draw(rng, n, treated):
        rates = means[treated] if np.isinf(size) else rng.gamma(size, means[treated] / size, (n, 1))
        return rng.poisson(rates, (n, 1)).astype(float)

    factorial = [(mean, mean**2 * (1 + 1 / size), mean**3 * (1 + 1 / size) * (1 + 2 / size)) for mean in means]
    raw = [(first, second + first, third + 3 * second + first) for first, second, third in factorial]
    return Population(name, "counts", draw, _contrast(*means), **_shape(raw, is_positive=True))


def make_money(name, *arms, spread) -> Population:
    """Return a population of money: zero, or for some units lognormal with a standard deviation of the logarithm.

    Parameters
    ----------
    name : str
    *arms : tuple (share of payers, mean of the logarithm), of control and treatment
    spread : float
    """

    def draw(rng, n, treated):
        share, log = arms[treated]
        values = np.zeros((n, 1))
        pays = rng.random(n) < share
        values[pays, 0] = rng.lognormal(log, spread, int(pays.sum()))
        return values

    raw = [[share * math.exp(k * log + k**2 * spread**2 / 2) for k in (1, 2, 3)] for share, log in arms]
    truth = _contrast(raw[0][0], raw[1][0])
    return Population(name, "money", draw, truth, **_shape(raw, is_positive=True))


def make_score(name, *arms, family="scores") -> Population:
    """Return a population of values with given chances: 1 to 5, or NPS (-100, 0, 100) where three chances are given."""
    chances = [np.array(arm) for arm in arms]
    values = np.array([-100.0, 0.0, 100.0]) if len(arms[0]) == 3 else np.arange(1.0, LEVELS + 1)

    def draw(rng, n, treated):
        return kit.pick(values, chances[treated], rng.random((n, 1)))

    raw = [[values**k @ arm for k in (1, 2, 3)] for arm in chances]
    truth = _contrast(raw[0][0], raw[1][0])
    if family == "ordered scores":
        truth = {"difference": kit.win(*chances[::-1]) - kit.win(*chances)}
    return Population(name, family, draw, truth, **_shape(raw))


def make_quantile(name, probability, shift, *, step=0.0, zeros=(0.0, 0.0), least=0.0) -> Population:
    """Return a population of lognormal durations of which a quantile is compared, perhaps in whole steps.

    Parameters
    ----------
    name : str
    probability : float, of the quantile
    shift : float, of the logarithm under treatment
    step : float
        Durations are rounded up to multiples of it, so that many are equal; 0 leaves them as they are.
    zeros : tuple of float, shares of 0 in control and treatment, below the probability or not
    least : float, what all other durations are longer by
    """

    def draw(rng, n, treated):
        values = least + rng.lognormal(3.0 + shift * treated, 1.0, (n, 1))
        values[rng.random(n) < zeros[treated]] = 0.0
        return np.ceil(values / step) * step if step else values

    left = (probability - np.array(zeros)) / (1 - np.array(zeros))
    exact = np.where(left > 0, least + np.exp(3.0 + np.array([0, shift]) + stats.norm.ppf(left)), 0.0)
    low, high = np.ceil(exact / step) * step if step else exact
    family = "medians" if probability == 0.5 else "90th percentiles"
    truth, shares = {"difference": float(high - low)}, (1 - probability,) * 2
    return Population(name, family, draw, truth, event_shares=shares, jump=float(least > 0))


def make_ratio(name, effect) -> Population:
    """Return a population of (conversations, active days); the more active have more conversations a day.

    `effect` is relative, on the rate of conversations a day.
    """

    def rate(days, more):
        return np.where(days > MORE_ACTIVE, 0.3, 0.2) * (1 + more)

    def draw(rng, n, treated):
        days = 1 + rng.poisson(4, n)
        mean = rate(days, effect * treated)
        return np.column_stack([rng.binomial(days, rng.beta(5 * mean, 5 * (1 - mean))), days]).astype(float)

    days, counts, raw, rates = np.arange(1, 60)[:, None], np.arange(60), [], []
    for more in (0.0, effect):
        mean = rate(days, more)
        chances = stats.poisson.pmf(days - 1, 4) * stats.betabinom.pmf(counts, days, 5 * mean, 5 * (1 - mean))
        rates.append((chances * counts).sum() / (chances * days).sum())
        left = counts - rates[-1] * days
        raw.append((0.0, (chances * left**2).sum(), (chances * left**3).sum()))
    return Population(name, "ratios", draw, _contrast(*rates), **_shape(raw))


def make_cluster(name, *shares, alike) -> Population:
    """Return a population of clusters (units with the event, units), of very unequal sizes.

    `alike` is the correlation within clusters.
    """
    weight, sizes = 1 / alike - 1, np.arange(2, 1000)

    def draw(rng, n, treated):
        sizes = 1 + rng.geometric(1 / (CLUSTER_MEAN + 1), n)
        own = rng.beta(weight * shares[treated], weight * (1 - shares[treated]), n)
        return np.column_stack([rng.binomial(sizes, own), sizes]).astype(float)

    chances, raw = stats.geom.pmf(sizes - 1, 1 / (CLUSTER_MEAN + 1)), []
    for share in shares:  # a cluster's units with the event, less the share times its size
        variances, skewness = stats.betabinom.stats(sizes, weight * share, weight * (1 - share), moments="vs")
        raw.append((0.0, chances @ variances, chances @ (skewness * variances**1.5)))
    mean, variance = CLUSTER_MEAN + 2, CLUSTER_MEAN + CLUSTER_MEAN**2  # of the sizes: 2 more than a geometric number
    worth = 1 / (1 + variance / mean**2)
    return Population(name, "clusters", draw, _contrast(*shares), worth=worth, **_shape(raw))


def make_rate(name, ratio) -> Population:
    """Return a population of (events, days at risk), overdispersed, units observed for 1 to 60 days."""
    rates, (low, high) = (0.05, 0.05 * ratio), AT_RISK_DAYS

    def draw(rng, n, treated):
        days = rng.uniform(low, high, n)
        return np.column_stack([rng.poisson(rng.gamma(1.0, rates[treated], n) * days), days])

    raw = []
    for rate in rates:  # events less the rate times the days: Poisson given an exponential rate of the unit's own
        means = [(high ** (k + 1) - low ** (k + 1)) / (k + 1) / (high - low) for k in (1, 2, 3)]
        first, second, third = (rate**k * mean for k, mean in zip((1, 2, 3), means, strict=True))
        raw.append((0.0, first + second, first + 3 * second + 2 * third))
    return Population(name, "rates", draw, {**_contrast(*rates), "rate_ratio": ratio}, **_shape(raw))


def make_covariates(name, effect, *, missing=0.0) -> Population:
    """Return a population of (outcome, number before, two indicators of a category), slopes unlike in the arms.

    `effect` is the mean over all units; `missing` the share of the numbers and of the categories that are unknown,
    more of the high ones.
    """

    def draw(rng, n, treated):
        before, level = rng.standard_normal(n), rng.choice(3, n, p=(0.5, 0.3, 0.2))
        slope = 1.4 if treated else 0.8
        outcome = 5 + effect * treated + slope * before + 0.4 * (before**2 - 1) + 0.7 * level + rng.standard_normal(n)
        columns = np.column_stack([outcome, before, level == 1, level == 2]).astype(float)
        if missing:
            columns[rng.random(n) < missing * 2 * ndtr(before), 1] = np.nan
            columns[rng.random(n) < missing, 2:] = np.nan
        return columns

    return Population(name, "missing covariates" if missing else "covariates", draw, {"difference": effect})


def make_history(name) -> Population:
    """Return a population of (outcome, the same of last month), which is unknown of 30 %, whatever it is."""

    def draw(rng, n, treated):
        before = 10 + rng.standard_normal(n)
        outcome = 1 + 0.9 * before + 0.45 * rng.standard_normal(n)
        return np.column_stack([outcome, np.where(rng.random(n) < 0.3, np.nan, before)])

    return Population(name, "missing covariates", draw, {"difference": 0.0})


def make_gaps(name, effect, *, by_arm=False) -> Population:
    """Return a population of (outcome, covariate) in which the units with a high covariate answer less.

    By arm, the covariate keeps only the treated from answering, so that known outcomes alone mislead.
    """

    def draw(rng, n, treated):
        covariate = rng.standard_normal(n)
        outcome = 3 + effect * treated + covariate + rng.standard_normal(n)
        drives = covariate if treated or not by_arm else 0.0
        outcome[rng.random(n) > 1 / (1 + np.exp(0.8 * drives - 1))] = np.nan
        return np.column_stack([outcome, covariate])

    family = "outcomes missing by arm" if by_arm else "outcomes missing at random"
    return Population(name, family, draw, {"difference": effect})


def make_unknown(name, *shares, hidden) -> Population:
    """Return a population of 0, 1 and unknown: of the treated without the event a share is hidden, nobody else."""

    def draw(rng, n, treated):
        outcome = (rng.random(n) < shares[treated]).astype(float)
        outcome[(outcome == 0) & (rng.random(n) < hidden * treated)] = np.nan
        return outcome[:, None]

    return Population(name, "outcomes unknown in one arm", draw, {"difference": shares[1] - shares[0]})


def make_take_up(name, effect, *, compliers=COMPLIERS) -> Population:
    """Return a population of (outcome, taken up); compliers, always takers and never takers differ in outcome."""

    def draw(rng, n, treated):
        kind = rng.random(n)
        complies, always = kind < compliers, (kind >= compliers) & (kind < compliers + ALWAYS)
        taken = always | (complies & bool(treated))
        outcome = 2 + always - 0.5 * complies + effect * taken + rng.gamma(2.0, 1.0, n)
        return np.column_stack([outcome, taken]).astype(float)

    chances, raw = np.array([ALWAYS, compliers, 1 - ALWAYS - compliers]), []
    for treated in (False, True):  # what the three types add, and gamma noise of variance 2 and third central moment 4
        centred = np.array([1 + effect, effect * treated - 0.5, 0.0])
        centred = centred - centred @ chances
        raw.append((0.0, 2 + centred**2 @ chances, 4 + centred**3 @ chances))
    family = "take-up" if compliers >= COMPLIERS else "weak take-up"
    truth = {"cace": effect, "difference": effect * compliers}
    return Population(name, family, draw, truth, _shape(raw)["skewness"])


def make_looks(name, effect, *, family) -> Population:
    """Return a population of (outcome, day on which it is known), for looks at an experiment under way."""

    def draw(rng, n, treated):
        days = rng.integers(1, LOOK_DAYS + 1, n)
        return np.column_stack([rng.gamma(2.0, 1.0, n) + effect * treated, days])

    return Population(name, family, draw, {"difference": effect}, skewness=math.sqrt(2))


def make_metrics(name) -> Population:
    """Return a population of three related metrics without any effect."""

    def draw(rng, n, treated):
        shared = rng.standard_normal((n, 1))
        return shared + rng.gamma(2.0, 1.0, (n, 3))

    return Population(name, "several metrics", draw, {"any_difference": 0.0}, skewness=4 / 3**1.5)


def make_split(name, *, family, shares, estimand) -> Population:
    """Return a population of (outcome, group) whose effect is the same in all groups."""

    def draw(rng, n, treated):
        group = rng.choice(len(shares), n, p=shares)
        return np.column_stack([rng.gamma(2.0, 1.0, n) + 0.3 * group + treated * 0.2, group])

    return Population(name, family, draw, {estimand: 0.0}, math.sqrt(2))


def make_times(name, *hazards, competing=0.0) -> Population:
    """Return a population of (days, event): 0 not yet seen, 1 the event, 2 a competing event; hazards stay the same."""

    def draw(rng, n, treated):
        total = hazards[treated] + competing
        days, followed = rng.exponential(1 / total, n), rng.uniform(*FOLLOWED, n)
        kind = np.where(rng.random(n) < hazards[treated] / total, 1, 2)
        return np.column_stack([np.minimum(days, followed), np.where(days <= followed, kind, 0)])

    shares, free = zip(*(kit.find_incidence(hazard, competing, HORIZON_DAYS) for hazard in hazards), strict=True)
    truth = {"difference": shares[1] - shares[0], "rmst_difference": free[1] - free[0]}
    return Population(name, "competing events" if competing else "times to an event", draw, truth, event_shares=shares)


SEGMENT_SHARES = (0.4, 0.3, 0.2, 0.1)
WEEK_SHARES = (0.25, 0.25, 0.25, 0.25)
CONTENT, HAPPIER = (0.05, 0.1, 0.15, 0.4, 0.3), (0.04, 0.08, 0.13, 0.4, 0.35)
CRITICS, FANS, DEVOTED = (0.25, 0.35, 0.4), (0.2, 0.35, 0.45), (0.02, 0.03, 0.95)
BEST, WORST = (0.01, 0.01, 0.01, 0.02, 0.95), (0.8, 0.1, 0.05, 0.03, 0.02)


def _both(make, name, more, null, planted, **options):
    """A population without an effect, and one of the same kind with a planted one."""
    return make(name, *null, **options), make(f"{name}, {more}", *planted, **options)


def _list_single():
    """Of one outcome a unit; money at the rate of payers and the tail of real revenue, and a milder one."""
    paying, tripled = (0.5, 3.0), (0.5, 3.0 + math.log(3))
    return [
        make_share("1 % have the event", 0.01, 0.01),
        make_share("5 % have the event", 0.05, 0.05),
        make_share("30 % have the event", 0.3, 0.3),
        make_share("1 % and 1.5 % have the event", 0.01, 0.015),
        make_share("0.1 % and 1 % have the event", 0.001, 0.01),
        make_share("5 % and 7 % have the event", 0.05, 0.07),
        make_share("30 % and 36 % have the event", 0.3, 0.36),
        *_both(make_count, "Poisson counts", "+10 %", (2.0, 2.0), (2.0, 2.2)),
        *_both(make_count, "overdispersed counts", "+20 %", (2.0, 2.0), (2.0, 2.4), size=0.5),
        *_both(make_count, "rare counts", "three times as many", (0.02, 0.02), (0.02, 0.06)),
        *_both(make_money, "10 % pay, long tail", "+50 %", ((0.1, 3.0),) * 2, ((0.1, 3.0), (0.15, 3.0)), spread=1.5),
        *_both(make_money, "10 % pay", "+50 %", ((0.1, 3.0),) * 2, ((0.1, 3.0), (0.15, 3.0)), spread=1.0),
        *_both(make_money, "50 % pay, short tail", "+10 %", (paying,) * 2, (paying, (0.55, 3.0)), spread=0.5),
        make_money("50 % pay, short tail, three times as much", paying, tripled, spread=0.5),
        *_both(make_score, "scores 1 to 5", "higher", (CONTENT, CONTENT), (CONTENT, HAPPIER)),
        *_both(make_score, "promoters and detractors", "+10", (CRITICS, CRITICS), (CRITICS, FANS), family="NPS"),
        *_both(make_score, "ordered answers", "higher", (CONTENT,) * 2, (CONTENT, HAPPIER), family="ordered scores"),
        make_score("95 % promoters", DEVOTED, DEVOTED, family="NPS"),
        make_score("95 % give the best answer", BEST, BEST, family="ordered scores"),
        make_score("answers that hardly overlap", WORST, BEST, family="ordered scores"),
        *_both(make_quantile, "median duration", "+20 %", (0.5, 0.0), (0.5, 0.1823)),
        make_quantile("median duration in steps of 5", 0.5, 0.0, step=5.0),
        make_quantile("49 % and 51 % have none, others long ones", 0.5, 0.0, zeros=(0.49, 0.51), least=100.0),
        *_both(make_quantile, "90th percentile of duration", "+20 %", (0.9, 0.0), (0.9, 0.1823)),
    ]


def _list_structured():
    return [
        *_both(make_ratio, "conversations an active day", "+10 %", [0.0], [0.1]),
        *_both(make_cluster, "clusters of unequal size", "+5 points", (0.3, 0.3), (0.3, 0.35), alike=0.05),
        *_both(make_rate, "events a day at risk", "+20 %", [1.0], [1.2]),
        *_both(make_covariates, "number and category known before", "+0.2", [0.0], [0.2]),
        *_both(make_covariates, "30 % of what is known before missing", "+0.2", [0.0], [0.2], missing=0.3),
        make_history("last month known of 70 %"),
        *_both(make_gaps, "outcomes missing alike in both arms", "+0.2", [0.0], [0.2]),
        *_both(make_gaps, "outcomes missing by covariate in one arm", "+0.2", [0.0], [0.2], by_arm=True),
        make_unknown("half of the treated without event unknown", 0.3, 0.3, hidden=0.5),
        make_unknown("few of the treated without event unknown, +6 points", 0.3, 0.36, hidden=0.05),
        *_both(make_take_up, "40 % comply", "+0.5", [0.0], [0.5]),
        make_take_up("10 % comply", 0.0, compliers=0.1),
        *_both(make_take_up, "3 % comply", "+0.5", [0.0], [0.5], compliers=0.03),
        *_both(make_looks, "looked at every day", "+0.2", [0.0], [0.2], family="daily looks"),
        *_both(make_looks, "looked at half-way", "+0.2", [0.0], [0.2], family="planned looks"),
        make_metrics("three related metrics"),
        make_split("one effect in all segments", family="segments", shares=SEGMENT_SHARES, estimand="interaction"),
        make_split("one effect in all weeks", family="weeks", shares=WEEK_SHARES, estimand="trend"),
        *_both(make_times, "followed for 20 to 80 days", "a third more events", (0.02, 0.02), (0.02, 0.027)),
        *_both(make_times, "ended by other events", "a third more events", (0.02,) * 2, (0.02, 0.027), competing=0.01),
    ]


POPULATIONS = {population.name: population for population in [*_list_single(), *_list_structured()]}
