"""Tables of staffing: the plan beside the simulated queue, the ways to serve all, and measures in words."""

import re

import numpy as np
import pandas as pd
import samples

from helpers import tables
from helpers.queues.roll_out import DOUBLED, LIVE, STANDARD, TEST
from helpers.wording import WITHHELD

CHECK = pd.DataFrame(
    {
        "block": ["weekday 08-12"], "arrivals_per_week": [1227.25], "agents": [4.7], "share_formula": [0.931],
        "share_within": [0.938], "ci_low": [0.928], "ci_high": [0.949], "lost_formula": [0.018], "share_lost": [0.015],
    }
)  # fmt: skip
ROLL_OUT = pd.DataFrame(
    {
        "scenario": [STANDARD, TEST, DOUBLED, LIVE],
        "agent_hours_per_week": [452.0, 768.0, 1084.0, 647.0],
        "extra_hours_per_week": [0.0, 316.0, 632.0, 195.0],
        "conversations_per_week": [1200.0, 1306.25, 1412.5, 1412.5],
    }
)
ARRIVALS = pd.DataFrame(
    [
        ("dispersion", 2.185, 1.869, 2.501, 1.0, 1e-9),
        ("days_short", 0.494, 0.417, 0.571, 0.012, np.nan),
        ("agent_hours_held", 17061.2, np.nan, np.nan, 16021.0, np.nan),
    ],
    columns=["measure", "value", "ci_low", "ci_high", "poisson", "p_value"],
).assign(target_minutes=2.0, target_share=0.9, source="public:bank_calls")


def _results(**changes):
    held = {"staffing_check": CHECK, "roll_out": ROLL_OUT, "arrivals": ARRIVALS, **changes}
    return samples.results(tables={"metrics": samples.metrics(), **held})


def _cells(display):
    return [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[dh][^>]*>.*?</t[dh]>", display.html)]


def test_staffing_check_puts_the_simulation_beside_the_formula():
    assert _cells(tables.staffing_check(_results()))[7:] == [
        "weekday 08-12", "1,227", "4.7", "93.1\u00a0%", "93.8\u00a0%", "[92.8\u00a0%, 94.9\u00a0%]", "1.5\u00a0%",
    ]  # fmt: skip


def test_staffing_tables_say_whose_arrivals_and_clock():
    assert "block of hours (UTC). Both" in tables.staffing_check(_results()).text
    public = tables.staffing_check(_results(staffing=pd.DataFrame({"source": ["public:bank_calls"]})))
    assert "block of hours by their own clock. Both" in public.text
    assert "How unevenly calls to a bank arrive" in tables.arrivals(_results()).text
    assert (
        "How unevenly questions arrive" in tables.arrivals(_results(arrivals=ARRIVALS.assign(source="questions"))).text
    )


def test_roll_out_lists_four_ways():
    assert _cells(tables.roll_out(_results()))[4:8] == ["Standard promise for all", "452", "0", "1,200"]
    assert _cells(tables.roll_out(_results()))[-4:] == ["Live for all, from the queue", "647", "195", "1,412"]


def test_arrivals_says_each_measure_in_its_unit():
    cells = _cells(tables.arrivals(_results()))
    assert cells[5:10] == ["Variance over mean of an interval", "2.19", "[1.87, 2.50]", "1.00", "&lt; .001"]
    assert cells[10:15] == [
        "Days more than 5\u00a0points below the target share",
        "49.4\u00a0%", "[41.7\u00a0%, 57.1\u00a0%]", "1.2\u00a0%", "",
    ]  # fmt: skip
    assert cells[16:] == ["17,061", "", "16,021", ""]
    assert "within 2 minutes, for 90 % of all who ask" in tables.arrivals(_results()).text


def test_staffing_tables_say_why_there_is_none():
    none = pd.DataFrame()
    said = _results(staffing_check=none, roll_out=none, arrivals=none)
    assert tables.staffing_check(said).text == "No hour was staffed, so there is no check."
    assert tables.roll_out(said).text == "Without conversations there is no roll-out to plan."
    assert tables.arrivals(said).text == "No arrivals were counted."
    for name in ("staffing_check", "roll_out"):
        assert getattr(tables, name)(_results().but(status="withheld")).text == WITHHELD
