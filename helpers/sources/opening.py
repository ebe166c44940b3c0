"""Opening: what the parameter `data` names becomes raw tables on one engine, with the words for them."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from helpers import examples, schema, simulate
from helpers.records import DataInfo, Refused
from helpers.sources import delimited, engine

HOLDS = {"experiment": "an experiment", "framework": "accounts"}
MADE = ("simulated", "public")
MODEL = ("kind", "name", "value", "low", "high")
STUDY = "customer_milestones"


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


@dataclass(frozen=True)
class Given:
    """What came, opened: raw tables, and what is known of the data before its rows are read."""

    backend: ibis.BaseBackend
    units: Raw
    events: Raw | None
    info: DataInfo
    truth: dict | None = None


def open_given(design, data, table, events, events_table, simulation, threads) -> Given:
    """Return the raw tables that `data` and `events` name, on one engine; the parameters are those of `load`.

    Raises
    ------
    Refused: what cannot be opened; tables beside simulated or public data; public data for plans of another kind.
    """
    place = engine.read_address(data)
    if place.kind in MADE:
        if events or table or events_table:
            raise Refused(f"data: {place.name} comes with its own tables; leave out events and table")
        return _open_made(design, place, simulation, engine.connect([], threads=threads))
    if events_table and not events:
        raise Refused("events_table: a table is named and no events; say in events where it is")
    beside = engine.read_address(events) if events else None
    if beside and beside.kind in MADE:
        raise Refused(f"events: {beside.name} comes as data, not as events; give the table of events")
    backend = engine.connect([place, beside] if beside else [place], threads=threads)
    units = open_table(backend, place, name="raw_units", table=table)
    heard = open_table(backend, beside, name="raw_events", table=events_table) if beside else None
    source = f"{units.name}, {heard.name}" if heard else units.name
    return Given(backend, units, heard, DataInfo("yours", "", source, _sum_tables(units, heard), 0, 0))


def _open_made(design, place, simulation, backend):
    if place.kind == "simulated":
        arguments = dict(simulation or {})
        if "study" not in arguments:
            raise Refused("data: simulated needs the study that is simulated; name it")
        made = simulate.simulate(arguments.pop("study"), design, **arguments)
        frame, shown, truth = made.units if made.events is None else made.assignments, "simulated units", made.truth
    else:
        made = _find_public(design, place.name)()
        frame, shown, truth = made.units, place.name, None
    units = _copy_frame(backend, frame, name="raw_units", shown=shown)
    heard = None
    if made.events is not None:
        heard = _copy_frame(backend, made.events, name="raw_events", shown=f"{place.name} events")
    info = DataInfo(place.kind, made.note, place.name, _sum_tables(units, heard), 0, 0)
    return Given(backend, units, heard, info, truth)


def _find_public(design, name):
    short, known = name.removeprefix("public:"), examples.BY_KIND[design.kind]
    if short in examples.ARRIVALS:
        held = HOLDS[design.kind].removeprefix("an ")
        raise Refused(f"data: {name} holds counts of arrivals and no {held}; give it as the parameter arrivals")
    other = next((kind for kind, held in examples.BY_KIND.items() if short in held and kind != design.kind), None)
    if other:
        raise Refused(
            f"data: {name} holds {HOLDS[other]}, and the plan is of kind {design.kind}; name a plan of kind {other}"
        )
    if short not in known:
        there = schema.list_nearest(short, list(known))
        raise Refused(f"data: no public data {schema.cut(short)}; there is, nearest first: {there}")
    return known[short]


def _copy_frame(backend, frame, *, name, shown):
    """Return a pandas table as it came, copied into the engine, with a checksum of its content."""
    content = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, content.schema) as writer:
        writer.write_table(content)
    return Raw(backend.create_table(name, content), shown, checksums=(hashlib.sha256(sink.getvalue()).hexdigest(),))


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
    return replace(raw, checksums=tuple(_sum_file(path) for path in place.paths))


def _sum_tables(units, heard):
    """Return the checksum of the file, or of the checksums of several; None for a database."""
    sums = units.checksums + (heard.checksums if heard else ())
    return hashlib.sha256("\n".join(sums).encode()).hexdigest() if len(sums) > 1 else next(iter(sums), None)


def _sum_file(path):
    """Return the SHA-256 of a file's bytes, read in parts."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        raise Refused(f"{path.name}: cannot be read; check its permissions") from None


def _open_stored(backend, place, table):
    schema_name, _, short = (table or "").rpartition(".")
    catalogue = engine.name_catalogue(place.paths[0]) if place.paths else None
    database = (catalogue, schema_name or "main") if catalogue else schema_name or None
    known = engine.ask(lambda: backend.list_tables(database=database), place.name)
    if not table and len(known) == 1:
        short = known[0]
    if short not in known:
        missing, cure = "table is left out", "name it"
        if table:
            missing, cure = f"no table {schema.cut(table)}", "correct the name"
        there = schema.list_nearest(short, known) or "none"
        raise Refused(f"{place.name}: {missing}; it has, nearest first: {there}; {cure}")
    shown = f"{place.name}/{table or short}"
    return Raw(engine.ask(lambda: backend.table(short, database=database), shown), shown)


def _open_parquet(backend, place, name):
    _refuse_other_columns(place.paths, [_read_names(path) for path in place.paths])
    files = ", ".join(engine.quote_text(engine.escape_pattern(path)) for path in place.paths)
    options = "hive_partitioning=false, union_by_name=" + ("true" if len(place.paths) > 1 else "false")
    view = f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{files}], {options})"
    engine.ask(lambda: backend.raw_sql(view), place.name)
    return Raw(backend.table(name), place.name, (f"{place.name}: Parquet",))


def _read_names(path):
    try:
        with pq.ParquetFile(path) as file:
            return file.schema_arrow.names
    except (pa.ArrowException, OSError):
        raise Refused(f"{path.name}: not a whole Parquet file; it is cut short or damaged, copy it again") from None


def _refuse_other_columns(paths, headers):
    wanted = headers[0]
    for path, have in zip(paths, headers, strict=True):
        if sorted(wanted) != sorted(have):
            lacking = [c for c in wanted if c not in have] or [c for c in have if c not in wanted]
            raise Refused(
                f"{path.name}: its columns are not those of {paths[0].name}, {schema.cut(lacking[0])} is in one only; "
                "give files with the same columns"
            )


def _open_text(backend, place, name):
    dialects = [delimited.detect_dialect(path) for path in place.paths]
    _refuse_other_columns(place.paths, [dialect.header for dialect in dialects])
    for path, dialect in zip(place.paths, dialects, strict=True):
        for part in delimited.read_batches(path, dialect):
            backend.con.register("part", part)
            backend.raw_sql(f"CREATE TABLE IF NOT EXISTS {name} AS SELECT * FROM part LIMIT 0")
            backend.raw_sql(f"INSERT INTO {name} BY NAME SELECT * FROM part")
            backend.con.unregister("part")
    said = tuple(f"{path.name}: {dialect.describe()}" for path, dialect in zip(place.paths, dialects, strict=True))
    return Raw(backend.table(name), place.name, said, parsed=True)


def read_model(address) -> pd.DataFrame | None:
    """Return the model of an earlier run, from its results.json.

    Parameters
    ----------
    address : str or None
        Path of a results.json, or of the folder that holds one; None when no earlier run is named.

    Returns
    -------
    DataFrame or None: one row a figure: kind, name (text), value, low, high (float, nan where undefined).

    Raises
    ------
    Refused: no such file, no JSON, results of another study, no table `model` with these columns.
    """
    if address is None:
        return None
    path = Path(address).expanduser()
    path = path / "results.json" if path.is_dir() else path
    where = f"review_against: {path.name}"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise Refused(f"{where}: no such file; give the results.json of an earlier run") from None
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Refused(f"{where} is no results.json; give that of an earlier run")
    if content.get("study") != STUDY:
        raise Refused(f"{where} is of the study {schema.cut(content.get('study'))}; give one of {STUDY}")
    rows = content.get("tables", {}).get("model")
    if not rows or not all(isinstance(row, dict) and set(MODEL) <= set(row) for row in rows):
        raise Refused(f"{where} holds no table model with {', '.join(MODEL)}; render that run again")
    try:
        return pd.DataFrame(rows)[list(MODEL)].astype(dict.fromkeys(MODEL[2:], "float64"))
    except (TypeError, ValueError):
        raise Refused(f"{where}, model: text where a number is needed; render that run again") from None
