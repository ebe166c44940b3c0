"""Files become text in the engine: delimited text, sheets of Excel, and objects of JSON with what lies within them."""

import codecs
import csv
import datetime as dt
import gzip
import io
import itertools
import re
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

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
POLISH, TURKISH = "[a-ząćęłńóśźż]", "[A-ZÇĞİÖŞÜÂÎÛa-zçğıöşüâîû]"
PAGES = {  # the words that speak for each, and what words hold in Windows-1252 that speak against it
    "cp1251": ("[^A-Za-z]*[А-Яа-яЁё]{3}[^A-Za-z]*", "[A-Za-z]"),
    "cp1253": ("[^A-Za-z]*[Α-ώ]{3}[^A-Za-z]*", "[A-Za-z]"),
    "cp1250": (
        f"(?i:{POLISH}*({POLISH}[ął]{POLISH}|ń[cs]|ś[ćlmrw]){POLISH}*|{POLISH}*[aeiouy]ł)",
        "[^A-Za-z¹³ÆÊÑÓæêñóŒœŸ]",
    ),
    "cp1254": (f"{TURKISH}*[ĞİŞğış]{TURKISH}*", "[^A-Za-zÇÐÝÖÞÜÂÎÛçðýöþüâîû]|^[Þþ][jrvý]|ð$"),
}
TITLE = "{}, line 1: one cell above a table, such as a title; delete what stands above the column names"
TOLD = re.compile(r"\ufeff?\"?sep=(?P<mark>[,;|\t])\"?[ \t]*(\r\n?|\n|$)", re.IGNORECASE)  # Excel's first line
BEGINNINGS = {  # of a file: how its name then ends, and what it is
    b"\x1f\x8b": (".gz", "packed with gzip"),
    b"PAR1": (".parquet", "a Parquet file"),
    b"PK\x03\x04": (".xlsx", "an Excel file or another zip"),
}
BLOCK, WIDE, LARGEST = 1 << 22, 1 << 15, 1 << 26  # bytes read at a time: at least, a column, at most
csv.field_size_limit(LARGEST)  # a cell may hold a whole message


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

    The encoding is that of a byte-order mark, UTF-8 where every byte fits, a Windows code page otherwise; the delimiter
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
    sample = (sample[told.end() :] if told else sample).lstrip("\ufeff")  # a second mark
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
    types = {f"f{i}": pa.string() for i in range(len(dialect.header))}
    options = pc.ReadOptions(
        use_threads=False,
        block_size=min(max(BLOCK, WIDE * len(dialect.header)), LARGEST),  # storing few rows of many columns is slow
        encoding="utf8" if dialect.encoding.startswith("utf-8") else dialect.encoding,
        column_names=list(types),
        skip_rows=int(dialect.above),
    )
    parsing = pc.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=dialect.quoted)
    text = pc.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=[""])
    try:
        with _open_binary(path) as binary:
            for number, batch in enumerate(pc.open_csv(binary, options, parsing, text)):
                part = pa.Table.from_batches([batch.slice(1) if number == 0 else batch])
                yield part.rename_columns(list(dialect.header))
    except (pa.ArrowInvalid, UnicodeError):
        _refuse_broken(path, dialect)
        raise Refused(f"{path.name}: not readable as {dialect.describe()}; export it again as UTF-8 CSV") from None


def _refuse_broken(path, dialect):
    """Refuse at the first row that is not well formed; Python's strict reader knows the line, Arrow does not."""
    with _open_text(path, dialect.encoding) as lines:
        skipped, fault = len(list(itertools.islice(lines, int(dialect.above)))), ""
        rows, start = csv.reader(lines, delimiter=dialect.delimiter, strict=True), 1 + skipped
        try:
            for row in rows:
                if row and len(row) != len(dialect.header):
                    fault = f"{schema.say(len(row), 'cell')} where the header has {len(dialect.header)}; quote cells"
                    fault += " that hold the delimiter"
                    break
                start = rows.line_num + 1 + skipped
        except csv.Error:
            fault = "a quote is opened and not closed as it should be; close it"
    if fault:
        raise Refused(f"{path.name}, line {start}: {fault}, or export the file again")


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
                    encoding = guess_code_page(chunk)
    except (OSError, EOFError, zlib.error):
        damaged = explain_kind(path, "cannot be unpacked to its end; the file is damaged, copy it again")
        raise Refused(f"{path.name}: {damaged}") from None
    if nul and encoding != "utf-16":
        fault = explain_kind(path, "holds NUL bytes, so it is not a text file; export it again as UTF-8 CSV")
        raise Refused(f"{path.name}: {fault}")
    return encoding, quoted


def guess_code_page(content) -> str:
    """Return the Windows code page of text: 1252, unless many more of its words speak for another than against it.

    Polish has ł and ą within a word, or ł behind a vowel, where 1252 has the signs ³ and ¹, and ń and ś before letters
    before which ñ and œ never stand. Turkish has two of ğ, ı and ş, where 1252 has ð, ý and þ; words of Iceland hold
    vowels with accents beside these, begin with þj, þr, þv or þý, or end with ð. A word of Cyrillic or Greek letters
    holds no Latin one, and no capital within.

    Parameters
    ----------
    content : bytes, which are no UTF-8

    Examples
    --------
    >>> texts = [("cp1250", "kupił"), ("cp1251", "Привет"), ("cp1254", "yaptı, geçiş"), ("cp1252", "þú, m³, ¿Qué?")]
    >>> [guess_code_page(text.encode(page)) for page, text in texts]
    ['cp1250', 'cp1251', 'cp1254', 'cp1252']
    """
    rare = b" ".join({word for word in re.findall(rb"[A-Za-z\x80-\xff]+", content) if not word.isascii()})
    scores, western = {"cp1252": 0}, _list_words(rare, "cp1252")
    for page, (plain, foreign) in PAGES.items():
        words = {word for word in _list_words(rare, page) if re.fullmatch(plain, word)}
        against = sum(bool(re.search(foreign, word)) for word in western)
        if page != "cp1254" or len(set("ğış") & set("".join(words).replace("İ", "ı").lower())) > 1:
            scores[page] = len(words) - 2 * against
    return max(scores, key=scores.get)


def _list_words(content, page):
    """Return the different words with other letters than A to Z, as a page has them; what it has not is an x."""
    words = set(re.findall(r"[^\W\d_]+", content.decode(page, "replace").replace("\ufffd", "x")))
    return [word for word in words if not word.isascii() and (word[1:].islower() or not word[1:] or word.isupper())]


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
    rows = []
    with suppress(csv.Error):
        rows = [len(row) for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if row]
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
    blank, (second, *others) = [i for i, cell in enumerate(cells) if not cell.strip()], rows or [()]
    is_named = bool(second) and all(cell and not VALUE.match(cell.strip()) for cell in second)
    if len(blank) > 1 and is_named and any(VALUE.match((row[i] or "").strip()) for row in others for i in blank):
        told = f"{len(blank)} of {len(cells)} columns have no name, and line 2 has one for each; delete line 1"
        raise Refused(f"{shown}, line 1: {told}")
    again = sum(bool(cell) and any(row[i] == cell for row in rows) for i, cell in enumerate(cells))
    below = rows[:MOST_ALIKE] if re.search("[0-9]", "".join(cells)) else ()
    shapes = [[re.sub("[0-9A-Fa-f]", "0", cell or "") for cell in row] for row in (cells, *below)]
    alike = [2 * sum(row[i] == shape for row in shapes[1:]) > len(below) for i, shape in enumerate(shapes[0])]
    is_id = any(re.search("[0-9]", cell) and same for cell, same in zip(cells, alike, strict=True))
    if is_id or any(VALUE.match(cell.strip()) for cell in cells) or 2 * again > len(cells):
        fault = "holds values, such as numbers or dates, where column names are needed; add them"
        raise Refused(f"{shown}, line 1: {fault}")
    return tuple(" ".join(cell.split()) or f"unnamed_{i + 1}" for i, cell in enumerate(cells))


MOST_ROWS = 1_048_576  # of a sheet: one that is full may have been cut
EMPTY = re.compile(  # a formula whose value no program has computed; one that gives no text says so by its type
    rb'<c (?![^>]*t="str")[^>]*>\s*<f\b[^>]*(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>'
)
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


def read_sheet(path, sheet=None, called="table") -> Sheet:
    """Return one sheet of an Excel file; the one that holds something, where only one does.

    Parameters
    ----------
    path : Path
    sheet : str, optional
    called : str, the parameter that names the sheet, for what is refused

    Raises
    ------
    Refused: a damaged or locked file, several sheets, a full sheet, no names of columns or two that are one.
    """
    import openpyxl  # here, as most data are no Excel files, and it takes long

    book = found = None
    with warnings.catch_warnings(action="ignore"), suppress(Exception):  # of styles and validation, which are not read
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        names = [page.title for page in book.worksheets]
        pages = [page for page in book.worksheets if sheet in (None, page.title)]
        with zipfile.ZipFile(path) as pack:
            empty = {page.title: len(EMPTY.findall(pack.read(page._worksheet_path))) for page in pages}
        found = {page.title: _read_rows(page) for page in pages}
    if book is not None:
        book.close()
    if found is None:
        raise Refused(f"{path.name}: no whole Excel file, or one with a password; save it again as .xlsx or as CSV")
    found = {name: rows for name, rows in found.items() if rows}
    if len(found) != 1:
        fault = f"no sheet {schema.cut(sheet)}" if sheet else f"{len(found)} sheets that hold something"
        there = schema.list_nearest(sheet or "", list(found) or names)
        cure = f"--{called.replace('_', '-')}, -p {called}=SHEET of studies report, or {called}: in reports.yaml"
        raise Refused(f"{path.name}: {fault}; it has {there}; name one ({cure})")
    ((name, rows),) = found.items()
    fault = "whose value no program has computed; open the file in Excel or LibreOffice, and save it"
    schema.refuse_some(empty[name], "formula", path.name, fault)
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


def refuse_other_columns(paths, headers, schemas=()) -> None:
    """Refuse files of which one has other columns than the first, or times with a zone that have none in another.

    Parameters
    ----------
    paths : sequence of Path
    headers : sequence of sequence of str, column names of each file
    schemas : sequence of Arrow schema, of Parquet files: their times would be read in the zone of the machine
    """
    for path, have in zip(paths, headers, strict=True):
        differing = sorted(set(headers[0]) ^ set(have), key=[*headers[0], *have].index)
        if differing:
            told = f"its columns are not those of {paths[0].name}, {schema.cut(differing[0])} is in one only"
            raise Refused(f"{path.name}: {told}; give files with the same columns")
    known = {}
    for path, column in ((path, column) for path, each in zip(paths, schemas, strict=False) for column in each):
        if pa.types.is_timestamp(column.type):
            other, is_zoned = known.setdefault(column.name, (path, bool(column.type.tz)))
            if is_zoned != bool(column.type.tz):
                told = f"times {'without' if is_zoned else 'with'} a time zone, unlike those of {other.name}"
                raise Refused(f"{path.name}, column {column.name}: {told}; write both in one way")


DEEPEST, MOST_WITHIN = 5, 100  # objects within one another, and names within one, of which columns are made
# whether every value of a column is an object; what looks like none is not parsed
OBJECT = "bool_and(CASE WHEN {0} LIKE '{{%}}' THEN json_valid({0}) WHEN {0} IS NOT NULL THEN false END)"


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
    fault = "that is no object with names; export it again, one object a line"
    schema.refuse_some(sum(n for names, n in found if not names), "value", shown, fault)
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
        tests = ", ".join(OBJECT.format(_quote(name)) for name in columns)
        told = con.execute(f"SELECT {tests} FROM {table}").fetchone() if columns else ()
        found = {name: _list_keys(con, table, name) for name, is_so in zip(columns, told, strict=True) if is_so}
        within = {name: keys for name, keys in found.items() if keys}
        made = {name: {f"{name}.{key}".casefold() for key in keys} for name, keys in within.items()}
        called = Counter(itertools.chain((name.casefold() for name in columns), *made.values()))
        within = {name: within[name] for name, those in made.items() if all(called[one] == 1 for one in those)}
        if not within:
            return
        picked = [_pick(name, within.get(name)) for name in columns]
        con.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT {', '.join(picked)} FROM {table}")


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
