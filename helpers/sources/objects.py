"""Objects of JSON as rows: their names, what lies within them, and what may be said of those that cannot be read."""

import itertools
import re
from collections import Counter
from pathlib import Path

from helpers import schema
from helpers.records import Refused
from helpers.sources.reading import refuse_twice

DEEPEST, MOST_WITHIN = 5, 100  # objects within one another, and names within one, of which columns are made


def join_names(found, shown) -> list[str]:
    """Return the names of all objects of JSON files, those of the most objects first.

    Parameters
    ----------
    found : list of (list of str, int), the names of some objects, and how many have them
    shown : str, what messages call the files

    Raises
    ------
    Refused: nothing, what is no object, a name that stands twice.
    """
    if not found:
        raise Refused(f"{shown}: the file is empty; export it again")
    empty = sum(n for names, n in found if not names)
    schema.refuse_some(empty, "value", shown, "that is no object with names; export it again, one object a line")
    twice = [name for names, _ in found for name, n in Counter(names).items() if n > 1]
    joined = [*dict.fromkeys(name for names, _ in found for name in names), *twice[:1]]
    refuse_twice(joined, shown)
    return joined


def tell_json(error) -> str:
    """Return what may be said of JSON that cannot be read: the file and the line."""
    place = re.search(r'in file "(?P<file>.*?)".*? in (?:line|record/value) (?P<line>\d+)', str(error), re.DOTALL)
    where = f" ({Path(place['file']).name}, line {int(place['line']) - 1})" if place else ""  # DuckDB says one more
    return f"no whole JSON in UTF-8{where}; export it again, one object a line"


def flatten(con, table) -> None:
    """Put in the place of each column that holds objects a column for each name within them, such as `properties.plan`.

    A column stays the text that it is where it holds anything else too, or objects of very many names; so does what
    lies very deep, and what would be called as another column is.

    Parameters
    ----------
    con : DuckDB connection
    table : str, of text alone
    """
    for _ in range(DEEPEST):
        columns = [row[0] for row in con.execute(f"DESCRIBE {table}").fetchall()]
        within = {name: keys for name in _find_objects(con, table, columns) if (keys := _list_keys(con, table, name))}
        made = {name: {f"{name}.{key}".casefold() for key in keys} for name, keys in within.items()}
        called = Counter(itertools.chain((name.casefold() for name in columns), *made.values()))
        within = {name: within[name] for name, those in made.items() if all(called[one] == 1 for one in those)}
        if not within:
            return
        picked = [_pick(name, within.get(name)) for name in columns]
        con.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT {', '.join(picked)} FROM {table}")


def _find_objects(con, table, columns):
    """Return the columns whose values are objects, each of them."""
    for test in ("{c} LIKE '{{%}}'", "json_valid({c})"):
        asked = ", ".join(f"bool_and({test.format(c=_quote(name))})" for name in columns)
        told = con.execute(f"SELECT {asked} FROM {table}").fetchone() if columns else ()
        columns = [name for name, is_so in zip(columns, told, strict=True) if is_so]
    return columns


def _list_keys(con, table, column):
    """Return the names within a column of objects, those of the most objects first; none where they are too many."""
    each = f"SELECT unnest(json_keys({_quote(column)})) AS key FROM {table}"
    found = con.execute(f"SELECT key FROM ({each}) GROUP BY key ORDER BY count(*) DESC, key").fetchall()
    keys = [row[0] for row in found]
    return keys if len({key.casefold() for key in keys}) == len(keys) <= MOST_WITHIN else []


def _pick(name, keys):
    if keys is None:
        return _quote(name)
    places = [key.replace("~", "~0").replace("/", "~1").replace("'", "''") for key in keys]
    told = zip(keys, places, strict=True)
    return ", ".join(f"{_quote(name)} ->> '/{place}' AS {_quote(f'{name}.{key}')}" for key, place in told)


def _quote(name):
    return '"' + name.replace('"', '""') + '"'
