"""What the parameters `data` and `events` name: addresses, checked without opening them, and tables in memory.

Of an address it says what may be shown; a table in memory becomes one of plain columns in Arrow.
"""

import difflib
import glob
import hashlib
import os
import re
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pandas as pd
import pyarrow as pa

from helpers import schema
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
        path = Path(re.sub(r"^duckdb:(//(?=/))?", "", item)).expanduser().absolute()
        is_stored, ending = item.startswith("duckdb:"), ENDING.search(path.name.lower())
        kind = "duckdb" if is_stored else ending and ending.lastgroup
        is_known = kind and path.is_file()
        found.append(([kind], [path], False, path.name) if is_known else _read_files(item, path, is_stored=is_stored))
    kinds, files = (list(dict.fromkeys(part for place in found for part in place[i])) for i in (0, 1))
    if len(kinds) > 1:
        raise Refused(f"data: {' and '.join(kinds)} files together; give files of one kind, such as folder/*.parquet")
    names = [place[3] for place in found]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return Address(kinds[0], shown, tuple(files), any(place[2] for place in found))


def _read_files(item, path, *, is_stored):
    """Return the kinds of an address's files, the files, whether folders above are columns, and what it is called."""
    if path.is_file():
        fault = f"this kind of file is not read; give {READ}, or duckdb:PATH"
    elif re.search(rf"(?:{SECRET.pattern})\w*\s*=\s*(?!\$)\S", item, re.IGNORECASE):
        raise Refused(LITERAL)
    elif "://" in item or re.match(r"[a-z]+:.*@", item):
        raise Refused("data: this looks like the address of a database; write scheme://user:${PASSWORD}@host/database")
    elif path.is_dir() or (PATTERN.search(item) and not is_stored):
        return _list_files(path)
    else:
        beside = [file.name for file in path.parent.iterdir() if file.is_file()] if path.parent.is_dir() else []
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


def to_arrow(frame, shown) -> pa.Table:
    """Return a table in memory as an Arrow table of plain columns.

    A named index of pandas becomes columns. Categories become what they stand for, times with a zone UTC, and a column
    of several types text, which is then judged as the text of a file is.

    Parameters
    ----------
    frame : pandas DataFrame, Polars frame, or anything that Arrow can stream
    shown : str, what messages call the table

    Raises
    ------
    Refused: no table; no columns; a column name that stands twice, or is of several levels.
    """
    if isinstance(frame, pd.DataFrame):
        table = _read_pandas(frame, shown)
    else:
        table = None
        with suppress(Exception):
            table = pa.table(frame.collect() if hasattr(frame, "collect") else frame)
        if table is None:
            raise Refused(f"{shown}: {NO_TABLE}")
        refuse_twice(table.column_names, shown)
    if not table.column_names:
        raise Refused(f"{shown}: no columns; give a table that has some")
    columns = [_make_plain(column) for column in table.columns]
    return pa.table(columns, names=table.column_names).combine_chunks()


def _read_pandas(frame, shown):
    named = [name for name in frame.index.names if name is not None]
    frame = frame.reset_index(level=[name for name in named if name not in frame.columns]) if named else frame
    if frame.columns.nlevels > 1:
        cure = "make one of them, such as df.columns = df.columns.map('_'.join)"
        raise Refused(f"{shown}: names of columns in {frame.columns.nlevels} levels; {cure}")
    names = [str(name) for name in frame.columns]
    refuse_twice(names, shown)
    return pa.table([_read_column(frame.iloc[:, place]) for place in range(len(names))], names=names)


def refuse_twice(names, shown) -> None:
    """Refuse columns of which two have one name, upper or lower case."""
    twice = [name for name, n in Counter(name.casefold() for name in names).items() if n > 1]
    if twice:
        fault = "stands twice (upper and lower case are one); rename one"
        raise Refused(f"{shown}: the column name {schema.cut(twice[0])} {fault}")


def _read_column(series):
    """Return a column of pandas; what Arrow has no one type for is text, as it would be in a file."""
    column = None
    with suppress(pa.ArrowException, TypeError, ValueError, OverflowError):
        column = pa.array(series, from_pandas=True)
    kind = None if column is None else getattr(column.type, "value_type", column.type)  # of categories, theirs
    if kind is None or isinstance(kind, pa.BaseExtensionType):
        known = series.astype(object)
        column = pa.array(known.where(known.isna(), known.map(str)), type=pa.string(), from_pandas=True)
    return column


def _make_plain(column):
    kind = column.type
    if pa.types.is_dictionary(kind):
        if kind.value_type == pa.string_view():  # as of Polars; Arrow takes none of these by their number
            parts = [pa.DictionaryArray.from_arrays(c.indices, c.dictionary.cast(pa.string())) for c in column.chunks]
            column = pa.chunked_array(parts, pa.dictionary(kind.index_type, pa.string()))
        return column.cast(column.type.value_type)
    if pa.types.is_timestamp(kind) and kind.tz:
        return column.cast(pa.timestamp(kind.unit, "UTC"))
    return column.cast(pa.string()) if pa.types.is_null(kind) else column


def keep(backend, name, table):
    """Return an Arrow table as a table of the engine, and the checksum of what it holds.

    Parameters
    ----------
    backend : Ibis backend
    name : str, what the table is called in the engine
    table : Arrow table

    Returns
    -------
    (Ibis table, str): the checksum is that of the table as an Arrow stream.
    """
    content, sink = table.replace_schema_metadata(None), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, content.schema) as writer:
        writer.write_table(content)
    return backend.create_table(name, content), hashlib.sha256(sink.getvalue()).hexdigest()


def read_frame(table, unit_id, most=None) -> pd.DataFrame:
    """Return a table of the engine in pandas, in order of the id.

    Parameters
    ----------
    table : Ibis table
    unit_id : str, the column of the id
    most : int, optional
        At most so many rows, as the engine finds them first.
    """
    return (table if most is None else table.limit(most)).order_by(unit_id).to_pandas()
