"""Responses as AutoGen's results. What its result has no field for stands in those of a subclass."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from autogen_core import FunctionCall
from autogen_core.models import ChatCompletionTokenLogprob, CreateResult, FinishReasons, RequestUsage, TopLogprob
from pydantic import Field

from holdfast.errors import ErrorInfo, InvalidResponseError, ModelError
from holdfast.events import AttemptRecord, FinishReason
from holdfast.messages import ToolCall
from holdfast.providers.arguments import is_object
from holdfast.response import Response
from holdfast.usage import Usage

_REASONS: Final[dict[FinishReason, FinishReasons]] = {
    "stop": "stop",
    "length": "length",
    "context_length": "length",
    "tool_calls": "function_calls",
    "content_filter": "content_filter",
}


class HoldfastCreateResult(CreateResult):
    """A `CreateResult` that says more.

    - `model`, `provider`, `request_id`: who answered. `raw_finish_reason`: the provider's own word.
    - `said`: the words that a model spoke beside its tool calls (`content` holds the calls).
    - `degraded`: why this is an answer that a policy or a callback gave, and no model's words.
    - `attempts`: every attempt of the call as plain data, the answering one last.
    """

    truncated: bool = False
    model: str | None = None
    provider: str | None = None
    request_id: str | None = None
    raw_finish_reason: str | None = None
    said: str | None = None
    degraded: str | None = None
    attempts: list[dict[str, Any]] = Field(default_factory=list)


class TruncatedCreateResult(HoldfastCreateResult):
    """An answer that broke, and what there was of it.

    In the middle of a stream it says that the chunks before it are void, because the answer begins again. At the end
    of one it is the answer, as far as it came (`on_break="truncate"`). `error` says why, as plain data.
    """

    truncated: bool = True
    error: dict[str, Any] | None = None


def result_of(response: Response) -> CreateResult:
    """The result that tells of a response.

    Raises:
        InvalidResponseError: a tool call has no name, or its arguments are no JSON object: an agent would hang on it.
    """
    if response.truncated:
        return truncated(response, response.error)
    calls = [_call(index, call) for index, call in enumerate(response.tool_calls)]
    thinking, text = response.thinking or None, response.text
    return HoldfastCreateResult(
        content=calls or text,
        thought=thinking or (text or None if calls else None),
        said=(text or None) if calls else None,
        finish_reason=_reason(response.finish_reason, calls=bool(calls)),
        logprobs=_logprobs(response.logprobs),
        cached=response.cached,
        degraded=response.degraded,
        **_common(response),
    )


def truncated(response: Response, error: ErrorInfo | ModelError | None) -> TruncatedCreateResult:
    """What there is of a broken answer. Its tool calls may be half ones, and are left out."""
    info = error.info if isinstance(error, ModelError) else error
    return TruncatedCreateResult(
        content=response.text,
        thought=response.thinking or None,
        finish_reason="unknown",
        cached=False,
        error=None if info is None else msgspec.to_builtins(info),
        **_common(response),
    )


def unfitting_result(response: Response, error: ModelError) -> CreateResult:
    """A whole answer that has not the shape that was asked for.

    AutoGen's callers read it themselves, and some ask again when they cannot; none expects an error of the client.
    """
    attempts = tuple(failure.record for failure in error.history)
    return result_of(msgspec.structs.replace(response, attempts=attempts, degraded=error.message))


def _common(response: Response) -> dict[str, Any]:
    return {
        "usage": usage_of(response.usage),
        "model": response.model,
        "provider": response.provider,
        "request_id": response.request_id,
        "raw_finish_reason": response.raw_finish_reason,
        "attempts": attempts_of(response.attempts),
    }


def usage_of(usage: Usage) -> RequestUsage:
    """Tokens as AutoGen counts them."""
    return RequestUsage(prompt_tokens=usage.input_tokens, completion_tokens=usage.output_tokens)


def attempts_of(attempts: tuple[AttemptRecord, ...]) -> list[dict[str, Any]]:
    """Attempts as plain data."""
    plain: list[dict[str, Any]] = msgspec.to_builtins(list(attempts))
    return plain


def callable_answer(response: Response) -> ModelError | None:
    """The verdict on tool calls: AutoGen's agents hang on one without a name, or whose arguments are no object."""
    return next((error for call in response.tool_calls if (error := _fault(call)) is not None), None)


def wordy_answer(response: Response) -> ModelError | None:
    """The verdict where no tool may be called: an answer must have words."""
    if response.text.strip() or not response.tool_calls:
        return None
    return InvalidResponseError("The model called a tool although it was told to call none.", raw=response.text)


def wordy(response: Response) -> Response:
    """The response without its tool calls, for a caller who asked for none."""
    if not response.tool_calls:
        return response
    parts = tuple(part for part in response.parts if not isinstance(part, ToolCall))
    reason = "stop" if response.finish_reason == "tool_calls" else response.finish_reason
    return msgspec.structs.replace(response, parts=parts, finish_reason=reason)


def _fault(call: ToolCall) -> ModelError | None:
    if not call.name:
        return InvalidResponseError("A tool call has no name.", raw=call.arguments)
    if not is_object(call.arguments):
        return InvalidResponseError(f"The arguments of {call.name!r} are no JSON object.", raw=call.arguments)
    return None


def _call(index: int, call: ToolCall) -> FunctionCall:
    error = _fault(call)
    if error is not None:
        raise error
    return FunctionCall(id=call.id or f"call_{index}", arguments=call.arguments, name=call.name)


def _reason(reason: FinishReason | None, *, calls: bool) -> FinishReasons:
    """The reason in AutoGen's closed set. Calls that a limit or a filter cut short do not become complete by name."""
    if calls and reason not in ("length", "context_length", "content_filter"):
        return "function_calls"
    said = _REASONS.get(reason or "unknown", "unknown")
    return "stop" if said == "function_calls" and not calls else said


def _logprobs(logprobs: tuple[Any, ...]) -> list[ChatCompletionTokenLogprob] | None:
    tokens = [_logprob(each) for each in logprobs if isinstance(each, dict) and {"token", "logprob"} <= each.keys()]
    return tokens or None


def _logprob(data: dict[str, Any]) -> ChatCompletionTokenLogprob:
    # AutoGen's top logprobs have no field for the token: its bytes tell it.
    top = [
        TopLogprob(each["logprob"], each.get("bytes") or list(str(each.get("token", "")).encode()))
        for each in data.get("top_logprobs") or ()
        if "logprob" in each
    ]
    return ChatCompletionTokenLogprob(
        token=data["token"], logprob=data["logprob"], top_logprobs=top or None, bytes=data.get("bytes")
    )
