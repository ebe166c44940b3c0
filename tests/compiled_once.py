"""Of one expression Ibis writes one SQL: a test process keeps the text, which spares a third of a load's time."""

import re
from collections.abc import Mapping

from ibis.backends.sql import SQLBackend
from ibis.common.graph import Graph, Node
from ibis.expr import operations

MOST = 500  # texts that are kept; the tests of one file ask for fewer
GIVEN = re.compile(r"ibis_\w+_[0-9a-z]{26}")  # a name by chance, as Ibis calls what it stores for a while
WRITE = SQLBackend.compile
written = {}


def tell(expression):
    """Return all that an expression is made of but its connection and names by chance, and these; None where it holds
    rows of its own.
    """
    places, parts, names = {}, [], {}
    for node in Graph.from_bfs(expression.as_table().op()).toposort()[0]:
        if isinstance(node, operations.InMemoryTable):
            return None
        named = zip(node.__argnames__, node.__args__, strict=True)
        parts.append((type(node), tuple(_tell_part(part, places, names) for name, part in named if name != "source")))
        places[node] = ("part", len(places))
    return tuple(parts), tuple(names)


def _tell_part(part, places, names):
    if isinstance(part, Node):
        return places[part]
    if isinstance(part, Mapping):
        return tuple((name, _tell_part(value, places, names)) for name, value in part.items())
    if isinstance(part, tuple):
        return tuple(_tell_part(value, places, names) for value in part)
    if isinstance(part, str) and GIVEN.fullmatch(part):
        return "name", names.setdefault(part, len(names))
    return type(part), part


def compile_once(self, expression, /, *, limit=None, params=None, pretty=False):
    """Write an expression as SQL, or give what was written of an equal one for this kind of engine."""
    given = {"limit": limit, "params": params, "pretty": pretty}
    told, names = (None if params else tell(expression)) or (None, ())
    key = (type(self), limit, pretty, told)
    try:
        if told is not None and key in written:
            text, before = written[key]
            named = dict(zip(before, names, strict=True))
            return GIVEN.sub(lambda found: named.get(found[0], found[0]), text) if named else text
    except TypeError:  # a part that no key can hold
        told = None
    text = WRITE(self, expression, **given)
    if told is not None:
        if len(written) >= MOST:
            written.clear()
        written[key] = text, names
    return text
