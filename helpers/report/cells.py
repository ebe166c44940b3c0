"""What a notebook's own cells call: parameters are checked in the first, results are published in the last."""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path

from helpers import paths
from helpers.records import Refused
from helpers.report.document import (
    PRIVATE_MIME,
    RESULTS_MIME,
    TEXT_MIME,
    check_name,
    describe_results,
)
from helpers.report.parameters import check_value, read_parameters
from helpers.view.html import make_plain, write_csv


def check_parameters(study, namespace) -> dict:
    """Return the parameters of a running notebook, by name, each checked against its declaration.

    The notebook is the one that the runner names, the one in this folder, or that of notebooks/.

    Parameters
    ----------
    study : str
        Name of the notebook.
    namespace : dict
        The notebook's `globals()`.

    Returns
    -------
    dict: every declared parameter with its present value

    Raises
    ------
    Refused: one is missing, of another type, out of range, not a choice, or an address with a password.
    """
    beside = Path(os.environ.get("STUDIES_NOTEBOOK", f"{study}.ipynb")).absolute()
    declared = read_parameters(beside if beside.is_file() else paths.notebook_file(study))
    lost = [name for name in declared if name not in namespace]
    if lost:
        raise Refused(f"{study}: the parameters cell does not set {', '.join(lost)}; run it first")
    return {name: check_value(parameter, namespace[name]) for name, parameter in declared.items()}


def tell_refits(done, total) -> None:
    """Show in a running notebook how far the ranking of features is; a report holds nothing of it.

    Parameters
    ----------
    done, total : int, half-samples
    """
    print(f"\rranking: {done} of {total} half-samples", end="\n" if done == total else "", file=sys.stderr, flush=True)


def publish(results, parameters) -> None:
    """Display results as one output that the runner reads; its presence says that the notebook ran to its end.

    With them go what lies beside the report: the answer as text, the scorecard as a picture, and a row of the gallery.

    Parameters
    ----------
    results : Results
    parameters : dict
        What `check_parameters` returned. Of a path or an address only what may be shown is kept.
    """
    from helpers.view import summary

    payload = describe_results(results, parameters, run=os.environ.get("STUDIES_RUN", results.study))
    payload["card"], picture = make_plain(summary.make_card(results)), summary.draw_scorecard(results)
    payload["files"] = {"summary.md": summary.write_summary(results)}
    if picture:
        payload["files"]["scorecard.png"] = base64.b64encode(picture).decode()
    _display({RESULTS_MIME: payload}, "\n".join([payload["title"], *payload["answer"]]))


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
    text = write_csv(make_plain(frame.to_dict("records")), [str(column) for column in frame.columns])
    _keep(PRIVATE_MIME, name, text, f"{len(frame):,} rows; `studies report` writes it into the private folder")


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
    lines = len(text.splitlines())
    _keep(TEXT_MIME, name, text, f"{lines:,} lines; `studies report` writes it into the folder of the report")


def keep_definitions(results) -> None:
    """Display the milestones as SQL, one text a database, which the runner writes as definitions/DATABASE.sql.

    Parameters
    ----------
    results : Results, table `definitions`; nothing is kept without it.
    """
    rows = results.tables.get("definitions")
    if rows is not None:
        for dialect, part in rows.groupby("dialect", sort=False):
            keep_text(f"definitions/{dialect}.sql", "\n".join(part["statement"]))


def _keep(mime, name, text, said):
    """Display a file for the runner, and nothing of its content for anybody else."""
    file = {mime: {"name": check_name(mime, name), "text": text}}
    _display(file if "STUDIES_RUN" in os.environ else {}, f"{name}: {said}")


def _display(data, text):
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.display import display

    if InteractiveShell.initialized():
        display({**data, "text/plain": text}, raw=True)
