"""Which number means what: the words next to the numbers of overflows and of requests that are too large.

A clue is a few words and how far from them, at most, the number stands. The clues of a meaning are asked in order.
"""

from __future__ import annotations

import re
from itertools import islice
from operator import itemgetter
from typing import Any, Final, TypeAlias

from msgspec import Struct

from holdfast.providers.failures.phrases import phrase_of

# A number that stands alone: no piece of a name or a version, as in "gpt-4o" and "v0.5.1".
_NUMBER: Final = re.compile(r"(?<![\w.-])\d++(?:[,_]\d{3})*+(?:\.\d+)?+(?![\w-])")
_WIDEST: Final = 24  # characters that a number may take
_OFTEN: Final = 8  # places of one clue that are looked at
_MOST: Final = 12  # numbers of a text that are compared
STATUSES: Final = frozenset(range(400, 600))
"""HTTP statuses of failures; they stand in many a text."""
_STATUS_REACH: Final = 12
_TOKENS: Final = 2**31  # more is no count of tokens


class Clue(Struct, frozen=True):
    """Words, and how many characters there may be between them and the number after them (`before`: before them)."""

    words: str
    reach: int
    before: bool = False


_FITS: Final = (
    Clue("can only afford", 3),  # OpenRouter
    Clue("limit", 2),  # OpenAI, Groq: "Limit 30000, Used 29937, Requested 385"
    Clue("exceeds the limit of", 2),
    Clue("maximum context", 70),
    Clue("context length", 60),
    Clue("context window", 60),
    Clue("context size", 60),
    Clue("context limit", 60),
    Clue("maximum prompt", 60),
    Clue("maximum sequence", 60),
    Clue("maximum input", 60),
    Clue("maximum model", 60),
    Clue("maximum token", 60),
    Clue("maximum number", 60),
    Clue("max input tokens", 24),
    Clue("max is", 3),
    Clue("(max", 1),
    Clue(", max", 1),
    Clue("max size", 24),
    Clue("max length", 24),
    Clue("max tokens", 24),
    Clue("max_seq_len", 12),
    Clue("token limit", 16),
    Clue("limit of", 16),
    Clue("limit is", 16),
    Clue("limited to", 16),
    Clue("less than", 28),
    Clue(" at most", 1, before=True),
    Clue("at most", 24),
    Clue("no more than", 24),
    Clue("<=", 24),
    Clue("below", 24),
    Clue("exceed", 24),
    Clue("exceeds", 24),
    Clue("exceeded", 24),
    Clue("maximum length", 24),
    Clue("n_ctx", 12),
    Clue(" maximum", 1, before=True),  # Anthropic, Mistral: "too large for model with 32768 maximum context length"
    Clue("maximum", 48),
    Clue(" limit", 8, before=True),
)
_ASKED: Final = (
    Clue("prefill", 3),
    Clue("keep the first", 3),
    Clue("requested a total of", 3),
    Clue("requested up to", 3),
    Clue("asked for up to", 3),
    Clue("requested ~", 0),
    Clue("requested token count", 24),
    Clue("requested", 24),
    Clue("received", 24),
    Clue("given:", 24),
    Clue("given were", 24),
    Clue("resulted in", 24),
    Clue("contains", 24),
    Clue("total length", 6),
    Clue("(length", 3),
    Clue("take", 24),
    Clue("takes", 24),
    Clue("taken", 24),
    Clue("got", 24),
    Clue("actual", 24),
    Clue("prompt has", 6),
    Clue("current length is", 6),
    Clue("token count", 12),
    Clue("request (", 1),
    Clue("input (", 1),
    Clue("prompt (", 1),
    Clue("prompt length (", 0),
    Clue("input length", 12),
    Clue(" tokens in ", 0, before=True),
    Clue(" tokens from ", 0, before=True),
    Clue(" tokens exceed", 0, before=True),
)
_INPUT: Final = (
    Clue("prompt of length", 2),  # Perplexity
    Clue(" input tokens", 1, before=True),  # vLLM
    Clue(" inputs tokens", 1, before=True),  # TGI
    Clue(" tokens from the input", 1, before=True),  # SGLang
    Clue(" in the messages", 8, before=True),  # OpenAI
    Clue(" in your prompt", 8, before=True),
    Clue(" in the prompt", 8, before=True),
    Clue(" of text input", 8, before=True),  # OpenRouter
    Clue("prompt_tokens", 3),
    Clue("prompt contains", 16),
)
_OUTPUT: Final = (
    Clue(" output tokens", 1, before=True),
    Clue(" to generate", 8, before=True),
    Clue(" in the completion", 8, before=True),
    Clue(" for the completion", 8, before=True),
    Clue(" in the output", 8, before=True),
    Clue(" max_new_tokens", 1, before=True),
)


class Meanings(Struct, frozen=True):
    """The clues that stand in one text, by what their number means, each list in its order."""

    fits: list[Clue]
    asked: list[Clue]
    before: list[Clue]
    after: list[Clue]


_Placed: TypeAlias = tuple[int, int, Clue]


def _by_word() -> dict[str, list[_Placed]]:
    """The clues by the longest of their words, which fewest texts have ("" for a clue without words)."""
    index: dict[str, list[_Placed]] = {}
    for meaning, clues in enumerate((_FITS, _ASKED, _INPUT, _OUTPUT)):
        for place, clue in enumerate(clues):
            word = max(phrase_of(clue.words).parts[0].split(), key=len, default="")
            index.setdefault(word, []).append((meaning, place, clue))
    return index


_INDEX: Final = _by_word()
_PLACE: Final = itemgetter(1)


def clues_in(text: str, words: frozenset[str]) -> Meanings:
    """The clues in a text (in small letters) of these words."""
    found = list(_INDEX[""])
    for word in _INDEX.keys() & words:
        found += _INDEX[word]
    meanings: tuple[list[Clue], ...] = ([], [], [], [])
    for meaning, _, clue in sorted([placed for placed in found if placed[2].words in text], key=_PLACE):
        meanings[meaning].append(clue)
    return Meanings(*meanings)


def number_by(clues: list[Clue], text: str, *, but: int | None = None) -> int | None:
    """The number that the first of the clues leads to; never the value `but`."""
    for clue in clues:
        find = _before if clue.before else _after
        at = text.find(clue.words)
        for _ in range(_OFTEN):
            if at < 0:
                break
            if (value := find(text, at, clue, but)) is not None:
                return value
            at = text.find(clue.words, at + 1)
    return None


def numbers_in(text: str) -> list[int]:
    """The numbers in a text that can be counts of tokens, as they come; no more than a few."""
    found = (tokens(match[0]) for match in _NUMBER.finditer(text) if "." not in match[0])
    return [number for number in islice(found, _MOST) if number is not None]


def _after(text: str, at: int, clue: Clue, but: int | None) -> int | None:
    begin = start = at + len(clue.words)
    while (match := _NUMBER.search(text, start, begin + clue.reach + _WIDEST)) is not None:
        start = match.end()
        between = text[begin : match.start()]
        if len(between) > clue.reach or "\n\n" in between or '"code' in between or "'code" in between:
            return None
        if (value := tokens(match[0])) is not None and value != but and not _is_status(value, text, match.start()):
            return value
    return None


def _is_status(value: int, text: str, at: int) -> bool:
    """Whether the number at this place is an HTTP status: "received client error (422)"."""
    return value in STATUSES and "error" in text[max(0, at - _STATUS_REACH) : at]


def _before(text: str, at: int, clue: Clue, but: int | None) -> int | None:
    for match in reversed(list(_NUMBER.finditer(text, max(0, at - clue.reach - _WIDEST), at))):
        if at - match.end() > clue.reach:
            return None
        if (value := tokens(match[0])) is not None and value != but:
            return value
    return None


def tokens(value: Any) -> int | None:
    """A count of tokens, from a number or its digits; None for what can be none."""
    if isinstance(value, str) and len(value) < 10 and value.isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        count = int(float(value.replace(",", "").replace("_", ""))) if isinstance(value, str) else int(value)
    except (ValueError, OverflowError):
        return None
    return count if 0 <= count < _TOKENS else None
