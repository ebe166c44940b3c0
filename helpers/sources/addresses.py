"""Addresses: what the parameters `data` and `events` name, checked without opening it, and what of it may be shown."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from helpers.records import Refused
from helpers.sources import frames

TEXT_FILES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
PARQUET_FILES = (".parquet", ".pq")
MADE = ("simulated", "public")
SCHEMES = ("postgres", "postgresql", "bigquery", "snowflake", "pyspark", "databricks", "trino", "clickhouse")
VARIABLE = r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}"
SECRET = re.compile(r"pass|pwd|secret|token|key|credential", re.IGNORECASE)
LITERAL = "data: the address holds a password; write ${NAME} in its place and set that variable in the environment"


@dataclass(frozen=True)
class Address:
    """One place of data: `kind` is simulated, public, text, parquet, duckdb, url or frame; `name` may be shown."""

    kind: str
    name: str
    paths: tuple[Path, ...] = field(default=(), repr=False)
    url: str = field(default="", repr=False)
    frame: Any = field(default=None, repr=False, compare=False)


def read_address(data, *, called="data") -> Address:
    """Return where some data is, checked without opening it.

    Parameters
    ----------
    data : str, list of str or a table
        `simulated`, `public:NAME`, `duckdb:PATH`, an Ibis URL, or the path of a file; a list is several files.
        A table is one of pandas, Polars, Arrow or Ibis.
    called : str, the parameter, by which messages know a table that has no name

    Returns
    -------
    Address: its name is a base name, `public:NAME` or scheme and host.

    Raises
    ------
    Refused: no such file, a folder, a kind of file or address that is not read, files of several kinds,
    a password that is not `${NAME}`.
    """
    if frames.is_frame(data):
        return Address("frame", f"{called} ({type(data).__name__})", frame=data)
    items = [data] if isinstance(data, (str, os.PathLike)) else data
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, (str, os.PathLike)) for item in items):
        raise Refused(f"{called} ({type(data).__name__}): {frames.NO_TABLE}")
    items = [os.fspath(item) for item in items]
    if not items or not all(items):
        raise Refused("data: nothing is named; give simulated, public:NAME, a file, duckdb:PATH or a database address")
    if len(items) == 1:
        kind = items[0].partition(":")[0]
        if items[0] == "simulated" or kind == "public":
            return Address(kind, items[0])
        if "://" in items[0] and kind != "duckdb":
            return _read_url(items[0])
    files = [_read_file(item) for item in items]
    if len({file.kind for file in files}) > 1:
        raise Refused("data: text files and Parquet files together; give files of one kind")
    names = [file.name for file in files]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return Address(files[0].kind, shown, tuple(path for file in files for path in file.paths))


def _read_file(item):
    stored = item.startswith("duckdb:")
    path = Path(re.sub(r"^duckdb:(//(?=/))?", "", item)).expanduser().absolute()
    if path.is_file():
        named = path.name.lower().endswith
        kind = "duckdb" if stored else "text" if named(TEXT_FILES) else "parquet" if named(PARQUET_FILES) else None
        if kind:
            return Address(kind, path.name, (path,))
        there = ", ".join(TEXT_FILES[:3])
        fault = f"this kind of file is not read; give {there} (each also .gz), .parquet, or duckdb:PATH"
    elif re.search(rf"(?:{SECRET.pattern})\w*\s*=\s*(?!\$)\S", item, re.IGNORECASE):
        raise Refused(LITERAL)
    elif "://" in item or re.match(r"[a-z]+:.*@", item):
        raise Refused("data: this looks like the address of a database; write scheme://user:${PASSWORD}@host/database")
    elif path.is_dir():
        fault = "a folder; name the files in it"
    else:
        fault = "no such file; check the name, and the folder it is read from"
    raise Refused(f"{path.name}: {fault}")


def _read_url(item):
    scheme, _, rest = item.partition("://")
    password = rest.rpartition("@")[0].partition(":")[2]
    secrets = [value for key, value in parse_qsl(rest.partition("?")[2]) if SECRET.search(key)]
    if not all(re.fullmatch(f"({VARIABLE})+", secret) for secret in [*([password] if password else []), *secrets]):
        raise Refused(LITERAL)
    if scheme not in SCHEMES:
        raise Refused(f"data: addresses of this scheme are not read; allowed: duckdb:PATH, {', '.join(SCHEMES)}")
    host = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    return Address("url", f"{scheme}://{re.sub(r':[0-9]*$', '', host)}", url=item)
