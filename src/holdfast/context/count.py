"""Counting requests: offline, incremental, calibrated by usage. It knows every model, and raises for none."""

from __future__ import annotations

from typing import Final

from holdfast.context.books import Books, Recent
from holdfast.context.estimate import Anchor, Estimator
from holdfast.context.families import family_of
from holdfast.context.measure import Count, is_exact, overhead_tokens, text_tokens
from holdfast.context.tokenizer import tokenizer
from holdfast.request import Request
from holdfast.usage import Usage

__all__ = ["CUT", "Count", "Counter"]

CUT: Final = 0.7
"""The share of an anchored estimate below which a usage means that the prompt was cut (Ollama does so)."""

_SLACK: Final = 256  # tokens by which it must be below: small estimates are off by framing alone

_STEP: Final = 50  # counted tokens that a usage must show


class Counter:
    """Counts tokens, and learns from usage how far off it is.

    It remembers the conversations it counted last: a request that goes on from one of them costs its new messages, and
    starts from the usage that was reported for the others.

    Example:
        >>> counter = Counter()
        >>> counter.count(request, "openai/gpt-5-mini")
        Count(tokens=1284, exact=True)
    """

    def __init__(self) -> None:
        self._estimators: dict[str, Estimator] = {}
        self._recent = Recent(Books)
        self._overheads: tuple[Request, str, int] | None = None

    def count(self, request: Request, model: str = "") -> Count:
        """Tokens of a request, tools and schemas included; `exact` where every rule that counts them is published."""
        family = family_of(model)
        books = self._recent.find(request.messages)
        counted = books.ledger(family).total + self.overhead(request, model)
        anchor = books.anchor(model)
        estimator = self.estimator(model)
        if anchor is None and estimator.ratio == 1.0:
            return Count(counted, is_exact(request, family))
        return Count(estimator.tokens(counted, anchor))

    def count_text(self, text: str, model: str = "") -> Count:
        """Tokens of a plain text, without any framing."""
        family = family_of(model)
        return Count(text_tokens(text, family), family.exact and tokenizer(family.vocabulary).exact)

    def observe(self, request: Request, usage: Usage, model: str = "") -> bool:
        """Learn from the usage of the response to `request`. One that was estimated, or is empty, teaches nothing.

        Returns:
            False when the usage says that the provider cut the prompt without a word: it is less than `CUT` of what
            it must be.
        """
        books = self._recent.find(request.messages)
        counted = books.ledger(family_of(model)).total + self.overhead(request, model)
        return self.learn(books, counted, usage, model, len(books.messages))

    def learn(self, books: Books, counted: int, usage: Usage, model: str, sent: int) -> bool:
        """Take in one more usage, of the first `sent` messages in these books; see `observe`."""
        if usage.estimated or usage.input_tokens <= 0:
            return True
        before, now, estimator = books.anchor(model), Anchor(usage.input_tokens, counted), self.estimator(model)
        if before is not None and _is_cut(now, before, estimator):
            return False
        books.anchored(model, now, usage, sent)
        self._estimators[model] = estimator.learnt(before, now)
        return True

    def correct(self, request: Request, tokens: int, model: str = "") -> None:
        """Take the size of a refused request, as the refusal states it: the ratio rises at once, if it was too low."""
        books = self._recent.find(request.messages)
        counted = books.ledger(family_of(model)).total + self.overhead(request, model)
        books.anchors[model] = Anchor(tokens, counted)
        self._estimators[model] = self.estimator(model).at_least(tokens / max(1, counted))

    def estimator(self, model: str) -> Estimator:
        """What is known about this model's tokens."""
        return self._estimators.get(model) or Estimator()

    def overhead(self, request: Request, model: str = "") -> int:
        """Counted tokens of a request besides its messages; remembered for the tools that were counted last."""
        family = family_of(model)
        last = self._overheads
        if last is not None and last[1] == family.name and _same_overhead(last[0], request):
            return last[2]
        tokens = overhead_tokens(request, family)
        self._overheads = (request.replace(messages=()), family.name, tokens)
        return tokens


def _is_cut(now: Anchor, before: Anchor, estimator: Estimator) -> bool:
    """Whether a usage is less than what must have been sent: at once, or because it has ceased to grow.

    The reply is left out: not every provider counts the reasoning that is sent back.
    """
    least = estimator.tokens(now.counted, Anchor(before.tokens, before.counted))
    if now.tokens < CUT * least and least - now.tokens > _SLACK:
        return True
    added = now.counted - before.counted
    stuck = added > _STEP and now.tokens - before.tokens < added / 4
    return stuck and now.tokens < CUT * estimator.tokens(now.counted)


def _same_overhead(one: Request, other: Request) -> bool:
    return one.tools == other.tools and one.output == other.output and one.prefix == other.prefix
