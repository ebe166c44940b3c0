"""Where a report is built, how it takes the place of the last good one, and what puts an interrupted change right."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

PRIVATE = ".private"
WORK = ".work"
PARTS = ("public", "private")
COMPLETE = "complete"


class Stopped(Exception):
    """The user has interrupted the command."""


@contextmanager
def hold_lock(out, name, *, stopped=lambda: False, wait=True):
    """Hold the lock of one name, which only one command at a time has; yields whether it is held.

    Parameters
    ----------
    out : Path
        Folder of the reports.
    name : str
        A run's name, or `index`.
    stopped : callable
        Asked while waiting; True gives up.
    wait : bool
        False yields False when another command has the lock.

    Raises
    ------
    Stopped: the user interrupts while waiting.
    OSError: the folder cannot be written.
    """
    descriptor = os.open(_work(out) / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        held = _try_lock(descriptor)
        while wait and not held:
            if stopped():
                raise Stopped
            time.sleep(0.05)
            held = _try_lock(descriptor)
        yield held
    finally:
        os.close(descriptor)


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
    for part in PARTS:
        (new / part).mkdir(parents=True, mode=0o700 if part == "private" else 0o777)
    return new


def drop_build(out, name) -> None:
    """Remove what `start_build` began; the last good report is untouched."""
    shutil.rmtree(_work(out) / f"{name}.new", ignore_errors=True)


def finish_build(out, name) -> None:
    """Put the built folders in the place of the last good ones; call under the lock.

    Every file is on the disk before the marker is; from then on an interruption is made good by `repair`.
    """
    new = _work(out) / f"{name}.new"
    for folder, _, files in os.walk(new):
        for file in files:
            _sync(Path(folder) / file)
        _sync(folder)
    (new / COMPLETE).touch()
    _sync(new)
    _swap(out, name)


def repair(out) -> None:
    """Finish or drop whatever an interrupted command left behind; a name that another command holds is left alone."""
    work = Path(out) / PRIVATE / WORK
    for new in sorted(work.glob("*.new")) + sorted(work.glob("*.old")):
        with hold_lock(out, new.stem, wait=False) as held:
            if held and (new.with_suffix(".new") / COMPLETE).exists():
                _swap(out, new.stem)
            elif held:
                shutil.rmtree(new, ignore_errors=True)


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


def write_files(folder, files) -> None:
    """Write texts by their names into a folder that nobody reads yet."""
    for name, text in files.items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def private_folder(out, name) -> Path:
    """Return the folder of a run that only its owner may read: the executed notebook, one row a unit."""
    return Path(out) / PRIVATE / name


def _work(out):
    for folder in (Path(out) / PRIVATE, Path(out) / PRIVATE / WORK):
        folder.mkdir(parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
    return Path(out) / PRIVATE / WORK


def _swap(out, name):
    """Move each built part into place; doing it twice, or from any point where it stopped, ends the same."""
    new, old = _work(out) / f"{name}.new", _work(out) / f"{name}.old"
    targets = {"public": Path(out) / name, "private": private_folder(out, name)}
    for part, target in targets.items():
        if not (new / part).exists():
            continue
        if target.exists():
            shutil.rmtree(old / part, ignore_errors=True)
            old.mkdir(exist_ok=True)
            target.rename(old / part)
        (new / part).rename(target)
        _sync(target.parent)
    shutil.rmtree(new)
    shutil.rmtree(old, ignore_errors=True)


def _try_lock(descriptor):
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
