"""How fast, how large and how exact the moments are: our queries against other packages, on one Parquet file."""

import argparse
import contextlib
import hashlib
import importlib
import importlib.util
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from engines import COMPETITORS, run_reference

OURS, FLOOR, PEER, ROAD = "ours", "raw sums (unsafe)", "tea-tasting, Ibis", "ours, all checks, report"
TASKS = {"whole": False, "20 segments": True}
TO_RAW, TO_PEER, TO_OURS, MOST_MB, MOST_ERROR, LARGE_MB = 1.6, 1.0, 3.0, 350, 1e-10, 1000
LARGE_ROWS, RUNS_ALIKE = 100_000_000, 3
NORMAL = "sqrt(-2 * ln(1 - u2)) * {}(2 * pi() * u3)"
QUERY = f"""WITH drawn AS (
    SELECT i AS unit, random() AS u1, random() AS u2, random() AS u3, random() AS u4, random() AS u5, random() AS u6
    FROM range({{rows}}) AS t(i))
SELECT unit, CASE WHEN u1 < .5 THEN 'control' ELSE 'treatment' END AS variant,
    100 + 20 * {NORMAL.format("cos")} + CASE WHEN u1 < .5 THEN 0 ELSE .2 END AS outcome,
    50 + 10 * ({NORMAL.format("cos")} + {NORMAL.format("sin")}) AS covariate,
    floor(-5 * ln(1 - u4) + u5) AS numerator, 1 + floor(-6 * ln(1 - u4)) AS denominator,
    'segment ' || lpad(floor(20 * u6)::INT::VARCHAR, 2, '0') AS segment,
    round(1000 * u5, 2) AS spare, floor(365 * u6)::INT AS days
FROM drawn"""


def main(argv=None):
    """Measure each competitor in a process of its own, in turn, and print one table and whether targets hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    often = "measure what targets compare so often, in turn; the quickest counts"
    parser.add_argument("--repeat", type=int, default=3, help=often)
    parser.add_argument("--only", nargs="+", choices=list(COMPETITORS), default=list(COMPETITORS), metavar="NAME")
    parser.add_argument("--huge", action="store_true", help=f"also {LARGE_ROWS:,} rows by ours (4 GB of disk)")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.child:
        return print(json.dumps(run_child(**json.loads(arguments.child))))
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "units.parquet")
        start({"name": "make", "file": file, "rows": arguments.rows})
        print(f"{arguments.rows:,} rows, {os.path.getsize(file) / 1e6:.0f} MB of Parquet (zstd, 9 columns)", flush=True)
        measured = measure_all(file, arguments.only, arguments.repeat)
        print(write_table(measured))
        if OURS in arguments.only:
            print("\n".join(write_targets(measured)))
        if arguments.huge:
            Path(file).unlink()
            start({"name": "make", "file": file, "rows": LARGE_ROWS})
            print(write_large(start({"name": OURS, "file": file, "by": False, "threads": 1})))


def measure_all(file, names, repeat):
    """Return by (task, name, threads) the runs of each competitor; those not installed have none.

    What no target names is shown by one run; so is all that a report does, a run of ten seconds with little spread.
    """
    wanted = [(task, name, threads) for task in TASKS for name in names for threads in list_threads(name, task)]
    measured = {key: [] for key in wanted}
    turns = max(repeat, RUNS_ALIKE if OURS in names else 0)
    for turn in range(turns):
        for key in wanted:
            task, name, threads = key
            lasting = turns if (name, threads) == (OURS, 1) else repeat if name in (OURS, FLOOR, PEER) else 1
            if turn < lasting and has_modules(name):
                ask = {"name": name, "file": file, "by": TASKS[task], "threads": threads}
                measured[key].append(start(ask))
    for task, by in TASKS.items():
        exact = start({"name": "reference", "file": file, "by": by, "threads": 1})["results"]
        for key, runs in measured.items():
            if key[0] == task and runs:
                runs[0]["error"] = find_error(runs[0]["results"], exact)
    return measured


def list_threads(name, task):
    """Return the numbers of threads to measure: what no target names shows two alone, or has no choice."""
    if name == ROAD:
        return [] if TASKS[task] else [1, 2]
    return [1, 2] if name in (OURS, FLOOR, PEER) else [2] if COMPETITORS[name][1] else [0]


def has_modules(name):
    """Return whether the packages of a competitor are installed."""
    return all(importlib.util.find_spec(module.split(".")[0]) for module in COMPETITORS[name][2])


def start(ask):
    """Return what one child process measured; a failed one says why in its place."""
    threads = str(ask.get("threads") or 2)
    quiet = {name: threads for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")}
    command = [sys.executable, "-W", "ignore", __file__, "--child", json.dumps(ask)]
    begun = time.perf_counter()
    done = subprocess.run(command, env=os.environ | quiet, capture_output=True, text=True)
    whole = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"{ask['name']}: " + (done.stderr.strip().splitlines() or ["ended without a word"])[-1])
    return json.loads(done.stdout.splitlines()[-1]) | {"process": whole}


def run_child(name, file, by=False, threads=1, rows=0):
    """Return wall and CPU seconds, peak memory and results of one competitor; what it imports is imported before."""
    if name == "make":
        return make_file(file, rows)
    function, _, modules = (run_reference, 0, ()) if name == "reference" else COMPETITORS[name]
    own = ("helpers.inference", "helpers.sources", "helpers.checks")
    for module in ("pyarrow", "pandas", *(own if name in (OURS, ROAD) else ()), *(modules or ("duckdb",))):
        importlib.import_module(module)
    wall, cpu = time.perf_counter(), time.process_time()
    results = function(file, by, threads)
    spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    spent["mb"] = read_peak()
    results = results() if callable(results) else results
    text = json.dumps(results, sort_keys=True)
    return {**spent, "results": results, "hash": hashlib.sha256(text.encode()).hexdigest()}


def make_file(file, rows):
    """Write the seeded table on one thread, so that every run of the bench has the same."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.execute("SELECT setseed(0.42)")
    connection.execute(f"COPY ({QUERY.format(rows=rows)}) TO '{file}' (FORMAT parquet, COMPRESSION zstd)")
    return {}


def read_peak():
    """Return this process's own peak memory in MB; `ru_maxrss` alone would count what the parent held at the fork."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 if sys.platform != "darwin" else 1024**2)


def find_error(results, exact):
    """Return the largest relative error of estimates and standard errors; nan where nothing can be compared."""
    pairs = [
        zip(values, exact[group][task], strict=True)
        for group, tasks in results.items()
        for task, values in tasks.items()
    ]
    errors = [abs(value / true - 1) for pair in pairs for value, true in pair if value is not None]
    return max(errors, default=math.nan)


def write_table(measured):
    """Return all rows as text: the quickest run of each, its peak memory, and the largest relative error.

    Wall and CPU seconds are from the open file to the estimates; `process` adds Python's start and all imports.
    """
    lines = [f"{'':14}{'':26}{'threads':>8}{'wall s':>9}{'CPU s':>9}{'process s':>11}{'MB':>7}{'error':>10}"]
    for (task, name, threads), runs in measured.items():
        shown = f"{task:14}{name:26}{threads or '-':>8}"
        if not runs:
            lines.append(shown + "   not installed")
            continue
        wall, cpu, process = (min(run[kind] for run in runs) for kind in ("wall", "cpu", "process"))
        figures = f"{wall:>9.3f}{cpu:>9.3f}{process:>11.2f}{max(run['mb'] for run in runs):>7.0f}"
        lines.append(f"{shown}{figures}{runs[0]['error']:>10.1e}")
    return "\n".join(lines)


def write_targets(measured):
    """Return one line a target: what was found, what is to be reached, and whether it is."""
    lines = []
    for task in TASKS:
        for threads in (1, 2):
            runs = measured[task, OURS, threads]
            for other, most in ((FLOOR, TO_RAW), (PEER, TO_PEER)):
                if measured.get((task, other, threads)):
                    share = min(r["cpu"] for r in runs) / min(r["cpu"] for r in measured[task, other, threads])
                    lines.append(judge(f"{task}, {threads} thread(s): CPU of {other}", share, most, "{:.2f}"))
            named = f"{task}, {threads} thread(s): "
            if road := measured.get((task, ROAD, threads)):
                share = min(r["cpu"] for r in road) / min(r["cpu"] for r in runs)
                lines.append(judge(f"{named}CPU of all checks, of ours", share, TO_OURS, "{:.2f}"))
            lines.append(judge(f"{named}MB", max(r["mb"] for r in runs), MOST_MB, "{:.0f}"))
            lines.append(judge(f"{named}error", runs[0]["error"], MOST_ERROR, "{:.1e}"))
        kinds = len({run["hash"] for run in measured[task, OURS, 1]})
        lines.append(judge(f"{task}, 1 thread: different results in {RUNS_ALIKE} runs", kinds, 1, "{:.0f}"))
    return lines


def write_large(run):
    """Return the run of the large table as text."""
    line = f"{LARGE_ROWS:,} rows in one pass, 1 thread: {run['wall']:.1f} s"
    return f"{line}\n{judge('large: MB', run['mb'], LARGE_MB, '{:.0f}')}"


def judge(what, found, most, form):
    """Return a line that says whether something is as small as it should be."""
    return f"{what}: {form.format(found)} (to reach {form.format(most)}): {'yes' if found <= most else 'NO'}"


if __name__ == "__main__":
    main()
