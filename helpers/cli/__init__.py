"""The command `studies`: from the command line to a function, and to one message and exit status when it goes wrong."""

import argparse
import atexit
import errno
import gc
import os
import signal
import sys
import textwrap
import traceback
from pathlib import Path
from pkgutil import resolve_name

from helpers import paths
from helpers.records import Refused

FAILED, REFUSED, INTERRUPTED = 1, 2, 130
BROKEN = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE)  # a machine at its end: no path is at fault
EXITS = "exit status: 0 done (a withheld answer is still a report), 1 a run failed, 2 refused, 130 interrupted"


def main(argv=None):
    """Run one `studies` command.

    Parameters
    ----------
    argv : list of str, optional
        The arguments after `studies`; those of the process when left out.

    Returns
    -------
    int: 0 done, 1 failed, 2 refused, 130 interrupted. One message goes to the standard error, never a traceback
    (a traceback holds values; STUDIES_DEBUG=1 shows it).
    """
    gc.set_threshold(400_000, 20, 20)  # what a command imports and keeps is no garbage, and was searched for it
    atexit.register(gc.freeze)  # nor is it when the process ends: a twelfth
    arguments = build_parser().parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a request to terminate ends a command as Ctrl-C does
    try:
        return resolve_name(f"helpers.cli.{arguments.answers}")(arguments) or 0
    except KeyboardInterrupt:
        status, message = INTERRUPTED, arguments.interrupted
    except BrokenPipeError:  # the reader of a pipe, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Refused as error:
        status, message = REFUSED, str(error)
    except Exception as error:
        if os.environ.get("STUDIES_DEBUG") == "1":
            traceback.print_exc()
        cause = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
        status, message = FAILED, f"failed: {type(error).__name__}{cause}; STUDIES_DEBUG=1 shows where"
        if isinstance(error.__cause__, KeyboardInterrupt):  # as DuckDB hands it on
            status, message = INTERRUPTED, arguments.interrupted
        if cause and error.errno not in BROKEN and isinstance(error.filename, str):
            name = Path(error.filename).name[:40]
            status, message = REFUSED, f"{name}: cannot be read or written{cause}; check the path and the rights to it"
    print(f"studies: {message}", file=sys.stderr)
    return status


def build_parser():
    """Return the argparse parser of commands.yaml; a command's `answers` is a module of this room and a function."""
    grammar = paths.read_words(Path(__file__).with_name("commands.yaml"))
    more, about = {"epilog": EXITS, "allow_abbrev": False}, "Does support pay? Studies as one-file reports."
    parser = argparse.ArgumentParser(prog="studies", description=about, **more)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, told in grammar.items():
        command = commands.add_parser(name, help=told["does"], description=told["does"], **more)
        command.set_defaults(answers=told["answers"], interrupted=told.get("interrupted", "interrupted"))
        for option, settings in told["takes"].items():
            command.add_argument(option, **_read_settings(**settings))
    return parser


def _read_settings(*, least=None, why="", **settings):
    """Return what argparse is told of an option; with `least`, how it reads a whole number."""

    def read_whole(text):
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"needs a whole number, {least} or more{f': {why}' if why else ''}")
        return int(text)

    return settings if least is None else {**settings, "type": read_whole}


def print_table(rows, *, margin="  ", sides="<<<<<", width=118):
    """Print rows of text in columns, each to its side; the last column wraps under itself.

    Parameters
    ----------
    rows : list of tuple of str
    margin : str, before each row
    sides : str, one < or > a column
    width : int
        Where the last column wraps, though it keeps 40 characters.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for *cells, last in rows:
        start = margin + "".join(f"{c:{side}{size}}  " for c, side, size in zip(cells, sides, widths, strict=False))
        wrap = {"width": max(width, len(start) + 40), "subsequent_indent": " " * len(start), "break_long_words": False}
        print((textwrap.fill(last, initial_indent=start, **wrap) or start).rstrip())


def tell(text):
    """Write how far a command is to the standard error: a line, which the next takes the place of on a terminal."""
    live = sys.stderr.isatty()
    print(f"\x1b[2K{text}" if live else text, end="\r" if live else "\n", file=sys.stderr, flush=True)
