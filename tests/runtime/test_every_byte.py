"""The connection is cut after every single byte of a stream: the consumer has the answer, whole and once, or knows better."""

from __future__ import annotations

import pytest

from holdfast import Client, Endpoint, Restart, Timeouts
from holdfast.messages import Text, Thinking, ToolCall, UserMessage
from holdfast.providers.catalog import make_service
from holdfast.providers.codec import ServedRequest
from holdfast.request import Request
from holdfast.response import Response, unfold
from holdfast.simulator.answers import events_of
from holdfast.usage import Usage
from wire import serving

ANSWER = Response(
    parts=(
        Thinking("The user wants the tide."),
        Text("High tide is at noon, and low tide — “ebb” — at six."),
        ToolCall("call_1", "tide", '{"port": "Brest", "day": 3}'),
    ),
    finish_reason="tool_calls",
    usage=Usage(input_tokens=9, output_tokens=31),
    model="m",
    id="r1",
)
SERVED = ServedRequest(model="m", request=Request(messages=(UserMessage("Tide?"),), stream=True))


def stream_of(wire: str) -> bytes:
    service = make_service(wire)
    writer = service.writer(SERVED)
    body = b"".join(writer.feed(event) for event in events_of(ANSWER)) + writer.close()
    head = "".join(f"{name}: {value}\r\n" for name, value in writer.headers.items())
    return f"HTTP/1.1 200 OK\r\n{head}connection: close\r\n\r\n".encode() + body


STREAMS = {wire: stream_of(wire) for wire in ("openai_chat", "openai_responses", "anthropic", "gemini", "bedrock")}
EVERY = {"openai_chat": 1, "openai_responses": 41, "anthropic": 13, "gemini": 13, "bedrock": 17}
"""All bytes of the first wire, samples of the others, whose decoders have byte tests of their own."""


def same(response: Response) -> bool:
    calls = [(call.name, call.input) for call in response.tool_calls]
    return (response.text, calls) == (ANSWER.text, [("tide", {"port": "Brest", "day": 3})])


@pytest.mark.parametrize("mode", ["resume", "restart", "hold"])
@pytest.mark.parametrize("wire", STREAMS)
async def test_a_stream_cut_anywhere_ends_in_the_whole_answer(wire, mode):
    whole = STREAMS[wire]
    scripts = []
    step = EVERY[wire] * (1 if mode == "resume" else 5)
    async with serving(lambda _: scripts.pop(0)) as server:
        model = Endpoint("here", base_url=server.url, codec=wire, api_key="key").model("m")
        async with Client(model, timeouts=Timeouts(total=5), random=lambda: 0.0, on_break=mode) as client:
            for cut in range(whole.index(b"\r\n\r\n") + 4, len(whole), step):
                scripts[:] = [[whole[:cut], "close"], [whole, "close"]]
                async with client.stream("Tide?") as stream:
                    events = [event async for event in stream]
                assert same(stream.response()), cut
                assert not stream.response().truncated
                assert mode == "restart" or not any(isinstance(event, Restart) for event in events)


def test_the_answer_of_these_tests_survives_its_own_fold():
    assert list(unfold(ANSWER))[-1].finish_reason == "tool_calls"
