"""Endpoints as data: where they are, how they are asked, which key they want, how they differ from the plain wire."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from holdfast.errors import ConfigurationError
from holdfast.providers.codec import Codec, Dialect, Service

CodecName: TypeAlias = Literal["openai_chat", "openai_responses", "anthropic", "gemini", "bedrock"]

AuthScheme: TypeAlias = Literal["none", "bearer", "header", "google", "aws"]
"""How a request proves who sends it: not at all; `Authorization: Bearer KEY`; the key in a header of its own;
a token of Google's default credentials; an AWS signature."""


class AuthSpec(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Which credential an endpoint wants. `env` names the variables that may hold it, the first set one counts."""

    scheme: AuthScheme = "bearer"
    env: tuple[str, ...] = ()
    header: str = "authorization"
    required: bool = True


class EndpointSpec(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One endpoint. `base_url_env` names a variable that, when set, stands in for `base_url`."""

    name: str
    codec: CodecName
    base_url: str = ""
    base_url_env: tuple[str, ...] = ()
    auth: AuthSpec = AuthSpec()
    dialect: Dialect = Dialect()
    headers: Mapping[str, str] = {}


_CODECS: Final[Mapping[CodecName, tuple[str, str]]] = {
    "openai_chat": ("holdfast.providers.openai_chat.codec", "OpenAIChatCodec"),
    "openai_responses": ("holdfast.providers.openai_responses.codec", "OpenAIResponsesCodec"),
    "anthropic": ("holdfast.providers.anthropic.codec", "AnthropicCodec"),
    "gemini": ("holdfast.providers.gemini.codec", "GeminiCodec"),
    "bedrock": ("holdfast.providers.bedrock.codec", "BedrockCodec"),
}
_SERVICES: Final[Mapping[CodecName, tuple[str, str]]] = {
    "openai_chat": ("holdfast.providers.openai_chat.serve", "OpenAIChatService"),
    "openai_responses": ("holdfast.providers.openai_responses.serve", "OpenAIResponsesService"),
    "anthropic": ("holdfast.providers.anthropic.serve", "AnthropicService"),
    "gemini": ("holdfast.providers.gemini.serve", "GeminiService"),
    "bedrock": ("holdfast.providers.bedrock.serve", "BedrockService"),
}


def make_codec(name: CodecName, dialect: Dialect) -> Codec:
    """The codec called `name`, speaking `dialect`. Its module is imported now, and no other provider's."""
    try:
        module, attribute = _CODECS[name]
    except KeyError:
        raise ConfigurationError(f"There is no codec {name!r}. Known: {', '.join(_CODECS)}.") from None
    codec: Codec = getattr(import_module(module), attribute)(dialect)
    return codec


def make_service(name: CodecName) -> Service:
    """The server's side of the wire called `name`."""
    module, attribute = _SERVICES[name]
    service: Service = getattr(import_module(module), attribute)()
    return service


CATALOG: Final[Mapping[str, EndpointSpec]] = {
    spec.name: spec
    for spec in (
        EndpointSpec(
            name="openai",
            codec="openai_chat",
            base_url="https://api.openai.com/v1",
            base_url_env=("OPENAI_BASE_URL",),
            auth=AuthSpec(env=("OPENAI_API_KEY",)),
            dialect=Dialect(provider="openai", max_tokens_field="max_completion_tokens"),
        ),
        EndpointSpec(
            name="ollama",
            codec="openai_chat",
            base_url="http://127.0.0.1:11434/v1",
            base_url_env=("OLLAMA_BASE_URL",),
            auth=AuthSpec(env=("OLLAMA_API_KEY",), required=False),
            dialect=Dialect(provider="ollama", think_tags=True),
        ),
    )
}
"""The endpoints that are known by name."""
