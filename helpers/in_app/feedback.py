"""Feedback asked inside the product and elsewhere: how many it reaches, whom, and what they say once weighted."""

import numpy as np
import pandas as pd
from scipy import stats

from helpers.in_app.requests import band_numbers
from helpers.in_app.samples import rake, weigh_share
from helpers.inference.contrasts import share_ratio
from helpers.records import Check, Effect

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
