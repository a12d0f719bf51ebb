"""Summaries made in the background: one at a time, within a deadline, and thrown away when they come too late.

Nobody waits for one. A summary that was made for another view of the conversation, or for another model, is void. One
that fails costs nothing but its tokens: the log stays, and after some failures in a row none is asked for any more.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from msgspec import Struct

from holdfast.context.compact import USUAL, Compaction, prepare
from holdfast.context.conversation import Conversation
from holdfast.context.view import Summary
from holdfast.errors import ModelError
from holdfast.model import Model
from holdfast.request import Request
from holdfast.runtime.clock import Clock, SystemClock
from holdfast.runtime.watch import Watch

_LOG: Final = logging.getLogger("holdfast")


class _For(Struct, frozen=True):
    """What a summary is made for."""

    conversation: Conversation
    generation: int
    model: str


class Compacting:
    """The background work of one conversation.

    Args:
        summariser: who writes the summaries.
        how: how long they may be.
        deadline: seconds that one may take.
        clock: where time comes from.
    """

    def __init__(
        self, summariser: Model, *, how: Compaction = USUAL, deadline: float = 120.0, clock: Clock | None = None
    ) -> None:
        self.summariser = summariser
        self.how = how
        self.deadline = deadline
        self._clock = clock or SystemClock()
        self._task: asyncio.Task[None] | None = None
        self._for: _For | None = None
        self._made: Summary | None = None

    @property
    def busy(self) -> bool:
        """Whether a summary is being made."""
        return self._task is not None and not self._task.done()

    def start(self, conversation: Conversation, request: Request, model: str) -> None:
        """Have a summary made, unless one is being made or is ready; comes back at once."""
        if self.busy or self.ready(conversation, model) is not None:
            return
        self._for = _wanted(conversation, model)
        self._task = asyncio.get_running_loop().create_task(self._make(conversation, request, model))

    def ready(self, conversation: Conversation, model: str) -> Summary | None:
        """The summary for the conversation as it is now; what was made, or is being made, for another is given up."""
        if self._for != _wanted(conversation, model):
            self.cancel()
        return self._made

    def cancel(self) -> None:
        """Give up what is being made, and what was."""
        if self._task is not None:
            self._task.cancel()
        self._made = self._for = None

    async def close(self) -> None:
        """Cancel, and come back when nothing is left."""
        task = self._task
        self.cancel()
        self._task = None
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    async def _make(self, conversation: Conversation, request: Request, model: str) -> None:
        wanted, watch = self._for, Watch(self._clock)
        making = prepare(conversation, request, model, summariser=self.summariser, how=self.how)
        try:
            made = await watch.wait(making, self._clock.now() + self.deadline)
        except ModelError as error:  # `prepare` has counted it
            _LOG.info("No summary: %s", error.explain())
        except TimeoutError:
            conversation.failed_summaries += 1
            _LOG.info("No summary: %s took longer than %g s.", self.summariser.name, self.deadline)
        except Exception:  # noqa: BLE001  # a summariser of the user's own may raise anything, and nobody waits
            conversation.failed_summaries += 1
            _LOG.exception("No summary: %s failed.", self.summariser.name)
        else:
            if self._for == wanted:
                self._made = made
        finally:
            watch.close()


def _wanted(conversation: Conversation, model: str) -> _For:
    return _For(conversation, conversation.view.generation, model)
