"""The folder of reports: what is fresh in it, how a new one takes the place of the last good one, or why none does."""

import hashlib
import json
import os
import shutil
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

from filelock import FileLock, Timeout

from helpers import paths
from helpers.records import Check, Claim, Estimate, Refused, Test

PRIVATE = ".private"
PATHS = ("plan", "data", "events")  # parameters that may name a file
DOCS = ("guide", "methods", "validation")  # pages to which reports link where they stand beside them
COMPLETE = "complete"
SETTLED_SECONDS = 2.0
MOST_BYTES = 1 << 26  # of a JSON file of ours; a larger one is none
SCHEMA, KINDS, STATUSES = 1, ("simulated", "public", "yours"), ("answered", "interim", "withheld")
FIGURE = int | float
RECORD = {"key": str, "started": str, "as_of": str | None, "seconds": FIGURE, "files": dict, "card": dict}
RECORD |= {"head": str | None, "versions": dict, "plan": dict | None}
CARD = {"question": str, "answer": str, "next": str, "mark": dict | None}
MARK = {"verdict": str, **dict.fromkeys(("low", "middle", "high"), FIGURE | None)}
RESULTS = {name: str for name in ("study", "run", "title", "status")} | {"answer": list}
RESULTS |= dict.fromkeys(("data", "parameters", "plan", "tables"), dict)
RESULTS |= dict.fromkeys(("estimates", "tests", "checks", "claims"), list)
ROWS = {"estimates": Estimate, "tests": Test, "checks": Check, "claims": Claim}
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
    """SHA-256 of files, remembered by path, size, times and inode beside the reports in `out`, and of folders."""

    def __init__(self, out):
        self.out = Path(out)
        self.file = self.out / PRIVATE / ".work" / "checksums.json"
        self.folders = {}
        self.known = {path: entry for path, entry in read_json(self.file).items() if isinstance(entry, (list, str))}

    def of(self, path) -> str:
        """Return the checksum of a file, or of a folder's files and their names; `missing` when none can be read."""
        path = Path(path)
        if path.is_dir():
            if path not in self.folders:
                inside = sorted((place, name) for place, _, names in os.walk(path) for name in names)
                inside = [os.path.join(*pair) for pair in inside if "__pycache__" not in pair[0].split(os.sep)]
                found = [[os.path.relpath(file, path), self.of(file)] for file in inside if os.path.isfile(file)]
                self.folders[path] = digest(found)
            return self.folders[path]
        if not path.is_file():  # a pipe would wait for ever
            return "missing"
        try:
            state = path.stat()
            mark = [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
            entry = self.known.get(str(path))
            if entry and entry[0] == mark:
                return entry[1]
            with path.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:
            return "missing"
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


def list_docs(out, runs) -> tuple[str, ...]:
    """Return the pages of DOCS that have a report in a folder, or are among runs that will have one."""
    studies = {name: read_record(Path(out) / name).get("study") for name in DOCS}
    studies |= {run.name: run.study for run in runs}
    return tuple(name for name in DOCS if studies[name] == name)


def make_key(run, checksums, *, code=False, beside=()) -> str:
    """Return the key of a run: notebook, helpers, plan, parameters, lock, data/, needed results, input files.

    Parameters
    ----------
    run : Run
    checksums : Checksums
    code : bool
        Whether the report shows code.
    beside : tuple of str
        The pages of DOCS to which the report links.

    Returns
    -------
    str: SHA-256; equal keys mean equal reports on one machine. A run that reads a database, whose content no key can
        know, never has the same again.
    """
    fixed = [run.notebook, paths.REPOSITORY / "helpers", paths.LOCK, paths.DATA, paths.VIEWS]
    inputs = list_inputs(run, checksums.out)
    reads_database = any(text.startswith("duckdb:") or "://" in text for _, text in _list_texts(run))
    content = [run.name, run.study, beside, code, sys.version, run.values]
    content += [time.time_ns()] if reads_database else []
    return digest([content, *([checksums.of(file) for file in files] for files in (fixed, inputs))])


def list_inputs(run, out) -> list[Path]:
    """Return what a run reads beside code: its plan, files that parameters name, and results of the runs it needs.

    A folder counts where a parameter is a path to one; of data each file counts of a folder or a pattern of paths.

    Parameters
    ----------
    run : Run
    out : Path
        Folder of the reports.
    """
    base, plan = run.notebook.parent, run.values.get("plan")
    found = [paths.plan_file(plan, base=base)] if plan else sorted(paths.PLANS.glob(f"{run.study}_*.yaml"))
    for name, text in _list_texts(run):
        path, is_folder = base / text.removeprefix("duckdb:"), run.declared[name].unit == "path" and name not in PATHS
        found += [path] if os.path.isfile(path) or (is_folder and os.path.isdir(path)) else _list_files(name, path)
    return [*found, *(Path(out) / name / "results.json" for name in run.needs)]


def _list_files(name, path):
    """The files of a folder or of a pattern that names data; none where the run will say why it cannot be read."""
    if name not in PATHS or not (os.path.isdir(path) or set("*?[").intersection(str(path))):
        return []
    from helpers.sources import read_address  # here, as it takes long to import and is seldom needed

    with suppress(Refused):
        return read_address(str(path)).paths
    return []


def _list_texts(run):
    values = ((name, value if isinstance(value, list) else [value]) for name, value in run.values.items())
    return [(name, item) for name, items in values for item in items if isinstance(item, str)]


def is_fresh(run, key, checksums) -> bool:
    """Return whether the report that stands there is whole, has this key, and no run failed since."""
    folder = checksums.out / run.name
    record = read_record(folder)
    if not record.get("files") or record.get("key") != key or (folder / "failed.html").exists():
        return False
    return all(checksums.of(folder / name) == found for name, found in record["files"].items())


def read_json(file) -> dict:
    """Return what a JSON file holds; nothing when there is none, or one that is broken, huge or no mapping."""
    with suppress(OSError, ValueError, RecursionError):
        if file.is_file() and file.stat().st_size <= MOST_BYTES:
            found = json.loads(file.read_text(encoding="utf-8-sig"))
            return found if isinstance(found, dict) else {}
    return {}


def read_record(folder) -> dict:
    """Return the run.json of a folder; nothing when there is none, or one that no run of ours has written."""
    record = read_json(folder / "run.json")
    card = record.get("card", {})
    is_ours = has_form(record, RECORD) and has_form(card, CARD) and has_form(card.get("mark") or {}, MARK)
    return record if is_ours else {}


def read_results(file) -> dict:
    """Return a results.json as every run of this version writes it; nothing where it is damaged or of another one."""
    found = read_json(file)
    if found.get("schema") != SCHEMA or not set(RESULTS) <= set(found) or not has_form(found, RESULTS):
        return {}
    is_whole = found["data"].get("kind") in KINDS and found["status"] in STATUSES
    rows = [row for table in found["tables"].values() for row in (table if isinstance(table, list) else [None])]
    is_whole &= all(isinstance(row, dict) for row in rows)
    for name, record in ROWS.items():
        form = {field.name: _find_form(str(field.type)) for field in fields(record)}
        is_whole &= all(isinstance(row, dict) and set(form) <= set(row) and has_form(row, form) for row in found[name])
    return found if is_whole else {}


def has_form(content, form) -> bool:
    """Return whether whatever a mapping has of the keys in `form` is of the type there."""
    return isinstance(content, dict) and all(isinstance(content[key], form[key]) for key in form if key in content)


def _find_form(kind):
    """The types in JSON of a field of a record."""
    return (list if "tuple" in kind else bool if "bool" in kind else str if "str" in kind else FIGURE) | None


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
        return os.path.lexists(folder)
    return any(folder.iterdir()) and not any(os.path.lexists(folder / file) for file in ("run.json", "failed.html"))


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
        with suppress(Timeout, OSError), hold_lock(out, folder.stem, wait=False):
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
