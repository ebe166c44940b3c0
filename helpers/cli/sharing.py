"""The command share: one zip of what may travel, after a scan of every file for ids, paths, secrets and small cells."""

import getpass
import html
import io
import json
import os
import re
import socket
import zipfile
from pathlib import Path
from urllib.request import urlopen

import ibis
import yaml

from helpers import disclosure, plan, report, sources
from helpers.cli.reporting import find_out
from helpers.records import Refused
from helpers.report import page, store

SHARED = (
    "report.html",
    "results.json",
    "summary.md",
    "scorecard.png",
    "tables/*.csv",
    "*/*.sql",
    "*/*.txt",
    "plan/*.yaml",
)
SCAN = yaml.safe_load(Path(__file__).with_name("scan.yaml").read_text(encoding="utf-8"))


def share_runs(arguments):
    """Write the zip and print its path; refuse when anything in it must not travel."""
    out, target = find_out(arguments), Path(arguments.to).expanduser().absolute()
    if target.suffix != ".zip":
        raise Refused(f"{target.name}: needs a name that ends in .zip")
    there = {card["name"]: card for card in page.collect_cards(out) if (out / card["name"] / "report.html").is_file()}
    if not there:
        raise Refused(f"{out.name}: holds no report yet; run studies report first")
    unknown = [name for name in arguments.names if name not in there]
    if unknown:
        raise Refused(f"no report is called {unknown[0][:40]!r}; there are: {', '.join(there)}")
    chosen = {name: card for name, card in there.items() if name in (arguments.names or there)}
    files = {file: content for name in chosen for file, content in _read_files(out / name).items()}
    files["index.html"] = page.render_index([*chosen.values()]).encode()
    texts = {file: read_text(file, files[file]) for file in sorted(files) if not file.endswith(".png")}
    problems = [f"{file} holds {what} ({n})" for file, text in texts.items() for what, n in find_secrets(text).items()]
    problems += [problem for name in chosen for problem in scan_run(out, name, texts)]
    if problems:
        raise Refused(f"nothing is shared: {'; '.join(problems)}. Mend the cause, render again, then share")
    _write_zip(target, files)
    print(f"{arguments.to}: {len(files)} files of {', '.join(chosen)}")


def _read_files(folder):
    """Return the files of one run that may travel, by their path inside the zip: those that its run.json names."""
    named = json.loads((folder / "run.json").read_text(encoding="utf-8"))["files"]
    there = {str(file.relative_to(folder)): file for pattern in SHARED for file in folder.glob(pattern)}
    return {f"{folder.name}/{name}": file.read_bytes() for name, file in there.items() if name in named}


def _write_zip(target, files):
    """Write a zip that is the same for the same files, and take the place of an older one only when it is whole."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)  # of 1980
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            archive.writestr(entry, files[name])
    store.write_file(target, content.getvalue())


def read_text(name, content):
    """Return what a file says: JSON escapes and entities resolved, downloads inside it unpacked, pictures left out.

    Parameters
    ----------
    name : str
        File name; .html, .json, or anything else as it is.
    content : bytes
    """
    text = content.decode("utf-8-sig")
    if name.endswith(".json"):
        return json.dumps(json.loads(text), ensure_ascii=False, indent=0)
    if name.endswith(".html"):
        downloads = [address for address in re.findall(SCAN["download"], text) if not address.startswith("data:image/")]
        inside = [urlopen(html.unescape(address)).read().decode("utf-8", "replace") for address in downloads]
        return "\n".join([html.unescape(re.sub(SCAN["download"], "", text)), *inside])
    return text


def find_secrets(text):
    """Return what of this machine, or secret by its form, stands in a text.

    Parameters
    ----------
    text : str
        As `read_text` returns it.

    Returns
    -------
    dict of str to int: what was found, in words, to how often; never the value itself.
    """
    found = {what: len(re.findall(pattern, text)) for what, pattern in SCAN["patterns"].items()}
    names = {getpass.getuser(), Path.home().name, socket.gethostname()} - {*SCAN["common_names"]}
    words = "|".join(re.escape(name) for name in sorted(names) if len(name) > 3)
    found["a name of this user or machine"] = len(re.findall(rf"(?<![\w-])(?:{words})(?![\w-])", text)) if words else 0
    secrets = [value for name, value in os.environ.items() if re.search(SCAN["variables"], name) and len(value) > 5]
    found["the value of a secret environment variable"] = sum(text.count(value) for value in secrets)
    return {what: count for what, count in found.items() if count}


def scan_run(out, name, texts):
    """Return where a run's files, and the index, hold unit ids of its data or a small count, in words with counts.

    Parameters
    ----------
    out : Path
        Folder of the reports.
    name : str
    texts : dict of str to str
        Every file of the zip, as `read_text` returns it.
    """
    words = {f: find_words(text) for f, text in texts.items() if f.startswith(f"{name}/") or f == "index.html"}
    results = json.loads(texts[f"{name}/results.json"])
    ids, column, min_cell = _find_unit_ids(out, name, set().union(*words.values()), study=results["study"])
    problems = [f"{file} holds unit ids ({len(found & ids)})" for file, found in words.items() if found & ids]
    by_unit = [table for table, rows in results["tables"].items() if rows and column in rows[0]]
    problems += [f"{name}/results.json, {table} has the column {column}" for table in by_unit]
    tables = {"estimates": results["estimates"], **results["tables"]}
    small = disclosure.count_small_cells(results["study"], tables, min_cell)
    return problems + [f"{name}/results.json, {t} holds cells under {min_cell} ({n})" for t, n in small.items()]


def find_words(text):
    """Return the words and cells of a text that could be unit ids.

    A word counts when it has a letter and a digit and 4 characters, or 7 digits, or an @; other texts (a company's
    name) only as a whole cell, since ordinary words and figures could not be told from them.
    """
    words = {word.strip(".:!?#") for word in re.split(r"[\s\"'<>,;|=(){}\[\]]+", text)}
    cells = {cell.strip() for cut in (r"[<>\"\n]", r"[<>\"\n,;]") for cell in re.split(cut, text)}
    telling = {word for word in words if re.fullmatch(SCAN["unit_id"], word)}
    return telling | {cell for cell in cells if re.search(r"\D{4}", cell) and len(cell) <= 200}


def _find_unit_ids(out, name, words, *, study):
    """Return which words are unit ids of the run's own data, asked where the data is, the id's column, and min_cell."""
    executed = next((out / ".private" / name).glob("*.ipynb"), None)
    if executed is None:
        raise Refused(f"{name}: its executed notebook is gone; studies report {name} --force makes it anew")
    given = json.loads(executed.read_text(encoding="utf-8"))["metadata"]["papermill"]["parameters"]
    values = {key: declared.default for key, declared in report.read_parameters(executed).items()} | given
    if not values.get("plan"):  # no plan, no units
        return set(), "", values.get("min_cell") or 10
    design = plan.read(values["plan"], kind=None).design
    simulation = {key: values[key] for key in ("n_units", "seed") if values.get(key) is not None} | {"study": study}
    read = {key: values.get(key) for key in ("table", "events", "events_table")} | {"simulation": simulation}
    load, part = (sources.load_accounts, "accounts") if design.kind == "framework" else (sources.load, "units")
    try:
        units = getattr(load(design, values["data"], **read), part)
    except Refused as error:
        raise Refused(f"{name}: its data cannot be read again to look for unit ids ({error})") from None
    wanted = ibis.memtable({"word": sorted(words) or [""]}, schema={"word": "string"})
    same = units.select(word=units.unit.strip()).semi_join(wanted, "word").distinct()
    return set(same.to_pyarrow().column("word").to_pylist()), design.unit_id, values.get("min_cell") or design.min_cell
