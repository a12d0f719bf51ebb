"""The contenders of `bench/overhead.py`, each measured in a process of its own.

    python overhead_clients.py NAME WIRE ADDRESS CALLS STREAMS    prints "call", "stream" (ms), "first" (s), "rss" (MB)

It runs in two environments, so each contender imports what it needs when it is asked. `call` is one complete response,
`stream` one of 200 deltas, read to its end and joined; both in CPU milliseconds of this process. `first` is the wall
time from the first import to the first answer, `rss` the resident memory then.
"""

# ruff: noqa: PLC0415, ARG001  # each contender imports what it alone has; some have nothing to close
from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from zlib import crc32

Ask = Callable[[], Awaitable[str]]
BEGAN = time.perf_counter()
BATCHES = 5
PROMPT = "hi"
MODELS = {
    "openai": "gpt-4o",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
    "bedrock": "anthropic.claude-sonnet-4-5-20250929-v1:0",
}


async def floor(stack: AsyncExitStack, wire: str, address: str) -> tuple[Ask, Ask]:
    """aiohttp and json, and nothing else: no check, no error, no type."""
    import aiohttp

    session = await stack.enter_async_context(aiohttp.ClientSession())
    path, body, streamed = FLOOR_REQUESTS[wire]
    of_whole, of_event = FLOOR_ANSWERS[wire]
    read = frames if wire == "bedrock" else data_lines

    async def call() -> str:
        async with session.post(address + path[0], json=body) as response:
            return of_whole(await response.json())

    async def stream() -> str:
        async with session.post(address + path[1], json=body | streamed) as response:
            return "".join([of_event(event) async for event in read(response.content)])

    return call, stream


async def data_lines(content: Any) -> AsyncGenerator[dict[str, Any], None]:
    """Whole blocks, split at their lines: some 40 % cheaper than `async for line in content`."""
    held = b""
    async for data in content.iter_any():
        *lines, held = (held + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data: ") and line != b"data: [DONE]":
                yield json.loads(line[6:])


async def frames(content: Any) -> AsyncGenerator[dict[str, Any], None]:
    """AWS event-stream frames by hand, their checksums included."""
    held = b""
    async for data in content.iter_any():
        held += data
        start = 0
        for end, event in whole_frames(held):
            start = end
            yield event
        held = held[start:]


def whole_frames(data: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    start = 0
    while start + 16 <= len(data):
        length, head, check = struct.unpack_from(">III", data, start)
        end = start + length
        if end > len(data):
            return
        assert crc32(data[start : start + 8]) == check
        assert crc32(data[start : end - 4]) == struct.unpack_from(">I", data, end - 4)[0]
        yield end, json.loads(data[start + 12 + head : end - 4])
        start = end


AWS_KEYS = {"aws_access_key_id": "id", "aws_secret_access_key": "key"}
USER = {"role": "user", "content": PROMPT}
FLOOR_REQUESTS: dict[str, tuple[tuple[str, str], dict[str, Any], dict[str, Any]]] = {
    "openai": (("/v1/chat/completions",) * 2, {"model": "gpt-4o", "messages": [USER]}, {"stream": True}),
    "anthropic": (
        ("/v1/messages",) * 2,
        {"model": MODELS["anthropic"], "max_tokens": 1000, "messages": [USER]},
        {"stream": True},
    ),
    "gemini": (
        ("/v1beta/models/m:generateContent", "/v1beta/models/m:streamGenerateContent?alt=sse"),
        {"contents": [{"role": "user", "parts": [{"text": PROMPT}]}]},
        {},
    ),
    "bedrock": (
        ("/model/m/converse", "/model/m/converse-stream"),
        {"messages": [{"role": "user", "content": [{"text": PROMPT}]}]},
        {},
    ),
}
FLOOR_ANSWERS: dict[str, tuple[Callable[[Any], str], Callable[[Any], str]]] = {
    "openai": (
        lambda whole: whole["choices"][0]["message"]["content"],
        lambda event: (event["choices"][0]["delta"].get("content") or "") if event["choices"] else "",
    ),
    "anthropic": (
        lambda whole: whole["content"][0]["text"],
        lambda event: event["delta"]["text"] if event["type"] == "content_block_delta" else "",
    ),
    "gemini": (
        lambda whole: whole["candidates"][0]["content"]["parts"][0]["text"],
        lambda event: event["candidates"][0]["content"]["parts"][0]["text"],
    ),
    "bedrock": (
        lambda whole: whole["output"]["message"]["content"][0]["text"],
        lambda event: event["delta"]["text"] if "delta" in event else "",
    ),
}


def holdfast(**options: Any) -> Callable[[AsyncExitStack, str, str], Awaitable[tuple[Ask, Ask]]]:
    async def make(stack: AsyncExitStack, wire: str, address: str) -> tuple[Ask, Ask]:
        from holdfast import Client, Endpoint

        base = {"openai": "/v1", "gemini": "/v1beta"}.get(wire, "")
        model = Endpoint(wire, base_url=address + base, api_key="key").model(MODELS[wire])
        client = await stack.enter_async_context(Client(model, **options))

        async def call() -> str:
            return (await client.create(PROMPT)).text

        async def stream() -> str:
            async with client.stream(PROMPT) as events:
                async for _ in events:
                    pass
            return events.response().text

        return call, stream

    return make


async def openai(stack: AsyncExitStack, wire: str, address: str) -> tuple[Ask, Ask]:
    from openai import AsyncOpenAI

    client = await stack.enter_async_context(AsyncOpenAI(base_url=address + "/v1", api_key="key"))
    asked: dict[str, Any] = {"model": MODELS[wire], "messages": [USER]}

    async def call() -> str:
        return (await client.chat.completions.create(**asked)).choices[0].message.content

    async def stream() -> str:
        chunks = await client.chat.completions.create(**asked, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])

    return call, stream


async def litellm(stack: AsyncExitStack, wire: str, address: str) -> tuple[Ask, Ask]:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # nothing is asked of the net at import
    import litellm as peer

    asked: dict[str, Any] = {
        "model": f"openai/{MODELS[wire]}",
        "api_base": address + "/v1",
        "api_key": "key",
        "messages": [USER],
    }

    async def call() -> str:
        return (await peer.acompletion(**asked)).choices[0].message.content

    async def stream() -> str:
        chunks = await peer.acompletion(**asked, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks if chunk.choices])

    return call, stream


async def pydantic_ai(stack: AsyncExitStack, wire: str, address: str) -> tuple[Ask, Ask]:
    from pydantic_ai import Agent
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    provider = OpenAIProvider(base_url=address + "/v1", api_key="key")
    agent = Agent(OpenAIChatModel(MODELS[wire], provider=provider))

    async def call() -> str:
        return (await agent.run(PROMPT)).output

    async def stream() -> str:
        async with agent.run_stream(PROMPT) as result:
            return "".join([text async for text in result.stream_text(delta=True, debounce_by=None)])

    return call, stream


async def anthropic(stack: AsyncExitStack, wire: str, address: str) -> tuple[Ask, Ask]:
    from anthropic import AsyncAnthropic

    client = await stack.enter_async_context(AsyncAnthropic(base_url=address, api_key="key"))
    asked: dict[str, Any] = {"model": MODELS[wire], "max_tokens": 1000, "messages": [USER]}

    async def call() -> str:
        return (await client.messages.create(**asked)).content[0].text

    async def stream() -> str:
        events = await client.messages.create(**asked, stream=True)
        return "".join([event.delta.text async for event in events if event.type == "content_block_delta"])

    return call, stream


async def google_genai(stack: AsyncExitStack, wire: str, address: str) -> tuple[Ask, Ask]:
    from google import genai

    options = genai.types.HttpOptions(base_url=address, api_version="v1beta")
    client = genai.Client(api_key="key", http_options=options)
    asked: dict[str, Any] = {"model": MODELS[wire], "contents": PROMPT}

    async def call() -> str:
        return (await client.aio.models.generate_content(**asked)).text

    async def stream() -> str:
        chunks = await client.aio.models.generate_content_stream(**asked)
        return "".join([chunk.text or "" async for chunk in chunks])

    return call, stream


async def boto3(stack: AsyncExitStack, wire: str, address: str) -> tuple[Ask, Ask]:
    import boto3 as peer

    client = peer.client("bedrock-runtime", region_name="us-east-1", endpoint_url=address, **AWS_KEYS)
    asked: dict[str, Any] = {"modelId": MODELS[wire], "messages": [{"role": "user", "content": [{"text": PROMPT}]}]}

    async def call() -> str:
        return client.converse(**asked)["output"]["message"]["content"][0]["text"]

    async def stream() -> str:
        events = client.converse_stream(**asked)["stream"]
        return "".join(event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event)

    return call, stream


CONTENDERS: dict[str, Callable[[AsyncExitStack, str, str], Awaitable[tuple[Ask, Ask]]]] = {
    "floor": floor,
    "holdfast": holdfast(),
    "holdfast restart": holdfast(on_break="restart"),
    "holdfast resume": holdfast(on_break="resume"),
    "openai": openai,
    "litellm": litellm,
    "pydantic-ai": pydantic_ai,
    "anthropic": anthropic,
    "google-genai": google_genai,
    "boto3": boto3,
}


async def cost(ask: Ask, times: int) -> float:
    """CPU milliseconds of one: the least of several batches, what else the machine does left out."""
    least = float("inf")
    for _ in range(BATCHES):
        began = time.process_time()
        for _ in range(max(1, times // BATCHES)):
            await ask()
        least = min(least, (time.process_time() - began) / max(1, times // BATCHES))
    return least * 1e3


def resident() -> float:
    """MB of memory that this process holds now, or at most held where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


async def measure(name: str, wire: str, address: str, calls: int, streams: int) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        call, stream = await CONTENDERS[name](stack, wire, address)
        assert (await call()).split() == ["word"] * 50
        told = {"first": time.perf_counter() - BEGAN, "rss": resident()}
        for _ in range(5):
            assert (await stream()).split() == [f"word{i}" for i in range(200)]
            await call()
        return told | {"call": await cost(call, calls), "stream": await cost(stream, streams)}


if __name__ == "__main__":
    contender, its_wire, where, how_many_calls, how_many_streams = sys.argv[1:]
    print(json.dumps(asyncio.run(measure(contender, its_wire, where, int(how_many_calls), int(how_many_streams)))))
