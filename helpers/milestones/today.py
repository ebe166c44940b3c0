"""Who is a customer at the end of the data, and which milestones each of them has reached by then."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.milestones.names import list_milestones
from helpers.plan import FrameworkPlan


def read_today(histories: pd.DataFrame, months: pd.DataFrame, design: FrameworkPlan) -> pd.DataFrame:
    """Return the customers at the end of `as_of` and what each has reached, in the form of a landmark.

    Parameters
    ----------
    histories : DataFrame, one row an account that started, as `metrics.read_histories` gives it
    months : DataFrame, one row an account and full month, as `metrics.read_months` gives it
    design : FrameworkPlan

    Returns
    -------
    DataFrame, one row an account without a loss, in the order of histories, index from 0: `unit`, `step_NAME` and the
        milestones that the plan draws a line for (1 reached, 0 not). Not activated is nan once the window is over,
        since nobody can reach that any more. Using is read from the latest full month, at the plan's rate a seat; nan
        before one month is over and without seats.
    """
    customers = histories[histories["lost_day"].isna()].reset_index(drop=True)
    days = {f"step_{step.name}": f"step_day_{step.name}" for step in design.steps}
    reached = list_milestones(design)
    days |= {name: f"day_{name}" for name in reached if name != "using"}
    today = customers[["unit"]].assign(**{name: customers[day].notna().astype(float) for name, day in days.items()})
    if "activated" in reached:
        is_open = customers["followed_days"] < design.activation.window_days
        today["activated"] = today["activated"].where(is_open | (today["activated"] == 1))
    return today.assign(using=_read_using(today["unit"], months, design)) if "using" in reached else today


def _read_using(units, months, design):
    latest = months.sort_values("month").drop_duplicates("unit", keep="last").set_index("unit").reindex(units)
    events, seats = (latest[name].to_numpy(float) for name in ("events", "seats"))
    is_using = events >= design.usage.monthly_line * seats
    return np.where((seats > 0) & ~np.isnan(events), is_using.astype(float), np.nan)
