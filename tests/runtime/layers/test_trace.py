from __future__ import annotations

import asyncio
import json
from contextlib import aclosing

import pytest

from holdfast.errors import ConfigurationError, ErrorInfo, OverloadedError, RateLimitError, ServerError
from holdfast.events import AttemptRecord, Finish, ResponseStart, Restart, UsageUpdate
from holdfast.messages import (
    AssistantMessage,
    Image,
    SystemMessage,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.recovery.attempt import Failure
from holdfast.request import Request, Settings
from holdfast.runtime.layers.trace import trace
from holdfast.testing import Pause, ScriptedModel
from holdfast.usage import Usage
from runtime.layers.asking import HELLO, ask

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.trace import SpanKind, StatusCode


class Telemetry:
    def __init__(self, clock):
        self._spans = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self._clock = clock
        self._tracing = TracerProvider()
        self._tracing.add_span_processor(SimpleSpanProcessor(self._spans))
        self.tracer = self._tracing.get_tracer("test")
        self._metering = MeterProvider([self._reader])

    def layer(self, **options):
        return trace(self.tracer, self._metering.get_meter("test"), clock=self._clock, **options)

    @property
    def span(self):
        [span] = self._spans.get_finished_spans()
        return span

    @property
    def spans(self):
        return self._spans.get_finished_spans()

    @property
    def points(self):
        data = self._reader.get_metrics_data()
        metrics = data.resource_metrics[0].scope_metrics[0].metrics if data else []
        return {metric.name: list(metric.data.data_points) for metric in metrics}

    def shutdown(self):
        self._metering.shutdown()
        self._tracing.shutdown()


@pytest.fixture
def telemetry(clock):
    telemetry = Telemetry(clock)
    yield telemetry
    telemetry.shutdown()


async def test_a_call_is_a_client_span_with_the_attributes_of_the_conventions(telemetry, clock):
    usage = Usage(input_tokens=30, output_tokens=5, cache_read_tokens=20, reasoning_tokens=2)
    inner = ScriptedModel(
        [
            Pause(2),
            ResponseStart("gpt-5-mini-2025", "openai", "r1", "q1"),
            Pause(1),
            "words",
            Finish("stop", usage=usage),
        ],
        name="openai/gpt-5-mini",
        clock=clock,
    )
    settings = Settings(temperature=0.5, max_tokens=9, stop=("END",), seed=4)
    await ask(telemetry.layer()(inner), HELLO.replace(stream=True, settings=settings, output="json"))
    span = telemetry.span
    assert (span.name, span.kind, span.status.status_code) == ("chat gpt-5-mini", SpanKind.CLIENT, StatusCode.UNSET)
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5-mini",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.seed": 4,
        "gen_ai.request.stream": True,
        "gen_ai.output.type": "json",
        "gen_ai.response.model": "gpt-5-mini-2025",
        "gen_ai.response.id": "r1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.response.time_to_first_chunk": 3.0,
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 20,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "holdfast.request_id": "q1",
        "holdfast.provider": "openai",
    }


async def test_the_names_are_those_that_opentelemetry_publishes(telemetry):
    known = {getattr(gen_ai_attributes, name) for name in dir(gen_ai_attributes) if name.startswith("GEN_AI_")}
    usage = Usage(input_tokens=3, output_tokens=2, cache_read_tokens=1, cache_write_tokens=1, reasoning_tokens=1)
    settings = Settings(
        max_tokens=1, temperature=1, top_p=1, top_k=1, stop=("x",), seed=1, frequency_penalty=1, presence_penalty=1
    )
    inner = ScriptedModel("words", usage=usage)
    await ask(telemetry.layer(capture_content=True)(inner), HELLO.replace(stream=True, settings=settings))
    assert {name for name in telemetry.span.attributes if name.startswith("gen_ai.")} <= known
    metrics = {value for name, value in vars(gen_ai_metrics).items() if name.isupper()}
    assert set(telemetry.points) <= metrics


@pytest.mark.parametrize(
    ("name", "provider", "model"),
    [
        ("bedrock/anthropic.claude-v4:0", "aws.bedrock", "anthropic.claude-v4:0"),
        ("openrouter/meta-llama/llama-4", "openrouter", "meta-llama/llama-4"),
        ("mine", "_OTHER", "mine"),
    ],
)
async def test_a_models_name_gives_provider_and_model(telemetry, name, provider, model):
    await ask(telemetry.layer()(ScriptedModel("x", name=name)))
    attributes = telemetry.span.attributes
    assert (attributes["gen_ai.provider.name"], attributes["gen_ai.request.model"]) == (provider, model)


async def test_metrics_tell_durations_tokens_and_the_time_to_the_first_words(telemetry, clock):
    usage = Usage(input_tokens=30, output_tokens=5)
    model = telemetry.layer()(ScriptedModel([Pause(2), "a", Pause(1)], usage=usage, clock=clock))
    await ask(model, HELLO.replace(stream=True))
    points = telemetry.points
    [duration] = points["gen_ai.client.operation.duration"]
    [first] = points["gen_ai.client.operation.time_to_first_chunk"]
    assert (duration.sum, first.sum) == (3, 2)
    tokens = {point.attributes["gen_ai.token.type"]: point.sum for point in points["gen_ai.client.token.usage"]}
    assert tokens == {"input": 30, "output": 5}
    assert duration.explicit_bounds[0] == 0.01


async def test_an_unstreamed_answer_has_no_first_chunk(telemetry):
    await ask(telemetry.layer()(ScriptedModel("a")))
    assert "gen_ai.client.operation.time_to_first_chunk" not in telemetry.points
    assert "gen_ai.response.time_to_first_chunk" not in telemetry.span.attributes


async def test_a_failed_call_has_its_kind_and_the_attempts_that_led_there(telemetry):
    busy = OverloadedError("busy")
    history = (Failure(model="a/b", request=HELLO, error=busy, elapsed=1.5, delay=0.5),)
    model = telemetry.layer()(ScriptedModel(RateLimitError("slow down", request_id="q9", history=history)))
    with pytest.raises(RateLimitError):
        await ask(model)
    span = telemetry.span
    assert (span.status.status_code, span.attributes["error.type"]) == (StatusCode.ERROR, "rate_limit")
    assert span.attributes["holdfast.request_id"] == "q9"
    [event] = span.events
    assert event.name == "holdfast.attempt_failed"
    assert dict(event.attributes) == {
        "holdfast.attempt": 0,
        "gen_ai.request.model": "a/b",
        "error.type": "overloaded",
        "holdfast.elapsed": 1.5,
        "holdfast.delay": 0.5,
    }
    [duration] = telemetry.points["gen_ai.client.operation.duration"]
    assert duration.attributes["error.type"] == "rate_limit"


async def test_an_error_that_is_none_of_ours_is_told_too(telemetry):
    with pytest.raises(ZeroDivisionError):
        await ask(telemetry.layer()(ScriptedModel(ZeroDivisionError("bug"))))
    assert telemetry.span.attributes["error.type"] == "ZeroDivisionError"


async def test_a_failover_is_an_event_of_the_span(telemetry):
    attempts = (AttemptRecord("one", ErrorInfo("overloaded", "busy"), 1.0), AttemptRecord("two", None, 2.0))
    script = ["a", Restart(ServerError("broken"), 1), ResponseStart(), "b", Finish("stop", attempts=attempts)]
    await ask(telemetry.layer()(ScriptedModel(script)))
    assert [event.name for event in telemetry.span.events] == ["holdfast.restart", "holdfast.attempt_failed"]
    assert telemetry.span.events[1].attributes["gen_ai.request.model"] == "one"


async def test_tokens_of_a_broken_answer_are_told(telemetry):
    script = ["a", UsageUpdate(Usage(input_tokens=7)), ServerError("broken")]
    with pytest.raises(ServerError):
        await ask(telemetry.layer()(ScriptedModel(script)))
    assert telemetry.span.attributes["gen_ai.usage.input_tokens"] == 7


async def test_tokens_of_a_cached_answer_are_not_told(telemetry):
    finish = Finish("stop", usage=Usage(input_tokens=7), cached=True)
    await ask(telemetry.layer()(ScriptedModel(["a", finish])))
    assert telemetry.span.attributes["holdfast.cached"] is True
    assert "gen_ai.client.token.usage" not in telemetry.points


async def test_a_call_that_was_left_or_cancelled_is_no_error(telemetry, clock):
    inner = ScriptedModel(["a", Pause(1), "b"], ["a", Pause()], clock=clock)
    model = telemetry.layer()(inner)
    async with aclosing(model.stream(HELLO)) as events:
        await anext(events)
    task = asyncio.create_task(ask(model))
    clock.call_at(5, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    for span in telemetry.spans:
        assert span.attributes["holdfast.abandoned"] is True
        assert span.status.status_code is StatusCode.UNSET
    assert (len(telemetry.spans), inner.active, inner.abandoned) == (2, 0, 2)


async def test_a_span_is_a_child_of_the_current_one_and_leaves_it_current(telemetry):
    with telemetry.tracer.start_as_current_span("parent") as parent:
        async with aclosing(telemetry.layer()(ScriptedModel("a")).stream(HELLO)) as events:
            await anext(events)
            with telemetry.tracer.start_as_current_span("consumer's own"):
                pass
    spans = {span.name: span for span in telemetry.spans}
    assert spans["chat scripted"].parent.span_id == parent.get_span_context().span_id
    assert spans["consumer's own"].parent.span_id == parent.get_span_context().span_id


async def test_content_is_recorded_only_when_asked_for(telemetry):
    await ask(telemetry.layer()(ScriptedModel("secret")))
    assert "secret" not in telemetry.span.to_json()
    assert "Hello" not in telemetry.span.to_json()


async def test_recorded_content_has_the_form_of_the_conventions(telemetry):
    request = Request(
        messages=(
            SystemMessage("Be kind."),
            UserMessage((Text("Look:"), Image(url="https://x/y.png"), Image(data=b"png", media_type="image/png"))),
            AssistantMessage((Thinking("hm"), ToolCall("c1", "look", '{"at": "x"}'))),
            ToolMessage((ToolResult("c1", "a cat"),)),
        )
    )
    inner = ScriptedModel(["A cat.", ToolCall("c2", "pet", "{broken")])
    await ask(telemetry.layer(capture_content=True)(inner), request)
    attributes = telemetry.span.attributes
    assert json.loads(attributes["gen_ai.input.messages"]) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be kind."}]},
        {
            "role": "user",
            "parts": [
                {"type": "text", "content": "Look:"},
                {"type": "uri", "uri": "https://x/y.png", "mime_type": None, "modality": "image"},
                {"type": "blob", "content": "cG5n", "mime_type": "image/png", "modality": "image"},
            ],
        },
        {
            "role": "assistant",
            "parts": [
                {"type": "reasoning", "content": "hm"},
                {"type": "tool_call", "id": "c1", "name": "look", "arguments": {"at": "x"}},
            ],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "a cat"}]},
    ]
    [answer] = json.loads(attributes["gen_ai.output.messages"])
    assert answer["parts"] == [
        {"type": "text", "content": "A cat."},
        {"type": "tool_call", "id": "c2", "name": "pet", "arguments": "{broken"},
    ]


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry", None)
    with pytest.raises(ConfigurationError, match=r"holdfast\[otel\]"):
        trace()
