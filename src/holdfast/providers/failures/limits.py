"""The numbers in an overflow or a too-large error: what fits, and what was asked for. Tokens, never bytes.

What a server says in plain fields comes before any words; of words, the forms of a few servers before the clues.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import combinations
from typing import Any, Final

from msgspec.structs import replace

from holdfast.errors import Limit
from holdfast.providers.failures.clues import STATUSES, clues_in, number_by, numbers_in, tokens
from holdfast.providers.failures.evidence import Evidence
from holdfast.providers.failures.words import names, words_of

_BYTES: Final = names("byte bytes kb mb gb kib mib gib pixel pixels character characters maxlength")
_SUM: Final = re.compile(r"(\d{1,9}) ?\+ ?(\d{1,9}) ?> ?(\d{1,9})")  # Anthropic: "200000 + 21333 > 204798"
_MORE: Final = re.compile(
    r"(\d[\d,_]{0,12})\)? ?(?:tokens?)? ?>=? ?(?:n_ctx:? )?\(?(\d[\d,_]{0,12})"
)  # Anthropic, watsonx, LM Studio
_RANGE: Final = re.compile(r"\[ ?\d{1,6} ?, ?(\d{1,9}) ?\]")  # DashScope: "Range of input length should be [1, 3072]"
_ACTUAL: Final = re.compile(r"\(actual/limit\): ?(\d{1,12})/(\d{1,12})")  # xAI
_LONGEST: Final = 8_000
_PARTS: Final = 2  # prompt and output
_FEWEST: Final = 100  # tokens that a window holds


def limit_of(evidence: Evidence, *, above: bool = False) -> Limit | None:
    """The numbers that the evidence states, or None when there are none.

    `above`: the failure says that more was asked for than fits, which tells two numbers apart where no word does.
    """
    stated, words = _in_fields(evidence.details), evidence.words.words
    if stated is not None or not _BYTES.isdisjoint(words):
        return stated
    if "limit" not in evidence.memo:
        evidence.memo["limit"] = limit_in(evidence.text, words)
    said: Limit | None = evidence.memo["limit"]
    return _by_size(said, evidence.text) if above else said


def _in_fields(details: Mapping[str, Any]) -> Limit | None:
    window, prompt = tokens(details.get("n_ctx")), tokens(details.get("n_prompt_tokens"))
    if window is not None and prompt is not None:  # llama.cpp
        return Limit(max_tokens=window, requested_tokens=prompt, input_tokens=prompt)
    if "token" in str(details.get("quotametric", "")) and (quota := tokens(details.get("quotavalue"))) is not None:
        return Limit(max_tokens=quota)  # google.rpc.QuotaFailure
    return None


def limit_in(text: str, words: frozenset[str] | None = None) -> Limit | None:
    """The numbers of tokens that a text (of these words) states; of a very long one its beginning."""
    words = words_of(text).words if words is None else words
    text = text[:_LONGEST].lower().replace("`", "")
    if "+" in text and (total := _SUM.search(text)) is not None:
        before, after, fits = (int(number) for number in total.groups())
        return Limit(max_tokens=fits, requested_tokens=before + after, input_tokens=before, output_tokens=after)
    if ">" in text and (both := _MORE.search(text)) is not None:
        return _made(tokens(both[2]), tokens(both[1]), None, None)
    if "/" in text and (ratio := _ACTUAL.search(text)) is not None:
        return _made(tokens(ratio[2]), tokens(ratio[1]), None, None)
    if "[" in text and (span := _RANGE.search(text)) is not None:
        return _made(tokens(span[1]), None, None, None)
    return _by_clues(text, words)


def _by_clues(text: str, words: frozenset[str]) -> Limit | None:
    clues = clues_in(text, words)
    fits = number_by(clues.fits, text)
    asked = number_by(clues.asked, text, but=fits)
    return _made(fits, asked, number_by(clues.before, text, but=fits), number_by(clues.after, text, but=fits))


def _by_size(limit: Limit | None, text: str) -> Limit | None:
    """The limit as the numbers themselves tell it, where they do; else as the clues have it."""
    numbers = numbers_in(text[:_LONGEST])
    if (total := _by_sum(numbers)) is not None:
        return replace(limit or total, max_tokens=total.max_tokens, requested_tokens=total.requested_tokens)
    counts = [number for number in numbers if number not in STATUSES]
    if limit is None or limit.max_tokens is None or limit.requested_tokens is None:
        return _by_order(counts) or _by_parts(counts, limit) or _with_rest(counts, limit) or limit
    return _with_rest(counts, limit) or limit


def _by_sum(numbers: list[int]) -> Limit | None:
    """Prompt and output add up to what was asked for; the number that is left is what fits."""
    for (one, before), (two, after) in combinations(enumerate(numbers), 2):
        asked = before + after
        # the sum stands there itself (a part of 0 adds nothing), and the parts are not one number said twice
        if before != after and numbers.count(asked) > (asked in (before, after)):
            others = (fits for at, fits in enumerate(numbers) if at not in (one, two))
            left = {fits for fits in others if _FEWEST <= fits < asked} - STATUSES
            if len(left) == 1:
                return Limit(max_tokens=left.pop(), requested_tokens=asked)
    return None


def _by_order(numbers: list[int]) -> Limit | None:
    """Of two numbers the smaller one is what fits."""
    known = sorted({number for number in numbers if number >= _FEWEST})
    return Limit(max_tokens=known[0], requested_tokens=known[1]) if len(known) == 2 else None


def _by_parts(numbers: list[int], limit: Limit | None) -> Limit | None:
    """Where prompt and output are known, the one other number is what fits."""
    if limit is None or limit.input_tokens is None or limit.output_tokens is None:
        return None
    asked = limit.input_tokens + limit.output_tokens
    left = {number for number in numbers if _FEWEST <= number < asked} - {limit.input_tokens, limit.output_tokens}
    return replace(limit, max_tokens=left.pop(), requested_tokens=asked) if len(left) == 1 else None


def _with_rest(numbers: list[int], limit: Limit | None) -> Limit | None:
    """Where less was asked for than fits, or nothing is said of it, the other numbers are parts of it.

    If they do not make it too much, it stays less: servers count in their own ways.
    """
    if limit is None or limit.max_tokens is None:
        return None
    fits, asked = limit.max_tokens, limit.requested_tokens or 0
    rest = set(numbers) - {fits, asked}
    total = asked + sum(rest)
    parts = len(rest) + bool(asked)
    return replace(limit, requested_tokens=total) if asked <= fits < total and parts == _PARTS else None


def _made(fits: int | None, asked: int | None, before: int | None, after: int | None) -> Limit | None:
    if asked in (None, before, after) and before is not None:
        asked = before + (after or 0)
    if asked is None and fits is None:
        return None
    return Limit(max_tokens=fits, requested_tokens=asked, input_tokens=before, output_tokens=after)
