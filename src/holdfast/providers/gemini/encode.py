"""A request as the body of `generateContent`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdfast.messages import Message, SystemMessage
from holdfast.providers.codec import Dialect
from holdfast.providers.continuation import carry_on, prefills
from holdfast.providers.gemini.contents import contents_of
from holdfast.providers.gemini.rules import rules_for
from holdfast.providers.gemini.thinking import has_levels, thinking_config
from holdfast.providers.output import downgrade
from holdfast.providers.overlay import overlay
from holdfast.providers.portable import adapt
from holdfast.request import NamedTool, OutputSchema, Request, Settings, Tool, ToolChoice


def can_schema(request: Request, model: str, dialect: Dialect) -> bool:
    """Whether the answer can be held to a schema natively: before Gemini 3 not together with functions.

    ("Function calling with a response mime type: 'application/json' is unsupported", API error.)
    """
    return dialect.json_schema and (has_levels(model) or not request.tools)


def encode_body(request: Request, model: str, dialect: Dialect) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The body, and notes on what this wire or model could not take over."""
    request = carry_on(request, native=prefills(dialect, model, request))
    schema = can_schema(request, model, dialect)
    request = downgrade(request, schema=schema, json_mode=dialect.json_mode and schema, forced_tool=dialect.tool_choice)
    adapted = adapt(request.messages, rules_for(dialect, model))
    notes = list(adapted.notes)
    system, messages = _system_of(adapted.messages)
    body: dict[str, Any] = {
        "contents": contents_of(messages, signed_calls=has_levels(model)),
        "systemInstruction": {"parts": system} if system else None,
        "tools": [{"functionDeclarations": [_declaration(tool) for tool in request.tools]}] if request.tools else None,
        "toolConfig": _tool_config(request.tool_choice, dialect) if request.tools else None,
        "generationConfig": _generation(request, model, notes) or None,
    }
    stated = {name: value for name, value in body.items() if value is not None}
    return overlay(overlay(dialect.options, stated), request.extra), tuple(notes)


def _system_of(messages: Sequence[Message]) -> tuple[list[dict[str, Any]], Sequence[Message]]:
    head = next((at for at, message in enumerate(messages) if not isinstance(message, SystemMessage)), len(messages))
    return [{"text": message.text} for message in messages[:head] if message.text], messages[head:]


def _declaration(tool: Tool) -> dict[str, Any]:
    said: dict[str, Any] = {"name": tool.name}
    if tool.description:
        said["description"] = tool.description
    if tool.parameters:
        said["parametersJsonSchema"] = tool.parameters
    return said


def _tool_config(choice: ToolChoice, dialect: Dialect) -> dict[str, Any] | None:
    if not dialect.tool_choice:
        return None
    match choice:
        case "auto":
            return None
        case "none":
            return {"functionCallingConfig": {"mode": "NONE"}}
        case "required":
            return {"functionCallingConfig": {"mode": "ANY"}}
        case NamedTool():
            return {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [choice.name]}}


def _generation(request: Request, model: str, notes: list[str]) -> dict[str, Any]:
    settings = request.settings
    if settings.user is not None or settings.parallel_tool_calls is not None:
        notes.append("user and parallel_tool_calls were left out: Gemini has no such setting")
    config = {
        **_sampling(settings),
        "thinkingConfig": thinking_config(settings, model, notes),
        "responseMimeType": "application/json" if request.output is not None else None,
        "responseJsonSchema": request.output.schema if isinstance(request.output, OutputSchema) else None,
    }
    return {name: value for name, value in config.items() if value is not None}


def _sampling(settings: Settings) -> dict[str, Any]:
    return {
        "maxOutputTokens": settings.max_tokens,
        "temperature": settings.temperature,
        "topP": settings.top_p,
        "topK": settings.top_k,
        "stopSequences": list(settings.stop) if settings.stop is not None else None,
        "seed": settings.seed,
        "presencePenalty": settings.presence_penalty,
        "frequencyPenalty": settings.frequency_penalty,
        "responseLogprobs": settings.logprobs or (True if settings.top_logprobs else None),
        "logprobs": settings.top_logprobs,
    }
