import pytest

from helpers import plan as plans
from helpers.cli import drafting, workspace


def draft(studies, table, *more):
    """Return the drafted plan's text."""
    status, shown, message = studies("plan", table, "--unit-id", "customer_id", "--variant", "variant", *more)
    assert (status, message) == (0, "")
    return shown


def test_plan_guesses_the_kinds_and_leaves_out_what_is_no_metric(studies, table):
    text = draft(studies, table)
    kinds = {line.split("#")[0].strip() for line in text.splitlines() if line.startswith("    kind:")}
    assert kinds == {"kind: binary", "kind: count", "kind: amount"}
    names = [line.strip(" :") for line in text.splitlines() if line.startswith("  ") and line.endswith(":")]
    assert [n for n in names if not n.startswith("#")] == ["activated", "tickets", "revenue"]
    assert "control: old " in text  # not the first of the alphabet: a word for what was there before
    assert "# assigned_at: joined " in text
    assert "# segments: [country]" in text


def test_plan_with_a_blank_role_is_refused_and_a_filled_one_is_read(studies, table, tmp_path):
    file = tmp_path / "drafted.yaml"
    draft(studies, table, "--to", file)
    status, _, message = studies("check", table, "--plan", file)
    should = "should be 'primary', 'secondary', 'guardrail' or 'exploratory'"
    assert (status, message) == (2, f"studies: plan drafted.yaml, metrics.activated.role: {should}\n")
    file.write_text(file.read_text().replace("    role: ", "    role: secondary"))
    design = plans.read(str(file)).design
    assert (design.unit, design.variant.arms) == ("customer", ["old", "new"])
    assert {name: metric.kind for name, metric in design.metrics.items()} == {
        "activated": "binary",
        "tickets": "count",
        "revenue": "amount",
    }


def test_plan_shows_every_further_key_of_a_metric_as_a_plan_takes_it(studies, table, tmp_path):
    text = draft(studies, table)
    lines = text.partition("metrics:")[2].splitlines()
    shown = [line.strip(" #").split("   # ") for line in lines if line.startswith("  # ") and "   # " in line]
    assert [key.split(":")[0] for key, _ in shown] == ["quantile", "scale", "time_at_risk", "competing"]
    head = text.replace("    role:", "    role: secondary")
    for key, told in shown:
        for kind in told.split(":")[0].replace(" or ", ", ").split(", "):
            more = ", horizon_days: 30" if kind == "time_to_event" else ""
            (tmp_path / "p.yaml").write_text(f"{head}  further: {{kind: {kind}, role: secondary, {key}{more}}}\n")
            further = plans.read(str(tmp_path / "p.yaml")).design.metrics["further"]
            assert getattr(further, key.split(":")[0])


def test_plan_refuses_to_write_over_a_file(studies, table, tmp_path):
    (tmp_path / "hers.yaml").write_text("hers")
    arguments = ["plan", table, "--unit-id", "customer_id", "--variant", "variant", "--to", tmp_path / "hers.yaml"]
    assert studies(*arguments) == (2, "", "studies: hers.yaml: exists already; name a new file\n")
    assert (tmp_path / "hers.yaml").read_text() == "hers"


def test_plan_takes_the_place_of_an_untouched_example(studies, table, tmp_path):
    (tmp_path / "plan.yaml").write_text(workspace.PLAN)
    draft(studies, table, "--to", tmp_path / "plan.yaml")
    assert "activated" in (tmp_path / "plan.yaml").read_text()


@pytest.mark.parametrize(
    ("unit_id", "variant", "message"),
    [
        ("nosuch", "variant", None),  # a column that the table lacks
        (
            "customer_id",
            "note",
            "customers.csv, column note: more than 20 labels, so it is no variant; name another column",
        ),
    ],
)
def test_plan_refuses_columns_that_cannot_be(studies, table, unit_id, variant, message):
    missing = (
        "customers.csv: no column nosuch (for --unit-id); it has, nearest first: note, country, customer_id, joined, "
        "tickets, revenue, variant, activated; correct the plan or the table"
    )
    status, _, said = studies("plan", table, "--unit-id", unit_id, "--variant", variant)
    assert status == 2
    assert (said == f"studies: {message}\n") if message else sorted(said) == sorted(f"studies: {missing}\n")


def test_plan_refuses_a_table_without_numbers(studies, tmp_path):
    (tmp_path / "t.csv").write_text("id,variant,word\n" + "".join(f"{i},{'ab'[i % 2]},x\n" for i in range(30)))
    message = "studies: t.csv: no column holds numbers, so there is no metric to plan; name a table with outcomes\n"
    assert studies("plan", tmp_path / "t.csv", "--unit-id", "id", "--variant", "variant") == (2, "", message)


def test_plan_refuses_one_variant(studies, tmp_path):
    (tmp_path / "t.csv").write_text("id,variant,n\n1,a,0\n2,A ,1\n")  # one label after trimming and case folding
    message = "studies: t.csv, column variant: 1 label, and an experiment needs two; name another column\n"
    assert studies("plan", tmp_path / "t.csv", "--unit-id", "id", "--variant", "variant") == (2, "", message)


@pytest.mark.parametrize("label", ["no", "007", "a: b", "#x", "null", 'say "hi"', "è vero", "{x}", "- y", "true"])
def test_write_draft_keeps_every_label_as_it_is(label, tmp_path):
    profile = drafting.Profile(known=4, distinct=2, numbers=4, whole=4, dates=0, low=0.0, high=1.0)
    text = drafting.write_draft("id", label, [label, "zz"], {label: profile}, file="t.csv")
    (tmp_path / "p.yaml").write_text(text.replace("role:", "role: primary"), encoding="utf-8")
    design = plans.read(str(tmp_path / "p.yaml")).design
    assert (design.variant.column, design.variant.control, list(design.metrics)) == (label, label, [label])


@pytest.mark.parametrize(
    ("profile", "kind"),
    [
        ((0, 0, 0, 0, 0, None, None), "other"),  # nothing known
        ((90, 2, 90, 90, 0, 0.0, 1.0), "binary"),
        ((90, 9, 90, 90, 0, 0.0, 8.0), "count"),
        ((90, 9, 90, 90, 0, -1.0, 8.0), "amount"),  # below 0
        ((90, 9, 90, 80, 0, 0.0, 8.0), "amount"),  # fractions
        ((90, 90, 90, 90, 0, 1.0, 90.0), "other"),  # a number of its own in every row is an id
        ((90, 90, 0, 0, 90, None, None), "date"),
        ((90, 3, 89, 89, 0, 0.0, 2.0), "labels"),  # one text among numbers
        ((90, 90, 0, 0, 0, None, None), "other"),  # free text
    ],
)
def test_profile_guess(profile, kind):
    assert drafting.Profile(*profile).guess[0] == kind
