"""How each fault looks on a wire: the draft of the reply that shows it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from holdfast.simulator.faults import Fault
from holdfast.simulator.reply import Draft, Scene, Stage
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
