"""From any table to one row a unit: what is refused, what is left out and counted, what is said."""

import hashlib
import math
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sources_samples import EVENT_PLAN, FIVE, PLAN

from helpers import sources
from helpers.records import Refused

KINDS = PLAN.replace(
    "  spend: {kind: amount, role: primary, better: higher}\n",
    "  done: {kind: binary}\n  nps: {kind: nps}\n",
)


def values(source, *columns):
    """Return columns of the units in order of the id, with None for missing."""
    frame = source.units.order_by("unit").to_pyarrow().to_pydict()
    return [frame[c] for c in columns] if len(columns) > 1 else frame[columns[0]]


def test_load_a_small_table_by_hand(load):
    source = load()
    assert values(source, "unit", "variant", "spend") == [
        ["1", "2", "3", "4", "5"],
        ["old", "old", "new", "new", "new"],
        [1.0, 2.0, 3.0, 4.5, None],
    ]
    info = source.info
    assert (info.kind, info.source, info.rows, info.units) == ("yours", "units.csv", 5, 5)
    assert info.units_by_variant == {"old": 2, "new": 3}
    assert info.sha256 == hashlib.sha256(FIVE.encode()).hexdigest()
    assert info.messages == ("units.csv: comma-separated",)
    assert (source.n_assigned, source.n_two_variants, source.n_duplicates, source.truth) == (5, 0, 0, None)
    assert source.events is None


REFUSALS = {
    "empty": ("", "units.csv: the file is empty; export it again"),
    "blank lines": ("\n\n", "units.csv: the file is empty; export it again"),
    "header only": ("user_id,variant,spend\n", "units.csv: columns and no rows; export it again"),
    "wrong columns": (
        "id,variant,spent\n1,old,2\n",
        "units.csv: no column user_id (for unit_id); it has, nearest first: id, spent, variant; "
        "correct the plan or the table",
    ),
    "missing metric": (
        "user_id,variant,spent\n1,old,2\n",
        "units.csv: no column spend (for metric spend); it has, nearest first: spent, user_id, variant; "
        "correct the plan or the table",
    ),
    "unit twice": (
        FIVE + "5,new,7\n",
        "units.csv, column user_id: 1 unit more than once, with different rows; "
        "give one row a unit, or its events as events",
    ),
    "one variant": (
        "user_id,variant,spend\n1,old,1\n2,old,2\n",
        "units.csv, column variant: one variant only (old); a comparison needs control and a treatment",
    ),
    "unknown variant": (
        FIVE + "6,nwe,7\n7,nwe,7\n",
        "units.csv, column variant: 2 rows with a label that the plan does not name: nwe (nearest: new); "
        "correct the table, or name the label in the plan (variant.observational holds groups outside the "
        "randomisation)",
    ),
    "text in a number column": (
        FIVE + "6,new,canary\n7,new,canary\n",
        "units.csv, column spend: 2 rows with text where a number is needed; correct them, or leave a cell empty "
        "where it is unknown",
    ),
    "infinite as a word": (
        FIVE + "6,new,-Infinity\n",
        "units.csv, column spend: 1 infinite value; leave a cell empty where it is unknown",
    ),
    "infinite as a number": (
        FIVE + "6,new,1e999\n",
        "units.csv, column spend: 1 infinite value; leave a cell empty where it is unknown",
    ),
    "missing ids": (
        FIVE + ",new,7\n ,new,8\n",
        "units.csv, column user_id: 2 rows without an id; give each row its unit, or leave those rows out",
    ),
    "missing variants": (
        FIVE + "6,,7\n",
        "units.csv, column variant: 1 row without a variant; give each unit the one it was assigned to, or leave out "
        "units never assigned",
    ),
    "rounded ids": (
        FIVE + "1.2345678901234568e+23,new,7\n",
        "units.csv, column user_id: 1 id rounded, or kept as decimal numbers, so that different units can share one; "
        "export the column as text",
    ),
    "ids that were floats": (
        "user_id,variant,spend\n1.0,old,1\n2.0,new,1\n",
        "units.csv, column user_id: 2 ids rounded, or kept as decimal numbers, so that different units can share one; "
        "export the column as text",
    ),
    "two decimal signs": (
        'user_id,variant,spend\n1,old,"1,5"\n2,new,1.5\n',
        "units.csv, column spend: 1 number with a decimal comma and 1 with a decimal point; write one sign, "
        "and no thousands separators",
    ),
    "thousands or decimals": (
        "user_id;variant;spend\n1;old;1,234\n2;new;2\n",
        "units.csv, column spend: 1 number with two readings, as a comma before three digits is a decimal sign or "
        "separates thousands; write a decimal point and no separators",
    ),
    "column twice": (
        "user_id,variant,spend,Spend\n1,old,1,1\n",
        "units.csv: the column name spend stands twice (upper and lower case are one); rename one",
    ),
    "ragged row": (
        FIVE + "6,new\n",
        "units.csv, line 7: 2 cells where the header has 3; quote cells that hold the delimiter, or export the file "
        "again",
    ),
    "unclosed quote": (
        FIVE + '6,"new,2\n7,old,3\n',
        "units.csv, line 7: a quote is opened and not closed as it should be; close it, or export the file again",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_load_refuses_with_one_message(refusal, case):
    content, message = REFUSALS[case]
    assert refusal(content) == message


def test_load_refuses_a_table_without_control(refusal):
    text = PLAN.replace("[new]", "[new, newer]")
    assert refusal("user_id,variant,spend\n1,new,1\n2,newer,1\n", plan_text=text) == (
        "units.csv, column variant: no unit in control, old; give the units of control too"
    )


def test_load_says_that_a_planned_variant_is_empty(load):
    source = load(plan_text=PLAN.replace("[new]", "[new, newer]"))
    assert source.info.units_by_variant == {"old": 2, "new": 3, "newer": 0}
    assert "units.csv, column variant: no unit in newer" in source.info.messages


def test_load_refuses_values_off_the_scale_of_their_metric(refusal):
    table = "user_id,variant,done,nps\n1,old,1,10\n2,new,{done},{nps}\n"
    assert refusal(table.format(done=2, nps=3), plan_text=KINDS) == (
        "units.csv, column done: 1 row with another value than 0 and 1 (or yes and no), for metric done; "
        "correct them, or change the plan"
    )
    assert refusal(table.format(done=1, nps=11), plan_text=KINDS) == (
        "units.csv, column nps: 1 row with another value than whole numbers from 0 to 10, for metric nps; "
        "correct them, or change the plan"
    )


def test_load_refuses_counts_below_zero(refusal):
    plan = PLAN.replace("kind: amount", "kind: count")
    assert refusal("user_id,variant,spend\n1,old,1\n2,new,-1\n3,new,0\n", plan_text=plan) == (
        "units.csv, column spend: 1 row with another value than numbers of 0 or more, for metric spend; "
        "correct them, or change the plan"
    )


def test_load_drops_exact_duplicates_and_counts_them(load):
    source = load(FIVE + "5,new,\n1,old,1\n")
    assert (source.n_duplicates, source.n_assigned, source.info.rows, source.info.units) == (2, 5, 7, 5)
    assert source.info.steps == (
        ("read", 7, "rows of the table"),
        ("exact duplicates dropped", 2, "rows that repeat another in every column"),
        ("in two variants, left out", 0, "0 units"),
        ("kept", 5, "one row a unit"),
    )


def test_load_leaves_out_units_in_two_variants(load):
    source = load(FIVE + "6,old,1\n1,new,9\n2,new,2\n2,old,2\n")
    assert (source.n_two_variants, source.n_assigned, source.n_duplicates) == (2, 6, 1)
    assert values(source, "unit") == ["3", "4", "5", "6"]


@pytest.mark.parametrize("rows_a_part", [1, 3, 100])
def test_load_counts_ids_in_parts_as_it_does_at_once(load, monkeypatch, rows_a_part):
    monkeypatch.setattr("helpers.sources.loading.ROWS_A_PART", rows_a_part)
    rows = "".join(f"{i},{'old' if i % 2 else 'new'},1\n" for i in (9, 3, 7, 4, 4, 1, 9, 2))  # not in order
    source = load("user_id,variant,spend\n" + rows)
    assert (source.n_assigned, source.n_duplicates) == (6, 2)


def test_load_leaves_out_clusters_in_two_variants(load):
    text = PLAN.replace("metrics:", "cluster: team\nmetrics:")
    rows = "user_id,variant,spend,team\n1,old,1,a\n2,new,1,a\n3,old,1,b\n4,new,1,c\n5,new,1,c\n"
    source = load(rows, plan_text=text)
    assert (source.n_two_variants, source.info.units_by_variant) == (2, {"old": 1, "new": 2})


def test_load_says_that_no_cluster_is_in_one_variant_only(refusal):
    text = PLAN.replace("metrics:", "cluster: team\nmetrics:")
    rows = "user_id,variant,spend,team\n1,old,1,x\n2,new,2,x\n3,old,1,y\n4,new,2,y\n"
    assert refusal(rows, plan_text=text) == (
        "units.csv, column variant: one variant only (none) once 4 units whose team stands in two variants are left "
        "out; a comparison needs control and a treatment"
    )


def test_load_refuses_a_missing_cluster(refusal):
    text = PLAN.replace("metrics:", "cluster: team\nmetrics:")
    assert refusal("user_id,variant,spend,team\n1,old,1,a\n2,new,1,\n", plan_text=text) == (
        "units.csv, column team: 1 row without a value; the plan needs one in each row"
    )


def test_load_compares_variants_after_trimming_and_case_folding(load):
    source = load("user_id,variant,spend\n1, OLD,1\n2,old,2\n3,New ,3\n")
    assert values(source, "variant") == ["old", "old", "new"]
    assert source.info.messages[1:] == (
        "units.csv, column variant: 2 rows with a label that differs in spaces or case only, read as the plan's",
    )


def test_load_tells_labels_apart_that_the_plan_tells_apart_by_case(load, refusal):
    text = PLAN.replace("[new]", "[OLD]")
    assert load("user_id,variant,spend\n1,old,1\n2,OLD,1\n", plan_text=text).info.units_by_variant["OLD"] == 1
    assert "does not name: Old" in refusal("user_id,variant,spend\n1,old,1\n2,Old,1\n", plan_text=text)


def test_load_shows_five_unknown_labels_cut_to_forty_characters(refusal):
    rows = "".join(f"{i},{'x' * 50}{i},1\n" for i in range(10, 17))
    message = refusal(FIVE + rows)
    assert message.count("x" * 39 + "…") == 5
    assert "x" * 40 not in message
    assert "and 2 more;" in message


def test_load_refuses_a_variant_column_that_is_none(refusal):
    rows = "".join(f"{i},label{i},1\n" for i in range(1001))
    assert refusal("user_id,variant,spend\n" + rows) == (
        "units.csv, column variant: more than 1,000 different labels; name the column of the variant in the plan"
    )


def test_load_keeps_text_as_written(load):
    text = PLAN + "segments: [plan_tier]\n"
    rows = "user_id,variant,spend,plan_tier\n007,old,1,no\n7,new,2,NA\nNA,new,3,null\nnull,old,4,\n"
    source = load(rows, plan_text=text)
    assert values(source, "unit", "plan_tier") == [["007", "7", "NA", "null"], ["no", "NA", "null", None]]


def test_load_reads_words_for_missing_in_number_columns_and_says_so(load):
    source = load("user_id,variant,spend\n1,old,NA\n2,old, n/a \n3,new,None\n4,new,5\n5,new,\n")
    assert values(source, "spend") == [None, None, None, 5.0, None]
    assert "units.csv: column spend: 3 cells such as NA or null read as missing" in source.info.messages


def test_load_reads_yes_and_no_as_one_and_zero(load):
    source = load("user_id,variant,done,nps\n1,old,Yes,1\n2,new,false,2\n3,new,1,3\n", plan_text=KINDS)
    assert values(source, "done") == [1.0, 0.0, 1.0]
    assert "units.csv: column done: yes and no, or true and false, are read as 1 and 0" in source.info.messages


def test_load_refuses_yes_among_amounts(refusal):
    assert "1 row with text where a number is needed" in refusal(FIVE + "6,new,yes\n")


@pytest.mark.parametrize(
    ("cells", "read"),
    [
        (["1", "2.5", ""], [1.0, 2.5, None]),  # numbers
        (["1", "2", "NA"], [1.0, 2.0, None]),  # numbers with a word for missing
        (["1", "x", "NA"], ["1", "x", "NA"]),  # one value is none, so that all are text
        (["", "", ""], [None, None, None]),  # nothing is known: text
    ],
)
def test_load_reads_a_covariate_as_numbers_when_every_value_is_one(load, cells, read):
    rows = "".join(f"{i},{v},1,{c}\n" for i, (v, c) in enumerate(zip(("old", "new", "new"), cells, strict=True)))
    source = load("user_id,variant,spend,age\n" + rows, plan_text=PLAN + "covariates: [age]\n")
    assert values(source, "age") == read
    assert source.units.age.type().is_numeric() == isinstance(read[0], float)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("sign", [".", ","])
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


# Parquet, several files, databases


def write_parquet(path, **columns):
    pq.write_table(pa.table(columns), path)
    return str(path)


ARMS = ["old", "new", "new"]


def test_load_parquet_stays_in_the_engine(design, tmp_path):
    path = write_parquet(tmp_path / "u.parquet", user_id=[3, 1, 2], variant=ARMS, spend=[1.0, math.nan, None])
    source = sources.load(design(), path)
    assert values(source, "unit", "variant", "spend") == [["1", "2", "3"], ["new", "new", "old"], [None, None, 1.0]]
    assert "read_parquet" in str(source.units.get_backend().raw_sql("SELECT sql FROM duckdb_views()").fetchall())
    assert source.info.messages == ("u.parquet: Parquet",)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        # a blank among whole numbers made them floats
        ({"user_id": [1.0, 2.0, None]}, "column user_id: 1 id rounded, or kept as decimal numbers, so that"),
        ({"user_id": [1.0, 2.0, math.nan]}, "column user_id: 1 id rounded, or kept as decimal numbers, so that"),
        # beyond 2^53 neighbours are one
        ({"user_id": [2.0**54, 2.0, 3.0]}, "column user_id: 1 id rounded, or kept as decimal numbers, so that"),
        ({"spend": [1.0, math.inf, 2.0]}, "column spend: 1 infinite value; leave a cell empty"),
        ({"spend": ["1", "x", "y"]}, "column spend: 2 rows with text where a number is needed"),
        ({"spend": pa.array([0, 1, 2], pa.date32())}, "column spend: holds date values where numbers are needed"),
        ({"user_id": [[1], [2], [3]]}, "column user_id: holds array values where text is needed"),
        ({"user_id": [1, 2, None]}, "column user_id: 1 row without an id"),
    ],
)
def test_load_refuses_parquet_columns_of_the_wrong_kind(design, tmp_path, columns, message):
    path = write_parquet(
        tmp_path / "u.parquet", **{"user_id": [1, 2, 3], "variant": ARMS, "spend": [1, 2, 3], **columns}
    )
    with pytest.raises(Refused) as caught:
        sources.load(design(), path)
    assert str(caught.value).startswith("u.parquet, " + message)


def test_load_reads_whole_decimal_numbers_as_whole_ids_and_labels(design, tmp_path):
    text = PLAN.replace("control: old, treatments: [new]", 'control: "0", treatments: ["1"]')
    path = write_parquet(tmp_path / "u.parquet", user_id=[1.0, 2.0], variant=[0.0, 1.0], spend=[True, False])
    assert values(sources.load(design(text), path), "unit", "variant", "spend") == [["1", "2"], ["0", "1"], [1.0, 0.0]]


def test_load_refuses_a_truncated_parquet(design, tmp_path):
    path = write_parquet(tmp_path / "u.parquet", user_id=[1, 2, 3], variant=ARMS, spend=[1, 2, 3])
    whole = (tmp_path / "u.parquet").read_bytes()
    (tmp_path / "u.parquet").write_bytes(whole[:-20])
    with pytest.raises(
        Refused, match=r"^u.parquet: not a whole Parquet file; it is cut short or damaged, copy it again$"
    ):
        sources.load(design(), path)


def test_load_refuses_parquet_without_rows(design, tmp_path):
    none = pa.array([], pa.string())
    path = write_parquet(tmp_path / "u.parquet", user_id=none, variant=none, spend=none)
    with pytest.raises(Refused, match=r"^u.parquet: columns and no rows; export it again$"):
        sources.load(design(), path)


def test_load_joins_several_files_in_any_order_of_columns(design, tmp_path, write):
    one, two = write(FIVE, "a.csv"), write("spend;variant;user_id\n1.5;new;6\n", "b.csv")
    source = sources.load(design(), [one, two])
    assert values(source, "spend") == [1.0, 2.0, 3.0, 4.5, None, 1.5]
    assert source.info.source == "a.csv, b.csv"
    sums = "\n".join(hashlib.sha256(Path(p).read_bytes()).hexdigest() for p in (one, two))
    assert source.info.sha256 == hashlib.sha256(sums.encode()).hexdigest()
    first = write_parquet(tmp_path / "a.parquet", user_id=[1, 2], variant=["old", "new"], spend=[1, 2])
    second = write_parquet(tmp_path / "b.parquet", spend=[0.5], user_id=[3], variant=["new"])
    assert values(sources.load(design(), [first, second]), "spend") == [1.0, 2.0, 0.5]


def test_load_refuses_several_files_with_other_columns(design, write):
    with pytest.raises(Refused) as caught:
        sources.load(design(), [write(FIVE, "a.csv"), write("user_id,variant,spent\n1,old,1\n", "b.csv")])
    assert str(caught.value) == (
        "b.csv: its columns are not those of a.csv, spend is in one only; give files with the same columns"
    )


def test_load_ignores_a_folder_that_looks_like_a_partition(design, tmp_path):
    (tmp_path / "variant=x").mkdir()
    path = write_parquet(tmp_path / "variant=x" / "u.parquet", user_id=[1, 2, 3], variant=ARMS, spend=[1, 2, 3])
    assert sources.load(design(), path).info.units_by_variant == {"old": 1, "new": 2}


def test_load_shares_threads_with_the_engine(design, write):
    for threads in (1, 2):
        backend = sources.load(design(), write(FIVE), threads=threads).units.get_backend()
        assert backend.raw_sql("SELECT current_setting('threads')").fetchone() == (threads,)


# simulated and public data


def test_load_simulated_data_gives_the_truth_beside_it(design):
    from helpers import plan

    decided = plan.read("proactive_help")
    given = {"study": "proactive_help", "n_units": 400, "seed": 3}
    source = sources.load(decided.design, "simulated", simulation=given)
    assert source.info.kind == "simulated" and source.info.source == "simulated"
    assert source.info.units == source.n_assigned == 400
    assert source.truth["effects"] and source.info.note
    assert source.events.columns[:4] == ("unit", "event", "at", "value")
    again = sources.load(decided.design, "simulated", simulation=given)
    assert again.info == source.info
    other = sources.load(decided.design, "simulated", simulation={**given, "seed": 4})
    assert other.info.sha256 != source.info.sha256


def test_load_simulated_data_needs_its_study(design):
    with pytest.raises(Refused, match=r"^data: simulated needs the study that is simulated; name it$"):
        sources.load(design(), "simulated")


def test_load_public_data_by_name():
    from helpers import plan

    source = sources.load(plan.read("jobs_ii").design, "public:jobs_ii")
    assert (source.info.kind, source.info.source, source.info.units) == ("public", "public:jobs_ii", 899)
    assert source.info.note


def test_load_refuses_public_data_that_is_unknown(design):
    with pytest.raises(Refused, match=r"^data: no public data jobs; there is, nearest first: jobs_ii, nsw_cps$"):
        sources.load(design(), "public:jobs")


def test_load_refuses_arrivals_as_an_experiment(design):
    with pytest.raises(Refused) as refused:
        sources.load(design(), "public:bank_calls")
    assert str(refused.value) == (
        "data: public:bank_calls holds counts of arrivals and no experiment; give it as the parameter arrivals"
    )


def test_load_refuses_events_beside_simulated_data(design, write):
    with pytest.raises(Refused, match=r"^data: simulated comes with its own tables; leave out events and table$"):
        sources.load(design(), "simulated", events=write(FIVE), simulation={"study": "experiment"})


def test_load_refuses_simulated_events(design, write):
    with pytest.raises(Refused, match=r"^events: simulated comes as data, not as events; give the table of events$"):
        sources.load(design(EVENT_PLAN), write(FIVE), events="simulated")


def test_load_hillstrom_as_published(design, shared, tmp_path):
    frame = pd.read_csv(shared / "data" / "hillstrom.csv.gz", dtype=str, keep_default_na=False)
    frame.insert(0, "customer", [f"{i:06}" for i in range(len(frame))])
    frame.to_csv(tmp_path / "hillstrom.csv.gz", index=False)
    text = PLAN.replace("user_id", "customer").replace("column: variant", "column: segment")
    text = text.replace(
        "control: old, treatments: [new]", "control: No E-Mail, treatments: [Mens E-Mail, Womens E-Mail]"
    )
    source = sources.load(design(text), str(tmp_path / "hillstrom.csv.gz"))
    # Hillstrom 2008: 64,000 customers, mean spend 0.65, 1.42 and 1.08 dollars
    assert source.info.units_by_variant == {"No E-Mail": 21306, "Mens E-Mail": 21307, "Womens E-Mail": 21387}
    means = source.units.group_by("variant").agg(m=source.units.spend.mean()).order_by("variant").to_pyarrow()["m"]
    assert [round(m, 2) for m in means.to_pylist()] == [1.42, 0.65, 1.08]


def test_read_table_gives_text_as_it_came(write):
    table = sources.read_table(write(FIVE))
    assert table.schema().types[2].is_string()
    assert table.count().to_pyarrow().as_py() == 5


def test_read_table_refuses_data_with_a_plan():
    with pytest.raises(Refused, match=r"^data: simulated has a plan already; give a table of your own$"):
        sources.read_table("simulated")


def test_read_table_opens_one_table_of_a_database(tmp_path):
    import duckdb

    with duckdb.connect(str(tmp_path / "d.db")) as database:
        database.execute("CREATE TABLE t AS SELECT 1 AS x; CREATE TABLE u AS SELECT 2 AS x")
    assert sources.read_table(f"duckdb:{tmp_path}/d.db", table="u").x.max().to_pyarrow().as_py() == 2


def test_load_shows_no_label_where_the_column_holds_no_labels(refusal):
    rows = "".join(f"{i},zoe{i}@example.org,1\n" for i in range(21))  # a plan that names a column of addresses
    assert refusal("user_id,variant,spend\n" + rows) == (
        "units.csv, column variant: 21 different labels that the plan does not name, so that it is no column of "
        "variants; name the column of the variant in the plan"
    )
