"""What must not travel in a shared file: unit ids, paths, names of this machine, secrets, e-mail addresses."""

import base64
import getpass
import html
import json
import os
import re
import socket
from pathlib import Path
from urllib.parse import unquote

import pandas as pd

from helpers import disclosure

PARTS = ("segment", "at", "week", "level", "day", "hours", "agent", "month", "cohort", "band", "count_low")
PARTS += ("feature", "step", "line", "reading", "cut", "milestone", "from_state")
NOBODY = ("lost", "kept", "moves", "accounts")  # counts of which 0 is no secret: nobody moved, or is advised
COUNTS = ("n", "units", "at_risk", *NOBODY)
PATTERNS = {
    "an absolute path": r"(?<![\w:/<.&;)\]])(?:/[\w.@+-]+){2,}|\b[A-Za-z]:\\[\w.-]+|\\\\[\w.-]+\\[\w.-]+|(?<!\w)~/\w+|file://",
    "an e-mail address": r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}",
    "a password in a URL": r"\b[a-z][a-z0-9+.-]*://[^\s/:@\"']*:[^\s/@\"'$]+@",
    "a secret": r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[opusr]_\w{20,}|\bxox[abpr]-[\w-]{10,}"
    r"|\bsk-[\w-]{20,}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}|(?i:\b(?:password|passwd|pwd|api_?key|secret|token)\s*[=:]\s*[^\s;,\"'<]{4,})",
}
SECRET_NAME = re.compile(r"PASSWORD|PASSWD|TOKEN|SECRET|API_?KEY|PRIVATE_?KEY|CREDENTIAL", re.I)
COMMON_NAMES = {"root", "user", "admin", "home", "ubuntu", "debian", "runner", "jovyan", "localhost", "docker", "work"}
DATA_ADDRESS = re.compile(r"data:([\w/+.-]*)((?:;[\w=.-]+)*),([^\s\"'<>)]*)")


def read_text(name, content):
    """Return what a file says: entities and JSON escapes resolved, downloads inside it unpacked, pictures left out.

    Parameters
    ----------
    name : str
        File name; .html, .json, or anything else as it is.
    content : bytes
        UTF-8.

    Returns
    -------
    str
    """
    text = content.decode("utf-8-sig")
    if name.endswith(".json"):
        return json.dumps(json.loads(text), ensure_ascii=False, indent=0)
    if name.endswith(".html"):
        inside = [_unpack(*found) for found in DATA_ADDRESS.findall(text)]
        return "\n".join([html.unescape(DATA_ADDRESS.sub("", text)), *inside])
    return text


def _unpack(kind, options, content):
    if kind.startswith("image/"):
        return ""
    content = unquote(html.unescape(content))
    return base64.b64decode(content).decode("utf-8", "replace") if options.endswith(";base64") else content


def find_secrets(text):
    """Return what of this machine, or secret by its form, stands in a text.

    Parameters
    ----------
    text : str
        As `read_text` returns it.

    Returns
    -------
    dict of str to int: what was found, in words, to how often; never the value itself.
    """
    found = {what: len(re.findall(pattern, text)) for what, pattern in PATTERNS.items()}
    names = {getpass.getuser(), Path.home().name, socket.gethostname()} - COMMON_NAMES
    words = "|".join(re.escape(name) for name in sorted(names) if len(name) > 3)
    found["a name of this user or machine"] = len(re.findall(rf"(?<![\w-])(?:{words})(?![\w-])", text)) if words else 0
    secrets = [value for name, value in os.environ.items() if SECRET_NAME.search(name) and len(value) > 5]
    found["the value of a secret environment variable"] = sum(text.count(value) for value in secrets)
    return {what: count for what, count in found.items() if count}


def find_candidates(text):
    """Return the words and cells of a text that could be unit ids.

    A word counts when it has a letter and a digit and 4 characters, or 7 digits, or an @; other texts (a company's
    name) only as a whole cell, since ordinary words and figures could not be told from them.

    Parameters
    ----------
    text : str
        As `read_text` returns it.

    Returns
    -------
    set of str
    """
    words = {word.strip(".:!?#") for word in re.split(r"[\s\"'<>,;|=(){}\[\]]+", text)}
    cells = {cell.strip() for cut in (r"[<>\"\n]", r"[<>\"\n,;]") for cell in re.split(cut, text)}
    return {w for w in words if _is_telling(w)} | {c for c in cells if re.search(r"\D{4}", c) and len(c) <= 200}


def _is_telling(word):
    digits = sum(character.isdigit() for character in word)
    if digits == len(word):
        return digits >= 7
    return "@" in word or (len(word) >= 4 and digits and any(character.isalpha() for character in word))


def count_small_cells(rows, *, min_cell):
    """Return how many cells of a table that divides whole variants show a count under the smallest allowed.

    Parameters
    ----------
    rows : list of dict
        A table of results.json. Only rows that name a segment, a level, a time, a milestone or a reading of one are
        cells below whole variants; their counts are the columns n, units, at_risk, lost, kept, moves, accounts and
        those that begin with n_. Lost, kept, moves and accounts may be 0, and so may all counts of a reading not made.
    min_cell : int

    Returns
    -------
    int
    """
    cells = pd.DataFrame([row for row in rows if any(row.get(part) is not None for part in PARTS)])
    counts = [column for column in cells if column in COUNTS or column.startswith("n_")]
    values = cells[counts].astype(float)
    if "reading" in cells:
        values = values[~((values == 0).all(axis=1) & cells["reading"].notna())]
    spared = [column for column in counts if column in NOBODY]
    values[spared] = values[spared].mask(values[spared] == 0)
    return len(disclosure.find_small_cells(values, count=counts, min_cell=min_cell))
