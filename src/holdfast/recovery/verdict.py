"""Failures that arrive as success. A response is judged once, by the same rule at every provider."""

from __future__ import annotations

from typing import TypeVar

from holdfast.errors import ContentFilterError, ContextOverflowError, InvalidResponseError, ModelError, ServerError
from holdfast.messages import Text, Thinking
from holdfast.recovery.attempt import Verdict
from holdfast.request import OutputSchema, Request
from holdfast.response import Response
from holdfast.schema import read_output

E = TypeVar("E", bound=ModelError)


def verdict(response: Response) -> ModelError | None:
    """The failure that this response is, or None when it is good.

    - A filter or a refusal is a failure when nothing usable arrived; after useful text the response just says so.
    - So is a generation that the provider calls failed, and one with nothing in it; where that is because the window
      was full, it is an overflow.
    """
    if response.degraded is not None:
        return None
    match response.finish_reason:
        case "content_filter":
            return None if usable(response) else refused(response)
        case "error":
            return _of(response, ServerError, "The provider says that generation failed.")
        case "pause":
            return None
        case "context_length" if not usable(response):
            return _of(response, ContextOverflowError, "The window was full before the model had said anything.")
        case _:
            return None if usable(response) else _of(response, InvalidResponseError, _empty(response))


def usable(response: Response) -> bool:
    """Whether there is anything in the response that a caller can use: words, a call, a picture, an item.

    Words that a guardrail put in the place of the model's are nothing of the model's.
    """
    return not response.extra.get("blocked") and any(
        bool(part.text.strip()) if isinstance(part, Text) else not isinstance(part, Thinking) for part in response.parts
    )


def refused(response: Response) -> ContentFilterError:
    """The error of a response that a filter or a refusal ended."""
    extra = response.extra
    said = str(extra.get("refusal") or "The answer was refused.")
    error = ContentFilterError(
        said,
        scope="prompt" if extra.get("block_reason") else "response",
        categories=tuple(str(category) for category in extra.get("categories", ())),
    )
    return _complete(error, response)


def strict_filter(response: Response) -> ModelError | None:
    """A verdict for callers who take any filtered answer for a failure, also after useful text."""
    return refused(response) if response.finish_reason == "content_filter" else None


def fits_output(request: Request) -> Verdict:
    """The verdict on structured output: a text answer must be what `request.output` asks for."""
    schema = request.output

    def judge(response: Response) -> ModelError | None:
        if schema is None or response.tool_calls or not usable(response) or response.finish_reason == "content_filter":
            return None
        try:
            read_output(response.text, schema if isinstance(schema, OutputSchema) else _ANY_OBJECT)
        except InvalidResponseError as error:
            return _complete(error, response)
        return None

    return judge


_ANY_OBJECT = OutputSchema("a JSON object", {"type": "object"})


def _empty(response: Response) -> str:
    reason = response.raw_finish_reason or response.finish_reason
    if response.finish_reason in ("length", "context_length"):
        return f"The limit on tokens was reached before any word was said (finish reason {reason!r}): raise max_tokens."
    return f"The answer is empty (finish reason {reason!r})."


def _of(response: Response, kind: type[ModelError], message: str) -> ModelError:
    return _complete(kind(message, code=response.raw_finish_reason), response)


def _complete(error: E, response: Response) -> E:
    error.provider, error.model, error.request_id = response.provider, response.model, response.request_id
    error.status, error.partial = 200, response
    return error
