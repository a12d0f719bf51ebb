"""Failures inside a response with status 200, in the form of any wire: refused, broken off, or with nothing in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from holdfast.errors import ModelError
from holdfast.providers.arguments import is_object
from holdfast.providers.failures.finish import (
    CUT_ARGUMENTS,
    EMPTY,
    FAILED,
    NO_ROOM,
    PROMPT_BLOCKED,
    REFUSED,
    failure,
    failure_of_finish,
    rule_of_finish,
)
from holdfast.providers.guardrail import INTERVENED, blocked

_USEFUL: Final = ("content", "tool_calls", "function_call", "audio", "images")
_THOUGHTS: Final = ("reasoning", "reasoning_content")  # no answer, but a chunk that brings them is no empty one
_NUMBERED: Final = {3: "SAFETY", 4: "RECITATION"}  # Google's Python SDK prints the numbers of its enum
_CANNED: Final = "blacklist"  # GigaChat: the text is the provider's own sentence, in place of an answer


def failure_in_answer(body: Any, *, provider: str | None = None) -> ModelError | None:
    """The failure in a whole response with status 200, in any of the wires' forms; None for an answer of use.

    A filter that struck after useful text is no failure.
    """
    if not isinstance(body, Mapping):
        return None
    for judge in (
        _chat,
        _google,
        _messages,
        _message_end,
        _responses,
        _converse,
        _item,
        _predictions,
        _pictures,
        _cohere,
    ):
        if (found := judge(body, provider)) is not None:
            return found
    return None


def _chat(body: Mapping[str, Any], provider: str | None) -> ModelError | None:
    """OpenAI Chat Completions: `choices`."""
    if "choices" not in body:
        return None
    choices = body["choices"]
    if not isinstance(choices, list) or not choices:
        return failure(EMPTY, provider, "")
    choice = choices[0]
    if not isinstance(choice, Mapping):
        return None
    finish = _word(choice.get("finish_reason"))
    if rule_of_finish(finish) in (FAILED, NO_ROOM):  # OpenRouter: what came before is a part of an answer,
        native = _word(choice.get("native_finish_reason"))  # and this is the word of the provider behind it
        return failure_of_finish(provider, native, choice) or failure_of_finish(provider, finish, choice)
    if finish == _CANNED:
        return failure_of_finish(provider, finish, choice)
    if isinstance(message := choice.get("message"), Mapping):
        return _chat_message(message, choice, provider)
    if isinstance(delta := choice.get("delta"), Mapping):
        return _chat_end(delta, choice, body.get("usage"), provider)
    if choice.get("text") == "" and finish:  # the older completions
        return failure_of_finish(provider, finish, choice) or failure(EMPTY, provider, "")
    return None


def _chat_message(message: Mapping[str, Any], choice: Mapping[str, Any], provider: str | None) -> ModelError | None:
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal and not message.get("content"):
        return failure(REFUSED, provider, "refusal", {"refusal": refusal})
    for call in message.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping) and not _is_object(function.get("arguments")):
            return failure(CUT_ARGUMENTS, provider, "")
    if any(message.get(name) for name in _USEFUL):
        return None
    return failure_of_finish(provider, _word(choice.get("finish_reason")), choice) or failure(EMPTY, provider, "")


def _chat_end(
    delta: Mapping[str, Any], choice: Mapping[str, Any], usage: Any, provider: str | None
) -> ModelError | None:
    """The last chunk of a stream, alone: a failure when it brings nothing and says that it is one."""
    if any(delta.get(name) for name in (*_USEFUL, *_THOUGHTS)):
        return None
    for name in ("finish_reason", "native_finish_reason"):  # OpenRouter keeps the word of the provider behind it
        if (found := failure_of_finish(provider, _word(choice.get(name)), choice)) is not None:
            return found
    nothing = isinstance(usage, Mapping) and usage.get("completion_tokens") == 0
    return failure(EMPTY, provider, "") if nothing and choice.get("finish_reason") else None


def _google(body: Mapping[str, Any], provider: str | None) -> ModelError | None:
    """Google: `candidates`, or `promptFeedback` alone; Code Assist wraps them in `response`."""
    if isinstance(inner := body.get("response"), Mapping) and "candidates" in inner:
        body = inner
    if "candidates" not in body and "promptFeedback" not in body:
        return None
    candidates = body.get("candidates")
    candidate = candidates[0] if isinstance(candidates, list) and candidates else None
    if not isinstance(candidate, Mapping):
        return failure_of_finish(provider, None, body) or failure(EMPTY, provider, "")
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, Mapping) else None
    if isinstance(parts, list) and any(isinstance(part, Mapping) and any(part.values()) for part in parts):
        return None
    if isinstance(said := candidate.get("output"), str) and said:  # PaLM's form, still behind some proxies
        return None
    told = {**candidate, "promptFeedback": body.get("promptFeedback")}
    return failure_of_finish(provider, _google_word(candidate), told) or failure(EMPTY, provider, "")


def _google_word(candidate: Mapping[str, Any]) -> str | None:
    reason = candidate.get("finishReason", candidate.get("finish_reason"))
    return _NUMBERED.get(reason) if isinstance(reason, int) else _word(reason)


def _messages(body: Mapping[str, Any], provider: str | None) -> ModelError | None:
    """Anthropic: `content` and `stop_reason`."""
    if body.get("type", "message") != "message" or "stop_reason" not in body:
        return None
    content = body.get("content") or ()
    if isinstance(content, str) or any(
        isinstance(part, Mapping) and (part.get("text") or part.get("type") not in ("text", "thinking"))
        for part in content
    ):
        return None
    reason = _word(body.get("stop_reason"))
    return failure_of_finish(provider, reason, body) or failure(EMPTY, provider, "")


def _message_end(body: Mapping[str, Any], provider: str | None) -> ModelError | None:
    """Anthropic's `message_delta`: the end of a message in a stream."""
    delta = body.get("delta")
    if body.get("type") != "message_delta" or not isinstance(delta, Mapping):
        return None
    return failure_of_finish(provider, _word(delta.get("stop_reason")), delta)


def _responses(body: Mapping[str, Any], provider: str | None) -> ModelError | None:
    """OpenAI Responses: `output` and `status`, alone or in the event that ends a stream."""
    if body.get("type") == "response.incomplete" and isinstance(inner := body.get("response"), Mapping):
        body = {"output": [], **inner}
    output = body.get("output")
    if not isinstance(output, list) or (output and "status" not in body and body.get("object") != "response"):
        return None
    parts = [
        part
        for item in output
        if isinstance(item, Mapping)
        for part in item.get("content") or ()
        if isinstance(part, Mapping)
    ]
    if refusal := next((part.get("refusal") for part in parts if part.get("type") == "refusal"), None):
        return failure(REFUSED, provider, "refusal", {"refusal": refusal})
    for item in output:
        if isinstance(item, Mapping) and (cut := _item(item, provider)) is not None:
            return cut
    return _responses_end(body, output, parts, provider)


def _responses_end(
    body: Mapping[str, Any], output: list[Any], parts: list[Mapping[str, Any]], provider: str | None
) -> ModelError | None:
    details = body.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, Mapping) else body.get("status")
    useful = any(isinstance(item, Mapping) and item.get("type") not in ("reasoning", "message") for item in output)
    if useful or any(part.get("text") for part in parts):
        return None
    if body.get("status") in ("in_progress", "queued"):
        return None
    return failure_of_finish(provider, _word(reason), body) or failure(EMPTY, provider, "")


def _converse(body: Mapping[str, Any], provider: str | None) -> ModelError | None:
    """Bedrock Converse: `output.message` and `stopReason`, or the `messageStop` event."""
    stop = body.get("messageStop")
    if isinstance(stop, Mapping):
        return failure_of_finish(provider, _word(stop.get("stopReason")), stop)
    output = body.get("output")
    message = output.get("message") if isinstance(output, Mapping) else None
    if "stopReason" not in body or not isinstance(message, Mapping):
        return None
    reason = _word(body["stopReason"])
    if reason == INTERVENED and blocked(body.get("trace"))[0]:
        return failure(PROMPT_BLOCKED, provider, reason)
    if message.get("content") and reason != INTERVENED:
        return None
    return failure_of_finish(provider, reason, body) or failure(EMPTY, provider, "")


def _item(body: Mapping[str, Any], provider: str | None) -> ModelError | None:
    """One item of Responses: a `function_call` that says it is complete."""
    if body.get("type") != "function_call" or body.get("status") not in ("completed", None) or "arguments" not in body:
        return None
    return None if _is_object(body["arguments"]) else failure(CUT_ARGUMENTS, provider, "")


def _predictions(body: Mapping[str, Any], provider: str | None) -> ModelError | None:
    """Vertex `predict` (Imagen): a `raiFilteredReason` in place of each picture."""
    predictions = body.get("predictions")
    if not isinstance(predictions, list) or not predictions:
        return None
    reasons = [one.get("raiFilteredReason") for one in predictions if isinstance(one, Mapping)]
    if len(reasons) < len(predictions) or not all(isinstance(reason, str) for reason in reasons):
        return None
    return failure(REFUSED, provider, "raiFilteredReason", {"refusal": reasons[0]})


def _pictures(body: Mapping[str, Any], provider: str | None) -> ModelError | None:
    """Pictures of xAI: `respect_moderation` false in place of each picture."""
    pictures = body.get("data")
    if not isinstance(pictures, list) or not pictures:
        return None
    refused = all(isinstance(one, Mapping) and one.get("respect_moderation") is False for one in pictures)
    return failure(REFUSED, provider, "respect_moderation") if refused else None


def _cohere(body: Mapping[str, Any], provider: str | None) -> ModelError | None:
    """Cohere: `finish_reason` beside `text`, or in the `stream-end` event."""
    reason = _word(body.get("finish_reason"))
    return None if reason is None or body.get("text") else failure_of_finish(provider, reason, body)


def _is_object(arguments: Any) -> bool:
    """Whether the arguments of a tool call can be used; none at all are an empty object."""
    if arguments is None or arguments == "" or isinstance(arguments, Mapping):
        return True
    return isinstance(arguments, str) and is_object(arguments)


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None
