"""Mending a history in which calls and results do not match, as a cancelled turn or a trimming elsewhere leaves it.

Every provider refuses such a history, whatever comes after. A result whose call is not there is left out; a call that
will never be answered gets an error result that says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from holdfast.messages import AssistantMessage, Message, ToolCall, ToolMessage, ToolResult

NO_RESULT: Final = "No result came: the call was interrupted. It may or may not have had an effect."


def mend(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages with calls and results matched; the same objects where nothing is wrong.

    Calls of the last message that calls tools may still be answered and are left alone, unless someone else has spoken
    since.
    """
    answered, kept = _matched(messages)
    mended: list[Message] = []
    for index, message in enumerate(messages):
        if isinstance(message, ToolMessage):
            results = tuple(result for place, result in enumerate(message.content) if (index, place) in kept)
            if results:
                mended.append(message if len(results) == len(message.content) else ToolMessage(results))
            continue
        mended.append(message)
        if isinstance(message, AssistantMessage) and not _is_open(messages, index):
            open_calls = [call for call in message.tool_calls if (index, call.id) not in answered]
            if open_calls:
                mended.append(interrupted(open_calls))
    return tuple(mended)


def interrupted(calls: Iterable[ToolCall], words: str = NO_RESULT) -> ToolMessage:
    """Error results for calls that will not be answered, for a turn that is cancelled between call and result."""
    return ToolMessage(tuple(ToolResult(call.id, words, call.name, is_error=True) for call in calls))


def _matched(messages: Sequence[Message]) -> tuple[set[tuple[int, str]], set[tuple[int, int]]]:
    """The calls that are answered, by message and id, and the results that answer one, by message and place."""
    waiting: dict[str, int] = {}
    answered: set[tuple[int, str]] = set()
    kept: set[tuple[int, int]] = set()
    for index, message in enumerate(messages):
        if isinstance(message, AssistantMessage):
            waiting.update((call.id, index) for call in message.tool_calls)
        elif isinstance(message, ToolMessage):
            for place, result in enumerate(message.content):
                caller = waiting.pop(result.call_id, None)
                if caller is not None:
                    answered.add((caller, result.call_id))
                    kept.add((index, place))
    return answered, kept


def _is_open(messages: Sequence[Message], index: int) -> bool:
    return all(isinstance(message, ToolMessage) for message in messages[index + 1 :])
