"""A layer that tells OpenTelemetry of every call: a span and metrics, by the GenAI semantic conventions.

Around a single model it tells of attempts; around the engine it tells of calls, and the span then has an event for
every attempt that failed: who, why, and how much time it took. The conventions are still "Development"; what is used
here is version 1.41 of `gen_ai.*` spans and client metrics. Attributes of our own begin with `holdfast.`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from holdfast.errors import ConfigurationError, ErrorInfo, ModelError
from holdfast.events import (
    AttemptRecord,
    Event,
    Finish,
    ResponseStart,
    Restart,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageUpdate,
)
from holdfast.model import Layer, Model
from holdfast.recovery.screen import useful
from holdfast.request import Request
from holdfast.response import Fold
from holdfast.runtime.clock import Clock, SystemClock
from holdfast.runtime.layers.trace_content import input_messages, output_messages
from holdfast.usage import Usage

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Span, Tracer

# The conventions' names for providers that we call otherwise ("gen_ai.provider.name", well-known values).
PROVIDERS: Final[Mapping[str, str]] = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex": "gcp.vertex_ai",
    "xai": "x_ai",
}

# "Metric: gen_ai.client.operation.duration" and "gen_ai.client.token.usage", ExplicitBucketBoundaries.
_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS: Final = tuple(4.0**power for power in range(14))

_SETTINGS: Final[Mapping[str, str]] = {
    "max_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "stop": "gen_ai.request.stop_sequences",
    "seed": "gen_ai.request.seed",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
}
_USAGE: Final[Mapping[str, str]] = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "audio_input_tokens": "gen_ai.usage.audio.input_tokens",
    "audio_output_tokens": "gen_ai.usage.audio.output_tokens",
}
_ALWAYS: Final = ("input_tokens", "output_tokens")
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
    instruments = _Instruments(tracer, meter, clock or SystemClock(), capture_content=capture_content)

    def layer(model: Model) -> Model:
        return _Traced(model, instruments)

    return layer


class _Instruments:
    def __init__(self, tracer: Tracer | None, meter: Meter | None, clock: Clock, *, capture_content: bool) -> None:
        try:
            from opentelemetry import metrics  # noqa: PLC0415  # the extra is needed only here
            from opentelemetry import trace as tracing  # noqa: PLC0415  # as above
        except ImportError as error:
            raise ConfigurationError("trace() needs the extra: install holdfast[otel]") from error
        own = version("holdfast")
        meter = meter or metrics.get_meter("holdfast", own)
        self.tracer = tracer or tracing.get_tracer("holdfast", own)
        self.kind = tracing.SpanKind.CLIENT
        self.failed = tracing.StatusCode.ERROR
        self.clock = clock
        self.captures = capture_content
        self.duration = meter.create_histogram(
            "gen_ai.client.operation.duration",
            "s",
            "GenAI operation duration.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.first = meter.create_histogram(
            "gen_ai.client.operation.time_to_first_chunk",
            "s",
            "Time until the first useful event of a streamed answer.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )


class _Traced:
    def __init__(self, inner: Model, instruments: _Instruments) -> None:
        self.name = inner.name
        self._inner = inner
        self._instruments = instruments

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        call = _Call(self._instruments, self.name, request)
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


class _Call:
    """One call: its span, and what its metrics need."""

    def __init__(self, instruments: _Instruments, name: str, request: Request) -> None:
        provider, slash, model = name.partition("/")
        if not slash:
            provider, model = "", name
        self._instruments = instruments
        self._streamed = request.stream
        self._attributes: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": PROVIDERS.get(provider, provider) or "_OTHER",
            "gen_ai.request.model": model,
        }
        self._began = instruments.clock.now()
        self._finished = False
        self._failed = False
        self._counts: Usage | None = None
        self.waiting = True
        self.folding = Fold() if instruments.captures else None
        self._span: Span = instruments.tracer.start_span(
            f"chat {model}", kind=instruments.kind, attributes=self._attributes
        )
        if self._span.is_recording():
            self._span.set_attributes(_asked(request))
            if instruments.captures:
                self._span.set_attribute("gen_ai.input.messages", input_messages(request.messages))

    def begin(self) -> None:
        """The first useful event is there."""
        self.waiting = False
        if self._streamed:
            waited = self._instruments.clock.now() - self._began
            self._span.set_attribute("gen_ai.response.time_to_first_chunk", waited)
            self._instruments.first.record(waited, self._attributes)

    def note(self, event: Event) -> None:
        """Take in what is no delta."""
        match event:
            case ResponseStart():
                self._answered_by(event)
            case UsageUpdate():
                self._counts = event.usage
            case Restart():
                self._span.add_event("holdfast.restart", {"error.type": event.reason.kind, "since": event.since})
            case Finish():
                self._finish(event)

    def fail(self, error: ErrorInfo, attempts: list[AttemptRecord]) -> None:
        """The call ends in an error."""
        self._failed = True
        self._attributes["error.type"] = error.kind
        facts = {"error.type": error.kind, "holdfast.request_id": error.request_id, "holdfast.code": error.code}
        self._span.set_attributes({name: value for name, value in facts.items() if value is not None})
        self._span.set_status(self._instruments.failed, error.message)
        self._tell_attempts(attempts)

    def end(self) -> None:
        """The stream is over, whichever way."""
        if not (self._finished or self._failed):
            self._span.set_attribute("holdfast.abandoned", True)
        if self._counts is not None:
            self._book(self._counts)
        self._instruments.duration.record(self._instruments.clock.now() - self._began, self._attributes)
        if self.folding is not None:
            self._span.set_attribute("gen_ai.output.messages", output_messages(self.folding.response()))
        self._span.end()

    def _answered_by(self, start: ResponseStart) -> None:
        if start.model is not None:
            self._attributes["gen_ai.response.model"] = start.model
        facts = {"gen_ai.response.model": start.model, "gen_ai.response.id": start.id}
        facts |= {"holdfast.request_id": start.request_id, "holdfast.provider": start.provider}
        self._span.set_attributes({name: value for name, value in facts.items() if value is not None})

    def _finish(self, finish: Finish) -> None:
        self._finished = True
        self._counts = None if finish.cached else finish.usage or self._counts
        self._span.set_attribute("gen_ai.response.finish_reasons", [finish.finish_reason])
        marks = {"truncated": finish.truncated, "cached": finish.cached, "degraded": finish.degraded}
        self._span.set_attributes({f"holdfast.{mark}": value for mark, value in marks.items() if value})
        self._tell_attempts(finish.attempts)

    def _tell_attempts(self, attempts: tuple[AttemptRecord, ...] | list[AttemptRecord]) -> None:
        for number, attempt in enumerate(attempts):
            if attempt.error is not None:
                facts: dict[str, Any] = {
                    "holdfast.attempt": number,
                    "gen_ai.request.model": attempt.model,
                    "error.type": attempt.error.kind,
                    "holdfast.elapsed": attempt.elapsed,
                    "holdfast.delay": attempt.delay,
                }
                self._span.add_event("holdfast.attempt_failed", facts)

    def _book(self, usage: Usage) -> None:
        counts = {name: getattr(usage, name) for name in _USAGE}
        self._span.set_attributes({_USAGE[name]: count for name, count in counts.items() if count or name in _ALWAYS})
        for kind in ("input", "output"):
            attributes = {**self._attributes, "gen_ai.token.type": kind}
            self._instruments.tokens.record(counts[f"{kind}_tokens"], attributes)


def _asked(request: Request) -> dict[str, Any]:
    asked = {
        attribute: value
        for name, attribute in _SETTINGS.items()
        if (value := getattr(request.settings, name)) is not None
    }
    if request.stream:
        asked["gen_ai.request.stream"] = True
    if request.output is not None:
        asked["gen_ai.output.type"] = "json"
    return asked
