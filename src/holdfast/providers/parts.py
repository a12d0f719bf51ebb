"""One part of a message, made to fit a wire: foreign signatures, thinking, media, items, arguments.

Every function gives back the very object it was given when nothing has to change, and notes what it changes.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from holdfast.errors import InvalidResponseError
from holdfast.messages import Audio, CachePoint, Document, Image, Opaque, Text, Thinking, ToolCall, ToolResult
from holdfast.providers.arguments import arguments_text, is_object
from holdfast.providers.rules import HistoryRules, Kind, kind_of

_SIGNED: Final = "Signatures of another provider were left out."
_MARKED: Final = "Ids and citations of another provider were left out."


def is_plain_part(part: Any, origin: str) -> bool:
    """Whether the part is words, a call or a result in words, with nothing about it that a wire could refuse."""
    kind = type(part)
    if kind is Text:
        words = part.text
        own = part.origin == origin or not (part.signature or part.id or part.annotations)
    elif kind is ToolResult:
        words = part.content
        own = isinstance(words, str)
    elif kind is ToolCall:
        words = part.name
        own = (part.origin == origin or not (part.signature or part.item_id)) and is_object(part.arguments)
    else:
        return False
    return own and bool(words) and not words.isspace()


def fit_part(part: Any, kinds: frozenset[Kind], rules: HistoryRules, notes: list[str]) -> Any:
    """The part, what stands for it, or None when it is an item of another wire."""
    match part:
        case Text():
            return _own(part, rules, notes)
        case CachePoint():
            return part
        case Opaque():
            return _fit_item(part, rules, notes)
        case _:
            return part if kind_of(part) in kinds else describe(part, notes)


def _own(part: Text, rules: HistoryRules, notes: list[str]) -> Text:
    """A text without what only another wire understands."""
    if part.origin == rules.origin or not (part.signature or part.id or part.annotations):
        return part
    notes.append(_SIGNED if part.signature else _MARKED)
    return Text(part.text)


def describe(part: Image | Document | Audio, notes: list[str]) -> Text:
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


def _fit_item(part: Any, rules: HistoryRules, notes: list[str]) -> Any:
    """The part, or None when it is an item of another wire."""
    if not isinstance(part, Opaque) or part.origin == rules.origin:
        return part
    notes.append(f"An item that only {part.origin} understands was left out.")
    return None


def fit_thinking(part: Thinking, rules: HistoryRules, notes: list[str]) -> Thinking | None:
    """The thinking as it may go back, or None."""
    own = part.origin == rules.origin
    proven = bool(part.signature or part.data)
    if rules.thinking != "drop" and own and (proven or rules.thinking != "signed"):
        return part
    if rules.thinking == "any" and part.text:
        if part.id or proven:
            notes.append(_SIGNED)
            return Thinking(part.text)
        return part
    notes.append("Thinking was left out, since this endpoint cannot take it back.")
    return None


def fit_call(call: ToolCall, rules: HistoryRules, notes: list[str]) -> ToolCall:
    """The call with arguments that are a JSON object, and without what only another wire understands."""
    if call.origin != rules.origin and (call.signature or call.item_id):
        notes.append(_SIGNED if call.signature else _MARKED)
        call = replace(call, signature=None, item_id=None, origin=None)
    try:
        arguments = arguments_text(call.arguments)
    except InvalidResponseError:
        arguments = msgspec.json.encode({"invalid_arguments": call.arguments}).decode()
    if arguments == call.arguments:
        return call
    notes.append("Arguments of a tool call that were no JSON object were rewritten as one.")
    return replace(call, arguments=arguments)
