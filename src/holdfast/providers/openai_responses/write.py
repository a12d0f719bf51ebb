"""Our events as a Responses stream.

The order of events, their names and their sequence numbers are the API's (reference, "Streaming events"): an item is
added, its pieces are added and grow. They are all done when the answer is: what belongs to an item (a citation, the
encrypted form of reasoning) may come as late as that.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast.errors import ModelError
from holdfast.events import (
    Event,
    Finish,
    PartAdded,
    ResponseStart,
    Restart,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
)
from holdfast.messages import AssistantPart, Image, Opaque, Text, Thinking, ToolCall
from holdfast.providers.codec import Headers, ServedRequest
from holdfast.providers.openai_responses.output import (
    awaits_picture,
    finished_object,
    opened_object,
    output_items,
    owned,
    refusal_item,
    short_name,
)
from holdfast.providers.openai_responses.pieces import (
    Told,
    pieces_done,
    reasoning_begins,
    refusal_begins,
    summary_begins,
    text_begins,
)
from holdfast.providers.openai_responses.refuse import error_object
from holdfast.providers.openai_responses.rest import rest_from
from holdfast.providers.openai_responses.wire import CUSTOM_CALL, ORIGIN, RAW_REASONING
from holdfast.providers.sse import encode_event
from holdfast.response import Fold

_EMPTIED: Final[dict[str, dict[str, Any]]] = {
    "message": {"content": [], "status": "in_progress"},
    "reasoning": {"summary": []},
    "function_call": {"arguments": "", "status": "in_progress"},
    "custom_tool_call": {"input": ""},
}
"""What an item says of itself when it is added: nothing yet."""


class _Item(Struct):
    """An output item that was added: what keeps its pieces together, and the numbers of its parts."""

    index: int
    id: str
    key: Any
    parts: list[int]
    texts: int = 0
    raws: int = 0


class ResponsesWriter:
    """Writes one streamed answer. A `Restart`, which this wire cannot tell, ends the stream with its error."""

    def __init__(self, served: ServedRequest) -> None:
        self.headers: Headers = {"content-type": "text/event-stream; charset=utf-8"}
        self._served = served
        self._fold = Fold()
        self._sequence = 0
        self._items: list[_Item] = []
        self._of: dict[int, _Item] = {}
        self._numbers: set[int] = set()
        self._places: dict[int, int] = {}
        self._raw: dict[int, bool] = {}
        self._name = "0"
        self._awaited = False
        self._over = False

    def feed(self, event: Event) -> bytes:
        """The bytes that tell of this event."""
        if self._over:
            return b""
        self._fold.add(event)
        if isinstance(event, TextDelta | ThinkingDelta | ToolCallStart | PartAdded):
            self._numbers.add(event.part)
        match event:
            case ResponseStart():
                return self._start(event)
            case TextDelta():
                return self._text(event)
            case ThinkingDelta():
                return self._thinking(event)
            case ToolCallStart():
                return self._call(event)
            case ToolCallDelta():
                return self._arguments(event)
            case PartAdded():
                return self._added(event)
            case Restart():
                return self.error(event.reason)
            case Finish():
                return self._finish()
            case _:
                return b""

    def error(self, error: ModelError) -> bytes:
        """The `error` event."""
        self._over = True
        said = error_object(error)
        # The reference has the fields at the top; the API sends them nested, and only that is an error to the SDK.
        return self._say("error", code=said["code"], message=said["message"], param=None, error=said)

    def close(self) -> bytes:
        """The API ends its streams without a mark of their own."""
        return b""

    def _tell(self, told: Told) -> bytes:
        kind, fields = told
        return self._say(kind, **fields)

    def _say(self, kind: str, **fields: Any) -> bytes:
        data = msgspec.json.encode({"type": kind, "sequence_number": self._sequence, **fields})
        self._sequence += 1
        return encode_event(data, kind)

    def _start(self, event: ResponseStart) -> bytes:
        self._name = short_name(event.id)
        response = opened_object(event.id, event.model or self._served.model)
        return self._say("response.created", response=response) + self._say("response.in_progress", response=response)

    def _item(self, number: int, key: Any, part: AssistantPart) -> bytes:
        last = self._items[-1] if self._items else None
        if last is not None and last.key == key:
            last.parts.append(number)
            self._of[number] = last
            return b""
        name = f"{self._name}_{number}"
        data = output_items([owned(part, name)], name)[0]
        item = self._of[number] = _Item(len(self._items), data.get("id") or "", key, [number])
        self._items.append(item)
        begun = {name: value for name, value in data.items() if name not in ("encrypted_content", "result")}
        begun |= _EMPTIED.get(data["type"], {})
        return self._say("response.output_item.added", output_index=item.index, item=begun)

    def _place(self, number: int, *, raw: bool) -> int:
        """The index of a piece within its item, in the order in which pieces began to have words."""
        place = self._places.get(number)
        if place is None:
            item = self._of[number]
            place = self._places[number] = item.raws if raw else item.texts
            item.raws, item.texts = item.raws + raw, item.texts + (not raw)
        return place

    def _text(self, event: TextDelta) -> bytes:
        said = b""
        if event.part not in self._of:
            part = Text("", (), event.id, event.signature, event.origin)
            said = self._item(event.part, (Text, event.id or event.part), part)
        begins = event.part not in self._places
        item, place = self._of[event.part], self._place(event.part, raw=False)
        where = {"item_id": item.id, "output_index": item.index, "content_index": place}
        if begins:
            said += self._tell(text_begins(where))
        if event.text or event.logprobs:
            logprobs = list(event.logprobs or ())
            said += self._say("response.output_text.delta", **where, delta=event.text, logprobs=logprobs)
        for number, annotation in enumerate(event.annotations or ()):
            fields = {**where, "annotation_index": number, "annotation": annotation}
            said += self._say("response.output_text.annotation.added", **fields)
        return said

    def _thinking(self, event: ThinkingDelta) -> bytes:
        said = b""
        raw = event.signature == RAW_REASONING or self._raw.get(event.part, False)
        self._raw[event.part] = raw
        if event.part not in self._of:
            part = Thinking("", event.id, event.signature, None, event.origin)
            said = self._item(event.part, (Thinking, event.id or event.part), part)
        if not event.text:
            return said
        begins = event.part not in self._places
        item, place = self._of[event.part], self._place(event.part, raw=raw)
        where = {"item_id": item.id, "output_index": item.index, "content_index" if raw else "summary_index": place}
        if begins:
            said += self._tell(reasoning_begins(where) if raw else summary_begins(where))
        kind = "response.reasoning_text.delta" if raw else "response.reasoning_summary_text.delta"
        return said + self._say(kind, **where, delta=event.text)

    def _arguments(self, event: ToolCallDelta) -> bytes:
        item = self._of[event.part]
        if item.key[1] == CUSTOM_CALL:  # its input can be told only when it is whole
            return b""
        where = {"item_id": item.id, "output_index": item.index}
        return self._say("response.function_call_arguments.delta", **where, delta=event.arguments)

    def _call(self, event: ToolCallStart) -> bytes:
        call = ToolCall(event.id, event.name, "{}", event.item_id, event.signature, event.origin)
        kind = rest_from(event.signature).get("type") if event.origin == ORIGIN else None
        return self._item(event.part, (ToolCall, kind, event.part), call)

    def _added(self, event: PartAdded) -> bytes:
        content = event.content
        awaited, self._awaited = self._awaited, awaits_picture(content)
        if isinstance(content, Image) and awaited and self._items[-1].key[0] is Opaque:
            return self._item(event.part, self._items[-1].key, content)
        if isinstance(content, Image) or (isinstance(content, Opaque) and content.origin == ORIGIN):
            return self._item(event.part, (Opaque, event.part), content)
        return b""

    def _finish(self) -> bytes:
        self._over = True
        response = self._fold.response()
        parts = dict(zip(sorted(self._numbers), response.parts, strict=True))
        said, output = b"", []
        for item in self._items:
            name = f"{self._name}_{item.parts[0]}"
            data = output_items([owned(parts[number], name) for number in item.parts], name)[0]
            output.append(data)
            said += self._done(item.index, data)
        if refusal := response.extra.get("refusal"):
            output.append(refusal_item(refusal, self._name))
            said += self._refusal(len(output) - 1, output[-1])
        whole = finished_object(response, self._served, output)
        return said + self._say(f"response.{whole['status']}", response=whole)

    def _refusal(self, index: int, item: dict[str, Any]) -> bytes:
        where = {"item_id": item["id"], "output_index": index, "content_index": 0}
        return (
            self._say("response.output_item.added", output_index=index, item={**item, "content": []})
            + self._tell(refusal_begins(where))
            + self._say("response.refusal.delta", **where, delta=item["content"][0]["refusal"])
            + self._done(index, item)
        )

    def _done(self, index: int, item: dict[str, Any]) -> bytes:
        said = b"".join(map(self._tell, pieces_done(index, item)))
        return said + self._say("response.output_item.done", output_index=index, item=item)
