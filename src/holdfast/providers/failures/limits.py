"""The numbers in an overflow or a too-large error: what fits, and what was asked for. Tokens, never bytes.

A number gets its meaning from the words next to it: a clue is a few words and how far from them, at most, the number
stands. The clues of a meaning are asked in order; what a server says in plain fields comes before any words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

from holdfast.errors import Limit
from holdfast.providers.failures.evidence import Evidence
from holdfast.providers.failures.words import names

_TOKENS: Final = 2**31  # more is no count of tokens
_NUMBER: Final = re.compile(r"\d+(?:[,_]\d{3})*(?:\.\d+)?")
_BYTES: Final = names("byte bytes kb mb gb kib mib gib pixel pixels character characters maxlength")
_SUM: Final = re.compile(r"(\d{1,9}) ?\+ ?(\d{1,9}) ?> ?(\d{1,9})")  # Anthropic: "200000 + 21333 > 204798"
_MORE: Final = re.compile(
    r"(\d[\d,_]{0,12}) ?(?:tokens?)? ?>=? ?(?:n_ctx: )?(\d[\d,_]{0,12})"
)  # Anthropic, watsonx, LM Studio
_RANGE: Final = re.compile(r"\[ ?\d{1,6} ?, ?(\d{1,9}) ?\]")  # DashScope: "Range of input length should be [1, 3072]"
_FREE: Final = frozenset((" ", "", "(", ")", ","))
_JOINTS: Final = frozenset(("_", "-", "."))
_LONGEST: Final = 8_000
_OFTEN: Final = 4


class Clue(Struct, frozen=True):
    """Words, and how many characters there may be between them and the number after them (`before`: before them)."""

    words: str
    reach: int
    before: bool = False


_FITS: Final = (
    Clue("can only afford", 3),  # OpenRouter
    Clue("limit", 2),  # OpenAI, Groq: "Limit 30000, Used 29937, Requested 385"
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
    Clue("max size", 24),
    Clue("max length", 24),
    Clue("max tokens", 24),
    Clue("max_seq_len", 12),
    Clue("token limit", 16),
    Clue("limit of", 16),
    Clue("limit is", 16),
    Clue("limited to", 16),
    Clue("less than", 28),
    Clue("at most", 24),
    Clue("no more than", 24),
    Clue("<=", 24),
    Clue("below", 24),
    Clue("exceed", 24),
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
    Clue("got", 24),
    Clue("actual", 24),
    Clue("prompt has", 6),
    Clue("current length is", 6),
    Clue("token count", 12),
    Clue("request (", 1),
    Clue("input (", 1),
    Clue("prompt (", 1),
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


class _Numbers:
    """A text and the whole numbers in it, asked for by clues."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: list[tuple[int, int, int]] = []
        for match in _NUMBER.finditer(text):
            start, end = match.span()
            if self._stands_alone(start, end) and (value := _count(match[0])) is not None:
                self._found.append((start, end, value))

    def _stands_alone(self, start: int, end: int) -> bool:
        """Not a piece of a name or a version, such as the digits of "gpt-4o" and "v0.5.1"."""
        before, after = self._text[start - 1 : start], self._text[end : end + 1]
        if before in _FREE and after in _FREE:
            return True
        return not (before.isalnum() or after.isalnum()) and before not in _JOINTS and after not in ("_", "-")

    def __bool__(self) -> bool:
        return bool(self._found)

    def by(self, clues: Sequence[Clue], *, but: int | None = None) -> int | None:
        """The number that the first clue leads to; never the value `but`."""
        for clue in clues:
            if clue.words in self._text and (value := self._at(clue, but)) is not None:
                return value
        return None

    def _at(self, clue: Clue, but: int | None) -> int | None:
        at = -1
        for _ in range(_OFTEN):
            at = self._text.find(clue.words, at + 1)
            if at < 0:
                return None
            value = (
                self._before(at, clue.reach, but) if clue.before else self._after(at + len(clue.words), clue.reach, but)
            )
            if value is not None:
                return value
        return None

    def _after(self, at: int, reach: int, but: int | None) -> int | None:
        for start, _, value in self._found:
            if start >= at and value != but:
                return value if start - at <= reach and "\n" not in self._text[at:start] else None
        return None

    def _before(self, at: int, reach: int, but: int | None) -> int | None:
        for _, end, value in reversed(self._found):
            if end <= at and value != but:
                return value if at - end <= reach else None
        return None


def limit_of(evidence: Evidence) -> Limit | None:
    """The numbers that the evidence states, or None when there are none."""
    if "limit" not in evidence.memo:
        evidence.memo["limit"] = _limit_of(evidence)
    limit: Limit | None = evidence.memo["limit"]
    return limit


def _limit_of(evidence: Evidence) -> Limit | None:
    details = evidence.details
    window, prompt = _count(details.get("n_ctx")), _count(details.get("n_prompt_tokens"))
    if window is not None and prompt is not None:  # llama.cpp
        return Limit(max_tokens=window, requested_tokens=prompt, input_tokens=prompt)
    return limit_in(evidence.text) if _BYTES.isdisjoint(evidence.words.words) else None


def limit_in(text: str) -> Limit | None:
    """The numbers of tokens that a text states; of a very long one its beginning."""
    text = text[:_LONGEST].lower().replace("`", "")
    numbers = _Numbers(text)
    if not numbers:
        return None
    if "+" in text and (total := _SUM.search(text)) is not None:
        before, after, fits = (int(number) for number in total.groups())
        return Limit(max_tokens=fits, requested_tokens=before + after, input_tokens=before, output_tokens=after)
    if ">" in text and (both := _MORE.search(text)) is not None:
        return _made(_count(both[2]), _count(both[1]), None, None)
    if "[" in text and (span := _RANGE.search(text)) is not None:
        return _made(_count(span[1]), None, None, None)
    fits_ = numbers.by(_FITS)
    asked = numbers.by(_ASKED, but=fits_)
    return _made(fits_, asked, numbers.by(_INPUT, but=fits_), numbers.by(_OUTPUT, but=fits_))


def _made(fits: int | None, asked: int | None, before: int | None, after: int | None) -> Limit | None:
    if asked in (None, before, after) and before is not None:
        asked = before + (after or 0)
    if asked is None and fits is None:
        return None
    return Limit(max_tokens=fits, requested_tokens=asked, input_tokens=before, output_tokens=after)


def _count(value: Any) -> int | None:
    if isinstance(value, str) and len(value) < 10 and value.isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        count = int(float(value.replace(",", "").replace("_", ""))) if isinstance(value, str) else int(value)
    except (ValueError, OverflowError):
        return None
    return count if 0 <= count < _TOKENS else None
