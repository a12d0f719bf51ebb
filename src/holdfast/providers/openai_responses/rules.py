"""What the Responses API accepts of a history."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from holdfast.providers.codec import Dialect
from holdfast.providers.openai_responses.wire import ORIGIN
from holdfast.providers.rules import HistoryRules, Kind

_FILES: Final[frozenset[Kind]] = frozenset(("document", "document_text", "document_url", "document_file"))
_IMAGES: Final[frozenset[Kind]] = frozenset(("image", "image_url", "image_file"))

RULES: Final = HistoryRules(
    origin=ORIGIN,
    empty=False,
    user=_FILES | _IMAGES,
    assistant=frozenset(("image",)),  # made by its own image tool; `input.py` says what becomes of others
    results=_FILES | _IMAGES,
    names=False,
    tool_id=r"[\s\S]{1,64}",  # "string too long. Expected a string with maximum length 64" (API error for call_id)
    tool_id_length=24,
    thinking="own",
)


def rules_for(dialect: Dialect) -> HistoryRules:
    """The rules at this endpoint."""
    if dialect.images:
        return RULES
    return replace(RULES, user=_FILES, results=_FILES)
