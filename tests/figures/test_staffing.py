"""Pictures of staffing: the finding in the title, both widths, and what is said where there is nothing to show."""

import base64
import functools
import io
import re

import numpy as np
import pandas as pd
import pytest
import samples
from PIL import Image

from helpers import figures
from helpers.queues.roll_out import DOUBLED, LIVE, STANDARD, TEST
from helpers.wording import WITHHELD


def _staffing(agents=(0, 1, 4), source="questions", minutes=2.0):
    hours = np.arange(168)
    planned = np.resize(agents, 168)
    return pd.DataFrame(
        {
            "hour": hours,
            "arrivals_per_hour": planned * 2.5,
            "agents_erlang_a": planned,
            "agents_erlang_c": planned + (planned > 0),
            "share_within": np.where(planned > 0, 0.93, np.nan),
            "share_lost": np.where(planned > 0, 0.02, np.nan),
            "wait_minutes": np.where(planned > 0, 0.4, np.nan),
            "occupancy": np.where(planned > 0, 0.5, np.nan),
            "target_minutes": minutes,
            "target_share": 0.9,
            "source": source,
        }
    )


def _arrivals(source="questions", value=3.2, low=2.9, high=3.5):
    rows = [
        ("dispersion_hours", value, low, high, 1.0, 0.0),
        ("days_short", 0.31, 0.2, 0.4, 0.02, np.nan),
    ]
    names = ["measure", "value", "ci_low", "ci_high", "poisson", "p_value"]
    return pd.DataFrame(rows, columns=names).assign(target_minutes=2.0, target_share=0.9, source=source)


def _bands():
    mean = np.array([2.0, 10.0, 20.0, 8.0])
    return pd.DataFrame(
        {
            "time": ["08:00", "09:00", "10:00", "11:00"],
            "hour": [8, 9, 10, 11],
            "days": 80,
            "mean": mean,
            "low": mean * 0.5,
            "high": mean * 1.6,
            "poisson_low": mean * 0.7,
            "poisson_high": mean * 1.3,
        }
    )


def _roll_out():
    return pd.DataFrame(
        {
            "scenario": [STANDARD, TEST, DOUBLED, LIVE],
            "agent_hours_per_week": [452.0, 768.0, 1084.0, 647.0],
            "extra_hours_per_week": [0.0, 316.0, 632.0, 195.0],
            "conversations_per_week": [1200.0, 1306.25, 1412.5, 1412.5],
        }
    )


TABLES = {"staffing": _staffing(), "arrivals": _arrivals(), "arrivals_bands": _bands(), "roll_out": _roll_out()}


def _results(**tables):
    return samples.results(tables={"metrics": samples.metrics(), **TABLES, **tables})


@functools.cache
def _show(name):
    return getattr(figures, name)(_results())


def _read_images(display):
    return re.findall(r'="data:image/webp;base64,([^"]+)"', display.html)


def _sizes(display):
    return [Image.open(io.BytesIO(base64.b64decode(image))).size[0] for image in _read_images(display)]


@pytest.mark.parametrize("name", ["staffing", "arrivals", "roll_out"])
def test_staffing_pictures_have_two_widths_equal_bytes_and_a_download(name):
    shown = _show(name)
    assert _sizes(shown) == [840, 1840]
    assert 'download="proactive_help_' in shown.html
    again = getattr(figures, name)(_results(), title="Mine")
    assert again.text.startswith("Mine\n")
    assert _read_images(again) == _read_images(shown)


def test_staffing_says_agents_and_hours():
    title, subtitle, alternative = _show("staffing").text.split("\n")
    assert title == "Replies within 2 minutes for 90 % take 1 to 4 agents: 280 agent hours a week"
    assert "Below: questions an hour." in subtitle
    assert "Busiest: Monday 02:00, 4 agents for 10 an hour. Erlang C asks for 112 hours more." in alternative
    one = _staffing(agents=(1,), minutes=1.0)
    assert figures.staffing(_results(staffing=one)).text.startswith(
        "Replies within 1 minute for 90 % take 1 agent at every hour: 168 agent hours a week"
    )


def test_public_arrivals_have_their_own_source_line_and_clock():
    plan, counted = _staffing(source="public:bank_calls"), _arrivals("public:bank_calls")
    shown = figures.staffing(_results(staffing=plan))
    for display in (shown, figures.arrivals(_results(arrivals=counted))):
        assert "Public data: calls to a North American bank in 2003" in display.html
        assert "workspaces: " not in display.html
    assert "It is not the work of this study" in shown.text and "UTC" not in shown.html
    own = _show("staffing")
    assert "Hours in UTC." in own.text and "hour (UTC)" in own.html and "Public data" not in own.html


def test_staffing_names_public_arrivals():
    assert (
        "Below: calls to a bank an hour."
        in figures.staffing(_results(staffing=_staffing(source="public:bank_calls"))).text
    )


def test_arrivals_says_how_much_more_than_poisson():
    title, _, alternative = _show("arrivals").text.split("\n")
    assert title == (
        "Questions vary 3.2 times as much as a Poisson stream: staffing for the mean misses the target clearly on 31 % "
        "of days (Poisson: 2 %)"
    )
    assert "At 10:00 nine days of ten have 10 to 32; a Poisson stream 14 to 26." in alternative
    even = _arrivals("public:bank_calls", 1.02, 0.9, 1.1)
    assert figures.arrivals(_results(arrivals=even)).text.startswith(
        "Calls to a bank vary about as a Poisson stream does (1.0 times)"
    )


def test_roll_out_says_that_it_is_not_twice_the_team_for_half():
    title, _, alternative = _show("roll_out").text.split("\n")
    assert title == "Live support for all takes 195 agent hours a week more, not the 632 of twice the team for half"
    assert "live for all, from the queue: 647 hours, 195 more." in alternative
    assert "standard promise for all: 452 hours." in alternative


def test_staffing_pictures_say_why_there_is_none():
    none = pd.DataFrame()
    assert figures.staffing(_results(staffing=_staffing(agents=(0,)))).text == "There is no question to staff for."
    assert figures.roll_out(_results(roll_out=none)).text == "Without conversations there is no roll-out to plan."
    assert figures.arrivals(_results(arrivals_bands=none)).text == "No arrivals were counted."
    for name in ("staffing", "roll_out"):
        assert getattr(figures, name)(_results().but(status="withheld")).text == WITHHELD
