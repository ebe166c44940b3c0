import resource
import subprocess
import sys

import pytest

from helpers.cli import entry, listing
from helpers.records import Refused


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (Refused("customers.csv: no such file"), 2, "studies: customers.csv: no such file\n"),
        (KeyboardInterrupt(), 130, "studies: interrupted\n"),
        (ValueError("Ann Smith"), 1, "studies: failed: ValueError; STUDIES_DEBUG=1 shows where\n"),  # no value leaks
        (OSError(28, "No space left on device", "/home/ann/x"), 1, None),  # the cause is said, the path is not
    ],
)
def test_main_tells_what_went_wrong_in_one_line(studies, monkeypatch, error, status, message):
    def fail(_):
        raise error

    monkeypatch.setattr(listing, "list_all", fail)
    shown = message or "studies: failed: OSError (No space left on device); STUDIES_DEBUG=1 shows where\n"
    assert studies("list") == (status, "", shown)


def test_main_shows_a_traceback_only_when_asked(studies, monkeypatch):
    monkeypatch.setattr(listing, "list_all", lambda _: 1 / 0)
    monkeypatch.setenv("STUDIES_DEBUG", "1")
    status, _, message = studies("list")
    assert status == 1
    assert "Traceback" in message


@pytest.mark.parametrize("arguments", [[], ["nosuch"], ["report", "--nosuch"], ["report", "--jobs", "0"], ["share"]])
def test_main_refuses_a_command_line_that_it_cannot_read(studies, arguments):
    assert studies(*arguments)[0] == 2


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5"])
def test_main_says_what_a_number_of_jobs_is(studies, number):
    message = studies("report", f"--jobs={number}")[2].splitlines()[-1]
    assert message == "studies report: error: argument --jobs: needs a whole number, 1 or more"


def test_main_gives_the_status_of_the_command(studies, monkeypatch):
    monkeypatch.setattr(listing, "list_all", lambda _: entry.FAILED)
    assert studies("list")[0] == 1


def test_help_imports_nothing_heavy():
    heavy = "{'pandas', 'ibis', 'papermill'} & set(sys.modules)"
    code = f"import sys; from helpers.cli import parser; parser.build(); print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_refusal_takes_less_than_a_second_of_work(notebooks):
    code = "import sys; from helpers.cli import main; sys.exit(main())"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    arguments = ["report", "--runs", str(notebooks / "reports.yaml"), "nosuch"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (done.returncode, done.stderr) == (2, "studies: no run is called 'nosuch'; there are: first\n")
    assert (
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1
    )  # processor time: a machine is shared
