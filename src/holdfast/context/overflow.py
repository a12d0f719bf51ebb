"""Repairing a request that was refused as too large. Pure: error in, a strictly smaller request out, or None.

    input fits, input + output do not    `max_tokens` is lowered; the history is not touched
    input too long                       the window is learnt, the estimate corrected, the history fitted
    too many bytes or pictures           old pictures and files become lines of text, then all, then the history shrinks
    more tokens than a minute allows     fitted to what is allowed

What comes out counts less than what was refused, so repairing ends whatever the provider says.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import ceil
from typing import Final

from msgspec.structs import replace

from holdfast.context.count import Counter
from holdfast.context.families import family_of
from holdfast.context.fit import Strategy, fit
from holdfast.context.lean import without_media
from holdfast.context.ledger import Ledger
from holdfast.context.strategies import STRATEGIES
from holdfast.context.view import WHOLE, render
from holdfast.context.windows import Windows
from holdfast.errors import ContextOverflowError, Limit, ModelError, RequestTooLargeError
from holdfast.messages import Message, ToolMessage, UserMessage
from holdfast.request import Request

LEAST_OUTPUT: Final = 1000
"""An answer's share that is worth lowering `max_tokens` to; a quarter of what was asked for is, too."""

LEAST_WINDOW: Final = 1024
"""What a refusal without numbers can prove at most: no model holds less. Of a smaller request it was the answer's
share that did not fit."""

_SAFETY: Final = 0.9  # of the budget that the stated limit leaves, for what the estimate may still be off
_BLIND: Final = 0.6  # of the estimate, where the error states nothing that could correct it
_NONE: Final = Limit()


def repair(
    request: Request,
    error: ModelError,
    model: str,
    *,
    counter: Counter,
    windows: Windows,
    strategies: Sequence[Strategy] = STRATEGIES,
) -> Request | None:
    """A request that is strictly smaller than the refused one and should pass; None if there is none.

    What the error states is learnt: the window by `windows`, the size of the request by `counter`.

    Args:
        request: what was refused.
        error: why; anything but a `ContextOverflowError` or a `RequestTooLargeError` gives None.
        model: the model's whole name.
        counter: counts, and is taught.
        windows: knows the windows, and is taught.
        strategies: how to make the history smaller.
    """
    limit = error.limit or _NONE
    match error:
        case ContextOverflowError():
            if limit.max_tokens:
                windows.learn(model, min(limit.max_tokens, _proved(request, limit)))
            less = _less_output(request, limit, model, counter, windows)
            return less or _fitted(request, limit, model, counter, windows, strategies)
        case RequestTooLargeError() if limit.max_tokens and (limit.requested_tokens or 0) > limit.max_tokens:
            return _shrunk(request, limit.max_tokens * _SAFETY, model, counter, strategies)
        case RequestTooLargeError():
            lighter = _less_media(request)
            return lighter or _shrunk(request, counter.count(request, model).tokens / 2, model, counter, strategies)
        case _:
            return None


def _less_output(request: Request, limit: Limit, model: str, counter: Counter, windows: Windows) -> Request | None:
    """The request with less room for the answer, where that alone is enough."""
    asked = request.settings.max_tokens or limit.output_tokens
    if not asked:
        return None
    window = limit.max_tokens or windows.window(model)
    known = _input_tokens(limit, asked)
    used = known if known is not None else counter.count(request, model).tokens
    free = window - used - ceil(window * (0.01 if known is not None else 0.05))
    if free >= asked or free < min(LEAST_OUTPUT, asked / 4):
        return None
    return request.replace(settings=replace(request.settings, max_tokens=free))


def _proved(request: Request, limit: Limit) -> int:
    """What the refusal itself proves: the window is smaller than what was refused, whatever limit is stated."""
    asked = limit.output_tokens or request.settings.max_tokens or 0
    total = limit.requested_tokens or (limit.input_tokens + asked if limit.input_tokens else None)
    return total - 1 if total and total > 1 else sys.maxsize


def _input_tokens(limit: Limit, asked: int) -> int | None:
    if limit.input_tokens is not None:
        return limit.input_tokens
    if limit.output_tokens is not None and limit.requested_tokens is not None:
        return limit.requested_tokens - (limit.output_tokens or asked)
    return None


def _fitted(
    request: Request, limit: Limit, model: str, counter: Counter, windows: Windows, strategies: Sequence[Strategy]
) -> Request | None:
    """The request with its history cut to what the window, as it is known now, leaves."""
    estimate = counter.count(request, model).tokens
    window = windows.find(model)
    stated = _input_tokens(limit, request.settings.max_tokens or 0) or limit.requested_tokens
    if stated:
        counter.correct(request, stated, model)
    elif estimate < window.tokens:  # no number says how wrong the estimate is, or whether it is the window
        if window.source == "default":
            windows.learn(model, max(LEAST_WINDOW, estimate))
        return _shrunk(request, estimate * _BLIND, model, counter, strategies)
    room = (windows.window(model) - windows.reserve(request, model)) * _SAFETY
    return _shrunk(request, room, model, counter, strategies)


def _shrunk(
    request: Request, tokens: float, model: str, counter: Counter, strategies: Sequence[Strategy]
) -> Request | None:
    """The request cut to at most `tokens` by the present estimate, and to less than it has; None if it cannot be."""
    ledger = Ledger(request.messages, family=family_of(model))
    overhead = counter.overhead(request, model)
    share = tokens / max(1, counter.count(request, model).tokens)
    room = min(int(share * (ledger.total + overhead)) - overhead, ledger.total - 1)
    if room <= 0:
        return None
    try:
        view = fit(ledger, WHOLE, room, goal=min(room, ledger.total * 3 // 4), strategies=strategies)
    except ContextOverflowError:
        return None
    return None if view is WHOLE else request.replace(messages=render(ledger, view))


def _less_media(request: Request) -> Request | None:
    """The request without the pictures and files before its newest user message; without any, if there are none."""
    last = max((place for place, each in enumerate(request.messages) if isinstance(each, UserMessage)), default=0)
    for end in (last, len(request.messages)):
        messages = (*map(_bare, request.messages[:end]), *request.messages[end:])
        if any(one is not other for one, other in zip(messages, request.messages, strict=True)):
            return request.replace(messages=messages)
    return None


def _bare(message: Message) -> Message:
    if isinstance(message, UserMessage | ToolMessage) and not isinstance(message.content, str):
        return without_media(message)
    return message
