"""What a provider says beside its answer: kept in its own form, for `Finish.extra`."""

from __future__ import annotations

from typing import Any, Final

from holdfast.providers.openai_chat.finish import filtered_categories
from holdfast.providers.openai_chat.wire import Choice, Chunk

TOP: Final = (
    "prompt_filter_results",
    "system_fingerprint",
    "service_tier",
    "provider",
    "citations",
    "search_results",
    "related_questions",
    "moderation",
)
"""The fields of a chunk or body that are kept."""

BESIDE: Final = ("content_filter_results", "content_filter_offsets", "native_finish_reason")
"""The fields of a choice that are kept."""


class Extras:
    """Collects what stands beside one answer."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}
        self._filters: dict[str, Any] = {}

    def add(self, name: str, value: Any) -> None:
        """Keep a value."""
        self._found[name] = value

    def extend(self, name: str, values: Any) -> None:
        """Keep more values of a list."""
        if isinstance(values, list):
            self._found.setdefault(name, []).extend(values)

    def keep(self, chunk: Chunk) -> None:
        """Keep what stands on the top of a chunk or body."""
        for name in TOP:
            value = getattr(chunk, name)
            if value:
                self._found[name] = value
        if chunk.prompt_annotations:  # an older name at Azure
            self._found["prompt_filter_results"] = chunk.prompt_annotations

    def annotate(self, choice: Choice) -> None:
        """Keep what stands beside a delta or message."""
        if isinstance(choice.content_filter_results, dict):
            self._filters.update(_worse(self._filters, choice.content_filter_results))
        if choice.content_filter_offsets:
            self._found["content_filter_offsets"] = choice.content_filter_offsets
        if choice.native_finish_reason:
            self._found["native_finish_reason"] = choice.native_finish_reason

    def blocked_prompt(self) -> bool:
        """Whether Azure's filter stopped the prompt; its categories are then kept, too."""
        categories = filtered_categories(self._found.get("prompt_filter_results"))
        if categories:
            self._found |= {"categories": categories, "block_reason": "content_filter"}
        return bool(categories)

    def told(self, refusal: str) -> dict[str, Any]:
        """All of it, with the words of a refusal, if there are any."""
        if self._filters:
            self._found["content_filter_results"] = self._filters
            categories = filtered_categories(self._filters)
            if categories:
                self._found["categories"] = categories
        if refusal:
            self._found["refusal"] = refusal
        return self._found


def _worse(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The new annotations, without those that would hide that a category was filtered before."""
    return {
        name: value
        for name, value in new.items()
        if not (isinstance(known.get(name), dict) and known[name].get("filtered") is True)
    }
