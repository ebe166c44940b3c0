"""Taking up what is offered: the association, its adjustments, the effect of the offer, and that in compliers."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from helpers.inference import means
from helpers.inference.associations import adjusted_contrast, naive_contrast, read_offered, weighted_contrast
from helpers.inference.contrasts import e_value, share_ratio
from helpers.inference.decisions import Comparison, label_effect, list_comparisons
from helpers.inference.means import build_effect, measure_columns
from helpers.records import NAN, TAKE_UP, Effect, Estimate, Results

WEAK_F = 10.0
NO_FIRST_STAGE = "take-up is the same in both arms, so the offer says nothing about taking"
TOO_FEW_KNOWN = "an arm has fewer than two units with outcome and take-up known"
ALL_COMPLY = "Everybody takes it up in one arm and nobody in the other: the offer and taking are the same thing."
NOBODY_ELSE = "Nobody takes it up without the offer: non-compliance is one-sided, and takers are the compliers."
EVERYBODY = "Everybody takes it up with the offer: non-compliance is one-sided."
BOTH_SIDES = "Non-compliance is on both sides: some take it up without the offer, and some do not with it."
TAKERS = "takers - others"


def complier_effect(arms, *, confidence_level: float = 0.95) -> Effect:
    """Return the complier average causal effect: the offer's effect on the outcome over its effect on take-up.

    The effect of taking (taker minus not) on units that take because of the offer, whichever arm has more
    take-up. It needs that the offer works only through taking and discourages nobody. Interval by the delta
    method; do not rely on it when `first_stage` is weak: use `anderson_rubin`.

    Parameters
    ----------
    arms : pair of Moments of outcome and take-up, control and treatment; units that lack one are not in them
    confidence_level : float, 0 to 1

    Returns
    -------
    Effect: with Welch-Satterthwaite degrees of freedom; `treatment_value` and `control_value` are the compliers'
        mean outcome with and without taking (implied means, which chance or a failed assumption can push out of
        the possible range); nan with a reason when take-up does not differ or an arm has fewer than two units.

    Notes
    -----
    b = (ȳ₁ - ȳ₀) / (x̄₁ - x̄₀), x = taken; standard error √var(d(y) - b d(x)) / |d(x)|, d = treatment minus control.

    References
    ----------
    Imbens and Angrist (1994), Identification and estimation of local average treatment effects; Bloom (1984).
    """
    told = {"method": "wald ratio, delta", "confidence_level": confidence_level}
    if min(arm.n for arm in arms) < 2:
        return Effect(method=told["method"], reason=TOO_FEW_KNOWN)
    gap, cov = _contrast(arms)
    if gap[1] == 0:
        return Effect(method=told["method"], reason=NO_FIRST_STAGE)
    effect, variance = means.linearise(gap, cov)
    products = [float(arm.cov[0, 1] * (arm.n - 1) / arm.n + arm.mean[0] * arm.mean[1]) for arm in arms]
    taking, df = (products[1] - products[0]) / float(gap[1]), _welch_df(arms, np.array([1.0, -effect]))
    return build_effect(effect, math.sqrt(variance), df, values=(taking - effect, taking), **told)


def anderson_rubin(arms, *, confidence_level: float = 0.95) -> Effect:
    """Return the complier effect with its Anderson-Rubin confidence set, right however weak the take-up is.

    The set holds every effect b for which the arms do not differ in y - b x taken (Welch variances, the degrees
    of freedom of the intention-to-treat test, so that the set leaves out 0 exactly when that test rejects).

    Parameters
    ----------
    arms : tuple of Moments, as for `complier_effect`
    confidence_level : float, 0 to 1

    Returns
    -------
    Effect: `p_value` is that of intention to treat; `ci_low`, `ci_high` where the set is one interval; otherwise
        they are nan, `reason` says so and `ci_set` holds two rays, one ray, the whole line, or nothing.

    Notes
    -----
    The set is every b with (d(y) - b d(x))² ≤ t(ν)² · var(d(y) - b d(x)): x = taken, d = treatment minus control.

    References
    ----------
    Anderson and Rubin (1949); Fieller (1954); Andrews, Stock and Sun (2019), section 5.
    """
    found = complier_effect(arms, confidence_level=confidence_level)
    values = {"control_value": found.control_value, "treatment_value": found.treatment_value}
    point = Effect(found.estimate, method="anderson-rubin", reason=found.reason, **values)
    if min(arm.n for arm in arms) < 2:
        return point
    (gap, cov), df = _contrast(arms), _welch_df(arms, np.array([1.0, 0.0]))
    if not cov[0, 0] > 0:
        return replace(point, reason=point.reason or means.NO_SPREAD)
    found = _solve(gap, cov, float(-stdtrit(df, (1 - confidence_level) / 2)))
    p = float(2 * stdtr(df, -abs(gap[0]) / math.sqrt(cov[0, 0])))
    if len(found) == 1 and None not in found[0]:
        return replace(point, df=df, p_value=p, ci_low=found[0][0], ci_high=found[0][1])
    return replace(point, df=df, p_value=p, ci_set=found, reason=point.reason or _describe(found))


def first_stage(arms) -> dict[str, float | str]:
    """Return how strongly the offer moves take-up, and one sentence about who does not comply.

    Parameters
    ----------
    arms : tuple of Moments, as for `complier_effect`

    Returns
    -------
    dict: `take_up_control` and `take_up_treatment` (shares), `first_stage_f` (the squared t of their difference; inf
        when everybody complies, nan when an arm has fewer than two units), and `note`, which says where F is below 10
        that the delta interval of the complier effect misleads.

    References
    ----------
    Staiger and Stock (1997): a first-stage F below 10 is weak.
    """
    shares = dict(zip(("take_up_control", "take_up_treatment"), (float(arm.mean[1]) for arm in arms), strict=True))
    if min(arm.n for arm in arms) < 2:
        return dict.fromkeys(shares, NAN) | {"first_stage_f": NAN, "note": f"Not tested: {TOO_FEW_KNOWN}."}
    gap, cov = _contrast(arms)
    f = float(gap[1] ** 2 / cov[1, 1]) if cov[1, 1] > 0 else (math.inf if gap[1] else NAN)
    note = NOBODY_ELSE if 0 in shares.values() else EVERYBODY if 1 in shares.values() else BOTH_SIDES
    note += "" if f >= WEAK_F else " The offer moves take-up weakly: trust the Anderson-Rubin set only."
    return {**shares, "first_stage_f": f, "note": ALL_COMPLY if f == math.inf else note}


def _contrast(arms):
    control, treatment = arms
    return treatment.mean - control.mean, control.cov / control.n + treatment.cov / treatment.n


def _welch_df(arms, weights):
    return means.satterthwaite(*((float(weights @ arm.cov @ weights) / arm.n, arm.n - 1) for arm in arms))


def _solve(gap, cov, t):
    """Return the set of b with (gap_y - b gap_taken)^2 <= t^2 var(y - b taken), where that of y is above 0."""
    scale = math.sqrt(cov[0, 0])  # b in units of the outcome's standard error: no overflow, one tolerance
    y, d, yd, dd = gap[0] / scale, gap[1], cov[0, 1] / scale, cov[1, 1]
    parts = means.solve_set(d * d - t * t * dd, y * d - t * t * yd, y * y - t * t)
    return means.open_ends([(scale * low, scale * high) for low, high in parts])


def _describe(found):
    if not found:
        return "no effect of taking fits: the arms differ in the outcome and not at all in take-up"
    if found == ((None, None),):
        return "any effect of taking fits: the offer moves take-up too little"
    rays = "two rays" if len(found) == 2 else "one ray"
    return f"the confidence set is {rays}, not an interval: the offer moves take-up too little"


def study_uptake(material) -> tuple[list[Estimate], pd.DataFrame]:
    """Return the contrasts of takers with others and of the treatment with outside groups, and how strong the offer is.

    Naive, adjusted and weighted rows compare unlike people: the naive one is exploratory, the others sensitivity.
    The complier average causal effect rests on the exclusion restriction. All are the effect of taking.

    Parameters
    ----------
    material : Material

    Returns
    -------
    list of Estimate: estimands `naive`, `ratio` (of two shares) and `cace`, of primary and secondary metrics; empty for
        all that is no plain mean (ratios, rates, quantiles, ordered scores) and clusters, above the limit of row-level
        methods, and where the plan names neither an exposure nor an observational group, or the log lacks the take-up.
    DataFrame: one row such a binary metric and treatment: take-up in both arms, first-stage F, what it means in words,
        the risk ratio of takers to others as the contrast that is shown has it, adjusted where there are covariates
        (`adjustment`), with its E-values, and the overlap diagnostics of the weighted contrast.
        Empty without an exposure.
    """
    design, found, table = material.design, [], []
    is_heard = design.exposure is not None and TAKE_UP not in material.not_estimable
    for comparison in [c for c in list_comparisons(design, "primary", "secondary") if c.is_with_control]:
        rows = _read_rows(comparison, material, comparison.control) if is_heard else None
        if rows is not None:
            against = f"{TAKERS} ({comparison.treatment})" if len(design.variant.treatments) > 1 else TAKERS
            labels, rows = {"against": against, "interval": material.look.interval}, rows.dropna(subset=["taken"])
            contrasts, overlap = _associate(comparison, rows, material, population="as_treated", **labels)
            pairs = (rows.loc[rows["assigned"] == arm, ["y", "taken"]].to_numpy(float) for arm in (0, 1))
            arms = [measure_columns(pair, ("y", "taken")) for pair in pairs]
            labels |= {"estimand": "cace", "population": "compliers", "n_control": arms[0].n, "n_treatment": arms[1].n}
            for estimator, role in ((complier_effect, "exploratory"), (anderson_rubin, "sensitivity")):
                effect = material.at_look(comparison, estimator(arms, confidence_level=comparison.level))
                contrasts.append(label_effect(comparison, effect, role=role, family="", **labels))
            found += contrasts
            if comparison.metric.how.is_share:
                about = {"metric": comparison.name, "comparison": comparison.label, **first_stage(arms)}
                about |= {"size_control": arms[0].n, "size_treatment": arms[1].n}
                table.append({**about, **_doubt(contrasts, overlap)})
        for group in design.variant.observational:
            rows = _read_rows(comparison, material, group)
            if rows is not None:
                rows = rows.assign(assigned=1, taken=(rows["variant"] == comparison.treatment).astype(float))
                against = Comparison(design, comparison.name, group, comparison.treatment)
                labels = {"population": "observational", "against": against.label, "interval": material.look.interval}
                found += _associate(against, rows, material, **labels)[0]
    return found, pd.DataFrame(table)


def _doubt(contrasts, overlap):
    """How strong an unknown cause would have to be to explain the association that is shown: the adjusted one."""
    shown = next(e for e in contrasts if e.estimand == "ratio")
    found, *ends = shown.estimate, shown.ci_low, shown.ci_high
    for e in contrasts:
        if e.adjustment == "covariates" and math.isfinite(e.ci_low) and e.control_value > 0:
            shown, (found, *ends) = e, (1 + x / e.control_value for x in (e.estimate, e.ci_low, e.ci_high))
    needed = e_value(found, ends[0] if found > 1 else ends[1])
    row = {"risk_ratio": found, "adjustment": shown.adjustment, "e_value": needed[0], "e_value_limit": needed[1]}
    return row | {key: getattr(overlap, key, NAN) for key in ("effective_size", "share_outside")}


def select_contrasts(results: Results, metric: str) -> tuple[Estimate, ...]:
    """Return the answers to "what does it do?" in the order that shows the illusion and its cure.

    Parameters
    ----------
    results : Results
    metric : str

    Returns
    -------
    tuple of Estimate, of the first treatment that has such answers: naive, adjusted and weighted associations, then
        all assigned, then compliers, all in the direction of the offer; empty where the plan names neither an exposure
        nor an observational group.
    """
    found = [e for e in results.select(metric=metric, segment=None, at=None) if e.estimand in ("naive", "cace")]
    if not found:
        return ()
    found = [e for e in found if e.treatment == found[0].treatment]
    fair = results.headline(metric, treatment=found[0].treatment)[:1]
    naive, cace = ([e for e in found if e.estimand == kind] for kind in ("naive", "cace"))
    if cace and fair and cace[0].estimate * fair[0].estimate < 0:  # the treatment takes the offer away
        arms = fair[0].control, fair[0].treatment
        fair = (fair[0].turn().but(id=f"{fair[0].id}:reversed", comparison=" - ".join(arms)),)
    return (*naive, *fair, *cace)


def _read_rows(comparison, material, against):
    """The treatment and the group it is held against, outcome known; None for all but plain means that may decide."""
    is_asked = comparison.metric.how.takes_covariates and comparison.name not in material.not_estimable
    if not is_asked or comparison.design.cluster is not None or material.rows is None:
        return None
    rows = material.rows.rename(columns={f"y_{comparison.name}": "y", "exposed": "taken"})
    rows = rows[rows["variant"].isin([against, comparison.treatment])].dropna(subset=["y"])
    return rows.assign(assigned=(rows["variant"] == comparison.treatment).astype(int))


def _associate(comparison, rows, material, **labels):
    """The contrasts of takers with others, and how far the weighted one has comparable units."""
    overlap, covariates, level = None, list(material.units.covariates), {"confidence_level": comparison.level}
    y, taken, values = read_offered(rows, covariates)
    labels |= {"n_control": int((~taken).sum()), "n_treatment": int(taken.sum())}
    decides, beside = {"role": "exploratory", "family": ""}, {"estimand": "naive", "role": "sensitivity"}
    found = [(naive_contrast(y, taken, **level), {**decides, "estimand": "naive"})]
    if comparison.metric.how.is_share:  # the share of takers over that of others
        ratio = share_ratio(y[taken].sum(), taken.sum(), y[~taken].sum(), (~taken).sum(), **level)
        found.append((ratio, {**decides, "estimand": "ratio"}))
    if covariates:
        found.append((adjusted_contrast(y, taken, values, **level), {**beside, "adjustment": "covariates"}))
        effect, overlap = weighted_contrast(y, taken, values, **level)
        found.append((effect, {**beside, "adjustment": "weights"}))
    return [label_effect(comparison, material.at_look(comparison, e), **labels, **more) for e, more in found], overlap
