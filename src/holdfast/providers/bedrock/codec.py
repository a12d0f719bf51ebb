"""Amazon Bedrock's Converse and ConverseStream, as a codec. Signing is the endpoint's: what leaves here is unsigned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from holdfast.errors import ModelError
from holdfast.events import Event
from holdfast.providers.answer import AnswerDecoder
from holdfast.providers.bedrock import count, errors
from holdfast.providers.bedrock.decode import StreamDecoder, WholeDecoder
from holdfast.providers.bedrock.encode import encode_body, final_tool, means
from holdfast.providers.bedrock.frames import CONTENT_TYPE
from holdfast.providers.bedrock.parts import Context
from holdfast.providers.bedrock.wire import ORIGIN
from holdfast.providers.codec import Decoder, Dialect, Headers, HTTPRequest
from holdfast.request import Request

# The first bytes of JSON, and of a proxy's page; a frame begins with its length, which is never so large.
_WHOLE: Final = (b"{", b"[", b"<", b" ", b"\n", b"\r", b"\t")


class BedrockCodec:
    """Speaks Converse in one dialect.

    `guardrailConfig`, `performanceConfig`, `serviceTier`, `requestMetadata`, system tools (`toolConfig.tools`) and
    `additionalModelRequestFields` go through `Request.extra`, in the wire's own words.
    """

    name = ORIGIN

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def encode(self, request: Request, model: str) -> HTTPRequest:
        """The request for an answer."""
        body, notes = encode_body(request, model, self.dialect)
        operation, accept = ("converse-stream", CONTENT_TYPE) if request.stream else ("converse", "application/json")
        headers = {
            "content-type": "application/json",
            "accept": accept,
            **{name.lower(): value for name, value in request.headers.items()},
        }
        return HTTPRequest(url=f"/model/{quote(model, safe='')}/{operation}", body=body, headers=headers, notes=notes)

    def decoder(self, request: Request, model: str, headers: Headers) -> Decoder:
        """A decoder of an answer; it finds out by itself whether the server streams.

        Raises:
            ConfigurationError: the answer is a stream, and botocore is not installed.
        """
        context = Context(
            provider=self.dialect.provider or ORIGIN,
            model=model,
            request_id=headers.get("x-amzn-requestid"),
            continues=bool(request.prefix.strip()) and means(request, model, self.dialect).prefill,
            may_omit_finish=self.dialect.may_omit_finish,
        )
        tool = final_tool(request, model, self.dialect)
        found = BedrockDecoder(context, stream=request.stream)
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


class BedrockDecoder:
    """Reads one answer, streamed or whole, whatever was asked for."""

    def __init__(self, context: Context, *, stream: bool) -> None:
        self._context = context
        self._inner: WholeDecoder | StreamDecoder | None = StreamDecoder(context) if stream else None
        self._begun = False

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that these bytes complete."""
        if data and not self._begun:
            self._begun = True
            whole = data.startswith(_WHOLE)
            if whole or self._inner is None:
                self._inner = WholeDecoder(self._context) if whole else StreamDecoder(self._context)
        return iter(()) if self._inner is None else self._inner.feed(data)

    def close(self) -> Iterator[Event]:
        """The last events."""
        return (self._inner or WholeDecoder(self._context)).close()
