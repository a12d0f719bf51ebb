"""Refused prompts: remembered, so that they do not spoil every later request of their conversation."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from holdfast.messages import AssistantMessage, Message, ToolMessage, ToolResult, UserMessage

FILTERED: Final = "I cannot answer this message: a content filter refused it. Please say it in another way."
"""What is answered to a refused prompt, unless another text is chosen. Nothing of the provider's words is in it."""

WITHHELD: Final = "[A message was here that a content filter refused. It is withheld.]"

_BOUND: Final = 4096


class Refused:
    """Knows which messages passed a filter and which were refused with the prompt they were new in.

    A provider says that a prompt is refused, not which message of it. Those that were in a request that was answered
    are innocent; the others since the last answer are not sent again, once something has come after them.
    """

    def __init__(self, answer: str | bool) -> None:
        self._answer = answer
        self._passed: OrderedDict[int, None] = OrderedDict()
        self._refused: OrderedDict[int, None] = OrderedDict()

    def passed(self, messages: Sequence[Message]) -> None:
        """These messages were answered."""
        for message in messages:
            if isinstance(message, UserMessage | ToolMessage):
                _keep(self._passed, hash(message))
                self._refused.pop(hash(message), None)

    def refuse(self, messages: Sequence[Message], scope: str | None) -> None:
        """This prompt was refused. A refused answer says nothing against what was asked before it."""
        if scope == "response":
            return
        for message in reversed(messages):
            if isinstance(message, AssistantMessage):
                break
            if isinstance(message, UserMessage | ToolMessage) and self._is_suspect(message):
                _keep(self._refused, hash(message))

    def _is_suspect(self, message: Message) -> bool:
        return hash(message) not in self._passed and message.text != self._answer

    def withheld(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """The messages to send: with a note in the place of each refused one but the newest."""
        if not self._refused:
            return messages
        return (*map(self._sent, messages[:-1]), *messages[-1:])

    def _sent(self, message: Message) -> Message:
        if isinstance(message, UserMessage | ToolMessage) and hash(message) in self._refused:
            return _note(message)
        return message


def _keep(known: OrderedDict[int, None], key: int) -> None:
    known[key] = None
    known.move_to_end(key)
    if len(known) > _BOUND:
        known.popitem(last=False)


def _note(message: UserMessage | ToolMessage) -> Message:
    if isinstance(message, ToolMessage):  # the results stay with their calls
        return ToolMessage(tuple(ToolResult(each.call_id, WITHHELD, each.name, True) for each in message.content))
    return replace(message, content=WITHHELD)
