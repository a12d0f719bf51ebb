"""Levelling: the longest texts of what is sent are cut to one common length, as water is taken from the top."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from holdfast.context.families import Family
from holdfast.context.fit import Draft
from holdfast.context.lean import without_media
from holdfast.context.measure import text_tokens
from holdfast.context.truncate import truncate
from holdfast.context.view import Replacement, sent_message
from holdfast.messages import AssistantMessage, Message, SystemMessage, Text, ToolMessage, ToolResult, UserMessage


def level(draft: Draft, kinds: tuple[type, ...], floor: int) -> Draft:
    """The draft with the texts of these kinds of messages cut to the cap that reaches the goal."""
    family = draft.ledger.family
    sizes = [
        text_tokens(text, family)
        for _, message in _sent(draft)
        if isinstance(message, kinds)
        for text in _texts(message)
    ]
    height = water_level(sizes, draft.tokens - draft.goal)
    if height < floor:  # the goal is out of reach; no deeper than the limit asks for, then
        height = water_level(sizes, draft.tokens - draft.limit)
    cap = max(floor, height)
    return _replace(draft, lambda message: _capped(message, cap, family) if isinstance(message, kinds) else message)


def water_level(sizes: list[int], excess: int) -> int:
    """The height at which everything that stands above it adds up to `excess`; 0 if all of it is not enough."""
    falling = sorted(sizes, reverse=True)
    above = 0
    for count, size in enumerate(falling, 1):
        above += size
        below = falling[count] if count < len(falling) else 0
        if above - count * below >= excess:
            return (above - excess) // count
    return 0


def _replace(draft: Draft, change: Callable[[Message], Message]) -> Draft:
    stand_ins = {each.index: each.message for each in draft.view.replaced}
    for index, message in _sent(draft):
        changed = change(message)
        if changed is not message and draft.ledger.weigh(changed) < draft.ledger.weigh(message):
            stand_ins[index] = changed
    replaced = tuple(Replacement(index, message) for index, message in sorted(stand_ins.items()))
    return draft.with_view(replaced=replaced)


def _sent(draft: Draft) -> Iterator[tuple[int, Message]]:
    """What is sent, instructions left out, with its place in the log."""
    ledger, view = draft.ledger, draft.view
    pinned = {index for index in (ledger.task, view.asked) if index is not None and index < view.start}
    for index in (*sorted(pinned), *range(view.start, len(ledger))):
        message = sent_message(ledger, view, index)
        if message is not None and not isinstance(message, SystemMessage):
            yield index, message


def _texts(message: Message) -> Iterator[str]:
    if isinstance(message.content, str):
        yield message.content
    else:
        yield from _free_texts(message.content)


def _free_texts(parts: Iterable[Any]) -> Iterator[str]:
    for part in parts:
        match part:
            case ToolResult(content=str(text)):
                yield text
            case ToolResult(content=inner):
                yield from _free_texts(inner)
            case Text() if _is_free(part):
                yield part.text
            case _:
                pass


def _is_free(part: Text) -> bool:
    """Whether these are words that no provider has signed or numbered."""
    return part.signature is None and part.id is None


def _capped(content: Any, cap: int, family: Family) -> Any:
    """A message, a part or a text with every text in it cut to `cap` tokens; the same object where none is longer."""
    match content:
        case str():
            return truncate(content, cap, family)
        case tuple():
            return tuple(_capped(part, cap, family) for part in content)
        case Text() if _is_free(content):
            text = _capped(content.text, cap, family)
            return content if text == content.text else replace(content, text=text)
        case ToolResult() | UserMessage() | AssistantMessage() | ToolMessage():
            inside = _capped(content.content, cap, family)
            return content if inside == content.content else replace(content, content=inside)
        case _:
            return content


def bare(draft: Draft) -> Draft:
    """The draft with pictures, sounds and files turned into lines of text, those of the newest message too."""
    return _replace(draft, _bare)


def _bare(message: Message) -> Message:
    if isinstance(message, UserMessage | ToolMessage) and not isinstance(message.content, str):
        return without_media(message)
    return message
