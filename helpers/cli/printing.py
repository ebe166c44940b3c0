"""A report on paper: where there is a Chromium it prints it, on at most twelve pages."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from helpers.records import Refused

PROGRAMS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync")
FLAGS += ("--disable-background-networking", "--disable-component-update", "--no-pdf-header-footer")
MOST_PAGES = 12
SECONDS = 120
FOLDED = (
    "<style>@media print{.expert>:not(summary){display:none}.expert>summary::after{content:': in the file'}}</style>"
)
DATE = "1980-01-01"  # of entries of the zip too


def find_browser() -> str:
    """Return the path of Chromium or a browser made of it; refused where there is none."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if not found:
        cure = "install one, or open report.html in a browser and print it"
        raise Refused(f"--pdf: no Chromium, Chrome or Edge is found here; {cure}")
    return found


def print_report(browser: str, name: str, page: str) -> bytes:
    """Return a report as PDF, that says nothing of this machine nor of the moment.

    Where it would take more than twelve pages, the part for the statistician is left to the file of the report.

    Parameters
    ----------
    browser : str, as `find_browser` returns it
    name : str, of the run
    page : str
        The report's HTML. The last day of its data is the day that the PDF gives for its own, for the present moment.

    Raises
    ------
    Refused: nothing is printed, or more than twelve pages without that part too.
    """
    for text in (page, page.replace("</head>", f"{FOLDED}</head>", 1)):
        printed = _print_page(browser, name, text)
        pages = count_pages(printed)
        if pages <= MOST_PAGES:
            told = re.search(r'class="dates">[^<]*data to ([0-9-]{10})', page)
            return _date(printed, told[1] if told else DATE)
    raise Refused(f"{name}: takes {pages} pages, more than {MOST_PAGES}; share without --pdf, or plan fewer segments")


def count_pages(printed: bytes) -> int:
    """Return how many pages a PDF has, as Chromium writes it.

    Parameters
    ----------
    printed : bytes
    """
    return len(re.findall(rb"/Type\s*/Page\b", printed))


def _print_page(browser, name, text):
    with tempfile.TemporaryDirectory(prefix="print-") as folder:
        page, printed = Path(folder, "report.html"), Path(folder, "report.pdf")
        page.write_text(text, encoding="utf-8")
        command = [browser, *FLAGS, f"--user-data-dir={folder}/profile", f"--print-to-pdf={printed}", page.as_uri()]
        try:
            subprocess.run(command, capture_output=True, timeout=SECONDS, check=True)
            return printed.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            what = f"{Path(browser).name} printed nothing ({type(error).__name__})"
            raise Refused(f"{name}: {what}; open report.html in a browser and print it") from None


def _date(printed, day):
    """Write the day for the moment, and nothing for the browser's name, at the same length: a PDF counts its bytes."""
    moment = f"D:{day.replace('-', '')}000000+00'00'".encode()
    printed = re.sub(rb"(/(?:Creation|Mod)Date \()D:\d{14}\+00'00'(?=\))", rb"\1" + moment, printed)
    return re.sub(rb"(?<=/Creator \()(?:\\.|[^()\\])*", lambda found: b" " * len(found[0]), printed, count=1)
