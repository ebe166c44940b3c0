"""Is there a number of activations that marks customers who stay? The best cut, judged without having been chosen."""

import itertools
import math
import operator

import numpy as np
import pandas as pd
from scipy.special import expit, ndtr, owens_t
from scipy.stats import norm

from helpers.inference.associations import fit_logit
from helpers.milestones import contrasts
from helpers.milestones.contrasts import SIDES, adjusted_difference, compare_accounts, make_controls
from helpers.records import Effect, Test

LEAST_SIDE, MOST_CUTS, LIKE_GROUPS = 0.1, 60, 10
RIDGE = 1e-4  # a cut above which nobody left stays finite, and nothing else moves
MOST_POINTS, KNOTS = 100, (0.05, 0.35, 0.65, 0.95)
LEAST_SHARE, FIRST_FOLDS, LEAST_ROWS, MOST_BINS, SHOWN = 0.1, 0.2, 100, 15, 0.05
FEW = f"fewer than {LEAST_ROWS} accounts, so no threshold is looked for"
NO_CUT = "no count divides the accounts so that each side holds at least 10 % of them"
ALIKE = "all accounts have the same outcome"
TOO_IMPRECISE = "too imprecise"
BIN = ["count_low", "count_high", "open", "n", "kept", "share", "ci_low", "ci_high"]
ROW = (
    *("n", "cut", "cut_low", "cut_high", "lines", "statistic", "p_lausen_schumacher", "p_permutation"),
    *("naive_difference", "difference", "ci_low", "ci_high", "loss_constant", "loss_step", "loss_smooth", "loss_gap"),
    *("loss_gap_low", "loss_gap_high", "shape", "planned", "planned_difference", "planned_low", "planned_high"),
    *("newest_cohort", "n_newest", "newest_difference", "newest_low", "newest_high", "confirmed", *SIDES),
    "reason",
)
UNTOLD = {"newest_cohort": "", "n_newest": 0, "confirmed": TOO_IMPRECISE, **dict.fromkeys(SIDES, 0)}
BOUNDS = {"p_lausen_schumacher": "improved Bonferroni", "p_permutation": "permutation"}


def fit_ridge(x, outcome, start=None):
    """The log odds ratios, with a trace of ridge on all but the intercept; a near start saves steps."""
    return fit_logit(x, outcome, penalty=np.append(0.0, np.full(x.shape[1] - 1, RIDGE)), start=start)[0]


def find_cuts(counts) -> np.ndarray:
    """Return the counts that could be a threshold: at least 10 % of accounts reach it, and at least 10 % do not.

    Parameters
    ----------
    counts : array, shape (n,)

    Returns
    -------
    array, shape (m,): rising; of more than 60, those with at least a 75th of the accounts between one and the next, so
        that no count is skipped that many accounts share. Empty where no count divides the accounts so.

    Examples
    --------
    >>> find_cuts([0, 0, 1, 1, 2, 2, 3, 3, 4, 90]).tolist()
    [1.0, 2.0, 3.0, 4.0, 90.0]
    """
    counts = np.sort(np.asarray(counts, float))
    distinct = np.unique(counts)
    below = np.searchsorted(counts, distinct) / max(len(counts), 1)
    inside = (1 - below >= LEAST_SIDE - 1e-12) & (below >= LEAST_SIDE - 1e-12)
    apart, kept, last = (1 - 2 * LEAST_SIDE) / MOST_CUTS if inside.sum() > MOST_CUTS else 0.0, [], -math.inf
    for cut, share in zip(distinct[inside], below[inside], strict=True):
        if share - last >= apart:
            kept, last = [*kept, cut], share
    return np.array(kept)


class Scan:
    """The score statistic of each cut, beside a logistic model of the outcome that knows the controls and no cut.

    `standardised` (m,) is normal without any association, with `correlation` (m, m); the `best` cut is the one whose
    `statistic` is farthest from 0. Without controls it is the two-sample statistic with its conditional variance.

    Parameters
    ----------
    counts, outcome : array, shape (n,)
        Outcomes are 0 or 1.
    controls : array, shape (n, k)
    cuts : array, shape (m,), as `find_cuts` gives them

    References
    ----------
    Hothorn & Lausen 2003, Computational Statistics & Data Analysis 43: 121-137, eq. 1-3 (without controls); with them
    the efficient score of a logistic model.
    """

    def __init__(self, counts, outcome, controls, cuts):
        n, self.cuts, self.outcome = len(outcome), np.asarray(cuts, float), np.asarray(outcome, float)
        self.x = np.column_stack([np.ones(n), controls])
        self.share = expit(self.x @ fit_ridge(self.x, self.outcome))
        self.level = np.searchsorted(self.cuts, np.asarray(counts, float), side="right")
        weights = self.share * (1 - self.share)
        self.bend = np.linalg.pinv((self.x * weights[:, None]).T @ self.x)
        self.above = np.array([self._sum_above(weights * column) for column in self.x.T])  # (k + 1, m)
        later = np.maximum.outer(*[np.arange(len(self.cuts))] * 2)
        covariance = (self.above[0][later] - self.above.T @ self.bend @ self.above) * n / (n - 1)
        self.error = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
        self.correlation = covariance / np.outer(self.error, self.error)
        self.standardised = self.score(self.outcome)
        self.best = int(np.abs(self.standardised).argmax())
        self.cut, self.statistic = float(self.cuts[self.best]), float(np.abs(self.standardised[self.best]))

    def score(self, outcome) -> np.ndarray:
        """Return the statistics, shape (m,), of some outcome of these accounts."""
        rest = outcome - self.share
        return (self._sum_above(rest) - self.above.T @ (self.bend @ (self.x.T @ rest))) / self.error

    def permute(self, *, n_resamples: int, rng) -> float:
        """Return the p-value of the maximally selected statistic: (1 + draws as extreme) / (1 + draws).

        Outcomes change places only among accounts of like expected outcome (ten groups by the model of the controls),
        so that what the controls foretell stays. Without controls there is one group, and the test is exact.
        """
        order = np.argsort(self.share, kind="stable")
        like = np.array_split(order, LIKE_GROUPS if self.x.shape[1] > 1 else 1)
        moved, extreme = self.outcome.copy(), 0
        for _ in range(n_resamples):
            for rows in like:
                moved[rows] = rng.permutation(self.outcome[rows])
            extreme += np.abs(self.score(moved)).max() >= self.statistic - 1e-9
        return (1 + extreme) / (1 + n_resamples)

    def _sum_above(self, values):
        return np.bincount(self.level, values, len(self.cuts) + 1)[::-1].cumsum()[::-1][1:]


def bound_p_value(statistic: float, correlation) -> float:
    """Return the p-value of the maximally selected statistic: the smaller of two bounds, for few cuts and for many.

    By the improved Bonferroni inequality, the chance that any of the normal statistics is as far from 0 is at most that
    of the first, plus that of each next one being so while the one before it is not. With many close cuts that grows
    too large, and the limit for a continuum of cuts holds.

    Parameters
    ----------
    statistic : float, of a `Scan`
    correlation : array, shape (m, m)

    Returns
    -------
    float: at most 1.

    References
    ----------
    Lausen & Schumacher 1992, Biometrics 48: 73-85 (the continuum, after Miller & Siegmund 1982); Lausen, Sauerbrei &
    Schumacher 1994 (the inequality; here each pair's normal probability is exact, by Owen's T).
    """
    if statistic < 1:
        return 1.0
    rho, tail = np.clip(np.diag(correlation, k=1), 1e-12, 1 - 1e-15), ndtr(-statistic)
    ratio = np.sqrt((1 - rho) / (1 + rho))
    leave = 4 * (owens_t(statistic, ratio) + owens_t(statistic, 1 / ratio)) - 2 * tail
    density = norm.pdf(statistic)
    continuum = density * (statistic - 1 / statistic) * -2 * np.log(rho).sum() + 4 * density / statistic
    return float(min(1.0, continuum, 2 * tail + leave.sum()))


def compare_shapes(counts, outcome, controls, cuts, *, folds: int, rng) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return what a constant, a smooth curve, the best step and each step lose on accounts that they did not see.

    All four know the controls; the best step is the one with the most extreme score statistic in the other folds.

    Parameters
    ----------
    counts, outcome : array, shape (n,)
    controls : array, shape (n, k)
    cuts : array, shape (m,), at least one
    folds : int
    rng : numpy Generator

    Returns
    -------
    tuple: DataFrame, one row an account, its log loss under models that were fitted without its fold: constant
        (controls alone), step (the cut that the other folds chose), smooth (a natural spline of log(1 + count)); array
        of shape (n, m), its loss with each cut; array of shape (folds,), position of the cut that the others chose.
    """
    fold = split_folds(len(counts), folds, rng)
    base = np.column_stack([np.ones(len(counts)), controls])
    smooth, *by_cut = (
        measure_unseen(np.column_stack([base, columns]), outcome, fold)
        for columns in (build_spline(counts, find_knots(counts)), *(counts >= cut for cut in cuts))
    )
    others = [fold != k for k in range(folds)]
    chosen = np.array([Scan(counts[seen], outcome[seen], controls[seen], cuts).best for seen in others])
    by_cut, constant = np.column_stack(by_cut), measure_unseen(base, outcome, fold)
    losses = {"constant": constant, "step": by_cut[np.arange(len(counts)), chosen[fold]], "smooth": smooth}
    return pd.DataFrame(losses), by_cut, chosen


def measure_unseen(x, outcome, fold) -> np.ndarray:
    """Return the log loss of each account under a logistic model that was fitted without its fold.

    Parameters
    ----------
    x : array, shape (n, k); the first column is 1
    outcome : array, shape (n,), 0 or 1
    fold : array, shape (n,), as `split_folds` gives it
    """
    slopes, losses = None, np.full(len(outcome), math.nan)
    for k in np.unique(fold):
        out = fold == k
        slopes = fit_ridge(x[~out], outcome[~out], slopes)
        losses[out] = contrasts.measure_losses(x[out], outcome[out], slopes)
    return losses


def split_folds(n: int, folds: int, rng) -> np.ndarray:
    """Return the fold (0 to folds - 1) of each of n accounts, by chance; sizes differ by at most one."""
    return rng.permutation(np.arange(n) % folds)


def measure_gap(worse, better, *, confidence_level: float) -> tuple[float, float, float]:
    """Return the mean of worse minus better, paired by account, and its normal interval.

    Parameters
    ----------
    worse, better : array, shape (n,), losses
    confidence_level : float

    Returns
    -------
    tuple: mean, lower and upper end. Folds share their training accounts, which the interval does not know.
    """
    gap = np.asarray(worse, float) - np.asarray(better, float)
    reach = norm.isf((1 - confidence_level) / 2) * gap.std(ddof=1) / np.sqrt(len(gap))
    return float(gap.mean()), float(gap.mean() - reach), float(gap.mean() + reach)


def name_shape(losses, *, p_value: float, confidence_level: float) -> str:
    """Return which shape foretells best: "step", "smooth", "none" or "undecided".

    "step" or "smooth" where it clearly beats the other one; "none" where neither clearly beats the controls alone, nor
    the best of all cuts is beyond chance: what a test can see may be too little to foretell accounts better.

    Parameters
    ----------
    losses : DataFrame, as `compare_shapes` gives it
    p_value : float, of the maximally selected statistic; nan is no evidence
    confidence_level : float
    """

    def beats(better, worse):
        return measure_gap(losses[worse], losses[better], confidence_level=confidence_level)[1] > 0

    if not beats("step", "constant") and not beats("smooth", "constant"):
        return "undecided" if p_value <= 1 - confidence_level + 1e-12 else "none"
    if beats("smooth", "step"):
        return "smooth"
    return "step" if beats("step", "smooth") else "undecided"


def find_set(by_cut) -> np.ndarray:
    """Return which cuts lose no more than the best one and one standard error of the paired difference.

    References
    ----------
    Breiman, Friedman, Olshen & Stone 1984, section 3.4.3 (the one standard error rule).
    """
    gaps = by_cut - by_cut[:, [by_cut.mean(axis=0).argmin()]]
    return gaps.mean(axis=0) <= gaps.std(axis=0, ddof=1) / np.sqrt(len(gaps)) + 1e-15


def list_runs(cuts, in_set) -> str:
    """Return the cuts of a set in words, neighbours of the scan joined; "" for none.

    Parameters
    ----------
    cuts : array, shape (m,), rising
    in_set : array of bool, shape (m,)

    Examples
    --------
    >>> list_runs([8, 12, 14, 15, 16, 18], [False, True, False, True, True, True])
    '12, 15 to 18'
    """
    groups = itertools.groupby(zip(in_set, cuts, strict=True), operator.itemgetter(0))
    runs = [[cut for _, cut in run] for held, run in groups if held]
    return ", ".join(" to ".join(dict.fromkeys((f"{run[0]:g}", f"{run[-1]:g}"))) for run in runs)


def trace_shapes(counts, outcome, cut: float, *, highest: float) -> dict[str, np.ndarray]:
    """Return the share with the outcome by count, by the smooth curve and by the step, as it is: not adjusted.

    Parameters
    ----------
    counts, outcome : arrays of n rows
    cut : float, where the step lies
    highest : float, the last count of the curve

    Returns
    -------
    dict of arrays: count (whole numbers from the lowest count on, at most 100), share_smooth, share_step.
    """
    points, knots = np.unique(np.linspace(np.min(counts), highest, MOST_POINTS).round()), find_knots(counts)
    curves = {"smooth": lambda at: build_spline(at, knots), "step": lambda at: (at >= cut)[:, None]}
    traced = {"count": points}
    for name, make in curves.items():
        x, at = (np.column_stack([np.ones(len(values)), make(values)]) for values in (counts, points))
        traced[f"share_{name}"] = expit(at @ fit_ridge(x, outcome))
    return traced


def find_knots(values) -> np.ndarray:
    """Return where a natural cubic spline of log(1 + value) may bend: at four quantiles, fewer where they coincide.

    Where many values are equal, as counts of 0 are, the quantiles of those between the lowest and the highest serve
    if they keep more knots apart.

    Parameters
    ----------
    values : array, shape (n,), 0 or more

    Returns
    -------
    array, shape (q,): rising, on the log scale; both ends where fewer than two quantiles differ.

    References
    ----------
    Harrell 2015, Regression Modeling Strategies, 2nd ed., section 2.4.6 (quantiles .05, .35, .65, .95).
    """
    logs = np.log1p(np.asarray(values, float))
    inner = logs[(logs > logs.min()) & (logs < logs.max())]
    found = [np.unique(np.quantile(part, KNOTS)) for part in (logs, inner) if len(part)]
    best = max(found, key=len)
    return best if len(best) > 1 else np.unique([logs.min(), logs.max()])


def build_spline(values, knots) -> np.ndarray:
    """Return the columns of a natural cubic spline of log(1 + value): straight beyond the outer knots.

    Parameters
    ----------
    values : array, shape (n,), 0 or more
    knots : array, shape (q,), rising, on the log scale, as `find_knots` gives them

    Returns
    -------
    array, shape (n, max(q - 1, 1)): the log itself, then one column an inner knot.

    References
    ----------
    Harrell 2015, eq. 2.25; Hastie, Tibshirani & Friedman 2009, eq. 5.4-5.5.
    """
    logs = np.log1p(np.asarray(values, float))
    if len(knots) < 3:
        return logs[:, None]
    bends = np.maximum(logs[:, None] - knots, 0) ** 3 / (knots[-1] - knots[0]) ** 2
    shared = (bends[:, -2] - bends[:, -1]) / (knots[-1] - knots[-2])
    tails = bends[:, :-2] - bends[:, [-1]] - shared[:, None] * (knots[-1] - knots[:-2])
    return np.column_stack([logs, tails])


def study_threshold(frame: pd.DataFrame, design, *, seed: int, n_resamples: int, folds: int = 10, planned=None):
    """Return whether some number of activations marks accounts that stay, and how sure that number is.

    The p-values are of the best of all cuts. The difference beside them is measured on accounts that had no part in
    choosing the cut: folds are opened one after the other, and each is cut where those before it say (a chain of
    martingale differences, whose interval holds even where there is no cut to find). Its target is the difference at
    the cuts so chosen.

    Parameters
    ----------
    frame : DataFrame, one row an account alive at the landmark and followed to its horizon
        `count`, `retained`, `tier`, `size`, `cohort`. Rows without a known outcome are left out.
    design : FrameworkPlan
    seed, n_resamples : int, of the permutation test
    folds : int, of the comparison out of sample
    planned : Estimate or Effect, optional
        The adjusted difference at the plan's own line, where it is known already.

    Returns
    -------
    tuple: list of Test (the maximally selected statistic, by inequality and by permutation), and tables
        `activation_counts`, `activation_curves`, `cuts` (raw differences) and `threshold` (adjusted ones: at the best
        cut on all accounts, `naive_difference`, and unchosen; `lines` are the cuts that fit as well as the best). No
        tests and no tables where the plan names no activation. `cuts` and `threshold` (of its newest accounts) carry
        the counts of `count_sides`, which disclosure checks and drops. Where nothing can be said, `threshold` is nan
        with a reason.

    References
    ----------
    Luedtke & van der Laan 2016, Annals of Statistics 44: 713-742 (the interval of a target that the data chose);
    Altman et al. 1994, Journal of the National Cancer Institute 86: 829-835 (why the best cut misleads).
    """
    if design.activation is None:
        return [], {}
    frame = frame[frame["retained"].notna()].reset_index(drop=True)
    counts, outcome, line = frame["count"].to_numpy(float), frame["retained"], design.activation.at_least
    planned = Effect() if line is None else planned or compare_accounts(frame, counts >= line, design)
    row = {"n": len(frame), "planned": math.nan if line is None else float(line), "lines": "", "shape": "undecided"}
    row |= UNTOLD | contrasts.tell_effect(planned, "planned") | {"reason": _find_obstacle(outcome, find_cuts(counts))}
    tables = {
        "activation_counts": count_kept(counts, outcome, design),
        "activation_curves": pd.DataFrame(columns=["count", "share_smooth", "share_step"]),
        "cuts": pd.DataFrame(columns=["cut", "difference", "statistic", "in_set", "chosen"]),
    }
    tests = []
    if not row["reason"]:
        found, shown = _judge_cuts(frame, design, seed=seed, n_resamples=n_resamples, folds=folds)
        row, tables = row | found | _confirm(frame, design), tables | shown
        for key, name in BOUNDS.items():
            name, told = f"maximally selected statistic, {name}", (row["statistic"], None, row[key])
            tests.append(Test(f"best_cut:retained:{key}", "retained", name, *told))
    return tests, tables | {"threshold": pd.DataFrame([row], columns=ROW)}


def _judge_cuts(frame, design, *, seed, n_resamples, folds):
    """What the scan finds, and the tables of curves and of cuts: the raw difference in shares, folds that chose it."""
    streams = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(3)]
    counts, outcome = (frame[column].to_numpy(float) for column in ("count", "retained"))
    controls, cuts, level = make_controls(frame), find_cuts(counts), {"confidence_level": design.confidence_level}
    scan = Scan(counts, outcome, controls, cuts)
    losses, by_cut, chosen = compare_shapes(counts, outcome, controls, cuts, folds=folds, rng=streams[0])
    permuted, in_set = scan.permute(n_resamples=n_resamples, rng=streams[1]), find_set(by_cut)
    honest = measure_unchosen(counts, outcome, controls, cuts, folds=folds, rng=streams[2], **level)
    row = {"cut": scan.cut, "cut_low": cuts[in_set].min(), "cut_high": cuts[in_set].max()}
    row |= {"lines": list_runs(cuts, in_set), "statistic": scan.statistic, "p_permutation": permuted}
    row |= {"p_lausen_schumacher": bound_p_value(scan.statistic, scan.correlation), **contrasts.tell_effect(honest)}
    row |= losses.mean().add_prefix("loss_").to_dict() | {"shape": name_shape(losses, p_value=permuted, **level)}
    row |= contrasts.name_figures("loss_gap", measure_gap(losses["step"], losses["smooth"], **level))
    row |= {"naive_difference": compare_accounts(frame, counts >= scan.cut, design, controls).estimate}
    sides = pd.DataFrame([contrasts.count_sides(counts >= cut, outcome) for cut in cuts])
    difference = sides["kept_with"] / sides["n_with"] - sides["kept_without"] / sides["n_without"]
    table = {"cut": cuts, "difference": difference, "statistic": scan.standardised, "in_set": in_set}
    table["chosen"] = np.bincount(chosen, minlength=len(cuts))
    curves = trace_shapes(counts, outcome, scan.cut, highest=find_highest(counts, design))
    return row, {"activation_curves": pd.DataFrame(curves), "cuts": pd.DataFrame(table).join(sides)}


def _find_obstacle(outcome, cuts):
    if len(outcome) < LEAST_ROWS:
        return FEW
    return NO_CUT if len(cuts) == 0 else ALIKE if np.ptp(outcome) == 0 else None


def _confirm(frame, design):
    """The cut that older cohorts choose, on the newest ones, which hold at least a tenth of the accounts."""
    newest, name = split_newest(frame["cohort"])
    row, old = UNTOLD | {"newest_cohort": name, "n_newest": int(newest.sum())}, frame[~newest]
    counts, outcome = (old[column].to_numpy(float) for column in ("count", "retained"))
    cuts = find_cuts(counts)
    if _find_obstacle(outcome, cuts):
        return row
    cut = Scan(counts, outcome, make_controls(old), cuts).cut
    older, found = (compare_accounts(part, part["count"] >= cut, design) for part in (old, frame[newest]))
    sides = contrasts.count_sides(frame.loc[newest, "count"] >= cut, frame.loc[newest, "retained"])
    return row | contrasts.tell_effect(found, "newest") | {"confirmed": judge_confirmation(older, found)} | sides


def split_newest(cohorts: pd.Series) -> tuple[np.ndarray, str]:
    """Return which accounts belong to the newest cohorts: the fewest that hold a tenth of all, and not every cohort.

    Parameters
    ----------
    cohorts : Series of text that sorts by time

    Returns
    -------
    tuple: array of bool, and their name ("2022-Q4", or "2022-Q3 to 2022-Q4"); none and "" for a single cohort.
    """
    names = sorted(cohorts.unique())
    for first in reversed(names[1:]):
        newest = (cohorts >= first).to_numpy(bool)
        if newest.mean() >= LEAST_SHARE:
            return newest, " to ".join(dict.fromkeys((first, names[-1])))
    return np.zeros(len(cohorts), bool), ""


def judge_confirmation(older: Effect, newest: Effect) -> str:
    """Return whether newer accounts confirm what older ones showed at the cut that the older ones chose.

    Parameters
    ----------
    older, newest : Effect, differences at that cut

    Returns
    -------
    str: "confirmed" (the interval of the newest excludes 0 on the same side), "not confirmed" (it does not, and the
        two differences lie further apart than their intervals together allow), else "too imprecise".
    """
    if math.isnan(newest.ci_low) or math.isnan(older.estimate):
        return TOO_IMPRECISE
    if (newest.ci_low > 0) if older.estimate >= 0 else (newest.ci_high < 0):
        return "confirmed"
    now, before = ((effect.estimate, effect.ci_low, effect.ci_high) for effect in (newest, older))
    return "not confirmed" if contrasts.rules_out(now, before) else TOO_IMPRECISE


def measure_unchosen(counts, outcome, controls, cuts, *, folds: int, rng, confidence_level: float) -> Effect:
    """Return the adjusted difference at the best cut, from accounts that had no part in choosing it.

    The first fifth of the folds only chooses; each later fold is cut where all folds before it say.

    Parameters
    ----------
    counts, outcome, controls, cuts : as for `Scan`
    folds : int
    rng : numpy Generator
    confidence_level : float

    Returns
    -------
    Effect: as `adjusted_difference` gives it.

    References
    ----------
    Luedtke & van der Laan 2016, section 4. Cutting each fold where all others say looks alike and covers too seldom
    when there is no cut to find: the folds' errors then go together through the shared choice.
    """
    fold, reached = split_folds(len(counts), folds, rng), np.full(len(counts), np.nan)
    for k in range(max(1, round(FIRST_FOLDS * folds)), folds):
        before, now = fold < k, fold == k
        if np.ptp(outcome[before]) > 0:
            reached[now] = counts[now] >= Scan(counts[before], outcome[before], controls[before], cuts).cut
    return adjusted_difference(reached, outcome, controls, confidence_level=confidence_level)


def count_kept(counts, outcome, design) -> pd.DataFrame:
    """Return the share kept by count, in at most 15 bins of about equal size, each of at least 2 x min_cell accounts.

    Parameters
    ----------
    counts, outcome : array, shape (n,)
    design : FrameworkPlan

    Returns
    -------
    DataFrame: count_low, count_high, open, n, kept, share, ci_low, ci_high (Wilson). The last bin is open: its
        count_high is the highest count to show (`find_highest`). A bin closes once it holds enough, and what is left
        joins the last one.
    """
    counts, outcome = np.asarray(counts, float), np.asarray(outcome, float)
    least, rows = max(2 * design.min_cell, math.ceil(len(counts) / MOST_BINS)), []
    edges = contrasts.join_small(*np.unique(counts, return_counts=True), least)
    for low, after in itertools.pairwise([*edges, math.inf]):
        inside, is_last = (counts >= low) & (counts < after), after == math.inf
        high = max(find_highest(counts, design), low) if is_last else after - 1
        n, kept = int(inside.sum()), int(outcome[inside].sum())
        rows.append((int(low), int(high), is_last, n, kept, *contrasts.read_share(kept, n, design).values()))
    return pd.DataFrame(rows, columns=BIN)


def find_highest(counts, design) -> float:
    """Return the highest count to show: that at least 5 % of accounts reach, and at least min_cell of them.

    The largest of all would be one account's own, and stretch every axis.

    Parameters
    ----------
    counts : array, shape (n,)
    design : FrameworkPlan

    Returns
    -------
    float: the lowest count where there are fewer accounts than min_cell; nan without any.
    """
    least = max(design.min_cell, math.ceil(SHOWN * len(counts)))
    return float(np.sort(counts)[-min(least, len(counts))]) if len(counts) else math.nan
