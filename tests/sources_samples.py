"""The small plan and the small table that the tests of sources start from."""

import pandas as pd
import pytest

from helpers.records import Refused

PLAN = """
kind: experiment
title: A test
question: Does it work?
unit_id: user_id
variant: {column: variant, control: old, treatments: [new]}
metrics:
  spend: {kind: amount, role: primary, better: higher}
"""
EVENT_PLAN = PLAN.replace("unit_id", "assigned_at: assigned_at\nunit_id")
LOG_PLAN = {"kind": "experiment", "title": "A test", "question": "Does it pay?", "unit_id": "user_id"}
LOG_PLAN |= {"assigned_at": "assigned_at", "as_of": "2024-06-30"}
LOG_PLAN |= {"variant": {"column": "variant", "control": "old", "treatments": ["new"]}}
FIVE = "user_id,variant,spend\n1,old,1\n2,old,2\n3,new,3\n4,new,4.5\n5,new,\n"


def tell_refusal(function, *given, **more):
    """Return the message with which a function refuses what it is given."""
    with pytest.raises(Refused) as caught:
        function(*given, **more)
    return str(caught.value)


def draw_log(rng, written, names, *, begin, times):
    """Return 300 assignments from a day on, and 900 events in the 40 days after them, with times in a format."""
    units = pd.DataFrame({"user_id": [written.format(i) for i in range(300)], "variant": ["old", "new"] * 150})
    start = pd.Timestamp(begin) + pd.to_timedelta(rng.integers(0, 20 * 86_400, 300), "s")
    units["assigned_at"] = start.strftime("%Y-%m-%d %H:%M:%S")
    row = rng.integers(0, 300, 900)
    events = pd.DataFrame({"user_id": units["user_id"].to_numpy()[row], "event": rng.choice(names, 900)})
    events["at"] = (start[row] + pd.to_timedelta(rng.integers(0, 40 * 86_400, 900), "s")).strftime(times)
    return units, events
