"""Where a report is built, how it takes the place of the last good one, and what puts an interrupted change right."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock, Timeout

PRIVATE = ".private"
WORK = ".work"
COMPLETE = "complete"


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
    return FileLock(_work(out) / f"{name}.lock", timeout=-1 if wait else 0)


def is_foreign(out, name) -> bool:
    """Return whether something else than a report stands where this run's folder would be."""
    folder = Path(out) / name
    if not folder.is_dir():
        return folder.exists()
    return any(folder.iterdir()) and not any((folder / file).exists() for file in ("run.json", "failed.html"))


def start_build(out, name) -> Path:
    """Return an empty folder beside the reports with `public` and `private` in it; call under the lock."""
    new = _work(out) / f"{name}.new"
    shutil.rmtree(new, ignore_errors=True)
    (new / "public").mkdir(parents=True)
    (new / "private").mkdir(mode=0o700)
    return new


def finish_build(out, name) -> None:
    """Put the built folders in the place of the last good ones; call under the lock.

    Every file is on the disk before the marker is; from then on an interruption is made good by `settle`.
    """
    (_work(out) / f"{name}.new" / COMPLETE).touch()
    settle(out, name)


def settle(out, name) -> None:
    """Finish a build that is complete, drop one that is not; from any point where it stopped; call under the lock."""
    new, old = _work(out) / f"{name}.new", _work(out) / f"{name}.old"
    targets = {"public": Path(out) / name, "private": private_folder(out, name)} if (new / COMPLETE).exists() else {}
    for part, target in targets.items():
        if not (new / part).exists():
            continue
        if target.exists():
            shutil.rmtree(old / part, ignore_errors=True)
            old.mkdir(exist_ok=True)
            target.rename(old / part)
        (new / part).rename(target)
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def repair(out) -> None:
    """Finish or drop whatever an interrupted command left behind; a name that another command holds is left alone."""
    work = Path(out) / PRIVATE / WORK
    for name in sorted({folder.stem for folder in [*work.glob("*.new"), *work.glob("*.old")]}):
        try:
            with hold_lock(out, name, wait=False):
                settle(out, name)
        except Timeout:
            continue


def write_file(path, content) -> None:
    """Write text or bytes so that the file is either the old one or the new one, never a part of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(part, 0o644)
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


def private_folder(out, name) -> Path:
    """Return the folder of a run that only its owner may read: the executed notebook, one row a unit."""
    return Path(out) / PRIVATE / name


def _work(out):
    work = Path(out) / PRIVATE / WORK
    work.mkdir(parents=True, exist_ok=True)
    for folder in (work, work.parent):
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
    return work
