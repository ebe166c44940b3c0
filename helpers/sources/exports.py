"""Exports that are no plain text: an Excel sheet and JSON Lines, whose cells arrive as text as those of a CSV do."""

import datetime as dt
import re
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from helpers import schema
from helpers.records import Refused
from helpers.sources.delimited import MOST_READ, TITLE, name_columns
from helpers.sources.frames import refuse_twice

MOST_ROWS = 1_048_576  # of a sheet: one that is full may have been cut
ROUNDED = 1e15  # Excel keeps fifteen digits of a number


@dataclass(frozen=True)
class Sheet:
    """One sheet of an Excel file: its name, its column names, its rows as text."""

    name: str
    header: tuple[str, ...]
    rows: pa.Table = field(repr=False)

    def describe(self) -> str:
        """Return what was read, for the reader."""
        return f"Excel, sheet {schema.cut(self.name)}"


def read_sheet(path, sheet=None) -> Sheet:
    """Return one sheet of an Excel file; the one that holds something, where only one does.

    Parameters
    ----------
    path : Path
    sheet : str, optional

    Raises
    ------
    Refused: a damaged or locked file, several sheets, a full sheet, no names of columns or two that are one.
    """
    import openpyxl  # here, as most data are no Excel files, and it takes long

    book = None
    with warnings.catch_warnings(action="ignore"):  # of styles and validation rules, which are not read
        try:
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            found = {page.title: _read_rows(page) for page in book.worksheets if sheet in (None, page.title)}
            names = [page.title for page in book.worksheets]
        except Exception:
            found = None
        finally:
            if book is not None:
                book.close()
    if found is None:
        raise Refused(f"{path.name}: no whole Excel file, or one with a password; save it again as .xlsx or as CSV")
    found = {name: rows for name, rows in found.items() if rows}
    if len(found) != 1:
        fault = f"no sheet {schema.cut(sheet)}" if sheet else f"{len(found)} sheets that hold something"
        there = schema.list_nearest(sheet or "", list(found) or names)
        raise Refused(f"{path.name}: {fault}; it has {there}; name one in table, or save it as a file of its own")
    ((name, rows),) = found.items()
    if len(rows) >= MOST_ROWS:
        raise Refused(f"{path.name}: the sheet is full, so that rows may be cut off; export it as CSV or Parquet")
    width = max(map(len, rows))
    rows = [[*row, *[None] * (width - len(row))] for row in rows]
    kept = [i for i in range(width) if any(row[i] is not None for row in rows)]
    first, *below = [[row[i] for i in kept] for row in rows]
    filled = [sum(cell is not None for cell in row) for row in (first, *below)]
    if filled[0] == 1 < max(filled):
        raise Refused(TITLE.format(path.name))
    header = name_columns([cell or "" for cell in first], below[:MOST_READ], path.name)
    refuse_twice(header, path.name)
    columns = [pa.array([row[i] for row in below], pa.string()) for i in range(len(header))]
    return Sheet(name, header, pa.table(columns, names=list(header)))


def _read_rows(page):
    """Return the rows of a sheet that hold something, as text; rows and cells behind the last that does are none."""
    page.reset_dimensions()  # as written by other programs they may be too small
    rows = ([_write(cell) for cell in row] for row in page.iter_rows(values_only=True))
    return [row for row in rows if any(cell is not None for cell in row)]


def _write(cell):
    """Return a cell as a CSV would hold it: a date without a time of day alone, a rounded number in short."""
    if isinstance(cell, dt.datetime):
        return cell.isoformat(sep=" ") if cell.time() != dt.time() else cell.date().isoformat()
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, (int, float)):
        return repr(float(cell)) if abs(cell) >= ROUNDED or cell % 1 else str(int(cell))
    return None if cell is None or cell == "" else str(cell)


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
