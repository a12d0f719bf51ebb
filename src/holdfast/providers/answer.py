"""A structured answer that comes as the call of a tool, read as the text that it stands for."""

from __future__ import annotations

from collections.abc import Iterator

from holdfast.errors import ModelError
from holdfast.events import Event
from holdfast.providers.codec import Decoder
from holdfast.providers.output import FinalAnswer


class AnswerDecoder:
    """A decoder around another one; `tool` is the name that `holdfast.providers.output.answer_tool` gave."""

    def __init__(self, inner: Decoder, tool: str) -> None:
        self._inner = inner
        self._answer = FinalAnswer(tool)

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that these bytes complete."""
        yield from self._read(self._inner.feed(data))

    def close(self) -> Iterator[Event]:
        """The last events."""
        yield from self._read(self._close())

    def _close(self) -> Iterator[Event]:
        yield from self._inner.close()

    def _read(self, events: Iterator[Event]) -> Iterator[Event]:
        try:
            for event in events:
                yield from self._answer.feed(event)
        except ModelError:
            yield from self._answer.close()  # the words that were held come before the error
            raise
