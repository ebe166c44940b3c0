"""The engine: an in-process DuckDB that is locked to the given files, or a database that an address names."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass, replace

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from helpers import schema
from helpers.records import Refused
from helpers.sources import addresses, delimited


@dataclass(frozen=True)
class Raw:
    """One table as it came: the Ibis table, the name that messages use, what was detected, its checksums.

    `parsed` tables were read from text into the engine, where every column is still text.
    """

    table: ibis.Table
    name: str
    messages: tuple[str, ...] = ()
    checksums: tuple[str, ...] = ()
    parsed: bool = False


def connect(places, *, threads=1):
    """Return the backend that holds all places of one load: DuckDB for files, else the database of the address.

    DuckDB installs and loads no extension, and from here on opens no file but the given ones.

    Parameters
    ----------
    places : list of Address
    threads : int, 1 for figures that are bit-identical from run to run

    Raises
    ------
    Refused: places in two engines, no connection, a database file that cannot be opened.
    """
    urls = {place.url for place in places} or {""}
    if len(urls) > 1:
        raise Refused("data and events stand in two engines; put both into one database, or both into files")
    if urls != {""}:
        return _connect_database(places[0])
    spill = os.path.join(tempfile.gettempdir(), f"studies-{os.getpid()}")
    quiet = {"autoinstall_known_extensions": False, "autoload_known_extensions": False, "temp_directory": spill}
    backend = ibis.duckdb.connect(threads=threads, **quiet)
    for path in dict.fromkeys(p for place in places if place.kind == "duckdb" for p in place.paths):
        _attach(backend, path)
    files = [path for place in places if place.kind == "parquet" for path in place.paths]
    allowed = ", ".join(_quote(name) for path in files for name in (path, _escape_pattern(path)))
    backend.raw_sql(f"SET allowed_paths=[{allowed}]")
    backend.raw_sql("SET enable_external_access=false")
    backend.raw_sql("SET lock_configuration=true")
    return backend


def _connect_database(place):
    url, cause = addresses.expand_url(place.url), ""
    try:
        return ibis.connect(url)
    except ImportError as error:
        driver = f"driver {error.name}" if error.name else "driver of this database"
        cause = f"the {driver} is not installed; install its extra, such as [postgres]"
    except Exception as error:  # any driver's error may quote the address, so that only its class is said
        cause = f"no connection ({type(error).__name__}); check host, database, user, password and network"
    raise Refused(f"{place.name}: {cause}")


def _attach(backend, path):
    cause = ""
    try:
        backend.raw_sql(f"ATTACH {_quote(path)} AS {_catalogue(path)} (READ_ONLY)")
    except Exception as error:  # DuckDB's message quotes the path
        cause = "it is open for writing in another program" if "lock" in str(error) else "it is no DuckDB database"
    if cause:
        raise Refused(f"{path.name}: cannot be opened read-only; {cause}")


def _catalogue(path):
    return "given_" + hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def _escape_pattern(path):
    """Return a path in which DuckDB takes * ? [ for themselves, not for patterns of other names."""
    return re.sub(r"([*?[])", r"[\1]", str(path))


def _quote(path):
    return "'" + str(path).replace("'", "''") + "'"


def open_table(backend, place, *, name, table=None) -> Raw:
    """Return one table as it came; nothing is counted or cast yet.

    Parameters
    ----------
    backend : Ibis backend of `connect`
    place : Address
    name : str, what the table is called inside the engine, where it has no name of its own
    table : str, optional, `table` or `schema.table`; needed by databases that hold several

    Raises
    ------
    Refused: no such table, a damaged file, files with different columns, no rows, a malformed text file.
    """
    if place.kind in ("duckdb", "url"):
        raw = _open_stored(backend, place, table)
    elif table:
        raise Refused(f"{place.name}: a file has no tables, and table is given; leave it out")
    elif place.kind == "parquet":
        raw = _open_parquet(backend, place, name)
    else:
        raw = _open_text(backend, place, name)
    checksums = tuple(sum_file(path) for path in place.paths)
    return replace(raw, checksums=checksums)


def open_frame(backend, frame, *, name, shown) -> Raw:
    """Return a pandas table as it came, copied into the engine, with a checksum of its content."""
    content = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, content.schema) as writer:
        writer.write_table(content)
    checksum = hashlib.sha256(sink.getvalue()).hexdigest()
    return Raw(backend.create_table(name, content), shown, (), (checksum,))


def sum_file(path) -> str:
    """Return the SHA-256 of a file's bytes, read in parts."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise Refused(f"{path.name}: cannot be read; check its permissions") from None


def _open_stored(backend, place, table):
    schema_name, _, short = (table or "").rpartition(".")
    catalogue = _catalogue(place.paths[0]) if place.paths else None
    database = (catalogue, schema_name or "main") if catalogue else schema_name or None
    known = ask(lambda: backend.list_tables(database=database), place.name)
    if not table and len(known) == 1:
        short = known[0]
    if short not in known:
        missing, cure = (
            (f"no table {schema.cut(table)}", "correct the name") if table else ("table is left out", "name it")
        )
        there = schema.list_nearest(short, known) or "none"
        raise Refused(f"{place.name}: {missing}; it has, nearest first: {there}; {cure}")
    shown = f"{place.name}/{table or short}"
    return Raw(ask(lambda: backend.table(short, database=database), shown), shown)


def _open_parquet(backend, place, name):
    shapes = [_read_shape(path) for path in place.paths]
    for path, shape in zip(place.paths, shapes, strict=True):
        _refuse_other_columns(place.paths[0], shapes[0].names, path, shape.names)
    files = ", ".join(_quote(_escape_pattern(path)) for path in place.paths)
    options = "hive_partitioning=false, union_by_name=" + ("true" if len(place.paths) > 1 else "false")
    ask(lambda: backend.raw_sql(f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{files}], {options})"), place.name)
    return Raw(backend.table(name), place.name, (f"{place.name}: Parquet",))


def _read_shape(path):
    try:
        with pq.ParquetFile(path) as file:
            return file.schema_arrow
    except (pa.ArrowException, OSError):
        raise Refused(f"{path.name}: not a whole Parquet file; it is cut short or damaged, copy it again") from None


def _refuse_other_columns(first, wanted, path, have):
    if sorted(wanted) == sorted(have):
        return
    lacking = [c for c in wanted if c not in have] or [c for c in have if c not in wanted]
    raise Refused(
        f"{path.name}: its columns are not those of {first.name}, {schema.cut(lacking[0])} is in one only; "
        "give files with the same columns"
    )


def _open_text(backend, place, name):
    messages, first = [], None
    for path in place.paths:
        dialect = delimited.detect_dialect(path)
        first = first or dialect.header
        _refuse_other_columns(place.paths[0], first, path, dialect.header)
        for part in delimited.read_batches(path, dialect):
            _insert(backend, name, part)
        messages.append(f"{path.name}: {dialect.describe()}")
    return Raw(backend.table(name), place.name, tuple(messages), parsed=True)


def _insert(backend, name, part):
    backend.con.register("part", part)
    backend.raw_sql(f"CREATE TABLE IF NOT EXISTS {name} AS SELECT * FROM part LIMIT 0")
    backend.raw_sql(f"INSERT INTO {name} BY NAME SELECT * FROM part")
    backend.con.unregister("part")


def ask(question, shown):
    """Return what a question to the engine gives; its own error could quote a value, so only its class is said.

    Raises
    ------
    Refused: the engine could not answer.
    """
    cause = ""
    try:
        return question()
    except Refused:
        raise
    except Exception as error:
        cause = type(error).__name__
    raise Refused(f"{shown}: the table cannot be read to its end ({cause}); check the file, or the rights to it")


def count_all(table, counts, shown) -> dict[str, int]:
    """Return some aggregates of a table by name, in one query; null counts as 0.

    Parameters
    ----------
    table : Ibis table
    counts : dict of str to Ibis scalar
    shown : str, what messages call the table
    """
    if not counts:
        return {}
    row = ask(lambda: table.aggregate(**counts).to_pyarrow().to_pylist()[0], shown)
    return {key: value or 0 for key, value in row.items()}
