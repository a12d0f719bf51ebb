"""What each Claude takes and gives, whichever wire carries it: a table that a reader can check against the docs.

Rows are found by the longest beginning of the model's name (regions, vendors and dates around it do not matter).
Sources: Anthropic's docs, "Models overview", "Adaptive thinking", "Effort", "Prefill not supported", "Structured
outputs", "Forcing tool use"; where they are silent, the errors that the API gives.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from holdfast.request import ReasoningEffort, Settings

Effort: TypeAlias = Literal["low", "medium", "high", "xhigh", "max"]


class Claude(Struct, frozen=True, kw_only=True):
    """One row.

    - `max_output`: tokens that one answer may have; `usual_output`: what is asked for when the caller does not say.
    - `prefill`: whether the last message may be the beginning of the answer.
    - `thinking`: a budget of tokens, the model's own measure (`adaptive`), both, or none.
    - `thinks`: whether it thinks unless told not to; `off` is how it is told, None: it cannot be.
    - `shows`: whether it shows what it thinks unless told not to.
    - `inline_system`: whether instructions may stand between the messages (docs, "Mid-conversation system messages").
    - `sampling`: all of temperature, top_p and top_k together, only one of the first two, or none of them.
    """

    max_output: int = 64_000
    usual_output: int = 32_000
    prefill: bool = False
    thinking: Literal["none", "budget", "both", "adaptive"] = "adaptive"
    thinks: bool = False
    off: Literal["disabled", "between_tools"] | None = "disabled"
    shows: bool = False
    efforts: tuple[Effort, ...] = ()
    sampling: Literal["all", "one", "none"] = "none"
    json_schema: bool = True
    forced_tools: bool = True
    inline_system: bool = False


_FIRST: Final = Claude(
    max_output=4096,
    usual_output=4096,
    prefill=True,
    thinking="none",
    shows=True,
    sampling="all",
    json_schema=False,
)
# Up to Claude 4.1 a request whose input and `max_tokens` together exceed the window is rejected, so ask for less.
_BUDGET: Final = replace(_FIRST, max_output=64_000, usual_output=8192, thinking="budget")
_FOUR_FIVE: Final = replace(_BUDGET, usual_output=32_000, sampling="one", json_schema=True)
_FOUR_SIX: Final = Claude(
    max_output=128_000, thinking="both", shows=True, efforts=("low", "medium", "high", "max"), sampling="one"
)
_FOUR_SEVEN: Final = Claude(max_output=128_000, efforts=("low", "medium", "high", "xhigh", "max"))
_FIVE: Final = replace(_FOUR_SEVEN, thinks=True)
_ALWAYS: Final = replace(_FIVE, off=None, inline_system=True)

CLAUDES: Final[dict[str, Claude]] = {
    "claude-": _FIVE,
    "claude-v": _FIRST,
    "claude-2": _FIRST,
    "claude-instant": _FIRST,
    "claude-3": _FIRST,
    "claude-3-5": replace(_FIRST, max_output=8192, usual_output=8192),
    "claude-3-7": _BUDGET,
    "claude-opus-4": replace(_BUDGET, max_output=32_000),
    "claude-opus-4-1": replace(_BUDGET, max_output=32_000, sampling="one", json_schema=True),
    "claude-sonnet-4": _BUDGET,
    "claude-haiku-4-5": _FOUR_FIVE,
    "claude-sonnet-4-5": _FOUR_FIVE,
    "claude-opus-4-5": _FOUR_FIVE,
    "claude-opus-4-6": _FOUR_SIX,
    "claude-sonnet-4-6": _FOUR_SIX,
    "claude-opus-4-7": _FOUR_SEVEN,
    "claude-opus-4-8": replace(_FOUR_SEVEN, inline_system=True),
    "claude-opus-5": replace(_FIVE, inline_system=True),
    "claude-opus-5-5": replace(_ALWAYS, forced_tools=False),
    "claude-sonnet-5": _FIVE,
    "claude-sonnet-5-5": replace(_FIVE, off="between_tools", forced_tools=False),
    "claude-haiku-5": _FIVE,
    "claude-fable-5": _ALWAYS,
    "claude-fable-5-1": replace(_ALWAYS, forced_tools=False),
    "claude-fable-5-2": replace(_ALWAYS, forced_tools=False),
    "claude-mythos": _ALWAYS,
    "claude-mythos-5-1": replace(_ALWAYS, forced_tools=False),
    "claude-mythos-5-2": replace(_ALWAYS, forced_tools=False),
}
"""The table; the first row is for names that came after it was written."""

OTHER: Final = replace(_BUDGET, max_output=8192)
"""Any other maker's model behind the same wire: only what all of them are known to take."""

# Tokens of thinking that stand for an effort where a model takes a budget; 1024 is the least (docs, "Extended
# thinking").
LEAST_BUDGET: Final = 1024
_BUDGETS: Final[dict[ReasoningEffort, int]] = {
    "minimal": LEAST_BUDGET,
    "low": 2048,
    "medium": 8192,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 32_768,
}
# The efforts that may stand for another where a model has fewer, the nearest first.
_NEAREST: Final[dict[ReasoningEffort, tuple[Effort, ...]]] = {
    "minimal": ("low",),
    "low": ("low",),
    "medium": ("medium",),
    "high": ("high",),
    "xhigh": ("xhigh", "max", "high"),
    "max": ("max", "xhigh", "high"),
}


@lru_cache(maxsize=256)
def claude(model: str) -> Claude:
    """The row of the model called `model` on any wire (`claude-sonnet-4-5`, `us.anthropic.claude-...-v1:0`)."""
    start = model.find("claude-")
    if start < 0:
        return OTHER
    name = model[start:]
    return CLAUDES[max((row for row in CLAUDES if name.startswith(row)), key=len)]


class Plan(Struct, frozen=True, kw_only=True):
    """How a request lets a model think: the wire's `thinking` and `effort`, room for it, and what that forbids.

    - `room`: tokens of the answer that thinking takes away.
    - `strict`: thinking by a budget, which allows no prefill, no forced tool and no sampling.
    """

    thinking: dict[str, Any] | None = None
    effort: Effort | None = None
    room: int = 0
    strict: bool = False
    notes: tuple[str, ...] = ()

    @property
    def on(self) -> bool:
        """Whether thinking was asked for."""
        return self.thinking is not None and self.thinking["type"] in ("enabled", "adaptive")


def plan(settings: Settings, model: str) -> Plan:
    """What `reasoning_effort` and `thinking_budget` mean for this model."""
    row = claude(model)
    effort, budget = settings.reasoning_effort, settings.thinking_budget
    if effort is None and budget is None:
        return Plan()
    if budget == 0 or (budget is None and effort == "none"):
        return _off(row)
    if row.thinking == "none":
        return Plan(notes=(f"{model} does not think: reasoning settings left out",))
    if row.thinking == "budget" or (row.thinking == "both" and budget is not None):
        return _budgeted(settings, budget or _BUDGETS[effort or "medium"])
    notes = () if budget is None else (f"{model} measures its thinking itself: thinking_budget left out",)
    shown: dict[str, Any] = {} if row.shows else {"display": "summarized"}
    return Plan(thinking={"type": "adaptive", **shown}, effort=_effort(row, effort), notes=notes)


def _off(row: Claude) -> Plan:
    if not row.thinks:
        return Plan()
    if row.off is None:
        return Plan(effort=_effort(row, "low"), notes=("this model always thinks: asked for its lowest effort",))
    return Plan(thinking={"type": row.off})


def _budgeted(settings: Settings, budget: int) -> Plan:
    wanted = max(budget, LEAST_BUDGET)
    limit = settings.max_tokens
    if limit is None or wanted < limit:
        return Plan(thinking={"type": "enabled", "budget_tokens": wanted}, room=wanted, strict=True)
    # The budget must be smaller than max_tokens (docs, "Extended thinking"); half is left for the answer.
    if limit < 2 * LEAST_BUDGET:
        return Plan(notes=(f"max_tokens={limit} leaves no room to think: reasoning settings left out",))
    note = f"thinking budget lowered to half of max_tokens={limit}"
    return Plan(thinking={"type": "enabled", "budget_tokens": limit // 2}, room=limit // 2, strict=True, notes=(note,))


def _effort(row: Claude, effort: ReasoningEffort | None) -> Effort | None:
    if effort is None or effort == "none":
        return None
    return next((level for level in _NEAREST[effort] if level in row.efforts), None)


# The least that `top_p` may be while the model thinks (docs, "Extended thinking").
_LEAST_TOP_P: Final = 0.95


def sampling(settings: Settings, row: Claude, thinking: Plan, notes: list[str]) -> dict[str, Any]:
    """Those of `temperature`, `top_p` and `top_k` that may be sent; a note is added for each that may not."""
    wanted = {"temperature": settings.temperature, "top_p": settings.top_p, "top_k": settings.top_k}
    found = {name: value for name, value in wanted.items() if value is not None}
    kept = _allowed(found, row, thinking)
    if len(kept) < len(found):
        left_out = ", ".join(name for name in found if name not in kept)
        notes.append(f"{left_out} left out: this model, or its thinking, does not take it")
    if kept.get("temperature", 0) > 1:
        notes.append("temperature lowered to 1, the most that this wire takes")
        kept["temperature"] = 1.0
    return kept


def _allowed(found: dict[str, Any], row: Claude, thinking: Plan) -> dict[str, Any]:
    if row.sampling == "none":
        return {}
    if thinking.on:  # no temperature, no top_k, top_p not below 0.95 (docs, "Extended thinking")
        return {name: value for name, value in found.items() if name == "top_p" and value >= _LEAST_TOP_P}
    if row.sampling == "one" and "temperature" in found:
        return {name: value for name, value in found.items() if name != "top_p"}
    return dict(found)
