"""A client that hides nothing: it shows the head, the bytes of the body, and how the connection ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from holdfast.simulator import Rule, Scenario, SimulatedModel, Simulator
from holdfast.simulator.faults import Fault

PROMPT = "What is kelp?"


@dataclass
class Seen:
    """What a client saw. `ended`: whole by HTTP's rules (and still open), closed too early, or reset."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ended: Literal["whole", "closed", "reset"] = "whole"

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[str]:
        """The data of the events of an event stream, comments and pings left out."""
        lines = self.body.decode(errors="replace").split("\n")
        return [line.removeprefix("data:").strip() for line in lines if line.startswith("data:")]

    @property
    def text(self) -> str:
        """The words of a chat completion, streamed or not."""
        if "event-stream" not in self.headers["content-type"]:
            return self.json["choices"][0]["message"]["content"] or ""
        chunks = [json.loads(event) for event in self.events if event.startswith("{")]
        deltas = [choice["delta"] for chunk in chunks for choice in chunk.get("choices") or ()]
        return "".join(delta.get("content") or "" for delta in deltas)

    @property
    def finish(self) -> str | None:
        if "event-stream" not in self.headers["content-type"]:
            return self.json["choices"][0]["finish_reason"]
        chunks = [json.loads(event) for event in self.events if event.startswith("{")]
        reasons = [choice.get("finish_reason") for chunk in chunks for choice in chunk.get("choices") or ()]
        return next(filter(None, reasons), None)


async def receive(reader: asyncio.StreamReader) -> Seen:
    seen = Seen()
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        seen.status = int(first.split(" ")[1])
        seen.headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        if seen.headers.get("transfer-encoding") == "chunked":
            while size := int(await reader.readuntil(b"\r\n"), 16):
                seen.body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
        elif "content-length" in seen.headers:
            while (missing := int(seen.headers["content-length"]) - len(seen.body)) and not reader.at_eof():
                seen.body += await reader.read(missing)
            seen.ended = "closed" if missing else "whole"
        else:
            seen.body = await reader.read()
    except asyncio.IncompleteReadError:
        seen.ended = "closed"
    except ConnectionResetError:
        seen.ended = "reset"
    return seen


def request_bytes(path: str, body: Any, method: str = "POST", **headers: str) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "host: localhost", f"content-length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + data


def chat(prompt: Any = PROMPT, *, model: str = "m", stream: bool = False, **fields: Any) -> dict[str, Any]:
    messages = prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}]
    return {"model": model, "messages": messages, "stream": stream, **fields}


async def send(sim: Any, body: Any, path: str = "/v1/chat/completions", method: str = "POST", **headers: str) -> Seen:
    """One request on a connection of its own."""
    where = urlsplit(sim.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(request_bytes(path, body, method, **headers))
        return await asyncio.wait_for(receive(reader), 20)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def failing(*faults: Fault, **fields: Any) -> Scenario:
    return Scenario(models={"m": SimulatedModel(rules=tuple(Rule(fault) for fault in faults), **fields)})


async def show(fault: Fault | None, *, stream: bool = False, body: Any = None, **fields: Any) -> Seen:
    """What one request to a model with this fault looks like."""
    async with Simulator(failing(*([fault] if fault else []), **fields)) as sim:
        return await send(sim, body or chat(stream=stream))
