"""The gallery's cards: what stands in the folder of reports, collected after each command."""

from __future__ import annotations

import json
from pathlib import Path

from helpers import paths
from helpers.report import cache, folders

STATE = Path(folders.PRIVATE) / folders.WORK / "index.json"


def update_index(out, *, checksums) -> Path:
    """Write index.html when what it shows has changed; return its path.

    Parameters
    ----------
    out : Path
        Folder of the reports.
    checksums : Checksums

    Raises
    ------
    OSError: the folder cannot be written and something has changed.
    """
    out = Path(out)
    index = out / "index.html"
    if index.exists() and _read(out / STATE) == _state(out, checksums):
        return index
    with folders.hold_lock(out, "index"):
        from helpers.report import gallery

        state = _state(out, checksums)
        folders.write_file(index, gallery.render(collect_cards(out)))
        folders.write_file(out / STATE, json.dumps(state))
    return index


def collect_cards(out) -> list[dict]:
    """Return one card a run that has a report or has failed, by name.

    Parameters
    ----------
    out : Path

    Returns
    -------
    list of dict: name, study, title, question, status, answer, data, estimates, claims, metrics, keys, href, failed
    """
    return [_card(folder) for folder in _run_folders(Path(out))]


def _run_folders(out):
    return sorted(f for f in out.glob("[a-z0-9]*") if (f / "results.json").is_file() or (f / "failed.html").is_file())


def _card(folder):
    results, record = _read(folder / "results.json") or {}, _read(folder / "run.json") or {}
    failed = (folder / "failed.html").is_file()
    page = "report.html" if results else "failed.html"
    return {
        "name": folder.name,
        "study": results.get("study", ""),
        "title": results.get("title", folder.name),
        "question": record.get("question", ""),
        "status": results.get("status", ""),
        "answer": results.get("answer", []),
        "data": {**results.get("data", {}), "as_of": record.get("as_of")},
        "estimates": results.get("estimates", []),
        "claims": results.get("claims", []),
        "metrics": results.get("tables", {}).get("metrics", []),
        "keys": results.get("tables", {}).get("keys", []),
        "href": f"{folder.name}/{page}",
        "failed": failed,
    }


def _state(out, checksums):
    files = [[f.name, checksums.of(f / "results.json"), (f / "failed.html").is_file()] for f in _run_folders(out)]
    return cache.digest([checksums.of(paths.REPOSITORY / "helpers"), files])


def _read(file):
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return None
