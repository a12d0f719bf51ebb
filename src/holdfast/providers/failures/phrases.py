"""Phrases: a few words that mean something. Each comparison is a search for fixed strings: no wording makes it slow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from typing import Final, Generic, TypeVar

from msgspec import Struct

from holdfast.providers.failures.words import Words, names, plain

_GAP: Final = 72  # characters between two parts of a phrase, at most
_TRIES: Final = 8  # places where a phrase with a gap may begin
_MARK: Final = "..."
_COMMON: Final = frozenset(("error", "request", "model", "limit", "token", "tokens", "input", "message", "messages"))

Value = TypeVar("Value")


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
                for word in sorted(some):  # so that the same text has the same proof in every process
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


@cache
def phrase_of(written: str) -> Phrase:
    """The phrase that is written so; `...` marks a gap."""
    chunks = [plain(chunk).split() for chunk in written.split(_MARK)]
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


def any_of(*written: str) -> Phrasebook[None]:
    """Phrases that all mean the same."""
    return Phrasebook((phrase, None) for phrase in written)
