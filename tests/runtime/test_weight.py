"""What the library weighs: memory of long streams, many streams at once, what importing it loads, what is left behind."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast import Client, Endpoint
from holdfast.events import Finish, ResponseStart, TextDelta
from holdfast.request import Request

ROOT = Path(__file__).parents[2]
EVENTS = 1_000_000
WORD = "word "


class Endless:
    """A model that says so many words."""

    name = "test/endless"

    def __init__(self, words: int) -> None:
        self._words = words

    async def stream(self, request: Request):
        yield ResponseStart(model="endless")
        for _ in range(self._words):
            yield TextDelta(WORD)
        yield Finish("stop")


def resident() -> int:
    """Bytes of memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's own numbers")
async def test_memory_stays_flat_over_a_million_events():
    client = Client(Endless(EVENTS), on_break="resume")
    gc.collect()
    seen, began, most = 0, resident(), 0
    async with client.stream("Go on.") as stream:
        async for _ in stream:
            if seen % 100_000 == 0:
                most = max(most, resident())
            seen += 1
    assert seen == EVENTS + 2
    assert len(stream.response().text) == EVENTS * len(WORD)
    # The text itself is kept, for `stream.response()` and for `error.partial`: some 20 bytes a word here. The events
    # are not; one that is kept takes 150 bytes.
    assert (most - began) / EVENTS < 50


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Crowd:
    """A server that sends the first word to everybody, and the rest only when so many listen at once."""

    def __init__(self, size: int) -> None:
        self._all_here = asyncio.Barrier(size)

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=2048)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(HEAD + self._event({"content": "first "}))
        await self._all_here.wait()
        for _ in range(10):
            writer.write(self._event({"content": WORD}))
        writer.write(self._event({}, "stop") + self._chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        await writer.drain()
        writer.close()

    def _event(self, delta: dict, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return self._chunk(b"data: " + json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> bytes:
        return b"%x\r\n%s\r\n" % (len(data), data)


async def test_a_thousand_streams_run_at_once():
    async with Crowd(1000) as url, Client(Endpoint("crowd", base_url=url, api_key="key").model("m")) as client:

        async def read() -> str:
            async with client.stream("Hello?", deadline=60) as stream:
                return (await stream.finish()).text

        answers = await asyncio.gather(*(read() for _ in range(1000)))
    assert set(answers) == {"first " + WORD * 10}


def loaded(code: str) -> set[str]:
    """The modules that a fresh interpreter has after running this."""
    command = [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())  # noqa: S603  # our own


WIRES = ("openai_chat", "openai_responses", "anthropic", "gemini", "bedrock")
NOT_AT_IMPORT = {
    *("aiohttp", "pydantic", "typer", "rich", "openai", "anthropic", "google", "boto3", "botocore", "opentelemetry"),
    *("splintr", "tiktoken", "genai_prices", "httpx", "httpx2", "azure", "yarl"),
    *("holdfast.simulator", "holdfast.cli", "holdfast.adapters", "holdfast.agent", "holdfast.sync", "holdfast.testing"),
    *(f"holdfast.providers.{wire}" for wire in WIRES),
}


def test_importing_loads_no_provider_and_no_network():
    assert not loaded("import holdfast") & NOT_AT_IMPORT


def test_a_client_loads_its_own_provider_only():
    code = "from holdfast import Client, Endpoint; Client(Endpoint('x', base_url='http://x', codec='anthropic').model('m'))"
    there = loaded(code)
    assert {wire for wire in WIRES if f"holdfast.providers.{wire}.codec" in there} == {"anthropic"}
    assert not there & {"anthropic", "pydantic", "boto3", "typer"}


async def test_calls_that_are_cancelled_at_any_moment_leave_nothing_behind(caplog):
    caplog.set_level(logging.CRITICAL)
    spec = importlib.util.spec_from_file_location("bench_cancellations", ROOT / "bench" / "cancellations.py")
    bench = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = bench  # its dataclass looks itself up there
    spec.loader.exec_module(bench)
    left = await bench.run(300, seed=1)
    assert left.nothing, left
    assert left.cancelled > 200
