"""Durations of a real help desk: median and mean are not interchangeable, and the report uses the median."""

import conversations_samples as made
import numpy as np
import pandas as pd
import pytest

from helpers.inference.replies import compare_replies

DAY = 24 * 60


@pytest.fixture(scope="module")
def durations(shared):
    """Return the days from the first to the last event of each case."""
    events = pd.read_csv(shared / "data" / "helpdesk_events.csv", parse_dates=["CompleteTimestamp"])
    times = events.groupby("CaseID")["CompleteTimestamp"]
    return ((times.max() - times.min()).dt.total_seconds() / 86_400).to_numpy()


def test_helpdesk_mean_is_over_twice_the_median(durations):
    assert len(durations) == 3_804
    assert (round(np.median(durations), 2), round(durations.mean(), 2)) == (3.93, 8.80)
    assert durations.mean() / np.median(durations) == pytest.approx(2.2, abs=0.05)


def test_compare_replies_tells_the_median_of_helpdesk_cases(durations):
    # the same cases twice, the second time three days faster: the medians differ so, the shares as counted
    rows = [(f"c{i}", "a", days * DAY, 0, None) for i, days in enumerate(durations)]
    rows += [(f"t{i}", "b", max(days - 3, 0) * DAY, 0, None) for i, days in enumerate(durations)]
    conversations = made.make_conversations(rows, days=365)
    found = compare_replies(conversations, made.design_replies(), within=(4 * DAY,)).set_index(
        ["comparison", "measure"]
    )
    median, within = found.loc[("b - a", "median")], found.loc[("b - a", "within")]
    assert median["control_value"] / DAY == pytest.approx(np.median(durations))
    assert median["difference"] / DAY == pytest.approx(-3)
    assert within["control_value"] == pytest.approx((durations <= 4).mean())
    # limits by order statistics hold the median of the cases; a mean would lie far outside
    half = (median["ci_high"] - median["ci_low"]) / 2 / DAY
    assert half < 1 < durations.mean() - np.median(durations)
