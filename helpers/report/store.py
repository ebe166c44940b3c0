"""The folder of reports: what is fresh in it, how a new one takes the place of the last good one, or why none does."""

import hashlib
import json
import os
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from helpers import paths

PRIVATE = ".private"
COMPLETE = "complete"
SETTLED_SECONDS = 2.0
FAILED_PAGE = Path(__file__).parent / "templates" / "failed.html.j2"


@dataclass(frozen=True)
class Outcome:
    """How one run ended; `message` holds no value from the data, `section` is the heading that was being computed.

    `kind` is done, up to date, or a failure: refused, time limit, dead kernel, interrupted, error, not run. `detail` is
    the error with its values, for a developer who asks for it with STUDIES_DEBUG=1.
    """

    kind: str
    message: str = ""
    section: str = ""
    detail: str = ""

    @property
    def failed(self) -> bool:
        """Whether there is no report from this run."""
        return self.kind not in ("done", "up to date")


DIED = Outcome("dead kernel", "the kernel died: it was killed from outside, ran out of memory or crashed")
STOPPED = Outcome("interrupted", "run the command again to finish")


class Checksums:
    """SHA-256 of files, remembered by path, size, time and inode beside the reports in `out`."""

    def __init__(self, out):
        self.out = Path(out)
        self.file = self.out / PRIVATE / ".work" / "checksums.json"
        self.known = read_json(self.file)

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
            write_file(self.file, json.dumps(self.known))


def digest(content) -> str:
    """Return the SHA-256 of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def make_key(run, checksums, *, code=False) -> str:
    """Return the key of a run: notebook, helpers, plan, parameters, lock, data/, needed results, input files.

    Parameters
    ----------
    run : Run
    checksums : Checksums
    code : bool
        Whether the report shows code.

    Returns
    -------
    str: SHA-256; equal keys mean equal reports on one machine. A run that reads a database, whose content no key can
        know, never has the same again.
    """
    values = [item for value in run.values.values() for item in (value if isinstance(value, list) else [value])]
    texts = [value for value in values if isinstance(value, str)]
    base, plan = run.notebook.parent, run.values.get("plan")
    fixed = [run.notebook, paths.REPOSITORY / "helpers", paths.LOCK, paths.DATA]
    inputs = [paths.plan_file(plan, base=base)] if plan else []
    inputs += [base / text for text in texts if os.path.isfile(base / text)]
    needed = [checksums.out / name / "results.json" for name in run.needs]
    reads_database = any(text.startswith("duckdb:") or "://" in text for text in texts)
    content = [run.name, run.study, code, sys.version, run.values, time.time_ns() if reads_database else None]
    return digest([content, *([checksums.of(file) for file in files] for files in (fixed, inputs, needed))])


def is_fresh(run, key, checksums) -> bool:
    """Return whether the report that stands there is whole, has this key, and no run failed since."""
    folder = checksums.out / run.name
    record = read_json(folder / "run.json")
    if not record.get("files") or record.get("key") != key or (folder / "failed.html").exists():
        return False
    return all(checksums.of(folder / name) == found for name, found in record["files"].items())


def read_json(file) -> dict:
    """Return what a JSON file holds; nothing when there is none, or a broken one."""
    with suppress(OSError, ValueError):
        return json.loads(file.read_text(encoding="utf-8"))
    return {}


def open_work(out) -> Path:
    """Return the folder of whatever is in work, made when it is not there, which only its owner may read."""
    work = Path(out) / PRIVATE / ".work"
    work.mkdir(parents=True, exist_ok=True)
    for folder in (work, work.parent):
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
    return work


def hold_lock(out, name, *, wait=True) -> FileLock:
    """Return the lock of one name, which only one command at a time has; to be used with `with`.

    Parameters
    ----------
    out : Path
        Folder of the reports.
    name : str
        A run's name, or `index`.
    wait : bool
        False makes `with` raise filelock.Timeout when another command has the lock.

    Raises
    ------
    OSError: the folder cannot be written.
    """
    return FileLock(open_work(out) / f"{name}.lock", timeout=-1 if wait else 0)


def is_foreign(out, name) -> bool:
    """Return whether something else than a report stands where this run's folder would be."""
    folder = Path(out) / name
    if not folder.is_dir():
        return folder.exists()
    return any(folder.iterdir()) and not any((folder / file).exists() for file in ("run.json", "failed.html"))


def replace_report(out, name, files) -> None:
    """Write files, bytes by name, beside the last good report, then put them in its place; call under the lock.

    Those under `private/` go into the folder that only the owner may read. Every file is on the disk before the marker
    is; from then on an interruption is made good by `settle`.
    """
    new = open_work(out) / f"{name}.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    (new / "private").mkdir(mode=0o700)
    for file, content in files.items():
        write_file(new / (file if file.startswith("private/") else f"public/{file}"), content)
    (new / COMPLETE).touch()
    settle(out, name)


def settle(out, name) -> None:
    """Finish a build that is complete, drop one that is not; from any point where it stopped; call under the lock."""
    new = open_work(out) / f"{name}.new"
    targets = {"public": Path(out) / name, "private": Path(out) / PRIVATE / name} if (new / COMPLETE).exists() else {}
    for part, target in targets.items():
        if (new / part).exists():
            if target.exists():
                shutil.rmtree(new / f"old {part}", ignore_errors=True)
                target.rename(new / f"old {part}")
            (new / part).rename(target)
    shutil.rmtree(new, ignore_errors=True)


def repair(out) -> None:
    """Finish or drop whatever an interrupted command left behind; a name that another command holds is left alone."""
    for folder in (Path(out) / PRIVATE / ".work").glob("*.new"):
        with suppress(Timeout), hold_lock(out, folder.stem, wait=False):
            settle(out, folder.stem)


def write_file(path, content) -> None:
    """Write text or bytes so that the file is either the old one or the new one, never a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb", buffering=0) as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def judge_disk(error) -> Outcome:
    """Return the outcome of a report that could not be written."""
    why = error.strerror or type(error).__name__
    return Outcome("error", f"the report cannot be written ({why}); mend that, or choose another folder with --out")


def leave_page(out, name, outcome) -> None:
    """Write failed.html beside the last good report, never into another's folder: what happened, without a value."""
    from jinja2 import Template

    if is_foreign(out, name):
        return
    page = Template(FAILED_PAGE.read_text(encoding="utf-8"), autoescape=True)
    has_report = (out / name / "report.html").exists()
    write_file(out / name / "failed.html", page.render(name=name, outcome=outcome, has_report=has_report))
