"""One run from its lock to its folder: rendered, judged, and put in place only when it is whole."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import threading
import time
from datetime import UTC, datetime
from importlib import metadata

from helpers import paths
from helpers.report import cache, folders
from helpers.report.document import split_payload, write_json, write_tables
from helpers.report.execution import execute, hide_secrets, import_papermill, make_environment, strip_run
from helpers.report.forkserver import ForkServer, can_fork
from helpers.report.kept import find_kept
from helpers.report.outcome import INTERRUPTED, Outcome, failed_page, find_payload, judge_disk, judge_error

PACKAGES = (
    "pandas",
    "numpy",
    "scipy",
    "statsmodels",
    "duckdb",
    "ibis-framework",
    "matplotlib",
    "seaborn",
    "pingouin",
    "scikit-learn",
)
FOREIGN = "something else than a report stands in the folder of that name; choose another name or --out"
UNFINISHED = "the notebook ended before its last cell had published results"


class Workshop:
    """What the runs of one command share: the fork server, the limits, and whether the user has had enough."""

    def __init__(self, out, *, limit, progress, checksums, force, code):
        self.out, self.limit, self.progress, self.checksums = out, limit, progress, checksums
        self.force, self.code, self.server = force, code, None
        self.kernels, self._stop = set(), threading.Event()

    def __enter__(self):
        """Start the fork server, and import what runs need while it does the same."""
        self.server = ForkServer(make_environment()) if can_fork() else None
        import_papermill()
        from helpers.report import page  # noqa: F401  (before the threads, who would wait for each other's import)

        return self

    def __exit__(self, *_):
        """End every kernel that is left, and the server."""
        self.kill()
        if self.server:
            self.server.close()

    def stop(self) -> None:
        """Ask every run to end."""
        self._stop.set()

    def stopped(self) -> bool:
        """Return whether the runs are asked to end."""
        return self._stop.is_set()

    def kill(self) -> None:
        """End every kernel that works now."""
        for kernel in list(self.kernels):
            kernel.kill()

    def render(self, run, outcomes) -> Outcome:
        """Return how a run ended; its folder holds a new report, or the last good one and failed.html.

        Parameters
        ----------
        run : Run
        outcomes : dict of str to Outcome
            Of the runs that have ended.
        """
        lost = next((name for name in run.needs if name in outcomes and outcomes[name].failed), None)
        try:
            if self.stopped():
                outcome = INTERRUPTED
            elif lost:
                outcome = Outcome("not run", f"it needs {lost}, which has no new report")
            else:
                with folders.hold_lock(self.out, run.name, stopped=self.stopped):
                    outcome = self._render_locked(run)
        except folders.Stopped:
            outcome = INTERRUPTED
        except OSError as error:
            outcome = judge_disk(error)
        self.progress.tell(run.name, outcome.sentence)
        return outcome

    def _render_locked(self, run):
        if folders.is_foreign(self.out, run.name):
            return Outcome("refused", FOREIGN)
        begun, key = time.time(), cache.make_key(run, out=self.out, checksums=self.checksums, code=self.code)
        if not self.force and cache.is_fresh(run, key, out=self.out, checksums=self.checksums):
            return Outcome("up to date")
        try:
            outcome = self._produce(run, key, begun)
        except Exception as error:
            folders.drop_build(self.out, run.name)
            outcome = judge_error(error, section="", limit=self.limit, stopped=self.stopped())
            self._explain(error)
        if outcome.failed:
            self._leave_page(run.name, outcome)
        return outcome

    def _produce(self, run, key, begun):
        done = execute(
            run,
            environment=make_environment(**self._variables(run)),
            server=self.server,
            limit=self.limit,
            show=lambda section: self.progress.tell(run.name, section),
            kernels=self.kernels,
            stopped=self.stopped,
        )
        if done.error:
            self._explain(done.error)
            return judge_error(done.error, section=done.section, limit=self.limit, stopped=self.stopped())
        payload = find_payload(done.notebook)
        if payload is None:
            return Outcome("error", UNFINISHED, done.section)
        self.progress.tell(run.name, "report is written")
        self._write(run, done, payload, {"key": key, **_times(begun), "kernel": done.start, "cells": done.cells})
        return Outcome("done", f"{time.time() - begun:.1f} s")

    def _variables(self, run):
        """Return what the notebook learns from its environment: its name, its file, the results it needs."""
        needs = {name: str(self.out / name / "results.json") for name in run.needs}
        return {"STUDIES_RUN": run.name, "STUDIES_NOTEBOOK": str(run.notebook), "STUDIES_NEEDS": json.dumps(needs)}

    def _write(self, run, done, payload, record):
        """Write the whole report beside the last good one, then put it in its place."""
        import nbformat

        from helpers.report import page

        payload, notebook = (hide_secrets(content, run.values) for content in (payload, done.notebook))
        results, extra = split_payload(payload, run=run.name)
        answer = {**results, "question": extra["question"]}
        html = page.render(strip_run(notebook), answer, run={"name": run.name, "study": run.study}, code=self.code)
        tables = {f"tables/{name}": text for name, text in write_tables(results, extra["columns"]).items()}
        texts, private = ({}, {}) if results["status"] == "withheld" else find_kept(notebook)
        files = {**texts, "report.html": html, "results.json": write_json(results), **tables}
        build = folders.start_build(self.out, run.name)
        folders.write_files(build / "public", files)
        sums = {name: self.checksums.of(build / "public" / name) for name in files}
        record = {
            "run": run.name,
            "study": run.study,
            "question": extra["question"],
            "as_of": extra["as_of"],
            **record,
            "files": sums,
            **_machine(),
        }
        folders.write_files(build / "public", {"run.json": write_json(record)})
        folders.write_files(build / "private", {**private, f"{run.study}.ipynb": nbformat.writes(notebook)})
        folders.finish_build(self.out, run.name)

    def _leave_page(self, name, outcome):
        page = failed_page(name, outcome, has_report=(self.out / name / "report.html").exists())
        try:
            folders.write_file(self.out / name / "failed.html", page)
        except OSError as error:
            self.progress.say(f"{name}: failed.html is missing; {judge_disk(error).message}")

    def _explain(self, error):
        """Show the whole error, values and all, to a developer who asks for it."""
        if os.environ.get("STUDIES_DEBUG") == "1":
            self.progress.say(f"{type(error).__name__}: {error}")


def _times(begun):
    return {
        "started": datetime.fromtimestamp(begun, UTC).isoformat(timespec="seconds"),
        "seconds": round(time.time() - begun, 3),
    }


def _machine():
    """Return what may differ between equal runs: machine, versions, and the commit that is checked out."""
    command = ["git", "-C", str(paths.REPOSITORY), "rev-parse", "HEAD"]
    try:
        head = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        head = ""
    versions = {"python": platform.python_version(), **{name: metadata.version(name) for name in PACKAGES}}
    return {
        "machine": {"system": platform.platform(), "cores": os.cpu_count()},
        "versions": versions,
        "head": head or "not under version control",
    }
