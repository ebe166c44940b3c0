"""`studies plan`: what it guesses of columns and events, and that what it drafts runs."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from helpers import plan as plans
from helpers.cli.drafting import _name_unit
from helpers.cli.guessing import guess_kind, is_loss, read_clocks
from helpers.cli.reporting import WORKSPACE

TELCO = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ibm_telco_churn_FICTIONAL.csv"
MADE = 400  # units of the hand-made experiment


def draft(studies, table, *more):
    """Return the drafted plan's text."""
    status, shown, message = studies("plan", table, "--unit-id", "customer_id", "--variant", "variant", *more)
    assert (status, message) == (0, "")
    return shown


def test_plan_is_refused_with_a_blank_role_and_read_with_a_filled_one(studies, table, tmp_path):
    file, text = tmp_path / "drafted.yaml", draft(studies, table)
    assert "needs one: margin: {absolute: 0.3} in the metric's unit, or {relative: 0.05}" in text
    assert "# assigned_at: joined " in text and "# segments: [country]" in text
    file.write_text(text)
    status, _, message = studies("check", table, "--plan", file)
    should = "left blank; should be 'primary', 'secondary', 'guardrail' or 'exploratory'"
    lines = message.splitlines()
    blank = [n for n, line in enumerate(text.splitlines(), 1) if line.strip().startswith("role:  ")]
    assert (status, lines[0]) == (2, f"studies: plan drafted.yaml: {len(blank)} faults")
    assert lines[1] == f"  line {blank[0]}, metrics.activated.role: {should}; such as `role: primary`"
    assert [int(re.search(r"line (\d+)", line)[1]) for line in lines[1:]] == blank
    file.write_text(text.replace("    role: ", "    role: secondary"))
    design = plans.read(str(file)).design
    assert (design.unit, design.variant.arms) == ("customer", ["old", "new"])  # a word for what was before comes first
    kinds = {name: metric.kind for name, metric in design.metrics.items()}
    assert kinds == {"activated": "binary", "tickets": "count", "revenue": "amount"}


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


@pytest.mark.parametrize("example", ["plan.yaml", "framework.yaml"])
def test_plan_takes_the_place_of_an_untouched_example_and_of_nothing_else(studies, table, tmp_path, example):
    file = tmp_path / "plan.yaml"
    file.write_text((WORKSPACE / example).read_text())
    draft(studies, table, "--to", file)
    drafted = file.read_text()
    assert "activated" in drafted
    message = "studies: plan.yaml: exists already; name a new file\n"
    again = studies("plan", table, "--unit-id", "customer_id", "--variant", "variant", "--to", file)
    assert again == (2, "", message) and file.read_text() == drafted


def test_plan_is_written_where_a_file_can_be_and_its_next_command_runs_as_it_is_told(studies, table, tmp_path):
    spaced = table.rename(tmp_path / "an export.csv")
    given = "plan", spaced, "--unit-id", "customer_id", "--variant", "variant", "--to"
    assert studies(*given, tmp_path / "gone" / "p.yaml") == (2, "", "studies: gone: no such folder; make it first\n")
    assert studies(*given, tmp_path) == (2, "", f"studies: {tmp_path.name}: exists already; name a new file\n")
    _, shown, _ = studies(*given, tmp_path / "p.yaml")
    told = f"studies check '{spaced}' --plan {tmp_path / 'p.yaml'}"
    assert shown == f"{tmp_path / 'p.yaml'}: decide every role, then {told}\n"
    with pd.ExcelWriter(tmp_path / "u.xlsx") as book:
        for sheet in ("May", "June"):
            pd.read_csv(spaced).to_excel(book, sheet_name=sheet, index=False)
    _, shown, _ = studies(*given[:1], tmp_path / "u.xlsx", "--table", "May", "--to", tmp_path / "q.yaml")
    assert f"then studies check {tmp_path / 'u.xlsx'} --table May --plan " in shown


@pytest.mark.parametrize(("labels", "control"), [
    (["Concierge", "Holdout"], "Holdout"),
    (["Chat", "control_group"], "control_group"),
    (["b", "a"], "a"),
    (["a new way", "the usual"], "a new way"),  # in order of the alphabet: no word of the two says it
    (["new", "old"], "old"),
    (["A variant", "0"], "0"),  # a letter is no word
    (["A variant", "B, usual"], "A variant"),
    (["a call", "The usual"], "The usual"),  # in order of the alphabet
    (["con chat", "sin ayuda"], "sin ayuda"),  # its first word
    (["grupa kontrolna", "czat"], "grupa kontrolna"),
    (["Chatbot v2", "Holdback"], "Holdback"),
])  # fmt: skip
def test_plan_guesses_the_control_by_a_word_of_its_label(studies, tmp_path, labels, control):
    rows = {"": range(40), "id": [f"u{i}" for i in range(40)], "arm": labels * 20, "paid": [0, 1, 1, 0] * 10}
    pd.DataFrame(rows).to_csv(tmp_path / "t.csv", index=False)
    _, shown, _ = studies("plan", tmp_path / "t.csv")
    assert re.search('  control: "?([^"#]*[^"# ])', shown)[1] == control
    assert "\nunit: unit   # guessed: how its id is called; write what one of them is\n" in shown
    assert "\nunit_id: id   # guessed" in shown  # and not the row's number, which a table in Python leaves behind


def test_plan_refuses_a_misspelt_column_with_the_one_that_is_meant(studies, table):
    said = "no column custmer_id (for --unit-id); did you mean customer_id?; correct the option"
    assert studies("plan", table, "--unit-id", "custmer_id") == (2, "", f"studies: {table.name}: {said}\n")


def test_plan_names_the_time_zone_where_times_without_one_stand_beside_times_with_one(studies, logged, tmp_path):
    units, events = logged
    log, people = pd.read_csv(events), pd.read_csv(units)
    assert "\n# time_zone: Europe/Rome   # left out: UTC\n" in studies("plan", units, "--events", events)[1]
    log.assign(at=log["at"].str.replace(" ", "T") + "Z").to_csv(events, index=False)
    which = "time_zone:   # needed, such as Europe/Rome or UTC: some times of day have a zone and others none\n"
    assert which in studies("plan", units, "--events", events)[1]
    sized = {"company size": ["1-9", "1-9", "10+", "10+"] * 100, "pre_spent": [1.5, 2, 3, 4, 5] * 80}
    # week: the name of the week of assignment, which no segment has
    sized = people.assign(key="onboarding", week=["w1", "w2"] * 200, **sized)
    sized.rename(columns={"assigned_at": "Assigned (UTC)"}).to_csv(units, index=False)
    shown = studies("plan", units, "--events", events)[1]
    assert "time_zone: UTC   # guessed: the name of Assigned (UTC)\n" in shown
    assert "# segments: [company size]" in shown
    before = "covariates: [pre_spent]   # guessed: names that say measured before assignment; only such, "
    assert f"{before}so perhaps [seats]\n" in shown


def test_plan_says_which_columns_it_leaves_out(studies, table):
    rows, said = pd.read_csv(table), "as some of what stands there is no number, no day and no label\n"
    assert f"\n# left out: note, {said}" in draft(studies, table)
    rows = rows.drop(columns="note")
    rows.to_csv(table, index=False)
    assert said not in draft(studies, table)
    rows.assign(Handle=[f"{i}:00:01" for i in range(len(rows))]).to_csv(table, index=False)
    assert f"\n# left out: Handle, {said}" in draft(studies, table)
    many = {f"t{k}": [f"{i}%" for i in range(len(rows))] for k in range(10, 22)}
    rows.assign(**many).to_csv(table, index=False)
    assert f"\n# left out: {', '.join([*many][:10])} and 2 more, {said}" in draft(studies, table)


@pytest.mark.parametrize(("times", "clocks"), [
    (["1735806998", "1735806999.5"], (True, False)),  # seconds since 1970, as text has them
    (["2024-03-01 10:00", "2024-03-01"], (False, True)),
    (["2024-03-01T10:00:00Z", "2024-03-01 10:00:00+01:00"], (True, False)),
    (["2024-03-01"], (False, False)),
])  # fmt: skip
def test_clocks_of_times_are_told_by_their_zone(times, clocks):
    assert read_clocks(pd.Series(times)) == clocks


def test_plan_refuses_a_table_that_cannot_be(studies, tmp_path):
    many = "id,variant\n" + "".join(f"{i},text {i}\n" for i in range(21))
    for content, message in (
        ("id,variant,word\n1,a,x\n2,b,y\n", ": no column holds numbers, so there is no metric to plan; name a table"),
        ("id,variant,n\n1,a,0\n2,A ,1\n", ", column variant: 1 label, and an experiment needs two; name another"),
        (many, ", column variant: more than 20 labels, so it is no variant; name another"),
        ("n,variant\n1,a\n2,b\n",
         ": no column id (for --unit-id); it has, nearest first: variant, n; correct the"),
    ):  # fmt: skip
        (tmp_path / "t.csv").write_text(content)
        status, shown, said = studies("plan", tmp_path / "t.csv", "--unit-id", "id", "--variant", "variant")
        assert (status, shown) == (2, "") and said.startswith(f"studies: t.csv{message} ")


def test_plan_of_many_columns_takes_as_many_steps_as_there_are_columns(studies, tmp_path):
    def count_calls(n):
        values, calls = [f"{i % 7}" if i % 2 else f"{i}.5" for i in range(100)], [0]
        frame = pd.DataFrame({"id": range(100), "arm": ["a", "b"] * 50, **{f"c{i}": values for i in range(n)}})
        frame.to_csv(tmp_path / f"{n}.csv", index=False)

        def count(_frame, event, _):
            calls[0] += event == "call"

        sys.setprofile(count)
        try:
            shown = studies("plan", tmp_path / f"{n}.csv", "--unit-id=id", "--variant=arm")[1]
        finally:
            sys.setprofile(None)
        assert shown.count("kind: amount") == n
        return calls[0]

    count_calls(1)  # what is imported and read once
    fixed = count_calls(1)
    few, many = count_calls(30) - fixed, count_calls(120) - fixed
    assert many < 5 * few  # each beside each other takes sixteen times as many


@pytest.mark.parametrize("label", ["no", "007", "a: b", "#x", "null", 'say "hi"', "è vero", "{x}", "- y", "true"])
def test_plan_keeps_every_label_as_it_is(studies, tmp_path, label):
    frame = pd.DataFrame({"id": range(30), "arm": [label, "zz"] * 15, f"{label}?": [0, 1, 1] * 10})
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert studies("plan", tmp_path / "t.csv", "--unit-id=id", "--variant=arm", "--to", tmp_path / "p.yaml")[0] == 0
    file = tmp_path / "p.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("role:", "role: primary"), encoding="utf-8")
    design = plans.read(str(file)).design
    assert (set(design.variant.arms), list(design.metrics)) == ({label, "zz"}, [f"{label}?"])


def test_guess_kind_by_name_and_range():
    days = [f"2024-01-{day:02d}" for day in range(1, 31)]
    for kind, name, values in (
        ("other", "note", [None, ""]),
        ("other", "row", range(1, 90)),  # a number of its own in every row
        ("other", "plz_id", [7, 8] * 9),
        ("other", "note", [f"text {i}" for i in range(90)]),
        ("binary", "paid", [0, 1, None] * 9),
        ("binary", "paid", [True, False]),
        ("nps", "NPS", range(11)),
        ("nps", "would_recommend", [3.0, 9.0, None]),
        ("nps", "Würden Sie uns empfehlen?", [0, 7, 10]),
        ("nps", "Recommanderiez-vous", [0, 7, 10]),
        ("binary", "ödedi", ["Evet", "Hayır"]),
        ("amount", "Harcama", ["12", "8"] * 9),
        ("score", "nps", [-100, 100]),  # coded already
        ("count", "snaps", range(11)),  # not a word of its name
        ("score", "CSAT", [1, 5, 4]),
        ("score", "q1", [1, 2, 3, 4, 5] * 9),  # every level, and no other number
        ("amount", "paid in", ["$1,234.50", "12,50 €", "1 200"]),
        ("amount", "x", ["1\u202f234,50 zł", "12,50 zł", "-3,00 zł"]),  # whatever money and space the data may have
        ("amount", "x", [-1, 8] * 9),
        ("count", "tickets", [0, 8] * 9),
        ("date", "joined", days),
        ("date", "joined", pd.to_datetime(days)),
        ("other", "Date of birth", days),
        ("other", "dob", pd.to_datetime(days)),
        ("date", "created_at", [1_700_000_000, 1_700_086_400]),
        ("date", "created_at", ["1700000000000"] * 2),
        ("labels", "Region-Team", [*range(1, 40)] * 2),  # codes of places and groups
        ("labels", "Filiale", [3.0, 7.0, None] * 9),
        ("labels", "clinic_no", ["3", "17"] * 9),
        ("labels", "CLUSTER", [1, 2, 3, 4, 5] * 9),
        ("count", "stores visited", [3, 7] * 9),
        ("amount", "store", [3.5, 7] * 9),
        ("count", "customers", [1_700_000_000, 1_700_086_401] * 2),  # its name says no time
        ("date", "Kauf", [1_700_000_000 + 86_400 * (i % 30) for i in range(60)]),  # many, whole, and of our days
        ("date", "Inscrit le", ["15/03/2024", "4/3/2024"]),  # as the data are read: in the one order that fits
        ("date", "Vertragsbeginn", ["3.2.2023 10:00", "15.03.2023 09:30"]),
        ("labels", "day", ["03/02/2024", "04/03/2024"]),  # of two readings
        ("date", "Kauf", [str(1_700_000_000_000 + 86_400 * i) for i in range(60)]),
        ("amount", "revenue", [1_700_000_000 + 86_400 * (i % 30) for i in range(60)]),
        ("other", "order_id", [1_700_000_000 + 86_400 * (i % 30) for i in range(60)]),
        ("count", "visits", [900_000_000 + 86_400 * (i % 30) for i in range(60)]),  # of 1998
        ("labels", "country", ["0", "2", "x"] * 9),
    ):
        assert guess_kind(pd.Series(list(values)), name).kind == kind, name
    scales = {(1, 5): [2, 4], (1, 7): [1, 6], (0, 10): [0, 9], (0, 100): [55]}
    found = [guess_kind(pd.Series(values * 2), "csat").scale for values in scales.values()]
    assert found == [*scales]
    for values, told in (([1, 0], "only 0 and 1"), (["Yes", "no", "YES"], "only no and yes"), (["1", "1.0"], "only 1")):
        assert guess_kind(pd.Series(values * 2), "kept") == ("binary", told, None)
    apart = guess_kind(pd.Series([1, 2, 3, 4, 5, 9] * 2), "csat")
    assert apart == ("score", "its name, and numbers of which one is far from all others", None)
    assert guess_kind(pd.Series([10, 20, 30, 60, 100] * 2), "csat").scale == (0, 100)


@pytest.mark.parametrize(("column", "unit"), [
    ("client_no", "client"),
    ("customer_id", "customer"),
    ("userid", "user"),
    ("id", "unit"),
    ("Kunden-Nr.", "Kunden"),
    ("Kundennr", "Kunden"),
    ("Cust. No", "Cust"),  # "every Cust.." otherwise
    ("N.º cliente", "cliente"),
    ("AccountRef", "Account"),
    ("anonymousId", "user"),
    ("xref", "xref"),
])  # fmt: skip
def test_a_unit_is_called_as_its_id_without_the_word_for_it(column, unit):
    assert _name_unit(column) == unit


LEFT = ("persa_il", "chiusa_il", "Data di chiusura", "perdida_el", "perdue_le", "Fecha de baja", "dada_de_baja")


@pytest.mark.parametrize("name", [*LEFT, "Vertragsende"])
def test_a_date_of_leaving_is_one_in_her_language(name):
    assert is_loss(name)


@pytest.fixture
def logged(tmp_path):
    """Return assignments of 400 people and a log of theirs: paid once, searches often, answers, refunds."""
    start, units, events = pd.Timestamp("2024-01-01 09:00"), [], []
    for i in range(MADE):
        at = start + pd.Timedelta(days=i % 20)
        units.append((f"p{i}", ["B", "A"][i // 20 % 2], at, 3 + i % 5))  # both arms on each day
        found = [("Searched", 1, None), ("Searched", 5, None), ("NPS", 9, i % 11)]
        found += [("Searched", 2, None)] * (i % 5)
        found += [("Paid", 3, 20 + i % 3)] * (i % 3 == 0) + [("assigned", 0, None), ("trial over", 14, None)]
        events += [(f"p{i}", name, at + pd.Timedelta(days=days, hours=1), value) for name, days, value in found]
    pd.DataFrame(units, columns=["person_id", "group", "assigned_at", "seats"]).to_csv(tmp_path / "u.csv", index=False)
    log = pd.DataFrame(events, columns=["person_id", "event", "at", "value"]).sort_values("at")
    log.loc[len(log)] = ["p0", "Searched", pd.Timestamp("2024-03-05 10:00"), None]
    log.to_csv(tmp_path / "e.csv", index=False)
    return tmp_path / "u.csv", tmp_path / "e.csv"


def fill(studies, tmp_path, *arguments):
    """Return the plan that is drafted, with the first metric primary and the others secondary."""
    assert studies("plan", *arguments, "--to", tmp_path / "p.yaml")[0] == 0
    text = (tmp_path / "p.yaml").read_text(encoding="utf-8").replace("role:", "role: primary", 1)
    (tmp_path / "p.yaml").write_text(re.sub(r"role:(?=   #)", "role: secondary", text), encoding="utf-8")
    return plans.read(str(tmp_path / "p.yaml"), kind=None).design


def test_plan_drafts_from_events_what_a_study_answers_once_roles_are_given(studies, logged, tmp_path):
    units, events = logged
    design = fill(studies, tmp_path, units, "--events", events)
    assert (design.unit_id, design.unit, design.variant.column) == ("person_id", "person", "group")
    found = {name: (m.kind, m.within_days) for name, m in design.metrics.items()}
    counted = {"Searched": ("count", 7)}  # that of day 64 is one of a thousand
    assert found == {"NPS": ("nps", 14), **counted, "trial over": ("binary", 28), "Paid": ("amount", 7)}
    log = pd.read_csv(events)
    interim = "; the answer is interim until it is for all"
    for until, told in (("2024-02-03", "13   # guessed: over for 100%"), ("2024-01-24", "7   # guessed: over for 80%")):
        log[log["at"] < until].to_csv(tmp_path / "early.csv", index=False)
        drafted = studies("plan", units, "--events", tmp_path / "early.csv")[1]
        assert f"within_days: {told} of the units by as_of" in drafted
        assert (interim in drafted) == ("100%" not in told)
    assert str(design.as_of) == "2024-03-05" and design.assigned_at == "assigned_at"
    status, shown, message = studies("check", units, "--events", events, "--plan", tmp_path / "p.yaml")
    assert (status, message) == (0, "") and shown.endswith("A study of this table would answer.\n")
    shown = (tmp_path / "p.yaml").read_text(encoding="utf-8")
    assert "# covariates: [seats]" in shown
    assert "within_days: 7   # guessed: over for 100% of the units by as_of, " in shown


def test_plan_finds_what_events_call_their_columns_and_takes_a_column_beside_them(studies, logged, tmp_path):
    units, events = logged
    log = pd.read_csv(events).rename(columns={"person_id": "Who", "event": "What happened", "at": "When"})
    is_paid = log["What happened"] == "Paid"
    log = log.assign(unit="EUR", spent=log["value"].where(is_paid), score=log["value"].where(~is_paid), session_no=7)
    log.drop(columns="value").to_csv(events, index=False)
    people = pd.read_csv(units).assign(Searched=[0, 1, 1, 0] * (MADE // 4))
    people.to_csv(units, index=False)
    design = fill(studies, tmp_path, units, "--events", events)
    own = design.events
    assert (own.unit, own.event, own.at, own.value) == ("Who", "What happened", "When", "score")
    found = {name: (metric.kind, metric.value, metric.column) for name, metric in design.metrics.items()}
    own = {"Paid": ("amount", "spent", None), "Searched_column": ("binary", None, "Searched")}
    others = {"NPS": "nps", "Searched": "count", "trial over": "binary"}  # session_no is no value
    assert found == {name: (kind, None, None) for name, kind in others.items()} | own


def test_plan_takes_the_only_numbers_of_events_as_their_values(studies, logged, tmp_path):
    units, events = logged
    pd.read_csv(events).rename(columns={"value": "Betrag"}).to_csv(events, index=False)
    design = fill(studies, tmp_path, units, "--events", events)
    assert (design.events.value, design.metrics["Paid"].kind) == ("Betrag", "amount")


def test_plan_calls_events_without_names_after_their_file(studies, logged, tmp_path):
    units, events = logged
    log = pd.read_csv(events)
    orders = log[log["event"] == "Paid"].drop(columns="event").assign(store=lambda rows: rows["value"] % 2 + 4)
    orders["sent"] = orders["at"].where(orders.index % 2 == 0)  # an amount and one column with gaps: a row is an event
    orders.to_csv(tmp_path / "orders.csv", index=False)  # a code of a store is no name of an event
    design = fill(studies, tmp_path, units, "--events", tmp_path / "orders.csv")
    assert (design.events.named, list(design.metrics)) == ("orders", ["orders"])


def test_plan_drafts_a_table_with_a_column_of_times_an_event(studies, logged, tmp_path):
    units, events = logged
    log = pd.read_csv(events)
    some = log[log["event"].isin(["Paid", "Searched", "assigned"])]
    wide = some.pivot_table(index="person_id", columns="event", values="at", aggfunc="first").drop(index="p1")
    wide = wide.rename(columns={"Paid": "tarif, bezahlt"}).reset_index(names="Kunde").assign(Land="IT")
    wide.to_csv(tmp_path / "w.csv", index=False)
    shown = studies("plan", units, "--events", tmp_path / "w.csv")[1]
    line = 'events: {unit: Kunde, wide: ["tarif, bezahlt", Searched, assigned]}   # guessed: a column of times an event'
    assert line in shown.splitlines()
    assert "# left out: Land, as no times stand there" in shown.splitlines()
    design = fill(studies, tmp_path, units, "--events", tmp_path / "w.csv")
    kinds = {name: metric.kind for name, metric in design.metrics.items()}
    assert kinds == dict.fromkeys(("Searched", "tarif, bezahlt"), "binary")
    assert str(design.as_of) == max(wide[["Searched", "tarif, bezahlt"]].max())[:10]


@pytest.fixture
def hear(studies, tmp_path):
    """Return a function that drafts of 60 accounts and a table of theirs; gives what the draft says of its columns."""
    days = pd.Series(pd.date_range("2024-01-01", periods=60))
    ids = pd.Series([f"a{i}" for i in range(60)])
    pd.DataFrame({"account_id": ids, "variant": ["old", "new"] * 30, "started": days}).to_csv(tmp_path / "u.csv")

    def heard(columns, study="experiment", times=1):
        told = {}
        for name, column in columns.items():
            shift, every = column if isinstance(column, tuple) else (None, 1)
            told[name] = column if shift is None else (days + pd.Timedelta(days=shift)).where(days.index % every == 0)
        table = pd.concat([pd.DataFrame({"account_id": ids, **told})] * times)
        table.to_csv(tmp_path / "e.csv", index=False)
        shown = studies("plan", tmp_path / "u.csv", "--events", tmp_path / "e.csv", "--study", study)[1]
        return [line for line in shown.splitlines() if line.startswith(("events:", "# left out:"))]

    return heard


GUESSED = "   # guessed: a column of times an event"


@pytest.mark.parametrize("study", ["experiment", "customer_milestones"])
def test_plan_leaves_out_of_wide_events_what_is_none_and_says_why(hear, study):
    wide = {"activated": (3, 2), "paid": (9, 3)}
    assert hear({"birth_date": (-9000, 1), **wide}, study) == [
        f"events: {{wide: [activated, paid]}}{GUESSED}",
        "# left out: birth_date, as a date of birth is no event",
    ]
    assert hear({"Geboren": (2, 1), "first_seen": (-40, 1), "due": (0, 1), "land": "IT", **wide}, study) == [
        f"events: {{wide: [due, activated, paid]}}{GUESSED}",
        "# left out: Geboren, as a date of birth is no event",
        "# left out: first_seen, as most of their dates lie before started",
        "# left out: land, as no times stand there",
    ]
    many = {f"t{k}": k for k in range(12)}
    left = f"# left out: {', '.join([*many][:10])} and 2 more, as no times stand there"
    assert hear({**many, **wide}, study)[1] == left


def test_plan_finds_a_wide_table_by_its_rows_and_labels(hear):
    log = {"created_at": (1, 1), "closed_at": (3, 2), "status": ["open", "closed"] * 30}
    called = "   # guessed: how the event table calls these"
    assert hear(log, times=2) == [f"events: {{event: status, at: created_at}}{called}"]
    events = f"events: {{wide: [created_at, closed_at]}}{GUESSED}"
    assert hear(log) == [events, "# left out: status, as no times stand there"]
    times = {"signed_up": (0, 1), "activated": (3, 2), "paid": (9, 3)}
    wide = f"events: {{wide: [signed_up, activated, paid]}}{GUESSED}"
    assert hear({**times, "age": [*range(20, 50)] * 2}) == [wide, "# left out: age, as no times stand there"]
    assert hear(times, times=2) == [wide]
    one = f"events: {{wide: [paid]}}{GUESSED}"  # each event has a time, so a column with gaps holds one event
    assert (hear({"paid": (9, 3)}), hear({"paid": (9, 3), "plan": "pro"})[0]) == ([one], one)
    log = [f"events: {{at: paid, named: e}}{called}"]
    assert hear({"paid": (9, 1)}) == hear({"paid": (9, 3)}, times=3) == log  # several a unit: a time was lost
    valued = hear({**times, "amount": [5.5, 8] * 30})  # of one event a row
    assert valued == [f"events: {{at: signed_up, value: amount, named: e}}{called}"]


def test_plan_takes_no_date_of_birth_for_a_start_and_says_so(studies, table):
    born = pd.read_csv(table).rename(columns={"joined": "Geburtsdatum"})
    born.to_csv(table, index=False)
    shown = draft(studies, table)
    assert "\n# left out: Geburtsdatum, as a date of birth is no start\n" in shown
    assert not re.search("assigned_at|cluster", shown)  # though each day has one arm


def test_plan_of_a_framework_holds_her_events_and_no_other(studies, tmp_path):
    start = pd.Timestamp("2023-01-02")
    steps = {"Invited a colleague": 2, "API-key: made": 3, "wrote": 1}
    rows, log = [], []
    for i in range(300):
        at = start + pd.Timedelta(days=i % 90)
        rows.append((i + 1, at.date(), 5 + i % 20, ["basic", "pro"][i % 2]))
        days = [("wrote", 2 * k) for k in range(1, 30)] + [(name, 5 + n) for name, n in steps.items() if (i + n) % 3]
        days += [("subscription ended", 150)] * (i % 4 == 0) + [("upgraded", 120)] * (i % 5 == 0)
        days.append(("ticket_closed", 20))
        log += [(i + 1, name, at + pd.Timedelta(days=day, hours=2)) for name, day in days]
    rows = pd.DataFrame(rows, columns=["account_id", "Signup date", "seats", "plan"])
    rows.to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame(log, columns=["account_id", "event", "at"]).to_csv(tmp_path / "e.csv", index=False)
    given = tmp_path / "a.csv", "--events", tmp_path / "e.csv"
    design = fill(studies, tmp_path, *given, "--study", "customer_milestones")
    assert [feature.name for feature in design.features] == ["ticket_closed", "API-key: made", "Invited a colleague"]
    assert (design.started_at, design.size, design.plan_tier) == ("Signup date", "seats", "plan")
    assert (design.activation.event, design.landmarks, design.horizon_days) == (["wrote"], [90], 90)
    assert design.activation.at_least == 30  # everybody writes so often in 90 days
    assert design.outcomes.retained.lost == ["subscription ended"] and design.outcomes.expanded.event == ["upgraded"]
    status, shown, message = studies("check", *given, "--plan", tmp_path / "p.yaml")
    assert (status, message) == (0, "") and shown.endswith("A study of these accounts would answer.\n")
    dates = {"Gekuendigt am": ["2023-08-30", None, "2023-09-11", None] * 75}
    rows.assign(**dates).to_csv(tmp_path / "a.csv", index=False)
    log = pd.DataFrame(log, columns=["account_id", "event", "at"])
    log[log["event"] != "subscription ended"].to_csv(tmp_path / "e.csv", index=False)
    (tmp_path / "p.yaml").unlink()
    design = fill(studies, tmp_path, *given, "--study", "customer_milestones")
    assert (design.outcomes.retained.lost, design.outcomes.retained.lost_at) == ([], "Gekuendigt am")
    dates = {"Last seen": ["2023-08-30", None] * 150, "Trial until": ["2022-12-24", None] * 150, "Seen": "2023-09-01"}
    rows.assign(**dates).to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "p.yaml").unlink()
    assert fill(studies, tmp_path, *given, "--study", "customer_milestones").outcomes.retained.event == ["wrote"]
    shown = (tmp_path / "p.yaml").read_text(encoding="utf-8")
    *_, kept, other, _ = shown.splitlines()
    why = "   # guessed: nothing is called after leaving, so who comes again is kept"
    assert kept == f"  retained: {{event: [wrote], within_days: 90}}{why}"
    # one that is filled, after the start
    assert other == "  # retained: {lost_at: Last seen, within_days: 90}   # instead, if this is when an account left"


@pytest.mark.skipif(not TELCO.exists(), reason=f"{TELCO.name} is not there")
def test_plan_of_a_snapshot_has_who_left_and_after_how_long(studies, tmp_path):
    frame = pd.read_csv(TELCO)
    frame.insert(0, "customerID", [f"C{i:05d}" for i in range(len(frame))])
    frame.to_csv(tmp_path / "t.csv", index=False)
    design = fill(studies, tmp_path, tmp_path / "t.csv", "--study", "customer_milestones")
    assert (design.outcomes.retained.column, design.outcomes.retained.time) == ("churn", "tenure")
    assert [f.name for f in design.features][:3] == ["female", "senior_citizen", "partner"]
    status, shown, _ = studies("check", tmp_path / "t.csv", "--plan", tmp_path / "p.yaml")
    assert status == 0 and shown.endswith("A study of these accounts would answer.\n")


def write_teams(tmp_path):
    """Write 400 people in 40 teams, each of one arm, whose number says the arm too."""
    frame = pd.DataFrame({"user_id": range(1000, 1400), "team": [i % 40 for i in range(400)]})
    frame = frame.assign(arm=["off" if team % 2 else "on" for team in frame["team"]], arm_no=frame["team"] % 2)
    frame = frame.assign(Paid=[0, 1, 1, 0, 1] * 80, spent_before=[1.5, 2, 3, 2] * 100, since=["2024-02-01"] * 400)
    frame.to_csv(tmp_path / "t.csv", index=False)
    return tmp_path / "t.csv"


def test_plan_guesses_the_cluster_and_what_was_before_and_leaves_out_the_arm_said_twice(studies, tmp_path):
    design = fill(studies, tmp_path, write_teams(tmp_path))
    assert (design.unit_id, design.cluster, design.covariates) == ("user_id", "team", ["spent_before"])
    assert design.variant.arms == ["off", "on"] and list(design.metrics) == ["Paid"]
    shown = (tmp_path / "p.yaml").read_text(encoding="utf-8")
    assert "# left out: arm_no, as it says the arm once more\n" in shown
    assert "# assigned_at: since   # if " in shown and "# as_of: 2024-02-01   # last day" in shown


def test_plan_warns_of_a_unit_id_that_is_none(studies, tmp_path):
    table = write_teams(tmp_path)
    pd.read_csv(table).assign(land=["A", "B", "C", "D", "E"] * 80).to_csv(table, index=False)
    for unit, told in (
        ("land", "5 values in 400 rows, so that it is no id of a unit"),
        ("team", "360 rows with an id that stands in another row too, and a plan needs one row a unit; it looks like "
         "events, which --events names beside a table of the units"),
    ):  # fmt: skip
        status, shown, message = studies("plan", table, "--unit-id", unit, "--variant", "arm")
        assert (status, message) == (0, f"studies: t.csv, column {unit}: {told}\n")
        assert f"unit_id: {unit}   # {told}\n" in shown


def test_plan_takes_numbers_that_one_arm_alone_has_as_a_metric_and_no_cluster(studies, tmp_path):
    table = write_teams(tmp_path)
    frame = pd.read_csv(table).drop(columns=["Paid", "team"])
    spent = (1.5 * frame.index.to_series() % 15).where(frame["arm"] == "on")
    frame.assign(Betrag=spent).to_csv(table, index=False)
    design = fill(studies, tmp_path, table, "--unit-id", "user_id", "--variant", "arm")
    assert (design.cluster, list(design.metrics)) == (None, ["Betrag"])


def test_plan_refuses_what_nothing_can_be_guessed_of(studies, logged, tmp_path):
    units, events = logged
    people, log = pd.read_csv(units), pd.read_csv(events)
    (tmp_path / "x.csv").write_text("word,n\na,1\na,2\n")
    (tmp_path / "a.csv").write_text("id,n\n1,5\n2,7\n")
    people.drop(columns="assigned_at").to_csv(tmp_path / "undated.csv", index=False)
    log.drop(columns="at").to_csv(tmp_path / "timeless.csv", index=False)
    log.assign(person_id="q").to_csv(tmp_path / "strange.csv", index=False)
    log[log["event"] == "Paid"].assign(event="churned").to_csv(tmp_path / "gone.csv", index=False)
    milestones = "--study", "customer_milestones"
    for arguments, message in (
        (["x.csv"], "x.csv: no column looks like the id of a unit; name it with --unit-id"),
        (["a.csv"], "a.csv: no column looks like the arm as assigned; name it with --variant"),
        (["undated.csv", "--events", events],
         "undated.csv: no column holds days such as 2024-04-30, and events need the time of assignment; add it"),
        ([units, "--events", units], "u.csv: the table and its events are one file; name another in --events, or none"),
        ([units, "--events", "timeless.csv"],
         "timeless.csv: no column holds days such as 2024-04-30, and an event needs its time; name a table with one"),
        (["a.csv", *milestones],
         "a.csv: without events a framework needs a column of 0 and 1 called after leaving, such as churned, and a "
         "number of days or months called after it, such as tenure; or give --events"),
        (["undated.csv", "--events", events, *milestones],
         "undated.csv: no column holds days such as 2024-04-30, and events need the start of each account; add it"),
        ([units, "--events", "gone.csv", *milestones],
         "gone.csv: no event but losses and growth, so there is no milestone to plan; give more events"),
    ):  # fmt: skip
        paths = [tmp_path / word if str(word).endswith(".csv") else word for word in arguments]
        assert studies("plan", *paths) == (2, "", f"studies: {message}\n")


def test_a_draft_a_blank_role_and_a_check_import_only_what_they_use(tmp_path):
    """What it takes to import is most of the time that they take."""
    frame = pd.DataFrame({"id": range(600), "arm": ["old", "new"] * 300, "paid": [0, 1, 1] * 200})
    frame.assign(spent=[1.5, 2.5, 0] * 200, tickets=[1, 2, 3, 9] * 150).to_csv(tmp_path / "t.csv", index=False)
    table, drafted, filled = (str(tmp_path / name) for name in ("t.csv", "p.yaml", "filled.yaml"))
    heavy = {"scipy", "helpers.inference", "helpers.simulate", "helpers.examples"}
    unused = {"scipy.stats", "scipy.optimize", "helpers.simulate", "matplotlib", "statsmodels", "pingouin", "sklearn"}
    for words, status, none in (
        (["plan", table, "--to", drafted], 0, heavy),
        (["check", table, "--plan", drafted], 2, heavy | {"pandas", "ibis"}),
        (["check", table, "--plan", filled], 0, unused),
    ):
        code = f"import sys; from helpers import cli; status = cli.main(sys.argv[1:]); used = {none} & set(sys.modules)"
        code += "; sys.exit(status if not used else f'imports {used}')"
        assert subprocess.run([sys.executable, "-c", code, *words], capture_output=True).returncode == status
        (tmp_path / "filled.yaml").write_text((tmp_path / "p.yaml").read_text().replace("role:", "role: primary"))
