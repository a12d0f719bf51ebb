"""What a wire would refuse of a history, in words. Written apart from `adapt`, whose judge it is in tests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from holdfast.messages import (
    AssistantMessage,
    Audio,
    CachePoint,
    Document,
    Image,
    Message,
    Opaque,
    SystemMessage,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    UserMessage,
)
from holdfast.providers.arguments import is_object
from holdfast.providers.rules import HistoryRules, kind_of


def problems(messages: Sequence[Message], rules: HistoryRules) -> tuple[str, ...]:
    """Everything in `messages` that `rules` forbid, each with the position of its message; empty when all is well."""
    return tuple(
        f"message {at}: {problem}"
        for at in range(len(messages))
        for problem in (
            *_in_message(messages[at], rules),
            *_in_place(messages, at, rules),
            *_in_calls(messages, at, rules),
        )
    )


def _in_message(message: Message, rules: HistoryRules) -> Iterator[str]:
    if not rules.empty and not isinstance(message, ToolMessage):
        if all(isinstance(part, CachePoint) for part in message.parts):
            yield "is empty"
        if any(isinstance(part, Text) and not part.text.strip() and not part.signature for part in message.parts):
            yield "holds an empty text"
    if isinstance(message, (UserMessage, AssistantMessage)) and message.name is not None:
        if not rules.names:
            yield "has a name"
        elif not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", message.name):
            yield f"has the name {message.name!r}"
    for part in message.parts:
        yield from _in_part(part, message, rules)


def _in_part(part: Any, message: Message, rules: HistoryRules) -> Iterator[str]:
    foreign = getattr(part, "origin", None) != rules.origin
    match part:
        case Text() if foreign and (part.signature or part.id or part.annotations):
            yield "holds a text signed by another provider"
        case ToolCall():
            if foreign and (part.signature or part.item_id):
                yield "holds a call signed by another provider"
            if not is_object(part.arguments):
                yield "holds a call whose arguments are no JSON object"
        case Thinking():
            yield from _in_thinking(part, message, rules)
        case Opaque() if foreign:
            yield "holds an item of another provider"
        case Image() | Document() | Audio():
            allowed = rules.user if isinstance(message, UserMessage) else rules.assistant
            if kind_of(part) not in allowed:
                yield f"holds a part of kind {kind_of(part)!r}"
        case _:
            pass


def _in_thinking(part: Thinking, message: Message, rules: HistoryRules) -> Iterator[str]:
    own = part.origin == rules.origin
    signed = bool(part.signature or part.data)
    allowed = {
        "drop": False,
        "signed": own and signed,
        "own": own,
        "any": own or not (signed or part.id),
    }[rules.thinking]
    if not allowed:
        yield "holds thinking that may not go back"
    if [other for other in message.parts if not isinstance(other, CachePoint)][-1] is part:
        yield "ends with thinking"


def _in_place(messages: Sequence[Message], at: int, rules: HistoryRules) -> Iterator[str]:
    message = messages[at]
    before = messages[at - 1] if at else None
    spoken = [other for other in messages[:at] if not isinstance(other, SystemMessage)]
    last = at == len(messages) - 1
    if isinstance(message, SystemMessage):
        if rules.system == "none" or (rules.system != "anywhere" and spoken) or (rules.system == "one" and at):
            yield "is an instruction in a place where none may be"
        if last and not spoken and rules.user_first:
            yield "is followed by no user"
        return
    if not spoken and rules.user_first and not isinstance(message, UserMessage):
        yield "is the first, and no user's"
    if rules.alternating and type(before) is type(message) and not isinstance(message, ToolMessage):
        yield "has the same role as the one before"
    if not rules.user_after_tool and isinstance(before, ToolMessage) and isinstance(message, UserMessage):
        yield "is a user's right after tool results"
    if last and isinstance(message, AssistantMessage) and not message.tool_calls:
        if not rules.assistant_last:
            yield "is the last, and the assistant's"
        if not rules.trailing_space and message.parts and isinstance(message.parts[-1], Text):
            text = message.parts[-1].text
            if text != text.rstrip() or not text:
                yield "ends in white space"


def _in_calls(messages: Sequence[Message], at: int, rules: HistoryRules) -> Iterator[str]:
    message = messages[at]
    if isinstance(message, ToolMessage):
        before = messages[at - 1] if at else None
        calls = [call.id for call in before.tool_calls] if isinstance(before, AssistantMessage) else []
        answered = [result.call_id for result in message.content]
        if not rules.tools or not calls or sorted(calls) != sorted(answered):
            yield f"answers {answered}, but the calls before it are {calls}"
        elif rules.ordered_results and calls != answered:
            yield "answers in another order than that of the calls"
        names = {call.id: call.name for call in before.tool_calls} if isinstance(before, AssistantMessage) else {}
        for result in message.content:
            if result.name not in (None, names.get(result.call_id, result.name)):
                yield f"answers {names[result.call_id]!r} under the name {result.name!r}"
            yield from _in_result(result.content, rules)
    elif isinstance(message, AssistantMessage) and message.tool_calls:
        yield from _in_ids(messages, at, rules)
        last = at == len(messages) - 1
        if not rules.tools or (last and not rules.pending_calls):
            yield "calls tools that nobody answers"
        elif not last and not isinstance(messages[at + 1], ToolMessage):
            yield "calls tools whose results do not follow"


def _in_ids(messages: Sequence[Message], at: int, rules: HistoryRules) -> Iterator[str]:
    ids = [
        call.id
        for message in messages[: at + 1]
        if isinstance(message, AssistantMessage)
        for call in message.tool_calls
    ]
    if len(set(ids)) != len(ids):
        yield "repeats the id of a call"
    for call_id in ids:
        if not call_id or (rules.tool_id and not re.fullmatch(rules.tool_id, call_id)):
            yield f"has a call with the id {call_id!r}"


def _in_result(content: Any, rules: HistoryRules) -> Iterator[str]:
    parts = (Text(content),) if isinstance(content, str) else content
    if not rules.empty_result and (
        not parts or any(isinstance(part, Text) and not part.text.strip() for part in parts)
    ):
        yield "holds an empty tool result"
    for part in parts:
        if isinstance(part, Text):
            if part.origin != rules.origin and (part.signature or part.id or part.annotations):
                yield "holds a result signed by another provider"
        elif isinstance(part, Opaque):
            if part.origin != rules.origin:
                yield "holds an item of another provider in a tool result"
        elif kind_of(part) not in rules.results:
            yield f"holds a tool result of kind {kind_of(part)!r}"
