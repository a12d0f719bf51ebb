"""Messages as content blocks, and back.

SystemMessage      `system`
UserMessage        user: text, image, document, video, audio
AssistantMessage   assistant: text, reasoningContent, toolUse, citationsContent
ToolMessage        user: toolResult
Opaque             the block that it keeps
CachePoint         a block of its own
"""

from __future__ import annotations

import re
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
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from holdfast.providers.bedrock.wire import ORIGIN, SERVER_TOOL
from holdfast.providers.legible import is_text

Block = dict[str, Any]

# API reference, "DocumentBlock": the formats, by the media types of the same files.
_DOCUMENTS: Final = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/plain": "txt",
    "text/markdown": "md",
}
_MEDIA_TYPES: Final = {form: media_type for media_type, form in _DOCUMENTS.items()}
_VIDEOS: Final = {
    "video/3gpp": "three_gp",
    "video/x-matroska": "mkv",
    "video/quicktime": "mov",
    "video/x-ms-wmv": "wmv",
}
_AUDIO: Final = {"audio/mpeg": "mp3", "audio/x-wav": "wav", "audio/wave": "wav"}
# API reference, "DocumentBlock", `name`: letters, digits, single white space, hyphens and brackets.
_NOT_IN_NAME: Final = re.compile(r"[^A-Za-z0-9\s\-()\[\]]+|\s{2,}")
_S3: Final = "s3://"


def system_blocks(messages: Iterable[Message]) -> list[Block]:
    """The `system` field of these messages."""
    return [block_of(part) for message in messages for part in message.parts if not _blank(part)]


def message_blocks(messages: Iterable[Message]) -> list[Block]:
    """The `messages` field; those of one role in a row are one message, and every document has a name of its own."""
    found: list[Block] = []
    names: list[str] = []
    for message in messages:
        role = "assistant" if isinstance(message, AssistantMessage) else "user"
        if not found or found[-1]["role"] != role:
            found.append({"role": role, "content": []})
        found[-1]["content"] += [_block(part, names) for part in message.parts if not _blank(part)]
    for message_block in found:
        _introduce(message_block["content"])
    return [message_block for message_block in found if message_block["content"]]


def _blank(part: Part) -> bool:
    return isinstance(part, Text) and not part.text.strip()  # the wire refuses it


def _introduce(blocks: list[Block]) -> None:
    # A document must not come without words (user guide, "DocumentBlock": "you must also include a text block").
    if any("document" in block for block in blocks) and not any("text" in block for block in blocks):
        blocks.append({"text": "(See the document.)"})


def block_of(part: Part) -> Block:
    """One part as a block."""
    return _block(part, ())


def _block(part: Part, names: list[str] | tuple[()]) -> Block:
    match part:
        case Text():
            if part.annotations and part.origin == ORIGIN:
                return {"citationsContent": {"content": [{"text": part.text}], "citations": list(part.annotations)}}
            return {"text": part.text}
        case Thinking():
            return {"reasoningContent": _thought(part)}
        case ToolCall():
            given = msgspec.Raw(part.arguments.encode())
            return {"toolUse": {"toolUseId": part.id, "name": part.name, "input": given}}
        case ToolResult():
            return {"toolResult": _result(part, names)}
        case Image():
            return {"image": {"format": _picture(part), "source": _source(part.data, part.url)}}
        case Document():
            return _document(part, names)
        case Audio():
            media_type = part.media_type or "audio/wav"
            form = _AUDIO.get(media_type) or media_type.removeprefix("audio/")
            return {"audio": {"format": form, "source": _source(part.data, part.url)}}
        case Opaque():
            return _item(part)
        case CachePoint():
            return {"cachePoint": {"type": "default", **({"ttl": part.ttl} if part.ttl else {})}}
        case _:
            assert_never(part)


def _item(part: Opaque) -> Block:
    if not isinstance(part.data, Mapping):
        raise InvalidRequestError("An item of Bedrock's wire is an object, a content block.", raw=repr(part.data))
    return dict(part.data)


def _thought(part: Thinking) -> Block:
    if part.data is not None:
        return {"redactedContent": part.data}
    signed = {"signature": part.signature} if part.signature else {}
    return {"reasoningText": {"text": part.text, **signed}}


def _result(part: ToolResult, names: list[str] | tuple[()]) -> Block:
    content = (
        [{"text": part.content}] if isinstance(part.content, str) else [_block(each, names) for each in part.content]
    )
    # Only failures are marked: some families take no status (API reference, "ToolResultBlock").
    return {"toolUseId": part.call_id, "content": content, **({"status": "error"} if part.is_error else {})}


def _source(data: bytes | None, url: str | None) -> Block:
    if data is None and url is not None and url.startswith(_S3):
        return {"s3Location": {"uri": url}}
    return {"bytes": data or b""}


def _picture(part: Image) -> str:
    form = (part.media_type or _ending(part.url) or "png").rpartition("/")[2]
    return "jpeg" if form == "jpg" else form


def _ending(url: str | None) -> str:
    return url.rpartition(".")[2].lower() if url else ""


def _document(part: Document, names: list[str] | tuple[()]) -> Block:
    media_type = part.media_type or ""
    if media_type.startswith("video/"):
        form = _VIDEOS.get(media_type) or media_type.removeprefix("video/")
        return {"video": {"format": form, "source": _source(part.data, part.url)}}
    data = part.text.encode() if part.text is not None else part.data
    told = {"format": _format(part) or "pdf", "name": _name(part.name, names), "source": _source(data, part.url)}
    return {"document": told}


def takes(part: Document) -> bool:
    """Whether the wire has a format for this file."""
    return (part.media_type or "").startswith("video/") or _format(part) is not None or part.media_type is None


def _format(part: Document) -> str | None:
    ending = _ending(part.url or part.name)
    plain = part.text is not None or is_text(part.media_type)
    return _DOCUMENTS.get(part.media_type or "") or (ending if ending in _MEDIA_TYPES else "txt" if plain else None)


def _name(wanted: str | None, names: list[str] | tuple[()]) -> str:
    base = _NOT_IN_NAME.sub(" ", wanted or "").strip()[:180] or f"Document {len(names) + 1}"
    name = base
    while name in names:
        name = f"{base} ({len(names) + 1})"
    if isinstance(names, list):
        names.append(name)
    return name


def read_parts(content: Any) -> Iterator[Part]:
    """The parts of a message's content, of any role."""
    for block in content or ():
        yield _read(block)


def _read(block: Block) -> Part:
    match block:
        case {"text": str(text)}:
            return Text(text)
        case {"cachePoint": dict(point)}:
            return CachePoint(point.get("ttl"))
        case {"reasoningContent": {"reasoningText": {"text": str(text)} as told}}:
            return Thinking(text, signature=told.get("signature"), origin=ORIGIN)
        case {"reasoningContent": {"redactedContent": str(data)}}:
            return Thinking("", data=data, origin=ORIGIN)
        case {"toolUse": {"toolUseId": str(call_id), "name": str(name)} as use} if use.get("type") != SERVER_TOOL:
            return ToolCall(call_id, name, msgspec.json.encode(use.get("input") or {}).decode())
        case {"toolResult": {"toolUseId": str(call_id)} as result} if "type" not in result:
            inner: Any = tuple(read_parts(result.get("content")))
            return ToolResult(call_id, inner, is_error=result.get("status") == "error")
        case {"citationsContent": {"content": list(pieces), "citations": list(citations)}}:
            return Text("".join(piece.get("text") or "" for piece in pieces), tuple(citations), origin=ORIGIN)
        case _:
            return _read_media(block)


def _read_media(block: Block) -> Part:
    match block:
        case {"image": {"format": str(form), "source": {"bytes": str(data)}}}:
            return Image(data=msgspec.convert(data, bytes), media_type=f"image/{form}")
        case {"document": {"format": str(form), "name": str(name), "source": {"bytes": str(data)}} as file} if (
            len(file) == 3
        ):
            return Document(data=msgspec.convert(data, bytes), media_type=_MEDIA_TYPES.get(form, form), name=name)
        case {"video": {"format": str(form), "source": {"bytes": str(data)}}}:
            media_type = f"video/{form.removeprefix('video/')}"
            return Document(data=msgspec.convert(data, bytes), media_type=media_type)
        case {"audio": {"format": str(form), "source": {"bytes": str(data)}}}:
            return Audio(data=msgspec.convert(data, bytes), media_type=f"audio/{form}")
        case _:
            return Opaque(ORIGIN, block)


def at_hand(message: Message) -> Message:
    """The message with parts that lie in S3 as blocks: the wire takes no other address."""
    if isinstance(message.content, str) or not any(map(_in_s3, message.parts)):
        return message
    parts = tuple(Opaque(ORIGIN, block_of(part)) if _in_s3(part) else part for part in message.parts)
    return msgspec.structs.replace(message, content=parts)


def _in_s3(part: Part) -> bool:
    return isinstance(part, (Image, Document, Audio)) and part.data is None and (part.url or "").startswith(_S3)
