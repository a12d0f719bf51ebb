"""Messages in the form that OpenTelemetry's GenAI conventions give them (`gen_ai.input.messages` and its kin)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from holdfast.messages import (
    AssistantMessage,
    Audio,
    Document,
    Image,
    Message,
    Opaque,
    SystemMessage,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.response import Response


def input_messages(messages: Iterable[Message]) -> str:
    """The messages of a request, as JSON."""
    return _json([{"role": _role(message), "parts": _parts(message.parts)} for message in messages])


def output_messages(response: Response) -> str:
    """A response as the one message that it is, as JSON."""
    return _json([{"role": "assistant", "parts": _parts(response.parts)}])


def _json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=repr).decode()


def _role(message: Message) -> str:
    match message:
        case SystemMessage():
            return "system"
        case UserMessage():
            return "user"
        case AssistantMessage():
            return "assistant"
        case ToolMessage():
            return "tool"


def _parts(parts: Iterable[Any]) -> list[dict[str, Any]]:
    return [written for part in parts if (written := _part(part)) is not None]


def _part(part: Any) -> dict[str, Any] | None:
    match part:
        case Text():
            return {"type": "text", "content": part.text}
        case Thinking():
            return {"type": "reasoning", "content": part.text}
        case ToolCall():
            return {"type": "tool_call", "id": part.id, "name": part.name, "arguments": _arguments(part.arguments)}
        case ToolResult():
            return {"type": "tool_call_response", "id": part.call_id, "response": part.text}
        case Image():
            return _medium(part, "image")
        case Audio():
            return _medium(part, "audio")
        case Document(text=str(text)):
            return {"type": "text", "content": text}
        case Document():
            return _medium(part, "document")
        case Opaque():
            return {"type": part.origin, "data": part.data}
        case _:  # a cache point says nothing
            return None


def _medium(part: Image | Audio | Document, modality: str) -> dict[str, Any]:
    written: dict[str, Any] = {"mime_type": part.media_type, "modality": modality}
    file_id = getattr(part, "file_id", None)
    if part.url is not None:
        return {"type": "uri", "uri": part.url, **written}
    if file_id is not None:
        return {"type": "file", "file_id": file_id, **written}
    return {"type": "blob", "content": part.data or b"", **written}


def _arguments(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
