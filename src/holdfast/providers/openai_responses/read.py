"""The body of `POST /responses` as a `Request`: what `encode` writes, read back, and whatever else clients send."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from holdfast.errors import InvalidRequestError
from holdfast.providers.codec import ServedRequest
from holdfast.providers.openai_responses.read_items import read_messages
from holdfast.request import NamedTool, OutputSchema, Request, Settings, Tool, ToolChoice

_BODY: Final = msgspec.json.Decoder(dict[str, Any])
_READ: Final = frozenset(
    ("model", "input", "instructions", "stream", "tools", "tool_choice", "max_output_tokens", "temperature", "top_p",
     "top_logprobs", "parallel_tool_calls", "user", "include", "text", "reasoning", "store")
)  # fmt: skip
_OURS: Final = ("reasoning.encrypted_content", "message.output_text.logprobs")
_FUNCTION: Final = frozenset(("type", "name", "description", "parameters", "strict"))


def read_request(body: bytes) -> ServedRequest:
    """The request, and the model it is for.

    Raises:
        InvalidRequestError: the body is no JSON object, names no model, or has no input.
    """
    try:
        fields = _BODY.decode(body)
    except msgspec.DecodeError as error:
        raise InvalidRequestError(f"The body is not a JSON object: {error}") from error
    model = fields.get("model")
    if not isinstance(model, str):
        raise InvalidRequestError("The body names no model")
    try:
        request = _request(fields)
        msgspec.convert(msgspec.to_builtins(request), Request)  # whether every value is of its type
        return ServedRequest(model=model, request=request)
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"The body cannot be read: {error!r}") from error


def _request(fields: dict[str, Any]) -> Request:
    tools, others = _tools(fields.get("tools") or [])
    choice, other_choice = _tool_choice(fields.get("tool_choice"))
    output, other_text = _output(fields.get("text") or {})
    effort, other_reasoning = _split(fields.get("reasoning") or {}, "effort")
    include = [name for name in fields.get("include") or [] if name not in _OURS]
    laid = {"tools": others, "tool_choice": other_choice, "text": other_text, "reasoning": other_reasoning}
    extra = {name: value for name, value in fields.items() if name not in _READ}
    extra |= {name: value for name, value in {**laid, "include": include}.items() if value}
    extra |= _store(fields)
    return Request(
        messages=read_messages(fields),
        tools=tuple(tools),
        tool_choice=choice,
        output=output,
        stream=bool(fields.get("stream")),
        settings=Settings(
            max_tokens=fields.get("max_output_tokens"),
            temperature=fields.get("temperature"),
            top_p=fields.get("top_p"),
            top_logprobs=fields.get("top_logprobs"),
            logprobs=True if _OURS[1] in (fields.get("include") or []) else None,
            parallel_tool_calls=fields.get("parallel_tool_calls"),
            reasoning_effort=effort,
            user=fields.get("user"),
        ),
        extra=extra,
    )


def _store(fields: dict[str, Any]) -> dict[str, Any]:
    """`store` where it differs from what `encode` says by itself: the API's default is true, ours is false."""
    needed = any(fields.get(name) for name in ("background", "previous_response_id", "conversation"))
    stored = fields.get("store", True)
    return {} if stored is needed else {"store": stored}


def _split(fields: dict[str, Any], name: str) -> tuple[Any, dict[str, Any]]:
    return fields.get(name), {key: value for key, value in fields.items() if key != name}


def _tools(wire: list[dict[str, Any]]) -> tuple[list[Tool], list[dict[str, Any]]]:
    plain = [tool for tool in wire if tool.get("type") == "function" and tool.keys() <= _FUNCTION]
    read = [
        Tool(tool["name"], tool.get("description") or "", tool.get("parameters") or {}, tool.get("strict") or None)
        for tool in plain
    ]
    return read, [tool for tool in wire if tool not in plain]


def _tool_choice(choice: Any) -> tuple[ToolChoice, Any]:
    match choice:
        case None | "auto":
            return "auto", None
        case "required" | "none":
            return choice, None
        case {"type": "function", "name": str(name)}:
            return NamedTool(name), None
        case _:
            return "auto", choice


def _output(text: dict[str, Any]) -> tuple[OutputSchema | Literal["json"] | None, dict[str, Any]]:
    form, others = _split(text, "format")
    match form:
        case {"type": "json_schema", "name": str(name), "schema": dict(schema)}:
            return OutputSchema(name, schema, bool(form.get("strict")), form.get("description")), others
        case {"type": "json_object"}:
            return "json", others
        case _:
            return None, others
