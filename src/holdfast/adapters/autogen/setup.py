"""What a client was given, as it was given: built into a Holdfast client, and written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from holdfast.adapters.autogen.callbacks import ErrorCallbacks, write_callbacks
from holdfast.adapters.autogen.config import (
    HandlerConfig,
    HoldfastClientConfig,
    ModelConfig,
    model_config,
    reference,
    write_arguments,
    write_policies,
)
from holdfast.adapters.autogen.messages import Naming
from holdfast.context import Windows
from holdfast.errors import ConfigurationError, ModelError
from holdfast.model import Model
from holdfast.recovery.attempt import Policy
from holdfast.recovery.policies import DEFAULT_POLICIES
from holdfast.request import Timeouts
from holdfast.runtime.client import Client

Given: TypeAlias = str | ModelConfig | Mapping[str, Any] | Model | Client
"""A model, however it is written; or a whole client."""


@dataclass(kw_only=True)
class Setup:
    """The arguments of a `HoldfastChatCompletionClient`, and the handlers that were added to it."""

    models: tuple[Given, ...]
    policies: tuple[Policy, ...] | None
    bounds: Mapping[str, Any]
    callbacks: ErrorCallbacks
    answer: str | bool
    info: Mapping[str, Any]
    windows: Mapping[str, int]
    naming: Naming
    arguments: Mapping[str, Any]
    handlers: list[tuple[tuple[type[ModelError], ...], Any, int]] = field(default_factory=list)

    @property
    def client(self) -> Client | None:
        """The Holdfast client, if one was given instead of models."""
        return self.models[0] if len(self.models) == 1 and isinstance(self.models[0], Client) else None

    def build(self, windows: Windows) -> Client:
        """The Holdfast client that asks."""
        stated = {name: value for name, value in self.bounds.items() if value is not None}
        if self.client is not None:
            if stated or self.policies is not None:
                raise ConfigurationError("A client brings its own bounds and policies: state them there.")
            return self.client
        policies = DEFAULT_POLICIES if self.policies is None else self.policies
        stated.setdefault("on_break", "restart")
        return Client(*map(_built, self.models), policies=policies, windows=windows, **stated)

    def written(self) -> HoldfastClientConfig:
        """The configuration. Keys are in it by the names of their variables.

        Raises:
            ConfigurationError: something was given as an object, or a function has no name to be found by.
        """
        handlers = [
            HandlerConfig(kinds=[reference(kind) for kind in kinds], call=reference(handler), times=times)
            for kinds, handler, times in self.handlers
        ]
        return HoldfastClientConfig(
            **self._chain(),
            handlers=handlers or None,
            error_callbacks=write_callbacks(self.callbacks) or None,
            answer_to_filtered=str(self.answer) if self.answer else False,
            create_args=write_arguments(self.arguments),
            model_info=dict(self.info) or None,
            windows=dict(self.windows) or None,
            names=self.naming.names,
            add_name_prefixes=self.naming.prefixes,
        )

    def _chain(self) -> dict[str, Any]:
        if self.client is not None:
            return {"client": self.client.to_config()}
        timeouts: Timeouts | None = self.bounds["timeouts"]
        return {
            **{name: value for name, value in self.bounds.items() if value is not None},
            "models": [_written(model) for model in self.models],
            "policies": None if self.policies is None else write_policies(self.policies),
            "timeouts": timeouts and msgspec.to_builtins(timeouts),
        }


def _built(given: Given) -> Model:
    if isinstance(given, str | ModelConfig | Mapping):
        return model_config(given).build()
    return given.model if isinstance(given, Client) else given


def _written(given: Given) -> ModelConfig:
    if isinstance(given, str | ModelConfig | Mapping):
        return model_config(given)
    raise ConfigurationError(f"{given!r} was given as an object: name the model, or give a ModelConfig.")
