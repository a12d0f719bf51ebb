"""From what an agent asks of a model to our `Request`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, cast

from msgspec import Struct
from msgspec.structs import replace
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings, ThinkingLevel
from pydantic_ai.tools import RunContext, ToolDefinition

from holdfast.adapters.pydantic_ai.private import Choice
from holdfast.messages import Message
from holdfast.request import NamedTool, OutputSchema, ReasoningEffort, Request, Settings, Tool, ToolChoice

SETTINGS: Final[Mapping[str, str]] = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "parallel_tool_calls": "parallel_tool_calls",
    "openai_logprobs": "logprobs",
    "openai_top_logprobs": "top_logprobs",
    "openai_user": "user",
}
"""Their settings that are ours by another name, or the same; `stop_sequences` and `thinking` are not of one type."""


class Asked(Struct, frozen=True, kw_only=True):
    """What the agent asked, in its own words, and what was made of it.

    A Pydantic AI model behind the client is asked with these as far as no policy has changed what was made of them:
    the messages (`converted`), and the tools, the tool choice, the output and the settings (`built`).
    """

    messages: list[ModelMessage]
    settings: ModelSettings
    parameters: ModelRequestParameters
    converted: tuple[Message, ...]
    built: tuple[tuple[Tool, ...], ToolChoice, Any, Settings] | None = None
    run: RunContext[Any] | None = None


class AgentRequest(Request, frozen=True, kw_only=True, omit_defaults=True):
    """A request that knows what it was made of."""

    asked: Asked | None = None


def request_of(
    asked: Asked, settings: ModelSettings, parameters: ModelRequestParameters, choice: Choice, *, json_mode: bool
) -> AgentRequest:
    """The request for one step of an agent.

    Args:
        asked: what the agent asked; its `converted` are the messages.
        settings: its settings, prepared for this model.
        parameters: likewise.
        choice: the tool choice that they come to.
        json_mode: whether every model of the chain has a mode for JSON objects; then `prompted` output uses it.
    """
    tools = [*parameters.declared_function_tools, *parameters.output_tools]
    mode, names = (choice, None) if isinstance(choice, str) else choice
    if names is not None:
        tools = [tool for tool in tools if tool.name in names]
    offered = tuple(map(_tool, tools))
    chosen = _tool_choice(mode, tools, named=names is not None)
    output = _output(parameters, json_mode=json_mode and not tools)
    sampling = settings_of(settings, parameters.thinking)
    return AgentRequest(
        messages=asked.converted,
        tools=offered,
        tool_choice=chosen,
        output=output,
        settings=sampling,
        extra=_mapping(settings.get("extra_body")),
        headers=_mapping(settings.get("extra_headers")),
        asked=replace(asked, built=(offered, chosen, output, sampling)),
    )


def settings_of(settings: ModelSettings, thinking: ThinkingLevel | None = None) -> Settings:
    """The sampling settings in our vocabulary."""
    stated: dict[str, Any] = {
        ours: value for theirs, ours in SETTINGS.items() if (value := cast("Any", settings).get(theirs)) is not None
    }
    stop = settings.get("stop_sequences")
    return Settings(stop=tuple(stop) if stop else None, reasoning_effort=_effort(thinking), **stated)


def _effort(thinking: ThinkingLevel | None) -> ReasoningEffort | None:
    match thinking:
        case None:
            return None
        case True:
            return "medium"
        case False:
            return "none"
        case level:
            return level


def _tool(definition: ToolDefinition) -> Tool:
    schema = definition.parameters_json_schema
    return Tool(definition.name, definition.description or "", schema, definition.strict)


def _tool_choice(mode: str, tools: list[ToolDefinition], *, named: bool) -> ToolChoice:
    if not tools:
        return "auto"
    if mode == "required" and named and len(tools) == 1:
        return NamedTool(tools[0].name)
    return cast("ToolChoice", mode)


def _output(parameters: ModelRequestParameters, *, json_mode: bool) -> OutputSchema | Literal["json"] | None:
    shape = parameters.output_object
    if parameters.output_mode == "native" and shape is not None:
        return OutputSchema(shape.name or "output", shape.json_schema, shape.strict is not False, shape.description)
    if parameters.output_mode == "prompted" and json_mode:
        return "json"
    return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
