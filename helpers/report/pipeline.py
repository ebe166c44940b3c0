"""Runs to reports: what is fresh is skipped, the rest is rendered side by side, and nothing good is ever lost."""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from helpers import paths
from helpers.report import cache, cards, folders
from helpers.report.outcome import judge_disk
from helpers.report.progress import Progress

DONE, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130
CELL_SECONDS = 900.0


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
    out, stream = Path(out).absolute(), stream or sys.stderr
    progress, checksums = Progress(stream, [run.name for run in runs]), cache.Checksums(out)
    trouble = _attempt(folders.repair, out)
    waiting = [run for run in runs if force or not _is_fresh(run, out, checksums, code)]
    again = _with_dependents(runs, waiting)
    for run in runs:
        if run not in again:
            progress.tell(run.name, "up to date")
    outcomes = {}
    if again and not trouble:
        limit = time_limit or float(os.environ.get("STUDIES_TIME_LIMIT", CELL_SECONDS))
        options = {"limit": limit, "progress": progress, "checksums": checksums, "force": force, "code": code}
        outcomes = _render_all(again, out, jobs or count_cores(), **options)
    checksums.save()
    unwritten = _attempt(cards.update_index, out, checksums=checksums)
    return _conclude(outcomes, (trouble or unwritten) if again else None, progress)


def _render_all(runs, out, jobs, **options):
    """Return the outcome of each run by name; runs wait for those they need, and the longest of them begins first."""
    from helpers.report.rendering import Workshop

    outcomes, names = {}, {run.name for run in runs}
    left = sorted(runs, key=lambda run: cache.read_seconds(run, out=out), reverse=True)
    shop, working = Workshop(out, **options), {}
    with _interrupts(shop.stop), shop, ThreadPoolExecutor(max_workers=max(1, min(jobs, len(runs)))) as pool:
        while left or working:
            for run in [r for r in left if not (names & set(r.needs)) - set(outcomes)]:
                left.remove(run)
                working[pool.submit(shop.render, run, outcomes)] = run.name
            finished, _ = wait(working, timeout=0.1, return_when=FIRST_COMPLETED)
            for future in finished:
                outcomes[working.pop(future)] = future.result()
            if shop.stopped():
                shop.kill()
    return outcomes


@contextmanager
def _interrupts(stop):
    """Let Ctrl-C and a request to terminate end the runs in order, each with its page, instead of anywhere."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: stop()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_fresh(run, out, checksums, code):
    key = cache.make_key(run, out=out, checksums=checksums, code=code)
    return cache.is_fresh(run, key, out=out, checksums=checksums)


def _with_dependents(runs, waiting):
    """Return the runs that are waiting and those that need one of them, in order."""
    names = {run.name for run in waiting}
    for run in runs:
        if names & set(run.needs):
            names.add(run.name)
    return [run for run in runs if run.name in names]


def _attempt(action, *arguments, **options):
    """Return what kept the action from writing, if something did."""
    try:
        action(*arguments, **options)
    except OSError as error:
        return judge_disk(error)
    return None


def _conclude(outcomes, trouble, progress):
    """Say what the user must know at the end; return the exit status."""
    progress.finish([name for name, outcome in outcomes.items() if outcome.failed])
    if trouble:
        progress.say(f"studies: {trouble.message}")
    kinds = {outcome.kind for outcome in outcomes.values()}
    if "interrupted" in kinds:
        return INTERRUPTED
    if trouble or kinds - {"done", "up to date", "refused"}:
        return FAILED
    return REFUSED if "refused" in kinds else DONE


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
