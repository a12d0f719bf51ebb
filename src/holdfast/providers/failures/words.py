"""Text as words: how phrases and messages are compared.

Both are lower-cased and stripped of everything that is no letter and no digit, so that quotes, underscores, JSON
escapes and line breaks make no difference: `max_tokens`, `'max_tokens'` and `max tokens` are the same two words. Each
comparison is a search for a fixed string: no wording can make it slow.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

_BLANK: Final = {code: " " for code in range(128) if not chr(code).isalnum()} | dict.fromkeys(
    map(ord, "\u2018\u2019\u201c\u201d\u00b4\u00a0\u2026\u2013\u2014\u3000\u3001\u3002\uff0c\uff1a\uff01\uff08\uff09"),
    " ",
)
_APOSTROPHES: Final = {ord("'"): None, ord("\u2019"): None}
_GAP: Final = "..."


class Words(Struct, frozen=True):
    """A text as words: `line` is all of them with single blanks between and around, `words` the set of them."""

    line: str
    words: frozenset[str]


class Phrase(Struct, frozen=True):
    """Whole words that stand next to each other; where the phrase has a gap, other words may come between its parts.

    `words` are all of them (a text without each of them need not be searched), and none for scripts without blanks.
    """

    parts: tuple[str, ...]
    words: frozenset[str]
    written: str

    def within(self, line: str) -> bool:
        """Whether the phrase stands in this line of words."""
        at = 0
        for part in self.parts:
            at = line.find(part, at)
            if at < 0:
                return False
            at += len(part) - 1  # the blank that ends one part may begin the next
        return True


def words_of(text: str) -> Words:
    """The words of `text`."""
    words = _plain(text).split()
    return Words(f" {' '.join(words)} ", frozenset(words))


def phrase_of(written: str) -> Phrase:
    """The phrase that is written so; `...` marks a gap."""
    chunks = [_plain(chunk).split() for chunk in written.split(_GAP)]
    if not written.isascii():  # Chinese sets no blanks between words
        return Phrase(tuple(" ".join(chunk) for chunk in chunks), frozenset(), written)
    return Phrase(
        tuple(f" {' '.join(chunk)} " for chunk in chunks),
        frozenset(word for chunk in chunks for word in chunk),
        written,
    )


def names(written: str) -> frozenset[str]:
    """The names in a text that sets blanks between them: how the tables write a set of them."""
    return frozenset(written.split())


def _plain(text: str) -> str:
    lowered = text.lower()
    if "'" in lowered or "\u2019" in lowered:  # "can't" is one word, and 'max_tokens' loses its quotes
        lowered = lowered.translate(_APOSTROPHES)
    return lowered.translate(_BLANK)
