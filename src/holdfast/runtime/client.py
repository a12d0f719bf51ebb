"""What people hold: models, policies and bounds, and the two ways to ask."""

from __future__ import annotations

import asyncio
import random as random_module
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

from msgspec.structs import replace

from holdfast.context.count import Counter
from holdfast.context.overflow import repair
from holdfast.context.windows import Windows
from holdfast.errors import ConfigurationError, InvalidRequestError, ModelError
from holdfast.events import Event
from holdfast.model import Layer, Model
from holdfast.recovery.attempt import Decision, Policy, Verdict
from holdfast.recovery.budget import RetryBudget
from holdfast.recovery.call import Call
from holdfast.recovery.health import Health
from holdfast.recovery.policies import DEFAULT_POLICIES, on_error
from holdfast.recovery.screen import HoldBack, OnBreak
from holdfast.request import Request, Settings, Timeouts
from holdfast.response import Fold, Response
from holdfast.runtime.ask import Ask, Messages, request_of
from holdfast.runtime.clock import Clock, SystemClock
from holdfast.runtime.config import Config, Described, read_config, write_config
from holdfast.runtime.describe import describe
from holdfast.runtime.endpoint import model_by_name
from holdfast.runtime.http_model import HTTPModel
from holdfast.runtime.layers.rate_limit import rate_limit
from holdfast.runtime.options import Observer, Options
from holdfast.runtime.prices import Price
from holdfast.runtime.recover import Recover
from holdfast.runtime.stream import Stream
from holdfast.runtime.totals import Totals
from holdfast.runtime.transport import AiohttpTransport, Transport
from holdfast.usage import Usage

H = TypeVar("H", bound=Callable[[Call], Decision | Awaitable[Decision]])


class Client:
    """A chain of models that is asked as one.

    Args:
        models: the primary, then the fallbacks: names such as `"openai/gpt-5-mini"`, or models.
        policies: what happens after a failure; asked in order, the first decision wins.
        layers: put around every model, the first outermost. By default one `rate_limit` that learns from rate-limit
            errors how fast each model lets calls pass; it costs nothing while there are none, and never fails a call.
        deadline: seconds that one call may take, with all its attempts and waits.
        max_attempts: requests that one call may make; by default three for one model and two more for each further one.
        timeouts: limits of one attempt.
        on_break: what happens when an answer breaks after something was shown: `"raise"` the error (with
            `error.partial`), `"restart"` from the beginning after a `Restart` event, `"resume"` where it broke,
            `"hold"` everything back until it is complete, or `"truncate"` the answer there.
        hold_back: how much of an answer is kept back until it has proved alive; failures in there stay invisible.
        verdicts: judge every complete response; an error makes it a failure like any other.
        settings: defaults for every call.
        windows: tokens that models hold, by name, where what is published or learnt is not right.
        prices: what models cost, by name, where it is not published or not right.
        budget, health: to share between clients.
        observe: told of every failed attempt and of what was decided.
        transport, clock, random: the outside world.

    Raises:
        ConfigurationError: an endpoint is unknown, or a bound makes no sense.
        AuthenticationError: a key is missing; the message names the variable to set.
    """

    def __init__(  # noqa: PLR0913  # all bounds of a call are set here, by keyword
        self,
        *models: str | Model,
        policies: Iterable[Policy] = DEFAULT_POLICIES,
        layers: Iterable[Layer] | None = None,
        deadline: float = 600.0,
        max_attempts: int | None = None,
        timeouts: Timeouts | None = None,
        on_break: OnBreak = "raise",
        hold_back: HoldBack | None = None,
        verdicts: Iterable[Verdict] = (),
        settings: Settings | None = None,
        windows: Mapping[str, int] | Windows | None = None,
        prices: Mapping[str, Price] | None = None,
        budget: RetryBudget | None = None,
        health: Health | None = None,
        observe: Observer | None = None,
        transport: Transport | None = None,
        clock: Clock | None = None,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self._transport = transport or AiohttpTransport()
        self._owns_transport = transport is None
        self._settings = settings or Settings()
        self.totals = Totals(prices)
        self._counter = Counter()
        self._windows = windows if isinstance(windows, Windows) else Windows(windows or {})
        self._given = models
        self._code = {"layers": layers is not None, "windows": isinstance(windows, Windows)}
        self._described = (dict(windows) if isinstance(windows, Mapping) else {}, dict(prices or {}))
        self._leaves = [model_by_name(model, clock=clock) if isinstance(model, str) else model for model in models]
        for leaf in self._leaves:
            if isinstance(leaf, HTTPModel):
                leaf.borrow(self._transport)
        around = (rate_limit(when_full="send", clock=clock),) if layers is None else tuple(layers)
        self._engine = Recover(
            [_layered(leaf, around) for leaf in self._leaves],
            policies=policies,
            verdicts=verdicts,
            options=_checked(
                Options(
                    on_break=on_break,
                    hold_back=hold_back,
                    deadline=deadline,
                    max_attempts=max_attempts,
                    timeouts=timeouts or Timeouts(),
                ),
                self._leaves,
            ),
            budget=budget,
            health=health,
            repair=partial(repair, counter=self._counter, windows=self._windows),
            window=self._windows.window,
            clock=clock or SystemClock(),
            random=random,
            observe=observe,
            book=self.totals.add,
        )

    @classmethod
    def from_config(cls, config: Config, **options: Any) -> Self:
        """The client that a mapping, or the TOML file at a path, describes; see docs/configuration.md.

        Args:
            config: never holds a key, only names of environment variables that do.
            options: arguments of `Client` which code alone can give, or which are to win over the configuration.

        Raises:
            ConfigurationError: a key is unknown or its value wrong; the message names it.
            AuthenticationError: a variable that holds a key is not set; the message names it.
        """
        models, described = read_config(config, clock=options.get("clock"))
        return cls(*models, **{**described, **options})

    def to_config(self) -> dict[str, Any]:
        """The client as a mapping of plain values, for `from_config`; what is as it is by default is left out.

        The outside world (transport, clock, observer, shared budget and health) is no part of it.

        Raises:
            ConfigurationError: a part of the client is code (a handler, a layer, a verdict, a model of your own), or a
                key that was given as a value.
        """
        engine = self._engine
        code = [name for name, given in {**self._code, "verdicts": bool(engine.verdicts)}.items() if given]
        if code:
            raise ConfigurationError(f"{code[0]}: this is code, which a configuration cannot hold.")
        windows, prices = self._described
        return write_config(
            Described(
                models=self._given,
                options=engine.options,
                policies=tuple(engine.policies),
                settings=self._settings,
                windows=windows,
                prices=prices,
            )
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_config, (self.to_config(),)

    async def create(self, messages: Messages, **ask: Unpack[Ask]) -> Response:
        """The complete response to `messages` (a string, a message, several, or a whole `Request`).

        Raises:
            ModelError: the last typed error, when no attempt succeeded and no policy gave an answer; `error.history`
                has all failures, `error.partial` what had arrived.
            InvalidRequestError: the request cannot be right; nothing was sent.
        """
        request = request_of(messages, ask, base=self._settings, stream=False)
        options = self._options(ask)
        if options.on_break != "truncate":  # nobody sees a complete response grow: it may begin again unseen
            options = replace(options, on_break="hold")
        fold = Fold()
        async for event in self._engine.stream(request, options):  # runs to its end, or is closed by what ends it
            fold.add(event)
        return fold.response()

    def stream(self, messages: Messages, **ask: Unpack[Ask]) -> Stream:
        """The response to `messages` as it comes: `async with client.stream(...) as stream`.

        Raises:
            InvalidRequestError: the request cannot be right; nothing was sent.
        """
        request = request_of(messages, ask, base=self._settings, stream=True)
        options = self._options(ask)

        def opener(restarts: bool) -> AsyncGenerator[Event, None]:
            return self._engine.stream(request, replace(options, restarts=restarts))

        return Stream(opener)

    def on_error(self, *kinds: type[ModelError], times: int = 1) -> Callable[[H], H]:
        """Decorate a handler that decides about failures of these kinds before the policies do.

        It is given a `Call` and returns what its verbs give (`call.retry()`, `call.resend(...)`, `call.switch(...)`,
        `call.answer(...)`, `call.fail()`), or None to pass on; it may be async. In one call it is asked at most `times`
        times.
        """

        def register(handler: H) -> H:
            policy = on_error(kinds or ModelError, handler, times=times)
            self._engine.policies = (policy, *self._engine.policies)
            return handler

        return register

    @overload
    def count_tokens(
        self, messages: Messages, *, exact: Literal[True], **ask: Unpack[Ask]
    ) -> Coroutine[Any, Any, int]: ...

    @overload
    def count_tokens(self, messages: Messages, *, exact: Literal[False] = False, **ask: Unpack[Ask]) -> int: ...

    def count_tokens(
        self, messages: Messages, *, exact: bool = False, **ask: Unpack[Ask]
    ) -> int | Coroutine[Any, Any, int]:
        """How many tokens the primary model would read, tools and schemas included.

        Counted here, with nothing sent: exact where the model's rules are published, else an estimate that the usage of
        responses corrects. With `exact=True` the provider is asked, and the result has to be awaited; that counts as no
        attempt and is not retried.

        Raises:
            InvalidRequestError: with `exact=True`, the primary's wire has no way to count.
            ModelError: with `exact=True`, when asking failed.
        """
        request = request_of(messages, ask, base=self._settings, stream=False)
        return self._ask_for_count(request) if exact else self._count(request)

    async def _ask_for_count(self, request: Request) -> int:
        primary = self._leaves[0]
        if not isinstance(primary, HTTPModel):
            raise InvalidRequestError(f"{primary.name!r} has no provider that could count tokens.")
        return await primary.count_tokens(request.replace(timeouts=request.timeouts or self._engine.options.timeouts))

    def remaining_tokens(self, messages: Messages, **ask: Unpack[Ask]) -> int:
        """How many tokens the window of the primary model has left after `messages`; negative when they do not fit."""
        request = request_of(messages, ask, base=self._settings, stream=False)
        return self._windows.window(self._engine.name) - self._count(request)

    def _count(self, request: Request) -> int:
        self._engine.learn = self._counter.observe  # whoever counts wants the counts corrected; nobody else pays for it
        return self._counter.count(request, self._engine.name).tokens

    @property
    def usage(self) -> Usage:
        """The tokens of all attempts so far, failed and hedged ones too; `totals` has them by model."""
        return self.totals.total

    @property
    def cost(self) -> float:
        """US dollars so far, for the models whose price is known; `totals.unpriced` names the others."""
        return self.totals.cost

    @property
    def models(self) -> tuple[Model, ...]:
        """The chain, the primary first, layers included."""
        return self._engine.models

    @property
    def model(self) -> Recover:
        """The whole chain as one model, to put into layers or other clients."""
        return self._engine

    @property
    def settings(self) -> Settings:
        """The defaults of every call."""
        return self._settings

    @property
    def counter(self) -> Counter:
        """What it has learnt about the models' tokens; for conversations that it carries."""
        return self._counter

    @property
    def windows(self) -> Windows:
        """What it knows of the models' windows; for conversations that it carries."""
        return self._windows

    def describe(self) -> str:
        """The chain, the policies in order, and the worst case of a call, as text."""
        return describe(self._engine)

    async def warm(self) -> None:
        """Connect to every model of the chain, so that the first call need not wait for it. Costs no tokens."""
        await asyncio.gather(*(leaf.warm() for leaf in self._leaves if isinstance(leaf, HTTPModel)))

    async def close(self) -> None:
        """Close all connections. A closed client opens new ones when it is used again."""
        for leaf in self._leaves:
            if isinstance(leaf, HTTPModel):
                await leaf.close()
                leaf.borrow(self._transport)
        if self._owns_transport:
            await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Client({', '.join(repr(model.name) for model in self._engine.models)})"

    def _options(self, ask: Ask) -> Options:
        bounds = ("on_break", "hold_back", "deadline", "max_attempts", "observe")
        stated: dict[str, Any] = {name: each for name, each in ask.items() if name in bounds}
        lists: dict[str, Any] = {name: each for name, each in ask.items() if name in ("verdicts", "policies")}
        stated |= {name: tuple(each) for name, each in lists.items()}
        options = self._engine.options
        return _checked(replace(options, **stated), self._leaves) if stated else options


def _layered(model: Model, layers: tuple[Layer, ...]) -> Model:
    for layer in reversed(layers):
        model = layer(model)
    return model


def _checked(options: Options, models: list[Model]) -> Options:
    if not models:
        raise ConfigurationError("A client needs at least one model, such as 'openai/gpt-5-mini'.")
    if options.on_break not in ("raise", "restart", "resume", "hold", "truncate"):
        raise ConfigurationError(f"on_break={options.on_break!r} is none of raise, restart, resume, hold, truncate.")
    if not options.deadline > 0:
        raise ConfigurationError(f"deadline={options.deadline!r} must be more than 0 seconds.")
    if options.max_attempts is not None and options.max_attempts < 1:
        raise ConfigurationError(f"max_attempts={options.max_attempts!r} must be at least 1.")
    return options
