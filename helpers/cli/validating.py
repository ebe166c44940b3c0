"""The command `studies validate`: the deep grid on all cores, resumable, then its report."""

import signal
import sys
from contextlib import contextmanager
from pathlib import Path

from helpers import checks, inference, report, survival
from helpers.cli.reporting import find_out
from helpers.records import Refused
from helpers.report import folders
from helpers.report.pipeline import FAILED, INTERRUPTED, count_cores
from helpers.report.runs import find_notebook

STUDY, NAME, DEPTH = "validation", "validation-deep", "deep"
AGAIN = "studies: interrupted; what is measured is kept, run it again to go on"


def validate(arguments):
    """Measure the deep grid, render its report and say where; return 1 when a method breaks its promise."""
    out = find_out(arguments)
    store = make_store(out)
    run = make_deep_run(store, arguments.replicates)  # refused before hours of measuring, not after
    guarantees = (*inference.GUARANTEES, *survival.GUARANTEES)
    given = read_defaults()
    cells = checks.list_cells(guarantees, depth=DEPTH, replicates=arguments.replicates)
    _say(f"{len(cells):,} cells to measure or to find measured")
    options = {**given, "jobs": arguments.jobs or count_cores(), "store": store}
    try:
        with _request_as_interrupt():
            measured = checks.measure_cells(
                cells,
                guarantees,
                **options,
                progress=lambda done, total: _say(f"{done:,} of {total:,} cells measured"),
            )
    except KeyboardInterrupt:
        print(AGAIN, file=sys.stderr)
        return INTERRUPTED
    judged = checks.judge_cells(measured, confidence_level=given["confidence_level"])
    status = report.render([run], out=out, jobs=1)
    if status == INTERRUPTED:
        print(AGAIN, file=sys.stderr)
        return status
    print(out / NAME / "report.html")
    return status or _judge(judged)


def make_store(out):
    """Return the folder of the measured cells, which no run's name can take, made where it lacks.

    Parameters
    ----------
    out : Path
        Folder of the reports.

    Raises
    ------
    Refused: the folder cannot be written.
    """
    store = Path(out) / folders.PRIVATE / folders.WORK / STUDY
    try:
        store.mkdir(parents=True, exist_ok=True)
        store.parents[1].chmod(0o700)
    except OSError as error:
        raise Refused(
            f"{Path(out).name}: the folder cannot be written ({error.strerror}); choose another with --out"
        ) from None
    return store


def read_defaults():
    """Return the seed and the confidence level that the notebook declares, so that its cells are the ones measured."""
    declared = report.read_parameters(find_notebook(STUDY, base=Path.cwd()))
    return {name: declared[name].default for name in ("confidence_level", "seed")}


def make_deep_run(store, replicates):
    """Return the run of the report on the deep grid, which reads the measured cells.

    Parameters
    ----------
    store : Path
        Folder of the measured cells.
    replicates : int or None
        As asked; the grid's own when None.
    """
    given = {"depth": DEPTH, "measured": str(store)} | ({"replicates": str(replicates)} if replicates else {})
    return report.make_run(STUDY, name=NAME, given=given)


@contextmanager
def _request_as_interrupt():
    """Let a request to terminate end the measuring as Ctrl-C does, with all its processes."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(text):
    """Write how far it is: over the last line on a terminal, which shows the newest alone."""
    print(f"{NAME}: {text}", end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)


def _judge(judged):
    """Say which methods break their promise; return the exit status."""
    failing = list(dict.fromkeys(judged.loc[judged["verdict"] == "fails", "guarantee"]))
    if failing:
        told = "1 method breaks its promise" if len(failing) == 1 else f"{len(failing)} methods break their promise"
        print(f"studies: {told}: {', '.join(failing)}", file=sys.stderr)
    return FAILED if failing else 0
