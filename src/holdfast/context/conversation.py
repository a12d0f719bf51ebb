"""A conversation: an append-only log, and a view of it that always fits.

    conversation.extend([...])                                 a message costs its own text
    conversation.decide(request, model)                        "none", "prepare", "apply" or "fit"
    request = conversation.fit(request, model)                 the request with what is sent now
    conversation.observe(request, response.usage, model)       the truth, from which the next estimate starts
    span = conversation.span(request, model); conversation.apply(summary)

`request` gives the tools, the settings and the output schema; its messages are not looked at. Nothing is ever taken out
of the log; a rewrite changes the view alone. Nothing here waits: whoever owns the conversation asks and acts.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from holdfast.context.books import Books
from holdfast.context.count import Counter
from holdfast.context.estimate import Anchor
from holdfast.context.families import family_of
from holdfast.context.fit import Strategy, fit
from holdfast.context.lean import LEAN, Form
from holdfast.context.ledger import Ledger
from holdfast.context.report import ContextReport, report
from holdfast.context.strategies import STRATEGIES
from holdfast.context.thresholds import Action, Thresholds
from holdfast.context.tokenizer import tokenizer
from holdfast.context.view import WHOLE, Replacement, Summary, View, render, span_tokens, view_tokens
from holdfast.context.windows import Windows
from holdfast.messages import AssistantMessage, Message, ToolMessage
from holdfast.request import Request
from holdfast.usage import Usage

MAX_FAILED_SUMMARIES: Final = 3
"""Summaries that may fail one after the other before none is asked for any more."""

_NO_REQUEST: Final = Request(messages=())
_USUAL: Final = Thresholds()


class Span(Struct, frozen=True, kw_only=True):
    """A part of a log to be summarised: `messages`, all before `until`, with the `summary` of what was before them.

    `task` is the log's first user message, which is sent beside any summary. `generation` is that of the view it was
    taken from.
    """

    messages: tuple[Message, ...]
    until: int
    generation: int
    summary: Summary | None = None
    task: Message | None = None


class Saved(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A conversation as it is written to JSON."""

    messages: tuple[Message, ...]
    view: View = WHOLE
    anchors: dict[str, Anchor] = {}
    version: int = 1


class Conversation:
    """An append-only log with a view that fits; see the module's head.

    Args:
        messages: how it begins.
        counter: counts, and remembers how far off the counts of each model are; share one among conversations.
        windows: how much each model holds; share one as well.
        thresholds: when to prepare, when to act, how deep to cut.
        strategies: how to make it smaller, in order of price.
        form: the lean form of an old message.
    """

    def __init__(
        self,
        messages: Iterable[Message] = (),
        *,
        counter: Counter | None = None,
        windows: Windows | None = None,
        thresholds: Thresholds = _USUAL,
        strategies: Sequence[Strategy] = STRATEGIES,
        form: Form = LEAN,
    ) -> None:
        self.counter = counter or Counter()
        self.windows = windows or Windows()
        self.thresholds = thresholds
        self.strategies = tuple(strategies)
        self.view = WHOLE
        self.failed_summaries = 0
        self._books = Books(form=form)
        self._callers: dict[str, int] = {}
        self.extend(messages)

    def __len__(self) -> int:
        return len(self._books.messages)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The whole log."""
        return tuple(self._books.messages)

    @property
    def anchors(self) -> dict[str, Anchor]:
        """By model, the last request of this conversation whose true size is known."""
        return self._books.anchors

    def append(self, message: Message) -> None:
        """Enter one more message."""
        self.extend((message,))

    def extend(self, messages: Iterable[Message], /) -> None:
        """Enter more messages, in order. They are counted when a model's tokens are next asked for."""
        for message in messages:
            index = len(self)
            self._books.messages.append(message)
            if isinstance(message, AssistantMessage):
                self._callers.update((call.id, index) for call in message.tool_calls)
            elif isinstance(message, ToolMessage) and self.view.start:
                self._settle(index, message)

    def _settle(self, index: int, message: ToolMessage) -> None:
        """Leave out of the view what answers a call that the view no longer has."""
        kept = tuple(
            result for result in message.content if self._callers.get(result.call_id, index) >= self.view.start
        )
        if len(kept) < len(message.content):
            instead = Replacement(index, ToolMessage(kept) if kept else None)
            self.view = replace(self.view, replaced=(*self.view.replaced, instead))

    def ledger(self, model: str = "") -> Ledger:
        """The books of the log in the family of a model."""
        return self._books.ledger(family_of(model))

    @property
    def sent(self) -> tuple[Message, ...]:
        """The messages that are sent now."""
        return render(self._books.any_ledger(), self.view)

    def used(self, request: Request = _NO_REQUEST, model: str = "") -> int:
        """Tokens of `request` with what is sent now: as the last usage says, and what came after it as counted."""
        counted = self._counted(request, model)
        return self.counter.estimator(model).tokens(counted, self._books.anchor(model))

    def _counted(self, request: Request, model: str) -> int:
        return view_tokens(self.ledger(model), self.view) + self.counter.overhead(request, model)

    def budget(self, request: Request = _NO_REQUEST, model: str = "") -> int:
        """Tokens of input that may be sent: the window, less the answer's share and the margin of the estimate."""
        window = self.windows.window(model)
        family = family_of(model)
        margin = self.counter.estimator(model).margin(
            window,
            min(window, self._counted(request, model)),
            self._books.anchor(model),
            exact=family.exact,
            engine=tokenizer(family.vocabulary).exact,
        )
        return max(0, window - self.windows.reserve(request, model) - margin)

    def remaining(self, request: Request = _NO_REQUEST, model: str = "") -> int:
        """Tokens that can still be added before the budget is used up; never negative."""
        return max(0, self.budget(request, model) - self.used(request, model))

    def decide(
        self,
        request: Request = _NO_REQUEST,
        model: str = "",
        *,
        ready: Summary | None = None,
        busy: bool = False,
        summaries: bool = True,
    ) -> Action:
        """What to do now; see `Thresholds.decide`. A summary that was made for another view is not ready."""
        return self.thresholds.decide(
            self.used(request, model),
            self.budget(request, model),
            ready=ready is not None and ready.generation == self.view.generation,
            busy=busy,
            summaries=summaries and self.failed_summaries < MAX_FAILED_SUMMARIES,
        )

    def fit(self, request: Request = _NO_REQUEST, model: str = "") -> Request:
        """The request with what is sent; where the thresholds say so, made smaller first.

        Raises:
            ContextOverflowError: it cannot be made small enough.
        """
        ledger, budget = self.ledger(model), self.budget(request, model)
        marks = self.thresholds
        limit, act, goal = (
            self._room(request, model, tokens)
            for tokens in (budget, marks.tokens(marks.act, budget), marks.tokens(marks.goal, budget))
        )
        self.view = fit(ledger, self.view, limit, act=act, goal=goal, strategies=self.strategies)
        return request.replace(messages=render(ledger, self.view))

    def _room(self, request: Request, model: str, tokens: int) -> int:
        """Counted tokens of messages that come to these true tokens with the request's overhead."""
        counted = self.counter.estimator(model).counted(tokens, self._books.anchor(model))
        return max(0, counted - self.counter.overhead(request, model))

    def observe(self, request: Request, usage: Usage, model: str = "", *, sent: int | None = None) -> bool:
        """Learn from the usage of the response to what was sent last.

        Args:
            request: tools and settings of the call.
            usage: what its response reports.
            model: who answered.
            sent: how long the log was when it was sent; by default as long as it is now, so call this before the
                response is appended.

        Returns:
            False when the usage says that the provider cut the prompt without a word.
        """
        sent = len(self) if sent is None else sent
        since = sum(self.ledger(model).tokens[sent:])
        self.windows.observe(model, usage.input_tokens)
        return self.counter.learn(self._books, self._counted(request, model) - since, usage, model, sent)

    def span(self, request: Request = _NO_REQUEST, model: str = "", *, room: int = 4096, keep: int = 3) -> Span | None:
        """The part of the log that a summary should stand for, so that the goal is reached; None if there is none.

        Args:
            request: tools and settings of the calls.
            model: the model that the conversation is for.
            room: tokens that the summary may take.
            keep: groups at the end that are never summarised.
        """
        ledger, budget = self.ledger(model), self.budget(request, model)
        goal = self._room(request, model, self.thresholds.tokens(self.thresholds.goal, budget)) - room
        low = bisect_right(ledger.starts, self.view.start)
        high = bisect_left(ledger.starts, min(ledger.last_groups(keep), ledger.waiting()))
        if low > high or not ledger.starts:
            return None
        view = replace(self.view, asked=ledger.last_user)
        place = bisect_left(
            ledger.starts, -goal, lo=low, hi=high, key=lambda start: -span_tokens(ledger, view, start, start)
        )
        until = ledger.starts[place]
        messages = tuple(self._books.messages[self.view.start : until])
        task = None if ledger.task is None else ledger.messages[ledger.task]
        now = self.view
        return Span(messages=messages, until=until, generation=now.generation, summary=now.summary, task=task)

    def apply(self, summary: Summary, model: str = "") -> bool:
        """Send the summary in the place of what it stands for; what came after stays as it is.

        Returns:
            False, and nothing is changed, if it was made for another view or would not make the conversation smaller.
        """
        ledger = self.ledger(model)
        if summary.generation != self.view.generation or not self.view.start < summary.until <= len(ledger):
            return False
        start = summary.until
        asked = ledger.last_user
        smaller = View(
            start=start,
            lean=max(self.view.lean, start),
            asked=asked,
            replaced=tuple(
                each for each in self.view.replaced if each.index >= start or each.index in (ledger.task, asked)
            ),
            summary=summary,
            generation=self.view.generation + 1,
        )
        if view_tokens(ledger, smaller) >= view_tokens(ledger, self.view):
            self.failed_summaries += 1
            return False
        self.view, self.failed_summaries = smaller, 0
        return True

    def report(self, before: View, model: str = "") -> ContextReport:
        """What was done since the view was `before`, for `response.context`."""
        return report(self.ledger(model), before, self.view)

    def to_json(self) -> bytes:
        """The conversation as JSON: the log, the view and the anchors."""
        return msgspec.json.encode(Saved(messages=self.messages, view=self.view, anchors=self.anchors))

    @classmethod
    def from_json(cls, data: bytes | str, **settings: Any) -> Conversation:
        """The conversation that `to_json` wrote, with these collaborators and settings (see the class).

        Raises:
            msgspec.ValidationError: it is something else.
        """
        saved = msgspec.json.decode(data, type=Saved)
        conversation = cls(saved.messages, **settings)
        conversation.view = saved.view
        conversation.anchors.update(saved.anchors)
        return conversation
