"""Whole results: nothing small is seen, what one table hides stands in no other, an undeclared table is refused."""

import math
from dataclasses import replace

import conversations_samples as conversations
import milestones_samples as made
import numpy as np
import pandas as pd
import pytest
import yaml
from sources_samples import tell_refusal

from helpers import inference, metrics, plan, sources
from helpers.disclosure import find_leaks, protect, statements
from helpers.plan import ExperimentPlan
from helpers.plan.views import find_view
from helpers.records import Check, DataInfo, Estimate, Results, Test

INFO = DataInfo("yours", "", "f", None, 500, 500)
PLANNED = {"kind": "experiment", "title": "Links", "question": "Do links help?", "unit_id": "id"}
PLANNED |= {"variant": {"column": "arm", "control": "links", "treatments": ["no_links"]}}
DESIGN = ExperimentPlan(**PLANNED, metrics={"active": {"kind": "binary"}, "spend": {"kind": "amount"}})
REPLIES = conversations.design_replies(min_cell=10)
PLAN = made.sample_plan()
REASON = "hidden: fewer than 10 accounts, kept or lost here, or in a group that this one would reveal"
SIDES = {"n_with": 200, "kept_with": 100, "n_without": 200, "kept_without": 100}


def guard(study="experiment", design=DESIGN, **fields):
    """Return protected results."""
    return protect(Results(study, "t", "q", fields.pop("status", "answered"), INFO, {}, **fields), design)


def guard_milestones(**tables):
    """Return the protected tables of a framework."""
    return guard("customer_milestones", PLAN, tables=tables).tables


def cell(n_control, n_treatment, *, metric="active", shares=(0.5, 0.5), **labels):
    """Return an estimate of a part of the units."""
    return Estimate(
        "id", metric, "links", "no_links", "no_links - links", "difference", estimate=0.1, std_error=0.05, df=40.0,
        ci_low=0.0, ci_high=0.2, p_value=0.05, control_value=shares[0], treatment_value=shares[1],
        n_control=n_control, n_treatment=n_treatment, verdict="clear difference", **labels,
    )  # fmt: skip


def hidden_parts(*estimates, design=DESIGN):
    """Return the names of the hidden segments and weeks."""
    return [e.segment or e.at for e in guard(design=design, estimates=estimates).estimates if e.reason]


def test_protect_takes_a_plan_as_read_wherever_it_takes_its_design():
    fields = {"estimates": (cell(5, 200),), "tables": {"curves": pd.DataFrame(columns=["metric"])}}
    designed, read = (
        guard(design=design, **fields)
        for design in (DESIGN, plan.Plan(DESIGN, {"file": "p.yaml", "sha256": "0" * 64, "departures": []}))
    )
    assert [*read.tables] == [*designed.tables] == ["curves"]
    assert [e.reason for e in read.estimates] == [e.reason for e in designed.estimates]


def test_protect_refuses_a_table_that_nobody_declared():
    message = (
        "the table bayess has no view; did you mean bayes?; write one in notebooks/views/experiment.yaml: "
        "what a row is, its columns, and which counts guard its cells"
    )
    assert tell_refusal(guard, tables={"bayess": pd.DataFrame({"n": [3]})}) == message
    assert tell_refusal(find_leaks, "experiment", {"bayess": [{"n": 3}]}, 10) == message


def test_protect_leaves_no_effect_of_a_withheld_answer_anywhere():
    frame = pd.DataFrame({"metric": ["active"]})
    effects = ["curves", "path", "uptake", "bayes", "money", "assumptions", "break_even", "probability"]
    effects += ["tornado", "cash", "slower", "staffing", "roll_out", "arrivals"]
    tables = dict.fromkeys([*effects, "metrics"], frame)
    found = guard("live_support", REPLIES, status="withheld", tables=tables)
    assert list(found.tables) == ["metrics"]
    assert all(find_view("live_support", name).withheld for name in effects)


def test_protect_hides_small_segments_and_their_partner():
    estimates = [
        cell(240, 139),
        cell(100, 100, segment="country=IT"),
        cell(100, 9, segment="country=MT"),  # one arm is small
        cell(40, 30, segment="country=ES"),  # the partner
        cell(80, 80, segment="plan=free"),  # another column: another total
    ]
    found = guard(estimates=tuple(estimates)).estimates
    assert [e.segment for e in found if e.reason] == ["country=MT", "country=ES"] and found[0] == estimates[0]
    gone = found[2]
    reason = "hidden: fewer than 10 units, events or non-events here, or in a group that this one would reveal"
    assert gone.reason == reason
    figures = ("estimate", "std_error", "ci_low", "ci_high", "p_value", "control_value", "n_control", "n_treatment")
    assert all(math.isnan(getattr(gone, name)) for name in figures)
    assert (gone.df, gone.ci_set, gone.verdict) == (None, None, "not estimable")
    stricter = DESIGN.model_copy(update={"min_cell": 50})
    assert hidden_parts(cell(80, 80, at="week 1"), cell(49, 49, at="week 2"), design=stricter) == ["week 1", "week 2"]


@pytest.mark.parametrize(("event", "from_days", "hidden"), [
    ("paid", None, ["tier=a", "tier=b"]), ("asked", None, []), ("paid", 1, []),
])  # fmt: skip
def test_protect_looks_between_two_times_of_one_event(event, from_days, hidden):
    """40 of 200 pay in a week and 43 in two: 3 in the second, and all but 3 of those of the other level."""
    soon = {"kind": "binary", "event": event, "within_days": 7, "from_days": from_days}
    metrics = {"soon": soon, "paid": {"kind": "binary", "within_days": 14}}
    design = ExperimentPlan(**PLANNED, assigned_at="at", metrics=metrics)
    rows = [
        cell(200 * n, 200 * n, metric=metric, shares=(share, share), segment=segment)
        for metric, shares in (("soon", (0.2, 0.2, 0.2)), ("paid", (0.2575, 0.3, 0.215)))
        for segment, n, share in zip((None, "tier=a", "tier=b"), (2, 1, 1), shares, strict=True)
    ]
    found = guard(design=design, estimates=tuple(rows)).estimates
    assert [e.segment for e in found if e.reason] == hidden
    assert {e.metric for e in found if e.reason} == ({"paid"} if hidden else set())
    more = [
        e.but(control_value=0.3, treatment_value=0.3) if e.segment == "tier=b" and e.metric == "paid" else e
        for e in rows
    ]
    more = [e.but(control_value=0.3, treatment_value=0.3) if not e.segment and e.metric == "paid" else e for e in more]
    assert not [e for e in guard(design=design, estimates=tuple(more)).estimates if e.reason]


@pytest.mark.parametrize(("metric", "shares", "hidden"), [
    ("active", (0.05, 0.5), ["week 1", "week 2"]),  # 5 of 100 did it
    ("active", (0.5, 0.97), ["week 1", "week 2"]),  # 3 of 100 did not
    ("active", (0.0, 0.5), ["week 1", "week 2"]),  # none did: tells about each of them
    ("active", (0.5, 0.5), []),
    ("spend", (0.05, 0.5), []),  # money: only units count
])  # fmt: skip
def test_protect_looks_at_events_of_shares_only(metric, shares, hidden):
    weeks = [cell(100 + 50 * i, 100 + 50 * i, metric=metric, at=f"week {i + 1}") for i in range(3)]
    first = weeks[0].but(control_value=shares[0], treatment_value=shares[1])
    assert hidden_parts(first, *weeks[1:]) == hidden
    path = pd.DataFrame({"metric": ["active"], "treatment": "no_links", "day": [7], "n": [300]})
    found = guard(estimates=(first, *weeks[1:]), tables={"path": path})
    assert ("path" in found.tables) == (not hidden)  # it would give a hidden week away


def takers(n_others, n_takers, share=0.5, elsewhere=0):
    """Return takers against others, the effect in compliers, and all; arms of 250, some take it up in the other one."""
    naive = cell(n_others, n_takers, shares=(share, share), population="as_treated", role="exploratory")
    naive = naive.but(comparison="takers - others", estimand="naive")
    cace = naive.but(id="c", estimand="cace", population="compliers", n_control=250, n_treatment=250)
    cace = cace.but(estimate=0.1 / (n_takers / 250 - elsewhere / 250))
    return naive, naive.but(id="s", role="sensitivity"), cace, cell(250, 250)


@pytest.mark.parametrize(("estimates", "take_up", "hidden"), [
    (takers(200, 50), 0.0, [False] * 4),  # nobody in the control arm: one-sided by design
    (takers(200, 50, elsewhere=3), 0.012, [False, True, True, False]),  # three take it up in the control arm
    (takers(200, 50, elsewhere=30), 0.12, [False] * 4),
    (takers(200, 50, 0.1), 0.0, [True, False, False, True]),  # five takers with the event
    (takers(247, 3), 0.2, [True, True, True, True]),  # three takers
    (takers(3, 247), 0.2, [True, True, True, True]),  # three who did not
])  # fmt: skip
def test_protect_hides_few_takers_and_what_gives_them_away(estimates, take_up, hidden):
    row = {"metric": "active", "comparison": "no_links - links", "note": "n", "take_up_control": take_up}
    row |= {"take_up_treatment": estimates[0].n_treatment / 250, "first_stage_f": 5.0, "risk_ratio": 2.0}
    row |= {"e_value": 2.0, "e_value_limit": 1.0, "effective_size": 90.0, "share_outside": 0.1}
    carried = {"size_control": 250, "size_treatment": 250}
    found = guard(estimates=estimates, tables={"uptake": pd.DataFrame([row | carried])})
    naive, adjusted, cace, headline = (math.isnan(e.estimate) for e in found.estimates)
    told = found.tables["uptake"].iloc[0].isna()
    assert [naive, cace, bool(told["take_up_control"]), bool(told["e_value"])] == hidden
    assert adjusted == naive and not headline and told["first_stage_f"] == hidden[2]
    assert list(found.tables["uptake"]) == list(row)


@pytest.mark.parametrize(("quantile", "n", "is_hidden"), [
    (0.5, 20, False),  # ten on either side of the median
    (0.5, 19, True),
    (0.9, 100, False),  # ten beyond the 90th percentile
    (0.9, 99, True),
    (0.1, 99, True),  # and below the 10th
    (None, 30, False),  # a mean of a whole variant is a headline
])  # fmt: skip
def test_protect_hides_a_quantile_with_few_units_beyond_it(quantile, n, is_hidden):
    spend = DESIGN.metrics["spend"].model_copy(update={"quantile": quantile})
    design = DESIGN.model_copy(update={"metrics": {"spend": spend}})
    rows = pd.DataFrame({"metric": ["spend", "other"], "comparison": "no_links - links"})
    found = guard(design=design, estimates=(cell(n, 400, metric="spend"),), tables={"bayes": rows})
    told = found.estimates[0]
    assert math.isnan(told.control_value) == is_hidden and (told.n_control, told.n_treatment) == (n, 400)
    assert [len(table) for table in found.tables.values()] == [2 - is_hidden]
    assert told.reason == ("hidden: fewer than 10 units of an arm lie beyond this quantile" if is_hidden else None)


def test_protect_shows_no_curve_of_a_failed_metric():
    curve = pd.DataFrame({"metric": ["paid", "left"], "arm": "links", "day": 1, "at_risk": 90, "share": 0.5})
    failed = Check("missing_paid", "fail", 1e-9, 0.001, "")
    assert guard(checks=(failed,), tables={"curves": curve}).tables["curves"]["metric"].tolist() == ["left"]
    assert guard(tables={"curves": curve[:0]}).tables["curves"].empty  # that there was none is no secret


def test_protect_of_a_whole_study_of_replies_shows_no_small_count():
    talks = conversations.draw_conversations(45)
    units = conversations.make_units(talks, min_cell=10)
    tables = inference.study_replies(talks, units, conversations.run_results(units))
    found = guard("live_support", units.design, tables=tables).tables
    assert not math.isnan(found["replies"]["difference"][0])
    plain = {name: table.to_dict("records") for name, table in found.items()}
    assert find_leaks("live_support", plain, 10) == {}


def effects(milestone="activated", share=0.5, landmark=90.0, n_not=500):
    """Return a milestone's differences in who is kept, raw and adjusted."""
    row = {"milestone": milestone, "outcome": "retained", "landmark": landmark, "n_reached": 100, "n_not": n_not}
    row |= {"share_reached": share, "share_not": 0.5, "difference": 0.1, "reason": None}
    return pd.DataFrame([row | {"adjustment": "none"}, row | {"adjustment": "covariates", "share_reached": 0.5}])


@pytest.mark.parametrize(("share", "hidden"), [(0.5, False), (0.09, True), (0.91, True), (0.0, True)])
def test_protect_hides_a_headline_wherever_it_stands(share, hidden):
    line = pd.DataFrame([{"n_newest": 100, "newest_difference": 0.1, "confirmed": "confirmed", **SIDES}])
    line = line.assign(**dict.fromkeys(["newest_low", "newest_high", "naive_difference", "difference", "ci_low"], 0.1))
    line = line.assign(**dict.fromkeys(["ci_high", "planned_difference", "planned_low", "planned_high"], 0.1))
    steps = pd.DataFrame({"step": ["activated", "using"], "accounts": 60, "association": 0.1, "share_now": 0.5})
    steps = steps.assign(ci_low=0.0, ci_high=0.2, units_needed=900.0, reason=None)
    words = pd.DataFrame({"milestone": ["activated", "using"], "word": "keep", "why": "The difference is clear."})
    hazards = pd.DataFrame({"reading": ["a"], "hazard_ratio": 0.5, "n": 900, "lost": 90, "reason": None})
    model = pd.DataFrame({"kind": "difference", "name": ["activated", "using"], "value": 0.1})
    tables = {"landmark_effects": effects(share=share), "threshold": line, "next_steps": steps, "hazards": hazards}
    found = guard_milestones(**tables, model=model, review_words=words)
    assert found["landmark_effects"]["difference"].isna().tolist() == [hidden] * 2
    assert found["landmark_effects"]["reason"].tolist() == [REASON if hidden else None] * 2
    assert found["threshold"][["naive_difference", "difference", "planned_high"]].isna().all(axis=None) == hidden
    assert found["threshold"].loc[0, "newest_difference"] == 0.1 and not set(SIDES) & set(found["threshold"])
    assert found["next_steps"]["association"].isna().tolist() == [hidden, False]
    assert found["next_steps"]["accounts"].tolist() == [60, 60] and found["hazards"]["hazard_ratio"].isna()[0] == hidden
    assert found["model"]["name"].tolist() == (["using"] if hidden else ["activated", "using"])
    assert found["review_words"].loc[0, "why"] == ("Too few customers to say." if hidden else words["why"][0])
    assert found["review_words"].loc[1, "word"] == "keep"


def test_protect_hides_landmarks_that_differ_by_few_accounts():
    both = pd.concat([effects(), effects(landmark=60.0, n_not=509)], ignore_index=True)
    found = guard_milestones(landmark_effects=both)["landmark_effects"]
    assert found["difference"].isna().tolist() == [False, False, True, True]


def test_protect_hides_the_naive_reading_that_gives_away_who_left_early():
    rows = {"reading": ["naive", "landmark", "adjusted"], "n_reached": 100, "n_not": [205, 200, 200]}
    frame = pd.DataFrame(rows).assign(share_reached=0.5, share_not=0.5, difference=0.0, reason=None)
    naive = made.sample_milestones().select(estimand="naive")[0]
    found = guard("customer_milestones", PLAN, estimates=(naive,), tables={"readings": frame})
    assert found.tables["readings"]["difference"].isna().tolist() == [True, False, False]
    assert found.estimates[0].reason == REASON  # and so its estimate
    few = frame.assign(n_not=[240, 200, 200], share_not=[0.5, 0.01, 0.5])
    assert guard_milestones(readings=few)["readings"]["difference"].isna().tolist() == [False, True, True]
    unknown = frame.assign(n_reached=0, n_not=0, reason="no loss")
    assert guard_milestones(readings=unknown)["readings"]["reason"].tolist() == ["no loss"] * 3


def test_protect_says_nothing_at_a_best_cut_with_few_lost_above_it():
    cuts = {"cut": [5, 6], "difference": 0.123456, "statistic": [1.9, 2.12345], "in_set": True, "chosen": 1}
    cuts |= {"n_with": [200, 120], "kept_with": [150, 112], "n_without": [200, 280], "kept_without": [150, 188]}
    cuts = pd.DataFrame(cuts)
    curves = pd.DataFrame({"count": [1.0], "share_smooth": [0.123456], "share_step": [0.123456]})
    found = guard_milestones(cuts=cuts, activation_curves=curves)
    assert "activation_curves" not in found and found["cuts"]["difference"].isna().tolist() == [False, True]
    enough = guard_milestones(cuts=cuts[:1], activation_curves=curves)
    assert enough["cuts"]["difference"].tolist() == [0.123]  # too short to be solved for counts
    assert enough["activation_curves"].iloc[0].tolist() == [1.0, 0.123456, 0.123]


def test_protect_hides_small_cohorts_with_their_drift_and_words():
    review = {"cohort": ["Q1", "Q2", "Q3"], "n": [100, 90, 5], "lost": [50, 45, 2], "auc": 0.6, "choice": "x"}
    review = pd.DataFrame(review)
    drift = pd.DataFrame({"cohort": ["Q1", "Q2", "Q3", "all"], "what": "cut", "found": 8.0})
    words = pd.DataFrame({"milestone": ["using"], "word": "keep", "why": ["The difference in Q3 is +3.0 points."]})
    found = guard_milestones(review=review, drift=drift, review_words=words)
    assert found["review"]["auc"].isna().tolist() == [False, True, True]
    assert found["drift"]["cohort"].tolist() == ["Q1", "all"]
    assert found["review_words"]["why"].tolist() == ["Too few customers to say."]


def test_protect_hides_what_few_did_or_lacked_or_were_lost_with():
    frame = pd.DataFrame({"feature": list("abcd"), "n_used": [9, 50, 95, 50], "prevalence": [0.09, 0.5, 0.95, 0.5]})
    frame = frame.assign(difference=0.1, supported="supported", reason=None, **SIDES)
    frame["kept_with"] = [100, 100, 100, 191]  # nine were lost
    found = guard_milestones(ranking=frame)["ranking"]
    assert found["difference"].isna().tolist() == [True, False, True, True]
    assert found["supported"].tolist() == ["", "supported", "", ""] and found["reason"][0] == REASON
    levels = {"category": [*PLAN.categories][:2], "none": 0.5, "basic": [0.3, 0.46], "mature": [0.2, 0.04], "n": 100}
    levels = pd.DataFrame(levels).assign(difference=0.1, success_metric="share", reason=None, **SIDES)
    assert guard_milestones(categories=levels)["categories"]["mature"].isna().tolist() == [False, True]


def test_protect_shows_that_nobody_is_there_where_it_is_no_secret():
    states = pd.DataFrame({"month": 0, "state": list("abcde"), "share": [0.6, 0.25, 0.12, 0.03, 0.0], "at_risk": 100})
    assert guard_milestones(states=states)["states"]["share"].isna().tolist() == [False, False, True, True, False]
    steps = pd.DataFrame({"step": list("abcd"), "accounts": [300, 0, 4, 60], "association": 0.1, "reason": None})
    assert guard_milestones(next_steps=steps)["next_steps"]["accounts"].isna().tolist() == [False, False, True, True]
    model = pd.DataFrame({"kind": ["coefficient", "n", "n"], "name": ["using", "accounts", "lost"]})
    assert len(guard_milestones(model=model.assign(value=[0.5, 100.0, 10.0]))["model"]) == 3
    assert guard_milestones(model=model.assign(value=[0.5, 100.0, 91.0])) == {}  # nine stayed: the model is theirs


def test_protect_shows_no_step_of_few_in_what_adds_up():
    topics = pd.DataFrame({"topic": list("abc"), "customers": [333, 330, 284], "rank_customers": [1, 2, 3]})
    topics = topics.assign(share=topics["customers"] / 500, tickets=[700, 600, 500], rank_tickets=[1, 2, 3])
    for reached, hidden in (
        ((333, 450, 500), []),
        ((333, 492, 500), [1]),
        ((333, 500, 500), []),
    ):  # eight ask of c alone
        found = guard("support_metrics", PLAN, tables={"topics": topics.assign(reached=np.array(reached) / 500)}).tables
        assert np.flatnonzero(found["topics"]["reached"].isna()).tolist() == hidden
    years = {
        "line": ["a, counted"] * 4 + ["a, projected"] * 2,
        "year": [0, 1, 2, 3, 0, 1],
        "at_risk": [90, 80, 50, 30, None, None],
    }
    curve = pd.DataFrame(years | {"share": [1, 0.75, 0.75 * 0.9, 0.75 * 0.9 * 0.8, 1, 0.76]})  # 20, 5 and 6 have left
    found = guard("support_metrics", PLAN, tables={"retention_curve": curve}).tables["retention_curve"]
    assert found["share"].isna().tolist() == [False, False, True, False, False, False]
    gone = [0.1, 0.24, 0.325, 0.365]  # of 200 that are followed so long, and of 100 in the last month
    rows = [(m, s, x, n) for m, (g, n) in enumerate(zip(gone, (200, 200, 200, 100), strict=True)) for s, x in
            (("started", 0.9 - g), ("using", 0.1), ("gone", g))]  # fmt: skip
    states = pd.DataFrame(rows, columns=["month", "state", "share", "at_risk"])
    found = guard_milestones(states=states)["states"]
    assert found.loc[(found["state"] == "gone") & found["share"].isna(), "month"].tolist() == [3]  # four more
    assert found.loc[found["month"] < 3, "share"].notna().all()


@pytest.mark.parametrize(("counts", "hidden"), [
    ((500, 490, 90, 400, 450, 100, 350), []),
    ((500, 480, 5, 475, 450, 100, 350), [1, 2, 3]),  # five had left
    ((500, 495, 95, 400, 450, 100, 350), [1, 2, 3]),  # five had started later
    ((500, 490, 90, 400, 490, 93, 397), [4, 5, 6]),  # three fewer are compared
    ((500, 490, 0, 490, 450, 100, 350), []),
])  # fmt: skip
def test_protect_hides_few_on_the_way_to_a_landmark(counts, hidden):
    parts = ("followed", "lost before it", "kept")
    steps = ["started", *(f"landmark day {day}: {part}" for day in (90, 120) for part in parts)]
    frame = pd.DataFrame({"step": steps, "accounts": counts, "note": ""})
    found = guard_milestones(landmark_flow=frame)["landmark_flow"]
    assert np.flatnonzero(found["accounts"].isna()).tolist() == hidden


def test_protect_drops_tests_of_hidden_accounts():
    row = made.sample_milestones().select(metric="retained", treatment="activated", population="landmark")[0]
    few = row.but(at=None, treatment_value=5 / row.n_treatment, adjustment="none")
    pair = few.comparison
    tests = tuple(Test(id_, "retained", "x", 3.0, 1.0, 0.1) for id_ in (f"log_rank:{pair}", "best_cut:x"))
    adjusted, later = row.but(adjustment="covariates"), few.but(at="day 30", n_control=90)  # no test is of a later one
    for estimates, kept, hidden in (((few, adjusted), 0, [True] * 2), ((row, later), 2, [False, True])):
        found = guard("customer_milestones", PLAN, estimates=estimates, tests=tests)
        assert len(found.tests) == kept and [e.reason == REASON for e in found.estimates] == hidden


LINE = {"milestone": "m", "reached": True}


@pytest.mark.parametrize(("table", "rows", "count"), [
    ("curves", [{"metric": "m", "arm": "a", "day": d, "at_risk": n, "share": 0.0} for d, n in ((1, 30), (2, 27))], 1),
    ("hazards", [{"reading": "a", "n": 400, "lost": 4}, {"reading": "b", "n": 0, "lost": 0}], 1),
    ("next_steps", [{"step": "a", "accounts": 0}, {"step": "b", "accounts": 9}], 1),
    ("next_steps", [{"step": "a", "accounts": None}, {"step": "b", "accounts": 90}], 0),
    ("milestone_survival", [LINE | {"day": d, "at_risk": 50 - n, "lost": n} for d, n in ((0, 0), (1, 9))], 2),
])  # fmt: skip
def test_find_leaks_by_hand(table, rows, count):
    study = "live_support" if table == "curves" else "customer_milestones"
    assert find_leaks(study, {table: rows}, 10) == ({table: count} if count else {})
    assert find_leaks(study, {table: rows}, 1) == {}


def load_own(folder):
    """Return the source and the design of what `run_own` has left."""
    design = plan.read(str(folder / "plan.yaml")).design
    return sources.load(design, str(folder / "customers.csv")), design


def run_own(folder, frame, **more):
    """Return the protected results of a table of one's own: an experiment on whether customers are active."""
    frame.to_csv(folder / "customers.csv", index=False)
    active = {"kind": "binary", "role": "primary", "better": "higher", "expected": "higher"}
    content = PLANNED | {"registered": "after", "metrics": {"active": active}} | more
    (folder / "plan.yaml").write_text(yaml.safe_dump(content))
    decided = plan.read(str(folder / "plan.yaml"))
    source, _ = load_own(folder)
    units = metrics.fold(source, decided.design)
    options = {"study": "experiment", "withheld": None, "n_resamples": 200, "seed": 1}
    found = inference.run_experiment(decided, source, units, (), **options)
    return protect(found, decided.design, units)


def draw_customers(places):
    """Return customers of two arms, every other one active; `places` gives (region, country, customers an arm)."""
    rows = [place[:2] for *place, n in places for _ in range(2 * n)]
    frame, number = pd.DataFrame(rows, columns=["region", "country"]), np.arange(len(rows))
    arms = np.array(["links", "no_links"])[number % 2]
    return frame.assign(id=[f"c{i}" for i in number], arm=arms, active=number // 2 % 2)


def draw_places(italy, malta, norway, latvia):
    """Return customers of four countries, two of the south and two of the north, so many an arm."""
    south, north = [("South", "Italy", italy), ("South", "Malta", malta)], [("North", "Norway", norway)]
    return draw_customers([*south, *north, ("North", "Latvia", latvia)])


def test_a_level_inside_another_segment_does_not_come_back_by_subtraction(tmp_path):
    frame = draw_places(100, 4, 60, 80)
    found = run_own(tmp_path, frame, segments=["country", "region"])
    shown = {e.segment for e in found.estimates if e.segment and not math.isnan(e.n_control)}
    assert not {"country=Italy", "region=South"} <= shown and "country=Norway" in shown
    names = [*(f"country={name}" for name in ("Italy", "Latvia", "Norway", "other")), "region=North", "region=South"]
    assert {e.segment for e in found.estimates if e.segment} == {*names}
    alone = run_own(tmp_path, frame, segments=["region"]).estimates
    assert all(not math.isnan(e.n_control) for e in alone)


def test_a_week_that_is_nearly_a_segment_does_not_come_back_by_subtraction(tmp_path):
    frame = draw_customers([("South", "Italy", 60), ("North", "Norway", 60)])
    days = pd.Timestamp("2024-03-10") + pd.to_timedelta(7 * (frame["region"] == "North"), "D")
    weekly = {"assigned_at": "at", "time_zone": "UTC", "as_of": "2024-05-01", "segments": ["region"]}
    for moved, told in ((0, 4), (3, 2), (24, 4)):  # so many an arm of the second week say that they are of the South
        here = frame["region"].mask(frame.index.isin(range(120, 120 + 2 * moved)), "South")
        late = frame.assign(at=days, region=here)
        found = [e for e in run_own(tmp_path, late, **weekly).estimates if e.segment or e.at]
        assert sum(not math.isnan(e.n_control) for e in found) == told, moved


def test_a_test_of_a_hidden_part_is_left_out(tmp_path):
    """Ten digits of Cochran's Q and all that is shown leave one way to divide Latvia and Malta."""
    frame = draw_places(90, 4, 60, 46)
    found = run_own(tmp_path, frame, segments=["country", "region"])
    assert {e.segment for e in found.estimates if e.segment and math.isnan(e.n_control)} >= {"country=other"}
    assert [test.name for test in found.tests] == ["interaction with region"]
    frame = frame[frame["country"] != "Malta"]
    names = [test.name for test in run_own(tmp_path, frame, segments=["country", "region"]).tests]
    assert names == ["interaction with country", "interaction with region"]


def test_levels_of_few_have_no_name_and_a_column_of_names_is_refused(tmp_path):
    frame = draw_customers([("South", "Italy", 100), ("South", "ann@example.org", 2), ("South", "Bo & Sons", 3)])
    found = run_own(tmp_path, frame, segments=["country"])
    assert {e.segment for e in found.estimates if e.segment} == {"country=Italy", "country=other"}
    message = (
        "plan, segments: the column mail tells who a unit is, not what it has in common: 210 of 210 units have a level "
        "of their own; leave it out, or group its levels"
    )
    frame = frame.assign(mail=frame["id"] + "@example.org")
    assert tell_refusal(run_own, tmp_path, frame, segments=["mail"]) == message


def test_an_arm_of_few_is_withheld(tmp_path):
    frame = draw_customers([("South", "Italy", 100)])
    few = frame[(frame["arm"] == "links") | (frame.index < 16)]
    found = run_own(tmp_path, few)
    assert all(math.isnan(e.estimate) and math.isnan(e.n_control) for e in found.estimates)
    assert math.isnan(found.data.units_by_variant["no_links"]) and math.isnan(found.data.units)
    checked = Check("srm", "fail", 1e-9, 0.001, "by customer: links 100 (planned 50 %), no_links 8 (planned 50 %)")
    told = protect(found.but(data=INFO, checks=(checked,)), DESIGN)
    assert told.checks == (checked,)
    few = DataInfo("yours", "", "f", None, 108, 108, {"links": 100, "no_links": 8})
    told = protect(found.but(data=few, checks=(checked,)), DESIGN).checks[0]
    assert told.message == "by customer: links 100 (planned 50 %), no_links fewer than 10 (planned 50 %)"
    assert math.isnan(told.value)


MONEY = {"paid": {"kind": "amount", "unit": "USD", "role": "primary", "better": "higher", "expected": "higher"}}


def test_money_of_few_or_of_one_is_not_told(tmp_path):
    frame = draw_customers([("South", "Italy", 100), ("North", "Norway", 60), ("East", "Latvia", 50)])
    even = np.where(np.arange(len(frame)) // 2 % 2 == 0, 20.0 + np.arange(len(frame)) % 7, 0.0)

    def list_hidden(paid):
        found = run_own(tmp_path, frame.assign(paid=paid), metrics=MONEY, segments=["country"])
        whole = [e for e in found.estimates if not e.segment]
        hidden = {e.segment for e in found.estimates if math.isnan(e.control_value)} - {None}
        return all(math.isnan(e.estimate) for e in whole), hidden, found.tables.get("bayes")

    assert list_hidden(even)[:2] == (False, set())
    of_one = even.copy()
    of_one[0] = 98765.0  # in Italy
    is_hidden, hidden, believed = list_hidden(of_one)
    assert is_hidden and "country=Italy" in hidden and (believed is None or believed.empty)
    few = np.where((frame["country"] == "Latvia") & (even > 0) & (np.arange(len(frame)) % 5 > 0), 0.0, even)
    is_hidden, hidden, _ = list_hidden(few)
    assert not is_hidden and "country=Latvia" in hidden and len(hidden) == 2  # and a partner, or the sum would tell it


def test_what_one_customer_mostly_pays_is_not_left_by_the_others(tmp_path):
    frame = draw_customers([("South", "Italy", 150), ("North", "Norway", 100), ("East", "Latvia", 50)])
    paid = np.where(np.arange(len(frame)) % 4 < 2, 20.0 + np.arange(len(frame)) % 7, 0.0)
    paid[520] = 900.0  # most of what Latvia pays, and little of all
    found = run_own(tmp_path, frame.assign(paid=paid), metrics=MONEY, segments=["country"]).estimates
    shown = {e.segment for e in found if not math.isnan(e.control_value)}
    assert None in shown and not {"country=Italy", "country=Norway"} <= shown and "country=Latvia" not in shown


def test_a_part_of_one_company_is_not_told(tmp_path):
    frame = draw_customers([("South", "Bank", 40), ("South", "Shop", 200), ("North", "Farm", 160)])
    place = np.arange(len(frame)) // 2
    company = np.where(frame["country"] == "Bank", 0, place % 20) + 100 * (frame["arm"] == "links")
    found = run_own(tmp_path, frame.assign(firm=company), cluster="firm", segments=["country"]).estimates
    assert [e.segment for e in found if e.segment and not math.isnan(e.n_control)] == ["country=Shop"]
    spread = np.where(frame["country"] == "Bank", place % 3, company)  # three companies an arm
    frame = frame.assign(firm=spread + 100 * (frame["arm"] == "links"))
    found = run_own(tmp_path, frame, cluster="firm", segments=["country"])
    assert sum(e.segment is not None and not math.isnan(e.n_control) for e in found.estimates) == 3


def test_a_quantile_with_few_who_pay_below_it_is_not_told(tmp_path):
    frame, top = draw_customers([("South", "Italy", 100)]), {"paid": MONEY["paid"] | {"quantile": 0.8}}
    place = np.arange(len(frame)) // 2  # 0 to 99 in either arm

    def tell(n):
        found = run_own(tmp_path, frame.assign(paid=np.where(place < n, 20.0 + place, 0.0)), metrics=top).estimates[0]
        return found.control_value, found.reason

    reason = "hidden: fewer than 10 units that have any lie below this quantile of an arm"
    assert math.isnan(tell(26)[0]) and tell(26)[1] == reason  # six pay less
    assert tell(40)[0] > 20 and tell(40)[1] is None
    assert tell(15)[0] == 0  # nobody's amount


def test_money_by_orders_of_few_is_not_told_either(tmp_path):
    frame = draw_customers([("South", "Italy", 120)])
    place = np.arange(len(frame)) // 2
    ratio = {"value": {"kind": "ratio", "numerator": "paid", "denominator": "orders", "better": "higher"}}
    ratio["value"] |= {"role": "primary", "expected": "higher"}
    usd, paid = {"unit": "USD"}, {"paid": {"kind": "amount", "unit": "USD", "better": "higher"}}
    for unit, beside, few, hidden in (
        (usd, {}, 9, True),
        (usd, {}, 10, False),
        ({}, {}, 9, True),
        ({}, paid, 10, False),
    ):
        rows = frame.assign(paid=np.where(place < few, 20.0 + place, 0.0), orders=1 + place % 3)
        found = run_own(tmp_path, rows, metrics={"value": ratio["value"] | unit, **beside})
        differences = found.select(metric="value", estimand="difference")
        assert {math.isnan(e.control_value) for e in differences} == {hidden}


def test_money_of_few_takers_is_not_told(tmp_path):
    frame = draw_customers([("South", "Italy", 120)])
    place, offered = np.arange(len(frame)) // 2, frame["arm"] == "no_links"
    frame = frame.assign(used=(offered & (place % 3 == 0)).astype(int))  # 40 of 120

    def list_hidden(paid):
        found = run_own(tmp_path, frame.assign(paid=paid), metrics=MONEY, exposure={"column": "used"}).estimates
        return {e.population: math.isnan(e.estimate) for e in found if e.estimand in ("naive", "cace", "difference")}

    paid = np.where(place % 2 == 0, 20.0 + place % 7, 0.0)
    assert list_hidden(paid) == {"itt": False, "as_treated": False, "compliers": False}
    few = np.where((frame["used"] == 1) & (place > 30), 0.0, paid)  # six takers pay
    assert list_hidden(few)["as_treated"] and not list_hidden(few)["itt"]
    of_one = np.where((frame["used"] == 1) & (place == 6), 800.0, paid)  # more than half of what takers pay, not of all
    assert list_hidden(of_one)["as_treated"] and not list_hidden(of_one)["itt"]


def test_a_sum_of_events_that_is_mostly_one_is_not_told():
    rows = {"metric": "spend", "event": ["order", "refund"], "events": 90, "units": 60, "total": [950.0, -98900.0]}
    sums = pd.DataFrame(rows).assign(above=[90, 0], below=[0, 90], zero=0, without=0, is_one=[False, True])
    found = guard(tables={"event_sums": sums}).tables["event_sums"]
    assert found["total"].isna().tolist() == [False, True] and found["units"].notna().all() and "is_one" not in found
    few = guard(tables={"event_sums": sums.assign(foreign=[2, 0])}).tables["event_sums"]
    assert "foreign" not in few  # two events in another currency


def test_tables_made_of_a_hidden_effect_go_with_it():
    video = {"treatment": "video", "comparison": "video - links"}  # the other treatment keeps what is its own
    estimates = (cell(240, 9, metric="spend"), cell(240, 240, metric="active"))
    estimates += (cell(240, 240, metric="spend").but(**video), cell(240, 9, metric="spend", at="week 1"))
    rows = pd.DataFrame({"metric": ["spend", "active", "spend"], "treatment": ["no_links", "no_links", "video"]})
    left = rows.assign(comparison=["no_links - links"] * 2 + ["video - links"], factor=0.5, estimate=1.0)
    kinds = pd.DataFrame({"metric": ["spend", "active"], "kind": ["amount", "binary"]})
    tables = {"slower": left, "metrics": kinds, "path": rows[rows["metric"] == "spend"].assign(day=7, n=480)}
    tables |= {"event_sums": pd.DataFrame({"metric": ["spend"], "event": "order", "total": 9000.0})}
    tables["event_sums"] = tables["event_sums"].assign(units=90, above=90, below=0, zero=0, without=0, is_one=False)
    found = guard("live_support", estimates=estimates, tables=tables).tables
    assert found["slower"]["metric"].tolist() == ["active", "spend"] and len(found["metrics"]) == 2
    assert found["path"]["treatment"].tolist() == ["video"]
    assert "event_sums" not in found or found["event_sums"]["total"].isna().all()  # of all arms together


def test_names_of_small_levels_are_one_nameless_other():
    topics = pd.DataFrame({"topic": ["billing", "ann@example.org", "setup"], "customers": [90, 4, 50]})
    topics = topics.assign(share=topics["customers"] / 100, reached=[0.9, 0.9, 1.0])
    found = guard("support_metrics", PLAN, tables={"topics": topics}).tables["topics"]
    assert found["topic"].tolist() == ["billing", "other", "setup"]  # the partner's name tells nothing of few
    assert found["customers"].isna().tolist() == [False, True, True]


def test_segments_that_tell_of_a_few_only_together_do_not_stand_together(tmp_path, monkeypatch):
    # South without Italy and without Valletta: 4 customers an arm, of whom no two of the three columns tell
    places = [("South", "Italy", None, 60), ("South", None, "Valletta", 40), ("South", None, None, 4)]
    places += [("North", None, None, 50), ("North", "Norway", "Oslo", 60), ("North", "Norway", None, 30)]
    frame = draw_customers(places)
    cities = [city for *_, city, n in places for _ in range(2 * n)]
    days = pd.Timestamp("2024-03-10") + pd.to_timedelta(np.arange(len(frame)) // 2 % 14, "D")
    told, weekly = {}, {"assigned_at": "at", "time_zone": "UTC", "as_of": "2024-05-01"}
    for most, more in ((statements.MOST_CELLS, {}), (0, {}), (12, weekly)):  # 12 with the arms, and 24 with weeks
        monkeypatch.setattr(statements, "MOST_CELLS", most)
        found = run_own(tmp_path, frame.assign(city=cities, at=days), segments=["region", "country", "city"], **more)
        told[most] = {e.segment for e in found.estimates if e.segment and not math.isnan(e.n_control)}
    leak = {"region=South", "country=Italy", "city=Valletta"}
    assert leak <= told[0] and not leak <= told[1000] and "country=Norway" in told[1000]
    assert told[12] == told[1000] and all(not math.isnan(e.n_control) for e in found.estimates if e.at)


def test_a_curve_that_is_protected_is_shared():
    """Over random curves with people who leave: what the audit of a run lets stand, that of sharing lets stand too."""
    for seed in range(40):
        rng, rows = np.random.default_rng(seed), []
        for arm in ("links", "no_links"):
            n, share = int(rng.integers(60, 900)), 0.0
            for day in range(12):
                events = min(int(rng.integers(0, 25)), n)
                share += (1 - share) * events / n
                rows.append({"metric": "active", "arm": arm, "day": day, "at_risk": n, "share": share})
                n = max(n - events - int(rng.integers(0, 12)), 1)
        found = guard(tables={"curves": pd.DataFrame(rows)}).tables
        told = found["curves"].to_dict("records") if "curves" in found else []
        assert find_leaks("experiment", {"curves": told}, 10) == {}, seed


def test_what_is_hidden_leaks_nothing_when_it_is_shared(tmp_path):
    frame, number = draw_places(100, 30, 60, 8), np.arange(396)
    paid = np.where((frame["country"] == "Malta") & (number % 8 > 1), 0.0, 20.0 + number % 7)
    found = run_own(tmp_path, frame.assign(paid=paid), metrics=MONEY, segments=["country", "region"])
    nothing = dict.fromkeys(("events", "units", "total", "above", "below", "zero", "without"))
    sums = [{"metric": "paid", "event": event} | nothing for event in "ab"]
    tables = {"estimates": [vars(e) for e in found.estimates], "event_sums": sums}
    units = metrics.fold(*load_own(tmp_path))
    known_of = metrics.moments.list_overlap(units), metrics.payments.count_payers(units)
    assert (
        any(math.isnan(e.n_control) for e in found.estimates) and find_leaks("experiment", tables, 10, *known_of) == {}
    )


def tell_arms(found, metric, **wanted):
    """Return whether the figures of a metric's headline rows are told, by estimand and adjustment."""
    rows = [e for e in found.select(metric=metric, segment=None, at=None, **wanted)]
    return {(e.estimand, e.adjustment): not math.isnan(e.n_control) for e in rows}


@pytest.mark.parametrize("n", [7, 93, 0])  # who is in an arm was drawn, so that nobody is known by it
def test_few_events_of_an_arm_drawn_by_lot_are_told(tmp_path, n):
    frame = draw_customers([("South", "Italy", 60), ("North", "Norway", 40)])
    few = (np.arange(len(frame)) // 2 * 37 % 100 < n).astype(int)
    found = run_own(tmp_path, frame.assign(active=np.where(frame["arm"] == "links", few, frame["active"])))
    assert tell_arms(found, "active")[("difference", "none")]


def test_counts_that_are_mostly_one_customers_or_of_few_of_a_part_are_not_told(tmp_path):
    frame, place = draw_customers([("South", "Italy", 100), ("North", "Norway", 60)]), np.arange(320) // 2
    tickets = {"tickets": {"kind": "count", "role": "primary", "better": "lower", "expected": "lower"}}
    even = place % 3
    for counts, is_told in (
        (even, True),
        (np.where(np.arange(320) == 4, 400, even), False),  # one has most of them
        (np.where(place < 9, 2, 0), True),  # who is in an arm was drawn
        (np.where(place < 2, 2, 0), True),
        (np.where(place < 1, 2, 0), False),
        (0 * place, True),
    ):
        found = run_own(tmp_path, frame.assign(tickets=counts), metrics=tickets)
        assert tell_arms(found, "tickets")[("difference", "none")] == is_told
    few = frame.assign(tickets=np.where(place % 40 == 3, 2, 0), chats=1 + place % 3)  # of two, three and four in a part
    ratio = {"kind": "ratio", "numerator": "tickets", "denominator": "chats", "better": "lower"}
    parts = {"chats": {"kind": "count", "better": "lower"}, "ratio": ratio}
    found = run_own(tmp_path, few, metrics=tickets | parts, segments=["country"])
    told = {e.metric for e in found.estimates if not e.segment and not math.isnan(e.control_value)}
    assert told == {"tickets", "chats", "ratio"}
    assert {math.isnan(e.control_value) for e in found.estimates if e.segment} == {True}
    found = run_own(tmp_path, few, metrics={"ratio": ratio | tickets["tickets"] | {"kind": "ratio"}})
    assert not tell_arms(found, "ratio")[("difference", "none")]  # nobody says that these columns are counts
    days = pd.Timestamp("2024-03-10") + pd.to_timedelta(np.arange(320) % 14, "D")
    counts = np.where(np.arange(320) == 4, 120, even)  # most of a week's, and not of the arm's
    weekly = {"assigned_at": "at", "time_zone": "UTC", "as_of": "2024-05-01", "metrics": tickets}
    found = run_own(tmp_path, frame.assign(tickets=counts, at=days), **weekly).estimates
    assert {e.at: math.isnan(e.n_control) for e in found} == {None: False, "week 1": True, "week 2": True}


def test_few_unknown_outcomes_of_an_arm_are_not_counted(tmp_path):
    frame, place = draw_customers([("South", "Italy", 100), ("North", "Norway", 60)]), np.arange(320) // 2
    scores = {"csat": {"kind": "score", "scale": [1, 5], "role": "primary", "better": "higher", "missing": "unknown"}}
    scores["csat"]["expected"] = "higher"
    frame["csat"] = (1 + place % 5).astype(float)
    for n, sizes in ((0, (160, 160)), (1, (160, 160)), (9, (160, 160)), (10, (150, 160))):
        some = frame.assign(csat=frame["csat"].mask((frame["arm"] == "links") & (place * 37 % 160 < n)))
        found = run_own(tmp_path, some, metrics=scores, segments=["region"])
        assert {(e.n_control, e.n_treatment) for e in found.headline()} == {sizes}
        assert not math.isnan(found.headline()[0].estimate)
        bounds = [e for e in found.estimates if e.method == "worst-case bounds"]
        assert [math.isnan(e.ci_low) for e in bounds] == ([] if n == 0 else [n < 10])
        assert sum(e.n_control for e in found.estimates if e.segment) == 160  # of ten unknown fewer are in either


def test_rows_that_were_dropped_are_counted_from_min_cell_on(tmp_path):
    frame = draw_customers([("South", "Italy", 1000)])
    for n, told in ((1, "fewer than 10"), (9, "fewer than 10"), (10, "10")):
        found = run_own(tmp_path, pd.concat([frame, frame[:n]]))
        steps = {step: None if math.isnan(k) else k for step, k, _ in found.data.steps}
        is_few = told != "10"
        assert steps["exact duplicates dropped"] == (None if is_few else 10) and steps["kept"] == 2000
        assert math.isnan(found.data.rows) == is_few and (steps["read"] is None) == is_few
    sizes = DataInfo("yours", "", "f", None, 203, 200, {"links": 100}, (("read", 203, ""), ("kept", 200, "")))
    said = ("f.csv: 3 events repeat another, counted", "outcomes that count as 0: 4", "events left out: 12")
    said += ("f.csv: 1 event of units that were never assigned, not used",)
    said += ("f.csv: 9,000 events, 3 of them dropped as exact duplicates",)
    checks = (Check("duplicates", "warn", 3.0, 0.0, "Rows that repeat another row exactly, dropped: 3."),)
    found = protect(guard(checks=checks).but(data=replace(sizes, messages=said)), DESIGN)
    assert found.data.messages == (
        "f.csv: fewer than 10 events repeat another, counted",
        "outcomes that count as 0: fewer than 10",
        "events left out: 12",
        "f.csv: fewer than 10 events of units that were never assigned, not used",
        "f.csv: 9,000 events, fewer than 10 of them dropped as exact duplicates",
    )
    assert found.checks[0].message == "Rows that repeat another row exactly, dropped: fewer than 10."
    assert math.isnan(found.checks[0].value)


COMPANIES = DESIGN.model_copy(update={"unit": "company"})


@pytest.mark.parametrize(("id_", "message", "told"), [
    ("two_variants", "In two variants, left out: 2 of 1,000 by company (0.2 %), with 4 of 1,005 rows.",
     "In two variants, left out: fewer than 10 by company, with fewer than 10 rows."),  # 998 are kept
    ("two_variants", "In two variants, left out: 20 of 1,000 by company (2.0 %).", None),
    ("missing_spend", "Outcomes of spend are missing alike in the arms: links fewer than 10 units, no_links 0.0 %; "
     "p = .249. Asked: links 90 %.", "Outcomes of spend are missing alike in the arms: links fewer than 10 units, "
     "no_links 0.0 %. Asked: links 90 %."),  # Fisher's p of 500 an arm is another one for each count
    ("missing_spend", "Outcomes of spend are missing alike in the arms: links 3.0 %, no_links 3.1 %; p = .850.", None),
    ("missing_spend", "Outcomes of spend are missing alike in the arms: links below 2.0 %, no_links 3.1 %; p = .249.",
     "Outcomes of spend are missing alike in the arms: links below 2.0 %, no_links 3.1 %."),  # few events, in units
    ("take_up", "links below 2.0 %, no_links 3.1 %; p = .249.", None),
    ("events_fit", "Of companies: 3 companies of links, 1 company of no_links.",
     "Of companies: fewer than 10 companies of links, 1 company of no_links."),
])  # fmt: skip
def test_what_a_check_says_of_few_is_not_solved_from_what_stands_beside_it(id_, message, told):
    results = Results("experiment", "t", "q", "answered", INFO, {}, checks=(Check(id_, "warn", 0.25, 0.001, message),))
    check = protect(results.but(data=replace(INFO, steps=(("left out", 12, "rows of 2 companies"),))), COMPANIES)
    assert check.data.steps == (("left out", 12, "rows of fewer than 10 companies"),)
    assert check.checks[0].message == (told or message)
    assert math.isnan(check.checks[0].value) == (told is not None and id_ != "events_fit")


def test_the_first_and_the_last_day_are_of_min_cell_customers(tmp_path):
    frame = draw_customers([("South", "Italy", 100)])
    days = pd.Timestamp("2024-03-10") + pd.to_timedelta(np.arange(200) % 10, "D")
    alone = days.where(np.arange(200) > 0, pd.Timestamp("2024-03-01")).where(np.arange(200) < 198, "2024-03-28")
    planned = {"column": "arm", "control": "links", "treatments": ["no_links", "videos"]}  # nobody is in the last
    for at, more in ((days, {}), (alone, {}), (days, {"variant": planned})):
        found = run_own(tmp_path, frame.assign(at=at), assigned_at="at", time_zone="UTC", as_of="2024-05-01", **more)
        assert found.assigned == ("2024-03-10", "2024-03-19")
