"""What a client has used: requests, tokens and money, of every attempt, failed and hedged ones too, by model."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from holdfast.runtime.prices import Price, cost_of
from holdfast.usage import Usage

_LARGE: Final = 100_000
_STEP: Final = 1_000


class _Entry(Struct, frozen=True):
    requests: int = 0
    usage: Usage = Usage()


class Totals:
    """Requests, tokens and cost of a client, in total and by model. Any thread may read it while calls go on.

    Args:
        prices: the user's own, by model; see `holdfast.runtime.prices`.
    """

    def __init__(self, prices: Mapping[str, Price] | None = None) -> None:
        self._prices = dict(prices or {})
        self._entries: dict[tuple[str, int], _Entry] = {}
        self._lock = threading.Lock()

    def add(self, model: str, usage: Usage) -> None:
        """Book one attempt."""
        key = model, _size(usage)
        with self._lock:
            entry = self._entries.get(key) or _Entry()
            self._entries[key] = _Entry(entry.requests + 1, entry.usage + usage)

    def reset(self) -> None:
        """Begin again at nothing."""
        with self._lock:
            self._entries.clear()

    @property
    def total(self) -> Usage:
        """All tokens."""
        return sum(self.by_model.values(), Usage())

    @property
    def by_model(self) -> dict[str, Usage]:
        """The tokens of each model, by its name."""
        sums: dict[str, Usage] = {}
        for (model, _), entry in self._snapshot():
            sums[model] = sums.get(model, Usage()) + entry.usage
        return sums

    @property
    def requests(self) -> int:
        """How many attempts there were."""
        return sum(self.requests_by_model.values())

    @property
    def requests_by_model(self) -> dict[str, int]:
        """How many attempts there were at each model, by its name."""
        counts: Counter[str] = Counter()
        for (model, _), entry in self._snapshot():
            counts[model] += entry.requests
        return dict(counts)

    @property
    def cost(self) -> float:
        """US dollars, for all models whose price is known; `unpriced` names the others."""
        return sum(self.cost_by_model.values())

    @property
    def cost_by_model(self) -> dict[str, float]:
        """US dollars for each model whose price is known, by its name."""
        costs: dict[str, float] = {}
        for model, cost in self._costs():
            if cost is not None:
                costs[model] = costs.get(model, 0.0) + cost
        return costs

    @property
    def unpriced(self) -> tuple[str, ...]:
        """The models that used tokens of which nobody knows the price."""
        return tuple(sorted({model for model, cost in self._costs() if cost is None}))

    def _costs(self) -> list[tuple[str, float | None]]:
        return [
            (model, cost_of(entry.usage, model, self._prices, entry.requests))
            for (model, _), entry in self._snapshot()
            if entry.usage.total_tokens
        ]

    def _snapshot(self) -> list[tuple[tuple[str, int], _Entry]]:
        with self._lock:
            return list(self._entries.items())


def _size(usage: Usage) -> int:
    """The class of a request by its input: long ones may cost more a token, from some round number of tokens on."""
    return usage.input_tokens // _STEP if usage.input_tokens >= _LARGE else 0
