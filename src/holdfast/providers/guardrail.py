"""What a guardrail's trace says, in the words that every provider's filters share.

A guardrail puts its own sentence in the place of what it blocks, so an answer with text in it may still be a refusal:
`blocked` tells it, where the trace does (`"trace": "enabled"`), or where the model was never asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from holdfast.usage import Usage

INTERVENED: Final = "guardrail_intervened"
_NAMES: Final = ("name", "type", "match")  # of a topic; of a filter, a word list, personal data; of a word


def verdict_facts(reason: str | None, trace: Any, usage: Usage) -> dict[str, Any]:
    """`blocked`, `categories` and, when it was the prompt, `block_reason`; nothing for any other stop reason."""
    if reason != INTERVENED:
        return {}
    prompt, answer = blocked(trace)
    unasked = usage.input_tokens == 0 and usage.output_tokens == 0
    facts = {
        "blocked": bool(prompt or answer or unasked),
        "block_reason": reason if prompt or unasked else None,
        "categories": list(dict.fromkeys(prompt + answer)),
    }
    return {name: value for name, value in facts.items() if value}


def blocked(trace: Any) -> tuple[list[str], list[str]]:
    """What was blocked in the prompt, and what in the answer."""
    guardrail = trace.get("guardrail") if isinstance(trace, dict) else None
    guardrail = guardrail if isinstance(guardrail, dict) else {}
    return list(_blocked(guardrail.get("inputAssessment"))), list(_blocked(guardrail.get("outputAssessments")))


def _blocked(assessment: Any) -> Iterator[str]:
    """The names of the policies that blocked, wherever they stand in the assessment."""
    match assessment:
        case {"action": "BLOCKED"}:
            yield next((str(assessment[name]) for name in _NAMES if name in assessment), "unnamed")
        case dict():
            for inner in assessment.values():
                yield from _blocked(inner)
        case list():
            for inner in assessment:
                yield from _blocked(inner)
        case _:
            return
