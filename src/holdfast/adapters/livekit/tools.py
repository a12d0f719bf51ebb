"""From LiveKit's tools and per-call arguments to those of a `Request`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from livekit.agents import llm
from msgspec.structs import replace

from holdfast.request import NamedTool, Request, Settings, Tool, ToolChoice

_SETTINGS: Final = frozenset(Settings.__struct_fields__)
_ALIASES: Final = {"max_completion_tokens": "max_tokens"}


def tools_of(tools: Sequence[llm.Tool]) -> tuple[Tool, ...]:
    """The function tools. Tools that a provider runs itself are no functions, and are left out."""
    schemas = llm.ToolContext(tools).parse_function_tools("openai", strict=False)
    return tuple(_tool(schema["function"]) for schema in schemas)


def _tool(function: dict[str, Any]) -> Tool:
    return Tool(
        name=function["name"],
        description=(function.get("description") or "").strip(),
        parameters=function.get("parameters") or {"type": "object", "properties": {}},
        strict=function.get("strict"),
    )


def tool_choice_of(choice: llm.ToolChoice, tools: Sequence[Tool]) -> ToolChoice:
    """The tool choice; without tools there is nothing to choose."""
    if not tools:
        return "auto"
    if isinstance(choice, str):
        return choice
    return NamedTool(choice["function"]["name"])


def with_arguments(request: Request, arguments: Mapping[str, Any]) -> Request:
    """The request with LiveKit's `extra_kwargs`: what is a setting of ours becomes one, the rest goes into the body."""
    named = {_ALIASES.get(name, name): value for name, value in arguments.items()}
    settings = {name: value for name, value in named.items() if name in _SETTINGS}
    body = {name: value for name, value in named.items() if name not in _SETTINGS}
    if isinstance(stop := settings.get("stop"), str | list):
        settings["stop"] = (stop,) if isinstance(stop, str) else tuple(stop)
    return request.replace(settings=replace(request.settings, **settings), extra={**request.extra, **body})
