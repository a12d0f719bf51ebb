"""The server's side of the Messages API: reads requests, writes responses, streams and errors."""

from __future__ import annotations

from typing import Final

import msgspec

from holdfast.errors import ModelError
from holdfast.providers.anthropic.read import read_request
from holdfast.providers.anthropic.refuse import error_object, status_of
from holdfast.providers.anthropic.wire import ORIGIN
from holdfast.providers.anthropic.write import AnthropicWriter, message_object
from holdfast.providers.codec import Headers, HTTPReply, ServedRequest
from holdfast.response import Response

_JSON: Final = {"content-type": "application/json"}


class AnthropicService:
    """Answers like `POST /v1/messages`."""

    name = ORIGIN

    def matches(self, method: str, path: str) -> bool:
        """Whether this is a request for an answer."""
        return method == "POST" and path.rstrip("/").endswith("/messages")

    def read(self, path: str, headers: Headers, body: bytes) -> ServedRequest:
        """The request in our values; raises `InvalidRequestError` when it cannot be read."""
        del path
        return read_request(headers, body)

    def write(self, response: Response, served: ServedRequest) -> HTTPReply:
        """A whole response."""
        headers = {**_JSON, "request-id": response.request_id} if response.request_id else _JSON
        return HTTPReply(headers=headers, body=msgspec.json.encode(message_object(response, served)))

    def writer(self, served: ServedRequest) -> AnthropicWriter:
        """A writer for a streamed response."""
        return AnthropicWriter(served)

    def error(self, error: ModelError) -> HTTPReply:
        """A failed response in Anthropic's form."""
        headers: dict[str, str] = dict(_JSON)
        if error.retry_after is not None:
            headers["retry-after"] = f"{error.retry_after:g}"
        if error.request_id is not None:
            headers["request-id"] = error.request_id
        return HTTPReply(status=status_of(error), headers=headers, body=msgspec.json.encode(error_object(error)))
