"""When to shrink: prepare early, in the background; act late; cut deep. A pure decision over two numbers."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Action: TypeAlias = Literal["none", "prepare", "apply", "fit"]
"""What to do now: nothing; have a summary made in the background; lay the one that is ready over the log; cut."""


class Thresholds(Struct, frozen=True, omit_defaults=True, gc=False):
    """Shares of the input budget; a number above 1 means tokens.

    - `prepare`: from here on a summary is made in the background.
    - `act`: from here on the conversation is made smaller.
    - `goal`: what it is cut down to. Half is rare and deep: nine tenths of what is sent stay cacheable.
    """

    prepare: float = 0.70
    act: float = 0.85
    goal: float = 0.50

    def tokens(self, share: float, budget: int) -> int:
        """One of these numbers as tokens of `budget`, never more than it."""
        return min(budget, int(share if share > 1 else share * budget))

    def decide(
        self, used: int, budget: int, *, ready: bool = False, busy: bool = False, summaries: bool = True
    ) -> Action:
        """What to do with a conversation of `used` tokens where `budget` may be sent.

        Args:
            used: tokens as they would be sent now.
            budget: tokens of input that the window allows.
            ready: whether a summary has been made for the view as it is.
            busy: whether one is being made.
            summaries: whether there is a model to make them; without one there is nothing to prepare.
        """
        if used >= self.tokens(self.act, budget):
            return "apply" if ready else "fit"
        if used >= self.tokens(self.prepare, budget) and summaries and not ready and not busy:
            return "prepare"
        return "none"
