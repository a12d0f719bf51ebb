"""The server's side of `generateContent`: reads requests, writes responses, streams and errors."""

from __future__ import annotations

from typing import Final

import msgspec

from holdfast.errors import ModelError
from holdfast.providers.codec import Headers, HTTPReply, ServedRequest
from holdfast.providers.gemini.read import PATH, read_request
from holdfast.providers.gemini.refuse import error_object, status_of
from holdfast.providers.gemini.wire import ORIGIN
from holdfast.providers.gemini.write import GeminiWriter, response_object
from holdfast.response import Response

_JSON: Final = {"content-type": "application/json; charset=UTF-8"}


class GeminiService:
    """Answers like `POST .../models/{model}:generateContent`, of AI Studio and of Vertex AI."""

    name = ORIGIN

    def matches(self, method: str, path: str) -> bool:
        """Whether this is a request for an answer."""
        return method == "POST" and PATH.search(path) is not None

    def read(self, path: str, headers: Headers, body: bytes) -> ServedRequest:
        """The request in our values; raises `InvalidRequestError` when it cannot be read."""
        del headers
        return read_request(path, body)

    def write(self, response: Response, served: ServedRequest) -> HTTPReply:
        """A whole response."""
        return HTTPReply(headers=_JSON, body=msgspec.json.encode(response_object(response, served)))

    def writer(self, served: ServedRequest) -> GeminiWriter:
        """A writer for a streamed response."""
        return GeminiWriter(served)

    def error(self, error: ModelError) -> HTTPReply:
        """A failed response in Google's form."""
        body = msgspec.json.encode({"error": error_object(error)})
        return HTTPReply(status=status_of(error), headers=_JSON, body=body)
