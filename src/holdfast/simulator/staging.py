"""How each fault looks on a wire: the draft of the reply that shows it. Pure."""
# ruff: noqa: ARG001  # every fault is staged by the same signature, also one that has no parameter

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from functools import singledispatch
from hashlib import sha256
from itertools import chain, repeat
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import replace

from holdfast.errors import ERRORS, Facts, Limit, ModelError
from holdfast.events import Finish
from holdfast.messages import ToolCall
from holdfast.response import Response, fold
from holdfast.simulator import faults as f
from holdfast.simulator.answers import events_of
from holdfast.simulator.reply import (
    SLICE,
    Act,
    Draft,
    HangUp,
    Pause,
    Reset,
    Scene,
    Wait,
    answered,
    drafted,
    joined,
    parted,
    sliced,
    streamed,
    whole,
    written,
)

# The list without which an answer on this wire is none (each provider's API reference, "Response").
_CHOICES: Final = {
    "openai_chat": "choices",
    "openai_responses": "output",
    "anthropic": "content",
    "gemini": "candidates",
    "bedrock": "output",
}
# Where a whole answer says how it ended.
_FINISH: Final[Mapping[str, tuple[str | int, ...]]] = {
    "openai_chat": ("choices", 0, "finish_reason"),
    "openai_responses": ("status",),
    "anthropic": ("stop_reason",),
    "gemini": ("candidates", 0, "finishReason"),
    "bedrock": ("stopReason",),
}
# What ends a stream, on the wires that have such a thing besides the event with the finish reason.
_TERMINATOR: Final = {"openai_chat": b"data: [DONE]", "anthropic": b"event: message_stop"}
# Where the event that states the finish reason says more, so that it cannot simply be left out.
_REASON: Final = {"anthropic": re.compile(rb'"stop_reason":"\w+"')}
# What each wire sends to keep a connection open. Bedrock's frames know no such thing.
_ALIVE: Final = {
    "openai_chat": b": keep-alive\n\n",
    "openai_responses": b": keep-alive\n\n",
    "anthropic": b'event: ping\ndata: {"type": "ping"}\n\n',
    "gemini": b": keep-alive\n\n",
}


def acts(fault: f.Fault | None, scene: Scene, headers: Mapping[str, str] | None = None) -> Iterator[Act]:
    """What the server does for this request, in order. `headers` go under those of the reply itself."""
    draft = answered(scene) if fault is None else stage(fault, scene)
    return written(replace(draft, headers={**(headers or {}), **draft.headers}))


def _answer_with(scene: Scene, response: Response) -> Draft:
    return answered(replace(scene, response=response))


# -- instead of an answer ------------------------------------------------------------------------------------------


@singledispatch
def stage(fault: f.Fault, scene: Scene) -> Draft:
    """The reply that shows `fault`."""
    raise NotImplementedError(type(fault).__name__)


_MESSAGES: Final[Mapping[str, str]] = {
    "rate_limit": "Rate limit reached for requests per minute.",
    "quota_exhausted": "The credit of this account is used up.",
    "request_too_large": "The request is larger than this server lets through.",
    "context_overflow": "The prompt is longer than the maximum context length.",
    "content_filter": "The prompt was refused by the content policy.",
    "overloaded": "The model is overloaded at the moment.",
    "server_error": "The server had an error while it worked on the request.",
    "timeout": "The request took too long.",
    "authentication": "The API key is not valid.",
    "permission": "This key may not use the model.",
    "model_not_found": "The model does not exist.",
    "invalid_request": "A parameter of the request is not valid.",
}


def error_of(kind: str, scene: Scene, message: str | None = None, **facts: Any) -> ModelError:
    """The error called `kind` as the simulated provider raises it."""
    stated: Facts = {"model": scene.served.model, "provider": "sim", **facts}  # type: ignore[typeddict-item]
    if kind == "content_filter":
        stated.setdefault("scope", "prompt")
        stated.setdefault("categories", ("violence",))
    if kind == "context_overflow":
        asked = scene.response.usage.input_tokens
        stated.setdefault("limit", Limit(max_tokens=max(asked // 2, 1), requested_tokens=asked, input_tokens=asked))
    return ERRORS[kind](message or _MESSAGES[kind], **stated)


@stage.register
def _(fault: f.Refuse, scene: Scene) -> Draft:
    wait = fault.retry_after
    message = fault.message or _MESSAGES[fault.kind]
    if wait is not None and fault.wait == "text":
        message = f"{message} Please try again in {wait:g}s."
    native = wait if fault.wait == "native" else None
    facts = {"status": fault.status, "code": fault.code, "retry_after": native}
    stated = {name: value for name, value in facts.items() if value is not None}
    reply = scene.service.error(error_of(fault.kind, scene, message, **stated))
    draft = drafted(reply, fault.status)
    return draft if wait is None else replace(draft, headers={**draft.headers, **_waits(fault.wait, wait, scene.now)})


def _waits(form: f.WaitForm, seconds: float, now: float) -> Mapping[str, str]:
    match form:
        case "seconds":
            return {"retry-after": f"{seconds:g}"}
        case "milliseconds":
            return {"retry-after-ms": str(round(seconds * 1000))}
        case "date":
            return {"retry-after": formatdate(now + seconds, usegmt=True)}
        case "reset":
            return {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": f"{seconds:g}s"}
        case _:
            return {}


@stage.register
def _(fault: f.Status, scene: Scene) -> Draft:
    headers = {"content-type": "application/json", **{name.lower(): text for name, text in fault.headers.items()}}
    return Draft(status=fault.status, headers=headers, body=(fault.body.encode(),))


@stage.register
def _(fault: f.Html, scene: Scene) -> Draft:
    page = (
        f"<!DOCTYPE html>\n<html><head><title>{fault.title}</title></head><body><h1>{fault.title}</h1></body></html>\n"
    )
    return Draft(status=fault.status, headers={"content-type": "text/html; charset=utf-8"}, body=(page.encode(),))


@stage.register
def _(fault: f.EmptyBody, scene: Scene) -> Draft:
    return Draft(status=fault.status, headers=answered(scene).headers)


@stage.register
def _(fault: f.Redirect, scene: Scene) -> Draft:
    return Draft(status=fault.status, headers={"location": fault.location})


@stage.register
def _(fault: f.ErrorIn200, scene: Scene) -> Draft:
    return drafted(scene.service.error(error_of(fault.kind, scene)), 200)


@stage.register
def _(fault: f.CutJson, scene: Scene) -> Draft:
    draft = whole(scene)
    data = joined(draft)
    return replace(draft, body=(data[: min(round(len(data) * fault.keep), len(data) - 1)],))


@stage.register
def _(fault: f.NullChoices, scene: Scene) -> Draft:
    draft = _with_null(whole(scene), (_CHOICES[scene.service.name],))
    if not scene.streamed or scene.service.name not in _ALIVE:
        return draft
    return replace(answered(scene), body=(b"data: " + joined(draft) + b"\n\n",))


def _with_null(draft: Draft, path: tuple[str | int, ...]) -> Draft:
    """A JSON reply with null at one place."""
    *steps, last = path
    body = inner = msgspec.json.decode(joined(draft))
    for step in steps:
        inner = inner[step]
    inner[last] = None
    return replace(draft, body=(msgspec.json.encode(body),))


@stage.register
def _(fault: f.JsonForStream, scene: Scene) -> Draft:
    return whole(scene)


# -- another answer ------------------------------------------------------------------------------------------------


@stage.register
def _(fault: f.EmptyCompletion, scene: Scene) -> Draft:
    usage = replace(scene.response.usage, output_tokens=0, reasoning_tokens=0)
    return _answer_with(scene, replace(scene.response, parts=(), finish_reason="stop", usage=usage))


@stage.register
def _(fault: f.NoFinishReason, scene: Scene) -> Draft:
    if not scene.streamed:
        return _with_null(whole(scene), _FINISH[scene.service.name])
    if (reason := _REASON.get(scene.service.name)) is not None:
        draft = answered(scene)
        return _changed(draft, lambda piece: reason.sub(b'"stop_reason":null', piece))
    return streamed(scene, (event for event in events_of(scene.response) if not isinstance(event, Finish)))


def _changed(draft: Draft, change: Callable[[bytes], bytes]) -> Draft:
    return replace(draft, body=tuple(change(piece) if isinstance(piece, bytes) else piece for piece in draft.body))


@stage.register
def _(fault: f.FilterFinish, scene: Scene) -> Draft:
    return _finished(scene, fault.after, "content_filter")


@stage.register
def _(fault: f.LengthFinish, scene: Scene) -> Draft:
    return _finished(scene, fault.after, "length")


def _finished(scene: Scene, after: int, reason: Literal["content_filter", "length"]) -> Draft:
    """The first `after` events of the answer, and then a finish reason."""
    *events, last = events_of(scene.response)
    kept = events[:after] if after < 0 else events[: max(after, 1)]
    finish = replace(last, finish_reason=reason)
    if scene.streamed:
        return streamed(scene, (*kept, finish))
    return whole(scene, fold((*kept, finish)))


@stage.register
def _(fault: f.ToolArgumentsCut, scene: Scene) -> Draft:
    parts = tuple(
        replace(part, arguments=part.arguments[: int(len(part.arguments) * fault.keep)])
        if isinstance(part, ToolCall)
        else part
        for part in scene.response.parts
    )
    if parts == scene.response.parts:
        return answered(scene)
    return _answer_with(scene, replace(scene.response, parts=parts, finish_reason=fault.finish))


# -- in the stream -------------------------------------------------------------------------------------------------


@stage.register
def _(fault: f.EarlyEnd, scene: Scene) -> Draft:
    draft = answered(scene)
    before, _ = parted(draft, fault.after, fault.bytes)
    return replace(draft, body=before, framing="close" if fault.framing == "close" else draft.framing)


@stage.register
def _(fault: f.NoDone, scene: Scene) -> Draft:
    draft, terminator = answered(scene), _TERMINATOR.get(scene.service.name)
    if not scene.streamed or terminator is None:
        return draft
    return _changed(draft, lambda piece: piece.partition(terminator)[0])


@stage.register
def _(fault: f.ErrorEvent, scene: Scene) -> Draft:
    error = error_of(fault.kind, scene)
    if not scene.streamed:
        return drafted(scene.service.error(error), 200)
    writer = scene.service.writer(scene.served)
    pieces = [data for event in events_of(scene.response) if (data := writer.feed(event))]
    kept = pieces[: fault.after]
    return Draft(headers=writer.headers, body=(*kept, writer.error(error)), framing="chunked")


@stage.register
def _(fault: f.MalformedChunk, scene: Scene) -> Draft:
    draft = answered(scene)
    before, behind = parted(draft, fault.after)
    return replace(draft, body=(*before, *(_malformed(piece) for piece in behind[:1]), *behind[1:]))


def _malformed(piece: bytes | Pause) -> bytes | Pause:
    """Half an SSE event that still ends as one; in binary frames and whole bodies a flipped byte."""
    if not isinstance(piece, bytes):
        return piece
    if piece.endswith(b"\n\n"):
        return piece[: max(piece.rfind(b"data:") + 5, len(piece) * 2 // 3)] + b"\n\n"
    return piece[:-1] + bytes((piece[-1] ^ 0xFF,))


@stage.register
def _(fault: f.NullChunk, scene: Scene) -> Draft:
    draft = answered(scene)
    if not scene.streamed or scene.service.name not in _ALIVE:
        return draft
    before, behind = parted(draft, fault.after)
    return replace(draft, body=(*before, b"data: null\n\n", *behind))


@stage.register
def _(fault: f.Garbage, scene: Scene) -> Draft:
    draft = answered(scene)
    before, _ = parted(draft, fault.after)
    return replace(draft, body=(*before, _noise(fault.length)))


def _noise(length: int) -> bytes:
    blocks = (sha256(b"%d" % number).digest() for number in range(-(-length // 32)))
    return b"".join(blocks)[:length]


@stage.register
def _(fault: f.KeepAlives, scene: Scene) -> Draft:
    draft = answered(scene)
    if not scene.streamed:
        return replace(draft, before=(Wait(fault.seconds * fault.count),))
    before, behind = parted(draft, fault.after)
    sign = _ALIVE.get(scene.service.name)
    beat = (Wait(fault.seconds),) if sign is None else (sign, Wait(fault.seconds))
    return replace(draft, body=chain(before, chain.from_iterable(repeat(beat, fault.count)), behind))


@stage.register
def _(fault: f.DoubleFinish, scene: Scene) -> Draft:
    if not scene.streamed:
        return answered(scene)
    open_ended = tuple(streamed(scene, events_of(scene.response), closed=False).body)
    draft = answered(scene)
    whole = tuple(draft.body)
    return replace(draft, body=(*whole, *whole[len(open_ended) - 1 :]))


# -- on the connection ---------------------------------------------------------------------------------------------


@stage.register
def _(fault: f.ResetBeforeHeaders, scene: Scene) -> Draft:
    return Draft(before=(Reset(),))


@stage.register
def _(fault: f.HangUpBeforeHeaders, scene: Scene) -> Draft:
    return Draft(before=(HangUp(),))


@stage.register
def _(fault: f.ResetAfter, scene: Scene) -> Draft:
    return _interrupted(answered(scene), fault.after, fault.bytes, Reset())


@stage.register
def _(fault: f.Stall, scene: Scene) -> Draft:
    return _interrupted(answered(scene), fault.after, None, Wait(fault.seconds))


def _interrupted(draft: Draft, after: int, bytes_: int | None, pause: Pause) -> Draft:
    before, behind = parted(draft, after, bytes_)
    return replace(draft, body=(*before, pause, *behind))


@stage.register
def _(fault: f.SlowDrip, scene: Scene) -> Draft:
    draft = answered(scene)
    crumbs = sliced(joined(draft), fault.bytes)
    body = tuple(chain.from_iterable((crumb, Wait(fault.seconds)) for crumb in crumbs))
    return replace(draft, body=body)


@stage.register
def _(fault: f.Latency, scene: Scene) -> Draft:
    return replace(answered(scene), before=(Wait(fault.seconds),))


@stage.register
def _(fault: f.Compressed, scene: Scene) -> Draft:
    draft = answered(scene)
    press = zlib.compressobj(wbits=31 if fault.encoding == "gzip" else 15)
    pieces = [
        press.compress(piece) + press.flush(zlib.Z_SYNC_FLUSH) for piece in draft.body if isinstance(piece, bytes)
    ]
    data = b"".join(pieces) + press.flush()
    if fault.keep < 1:
        data = data[: int(len(data) * fault.keep)]
    return replace(draft, headers={**draft.headers, "content-encoding": fault.encoding}, body=sliced(data, SLICE))


@stage.register
def _(fault: f.WrongLength, scene: Scene) -> Draft:
    draft = answered(scene)
    data = joined(draft)
    headers = {**draft.headers, "content-length": str(max(len(data) + fault.by, 0))}
    return Draft(status=draft.status, headers=headers, body=(data, HangUp()))
