"""A stretch of a conversation as plain text for a summariser: no calls to pair, no signatures to keep, no pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from holdfast.context.families import Family
from holdfast.context.lean import degraded
from holdfast.context.level import water_level
from holdfast.context.measure import text_tokens
from holdfast.context.truncate import SMALLEST, truncate
from holdfast.messages import Message, Text, ToolCall, ToolResult, UserMessage


def transcript(messages: Iterable[Message], family: Family, cap: int) -> list[str]:
    """One text for each message that says something, none of more than `cap` tokens."""
    texts = ("\n".join(_lines(message)) for message in messages)
    return [truncate(text, cap, family) for text in texts if text]


def _lines(message: Message) -> Iterator[str]:
    speaker = type(message).__name__.removesuffix("Message").lower()
    if isinstance(message, UserMessage) and message.name:
        speaker = f"{speaker} {message.name}"
    for part in message.parts:
        match degraded(part):
            case Text(text=words) if words:
                yield f"{speaker}: {words}"
            case ToolCall(name=name, arguments=arguments):
                yield f"{speaker} calls {name} with {arguments}"
            case ToolResult() as result:
                yield _result(result)
            case _:
                pass


def _result(result: ToolResult) -> str:
    kind = "error" if result.is_error else "result"
    return f"{kind} of {result.name or result.call_id}: {result.text}"


def chunks(texts: list[str], room: int, family: Family, *, most: int) -> list[str]:
    """The texts joined to at most `most` chunks of at most `room` tokens; where they are too long, the longest are cut.

    A chunk is never empty; no texts give no chunks.
    """
    room = max(room, 2 * SMALLEST)
    sizes = [text_tokens(text, family) + 1 for text in texts]
    excess = sum(sizes) - most * room // 2  # half: what a chunk holds depends on where the texts end
    cap = room - 1 if excess <= 0 else min(room - 1, max(SMALLEST, water_level(sizes, excess)))
    packed = list(_packed([truncate(text, cap, family) for text in texts], room, family))
    return packed if len(packed) <= most else packed[: most // 2] + packed[len(packed) - (most - most // 2) :]


def _packed(texts: Iterable[Any], room: int, family: Family) -> Iterator[str]:
    held: list[str] = []
    used = 0
    for text in texts:
        size = text_tokens(text, family) + 1
        if held and used + size > room:
            yield "\n".join(held)
            held, used = [], 0
        held.append(text)
        used += size
    if held:
        yield "\n".join(held)
