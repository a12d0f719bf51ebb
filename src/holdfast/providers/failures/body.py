"""Reading a body of unknown form, within bounds: JSON, JSON inside strings, Python's way to print a dict, HTML, text.

No more than 64 KiB are looked at, 8 levels deep, 400 fields wide; words and the like are taken from the first and last
few thousand characters of the messages. Nothing here knows a provider: it knows the names that fields have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from holdfast.providers.failures.evidence import Evidence
from holdfast.providers.failures.fields import ROLES
from holdfast.providers.failures.found import Found
from holdfast.providers.failures.texts import read_text

BOUND: Final = 65_536
_OCTETS: Final = (bytes, bytearray, memoryview)
_DEPTH: Final = 8
_FIELDS: Final = 400
_KEPT: Final = 4_096  # characters of `Evidence.raw`
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


def evidence_of(
    body: Any,
    *,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
    provider: str | None = None,
    now: float | None = None,
) -> Evidence:
    """The evidence in a body: bytes, text, or JSON read already. `headers` have lower-cased names."""
    value = read_body(body)
    found = Found(_FIELDS)
    if headers:
        for name in _HEADER_CODES:
            if name in headers:
                found.code(headers[name].partition(":")[0])
    if isinstance(value, str):
        read_text(value, found)
    else:
        _walk(value, found, 0)
    return Evidence(
        status=_known(status, found),
        codes=tuple(found.codes),
        spelling={**found.codes, **found.names} if found.names else found.codes,
        names=tuple(found.names),
        messages=tuple(found.messages),
        details=found.details,
        headers=headers,
        provider=provider,
        html=found.html,
        raw=_raw(body),
        now=now,
    )


def _known(status: int | None, found: Found) -> int | None:
    """The status to go by: HTTP's own, or where that only says that a relay failed, the one that it says it got."""
    known = status if status is not None and not 200 <= status < 300 else found.status or status
    if known in _RELAYED:
        for text in found.messages:
            if "status code" in text and (behind := _BEHIND.search(text)) is not None:
                return int(behind[1])
    return known


def _walk(value: Any, found: Found, depth: int) -> None:
    if depth > _DEPTH or found.fields <= 0:
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            found.fields -= 1
            if found.fields < 0:
                return
            _field(name, inner, found, depth)
    elif isinstance(value, str):
        _text(value, found, depth)
    elif isinstance(value, (list, tuple)):
        for inner in value[: found.fields]:
            found.fields -= 1
            _walk(inner, found, depth if isinstance(inner, str) else depth + 1)


def _field(name: str, value: Any, found: Found, depth: int) -> None:
    role = ROLES.get(name) or ROLES.get(str(name).lower())
    if role is None:
        if isinstance(value, (dict, list, tuple)):
            _walk(value, found, depth + 1)
        return
    detail, skipped, status, code, text = role
    if detail and value is not None and value != "":
        found.details.setdefault(str(name).lower(), value)
    if skipped:
        return
    if isinstance(value, str):
        if status or code:
            found.value(role, value)
        if text:
            _text(value, found, depth)
    elif isinstance(value, (dict, list, tuple)):
        _walk(value, found, depth + 1)
    elif (status or code) and isinstance(value, int) and not isinstance(value, bool):
        found.value(role, value)


def _text(text: str, found: Found, depth: int) -> None:
    """Take a text for people; what it holds of JSON, a dict of Python or a page is read as that, too."""
    if "{" in text and depth < _DEPTH:
        _mixed(text.strip(), found, depth)
    elif "<" in text and _MARKUP.search(text) is not None:
        read_text(text, found)
    else:
        found.message(text)


def _mixed(text: str, found: Found, depth: int) -> None:
    """A text with braces: JSON behind some words, or something that only looks like it."""
    start = 0 if text[0] in '["' else text.find("{")
    value = _json_in(text[start : text.rfind("}") + 1] if start else text)
    if isinstance(value, str):
        read_text(text, found)
        return
    if start:
        read_text(text[:start], found)
    _walk(value, found, depth + 1)


def _json_in(text: str) -> Any:
    if text[:1] in "{[" or text[:2] == '"{':
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError, ValueError):
            return text
    return text


def _raw(body: Any) -> str:
    if isinstance(body, _OCTETS):
        return bytes(body[:_KEPT]).decode("utf-8", "replace")
    if isinstance(body, str):
        return body[:_KEPT]
    if body is None:
        return ""
    try:
        return msgspec.json.encode(body)[:_KEPT].decode("utf-8", "replace")
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
        return ""
