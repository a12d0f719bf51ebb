"""How an answer ended and what it cost: Google's words in ours. Tables; nothing is guessed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from holdfast.events import FinishReason
from holdfast.providers.gemini.wire import Candidate, ModalityCount, PromptFeedback, UsageMetadata
from holdfast.usage import Usage

REASONS: Final[dict[str, FinishReason]] = {
    "FINISH_REASON_UNSPECIFIED": "unknown",
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "pause",  # a limit per request; `continuation_token` asks for the rest
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",  # "flagged for using an unsupported language"
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "ESCALATION": "content_filter",  # "filtered by an escalation rule"
    "PUP_LIMITED_DISABLED": "error",
    "MALFORMED_FUNCTION_CALL": "error",
    "MALFORMED_RESPONSE": "error",
    "UNEXPECTED_TOOL_CALL": "error",
    "TOO_MANY_TOOL_CALLS": "error",
    "MISSING_THOUGHT_SIGNATURE": "error",
    "NO_IMAGE": "error",
    "IMAGE_OTHER": "unknown",
    "OTHER": "unknown",
}
"""`FinishReason` of the API reference, whole."""

METADATA: Final = (
    "safety_ratings", "citation_metadata", "grounding_metadata", "url_context_metadata", "avg_logprobs",
    "finish_message", "continuation_token",
)  # fmt: skip
"""What a candidate says besides its content."""


def finish_reason(raw: str | None, *, calls: bool) -> FinishReason:
    """Our word for the end. Calls end as STOP here, too."""
    reason = REASONS.get(raw or "", "unknown")
    return "tool_calls" if calls and reason == "stop" else reason


def usage(counts: UsageMetadata) -> Usage:
    """The tokens."""
    return Usage(
        input_tokens=(counts.prompt_token_count or 0) + (counts.tool_use_prompt_token_count or 0),
        output_tokens=(counts.candidates_token_count or 0) + (counts.thoughts_token_count or 0),
        cache_read_tokens=counts.cached_content_token_count or 0,
        reasoning_tokens=counts.thoughts_token_count or 0,
        audio_input_tokens=_audio(counts.prompt_tokens_details),
        audio_output_tokens=_audio(counts.candidates_tokens_details),
    )


def _audio(details: Iterable[ModalityCount] | None) -> int:
    count = 0
    for detail in details or ():
        if detail.modality == "AUDIO":
            count += detail.token_count or 0
    return count


def said_of(candidate: Candidate) -> dict[str, Any]:
    """What a candidate says besides its content."""
    if _says_nothing(candidate):
        return {}
    said = {name: value for name in METADATA if (value := getattr(candidate, name)) is not None}
    if blocked := _blocked(candidate.safety_ratings):
        said["categories"] = blocked
    return said


def _says_nothing(candidate: Candidate) -> bool:
    """Whether this is a bit of a stream like most: words, and nothing besides."""
    return candidate == Candidate(content=candidate.content, index=candidate.index)


def said_of_prompt(feedback: PromptFeedback) -> dict[str, Any]:
    """Why the prompt was blocked."""
    said = {
        "block_reason": feedback.block_reason,
        "block_reason_message": feedback.block_reason_message,
        "safety_ratings": feedback.safety_ratings,
        "categories": _blocked(feedback.safety_ratings) or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _blocked(ratings: Any) -> tuple[str, ...]:
    return tuple(
        str(rating.get("category", "")).removeprefix("HARM_CATEGORY_").lower()
        for rating in ratings or ()
        if isinstance(rating, dict) and rating.get("blocked")
    )
