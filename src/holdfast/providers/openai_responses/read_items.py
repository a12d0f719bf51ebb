"""Input items as messages: what one side says in a row is one message."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator
from typing import Any, Literal

from holdfast.messages import (
    AssistantMessage,
    Audio,
    CachePoint,
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
from holdfast.providers.openai_responses.rest import custom_arguments, rest_of
from holdfast.providers.openai_responses.wire import CUSTOM_CALL, ORIGIN, RAW_REASONING

Side = Literal["user", "system", "assistant", "tool"]


def read_messages(fields: dict[str, Any]) -> tuple[Message, ...]:
    """The messages in a request's `instructions` and `input`; raises `KeyError` and its kin for what is none."""
    wire = fields.get("input") or []
    items = [{"role": "user", "content": wire}] if isinstance(wire, str) else wire
    instructions = fields.get("instructions")
    first = (SystemMessage(instructions),) if instructions else ()
    return (*first, *_joined(items))


def _joined(items: list[dict[str, Any]]) -> Iterator[Message]:
    """The items as messages: what an assistant says in a row is one message, and so are results in a row."""
    said: list[Any] = []
    results: list[ToolResult] = []
    for item in items:
        side = _side(item)
        if said and side != "assistant":
            yield AssistantMessage(tuple(said))
            said = []
        if results and side != "tool":
            yield ToolMessage(tuple(results))
            results = []
        match side:
            case "assistant":
                said += _assistant_parts(item)
            case "tool":
                results.append(ToolResult(item.get("call_id") or "", _result_content(item.get("output"))))
            case "system":
                yield SystemMessage(_content(item["content"]))
            case _:
                yield UserMessage(_content(item["content"]))
    if said:
        yield AssistantMessage(tuple(said))
    if results:
        yield ToolMessage(tuple(results))


def _side(item: dict[str, Any]) -> Side:
    kind = item.get("type")
    if kind in ("function_call_output", "custom_tool_call_output"):
        return "tool"
    if kind in (None, "message"):
        role = item.get("role")
        return "user" if role == "user" else "assistant" if role == "assistant" else "system"
    return "assistant"  # a call, reasoning, or an item that only this wire understands


def _assistant_parts(item: dict[str, Any]) -> Iterator[Any]:
    kind = item.get("type")
    match kind:
        case None | "message":
            yield from _spoken(item)
        case "reasoning":
            yield from _thought(item)
        case "function_call" | "custom_tool_call":
            text = custom_arguments(item.get("input") or "") if kind == CUSTOM_CALL else item.get("arguments")
            rest, item_id = rest_of(item), item.get("id")
            origin = ORIGIN if rest or item_id else None
            yield ToolCall(item["call_id"], item["name"], text or "{}", item_id, rest, origin)
        case _:
            yield Opaque(ORIGIN, item)


def _spoken(item: dict[str, Any]) -> Iterator[Text]:
    content, item_id, rest = item.get("content") or "", item.get("id"), rest_of(item)
    origin = ORIGIN if item_id or rest else None
    pieces = [{"text": content}] if isinstance(content, str) else content
    for piece in pieces:
        words = piece.get("text") or piece.get("refusal") or ""
        if not (words or origin):
            continue
        yield Text(words, tuple(piece.get("annotations") or ()), item_id, rest, origin)


def _thought(item: dict[str, Any]) -> Iterator[Thinking]:
    item_id, data = item.get("id"), item.get("encrypted_content")
    pieces: list[tuple[str, str | None]] = [(piece.get("text") or "", None) for piece in item.get("summary") or ()]
    pieces += [(piece.get("text") or "", RAW_REASONING) for piece in item.get("content") or ()]
    for number, (words, kind) in enumerate(pieces or [("", None)]):
        yield Thinking(words, item_id, kind, None if number else data, ORIGIN)


def _result_content(output: Any) -> Any:
    return output if isinstance(output, str) else _content(output or "")


def _content(content: Any) -> Any:
    if isinstance(content, str):
        return content
    return tuple(part for piece in content for part in _parts(piece))


def _parts(piece: dict[str, Any]) -> Iterator[Any]:
    match piece.get("type"):
        case "input_text" | "output_text" | "text":
            yield Text(piece["text"])
        case "input_image":
            yield _image(piece)
        case "input_file":
            yield _document(piece)
        case "input_audio":
            audio = piece["input_audio"]
            yield Audio(data=b64decode(audio["data"]), media_type=f"audio/{audio.get('format') or 'wav'}")
        case _:
            yield Opaque(ORIGIN, piece)
    if mark := piece.get("prompt_cache_breakpoint"):
        yield CachePoint(mark.get("ttl"))


def _image(piece: dict[str, Any]) -> Image:
    detail = piece.get("detail")
    given = None if detail == "auto" else detail
    if file_id := piece.get("file_id"):
        return Image(file_id=file_id, detail=given)
    url = piece["image_url"]
    kind, data = _data_of(url)
    return Image(url=url, detail=given) if data is None else Image(data=data, media_type=kind, detail=given)


def _document(piece: dict[str, Any]) -> Document:
    name = piece.get("filename")
    if file_id := piece.get("file_id"):
        return Document(file_id=file_id, name=name)
    if url := piece.get("file_url"):
        return Document(url=url, name=name)
    kind, data = _data_of(piece["file_data"])
    if data is None:
        return Document(data=b64decode(piece["file_data"]), name=name)
    if kind == "text/plain":
        return Document(text=data.decode("utf-8", "replace"), media_type=kind, name=name)
    return Document(data=data, media_type=kind, name=name)


def _data_of(url: str) -> tuple[str | None, bytes | None]:
    """The media type and bytes of a base64 data URL; nothing for any other."""
    head, found, text = url.partition(";base64,")
    if not found or not head.startswith("data:"):
        return None, None
    try:
        return head[5:], b64decode(text, validate=True)
    except binascii.Error:
        return None, None
