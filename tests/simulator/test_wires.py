"""The simulator on every wire, read by the client's side of that wire."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from holdfast.errors import ContextOverflowError, ModelError, RateLimitError
from holdfast.events import Event
from holdfast.messages import UserMessage
from holdfast.providers.catalog import make_codec, make_service
from holdfast.providers.codec import Dialect, decode_all
from holdfast.request import Request, Settings, Tool
from holdfast.response import Response, fold
from holdfast.simulator import Simulator, Window, expected_answer, vocabulary
from holdfast.simulator import faults as f
from holdfast.simulator.answers import Manner, answer
from holdfast.simulator.faults import KINDS
from holdfast.simulator.reply import HangUp, Reset, Scene, answered, joined
from holdfast.simulator.server import WIRES
from holdfast.simulator.staging import stage
from raw_client import PROMPT, failing, send

ANSWER = expected_answer(PROMPT)
WEATHER = Tool("weather", "The weather", {"type": "object", "properties": {"place": {"type": "string"}}})
REQUEST = Request(messages=(UserMessage(PROMPT),), settings=Settings(max_tokens=1000))


def codec_of(wire):
    return make_codec(wire, Dialect(provider="sim"))


async def call(sim, wire, request: Request) -> Response:
    codec = codec_of(wire)
    encoded = codec.encode(request, "m")
    path = urlsplit(sim.base_url(wire)).path + encoded.url
    headers = {name.replace("-", "_"): value for name, value in encoded.headers.items() if name != "content-length"}
    seen = await send(sim, encoded.body, path, **headers)
    if seen.status >= 300:
        raise codec.error(seen.status, seen.headers, seen.body, model="m", now=0.0)
    return fold(decode_all(codec.decoder(request, "m", seen.headers), [seen.body]))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wire", WIRES)
async def test_a_calm_model_answers_on_every_wire(wire, stream):
    async with Simulator(failing()) as sim:
        response = await call(sim, wire, REQUEST.replace(stream=stream))
        assert sim.requests[-1].wire == wire
        assert sim.requests[-1].streamed is stream
    assert (response.text, response.finish_reason) == (ANSWER, "stop")
    assert response.usage == answer(REQUEST).usage


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wire", WIRES)
async def test_tools_are_called_on_every_wire(wire, stream):
    request = REQUEST.replace(messages=[UserMessage("call weather")], tools=(WEATHER,), stream=stream)
    async with Simulator(failing()) as sim:
        response = await call(sim, wire, request)
    (called,) = response.tool_calls
    assert (called.name, response.finish_reason) == ("weather", "tool_calls")
    assert called.input == answer(request).tool_calls[0].input


@pytest.mark.parametrize("wire", WIRES)
async def test_a_model_thinks_on_every_wire(wire):
    async with Simulator(failing(manner=Manner(think=True))) as sim:
        whole = await call(sim, wire, REQUEST)
        streamed = await call(sim, wire, REQUEST.replace(stream=True))
    assert whole.text == streamed.text == ANSWER
    assert whole.thinking == streamed.thinking
    assert "Thought" in whole.thinking


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wire", WIRES)
async def test_an_error_is_understood_as_what_it_is_on_every_wire(wire, kind):
    async with Simulator(failing(f.Refuse(kind=kind))) as sim:
        with pytest.raises(ModelError) as caught:
            await call(sim, wire, REQUEST)
        named = None if wire == "gemini" else sim.requests[-1].request_id  # Gemini names no request
    assert caught.value.kind == kind
    assert caught.value.request_id == named


@pytest.mark.parametrize("wire", [wire for wire in WIRES if wire != "bedrock"])  # Bedrock's errors state no wait
async def test_a_wait_is_understood_on_every_wire_that_states_one(wire):
    async with Simulator(failing(f.Refuse(kind="rate_limit", retry_after=7))) as sim:
        with pytest.raises(RateLimitError) as caught:
            await call(sim, wire, REQUEST)
    assert caught.value.retry_after == 7


@pytest.mark.parametrize(("states", "understood_"), [(None, 100), (4000, 4000), (0, None)])
@pytest.mark.parametrize("wire", WIRES)
async def test_an_overflow_states_the_numbers_that_the_window_wants_it_to(wire, states, understood_):
    long = REQUEST.replace(messages=[UserMessage("word " * 400)])
    async with Simulator(failing(window=Window(tokens=100, states=states))) as sim:
        with pytest.raises(ContextOverflowError) as caught:
            await call(sim, wire, long)
    limit = caught.value.limit
    assert (None if limit is None else limit.max_tokens) == understood_


RESUMABLE = [
    ("openai_responses", REQUEST.replace(stream=True, extra={"background": True})),
    ("gemini", REQUEST.replace(stream=True)),
]


@pytest.mark.parametrize("count", [0, 1, 9, 25, -1])
@pytest.mark.parametrize(("wire", "request_"), RESUMABLE, ids=[wire for wire, _ in RESUMABLE])
async def test_a_broken_answer_can_be_taken_up_natively(wire, request_, count):
    codec = codec_of(wire)
    encoded = codec.encode(request_, "m")
    async with Simulator(failing(f.EarlyEnd(after=count), resumable=True)) as sim:
        base = urlsplit(sim.base_url(wire)).path
        cut = await send(sim, encoded.body, base + encoded.url)
        decoder = codec.decoder(request_, "m", cut.headers)
        events = list(decoder.feed(cut.body))
        if (checkpoint := decoder.checkpoint) is None:
            assert count == 0
            return
        again = codec.resume(checkpoint, request_, "m")
        sim.reception.scenario = failing(resumable=True)
        rest = await send(sim, again.body, base + again.url, again.method)
    decoder.reconnect()
    events += [*decoder.feed(rest.body), *decoder.close()]
    response = fold(events)
    assert (response.text, response.finish_reason) == (ANSWER, "stop")


async def test_a_background_answer_can_be_asked_for_as_a_whole():
    wire, request = RESUMABLE[0]
    codec = codec_of(wire)
    async with Simulator(failing()) as sim:
        whole = await call(sim, wire, request)
        seen = await send(sim, b"", f"/v1/responses/{whole.id}", "GET")
        lost = await send(sim, b"", "/v1/responses/nothing", "GET")
    assert fold(decode_all(codec.decoder(REQUEST, "m", seen.headers), [seen.body])).text == ANSWER
    assert lost.status == 404


def scene_of(wire: str, request: Request) -> Scene:
    codec, service = codec_of(wire), make_service(wire)
    encoded = codec.encode(request, "m")
    served = service.read(encoded.url, encoded.headers, encoded.body)
    return Scene(service=service, served=served, response=answer(served.request, model="m", origin=wire))


def understood(wire: str, fault: f.Fault, request: Request) -> Response | ModelError:
    """What a client makes of the bytes, without a network."""
    draft = stage(fault, scene_of(wire, request))
    if draft.status >= 300:
        return codec_of(wire).error(draft.status, draft.headers, b"".join(draft.body), model="m", now=0.0)
    decoder = codec_of(wire).decoder(request, "m", draft.headers)
    events: list[Event] = []
    try:
        for piece in draft.body:
            if isinstance(piece, bytes):
                events.extend(decoder.feed(piece))
            elif isinstance(piece, (Reset, HangUp)):
                return ModelError("The connection broke.", partial=fold(events))
        events.extend(decoder.close())
    except ModelError as error:
        return error
    return fold(events)


POSITIONAL = [entry.kind for entry in vocabulary() if entry.positional]
ANSWERS = {
    "text": REQUEST.replace(stream=True),
    "thinking": REQUEST.replace(stream=True, settings=Settings(max_tokens=4000, reasoning_effort="low")),
    "call": REQUEST.replace(stream=True, messages=[UserMessage("call weather")], tools=(WEATHER,)),
}


def said(response: Response) -> tuple[str, list[tuple[str, str]]]:
    return response.text, [(call.name, call.arguments) for call in response.tool_calls]


@pytest.mark.parametrize("asked", ANSWERS)
@pytest.mark.parametrize("kind", POSITIONAL, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("wire", WIRES)
def test_no_position_of_a_fault_makes_a_silently_wrong_answer(wire, kind, asked):
    request = ANSWERS[asked]
    scene = scene_of(wire, request)
    count = sum(isinstance(piece, bytes) for piece in answered(scene).body)
    small = {"count": 2} if kind is f.KeepAlives else {}
    for after in range(count + 1):
        outcome = understood(wire, kind(after=after, **small), request)
        if isinstance(outcome, Response) and outcome.finish_reason in ("stop", "tool_calls"):
            assert said(outcome) == said(scene.response), after


@pytest.mark.parametrize("asked", ["text", "call"])
@pytest.mark.parametrize("wire", WIRES)
def test_no_byte_at_which_a_stream_ends_makes_a_silently_wrong_answer(wire, asked):
    request = ANSWERS[asked]
    scene = scene_of(wire, request)
    count = len(joined(answered(scene)))
    for place in range(0, count, 1 if count < 1500 else 17):
        outcome = understood(wire, f.EarlyEnd(bytes=place), request)
        assert isinstance(outcome, ModelError) or said(outcome) == said(scene.response), place


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wire", WIRES)
def test_every_fault_can_be_staged_on_every_wire_for_every_answer(wire, stream):
    tools = REQUEST.replace(messages=[UserMessage("call weather")], tools=(WEATHER,), stream=stream)
    for entry in vocabulary():
        if "count" in entry.parameters or entry.kind is f.Compressed:
            continue  # endless, or for the transport to undo
        fault = entry.kind(status=418) if entry.kind is f.Status else entry.kind()
        for request in (REQUEST.replace(stream=stream), tools):
            outcome = understood(wire, fault, request)
            assert isinstance(outcome, (Response, ModelError)), entry.name
