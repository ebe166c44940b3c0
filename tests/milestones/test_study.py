"""The whole framework study on few simulated accounts: what it holds, in which order, and what changes it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_accounts import make_account_source

from helpers import checks, metrics, sources
from helpers.milestones import Choices, run_framework, study_threshold
from helpers.milestones.landmarks import compare_naively
from helpers.plan import FrameworkPlan, Plan
from helpers.records import Refused

FEATURES = ("live_chat", "phone_channel", "crm_sync", "api_used")
PLAN = {
    "kind": "framework", "title": "Who stays?", "question": "Do they?", "unit_id": "account_id",
    "started_at": "started_at", "as_of": "2023-08-31", "size": "seats", "plan_tier": "plan_tier",
    "steps": [{"name": "messenger_installed"}, {"name": "team_invited"}],
    "activation": {"event": "conversation", "at_least": 20, "landmark_days": [90]},
    "categories": {"all": {"basic": ["live_chat"], "mature": ["phone_channel"]}},
    "features": [{"name": name} for name in FEATURES],
    "outcomes": {"retained": {"lost": "cancelled"}, "expanded": {"event": "expanded"}},
}  # fmt: skip
ALWAYS = {
    "freshness", "controls", "landmark_flow", "definitions", "readings", "hazards", "landmark_effects",
    "milestone_survival", "activation_counts", "activation_curves", "cuts", "threshold", "states", "flows", "steps",
    "categories", "mature_counts", "maturity_lines", "ranking", "model_quality", "next_steps", "review", "drift",
    "review_words", "model",
}  # fmt: skip
FEW = {"study": "customer_milestones", "refits": 4, "folds": 3, "n_resamples": 99, "seed": 1}
STATEMENTS = pd.DataFrame([("duckdb", "activated", "select 1")], columns=["dialect", "milestone", "statement"])


def decide(**changes):
    """Return a plan as it is read from a file."""
    return Plan(FrameworkPlan(**(PLAN | changes)), "own.yaml", "ab", "cd")


@pytest.fixture(scope="module", autouse=True)
def no_statements():
    """Leave the SQL out, which takes longest and has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics, "write_definitions", lambda design: STATEMENTS)
        yield


@pytest.fixture(scope="module")
def loaded():
    """Return the plan, 600 simulated accounts, folded and read."""
    decided = decide()
    simulation = {"study": "customer_milestones", "n_units": 600, "seed": 3, "activation_effect": 2.0}
    source = sources.load_accounts(decided.design, "simulated", simulation=simulation)
    accounts = metrics.fold_accounts(source, decided.design)
    return decided, source, accounts, metrics.read_frames(accounts)


@pytest.fixture(scope="module")
def study(loaded):
    """Return the results, the private next steps, and what was told of the ranking."""
    decided, source, accounts, frames = loaded
    trust, told = checks.check_accounts(source, accounts, landmarks=frames.landmarks), []
    found = run_framework(
        decided, source, accounts, frames, trust, Choices(**FEW, tell=lambda *done: told.append(done))
    )
    return *found, trust, told


def test_run_framework_answers_every_question_of_the_plan(loaded, study):
    results, _, trust, told = study
    assert set(results.tables) == ALWAYS  # no usage in the plan, so nothing on size; the rule of who is alive is one
    assert not [name for name, table in results.tables.items() if table.empty]
    assert (results.study, results.status, results.title) == ("customer_milestones", "answered", "Who stays?")
    assert results.as_of == "2023-08-31" and results.checks == tuple(trust)
    assert results.plan == {"file": "own.yaml", "sha256": "ab", "departures": [], "commit": "cd"}
    assert results.data.messages == (*loaded[1].info.messages, *loaded[2].messages)
    assert results.tables["definitions"] is STATEMENTS
    assert list(results.tables["landmark_flow"].itertuples(index=False, name=None)) == metrics.explain_accounts(
        loaded[2]
    )
    assert results.tables["controls"].to_numpy().tolist() == [["plan", "plan_tier"], ["size", "seats"]]
    assert [done for done, _ in told] == [1, 2, 3, 4] and {total for _, total in told} == {4}


def test_run_framework_puts_activation_first(study):
    estimates = study[0].estimates
    order = [estimate.treatment == "activated" for estimate in estimates]
    assert order == sorted(order, reverse=True) and 0 < sum(order) < len(order)
    assert len({estimate.id for estimate in estimates}) == len(estimates)
    assert {test.name for test in study[0].tests} and all(test.p_value >= 0 for test in study[0].tests)


def test_run_framework_advises_each_account_privately(loaded, study):
    results, next_steps, *_ = study
    customers = loaded[3].histories.query("lost_day.isna()")
    assert sorted(next_steps["unit"]) == sorted(customers["unit"])  # of today, not of the landmark
    assert list(next_steps) == ["unit", "next_step", "association"]
    texts = [table.select_dtypes(exclude="number").to_string() for table in results.tables.values()]
    assert not [text for text in texts if next_steps["unit"].iloc[0] in text]


def test_run_framework_reviews_an_earlier_model(loaded, study, monkeypatch):
    monkeypatch.setattr("helpers.milestones.study.study_ranking", lambda *given, **more: {})  # no part of this question
    model, own = study[0].tables["model"], study[0].tables["review"]
    higher = model.assign(value=model["value"] + 1.0 * (model["kind"] == "intercept"))
    review = run_framework(*loaded, (), Choices(**FEW, against=higher))[0].tables["review"]
    assert (review["expected"] > review["observed"]).all()  # a model that promises more
    assert review["observed"].equals(own["observed"]) and not review["expected"].equals(own["expected"])
    other = model.assign(value=model["value"].where(model["name"] != "landmark_days", 60.0))
    with pytest.raises(Refused) as refused:
        run_framework(*loaded, (), Choices(**FEW, against=other))
    assert str(refused.value) == ("review_against is a run with landmark_days 60, this plan has 90; make them equal")


def test_run_framework_refuses_where_nobody_is_at_the_landmark(loaded):
    decided, source, accounts, frames = loaded
    nobody = replace(frames, landmarks={90.0: frames.main.iloc[:0]})
    with pytest.raises(Refused) as refused:
        run_framework(decided, source, accounts, nobody, (), Choices(**FEW))
    assert str(refused.value) == (
        "accounts: none is there on day 90 and followed for 180 days more; give earlier accounts, a later as_of, a "
        "shorter horizon or an earlier landmark"
    )


def test_run_framework_compares_rules_of_who_is_alive(loaded):
    _, source, *_ = loaded
    rule = {"event": ["conversation", "conversation_resolved"], "within_days": 30}
    back = {"retained": {"event": "conversation", "within_days": 60}}
    decided = decide(alive=rule, outcomes=back, features=[], categories={}, steps=[])
    accounts = metrics.fold_accounts(source, decided.design)
    frames = metrics.read_frames(accounts)
    results, _ = run_framework(decided, source, accounts, frames, (), Choices(**FEW, alive_days=[30, 5]))
    alive = results.tables["alive"]
    assert alive["alive_days"].tolist() == [30, 5] and alive["n"].is_monotonic_decreasing
    pd.testing.assert_frame_equal(alive.iloc[[0]].drop(columns="alive_days"), results.tables["threshold"])
    shorter = decided.design.model_copy(update={"alive": decided.design.alive.model_copy(update={"within_days": 5})})
    main = metrics.read_frames(metrics.fold_accounts(source, shorter)).main
    drawn = {name: FEW[name] for name in ("seed", "n_resamples", "folds")}
    again = study_threshold(main, shorter, **drawn)[1]["threshold"]
    second = alive.iloc[[1]].drop(columns="alive_days").reset_index(drop=True)
    pd.testing.assert_frame_equal(second, again, check_dtype=False)
    assert alive["n"].tolist() == [len(frames.main), len(main)]
    naive = results.tables["readings"].set_index("reading").loc["naive"]
    assert naive["n_reached"] + naive["n_not"] == 600  # all who started, alive or not
    without = run_framework(decided, source, accounts, frames, (), Choices(**FEW, alive_days=[30]))[0]
    assert "alive" not in without.tables


def test_run_framework_of_a_snapshot_has_features_and_no_milestone():
    rng = np.random.default_rng(1)
    gone, chat = rng.integers(0, 2, 400), rng.integers(0, 2, 400)
    columns = {"unit": [f"u{n:03d}" for n in range(400)], "gone": gone, "months": 1 + rng.integers(0, 40, 400)}
    plan = {name: PLAN[name] for name in ("kind", "title", "question", "unit_id")}
    plan |= {"features": [{"name": "talks", "column": "chat"}]}
    plan |= {"outcomes": {"retained": {"column": "gone", "time": "months"}}}
    decided = Plan(FrameworkPlan(**plan), "own.yaml", "ab", "cd")
    source = make_account_source({name: np.asarray(v, float) if name != "unit" else v for name, v in columns.items()}
                                 | {"chat": chat.astype(float)})  # fmt: skip
    accounts = metrics.fold_accounts(source, decided.design)
    frames = metrics.read_frames(accounts)
    assert list(frames.landmarks) == [0.0] and frames.histories is None and frames.months is None
    results, next_steps = run_framework(decided, source, accounts, frames, (), Choices(**FEW))
    assert set(results.tables) == {"freshness", "controls", "overall", "ranking", "model_quality"}
    assert (results.estimates, results.tests, results.as_of, next_steps.empty) == ((), (), None, True)
    assert results.tables["controls"].empty and set(results.tables["ranking"]["time_order"]) == {"unknown"}


def test_naive_reading_of_people_who_leave_is_larger_than_at_the_landmark(loaded, study):
    naive, fair = (study[0].tables["readings"].set_index("reading").loc[name] for name in ("naive", "landmark"))
    by_hand = compare_naively(loaded[3].histories, loaded[0].design)
    assert naive["difference"] == by_hand[0].estimate > fair["difference"]
