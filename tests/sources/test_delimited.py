"""How a text file is written is found out and said, and nothing of it is lost or guessed."""

import codecs
import csv
import gzip
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources_samples import tell_refusal

from helpers.records import Refused
from helpers.sources.reading import Dialect, detect_dialect, read_batches

ROWS = "id,name\n1,Zoë\n2,x\n"


def read(path):
    return [row for part in read_batches(path, detect_dialect(path)) for row in part.to_pylist()]


@pytest.fixture
def file(tmp_path):
    def make(content, name="u.csv"):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return make


@pytest.mark.parametrize(("content", "said"), [
    (ROWS.encode(), "comma-separated"),
    (codecs.BOM_UTF8 + ROWS.encode(), "comma-separated, byte-order mark"),
    (ROWS.encode("utf-16"), "comma-separated, byte-order mark, encoding utf-16"),
    (ROWS.encode("cp1252"), "comma-separated, encoding cp1252"),
    (ROWS.replace(",", ";").encode(), "semicolon-separated"),
    (ROWS.replace(",", "\t").encode(), "tab-separated"),
    (ROWS.replace(",", "|").encode(), "bar-separated"),
    (ROWS.replace("\n", "\r\n").encode(), "comma-separated"),
    (ROWS.replace("\n", "\r").encode(), "comma-separated"),
])  # fmt: skip
def test_detect_dialect_finds_encoding_and_delimiter(file, content, said):
    path = file(content)
    assert detect_dialect(path).describe() == said
    assert read(path) == [{"id": "1", "name": "Zoë"}, {"id": "2", "name": "x"}]


PAGES = {  # a page, and tables whose cells are written in it
    "cp1250": """Łódź|Śląsk|kupił 12,50 zł / nie kupił|kupił / Środkowa|gość / Gdańsk|Końcówka
        PŁEĆ|MIESIĄC|WARTOŚĆ ŚREDNIA|książka|Müller / płeć|mężczyzna|książka|główny|żółty|są|będą|może|społeczność|wziął
        źródło|dzień|“wartość”""",  # a name of another language among them
    # of Denmark, Italy and Japan a page of Greece has all but one letter
    "cp1251": "Куплено|да / Мужской|«нет»|ещё|Wi-Fi|Київ / Дания|Италия|Япония",
    "cp1253": "Αγορά|πελάτης|όχι|Ηλικία",
    "cp1254": """Ödeme yaptı mı?|geçiş / müşteri|kadın|İstanbul|değişti|satış|doğum günü
        müşteri|kadın|değişti|satış|Ünal|für|straße""",
    # signs beside letters, which other pages have as letters; ¿ for what a data base could not write
    "cp1252": """Zoë|naïve|œuvre|það sér / n° 5|don’t|5 € / m³|dm³|Größe|Nm³h / m³|m²|GB£|£m|¥en|x¹|Note¹|Note²|Note³|3½
        Jira™ – “ok”|«x»|don¿t|l¿eau|¿¿¿¿ / año|¿Recomendaría?|¡Sí!|¿Por qué?|niño|Núñez|¿qué|corazón|1.º
        Größe|Straße|müde|Käufer|Übung|über|weiß|ÄÖÜ / été|créée|où|œuvre|être|ça|Noël|forêt|L’œil|À côté|«ça»
        perché|città|più|così|è|lunedì / não|ação|avó|português|três|Órgão|têm
        þetta|maður|hafði|við|með|það|þegar|nýr|þjónusta|já|nei|óþýður|ýmir|Ísland|næði|öðru / ýmir
        verð|borð|þessi|nýr|magn / þriðjudagur|þýska|Þjóðverji / jäääär|öö|hääyö|små|købt|æble|århus
        nový|starý|výsledok|Nový|NOVÝ|Müller|François""",  # of Iceland without letters that Turkish has not, of Prague
}
WRITTEN = [(page, names.strip()) for page, told in PAGES.items() for names in told.replace("\n", " / ").split(" / ")]


@pytest.mark.parametrize(("page", "names"), WRITTEN)
def test_the_code_page_is_1252_unless_words_speak_for_another(file, page, names):
    names = names.split("|")
    rows = "id;name\n" + "".join(f"{i};{name}\n" for i, name in enumerate(names))
    path = file(rows.encode(page))
    assert [row["name"] for row in read(path)] == names
    assert detect_dialect(path).describe() == f"semicolon-separated, encoding {page}"


@pytest.mark.parametrize("start", ["sep=;\r\n", "\ufeffsep=;\n", '"sep=;"\n', "SEP=;\n"])
def test_detect_dialect_reads_the_first_line_that_excel_writes(file, start):
    path = file((start + "id;a,b,c\n1;x,y,z\n2;x,y,z\n").encode())
    assert read(path) == [{"id": "1", "a,b,c": "x,y,z"}, {"id": "2", "a,b,c": "x,y,z"}]
    assert detect_dialect(path).describe().startswith("semicolon-separated, as its first line says")
    assert tell_refusal(lambda: read(file((start + "id;v\n1;x\n2;x;y\n").encode()))) == (
        "u.csv, line 4: 3 cells where the header has 2; quote cells that hold the delimiter, or export the file again"
    )


def test_detect_dialect_reads_gzip(file):
    assert read(file(gzip.compress(ROWS.encode()), "u.csv.gz"))[0]["name"] == "Zoë"


@pytest.mark.parametrize(("content", "delimiter"), [
    ("id;size, in seats;v\n1;2,5;a\n2;3,5;b\n", ";"),  # commas in the header and in numbers
    ('id,"a;b;c;d",v\n1,x,y\n', ","),  # other marks inside quotes
    ("id,v\n1,a;b;c\n2,a;b;c\n", ","),  # other marks in cells only
])  # fmt: skip
def test_detect_dialect_chooses_the_mark_that_fits_all_rows(file, content, delimiter):
    assert detect_dialect(file(content.encode())).delimiter == delimiter


def test_detect_dialect_takes_names_with_digits(file):
    assert detect_dialect(file(b"day7,q1\n7,yes\n28,no\n")).header == ("day7", "q1")


def test_detect_dialect_names_what_has_no_name(file):
    assert detect_dialect(file(b",  first   name \n0,a\n")).header == ("unnamed_1", "first name")


def test_detect_dialect_reads_over_a_second_mark(file):
    assert detect_dialect(file(2 * codecs.BOM_UTF8 + b'"id",v\n1,2\n')).header == ("id", "v")


NUL = ": holds NUL bytes, so it is not a text file; export it again as UTF-8 CSV"
DAMAGED = ": cannot be unpacked to its end; the file is damaged, copy it again"
VALUES = ", line 1: holds values, such as numbers or dates, where column names are needed; add them"
TITLE = ", line 1: one cell above a table, such as a title; delete what stands above the column names"
REFUSALS = [  # the file, its content, what is said after its name
    ("u.csv", b"", ": the file is empty; export it again"),
    ("u.csv", b"id,v\n1,\x00\n", NUL),
    ("u.csv", ROWS.encode("utf-32"), NUL),
    ("u.csv.gz", gzip.compress(ROWS.encode() * 50, mtime=0)[:-9], DAMAGED),
    ("u.csv", b"id,v,ID\n1,2,3\n", ": the column name id stands twice (upper and lower case are one); rename one"),
    # a file without names: its first row may be a person
    ("u.csv", "007,Zoë\n007,Zoë\n".encode(), VALUES),
    ("u.csv", b"2024-01-31,x\n2024-01-31,x\n", VALUES),
    ("u.csv", b"zoe@example.org,x\nzoe@example.org,x\n", VALUES),
    ("u.csv", b"x,-1.5\nx,-1.5\n", VALUES),
    ("u.csv", "Zoë,old,yes\nAnn,new,no\nBo,old,yes\n".encode(), VALUES),
    # ids that are all new, of which none stands again below
    ("u.csv", b"cust-0007,Zoe\ncust-0012,Ann\ncust-0013,Bo\n", VALUES),
    ("u.csv", b"8f3e12ab-9c01,x\n1b77d0e4-55aa,x\n00c9fe21-7d3b,y\n", VALUES),
    ("u.csv", ("Export for Zoë\n" + ROWS).encode(), TITLE),
    ("u.csv", ("Export for Zoë\n\n" + ROWS).encode(), TITLE),
    # neither UTF-8 nor Windows-1252
    ("u.csv", b"id,v\n1,\x81\n", ": not readable as comma-separated, encoding cp1252; export it again as UTF-8 CSV"),
]


@pytest.mark.parametrize(("name", "content", "fault"), REFUSALS, ids=range(len(REFUSALS)))
def test_detect_dialect_refuses_what_is_no_table(file, name, content, fault):
    assert tell_refusal(lambda: read(file(content, name))) == name + fault


@pytest.mark.parametrize(("content", "line", "fault"), [
    ("id,v\n1,a\n2\n", 3, "1 cell"),  # too few
    ("id,v\n1,a,b\n", 2, "3 cells"),  # too many
    ('id,v\n1,"a\nb"\n2\n', 4, "1 cell"),  # the line of the file, not the row
    ('id,v\n1,a\n2,"b\n3,c\n', 3, "a quote"),  # never closed
    ('id,v\n1,a\n2,"b\n3,"c\n', 3, "a quote"),  # two that close each other
    ('id,v\n1,a\n2,"b', 3, "a quote"),  # on the last line
    ('id,v\n1,"a"b\n', 2, "a quote"),  # text after a closing quote
])  # fmt: skip
def test_read_batches_refuses_malformed_rows_with_their_line(file, content, line, fault):
    path = file(content.encode())
    with pytest.raises(Refused) as caught:
        list(read_batches(path, Dialect("utf-8", ",", ("id", "v"), '"' in content)))
    assert str(caught.value).startswith(f"u.csv, line {line}: {fault}")


def test_read_batches_keeps_cells_as_written_and_empties_as_null(file):
    cells = ["007", "NA", "null", "no", "1e5", " x ", '5" wide', ""]
    path = file(
        ("id,v\n" + "".join(f"{i},{c}\n" for i, c in enumerate(cells))).replace('5" wide', '"5"" wide"').encode()
    )
    assert [row["v"] for row in read(path)] == [*cells[:-1], None]


def test_read_batches_takes_a_cell_that_holds_a_whole_message(file):
    said = "a, " * 100_000  # beyond what Python's reader takes unless told
    assert read(file(f'id,body\n1,"{said}"\n'.encode())) == [{"id": "1", "body": said}]


def test_read_batches_takes_many_parts(file):
    rows = 300_000  # more than one part of 4 MB
    path = file(("id,v\n" + "".join(f"{i},{'x' * 12}\n" for i in range(rows))).encode())
    assert sum(part.num_rows for part in read_batches(path, detect_dialect(path))) == rows


cell = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=8).filter(str.strip)


@given(rows=st.lists(st.tuples(cell, cell), min_size=1, max_size=8), delimiter=st.sampled_from(",;\t|"))
@settings(derandomize=True, deadline=None, max_examples=60)
def test_read_batches_returns_what_a_csv_writer_wrote(tmp_path_factory, rows, delimiter):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("id", "v"), *rows])
    path = tmp_path_factory.mktemp("round") / "u.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    assert [(row["id"], row["v"]) for row in read(path)] == rows


def test_detect_dialect_reads_a_table_of_one_column(file):
    assert detect_dialect(file(b"id\nx\ny\n")).header == ("id",)
