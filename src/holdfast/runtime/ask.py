"""From what people write to a `Request`: plain strings, loose settings, types for schemas. Wrong input ends here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, TypeAlias, TypedDict

from holdfast.errors import InvalidRequestError
from holdfast.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage
from holdfast.recovery.attempt import Policy, Verdict
from holdfast.recovery.screen import HoldBack, OnBreak
from holdfast.request import NamedTool, OutputSchema, ReasoningEffort, Request, Settings, Timeouts, Tool, ToolChoice
from holdfast.runtime.options import Observer
from holdfast.schema import output_schema

Messages: TypeAlias = str | Message | Iterable[Message] | Request


class Ask(TypedDict, total=False):
    """What a call may say besides its messages. See `Request`, `Settings` and `Client` for each."""

    tools: Iterable[Tool]
    tool_choice: ToolChoice
    output: Any
    settings: Settings
    extra: Mapping[str, Any]
    headers: Mapping[str, str]
    timeouts: Timeouts
    deadline: float
    on_break: OnBreak
    hold_back: HoldBack
    max_attempts: int
    verdicts: Iterable[Verdict]
    policies: Iterable[Policy]
    observe: Observer
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    stop: Iterable[str]
    seed: int
    frequency_penalty: float
    presence_penalty: float
    logprobs: bool
    top_logprobs: int
    parallel_tool_calls: bool
    reasoning_effort: ReasoningEffort
    thinking_budget: int
    user: str


_SETTINGS: Final = frozenset(Settings.__struct_fields__)
_FIELDS: Final = ("tool_choice", "extra", "headers", "timeouts")
_CHOICES: Final = ("auto", "required", "none")
_KINDS: Final = (SystemMessage, UserMessage, AssistantMessage, ToolMessage)


def request_of(messages: Messages, ask: Ask, *, base: Settings, stream: bool) -> Request:
    """The request that a call asks for; raises `InvalidRequestError` before anything is sent."""
    if not ask.keys() <= Ask.__optional_keys__:
        unknown = ", ".join(sorted(ask.keys() - Ask.__optional_keys__))
        known = ", ".join(sorted(Ask.__optional_keys__))
        raise InvalidRequestError(f"Unknown argument {unknown}. Known: {known}.")
    stated: dict[str, Any] = {name: value for name, value in ask.items() if name in _SETTINGS}
    if "stop" in stated:
        stated["stop"] = (stated["stop"],) if isinstance(stated["stop"], str) else tuple(stated["stop"])
    settings = Settings(**stated).over(ask.get("settings", Settings()))
    if isinstance(messages, Request):
        request = messages.replace(stream=stream, settings=settings.over(messages.settings).over(base))
    else:
        request = Request(messages=_messages(messages), settings=settings.over(base), stream=stream)
    changes: dict[str, Any] = {name: value for name, value in ask.items() if name in _FIELDS}
    if "tools" in ask:
        changes["tools"] = tuple(ask["tools"])
    if (shape := ask.get("output")) is not None:
        changes["output"] = _output(shape)
    request = request.replace(**changes) if changes else request
    check(request)
    return request


def check(request: Request) -> None:
    """Raise `InvalidRequestError` for a request that no model could take."""
    if not request.messages:
        raise InvalidRequestError("There are no messages: give at least one.")
    for index, message in enumerate(request.messages):
        if not isinstance(message, _KINDS):
            raise InvalidRequestError(f"Message {index} is a {type(message).__name__}, not one of holdfast's messages.")
    names = [tool.name for tool in request.tools]
    if len(set(names)) != len(names):
        raise InvalidRequestError(f"Two tools share a name: {sorted(names)}.")
    choice = request.tool_choice
    if isinstance(choice, NamedTool) and choice.name not in names:
        raise InvalidRequestError(f"The tool choice names {choice.name!r}, which is not among the tools {names}.")
    if not isinstance(choice, NamedTool) and choice not in _CHOICES:
        raise InvalidRequestError(f"The tool choice {choice!r} is none of {_CHOICES}, and no NamedTool.")
    if choice == "required" and not names:
        raise InvalidRequestError("The tool choice is 'required', but there are no tools.")
    _check_settings(request.settings)


def _check_settings(settings: Settings) -> None:
    if settings.max_tokens is not None and settings.max_tokens < 1:
        raise InvalidRequestError(f"max_tokens is {settings.max_tokens}: it must be at least 1.")
    for name in ("temperature", "top_p", "frequency_penalty", "presence_penalty"):
        value = getattr(settings, name)
        if value is not None and not math.isfinite(value):
            raise InvalidRequestError(f"{name} is {value}: it must be a finite number.")


def _messages(messages: str | Message | Iterable[Message]) -> tuple[Message, ...]:
    if isinstance(messages, str):
        return (UserMessage(messages),)
    if isinstance(messages, _KINDS):
        return (messages,)
    return tuple(messages)


def _output(shape: Any) -> OutputSchema | Literal["json"]:
    return "json" if shape == "json" else output_schema(shape)
