"""How an answer ended: the servers' words in ours. A table; a word that is not in it stays visible as `unknown`."""

from __future__ import annotations

from typing import Any, Final

from holdfast.events import FinishReason

_REASONS: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "eos": "stop",  # Together
    "eos_token": "stop",  # Hugging Face
    "stop_sequence": "stop",  # Hugging Face, Cohere
    "end_turn": "stop",  # gateways before Anthropic
    "end": "stop",
    "complete": "stop",  # Cohere
    "completed": "stop",
    "length": "length",
    "max_tokens": "length",  # Cohere, gateways before Anthropic and Google
    "max_output_tokens": "length",
    "max_completion_tokens": "length",
    "model_length": "context_length",  # Mistral: the model's own limit
    "model_context_window_exceeded": "context_length",  # Z.ai
    "context_length_exceeded": "context_length",
    "tool_calls": "tool_calls",
    "tool_call": "tool_calls",  # Cohere
    "tool_use": "tool_calls",
    "function_call": "tool_calls",  # OpenAI's older form
    "content_filter": "content_filter",
    "content_filtered": "content_filter",
    "sensitive": "content_filter",  # Z.ai
    "refusal": "content_filter",
    "safety": "content_filter",  # Google's words, through gateways
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "blacklist": "content_filter",  # GigaChat
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "image_safety": "content_filter",
    "guardrail_intervened": "content_filter",
    "error_toxic": "content_filter",  # Cohere
    "error_limit": "context_length",  # Cohere
    "pause_turn": "pause",
    "error": "error",
    "network_error": "error",  # Z.ai
    "insufficient_system_resource": "error",  # DeepSeek: broken off for want of resources
    "abort": "error",  # vLLM, SGLang: the server gave up the generation
    "malformed_function_call": "error",
    "timeout": "error",
    "user_cancel": "error",
    "cancelled": "error",
}
_WORDS: Final[dict[FinishReason, str]] = {
    "stop": "stop",
    "length": "length",
    "context_length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "pause": "stop",
    "error": "error",
    "unknown": "stop",
}
_BEFORE_CALLS: Final = frozenset({"stop", "unknown"})


def finish_reason(raw: str | None, *, calls: bool, refused: bool) -> FinishReason:
    """Our word for `raw`. Calls and refusals are known by their presence: many servers say `stop` with them."""
    if refused:
        return "content_filter"
    reason = _REASONS.get(_plain(raw), "unknown") if raw else "unknown"
    return "tool_calls" if calls and reason in _BEFORE_CALLS else reason


def finish_word(reason: FinishReason | None, raw: str | None) -> str:
    """The wire's word for an end: `raw` where it is one that reads back as `reason`."""
    if raw and reason == _REASONS.get(_plain(raw), "unknown"):
        return raw
    return _WORDS[reason or "unknown"]


def filtered_categories(*results: Any) -> tuple[str, ...]:
    """What Azure's content filter objected to, in any of these annotations: categories marked as filtered."""
    found: dict[str, None] = {}
    for result in results:
        for each in result if isinstance(result, list) else [result]:
            inner = each.get("content_filter_results", each) if isinstance(each, dict) else {}
            for category, verdict in inner.items() if isinstance(inner, dict) else ():
                if isinstance(verdict, dict) and verdict.get("filtered") is True:
                    found[category] = None
    return tuple(found)


def _plain(word: str) -> str:
    plain = word.strip().lower().replace("-", "_")
    # Google's compatible endpoint says which filter it was: "content_filter: RECITATION".
    return "content_filter" if plain.startswith("content_filter") else plain
