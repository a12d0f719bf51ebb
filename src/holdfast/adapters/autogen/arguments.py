"""Creation arguments by the names that OpenAI gave them, as a Holdfast call takes them. Unknown ones are an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel

from holdfast.errors import InvalidRequestError
from holdfast.recovery.screen import HoldBack
from holdfast.request import NamedTool, OutputSchema, Timeouts

PLAIN: Final = frozenset(
    {
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "logprobs",
        "top_logprobs",
        "parallel_tool_calls",
        "reasoning_effort",
        "thinking_budget",
        "user",
        "deadline",
        "max_attempts",
        "on_break",
        "hold_back",
        "timeouts",
    }
)
"""What a Holdfast call takes by the same name."""

_RENAMED: Final = {
    "max_completion_tokens": "max_tokens",
    "extra_headers": "headers",
    "extra_body": "extra",
    "response_format": "output",
}

_BODY: Final = frozenset(
    {
        "logit_bias",
        "metadata",
        "modalities",
        "prediction",
        "prompt_cache_key",
        "safety_identifier",
        "service_tier",
        "store",
        "verbosity",
        "web_search_options",
    }
)
"""Fields of OpenAI's body that this vocabulary has not. They are laid over the body as they are, at every model."""

_IGNORED: Final = frozenset({"stream_options", "include_usage", "max_consecutive_empty_chunk_tolerance"})
"""What the stock client takes and this one does anyway: usage always comes, and empty chunks harm nothing."""

_ELSEWHERE: Final = {
    "model": "The models are the first arguments: HoldfastChatCompletionClient('openai/gpt-5-mini', ...).",
    "api_key": "Keys come from the environment: the catalog's variable, or ModelConfig(api_key_env=...).",
    "base_url": "An address belongs to a model: ModelConfig(model='mine/gpt-5-mini', base_url=...).",
    "default_headers": "Headers belong to a model: ModelConfig(model=..., headers=...).",
    "max_retries": "Say max_attempts (requests of one call, all models together) or policies.",
}


def arguments_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a Holdfast call.

    Raises:
        InvalidRequestError: one of them is unknown, or asks for what a single answer cannot be.
    """
    ask: dict[str, Any] = {}
    body: dict[str, Any] = {}
    for name, value in arguments.items():
        if value is None or name in _IGNORED:
            continue
        if name in _BODY:
            body[name] = value
        elif name in PLAIN or name in _RENAMED:
            ask[_RENAMED.get(name, name)] = value
        elif name in _READ:
            ask.update(_READ[name](value))
        else:
            said = _ELSEWHERE.get(name) or f"Known: {', '.join(KNOWN)}."
            raise InvalidRequestError(f"Unknown argument {name!r}. {said}")
    if body:
        ask["extra"] = {**body, **ask.get("extra", {})}
    if "output" in ask:
        ask["output"] = _output(ask["output"])
    for name, kind in (("timeouts", Timeouts), ("hold_back", HoldBack)):
        if isinstance(ask.get(name), Mapping):
            ask[name] = kind(**ask[name])
    return ask


def _timeout(value: Any) -> dict[str, Any]:
    if not isinstance(value, (int, float)):
        raise InvalidRequestError("timeout is a number of seconds here; for finer limits give timeouts.")
    return {"timeouts": Timeouts(total=float(value))}


def _one(value: Any) -> dict[str, Any]:
    if value != 1:
        raise InvalidRequestError(f"n is {value!r}: a result holds one answer, the others would only be paid for.")
    return {}


def _choice(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):  # OpenAI's form of a named tool
        value = NamedTool(str(value.get("function", {}).get("name", "")))
    return {"tool_choice": value}


def _stream(_: Any) -> dict[str, Any]:
    raise InvalidRequestError("stream is no argument: call create or create_stream.")


_READ: Final[dict[str, Callable[[Any], dict[str, Any]]]] = {
    "timeout": _timeout,
    "n": _one,
    "tool_choice": _choice,
    "stream": _stream,
}

KNOWN: Final = sorted({*PLAIN, *_RENAMED, *_BODY, *_IGNORED, *_READ} - {"stream"})
"""The names that are understood."""


def _output(shape: Any) -> Any:
    """The output that a `response_format` asks for: OpenAI's dict, or a type."""
    if not isinstance(shape, Mapping):
        return shape
    match shape.get("type"):
        case "text":
            return None
        case "json_object":
            return "json"
        case "json_schema":
            stated = shape["json_schema"]
            return OutputSchema(
                str(stated.get("name", "output")),
                dict(stated["schema"]),
                bool(stated.get("strict", False)),
                stated.get("description"),
            )
        case kind:
            raise InvalidRequestError(f"response_format of type {kind!r} is none of text, json_object, json_schema.")


def output_of(json_output: bool | type[BaseModel] | None, asked: Any) -> Any:
    """The output that a call asks for, by `json_output` or by `response_format`.

    Raises:
        InvalidRequestError: both say something, and not the same.
    """
    stated: Any = "json" if json_output is True else json_output or None
    if json_output is False:
        return None
    if stated is None or asked is None or stated == asked:
        return stated or asked
    raise InvalidRequestError("json_output and response_format ask for different things: give one of them.")
