"""Hand-written frames of Bedrock's wire, for what recordings lack, and what the tests of that wire share."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from holdfast.events import Event
from holdfast.messages import UserMessage
from holdfast.providers.bedrock.codec import BedrockCodec
from holdfast.providers.bedrock.frames import write_frame
from holdfast.providers.bedrock.serve import BedrockService
from holdfast.providers.codec import Dialect, ServedRequest, decode_all
from holdfast.request import Request

CODEC = BedrockCodec(Dialect(provider="bedrock", prefill="assistant"))
SERVICE = BedrockService()
ASKED = Request(messages=(UserMessage("hi"),), stream=True)
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NOVA = "us.amazon.nova-pro-v1:0"
SERVED = ServedRequest(model=MODEL, request=ASKED)
HEADERS = {"x-amzn-requestid": "req_1", "content-type": "application/vnd.amazon.eventstream"}


def frame(kind: str, payload: Any) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return write_frame(headers, json.dumps(payload).encode())


def exception(kind: str, message: str) -> bytes:
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return write_frame(headers, json.dumps({"message": message}).encode())


def start() -> bytes:
    return frame("messageStart", {"role": "assistant", "p": "abc"})


def block(index: int, *deltas: Any, begin: Any = None, stop: bool = True) -> bytes:
    data = b"" if begin is None else frame("contentBlockStart", {"contentBlockIndex": index, "start": begin})
    data += b"".join(frame("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}) for delta in deltas)
    return data + frame("contentBlockStop", {"contentBlockIndex": index}) if stop else data


def text(index: int, *pieces: str) -> bytes:
    return block(index, *({"text": piece} for piece in pieces))


def tool(index: int, *pieces: str, stop: bool = True, **fields: Any) -> bytes:
    begin = {"toolUse": {"toolUseId": f"tooluse_{index}", "name": "search", **fields}}
    return block(index, *({"toolUse": {"input": piece}} for piece in pieces), begin=begin, stop=stop)


def stop(reason: str | None = "end_turn", **fields: Any) -> bytes:
    return frame("messageStop", {"stopReason": reason, **fields})


def metadata(**fields: Any) -> bytes:
    usage = {"inputTokens": 10, "outputTokens": 7, "totalTokens": 17}
    return frame("metadata", {"usage": usage, "metrics": {"latencyMs": 5}, **fields})


def end(reason: str | None = "end_turn") -> bytes:
    return stop(reason) + metadata()


def events(*chunks: bytes, asked: Request = ASKED, model: str = MODEL) -> list[Event]:
    return list(decode_all(CODEC.decoder(asked, model, HEADERS), chunks))


def told(chunks: Iterable[bytes], asked: Request = ASKED, model: str = MODEL) -> tuple[list[Event], str | None]:
    """The events, and in which error they end."""
    seen: list[Event] = []
    try:
        for event in decode_all(CODEC.decoder(asked, model, HEADERS), chunks):
            seen.append(event)  # noqa: PERF402  # what came before an error is kept
    except Exception as error:  # noqa: BLE001  # its class is the claim
        return seen, f"{type(error).__name__}: {error}"
    return seen, None


RICH = b"".join(
    (
        start(),
        block(0, *({"reasoningContent": piece} for piece in ({"text": "Let me "}, {"text": "see."}, {"signature": "c2ln"}))),
        block(1, {"reasoningContent": {"redactedContent": "ZW5j"}}),
        text(2, "Hello", " w\u00f6rld \U0001f30d"),
        tool(3, '{"x":', " 1}", type="server_tool_use"),
        block(4, {"toolResult": [{"json": {"out": "7"}}]},
              begin={"toolResult": {"toolUseId": "tooluse_3", "type": "nova_result", "status": "success"}}),
        block(5, {"text": "cited"}, {"citation": {"title": "t"}}),
        block(6, {"image": {"source": {"bytes": "iVBORw=="}}}, begin={"image": {"format": "png"}}),
        tool(7, "", '{"q": "', 'a"}'),
        tool(8),
        end("tool_use"),
    )
)  # fmt: skip
