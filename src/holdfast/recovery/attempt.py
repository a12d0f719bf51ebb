"""What a policy sees and what it may decide. Plain values; a decision is tested by calling it with a `History`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from holdfast.errors import ModelError
from holdfast.events import AttemptRecord
from holdfast.model import Model
from holdfast.request import Request
from holdfast.response import Response
from holdfast.usage import Usage


class Attempt(Struct, frozen=True, kw_only=True):
    """What to do next: ask `model` for `request` after `delay` seconds.

    `prefix` is the text that the consumer has seen already; the answer is to go on from its end. `reason` says in a
    few words why this was chosen, for reports.
    """

    model: Model
    request: Request
    delay: float = 0.0
    prefix: str = ""
    reason: str = ""


class Answer(Struct, frozen=True):
    """Stop and answer with this. The response comes out marked `degraded`, with `reason`."""

    content: str | Response
    reason: str = "answered by a policy"


class Fail(Struct, frozen=True):
    """Stop and raise: `error`, or the last one when it is None."""

    error: ModelError | None = None


Decision: TypeAlias = Attempt | Answer | Fail | None


class Failure(Struct, frozen=True, kw_only=True):
    """One failed attempt, as a plain value: who, with what, what came of it, and how long it took (seconds)."""

    model: str
    request: Request
    error: ModelError
    shown: Response | None = None
    delay: float = 0.0
    elapsed: float = 0.0
    usage: Usage | None = None

    @property
    def record(self) -> AttemptRecord:
        """The failure as the attempt record that responses carry."""
        return AttemptRecord(self.model, self.error.info, self.elapsed, self.delay, self.usage)


Repair: TypeAlias = Callable[[Request, ModelError, str], Request | None]
"""From a request, the error that it met and the model's name to a strictly smaller request, or None."""


def no_repair(request: Request, error: ModelError, model: str) -> None:  # noqa: ARG001  # the form of a Repair
    """The repair that can do nothing."""
    return


def no_window(model: str) -> None:  # noqa: ARG001  # as above
    """The window of a model of which nothing is known."""
    return


class History(Struct, frozen=True, kw_only=True):
    """All that a policy may look at.

    - `failures`: the failed attempts of this call, oldest first; never empty.
    - `models`: the chain, the primary first; `current` is the one that failed last.
    - `request`: what the caller asked for; `last` what was sent last.
    - `remaining`: seconds until the deadline of the call. `attempts_left`: how many more requests it may make.
    - `resting`: seconds until a model should be asked again, for those that rest; `asked`: of these, the waits that a
      server asked for, by the model's name.
    - `retry_allowed`: whether the shared retry budget permits another request to the same model.
    - `jitter`: a random number in [0, 1), drawn for this decision.
    - `repair`: makes a request that was too large strictly smaller, or gives None; `window`: how many tokens a model
      holds, by its name.
    """

    failures: tuple[Failure, ...]
    models: tuple[Model, ...]
    current: Model
    request: Request
    remaining: float
    attempts_left: int
    resting: Mapping[str, float] = {}
    asked: Mapping[str, float] = {}
    retry_allowed: bool = True
    jitter: float = 0.5
    repair: Repair = no_repair
    window: Callable[[str], int | None] = no_window

    @property
    def error(self) -> ModelError:
        """What the last attempt ended in."""
        return self.failures[-1].error

    @property
    def last(self) -> Request:
        """What the last attempt sent."""
        return self.failures[-1].request

    def count(self, *kinds: type[ModelError], model: str | None = None) -> int:
        """How many attempts failed in one of these ways, all models together or one of them."""
        return sum(
            isinstance(failure.error, kinds or ModelError) and model in (None, failure.model)
            for failure in self.failures
        )

    def failed(self, model: Model) -> bool:
        """Whether this model has failed in this call."""
        return any(failure.model == model.name for failure in self.failures)

    def replace(self, **changes: object) -> History:
        """A copy with these fields changed."""
        return replace(self, **changes)


Policy: TypeAlias = Callable[[History], Decision | Awaitable[Decision]]
Verdict: TypeAlias = Callable[[Response], ModelError | None]
