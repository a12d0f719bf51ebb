"""A body of this wire as a `Request`: the server's half of `encode`. What our vocabulary lacks stays in `extra`."""

from __future__ import annotations

from typing import Any, Final, get_args

import msgspec

from holdfast.errors import InvalidRequestError
from holdfast.providers.codec import ServedRequest
from holdfast.providers.openai_chat.read_messages import read_messages
from holdfast.request import NamedTool, OutputSchema, ReasoningEffort, Request, Settings, Tool, ToolChoice

_EFFORTS: Final = frozenset(get_args(ReasoningEffort))
_NUMBERS: Final = {
    "temperature": float,
    "top_p": float,
    "top_k": int,
    "frequency_penalty": float,
    "presence_penalty": float,
    "top_logprobs": int,
}
_CHOICES: Final[dict[str, ToolChoice]] = {"auto": "auto", "required": "required", "any": "required", "none": "none"}


def read_request(body: bytes, deployment: str | None = None) -> ServedRequest:
    """The request in a body; `deployment` is the model where the body names none.

    Raises:
        InvalidRequestError: it cannot be read.
    """
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequestError(f"The body is not JSON: {error}") from error
    return read_fields(fields, deployment)


def read_fields(fields: Any, deployment: str | None = None) -> ServedRequest:
    """The request in a decoded body; raises `InvalidRequestError` when it is none."""
    if not isinstance(fields, dict):
        raise InvalidRequestError("The body must be a JSON object.")
    model = fields.get("model") or deployment
    if not isinstance(model, str) or not model:
        raise InvalidRequestError("you must provide a model parameter", code="missing_required_parameter")
    try:
        request = _Reading(fields).request()
        # The fields were taken on trust; the types say whether they are what they should be.
        plain = msgspec.to_builtins(request, builtin_types=(bytes,))
        return ServedRequest(model=model, request=msgspec.convert(plain, Request, builtin_types=(bytes,)))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InvalidRequestError(f"The body cannot be read: {error!r}") from error


class _Reading:
    """One body, field by field; what is left at the end is `extra`."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self._rest = {name: value for name, value in fields.items() if value is not None}
        self._rest.pop("model", None)

    def request(self) -> Request:
        messages, prefix = read_messages(self._rest.pop("messages", None))
        stream = bool(self._rest.pop("stream", False))
        tools = self._tools()
        return Request(
            messages=messages,
            prefix=prefix,
            tools=tools,
            tool_choice=self._tool_choice(),
            output=self._output(),
            settings=self._settings(),
            stream=stream,
            extra=self._extra(stream=stream),
        )

    def _tools(self) -> tuple[Tool, ...]:
        found, others = [], []
        for tool in self._rest.pop("tools", ()):
            if tool.get("type", "function") == "function" and set(tool) <= {"type", "function"}:
                found.append(_tool(tool["function"]))
            else:
                others.append(tool)
        found += [_tool(function) for function in self._rest.pop("functions", ())]  # the older form
        if others:
            self._rest["tools"] = others
        return tuple(found)

    def _tool_choice(self) -> ToolChoice:
        choice = self._rest.pop("tool_choice", None)
        if choice is None:
            choice = self._rest.pop("function_call", "auto")
        if isinstance(choice, str) and choice.lower() in _CHOICES:
            return _CHOICES[choice.lower()]
        if isinstance(choice, dict):
            named = choice.get("function", choice)
            if isinstance(named, dict) and isinstance(named.get("name"), str):
                return NamedTool(named["name"])
        self._rest["tool_choice"] = choice
        return "auto"

    def _output(self) -> Any:
        form = self._rest.pop("response_format", None)
        match form:
            case None | {"type": "text"}:
                return None
            case {"type": "json_object"}:
                return "json"
            case {"type": "json_schema", "json_schema": dict() as named}:
                schema, strict = named.get("schema") or {}, bool(named.get("strict"))
                return OutputSchema(named.get("name", "output"), schema, strict, named.get("description"))
            case _:
                self._rest["response_format"] = form
                return None

    def _settings(self) -> Settings:
        rest = self._rest
        newer, older = rest.pop("max_completion_tokens", None), rest.pop("max_tokens", None)
        stop = rest.pop("stop", None) or rest.pop("stop_sequences", None)
        seed, other = rest.pop("seed", None), rest.pop("random_seed", None)
        effort = rest.pop("reasoning_effort", None)
        if effort is not None and effort not in _EFFORTS:
            rest["reasoning_effort"] = effort
            effort = None
        numbers = {name: kind(rest.pop(name)) for name, kind in _NUMBERS.items() if name in rest}
        return Settings(
            max_tokens=newer if newer is not None else older,
            stop=(stop,) if isinstance(stop, str) else tuple(stop) if stop else None,
            seed=seed if seed is not None else other,
            logprobs=rest.pop("logprobs", None),
            parallel_tool_calls=rest.pop("parallel_tool_calls", None),
            reasoning_effort=effort,
            user=rest.pop("user", None),
            **numbers,
        )

    def _extra(self, *, stream: bool) -> dict[str, Any]:
        rest = self._rest
        if rest.get("n") == 1:
            del rest["n"]
        if stream:  # usage in a stream is our default, and must be asked for on the wire
            options = rest.pop("stream_options", {})
            if options != {"include_usage": True}:
                rest["stream_options"] = {"include_usage": False, **options}
        return rest


def _tool(function: dict[str, Any]) -> Tool:
    parameters = function.get("parameters") or {}
    return Tool(function["name"], function.get("description") or "", parameters, function.get("strict"))
