"""What looks lost of a part of the data, or counted in another way, each told in whole, and healthy data that pass."""

import numpy as np
import pandas as pd
import pytest
from made_sources import make_design

from helpers import checks, metrics, sources
from helpers.checks.events import find_lost_parts as find_lost

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
        parts.append(
            pd.DataFrame({"id": rows["id"], "event": name, "at": at, "value": np.exp(rng.normal(3, 1, len(at)))})
        )
    return units, pd.concat(parts, ignore_index=True)


def _check(units, events=None, kinds=METRICS, **plan):
    if events is not None:
        plan = {"assigned_at": "assigned_at", "as_of": "2024-01-30", "segments": ["country"]} | plan
    design = make_design(kinds, **plan)
    source = sources.load(design, units, events=events)
    return {check.id: check for check in checks.run(metrics.fold(source, design), source, design)}


def test_amounts_of_which_an_arm_has_the_sign_turned_tell_of_no_lost_part():
    units, events = _draw()
    is_turned = events["id"].isin(units["id"][units["variant"] == "b"])
    found = _check(units, events.assign(value=events["value"].mask(is_turned, -events["value"])))
    assert "where country is" not in found["events_fit"].message
    assert "100.0 % are below 0" in found["events_fit"].message


def test_events_of_one_country_that_an_arm_lacks_are_told():
    units, events = _draw()
    lost = set(units["id"][(units["variant"] == "b") & (units["country"] == "DE")])
    check = _check(units, events[~events["id"].isin(lost)])["events_fit"]
    assert (check.status, check.value) == ("warn", 0.0)  # the share may be of the treatment
    assert check.message == " ".join(
        f"Of {name} in b hardly anything stands where country is DE, and {share} % of all would be expected there: "
        "either a part of the log is lost, or the treatment did it."
        for name, share in (("paid", "32.3"), ("order", "37.7"))
    )


# sums of DE, and what they are worth: in arm b, in a; of b in each other country; of a there; whether b's is told
TOLD = [
    ((0, 0), (190, 18), (300, 15), 600, False),  # half the units at twice the rate: a chance of 2 ** -18
    ((0, 0), (190, 19), (300, 15), 600, True),  # with three countries 12 + log 3 is asked, and 19 log 2 is above
    ((0, 0), (190, 19), (300, 14), 600, False),  # two of 14 are too few to tell how often b's come
    ((0, 0), (190, 19), (300, 15), 0, False),
    ((19, 19), (190, 190), (300, 15), 600, True),
    ((20, 20), (190, 190), (300, 15), 600, False),  # more than a tenth
]


@pytest.mark.parametrize(("own", "rest", "mine", "others", "is_told"), TOLD)
def test_find_lost_by_hand(own, rest, mine, others, is_told):
    totals = {level: {"a": (200, others, others / 10), "b": (50, *mine)} for level in ("FR", "US")}
    found = find_lost(totals | {"DE": {"a": (200, *rest), "b": (100, *own)}})
    assert found == ([(190 / 790, "b", "DE")] if is_told else [])


def test_find_lost_tells_the_cell_that_lost_and_not_the_one_across():
    there, gone = (100, 190, 190), (100, 10, 10)
    found = find_lost({"DE": {"a": there, "b": gone}, "FR": {"a": (100, 200, 200), "b": (100, 200, 200)}})
    assert [(arm, level) for _, arm, level in found] == [("b", "DE")]


@pytest.mark.parametrize("effect", [(1, 1, 1), (0.3, 1, 1.6), (0.4, 0.4, 0.4), (0.3, 1, 1)])
def test_effects_that_differ_by_country_are_no_loss(effect):
    # no table says how far from a tenth such skewed counts stay
    n, rng, alarms, missed = 300, np.random.default_rng(300), 0, 0
    for _ in range(100):
        totals = {}
        for level, times in enumerate(effect):
            drawn = rng.poisson(rng.gamma(0.5, 2.0, (3, n)) * np.array([1, times, times])[:, None])
            totals[level] = {arm: (n, x.sum(), x.sum() ** 2 / max(1, (x**2).sum())) for arm, x in enumerate(drawn)}
        alarms += bool(find_lost(totals))
        totals[2][1] = (n, 0.0, 0.0)
        missed += [(arm, level) for _, arm, level in find_lost(totals)] != [(1, 2)]
    assert alarms == 0 and missed < 5


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
