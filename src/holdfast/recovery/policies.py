"""Policies: small functions from the history of a call to what happens next. The first that decides wins."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Literal, TypeAlias

from holdfast.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextOverflowError,
    InvalidResponseError,
    ModelConnectionError,
    ModelError,
    ModelNotFoundError,
    ModelTimeoutError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
    StreamInterruptedError,
)
from holdfast.messages import AssistantMessage, UserMessage
from holdfast.model import Model
from holdfast.recovery.attempt import Answer, Attempt, Decision, Fail, History, Policy, Repair
from holdfast.recovery.backoff import Backoff
from holdfast.recovery.call import Call
from holdfast.recovery.stated import stated
from holdfast.response import Response

Handler: TypeAlias = Callable[[Call], Decision | Awaitable[Decision]]

TRANSIENT: Final[tuple[type[ModelError], ...]] = (
    RateLimitError,
    OverloadedError,
    ServerError,
    ModelTimeoutError,
    ModelConnectionError,
    StreamInterruptedError,
    InvalidResponseError,
)
"""Failures after which the same request to the same model may succeed."""

ELSEWHERE: Final[tuple[type[ModelError], ...]] = (
    *TRANSIENT,
    QuotaExhaustedError,
    RequestTooLargeError,
    ContextOverflowError,
    AuthenticationError,
    PermissionDeniedError,
    ModelNotFoundError,
)
"""Failures after which another model may succeed."""


@stated
def retry(
    attempts: int = 2,
    *,
    on: tuple[type[ModelError], ...] = TRANSIENT,
    backoff: Backoff | None = None,
    patience: float = 1.0,
) -> Policy:
    """Ask the same model again, after the server's wait or a back-off.

    Waiting or switching is one decision: where another model is ready, a wait longer than `patience` seconds is left
    to the policies that follow, and so is any wait that the deadline does not hold.

    Args:
        attempts: how often one model is asked at most in a call. Where no other model is ready it is asked once more.
        on: the failures that are retried.
        backoff: the waits where the server names none.
        patience: seconds.
    """
    waits = backoff or Backoff()

    def retrying(history: History) -> Decision:
        error, current = history.error, history.current
        if not isinstance(error, on) or not history.retry_allowed:
            return None
        elsewhere = next_model(history) is not None
        failures = history.count(model=current.name)
        if failures >= attempts + (not elsewhere):
            return None
        delay = waits.delay(failures - 1, history.jitter, error.retry_after)
        delay = max(delay, history.asked.get(current.name, 0.0))
        if delay >= history.remaining or (elsewhere and (delay > patience or isinstance(error, ModelTimeoutError))):
            return None
        return Attempt(model=current, request=history.last, delay=delay, reason=f"retry after {error.kind}")

    return retrying


@stated
def fallback(*, on: tuple[type[ModelError], ...] = ELSEWHERE) -> Policy:
    """Go to the next model of the chain at once; after an overflow only to one with a larger window, where known.

    Args:
        on: the failures after which another model is asked. A refused prompt (`ContentFilterError`) is not among them
            unless you put it there: another provider would get to see it.
    """

    def falling_back(history: History) -> Decision:
        error = history.error
        if not isinstance(error, on):
            return None
        model = next_model(history)
        if model is None or (isinstance(error, ContextOverflowError) and not _larger(model, history)):
            return None
        return Attempt(
            model=model,
            request=history.request,
            delay=history.asked.get(model.name, 0.0),
            reason=f"fallback after {error.kind} of {history.current.name}",
        )

    return falling_back


def next_model(history: History) -> Model | None:
    """The next model of the chain that has not failed in this call and can be asked before the deadline.

    One that rests is passed over while another is ready.
    """
    fresh = [model for model in history.models if model is not history.current and not history.failed(model)]
    in_time = [model for model in fresh if history.asked.get(model.name, 0.0) < history.remaining]
    return min(in_time, key=lambda model: history.resting.get(model.name, 0.0), default=None)


def _larger(model: Model, history: History) -> bool:
    here, there = history.window(history.current.name), history.window(model.name)
    return here is None or there is None or there > here


@stated
def ask_again(times: int = 1) -> Policy:
    """When an answer does not fit the output that was asked for, say so to the same model and ask again."""

    def asking_again(history: History) -> Decision:
        error = history.error
        partial = error.partial
        if history.request.output is None or not isinstance(error, InvalidResponseError) or partial is None:
            return None
        if not partial.text.strip() or history.count(InvalidResponseError, model=history.current.name) > times:
            return None
        complaint = UserMessage(f"{error.message}\n\nAnswer again, with JSON that fits the schema and nothing else.")
        messages = (*history.request.messages, AssistantMessage(partial.text), complaint)
        request = history.request.replace(messages=messages)
        return Attempt(model=history.current, request=request, reason="asked again with the validation error")

    return asking_again


@stated
def on_overflow(action: Literal["compress", "terminate"] | Repair = "compress", *, times: int = 2) -> Policy:
    """What happens when a request does not fit.

    Args:
        action: `"compress"` makes it smaller and sends it again (what the error states is learnt; where only the answer
            does not fit, `max_tokens` is lowered and the history stays); `"terminate"` raises at once; a function of
            your own gives a strictly smaller request, or None to pass on.
        times: how often a request is made smaller in one call, at most.
    """

    def repairing(history: History) -> Decision:
        error = history.error
        if not isinstance(error, ContextOverflowError | RequestTooLargeError):
            return None
        if action == "terminate":
            return Fail()
        if history.count(ContextOverflowError, RequestTooLargeError, model=history.current.name) > times:
            return None
        make_smaller = history.repair if action == "compress" else action
        smaller = make_smaller(history.last, error, history.current.name)
        if smaller is None:
            return None
        return Attempt(model=history.current, request=smaller, reason="made smaller to fit")

    return repairing


@stated
def on_error(kinds: type[ModelError] | tuple[type[ModelError], ...], handler: Handler, *, times: int = 1) -> Policy:
    """Let `handler` decide about failures of these kinds, at most `times` times in a call; None passes on."""

    def handling(history: History) -> Decision | Awaitable[Decision]:
        if not isinstance(history.error, kinds) or history.count(*_tuple(kinds)) > times:
            return None
        return handler(Call(history))

    return handling


@stated
def on_content_filter(handler: Handler, *, times: int = 1) -> Policy:
    """Let `handler` decide about refused content, at most `times` times in a call."""
    return on_error(ContentFilterError, handler, times=times)


@stated
def answer(content: str | Response, *, on: tuple[type[ModelError], ...] = (ModelError,)) -> Policy:
    """Answer with `content` when all policies before this one have passed."""

    def answering(history: History) -> Decision:
        if not isinstance(history.error, on):
            return None
        return Answer(content, f"answered by policy after {history.error.kind}")

    return answering


def _tuple(kinds: type[ModelError] | tuple[type[ModelError], ...]) -> tuple[type[ModelError], ...]:
    return kinds if isinstance(kinds, tuple) else (kinds,)


async def decide(policies: Iterable[Policy], history: History) -> Decision:
    """The first decision that is not None. An attempt that the call's bounds do not allow counts as None."""
    for policy in policies:
        decision = policy(history)
        if inspect.isawaitable(decision):
            decision = await decision
        if decision is not None and not (isinstance(decision, Attempt) and _out_of_bounds(decision, history)):
            return decision
    return None


def _out_of_bounds(attempt: Attempt, history: History) -> bool:
    return history.attempts_left <= 0 or attempt.delay >= history.remaining


DEFAULT_POLICIES: Final[tuple[Policy, ...]] = (on_overflow(), ask_again(), retry(), fallback())
"""What happens when nobody says otherwise."""
