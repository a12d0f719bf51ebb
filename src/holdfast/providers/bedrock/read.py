"""A body of Converse as a `Request`. What our words have no place for stays in `extra`, as it came."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from holdfast.errors import InvalidRequestError
from holdfast.messages import AssistantMessage, Message, SystemMessage, ToolMessage, ToolResult, UserMessage
from holdfast.providers.bedrock.blocks import read_parts
from holdfast.providers.bedrock.parts import UNREADABLE
from holdfast.providers.codec import ServedRequest
from holdfast.request import NamedTool, OutputSchema, Request, Settings, Tool, ToolChoice

Body = dict[str, Any]

PATH: Final = re.compile(r"(?:.*)/model/(?P<model>[^/]+)/(?P<operation>converse|converse-stream)/?")
"""The paths of this wire."""


class _Turn(Struct):
    role: str
    content: list[Body]


class _Inference(Struct, frozen=True):
    maxTokens: int | None = None  # noqa: N815  # the wire's name, as below
    temperature: float | None = None
    topP: float | None = None  # noqa: N815
    stopSequences: tuple[str, ...] | None = None  # noqa: N815


class _Head(Struct):
    """The fields that must be right for anything to be read."""

    messages: list[_Turn] = []
    system: list[Body] = []
    inferenceConfig: _Inference = _Inference()  # noqa: N815
    toolConfig: Body | None = None  # noqa: N815
    outputConfig: Body | None = None  # noqa: N815
    additionalModelRequestFields: Body | None = None  # noqa: N815


_read_head: Final = msgspec.json.Decoder(_Head).decode
_read_body: Final = msgspec.json.Decoder(Body).decode


def read_request(path: str, body: bytes) -> ServedRequest:
    """The request; raises `InvalidRequestError` when it cannot be read."""
    found = PATH.fullmatch(path)
    if found is None:
        raise InvalidRequestError(f"{path} is no path of Converse.", status=404)
    try:
        head, whole = _read_head(body), _read_body(body)
        extra = {name: whole[name] for name in whole if name not in _Head.__struct_fields__}
        request = _request(head, extra, stream=found["operation"] == "converse-stream")
    except (*UNREADABLE, KeyError, TypeError, AttributeError) as error:
        raise InvalidRequestError(f"The request cannot be read: {error}", status=400) from error
    return ServedRequest(model=unquote(found["model"]), request=request)


def _request(head: _Head, extra: Body, *, stream: bool) -> Request:
    config = dict(head.toolConfig or {})
    tools, special = _tools(config.get("tools") or [])
    own = dict(head.additionalModelRequestFields or {})
    output = dict(head.outputConfig or {})
    inference = head.inferenceConfig
    budget, effort = _budget(own), _effort(own)
    schema = _schema(output)
    kept = {
        "toolConfig": {"tools": special} if special else None,
        "additionalModelRequestFields": own,
        "outputConfig": output,
    }
    return Request(
        messages=tuple(_messages(head)),
        tools=tools,
        tool_choice=_tool_choice(config.get("toolChoice") or {}),
        output=schema,
        stream=stream,
        extra=extra | {name: value for name, value in kept.items() if value},
        settings=Settings(
            max_tokens=inference.maxTokens,
            temperature=inference.temperature,
            top_p=inference.topP,
            stop=inference.stopSequences,
            thinking_budget=budget,
            reasoning_effort=effort,
        ),
    )


def _messages(head: _Head) -> Iterator[Message]:
    if head.system:
        yield SystemMessage(tuple(read_parts(head.system)))  # type: ignore[arg-type]  # its blocks are text and cache points
    for turn in head.messages:
        parts: Any = tuple(read_parts(turn.content))
        match turn.role:
            case "assistant":
                yield AssistantMessage(parts)
            case "system":
                yield SystemMessage(parts)
            case "user":
                yield from _user(parts)
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


def _tools(tools: list[Body]) -> tuple[tuple[Tool, ...], list[Body]]:
    """The functions, and what else stands among them: system tools, cache points."""
    plain = [tool["toolSpec"] for tool in tools if "toolSpec" in tool]
    functions = tuple(
        Tool(spec["name"], spec.get("description") or "", spec["inputSchema"]["json"], spec.get("strict"))
        for spec in plain
    )
    return functions, [tool for tool in tools if "toolSpec" not in tool]


def _tool_choice(choice: Body) -> ToolChoice:
    if "tool" in choice:
        return NamedTool(choice["tool"]["name"])
    return "required" if "any" in choice else "auto"


def _budget(own: Body) -> int | None:
    thinking = own.get("thinking")
    if isinstance(thinking, dict) and set(thinking) == {"type", "budget_tokens"} and thinking["type"] == "enabled":
        del own["thinking"]
        return int(thinking["budget_tokens"])
    return None


def _effort(own: Body) -> Any:
    for name in ("reasoning_effort", "reasoning_config"):
        if own.get(name) in ("low", "medium", "high"):
            return own.pop(name)
    return None


def _schema(output: Body) -> OutputSchema | None:
    match output.get("textFormat"):
        case {"type": "json_schema", "structure": {"jsonSchema": {"schema": str(schema)} as told}}:
            del output["textFormat"]
            name = str(told.get("name") or "output")
            return OutputSchema(name, msgspec.json.decode(schema), description=told.get("description"))
        case _:
            return None
