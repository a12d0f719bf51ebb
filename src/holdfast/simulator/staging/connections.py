"""Faults of the connection, and of how the bytes travel. Pure."""
# ruff: noqa: ARG001  # every fault is staged by the same signature, also one that has no parameter

from __future__ import annotations

import zlib
from collections.abc import Mapping
from itertools import chain
from typing import Final

from msgspec.structs import replace

from holdfast.simulator import faults as f
from holdfast.simulator.reply import (
    SLICE,
    Draft,
    HangUp,
    Pause,
    Reset,
    Scene,
    Stage,
    Wait,
    answered,
    joined,
    parted,
    sliced,
)


def _reset_before_headers(fault: f.ResetBeforeHeaders, scene: Scene) -> Draft:
    return Draft(before=(Reset(),))


def _hang_up_before_headers(fault: f.HangUpBeforeHeaders, scene: Scene) -> Draft:
    return Draft(before=(HangUp(),))


def _reset_after(fault: f.ResetAfter, scene: Scene) -> Draft:
    return _interrupted(answered(scene), fault.after, fault.bytes, Reset())


def _stall(fault: f.Stall, scene: Scene) -> Draft:
    return _interrupted(answered(scene), fault.after, None, Wait(fault.seconds))


def _interrupted(draft: Draft, after: int, bytes_: int | None, pause: Pause) -> Draft:
    before, behind = parted(draft, after, bytes_)
    return replace(draft, body=(*before, pause, *behind))


def _slow_drip(fault: f.SlowDrip, scene: Scene) -> Draft:
    draft = answered(scene)
    crumbs = sliced(joined(draft), fault.bytes)
    body = tuple(chain.from_iterable((crumb, Wait(fault.seconds)) for crumb in crumbs))
    return replace(draft, body=body)


def _latency(fault: f.Latency, scene: Scene) -> Draft:
    return replace(answered(scene), before=(Wait(fault.seconds),))


def _compressed(fault: f.Compressed, scene: Scene) -> Draft:
    draft = answered(scene)
    press = zlib.compressobj(wbits=31 if fault.encoding == "gzip" else 15)
    pieces = [
        press.compress(piece) + press.flush(zlib.Z_SYNC_FLUSH) for piece in draft.body if isinstance(piece, bytes)
    ]
    data = b"".join(pieces) + press.flush()
    if fault.keep < 1:
        data = data[: int(len(data) * fault.keep)]
    return replace(draft, headers={**draft.headers, "content-encoding": fault.encoding}, body=sliced(data, SLICE))


def _wrong_length(fault: f.WrongLength, scene: Scene) -> Draft:
    draft = answered(scene)
    data = joined(draft)
    headers = {**draft.headers, "content-length": str(max(len(data) + fault.by, 0))}
    return Draft(status=draft.status, headers=headers, body=(data, HangUp()))


STAGES: Final[Mapping[type[f.Fault], Stage]] = {
    f.ResetBeforeHeaders: _reset_before_headers,
    f.HangUpBeforeHeaders: _hang_up_before_headers,
    f.ResetAfter: _reset_after,
    f.Stall: _stall,
    f.SlowDrip: _slow_drip,
    f.Latency: _latency,
    f.Compressed: _compressed,
    f.WrongLength: _wrong_length,
}
