"""Small conversations of an agent that reads files, in a window of their own."""

from __future__ import annotations

from holdfast.context.conversation import Conversation
from holdfast.context.windows import Windows
from holdfast.messages import AssistantMessage, SystemMessage, ToolCall, ToolMessage, ToolResult, UserMessage
from holdfast.request import Request, Settings

MODEL = "openai/gpt-4o"
REQUEST = Request(messages=(), settings=Settings(max_tokens=100))


def conversation(messages=(), window=2000, **options) -> Conversation:
    return Conversation(messages, windows=Windows({MODEL: window}), **options)


def step(number: int, words: int = 60) -> list:
    call = AssistantMessage([ToolCall(f"c{number}", "read", "{}")])
    return [call, ToolMessage([ToolResult(f"c{number}", f"step {number} " + "word " * words)])]


def filled(steps: int = 14) -> Conversation:
    return conversation(
        [SystemMessage("s"), UserMessage("TASK"), *(m for number in range(steps) for m in step(number))]
    )
