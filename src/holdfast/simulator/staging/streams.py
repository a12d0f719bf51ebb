"""Faults inside a stream. Pure."""
# ruff: noqa: ARG001  # every fault is staged by the same signature, also one that has no parameter

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from itertools import chain, repeat
from typing import Final

from msgspec.structs import replace

from holdfast.simulator import faults as f
from holdfast.simulator.answers import events_of
from holdfast.simulator.reply import (
    Draft,
    Pause,
    Scene,
    Stage,
    Wait,
    answered,
    changed,
    drafted,
    parted,
    streamed,
)
from holdfast.simulator.staging.refusals import error_of
from holdfast.simulator.staging.wires import ALIVE, TERMINATOR


def _early_end(fault: f.EarlyEnd, scene: Scene) -> Draft:
    draft = answered(scene)
    before, _ = parted(draft, fault.after, fault.bytes)
    return replace(draft, body=before, framing="close" if fault.framing == "close" else draft.framing)


def _no_done(fault: f.NoDone, scene: Scene) -> Draft:
    draft, terminator = answered(scene), TERMINATOR.get(scene.service.name)
    if not scene.streamed or terminator is None:
        return draft
    return changed(draft, lambda piece: piece.partition(terminator)[0])


def _error_event(fault: f.ErrorEvent, scene: Scene) -> Draft:
    error = error_of(fault.kind, scene)
    if not scene.streamed:
        return drafted(scene.service.error(error), 200)
    writer = scene.service.writer(scene.served)
    pieces = [data for event in events_of(scene.response) if (data := writer.feed(event))]
    kept = pieces[: fault.after]
    return Draft(headers=writer.headers, body=(*kept, writer.error(error)), framing="chunked")


def _malformed_chunk(fault: f.MalformedChunk, scene: Scene) -> Draft:
    draft = answered(scene)
    before, behind = parted(draft, fault.after)
    return replace(draft, body=(*before, *(_malformed(piece) for piece in behind[:1]), *behind[1:]))


def _malformed(piece: bytes | Pause) -> bytes | Pause:
    """Half an SSE event that still ends as one; in binary frames and whole bodies a flipped byte."""
    if not isinstance(piece, bytes):
        return piece
    if piece.endswith(b"\n\n"):
        return piece[: (piece.rfind(b"data:") + 5 + len(piece)) // 2] + b"\n\n"
    return piece[:-1] + bytes((piece[-1] ^ 0xFF,))


def _null_chunk(fault: f.NullChunk, scene: Scene) -> Draft:
    draft = answered(scene)
    if not scene.streamed or scene.service.name not in ALIVE:
        return draft
    before, behind = parted(draft, fault.after)
    return replace(draft, body=(*before, b"data: null\n\n", *behind))


def _garbage(fault: f.Garbage, scene: Scene) -> Draft:
    draft = answered(scene)
    before, _ = parted(draft, fault.after)
    return replace(draft, body=(*before, _noise(fault.length)))


def _noise(length: int) -> bytes:
    blocks = (sha256(b"%d" % number).digest() for number in range(-(-length // 32)))
    return b"".join(blocks)[:length]


def _keep_alives(fault: f.KeepAlives, scene: Scene) -> Draft:
    draft = answered(scene)
    if not scene.streamed:
        return replace(draft, before=(Wait(fault.seconds * fault.count),))
    before, behind = parted(draft, fault.after)
    sign = ALIVE.get(scene.service.name)
    beat = (Wait(fault.seconds),) if sign is None else (sign, Wait(fault.seconds))
    return replace(draft, body=chain(before, chain.from_iterable(repeat(beat, fault.count)), behind))


def _double_finish(fault: f.DoubleFinish, scene: Scene) -> Draft:
    if not scene.streamed:
        return answered(scene)
    open_ended = tuple(streamed(scene, events_of(scene.response), closed=False).body)
    draft = answered(scene)
    whole = tuple(draft.body)
    return replace(draft, body=(*whole, *whole[len(open_ended) - 1 :]))


STAGES: Final[Mapping[type[f.Fault], Stage]] = {
    f.EarlyEnd: _early_end,
    f.NoDone: _no_done,
    f.ErrorEvent: _error_event,
    f.MalformedChunk: _malformed_chunk,
    f.NullChunk: _null_chunk,
    f.Garbage: _garbage,
    f.KeepAlives: _keep_alives,
    f.DoubleFinish: _double_finish,
}
