"""The answer of a milestones study: whole sentences for made figures, and each way that they can turn."""

import math
from dataclasses import replace

import milestones_samples as made
import pandas as pd
import pytest

from helpers.wording.milestones import explain_milestones, name_alike, tell_ranking, tell_review, tell_threshold

NAN = math.nan
RESULTS = made.sample_milestones()
PLAN = made.sample_plan()
SNAPSHOT = made.sample_plan(
    started_at=None, steps=[], steps_at_least=None, activation=None, usage=None, categories={}, mature_at_least=None,
    outcomes={"retained": {"column": "churned", "time": "tenure_months"}},
    features=[{"name": "phone", "column": "phone"}],
)  # fmt: skip
SHOP = made.sample_plan(
    unit="customer", steps=[], steps_at_least=None, usage=None, categories={}, mature_at_least=None, features=[],
    activation={"event": "purchase", "at_least": 3}, alive={"event": "purchase", "within_days": 60},
    outcomes={"retained": {"event": "purchase"}},
)  # fmt: skip
NAIVE = (
    "The usual count: 93 % of activated accounts are still there on day 270, and 62 % of the others, a gap of 31 "
    "points. Part of this gap is made by the counting itself: whoever is gone early had no time to reach 20 "
    "activation events."
)
ASSOCIATION = (
    "It is an association: only an experiment tells whether moving customers past a milestone changes anything."
)
FAIR = (
    "Among the 12,400 accounts still there on day 90 it is 11 points, and at equal plan and size 8.1 points, between "
    f"6.5 and 9.7. {ASSOCIATION}"
)
SMOOTH = (
    "There is no threshold: a smooth curve over the number of activation events foretells who stays better than any "
    "step does."
)
STEP = (
    "There is a line: a step in the number of activation events foretells who stays better than a smooth curve does. "
    "Lines of 6 to 14 are not told apart; the best one goes with 10.8 points among the accounts that chose it, and "
    "with 9.6 points, between 8.0 and 11.2, among those that had no part in choosing it;"
)
RANKED = (
    "Of 18 features, 9 mark a clear difference, at equal plan and size: 8 go with staying and 1 goes with leaving; "
    "hardly anybody or nearly everybody uses 2 of these."
)
REVIEWED = (
    "The planned review, read on the newest cohort, says: drop mature; re-set activated; watch using; keep set up."
)


def change(name, rows=slice(None), **columns):
    """Return the sample with some columns of some rows of a table replaced."""
    frame = RESULTS.tables[name].copy()
    for column, value in columns.items():
        frame.loc[frame.index[rows], column] = value
    return RESULTS.but(tables={**RESULTS.tables, name: frame})


def leave_out(*names):
    """Return the sample without some tables."""
    return RESULTS.but(tables={name: frame for name, frame in RESULTS.tables.items() if name not in names})


def test_answer_tells_the_illusion_then_what_is_left_of_it():
    told = explain_milestones(RESULTS.but(data=replace(RESULTS.data, kind="yours")), PLAN)
    assert told.answer == (NAIVE, FAIR, SMOOTH, RANKED, REVIEWED)
    assert not [line for line in told.answer if "effect" in line or "significant" in line]


@pytest.mark.parametrize(("kind", "opening", "limit"), [
    ("simulated", "These data are simulated: the relations were planted, so finding them tests the method and "
     "is no evidence.", "Nothing about real customers: the numbers come from a model whose relations were chosen."),
    ("public", "Every purchase of a shop.",
     "Nothing about your product: these are public data of another business."),
])  # fmt: skip
def test_answer_says_first_what_the_data_are(kind, opening, limit):
    data = replace(RESULTS.data, kind=kind, note="Every purchase of a shop.")
    told = explain_milestones(RESULTS.but(data=data), PLAN)
    assert told.answer[:2] == (opening, NAIVE) and told.limits[0] == limit and len(told.limits) == 5


def test_limits_of_your_own_data():
    told = explain_milestones(RESULTS.but(data=replace(RESULTS.data, kind="yours")), PLAN)
    assert told.limits == (
        "What a milestone does: accounts that reach it differ in more than plan and size.",
        "Accounts that left before the landmark: they are counted, and not compared.",
        "Dormancy by itself: it is read in the same events as activation, so part of it holds by definition.",
        "Whether plan and size are those of the start: a table of accounts has no time for them.",
        "Anything later than 180 days after the landmark.",
    )


def test_answer_without_a_naive_figure_begins_at_the_landmark():
    for results in (change("readings", 0, difference=NAN), change("readings", 0, reading="other")):
        told = explain_milestones(results, PLAN)
        assert NAIVE not in told.answer and told.tables["keys"].empty
    assert explain_milestones(change("readings", 0, difference=NAN), PLAN).answer[1] == FAIR


def test_answer_says_why_the_gap_cannot_be_estimated():
    told = explain_milestones(change("readings", 2, difference=NAN, reason="few accounts were activated"), PLAN)
    assert told.answer[1:3] == (NAIVE, "At the landmark the gap cannot be estimated: few accounts were activated.")


def test_answer_without_controls_compares_as_they_are():
    assert name_alike(leave_out("controls")) == "not adjusted"
    size = RESULTS.tables["controls"].iloc[1:]
    assert name_alike(RESULTS.but(tables={**RESULTS.tables, "controls": size})) == "at equal size"
    assert explain_milestones(leave_out("controls"), PLAN).answer[2] == (
        f"Among the 12,400 accounts still there on day 90 the gap is 8.1 points, between 6.5 and 9.7. {ASSOCIATION}"
    )


def test_answer_of_a_snapshot_names_no_milestone():
    frame = RESULTS.tables["ranking"].assign(time_order="unknown")
    tables = {"ranking": frame, **{k: RESULTS.tables[k] for k in ("model_quality", "overall", "controls")}}
    told = explain_milestones(RESULTS.but(tables=tables, data=replace(RESULTS.data, kind="yours")), SNAPSHOT)
    assert told.answer == (
        "This table is a snapshot: it says who left and who did not, but not when anybody began to use anything. So no "
        "milestone can be read before what it should foretell, and the report shows no activation; its ranking of "
        "features says what goes together, and nothing of what came first.",
        "Of all accounts, 65 % (between 63 % and 68 %) are still customers at 72 tenure months.",
    )
    assert told.limits == (
        "What came first: a snapshot does not know.",
        "What a feature does: accounts that have it differ in more than plan and size.",
    )
    assert told.tables["keys"].empty


def test_answer_of_a_plan_without_activation_has_no_gap():
    tables = {"review_words": RESULTS.tables["review_words"].iloc[[0]]}
    plan = made.sample_plan(activation=None)
    told = explain_milestones(RESULTS.but(tables=tables, data=replace(RESULTS.data, kind="yours")), plan)
    assert told.answer == ("The planned review, read on the newest cohort, says: keep set up.",)


def test_outcomes_are_named_for_a_shop_where_customers_come_back():
    tables = {"readings": RESULTS.tables["readings"]}
    told = explain_milestones(RESULTS.but(tables=tables, data=replace(RESULTS.data, kind="yours")), SHOP)
    assert told.tables["metrics"].to_dict("records")[0] == {
        "metric": "retained", "label": "came back within 180 days", "kind": "binary", "role": "primary",
        "better": "higher", "noun": "customer", "within_days": 180.0,
    }  # fmt: skip
    assert "customers" in told.answer[0] and "accounts" not in "".join(told.answer)


def test_outcomes_and_parts_are_named_for_accounts():
    named = explain_milestones(leave_out("metrics"), PLAN).tables["metrics"].set_index("metric")
    assert named["label"][["retained", "expanded", "dormant"]].tolist() == [
        "still a customer 180 days later", "expanded within 180 days", "dormant or gone 180 days later",
    ]  # fmt: skip
    assert named.loc[["retained", "dormant"], "better"].tolist() == ["higher", "lower"]
    assert named.loc[["add_sla", "shared_inbox", "help_centre"], "label"].tolist() == [
        "Add SLAs", "shared inbox", "help centre",
    ]  # fmt: skip


def test_key_is_the_usual_count_and_says_what_is_wrong_with_it():
    keys = explain_milestones(RESULTS, PLAN).tables["keys"]
    assert keys.to_dict("records")[0] == {
        "name": "The usual count: kept, activated",
        "figure": "+31 points",
        "note": "93.0 % in activated, 62.0 % in all others, early leavers among them. Beside it: still there on day "
        "90, at equal plan and size",
    }


@pytest.mark.parametrize(("columns", "told"), [
    ({}, SMOOTH),
    ({"shape": "none"}, "No line was found: in these data the number of activation events does not clearly foretell "
     "who stays."),
    ({"shape": "step"}, f"{STEP} the newest cohort confirms it."),
    ({"shape": "step", "confirmed": "not confirmed"}, f"{STEP} the newest cohort does not confirm it."),
    ({"shape": "step", "confirmed": "too imprecise"}, f"{STEP} the newest cohort is too small to settle it."),
    ({"shape": "undecided", "difference": NAN},
     "Whether there is a line in the number of activation events, or a smooth rise, these data cannot tell."),
    ({"shape": ""}, ""),  # hidden, or nothing was looked for
    ({"naive_difference": NAN}, ""),
])  # fmt: skip
def test_tell_threshold(columns, told):
    assert tell_threshold(change("threshold", **columns), PLAN) == told


def test_tell_threshold_of_one_line_and_of_none():
    alone = tell_threshold(change("threshold", shape="step", lines="9"), PLAN)
    assert "a smooth curve does. It lies at 9; the best one" in alone
    open_yet = tell_threshold(change("threshold", shape="undecided", lines="9"), PLAN)
    assert "cannot tell. Lines of 9 are not told apart; the best one" in open_yet
    assert tell_threshold(change("threshold", shape="step", newest_cohort=""), PLAN) == f"{STEP[:-1]}."
    assert tell_threshold(leave_out("threshold"), PLAN) == ""
    assert tell_threshold(RESULTS.but(status="withheld"), PLAN) == ""


def test_tell_ranking_of_a_model_that_does_not_predict():
    reason = "no ranking: the model cannot predict who stays"
    assert tell_ranking(change("model_quality", predicts=False, reason=reason), PLAN) == (
        "Features are not ranked: the model cannot predict who stays."
    )


def test_tell_ranking_counts_by_the_plans_level():
    assert tell_ranking(RESULTS, PLAN) == RANKED
    strict = tell_ranking(RESULTS, made.sample_plan(confidence_level=0.99))
    assert strict.startswith("Of 18 features, 8 mark")  # one has an adjusted p of .016
    none = change("ranking", p_value_adjusted=1.0, time_order="unknown")
    assert tell_ranking(none, PLAN) == (
        "Of 18 features, none marks clearly who stays, at equal plan and size. What came first is not known."
    )
    assert tell_ranking(leave_out("ranking"), PLAN) == tell_ranking(change("model_quality", auc=NAN), PLAN) == ""


def test_tell_review_is_empty_without_a_review():
    assert tell_review(RESULTS) == REVIEWED
    empty = RESULTS.but(tables={"review_words": pd.DataFrame(columns=["milestone", "word", "why"])})
    assert tell_review(leave_out("review_words")) == tell_review(empty) == ""


@pytest.mark.parametrize(("fair", "naive", "told"), [
    ((0.08, 0.06, 0.10), 0.31, "8.0 points, between 6.0 and 10.0."),
    ((0.02, -0.01, 0.05), 0.31, "2.0 points, between -1.0 and 5.0, so no clear gap is left."),
    ((0.12, 0.09, 0.15), 0.05, "12.0 points, between 9.0 and 15.0."),
    ((-0.05, -0.08, -0.02), 0.10, "-5.0 points, between -8.0 and -2.0."),
])  # fmt: skip
def test_answer_says_what_is_left_of_the_usual_gap(fair, naive, told):
    changed = change("readings", 2, **dict(zip(("difference", "ci_low", "ci_high"), fair, strict=True)))
    frame = changed.tables["readings"]
    frame.loc[frame.index[0], "difference"] = naive
    assert f"at equal plan and size {told} It is an" in explain_milestones(changed, PLAN).answer[2]


@pytest.mark.parametrize(("naive", "everybody"), [
    (0.118, 15_700),  # hardly wider than the 11.3 points at the landmark
    (0.310, 8_100),  # nobody was lost before the landmark
])  # fmt: skip
def test_answer_names_the_construction_only_where_it_makes_a_gap(naive, everybody):
    told = explain_milestones(change("readings", 0, difference=naive, n_reached=4300, n_not=everybody), PLAN)
    assert "made by the counting itself" not in told.answer[1]
    assert "early leavers" not in told.tables["keys"]["note"].iloc[0]


def test_answer_of_a_shop_says_who_comes_back():
    told = explain_milestones(RESULTS.but(data=replace(RESULTS.data, kind="yours")), SHOP).answer
    assert "come back between day 90 and 270" in told[0] and "active in the 60 days before day 90" in told[1]
