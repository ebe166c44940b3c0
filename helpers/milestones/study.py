"""The whole framework study: every question of a plan, from the accounts read at landmarks, in one record."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from helpers import metrics
from helpers.milestones.landmarks import study_landmarks, study_snapshot
from helpers.milestones.lines import study_maturity, study_setup, study_size
from helpers.milestones.progress import study_next_steps, study_progress
from helpers.milestones.ranking import study_ranking
from helpers.milestones.review import study_review
from helpers.milestones.thresholds import study_threshold
from helpers.records import Refused, Results


def run_framework(
    decided,
    source,
    accounts,
    frames,
    trust,
    *,
    study,
    setup_days=14.0,
    folds=10,
    refits=20,
    workers=1,
    auc_floor=0.6,
    power=0.8,
    alive_days=None,
    against=None,
    seed=1,
    n_resamples=999,
    tell=None,
) -> tuple[Results, pd.DataFrame]:
    """Return everything that a framework plan asks, before small cells are hidden and sentences written.

    Parameters
    ----------
    decided : Plan, of a framework
    source : sources.AccountSource
    accounts : metrics.Accounts
    frames : metrics.Frames
    trust : sequence of Check
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

    Returns
    -------
    tuple of Results and DataFrame: estimates, tests and tables; then the next step of each account, which is private.

    Raises
    ------
    Refused: no account can be followed from the main landmark to its horizon; a review of what this plan lacks.
    """
    design = decided.design
    plan = {**decided.record, "commit": decided.commit}
    data = replace(source.info, messages=(*source.info.messages, *accounts.messages))
    empty = Results(study, design.title, design.question, "answered", data, plan, checks=tuple(trust))
    empty = empty.but(as_of=accounts.as_of.isoformat() if accounts.as_of else None)
    tables = {"freshness": metrics.measure_freshness(source, design), "controls": _list_controls(design)}
    ranked = {"refits": refits, "workers": workers, "auc_floor": auc_floor, "seed": seed, "tell": tell}
    if design.is_snapshot:
        tables |= study_snapshot(frames.main, design) | study_ranking(frames.main, design, **ranked)
        return empty.but(tables=tables), pd.DataFrame(columns=["unit", "next_step", "association"])
    main, histories = frames.main, frames.histories
    if main.empty:
        raise Refused(
            f"accounts: none is there on day {design.landmarks[0]:g} and followed for {design.horizon_days:g} days "
            "more; give earlier accounts, a later as_of, a shorter horizon or an earlier landmark"
        )
    tables["landmark_flow"] = pd.DataFrame(metrics.explain_accounts(accounts), columns=["step", "accounts", "note"])
    tables["definitions"] = metrics.write_definitions(design)
    drawn = {"seed": seed, "n_resamples": n_resamples}
    everybody = _read_everybody(source, design)
    estimates, tests, found = study_landmarks(frames.landmarks, histories, design, everybody=everybody, **drawn)
    drawn |= {"folds": folds}
    more, lines = study_threshold(main, design, **drawn)
    tables |= found | lines | _vary_alive(source, design, lines, alive_days, drawn)
    tables |= study_progress(histories, frames.months, design)
    tables |= study_setup(histories, design, setup_days=setup_days) | study_size(main, design)
    tables |= study_maturity(main, design, seed=seed)
    tables |= study_ranking(main, design, **ranked) if design.features else {}
    advice, next_steps = study_next_steps(main, histories, frames.months, tables, design, power=power)
    tables |= advice | study_review(main, design, {**tables, **advice}, against=against, seed=seed)
    estimates = sorted(estimates, key=lambda estimate: estimate.treatment != "activated")  # the one with a naive gap
    return empty.but(estimates=tuple(estimates), tests=tuple([*tests, *more]), tables=tables), next_steps


def _list_controls(design):
    """What customers are compared at equal values of, one row each, in words and as the plan's column."""
    named = {"plan": design.plan_tier, "size": design.size}
    rows = [(word, column) for word, column in named.items() if column]
    return pd.DataFrame(rows, columns=["control", "column"], dtype=object)


def _read_everybody(source, design):
    """All who started, as at the main landmark, where the plan says who is alive by an event; None otherwise."""
    if design.alive is None:
        return None
    first = design.activation.model_copy(update={"landmark_days": design.landmarks[:1]})
    whole = design.model_copy(update={"alive": None, "activation": first})
    return metrics.read_landmarks(metrics.fold_accounts(source, whole))[design.landmarks[0]]


def _vary_alive(source, design, lines, alive_days, drawn):
    """The line of activation under each rule of who is alive, one row a rule; the first is the plan's."""
    if design.alive is None or not alive_days or len(alive_days) < 2 or "threshold" not in lines:
        return {}
    found = [lines["threshold"].assign(alive_days=float(alive_days[0]))]
    for days in alive_days[1:]:
        varied = design.model_copy(update={"alive": design.alive.model_copy(update={"within_days": days})})
        main = metrics.read_landmarks(metrics.fold_accounts(source, varied))[design.landmarks[0]]
        found.append(study_threshold(main, varied, **drawn)[1]["threshold"].assign(alive_days=float(days)))
    return {"alive": pd.concat(found, ignore_index=True)}
