"""The small plan and the small table that the tests of sources start from."""

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
FIVE = "user_id,variant,spend\n1,old,1\n2,old,2\n3,new,3\n4,new,4.5\n5,new,\n"


def tell_refusal(function, *given, **more):
    """Return the message with which a function refuses what it is given."""
    with pytest.raises(Refused) as caught:
        function(*given, **more)
    return str(caught.value)
