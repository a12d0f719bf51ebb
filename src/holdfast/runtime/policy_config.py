"""Policies in configurations: by the name of the function that builds them, with its arguments.

    policies = ["on_overflow", { retry = { attempts = 4, on = ["rate_limit", "overloaded"] } }, "fallback",
                { answer = { content = "Sorry, try again later." } }]

`"defaults"` stands for the default policies. Failures are named by their `kind`. Functions of the user's own have no
place in a configuration: `on_error` and its kin are given in code.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from holdfast.errors import ERRORS, ConfigurationError, ModelError
from holdfast.providers.tables import check_keys, hint, laid_over, table, value
from holdfast.recovery.attempt import Policy
from holdfast.recovery.backoff import Backoff
from holdfast.recovery.policies import DEFAULT_POLICIES, answer, ask_again, fallback, on_overflow, retry
from holdfast.recovery.stated import statement_of

_BUILDERS: Final[Mapping[str, Callable[..., Policy]]] = {
    build.__name__: build for build in (on_overflow, ask_again, retry, fallback, answer)
}
_TYPES: Final[Mapping[str, Any]] = {
    "attempts": int,
    "times": int,
    "patience": float,
    "content": str,
    "action": Literal["compress", "terminate"],
}
_DEFAULTS: Final = "defaults"


def policies_from_config(given: Any, where: str) -> tuple[Policy, ...]:
    """The policies that a configuration lists; raises `ConfigurationError`, which names the one that is wrong."""
    if not isinstance(given, list | tuple):
        raise ConfigurationError(f"{where}: expected a list, got {type(given).__name__}.")
    policies: list[Policy] = []
    for index, each in enumerate(given):
        if each == _DEFAULTS:
            policies += DEFAULT_POLICIES
        else:
            policies.append(_policy(each, f"{where}[{index}]"))
    return tuple(policies)


def policies_to_config(policies: Iterable[Policy], where: str) -> list[Any]:
    """The list for a configuration; raises `ConfigurationError` for a policy that none can hold."""
    return [_written(policy, f"{where}[{index}]") for index, policy in enumerate(policies)]


def _policy(given: Any, where: str) -> Policy:
    stated = {given: {}} if isinstance(given, str) else table(given, where)
    if len(stated) != 1:
        raise ConfigurationError(f"{where}: one policy a table, such as {{ retry = {{ attempts = 3 }} }}.")
    ((name, arguments),) = stated.items()
    build = _BUILDERS.get(name)
    if build is None:
        raise ConfigurationError(f"{where}: there is no policy {name!r}.{hint(name, (*_BUILDERS, _DEFAULTS))}")
    where = f"{where}.{name}"
    parameters = inspect.signature(build).parameters
    check_keys(table(arguments, where), parameters, where)
    for parameter in parameters.values():
        if parameter.default is parameter.empty and parameter.name not in arguments:
            raise ConfigurationError(f"{where}.{parameter.name} is missing.")
    return build(**{key: _argument(key, each, f"{where}.{key}") for key, each in arguments.items()})


def _argument(key: str, given: Any, where: str) -> Any:
    match key:
        case "on":
            return tuple(_kind(each, where) for each in value(given, list[str], where))
        case "backoff":
            return laid_over(Backoff(), given, where)
        case _:
            return value(given, _TYPES[key], where)


def _kind(name: str, where: str) -> type[ModelError]:
    if name not in ERRORS:
        raise ConfigurationError(f"{where}: there is no failure {name!r}.{hint(name, ERRORS)}")
    return ERRORS[name]


def _written(policy: Policy, where: str) -> Any:
    statement = statement_of(policy)
    if statement is None or statement.name not in _BUILDERS:
        name = statement.name if statement is not None else getattr(policy, "__name__", type(policy).__name__)
        raise ConfigurationError(f"{where}: {name!r} is code, which a configuration cannot hold.")
    arguments = {key: _plain(key, each, f"{where}.{key}") for key, each in statement.arguments.items()}
    return {statement.name: arguments} if arguments else statement.name


def _plain(key: str, given: Any, where: str) -> Any:
    match key:
        case "on":
            return [kind.kind for kind in given]
        case "backoff":
            return msgspec.to_builtins(given or Backoff())
        case _ if isinstance(given, str | int | float):
            return given
        case _:
            raise ConfigurationError(f"{where}: a {type(given).__name__} has no place in a configuration.")
