"""Which features foretell who stays: how far a forest needs each of them, beside what is associated with each."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import connected_components
from scipy.stats import norm, rankdata, t

from helpers.inference.decisions import benjamini_hochberg
from helpers.milestones import contrasts
from helpers.milestones.contrasts import adjusted_difference, make_controls
from helpers.records import Effect

N_TREES, LEAST_LEAF, SHARE_OF_ROWS = 60, 20, 0.25
MOST_ROWS = 10_000  # held-out accounts on which shuffling is measured; the AUC itself is measured on all of them
NICHE, UNIVERSAL, TWINS, MOST_IN_TOP = 0.05, 0.90, 0.7, 10
LEAST_OUTCOMES = 2 * LEAST_LEAF  # kept, and lost, so that each half holds what one leaf does
FEW_OUTCOMES = f"no ranking: fewer than {LEAST_OUTCOMES} accounts were kept, or lost"
MODEL = f"random forest of {N_TREES} trees with leaves of at least {LEAST_LEAF} accounts"
UNTIMED = "time order unknown, so it may follow from staying: not compared and not ranked"
RANKED = ("rank", "rank_low", "rank_high")
QUALITY = (
    *("n", "features", "refits", "auc", "auc_low", "auc_high", "added", "added_low", "added_high", "floor"),
    *("predicts", "stability", "stability_low", "stability_high", "top", "model", "reason"),
)


@dataclass(frozen=True)
class Rows:
    """What every refit works on.

    `x` (n, p) is float32; `outcome` (n,) 1 kept, 0 lost; `strata` (n,) whole numbers, within which values are
    shuffled; `groups` the columns that are shuffled together.
    """

    x: np.ndarray
    outcome: np.ndarray
    strata: np.ndarray
    groups: tuple[np.ndarray, ...]


def run_refits(rows: Rows, *, refits, workers, seed, tell=None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the held-out AUC of each refit, and what each group of features, and all of them, add to it.

    Parameters
    ----------
    rows : Rows
    refits : int, half-samples; each is drawn with its own seed, so that their number changes none of them
    workers : int, threads; the result is the same, bit by bit, with any number
    seed : int
    tell : function (done, total), optional, called after each refit

    Returns
    -------
    tuple: AUC, shape (refits,); drop in AUC when a group is shuffled, shape (refits, groups); drop when all groups
        are, in one order, shape (refits,): what the forest knows beyond the strata and the columns of no group.
    """
    found, pool = [], ThreadPoolExecutor(min(workers, refits))
    try:  # trees let other threads work, and the table is held once
        for result in pool.map(lambda seed: _refit(rows, seed), np.random.SeedSequence(seed).spawn(refits)):
            found.append(result)
            if tell:
                tell(len(found), refits)
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupt waits for the refits that run, and no others begin
    return tuple(np.array(part) for part in zip(*found, strict=True))


def _refit(rows, seed):
    """One half-sample: fitted on one half of the kept and of the lost, measured on the other."""
    rng = np.random.default_rng(seed)
    order = np.argsort(rows.outcome + rng.random(len(rows.outcome)) / 2)  # lost first, each part in random order
    fitted, held = order[::2], rng.permutation(order[1::2])
    trees = fit_trees(rows.x[fitted], rows.outcome[fitted], seed=int(rng.integers(2**31)))
    values, strata, outcome = rows.x[held[:MOST_ROWS]], rows.strata[held[:MOST_ROWS]], rows.outcome[held]
    shuffled = _shuffle(values, strata, rows.groups, rng)
    bare = _shuffle(values, strata, [np.concatenate(rows.groups)], rng)
    scores = np.column_stack([score_shuffled(trees, values, shuffled, rows.groups), score_rows(trees, bare)])
    areas = measure_areas(scores, outcome[:MOST_ROWS])
    every = np.append(scores[:, -2], score_rows(trees, rows.x[held[MOST_ROWS:]]))
    return float(measure_areas(every, outcome)), areas[-2] - areas[:-2], float(areas[-2] - areas[-1])


def _shuffle(values, strata, groups, rng):
    """Each group's columns from other rows of the same stratum, in one order for the whole group."""
    shuffled, place = values.copy(), np.argsort(strata, kind="stable")
    for group in groups:
        source = np.argsort(strata + rng.random(len(strata)))  # strata are whole numbers
        shuffled[np.ix_(place, group)] = values[np.ix_(source, group)]
    return shuffled


def fit_trees(values, outcome, *, seed) -> list:
    """Return the trees of a random forest that tells kept from lost accounts.

    Leaves of at least 20 accounts, and a bootstrap of a quarter of the rows for each tree: quicker than the usual
    forest and better at probabilities. One thread, so that equal inputs give equal bits.

    Parameters
    ----------
    values : array, shape (n, p), float32
    outcome : array, shape (n,), 1 kept, 0 lost; both occur
    seed : int, 0 to 2**31 - 1

    Returns
    -------
    list of the trees' arrays, in scikit-learn's form

    References
    ----------
    Breiman 2001, Machine Learning 45: 5-32.
    """
    from sklearn.ensemble import RandomForestClassifier  # here, so that commands with nothing to fit start without it

    size = {"n_estimators": N_TREES, "min_samples_leaf": LEAST_LEAF, "max_samples": SHARE_OF_ROWS}
    forest = RandomForestClassifier(**size, n_jobs=1, random_state=seed).fit(values, outcome)
    return [fitted.tree_ for fitted in forest.estimators_]


def score_rows(trees, values) -> np.ndarray:
    """Return the mean chance of being kept over the trees, one a row.

    Parameters
    ----------
    trees : list, as `fit_trees` gives it
    values : array, shape (n, p), float32, in C order

    Returns
    -------
    array, shape (n,), 0 to 1
    """
    return sum(tree.value[tree.apply(values), 0, 1] for tree in trees) / len(trees)


def score_shuffled(trees, values, shuffled, groups) -> np.ndarray:
    """Return the score of each row after one group of its columns took the values of another row.

    Each tree is worked through from its leaves to its root, for all rows at once, so that no copy of a row is made.

    Parameters
    ----------
    trees, values : as for `score_rows`
    shuffled : array, shape (n, p), as `values`, each column with the rows in another order
    groups : list of arrays of int, the columns that are shuffled together

    Returns
    -------
    array, shape (n, groups + 1), 0 to 1; the last column is the score of the rows as they are
    """
    owner = {column: place for place, group in enumerate(groups) for column in group.tolist()}
    kind = np.min_scalar_type(max(tree.node_count for tree in trees))
    before, after = np.ascontiguousarray(values.T), np.ascontiguousarray(shuffled.T)

    @lru_cache(1000)  # trees ask for few lines, again and again
    def ask(column, line, is_left):
        sides = [before[column], after[column]] if column in owner else [before[column]]
        goes = [~(side > np.float64(line)) if is_left else side <= np.float64(line) for side in sides]
        return [-side.astype(kind) for side in goes]  # all bits of those that go left

    change, total = np.zeros((len(groups) + 1, len(values))), np.zeros(len(values))
    for tree in trees:
        leaf, moved = _find_leaves(tree, ask, owner)
        score = tree.value[:, 0, 1].copy()
        own = score.take(leaf)
        for place, bits in moved.items():
            change[place] += score.take(leaf ^ bits) - own
        total += own
    return ((total + change) / len(trees)).T


def _find_leaves(tree, ask, owner):
    """Each row's leaf, and the bits in which its leaf is another once a group is shuffled, of groups that matter."""
    names = ("children_left", "children_right", "feature", "threshold", "missing_go_to_left")
    nodes, found = zip(*(getattr(tree, name).tolist() for name in names), strict=True), {}
    for node, (left, right, column, line, is_left) in reversed(list(enumerate(nodes))):  # children stand behind
        if left < 0:
            found[node] = node, {}
            continue
        (low, moves), (high, others) = found.pop(left), found.pop(right)
        goes, *turned = ask(column, line, is_left)
        leaf, stays = high ^ ((low ^ high) & goes), ~goes
        moved = {place: bits & goes for place, bits in moves.items()}
        for place, bits in others.items():
            moved[place] = moved.get(place, 0) | (bits & stays)
        if turned:
            low, high = (side ^ bits.get(owner[column], 0) for side, bits in ((low, moves), (high, others)))
            moved[owner[column]] = leaf ^ high ^ ((low ^ high) & turned[0])
        found[node] = leaf, moved
    return found[0]


def measure_areas(scores, outcome) -> np.ndarray:
    """Return the chance that a kept account scores higher than a lost one, ties counting one half.

    Parameters
    ----------
    scores : array, shape (n,) or (n, k)
    outcome : array, shape (n,), 1 kept, 0 lost

    Returns
    -------
    array, shape () or (k,): nan where all accounts are kept, or all lost.

    References
    ----------
    Hanley & McNeil 1982, Radiology 143: 29-36.
    """
    is_kept = np.asarray(outcome) == 1
    n_kept, n_lost = int(is_kept.sum()), int((~is_kept).sum())
    if not n_kept * n_lost:
        return np.full(np.shape(scores)[1:], np.nan)
    codes = 2 * np.rint(np.transpose(scores) * 1e12).astype(np.int64)  # trees summed in another order are no difference
    last, first = (np.sort(codes + bit) % 2 == 1 for bit in (is_kept, ~is_kept))  # kept behind, or before, their ties
    ranks = (last.astype(float) + ~first) @ np.arange(1.0, 1 + n_kept + n_lost) / 2
    return (ranks - n_kept * (n_kept + 1) / 2) / (n_kept * n_lost)


def average_refits(values, *, confidence_level: float = 0.95) -> tuple:
    """Return the mean over refits on half-samples, with an interval that knows that the halves overlap.

    The variance of the mean is (1 / refits + 1) times that over refits: refits share accounts, so that more of them
    do not add information without end. In half-samples the second part is the variance of the delete-half jackknife.

    Parameters
    ----------
    values : array, shape (refits,) or (refits, k)
    confidence_level : float, 0 to 1

    Returns
    -------
    tuple of arrays, shape () or (k,): mean, lower limit, upper limit (t with refits - 1 degrees of freedom).

    References
    ----------
    Nadeau & Bengio 2003, Machine Learning 52: 239-281, section 3 (corrected resampled t, n2 / n1 = 1); Shao & Wu
    1989, Annals of Statistics 17: 1176-1197 (delete-d jackknife).
    """
    values = np.asarray(values, float)
    mean, count = values.mean(axis=0), len(values)
    reach = t.isf((1 - confidence_level) / 2, count - 1) * values.std(axis=0, ddof=1) * math.sqrt(1 / count + 1)
    return mean, mean - reach, mean + reach


def measure_stability(chosen, *, confidence_level: float = 0.95) -> tuple[float, float, float]:
    """Return how much the sets of features that refits chose agree beyond chance, with its interval.

    1 means the same set each time, about 0 what sets drawn at random would give, below 0 less than that. The interval
    holds the refits to be draws of the procedure: it says how well so many refits tell its stability on data such as
    these, not how another sample of customers would do.

    Parameters
    ----------
    chosen : array, shape (refits, features), 1 or True where a refit chose a feature
        Sets may differ in size.
    confidence_level : float, 0 to 1

    Returns
    -------
    tuple of float: stability, its lower and its upper limit; nan with fewer than two refits, or where every refit
        chose all features or none. The upper limit is at most 1.

    References
    ----------
    Nogueira, Sechidis & Brown 2018, Journal of Machine Learning Research 18(174): definition 4 (the estimator),
    theorem 7 and corollary 8 (its variance and interval).

    Examples
    --------
    >>> [round(value, 3) for value in measure_stability([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 0, 0]])]
    [0.333, -0.022, 0.689]
    """
    chosen = np.asarray(chosen, float)
    refits, features = chosen.shape
    share = chosen.mean(axis=0) if refits else np.zeros(features)
    filled = float(share.mean()) if features else 0.0
    room = filled * (1 - filled)
    if refits < 2 or room < 1e-12:
        return math.nan, math.nan, math.nan
    stability = 1 - float(np.mean(share * (1 - share))) * refits / (refits - 1) / room
    sizes = chosen.mean(axis=1)
    spread = 2 * filled * sizes - sizes - filled + 1
    parts = ((chosen @ share) / features - sizes * filled + stability / 2 * spread) / room
    error = 2 * math.sqrt(float(np.sum((parts - parts.mean()) ** 2))) / refits
    reach = float(norm.isf((1 - confidence_level) / 2)) * error
    return stability, stability - reach, min(stability + reach, 1.0)


def study_ranking(frame, design, *, refits=20, workers=1, auc_floor=0.6, seed, tell=None) -> dict[str, pd.DataFrame]:
    """Return the ranking of features and how far the model behind it can be trusted.

    A random forest on features, plan tier and log size is fitted on half of the accounts and measured on the other
    half, again and again. The importance of a feature is the drop in held-out AUC when its values, and those of the
    features that go together with it, are shuffled within accounts of one plan tier and one quarter of size: neither
    plan nor size can then carry a feature. Impurity importance, which rewards columns with many values, is not used.
    In a study with landmarks a feature without a time stays out of the model; in a snapshot no feature has one.

    Parameters
    ----------
    frame : DataFrame, one row an account alive at the landmark, as read by `read_landmarks` or `read_snapshot`
    design : FrameworkPlan
    refits : int, at least 2, half-samples
    workers : int, at least 1, threads; the result is the same with any number
    auc_floor : float, 0 to 1
        Where the lower limit of the AUC is below it, features are not ranked; nor where that of `added` is not above 0.
    seed : int
    tell : function (done, total), optional, called after each refit

    Returns
    -------
    dict of DataFrame: `ranking`, one row a feature, best first: rank (median over refits; ties share the mean rank),
        rank_low and rank_high (5th and 95th percentile), and the columns of `measure_features`; without a ranking in
        order of the absolute difference. `model_quality`, one row: n, features, refits, auc, auc_low, auc_high, added
        (what the AUC loses when all features are shuffled within plan and size at once) with added_low and added_high,
        floor, predicts, stability of the `top` best (a third of the features, 10 at most) with its interval, model,
        reason. Undefined is nan.

    References
    ----------
    Breiman 2001, Machine Learning 45: 5-32 (permutation); Strobl et al. 2008, BMC Bioinformatics 9: 307 (within
    strata); Strobl et al. 2007, BMC Bioinformatics 8: 25 (why not impurity).
    """
    table = measure_features(frame, design)
    table = table.assign(**dict.fromkeys(RANKED, math.nan))
    known = frame[frame["retained"].notna()]
    modelled = table[(table["time_order"] == "known") | design.is_snapshot]
    rows = _read_rows(known, modelled)
    quality = {"n": len(known), "features": len(modelled), "refits": refits, "floor": auc_floor, "model": MODEL}
    least, reason = min(np.sum(rows.outcome == kept) for kept in (0, 1)), None
    if not rows.groups or least < LEAST_OUTCOMES:
        reason = FEW_OUTCOMES if rows.groups else "no feature can be modelled"
    if not reason:
        level = {"confidence_level": design.confidence_level}
        auc, drops, added = run_refits(rows, refits=refits, workers=workers, seed=seed, tell=tell)
        for name, values in (("auc", auc), ("added", added)):
            quality |= contrasts.name_figures(name, average_refits(values, **level))
        reason = _find_doubt(quality)
    if not reason:
        place = np.searchsorted(np.unique(modelled["group"]), modelled["group"])
        drops = drops[:, place]
        ranks, top = rankdata(-np.round(drops, 12), axis=1), min(MOST_IN_TOP, max(1, len(modelled) // 3))
        table.loc[modelled.index, list(RANKED)] = np.quantile(ranks, (0.5, 0.05, 0.95), axis=0).T
        quality |= contrasts.name_figures("stability", measure_stability(ranks <= top, **level)) | {"top": top}
    quality |= {"predicts": reason is None, "reason": reason}
    told = np.where(table["rank"].isna(), reason.split(" (")[0] if reason else "", "")  # those without a rank say why
    reasons = ["; ".join(filter(None, both)) or None for both in zip(table["reason"], told, strict=True)]
    size = -table["difference"].abs().fillna(-1.0)
    order = np.lexsort((table["feature"].to_numpy(str), size, table["rank"].fillna(math.inf)))
    table = table.assign(reason=pd.Series(reasons, table.index, dtype=object)).iloc[order].reset_index(drop=True)
    return {"ranking": table, "model_quality": pd.DataFrame([quality], columns=QUALITY)}


def _read_rows(frame, modelled) -> Rows:
    """What refits work on; a stratum is a plan tier and a quarter of size, a missing size a quarter of its own."""
    used = frame[[f"feature_{name}" for name in modelled["feature"]]].to_numpy(np.float32)
    values = np.ascontiguousarray(np.column_stack([used, make_controls(frame)]), np.float32)
    groups = modelled["group"].to_numpy(int)
    columns = tuple(np.flatnonzero(groups == group) for group in np.unique(groups))
    _, tier = np.unique(frame["tier"].to_numpy(str), return_inverse=True)
    size = frame["size"].to_numpy(float)
    known = ~np.isnan(size)
    edges = np.quantile(size[known], (0.25, 0.5, 0.75)) if known.any() else []
    strata = tier * 5 + np.where(known, np.searchsorted(edges, size), 4)
    return Rows(values, frame["retained"].to_numpy(int), strata, columns)


def _find_doubt(quality):
    """Why the model is not trusted, or None: it tells too little, or no more than plan and size alone."""
    if not quality["auc_low"] >= quality["floor"]:
        low = f"its AUC may be as low as {quality['auc_low']:.3f}"
        return f"no ranking: the model cannot predict who stays ({low}, and {quality['floor']:g} is asked for)"
    if not quality["added_low"] > 0:
        ends = f"{quality['added_low']:+.3f} to {quality['added_high']:+.3f}"
        return f"no ranking: plan and size alone may tell it as well (features add {ends} to the AUC)"
    return None


def measure_features(frame: pd.DataFrame, design) -> pd.DataFrame:
    """Return the adjusted difference in retention for each feature, with what its use and its name say about it.

    A feature that needs others is compared among the accounts that have one of them, at equal kinds of those. One that
    only some plans offer is compared within those plans: fewer than ten accounts that use it, or that do not, make a
    plan one that says nothing about it. The reason then says so.

    Parameters
    ----------
    frame : DataFrame, one row an account: `retained`, `tier`, `size`, feature_NAME (1 used by the landmark, else 0)
    design : FrameworkPlan

    Returns
    -------
    DataFrame, one row a feature in the plan's order: feature, category, hypothesised, group (features that go together
        share it), prevalence, n_used, difference (used minus not, standardised), ci_low, ci_high, p_value,
        p_value_adjusted (Benjamini and Hochberg over the features),
        gap_if_causal ((1 - prevalence) x difference), flag (niche below 5 %, universal above 90 %), time_order,
        supported (of hypothesised features; clear and higher, opposite, or not supported), reason, and the counts of
        `count_sides` among those compared, which disclosure checks and drops. A figure that cannot be estimated is nan.
    """
    used = {feature.name: frame[f"feature_{feature.name}"].to_numpy(float) for feature in design.features}
    groups, whole, rows = group_features(np.column_stack(list(used.values()))), make_controls(frame), []
    for feature, group in zip(design.features, groups, strict=True):
        uses, rest, controls = used[feature.name], frame, whole
        if feature.needs:
            can = np.any([used[name] == 1 for name in feature.needs], axis=0)
            uses, rest = uses[can], frame[can]
            kinds = [used[name][can] for name in feature.needs[1:]]
            controls = np.column_stack([make_controls(rest), *(kind - kind.mean() for kind in kinds)])
            controls = controls[:, np.ptp(controls, axis=0) > 1e-12] if kinds else controls
        found = Effect(reason=UNTIMED), rest["retained"].to_numpy(float)
        if feature.is_timed or design.is_snapshot:
            found = _compare(rest, uses, controls, design)
        rows.append(_describe(feature, uses, *found, design) | {"group": int(group)})
    table = pd.DataFrame(rows)
    table["p_value_adjusted"] = benjamini_hochberg(table["p_value"].to_numpy(float))
    clear = table["p_value_adjusted"] <= design.alpha
    judged = np.where(~clear, "not supported", np.where(table["difference"] > 0, "supported", "opposite"))
    for name in ("category", "reason"):
        table[name] = table[name].astype(object).where(table[name].notna(), None)
    table["supported"] = np.where(table["hypothesised"].to_numpy(bool), judged, "").astype(object)
    return table


def _compare(frame, used, controls, design):
    """The difference among all accounts, or those of plans that have users and others; and the outcome of those."""
    outcome, level = frame["retained"].to_numpy(float), {"confidence_level": design.confidence_level}
    effect = adjusted_difference(used, outcome, controls, **level)
    if effect.reason is None or not effect.reason.startswith((contrasts.NO_OVERLAP, contrasts.HARDLY)):
        return effect, outcome
    _, tier = np.unique(frame["tier"].to_numpy(str), return_inverse=True)
    within = (np.minimum(np.bincount(tier, used == 1), np.bincount(tier, used == 0)) >= contrasts.LEAST_ROWS)[tier]
    if within.all() or not within.any():
        return effect, outcome
    effect = adjusted_difference(used[within], outcome[within], controls[within], **level)
    note = f"compared within the plans in which some use it and some do not ({within.mean():.0%} of accounts)"
    return replace(effect, reason="; ".join(filter(None, (note, effect.reason)))), np.where(within, outcome, math.nan)


def _describe(feature, used, effect, outcome, design):
    share = float(np.nanmean(used)) if (~np.isnan(used)).any() else math.nan
    holders = [name for name, part in design.categories.items() if feature.name in (*part.basic, *part.mature)]
    return {
        "feature": feature.name,
        "category": feature.category or next(iter(holders), None),
        "hypothesised": feature.hypothesised,
        "time_order": "known" if feature.is_timed and not design.is_snapshot else "unknown",
        "prevalence": share,
        "n_used": int(np.nansum(used)),
        "gap_if_causal": (1 - share) * effect.estimate,
        "flag": "niche" if share < NICHE else "universal" if share > UNIVERSAL else "",
        **contrasts.tell_effect(effect),
        **contrasts.count_sides(used, outcome),
    }


def group_features(used) -> np.ndarray:
    """Return which features go together: those joined by a chain of correlations of at least .7, either sign.

    A group is shuffled as one, so that no feature hides behind a twin that stays in place.

    Parameters
    ----------
    used : array, shape (n, k), 1 used, 0 not; a missing value counts like the feature's mean

    Returns
    -------
    array, shape (k,), int: 1 for the first feature's group, and so on in the order of the columns. A feature that all
        use, or nobody, is alone.

    Examples
    --------
    >>> group_features([[0, 1, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1]]).tolist()
    [1, 1, 2]
    """
    used = pd.DataFrame(np.asarray(used, float))
    centred = (used - used.mean()).fillna(0.0).to_numpy()
    spread = np.sqrt((centred**2).sum(axis=0))
    scaled = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0)
    _, labels = connected_components(np.abs(scaled.T @ scaled) >= TWINS - 1e-12, directed=False)
    return pd.factorize(labels)[0] + 1
