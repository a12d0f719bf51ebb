"""Messages as input items, in order.

A reasoning item and what it led to travel together, both ways: one without the other is refused ("Item of type
'reasoning' was provided without its required following item"; "... 'function_call' was provided without its required
'reasoning' item"). So reasoning that leads to nothing is left out, and so are the ids of items that lost theirs.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from holdfast.errors import InvalidRequestError
from holdfast.messages import (
    AssistantMessage,
    AssistantPart,
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
from holdfast.providers.codec import Dialect
from holdfast.providers.openai_responses.rest import custom_input, rest_from
from holdfast.providers.openai_responses.wire import CUSTOM_CALL, ORIGIN, RAW_REASONING

_PLAIN: Final = ("text/plain", "text/csv", "text/markdown", "text/html", "application/json")


def instructions_of(messages: Sequence[Message]) -> tuple[str, tuple[Message, ...]]:
    """The words of a first system message, which go into `instructions`, and the other messages."""
    if messages and isinstance(first := messages[0], SystemMessage) and _only_words(first):
        return first.text, tuple(messages[1:])
    return "", tuple(messages)


def _only_words(message: SystemMessage) -> bool:
    return all(isinstance(part, Text | CachePoint) for part in message.parts)


def input_items(
    messages: Iterable[Message], dialect: Dialect, *, stored: bool, breakpoints: bool = False
) -> list[dict[str, Any]]:
    """The items.

    `stored` says that the provider keeps responses, so that an id alone names a reasoning item; `breakpoints` that the
    model takes explicit cache breakpoints.

    Raises:
        InvalidRequestError: a part cannot be carried by this wire.
    """
    custom: set[str] = set()
    items: list[dict[str, Any]] = []
    for message in messages:
        match message:
            case SystemMessage():
                items += _spoken(dialect.system_role, message.content, breakpoints=breakpoints)
            case UserMessage():
                items += _spoken("user", message.content, breakpoints=breakpoints)
            case AssistantMessage():
                said = said_items(message.parts)
                custom.update(item["call_id"] for item in said if item.get("type") == CUSTOM_CALL)
                items += _paired(said, stored=stored)
            case ToolMessage():
                items += [_result(result, custom) for result in message.content]
    return items


def _spoken(role: str, content: str | tuple[Any, ...], *, breakpoints: bool) -> list[dict[str, Any]]:
    """One message item; items of the wire's own that stand in the content come before it."""
    if isinstance(content, str):
        return [{"role": role, "content": content}] if content else []
    own = [part.data for part in content if isinstance(part, Opaque) and part.origin == ORIGIN]
    parts: list[dict[str, Any]] = []
    for part in content:
        if isinstance(part, CachePoint):
            if breakpoints and parts:
                ttl = {"ttl": part.ttl} if part.ttl else {}
                parts[-1]["prompt_cache_breakpoint"] = {"mode": "explicit", **ttl}
        elif not isinstance(part, Opaque):
            parts.append(input_part(part))
    return [*own, {"role": role, "content": parts}] if parts else own


def input_part(part: Any) -> dict[str, Any]:
    """One part of a user's message or of a tool's result."""
    match part:
        case Text():
            return {"type": "input_text", "text": part.text}
        case Image():
            return {"type": "input_image", "detail": part.detail or "auto", **_image_source(part)}
        case Document():
            return {"type": "input_file", **_file_source(part)}
        case Audio() if part.data is not None:
            form = (part.media_type or "audio/wav").removeprefix("audio/").removeprefix("x-").replace("mpeg", "mp3")
            return {"type": "input_audio", "input_audio": {"data": _base64(part.data), "format": form}}
        case _:
            raise InvalidRequestError(f"The Responses API takes no {type(part).__name__.lower()} like this")


def _image_source(image: Image) -> dict[str, Any]:
    if image.file_id is not None:
        return {"file_id": image.file_id}
    if image.data is not None:
        return {"image_url": _data_url(image.data, image.media_type or "image/png")}
    if image.url is not None:
        return {"image_url": image.url}
    raise InvalidRequestError("An image has neither url, nor data, nor file_id")


def _file_source(document: Document) -> dict[str, Any]:
    if document.file_id is not None:
        return {"file_id": document.file_id}
    name = {"filename": document.name} if document.name else {}
    if document.text is not None:
        kind = document.media_type or "text/plain"
        return {"filename": document.name or "document.txt", "file_data": _data_url(document.text.encode(), kind)}
    if document.data is not None:
        kind = document.media_type or "application/pdf"
        named = {"filename": document.name or f"document.{kind.rpartition('/')[2]}"}
        return {**named, "file_data": _data_url(document.data, kind)}
    if document.url is not None:
        return {"file_url": document.url, **name}
    raise InvalidRequestError("A document has neither url, nor data, nor text, nor file_id")


def _result(result: ToolResult, custom: set[str]) -> dict[str, Any]:
    kind = "custom_tool_call_output" if result.call_id in custom else "function_call_output"
    content = result.content
    output: Any = content if isinstance(content, str) else [input_part(p) for p in content if not isinstance(p, Opaque)]
    return {"type": kind, "call_id": result.call_id, "output": output}


def said_items(parts: Sequence[AssistantPart]) -> list[dict[str, Any]]:
    """The items of what an assistant said, as they are; also the output items of a response."""
    return [item for group in _groups(parts) for item in _said(group)]


def _groups(parts: Sequence[AssistantPart]) -> Iterator[list[AssistantPart]]:
    """The parts that make one item together: texts of one message, pieces of one reasoning item."""
    for _, group in groupby(enumerate(parts), _item_key):
        yield [part for _, part in group]


def _item_key(numbered: tuple[int, AssistantPart]) -> Any:
    number, part = numbered
    match part:
        case Text() | Thinking() if part.id is not None and part.origin == ORIGIN:
            return type(part), part.id
        case Image():
            return "picture", number - 1  # stands with the item before it
        case Opaque() if part.data.get("type") == "image_generation_call" and part.origin == ORIGIN:
            return "picture", number
        case _:
            return number


def _said(group: list[AssistantPart]) -> Iterator[dict[str, Any]]:
    first = group[0]
    match first:
        case Text() if first.origin == ORIGIN and first.id is not None:
            yield _message(first, [part for part in group if isinstance(part, Text)])
        case Text() if first.text:
            yield {"role": "assistant", "content": first.text}
        case Thinking() if first.origin == ORIGIN:
            yield _reasoning([part for part in group if isinstance(part, Thinking)])
        case ToolCall():
            yield _call(first)
        case Opaque() if first.origin == ORIGIN:
            pictures = [part for part in group if isinstance(part, Image) and part.data is not None]
            yield {**first.data, "result": _base64(pictures[0].data or b"")} if pictures else first.data
        case Image():
            yield {"role": "assistant", "content": "[image: not shown, this model cannot take it]"}
        case _:
            pass  # foreign thinking and items, where no rule took them out before


def _message(first: Text, texts: list[Text]) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text.text, "annotations": list(text.annotations)} for text in texts]
    rest = rest_from(next((text.signature for text in texts if text.signature), None))
    return {"type": "message", "id": first.id, "role": "assistant", "status": "completed", "content": content, **rest}


def _reasoning(pieces: list[Thinking]) -> dict[str, Any]:
    summary = [
        {"type": "summary_text", "text": piece.text}
        for piece in pieces
        if piece.signature != RAW_REASONING and piece.text
    ]
    raw = [
        {"type": RAW_REASONING, "text": piece.text}
        for piece in pieces
        if piece.signature == RAW_REASONING and piece.text
    ]
    item: dict[str, Any] = {"type": "reasoning", "summary": summary}
    if pieces[0].id is not None:
        item["id"] = pieces[0].id
    if raw:
        item["content"] = raw
    if data := next((piece.data for piece in pieces if piece.data), None):
        item["encrypted_content"] = data
    return item


def _call(call: ToolCall) -> dict[str, Any]:
    ours = call.origin == ORIGIN
    rest = rest_from(call.signature) if ours else {}
    item = {"type": "function_call", "call_id": call.id, "name": call.name}
    if ours and call.item_id is not None:
        item["id"] = call.item_id
    if rest.get("type") == CUSTOM_CALL:
        return {**item, **rest, "input": custom_input(call.arguments)}
    return {**item, **rest, "arguments": call.arguments or "{}"}


def _paired(said: list[dict[str, Any]], *, stored: bool) -> Iterator[dict[str, Any]]:
    """The items of one turn: reasoning only with what it led to, and ids only with their reasoning."""
    orphaned = False
    for number, item in enumerate(said):
        if item.get("type") != "reasoning":
            yield _without_id(item) if orphaned else item
            continue
        proved = bool(item.get("encrypted_content") or item.get("content") or (stored and item.get("id")))
        orphaned = not proved or all(after.get("type") == "reasoning" for after in said[number + 1 :])
        if not orphaned:
            yield item


def _without_id(item: dict[str, Any]) -> dict[str, Any]:
    """A message or call without its id; other items need theirs."""
    match item.get("type"):
        case "function_call" | "custom_tool_call":
            return {name: value for name, value in item.items() if name != "id"}
        case "message":
            text = "".join(part["text"] for part in item["content"])
            phase = {"phase": item["phase"]} if "phase" in item else {}
            return {"role": "assistant", "content": text, **phase}
        case _:
            return item


def _data_url(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{_base64(data)}"


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
