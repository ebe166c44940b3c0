"""The prose of a notebook as HTML: raw HTML is inert, headings have addresses for the contents."""

from __future__ import annotations

import html
import re

from helpers.view.html import escape


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
            Tables are read; HTML in it is shown as text; links lead nowhere outside the page: an outside address is
            printed beside its words.
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

    return mistune.create_markdown(renderer=Renderer(escape=True), plugins=["table"])
