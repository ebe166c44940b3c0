"""The command share: one zip of what may travel, after a scan of every file for ids, paths, secrets and small cells.

Where there is a Chromium it prints each report too, on at most twelve pages.
"""

import csv
import getpass
import hashlib
import html
import io
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import zipfile
from functools import cache, partial
from itertools import combinations
from pathlib import Path, PurePosixPath
from urllib.request import urlopen

import ibis

from helpers import disclosure, metrics, paths, plan, report, sources
from helpers.cli.reporting import find_out
from helpers.plan.views import find_view
from helpers.records import Refused
from helpers.report import page, store
from helpers.report.document import write_json
from helpers.sources.opening import fetch
from helpers.view.html import write_csv

SHARED = ("report.html", "results.json", "summary.md", "scorecard.png", "tables/*.csv", "*/*.sql", "*/*.txt")
SHARED += ("plan/*.yaml",)
DEPARTURES = ("as_of", "confidence_level", "min_cell")  # parameters that change the plan
LEAST = 5  # no cell of fewer is shared, whatever the plan says
LONG = 8  # signs of an id, from which on another way of writing it is no other word
CHANCE = 0.02  # of as many matches of numbers with ids, from which they are no chance
MOST_PAGES, SECONDS = 12, 120  # of a report on paper; for its printing
FOLDED = (
    "<style>@media print{.expert>:not(summary){display:none}.expert>summary::after{content:': in the file'}}</style>"
)
DATE = "1980-01-01"  # of entries of the zip too
SCAN = paths.read_words(Path(__file__).with_name("scan.yaml"))


def share_runs(arguments):
    """Write the zip and print its path; refuse when anything in it must not travel, before a report is put on paper."""
    out, target = find_out(arguments, is_hers=not arguments.names), Path(os.path.expanduser(arguments.to)).absolute()
    if target.suffix != ".zip":
        raise Refused(f"{target.name}: needs a name that ends in .zip")
    browser = find_browser() if arguments.pdf else None
    there = {card["name"]: card for card in page.collect_cards(out) if (out / card["name"] / "report.html").is_file()}
    if not there:
        raise Refused(f"{out.name}: holds no report yet; run studies report first")
    unknown = [name for name in arguments.names if name not in there]
    if unknown:
        raise Refused(f"no report is called {unknown[0][:40]!r}; there are: {', '.join(there)}")
    chosen = {name: card for name, card in there.items() if name in (arguments.names or there)}
    files, problems = {}, []
    for name in chosen:
        found, changed = _read_files(out / name)
        files |= found
        problems += changed
    _refuse(problems)  # what is damaged cannot be read
    for name in (name for name in files if name.endswith(".html")):
        files[name] = page.keep_links(files[name].decode(), chosen).encode()
    files["index.html"] = page.render_index([*chosen.values()]).encode()
    texts = {file: read_text(file, files[file]) for file in sorted(files) if not file.endswith(".png")}
    problems += [f"{file} holds {what} ({n})" for file, text in texts.items() for what, n in find_secrets(text).items()]
    runs = {name: json.loads(texts[f"{name}/results.json"]) for name in chosen}
    read = {name: _read_units(out, name, study=results["study"]) for name, results in runs.items()}
    problems += [problem for name in chosen for problem in scan_run(name, texts, *read[name])]
    problems += find_twins(runs, cache(lambda name: _list_units(read[name][0])))
    _refuse(problems)
    for name in chosen:
        files |= coarsen_files(name, files)
    for name in chosen if browser else ():
        files[f"{name}/report.pdf"] = print_report(browser, name, files[f"{name}/report.html"].decode())
    _write_zip(target, files)
    print(f"{arguments.to}: {len(files)} files of {', '.join(chosen)}")


def _refuse(problems):
    if problems:
        raise Refused(f"nothing is shared: {'; '.join(problems)}. Mend the cause, render again, then share")


def _read_files(folder):
    """Return the files of one run that may travel, by their path inside the zip, and what is not as the run left it."""
    named = store.read_record(folder).get("files", {})
    there = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    known = {name: file for name, file in there.items() if name in named}
    files = {name: file.read_bytes() for name, file in known.items()}
    edited = [name for name, content in files.items() if hashlib.sha256(content).hexdigest() != named[name]]
    strange = sorted(there.keys() - known.keys() - {"run.json", "failed.html"})
    problems = [f"{folder.name}/{name} is not as the run left it" for name in edited]
    problems += [f"{folder.name}/{name} is not of this run" for name in strange]
    problems += [f"{folder.name}/{name} is gone" for name in named if name not in there]
    shared = {name for pattern in SHARED for name in files if PurePosixPath(name).match(pattern)}
    return {f"{folder.name}/{name}": files[name] for name in shared}, problems


def _write_zip(target, files):
    """Write a zip that is the same for the same files, and take the place of an older one only when it is whole."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)  # of 1980
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            archive.writestr(entry, files[name])
    store.write_file(target, content.getvalue())


def coarsen_files(name, files):
    """Return those files of a run that hold figures, with amounts rounded as its report shows them."""
    results = json.loads(files[f"{name}/results.json"])
    told = disclosure.coarsen(results)
    if told is results:
        return {}
    prefix, rows = f"{name}/tables/", {**told, **told["tables"]}
    written = {f"{name}/results.json": write_json(told).encode()}
    for file in (file for file in files if file.startswith(prefix)):
        header = next(csv.reader(io.StringIO(files[file].decode())), [])
        written[file] = write_csv(rows[file.removeprefix(prefix).removesuffix(".csv")], header).encode()
    return written


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


def scan_run(name, texts, units, fold, design, min_cell):
    """Return where a run's files, and the index, hold unit ids of its data or what leaks, in words with counts.

    Parameters
    ----------
    name : str
    texts : dict of str to str
        Every file of the zip, as `read_text` returns it.
    units, fold, design, min_cell : as `_read_units` returns them
    """
    results = json.loads(texts[f"{name}/results.json"])
    tables, problems, known_of = {"estimates": results["estimates"], **results["tables"]}, [], ()
    if units is not None:
        own = {f: text for f, text in texts.items() if f.startswith(f"{name}/") or f == "index.html"}
        words = {f: find_words(text) - _list_figures(results) for f, text in own.items()}
        ids, lengths = _find_unit_ids(units, set().union(*words.values()))
        found = {f: keep_telling(mine & ids, mine, lengths) for f, mine in words.items()}
        problems += [f"{file} holds unit ids ({len(told)})" for file, told in found.items() if told]
        by_unit = [table for table, rows in results["tables"].items() if rows and design.unit_id in rows[0]]
        by_unit = [table for table in by_unit if design.unit_id not in find_view(results["study"], table).columns]
        problems += [f"{name}/results.json, {table} has the column {design.unit_id}" for table in by_unit]
        folded = fold() if fold and results["estimates"] else None
        known_of = (metrics.moments.list_overlap(folded), metrics.payments.count_payers(folded)) if folded else ()
    least = max(min_cell, LEAST)
    leaks = disclosure.find_leaks(results["study"], tables, least, *known_of)
    return problems + [f"{name}/results.json, {t} tells of cells under {least} ({n})" for t, n in leaks.items()]


def find_twins(runs, list_units):
    """Return which runs are of so nearly the same units that one tells what the other hides, or what a few of them did.

    Parameters
    ----------
    runs : dict of str to dict, name -> content of results.json
    list_units : function, name -> the ids of each arm; asked only of runs that are of nearly as many
    """
    found, own = [], [name for name, run in runs.items() if run["data"]["kind"] == "yours"]
    for one, two in combinations(own, 2):
        told = (runs[name]["data"] for name in (one, two))
        sizes = [data.get("units_by_variant") or {"": data.get("units")} for data in told]
        if not any(abs((sizes[0][arm] or 0) - (sizes[1][arm] or 0)) < LEAST for arm in sizes[0].keys() & sizes[1]):
            continue
        first, second = list_units(one), list_units(two)
        gaps = [(len(first[arm] - second[arm]), len(second[arm] - first[arm])) for arm in first.keys() & second]
        if any(0 < max(gap) < LEAST for gap in gaps):
            found.append(f"{one} and {two} differ in fewer than {LEAST} units of an arm; share one of them")
        elif (0, 0) in gaps and _list_parts(runs[one]) != _list_parts(runs[two]):
            told = "show other parts of the same units, of which one can tell what the other hides"
            found.append(f"{one} and {two} {told}; share one of them, or put the parts into one plan")
    return found


def _list_parts(run):
    """The segments and weeks that a run shows."""
    return {(e["segment"], e["at"]) for e in run["estimates"] if e["n_control"] is not None}


def _list_units(units):
    """The ids of each arm; of accounts, and of no units, those of no arm."""
    if units is None:
        return {}
    arm = units.variant if "variant" in units.columns else ibis.literal("")
    rows = fetch(units.select(arm=arm, unit=units.unit), "units").to_pandas()
    return {arm: set(ids) for arm, ids in rows.groupby("arm")["unit"]}


def find_words(text):
    """Return the words and cells of a text that could be unit ids, of any length.

    A word counts when it has a digit, or an @; other texts (a company's name) only as a whole cell, since ordinary
    words could not be told from them. Numbers with thousands separated, decimals and dates are figures.
    """
    plain = re.sub(SCAN["figure"], " ", text)
    whole = re.split(r"[\s\"'<>,;|=(){}\[\]]+", plain)
    words = {part.strip(".:!?#") for word in whole for part in (word, *re.split("[:/&?]", word))}
    cells = {cell.strip() for cut in (r"[<>\"\n]", r"[<>\"\n,;]") for cell in re.split(cut, text)}
    telling = {word for word in words if re.search(r"[\d@]", word)}
    return telling | {cell for cell in cells if re.search(r"\D{2}", cell) and len(cell) <= 200}


def _list_figures(results):
    """Return the numbers of results.json as they are written: counts and figures, which are no ids."""
    if isinstance(results, dict | list):
        return set().union(*map(_list_figures, results.values() if isinstance(results, dict) else results))
    return {str(results), f"{results:g}"} if isinstance(results, int | float) else set()


def keep_telling(found, words, lengths):
    """Return the ids among the words of one file, without whole numbers that are as many as chance explains.

    Short numbers are counts, days and years too: where ids fill a good part of all numbers of their length, some number
    of a file is one of them by chance, and nothing can tell it from an id.

    Parameters
    ----------
    found : set of str, words that are ids
    words : set of str, all words
    lengths : dict of int to int, how many ids are whole numbers of so many digits
    """
    from scipy.stats import poisson

    told = {word for word in found if not word.isdigit()}
    for length in {len(word) for word in found - told}:
        mine = {word for word in found - told if len(word) == length}
        expected = lengths.get(length, 0) / 10**length * sum(word.isdigit() and len(word) == length for word in words)
        told |= mine if poisson.sf(len(mine) - 1, expected) < CHANCE else set()
    return told


def _read_units(out, name, *, study):
    """Return the run's own units, read again where they are, its plan and min_cell; no units where it has no plan."""
    executed = next((out / ".private" / name).glob("*.ipynb"), None)
    if executed is None:
        raise Refused(f"{name}: its executed notebook is gone; studies report {name} --force makes it anew")
    given = json.loads(executed.read_text(encoding="utf-8"))["metadata"]["papermill"]["parameters"]
    values = {key: declared.default for key, declared in report.read_parameters(executed).items()} | given
    if not values.get("plan") or not values.get("data"):  # no units
        return None, None, None, values.get("min_cell") or 10
    changed = {key: values[key] for key in DEPARTURES if values.get(key) is not None}
    design = plan.read(values["plan"], kind=None, departures=changed).design
    simulation = {key: values[key] for key in ("n_units", "seed") if values.get(key) is not None} | {"study": study}
    read = {key: values.get(key) for key in ("table", "events", "events_table")} | {"simulation": simulation}
    read |= {"is_history": True} if study == "experiment_design" else {}
    load, part = (sources.load_accounts, "accounts") if design.kind == "framework" else (sources.load, "units")
    try:
        source = load(design, values["data"], **read)
    except Refused as error:
        raise Refused(f"{name}: its data cannot be read again to look for unit ids ({error})") from None
    fold = partial(metrics.fold, source, design) if design.kind == "experiment" else None
    return getattr(source, part), fold, design, design.min_cell


def _find_unit_ids(units, words):
    """Return which words are ids of the data, asked where the data is, and how many ids are numbers of each length.

    Long ids are known in capitals, and without dashes, too.
    """
    unit = units.unit.strip()
    wanted = ibis.memtable({"word": sorted(words) or [""]}, schema={"word": "string"})
    keys = [(word.length() < LONG).ifelse(word, word.lower().re_replace("-", "")) for word in (wanted.word, unit)]
    same = wanted.mutate(key=keys[0]).semi_join(units.select(key=keys[1]), "key").distinct()
    numbers = units.filter(unit.re_search("^[0-9]+$")).select(word=unit).distinct()
    lengths = numbers.group_by(length=numbers.word.length()).aggregate(n=numbers.count()).to_pyarrow().to_pylist()
    return set(same.to_pyarrow().column("word").to_pylist()), {row["length"]: row["n"] for row in lengths}


def find_browser() -> str:
    """Return the path of Chromium or a browser made of it; refused where there is none."""
    found = next(filter(None, map(shutil.which, SCAN["browsers"])), None)
    if not found:
        cure = "install one, or open report.html in a browser and print it"
        raise Refused(f"--pdf: no Chromium, Chrome or Edge is found here; {cure}")
    return found


def print_report(browser: str, name: str, page: str) -> bytes:
    """Return a report as PDF, that says nothing of this machine nor of the moment.

    Where it would take more than twelve pages, the part for the statistician is left to the file of the report.

    Parameters
    ----------
    browser : str, as `find_browser` returns it
    name : str, of the run
    page : str
        The report's HTML. The last day of its data is the day that the PDF gives for its own, for the present moment.

    Raises
    ------
    Refused: nothing is printed, or more than twelve pages without that part too.
    """
    for text in (page, page.replace("</head>", f"{FOLDED}</head>", 1)):
        printed = _print_page(browser, name, text)
        pages = count_pages(printed)
        if pages <= MOST_PAGES:
            told = re.search(r'class="dates">[^<]*data to ([0-9-]{10})', page)
            return _date(printed, told[1] if told else DATE)
    raise Refused(f"{name}: takes {pages} pages, more than {MOST_PAGES}; share without --pdf, or plan fewer segments")


def count_pages(printed: bytes) -> int:
    """Return how many pages a PDF has, as Chromium writes it.

    Parameters
    ----------
    printed : bytes
    """
    return len(re.findall(rb"/Type\s*/Page\b", printed))


def _print_page(browser, name, text):
    with tempfile.TemporaryDirectory(prefix="print-") as folder:
        page, printed = Path(folder, "report.html"), Path(folder, "report.pdf")
        page.write_text(text, encoding="utf-8")
        command = [browser, *SCAN["flags"], f"--user-data-dir={folder}/profile", f"--print-to-pdf={printed}"]
        try:
            subprocess.run([*command, page.as_uri()], capture_output=True, timeout=SECONDS, check=True)
            return printed.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            what = f"{Path(browser).name} printed nothing ({type(error).__name__})"
            raise Refused(f"{name}: {what}; open report.html in a browser and print it") from None


def _date(printed, day):
    """Write the day for the moment, and nothing for the browser's name, at the same length: a PDF counts its bytes."""
    moment = f"D:{day.replace('-', '')}000000+00'00'".encode()
    printed = re.sub(rb"(/(?:Creation|Mod)Date \()D:\d{14}\+00'00'(?=\))", rb"\1" + moment, printed)
    return re.sub(rb"(?<=/Creator \()(?:\\.|[^()\\])*", lambda found: b" " * len(found[0]), printed, count=1)
