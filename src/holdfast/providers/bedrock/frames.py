"""AWS event-stream frames ("application/vnd.amazon.eventstream"): reading is botocore's, writing is here.

frame = total length, length of the headers, CRC of these two | headers | payload | CRC of all before
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final
from zlib import crc32

from holdfast.errors import ConfigurationError, InvalidResponseError

CONTENT_TYPE: Final = "application/vnd.amazon.eventstream"
_STRING: Final = 7  # the type of a header whose value is a text


class FrameReader:
    """Splits bytes into frames, in any chunking.

    Raises:
        ConfigurationError: botocore is not installed.
    """

    def __init__(self) -> None:
        try:
            from botocore.eventstream import EventStreamBuffer, ParserError  # noqa: PLC0415  # an extra, loaded when used
        except ImportError as error:
            message = "Bedrock streams are read with botocore, which is not installed: install holdfast[aws]."
            raise ConfigurationError(message) from error
        self._buffer: Any = EventStreamBuffer()
        self._broken: type[Exception] = ParserError

    def feed(self, data: bytes) -> Iterator[tuple[Mapping[str, Any], bytes]]:
        """Headers and payload of the frames that these bytes complete.

        Raises:
            InvalidResponseError: the bytes are no frames; a checksum does not match.
        """
        self._buffer.add_data(data)
        while True:
            try:
                frame = self._buffer.next()
            except StopIteration:
                return
            except self._broken as error:
                raise InvalidResponseError(f"A frame of the stream is broken: {error}", status=200) from error
            yield frame.headers, frame.payload


def write_frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One frame with these headers, all of them texts."""
    head = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    lengths = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    frame = lengths + struct.pack(">I", crc32(lengths)) + head + payload
    return frame + struct.pack(">I", crc32(frame))


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack(">B", len(name)) + name + struct.pack(">BH", _STRING, len(value)) + value
