"""Tests write the SQL of equal expressions once: whatever differs in them is told apart."""

import compiled_once
import ibis
from ibis.util import gen_name


def make_queries():
    """Return expressions of which no two are equal, on a connection of their own."""
    backend = ibis.duckdb.connect()
    table = backend.create_table("t", schema={"a": "int64", "b": "string"})
    view = backend.create_view(gen_name("units"), table)
    values = [
        *map(ibis.literal, (1, -1, -2, 1.0, 0.0, -0.0, True, "1", None)),
        ibis.literal(1, "int64"),
        table.a,
        -table.a,
    ]
    found = [*(table.mutate(c=value) for value in values), table.mutate(d=table.a)]
    found += [view.limit(1), view.join(table, "a"), table.join(view, "a")]
    return [*found, table.limit(1), table.limit(2), table.a.sum(), table.b.max(), table.filter(table.a > 1)]


def test_compile_once_tells_expressions_apart_and_connections_not():
    first, second = make_queries(), make_queries()
    told, again = ([compiled_once.tell(query)[0] for query in queries] for queries in (first, second))
    assert len(set(told)) == len(first) and told == again
    for query in (*first, *second):
        backend = query.get_backend()
        assert backend.compile(query) == compiled_once.WRITE(backend, query)
    assert backend.compile(query, limit=3) == compiled_once.WRITE(backend, query, limit=3) != backend.compile(query)


def test_compile_once_keeps_no_text_of_rows_in_memory():
    one, other = (ibis.memtable({"a": [number]}) for number in (1, 2))
    assert compiled_once.tell(one) is None
    assert [table.to_pyarrow()["a"].to_pylist() for table in (one, other)] == [[1], [2]]


def test_compile_once_gives_what_is_stored_for_a_while_its_own_name():
    one, other = (ibis.memtable({"a": [number]}).cache() for number in (1, 2))
    pairs = [first.cross_join(second.rename(b="a")) for first, second in ((one, other), (other, one))]
    assert [pair.to_pyarrow().to_pylist() for pair in pairs] == [[{"a": 1, "b": 2}], [{"a": 2, "b": 1}]]
    assert compiled_once.tell(pairs[0])[0] == compiled_once.tell(pairs[1])[0]


def test_compile_once_writes_anew_with_other_options_and_where_a_made_up_name_stands_in_words():
    table = make_queries()[0]
    narrow = table.filter(table.a > 1).select("b").filter(ibis._.b == "x")
    backend, before = narrow.get_backend(), ibis.options.sql.fuse_selects
    texts = []
    for fused in (True, False):
        ibis.options.sql.fuse_selects = fused
        try:
            texts.append(backend.compile(narrow))
        finally:
            ibis.options.sql.fuse_selects = before
    assert texts[0] != texts[1]
    assert compiled_once.tell(table.mutate(c=ibis.literal(f"of {gen_name('units')}"))) is None
