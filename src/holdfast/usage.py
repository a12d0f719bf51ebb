"""What a response cost in tokens, in one shape for every provider."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import fields


class Usage(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True, gc=False):
    """Tokens of one or more responses.

    `input_tokens` counts everything the model read, cached or not; `output_tokens` everything it wrote, reasoning
    included. The other counts say how much of these two was cached, reasoned or spoken. `estimated` is true when a
    provider sent no numbers and they were counted here.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        """The sum, field by field; estimated if either is."""
        counts = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        return Usage(estimated=self.estimated or other.estimated, **counts)


_COUNTS = tuple(field.name for field in fields(Usage) if field.name != "estimated")
