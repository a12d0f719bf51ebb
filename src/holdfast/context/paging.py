"""Paging: what is too long to send is kept under a handle, and the model reads it page by page with a tool.

    note = pages.keep(text)                   "1f3a9c20"
    pages.read({"handle": "1f3a9c20", "offset": 4096})

Offsets are characters of the whole text. A page ends at a line's end where it can, is under its limit itself, and says
where the next one begins.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from holdfast.context.families import ANY, Family
from holdfast.context.measure import text_tokens
from holdfast.request import Tool

READ_MORE: Final = Tool(
    name="read_more",
    description=(
        "Read on in a tool result that was too long to show whole. Give the handle from the place where it was cut, "
        "and the offset (in characters) to start from."
    ),
    parameters={
        "type": "object",
        "properties": {
            "handle": {"type": "string", "description": "The handle that stands where the result was cut"},
            "offset": {"type": "integer", "description": "The character to start from; 0 is the beginning"},
        },
        "required": ["handle", "offset"],
        "additionalProperties": False,
    },
)
"""The tool to offer besides one's own; answer its calls with `Pages.read`."""

_LINE: Final = 400  # characters that a page may give up to end at a line's end
_FOOT: Final = 40  # tokens of the line that says where a page stands


class Pages:
    """Long texts by handle, in memory. The same text has the same handle.

    Args:
        page: tokens of a page.
        capacity: characters that are kept; the text that was used longest ago goes first.
        family: whose tokens are meant.
    """

    def __init__(self, *, page: int = 2000, capacity: int = 50_000_000, family: Family = ANY) -> None:
        self.page = page
        self.capacity = capacity
        self.family = family
        self._texts: OrderedDict[str, str] = OrderedDict()
        self._size = 0

    def keep(self, text: str) -> str:
        """Keep a text; gives its handle."""
        handle = sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
        if handle not in self._texts:
            self._texts[handle] = text
            self._size += len(text)
        self._texts.move_to_end(handle)
        while self._size > self.capacity and len(self._texts) > 1:
            _, oldest = self._texts.popitem(last=False)
            self._size -= len(oldest)
        return handle

    def read(self, arguments: Mapping[str, Any]) -> str:
        """The page that a call of `READ_MORE` asks for; an explanation, if there is no such handle or offset."""
        handle, offset = str(arguments.get("handle", "")), arguments.get("offset", 0)
        text = self._texts.get(handle)
        if text is None:
            return f"There is no text under the handle {handle!r} any more. Call the tool that gave it again."
        if not isinstance(offset, int) or not 0 <= offset < max(1, len(text)):
            return f"The offset must be a number from 0 to {len(text) - 1}."
        self._texts.move_to_end(handle)
        return self._page(text, offset)

    def _page(self, text: str, offset: int) -> str:
        end = self._end(text, offset)
        rest = f"read on at offset {end}" if end < len(text) else "this is the end"
        return f"{text[offset:end]}\n[Characters {offset} to {end} of {len(text)}; {rest}.]"

    def _end(self, text: str, offset: int) -> int:
        room = max(1, self.page - _FOOT)
        low, high = 1, min(len(text) - offset, room * 16)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self._fits(text[offset : offset + middle], room) else (low, middle - 1)
        end = offset + low
        line = text.rfind("\n", max(offset, end - _LINE), end)
        return line + 1 if line > offset and end < len(text) else end

    def _fits(self, text: str, room: int) -> bool:
        return text_tokens(text, self.family) <= room
