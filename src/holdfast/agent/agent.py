"""What people hold: a client, tools, and one conversation that always fits."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from holdfast.agent.events import AgentEvent, Done, Result
from holdfast.agent.loop import Plan, Run
from holdfast.agent.memory import Memory
from holdfast.agent.tools import FunctionTool, toolbox
from holdfast.agent.turn import Reply
from holdfast.context.compact import USUAL, Compaction
from holdfast.context.conversation import Conversation
from holdfast.context.limits import ResultLimits
from holdfast.context.paging import READ_MORE
from holdfast.errors import ConfigurationError, InvalidRequestError
from holdfast.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage
from holdfast.model import Model
from holdfast.request import OutputSchema, Request, Settings
from holdfast.runtime.client import Client
from holdfast.runtime.compaction import Compacting
from holdfast.schema import output_schema

Prompt: TypeAlias = str | Message | Iterable[Message] | None


class Agent:
    """A small agent: a bounded tool loop over a client, with a conversation that always fits.

    Args:
        client: who is asked; how its calls are recovered is up to it.
        tools: functions that the model may call, sync or async; annotations and docstrings say what they take. See
            `FunctionTool` and the decorator `tool`.
        system: instructions, the first message of the conversation.
        conversation: one to go on with. It counts with what the client knows of tokens and windows from now on.
        max_turns: answers that one run may take; in the last one the model may call no tools.
        tool_timeout: seconds that one call of a tool may take. A sync tool that takes longer is left behind.
        parallel: calls that may run at once.
        replies: functions that may take a turn in the model's place, asked in order; see `Turn`.
        limits: of tool results, in tokens; by default a tenth of what may be sent for each. What is over can be read
            page by page with a tool that the model is given.
        compact_with: a model that summarises in the background what is old, from 70 % of what may be sent on; without
            one the conversation is only cut.
        compaction: how the summaries are made.
        settings: temperature, `max_tokens` and the like, laid over the client's.

    Raises:
        ConfigurationError: a tool cannot be offered, or a bound makes no sense.

    Example:
        ```python
        async with Client("openai/gpt-5-mini", "anthropic/claude-sonnet-4-5") as client:
            agent = Agent(client, tools=[read_file, search], system="You find bugs.")
            result = await agent.run("Why does the build fail?")
            print(result.text, result.usage.total_tokens)
        ```
    """

    def __init__(
        self,
        client: Client,
        *,
        tools: Iterable[Callable[..., Any]] = (),
        system: str | None = None,
        conversation: Conversation | None = None,
        max_turns: int = 32,
        tool_timeout: float = 60.0,
        parallel: int = 8,
        replies: Iterable[Reply] = (),
        limits: ResultLimits | None = None,
        compact_with: str | Model | None = None,
        compaction: Compaction = USUAL,
        settings: Settings | None = None,
    ) -> None:
        _check(max_turns=max_turns, tool_timeout=tool_timeout, parallel=parallel)
        self.client = client
        self.system = system
        self._max_turns, self._tool_timeout, self._parallel = max_turns, tool_timeout, parallel
        self._replies = tuple(replies)
        self._settings = settings or Settings()
        self._summariser = Client(compact_with, clock=client.model.clock) if isinstance(compact_with, str) else None
        self._memory = Memory(
            self._adopt(Conversation() if conversation is None else conversation),
            client.model.name,
            limits=limits,
            background=self._background(compact_with, compaction),
        )
        self._tools = self._offered(tools, limits)
        self._running = False

    def _adopt(self, conversation: Conversation) -> Conversation:
        conversation.counter, conversation.windows = self.client.counter, self.client.windows
        if self.system and SystemMessage(self.system) not in conversation.messages:
            conversation.append(SystemMessage(self.system))
        return conversation

    def _background(self, model: str | Model | None, how: Compaction) -> Compacting | None:
        if self._summariser is not None:
            model = self._summariser.model
        if model is None or isinstance(model, str):
            return None
        return Compacting(model, how=how, clock=self.client.model.clock)

    def _offered(self, tools: Iterable[Callable[..., Any]], limits: ResultLimits | None) -> dict[str, FunctionTool]:
        """The tools, and from the first call on the one for reading on: tools that come later cost a prompt's cache."""
        box = toolbox(tools)
        if box and READ_MORE.name not in box and (limits is None or limits.excess == "page"):
            box[READ_MORE.name] = self._reading()
        return box

    def _reading(self) -> FunctionTool:
        async def read_more(handle: str, offset: int) -> str:
            return self._memory.pages.read({"handle": handle, "offset": offset})

        tool = FunctionTool(read_more)
        tool.spec = READ_MORE
        return tool

    @property
    def conversation(self) -> Conversation:
        """All that was said, and what is sent of it."""
        return self._memory.conversation

    @property
    def used(self) -> int:
        """Tokens that the next call would send, as things stand."""
        return self.conversation.used(self._template(None), self._memory.model)

    @property
    def window(self) -> int:
        """Tokens that the model which answered last holds, as far as is known."""
        return self.conversation.windows.window(self._memory.model)

    async def run(self, prompt: Prompt = None, *, output: Any = None) -> Result:
        """Answer a prompt, with as many calls of tools as it takes.

        Args:
            prompt: what the user says; None goes on from where the conversation stands.
            output: a type (pydantic model, dataclass, TypedDict, msgspec Struct) or a JSON schema for the answer;
                `result.output` is then a value of it.

        Raises:
            ModelError: a call failed for good, and no reply function answered in its place. The conversation keeps what
                was said; a prompt that a content filter refused is not sent again.
            InvalidRequestError: another run of this agent is under way.
        """
        result: Result | None = None
        async with aclosing(self._run(prompt, output, streaming=False)) as events:
            async for event in events:
                if isinstance(event, Done):
                    result = event.result
        if result is None:
            raise InvalidRequestError("The run ended without a result.")
        return result

    def stream(self, prompt: Prompt = None, *, output: Any = None) -> AgentStream:
        """The same as events: `async with agent.stream("...") as stream`. See `holdfast.agent.events`."""
        return AgentStream(self._run(prompt, output, streaming=True))

    def save(self) -> bytes:
        """The conversation as JSON."""
        return self.conversation.to_json()

    def load(self, data: bytes | str) -> None:
        """Go on with a conversation that `save` gave.

        Raises:
            msgspec.ValidationError: it is something else.
        """
        now = self.conversation
        saved = Conversation.from_json(data, thresholds=now.thresholds, strategies=now.strategies)
        self._memory.turn_to(self._adopt(saved))

    def clear(self) -> None:
        """Begin a new conversation."""
        now = self.conversation
        self._memory.turn_to(self._adopt(Conversation(thresholds=now.thresholds, strategies=now.strategies)))

    async def close(self) -> None:
        """End the background work. The client is left open."""
        if self._memory.background is not None:
            await self._memory.background.close()
        if self._summariser is not None:
            await self._summariser.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Agent({self.client!r}, tools={list(self._tools)}, messages={len(self.conversation)})"

    async def _run(self, prompt: Prompt, output: Any, *, streaming: bool) -> AsyncGenerator[AgentEvent, None]:
        if self._running:
            raise InvalidRequestError(
                "The agent is in the middle of a run: it has one conversation, and one run at once."
            )
        plan = Plan(
            client=self.client,
            memory=self._memory,
            template=self._template(output),
            tools=self._tools,
            replies=self._replies,
            max_turns=self._max_turns,
            tool_timeout=self._tool_timeout,
            parallel=self._parallel,
            streaming=streaming,
        )
        self._running = True
        try:
            async with aclosing(Run(plan, _messages(prompt)).events()) as events:
                async for event in events:
                    yield event
        finally:
            self._running = False

    def _template(self, output: Any) -> Request:
        shape: OutputSchema | Literal["json"] | None = None
        if output is not None:
            shape = "json" if output == "json" else output_schema(output)
        return Request(
            messages=(),
            tools=tuple(tool.spec for tool in self._tools.values()),
            output=shape,
            settings=self._settings.over(self.client.settings),
        )


class AgentStream:
    """A run in progress. Iterate it once; leaving the block early cancels it at once, tools included."""

    def __init__(self, events: AsyncGenerator[AgentEvent, None]) -> None:
        self._events = events
        self._result: Result | None = None

    @property
    def result(self) -> Result | None:
        """How the run ended; None while it has not."""
        return self._result

    async def finish(self) -> Result:
        """Read the rest and give the result; raises what the run raises."""
        async for _ in self:
            pass
        if self._result is None:
            raise InvalidRequestError("The run was closed before it had a result.")
        return self._result

    async def close(self) -> None:
        """End the run."""
        await self._events.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AgentEvent:
        event = await anext(self._events)
        if isinstance(event, Done):
            self._result = event.result
        return event

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _messages(prompt: Prompt) -> tuple[Message, ...]:
    match prompt:
        case None:
            return ()
        case str():
            return (UserMessage(prompt),)
        case SystemMessage() | UserMessage() | AssistantMessage() | ToolMessage():
            return (prompt,)
        case _:
            return tuple(prompt)


def _check(*, max_turns: int, tool_timeout: float, parallel: int) -> None:
    for name, value in (("max_turns", max_turns), ("parallel", parallel)):
        if value < 1:
            raise ConfigurationError(f"{name}={value} must be at least 1.")
    if not tool_timeout > 0:
        raise ConfigurationError(f"tool_timeout={tool_timeout} must be more than 0 seconds.")
