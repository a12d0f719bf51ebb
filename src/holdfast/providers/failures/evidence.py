"""The part of a reading that proves something. Two failures of the same evidence have the same name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct, field

from holdfast.providers.failures.words import Words, spelled_out, words_of


class Evidence(Struct, dict=True, eq=False):
    """What a rule may look at: `status`, `provider`, `codes`, `names`, `messages`, `details` as in `Reading`.

    Attributes:
        text: all messages.
        words: the words of `text`.
        memo: what was worked out from the rest once, so that several rules may ask for it.
    """

    status: int | None = None
    provider: str | None = None
    codes: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    words: Words = words_of("")
    memo: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.text:
            self.words = words_of(self.text)

    @cached_property
    def named(self) -> Words:
        """The words in the names of codes and exceptions."""
        return words_of(" , ".join(map(spelled_out, {**self.codes, **self.names}.values())))
