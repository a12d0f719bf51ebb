"""The parts of one message, made to fit a wire: foreign signatures, thinking, media, empty texts, names, arguments.

Every function gives back the very object it was given when nothing has to change, and notes what it changes.
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from holdfast.errors import InvalidResponseError
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
    ToolResult,
    UserMessage,
)
from holdfast.providers.arguments import arguments_text
from holdfast.providers.rules import HistoryRules, Kind, kind_of

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_IN_NAME: Final = re.compile(r"[^A-Za-z0-9_-]")
NO_OUTPUT: Final = "(no output)"
NO_KINDS: Final[frozenset[Kind]] = frozenset()

M = TypeVar("M", UserMessage, AssistantMessage)


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
            items = tuple(_fit_part(part, NO_KINDS, rules, notes) for part in message.content)
            kept = _with_parts(message, _texts(_present(items), rules), rules)
        case UserMessage(content=str(text)):
            kept = _named(message, rules, notes) if rules.empty or text.strip() else None
        case UserMessage():
            parts = tuple(_fit_part(part, rules.user, rules, notes) for part in message.content)
            fitted = _with_parts(message, _texts(_present(parts), rules), rules)
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


def _fit_item(part: Any, rules: HistoryRules, notes: list[str]) -> Any:
    """The part, or None when it is an item of another wire."""
    if not isinstance(part, Opaque) or part.origin == rules.origin:
        return part
    notes.append(f"An item that only {part.origin} understands was left out.")
    return None


def _texts(parts: tuple[Any, ...], rules: HistoryRules) -> tuple[Any, ...]:
    """The parts without blank texts, where those are forbidden. A signed text is a carrier and stays."""
    if rules.empty:
        return parts
    return tuple(part for part in parts if not isinstance(part, Text) or part.text.strip() or part.signature)


def _named(message: M, rules: HistoryRules, notes: list[str]) -> M:
    name = message.name
    if name is None or (rules.names and _NAME.fullmatch(name)):
        return message
    if not rules.names or not name:
        notes.append("The names of speakers were left out.")
        return replace(message, name=None)
    notes.append("The names of speakers were rewritten with letters, digits, '_' and '-'.")
    return replace(message, name=_NOT_IN_NAME.sub("_", name)[:64])


def _fit_part(part: Any, kinds: frozenset[Kind], rules: HistoryRules, notes: list[str]) -> Any:
    """The part, what stands for it, or None when it is an item of another wire."""
    match part:
        case Text():
            return _own(part, rules, notes)
        case CachePoint():
            return part
        case Opaque():
            return _fit_item(part, rules, notes)
        case _:
            return part if kind_of(part) in kinds else _described(part, notes)


def _described(part: Image | Document | Audio, notes: list[str]) -> Text:
    """What stands for a part that the wire cannot hold."""
    kind = kind_of(part)
    if isinstance(part, Document) and part.text is not None:
        notes.append("A document was given as plain text.")
        return Text(f"{part.name}:\n{part.text}" if part.name else part.text)
    if isinstance(part, Audio) and part.transcript:
        notes.append("A sound was replaced by its transcript.")
        return Text(part.transcript)
    notes.append(f"A part of kind {kind!r} was replaced by a line of text.")
    name = f" {part.name!r}" if isinstance(part, Document) and part.name else ""
    where = f" {part.url}" if part.url else ""
    return Text(f"[{kind.partition('_')[0]}{name}{where}: not shown, this model cannot take it]")


def _own(part: Text, rules: HistoryRules, notes: list[str]) -> Text:
    """A text without what only another wire understands."""
    if part.origin == rules.origin or not (part.signature or part.id or part.annotations):
        return part
    if part.signature:
        notes.append("Signatures of another provider were left out.")
    return Text(part.text)


def _fit_assistant(message: AssistantMessage, rules: HistoryRules, notes: list[str]) -> AssistantMessage | None:
    fitted = tuple(_fit_assistant_part(part, rules, notes) for part in message.content)
    parts = _texts(tuple(part for part in fitted if part is not None), rules)
    kept: AssistantMessage | None = _with_parts(message, _without_last_thoughts(parts), rules)
    return kept


def _without_last_thoughts(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    """The parts without thinking at their end: it belongs to what comes after it, and is refused without that."""
    end = len(parts)
    while end and isinstance(parts[end - 1], (Thinking, CachePoint)):
        end -= 1
    return parts if not any(isinstance(part, Thinking) for part in parts[end:]) else parts[:end]


def _fit_assistant_part(part: Any, rules: HistoryRules, notes: list[str]) -> Any:
    match part:
        case ToolCall():
            return _fit_call(part, rules, notes)
        case Thinking():
            return _fit_thinking(part, rules, notes)
        case _:
            return _fit_part(part, rules.assistant, rules, notes)


def _fit_thinking(part: Thinking, rules: HistoryRules, notes: list[str]) -> Thinking | None:
    own = part.origin == rules.origin
    proven = bool(part.signature or part.data)
    if rules.thinking != "drop" and own and (proven or rules.thinking != "signed"):
        return part
    if rules.thinking == "any" and part.text:
        if part.id or proven:
            notes.append("Signatures of another provider were left out.")
            return Thinking(part.text)
        return part
    notes.append("Thinking was left out, since this endpoint cannot take it back.")
    return None


def _fit_call(call: ToolCall, rules: HistoryRules, notes: list[str]) -> ToolCall:
    if call.origin != rules.origin and (call.signature or call.item_id):
        if call.signature:
            notes.append("Signatures of another provider were left out.")
        call = replace(call, signature=None, item_id=None, origin=None)
    try:
        arguments = arguments_text(call.arguments)
    except InvalidResponseError:
        arguments = msgspec.json.encode({"invalid_arguments": call.arguments}).decode()
    if arguments == call.arguments:
        return call
    notes.append("Arguments of a tool call that were no JSON object were rewritten as one.")
    return replace(call, arguments=arguments)


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
        return _fit_part(part, rules.results, rules, notes)
    kind: Kind = kind_of(part)
    if kind in rules.results or kind == "document_text" or kind not in rules.user:
        return _fit_part(part, rules.results, rules, notes)
    moved.append(part)
    notes.append(f"A part of kind {kind!r} was moved from a tool result to a user's message.")
    return Text(f"[{kind.partition('_')[0]}: see the next message of the user]")
