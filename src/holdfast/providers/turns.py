"""The order of speakers: where instructions may stand, who begins, who may follow whom, how a history may end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from msgspec.structs import replace

from holdfast.messages import AssistantMessage, Message, SystemMessage, Text, ToolMessage, UserMessage
from holdfast.providers.rules import HistoryRules

OPENING: Final = "(The conversation begins.)"
GO_ON: Final = "Go on."
SEEN: Final = "(I have read the tool's result.)"


def arrange(messages: Sequence[Message], rules: HistoryRules, notes: list[str]) -> Sequence[Message]:
    """The messages in an order that the wire accepts; the same sequence when they are so already."""
    for step in (_place_system, _merge, _close_off, _open, _answer_tools):
        messages = step(messages, rules, notes)
    return messages


def _place_system(messages: Sequence[Message], rules: HistoryRules, notes: list[str]) -> Sequence[Message]:
    if rules.system == "anywhere":
        return messages
    head = next((at for at, message in enumerate(messages) if not isinstance(message, SystemMessage)), len(messages))
    late = any(isinstance(message, SystemMessage) for message in messages[head:])
    if not late and (head == 0 or rules.system == "first" or (rules.system == "one" and head == 1)):
        return messages
    first = list(messages[:head])
    if rules.system == "none" and first:
        notes.append("Instructions were given as a user's message.")
        first = [UserMessage(message.content) for message in first if isinstance(message, SystemMessage)]
    elif rules.system == "one" and head > 1:
        notes.append("Several system messages were merged into one.")
        first = [SystemMessage(_joined([message.content for message in first]))]
    if late:
        notes.append("Instructions in the middle of the conversation were given as a user's message.")
    return [*first, *(_tagged(message) for message in messages[head:])]


def _tagged(message: Message) -> Message:
    if not isinstance(message, SystemMessage):
        return message
    if isinstance(message.content, str):
        return UserMessage(f"<system>\n{message.content}\n</system>")
    return UserMessage((Text("<system>\n"), *message.content, Text("\n</system>")))


def _joined(contents: Sequence[Any]) -> Any:
    """One content from several: joined texts if all are plain, else all their parts."""
    if all(isinstance(content, str) for content in contents):
        return "\n\n".join(contents)
    return tuple(part for content in contents for part in ((Text(content),) if isinstance(content, str) else content))


def _merge(messages: Sequence[Message], rules: HistoryRules, notes: list[str]) -> Sequence[Message]:
    if not rules.alternating or not any(map(_same_side, messages, messages[1:])):
        return messages
    notes.append("Messages of one speaker in a row were merged.")
    out: list[Message] = []
    for message in messages:
        if out and _same_side(out[-1], message):
            out[-1] = _merged(out[-1], message)
        else:
            out.append(message)
    return out


def _same_side(one: Message, other: Message) -> bool:
    return type(one) is type(other) and isinstance(one, (UserMessage, AssistantMessage))


def _merged(one: Any, other: Any) -> Message:
    merged: Message = type(one)(_joined([one.content, other.content]), one.name if one.name == other.name else None)
    return merged


def _close_off(messages: Sequence[Message], rules: HistoryRules, notes: list[str]) -> Sequence[Message]:
    """An end that the wire accepts."""
    while messages and isinstance(messages[-1], AssistantMessage) and not messages[-1].tool_calls:
        if not rules.assistant_last:
            notes.append("The history ended with the assistant; the user asks it to go on.")
            return [*messages, UserMessage(GO_ON)]
        last = messages[-1]
        trimmed = last if rules.trailing_space else _trimmed(last)
        if trimmed is last:
            break
        notes.append("White space at the end of the last message was left out.")
        messages = messages[:-1] if trimmed is None else [*messages[:-1], trimmed]
        if trimmed is not None:
            break
    return messages


def _trimmed(message: AssistantMessage) -> AssistantMessage | None:
    """The message without white space at its end; None when nothing is left."""
    if isinstance(message.content, str):
        text = message.content.rstrip()
        return message if text == message.content and text else replace(message, content=text) if text else None
    parts = message.content
    while parts and isinstance(last := parts[-1], Text):
        text = last.text.rstrip()
        if text:
            parts = parts if text == last.text else (*parts[:-1], replace(last, text=text))
            break
        parts = parts[:-1]
    return message if parts is message.content else replace(message, content=parts) if parts else None


def _open(messages: Sequence[Message], rules: HistoryRules, notes: list[str]) -> Sequence[Message]:
    """A beginning that the wire accepts."""
    head = next((at for at, message in enumerate(messages) if not isinstance(message, SystemMessage)), len(messages))
    first = messages[head] if head < len(messages) else None
    if isinstance(first, UserMessage) or (messages and not rules.user_first):
        return messages
    notes.append("The history did not begin with the user; a first message was put before it.")
    return [*messages[:head], UserMessage(OPENING), *messages[head:]]


def _answer_tools(messages: Sequence[Message], rules: HistoryRules, notes: list[str]) -> Sequence[Message]:
    if rules.user_after_tool or not any(map(_user_after_tool, messages, messages[1:])):
        return messages
    notes.append("Between a tool's result and the user's next words, the assistant was made to confirm the result.")
    out: list[Message] = []
    for message in messages:
        if out and _user_after_tool(out[-1], message):
            out.append(AssistantMessage(SEEN))
        out.append(message)
    return out


def _user_after_tool(one: Message, other: Message) -> bool:
    return isinstance(one, ToolMessage) and isinstance(other, UserMessage)
