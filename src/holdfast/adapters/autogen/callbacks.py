"""Error callbacks: an error that recovery could not mend may still become a result.

error_callbacks={
    ContentFilterError: lambda error: None,            # pass on to the next
    "insufficient_quota": apologise,                   # by the provider's code, or the error's kind
    Exception: say_sorry,                              # sync or async
}
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from autogen_core.models import CreateResult

from holdfast.adapters.autogen.config import CallbackConfig, reference, resolve
from holdfast.adapters.autogen.events import spent_on
from holdfast.adapters.autogen.results import HoldfastCreateResult, attempts_of, usage_of
from holdfast.errors import ConfigurationError, ContentFilterError, ModelError

Trigger: TypeAlias = type[Exception] | str
Callback: TypeAlias = Callable[[Exception], CreateResult | Awaitable[CreateResult | None] | None]
ErrorCallbacks: TypeAlias = Mapping[Trigger, Callback]


async def result_by(callbacks: ErrorCallbacks, error: ModelError) -> CreateResult | None:
    """The result of the first callback that is for this error and gives one."""
    for trigger, callback in callbacks.items():
        if _is_for(trigger, error):
            result = callback(error)
            if inspect.isawaitable(result):
                result = await result
            if result is not None:
                return result
    return None


def _is_for(trigger: Trigger, error: ModelError) -> bool:
    return trigger in (error.code, error.kind) if isinstance(trigger, str) else isinstance(error, trigger)


def filtered_result(error: ContentFilterError, answer: str) -> CreateResult:
    """The result that stands for a refused prompt or answer."""
    return HoldfastCreateResult(
        finish_reason="content_filter",
        content=answer,
        usage=usage_of(spent_on(error)),
        cached=False,
        model=error.model,
        provider=error.provider,
        request_id=error.request_id,
        degraded=f"answered by the adapter after {error.kind}",
        attempts=attempts_of(tuple(failure.record for failure in error.history)),
    )


def write_callbacks(callbacks: ErrorCallbacks) -> list[CallbackConfig]:
    """The callbacks by name; raises `ConfigurationError` for one that has none."""
    return [
        CallbackConfig(code=trigger, call=reference(callback))
        if isinstance(trigger, str)
        else CallbackConfig(error=reference(trigger), call=reference(callback))
        for trigger, callback in callbacks.items()
    ]


def read_callbacks(written: list[CallbackConfig]) -> dict[Trigger, Callback]:
    """The callbacks that `write_callbacks` wrote."""
    read: dict[Trigger, Callback] = {}
    for each in written:
        trigger = resolve(each.error) if each.error is not None else each.code
        if trigger is None:
            raise ConfigurationError("An error callback is for a class (`error`) or for a `code`.")
        read[trigger] = resolve(each.call)
    return read
