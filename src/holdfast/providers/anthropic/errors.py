"""Anthropic's failures.

The wire: `{"type": "error", "error": {"type", "message"}, "request_id"}`, the same object as `event: error` inside a
stream. The type is often general: 400 `invalid_request_error` is also a used-up credit, an overflow, a filtered answer.
"""

from __future__ import annotations

from typing import Final

from holdfast.errors import (
    ContentFilterError,
    ContextOverflowError,
    InvalidRequestError,
    OverloadedError,
    QuotaExhaustedError,
    RequestTooLargeError,
)
from holdfast.providers.bedrock.errors import RULES as AWS
from holdfast.providers.failures.rule import Rule, Table
from holdfast.providers.failures.shared import SHARED
from holdfast.providers.failures.wire import WireErrors
from holdfast.providers.gemini.errors import RULES as GOOGLE

RULES: Final = (
    Rule(
        name="anthropic-credit",
        error=QuotaExhaustedError,
        source="Anthropic 400 invalid_request_error: 'Your credit balance is too low to access the Anthropic API'",
        codes=("billing_error",),
        phrases=("credit balance is too low", "reached your specified api usage limits"),
        quota="credit",
        meaning="The organisation has no credit left.",
    ),
    Rule(
        name="anthropic-overloaded",
        error=OverloadedError,
        source="Anthropic 'Errors': overloaded_error (529), also inside a stream",
        codes=("overloaded_error",),
        statuses=(529,),
        sure=True,
        meaning="Anthropic is at capacity for all its users.",
    ),
    Rule(
        name="anthropic-output-filter",
        error=ContentFilterError,
        source="Anthropic 400 invalid_request_error: 'Output blocked by content filtering policy'",
        phrases=("output blocked by content filtering policy",),
        scope="response",
        meaning="The answer, not the prompt, was stopped by a filter.",
    ),
    Rule(
        name="anthropic-window",
        error=ContextOverflowError,
        source="Anthropic 'Context windows': 'prompt is too long: N tokens > M maximum'; input with `max_tokens`",
        phrases=("prompt is too long", "input length and max_tokens exceed context limit"),
        not_at=(429,),
    ),
    Rule(
        name="anthropic-output-cap",
        error=InvalidRequestError,
        source="Anthropic 400: 'max_tokens: N > M, which is the maximum allowed number of output tokens'",
        phrases=("the maximum allowed number of output tokens",),
        meaning="More output was asked for than the model ever gives.",
    ),
    Rule(
        name="anthropic-too-large",
        error=RequestTooLargeError,
        source="Anthropic 'Errors': request_too_large (413, 32 MB); 'Vision': 5 MB and 8000 pixels for an image",
        codes=("request_too_large",),
        phrases=("image exceeds 5 mb maximum", "image dimensions exceed max allowed size"),
    ),
)
"""Rules of Anthropic's own."""

TABLE: Final = Table(RULES, AWS, GOOGLE, SHARED)


_ERRORS: Final = WireErrors(TABLE)
error: Final = _ERRORS.error
stream_error: Final = _ERRORS.stream_error
