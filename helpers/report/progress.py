"""What the user sees while runs are rendered: one line a run, redrawn on a terminal, written once elsewhere."""

from __future__ import annotations

import shutil
import threading


class Progress:
    """One line a run with what happens to it now."""

    def __init__(self, stream, names):
        self.stream = stream
        self.lines = dict.fromkeys(names, "waits")
        self.width = max(map(len, names), default=0)
        self.live = stream.isatty()
        self._lock = threading.Lock()
        self._drawn = 0

    def tell(self, name, text) -> None:
        """Show what happens to a run."""
        with self._lock:
            if self.lines[name] == text:
                return
            self.lines[name] = text
            if self.live:
                self._draw()
            else:
                self._write(f"{name}: {text}\n")

    def say(self, text) -> None:
        """Write a line under all others."""
        self._write(text + "\n")

    def finish(self, names) -> None:
        """Write the whole lines of some runs, which a terminal may have cut."""
        if self.live:
            for name in names:
                self.say(f"{name}: {self.lines[name]}")

    def _draw(self):
        columns = shutil.get_terminal_size().columns - 1
        lines = [f"{name:<{self.width}}  {text}"[:columns] for name, text in self.lines.items()]
        back = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._drawn = len(lines)
        self._write(back + "".join(f"\x1b[2K{line}\n" for line in lines))

    def _write(self, text):
        self.stream.write(text)
        self.stream.flush()
