"""One client of the simulator: plays acts to it, byte for byte, and notices when it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Final

from holdfast.runtime.clock import Clock
from holdfast.simulator.reply import Act, HangUp, Reset, Send, Wait
from holdfast.simulator.wire import MAX_HEAD

_BUFFER: Final = 32_768  # bytes that are put together before they are sent
_SETTLE: Final = 0.01  # seconds in which a client can read what was sent before a reset
_NO_LINGER: Final = struct.pack("ii", 1, 0)  # closing a socket with this set sends RST


class Reader(asyncio.StreamReader):
    """A reader that calls out when the client closes its side, though nobody reads."""

    def __init__(self) -> None:
        super().__init__(limit=MAX_HEAD)
        self.wake = asyncio.Event()
        self.left = False

    def feed_eof(self) -> None:
        """The client will send no more."""
        super().feed_eof()
        self.left = True
        self.wake.set()

    def set_exception(self, exc: Exception) -> None:
        """The connection broke."""
        super().set_exception(exc)
        self.left = True
        self.wake.set()


class Connection:
    """One client: plays acts to it."""

    def __init__(self, reader: Reader, writer: asyncio.StreamWriter, clock: Clock) -> None:
        self.reader, self.writer = reader, writer
        self._clock = clock

    async def play(self, acts: Iterator[Act]) -> bool:
        """Do these acts in turn; False when the connection is of no more use. Bytes without a wait go out together."""
        held = bytearray()
        for act in acts:
            match act:
                case Send(data):
                    held += data
                    if len(held) >= _BUFFER:
                        await self._flush(held)
                    continue
                case Wait(seconds):
                    await self._flush(held)
                    if not await self._left_within(seconds):
                        continue
                case Reset():
                    await self._flush(held)
                    await self._left_within(_SETTLE)
                    self._reset()
                case HangUp():
                    await self._flush(held)
            return False
        await self._flush(held)
        return True

    async def _flush(self, held: bytearray) -> None:
        if held:
            self.writer.write(bytes(held))
            held.clear()
            await self.writer.drain()

    async def _left_within(self, seconds: float) -> bool:
        """Wait; True, and at once, when the client closes the connection meanwhile."""
        wake = self.reader.wake
        if not self.reader.left:
            wake.clear()
            timer = self._clock.call_at(self._clock.now() + seconds, wake.set)
            try:
                await wake.wait()
            finally:
                timer.cancel()
        return self.reader.left

    def _reset(self) -> None:
        sock: socket.socket = self.writer.get_extra_info("socket")
        with contextlib.suppress(OSError):  # the client was faster, and it is closed already
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.writer.transport.abort()
