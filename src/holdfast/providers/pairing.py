"""Tool calls and their results: each call answered right after it, each result with its call, ids that a wire accepts.

A result belongs to the nearest earlier message that holds a call of its id; in it, to the first such call that has no
result yet.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from string import ascii_letters, digits
from typing import Final

from msgspec.structs import replace

from holdfast.messages import (
    AssistantMessage,
    Message,
    Opaque,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.providers.fitting import fit
from holdfast.providers.rules import HistoryRules

UNANSWERED: Final = "No result: this call was interrupted before it ended."
_ALPHABET: Final = ascii_letters + digits


def pair(messages: Sequence[Message], rules: HistoryRules, notes: list[str]) -> Sequence[Message]:
    """The messages with every call answered right after it; the same sequence when they are so already."""
    if not any(isinstance(message, ToolMessage) or _has_calls(message) for message in messages):
        return messages
    if not rules.tools:
        notes.append("Tool calls and their results were given as text.")
        return [told for message in messages for told in _tell(message, rules, notes)]
    if _paired(messages, rules):
        return messages
    return _Pairing(messages, rules, notes).run()


def _has_calls(message: Message) -> bool:
    if not isinstance(message, AssistantMessage) or isinstance(message.content, str):
        return False
    return any(isinstance(part, ToolCall) for part in message.content)


def _paired(messages: Sequence[Message], rules: HistoryRules) -> bool:
    seen: set[str] = set()
    pattern = re.compile(rules.tool_id) if rules.tool_id else None
    waiting: dict[str, str] = {}
    for message in messages:
        if isinstance(message, ToolMessage):
            if not waiting or not _answers(message, waiting, rules):
                return False
            waiting = {}
        elif waiting:
            return False
        elif _has_calls(message):
            calls = message.tool_calls  # type: ignore[union-attr]  # only an assistant's message has calls
            waiting = {call.id: call.name for call in calls}
            if len(waiting) != len(calls) or not seen.isdisjoint(waiting):
                return False
            if not all(waiting) or (pattern and not all(map(pattern.fullmatch, waiting))):
                return False
            seen.update(waiting)
    return not waiting or rules.pending_calls


def _answers(message: ToolMessage, waiting: dict[str, str], rules: HistoryRules) -> bool:
    """Whether these are the results of exactly the calls that wait for one."""
    results = message.content
    if len(results) != len(waiting) or any(
        result.call_id not in waiting or result.name not in (None, waiting[result.call_id]) for result in results
    ):
        return False
    answered = [result.call_id for result in results]
    return answered == list(waiting) or (not rules.ordered_results and len(set(answered)) == len(answered))


def new_id(call_id: str, count: int, length: int) -> str:
    """The id that replaces the `count`-th occurrence of `call_id`: always the same one."""
    number = int.from_bytes(blake2b(f"{count}:{call_id}".encode(errors="replace"), digest_size=32).digest())
    out = ""
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        out += _ALPHABET[digit]
    return out


class _Pairing:
    """One run over a history that is not paired rightly."""

    def __init__(self, messages: Sequence[Message], rules: HistoryRules, notes: list[str]) -> None:
        self._messages = messages
        self._rules = rules
        self._notes = notes
        self._results: dict[int, dict[int, ToolResult]] = {}  # by message, by call: in the order of arrival
        self._orphans: dict[int, list[ToolResult]] = {}
        self._used: set[str] = set()
        self._times: Counter[str] = Counter()

    def run(self) -> list[Message]:
        self._match()
        out: list[Message] = []
        for at, message in enumerate(self._messages):
            if isinstance(message, ToolMessage):
                out += self._told_orphans(at)
            elif _has_calls(message):
                out += self._answered(at, message)  # type: ignore[arg-type]  # only those have calls
            else:
                out.append(message)
        return out

    def _match(self) -> None:
        nearest: dict[str, int] = {}
        for at, message in enumerate(self._messages):
            if isinstance(message, AssistantMessage):
                nearest.update((call.id, at) for call in message.tool_calls)
            elif isinstance(message, ToolMessage):
                for result in message.content:
                    self._place(at, result, nearest.get(result.call_id))

    def _place(self, at: int, result: ToolResult, where: int | None) -> None:
        if where is None:
            self._orphans.setdefault(at, []).append(result)
            return
        answers = self._results.setdefault(where, {})
        calls = self._messages[where].tool_calls  # type: ignore[union-attr]  # only an assistant's message is a place
        open_ = [at for at, call in enumerate(calls) if call.id == result.call_id and at not in answers]
        if not open_:
            self._orphans.setdefault(at, []).append(result)
            return
        answers[next((at for at in open_ if calls[at].name == result.name), open_[0])] = result
        self._note_move(at, where)

    def _note_move(self, at: int, where: int) -> None:
        if not all(isinstance(message, ToolMessage) for message in self._messages[where + 1 : at]):
            self._notes.append("A tool result was moved to its call.")

    def _told_orphans(self, at: int) -> list[Message]:
        orphans = self._orphans.get(at)
        if not orphans:
            return []
        if self._rules.orphans == "drop":
            self._notes.append("A tool result without its call was left out.")
            return []
        self._notes.append("A tool result without its call was given as a user's text.")
        return [told for result in orphans for told in _tell_result(result, self._rules, self._notes)]

    def _answered(self, at: int, message: AssistantMessage) -> list[Message]:
        calls = message.tool_calls
        ids = [self._id(call.id) for call in calls]
        answers = self._results.get(at, {})
        pending = self._rules.pending_calls and not answers and at == len(self._messages) - 1
        if pending:
            return [_with_ids(message, ids)]
        for index in range(len(calls)):
            if index not in answers:
                self._notes.append("A tool call without a result was answered with an error.")
                answers[index] = ToolResult(ids[index], UNANSWERED, calls[index].name, is_error=True)
        order = list(answers)
        if self._rules.ordered_results and order != sorted(order):
            self._notes.append("Tool results were put into the order of their calls.")
            order.sort()
        results = tuple(self._to(calls[index], ids[index], answers[index]) for index in order)
        return [_with_ids(message, ids), ToolMessage(results)]

    def _to(self, call: ToolCall, call_id: str, result: ToolResult) -> ToolResult:
        """The result of the call, under its id and, where it has one, its name."""
        name = result.name if result.name is None else call.name
        if result.name != name:
            self._notes.append("A tool result was given the name of its call.")
        unchanged = result.call_id == call_id and result.name == name
        return result if unchanged else replace(result, call_id=call_id, name=name)

    def _id(self, call_id: str) -> str:
        count = self._times[call_id]
        self._times[call_id] += 1
        fits = call_id and (self._rules.tool_id is None or re.fullmatch(self._rules.tool_id, call_id))
        chosen = call_id
        if not fits or call_id in self._used:
            self._notes.append("Ids of tool calls were rewritten.")
            chosen = new_id(call_id, count, self._rules.tool_id_length)
            while chosen in self._used:
                count += 1_000_003
                chosen = new_id(call_id, count, self._rules.tool_id_length)
        self._used.add(chosen)
        return chosen


def _with_ids(message: AssistantMessage, ids: list[str]) -> AssistantMessage:
    if all(call.id == new for call, new in zip(message.tool_calls, ids, strict=True)):
        return message
    left = iter(ids)
    parts = tuple(replace(part, id=next(left)) if isinstance(part, ToolCall) else part for part in message.parts)
    return replace(message, content=parts)


def _tell_result(result: ToolResult, rules: HistoryRules, notes: list[str]) -> tuple[Message, ...]:
    """A result as a user's message."""
    who = f"tool {result.name!r}" if result.name else "a tool"
    head = f"[Result of {who}{', an error' if result.is_error else ''}]\n"
    if isinstance(result.content, str):
        return (UserMessage(head + result.content),)
    parts = tuple(part for part in result.content if not isinstance(part, Opaque))  # at home in tool results only
    return fit(UserMessage((Text(head), *parts)), rules, notes)


def _tell(message: Message, rules: HistoryRules, notes: list[str]) -> Sequence[Message]:
    """A message without calls and results, for wires that know no tools."""
    if isinstance(message, ToolMessage):
        return [told for result in message.content for told in _tell_result(result, rules, notes)]
    if not isinstance(message, AssistantMessage) or not _has_calls(message):
        return [message]
    parts = tuple(
        Text(f"[Called tool {part.name!r} with {part.arguments}]") if isinstance(part, ToolCall) else part
        for part in message.parts
    )
    return [replace(message, content=parts)]
