"""Structured output where the wire, or one endpoint of it, has no JSON schema of its own. Pure.

    tool = answer_tool(request, schema=..., json_mode=..., forced_tool=...)     # name of the tool, or None
    request = downgrade(request, schema=..., json_mode=..., forced_tool=...)    # before encoding
    answer = FinalAnswer(tool)                                                  # in the decoder, when there is a tool
    for event in answer.feed(event): ...

The three flags say what the endpoint can do: a native JSON schema, a mode for any JSON object, a tool choice that
forces a tool. The best of them is taken, in this order: schema; forced tool (its arguments are the answer); JSON mode
with the schema in an instruction; the instruction alone. `FinalAnswer` turns the tool's call back into text, so that
nobody downstream sees the difference.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from holdfast.events import (
    Event,
    Finish,
    Restart,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
)
from holdfast.messages import Message, SystemMessage
from holdfast.providers.strict import strict_schema
from holdfast.request import NamedTool, OutputSchema, Request, Tool

__all__ = ["FinalAnswer", "answer_tool", "downgrade", "strict_schema"]

_PLAIN = "Answer with one JSON object and nothing else: no words before or after it, no code fence."
_BY_SCHEMA = (
    "Answer with one JSON value that fits the JSON schema below and nothing else: no words before or after it, "
    "no code fence.\n{schema}"
)
_BY_TOOL = "Gives the final answer. Call it exactly once, with the whole answer as its arguments."


def answer_tool(request: Request, *, schema: bool, json_mode: bool, forced_tool: bool) -> str | None:
    """The name of the tool by whose call the answer is to come, or None when it comes as text.

    Only an object can be a tool's arguments, and a caller's own forced tool goes first.
    """
    del json_mode  # a forced tool is better: providers hold its arguments to their schema
    output = request.output
    if schema or not forced_tool or not isinstance(output, OutputSchema) or isinstance(request.tool_choice, NamedTool):
        return None
    if output.schema.get("type") != "object":
        return None
    taken = {tool.name for tool in request.tools}
    name = "final_answer"
    while name in taken:
        name += "_"
    return name


def downgrade(request: Request, *, schema: bool, json_mode: bool, forced_tool: bool) -> Request:
    """The request in terms of what the endpoint can do; as it is where that is enough."""
    output = request.output
    if output is None or (isinstance(output, OutputSchema) and schema):
        return request
    tool = answer_tool(request, schema=schema, json_mode=json_mode, forced_tool=forced_tool)
    if tool is not None and isinstance(output, OutputSchema):
        return _by_tool(request, output, tool)
    text = _PLAIN if output == "json" else _instruction(output)
    messages = request.messages if _mentions_json(request, output) else _instructed(request.messages, text)
    return request.replace(messages=messages, output="json" if json_mode and _is_object(output) else None)


def _by_tool(request: Request, output: OutputSchema, name: str) -> Request:
    about = f"{_BY_TOOL} {output.description}" if output.description else _BY_TOOL
    tools = (*request.tools, Tool(name, about, output.schema, output.strict))
    free = bool(request.tools) and request.tool_choice != "none"
    return request.replace(tools=tools, tool_choice="required" if free else NamedTool(name), output=None)


def _instruction(output: OutputSchema) -> str:
    return _BY_SCHEMA.format(schema=msgspec.json.encode(output.schema).decode())


def _mentions_json(request: Request, output: OutputSchema | str) -> bool:
    """Whether the caller asks for JSON in words already, which some JSON modes demand (OpenAI docs, "JSON mode")."""
    return output == "json" and any("json" in message.text.lower() for message in request.messages)


def _is_object(output: OutputSchema | str) -> bool:
    return not isinstance(output, OutputSchema) or output.schema.get("type") == "object"


def _instructed(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    """The messages with the instruction after those system messages that stand first."""
    head = next((at for at, message in enumerate(messages) if not isinstance(message, SystemMessage)), len(messages))
    return (*messages[:head], SystemMessage(text), *messages[head:])


class FinalAnswer:
    """Turns the call of the answer's tool back into text.

    Words that come beside the call are kept as thinking, since they are no part of the answer; without a call they
    are the answer. They are held until that is known. A second call of the tool is left out.

    Args:
        name: the tool, as `answer_tool` names it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._reset()

    def _reset(self) -> None:
        self._part: int | None = None
        self._void: set[int] = set()
        self._held: list[TextDelta] = []
        self._other = False

    def feed(self, event: Event) -> Iterator[Event]:
        """The events that stand for this one."""
        match event:
            case TextDelta():
                self._held.append(event)
            case ToolCallStart(name=self._name):
                self._begin(event)
                yield from self._aside()
            case ToolCallStart():
                self._other = True
                yield event
            case ToolCallDelta():
                yield from self._arguments(event)
            case Finish():
                yield from self._aside() if self._part is not None else self._release()
                yield self._finish(event)
            case Restart():
                self._reset()
                yield event
            case _:
                yield event

    def close(self) -> Iterator[Event]:
        """The held words, when the stream ends without a `Finish`; call it before raising."""
        yield from self._aside() if self._part is not None else self._release()

    def _begin(self, event: ToolCallStart) -> None:
        if self._part is None:
            self._part = event.part
        else:
            self._void.add(event.part)

    def _arguments(self, event: ToolCallDelta) -> Iterator[Event]:
        if event.part == self._part:
            yield TextDelta(event.arguments, event.part)
        elif event.part not in self._void:
            yield event

    def _aside(self) -> Iterator[Event]:
        for held in self._held:
            if held.text:
                yield ThinkingDelta(held.text, held.part)
        self._held.clear()

    def _release(self) -> Iterator[Event]:
        yield from self._held
        self._held.clear()

    def _finish(self, event: Finish) -> Finish:
        answered = self._part is not None and not self._other
        return replace(event, finish_reason="stop") if answered and event.finish_reason == "tool_calls" else event
