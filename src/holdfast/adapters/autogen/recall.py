"""What AutoGen's history does not keep of an answer: signed thinking, the ids of items, words beside calls."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, TypeAlias

from autogen_core import FunctionCall

from holdfast.messages import AssistantPart
from holdfast.response import Response

_Key: TypeAlias = tuple[tuple[str, str, str], ...]

_BOUND: Final = 1000


class Recall:
    """Remembers the latest answers that called tools, by their calls.

    Gemini and Anthropic check the signatures of a turn as long as its calls are open, and AutoGen has no field for
    them. A history from elsewhere, or an older one, goes without.
    """

    def __init__(self) -> None:
        self._parts: OrderedDict[_Key, tuple[AssistantPart, ...]] = OrderedDict()

    def keep(self, response: Response) -> None:
        """Remember an answer, if it calls tools and said more than that."""
        if not response.tool_calls:
            return
        key = tuple((call.id, call.name, call.arguments) for call in response.tool_calls)
        self._parts[key] = response.parts
        self._parts.move_to_end(key)
        if len(self._parts) > _BOUND:
            self._parts.popitem(last=False)

    def __call__(self, calls: Sequence[FunctionCall]) -> tuple[AssistantPart, ...] | None:
        """The parts of the answer that made these calls, if it is remembered."""
        return self._parts.get(tuple((call.id, call.name, call.arguments) for call in calls))
