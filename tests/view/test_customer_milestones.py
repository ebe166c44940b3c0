"""The words of a milestones study: whole sentences for each way that an answer can turn, and every title."""

import math
from dataclasses import replace

import milestones_samples as made
import pandas as pd
import pytest

from helpers.records import Check
from helpers.studies import definitions, explain_milestones, list_names, otherwise, readings
from helpers.view.effects import list_card, scorecard
from helpers.view.record import describe_plan
from helpers.view.show import show

NAN = math.nan
PLAN = made.sample_plan()
SAMPLE = made.sample_milestones()
RESULTS = SAMPLE.but(
    data=replace(SAMPLE.data, kind="yours"),
    estimates=tuple(sorted(SAMPLE.estimates, key=lambda e: e.treatment != "activated")),
)
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
MAIN = (
    "Of the 12,400 accounts still there on day 90, those with 20 activation events or more stay more often than others "
    "of equal plan and size: +8.1 points (between +6.5 and +9.7 points), which is an association."
)
SMOOTH = (
    "There is no threshold: a smooth curve over the number of activation events tells better who stays than any line "
    "does."
)
NAIVE = (
    "Counted among all who started, early leavers as not activated, the gap is +31.0 points: whoever leaves early had "
    "no time to reach 20 activation events."
)
FEATURES = (
    "Of 18 features, 9 mark a clear difference at equal plan and size: 8 go with staying and 1 with leaving (email "
    "digest)."
)
REVIEW = "The review of 2022-Q4 keeps setup; puts usage on watch; re-sets the line of activation; drops maturity."
NEXT = (
    "Next: use it to see who may leave, and test it before calling it a cause: help a random half of new accounts to "
    "reach 20 activation events"
)


def change(name, rows=slice(None), **columns):
    """Return the sample with some columns of some rows of a table replaced."""
    frame = RESULTS.tables[name].copy()
    for column, value in columns.items():
        frame.loc[frame.index[rows], column] = value
    return RESULTS.but(tables={**RESULTS.tables, name: frame})


def told_with(plan=PLAN, tables=None, **changes):
    """Return the sample in words, with some of its tables or fields in another state."""
    return explain_milestones(RESULTS.but(tables=RESULTS.tables | (tables or {}), **changes), plan)


def no_rows(name):
    """Return one of the sample's tables without a row, by its name."""
    return {name: RESULTS.tables[name].iloc[:0]}


def test_answer_of_a_clear_difference():
    told = explain_milestones(RESULTS, PLAN)
    assert told.answer[:5] == (MAIN, SMOOTH, NAIVE, FEATURES, REVIEW)
    assert told.answer[5].startswith(NEXT) and len(told.answer) == 6
    assert told.limits == (
        "What a milestone does: accounts that reach it differ in more than plan and size, and a table of accounts does "
        "not say whether plan and size are those of the start.",
        "Accounts that left before the landmark; and anything later than 180 days after it.",
        "Dormancy by itself: it is read in the same events as activation.",
    )
    assert explain_milestones(RESULTS, PLAN.model_copy(update={"registered": "after"})).limits[0] == (
        "What was decided beforehand: the plan was written afterwards, so its milestones may have been chosen by what "
        "they show."
    )


@pytest.mark.parametrize(("changes", "sentence", "following"), [
    ({"estimate": 0.003, "ci_low": -0.01, "ci_high": 0.016, "verdict": "no clear association"},
     "those with 20 activation events or more do not clearly stay more or less often than others of equal plan and "
     "size: +0.3 points (between -1.0 and +1.6 points), which is an association.",
     "do not steer by this milestone; look at the others, or at another line."),
    ({"estimate": -0.05, "ci_low": -0.06, "ci_high": -0.04},
     "those with 20 activation events or more stay less often than others of equal plan and size: -5.0 points (between "
     "-6.0 and -4.0 points), which is an association.",
     "do not steer by this milestone; look at the others, or at another line."),
    ({"estimate": NAN, "verdict": "not estimable", "reason": "hidden: a group is smaller than 10"},
     "What comes after a milestone cannot be said: hidden for privacy.",
     "collect what is missing, and run the report again."),
    ({"estimate": NAN, "verdict": "not estimable", "reason": "nobody was activated"},
     "What comes after a milestone cannot be said: nobody was activated.",
     "collect what is missing, and run the report again."),
])  # fmt: skip
def test_answer_that_is_not_a_clear_gain(changes, sentence, following):
    first, *others = RESULTS.estimates
    told = told_with(estimates=(first.but(**changes), *others))
    assert told.answer[0].endswith(sentence)
    assert told.answer[-1] == f"Next: {following}"


@pytest.mark.parametrize(("name", "status", "is_said"), [
    ("events_occur", "fail", True), ("events_fit", "warn", True), ("freshness", "warn", True),
    ("leavers_fit", "warn", True),
    ("freshness", "pass", False), ("events_before_start", "warn", False),  # stands in the checks alone
])  # fmt: skip
def test_answer_says_what_the_data_lack(name, status, is_said):
    told = told_with(checks=(Check(name, status, 1.0, 0.0, "Events are lacking."),))
    assert told.answer[:2] == (MAIN, "Events are lacking." if is_said else SMOOTH)


def test_limits_say_what_nobody_measured_and_could_explain_the_gap():
    row = {"milestone": "activated", "tipping": 0.284, "e_value": 1.452, "e_value_limit": 1.31}
    others = {"milestone": "set_up", "tipping": 0.9, "e_value": 9.0, "e_value_limit": 9.0}
    told = told_with(tables={"tipping": pd.DataFrame([others, row])}).limits[0]
    assert told.endswith(
        "of the start. A trait that nobody measured explains the gap if it moves staying by 28.4 points and is as many "
        "more common on one side."
    )
    unknown = pd.DataFrame([others, {**row, "tipping": NAN}])
    assert told_with(tables={"tipping": unknown}).limits[0].endswith("the start.")


def test_limits_doubt_a_single_control_as_one():
    told = told_with(tables={"controls": RESULTS.tables["controls"].iloc[:1]})
    assert " does not say whether plan is that of the start." in told.limits[0]


def test_answer_without_controls_names_no_equal_plan():
    told = told_with(tables=no_rows("controls"))
    assert "stay more often than the others: +8.1 points" in told.answer[0]
    assert told.limits[0] == "What a milestone does: accounts that reach it differ in much else, too."
    assert told.words["title readings"] == (
        "Among accounts still there on day 90 the gap is 8.1 points, not the 31.0 points of a naive count",
    )


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {"shape": "step", "confirmed": "confirmed"},
            "There is a line: a step at 6 to 14 activation events tells better who stays than a smooth curve, and goes "
            "with +9.6 points (between +8.0 and +11.2) among accounts that had no part in choosing it; 2022-Q4, the "
            "newest cohort, confirms it.",
        ),
        (
            {"shape": "step", "confirmed": "not confirmed", "newest_difference": 0.01, "newest_low": -0.02,
             "newest_high": 0.04},
            "There is a line: a step at 6 to 14 activation events tells better who stays than a smooth curve, and goes "
            "with +9.6 points (between +8.0 and +11.2) among accounts that had no part in choosing it; the newest "
            "cohort, 2022-Q4, does not confirm it: +1.0 points (between -2.0 and +4.0).",
        ),
        ({"shape": "none"}, "There is no line: the number of activation events does not clearly tell who stays."),
        (
            {"shape": "undecided"},
            "Whether there is a line in the number of activation events, or a smooth rise, these data cannot tell.",
        ),
    ],
)  # fmt: skip
def test_bullet_of_the_line(columns, sentence):
    assert explain_milestones(change("threshold", **columns), PLAN).answer[1] == sentence


def test_bullet_of_features_without_a_model_or_a_difference():
    told = explain_milestones(change("model_quality", predicts=False, reason="no ranking: AUC 0.52"), PLAN)
    assert told.answer[3] == "Features are not ranked: AUC 0.52."
    assert told.words["title ranking"] == ("Features are not ranked: the model tells too little of who stays",)
    told = explain_milestones(change("ranking", p_value_adjusted=0.9), PLAN)
    assert told.answer[3] == "Of 18 features, none marks clearly who stays, at equal plan and size."


def test_answer_of_a_shop_speaks_of_coming_back():
    tables = {name: RESULTS.tables[name] for name in ("readings", "controls", "threshold")}
    told = explain_milestones(RESULTS.but(tables=tables, estimates=RESULTS.estimates[:1]), SHOP)
    assert told.answer[0].startswith(
        "Of the 12,400 customers active in the 60 days before day 90, those with 3 purchases or more come back more "
        "often than others of equal plan and size: +8.1 points"
    )
    assert told.answer[2] == (
        "Counted among all who started, the gap is +31.0 points; but most of the others had stopped coming before day "
        "90."
    )
    assert told.tables["metrics"].to_dict("records")[0] == {
        "metric": "retained", "label": "came back within 180 days", "kind": "binary", "role": "primary",
        "better": "higher", "noun": "customer", "within_days": 180.0,
    }  # fmt: skip


def test_answer_without_a_milestone_tells_one_that_is_planned_from_none():
    unlined = made.sample_plan(activation={"event": "message"}, steps=[], steps_at_least=None, usage=None)
    unlined = unlined.model_copy(update={"categories": {}, "mature_at_least": None})
    for plan, told in (
        (unlined, "No number of activation events was found that marks who is activated, so nothing is compared; "
         "at_least in the plan names one."),
        (unlined.model_copy(update={"activation": None}), "The plan names no milestone, so nothing is compared."),
    ):  # fmt: skip
        assert explain_milestones(RESULTS.but(estimates=()), plan).answer[0] == told


def explain_snapshot(answers=(), **changes):
    frame = RESULTS.tables["ranking"].assign(time_order="unknown", **changes)
    tables = {"ranking": frame, **{k: RESULTS.tables[k] for k in ("model_quality", "overall", "controls")}}
    plan = SNAPSHOT.model_copy(update={"answers": list(answers)})
    return explain_milestones(RESULTS.but(tables=tables, estimates=()), plan)


def test_answer_of_a_snapshot_names_what_those_who_stayed_have_more_often():
    told = explain_snapshot()
    assert told.answer[:2] == (
        "At equal plan and size, accounts that have not left have these more often: workflow bots (+9.4 points still "
        "customers, between +5.3 and +13.5), shared inbox (+6.2 points, between +4.7 and +7.7) and assignment rules "
        "(+5.8 points, between +4.2 and +7.4); a snapshot has no time order, so this does not say what came first.",
        "Less often: email digest (-4.1 points, between -5.8 and -2.4).",
    )
    assert told.answer[-1].startswith("Next: record when each was taken up")
    assert "Of all accounts, 65 % (between 63 % and 68 %) are still customers after 72 months." in told.answer
    assert (
        "A trait that nobody measured explains even workflow bots away if it moves staying by 30.7 points and is as "
        "many more common on one side."
    ) in " ".join(told.limits)
    rows, _ = list_card(told)
    assert [row.name for row in rows] == [
        "Workflow bots", "Shared inbox", "Assignment rules", "Messenger home", "Email digest",
    ]  # fmt: skip
    assert rows[0].effect in told.answer[0] and rows[0].pieces and rows[0].verdict == "clear association"


def test_answer_of_a_snapshot_keeps_to_what_the_plan_asks():
    told = explain_snapshot(answers=["ranking", "saved_replies", "email_digest"])
    assert [row.name for row in list_card(told)[0]] == ["Saved replies", "Email digest"]


def test_answer_of_a_snapshot_in_which_nothing_differs():
    told = explain_snapshot(p_value_adjusted=0.9)
    assert told.answer[0] == (
        "Nothing differs clearly between accounts that have left and those that have not, at equal plan and size; and "
        "a snapshot has no time order."
    )
    assert list_card(told)[0] == []


def test_answer_of_a_snapshot_tells_what_is_hidden_from_what_does_not_differ():
    few = "too few have it or lack it, or left or stayed, and small groups are hidden"
    frame = RESULTS.tables["ranking"]
    hidden = {"difference": NAN, "p_value_adjusted": NAN, "reason": "hidden: fewer than 10 accounts"}
    told = explain_snapshot(**hidden)
    assert told.answer[0] == (
        f"Whether anything differs between accounts that have left and those that have not cannot be shown: {few}."
    )
    is_one = frame["feature"] == "email_digest"
    one = {name: frame.get(name, pd.Series(None, frame.index)).mask(is_one, value) for name, value in hidden.items()}
    told = explain_snapshot(**(one | {"p_value_adjusted": one["p_value_adjusted"].mask(~is_one, 0.9)}))
    assert told.answer[0] == (
        "Whether email digest differs between accounts that have left and those that have not cannot be shown: "
        f"{few}; nothing else differs clearly, at equal plan and size."
    )
    assert f"Whether email digest differs cannot be shown: {few}." in explain_snapshot(**one).answer


def test_answer_is_withheld_where_who_left_is_written_down_otherwise():
    told = explain_milestones(RESULTS.but(status="withheld", answer=("Half is lost.",), estimates=(), tables={}), PLAN)
    wrong = "what went wrong with accounts that left or their events"
    assert told.answer == ("Half is lost.", f"Next: find out {wrong}, mend it, and run the report again.")
    assert told.limits[0] == f"Any difference: {wrong} has to be understood first."


def test_answer_of_a_plan_without_activation_is_of_its_first_milestone():
    plan = made.sample_plan(activation=None)
    estimates = tuple(e for e in RESULTS.estimates if e.treatment != "activated")
    told = explain_milestones(RESULTS.but(tables={}, estimates=estimates), plan)
    assert told.answer[0] == (
        "Of the 12,400 accounts still there on day 90, those that are set up stay more often than the others: +3.2 "
        "points (between +1.7 and +4.7 points), which is an association."
    )


def test_titles():
    words = explain_milestones(RESULTS, PLAN).words
    found = {name.removeprefix("title "): lines[0] for name, lines in words.items() if name.startswith("title ")}
    assert found == {
        "readings": "Among accounts still there on day 90 the gap is 8.1 points at equal plan and size, not the 31.0 "
        "points of a naive count",
        "milestone_survival": "180 days after day 90, 85.3 % of activated accounts are still customers, and 74.0 % of "
        "the others",
        "landmark_effects retained covariates": "3 of 4 milestones go clearly with staying on day 90; activation most, "
        "+8.1 points",
        "activation_counts": "The share kept rises smoothly with the number of activation events, without a threshold",
        "ranking": "Shared inbox, assignment rules and saved replies tell most of who stays; email digest goes with "
        "leaving",
        "mature_counts": "72 % are kept with 0 mature categories, 82 % with 5; their number tells more than a line at "
        "3",
        "states": "12 months after the start 26 % are using, 26 % are gone and 14 % are activated",
        "overall": "65.4 % of accounts are still customers at a tenure of 72",
    }


@pytest.mark.parametrize(("days", "title"), [
    ((90,), "On day 90, activated accounts clearly stay more often: +8.1 points"),
    ((90, 60), "On every day it is read, activated accounts stay more often: between +7.5 and +8.1 points"),
])  # fmt: skip
def test_title_of_one_milestone_compares_days_only_where_there_are_several(days, title):
    frame, gaps = RESULTS.tables["landmark_effects"], {90: 0.081, 60: 0.075}
    frame = frame[(frame["milestone"] == "activated") & frame["landmark"].isin(days)]
    gaps = frame["landmark"].map(gaps)
    frame = frame.assign(difference=gaps, ci_low=gaps - 0.016, ci_high=gaps + 0.016)
    only = [e for e in RESULTS.estimates if e.role != "primary" or e.treatment == "activated"]
    told = told_with(estimates=only, tables={"landmark_effects": frame})
    assert told.words["title landmark_effects retained covariates"] == (title,)


def test_title_of_readings_says_when_no_gap_is_left():
    is_adjusted = RESULTS.tables["readings"]["reading"] == "adjusted"
    told = explain_milestones(change("readings", is_adjusted, difference=0.004, ci_low=-0.012, ci_high=0.02), PLAN)
    assert told.words["title readings"] == (
        "Among accounts still there on day 90 no clear gap is left of the 31.0 points of a naive count",
    )


def test_scorecard_shows_milestones_on_one_scale_and_subtracts():
    told = told_with(PLAN.model_copy(update={"answers": ["retained"]}))
    rows, effects = list_card(told)
    assert [row.name for row in rows] == ["Activated", "Set up", "Using", "Mature", "Activated", "Activated"]
    assert effects[0].metric == "retained" and len({row.unit for row in rows}) == 1
    assert {row.verdict for row in rows} <= {"clear association", "no clear association"}
    assert rows[0].effect == "+8.1 points" and rows[0].effect in told.answer[0]
    shares = vars(rows[0])["values"]
    assert round(float(shares[0].removesuffix(" %")) - float(shares[1].removesuffix(" %")), 1) == 8.1
    assert "Reached it minus others" in scorecard(told).html


def test_readings_leave_out_what_repeats_or_is_lacking():
    told = explain_milestones(RESULTS, PLAN)
    assert "The same, at equal plan and size" in readings(told).text
    assert "The same" not in readings(told.but(tables=told.tables | no_rows("controls"))).text
    assert 'class="note absent"' in readings(told.but(tables={})).html


def test_pictures_stand_with_their_lines_and_range():
    told = explain_milestones(RESULTS, PLAN)
    fits, line = told.words["fits activation_counts"], RESULTS.tables["threshold"].iloc[0]
    assert next(iter(fits)) == ("step" if line["loss_step"] <= line["loss_smooth"] else "smooth")
    assert told.words["shaded activation_counts"] == (line["cut_low"] - 0.5, line["cut_high"] + 0.5)
    assert fits["step"]["x"].is_monotonic_increasing and fits["step"]["y"].diff().ne(0).sum() <= 2
    for name in ("activation_counts", "mature_counts", "states", "milestone_survival"):
        assert "<figure" in show(told, name).html


def test_otherwise_has_a_column_a_choice_and_definitions_fold():
    told = explain_milestones(RESULTS, PLAN)
    assert "Day 90, raw" in otherwise(told).html and "Day 120" in otherwise(told).html
    assert definitions(told).html.startswith('<details class="long"><summary>DuckDB</summary>')
    assert '<details class="long"><summary>DuckDB</summary><pre' in definitions(told).html
    empty = told.but(tables={})
    assert "absent" in otherwise(empty).html and "absent" in definitions(empty).html


def test_design_is_told_from_the_plan():
    told = describe_plan(explain_milestones(RESULTS, PLAN)).text
    assert "Landmark: day 90 after the start; also day 60, 120" in told
    assert "Compared at equal: plan and size" in told and told.endswith("Departures from the plan: none")


def test_names_are_those_of_the_plan():
    names = list_names(PLAN).set_index("metric")["label"]
    assert names["retained"] == "still a customer 180 days later"
    assert names["shared_inbox"] == "shared inbox"
