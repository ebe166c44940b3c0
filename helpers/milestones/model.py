"""The model that a review judges: who is kept, by milestone, size and plan; made, scored, stored and read back."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.stats import norm

from helpers.inference import find_independent
from helpers.milestones.odds import fit_odds
from helpers.plan import FrameworkPlan
from helpers.records import Refused

COLUMNS = ["kind", "name", "value", "low", "high"]
COUNT, SIZE, NO_SIZE, TIER = "count", "log_size", "size_missing", "tier="
MILESTONES = ("set_up", "activated", COUNT, "using", "mature")
LEAST_TIER = 10
Row = tuple[float, float, float]  # value, low, high


@dataclass(frozen=True)
class Model:
    """A model of who is kept: `coefficients` by column, each (value, low, high), and what its columns are made with.

    `centre` is the mean log size, which stands for a missing one; a tier without a column counts as the largest;
    `n` the accounts it was made from; `stored` the further rows of an earlier run's table, by (kind, name).
    """

    intercept: Row
    coefficients: dict[str, Row]
    centre: float
    n: int
    stored: dict[tuple[str, str], Row] = field(default_factory=dict)

    def score(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the log odds of being kept, shape (n,), of accounts as `read_landmarks` gives them."""
        weights = np.array([value for value, _, _ in self.coefficients.values()])
        return self.intercept[0] + build_columns(frame, list(self.coefficients), self.centre) @ weights

    def knows(self, frame: pd.DataFrame) -> bool:
        """Return whether all tiers of some accounts have a coefficient."""
        return set(TIER + frame["tier"].astype(str)) <= {*self.coefficients, *(TIER + "all",)}


def name_columns(frame: pd.DataFrame, design: FrameworkPlan) -> list[str]:
    """Return the columns that a model of these accounts has: milestones, log size, tiers; the largest tier first.

    Parameters
    ----------
    frame : DataFrame, as `read_landmarks` gives it
    design : FrameworkPlan
        Without a line of activation, the log of 1 + the count stands for it. A tier with fewer than 10 accounts (or
        `min_cell`) that were kept, or lost, has no column of its own.

    Returns
    -------
    list of str
    """
    names = name_milestones(design)
    if design.size:
        names += [SIZE, *([NO_SIZE] if not (frame["size"] > 0).all() else [])]
    tiers = frame.groupby("tier")["retained"].agg(["size", "sum"])
    tiers = tiers.sort_values("size", ascending=False, kind="stable")
    least = max(LEAST_TIER, design.min_cell)
    fit = (tiers["sum"] >= least) & (tiers["size"] - tiers["sum"] >= least)
    fit.iloc[:1] = True
    return names + ([TIER + str(tier) for tier in tiers.index[fit]] if len(tiers) > 1 else [])


def name_milestones(design: FrameworkPlan) -> list[str]:
    """Return the model's columns that are milestones, `count` in the place of an activation without a line."""
    has_line = design.activation is not None and design.activation.at_least is not None
    named = [COUNT if name == "activated" and not has_line else name for name in design.milestone_names]
    return [name for name in named if name != "using" or design.usage.at_least is not None]


def build_columns(frame: pd.DataFrame, names, centre: float) -> np.ndarray:
    """Return a model's columns, shape (n, k): 0 or 1, log(1 + count), log size less its centre (0 where missing)."""
    size = frame["size"].to_numpy(float) if SIZE in names or NO_SIZE in names else np.ones(len(frame))
    known = size > 0
    made = {SIZE: np.where(known, np.log(np.where(known, size, 1.0)) - centre, 0.0), NO_SIZE: (~known).astype(float)}
    columns = []
    for name in names:
        if name.startswith(TIER):
            made[name] = (frame["tier"].astype(str) == name.removeprefix(TIER)).to_numpy(float)
        elif name == COUNT:
            made[name] = np.log1p(frame["count"].to_numpy(float))
        columns.append(made[name] if name in made else frame[name].to_numpy(float))
    return np.column_stack(columns) if columns else np.empty((len(frame), 0))


def fit_model(frame: pd.DataFrame, names, *, confidence_level: float = 0.95) -> Model:
    """Return the model of who is kept, from accounts read at the landmark.

    Jeffreys' prior keeps its coefficients finite where a column separates; the intercept is then set so that the mean
    prediction is the share kept (Puhr et al. 2017, FLIC). The first tier that is named is the reference: its
    coefficient is 0. So is, without an interval, that of a column that does not vary or repeats others.

    Parameters
    ----------
    frame : DataFrame, one row an account, with `retained`
    names : list of str, as `name_columns` gives them
    confidence_level : float, between 0 and 1

    Returns
    -------
    Model

    References
    ----------
    Firth 1993, Biometrika 80: 27-38; Puhr et al. 2017, Statistics in Medicine 36: 2302-2317.
    """
    size = frame["size"].to_numpy(float)
    centre = float(np.log(size[size > 0]).mean()) if (size > 0).any() else 0.0
    x, y = build_columns(frame, names, centre), frame["retained"].to_numpy(float)
    base = next((name for name in names if name.startswith(TIER)), None)
    allowed = [i for i, name in enumerate(names) if name != base and np.ptp(x[:, i]) > 1e-12]
    kept = [allowed[i] for i in find_independent(np.cov(x[:, allowed], rowvar=False).reshape(len(allowed), -1))]
    columns = np.column_stack([np.ones(len(y)), x[:, kept]])
    fit = fit_odds(columns, y, firth=True)
    beta = fit.coefficients.copy()
    beta[0] += fit_odds(columns[:, :1], y, offset=columns @ beta).coefficients[0]
    reach = norm.isf((1 - confidence_level) / 2) * fit.errors
    rows = [(float(b), float(b - r), float(b + r)) for b, r in zip(beta, reach, strict=True)]
    found = dict.fromkeys(names, (0.0, math.nan, math.nan)) | dict(zip([names[i] for i in kept], rows[1:], strict=True))
    return Model(rows[0], found, centre, len(y))


def write_model(model: Model, design: FrameworkPlan, further: dict[tuple[str, str], Row]) -> pd.DataFrame:
    """Return all that a later run needs to review this one: rows of kind, name, value, low, high.

    Parameters
    ----------
    model : Model
    design : FrameworkPlan
        Gives the landmark, the horizon and the lines of the milestones (nan where it draws none), kept as rows of the
        kind "setting", as is the centre of log size.
    further : dict of (kind, name) -> (value, low, high): cut, ranks, differences, area under the curve, counts

    Returns
    -------
    DataFrame: a reference tier has the coefficient 0 and no interval.
    """
    rows = {("intercept", "intercept"): model.intercept}
    rows |= {("coefficient", name): row for name, row in model.coefficients.items()}
    settings = _list_settings(design) | {"log_size_centre": model.centre}
    rows |= {("setting", name): (float(value), math.nan, math.nan) for name, value in settings.items()}
    rows |= {("n", "accounts"): (float(model.n), math.nan, math.nan), **further}
    return pd.DataFrame([[*key, *row] for key, row in rows.items()], columns=COLUMNS)


def read_model(table: pd.DataFrame, design: FrameworkPlan) -> Model:
    """Return the model of an earlier run, from its table `model`.

    Parameters
    ----------
    table : DataFrame, as `write_model` makes it, also when it went through JSON
    design : FrameworkPlan, of this run

    Returns
    -------
    Model

    Raises
    ------
    Refused: the table is none, or its run had other milestones, or drew another line for one, or had another landmark
        or another horizon.
    """
    if not set(COLUMNS) <= set(table) or "intercept" not in set(table["kind"]):
        raise Refused("review_against holds no model of milestones; give the results.json of a run that has one")
    values = table[COLUMNS[2:]].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    keys = zip(table["kind"].astype(str), table["name"].astype(str), strict=True)
    rows = {key: tuple(map(float, row)) for key, row in zip(keys, values, strict=True)}
    coefficients = {name: row for (kind, name), row in rows.items() if kind == "coefficient"}
    _match(coefficients, rows, design)
    centre, n = rows["setting", "log_size_centre"][0], rows["n", "accounts"][0]
    return Model(rows["intercept", "intercept"], coefficients, centre, int(n), rows)


def _match(coefficients, rows, design):
    earlier, now = [name for name in MILESTONES if name in coefficients], name_milestones(design)
    if earlier != now:
        raise Refused(
            f"review_against is a run with the milestones {_list(earlier)}, this plan has {_list(now)}; "
            "review it with a plan of the same milestones"
        )
    if (SIZE in coefficients) != (design.size is not None):
        raise Refused("only one of review_against and this plan names a size; review it with the same columns")
    for name, value in _list_settings(design).items():
        found = rows.get(("setting", name), (math.nan,))[0]
        if found != value and not (math.isnan(found) and math.isnan(value)):
            told = ["none" if math.isnan(number) else f"{number:g}" for number in (found, value)]
            raise Refused(f"review_against is a run with {name} {told[0]}, this plan has {told[1]}; make them equal")


def _list_settings(design):
    """What two runs must have in common for a milestone of the one to be that of the other; nan is none."""
    activation, usage = design.activation, design.usage
    lines = {
        "at_least": activation and activation.at_least,
        "window_days": activation and activation.window_days,
        "usage_at_least": usage and usage.at_least,
        "steps_line": design.steps_line if design.steps else None,
        "mature_line": design.mature_line if design.categories else None,
    }
    days = {"landmark_days": design.landmarks[0], "horizon_days": design.horizon_days}
    return days | {name: math.nan if value is None else float(value) for name, value in lines.items()}


def _list(names):
    return ", ".join(names) or "none"
