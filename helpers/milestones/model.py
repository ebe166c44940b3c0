"""The model that a review judges: who is kept, by milestone, size and plan; made, stored, and held to new customers."""

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from scipy.stats import chi2, norm

from helpers.inference.associations import fit_logit
from helpers.inference.contrasts import win_difference
from helpers.milestones.contrasts import find_columns, list_milestones, measure_losses, name_figures
from helpers.plan import FrameworkPlan
from helpers.records import Effect, Refused

COLUMNS = ["kind", "name", "value", "low", "high"]
COUNT, SIZE, NO_SIZE, TIER = "count", "log_size", "size_missing", "tier="
LEAST, LEAST_TIER, LEAST_PER_COEFFICIENT = 2, 10, 10
TESTS = ("p_keep", "p_reintercept", "p_recalibrate")
CHOICES = ("keep", "re-intercept", "recalibrate", "revise")
FIGURES = ("intercept", "intercept_low", "intercept_high", "slope", "slope_low", "slope_high")
UNKNOWN = (math.nan,) * 3
Row = tuple[float, float, float]  # value, low, high


@dataclass(frozen=True)
class Model:
    """A model of who is kept: `coefficients` by column, each (value, low, high), and what its columns are made with.

    `centre` is the mean log size, which stands for a missing one; a tier without a column counts as the largest;
    `n` the accounts it was made from; `stored` all rows of an earlier run's table, by (kind, name).
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

    def recall(self, kind: str, name: str) -> Row:
        """Return a row of the earlier run's table; nan for none."""
        return self.stored.get((kind, name), UNKNOWN)


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
    names = _name_milestones(design)
    if design.size:
        names += [SIZE, *([NO_SIZE] if not (frame["size"] > 0).all() else [])]
    tiers = frame.groupby("tier")["retained"].agg(["size", "sum"])
    tiers = tiers.sort_values("size", ascending=False, kind="stable")
    fit = np.minimum(tiers["sum"], tiers["size"] - tiers["sum"]) >= max(LEAST_TIER, design.min_cell)
    fit.iloc[:1] = True
    return names + ([TIER + str(tier) for tier in tiers.index[fit]] if len(tiers) > 1 else [])


def _name_milestones(design):
    """The model's columns that are milestones, `count` in the place of an activation without a line."""
    lines = list_milestones(design)
    named = [COUNT if name == "activated" and name not in lines else name for name in design.milestone_names]
    return [name for name in named if name == COUNT or name in lines]


def build_columns(frame: pd.DataFrame, names, centre: float) -> np.ndarray:
    """Return a model's columns, shape (n, k): 0 or 1, log(1 + count), log size less its centre (0 where missing)."""
    size = frame["size"].to_numpy(float)
    known = size > 0
    made = {SIZE: np.where(known, np.log(np.where(known, size, 1.0)) - centre, 0.0), NO_SIZE: ~known}
    made |= {name: TIER + frame["tier"].astype(str) == name for name in names if name.startswith(TIER)}
    made[COUNT] = np.log1p(frame.get("count", 0.0))
    columns = [np.asarray(made[name] if name in made else frame[name], float) for name in names]
    return np.column_stack([np.empty((len(frame), 0)), *columns])


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
    allowed = np.array([i for i, name in enumerate(names) if name != base], int)
    kept = allowed[find_columns(x[:, allowed])]
    columns = np.column_stack([np.ones(len(y)), x[:, kept]])
    beta, covariance = fit_logit(columns, y, firth=True)
    reach = norm.isf((1 - confidence_level) / 2) * np.sqrt(np.diag(covariance))
    beta[0] += fit_logit(columns[:, :1], y, offset=columns @ beta)[0][0]
    rows = [(float(b), float(b - r), float(b + r)) for b, r in zip(beta, reach, strict=True)]
    found = {name: (0.0, math.nan, math.nan) for name in names}
    found |= {names[i]: row for i, row in zip(kept, rows[1:], strict=True)}
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
    values = _list_settings(design) | {"log_size_centre": model.centre}
    rows = {("intercept", "intercept"): model.intercept}
    rows |= {("coefficient", name): row for name, row in model.coefficients.items()}
    rows |= {("setting", name): (value, math.nan, math.nan) for name, value in values.items()}
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
    others = {name for name in coefficients if name in (SIZE, NO_SIZE) or name.startswith(TIER)}
    earlier, now = [name for name in coefficients if name not in others], _name_milestones(design)
    if earlier != now:
        raise Refused(
            f"review_against is a run with the milestones {', '.join(earlier) or 'none'}, this plan has "
            f"{', '.join(now) or 'none'}; review it with a plan of the same milestones"
        )
    if (SIZE in coefficients) != (design.size is not None):
        raise Refused("only one of review_against and this plan names a size; review it with the same columns")
    for name, value in _list_settings(design).items():
        found = rows.get(("setting", name), UNKNOWN)[0]
        if found != value and not (math.isnan(found) and math.isnan(value)):
            told = ["none" if math.isnan(number) else f"{number:g}" for number in (found, value)]
            raise Refused(f"review_against is a run with {name} {told[0]}, this plan has {told[1]}; make them equal")
    centre, n = rows["setting", "log_size_centre"][0], rows["n", "accounts"][0]
    return Model(rows["intercept", "intercept"], coefficients, centre, int(n), rows)


def _list_settings(design):
    """What two runs must have in common for a milestone of the one to be that of the other; nan is none."""
    activation, usage = design.activation, design.usage
    settings = {
        "landmark_days": design.landmarks[0],
        "horizon_days": design.horizon_days,
        "at_least": activation and activation.at_least,
        "window_days": activation and activation.window_days,
        "usage_at_least": usage and usage.at_least,
        "steps_line": design.steps_line if design.steps else None,
        "mature_line": design.mature_line if design.categories else None,
    }
    return {name: math.nan if value is None else float(value) for name, value in settings.items()}


def measure_auc(score, outcome, *, confidence_level: float = 0.95) -> Effect:
    """Return the chance that a customer who stayed has the higher score of the two; ties count half.

    Parameters
    ----------
    score : array, shape (n,), any number that rises with the chance of the outcome
    outcome : array, shape (n,), 0 or 1
    confidence_level : float, between 0 and 1

    Returns
    -------
    Effect: `estimate` is the area (0.5 tells nothing, 1 everything); the interval is made on the log-odds scale and
        stays between 0 and 1. nan with a reason where fewer than two stayed or left; without an interval where the
        score tells them apart without a miss.

    References
    ----------
    DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44: 837-845; Sun & Xu 2014, IEEE Signal Processing Letters 21:
    1389-1393, for mid-ranks; Pepe 2003, section 5.2.5, for the log-odds scale.

    Examples
    --------
    >>> measure_auc([1, 2, 3, 4], [0, 1, 0, 1]).estimate
    0.75
    """
    levels, place = np.unique(np.asarray(score, float), return_inverse=True)
    stayed = np.asarray(outcome, float) == 1
    counts = [np.bincount(place[part], minlength=len(levels)) for part in (~stayed, stayed)]
    if min(map(sum, counts)) < LEAST:
        return Effect(method="delong", reason=f"fewer than {LEAST} accounts stayed, or left")
    wins = win_difference(*counts)  # placements of both groups: the area is half of it above a half
    area, error = (1 + wins.estimate) / 2, wins.std_error / 2
    if not error > 0:
        return Effect(area, method="delong", reason="the scores do not vary, or tell all apart: no interval")
    reach = norm.isf((1 - confidence_level) / 2) * error / (area * (1 - area))
    low, high = (float(expit(logit(area) + side * reach)) for side in (-1, 1))
    return Effect(area, std_error=error, ci_low=low, ci_high=high, method="delong")


def measure_calibration(linear, outcome, *, inflation: float = 1.0, confidence_level: float = 0.95) -> dict:
    """Return how predictions fit: their level, their spread, and the share observed beside the share expected.

    Parameters
    ----------
    linear : array, shape (n,), predicted log odds of staying
    outcome : array, shape (n,), 0 or 1
    inflation : float, at least 1
        1 + accounts here / accounts of the model: variances grow by it, as the model is an estimate itself.
    confidence_level : float, between 0 and 1

    Returns
    -------
    dict: `intercept` (slope held at 1; 0 is right, above 0 more stayed than was predicted), `slope` (1 is right, below
        1 predictions are too far apart), each with _low and _high; `observed` and `expected` shares. The intercept is
        nan where all stayed or all left, the slope also where all predictions are equal.

    References
    ----------
    Cox 1958, Biometrika 45: 562-565; Steyerberg 2019, Clinical prediction models, section 15.3.
    """
    linear, y = np.asarray(linear, float), np.asarray(outcome, float)
    found = dict.fromkeys(FIGURES, math.nan) | {"observed": float(y.mean()), "expected": float(expit(linear).mean())}
    if y.min() == y.max():
        return found
    reach = float(norm.isf((1 - confidence_level) / 2)) * math.sqrt(inflation)
    columns = {"intercept": (np.ones((len(y), 1)), linear)}
    if np.ptp(linear) > 1e-9:
        columns["slope"] = np.column_stack([np.ones(len(y)), linear]), 0.0
    for name, (x, offset) in columns.items():
        beta, covariance = fit_logit(x, y, offset=offset)
        value, width = float(beta[-1]), reach * math.sqrt(covariance[-1, -1])
        found |= name_figures(name, (value, value - width, value + width))
    return found


def choose_update(linear, columns, outcome, *, inflation: float = 1.0, alpha: float = 0.05) -> dict:
    """Return what a model needs to fit new customers: nothing, another level, another spread too, or all anew.

    A closed test: the model refitted to the new customers is compared with the model as it is, then with one whose
    intercept alone is new, then with one whose intercept and slope are new; the first that is not clearly worse is
    chosen. So a model that fits is changed with a chance of at most `alpha`.

    Parameters
    ----------
    linear : array, shape (n,), log odds that the model predicts
    columns : array, shape (n, k), what the model is made of, without its intercept
    outcome : array, shape (n,), 0 or 1
    inflation : float, at least 1
        1 + accounts here / accounts of the model. The statistics are divided by it: the model's coefficients are
        estimates themselves, and differ from those of new customers by chance twice.
    alpha : float, between 0 and 1, for each of the three tests, which together keep it

    Returns
    -------
    dict: `choice` (keep, re-intercept, recalibrate, revise, or "too few" where fewer than 10 left or fewer than 10
        stayed for each coefficient of the refit), `p_keep`, `p_reintercept`, `p_recalibrate` (likelihood ratio; nan
        where too few).

    References
    ----------
    Vergouwe et al. 2017, Statistics in Medicine 36: 4529-4539; Peduzzi et al. 1996, Journal of Clinical Epidemiology
    49: 1373-1379, for ten per coefficient.
    """
    linear, y = np.asarray(linear, float), np.asarray(outcome, float)
    columns = columns[:, find_columns(columns)]
    count = columns.shape[1] + 1
    if min(y.sum(), (1 - y).sum()) < LEAST_PER_COEFFICIENT * count:
        return {"choice": "too few", **dict.fromkeys(TESTS, math.nan)}
    ones = np.ones((len(y), 1))
    spread = np.column_stack([ones, linear]) if np.ptp(linear) > 1e-9 else ones

    def lose(x, offset=0.0):
        return measure_losses(x, y, fit_logit(x, y, offset=offset)[0], offset).sum()

    full = lose(np.column_stack([ones, columns]))
    kept = np.sum(np.logaddexp(0, linear) - y * linear)
    lesser = (kept, 0), (lose(ones, linear), 1), (lose(spread), spread.shape[1])
    p = [float(chi2.sf(max(2 * (loss - full), 0) / inflation, count - n)) if count > n else 1.0 for loss, n in lesser]
    choice = next((CHOICES[i] for i, value in enumerate(p) if value > alpha), CHOICES[-1])
    return {"choice": choice, **dict(zip(TESTS, p, strict=True))}
