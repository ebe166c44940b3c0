"""Tables of help inside a product: contacts and their load, deflection, reach and opinions, praise by speed."""

import itertools
import math

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit

from helpers.inference.associations import fit_logit
from helpers.inference.contrasts import share_ratio
from helpers.inference.means import linearise, measure_columns
from helpers.inference.take_up import anderson_rubin, complier_effect
from helpers.milestones import thresholds
from helpers.records import NAN, Check, Effect, Moments
from helpers.survival import wilson_interval

MOST_ROUNDS, CLOSE = 500, 1e-10


def cluster_share(events, trials, *, confidence_level=0.95) -> tuple[float, float, float, float]:
    """Return the share of trials with the event, its interval, and how many independent trials it is worth.

    Wilson's interval at the effective number of trials: that which would give the variance between clusters, made
    smaller where there are few clusters.

    Parameters
    ----------
    events, trials : array, shape (n,), of each cluster; a cluster without trials is left out
    confidence_level : float, 0 to 1

    Returns
    -------
    tuple: share, lower end, upper end, effective trials; the share alone where fewer than two clusters have trials.
        Where no cluster differs from the rest, as with no event at all, every cluster counts once.

    References
    ----------
    Kish 1965, Survey Sampling, section 8.2; Korn & Graubard 1998, Survey Methodology 24: 193-201 (effective numbers
    with the quantile of t).

    Examples
    --------
    >>> [round(x, 3) for x in cluster_share([1, 0, 2, 1], [2, 2, 2, 2])]
    [0.5, 0.104, 0.896, 2.276]
    """
    columns = np.column_stack([events, trials]).astype(float)
    moments = measure_columns(columns[columns[:, 1] > 0], ("events", "trials"))
    (share, variance), n, tail = linearise(moments.mean, moments.cov), moments.n, (1 - confidence_level) / 2
    if n < 2:
        return share, NAN, NAN, NAN
    z, t = stats.norm.isf(tail), stats.t.isf(tail, n - 1)
    known = share * (1 - share) / variance * n if variance > 0 else n
    known = float(known * (z / t) ** 2)
    return (share, *map(float, wilson_interval(share, known, z)), known)


def cluster_ratio(top, bottom, *, confidence_level=0.95) -> tuple[float, float, float]:
    """Return the ratio of two sums over clusters, with its interval by the delta method on the log scale and t.

    Parameters
    ----------
    top, bottom : array, shape (n,), of each cluster
    confidence_level : float, 0 to 1

    Returns
    -------
    tuple: ratio, lower and upper end; nan where a sum is not above 0, or with fewer than two clusters.

    References
    ----------
    Cochran 1977, Sampling Techniques, section 6.3.
    """
    moments = measure_columns(np.column_stack([top, bottom]).astype(float), ("top", "bottom"))
    if moments.n < 2 or not moments.mean.min() > 0:
        return NAN, NAN, NAN
    ratio, variance = linearise(moments.mean, moments.cov)
    error = math.sqrt(variance / moments.n) / ratio  # of its logarithm
    reach = float(stats.t.isf((1 - confidence_level) / 2, moments.n - 1)) * error
    return ratio, ratio * math.exp(-reach), ratio * math.exp(reach)


def rake(groups, targets) -> np.ndarray:
    """Return weights with mean 1 under which a sample has the shares of a population in each of several margins.

    Parameters
    ----------
    groups : sequence of array, shape (n,), one a margin: the level of each row
    targets : sequence of dict, one a margin: level -> share of the population
        A level that the sample lacks cannot be made up for; the shares of the others are scaled to 1.

    Returns
    -------
    array, shape (n,): adjusted to one margin after the other until none moves.

    References
    ----------
    Deming & Stephan 1940, Annals of Mathematical Statistics 11: 427-444.

    Examples
    --------
    >>> rake([np.array(["a", "a", "a", "b"])], [{"a": 0.5, "b": 0.5}]).round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    """
    weights, parts = np.ones(len(groups[0])), []
    for group, target in zip(groups, targets, strict=True):
        levels, place = np.unique(group, return_inverse=True)
        wanted = np.array([target.get(level, 0.0) for level in levels])
        parts.append((place, wanted / wanted.sum() * len(place)))
    for _ in range(MOST_ROUNDS):
        before = weights
        for place, wanted in parts:
            weights = weights * (wanted / np.bincount(place, weights))[place]
        if np.abs(weights - before).max(initial=0) < CLOSE:
            break
    return weights


def weigh_share(values, weights, *, confidence_level=0.95) -> tuple[float, float, float, float]:
    """Return a weighted share of rows, its interval, and the effective sample size behind it.

    Parameters
    ----------
    values : array, shape (n,), 0 to 1
    weights : array, shape (n,), above 0
    confidence_level : float, 0 to 1

    Returns
    -------
    tuple: share, lower end, upper end (Wilson at the effective size), effective sample size (sum of weights squared
        over the sum of squared weights). That margins are met exactly is not made use of: the interval is wide rather
        than narrow.

    References
    ----------
    Kish 1965, Survey Sampling, section 11.7.
    """
    values, weights = np.asarray(values, float), np.asarray(weights, float)
    if not len(values):
        return NAN, NAN, NAN, 0.0
    share, size = float(np.average(values, weights=weights)), float(weights.sum() ** 2 / (weights**2).sum())
    low, high = wilson_interval(share, size, stats.norm.isf((1 - confidence_level) / 2))
    return share, float(low), float(high), size


def instrument(outcome, dose, moved_by, controls, clusters, *, confidence_level=0.95) -> tuple[Effect, float]:
    """Return what one more of a dose does to an outcome, as far as an instrument moves the dose, and the first stage.

    Outcome, dose and instrument are taken beside the controls; each cluster's sums of instrument times outcome and of
    instrument times dose are then one observation against nothing, so that `anderson_rubin` finds the set of
    effects that fit, right however weakly the instrument moves the dose. The dose as its own instrument gives least
    squares, and the interval by the delta method.

    Parameters
    ----------
    outcome, dose, moved_by : array, shape (n,)
    controls : array, shape (n, k); a constant is added
    clusters : array, shape (n,)
    confidence_level : float, 0 to 1

    Returns
    -------
    tuple: Effect; F of the first stage (robust to clusters, one instrument).

    References
    ----------
    Anderson & Rubin 1949; Frisch & Waugh 1933; Andrews, Stock & Sun 2019, Annual Review of Economics 11: 727-753.
    """
    base = np.column_stack([np.ones(len(outcome)), controls])
    columns = np.column_stack([outcome, dose, moved_by]).astype(float)
    y, d, z = (columns - base @ np.linalg.lstsq(base, columns, rcond=None)[0]).T
    _, place = np.unique(clusters, return_inverse=True)
    sums = np.column_stack([np.bincount(place, z * part) for part in (y, d)])
    n = len(sums)
    arm = Moments(("y", "taken"), n, sums.mean(axis=0), np.cov(sums, rowvar=False))
    nothing = Moments(("y", "taken"), n, np.zeros(2), np.zeros((2, 2)))
    is_own = moved_by is dose
    found = (complier_effect if is_own else anderson_rubin)((nothing, arm), confidence_level=confidence_level)
    rest = np.bincount(place, z * (d - z * (z @ d) / (z @ z)))
    return found, float(sums[:, 1].sum() ** 2 / (rest @ rest))


WORKDAYS = 20  # of the months in which contacts are counted
READINGS = (  # of what is taken for a saved request, from the dashboard's to the cautious
    ("suggested", lambda r: r["suggested"]),
    ("suggested, no ticket", lambda r: r["suggested"] & ~r["ticket"]),
    ("opened, no ticket", lambda r: r["opened"] & ~r["ticket"]),
    ("opened, no ticket, no return", lambda r: r["opened"] & ~r["ticket"] & ~r["returned"]),
)
AGAINST = (("fewer tickets than without", "ticket_share"), ("less returns and requests given up", "left_over"))


def measure_contact(months: pd.DataFrame, *, confidence_level=0.95) -> dict:
    """Return the share of active months in which a user asked, clustered by user, and how often users are active.

    Parameters
    ----------
    months : DataFrame, as `metrics.tickets.read_months` gives it
    confidence_level : float, 0 to 1

    Returns
    -------
    dict: users, months (active), asked (of these), rate, ci_low, ci_high, effective (months, were they independent).
    """
    share, low, high, known = cluster_share(months["asked"], months["active"], confidence_level=confidence_level)
    row = {"users": len(months), "months": months["active"].sum(), "asked": months["asked"].sum()}
    return row | {"rate": share, "ci_low": low, "ci_high": high, "effective": known}


def plan_load(contact: dict, left: dict, *, users, people, minutes, desk_hours) -> pd.DataFrame:
    """Return what so many active users ask for in a month, and what that is for each person who answers.

    Parameters
    ----------
    contact : dict, as `measure_contact` gives it
    left : dict, arm -> share of requests that come to people: tickets and returns
    users : sequence of float, active users
    people : float, who answer
    minutes : float, of work on a request
    desk_hours : float, a person and month

    Returns
    -------
    DataFrame: one row a number of users and arm: `users`, `arm`, `people`, `contacts` (requests a month, ends from the
        contact rate alone), `a_day` (for each person and working day), `hours` (of work for each person and month),
        `needed` (people).
    """
    table = pd.DataFrame([(many, arm, people) for many in users for arm in left], columns=["users", "arm", "people"])
    come = table["users"] * table["arm"].map(left)
    named = {"contacts": "rate", "contacts_low": "ci_low", "contacts_high": "ci_high"}
    table = table.assign(**{name: come * contact[key] for name, key in named.items()})
    hours = table["contacts"] * minutes / 60
    a_day, needed = table["contacts"] / people / WORKDAYS, np.ceil(hours / desk_hours)
    return table.assign(a_day=a_day, hours=hours / people, needed=needed)


def read_deflection(requests: pd.DataFrame, results, treatment: str, *, confidence_level=0.95) -> pd.DataFrame:
    """Return how many of 100 requests suggestions save, by every way to count, the randomised ones last.

    Parameters
    ----------
    requests : DataFrame, as `metrics.tickets.read_requests` gives it
    results : Results, of the experiment; metrics `ticket_share` and `left_over` as differences
    treatment : str, the arm with suggestions
    confidence_level : float, 0 to 1

    Returns
    -------
    DataFrame: one row a reading: `reading`, `kind` ("counted", within the arm; "against the others"), `share` (of the
        requests), `ci_low`, `ci_high`, `n` (requests; units in both arms), `counted` (requests; nan where compared).
    """
    arm = requests[requests["variant"] == treatment]
    rows = []
    for name, counts in READINGS:
        by_unit = pd.DataFrame({"unit": arm["unit"], "n": 1.0, "counted": counts(arm)}).groupby("unit").sum()
        share, low, high, _ = cluster_share(by_unit["counted"], by_unit["n"], confidence_level=confidence_level)
        row = {"reading": name, "kind": "counted", "share": share, "ci_low": low, "ci_high": high}
        rows.append({**row, "n": len(arm), "counted": int(by_unit["counted"].sum())})
    for name, metric in AGAINST:
        for e in results.headline(metric, treatment=treatment)[:1]:
            row = {"reading": name, "kind": "against the others", "share": -e.estimate}
            row |= {"ci_low": -e.ci_high, "ci_high": -e.ci_low, "n": e.n_control + e.n_treatment, "counted": math.nan}
            rows.append(row)
    return pd.DataFrame(rows)


def list_known(tickets: pd.DataFrame, band, price, *, cost, confidence_level=0.95) -> pd.DataFrame:
    """Return for how many tickets the resolution is known, by price of the account, and what asking after one costs.

    Where fewer than half are known, not even the median time to resolution is.

    Parameters
    ----------
    tickets : DataFrame, one row a ticket: `unit`, `solved` (known to be solved)
    band : array of str, the price band of each ticket's account
    price : array, dollars a month of each ticket's account
    cost : float, dollars to follow up one ticket

    Returns
    -------
    DataFrame: one row a band, from low to high prices: `band`, `n`, `known`, `share` with `ci_low` and `ci_high`
        (clustered by account), `price` (median), `of_price` (what a follow-up costs, of a month's price; nan for none).
    """
    frame, rows = tickets[["unit", "solved"]].assign(band=band, price=price), []
    for name, part in sorted(frame.groupby("band"), key=lambda pair: pair[1]["price"].min()):
        unit = part.groupby("unit")["solved"].agg(["sum", "count"])
        share, low, high, _ = cluster_share(unit["sum"], unit["count"], confidence_level=confidence_level)
        median = float(part["price"].median())
        row = {"band": name, "n": len(part), "known": int(part["solved"].sum()), "share": share}
        row |= {"ci_low": low, "ci_high": high, "price": median, "of_price": cost / median if median > 0 else math.nan}
        rows.append(row)
    return pd.DataFrame(rows)


def weigh_support(people: pd.DataFrame, *, minutes, cost_per_hour, margin, confidence_level=0.95) -> pd.DataFrame:
    """Return which part of what payers bring in a month support for every user costs: the part that it has to keep.

    Parameters
    ----------
    people : DataFrame, one row a user: `tickets` (a month, those that came back among them), `price` (dollars a month)
    minutes, cost_per_hour, margin : (low, central, high)
        Of work on a ticket, dollars, and share of the price that is left before support.
    confidence_level : float, 0 to 1

    Returns
    -------
    DataFrame: three rows, the sampling interval at central assumptions, the range over assumptions, both together:
        `row`, `low`, `central`, `high` (break-even share of payers' revenue), `cost` and `brings` (dollars a user and
        month), `paying` (share of users), `n`.

    References
    ----------
    Cochran 1977, section 6.3 (a ratio of two means of the same users).
    """
    tickets, price = (people[name].to_numpy(float) for name in ("tickets", "price"))
    ratio, *ends = cluster_ratio(tickets, price, confidence_level=confidence_level)
    each = [m / 60 * c / g for m, c, g in zip(minutes, cost_per_hour, margin[::-1], strict=True)]  # worst last
    rows = [
        ("chance", each[1] * ends[0], each[1] * ends[1]),
        ("assumptions", each[0] * ratio, each[2] * ratio),
        ("both", each[0] * ends[0], each[2] * ends[1]),
    ]
    about = {"cost": tickets.mean() * minutes[1] / 60 * cost_per_hour[1], "brings": price.mean() * margin[1]}
    about |= {"paying": float((price > 0).mean()), "n": len(people)}
    return pd.DataFrame(
        [{"row": r, "low": low, "central": each[1] * ratio, "high": high, **about} for r, low, high in rows]
    )


def band_numbers(values, edges) -> np.ndarray:
    """Return the band of each number in words, "unknown" where it is missing.

    Examples
    --------
    >>> band_numbers([0, 5, 70, float("nan")], [1, 50]).tolist()
    ['under 1', '1 to 50', '50 or more', 'unknown']
    """
    values, edges = np.asarray(values, float), list(edges)
    middle = [f"{low:g} to {high:g}" for low, high in itertools.pairwise(edges)]
    names = np.array([f"under {edges[0]:g}", *middle, f"{edges[-1]:g} or more", "unknown"], object)
    return names[np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="right"))]


ALL, PLANNED = "everybody asked", "the planned segment"
EVEN, LEVEL = 0.5, 0.001  # the planned split of places; below it the split is not the planned one


def compare_places(people: pd.DataFrame, inside: str, *, confidence_level=0.95) -> Effect:
    """Return the share that answers inside over the share that answers elsewhere.

    Parameters
    ----------
    people : DataFrame, one row a unit: `answered` (0 or 1), `place`
    inside : str, the place above the line; every other row is below it
    confidence_level : float, 0 to 1

    Returns
    -------
    Effect: with the score interval of a ratio of two independent shares; a share below the line of 0 has no ratio.
    """
    first, y = (people["place"] == inside).to_numpy(), people["answered"].to_numpy(float)
    counts = (int(y[first].sum()), int(first.sum()), int(y[~first].sum()), int((~first).sum()))
    return share_ratio(*counts, confidence_level=confidence_level)


def check_places(people: pd.DataFrame, inside: str, *, by_lot: bool) -> Check:
    """Return whether the places of asking hold as many as an even lot would give.

    Parameters
    ----------
    people : DataFrame, with `place`
    inside : str
    by_lot : bool, whether the place was drawn by lot at all

    References
    ----------
    Fabijan et al. 2019, KDD: 2156-2164 (the threshold).
    """
    n, first = len(people), int((people["place"] == inside).sum())
    if not by_lot:
        why = "The place of asking was not drawn by lot, so what differs between places is an association."
        return Check("srm_feedback", "not tested", np.nan, LEVEL, why)
    p = float(stats.binomtest(first, n, EVEN).pvalue)
    words = "as planned" if p >= LEVEL else "not as planned, so that places are not compared as if by lot"
    told = f"The places of asking are {words}: {first:,} of {n:,} inside (planned {100 * EVEN:.0f} %)."
    return Check("srm_feedback", "pass" if p >= LEVEL else "warn", p, LEVEL, told)


def list_reach(people: pd.DataFrame, inside: str, segment, *, confidence_level=0.95) -> pd.DataFrame:
    """Return the reach of asking inside against elsewhere, of everybody and of the planned segment.

    Parameters
    ----------
    people : DataFrame, as for `compare_places`
    inside : str
    segment : array of bool, shape (n,), who is of the segment
    confidence_level : float, 0 to 1

    Returns
    -------
    DataFrame: one row a group: `who`, `share_inside`, `share_outside`, `ratio` with `ci_low` and `ci_high`, `n_inside`,
        `n_outside` (asked), `answers_inside`, `answers_outside`, `null` (1, no difference), `reason`.
    """
    rows = []
    for who, part in ((ALL, people), (PLANNED, people[np.asarray(segment, bool)])):
        if part.empty:
            continue
        found, first = compare_places(part, inside, confidence_level=confidence_level), part["place"] == inside
        row = {"who": who, "share_inside": found.treatment_value, "share_outside": found.control_value}
        row |= {"ratio": found.estimate, "ci_low": found.ci_low, "ci_high": found.ci_high, "null": 1.0}
        for name, side in (("inside", first), ("outside", ~first)):
            row |= {f"n_{name}": int(side.sum()), f"answers_{name}": int(part.loc[side, "answered"].sum())}
        rows.append(row | {"reason": found.reason})
    return pd.DataFrame(rows)


def band_people(people: pd.DataFrame, edges: dict) -> pd.DataFrame:
    """Return the level of each margin in text: bands of a number, text as it is.

    Parameters
    ----------
    people : DataFrame
    edges : dict, column -> where bands of a number begin, ascending
    """
    found = {name: people[name] for name in edges if name in people}
    numbers = [name for name, values in found.items() if pd.api.types.is_numeric_dtype(values)]
    return pd.DataFrame(found | {name: band_numbers(found[name], edges[name]) for name in numbers}, people.index)


def list_answerers(people: pd.DataFrame, bands: pd.DataFrame, inside: str) -> pd.DataFrame:
    """Return who answers: the share of each level among all who were asked, and among those who answer at each place.

    Parameters
    ----------
    people : DataFrame, as for `compare_places`
    bands : DataFrame, as `band_people` gives it
    inside : str

    Returns
    -------
    DataFrame: one row a margin and level: `margin`, `level` ("margin=level"), `n` and `share` (of all asked), and for
        inside and outside `n_inside`, `share_inside`, ... (of those who answered there); `more` (outside, than asked).
    """
    answered, first, rows = people["answered"] == 1, people["place"] == inside, []
    groups = {"": np.ones(len(people), bool), "_inside": answered & first, "_outside": answered & ~first}
    for margin in bands:
        for level in bands[margin].value_counts().index:
            row = {"margin": margin, "level": f"{margin}={level}"}
            for name, group in groups.items():
                n = int((group & (bands[margin] == level)).sum())
                row |= {f"n{name}": n, f"share{name}": n / max(int(np.sum(group)), 1)}
            rows.append(row | {"more": row["share_outside"] - row["share"]})
    return pd.DataFrame(rows)


def list_opinions(people: pd.DataFrame, bands: pd.DataFrame, inside: str, *, confidence_level=0.95) -> pd.DataFrame:
    """Return the share that wants what was asked about, at each place, as answered and raked to all who were asked.

    Weights mend that payers or old customers answer more; not that those answer who care more.

    Parameters
    ----------
    people : DataFrame, as for `compare_places`, and `wants` (0 or 1, nan unknown)
    bands : DataFrame, as `band_people` gives it
    inside : str
    confidence_level : float, 0 to 1

    Returns
    -------
    DataFrame: one row a place and weighting: `place` ("inside", "outside"), `weights` ("as answered", "raked"),
        `share`, `ci_low`, `ci_high`, `n` (answers), `wanting` (of these), `effective` (answers that the weighted ones
        are worth). Empty without opinions.
    """
    targets = [bands[name].value_counts(normalize=True).to_dict() for name in bands]
    heard, rows = people["wants"].notna() & (people["answered"] == 1), []
    for place, side in (("inside", people["place"] == inside), ("outside", people["place"] != inside)):
        part, held = people[heard & side], bands[heard & side]
        if part.empty:
            continue
        weighted = rake([held[name].to_numpy() for name in bands], targets) if len(targets) else np.ones(len(part))
        for how, weights in (("as answered", np.ones(len(part))), ("raked", weighted)):
            share, low, high, size = weigh_share(part["wants"], weights, confidence_level=confidence_level)
            row = {"place": place, "weights": how, "share": share, "ci_low": low, "ci_high": high, "n": len(part)}
            rows.append({**row, "wanting": int(part["wants"].sum()), "effective": size})
    return pd.DataFrame(rows)


LEAST = 100  # replies from which a curve is drawn and a line looked for
MARKS = (1, 2, 3, 5, 8, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 1440)
NEAR = math.sqrt(2)  # replies within this factor of a place on the curve stand behind it
HOURS = 4  # of a block
SPEEDS = ("as it is", "at equal topic and hour", "moved by the queue")


def make_reply_controls(replies: pd.DataFrame) -> np.ndarray:
    """Return indicators of topic and of block of four hours, one row a reply; the first level of each is left out.

    Parameters
    ----------
    replies : DataFrame, one row a reply: `topic`, `hour` (0 to 23)
    """
    parts = [replies["topic"].astype(str), (replies["hour"] // HOURS).astype(int).astype(str)]
    return np.hstack([pd.get_dummies(part, drop_first=True, dtype=float).to_numpy() for part in parts])


def can_read(replies: pd.DataFrame) -> bool:
    """Return whether praise can be read by minutes: enough replies, of which not all are alike."""
    return len(replies) >= LEAST and all(np.ptp(replies[name].astype(float)) > 0 for name in ("kudos", "minutes"))


def trace_praise(replies: pd.DataFrame, *, confidence_level=0.95) -> pd.DataFrame:
    """Return the share of replies that are praised by minutes, at the topics and hours of all of them, with a band.

    A logistic natural spline of log minutes beside topic and hour, standardised to all replies; the band is for each
    place by itself, by the delta method with a variance that is robust to clusters.

    Parameters
    ----------
    replies : DataFrame, one row a reply: `minutes`, `kudos` (bool), `topic`, `hour`, `unit`
    confidence_level : float, 0 to 1

    Returns
    -------
    DataFrame: one row a place: `minutes`, `share`, `ci_low`, `ci_high`, `n` and `praised` (replies within a factor of
        1.4 of it). Places beyond what 5 % of the replies reach on either side are left out.

    References
    ----------
    Harrell 2015, Regression Modeling Strategies, section 2.4.6; Robins 1986 (standardising); Liang & Zeger 1986.
    """
    minutes, y = replies["minutes"].to_numpy(float), replies["kudos"].to_numpy(float)
    knots, controls = thresholds.find_knots(minutes), make_reply_controls(replies)
    one = np.ones((len(y), 1))
    x = np.hstack([one, thresholds.build_spline(minutes, knots), controls])
    beta, bread = fit_logit(x, y)
    _, place = np.unique(replies["unit"], return_inverse=True)
    rest = (y - expit(x @ beta))[:, None] * x
    sums = np.column_stack([np.bincount(place, column) for column in rest.T])
    covariance = len(sums) / (len(sums) - 1) * bread @ (sums.T @ sums) @ bread
    low, high = np.quantile(minutes, [0.05, 0.95])
    z, rows = stats.norm.isf((1 - confidence_level) / 2), []
    for mark in (mark for mark in MARKS if low <= mark <= high):
        at = np.hstack([one, np.repeat(thresholds.build_spline([mark], knots), len(y), axis=0), controls])
        chance = expit(at @ beta)
        slope = (chance * (1 - chance)) @ at / len(y)
        share, near = float(chance.mean()), (minutes >= mark / NEAR) & (minutes <= mark * NEAR)
        reach = z * math.sqrt(slope @ covariance @ slope) / (share * (1 - share))  # on the scale of log odds
        odds = math.log(share / (1 - share))
        ends = {"ci_low": float(expit(odds - reach)), "ci_high": float(expit(odds + reach))}
        rows.append({"minutes": mark, "share": share, **ends, "n": int(near.sum()), "praised": int(y[near].sum())})
    return pd.DataFrame(rows)


def judge_line(replies: pd.DataFrame, *, seed, n_resamples, folds, confidence_level=0.95) -> pd.DataFrame:
    """Return whether praise falls at a line of minutes or along a slope, by the rule that milestones are judged by.

    A line or a curve is called only where it clearly does better than the other on replies that neither was fitted to.

    Parameters
    ----------
    replies : DataFrame, as for `trace_praise`
    seed, n_resamples : int, of folds and of the permutation test of the best of all lines
    folds : int
    confidence_level : float, 0 to 1

    Returns
    -------
    DataFrame: one row: `n`, `shape` (step, smooth, none, undecided), `cut` (replies from so many minutes on are the
        later ones, at the best line), `lines` (that do as well, in words), `p` (of the best of all lines), `loss_none`,
        `loss_step`, `loss_smooth` (out of sample), `gap` (step minus smooth) with `gap_low` and `gap_high`, `reason`.

    References
    ----------
    Hothorn & Lausen 2003; Breiman et al. 1984, section 3.4.3: see `helpers.milestones.thresholds`.
    """
    minutes, y = replies["minutes"].to_numpy(float), replies["kudos"].to_numpy(float)
    controls, cuts = make_reply_controls(replies), thresholds.find_cuts(minutes)
    if not len(cuts):
        return pd.DataFrame([{"n": len(y), "shape": "undecided", "reason": "no line divides the replies"}])
    first, second = (np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2))
    scan, level = thresholds.Scan(minutes, y, controls, cuts), {"confidence_level": confidence_level}
    losses, by_cut, _ = thresholds.compare_shapes(minutes, y, controls, cuts, folds=folds, rng=first)
    p = scan.permute(n_resamples=n_resamples, rng=second)
    row = {"n": len(y), "shape": thresholds.name_shape(losses, p_value=p, **level), "cut": scan.cut, "p": p}
    row |= {"lines": thresholds.list_runs(cuts, thresholds.find_set(by_cut))}
    row |= dict(
        zip(("loss_none", "loss_step", "loss_smooth"), losses.mean()[["constant", "step", "smooth"]], strict=True)
    )
    gap = thresholds.measure_gap(losses["step"], losses["smooth"], **level)
    return pd.DataFrame([row | dict(zip(("gap", "gap_low", "gap_high"), gap, strict=True)) | {"reason": None}])


def compare_speeds(replies: pd.DataFrame, *, confidence_level=0.95) -> pd.DataFrame:
    """Return how much more praise goes with half the wait: as it is, at equal topic and hour, moved by the queue.

    The queue at the moment of asking is an instrument if, within topics and hours, it changes praise through the wait
    alone: not if agents are curt on busy days, nor if outages bring both long queues and angry users.

    Parameters
    ----------
    replies : DataFrame, as for `trace_praise`, and `load` (tickets that waited; nan where unknown)
    confidence_level : float, 0 to 1

    Returns
    -------
    DataFrame: one row a reading: `reading`, `halving` (share praised, for half the wait) with `ci_low` and `ci_high`
        (Anderson-Rubin for the queue), `p`, `first_stage` (F), `n`, `praised`, `reason`. Without loads the last row
        is missing.

    References
    ----------
    Anderson & Rubin 1949; Angrist & Imbens 1995, Journal of the American Statistical Association 90: 431-442 (a dose).
    """
    y, wait = replies["kudos"].to_numpy(float), -np.log2(replies["minutes"].to_numpy(float).clip(1))
    controls, load = make_reply_controls(replies), np.log1p(replies["load"].to_numpy(float))
    known, none = ~np.isnan(load), np.zeros((len(y), 0))
    readings = [(wait, none, np.ones(len(y), bool)), (wait, controls, np.ones(len(y), bool)), (load, controls, known)]
    rows = []
    for name, (moved_by, beside, held) in zip(SPEEDS, readings, strict=True):
        if held.sum() < LEAST or np.ptp(moved_by[held]) == 0:
            continue
        dose = wait[held]
        by = dose if moved_by is wait else moved_by[held]
        users, level = replies["unit"].to_numpy()[held], {"confidence_level": confidence_level}
        found, strength = instrument(y[held], dose, by, beside[held], users, **level)
        row = {"reading": name, "halving": found.estimate, "ci_low": found.ci_low, "ci_high": found.ci_high}
        row |= {"p": found.p_value, "first_stage": math.nan if by is dose else strength, "n": int(held.sum())}
        rows.append({**row, "praised": int(y[held].sum()), "reason": found.reason})
    return pd.DataFrame(rows)
