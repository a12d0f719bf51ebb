"""What a call came to, as a plain value: the payload of the LLM's `"holdfast"` event, one for every call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from holdfast.errors import ErrorInfo, ModelError
from holdfast.events import AttemptRecord, Finish, FinishReason
from holdfast.usage import Usage

_OVERTAKEN: Final = "cancelled"
"""The kind of a hedged attempt that another one beat: it cost tokens, and no time."""


class Failover(Struct, frozen=True):
    """Another model was asked: from whom to whom, after which error, and the seconds that the first one took."""

    source: str
    target: str
    error: ErrorInfo
    time_lost: float


class CallReport(Struct, frozen=True, kw_only=True):
    """One call of the LLM.

    - `attempts`: all of them, in order. `usage`: their tokens together; `wasted`: those of the failed ones.
    - `failovers`: the changes of model. `time_lost`: seconds that failed attempts and waits took.
    - `degraded`: why a policy answered, if one did. `truncated`: the answer broke off after its first words.
    - `error`: what the call ended in, when it failed. `cancelled`: it was interrupted.
    """

    attempts: tuple[AttemptRecord, ...] = ()
    usage: Usage = Usage()
    wasted: Usage = Usage()
    failovers: tuple[Failover, ...] = ()
    time_lost: float = 0.0
    finish_reason: FinishReason | None = None
    degraded: str | None = None
    truncated: bool = False
    error: ErrorInfo | None = None
    cancelled: bool = False


def report_of(
    attempts: Sequence[AttemptRecord],
    finish: Finish | None = None,
    error: ModelError | None = None,
    *,
    truncated: bool = False,
    cancelled: bool = False,
) -> CallReport:
    """The report on a call with these attempts, and what it ended in."""
    failed = [attempt for attempt in attempts if attempt.error is not None]
    return CallReport(
        attempts=tuple(attempts),
        usage=usage_of(attempts),
        wasted=usage_of(failed),
        failovers=tuple(_failovers(attempts)),
        time_lost=sum(map(_lost, failed)) + sum(attempt.delay for attempt in attempts),
        finish_reason=None if finish is None else finish.finish_reason,
        degraded=None if finish is None else finish.degraded,
        truncated=truncated or (finish is not None and finish.truncated),
        error=None if error is None else error.info,
        cancelled=cancelled,
    )


def usage_of(attempts: Iterable[AttemptRecord]) -> Usage:
    """The tokens of these attempts together."""
    return sum((attempt.usage for attempt in attempts if attempt.usage is not None), Usage())


def _failovers(attempts: Sequence[AttemptRecord]) -> Iterable[Failover]:
    for before, after in pairwise(attempts):
        if before.model != after.model and before.error is not None:
            yield Failover(before.model, after.model, before.error, _lost(before) + after.delay)


def _lost(attempt: AttemptRecord) -> float:
    return 0.0 if attempt.error is not None and attempt.error.kind == _OVERTAKEN else attempt.elapsed
