"""One traced call: its span, and what its metrics need. The names are those of the GenAI semantic conventions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from holdfast.errors import ConfigurationError, ErrorInfo
from holdfast.events import AttemptRecord, Event, Finish, ResponseStart, Restart, UsageUpdate
from holdfast.request import Request
from holdfast.response import Fold
from holdfast.runtime.clock import Clock
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


class Instruments:
    """What spans and measures are made with."""

    def __init__(self, tracer: Tracer | None, meter: Meter | None, clock: Clock, *, capture_content: bool) -> None:
        try:
            from opentelemetry import metrics  # noqa: PLC0415  # the extra is needed only here
            from opentelemetry import trace as tracing  # noqa: PLC0415  # as above
        except ImportError as error:
            raise ConfigurationError("trace() needs the extra: install holdfast[otel]") from error
        meter = meter or metrics.get_meter("holdfast")
        self.tracer = tracer or tracing.get_tracer("holdfast")
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


class TracedCall:
    """One call: its span, and what its metrics need."""

    def __init__(self, instruments: Instruments, name: str, request: Request) -> None:
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
