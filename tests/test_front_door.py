"""The front door: ten names that follow one another, imported when they are first asked for."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from afternoon import FRAMEWORK, make_accounts
from sources_samples import PLAN, tell_refusal

import helpers


def test_help_says_how_the_ten_names_follow_one_another_and_it_runs(tmp_path):
    (tmp_path / "my_plan.yaml").write_text(PLAN)
    told = helpers.__doc__.replace("my_plan.yaml", str(tmp_path / "my_plan.yaml"))
    lines = re.findall(r"^    (\S.*)$", told.partition("Accounts and")[0], re.M)
    assert lines[0].removeprefix("from helpers import ").split(", ") == list(helpers._ROOMS)
    n, rng = 300, np.random.default_rng(4)
    data = pd.DataFrame({"user_id": range(n), "variant": np.where(np.arange(n) % 2, "new", "old")})
    space = {"data": data.assign(spend=rng.lognormal(2, 0.5, n))}
    exec("\n".join(lines), space)
    assert space["results"].answer[0].startswith("Spend: ")
    assert space["units"].frame()["spend"].sum() == pytest.approx(space["data"]["spend"].sum())
    assert set(helpers._ROOMS) <= set(dir(helpers))
    # a plan does wherever its design does
    exec("\n".join(lines).replace("decided.design", "decided"), whole := {"data": space["data"]})
    assert whole["results"].estimates == space["results"].estimates
    with pytest.raises(AttributeError, match="object has no attribute 'arms'"):
        whole["decided"].arms  # noqa: B018


def test_help_says_how_accounts_are_read_and_it_runs(tmp_path):
    (tmp_path / "my_framework.yaml").write_text(FRAMEWORK)
    file = str(tmp_path / "my_framework.yaml")
    told = helpers.__doc__.partition("Accounts and")[2].replace("my_framework.yaml", file)
    quick = '"customer_milestones", refits=4, folds=3, n_resamples=99'
    lines = [line.replace('"customer_milestones"', quick) for line in re.findall(r"^    (\S.*)$", told, re.M)]
    accounts, events = make_accounts(400)
    space = {"read_plan": helpers.read_plan, "accounts": accounts, "events": events}
    exec("\n".join(lines), space)
    assert space["results"].answer and len(space["next_steps"]) and space["results"].tables
    assert "Firma" in space["accounts"].frame() and len(space["accounts"].frame(most=3)) == 3
    said = "load: reads experiments, this plan is a framework; sources.load_accounts reads it"
    assert tell_refusal(lambda: helpers.load(space["decided"], accounts)) == said


def test_importing_helpers_imports_no_room():
    code = "import sys, helpers; print(sorted(m for m in sys.modules if m.startswith(('helpers.', 'pandas', 'ibis'))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_another_name_is_none_of_ours():
    with pytest.raises(AttributeError, match=r"module 'helpers' has no attribute 'lode'; did you mean load\?$"):
        helpers.lode  # noqa: B018
    from helpers import plan  # a room with nearly a name's name

    assert plan.read and not hasattr(helpers, "run_check")


def test_a_star_and_a_look_around_bring_the_ten_names_and_nothing_else():
    exec("from helpers import *", space := {})
    assert {*space} - {"__builtins__"} == {*dir(helpers)} == {*helpers._ROOMS}


@pytest.mark.parametrize(
    ("study", "cure"),
    [
        ("experimnt", "did you mean experiment?"),
        ("typo",
         "it is one of: customer_milestones, evidence_review, experiment, experiment_design, guide, in_app_support, "
         "live_support, methods, proactive_help, support_metrics, validation"),
    ],
)  # fmt: skip
def test_a_study_without_a_notebook_is_refused(steps, study, cure):
    told = tell_refusal(lambda: helpers.run_experiment(*steps.values(), study=study))
    assert told == f"run_experiment: study is {study!r}, and no notebook is called so; {cure}"
    assert helpers.run_experiment(*steps.values(), study="experiment").study == "experiment"


DATA = pd.DataFrame({"user_id": range(40), "variant": ["old", "new"] * 20, "spend": [1.0, 2.0, 4.0, 9.0] * 10})


@pytest.fixture
def steps(tmp_path):
    """Return a plan, its source, units and checks, each as the front door gives it."""
    (tmp_path / "a<b.yaml").write_text(PLAN)
    decided = helpers.read_plan(str(tmp_path / "a<b.yaml"))
    source = helpers.load(decided, DATA)
    units = helpers.fold(source, decided)
    return {"decided": decided, "source": source, "units": units, "trust": helpers.run_checks(units, source, decided)}


def test_plan_source_and_units_are_told_in_notebooks_in_a_few_lines(steps):
    assert steps["decided"]._repr_html_() == (
        "<b>A test</b> (a&lt;b.yaml)<br>Does it work?<br><small>spend (primary)</small>"
    )
    assert steps["source"]._repr_html_() == "<b>data (DataFrame)</b>: 40 units (old 20, new 20), no events"
    assert steps["units"]._repr_html_() == "<b>40 units, one row each</b>: spend"
    assert steps["trust"]._repr_html_() == "<br>".join(check._repr_html_() for check in steps["trust"])


@pytest.mark.parametrize(
    ("call", "message", "order"),
    [
        (lambda decided, **_: helpers.load(DATA, decided),
         "load: design needs a plan, as read_plan returns it; what came is DataFrame", "design, data"),
        (lambda units, source, **_: helpers.run_checks(units, source),
         "run_checks: missing a required argument: 'design'", "units, source, design"),
        (lambda decided, source, units, **_: helpers.run_checks(source, units, decided),
         "run_checks: units needs units, as fold returns them; what came is Source", "units, source, design"),
        (lambda **_: helpers.show("metrics", None),
         "show: results needs results, as run_experiment returns them; what came is str", "results, name"),
        (lambda decided, **_: helpers.fold(None, decided),
         "fold: source needs data, as load returns them; what came is nothing", "source, design"),
    ],
)  # fmt: skip
def test_swapped_arguments_are_refused_in_one_sentence(steps, call, message, order):
    assert tell_refusal(lambda: call(**steps)) == f"{message}. It takes, in this order: {order}"


@pytest.mark.parametrize(("name", "more"), [("masthead", ()), ("show", ("metrics",))])
def test_results_without_words_are_not_shown(steps, name, more):
    results = helpers.run_experiment(*steps.values(), study="experiment")
    cure = "write results = explain(protect(results, design, units), design) first"
    told = tell_refusal(lambda: getattr(helpers, name)(results, *more))
    assert told == f"{name}: results are not in words yet; {cure}"
    design = steps["decided"]
    explained = helpers.explain(helpers.protect(results, design, steps["units"]), design)
    assert "higher is better" in helpers.masthead(explained).text
    assert "spend" in helpers.show(explained, "metrics").text


@pytest.mark.parametrize(("ask", "told"), [
    (lambda told: told.select(metrc="spend"), "select: metrc is no field of an estimate; did you mean metric?"),
    (lambda told: told.select(metric="spent"), "select: no metric is called spent; did you mean spend?"),
    (lambda told: told.select(metric="NPS"), "select: no metric is called NPS; it is one of: spend"),
    (lambda told: helpers.show(told, "metricks"), "show: there is no table metricks; did you mean metrics?"),
])  # fmt: skip
def test_a_name_that_results_do_not_have_is_told_with_the_nearest(steps, ask, told):
    results = helpers.explain(helpers.run_experiment(*steps.values(), study="experiment"), steps["decided"])
    assert tell_refusal(lambda: ask(results)) == told
    assert results.select(metric=["spend"]) and results.select(metric=["spend", "spent"])
