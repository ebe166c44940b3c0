"""What the validation of the methods adds: the domains of their promises, those of one domain together."""

from __future__ import annotations

from helpers.records import Results
from helpers.view.html import Display, escape
from helpers.view.numbers import capitalise, join_words


def list_domains(results: Results) -> Display:
    """Return for which data each method makes its promise, methods of one domain together, each with its source."""
    table, rows = results.tables["guarantees"], {}
    for domain, group in table.groupby("domain", sort=False):
        named = zip(group["guarantee"], group["reference"], strict=True)
        rows[capitalise(domain)] = join_words(f"{name} ({source})" for name, source in named)
    items = "".join(f"<li><strong>{escape(domain)}</strong>: {escape(told)}.</li>" for domain, told in rows.items())
    return Display(f"<ul>{items}</ul>", "\n".join(f"{domain}: {told}." for domain, told in rows.items()))
