"""Messages of this wire as ours: the server's half of `parts`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from holdfast.errors import InvalidRequestError
from holdfast.messages import (
    AssistantMessage,
    AssistantPart,
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
from holdfast.providers.openai_chat.content import read_base64, read_image, split_data_url, text_of
from holdfast.providers.openai_chat.wire import ORIGIN

_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


def read_messages(given: Any) -> tuple[tuple[Message, ...], str]:
    """The messages, and the beginning of the answer where the last one is marked as that."""
    if not isinstance(given, list) or not given:
        raise InvalidRequestError("'messages' must be a list of at least one message.")
    messages: list[Message] = []
    for each in given:
        if not isinstance(each, dict) or each.get("role") not in _ROLES:
            raise InvalidRequestError(f"A message must have one of these roles: {', '.join(sorted(_ROLES))}.")
        message = _message(each)
        before = messages[-1] if messages else None
        if isinstance(message, ToolMessage) and isinstance(before, ToolMessage):
            messages[-1] = ToolMessage((*before.content, *message.content))
        else:
            messages.append(message)
    last = messages[-1]
    if given[-1].get("prefix") is True and isinstance(last, AssistantMessage) and len(messages) > 1:
        return tuple(messages[:-1]), last.text
    return tuple(messages), ""


def _message(given: dict[str, Any]) -> Message:
    content, name = given.get("content"), given.get("name")
    match given["role"]:
        case "system" | "developer":
            return SystemMessage(_content(content))
        case "user":
            return UserMessage(_content(content), name)
        case "assistant":
            return _assistant(given, name)
        case _:
            call_id = given.get("tool_call_id") or name or ""
            return ToolMessage((ToolResult(str(call_id), _content(content), name),))


def _content(content: Any) -> Any:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise InvalidRequestError("A message's content must be a text or a list of parts; it cannot be read.")
    return tuple(part for item in content for part in _parts(item))


def _parts(item: Any) -> Iterator[Any]:
    if isinstance(item, str):
        yield Text(item)
        return
    yield _part(item)
    if cache := item.get("cache_control"):
        yield CachePoint(cache.get("ttl"))
    elif item.get("prompt_cache_breakpoint"):
        yield CachePoint()


def _part(item: dict[str, Any]) -> Any:
    match item.get("type"):
        case "text" | "input_text" | "output_text":
            return Text(text_of(item.get("text")))
        case "refusal":
            return Text(text_of(item.get("refusal")))
        case "image_url":
            return read_image(item) or Image()
        case "input_audio":
            sound = item["input_audio"]
            return Audio(data=read_base64(sound["data"]), media_type=f"audio/{sound.get('format', 'wav')}")
        case "file":
            return _file(item["file"])
        case "document_url":
            return _document(item["document_url"], item.get("document_name"))
        case "video_url":
            url = item["video_url"]
            video = _document(url["url"] if isinstance(url, dict) else url, None)
            return video if video.media_type else msgspec.structs.replace(video, media_type="video/mp4")
        case _:
            return Opaque(ORIGIN, item)


def _file(file: dict[str, Any]) -> Document:
    if file.get("file_id"):
        return Document(file_id=file["file_id"], name=file.get("filename"))
    return _document(file.get("file_data") or "", file.get("filename"))


def _document(url: str, name: str | None) -> Document:
    media_type, data = split_data_url(url)
    return Document(url=url, name=name) if data is None else Document(data=data, media_type=media_type, name=name)


def _assistant(given: dict[str, Any], name: str | None) -> AssistantMessage:
    content = given.get("content")
    parts: list[AssistantPart] = list(_thinking(given))
    for item in content if isinstance(content, list) else [content] if content else []:
        parts += [] if isinstance(item, dict) and item.get("type") == "thinking" else list(_parts(item))
    if given.get("refusal"):
        parts.append(Text(given["refusal"]))
    parts += [_call(call) for call in given.get("tool_calls") or ()]
    if older := given.get("function_call"):
        parts.append(ToolCall(older["name"], older["name"], older.get("arguments") or "{}"))
    if isinstance(given.get("audio"), dict) and given["audio"].get("id"):
        parts.append(Audio(id=given["audio"]["id"]))
    parts += [image for item in given.get("images") or () if (image := read_image(item)) is not None]
    if isinstance(content, str) and parts == [Text(content)]:
        return AssistantMessage(content, name)
    return AssistantMessage(tuple(parts) or "", name)


def _thinking(given: dict[str, Any]) -> Iterator[Thinking]:
    said = given.get("reasoning_content") or given.get("reasoning")
    details = given.get("reasoning_details")
    if details:
        words = text_of(said) or "".join(text_of(each.get("text") or each.get("summary")) for each in details)
        yield Thinking(words, data=msgspec.json.encode(details).decode(), origin=ORIGIN)
    elif said:
        yield Thinking(text_of(said))
    for item in given["content"] if isinstance(given.get("content"), list) else ():
        if isinstance(item, dict) and item.get("type") == "thinking":
            yield Thinking(text_of(item.get("thinking")))


def _call(call: dict[str, Any]) -> ToolCall:
    custom = call.get("custom")
    if custom:
        return ToolCall(call["id"], custom["name"], msgspec.json.encode({"input": custom.get("input", "")}).decode())
    function = call["function"]
    arguments = function.get("arguments")
    text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments or {}).decode()
    extra = call.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    origin = ORIGIN if signature else None
    return ToolCall(str(call.get("id") or ""), function["name"], text or "{}", signature=signature, origin=origin)
