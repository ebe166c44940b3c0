"""What happens in the process of one run: executed by Papermill, judged, written beside the last good report, swapped.

Only such a process imports this module, which imports all that is heavy.
"""
# ruff: noqa: E402

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from multiprocessing import parent_process

sys.modules.setdefault("rfc3987_syntax", None)  # a grammar of addresses: most of Papermill's import, and not needed
import nbformat
import papermill
from traitlets.config import Config

from helpers import paths
from helpers.report import cache, folders, page
from helpers.report.document import find_payload, hide_secrets, list_files, split_payload, strip_run, write_json
from helpers.report.pipeline import DIED, STOPPED, Outcome, judge_disk, leave_page

FIXED = {
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "JUPYTER_PREFER_ENV_PATH": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "VECLIB_MAXIMUM_THREADS": "1",
    **{f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")},
}
DROPPED = re.compile(r"JUPYTER_PATH|LANGUAGE|MPLBACKEND|PYTHON(DONTWRITEBYTECODE|OPTIMIZE|SAFEPATH|STARTUP|WARNINGS)")
FOREIGN = "something else than a report stands in the folder of that name; choose another name or --out"
UNFINISHED = "the notebook ended before its last cell had published results"


def make_environment(run, out, given) -> dict[str, str]:
    """Return the environment of a run: what was given, all fixed that results may depend on, and the run's own.

    A notebook learns its run's name, its file, and the results that it needs.
    """
    needs = {name: str(out / name / "results.json") for name in run.needs}
    own = {"STUDIES_RUN": run.name, "STUDIES_NOTEBOOK": str(run.notebook), "STUDIES_NEEDS": json.dumps(needs)}
    return {name: value for name, value in given.items() if not DROPPED.fullmatch(name)} | FIXED | own


@contextmanager
def own_process(environment):
    """Make this process fit for one run: its environment, nothing said beside the report, an end when one is asked for.

    A request to terminate, and the end of the command, raise KeyboardInterrupt once; Ctrl-C reaches the command alone.
    """

    def interrupt(*_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    def follow_command():
        parent_process().join()
        os.kill(os.getpid(), signal.SIGTERM)

    os.environ.clear()
    os.environ.update(environment)
    with tempfile.TemporaryDirectory(prefix="studies-") as folder, open(os.devnull, "w") as nowhere:
        os.environ.update(IPYTHONDIR=folder, JUPYTER_RUNTIME_DIR=folder)
        for descriptor in (1, 2):  # what a kernel writes outside of cells may hold values
            os.dup2(nowhere.fileno(), descriptor)
        signal.signal(signal.SIGINT, lambda *_: None)
        signal.signal(signal.SIGTERM, interrupt)
        threading.Thread(target=follow_command, daemon=True).start()
        yield


def render_run(run, settings, tell) -> Outcome:
    """Return how a run ended; its folder holds a new report, or the last good one and failed.html.

    Parameters
    ----------
    run : Run
    settings : Settings
    tell : callable
        Called with each heading as its section begins.
    """
    try:
        with folders.hold_lock(settings.out, run.name):
            if folders.is_foreign(settings.out, run.name):
                return Outcome("refused", FOREIGN)
            checksums = cache.Checksums(settings.out)
            key = cache.make_key(run, out=settings.out, checksums=checksums, code=settings.code)
            if not settings.force and cache.is_fresh(run, key, out=settings.out, checksums=checksums):
                return Outcome("up to date")
            outcome = _produce(run, settings, key, tell)
            if outcome.failed:
                leave_page(settings.out, run.name, outcome)
            return outcome
    except OSError as error:
        return judge_disk(error)
    except KeyboardInterrupt:
        return STOPPED


def execute(run, *, limit, tell):
    """Return a run's notebook as Papermill has executed it, on a kernel that ends with it.

    Parameters
    ----------
    run : Run
    limit : float
        Seconds a cell may take.
    tell : callable
        Called with each heading as its section begins.

    Raises
    ------
    Exception: of Papermill or nbclient, when a cell fails, the kernel dies or takes too long.
    """

    def watch(cell, cell_index):
        heading = re.match(r"#{1,3} +(.+)", cell.source) if cell.cell_type == "markdown" else None
        if heading:
            tell(heading[1].strip())

    logging.getLogger("papermill").setLevel(logging.CRITICAL + 1)
    return papermill.execute_notebook(
        nbformat.read(run.notebook, as_version=4),
        None,
        parameters=run.given,
        kernel_name="python3",
        language="python",
        progress_bar=False,
        execution_timeout=limit,
        on_cell_start=watch,
        resources={"metadata": {"path": str(run.notebook.parent)}},
        shutdown_kernel="immediate",
        config=Config(KernelManager={"transport_encryption": "auto"}),
    )


def judge_error(error, *, section, limit) -> Outcome:
    """Return the outcome of a run that an exception ended.

    Parameters
    ----------
    error : BaseException
        From Papermill, nbclient or the disk, or KeyboardInterrupt.
    section : str
        Heading that was being computed.
    limit : float
        Time limit of a cell, seconds.

    Returns
    -------
    Outcome: its message holds the exception's class, and its text only for a refusal, which holds no value.
    """
    in_cell, kind = getattr(error, "ename", ""), type(error).__name__
    told = "error", f"{kind} while the report was made; STUDIES_DEBUG=1 shows more"
    if "KeyboardInterrupt" in (in_cell, kind):
        told = STOPPED.kind, STOPPED.message
    elif in_cell == "Refused":
        told = "refused", error.evalue
    elif in_cell:
        told = "error", f"{in_cell} in a cell; open the notebook in JupyterLab to see it happen"
    elif kind == "CellTimeoutError":
        told = "time limit", f"a cell ran longer than {limit:g} seconds; raise the limit or give less"
    elif kind == "DeadKernelError" or (kind == "RuntimeError" and "ernel" in str(error)):
        told = DIED.kind, DIED.message
    elif isinstance(error, OSError):
        return judge_disk(error)
    return Outcome(*told, section, f"{kind}: {error}")


def _produce(run, settings, key, tell):
    begun, sections = time.time(), [""]

    def pass_section(heading):
        sections.append(heading)
        tell(heading)

    try:
        notebook = execute(run, limit=settings.limit, tell=pass_section)
        payload = find_payload(notebook)
        if payload is None:
            return Outcome("error", UNFINISHED, sections[-1])
        sections.append("")
        tell("report is written")
        started = datetime.fromtimestamp(begun, UTC).isoformat(timespec="seconds")
        record = {"key": key, "started": started, "seconds": round(time.time() - begun, 3)}
        _write_report(run, settings, notebook, payload, record)
        return Outcome("done", f"{time.time() - begun:.1f} s")
    except (Exception, KeyboardInterrupt) as error:
        folders.settle(settings.out, run.name)
        return judge_error(error, section=sections[-1], limit=settings.limit)


def _write_report(run, settings, notebook, payload, record):
    """Write the whole report beside the last good one, then put it in its place."""
    payload, notebook = (hide_secrets(content, run.values) for content in (payload, notebook))
    results, extra = split_payload(payload, run=run.name)
    shared, private = list_files(results, extra, notebook)
    place, answer = {"name": run.name, "study": run.study}, {**results, "question": extra["question"]}
    shared["report.html"] = page.render(strip_run(notebook), answer, run=place, code=settings.code).encode()
    record = {
        "run": run.name,
        "study": run.study,
        **{key: extra[key] for key in ("question", "as_of", "card") if key in extra},
        **record,
        "cells": [cell.metadata.papermill.duration for cell in notebook.cells if cell.cell_type == "code"],
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in shared.items()},
        **_describe_machine(),
    }
    shared["run.json"], private[f"{run.study}.ipynb"] = write_json(record), nbformat.writes(notebook)
    build = folders.start_build(settings.out, run.name)
    for part, files in {"public": shared, "private": private}.items():
        for name, content in files.items():
            folders.write_file(build / part / name, content)
    folders.finish_build(settings.out, run.name)


def _describe_machine():
    """Return what may differ between equal runs: machine, versions, and the commit that is checked out."""
    needed = [line for line in metadata.requires("support-studies") if "extra ==" not in line]
    packages = [re.match(r"[\w-]+", line)[0] for line in needed]
    command = ["git", "-C", str(paths.REPOSITORY), "rev-parse", "HEAD"]
    try:
        head = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        head = ""
    return {
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
        "versions": {"python": platform.python_version(), **{name: metadata.version(name) for name in packages}},
        "head": head or "not under version control",
    }
