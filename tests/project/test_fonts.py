"""Fonts come from the lock: a picture has the same bytes whatever fonts a machine has, or has not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import matplotlib
from fontTools.ttLib import TTFont

ROOT = Path(__file__).resolve().parents[2]
BUNDLED = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
SCRIPT = """
import json, sys
from pathlib import Path
import matplotlib
from matplotlib import font_manager
from helpers.view import charts

home, *none = sys.argv[1:]
if none:  # what matplotlib brings is all that there is
    known, own = font_manager.fontManager.ttflist, matplotlib.get_data_path()
    known[:] = [font for font in known if font.fname.startswith(own)]

def paint(figure):
    for place, weight in enumerate(("normal", "semibold")):
        figure.text(0.1, 0.2 + 0.3 * place, "Customers who stay: 95 % \\u21d2", weight=weight)

drawing = charts.draw(paint, height=120, name="fonts")
found = {Path(font.fname).name for font in font_manager.fontManager.ttflist if font.fname.startswith(home)}
print(json.dumps([*drawing.values(), sorted(found)]))
"""


def draw(home, *none):
    """Return a picture in both widths, and the fonts that matplotlib found at home, on a machine with such a home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MPL", "XDG_", "FONTCONFIG"))}
    given = {"HOME": str(home), "MPLCONFIGDIR": str(home / "matplotlib")}
    command = [sys.executable, "-c", SCRIPT, str(home), *none]
    done = subprocess.run(command, cwd=ROOT, env=kept | given, capture_output=True, text=True, check=True)
    assert done.stderr == ""  # a notebook would show it in red
    *drawn, found = json.loads(done.stdout)
    return drawn, found


def forge(home, family, weight):
    """Put a font into a home that calls itself one of ours and looks otherwise."""
    folder = home / ".local" / "share" / "fonts"
    folder.mkdir(parents=True, exist_ok=True)
    font = TTFont(BUNDLED / f"DejaVuSansMono{'-Bold' if weight == 'Bold' else ''}.ttf")
    for record in list(font["name"].names):
        words = {1: family, 2: weight, 4: f"{family} {weight}", 6: f"{family}-{weight}".replace(" ", "")}
        if record.nameID in words:
            record.string = words[record.nameID]
    font.save(folder / f"{family} {weight}.ttf")


def test_pictures_are_the_same_with_no_font_of_the_machine_and_with_false_ones(tmp_path):
    poor, rich = tmp_path / "poor", tmp_path / "rich"
    forged = [(family, weight) for family in ("DejaVu Sans", "Source Sans Pro") for weight in ("Bold", "Regular")]
    for family, weight in forged:
        forge(rich, family, weight)
    bare, unknown = draw(poor, "none")
    full, known = draw(rich)
    assert (unknown, known) == ([], [f"{family} {weight}.ttf" for family, weight in forged])
    assert full == bare
