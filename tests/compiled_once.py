"""Of one expression Ibis writes one SQL: a test process keeps the text, which spares a third of a load's time."""

import re
from collections.abc import Mapping

import ibis
from ibis.backends.sql import SQLBackend
from ibis.common.graph import Graph, Node
from ibis.expr import operations

MOST = 500  # texts that are kept; the tests of one file ask for fewer
MADE_UP = re.compile(r"ibis_\w+_[0-9a-z]{26}")  # names of views, another one each time
WRITE = SQLBackend.compile
written = {}


def tell(expression):
    """Return all that an expression is made of but its connection and made-up names, and what stands for these names.

    None where it holds rows of its own, or a made-up name within other words.
    """
    places, parts, names, unclear = {}, [], {}, []

    def tell_part(part):
        if isinstance(part, Node):
            return places[part]
        if isinstance(part, Mapping):
            return tuple((name, tell_part(value)) for name, value in part.items())
        if isinstance(part, tuple):
            return tuple(map(tell_part, part))
        if isinstance(part, str) and MADE_UP.fullmatch(part):
            return names.setdefault(part, f"\0{len(names)}\0")
        unclear.extend(MADE_UP.findall(part) if isinstance(part, str) else ())
        return type(part), repr(part) if isinstance(part, float) else part  # 0.0 and -0.0 are equal

    for node in Graph.from_bfs(expression.as_table().op()).toposort()[0]:
        if isinstance(node, operations.InMemoryTable):
            return None
        named = zip(node.__argnames__, node.__args__, strict=True)
        parts.append((type(node), tuple(tell_part(part) for name, part in named if name != "source")))
        places[node] = ("part", len(places))
    return None if unclear else (tuple(parts), names)


def compile_once(self, expression, /, *, limit=None, params=None, pretty=False):
    """Write an expression as SQL, or give what was written of an equal one for this kind of engine."""
    told = None if params else tell(expression)
    if told is None:
        return WRITE(self, expression, limit=limit, params=params, pretty=pretty)
    parts, names = told
    options = ibis.options.sql.fuse_selects, ibis.options.sql.default_limit
    key = (type(self), limit, pretty, options, parts)
    if key not in written:
        text = WRITE(self, expression, limit=limit, params=params, pretty=pretty)
        for name, stand_in in names.items():
            text = text.replace(name, stand_in)
        if len(written) >= MOST:
            written.clear()
        written[key] = text
    text = written[key]
    for name, stand_in in names.items():
        text = text.replace(stand_in, name)
    return text
