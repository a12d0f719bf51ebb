"""Tokens of a text, offline. A vocabulary comes out of an installed wheel (extra `tokens`) and is never downloaded.

The engine is loaded at the first count and kept. Without it a count is an estimate, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from math import ceil
from typing import Any, Final, Protocol

PIECE: Final = 65_536
"""Characters that are given to the engine in one go: it holds the interpreter's lock for some 2 ms on as many."""

LONGEST_PIECE: Final = 1_000_000
"""Characters without a safe place to cut after which a text is cut all the same, at the cost of a token or two."""

# No alternative of the splitting patterns of the vocabularies below spans a line feed and a following character that is
# neither blank nor a slash (o200k lets punctuation swallow `[\r\n/]*`), so a cut there never changes the count.
_SAFE_CUT: Final = re.compile(r"\n(?=[^\s/])")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_WIDE: Final = re.compile("[\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")

VOCABULARIES: Final = frozenset(
    {
        "o200k_base",
        "cl100k_base",
        "llama3",
        "qwen3",
        "deepseek_v3",
        "mistral_v3",
        "glm4",
        "kimi_k2",
        "phi4",
    }
)
"""Byte-level vocabularies that lie in the engine's wheel and for which the safe cut holds."""


class Tokenizer(Protocol):
    """The port of an engine: counts tokens of plain text, where special tokens have no meaning."""

    @property
    def exact(self) -> bool:
        """Whether `count` is what the vocabulary gives, and no estimate."""
        ...

    def count(self, text: str) -> int:
        """Tokens of `text`. Takes any string, in time proportional to its length; never raises."""
        ...


class VocabularyTokenizer:
    """Exact counts in one vocabulary of the engine."""

    exact = True

    def __init__(self, name: str) -> None:
        from splintr import Tokenizer as Engine  # noqa: PLC0415  # an extra, loaded when the first text is counted

        self._encode: Any = Engine.from_pretrained(name).encode_ordinary

    def count(self, text: str) -> int:
        """Tokens of `text`; what looks like a special token is text."""
        if len(text) <= PIECE:
            return self._count(text)
        return sum(map(self._count, pieces(text)))

    def _count(self, text: str) -> int:
        try:
            return len(self._encode(text))
        except UnicodeEncodeError:  # lone surrogates, which no wire can carry either
            return len(self._encode(_SURROGATES.sub("\ufffd", text)))


class EstimatedTokenizer:
    """Counts by kinds of characters: close for prose and code, up to 60 % too low for base64 and minified JSON."""

    exact = False

    def count(self, text: str) -> int:
        """About how many tokens `text` has."""
        plain = len(text.encode("ascii", "ignore"))
        if plain == len(text):
            return ceil(plain / 3.6)
        wide = len(_WIDE.findall(text))
        return ceil(plain / 3.6 + wide * 0.9 + (len(text) - plain - wide) * 0.5)


@cache
def tokenizer(vocabulary: str = "o200k_base") -> Tokenizer:
    """The tokenizer of a vocabulary; for one that is unknown o200k's, and without the engine an estimate."""
    if find_spec("splintr") is None:
        return EstimatedTokenizer()
    if vocabulary not in VOCABULARIES:
        return tokenizer("o200k_base")
    return VocabularyTokenizer(vocabulary)


def pieces(text: str, size: int = PIECE) -> Iterator[str]:
    """`text` in parts of `size` characters or more whose counts add up to that of the whole."""
    start = 0
    while start < len(text):
        cut = _SAFE_CUT.search(text, start + size, start + LONGEST_PIECE)
        end = cut.end() if cut else start + LONGEST_PIECE
        yield text[start:end]
        start = end


def fits(text: str, limit: int, engine: Tokenizer) -> bool:
    """Whether `text` has at most `limit` tokens; counts no further than it must."""
    if len(text) * 4 <= limit or len(text.encode("utf-8", "replace")) <= limit:  # a token is at least one byte
        return True
    for piece in pieces(text):
        limit -= engine.count(piece)
        if limit < 0:
            return False
    return True
