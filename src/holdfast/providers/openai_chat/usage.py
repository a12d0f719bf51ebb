"""Tokens as the servers of this wire state them."""

from __future__ import annotations

from typing import Any

from holdfast.usage import Usage


def read_usage(stated: Any) -> Usage | None:
    """The tokens that a `usage` object states; None when it states none."""
    if not isinstance(stated, dict):
        return None
    tokens = stated.get("tokens")
    if isinstance(tokens, dict):  # Cohere's native form
        stated = {
            **stated,
            "prompt_tokens": tokens.get("input_tokens"),
            "completion_tokens": tokens.get("output_tokens"),
        }
    read = _details(stated, "prompt_tokens_details", "input_tokens_details")
    wrote = _details(stated, "completion_tokens_details", "output_tokens_details")
    output = _count(stated, "completion_tokens", "output_tokens")
    reasoning = _count(wrote, "reasoning_tokens") or _count(stated, "reasoning_tokens")
    prompt = _count(stated, "prompt_tokens", "input_tokens")
    if reasoning and _count(stated, "total_tokens") == prompt + output + reasoning:
        output += reasoning  # xAI counts reasoning beside the completion (docs, "Reasoning")
    usage = Usage(
        input_tokens=prompt,
        output_tokens=output,
        # DeepSeek, Mistral and Moonshot state cache hits beside the details.
        cache_read_tokens=_count(read, "cached_tokens")
        or _count(stated, "prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens", "cache_read_input_tokens"),
        cache_write_tokens=_count(read, "cache_write_tokens", "cache_creation_tokens")
        or _count(stated, "cache_creation_input_tokens"),
        reasoning_tokens=reasoning,
        audio_input_tokens=_count(read, "audio_tokens"),
        audio_output_tokens=_count(wrote, "audio_tokens"),
    )
    return usage if usage.total_tokens else None


def write_usage(usage: Usage) -> dict[str, Any]:
    """The `usage` object that states these tokens."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "audio_tokens": usage.audio_input_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.audio_output_tokens,
        },
    }


def _details(stated: dict[str, Any], *names: str) -> dict[str, Any]:
    return next((found for name in names if isinstance(found := stated.get(name), dict)), {})


def _count(stated: dict[str, Any], *names: str) -> int:
    for name in names:
        count = stated.get(name)
        if isinstance(count, int | float) and count > 0:
            return int(count)
    return 0
