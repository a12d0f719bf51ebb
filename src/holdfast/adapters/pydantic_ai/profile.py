"""What a chain of models can do, as a Pydantic AI profile: what its weakest member can.

A single model of Pydantic AI's own keeps its profile whole. Structured output is there on every wire, by schema, by
tool or by instruction: that is the codecs' work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, Final, cast

from msgspec import Struct
from pydantic_ai.models import Model as PydanticAIModel
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.profiles.anthropic import anthropic_model_profile
from pydantic_ai.profiles.google import google_model_profile
from pydantic_ai.profiles.openai import openai_model_profile

from holdfast.adapters.pydantic_ai.inner import PydanticModel
from holdfast.context.windows import Windows
from holdfast.model import Model
from holdfast.providers.catalog import CATALOG, CodecName
from holdfast.providers.codec import Codec, Dialect
from holdfast.runtime.client import Client
from holdfast.runtime.http_model import HTTPModel

_FAMILIES: Final[Mapping[str, Callable[[str], ModelProfile | None]]] = {
    "openai_chat": openai_model_profile,
    "openai_responses": openai_model_profile,
    "anthropic": anthropic_model_profile,
    "bedrock": anthropic_model_profile,
    "gemini": google_model_profile,
}
"""What Pydantic AI knows of a model by its name; asked about thinking only."""
_FLAGS: Final = (
    "supports_tools",
    "supports_json_schema_output",
    "supports_json_object_output",
    "supports_thinking",
    "supports_inline_system_prompts",
    "supports_image_input",
    "supports_document_input",
    "supports_audio_file_input",
    "supports_video_input",
)
_NATIVE: Final = "supported_native_tools"


class Abilities(Struct, frozen=True):
    """One member: its profile, and whether its endpoint has a mode for JSON objects."""

    profile: ModelProfile
    json_mode: bool = False


def leaves(client: Client) -> list[Model]:
    """The models of a client without the layers around them."""
    return [_bare(model) for model in client.models]


def inner_models(client: Client) -> Sequence[PydanticAIModel[Any]]:
    """The Pydantic AI models behind a client."""
    return [leaf.inner for leaf in leaves(client) if isinstance(leaf, PydanticModel)]


def _bare(model: Model) -> Model:
    while (inner := getattr(model, "_inner", None)) is not None:  # so every layer of ours calls what it wraps
        model = inner
    return model


def abilities_of(client: Client) -> Abilities:
    """What every model of the client can do, and the smallest of their windows."""
    members = [_abilities(leaf) for leaf in leaves(client)]
    weakest = reduce(_weaker, (member.profile for member in members))
    windows = [tokens for model in client.models if (tokens := _window(client, model.name)) is not None]
    if windows:
        weakest["context_window"] = min(windows)
    return Abilities(weakest, all(member.json_mode for member in members))


def _weaker(one: ModelProfile, other: ModelProfile) -> ModelProfile:
    """What both say; of what each can do, what both can."""
    here, there = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
    both = {name: value for name, value in here.items() if name in there and there[name] == value}
    both |= {name: bool(here.get(name) and there.get(name)) for name in _FLAGS}
    both[_NATIVE] = here[_NATIVE] & there[_NATIVE]
    return cast("ModelProfile", both)


def _abilities(leaf: Model) -> Abilities:
    match leaf:
        case PydanticModel():
            return _of_inner(leaf.inner)
        case HTTPModel():
            codec: Codec = leaf._codec  # noqa: SLF001  # our own; which dialect an endpoint speaks is nobody else's concern
            return _of_wire(codec.name, codec.dialect, leaf.name)
        case _:
            spec = CATALOG.get(leaf.name.partition("/")[0])
            return (
                _of_wire(spec.codec, spec.dialect, leaf.name) if spec else _of_wire("openai_chat", Dialect(), leaf.name)
            )


def _of_inner(inner: PydanticAIModel[Any]) -> Abilities:
    try:
        known: dict[str, Any] = {_NATIVE: frozenset(), **inner.profile}
    except NotImplementedError:  # a router has none of its own
        known = {_NATIVE: frozenset(), "supports_tools": True}
    return Abilities(cast("ModelProfile", known), bool(known.get("supports_json_object_output")))


def _of_wire(wire: CodecName | str, dialect: Dialect, name: str) -> Abilities:
    chat = wire == "openai_chat"
    family = _FAMILIES[wire](name.rpartition("/")[2]) or {}
    flags = {
        _NATIVE: frozenset[Any](),
        "supports_tools": True,
        "supports_json_schema_output": True,
        "supports_json_object_output": True,
        "supports_thinking": bool(family.get("supports_thinking")) or bool(dialect.reasoning_field),
        "supports_inline_system_prompts": wire in ("openai_chat", "openai_responses")
        and not dialect.one_system_message
        and dialect.system_role != "user",
        "supports_image_input": dialect.images,
        "supports_document_input": not chat or dialect.documents != "none",
        "supports_audio_file_input": dialect.audio and wire in ("openai_chat", "gemini"),
        "supports_video_input": dialect.video or wire in ("gemini", "bedrock"),
    }
    json_mode = dialect.json_mode and wire in ("openai_chat", "openai_responses", "gemini")
    return Abilities(cast("ModelProfile", flags), json_mode)


def _window(client: Client, name: str) -> int | None:
    """Tokens that a model holds; None where that would be a guess."""
    tokens = client.model.window(name)
    guessed = Windows().find(name)
    return None if guessed.source == "default" and tokens in (None, guessed.tokens) else tokens
