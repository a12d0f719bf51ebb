"""What was done to a history to make it fit, as plain numbers for `response.context`."""

from __future__ import annotations

from typing import TypedDict

from holdfast.context.ledger import Ledger
from holdfast.context.view import View, view_tokens


class ContextReport(TypedDict):
    """Tokens before and after, and how many messages were `dropped`, sent in `lean` form, `shortened`, summarised.

    `generation` rises with each rewrite: where it is the same, nothing was done.
    """

    before: int
    after: int
    dropped: int
    lean: int
    shortened: int
    summarised: int
    generation: int


def report(ledger: Ledger, before: View, after: View) -> ContextReport:
    """What came between these two views of a log."""
    summarised = after.summary.until if after.summary is not None and after.summary != before.summary else 0
    return ContextReport(
        before=view_tokens(ledger, before),
        after=view_tokens(ledger, after),
        dropped=max(0, after.start - max(before.start, summarised)),
        lean=max(0, after.lean - max(before.lean, after.start)),
        shortened=len(set(after.replaced) - set(before.replaced)) if after.replaced else 0,
        summarised=max(0, summarised - before.start),
        generation=after.generation,
    )
