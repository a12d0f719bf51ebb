"""Cutting one text to a number of tokens: its beginning, a marker with counts, its end. Only the ends are tokenised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from holdfast.context.families import Family
from holdfast.context.measure import text_tokens

MARKER: Final = "\n[... {characters} of {total} characters left out{more} ...]\n"
SMALLEST: Final = 24
"""Tokens below which a cut text would be all marker; a limit is never taken to be less."""

_HEAD: Final = 2 / 3
_LINE: Final = 200  # characters at most that are given up so that a cut falls on a line's end


def truncate(text: str, limit: int, family: Family, *, more: str = "") -> str:
    """`text` cut to at most `limit` tokens (not less than `SMALLEST`), two thirds of them from its beginning.

    `more` is put into the marker, such as `"; the rest is under handle 1f3a"`. A text that fits comes back as it is.
    """
    limit = max(limit, SMALLEST + (text_tokens(more, family) if more else 0))
    if len(text) <= limit * 16 and text_tokens(text, family) <= limit:
        return text
    note = MARKER.format(characters=len(text), total=len(text), more=more)
    room = limit - text_tokens(note, family)

    def cut(share: float) -> str:
        head, tail = _characters(text, room, share)
        gone = len(text) - len(head) - len(tail)
        return f"{head}{MARKER.format(characters=gone, total=len(text), more=more)}{tail}" if gone > 0 else text

    return _largest(cut, lambda candidate: text_tokens(candidate, family) <= limit) or note.strip()


def _characters(text: str, room: int, share: float) -> tuple[str, str]:
    """The two ends of `text` at `share` characters a token."""
    size = min(int(room * share), len(text))
    head = int(size * _HEAD)
    return _to_line_end(text[:head]), _from_line_start(text[len(text) - (size - head) :] if size > head else "")


def _largest(cut: Callable[[float], str], fits: Callable[[str], bool]) -> str | None:
    """The longest candidate that fits: by bisection over characters per token, from 0.1 (rare scripts) to 16."""
    best, low, high = None, 0.1, 16.0
    for _ in range(9):
        middle = (low * high) ** 0.5
        candidate = cut(middle)
        if fits(candidate):
            best, low = candidate, middle
        else:
            high = middle
    return best


def _to_line_end(head: str) -> str:
    at = head.rfind("\n", max(0, len(head) - _LINE))
    return head[: at + 1] if at > 0 else head


def _from_line_start(tail: str) -> str:
    at = tail.find("\n", 0, _LINE)
    return tail[at + 1 :] if at >= 0 and at + 1 < len(tail) else tail
