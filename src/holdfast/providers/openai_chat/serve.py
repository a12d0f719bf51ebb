"""The server's side of chat completions: reads requests, writes responses, streams and errors as OpenAI does."""

from __future__ import annotations

from holdfast.errors import ModelError
from holdfast.providers.codec import Headers, HTTPReply, ServedRequest
from holdfast.providers.openai_chat.fault import error_reply
from holdfast.providers.openai_chat.read import read_request
from holdfast.providers.openai_chat.write import ChatStreamWriter, write_response
from holdfast.response import Response


class OpenAIChatService:
    """See `holdfast.providers.codec.Service`."""

    name = "openai_chat"

    def matches(self, method: str, path: str) -> bool:
        """Whether a request with this path is one of this wire's."""
        return method == "POST" and path.rstrip("/").endswith("/chat/completions")

    def read(self, path: str, headers: Headers, body: bytes) -> ServedRequest:  # noqa: ARG002  # the port's signature
        """The request in our values; raises `InvalidRequestError` when it cannot be read."""
        return read_request(body, _deployment(path))

    def write(self, response: Response, served: ServedRequest) -> HTTPReply:
        """A whole response."""
        headers = {"content-type": "application/json"}
        if response.request_id:
            headers["x-request-id"] = response.request_id
        return HTTPReply(headers=headers, body=write_response(response, served))

    def writer(self, served: ServedRequest) -> ChatStreamWriter:
        """A writer for a streamed response."""
        return ChatStreamWriter(served)

    def error(self, error: ModelError) -> HTTPReply:
        """A failed response."""
        return error_reply(error)


def _deployment(path: str) -> str | None:
    """The model that Azure's older surface names in the path."""
    _, found, rest = path.partition("/deployments/")
    return rest.partition("/")[0] if found else None
