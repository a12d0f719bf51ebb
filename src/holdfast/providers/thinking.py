"""Thinking that comes as text between `<think>` tags, taken apart while it streams. Pure; any chunking, same result.

    parser = ThinkTags(inside=starts_inside(model))
    for kind, text in parser.feed(delta): ...        # kind is "thinking" or "text"; text is never empty
    for kind, text in parser.close(): ...

Rules:

- `<think>` and `<thinking>` open, `</think>` and `</thinking>` close. Blocks may follow one another.
- A tag between backticks or quotation marks is a mention of the tag and stays where it is.
- A closing tag that nothing opened is text, unless the stream began `inside`: some chat templates write the opening
  tag into the prompt, so that the model's own words begin with thinking. `starts_inside` knows such models.
- A block that is never closed is thinking to the end.
- White space goes where it only frames a tag: before the first block, at the beginning of a block, and between a block
  and the first words of the answer. Every other character comes out once.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["thinking", "text"]
Piece: TypeAlias = tuple[Kind, str]

_OPEN: Final = ("<think>", "<thinking>")
_CLOSE: Final = ("</think>", "</thinking>")
_LONGEST: Final = max(map(len, _CLOSE))
_QUOTES: Final = frozenset("`'\"\u2018\u2019\u201c\u201d\u00ab\u00bb")
_INSIDE: Final = re.compile(r"deepseek-r1|\bqwq|qwen3[^/]*-thinking", re.IGNORECASE)


def starts_inside(model: str) -> bool:
    """Whether this model's chat template opens the thinking block itself, so that only `</think>` comes.

    True for DeepSeek R1 and its distillates, QwQ and Qwen3's thinking models, whose templates end the prompt in
    `<think>`. It matters only at endpoints that leave the tags in the text.
    """
    return _INSIDE.search(model) is not None


class ThinkTags:
    """Splits streamed text into thinking and text.

    Args:
        inside: the stream begins within a block; its opening tag may be missing.
    """

    __slots__ = ("_framed", "_held", "_inside", "_last", "_lead", "_spoken")

    def __init__(self, *, inside: bool = False) -> None:
        self._inside = inside
        self._held = ""  # what may still turn out to be a tag, or to frame one
        self._last = ""  # the character before what is held
        self._lead = True  # nothing but white space has come since the beginning, or since a tag
        self._framed = inside  # white space in the lead frames a tag, whatever follows
        self._spoken = False  # words of the answer have come

    def feed(self, text: str) -> list[Piece]:
        """The pieces that this text completes."""
        if not self._held and not self._lead and "<" not in text:
            return self._emit([], text)
        return self._scan(self._held + text, last=False)

    def close(self) -> list[Piece]:
        """The last pieces, at the end of the text."""
        return self._scan(self._held, last=True)

    def settle(self) -> list[Piece]:
        """The wire tells thinking apart by itself, so nothing began `inside`: text is text from here on."""
        pieces = self.close()
        self._inside = self._framed = False
        return pieces

    def _scan(self, text: str, *, last: bool) -> list[Piece]:
        pieces: list[Piece] = []
        self._held = ""
        text, blank = self._begin(text)
        at = text.find("<")
        while at >= 0:
            tag = self._tag(text, at, leads=at <= blank, last=last)
            if tag is None:
                at = text.find("<", at + 1)
                continue
            before = "" if at <= blank else text[:at]  # white space before a tag frames it
            if tag == "":
                self._emit(pieces, before)
                self._held = text[len(before) :]
                return pieces
            self._emit(pieces, before)
            self._turn(tag)
            text, blank = self._begin(text[at + len(tag) :])
            at = text.find("<")
        return self._rest(pieces, text, last=last)

    def _begin(self, text: str) -> tuple[str, int]:
        """The text without white space that frames a tag, and how much of that at its beginning still may; -1: none."""
        if not self._lead:
            return text, -1
        if self._framed:
            text = text.lstrip()
        return text, len(text) - len(text.lstrip())

    def _tag(self, text: str, at: int, *, leads: bool, last: bool) -> str | None:
        """The tag at `at`; "" when more text must tell; None when there is none."""
        tags: tuple[str, ...] = _CLOSE if self._inside else _OPEN
        if self._inside and leads:
            tags = _OPEN + _CLOSE  # the opening tag came after all
        tag = next((tag for tag in tags if text.startswith(tag, at)), None)
        if tag is None:
            rest = text[at : at + _LONGEST]
            return "" if not last and any(tag.startswith(rest) for tag in tags) else None
        before = text[at - 1] if at else self._last
        if before not in _QUOTES:
            return tag
        after = text[at + len(tag) : at + len(tag) + 1]
        if not after:
            return tag if last else ""
        return None if after in _QUOTES else tag

    def _turn(self, tag: str) -> None:
        self._inside = tag in _OPEN
        self._framed = self._inside or not self._spoken
        self._lead = True
        self._last = ""

    def _rest(self, pieces: list[Piece], text: str, *, last: bool) -> list[Piece]:
        if self._lead and not last and not text.strip():
            self._held = text
            return pieces
        return self._emit(pieces, text)

    def _emit(self, pieces: list[Piece], text: str) -> list[Piece]:
        if text:
            self._lead = False
            self._spoken = self._spoken or not self._inside
            self._last = text[-1]
            pieces.append(("thinking" if self._inside else "text", text))
        return pieces
