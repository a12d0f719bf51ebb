"""A body of `POST /v1/messages` as a `Request`. What our words have no place for stays in `extra`, as it came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast.errors import InvalidRequestError
from holdfast.messages import AssistantMessage, Message, SystemMessage, ToolMessage, ToolResult, UserMessage
from holdfast.providers.anthropic.blocks import read_parts
from holdfast.providers.anthropic.parts import UNREADABLE
from holdfast.providers.codec import Headers, ServedRequest
from holdfast.request import NamedTool, OutputSchema, Request, Settings, Tool, ToolChoice

Body = dict[str, Any]


class _Turn(Struct):
    role: str
    content: str | list[Body]


class _Head(Struct):
    """The fields that must be right for anything to be read."""

    model: str
    messages: list[_Turn]
    max_tokens: int | None = None
    system: str | list[Body] | None = None
    tools: list[Body] | None = None
    tool_choice: Body | None = None
    thinking: Body | None = None
    output_config: Body | None = None
    metadata: Body | None = None
    stop_sequences: tuple[str, ...] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stream: bool | None = None


_read_head: Final = msgspec.json.Decoder(_Head).decode
_read_body: Final = msgspec.json.Decoder(Body).decode
_PLAIN_TOOL: Final = frozenset(("name", "description", "input_schema", "strict", "type"))
_KEPT_HEADERS: Final = ("anthropic-beta",)


def read_request(headers: Headers, body: bytes) -> ServedRequest:
    """The request; raises `InvalidRequestError` when it cannot be read."""
    try:
        head, whole = _read_head(body), _read_body(body)
        request = _request(head, {name: whole[name] for name in whole if name not in _Head.__struct_fields__})
    except (*UNREADABLE, KeyError, TypeError, AttributeError) as error:
        raise InvalidRequestError(f"The request cannot be read: {error}", status=400) from error
    kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
    return ServedRequest(model=head.model, request=request.replace(headers=kept))


def _request(head: _Head, extra: Body) -> Request:
    config = dict(head.output_config or {})
    thinking, effort = _thinking(head.thinking, config, extra)
    metadata = dict(head.metadata or {})
    user = metadata.pop("user_id", None)
    tools, special = _tools(head.tools or ())
    output = _output(config)
    extra |= {
        name: kept for name, kept in (("output_config", config), ("metadata", metadata), ("tools", special)) if kept
    }
    choice = head.tool_choice or {}
    return Request(
        messages=tuple(_messages(head)),
        tools=tools,
        tool_choice=_tool_choice(choice),
        output=output,
        stream=bool(head.stream),
        extra=extra,
        settings=Settings(
            max_tokens=head.max_tokens,
            temperature=head.temperature,
            top_p=head.top_p,
            top_k=head.top_k,
            stop=head.stop_sequences,
            parallel_tool_calls=False if choice.get("disable_parallel_tool_use") else None,
            thinking_budget=thinking,
            reasoning_effort=effort,
            user=user,
        ),
    )


def _messages(head: _Head) -> Iterator[Message]:
    if isinstance(head.system, str):
        yield SystemMessage(head.system)
    elif head.system:
        yield SystemMessage(tuple(read_parts(head.system)))  # type: ignore[arg-type]  # blocks of a system field are text
    for turn in head.messages:
        yield from _turn(turn)


def _turn(turn: _Turn) -> Iterator[Message]:
    content: Any = turn.content if isinstance(turn.content, str) else tuple(read_parts(turn.content))
    match turn.role:
        case "assistant":
            yield AssistantMessage(content)
        case "system":
            yield SystemMessage(content)
        case "user" if isinstance(content, str):
            yield UserMessage(content)
        case "user":
            yield from _user(content)
        case role:
            raise InvalidRequestError(f"There is no role {role!r}.", status=400)


def _user(parts: tuple[Any, ...]) -> Iterator[Message]:
    """A user's message, with tool results as messages of their own, in their order."""
    run: list[Any] = []
    results = False
    for part in parts:
        if isinstance(part, ToolResult) is not results and run:
            yield _run(run, results=results)
            run = []
        results = isinstance(part, ToolResult)
        run.append(part)
    if run:
        yield _run(run, results=results)


def _run(run: list[Any], *, results: bool) -> Message:
    return ToolMessage(tuple(run)) if results else UserMessage(tuple(run))


def _tools(tools: list[Body] | tuple[Body, ...]) -> tuple[tuple[Tool, ...], list[Body]]:
    """The functions, and the tools that only this wire has."""
    plain = [tool for tool in tools if set(tool) <= _PLAIN_TOOL and tool.get("type", "custom") == "custom"]
    functions = tuple(
        Tool(tool["name"], tool.get("description") or "", tool["input_schema"], tool.get("strict")) for tool in plain
    )
    return functions, [tool for tool in tools if tool not in plain]


def _tool_choice(choice: Body) -> ToolChoice:
    match choice.get("type"):
        case "any":
            return "required"
        case "none":
            return "none"
        case "tool":
            return NamedTool(choice["name"])
        case _:
            return "auto"


def _thinking(thinking: Body | None, config: Body, extra: Body) -> tuple[int | None, Any]:
    """The budget and the effort; a way of thinking that these do not tell stays in `extra`."""
    rest = dict(thinking or {})
    kind, budget = rest.pop("type", None), rest.pop("budget_tokens", None)
    if kind == "adaptive":
        if rest:
            extra["thinking"] = rest
        return None, config.pop("effort", None) or "high"  # high is the default (docs, "Effort")
    if not rest and kind in ("enabled", "disabled"):
        return budget or 0, None
    if thinking is not None:
        extra["thinking"] = thinking
    return None, None


def _output(config: Body) -> OutputSchema | None:
    match config.get("format"):
        case {"type": "json_schema", "schema": dict(schema)}:
            del config["format"]
            return OutputSchema("output", schema)
        case _:
            return None
