"""A request as the body of `POST /model/{id}/converse`, or `/converse-stream`.

What a model does not take is left out, and a note says so. What only one family has, its way to reason first of all,
goes into `additionalModelRequestFields`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast.messages import Message, SystemMessage
from holdfast.providers.bedrock.blocks import at_hand, message_blocks, system_blocks, takes
from holdfast.providers.bedrock.models import Family, family
from holdfast.providers.bedrock.wire import ORIGIN
from holdfast.providers.claude import Claude, Plan, claude, plan, sampling
from holdfast.providers.closed import closed_schema
from holdfast.providers.codec import Dialect
from holdfast.providers.continuation import carry_on, prefills
from holdfast.providers.legible import legible
from holdfast.providers.output import answer_tool, downgrade
from holdfast.providers.overlay import overlay
from holdfast.providers.portable import HistoryRules, Kind, adapt
from holdfast.request import NamedTool, OutputSchema, Request, Settings, Tool

# Settings that this wire has no field for.
_LACKING: Final = (
    "seed", "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs", "parallel_tool_calls", "user",
)  # fmt: skip
_KINDS: Final[frozenset[Kind]] = frozenset(("image", "document", "document_text", "audio"))
_RESULTS: Final[frozenset[Kind]] = _KINDS - {"audio"}
_PLAIN: Final = Claude(prefill=True, thinking="none", sampling="all")
"""What is asked of a model that is no Claude, in Claude's words."""


class Means(Struct, frozen=True, kw_only=True):
    """What this request can use of this model: decided once, the same for encoding and for decoding."""

    family: Family
    row: Claude
    plan: Plan
    is_claude: bool
    prefill: bool
    schema: bool
    named_tool: bool
    any_tool: bool

    @property
    def output(self) -> dict[str, bool]:
        """How structured output can be had, in the words of `holdfast.providers.output`."""
        return {"schema": self.schema, "json_mode": False, "forced_tool": self.named_tool}


def means(request: Request, model: str, dialect: Dialect) -> Means:
    """What of the wire this request can use."""
    maker, is_claude = family(model), "claude-" in model
    row = claude(model) if is_claude else _PLAIN
    thinking = plan(request.settings, model) if is_claude and dialect.reasoning_effort else Plan()
    output = request.output
    closed = isinstance(output, OutputSchema) and closed_schema(output.schema) is not None
    forced = dialect.tool_choice and row.forced_tools and not thinking.strict
    return Means(
        family=maker,
        row=row,
        plan=thinking,
        is_claude=is_claude,
        prefill=row.prefill and prefills(dialect, model[max(0, model.find("claude-")) :], request),
        schema=closed and dialect.json_schema and maker.json_schema and row.json_schema,
        named_tool=forced and maker.named_tool,
        any_tool=forced and maker.any_tool,
    )


def final_tool(request: Request, model: str, dialect: Dialect) -> str | None:
    """The tool by whose call a structured answer comes, if it comes so."""
    return answer_tool(request, **means(request, model, dialect).output)


def history_rules(usable: Means) -> HistoryRules:
    """What this wire takes of a history (API reference, "ContentBlock", "Message")."""
    return HistoryRules(
        origin=ORIGIN,
        system="first",
        user_first=True,
        assistant_last=usable.prefill,
        trailing_space=False,
        empty=False,
        empty_result=False,
        user=_KINDS,
        results=_RESULTS,
        names=False,
        tool_id=r"[a-zA-Z0-9_.:-]{1,64}",
        # Only Claude signs its thinking; the others refuse to have theirs back.
        thinking="signed" if usable.is_claude else "drop",
    )


def encode_body(request: Request, model: str, dialect: Dialect) -> tuple[bytes, tuple[str, ...]]:
    """The body, and notes on what was changed to make it one."""
    usable = means(request, model, dialect)
    request = downgrade(carry_on(request, native=usable.prefill), **usable.output)
    notes = list(usable.plan.notes)
    adapted = adapt(legible(tuple(map(at_hand, request.messages)), takes, notes), history_rules(usable))
    notes += adapted.notes
    leading, rest = _split(adapted.messages)
    sampled = _sampling(request.settings, usable, notes)
    body = {
        "system": system_blocks(leading) or None,
        "messages": message_blocks(rest),
        "inferenceConfig": _inference(request.settings, usable, sampled) or None,
        "toolConfig": _tool_config(request, rest, usable, notes),
        "outputConfig": _output_config(request),
        "additionalModelRequestFields": _own_fields(request.settings, usable, sampled, notes) or None,
    }
    lacking = [name for name in _LACKING if getattr(request.settings, name) is not None]
    if lacking:
        notes.append(f"{', '.join(lacking)} left out: this wire has no such setting")
    stated = {name: value for name, value in body.items() if value is not None}
    return msgspec.json.encode(overlay(overlay(dialect.options, stated), request.extra)), tuple(notes)


def _split(messages: tuple[Message, ...]) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    first = next((at for at, message in enumerate(messages) if not isinstance(message, SystemMessage)), len(messages))
    return messages[:first], messages[first:]


def _sampling(settings: Settings, usable: Means, notes: list[str]) -> dict[str, Any]:
    kept = sampling(settings, usable.row, usable.plan, notes)
    if "top_k" in kept and usable.family.top_k is None:
        notes.append("top_k left out: this model has no such setting")
        del kept["top_k"]
    return kept


def _inference(settings: Settings, usable: Means, sampled: dict[str, Any]) -> dict[str, Any]:
    found = {
        "maxTokens": _max_tokens(settings, usable),
        "temperature": sampled.get("temperature"),
        "topP": sampled.get("top_p"),
        "stopSequences": list(settings.stop) if settings.stop else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _max_tokens(settings: Settings, usable: Means) -> int | None:
    row = usable.row
    if settings.max_tokens is not None:
        return min(settings.max_tokens, row.max_output) if usable.is_claude else settings.max_tokens
    # Where a model always thinks, the wire's own default (4096) can be used up before a word is said.
    return row.usual_output if usable.is_claude and row.thinks else None


def _tool_config(
    request: Request, messages: tuple[Message, ...], usable: Means, notes: list[str]
) -> dict[str, Any] | None:
    tools = [_tool(tool, usable) for tool in request.tools]
    called = dict.fromkeys(call.name for message in messages for call in getattr(message, "tool_calls", ()))
    if request.tool_choice == "none" and not called:
        return None
    if not tools and called:
        # "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        notes.append("the tools of earlier calls were declared, since this wire demands it")
        tools = [_tool(Tool(name), usable) for name in called]
    if not tools:
        return None
    choice = _tool_choice(request, usable, notes)
    return {"tools": tools, "toolChoice": choice} if choice else {"tools": tools}


def _tool(tool: Tool, usable: Means) -> dict[str, Any]:
    parameters = tool.parameters if tool.parameters.get("type") else {"type": "object", **tool.parameters}
    strict = tool.strict and usable.family.json_schema and usable.row.json_schema
    closed = closed_schema(parameters) if strict else None
    described = {"description": tool.description} if tool.description else {}
    held = {"strict": True} if closed is not None else {}
    return {"toolSpec": {"name": tool.name, **described, "inputSchema": {"json": closed or parameters}, **held}}


def _tool_choice(request: Request, usable: Means, notes: list[str]) -> dict[str, Any] | None:
    choice = request.tool_choice
    if isinstance(choice, NamedTool) and usable.named_tool:
        return {"tool": {"name": choice.name}}
    if usable.any_tool and (choice == "required" or (isinstance(choice, NamedTool) and len(request.tools) == 1)):
        return {"any": {}}
    if choice == "none":
        notes.append("this wire cannot forbid the tools of earlier calls")
    elif choice != "auto":
        notes.append("the model chooses its tool itself: it cannot be forced while it thinks, or at all")
    return None


def _output_config(request: Request) -> dict[str, Any] | None:
    output = request.output
    if not isinstance(output, OutputSchema):
        return None
    told = {"description": output.description} if output.description else {}
    schema = msgspec.json.encode(closed_schema(output.schema)).decode()
    structure = {"jsonSchema": {"schema": schema, "name": output.name, **told}}
    return {"textFormat": {"type": "json_schema", "structure": structure}}


def _own_fields(settings: Settings, usable: Means, sampled: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if "top_k" in sampled and usable.family.top_k is not None:
        fields |= usable.family.top_k(sampled["top_k"])
    if usable.plan.thinking is not None:
        fields["thinking"] = usable.plan.thinking
    if usable.plan.effort is not None:
        fields["output_config"] = {"effort": usable.plan.effort}
    if not usable.is_claude:
        fields |= _reasoning(settings, usable, notes)
    return fields


def _reasoning(settings: Settings, usable: Means, notes: list[str]) -> dict[str, Any]:
    effort = settings.reasoning_effort
    if settings.thinking_budget:
        notes.append("thinking_budget left out: this model has no such setting")
    if effort is None:
        return {}
    if usable.family.reasoning is None:
        notes.append("reasoning_effort left out: this model has no such setting")
        return {}
    return usable.family.reasoning(effort)
