"""The committed facts: complete, consistent with each other and with the dictionary."""

import re
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest

from helpers import paths, records
from helpers.kinds import FIRST, KINDS
from helpers.plan import ExperimentPlan, Metric, Variant, framework
from helpers.plan.views import read_own, read_views
from helpers.simulate.customer_milestones import customer_milestones
from helpers.simulate.live_support import live_support
from helpers.simulate.proactive_help import proactive_help
from helpers.simulate.support_metrics import support_metrics
from helpers.view.numbers import lower_first
from helpers.view.show import FORMATS

CLAIMS = pd.read_csv(paths.DATA / "published_claims.csv")
TESTS = pd.read_csv(paths.DATA / "claim_tests.csv")
EVIDENCE = pd.read_csv(paths.DATA / "independent_evidence.csv")
DICTIONARY = (paths.DATA / "README.md").read_text(encoding="utf-8")
PARTS = ["common", "experiment", "live_support", "experiment_design", "customer_milestones"]  # files of views
PARTS += ["in_app_support", "support_metrics", "validation", "evidence_review", "methods", "guide"]
REVIEW = ("claim_review", "evidence_topics", "evidence_effects", "contradictions")
SIZES = {"proactive_help": 17, "live_support": 18, "support_metrics": 14, "in_app_support": 14}
SIZES["customer_milestones"] = 16


def test_published_claims_are_79_with_unique_ids():
    assert len(CLAIMS) == 79
    assert CLAIMS["id"].is_unique
    assert CLAIMS["study"].value_counts().to_dict() == SIZES
    assert CLAIMS["published_as"].str.len().between(20, 140).all()


def test_published_claims_figures_have_a_unit():
    assert CLAIMS.loc[CLAIMS["value"].notna(), "unit"].notna().all()
    assert CLAIMS.set_index("id").loc[["P04", "P06", "P13"], "value"].tolist() == [2.5, 28, 9]


def test_published_claims_keep_the_ids_of_the_source(shared):
    source = pd.read_csv(shared / "claims" / "published_claims.csv")
    assert source["id"].tolist() == CLAIMS["id"].tolist()


def test_independent_evidence_bears_on_known_claims():
    assert EVIDENCE["id"].tolist() == [f"E{i:02d}" for i in range(1, 20)]
    assert {name for claims in EVIDENCE["claims"] for name in claims.split()} <= set(CLAIMS["id"])
    assert set(EVIDENCE["verification"]) == {"read", "secondary", "partial"}


def test_claim_tests_either_name_an_estimate_or_say_why_not():
    assert TESTS["id"].isin(CLAIMS["id"]).all()
    assert TESTS["id"].is_unique
    assert (TESTS["metric"].notna() ^ TESTS["reason"].notna() | (TESTS["estimand"] == "level")).all()
    assert (TESTS["metric"].notna() ^ TESTS["verdict"].notna()).all()
    assert set(TESTS["verdict"].dropna()) <= {"nothing to test", "not tested by this run"}
    tested = TESTS[TESTS["metric"].notna()]
    assert tested[["estimand", "population", "multiply"]].notna().all().all()
    assert tested.loc[tested["estimand"] != "level", "null_value"].notna().all()
    assert set(tested["of_several"].dropna()) <= {"all", "any"}
    figures = CLAIMS.set_index("id").loc[tested["id"], "value"].notna().to_numpy()
    sided = tested["direction"].notna().to_numpy()
    minutes = (tested["id"] == "U08").to_numpy()  # its figure is a line of minutes, its effect has a direction alone
    assert ((figures ^ sided) | (tested["estimand"] == "level").to_numpy() | minutes).all()


def test_what_data_could_answer_names_the_analysis_that_would():
    told = TESTS.loc[TESTS["verdict"] == "not tested by this run", "reason"]
    assert told.str.contains("would (?:answer|be)").all()


@pytest.mark.parametrize("record", [records.Estimate, records.Check, records.Test, records.Claim])
def test_dictionary_describes_every_field_of_a_record(record):
    missing = [f.name for f in fields(record) if f"`{f.name}`" not in DICTIONARY]
    assert missing == []


def test_dictionary_describes_every_column_of_the_files():
    more = (pd.read_csv(paths.DATA / f"{name}.csv") for name in REVIEW)
    for table in (CLAIMS, TESTS, EVIDENCE, *more):
        assert [name for name in table if f"`{name}`" not in DICTIONARY] == []


def test_dictionary_describes_every_key_of_a_plan():
    described = DICTIONARY.replace("metrics.NAME.", "")
    own = {key for name in KINDS.keys() - {*FIRST} for key in KINDS[name].keys}  # told by the file of their kind
    keys = [*ExperimentPlan.model_fields, *(Metric.model_fields.keys() - own), *Variant.model_fields]
    assert [key for key in keys if f"`{key}`" not in described and f"`{key}." not in described] == []


def test_dictionary_describes_every_key_of_a_framework():
    parts = [part for part in vars(framework).values() if isinstance(part, type) and issubclass(part, framework.Part)]
    keys = {key for part in parts for key in part.model_fields}
    section = DICTIONARY.split("### kind: framework")[1].split("\n## ")[0]
    assert len(parts) == 13
    assert [key for key in sorted(keys) if not re.search(rf"[`.]{key}[`.]", section)] == []


def describe(study):
    """Return a study's part of the data dictionary in Markdown: a table with one row a results table of its own file.

    Each says what a row is, and each column: its label, its interval, its meaning.
    """
    lines = [f"### {study}", "", "| table | one row | columns |", "|---|---|---|"]
    for name, view in read_own(study).items():
        told = ", ".join(describe_column(*pair) for pair in view.columns.items())
        lines += [f"| `{name}` | {view.row} | {told} |"] if told else []
    return "\n".join([*lines, ""])


def describe_column(name, column):
    """Return a column of a table with its label, its interval and its meaning."""
    spelled = {"{noun}": "units", "{metric}": "each metric", "{control}": "control", "{treatment}": "treatment"}
    label = lower_first(re.sub("|".join(map(re.escape, spelled)), lambda hit: spelled[hit[0]], column.label))
    spoken = name.replace("_", " ").lower() == label.lower()
    meaning = "; ".join(part for part in ("" if spoken else label, column.meaning) if part)
    names = ", ".join(f"`{one}`" for one in (name, *(column.ends or ())))
    return f"{names} ({meaning})" if meaning else names


def test_dictionary_of_results_tables_is_what_the_views_say():
    # to renew it, put this text in the place of the section's parts
    told = "\n".join(describe(study) for study in PARTS)
    section = DICTIONARY.split("## Results tables")[1].split("\n## ")[0]
    assert section[section.index("### common") :] == told


@pytest.mark.parametrize("study", PARTS)
def test_views_name_known_formats_and_a_meaning_that_is_short(study):
    for name, view in read_views(study).items():
        for column, spec in view.columns.items():
            assert spec.format in FORMATS, (name, column)
            assert spec.label and len(spec.meaning) <= 160, (name, column)


@pytest.mark.parametrize("study", [proactive_help, live_support, customer_milestones, support_metrics])
def test_dictionary_describes_every_simulated_column_and_event(study):
    made = study(n_units=500)
    names = {*made.units, *made.events, *made.events["event"]}
    assert [name for name in sorted(names) if f"`{name}`" not in DICTIONARY] == []


def test_files_hold_no_cell_that_a_spreadsheet_runs():
    more = (pd.read_csv(paths.DATA / f"{name}.csv") for name in REVIEW)
    for table in (CLAIMS, TESTS, EVIDENCE, *more):
        for _, texts in table.select_dtypes(exclude=np.number).items():
            assert not texts.dropna().astype(str).str.startswith(("=", "+", "-", "@", "\t")).any()
