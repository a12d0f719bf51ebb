"""How each fault looks on a wire: the draft of the reply that shows it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from holdfast.simulator.faults import Fault
from holdfast.simulator.reply import Act, Draft, Scene, Stage, answered, written
from holdfast.simulator.staging import answers, connections, refusals, streams

_STAGES: Final[Mapping[type[Fault], Stage]] = {
    **refusals.STAGES,
    **answers.STAGES,
    **streams.STAGES,
    **connections.STAGES,
}


def stage(fault: Fault, scene: Scene) -> Draft:
    """The reply that shows `fault`."""
    return _STAGES[type(fault)](fault, scene)


def acts(fault: Fault | None, scene: Scene, headers: Mapping[str, str] | None = None) -> Iterator[Act]:
    """What the server does for this request, in order. `headers` go under those of the reply itself."""
    draft = answered(scene) if fault is None else stage(fault, scene)
    return written(replace(draft, headers={**(headers or {}), **draft.headers}))
