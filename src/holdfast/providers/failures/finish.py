"""Finish reasons that are failures: refusals, broken generations, full windows. The words are the providers' own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from holdfast.errors import (
    ContentFilterError,
    ContextOverflowError,
    InvalidResponseError,
    ModelError,
    OverloadedError,
    Scope,
    ServerError,
)
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
NO_ROOM: Final = Rule(
    name="finish-no-room",
    error=OverloadedError,
    source="DeepSeek `insufficient_system_resource`: broken off because the inference system ran short",
    meaning="The provider had no resources left to finish the answer.",
)
WINDOW_FULL: Final = Rule(
    name="finish-window-full",
    error=ContextOverflowError,
    source="Anthropic, Bedrock, Z.ai `model_context_window_exceeded`; Cohere `ERROR_LIMIT`",
    meaning="The window was full before the model had said anything.",
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
RULES: Final = (PROMPT_BLOCKED, REFUSED, BROKEN, FAILED, NO_ROOM, WINDOW_FULL, EMPTY, CUT_ARGUMENTS)
"""Rules of failures inside a success."""

_WORDS: Final[Mapping[str, Rule]] = {
    **dict.fromkeys(("content_filter", "content_filtered", "guardrail_intervened", "refusal", "sensitive"), REFUSED),
    **dict.fromkeys(
        (
            "safety",
            "recitation",
            "blocklist",
            "blacklist",  # GigaChat
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
    **dict.fromkeys(("error", "network_error", "failed", "cancelled", "time_limit", "abort"), FAILED),
    "insufficient_system_resource": NO_ROOM,
    **dict.fromkeys(("model_context_window_exceeded", "error_limit"), WINDOW_FULL),
}


def rule_of_finish(raw_finish_reason: str | None) -> Rule | None:
    """The rule that a finish reason in the provider's own word falls under, or None for one that is no failure."""
    return _WORDS.get((raw_finish_reason or "").lower())


def failure_of_finish(
    provider: str | None, raw_finish_reason: str | None, extra: Mapping[str, Any] | None = None
) -> ModelError | None:
    """The failure that a finish reason in the provider's own word tells of, or None.

    `extra` is what the provider said besides: Google's `promptFeedback` and `safetyRatings`, Azure's
    `content_filter_results`, Anthropic's `stop_details`.
    """
    extra = extra or {}
    if (blocked := _blocked(extra)) is not None:
        return failure(PROMPT_BLOCKED, provider, blocked, extra)
    rule = rule_of_finish(raw_finish_reason)
    return None if rule is None else failure(rule, provider, raw_finish_reason or "", extra)


def failure(rule: Rule, provider: str | None, word: str, extra: Mapping[str, Any] | None = None) -> ModelError:
    """The error of a rule of this module; `word` is the provider's, `extra` as in `failure_of_finish`."""
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
