"""Limits of an endpoint that can be known before anything is sent. They are data of the catalog."""

from __future__ import annotations

from holdfast.errors import RequestTooLargeError
from holdfast.messages import Image, ToolResult
from holdfast.providers.codec import Dialect, HTTPRequest
from holdfast.request import Request


def check_size(request: Request, encoded: HTTPRequest, dialect: Dialect) -> None:
    """Raise `RequestTooLargeError` when this endpoint never takes a request of this size."""
    if dialect.max_body is not None and len(encoded.body) > dialect.max_body:
        raise RequestTooLargeError(
            f"The request has {len(encoded.body)} bytes; this endpoint takes {dialect.max_body}.", rule="local"
        )
    if dialect.max_images is not None and (images := _images(request)) > dialect.max_images:
        raise RequestTooLargeError(
            f"The request has {images} pictures; this endpoint takes {dialect.max_images}.", rule="local"
        )


def _images(request: Request) -> int:
    parts = [part for message in request.messages for part in message.parts]
    results = [part.content for part in parts if isinstance(part, ToolResult) and not isinstance(part.content, str)]
    return sum(isinstance(part, Image) for held in (parts, *results) for part in held)
