"""The loop of one run: ask, run the tools, ask again, until there is an answer or the last step is taken.

However it ends (answer, error, cancellation), the log is one that a provider takes: every call has a result.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from holdfast.agent.calls import run_calls
from holdfast.agent.events import AgentEvent, Done, Fitted, Result, ToolFinished
from holdfast.agent.memory import Memory
from holdfast.agent.tools import FunctionTool, failed
from holdfast.agent.turn import Reply, Turn, first_reply
from holdfast.context.mend import NO_RESULT
from holdfast.errors import ContentFilterError, ContextOverflowError, Limit, ModelError
from holdfast.events import Event, Finish, Restart
from holdfast.messages import AssistantMessage, Message, ToolCall, ToolMessage, ToolResult
from holdfast.request import OutputSchema, Request
from holdfast.response import Fold, Response, unfold
from holdfast.runtime.client import Client
from holdfast.schema import read_output
from holdfast.usage import Usage

_CUT_OFF: Final = "The call was cut off and not run. Send it again, whole and shorter."
_LAST_STEP: Final = "Not run: no step is left. Answer with what you have."
_ROUNDS: Final = 4
"""Times that the conversation is made smaller after the client has given up."""
_WHOLE: Final = frozenset({"tool_calls", "stop", "pause", "unknown"})
"""Finish reasons after which calls are complete; after the others the last of them may be a beginning."""


class Plan(Struct, frozen=True, kw_only=True):
    """What a run works with; `Agent` describes each. `template` is the request without its messages."""

    client: Client
    memory: Memory
    template: Request
    tools: Mapping[str, FunctionTool]
    replies: tuple[Reply, ...]
    max_turns: int
    tool_timeout: float
    parallel: int
    streaming: bool


class Run:
    """One run. `events` is read once."""

    def __init__(self, plan: Plan, prompt: tuple[Message, ...]) -> None:
        self._plan = plan
        self._memory = plan.memory
        self._prompt = prompt
        self._seen = 0
        self._usage = Usage()
        self._response = Response()

    async def events(self) -> AsyncGenerator[AgentEvent, None]:
        """The events of the run. Raises the last typed error of a call that nobody could answer."""
        async with aclosing(self._steps()) as events:
            async for event in events:
                yield event
                self._seen += 1

    async def _steps(self) -> AsyncGenerator[AgentEvent, None]:
        memory, talk, limit = self._memory, self._memory.conversation, self._plan.max_turns
        memory.settle()
        began = len(talk)
        talk.extend(self._prompt)
        steps = 0
        try:
            while steps < limit:
                steps += 1
                async with aclosing(self._step(steps)) as events:
                    async for event in events:
                        yield event
                if not _goes_on(self._response):
                    break
        except ContentFilterError as error:
            if error.scope == "prompt":
                memory.withdraw(began)
            raise
        finally:
            memory.settle()
        response = self._response
        yield Done(
            Result(
                response=response,
                messages=memory.since(began),
                usage=self._usage,
                steps=steps,
                output=self._output(response),
                stopped="max_turns" if _goes_on(response) else "answered",
            )
        )

    async def _step(self, number: int) -> AsyncGenerator[AgentEvent, None]:
        """One answer, entered in the log, and the results of its calls."""
        plan, talk = self._plan, self._memory.conversation
        last = number == plan.max_turns
        template = plan.template.replace(tool_choice="none") if last and plan.tools else plan.template
        async with aclosing(self._answer(template, number - 1)) as answer:
            async for event in answer:
                yield event
        response = self._response
        if response.parts:
            talk.append(response.message)
        if not response.tool_calls:
            return
        if last or response.truncated or response.finish_reason not in _WHOLE:
            words = _CUT_OFF if not last else _LAST_STEP
            talk.append(ToolMessage(tuple(failed(call, words) for call in response.tool_calls)))
            return
        async with aclosing(self._tools(response.tool_calls)) as events:
            async for ran in events:
                yield ran

    async def _answer(self, template: Request, step: int) -> AsyncGenerator[AgentEvent, None]:
        """The answer of whoever takes the turn: a reply function, the model, or a reply function after all."""
        plan, since = self._plan, self._seen
        turn = Turn(conversation=self._memory.conversation, request=template, step=step)
        response = await first_reply(plan.replies, turn)
        if response is None:
            try:
                async with aclosing(self._asked(template)) as events:
                    async for event in events:
                        yield event
            except ModelError as error:
                response = await first_reply(plan.replies, replace(turn, error=error))
                if response is None:
                    raise
                if self._seen > since:
                    yield Restart(error, since)
            else:
                return
        self._take(response)
        for event in unfold(response):
            yield event

    async def _asked(self, template: Request) -> AsyncGenerator[AgentEvent, None]:
        """The model's answer, asked for again where the conversation did not fit after all.

        One to a prompt that was cut without a word is void, and is asked for again once. After a refusal that the
        client could not repair the conversation gives way, as long as it can and for some rounds.
        """
        memory, since, again, rounds = self._memory, self._seen, False, 0
        request, context = memory.fitted(template)
        while True:
            if context["after"] != context["before"]:
                yield Fitted(context)
            try:
                async with aclosing(self._called(request)) as events:
                    async for event in events:
                        yield event
            except ContextOverflowError as error:
                memory.give_way(error)
                smaller, done = memory.fitted(template)
                rounds += 1
                if rounds > _ROUNDS or smaller == request:
                    raise
                if self._seen > since:
                    yield Restart(error, since)
                request, context = smaller, done
                continue
            response = self._response
            if memory.learn(template, response):
                break
            unread = _unread(response)
            smaller, done = memory.fitted(template)
            if again or smaller.messages == request.messages:
                context = {**context, "cut_by_provider": True}
                break
            yield Restart(unread, since)
            again, request, context = True, smaller, done
        finished = replace(response, context=context)
        self._response = finished
        *_, finish = unfold(finished)
        yield finish

    async def _called(self, request: Request) -> AsyncGenerator[Event, None]:
        """The events of one call, but for its `Finish`: that may still be taken back."""
        folding, since = Fold(), self._seen
        try:
            async with aclosing(self._events(request)) as events:
                async for event in events:
                    folding.add(event)
                    if isinstance(event, Restart):
                        yield replace(event, since=since + event.since)
                    elif not isinstance(event, Finish):
                        yield event
        except (asyncio.CancelledError, GeneratorExit):
            self._keep(folding.response())
            raise
        self._take(folding.response())

    async def _events(self, request: Request) -> AsyncGenerator[Event, None]:
        client, settings = self._plan.client, request.settings
        if self._plan.streaming:
            async with client.stream(request, settings=settings) as stream:
                async for event in stream:
                    yield event
        else:
            for event in unfold(await client.create(request, settings=settings)):
                yield event

    async def _tools(self, calls: tuple[ToolCall, ...]) -> AsyncGenerator[AgentEvent, None]:
        """Run the calls. Their results are entered however this ends, in the order of the calls."""
        plan, results = self._plan, dict[int, ToolResult]()
        running = run_calls(
            calls, plan.tools, seconds=plan.tool_timeout, parallel=plan.parallel, clock=plan.client.model.clock
        )
        try:
            async with aclosing(running) as events:
                async for event in events:
                    if isinstance(event, ToolFinished):
                        results[id(event.call)] = event.result
                    yield event
        finally:
            message = ToolMessage(tuple(results.get(id(call)) or failed(call, NO_RESULT) for call in calls))
            self._memory.conversation.append(self._memory.limited(message, plan.template))

    def _take(self, response: Response) -> None:
        self._response = response
        paid = [attempt.usage for attempt in response.attempts if attempt.usage is not None]
        self._usage += sum(paid, Usage()) if paid else response.usage

    def _keep(self, partial: Response) -> None:
        """What a cancelled answer had said stays in the log; its calls do not."""
        if partial.text:
            self._memory.conversation.append(AssistantMessage(partial.text))

    def _output(self, response: Response) -> object:
        schema = self._plan.template.output
        return read_output(response.text, schema) if isinstance(schema, OutputSchema) else None


def _goes_on(response: Response) -> bool:
    return bool(response.tool_calls) or response.finish_reason == "pause"


def _unread(response: Response) -> ContextOverflowError:
    read = response.usage.input_tokens
    message = f"The provider has read {read} tokens of the prompt, which has more, and has not said so."
    limit = Limit(max_tokens=read)
    return ContextOverflowError(message, provider=response.provider, model=response.model, limit=limit)
