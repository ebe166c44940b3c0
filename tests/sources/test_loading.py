"""From any table to one row a unit or an account: what is refused, what is left out and counted, what is said."""

import datetime as dt
import hashlib

import duckdb
import pandas as pd
import pytest
from made_sources import make_design
from sources_samples import FIVE, PLAN, tell_refusal

from helpers import sources
from helpers.records import Refused

KINDS = PLAN.partition("  spend")[0] + "  done: {kind: binary}\n  nps: {kind: nps}\n"
TEAMS = PLAN.replace("metrics:", "cluster: team\nmetrics:")
THREE = PLAN.replace("[new]", "[new, newer]")
HEAD = "user_id,variant,spend\n"
INFINITE = ", column spend: 1 infinite value; leave a cell empty where it is unknown"
SHARED = "rounded, or kept as decimal numbers, so that different units can share one; export the column as text"
OFF = "correct them, or change the plan"
NONE = "name the column of the variant in the plan"


def values(source, *columns):
    """Return columns of the units in order of the id, with None for missing."""
    frame = source.units.order_by("unit").to_pyarrow().to_pydict()
    return [frame[c] for c in columns] if len(columns) > 1 else frame[columns[0]]


def test_load_a_small_table_by_hand(load):
    source = load()
    found = [list("12345"), ["old", "old", "new", "new", "new"], [1.0, 2.0, 3.0, 4.5, None]]
    assert values(source, "unit", "variant", "spend") == found
    info = source.info
    assert (info.kind, info.source, info.rows, info.units) == ("yours", "units.csv", 5, 5)
    assert info.units_by_variant == {"old": 2, "new": 3}
    assert info.sha256 == hashlib.sha256(FIVE.encode()).hexdigest()
    assert info.messages == ("units.csv: comma-separated",)
    assert (source.n_assigned, source.n_two_variants, source.n_duplicates, source.truth) == (5, 0, 0, None)
    assert source.events is None


REFUSALS = [  # the table, what is said after its name; by another plan its text
    ("", ": the file is empty; export it again"),
    (HEAD, ": columns and no rows; export it again"),
    (HEAD.rstrip("\n"), ": columns and no rows; export it again"),
    (HEAD.replace("spend", "spent") + "1,old,2\n",
     ": no column spend (for metric spend); it has, nearest first: spent, user_id, variant; "
     "correct the plan or the table"),
    (FIVE + "5,new,7\n",
     ", column user_id: 1 unit more than once, with different rows; give one row a unit, or its events as events"),
    (HEAD + "1,old,1\n2,old,2\n",
     ", column variant: one variant only (old); a comparison needs control and a treatment"),
    (HEAD + "1,new,1\n2,newer,1\n", ", column variant: no unit in control, old; give the units of control too", THREE),
    (HEAD.replace("\n", ",team\n") + "1,old,1,x\n2,new,2,x\n3,old,1,y\n4,new,2,y\n",
     ", column variant: one variant only (none) once 4 units whose team stands in two variants are left out; "
     "a comparison needs control and a treatment", TEAMS),
    (HEAD.replace("\n", ",team\n") + "1,old,1,a\n2,new,1,\n",
     ", column team: 1 row without a value; the plan needs one in each row", TEAMS),
    (FIVE + "6,nwe,7\n7,nwe,7\n",
     ", column variant: 2 rows with a label that the plan does not name: nwe (nearest: new); correct the table, or "
     "name the label in the plan (variant.observational holds groups outside the randomisation)"),
    (FIVE + "6,zoe@example.org,7\n",  # an address in place of a variant
     ", column variant: 1 row with a label that the plan does not name; correct the table, or name the label in the "
     "plan (variant.observational holds groups outside the randomisation)"),
    # a plan that names a column of addresses: none is shown
    (HEAD + "".join(f"{i},zoe{i}@example.org,1\n" for i in range(21)),
     ", column variant: 21 different labels that the plan does not name, so that it is no column of variants; "
     f"{NONE}"),
    (HEAD + "".join(f"{i},label{i},1\n" for i in range(1001)),
     f", column variant: more than 1,000 different labels; {NONE}"),
    (FIVE + "6,new,canary\n7,new,canary\n",
     ", column spend: 2 rows with text where a number is needed; correct them, or leave a cell empty where it is "
     "unknown"),
    (FIVE + "6,new,-Infinity\n", INFINITE),
    (FIVE + "6,new,1e999\n", INFINITE),
    (FIVE + ",new,7\n ,new,8\n",
     ", column user_id: 2 rows without an id; give each row its unit, or leave those rows out"),
    (FIVE + "6,,7\n",
     ", column variant: 1 row without a variant; give each unit the one it was assigned to, or leave out units "
     "never assigned"),
    (HEAD + "1.0,old,1\n2.0,new,1\n", f", column user_id: 2 ids {SHARED}"),
    ("user_id,variant,done,nps\n1,old,1,10\n2,new,2,3\n",
     f", column done: 1 row with another value than 0 and 1 (or yes and no), for metric done; {OFF}", KINDS),
    ("user_id,variant,done,nps\n1,old,Y,10\n2,new,perhaps,3\n",
     ", column done: 1 row with text where a number is needed; write 1 and 0, or yes and no, or leave a cell empty "
     "where it is unknown", KINDS),
    ("user_id,variant,done,nps\n1,old,1,10\n2,new,1,11\n",
     f", column nps: 1 row with another value than whole numbers from 0 to 10, for metric nps; {OFF}", KINDS),
]  # fmt: skip


@pytest.mark.parametrize("row", REFUSALS, ids=range(len(REFUSALS)))
def test_load_refuses_with_one_message(refusal, row):
    table, fault, *plan_text = row
    assert refusal(table, plan_text=(plan_text or [PLAN])[0]) == f"units.csv{fault}"


def test_load_says_that_a_planned_variant_is_empty(load):
    source = load(plan_text=THREE)
    assert source.info.units_by_variant == {"old": 2, "new": 3, "newer": 0}
    assert "units.csv, column variant: no unit in newer" in source.info.messages


def test_load_drops_exact_duplicates_and_counts_them(load):
    source = load(FIVE + "5,new,\n1,old,1\n")
    assert (source.n_duplicates, source.n_assigned, source.info.rows, source.info.units) == (2, 5, 7, 5)
    assert source.info.steps == (
        ("read", 7, "rows of the table"),
        ("exact duplicates dropped", 2, "rows that repeat another in every column"),
        ("in two variants, left out", 0, "rows of 0 units"),
        ("kept", 5, "one row a unit"),
    )


LOGS = PLAN.replace("unit_id", "assigned_at: seen\nunit_id")
ROWS = "".join(f"{i},{'new' if i % 2 else 'old'},{i}\n" for i in range(300))
SEEN = "".join(f"{i},{'new' if i % 2 else 'old'},{i},2024-01-0{1 + i % 3},/{i}\n" for i in range(90))
TWICE = ROWS + "".join(f"{i},{'old' if i % 2 else 'new'},{i}\n" for i in range(9))  # 9 of 300 units in both arms
NUMBERED = "".join(f"{i % 10},{'new' if i // 10 % 2 else 'old'},{i},team{i // 10}\n" for i in range(60))
MEND = "give one row a unit with their sum, or the rows as events; of a log of exposures keep the first row of each "
MEND += "unit, "
REPEATS = {
    "orders at one price": (HEAD + ROWS + ROWS[: ROWS.index("7,new")], PLAN,  # 7 of 307, above 2 %
     ": 7 of 307 rows repeat another in every column, so that it has several rows a unit, such as one an order; "
     f"{MEND}and of rows that were exported twice one"),
    "a log of exposures": (HEAD.replace("\n", ",seen,page\n") + SEEN + SEEN.replace("2024-01", "2024-02").replace(",/",
     ",/again"), LOGS,
     ", column user_id: 90 units more than once, in rows that differ in times or in columns outside the plan alone, "
     "like a log of exposures; keep the first row of each unit, or one row with their sum where each is an order"),
    # the planned amount differs too: the first row would lose money
    "orders with a time": (HEAD.replace("\n", ",seen,page\n") + SEEN + SEEN.replace(",2024-01", "1,2024-02"), LOGS,
     ", column user_id: 90 units more than once, with different rows; give one row a unit, or its events as events"),
    "units in both arms": (HEAD + TWICE + ROWS.replace("\n", "0\n"), PLAN,
     ", column user_id: 9 units of 300 in two variants, and others in several rows; find out why, and give each "
     "unit one row in the variant of its first assignment"),
    "a column of countries for the id": (
     HEAD + "".join(f"{i % 3},{'old' if i % 2 else 'new'},{i}\n" for i in range(300)), PLAN,
     ", column user_id: 3 values in 300 rows, so that it tells no unit from another; name the column of the id in "
     "the plan (unit_id)"),
    "numbers within a team": (HEAD.replace("\n", ",team\n") + NUMBERED, TEAMS,
     ", column user_id: 10 units of 10 in more than one team, as a number is that is unique within its team only; "
     "make one id of both"),
}  # fmt: skip


@pytest.mark.parametrize("name", REPEATS)
def test_load_refuses_several_rows_a_unit_by_what_they_are(refusal, name):
    table, plan_text, message = REPEATS[name]
    assert refusal(table, plan_text=plan_text) == f"units.csv{message}"


def test_load_drops_repeats_that_are_few(load):
    source = load(HEAD + ROWS + ROWS[: ROWS.index("6,old")])  # 6 of 306, below 2 %
    assert (source.n_duplicates, source.info.units) == (6, 300)


def test_load_leaves_out_units_in_two_variants(load):
    source = load(FIVE + "6,old,1\n1,new,9\n2,new,2\n2,old,2\n")
    assert (source.n_two_variants, source.n_assigned, source.n_duplicates) == (2, 6, 1)
    assert values(source, "unit") == ["3", "4", "5", "6"]


@pytest.mark.parametrize("rows_a_part", [1, 3, 100])
def test_load_counts_ids_in_parts_as_it_does_at_once(load, monkeypatch, rows_a_part):
    monkeypatch.setattr("helpers.sources.ids.ROWS_A_PART", rows_a_part)
    rows = "".join(f"{i},{'old' if i % 2 else 'new'},1\n" for i in (9, 3, 7, 4, 4, 1, 9, 2))  # not in order
    source = load("user_id,variant,spend\n" + rows)
    assert (source.n_assigned, source.n_duplicates) == (6, 2)


def test_load_leaves_out_clusters_in_two_variants(load):
    rows = "user_id,variant,spend,team\n1,old,1,a\n2,new,1,a\n3,old,1,b\n4,new,1,c\n5,new,1,c\n"
    source = load(rows, plan_text=TEAMS)
    assert (source.n_two_variants, source.info.units_by_variant) == (2, {"old": 1, "new": 2})


def test_load_compares_variants_after_trimming_and_case_folding(load):
    source = load("user_id,variant,spend\n1,\u200b OLD,1\n2,old,2\n3,New\xa0,3\n")
    assert values(source, "variant") == ["old", "old", "new"]
    assert source.info.messages[1:] == (
        "units.csv, column variant: 2 rows with a label that differs in spaces or case only, read as the plan's",
    )


def test_load_tells_labels_apart_that_the_plan_tells_apart_by_case(load, refusal):
    text = PLAN.replace("[new]", "[OLD]")
    assert load("user_id,variant,spend\n1,old,1\n2,OLD,1\n", plan_text=text).info.units_by_variant["OLD"] == 1
    assert "does not name: Old" in refusal("user_id,variant,spend\n1,old,1\n2,Old,1\n", plan_text=text)


def test_load_shows_five_unknown_labels_cut_to_forty_characters(refusal):
    rows = "".join(f"{i},{'x' * 50}{i % 7},1\n" for i in range(10, 80))
    message = refusal(FIVE + rows)
    assert message.count("x" * 39 + "…") == 5
    assert "x" * 40 not in message
    assert "and 2 more;" in message


def test_load_shows_no_label_of_few_rows_that_may_be_a_name(refusal):
    fault = "units.csv, column variant: 3 rows with a label that the plan does not name"
    assert refusal(FIVE + "7,Annabel,1\n8,Annabel,1\n9,Annabel,1\n").startswith(f"{fault}; ")
    assert refusal(FIVE + "7,olde,1\n8,olde,1\n9,olde,1\n").startswith(f"{fault}: olde (nearest: old); ")


def test_load_keeps_text_as_written(load):
    text = PLAN + "segments: [plan_tier]\n"
    rows = "user_id,variant,spend,plan_tier\n007,old,1,no\n7,new,2,NA\nNAM,new,3,null\nno,old,4,\n"
    source = load(rows, plan_text=text)
    assert values(source, "unit", "plan_tier") == [["007", "7", "NAM", "no"], ["no", "NA", "null", None]]


def test_load_reads_words_for_missing_in_number_columns_and_says_so(load):
    source = load("user_id,variant,spend\n1,old,NA\n2,old, n/a \n3,new,None\n4,new,5\n5,new,\n")
    assert values(source, "spend") == [None, None, None, 5.0, None]
    assert "units.csv: column spend: 3 cells such as NA or null read as missing" in source.info.messages


YES_AND_NO = (
    *("Yes false 1", "Y N y", "t f t", "Oui NON oui", "Ja Nein ja", "Sì No si", "Si\u0300 no s", "VRAI FAUX vrai"),
    *("Tak Nie tak", "Ja Nej ja"),
)


def test_load_reads_words_for_yes_and_no_as_one_and_zero(load):
    names = [f"done_{i}" for i in range(len(YES_AND_NO))]
    text = PLAN.partition("  spend")[0] + "".join(f"  {name}: {{kind: binary}}\n" for name in names)
    rows = zip("123", ("old", "new", "new"), *(words.split() for words in YES_AND_NO), strict=True)
    source = load("\n".join(map(",".join, [["user_id", "variant", *names], *rows])), plan_text=text)
    assert values(source, *names) == [[1.0, 0.0, 1.0]] * len(names)
    said = "units.csv: column {}: words for yes and no, or true and false, are read as 1 and 0"
    assert {said.format(name) for name in names} <= set(source.info.messages)


@pytest.mark.parametrize(("cells", "read"), [
    (["1", "2.5", ""], [1.0, 2.5, None]),  # numbers
    (["1", "2", "NA"], [1.0, 2.0, None]),  # numbers with a word for missing
    (["1", "x", "NA"], ["1", "x", "NA"]),  # one value is none, so that all are text
    (["", "", ""], [None, None, None]),  # nothing is known: text
])  # fmt: skip
def test_load_reads_a_covariate_as_numbers_when_every_value_is_one(load, cells, read):
    rows = "".join(f"{i},{v},1,{c}\n" for i, (v, c) in enumerate(zip(("old", "new", "new"), cells, strict=True)))
    source = load("user_id,variant,spend,age\n" + rows, plan_text=PLAN + "covariates: [age]\n")
    assert values(source, "age") == read
    assert source.units.age.type().is_numeric() == isinstance(read[0], float)


@pytest.mark.parametrize(("delimiter", "sign"), [(",", "."), (",", ","), (";", ","), ("\t", "."), ("|", ",")])
def test_load_reads_any_delimiter_and_decimal_sign(load, delimiter, sign):
    rows = [["user_id", "variant", "spend"], ["1", "old", f"1{sign}5"], ["2", "new", f"2{sign}25"]]
    quoted = delimiter == sign
    lines = [delimiter.join(f'"{c}"' if quoted else c for c in row) for row in rows]
    source = load("\r\n".join(lines))
    assert values(source, "spend") == [1.5, 2.25]
    assert ("units.csv: decimal comma" in source.info.messages) == (sign == ",")


def test_load_names_what_it_drops_when_a_name_is_taken(load):
    text = PLAN.replace("unit_id: user_id", "unit_id: account")
    source = load("account,Unit,variant,spend,extra\n1,x,old,1,e\n2,y,new,2,e\n", plan_text=text)
    assert sorted(source.units.columns) == ["extra", "spend", "unit", "variant"]
    assert "units.csv: column Unit: left out, as the plan's own column is called so" in source.info.messages


FRAMEWORK = """
{kind: framework, title: A test, question: 'Who stays?', unit_id: account_id, started_at: signed_up, size: seats,
 plan_tier: tier, steps: [{name: invited}], activation: {event: chat},
 usage: {event: resolved, seats: seats, seats_event: seats_changed}, outcomes: {retained: {lost: cancelled}}}
"""
SNAPSHOT = """
{kind: framework, title: A test, question: 'Who stays?', unit_id: account_id, size: seats,
 features: [{name: chatty, column: has_chat}], outcomes: {retained: {column: left, time: months}}}
"""
ACCOUNTS = "account_id,signed_up,seats,tier,country\n1,2024-01-01,3,no,IT\n02,2024-01-02 10:00,,007,DE\n"
EVENTS = "account_id,event,at,value\n1,chat,2024-01-03,\n02,seats_changed,2024-01-05,4\n"
STATES = "account_id,seats,has_chat,left,months\na,2,yes,0,3\nb,3,no,1,4\n"


@pytest.fixture
def load_accounts(design, write):
    """Return a function that loads accounts and events given as text; None is no events."""

    def make(accounts=ACCOUNTS, events=EVENTS, *, plan_text=FRAMEWORK):
        heard = None if events is None else write(events, "events.csv")
        return sources.load_accounts(design(plan_text), write(accounts, "accounts.csv"), events=heard)

    return make


def test_load_accounts_by_hand(load_accounts):
    source = load_accounts()
    assert source.accounts.order_by("seats").to_pyarrow().to_pydict() == {
        "unit": ["1", "02"],
        "started_at": [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2, 10)],
        "seats": [3.0, None],
        "tier": ["no", "007"],
        "country": ["IT", "DE"],  # no column of the plan: kept as it came
    }
    assert source.events.order_by("at").to_pyarrow().to_pydict() == {
        "unit": ["1", "02"],
        "event": ["chat", "seats_changed"],
        "at": [dt.datetime(2024, 1, 3), dt.datetime(2024, 1, 5)],
        "value": [None, 4.0],
    }
    info, never = source.info, ("invited", "resolved", "cancelled")
    sums = [hashlib.sha256(text.encode()).hexdigest() for text in (ACCOUNTS, EVENTS)]
    assert info.sha256 == hashlib.sha256("\n".join(sums).encode()).hexdigest()
    assert (info.kind, info.source, info.rows, info.units) == ("yours", "accounts.csv, events.csv", 2, 2)
    assert info.units_by_variant == {} and source.truth is None
    assert info.messages == (
        "accounts.csv: comma-separated",
        "events.csv: comma-separated",
        "events.csv: 2 events",
        *(f"events.csv, column event: no event {name} occurs, which the plan names" for name in never),
    )


def test_load_accounts_drops_exact_duplicates_and_counts_them(load_accounts):
    info = load_accounts(ACCOUNTS + "1,2024-01-01,3,no,IT\n").info
    assert info.steps == (
        ("read", 3, "rows of the table"),
        ("exact duplicates dropped", 1, "rows that repeat another in every column"),
        ("kept", 2, "one row an account"),
    )


def test_load_accounts_counts_events_of_unknown_accounts(load_accounts):
    said = load_accounts(events=EVENTS + "9,chat,2024-01-03,\n").info.messages
    assert said[-1] == "events.csv: 1 event of accounts that are not in the table, not used"


INBOX = "features: [{name: inbox, category: all, event: inbox used}], steps:"
REFUSED_ACCOUNTS = {
    "twice": ({"accounts": ACCOUNTS + "1,2024-01-01,4,no,IT\n"},
     "accounts.csv, column account_id: 1 unit more than once, with different rows; give one row a unit, or its "
     "events as events"),
    "no start": ({"accounts": ACCOUNTS + "3,,4,no,IT\n4,,4,no,IT\n"},
     "accounts.csv, column signed_up: 2 rows without a start; give each account the time it began, or leave those "
     "rows out"),
    "negative size": ({"accounts": ACCOUNTS + "3,2024-01-01,-1,no,IT\n"},
     "accounts.csv, column seats: 1 row with another value than numbers of 0 or more, for size; correct them, or "
     "change the plan"),
    "none known": ({"events": "account_id,event,at,value\nx1,chat,2024-01-03,1\n"},
     "events.csv: 1 event, none of an account of the table; write the ids alike in both tables"),
    "no events": ({"events": None},
     "events: left out, and the plan reads its milestones from events; name the table with one row an event"),
    "letters in another order, though the plan names both": ({"plan_text": FRAMEWORK.replace("{event: chat}",
     "{event: caht}").replace("cancelled}", "cancelled}, activity: chat")},
     "events.csv, column event: no event caht, which the plan names; did you mean chat?"),
    "a feature that is called otherwise": ({"plan_text": FRAMEWORK.replace("steps:", INBOX)},
     "events.csv, column event: no event inbox used occurs, which the plan names as a feature; nearest: "
     "seats_changed, chat; correct the name, or leave the feature out"),
    "a snapshot with events": ({"accounts": STATES, "plan_text": SNAPSHOT},
     "events: the plan has no started_at and reads none; name it in the plan, or leave events out"),
    "a snapshot with gaps": ({"accounts": STATES + "c,1,no,,5\n", "events": None, "plan_text": SNAPSHOT},
     "accounts.csv, column left: 1 row without a value; the plan needs one in each row"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_ACCOUNTS)
def test_load_accounts_refuses(load_accounts, case):
    given, message = REFUSED_ACCOUNTS[case]
    assert tell_refusal(load_accounts, **given) == message


def test_load_accounts_of_a_snapshot(load_accounts):
    source = load_accounts(STATES, None, plan_text=SNAPSHOT)
    assert source.events is None
    found = {"unit": ["a", "b"], "seats": [2, 3], "has_chat": [1, 0], "left": [0, 1], "months": [3, 4]}
    assert source.accounts.order_by("unit").to_pyarrow().to_pydict() == found


PUBLIC = {
    "jobs_ii": "public:jobs_ii holds an experiment, and the plan is of kind framework; name a plan of kind experiment",
    "bank_calls": "public:bank_calls holds counts of arrivals and no accounts; give it as the parameter arrivals",
    "telco": "no public data telco; there is, nearest first: ibm_telco, cdnow, published_retention",
}


@pytest.mark.parametrize("name", PUBLIC)
def test_load_accounts_refuses_public_data_of_another_kind(design, name):
    assert tell_refusal(sources.load_accounts, design(FRAMEWORK), f"public:{name}") == f"data: {PUBLIC[name]}"


def test_load_accounts_reads_named_tables_with_the_asked_threads(design, tmp_path):
    (tmp_path / "a.csv").write_text(ACCOUNTS)
    (tmp_path / "e.csv").write_text(EVENTS)
    with duckdb.connect(str(tmp_path / "d.db")) as connection:
        for name, file in (("people", "a.csv"), ("log", "e.csv")):
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM read_csv('{tmp_path / file}', all_varchar=true)")
    place = f"duckdb:{tmp_path / 'd.db'}"
    asked = {"table": "people", "events": place, "events_table": "log", "threads": 2}
    source = sources.load_accounts(design(FRAMEWORK), place, **asked)
    assert source.info.source == "d.db/people, d.db/log"
    assert source.accounts.get_backend().raw_sql("SELECT current_setting('threads')").fetchone() == (2,)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_load_takes_a_history_without_arms_as_the_control(form, tmp_path):
    frame, file = pd.DataFrame({"id": ["a", "b", "c"], "y": [0, 1, 1]}), tmp_path / f"before.{form}"
    frame.to_csv(file, index=False) if form == "csv" else frame.to_parquet(file)
    design = make_design({"y": {"kind": "binary", "role": "primary"}})
    source = sources.load(design, str(file), is_history=True)
    control, *others = design.variant.arms
    assert source.info.units_by_variant == {control: 3, **dict.fromkeys(others, 0)}
    assert f"before.{form}: no arms, so each unit is as the control is" in source.info.messages
    with pytest.raises(Refused, match="variant"):
        sources.load(design, str(file))
