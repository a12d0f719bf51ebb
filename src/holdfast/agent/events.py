"""What an agent's stream consists of.

    run   =  (Fitted? answer tools?)* Done
    answer   the events of one model call, by the grammar of `holdfast.events`, `Restart` among them
    tools =  (ToolStarted | ToolFinished)*

`Restart.since` counts the events of the whole run. Each answer ends with a `Finish` of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from holdfast.events import Event
from holdfast.messages import Message, ToolCall, ToolResult
from holdfast.response import Response
from holdfast.usage import Usage


class Fitted(Struct, frozen=True):
    """The conversation was made smaller before this call; `context` says how (see `holdfast.context.report`)."""

    context: Mapping[str, Any]


class ToolStarted(Struct, frozen=True):
    """A tool begins to run."""

    call: ToolCall


class ToolFinished(Struct, frozen=True):
    """A tool is done, after `elapsed` seconds; `result.is_error` says whether it failed. It is whole here: what the
    model gets to see of it may be less.
    """

    call: ToolCall
    result: ToolResult
    elapsed: float = 0.0


class Result(Struct, frozen=True, kw_only=True):
    """How a run ended.

    - `response`: the last answer. `messages`: all that this run has added to the conversation, the question first.
    - `usage`: tokens of all its calls, failed attempts included. `steps`: how many answers it took.
    - `output`: the answer as a value of the type that was asked for.
    - `stopped`: `"max_turns"` when the model still wanted to call tools after the last step.
    """

    response: Response
    messages: tuple[Message, ...] = ()
    usage: Usage = Usage()
    steps: int = 1
    output: Any = None
    stopped: Literal["answered", "max_turns"] = "answered"

    @property
    def text(self) -> str:
        """The words of the last answer."""
        return self.response.text


class Done(Struct, frozen=True):
    """The run is over; no event follows."""

    result: Result


AgentEvent: TypeAlias = Event | Fitted | ToolStarted | ToolFinished | Done
