"""The agent's side of its conversation: what is sent, what is learnt from what came back, what is kept of results.

Nothing here sends; the background work is started from here and never waited for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from holdfast.context.conversation import Conversation
from holdfast.context.families import family_of
from holdfast.context.limits import ResultLimits, limit_results, result_limits
from holdfast.context.mend import interrupted
from holdfast.context.overflow import LEAST_WINDOW
from holdfast.context.paging import Pages
from holdfast.context.view import Replacement
from holdfast.errors import ContextOverflowError
from holdfast.events import AttemptRecord
from holdfast.messages import (
    AssistantMessage,
    Audio,
    Document,
    Image,
    Message,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.request import Request
from holdfast.response import Response
from holdfast.runtime.compaction import Compacting

WITHDRAWN: Final = "[What stood here was refused by the provider and is not shown any more.]"

_PAGE: Final = 2000  # tokens of a page, at most
_ROOM: Final = 4000  # tokens; the limits on results are made for no smaller budget
_CHANGING: Final = frozenset({"context_overflow", "request_too_large", "content_filter", "malformed_response"})
"""Failures after which another request is sent than the one that failed."""


class Memory:
    """A conversation with its pages and its background work.

    - `model`: the one that answered last, by its name; the conversation is fitted for it.
    - `limits`: of tool results; None: a tenth of what may be sent, for each.
    """

    def __init__(
        self, conversation: Conversation, model: str, *, limits: ResultLimits | None, background: Compacting | None
    ) -> None:
        self.conversation = conversation
        self.model = model
        self.limits = limits
        self.background = background
        self.pages = Pages()
        self._heard = len(conversation)
        self._most: dict[str, int] = {}

    def turn_to(self, conversation: Conversation) -> None:
        """Go on with another conversation."""
        self.conversation = conversation
        self._heard = len(conversation)
        if self.background is not None:
            self.background.cancel()

    def fitted(self, template: Request) -> tuple[Request, Mapping[str, Any]]:
        """The request with what is sent now, and the report of what was done for it.

        Raises:
            ContextOverflowError: it cannot be made small enough; nothing was sent.
        """
        before = self.conversation.view
        self._summarise(template)
        request = self.conversation.fit(self._bounded(template), self.model)
        return request, {**self.conversation.report(before, self.model)}

    def _bounded(self, template: Request) -> Request:
        """The template; for a window that a refusal taught, with the answer's share as its `max_tokens`.

        Some wires have to state one, and what they state by default may be more than a small window holds.
        """
        windows, settings = self.conversation.windows, template.settings
        if settings.max_tokens is not None or windows.find(self.model).source != "learnt":
            return template
        share = windows.reserve(template, self.model)
        return template.replace(settings=replace(settings, max_tokens=max(1, share)))

    def _summarise(self, template: Request) -> None:
        background, talk = self.background, self.conversation
        if background is None:
            return
        ready = background.ready(talk, self.model)
        match talk.decide(template, self.model, ready=ready, busy=background.busy):
            case "prepare":
                background.start(talk, template, self.model)
            case "apply" if ready is not None:
                talk.apply(ready, self.model)
            case _:
                pass

    def learn(self, template: Request, response: Response) -> bool:
        """Take the truth from a response to what was sent last; call it before the response is entered.

        Returns:
            False when the provider has read less than was sent, and has not said so.
        """
        attempts = response.attempts
        if not attempts or attempts[-1].error is not None:  # no model answered, but a policy
            return True
        self.model = attempts[-1].model
        for attempt in attempts:
            self._refused(template, attempt)
        if response.cached or _was_changed(attempts):
            self.conversation.windows.observe(self.model, response.usage.input_tokens)
            return True
        read, since = response.usage.input_tokens, self._heard
        self._heard = len(self.conversation)
        if self.conversation.observe(template, response.usage, self.model):
            self._most[self.model] = max(read, self._most.get(self.model, 0))
            return True
        if read < LEAST_WINDOW or not self._is_left_out(template, read, since):
            return True
        self.conversation.windows.learn(self.model, max(read, self._most.get(self.model, 0)))
        return False

    def _is_left_out(self, template: Request, read: int, since: int) -> bool:
        """Whether a usage that is too small must mean a cut prompt, and not that we count too much.

        No tokenizer packs four of our tokens into one. Pictures and files may well be cheaper than we think.
        """
        talk = self.conversation
        anchor = talk.anchors.get(self.model)
        if anchor is None or any(map(_has_media, talk.messages[since:])):
            return False
        known = anchor.tokens + anchor.reply
        added = (talk.used(template, self.model) - known) / talk.counter.estimator(self.model).ratio
        return read - anchor.tokens < added / 4

    def _refused(self, template: Request, attempt: AttemptRecord) -> None:
        """A refusal that states no limit proves that the window is smaller than what was sent."""
        error = attempt.error
        if error is not None and error.kind == "context_overflow" and not (error.limit and error.limit.max_tokens):
            asked = self._bounded(template).settings.max_tokens or 0
            self._smaller_than(self.conversation.used(template, attempt.model) + asked, attempt.model)

    def give_way(self, error: ContextOverflowError) -> None:
        """Take it that the window is smaller than the smallest request that was refused."""
        if error.history:
            last = error.history[-1]
            self.model = last.model
            asked = last.request.settings.max_tokens or 0
            self._smaller_than(self.conversation.counter.count(last.request, last.model).tokens + asked, last.model)

    def _smaller_than(self, tokens: int, model: str) -> None:
        self.conversation.windows.learn(model, max(LEAST_WINDOW, tokens))

    def limited(self, message: ToolMessage, template: Request) -> ToolMessage:
        """The message with every result within its limit; the rest of it can be read on, page by page."""
        budget = self.conversation.budget(template, self.model)
        limits = self.limits or result_limits(max(budget, _ROOM))
        family = family_of(self.model)
        self.pages.family = family
        self.pages.page = min(_PAGE, limits.default or _PAGE)
        return limit_results(message, limits, pages=self.pages, family=family)

    def settle(self) -> None:
        """Give calls that will never be answered a result that says so: no provider takes them otherwise."""
        messages = self.conversation.messages
        last = messages[-1] if messages else None
        if isinstance(last, AssistantMessage) and last.tool_calls:
            self.conversation.append(interrupted(last.tool_calls))

    def withdraw(self, since: int) -> None:
        """Send nothing any more of what was said from `since` on: what was refused once would be refused for ever.

        It stays in the log. The first thing that a user said always has a place in what is sent; a note takes it.
        """
        talk = self.conversation
        task = talk.ledger(self.model).task
        gone = tuple(
            Replacement(index, UserMessage(WITHDRAWN) if index == task else None) for index in range(since, len(talk))
        )
        talk.view = replace(talk.view, replaced=(*talk.view.replaced, *gone), generation=talk.view.generation + 1)

    def since(self, index: int) -> tuple[Message, ...]:
        """What was said from `index` on."""
        return self.conversation.messages[index:]


def _has_media(message: Message) -> bool:
    parts: list[Any] = [*message.parts]
    for part in message.parts:
        if isinstance(part, ToolResult) and not isinstance(part.content, str):
            parts.extend(part.content)
    return any(isinstance(part, Image | Document | Audio) for part in parts)


def _was_changed(attempts: tuple[AttemptRecord, ...]) -> bool:
    """Whether the request that was answered may be another one than what was fitted: its usage says nothing of that."""
    return any(attempt.error is not None and attempt.error.kind in _CHANGING for attempt in attempts)
