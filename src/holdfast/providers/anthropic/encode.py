"""A request as the body of `POST /v1/messages`.

What a model does not take is left out, and a note says so: sampling where a model thinks or samples by itself, a forced
tool where thinking forbids it. `max_tokens` is always there, since the wire demands it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast.messages import AssistantMessage, Message, Opaque, SystemMessage
from holdfast.providers.anthropic.blocks import message_blocks, system_blocks, takes
from holdfast.providers.anthropic.wire import ORIGIN
from holdfast.providers.claude import Claude, Plan, claude, plan, sampling
from holdfast.providers.closed import closed_schema
from holdfast.providers.codec import Dialect
from holdfast.providers.continuation import carry_on, prefills
from holdfast.providers.legible import legible
from holdfast.providers.output import answer_tool, downgrade
from holdfast.providers.overlay import overlay
from holdfast.providers.portable import ALL_KINDS, HistoryRules, Kind, adapt
from holdfast.request import NamedTool, OutputSchema, Request, Settings, Tool

# Settings that this wire has no field for.
_LACKING: Final = ("seed", "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs")
_KINDS: Final[frozenset[Kind]] = ALL_KINDS - {"audio", "audio_url"}


class Means(Struct, frozen=True, kw_only=True):
    """What this request can use of this model: decided once, the same for encoding and for decoding."""

    row: Claude
    plan: Plan
    dialect: Dialect
    prefill: bool
    schema: bool
    forced_tool: bool

    @property
    def output(self) -> dict[str, bool]:
        """How structured output can be had, in the words of `holdfast.providers.output`."""
        return {"schema": self.schema, "json_mode": False, "forced_tool": self.forced_tool}


def means(request: Request, model: str, dialect: Dialect) -> Means:
    """What of the wire this request can use."""
    row = claude(model)
    thinking = plan(request.settings, model) if dialect.reasoning_effort else Plan()
    output = request.output
    closed = isinstance(output, OutputSchema) and closed_schema(output.schema) is not None
    return Means(
        row=row,
        plan=thinking,
        dialect=dialect,
        prefill=row.prefill and prefills(dialect, model, request),
        schema=closed and row.json_schema and dialect.json_schema,
        forced_tool=row.forced_tools and dialect.tool_choice and not thinking.strict,
    )


def final_tool(request: Request, model: str, dialect: Dialect) -> str | None:
    """The tool by whose call a structured answer comes, if it comes so."""
    return answer_tool(request, **means(request, model, dialect).output)


def history_rules(usable: Means, messages: tuple[Message, ...] = ()) -> HistoryRules:
    """What this wire takes of a history (docs, "Messages", "Tool use", "Vision", "PDF support")."""
    kinds: frozenset[Kind] = frozenset(kind for kind in _KINDS if _is_taken(kind, usable.dialect))
    return HistoryRules(
        origin=ORIGIN,
        system="anywhere" if usable.row.inline_system else "first",
        user_first=True,
        assistant_last=usable.prefill or _paused(messages),
        trailing_space=False,
        empty=False,
        user=kinds,
        results=kinds,
        names=False,
        tool_id=usable.dialect.tool_id_pattern or r"[a-zA-Z0-9_-]+",
        thinking="signed",
    )


def _is_taken(kind: Kind, dialect: Dialect) -> bool:
    return dialect.images if kind.startswith("image") else dialect.documents != "none"


def _paused(messages: tuple[Message, ...]) -> bool:
    # A turn that paused in the middle of a server tool is sent back as it is (docs, "Handling the pause_turn stop
    # reason"); no model takes that for a prefill.
    last = messages[-1] if messages else None
    end = last.parts[-1] if isinstance(last, AssistantMessage) and last.parts else None
    return isinstance(end, Opaque) and end.origin == ORIGIN


def encode_body(request: Request, model: str, dialect: Dialect) -> tuple[bytes, tuple[str, ...]]:
    """The body, and notes on what was changed to make it one."""
    usable = means(request, model, dialect)
    request = downgrade(carry_on(request, native=usable.prefill), **usable.output)
    notes = list(usable.plan.notes)
    adapted = adapt(legible(request.messages, takes, notes), history_rules(usable, request.messages))
    notes += adapted.notes
    leading, rest = _split(adapted.messages)
    extra = overlay(dialect.options, request.extra)
    body = {
        "model": model,
        "max_tokens": _max_tokens(request.settings, usable, notes),
        "system": system_blocks(leading) or None,
        "messages": message_blocks(rest),
        "tools": [_tool(tool, usable) for tool in request.tools] or None,
        "tool_choice": _tool_choice(request, usable, notes) if request.tools or extra.get("tools") else None,
        "thinking": usable.plan.thinking,
        "output_config": _output_config(request, usable),
        "stop_sequences": _stop(request.settings, notes),
        "metadata": {"user_id": request.settings.user} if request.settings.user else None,
        "stream": request.stream or None,
        **sampling(request.settings, usable.row, usable.plan, notes),
    }
    lacking = [name for name in _LACKING if getattr(request.settings, name) is not None]
    if lacking:
        notes.append(f"{', '.join(lacking)} left out: this wire has no such setting")
    stated = {name: value for name, value in body.items() if value is not None}
    return msgspec.json.encode(overlay(overlay(dialect.options, stated), request.extra)), tuple(notes)


def _split(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    first = next((at for at, message in enumerate(messages) if not isinstance(message, SystemMessage)), len(messages))
    return messages[:first], messages[first:]


def _max_tokens(settings: Settings, usable: Means, notes: list[str]) -> int:
    row = usable.row
    if settings.max_tokens is None:
        return min(row.usual_output + usable.plan.room, row.max_output)
    if settings.max_tokens > row.max_output:
        notes.append(f"max_tokens lowered to {row.max_output}, the most that this model gives")
    return min(settings.max_tokens, row.max_output)


def _tool(tool: Tool, usable: Means) -> dict[str, Any]:
    parameters = tool.parameters if tool.parameters.get("type") else {"type": "object", **tool.parameters}
    closed = (
        closed_schema(parameters) if tool.strict and usable.row.json_schema and usable.dialect.strict_tools else None
    )
    described = {"description": tool.description} if tool.description else {}
    strict = {"strict": True} if closed is not None else {}
    return {"name": tool.name, **described, "input_schema": closed or parameters, **strict}


def _tool_choice(request: Request, usable: Means, notes: list[str]) -> dict[str, Any] | None:
    choice = request.tool_choice
    one = request.settings.parallel_tool_calls is False and usable.dialect.parallel_tool_calls
    single = {"disable_parallel_tool_use": True} if one else {}
    if choice == "none":
        return {"type": "none"}
    if choice != "auto" and not usable.forced_tool:
        notes.append("the model chooses its tool itself: it cannot be forced while it thinks, or at all")
        choice = "auto"
    if isinstance(choice, NamedTool):
        return {"type": "tool", "name": choice.name, **single}
    if choice == "required":
        return {"type": "any", **single}
    return {"type": "auto", **single} if single else None


def _output_config(request: Request, usable: Means) -> dict[str, Any] | None:
    config: dict[str, Any] = {}
    if usable.plan.effort:
        config["effort"] = usable.plan.effort
    if isinstance(request.output, OutputSchema):
        config["format"] = {"type": "json_schema", "schema": closed_schema(request.output.schema)}
    return config or None


def _stop(settings: Settings, notes: list[str]) -> list[str] | None:
    # A stop sequence must hold something besides white space, or the whole request is rejected.
    stop = [text for text in settings.stop or () if text.strip()]
    if len(stop) < len(settings.stop or ()):
        notes.append("stop sequences of white space left out")
    return stop or None
