"""The whole framework study: every question of a plan, from the accounts read at landmarks, in one record."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from helpers import metrics
from helpers.milestones.landmarks import study_landmarks, study_snapshot
from helpers.milestones.lines import study_maturity, study_setup, study_size
from helpers.milestones.progress import study_next_steps, study_progress
from helpers.milestones.ranking import study_ranking
from helpers.milestones.review import study_review
from helpers.milestones.thresholds import study_threshold
from helpers.records import Refused, Results


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

    Raises
    ------
    Refused: no account can be followed from the main landmark to its horizon; a review of what this plan lacks.
    """
    design, seed = decided.design, choices.seed
    plan = {**decided.record, "commit": decided.commit}
    data = replace(source.info, messages=(*source.info.messages, *accounts.messages))
    empty = Results(choices.study, design.title, design.question, "answered", data, plan, checks=tuple(trust))
    empty = empty.but(as_of=accounts.as_of.isoformat() if accounts.as_of else None)
    controls = [("plan", design.plan_tier), ("size", design.size)]  # in words, and as the plan's column
    controls = pd.DataFrame([row for row in controls if row[1]], columns=["control", "column"], dtype=object)
    tables = {"freshness": metrics.measure_freshness(source, accounts), "controls": controls}
    ranked = {name: getattr(choices, name) for name in ("refits", "workers", "auc_floor", "seed", "tell")}
    if design.is_snapshot:
        tables |= study_snapshot(frames.main, design) | study_ranking(frames.main, design, **ranked)
        return empty.but(tables=tables), pd.DataFrame(columns=["unit", "next_step", "association"])
    main, histories, months = frames.main, frames.histories, frames.months
    if main.empty:
        raise Refused(
            f"accounts: none is there on day {design.landmarks[0]:g} and followed for {design.horizon_days:g} days "
            "more; give earlier accounts, a later as_of, a shorter horizon or an earlier landmark"
        )
    tables["landmark_flow"] = pd.DataFrame(metrics.explain_accounts(accounts), columns=["step", "accounts", "note"])
    tables["definitions"] = metrics.write_definitions(design)
    drawn = {"seed": seed, "n_resamples": choices.n_resamples}
    everybody = None if design.alive is None else _read_alive(source, design, None)
    estimates, tests, found = study_landmarks(frames.landmarks, histories, design, everybody=everybody, **drawn)
    drawn |= {"folds": choices.folds}
    known = {estimate.id: estimate for estimate in estimates}.get(f"retained:activated@{design.landmarks[0]:g}")
    more, lines = study_threshold(main, design, **drawn, planned=known)
    tables |= found | lines | _vary_alive(source, design, lines, choices.alive_days, drawn)
    tables |= study_progress(histories, months, design) | study_size(main, design)
    tables |= study_setup(histories, design, setup_days=choices.setup_days) | study_maturity(main, design, seed=seed)
    tables |= study_ranking(main, design, **ranked) if design.features else {}
    advice, next_steps = study_next_steps(main, histories, months, tables, design, power=choices.power)
    tables |= advice | study_review(main, design, tables, against=choices.against, seed=seed)
    estimates = sorted(estimates, key=lambda estimate: estimate.treatment != "activated")  # the one with a naive gap
    return empty.but(estimates=tuple(estimates), tests=(*tests, *more), tables=tables), next_steps


def _read_alive(source, design, within_days):
    """Accounts at the main landmark under another rule of who is alive by an event; None is all who started."""
    alive = within_days and design.alive.model_copy(update={"within_days": within_days})
    first = design.activation.model_copy(update={"landmark_days": design.landmarks[:1]})
    varied = design.model_copy(update={"alive": alive, "activation": first})
    return metrics.read_landmarks(metrics.fold_accounts(source, varied))[design.landmarks[0]]


def _vary_alive(source, design, lines, alive_days, drawn):
    """The line of activation under each rule of who is alive, one row a rule; the first is the plan's."""
    if design.alive is None or not alive_days or len(alive_days) < 2 or "threshold" not in lines:
        return {}
    found = [lines["threshold"].assign(alive_days=float(alive_days[0]))]
    for days in alive_days[1:]:
        threshold = study_threshold(_read_alive(source, design, days), design, **drawn)[1]["threshold"]
        found.append(threshold.assign(alive_days=float(days)))
    return {"alive": pd.concat(found, ignore_index=True)}
