"""A layer that tells OpenTelemetry of every call: a span and metrics, by the GenAI semantic conventions.

Around a single model it tells of attempts; around the engine it tells of calls, and the span then has an event for
every attempt that failed: who, why, and how much time it took. The conventions are still "Development"; what is used
here is version 1.41 of `gen_ai.*` spans and client metrics. Attributes of our own begin with `holdfast.`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Final

from holdfast.errors import ErrorInfo, ModelError
from holdfast.events import Event, TextDelta, ThinkingDelta, ToolCallDelta
from holdfast.model import Layer, Model
from holdfast.recovery.screen import useful
from holdfast.request import Request
from holdfast.runtime.clock import Clock, SystemClock
from holdfast.runtime.layers.trace_call import Instruments, TracedCall

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Tracer

_DELTAS: Final = frozenset({TextDelta, ThinkingDelta, ToolCallDelta})


def trace(
    tracer: Tracer | None = None,
    meter: Meter | None = None,
    *,
    capture_content: bool = False,
    clock: Clock | None = None,
) -> Layer:
    """A layer that traces and measures calls (extra `otel`).

    Args:
        tracer: makes the spans; by default the global provider's, called `"holdfast"`.
        meter: makes the metrics; by default the same way.
        capture_content: also record what was said, both ways. It may be private.
        clock: where durations come from; spans have OpenTelemetry's own time.

    The span, `chat {model}`, is a child of the one that is current when the stream begins. Errors have their `kind` as
    `error.type`. A call that its consumer leaves or cancels is no error; it is marked `holdfast.abandoned`.

    Raises:
        ConfigurationError: OpenTelemetry is not installed.
    """
    instruments = Instruments(tracer, meter, clock or SystemClock(), capture_content=capture_content)

    def layer(model: Model) -> Model:
        return _Traced(model, instruments)

    return layer


class _Traced:
    def __init__(self, inner: Model, instruments: Instruments) -> None:
        self.name = inner.name
        self._inner = inner
        self._instruments = instruments

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        call = TracedCall(self._instruments, self.name, request)
        events = self._inner.stream(request)
        try:
            async for event in events:
                if call.waiting and useful(event):
                    call.begin()
                if type(event) not in _DELTAS:
                    call.note(event)
                if call.folding is not None:
                    call.folding.add(event)
                yield event
        except ModelError as error:
            call.fail(error.info, [failure.record for failure in error.history])
            raise
        except Exception as error:
            call.fail(ErrorInfo(kind=type(error).__qualname__, message=str(error)), [])
            raise
        finally:
            call.end()
            await events.aclose()
