"""A user's own endpoints, from TOML or a dict. Keys are never written there: a variable of the environment is named.

    [mine]
    base_url = "http://10.0.0.7:8000/v1"
    like = "vllm"                            # take everything else from that entry of the catalog
    auth = { env = ["MY_KEY"] }
    headers = { x-team = "search" }
    dialect = { max_tokens_field = "max_completion_tokens" }

Codec and dialect come from `like`, a credential only together with its address: a key never goes to another host.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from holdfast.errors import ConfigurationError
from holdfast.providers.endpoints import CATALOG
from holdfast.providers.spec import AuthSpec, EndpointSpec, unlisted

_KEYS: Final = ("like", "codec", "base_url", "base_url_env", "variants", "auth", "headers", "dialect")
_SECRETS: Final = frozenset({"api_key", "key", "token", "secret"})


def endpoints_from_config(mapping: Mapping[str, Any]) -> dict[str, EndpointSpec]:
    """The endpoints that a configuration describes, by name.

    Raises:
        ConfigurationError: a key is unknown, or its value has the wrong type; the message names it, such as
            `mine.dialect.images`.
    """
    return {name: _endpoint(name, _table(given, name)) for name, given in mapping.items()}


def _endpoint(name: str, given: Mapping[str, Any]) -> EndpointSpec:
    _check(given, _KEYS, name)
    base = _base(name, given)
    dialect = _laid_over(base.dialect, given.get("dialect", {}), f"{name}.dialect")
    own = {key: value for key, value in given.items() if key not in ("like", "auth", "dialect")}
    spec: EndpointSpec = _laid_over(base, own, name)
    return replace(spec, name=name, auth=_auth(name, base, given), dialect=dialect)


def _base(name: str, given: Mapping[str, Any]) -> EndpointSpec:
    like = given.get("like", name if name in CATALOG else None)
    if like is None:
        if not given.get("base_url"):
            raise ConfigurationError(f"{name}.base_url is missing: {name!r} is not in the catalog.")
        return unlisted(name)
    if like not in CATALOG:
        raise ConfigurationError(f"{name}.like: the catalog has no endpoint {like!r}.{_hint(str(like), CATALOG)}")
    base = CATALOG[like]
    return replace(base, base_url_env=(), variants={}) if "base_url" in given else base


def _auth(name: str, base: EndpointSpec, given: Mapping[str, Any]) -> AuthSpec:
    elsewhere = "base_url" in given or "base_url_env" in given or "variants" in given
    inherited = replace(base.auth, env=(), required=False) if elsewhere else base.auth
    where = f"{name}.auth"
    own = _table(given.get("auth", {}), where)
    if own:
        inherited = replace(inherited, required=True)
    auth: AuthSpec = _laid_over(inherited, own, where)
    return auth


def _laid_over(base: Any, given: Any, where: str) -> Any:
    """`base` with the fields that `given` states."""
    given = _table(given, where)
    cls = type(base)
    _check(given, cls.__struct_fields__, where)
    types = {field.name: field.type for field in msgspec.structs.fields(cls)}
    return replace(base, **{key: _value(value, types[key], f"{where}.{key}") for key, value in given.items()})


def _value(value: Any, type_: Any, where: str) -> Any:
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{where}: {error}") from error


def _table(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{where}: expected a table, got {type(value).__name__}.")
    return value


def _check(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in given:
        if key in known:
            continue
        if key in _SECRETS:
            raise ConfigurationError(
                f"{where}.{key}: a key does not belong into a configuration. Name the variable that holds it: "
                'auth = { env = ["MY_KEY"] }.'
            )
        raise ConfigurationError(f"{where}.{key}: no such key.{_hint(key, known)}")


def _hint(word: str, known: Any) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else f" Known: {', '.join(known)}."
