"""What a report depends on, as one key: a run whose key has not changed is not rendered again."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from helpers import paths
from helpers.report import folders

MEMORY = Path(folders.PRIVATE) / folders.WORK / "checksums.json"
SETTLED_SECONDS = 2.0


class Checksums:
    """SHA-256 of files, remembered by path, size, time and inode beside the reports."""

    def __init__(self, out):
        self.file = Path(out) / MEMORY
        self.known = {}
        with suppress(OSError, ValueError):
            self.known = json.loads(self.file.read_text())

    def of(self, path) -> str:
        """Return the checksum of a file, or of a folder's files and their names; `missing` when there is none."""
        path = Path(path)
        if path.is_dir():
            files = sorted(f for f in path.rglob("*") if f.is_file() and "__pycache__" not in f.parts)
            return digest([[str(f.relative_to(path)), self.of(f)] for f in files])
        try:
            state = path.stat()
        except OSError:
            return "missing"
        mark = [state.st_size, state.st_mtime_ns, state.st_ino]
        entry = self.known.get(str(path))
        if entry and entry[0] == mark:
            return entry[1]
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if time.time() - state.st_mtime > SETTLED_SECONDS:
            self.known[str(path)] = [mark, found]
        return found

    def save(self) -> None:
        """Keep what was learned; a folder that cannot be written is no reason to fail."""
        with suppress(OSError):
            folders.write_file(self.file, json.dumps(self.known))


def digest(content) -> str:
    """Return the SHA-256 of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def always_runs(run) -> bool:
    """Return whether a run reads a database, whose content no key can know."""
    return any(text.startswith("duckdb:") or "://" in text for text in _texts(run))


def make_key(run, *, out, checksums, code=False) -> str:
    """Return the key of a run: notebook, helpers, plan, parameters, lock, data/, needed results, input files.

    Parameters
    ----------
    run : Run
    out : Path
        Folder of the reports, where the results of needed runs stand.
    checksums : Checksums
    code : bool
        Whether the report shows code.

    Returns
    -------
    str: SHA-256; equal keys mean equal reports on one machine, unless `always_runs`.
    """
    fixed = [run.notebook, paths.REPOSITORY / "helpers", paths.LOCK, paths.DATA]
    return digest(
        {
            "run": [run.name, run.study, code, sys.version],
            "values": run.values,
            "fixed": [checksums.of(file) for file in fixed],
            "inputs": [checksums.of(file) for file in _input_files(run)],
            "needs": [checksums.of(Path(out) / name / "results.json") for name in run.needs],
        }
    )


def is_fresh(run, key, *, out, checksums) -> bool:
    """Return whether the report that stands there is whole, has this key, and no run failed since."""
    folder, record = Path(out) / run.name, read_record(out, run.name)
    files = record.get("files")
    if not files or record.get("key") != key or always_runs(run) or (folder / "failed.html").exists():
        return False
    return all(checksums.of(folder / name) == found for name, found in files.items())


def read_record(out, name) -> dict:
    """Return what run.json of a run says; nothing when there is none, or a broken one."""
    with suppress(OSError, ValueError):
        return json.loads((Path(out) / name / "run.json").read_text())
    return {}


def _texts(run):
    values = [item for value in run.values.values() for item in (value if isinstance(value, list) else [value])]
    return [value for value in values if isinstance(value, str)]


def _input_files(run):
    """Return every file that a parameter names, and the plan that is named without path."""
    plan = run.values.get("plan")
    named = [paths.plan_file(plan, base=run.notebook.parent)] if isinstance(plan, str) and plan else []
    return named + [run.notebook.parent / text for text in _texts(run) if os.path.isfile(run.notebook.parent / text)]
