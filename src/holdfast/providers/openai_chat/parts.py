"""Messages as this wire has them."""

from __future__ import annotations

from base64 import b64encode
from itertools import dropwhile
from operator import is_
from typing import Any

import msgspec
from msgspec.structs import replace

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
from holdfast.providers.codec import Dialect
from holdfast.providers.openai_chat.names import Names, clean_name
from holdfast.providers.openai_chat.wire import ORIGIN


def spell_out(messages: tuple[Message, ...], notes: list[str]) -> tuple[Message, ...]:
    """The messages in what this wire knows: no signed texts, and no sound of a model's that has no id to name it by."""
    return tuple(_spelled(each, notes) for each in messages)


def _spelled(message: Any, notes: list[str]) -> Any:
    if isinstance(message.content, str):
        return message
    said = isinstance(message, AssistantMessage)
    # A tool's result holds parts as a message does.
    parts = tuple(
        _spelled(part, notes) if isinstance(part, ToolResult) else _spelled_part(part, notes, said=said)
        for part in message.content
    )
    return message if all(map(is_, parts, message.content)) else replace(message, content=parts)


def _spelled_part(part: Any, notes: list[str], *, said: bool) -> Any:
    match part:
        case Text(signature=str()):
            return Text(part.text, part.annotations)
        case Audio() if said and not part.id:
            notes.append("What the model said aloud was put in words: the sound has no id.")
            return Text(part.transcript or "[audio]")
        case _:
            return part


class MessageWriter:
    """Writes messages in one dialect, with tools called by `names`.

    Args:
        notes: where it says what it had to put in other words.
    """

    def __init__(self, dialect: Dialect, names: Names, notes: list[str]) -> None:
        self._dialect = dialect
        self._names = names
        self._notes = notes

    def write(self, messages: tuple[Message, ...]) -> list[dict[str, Any]]:
        """The `messages` of a body."""
        written: list[dict[str, Any]] = []
        for message in messages:
            match message:
                case SystemMessage():
                    written.append({"role": self._dialect.system_role, "content": self._content(message.content)})
                case UserMessage():
                    written.append(self._user(message))
                case AssistantMessage():
                    written.append(self._assistant(message))
                case ToolMessage():
                    written += [self._result(result) for result in message.content]
        return written

    def _user(self, message: UserMessage) -> dict[str, Any]:
        return {"role": "user", "content": self._content(message.content), **self._name(message.name)}

    def _name(self, name: str | None) -> dict[str, str]:
        cleaned = clean_name(name) if name and self._dialect.names else ""
        return {"name": cleaned} if cleaned else {}

    def _assistant(self, message: AssistantMessage) -> dict[str, Any]:
        parts = message.parts
        calls = [self._call(part) for part in parts if isinstance(part, ToolCall)]
        thinking = tuple(part for part in parts if isinstance(part, Thinking))
        marks = () if self._dialect.cache_points == "none" else (CachePoint,)
        words = tuple(part for part in parts if isinstance(part, (Text, Opaque, *marks)))
        words = tuple(dropwhile(_is_mark, words))  # with nothing before it to mark
        written: dict[str, Any] = {
            "role": "assistant",
            "content": self._content(_plain(words)),
            **self._name(message.name),
        }
        if calls:
            # Beside calls no content is null, as the API itself writes it.
            written["content"] = written["content"] or None
            written["tool_calls"] = calls
        written |= self._thinking(thinking, written["content"])
        spoken = next((part.id for part in parts if isinstance(part, Audio) and part.id), None)
        if spoken and self._dialect.audio:
            written["audio"] = {"id": spoken}
        images = [_image(part) for part in parts if isinstance(part, Image)]
        return {**written, "images": images} if images else written

    def _thinking(self, thinking: tuple[Thinking, ...], content: Any) -> dict[str, Any]:
        field = self._dialect.reasoning_field
        text = "".join(part.text for part in thinking)
        if field is None or not thinking:
            return {}
        if field == "reasoning_details":
            details = [item for part in thinking for item in _details(part)]
            return {"reasoning_details": details} if details else {"reasoning": text} if text else {}
        if not text:
            return {}
        if field != "content":
            return {field: text}
        words = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        return {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}, *words]}

    def _call(self, call: ToolCall) -> dict[str, Any]:
        function = {"name": self._names.wire(call.name), "arguments": call.arguments or "{}"}
        written: dict[str, Any] = {"id": call.id, "type": "function", "function": function}
        if call.signature and self._dialect.thought_signatures and call.origin == ORIGIN:
            written["extra_content"] = {"google": {"thought_signature": call.signature}}
        return written

    def _result(self, result: ToolResult) -> dict[str, Any]:
        content = self._content(result.content)
        if not isinstance(content, str) and all(
            isinstance(part, Text) for part in result.content
        ):  # many servers take one text only here
            content = "\n".join(part.text for part in result.content if isinstance(part, Text))
        if result.is_error:
            content = _as_error(content)
        return {"role": "tool", "tool_call_id": result.call_id, "content": content}

    def _content(self, content: Any) -> Any:
        """A text, or the list of the parts where they are more than that."""
        if isinstance(content, str):
            return content
        written: list[dict[str, Any]] = []
        for part in content:
            if isinstance(part, CachePoint):
                if written:
                    written[-1] |= self._cache_point(part)
            else:
                written.append(self._part(part))
        if all(part.keys() == {"type", "text"} for part in written):
            return written[0]["text"] if len(written) == 1 else written or ""
        return written

    def _cache_point(self, point: CachePoint) -> dict[str, Any]:
        match self._dialect.cache_points:
            case "cache_control":
                return {"cache_control": {"type": "ephemeral", **({"ttl": point.ttl} if point.ttl else {})}}
            case "breakpoint":
                return {"prompt_cache_breakpoint": {"mode": "explicit"}}
            case "none":
                return {}

    def _part(self, part: Any) -> dict[str, Any]:
        match part:
            case Text():
                return {"type": "text", "text": part.text}
            case Image():
                return _image(part)
            case Document(media_type=str(kind)) if kind.startswith("video/") and self._dialect.video:
                return {"type": "video_url", "video_url": {"url": _url(part)}}
            case Document():
                return self._document(part)
            case Audio(data=None):
                return self._in_words("audio", part.transcript)
            case Audio():
                return _audio(part)
            case Opaque(data=dict()):
                return dict(part.data)
            case _:
                raise InvalidRequestError(f"This wire cannot carry a {type(part).__name__} here.")

    def _in_words(self, kind: str, words: str | None) -> dict[str, Any]:
        self._notes.append(f"A part of kind {kind!r} was replaced by words: the endpoint takes it in no other form.")
        return {"type": "text", "text": f"[{kind}: {words}]" if words else f"[{kind}]"}

    def _document(self, part: Document) -> dict[str, Any]:
        if part.text is not None and part.data is None:
            return {"type": "text", "text": f"{part.name}:\n{part.text}" if part.name else part.text}
        if self._dialect.documents == "document_url":
            name = {"document_name": part.name} if part.name else {}
            return {"type": "document_url", "document_url": _url(part), **name}
        if part.file_id:
            return {"type": "file", "file": {"file_id": part.file_id}}
        if part.data is None and not self._dialect.file_urls:
            return self._in_words("document", part.name or part.url)
        return {"type": "file", "file": {"filename": part.name or _file_name(part), "file_data": _url(part)}}


def _is_mark(part: Any) -> bool:
    return isinstance(part, CachePoint)


def _plain(words: tuple[Any, ...]) -> Any:
    """Text alone as one string: what a model said comes back as it came."""
    if all(isinstance(part, Text) for part in words):
        return "".join(part.text for part in words)
    return words


def _details(part: Thinking) -> list[Any]:
    if not part.data or part.origin != ORIGIN:
        return []
    try:
        details = msgspec.json.decode(part.data)
    except msgspec.DecodeError:
        return []
    return details if isinstance(details, list) else []


def _image(part: Image) -> dict[str, Any]:
    detail = {"detail": part.detail} if part.detail else {}
    url = part.url if part.data is None else _data_url(part.data, part.media_type or "image/png")
    return {"type": "image_url", "image_url": {"url": url, **detail}}


def _audio(part: Audio) -> dict[str, Any]:
    kind = (part.media_type or "audio/wav").partition("/")[2].partition(";")[0].removeprefix("x-")
    form = "mp3" if kind == "mpeg" else "wav" if kind in ("wave", "vnd.wave") else kind
    return {"type": "input_audio", "input_audio": {"data": b64encode(part.data or b"").decode(), "format": form}}


def _url(part: Document) -> str:
    if part.data is None:
        return part.url or ""
    return _data_url(part.data, part.media_type or "application/pdf")


def _data_url(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{b64encode(data).decode()}"


def _file_name(part: Document) -> str:
    if part.data is None:
        return (part.url or "").rpartition("/")[2] or "file"
    return f"file.{(part.media_type or 'application/pdf').rpartition('/')[2].partition(';')[0]}"


def _as_error(content: Any) -> Any:
    """A failed result says so itself: the wire has no field for it."""
    if isinstance(content, str):
        return content if content.lstrip().lower().startswith("error") else f"Error: {content}"
    return [{"type": "text", "text": "Error:"}, *content]
