"""Text files: how a CSV is written is found out and said, and every cell arrives as text, or the file is refused."""

import codecs
import csv
import gzip
import io
import itertools
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.csv as pc

from helpers import schema
from helpers.records import Refused
from helpers.sources.frames import refuse_twice

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
UTF_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)  # the first begins like UTF-16
MOST_READ = 1000  # rows in which the cells of the first one are looked for: most of them again, and it holds values
MOST_ALIKE = 100  # rows to which its cells with digits are compared: where they are made alike, it holds ids
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
VALUE = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?$|[0-9]{4}-[0-9]{2}-[0-9]{2}|[^@\s]+@[^@\s]+[.][^@\s]+$")
TITLE = "{}, line 1: one cell above a table, such as a title; delete what stands above the column names"
TOLD = re.compile(r"\ufeff?\"?sep=(?P<mark>[,;|\t])\"?[ \t]*(\r\n?|\n|$)", re.IGNORECASE)  # Excel's first line
BEGINNINGS = {  # of a file: how its name then ends, and what it is
    b"\x1f\x8b": (".gz", "packed with gzip"),
    b"PAR1": (".parquet", "a Parquet file"),
    b"PK\x03\x04": (".xlsx", "an Excel file or another zip"),
}
BLOCK, WIDE, LARGEST = 1 << 22, 1 << 15, 1 << 26  # bytes read at a time: at least, a column, at most


@dataclass(frozen=True)
class Dialect:
    """How a text file is written: encoding, delimiter, column names, quotes, whether `sep=` stands above the names."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    quoted: bool
    above: bool = False

    def describe(self) -> str:
        """Return what was detected, for the reader."""
        found = [f"{DELIMITERS[self.delimiter]}-separated"]
        found += ["as its first line says"] if self.above else []
        found += ["byte-order mark"] if self.encoding in ("utf-8-sig", "utf-16") else []
        found += [] if self.encoding.startswith("utf-8") else [f"encoding {self.encoding}"]
        return ", ".join(found)


def detect_dialect(path) -> Dialect:
    """Return how a text file (.gz or not) is written, after one pass over its bytes.

    The encoding is that of a byte-order mark, UTF-8 where every byte fits, Windows-1252 otherwise; the delimiter
    is that of a first line such as `sep=;`, which Excel writes, else the one under which most of the first 200 rows
    have as many cells as the header.

    Raises
    ------
    Refused: an empty file, NUL bytes, a damaged .gz, an encoding that is none of these, a header with a name
    twice (also when the two differ only in case).
    """
    encoding, quoted = _scan_bytes(path)
    with _open_text(path, encoding) as lines:
        sample = "".join(itertools.islice(lines, 200))
    told = TOLD.match(sample)
    sample = sample[told.end() :] if told else sample
    delimiter = told["mark"] if told else max(DELIMITERS, key=lambda mark: _score(sample, mark))
    if not sample.strip():
        raise Refused(f"{path.name}: the file is empty; export it again")
    header = _read_header(sample, delimiter, path)
    refuse_twice(header, path.name)
    return Dialect(encoding, delimiter, header, quoted, told is not None)


def read_batches(path, dialect) -> Iterator[pa.Table]:
    """Yield the rows of a text file in parts, every column text; an empty cell is null, and nothing else is.

    Raises
    ------
    Refused: a row with more or fewer cells than the header, a quote that is never closed: with the line.
    """
    if dialect.quoted:
        _refuse_broken(path, dialect)
    encoding = "utf8" if dialect.encoding.startswith("utf-8") else dialect.encoding
    types = {f"f{i}": pa.string() for i in range(len(dialect.header))}
    reading = {
        "read_options": pc.ReadOptions(
            use_threads=False,
            block_size=min(max(BLOCK, WIDE * len(dialect.header)), LARGEST),  # storing few rows of many columns is slow
            encoding=encoding,
            autogenerate_column_names=True,
            skip_rows=int(dialect.above),
        ),
        "parse_options": pc.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=dialect.quoted),
        "convert_options": pc.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""]),
    }
    try:
        with _open_binary(path) as binary:
            for number, batch in enumerate(pc.open_csv(binary, **reading)):
                part = pa.Table.from_batches([batch.slice(1) if number == 0 else batch])
                yield part.rename_columns(list(dialect.header))
    except (pa.ArrowInvalid, UnicodeError):
        _refuse_broken(path, dialect)
        raise Refused(f"{path.name}: not readable as {dialect.describe()}; export it again as UTF-8 CSV") from None


def _refuse_broken(path, dialect):
    """Refuse at the first row that is not well formed; Python's strict reader knows the line, Arrow does not."""
    with _open_text(path, dialect.encoding) as lines:
        skipped = len(list(itertools.islice(lines, int(dialect.above))))
        rows, start = csv.reader(lines, delimiter=dialect.delimiter, strict=True), 1 + skipped
        try:
            for row in rows:
                if row and len(row) != len(dialect.header):
                    raise Refused(
                        f"{path.name}, line {start}: {schema.say(len(row), 'cell')} where the header has "
                        f"{len(dialect.header)}; quote cells that hold the delimiter, or export the file again"
                    )
                start = rows.line_num + 1 + skipped
        except csv.Error:
            raise Refused(
                f"{path.name}, line {start}: a quote is opened and not closed as it should be; "
                "close it, or export the file again"
            ) from None


def _scan_bytes(path):
    """Return the encoding and whether there is any quote."""
    encoding, quoted, nul, decoder = "utf-8", False, False, codecs.getincrementaldecoder("utf-8")()
    try:
        with _open_binary(path) as binary:
            for number, chunk in enumerate(iter(lambda: binary.read(BLOCK), b"")):
                if number == 0 and not chunk.startswith(UTF_32):
                    encoding = next((found for mark, found in MARKS if chunk.startswith(mark)), encoding)
                quoted, nul = quoted or b'"' in chunk, nul or b"\0" in chunk
                try:
                    if encoding.startswith("utf-8"):
                        decoder.decode(chunk)
                except UnicodeDecodeError:
                    encoding = "cp1252"
    except (OSError, EOFError, zlib.error):
        damaged = explain_kind(path, "cannot be unpacked to its end; the file is damaged, copy it again")
        raise Refused(f"{path.name}: {damaged}") from None
    if nul and encoding != "utf-16":
        fault = explain_kind(path, "holds NUL bytes, so it is not a text file; export it again as UTF-8 CSV")
        raise Refused(f"{path.name}: {fault}")
    return encoding, quoted


def explain_kind(path, otherwise) -> str:
    """Return why a file is not read: it begins as a file of another kind than its name says, or another reason.

    Parameters
    ----------
    path : Path
    otherwise : str
    """
    with open(path, "rb") as file:
        start = file.read(4)
    for mark, (ending, kind) in BEGINNINGS.items():
        begins, ends = start.startswith(mark), path.name.lower().endswith(ending)
        if begins and not ends:
            return f"is {kind} by its first bytes; end its name with {ending}"
        if ends and not begins:
            return f"is not {kind}, as its name says; end it as what it is"
    return otherwise


def _open_binary(path):
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else open(path, "rb")


def _open_text(path, encoding):
    return io.TextIOWrapper(_open_binary(path), encoding=encoding, errors="replace", newline="")


def _score(sample, delimiter):
    """Rank a delimiter: two or more columns, share of rows as long as the header, number of columns."""
    try:
        rows = [len(row) for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if row]
    except csv.Error:
        rows = []
    return (rows[0] > 1, sum(n == rows[0] for n in rows) / len(rows), rows[0]) if rows else (False, 0.0, 0)


def _read_header(sample, delimiter, path):
    """Return the column names; a title above them is refused without a word of it."""
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    cells, rows = next(row for row in reader if row), []
    with suppress(csv.Error):
        rows += [row for row in itertools.islice(reader, MOST_READ) if len(row) == len(cells)]
    names = name_columns(cells, rows, path.name)
    below = sample.split("\n", 1)[-1]  # a table there has as many cells, two or more, in most rows
    single = len(cells) == 1 and not any(mark in cells[0] for mark in DELIMITERS)
    if single and any(_score(below, mark)[:2] > (True, 0.9) for mark in DELIMITERS):
        raise Refused(TITLE.format(path.name))
    return names


def name_columns(cells, rows, shown) -> tuple[str, ...]:
    """Return the column names of a first row, by the rows below it; one that holds values is refused."""
    again = sum(bool(cell) and any(row[i] == cell for row in rows) for i, cell in enumerate(cells))
    below = rows[:MOST_ALIKE] if re.search("[0-9]", "".join(cells)) else ()
    shapes = [[re.sub("[0-9A-Fa-f]", "0", cell or "") for cell in row] for row in (cells, *below)]
    alike = [2 * sum(row[i] == shape for row in shapes[1:]) > len(below) for i, shape in enumerate(shapes[0])]
    is_id = any(re.search("[0-9]", cell) and same for cell, same in zip(cells, alike, strict=True))
    if is_id or any(VALUE.match(cell.strip()) for cell in cells) or 2 * again > len(cells):
        fault = "holds values, such as numbers or dates, where column names are needed; add them"
        raise Refused(f"{shown}, line 1: {fault}")
    return tuple(" ".join(cell.split()) or f"unnamed_{i + 1}" for i, cell in enumerate(cells))
