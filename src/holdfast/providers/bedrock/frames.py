"""AWS event-stream frames ("application/vnd.amazon.eventstream").

    frame = total length, length of the headers, CRC of these two | headers | payload | CRC of all before

Headers are read by botocore, once for each kind of frame: a stream repeats the same few, and reading them is most of
the work. The rest of a frame is two lengths and two checksums.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final
from zlib import crc32

from holdfast.errors import ConfigurationError, InvalidResponseError

CONTENT_TYPE: Final = "application/vnd.amazon.eventstream"
_PRELUDE: Final = struct.Struct(">III")
_CHECK: Final = struct.Struct(">I")
_LEAST: Final = _PRELUDE.size + _CHECK.size
_MOST_HEADERS: Final = 128 << 10  # bytes (docs, "Event stream encoding")
_MOST: Final = 24 << 20  # bytes, of the payload (as above)
_STRING: Final = 7  # the type of a header whose value is a text


class FrameReader:
    """Splits bytes into frames, in any chunking.

    Raises:
        ConfigurationError: botocore is not installed.
    """

    def __init__(self) -> None:
        try:
            import botocore.eventstream  # noqa: F401, PLC0415  # an extra, loaded when used
        except ImportError as error:
            message = "Bedrock streams are read with botocore, which is not installed: install holdfast[aws]."
            raise ConfigurationError(message) from error
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Mapping[str, Any], bytes]]:
        """Headers and payload of the frames that these bytes complete.

        Raises:
            InvalidResponseError: the bytes are no frames; a checksum does not match.
        """
        held = self._held
        held += data
        start = 0
        try:
            while (end := _end(held, start)) is not None:
                yield _read(bytes(held[start:end]))
                start = end
        finally:
            del held[:start]


def _end(held: bytearray, start: int) -> int | None:
    """Where the frame at `start` ends, or None while it is not all there."""
    if len(held) - start < _PRELUDE.size:
        return None
    total, head, check = _PRELUDE.unpack_from(held, start)
    if crc32(held[start : start + 8]) != check:
        raise _broken("the checksum of its lengths does not match")
    if head > _MOST_HEADERS or not 0 <= total - head - _LEAST <= _MOST:
        raise _broken(f"{total} bytes, {head} of them headers")
    return start + total if len(held) - start >= total else None


def _read(frame: bytes) -> tuple[Mapping[str, Any], bytes]:
    """Headers and payload of a whole frame."""
    if crc32(frame[:-4]) != _CHECK.unpack_from(frame, len(frame) - 4)[0]:
        raise _broken("its checksum does not match")
    split = _PRELUDE.size + _PRELUDE.unpack_from(frame)[1]
    return _headers(frame[_PRELUDE.size : split]), frame[split:-4]


@lru_cache(maxsize=64)
def _headers(data: bytes) -> Mapping[str, Any]:
    from botocore.eventstream import EventStreamHeaderParser, ParserError  # noqa: PLC0415  # as above

    try:
        headers: Mapping[str, Any] = EventStreamHeaderParser().parse(data)
    except (ParserError, LookupError, ValueError, struct.error) as error:
        raise _broken(f"its headers cannot be read ({error})") from error
    return headers


def _broken(why: str) -> InvalidResponseError:
    return InvalidResponseError(f"A frame of the stream is broken: {why}.", status=200)


def write_frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One frame with these headers, all of them texts."""
    head = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    lengths = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    frame = lengths + struct.pack(">I", crc32(lengths)) + head + payload
    return frame + struct.pack(">I", crc32(frame))


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack(">B", len(name)) + name + struct.pack(">BH", _STRING, len(value)) + value
