import base64
import hashlib
import json
import shutil
import zipfile

import pandas as pd
import pytest

from helpers.cli import sharing
from helpers.records import Refused

FILES = ["report.html", "results.json", "tables/estimates.csv"]  # of the fixture `reports`
FLOOR = "mine/results.json, {} tells of cells under {} ({})"


def share(studies, reports, *names):
    """Share the reports into share.zip beside them."""
    return studies("share", *names, "--out", reports, "--to", reports.parent / "share.zip")


def refused(what):
    """Return the whole message."""
    return f"studies: nothing is shared: {what}. Mend the cause, render again, then share\n"


def list_shared(reports):
    """Return the names inside the zip."""
    with zipfile.ZipFile(reports.parent / "share.zip") as archive:
        return archive.namelist()


def test_share_packs_what_may_travel_of_the_runs_named_into_the_same_zip(studies, reports):
    (reports / "other").symlink_to(reports / "mine")
    assert share(studies, reports, "mine") == (0, f"{reports.parent / 'share.zip'}: 4 files of mine\n", "")
    assert list_shared(reports) == ["index.html", *(f"mine/{name}" for name in FILES)]
    first = (reports.parent / "share.zip").read_bytes()
    with zipfile.ZipFile(reports.parent / "share.zip") as archive:
        index = archive.read("index.html")
    assert b"mine/report.html" in index and b"other/" not in index
    (reports / "mine" / "report.html").touch()
    share(studies, reports, "mine")
    assert (reports.parent / "share.zip").read_bytes() == first


@pytest.mark.parametrize(("file", "text", "what"), [
    ("report.html", "<p>cust-0007, customer 7 of 0.123456789</p>", "mine/report.html holds unit ids (1)"),
    ("tables/estimates.csv", "id\ncust-0001\ncust-0002\n", "mine/tables/estimates.csv holds unit ids (2)"),
    ("report.html", "<p>/srv/ann/customers.csv</p>", "mine/report.html holds an absolute path (1)"),
    ("report.html", "<p>ann@example.org</p>", "mine/report.html holds an e-mail address (1)"),
])  # fmt: skip
def test_share_refuses_what_must_not_travel_and_says_where(studies, reports, sign, file, text, what):
    leave(reports, sign, text, file)
    assert share(studies, reports) == (2, "", refused(what))
    assert not (reports.parent / "share.zip").exists()


def leave(reports, sign, text, file="report.html"):
    """Let the run have left another text in one of its files."""
    (reports / "mine" / file).write_text(text)
    sign(reports)


def publish(reports, sign, **more):
    """Put more into results.json, as a run does."""
    results = json.loads((reports / "mine" / "results.json").read_text())
    leave(reports, sign, json.dumps(results | more), "results.json")


def test_share_refuses_a_table_by_unit_and_small_cells(studies, reports, sign):
    curve = [{"metric": "m", "arm": "a", "day": day, "at_risk": n, "share": 0.0} for day, n in ((1, 30), (2, 3))]
    publish(reports, sign, tables={"metrics": [{"customer_id": "7"}], "curves": curve})
    what = f"mine/results.json, metrics has the column customer_id; {FLOOR.format('curves', 10, 1)}"
    assert share(studies, reports) == (2, "", refused(what))


def test_share_packs_a_column_of_ours_that_is_called_as_the_column_of_her_ids(studies, reports, sign):
    for file in (reports.parent / "plan.yaml", next(reports.parent.glob("*.csv"))):
        file.write_text(file.read_text().replace("customer_id", "unit"))
    publish(reports, sign, tables={"metrics": [{"metric": "activated", "unit": None}]})
    assert share(studies, reports) == (0, f"{reports.parent / 'share.zip'}: 4 files of mine\n", "")


def test_share_has_a_floor_whatever_the_plan_says(studies, reports, sign):
    with (reports.parent / "plan.yaml").open("a") as file:
        file.write("min_cell: 1\n")
    rows = [{"metric": "m", "estimand": "level", "population": "itt", "n": 40, "hits": 4}]
    publish(reports, sign, study="live_support", tables={"levels": rows})
    assert share(studies, reports) == (2, "", refused(FLOOR.format("levels", 5, 1)))
    rows[0]["hits"] = 5
    publish(reports, sign, study="live_support", tables={"levels": rows})
    assert share(studies, reports)[0] == 0


def make_estimate():
    """Return the effect on revenue, as results.json holds it."""
    row = dict.fromkeys(("segment", "at", "ci_set", "clusters_control", "clusters_treatment"))
    row |= {"metric": "revenue", "comparison": "new - old", "estimand": "difference", "adjustment": "none"}
    row |= {"estimate": 1.2345, "std_error": 2.0, "ci_low": -2.7655, "ci_high": 5.2345, "control_value": 10.1234}
    row |= {"population": "itt", "role": "primary", "control": "old", "treatment": "new", "method": "welch"}
    return row | {"treatment_value": 11.3579, "n_control": 20, "n_treatment": 20, "p_value": 0.53712}


@pytest.mark.parametrize(("quantile", "payers", "n"), [(None, 4, 2), (None, 5, 0), (0.75, 8, 1), (0.75, 10, 0)])
def test_share_refuses_money_of_few_whatever_the_plan_says(studies, reports, sign, table, quantile, payers, n):
    more = f", quantile: {quantile}" if quantile else ""
    with (reports.parent / "plan.yaml").open("a") as file:
        file.write(f"  revenue: {{kind: amount, unit: USD, better: higher{more}}}\nmin_cell: 1\n")
    frame = pd.read_csv(table)
    frame["revenue"] = [10.0 + i if i // 2 < payers else 0.0 for i in range(40)]
    frame.to_csv(table, index=False)
    metrics = [{"metric": "revenue", "kind": "amount", "quantile": quantile}]
    publish(reports, sign, estimates=[make_estimate()], tests=[], checks=[], tables={"metrics": metrics})
    found = share(studies, reports)
    assert found == (2, "", refused(FLOOR.format("estimates", 5, n))) if n else found[0] == 0


def test_share_rounds_amounts_in_results_and_tables_and_leaves_the_folder_as_it_is(studies, reports, sign):
    row = make_estimate()
    sums = {"tests": [], "checks": [], "tables": {"metrics": [{"metric": "revenue", "kind": "amount"}]}}
    (reports / "mine" / "tables" / "estimates.csv").write_text("metric,estimate\nrevenue,1.2345\n")
    publish(reports, sign, estimates=[row], **sums)
    assert share(studies, reports, "mine")[0] == 0
    with zipfile.ZipFile(reports.parent / "share.zip") as archive:
        told = json.loads(archive.read("mine/results.json"))["estimates"][0]
        table = archive.read("mine/tables/estimates.csv").decode()
    names = ("estimate", "std_error", "ci_low", "ci_high", "control_value", "treatment_value", "p_value")
    assert [told[name] for name in names] == [1.0, 2.0, -3.0, 5.0, 10.0, 11.0, 0.54]
    assert table == "metric,estimate\nrevenue,1.0\n"
    assert json.loads((reports / "mine" / "results.json").read_text())["estimates"] == [row]


def test_share_refuses_what_the_run_did_not_leave(studies, reports):
    (reports / "mine" / "report.html").write_text("<p>edited</p>")
    (reports / "mine" / "tables" / "extra.csv").write_text("a\n1\n")
    (reports / "mine" / "tables" / "estimates.csv").unlink()
    what = "mine/report.html is not as the run left it; mine/tables/extra.csv is not of this run; "
    assert share(studies, reports) == (2, "", refused(f"{what}mine/tables/estimates.csv is gone"))


@pytest.mark.parametrize("file", ["results.json", "run.json"])
@pytest.mark.parametrize("content", ["", "[]", '{"schema": 1}'])
def test_share_refuses_what_is_damaged(studies, reports, file, content):
    (reports / "mine" / file).write_text(content)
    strange = [f"{name} is not of this run" for name in FILES]
    told = ["results.json is not as the run left it"] if file == "results.json" else strange
    assert share(studies, reports) == (2, "", refused("; ".join(f"mine/{each}" for each in told)))


@pytest.mark.parametrize(("ids", "text", "n"), [
    ("c{}", "<td>c7</td>", 1),  # two characters
    ("{}03", "<p>of 703 and 12,703 on 2024-01-07</p>", 1),  # three digits, few of which are ids
    ("{}", "<p>12 of 25 in 7 days</p>", 0),  # ids as every count
    ("Bo {} & Sons", "<td>Bo 7 &amp; Sons</td>", 1),
    ("c{}", "<p>customer:c7 and /c8?of=c9&c10</p>", 4),  # beside other words
    ("ab12-{:04}", "<p>AB120007, {AB12-0008}</p>", 2),  # a long one, written in another way
    ("ab-{}", "<p>AB-7 and ab7</p>", 0),
])  # fmt: skip
def test_share_knows_ids_of_any_length_by_the_data(studies, reports, sign, table, ids, text, n):
    frame = pd.read_csv(table)
    frame["customer_id"] = [ids.format(i) for i in range(40)]
    frame.to_csv(table, index=False)
    leave(reports, sign, text)
    found = share(studies, reports)
    assert found == (2, "", refused(f"mine/report.html holds unit ids ({n})")) if n else found[0] == 0


def test_share_refuses_a_table_that_nobody_declared(studies, reports, sign):
    publish(reports, sign, tables={"weeks": [{"week": 1, "n": 30}]})
    status, _, message = share(studies, reports)
    assert status == 2
    assert message.startswith("studies: the table weeks has no view; write one in notebooks/views/")


def test_share_refuses_when_ids_cannot_be_looked_for(studies, reports, table):
    table.unlink()
    message = "studies: mine: its data cannot be read again to look for unit ids (customers.csv: no such file; check"
    assert share(studies, reports) == (2, "", f"{message} the name, and the folder it is read from)\n")
    (reports / ".private" / "mine" / "executed.ipynb").unlink()
    message = "studies: mine: its executed notebook is gone; studies report mine --force makes it anew\n"
    assert share(studies, reports) == (2, "", message)


def test_share_refuses_what_is_no_report_or_no_zip(studies, reports, tmp_path):
    assert share(studies, reports, "yours") == (2, "", "studies: no report is called 'yours'; there are: mine\n")
    (tmp_path / "empty").mkdir()
    message = "studies: empty: holds no report yet; run studies report first\n"
    assert share(studies, tmp_path / "empty") == (2, "", message)
    message = "studies: share.tar: needs a name that ends in .zip\n"
    assert studies("share", "--out", reports, "--to", "share.tar") == (2, "", message)


def test_share_prints_each_report_of_which_only_the_scan_has_seen_nothing_wrong(studies, reports, sign, needs):
    needs("chromium")
    leave(reports, sign, '<p class="dates">data to 2024-02-29</p><p>No clear difference.</p>')
    assert share(studies, reports, "--pdf") == (0, f"{reports.parent / 'share.zip'}: 5 files of mine\n", "")
    with zipfile.ZipFile(reports.parent / "share.zip") as archive:
        printed = archive.read("mine/report.pdf")
    assert sharing.count_pages(printed) == 1
    assert printed.count(b"(D:20240229000000+00'00')") == 2 and str(reports).encode() not in printed
    leave(reports, sign, "<p>cust-0007</p>")
    assert share(studies, reports, "--pdf") == (2, "", refused("mine/report.html holds unit ids (1)"))


def test_share_says_what_is_missing_where_nothing_can_be_printed(studies, reports, monkeypatch, tmp_path):
    monkeypatch.setattr(sharing, "PROGRAMS", ("no-such-browser",))
    message = (
        "studies: --pdf: no Chromium, Chrome or Edge is found here; install one, or open report.html in a browser "
    )
    assert share(studies, reports, "--pdf") == (2, "", f"{message}and print it\n")
    assert not (reports.parent / "share.zip").exists() and share(studies, reports)[0] == 0
    monkeypatch.setattr(sharing, "PROGRAMS", ("false",))
    message = "studies: mine: false printed nothing (CalledProcessError); open report.html in a browser and print it\n"
    assert share(studies, reports, "--pdf") == (2, "", message)


def test_long_reports_leave_the_part_for_the_statistician_to_the_file(needs):
    browser, sheet = needs("chromium"), '<p style="break-after:page">finding</p>'
    fold = f'<details class="expert" open><summary>Design</summary>{sheet * 9}</details>'
    page = f"<html><head><title>T</title></head><body>{sheet * 3}{{}}</body></html>"
    assert sharing.count_pages(sharing.print_report(browser, "mine", page.format(sheet * 8 + fold))) == 12
    message = "mine: takes 13 pages, more than 12; share without --pdf, or plan fewer segments"
    with pytest.raises(Refused, match=f"^{message}$"):
        sharing.print_report(browser, "mine", page.format(sheet * 10))


def keep(reports, name, content):
    """Put another file beside the report, as a run does: its run.json names it."""
    file = reports / "mine" / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    record = json.loads((reports / "mine" / "run.json").read_text())
    record["files"][name] = hashlib.sha256(content).hexdigest()
    (reports / "mine" / "run.json").write_text(json.dumps(record))


def test_share_packs_what_the_run_kept_and_nothing_else(studies, reports):
    keep(reports, "summary.md", b"No clear difference.\n")
    keep(reports, "scorecard.png", b"\x89PNG\r\n /home/ann \xff")  # a picture holds no text
    keep(reports, "definitions/duckdb.sql", b"SELECT count(*) FROM accounts;\n")
    assert share(studies, reports)[0] == 0
    kept = {"mine/summary.md", "mine/scorecard.png", "mine/definitions/duckdb.sql"}
    assert set(list_shared(reports)) == {"index.html", *(f"mine/{name}" for name in FILES), *kept}


@pytest.mark.parametrize("name", ["summary.md", "definitions/duckdb.sql"])
def test_share_scans_what_the_run_kept(studies, reports, name):
    keep(reports, name, b"customer_id = 'cust-0007' OR mail = 'ann@example.org'\n")
    what = f"mine/{name} holds an e-mail address (1); mine/{name} holds unit ids (1)"
    assert share(studies, reports) == (2, "", refused(what))


def test_share_looks_for_the_accounts_of_a_framework(studies, reports, sign):
    (reports.parent / "plan.yaml").write_text(
        "kind: framework\ntitle: T\nquestion: Q?\nunit_id: customer_id\n"
        "outcomes: {retained: {column: activated, time: tickets}}\n"
    )
    assert share(studies, reports)[0] == 0
    leave(reports, sign, "<p>cust-0007</p>")
    assert share(studies, reports) == (2, "", refused("mine/report.html holds unit ids (1)"))


FEW = "march and april differ in fewer than 5 units of an arm; share one of them"
OTHER = (
    "march and april show other parts of the same units, of which one can tell what the other hides; share one of "
    "them, or put the parts into one plan"
)


@pytest.mark.parametrize(("kind", "new", "segment", "told"), [
    ("yours", range(211), "country=IT", [FEW]),  # one customer more
    ("yours", range(1, 211), "country=IT", [FEW]),  # one in the place of another
    ("yours", range(4, 210), "country=IT", [FEW]),
    ("yours", range(5, 210), "country=IT", []),
    ("yours", range(900, 1110), "country=IT", []),  # another experiment of as many
    ("yours", range(210), "country=IT", []),  # the same customers
    ("yours", range(210), "region=South", [OTHER]),  # South without Italy is Malta
    ("simulated", range(211), "country=IT", []),
])  # fmt: skip
def test_runs_of_nearly_the_same_units_are_not_shared_together(kind, new, segment, told):
    ids = {"march": {"new": set(range(210))}, "april": {"new": set(new)}}
    runs = {name: {"data": {"kind": "yours", "units_by_variant": {"new": len(ids[name]["new"])}}} for name in ids}
    for name, shown in (("march", "country=IT"), ("april", segment)):
        runs[name]["estimates"] = [{"segment": shown, "at": None, "n_control": 90}]
        runs[name]["estimates"] += [{"segment": f"{name}=hidden", "at": None, "n_control": None}]
    runs["april"]["data"]["kind"] = kind
    assert sharing.find_twins(runs, ids.get) == told


def test_share_compares_the_customers_of_two_runs(studies, reports, table):
    for name in ("reports/other", "reports/.private/other"):
        shutil.copytree(reports.parent / name.replace("other", "mine"), reports.parent / name)
    assert share(studies, reports)[0] == 0
    pd.read_csv(table)[1:].to_csv(table.with_name("others.csv"), index=False)
    executed = reports / ".private" / "other" / "executed.ipynb"
    executed.write_text(executed.read_text().replace(table.name, "others.csv"))
    told = "mine and other differ in fewer than 5 units of an arm; share one of them"
    assert share(studies, reports) == (2, "", refused(told))


def test_find_secrets_by_form(monkeypatch):
    monkeypatch.setattr(sharing.os, "environ", {})
    telling = {
        "an absolute path": ["read /home/ann/customers.csv", r"C:\Users\ann\customers.csv", "file:///srv/x"],
        "an e-mail address": ["mail ann.smith@example.org now"],
        "a password in a URL": ["postgres://ann:hunter2@host/db"],
        "a secret": ["-----BEGIN RSA PRIVATE KEY-----", "password = hunter2", "AKIAABCDEFGHIJKLMNOP",
         "host=db user=ann password=hunter2", "md:sales?motherduck_token=abcd1234", "Server=db;PWD=hunter2;"],
    }  # fmt: skip
    for what, texts in telling.items():
        assert [sharing.find_secrets(text) for text in texts] == [{what: 1}] * len(texts)
    assert sharing.find_secrets("between 1/2 and/or 3 km/h, </p><br/>") == {}  # slashes that are no paths
    assert sharing.find_secrets("postgres://${PGUSER}:${PGPASSWORD}@host/db") == {}  # names, not values
    assert sharing.find_secrets("a password is asked for; tokens are counted") == {}  # words about secrets


def test_find_secrets_finds_names_and_values_of_this_machine(monkeypatch):
    monkeypatch.setattr(sharing.getpass, "getuser", lambda: "annsmith")
    monkeypatch.setattr(sharing.socket, "gethostname", lambda: "annslaptop")
    monkeypatch.setattr(sharing.os, "environ", {"PGPASSWORD": "canary77", "COLOUR": "blueish"})
    found = sharing.find_secrets("made by annsmith on annslaptop, canary77, blueish, annsmithson")
    assert found == {"a name of this user or machine": 2, "the value of a secret environment variable": 1}
    monkeypatch.setattr(sharing.getpass, "getuser", lambda: "root")
    assert sharing.find_secrets("the square root of root") == {}


def test_read_text_unpacks_downloads_and_escapes_and_leaves_pictures_out():
    download = base64.b64encode(b"id\ncust-0001\n").decode()
    page = f'<img src="data:image/png;base64,AAAA/home/ann"><a href="data:text/csv;base64,{download}">a &amp; b</a>'
    text = sharing.read_text("x/report.html", page.encode())
    assert "cust-0001" in text and "a & b" in text and "/home/ann" not in text
    assert "cust-0001,é" in sharing.read_text("r.html", b'<a href="data:text/csv;charset=utf-8,cust-0001%2C%C3%A9">')
    assert "é/home" in sharing.read_text("r.json", rb'{"a": "\u00e9\/home"}')
