"""Tools from plain functions, and what a call of one comes to: always a result, never an exception.

A function that raises, arguments that do not fit, a tool that nobody knows: all become results with `is_error`, which
the model reads and can act upon.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Final, overload

import msgspec

from holdfast.agent.signature import Signature, signature_of
from holdfast.agent.threads import in_thread
from holdfast.errors import ConfigurationError, ModelError
from holdfast.messages import Document, Image, Opaque, Text, ToolCall, ToolResult
from holdfast.request import Tool

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_NOTHING: Final = "(The tool gave nothing back.)"
_PARTS: Final = (Text, Image, Document, Opaque)


class FunctionTool:
    """A function that a model may call. Calling the tool calls the function.

    Args:
        function: sync or async; annotations and docstring say what it takes. A sync one runs in a thread.
        name: what the model calls it; by default the function's name.
        description: what the model is told; by default the docstring, up to its first section.
        timeout: seconds that a call may take; None leaves it to the agent.
        max_tokens: how much of a result is sent; None leaves it to the agent's limits.
        strict: whether the provider shall enforce the schema.

    Raises:
        ConfigurationError: no schema can be made of its signature, or the name is none.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        timeout: float | None = None,
        max_tokens: int | None = None,
        strict: bool | None = None,
    ) -> None:
        self.function = function
        self.timeout = timeout
        self.max_tokens = max_tokens
        self.signature: Signature = signature_of(function)
        self.spec = Tool(
            _checked(name or _name_of(function)),
            self.signature.description if description is None else description,
            self.signature.parameters,
            strict,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the function gives."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"FunctionTool({self.name!r})"

    @property
    def name(self) -> str:
        """What the model calls it."""
        return self.spec.name

    async def result(self, call: ToolCall) -> ToolResult:
        """What the call comes to. Only cancellation is raised."""
        try:
            positional, named = self.signature.read(call.input)
        except (ValueError, ModelError) as error:
            said = error.message if isinstance(error, ModelError) else f"Invalid arguments: {error}."
            return failed(call, said)
        try:
            value = await self._value(partial(self.function, *positional, **named))
            return self._shaped(call, value)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # a tool may raise anything, and the model is told
            return failed(call, f"{type(error).__name__}: {error}")

    async def _value(self, call: Callable[[], Any]) -> Any:
        if _is_async(self.function):
            return await call()
        value = await in_thread(call)
        return await value if inspect.isawaitable(value) else value

    def _shaped(self, call: ToolCall, value: Any) -> ToolResult:
        return ToolResult(call.id, content_of(value), self.name, max_tokens=self.max_tokens)


@overload
def tool(function: Callable[..., Any], /) -> FunctionTool: ...
@overload
def tool(**options: Any) -> Callable[[Callable[..., Any]], FunctionTool]: ...
def tool(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Decorate a function that models may call; the options are those of `FunctionTool`.

    Example:
        ```python
        @tool(timeout=5, max_tokens=2000)
        async def search(words: str) -> str: ...
        ```
    """
    return partial(FunctionTool, **options) if function is None else FunctionTool(function)


def toolbox(functions: Iterable[Callable[..., Any]]) -> dict[str, FunctionTool]:
    """The tools by name; raises `ConfigurationError` when two share one."""
    box: dict[str, FunctionTool] = {}
    for each in functions:
        made = each if isinstance(each, FunctionTool) else FunctionTool(each)
        if made.name in box:
            raise ConfigurationError(f"Two tools share the name {made.name!r}.")
        box[made.name] = made
    return box


def failed(call: ToolCall, words: str) -> ToolResult:
    """A result that tells the model what went wrong."""
    return ToolResult(call.id, words, call.name, is_error=True)


def content_of(value: Any) -> str | tuple[Any, ...]:
    """What a function gave back, as the content of a result: text and parts as they are, anything else as JSON."""
    match value:
        case str():
            return value or _NOTHING
        case None:
            return _NOTHING
        case Text() | Image() | Document() | Opaque():
            return (value,)
        case list() | tuple() if value and all(isinstance(part, _PARTS) for part in value):
            return tuple(value)
        case _ if hasattr(value, "model_dump_json"):  # a pydantic model
            return str(value.model_dump_json())
        case _:
            return msgspec.json.encode(value, enc_hook=_other).decode()


def _other(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(mode="json")
    return list(value) if isinstance(value, Iterator) else str(value)


def _is_async(function: Callable[..., Any]) -> bool:
    while isinstance(function, partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004  # an object's call may be async


def _name_of(function: Callable[..., Any]) -> str:
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r} cannot be the name of a tool: give it one with tool(name=...).")
    return name
