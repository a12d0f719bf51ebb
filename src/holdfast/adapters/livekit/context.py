"""From a `ChatContext` to messages. It is only read: its items belong to the session's history.

An assistant's text and its calls share the id before the `/`, or the `group_id`, and become one message; outputs follow
the message of their call. What cannot stand in a request is left out: empty messages, outputs without a call, a second
output of one call. A reply that was cut off ends in an ellipsis, so that the model does not take it for a whole one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, TypeAlias

from livekit.agents import llm
from msgspec import convert

from holdfast.errors import InvalidRequestError
from holdfast.messages import (
    AssistantMessage,
    AssistantPart,
    CachePoint,
    Image,
    Message,
    SystemMessage,
    SystemPart,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
    UserPart,
)

NOTES: Final = "holdfast"
"""Under this key of an item's `extra` stands what LiveKit has no field for."""
_CUT: Final = "…"
_Group: TypeAlias = list[llm.ChatMessage | llm.FunctionCall]


def messages_of(items: Sequence[llm.ChatItem], without: Collection[str] = ()) -> tuple[Message, ...]:
    """The messages of a chat context's items, those with an id in `without` left out.

    Raises:
        InvalidRequestError: a picture is of a type that no model takes.
    """
    kept = [item for item in items if item.id not in without]
    outputs = _outputs(kept)
    messages: list[Message] = []
    for group in _groups(kept):
        match group[0]:
            case llm.ChatMessage(role="user"):
                messages += [UserMessage(content)] if (content := _content(group[0])) else []
            case llm.ChatMessage(role="system" | "developer"):
                messages += [SystemMessage(content)] if (content := _instructions(group[0])) else []
            case _:
                messages += _turn(group, outputs)
    return tuple(messages)


def newest(items: Sequence[llm.ChatItem]) -> frozenset[str]:
    """The ids of what came after the assistant's last word: a user's messages, or outputs together with their calls.

    They are what a filter that refuses a prompt has not let pass before.
    """
    ids: set[str] = set()
    calls: set[str] = set()
    for item in reversed(items):
        if isinstance(item, llm.FunctionCallOutput):
            calls.add(item.call_id)
            ids.add(item.id)
        elif isinstance(item, llm.FunctionCall) or (isinstance(item, llm.ChatMessage) and item.role == "assistant"):
            break
        elif isinstance(item, llm.ChatMessage) and item.role == "user":
            ids.add(item.id)
    ids.update(item.id for item in items if isinstance(item, llm.FunctionCall) and item.call_id in calls)
    return frozenset(ids)


def _groups(items: Iterable[llm.ChatItem]) -> Iterable[_Group]:
    """The messages one by one, and each of an assistant's with the calls that belong to it."""
    groups: dict[str, _Group] = {}
    for item in items:
        match item:
            case llm.FunctionCall():
                groups.setdefault(f"assistant {item.group_id or _base(item.id)}", []).append(item)
            case llm.ChatMessage(role="assistant"):
                groups.setdefault(f"assistant {_base(item.id)}", []).append(item)
            case llm.ChatMessage():
                groups[f"{len(groups)}"] = [item]
            case _:
                pass
    return groups.values()


def _base(item_id: str) -> str:
    return item_id.split("/", 1)[0]


def _outputs(items: Iterable[llm.ChatItem]) -> dict[str, llm.FunctionCallOutput]:
    outputs: dict[str, llm.FunctionCallOutput] = {}
    for item in items:
        if isinstance(item, llm.FunctionCallOutput):
            outputs.setdefault(item.call_id, item)
    return outputs


def _turn(group: _Group, outputs: dict[str, llm.FunctionCallOutput]) -> list[Message]:
    parts = tuple(part for item in group for part in _assistant_parts(item))
    calls = [part for part in parts if isinstance(part, ToolCall)]
    if all(isinstance(part, Thinking) for part in parts):
        return []
    results = tuple(_result(outputs.pop(call.id), call.name) for call in calls if call.id in outputs)
    return [AssistantMessage(parts), *([ToolMessage(results)] if results else [])]


def _assistant_parts(item: llm.ChatMessage | llm.FunctionCall) -> list[AssistantPart]:
    notes = _notes(item)
    thinking: list[AssistantPart] = [convert(part, Thinking) for part in notes.get("thinking", ())]
    if isinstance(item, llm.FunctionCall):
        marks = {name: notes.get(name) for name in ("item_id", "signature", "origin")}
        return [*thinking, ToolCall(item.call_id, item.name, item.arguments or "{}", **marks)]
    text = item.raw_text_content or ""
    if not text.strip():
        return []
    cut = item.interrupted or notes.get("truncated", False)
    return [*thinking, Text(text.rstrip().removesuffix(_CUT) + _CUT if cut else text)]


def _notes(item: llm.ChatMessage | llm.FunctionCall) -> dict[str, Any]:
    notes = item.extra.get(NOTES)
    return notes if isinstance(notes, dict) else {}


def _result(output: llm.FunctionCallOutput, name: str) -> ToolResult:
    return ToolResult(output.call_id, output.output, name, is_error=output.is_error)


def _instructions(message: llm.ChatMessage) -> str | tuple[SystemPart, ...]:
    content = _content(message)
    if isinstance(content, str):
        return content
    return tuple(part for part in content if isinstance(part, Text | CachePoint))


def _content(message: llm.ChatMessage) -> str | tuple[UserPart, ...]:
    """The content: one text where it is nothing else, with LiveKit's line break between its pieces."""
    if all(isinstance(piece, str) for piece in message.content):
        text = message.raw_text_content or ""
        return text if text.strip() else ""
    parts = [part for piece in message.content if (part := _part(piece)) is not None]
    return tuple(parts) if any(not isinstance(part, CachePoint) for part in parts) else ""


def _part(piece: llm.ChatContent) -> UserPart | None:
    match piece:
        case str():
            return Text(piece) if piece.strip() else None
        case llm.ImageContent():
            return _image(piece)
        case llm.AudioContent():
            return Text(piece.transcript) if piece.transcript else None
        case llm.CacheBreakpoint():
            return CachePoint()


def _image(piece: llm.ImageContent) -> Image:
    try:
        image = llm.utils.serialize_image(piece)
    except ValueError as error:
        raise InvalidRequestError(f"A picture cannot be sent: {error}") from error
    detail = None if image.inference_detail == "auto" else image.inference_detail
    if image.external_url is not None:
        return Image(url=image.external_url, media_type=image.mime_type, detail=detail)
    return Image(data=image.data_bytes, media_type=image.mime_type, detail=detail)
