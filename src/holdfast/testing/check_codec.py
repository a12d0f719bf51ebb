"""Does a codec keep its promises? The laws that hold for every wire, checked on cases of its own."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from holdfast.errors import ErrorInfo, ModelError
from holdfast.events import Event
from holdfast.providers.codec import Codec, Headers, decode_all
from holdfast.request import Request
from holdfast.testing.check import check_events

_STATUSES: Final = (301, 400, 401, 402, 403, 404, 408, 409, 413, 422, 424, 429, 499, 500, 502, 503, 504, 529, 599)
_BODIES: Final = (
    b"",
    b" ",
    b"null",
    b"[]",
    b"{}",
    b"0",
    b'"text"',
    b"<html><title>502 Bad Gateway</title></html>",
    b"upstream connect error",
    b"\xff\xfe\x00",
    b'{"error": null}',
    b'{"error": "text"}',
    b'{"error": 5}',
    b'{"error": {"message": null, "code": 429, "type": []}}',
    b'{"error": {"message": {"text": "nested"}, "details": "none"}}',
    b'[{"error": {"code": "x"}}]',
    b'{"message": 5, "detail": [{"msg": 1}]}',
    b'{"error": {"message": "cut',
    b"[" * 2000,
)


class CodecCase(Struct, frozen=True, kw_only=True):
    """A request, and what a server answered to it; without a `body` only the request is checked."""

    request: Request
    body: bytes | None = None
    status: int = 200
    headers: Headers = {}
    model: str = "model"


Outcome: TypeAlias = tuple[list[Event], ErrorInfo | None]


def check_codec(codec: Codec, cases: Iterable[CodecCase], *, rounds: int = 3, seed: int = 0) -> None:
    """Check that a codec keeps the laws of `holdfast.providers.codec`.

    - `encode` gives the same HTTP request every time, with a JSON body, a path and lower-case header names; it raises
      nothing but `InvalidRequestError` and its kin.
    - The same bytes in any chunking, byte by byte included, give the same events and the same error; the events obey
      the grammar; nothing but `ModelError`s is raised.
    - `error` never raises, whatever the status and the body.

    Args:
        codec: the codec.
        cases: what to check it on.
        rounds: how many random chunkings each body is fed in.
        seed: of these chunkings.

    Raises:
        AssertionError: the first law that is broken, and the case that breaks it.
    """
    random = Random(seed)  # noqa: S311  # chunk borders are no secret
    for number, case in enumerate(cases):
        where = f"case {number}"
        _check_encoding(codec, case, where)
        if case.body is None:
            continue
        if case.status >= 300:
            _check_error(codec, case.status, case.headers, case.body, where)
            continue
        events, error = _decode(codec, case, [case.body], where)
        check_events(events, complete=error is None)
        chunkings = [[case.body[place : place + 1] for place in range(len(case.body))]]
        chunkings += [_cut(case.body, random) for _ in range(rounds)]
        for chunks in chunkings:
            same = _decode(codec, case, chunks, where) == (events, error)
            _require(same, f"{where}: {len(chunks)} chunks of the same bytes give another result")
    for status in _STATUSES:
        for body in _BODIES:
            _check_error(codec, status, {}, body, f"status {status} with {body[:60]!r}")


def _check_encoding(codec: Codec, case: CodecCase, where: str) -> None:
    try:
        first, second = codec.encode(case.request, case.model), codec.encode(case.request, case.model)
    except ModelError:
        return
    _require(first == second, f"{where}: encode gives another HTTP request the second time")
    _require(first.url.startswith("/"), f"{where}: the url of a codec is a path, not {first.url!r}")
    _require(all(name == name.lower() for name in first.headers), f"{where}: header names are lower-case")
    try:
        msgspec.json.decode(first.body)
    except msgspec.DecodeError as error:
        raise AssertionError(f"{where}: the encoded body is no JSON: {error}") from error


def _decode(codec: Codec, case: CodecCase, chunks: list[bytes], where: str) -> Outcome:
    decoder = codec.decoder(case.request, case.model, case.headers)
    events: list[Event] = []
    try:
        for event in decode_all(decoder, chunks):
            events.append(event)  # noqa: PERF402  # what came before an error counts
    except ModelError as error:
        return events, error.info
    except Exception as error:
        raise AssertionError(f"{where}: a decoder raises a ModelError, not {error!r}") from error
    return events, None


def _check_error(codec: Codec, status: int, headers: Headers, body: bytes, where: str) -> None:
    try:
        error: object = codec.error(status, headers, body, model="model", now=0.0)
    except Exception as broken:
        raise AssertionError(f"{where}: error() raises {broken!r}") from broken
    _require(isinstance(error, ModelError), f"{where}: error() gives a ModelError, not {error!r}")


def _cut(body: bytes, random: Random) -> list[bytes]:
    places = sorted(random.randrange(len(body) + 1) for _ in range(random.randrange(1, 40)))
    return [body[begin:end] for begin, end in zip([0, *places], [*places, len(body)], strict=True)]


def _require(condition: bool, law: str) -> None:
    if not condition:
        raise AssertionError(law)
