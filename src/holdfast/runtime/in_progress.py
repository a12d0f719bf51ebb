"""One call in progress: its attempts, its deadline, what the consumer has seen. `Recover.stream` does the waiting."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from holdfast.errors import (
    AuthenticationError,
    InvalidResponseError,
    ModelError,
    ModelNotFoundError,
    PermissionDeniedError,
    QuotaExhaustedError,
)
from holdfast.events import AttemptRecord, Event, Finish, Restart, TextDelta
from holdfast.messages import Text
from holdfast.recovery.attempt import (
    Answer,
    Attempt,
    Decision,
    Fail,
    Failure,
    History,
)
from holdfast.recovery.join import Unjoinable
from holdfast.recovery.policies import decide
from holdfast.recovery.screen import HoldScreen, LiveScreen, OnBreak, ResumeScreen
from holdfast.recovery.verdict import fits_output, verdict
from holdfast.request import Request
from holdfast.response import Response, unfold
from holdfast.runtime.options import Options
from holdfast.runtime.watch import Watch, ticking, watched
from holdfast.usage import Usage

if TYPE_CHECKING:
    from holdfast.runtime.recover import Recover

_LOG: Final = logging.getLogger("holdfast")
_LOUD: Final = (AuthenticationError, PermissionDeniedError, ModelNotFoundError, QuotaExhaustedError)
"""Failures that somebody has to act upon, although the call may be saved by another model."""
_UNJOINABLE: Final = "unjoinable"
_GRACE: Final = 1.0
"""Seconds that a handler has after the deadline, to answer with something."""


class CallInProgress:
    """One call in progress: the bookkeeping of `Recover.stream`, which does the waiting."""

    def __init__(self, engine: Recover, request: Request, options: Options) -> None:
        self.finish: Finish | None = None
        self.sent = 0
        self._engine = engine
        self._options = options
        self._now = engine.clock.now
        self._request = request
        self._ends = self._now() + options.deadline
        self._verdicts = (verdict, fits_output(request), *engine.verdicts, *options.verdicts)
        self._failures: list[Failure] = []
        self._attempt = Attempt(model=engine.models[0], request=request)
        self._began = 0.0
        self._since = 0
        self._settled = True
        self._mode = _effective(options)
        self._screen = self._new_screen()

    def first(self) -> Attempt:
        """The primary; or, while it rests, the next that does not. A wait that a server asked for is kept."""
        engine, now = self._engine, self._now()
        resting = engine.health.resting((model.name for model in engine.models), now)
        model = min(engine.models, key=lambda model: resting.get(model.name, 0.0))
        delay = engine.health.asked((model.name,), now).get(model.name, 0.0)
        return Attempt(model=model, request=self._request, delay=delay if delay < self._ends - now else 0.0)

    def begin(self, attempt: Attempt) -> AsyncGenerator[Event | None, None]:
        """Start an attempt: its events, watched."""
        self._attempt, self.finish = attempt, None
        self._began, self._settled = self._now(), False
        if not self._screen.shown:
            self._since = self.sent
        self._engine.health.begin(attempt.model.name)
        limits = attempt.request.timeouts or self._options.timeouts
        request = attempt.request.replace(timeouts=limits)
        clock = self._engine.clock
        events = watched(attempt.model.stream(request), limits, clock, streamed=request.stream, deadline=self._ends)
        window = self._options.hold_back
        if window is not None and window.seconds is not None and self._mode != "hold":
            return ticking(events, clock, window.seconds)
        return events

    def feed(self, event: Event | None) -> Sequence[Event]:
        """The events to show after this one; None says that the hold-back window is over."""
        if event is None:
            return self._screen.release() if self._screen.holding else ()
        if type(event) is Finish:
            self.finish = event
            return ()
        try:
            return self._screen.feed(event)
        except Unjoinable:
            raise self._unjoinable() from None

    def end(self) -> Iterator[Event]:
        """Judge the complete answer, and show what is left of it."""
        finish = self.finish
        if finish is None:
            raise InvalidResponseError("The model's stream ended without a Finish.", rule="grammar")
        try:
            self._screen.end()
        except Unjoinable:
            raise self._unjoinable() from None
        response = self._screen.response(finish)
        for judge in self._verdicts:
            error = judge(response)
            if error is not None:
                raise error
        self._succeed(response)
        yield from self._screen.finish(self._completed(finish, response.usage))

    def fail(self, error: ModelError) -> None:
        """Note that the attempt failed."""
        attempt, engine = self._attempt, self._engine
        partial = self._screen.response()
        usage = (self.finish and self.finish.usage) or partial.usage  # a verdict may have turned a whole answer down
        if partial.parts and (error.partial is None or self.finish is None):
            error.partial = partial  # also over what a single attempt knows: this is what the consumer has
        if not self._settled:
            engine.health.fail(attempt.model.name, error, self._now())
        failure = Failure(
            model=attempt.model.name,
            request=attempt.request,
            error=error,
            shown=partial if self._screen.shown else None,
            delay=attempt.delay,
            elapsed=self._now() - self._began,
            usage=usage,
        )
        self._failures.append(failure)
        self._book(usage)
        if isinstance(error, _LOUD):
            _LOG.warning("%s", error.explain())

    def settle(self) -> None:
        """The attempt is over, however it ended; a cancelled one says nothing of the model's health."""
        if not self._settled:
            self._book(self._screen.response().usage)
            self._engine.health.abandon(self._attempt.model.name)

    async def decide(self) -> Decision:
        """What happens now."""
        decision: Decision = None
        if not self._screen.shown or self._mode in ("restart", "resume"):
            watch = Watch(self._engine.clock)
            try:
                policies = self._options.policies
                decided = decide(self._engine.policies if policies is None else policies, self._history())
                decision = await watch.wait(decided, max(self._ends, self._now() + _GRACE))
            except TimeoutError:  # a handler that does not come back decides nothing
                decision = None
            finally:
                watch.close()
        for observe in (self._engine.observe, self._options.observe):
            if observe is not None:
                observe(self._failures[-1], decision)
        return decision

    def react(self, decision: Decision) -> Iterator[Event]:
        """What the consumer is told before the next attempt, or instead of one. Raises when the call has failed."""
        match decision:
            case Attempt():
                if self._starts_over():
                    yield self._restart()
            case Answer():
                yield from self._answered(decision)
            case _:
                if self._truncates(decision):
                    yield self._truncated()
                else:
                    raise self._last_error(decision)

    def next(self, decision: Decision) -> Attempt | None:
        """The next attempt, if there is one."""
        if not isinstance(decision, Attempt):
            return None
        if decision.model is self._attempt.model:
            self._engine.budget.spend()
        prefix = decision.prefix
        if isinstance(self._screen, ResumeScreen) and self._screen.shown and not self._starts_over():
            self._screen = ResumeScreen(self._options.hold_back, earlier=self._screen)
            prefix = self._screen.prefix
        else:
            self._screen = self._new_screen()
        request = decision.request
        if request.prefix != prefix:  # a retried request may carry that of an answer which is void now
            request = request.replace(prefix=prefix)
        return replace(decision, request=request, prefix=prefix)

    def _new_screen(self) -> LiveScreen:
        match self._mode:
            case "hold":
                return HoldScreen()
            case "resume":
                return ResumeScreen(self._options.hold_back)
            case _:
                return LiveScreen(self._options.hold_back)

    def _unjoinable(self) -> InvalidResponseError:
        # Nor can it be shown as an answer of its own: it may be the bare rest of one.
        message = "The new answer does not continue what was shown."
        return InvalidResponseError(message, rule=_UNJOINABLE)

    def _starts_over(self) -> bool:
        """Whether the next attempt begins anew, although something was shown: the consumer is told so."""
        if self._mode == "restart":
            return self._screen.shown
        return self._screen.shown and self._mode == "resume" and self._options.restarts and self._is_unjoinable()

    def _is_unjoinable(self) -> bool:
        return self._failures[-1].error.rule == _UNJOINABLE

    def _restart(self) -> Restart:
        return Restart(self._failures[-1].error, self._since)

    def _succeed(self, response: Response) -> None:
        engine, name = self._engine, self._attempt.model.name
        engine.health.succeed(name)
        engine.budget.earn(retried=bool(self._failures))
        if not response.cached:
            *losers, winner = response.attempts or (None,)  # where a layer has asked more than one model
            for loser in losers:
                self._book(loser.usage or Usage(), loser.model)
            self._book(response.usage, None if winner is None else winner.model)
            if engine.learn is not None:
                engine.learn(self._attempt.request, response.usage, name)
        self._settled = True

    def _book(self, usage: Usage, model: str | None = None) -> None:
        self._settled = True
        if self._engine.book is not None:
            self._engine.book(model or self._attempt.model.name, usage)

    def _completed(self, finish: Finish, usage: Usage) -> Finish:
        attempt = self._attempt
        own = AttemptRecord(attempt.model.name, None, self._now() - self._began, attempt.delay, usage)
        return replace(finish, usage=usage, attempts=(*self._records(), *(finish.attempts or (own,))))

    def _records(self) -> tuple[AttemptRecord, ...]:
        return tuple(failure.record for failure in self._failures)

    def _answered(self, answer: Answer) -> Iterator[Event]:
        content = answer.content
        response = content if isinstance(content, Response) else Response(parts=(Text(content),), finish_reason="stop")
        degraded = replace(response, degraded=answer.reason, attempts=self._records())
        if not self._screen.shown:
            yield from unfold(degraded)
        elif isinstance(self._screen, ResumeScreen):  # words cannot be taken back: these come after them
            *_, finish = unfold(degraded)
            yield TextDelta(response.text, self._screen.text_part)
            yield finish
        else:
            yield self._restart()
            yield from unfold(degraded)

    def _truncates(self, decision: Decision) -> bool:
        if isinstance(decision, Fail) or not self._screen.shown:
            return False
        return self._mode == "truncate" or (self._mode == "resume" and self._is_unjoinable())

    def _truncated(self) -> Finish:
        return Finish(
            "unknown",
            usage=self._failures[-1].usage,
            truncated=True,
            error=self._failures[-1].error.info,
            attempts=self._records(),
        )

    def _last_error(self, decision: Decision) -> ModelError:
        last = self._failures[-1].error
        last.history = tuple(self._failures)
        if not isinstance(decision, Fail) or decision.error is None or decision.error is last:
            return last
        error = decision.error.with_facts(history=last.history, partial=last.partial)
        error.__cause__ = last
        return error

    def _history(self) -> History:
        engine, now = self._engine, self._now()
        names = [model.name for model in engine.models]
        return History(
            failures=tuple(self._failures),
            models=engine.models,
            current=self._attempt.model,
            request=self._request,
            remaining=self._ends - now,
            attempts_left=engine.attempts(self._options) - len(self._failures),
            resting=engine.health.resting(names, now),
            asked=engine.health.asked(names, now),
            retry_allowed=engine.budget.allows,
            jitter=engine.random(),
            repair=engine.repair,
            window=engine.window,
        )


def _effective(options: Options) -> OnBreak:
    """A consumer that cannot take a `Restart` is not shown an answer that may need one."""
    return "hold" if options.on_break == "restart" and not options.restarts else options.on_break
