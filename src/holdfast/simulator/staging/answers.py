"""Faults in which another answer comes than the right one. Pure."""
# ruff: noqa: ARG001  # every fault is staged by the same signature, also one that has no parameter

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from msgspec.structs import replace

from holdfast.events import Finish
from holdfast.messages import ToolCall
from holdfast.response import Response, fold
from holdfast.simulator import faults as f
from holdfast.simulator.answers import events_of
from holdfast.simulator.reply import (
    Draft,
    Scene,
    Stage,
    answered,
    changed,
    streamed,
    whole,
    with_null,
)
from holdfast.simulator.staging.wires import FINISH, REASON


def _answer_with(scene: Scene, response: Response) -> Draft:
    return answered(replace(scene, response=response))


def _empty_completion(fault: f.EmptyCompletion, scene: Scene) -> Draft:
    usage = replace(scene.response.usage, output_tokens=0, reasoning_tokens=0)
    return _answer_with(scene, replace(scene.response, parts=(), finish_reason="stop", usage=usage))


def _no_finish_reason(fault: f.NoFinishReason, scene: Scene) -> Draft:
    if not scene.streamed:
        return with_null(whole(scene), FINISH[scene.service.name])
    if (reason := REASON.get(scene.service.name)) is not None:
        draft = answered(scene)
        return changed(draft, lambda piece: reason.sub(b'"stop_reason":null', piece))
    return streamed(scene, (event for event in events_of(scene.response) if not isinstance(event, Finish)))


def _filter_finish(fault: f.FilterFinish, scene: Scene) -> Draft:
    return _finished(scene, fault.after, "content_filter")


def _length_finish(fault: f.LengthFinish, scene: Scene) -> Draft:
    return _finished(scene, fault.after, "length")


def _finished(scene: Scene, after: int, reason: Literal["content_filter", "length"]) -> Draft:
    """The first `after` events of the answer, and then a finish reason."""
    *events, last = events_of(scene.response)
    kept = events[:after] if after < 0 else events[: max(after, 1)]
    finish = replace(last, finish_reason=reason)
    if scene.streamed:
        return streamed(scene, (*kept, finish))
    return whole(scene, fold((*kept, finish)))


def _tool_arguments_cut(fault: f.ToolArgumentsCut, scene: Scene) -> Draft:
    parts = tuple(
        replace(part, arguments=part.arguments[: int(len(part.arguments) * fault.keep)])
        if isinstance(part, ToolCall)
        else part
        for part in scene.response.parts
    )
    if parts == scene.response.parts:
        return answered(scene)
    return _answer_with(scene, replace(scene.response, parts=parts, finish_reason=fault.finish))


STAGES: Final[Mapping[type[f.Fault], Stage]] = {
    f.EmptyCompletion: _empty_completion,
    f.NoFinishReason: _no_finish_reason,
    f.FilterFinish: _filter_finish,
    f.LengthFinish: _length_finish,
    f.ToolArgumentsCut: _tool_arguments_cut,
}
