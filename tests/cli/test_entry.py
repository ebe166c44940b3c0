import errno
import os
import subprocess
import sys

import pytest

from helpers.cli import reporting
from helpers.records import Refused

JOBS = "studies report: error: argument --jobs"
SPLITS = "studies check: error: argument --aa: needs a whole number"
INTERRUPTED = RuntimeError("Query interrupted")  # as DuckDB hands on what stops a query
INTERRUPTED.__cause__ = KeyboardInterrupt()
WHY = "fewer splits cannot tell a false promise from chance"


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (Refused("customers.csv: no such file"), 2, "customers.csv: no such file"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (INTERRUPTED, 130, "interrupted"),
        (ValueError("Ann Smith"), 1, "failed: ValueError; STUDIES_DEBUG=1 shows where"),  # no value leaks
        # the cause is said, the path is not
        (OSError(28, "No space left", "/home/ann/x"), 1,
         "failed: OSError (No space left); STUDIES_DEBUG=1 shows where"),
        (OSError(None, "no path"), 1, "failed: OSError (no path); STUDIES_DEBUG=1 shows where"),
        *((OSError(kind, os.strerror(kind), "/home/ann/x"), 2,
           f"x: cannot be read or written ({os.strerror(kind)}); check the path and the rights to it")
          for kind in (errno.EROFS, errno.ENOTDIR, errno.EACCES)),
        (OSError(errno.ENAMETOOLONG, "too long", "n" * 300), 2,
         f"{'n' * 40}: cannot be read or written (too long); check the path and the rights to it"),
    ],
)  # fmt: skip
def test_main_tells_what_went_wrong_in_one_line(studies, monkeypatch, error, status, message):
    def fail(_):
        raise error

    monkeypatch.setattr(reporting, "list_all", fail)
    assert studies("list") == (status, "", f"studies: {message}\n")
    monkeypatch.setenv("STUDIES_DEBUG", "1")
    assert ("Traceback" in studies("list")[2]) == (status == 1 or isinstance(error, OSError | RuntimeError))


@pytest.mark.parametrize(("arguments", "message"), [
    ("", "studies: error: the following arguments are required: COMMAND"),
    ("report --nosuch", "studies: error: unrecognized arguments: --nosuch"),
    ("init mine --study live_support",
     "studies init: error: argument --study: invalid choice: 'live_support' (choose from 'experiment', "
     "'customer_milestones')"),
    ("share", "studies share: error: the following arguments are required: --to"),
    *((f"report --jobs={n}", f"{JOBS}: needs a whole number, 1 or more") for n in ("0", "-1", "two", "1.5")),
    *((f"check t --plan p --aa={n}", f"{SPLITS}, 100 or more: {WHY}") for n in ("99", "many")),
])  # fmt: skip
def test_main_refuses_a_command_line_that_it_cannot_read(studies, arguments, message):
    status, shown, said = studies(*arguments.split())
    assert (status, shown, said.splitlines()[-1]) == (2, "", message)


def test_help_imports_nothing_heavy():
    heavy = "{'pandas', 'ibis', 'papermill'} & set(sys.modules)"
    code = f"import sys; from helpers import cli; cli.build_parser(); print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_refusal_imports_no_table_and_no_engine(notebooks):
    code = "import sys; from helpers.cli import main; main(); print({'pandas', 'ibis', 'papermill'} & set(sys.modules))"
    arguments = ["report", "--runs", str(notebooks / "reports.yaml"), "nosuch"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("set()\n", "studies: no run is called 'nosuch'; there are: first\n")
