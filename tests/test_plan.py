"""Plans: what is read, what is typed, what is refused with which words."""

import datetime as dt
import hashlib
import os
import re
import threading

import pytest
import yaml
from sources_samples import tell_refusal

from helpers import paths, plan
from helpers.kinds import KINDS
from helpers.survival import SHARE


def name_kinds(fits):
    """Name the kinds of a sort as a refusal does; those that stand in files of their own among them."""
    *names, last = [name for name, kind in KINDS.items() if fits(kind)]
    return " or ".join([", ".join(names), last] if names else [last])


def is_part(kind):
    return kind.is_mean and kind.outcome == "y" and kind.total in ("count", "amount")


def is_time(kind):
    return is_part(kind) and not kind.is_share


PLAN = """\
kind: experiment
title: In-product help links
question: Does showing in-product help links raise activation?
unit: workspace
unit_id: workspace_id
variant: {column: variant, control: links, treatments: [no_links], split: {links: 0.5, no_links: 0.5}}
assigned_at: assigned_at
as_of: 2022-04-30
enrolment_days: 28
planned_units: 4000
looks: [0.5, 1.0]
cluster: null
min_cell: 10
metrics:
  activated: {kind: binary, role: primary, better: higher, expected: lower, within_days: 28, worthwhile: 0.02}
  csat: {kind: score, role: guardrail, better: higher, margin: {absolute: 0.1}, missing: unknown}
  paid_in: {kind: time_to_event, event: paid, horizon_days: 90}
  per_active: {kind: ratio, numerator: activated, denominator: active_days}
exposure: {event: help_opened, within_days: 28}
covariates: [seats]
segments: [country]
"""


KIND = "kind: binary, role: primary, better: higher, expected: lower, within"
UNSIZED = (
    "the plan as a whole: looks are shares of a planned size: give planned_units, such as 4000, or enrolment_days and "
    "assigned_at; experiment_design finds how many units it takes"
)
ROLES = "'primary', 'secondary', 'guardrail' or 'exploratory'"


@pytest.fixture
def write(tmp_path):
    def write(text, name="mine.yaml"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


@pytest.fixture
def refusal(write):
    def refusal(old, new):
        return tell_refusal(lambda: plan.read(write(PLAN.replace(old, new))))

    return refusal


def test_read_tells_every_fault_at_once_with_its_line_and_a_right_way_to_write_it(write):
    given = PLAN.replace("kind: binary, role: primary", "kind: binary, role: main").replace("cell: 10", "cell: ten")
    given = given.replace("margin: {absolute: 0.1}", "margin: 0.3").replace("covariates", "covariats")
    broken = "\n    kind: time_to_event\n    worthwhile: 2"
    given = given.replace("{kind: time_to_event, event: paid, horizon_days: 90}", broken)
    assert tell_refusal(lambda: plan.read(write(given))).splitlines() == [
        "plan mine.yaml: 6 faults",
        "  line 22, covariats: unknown key; did you mean covariates?; such as `covariates: [seats, country]`",
        "  line 13, min_cell: should be a whole number; such as `min_cell: 10`",
        f"  line 15, metrics.activated.role: should be {ROLES}; such as `role: primary`",
        "  line 16, metrics.csat.margin: should hold keys of its own; such as `margin: {absolute: 0.3}`",
        "  line 17, metrics.paid_in: a time to event needs horizon_days; such as `horizon_days: 90`",
        "  line 19, metrics.paid_in: worthwhile and margin are differences of two chances, below 1; 2 would be "
        "200 points; such as `worthwhile: 0.02`",
    ]
    misspelt = tell_refusal(lambda: plan.read(write(PLAN.replace("title:", "titel:"))))
    assert misspelt == "plan mine.yaml, line 2, titel: unknown key; did you mean title?; such as `title: Help links`"


def test_read_tells_what_is_asked_only_once_other_faults_are_mended(write):
    def tell(*changes, text=PLAN):
        for old, new in changes:
            text = text.replace(old, new)
        return tell_refusal(lambda: plan.read(write(text))).splitlines()

    role = f"  line 15, metrics.activated.role: should be {ROLES}; did you mean primary?"
    wrong, large = ("role: primary", "role: primry"), ("worthwhile: 0.02", "worthwhile: 2")
    compared, whole = ("looks: [0.5, 1.0]", "looks: [0.5, 0.2]"), "  line 11, the plan as a whole"
    looks = f"{whole}: looks must rise from above 0 to 1.0, the planned end; such as `looks: [0.5, 1.0]`"
    assert tell(wrong, large, compared) == [
        "plan mine.yaml: 3 faults",
        role,
        "  line 15, metrics.activated: worthwhile and margin are differences of two chances, below 1; 2 would be 200 "
        "points; such as `worthwhile: 0.02`",
        looks,
    ]
    # nothing is told that rests on what was left out: no answers of a metric that is broken
    answers = ("covariates:", "answers: [paid_in]\ncovariates:")
    broken = ("event: paid, horizon_days: 90", "event: paid")
    found = tell(answers, broken, compared)
    places = ["  line 17, metrics.paid_in", "  line 11, the plan as a whole"]
    assert [line.partition(":")[0] for line in found[1:]] == places
    # and of arms first
    assert len(tell(("treatments: [no_links]", "treatments: []"), compared)) == 1


@pytest.mark.parametrize(("kind", "worthwhile", "margin"), [
    ("nps", "worthwhile: 5", "margin: {absolute: 5}"),
    ("amount", "worthwhile: 25", "margin: {absolute: 25}"),
    ("count", "worthwhile: 0.3", "margin: {absolute: 0.3}"),
    ("binary", "worthwhile: 0.02", "margin: {absolute: 0.02}"),
    ("such", "worthwhile: 0.02", "margin: {absolute: 0.3}"),  # no kind: any metric's
])  # fmt: skip
def test_an_example_is_in_the_unit_of_its_metric(write, kind, worthwhile, margin):
    given = PLAN.replace("kind: score, role: guardrail", f"worthwhile: much, kind: {kind}, role: guardrail")
    told = tell_refusal(lambda: plan.read(write(given.replace("margin: {absolute: 0.1}", "margin: 0.1"))))
    assert f"metrics.csat.worthwhile: should be a number; such as `{worthwhile}`" in told
    assert f"metrics.csat.margin: should hold keys of its own; such as `{margin}`" in told


def test_a_misspelt_value_and_a_misspelt_file_are_told_with_the_nearest_one(write):
    given = PLAN.replace("kind: binary, role: primary", "kind: binray, role: primry")
    kinds = f"{', '.join(map(repr, [*KINDS][:-1]))} or {[*KINDS][-1]!r}"
    assert tell_refusal(lambda: plan.read(write(given))).splitlines()[1:] == [
        f"  line 15, metrics.activated.kind: should be {kinds}; did you mean binary?",
        f"  line 15, metrics.activated.role: should be {ROLES}; did you mean primary?",
    ]
    file = write(PLAN, "essai.yaml").replace("essai", "esai")
    assert tell_refusal(lambda: plan.read(file)) == "plan esai.yaml: no such file; did you mean essai.yaml?"


@pytest.mark.parametrize("key", plan.EXAMPLES)
def test_the_right_way_to_write_a_key_is_right(key):
    known = {**plan.ExperimentPlan.model_fields, **plan.Metric.model_fields, **plan.Variant.model_fields}
    known |= {own: own for kind in KINDS.values() for own in kind.keys}
    assert key in known and list(yaml.safe_load(plan.EXAMPLES[key])) == [key]


def test_read_types_every_key(write):
    design = plan.read(write(PLAN)).design
    assert design.as_of == dt.date(2022, 4, 30)
    assert design.cluster is None
    assert design.variant.shares == {"links": 0.5, "no_links": 0.5}
    assert design.metrics["paid_in"].event == ["paid"]
    assert design.metrics["paid_in"].role == "exploratory"
    assert design.alpha == pytest.approx(0.05)
    assert (design.registered, design.randomised_units) == (None, None)
    counted = PLAN + "registered: before\nrandomised_units: {links: 9, no_links: 8}\n"
    assert plan.read(write(counted)).design.randomised_units == {"links": 9, "no_links": 8}
    assert plan.read(write(PLAN + "randomised_units: 17\n")).design.randomised_units == 17
    assert list(design.by_role("primary", "guardrail")) == ["activated", "csat"]


def test_read_records_name_and_checksum(write):
    read = plan.read(write(PLAN))
    assert read.record == {"file": "mine.yaml", "sha256": hashlib.sha256(PLAN.encode()).hexdigest(), "departures": []}


@pytest.mark.parametrize("label", ["no", "on", "007", "1e3", "2020-01-01", "null"])
def test_read_keeps_labels_as_written(write, label):
    text = PLAN.replace("links, treatments", f"{label}, treatments").replace("{links: 0.5", "{" + label + ": 0.5")
    assert plan.read(write(text)).design.variant.control == label


def test_read_split_left_out_is_equal_and_unknown_is_none(write):
    left_out = PLAN.replace(", split: {links: 0.5, no_links: 0.5}", "")
    assert plan.read(write(left_out)).design.variant.shares == {"links": 0.5, "no_links": 0.5}
    unknown = PLAN.replace("{links: 0.5, no_links: 0.5}", "unknown")
    assert plan.read(write(unknown)).design.variant.shares is None


def test_read_departures_are_those_that_differ(write):
    read = plan.read(write(PLAN), departures={"min_cell": 5, "confidence_level": 0.95, "as_of": None})
    assert read.design.min_cell == 5
    assert read.record["departures"] == [{"parameter": "min_cell", "planned": 10, "used": 5}]


@pytest.mark.parametrize(("old", "new", "message"), [
    ("min_cell", "min_cel", "min_cel: unknown key; did you mean min_cell?"),
    ("absolute", "absolut", "metrics.csat.margin.absolut: unknown key; did you mean absolute?"),
    ("title: In-product help links\n", "", "title: left out, and it is needed"),
    ("role: primary", "role:", f"metrics.activated.role: left blank; should be {ROLES}"),
    (", margin: {absolute: 0.1}", "", "metrics.csat: a guardrail needs a margin, and better: higher or lower"),
    (", horizon_days: 90", "", "metrics.paid_in: a time to event needs horizon_days"),
    ("within_days: 28, worth", "from_days: 28, within_days: 28, worth",
     "metrics.activated: from_days begins a window that within_days ends: give within_days, above from_days"),
    ("within_days: 28, worth", "from_days: 7, within_days: 28, column: x, worth",
     "metrics.activated: from_days chooses among events: a column has none"),
    ("horizon_days: 90", "horizon_days: 90, from_days: 7, within_days: 9",
     "metrics.paid_in: a metric of kind time_to_event has no from_days; it is for kind "
     + name_kinds(lambda kind: "from_days" not in kind.lacks)),
    ("within_days: 28, worth", "from_days: 7, worth",
     "metrics.activated: from_days begins a window that within_days ends: give within_days, above from_days"),
    (", denominator: active_days", "", "metrics.per_active: a ratio needs numerator and denominator"),
    ("[no_links]", "[links]", "variant: a label stands twice among control, treatments and observational"),
    ("links: 0.5, no", "links: 0.6, no", "variant: split must be shares above 0 that sum to 1, not 1.1"),
    ("[0.5, 1.0]", "[0.5, 0.9]", "the plan as a whole: looks must rise from above 0 to 1.0, the planned end"),
    ("enrolment_days: 28\nplanned_units: 4000", "", UNSIZED),
    ("planned_units: 4000", "comparisons: links - no_links",
     "the plan as a whole: comparisons are of two treatments, as in b - a"),
    ("treatments: [no_links], split: {links: 0.5, no_links: 0.5}}",
     "treatments: [a, b]}\ncomparisons: [a - links]",
     "the plan as a whole: comparisons are of two treatments, as in b - a or a - b"),
    ("treatments: [no_links], split: {links: 0.5, no_links: 0.5}}",
     "treatments: [a, b]}\ncomparisons: [a - b, b - a]", "the plan as a whole: comparisons name two treatments "
     "twice; the difference turned round is the same one"),
    ("planned_units: 4000", "registered: later", "registered: should be 'before' or 'after'"),
    ("planned_units: 4000", "randomised_units: {links: 9}",
     "the plan as a whole: randomised_units must be one number, or name exactly the control and the treatments"),
    # a misspelt key explains the key that is missing, not the other way round
    ("control:", "contrl:", "variant.contrl: unknown key; did you mean control?"),
    ("2022-04-30", "30/04/2022", "as_of: should be a day such as 2022-04-30"),
    ("2022-04-30", "2022-04-30 10:00", "as_of: should be a day such as 2022-04-30"),
    ("within_days: 28, worth", "within_days: 28 days, worth", "metrics.activated.within_days: should be a number"),
    ("worthwhile: 0.02", "worthwhile: inf", "metrics.activated.worthwhile: should be a finite number"),
    ("min_cell: 10", "min_cell: ten", "min_cell: should be a whole number"),
    ("min_cell: 10", "time_zone: Rome",
     "time_zone: no time zone is called so; write one such as Europe/Rome or UTC"),
    ("min_cell: 10", "decimal: ;", "decimal: should be ',' or '.'"),
    ("segments: [country]", "acknowledge: {srm: }",
     "acknowledge.srm: left blank; give the reason, which the report prints"),
    ("[country]", "[week]",
     "the plan as a whole: the segment week is kept for the week of assignment; rename the column"),
    ("planned_units: 4000", "answers: [actvated, csat]", "the plan as a whole: answers names no metric: actvated; "
     "did you mean activated?"),
    ("[country]", "[variant]",
     "the plan as a whole: the column variant has two uses; unit_id and variant.column have one each"),
    ("[seats]", "[csat]",
     "the plan as a whole: the covariate csat is an outcome too; covariates are measured before assignment"),
    ("{absolute: 0.1}", "{relative: 0.1}", "metrics.csat: a margin for a score or nps must be absolute"),
    ("missing: unknown", "scale: ordered, quantile: 0.9",
     "metrics.csat: give either a quantile or scale: ordered, whose levels have no distances"),
    ("missing: unknown", "quantile: 1", "metrics.csat.quantile: should be less than 1"),
    ("missing: unknown", "quantile: 0", "metrics.csat.quantile: should be greater than 0"),
    ("kind: score, role: guardrail, better: higher, margin: {absolute",
     "kind: amount, quantile: 0.9, role: guardrail, better: higher, margin: {relative",
     "metrics.csat: a margin for a quantile must be absolute, as a quantile has no lift"),
    ("kind: score, role: guardrail, better: higher, margin: {absolute: 0.1}, missing: unknown",
     "kind: time_to_event, horizon_days: 30, role: guardrail, better: higher, margin: {relative: 0.1}",
     "metrics.csat: a margin for a time to an event must be absolute, such as 0.02, as it has no lift"),
    ("{absolute: 0.1}, missing: unknown", "{absolute: 1.5}, scale: ordered",
     "metrics.csat: worthwhile and margin are differences of two chances, below 1; 1.5 would be 150 points"),
    ("{absolute: 0.1}, missing: unknown", "{absolute: 4}, scale: [1, 5]",
     "metrics.csat: worthwhile and margin are within its scale, below 4"),
    ("worthwhile: 0.02", "worthwhile: 2",
     "metrics.activated: worthwhile and margin are differences of two chances, below 1; 2 would be 200 points"),
    ("kind: score, role: guardrail, better: higher, margin: {absolute: 0.1}",
     "kind: amount, role: guardrail, better: higher, margin: {relative: 1}",
     "metrics.csat: a relative margin of 1 or more tolerates that all is lost; give a share below 1, such as 0.05"),
    ("kind: score, role: guardrail, better: higher, margin: {absolute: 0.1}",
     "kind: count, role: guardrail, better: lower, margin: {relative: 5}",
     "metrics.csat: a relative margin of 1 or more tolerates that it doubles; give a share below 1, such as 0.05"),
    ("missing: unknown", "scale: [5, 1]",
     "metrics.csat: scale begins with the lowest answer, and the highest is above it"),
    ("missing: unknown", "missing: zero, scale: [1, 5]",
     "metrics.csat: missing: zero lies outside the scale; write missing: unknown"),
    ("missing: unknown", "scale: [1, 3, 5]",
     "metrics.csat.scale: should be numeric, ordered, or the lowest and the highest answer, such as [1, 5]"),
    ("event: paid, horizon_days: 90", "competing: x, horizon_days: 90, event: [x, paid]",
     "the plan as a whole: an event of paid_in stands among those that compete with it; keep it in one list"),
    ("event: paid, horizon_days: 90", "horizon_days: 90, competing: paid_in",
     "the plan as a whole: an event of paid_in stands among those that compete with it; keep it in one list"),
    (KIND, "kind: count, quantile: 0.5, time_at_risk: days, within",
     "metrics.activated: give either a quantile or time_at_risk; a rate is a mean"),
    (KIND, "kind: count, quantile: 0.5, within",
     f"the plan as a whole: the ratio per_active needs parts of kind {name_kinds(is_part)}, and no quantile "
     "or rate"),
    (KIND, "kind: count, time_at_risk: days, within",
     f"the plan as a whole: the ratio per_active needs parts of kind {name_kinds(is_part)}, and no quantile "
     "or rate"),
    ("  csat:", "  calls: {kind: count, time_at_risk: activated}\n  csat:",
     f"the plan as a whole: the time at risk of calls must be of kind {name_kinds(is_time)}, and no quantile "
     "or rate"),
    ("  csat:", "  calls: {kind: count, time_at_risk: calls}\n  csat:",
     f"the plan as a whole: the time at risk of calls must be of kind {name_kinds(is_time)}, and no quantile "
     "or rate"),
])  # fmt: skip
def test_read_refuses_with_the_place_and_the_cure(refusal, old, new, message):
    told = re.sub(r"line \d+, |; such as `.*`|plan mine.yaml, ", "", refusal(old, new))
    assert message in [line.strip() for line in told.splitlines()]


def test_read_refuses_a_missing_file(tmp_path):
    told = tell_refusal(plan.read, str(tmp_path / "nothing.yaml"))
    assert told.startswith("plan nothing.yaml: no such file; ")
    long = f"{'long' * 99}.yaml"  # than a file may be called
    assert tell_refusal(lambda: plan.read(long)).startswith(f"plan {long}: no such file; ")


def test_read_takes_a_plan_from_a_pipe(tmp_path):
    pipe = tmp_path / "plan.yaml"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(PLAN,), daemon=True)
    writer.start()
    assert plan.read(str(pipe)).design.title
    writer.join()


def test_a_misspelt_key_within_an_outcome_is_told(write):
    text = (paths.PLANS / "guide_accounts.yaml").read_text().replace("lost_at:", "lost_att:")
    told = tell_refusal(lambda: plan.read(write(text), kind="framework"))
    assert re.search(r"outcomes.retained.lost_att: .*did you mean lost_at", told)


def test_read_refuses_a_repeated_key(refusal):
    told = refusal("title: In", "unit: x\ntitle: In")
    assert told == "plan mine.yaml: the key 'unit' stands twice (line 5); keep one"


def test_read_refuses_broken_yaml(refusal):
    said = "plan mine.yaml, line {}: not readable as YAML; "
    told = refusal("title: In-product", "title: 'In-product")
    assert told == said.format(22) + "check indentation, quotes, colons and keys that stand twice"
    assert refusal("title: In-product", "\ttitle: In-product") == said.format(2) + "a tab indents it; write spaces"
    told = refusal("title: In-product", "title: Help: In-product")
    assert told == said.format(2) + "check its indentation, and put quotes around text that holds a colon"


def test_read_refuses_another_kind(refusal):
    expected = "plan mine.yaml, kind: framework; this study needs kind: experiment; in Python read_plan(..., "
    assert refusal("kind: experiment", "kind: framework") == f"{expected}kind='framework') reads this one"


def test_read_takes_a_path_and_refuses_what_is_no_plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "customers.csv"
    file.write_text("customer,arm\n1,old\n")
    empty = "plan customers.csv: holds no keys; `studies plan` drafts one from a table"
    assert {tell_refusal(plan.read, named) for named in (file, str(file), file.name)} == {empty}
    cure = "no plan; give the path of a YAML file, a plan's name, or a dict"
    assert tell_refusal(plan.read, "kind: experiment\ntitle: Help") == f"plan (str): {cure}"
    assert tell_refusal(plan.read, [1]) == f"plan (list): {cure}"


@pytest.mark.parametrize(("keys", "outcome", "method"), [
    ({"kind": "score"}, "y", "welch"),
    ({"kind": "score", "scale": "ordered"}, "y", "brunner-munzel"),
    ({"kind": "count", "quantile": 0.9}, "y", "order statistics"),
    ({"kind": "count", "time_at_risk": "days"}, "num", "delta"),  # a rate is a ratio of two means
    ({"kind": "ratio", "numerator": "a", "denominator": "b"}, "num", "delta"),
    ({"kind": "time_to_event", "horizon_days": 9, "competing": "left"}, "time", SHARE),
])  # fmt: skip
def test_metric_is_of_its_kind_in_the_form_that_its_keys_ask_for(keys, outcome, method):
    how = plan.Metric.model_validate(keys).how
    assert (how.outcome, how.method, how.is_mean) == (outcome, method, method in ("welch", "delta"))


def test_label_of_is_the_label_else_the_name_in_words():
    metrics = {"paid_in": {"kind": "binary"}, "spend": {"kind": "amount", "quantile": 0.5, "label": "money spent"}}
    metrics["back"] = {"kind": "binary", "from_days": 7, "within_days": 14}
    fields = {"kind": "experiment", "title": "t", "question": "q", "unit_id": "id", "metrics": metrics}
    fields["variant"] = {"column": "v", "control": "c", "treatments": "t"}
    design = plan.ExperimentPlan.model_validate(fields)
    assert [design.label_of(name) for name in metrics] == ["paid in", "money spent (median)", "back (day 7 to 14)"]
