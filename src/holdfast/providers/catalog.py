"""Endpoints as data: where they are, how they are asked, which key they want, how they differ from the plain wire.

    CATALOG["groq"]                          an EndpointSpec
    unlisted("mine")                         what is taken of an endpoint that is not in the table
    address(spec, os.environ)                its base URL, variables filled in
    endpoints_from_config(mapping)           a user's own endpoints, from TOML or a dict
    make_codec(spec.codec, spec.dialect)     its wire, imported when needed

The tables themselves are in `endpoints`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from holdfast.errors import ConfigurationError
from holdfast.providers.codec import Codec, Dialect, Service
from holdfast.providers.config import endpoints_from_config
from holdfast.providers.endpoints import CATALOG
from holdfast.providers.spec import AuthScheme, AuthSpec, CodecName, EndpointSpec, address, unlisted

__all__ = [
    "CATALOG",
    "AuthScheme",
    "AuthSpec",
    "CodecName",
    "EndpointSpec",
    "address",
    "endpoints_from_config",
    "make_codec",
    "make_service",
    "unlisted",
]

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
