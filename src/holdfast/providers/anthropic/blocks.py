"""Messages as content blocks, and back.

SystemMessage      `system`, or a message of its own where it stands among the others
UserMessage        user: text, image, document
AssistantMessage   assistant: text, thinking, redacted_thinking, tool_use
ToolMessage        user: tool_result
Opaque             the block that it keeps
CachePoint         `cache_control` on the block before it
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, assert_never

import msgspec

from holdfast.errors import InvalidRequestError
from holdfast.messages import (
    AssistantMessage,
    Audio,
    CachePoint,
    Document,
    Image,
    Message,
    Opaque,
    Part,
    SystemMessage,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.providers.anthropic.wire import ORIGIN
from holdfast.providers.legible import is_text

Block = dict[str, Any]

# Blocks that take no cache point (docs, "Prompt caching", "What cannot be cached").
_UNCACHED: Final = ("thinking", "redacted_thinking")
# The first bytes of the pictures that the API takes (docs, "Vision").
_PICTURES: Final = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
)


def system_blocks(messages: Iterable[Message]) -> list[Block]:
    """The `system` field of these messages."""
    return _blocks(part for message in messages for part in message.parts)


def message_blocks(messages: Iterable[Message]) -> list[Block]:
    """The `messages` field; those of one role in a row are one message."""
    found: list[Block] = []
    for message in messages:
        role = _role(message)
        if found and found[-1]["role"] == role:
            _add(found[-1]["content"], message.parts)
        else:
            found.append({"role": role, "content": _blocks(message.parts)})
    return [message for message in found if message["content"]]


def _role(message: Message) -> str:
    match message:
        case SystemMessage():
            return "system"
        case AssistantMessage():
            return "assistant"
        case UserMessage() | ToolMessage():
            return "user"
        case _:
            assert_never(message)


def _blocks(parts: Iterable[Part]) -> list[Block]:
    blocks: list[Block] = []
    _add(blocks, parts)
    return blocks


def _add(blocks: list[Block], parts: Iterable[Part]) -> None:
    for part in parts:
        if isinstance(part, CachePoint):
            _mark(blocks, part)
        elif not isinstance(part, Text) or part.text.strip():  # a blank text is refused
            blocks.append(block_of(part))


def _mark(blocks: list[Block], point: CachePoint) -> None:
    for block in reversed(blocks):
        if block.get("type") not in _UNCACHED:
            block["cache_control"] = {"type": "ephemeral", **({"ttl": point.ttl} if point.ttl else {})}
            return


def block_of(part: Part) -> Block:
    """One part as a block."""
    match part:
        case Text():
            cited = {"citations": list(part.annotations)} if part.annotations and part.origin == ORIGIN else {}
            return {"type": "text", "text": part.text, **cited}
        case Thinking():
            if part.data is not None:
                return {"type": "redacted_thinking", "data": part.data}
            return {"type": "thinking", "thinking": part.text, "signature": part.signature or ""}
        case ToolCall():
            given = msgspec.Raw(part.arguments.encode())
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": given, **_bound(part)}
        case ToolResult():
            return _result(part)
        case Image():
            return {"type": "image", "source": _picture(part)}
        case Document():
            return _document(part)
        case Opaque():
            return _item(part)
        case Audio() | CachePoint():
            raise InvalidRequestError(f"Anthropic's wire has no block for {type(part).__name__}.")
        case _:
            assert_never(part)


def _item(part: Opaque) -> Block:
    if not isinstance(part.data, Mapping):
        raise InvalidRequestError("An item of Anthropic's wire is an object, a content block.", raw=repr(part.data))
    return dict(part.data)


def _bound(part: ToolCall) -> Block:
    # What the decoder has put there: the `caller`, the toolset.
    if part.signature is None or part.origin != ORIGIN:
        return {}
    try:
        return msgspec.json.decode(part.signature, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def _result(part: ToolResult) -> Block:
    content = part.content if isinstance(part.content, str) else _blocks(part.content)
    failed = {"is_error": True} if part.is_error else {}
    return {"type": "tool_result", "tool_use_id": part.call_id, "content": content, **failed}


def _picture(part: Image) -> Block:
    if part.data is not None:
        return {"type": "base64", "media_type": part.media_type or _guess(part.data), "data": part.data}
    if part.url is not None:
        return _inline(part.url) or {"type": "url", "url": part.url}
    return {"type": "file", "file_id": part.file_id}


def _guess(data: bytes) -> str:
    return next((media_type for start, media_type in _PICTURES if data.startswith(start)), "image/png")


def _inline(url: str) -> Block | None:
    head, comma, data = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None
    return {"type": "base64", "media_type": head[5:-7], "data": data}


def _document(part: Document) -> Block:
    title = {"title": part.name} if part.name else {}
    return {"type": "document", "source": _source(part), **title}


def _source(part: Document) -> Block:
    media_type = part.media_type or "application/pdf"
    if part.text is not None:
        return {"type": "text", "media_type": "text/plain", "data": part.text}
    if part.data is not None:
        if is_text(media_type):  # of any kind, told as plain
            return {"type": "text", "media_type": "text/plain", "data": part.data.decode("utf-8", "replace")}
        return {"type": "base64", "media_type": media_type, "data": part.data}
    if part.url is not None:
        return _inline(part.url) or {"type": "url", "url": part.url}
    return {"type": "file", "file_id": part.file_id}


def takes(part: Document) -> bool:
    """Whether the wire has a source for this file: PDF, text, what the provider fetches (docs, "PDF support")."""
    return part.data is None or part.media_type in (None, "application/pdf") or is_text(part.media_type)


def read_parts(content: Any) -> Iterator[Part]:
    """The parts of a message's content, of any role."""
    if isinstance(content, str):
        yield Text(content)
        return
    for block in content or ():
        control = block.get("cache_control")
        yield _read({name: value for name, value in block.items() if name != "cache_control"})
        if control:
            yield CachePoint(control.get("ttl"))


def _read(block: Block) -> Part:
    match block:
        case {"type": "text", "text": str(text)}:
            cited = tuple(block.get("citations") or ())
            return Text(text, cited, origin=ORIGIN if cited else None)
        case {"type": "thinking", "thinking": str(text)}:
            return Thinking(text, signature=block.get("signature"), origin=ORIGIN)
        case {"type": "redacted_thinking", "data": str(data)}:
            return Thinking("", data=data, origin=ORIGIN)
        case {"type": "tool_use", "id": str(call_id), "name": str(name)}:
            return _read_call(call_id, name, block)
        case {"type": "tool_result", "tool_use_id": str(call_id)}:
            content = block.get("content", "")
            inner: Any = content if isinstance(content, str) else tuple(read_parts(content))
            return ToolResult(call_id, inner, is_error=bool(block.get("is_error")))
        case {"type": "image", "source": dict(source)} if set(block) == {"type", "source"}:
            return _read_picture(source, block)
        case {"type": "document", "source": dict(source)} if set(block) <= {"type", "source", "title"}:
            return _read_document(source, block)
        case _:
            return Opaque(ORIGIN, block)


def _read_call(call_id: str, name: str, block: Block) -> ToolCall:
    arguments = msgspec.json.encode(block.get("input") or {}).decode()
    bound = {key: value for key, value in block.items() if key in ("caller", "toolset_name")}
    if bound in ({}, {"caller": {"type": "direct"}}):
        return ToolCall(call_id, name, arguments)
    return ToolCall(call_id, name, arguments, signature=msgspec.json.encode(bound).decode(), origin=ORIGIN)


def _read_picture(source: Block, block: Block) -> Part:
    match source:
        case {"type": "base64", "data": str(data)}:
            return Image(data=_bytes(data), media_type=source.get("media_type"))
        case {"type": "url", "url": str(url)}:
            return Image(url=url)
        case {"type": "file", "file_id": str(file_id)}:
            return Image(file_id=file_id)
        case _:
            return Opaque(ORIGIN, block)


def _read_document(source: Block, block: Block) -> Part:
    name = block.get("title")
    match source:
        case {"type": "base64", "data": str(data)}:
            return Document(data=_bytes(data), media_type=source.get("media_type"), name=name)
        case {"type": "text", "data": str(text)}:
            return Document(text=text, media_type="text/plain", name=name)
        case {"type": "url", "url": str(url)}:
            return Document(url=url, name=name)
        case {"type": "file", "file_id": str(file_id)}:
            return Document(file_id=file_id, name=name)
        case _:
            return Opaque(ORIGIN, block)


def _bytes(data: str) -> bytes:
    return msgspec.convert(data, bytes)
