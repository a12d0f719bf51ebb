"""Keys, held so that they cannot slip out: not by a repr, not by a log, not by a pickle."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Self

from holdfast.errors import AuthenticationError, ConfigurationError
from holdfast.redact import is_secret


class Secret:
    """A key, or the name of the environment variable that holds it (read when it is used).

    A pickled secret keeps the variable's name only; one given as a value has to be given again after unpickling. A copy
    in the same process is the secret itself.
    """

    __slots__ = ("_value", "variable")

    def __init__(self, value: str | None = None, *, variable: str | None = None) -> None:
        self._value = value
        self.variable = variable

    @classmethod
    def from_env(cls, variables: Iterable[str]) -> Secret | None:
        """The first of these environment variables that is set."""
        return next((cls(variable=name) for name in variables if os.environ.get(name)), None)

    @property
    def is_value(self) -> bool:
        """Whether it was given as a value, which is written nowhere."""
        return self._value is not None

    def reveal(self) -> str:
        """The key itself; raises `AuthenticationError` when there is none."""
        value = self._value or (os.environ.get(self.variable) if self.variable else None)
        if not value:
            where = f"Set the environment variable {self.variable}." if self.variable else "Give the key again."
            raise AuthenticationError(f"The key is missing. {where}")
        return value

    def __repr__(self) -> str:
        return f"Secret(variable={self.variable!r})" if self.variable else "Secret('***')"

    __str__ = __repr__

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (_unpickled, (self.variable,))


def refuse_secrets(headers: Iterable[str], of: str) -> None:
    """Raise `ConfigurationError` for headers whose names say that they hold a key: they are written nowhere."""
    for name in headers:
        if is_secret(name):
            raise ConfigurationError(
                f"The header {name!r} of {of!r} holds a key, which is written nowhere: give it as api_key, by a "
                "Secret(variable=...) or the catalog's variable."
            )


def _unpickled(variable: str | None) -> Secret:
    return Secret(variable=variable)
