"""Text as words: what phrases and messages are compared by.

A text is lower-cased and stripped of everything that is no letter and no digit, so that quotes, underscores, JSON
escapes and line breaks make no difference: `max_tokens`, `'max_tokens'` and `max tokens` are the same two words.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

_BLANK: Final = {code: " " for code in range(128) if not chr(code).isalnum()} | dict.fromkeys(
    map(ord, "\u2018\u2019\u201c\u201d\u00b4\u00a0\u2026\u2013\u2014\u3000\u3001\u3002\uff0c\uff1a\uff01\uff08\uff09"),
    " ",
)
_APOSTROPHES: Final = {ord("'"): None, ord("\u2019"): None}
_ASCII: Final = bytes(ord(chr(code).lower()) if chr(code).isalnum() else ord(" ") for code in range(128)).ljust(256)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Words(Struct, frozen=True):
    """A text as words: `line` is all of them with single blanks between and around, `words` the set of them."""

    line: str
    words: frozenset[str]


def words_of(text: str) -> Words:
    """The words of `text`."""
    words = plain(text).split()
    return Words(f" {' '.join(words)} ", frozenset(words))


def spelled_out(name: str) -> str:
    """The words of a code or of a class's name: `"QuotaExceededError"` is "Quota Exceeded Error"."""
    return _HUMP.sub(" ", name)


def names(written: str) -> frozenset[str]:
    """The names in a text that sets blanks between them: how the tables write a set of them."""
    return frozenset(written.split())


def plain(text: str) -> str:
    """`text` in small letters, with blanks for all else; "can't" is one word, and 'max_tokens' loses its quotes."""
    if text.isascii():
        return text.encode().translate(_ASCII, b"'").decode()
    return text.lower().translate(_APOSTROPHES).translate(_BLANK)
