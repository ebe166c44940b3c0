"""Runs to reports: what is fresh is skipped, the rest is rendered side by side, and nothing good is ever lost."""

import json
import math
import multiprocessing
import os
import re
import signal
import sys
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from multiprocessing import forkserver
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from helpers import paths
from helpers.records import Refused
from helpers.report import store
from helpers.report.store import DIED, STOPPED, Outcome, judge_disk, leave_page

FAILED, REFUSED, INTERRUPTED = 1, 2, 130
CONTEXT = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
# What a run imports, once for them all: what is forked from a process that has it begins at once.
WARM = ["helpers.report.execution", "matplotlib_inline.backend_inline", "helpers.studies"]
WARM += ["helpers.checks.gates", "helpers.checks.trust", "helpers.view.record"]
WARM += ["pingouin", "pyarrow.dataset", "_duckdb"]  # of DuckDB what is compiled: the rest of it starts a thread
FIXED = {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0", "JUPYTER_PREFER_ENV_PATH": "1"}
FIXED |= {"JE_ARROW_MALLOC_CONF": "background_thread:false", "VECLIB_MAXIMUM_THREADS": "1"}
FIXED |= {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")}
DROPPED = re.compile(r"JUPYTER_PATH|LANGUAGE|MPLBACKEND|PYTHON(DONTWRITEBYTECODE|OPTIMIZE|SAFEPATH|STARTUP|WARNINGS)")

# folder of the reports, seconds a cell may take, two options, the pages to which reports link
Settings = namedtuple("Settings", "out limit force code beside")


def render(runs, *, out=paths.REPORTS, jobs=None, force=False, code=False) -> int:
    """Render runs into one folder each, and the index of them all; say how each ended; return the exit status.

    A cell may take as many seconds as STUDIES_TIME_LIMIT says.

    Parameters
    ----------
    runs : sequence of Run
        Checked, each after those it needs.
    out : Path
        Folder of the reports.
    jobs : int, optional
        Runs at a time; as many as there are cores when left out.
    force : bool
        Render what has not changed too.
    code : bool
        Keep the code in the reports, folded.

    Returns
    -------
    int: 0 done, 1 a run failed, 2 refused (1 before 2), 130 interrupted
    """
    out, limit = Path(out).absolute(), os.environ.get("STUDIES_TIME_LIMIT", "900")
    if not re.fullmatch("[1-9][0-9]{,8}", limit):
        raise Refused("STUDIES_TIME_LIMIT: needs a whole number of seconds, 1 or more, such as 900")
    settings = Settings(out, int(limit), force, code, store.list_docs(out, runs))
    checksums, progress, stale = store.Checksums(settings.out), Progress(), []
    try:
        store.repair(settings.out)
        for run in runs:
            key = store.make_key(run, checksums, code=code, beside=settings.beside)
            fresh = store.is_fresh(run, key, checksums)
            if force or not fresh or {other.name for other in stale} & set(run.needs):
                stale.append(run)
            else:
                progress.finish(run.name, Outcome("up to date"))
        checksums.save()
        if stale:
            Workshop(settings, progress).work(stale, jobs or count_cores())
        update_index(checksums)
    except OSError as error:
        progress.finish("studies", judge_disk(error))
    checksums.save()
    kinds = {outcome.kind for outcome in progress.outcomes.values()}
    if "interrupted" in kinds:
        return INTERRUPTED
    return FAILED if kinds - {"done", "up to date", "refused"} else REFUSED if "refused" in kinds else 0


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Progress:
    """How runs ended, said in a line each and, on a terminal within `live`, a line a run that is in work."""

    def __init__(self):
        self.lines, self.outcomes = {}, {}
        self.console = Console(file=sys.stderr, soft_wrap=True, markup=False, emoji=False, highlight=False)
        self.live = Live(get_renderable=self._draw, console=self.console, transient=True)

    def begin(self, name, seconds) -> None:
        """Show a run that takes as many seconds, as far as anybody knows."""
        self.lines[name] = "starts", time.monotonic() + seconds

    def tell(self, name, text) -> None:
        """Show what happens to a run."""
        self.lines[name] = text, self.lines[name][1]

    def finish(self, name, outcome) -> None:
        """Say how a run ended."""
        self.lines.pop(name, None)
        self.outcomes[name] = outcome
        place = f" in “{outcome.section}”" if outcome.section else ""
        self.console.print(f"{name}: {outcome.kind}{place}{outcome.message and ': '}{outcome.message}")
        if outcome.detail and os.environ.get("STUDIES_DEBUG") == "1":
            self.console.print(outcome.detail)

    def _draw(self):
        grid = Table.grid(padding=(0, 2))
        for name, (text, end) in list(self.lines.items()):
            left = end - time.monotonic()
            grid.add_row(name, text, f"about {left:.0f} s left" if 1 <= left < math.inf else "")
        return grid


class Workshop:
    """Where runs are done side by side, each in a process of its own, which a thread starts and listens to."""

    def __init__(self, settings, progress):
        self.settings, self.progress = settings, progress
        self.futures, self.processes, self.stopped, self.refused = {}, [], False, {}

    def work(self, runs, jobs) -> None:
        """Do every run; one waits for those it needs, and of the others the longest begins first.

        Ctrl-C and a request to terminate end the runs in work in order, each with its page.
        """
        CONTEXT.set_forkserver_preload(WARM)
        os.environ["PYTHONSAFEPATH"] = "1"  # no file where the user stands takes the place of a module
        known = {run.name: store.read_record(self.settings.out / run.name) for run in runs}
        seconds = {name: record.get("seconds", math.inf) for name, record in known.items()}
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            signal.signal(signal.SIGTERM, self._stop)
            # those without a plan first, so that the server imports while plans are read
            for run in sorted(runs, key=lambda run: bool(run.values.get("plan"))):
                if told := _judge_plan(run):
                    self.refused[run.name] = told
                elif CONTEXT.get_start_method() == "forkserver":  # Ctrl-C reaches the command alone, from the start
                    _begin_server()
            signal.signal(signal.SIGINT, self._stop)
            with self.progress.live, ThreadPoolExecutor(jobs) as pool:
                for run in sorted(runs, key=lambda run: 0 if run.needs else -seconds[run.name]):
                    self.futures[run.name] = pool.submit(self._do, run, seconds[run.name])
            for future in self.futures.values():
                future.result()  # an error of ours is no success
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, *_):
        self.stopped = True
        for process in self.processes:
            process.terminate()

    def _do(self, run, seconds):
        lost = [name for name in run.needs if name in self.futures and self.futures[name].result().failed]
        if self.stopped:
            told = STOPPED
        elif lost:
            told = Outcome("not run", f"it needs {', '.join(lost)}, which has no new report")
        elif told := self.refused.get(run.name):
            leave_page(self.settings.out, run.name, told)
        else:
            self.progress.begin(run.name, seconds)
            told = self._listen(run)
        self.progress.finish(run.name, told)
        return told

    def _listen(self, run):
        pipe, theirs = CONTEXT.Pipe(duplex=False)
        process = CONTEXT.Process(target=work, args=(theirs, run, self.settings, dict(os.environ)), daemon=True)
        section = ""
        try:
            process.start()
            theirs.close()
            self.processes.append(process)
            if self.stopped:
                process.terminate()
            while not isinstance(told := pipe.recv(), Outcome):
                section = told
                self.progress.tell(run.name, told)
            process.join()
        except (EOFError, OSError):  # also when it could not begin
            told = STOPPED if self.stopped else replace(DIED, section=section)
            with suppress(OSError):
                leave_page(self.settings.out, run.name, told)
        return told


def work(pipe, run, settings, given) -> None:
    """Be the process of one run, under the environment given; send each section that it passes, and how it ended."""
    from helpers.report import execution

    with execution.own_process(make_environment(run, settings.out, given)):
        pipe.send(execution.render_run(run, settings, pipe.send))


def _judge_plan(run):
    """Return how a run ends whose plan is refused, before any data is read; None where its plan can be read."""
    try:
        if run.values.get("plan"):
            from helpers import plan  # here: it takes a while to import

            plan.read(run.values["plan"], base=run.notebook.parent, kind=None)
    except Refused as error:
        return Outcome("refused", str(error))
    return None


def _begin_server():
    """Start the process that runs are forked from, under what is fixed for each of them."""
    given = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(_fix(given), PYTHONSAFEPATH="1")
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(given)


def _fix(given):
    return {name: value for name, value in given.items() if not DROPPED.fullmatch(name)} | FIXED


def make_environment(run, out, given) -> dict[str, str]:
    """Return the environment of a run: what was given, all fixed that results may depend on, and the run's own.

    A notebook learns its run's name, its file, and the results that it needs.
    """
    needs = {name: str(out / name / "results.json") for name in run.needs}
    own = {"STUDIES_RUN": run.name, "STUDIES_NOTEBOOK": str(run.notebook), "STUDIES_NEEDS": json.dumps(needs)}
    return _fix(given) | own


def update_index(checksums) -> None:
    """Write index.html, the page of findings, when a run's record or the helpers have changed since it was written."""
    index = checksums.out / "index.html"
    records = sorted(f for name in ("run.json", "failed.html") for f in checksums.out.glob(f"[a-z0-9]*/{name}"))
    state = store.digest([checksums.of(paths.REPOSITORY / "helpers"), [[str(f), checksums.of(f)] for f in records]])
    if checksums.known.get("index") != state or not index.exists():
        from helpers.report import page

        with store.hold_lock(checksums.out, "index"):
            store.write_file(index, page.render_index(page.collect_cards(checksums.out)))
        checksums.known["index"] = state
