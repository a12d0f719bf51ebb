"""What is sent of a log: a small frozen value laid over the ledger. The log itself is never changed.

    sent  =  system messages before `start`, the task, the summary, the message at `asked` if it stands before `start`,
             those from `start` to `lean` in lean form, the rest as it is; `replaced` messages in their other form

Messages that come later are sent as they are, so what was sent before stays the same, byte for byte, until the next
rewrite: provider caches keep hitting. `generation` rises with each rewrite.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from holdfast.context.ledger import Ledger
from holdfast.messages import Message, UserMessage


class Replacement(Struct, frozen=True):
    """The message at `index` is sent as `message`; None: it is not sent."""

    index: int
    message: Message | None


class Summary(Struct, frozen=True, omit_defaults=True):
    """A summary of everything before `until`, as the user message that carries it.

    `generation` is that of the view it was made for; over any other view it is void.
    """

    message: UserMessage
    until: int
    generation: int = 0
    model: str = ""


class View(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Which part of a log is sent, and in which form; see the module's head. Positions are indices into the log.

    `asked` is the user message that was the newest at the last rewrite: it is sent whole until the next one.
    """

    start: int = 0
    lean: int = 0
    asked: int | None = None
    replaced: tuple[Replacement, ...] = ()
    summary: Summary | None = None
    generation: int = 0


WHOLE = View()
"""Everything, as it is."""


def view_tokens(ledger: Ledger, view: View) -> int:
    """Tokens of what is sent, in the ledger's family. Constant time, but for what is replaced."""
    return span_tokens(ledger, view, view.start, view.lean)


def span_tokens(ledger: Ledger, view: View, start: int, lean: int) -> int:
    """Tokens that `view` would have with this `start` and `lean`."""
    lean = max(lean, start)
    total = ledger.pinned_tokens + ledger.thin[lean] - ledger.thin[start] + ledger.full[-1] - ledger.full[lean]
    asked = view.asked
    if asked is not None and asked < lean and asked != ledger.task:
        total += ledger.tokens[asked] - (ledger.lean_tokens[asked] if asked >= start else 0)
    if view.summary is not None:
        total += ledger.weigh(view.summary.message)
    for each in view.replaced:
        if each.index >= start or each.index in (ledger.task, asked):
            thin = start <= each.index < lean and each.index not in (ledger.task, asked)
            total -= ledger.lean_tokens[each.index] if thin else ledger.tokens[each.index]
            total += ledger.weigh(each.message) if each.message is not None else 0
    return total


def render(ledger: Ledger, view: View) -> tuple[Message, ...]:
    """The messages that are sent."""
    start, lean = view.start, max(view.lean, view.start)
    body: list[Any] = ledger.leans[start:lean]
    body += ledger.messages[lean:] if lean else ledger.messages
    if view.asked is not None and start <= view.asked < lean:
        body[view.asked - start] = ledger.messages[view.asked]
    stand_ins = {each.index: each.message for each in view.replaced}
    for index, message in stand_ins.items():
        if index >= start:
            body[index - start] = message
    if stand_ins:
        body = [message for message in body if message is not None]
    return (*_head(ledger, view, stand_ins), *body)


def _head(ledger: Ledger, view: View, stand_ins: dict[int, Message | None]) -> list[Message]:
    start, task, asked = view.start, ledger.task, view.asked
    head = [ledger.messages[index] for index in ledger.systems_before(start)] if start else []
    if task is not None and task < start:
        head.append(stand_ins.get(task) or ledger.messages[task])
    if view.summary is not None:
        head.append(view.summary.message)
    if asked is not None and asked < start and asked != task:
        head.append(stand_ins.get(asked) or ledger.messages[asked])
    return head


def sent_message(ledger: Ledger, view: View, index: int) -> Message | None:
    """The form in which the message at `index`, one of those that are sent, is sent."""
    for each in view.replaced:
        if each.index == index:
            return each.message
    thin = view.start <= index < view.lean and index != view.asked
    return ledger.leans[index] if thin else ledger.messages[index]
