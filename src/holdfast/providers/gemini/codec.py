"""Gemini's `generateContent`, as a codec: AI Studio (the Gemini API) and Vertex AI."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import msgspec

from holdfast.errors import ModelError
from holdfast.providers.answer import AnswerDecoder
from holdfast.providers.codec import Checkpoint, Decoder, Dialect, Headers, HTTPRequest
from holdfast.providers.gemini import count, errors
from holdfast.providers.gemini.decode import GeminiDecoder
from holdfast.providers.gemini.encode import can_schema, encode_body
from holdfast.providers.gemini.wire import ORIGIN
from holdfast.providers.output import answer_tool
from holdfast.request import Request

_JSON: Final = {"content-type": "application/json"}
_WHOLE_NAMES: Final = ("models/", "tunedModels/", "publishers/", "projects/", "endpoints/")


class GeminiCodec:
    """Speaks `generateContent` in one dialect; `dialect.vertex` picks Vertex's paths.

    On Vertex, project and location are in the base URL, or `publishers/...` stands alone for keys in express mode. An
    answer that ends in `CONTINUATION`, or breaks off after a continuation token, can be resumed natively.
    """

    name = ORIGIN

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def encode(self, request: Request, model: str) -> HTTPRequest:
        """The request for an answer."""
        body, notes = encode_body(request, model, self.dialect)
        return HTTPRequest(
            url=self._url(model, stream=request.stream),
            body=msgspec.json.encode(body),
            headers={**_JSON, **{name.lower(): value for name, value in request.headers.items()}},
            notes=notes,
        )

    def resume(self, checkpoint: Checkpoint, request: Request, model: str) -> HTTPRequest:
        """The same request with the continuation token of what came so far (SDK, `continuation_token`)."""
        return self.encode(request.replace(extra={**request.extra, "continuationToken": checkpoint.key}), model)

    def decoder(self, request: Request, model: str, headers: Headers) -> Decoder:
        """A decoder of an answer; it finds out by itself whether the server streams."""
        decoder = GeminiDecoder(self.dialect.provider, model, headers.get("x-request-id"))
        schema = can_schema(request, model, self.dialect)
        tool = answer_tool(
            request, schema=schema, json_mode=self.dialect.json_mode and schema, forced_tool=self.dialect.tool_choice
        )
        return decoder if tool is None else AnswerDecoder(decoder, tool)

    def encode_count(self, request: Request, model: str) -> HTTPRequest:
        """The request that has `request` counted."""
        return count.count_request(self.encode(request, model), vertex=self.dialect.vertex)

    def read_count(self, body: bytes) -> int:
        """The number of tokens in the reply to it."""
        return count.read_count(body)

    def error(
        self, status: int, headers: Headers, body: bytes, *, model: str | None = None, now: float | None = None
    ) -> ModelError:
        """The typed error of a failed response."""
        return errors.error(status, headers, body, provider=self.dialect.provider, model=model, now=now)

    def _url(self, model: str, *, stream: bool) -> str:
        name = quote(model.removeprefix("google/"), safe="/@:-._")
        if not model.startswith(_WHOLE_NAMES):
            name = f"publishers/google/models/{name}" if self.dialect.vertex else f"models/{name}"
        return f"/{name}:streamGenerateContent?alt=sse" if stream else f"/{name}:generateContent"
