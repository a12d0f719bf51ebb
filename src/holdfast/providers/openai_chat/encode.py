"""A request as this wire wants it. What an endpoint lacks is left out or put in other words, and noted."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from holdfast.errors import InvalidRequestError
from holdfast.providers.codec import Dialect, HTTPRequest
from holdfast.providers.continuation import carry_on, prefills
from holdfast.providers.openai_chat.names import Names, clean_name
from holdfast.providers.openai_chat.parts import MessageWriter, spell_out
from holdfast.providers.openai_chat.rules import rules_for
from holdfast.providers.output import answer_tool, downgrade
from holdfast.providers.overlay import overlay
from holdfast.providers.portable import adapt
from holdfast.providers.strict import strict_schema
from holdfast.request import NamedTool, OutputSchema, Request, Settings, Tool, ToolChoice

_PATH: Final = "/chat/completions"
_HEADERS: Final = {"content-type": "application/json"}
_SAMPLING: Final = ("temperature", "top_p", "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs")


def encode(request: Request, model: str, dialect: Dialect) -> HTTPRequest:
    """The HTTP request; raises `InvalidRequestError` for what cannot be carried."""
    body, notes = encode_body(request, model, dialect)
    try:
        encoded = msgspec.json.encode(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"The request cannot be written as JSON: {error}") from error
    headers = {**_HEADERS, **({"accept": "text/event-stream"} if request.stream else {})}
    return HTTPRequest(url=path(model, dialect), body=encoded, headers=headers, notes=notes)


def path(model: str, dialect: Dialect) -> str:
    """The path of a call, after the base URL."""
    version = f"?{urlencode({'api-version': dialect.api_version})}" if dialect.api_version else ""
    if dialect.deployments:  # Azure's older surface names the deployment in the path
        return f"/openai/deployments/{quote(model, safe='')}{_PATH}{version}"
    return f"{_PATH}{version}"


def encode_body(request: Request, model: str, dialect: Dialect) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body as plain values, and the notes on what was changed."""
    notes: list[str] = []
    native = continues_natively(dialect, model, request)
    request = in_terms_of(carry_on(request, native=native), dialect)
    adapted = adapt(spell_out(request.messages, notes), rules_for(dialect, prefilled=native))
    notes += adapted.notes
    names = tool_names(request)
    body: dict[str, Any] = {
        "model": model,
        "messages": MessageWriter(dialect, names, notes).write(adapted.messages),
        **_settings(request.settings, model, dialect, notes),
        **_tools(request, dialect, names, notes),
        **_output(request, notes),
        **_stream(request, dialect),
    }
    if native:
        _prefill(body, dialect)
    return overlay(overlay(dict(dialect.options), body), request.extra), tuple(notes)


def continues_natively(dialect: Dialect, model: str, request: Request) -> bool:
    """Whether the answer will go on from the end of `request.prefix`, as if it had never stopped."""
    return bool(request.prefix.strip()) and prefills(dialect, model, request)


def in_terms_of(request: Request, dialect: Dialect) -> Request:
    """The request with its output asked for in a way that the endpoint has."""
    return downgrade(request, **_abilities(dialect))


def answer_tool_of(request: Request, dialect: Dialect) -> str | None:
    """The tool by whose call the answer is to come, where there is no better way to its shape."""
    return answer_tool(request, **_abilities(dialect))


def _abilities(dialect: Dialect) -> dict[str, bool]:
    forced = dialect.tool_choice and not dialect.json_mode
    return {"schema": dialect.json_schema, "json_mode": dialect.json_mode, "forced_tool": forced}


def tool_names(request: Request) -> Names:
    """The names of the request's tools here and on the wire."""
    return Names(tool.name for tool in request.tools)


def _settings(settings: Settings, model: str, dialect: Dialect, notes: list[str]) -> dict[str, Any]:
    written: dict[str, Any] = {
        dialect.max_tokens_field: settings.max_tokens,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "frequency_penalty": settings.frequency_penalty,
        "presence_penalty": settings.presence_penalty,
        "stop": list(settings.stop) if settings.stop else None,
        dialect.seed_field: settings.seed,
        "logprobs": True if settings.top_logprobs else settings.logprobs,
        "top_logprobs": settings.top_logprobs,
        "user": settings.user,
    }
    if settings.top_k is not None:
        _write_if(dialect.top_k, written, notes, "top_k", settings.top_k)
    if settings.reasoning_effort is not None:
        _write_if(dialect.reasoning_effort, written, notes, "reasoning_effort", settings.reasoning_effort)
    if dialect.fixed_sampling and re.match(dialect.fixed_sampling, model):
        left_out = [name for name in _SAMPLING if written.pop(name) is not None]
        if left_out:
            notes.append(f"{', '.join(left_out)} left out: {model} takes no other than its own")
    return {name: value for name, value in written.items() if value is not None}


def _write_if(understood: bool, written: dict[str, Any], notes: list[str], name: str, value: Any) -> None:
    if understood:
        written[name] = value
    else:
        notes.append(f"{name} left out: the endpoint does not know it")


def _tools(request: Request, dialect: Dialect, names: Names, notes: list[str]) -> dict[str, Any]:
    if not request.tools:
        return {}
    written: dict[str, Any] = {"tools": [_tool(tool, dialect, names, notes) for tool in request.tools]}
    if request.tool_choice != "auto":
        choice = _choice(request.tool_choice, request.tools, names)
        _write_if(dialect.tool_choice, written, notes, "tool_choice", choice)
    parallel = request.settings.parallel_tool_calls
    if parallel is not None:
        _write_if(dialect.parallel_tool_calls, written, notes, "parallel_tool_calls", parallel)
    return written


def _tool(tool: Tool, dialect: Dialect, names: Names, notes: list[str]) -> dict[str, Any]:
    function: dict[str, Any] = {"name": names.wire(tool.name)}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters or {"type": "object", "properties": {}}
    if tool.strict is not None and dialect.strict_tools:
        schema = _strict(function["parameters"]) if tool.strict else None
        if tool.strict and schema is None:
            notes.append(f"tool {tool.name!r} is not strict: its schema cannot be without changing its meaning")
        function["parameters"] = schema or function["parameters"]
        function |= {"strict": bool(tool.strict)} if schema or not tool.strict else {}
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice, tools: tuple[Tool, ...], names: Names) -> Any:
    if not isinstance(choice, NamedTool):
        return choice
    if all(tool.name != choice.name for tool in tools):
        raise InvalidRequestError(f"The tool choice names {choice.name!r}, which is not among the tools.")
    return {"type": "function", "function": {"name": names.wire(choice.name)}}


def _output(request: Request, notes: list[str]) -> dict[str, Any]:
    match request.output:
        case None:
            return {}
        case OutputSchema() as output:
            return {"response_format": {"type": "json_schema", "json_schema": _schema(output, notes)}}
        case _:
            return {"response_format": {"type": "json_object"}}


def _schema(output: OutputSchema, notes: list[str]) -> dict[str, Any]:
    strict = _strict(output.schema) if output.strict else None
    if output.strict and strict is None:
        notes.append(f"schema {output.name!r} is not strict: it cannot be without changing its meaning")
    written: dict[str, Any] = {"name": clean_name(output.name) or "output", "schema": strict or output.schema}
    if output.description:
        written["description"] = output.description
    return {**written, "strict": True} if strict else written


def _strict(schema: dict[str, Any]) -> dict[str, Any] | None:
    try:
        return strict_schema(schema)
    except (TypeError, ValueError, AttributeError, KeyError, RecursionError):  # no schema at all: the server says so
        return None


def _stream(request: Request, dialect: Dialect) -> dict[str, Any]:
    if not request.stream:
        return {}
    usage = {"stream_options": {"include_usage": True}} if dialect.stream_usage else {}
    return {"stream": True, **usage}


def _prefill(body: dict[str, Any], dialect: Dialect) -> None:
    match dialect.prefill:
        case "prefix_flag":
            body["messages"][-1]["prefix"] = True
        case "continue_final_message":
            body["continue_final_message"] = True
            body["add_generation_prompt"] = False
        case "assistant" | "none":
            pass
