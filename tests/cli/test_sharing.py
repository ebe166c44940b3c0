import json
import zipfile

import pytest


def share(studies, reports, *names):
    """Share the reports into share.zip beside them."""
    return studies("share", *names, "--out", reports, "--to", reports.parent / "share.zip")


def refused(what):
    """Return the whole message."""
    return f"studies: nothing is shared: {what}. Mend the cause, render again, then share\n"


def test_share_packs_what_may_travel(studies, reports):
    status, _, message = share(studies, reports)
    assert (status, message) == (0, "")
    with zipfile.ZipFile(reports.parent / "share.zip") as archive:
        files = ["index.html", "mine/report.html", "mine/results.json", "mine/tables/estimates.csv"]
        assert archive.namelist() == files
        assert b"mine/report.html" in archive.read("index.html")


def test_share_makes_the_same_zip_twice(studies, reports):
    share(studies, reports)
    first = (reports.parent / "share.zip").read_bytes()
    (reports / "mine" / "report.html").touch()
    share(studies, reports)
    assert (reports.parent / "share.zip").read_bytes() == first


def test_share_packs_only_the_runs_named(studies, reports):
    (reports / "other").symlink_to(reports / "mine")
    share(studies, reports, "mine")
    with zipfile.ZipFile(reports.parent / "share.zip") as archive:
        assert not [name for name in archive.namelist() if name.startswith("other")]
        assert b"other/" not in archive.read("index.html")


@pytest.mark.parametrize(
    ("file", "text", "what"),
    [
        ("report.html", "<p>cust-0007</p>", "mine/report.html holds unit ids (1)"),
        ("tables/estimates.csv", "id\ncust-0001\ncust-0002\n", "mine/tables/estimates.csv holds unit ids (2)"),
        ("report.html", "<p>/srv/ann/customers.csv</p>", "mine/report.html holds an absolute path (1)"),
        ("report.html", "<p>ann@example.org</p>", "mine/report.html holds an e-mail address (1)"),
    ],
)
def test_share_refuses_what_must_not_travel_and_says_where(studies, reports, file, text, what):
    (reports / "mine" / file).write_text(text)
    assert share(studies, reports) == (2, "", refused(what))
    assert not (reports.parent / "share.zip").exists()


def test_share_refuses_a_table_by_unit_and_small_cells(studies, reports):
    results = json.loads((reports / "mine" / "results.json").read_text())
    results["tables"] = {"units": [{"customer_id": "7", "x": 1}], "weeks": [{"week": 1, "n": 3}]}
    (reports / "mine" / "results.json").write_text(json.dumps(results))
    what = "mine/results.json, units has the column customer_id; mine/results.json, weeks holds cells under 10 (1)"
    assert share(studies, reports) == (2, "", refused(what))


def test_share_refuses_small_cells_of_milestones(studies, reports):
    results = json.loads((reports / "mine" / "results.json").read_text())
    results["tables"] = {
        "landmark_flow": [{"step": "landmark day 90: lost before it", "accounts": 3}],
        "hazards": [{"reading": "time-varying", "n": 400, "lost": 4}, {"reading": "adjusted", "n": 0, "lost": 0}],
        "next_steps": [{"step": "using", "accounts": 0}],
    }
    (reports / "mine" / "results.json").write_text(json.dumps(results))
    what = "; ".join(f"mine/results.json, {name} holds cells under 10 (1)" for name in ("landmark_flow", "hazards"))
    assert share(studies, reports) == (2, "", refused(what))


def test_share_refuses_when_ids_cannot_be_looked_for(studies, reports, table):
    table.unlink()
    reason = "customers.csv: no such file; check the name, and the folder it is read from"
    message = f"studies: mine: its data cannot be read again to look for unit ids ({reason})\n"
    assert share(studies, reports) == (2, "", message)
    (reports / ".private" / "mine" / "executed.ipynb").unlink()
    message = "studies: mine: its executed notebook is gone; studies report mine --force makes it anew\n"
    assert share(studies, reports) == (2, "", message)


def test_share_refuses_names_without_a_report(studies, reports, tmp_path):
    assert share(studies, reports, "yours") == (2, "", "studies: no report is called 'yours'; there are: mine\n")
    (tmp_path / "empty").mkdir()
    message = "studies: empty: holds no report yet; run studies report first\n"
    assert share(studies, tmp_path / "empty") == (2, "", message)


def test_share_refuses_another_kind_of_file(studies, reports):
    message = "studies: share.tar: needs a name that ends in .zip\n"
    assert studies("share", "--out", reports, "--to", "share.tar") == (2, "", message)


def keep_text(reports, text):
    """Put a kept text beside the report, as a run does: its run.json names it."""
    file = reports / "mine" / "definitions" / "duckdb.sql"
    file.parent.mkdir()
    file.write_text(text)
    (file.parent / "strange.sql").write_text("not named in run.json")
    files = {"definitions/duckdb.sql": "", "report.html": "", "../other/a.sql": ""}
    (reports / "mine" / "run.json").write_text(json.dumps({"question": "Q?", "files": files}))


def test_share_packs_the_texts_that_the_run_kept(studies, reports):
    keep_text(reports, "SELECT count(*) FROM accounts;\n")
    assert share(studies, reports)[0] == 0
    with zipfile.ZipFile(reports.parent / "share.zip") as archive:
        assert archive.read("mine/definitions/duckdb.sql") == b"SELECT count(*) FROM accounts;\n"
        assert [name for name in archive.namelist() if name.endswith(".sql")] == ["mine/definitions/duckdb.sql"]


def test_share_scans_the_texts_that_the_run_kept(studies, reports):
    keep_text(reports, "SELECT * FROM accounts WHERE customer_id = 'cust-0007' OR mail = 'ann@example.org';\n")
    what = "mine/definitions/duckdb.sql holds an e-mail address (1); mine/definitions/duckdb.sql holds unit ids (1)"
    assert share(studies, reports) == (2, "", refused(what))


def test_share_looks_for_the_accounts_of_a_framework(studies, reports, table):
    (reports.parent / "plan.yaml").write_text(
        "kind: framework\ntitle: T\nquestion: Q?\nunit_id: customer_id\n"
        "outcomes: {retained: {column: activated, time: tickets}}\n"
    )
    assert share(studies, reports)[0] == 0
    (reports / "mine" / "report.html").write_text("<p>cust-0007</p>")
    assert share(studies, reports) == (2, "", refused("mine/report.html holds unit ids (1)"))
