"""The review of a framework, cohort by cohort: does what marked older customers who stay still mark the newest ones?"""

import math

import numpy as np
import pandas as pd

from helpers.milestones import contrasts
from helpers.milestones import model as fitted
from helpers.milestones.contrasts import compare_accounts, make_controls
from helpers.milestones.thresholds import LEAST_SIDE, Scan, bound_p_value, find_cuts
from helpers.plan import FrameworkPlan

N_RESAMPLES = 200
DRIFT = ["cohort", "what", "reference", "found", "low", "high", "outside"]
TOP_FEATURES = 10
TOO_FEW = f"fewer than {fitted.LEAST_PER_COEFFICIENT} accounts lost, or kept, for each coefficient"
WHOLE = "all"  # what is said of a whole run
MISFITS = {"recalibrate": "its spread", "revise": "its coefficients"}


def measure_differences(frame: pd.DataFrame, design: FrameworkPlan, line: float) -> dict[str, fitted.Row]:
    """Return the adjusted difference in the share kept of each milestone among some accounts.

    Parameters
    ----------
    frame : DataFrame, as `read_landmarks` gives it
    design : FrameworkPlan
    line : float, count from which an account is activated where the plan names none; nan is unknown

    Returns
    -------
    dict: milestone -> (difference, low, high); nan where not estimable.
    """
    found, controls = {}, make_controls(frame)
    for name in design.milestone_names:
        exposed = np.asarray(frame.get(name, np.full(len(frame), np.nan)), float)
        if name == "activated" and name not in contrasts.list_milestones(design):
            exposed = np.where(math.isnan(line), np.nan, frame["count"] >= line)
        effect = compare_accounts(frame, exposed, design, controls)
        found[name] = (effect.estimate, effect.ci_low, effect.ci_high)
    return found


def compare_cuts(frame, cohorts, older, *, rng, n_resamples: int = 200, alpha: float = 0.05) -> list[tuple]:
    """Return the best cut of each cohort beside those of as many accounts drawn from the other older cohorts.

    The best cut has the largest standardised difference between accounts that reach it and those that do not, of all
    counts that 10 to 90 % of accounts reach; plans and sizes play no part, as they do not in the draws. The others are
    redrawn before each draw, because they are a sample too.

    Parameters
    ----------
    frame : DataFrame, one row an account: `cohort`, `count`, `retained`
    cohorts : list of str, that are judged
    older : list of str
        Cohorts from which the reference is drawn, without the judged one itself.
    rng : numpy Generator
    n_resamples : int
    alpha : float
        Chance with which a cohort like the others lies outside, at most; each cohort has its own.

    Returns
    -------
    list of tuple: cohort, what ("cut"), reference (best cut of the others), found, low, high (of the draws), outside.
        A cohort without others, or without a cut, has no row.
    """
    levels, place = np.unique(frame["count"].to_numpy(float), return_inverse=True)
    cell, rows = place + len(levels) * (frame["retained"].to_numpy(float) == 1), []
    for cohort, own, rest in _pair_cohorts(frame, cohorts, older):
        own, rest = (np.bincount(cell[part], minlength=2 * len(levels)) for part in (own, rest))
        others = rng.multinomial(rest.sum(), rest / rest.sum(), size=n_resamples) / rest.sum()
        draws = rng.multinomial(own.sum(), others)
        found, reference, null = (find_best(counts, levels) for counts in (own[None], rest[None], draws))
        if np.isfinite(found[0]) and np.isfinite(reference[0]):
            rows.append(_place(cohort, "cut", reference[0], found[0], null, alpha))
    return rows


def _pair_cohorts(frame, cohorts, older):
    """Each cohort, its rows, and those of the other older cohorts, where there are both."""
    labels = frame["cohort"].to_numpy(str)
    for cohort in cohorts:
        own = np.flatnonzero(labels == cohort)
        rest = np.flatnonzero(np.isin(labels, [name for name in older if name != cohort]))
        if len(own) and len(rest):
            yield cohort, own, rest


def find_best(counts, levels) -> np.ndarray:
    """Return the best cut of each of some tables of counts.

    Parameters
    ----------
    counts : array, shape (r, 2m)
        Accounts lost at each level, then accounts kept at each level.
    levels : array, shape (m,), rising

    Returns
    -------
    array, shape (r,): the level from which on accounts count as having reached it; nan where there is no cut.

    References
    ----------
    Hothorn & Lausen 2003, Computational Statistics & Data Analysis 43: 121-137, eq. 1-3.
    """
    lost, kept = counts[:, : len(levels)], counts[:, len(levels) :]
    here = lost + kept
    n, k = here.sum(axis=1, keepdims=True), kept.sum(axis=1, keepdims=True)
    above, above_kept = (part[:, ::-1].cumsum(axis=1)[:, ::-1] for part in (here, kept))
    inside = (here > 0) & (above >= LEAST_SIDE * n - 1e-9) & (above <= (1 - LEAST_SIDE) * n + 1e-9)
    gap = above_kept - above * k / np.maximum(n, 1)
    spread = np.maximum(above * (n - above), 1)  # times what all cuts of one table share
    size = np.where(inside, gap**2 / spread, -1.0)
    return np.where(size.max(axis=1) > 0, levels[size.argmax(axis=1)], np.nan)


def compare_ranks(frame, features, cohorts, older, *, rng, n_resamples: int = 200, alpha: float = 0.05) -> list[tuple]:
    """Return the rank of each feature in each cohort beside its ranks in draws from the other older cohorts.

    Features are ranked by the adjusted difference in the share kept (1 is the largest), by `adjusted_difference`.

    Parameters
    ----------
    frame : DataFrame, one row an account: `cohort`, `tier`, `size`, `retained`, `feature_NAME`
    features : list of str, names
    cohorts, older, rng, n_resamples, alpha : as for `compare_cuts`

    Returns
    -------
    list of tuple: as `compare_cuts`, what is "rank of NAME". A feature that fewer than 10 + 2k accounts of a cohort
        use, or do not use (k controls), or with which, or without which, fewer than 10 were kept, or lost, has no row
        there, nor rank in a draw. None for fewer than two features.
    """
    if len(features) < 2:
        return []
    sums, rows = Sums(frame, features), []
    for cohort, own, rest in _pair_cohorts(frame, cohorts, older):
        pools = (rest[rng.integers(len(rest), size=len(rest))] for _ in range(n_resamples))
        null = _rank(sums.compare(pool[rng.integers(len(rest), size=len(own))] for pool in pools))
        found, reference = _rank(sums.compare([own, rest]))
        for j in np.flatnonzero(np.isfinite(found + reference)):
            rows.append(_place(cohort, f"rank of {features[j]}", reference[j], found[j], null[:, j], alpha))
    return rows


class Sums:
    """Products of the columns of every account, so that a draw needs their sums and nothing else."""

    def __init__(self, frame, features):
        z = np.column_stack([np.ones(len(frame)), make_controls(frame)])
        self.q, outer = z.shape[1], np.einsum("ni,nj->nij", z, z).reshape(len(frame), -1)
        self.products = np.column_stack([outer, z * frame["retained"].to_numpy(float)[:, None]])
        used = np.nan_to_num(frame[[f"feature_{name}" for name in features]].to_numpy(float))
        self.used = np.column_stack([np.ones(len(frame)), used])

    def compare(self, draws) -> np.ndarray:
        """Return the adjusted difference of each feature among each of some sets of rows, shape (draws, features)."""
        q, sums = self.q, np.array([self.used[rows].T @ self.products[rows] for rows in draws])
        everybody, users = sums[:, :1], sums[:, 1:]
        means, is_few = [], False
        for part in (users, everybody - users):
            inner = part[..., : q * q].reshape(*part.shape[:-1], q, q)
            inverse = np.linalg.pinv(inner, rcond=1e-9, hermitian=True)
            means.append(np.einsum("dfij,dfj->dfi", inverse, part[..., q * q :]))
            n, kept = part[..., 0], part[..., q * q]
            is_few |= (n < contrasts.LEAST_ROWS + 2 * (q - 1)) | (np.minimum(kept, n - kept) < contrasts.LEAST_ROWS)
        mix = everybody[..., :q] / everybody[..., :1]
        return np.where(is_few, np.nan, ((means[0] - means[1]) * mix).sum(axis=-1))


def _rank(values):
    """1 for the largest of each row; what is not known has no rank."""
    larger = (values[..., None, :] > values[..., :, None]).sum(axis=-1)
    return np.where(np.isnan(values), np.nan, 1.0 + larger)


def _place(cohort, what, reference, found, null, alpha):
    null = null[np.isfinite(null)]
    if not len(null):
        return cohort, what, float(reference), float(found), np.nan, np.nan, False
    low = float(np.quantile(null, alpha / 2, method="lower"))
    high = float(np.quantile(null, 1 - alpha / 2, method="higher"))
    return cohort, what, float(reference), float(found), low, high, bool(found < low or found > high)


def study_review(frame: pd.DataFrame, design, tables, *, against=None, seed: int) -> dict[str, pd.DataFrame]:
    """Return how the framework holds in each cohort, one word a milestone, and the model that a later run can review.

    A logistic model of who is kept (milestones, log size, plan tier) is made from the cohorts before the newest; the
    newest is the last with 10 accounts lost and 10 kept for each coefficient, and at least `min_cell` of both. Each
    older cohort is judged by the model made without it, so that all predictions are of accounts that the model has not
    seen. With `against`, all are judged by the earlier run's model. Each cohort has its own chance of a false alarm
    (the plan's p_value); the words are about the newest alone.

    Parameters
    ----------
    frame : DataFrame, as `read_landmarks` gives it at the main landmark
    design : FrameworkPlan
        `review.metrics` says what is looked at, `review.thresholds` what is acceptable.
    tables : dict of DataFrame
        `threshold` and `ranking`, where there are any, give the cut and the ranks that are kept in the model, and the
        ten features whose ranks are followed.
    against : DataFrame, optional, table `model` of an earlier run
    seed : int

    Returns
    -------
    dict: `review` (a cohort a row; what was not planned, or is not estimable, is nan with a reason), `drift`,
        `review_words`, `model`. Empty for a snapshot, or where nobody can be read at the landmark.

    Raises
    ------
    Refused: `against` is no model, or that of other milestones or lines, another landmark or another horizon.
    """
    if design.is_snapshot or frame["retained"].isna().all():
        return {}
    frame = frame[frame["retained"].notna()].reset_index(drop=True)
    stored = None if against is None else fitted.read_model(against, design)
    newest, older = _split_cohorts(frame, design, stored)
    review, auc = _review_cohorts(frame, design, older, stored)
    found, threshold, ranking = {}, tables.get("threshold"), tables.get("ranking")  # with what cannot be told apart
    if threshold is not None and len(threshold):
        found["cut", "activated"] = tuple(map(float, threshold.iloc[0][["cut", "cut_low", "cut_high"]]))
    if ranking is not None:
        values = ranking[["rank", "rank_low", "rank_high"]].to_numpy(float)
        found |= {("rank", str(k)): tuple(map(float, v)) for k, v in zip(ranking["feature"], values, strict=True)}
    found = {key: row for key, row in found.items() if math.isfinite(row[0])}
    drift = _find_drift(frame, design, tables, older, seed) + _compare_runs(found, design, stored)
    drift = pd.DataFrame(drift, columns=DRIFT)
    made, own = (frame[frame["cohort"].isin(part)] for part in (older, [newest]))
    line = fitted.UNKNOWN if stored is None else stored.recall("cut", "activated")
    if older and math.isnan(line[0]):
        line = drift.loc[(drift["cohort"] == newest) & (drift["what"] == "cut"), "reference"].tolist() or fitted.UNKNOWN
    now, before = (measure_differences(part, design, line[0]) for part in (own, made))
    made = made if older else frame
    further = {("difference", name): row for name, row in before.items() if math.isfinite(row[0])} | found
    further |= {("auc", "retained"): auc, ("n", "lost"): (float((1 - made["retained"]).sum()), math.nan, math.nan)}
    model = fitted.fit_model(made, fitted.name_columns(made, design), confidence_level=design.confidence_level)
    if stored is not None:
        before, auc = {name: stored.recall("difference", name) for name in now}, stored.recall("auc", "retained")
    p = _test_cuts(own, design, before.get("activated", fitted.UNKNOWN)[0])
    words = judge_milestones(now, before, review, drift, newest, older_auc=auc[0], cut_p=p, design=design)
    tables = {"review": review, "drift": drift, "review_words": words}
    return tables | {"model": fitted.write_model(model, design, further)}


def _split_cohorts(frame, design, stored):
    """The newest cohort that is large enough to be judged (the last one, when none is), and those before it."""
    cohorts = sorted(frame["cohort"].unique())
    columns = fitted.name_columns(frame, design) if stored is None else stored.coefficients
    least = max(fitted.LEAST_PER_COEFFICIENT * (len(columns) + 1), design.min_cell)
    kept = frame.groupby("cohort")["retained"].agg(["sum", "size"])
    large = kept.index[np.minimum(kept["sum"], kept["size"] - kept["sum"]) >= least]
    candidates = [name for name in cohorts[0 if stored else 1 :] if name in large]
    newest = candidates[-1] if candidates else cohorts[-1]
    return newest, [name for name in cohorts if name < newest]


def _review_cohorts(frame, design, older, stored):
    """One row a cohort, and the area under the curve of all older cohorts with its interval."""
    rows, linear = [], np.full(len(frame), np.nan)
    for cohort in sorted(frame["cohort"].unique()):
        model, own = stored, (frame["cohort"] == cohort).to_numpy()
        others = frame[frame["cohort"].isin([name for name in older if name != cohort])]
        if model is None and others["retained"].nunique() == 2:
            names = fitted.name_columns(others, design)
            model = fitted.fit_model(others, names, confidence_level=design.confidence_level)
        if model is not None:
            linear[own] = model.score(frame[own])
        rows.append(_review_one(frame[own], cohort, linear[own], model, design))
    seen = frame["cohort"].isin(older).to_numpy() & ~np.isnan(linear)
    return pd.DataFrame(rows), _measure_auc(linear[seen], frame["retained"][seen], design)


def _measure_auc(linear, outcome, design):
    found = fitted.measure_auc(linear, outcome, confidence_level=design.confidence_level)
    return found.estimate, found.ci_low, found.ci_high


def _review_one(rows, cohort, linear, model: fitted.Model | None, design):
    y, planned, limits = rows["retained"].to_numpy(float), design.review.metrics, design.review.thresholds
    found = {"cohort": cohort, "n": len(y), "lost": int((1 - y).sum()), "observed": float(y.mean())}
    found |= dict.fromkeys((*fitted.FIGURES, *fitted.TESTS, "expected"), math.nan)
    if model is None:
        empty = contrasts.name_figures("auc", fitted.UNKNOWN) | {"choice": "too few"}
        return found | empty | {"reason": "no other cohort from which a model could be made"}
    auc = _measure_auc(linear, y, design) if "discrimination" in planned else fitted.UNKNOWN
    found |= contrasts.name_figures("auc", auc) | {"choice": "not planned", "reason": None}
    if "calibration" in planned:
        inflation = 1 + len(y) / model.n
        columns = fitted.build_columns(rows, list(model.coefficients), model.centre)
        level = {"inflation": inflation, "confidence_level": design.confidence_level}
        found |= fitted.measure_calibration(linear, y, **level)
        found |= fitted.choose_update(linear, columns, y, inflation=inflation, alpha=limits.p_value)
    if found["choice"] == "too few":
        found["reason"] = TOO_FEW
    elif not set(fitted.TIER + rows["tier"].astype(str)) <= {*model.coefficients, fitted.TIER + "all"}:
        found["reason"] = "some accounts have a tier that the model does not know, or saw too rarely"
    return found


def _find_drift(frame, design, tables, older, seed):
    """Rows of the best cut and of ranks by cohort."""
    rngs = [np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(2)]
    rows, cohorts, planned = [], sorted(frame["cohort"].unique()), design.review.metrics
    options = {"n_resamples": N_RESAMPLES, "alpha": design.review.thresholds.p_value}
    if "cut" in planned and design.activation is not None:
        rows += compare_cuts(frame, cohorts, older, rng=rngs[0], **options)
    if "ranks" in planned and "ranking" in tables:
        known = tables["ranking"].query("time_order == 'known'")  # another may follow from staying: followed nowhere
        features = [name for name in known["feature"] if f"feature_{name}" in frame][:TOP_FEATURES]  # the first lead
        rows += compare_ranks(frame, features, cohorts, older, rng=rngs[1], **options)
    return rows


def _compare_runs(found, design, stored):
    """The cut and the ranks of this run beside those of an earlier one, with what that run could not tell apart."""
    rows = []
    for (kind, name), (value, _, _) in found.items() if stored is not None else ():
        reference, low, high = stored.recall(kind, name)
        planned, what = ("cut", "cut") if kind == "cut" else ("ranks", f"rank of {name}")
        if planned in design.review.metrics and math.isfinite(reference):
            rows.append((WHOLE, what, reference, value, low, high, bool(value < low or value > high)))
    return rows


def _test_cuts(frame, design, older):
    """The p-value of the best of all cuts of the count, adjusted for plan and size; 1 where none is on older's side."""
    cuts = find_cuts(frame["count"]) if design.activation is not None else []
    if len(cuts) == 0 or frame["retained"].nunique() < 2:
        return 1.0
    scan = Scan(frame["count"], frame["retained"], make_controls(frame), cuts)
    is_same = scan.standardised[scan.best] * older > 0
    return bound_p_value(scan.statistic, scan.correlation) if is_same else 1.0


def judge_milestones(now, before, review, drift, newest, *, older_auc, cut_p=1.0, design) -> pd.DataFrame:
    """Return one word a milestone, and why, from the newest cohort that is large enough.

    In this order: "too early" where the newest cohort or the older ones have too few accounts; "re-set" (activated)
    where the best cut lies outside what chance would give, and is no accident of looking at many; "drop" where the
    difference in the newest could not be as large as what the plan calls worthwhile and is clear on the other side, or
    is not clear and lies further from the older one than both intervals together allow, or where the older one is not
    clear nor could be worthwhile either; "watch" where it is on the other side or not clear, yet not dropped; "re-set"
    where it is clear, yet the best cut lies outside; "watch" where the model's spread or coefficients no longer fit,
    or it tells those who stay apart less well than planned; else "keep".

    Parameters
    ----------
    now, before : dict of milestone -> (difference, low, high)
    review, drift : DataFrames, as `study_review` gives them
    newest : str, cohort
    older_auc : float, area under the curve in the older cohorts, or in the earlier run; nan is not judged
    cut_p : float
        Chance that the best of all cuts looks as good in the newest cohort without any association.
    design : FrameworkPlan, gives the thresholds

    Returns
    -------
    DataFrame: milestone, word, why (one sentence).
    """
    row = review.set_index("cohort").loc[newest]
    moved = drift[drift["cohort"].isin([newest, "all"]) & (drift["what"] == "cut") & drift["outside"].astype(bool)]
    rows = []
    for name in design.milestone_names:
        cut = moved.iloc[0] if name == "activated" and len(moved) else None
        word, why = _judge(now[name], before[name], row, cut, older_auc, cut_p, design.review.thresholds)
        rows.append((name, word, f"{_describe(newest, now[name], before[name])}{why}."))
    return pd.DataFrame(rows, columns=["milestone", "word", "why"])


def _judge(now, before, row, cut, older_auc, cut_p, limits):
    """The word of the first rule that holds, and why."""
    choice, auc, worthwhile = row["choice"], row["auc"], f"the {_points(limits.worthwhile)} that would be worthwhile"
    is_small, is_clear, moved, beside = now[2] < limits.worthwhile, now[1] > 0 or now[2] < 0, "", ""
    if cut is not None:
        range_ = f"the {cut['low']:g} to {cut['high']:g}" if cut["low"] < cut["high"] else f"the {cut['low']:g}"
        moved = f"the best cut is {cut['found']:g}, outside {range_} that chance would give"
        beside = f"; the best cut is {cut['found']:g} now, which is not clear either"
    yet, lesser = "" if is_small else f", yet it may reach {worthwhile}", "drop" if is_small else "watch"
    level = ", though the share that stays has moved" if choice == "re-intercept" else ""
    area, misfit = (
        "clear, but the model's area under the curve",
        "clear, but the model of all milestones no longer fits in",
    )
    is_vague = before[1] <= 0 <= before[2] and max(now[2], before[2]) < limits.worthwhile
    is_known = math.isfinite(now[1]) and math.isfinite(before[1]) and choice != "too few"
    rules = (
        (not is_known, "too early", "with too few accounts to judge it"),
        (moved and cut_p < limits.p_value, "re-set", f"but {moved}"),
        (is_clear and now[0] * before[0] < 0, lesser, "clear and on the other side"),
        (is_clear and moved, "re-set", f"clear, but {moved}"),
        (is_clear and choice in MISFITS, "watch", f"{misfit} {MISFITS.get(choice)}"),
        (is_clear and auc < limits.auc_at_least, "watch", f"{area} is {auc:.2f}, below {limits.auc_at_least:g}"),
        (is_clear and older_auc - auc > limits.auc_drop, "watch", f"{area} fell from {older_auc:.2f} to {auc:.2f}"),
        (is_clear, "keep", f"clear and on the side of older cohorts{level}"),
        (contrasts.rules_out(now, before), lesser, f"not clear, and older cohorts' is ruled out{yet}{beside}"),
        (is_vague, "drop", f"not clear in either and below {worthwhile}"),
        (True, "watch", "not clear, while older cohorts' is not ruled out"),
    )
    return next((word, f", {why}") for holds, word, why in rules if holds)


def _describe(newest, now, before):
    if not math.isfinite(now[0]):
        return f"The difference in {newest} is not estimable"
    text = f"The difference in {newest} is {_points(now[0], signed=True)}"
    if math.isfinite(now[1]):
        text += f" ({100 * now[1]:+.1f} to {100 * now[2]:+.1f})"
    return text + (f", {_points(before[0], signed=True)} before" if math.isfinite(before[0]) else "")


def _points(value, signed=False):
    return f"{100 * value:{'+' if signed else ''}.1f} points"
