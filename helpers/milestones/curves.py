"""How long accounts stay after the landmark, by milestone; and, of a snapshot, all accounts from the start."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.milestones.names import WORDS, list_milestones
from helpers.plan import FrameworkPlan
from helpers.records import Test
from helpers.survival import LifeTable, build_life_table, log_rank, read_incidence

CURVE_STEPS = 18
SNAPSHOT_STEPS = 36
COLUMNS = ["milestone", "landmark", "reached", "day", "at_risk", "lost", "share", "ci_low", "ci_high"]


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
    days, curves, tests = _space(design.horizon_days, CURVE_STEPS), [], []
    for milestone in list_milestones(design) if "lost" in frame else []:
        tables = {}
        for reached in (0, 1):
            tables[reached] = _cut(frame[frame[milestone] == reached], design.horizon_days)
            curve = _read(tables[reached], days, design)
            curves.append(curve.assign(milestone=milestone, landmark=design.landmarks[0], reached=reached))
        word = WORDS[milestone]
        tests.append(log_rank(list(tables.values()), metric="retained", comparison=f"{word} - not {word}"))
    table = pd.concat(curves, ignore_index=True)[COLUMNS] if curves else pd.DataFrame(columns=COLUMNS)
    return table, tests


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
    return {"overall": _read(table, _space(last, SNAPSHOT_STEPS), design).drop(columns="lost")}


def _cut(rows, horizon) -> LifeTable:
    late = rows["lost_days"] > horizon
    return build_life_table(np.minimum(rows["lost_days"], horizon), rows["lost"].where(~late, 0))


def _space(end, steps):
    return np.unique(np.linspace(0, end, steps + 1).round(1))


def _read(table, days, design) -> pd.DataFrame:
    found = read_incidence(table, days, confidence_level=design.confidence_level)
    lost = np.concatenate([[0], np.cumsum(table.events)])[np.searchsorted(table.days, days, side="right")]
    share, low, high = (1 - found[column] for column in ("incidence", "ci_high", "ci_low"))
    is_start = (days == 0) & (share == 1)  # nobody has left yet, by definition
    low, high = low.mask(is_start, share), high.mask(is_start, share)
    told = {"day": days, "at_risk": found["at_risk"], "lost": lost.astype(int)}
    return pd.DataFrame(told | {"share": share, "ci_low": low, "ci_high": high})
