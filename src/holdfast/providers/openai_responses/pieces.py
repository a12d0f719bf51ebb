"""The events of an item's pieces: how they begin, and what repeats them whole when the item is done.

Clients that put a response together from its stream need them all: the SDK's own wants a piece added before it grows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from holdfast.providers.openai_responses.wire import RAW_REASONING

Told: TypeAlias = tuple[str, dict[str, Any]]
"""An event's type and its fields."""

EMPTY_TEXT: Final[dict[str, Any]] = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
EMPTY_REFUSAL: Final[dict[str, Any]] = {"type": "refusal", "refusal": ""}


def text_begins(where: dict[str, Any]) -> Told:
    """A text piece of a message."""
    return "response.content_part.added", {**where, "part": EMPTY_TEXT}


def refusal_begins(where: dict[str, Any]) -> Told:
    """A refusal piece of a message."""
    return "response.content_part.added", {**where, "part": EMPTY_REFUSAL}


def summary_begins(where: dict[str, Any]) -> Told:
    """A piece of a summary of reasoning."""
    return "response.reasoning_summary_part.added", {**where, "part": {"type": "summary_text", "text": ""}}


def reasoning_begins(where: dict[str, Any]) -> Told:
    """A piece of raw reasoning."""
    return "response.content_part.added", {**where, "part": {"type": RAW_REASONING, "text": ""}}


def pieces_done(index: int, item: dict[str, Any]) -> Iterator[Told]:
    """The events that repeat the pieces of a finished item."""
    where = {"item_id": item.get("id") or "", "output_index": index}
    match item["type"]:
        case "message":
            for number, part in enumerate(item["content"]):
                yield from _said({**where, "content_index": number}, part)
        case "reasoning":
            for number, part in enumerate(item["summary"]):
                at = {**where, "summary_index": number}
                yield "response.reasoning_summary_text.done", {**at, "text": part["text"]}
                yield "response.reasoning_summary_part.done", {**at, "part": part}
            for number, part in enumerate(item.get("content", ())):
                at = {**where, "content_index": number}
                yield "response.reasoning_text.done", {**at, "text": part["text"]}
                yield "response.content_part.done", {**at, "part": part}
        case "function_call":
            whole = {"name": item["name"], "arguments": item["arguments"]}
            yield "response.function_call_arguments.done", {**where, **whole}
        case _:
            pass


def _said(where: dict[str, Any], part: dict[str, Any]) -> Iterator[Told]:
    if part["type"] == "refusal":
        yield "response.refusal.done", {**where, "refusal": part["refusal"]}
    else:
        yield "response.output_text.done", {**where, "text": part["text"], "logprobs": part.get("logprobs", [])}
    yield "response.content_part.done", {**where, "part": part}
