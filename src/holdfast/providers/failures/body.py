"""Reading a body of unknown form, within bounds: JSON, JSON inside strings, Python's way to print a dict, HTML, text.

No more than 64 KiB are looked at, 8 levels deep, 400 fields wide; words and the like are taken from the first and last
few thousand characters of the messages. Nothing here knows a provider: it knows the names that fields have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from holdfast.providers.failures.evidence import Evidence
from holdfast.providers.failures.status_in import status_in
from holdfast.providers.failures.words import names

BOUND: Final = 65_536
_OCTETS: Final = (bytes, bytearray, memoryview)
_DEPTH: Final = 8
_FIELDS: Final = 400
_MESSAGE: Final = 4_000
_MESSAGES: Final = 12

_CODE: Final = names(
    "exception-type x-amzn-errortype code type status reason error_code errorcode err_code error_type errortype __type"
    " exceptionname name error_name category blockreason stopreason subtype err_type errtype"
)
_TEXT: Final = names(
    "message msg error detail error_msg error_message errormessage description title err_msg errmsg raw reason"
    " error_description explanation userfacingmessage developer_message errors cause status_msg statusmessage"
    " originalmessage text_body response_code_details fault faultstring details quotametric"
)
_STATUS: Final = names(
    "code status statuscode status_code response_code http_code http_status httpstatuscode httpstatus error_code"
    " originalstatuscode original_status_code upstream_status"
)
_DETAIL: Final = names(
    "retrydelay estimated_time n_ctx n_prompt_tokens quotaid quotavalue quotametric content_filter_result"
    " content_filter_results innererror flagged_input reasons request_id requestid retry_after retryafter"
    " retry_after_seconds retry_after_ms resets_at resets_in_seconds reset_at param categories x-request-id"
    " retry_in retry_after_sec clears_in code headers provider_name error_type failed_generation location"
    " moderation_stage quota_limit_value"
)
_HEADER_CODES: Final = (":exception-type", ":error-code", "x-amzn-errortype")  # AWS
# What a caller sent or a model said proves nothing about a failure.
_SKIPPED: Final = names(
    "choices candidates messages input output usage previous_errors content delta prompt ctx loc headers httpheaders"
    " safetyratings usagemetadata links more_info documentation_url doc_url help failed_generation tools"
    " content_filter_result content_filter_results"
)
_KEPT: Final = 4_096  # characters of `Evidence.raw`
_LONGEST: Final = 120  # characters of a code
_NOTHING: Final = frozenset(("", "none", "null", "error", "undefined", "***"))


class _Role(NamedTuple):
    """What a field of this name may tell."""

    detail: bool = False
    skipped: bool = False
    status: bool = False
    code: bool = False
    text: bool = False


_ROLES: Final = {
    name: _Role(name in _DETAIL, name in _SKIPPED, name in _STATUS, name in _CODE, name in _TEXT)
    for name in _DETAIL | _SKIPPED | _STATUS | _CODE | _TEXT
}

# "key": "value" in JSON, in Python's dicts, with typographic quotes, in a text that was cut anywhere.
_QUOTE: Final = r"[\"'\u2018\u2019\u201c\u201d]"
_PAIR: Final = re.compile(
    rf"\b([A-Za-z_][A-Za-z_-]{{2,31}}+){_QUOTE}?+\s{{0,4}}+[:=]\s{{0,4}}+"
    rf"(?:{_QUOTE}([^\"'\u2018\u2019\u201c\u201d]{{1,120}}){_QUOTE}|(-?\d{{1,12}}(?:\.\d{{1,20}})?)\b)"
)
_IN_TEXT: Final = names(
    "code type status reason error_code error_type http_code http_status status_code statuscode __type param retrydelay"
    " estimated_time n_ctx n_prompt_tokens quotaid quotavalue quotametric request_id retry_after resets_in_seconds"
    " exception-type x-amzn-errortype"
)
"""The fields that are read out of a text; others in a text are more often a caller's than a server's."""
_GRPC: Final = re.compile(r"StatusCode\.([A-Z][A-Z_]{1,30})\b|grpc_status:\s?(\d{1,2})\b")
_GRPC_CODES: Final = (  # by their numbers
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
# What proves nothing: the values that a validator would take, names of headers, what a client guesses at.
_NO_PROOF: Final = re.compile(
    r"Input should be [^\[\n]{1,400}(?=\[type=)"
    r"|\bx-ratelimit-[a-z-]{1,40}"
    r"|\bcredentials validation failed\b"
    r"|\b(?:this|it) (?:may|might|can|could) (?:be caused by|be due to|happen due to|happen because of)[^.\n]{1,300}",
    re.IGNORECASE,
)
_RELAYED: Final = frozenset((None, 500, 502))
_BEHIND: Final = re.compile(r"(?:failed with|bad response|returned) status code:? ([45]\d\d)\b")
_MAYBE: Final = re.compile(r"Input should be|ratelimit|validation failed|caused by|due to|because of", re.IGNORECASE)
_PAIRS: Final = 80  # pairs of a text that are looked at
_TITLE: Final = re.compile(r"<title[^<>]{0,200}>([^<]{0,300})", re.IGNORECASE)
_MARKUP: Final = re.compile(r"</|<!doctype|<html|<title|<head", re.IGNORECASE)
_TAG: Final = re.compile(r"<[^<>]{0,400}>")
_WORD: Final = re.compile(r"[A-Za-z]{7,64}")
_CLASS: Final = ("Error", "Exception", "Timeout", "Failure")  # how the names of exceptions' classes end
_PAGE: Final = re.compile(
    r"\s{0,200}(?:<!doctype html|<html|<head|<\?xml[^>]{0,200}>\s{0,20}<(?:!doctype )?html)", re.IGNORECASE
)


class _Found:
    """What the walk through a body has found so far; codes and names by their small letters, as they were written."""

    __slots__ = ("codes", "details", "fields", "html", "messages", "names", "status")

    def __init__(self) -> None:
        self.codes: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.messages: list[str] = []
        self.details: dict[str, Any] = {}
        self.status: int | None = None
        self.fields = _FIELDS
        self.html = False

    def code(self, written: str) -> None:
        """Take a code, unless it is no more than an HTTP status."""
        if "#" in written:  # "com.amazon.coral.service#ThrottlingException"
            written = written.rpartition("#")[2]
        written = written.strip()
        word = written.lower()
        if word not in self.codes and word not in _NOTHING and len(word) <= _LONGEST and not _http_status(word):
            self.codes[word] = written

    def message(self, text: str) -> None:
        """Take a text, once, and only so much of it."""
        text = _ends(text, _MESSAGE)
        if text not in self.messages and len(self.messages) < _MESSAGES and not text.isspace() and text:
            self.messages.append(text)


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
    found = _Found()
    if headers:
        for name in _HEADER_CODES:
            if name in headers:
                found.code(headers[name].partition(":")[0])
    if isinstance(value, str):
        _read_text(value, found)
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


def _known(status: int | None, found: _Found) -> int | None:
    """The status to go by: HTTP's own, or where that only says that a relay failed, the one that it says it got."""
    known = status if status is not None and not 200 <= status < 300 else found.status or status
    if known in _RELAYED:
        for text in found.messages:
            if "status code" in text and (behind := _BEHIND.search(text)) is not None:
                return int(behind[1])
    return known


def _walk(value: Any, found: _Found, depth: int) -> None:
    if depth > _DEPTH or found.fields <= 0:
        return
    if isinstance(value, dict):
        fields = value.items() if len(value) <= found.fields else islice(value.items(), found.fields)
        found.fields -= len(value)
        for name, inner in fields:
            _field(name, inner, found, depth)
    elif isinstance(value, str):
        _text(value, found, depth)
    elif isinstance(value, (list, tuple)):
        items = value[: found.fields]
        found.fields -= len(items)
        for inner in items:
            _walk(inner, found, depth if isinstance(inner, str) else depth + 1)


def _field(name: str, value: Any, found: _Found, depth: int) -> None:
    role = _ROLES.get(name) or _ROLES.get(str(name).lower())
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
        if status and (number := _http_status(value)):
            found.status = found.status or number
        elif code:
            found.code(value)
        if text:
            _text(value, found, depth)
    elif isinstance(value, (dict, list, tuple)):
        _walk(value, found, depth + 1)
    elif (status or code) and isinstance(value, int) and not isinstance(value, bool):
        if status and 299 < value < 600:
            found.status = found.status or value
        else:
            found.code(str(value))


def _text(text: str, found: _Found, depth: int) -> None:
    """Take a text for people; what it holds of JSON, a dict of Python or a page is read as that, too."""
    if "{" in text and depth < _DEPTH:
        _mixed(text.strip(), found, depth)
    elif "<" in text and _MARKUP.search(text) is not None:
        _read_text(text, found)
    else:
        found.message(text)


def _mixed(text: str, found: _Found, depth: int) -> None:
    """A text with braces: JSON behind some words, or something that only looks like it."""
    start = 0 if text[0] in '["' else text.find("{")
    value = _json_in(text[start : text.rfind("}") + 1] if start else text)
    if isinstance(value, str):
        _read_text(text, found)
        return
    if start:
        _read_text(text[:start], found)
    _walk(value, found, depth + 1)


def _read_text(text: str, found: _Found) -> None:
    if '\\"' in text:  # JSON in a string in a string: its quotes come with backslashes
        text = text.replace("\\\\", "\\").replace('\\"', '"').replace("\\n", "\n")
        text = text.replace('\\"', '"').replace("\\n", "\n")
    text = _ends(text, _MESSAGE)
    page = text.lstrip("\ufeff")
    if _PAGE.match(page):
        found.html = True
    if "<" in text:
        title = _TITLE.search(text)
        if title is not None and title[1].strip():
            found.message(title[1].strip())
        text = _TAG.sub(" ", text)
    if _MAYBE.search(text) is not None:
        text = _NO_PROOF.sub(" ", text)
    if "grpc_status" in text or "StatusCode." in text:
        for word, number in _GRPC.findall(text)[:4]:
            found.code(word or _grpc_code(int(number)))
    for name in [word for word in _WORD.findall(text) if word.endswith(_CLASS) and word[0].isupper()][:12]:
        if name.endswith("Exception"):  # AWS says the server's code so, "(ThrottlingException)"
            found.code(name)
        else:
            found.names[name.lower()] = name
    for key, quoted, number in _PAIR.findall(text)[:_PAIRS]:
        if key.lower() in _IN_TEXT:
            _field(key, quoted or _number(number), found, _DEPTH)
    if found.status is None:
        found.status = status_in(text)
    found.message(text)


def _grpc_code(number: int) -> str:
    return _GRPC_CODES[number] if number < len(_GRPC_CODES) else ""


def _json_in(text: str) -> Any:
    if text[:1] in "{[" or text[:2] == '"{':
        try:
            return msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError, ValueError):
            return text
    return text


def _http_status(word: str) -> int | None:
    return int(word) if len(word) == 3 and word.isascii() and word.isdigit() and "299" < word < "600" else None


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


def _ends(text: str, bound: int) -> str:
    """`text`, or its two ends where it is longer than both together."""
    return text if len(text) <= 2 * bound else f"{text[:bound]} ... {text[-bound:]}"


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
