"""The folder of the reports: a whole report whatever interrupts, and a key that follows what may change it."""

import json
import os
import stat
from pathlib import Path

import pytest
from filelock import Timeout
from tiny_study import read_all, read_json

from helpers import paths
from helpers.report import store

FILES = ("report.html", "tables/a.csv", "private/notebook.ipynb")


def replace(out, text):
    """Let a report that holds a text take the place of the last one."""
    store.replace_report(out, "one", dict.fromkeys(FILES, text))


def begin(out):
    """Leave what a command leaves that was interrupted while it wrote."""
    store.write_file(store.open_work(out) / "one.new" / "public" / "report.html", "half")


def contents(out):
    """Return the texts of the report and of its private folder."""
    both = [read_all(out / "one"), read_all(out / ".private" / "one")]
    return [{text.decode() for text in files.values()} for files in both]


def test_private_store_are_closed_to_others(tmp_path):
    (tmp_path / ".private").mkdir(mode=0o755)  # as an archive or a copy may leave it
    replace(tmp_path, "x")
    for folder in (tmp_path / ".private", tmp_path / ".private" / ".work", tmp_path / ".private" / "one"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("step", range(6))
def test_repair_of_a_change_interrupted_at_any_step(tmp_path, monkeypatch, step):
    replace(tmp_path, "old")
    left, rename, touch, remove = [step], Path.rename, Path.touch, store.shutil.rmtree
    marker = tmp_path / ".private" / ".work" / "one.new" / store.COMPLETE

    def counted(action):
        def acted(*arguments, **options):
            if left[0] == 0:
                raise KeyboardInterrupt
            left[0] -= 1
            return action(*arguments, **options)

        return acted

    with monkeypatch.context() as patched:  # the marker, four renames, the clearing up: each is once the last act
        patched.setattr(Path, "touch", counted(touch))
        patched.setattr(Path, "rename", counted(rename))
        clear = lambda *a, **o: (remove if left[0] or not marker.exists() else counted(remove))(*a, **o)  # noqa: E731
        patched.setattr(store.shutil, "rmtree", clear)
        with pytest.raises(KeyboardInterrupt):
            replace(tmp_path, "new")
    store.repair(tmp_path)
    expected = "old" if step == 0 else "new"
    assert contents(tmp_path) == [{expected}, {expected}]
    assert {f.suffix for f in (tmp_path / ".private" / ".work").iterdir()} <= {".lock"}


def test_repair_leaves_what_another_command_builds(tmp_path):
    begin(tmp_path)
    with store.hold_lock(tmp_path, "one"):
        store.repair(tmp_path)
        assert (tmp_path / ".private" / ".work" / "one.new").exists()
    store.repair(tmp_path)
    assert not (tmp_path / ".private" / ".work" / "one.new").exists()


def test_repair_of_one_name_that_cannot_be_leaves_the_others_alone(tmp_path, monkeypatch):
    begin(tmp_path)
    monkeypatch.setattr(store, "settle", lambda *_: (_ for _ in ()).throw(NotADirectoryError(20, "Not a directory")))
    store.repair(tmp_path)
    assert (tmp_path / ".private" / ".work" / "one.new").exists()


def test_hold_lock_is_one_a_name(tmp_path):
    with store.hold_lock(tmp_path, "one"):
        with pytest.raises(Timeout), store.hold_lock(tmp_path, "one", wait=False):
            pass
        with store.hold_lock(tmp_path, "two", wait=False) as other:
            assert other.is_locked


def test_write_file_is_whole_or_not_there(tmp_path, monkeypatch):
    file = tmp_path / "a" / "x.html"
    store.write_file(file, "first")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "no space")))
    with pytest.raises(OSError, match="no space"):
        store.write_file(file, "second")
    assert read_all(tmp_path) == {"a/x.html": b"first"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_is_foreign(tmp_path):
    assert not store.is_foreign(tmp_path, "one")
    (tmp_path / "one").mkdir()
    assert not store.is_foreign(tmp_path, "one")
    (tmp_path / "one" / "thesis.odt").touch()
    assert store.is_foreign(tmp_path, "one")
    (tmp_path / "one" / "run.json").touch()
    assert not store.is_foreign(tmp_path, "one")
    (tmp_path / "two").touch()
    assert store.is_foreign(tmp_path, "two")
    (tmp_path / "three").symlink_to("nowhere")  # no folder can take its place
    assert store.is_foreign(tmp_path, "three")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Return a small repository in the place of ours."""
    root = tmp_path / "repository"
    files = ("helpers/a.py", "requirements.lock", "data/claims.csv", "notebooks/plans/mine.yaml")
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    monkeypatch.setattr(paths, "REPOSITORY", root)
    monkeypatch.setattr(paths, "LOCK", root / "requirements.lock")
    monkeypatch.setattr(paths, "DATA", root / "data")
    monkeypatch.setattr(paths, "PLANS", root / "notebooks" / "plans")
    return root


def key(run, out, **options):
    """Return the key of a run as a new command finds it."""
    return store.make_key(run, store.Checksums(out), **options)


@pytest.mark.parametrize("name", ["helpers/a.py", "helpers/b.py", "requirements.lock", "data/claims.csv"])
def test_make_key_follows_the_repository(make, repository, tmp_path, name):
    before = key(make(), tmp_path)
    assert key(make(), tmp_path) == before
    (repository / name).write_text("changed")
    assert key(make(), tmp_path) != before


def test_make_key_follows_name_parameters_code_and_notebook(make, repository, tmp_path, study):
    keys = {key(make(), tmp_path), key(make("two"), tmp_path), key(make(seed="8"), tmp_path)}
    keys |= {key(make(), tmp_path, code=True), key(make(), tmp_path, beside=("methods",))}
    study.write_text(study.read_text().replace("Is it?", "Is it so?"))
    assert len(keys | {key(make(), tmp_path)}) == 6


def test_make_key_follows_input_files_plan_and_needs(make, repository, tmp_path, study):
    run = make(data=["a.csv", "b.csv"])
    object.__setattr__(run, "needs", ("first",))
    run.given["plan"], run.declared["plan"] = "mine", run.declared["label"]
    keys = [key(run, tmp_path)]
    for file in (study.parent / "b.csv", paths.PLANS / "mine.yaml", tmp_path / "first" / "results.json"):
        file.parent.mkdir(exist_ok=True)
        file.write_text("changed")
        keys.append(key(run, tmp_path))
    assert len(set(keys)) == 4


@pytest.mark.parametrize("data", [".", "part_*.csv"])
def test_make_key_follows_each_file_of_a_folder_or_pattern(make, tmp_path, study, data):
    base = study.parent / "logs"
    base.mkdir()
    run, keys = make(data=str(base / data)), []
    for content in ("1", "2"):
        for name in ("part_1.csv", "part_2.csv", "_SUCCESS"):
            (base / name).write_text(content)
            keys.append(key(run, tmp_path))
    assert len(set(keys)) == 4  # marks that programs leave change nothing


@pytest.mark.parametrize(("data", "same"), [("duckdb:x.db", False), ("postgres://h/d", False), ("x.csv", True)])
def test_make_key_is_never_the_same_for_a_database(make, tmp_path, data, same):
    run = make(data=data)
    assert (key(run, tmp_path) == key(run, tmp_path)) is same


def test_checksums_remember_size_time_and_inode(tmp_path, monkeypatch):
    file = tmp_path / "a.csv"
    file.write_text("one")
    os.utime(file, (1e9, 1e9))
    first = store.Checksums(tmp_path)
    found = first.of(file)
    first.save()
    assert store.Checksums(tmp_path).known[str(file)][1] == found
    with monkeypatch.context() as patched:  # a remembered file is not read again
        patched.setattr(store.hashlib, "file_digest", None)
        assert store.Checksums(tmp_path).of(file) == found
    other = tmp_path / "b.csv"
    other.write_text("two")
    os.utime(other, (1e9, 1e9))
    other.replace(file)  # same path, size and time; another inode
    assert store.Checksums(tmp_path).of(file) != found


def test_checksums_do_not_trust_a_file_that_has_just_changed(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("one")
    checksums = store.Checksums(tmp_path)
    before = checksums.of(file)
    state = file.stat()
    file.write_text("two")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert checksums.of(file) != before
    assert checksums.of(tmp_path / "none") == "missing"


def test_checksums_walk_a_folder_once_and_leave_out_what_is_compiled(tmp_path):
    folder = tmp_path / "in" / "deeper"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("one")
    first, second = store.Checksums(tmp_path), store.Checksums(tmp_path)
    found = first.of(tmp_path / "in")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "a.pyc").write_text("compiled")
    (folder / "__pycache__" / "deep").mkdir()
    (folder / "__pycache__" / "deep" / "c").write_text("compiled")
    (folder / ".#a.csv").symlink_to("someone@host")  # as an editor marks a file that is open
    assert second.of(tmp_path / "in") == found
    (folder / "b.csv").write_text("two")
    assert first.of(tmp_path / "in") == second.of(tmp_path / "in") == found
    assert store.Checksums(tmp_path).of(tmp_path / "in") != found


def test_checksums_survive_a_broken_memory(tmp_path):
    memory = tmp_path / store.PRIVATE / ".work" / "checksums.json"
    memory.parent.mkdir(parents=True)
    memory.write_text("{")
    assert store.Checksums(tmp_path).known == {}


def test_is_fresh_wants_a_whole_report(make, quick, render, tmp_path):
    out, run = tmp_path / "out", make()
    assert render(run)[0] == 0
    found = read_json(out / "one" / "run.json")["key"]

    def fresh(key=found):
        return store.is_fresh(run, key, store.Checksums(out))

    assert fresh() and not fresh("another")
    (out / "one" / "failed.html").touch()
    assert not fresh()
    (out / "one" / "failed.html").unlink()
    (out / "one" / "report.html").write_text("cut sho")
    assert not fresh()
    (out / "one" / "run.json").write_text(json.dumps({"key": found})[:-1])
    assert not fresh()
