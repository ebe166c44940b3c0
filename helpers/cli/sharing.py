"""The command `studies share`: one zip of what may travel, after a scan of every file in it."""

import io
import json
import zipfile
from pathlib import Path

from helpers.cli import scan
from helpers.cli.reporting import find_out
from helpers.cli.unit_ids import find_unit_ids, read_values
from helpers.records import Refused
from helpers.report.cards import collect_cards
from helpers.report.document import list_texts
from helpers.report.folders import write_file

DATED = (1980, 1, 1, 0, 0, 0)


def share_runs(arguments):
    """Write the zip and print its path; refuse when anything in it must not travel."""
    out, target = find_out(arguments), Path(arguments.to).expanduser()
    if target.suffix != ".zip":
        raise Refused(f"{target.name}: needs a name that ends in .zip")
    cards = _select_cards(out, arguments.names)
    files = {name: content for card in cards for name, content in _read_files(out, card["name"]).items()}
    files["index.html"] = _make_index(cards)
    problems = [f"{name} holds {what}" for name, content in sorted(files.items()) for what in scan_file(name, content)]
    problems += [problem for card in cards for problem in scan_run(out, card["name"], files)]
    if problems:
        raise Refused(f"nothing is shared: {'; '.join(problems)}. Mend the cause, render again, then share")
    write_file(target.absolute(), _zip(files))
    print(f"{arguments.to}: {len(files)} files of {', '.join(card['name'] for card in cards)}")


def scan_file(name, content):
    """Return what of this machine, or secret by its form, a file holds, in words with counts.

    Parameters
    ----------
    name : str
        Path inside the zip.
    content : bytes
    """
    return [f"{what} ({count})" for what, count in scan.find_secrets(scan.read_text(name, content)).items()]


def scan_run(out, name, files):
    """Return where a run's files hold unit ids of its data, or a small cell, in words with counts.

    Parameters
    ----------
    out : Path
        Folder of the reports.
    name : str
    files : dict of str to bytes
        Every file of the zip; only those of this run, and the index, are looked at.
    """
    texts = {f: scan.read_text(f, c) for f, c in files.items() if f.startswith(f"{name}/") or f == "index.html"}
    values = read_values(out, name)
    words = {file: scan.find_candidates(text) for file, text in texts.items()}
    results = json.loads(files[f"{name}/results.json"])
    ids, column, min_cell = find_unit_ids(values, set().union(*words.values()), run=name, study=results["study"])
    counted = {file: len(found & ids) for file, found in words.items()}
    problems = [f"{file} holds unit ids ({count})" for file, count in counted.items() if count]
    tables = results["tables"]
    by_unit = [table for table, rows in tables.items() if rows and column in rows[0]]
    problems += [f"{name}/results.json, {table} has the column {column}" for table in by_unit]
    tables = {"estimates": results["estimates"], **tables}
    small = {table: scan.count_small_cells(rows, min_cell=min_cell) for table, rows in tables.items()}
    return problems + [f"{name}/results.json, {t} holds cells under {min_cell} ({n})" for t, n in small.items() if n]


def _select_cards(out, names):
    """Return the gallery's cards of the runs to pack, in the order of their names."""
    cards = {card["name"]: card for card in collect_cards(out) if (out / card["name"] / "report.html").is_file()}
    if not cards:
        raise Refused(f"{out.name}: holds no report yet; run studies report first")
    for name in names:
        if name not in cards:
            raise Refused(f"no report is called {name[:40]!r}; there are: {', '.join(cards)}")
    return [card for name, card in cards.items() if not names or name in names]


def _read_files(out, name):
    """Return the files of one run that may travel, by their path inside the zip."""
    folder = out / name
    record = folder / "run.json"
    texts = list_texts(json.loads(record.read_text(encoding="utf-8"))) if record.is_file() else []
    files = [folder / "report.html", folder / "results.json", *sorted(folder.glob("tables/*.csv"))]
    files += [folder / name for name in texts]
    return {str(file.relative_to(out)): file.read_bytes() for file in files}


def _make_index(cards):
    from helpers.report import gallery  # here, because it costs an import of nbconvert

    return gallery.render(cards).encode()


def _zip(files):
    """Return a zip that is the same for the same files."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, DATED)
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            archive.writestr(entry, files[name])
    return stream.getvalue()
