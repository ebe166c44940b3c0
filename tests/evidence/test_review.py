"""The review: files that fit each other, ratios with their intervals, sizes, and which run speaks for a claim."""

import numpy as np
import pandas as pd
import pytest

from helpers import claims, evidence, paths
from helpers.evidence import NOTHING, TESTED, UNTESTED
from helpers.inference.planning import sample_size_normal, sample_size_proportions
from helpers.studies import list_settled

FACTS = evidence.read_facts(claims.read_claims())
FIELDS = {"estimand": "difference", "population": "itt", "adjustment": "none", "segment": None, "at": None}


def make_estimate(metric, estimate, control, error, n=2000):
    sizes = {"n_control": n / 2, "n_treatment": n / 2}
    return {**FIELDS, "metric": metric, "estimate": estimate, "control_value": control, "std_error": error, **sizes}


def make_run(study="proactive_help", kind="simulated", status="answered", claimed=(), estimates=()):
    planned = [
        {"metric": "converted", "kind": "binary", "noun": "workspace", "worthwhile": 0.02},
        {"metric": "revenue", "kind": "amount", "noun": "sign-up", "worthwhile": None},
    ]
    told = [{"id": name, "verdict": verdict, "reason": f"{kind} says so."} for name, verdict in claimed]
    told = [claim | {"estimate": 8.76, "ci_low": 6.25, "ci_high": 11.28} for claim in told]
    data = {"study": study, "status": status, "data": {"kind": kind}, "claims": told, "estimates": list(estimates)}
    return data | {"tables": {"metrics": planned}}


def conclude(found):
    effects = evidence.list_effects(FACTS)
    sizes = evidence.size_topics(FACTS, found)
    return evidence.review(FACTS, found, effects, sizes, evidence.pool_outcomes(effects))


def test_files_speak_of_the_same_claims_studies_and_questions():
    known, studies = set(FACTS.claims["id"]), set(FACTS.studies["id"])
    assert FACTS.reviewed["id"].tolist() == FACTS.claims["id"].tolist()
    assert set(FACTS.reviewed["topic"]) == set(FACTS.topics["topic"])
    assert set(FACTS.reviewed["grade"]) == {"A", "C", "D", "E", "none"}
    assert ((FACTS.reviewed["grade"] == "none") == (FACTS.reviewed["settled_by"] == "")).all()
    named = {word for cell in FACTS.contradictions["claims"] for word in cell.split()}
    assert named <= known
    assert {w for cell in FACTS.contradictions["evidence"] for w in cell.split()} <= known | studies
    figures = {"E01", "E02", "E03", "E04", "E07", "E08", "E09", "E11", "E16", "E17", "E19"}
    assert figures <= set(FACTS.effects["source"]) <= known | studies
    assert set(FACTS.contradictions["kind"]) == {"within an article", "between articles", "against a study"}


def test_ratio_of_published_counts_by_hand():
    rows = evidence.list_effects(FACTS).set_index("label")
    mobile = rows.loc["Suggested links, mobile"]
    n_control, n_treatment = round(4155 / 0.129), round(508 / 0.172)
    assert mobile["ratio"] == pytest.approx(508 / n_treatment / (4155 / n_control))
    assert mobile["log_error"] == pytest.approx((1 / 508 - 1 / n_treatment + 1 / 4155 - 1 / n_control) ** 0.5)
    ends = np.log([mobile["ci_low"], mobile["ci_high"]])  # close to those of the logarithm, which statsmodels gives
    assert ends == pytest.approx(np.log(mobile["ratio"]) + np.array([-1, 1]) * 1.96 * mobile["log_error"], abs=4e-3)


def test_an_interval_stands_only_where_counts_are_published_and_narrows_with_the_level():
    wide, narrow = evidence.list_effects(FACTS), evidence.list_effects(FACTS, confidence_level=0.5)
    has = wide["ci_low"].notna()
    assert set(wide.loc[has, "source"]) == {"E04"}
    assert (narrow["ci_low"][has] > wide["ci_low"][has]).all()
    assert (wide["ratio"].isna() == wide["reason"].notna()).all()


def test_no_simulated_result_stands_on_the_axis():
    effects = evidence.list_effects(FACTS)
    runs = {"one": make_run(estimates=[make_estimate("converted", -0.5, 0.9, 0.001)])}
    pd.testing.assert_frame_equal(conclude(runs).tables["published_effects"], effects)  # whatever our runs found
    assert set(effects["grade"]) <= {"A", "A-", "B", "C", "D", "said"}
    assert set(effects.loc[effects["drawn"], "grade"]) <= {"A", "A-", "B", "said"}


def test_size_of_a_share_and_of_a_mean_by_the_planning_formulas():
    found = {
        "one": make_run(estimates=[make_estimate("converted", -0.08, 0.25, 0.02)]),
        "two": make_run(study="live_support", estimates=[make_estimate("revenue", 4.0, 30.0, 2.0)]),
    }
    rows = evidence.size_topics(FACTS, found, power=0.9, confidence_level=0.9).set_index("topic")
    paying, speed = rows.loc["paying"], rows.loc["speed"]
    options = {"power": 0.9, "alpha": 0.1}
    assert paying["n_published"] == np.ceil(sample_size_proportions(0.25, -0.09, **options))
    assert paying["n_worthwhile"] == np.ceil(sample_size_proportions(0.25, -0.02, **options))
    assert speed["n_published"] == np.ceil(sample_size_normal(0.15 * 30, 2.0 * 2000**0.5, **options))
    assert np.isnan(speed["n_worthwhile"]) and (paying["run"], speed["unit"]) == ("one", "sign-up")
    assert rows.loc["feedback", "reason"] == "no run of ours sizes it"


DESIGNED = [
    ("proactive_help.yaml", "converted", 4321.2, 4322),
    ("proactive_help.yaml", "converted", None, None),  # it cannot be found at any size
    ("proactive_help.yaml", "activated", 4321.2, None),
    ("jobs_ii.yaml", "converted", 4321.2, None),
]


@pytest.mark.parametrize(("file", "metric", "needed", "expected"), DESIGNED)
def test_a_designed_experiment_says_the_size_for_what_is_worth_having(file, metric, needed, expected):
    own = {"one": make_run(estimates=[make_estimate("converted", -0.08, 0.25, 0.02)])}
    settled = [{"metric": metric, "needed": needed, "effect": -0.03, "control_value": 0.3}]
    plan = make_run() | {"study": "experiment_design", "plan": {"file": file}, "tables": {"settled": settled}}
    alone, row = (
        evidence.size_topics(FACTS, own | more).set_index("topic").loc["paying"] for more in ({}, {"plan": plan})
    )
    assert row["n_published"] == alone["n_published"] and row["n_worthwhile"] == (expected or alone["n_worthwhile"])
    assert row["run"] == ("plan" if expected else "one")


@pytest.mark.parametrize("run", [None, make_run(status="withheld"), make_run()])
def test_nothing_is_sized_by_a_run_that_is_missing_withheld_or_lacks_the_metric(run):
    rows = evidence.size_topics(FACTS, {"one": run})
    assert rows["n_published"].isna().all() and set(rows["reason"]) == {"no run of ours sizes it"}


def test_every_claim_has_a_verdict_with_a_reason_even_without_any_run():
    rows = conclude({}).tables["claims_reviewed"]
    assert len(rows) == 79 and (rows["reason"] != "").all()
    assert (rows.loc[rows["verdict"] == NOTHING, "settled_by"] == "").all()
    assert (rows.loc[rows["verdict"] == UNTESTED, "settled_by"] != "").mean() > 0.8
    assert set(rows["verdict"]) == {NOTHING, UNTESTED}


RECOVERED = make_run(claimed=[("P13", "recovered")])


SPEAKERS = [
    # the researcher's own data speak before simulated ones
    ({"made": RECOVERED, "own": make_run(kind="yours", claimed=[("P13", "inconsistent")])}, "inconsistent", "own"),
    # of what one does not test another may
    ({"own": make_run(kind="yours", claimed=[("P13", UNTESTED)]), "made": RECOVERED}, "recovered", "made"),
    # a missing run says nothing
    ({"made": None}, UNTESTED, ""),
]


@pytest.mark.parametrize(("found", "verdict", "run"), SPEAKERS)
def test_the_verdict_of_a_claim_is_that_of_the_run_that_speaks_of_it_most(found, verdict, run):
    row = conclude(found).tables["claims_reviewed"].set_index("id").loc["P13"]
    assert (row["verdict"], row["run"]) == (verdict, run)
    assert row["evidence"] == "E01 (A), E02 (A), E05 (A), E08 (A)"


def test_what_a_run_found_stands_beside_the_claim_in_its_own_unit():
    shown = list_settled(conclude({"made": make_run(claimed=[("P13", "recovered")])})).tables
    rows = shown["claims_reviewed"].set_index("id")
    assert rows.loc["P13", "why"] == "Found 8.8 [6.2, 11.3]. simulated says so."
    assert rows.loc["P03", "why"] == rows.loc["P03", "reason"] and rows.loc["P03", "settled"] == ""
    assert rows.loc["P13", ["estimate", "ci_low"]].tolist() == [8.76, 6.25]
    assert shown["topics"]["n_published"].tolist() == [""] * 8  # no run sizes them


def test_claims_of_results_are_those_that_no_run_tests():
    results = conclude({"made": make_run(claimed=[("P13", "recovered"), ("P03", NOTHING)])})
    kept = {claim.id: claim.verdict for claim in results.claims}
    assert "P13" not in kept and kept["P03"] == NOTHING and not set(kept.values()) & set(TESTED)


def test_checks_say_which_run_is_missing_or_withheld_and_which_study_was_not_read():
    told = {c.id: (c.status, c.message) for c in conclude({"run_one": None, "two": make_run(status="withheld")}).checks}
    assert told["runs"] == ("warn", "run one has no results; two is withheld.")
    assert told["claims"] == ("pass", "every claim has a verdict with a reason.")
    assert told["sources"] == ("warn", "3 of 19 studies are known from others' words alone: E12, E13, E18.")
    told = {c.id: (c.status, c.message) for c in conclude({"one": make_run()}).checks}
    assert told["runs"] == ("pass", "all 1 runs that it needs were read and answered.")
    assert {c.id: c.status for c in conclude({}).checks}["runs"] == "warn"


def test_the_articles_own_contradictions_name_lines_that_the_seeds_hold(shared):
    text = " ".join(file.read_text(encoding="utf-8") for file in sorted((shared / "seeds").glob("*.txt")))
    for phrase in ("700%", "7X", "95%", "tutte le funzionalità della piattaforma", "tre o più categorie", "p -hacking"):
        assert phrase in text
    assert len(FACTS.contradictions.query("kind == 'within an article'")) >= 20
    assert (paths.DATA / "contradictions.csv").read_text(encoding="utf-8").count("8 times") == 1
