"""Where data is: the forms of the parameter `data`, and addresses that never show a password."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote

from helpers.records import Refused

TEXT_FILES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
PARQUET_FILES = (".parquet", ".pq")
SCHEMES = ("postgres", "postgresql", "bigquery", "snowflake", "pyspark", "databricks", "trino", "clickhouse")
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
ONLY_VARIABLES = re.compile(r"(\$\{[A-Za-z_][A-Za-z0-9_]*\})+")
SECRET = re.compile(r"pass|pwd|secret|token|key|credential", re.IGNORECASE)
LITERAL = "data: the address holds a password; write ${NAME} in its place and set that variable in the environment"


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
    items = [data] if isinstance(data, (str, os.PathLike)) else list(data)
    items = [os.fspath(item) for item in items]
    if not items or not all(items):
        raise Refused("data: nothing is named; give simulated, public:NAME, a file, duckdb:PATH or a database address")
    if len(items) > 1:
        return _several([_file(item) for item in items])
    return _one(items[0])


def _one(item):
    if item == "simulated":
        return Address("simulated", "simulated")
    if item.startswith("public:"):
        return Address("public", item)
    if item.startswith("duckdb:"):
        return _database_file(item.removeprefix("duckdb:"))
    if "://" in item:
        return _url(item)
    return _file(item)


def _several(files):
    if len({address.kind for address in files}) > 1:
        raise Refused("data: text files and Parquet files together; give files of one kind")
    names = [address.name for address in files]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return Address(files[0].kind, shown, tuple(path for address in files for path in address.paths))


def _file(item):
    path = _existing(item)
    lower = path.name.lower()
    if lower.endswith(TEXT_FILES):
        return Address("text", path.name, (path,))
    if lower.endswith(PARQUET_FILES):
        return Address("parquet", path.name, (path,))
    raise Refused(
        f"{path.name}: this kind of file is not read; give {', '.join(TEXT_FILES[:3])} (each also .gz), .parquet, "
        "or duckdb:PATH"
    )


def _database_file(item):
    path = _existing(re.sub(r"^//(?=/)", "", item))
    return Address("duckdb", path.name, (path,))


def _existing(item):
    path = Path(item).expanduser().absolute()
    if path.is_file():
        return path
    if "://" in item or re.match(r"[a-z]+:.*@", item):
        raise Refused("data: this looks like the address of a database; write scheme://user:${PASSWORD}@host/database")
    if path.is_dir():
        raise Refused(f"{path.name}: a folder; name the files in it")
    raise Refused(f"{path.name}: no such file; check the name, and the folder it is read from")


def _url(item):
    scheme, _, rest = item.partition("://")
    _refuse_literal_password(rest)
    if scheme not in SCHEMES:
        raise Refused(f"data: addresses of this scheme are not read; allowed: duckdb:PATH, {', '.join(SCHEMES)}")
    host = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    return Address("url", f"{scheme}://{re.sub(r':[0-9]*$', '', host)}", url=item)


def _refuse_literal_password(rest):
    login = rest.rpartition("@")[0]
    password = login.partition(":")[2]
    if password and not ONLY_VARIABLES.fullmatch(password):
        raise Refused(LITERAL)
    for key, value in parse_qsl(rest.partition("?")[2]):
        if SECRET.search(key) and not ONLY_VARIABLES.fullmatch(value):
            raise Refused(LITERAL)


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
