"""What was read of one failure: its parts, sorted by what they may tell, without a word about what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, field

from holdfast.providers.failures.fields import Role

RAW: Final = 4_096
"""Characters of `Reading.raw`."""
MESSAGE: Final = 4_000
"""Characters of a text that are looked at, at each of its ends."""
_WHOLE: Final = 2 * MESSAGE
_MESSAGES: Final = 12
_LONGEST: Final = 120  # characters of a code,
_STATUS: Final = 3  # and of a status
_NOTHING: Final = frozenset(("", "none", "null", "error", "undefined", "***"))


class Reading(Struct):
    """The parts of one failure.

    Attributes:
        status: the HTTP status; of a failure inside a 200 the status that its body tells of; None if unknown.
        provider: the endpoint's name.
        headers: of the response, with lower-cased names.
        now: the time in seconds since 1970, if known.
        raw: the beginning of what came.
        html: whether a page came in place of an answer.
        codes: codes, types and reasons in the order found, by their small letters, as they were written.
        names: names of exception classes likewise; a client's name for a failure counts less than the server's.
        messages: the texts for people, the outermost first.
        details: values of known fields, by their lower-cased name (`"n_ctx"`, `"quotaid"`, `"param"`, ...).
        asides: the same of fields that are of this one response only: its id, how long to wait, inner headers.
        fields: how many more fields may be looked at.
    """

    status: int | None = None
    provider: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    now: float | None = None
    raw: str = ""
    html: bool = False
    codes: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    asides: dict[str, Any] = field(default_factory=dict)
    fields: int = 0

    @property
    def text(self) -> str:
        """All messages."""
        return "\n\n".join(self.messages)  # a single line break may stand in the middle of a sentence

    def code(self, written: str, *, or_status: bool = False) -> None:
        """Take a code. A number that is an HTTP status is no code, but may be the status."""
        if "#" in written:  # "com.amazon.coral.service#ThrottlingException"
            written = written.rpartition("#")[2]
        written = written.strip()
        word = written.lower()
        if len(word) == _STATUS and (status := _status(word)) is not None:
            if or_status:
                self.status = self.status or status
        elif word not in self.codes and word not in _NOTHING and len(word) <= _LONGEST:
            self.codes[word] = written

    def value(self, role: Role, value: str | int) -> None:
        """Take what a field of this role says in a word or a number: a status, or else a code."""
        if role.code or isinstance(value, int):
            self.code(str(value), or_status=role.status)
        elif (status := _status(value)) is not None:
            self.status = self.status or status

    def fact(self, role: Role, name: str, value: Any) -> None:
        """Take the value of a field that tells something as it is; the first of its name counts."""
        (self.asides if role.aside else self.details).setdefault(name.lower(), value)

    def message(self, text: str) -> None:
        """Take a text, once, and only so much of it."""
        if len(text) > _WHOLE:
            text = ends(text)
        if text not in self.messages and len(self.messages) < _MESSAGES and text and not text.isspace():
            self.messages.append(text)


def ends(text: str) -> str:
    """`text`, or its two ends where it is longer than both together."""
    return text if len(text) <= _WHOLE else f"{text[:MESSAGE]} ... {text[-MESSAGE:]}"


def lowered(headers: Any) -> dict[str, str]:
    """Headers with lower-case names, from any mapping or list of pairs."""
    if not headers:
        return {}
    try:
        pairs = headers.items() if hasattr(headers, "items") else headers
        return {str(name).lower(): str(value) for name, value in pairs}
    except Exception:  # noqa: BLE001  # a foreign object may do anything
        return {}


def _status(word: str) -> int | None:
    return int(word) if len(word) == _STATUS and "299" < word < "600" and word.isascii() and word.isdigit() else None
