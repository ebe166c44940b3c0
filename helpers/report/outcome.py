"""How a run ended: done, refused, a time limit, a dead kernel, an interrupt or an error, each told apart."""

from __future__ import annotations

import errno
import html
from dataclasses import dataclass

MIME = "application/vnd.support-studies.results+json"
WORDS = {
    "refused": "refused what it was given",
    "time limit": "ran into the time limit",
    "dead kernel": "ended with a dead kernel",
    "interrupted": "was interrupted",
    "error": "stopped at an error",
    "not run": "was not run",
}
DIED = "the kernel died: it was killed from outside, ran out of memory or crashed"
DISK = {
    errno.ENOSPC: "the disk is full; free some space and run again",
    errno.EDQUOT: "the disk quota is used up; free some space and run again",
    errno.EROFS: "the folder is read-only; choose another with --out",
    errno.EACCES: "writing there is not allowed; choose another with --out",
}
PAGE = """<!doctype html>
<html lang="en"><head>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Run {name} {words}</title>
<style>:root{{color-scheme:light dark}}body{{font:17px/1.55 system-ui,sans-serif;max-width:70ch;margin:3rem auto;\
padding:0 1rem}}div{{border:2px solid;padding:1rem}}</style></head>
<body><main><h1>Run {name} {words}</h1><div><p>{message}</p></div>
<p>{place}</p><p>{last}</p></main></body></html>
"""


@dataclass(frozen=True)
class Outcome:
    """How one run ended; `message` holds no value from the data, `section` is the heading that was being computed."""

    kind: str
    message: str = ""
    section: str = ""

    @property
    def failed(self) -> bool:
        """Whether there is no report from this run."""
        return self.kind in WORDS

    @property
    def sentence(self) -> str:
        """One line for the terminal."""
        place = f" in “{self.section}”" if self.section else ""
        return f"{self.kind}{place}: {self.message}" if self.message else self.kind


INTERRUPTED = Outcome("interrupted", "run the command again to finish")


def judge_error(error, *, section, limit, stopped) -> Outcome:
    """Return the outcome of a run that an exception ended.

    Parameters
    ----------
    error : Exception
        From Papermill, nbclient or the disk.
    section : str
        Heading that was being computed.
    limit : float
        Time limit of a cell, seconds.
    stopped : bool
        Whether the user has interrupted the command.

    Returns
    -------
    Outcome: its message holds the exception's class, and its text only for a refusal, which holds no value.
    """
    name, kind = getattr(error, "ename", ""), type(error).__name__
    if stopped or name == "KeyboardInterrupt":
        return Outcome("interrupted", INTERRUPTED.message, section)
    if name == "Refused":
        return Outcome("refused", error.evalue, section)
    if kind == "CellTimeoutError":
        return Outcome("time limit", f"a cell ran longer than {limit:g} seconds; raise the limit or give less", section)
    if kind == "DeadKernelError" or (kind == "RuntimeError" and "ernel" in str(error)):
        return Outcome("dead kernel", DIED, section)
    if isinstance(error, OSError) and not name:
        return judge_disk(error)
    if not name:
        return Outcome("error", f"{kind} while the report was made; STUDIES_DEBUG=1 shows more", section)
    return Outcome("error", f"{name} in a cell; open the notebook in JupyterLab to see it happen", section)


def judge_disk(error) -> Outcome:
    """Return the outcome of a report that could not be written."""
    return Outcome("error", f"the report cannot be written: {DISK.get(error.errno, type(error).__name__)}")


def find_payload(notebook) -> dict | None:
    """Return what the notebook published, when its last code cell was reached; None otherwise."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    if not cells or cells[-1].execution_count is None:
        return None
    outputs = [output for cell in cells for output in cell.outputs if MIME in output.get("data", {})]
    return outputs[-1]["data"][MIME] if outputs else None


def failed_page(name, outcome, *, has_report) -> str:
    """Return failed.html: what happened and where, without a value."""
    place = f"It happened in the section “{outcome.section}”." if outcome.section else ""
    last = "The last good report is still there: report.html." if has_report else "There is no earlier report."
    filled = {"name": name, "words": WORDS[outcome.kind], "message": outcome.message, "place": place, "last": last}
    return PAGE.format_map({key: html.escape(text) for key, text in filled.items()})
