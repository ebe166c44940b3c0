"""The kinds of metric: found by their files, each with its own keys and code; dry runs prove what each draws."""

import subprocess
import sys

import ibis
import pytest
from pydantic import ValidationError

from helpers import plan
from helpers.kinds import FIRST, KINDS, Kind
from helpers.plan import design

LEAST = {"time_to_event": {"horizon_days": 30}, "ratio": {"numerator": "a", "denominator": "b"}}  # what they need
WRITTEN = {  # a value that each key takes where it is at home
    "horizon_days": 9, "time": "days", "observed": "seen", "competing": "left", "numerator": "a", "denominator": "b",
    "quantile": 0.9, "time_at_risk": "days", "scale": "ordered", "column": "x", "event": "x", "within_days": 28,
    "from_days": 7, "missing": "unknown", "asked": "sent", "squares": "x2", "products": "xy",
}  # fmt: skip


def test_kinds_are_listed_in_the_order_in_which_a_refusal_names_them():
    assert FIRST == ("binary", "count", "amount", "score", "nps", "time_to_event", "ratio")
    assert list(KINDS) == [*FIRST, *sorted(KINDS.keys() - {*FIRST})]
    assert [name for name, kind in KINDS.items() if kind.name != name] == []


@pytest.mark.parametrize(("given", "has_lift"), [
    ({}, True),
    ({"code": str}, False),
    ({"code": str, "is_share": True}, True),
    ({"code": str, "has_lift": True}, True),
])  # fmt: skip
def test_a_kind_has_a_lift_where_its_outcome_is_what_was_read_or_a_share(given, has_lift):
    assert Kind("a", str, **given).has_lift is has_lift


def refuse(**metric):
    with pytest.raises(ValidationError) as caught:
        design.Metric(**metric)
    return [error["msg"] for error in caught.value.errors()]


@pytest.mark.parametrize("key", WRITTEN)
@pytest.mark.parametrize("kind", FIRST)
def test_key_is_refused_by_every_kind_that_makes_no_use_of_it(kind, key):
    brought = {name for name in KINDS if key in KINDS[name].keys}
    homes = [name for name in KINDS if (name in brought if brought else key not in KINDS[name].lacks)]
    given = LEAST.get(kind, {}) | {key: WRITTEN[key]} | ({"within_days": 28} if key == "from_days" else {})
    if kind in homes:
        assert key in design.Metric(kind=kind, **given).model_fields_set
    else:
        told = " or ".join(part for part in (", ".join(homes[:-1]), homes[-1]) if part)
        first = f"Value error, a metric of kind {kind} has no {key}; it is for kind {told}"
        assert first in refuse(kind=kind, **given) or key == "from_days"  # its window may be refused before it


def test_written_keys_are_all_that_kinds_bring_or_lack():
    assert {key for name in FIRST for key in (*KINDS[name].keys, *KINDS[name].lacks)} == WRITTEN.keys()


def test_plans_are_read_without_numpy():
    # a kind that imports it within what it draws leaves the reading of a plan fast
    code = "import sys, helpers.plan; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize(("kind", "values", "coded"), [
    ("binary", [0, 1, 3, None], [0, 1, 1, None]),  # how often it happened
    ("nps", [0, 6, 7, 8, 9, 10, None], [-100, -100, 0, 0, 100, 100, None]),
])  # fmt: skip
def test_code_makes_the_outcome_of_what_was_read(kind, values, coded):
    table = ibis.memtable({"place": range(len(values)), "value": values}, schema={"place": "int64", "value": "float64"})
    made = table.select("place", coded=KINDS[kind].code(table["value"], plan.Metric(kind=kind)))
    assert made.order_by("place").to_pyarrow()["coded"].to_pylist() == coded
