"""OpenAI's Responses API, as a codec. Also spoken by Azure OpenAI, OpenRouter, DeepSeek, Bedrock Mantle and others."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from holdfast.errors import ModelError
from holdfast.providers.codec import Checkpoint, Dialect, Headers, HTTPRequest
from holdfast.providers.openai_responses import count, errors
from holdfast.providers.openai_responses.decode import ResponsesDecoder
from holdfast.providers.openai_responses.encode import encode_body
from holdfast.providers.openai_responses.wire import ORIGIN
from holdfast.request import Request

_JSON: Final = {"content-type": "application/json"}


class OpenAIResponsesCodec:
    """Speaks the Responses API in one dialect.

    A request with `extra={"background": True}` and `stream=True` can be resumed natively after a broken connection:
    the provider keeps the answer while it is generated (it must be allowed to store it), and `resume` asks for the
    events after the last one that was read.
    """

    name = ORIGIN

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def encode(self, request: Request, model: str) -> HTTPRequest:
        """The request for an answer."""
        body, notes = encode_body(request, model, self.dialect)
        return HTTPRequest(
            url="/responses" + self._query(),
            body=msgspec.json.encode(body),
            headers={**_JSON, **{name.lower(): value for name, value in request.headers.items()}},
            notes=notes,
        )

    def resume(self, checkpoint: Checkpoint, request: Request, model: str) -> HTTPRequest:
        """The request for the rest of a background answer, or for all of it when no event of it was read."""
        del model
        after = {} if checkpoint.after is None else {"stream": "true", "starting_after": str(checkpoint.after)}
        return HTTPRequest(
            method="GET",
            url=f"/responses/{quote(checkpoint.key, safe='')}{self._query(**after)}",
            headers={name.lower(): value for name, value in request.headers.items()},
        )

    def decoder(self, request: Request, model: str, headers: Headers) -> ResponsesDecoder:
        """A decoder of an answer; it finds out by itself whether the server streams."""
        del request
        request_id = headers.get("x-request-id") or headers.get("apim-request-id")  # the latter is Azure's
        return ResponsesDecoder(self.dialect.provider, model, request_id)

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
        return errors.error(status, headers, body, provider=self.dialect.provider, model=model, now=now)

    def _query(self, **fields: str) -> str:
        if self.dialect.api_version is not None:
            fields["api-version"] = self.dialect.api_version
        return "?" + urlencode(fields) if fields else ""
