"""Failures that arrive as success: a finish reason that is a refusal, an answer with nothing in it.

The words are the providers' own. `failure_of_finish` judges a word; `failure_in_answer` a whole response body.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from holdfast.errors import ContentFilterError, InvalidResponseError, ModelError, Scope, ServerError
from holdfast.providers.failures.categories import filtered
from holdfast.providers.failures.rule import Rule

REFUSED: Final = Rule(
    name="finish-refused",
    error=ContentFilterError,
    source=(
        "OpenAI, Azure, Groq, OpenRouter `content_filter`; Anthropic `refusal`; Google `FinishReason`; Bedrock"
        " `content_filtered`, `guardrail_intervened`; Zhipu `sensitive`"
    ),
    codes=(),
    scope="response",
    meaning="The answer was refused or filtered, though the HTTP status says success.",
)
PROMPT_BLOCKED: Final = Rule(
    name="prompt-feedback-block",
    error=ContentFilterError,
    source="Google `promptFeedback.blockReason`",
    scope="prompt",
    meaning="Google refused the prompt; the answer has no candidates.",
)
BROKEN: Final = Rule(
    name="finish-broken",
    error=InvalidResponseError,
    source="Google `MALFORMED_FUNCTION_CALL`, `UNEXPECTED_TOOL_CALL`, `NO_IMAGE`; Bedrock `malformed_tool_use`",
    meaning="The model wrote something that the provider itself calls unusable.",
)
FAILED: Final = Rule(
    name="finish-error",
    error=ServerError,
    source="OpenRouter, Mistral, Cohere `error`; Zhipu `network_error`; Responses `failed`, `cancelled`",
    meaning="The provider says that generation failed.",
)
EMPTY: Final = Rule(
    name="empty-answer",
    error=InvalidResponseError,
    source="every wire: no choices, no candidates, no text and no tool call",
    meaning="The answer has nothing in it.",
)
CUT_ARGUMENTS: Final = Rule(
    name="cut-tool-arguments",
    error=InvalidResponseError,
    source="every wire: a tool call whose arguments are not the text of a JSON object",
    meaning="The arguments of a tool call stop in the middle.",
)
RULES: Final = (PROMPT_BLOCKED, REFUSED, BROKEN, FAILED, EMPTY, CUT_ARGUMENTS)
"""Rules of failures inside a success."""

_WORDS: Final[Mapping[str, Rule]] = {
    **dict.fromkeys(("content_filter", "content_filtered", "guardrail_intervened", "refusal", "sensitive"), REFUSED),
    **dict.fromkeys(
        (
            "safety",
            "recitation",
            "blocklist",
            "prohibited_content",
            "spii",
            "image_safety",
            "image_prohibited_content",
            "image_recitation",
            "model_armor",
            "blocked",
            "toxic",  # Cohere ERROR_TOXIC
            "error_toxic",
            "content_moderation",
        ),
        REFUSED,
    ),
    **dict.fromkeys(
        (
            "malformed_function_call",
            "unexpected_tool_call",
            "too_many_tool_calls",
            "missing_thought_signature",
            "malformed_response",
            "malformed_model_output",
            "malformed_tool_use",
            "no_image",
            "image_other",
            "language",
        ),
        BROKEN,
    ),
    **dict.fromkeys(
        ("error", "network_error", "failed", "cancelled", "time_limit", "abort", "insufficient_system_resource"), FAILED
    ),
}


def failure_of_finish(
    provider: str | None, raw_finish_reason: str | None, extra: Mapping[str, Any] | None = None
) -> ModelError | None:
    """The failure that a finish reason in the provider's own word tells of, or None.

    `extra` is what the provider said besides: Google's `promptFeedback` and `safetyRatings`, Azure's
    `content_filter_results`, Anthropic's `stop_details`.
    """
    extra = extra or {}
    if (blocked := _blocked(extra)) is not None:
        return _failure(PROMPT_BLOCKED, provider, blocked, extra)
    word = (raw_finish_reason or "").lower()
    rule = _WORDS.get(word)
    return None if rule is None else _failure(rule, provider, raw_finish_reason or "", extra)


def failure_in_answer(body: Any, *, provider: str | None = None) -> ModelError | None:
    """The failure in a whole response with status 200, in any of the wires' forms; None for an answer of use.

    A filter that struck after useful text is no failure.
    """
    if not isinstance(body, Mapping):
        return None
    for judge in (_chat, _google, _messages, _responses, _converse, _item, _predictions):
        if (found := judge(body, provider)) is not None:
            return found
    return None


def _failure(rule: Rule, provider: str | None, word: str, extra: Mapping[str, Any] | None = None) -> ModelError:
    extra = extra or {}
    filter_ = rule.error is ContentFilterError
    scope: Scope | None = rule.scope if filter_ else None
    return rule.error(
        _said(extra) or rule.meaning,
        provider=provider,
        code=word or None,
        scope=scope,
        categories=tuple(dict.fromkeys(_categories(extra))) if filter_ else (),
        rule=rule.name,
    )


def _said(extra: Mapping[str, Any]) -> str | None:
    feedback, details = extra.get("promptFeedback"), extra.get("stop_details")
    for holder, name in (
        (feedback, "blockReasonMessage"),
        (details, "explanation"),
        (extra, "finishMessage"),
        (extra, "refusal"),
    ):
        if isinstance(holder, Mapping) and isinstance(said := holder.get(name), str) and said:
            return said[:1000]
    return None


def _blocked(extra: Mapping[str, Any]) -> str | None:
    feedback = extra.get("promptFeedback")
    if not isinstance(feedback, Mapping):
        return None
    reason = feedback.get("blockReason")
    if isinstance(reason, str) and reason not in ("", "BLOCK_REASON_UNSPECIFIED"):
        return reason
    return "blocked" if feedback.get("blockReasonMessage") else None


def _categories(extra: Mapping[str, Any]) -> Iterator[str]:
    feedback, details = extra.get("promptFeedback"), extra.get("stop_details")
    for holder in (extra, feedback):
        ratings = holder.get("safetyRatings") if isinstance(holder, Mapping) else None
        for rating in ratings if isinstance(ratings, list) else ():
            if isinstance(rating, Mapping) and (rating.get("blocked") or rating.get("probability") == "HIGH"):
                yield str(rating.get("category", "")).removeprefix("HARM_CATEGORY_").lower()
    if isinstance(details, Mapping) and isinstance(category := details.get("category"), str):
        yield category
    yield from filtered(extra.get("content_filter_results"))
    yield from filtered(extra.get("content_filter_result"))


def _chat(body: Mapping[str, Any], provider: str | None) -> ModelError | None:
    """OpenAI Chat Completions: `choices`."""
    if "choices" not in body:
        return None
    choices = body["choices"]
    if not isinstance(choices, list) or not choices:
        return _failure(EMPTY, provider, "")
    choice = choices[0]
    if not isinstance(choice, Mapping):
        return None
    message = choice.get("message")
    if not isinstance(message, Mapping):  # a chunk, or the older completions with `text`
        return None
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal and not message.get("content"):
        return _failure(REFUSED, provider, "refusal", {"refusal": refusal})
    for call in message.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping) and not _is_object(function.get("arguments")):
            return _failure(CUT_ARGUMENTS, provider, "")
    if any(message.get(name) for name in ("content", "tool_calls", "function_call", "audio", "images")):
        return None
    return failure_of_finish(provider, _word(choice.get("finish_reason")), choice) or _failure(EMPTY, provider, "")


def _google(body: Mapping[str, Any], provider: str | None) -> ModelError | None:
    """Google: `candidates`, or `promptFeedback` alone."""
    if "candidates" not in body and "promptFeedback" not in body:
        return None
    candidates = body.get("candidates")
    candidate = candidates[0] if isinstance(candidates, list) and candidates else None
    if not isinstance(candidate, Mapping):
        return failure_of_finish(provider, None, body) or _failure(EMPTY, provider, "")
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, Mapping) else None
    if isinstance(parts, list) and any(isinstance(part, Mapping) and any(part.values()) for part in parts):
        return None
    if isinstance(said := candidate.get("output"), str) and said:  # PaLM's form, still behind some proxies
        return None
    told = {**candidate, "promptFeedback": body.get("promptFeedback")}
    return failure_of_finish(provider, _word(candidate.get("finishReason")), told) or _failure(EMPTY, provider, "")


def _messages(body: Mapping[str, Any], provider: str | None) -> ModelError | None:
    """Anthropic: `content` and `stop_reason`."""
    if body.get("type") != "message" or "stop_reason" not in body:
        return None
    if any(
        isinstance(part, Mapping) and (part.get("text") or part.get("type") not in ("text", "thinking"))
        for part in body.get("content") or ()
    ):
        return None
    reason = _word(body.get("stop_reason"))
    return failure_of_finish(provider, reason, body) or _failure(EMPTY, provider, "")


def _responses(body: Mapping[str, Any], provider: str | None) -> ModelError | None:
    """OpenAI Responses: `output` and `status`."""
    output = body.get("output")
    if not isinstance(output, list) or ("status" not in body and body.get("object") != "response"):
        return None
    parts = [
        part
        for item in output
        if isinstance(item, Mapping)
        for part in item.get("content") or ()
        if isinstance(part, Mapping)
    ]
    if refusal := next((part.get("refusal") for part in parts if part.get("type") == "refusal"), None):
        return _failure(REFUSED, provider, "refusal", {"refusal": refusal})
    for item in output:
        if isinstance(item, Mapping) and (cut := _item(item, provider)) is not None:
            return cut
    details = body.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, Mapping) else body.get("status")
    useful = any(isinstance(item, Mapping) and item.get("type") not in ("reasoning", "message") for item in output)
    if useful or any(part.get("text") for part in parts):
        return None
    if body.get("status") in ("in_progress", "queued"):
        return None
    return failure_of_finish(provider, _word(reason), body) or _failure(EMPTY, provider, "")


def _converse(body: Mapping[str, Any], provider: str | None) -> ModelError | None:
    """Bedrock Converse: `output.message` and `stopReason`, or the `messageStop` event."""
    stop = body.get("messageStop")
    if isinstance(stop, Mapping):
        return failure_of_finish(provider, _word(stop.get("stopReason")), stop)
    output = body.get("output")
    message = output.get("message") if isinstance(output, Mapping) else None
    if "stopReason" not in body or not isinstance(message, Mapping):
        return None
    if message.get("content") and body["stopReason"] != "guardrail_intervened":
        return None
    return failure_of_finish(provider, _word(body["stopReason"]), body) or _failure(EMPTY, provider, "")


def _item(body: Mapping[str, Any], provider: str | None) -> ModelError | None:
    """One item of Responses: a `function_call` that says it is complete."""
    if body.get("type") != "function_call" or body.get("status") not in ("completed", None) or "arguments" not in body:
        return None
    return None if _is_object(body["arguments"]) else _failure(CUT_ARGUMENTS, provider, "")


def _predictions(body: Mapping[str, Any], provider: str | None) -> ModelError | None:
    """Vertex `predict` (Imagen): a `raiFilteredReason` in place of each picture."""
    predictions = body.get("predictions")
    if not isinstance(predictions, list) or not predictions:
        return None
    reasons = [one.get("raiFilteredReason") for one in predictions if isinstance(one, Mapping)]
    if len(reasons) < len(predictions) or not all(isinstance(reason, str) for reason in reasons):
        return None
    return _failure(REFUSED, provider, "raiFilteredReason", {"refusal": reasons[0]})


def _is_object(arguments: Any) -> bool:
    """Whether the arguments of a tool call can be used; none at all are an empty object."""
    if arguments is None or arguments == "" or isinstance(arguments, Mapping):
        return True
    if not isinstance(arguments, str):
        return False
    try:
        return isinstance(msgspec.json.decode(arguments), dict)
    except (msgspec.DecodeError, RecursionError):
        return False


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None
