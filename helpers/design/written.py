"""The plan that the analysis notebooks take unchanged: as it was given, with size, length, split and looks settled."""

import datetime as dt
import math

import pandas as pd
import yaml

from helpers.plan import ExperimentPlan
from helpers.records import Refused

DROPPED = ("as_of", "randomised_units", "acknowledge", "registered")  # of another experiment than the one to come
COMMENT = "# Settled by the study experiment_design, from {} (SHA-256 {}). Commit it before the first assignment.\n"
FIRST = ("kind", "title", "question", "unit", "unit_id", "variant", "assigned_at")


def change_design(design: ExperimentPlan, *, share_treatment=None, looks=None) -> ExperimentPlan:
    """Return a plan with another split or other looks, checked as any plan is.

    Parameters
    ----------
    design : ExperimentPlan
    share_treatment : float, between 0 and 1, optional
        Of a plan with one treatment.
    looks : sequence of float, optional
        Shares of the planned units, rising to 1.

    Raises
    ------
    Refused: a share for several treatments; looks that do not rise to 1.
    """
    changes, variant = {}, design.variant
    if share_treatment is not None:
        if len(variant.treatments) > 1:
            raise Refused("share_treatment: the plan has several treatments; write their split into the plan")
        split = {variant.control: 1 - share_treatment, variant.treatments[0]: share_treatment}
        changes["variant"] = variant.model_copy(update={"split": split})
    if looks is not None:
        if sorted(looks) != list(looks) or not looks or looks[0] <= 0 or looks[-1] != 1:
            raise Refused("parameter looks: must rise from above 0 to 1, the planned end")
        changes["looks"] = [float(look) for look in looks]
    return design.model_copy(update=changes)


def write_plan(design: ExperimentPlan, settled: pd.DataFrame, decided, *, starts_on=None) -> pd.DataFrame:
    """Return the plan of the experiment to come, in YAML, with its size and length settled.

    Parameters
    ----------
    design : ExperimentPlan
        As it was sized: its split, looks and confidence level are written as they stand in it.
    settled : DataFrame, one row
        Of `plan_experiment`: `weeks` of enrolment and `units` to be assigned, all arms together.
    decided : plan.Plan
        The one that was sized: its name and checksum stand in a comment on top.
    starts_on : str, a day (YYYY-MM-DD), optional
        The first day of enrolment: the last day of the data follows from it; left open without.

    Returns
    -------
    DataFrame: one row, `file` and `text`. What stood in the plan of an earlier experiment alone (its dates, what was
        acknowledged) is left out.
    """
    weeks, units = (int(settled[name].iloc[0]) for name in ("weeks", "units"))
    content = design.model_dump(mode="json", exclude_defaults=True, exclude_unset=True)
    content = {name: value for name, value in content.items() if name not in DROPPED}
    content |= {"registered": "before", "enrolment_days": 7 * weeks, "planned_units": units}
    if starts_on:
        longest = max(metric.window or 0 for metric in design.metrics.values())
        days = 7 * weeks - 1 + math.ceil(longest)  # the last unit is assigned on the last day of enrolment
        content["as_of"] = (dt.date.fromisoformat(starts_on) + dt.timedelta(days=days)).isoformat()
    content |= {name: getattr(design, name) for name in ("confidence_level", "decides_on", "min_cell")}
    content = {name: content.pop(name) for name in FIRST if name in content} | content
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)
    return pd.DataFrame([{"file": decided.file, "text": COMMENT.format(decided.file, decided.sha256[:12]) + text}])
