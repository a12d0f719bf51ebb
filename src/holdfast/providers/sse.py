"""Server-sent events by the WHATWG's rules ("9.2.6 Interpreting an event stream"), without IO.

Bytes in any chunking give the same events, in time linear in their number. What the rules discard, an event that the
end of the body left unfinished, is handed out by `close`, so that a codec can tell a cut stream from a whole one.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from holdfast.errors import InvalidResponseError

EVENT_LIMIT: Final = 16 * 1024 * 1024
"""How many bytes one event may have, unless told otherwise."""

_BOM: Final = b"\xef\xbb\xbf"
_STRAY: Final = 8192
_CR: Final = 13
_LF: Final = 10


class ServerSentEvent(Struct, frozen=True, omit_defaults=True, gc=False):
    """One event. `data` is the text of its data lines, joined by newlines, as UTF-8; `event` its type, if any."""

    data: bytes
    event: str = ""
    id: str | None = None


class SSEDecoder:
    """Reads an event stream. Feed it bytes as they come, then close it once.

    Args:
        limit: bytes that one event may have; more raise `InvalidResponseError`.

    Attributes:
        stray: the beginning of the last line that is no field but JSON: some servers put an error bare in the stream.
    """

    __slots__ = (
        "_after_cr",
        "_at_rest",
        "_data",
        "_event",
        "_id",
        "_limit",
        "_opening",
        "_partial",
        "_pieces",
        "_size",
        "stray",
    )

    def __init__(self, limit: int = EVENT_LIMIT) -> None:
        self._limit = limit
        self._opening: bytes | None = b""  # what may yet be a byte order mark; None once that is settled
        self._pieces: list[bytes] = []  # of the unfinished line
        self._partial = 0  # their length
        self._data: list[bytes] = []  # the data lines of the unfinished event
        self._size = 0  # their length
        self._event = ""
        self._id: str | None = None
        self._after_cr = False  # whether a line feed would belong to the line end before it
        self.stray = b""
        self._at_rest = False  # whether the next byte begins an event

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """The events that these bytes complete.

        Raises:
            InvalidResponseError: an event is larger than the limit.
        """
        if self._at_rest and data[:6] == b"data: " and data[-2:] == b"\n\n":
            size = len(data) - 2
            if data.find(_LF) == size and size < self._limit and data.find(_CR) < 0:
                return [ServerSentEvent(data[6:-2], "", self._id)]  # what servers send nearly always
            return self._several(data)
        if self._at_rest and data[:7] == b"event: " and data[-2:] == b"\n\n":
            return self._named(data)
        if self._opening is not None:
            data = self._open(data)
        return self._read(data) if data else []

    def close(self) -> ServerSentEvent | None:
        """The event that the end of the body left unfinished, which the rules discard; None if there is none."""
        if self._opening:
            self._read(self._opening)
        if self._pieces:
            self._line(b"".join(self._pieces), [])
        found: list[ServerSentEvent] = []
        self._dispatch(found)
        return found[0] if found else None

    def _several(self, data: bytes) -> list[ServerSentEvent]:
        """Whole events, most likely of one data line each."""
        blocks = data[6:-2].split(b"\n\ndata: ")
        if len(data) <= self._limit and data.count(b"\n") == 2 * len(blocks) and data.find(_CR) < 0:
            return [ServerSentEvent(block, "", self._id) for block in blocks]
        return self._read(data)

    def _named(self, data: bytes) -> list[ServerSentEvent]:
        """Whole events, most likely of one event line and one data line each."""
        if len(data) > self._limit or data.find(_CR) >= 0:
            return self._read(data)
        found = []
        for block in data[:-2].split(b"\n\n"):
            name, _, line = block.partition(b"\n")
            if name[:7] != b"event: " or line[:6] != b"data: " or line.find(_LF) >= 0:
                return self._read(data)
            found.append(ServerSentEvent(line[6:], name[7:].decode("utf-8", "replace"), self._id))
        return found

    def _open(self, data: bytes) -> bytes:
        opening = (self._opening or b"") + data
        if len(opening) < len(_BOM) and _BOM.startswith(opening):
            self._opening = opening
            return b""
        self._opening = None
        self._at_rest = True
        return opening.removeprefix(_BOM)

    def _read(self, data: bytes) -> list[ServerSentEvent]:
        if self._after_cr:
            self._after_cr = False
            data = data.removeprefix(b"\n")
            if not data:
                return []
        lines = data.splitlines()  # of bytes: at CR, LF and CRLF, and nowhere else
        last = data[-1]
        rest = b"" if last in b"\r\n" else lines.pop()
        self._after_cr = last == _CR
        if lines and self._pieces:
            lines[0] = b"".join((*self._pieces, lines[0]))
            self._pieces.clear()
            self._partial = 0
        found: list[ServerSentEvent] = []
        for line in lines:
            self._line(line, found)
        if rest:
            self._pieces.append(rest)
            self._partial += len(rest)
        self._check()
        self._at_rest = not (self._pieces or self._data or self._event or self._after_cr)
        return found

    def _line(self, line: bytes, found: list[ServerSentEvent]) -> None:
        if not line:
            self._dispatch(found)
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data.append(value)
                self._size += len(line) + 1
                self._check()
            case b"event":
                self._event = value.decode("utf-8", "replace")
            case b"id" if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
            case _:  # a comment has the empty name; `retry` is for clients that connect again
                if line[:1] == b"{":
                    self.stray = line[:_STRAY]

    def _dispatch(self, found: list[ServerSentEvent]) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            found.append(ServerSentEvent(data, self._event, self._id))
            self._data.clear()
            self._size = 0
        self._event = ""

    def _check(self) -> None:
        if self._size + self._partial > self._limit:
            raise InvalidResponseError(f"An event of the stream is larger than {self._limit} bytes.")


def encode_event(data: bytes, event: str = "", *, id: str | None = None) -> bytes:  # noqa: A002  # the field's name
    """The bytes of one event; `data` may have several lines."""
    head = (f"event: {event}\n" if event else "") + (f"id: {id}\n" if id is not None else "")
    lines = b"\ndata: ".join(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
    return head.encode() + b"data: " + lines + b"\n\n"
