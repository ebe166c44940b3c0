"""Runs to reports: what is fresh is skipped, the rest is rendered side by side, and nothing good is ever lost."""

from __future__ import annotations

import errno
import html
import math
import multiprocessing
import os
import signal
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from string import Template

from rich.console import Console
from rich.live import Live
from rich.table import Table

from helpers import paths
from helpers.report import cache, folders, gallery

FAILED, REFUSED, INTERRUPTED = 1, 2, 130
CELL_SECONDS = 900.0
CONTEXT = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
WORDS = {
    "refused": "refused what it was given",
    "time limit": "ran into the time limit",
    "dead kernel": "ended with a dead kernel",
    "interrupted": "was interrupted",
    "error": "stopped at an error",
    "not run": "was not run",
}
DISK = {
    errno.ENOSPC: "the disk is full; free some space and run again",
    errno.EDQUOT: "the disk quota is used up; free some space and run again",
    errno.EROFS: "the folder is read-only; choose another with --out",
    errno.EACCES: "writing there is not allowed; choose another with --out",
}
PAGE = Path(__file__).parent / "templates" / "failed.html"


@dataclass(frozen=True)
class Outcome:
    """How one run ended; `message` holds no value from the data, `section` is the heading that was being computed.

    `detail` is the error with its values, for a developer who asks for it with STUDIES_DEBUG=1.
    """

    kind: str
    message: str = ""
    section: str = ""
    detail: str = ""

    @property
    def failed(self) -> bool:
        """Whether there is no report from this run."""
        return self.kind in WORDS

    @property
    def sentence(self) -> str:
        """One line for the terminal."""
        place = f" in “{self.section}”" if self.section else ""
        return f"{self.kind}{place}: {self.message}" if self.message else self.kind


DIED = Outcome("dead kernel", "the kernel died: it was killed from outside, ran out of memory or crashed")
STOPPED = Outcome("interrupted", "run the command again to finish")


@dataclass(frozen=True)
class Settings:
    """What the runs of one command share: folder of the reports, seconds a cell may take, --force, --code."""

    out: Path
    limit: float
    force: bool
    code: bool


def render(runs, *, out=paths.REPORTS, jobs=None, force=False, code=False, time_limit=None, stream=None) -> int:
    """Render runs into one folder each, and the index of them all; return the exit status.

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
    time_limit : float, optional
        Seconds a cell may take; STUDIES_TIME_LIMIT or 900 when left out.
    stream : text file, optional
        Where progress is written; the standard error when left out.

    Returns
    -------
    int: 0 done, 1 a run failed, 2 refused (1 before 2), 130 interrupted
    """
    limit = time_limit or float(os.environ.get("STUDIES_TIME_LIMIT", CELL_SECONDS))
    settings = Settings(Path(out).absolute(), limit, force, code)
    checksums, progress = cache.Checksums(settings.out), Progress(stream or sys.stderr)
    trouble = _attempt(folders.repair, settings.out)
    stale = _list_stale(runs, settings, checksums)
    checksums.save()
    outcomes = {run.name: Outcome("up to date") for run in runs if run not in stale}
    for name, outcome in outcomes.items():
        progress.finish(name, outcome)
    if stale and not trouble:
        outcomes |= Workshop(stale, settings, jobs or count_cores(), progress).work()
    trouble = trouble or _attempt(gallery.update_index, settings.out, checksums=checksums)
    checksums.save()
    if stale and trouble:
        progress.say(f"studies: {trouble.message}")
    kinds = {outcome.kind for outcome in outcomes.values()} | ({"error"} if stale and trouble else set())
    if "interrupted" in kinds:
        return INTERRUPTED
    return FAILED if kinds - {"done", "up to date", "refused"} else REFUSED if "refused" in kinds else 0


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Progress:
    """What the user sees: a line a run that has ended and, on a terminal within `live`, one a run in work."""

    def __init__(self, stream):
        self.lines = {}
        self.console = Console(file=stream, soft_wrap=True, markup=False, emoji=False, highlight=False)
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
        self.say(f"{name}: {outcome.sentence}")
        if outcome.detail and os.environ.get("STUDIES_DEBUG") == "1":
            self.say(outcome.detail)

    def say(self, text) -> None:
        """Write a line that stays."""
        self.console.print(text)

    def _draw(self):
        grid = Table.grid(padding=(0, 2))
        for name, (text, end) in list(self.lines.items()):
            left = end - time.monotonic()
            grid.add_row(name, text, f"about {left:.0f} s left" if 1 <= left < math.inf else "")
        return grid


class Workshop:
    """The runs of one command: those that are left, those in work by their process's pipe, and how others ended."""

    def __init__(self, runs, settings, jobs, progress):
        self.seconds = {run.name: cache.read_record(settings.out, run.name).get("seconds", math.inf) for run in runs}
        self.left = sorted(runs, key=lambda run: self.seconds[run.name], reverse=True)
        self.settings, self.jobs, self.progress = settings, jobs, progress
        self.working, self.outcomes, self.stopped = {}, {}, False

    def work(self) -> dict[str, Outcome]:
        """Return how each run ended; a run waits for those it needs, and the longest of them begins first.

        Ctrl-C and a request to terminate end the runs in work in order, each with its page.
        """
        CONTEXT.set_forkserver_preload(["helpers.report.execution"])
        os.environ["PYTHONSAFEPATH"] = "1"  # no file where the user stands takes the place of a module
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            with self.progress.live:
                while self.left or self.working:
                    self._start()
                    for pipe in wait(list(self.working), timeout=0.2):
                        self._hear(pipe)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return self.outcomes

    def _stop(self, *_):
        self.stopped = True

    def _start(self):
        for _, process in self.working.values() if self.stopped else ():
            process.terminate()
        waited_for = {run.name for run in self.left} | {run.name for run, _ in self.working.values()}
        for run in list(self.left):
            lost = [name for name in run.needs if name in self.outcomes and self.outcomes[name].failed]
            if self.stopped or lost:
                self.left.remove(run)
                missed = Outcome("not run", f"it needs {', '.join(lost)}, which has no new report")
                self._end(run, STOPPED if self.stopped else missed)
            elif len(self.working) < self.jobs and not waited_for & set(run.needs):
                self.left.remove(run)
                self._launch(run)

    def _launch(self, run):
        pipe, theirs = CONTEXT.Pipe(duplex=False)
        process = CONTEXT.Process(target=work, args=(theirs, run, self.settings, dict(os.environ)), daemon=True)
        process.start()
        theirs.close()
        self.working[pipe] = run, process
        self.progress.begin(run.name, self.seconds[run.name])

    def _hear(self, pipe):
        run, process = self.working[pipe]
        try:
            told = pipe.recv()
        except EOFError:
            told = STOPPED if self.stopped else DIED
            _attempt(leave_page, self.settings.out, run.name, told)
        if not isinstance(told, Outcome):
            return self.progress.tell(run.name, told)
        del self.working[pipe]
        process.join()
        self._end(run, told)

    def _end(self, run, outcome):
        self.outcomes[run.name] = outcome
        self.progress.finish(run.name, outcome)


def work(pipe, run, settings, given) -> None:
    """Be the process of one run, under the environment given; send each section that it passes, and how it ended."""
    from helpers.report import execution

    with execution.own_process(execution.make_environment(run, settings.out, given)):
        pipe.send(execution.render_run(run, settings, pipe.send))


def judge_disk(error) -> Outcome:
    """Return the outcome of a report that could not be written."""
    return Outcome("error", f"the report cannot be written: {DISK.get(error.errno, type(error).__name__)}")


def leave_page(out, name, outcome) -> None:
    """Write failed.html beside the last good report: what happened and where, without a value."""
    has_report = (out / name / "report.html").exists()
    told = {
        "title": f"Run {name} {WORDS[outcome.kind]}",
        "message": outcome.message,
        "place": f"It happened in the section “{outcome.section}”." if outcome.section else "",
        "last": "The last good report is still there: report.html." if has_report else "There is no earlier report.",
    }
    page = Template(PAGE.read_text(encoding="utf-8"))
    filled = page.substitute({key: html.escape(text) for key, text in told.items()})
    folders.write_file(out / name / "failed.html", filled)


def _list_stale(runs, settings, checksums):
    """Return the runs that have changed or are forced, and those that need one of them, in order."""
    stale = []
    for run in runs:
        key = cache.make_key(run, out=settings.out, checksums=checksums, code=settings.code)
        fresh = cache.is_fresh(run, key, out=settings.out, checksums=checksums)
        if settings.force or not fresh or {other.name for other in stale} & set(run.needs):
            stale.append(run)
    return stale


def _attempt(action, *arguments, **options):
    """Return what kept the action from writing, if something did."""
    try:
        action(*arguments, **options)
    except OSError as error:
        return judge_disk(error)
    return None
