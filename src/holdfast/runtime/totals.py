"""What a client has used: tokens of every attempt, failed ones too, by model."""

from __future__ import annotations

from collections import Counter

from holdfast.usage import Usage


class Totals:
    """Tokens and requests of a client, in total and by model."""

    def __init__(self) -> None:
        self._usage: dict[str, Usage] = {}
        self._requests: Counter[str] = Counter()

    def add(self, model: str, usage: Usage) -> None:
        """Book the tokens of one attempt."""
        self._usage[model] = self._usage.get(model, Usage()) + usage

    @property
    def total(self) -> Usage:
        """All tokens."""
        return sum(self._usage.values(), Usage())

    @property
    def by_model(self) -> dict[str, Usage]:
        """The tokens of each model, by its name."""
        return dict(self._usage)
