"""What came, as far as it can prove anything: status, codes, words and details, without a word about what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from holdfast.providers.failures.words import Words, spelled_out, words_of


class Evidence:
    """What is known about one failure.

    Attributes:
        status: the HTTP status; of a failure inside a 200 the status that its body tells of; None if unknown.
        codes: codes, types and reasons, lower-cased, in the order found.
        spelling: the codes as they were written.
        names: names of exception classes, lower-cased; a client's name for a failure counts less than the server's.
        messages: the texts for people, the outermost first. `text` is all of them, `words` their words.
        details: values of known fields, by their lower-cased name (`"retrydelay"`, `"n_ctx"`, `"quotaid"`, ...).
        headers: of the response, with lower-cased names.
        provider: the endpoint's name.
        html: whether a page came in place of an answer.
        raw: the beginning of what came.
        now: the time in seconds since 1970, if known.
        memo: what was worked out from the rest once, so that several rules may ask for it.
    """

    def __init__(  # each is one thing that came
        self,
        *,
        status: int | None = None,
        codes: tuple[str, ...] = (),
        spelling: Mapping[str, str] | None = None,
        names: tuple[str, ...] = (),
        messages: tuple[str, ...] = (),
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        provider: str | None = None,
        html: bool = False,
        raw: str = "",
        now: float | None = None,
    ) -> None:
        self.status = status
        self.codes = codes
        self.spelling = spelling or {}
        self.names = names
        self.messages = messages
        self.details = details or {}
        self.headers = headers or {}
        self.provider = provider
        self.html = html
        self.raw = raw
        self.now = now
        self.memo: dict[str, Any] = {}
        self.text = "\n\n".join(messages)  # a single line break may stand in the middle of a sentence
        self.words = words_of(self.text)

    @cached_property
    def named(self) -> Words:
        """The words in the names of codes and exceptions."""
        return words_of(" , ".join(map(spelled_out, self.spelling.values())))
