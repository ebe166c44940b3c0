"""How a run ended: each end has its own word, and no page of a failure holds a value."""

import errno

import pytest
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from tiny_study import execution

from helpers.report.outcome import INTERRUPTED, Outcome, failed_page, find_payload, judge_disk, judge_error


def raised(name, text):
    """Return what Papermill raises for an exception in a cell."""
    return PapermillExecutionError(0, 1, "source with 4711", name, text, ["traceback with 4711"])


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (raised("Refused", "t.csv, column x: mend it"), "refused", "t.csv, column x: mend it"),
        (raised("KeyboardInterrupt", ""), "interrupted", "run the command again to finish"),
        (
            raised("ValueError", "4711"),
            "error",
            "ValueError in a cell; open the notebook in JupyterLab to see it happen",
        ),
        (raised("OSError", "4711"), "error", "OSError in a cell; open the notebook in JupyterLab to see it happen"),
        (CellTimeoutError("4711"), "time limit", "a cell ran longer than 5 seconds; raise the limit or give less"),
        (
            DeadKernelError("Kernel died"),
            "dead kernel",
            "the kernel died: it was killed from outside, ran out of memory or crashed",
        ),
        (
            RuntimeError("Kernel died before replying to kernel_info"),
            "dead kernel",
            "the kernel died: it was killed from outside, ran out of memory or crashed",
        ),
        (KeyError("4711"), "error", "KeyError while the report was made; STUDIES_DEBUG=1 shows more"),
        (
            OSError(errno.ENOSPC, "4711"),
            "error",
            "the report cannot be written: the disk is full; free some space and run again",
        ),
    ],
)
def test_judge_error(error, kind, message):
    outcome = judge_error(error, section="Checks", limit=5, stopped=False)
    assert (outcome.kind, outcome.message, outcome.failed) == (kind, message, True)
    assert judge_error(error, section="Checks", limit=5, stopped=True).kind == "interrupted"
    page = failed_page("one", outcome, has_report=True)
    assert "4711" not in page and "The last good report is still there" in page
    assert "There is no earlier report." in failed_page("one", outcome, has_report=False)


def test_judge_error_limit_and_section():
    outcome = judge_error(CellTimeoutError("x"), section="Checks", limit=7.5, stopped=False)
    assert (
        outcome.sentence == "time limit in “Checks”: a cell ran longer than 7.5 seconds; raise the limit or give less"
    )


def test_judge_disk_read_only():
    message = "the report cannot be written: the folder is read-only; choose another with --out"
    assert judge_disk(OSError(errno.EROFS, "/secret/path")).message == message
    assert judge_disk(OSError(errno.EIO, "/secret/path")).message == "the report cannot be written: OSError"


def test_failed_page_escapes():
    page = failed_page("one", Outcome("error", "<script>alert(1)</script>", "<b>"), has_report=False)
    assert "<script>" not in page and "<b>" not in page


def test_outcome_failed():
    assert not Outcome("done").failed and not Outcome("up to date").failed
    assert INTERRUPTED.failed and Outcome("not run").failed


def test_find_payload_is_the_sign_of_the_end(make):
    notebook = execution(make()).notebook
    assert find_payload(notebook)["title"] == "Tiny"
    notebook.cells[-1].execution_count = None  # sys.exit(0) in an earlier cell: later cells never ran
    assert find_payload(notebook) is None
    notebook.cells[-1].execution_count = 1
    notebook.cells[-1].outputs = []
    assert find_payload(notebook) is None


def test_find_payload_before_cells_to_explore(make):
    notebook = execution(make()).notebook
    explore = notebook.cells[3].copy()
    explore.execution_count = 9
    notebook.cells.append(explore)
    assert find_payload(notebook)["title"] == "Tiny"
