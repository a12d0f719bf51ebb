"""One answer in the making: output items and their pieces become events, each exactly once.

The wire says everything up to four times (deltas, the piece when done, the item when done, the whole response at the
end), and compatible servers leave out any of the first three. So every piece remembers how much of it was told, and
each repetition adds only what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from holdfast.events import (
    Event,
    Finish,
    PartAdded,
    ResponseStart,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
)
from holdfast.messages import Opaque
from holdfast.providers.openai_responses import finish
from holdfast.providers.openai_responses.item import (
    Item,
    Kind,
    Piece,
    is_call,
    picture_of,
    repaired,
    trailing,
    unique,
)
from holdfast.providers.openai_responses.rest import custom_arguments, rest_of
from holdfast.providers.openai_responses.wire import ORIGIN, RAW_REASONING, Body


class Answer:
    """Takes what the wire tells, in any order and as often as it likes, and gives the events that are new."""

    def __init__(self, provider: str | None, request_id: str | None) -> None:
        self.provider = provider
        self.request_id = request_id
        self.started = False
        self._items: dict[int, Item] = {}
        self._pieces: dict[tuple[int, Kind, int], Piece] = {}
        self._parts = 0
        self._refusal: list[str] = []
        self._calls: set[str] = set()

    def start(self, body: Body) -> Iterator[Event]:
        """The answer begins."""
        if not self.started:
            self.started = True
            yield ResponseStart(body.model, self.provider, body.id, self.request_id)

    def add_item(self, index: int, data: dict[str, Any]) -> Iterator[Event]:
        """An item begins."""
        index = self._index_of(index, data)
        if index in self._items:
            return
        item = self._items[index] = Item(index, data, self._parts)
        self._parts += 2 if data.get("type") == "image_generation_call" else 1  # the item and its picture
        if is_call(data) and data.get("name"):
            yield from self._open_call(item)

    def text(self, index: int, content: int, delta: str, logprobs: list[Any] | None = None) -> Event | None:
        """More words of a text."""
        piece = self._pieces.get((index, "text", content))
        said = tuple(logprobs) if logprobs else None
        if piece is not None:
            piece.length += len(delta)
            piece.logprobs += len(said) if said else 0
            return TextDelta(delta, piece.part, said) if delta or said else None
        if not delta:
            return None
        item, piece = self._open(index, "text", content)
        piece.length = len(delta)
        piece.logprobs = len(said) if said else 0
        item.rest = rest_of(item.data)
        return TextDelta(delta, piece.part, said, None, item.id, item.rest, ORIGIN)

    def thinking(self, index: int, kind: Kind, number: int, delta: str) -> Event | None:
        """More reasoning: `kind` is "summary" or "raw"."""
        piece = self._pieces.get((index, kind, number))
        if not delta:
            return None
        if piece is not None:
            piece.length += len(delta)
            return ThinkingDelta(delta, piece.part)
        item, piece = self._open(index, kind, number)
        piece.length = len(delta)
        return ThinkingDelta(delta, piece.part, item.id, RAW_REASONING if kind == "raw" else None, None, ORIGIN)

    def arguments(self, index: int, delta: str) -> Event | None:
        """More arguments; those of a call whose name is not known yet come with the item."""
        piece = self._pieces.get((index, "arguments", 0))
        if piece is None or not delta:
            return None
        piece.length += len(delta)
        return ToolCallDelta(piece.part, delta)

    def refusal(self, index: int, content: int, delta: str) -> Event | None:
        """More words of a refusal; they are told at the end, in the `Finish`."""
        piece = self._pieces.get((index, "refusal", content)) or self._open(index, "refusal", content)[1]
        piece.length += len(delta)
        self._refusal.append(delta)
        return None

    def annotation(self, index: int, content: int, annotation: Any) -> Event:
        """A citation."""
        piece = self._pieces.get((index, "text", content))
        if piece is not None:
            piece.annotations += 1
            return TextDelta("", piece.part, None, (annotation,))
        item, piece = self._open(index, "text", content)
        piece.annotations = 1
        item.rest = rest_of(item.data)
        return TextDelta("", piece.part, None, (annotation,), item.id, item.rest, ORIGIN)

    def missing(self, index: int, kind: Kind, number: int, whole: Any) -> Event | None:
        """What of a piece has not been told yet, now that it is whole."""
        piece = self._pieces.get((index, kind, number))
        if not isinstance(whole, str):
            raise TypeError(f"a piece of kind {kind!r} is no text")
        rest = whole[piece.length :] if piece is not None else whole
        match kind:
            case "text":
                return self.text(index, number, rest)
            case "arguments":
                return self.arguments(index, rest)
            case "refusal":
                return self.refusal(index, number, rest) if rest else None
            case _:
                return self.thinking(index, kind, number, rest)

    def close_item(self, index: int, data: dict[str, Any]) -> Iterator[Event]:
        """An item is complete: whatever was not told of it is told now."""
        index = self._index_of(index, data)
        yield from self.add_item(index, data)
        item = self._items[index]
        if item.done:
            return
        item.done = True
        item.data = {**item.data, **data}
        match item.type:
            case "message":
                yield from self._close_message(item)
            case "reasoning":
                yield from self._close_reasoning(item)
            case "function_call":
                yield from self._close_call(item, data.get("arguments") or "")
            case "custom_tool_call":
                yield from self._close_call(item, custom_arguments(data.get("input") or ""))
            case "image_generation_call":
                yield from self._close_image(item)
            case _:
                yield PartAdded(item.part, Opaque(ORIGIN, item.data))

    def end(self, body: Body) -> Iterator[Event]:
        """The response is over: what no item event told comes first, then the `Finish`."""
        yield from self.start(body)
        for index, data in self._unseen(body.output or []):
            yield from self.close_item(index, data)
        refusal = "".join(self._refusal)
        reason, raw = finish.finish_reason(body, calls=bool(self._calls), refused=bool(refusal))
        yield Finish(reason, raw, finish.usage(body.usage), extra=finish.said_besides(body, refusal))

    def _index_of(self, index: int, data: dict[str, Any]) -> int:
        """The item's index, made up where a server gives the same one to several."""
        known = self._items.get(index)
        named = data.get("type"), data.get("id")
        if known is None or (known.type == named[0] and (known.id == named[1] or not known.done)):
            return index
        return next(
            (item.index for item in self._items.values() if (item.type, item.id) == named), max(self._items) + 1
        )

    def _unseen(self, output: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
        """The items of the final response that are not complete here yet, with the index that they have here.

        They are matched by type and order: ids (OpenRouter) and indexes may differ from those of the stream.
        """
        here: dict[Any, list[Item]] = {}
        for _, item in sorted(self._items.items()):
            here.setdefault(item.type, []).append(item)
        free = max(self._items, default=-1) + 1
        for data in output:
            known = here.get(data.get("type"))
            if not known:
                yield free, data
                free += 1
            elif not (item := known.pop(0)).done:
                yield item.index, data

    def _open(self, index: int, kind: Kind, number: int) -> tuple[Item, Piece]:
        item = self._items.get(index)
        if item is None:
            kind_of_item = "reasoning" if kind in ("summary", "raw") else "message"
            item = self._items[index] = Item(index, {"type": kind_of_item}, self._parts)
            self._parts += 1
        part = item.part
        if item.pieces:
            part = self._parts
            self._parts += 1
        item.pieces += 1
        piece = self._pieces[index, kind, number] = Piece(part)
        return item, piece

    def _open_call(self, item: Item) -> Iterator[Event]:
        data = item.data
        _, piece = self._open(item.index, "arguments", 0)
        name = data.get("name")
        if not isinstance(name, str) or not name:
            raise TypeError("a call names no function")
        call_id = unique(str(data.get("call_id") or data.get("id") or f"call_{item.index}"), self._calls)
        self._calls.add(call_id)
        yield ToolCallStart(piece.part, call_id, name, item.id, rest_of(data), ORIGIN)

    def _close_message(self, item: Item) -> Iterator[Event]:
        rest = rest_of(item.data)
        for number, part in enumerate(item.data.get("content") or ()):
            if part.get("type") == "refusal":
                self.missing(item.index, "refusal", number, part.get("refusal") or "")
                continue
            if event := self.missing(item.index, "text", number, part.get("text") or ""):
                yield event
            piece = self._pieces.get((item.index, "text", number))
            if piece is not None and (event := trailing(piece, part, rest if rest != item.rest else None)):
                yield event

    def _close_reasoning(self, item: Item) -> Iterator[Event]:
        told: tuple[tuple[Kind, str], ...] = (("summary", "summary"), ("raw", "content"))
        for kind, name in told:
            for number, part in enumerate(item.data.get(name) or ()):
                if event := self.missing(item.index, kind, number, part.get("text") or ""):
                    yield event
        data = item.data.get("encrypted_content") or None
        if data is not None and not isinstance(data, str):
            raise TypeError("encrypted_content is no text")
        if data or not item.pieces:
            yield ThinkingDelta("", item.part, item.id, None, data, ORIGIN)

    def _close_call(self, item: Item, arguments: str) -> Iterator[Event]:
        if (item.index, "arguments", 0) not in self._pieces:
            yield from self._open_call(item)
        piece = self._pieces[item.index, "arguments", 0]
        whole = arguments if piece.length else repaired(arguments)
        if event := self.missing(item.index, "arguments", 0, whole):
            yield event

    def _close_image(self, item: Item) -> Iterator[Event]:
        """The picture is a part of its own; the item is kept without it, and gets it back when it is sent."""
        picture = picture_of(item.data)
        if picture is None:
            yield PartAdded(item.part, Opaque(ORIGIN, item.data))
            return
        yield PartAdded(item.part, Opaque(ORIGIN, {**item.data, "result": None}))
        yield PartAdded(item.part + 1, picture)
