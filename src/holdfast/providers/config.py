"""A user's own endpoints, from TOML or a dict. Keys are never written there: a variable of the environment is named.

    [mine]
    base_url = "http://10.0.0.7:8000/v1"
    like = "vllm"                            # take everything else from that entry of the catalog
    auth = { env = ["MY_KEY"] }              # or: api_key = { env = "MY_KEY" }
    headers = { x-team = "search" }
    dialect = { max_tokens_field = "max_completion_tokens" }

Codec and dialect come from `like`, a credential only together with its address: a key never goes to another host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from holdfast.errors import ConfigurationError
from holdfast.providers.endpoints import CATALOG
from holdfast.providers.spec import AuthSpec, EndpointSpec, unlisted
from holdfast.providers.tables import check_keys, hint, laid_over, table
from holdfast.redact import is_secret

_KEYS: Final = ("like", "codec", "base_url", "base_url_env", "variants", "auth", "headers", "dialect")
_SECRETS: Final = frozenset({"api_key", "key", "token", "secret"})


def endpoints_from_config(mapping: Mapping[str, Any]) -> dict[str, EndpointSpec]:
    """The endpoints that a configuration describes, by name.

    Raises:
        ConfigurationError: a key is unknown, or its value has the wrong type; the message names it, such as
            `mine.dialect.images`.
    """
    return {name: _endpoint(name, table(given, name)) for name, given in mapping.items()}


def _endpoint(name: str, given: Mapping[str, Any]) -> EndpointSpec:
    given = _named_key(given, name)
    check_keys(given, _KEYS, name)
    base = _base(name, given)
    dialect = laid_over(base.dialect, given.get("dialect", {}), f"{name}.dialect")
    own = {key: value for key, value in given.items() if key not in ("like", "auth", "dialect")}
    spec = laid_over(base, own, name)
    _no_key(spec.headers, f"{name}.headers")
    return replace(spec, name=name, auth=_auth(name, base, given), dialect=dialect)


def _base(name: str, given: Mapping[str, Any]) -> EndpointSpec:
    like = given.get("like", name if name in CATALOG else None)
    if like is None:
        if not given.get("base_url"):
            raise ConfigurationError(f"{name}.base_url is missing: {name!r} is not in the catalog.")
        return unlisted(name)
    if like not in CATALOG:
        raise ConfigurationError(f"{name}.like: the catalog has no endpoint {like!r}.{hint(str(like), CATALOG)}")
    base = CATALOG[like]
    return replace(base, base_url_env=(), variants={}) if "base_url" in given else base


def _auth(name: str, base: EndpointSpec, given: Mapping[str, Any]) -> AuthSpec:
    elsewhere = "base_url" in given or "base_url_env" in given or "variants" in given
    inherited = replace(base.auth, env=(), required=False) if elsewhere else base.auth
    where = f"{name}.auth"
    own = _named_key(table(given.get("auth", {}), where), where)
    if own:
        inherited = replace(inherited, required=True)
    return laid_over(inherited, own, where)


def _named_key(given: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """`api_key = { env = "NAME" }` written out as `auth`; a key that is written down itself is refused."""
    for key in given:
        reference = given[key]
        if key == "api_key" and isinstance(reference, Mapping) and isinstance(reference.get("env"), str):
            check_keys(reference, ("env",), f"{where}.api_key")
            rest = {name: each for name, each in given.items() if name != key}
            return {**rest, "auth": {**table(given.get("auth", {}), f"{where}.auth"), "env": [reference["env"]]}}
        if key in _SECRETS:
            raise ConfigurationError(
                f"{where}.{key}: a key does not belong into a configuration. Name the variable that holds it: "
                'auth = { env = ["MY_KEY"] }.'
            )
    return given


def _no_key(headers: Mapping[str, str], where: str) -> None:
    """Raise for headers that hold a key, going by their names."""
    for name in headers:
        if is_secret(name):
            raise ConfigurationError(
                f"{where}.{name}: this header holds a key. Name the variable instead: "
                f'auth = {{ scheme = "header", header = "{name}", env = ["MY_KEY"] }}.'
            )
