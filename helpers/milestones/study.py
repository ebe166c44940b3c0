"""The whole framework study: milestones read at a landmark, what comes strictly after it, and all that follows."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from helpers import checks, metrics
from helpers.inference.decisions import adjust_families, decide, holm, make_estimate
from helpers.milestones import contrasts
from helpers.milestones.contrasts import ADJUSTED, COVARIATES, IMMORTAL, UNADJUSTED, VARYING, list_milestones
from helpers.milestones.progress import study_maturity, study_next_steps, study_progress, study_size
from helpers.milestones.ranking import study_ranking
from helpers.milestones.review import study_review
from helpers.milestones.thresholds import study_threshold
from helpers.plan import FrameworkPlan
from helpers.records import Effect, Estimate, Refused, Results, Test
from helpers.survival import LifeTable, build_life_table, log_rank, read_incidence

CLONES = "clone-censor-weight"
EXPECTED = {"retained": 1, "expanded": 1, "dormant": -1}
NO_ACTIVATION = "the plan gives no number of events from which an account is activated"
NO_LOSS = "the plan names no event of leaving, so who left before the landmark cannot be told"
NEXT = ["unit", "next_step", "association"]
ENDS = {"ci_low": "ci_low", "ci_high": "ci_high", "reason": "reason"}
SIDES = {
    **{"n_reached": "n_treatment", "n_not": "n_control", "share_reached": "treatment_value"},
    **{"share_not": "control_value", "difference": "estimate", **ENDS},
}
TIPPING = (
    *("milestone", "landmark", "difference", "ci_low", "ci_high", "tipping", "tipping_limit", "risk_ratio"),
    *("ratio_low", "ratio_high", "e_value", "e_value_limit", "reason"),
)
KEYS = ["milestone", "outcome", "landmark", "adjustment"]
NICHE, ROUTINE, CLEAR_ORDER = 0.05, 0.9, 0.8
NONE_LEFT = "nobody is followed to the end of the window who was not activated by then"
CURVE_STEPS, SNAPSHOT_STEPS = 18, 36
CURVES = ["milestone", "landmark", "reached", "day", "at_risk", "lost", "share", "ci_low", "ci_high"]


def study_landmarks(landmarks, histories, design, *, seed, n_resamples, everybody=None) -> tuple[list, list, dict]:
    """Return what accounts with each milestone do after the landmark beside those without it: associations.

    Only accounts that are alive at the landmark are in it, so no account has to stay in order to be counted as having
    reached the milestone. What still differs between the two groups stays in the difference.

    Parameters
    ----------
    landmarks : dict of DataFrame by days after the start, the main one first, as `metrics.read_landmarks` gives it
    histories : DataFrame, `histories` of `metrics.read_frames`
    design : FrameworkPlan
    seed : int, of the bootstrap of accounts
    n_resamples : int, at most 200 of which are drawn
    everybody : DataFrame, optional
        All who started, alive at the main landmark or not, in its form: the naive reading where nobody is ever lost.

    Returns
    -------
    list of Estimate: the adjusted differences at the main landmark are primary (retained) and secondary (expanded,
        dormant), Holm within each; the naive difference is exploratory, all else sensitivity.
    list of Test: log-rank of the time to the loss after the main landmark, one a milestone.
    dict: tables `readings` and `hazards` (activated against retained, by every method; nan with a reason where the plan
        lacks what a method needs), `landmark_effects` (every milestone, outcome, landmark and adjustment), `tipping`
        (what nobody measured and could explain it, by `measure_tipping`) and `milestone_survival` (share still
        customers after the main landmark).

    References
    ----------
    Anderson, Cain & Gelber 1983, Journal of Clinical Oncology 1: 710-719.
    """
    effects = _compare_all(landmarks, design)
    readings, ratios, size = _read_activation(effects, histories, design, everybody, seed=seed, n_resamples=n_resamples)
    curves, tests = trace_survival(landmarks[design.landmarks[0]], design)
    estimates = list(effects.values())
    if "activated" in list_milestones(design):
        estimates += [readings["naive"], readings[CLONES], ratios[VARYING], ratios[ADJUSTED]]
    shown, whole = {**SIDES, "p_value": "p_value"}, {"hazard_ratio": "estimate", **ENDS}
    rows, tipping = [dict(zip(KEYS, key, strict=True)) | _read(e, shown) for key, e in effects.items()], []
    main, level = design.landmarks[0], {"confidence_level": design.confidence_level}
    frame, controls = landmarks[main], contrasts.make_controls(landmarks[main])
    for milestone in list_milestones(design):  # how far what nobody measured could explain each difference
        ratio = contrasts.adjusted_ratio(frame[milestone], frame["retained"], controls, **level)
        found = contrasts.measure_tipping(effects[milestone, "retained", main, COVARIATES], ratio)
        tipping.append({"milestone": milestone, "landmark": main, **found})
    tables = {
        "readings": pd.DataFrame([{"reading": name, **_read(e, SIDES)} for name, e in readings.items()]),
        "hazards": pd.DataFrame([{"reading": name, **_read(e, whole), **size} for name, e in ratios.items()]),
        "landmark_effects": pd.DataFrame(rows, columns=[*KEYS, *shown]),
        "tipping": pd.DataFrame(tipping, columns=TIPPING),
        "milestone_survival": curves,
    }
    return [_decide(estimate, design.alpha) for estimate in adjust_families(estimates)], tests, tables


def _read(estimate, names):
    return {name: getattr(estimate, field) for name, field in names.items()}


def _compare_all(landmarks, design) -> dict[tuple, Estimate]:
    """Every milestone against every outcome, at each landmark, unadjusted and adjusted for plan and size."""
    found, main = {}, design.landmarks[0]
    controls = {(day, COVARIATES): contrasts.make_controls(frame) for day, frame in landmarks.items()}
    grid = itertools.product(list_milestones(design), design.outcome_names, landmarks, (UNADJUSTED, COVARIATES))
    for milestone, outcome, day, adjustment in grid:
        role, name = "sensitivity", f"{milestone}@{day:g}" + ("" if adjustment == COVARIATES else f":{adjustment}")
        if day == main and adjustment == COVARIATES:
            role = "primary" if outcome == "retained" else "secondary"
        labels = {"role": role, "at": None if day == main else f"day {day:g}", "adjustment": adjustment}
        compared = compare_frame(landmarks[day], milestone, outcome, design, controls.get((day, adjustment)))
        found[milestone, outcome, day, adjustment] = _label(name, milestone, outcome, *compared, design, **labels)
    return found


def compare_frame(frame, milestone, outcome, design, controls=None) -> tuple[Effect, int, int]:
    """Return accounts of one landmark that reached a milestone minus those that did not, and how many both are.

    Parameters
    ----------
    frame : DataFrame, one row an account: milestones and outcomes (0, 1 or nan), `tier`, `size`
    milestone, outcome : str
    design : FrameworkPlan
    controls : array, optional, as `make_controls` gives them; None is unadjusted
    """
    controls, sides = np.zeros((len(frame), 0)) if controls is None else controls, (frame[milestone], frame[outcome])
    counts = contrasts.count_sides(*sides)
    effect = contrasts.adjusted_difference(*sides, controls, confidence_level=design.confidence_level)
    return effect, counts["n_with"], counts["n_without"]


def compare_naively(histories: pd.DataFrame, design: FrameworkPlan) -> tuple[Effect, int, int]:
    """Return what a naive reader finds: of all accounts that started, those ever activated in the window, and the rest.

    An account has to stay to activate, so early leavers count as not activated: a difference by construction. The share
    kept is read on the same day as behind the main landmark.

    Parameters
    ----------
    histories : DataFrame, one row an account: `followed_days`, `lost_day`, `day_activated` (nan never)
        Only accounts that started early enough to be followed to landmark + horizon count.
    design : FrameworkPlan

    Returns
    -------
    tuple: Effect (Miettinen and Nurminen), accounts activated, accounts that were not.
    """
    end = design.landmarks[0] + design.horizon_days
    rows = histories[histories["followed_days"] >= end]
    kept = rows.assign(reached=rows["day_activated"].notna(), retained=~(rows["lost_day"] <= end))
    return compare_frame(kept, "reached", "retained", design)


def _read_activation(effects, histories, design, everybody, **draws) -> tuple[dict, dict, dict]:
    """Activated against retained, the most naive first: shares by every reading, ratios of rates, and of how many."""
    main, level = design.landmarks[0], {"confidence_level": design.confidence_level}
    has_line, has_loss = "activated" in list_milestones(design), design.outcomes.retained.ends
    missing = Effect(reason=NO_LOSS if has_line else NO_ACTIVATION), 0, 0
    naive, weighted, ratios, reached, size = missing, missing, {}, 0, {"n": 0, "lost": 0}
    if has_line and has_loss:
        end = main + design.horizon_days
        naive = compare_naively(histories, design)
        early = histories[histories["followed_days"] >= end]
        effect = contrasts.compare_strategies(histories, landmark=main, horizon=design.horizon_days, **draws, **level)
        before = int((early["day_activated"] < main).sum())
        weighted = effect, before, len(early) - before
        ratios, lost = contrasts.compare_hazards(histories, until=end, **level)
        reached, size = int(histories["day_activated"].notna().sum()), {"n": len(histories), "lost": lost}
    elif has_line and everybody is not None:
        # customers are never lost but only come back: whoever no longer came counts as not activated
        naive = compare_frame(everybody, "activated", "retained", design)

    def label(name, compared, **labels):  # all who started, not those at the landmark
        labels["population"] = "observational"
        return _label(f"activated:{name}", "activated", "retained", *compared, design, **labels)

    shares = {key: effects.get(("activated", "retained", main, key)) for key in (UNADJUSTED, COVARIATES)}
    readings = {
        "naive": label("naive", naive, estimand="naive", role="exploratory"),
        "landmark": shares[UNADJUSTED] or label("none", missing),
        "adjusted": shares[COVARIATES] or label("none", missing),
        CLONES: label("weights", weighted, adjustment="weights"),
    }
    hazards = {}
    for reading, adjustment in {IMMORTAL: UNADJUSTED, VARYING: UNADJUSTED, ADJUSTED: COVARIATES}.items():
        name = "hazard_ratio" if adjustment == COVARIATES else f"hazard_ratio:{adjustment}"
        compared = ratios.get(reading, missing[0]), reached, size["n"] - reached
        hazards[reading] = label(name, compared, estimand="hazard_ratio", adjustment=adjustment)
    return readings, hazards, size


def move_line(estimates, main: pd.DataFrame, design: FrameworkPlan) -> tuple[Estimate, ...]:
    """Return estimates in which activated against retained at the main landmark is that of the design's line.

    The other primary estimates stay, adjusted and decided anew beside it; so does all that is not primary.

    Parameters
    ----------
    estimates : sequence of Estimate, as `run_framework` gives them, from a plan with another line
    main : DataFrame, one row an account at the main landmark: `count`, `retained`, `tier`, `size`
    design : FrameworkPlan, its activation with `at_least`
    """
    frame = main.assign(activated=(main["count"] >= design.activation.at_least).astype(float))
    compared = compare_frame(frame, "activated", "retained", design, contrasts.make_controls(frame))
    name, labels = f"activated@{design.landmarks[0]:g}", {"role": "primary", "adjustment": COVARIATES}
    moved = _label(name, "activated", "retained", *compared, design, **labels)
    primary = [moved if e.id == moved.id else e for e in estimates if e.role == "primary"]
    anew = {e.id: _decide(e, design.alpha) for e in adjust_families(primary)}
    return tuple(anew.get(e.id, e) for e in estimates)


def _label(name, milestone, outcome, effect, n_reached, n_not, design, **labels) -> Estimate:
    word = milestone.replace("_", " ")
    labels = {"estimand": "difference", "population": "landmark", "role": "sensitivity", **labels}
    labels |= {"id": f"{outcome}:{name}", "metric": outcome, "n_control": n_not, "n_treatment": n_reached}
    labels |= {"family": labels["role"] if labels["role"] in ("primary", "secondary") else ""}
    sides = {"control": f"not {word}", "treatment": word, "confidence_level": design.confidence_level}
    return make_estimate(effect, **sides, **labels)


def _decide(estimate: Estimate, alpha) -> Estimate:
    estimate = decide(estimate, None, alpha=alpha)  # who was not randomised shows associations, whatever is planned
    if estimate.verdict != "clear association":
        return estimate
    side = 1 - estimate.estimate if estimate.estimand == "hazard_ratio" else estimate.estimate
    return estimate.but(as_expected=side * EXPECTED[estimate.metric] > 0)


def study_setup(histories: pd.DataFrame, design, *, setup_days: float = 14) -> dict[str, pd.DataFrame]:
    """Return how being activated later differs between accounts that did a setup step early and those that did not.

    Read at an early landmark of its own, `setup_days` after the start, among accounts that are alive then, not yet
    activated, and followed to the end of the activation window. A step done after that day counts as not done; an
    account that leaves before the window ends counts as not activated.

    Parameters
    ----------
    histories : DataFrame, one row an account
        `followed_days`, `lost_day`, `day_activated`, `tier`, `size`, and `step_day_NAME` of each step (nan: never).
    design : FrameworkPlan
    setup_days : float, days after the start, below the activation window

    Returns
    -------
    dict: table `steps`, one row a step: n_done, share_done, difference (adjusted for plan and size) with ci_low,
        ci_high, p_value, p_value_adjusted (Holm over the steps), before (of those in the whole data who did it and were
        activated, the share who did it first), median_day (of all who did it), flag, verdict, reason, and the counts of
        `count_sides` (kept is activated), which disclosure checks and drops. Empty where the plan has no steps, no line
        of activation, or a window that ends by setup_days.
    """
    rule = design.activation
    if not design.steps or rule is None or rule.at_least is None or rule.window_days <= setup_days:
        return {}
    followed = histories[histories["followed_days"] >= rule.window_days]
    early = followed[~(followed["lost_day"] <= setup_days) & ~(followed["day_activated"] <= setup_days)]
    early = early.assign(retained=early["day_activated"] <= rule.window_days)  # what is kept here is the activation
    controls = contrasts.make_controls(early)
    rows = []
    for name in (step.name for step in design.steps):
        is_done = early[f"step_day_{name}"].to_numpy(float) <= setup_days
        day, activated = followed[f"step_day_{name}"], followed["day_activated"]
        both, share = day.notna() & activated.notna(), float(is_done.mean()) if len(is_done) else math.nan
        before = float((day[both] < activated[both]).mean())
        late = "order unclear" if before < CLEAR_ORDER else ""
        row = {"step": name, "n_done": int(is_done.sum()), "share_done": share, "before": before}
        flag = "niche" if share < NICHE else "routine" if share > ROUTINE else late
        row |= {"median_day": float(day.median()), "flag": flag}
        rows.append(row | contrasts.tell_accounts(early, is_done, design, controls))
    table = pd.DataFrame(rows)
    table["reason"] = table["reason"] if len(early) else NONE_LEFT
    table["p_value_adjusted"] = holm(table["p_value"])
    is_clear, unknown = table["p_value_adjusted"] <= design.alpha, table[["p_value_adjusted", "ci_low"]].isna()
    verdict = np.where(is_clear, "clear association", "no clear association")
    return {"steps": table.assign(verdict=np.where(unknown.all(axis=1), "not estimable", verdict))}


def trace_survival(frame: pd.DataFrame, design: FrameworkPlan) -> tuple[pd.DataFrame, list[Test]]:
    """Return the share still customers after the main landmark, with and without each milestone.

    Parameters
    ----------
    frame : DataFrame, one row an account, as `metrics.read_landmarks` gives it for the main landmark
    design : FrameworkPlan

    Returns
    -------
    DataFrame: `milestone`, `landmark` (days after the start), `reached` (0 or 1), `day` (after the landmark, evenly
        spaced to the horizon), `at_risk`, `lost` (so far), `share` (Kaplan-Meier) with pointwise intervals. Empty where
        the plan names no event of leaving.
    list of Test: log-rank up to the horizon, one a milestone.
    """
    horizon, curves, tests = design.horizon_days, [pd.DataFrame(columns=CURVES)], []
    for milestone in list_milestones(design) if "lost" in frame else []:
        lives = []
        for reached in (0, 1):
            rows = frame[frame[milestone] == reached]
            lost = rows["lost"].where(~(rows["lost_days"] > horizon), 0)
            lives.append(build_life_table(np.minimum(rows["lost_days"], horizon), lost))
            curve = _trace(lives[-1], horizon, CURVE_STEPS, design)
            curves.append(curve.assign(milestone=milestone, landmark=design.landmarks[0], reached=reached))
        word = milestone.replace("_", " ")
        tests.append(log_rank(lives, metric="retained", comparison=f"{word} - not {word}"))
    return pd.concat(curves[1:] or curves, ignore_index=True)[CURVES], tests


def study_snapshot(frame: pd.DataFrame, design: FrameworkPlan) -> dict[str, pd.DataFrame]:
    """Return how long all accounts of a snapshot stay, and nothing by milestone: what came first is unknown in it.

    Parameters
    ----------
    frame : DataFrame, one row an account: `lost` (0 or 1), `lost_days` (tenure, in the unit of the data)
    design : FrameworkPlan

    Returns
    -------
    dict: table `overall`: `day` (tenure), `at_risk`, `share` (still customers, Kaplan-Meier), `ci_low`, `ci_high`.
    """
    table = build_life_table(frame["lost_days"], frame["lost"])
    last = float(table.days[-1]) if table.n else 0.0
    return {"overall": _trace(table, last, SNAPSHOT_STEPS, design).drop(columns="lost")}


def _trace(table: LifeTable, end, steps, design) -> pd.DataFrame:
    days = np.unique(np.linspace(0, end, steps + 1).round(1))
    found = read_incidence(table, days, confidence_level=design.confidence_level)
    lost = np.append(0, np.cumsum(table.events))[np.searchsorted(table.days, days, side="right")]
    share, low, high = (1 - found[column] for column in ("incidence", "ci_high", "ci_low"))
    is_start = (days == 0) & (share == 1)  # nobody has left yet, by definition
    told = {"day": days, "at_risk": found["at_risk"], "lost": lost.astype(int), "share": share}
    return pd.DataFrame(told | {"ci_low": low.mask(is_start, share), "ci_high": high.mask(is_start, share)})


@dataclass(frozen=True)
class Choices:
    """What a run may choose beside its plan.

    Parameters
    ----------
    study : str
    setup_days : float, days after the start at which setup steps are read
    folds : int, parts of the accounts, for whatever is judged out of sample
    refits, workers, auc_floor, tell : as for `study_ranking`
    power : float, of the experiment that a next step is sized for
    alive_days : sequence of float, optional
        Where the plan says who is alive by an event: as many days before the landmark; the first is the plan's own by
        now, and the line of activation is looked for under the others too (table `alive`, rows as of `threshold`).
    against : DataFrame, optional
        The model of an earlier run, which this one's cohorts review.
    seed, n_resamples : int
    """

    study: str
    setup_days: float = 14.0
    folds: int = 10
    refits: int = 20
    workers: int = 1
    auc_floor: float = 0.6
    power: float = 0.8
    alive_days: Sequence[float] | None = None
    against: pd.DataFrame | None = None
    seed: int = 1
    n_resamples: int = 999
    tell: Callable | None = None


def run_framework(decided, source, accounts, frames, trust, choices: Choices) -> tuple[Results, pd.DataFrame]:
    """Return everything that a framework plan asks, before small cells are hidden and sentences written.

    Parameters
    ----------
    decided : Plan, of a framework
    source : sources.AccountSource
    accounts : metrics.Accounts
    frames : metrics.Frames
    trust : sequence of Check
    choices : Choices

    Returns
    -------
    tuple of Results and DataFrame: estimates, tests and tables; then the next step of each account, which is private.
        Where the check `leavers_fit` fails, unacknowledged, the answer is its reason, and nothing is estimated.

    Raises
    ------
    Refused: no account can be followed from the main landmark to its horizon; a review of what this plan lacks.
    """
    design, seed = decided.design, choices.seed
    data = replace(source.info, messages=(*source.info.messages, *accounts.messages))
    empty = Results(choices.study, design.title, design.question, "answered", data, decided.record, checks=tuple(trust))
    empty = empty.but(as_of=accounts.as_of.isoformat() if accounts.as_of else None)
    tables = {"freshness": metrics.accounts.measure_freshness(source, accounts)}
    held = {"plan": (frames.main["tier"] != "unknown").any(), "size": frames.main["size"].notna().any()}
    held = [row for row in (("plan", design.plan_tier), ("size", design.size)) if row[1] and held[row[0]]]
    tables["controls"] = pd.DataFrame(held, columns=["control", "column"], dtype=object)
    ranked = {name: getattr(choices, name) for name in ("refits", "workers", "auc_floor", "seed", "tell")}
    if broken := checks.withheld(trust, design):
        return empty.but(status="withheld", answer=(broken,), tables=tables), pd.DataFrame(columns=NEXT)
    if design.is_snapshot:
        tables |= study_snapshot(frames.main, design) if design.outcomes.retained.leavers == "all" else {}
        tables |= study_ranking(frames.main, design, **ranked) if design.features else {}
        return empty.but(tables=tables), pd.DataFrame(columns=NEXT)
    main, histories, months = frames.main, frames.histories, frames.months
    if main.empty:
        raise Refused(
            f"accounts: none is there on day {design.landmarks[0]:g} and followed for {design.horizon_days:g} days "
            "more; give earlier accounts, a later as_of, a shorter horizon or an earlier landmark"
        )
    flow = metrics.accounts.explain_accounts(accounts)
    tables["landmark_flow"] = pd.DataFrame(flow, columns=["step", "accounts", "note"])
    tables["definitions"] = metrics.milestones.write_definitions(design)
    drawn = {"seed": seed, "n_resamples": choices.n_resamples}
    everybody = None if design.alive is None else _read_alive(accounts, histories, None)
    estimates, tests, found = study_landmarks(frames.landmarks, histories, design, everybody=everybody, **drawn)
    drawn |= {"folds": choices.folds}
    known = {estimate.id: estimate for estimate in estimates}.get(f"retained:activated@{design.landmarks[0]:g}")
    more, lines = study_threshold(main, design, **drawn, planned=known)
    tables |= found | lines | _vary_alive(accounts, histories, lines, choices.alive_days, drawn)
    tables |= study_progress(histories, months, design) | study_size(main, design)
    tables |= study_setup(histories, design, setup_days=choices.setup_days) | study_maturity(main, design, seed=seed)
    tables |= study_ranking(main, design, **ranked) if design.features else {}
    advice, next_steps = study_next_steps(main, histories, months, tables, design, power=choices.power)
    tables |= advice | study_review(main, design, tables, against=choices.against, seed=seed)
    estimates = sorted(estimates, key=lambda estimate: estimate.treatment != "activated")  # the one with a naive gap
    return empty.but(estimates=tuple(estimates), tests=(*tests, *more), tables=tables), next_steps


def _read_alive(accounts, histories, within_days):
    """Accounts at the main landmark under another rule of who is alive by an event; None is all who started."""
    design = accounts.design
    alive = within_days and design.alive.model_copy(update={"within_days": within_days})
    first = design.activation.model_copy(update={"landmark_days": design.landmarks[:1]})
    varied = design.model_copy(update={"alive": alive, "activation": first})
    return metrics.read_landmarks(replace(accounts, design=varied), histories)[design.landmarks[0]]


def _vary_alive(accounts, histories, lines, alive_days, drawn):
    """The line of activation under each rule of who is alive, one row a rule; the first is the plan's."""
    design = accounts.design
    if design.alive is None or not alive_days or len(alive_days) < 2 or "threshold" not in lines:
        return {}
    found = [lines["threshold"].assign(alive_days=float(alive_days[0]))]
    for days in alive_days[1:]:
        threshold = study_threshold(_read_alive(accounts, histories, days), design, **drawn)[1]["threshold"]
        found.append(threshold.assign(alive_days=float(days)))
    return {"alive": pd.concat(found, ignore_index=True)}
