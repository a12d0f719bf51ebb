"""One answer out of its chunks. A whole response is one chunk with a `message` instead of a `delta`.

Parts are numbered so that they stand in the order of the wire's own fields: thinking 0, text 1, calls from 2 on,
pictures and sounds last.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from holdfast.errors import InvalidResponseError, ModelError
from holdfast.events import Event, Finish, PartAdded, ResponseStart, TextDelta, ThinkingDelta, UsageUpdate
from holdfast.providers.openai_chat.calls import Calls
from holdfast.providers.openai_chat.content import (
    AudioPieces,
    ReasoningDetails,
    read_content,
    read_image,
    read_logprobs,
    text_of,
)
from holdfast.providers.openai_chat.errors import stream_error
from holdfast.providers.openai_chat.extras import Extras
from holdfast.providers.openai_chat.finish import finish_reason
from holdfast.providers.openai_chat.names import Names
from holdfast.providers.openai_chat.usage import read_usage
from holdfast.providers.openai_chat.wire import ORIGIN, Call, Choice, Chunk, Delta
from holdfast.providers.thinking import ThinkTags
from holdfast.usage import Usage

THINKING: Final = 0
TEXT: Final = 1
_MEDIA: Final = 10_000


class Answer:
    """The state of one answer.

    Args:
        start: what `ResponseStart` says where the chunks say nothing themselves.
        seed: what the ids of calls without one are made of.
        tags: takes thinking out of the text, where it may come as text.
        audio_type: the media type of sounds.
        names: our names of the tools.
    """

    def __init__(
        self,
        start: ResponseStart,
        *,
        seed: str = "",
        tags: ThinkTags | None = None,
        audio_type: str | None = None,
        names: Names | None = None,
    ) -> None:
        self._start = start
        self._seed = seed
        self._tags = tags
        self._audio_type = audio_type
        self._names = names or Names()
        self._started = False
        self._id = ""
        self._index: Any = None  # of the choice that is ours
        self._thought = False  # whether the wire itself told thinking from text
        self._by_field = False  # whether it came in a field of plain words
        self._calls: Calls | None = None
        self._details = ReasoningDetails()
        self._audio: AudioPieces | None = None
        self._media = _MEDIA
        self._refusal: list[str] = []
        self._raw: str | None = None
        self._usage: Usage | None = None
        self._extra = Extras()

    @property
    def started(self) -> bool:
        """Whether a choice has come."""
        return self._started

    @property
    def ended(self) -> bool:
        """Whether a finish reason has come."""
        return self._raw is not None

    def take(self, chunk: Chunk, out: list[Event]) -> None:
        """Take a chunk; what it adds is appended to `out`. Raises the error that a choice may hold."""
        choices = chunk.choices
        if not choices:
            self._aside(chunk, out)
            return
        for choice in choices:
            if choice is None:
                continue
            if not self._started:
                self._begin(chunk, choice, out)
            elif choice.index != self._index and choice.index is not None and self._index is not None:
                continue  # another answer (`n` > 1); the first one counts
            if choice.error:  # OpenRouter: the upstream failed in the middle
                raise self._failed(choice)
            delta = choice.delta or choice.message
            if delta is not None:
                self._delta(delta, choice.logprobs, out)
            elif choice.text:
                self._say(choice.text, out)
            if choice.finish_reason and choice.finish_reason != "null":
                self._raw = str(choice.finish_reason)
                self._extra.keep(chunk)
            if choice.content_filter_results or choice.content_filter_offsets or choice.native_finish_reason:
                self._extra.annotate(choice)
            if choice.usage is not None:  # Moonshot states it there
                self._count(choice.usage, out)
        if chunk.usage is not None:
            self._count(chunk.usage, out)
        elif chunk.x_groq is not None:
            self._aside_groq(chunk, out)

    def finish(self, out: list[Event]) -> None:
        """End the answer: the last events, `Finish` among them.

        Raises:
            ContentFilterError, InvalidResponseError: a call is not whole.
        """
        refusal = "".join(self._refusal)
        reason = finish_reason(self._raw, calls=bool(self._calls), refused=bool(refusal))
        if not self._started:
            self._begin_at_last(out)
            reason = "content_filter"
        if self._tags is not None:
            self._pieces(self._tags.close(), None, out)
        if self._details:
            data = msgspec.json.encode(self._details.items).decode()
            out.append(ThinkingDelta("", THINKING, data=data, origin=ORIGIN))
        if self._calls is not None:
            self._calls.close(reason, out)
        if self._audio is not None and (sound := self._audio.part(self._audio_type)) is not None:
            out.append(PartAdded(self._media, sound))
        out.append(Finish(reason, self._raw, self._usage, extra=self._extra.told(refusal)))

    def flush(self, out: list[Event]) -> None:
        """Give out what was held back, when the answer breaks off."""
        if self._tags is not None and self._started:
            self._pieces(self._tags.close(), None, out)

    def _failed(self, choice: Choice) -> ModelError:
        start = self._start
        return stream_error({"error": choice.error}, provider=start.provider or "", model=start.model)

    def _begin(self, chunk: Chunk, choice: Choice, out: list[Event]) -> None:
        self._started = True
        self._index = choice.index
        self._id = str(chunk.id or "")
        self._extra.keep(chunk)
        start = self._start
        out.append(
            ResponseStart(
                str(chunk.model) if chunk.model else start.model,
                start.provider,
                str(chunk.id) if chunk.id else start.id,
                start.request_id,
                start.continues,
            )
        )

    def _begin_at_last(self, out: list[Event]) -> None:
        """An answer without a choice: only a prompt that Azure's filter stopped may look like that."""
        if not self._extra.blocked_prompt():
            raise InvalidResponseError("The response holds no choice.")
        self._started = True
        out.append(self._start)

    def _delta(self, delta: Delta, logprobs: Any, out: list[Event]) -> None:
        thinking = delta.reasoning_content or delta.reasoning or delta.tool_plan
        if thinking:
            self._by_field = True
            self._think(text_of(thinking), out)
        if delta.reasoning_details:
            words = self._details.add(delta.reasoning_details)
            if words and not self._by_field:  # else the same words came in `reasoning`
                self._think(words, out)
        content = delta.content
        if logprobs is not None:
            self._say_with(content, read_logprobs(logprobs), out)
        elif content:
            self._say(content, out)
        if delta.tool_calls:
            self._call(delta.tool_calls, out)
        if (
            delta.refusal
            or delta.function_call
            or delta.annotations
            or delta.images
            or delta.audio
            or delta.extra_content
            or delta.executed_tools
        ):
            self._rest(delta, out)

    def _think(self, text: str, out: list[Event]) -> None:
        if not self._thought:
            self._thought = True
            if self._tags is not None:
                self._pieces(self._tags.settle(), None, out)
        if text:
            out.append(ThinkingDelta(text, THINKING))

    def _say(self, content: Any, out: list[Event]) -> None:
        if content.__class__ is str:
            if self._tags is None:
                out.append(TextDelta(content, TEXT))
            else:
                self._pieces(self._tags.feed(content), None, out)
            return
        for kind, piece in read_content(content):
            match kind:
                case "text":
                    if piece:
                        self._say(piece, out)
                case "thinking":
                    self._think(piece, out)
                case "refusal":
                    self._refusal.append(piece)
                case "annotation":
                    out.append(TextDelta("", TEXT, annotations=(piece,)))
                case "image":
                    self._add(piece, out)

    def _say_with(self, content: Any, logprobs: tuple[Any, ...] | None, out: list[Event]) -> None:
        if logprobs is None or (content and content.__class__ is not str):
            if content:
                self._say(content, out)
            if logprobs is not None:
                out.append(TextDelta("", TEXT, logprobs))
        elif self._tags is None:
            out.append(TextDelta(content or "", TEXT, logprobs))
        else:
            self._pieces(self._tags.feed(content or ""), logprobs, out)

    def _pieces(self, pieces: list[Any], logprobs: tuple[Any, ...] | None, out: list[Event]) -> None:
        for kind, text in pieces:
            if kind == "thinking":
                out.append(ThinkingDelta(text, THINKING))
            else:
                out.append(TextDelta(text, TEXT, logprobs))
                logprobs = None
        if logprobs:
            out.append(TextDelta("", TEXT, logprobs))

    def _call(self, calls: list[Call | None], out: list[Event]) -> None:
        if self._calls is None:
            self._calls = Calls(f"{self._seed}\0{self._id}", self._names)
        for call in calls:
            if call is not None:
                self._calls.feed(call, out)

    def _rest(self, delta: Delta, out: list[Event]) -> None:
        if delta.refusal:
            self._refusal.append(text_of(delta.refusal))
        older = delta.function_call
        if older is not None and (older.name or older.arguments):
            self._call([Call(index=0, function=older)], out)
        if delta.annotations:
            found = delta.annotations if isinstance(delta.annotations, list) else [delta.annotations]
            out.append(TextDelta("", TEXT, annotations=tuple(found)))
        for item in delta.images if isinstance(delta.images, list) else ():
            image = read_image(item)
            if image is not None:
                self._add(image, out)
        if delta.audio:
            self._audio = self._audio or AudioPieces()
            self._audio.add(delta.audio)
        if delta.extra_content:
            self._extra.add("extra_content", delta.extra_content)
        if delta.executed_tools:
            self._extra.extend("executed_tools", delta.executed_tools)

    def _add(self, content: Any, out: list[Event]) -> None:
        out.append(PartAdded(self._media, content))
        self._media += 1

    def _aside(self, chunk: Chunk, out: list[Event]) -> None:
        """A chunk without a choice: usage, or what a filter says of the prompt."""
        self._extra.keep(chunk)
        if chunk.usage is not None:
            self._count(chunk.usage, out)
        elif chunk.x_groq is not None:
            self._aside_groq(chunk, out)

    def _aside_groq(self, chunk: Chunk, out: list[Event]) -> None:
        if isinstance(chunk.x_groq, dict):
            self._count(chunk.x_groq.get("usage"), out)

    def _count(self, stated: Any, out: list[Event]) -> None:
        usage = read_usage(stated)
        if usage is None:
            return
        if isinstance(stated, dict) and stated.get("cost") is not None:
            self._extra.add("cost", stated["cost"])  # OpenRouter's, in dollars
        if usage != self._usage:
            self._usage = usage
            out.append(UsageUpdate(usage))
