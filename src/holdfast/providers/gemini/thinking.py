"""How Gemini models are told how much to think (docs, "Gemini thinking"): a level since Gemini 3, a budget before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from holdfast.request import ReasoningEffort, Settings

_GENERATION: Final = re.compile(r"gemini-(\d+)(?:\.(\d+))?")

# The budgets that Google gives to OpenAI's efforts (docs, "OpenAI compatibility").
_BUDGETS: Final[Mapping[ReasoningEffort, int]] = {
    "none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576,
}  # fmt: skip
_PRO_LEAST: Final = 128
"""2.5 Pro cannot stop thinking."""

_LEVELS: Final[Mapping[ReasoningEffort, str]] = {
    "none": "MINIMAL", "minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "HIGH",
    "max": "HIGH",
}  # fmt: skip
_LACKING: Final[tuple[tuple[re.Pattern[str], Mapping[str, str]], ...]] = (
    (re.compile(r"gemini-3-pro"), {"MINIMAL": "LOW", "MEDIUM": "HIGH"}),
    (re.compile(r"gemini-3\.8|gemini-\d[\d.]*-pro"), {"MINIMAL": "LOW"}),
)
"""Models that lack a level, and the next one that they have."""


def generation(model: str) -> tuple[int, int]:
    """The generation in a model's name, such as (2, 5); (0, 0) when it states none."""
    found = _GENERATION.search(model)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def has_levels(model: str) -> bool:
    """Whether this is Gemini 3 or newer."""
    return generation(model) >= (3, 0) or model.endswith("-latest")


def thinking_config(settings: Settings, model: str, notes: list[str]) -> dict[str, Any] | None:
    """The `thinkingConfig` that the settings ask for. What a model thinks is shown whenever thinking is asked for."""
    effort, budget = settings.reasoning_effort, settings.thinking_budget
    if effort is None and budget is None:
        return None
    if generation(model) < (2, 5) and not has_levels(model) and (budget is None or generation(model) > (0, 0)):
        notes.append("reasoning_effort and thinking_budget were left out: the model is not known to think")
        return None
    if budget is not None:
        return _shown({"thinkingBudget": budget}, shown=budget != 0)
    assert effort is not None  # noqa: S101  # one of them is set
    if has_levels(model):
        return _shown({"thinkingLevel": _level(effort, model)}, shown=effort != "none")
    least = _PRO_LEAST if "pro" in model else 0
    return _shown({"thinkingBudget": max(_BUDGETS[effort], least)}, shown=effort != "none")


def _shown(config: dict[str, Any], *, shown: bool) -> dict[str, Any]:
    return {**config, "includeThoughts": True} if shown else config


def _level(effort: ReasoningEffort, model: str) -> str:
    level = _LEVELS[effort]
    lacking = next((levels for pattern, levels in _LACKING if pattern.search(model)), {})
    return lacking.get(level, level)
