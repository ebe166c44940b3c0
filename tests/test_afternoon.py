"""Every command of a free afternoon with her own tables, in the order in which she types them; bench times them."""

import contextlib
import io
import json
import re
import zipfile

import afternoon
import pytest

from helpers import cli


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    """Return her folder, and what each command said, by step; all in this process, which imports once."""
    folder, said = tmp_path_factory.mktemp("afternoon"), {}
    for step, where, _, words in afternoon.STEPS:
        if step == "report again, of earlier days":
            continue  # side by side with the first
        with contextlib.chdir(folder / where), contextlib.redirect_stdout(io.StringIO()) as told:
            assert cli.main(words[:1] if step == "report" else words) == 0, step
        said[step] = told.getvalue()
        afternoon.fill(folder, step, n_accounts=400)
    return folder, said


def read(folder, run):
    return json.loads((folder / run / "results.json").read_text())


def test_her_own_report_answers_from_her_csv_and_events(typed):
    folder, said = typed
    found = read(folder / "tour" / "reports", "tour")
    assert (found["status"], found["data"]["kind"], found["data"]["units"]) == ("answered", "yours", 6000)
    verdicts = {e["id"]: e["verdict"] for e in found["estimates"] if e["role"] in ("primary", "guardrail")}
    pairs = ("tour - ohne", "video - ohne", "video - tour")
    assert {verdicts[f"Aktiviert:{pair}:difference"] for pair in pairs} == {"clear benefit"}
    assert {verdicts[f"tickets:{pair}:difference"] for pair in pairs} == {"not inferior"}
    assert found["answer"][-1].endswith("video beats tour too.")
    assert "; tickets, with video, " in found["answer"][1] and "against" not in found["answer"][1]
    page = (folder / "tour" / "reports" / "tour" / "report.html").read_text()
    assert "treatment minus ohne" in page.lower() and "first minus second" in page.lower()
    assert "Kundin ist aktiviert" in page and "NPS after" in page and "6,000 companies" in page
    assert "my_companies.csv" in page and "companys" not in page
    assert "would answer" in said["check"] and "my_events.csv" in said["check"]


def test_an_earlier_day_is_compared_and_what_may_travel_is_shared(typed):
    folder, said = typed
    assert "tour_early -> tour" in said["compare"]  # an interim look, which has the same estimates as the end
    assert re.search(r"\d of 81 estimates moved .*; 0 only in tour_early, 0 only in tour\n", said["compare"])
    with zipfile.ZipFile(folder / "tour" / "share.zip") as archive:
        names = archive.namelist()
        assert "tour/report.html" in names and not [name for name in names if "early" in name]
        assert not [name for name in names if b"firma-0" in archive.read(name)]


def test_her_accounts_with_a_day_of_loss_are_reviewed(typed):
    folder, said = typed
    found = read(folder / "stay" / "reports", "stay")
    assert (found["status"], found["data"]["rows"]) == ("answered", 400)
    assert any("activated" in e["id"] for e in found["estimates"])
    page = (folder / "stay" / "reports" / "stay" / "report.html").read_text()
    assert "companies" in page and "Team eingeladen" in page and "firma-0" not in page
    assert "their_events.csv" in said["check of accounts"]
