"""Failures of OpenAI Responses.

The wire: before the stream the object of Chat Completions; inside it `event: error` with `code` and `message`, and
`response.failed`, whose `response.error` has `code` (server_error, rate_limit_exceeded, ...) and `message`.
"""

from __future__ import annotations

from typing import Final

from holdfast.errors import InvalidRequestError, ModelTimeoutError
from holdfast.providers.anthropic.errors import RULES as ANTHROPIC
from holdfast.providers.bedrock.errors import RULES as AWS
from holdfast.providers.failures.rule import Rule, Table
from holdfast.providers.failures.shared import SHARED
from holdfast.providers.failures.wire import WireErrors
from holdfast.providers.gemini.errors import RULES as GOOGLE
from holdfast.providers.openai_chat.errors import RULES as OPENAI

RULES: Final = (
    Rule(
        name="responses-picture",
        error=InvalidRequestError,
        source="OpenAI Responses, `ResponseError.code`: invalid_image, image_parse_error and others",
        codes=(
            "invalid_image",
            "invalid_image_format",
            "invalid_base64_image",
            "invalid_image_url",
            "image_too_small",
            "image_parse_error",
            "invalid_image_mode",
            "unsupported_image_media_type",
            "empty_image_file",
            "failed_to_download_image",
            "image_file_not_found",
        ),
        meaning="A picture cannot be read.",
    ),
    Rule(
        name="responses-vector-store",
        error=ModelTimeoutError,
        source="OpenAI Responses, `ResponseError.code`: vector_store_timeout",
        codes=("vector_store_timeout",),
    ),
)
"""Rules of Responses' own."""

TABLE: Final = Table(RULES, OPENAI, ANTHROPIC, AWS, GOOGLE, SHARED)


_ERRORS: Final = WireErrors(TABLE)
error: Final = _ERRORS.error
stream_error: Final = _ERRORS.stream_error
