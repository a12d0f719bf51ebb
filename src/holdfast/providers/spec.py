"""What the catalog says about an endpoint, and how its address is made from the environment. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from holdfast.errors import ConfigurationError
from holdfast.providers.codec import Dialect

CodecName: TypeAlias = Literal["openai_chat", "openai_responses", "anthropic", "gemini", "bedrock"]

AuthScheme: TypeAlias = Literal["none", "bearer", "header", "google", "aws"]
"""How a request proves who sends it: not at all; `Authorization: Bearer KEY`; the key in a header of its own;
a token of Google's default credentials; an AWS signature (or, when a variable of `env` is set, its value as bearer)."""

_VARIABLE: Final = re.compile(r"\{([A-Z0-9_|]+)(?::([^{}]*))?\}")


class AuthSpec(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Which credential an endpoint wants. `env` names the variables that may hold it, the first set one counts."""

    scheme: AuthScheme = "bearer"
    env: tuple[str, ...] = ()
    header: str = "authorization"
    required: bool = True


class EndpointSpec(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One endpoint.

    - `base_url`: the address before the codec's path. `{NAME}` stands for an environment variable, `{NAME|OTHER}` for
      the first that is set, `{NAME:value}` gives a default.
    - `base_url_env`: variables that, when set, stand in for `base_url`.
    - `variants`: addresses for one value of a variable, by `"NAME=value"`.
    """

    name: str
    codec: CodecName
    base_url: str = ""
    base_url_env: tuple[str, ...] = ()
    variants: Mapping[str, str] = {}
    auth: AuthSpec = AuthSpec()
    dialect: Dialect = Dialect()
    headers: Mapping[str, str] = {}


def unlisted(name: str) -> EndpointSpec:
    """An endpoint that the catalog does not know: the plain chat wire, a key if there is one, `<think>` tags read."""
    return EndpointSpec(
        name=name,
        codec="openai_chat",
        auth=AuthSpec(required=False),
        dialect=Dialect(provider=name, think_tags=True),
    )


def address(spec: EndpointSpec, environ: Mapping[str, str]) -> str:
    """The endpoint's base URL in this environment, without a slash at its end; "" when it has none.

    Raises:
        ConfigurationError: a variable of the address is not set; the message names it.
    """
    given = next((environ[name] for name in spec.base_url_env if environ.get(name)), None)
    if given is not None:
        return given.rstrip("/")
    return _VARIABLE.sub(lambda match: _value(match, spec, environ), _template(spec, environ)).rstrip("/")


def _template(spec: EndpointSpec, environ: Mapping[str, str]) -> str:
    for condition, base_url in spec.variants.items():
        name, _, value = condition.partition("=")
        default = next((match[2] for match in _VARIABLE.finditer(spec.base_url) if match[1] == name), None)
        if (environ.get(name) or default) == value:
            return base_url
    return spec.base_url


def _value(match: re.Match[str], spec: EndpointSpec, environ: Mapping[str, str]) -> str:
    names = match[1].split("|")
    value = next((environ[name] for name in names if environ.get(name)), match[2])
    if value is None:
        raise ConfigurationError(
            f"The address of {spec.name!r} needs {' or '.join(names)}: set it, or pass base_url.", provider=spec.name
        )
    return value.rstrip("/")
