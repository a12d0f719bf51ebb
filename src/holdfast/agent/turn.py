"""Reply functions: each is shown the turn and takes it, or passes it on to the next. The model is the last of them.

    async def opening_hours(turn):
        if "open" in turn.text:
            return "We are open from 9 to 5."

With nobody to take it the model answers. When that fails they are asked once more, with the error: the last chance to
say something to the user.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

from msgspec import Struct

from holdfast.context.conversation import Conversation
from holdfast.errors import ModelError
from holdfast.messages import Message, Text
from holdfast.request import Request
from holdfast.response import Response


class Turn(Struct, frozen=True, kw_only=True):
    """What is to be answered.

    - `conversation`: all that was said. `request`: tools and settings of the call; its messages are left out.
    - `step`: 0 answers the user, every further one the results of tools.
    - `error`: why the model did not answer; None while it has not been asked.
    """

    conversation: Conversation
    request: Request
    step: int = 0
    error: ModelError | None = None

    @property
    def messages(self) -> tuple[Message, ...]:
        """All that was said, oldest first."""
        return self.conversation.messages

    @property
    def text(self) -> str:
        """The words of the newest message."""
        return self.messages[-1].text if self.messages else ""


Answer: TypeAlias = str | Response | None
Reply: TypeAlias = Callable[[Turn], Answer | Awaitable[Answer]]
"""Answers a turn, or passes it on with None. A `Response` may call tools."""


async def first_reply(replies: Iterable[Reply], turn: Turn) -> Response | None:
    """The answer of the first that takes the turn; None when all pass."""
    for reply in replies:
        answer = reply(turn)
        if inspect.isawaitable(answer):
            answer = await answer
        if answer is not None:
            return answer if isinstance(answer, Response) else _said(answer, reply)
    return None


def _said(words: str, reply: Reply) -> Response:
    return Response(parts=(Text(words),), finish_reason="stop", model=getattr(reply, "__name__", "reply"))
