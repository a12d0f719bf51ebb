"""Lean forms: what an old message may be replaced by when room is needed. Per message and pure, so made only once.

A form takes a message and gives a cheaper one, or the same object when it has nothing to save. Calls and ids stay, and
what a provider has signed is kept byte for byte or left out whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from holdfast.messages import (
    AssistantMessage,
    Audio,
    Document,
    Image,
    Message,
    Text,
    Thinking,
    ToolMessage,
    ToolResult,
    UserMessage,
)

Form: TypeAlias = Callable[[Message], Message]

CLEARED: Final = (
    "[An old tool result of {size} characters was cleared to save room. Call the tool again if it is needed.]"
)
DEGRADED: Final = "[{what} was here, and was left out to save room.]"

_UNSEALED: Final = frozenset({None, "anthropic", "bedrock"})
"""Wires on which the thinking of a finished turn may be left out; on others it goes with the item it precedes."""


def clear_tool_results(over: int = 400) -> Form:
    """Old results of more than `over` characters become a note; the call and its id stay."""

    def form(message: Message) -> Message:
        if not isinstance(message, ToolMessage):
            return message
        results = tuple(_cleared(result, over) for result in message.content)
        return message if results == message.content else ToolMessage(results)

    return form


def _cleared(result: ToolResult, over: int) -> ToolResult:
    if isinstance(result.content, str):
        size = len(result.content)
    else:
        size = sum(len(part.text) if isinstance(part, Text) else over + 1 for part in result.content)
    return result if size <= over else replace(result, content=CLEARED.format(size=size))


def degrade_images() -> Form:
    """Old pictures, sounds and files become a line that says what was there."""

    def form(message: Message) -> Message:
        if isinstance(message, UserMessage | ToolMessage) and not isinstance(message.content, str):
            return without_media(message)
        return message

    return form


def without_media(message: UserMessage | ToolMessage) -> Message:
    """The message with a line of text in the place of each picture, sound and file."""
    parts: tuple[Any, ...]
    if isinstance(message, ToolMessage):
        parts = tuple(_without_media_inside(result) for result in message.content)
    else:
        parts = tuple(map(degraded, message.parts))
    return message if parts == message.content else replace(message, content=parts)


def _without_media_inside(result: ToolResult) -> ToolResult:
    if isinstance(result.content, str):
        return result
    parts = tuple(map(degraded, result.content))
    return result if parts == result.content else replace(result, content=parts)


def degraded(part: Any) -> Any:
    """A part as text, if it is a picture, a sound or a file; else the part."""
    match part:
        case Image():
            return Text(DEGRADED.format(what="A picture"))
        case Document():
            return Text(DEGRADED.format(what=f"The file {part.name!r}" if part.name else "A file"))
        case Audio():
            return Text(part.transcript or DEGRADED.format(what="A sound"))
        case _:
            return part


def drop_thinking() -> Form:
    """Thinking of old turns is left out, whole, and only where its wire lets it go.

    A message that calls tools keeps its own: the provider checks it as long as the turn is open.
    """

    def form(message: Message) -> Message:
        if not isinstance(message, AssistantMessage) or isinstance(message.content, str) or message.tool_calls:
            return message
        kept = tuple(part for part in message.content if not _may_go(part))
        return message if len(kept) == len(message.content) or not kept else replace(message, content=kept)

    return form


def _may_go(part: Any) -> bool:
    return isinstance(part, Thinking) and part.origin in _UNSEALED


def lean_form(*forms: Form) -> Form:
    """These forms, one after the other."""

    def form(message: Message) -> Message:
        for each in forms:
            message = each(message)
        return message

    return form


LEAN: Final = lean_form(clear_tool_results(), degrade_images(), drop_thinking())
"""The usual lean form."""
