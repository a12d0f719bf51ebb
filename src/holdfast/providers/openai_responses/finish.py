"""How an answer ended and what it cost: the wire's words in ours. Tables; nothing is guessed."""

from __future__ import annotations

from typing import Any, Final

from holdfast.events import FinishReason
from holdfast.providers.openai_responses.wire import Body, TokenDetails, Tokens
from holdfast.usage import Usage

_STATUS: Final[dict[str | None, FinishReason]] = {
    "completed": "stop",
    "complete": "stop",  # not in the reference, but seen
    "incomplete": "unknown",  # with a reason, the table below says more
    "failed": "error",
    "cancelled": "error",
}
_INCOMPLETE: Final[dict[str | None, FinishReason]] = {
    "max_output_tokens": "length",
    "max_messages": "length",  # as many messages as one response may hold
    "content_filter": "content_filter",
    "steered": "pause",  # stopped by `response.steer`; a successor goes on with the queued input
}
KEPT: Final = ("service_tier", "content_filters", "moderation", "conversation", "tool_usage")
"""What a response says besides, that is kept."""


def finish_reason(body: Body, *, calls: bool, refused: bool) -> tuple[FinishReason, str | None]:
    """Our word for the end, next to the wire's: the reason of an incomplete response, else its status."""
    if body.status == "incomplete":
        reason = body.incomplete_details.reason if body.incomplete_details else None
        return _INCOMPLETE.get(reason, "unknown"), reason or "incomplete"
    ended: FinishReason = _STATUS.get(body.status, "unknown")
    if ended == "stop" and (calls or refused):
        ended = "tool_calls" if calls else "content_filter"
    return ended, body.status


def usage(tokens: Tokens | None) -> Usage | None:
    """The tokens; None when the wire says nothing."""
    if tokens is None:
        return None
    read = tokens.input_tokens_details or TokenDetails()
    wrote = tokens.output_tokens_details or TokenDetails()
    return Usage(
        input_tokens=tokens.input_tokens or 0,
        output_tokens=tokens.output_tokens or 0,
        cache_read_tokens=read.cached_tokens or 0,
        cache_write_tokens=read.cache_write_tokens or 0,
        reasoning_tokens=wrote.reasoning_tokens or 0,
        audio_input_tokens=read.audio_tokens or 0,
        audio_output_tokens=wrote.audio_tokens or 0,
    )


def said_besides(body: Body, refusal: str) -> dict[str, Any]:
    """What the response says besides, in its own form; the words of a refusal under `refusal`."""
    said = {name: value for name in KEPT if (value := getattr(body, name)) is not None}
    if body.usage is not None and body.usage.cost is not None:
        said["cost"] = body.usage.cost  # OpenRouter's, in dollars
    if refusal:
        said["refusal"] = refusal
    if blocked := _blocked(body.content_filters):
        said["categories"] = blocked
    return said


def _blocked(filters: Any) -> tuple[str, ...]:
    """What Azure's filters objected to, by category (docs, "Content filtering")."""
    found = [one.get("content_filter_results") for one in filters or () if isinstance(one, dict)]
    return tuple(
        name
        for results in found
        if isinstance(results, dict)
        for name, result in results.items()
        if isinstance(result, dict) and result.get("filtered")
    )
