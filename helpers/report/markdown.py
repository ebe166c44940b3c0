"""The prose of a notebook as HTML: raw HTML is inert, formulas are MathML, headings are numbered for the contents."""

from __future__ import annotations

import html
import re

from helpers.view.html import escape

INLINE = r"\$(?=[^\s$])(?P<math_text>[^$\n]+?)(?<=[^\s\\])\$(?!\d)"
BLOCK = r"^ {0,3}\$\$\s*(?P<math_text>[\s\S]+?)\s*\$\$[ \t]*$"


class Markdown:
    """A reader of Markdown that remembers the headings it met.

    Attributes
    ----------
    contents : list of dict
        `id` and `text` (escaped HTML) of every second-level heading so far.
    """

    def __init__(self):
        self.contents: list[dict[str, str]] = []
        self._taken = {"answer", "main"}
        self._read = _reader(self)

    def take(self, names) -> None:
        """Keep ids for other parts of the page, so that no heading gets them."""
        self._taken.update(names)

    def render(self, source: str) -> str:
        """Return the HTML of one cell.

        Parameters
        ----------
        source : str
            Tables and `$formulas$` are read; HTML in it is shown as text; links lead nowhere outside the page:
            an outside address is printed beside its words.
        """
        return self._read(source)

    def add_heading(self, text: str, level: int) -> str:
        """Return a heading with an address of its own; the page has one first-level heading, so others move down."""
        level = max(2, level)
        plain = html.unescape(re.sub(r"<[^>]+>", "", text))
        stem = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "section"
        name, count = stem, 1
        while name in self._taken:
            count += 1
            name = f"{stem}-{count}"
        self._taken.add(name)
        if level == 2:
            self.contents.append({"id": name, "text": escape(plain)})
        return f'<h{level} id="{name}">{text}</h{level}>\n'


def _reader(words: Markdown):
    import mistune

    class Renderer(mistune.HTMLRenderer):
        def heading(self, text, level, **attrs):
            return words.add_heading(text, level)

        def link(self, text, url, title=None):
            if url.startswith("#"):
                return f'<a href="{escape(url)}">{text}</a>'
            address = re.sub(r"^[a-z]+:(//)?", "", url)
            return text if not re.match(r"https?:", url) or address in text else f"{text} ({escape(address)})"

        def image(self, text, url, title=None):
            return escape(text)

        def table(self, text):
            return f'<div class="scroll" tabindex="0"><table>{text}</table></div>\n'

        def block_code(self, code, info=None):
            return f'<pre tabindex="0"><code>{escape(code)}</code></pre>\n'

    return mistune.create_markdown(renderer=Renderer(escape=True), plugins=["table", _read_formulas])


def _read_formulas(md) -> None:
    md.inline.register("inline_math", INLINE, _parse_inline, before="link")
    md.block.register("block_math", BLOCK, _parse_block, before="list")
    md.renderer.register("inline_math", lambda _, text: write_formula(text))
    md.renderer.register("block_math", lambda _, text: write_formula(text, display="block"))


def _parse_inline(inline, match, state):
    state.append_token({"type": "inline_math", "raw": match.group("math_text")})
    return match.end()


def _parse_block(block, match, state):
    state.append_token({"type": "block_math", "raw": match.group("math_text")})
    return match.end() + 1


def write_formula(latex: str, *, display: str = "inline") -> str:
    """Return a formula as MathML that needs no script; as code where it cannot be read.

    Parameters
    ----------
    latex : str
        Without dollar signs.
    display : {"inline", "block"}
    """
    import latex2mathml.converter

    try:
        if re.search(r"<\s*[a-zA-Z/!?]", latex):  # the converter does not escape what stands in \text{}
            raise ValueError("looks like HTML")
        found = latex2mathml.converter.convert(latex, display=display)
    except Exception:  # a formula that cannot be read stays readable
        return f"<code>{escape(latex)}</code>"
    return re.sub(r' xmlns="[^"]*"', "", found)
