"""What tokens cost: by the user's own prices, else by `genai-prices` (an extra), read when it is first needed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from msgspec import Struct

from holdfast.usage import Usage

_MILLION: Final = 1_000_000
_COUNTS: Final = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens",
    "input_audio_tokens": "audio_input_tokens",
    "output_audio_tokens": "audio_output_tokens",
}
"""The names of the counts there, and here."""


class Price(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a model costs, in US dollars per million tokens; cached input costs as any other where nothing is said."""

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None

    def of(self, usage: Usage) -> float:
        """What `usage` costs, in dollars."""
        read, written = usage.cache_read_tokens, usage.cache_write_tokens
        plain = usage.input_tokens - read - written
        total = plain * self.input + usage.output_tokens * self.output
        total += read * (self.input if self.cache_read is None else self.cache_read)
        total += written * (self.input if self.cache_write is None else self.cache_write)
        return total / _MILLION


def cost_of(usage: Usage, model: str, own: Mapping[str, Price], requests: int = 1) -> float | None:
    """What `requests` requests cost that used `usage` together, in US dollars; None where no price is known.

    `own` holds the user's prices, by the whole name (`"mine/llama"`) or the part after the endpoint. Long requests may
    cost more a token: all of them are taken to be as long as the mean one.
    """
    endpoint, _, name = model.partition("/")
    price = own.get(model) or own.get(name)
    if price is not None:
        return price.of(usage)
    return _published(usage, endpoint, name, requests) if find_spec("genai_prices") is not None else None


def _published(usage: Usage, endpoint: str, name: str, requests: int) -> float | None:
    prices: Any = import_module("genai_prices")
    counts = {theirs: count / requests for theirs, ours in _COUNTS.items() if (count := getattr(usage, ours))}
    try:
        return requests * float(prices.calc_price(prices.Usage(**counts), name, provider_id=endpoint).total_price)
    except (LookupError, ValueError):  # an unknown model, or counts that contradict each other
        return None
