"""Endpoints in code: an address, a key, a wire. `endpoint.model(name)` is a model that asks there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from msgspec.structs import replace

from holdfast.errors import AuthenticationError, ConfigurationError
from holdfast.providers.catalog import CATALOG, AuthSpec, CodecName, EndpointSpec, address, make_codec, unlisted
from holdfast.providers.codec import Dialect
from holdfast.runtime.auth import Auth, KeyAuth, NoAuth, TokenAuth, TokenSource
from holdfast.runtime.clock import Clock, SystemClock
from holdfast.runtime.cloud_auth import cloud_auth
from holdfast.runtime.http_model import HTTPModel
from holdfast.runtime.secret import Secret, refuse_secrets
from holdfast.runtime.transport import Transport

SIMULATOR: Final = "sim"


class Endpoint:
    """A place where models are asked.

    Args:
        name: one of the catalog (then everything else has a default), or any other.
        base_url: where it is, with the path that the codec's paths are put after, such as `http://127.0.0.1:9000/v1`.
        api_key: the key, or a `Secret`. By default the environment variables that the catalog names; but a key from
            there is only sent to the catalog's own address, never to another `base_url`.
        token: instead of a key: a callable, sync or async, that gives a fresh bearer token for each request.
        codec: the wire it speaks.
        dialect: how it differs from the plain wire.
        headers: sent with every request.
        spec: all that the catalog would say, for an endpoint of a configuration.
        transport: the network; by default that of the client.

    Raises:
        ConfigurationError: no such endpoint, or no address.
        AuthenticationError: the key is missing; the message names the variable to set.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key: str | Secret | None = None,
        token: TokenSource | None = None,
        codec: CodecName | None = None,
        dialect: Dialect | None = None,
        headers: Mapping[str, str] | None = None,
        spec: EndpointSpec | None = None,
        transport: Transport | None = None,
        clock: Clock | None = None,
    ) -> None:
        spec = spec or CATALOG.get(name) or unlisted(name)
        own = base_url or address(spec, os.environ)
        if not own:
            raise ConfigurationError(f"The endpoint {name!r} is not in the catalog: give its base_url.")
        self.name = name
        self.base_url = own
        self._spec = replace(
            spec,
            codec=codec or spec.codec,
            dialect=dialect or spec.dialect,
            headers={**spec.headers, **(headers or {})},
        )
        elsewhere = _is_elsewhere(spec, base_url)
        secret = Secret(api_key) if isinstance(api_key, str) else api_key
        self._auth = _auth(self._spec, secret, token, elsewhere=elsewhere, clock=clock)
        self._stated = replace(
            self._spec,
            name=name,
            auth=_stated_auth(spec.auth, secret, elsewhere=elsewhere),
            **({} if base_url is None else {"base_url": base_url, "base_url_env": (), "variants": {}}),
        )
        self._writable = token is None and (secret is None or not secret.is_value)
        self._transport = transport
        self._clock = clock

    def __repr__(self) -> str:
        return f"Endpoint({self.name!r}, base_url={self.base_url!r})"

    def __getstate__(self) -> dict[str, Any]:
        refuse_secrets(self._spec.headers, self.name)
        return {**self.__dict__, "_transport": None}

    def describe(self) -> EndpointSpec:
        """The endpoint as a plain value, for a configuration.

        Raises:
            ConfigurationError: its key was given as a value, or as a function: such are written nowhere.
        """
        if not self._writable:
            raise ConfigurationError(
                f"The key of {self.name!r} was given as a value or a function, which is written nowhere: give it as "
                "Secret(variable='NAME')."
            )
        return self._stated

    def model(self, model: str) -> HTTPModel:
        """The model that the provider calls `model`."""
        spec = self._spec
        return HTTPModel(
            f"{self.name}/{model}",
            model=model,
            base_url=self.base_url,
            codec=make_codec(spec.codec, spec.dialect),
            auth=self._auth,
            transport=self._transport,
            headers=dict(spec.headers),
            clock=self._clock,
            endpoint=self,
        )


def model_by_name(name: str, *, transport: Transport | None = None, clock: Clock | None = None) -> HTTPModel:
    """The model called `"endpoint/model"`, such as `"openai/gpt-5-mini"`; `"sim/..."` is the simulator in this process.

    Raises:
        ConfigurationError: the name has no endpoint, or the catalog does not know it.
        AuthenticationError: the key is missing; the message names the variable to set.
    """
    endpoint, slash, model = name.partition("/")
    if not slash or not model:
        raise ConfigurationError(f"{name!r} names no endpoint: write 'endpoint/model', such as 'openai/gpt-5-mini'.")
    if endpoint == SIMULATOR:
        return _simulated(transport, clock).model(model)
    if endpoint not in CATALOG:
        known = ", ".join(sorted(CATALOG))
        raise ConfigurationError(
            f"The catalog has no endpoint {endpoint!r}. For any other: Endpoint({endpoint!r}, base_url=...). "
            f"Known: {known}."
        )
    return Endpoint(endpoint, transport=transport, clock=clock).model(model)


def _simulated(transport: Transport | None, clock: Clock | None) -> Endpoint:
    # By name: the simulator is an edge, and the runtime does not know the edges.
    simulator = import_module("holdfast.simulator")
    base_url: str = simulator.local_url()
    return Endpoint(SIMULATOR, base_url=base_url, transport=transport, clock=clock)


def _is_elsewhere(spec: EndpointSpec, base_url: str | None) -> bool:
    """Whether this address is not the one that the catalog's key belongs to."""
    if base_url is None:
        return False
    try:
        return base_url.rstrip("/") != address(spec, os.environ)
    except ConfigurationError:  # the catalog has a template, and the environment does not fill it
        return True


def _stated_auth(auth: AuthSpec, secret: Secret | None, *, elsewhere: bool) -> AuthSpec:
    """The credential as a configuration states it, so that the same one is found again."""
    if secret is not None and secret.variable is not None:
        return replace(auth, env=(secret.variable,), required=True)
    return replace(auth, scheme="none", env=(), required=False) if elsewhere and secret is None else auth


def _auth(
    spec: EndpointSpec,
    secret: Secret | None,
    token: TokenSource | None,
    *,
    elsewhere: bool,
    clock: Clock | None,
) -> Auth:
    if token is not None:
        return TokenAuth(token)
    auth = spec.auth
    if secret is None and not elsewhere:
        secret = Secret.from_env(auth.env)
    if secret is not None:
        return KeyAuth(secret, header=auth.header, scheme="" if auth.scheme == "header" else "Bearer")
    match auth.scheme:
        case "google" | "aws" if not elsewhere:
            return cloud_auth(auth.scheme, clock or SystemClock())
        case "bearer" | "header" if auth.required and not elsewhere:
            names = " or ".join(auth.env)
            raise AuthenticationError(f"No key for {spec.name!r}: set {names}, or pass api_key.", provider=spec.name)
        case _:
            return NoAuth()
