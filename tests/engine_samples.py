"""The same tables as files and in a database, a notebook's cells run on either, and what differs between the two."""

from dataclasses import fields, is_dataclass
from functools import cache

import numpy as np
import pandas as pd
from notebook_cells import SMALL, list_cells

from helpers import plan as plans
from helpers import simulate

SIZES = {"proactive_help": 1200, "live_support": 800, "customer_milestones": 500}
SIZES |= {"in_app_support": 600, "support_metrics": 600}
TABLES = ("assigned", "events")
SAME = 1e-9
STUDIES = (*SIZES, "experiment")
# Each kind of metric, take-up, covariates that are numbers and words, segments, weeks.
PLAN = """\
kind: experiment
title: Everything that a plan may ask
question: Does it help?
unit: account
unit_id: account_id
variant: {column: arm, control: a, treatments: [b, c], split: {a: 0.5, b: 0.25, c: 0.25}}
assigned_at: assigned_at
as_of: 2024-06-30
enrolment_days: 56
planned_units: 1500
metrics:
  active: {kind: binary, role: primary, better: higher, event: used, within_days: 28}
  uses: {kind: count, role: secondary, better: higher, event: used, within_days: 28}
  revenue: {kind: amount, role: secondary, better: higher, event: [payment, refund], unit: USD, within_days: 60}
  csat: {kind: score, role: guardrail, better: higher, margin: {absolute: 0.2}, event: rated, asked: survey_sent}
  nps: {kind: nps, role: secondary, better: higher, event: nps_answered, asked: survey_sent, within_days: 60}
  per_use: {kind: ratio, role: secondary, better: neither, numerator: revenue, denominator: uses}
  paid_in: {kind: time_to_event, role: secondary, better: higher, event: payment, horizon_days: 60}
exposure: {event: opened, within_days: 28}
covariates: [seats, country]
segments: [country]
"""


@cache
def write_files(folder, study, *, seed=3) -> dict:
    """Write a simulated study as Parquet, and return the parameters of a run on it."""
    arguments, more = {"n_units": SIZES.get(study), "seed": seed}, {}
    if study == "experiment":
        (folder / "wide.yaml").write_text(PLAN)
        more = {"plan": str(folder / "wide.yaml")}
        arguments["design"] = plans.read(more["plan"]).design
    made, files = simulate.simulate(study, **arguments), {}
    for name, frame in zip(TABLES, (made.assignments, made.events), strict=True):
        files[name] = str(folder / f"{study}_{name}.parquet")
        frame.to_parquet(files[name], index=False)
    return {"data": files["assigned"], "events": files["events"], **more}


def point_at(address, study, given) -> dict:
    """Return the parameters of the same run on the tables STUDY_assigned and STUDY_events of a database."""
    tables = {"table": f"{study}_assigned", "events_table": f"{study}_events"}
    return {**given, "data": address, "events": address, **tables}


def run_cells(study, changes):
    """Return the results of a notebook's set-up and compute cells with some parameters changed."""
    space = {}
    for tags, source in list_cells(study):
        if "import pingouin" in source:
            continue
        exec(source, space)
        if "parameters" in tags:
            space |= {**SMALL[study], **({} if study == "experiment" else {"n_resamples": 200}), **changes}
    return space["results"]


@cache
def run_files(folder, study):
    """Return the results of a study on its files."""
    return run_cells(study, write_files(folder, study))


def assert_same(folder, study, address) -> None:
    """Assert that a study finds in the tables of a database what it finds in its files."""
    found = run_files(folder, study)
    again = run_cells(study, point_at(address, study, write_files(folder, study)))
    assert len(found.estimates) >= 10
    assert compare_results(found, again) == []


def find_differences(one, other, place="") -> list[str]:
    """Return where two results differ by more than a relative 1e-9, or 1e-9 where a value is below 1."""
    if isinstance(one, pd.DataFrame):
        one, other = (frame.to_dict("list") for frame in (one, other))
    elif is_dataclass(one):
        one, other = ({f.name: getattr(part, f.name) for f in fields(part)} for part in (one, other))
    if isinstance(one, dict):
        keys = [f"{place}: {sorted(map(str, one.keys() ^ other.keys()))}"] if one.keys() != other.keys() else []
        return keys + [d for k in one if k in other for d in find_differences(one[k], other[k], f"{place}.{k}")]
    if isinstance(one, (list, tuple, np.ndarray)):
        if len(one) != len(other):
            return [f"{place}: {len(one)} and {len(other)}"]
        pairs = enumerate(zip(one, other, strict=True))
        return [d for i, pair in pairs for d in find_differences(*pair, f"{place}[{i}]")]
    if isinstance(one, (float, np.floating)) and isinstance(other, (int, float, np.floating)):
        is_same = one == other or (one != one and other != other) or abs(one - other) <= SAME * max(1, abs(one))
    else:
        is_same = one is other or (pd.isna(one) and pd.isna(other)) or bool(one == other)
    return [] if is_same else [f"{place}: {one!r} and {other!r}"]


def compare_results(results, again) -> list[str]:
    """Return where the results of two engines differ, but for the names and the checksum of what was read."""
    told = [r.but(data=None) for r in (results, again)]
    data = [{f.name: getattr(r.data, f.name) for f in fields(r.data)} for r in (results, again)]
    for given in data:
        for name in ("source", "sha256", "messages"):
            del given[name]
    return find_differences(*told) + find_differences(*data, "data")
