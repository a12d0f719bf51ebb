"""Names within the wire's alphabet: letters, digits, `_` and `-`, at most 64 of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_LONGEST: Final = 64
_BAD: Final = re.compile(r"[^A-Za-z0-9_-]+")


def clean_name(name: str) -> str:
    """`name` in the alphabet; may be empty."""
    return _BAD.sub("_", name).strip("_")[:_LONGEST] if _BAD.search(name) or len(name) > _LONGEST else name


class Names:
    """The names of tools, ours and the wire's; two that would become the same are kept apart."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._wire: dict[str, str] = {}
        self._ours: dict[str, str] = {}
        wanted = list(dict.fromkeys(names))
        for name in sorted(wanted, key=lambda name: clean_name(name) != name):  # clean ones keep theirs
            self._add(name)

    def wire(self, name: str) -> str:
        """How the wire calls our tool `name`."""
        return self._wire.get(name) or clean_name(name) or "tool"

    def ours(self, name: str) -> str:
        """Which of our tools the wire calls `name`."""
        return self._ours.get(name, name)

    def _add(self, name: str) -> None:
        cleaned = clean_name(name) or "tool"
        count = 2
        while cleaned in self._ours:
            end = f"_{count}"
            cleaned = (clean_name(name) or "tool")[: _LONGEST - len(end)] + end
            count += 1
        self._wire[name] = cleaned
        self._ours[cleaned] = name
