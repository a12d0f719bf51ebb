"""The server's side of Converse and ConverseStream: reads requests, writes responses, streams and errors."""

from __future__ import annotations

from typing import Final

import msgspec

from holdfast.errors import ModelError
from holdfast.providers.bedrock.read import PATH, read_request
from holdfast.providers.bedrock.refuse import error_body, exception_of, status_of
from holdfast.providers.bedrock.wire import ORIGIN
from holdfast.providers.bedrock.write import BedrockWriter, answer_object
from holdfast.providers.codec import Headers, HTTPReply, ServedRequest
from holdfast.response import Response

_JSON: Final = {"content-type": "application/json"}


class BedrockService:
    """Answers like `POST /model/{id}/converse` and `/model/{id}/converse-stream`; signatures are not looked at."""

    name = ORIGIN

    def matches(self, method: str, path: str) -> bool:
        """Whether this is a request for an answer."""
        return method == "POST" and PATH.fullmatch(path) is not None

    def read(self, path: str, headers: Headers, body: bytes) -> ServedRequest:
        """The request in our values; raises `InvalidRequestError` when it cannot be read."""
        del headers
        return read_request(path, body)

    def write(self, response: Response, served: ServedRequest) -> HTTPReply:
        """A whole response."""
        del served
        headers = {**_JSON, "x-amzn-requestid": response.request_id} if response.request_id else _JSON
        return HTTPReply(headers=headers, body=msgspec.json.encode(answer_object(response)))

    def writer(self, served: ServedRequest) -> BedrockWriter:
        """A writer for a streamed response."""
        del served
        return BedrockWriter()

    def error(self, error: ModelError) -> HTTPReply:
        """A failed response in Bedrock's form."""
        headers = {**_JSON, "x-amzn-errortype": exception_of(error)}
        if error.retry_after is not None:
            headers["retry-after"] = f"{error.retry_after:g}"
        if error.request_id is not None:
            headers["x-amzn-requestid"] = error.request_id
        return HTTPReply(status=status_of(error), headers=headers, body=error_body(error))
