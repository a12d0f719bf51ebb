"""A body of this wire as a `Request`: the server's half of `encode`. What our vocabulary lacks stays in `extra`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, get_args

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
from holdfast.providers.codec import ServedRequest
from holdfast.providers.openai_chat.content import read_base64, read_image, split_data_url, text_of
from holdfast.providers.openai_chat.wire import ORIGIN
from holdfast.request import NamedTool, OutputSchema, ReasoningEffort, Request, Settings, Tool, ToolChoice

_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_EFFORTS: Final = frozenset(get_args(ReasoningEffort))
_NUMBERS: Final = {
    "temperature": float,
    "top_p": float,
    "top_k": int,
    "frequency_penalty": float,
    "presence_penalty": float,
    "top_logprobs": int,
}
_CHOICES: Final[dict[str, ToolChoice]] = {"auto": "auto", "required": "required", "any": "required", "none": "none"}


def read_request(body: bytes, deployment: str | None = None) -> ServedRequest:
    """The request in a body; `deployment` is the model where the body names none.

    Raises:
        InvalidRequestError: it cannot be read.
    """
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequestError(f"The body is not JSON: {error}") from error
    return read_fields(fields, deployment)


def read_fields(fields: Any, deployment: str | None = None) -> ServedRequest:
    """The request in a decoded body; raises `InvalidRequestError` when it is none."""
    if not isinstance(fields, dict):
        raise InvalidRequestError("The body must be a JSON object.")
    model = fields.get("model") or deployment
    if not isinstance(model, str) or not model:
        raise InvalidRequestError("you must provide a model parameter", code="missing_required_parameter")
    try:
        return ServedRequest(model=model, request=_Reading(fields).request())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidRequestError(f"The body cannot be read: {error!r}") from error


class _Reading:
    """One body, field by field; what is left at the end is `extra`."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._rest = {name: value for name, value in fields.items() if value is not None}
        self._rest.pop("model", None)

    def request(self) -> Request:
        messages, prefix = _messages(self._rest.pop("messages", None))
        stream = bool(self._rest.pop("stream", False))
        tools = self._tools()
        return Request(
            messages=messages,
            prefix=prefix,
            tools=tools,
            tool_choice=self._tool_choice(),
            output=self._output(),
            settings=self._settings(),
            stream=stream,
            extra=self._extra(stream=stream),
        )

    def _tools(self) -> tuple[Tool, ...]:
        found, others = [], []
        for tool in self._rest.pop("tools", ()):
            if tool.get("type", "function") == "function" and set(tool) <= {"type", "function"}:
                found.append(_tool(tool["function"]))
            else:
                others.append(tool)
        found += [_tool(function) for function in self._rest.pop("functions", ())]  # the older form
        if others:
            self._rest["tools"] = others
        return tuple(found)

    def _tool_choice(self) -> ToolChoice:
        choice = self._rest.pop("tool_choice", None)
        if choice is None:
            choice = self._rest.pop("function_call", "auto")
        if isinstance(choice, str) and choice.lower() in _CHOICES:
            return _CHOICES[choice.lower()]
        if isinstance(choice, dict):
            named = choice.get("function", choice)
            if isinstance(named, dict) and isinstance(named.get("name"), str):
                return NamedTool(named["name"])
        self._rest["tool_choice"] = choice
        return "auto"

    def _output(self) -> Any:
        form = self._rest.pop("response_format", None)
        match form:
            case None | {"type": "text"}:
                return None
            case {"type": "json_object"}:
                return "json"
            case {"type": "json_schema", "json_schema": dict() as named}:
                schema, strict = named.get("schema") or {}, bool(named.get("strict"))
                return OutputSchema(named.get("name", "output"), schema, strict, named.get("description"))
            case _:
                self._rest["response_format"] = form
                return None

    def _settings(self) -> Settings:
        rest = self._rest
        newer, older = rest.pop("max_completion_tokens", None), rest.pop("max_tokens", None)
        stop = rest.pop("stop", None) or rest.pop("stop_sequences", None)
        seed, other = rest.pop("seed", None), rest.pop("random_seed", None)
        effort = rest.pop("reasoning_effort", None)
        if effort is not None and effort not in _EFFORTS:
            rest["reasoning_effort"] = effort
            effort = None
        numbers = {name: kind(rest.pop(name)) for name, kind in _NUMBERS.items() if name in rest}
        return Settings(
            max_tokens=newer if newer is not None else older,
            stop=(stop,) if isinstance(stop, str) else tuple(stop) if stop else None,
            seed=seed if seed is not None else other,
            logprobs=rest.pop("logprobs", None),
            parallel_tool_calls=rest.pop("parallel_tool_calls", None),
            reasoning_effort=effort,
            user=rest.pop("user", None),
            **numbers,
        )

    def _extra(self, *, stream: bool) -> dict[str, Any]:
        rest = self._rest
        if rest.get("n") == 1:
            del rest["n"]
        if stream:  # usage in a stream is our default, and must be asked for on the wire
            options = rest.pop("stream_options", {})
            if options != {"include_usage": True}:
                rest["stream_options"] = {"include_usage": False, **options}
        return rest


def _tool(function: dict[str, Any]) -> Tool:
    parameters = function.get("parameters") or {}
    return Tool(function["name"], function.get("description") or "", parameters, function.get("strict"))


def _messages(given: Any) -> tuple[tuple[Message, ...], str]:
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
    plain = not parts or (isinstance(content, str) and parts == [Text(content)])
    return AssistantMessage((content or "") if plain else tuple(parts), name)


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
