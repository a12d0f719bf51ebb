"""Names of providers and models on both sides. Pydantic AI computes prices by the names that genai-prices knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

NOTES: Final = "holdfast"
"""The key of `provider_details` and `metadata` under which our own facts stand."""

_PROVIDERS: Final[Mapping[str, str]] = {
    "gemini": "google",
    "vertex": "google",
    "azure": "azure",
    "bedrock": "aws",
    "grok": "x-ai",
    "xai": "x-ai",
}
GOOGLE: Final = ("gemini", "google", "google-gla", "google-vertex", "google-cloud")
"""Origins whose signatures Pydantic AI keeps in `provider_details`."""

_WIRES: Final[Mapping[str, str]] = {
    "anthropic": "anthropic",
    "bedrock": "bedrock",
    "aws": "bedrock",
    "google": "gemini",
    "google-gla": "gemini",
    "google-vertex": "gemini",
    "google-cloud": "gemini",
    "openai": "openai_responses",
    "azure": "openai_responses",
}
"""The wire that a part of a stock model comes from, by its `provider_name`; chat signs nothing."""


def split(name: str) -> tuple[str, str]:
    """The provider and the model of a name such as `"openai/gpt-5-mini"`."""
    endpoint, slash, model = name.partition("/")
    return (provider_name(endpoint), model) if slash else ("holdfast", name)


def provider_name(endpoint: str) -> str:
    """The provider as genai-prices calls it."""
    return _PROVIDERS.get(endpoint, endpoint)


def notes(**facts: Any) -> dict[str, Any] | None:
    """Our own facts about a part, to be put into its `provider_details`; None when there are none."""
    known = {name: fact for name, fact in facts.items() if fact is not None}
    return {NOTES: known} if known else None


def notes_of(part: Any) -> Mapping[str, Any]:
    """Our own facts about a part, as `notes` wrote them."""
    details = getattr(part, "provider_details", None) or {}
    own = details.get(NOTES)
    return own if isinstance(own, Mapping) else {}


def wire_of(part: Any) -> str | None:
    """The wire that made a part, whichever model noted it."""
    own: str | None = notes_of(part).get("origin")
    return own or _WIRES.get(getattr(part, "provider_name", None) or "")
