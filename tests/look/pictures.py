"""Make README's pictures of `make reports`: the gallery and the first screen of a report, with a key of what they show.

Usage: python -m look.pictures in tests/ (needs Chromium; `make pictures` runs it). A test compares keys, never pixels.
"""

import hashlib
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

from look import measure
from PIL import Image

REPORTS = Path(__file__).resolve().parents[2] / "reports"
PICTURES = {"gallery.png": "index.html", "example.png": "proactive_help/report.html"}
SIZE = (1280, 960)


def make_keys(folder):
    """Return the key of each picture, from the style and the first screen of the page that it shows.

    Of the gallery that is which questions stand in which group: answers come from runs that tests make with few draws.

    Parameters
    ----------
    folder : Path, of the reports
    """
    keys = {}
    for picture, page in PICTURES.items():
        text = (folder / page).read_text(encoding="utf-8")
        shown = re.findall(r'<header class="masthead">.*?</header>', text, re.S)
        shown += sorted(re.findall(r"<h2>.*?</h2>|<h3>.*?</h3>", text)) if page == "index.html" else []
        style = re.search("<style>.*?</style>", text, re.S)[0]
        keys[picture] = hashlib.sha256("\n".join([style, *shown]).encode()).hexdigest()
    return keys


def draw(folder, program):
    """Write the pictures beside README's reports, in 64 colours, and their keys."""
    for picture, page in PICTURES.items():
        with tempfile.TemporaryDirectory() as place:
            drawn, text = Path(place) / picture, (folder / page).read_text(encoding="utf-8")
            flags = (f"--window-size={SIZE[0]},{SIZE[1]}", "--hide-scrollbars", f"--screenshot={drawn}")
            measure.run_chromium(program, Path(place), text, *flags)
            image = Image.open(drawn).convert("RGB").quantize(64, dither=Image.Dither.NONE)
            image.save(REPORTS / picture, optimize=True)
    (REPORTS / "pictures.json").write_text(json.dumps(make_keys(folder), indent=1) + "\n")


if __name__ == "__main__":
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    sys.exit(draw(REPORTS, found) if found else "Chromium is missing: it draws the pictures")
