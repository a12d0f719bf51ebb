"""Arguments of a call that stream value by value (`streamFunctionCallArguments`; API reference, "PartialArg").

Each piece names a place (`$.trip.stops[0]`) and holds a value for it; pieces of one string follow each other.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")


class PartialArg(Struct, rename="camel"):
    """A piece of the arguments."""

    json_path: str = "$"
    string_value: str | UnsetType = UNSET
    number_value: float | UnsetType = UNSET
    bool_value: bool | UnsetType = UNSET
    null_value: Any = UNSET


class PartialArguments:
    """The arguments so far."""

    def __init__(self) -> None:
        self._value: dict[str, Any] = {}

    def add(self, piece: PartialArg) -> None:
        """One more piece; a place that cannot be understood is left out."""
        steps: list[Any] = [
            int(step[2]) if step[2] is not None else step[1] or step[3] or step[4]
            for step in _STEP.finditer(piece.json_path)
        ]
        if not steps:
            return
        holder: Any = self._value
        for step, after in pairwise(steps):
            holder = _inner(holder, step, [] if isinstance(after, int) else {})
        if not isinstance(holder, dict | list) or isinstance(holder, list) != isinstance(steps[-1], int):
            return
        last = steps[-1]
        before = _inner(holder, last, None)
        value = _value_of(piece)
        holder[last] = before + value if isinstance(before, str) and isinstance(value, str) else value

    def text(self) -> str:
        """The arguments as the text of a JSON object."""
        return msgspec.json.encode(self._value).decode()


def _inner(holder: Any, step: Any, empty: Any) -> Any:
    """What `holder` has at `step`, put there when it has nothing yet."""
    if isinstance(holder, list) and isinstance(step, int):
        holder.extend(None for _ in range(step + 1 - len(holder)))
        if holder[step] is None:
            holder[step] = empty
        return holder[step]
    return holder.setdefault(step, empty) if isinstance(holder, dict) else None


def _value_of(piece: PartialArg) -> Any:
    if piece.string_value is not UNSET:
        return piece.string_value
    if piece.bool_value is not UNSET:
        return piece.bool_value
    if piece.number_value is not UNSET:
        number = piece.number_value
        return int(number) if float(number).is_integer() else number
    return None
