"""Many calls at once against a server with a token bucket: how many are answered, what is wasted, how long it takes.

    python bench/rate_limit.py            the three scenarios, some two minutes
    python bench/rate_limit.py --quick    the first one

The server stands on loopback, in a thread: a bucket of `burst` requests that fills at `rate` a second, 0.2 s for an
answer, and `Retry-After: 1` for a rejection. Waste is rejected requests / all requests. Ideal is what the bucket
allows. The OpenAI SDK stands beside it where it is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from threading import Event, Thread

from aiohttp import web

from holdfast.errors import ModelError
from holdfast.model import Layer
from holdfast.recovery.policies import fallback, retry
from holdfast.runtime.client import Client
from holdfast.runtime.endpoint import Endpoint
from holdfast.runtime.layers.rate_limit import rate_limit

ANSWER = {
    "id": "c1",
    "object": "chat.completion",
    "created": 0,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "fine"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
}
REJECTION = {"error": {"message": "Rate limit reached for requests", "type": "requests", "code": "rate_limit_exceeded"}}


@dataclass(frozen=True)
class Scenario:
    rate: float
    burst: int
    calls: int

    @property
    def ideal(self) -> float:
        return (self.calls - self.burst) / self.rate


class Server:
    """The bucket, behind one address; `begin` fills it and forgets what was counted."""

    def __init__(self) -> None:
        self.url = ""
        self._ready = Event()
        self._loop = asyncio.new_event_loop()
        Thread(target=self._serve, daemon=True).start()
        self._ready.wait()

    def begin(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.level, self.at = float(scenario.burst), time.monotonic()
        self.requests = self.rejected = 0

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._loop.run_forever()

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        self._ready.set()

    async def _answer(self, request: web.Request) -> web.Response:
        await request.read()
        now = time.monotonic()
        self.level = min(self.scenario.burst, self.level + (now - self.at) * self.scenario.rate)
        self.at = now
        self.requests += 1
        if self.level < 1:
            self.rejected += 1
            return web.json_response(REJECTION, status=429, headers={"retry-after": "1"})
        self.level -= 1
        await asyncio.sleep(0.2)
        return web.json_response(ANSWER)


async def holdfast(url: str, calls: int, attempts: int, *layers: Layer) -> int:
    model = Endpoint("bench", base_url=url, api_key="key").model("m")
    policies = [retry(attempts - 1), fallback()]
    async with Client(model, policies=policies, layers=layers, max_attempts=attempts, deadline=120) as client:
        return await answered(lambda: client.create("Hello"), calls, ModelError)


async def openai_sdk(url: str, calls: int, retries: int) -> int:
    import openai  # noqa: PLC0415  # it takes a second, and may not be there

    async with openai.AsyncOpenAI(base_url=url, api_key="key", max_retries=retries, timeout=120) as client:

        def call() -> Awaitable[object]:
            return client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hello"}])

        return await answered(call, calls, openai.APIError)


async def answered(call: Callable[[], Awaitable[object]], calls: int, error: type[Exception]) -> int:
    results = await asyncio.gather(*(call() for _ in range(calls)), return_exceptions=True)
    unknown = [result for result in results if isinstance(result, Exception) and not isinstance(result, error)]
    assert not unknown, unknown[0]
    return sum(not isinstance(result, Exception) for result in results)


def clients() -> dict[str, Callable[[str, int], Awaitable[int]]]:
    rows: dict[str, Callable[[str, int], Awaitable[int]]] = {
        "holdfast, 3 attempts": lambda url, calls: holdfast(url, calls, 3),
        "holdfast, 3 attempts, rate_limit()": lambda url, calls: holdfast(url, calls, 3, rate_limit(max_wait=60)),
        "holdfast, 9 attempts": lambda url, calls: holdfast(url, calls, 9),
        "holdfast, 9 attempts, rate_limit()": lambda url, calls: holdfast(url, calls, 9, rate_limit(max_wait=60)),
    }
    if importlib.util.find_spec("openai"):
        rows["openai SDK, 2 retries"] = lambda url, calls: openai_sdk(url, calls, 2)
        rows["openai SDK, 8 retries"] = lambda url, calls: openai_sdk(url, calls, 8)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only the first scenario")
    scenarios = [Scenario(10, 10, 120), Scenario(3, 3, 60), Scenario(60, 60, 600)]
    server = Server()
    for scenario in scenarios[:1] if parser.parse_args().quick else scenarios:
        print(
            f"\n{scenario.rate:g} req/s, burst {scenario.burst}, {scenario.calls} calls, ideal {scenario.ideal:.1f} s"
        )
        print(f"{'client':38} {'answered':>9} {'waste':>7} {'wall':>8}")
        for name, run in clients().items():
            server.begin(scenario)
            began = time.monotonic()
            whole = asyncio.run(run(server.url, scenario.calls))
            took = time.monotonic() - began
            share, waste = whole / scenario.calls, server.rejected / server.requests
            print(f"{name:38} {share:9.0%} {waste:7.0%} {took:6.1f} s", flush=True)


if __name__ == "__main__":
    main()
