"""What a browser makes of pages: their text, pictures and tables, what overflows, what crosses, and how they print."""

import base64
import html
import json
import os
import re
import select
import subprocess
from pathlib import Path

import matplotlib

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
WIDE, TABLET, PHONE = 1280, 768, 390
# The fonts that matplotlib brings, wide ones; with a machine's own ones every machine would measure another page.
FONTS = f"""<fontconfig><dir>{matplotlib.get_data_path()}/fonts/ttf</dir><cachedir prefix="xdg">fontconfig</cachedir>
<match><test name="family"><string>monospace</string></test>
<edit name="family" mode="prepend"><string>DejaVu Sans Mono</string></edit></match>
<match><edit name="family" mode="append_last"><string>DejaVu Sans</string></edit>
<edit name="hintstyle"><const>hintslight</const></edit></match></fontconfig>"""
LOOK = Path(__file__).with_name("look.js").read_text(encoding="utf-8")


def run_chromium(program, folder, text, *flags):
    """Return what Chromium says of a page that it opens as a file."""
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    own = ("--virtual-time-budget=20000", f"--user-data-dir={folder / 'profile'}")
    command = [program, *FLAGS, *own, *flags, file.as_uri()]
    done = subprocess.run(command, env=find_fonts(folder), capture_output=True, text=True, timeout=180, check=True)
    return done.stdout


def find_fonts(folder):
    """Return an environment in which Chromium has our fonts alone; their list is written into the folder."""
    (folder / "fonts.conf").write_text(FONTS, encoding="utf-8")
    return os.environ | {"FONTCONFIG_FILE": str(folder / "fonts.conf"), "XDG_CACHE_HOME": str(folder / "cache")}


def ask(program, folder, pages, script=LOOK, *, widths=(WIDE, TABLET, PHONE), library=""):
    """Return what a script answers inside each page at each width, all by one start of Chromium.

    Each stands in a frame of its own, since no window of Chromium is as narrow as a phone. The policy of a page would
    stop the script, so it is taken off.

    Parameters
    ----------
    program : str, Chromium
    folder : Path, where it may write
    pages : mapping of a name to HTML
    script : str, the body of a function that returns JSON or the promise of it
    widths : tuple of int, CSS pixels
    library : str, a script to run first

    Returns
    -------
    dict: (name, width) -> answer
    """
    asked = [(name, width) for name in pages for width in widths]
    bare = {name: re.sub(r"<meta http-equiv[^>]+>", "", text) for name, text in pages.items()}
    frames = "".join(
        f'<iframe width="{width}" height="900" style="border:0" srcdoc="{html.escape(bare[name])}"></iframe>'
        for name, width in asked
    )
    code = base64.b64encode(f"{library}\n;(async () => {{{script}}})()".encode()).decode()
    go = (
        f"const code = new TextDecoder().decode(Uint8Array.from(atob('{code}'), c => c.charCodeAt(0)));"
        "addEventListener('load', async () => { const found = [];"
        "for (const frame of document.querySelectorAll('iframe')) found.push(await frame.contentWindow.eval(code));"
        "document.title = 'FOUND ' + JSON.stringify(found) })"
    )
    page = f"<!doctype html><meta charset=utf-8><title>waiting</title><body>{frames}<script>{go}</script>"
    said = run_chromium(program, folder, page, "--dump-dom", "--window-size=1400,900")
    found = re.search(r"<title>FOUND (.*?)</title>", said, re.DOTALL)
    assert found, said[-2000:]
    return dict(zip(asked, json.loads(html.unescape(found[1])), strict=True))


def print_pages(program, folder, pages):
    """Print pages, a mapping of a name to HTML, into NAME.pdf, all by one start of Chromium, which a pipe asks."""
    (told, send), (hear, said) = os.pipe(), os.pipe()
    flags = [*FLAGS, "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}"]
    command = ["bash", "-c", f'exec "$0" "$@" 3<&{told} 4>&{said}', program, *flags]
    quiet = {"env": find_fonts(folder), "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    heard, session = bytearray(), {}

    def ask(method, until=None, **given):
        """Return the answer to a request, once an event has been heard of too."""
        os.write(send, json.dumps({"id": 1, "method": method, "params": given} | session).encode() + b"\0")
        answer = None
        while answer is None or until:
            while b"\0" not in heard:
                part = os.read(hear, 1 << 20) if select.select([hear], [], [], 180)[0] else b""
                assert part, f"Chromium does not answer to {method}"
                heard.extend(part)
            message, _, rest = heard.partition(b"\0")
            heard[:] = rest
            message = json.loads(message)
            answer = message["result"] if message.get("id") == 1 else answer
            until = None if message.get("method") == until else until
        return answer

    with subprocess.Popen(command, pass_fds=(told, said), **quiet) as process:
        os.close(told), os.close(said)
        try:
            target = ask("Target.createTarget", url="about:blank")["targetId"]
            session["sessionId"] = ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            ask("Page.enable")
            for name, text in pages.items():
                (folder / f"{name}.html").write_text(text, encoding="utf-8")
                ask("Page.navigate", "Page.loadEventFired", url=(folder / f"{name}.html").as_uri())
                printed = ask("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"]
                (folder / f"{name}.pdf").write_bytes(base64.b64decode(printed))
        finally:
            os.close(send), os.close(hear)  # with which it ends
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def measure_sheets(program, file):
    """Return for each sheet of a PDF down to which share of it there is ink.

    Parameters
    ----------
    program : str, pdftoppm
    file : Path
    """
    import numpy as np
    from PIL import Image

    subprocess.run([program, "-r", "20", "-gray", file, file.with_suffix("")], check=True)
    shares = []
    for sheet in map(Image.open, sorted(file.parent.glob(f"{file.stem}-*.pgm"))):
        rows = np.flatnonzero((np.asarray(sheet) < 200).any(axis=1))
        shares.append(float((rows[-1] + 1) / sheet.height) if len(rows) else 0.0)
    return shares
