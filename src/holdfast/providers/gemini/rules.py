"""What Gemini accepts of a history."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from holdfast.providers.codec import Dialect
from holdfast.providers.gemini.thinking import has_levels
from holdfast.providers.gemini.wire import ORIGIN
from holdfast.providers.rules import ALL_KINDS, HistoryRules, Kind

_IMAGES: Final[frozenset[Kind]] = frozenset(("image", "image_url", "image_file"))
_INLINE: Final[frozenset[Kind]] = frozenset(("image", "audio", "document", "document_text"))

RULES: Final = HistoryRules(
    origin=ORIGIN,
    system="first",
    alternating=True,  # "function call turn comes immediately after a user turn or after a function response turn"
    user_first=True,
    empty=False,
    user=ALL_KINDS,
    assistant=_INLINE,
    names=False,
    signed_texts=True,
    thinking="own",
)


def rules_for(dialect: Dialect, model: str) -> HistoryRules:
    """The rules for this model; only since Gemini 3 may results hold files (docs, "Multimodal function responses")."""
    results = ALL_KINDS if has_levels(model) else frozenset[Kind]()
    if dialect.images:
        return replace(RULES, results=results)
    return replace(RULES, user=ALL_KINDS - _IMAGES, assistant=_INLINE - _IMAGES, results=results - _IMAGES)
