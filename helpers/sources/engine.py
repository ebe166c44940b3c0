"""The engine: an in-process DuckDB locked to the given files, or the database of an address without its password."""

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote

import ibis

from helpers.records import Refused

TEXT_FILES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
PARQUET_FILES = (".parquet", ".pq")
SCHEMES = ("postgres", "postgresql", "bigquery", "snowflake", "pyspark", "databricks", "trino", "clickhouse")
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
ONLY_VARIABLES = re.compile(r"(\$\{[A-Za-z_][A-Za-z0-9_]*\})+")
SECRET = re.compile(r"pass|pwd|secret|token|key|credential", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """One place of data: `kind` is simulated, public, text, parquet, duckdb or url; `name` may be shown."""

    kind: str
    name: str
    paths: tuple[Path, ...] = field(default=(), repr=False)
    url: str = field(default="", repr=False)


def read_address(data) -> Address:
    """Return where some data is, checked without opening it.

    Parameters
    ----------
    data : str or list of str
        `simulated`, `public:NAME`, `duckdb:PATH`, an Ibis URL, or the path of a file; a list is several files.

    Returns
    -------
    Address: its name is a base name, `public:NAME` or scheme and host.

    Raises
    ------
    Refused: no such file, a folder, a kind of file or address that is not read, files of several kinds,
    a password that is not `${NAME}`.
    """
    items = [os.fspath(item) for item in ([data] if isinstance(data, (str, os.PathLike)) else data)]
    if not items or not all(items):
        raise Refused("data: nothing is named; give simulated, public:NAME, a file, duckdb:PATH or a database address")
    if len(items) == 1:
        return _read_one(items[0])
    files = [_read_file(item) for item in items]
    if len({file.kind for file in files}) > 1:
        raise Refused("data: text files and Parquet files together; give files of one kind")
    names = [file.name for file in files]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return Address(files[0].kind, shown, tuple(path for file in files for path in file.paths))


def _read_one(item):
    if item == "simulated":
        return Address("simulated", item)
    if item.startswith("public:"):
        return Address("public", item)
    if item.startswith("duckdb:"):
        path = _find_file(re.sub(r"^//(?=/)", "", item.removeprefix("duckdb:")))
        return Address("duckdb", path.name, (path,))
    return _read_url(item) if "://" in item else _read_file(item)


def _read_file(item):
    path = _find_file(item)
    for kind, endings in (("text", TEXT_FILES), ("parquet", PARQUET_FILES)):
        if path.name.lower().endswith(endings):
            return Address(kind, path.name, (path,))
    raise Refused(
        f"{path.name}: this kind of file is not read; give {', '.join(TEXT_FILES[:3])} (each also .gz), .parquet, "
        "or duckdb:PATH"
    )


def _find_file(item):
    path = Path(item).expanduser().absolute()
    if path.is_file():
        return path
    if "://" in item or re.match(r"[a-z]+:.*@", item):
        raise Refused("data: this looks like the address of a database; write scheme://user:${PASSWORD}@host/database")
    if path.is_dir():
        raise Refused(f"{path.name}: a folder; name the files in it")
    raise Refused(f"{path.name}: no such file; check the name, and the folder it is read from")


def _read_url(item):
    scheme, _, rest = item.partition("://")
    password = rest.rpartition("@")[0].partition(":")[2]
    secrets = [value for key, value in parse_qsl(rest.partition("?")[2]) if SECRET.search(key)]
    if not all(ONLY_VARIABLES.fullmatch(secret) for secret in [*([password] if password else []), *secrets]):
        raise Refused(
            "data: the address holds a password; write ${NAME} in its place and set that variable in the environment"
        )
    if scheme not in SCHEMES:
        raise Refused(f"data: addresses of this scheme are not read; allowed: duckdb:PATH, {', '.join(SCHEMES)}")
    host = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    return Address("url", f"{scheme}://{re.sub(r':[0-9]*$', '', host)}", url=item)


def expand_url(template) -> str:
    """Return an address with each ${NAME} replaced from the environment; for the moment of connecting only.

    Raises
    ------
    Refused: a variable that is not set, by its name.
    """
    for name in VARIABLE.findall(template):
        if name not in os.environ:
            raise Refused(f"data: the environment variable {name} is not set; set it before the run")
    return VARIABLE.sub(lambda found: quote(os.environ[found.group(1)], safe=":"), template)


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
    allowed = ", ".join(quote_text(name) for path in files for name in (path, escape_pattern(path)))
    backend.raw_sql(f"SET allowed_paths=[{allowed}]")
    backend.raw_sql("SET enable_external_access=false")
    backend.raw_sql("SET lock_configuration=true")
    return backend


def _connect_database(place):
    url, cause = expand_url(place.url), ""
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
        backend.raw_sql(f"ATTACH {quote_text(path)} AS {name_catalogue(path)} (READ_ONLY)")
    except Exception as error:  # DuckDB's message quotes the path
        cause = "it is open for writing in another program" if "lock" in str(error) else "it is no DuckDB database"
    if cause:
        raise Refused(f"{path.name}: cannot be opened read-only; {cause}")


def name_catalogue(path):
    """Return the name under which the engine knows a database file."""
    return "given_" + hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def escape_pattern(path):
    """Return a path in which DuckDB takes * ? [ for themselves, not for patterns of other names."""
    return re.sub(r"([*?[])", r"[\1]", str(path))


def quote_text(path):
    """Return a path as a text of SQL."""
    return "'" + str(path).replace("'", "''") + "'"


def ask(question, shown):
    """Return what a question to the engine gives; its own error could quote a value, so only its class is said.

    Raises
    ------
    Refused: the engine could not answer.
    """
    cause = ""
    try:
        return question()
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
    row = ask(lambda: table.aggregate(**counts).to_pyarrow().to_pylist()[0], shown)
    return {key: value or 0 for key, value in row.items()}


def count_rows(table, shown) -> int:
    """Return the number of rows of a table."""
    return count_all(table, {"rows": table.count()}, shown)["rows"]
