"""Usage as the anchor: what a response reports is the truth, and only what came after it is estimated.

    estimate  =  anchor.tokens + anchor.reply + ratio x (counted now - counted at the anchor - counted of the reply)

The reply is the answer that the usage came with: its size is known from the same report. The same formula holds after
a rewrite, where less is counted than at the anchor. `ratio`, of true tokens to counted ones, is learnt per model from
what was added between two usages.
"""

from __future__ import annotations

from math import ceil
from typing import Final

from msgspec import Struct

_LEAST: Final = 20  # counted tokens below which a difference says nothing about the ratio
_FULL: Final = 2000  # counted tokens at which a difference weighs half of what is known
_BOUNDS: Final = (0.25, 4.0)


class Anchor(Struct, frozen=True, gc=False):
    """A request whose true size is known: `tokens` as billed, `counted` as counted here.

    `reply` and `reply_counted` are the same of its answer, once that has become a message.
    """

    tokens: int
    counted: int
    reply: int = 0
    reply_counted: int = 0


class Estimator(Struct, frozen=True, gc=False):
    """What is known of one model's tokens: how many there are to one that is counted."""

    ratio: float = 1.0

    def tokens(self, counted: int, anchor: Anchor | None = None) -> int:
        """True tokens of what counts as `counted`, by the anchor where there is one."""
        if anchor is None:
            return ceil(self.ratio * counted)
        known = anchor.tokens + anchor.reply
        return max(0, known + ceil(self.ratio * (counted - anchor.counted - anchor.reply_counted)))

    def counted(self, tokens: int, anchor: Anchor | None = None) -> int:
        """The inverse: how much may be counted so that the estimate is at most `tokens`."""
        if anchor is None:
            return int(tokens / self.ratio)
        known = anchor.tokens + anchor.reply
        return anchor.counted + anchor.reply_counted + int((tokens - known) // self.ratio)

    def learnt(self, before: Anchor | None, now: Anchor) -> Estimator:
        """The estimator after one more usage; `before` is the anchor that the same conversation had."""
        if before is None:
            return self
        added = now.counted - before.counted - before.reply_counted
        if added <= _LEAST:
            return self
        low, high = _BOUNDS
        observed = min(high, (now.tokens - before.tokens - before.reply) / added)
        if observed < low:  # no tokenizer packs so much into a token: something was left out
            return self
        weight = min(1.0, added / _FULL) / 2
        return Estimator(self.ratio + weight * (observed - self.ratio))

    def at_least(self, ratio: float) -> Estimator:
        """The estimator with this ratio, if it is above the one it has: an under-estimate was refused."""
        low, high = _BOUNDS
        return Estimator(max(self.ratio, min(high, max(low, ratio))))

    def margin(self, window: int, counted: int, anchor: Anchor | None, *, exact: bool, engine: bool) -> int:
        """Tokens to keep free for the error of the estimate: 1 % of the window and a share of what no usage covers.

        The share is 5 % where the vocabulary is the model's own, 15 % where it is another's, 30 % without an engine.
        """
        share = (0.05 if exact else 0.15) if engine else 0.30
        loose = counted if anchor is None else abs(counted - anchor.counted - anchor.reply_counted)
        return ceil(0.01 * window + share * loose)
