"""Reading what people write into configurations: every mistake names the key that it stands at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from holdfast.errors import ConfigurationError

T = TypeVar("T", bound=msgspec.Struct)


def laid_over(base: T, given: Any, where: str) -> T:
    """`base` with the fields that `given` states; raises `ConfigurationError` for a wrong key or value."""
    given = table(given, where)
    cls = type(base)
    check_keys(given, cls.__struct_fields__, where)
    types = {field.name: field.type for field in msgspec.structs.fields(cls)}
    return replace(base, **{key: value(each, types[key], f"{where}.{key}") for key, each in given.items()})


def value(given: Any, type_: Any, where: str) -> Any:
    """`given` as a value of `type_`; raises `ConfigurationError` when it is none."""
    try:
        return msgspec.convert(given, type_)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{where}: {error}") from error


def table(given: Any, where: str) -> Mapping[str, Any]:
    """`given`, which must be a table."""
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{where}: expected a table, got {type(given).__name__}.")
    return given


def check_keys(given: Mapping[str, Any], known: Collection[str], where: str = "") -> None:
    """Raise `ConfigurationError` for a key that is not among the known ones."""
    for key in given:
        if key not in known:
            raise ConfigurationError(f"{f'{where}.' if where else ''}{key}: no such key.{hint(str(key), known)}")


def hint(word: str, known: Collection[str]) -> str:
    """What may have been meant."""
    close = get_close_matches(word, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else f" Known: {', '.join(known)}."
