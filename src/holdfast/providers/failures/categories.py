"""What a content filter objected to, and whether it was the prompt or the response."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from holdfast.errors import Scope
from holdfast.providers.failures.evidence import Evidence
from holdfast.providers.failures.phrases import any_of

_PROMPT: Final = any_of("prompt", "input", "your request", "your message", "messages", "user content", "question")
_RESPONSE: Final = any_of("output", "response", "completion", "generated", "generation", "the answer", "candidate")
_STAGES: Final[Mapping[str, Scope]] = {"input": "prompt", "output": "response"}
_PARAMS: Final = ("prompt", "input", "messages")
_SAFETY_CHECK: Final = re.compile(r"SAFETY_CHECK_TYPE_([A-Z_]{2,40})")  # xAI
_MOST: Final = 12


def scope_of(evidence: Evidence) -> Scope | None:
    """Whether prompt or response was refused, by the words; None when both or neither tell.

    A request that was turned away with a status of 4xx never had an answer: without a word it was the prompt.
    """
    asked, said = _PROMPT.any(evidence.words), _RESPONSE.any(evidence.words)
    if not asked and not said:
        return "prompt" if evidence.status in (400, 403, 422) else None
    if asked and said:
        return None
    return "prompt" if asked else "response"


def stage_of(evidence: Evidence) -> Scope | None:
    """The stage at which a filter struck, as a field names it.

    OpenAI: `moderation_details.moderation_stage`; Azure: `param`, where the words say "the response was filtered".
    """
    stage = _STAGES.get(str(evidence.details.get("moderation_stage", "")))
    return "prompt" if stage is None and evidence.details.get("param") in _PARAMS else stage


def categories_of(evidence: Evidence) -> tuple[str, ...]:
    """The categories named: Azure's filtered ones, OpenRouter's reasons, xAI's checks, Google's and others' lists."""
    found = dict.fromkeys(_named(evidence))
    return tuple(found)[:_MOST]


def _named(evidence: Evidence) -> Iterator[str]:
    details = evidence.details
    for name in ("content_filter_result", "content_filter_results"):
        yield from filtered(details.get(name))
    inner = details.get("innererror")
    if isinstance(inner, Mapping):
        yield from filtered(inner.get("content_filter_result"))
        yield from filtered(inner.get("content_filter_results"))
    for name in ("reasons", "categories"):  # OpenRouter's moderation: metadata.reasons
        value = details.get(name)
        if isinstance(value, list | tuple):
            yield from (word for word in value if isinstance(word, str))
    yield from (word.lower() for word in _SAFETY_CHECK.findall(evidence.text))


def filtered(results: Any) -> Iterator[str]:
    """Azure: the categories of a `content_filter_result` that were filtered or detected."""
    if isinstance(results, Mapping):
        for name, result in results.items():
            if isinstance(result, Mapping) and result.get("filtered") is True:
                yield str(name)
