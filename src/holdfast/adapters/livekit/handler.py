"""What may be decided about a failure in LiveKit's terms, as policies of one call.

`on_llm_error(error, llm, chat_ctx)` is asked about every failure before the client's policies are. It gives back

    None            nothing: the policies decide
    str             a sentence to say instead
    ChatContext     other messages, to ask the same model again with
    LLMStream       another stream: its chunks are the answer, and it is closed
    a decision      what the verbs of a `Call` give

A handler with one parameter is given a `Call`, as everywhere in Holdfast. Sync or async; one that raises something
else than a `ModelError` decides nothing.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

from livekit.agents import APIError, llm
from msgspec.structs import replace

from holdfast.adapters.livekit.context import messages_of
from holdfast.adapters.livekit.errors import from_api_error
from holdfast.errors import InvalidResponseError, ModelError
from holdfast.events import Event, Finish, ResponseStart, TextDelta, ToolCallDelta, ToolCallStart, UsageUpdate
from holdfast.recovery.attempt import Answer, Attempt, Decision, Fail, History, Policy
from holdfast.recovery.call import Call
from holdfast.recovery.verdict import usable
from holdfast.request import Request, Timeouts
from holdfast.response import Response
from holdfast.usage import Usage

Reply: TypeAlias = str | llm.ChatContext | llm.LLMStream | Decision
ErrorHandler: TypeAlias = (
    Callable[[ModelError, llm.LLM[Any], llm.ChatContext], Reply | Awaitable[Reply]]
    | Callable[[Call], Reply | Awaitable[Reply]]
)

HANDLING: Final[ContextVar[bool]] = ContextVar("holdfast_livekit_handling", default=False)
"""Whether a handler is being asked: a call that it makes is not handled once more, or it might never end."""
AGENTS_HANDLER: Final[ContextVar[ErrorHandler | None]] = ContextVar("holdfast_livekit_agents_handler", default=None)
"""The handler of the agent whose node makes the call; it is asked before that of the LLM."""
_LOG: Final = logging.getLogger("holdfast")


class Consultation:
    """One call's conversation with its handler.

    Args:
        handler: who is asked.
        owner: the LLM that the handler is told of.
        items: of the call's chat context; the handler is given a copy.
        filtered: the ids of items that are in no request any more, whatever a handler gives back.
    """

    def __init__(
        self, handler: ErrorHandler, owner: llm.LLM[Any], items: list[llm.ChatItem], filtered: dict[str, None]
    ) -> None:
        self._handler = handler
        self._takes_call = _takes_call(handler)
        self._owner = owner
        self._items = items
        self._filtered = filtered
        self._streams: list[llm.LLMStream] = []

    async def policy(self, history: History) -> Decision:
        """Ask the handler, and put what it gives into a decision."""
        call = Call(history)
        try:
            decision = self._decision(await self._ask(call), call)
        except ModelError as error:
            return Fail(error)
        except Exception:  # noqa: BLE001  # a mistake in a handler must not end a phone call
            _LOG.exception("on_llm_error raised; the policies go on without it.")
            return None
        if history.attempts_left <= 0:
            await self.close()  # nobody will read a stream that was given now
        return decision

    async def close(self) -> None:
        """Close the streams that the handler gave, the latest first: it may not have begun."""
        while self._streams:
            await self._streams.pop().aclose()

    async def _ask(self, call: Call) -> Reply:
        handler: Any = self._handler
        token = HANDLING.set(True)
        try:
            if self._takes_call:
                reply = handler(call)
            else:
                reply = handler(call.error, self._owner, llm.ChatContext(list(self._items)))
            given: Reply = await reply if inspect.isawaitable(reply) else reply
        finally:
            HANDLING.reset(token)
        return given

    def _decision(self, reply: Reply, call: Call) -> Decision:
        match reply:
            case str():
                return call.answer(reply)
            case llm.ChatContext():
                return call.resend(messages=messages_of(reply.items, self._filtered))
            case llm.LLMStream():
                self._streams.append(reply)
                return call.switch(ForeignModel(reply))
            case Attempt() | Answer() | Fail() | None:
                return reply
            case _:
                raise TypeError(f"on_llm_error gave {reply!r}: no text, ChatContext, LLMStream, decision or None.")


def _takes_call(handler: ErrorHandler) -> bool:
    with suppress(TypeError, ValueError):
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = inspect.signature(handler).parameters.values()
        needed = [one for one in parameters if one.kind in kinds and one.default is inspect.Parameter.empty]
        return len(needed) == 1
    return False


class ForeignModel:
    """A stream of any LiveKit plugin as a model, to be asked once. What it hides (finish reasons) stays unknown."""

    def __init__(self, stream: llm.LLMStream) -> None:
        self._stream = stream
        self.name = f"livekit/{type(stream).__module__.split('.')[-1]}"

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """The chunks as events. Nothing is asked anew, so words come as the rest of those that were shown."""
        usage: Usage | None = None
        calls = 0
        yield ResponseStart(self.name, continues=bool(request.prefix))
        try:
            async with self._stream as chunks:
                async for chunk in chunks:
                    if chunk.delta is not None and chunk.delta.content:
                        yield TextDelta(chunk.delta.content)
                    for call in chunk.delta.tool_calls if chunk.delta is not None else ():
                        calls += 1
                        yield ToolCallStart(calls, call.call_id, call.name)
                        yield ToolCallDelta(calls, call.arguments)
                    if chunk.usage is not None:
                        usage = _usage(chunk.usage)
                        yield UsageUpdate(usage)
        except APIError as error:
            raise from_api_error(error) from error
        yield Finish("tool_calls" if calls else "stop", usage=usage)


def _usage(usage: llm.CompletionUsage) -> Usage:
    return Usage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        cache_read_tokens=usage.prompt_cached_tokens,
        cache_write_tokens=usage.cache_creation_tokens,
        reasoning_tokens=usage.reasoning_tokens,
    )


def stay_silent(history: History) -> Decision:
    """A policy that takes an empty answer for what LiveKit's rules call it: a turn without words."""
    error, partial = history.error, history.error.partial
    empty = isinstance(error, InvalidResponseError) and partial is not None and partial.finish_reason == "stop"
    if partial is None or not empty or usable(partial):
        return None
    return Answer(Response(finish_reason="stop"), "the model had nothing to say")


def last_words(text: Callable[[], str | None]) -> Policy:
    """The policy that comes last: say `text()`, if there is one."""

    def closing_off(history: History) -> Decision:
        said = text()
        return None if said is None else Answer(said, f"last words after {history.error.kind}")

    return closing_off


def patient(policy: Policy, primary: str, timeouts: Timeouts) -> Policy:
    """The policy, giving every model but the primary these timeouts: a backup that was not asked for long is slow."""

    async def deciding(history: History) -> Decision:
        decision = policy(history)
        if inspect.isawaitable(decision):
            decision = await decision
        if not isinstance(decision, Attempt) or decision.model.name == primary:
            return decision
        return replace(decision, request=decision.request.replace(timeouts=timeouts))

    return deciding
