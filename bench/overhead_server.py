"""The server of `bench/overhead.py`: canned bytes on loopback, in four wires, as fast as a socket takes them.

    python overhead_server.py       prints its port, and serves until it is killed

A whole answer has 50 words. A stream has 200 deltas of a word each; it is written at once, each event in an HTTP chunk
of its own, so that what is measured is the reader and not the network.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable, Iterable
from typing import Any
from zlib import crc32

EVENTS = 200
WORDS = [f"word{i} " for i in range(EVENTS)]
WHOLE = "word " * 50


def sse(events: Iterable[dict[str, Any]], *, named: bool = False) -> list[bytes]:
    name = (lambda event: b"event: " + event["type"].encode() + b"\n") if named else (lambda _: b"")
    return [name(event) + b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]


def openai() -> tuple[dict[str, Any], list[bytes]]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
    usage = {"prompt_tokens": 5, "completion_tokens": EVENTS, "total_tokens": EVENTS + 5}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return head | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    choice = {"index": 0, "message": {"role": "assistant", "content": WHOLE}, "finish_reason": "stop"}
    whole = head | {"object": "chat.completion", "choices": [choice], "usage": usage}
    chunks = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": word}) for word in WORDS)]
    chunks += [chunk({}, "stop"), head | {"choices": [], "usage": usage}]
    return whole, [*sse(chunks), b"data: [DONE]\n\n"]


def anthropic() -> tuple[dict[str, Any], list[bytes]]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "stop_sequence": None}
    usage = {"input_tokens": 5, "output_tokens": EVENTS}
    whole = head | {"content": [{"type": "text", "text": WHOLE}], "stop_reason": "end_turn", "usage": usage}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": head | {"content": [], "stop_reason": None, "usage": usage}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in WORDS),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage},
        {"type": "message_stop"},
    ]
    return whole, sse(events, named=True)


def gemini() -> tuple[dict[str, Any], list[bytes]]:
    usage = {"promptTokenCount": 5, "candidatesTokenCount": EVENTS, "totalTokenCount": EVENTS + 5}
    head = {"modelVersion": "gemini-2.5-flash", "responseId": "r1", "usageMetadata": usage}

    def answer(text: str, finish: str | None = None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
        return {"candidates": [candidate | ({"finishReason": finish} if finish else {})]} | head

    return answer(WHOLE, "STOP"), sse([*(answer(word) for word in WORDS), answer("", "STOP")])


def bedrock() -> tuple[dict[str, Any], list[bytes]]:
    usage = {"inputTokens": 5, "outputTokens": EVENTS, "totalTokens": EVENTS + 5}
    message = {"role": "assistant", "content": [{"text": WHOLE}]}
    told = {"usage": usage, "metrics": {"latencyMs": 5}}
    whole = {"output": {"message": message}, "stopReason": "end_turn"} | told
    frames = [
        frame("messageStart", {"role": "assistant"}),
        *(frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": word}}) for word in WORDS),
        frame("contentBlockStop", {"contentBlockIndex": 0}),
        frame("messageStop", {"stopReason": "end_turn"}),
        frame("metadata", told),
    ]
    return whole, frames


def frame(kind: str, payload: dict[str, Any]) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    head = b"".join(
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value.encode()
        for name, value in headers.items()
    )
    body = json.dumps(payload).encode()
    lengths = struct.pack(">II", 16 + len(head) + len(body), len(head))
    framed = lengths + struct.pack(">I", crc32(lengths)) + head + body
    return framed + struct.pack(">I", crc32(framed))


WIRES: dict[bytes, tuple[Callable[[], tuple[dict[str, Any], list[bytes]]], bytes]] = {
    b"/chat/completions": (openai, b"text/event-stream"),
    b"/messages": (anthropic, b"text/event-stream"),
    b"enerateContent": (gemini, b"text/event-stream"),
    b"/converse": (bedrock, b"application/vnd.amazon.eventstream"),
}


def canned(kind: bytes, body: dict[str, Any], chunks: list[bytes]) -> tuple[bytes, bytes]:
    whole = json.dumps(body).encode()
    plain = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(whole) + whole
    head = b"HTTP/1.1 200 OK\r\ncontent-type: " + kind + b"\r\ntransfer-encoding: chunked\r\n\r\n"
    return plain, head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


REPLIES = {path: canned(kind, *make()) for path, (make, kind) in WIRES.items()}


def is_streamed(path: bytes, body: bytes) -> bool:
    return b"stream" in path or b'"stream":true' in body.replace(b" ", b"")


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            line, _, fields = head.lower().partition(b"\r\n")
            length = int(fields.split(b"content-length:")[1].split(b"\r\n")[0])
            if b"100-continue" in fields:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await reader.readexactly(length)
            whole, streamed = next(reply for path, reply in REPLIES.items() if path.lower() in line)
            writer.write(streamed if is_streamed(line, body) else whole)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
