"""The server's side of the Responses API: reads requests, writes responses, streams and errors."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from holdfast.errors import ModelError
from holdfast.providers.codec import Headers, HTTPReply, ServedRequest
from holdfast.providers.openai_responses.output import response_object
from holdfast.providers.openai_responses.read import read_request
from holdfast.providers.openai_responses.refuse import error_object, status_of
from holdfast.providers.openai_responses.wire import ORIGIN
from holdfast.providers.openai_responses.write import ResponsesWriter
from holdfast.response import Response

_JSON: Final = {"content-type": "application/json"}


class OpenAIResponsesService:
    """Answers like `POST /v1/responses`."""

    name = ORIGIN

    def matches(self, method: str, path: str) -> bool:
        """Whether this is a request for an answer."""
        return method == "POST" and path.rstrip("/").endswith("/responses")

    def read(self, path: str, headers: Headers, body: bytes) -> ServedRequest:
        """The request in our values; raises `InvalidRequestError` when it cannot be read."""
        del path, headers
        return read_request(body)

    def write(self, response: Response, served: ServedRequest) -> HTTPReply:
        """A whole response."""
        headers = {**_JSON, "x-request-id": response.request_id} if response.request_id else _JSON
        return HTTPReply(headers=headers, body=msgspec.json.encode(response_object(response, served)))

    def writer(self, served: ServedRequest) -> ResponsesWriter:
        """A writer for a streamed response."""
        return ResponsesWriter(served)

    def error(self, error: ModelError) -> HTTPReply:
        """A failed response in OpenAI's form."""
        headers: dict[str, str] = dict(_JSON)
        if error.retry_after is not None:
            headers["retry-after"] = f"{error.retry_after:g}"
        if error.request_id is not None:
            headers["x-request-id"] = error.request_id
        body: Any = {"error": error_object(error)}
        return HTTPReply(status=status_of(error), headers=headers, body=msgspec.json.encode(body))
