"""What a browser makes of pages: their text, pictures and tables, what overflows, what crosses, and how they print."""

import base64
import html
import json
import os
import re
import select
import subprocess

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
LOOK = r"""
const all = (what, within = document) => [...within.querySelectorAll(what)]
const seen = e => e.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true}) && !e.closest('.unseen')
const round = x => Math.round(x * 10) / 10
const name = e => (e.id || e.getAttribute('class') || e.tagName) + ': ' + e.textContent.trim().slice(0, 40)
const pass = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
  && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1
const texts = []
let heading = ''
for (const root of all('.masthead, main')) {
  const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement
    if (e.closest('h1, h2, h3')) heading = e.closest('h1, h2, h3').textContent
    if (!walk.currentNode.data.trim() || e.closest('svg, style, script, pre, code')) continue
    const part = heading == 'Run record' && !e.closest('.glossary') ? 'record' : e.closest('.expert') ? 'fold' : 'page'
    texts.push({text: walk.currentNode.data.trim(), part, open: seen(e)})
  }
}
const first = all('figure').filter(seen)[0], rows = all('.scorecard tbody tr:not(.group)')
const shown = {
  open: texts.filter(t => t.open).map(t => t.text).join(' '), pictures: all('figure').filter(seen).length,
  tables: all('table').filter(e => seen(e) && !e.closest('figure')).length,
  top: first ? round(first.getBoundingClientRect().top + scrollY) : null,
}
all('details').forEach(e => e.open = true)  // what is folded must fit as well
const box = e => {
  const range = document.createRange()
  range.selectNodeContents(e)
  return range.getBoundingClientRect()
}
const clipped = all('body *').filter(e => seen(e) && !e.closest('svg') && e.clientWidth > 2
  && ['hidden', 'clip'].includes(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth + 1)
const cells = all('th, td').filter(e => seen(e) && e.clientWidth > 2 && e.innerText.trim() && !e.closest('.drawn'))
const spilled = cells.filter(e => {
  const own = e.getBoundingClientRect(), table = e.closest('table').getBoundingClientRect(), inside = box(e)
  return inside.right > own.right + 1 || inside.left < own.left - 1 || inside.right > table.right + 1
})
const crossed = []
for (const svg of all('svg:not(.effect)').filter(seen)) {
  const edge = svg.getBoundingClientRect()
  const found = all('g[id*="-text_"]', svg).map(e => [e.id, e.getBoundingClientRect()])
  found.forEach(([id, r], k) => {
    const inside = r.left > edge.left - .5 && r.right < edge.right + .5
    if (!inside || r.top < edge.top - .5 || r.bottom > edge.bottom + .5) crossed.push(id + ' leaves the canvas')
    for (const [other, s] of found.slice(k + 1)) if (pass(r, s)) crossed.push(id + ' crosses ' + other)
  })
}
const ids = all('[id]').map(e => e.id)
const parts = all('figure, .part').filter(e => e.id != 'scorecard').map(e => ({
  id: (e.id ? e : e.querySelector('h3[id]') ?? e).id, link: e.querySelector('a.link')?.getAttribute('href') ?? '',
  files: all('a[download]', e).map(a => a.download.split('.').pop()).join(' '), drawn: !!e.querySelector('.card svg'),
  picture: e.tagName == 'FIGURE', heads: all('h1, h2, h3, h4, h5, h6', e).map(h => h.tagName).join(' '),
}))
return {
  ...shown, texts, crossed, parts, charts: all('svg:not(.effect)').filter(seen).length,
  overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  clipped: [...clipped, ...spilled].map(name), twice: ids.filter((id, k) => ids.indexOf(id) < k),
  dead: all('a[href^="#"]').map(a => a.getAttribute('href').slice(1)).filter(id => !ids.includes(id)),
  headings: all('h1, h2, h3').map(e => [Number(e.tagName[1]), e.textContent.trim()]),
  headline: document.querySelector('.headline')?.textContent,
  card: rows.map(e => [e.querySelector('th').firstChild.textContent, e.querySelector('.told strong').textContent]),
  said: all('[role=img], img').map(e => e.getAttribute('aria-label') ?? e.getAttribute('alt') ?? ''),
  details: all('details').length,
}
"""


def run_chromium(program, folder, text, *flags):
    """Return what Chromium says of a page that it opens as a file."""
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    command = [
        program,
        *FLAGS,
        "--virtual-time-budget=20000",
        f"--user-data-dir={folder / 'profile'}",
        *flags,
        file.as_uri(),
    ]
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
    page = f"<!doctype html><title>waiting</title><body>{frames}<script>{go}</script>"
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
