"""A request as the body of `POST /responses`.

Two defaults differ from the API's own, on purpose. `store` is false: nothing is kept at the provider, and reasoning
comes back encrypted, to be carried by the caller. `strict` of a tool is false: the API's default of true changes
schemas. `Request.extra` overrides both; what needs a stored response (`background`, `previous_response_id`,
`conversation`) leaves `store` to the API.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from holdfast.providers.codec import Dialect
from holdfast.providers.continuation import carry_on
from holdfast.providers.openai_responses.input import input_items, instructions_of
from holdfast.providers.openai_responses.rules import rules_for
from holdfast.providers.output import downgrade
from holdfast.providers.overlay import overlay
from holdfast.providers.portable import adapt
from holdfast.providers.strict import strict_schema
from holdfast.request import NamedTool, OutputSchema, Request, Settings, Tool, ToolChoice

_REASONS: Final = re.compile(r"(?:.*[/.])?(?:o\d|gpt-(?:[5-9]|\d\d)(?!.*chat)|codex|computer-use)")
"""Names of models that reason, and so take `reasoning` and give encrypted reasoning (docs, "Reasoning models")."""

_ENCRYPTED: Final = "reasoning.encrypted_content"
_LOGPROBS: Final = "message.output_text.logprobs"
_NEED_STORE: Final = ("background", "previous_response_id", "conversation")
_ELSEWHERE: Final = ("previous_response_id", "conversation")
"""The history, or its beginning, is at the provider, so what is sent need not be whole."""


def encode_body(request: Request, model: str, dialect: Dialect) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body, and notes on what this wire or model could not take over."""
    request = carry_on(request, native=False)
    notes: list[str] = []
    asked = overlay(dialect.options, request.extra)
    if not any(asked.get(name) for name in _ELSEWHERE):
        adapted = adapt(request.messages, rules_for(dialect))
        notes += adapted.notes
        request = request.replace(messages=adapted.messages)
    request = downgrade(request, schema=dialect.json_schema, json_mode=dialect.json_mode, forced_tool=False)
    reasons = _reasons(request, model)
    stored = bool(asked.get("store")) or any(asked.get(name) for name in _NEED_STORE)
    instructions, messages = instructions_of(request.messages)
    body: dict[str, Any] = {
        "model": model,
        "input": input_items(messages, dialect, stored=stored, breakpoints="prompt_cache_options" in asked),
        "store": None if stored else False,
        "instructions": instructions or None,
        "stream": request.stream or None,
        "tools": [_tool(tool, dialect) for tool in request.tools] or None,
        "tool_choice": _tool_choice(request.tool_choice, dialect) if request.tools or asked.get("tools") else None,
        "text": _text(request.output),
        "include": _include(request.settings, asked.get("include") or (), reasons=reasons) or None,
        **_settings(request.settings, dialect, notes, reasons=reasons),
    }
    stated = {name: value for name, value in body.items() if value is not None}
    laid = overlay(overlay(dialect.options, stated), _without_include(request.extra))
    return laid, tuple(notes)


def _without_include(extra: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in extra.items() if name != "include"}  # it is in the body already


def _reasons(request: Request, model: str) -> bool:
    effort = request.settings.reasoning_effort
    return effort not in (None, "none") or (effort is None and _REASONS.match(model) is not None)


def _tool(tool: Tool, dialect: Dialect) -> dict[str, Any]:
    parameters = tool.parameters or {"type": "object", "properties": {}}
    closed = strict_schema(parameters) if tool.strict and dialect.strict_tools else None
    strict = {"strict": closed is not None} if dialect.strict_tools else {}
    description = {"description": tool.description} if tool.description else {}
    return {"type": "function", "name": tool.name, **description, "parameters": closed or parameters, **strict}


def _tool_choice(choice: ToolChoice, dialect: Dialect) -> Any:
    if not dialect.tool_choice or choice == "auto":
        return None
    return {"type": "function", "name": choice.name} if isinstance(choice, NamedTool) else choice


def _text(output: Any) -> dict[str, Any] | None:
    match output:
        case None:
            return None
        case OutputSchema():
            closed = strict_schema(output.schema) if output.strict else None
            schema = output.schema if closed is None else closed
            named = {"type": "json_schema", "name": output.name, "schema": schema, "strict": closed is not None}
            return {"format": {**named, "description": output.description} if output.description else named}
        case _:
            return {"format": {"type": "json_object"}}


def _include(settings: Settings, asked: Iterable[str], *, reasons: bool) -> list[str]:
    ours = [_ENCRYPTED] * reasons + [_LOGPROBS] * bool(settings.logprobs or settings.top_logprobs)
    return [*ours, *(name for name in asked if name not in ours)]


def _settings(settings: Settings, dialect: Dialect, notes: list[str], *, reasons: bool) -> dict[str, Any]:
    sampling = {"temperature": settings.temperature, "top_p": settings.top_p}
    if reasons and any(value is not None for value in sampling.values()):
        notes.append("temperature and top_p were left out: the model reasons, and takes neither")
        sampling = {}
    lacking = [
        name
        for name in ("top_k", "stop", "seed", "frequency_penalty", "presence_penalty", "thinking_budget")
        if getattr(settings, name) is not None
    ]
    if lacking:
        notes.append(f"{', '.join(lacking)} left out: the Responses API has no such setting")
    effort = settings.reasoning_effort if dialect.reasoning_effort else None
    return {
        **sampling,
        "max_output_tokens": settings.max_tokens,
        "top_logprobs": settings.top_logprobs,
        "parallel_tool_calls": settings.parallel_tool_calls if dialect.parallel_tool_calls else None,
        "reasoning": {"effort": effort} if effort else None,
        "user": settings.user,
    }
