"""Text as words: how phrases and messages are compared.

Both are lower-cased and stripped of everything that is no letter and no digit, so that quotes, underscores, JSON
escapes and line breaks make no difference: `max_tokens`, `'max_tokens'` and `max tokens` are the same two words. Each
comparison is a search for a fixed string: no wording can make it slow.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

from msgspec import Struct

_BLANK: Final = {code: " " for code in range(128) if not chr(code).isalnum()} | dict.fromkeys(
    map(ord, "\u2018\u2019\u201c\u201d\u00b4\u00a0\u2026\u2013\u2014\u3000\u3001\u3002\uff0c\uff1a\uff01\uff08\uff09"),
    " ",
)
_APOSTROPHES: Final = {ord("'"): None, ord("\u2019"): None}
_ASCII: Final = bytes(ord(chr(code).lower()) if chr(code).isalnum() else ord(" ") for code in range(128)).ljust(256)
_GAP: Final = 72  # characters between two parts of a phrase, at most
_TRIES: Final = 8  # places where a phrase with a gap may begin
_MARK: Final = "..."
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_COMMON: Final = frozenset(("error", "request", "model", "limit", "token", "tokens", "input", "message", "messages"))

Value = TypeVar("Value")


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
        first, *more = self.parts
        at = line.find(first)
        if at < 0 or not more:
            return at >= 0
        for _ in range(_TRIES):
            if _go_on(line, at + len(first) - 1, more):
                return True
            at = line.find(first, at + 1)
            if at < 0:
                return False
        return False


def _go_on(line: str, at: int, parts: list[str]) -> bool:
    """Whether these parts follow each other from here on, each at most `_GAP` characters after the one before."""
    for part in parts:
        found = line.find(part, at, at + _GAP + len(part))
        if found < 0:
            return False
        at = found + len(part) - 1  # the blank that ends one part may begin the next
    return True


class Pair(Struct, frozen=True):
    """Two things that mean something together, and little alone: a word of `some`, and one of the phrases near it."""

    some: frozenset[str]
    others: tuple[Phrase, ...]
    ordered: bool = False

    def within(self, words: Words) -> str | None:
        """The pair that stands in these words, as a phrase with a gap, or None."""
        some = self.some & words.words
        if not some:
            return None
        for other in self.others:
            if other.words <= words.words:
                for word in some:
                    if self._together(words.line, f" {word} ", other.parts[0]):
                        return f"{word} {_MARK} {other.written.strip()}"
        return None

    def _together(self, line: str, word: str, other: str) -> bool:
        at = line.find(word)
        for _ in range(_TRIES):
            if at < 0:
                return False
            behind = at + len(word) - 1
            if line.find(other, behind, behind + _GAP + len(other)) >= 0:
                return True
            if not self.ordered and line.find(other, max(0, at - _GAP - len(other)), at + 1) >= 0:
                return True
            at = line.find(word, at + 1)
        return False


class Phrasebook(Generic[Value]):
    """Phrases and what each of them means, the most telling first.

    They are indexed by one word each, the one that fewest phrases have ("" for scripts without blanks), so that a
    question costs about the same however many phrases there are.
    """

    def __init__(self, entries: Iterable[tuple[str, Value]]) -> None:
        spoken = [(phrase_of(written), value) for written, value in entries]
        often = Counter(word for phrase, _ in spoken for word in phrase.words)
        self._last = len(spoken)
        self._index: dict[str, list[tuple[int, frozenset[str], Phrase, Value]]] = {}
        for place, (phrase, value) in enumerate(spoken):
            anchor = min(phrase.words, key=lambda word: (often[word] * _weight(word), -len(word), word), default="")
            self._index.setdefault(anchor, []).append((place, phrase.words - {anchor}, phrase, value))

    def first(self, words: Words, holds: Callable[[Value], bool] | None = None) -> tuple[str, Value] | None:
        """The first phrase that stands in these words and whose meaning `holds`, as it was written, and its meaning."""
        line, present, least, found = words.line, words.words, self._last, None
        anchors = self._index.keys() & present
        if not line.isascii():
            anchors.add("")
        for anchor in anchors:
            for place, others, phrase, value in self._index.get(anchor, ()):
                if place >= least:
                    break
                if others <= present and phrase.within(line) and (holds is None or holds(value)):
                    least, found = place, (phrase.written, value)
        return found

    def any(self, words: Words) -> bool:
        """Whether any of the phrases stands in these words."""
        return self.first(words) is not None


def _weight(word: str) -> int:
    """Short words are in most texts, so that they tell least of where to look."""
    return 4 if len(word) < 5 or word in _COMMON else 1


def words_of(text: str) -> Words:
    """The words of `text`."""
    words = _plain(text).split()
    return Words(f" {' '.join(words)} ", frozenset(words))


def phrase_of(written: str) -> Phrase:
    """The phrase that is written so; `...` marks a gap."""
    chunks = [_plain(chunk).split() for chunk in written.split(_MARK)]
    if not written.isascii():  # Chinese sets no blanks between words
        return Phrase(tuple(" ".join(chunk) for chunk in chunks), frozenset(), written)
    return Phrase(
        tuple(f" {' '.join(chunk)} " for chunk in chunks),
        frozenset(word for chunk in chunks for word in chunk),
        written,
    )


def near(some: str, others: str) -> Pair:
    """Any of the words in `some`, and any of the phrases in `others` (between commas) near it, before or behind."""
    return Pair(names(some), tuple(map(phrase_of, others.split(","))))


def then(some: str, others: str) -> Pair:
    """The same, but the phrase stands behind the word."""
    return Pair(names(some), tuple(map(phrase_of, others.split(","))), ordered=True)


def spelled_out(name: str) -> str:
    """The words of a code or of a class's name: `"QuotaExceededError"` is "Quota Exceeded Error"."""
    return _HUMP.sub(" ", name)


def phrases(*written: str) -> Phrasebook[None]:
    """Phrases that all mean the same."""
    return Phrasebook((phrase, None) for phrase in written)


def names(written: str) -> frozenset[str]:
    """The names in a text that sets blanks between them: how the tables write a set of them."""
    return frozenset(written.split())


def _plain(text: str) -> str:
    """`text` in small letters, with blanks for all else; "can't" is one word, and 'max_tokens' loses its quotes."""
    if text.isascii():
        return text.encode().translate(_ASCII, b"'").decode()
    return text.lower().translate(_APOSTROPHES).translate(_BLANK)
