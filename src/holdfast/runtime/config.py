"""A client as a plain mapping, or a TOML file, and back. Keys are never in it, only the names of their variables.

models = ["openai/gpt-5-mini", "mine/llama-4"]
deadline = 30
on_break = "resume"
policies = ["on_overflow", { retry = { attempts = 3 } }, "fallback"]
timeouts = { first_event = 5 }
settings = { temperature = 0.2 }
windows = { "mine/llama-4" = 32_000 }
prices = { "mine/llama-4" = { input = 0.2, output = 0.6 } }

[endpoints.mine]                         # see `holdfast.providers.config`
base_url = "http://10.0.0.7:8000/v1"
auth = { env = ["MY_KEY"] }
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from holdfast.errors import ConfigurationError
from holdfast.model import Model
from holdfast.providers.catalog import CATALOG, AuthSpec, EndpointSpec, endpoints_from_config, unlisted
from holdfast.providers.tables import check_keys, laid_over, table, value
from holdfast.recovery.policies import DEFAULT_POLICIES
from holdfast.recovery.screen import HoldBack, OnBreak
from holdfast.request import Settings, Timeouts
from holdfast.runtime.clock import Clock
from holdfast.runtime.endpoint import Endpoint
from holdfast.runtime.http_model import HTTPModel
from holdfast.runtime.options import Options
from holdfast.runtime.policy_config import policies_from_config, policies_to_config
from holdfast.runtime.prices import Price
from holdfast.runtime.secret import refuse_secrets

Config: TypeAlias = Mapping[str, Any] | str | PathLike[str]
"""A mapping, or the path of a TOML file."""


def _prices(given: Any, where: str) -> dict[str, Price]:
    for name, each in table(given, where).items():
        check_keys(table(each, f"{where}.{name}"), Price.__struct_fields__, f"{where}.{name}")
    return {name: value(each, Price, f"{where}.{name}") for name, each in given.items()}


_READERS: Final[Mapping[str, Callable[[Any, str], Any]]] = {
    "policies": policies_from_config,
    "deadline": lambda given, where: value(given, float, where),
    "max_attempts": lambda given, where: value(given, int, where),
    "timeouts": lambda given, where: laid_over(Timeouts(), given, where),
    "on_break": lambda given, where: value(given, OnBreak, where),
    "hold_back": lambda given, where: laid_over(HoldBack(), given, where),
    "settings": lambda given, where: laid_over(Settings(), given, where),
    "windows": lambda given, where: value(given, dict[str, int], where),
    "prices": _prices,
}
"""The keys that are arguments of a client, and how each is read."""


class Described(Struct, frozen=True, kw_only=True):
    """What a client is, as far as a configuration can say it."""

    models: tuple[str | Model, ...]
    options: Options
    policies: tuple[Any, ...]
    settings: Settings
    windows: Mapping[str, int]
    prices: Mapping[str, Price]


def read_config(source: Config, *, clock: Clock | None = None) -> tuple[list[str | Model], dict[str, Any]]:
    """The models and the arguments of a client.

    Raises:
        ConfigurationError: a key is unknown, or its value wrong; the message names it. Or there is no such file.
        AuthenticationError: a variable that holds a key is not set; the message names it.
    """
    config = table(source, "config") if isinstance(source, Mapping) else _file(Path(source))
    check_keys(config, ("models", "endpoints", *_READERS))
    own = _endpoints(config.get("endpoints", {}), clock)
    names: list[str] = value(config.get("models", []), list[str], "models")
    models = [_model(name, own) for name in names]
    return models, {key: read(config[key], key) for key, read in _READERS.items() if key in config}


def write_config(client: Described) -> dict[str, Any]:
    """The mapping that `read_config` reads, of builtins only; what is as it is by default is left out.

    Raises:
        ConfigurationError: a part of the client is code, or a key that was given as a value.
    """
    options = client.options
    config: dict[str, Any] = {
        "models": [_name(model, f"models[{index}]") for index, model in enumerate(client.models)],
        "endpoints": _written_endpoints(client.models),
        "deadline": _unless_default(options.deadline, Options().deadline),
        "max_attempts": options.max_attempts,
        "timeouts": _plain(options.timeouts),
        "on_break": _unless_default(options.on_break, Options().on_break),
        "hold_back": _stated(options.hold_back) if options.hold_back is not None else None,
        "settings": _plain(client.settings),
        "windows": dict(client.windows),
        "prices": {name: _plain(price) for name, price in client.prices.items()},
    }
    if client.policies != DEFAULT_POLICIES:
        config["policies"] = policies_to_config(client.policies, "policies")
    return {key: each for key, each in config.items() if each is not None and (each != {} or key == "models")}


def _file(path: Path) -> Mapping[str, Any]:
    import tomllib  # noqa: PLC0415  # only for those who have such a file

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"The configuration {str(path)!r} cannot be read: {error.strerror}.") from error
    except ValueError as error:  # no TOML, or no UTF-8
        raise ConfigurationError(f"The configuration {str(path)!r} is not TOML: {error}.") from error


def _endpoints(given: Any, clock: Clock | None) -> dict[str, Endpoint]:
    try:
        specs = endpoints_from_config(table(given, "endpoints"))
    except ConfigurationError as error:
        where = "" if error.message.startswith("endpoints:") else "endpoints."
        raise ConfigurationError(f"{where}{error.message}") from error
    return {name: Endpoint(name, spec=spec, clock=clock) for name, spec in specs.items()}


def _model(name: str, own: Mapping[str, Endpoint]) -> str | Model:
    endpoint, _, model = name.partition("/")
    return own[endpoint].model(model) if endpoint in own and model else name


def _name(model: str | Model, where: str) -> str:
    if isinstance(model, str):
        return model
    if not isinstance(model, HTTPModel) or model.endpoint is None:
        raise ConfigurationError(f"{where}: {model.name!r} is code, which a configuration cannot hold.")
    return model.name


def _written_endpoints(models: Iterable[str | Model]) -> dict[str, Any]:
    found: dict[str, EndpointSpec] = {}
    for model in models:
        if not isinstance(model, HTTPModel) or model.endpoint is None:
            continue
        spec = model.endpoint.describe()
        if found.setdefault(spec.name, spec) != spec:
            raise ConfigurationError(f"endpoints.{spec.name}: two endpoints of one name differ.")
    written = {name: _written_endpoint(spec) for name, spec in found.items()}
    return {name: each for name, each in written.items() if each}


def _written_endpoint(spec: EndpointSpec) -> dict[str, Any]:
    """What is to be said of an endpoint besides what the catalog says."""
    refuse_secrets(spec.headers, spec.name)
    base = CATALOG.get(spec.name) or unlisted(spec.name)
    if spec.base_url != base.base_url:
        base = replace(base, base_url_env=(), variants={})
    own = {
        name: _plain(getattr(spec, name))
        for name in ("codec", "base_url", "base_url_env", "variants", "headers")
        if getattr(spec, name) != getattr(base, name)
    }
    elsewhere = not own.keys().isdisjoint(("base_url", "base_url_env", "variants"))
    auth = _written_auth(spec.auth, replace(base.auth, env=(), required=False) if elsewhere else base.auth)
    dialect = _difference(spec.dialect, base.dialect)
    return own | ({"auth": auth} if auth else {}) | ({"dialect": dialect} if dialect else {})


def _written_auth(auth: AuthSpec, inherited: AuthSpec) -> dict[str, Any]:
    own = _difference(auth, replace(inherited, required=auth.required))
    required = bool(own) or inherited.required  # who states a credential wants it
    return own if auth.required == required else {**own, "required": auth.required}


def _difference(one: Struct, base: Struct) -> dict[str, Any]:
    differing = [name for name in one.__struct_fields__ if getattr(one, name) != getattr(base, name)]
    return {name: _plain(getattr(one, name)) for name in differing}


def _stated(one: Struct) -> dict[str, Any]:
    return {name: each for name in one.__struct_fields__ if (each := getattr(one, name)) is not None}


def _unless_default(given: Any, default: Any) -> Any:
    return None if given == default else given


def _plain(given: Any) -> Any:
    """`given` in builtins, as JSON and TOML know them."""
    match msgspec.to_builtins(given):
        case dict() as mapping:
            return {name: _plain(each) for name, each in mapping.items()}
        case list() | tuple() as items:
            return [_plain(each) for each in items]
        case single:
            return single
