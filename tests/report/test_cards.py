"""The gallery: collected from what stands in the folder, written only when that has changed."""

from tiny_study import read_json

from helpers.report import cache, cards, gallery


def test_collect_cards_of_good_and_failed_runs(make, quick, render, tmp_path):
    out = tmp_path / "out"
    render(make(), make("two"))
    (out / "two" / "failed.html").touch()
    (out / "three").mkdir()
    (out / "three" / "failed.html").touch()
    (out / "four").mkdir()
    found = {card["name"]: card for card in cards.collect_cards(out)}
    assert list(found) == ["one", "three", "two"]
    assert found["one"]["data"]["as_of"] == "2024-03-31"
    assert found["one"]["question"] == "Is it?" and found["one"]["answer"] == ["It is."]
    assert [(card["href"], card["failed"]) for card in found.values()] == [
        ("one/report.html", False),
        ("three/failed.html", True),
        ("two/report.html", True),
    ]


def test_update_index_when_something_has_changed(make, quick, render, tmp_path, monkeypatch):
    out, drawn, draw = tmp_path / "out", [], gallery.render
    monkeypatch.setattr(gallery, "render", lambda told: drawn.append(len(told)) or draw(told))
    render(make())
    assert drawn == [1] and "It is." in (out / "index.html").read_text()
    cards.update_index(out, checksums=cache.Checksums(out))
    assert drawn == [1]
    (out / "one" / "failed.html").touch()
    cards.update_index(out, checksums=cache.Checksums(out))
    (out / "index.html").unlink()
    cards.update_index(out, checksums=cache.Checksums(out))
    assert drawn == [1, 1, 1]
    assert read_json(out / cards.STATE)
