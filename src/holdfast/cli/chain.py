"""From options to a client."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from msgspec import Struct

from holdfast.errors import ContentFilterError
from holdfast.model import Model
from holdfast.recovery.health import Health
from holdfast.recovery.policies import DEFAULT_POLICIES, fallback
from holdfast.recovery.screen import OnBreak
from holdfast.request import Timeouts
from holdfast.runtime.client import Client
from holdfast.runtime.endpoint import Endpoint
from holdfast.runtime.secret import Secret


class Chain(Struct, frozen=True):
    """The models of a command: the primary, the fallbacks, and an endpoint of the user's own."""

    model: str
    fallbacks: tuple[str, ...]
    base_url: str | None
    api_key_env: str
    timeouts: Timeouts


def build(
    chain: Chain, *, deadline: float, on_break: OnBreak, rest: float | None = None, filtered: bool = False
) -> Client:
    """The client for it; raises `ConfigurationError` or `AuthenticationError`.

    `rest`: seconds that a failing model rests at first; 0: it is asked every time. `filtered`: whether the fallbacks
    get to see what another provider has refused.
    """
    _log_nothing()
    return Client(
        _primary(chain),
        *chain.fallbacks,
        timeouts=chain.timeouts,
        deadline=deadline,
        on_break=on_break,
        policies=(*DEFAULT_POLICIES, fallback(on=(ContentFilterError,))) if filtered else DEFAULT_POLICIES,
        health=_health(rest),
    )


def configured(path: Path, *, rest: float | None = None, **options: Any) -> Client:
    """The client that a configuration describes, with these arguments over it; raises as `build` does."""
    _log_nothing()
    return Client.from_config(path, health=_health(rest), **options)


def _health(rest: float | None) -> Health | None:
    return None if rest is None else Health(rest=rest, longest=60 * rest)


def _log_nothing() -> None:
    # The commands tell of every failure themselves; the library's log would say it twice.
    logging.getLogger("holdfast").addHandler(logging.NullHandler())


def _primary(chain: Chain) -> str | Model:
    if chain.base_url is None:
        return chain.model
    # Only the named variable: a provider's key does not go to another address.
    key = Secret(variable=chain.api_key_env) if os.environ.get(chain.api_key_env) else None
    return Endpoint("custom", base_url=chain.base_url, api_key=key).model(chain.model)
