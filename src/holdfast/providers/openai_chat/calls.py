"""Tool calls out of their pieces: complete JSON objects with unique ids, in order, or a typed error.

Pieces are told apart by index, else by id, else by the name that begins a call. Arguments that stream as they should
are passed on at once; those that may need a repair (`holdfast.providers.arguments`) wait for the end.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

import msgspec

from holdfast.errors import ContentFilterError, InvalidResponseError, ModelError
from holdfast.events import Event, ToolCallDelta, ToolCallStart
from holdfast.providers.arguments import arguments_text
from holdfast.providers.openai_chat.names import Names
from holdfast.providers.openai_chat.wire import ORIGIN, Call, Function

FIRST_PART: Final = 2
"""The part number of the first call; thinking and text come before."""

_LIMIT: Final = 4096  # calls in one answer; an index beyond it is no index
_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


def is_object(text: str) -> bool:
    """Whether `text` is one whole JSON object."""
    try:
        _object(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return False
    return True


class _Slot:
    """One call in the making."""

    __slots__ = ("custom", "held", "id", "name", "part", "pieces", "shown", "signature")

    def __init__(self, part: int) -> None:
        self.part = part
        self.id = ""
        self.name = ""
        self.signature: str | None = None
        self.pieces: list[str] = []
        self.shown = False  # whether its start was given out
        self.held = False  # whether its arguments wait for the end, to be repaired
        self.custom = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Calls:
    """Joins the calls of one answer.

    Args:
        seed: what ids are made of for calls that come without one; the same seed gives the same ids.
        names: our names of the tools.
    """

    def __init__(self, seed: str, names: Names) -> None:
        self._seed = seed
        self._names = names
        self._slots: list[_Slot] = []
        self._by_index: dict[int, _Slot] = {}
        self._ids: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._slots)

    def feed(self, call: Call, out: list[Event]) -> None:
        """Take a piece; what it adds is appended to `out`."""
        function = call.function
        if function is None:
            function = _of_custom(call)
        if function.name is None and call.id is None and self._goes_on(call.index, function.arguments, out):
            return
        arguments = _text(function.arguments)
        slot = self._slot(call, function, arguments)
        if slot is None:
            return
        if slot.shown and not slot.held:
            _pass_on(slot, arguments, out)
            return
        self._learn(slot, call, function)
        if arguments:
            self._begin(slot, arguments, out)

    def close(self, reason: str, out: list[Event]) -> None:
        """Finish all calls.

        Raises:
            ContentFilterError: a filter cut the arguments of a call.
            InvalidResponseError: the arguments of a call are not the text of a JSON object.
        """
        for slot in self._slots:
            self._close(slot, reason, out)

    def _goes_on(self, index: Any, arguments: Any, out: list[Event]) -> bool:
        """Take what nearly every piece is: more text for the call with this index."""
        slot = self._by_index.get(index) if index.__class__ is int else None
        if slot is None or slot.held or not slot.shown or arguments.__class__ is not str:
            return False
        _pass_on(slot, arguments, out)
        return True

    def _slot(self, call: Call, function: Function, arguments: str) -> _Slot | None:
        index = call.index if isinstance(call.index, int) and 0 <= call.index < _LIMIT else None
        given = _id(call.id)
        slot = self._by_index.get(index) if index is not None else self._without_index(given, function.name)
        if slot is not None and _another(slot, given, function.name, arguments):
            slot = next((other for other in self._slots if given and other.id == given), None)
        if slot is None:
            if not (given or function.name or arguments):
                return None
            slot = self._add(index)
        if index is not None:
            self._by_index[index] = slot
        return slot

    def _without_index(self, given: str, name: str | None) -> _Slot | None:
        known = next((slot for slot in self._slots if given and slot.id == given), None)
        if known is not None or not self._slots:
            return known
        last = self._slots[-1]
        begins = bool(given and last.id) or bool(name and last.name and (name != last.name or is_object(last.text)))
        return None if begins else last

    def _add(self, index: int | None) -> _Slot:
        part = FIRST_PART + (index if index is not None else len(self._slots))
        if any(slot.part == part for slot in self._slots):
            part = max(slot.part for slot in self._slots) + 1
        slot = _Slot(part)
        self._slots.append(slot)
        return slot

    def _learn(self, slot: _Slot, call: Call, function: Function) -> None:
        slot.custom = slot.custom or call.custom is not None
        slot.signature = slot.signature or _signature(call.extra_content)
        if slot.shown:
            return
        slot.id = slot.id or _id(call.id)
        if function.name and function.name != slot.name:
            slot.name += function.name  # some servers stream the name, too

    def _begin(self, slot: _Slot, arguments: str, out: list[Event]) -> None:
        first = not slot.pieces
        slot.pieces.append(arguments)
        if not slot.name:
            slot.held = True
            return
        if first:
            # A whole object may be a place holder or come again, and a fence has to go: these wait for the end.
            slot.held = slot.custom or arguments.lstrip()[:1] != "{" or is_object(arguments)
        self._show(slot, out)
        if not slot.held:
            out.append(ToolCallDelta(slot.part, arguments))

    def _show(self, slot: _Slot, out: list[Event]) -> None:
        if slot.shown:
            return
        slot.shown = True
        if not slot.id or slot.id in self._ids:
            slot.id = self._make_id(slot)
        self._ids.add(slot.id)
        origin = ORIGIN if slot.signature else None
        name = self._names.ours(slot.name)
        out.append(ToolCallStart(slot.part, slot.id, name, signature=slot.signature, origin=origin))

    def _make_id(self, slot: _Slot) -> str:
        digest = blake2b(f"{self._seed}\0{slot.part}\0{slot.name}".encode("utf-8", "replace"), digest_size=12)
        return f"call_{digest.hexdigest()}"

    def _close(self, slot: _Slot, reason: str, out: list[Event]) -> None:
        if not slot.name:
            raise InvalidResponseError("A tool call has no name.", raw=slot.text)
        text = slot.text
        if slot.custom:
            text = msgspec.json.encode({"input": text}).decode()
        elif slot.held or not is_object(text):
            text = _checked(slot, text, reason)
        self._show(slot, out)
        if slot.held or not slot.pieces:
            out.append(ToolCallDelta(slot.part, text))


def _pass_on(slot: _Slot, arguments: str, out: list[Event]) -> None:
    if arguments:
        slot.pieces.append(arguments)
        out.append(ToolCallDelta(slot.part, arguments))


def _checked(slot: _Slot, text: str, reason: str) -> str:
    try:
        repaired = arguments_text(text)
    except InvalidResponseError as error:
        raise _cut(slot, error, reason) from error
    if slot.held or not slot.pieces:
        return repaired
    # What was passed on already cannot be taken back.
    raise _cut(slot, InvalidResponseError("The arguments of a tool call are not one JSON object.", raw=text), reason)


def _cut(slot: _Slot, error: InvalidResponseError, reason: str) -> ModelError:
    where = f"Tool call {slot.name!r}"
    match reason:
        case "length" | "context_length":
            return InvalidResponseError(f"{where} was cut by the token limit.", raw=error.raw, code=reason)
        case "content_filter":
            return ContentFilterError(f"{where} was cut by a content filter.", raw=error.raw, scope="response")
        case _:
            return InvalidResponseError(f"{where}: {error.message}", raw=error.raw)


def _another(slot: _Slot, given: str, name: str | None, arguments: str) -> bool:
    """Whether a piece with the index of `slot` begins another call (some servers give every call the index 0)."""
    if not name or not slot.name:
        return False
    if given and slot.id and given != slot.id:
        return is_object(slot.text) or (not slot.pieces and name != slot.name)
    return not given and bool(arguments) and name != slot.name and is_object(slot.text)


def _of_custom(call: Call) -> Function:
    return Function(call.custom.name, call.custom.input) if call.custom else Function()


def _text(arguments: Any) -> str:
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else msgspec.json.encode(arguments).decode()


def _id(given: Any) -> str:
    # Mistral's streams begin with the id "null".
    return "" if given is None or given == "null" else str(given)


def _signature(extra: Any) -> str | None:
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    return signature if isinstance(signature, str) else None
