"""Building beside and changing places: whatever interrupts it, a whole report stands there afterwards."""

import os
import stat
from pathlib import Path

import pytest
from filelock import Timeout
from tiny_study import read_all

from helpers.report import folders


def build(out, text):
    """Build a whole report that holds a text."""
    new = folders.start_build(out, "one")
    for file in ("public/report.html", "public/tables/a.csv", "private/notebook.ipynb"):
        folders.write_file(new / file, text)


def contents(out):
    """Return the texts of the report and of its private folder."""
    both = [read_all(out / "one"), read_all(folders.private_folder(out, "one"))]
    return [{text.decode() for text in files.values()} for files in both]


def test_finish_build_takes_the_place_of_the_last(tmp_path):
    for text in ("first", "second"):
        build(tmp_path, text)
        folders.finish_build(tmp_path, "one")
        assert contents(tmp_path) == [{text}, {text}]
    assert [f.name for f in (tmp_path / ".private" / ".work").iterdir()] == []


def test_private_folders_are_closed_to_others(tmp_path):
    (tmp_path / ".private").mkdir(mode=0o755)  # as an archive or a copy may leave it
    build(tmp_path, "x")
    folders.finish_build(tmp_path, "one")
    for folder in (tmp_path / ".private", tmp_path / ".private" / ".work", tmp_path / ".private" / "one"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_settle_drops_what_is_not_complete_report(tmp_path):
    build(tmp_path, "good")
    folders.finish_build(tmp_path, "one")
    build(tmp_path, "bad")
    folders.settle(tmp_path, "one")
    assert contents(tmp_path) == [{"good"}, {"good"}]


@pytest.mark.parametrize("step", range(6))
def test_repair_of_a_change_interrupted_at_any_step(tmp_path, monkeypatch, step):
    build(tmp_path, "old")
    folders.finish_build(tmp_path, "one")
    build(tmp_path, "new")
    left, rename, touch, remove = [step], Path.rename, Path.touch, folders.shutil.rmtree

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
        patched.setattr(
            folders.shutil, "rmtree", lambda *a, **o: remove(*a, **o) if left[0] else counted(remove)(*a, **o)
        )
        with pytest.raises(KeyboardInterrupt):
            folders.finish_build(tmp_path, "one")
    folders.repair(tmp_path)
    expected = "old" if step == 0 else "new"
    assert contents(tmp_path) == [{expected}, {expected}]
    assert {f.suffix for f in (tmp_path / ".private" / ".work").iterdir()} <= {".lock"}


def test_repair_leaves_what_another_command_builds(tmp_path):
    build(tmp_path, "half")
    with folders.hold_lock(tmp_path, "one"):
        folders.repair(tmp_path)
        assert (tmp_path / ".private" / ".work" / "one.new").exists()
    folders.repair(tmp_path)
    assert not (tmp_path / ".private" / ".work" / "one.new").exists()


def test_hold_lock_is_one_a_name(tmp_path):
    with folders.hold_lock(tmp_path, "one"):
        with pytest.raises(Timeout), folders.hold_lock(tmp_path, "one", wait=False):
            pass
        with folders.hold_lock(tmp_path, "two", wait=False) as other:
            assert other.is_locked


def test_write_file_is_whole_or_not_there(tmp_path, monkeypatch):
    file = tmp_path / "a" / "x.html"
    folders.write_file(file, "first")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "no space")))
    with pytest.raises(OSError, match="no space"):
        folders.write_file(file, "second")
    assert read_all(tmp_path) == {"a/x.html": b"first"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_is_foreign(tmp_path):
    assert not folders.is_foreign(tmp_path, "one")
    (tmp_path / "one").mkdir()
    assert not folders.is_foreign(tmp_path, "one")
    (tmp_path / "one" / "thesis.odt").touch()
    assert folders.is_foreign(tmp_path, "one")
    (tmp_path / "one" / "run.json").touch()
    assert not folders.is_foreign(tmp_path, "one")
    (tmp_path / "two").touch()
    assert folders.is_foreign(tmp_path, "two")
