"""Files of a kind that a wire has no word for: told in words, before the history is made to fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from holdfast.messages import Document, Message, ToolResult
from holdfast.providers.parts import describe

_TEXTS = ("json", "xml", "yaml", "toml", "javascript", "x-sh", "x-python", "sql")


def is_text(media_type: str | None) -> bool:
    """Whether a file of this type can be read as plain text."""
    kind = media_type or ""
    return kind.startswith("text/") or kind.rpartition("/")[2].rpartition("+")[2].startswith(_TEXTS)


def legible(messages: tuple[Message, ...], takes: Callable[[Document], bool], notes: list[str]) -> tuple[Message, ...]:
    """The messages, with a line of text for each document that the wire does not take; the same tuple if none."""
    told = tuple(_message(message, takes, notes) for message in messages)
    return messages if all(map(_same, told, messages)) else told


def _message(message: Message, takes: Callable[[Document], bool], notes: list[str]) -> Message:
    if isinstance(message.content, str):
        return message
    parts = tuple(_part(part, takes, notes) for part in message.content)
    return message if all(map(_same, parts, message.content)) else replace(message, content=parts)


def _part(part: Any, takes: Callable[[Document], bool], notes: list[str]) -> Any:
    if isinstance(part, Document):
        return part if takes(part) else describe(part, notes)
    if isinstance(part, ToolResult) and not isinstance(part.content, str):
        inner = tuple(_part(each, takes, notes) for each in part.content)
        return part if all(map(_same, inner, part.content)) else replace(part, content=inner)
    return part


def _same(one: object, other: object) -> bool:
    return one is other
