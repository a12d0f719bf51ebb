"""Responses as bodies and streams of this wire: the server's half of `decode`."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final

import msgspec

from holdfast.errors import ModelError
from holdfast.events import (
    Event,
    Finish,
    PartAdded,
    ResponseStart,
    Restart,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageUpdate,
)
from holdfast.messages import Audio, Image, Text, Thinking, ToolCall
from holdfast.providers.codec import Headers, ServedRequest
from holdfast.providers.openai_chat.extras import BESIDE, TOP
from holdfast.providers.openai_chat.fault import error_object
from holdfast.providers.openai_chat.finish import finish_reason, finish_word
from holdfast.providers.openai_chat.usage import write_usage
from holdfast.providers.openai_chat.wire import ORIGIN
from holdfast.providers.sse import encode_event
from holdfast.response import Response
from holdfast.usage import Usage

DONE: Final = b"data: [DONE]\n\n"
_NO_ID: Final = "chatcmpl-0"


def write_response(response: Response, served: ServedRequest) -> bytes:
    """The body of a whole response."""
    extra = response.extra
    message = _message(response)
    choice = {
        "index": 0,
        "message": message,
        "logprobs": {"content": list(response.logprobs)} if response.logprobs else None,
        "finish_reason": _word(
            response.finish_reason,
            response.raw_finish_reason,
            calls="tool_calls" in message,
            refused="refusal" in extra,
        ),
        **{name: extra[name] for name in BESIDE if name in extra},
    }
    body = {
        "id": response.id or _NO_ID,
        "object": "chat.completion",
        "created": 0,  # nothing here reads a clock
        "model": response.model or served.model,
        "choices": [choice],
        "usage": _usage(response.usage, extra),
        **{name: extra[name] for name in TOP if name in extra},
    }
    return msgspec.json.encode(body)


def _message(response: Response) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": response.text or None}
    if response.thinking:
        message["reasoning_content"] = response.thinking
    details = [
        item for part in response.parts if isinstance(part, Thinking) for item in _details(part.data, part.origin)
    ]
    calls = [_call(part) for part in response.tool_calls]
    annotations = [each for part in response.parts if isinstance(part, Text) for each in part.annotations]
    images = [_image(part) for part in response.parts if isinstance(part, Image)]
    sounds = [_audio(part) for part in response.parts if isinstance(part, Audio)]
    message |= {
        name: value
        for name, value in (
            ("reasoning_details", details),
            ("tool_calls", calls),
            ("annotations", annotations),
            ("images", images),
            ("audio", sounds[0] if sounds else None),
            ("executed_tools", response.extra.get("executed_tools")),
            ("extra_content", response.extra.get("extra_content")),
        )
        if value
    }
    return {**message, "refusal": response.extra.get("refusal")}


def _word(reason: Any, raw: str | None, *, calls: bool, refused: bool) -> str:
    """The finish reason on the wire: the raw one, if it comes back as the same."""
    if raw and finish_reason(raw, calls=calls, refused=refused) == reason:
        return raw
    return finish_word(reason, raw)


def _usage(usage: Usage, extra: Any) -> dict[str, Any]:
    return {**write_usage(usage), **({"cost": extra["cost"]} if "cost" in extra else {})}


def _details(data: str | None, origin: str | None) -> list[Any]:
    if data is None or origin != ORIGIN:
        return []
    try:
        details = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return []
    return details if isinstance(details, list) else []


def _call(call: ToolCall) -> dict[str, Any]:
    written: dict[str, Any] = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
    return written | _signature(call.signature)


def _signature(signature: str | None) -> dict[str, Any]:
    return {"extra_content": {"google": {"thought_signature": signature}}} if signature else {}


def _image(image: Image) -> dict[str, Any]:
    url = image.url
    if image.data is not None:
        url = f"data:{image.media_type or 'image/png'};base64,{b64encode(image.data).decode()}"
    return {"type": "image_url", "image_url": {"url": url}}


def _audio(audio: Audio) -> dict[str, Any]:
    data = b64encode(audio.data or b"").decode()
    return {"id": audio.id or "audio_0", "data": data, "transcript": audio.transcript or "", "expires_at": 0}


class ChatStreamWriter:
    """Writes one streamed response; see `holdfast.providers.codec.StreamWriter`."""

    def __init__(self, served: ServedRequest) -> None:
        self.headers: Headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
        self._head: dict[str, Any] = {
            "id": _NO_ID,
            "object": "chat.completion.chunk",
            "created": 0,
            "model": served.model,
        }
        options = served.request.extra.get("stream_options") or {}
        self._with_usage = bool(options.get("include_usage", True))
        self._usage: Usage | None = None
        self._indexes: dict[int, int] = {}
        self._broken = False

    def feed(self, event: Event) -> bytes:
        """The bytes that tell of this event; may be empty."""
        if self._broken:
            return b""
        match event:
            case TextDelta():
                return self._text(event)
            case ThinkingDelta():
                return self._thinking(event)
            case ToolCallDelta():
                return self._call(event.part, {"function": {"arguments": event.arguments}})
            case ToolCallStart():
                self._indexes[event.part] = len(self._indexes)
                start = {"id": event.id, "type": "function", "function": {"name": event.name, "arguments": ""}}
                return self._call(event.part, start | _signature(event.signature))
            case ResponseStart():
                return self._start(event)
            case PartAdded():
                return self._part(event)
            case UsageUpdate():
                self._usage = event.usage
                return b""
            case Restart():  # the wire knows no such thing: what was sent stands
                self._broken = True
                return self.error(event.reason)
            case Finish():
                return self._finish(event)

    def error(self, error: ModelError) -> bytes:
        """The bytes that tell, inside the stream, that it failed."""
        return encode_event(msgspec.json.encode({"error": error_object(error)}))

    def close(self) -> bytes:
        """The bytes that end the stream."""
        return b"" if self._broken else DONE

    def _start(self, event: ResponseStart) -> bytes:
        self._head |= {name: value for name, value in (("id", event.id), ("model", event.model)) if value}
        if event.request_id:
            self.headers = {**self.headers, "x-request-id": event.request_id}
        return self._delta({"role": "assistant", "content": ""})

    def _text(self, event: TextDelta) -> bytes:
        delta: dict[str, Any] = {"content": event.text}
        if event.annotations:
            delta["annotations"] = list(event.annotations)
        return self._delta(delta, logprobs={"content": list(event.logprobs)} if event.logprobs else None)

    def _thinking(self, event: ThinkingDelta) -> bytes:
        delta: dict[str, Any] = {"reasoning_content": event.text} if event.text else {}
        details = _details(event.data, event.origin)
        if details:
            delta["reasoning_details"] = details
        return self._delta(delta) if delta else b""

    def _call(self, part: int, call: dict[str, Any]) -> bytes:
        return self._delta({"tool_calls": [{"index": self._indexes[part], **call}]})

    def _part(self, event: PartAdded) -> bytes:
        match event.content:
            case Image() as image:
                return self._delta({"images": [_image(image)]})
            case Audio() as audio:
                return self._delta({"audio": _audio(audio)})
            case _:
                return b""

    def _finish(self, event: Finish) -> bytes:
        extra = event.extra
        refused = "refusal" in extra
        word = _word(event.finish_reason, event.raw_finish_reason, calls=bool(self._indexes), refused=refused)
        said = {name: extra[name] for name in ("executed_tools", "extra_content", "refusal") if name in extra}
        first = self._delta(said) if said else b""
        choice = {name: extra[name] for name in BESIDE if name in extra}
        top = {name: extra[name] for name in TOP if name in extra}
        last = self._chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": word, **choice}], **top})
        usage = event.usage or self._usage
        if usage is None or not self._with_usage:
            return first + last
        return first + last + self._chunk({"choices": [], "usage": _usage(usage, extra)})

    def _delta(self, delta: dict[str, Any], logprobs: Any = None) -> bytes:
        return self._chunk({"choices": [{"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": None}]})

    def _chunk(self, fields: dict[str, Any]) -> bytes:
        return b"data: " + msgspec.json.encode({**self._head, **fields}) + b"\n\n"
