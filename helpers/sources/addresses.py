"""Addresses: what the parameters `data` and `events` name, checked without opening it; and what of it may be shown."""

import difflib
import glob
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from helpers.records import Refused

NO_TABLE = "no table; give a path, a pandas, Polars or Arrow table, or an Ibis table"
ENDING = re.compile(  # of the files that are read: the group is their kind
    r"[.](?:(?P<text>csv|tsv|txt)(?:[.]gz)?|(?P<parquet>parquet|pq)|(?P<json>jsonl|ndjson|json)(?:[.]gz)?|(?P<excel>xls[xm]))$"
)
READ = ".csv, .tsv, .txt, .jsonl, .ndjson, .json (each also .gz), .parquet, .xlsx"
VERSIONED = ("_delta_log", ".hoodie", "metadata/*.metadata.json")  # beside files of which some are old
PATTERN = re.compile(r"[*?\[]")
MADE = ("simulated", "public")
SCHEMES = ("postgres", "postgresql", "bigquery", "snowflake", "pyspark", "databricks", "trino", "clickhouse")
FAR = ("http", "https", "ftp", "sftp", "s3", "gs", "gcs", "abfs", "abfss", "az", "hdfs")  # schemes of files elsewhere
VARIABLE = r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}"
SECRET = re.compile(r"pass|pwd|\bpw\b|secret|token|key|credential|jwt|\b(?:auth|sig|signature)\b", re.IGNORECASE)
LITERAL = "data: the address holds a password; write ${NAME} in its place and set that variable in the environment"


@dataclass(frozen=True)
class Address:
    """One place of data; `name` may be shown.

    `kind` is simulated, public, text, parquet, json, excel, duckdb, url or frame. `parted` says that folders named
    column=value lie above the files, as warehouses write them: each then is a column.
    """

    kind: str
    name: str
    paths: tuple[Path, ...] = field(default=(), repr=False)
    parted: bool = False
    url: str = field(default="", repr=False)
    frame: Any = field(default=None, repr=False, compare=False)


def is_frame(data) -> bool:
    """Return whether data is a table in memory, or an Ibis table: anything that Arrow can stream or that collects."""
    # of a lazy frame the class is asked, as its own columns are read from its source
    return hasattr(data, "__arrow_c_stream__") or (hasattr(data, "collect") and hasattr(type(data), "columns"))


def read_address(data, *, called="data") -> Address:
    """Return where some data is, checked without opening it.

    Parameters
    ----------
    data : str, list of str or a table
        `simulated`, `public:NAME`, `duckdb:PATH`, an Ibis URL, or the path of a file, of a folder of files or a
        pattern of paths such as `data/*.parquet`; a list is several. A table is one of pandas, Polars, Arrow or Ibis.
    called : str, the parameter, by which messages know a table that has no name

    Returns
    -------
    Address: its name is a base name, `public:NAME` or scheme and host.

    Raises
    ------
    Refused: no such file, a kind of file or address that is not read, files of several kinds, a password that is not
    `${NAME}`.
    """
    if is_frame(data):
        return Address("frame", f"{called} ({type(data).__name__})", frame=data)
    items = [data] if isinstance(data, (str, os.PathLike)) else data
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, (str, os.PathLike)) for item in items):
        raise Refused(f"{called} ({type(data).__name__}): {NO_TABLE}")
    items = [os.fspath(item) for item in items]
    if not items or not all(items):
        raise Refused("data: nothing is named; give simulated, public:NAME, a file, duckdb:PATH or a database address")
    if len(items) == 1:
        kind = items[0].partition(":")[0]
        if items[0] == "simulated" or kind == "public":
            return Address(kind, items[0])
        if "://" in items[0] and kind != "duckdb":
            return _read_url(items[0])
    found = []
    for item in items:
        path = Path(os.path.expanduser(re.sub(r"^duckdb:(//(?=/))?", "", item))).absolute()
        is_stored, ending = item.startswith("duckdb:"), ENDING.search(path.name.lower())
        kind = "duckdb" if is_stored else ending and ending.lastgroup
        is_known = kind and os.path.isfile(path)  # which a path that is too long is not
        found.append(([kind], [path], False, path.name) if is_known else _read_files(item, path, is_stored=is_stored))
    kinds, files = (list(dict.fromkeys(part for place in found for part in place[i])) for i in (0, 1))
    if len(kinds) > 1:
        raise Refused(f"data: {' and '.join(kinds)} files together; give files of one kind, such as folder/*.parquet")
    names = [place[3] for place in found]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return Address(kinds[0], shown, tuple(files), any(place[2] for place in found))


def _read_files(item, path, *, is_stored):
    """Return the kinds of an address's files, the files, whether folders above are columns, and what it is called."""
    if os.path.isfile(path):
        fault = f"this kind of file is not read; give {READ}, or duckdb:PATH"
    elif re.search(rf"(?:{SECRET.pattern})\w*\s*=\s*(?!\$)\S", item, re.IGNORECASE):
        raise Refused(LITERAL)
    elif "://" in item or re.match(r"[a-z]+:.*@", item):
        raise Refused("data: this looks like the address of a database; write scheme://user:${PASSWORD}@host/database")
    elif os.path.isdir(path) or (PATTERN.search(item) and not is_stored):
        return _list_files(path)
    else:
        beside = [file.name for file in path.parent.iterdir() if file.is_file()] if os.path.isdir(path.parent) else []
        near = difflib.get_close_matches(path.name, beside, 1, cutoff=0.8)
        cure = f"did you mean {near[0]}?" if near else "check the name, and the folder it is read from"
        fault = f"no such file; {cure}"
    raise Refused(f"{path.name}: {fault}")


def _list_files(path):
    """Return what `_read_files` does, of a folder with those in it, or of a pattern of paths, in order.

    Files are taken that are read at all, but none whose name begins with . or _ or ~, which programs leave beside them.
    """
    is_folder = path.is_dir()
    found = [path] if is_folder else [Path(name) for name in glob.glob(str(path), recursive=True)]
    base = path if is_folder else Path(PATTERN.split(str(path))[0] + "_").parent
    if any(next(place.glob(name), None) for place in found for name in VERSIONED):
        raise Refused(f"{path.name}: a table of versions, of which old files hold no rows; export it as it is now")
    within = {file for place in found for file in (place.rglob("*") if place.is_dir() else [place]) if file.is_file()}
    kinds, parted = {}, False
    for file in sorted(within):
        kind, parts = ENDING.search(file.name.lower()), file.relative_to(base).parts
        if kind and not any(part.startswith((".", "_", "~")) for part in parts):
            kinds[file], parted = kind.lastgroup, parted or any("=" in part for part in parts[:-1])
    if not kinds:
        what = "in this folder is read" if is_folder else "that is read fits this pattern"
        raise Refused(f"{path.name}: no file {what}; check it, or give {READ}")
    name = path.resolve().name if is_folder else path.name
    return list(kinds.values()), list(kinds), parted, f"{name} ({len(kinds)} file{'s'[: len(kinds) > 1]})"


def _read_url(item):
    scheme, _, rest = item.partition("://")
    password = rest.rpartition("@")[0].partition(":")[2]
    options = parse_qsl("&".join(re.split("[?#;&]", rest)[1:]))  # drivers read them behind other signs too
    secrets = [value for key, value in options if SECRET.search(key)]
    if not all(re.fullmatch(f"({VARIABLE})+", secret) for secret in [*([password] if password else []), *secrets]):
        raise Refused(LITERAL)
    if scheme in FAR:
        raise Refused("data: files are read from this machine alone; copy it here and give its path")
    if scheme not in SCHEMES:
        raise Refused(f"data: addresses of this scheme are not read; allowed: duckdb:PATH, {', '.join(SCHEMES)}")
    host = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    return Address("url", f"{scheme}://{re.sub(r':[0-9]*$', '', host)}", url=item)
