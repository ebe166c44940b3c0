"""The key of a run: everything that may change a report changes it, and nothing else does."""

import json
import os

import pytest
from tiny_study import read_json

from helpers import paths
from helpers.report import cache


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
    return cache.make_key(run, out=out, checksums=cache.Checksums(out), **options)


@pytest.mark.parametrize("name", ["helpers/a.py", "helpers/b.py", "requirements.lock", "data/claims.csv"])
def test_make_key_follows_the_repository(make, repository, tmp_path, name):
    before = key(make(), tmp_path)
    assert key(make(), tmp_path) == before
    (repository / name).write_text("changed")
    assert key(make(), tmp_path) != before


def test_make_key_ignores_compiled_code(make, repository, tmp_path):
    before = key(make(), tmp_path)
    (repository / "helpers" / "__pycache__").mkdir()
    (repository / "helpers" / "__pycache__" / "a.pyc").write_text("y")
    assert key(make(), tmp_path) == before


def test_make_key_follows_name_parameters_code_and_notebook(make, repository, tmp_path, study):
    keys = {key(make(), tmp_path), key(make("two"), tmp_path), key(make(seed="8"), tmp_path)}
    keys.add(key(make(), tmp_path, code=True))
    study.write_text(study.read_text().replace("Is it?", "Is it so?"))
    assert len(keys | {key(make(), tmp_path)}) == 5


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


@pytest.mark.parametrize(("data", "always"), [("duckdb:x.db", True), ("postgres://h/d", True), ("x.csv", False)])
def test_always_runs_databases(make, data, always):
    assert cache.always_runs(make(data=data)) is always


def test_checksums_remember_size_time_and_inode(tmp_path, monkeypatch):
    file = tmp_path / "a.csv"
    file.write_text("one")
    os.utime(file, (1e9, 1e9))
    first = cache.Checksums(tmp_path)
    found = first.of(file)
    first.save()
    assert cache.Checksums(tmp_path).known[str(file)][1] == found
    with monkeypatch.context() as patched:  # a remembered file is not read again
        patched.setattr(cache.hashlib, "file_digest", None)
        assert cache.Checksums(tmp_path).of(file) == found
    other = tmp_path / "b.csv"
    other.write_text("two")
    os.utime(other, (1e9, 1e9))
    other.replace(file)  # same path, size and time; another inode
    assert cache.Checksums(tmp_path).of(file) != found


def test_checksums_do_not_trust_a_file_that_has_just_changed(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("one")
    checksums = cache.Checksums(tmp_path)
    before = checksums.of(file)
    state = file.stat()
    file.write_text("two")
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert checksums.of(file) != before
    assert checksums.of(tmp_path / "none") == "missing"


def test_checksums_survive_a_broken_memory(tmp_path):
    memory = tmp_path / cache.MEMORY
    memory.parent.mkdir(parents=True)
    memory.write_text("{")
    assert cache.Checksums(tmp_path).known == {}


def test_is_fresh_wants_a_whole_report(make, quick, render, tmp_path):
    out, run = tmp_path / "out", make()
    assert render(run)[0] == 0
    found = read_json(out / "one" / "run.json")["key"]

    def fresh(key=found, run=run):
        return cache.is_fresh(run, key, out=out, checksums=cache.Checksums(out))

    assert fresh() and not fresh("another")
    assert not fresh(run=make(data="duckdb:x.db"))
    (out / "one" / "failed.html").touch()
    assert not fresh()
    (out / "one" / "failed.html").unlink()
    (out / "one" / "report.html").write_text("cut sho")
    assert not fresh()
    (out / "one" / "run.json").write_text(json.dumps({"key": found})[:-1])
    assert not fresh()
