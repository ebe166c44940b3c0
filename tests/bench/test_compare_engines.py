"""The bench itself: its table is the same every time, ours agrees with extended precision, and targets are judged."""

import hashlib
import math

import compare_engines
import engines
import pytest


def test_make_file_is_seeded(tmp_path):
    files = [tmp_path / "one.parquet", tmp_path / "other.parquet"]
    for file in files:
        compare_engines.make_file(str(file), 2000)
    one, other = (hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    assert one == other


@pytest.mark.parametrize("by", [False, True])
def test_competitors_agree_with_extended_precision(tmp_path, by):
    file = str(tmp_path / "units.parquet")
    compare_engines.make_file(file, 4000)
    exact = engines.run_reference(file, by, 1)
    assert len(exact) == (20 if by else 1)
    assert compare_engines.find_error(engines.run_ours(file, by, 1), exact) < 1e-11
    assert compare_engines.find_error(engines.run_sums(file, by, 1)(), exact) < 1e-8
    assert compare_engines.find_error(engines.run_tea_ibis(file, by, 1), exact) < 1e-8


def test_run_whole_road_reaches_its_end(tmp_path):
    file = str(tmp_path / "units.parquet")
    compare_engines.make_file(file, 2000)
    assert engines.run_whole_road(file, False, 1) == {}


def test_what_no_target_names_is_run_once(monkeypatch):
    asked = []

    def start(ask):
        asked.append((ask["name"], ask["by"], ask["threads"]))
        return {"results": {}}

    monkeypatch.setattr(compare_engines, "start", start)
    monkeypatch.setattr(compare_engines, "has_modules", lambda name: True)
    names = ["ours", "raw sums (unsafe)", "gbstats on raw sums", "pandas, pingouin", "ours, all checks, report"]
    compare_engines.measure_all("units.parquet", names, 2)
    counts = {key: asked.count(key) for key in asked if not key[1] and key[0] != "reference"}
    assert counts == {
        **{("ours", False, 1): 3, ("ours", False, 2): 2},  # whose results on one thread are compared
        **{("raw sums (unsafe)", False, threads): 2 for threads in (1, 2)},
        **{("gbstats on raw sums", False, 2): 1, ("pandas, pingouin", False, 0): 1},
        **{("ours, all checks, report", False, threads): 1 for threads in (1, 2)},
    }
    assert ("ours, all checks, report", True, 1) not in asked


def test_find_error_takes_the_largest_and_leaves_out_what_is_of_another_kind():
    exact = {"": {"mean": [2.0, 1.0], "ratio": [4.0, 1.0]}}
    assert compare_engines.find_error({"": {"mean": [2.0, 1.5], "ratio": [3.0, None]}}, exact) == 0.5
    assert math.isnan(compare_engines.find_error({}, exact))


def test_judge_says_whether_a_target_is_reached():
    assert compare_engines.judge("wall", 1.6, 1.6, "{:.2f}") == "wall: 1.60 (to reach 1.60): yes"
    assert compare_engines.judge("wall", 1.7, 1.6, "{:.2f}") == "wall: 1.70 (to reach 1.60): NO"


def test_write_table_says_what_is_not_installed():
    run = {"wall": 2.0, "cpu": 1.0, "process": 3.0, "mb": 10.0, "error": 1e-12}
    measured = {("whole", "ours", 1): [run, run | {"wall": 1.5, "mb": 12.0}], ("whole", "gone", 0): []}
    _, ours, gone = compare_engines.write_table(measured).splitlines()
    assert ours.split() == ["whole", "ours", "1", "1.500", "1.000", "3.00", "12", "1.0e-12"]
    assert gone.split() == ["whole", "gone", "-", "not", "installed"]
