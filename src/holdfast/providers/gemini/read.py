"""The body of `generateContent` as a `Request`; its field names may also be in snake case, as protobuf allows."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from typing import Any, Final, Literal

import msgspec

from holdfast.errors import InvalidRequestError
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
from holdfast.providers.codec import ServedRequest
from holdfast.providers.gemini.contents import NO_SIGNATURE
from holdfast.providers.gemini.wire import ORIGIN
from holdfast.request import NamedTool, OutputSchema, ReasoningEffort, Request, Settings, Tool, ToolChoice

PATH: Final = re.compile(r"/(?P<model>(?:[^/]+/)*[^/:]+):(?P<method>generateContent|streamGenerateContent)$")
_BODY: Final = msgspec.json.Decoder(dict[str, Any])
_UPPER: Final = re.compile(r"[A-Z]")
_READ: Final = ("contents", "systemInstruction", "tools", "toolConfig", "generationConfig")
_GENERATION: Final = {
    "maxOutputTokens": "max_tokens", "temperature": "temperature", "topP": "top_p", "topK": "top_k", "seed": "seed",
    "presencePenalty": "presence_penalty", "frequencyPenalty": "frequency_penalty", "logprobs": "top_logprobs",
    "responseLogprobs": "logprobs",
}  # fmt: skip
_EFFORTS: Final[dict[str, ReasoningEffort]] = {"MINIMAL": "minimal", "LOW": "low", "MEDIUM": "medium", "HIGH": "high"}


@lru_cache(maxsize=256)
def _snake(name: str) -> str:
    return _UPPER.sub(lambda found: f"_{found[0].lower()}", name)


def field(fields: dict[str, Any], name: str) -> Any:
    """A field by its name in camel case, also where it is written in snake case."""
    value = fields.get(name)
    return fields.get(_snake(name)) if value is None else value


def _others(fields: dict[str, Any], known: Any) -> dict[str, Any]:
    """The fields that are not known, with their names as they came."""
    names = {spelled for name in known for spelled in (name, _snake(name))}
    return {name: value for name, value in fields.items() if name not in names}


def read_request(path: str, body: bytes) -> ServedRequest:
    """The request, and the model that the path names.

    Raises:
        InvalidRequestError: the path names no model, the body is no JSON object, or it cannot be understood.
    """
    found = PATH.search(path.partition("?")[0])
    if found is None:
        raise InvalidRequestError(f"The path {path!r} names no model")
    try:
        request = _request(_BODY.decode(body), stream=found["method"] == "streamGenerateContent")
        msgspec.convert(msgspec.to_builtins(request), Request)  # whether every value is of its type
    except msgspec.DecodeError as error:
        raise InvalidRequestError(f"The body is not a JSON object: {error}") from error
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"The body cannot be read: {error!r}") from error
    return ServedRequest(model=found["model"].rpartition("models/")[2], request=request)


def _request(fields: dict[str, Any], *, stream: bool) -> Request:
    tools, other_tools = _tools(field(fields, "tools") or [])
    choice, other_choice = _tool_choice(field(fields, "toolConfig") or {})
    generation = field(fields, "generationConfig") or {}
    settings, output, other_generation = _generation(generation)
    laid = {"tools": other_tools, "toolConfig": other_choice, "generationConfig": other_generation}
    system = field(fields, "systemInstruction")
    return Request(
        messages=(*_system(system), *_messages(field(fields, "contents") or [])),
        tools=tuple(tools),
        tool_choice=choice,
        output=output,
        settings=settings,
        stream=stream,
        extra={**_others(fields, _READ), **{name: value for name, value in laid.items() if value}},
    )


def _tools(wire: list[dict[str, Any]]) -> tuple[list[Tool], list[dict[str, Any]]]:
    read: list[Tool] = []
    others: list[dict[str, Any]] = []
    for entry in wire:
        for function in field(entry, "functionDeclarations") or ():
            parameters = field(function, "parametersJsonSchema") or function.get("parameters") or {}
            read.append(Tool(function["name"], function.get("description") or "", parameters))
        if rest := _others(entry, ("functionDeclarations",)):
            others.append(rest)
    return read, others


def _tool_choice(config: dict[str, Any]) -> tuple[ToolChoice, dict[str, Any]]:
    calling = field(config, "functionCallingConfig") or {}
    allowed = field(calling, "allowedFunctionNames") or []
    rest = _others(config, ("functionCallingConfig",))
    match calling.get("mode"):
        case "NONE":
            return "none", rest
        case "ANY" if len(allowed) == 1:
            return NamedTool(allowed[0]), rest
        case "ANY" if not allowed:
            return "required", rest
        case None | "AUTO" | "MODE_UNSPECIFIED":
            return "auto", rest
        case _:
            return "auto", config


def _generation(
    config: dict[str, Any],
) -> tuple[Settings, OutputSchema | Literal["json"] | None, dict[str, Any]]:
    known = {ours: field(config, theirs) for theirs, ours in _GENERATION.items()}
    stop = field(config, "stopSequences")
    thinking = field(config, "thinkingConfig") or {}
    effort, budget, other_thinking = _thinking(thinking)
    schema = field(config, "responseJsonSchema")
    output: OutputSchema | Literal["json"] | None = None
    read = [*_GENERATION, "stopSequences", "thinkingConfig"]
    if field(config, "responseMimeType") == "application/json" and field(config, "responseSchema") is None:
        output = OutputSchema(str(schema.get("title") or "output"), schema) if isinstance(schema, dict) else "json"
        read += ["responseMimeType", "responseJsonSchema"]
    others = _others(config, read)
    if other_thinking:
        others["thinkingConfig"] = other_thinking
    settings = Settings(**known, stop=tuple(stop) if stop else None, reasoning_effort=effort, thinking_budget=budget)
    return settings, output, others


def _thinking(config: dict[str, Any]) -> tuple[ReasoningEffort | None, int | None, dict[str, Any]]:
    level, budget = field(config, "thinkingLevel"), field(config, "thinkingBudget")
    effort = _EFFORTS.get(str(level).upper()) if level else None
    shown = field(config, "includeThoughts")
    asked = effort is not None or budget is not None
    rest = {} if shown is None or shown is (asked and budget != 0) else {"includeThoughts": shown}
    return effort, budget, rest


def _system(content: Any) -> Iterator[Message]:
    if isinstance(content, str):
        yield SystemMessage(content)
    elif content:
        parts = content.get("parts") or []
        yield SystemMessage(tuple(Text(part.get("text") or "") for part in parts))


def _messages(contents: list[dict[str, Any]]) -> Iterator[Message]:
    for is_model, turn in groupby(contents, lambda content: content.get("role") == "model"):
        if is_model:
            parts = [part for content in turn for part in content.get("parts") or []]
            yield AssistantMessage(tuple(said for part in parts for said in _model_parts(part)))
        else:
            yield from _user_messages(turn)


def _user_messages(contents: Iterable[dict[str, Any]]) -> Iterator[Message]:
    for content in contents:
        parts = content.get("parts") or []
        results = tuple(_result(given) for part in parts if (given := field(part, "functionResponse")) is not None)
        if results:
            yield ToolMessage(results)
        said = tuple(user_part(part) for part in parts if field(part, "functionResponse") is None)
        if said:
            yield UserMessage(said)


def _result(given: dict[str, Any]) -> ToolResult:
    response = given.get("response") or {}
    is_error = list(response) == ["error"] and isinstance(response["error"], str)
    plain = response.get("error") if is_error else response.get("output") if list(response) == ["output"] else None
    text = plain if isinstance(plain, str) else msgspec.json.encode(response).decode() if response else ""
    media = tuple(user_part(part) for part in given.get("parts") or ())
    content = (*((Text(text),) if text else ()), *media) if media else text
    return ToolResult(given.get("id") or given["name"], content, given["name"], is_error)


def _model_parts(part: dict[str, Any]) -> Iterator[Any]:
    signature = field(part, "thoughtSignature")
    signature = None if signature == NO_SIGNATURE else signature
    origin = ORIGIN if signature else None
    if (text := part.get("text")) is not None:
        thought = part.get("thought")
        yield Thinking(text, None, signature, None, ORIGIN) if thought else Text(text, (), None, signature, origin)
    elif (call := field(part, "functionCall")) is not None:
        arguments = msgspec.json.encode(call.get("args") or {}).decode()
        yield ToolCall(call.get("id") or call["name"], call["name"], arguments, None, signature, origin)
    elif field(part, "inlineData") is not None and not part.get("thought"):
        if signature:
            yield Opaque(ORIGIN, {"thoughtSignature": signature})
        yield user_part(part)
    else:
        yield Opaque(ORIGIN, part)


def user_part(part: dict[str, Any]) -> Any:
    """One part of a user's content."""
    if (text := part.get("text")) is not None:
        return Text(text)
    if set(part) - {"inlineData", "fileData", "inline_data", "file_data"}:
        return Opaque(ORIGIN, part)  # it says how to read the file, too
    blob, file = field(part, "inlineData"), field(part, "fileData")
    if blob is not None:
        return _media(field(blob, "mimeType") or "", data=_bytes(blob.get("data") or ""))
    if file is not None:
        return _media(field(file, "mimeType") or "", url=field(file, "fileUri"))
    return Opaque(ORIGIN, part)


def _media(kind: str, *, data: bytes | None = None, url: str | None = None) -> Image | Audio | Document:
    media_type = kind or None
    if kind.startswith("image/"):
        return Image(data=data, url=url, media_type=media_type)
    if kind.startswith("audio/"):
        return Audio(data=data, url=url, media_type=media_type)
    if kind == "text/plain" and data is not None:
        return Document(text=data.decode("utf-8", "replace"), media_type=media_type)
    return Document(data=data, url=url, media_type=media_type)


def _bytes(data: str) -> bytes:
    try:
        return b64decode(data.replace("-", "+").replace("_", "/") + "=" * (-len(data) % 4))
    except binascii.Error as error:
        raise InvalidRequestError("inlineData is not in base64") from error
