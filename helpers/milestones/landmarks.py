"""Milestones read at a landmark against outcomes strictly after it, and the naive reading that it replaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.inference import risk_difference
from helpers.milestones.adjusted import adjusted_difference, make_controls
from helpers.milestones.names import list_milestones
from helpers.plan import FrameworkPlan
from helpers.records import Effect

UNADJUSTED, COVARIATES = "none", "covariates"


@dataclass(frozen=True)
class Contrast:
    """One milestone and one outcome: accounts that reached it minus those that did not, and how many they are."""

    milestone: str
    outcome: str
    landmark: float
    adjustment: str
    effect: Effect
    n_reached: int
    n_not: int


def compare_at_landmarks(landmarks: dict[float, pd.DataFrame], design: FrameworkPlan) -> list[Contrast]:
    """Return every milestone against every outcome, at each landmark, unadjusted and adjusted for plan and size.

    Only accounts that are alive at the landmark are in it, so no account has to stay in order to be counted as having
    reached the milestone. What still differs between the two groups stays in the difference: it is an association.

    Parameters
    ----------
    landmarks : dict of DataFrame by days after the start, one row an account alive at the landmark and followed to the
        horizon: milestones and outcomes (0, 1 or nan), `tier`, `size`.
    design : FrameworkPlan

    Returns
    -------
    list of Contrast: by milestone, outcome, landmark (in the plan's order) and adjustment.

    References
    ----------
    Anderson, Cain & Gelber 1983, Journal of Clinical Oncology 1: 710-719.
    """
    controls = {day: make_controls(frame) for day, frame in landmarks.items()}
    return [
        _compare(frame, milestone, outcome, day, controls[day] if adjustment == COVARIATES else None, design)
        for milestone in list_milestones(design)
        for outcome in design.outcome_names
        for day, frame in landmarks.items()
        for adjustment in (UNADJUSTED, COVARIATES)
    ]


def compare_naively(histories: pd.DataFrame, design: FrameworkPlan) -> Contrast:
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
    Contrast: by Miettinen and Nurminen.
    """
    end = design.landmarks[0] + design.horizon_days
    rows = histories[histories["followed_days"] >= end]
    reached = rows["day_activated"].notna().to_numpy()
    kept = ~(rows["lost_day"] <= end).to_numpy()
    effect = risk_difference(
        int(kept[reached].sum()),
        int(reached.sum()),
        int(kept[~reached].sum()),
        int((~reached).sum()),
        confidence_level=design.confidence_level,
    )
    sizes = int(reached.sum()), int((~reached).sum())
    return Contrast("activated", "retained", design.landmarks[0], UNADJUSTED, effect, *sizes)


def compare_everybody(everybody: pd.DataFrame, design: FrameworkPlan) -> Contrast:
    """Return the naive reading where customers are never lost but only come back: all who started, alive or not.

    Whoever no longer came counts as not activated, and seldom comes back: a difference by construction, too.

    Parameters
    ----------
    everybody : DataFrame, one row an account in the form of the main landmark
    design : FrameworkPlan
    """
    return _compare(everybody, "activated", "retained", design.landmarks[0], None, design)


def _compare(frame, milestone, outcome, day, controls, design):
    exposed, y = (frame[column].to_numpy(float) for column in (milestone, outcome))
    known = ~(np.isnan(exposed) | np.isnan(y))
    values = np.zeros((len(frame), 0)) if controls is None else controls
    effect = adjusted_difference(exposed, y, values, confidence_level=design.confidence_level)
    sizes = int((exposed[known] == 1).sum()), int((exposed[known] == 0).sum())
    return Contrast(milestone, outcome, day, UNADJUSTED if controls is None else COVARIATES, effect, *sizes)
