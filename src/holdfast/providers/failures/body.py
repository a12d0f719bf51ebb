"""Reading a body of unknown form, within bounds: JSON, JSON inside strings, Python's way to print a dict, HTML, text.

No more than 64 KiB are looked at, 8 levels deep, 400 fields wide; words and the like are taken from the first and last
few thousand characters of the messages. Nothing here knows a provider: it knows the names that fields have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

import msgspec

from holdfast.providers.failures.fields import OTHER, ROLES, Role
from holdfast.providers.failures.reading import RAW, Reading
from holdfast.providers.failures.texts import read_text

BOUND: Final = 65_536
_OCTETS: Final = (bytes, bytearray, memoryview)
_DEPTH: Final = 8
_FIELDS: Final = 400
EXCEPTION: Final = "Exception"
"""How the names of AWS's errors end; in events of a stream such a name is a field."""
_HEADER_CODES: Final = (":exception-type", ":error-code", "x-amzn-errortype")  # AWS
_RELAYED: Final = frozenset((None, 200, 500, 502))  # what a relay answers when something behind it failed
_BEHIND: Final = re.compile(r"(?:failed with|bad response|returned) status code:? ([45]\d\d)\b")
_MARKUP: Final = re.compile(r"</|<!doctype|<html|<title|<head", re.IGNORECASE)


def read_body(body: bytes | str | Any) -> Any:
    """The JSON value of a body, or its text; at most `BOUND` bytes of it."""
    if isinstance(body, _OCTETS):
        if len(body) <= BOUND:
            try:
                return msgspec.json.decode(body)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                pass
        return bytes(body[:BOUND]).decode("utf-8", "replace")
    if isinstance(body, str):
        return _json_in(body) if len(body) <= BOUND else body[:BOUND]
    if isinstance(body, Mapping) and not isinstance(body, dict):
        return dict(body)
    return body


def reading_of(
    body: Any,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    provider: str | None = None,
    now: float | None = None,
) -> Reading:
    """What a body tells: bytes, text, or JSON read already. `headers` have lower-cased names."""
    value = read_body(body)
    reading = Reading(provider=provider, headers=headers or {}, now=now, raw=_raw(body), fields=_FIELDS)
    if headers:
        for name in _HEADER_CODES:
            if name in headers:
                reading.code(headers[name].partition(":")[0])
    if isinstance(value, str):
        read_text(value, reading)
    else:
        _walk(value, reading, 0)
    reading.status = _known(status, reading)
    return reading


def _known(status: int | None, reading: Reading) -> int | None:
    """The status to go by: HTTP's own, or where that only says that a relay failed, the one that it says it got."""
    known = reading.status or status if status is None or 200 <= status < 300 else status
    if known in _RELAYED:
        for text in reading.messages:
            if "status code" in text and (behind := _BEHIND.search(text)) is not None:
                return int(behind[1])
    return known


def _walk(value: Any, reading: Reading, depth: int) -> None:
    if depth > _DEPTH or reading.fields <= 0:
        return
    if isinstance(value, dict):
        fields = value.items()
        for name, inner in fields if len(value) <= reading.fields else islice(fields, reading.fields):
            role = ROLES.get(name) or ROLES.get(str(name).lower(), OTHER)
            if isinstance(inner, str):
                if role is not OTHER:
                    _word(role, name, inner, reading, depth)
            elif inner is not None:
                _field(role, name, inner, reading, depth)
        reading.fields -= len(value)
    elif isinstance(value, str):
        _text(value, reading, depth)
    elif isinstance(value, (list, tuple)):
        for inner in value[: reading.fields]:
            _walk(inner, reading, depth if isinstance(inner, str) else depth + 1)
        reading.fields -= len(value)


def _word(role: Role, name: str, value: str, reading: Reading, depth: int) -> None:
    """Take a field with a text."""
    if role.text:
        _text(value, reading, depth)
    if role.code or role.status:
        reading.value(role, value)
    if role.fact and value:
        reading.fact(role, name, value)


def _field(role: Role, name: str, value: Any, reading: Reading, depth: int) -> None:
    """Take a field with anything else."""
    if role.fact:
        reading.fact(role, name, value)
    if isinstance(value, (dict, list, tuple)):
        if role is OTHER and str(name).endswith(EXCEPTION):
            reading.code(str(name))
        if not role.skipped:
            _walk(value, reading, depth + 1)
    elif (role.code or role.status) and isinstance(value, int) and not isinstance(value, bool):
        reading.value(role, value)


def _text(text: str, reading: Reading, depth: int) -> None:
    """Take a text for people; what it holds of JSON, a dict of Python or a page is read as that, too."""
    if "{" in text and depth < _DEPTH:
        _mixed(text.strip(), reading, depth)
    elif "<" in text and _MARKUP.search(text) is not None:
        read_text(text, reading)
    else:
        reading.message(text)


def _mixed(text: str, reading: Reading, depth: int) -> None:
    """A text with braces: JSON behind some words, or something that only looks like it."""
    start = 0 if text[0] in '["' else text.find("{")
    value = _json_in(text[start : text.rfind("}") + 1] if start else text)
    if isinstance(value, str):
        read_text(text, reading)
        return
    if start:
        read_text(text[:start], reading)
    _walk(value, reading, depth + 1)


def _json_in(text: str) -> Any:
    if text[:1] in "{[" or text[:2] == '"{':
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError, ValueError):
            return text
    return text


def _raw(body: Any) -> str:
    if isinstance(body, _OCTETS):
        return bytes(body[:RAW]).decode("utf-8", "replace")
    if isinstance(body, str):
        return body[:RAW]
    if body is None:
        return ""
    try:
        return msgspec.json.encode(body)[:RAW].decode("utf-8", "replace")
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        return ""
