"""Requests for help: how many ask, what so many take, what suggestions save, and what is known of tickets' ends."""

import itertools
import math

import numpy as np
import pandas as pd

from helpers.in_app.samples import cluster_ratio, cluster_share

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
    months : DataFrame, as `metrics.contacts.read_months` gives it
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
    requests : DataFrame, as `metrics.contacts.read_requests` gives it
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
