"""How long the commands of a free afternoon take, each beside what it may take on an idle machine."""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import afternoon

COMMAND = [sys.executable, "-c", "import sys; from helpers.cli import main; sys.exit(main())"]


def main():
    """Type every command of the afternoon, and print one line for each; 1 where one fails or takes too long."""
    slow = 0
    with tempfile.TemporaryDirectory() as folder:
        for step, where, limit, typed in afternoon.STEPS:
            begin, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            done = subprocess.run([*COMMAND, *typed], cwd=Path(folder, where), capture_output=True, text=True)
            taken, work = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
            told = "" if taken <= limit else "  too slow"
            told = told if done.returncode == 0 else f"  failed: {done.stderr or done.stdout}"
            slow += bool(told)
            print(f"{step:32}{taken:6.1f} s, at work {work:5.1f} s, may take {limit} s{told}", flush=True)
            afternoon.fill(Path(folder), step)
    return int(slow > 0)


if __name__ == "__main__":
    sys.exit(main())
