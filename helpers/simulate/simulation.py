"""What every simulation gives back: the tables as a user has them, and the truth that they hold."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from helpers.records import Refused

SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Simulation:
    """Seeded data with a known truth.

    `assignments` has one row a unit (id, variant, time of assignment, what was known before); `events` one row an
    event (id, event, at, value and more), or None; `units` the folded unit table, one row a unit, in the plan's
    metric names; `truth` what was planted (`truth["effects"]`: one dict a true effect, see `list_effects`);
    `note` one sentence for the reader.
    """

    assignments: pd.DataFrame
    events: pd.DataFrame | None
    units: pd.DataFrame
    truth: dict[str, Any]
    note: str


def spawn_generators(seed, names) -> dict[str, np.random.Generator]:
    """Return one generator a part of a study, so that a new part at the end does not shift the others.

    Parameters
    ----------
    seed : int
    names : sequence of str

    Returns
    -------
    dict: name -> Generator, in the order of the names.
    """
    children = np.random.SeedSequence(seed).spawn(len(names))
    return {name: np.random.default_rng(child) for name, child in zip(names, children, strict=True)}


def check_count(n_units) -> int:
    """Return a number of units, or refuse one that no experiment can be made of.

    Raises
    ------
    Refused: not a whole number from 10 to 100,000,000.
    """
    if isinstance(n_units, bool) or not isinstance(n_units, (int, np.integer)) or not 10 <= n_units <= 100_000_000:
        raise Refused("simulation, n_units: give a whole number from 10 to 100,000,000")
    return int(n_units)


def check_names(given, allowed, *, study):
    """Refuse a parameter that the simulation does not have, naming the nearest one that it has.

    Raises
    ------
    Refused: any name of `given` that is not in `allowed`.
    """
    for name in given:
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, 1)
            cure = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(allowed)}"
            raise Refused(f"simulation {study}: unknown parameter {name[:40]}; {cure}")


def list_effects(metric, control, treatment, control_value, treatment_value) -> list[dict[str, Any]]:
    """Return the true effects of one metric over all assigned, as rows of `truth["effects"]`.

    Parameters
    ----------
    metric, control, treatment : str
    control_value, treatment_value : float, population means of the two arms

    Returns
    -------
    list of dict: metric, control, treatment, estimand, population, value, control_value, treatment_value; a
        difference (treatment minus control), and a relative lift where the control value is above 0.
    """
    pair = (metric, control, treatment, control_value, treatment_value)
    rows = [make_effect(*pair, value=treatment_value - control_value)]
    if control_value > 0:
        rows.append(make_effect(*pair, value=treatment_value / control_value - 1, estimand="relative_lift"))
    return rows


def make_effect(
    metric, control, treatment, control_value, treatment_value, *, value, estimand="difference", population="itt"
) -> dict[str, Any]:
    """Return one row of `truth["effects"]`; its keys are the fields of an estimate, so that the two can be matched."""
    return {
        "metric": metric,
        "control": control,
        "treatment": treatment,
        "estimand": estimand,
        "population": population,
        "value": float(value),
        "control_value": float(control_value),
        "treatment_value": float(treatment_value),
    }
