"""Messages as `contents`: turns of a user and of the model.

A model since Gemini 3 refuses a call of the current turn that lacks the thought signature it came with. Calls that
were made elsewhere have none: the first of each step is then given the word that Google documents for this case.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

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
    SystemMessage,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.providers.gemini.wire import ORIGIN

NO_SIGNATURE: Final = b64encode(b"skip_thought_signature_validator").decode()
"""Stands for a signature that does not exist (docs, "Thought signatures": history of another model)."""

_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_MEDIA_TYPES: Final = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".gif": "image/gif",
    ".heic": "image/heic", ".pdf": "application/pdf", ".txt": "text/plain", ".html": "text/html", ".csv": "text/csv",
    ".md": "text/markdown", ".json": "application/json", ".mp3": "audio/mpeg", ".wav": "audio/wav", ".ogg": "audio/ogg",
    ".flac": "audio/flac", ".aac": "audio/aac", ".mp4": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime",
}  # fmt: skip


def contents_of(messages: Sequence[Message], *, signed_calls: bool) -> list[dict[str, Any]]:
    """The contents. `signed_calls` says that the model demands signatures on calls.

    Raises:
        InvalidRequestError: a part cannot be carried by this wire.
    """
    names = {
        call.id: call.name
        for message in messages
        if isinstance(message, AssistantMessage)
        for call in message.tool_calls
    }
    current = max((at for at, message in enumerate(messages) if isinstance(message, UserMessage)), default=-1)
    contents: list[dict[str, Any]] = []
    for at, message in enumerate(messages):
        match message:
            case UserMessage():
                role, parts = "user", [user_part(part) for part in message.parts if not isinstance(part, CachePoint)]
            case AssistantMessage():
                role, parts = "model", model_parts(message.parts)
                if signed_calls and at > current:
                    _sign(parts)
            case ToolMessage():
                role, parts = "user", [_response(result, names) for result in message.content]
            case SystemMessage():
                role, parts = "user", [{"text": message.text}]
        if parts:
            contents.append({"role": role, "parts": parts})
    return contents


def _sign(parts: list[dict[str, Any]]) -> None:
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", NO_SIGNATURE)


def user_part(part: Any) -> dict[str, Any]:
    """One part of a user's message."""
    match part:
        case Text():
            return {"text": part.text}
        case Image():
            return _media(part, "image/jpeg")
        case Audio(data=None, url=None, transcript=str(spoken)):  # only another provider has the sound
            return {"text": spoken}
        case Audio():
            return _media(part, "audio/wav")
        case Document(text=str(text)):
            return {"inlineData": {"mimeType": part.media_type or "text/plain", "data": _base64(text.encode())}}
        case Document():
            return _media(part, "application/pdf")
        case Opaque():
            return dict(part.data)
        case _:
            raise InvalidRequestError(f"Gemini takes no {type(part).__name__.lower()} here")


def _media(part: Image | Audio | Document, usual: str) -> dict[str, Any]:
    if part.data is not None:
        return {"inlineData": {"mimeType": part.media_type or usual, "data": _base64(part.data)}}
    uri = getattr(part, "file_id", None) or part.url
    if uri is None:
        raise InvalidRequestError(f"This {type(part).__name__.lower()} has no content")
    kind = part.media_type or _MEDIA_TYPES.get(PurePosixPath(urlsplit(uri).path).suffix.lower())
    return {"fileData": {"fileUri": uri, **({"mimeType": kind} if kind else {})}}


def model_parts(parts: Sequence[Any]) -> list[dict[str, Any]]:
    """What the model said; an opaque signature belongs to the picture after it."""
    said: list[dict[str, Any]] = []
    carried: str | None = None
    for part in parts:
        match part:
            case Thinking():
                said.append({"text": part.text, "thought": True})
            case ToolCall():
                said.append({"functionCall": {"id": part.id, "name": part.name, "args": _arguments(part)}})
            case Opaque(origin=origin, data=data) if origin == ORIGIN:
                if list(data) == ["thoughtSignature"]:
                    carried = data["thoughtSignature"]
                    continue
                said.append(dict(data))
            case CachePoint() | Opaque():
                continue
            case _:
                said.append(user_part(part))
        signature = getattr(part, "signature", None) if getattr(part, "origin", None) == ORIGIN else carried
        carried = None
        if signature:
            said[-1]["thoughtSignature"] = signature
    return said


def _arguments(call: ToolCall) -> msgspec.Raw:
    """The arguments, byte for byte, so that a cached prompt stays the same."""
    text = call.arguments or "{}"
    try:
        _OBJECT.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidRequestError(f"The arguments of tool call {call.name!r} are no JSON object") from error
    return msgspec.Raw(text.encode())


def _response(result: ToolResult, names: dict[str, str]) -> dict[str, Any]:
    """A function's response; a result that is a JSON object is the response itself, any other its `output`."""
    text = result.text
    said: dict[str, Any] = {"id": result.call_id, "name": result.name or names.get(result.call_id) or result.call_id}
    said["response"] = {"error": text} if result.is_error else _object(text) or {"output": text}
    media = [user_part(part) for part in result.content if not isinstance(part, str | Text)]
    if media:
        said["parts"] = media
    return {"functionResponse": said}


def _object(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        return _OBJECT.decode(text)
    except msgspec.DecodeError:
        return None


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
