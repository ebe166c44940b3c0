"""Progress: a line a run that is redrawn on a terminal, and written once a change elsewhere."""

import io

from helpers.report.progress import Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        """Say so."""
        return True


def test_tell_writes_each_change_once():
    stream = io.StringIO()
    progress = Progress(stream, ["one", "two"])
    for text in ("Checks", "Checks", "done"):
        progress.tell("one", text)
    progress.finish(["one"])
    assert stream.getvalue() == "one: Checks\none: done\n"


def test_tell_redraws_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    stream = Terminal()
    progress = Progress(stream, ["one", "three"])
    progress.tell("one", "Checks")
    progress.tell("three", "a very long line that is cut")
    assert stream.getvalue() == (
        "\x1b[2Kone    Checks\n\x1b[2Kthree  waits\n\x1b[2A\x1b[2Kone    Checks\n\x1b[2Kthree  a very long \n"
    )
    progress.finish(["three"])
    assert stream.getvalue().endswith("three: a very long line that is cut\n")
