"""The framework study: landmarks beside the naive reading, setup steps, and the whole record of few accounts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from accounts_samples import HORIZON, LANDMARK, draw_histories, make_framework, read_frame
from accounts_samples import PLAN as SAMPLE
from made_accounts import make_account_source
from milestones_samples import sample_plan
from scipy import stats
from sources_samples import tell_refusal

from helpers import checks, metrics, sources
from helpers.inference.contrasts import risk_difference
from helpers.inference.decisions import holm
from helpers.milestones import (
    Choices,
    adjusted_difference,
    make_controls,
    run_framework,
    study_landmarks,
    study_setup,
    study_snapshot,
    study_threshold,
)
from helpers.milestones.contrasts import ADJUSTED, IMMORTAL, SIDES, compare_hazards, compare_strategies
from helpers.milestones.study import compare_naively, trace_survival
from helpers.plan import FrameworkPlan, Plan
from helpers.plan.views import read_views
from helpers.records import Check
from helpers.view.words import explain

DRAWS = {"seed": 1, "n_resamples": 20}
RECORD = {"file": "own.yaml", "sha256": "ab", "departures": []}


@pytest.fixture(scope="module")
def histories():
    """Return 3,000 accounts whose rate of loss halves at activation."""
    return draw_histories(7, 3000, factor=0.5)


@pytest.fixture(scope="module")
def landmarks(histories):
    """Return the estimates by id, the tests and the tables of a study with two landmarks and a second milestone."""
    features = [{"name": "bots", "event": "bots"}]
    activation = SAMPLE["activation"] | {"landmark_days": [90, 60]}
    outcomes = SAMPLE["outcomes"] | {"dormant_after_days": 30}
    categories = {"automation": {"mature": ["bots"]}}
    plan = make_framework(activation=activation, features=features, categories=categories, outcomes=outcomes)
    rng = np.random.default_rng(1)
    frames = {day: read_frame(histories, day) for day in (90.0, 60.0)}
    frames = {d: f.assign(mature=rng.integers(0, 2, len(f)), dormant=1.0 - f["retained"]) for d, f in frames.items()}
    estimates, tests, tables = study_landmarks(frames, histories, plan, **DRAWS)
    return {e.id: e for e in estimates}, tests, tables, frames


def test_compare_naively_by_hand():
    # followed 270 days: two activated and kept, one activated and lost on day 200, one never and lost on day 5
    lost, activated = [np.nan, 271.0, 200.0, 5.0, np.nan, 270.0], [20.0, 89.0, 30.0, np.nan, 10.0, np.nan]
    rows = pd.DataFrame({"lost_day": lost, "day_activated": activated})
    rows["followed_days"] = [300.0, 270.0, 300.0, 300.0, 269.0, 300.0]
    found = compare_naively(rows, make_framework())
    assert found[0] == risk_difference(2, 3, 0, 2)
    assert found[1:] == (3, 2)
    assert compare_naively(rows, make_framework(confidence_level=0.8))[0].ci_low > found[0].ci_low


def test_study_landmarks_reads_each_difference_from_its_own_landmark(landmarks):
    estimates, _, tables, frames = landmarks
    for day, name in ((90.0, "retained:activated@90"), (60.0, "retained:activated@60")):
        frame = frames[day]
        adjusted = adjusted_difference(frame["activated"], frame["retained"], make_controls(frame))
        assert estimates[name].estimate == adjusted.estimate
        counts = [f(side["retained"]) for _, side in reversed([*frame.groupby("activated")]) for f in (sum, len)]
        assert estimates[f"{name}:none"].ci_low == risk_difference(*counts).ci_low
        row = tables["landmark_effects"].query(
            f"milestone == 'activated' and outcome == 'retained' and landmark == {day} and adjustment == 'covariates'"
        )
        assert row[["difference", "p_value"]].to_numpy().tolist() == [[adjusted.estimate, adjusted.p_value]]
    assert len(tables["landmark_effects"]) == 2 * 2 * 2 * 2


LABELS = {  # id -> what stands in that row
    "retained:activated@90": {
        "metric": "retained", "control": "not activated", "treatment": "activated", "population": "landmark",
        "estimand": "difference", "adjustment": "covariates", "at": None, "role": "primary",
        "verdict": "clear association", "as_expected": True,
    },
    "dormant:activated@90": {"role": "secondary", "as_expected": True},  # fewer are dormant
    "retained:activated@60": {"role": "sensitivity", "at": "day 60", "family": ""},
    "retained:activated:naive": {"estimand": "naive", "population": "observational", "role": "exploratory"},
    "retained:activated:weights": {"adjustment": "weights", "population": "observational", "role": "sensitivity"},
    "retained:activated:hazard_ratio": {"as_expected": True},
    "retained:mature@90": {"verdict": "no clear association", "as_expected": None},
}  # fmt: skip


@pytest.mark.parametrize("name", LABELS)
def test_study_landmarks_labels_its_estimates(landmarks, name):
    assert {field: getattr(landmarks[0][name], field) for field in LABELS[name]} == LABELS[name]


def test_study_landmarks_adjusts_within_each_outcome_and_counts_all_accounts(landmarks):
    head, early, ratio = (landmarks[0][f"retained:activated{of}"] for of in ("@90", "@60", ":hazard_ratio"))
    for e in (head, early):  # Holm within retained, the other landmark in its headline's place
        assert e.p_value_adjusted == pytest.approx(2 * e.p_value)
    assert ratio.estimate < 1 and ratio.n_control + ratio.n_treatment == 3000


def test_study_landmarks_puts_every_reading_side_by_side(landmarks, histories):
    readings, hazards = (landmarks[2][name].set_index("reading") for name in ("readings", "hazards"))
    assert readings.index.tolist() == ["naive", "landmark", "adjusted", "clone-censor-weight"]
    assert readings["reason"].isna().all()
    assert readings.loc["naive", "difference"] > readings.loc["landmark", "difference"]
    assert readings.loc["landmark", "difference"] > readings.loc["adjusted", "difference"]
    cloned = compare_strategies(histories, landmark=90, horizon=180, **DRAWS)
    assert readings.loc["clone-censor-weight", "share_reached"] == cloned.treatment_value
    assert hazards.loc[ADJUSTED, "hazard_ratio"] == compare_hazards(histories, until=270)[0][ADJUSTED].estimate
    assert hazards.loc[IMMORTAL, ["n", "lost"]].tolist() == [3000, (histories["lost_day"] <= 270).sum()]


UNSEEN = "the plan names no event of leaving, so who left before the landmark cannot be told"
NO_LINE = "the plan gives no number of events from which an account is activated"
LACKING = [
    ({"activation": {"event": "asked"}}, NO_LINE, 0),
    ({"outcomes": {"retained": {"event": "asked"}}}, UNSEEN, 6),
]


@pytest.mark.parametrize(("changes", "reason", "ids"), LACKING)
def test_study_landmarks_says_what_a_plan_lacks(changes, reason, ids, histories):
    frame = read_frame(histories).drop(columns=["lost", "lost_days"])
    estimates, tests, tables = study_landmarks({LANDMARK: frame}, histories, make_framework(**changes), **DRAWS)
    assert tables["readings"]["reason"].iloc[[0, 3]].tolist() == [reason] * 2
    assert tables["hazards"]["reason"].tolist() == [reason] * 3
    assert (len(estimates), tests, len(tables["milestone_survival"])) == (ids, [], 0)
    assert all(e.verdict == "not estimable" and e.reason for e in estimates if np.isnan(e.estimate))


def test_trace_survival_is_plain_shares_up_to_the_horizon(histories):
    frame = read_frame(histories).assign(lost_days=lambda f: np.ceil(f["lost_days"]))
    table, (test,) = trace_survival(frame, make_framework())
    side = frame[frame["activated"] == 1]
    rows = table[table["reached"] == 1].set_index("day")
    for day in (0.0, 60.0, 180.0):
        lost = ((side["lost"] == 1) & (side["lost_days"] <= day)).sum()
        assert rows.loc[day, ["lost", "share"]].tolist() == pytest.approx([lost, 1 - lost / len(side)])
    assert (rows.index.max(), rows.loc[0.0, "at_risk"]) == (HORIZON, len(side))
    assert rows["share"].between(rows["ci_low"], rows["ci_high"]).all()
    assert (test.name, test.id) == ("log-rank", "retained:activated - not activated:log-rank") and test.p_value < 0.001


def test_study_snapshot_by_hand():
    plan = make_framework(
        started_at=None, activation=None, outcomes={"retained": {"column": "churn", "time": "tenure"}}
    )
    frame = pd.DataFrame({"lost": [1, 0, 1, 0], "lost_days": [1.0, 1.0, 2.0, 3.6]})
    table = study_snapshot(frame, plan)["overall"].set_index("day")
    assert table.loc[[0.0, 1.0, 2.0], "share"].tolist() == pytest.approx([1, 0.75, 0.375])
    assert table.loc[[1.0, 3.6], "at_risk"].tolist() == [4, 1]


def test_the_naive_reading_finds_what_is_not_there_and_the_others_do_not():
    design, n_worlds = make_framework(), 16
    alarms = dict.fromkeys(["naive", "adjusted", "cox", "weights"], 0)
    for seed in range(n_worlds):
        histories = draw_histories(1000 + seed, 700)
        frame = read_frame(histories)
        effects = {
            "naive": compare_naively(histories, design)[0],
            "adjusted": adjusted_difference(frame["activated"], frame["retained"], make_controls(frame)),
            "cox": compare_hazards(histories, until=LANDMARK + HORIZON)[0][ADJUSTED],
            "weights": compare_strategies(histories, landmark=LANDMARK, horizon=HORIZON, seed=seed, n_resamples=40),
        }
        for name, effect in effects.items():
            alarms[name] += effect.p_value < 0.05
    assert alarms.pop("naive") >= n_worlds - 1
    assert max(alarms.values()) <= stats.binom.ppf(0.999, n_worlds, 0.05)


SETUP_RULE = {"event": "conversation", "at_least": 20, "window_days": 90, "landmark_days": [90]}

STEPS = ("invite", "import", "article")

SETUP = sample_plan(steps=[{"name": name} for name in STEPS], steps_at_least=1, activation=SETUP_RULE)


def make_histories(rows):
    """Histories from (followed_days, lost_day, day_activated, day of each step), all of one tier and size."""
    columns = ["followed_days", "lost_day", "day_activated", *(f"step_day_{name}" for name in STEPS)]
    return pd.DataFrame(rows, columns=columns, dtype=float).assign(tier="all", size=1.0)


def draw_setup(n=3000, *, seed=1, effect=1.0):
    """Premium accounts set up and activate more; `invite` is tied to activation, `import` is only confounded."""
    rng = np.random.default_rng(seed)
    premium, size = rng.random(n) < 0.4, rng.integers(1, 20, n).astype(float)
    tier = np.where(premium, "premium", "basic")
    invite, imported = (rng.random(n) < 0.2 + 0.5 * premium for _ in range(2))
    article = rng.random(n) < 0.02
    odds = -1.2 + 1.6 * premium + effect * invite
    active = rng.random(n) < 1 / (1 + np.exp(-odds))
    frame = {"tier": tier, "size": size, "followed_days": 200.0, "lost_day": np.nan}
    frame["day_activated"] = np.where(active, rng.uniform(15, 89, n), np.nan)
    for name, done in zip(STEPS, (invite, imported, article), strict=True):
        frame[f"step_day_{name}"] = np.where(done, rng.uniform(0, 14, n), np.nan)
    frame["step_day_import"] = frame["step_day_import"] + np.where(rng.random(n) < 0.5, 80, 0)
    return pd.DataFrame(frame)


def test_study_setup_counts_by_hand():
    nan = np.nan
    histories = make_histories([
        *[(200, nan, 40, 3, nan, nan)] * 20,  # did the step, activated
        *[(200, 60, nan, 5, nan, nan)] * 10,  # did it, left before activating: not activated
        *[(200, nan, 50, nan, nan, nan)] * 10,  # without it, activated
        *[(200, nan, nan, 30, nan, nan)] * 20,  # did it after day 14: not done by then
        (200, 10, nan, 2, nan, nan),  # gone by day 14
        (200, nan, 9, 2, nan, nan),  # activated by day 14
        (80, nan, nan, 2, nan, nan),  # not followed to the end of the window
        (200, nan, 95, 14, nan, nan),  # activated too late; the step is on day 14 itself
    ])  # fmt: skip
    row, wanted = study_setup(histories, SETUP)["steps"].iloc[0], risk_difference(20, 31, 10, 30)
    assert row[["step", "n_done", "share_done"]].tolist() == ["invite", 31, pytest.approx(31 / 61)]
    found = row[["difference", "ci_low", "ci_high", "p_value"]].tolist()
    assert found == pytest.approx([wanted.estimate, wanted.ci_low, wanted.ci_high, wanted.p_value])
    assert row["before"] == 1.0 and row["median_day"] == 5  # of 53 days: 3 x 20, 2 x 2, 5 x 10, 14, 30 x 20


def test_study_setup_takes_out_plan_and_size_and_tells_order_and_niche():
    raw = draw_setup()
    table = study_setup(raw, SETUP)["steps"].set_index("step")
    early, active = raw["step_day_import"] <= 14, raw["day_activated"].notna()
    assert active[early].mean() - active[~early].mean() > 0.08  # what a reader would see
    assert table["verdict"].tolist()[:2] == ["clear association", "no clear association"]
    assert (
        table.loc["import", "ci_low"] < 0 < table.loc["import", "ci_high"] and table.loc["invite", "difference"] > 0.1
    )
    assert table["flag"].to_dict() == {"invite": "", "import": "order unclear", "article": "niche"}
    assert table["p_value_adjusted"].tolist() == holm(table["p_value"]).tolist()


def test_study_setup_uses_its_day_and_the_level():
    histories = draw_setup()
    base = study_setup(histories, SETUP)["steps"]
    early = study_setup(histories, SETUP, setup_days=7)["steps"]
    assert early["n_done"].iloc[0] < base["n_done"].iloc[0]
    narrow = study_setup(histories, SETUP.model_copy(update={"confidence_level": 0.5}))["steps"]
    assert narrow["ci_low"].iloc[0] > base["ci_low"].iloc[0]


def test_study_setup_says_why_a_step_is_not_estimable():
    table = study_setup(draw_setup().head(300), SETUP)["steps"].set_index("step")
    row = table.loc["article"]
    assert row["verdict"] == "not estimable" and np.isnan(row["p_value_adjusted"])
    assert row["reason"] == "fewer than 14 accounts with the milestone, or without it"
    nobody = study_setup(draw_setup(50).assign(followed_days=10.0), SETUP)["steps"].set_index("step")
    assert nobody["verdict"].eq("not estimable").all() and nobody["n_done"].eq(0).all()
    assert set(nobody["reason"]) == {"nobody is followed to the end of the window who was not activated by then"}
    assert list(nobody.columns) == list(table.columns)


@pytest.mark.parametrize(
    "changes",
    [{"steps": [], "steps_at_least": None}, {"activation": None}, {"activation": SETUP_RULE | {"at_least": None}},
     {"activation": SETUP_RULE | {"window_days": 14}}],
)  # fmt: skip
def test_study_setup_is_empty_where_the_plan_lacks_a_part(changes):
    assert study_setup(draw_setup(50), sample_plan(**changes)) == {}


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
    "milestone_survival", "activation_counts", "activation_curves", "cuts", "threshold", "states", "steps",
    "categories", "mature_counts", "maturity_lines", "ranking", "model_quality", "next_steps", "review", "drift",
    "review_words", "model", "tipping",
}  # fmt: skip

FEW = {"study": "customer_milestones", "refits": 4, "folds": 3, "n_resamples": 99, "seed": 1}

STATEMENTS = pd.DataFrame([("duckdb", "activated", "select 1")], columns=["dialect", "milestone", "statement"])


def decide(**changes):
    """Return a plan as it is read from a file."""
    return Plan(FrameworkPlan(**(PLAN | changes)), RECORD)


@pytest.fixture(scope="module", autouse=True)
def no_statements():
    """Leave the SQL out, which takes longest and has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(metrics.milestones, "write_definitions", lambda design: STATEMENTS)
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
    choices = Choices(**FEW, tell=lambda *done: told.append(done))
    found = run_framework(decided, source, accounts, frames, trust, choices)
    return *found, trust, told


@pytest.fixture
def no_ranking(monkeypatch):
    """Leave the ranking out, where it is no part of the question."""
    monkeypatch.setattr("helpers.milestones.study.study_ranking", lambda *given, **more: {})


@pytest.mark.usefixtures("no_ranking")
def test_run_framework_withholds_where_who_left_is_written_down_otherwise(loaded):
    decided, *read = loaded
    told = [Check("leavers_fit", "fail", 1.0, 0.0, "Half is lost."), Check("events_fit", "warn", 1.0, 0.0, "A hole.")]
    results, private = run_framework(decided, *read, told, Choices(**FEW))
    assert (results.status, results.answer) == ("withheld", ("Half is lost.",))
    assert results.estimates == results.tests == ()
    assert set(results.tables) == {"freshness", "controls"} and private.empty
    released = replace(decided, design=decided.design.model_copy(update={"acknowledge": {"leavers_fit": "It is."}}))
    results, _ = run_framework(released, *read, told, Choices(**FEW))
    assert results.status == "answered" and results.estimates
    said = "Half is lost. The plan releases the answer all the same, for this reason: It is."
    assert said in explain(results, released.design).answer


def test_run_framework_answers_every_question_of_the_plan(loaded, study):
    results, _, trust, told = study
    assert set(results.tables) == ALWAYS  # no usage in the plan, so nothing on size; the rule of who is alive is one
    assert not [name for name, table in results.tables.items() if table.empty]
    assert (results.study, results.status, results.title) == ("customer_milestones", "answered", "Who stays?")
    assert results.as_of == "2023-08-31" and results.checks == tuple(trust)
    assert results.plan == {"file": "own.yaml", "sha256": "ab", "departures": []}
    assert results.data.messages == (*loaded[1].info.messages, *loaded[2].messages)
    assert results.tables["definitions"] is STATEMENTS
    flow = results.tables["landmark_flow"].itertuples(index=False, name=None)
    assert list(flow) == metrics.accounts.explain_accounts(loaded[2])
    assert results.tables["controls"].to_numpy().tolist() == [["plan", "plan_tier"], ["size", "seats"]]
    assert [done for done, _ in told] == [1, 2, 3, 4] and {total for _, total in told} == {4}


def test_run_framework_has_a_view_of_every_column(study):
    for name, table in study[0].tables.items():
        columns = read_views("customer_milestones")[name].columns
        described = {*columns, *SIDES} | {end for spec in columns.values() for end in spec.ends or ()}
        assert [column for column in table if column not in described] == [], name


@pytest.mark.usefixtures("no_ranking")
@pytest.mark.parametrize(("column", "nothing", "left"), [
    ("size", np.nan, ["plan", "plan_tier"]), ("tier", "unknown", ["size", "seats"]),
])  # fmt: skip
def test_run_framework_names_no_control_that_is_known_of_nobody(loaded, column, nothing, left):
    landmarks = {day: frame.assign(**{column: nothing}) for day, frame in loaded[3].landmarks.items()}
    results, _ = run_framework(*loaded[:3], replace(loaded[3], landmarks=landmarks), (), Choices(**FEW))
    assert results.tables["controls"].to_numpy().tolist() == [left]


def test_run_framework_advises_each_account_privately(loaded, study):
    results, next_steps, *_ = study
    customers = loaded[3].histories.query("lost_day.isna()")
    assert sorted(next_steps["unit"]) == sorted(customers["unit"])  # of today, not of the landmark
    assert list(next_steps) == ["unit", "next_step", "association"]
    texts = [table.select_dtypes(exclude="number").to_string() for table in results.tables.values()]
    assert not [text for text in texts if next_steps["unit"].iloc[0] in text]


@pytest.mark.usefixtures("no_ranking")
def test_run_framework_reviews_an_earlier_model(loaded, study):
    model, own = study[0].tables["model"], study[0].tables["review"]
    higher = model.assign(value=model["value"] + 1.0 * (model["kind"] == "intercept"))
    review = run_framework(*loaded, (), Choices(**FEW, against=higher))[0].tables["review"]
    assert (review["expected"] > review["observed"]).all()  # a model that promises more
    assert review["observed"].equals(own["observed"]) and not review["expected"].equals(own["expected"])
    other = model.assign(value=model["value"].where(model["name"] != "landmark_days", 60.0))
    assert tell_refusal(run_framework, *loaded, (), Choices(**FEW, against=other)) == (
        "review_against is a run with landmark_days 60, this plan has 90; make them equal"
    )


def test_run_framework_refuses_where_nobody_is_at_the_landmark(loaded):
    nobody = replace(loaded[3], landmarks={90.0: loaded[3].main.iloc[:0]})
    assert tell_refusal(run_framework, *loaded[:3], nobody, (), Choices(**FEW)) == (
        "accounts: none is there on day 90 and followed for 180 days more; give earlier accounts, a later as_of, a "
        "shorter horizon or an earlier landmark"
    )


def test_run_framework_compares_rules_of_who_is_alive(loaded):
    source = loaded[1]
    rule = {"event": ["conversation", "conversation_resolved"], "within_days": 30}
    back = {"retained": {"event": "conversation", "within_days": 60}}
    decided = decide(alive=rule, outcomes=back, features=[], categories={}, steps=[])
    accounts = metrics.fold_accounts(source, decided.design)
    frames = metrics.read_frames(accounts)
    results, _ = run_framework(decided, source, accounts, frames, (), Choices(**FEW, alive_days=[30, 5]))
    alive, naive = results.tables["alive"], results.tables["readings"].set_index("reading").loc["naive"]
    first, second = (alive.iloc[[row]].drop(columns="alive_days").reset_index(drop=True) for row in (0, 1))
    pd.testing.assert_frame_equal(first, results.tables["threshold"])
    shorter = decide(**PLAN | {"alive": rule | {"within_days": 5}, "outcomes": back}).design
    main = metrics.read_frames(metrics.fold_accounts(source, shorter)).main
    drawn = {name: FEW[name] for name in ("seed", "n_resamples", "folds")}
    pd.testing.assert_frame_equal(second, study_threshold(main, shorter, **drawn)[1]["threshold"], check_dtype=False)
    assert alive[["alive_days", "n"]].to_numpy().tolist() == [[30, len(frames.main)], [5, len(main)]]
    assert len(frames.main) >= len(main) and naive["n_reached"] + naive["n_not"] == 600  # all who started, alive or not


@pytest.mark.parametrize(("leavers", "curve"), [("all", {"overall"}), ("some", set())])
def test_run_framework_of_a_snapshot_has_features_and_no_milestone(leavers, curve):
    rng = np.random.default_rng(1)
    gone, chat = rng.integers(0, 2, 400), rng.integers(0, 2, 400)
    columns = {"unit": [f"u{n:03d}" for n in range(400)], "gone": gone, "months": 1 + rng.integers(0, 40, 400)}
    plan = {name: PLAN[name] for name in ("kind", "title", "question", "unit_id")}
    plan |= {"features": [{"name": "talks", "column": "chat"}]}
    plan |= {"outcomes": {"retained": {"column": "gone", "time": "months", "leavers": leavers}}}
    decided = Plan(FrameworkPlan(**plan), RECORD)
    source = make_account_source({name: np.asarray(v, float) if name != "unit" else v for name, v in columns.items()}
                                 | {"chat": chat.astype(float)})  # fmt: skip
    accounts = metrics.fold_accounts(source, decided.design)
    frames = metrics.read_frames(accounts)
    assert list(frames.landmarks) == [0.0] and frames.histories is None and frames.months is None
    results, next_steps = run_framework(decided, source, accounts, frames, (), Choices(**FEW))
    assert set(results.tables) == {"freshness", "controls", "ranking", "model_quality"} | curve
    assert (results.estimates, results.tests, results.as_of, next_steps.empty) == ((), (), None, True)
    assert results.tables["controls"].empty and set(results.tables["ranking"]["time_order"]) == {"unknown"}
