"""The numbers in an overflow or a too-large error: what fits, and what was asked for. Tokens, never bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from holdfast.errors import Limit
from holdfast.providers.failures.evidence import Evidence

_N: Final = r"(?<![\w.\-])[(`]?(\d{1,3}(?:[,_]\d{3})+|\d{1,9})(?:\.0+)?(?![\w\-]|[.,]\d)"
_TOKENS: Final = 2**31  # more is no count of tokens


def _patterns(*written: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern.replace("<N>", _N), re.IGNORECASE) for pattern in written)


_BYTES: Final = re.compile(r"\b(?:bytes?|[kmg]i?b|pixels?|characters?|maxlength)\b", re.IGNORECASE)

# Both numbers side by side: (asked, fits).
_PAIRS: Final = _patterns(
    r"<N>\s?(?:tokens?)?\s?>=?\s?(?:n_ctx: )?<N>",  # Anthropic, watsonx: "191989 tokens > 180000 maximum"
    r"requested up to <N> tokens?,? but (?:you )?can only afford <N>",  # OpenRouter
    r"<N> (?:input )?tokens?[^.\d]{0,60}(?:exceeds?|larger than|longer than|greater than|above|over)[^.\d]{0,80}<N>",
)
_FITS: Final = _patterns(
    r"\blimit:? <N>",  # OpenAI, Groq: "Limit 30000, Used 29937, Requested 385"
    r"maximum context[ -]?(?:length|window|size)?[^\n]{0,60}?<N>",
    r"context (?:length|window|size|limit)[^\n]{0,60}?<N>",
    r"maximum (?:context|prompt|sequence|input|model|token|total)[ -]?(?:length|size|window|tokens?|limit|len)?[^\n]{0,60}?<N>",
    r"max(?:imum)? (?:size|length|tokens?)[^\d\n]{0,24}?<N>",
    r"(?:token limit|tokens limit|limit of|limit is|limit:|limited to)[^\d\n]{0,16}?<N>",
    r"(?:less than or equal to|less than|at most|no more than|<=|below|up to|under|cannot exceed|can not exceed|must not exceed|not exceed|exceeds? the (?:maximum|max) of|exceed)[^\d\n]{0,24}?<N>",
    r"\[\s?\d{1,6}\s?,\s?<N>\s?\]",  # DashScope: "Range of input length should be [1, 3072]"
    r"maximum[^\d\n]{0,48}?<N>",
    r"<N> (?:tokens? )?(?:maximum|max\b|limit)",
    r"n_ctx[^\d\n]{0,12}?<N>",
)
_ASKED: Final = _patterns(
    r"(?:prefill|keep the first) <N> tokens",
    r"requested(?: about| up to| a total of| token count)?[^\d\n]{0,24}?<N>",
    r"(?:received|given:?|given were|got|actual|resulted in|contains?|found|prompt has|has|take|was|were|is now|totals?|sum is|provided|instead of)[^\d\n]{0,24}?<N> ?(?:total |input |prompt )?(?:tokens?|`inputs?`)?",
    r"(?:input|prompt|request|message|messages|total|length|token count|prompt tokens)(?: length| size| token count| tokens| \(total length)?(?: of| is|:| \(|\()\s?<N>",
    r"<N> (?:input |prompt )?tokens? (?:in|from|for|>)",
)
_INPUT: Final = _patterns(
    r"<N> input tokens",
    r"prompt of length <N>",
    r"<N> (?:tokens? )?(?:in|from|of) (?:the |your )?(?:messages|prompt|input|text input)",
    r"<N> `inputs?` tokens",
    r"(?:prompt contains|input has|prompt_tokens|prompt tokens?|input tokens?)[^\d\n]{0,16}?<N>",
    r"input length and `?max_tokens`? exceed context limit: <N>",
)
_OUTPUT: Final = _patterns(
    r"requested <N> (?:output tokens|to generate)",
    r"<N> (?:tokens? )?(?:in|for|from) the (?:completion|output)",
    r"<N> `?max_(?:new_)?tokens`?",
    r"<N> output tokens? (?:were )?requested",
    r"\d \+ <N> >",
)
_SUM: Final = re.compile(r"(\d{1,9}) ?\+ ?(\d{1,9}) ?> ?(\d{1,9})")  # Anthropic: "200000 + 21333 > 204798"


def limit_of(evidence: Evidence) -> Limit | None:
    """The numbers that the evidence states, or None when there are none."""
    details = evidence.details
    window, prompt = _count(details.get("n_ctx")), _count(details.get("n_prompt_tokens"))
    if window is not None:  # llama.cpp
        return Limit(max_tokens=window, requested_tokens=prompt, input_tokens=prompt)
    return limit_in(evidence.text)


def limit_in(text: str) -> Limit | None:
    """The numbers that a text states."""
    if _BYTES.search(text):
        return None
    if (total := _SUM.search(text)) is not None:
        before, after, fits = (int(number) for number in total.groups())
        return Limit(max_tokens=fits, requested_tokens=before + after, input_tokens=before, output_tokens=after)
    asked, fits_ = _pair(text)
    spent_in, spent_out = _first(_INPUT, text), _first(_OUTPUT, text)
    fits_ = fits_ if fits_ is not None else _first(_FITS, text)
    asked = asked if asked is not None else _first(_ASKED, text, other=fits_)
    if asked in (None, spent_in, spent_out) and spent_in is not None and spent_out is not None:
        asked = spent_in + spent_out
    asked = spent_in if asked is None else asked
    if asked is None and fits_ is None:
        return None
    return Limit(max_tokens=fits_, requested_tokens=asked, input_tokens=spent_in, output_tokens=spent_out)


def _pair(text: str) -> tuple[int | None, int | None]:
    for pattern in _PAIRS:
        if (match := pattern.search(text)) is not None:
            return _count(match[1]), _count(match[2])
    return None, None


def _first(patterns: Sequence[re.Pattern[str]], text: str, *, other: int | None = None) -> int | None:
    for pattern in patterns:
        for match in pattern.finditer(text):
            if (count := _count(match[1])) is not None and count != other:
                return count
    return None


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        count = int(value.replace(",", "").replace("_", "")) if isinstance(value, str) else int(value)
    except (ValueError, OverflowError):
        return None
    return count if 0 <= count < _TOKENS else None
