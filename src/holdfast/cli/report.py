"""What a batch shows: a progress bar on a terminal (a line now and then elsewhere), and the closing table."""

from __future__ import annotations

import time
from collections import Counter
from types import TracebackType
from typing import Any, Final, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from holdfast.cli.console import NOTES, show, table

_EVERY: Final = 5.0
"""Seconds between two lines of progress where there is no terminal."""


class Report:
    """Counts outcomes and shows them."""

    def __init__(self, total: int, done: dict[int, dict[str, Any]]) -> None:
        self.interrupted = False
        self._total = total
        self._found = len(done)
        self._answered = 0
        self._recovered = 0
        self.failed = 0
        self._seen: Counter[str] = Counter()
        self._ways: dict[str, Counter[str]] = {}
        self._began = time.monotonic()
        self._told = self._began
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.1f}/s  recovered {task.fields[recovered]}  failed {task.fields[failed]}"),
            TimeElapsedColumn(),
            console=NOTES,
            disable=not NOTES.is_terminal,
        )
        self._task: TaskID = self._progress.add_task("requests", total=total, rate=0.0, recovered=0, failed=0)
        for outcome in done.values():
            self._count(outcome)

    def __enter__(self) -> Self:
        self._progress.start()
        self._show()
        if self._found:
            NOTES.print(f"Going on: {self._found} of {self._total} lines were done before.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        if kind is None:
            self._close()

    def add(self, outcome: dict[str, Any]) -> None:
        """One more line is done."""
        self._count(outcome)
        self._show()
        now = time.monotonic()
        if not NOTES.is_terminal and now - self._told >= _EVERY:
            self._told = now
            NOTES.print(f"{self._done} of {self._total}, recovered {self._recovered}, failed {self.failed}")

    @property
    def _done(self) -> int:
        return self._answered + self.failed

    def _count(self, outcome: dict[str, Any]) -> None:
        attempts = outcome["attempts"]
        errors = [attempt["error"] for attempt in attempts if attempt["error"]]
        if outcome["error"]:
            self.failed += 1
            way = "not recovered"
            errors = errors or [_kind(outcome["error"])]
        else:
            self._answered += 1
            self._recovered += bool(errors)
            way = "by the same model" if attempts and attempts[0]["model"] == attempts[-1]["model"] else "by a fallback"
        self._seen.update(errors)
        for error in set(errors):
            self._ways.setdefault(error, Counter())[way] += 1

    def _show(self) -> None:
        elapsed = max(time.monotonic() - self._began, 1e-6)
        rate = (self._done - self._found) / elapsed
        self._progress.update(
            self._task, completed=self._done, rate=rate, recovered=self._recovered, failed=self.failed
        )

    def _close(self) -> None:
        if self._seen:
            show(NOTES, self._table())
        state = "Interrupted" if self.interrupted else "Done"
        NOTES.print(
            f"{state}: {self._answered} responses ({self._recovered} recovered), {self.failed} errors, "
            f"{self._total - self._done} to do, {time.monotonic() - self._began:.1f} s."
        )
        if self.interrupted:
            NOTES.print("Run the same command again to go on.")

    def _table(self) -> Table:
        told = table(NOTES, "failure", "seen", "lines", "same model", "fallback", "not recovered")
        for kind, count in self._seen.most_common():
            ways = self._ways[kind]
            cells = [ways[way] for way in ("by the same model", "by a fallback", "not recovered")]
            told.add_row(kind, str(count), str(ways.total()), *(str(cell or "") for cell in cells))
        return told


def _kind(error: Any) -> str:
    return str(error["kind"] if isinstance(error, dict) else error.kind)
