"""Anthropic's Messages API, as a codec. Also spoken by the like surfaces of DeepSeek, Moonshot, MiniMax, ..."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from holdfast.errors import ModelError
from holdfast.events import Event
from holdfast.providers.answer import AnswerDecoder
from holdfast.providers.anthropic import count, errors
from holdfast.providers.anthropic.decode import StreamDecoder, WholeDecoder
from holdfast.providers.anthropic.encode import encode_body, final_tool, means
from holdfast.providers.anthropic.parts import Context
from holdfast.providers.anthropic.wire import ORIGIN
from holdfast.providers.codec import Decoder, Dialect, Headers, HTTPRequest
from holdfast.request import Request

_VERSION: Final = "2023-06-01"
# The first bytes of JSON, and of a proxy's page; a stream of events begins with a letter or a colon.
_WHOLE: Final = (b"{", b"[", b"<")


class AnthropicCodec:
    """Speaks the Messages API in one dialect; `dialect.api_version` stands for the `anthropic-version` header.

    Server tools, `container`, `mcp_servers` and the like go through `Request.extra`, betas through
    `Request.headers` (`anthropic-beta`).
    """

    name = ORIGIN

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def encode(self, request: Request, model: str) -> HTTPRequest:
        """The request for an answer."""
        body, notes = encode_body(request, model, self.dialect)
        headers = {
            "content-type": "application/json",
            "anthropic-version": self.dialect.api_version or _VERSION,
            **{name.lower(): value for name, value in request.headers.items()},
        }
        return HTTPRequest(url="/v1/messages", body=body, headers=headers, notes=notes)

    def decoder(self, request: Request, model: str, headers: Headers) -> Decoder:
        """A decoder of an answer; it finds out by itself whether the server streams."""
        context = Context(
            provider=self.dialect.provider or ORIGIN,
            model=model,
            request_id=headers.get("request-id"),
            continues=bool(request.prefix.strip()) and means(request, model, self.dialect).prefill,
            may_omit_finish=self.dialect.may_omit_finish,
        )
        tool = final_tool(request, model, self.dialect)
        found = AnthropicDecoder(context, stream=request.stream)
        return found if tool is None else AnswerDecoder(found, tool)

    def encode_count(self, request: Request, model: str) -> HTTPRequest:
        """The request that has `request` counted."""
        return count.count_request(self.encode(request, model))

    def read_count(self, body: bytes) -> int:
        """The number of tokens in the reply to it."""
        return count.read_count(body)

    def error(
        self, status: int, headers: Headers, body: bytes, *, model: str | None = None, now: float | None = None
    ) -> ModelError:
        """The typed error of a failed response."""
        return errors.error(status, headers, body, provider=self.dialect.provider or ORIGIN, model=model, now=now)


class AnthropicDecoder:
    """Reads one answer, streamed or whole, whatever was asked for."""

    def __init__(self, context: Context, *, stream: bool) -> None:
        self._context = context
        self._inner: WholeDecoder | StreamDecoder = StreamDecoder(context) if stream else WholeDecoder(context)
        self._begun = False

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that these bytes complete."""
        if not self._begun:
            data = data.lstrip()
            if not data:
                return iter(())
            self._begun = True
            kind = WholeDecoder if data.startswith(_WHOLE) else StreamDecoder
            self._inner = kind(self._context)
        return self._inner.feed(data)

    def close(self) -> Iterator[Event]:
        """The last events."""
        return self._inner.close()
