"""The engine. It owns the attempts, the deadline, the budget and what the consumer has seen; policies decide the rest.

For any list of policies a call ends. Attempts and time are bounded by the call, not by a policy; every delay fits the
deadline; nothing is shown twice; what was received is never lost; usage is booked before anything can raise.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from random import random as draw

from holdfast.errors import (
    ModelError,
)
from holdfast.events import Event
from holdfast.model import Model
from holdfast.recovery.attempt import (
    Attempt,
    Policy,
    Repair,
    Verdict,
    no_repair,
    no_window,
)
from holdfast.recovery.budget import RetryBudget
from holdfast.recovery.health import Health
from holdfast.recovery.policies import DEFAULT_POLICIES
from holdfast.request import Request
from holdfast.runtime.clock import Clock, SystemClock
from holdfast.runtime.in_progress import CallInProgress
from holdfast.runtime.options import Bookkeeper, Observer, Options
from holdfast.usage import Usage


class Recover:
    """A model that asks other models until one of them has answered, as its policies decide.

    Args:
        models: the primary, then the fallbacks.
        policies: asked in order about every failure; the first decision wins.
        verdicts: judge every complete response, after the library's own verdict; an error makes it a failure.
        options: bounds and modes, where a call states none.
        budget, health: what is shared between calls.
        repair, window: what the policies may ask about requests that are too large.
        observe, book: told of failures, and of tokens.

    Attributes:
        learn: told of every answered request, its usage and the model's name, for counts that usage corrects.
    """

    def __init__(
        self,
        models: Sequence[Model],
        *,
        policies: Iterable[Policy] = DEFAULT_POLICIES,
        verdicts: Iterable[Verdict] = (),
        options: Options | None = None,
        budget: RetryBudget | None = None,
        health: Health | None = None,
        repair: Repair = no_repair,
        window: Callable[[str], int | None] = no_window,
        clock: Clock | None = None,
        random: Callable[[], float] = draw,
        observe: Observer | None = None,
        book: Bookkeeper | None = None,
    ) -> None:
        self.models = tuple(models)
        self.policies = tuple(policies)
        self.verdicts = tuple(verdicts)
        self.options = options or Options()
        self.budget = budget or RetryBudget()
        self.health = health or Health()
        self.repair = repair
        self.window = window
        self.clock = clock or SystemClock()
        self.random = random
        self.observe = observe
        self.book = book
        self.learn: Callable[[Request, Usage, str], object] | None = None

    @property
    def name(self) -> str:
        """The primary's name."""
        return self.models[0].name

    def attempts(self, options: Options) -> int:
        """Requests per call, at most: by default three for one model and two more for each further one."""
        return options.max_attempts or 1 + 2 * len(self.models)

    async def stream(self, request: Request, options: Options | None = None) -> AsyncGenerator[Event, None]:
        """The events of the answer; `options` for this call only. Raises the last typed error, with its `history`."""
        call = CallInProgress(self, request, options or self.options)
        attempt: Attempt | None = call.first()
        while attempt is not None:
            if attempt.delay > 0:
                await self.clock.sleep(attempt.delay)
            events = call.begin(attempt)
            try:
                async for event in events:
                    for shown in call.feed(event):
                        call.sent += 1
                        yield shown
                    if call.finish is not None:
                        break
                for shown in call.end():
                    yield shown
            except ModelError as error:
                call.fail(error)
            else:
                return
            finally:
                call.settle()
                await events.aclose()
            decision = await call.decide()
            for shown in call.react(decision):
                call.sent += 1
                yield shown
            attempt = call.next(decision)
