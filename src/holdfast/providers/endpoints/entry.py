"""The short forms in which the tables of endpoints are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from holdfast.providers.codec import Dialect
from holdfast.providers.spec import AuthSpec, CodecName, EndpointSpec

# Prefilling holds for these; from 4.6 on the conversation must end with the user (Anthropic docs, "What's new in
# Claude 4.6", "Prefill removal").
PREFILLED_CLAUDES: Final = (
    "claude-2",
    "claude-instant",
    "claude-3",
    "claude-opus-4-0",
    "claude-opus-4-1",
    "claude-opus-4-2025",
    "claude-opus-4-5",
    "claude-sonnet-4-0",
    "claude-sonnet-4-2025",
    "claude-sonnet-4-5",
    "claude-haiku-4-5",
)
# The same models as OpenRouter names them.
PREFILLED_ROUTED: Final = ("claude-3", "claude-opus-4.1", "claude-opus-4.5", "claude-sonnet-4.5", "claude-haiku-4.5")
# Reasoning models take no sampling settings (OpenAI docs, "Using GPT-5"); from 5.1 on it depends on the effort.
FIXED_SAMPLING: Final = r"o\d|gpt-5(?![.\d]|-chat)"

OPENAI: Final[Mapping[str, Any]] = {
    "max_tokens_field": "max_completion_tokens",
    "fixed_sampling": FIXED_SAMPLING,
    "tool_id_pattern": r"[\s\S]{1,40}",  # "string too long. Expected a string with maximum length 40"
}
"""How OpenAI's own chat differs from what others make of it."""
PLAIN: Final[Mapping[str, Any]] = {"documents": "none", "audio": False}
"""Text and images only."""
SIMPLE: Final[Mapping[str, Any]] = {**PLAIN, "strict_tools": False}
"""Text, images and plain tools only."""


def bearer(*env: str, required: bool = True) -> AuthSpec:
    """A key sent as `Authorization: Bearer KEY`."""
    return AuthSpec(env=env, required=required)


def key(header: str, *env: str) -> AuthSpec:
    """A key sent in a header of its own."""
    return AuthSpec(scheme="header", header=header, env=env)


def at(
    name: str,
    base_url: str,
    auth: AuthSpec,
    *,
    codec: CodecName = "openai_chat",
    env: tuple[str, ...] = (),
    variants: Mapping[str, str] | None = None,
    provider: str = "",
    **dialect: Any,
) -> EndpointSpec:
    """One entry; `dialect` holds the fields in which it differs from the plain wire."""
    return EndpointSpec(
        name=name,
        codec=codec,
        base_url=base_url,
        base_url_env=env,
        variants=variants or {},
        auth=auth,
        dialect=Dialect(provider=provider or name, **dialect),
    )
