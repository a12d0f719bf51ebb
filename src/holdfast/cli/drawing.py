"""An answer as it comes, word by word. What a restart makes void is struck out, while it is in sight."""

from __future__ import annotations

from math import ceil

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text as Styled

from holdfast.errors import ModelError
from holdfast.events import Restart, TextDelta


class Drawing:
    """One answer on a console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown = ""

    def feed(self, event: object) -> None:
        """Draw what an event says; events of other kinds say nothing here."""
        match event:
            case TextDelta(text=text) if text:
                words = text.replace("\x1b", "\u241b")  # a model has no business with the terminal's own commands
                self._console.print(words, end="", markup=False)
                self._shown += words
            case Restart(reason=reason):
                self._void(reason)

    def end(self) -> None:
        """Go to a new line."""
        if self._shown:
            self._console.print()
        self._shown = ""

    def _void(self, reason: ModelError) -> None:
        if not self._shown:
            return
        shown, self._shown = self._shown, ""
        rows = sum(max(1, ceil(cell_len(line) / self._console.width)) for line in shown.split("\n"))
        if self._console.is_terminal and rows < self._console.height:
            up = f"\x1b[{rows - 1}A" if rows > 1 else ""
            self._console.file.write(f"\r{up}\x1b[J")
            self._console.print(Styled(shown, "strike dim"))
            self._console.print(f"[{reason.kind}: begins again]", style="yellow", markup=False)
        else:
            self._console.print(f"\n[void: {reason.kind}; the answer begins again]", markup=False)
