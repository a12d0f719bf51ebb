"""Hand-written bytes of Anthropic's wire, for what recordings lack, and what the tests of this folder share."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from holdfast.events import Event
from holdfast.messages import UserMessage
from holdfast.providers.anthropic.codec import AnthropicCodec
from holdfast.providers.anthropic.serve import AnthropicService
from holdfast.providers.codec import Dialect, ServedRequest, decode_all
from holdfast.request import Request

CODEC = AnthropicCodec(Dialect(provider="anthropic", prefill="assistant"))
SERVICE = AnthropicService()
ASKED = Request(messages=(UserMessage("hi"),), stream=True)
MODEL = "claude-sonnet-4-5"
SERVED = ServedRequest(model=MODEL, request=ASKED)
HEADERS = {"request-id": "req_1", "content-type": "text/event-stream"}


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(b"event: %s\ndata: %s\n\n" % (e["type"].encode(), json.dumps(e).encode()) for e in events)


def start(**usage: int) -> dict[str, Any]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "content": [], "stop_reason": None}
    return {"type": "message_start", "message": {**head, "usage": {"input_tokens": 10, "output_tokens": 1, **usage}}}


def block(index: int, block: dict[str, Any], *deltas: dict[str, Any], stop: bool = True) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = [{"type": "content_block_start", "index": index, "content_block": block}]
    events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return [*events, {"type": "content_block_stop", "index": index}] if stop else events


def text(index: int, *pieces: str) -> list[dict[str, Any]]:
    deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
    return block(index, {"type": "text", "text": ""}, *deltas)


def tool(index: int, *pieces: str, stop: bool = True, given: Any = None, **fields: Any) -> list[dict[str, Any]]:
    head = {"type": "tool_use", "id": f"toolu_{index}", "name": "search", "input": given or {}, **fields}
    return block(index, head, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces), stop=stop)


def end(reason: str | None = "end_turn", **delta: Any) -> list[dict[str, Any]]:
    usage = {"input_tokens": 10, "output_tokens": 7}
    return [
        {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None, **delta}, "usage": usage},
        {"type": "message_stop"},
    ]


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


RICH = sse(
    start(cache_read_input_tokens=5, cache_creation_input_tokens=3),
    {"type": "ping"},
    *block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Let me "},
        {"type": "thinking_delta", "thinking": "see. \u4f60\u597d"},
        {"type": "signature_delta", "signature": "c2ln"},
    ),
    *block(1, {"type": "redacted_thinking", "data": "ZW5j"}),
    *text(2, "Hello", " w\u00f6rld \U0001f30d"),
    *block(3, {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
           {"type": "input_json_delta", "partial_json": '{"query":'}, {"type": "input_json_delta", "partial_json": '"x"}'}),
    *block(4, {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"url": "http://x"}]}),
    *block(5, {"type": "text", "text": ""}, {"type": "text_delta", "text": "cited"},
           {"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "a"}}),
    *tool(6, "", '{"q": "', 'a"}'),
    *tool(7),
    *end("tool_use"),
)  # fmt: skip
