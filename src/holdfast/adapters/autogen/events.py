"""AutoGen's own log events. Made only when somebody listens, safe for JSON, without keys and without picture bytes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from autogen_core import EVENT_LOGGER_NAME, FunctionCall
from autogen_core.logging import LLMCallEvent, LLMStreamEndEvent, LLMStreamStartEvent
from autogen_core.models import CreateResult

from holdfast.errors import ModelError
from holdfast.messages import Audio, Document, Image, Message, Opaque, Part
from holdfast.redact import redact
from holdfast.request import Tool
from holdfast.usage import Usage

_LOG: Final = logging.getLogger(EVENT_LOGGER_NAME)
_TEXT: Final = 100_000  # characters of one message's text in an event


def log_start(messages: Sequence[Message]) -> None:
    """A stream begins."""
    if _LOG.isEnabledFor(logging.INFO):
        _LOG.info(LLMStreamStartEvent(messages=_messages(messages)))


def log_end(result: CreateResult | ModelError) -> None:
    """A stream is over, with a result or an error."""
    if _LOG.isEnabledFor(logging.INFO):
        _LOG.info(LLMStreamEndEvent(**_outcome(result)))


def log_call(messages: Sequence[Message], tools: Sequence[Tool], result: CreateResult | ModelError) -> None:
    """A call that was not streamed is over, with a result or an error."""
    if _LOG.isEnabledFor(logging.INFO):
        plain: list[dict[str, Any]] = msgspec.to_builtins(list(tools))
        _LOG.info(LLMCallEvent(messages=_messages(messages), tools=plain, **_outcome(result)))


def _outcome(result: CreateResult | ModelError) -> dict[str, Any]:
    if isinstance(result, ModelError):  # AutoGen has no event for a failure: its end is told by the same ones
        spent = spent_on(result)
        return {
            "response": {"error": msgspec.to_builtins(result.info), "attempts": _attempts(result)},
            "prompt_tokens": spent.input_tokens,
            "completion_tokens": spent.output_tokens,
        }
    return {
        "response": _result(result),
        "prompt_tokens": result.usage.prompt_tokens,
        "completion_tokens": result.usage.completion_tokens,
    }


def spent_on(error: ModelError) -> Usage:
    """The tokens of the attempts of a failed call."""
    return sum((failure.usage for failure in error.history if failure.usage), Usage())


def _attempts(error: ModelError) -> list[Any]:
    plain: list[Any] = msgspec.to_builtins([failure.record for failure in error.history])
    return plain


def _result(result: CreateResult) -> dict[str, Any]:
    plain = result.model_dump(mode="json", exclude={"content"}, exclude_none=True)
    content = result.content
    return {**plain, "content": redact(content, _TEXT) if isinstance(content, str) else list(map(_call, content))}


def _call(call: FunctionCall) -> dict[str, str]:
    return {"id": call.id, "name": call.name, "arguments": redact(call.arguments, _TEXT)}


def _messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    return [_cleaned(msgspec.to_builtins(_light(message))) for message in messages]


def _light(message: Any) -> Any:
    """The message without the bytes of its files."""
    if isinstance(message.content, str):
        return message
    return msgspec.structs.replace(message, content=tuple(map(_light_part, message.content)))


def _light_part(part: Part) -> Any:
    match part:
        case Image() | Document() | Audio():
            return msgspec.structs.replace(part, data=None)
        case Opaque():
            return Opaque(part.origin, None)
        case _:
            return part


def _cleaned(value: Any) -> Any:
    match value:
        case str():
            return redact(value, _TEXT)
        case dict():
            return {name: _cleaned(each) for name, each in value.items()}
        case list() | tuple():
            return [_cleaned(each) for each in value]
        case _:
            return value
