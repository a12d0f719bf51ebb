"""Output items in the making, and what is read out of them."""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Any, Literal, TypeAlias

from holdfast.errors import InvalidResponseError
from holdfast.events import Event, TextDelta
from holdfast.messages import Image
from holdfast.providers.arguments import arguments_text
from holdfast.providers.openai_responses.wire import CUSTOM_CALL

Kind: TypeAlias = Literal["text", "summary", "raw", "refusal", "arguments"]
"""What a piece of an item is."""


class Piece:
    """One part of ours, and how much of it has been told."""

    __slots__ = ("annotations", "length", "logprobs", "part")

    def __init__(self, part: int) -> None:
        self.part = part
        self.length = 0
        self.annotations = 0
        self.logprobs = 0


class Item:
    """One output item: what it is, the number of its first part, and whether it is complete."""

    __slots__ = ("data", "done", "index", "part", "pieces", "rest")

    def __init__(self, index: int, data: dict[str, Any], part: int) -> None:
        self.index = index
        self.data = data
        self.part = part
        self.done = False
        self.pieces = 0
        self.rest: str | None = None

    @property
    def type(self) -> Any:
        """The wire's word for what it is."""
        return self.data.get("type")

    @property
    def id(self) -> str | None:
        """Its id on the wire."""
        name = self.data.get("id")
        return name if isinstance(name, str) else None


def is_call(data: dict[str, Any]) -> bool:
    """Whether the item is a call of one of the caller's tools."""
    return data.get("type") in ("function_call", CUSTOM_CALL)


def repaired(arguments: str) -> str:
    """The arguments, repaired where that is certain; broken ones stay as they came, for the verdict to see."""
    try:
        return arguments_text(arguments)
    except InvalidResponseError:
        return arguments


def trailing(piece: Piece, part: dict[str, Any], rest: str | None) -> Event | None:
    """What a finished text has besides its words, and was not told: citations, log probabilities, other fields."""
    annotations = tuple(part.get("annotations") or ())[piece.annotations :]
    logprobs = tuple(part.get("logprobs") or ())[piece.logprobs :]
    if not (annotations or logprobs or rest):
        return None
    return TextDelta("", piece.part, logprobs or None, annotations or None, signature=rest)


def picture_of(data: dict[str, Any]) -> Image | None:
    """The picture that an image tool made; None when there is none, or it cannot be read."""
    try:
        picture = b64decode(data.get("result") or "", validate=True)
    except (binascii.Error, TypeError, ValueError):
        return None
    return Image(data=picture, media_type=f"image/{data.get('output_format') or 'png'}") if picture else None


def unique(call_id: str, taken: set[str]) -> str:
    """The id, with a number where another call of the answer has it already."""
    if call_id not in taken:
        return call_id
    return next(name for number in range(2, len(taken) + 3) if (name := f"{call_id}_{number}") not in taken)
