"""What reading a body has found so far."""

from __future__ import annotations

from typing import Any, Final

from holdfast.providers.failures.fields import Role

MESSAGE: Final = 4_000
"""Characters of a text that are looked at, at each of its ends."""
_MESSAGES: Final = 12
_LONGEST: Final = 120  # characters of a code
_NOTHING: Final = frozenset(("", "none", "null", "error", "undefined", "***"))


class Found:
    """Codes and names of exceptions by their small letters, as they were written; texts, details, the status.

    `fields` is how many more fields may be looked at.
    """

    __slots__ = ("codes", "details", "fields", "html", "messages", "names", "status")

    def __init__(self, fields: int) -> None:
        self.codes: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.messages: list[str] = []
        self.details: dict[str, Any] = {}
        self.status: int | None = None
        self.fields = fields
        self.html = False

    def code(self, written: str) -> None:
        """Take a code, unless it is no more than an HTTP status."""
        if "#" in written:  # "com.amazon.coral.service#ThrottlingException"
            written = written.rpartition("#")[2]
        written = written.strip()
        word = written.lower()
        if word not in self.codes and word not in _NOTHING and len(word) <= _LONGEST and _status(word) is None:
            self.codes[word] = written

    def value(self, role: Role, value: str | int) -> None:
        """Take what a field of this role says in a word or a number: a status, or else a code."""
        word = value if isinstance(value, str) else str(value)
        if role.status and (status := _status(word)) is not None:
            self.status = self.status or status
        elif role.code or (role.status and word is not value):
            self.code(word)

    def message(self, text: str) -> None:
        """Take a text, once, and only so much of it."""
        text = ends(text)
        if text not in self.messages and len(self.messages) < _MESSAGES and text and not text.isspace():
            self.messages.append(text)


def ends(text: str) -> str:
    """`text`, or its two ends where it is longer than both together."""
    return text if len(text) <= 2 * MESSAGE else f"{text[:MESSAGE]} ... {text[-MESSAGE:]}"


def _status(word: str) -> int | None:
    return int(word) if len(word) == 3 and "299" < word < "600" and word.isascii() and word.isdigit() else None
