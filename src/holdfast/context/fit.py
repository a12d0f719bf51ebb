"""Fitting: strategies, the cheapest first, make a view small enough. Pure; by bisection over the ledger's sums.

Whatever the strategies do, these hold of what is sent: instructions first and whole; the task and the newest user
message there; each tool result after its call, each call with its result; what a provider signed untouched or gone; no
more tokens than the limit. Where that cannot be, `ContextOverflowError` says which part takes how much, before anything
is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from holdfast.context.ledger import Ledger
from holdfast.context.view import View, view_tokens


class Draft(Struct, frozen=True, kw_only=True):
    """A view in the making.

    - `limit`: tokens it must not exceed.
    - `act`: tokens from which on it is made smaller; not above `limit`.
    - `goal`: tokens it should come down to, so that the next cut is far away.
    """

    ledger: Ledger
    view: View
    limit: int
    act: int
    goal: int

    @property
    def tokens(self) -> int:
        """Tokens of the view as it stands."""
        return view_tokens(self.ledger, self.view)

    def with_view(self, **changes: object) -> Draft:
        """The draft with these fields of its view changed."""
        return replace(self, view=replace(self.view, **changes))


Strategy: TypeAlias = Callable[[Draft], Draft]
"""A way to make a draft smaller; gives back the draft itself when there is nothing to do or nothing to gain."""


def fit(
    ledger: Ledger,
    view: View,
    limit: int,
    *,
    act: int | None = None,
    goal: int | None = None,
    strategies: Sequence[Strategy],
) -> View:
    """The view as it is, if it has at most `act` tokens; else one cut down towards `goal` by the strategies, in order.

    Args:
        ledger: the log's books.
        view: what was sent last.
        limit: tokens of messages that may be sent, in the ledger's family.
        act: tokens from which on to cut; the limit by default.
        goal: tokens to cut down to; half the limit by default.
        strategies: usually `holdfast.context.strategies.STRATEGIES`.

    Raises:
        ContextOverflowError: nothing that is left may be cut (from `terminate`, the last of the usual strategies).
    """
    act = limit if act is None else min(act, limit)
    goal = limit // 2 if goal is None else goal
    before = view_tokens(ledger, view)
    if before <= act:
        return view
    current = replace(view, asked=ledger.last_user)
    draft = Draft(ledger=ledger, view=current, limit=limit, act=act, goal=min(goal, act))
    for strategy in strategies:
        draft = strategy(draft)
    if draft.tokens >= before:  # within the limit, and nothing to gain
        return view
    return replace(draft.view, generation=view.generation + 1)
