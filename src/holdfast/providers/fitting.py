"""One message, made to fit a wire: its parts, its name, what is left of it.

Every function gives back the very object it was given when nothing has to change, and notes what it changes.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from holdfast.messages import (
    AssistantMessage,
    CachePoint,
    Message,
    Opaque,
    SystemMessage,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.providers.parts import fit_call, fit_part, fit_thinking, is_plain_part
from holdfast.providers.rules import HistoryRules, Kind, kind_of

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_IN_NAME: Final = re.compile(r"[^A-Za-z0-9_-]")
NO_OUTPUT: Final = "(no output)"
NO_KINDS: Final[frozenset[Kind]] = frozenset()

M = TypeVar("M", UserMessage, AssistantMessage)


def is_plain(message: Message, rules: HistoryRules) -> bool:
    """Whether the message is of the common kind that every wire takes as it is: words, calls, results in words."""
    content = message.content
    if isinstance(content, str):
        if not content or content.isspace():
            return False
    elif not content or not all(is_plain_part(part, rules.origin) for part in content):
        return False
    return getattr(message, "name", None) is None


def fit(message: Message, rules: HistoryRules, notes: list[str]) -> tuple[Message, ...]:
    """The message as this wire takes it: itself, nothing, or itself and a user's message with what moved out of it."""
    match message:
        case ToolMessage(content=()):
            kept: Message | None = None
        case ToolMessage():
            return _fit_tool(message, rules, notes)
        case SystemMessage(content=str(text)):
            kept = message if rules.empty or text.strip() else None
        case SystemMessage():
            items = tuple(fit_part(part, NO_KINDS, rules, notes) for part in message.content)
            kept = _with_parts(message, _texts(_present(items), rules, notes), rules)
        case UserMessage(content=str(text)):
            kept = _named(message, rules, notes) if rules.empty or text.strip() else None
        case UserMessage():
            parts = tuple(fit_part(part, rules.user, rules, notes) for part in message.content)
            fitted = _with_parts(message, _texts(_present(parts), rules, notes), rules)
            kept = fitted and _named(fitted, rules, notes)
        case AssistantMessage(content=str(text)):
            kept = _named(message, rules, notes) if rules.empty or text.strip() else None
        case AssistantMessage():
            assistant = _fit_assistant(message, rules, notes)
            kept = assistant and _named(assistant, rules, notes)
    if kept is None:
        notes.append("An empty message was left out.")
        return ()
    return (kept,)


def _with_parts(message: Any, parts: tuple[Any, ...], rules: HistoryRules) -> Any:
    """The message with these parts, or None when nothing is left of it."""
    unchanged = len(parts) == len(message.content) and all(map(_same, parts, message.content))
    if all(isinstance(part, CachePoint) for part in parts) and not (unchanged and rules.empty):
        return None
    return message if unchanged else replace(message, content=parts)


def _same(one: object, other: object) -> bool:
    return one is other


def _present(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(part for part in parts if part is not None)


def _texts(parts: tuple[Any, ...], rules: HistoryRules, notes: list[str]) -> tuple[Any, ...]:
    """The parts without blank texts, where those are forbidden and carry nothing."""
    if rules.empty:
        return parts
    kept = tuple(part for part in parts if not _blank(part) or (rules.signed_texts and part.signature))
    if len(kept) != len(parts):
        notes.append("An empty text was left out.")
    return kept


def _named(message: M, rules: HistoryRules, notes: list[str]) -> M:
    name = message.name
    if name is None or (rules.names and _NAME.fullmatch(name)):
        return message
    if not rules.names or not name:
        notes.append("The names of speakers were left out.")
        return replace(message, name=None)
    notes.append("The names of speakers were rewritten with letters, digits, '_' and '-'.")
    return replace(message, name=_NOT_IN_NAME.sub("_", name)[:64])


def _fit_assistant(message: AssistantMessage, rules: HistoryRules, notes: list[str]) -> AssistantMessage | None:
    parts = _present(tuple(_fit_assistant_part(part, rules, notes) for part in message.content))
    parts = _without_last_thoughts(_texts(parts, rules, notes), notes)
    kept: AssistantMessage | None = _with_parts(message, parts, rules)
    return kept


def _without_last_thoughts(parts: tuple[Any, ...], notes: list[str]) -> tuple[Any, ...]:
    """The parts without thinking at their end: it belongs to what comes after it, and is refused without that."""
    end = len(parts)
    while end and isinstance(parts[end - 1], (Thinking, CachePoint)):
        end -= 1
    if not any(isinstance(part, Thinking) for part in parts[end:]):
        return parts
    notes.append("Thinking that nothing followed was left out.")
    return parts[:end]


def _fit_assistant_part(part: Any, rules: HistoryRules, notes: list[str]) -> Any:
    match part:
        case ToolCall():
            return fit_call(part, rules, notes)
        case Thinking():
            return fit_thinking(part, rules, notes)
        case _:
            return fit_part(part, rules.assistant, rules, notes)


def _fit_tool(message: ToolMessage, rules: HistoryRules, notes: list[str]) -> tuple[Message, ...]:
    moved: list[Any] = []
    results = tuple(_fit_result(result, rules, notes, moved) for result in message.content)
    fitted = message if all(map(_same, results, message.content)) else replace(message, content=results)
    return (fitted, UserMessage((Text("What the tool gave:"), *moved))) if moved else (fitted,)


def _fit_result(result: ToolResult, rules: HistoryRules, notes: list[str], moved: list[Any]) -> ToolResult:
    content: Any = result.content
    if not isinstance(content, str):
        parts = _present(tuple(_fit_result_part(part, rules, notes, moved) for part in content))
        parts = parts if rules.empty_result else tuple(part for part in parts if not _blank(part))
        if len(parts) != len(content) or not all(map(_same, parts, content)):
            content = parts
    if not rules.empty_result and (not content or (isinstance(content, str) and not content.strip())):
        notes.append("An empty tool result was given words.")
        content = NO_OUTPUT
    return result if content is result.content else replace(result, content=content)


def _blank(part: Any) -> bool:
    return isinstance(part, Text) and not part.text.strip()


def _fit_result_part(part: Any, rules: HistoryRules, notes: list[str], moved: list[Any]) -> Any:
    if isinstance(part, (Text, Opaque)) or not rules.user_after_tool:
        return fit_part(part, rules.results, rules, notes)
    kind: Kind = kind_of(part)
    if kind in rules.results or kind == "document_text" or kind not in rules.user:
        return fit_part(part, rules.results, rules, notes)
    moved.append(part)
    notes.append(f"A part of kind {kind!r} was moved from a tool result to a user's message.")
    return Text(f"[{kind.partition('_')[0]}: see the next message of the user]")
