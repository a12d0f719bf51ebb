"""Reading a text, such as cut JSON, a dict of Python, a page or a trace: its codes, statuses and exceptions."""

from __future__ import annotations

import re
from typing import Final

from holdfast.providers.failures.fields import ROLES
from holdfast.providers.failures.reading import Reading, ends
from holdfast.providers.failures.status_in import status_in
from holdfast.providers.failures.words import names

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
    r"|\binvalid response object from api\b"
    r"|\b(?:this|it) (?:may|might|can|could) (?:be caused by|be due to|happen due to|happen because of)[^.\n]{1,300}",
    re.IGNORECASE,
)
_SIGNS: Final = (  # one of them is in everything that the expression finds, and costs less to look for
    *("input should be", "ratelimit", "validation failed", "response object", "caused by", "due to", "because of"),
)
_PAIRS: Final = 80  # pairs of a text that are looked at
_NAMES: Final = 12  # names of classes
_CODES: Final = 4  # gRPC statuses
_TITLE: Final = re.compile(r"<title[^<>]{0,200}>([^<]{0,300})", re.IGNORECASE)
_TAG: Final = re.compile(r"</?[A-Za-z!][^<>]{0,400}>")
_WORD: Final = re.compile(r"[A-Za-z]{7,64}")
_CLASS: Final = ("Error", "Exception", "Timeout", "Failure")  # how the names of exceptions' classes end
_PAGE: Final = re.compile(
    r"\s{0,200}(?:<!doctype html|<html|<head|<\?xml[^>]{0,200}>\s{0,20}<(?:!doctype )?html)", re.IGNORECASE
)


def read_text(text: str, reading: Reading) -> None:
    """Take from a text what it tells, and the text itself."""
    text = ends(_unescaped(text))
    if _PAGE.match(text.lstrip("\ufeff")):
        reading.html = True
    if "<" in text:
        text = _untagged(text, reading)
    lowered = text.lower()
    if any(sign in lowered for sign in _SIGNS):
        text = _NO_PROOF.sub(" ", text)
    _grpc(text, reading)
    _classes(text, reading)
    _pairs(text, reading)
    if reading.status is None:
        reading.status = status_in(text)
    reading.message(text)


def _unescaped(text: str) -> str:
    """JSON in a string in a string: its quotes and line breaks come with backslashes."""
    if '\\"' not in text:
        return text.replace("\\n", "\n")
    text = text.replace("\\\\", "\\")
    for _ in range(2):
        text = text.replace('\\"', '"').replace("\\n", "\n")
    return text


def _untagged(text: str, reading: Reading) -> str:
    title = _TITLE.search(text)
    if title is not None and title[1].strip():
        reading.message(title[1].strip())
    return _TAG.sub(" ", text)


def _grpc(text: str, reading: Reading) -> None:
    if "grpc_status" not in text and "StatusCode." not in text:
        return
    for word, digits in _GRPC.findall(text)[:_CODES]:
        number = int(digits or 0)
        reading.code(word or (_GRPC_CODES[number] if number < len(_GRPC_CODES) else ""))


def _classes(text: str, reading: Reading) -> None:
    """The names of exceptions' classes."""
    if not any(end in text for end in _CLASS):
        return
    for name in [word for word in _WORD.findall(text) if word.endswith(_CLASS) and word[0].isupper()][:_NAMES]:
        if name.endswith("Exception"):  # AWS says the server's code so, "(ThrottlingException)"
            reading.code(name)
        else:
            reading.names[name.lower()] = name


def _pairs(text: str, reading: Reading) -> None:
    """Fields and their values."""
    for key, quoted, digits in _PAIR.findall(text)[:_PAIRS]:
        name = key.lower()
        if name not in _IN_TEXT:
            continue
        value = quoted or (float(digits) if "." in digits else int(digits))
        role = ROLES[name]
        if role.fact:
            reading.fact(role, name, value)
        if not isinstance(value, float):
            reading.value(role, value)
        if role.text and quoted:
            reading.message(quoted)
