"""Tables in memory: as they came, plain in Arrow and kept in the engine; and those of the engine in pandas."""

import datetime as dt
import hashlib
from collections import Counter
from contextlib import suppress

import pandas as pd
import pyarrow as pa

from helpers import schema
from helpers.records import Refused
from helpers.sources.addresses import NO_TABLE

NO_TYPE = "a column of a type that Arrow lacks, such as Int128 of Polars; cast it, such as to Int64 or to text"
KEY = "frame:unit"  # the id of a unit beside a table's own columns
IN_ENGINE = (  # types that the engine does not read, and what they become; those of UNREAD become text
    (pa.types.is_null, pa.string()),
    (pa.types.is_duration, pa.duration("us")),
    (pa.types.is_float16, pa.float32()),
    (pa.types.is_fixed_size_binary, pa.binary()),
    (pa.types.is_binary_view, pa.binary()),
)
UNREAD = (pa.types.is_run_end_encoded, pa.types.is_decimal256, pa.types.is_interval, pa.types.is_union)
UNREAD += (pa.types.is_list_view, pa.types.is_large_list_view, lambda kind: isinstance(kind, pa.BaseExtensionType))


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
        table, fault = None, NO_TABLE
        try:
            table = pa.table(frame.collect() if hasattr(frame, "collect") else frame)
        except Exception as error:
            fault = NO_TYPE if "format string" in str(error) else NO_TABLE
        if table is None:
            raise Refused(f"{shown}: {fault}")
        refuse_twice(table.column_names, shown)
    if not table.column_names:
        raise Refused(f"{shown}: no columns; give a table that has some")
    columns = [_make_plain(column) for column in table.columns]
    names = [name or f"unnamed_{place}" for place, name in enumerate(table.column_names, 1)]  # as of a file
    return pa.table(columns, names=names).combine_chunks()


def _read_pandas(frame, shown):
    named = [name for name in frame.index.names if name is not None]
    refuse_twice([str(name) for name in named], shown)
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
    if kind is None or isinstance(kind, pa.BaseExtensionType) or (series.dtype == object and _is_mixed(series, kind)):
        known = series.astype(object)
        column = pa.array(known.where(known.isna(), known.map(str)), type=pa.string(), from_pandas=True)
    return column


def _is_mixed(series, kind):
    """Whether days stand beside times, or times with a zone beside some without: Arrow makes each of one sort."""
    known = series.dropna() if pa.types.is_temporal(kind) else ()
    return len({(isinstance(each, dt.datetime), getattr(each, "tzinfo", None) is None) for each in known}) > 1


def _make_plain(column):
    kind = column.type
    if pa.types.is_dictionary(kind):
        if kind.value_type == pa.string_view():  # as of Polars; Arrow takes none of these by their number
            parts = [pa.DictionaryArray.from_arrays(c.indices, c.dictionary.cast(pa.string())) for c in column.chunks]
            column = pa.chunked_array(parts, pa.dictionary(kind.index_type, pa.string()))
        return column.cast(column.type.value_type)
    if pa.types.is_timestamp(kind) and kind.tz:
        return column.cast(pa.timestamp(kind.unit, "UTC"))
    if any(is_so(kind) for is_so in UNREAD):
        return pa.array([None if each is None else str(each) for each in column.to_pylist()], pa.string())
    return column.cast(next((wanted for is_so, wanted in IN_ENGINE if is_so(kind)), kind), safe=False)


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


def read_beside(own, key, table, found, most):
    """Return in pandas the own columns of who stands in a table, and columns of it beside them, by their key."""
    told = table.select(**{KEY: table["unit"]}, **found)
    return read_frame(own.inner_join(told, own[key].cast("string") == told[KEY]).drop(KEY), key, most)
