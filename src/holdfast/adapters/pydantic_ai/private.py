"""The names of Pydantic AI that are not public, all of them, each with what happens when it goes away."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from pydantic_ai.messages import ModelMessage, ModelRequest, ModelRequestAttempt
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings

if TYPE_CHECKING:
    from pydantic_ai.tools import RunContext

Choice: TypeAlias = str | tuple[str, set[str]]
"""`"none"`, `"auto"`, `"required"`, or one of the last two with the tools that may be called."""


def tool_choice(settings: ModelSettings | None, parameters: ModelRequestParameters) -> Choice:
    """The tool choice that the settings and the output mode come to."""
    resolve = _find("pydantic_ai.models._tool_choice", "resolve_tool_choice")
    if resolve is None:
        return "auto" if parameters.allow_text_output else "required"
    choice: Choice = resolve(settings, parameters)
    return choice


def instructions(model: Model[Any], messages: list[ModelMessage], parameters: ModelRequestParameters) -> list[str]:
    """The instructions of a request, which are no part of its messages."""
    find = getattr(model, "_get_instruction_parts", None)
    parts = parameters.instruction_parts if find is None else find(messages, parameters)
    if parts is not None:
        return [part.content for part in parts]
    last = next((message for message in reversed(messages) if isinstance(message, ModelRequest)), None)
    return [last.instructions] if last is not None and last.instructions else []


def carry_attempts(error: BaseException, attempts: list[ModelRequestAttempt]) -> None:
    """Have the run that `error` ends count the tokens of these attempts; without the name they are not counted."""
    carry = _find("pydantic_ai._model_request_attempts", "carry_attempts")
    if carry is not None and attempts:
        carry(error, attempts)


def current_run() -> RunContext[Any] | None:
    """The run that makes this request; without the name, its deadline is not known to unstreamed requests."""
    find = _find("pydantic_ai._run_context", "get_current_run_context")
    context: RunContext[Any] | None = None if find is None else find()
    return context


def _find(module: str, name: str) -> Any:
    with suppress(ImportError):
        return getattr(import_module(module), name, None)
    return None


class OwnBounds:
    """What an agent asks of a model by private names; put before `Model` in the bases.

    The engine keeps `request_timeout` and `first_event_timeout`. An agent that does not know the first method any more
    keeps them itself, as it does for every model: then one clock covers all attempts.
    """

    _relocates_tool_files: ClassVar[bool] = True  # the files of a tool's result follow it in a user's message

    def inners(self) -> Sequence[Model[Any]]:
        """The Pydantic AI models behind this one."""
        return ()

    def unsent_settings(self) -> frozenset[Any]:
        """The settings that reach no model."""
        return frozenset()

    def _unsupported_settings(self) -> frozenset[Any]:
        return self.unsent_settings()

    def _start_request_deadline(self, model_settings: ModelSettings | None, *, stream: bool) -> None:
        """None: nothing for the agent to enforce."""

    def _refresh_http_client(self) -> None:
        for model in self.inners():
            refresh = getattr(model, "_refresh_http_client", None)
            if refresh is not None:
                refresh()

    @asynccontextmanager
    async def _run_scope(self) -> AsyncGenerator[None, None]:
        async with AsyncExitStack() as stack:
            for scope in self._scopes():
                await stack.enter_async_context(scope)
            yield

    def _scopes(self) -> Iterator[Any]:
        for model in self.inners():
            scope = getattr(model, "_run_scope", None)
            if scope is not None:
                yield scope()
