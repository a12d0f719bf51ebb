"""The parts of an answer as output items, and the response object around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec.structs import replace

from holdfast.messages import AssistantPart, Image, Opaque, Text, Thinking, ToolCall
from holdfast.providers.codec import ServedRequest
from holdfast.providers.openai_responses.finish import KEPT
from holdfast.providers.openai_responses.input import said_items
from holdfast.providers.openai_responses.wire import ORIGIN
from holdfast.response import Response
from holdfast.usage import Usage

_REASONS: Final = ("max_output_tokens", "max_messages", "content_filter", "steered")
_INCOMPLETE: Final = {
    "length": "max_output_tokens",
    "context_length": "max_output_tokens",
    "content_filter": "content_filter",
    "pause": "steered",
}


def owned(part: AssistantPart, name: str) -> AssistantPart:
    """The part as this wire's own, with an id made of `name` where it has none."""
    match part:
        case Text():
            return replace(part, id=part.id or f"msg_{name}", origin=ORIGIN)
        case Thinking():
            return replace(part, id=part.id or f"rs_{name}", origin=ORIGIN)
        case ToolCall():
            return replace(part, item_id=part.item_id or f"fc_{name}", origin=ORIGIN)
        case _:
            return part


def awaits_picture(part: AssistantPart) -> bool:
    """Whether the part is the call that the picture after it came from."""
    return isinstance(part, Opaque) and part.origin == ORIGIN and part.data.get("type") == "image_generation_call"


def output_items(parts: Sequence[AssistantPart], name: str) -> list[dict[str, Any]]:
    """The output items of the parts; `name` keeps the ids that are made here apart from those of other answers."""
    named: list[AssistantPart] = []
    for number, part in enumerate(parts):
        if isinstance(part, Image) and not (named and awaits_picture(named[-1])):
            call = {"type": "image_generation_call", "id": f"ig_{name}_{number}", "status": "completed"}
            named.append(Opaque(ORIGIN, call))
        named.append(owned(part, f"{name}_{number}"))
    return [_completed(item) for item in said_items(named)]


def _completed(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "status": "completed"} if item.get("type") in ("function_call", "message") else item


def refusal_item(refusal: str, name: str) -> dict[str, Any]:
    """The message that says no."""
    content = [{"type": "refusal", "refusal": refusal}]
    return {"type": "message", "id": f"msg_{name}_no", "role": "assistant", "status": "completed", "content": content}


def response_object(response: Response, served: ServedRequest) -> dict[str, Any]:
    """The whole response."""
    name = short_name(response.id)
    output = output_items(response.parts, name)
    if response.logprobs:
        _add_logprobs(output, response.logprobs)
    if refusal := response.extra.get("refusal"):
        output.append(refusal_item(refusal, name))
    return finished_object(response, served, output)


def short_name(response_id: str | None) -> str:
    """What the ids of one response have in common."""
    return (response_id or "resp_0").removeprefix("resp_")


def opened_object(response_id: str | None, model: str) -> dict[str, Any]:
    """The response object before there is any output."""
    return {
        "id": response_id or "resp_0",
        "object": "response",
        "created_at": 0,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": [],
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [],
        "top_p": None,
        "usage": None,
    }


def finished_object(response: Response, served: ServedRequest, output: list[dict[str, Any]]) -> dict[str, Any]:
    """The response object at its end."""
    status, reason = status_of(response)
    said = {name: response.extra[name] for name in KEPT if name in response.extra}
    return {
        **opened_object(response.id, response.model or served.model),
        "status": status,
        "incomplete_details": {"reason": reason} if reason else None,
        "error": {"code": "server_error", "message": "generation failed"} if status == "failed" else None,
        "output": output,
        "usage": usage_object(response.usage, response.extra.get("cost")),
        **said,
    }


def status_of(response: Response) -> tuple[str, str | None]:
    """The status of a response, and why it is incomplete."""
    raw, reason = response.raw_finish_reason, response.finish_reason
    if reason in ("stop", "tool_calls") or response.extra.get("refusal"):
        return "completed", None
    if reason == "error":
        return "failed", None
    return "incomplete", raw if raw in _REASONS else _INCOMPLETE.get(reason or "")


def usage_object(usage: Usage, cost: float | None = None) -> dict[str, Any]:
    """The `usage` of a response object."""
    read = {"cached_tokens": usage.cache_read_tokens, "cache_write_tokens": usage.cache_write_tokens}
    if usage.audio_input_tokens:
        read["audio_tokens"] = usage.audio_input_tokens
    wrote = {"reasoning_tokens": usage.reasoning_tokens}
    if usage.audio_output_tokens:
        wrote["audio_tokens"] = usage.audio_output_tokens
    counts = {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": read,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": wrote,
        "total_tokens": usage.total_tokens,
    }
    return counts if cost is None else {**counts, "cost": cost}


def _add_logprobs(output: list[dict[str, Any]], logprobs: Sequence[Any]) -> None:
    message = next((item for item in output if item.get("type") == "message"), None)
    if message is not None:
        message["content"][0]["logprobs"] = list(logprobs)
