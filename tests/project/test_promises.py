"""Every row of every run: a promise or the reason for none behind it, and words that fit who was randomised."""

import json

import pytest
import yaml
from statsmodels.stats.multitest import multipletests

from helpers import paths
from helpers.inference.credibility import EXEMPT, find_promise
from helpers.inference.methods import Method

RUNS = [run["name"] for run in yaml.safe_load(paths.RUNS.read_text())]
VALUED = ("clear benefit", "clear harm")


@pytest.fixture(scope="module", params=RUNS)
def results(request, reports):
    """Return what a run left."""
    return json.loads((reports / request.param / "results.json").read_text())


def test_each_estimate_and_each_test_has_a_method_or_an_exemption(results):
    lacking = set()
    for e in results["estimates"]:
        about = {"unit": "units" if e["clusters_control"] is None else "clusters", "adjustment": e["adjustment"]}
        if e["estimate"] is not None and not find_promise(e["method"], e["estimand"], **about):
            lacking.add((e["method"], e["estimand"], about["unit"]))
    lacking |= {test["name"] for test in results["tests"] if not find_promise(test["name"])}
    assert lacking == set()


def test_who_was_not_randomised_shows_an_association_and_never_a_benefit(results):
    told = {(e["population"], e["verdict"]) for e in results["estimates"]}
    assert {t for t in told if t[1] in VALUED and t[0] not in ("itt", "responders")} == set()
    words = ("clear association", "no clear association", "not estimable")
    assert {t for t in told if t[0] not in ("itt", "responders", "compliers") and t[1] not in words} == set()


ASSIGNED = ("itt", "responders", "compliers")
ADJUST = {"primary": "holm", "secondary": "holm", "exploratory": "fdr_bh"}


def find_place(e):
    """Return what another reading shares with its headline: metric and arms, however a contrast of takers is told."""
    return e["metric"], f"{e['treatment']} - {e['control']}" if e["population"] in ASSIGNED else e["comparison"]


def test_another_reading_of_a_headline_is_decided_by_the_rule_of_its_family(results, monkeypatch):
    monkeypatch.setattr("gc.collect", lambda: 0)  # multipletests asks for it every time, a tenth of a second
    heads = [e for e in results["estimates"] if e["segment"] is e["at"] is None and e["estimand"] != "relative_lift"]
    readings = [e for e in results["estimates"] if e["role"] == "sensitivity" or e["population"] == "compliers"]
    for family, rule in ADJUST.items():
        members = {}
        for place, head in ((find_place(e), e) for e in heads if e["family"] == family):
            members[place if place not in members else (place, len(members))] = head["p_value"]
        for e in readings:
            if find_place(e) in members and e["p_value"] is not None:
                known = {at: p for at, p in (members | {find_place(e): e["p_value"]}).items() if p is not None}
                adjusted = dict(zip(known, multipletests([*known.values()], method=rule)[1], strict=True))
                wanted = pytest.approx(adjusted[find_place(e)], rel=1e-6) if len(known) > 1 else None
                assert e["p_value_adjusted"] == wanted, e["id"]
    for e in readings:
        decides = e["p_value"] if e["p_value_adjusted"] is None else e["p_value_adjusted"]
        if e["verdict"].startswith("clear"):
            assert decides <= 1 - e["confidence_level"] + 1e-9, e["id"]
        elif e["verdict"].startswith("no clear") and decides is not None:
            assert decides > 1 - e["confidence_level"] - 1e-9, e["id"]


GROUPED = EXEMPT["order statistics, clusters", "difference"]
PROMISES = [
    ("welch", "difference", {}, "Welch difference"),
    ("welch, always-valid", "difference", {}, "always-valid over daily looks"),  # of its own
    ("welch, repeated", "difference", {}, "planned looks"),
    ("delta, always-valid", "difference", {}, EXEMPT["always-valid"]),  # its method has a promise at the end alone
    ("fieller, always-valid", "relative_lift", {}, EXEMPT["always-valid"]),
    ("miettinen-nurminen, repeated", "difference", {}, EXEMPT["repeated"]),
    ("welch, repeated, between looks", "difference", {}, EXEMPT["repeated"]),
    ("delta, repeated, between looks", "difference", {"unit": "clusters"}, EXEMPT["repeated"]),
    ("order statistics, always-valid", "difference", {"unit": "clusters"}, GROUPED),
    ("median of means, repeated", "difference", {}, None),
    ("interaction with country", "", {}, "interaction across segments"),
    ("trend over weeks", "", {}, "trend over weeks"),
    ("welch", "difference", {"adjustment": "winsorised"}, EXEMPT["winsorised", "difference"]),
    ("order statistics", "difference", {"unit": "clusters"}, GROUPED),
    ("log-rank", "", {}, EXEMPT["log-rank"]),
    ("median of means", "difference", {}, None),  # new, and nothing is written down
    ("sign test", "", {}, None),
]


@pytest.mark.parametrize(("method", "estimand", "more", "told"), PROMISES)
def test_find_promise_by_method_estimand_unit_and_adjustment(method, estimand, more, told):
    found = find_promise(method, estimand, **more)
    assert (found.name if isinstance(found, Method) else found) == told
