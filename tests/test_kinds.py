"""The kinds of metric: found by their files, each with its own code; dry runs prove what each draws."""

import ibis
import pytest

from helpers import plan
from helpers.kinds import KINDS


def test_kinds_are_listed_in_the_order_in_which_a_refusal_names_them():
    assert list(KINDS) == ["binary", "count", "amount", "score", "nps", "time_to_event", "ratio"]
    assert [name for name, kind in KINDS.items() if kind.name != name] == []


@pytest.mark.parametrize(
    ("kind", "values", "coded"),
    [
        ("binary", [0, 1, 3, None], [0, 1, 1, None]),  # how often it happened
        ("nps", [0, 6, 7, 8, 9, 10, None], [-100, -100, 0, 0, 100, 100, None]),
    ],
)
def test_code_makes_the_outcome_of_what_was_read(kind, values, coded):
    table = ibis.memtable({"place": range(len(values)), "value": values}, schema={"place": "int64", "value": "float64"})
    made = table.select("place", coded=KINDS[kind].code(table["value"], plan.Metric(kind=kind)))
    assert made.order_by("place").to_pyarrow()["coded"].to_pylist() == coded
