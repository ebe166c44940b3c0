"""What a cell keeps beside the report: tables with one row a unit, for the owner only, and texts that may be shared."""

from __future__ import annotations

import os
import re
from pathlib import PurePosixPath

from helpers.report.document import make_plain, write_csv

PRIVATE_MIME = "application/vnd.support-studies.private+json"
TEXT_MIME = "application/vnd.support-studies.text+json"
PRIVATE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
TEXT_NAME = re.compile(r"(?!tables/)[a-z][a-z0-9_]{0,63}/[a-z0-9][a-z0-9_-]{0,63}\.(sql|txt)")
SPOKEN = {PRIVATE_MIME: "the private folder", TEXT_MIME: "the folder of the report"}
ALLOWED = {
    PRIVATE_MIME: (PRIVATE_NAME, "give letters, digits and _, such as next_steps"),
    TEXT_MIME: (TEXT_NAME, "give a folder (not tables) and a file that ends in .sql or .txt"),
}


class Kept:
    """One file as an output of its own kind, which the runner takes out of the notebook; nobody sees its content."""

    def __init__(self, mime, name, text, size):
        self.mime, self.payload = mime, {"name": name, "text": text}
        self.size = size

    def _repr_mimebundle_(self, include=None, exclude=None):
        plain = {"text/plain": repr(self)}
        return {self.mime: self.payload, **plain} if "STUDIES_RUN" in os.environ else plain

    def __repr__(self):
        return f"{self.payload['name']}: {self.size}; `studies report` writes it into {SPOKEN[self.mime]}"


def keep_private(name, frame) -> None:
    """Display a table with one row a unit as an output that only the runner reads, into the private folder.

    It is written to reports/.private/RUN/NAME.csv and stands in no other file but the executed notebook beside it. In
    JupyterLab and in plain Papermill nothing is written, and the output holds no row.

    Parameters
    ----------
    name : str, letters, digits and _
    frame : DataFrame, one row a unit

    Raises
    ------
    ValueError: another name.
    """
    rows = [make_plain(row) for row in frame.to_dict("records")]
    text = write_csv(rows, [str(column) for column in frame.columns])
    _display(Kept(PRIVATE_MIME, name, text, f"{len(rows):,} rows"))


def keep_text(name, text) -> None:
    """Display a text as an output that the runner writes beside the report, as reports/RUN/NAME; it may be shared.

    Parameters
    ----------
    name : str, a folder and a file, such as definitions/duckdb.sql
    text : str

    Raises
    ------
    ValueError: another name.
    """
    _display(Kept(TEXT_MIME, name, text, f"{len(text.splitlines()):,} lines"))


def keep_definitions(results) -> None:
    """Display the milestones as SQL, one text a database, which the runner writes as definitions/DATABASE.sql.

    Parameters
    ----------
    results : Results, table `definitions`; nothing is kept without it.
    """
    rows = results.tables.get("definitions")
    if rows is None:
        return
    for dialect, part in rows.groupby("dialect", sort=False):
        keep_text(f"definitions/{dialect}.sql", "\n".join(part["statement"]))


def find_kept(notebook) -> tuple[dict[str, str], dict[str, str]]:
    """Return the texts that go beside the report and into the private folder, by file name.

    Parameters
    ----------
    notebook : NotebookNode, executed

    Raises
    ------
    ValueError: a name that leaves its folder or could take the place of another file.
    """
    outputs = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    found = {
        mime: [(_check_name(mime, data[mime]["name"]), data[mime]["text"]) for data in outputs if mime in data]
        for mime in (TEXT_MIME, PRIVATE_MIME)
    }
    return dict(found[TEXT_MIME]), {f"{name}.csv": text for name, text in found[PRIVATE_MIME]}


def list_texts(record) -> list[str]:
    """Return the names of the texts beside a report, from the files that its run.json names."""
    return sorted(name for name in record.get("files", {}) if TEXT_NAME.fullmatch(name))


def holds_kept(output) -> bool:
    """Return whether an output of a cell is a kept file, which is no part of the report."""
    return any(mime in output.get("data", {}) for mime in ALLOWED)


def _display(kept):
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.display import display

    _check_name(kept.mime, kept.payload["name"])
    if InteractiveShell.initialized():
        display(kept)


def _check_name(mime, name):
    pattern, cure = ALLOWED[mime]
    if not pattern.fullmatch(name) or ".." in PurePosixPath(name).parts:
        raise ValueError(f"{name!r} is no name of a file that is kept; {cure}")
    return name
