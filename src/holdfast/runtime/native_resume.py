"""When a broken answer is taken up again at its provider, so that nothing is generated, or paid for, twice.

Only where the caller has opted in, for it has conditions (the provider stores the answer, and may bill differently):

    OpenAI Responses   `extra={"background": True}` for one call, or `dialect.options` of the endpoint for all
    Gemini             where the server sends continuation tokens

An answer that goes on growing is taken up as often as it breaks; one that does not is left to the policies. A response
that was asked for whole, and is still being made, is asked for again until it is there.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from holdfast.providers.codec import Checkpoint, Codec, Decoder, HTTPRequest, ResumableCodec, ResumableDecoder
from holdfast.request import Request

_FRUITLESS: Final = 3
"""How often an answer is taken up in vain, one time after the other."""
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 5.0


class TakeUp(Struct, frozen=True):
    """What to send, after `delay` seconds, for the rest of an answer."""

    request: HTTPRequest
    delay: float


class Resumption:
    """The native resumes of one answer; `count` says how many there were."""

    def __init__(self, codec: Codec, decoder: Decoder, request: Request, model: str) -> None:
        self.count = 0
        self._codec = codec
        self._decoder = decoder
        self._request = request
        self._model = model
        self._last: Checkpoint | None = None
        self._waits = 0

    def plan(self, *, broken: bool) -> TakeUp | None:
        """What to try now; None when the answer cannot be taken up, or was too often in vain.

        `broken`: whether the connection broke, or the stream was cut; not so, the provider says that it is not ready.
        """
        codec, decoder = self._codec, self._decoder
        if not isinstance(codec, ResumableCodec) or not isinstance(decoder, ResumableDecoder):
            return None
        checkpoint = decoder.checkpoint
        if checkpoint is None:
            return None
        if checkpoint != self._last:
            self._last, self._waits = checkpoint, 0
        not_ready = checkpoint.after is None and not broken
        if self._waits >= _FRUITLESS and not not_ready:
            return None
        delay = _wait(self._waits + not_ready)
        self._waits += 1
        return TakeUp(codec.resume(checkpoint, self._request, self._model), delay)

    def go_on(self) -> None:
        """Have the decoder read the rest from the new body."""
        if isinstance(self._decoder, ResumableDecoder):
            self._decoder.reconnect()
            self.count += 1


def _wait(times: int) -> float:
    """Nothing the first time, then twice as long each time."""
    return 0.0 if times == 0 else min(_FIRST_WAIT * 2.0 ** min(times - 1, 10), _LONGEST_WAIT)
