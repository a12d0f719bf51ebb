"""Tokens of messages, tools and schemas, by the rules of a family. Sums add up: special tokens separate messages.

Text is counted in the family's vocabulary and multiplied by its first-guess ratio; framing, pictures and hidden prompts
are added as the family's rules say. Nothing here raises for odd schemas: what no rule covers counts as its JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil
from typing import Any, Final

import msgspec
from msgspec import Struct

from holdfast.context.families import Family
from holdfast.context.images import audio_tokens, document_tokens, image_tokens
from holdfast.context.tokenizer import tokenizer
from holdfast.messages import (
    AssistantMessage,
    Audio,
    CachePoint,
    Document,
    Image,
    Message,
    Opaque,
    SystemMessage,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.request import OutputSchema, Request, Tool
from holdfast.usage import Usage

SEALED_BYTES_PER_TOKEN: Final = 5
"""Characters of base64 per token of what an encrypted item holds: 4 characters a token, 4/3 for base64."""


class Count(Struct, frozen=True):
    """Tokens, and whether they are what the provider will bill (`exact`) or an estimate."""

    tokens: int
    exact: bool = False


def text_tokens(text: str, family: Family) -> int:
    """Tokens of plain text."""
    count = tokenizer(family.vocabulary).count(text)
    return count if family.ratio == 1.0 else ceil(count * family.ratio)


def message_tokens(message: Message, family: Family) -> int:
    """Tokens of one message, framing included."""
    total = family.per_message
    if isinstance(message, ToolMessage):
        total *= max(1, len(message.content))  # where results are messages of their own
        return total + sum(_result_tokens(result, family) for result in message.content)
    if isinstance(message, UserMessage | AssistantMessage) and message.name:
        total += family.per_name + text_tokens(message.name, family)
    if isinstance(message.content, str):
        return total + text_tokens(message.content, family)
    if isinstance(message, AssistantMessage):
        return total + _answer_tokens(message, family)
    return total + sum(part_tokens(part, family) for part in message.content)


def _answer_tokens(message: AssistantMessage, family: Family) -> int:
    calls = len(message.tool_calls)
    if calls == 0 and not family.keeps_thinking:
        return sum(part_tokens(part, family) for part in message.parts if not isinstance(part, Thinking))
    framing = family.per_answer if calls == 0 else family.per_parallel_call * calls if calls > 1 else 0
    return framing + sum(part_tokens(part, family) for part in message.parts)


def part_tokens(part: Any, family: Family) -> int:
    """Tokens of one part of a message."""
    match part:
        case Text():
            return text_tokens(part.text, family)
        case ToolCall():
            return family.per_call + text_tokens(part.name, family) + text_tokens(part.arguments, family)
        case ToolResult():
            return _result_tokens(part, family)
        case Thinking():
            return _thinking_tokens(part, family)
        case Image():
            return image_tokens(part, family.images)
        case Document():
            return _document_tokens(part, family)
        case Audio():
            return text_tokens(part.transcript, family) if part.transcript else audio_tokens(part, family.audio_second)
        case Opaque():
            return len(msgspec.json.encode(part.data, enc_hook=str)) // SEALED_BYTES_PER_TOKEN
        case CachePoint():
            return 0
        case _:
            return text_tokens(str(part), family)


def _result_tokens(result: ToolResult, family: Family) -> int:
    if isinstance(result.content, str):
        return family.per_result + text_tokens(result.content, family)
    return family.per_result + sum(part_tokens(part, family) for part in result.content)


def _thinking_tokens(part: Thinking, family: Family) -> int:
    if part.origin == "openai_responses":  # reasoning goes back as a sealed item
        return len(part.data or "") // SEALED_BYTES_PER_TOKEN
    if not family.replays_thinking:
        return 0
    return text_tokens(part.text, family) if part.text else len(part.data or "") // SEALED_BYTES_PER_TOKEN


def replayed_tokens(message: AssistantMessage, usage: Usage, family: Family) -> int | None:
    """What an answer takes when it is sent back, as its own usage tells; None where counting it tells more.

    Reasoning is part of it only if the message carries it, sealed or open, and the family takes it back. After an
    answer that calls no tool the turn is over, and providers drop its reasoning.
    """
    thinks = any(isinstance(part, Thinking) for part in message.parts)
    if usage.output_tokens <= 0 or usage.estimated:
        return None
    if not message.tool_calls and (family.exact or thinks or usage.reasoning_tokens):
        return None
    carried = any(part_tokens(part, family) for part in message.parts if isinstance(part, Thinking)) or (
        family.replays_thinking and any(call.signature for call in message.tool_calls)
    )
    return usage.output_tokens - (0 if carried else usage.reasoning_tokens)


def _document_tokens(part: Document, family: Family) -> int:
    if part.text is not None:
        return text_tokens(part.text, family)
    if part.data is not None and (part.media_type or "").startswith(("text/", "application/json")):
        return text_tokens(part.data.decode("utf-8", "replace"), family)
    return document_tokens(part, family.per_page)


def tools_tokens(tools: Iterable[Tool], family: Family) -> int:
    """Tokens of the tools on offer, the hidden prompt that comes with them included."""
    count = _declaration_tokens if family.declarations else _definition_tokens
    total = [count(tool, family) for tool in tools]
    return sum(total) + family.tool_prompt if total else 0


def _definition_tokens(tool: Tool, family: Family) -> int:
    body = {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
    return family.per_tool + text_tokens(_json(body), family)


def _declaration_tokens(tool: Tool, family: Family) -> int:
    """OpenAI renders a function as a TypeScript-like declaration (cookbook, "How to count tokens with tiktoken")."""
    total = family.per_tool + text_tokens(f"{tool.name}:{tool.description.rstrip('.')}", family)
    properties = tool.parameters.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        return total
    definitions = tool.parameters.get("$defs")
    if definitions:
        total += text_tokens(_json(definitions), family)
    return total + 3 + sum(_property_tokens(str(key), schema, family) for key, schema in properties.items())


_FLAT: Final = frozenset({"type", "description", "enum", "title", "default"})


def _property_tokens(key: str, schema: Any, family: Family) -> int:
    if not isinstance(schema, Mapping):
        return 3 + text_tokens(f"{key}:{schema}", family)
    kind = schema.get("type", "")
    kind = "|".join(map(str, kind)) if isinstance(kind, list | tuple) else str(kind)
    total = 3 + text_tokens(f"{key}:{kind}:{str(schema.get('description') or '').rstrip('.')}", family)
    values = schema.get("enum")
    if isinstance(values, list | tuple):
        total += sum(3 + text_tokens(str(value), family) for value in values) - 3
    rest = {name: value for name, value in schema.items() if name not in _FLAT}
    return total + (text_tokens(_json(rest), family) if rest else 0)


def overhead_tokens(request: Request, family: Family) -> int:
    """Tokens of a request besides its messages: tools, output schema, a given beginning of the answer, priming."""
    total = family.priming + tools_tokens(request.tools, family)
    if isinstance(request.output, OutputSchema):
        total += text_tokens(_json(request.output.schema), family)
    return total + (text_tokens(request.prefix, family) if request.prefix else 0)


_FREE: Final = frozenset({"store", "metadata", "service_tier", "prompt_cache_key", "safety_identifier"})
"""Fields of a body that are known to take no tokens."""


def is_exact(request: Request, family: Family) -> bool:
    """Whether every rule that counts this request is published and its vocabulary is at hand."""
    return (
        family.framed
        and tokenizer(family.vocabulary).exact
        and not request.tools
        and request.output is None
        and not request.prefix
        and request.extra.keys() <= _FREE
        and all(_is_plain(message) for message in request.messages)
    )


def _is_plain(message: Message) -> bool:
    if not isinstance(message, SystemMessage | UserMessage):  # how answers are framed is not published
        return False
    return isinstance(message.content, str) or all(isinstance(part, Text | CachePoint) for part in message.content)


def _json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode("utf-8", "replace")
