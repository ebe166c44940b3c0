"""Opening: what the parameter `data` names becomes raw tables on one engine that opens nothing else, with their words.

The engine is an in-process DuckDB locked to the given files, or the database of an address without its password.
"""

import atexit
import hashlib
import json
import os
import re
import shutil
import tempfile
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from helpers import schema
from helpers.records import DataInfo, Refused
from helpers.sources import frames, reading
from helpers.sources.addresses import MADE, VARIABLE, is_frame, read_address

HOLDS = {"experiment": "an experiment", "framework": "accounts"}
MODEL = ("kind", "name", "value", "low", "high")
STUDY = "customer_milestones"
RENAMES = 'ALTER TABLE "{}" RENAME COLUMN "{}" TO "{}"'
MOST_UNITS = 200_000  # come into memory for a method that needs each
MOST_LOGGED, MOST_ROWS = 1_000_000, 5_000_000  # rows of a log that is read for more than its sums; of any table
QUIET_SPARK = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}


@dataclass(frozen=True)
class Raw:
    """One table as it came: the Ibis table, the name that messages use, what was detected.

    `parsed` tables were read from text into the engine, where every column is still text; `sha256` is that of a table
    in memory.
    """

    table: ibis.Table
    name: str
    messages: tuple[str, ...] = ()
    parsed: bool = False
    sha256: str | None = None


@dataclass(frozen=True)
class Given:
    """What came, opened: raw tables, and what is known of the data before its rows are read."""

    backend: ibis.BaseBackend
    units: Raw
    events: Raw | None
    info: DataInfo
    truth: dict | None = None


def connect(places, *, threads=1):
    """Return the backend that holds all places of one load: DuckDB for files, else the database of the address.

    DuckDB installs and loads no extension, and from here on opens no file but the given ones.

    Parameters
    ----------
    places : list of Address
    threads : int, 1 for figures that are bit-identical from run to run

    Raises
    ------
    Refused: places in two engines, no connection, a database file that cannot be opened, a variable that is not set.
    """
    tables = [place.frame for place in places]
    engines = [table.get_backend() if isinstance(table, ibis.Table) else None for table in tables]
    urls = {place.url for place in places} or {""}
    if len(urls) > 1 or any(engine is not engines[0] for engine in engines):
        raise Refused("data and events stand in two engines; put both into one database, or both into files")
    if engines and engines[0] is not None:
        if not engines[0].has_operation(ibis.expr.operations.ArrayCollect):  # SQLite, MySQL
            fault = "cannot count all that is asked of a table; give the rows, such as table.to_pandas()"
            raise Refused(f"{places[0].name}: {engines[0].name} {fault}")
        return engines[0]
    if urls != {""}:
        return _connect_database(places[0])
    quiet = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    quiet["temp_directory"] = make_spill(os.getpid())
    backend = ibis.duckdb.connect(threads=threads, **quiet)
    for path in dict.fromkeys(p for place in places if place.kind == "duckdb" for p in place.paths):
        attached = f"ATTACH {_quote(path)} AS {_name_catalogue(path)} (READ_ONLY)"
        ask(lambda statement=attached: backend.raw_sql(statement), path.name, tell=_tell_attach)
    files = [path for place in places if place.kind in ("parquet", "json") for path in place.paths]
    allowed = ", ".join(_quote(path, escaped=escaped) for path in files for escaped in (False, True))
    bounds = (f"allowed_paths=[{allowed}]", "enable_external_access=false", "lock_configuration=true")
    for setting in ("enable_progress_bar=false", *bounds):  # where no file is run, DuckDB takes it for a terminal
        backend.raw_sql(f"SET {setting}")
    return backend


@cache
def make_spill(pid: int) -> str:
    """Return the folder of one process for what does not fit into memory, which nobody else can read or foresee.

    It goes when the process ends; what a process that was killed has left goes now.
    """
    for left in Path(tempfile.gettempdir()).glob("studies-[0-9]*-*") if os.name == "posix" else ():
        with suppress(OSError, ValueError):  # gone by now
            try:
                os.kill(int(left.name.split("-")[1]), 0)
            except ProcessLookupError:
                if left.lstat().st_uid == os.getuid():
                    shutil.rmtree(left)
    folder = tempfile.mkdtemp(prefix=f"studies-{pid}-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _tell_attach(error):
    cause = "it is open for writing in another program" if "lock" in str(error) else "it is no DuckDB database"
    return f"cannot be opened read-only; {cause}"


def _connect_database(place):
    """Return the connection to an address, each ${NAME} in it replaced from the environment for this moment only."""
    for name in re.findall(VARIABLE, place.url):
        if name not in os.environ:
            raise Refused(f"data: the environment variable {name} is not set; set it before the run")
    url = re.sub(VARIABLE, lambda found: quote(os.environ[found.group(1)], safe=":"), place.url)
    reach = _connect_spark if url.startswith("pyspark:") else ibis.connect
    return ask(lambda: reach(url), place.name, tell=_tell_connection)


def _connect_spark(url):
    """Return Spark: local, or the cluster that the address names, else as Spark's own files of settings say.

    Ibis sets again what the address says once Spark runs, which Spark refuses of most settings.
    """
    from pyspark.sql import SparkSession

    place = urlsplit(url)
    host = place.netloc.rpartition("@")[2]
    master = {"": {}, "local": {"spark.master": "local[*]"}}.get(host, {"spark.master": f"spark://{host}"})
    builder = SparkSession.builder
    for name, value in (QUIET_SPARK | master | dict(parse_qsl(place.query))).items():
        builder = builder.config(name, value)
    return ibis.pyspark.connect(builder.getOrCreate())


def _tell_connection(error):
    if isinstance(error, ImportError):
        driver = f"driver {error.name}" if error.name else "driver of this database"
        return f"the {driver} is not installed; install its extra, such as [postgres]"
    return f"no connection ({type(error).__name__}); check host, database, user, password and network"


def _name_catalogue(path):
    """Return the name under which the engine knows a database file."""
    return "given_" + hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def _quote(path, *, escaped=False):
    """Return a path as a text of SQL; escaped, DuckDB takes * ? [ for themselves, not for patterns of other names."""
    text = re.sub(r"([*?[])", r"[\1]", str(path)) if escaped else str(path)
    return "'" + text.replace("'", "''") + "'"


def _tell_read(error):
    return f"the table cannot be read to its end ({type(error).__name__}); check the file, or the rights to it"


def ask(question, shown, *, tell=_tell_read):
    """Return what a question to the engine or a file gives; its own error could quote a value, or a path.

    Parameters
    ----------
    question : function without arguments
    shown : str, what messages call the table
    tell : what may be said, or a function of the error that returns it

    Raises
    ------
    Refused: no answer; without the error as its context, so that no trace shows it.
    """
    try:
        return question()
    except Exception as error:
        if isinstance(error.__cause__, KeyboardInterrupt):  # as DuckDB hands on an interrupt
            raise KeyboardInterrupt from None
        fault = tell if isinstance(tell, str) else tell(error)
    raise Refused(f"{shown}: {fault}")


def count_all(table, counts, shown, *beside) -> dict[str, int]:
    """Return some aggregates of a table by name, in one query; null counts as 0.

    Parameters
    ----------
    table : Ibis table
    counts : dict of str to Ibis scalar
    shown : str, what messages call the table
    *beside : Ibis table, one row of further aggregates
    """
    counted = table.aggregate(**counts)
    for other in beside:
        counted = counted.cross_join(other)
    row = ask(lambda: counted.to_pyarrow().to_pylist()[0], shown)
    return {key: value or 0 for key, value in row.items()}


def fetch(table, what) -> pa.Table:
    """Return the rows of a table of the engine, of which at most `MOST_ROWS` come into memory.

    Parameters
    ----------
    table : Ibis table
    what : str, what its rows are, in the plural

    Raises
    ------
    Refused: more rows.
    """
    rows = table.limit(MOST_ROWS + 1).to_pyarrow()
    if rows.num_rows > MOST_ROWS:
        cure = "draw some of the units at random into a smaller table, with all their events"
        raise Refused(f"data: more than {MOST_ROWS:,} {what}, the most that come into memory; {cure}")
    return rows


def open_given(design, data, table, events, events_table, simulation, threads) -> Given:
    """Return the raw tables that `data` and `events` name, on one engine; the parameters are those of `load`.

    Raises
    ------
    Refused: what cannot be opened; tables beside simulated or public data; public data for plans of another kind.
    """
    place, has_none = read_address(data), not (is_frame(events) or events)
    if place.kind in MADE:
        if not has_none or table or events_table:
            raise Refused(f"data: {place.name} comes with its own tables; leave out events and table")
        return _open_made(design, place, simulation, connect([], threads=threads))
    if events_table and has_none:
        raise Refused("events_table: a table is named and no events; say in events where it is")
    beside = None if has_none else read_address(events, called="events")
    if beside and beside.kind in MADE:
        raise Refused(f"events: {beside.name} comes as data, not as events; give the table of events")
    backend = connect([place, beside] if beside else [place], threads=threads)
    units = _compose_names(backend, open_table(backend, place, name="raw_units", table=table))
    heard = beside and _compose_names(
        backend, open_table(backend, beside, name="raw_events", table=events_table, called="events_table")
    )
    sums = [raw.sha256 for raw in (units, heard) if raw and raw.sha256]
    for path in (*place.paths, *(beside.paths if beside else ())):
        with ask(lambda path=path: open(path, "rb"), path.name, tell="cannot be read; check its permissions") as file:
            sums.append(hashlib.file_digest(file, "sha256").hexdigest())
    source = f"{units.name}, {heard.name}" if heard else units.name
    return Given(backend, units, heard, DataInfo("yours", "", source, _join_sums(sums), 0, 0))


def _compose_names(backend, raw):
    """A table whose columns are called as plans are read: without spaces around, each letter and its accents one."""
    names = {name: unicodedata.normalize("NFC", name).strip() or name for name in raw.table.columns}
    parted = {new: old for old, new in names.items() if new != old and new not in names}
    if not parted:
        return raw
    if not raw.parsed:
        return replace(raw, table=raw.table.rename(parted))
    for new, old in parted.items():
        called = (name.replace('"', '""') for name in (raw.table.get_name(), old, new))
        backend.raw_sql(RENAMES.format(*called))
    return replace(raw, table=backend.table(raw.table.get_name()))


def put_control(given: Given, variant) -> Raw:
    """Return units in which, without a column of the variant, every one is as the control is: nothing was tried yet.

    Parameters
    ----------
    given : Given
    variant : plan.Variant
    """
    raw = given.units
    if variant.column in raw.table.columns:
        return raw
    raw = put_table(given.backend, raw, raw.table.mutate(**{variant.column: ibis.literal(variant.control)}))
    return replace(raw, messages=(*raw.messages, f"{raw.name}: no arms, so each unit is as the control is"))


def put_table(backend, raw, table) -> Raw:
    """Return a table in place of the one that it is made of; one that was parsed stays a table of its own."""
    if raw.parsed:
        made, old = f"{raw.table.get_name()}_more", raw.table.get_name()
        ask(lambda: backend.create_table(made, table), raw.name)
        backend.drop_table(old)
        return replace(raw, table=backend.table(made))
    return replace(raw, table=table)


def _join_sums(sums):
    """Return the checksum of the file, or of the checksums of several; None for a database."""
    return hashlib.sha256("\n".join(sums).encode()).hexdigest() if len(sums) > 1 else next(iter(sums), None)


def _open_made(design, place, simulation, backend):
    if place.kind == "simulated":
        arguments = dict(simulation or {})
        if "study" not in arguments:
            raise Refused("data: simulated needs the study that is simulated; name it")
        from helpers import simulate  # here: a table of hers is opened without it

        made = simulate.simulate(arguments.pop("study"), design, **arguments)
        frame, shown, truth = made.assignments, "simulated units", made.truth
    else:
        made = _find_public(design, place.name)()
        frame, shown, truth = made.units, place.name, None
    raws = {"raw_units": (frame, shown), "raw_events": (made.events, f"{place.name} events")}
    for name, (frame, shown) in raws.items():
        kept = frame is not None and frames.keep(backend, name, pa.Table.from_pandas(frame, preserve_index=False))
        raws[name] = Raw(kept[0], shown, sha256=kept[1]) if kept else None
    sums = [raw.sha256 for raw in raws.values() if raw]
    return Given(backend, *raws.values(), DataInfo(place.kind, made.note, place.name, _join_sums(sums), 0, 0), truth)


def _find_public(design, name):
    from helpers import examples

    short, known = name.removeprefix("public:"), examples.BY_KIND[design.kind]
    if short in known:
        return known[short]
    held = HOLDS[design.kind].removeprefix("an ")
    if short in examples.ARRIVALS:
        raise Refused(f"data: {name} holds counts of arrivals and no {held}; give it as the parameter arrivals")
    other = next((kind for kind, there in examples.BY_KIND.items() if short in there), None)
    if other:
        cure = f"name a plan of kind {other}"
        raise Refused(f"data: {name} holds {HOLDS[other]}, and the plan is of kind {design.kind}; {cure}")
    there = schema.list_nearest(short, list(known))
    raise Refused(f"data: no public data {schema.cut(short)}; there is, nearest first: {there}")


def open_table(backend, place, *, name, table=None, called="table") -> Raw:
    """Return one table as it came; nothing is counted or cast yet.

    Parameters
    ----------
    backend : Ibis backend of `connect`
    place : Address
    name : str, what the table is called inside the engine, where it has no name of its own
    table : str, optional, `table` or `schema.table`; needed by databases, and Excel files, that hold several
    called : str, the parameter that names the table, for what is refused

    Raises
    ------
    Refused: no such table, a damaged file, files with different columns, no rows, a malformed text file.
    """
    if place.kind in ("duckdb", "url"):
        return _open_stored(backend, place, table, called)
    if table and place.kind != "excel":
        what = "a file" if place.paths else "a table in memory"
        raise Refused(f"{place.name}: {what} has no tables, and {called} is given; leave it out")
    if isinstance(place.frame, ibis.Table):
        return Raw(place.frame, place.name)
    if place.kind == "frame":
        content = frames.to_arrow(place.frame, place.name)
        kept, checksum = ask(lambda: frames.keep(backend, name, content), place.name)
        return Raw(kept, place.name, sha256=checksum)
    if place.kind in ("text", "excel"):
        return _open_text(backend, place, name, table, called)
    if place.kind == "json":
        return _open_json(backend, place, name)
    schemas, damaged = [], "not a whole Parquet file; it is cut short or damaged, copy it again"
    for path in place.paths:
        told = lambda _, path=path: reading.explain_kind(path, damaged)  # noqa: E731
        schemas.append(ask(lambda path=path: pq.read_schema(path), path.name, tell=told))
    if len(schemas) > 1:
        reading.refuse_other_columns(place.paths, [each.names for each in schemas], schemas)
    if len({each.casefold() for each in schemas[0].names}) < len(schemas[0].names):
        frames.refuse_twice(schemas[0].names, place.paths[0].name)
    files = ", ".join(_quote(path, escaped=True) for path in place.paths)
    options = f"hive_partitioning={place.parted}, hive_types_autocast=false, union_by_name={len(schemas) > 1}"
    view = f"CREATE VIEW {name} AS SELECT * FROM read_parquet([{files}], {options})"
    ask(lambda: backend.raw_sql(view), place.name)
    parted = ", with the names of its folders as columns" if place.parted else ""
    return Raw(backend.table(name), place.name, (f"{place.name}: Parquet{parted}",))


def _open_stored(backend, place, table, called):
    schema_name, _, short = (table or "").rpartition(".")
    catalogue = _name_catalogue(place.paths[0]) if place.paths else None
    database = (catalogue, schema_name or "main") if catalogue else schema_name or None
    known = ask(lambda: backend.list_tables(database=database), place.name)
    if not table and len(known) == 1:
        short = known[0]
    if short not in known:
        missing, cure = f"no table {schema.cut(table)}" if table else f"{called} is left out", "correct the name"
        there = schema.list_nearest(short, known) or "none"
        raise Refused(f"{place.name}: {missing}; it has, nearest first: {there}; {cure if table else 'name it'}")
    shown = f"{place.name}/{table or short}"
    return Raw(ask(lambda: backend.table(short, database=database), shown), shown)


def _open_text(backend, place, name, *given):
    """Store the rows of text files, or of sheets, whose cells are all text."""
    is_text = place.kind == "text"
    dialects = [reading.detect_dialect(path) if is_text else reading.read_sheet(path, *given) for path in place.paths]
    reading.refuse_other_columns(place.paths, [dialect.header for dialect in dialects])
    for path, dialect in zip(place.paths, dialects, strict=True):
        for part in reading.read_batches(path, dialect) if is_text else [dialect.rows]:
            backend.con.register("part", part)
            backend.raw_sql(f"CREATE TABLE IF NOT EXISTS {name} AS SELECT * FROM part LIMIT 0")
            backend.raw_sql(f"INSERT INTO {name} BY NAME SELECT * FROM part")
            backend.con.unregister("part")
    said = tuple(f"{path.name}: {dialect.describe()}" for path, dialect in zip(place.paths, dialects, strict=True))
    return Raw(backend.table(name), place.name, said, parsed=True)


def _open_json(backend, place, name):
    """Store the objects of JSON files, every value as text; what lies within is a column too."""
    files = f"[{', '.join(_quote(path, escaped=True) for path in place.paths)}], format='auto'"
    told = reading.tell_json
    asked = f"SELECT json_keys(json) AS names, count(*) AS n FROM read_json_objects({files}) GROUP BY ALL"
    found = ask(lambda: backend.raw_sql(f"{asked} ORDER BY n DESC, names").fetchall(), place.name, tell=told)
    names = reading.join_names(found, place.name)
    columns = ", ".join(f"{_quote(name)}: 'VARCHAR'" for name in names)
    read = f"read_json({files}, records=true, columns={{{columns}}})"
    ask(lambda: backend.raw_sql(f"CREATE TABLE {name} AS SELECT * FROM {read}"), place.name, tell=told)
    ask(lambda: reading.flatten(backend.con, name), place.name)
    return Raw(backend.table(name), place.name, (f"{place.name}: JSON",), parsed=True)


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
    path = Path(os.path.expanduser(address))
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
    frame = pd.DataFrame(content.get("tables", {}).get("model") or [])
    if not set(MODEL) <= set(frame):
        raise Refused(f"{where} holds no table model with {', '.join(MODEL)}; render that run again")
    try:
        return frame[list(MODEL)].astype(dict.fromkeys(MODEL[2:], "float64"))
    except (TypeError, ValueError):
        raise Refused(f"{where}, model: text where a number is needed; render that run again") from None
