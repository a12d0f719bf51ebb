"""One call: the engine's events as chunks, its failures as LiveKit's error events, and a report in the end.

The engine owns every retry: LiveKit's own loop is only ever given errors that end it. A failure that was handled is
reported as recoverable, and does not count against the session; the one that ends a call is raised.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from livekit.agents import APIConnectOptions, llm, utils

from holdfast.adapters.livekit.context import messages_of, newest
from holdfast.adapters.livekit.errors import to_api_error
from holdfast.adapters.livekit.handler import AGENTS_HANDLER, HANDLING, Consultation
from holdfast.adapters.livekit.report import report_of
from holdfast.adapters.livekit.speech import Speech
from holdfast.adapters.livekit.tools import tool_choice_of, tools_of, with_arguments
from holdfast.errors import ContentFilterError, InvalidResponseError, ModelError
from holdfast.events import Finish
from holdfast.recovery.attempt import Answer, Attempt, Decision, Failure, History
from holdfast.request import Request, Settings
from holdfast.response import Response
from holdfast.runtime.ask import Ask

if TYPE_CHECKING:
    from holdfast.adapters.livekit.llm import HoldfastLLM

_LOG: Final = logging.getLogger("holdfast")


class HoldfastStream(llm.LLMStream):
    """A call in progress. Made by `HoldfastLLM.chat`."""

    def __init__(
        self,
        owner: HoldfastLLM,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool],
        conn_options: APIConnectOptions,
        tool_choice: llm.ToolChoice | None = None,
        parallel_tool_calls: bool | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self._owner = owner
        self._items = list(chat_ctx.items)
        self._settings = Settings(parallel_tool_calls=parallel_tool_calls)
        self._tool_choice: llm.ToolChoice | None = tool_choice
        self._arguments = arguments or {}
        self._speech = Speech(utils.shortuuid("chat_"), whole_sentences=owner.whole_sentences)
        self._failures: list[Failure] = []
        self._unhandled: ModelError | None = None
        # What a handler asks for is part of the call that it handles, and is reported there.
        self._is_nested = HANDLING.get()
        handlers = () if self._is_nested else (AGENTS_HANDLER.get(), owner.on_llm_error)
        self._consultations = [
            Consultation(handler, owner, self._items, owner.filtered) for handler in handlers if handler is not None
        ]
        owner.answers(owner.client.model.name)
        # The base class may start `_run` inside its constructor: everything above is there before.
        super().__init__(owner, chat_ctx=chat_ctx, tools=tools, conn_options=conn_options)

    async def _run(self) -> None:
        finish: Finish | None = None
        error: ModelError | None = None
        cancelled = False
        try:
            finish = await self._speak()
        except ModelError as failure:
            error = failure
            self._send(self._speech.fail(failure))
            raise to_api_error(failure) from failure
        except asyncio.CancelledError:
            cancelled = True
            raise
        finally:
            self._report(finish, error, cancelled=cancelled)
            for consultation in self._consultations:
                await consultation.close()

    async def _speak(self) -> Finish | None:
        finish: Finish | None = None
        request = self._request()
        async with self._owner.client.stream(request, **self._ask(request)) as stream:
            async for event in stream.events(restarts=False):
                self._send(self._speech.feed(event))
                if isinstance(event, Finish):
                    finish = event
                    self._note_end(event)
        return finish

    def _ask(self, request: Request) -> Ask:
        owner, bounds = self._owner, self._owner.bounds(self._conn_options)
        policies = owner.policies(bounds, self._consultations, lambda: self._speech.begun)
        ask = Ask(
            settings=request.settings,  # a client lays its own over those of a whole request
            on_break=owner.on_break,
            deadline=bounds.deadline,
            timeouts=bounds.timeouts,
            verdicts=(callable_arguments,),
            policies=(self._note_filtered, *policies),
            observe=self._observe,
        )
        if owner.hold_back is not None:
            ask["hold_back"] = owner.hold_back
        return ask

    def _request(self) -> Request:
        tools = tools_of(self._tools)
        request = Request(
            messages=messages_of(self._items, self._owner.filtered),
            tools=tools,
            tool_choice="auto" if self._tool_choice is None else tool_choice_of(self._tool_choice, tools),
            settings=self._settings.over(self._owner.settings),
            stream=True,
        )
        return with_arguments(request, self._arguments)

    def _send(self, chunks: Iterable[llm.ChatChunk]) -> None:
        for chunk in chunks:
            self._event_ch.send_nowait(chunk)

    def _note_filtered(self, history: History) -> Decision:
        """A policy that decides nothing: what a filter refused is sent no more."""
        if isinstance(history.error, ContentFilterError) and history.error.scope != "response":
            self._owner.leave_out(newest([item for item in self._items if item.id not in self._owner.filtered]))
        return None

    def _observe(self, failure: Failure, decision: Decision) -> None:
        self._failures.append(failure)
        self._unhandled = None
        match decision:
            case Answer():
                self._speech.interject()
                self._emit_handled(failure.error)
            case Attempt():
                self._owner.answers(decision.model.name)
                self._emit_handled(failure.error)
            case _:
                self._unhandled = failure.error

    def _note_end(self, finish: Finish) -> None:
        if finish.attempts and finish.degraded is None:
            self._owner.answers(finish.attempts[-1].model)
        if finish.truncated and self._unhandled is not None:
            if not self._speech.begun:  # the half sentence was kept back: nothing was heard, so this is no answer
                raise self._unhandled
            self._emit_handled(self._unhandled)

    def _emit_handled(self, error: ModelError) -> None:
        # Not by `_emit_error`: that one would take the metrics of a turn that goes well in the end.
        if not self._is_nested:
            api_error = to_api_error(error)
            label = self._llm.label
            self._tell("error", llm.LLMError(timestamp=time.time(), label=label, error=api_error, recoverable=True))

    def _report(self, finish: Finish | None, error: ModelError | None, *, cancelled: bool) -> None:
        if self._is_nested:
            return
        attempts = finish.attempts if finish is not None else [failure.record for failure in self._failures]
        broken = self._speech.broken or (error is not None and self._speech.begun)
        report = report_of(attempts, finish, error, truncated=broken, cancelled=cancelled)
        self._tell("holdfast", report)

    def _tell(self, event: Literal["error", "holdfast"], payload: object) -> None:
        try:
            self._owner.emit(event, payload)
        except TypeError:  # the only error of a listener that LiveKit lets through
            _LOG.exception("A listener of %r failed.", event)

    def _emit_error(self, api_error: Exception, recoverable: bool) -> None:
        if not self._is_nested:
            super()._emit_error(api_error, recoverable)

    async def _metrics_monitor_task(self, event_aiter: AsyncIterable[llm.ChatChunk]) -> None:
        if not self._is_nested:
            await super()._metrics_monitor_task(event_aiter)


def callable_arguments(response: Response) -> ModelError | None:
    """The verdict on tool calls: their arguments are the text of a JSON object, or the answer is none."""
    try:
        for call in response.tool_calls:
            _ = call.input
    except InvalidResponseError as error:
        return error.with_facts(partial=response)
    return None
