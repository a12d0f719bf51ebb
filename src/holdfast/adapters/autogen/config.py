"""The client as AutoGen writes it down: plain data, keys by the name of their variable, functions by their own."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Annotated, Any, Final, Literal, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from holdfast.adapters.autogen.filtered import FILTERED
from holdfast.errors import ConfigurationError
from holdfast.model import Model
from holdfast.providers.catalog import CodecName
from holdfast.recovery.attempt import Policy
from holdfast.recovery.screen import OnBreak
from holdfast.runtime.endpoint import Endpoint, model_by_name
from holdfast.runtime.policy_config import policies_from_config, policies_to_config
from holdfast.runtime.secret import Secret

Seconds = Annotated[float, PlainSerializer(lambda value: "inf" if value == math.inf else value)]
"""Seconds; JSON has no word for no limit, so it is written as `"inf"`."""

_SECRET: Final = re.compile(r"authori[sz]ation|api[-_]?key|token|secret|cookie|password", re.IGNORECASE)


class ModelConfig(BaseModel):
    """One model of the chain.

    - `model`: `"endpoint/model"`, such as `"openai/gpt-5-mini"`; the endpoint is one of the catalog, or any name with
      a `base_url`.
    - `codec`: the wire of an endpoint that is not in the catalog.
    - `api_key_env`: the environment variable that holds the key, where it is not the catalog's.
    - `headers`: sent with every request. Credentials do not belong here.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    base_url: str | None = None
    codec: CodecName | None = None
    api_key_env: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)

    def build(self) -> Model:
        """The model itself.

        Raises:
            ConfigurationError: the endpoint is unknown, or a header looks like a credential.
            AuthenticationError: the key is missing; the message names the variable to set.
        """
        secret = next((name for name in self.headers if _SECRET.search(name)), None)
        if secret is not None:
            raise ConfigurationError(
                f"The header {secret!r} looks like a credential: name its variable in api_key_env."
            )
        endpoint, _, model = self.model.partition("/")
        if self.is_plain or not model:
            return model_by_name(self.model)
        key = Secret(variable=self.api_key_env) if self.api_key_env else None
        place = Endpoint(endpoint, base_url=self.base_url, codec=self.codec, api_key=key, headers=self.headers)
        return place.model(model)

    @property
    def is_plain(self) -> bool:
        """Whether the name says everything."""
        return not (self.base_url or self.codec or self.api_key_env or self.headers)


class CallbackConfig(BaseModel):
    """An error callback: what it is for (a class as `"module:Class"`, or a code), and the function."""

    model_config = ConfigDict(extra="forbid")

    error: str | None = None
    code: str | None = None
    call: str


class HandlerConfig(BaseModel):
    """A handler of `on_error`: the classes it is for, the function, and how often it is asked in a call."""

    model_config = ConfigDict(extra="forbid")

    kinds: list[str]
    call: str
    times: int = 1


class HoldfastClientConfig(BaseModel):
    """All that makes a `HoldfastChatCompletionClient`; its docstring describes each field.

    `client` stands in the place of models, policies and bounds: a Holdfast client's own configuration.
    """

    model_config = ConfigDict(extra="forbid")

    models: list[ModelConfig] = Field(default_factory=list)
    client: dict[str, Any] | None = None
    on_break: OnBreak = "restart"
    deadline: Seconds = 600.0
    max_attempts: int | None = None
    timeouts: dict[str, Seconds] | None = None
    policies: list[str | dict[str, Any]] | None = None
    handlers: list[HandlerConfig] | None = None
    error_callbacks: list[CallbackConfig] | None = None
    answer_to_filtered: str | Literal[False] = FILTERED
    create_args: dict[str, Any] = Field(default_factory=dict)
    model_info: dict[str, Any] | None = None
    windows: dict[str, int] | None = None
    names: bool = True
    add_name_prefixes: bool = False

    @classmethod
    def checked(cls, **fields: Any) -> Self:
        """The configuration with these fields; a wrong one is a `ConfigurationError`."""
        try:
            return cls(**fields)
        except ValueError as error:  # pydantic's errors are
            raise ConfigurationError(f"The client's configuration is wrong: {error}") from error


def model_config(model: str | ModelConfig | Mapping[str, Any]) -> ModelConfig:
    """The configuration of one model, however it is written."""
    match model:
        case ModelConfig():
            return model
        case str():
            return ModelConfig(model=model)
        case _:
            return ModelConfig(**model)


def reference(target: Callable[..., Any]) -> str:
    """The name by which a function or class is found again, such as `"myapp.recovery:apologise"`.

    Raises:
        ConfigurationError: it has none (a lambda, a function inside a function, an object).
    """
    name = f"{getattr(target, '__module__', '')}:{getattr(target, '__qualname__', '')}"
    try:
        found = resolve(name)
    except ConfigurationError:
        found = None
    if found is not target:
        raise ConfigurationError(
            f"{target!r} cannot be written to a configuration: only functions and classes that a module holds by "
            "their own name can be found again."
        )
    return name


def resolve(name: str) -> Any:
    """What `reference` named. It imports the module: load only configurations that you trust.

    Raises:
        ConfigurationError: there is no such thing.
    """
    module, _, path = name.partition(":")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(f"The configuration names {name!r}, which cannot be found.") from error
    return found


def write_policies(policies: Iterable[Policy]) -> list[Any]:
    """Policies as a Holdfast configuration has them, or, where they are functions of the user's own, by name."""
    return [_written(policy) for policy in policies]


def _written(policy: Policy) -> Any:
    try:
        (written,) = policies_to_config([policy], "policies")
    except ConfigurationError:
        return reference(policy)
    return written


def read_policies(written: Iterable[Any]) -> list[Policy]:
    """The policies that `write_policies` wrote."""
    policies: list[Policy] = []
    for each in written:
        named = isinstance(each, str) and ":" in each
        policies += [resolve(each)] if named else policies_from_config([each], "policies")
    return policies


def write_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Creation arguments as plain data.

    Raises:
        ConfigurationError: one of them is a type or an object, or a header that looks like a credential.
    """
    headers = arguments.get("extra_headers") or {}
    secret = next((name for name in headers if _SECRET.search(name)), None)
    if secret is not None:
        raise ConfigurationError(f"The header {secret!r} looks like a credential, and is not written down.")
    try:
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(dict(arguments)))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"The creation arguments cannot be written to a configuration: {error}") from error
    return plain
