"""How a call is recovered, and who is told: values that a client and a single call may state."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from holdfast.recovery.attempt import Decision, Failure, Policy, Verdict
from holdfast.recovery.screen import HoldBack, OnBreak
from holdfast.request import Timeouts
from holdfast.usage import Usage

Observer: TypeAlias = Callable[[Failure, Decision], None]
"""Told of every failed attempt, and of what was decided."""
Bookkeeper: TypeAlias = Callable[[str, Usage], None]
"""Told of the tokens of every attempt: the model's name, and what it used."""


class Options(Struct, frozen=True, kw_only=True):
    """How a call is recovered; `Client` describes each. `restarts`: whether the consumer understands `Restart`.

    `verdicts` judge this call's answers after the engine's own. `policies` decide instead of the engine's. `observe` is
    told of this call's failed attempts, as the engine's observer is.
    """

    on_break: OnBreak = "raise"
    restarts: bool = True
    hold_back: HoldBack | None = None
    deadline: float = 600.0
    max_attempts: int | None = None
    timeouts: Timeouts = Timeouts()
    verdicts: tuple[Verdict, ...] = ()
    policies: tuple[Policy, ...] | None = None
    observe: Observer | None = None
