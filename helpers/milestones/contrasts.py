"""Accounts with a milestone beside those without it: adjusted differences, rates of leaving, cloned strategies."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from helpers.inference import associations, contrasts, means
from helpers.plan import FrameworkPlan
from helpers.records import Effect
from helpers.survival import wilson_interval

UNADJUSTED, COVARIATES = "none", "covariates"
METHOD = "standardised difference"
LEAST_ROWS, COMMON_LEVEL = 10, 0.05
NO_VARIATION = "the outcome does not vary in a group, so an adjusted interval would be too narrow"
HARDLY = "hardly any overlap"
THIN = HARDLY + ": brought to the mix of all, {n:,} accounts count like {size:.0f}"
FEW = "fewer than {least} accounts with the milestone, or without it"
FEW_EVENTS = f"fewer than {LEAST_ROWS} accounts have the outcome, or lack it, with the milestone or without it"
NO_OVERLAP = "no overlap: a plan or size that is common among all is missing among those with or without the milestone"
NO_RATIO = "a share of 0 has no ratio"
SIDES = ("n_with", "kept_with", "n_without", "kept_without")
COX_STEPS = 30  # of Newton's method
MOST_ODDS = 700.0  # log odds beyond which shares are 0 or 1 in floating point
COX, CLONES = "Cox, Efron", "clone, censor, weight"
IMMORTAL, VARYING, ADJUSTED = "ever activated, from the start", "time-varying", "time-varying, adjusted"
SHORTEST = 1e-6  # days: who leaves at the very start was at risk for a moment
INTERVAL_DAYS, MOST_RESAMPLES = 10, 200
MOST_SIZES, ACCOUNTS_A_SIZE = 10, 200  # groups of size at most, and accounts for each


def measure_tipping(gap: Effect, ratio: Effect) -> dict:
    """Return how strong a trait that nobody measured would have to be to explain a difference of shares away.

    A trait that raises the outcome by d, and is by s more common with the milestone than without it, makes a difference
    of d x s (of accounts with the same controls). So a trait with d = s = the root of the difference leaves nothing of
    it, and one with the root of the limit nearer to 0 leaves it unclear; a weaker one has to be less evenly spread. The
    E-value says the same in ratios: a trait would have to multiply both the outcome, and its being there, by so much.

    Parameters
    ----------
    gap, ratio : Effect or Estimate, as `adjusted_difference` and `adjusted_ratio` give them of the same accounts; the
        outcome is 0 or 1

    Returns
    -------
    dict: difference, ci_low, ci_high; tipping, tipping_limit (shares; the latter 0 where the interval holds 0);
        risk_ratio, ratio_low, ratio_high; e_value, e_value_limit (1 where the interval holds 1); reason. nan where the
        difference is.

    References
    ----------
    Lin, Psaty & Kronmal 1998, Biometrics 54: 948-963 (the product); VanderWeele & Ding 2017, Annals of Internal
    Medicine 167: 268-274 (E-value).
    """
    near = gap.ci_low if gap.estimate > 0 else -gap.ci_high
    found = {"difference": gap.estimate, "ci_low": gap.ci_low, "ci_high": gap.ci_high}
    found |= {"tipping": math.sqrt(abs(gap.estimate)), "tipping_limit": math.sqrt(max(near, 0.0))}
    found |= {"risk_ratio": ratio.estimate, "ratio_low": ratio.ci_low, "ratio_high": ratio.ci_high}
    needed = contrasts.e_value(ratio.estimate, ratio.ci_low if ratio.estimate > 1 else ratio.ci_high)
    return found | {"e_value": needed[0], "e_value_limit": needed[1], "reason": gap.reason or ratio.reason}


def list_milestones(design: FrameworkPlan) -> list[str]:
    """Return the milestones that an account can reach or miss, in the order of a customer's way.

    Parameters
    ----------
    design : FrameworkPlan

    Returns
    -------
    list of str: set_up, activated, using, mature; activated and using only where the plan says `at_least`.
    """
    lines = {"activated": design.activation, "using": design.usage}
    return [m for m in design.milestone_names if m not in lines or lines[m].at_least is not None]


def make_controls(frame: pd.DataFrame) -> np.ndarray:
    """Return what milestones are adjusted for, one row an account: plan tier and log size, as read at the landmark.

    Parameters
    ----------
    frame : DataFrame, one row an account
        `tier` (text) and `size` (above 0); a missing size gets the mean of the logs and an indicator.

    Returns
    -------
    array, shape (n, k): a column a tier but the largest, log size, its indicator; each centred, none constant. k is 0
        where all accounts are alike.
    """
    if frame.empty:
        return np.zeros((0, 0))
    tier, levels = pd.factorize(frame["tier"].astype("str"), sort=True, use_na_sentinel=False)  # none is one of its own
    size = frame["size"].to_numpy(float)
    known, largest = size > 0, np.bincount(tier).argmax()
    logs = np.log(np.where(known, size, 1.0))
    logs[~known] = logs[known].mean() if known.any() else 0.0
    columns = [*(tier == level for level in np.delete(np.arange(len(levels)), largest)), logs, ~known]
    values = np.column_stack(columns).astype(float)
    values = values[:, np.ptp(values, axis=0) > 1e-12]
    return values - values.mean(axis=0)


def adjusted_difference(exposed, outcome, controls, *, confidence_level: float = 0.95) -> Effect:
    """Return the mean outcome with the milestone minus that without it, both at the mix of controls of all rows.

    Least squares with slopes of its own in each group, standardised to all rows. An association: what the controls do
    not measure stays in it.

    Parameters
    ----------
    exposed : array, shape (n,), 1 reached the milestone, 0 did not
    outcome : array, shape (n,), 0 or 1, or a number
    controls : array, shape (n, k), as `make_controls` gives them
        A row with a missing value in one of the three is left out. Columns that repeat others are left out.
    confidence_level : float, 0 to 1

    Returns
    -------
    Effect: `control_value` and `treatment_value` are the standardised means; the standard error is the sandwich (HC2)
        with the part of standardising to a sample. Without controls (k = 0), a 0/1 outcome is compared by Miettinen and
        Nurminen. nan with a reason when a group has fewer than 10 + 2k rows, or, at the mix of all, counts like fewer;
        when it lacks a level of a two-valued control that more than 5 % of all rows have (no overlap); or when fewer
        than 10 of its rows have a 0/1 outcome, or lack it: their residuals are near 0 by chance, and the error with
        them.

    References
    ----------
    Lin 2013, Annals of Applied Statistics 7: 295-318; MacKinnon & White 1985, Journal of Econometrics 29: 305-325;
    Negi & Wooldridge 2021, Econometric Reviews 40: 504-534, for the part of standardising; Chattopadhyay & Zubizarreta
    2023, Biometrika 110: 615-629, for the weights that a regression implies; Kish 1965 for what they count like.
    """
    found = _standardise(exposed, outcome, controls)
    if isinstance(found, tuple):  # counts: nothing to adjust for
        return contrasts.risk_difference(*found, confidence_level=confidence_level)
    if isinstance(found, Effect):
        return found
    change, error = found.means[1] - found.means[0], float(np.linalg.norm(found.pulls[1] - found.pulls[0]))
    level = {"confidence_level": confidence_level}
    return means.build_effect(change, error, found.df, values=found.means, method=METHOD, **level)


def adjusted_ratio(exposed, outcome, controls, *, confidence_level: float = 0.95) -> Effect:
    """Return the share with the milestone divided by that without it, both at the mix of controls of all rows.

    Parameters
    ----------
    exposed, outcome, controls, confidence_level : as for `adjusted_difference`; the outcome is 0 or 1

    Returns
    -------
    Effect: 1 is no association; the interval is built on the log scale, the standard error is on that of the ratio.
        Without controls it is the score interval of `relative_lift_risk`. nan with a reason where the difference is, or
        where one of both shares is not above 0.
    """
    found = _standardise(exposed, outcome, controls)
    if isinstance(found, tuple):
        return contrasts.share_ratio(*found, confidence_level=confidence_level)
    if isinstance(found, Effect) or min(found.means) <= 0:
        return Effect(method=METHOD, reason=found.reason if isinstance(found, Effect) else NO_RATIO)
    log = math.log(found.means[1] / found.means[0])
    error = float(np.linalg.norm(found.pulls[1] / found.means[1] - found.pulls[0] / found.means[0]))
    level = {"confidence_level": confidence_level}
    told = means.build_effect(log, error, found.df, values=found.means, method=METHOD, **level)
    return means.exponentiate(told)


@dataclass(frozen=True)
class Means:
    """Two standardised means (without, with), how far each row pulls them, and degrees of freedom."""

    means: tuple[float, float]
    pulls: tuple[np.ndarray, np.ndarray]
    df: float


def _standardise(exposed, outcome, controls) -> Means | Effect | tuple:
    """Both means at the mix of all; counts where nothing adjusts a share; an Effect that says why not."""
    exposed, y, x = (np.asarray(values, float) for values in (exposed, outcome, controls))
    known = ~(np.isnan(exposed) | np.isnan(y) | np.isnan(x).any(axis=1))
    is_in, y, x = exposed[known] == 1, y[known], x[known]
    sides, is_share = (~is_in, is_in), np.isin(y, (0, 1)).all()
    n0, n1 = map(np.count_nonzero, sides)
    if x.shape[1] == 0 and is_share:
        return y[is_in].sum(), n1, y[~is_in].sum(), n0
    reason = find_obstacle(is_in, x)
    if not reason and is_share and min(min(y[side].sum(), (1 - y[side]).sum()) for side in sides) < LEAST_ROWS:
        reason = FEW_EVENTS
    if reason:
        return Effect(method=METHOD, reason=reason)
    least = LEAST_ROWS + 2 * x.shape[1]
    x = x - x.mean(axis=0)
    x = x[:, find_columns(x[~is_in], x[is_in])]
    fits = [_fit_side(y[side], x[side]) for side in sides]
    for n, (_, _, size) in zip((n0, n1), fits, strict=True):
        if size < least:
            return Effect(method=METHOD, reason=THIN.format(n=n, size=size))
    values, own = tuple(float(slopes[0]) for slopes, _, _ in fits), [float(pull @ pull) for _, pull, _ in fits]
    if min(own) <= 1e-20:
        reason = NO_VARIATION if max(own) > 1e-20 else means.NO_SPREAD
        change, told = values[1] - values[0], {"control_value": values[0], "treatment_value": values[1]}
        return Effect(change, method=METHOD, reason=reason, **told)
    pulls, lost = [x @ slopes[1:] / math.sqrt(len(y) * (len(y) - 1)) for slopes, _, _ in fits], 1 + x.shape[1]
    for pulled, side, (_, pull, _) in zip(pulls, sides, fits, strict=True):
        pulled[side] += pull
    return Means(values, tuple(pulls), means.satterthwaite((own[0], n0 - lost), (own[1], n1 - lost)))


def find_obstacle(is_in, controls) -> str | None:
    """Return why two groups cannot be brought to one mix of controls; None where they can.

    Parameters
    ----------
    is_in : array of bool, shape (n,), whether an account reached the milestone
    controls : array, shape (n, k), without missing values

    Returns
    -------
    str or None: a group has fewer than 10 + 2k rows, or lacks what more than 5 % of all rows have: a value of a
        two-valued control, or the level that no indicator stands for.
    """
    least = LEAST_ROWS + 2 * controls.shape[1]
    if min(is_in.sum(), (~is_in).sum()) < least:
        return FEW.format(least=least)
    low, high = controls.min(axis=0), controls.max(axis=0)
    two = ((controls == low) | (controls == high)).all(axis=0) & (low < high)
    is_high = controls[:, two] == high[two]
    sets = np.column_stack([is_high, ~is_high, *([~is_high.any(axis=1)] if two.any() else [])])
    lacks = (sets.mean(axis=0) > COMMON_LEVEL) & ~(sets[is_in].any(axis=0) & sets[~is_in].any(axis=0))
    return NO_OVERLAP if lacks.any() else None


def find_columns(*sides) -> np.ndarray:
    """Return the positions of the columns that vary and say something beyond those before them, in every group.

    Parameters
    ----------
    sides : arrays, shape (n, k), the same columns of each group
    """
    varying = np.flatnonzero(np.all([np.ptp(side, axis=0) > 1e-12 for side in sides], axis=0))
    return varying[means.find_independent(*(np.atleast_2d(np.cov(side[:, varying], rowvar=False)) for side in sides))]


def _fit_side(y, x):
    """Slopes (first the mean at the overall mix), each row's pull on it (as HC2 has it), what rows count like."""
    design = np.column_stack([np.ones(len(y)), x])
    basis, triangle = np.linalg.qr(design)
    slopes = np.linalg.solve(triangle, basis.T @ y)
    room = np.maximum(1 - (basis**2).sum(axis=1), 1e-10)
    weights = basis @ np.linalg.solve(triangle.T, np.eye(len(triangle))[0])  # they sum to 1
    return slopes, weights * (y - design @ slopes) / np.sqrt(room), 1 / float(weights @ weights)


def rules_out(now, before) -> bool:
    """Return whether two differences lie further apart than their intervals together allow.

    Parameters
    ----------
    now, before : tuple (value, low, high), of accounts that do not overlap
        Half an interval's width stands for its imprecision, so that neither difference is taken as known.

    Returns
    -------
    bool: False where one of the six is nan.

    References
    ----------
    Schenker & Gentleman 2001, The American Statistician 55: 182-186 (why not by whether intervals overlap).
    """
    return bool(abs(now[0] - before[0]) > math.hypot(*((high - low) / 2 for _, low, high in (now, before))))


def compare_accounts(frame: pd.DataFrame, exposed, design, controls=None) -> Effect:
    """Return the difference in the share kept between accounts with a milestone and those without it.

    Parameters
    ----------
    frame : DataFrame, one row an account: `retained` (0, 1 or nan), `tier`, `size`
    exposed : array, shape (n,), 1 reached the milestone, 0 did not, nan unknown
    design : FrameworkPlan
    controls : array, shape (n, k), optional
        Those of `make_controls` where none are given.
    """
    controls = make_controls(frame) if controls is None else controls
    return adjusted_difference(exposed, frame["retained"], controls, confidence_level=design.confidence_level)


def tell_accounts(frame: pd.DataFrame, exposed, design, controls=None) -> dict:
    """Return what `compare_accounts` finds under the names of a table, with the counts of `count_sides`."""
    return tell_effect(compare_accounts(frame, exposed, design, controls)) | count_sides(exposed, frame["retained"])


def tell_effect(effect: Effect, prefix: str = "") -> dict:
    """Return a difference under the names of a table, `PREFIX_difference`, `PREFIX_low` and so on with a prefix."""
    name, ends = (f"{prefix}_", f"{prefix}_") if prefix else ("", "ci_")
    found = {f"{name}difference": effect.estimate, f"{ends}low": effect.ci_low, f"{ends}high": effect.ci_high}
    return found | ({} if prefix else {"p_value": effect.p_value, "reason": effect.reason})


def name_figures(name: str, figures) -> dict[str, float]:
    """Return a figure and its limits under the names of a table: NAME, NAME_low, NAME_high."""
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(float, figures), strict=True))


def count_sides(exposed, outcome) -> dict[str, int]:
    """Return how many accounts a comparison is of, and how many of them have the outcome: for disclosure to check.

    Parameters
    ----------
    exposed, outcome : array, shape (n,), 0 or 1; an account with a missing value counts nowhere

    Returns
    -------
    dict: n_with, kept_with, n_without, kept_without. Tables carry them until small cells are hidden, then no more.

    Examples
    --------
    >>> count_sides([1, 1, 0, float("nan")], [1, 0, 1, 1])
    {'n_with': 2, 'kept_with': 1, 'n_without': 1, 'kept_without': 1}
    """
    exposed, outcome = np.asarray(exposed, float), np.asarray(outcome, float)
    parts = [outcome[(exposed == side) & ~np.isnan(outcome)] for side in (1, 0)]
    return dict(zip(SIDES, [int(number) for part in parts for number in (len(part), part.sum())], strict=True))


def read_share(kept: int, n: int, design) -> dict[str, float]:
    """Return a share of n accounts and Wilson's interval: share, ci_low, ci_high; nan for none.

    Parameters
    ----------
    kept, n : int
    design : FrameworkPlan
    """
    if n == 0:
        return {"share": math.nan, "ci_low": math.nan, "ci_high": math.nan}
    low, high = wilson_interval(kept / n, n, norm.isf(design.alpha / 2))
    return {"share": kept / n, "ci_low": float(low), "ci_high": float(high)}


def join_small(levels, numbers, least) -> list:
    """Return the lowest level of each bin: it is closed once it holds `least`, and what is left joins the last one.

    Parameters
    ----------
    levels : sequence, rising
    numbers : sequence of int, rows of each level
    least : int

    Examples
    --------
    >>> join_small([1, 2, 3, 4], [2, 1, 1, 1], 2)
    [1, 2]
    """
    lows, held = [], math.inf
    for level, number in zip(levels, numbers, strict=True):
        if held >= least:
            lows, held = [*lows, level], 0
        held += number
    return lows[:-1] if held < least and len(lows) > 1 else lows


def measure_losses(x, y, slopes, offset=0.0) -> np.ndarray:
    """Return the log loss of each row under a logistic model, shape (n,): -log of the chance of what happened.

    Parameters
    ----------
    x, y, slopes, offset : as `fit_logit` takes and returns them
    """
    odds = np.clip(x @ slopes + offset, -MOST_ODDS, MOST_ODDS)
    return np.logaddexp(0.0, odds) - np.asarray(y, float) * odds


def compare_hazards(histories, *, until, confidence_level: float = 0.95) -> tuple[dict[str, Effect], int]:
    """Return the ratio of the rates of leaving, with over without activation, from the start to a day; and the losses.

    The first reading splits accounts by whether they ever activated and counts their time from the start: an account
    has to stay to activate, so the time before activation can hold no loss, and the ratio is too low by construction.
    The other two let an account move from one group to the other on the day it activates.

    Parameters
    ----------
    histories : DataFrame, one row an account
        `followed_days`, `lost_day`, `day_activated` (nan never), `tier`, `size`.
    until : float, days after the start at which everybody's follow-up ends
    confidence_level : float, 0 to 1

    Returns
    -------
    tuple: dict of Effect by reading: "ever activated, from the start", "time-varying" and "time-varying, adjusted" (for
        plan tier and log size); the standard error is on the ratio scale, the interval is built on the log scale. nan
        with a reason where fewer than 10 accounts left with activation, or without it. Then how many left.

    References
    ----------
    Suissa 2008, American Journal of Epidemiology 167: 492-499, on immortal time; Andersen & Gill 1982.
    """
    end = np.minimum(histories["followed_days"].to_numpy(float), until)
    left, day = histories["lost_day"].to_numpy(float), histories["day_activated"].to_numpy(float)
    lost, ever = left <= end, ~np.isnan(day)
    stop, day = np.maximum(np.where(lost, left, end), SHORTEST), np.where(ever, day, math.inf)
    controls, n = make_controls(histories), len(lost)
    # up to activation and after it; an account that activates in its last moment has the first row alone
    starts, stops = np.append(np.zeros(n), day), np.append(np.minimum(day, stop), stop)
    losses, on = np.append(lost & ~(day < stop), lost), np.repeat([0.0, 1.0], n)
    held = stops > starts
    spells, own = (starts[held], stops[held], losses[held], on[held, None]), np.tile(controls, (2, 1))[held]
    readings = {
        IMMORTAL: (np.zeros(n), stop, lost, ever[:, None].astype(float)),
        VARYING: spells,
        ADJUSTED: (*spells[:3], np.hstack([spells[3], own])),
    }
    return {name: _read_ratio(*spells, confidence_level) for name, spells in readings.items()}, int(lost.sum())


def _read_ratio(start, stop, lost, covariates, confidence_level):
    """The ratio of the first covariate, which is 0 or 1."""
    on = covariates[:, 0] == 1
    if min((lost & on).sum(), (lost & ~on).sum()) < LEAST_ROWS:
        return Effect(method=COX, reason=f"fewer than {LEAST_ROWS} losses with activation, or without it")
    beta, covariance = fit_cox(start, stop, lost, covariates)
    if np.isnan(beta[0]):
        return Effect(method=COX, reason="the model does not converge")
    told = {"values": (math.nan, math.nan), "method": COX, "confidence_level": confidence_level}
    return means.exponentiate(means.build_effect(float(beta[0]), math.sqrt(covariance[0, 0]), None, **told))


def fit_cox(start, stop, lost, covariates) -> tuple[np.ndarray, np.ndarray]:
    """Return the log hazard ratios of a Cox model and their covariance, ties by Efron.

    Parameters
    ----------
    start, stop : array, shape (n,), days; a row is at risk after `start` up to and on `stop`
    lost : array of bool, shape (n,), whether the event comes at `stop`
    covariates : array, shape (n, k)

    Returns
    -------
    tuple: array of shape (k,) and of shape (k, k); nan where the model does not converge (a group without events).

    References
    ----------
    Efron 1977, Journal of the American Statistical Association 72: 557-565; Andersen & Gill 1982, Annals of
    Statistics 10: 1100-1120, for rows that come under observation late.
    """
    start, stop, lost = np.asarray(start, float), np.asarray(stop, float), np.asarray(lost, bool)
    x = np.asarray(covariates, float)
    x, beta, value = x - x.mean(axis=0), np.zeros(x.shape[1]), -np.inf
    times, place, ties = np.unique(stop[lost], return_inverse=True, return_counts=True)
    among = pd.Series(place).groupby(place).cumcount().to_numpy() / ties[place]
    orders = [(np.argsort(days, kind="stable"), days) for days in (stop, start)]
    risk = [(order, np.searchsorted(days[order], times, side="left")) for order, days in orders]
    spans = [np.searchsorted(times, days, side="right") for days in (stop, start)]
    for _ in range(COX_STEPS):
        new, score, information = _differentiate(beta, x, lost, place, among, risk, spans)
        if not np.isfinite(new) or np.linalg.cond(information) > 1e14:
            break
        if abs(new - value) <= 1e-10 * (abs(new) + 1):
            return beta, np.linalg.inv(information)
        beta, value = beta + np.linalg.solve(information, score), new
    return np.full(len(beta), np.nan), np.full((len(beta), len(beta)), np.nan)


def _differentiate(beta, x, lost, place, among, risk, spans):
    """Log partial likelihood, its score and its information; `among` is a loss's place among those of its day."""
    rate = np.exp(x @ beta)
    sums = rate[:, None] * np.column_stack([np.ones(len(x)), x])
    late = [np.vstack([np.cumsum(sums[order][::-1], axis=0)[::-1], np.zeros(sums.shape[1])])[at] for order, at in risk]
    tied = np.column_stack([np.bincount(place, column) for column in sums[lost].T])
    parts = (late[0] - late[1])[place] - among[:, None] * tied[place]
    means = parts[:, 1:] / parts[:, :1]
    value = float((x[lost] @ beta).sum() - np.log(parts[:, 0]).sum())
    # each row counts for the losses in whose sums it stands, so that no square of the covariates is kept a row
    passed = np.append(0.0, np.cumsum(np.bincount(place, 1 / parts[:, 0])))
    counts = passed[spans[0]] - passed[spans[1]]
    counts[lost] -= np.bincount(place, among / parts[:, 0])[place]
    return value, (x[lost] - means).sum(axis=0), (x.T * (rate * counts)) @ x - means.T @ means


def compare_strategies(histories, *, landmark, horizon, seed, n_resamples, confidence_level=0.95) -> Effect:
    """Return the share kept under "activate by the landmark" minus that under "do not", both from the start.

    Every account is cloned into both strategies on its first day, so time before activation belongs to both, and nobody
    has to stay in order to be counted. A clone is censored when its account departs from the strategy: under "do not"
    at activation; under "activate", which leaves until the landmark to do so (the grace period), at the landmark if it
    is still without. A loss before the landmark without activation counts under both. Those who remain are weighted by
    the inverse probability of remaining, given plan tier and group of size: logistic models of activation, one in each
    interval of about 10 days for "do not" (which accounts activate early differs from which activate late), and one
    among those alive at the landmark for "activate". What changes in between, such as the events so far, is not
    adjusted for: it is the road to activation itself.

    Parameters
    ----------
    histories : DataFrame, one row an account
        `followed_days`, `lost_day`, `day_activated` (nan never), `tier`, `size`. Only accounts that are followed to
        landmark + horizon count, so that no other censoring is left.
    landmark, horizon : float, days
    seed : int
    n_resamples : int, bootstrap samples of accounts, at most 200 of which are drawn
    confidence_level : float, 0 to 1

    Returns
    -------
    Effect: weighted shares kept at landmark + horizon; normal interval with the bootstrap standard error, for which all
        models are fitted anew. nan with a reason where `find_obstacle` finds one among those alive at the landmark.

    References
    ----------
    Hernan 2018, BMJ 360: k182; Cain et al. 2010, International Journal of Biostatistics 6(2): 18; Maringe et al. 2020,
    International Journal of Epidemiology 49: 1719-1729.
    """
    rows = histories[histories["followed_days"] >= landmark + horizon]
    controls = _group_alike(rows)
    alive = ~(rows["lost_day"] <= landmark).to_numpy()
    activated = (rows["day_activated"] < landmark).to_numpy()
    if reason := find_obstacle(activated[alive], controls[alive]):
        return Effect(method=CLONES, reason=f"at the landmark: {reason}")
    strata, counts = _count_courses(rows, controls, landmark, horizon)
    filled, rng = np.flatnonzero(counts), np.random.default_rng(seed)
    draws = np.zeros((min(n_resamples, MOST_RESAMPLES) + 1, *counts.shape))
    draws[0] = counts
    known = counts.flat[filled]
    draws.reshape(len(draws), -1)[1:, filled] = rng.multinomial(int(known.sum()), known / known.sum(), len(draws) - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        without, following = _follow_without(strata, draws), _follow_with(strata, draws)
    gaps = following - without
    found = gaps[1:][np.isfinite(gaps[1:])]
    error = float(found.std(ddof=1)) if len(found) > 1 else math.nan
    values = float(without[0]), float(following[0])
    return means.build_effect(
        float(gaps[0]), error, None, values=values, method=CLONES, confidence_level=confidence_level
    )


def _group_alike(rows):
    """Indicators of plan tier and of group of size, one row an account; an unknown size is a group of its own."""
    size = rows["size"].to_numpy(float)
    n_groups = int(np.clip(len(rows) // ACCOUNTS_A_SIZE, 2, MOST_SIZES))
    known = size[~np.isnan(size)]
    cuts = np.quantile(known, np.arange(1, n_groups) / n_groups) if len(known) else []
    groups = np.where(np.isnan(size), "unknown", np.searchsorted(cuts, size).astype(str))
    parts = ({"tier": rows["tier"].to_numpy(), "size": 1.0}, {"tier": groups, "size": 1.0})
    return np.hstack([make_controls(pd.DataFrame(part)) for part in parts])


def _count_courses(rows, controls, landmark, horizon):
    """The controls of each stratum, and accounts by stratum, interval of activation and interval of loss.

    The last interval of activation is never (by the landmark); the last two of loss are by the horizon, and kept.
    """
    strata, place = np.unique(controls, axis=0, return_inverse=True)
    n = max(round(landmark / INTERVAL_DAYS), 1)
    day, lost = rows["day_activated"].to_numpy(float), rows["lost_day"].to_numpy(float)
    begins = np.where(day < landmark, np.floor(np.where(day < landmark, day, 0) * n / landmark), n).astype(int)
    early = np.clip(np.ceil(np.where(lost <= landmark, lost, 0) * n / landmark) - 1, 0, n - 1)
    ends = np.where(lost <= landmark, early, np.where(lost <= landmark + horizon, n, n + 1)).astype(int)
    counts = np.zeros((len(strata), n + 1, n + 2))
    np.add.at(counts, (place.reshape(-1), np.minimum(begins, n), ends), 1)
    return strata, counts


def _follow_without(strata, draws):
    """Share kept of clones that must not activate: censored at the end of the interval in which they do."""
    n = draws.shape[2] - 1
    # axes: resample, stratum, interval; who activates and leaves in one interval is a loss, then nobody is censored
    at_risk = np.stack([draws[:, :, k:, k:].sum(axis=(2, 3)) for k in range(n)], axis=2)
    losses = np.stack([draws[:, :, k:, k].sum(axis=2) for k in range(n)], axis=2)
    leaves = np.stack([draws[:, :, k, k + 1 :].sum(axis=2) for k in range(n)], axis=2)
    chance = [_foretell(strata, leaves[..., k], (at_risk - losses)[..., k]) for k in range(n)]
    stays = np.cumprod(1 / np.maximum(1 - np.stack(chance, axis=2), 1e-9), axis=2)
    weights = np.concatenate([np.ones((*stays.shape[:2], 1)), stays], axis=2)
    hazard = (weights[..., :-1] * losses).sum(axis=1) / (weights[..., :-1] * at_risk).sum(axis=1)
    left = (weights[..., -1, None] * draws[:, :, n, n:]).sum(axis=1)
    return np.prod(1 - hazard, axis=1) * left[:, 1] / left.sum(axis=1)


def _follow_with(strata, draws):
    """Share kept of clones that must activate by the landmark: none is censored before it."""
    n = draws.shape[2] - 1
    alive, activated = draws[:, :, :, n:].sum(axis=(2, 3)), draws[:, :, :n, n:].sum(axis=2)
    chance = _foretell(strata, activated.sum(axis=2), alive)
    weighted = (activated / np.maximum(chance, 1e-9)[..., None]).sum(axis=1)
    return alive.sum(axis=1) / draws.sum(axis=(1, 2, 3)) * weighted[:, 1] / weighted.sum(axis=1)


def _foretell(strata, events, trials):
    """Fitted chance of each stratum by a logistic model on its controls, one model a resample (shape of `events`)."""
    x = np.column_stack([np.ones(len(strata)), strata])
    return expit(associations.fit_logit(x, events, trials)[0] @ x.T)
