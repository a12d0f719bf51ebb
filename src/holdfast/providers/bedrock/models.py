"""What the families of models behind Bedrock take: a table that a reader can check against the docs.

Sources: Bedrock user guide, "Supported models and model features", "Structured outputs"; API reference, "ToolChoice";
the makers' pages for the fields that only they have (`additionalModelRequestFields`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from holdfast.request import ReasoningEffort


class Family(Struct, frozen=True, kw_only=True):
    """One row. Claude's own row says only what Bedrock adds; the rest is in `holdfast.providers.claude`.

    - `any_tool`, `named_tool`: which tool choices it takes besides `auto`.
    - `json_schema`: whether it holds its answer to a schema.
    - `reasoning`: the field that asks for an effort of reasoning.
    - `top_k`: the field of that name.
    """

    any_tool: bool = False
    named_tool: bool = False
    json_schema: bool = False
    reasoning: Callable[[ReasoningEffort], dict[str, Any]] | None = None
    top_k: Callable[[int], dict[str, Any]] | None = None


def _nova_reasoning(effort: ReasoningEffort) -> dict[str, Any]:
    if effort == "none":
        return {"reasoningConfig": {"type": "disabled"}}
    return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": _three_steps(effort)}}


def _effort(effort: ReasoningEffort) -> dict[str, Any]:
    return {} if effort == "none" else {"reasoning_effort": _three_steps(effort)}


def _config(effort: ReasoningEffort) -> dict[str, Any]:
    return {} if effort == "none" else {"reasoning_config": _three_steps(effort)}


def _three_steps(effort: ReasoningEffort) -> str:
    return {"minimal": "low", "xhigh": "high", "max": "high"}.get(effort, effort)


def _plain_top_k(value: int) -> dict[str, Any]:
    return {"top_k": value}


def _nova_top_k(value: int) -> dict[str, Any]:
    return {"inferenceConfig": {"topK": value}}


_OTHER: Final = Family()
_SCHEMA: Final = Family(json_schema=True)
FAMILIES: Final[Mapping[str, Family]] = {
    "anthropic.": Family(any_tool=True, named_tool=True, json_schema=True, top_k=_plain_top_k),
    "amazon.nova": Family(any_tool=True, named_tool=True, top_k=_nova_top_k),
    "amazon.nova-2": Family(any_tool=True, named_tool=True, reasoning=_nova_reasoning, top_k=_nova_top_k),
    "mistral.": Family(any_tool=True, json_schema=True, top_k=_plain_top_k),
    "mistral.mistral-7b": _OTHER,
    "mistral.mixtral": _OTHER,
    "openai.gpt-oss": Family(json_schema=True, reasoning=_effort),
    "qwen.": Family(json_schema=True, reasoning=_config),
    "deepseek.v3": _SCHEMA,
    "google.gemma-3": _SCHEMA,
    "minimax.": _SCHEMA,
    "moonshot": _SCHEMA,
    "nvidia.": _SCHEMA,
}
"""The table; a row is found by the longest key that the model's id holds, whatever region stands before it."""


def family(model: str) -> Family:
    """The row of the model with this id; that of a name that hides its model (a profile's ARN) allows little."""
    known = [key for key in FAMILIES if key in model]
    return FAMILIES[max(known, key=len)] if known else _OTHER
