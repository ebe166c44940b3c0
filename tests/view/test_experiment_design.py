"""The design of an experiment as it is shown: sliders where somebody can move them, and the plan to copy."""

import ipywidgets
import pytest
from experiments import make_design

from helpers import design as designs
from helpers.plan import Plan
from helpers.studies import show_plan, slide
from helpers.view.words import explain

Y = {"kind": "binary", "role": "primary", "better": "higher", "worthwhile": 0.02}
RECORD = {"file": "spring.yaml", "sha256": "0" * 64, "departures": []}


@pytest.fixture
def made():
    """Return a setting of one metric, and what is told of it."""
    design = make_design(metrics={"y": Y}, unit="account")
    known = designs.assume_baselines(design, ["y = 0.2"])
    setting = designs.Setting(design, known, designs.Assumed(units_per_week=2000, draws=1000, worth_per_year=50_000))
    decided = Plan(design, RECORD)
    results = designs.plan_experiment(setting, decided)
    text = designs.write_plan(design, results.tables["settled"], decided)
    return setting, explain(results.but(tables={**results.tables, "plan_text": text}), design)


def test_slide_draws_anew(made, capsys):
    setting, results = made
    box = slide(results, setting)
    assert isinstance(box, ipywidgets.interactive)
    pace, power, times, weeks = (box.kwargs_widgets[place].value for place in range(4))
    assert (pace, power, times, weeks) == (2000, 0.8, 1.0, 26)
    drawn, faster = (box.f(pace=pace, power=0.8, times=1.0, weeks=8).text for pace in (2000, 8000))
    assert "find 2 points from week 7 on" in drawn and "find 2 points from week 2 on" in faster
    assert "find 4 points from week 2 on" in box.f(pace=2000, power=0.8, times=2.0, weeks=8).text
    box.kwargs_widgets[3].value = 8  # as a hand would
    assert "find 2 points from week 7 on" in capsys.readouterr().out


def test_show_plan_is_the_text_to_copy(made):
    _, results = made
    assert show_plan(results).text == results.tables["plan_text"]["text"].item()
    assert "planned_units" in show_plan(results).html


def test_answer_says_size_length_chance_and_what_a_week_is_worth(made):
    setting, results = made
    assert results.answer[1] == (
        f"{2000 * setting.weeks:,} accounts in {setting.weeks} weeks find a difference of 2 points in y in 83 of 100 "
        f"such experiments; the answer comes {setting.weeks} weeks after the start."
    )
    assert "Another week" in results.answer[2] and results.answer[-1].startswith("Next: take the plan")
    short = designs.Setting(setting.design, setting.known, designs.Assumed(units_per_week=2000, most_weeks=2))
    decided = Plan(setting.design, RECORD)
    told = explain(designs.plan_experiment(short, decided), setting.design).answer[1]
    assert told.startswith("4,000 accounts in 2 weeks are too few") and told.endswith("that takes 7 weeks.")
