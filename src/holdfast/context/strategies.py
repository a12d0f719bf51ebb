"""Ways to make a conversation smaller, in order of price. Each is a pure function from a draft to a smaller draft.

    lighten         old tool results, pictures and thinking in their lean form      down to the goal
    drop_groups     the oldest groups before the newest user message                down to the goal
    drop_steps      finished steps of the turn in hand, the oldest first            only where a cut is still due
    shorten         the longest texts of what is left, to one common length         only while over the limit
    terminate       ContextOverflowError with the numbers                           only while over the limit

Cuts are deep, so that they are rare and provider caches keep hitting. Shortening comes only when nothing else is left:
the newest user message and the newest step are shortened inside and never dropped.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final, Literal

from holdfast.context.fit import Draft, Strategy
from holdfast.context.level import bare, level
from holdfast.context.truncate import SMALLEST
from holdfast.context.view import Replacement, render, sent_message, span_tokens
from holdfast.errors import ContextOverflowError, Limit
from holdfast.messages import AssistantMessage, SystemMessage, ToolMessage, UserMessage


def lighten(keep: int = 3) -> Strategy:
    """Send old messages in their lean form, as few as reach the goal and never the last `keep` groups."""

    def strategy(draft: Draft) -> Draft:
        if draft.tokens <= draft.goal:
            return draft
        ledger, view = draft.ledger, draft.view
        bound = ledger.last_groups(keep)
        if bound <= max(view.lean, view.start):
            return draft
        lean = bisect_left(
            range(bound),
            -draft.goal,
            lo=max(view.lean, view.start),
            key=lambda place: -span_tokens(ledger, view, view.start, place),
        )
        lean = min(ledger.start_at_or_after(lean), bound)
        gone = [each for each in view.replaced if not _is_lighter(draft, each, lean)]
        lighter = draft.with_view(lean=lean, replaced=tuple(gone))
        return lighter if lighter.tokens < draft.tokens else draft

    return strategy


def _is_lighter(draft: Draft, each: Replacement, lean: int) -> bool:
    if each.index >= lean or each.message is None or each.index in (draft.ledger.task, draft.view.asked):
        return False
    return draft.ledger.lean_tokens[each.index] <= draft.ledger.weigh(each.message)


def drop_groups() -> Strategy:
    """Drop the oldest groups before the newest user message, as few as reach the goal."""

    def strategy(draft: Draft) -> Draft:
        if draft.tokens <= draft.goal:
            return draft
        return _cut(draft, min(draft.ledger.tail, draft.ledger.waiting()))

    return strategy


def drop_steps(keep: int = 3) -> Strategy:
    """Where a cut is still due, drop the oldest steps after the newest user message, never the last `keep` groups.

    With more than one group to keep, a call that waits for its result is kept as well. One long turn of an agent has
    nothing else to give; its older steps have been lightened before.
    """

    def strategy(draft: Draft) -> Draft:
        if draft.tokens <= draft.act:
            return draft
        bound = draft.ledger.last_groups(keep)
        return _cut(draft, min(bound, draft.ledger.waiting()) if keep > 1 else bound)

    return strategy


def _cut(draft: Draft, bound: int) -> Draft:
    """The draft with the first legal start, not after `bound`, that reaches the goal; with `bound` if none does."""
    ledger, view = draft.ledger, draft.view
    bound = min(bound, ledger.last_groups(1))
    low = bisect_left(ledger.starts, view.start)
    high = bisect_left(ledger.starts, bound)
    if low >= high:
        return draft
    place = bisect_left(
        ledger.starts,
        -draft.goal,
        lo=low,
        hi=high,
        key=lambda start: -span_tokens(ledger, view, start, view.lean),
    )
    start = ledger.starts[place]
    if ledger.task is not None and start < ledger.task:  # the first to speak is a user (Anthropic, Gemini)
        start = max(start, min(bound, ledger.start_at_or_before(ledger.task)))
    kept = tuple(each for each in view.replaced if each.index >= start or each.index in (ledger.task, view.asked))
    smaller = draft.with_view(start=start, lean=max(view.lean, start), replaced=kept)
    return smaller if smaller.tokens < draft.tokens else draft


def shorten(what: Literal["results", "all"] = "results", floor: int = 256) -> Strategy:
    """While over the limit, cut the longest texts to one common length, not under `floor` tokens.

    Args:
        what: `"results"` cuts tool results alone; `"all"` also the words of users and assistants, the task's included,
            and as the last thing turns pictures and files into a line of text. Instructions are never cut.
        floor: tokens that each text keeps at least.
    """

    def strategy(draft: Draft) -> Draft:
        if draft.tokens <= draft.limit:
            return draft
        if what == "results":
            return level(draft, (ToolMessage,), floor)
        draft = level(draft, (ToolMessage, UserMessage, AssistantMessage), floor)
        if draft.tokens > draft.limit:
            draft = level(bare(draft), (ToolMessage, UserMessage, AssistantMessage), floor)
        return draft

    return strategy


def terminate(at: Literal["limit", "act"] = "limit") -> Strategy:
    """Raise `ContextOverflowError`, with what each part takes, if the draft is still over the limit.

    `at="act"` raises where the thresholds say that something has to be done; as the only strategy it ends conversations
    at a threshold instead of cutting them.
    """

    def strategy(draft: Draft) -> Draft:
        if draft.tokens <= (draft.limit if at == "limit" else draft.act):
            return draft
        parts = ", ".join(f"{name} {tokens}" for name, tokens in _parts(draft).items() if tokens)
        message = f"The conversation has {draft.tokens} tokens where {draft.limit} may be sent: {parts}."
        limit = Limit(max_tokens=draft.limit, requested_tokens=draft.tokens, input_tokens=draft.tokens)
        raise ContextOverflowError(message, limit=limit, scope="prompt", rule="fit")

    return strategy


def _parts(draft: Draft) -> dict[str, int]:
    ledger = draft.ledger
    sizes: dict[str, int] = dict.fromkeys(("instructions", "task", "tool results", "other messages"), 0)
    task = None if ledger.task is None else sent_message(ledger, draft.view, ledger.task)
    for message in render(ledger, draft.view):
        match message:
            case SystemMessage():
                name = "instructions"
            case ToolMessage():
                name = "tool results"
            case _:
                name = "task" if message is task else "other messages"
        sizes[name] += ledger.weigh(message)
    return sizes


STRATEGIES: Final[tuple[Strategy, ...]] = (
    lighten(keep=3),
    drop_groups(),
    drop_steps(keep=3),
    shorten("results", floor=256),
    drop_steps(keep=1),
    shorten("all", floor=SMALLEST),
    terminate(),
)
"""The usual strategies, in order of price."""
