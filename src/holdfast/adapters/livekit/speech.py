"""From the events of one call to LiveKit's chunks. What is handed over is spoken, or run, and cannot be taken back.

- Words go out at once, or in whole sentences; thinking never.
- Tool calls go out when the answer is over and has been judged, each once: a tool starts as soon as its chunk is sent.
- Usage goes out once, last: the sum over all attempts of the call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from livekit.agents import llm
from msgspec import to_builtins

from holdfast.adapters.livekit.context import NOTES
from holdfast.adapters.livekit.report import usage_of
from holdfast.errors import ModelError
from holdfast.events import Event, Finish, ResponseStart, TextDelta
from holdfast.messages import Thinking, ToolCall
from holdfast.response import Fold
from holdfast.usage import Usage

_ENDS: Final = ".!?…:;,)\"'\u201d\u2019"
_PAUSE: Final = "… "
"""Between words that broke off and what a policy says after them."""
_SENTENCE_END: Final = re.compile(r"[.!?…。！？][\"'\u201d\u2019)\]]*\s+|\n+")  # noqa: RUF001  # full-width marks are meant


class Speech:
    """Feed it the events of a call; it gives the chunks to send.

    Args:
        chunk_id: the id of all chunks, until the provider names one.
        whole_sentences: keep an unfinished sentence back until it is finished; if it never is, it was never said.
    """

    def __init__(self, chunk_id: str, *, whole_sentences: bool = False) -> None:
        self.id = chunk_id
        self.broken = False
        self._whole_sentences = whole_sentences
        self._kept = ""
        self._fold = Fold()
        self._last = ""
        self._interjects = False

    @property
    def begun(self) -> bool:
        """Whether anything was said."""
        return bool(self._last)

    def interject(self) -> None:
        """The words that come now are a policy's, not the model's; they come after those that were said."""
        self._interjects = True
        self._kept = ""
        self.broken = self.begun

    def feed(self, event: Event) -> Iterator[llm.ChatChunk]:
        """The chunks to send now."""
        self._fold.add(event)
        match event:
            case TextDelta(text=text) if text:
                self._kept += self._joint() + text
                yield from self._say(self._sayable())
            case ResponseStart(id=response_id):
                self.id = response_id or self.id
            case Finish():
                yield from self._end(event)
            case _:
                pass

    def fail(self, error: ModelError) -> Iterator[llm.ChatChunk]:
        """The last chunk of a call that failed: words that were said before are marked as cut."""
        if self.begun:
            yield self._chunk(extra={"truncated": True, "error": error.kind})

    def _joint(self) -> str:
        if not self._interjects:
            return ""
        self._interjects = False
        if not self.begun or self._last.isspace():
            return ""
        return " " if self._last in _ENDS else _PAUSE

    def _sayable(self) -> int:
        """How many of the kept characters may go out."""
        if not self._whole_sentences:
            return len(self._kept)
        return max((end.end() for end in _SENTENCE_END.finditer(self._kept)), default=0)

    def _say(self, length: int) -> Iterator[llm.ChatChunk]:
        text, self._kept = self._kept[:length], self._kept[length:]
        if text:
            self._last = text[-1]
            yield self._chunk(content=text)

    def _end(self, finish: Finish) -> Iterator[llm.ChatChunk]:
        response = self._fold.response()
        if finish.degraded and self._kept + self._last and not (self._kept or self._last)[-1].isspace():
            self._kept += " "  # a voice waits with a sentence until something follows it
        if not finish.truncated:
            yield from self._say(len(self._kept))
        thinking = [to_builtins(part) for part in response.parts if isinstance(part, Thinking) and _is_signed(part)]
        calls = [_call(part) for part in response.tool_calls]
        if calls:
            if thinking and calls[0].extra is not None:
                calls[0].extra[NOTES]["thinking"] = thinking
            yield self._chunk(calls=calls)
        extra = _summary(finish, truncated=finish.truncated or self.broken)
        if thinking and not calls:
            extra["thinking"] = thinking
        yield self._chunk(extra=extra, usage=_total(finish))

    def _chunk(
        self,
        content: str | None = None,
        calls: list[llm.FunctionToolCall] | None = None,
        extra: dict[str, Any] | None = None,
        usage: llm.CompletionUsage | None = None,
    ) -> llm.ChatChunk:
        delta = llm.ChoiceDelta(
            role="assistant", content=content, tool_calls=calls or [], extra={NOTES: extra} if extra else None
        )
        return llm.ChatChunk(id=self.id, delta=delta, usage=usage)


def _is_signed(part: Thinking) -> bool:
    """Whether the thinking has to go back to the provider that it came from."""
    return bool(part.signature or part.data)


def _call(part: ToolCall) -> llm.FunctionToolCall:
    marks = {"item_id": part.item_id, "signature": part.signature, "origin": part.origin}
    notes = {name: value for name, value in marks.items() if value is not None}
    return llm.FunctionToolCall(name=part.name, arguments=part.arguments, call_id=part.id, extra={NOTES: notes})


def _summary(finish: Finish, *, truncated: bool) -> dict[str, Any]:
    return {
        "finish_reason": finish.finish_reason,
        "truncated": truncated,
        "degraded": finish.degraded,
        "attempts": [to_builtins(attempt) for attempt in finish.attempts],
    }


def _total(finish: Finish) -> llm.CompletionUsage:
    usage = usage_of(finish.attempts) if finish.attempts else finish.usage or Usage()
    return llm.CompletionUsage(
        completion_tokens=usage.output_tokens,
        prompt_tokens=usage.input_tokens,
        prompt_cached_tokens=usage.cache_read_tokens,
        cache_creation_tokens=usage.cache_write_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        total_tokens=usage.total_tokens,
    )
