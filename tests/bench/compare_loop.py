"""How much rendering costs beside the notebooks' own work: `studies report` against a plain loop of commands."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from helpers import report
from helpers.report.pipeline import count_cores

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from conftest import cut_short

BIN = Path(sys.executable).parent
SHARE_OF_OVERHEAD, SHARE_OF_WALL = 1 / 3, 0.5
QUIET = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def main(argv=None):
    """Measure both in turn, in one run, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, help="a reports.yaml (default: some of ours, cut short)")
    parser.add_argument("--jobs", type=int, default=count_cores(), help="runs at a time in `studies report`")
    parser.add_argument("--repeat", type=int, default=1, help="measure so many times and keep the quickest of each")
    arguments = parser.parse_args(argv)
    ours, loops, work = [], [], []
    for _ in range(arguments.repeat):
        with tempfile.TemporaryDirectory() as folder:
            file = arguments.runs or cut_short(Path(folder) / "reports.yaml")
            # without --runs a quarter of those that need no other: the loop takes minutes, and each run costs it alike
            every = report.read_runs(file)
            runs = every if arguments.runs else [run for run in every if not run.needs][::4]
            jobs = min(arguments.jobs, len(runs))
            wall, cells = time_studies(file, [run.name for run in runs], Path(folder), jobs)
            ours.append(wall)
            work.append(cells)
            loops.append(time_loop(runs, Path(folder)))
    print(write_table(min(ours), min(loops), min(work), jobs, len(runs)))


def time_studies(file, names, out, jobs):
    """Return wall seconds of one forced command, and the seconds that cells worked."""
    command = [BIN / "studies", "report", *names, "--force", "--out", out, "--jobs", str(jobs), "--runs", file]
    begun = time.perf_counter()
    subprocess.run(command, **QUIET)
    wall = time.perf_counter() - begun
    records = [json.loads(path.read_text()) for path in out.glob("*/run.json")]
    return wall, sum(seconds for record in records for seconds in record["cells"])


def time_loop(runs, folder):
    """Return wall seconds of papermill and nbconvert as commands, one after the other."""
    begun = time.perf_counter()
    for run in runs:
        done, given = folder / f"{run.name}.ipynb", folder / f"{run.name}.yaml"
        given.write_text(yaml.safe_dump(run.given))
        environment = os.environ | {"STUDIES_NOTEBOOK": str(run.notebook)}
        command = [BIN / "papermill", "-f", given, "--cwd", run.notebook.parent, run.notebook, done]
        subprocess.run(command, env=environment, **QUIET)
        subprocess.run([BIN / "jupyter", "nbconvert", "--to", "html", done], **QUIET)
    return time.perf_counter() - begun


def write_table(ours, loop, work, jobs, count):
    """Return the comparison as text; overhead is wall seconds times workers, less the cells' own seconds."""
    overhead, loop_overhead = ours * jobs - work, loop - work
    lines = [
        f"{count} runs, {work:.1f} s of work in cells",
        f"{'':28}{'workers':>8}{'wall s':>9}{'overhead s':>12}",
        f"{'papermill and nbconvert':28}{1:>8}{loop:>9.1f}{loop_overhead:>12.1f}",
        f"{'studies report --force':28}{jobs:>8}{ours:>9.1f}{overhead:>12.1f}",
        f"wall {ours / loop:.2f} of the loop's (to reach {SHARE_OF_WALL:.2f}), "
        f"overhead {overhead / loop_overhead:.2f} (to reach {SHARE_OF_OVERHEAD:.2f})",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
