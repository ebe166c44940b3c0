"""Small sources for tests: frames become what `sources.load` gives, without its reading and refusing."""

from functools import cache

import ibis
import numpy as np
import pandas as pd

from helpers.plan import ExperimentPlan
from helpers.records import DataInfo
from helpers.sources import Source


def make_design(metrics, *, variant=None, **more):
    """Return a plan with control a and treatment b unless `variant` says otherwise."""
    content = {"kind": "experiment", "title": "A test", "question": "Does it work?", "unit_id": "id"}
    content |= {"variant": {"column": "variant", "control": "a", "treatments": ["b"]} | (variant or {})}
    content |= {"metrics": metrics}
    return ExperimentPlan.model_validate(content | more)


def make_source(units, events=None, *, n_assigned=None, n_two_variants=0, n_duplicates=0, n_two_rows=0):
    """Return a Source over frames of units (`unit`, `variant`, ...) and events (`unit`, `event`, `at`, `value`)."""
    units, heard, backend = pd.DataFrame(units), None, connect()
    if events is not None:
        names = None if isinstance(events, pd.DataFrame) else ["unit", "event", "at", "value"]
        frame = pd.DataFrame(events, columns=names)
        frame = frame.assign(at=_read_times(frame["at"]), value=frame.get("value", np.nan)).astype({"value": float})
        heard = backend.create_table("events", frame.astype({"unit": "str", "event": "str"}), temp=True)
    if "assigned_at" in units:
        units = units.assign(assigned_at=_read_times(units["assigned_at"]))
    info = DataInfo("yours", "", "made.csv", None, len(units), len(units))
    table = backend.create_table("units", units, temp=True)
    return Source(table, heard, info, n_assigned or len(units), n_two_variants, n_duplicates, n_two_rows=n_two_rows)


@cache
def _start():
    return ibis.duckdb.connect(threads=1)


def connect():
    """Return a connection of its own, with tables of its own as far as they are temporary, to one database for all."""
    return ibis.duckdb.from_connection(_start().con.cursor())


def _read_times(column):
    return pd.to_datetime(column, utc=True, format="ISO8601").dt.tz_localize(None).astype("datetime64[us]")
