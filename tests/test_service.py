"""The desk's scorecard and what goes with renewing: by hand, against other code, and on made rows of known truth."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sources_samples import tell_refusal
from statsmodels.duration.survfunc import SurvfuncRight

from helpers import plan, service
from helpers.inference.planning import sample_size_proportions
from helpers.plan import Plan
from helpers.records import Check, DataInfo, Results
from helpers.view.words import explain

DESIGN = plan.read("support_metrics", kind="framework").design
START = pd.Timestamp("2022-01-01", tz="UTC")
RULES = {"promise_hours": 8.0, "premium_hours": 1.0, "soon_days": 3.0, "return_days": 7.0, "satisfied_from": 4}


def make_tickets(n, seed=1):
    rng = np.random.default_rng(seed)
    replied, end = rng.exponential(0.5, n), rng.uniform(0, 4, n)
    rows = pd.DataFrame({"unit": rng.integers(0, n // 4, n), "replied": np.where(replied < end, replied, np.nan)})
    rows = rows.assign(end=end, merged=np.nan, left=np.nan, bought=np.nan, topic=rng.choice(["a", "b", "c"], n))
    solved = rows["replied"] + rng.exponential(1, n)
    rows = rows.assign(solved=solved.where(solved < end), opened=START + pd.to_timedelta(rng.uniform(0, 400, n), "D"))
    score = pd.Series(rng.choice([0.0, 1.0, np.nan], n))
    return rows.assign(ticket=np.arange(n).astype(str), satisfied=score, **{
        "solved in one reply": rng.choice([0.0, 1.0], n), "replied in time": rng.choice([0.0, 1.0], n)})  # fmt: skip


def test_measure_desk_first_replies_are_kaplan_meiers():
    rows = make_tickets(800)
    found = service.measure_desk(rows, RULES).set_index("measure")
    peer = SurvfuncRight(rows["replied"].fillna(rows["end"]), rows["replied"].notna())
    kept = peer.surv_prob[peer.surv_times <= 8 / 24][-1]
    assert found.loc["replied in time", "value"] == pytest.approx(1 - kept)
    assert found.loc["median reply", "value"] == pytest.approx(24 * peer.quantile(0.5))
    assert found.loc["solved in one reply", "value"] == pytest.approx(rows["solved in one reply"].mean())
    assert "premium replied in time" not in found.index  # nobody bought it
    longer = service.measure_desk(rows, {**RULES, "promise_hours": 12.0}).set_index("measure")
    assert longer.loc["replied in time", "value"] > found.loc["replied in time", "value"]


def test_measure_desk_leaving_competes_with_a_solution():
    rows = make_tickets(400).assign(end=10.0)
    gone = rows["ticket"].astype(int) < 100
    rows = rows.assign(solved=np.where(gone, np.nan, 1.0), left=np.where(gone, 0.5, np.nan), replied=np.nan)
    found = service.measure_desk(rows, RULES).set_index("measure")
    assert found.loc["solved soon", "value"] == pytest.approx(0.75)  # of all; not of those who stayed


def test_measure_desk_limits_of_a_median_hold_it_as_often_as_they_say():
    rng, held = np.random.default_rng(4), []
    for _ in range(120):
        rows = pd.DataFrame({"unit": np.arange(100), "days": rng.exponential(1, 100), "code": 1})
        found = service._limit_median(rows, 24, confidence_level=0.95)
        assert found["value"] == pytest.approx(24 * np.sort(rows["days"])[49])
        held.append(found["ci_low"] <= 24 * math.log(2) <= found["ci_high"])
    assert np.mean(held) == pytest.approx(0.95, abs=0.045)  # one taken out at a time tells little of a median: .85


def test_measure_desk_tells_no_median_where_fewer_than_half_are_answered():
    rows = make_tickets(200).assign(end=1.0, replied=np.where(np.arange(200) < 80, 0.5, np.nan))
    found = service.measure_desk(rows, RULES).set_index("measure").loc["median reply"]
    assert found[["value", "ci_low", "ci_high"]].isna().all()
    assert found["reason"] == "not half of them, as far as followed"
    nearly = rows.assign(replied=np.where(np.arange(200) < 96, np.arange(200) / 200, np.nan))
    found = service.measure_desk(nearly, RULES).set_index("measure").loc["median reply"]
    assert found[["value", "ci_high", "reason"]].isna().all()  # half may be hidden by chance alone
    assert 24 * 0.35 < found["ci_low"] < 24 * 0.48


def test_measure_desk_tells_no_more_than_all_and_no_certainty_of_a_hundred_tickets():
    rows = make_tickets(120).assign(end=10.0, replied=0.1, solved=0.5, **{"solved in one reply": 1.0})
    late = rows["ticket"].astype(int) == 0
    rows = rows.assign(replied=rows["replied"].mask(late, 5.0))
    found = service.measure_desk(rows, RULES).set_index("measure")
    assert found.loc["replied in time", "value"] == pytest.approx(119 / 120)
    shares = found.loc[["replied in time", "solved soon", "solved in one reply"]]
    assert (shares["ci_low"] < 0.98).all() and (shares["ci_high"] <= 1).all()
    assert found.loc["median reply", "ci_high"] > 1  # hours


def test_measure_desk_knows_of_satisfaction_what_those_who_rated_tell():
    rows = make_tickets(400).assign(solved=1.0, end=5.0)
    for n in (1, 3):
        rated = rows.assign(satisfied=np.where(np.arange(400) < n, 1.0, np.nan))
        found = service.measure_desk(rated, RULES).set_index("measure").loc[["satisfied", "satisfied, weighted"]]
        assert (found["value"] == 1).all()
        who = rows["unit"].head(n).nunique()
        assert found["ci_low"].tolist() == pytest.approx(2 * [who / (who + 2.063899**2)])  # of all it would be .96
    silent = service.measure_desk(rows.assign(satisfied=np.nan), RULES)["measure"]
    assert not silent.str.startswith("satisfied").any()


def test_measure_desk_leaves_out_what_no_ticket_has_and_a_median_of_fewer_than_half():
    rows, none = make_tickets(400), dict.fromkeys(["replied", "replied in time", "solved", *service.ANSWERED], np.nan)
    assert service.measure_desk(rows.assign(**none), RULES).empty
    known = service.measure_desk(rows, RULES)["measure"].tolist()
    assert {"replied in time", "median reply", "solved soon", "median solution", "solved in one reply"} <= set(known)
    few = rows.assign(end=1.0, replied=np.where(np.arange(400) < 160, 0.5, np.nan))
    found = service.measure_desk(few, RULES).set_index("measure").loc["median reply"]
    assert found[["value", "ci_low", "ci_high"]].isna().all()


def test_measure_desk_weighs_and_bounds_satisfaction():
    rows = make_tickets(400).assign(solved=1.0, end=5.0)
    is_right = rows["solved in one reply"] == 1
    rows = rows.assign(satisfied=np.where(is_right, 1.0, 0.0), **{"replied in time": 1.0})
    silent = ~is_right & (np.arange(400) % 4 > 0)  # who was not helped answers rarely
    rows = rows.assign(satisfied=rows["satisfied"].mask(silent))
    found = service.measure_desk(rows, RULES).set_index("measure")
    assert found.loc["satisfied, weighted", "value"] == pytest.approx(is_right.mean())
    assert found.loc["satisfied", "value"] > is_right.mean() + 0.1
    assert found.loc["satisfied", "n"] == rows.loc[rows["solved"].notna(), "satisfied"].notna().sum()
    assert found.loc["satisfied, weighted", "n"] == rows["solved"].notna().sum()
    low, high = found.loc["satisfied, bounded", ["ci_low", "ci_high"]]
    assert (low, high) == pytest.approx((is_right.mean(), is_right.mean() + silent.mean()))


def test_rank_topics_by_hand():
    rows = [("u1", "a"), ("u1", "a"), ("u1", "a"), ("u1", "a"), ("u2", "b"), ("u3", "b"), ("u1", "b"), ("u4", "c")]
    rows = pd.DataFrame(rows, columns=["unit", "topic"])
    found = service.rank_topics(rows, confidence_level=0.95, seed=1, n_resamples=300).set_index("topic")
    assert found["customers"].to_dict() == {"b": 3, "a": 1, "c": 1}
    assert found["rank_tickets"].to_dict() == {"b": 2, "a": 1, "c": 3}  # one customer asked four times
    assert found["reached"].tolist() == pytest.approx([0.75, 0.75, 1])
    assert (found["rank_low"] <= found["rank_customers"]).all() and found.loc["a", "rank_high"] == 3


@pytest.mark.parametrize(("n", "share", "highest"), [(4000, 0.55, [1, 2]), (30, 0.5, [2, 2])])
def test_rank_topics_range_narrows_with_customers(n, share, highest):
    rows = pd.DataFrame({"unit": np.arange(n), "topic": np.where(np.arange(n) < share * n, "a", "b")})
    found = service.rank_topics(rows, seed=1, confidence_level=0.95, n_resamples=300)
    assert found["rank_high"].tolist() == highest


def test_study_fixes_by_hand():
    days = [-10] * 30 + [10] * 15 + [-10] * 20 + [10] * 40
    rows = pd.DataFrame({"opened": START + pd.to_timedelta(days, "D"), "topic": ["a"] * 45 + ["b"] * 60})
    rows = rows.assign(unit=np.arange(105), ticket=np.arange(105).astype(str))
    found = service.study_fixes(rows, ["a 2022-01-01"], days=30, confidence_level=0.95)["fixes"]
    assert found["window"].tolist() == ["fix"]  # a window earlier there was nothing
    assert found["ratio"].iloc[0] == pytest.approx((15 / 30) / (40 / 20))
    assert found[["n_before", "n_after", "others_before", "others_after"]].iloc[0].tolist() == [30, 15, 20, 40]
    assert service.study_fixes(rows, ["z 2022-01-01"], days=30, confidence_level=0.95) == {}
    for wrong in ("a", "a 2022-13-01", "2022-01-01"):
        assert tell_refusal(service.study_fixes, rows, [wrong], days=30, confidence_level=0.95) == (
            "fixes: give each as a topic and a day, such as login 2021-07-01"
        )


def test_compare_within_by_hand():
    switches = [(1, 0, 1)] * 10 + [(0, 1, 1)] * 20 + [(1, 0, 0)] * 60 + [(0, 1, 0)] * 40 + [(1, 1, 1)] * 5
    now, before, left = np.array([*switches, (np.nan, 1, 1), (1, np.nan, 0)], float).T
    found = service.compare_within(now, before, left)
    assert found["within"] == pytest.approx((10 / 20) / (60 / 40))
    reach = 1.959964 * math.sqrt(1 / 10 + 1 / 20 + 1 / 60 + 1 / 40)
    assert math.log(found["within_high"] / found["within"]) == pytest.approx(reach)
    assert found["switched"] == 130
    assert math.isnan(service.compare_within(now[:30], before[:30], left[:30])["within"])
    turned = service.compare_within(before, now, left)
    assert turned["within"] == pytest.approx(1 / found["within"])


@pytest.mark.parametrize("log_odds", [0.0, -0.7])
def test_compare_within_is_free_of_a_lasting_trait_and_of_a_trend(log_odds):
    rng, logs = np.random.default_rng(4), []
    for _ in range(40):
        trait = rng.normal(size=12_000)
        chances = [1 / (1 + np.exp(-1.5 * trait - later)) for later in (-0.6, 0.0)]  # the loyal are served better
        before, now = (rng.random(12_000) < chance for chance in chances)  # and service improves for all alike
        left = rng.random(12_000) < 1 / (1 + np.exp(3.5 + trait - log_odds * now))
        found = service.compare_within(now.astype(float), before.astype(float), left.astype(float))
        logs.append([math.log(found[name]) for name in ("within", "within_low", "within_high")])
    middle, low, high = np.array(logs).T
    assert middle.mean() == pytest.approx(log_odds, abs=0.12)
    assert ((low <= log_odds) & (log_odds <= high)).mean() >= 0.82


def make_frame(n, seed=1, effect=0.0):
    rng = np.random.default_rng(seed)
    tier = rng.random(n) < 0.5
    frame = pd.DataFrame({"tier": np.where(tier, "Pro", "Basic"), "size": rng.integers(1, 20, n), "unit": np.arange(n)})
    good = {name: (rng.random(n) < 0.3 + 0.4 * tier).astype(float) for name in service.METRICS}
    left = rng.random(n) < 0.45 - 0.25 * tier - effect * good["replied in time"]
    before = {f"before {name}": (rng.random(n) < 0.5).astype(float) for name in service.METRICS}
    return frame.assign(left=left.astype(int), tenure=rng.random(n) * 5, **good, **before)


def test_study_movers_takes_out_what_is_measured():
    estimates, movers = service.study_movers(make_frame(6000), DESIGN)
    assert len({e.id for e in estimates}) == len(estimates)
    assert (movers["crude_difference"] > 0.06).all()  # the plan alone makes all of it
    assert (movers["difference"].abs() < 0.045).all()
    assert [e.role for e in estimates[:2]] == ["primary", "exploratory"]
    assert {e.verdict for e in estimates if e.role == "primary"} == {"no clear association"}
    _, movers = service.study_movers(make_frame(6000, effect=0.15), DESIGN)
    row = movers.set_index("metric").loc["replied in time"]
    assert row["ci_low"] < 0.15 < row["ci_high"] and row["verdict"] == "clear association"
    assert row["e_value"] > row["e_limit"] > 1
    few, movers = service.study_movers(make_frame(30), DESIGN)
    assert {e.verdict for e in few} == {"not estimable"}
    assert movers["crude_difference"].isna().all() and movers["reason"].notna().all()


def test_the_answer_names_what_goes_clearly_with_renewing():
    frame = make_frame(6000, effect=0.15)
    turned = {"replied in time": "solved soon", "solved soon": "replied in time"}
    for names, word, service_ in (
        ({}, "a first reply within the promise", "a faster first reply"),
        (turned, "tickets solved soon", "better service, counted by tickets solved soon,"),
    ):
        names |= {f"before {old}": f"before {new}" for old, new in names.items()}
        estimates, movers = service.study_movers(frame.rename(columns=names), DESIGN)
        info = DataInfo("yours", "", "", None, 6000, 6000)
        results = Results("support_metrics", "T", "Q", "answered", info, {}, estimates=tuple(estimates))
        answer = " ".join(explain(results.but(tables={"movers": movers}), DESIGN).answer)
        told = "1 of 5 support metrics goes clearly with renewing, at equal plan, size and tenure"
        assert f"{told}: with {word} " in answer
        assert f" customers {service_} or not, by lot: half of this difference" in answer
    bare = DESIGN.model_copy(update={"size": None, "plan_tier": None})
    assert "renewing, at equal tenure: with" in explain(results.but(tables={"movers": movers}), bare).answer[0]


def test_size_survey_is_the_articles_of_simulated_data_alone():
    found = [service.size_survey(n, kind) for n in (None, 0, 30) for kind in ("simulated", "public", "yours")]
    assert found == [600, 0, 0, 0, 0, 0, 30, 30, 30]


def test_read_published_by_hand():
    tables = service.read_published([0.1], net=0.9, gaps=[0.4])
    churn, shift = tables["churn_readings"], tables["success_shift"]
    assert churn["after"].tolist() == pytest.approx([0.06, 0.096])
    assert churn["needed"].iloc[0] == pytest.approx(sample_size_proportions(0.1, -0.04))
    assert churn["needed"].iloc[1] > 50 * churn["needed"].iloc[0]
    # a trait that raises it by 40 points has to be 25 points more common to make 10; 22.5 to make a tenth of 90
    assert shift["shift"].tolist() == pytest.approx([0.25, 0.225])
    assert shift["both"].iloc[0] ** 2 == pytest.approx(0.1)
    assert service.read_published([])["churn_readings"].empty


def test_study_premium_is_absent_without_buyers_or_a_line():
    customers = pd.DataFrame({"unit": ["a", "b"], "started_at": START, "tier": "x", "size": [30.0, 10.0]})
    due = customers[["unit"]].assign(at=START + pd.Timedelta(days=365), left=0, amount=1.0)
    customers = customers.assign(left=np.nan, bought=np.nan, end=800.0, amount=1.0)
    assert service.study_premium(customers, due, line=20, launched_on="2022-06-01", design=DESIGN) == ([], {})


@pytest.fixture
def source():
    """Return a source of which nothing is read but that it is public."""
    return SimpleNamespace(info=SimpleNamespace(kind="public"), truth=None)


@pytest.mark.parametrize(("reasons", "status"), [({}, "withheld"), ({"leavers_fit": "as meant"}, "answered")])
def test_study_desk_is_withheld_unless_the_plan_gives_a_reason(source, monkeypatch, reasons, status):
    failed = Check("leavers_fit", "fail", 1.0, 0.0, "Half is lost.")
    monkeypatch.setattr(service, "check_desk", lambda *_, **__: (failed,))
    monkeypatch.setattr(service, "judge_tickets", lambda *_: pd.DataFrame({"score": []}))
    monkeypatch.setattr(service, "read_frame", lambda *_: pd.DataFrame())
    decided = Plan(
        DESIGN.model_copy(update={"acknowledge": reasons}), {"file": "plan.yaml", "sha256": "0" * 64, "departures": []}
    )
    results = service.study_desk(decided, source, None, None, None, {"window_days": 365.0})
    assert (results.status, results.answer) == (status, () if reasons else ("Half is lost.",))
