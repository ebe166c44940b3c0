"""Files that end where exports do, each told in whole, and others that pass."""

import numpy as np
import pandas as pd
import pytest
from made_sources import make_design

from helpers import checks, metrics, sources

N = 3000
COUNTRY = np.resize(["DE", "FR", "US"], N)
DAYS = {"within_days": 14, "better": "higher"}
METRICS = {
    "paid": {"kind": "binary", "role": "primary", **DAYS},
    "order": {"kind": "amount", "role": "secondary", **DAYS},
}


def _draw(seed=1, n=N):
    """Return units of three countries with payments and orders, of which the treatment brings some more."""
    rng = np.random.default_rng(seed)
    units = pd.DataFrame({"id": [f"u{i:05d}" for i in range(n)], "variant": rng.choice(["a", "b"], n)})
    units["country"], b = COUNTRY[:n], (units["variant"] == "b").to_numpy()
    units["assigned_at"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 14 * 86_400, n), unit="s")
    more, parts = np.where(b, 1.3, 1.0), []
    for name, times in (("paid", rng.random(n) < 0.2 * more), ("order", rng.poisson(0.6 * more))):
        rows = units.loc[units.index.repeat(times.astype(int)), ["id", "assigned_at"]]
        at = rows["assigned_at"] + pd.to_timedelta(rng.integers(0, 14 * 86_400, len(rows)), unit="s")
        value = np.exp(rng.normal(3, 1, len(at)))
        parts.append(pd.DataFrame({"id": rows["id"], "event": name, "at": at, "value": value}))
    return units, pd.concat(parts, ignore_index=True)


def _check(units, events=None, kinds=METRICS, **plan):
    if events is not None:
        plan = {"assigned_at": "assigned_at", "as_of": "2024-01-30", "segments": ["country"]} | plan
    design = make_design(kinds, **plan)
    source = sources.load(design, units, events=events)
    return {check.id: check for check in checks.run(metrics.fold(source, design), source, design)}


@pytest.mark.parametrize(("n", "status"), [(1000, "pass"), (10_000, "warn")])
def test_a_log_that_ends_where_exports_do_is_told(n, status):
    units, events = _draw()
    events = pd.concat([events] * 4).head(n).assign(event_id=[f"e{i}" for i in range(n)])
    only = {"paid": METRICS["paid"]}
    check = _check(units, events.assign(value=np.nan), only, segments=[])["events_fit"]
    said = "There are exactly 10,000 events, where exports and sheets are often cut; check that none is lost."
    assert (check.message == said) == (status == "warn") and check.status == status


@pytest.mark.parametrize(("n", "is_told"), [(65_535, True), (65_534, False), (10_000, False)])
def test_units_that_end_where_a_sheet_does_are_told(n, is_told):
    units = pd.DataFrame({"id": np.arange(n), "variant": np.resize(["a", "b"], n), "y": np.resize([0, 0, 1], n)})
    found = _check(units, kinds={"y": {"kind": "binary", "role": "primary"}})
    assert ("units_fit" in found) == is_told
    said = "There are exactly 65,535 rows, where exports and sheets are often cut; check that none is lost."
    assert not is_told or (found["units_fit"].status, found["units_fit"].message) == ("warn", said)
