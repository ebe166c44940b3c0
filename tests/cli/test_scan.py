import base64

import pytest

from helpers.cli import scan


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("read /home/ann/customers.csv", {"an absolute path": 1}),
        (r"C:\Users\ann\customers.csv", {"an absolute path": 1}),
        ("file:///srv/x", {"an absolute path": 1}),
        ("between 1/2 and/or 3 km/h, </p><br/>", {}),  # slashes that are no paths
        ("mail ann.smith@example.org now", {"an e-mail address": 1}),
        ("postgres://ann:hunter2@host/db", {"a password in a URL": 1}),
        ("postgres://${PGUSER}:${PGPASSWORD}@host/db", {}),  # names, not values
        ("-----BEGIN RSA PRIVATE KEY-----", {"a secret": 1}),
        ("password = hunter2", {"a secret": 1}),
        ("a password is asked for; tokens are counted", {}),  # words about secrets
        ("AKIAABCDEFGHIJKLMNOP", {"a secret": 1}),
    ],
)
def test_find_secrets_by_form(monkeypatch, text, found):
    monkeypatch.setattr(scan.os, "environ", {})
    assert scan.find_secrets(text) == found


def test_find_secrets_finds_names_and_values_of_this_machine(monkeypatch):
    monkeypatch.setattr(scan.getpass, "getuser", lambda: "annsmith")
    monkeypatch.setattr(scan.socket, "gethostname", lambda: "annslaptop")
    monkeypatch.setattr(scan.os, "environ", {"PGPASSWORD": "canary77", "COLOUR": "blueish"})
    found = scan.find_secrets("made by annsmith on annslaptop, canary77, blueish, annsmithson")
    assert found == {"a name of this user or machine": 2, "the value of a secret environment variable": 1}


def test_find_secrets_lets_common_names_be_words(monkeypatch):
    monkeypatch.setattr(scan.getpass, "getuser", lambda: "root")
    assert scan.find_secrets("the square root of root") == {}


def test_read_text_unpacks_downloads_and_leaves_pictures_out():
    download = base64.b64encode(b"id\ncust-0001\n").decode()
    page = f'<img src="data:image/png;base64,AAAA/home/ann"><a href="data:text/csv;base64,{download}">a &amp; b</a>'
    text = scan.read_text("x/report.html", page.encode())
    assert "cust-0001" in text
    assert "a & b" in text
    assert "/home/ann" not in text


def test_read_text_unpacks_percent_and_json_escapes():
    assert "cust-0001,é" in scan.read_text("r.html", b'<a href="data:text/csv;charset=utf-8,cust-0001%2C%C3%A9">')
    assert "é/home" in scan.read_text("r.json", rb'{"a": "\u00e9\/home"}')


def test_find_candidates_takes_what_could_be_an_id():
    found = scan.find_candidates('<td>cust-0001</td><td>Acme Ltd</td> "9876543210" 12345 0.123456789 ab1 word')
    assert {"cust-0001", "Acme Ltd", "9876543210"} <= found
    assert not {"12345", "0.123456789", "ab1"} & found  # figures, and what is too short


@pytest.mark.parametrize(
    ("rows", "count"),
    [
        ([{"segment": "country=IT", "n_control": 4, "n_treatment": 40}], 1),
        ([{"segment": None, "n_control": 4, "n_treatment": 4}], 0),  # whole variants
        ([{"week": 1, "n": 3}, {"week": 2, "n": 30}, {"week": 3, "n": None}], 1),  # a hidden one is fine
        ([{"hours": "weekday 00-04", "n_control": 3}, {"agent": "agent 1", "units": 9}], 2),
        ([{"step": "read", "rows": 3}], 0),  # rows of a table, no cell of units
        ([{"feature": "a", "n_used": 9}, {"cut": 3, "n": 9}, {"line": 2, "n_at_or_above": 9}], 3),
        ([{"step": "a", "accounts": 9}, {"cohort": "2022", "lost": 9}, {"count_low": 0, "kept": 9}], 3),
        ([{"from_state": "using", "moves": 9}, {"milestone": "using", "n_not": 0}], 2),
        ([{"step": "a", "accounts": 0}, {"milestone": "using", "lost": 0}, {"from_state": "using", "moves": 0}], 0),
        ([{"reading": "naive", "n_reached": 0, "n_not": 0}, {"reading": "naive", "n_reached": 0, "n_not": 40}], 1),
        ([], 0),
    ],
)
def test_count_small_cells(rows, count):
    assert scan.count_small_cells(rows, min_cell=10) == count


def test_count_small_cells_follows_the_plans_smallest_cell():
    assert scan.count_small_cells([{"segment": "a=b", "n": 10}], min_cell=11) == 1
