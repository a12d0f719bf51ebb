"""The books of a log: every message with its tokens, prefix sums over them, and the places where it may be cut.

    messages   S  U  A+calls  T  T  U  A  ...          each counted once, when it comes
    starts     0  1  2              5  6               a cut anywhere else would part a call from its result
    full, lean prefix sums of what may be dropped; `pinned` (instructions and task) is counted beside them

Appending costs the message alone; any total, and the cut for any budget, come from the sums by subtraction and
bisection.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from holdfast.context.families import ANY, Family
from holdfast.context.lean import LEAN, Form
from holdfast.context.measure import message_tokens
from holdfast.messages import AssistantMessage, Message, SystemMessage, ToolMessage, UserMessage


class Ledger:
    """Append-only. Positions are indices of messages; tokens are those of `family`.

    - `messages`, `leans`: each message and its lean form (the same object where there is nothing to save).
    - `tokens`, `lean_tokens`: their tokens.
    - `full`, `thin`: prefix sums of both, in which pinned messages weigh nothing; one longer than `messages`.
    - `starts`: where groups begin, rising. `systems`: where system messages are; `system_sums` their prefix sums.
    - `task`: the first user message; `last_user` the newest; None before there is one.
    """

    def __init__(self, messages: Iterable[Message] = (), *, family: Family = ANY, form: Form = LEAN) -> None:
        self.family = family
        self.form = form
        self.messages: list[Message] = []
        self.leans: list[Message] = []
        self.tokens: list[int] = []
        self.lean_tokens: list[int] = []
        self.full: list[int] = [0]
        self.thin: list[int] = [0]
        self.starts: list[int] = []
        self.systems: list[int] = []
        self.task: int | None = None
        self.last_user: int | None = None
        self.pinned_tokens = 0
        self._callers: dict[str, int] = {}
        self._pending: dict[str, int] = {}
        self._weighed: dict[int, tuple[Message, int]] = {}
        for message in messages:
            self.append(message)

    def __len__(self) -> int:
        return len(self.messages)

    def append(self, message: Message) -> None:
        """Enter one more message. Time in proportion to its text, whatever came before."""
        index = len(self.messages)
        tokens = message_tokens(message, self.family)
        pinned = self._is_pinned(message, index)
        lean = message if pinned else self.form(message)
        thin = tokens if lean is message else message_tokens(lean, self.family)
        if thin >= tokens:
            lean, thin = message, tokens
        self.messages.append(message)
        self.leans.append(lean)
        self.tokens.append(tokens)
        self.lean_tokens.append(thin)
        self.full.append(self.full[-1] + (0 if pinned else tokens))
        self.thin.append(self.thin[-1] + (0 if pinned else thin))
        self.pinned_tokens += tokens if pinned else 0
        self._group(message, index)

    def _is_pinned(self, message: Message, index: int) -> bool:
        if isinstance(message, SystemMessage):
            self.systems.append(index)
            return True
        if not isinstance(message, UserMessage):
            return False
        self.last_user = index
        if self.task is not None:
            return False
        self.task = index
        return True

    def _group(self, message: Message, index: int) -> None:
        self.starts.append(index)
        if isinstance(message, ToolMessage):
            first = min((self._callers.get(result.call_id, index) for result in message.content), default=index)
            for result in message.content:
                self._pending.pop(result.call_id, None)
            while self.starts[-1] > first:  # what stands between a call and its result belongs to both
                self.starts.pop()
        elif isinstance(message, AssistantMessage):
            for call in message.tool_calls:  # ids may come again, and a result answers the nearest call
                self._callers[call.id] = self._pending[call.id] = index

    def waiting(self, groups: int = 8) -> int:
        """Where the oldest call among the last groups stands that still waits for its result; the end, if none does.

        A call from before these groups was abandoned.
        """
        since = self.last_groups(groups)
        return min((index for index in self._pending.values() if index >= since), default=len(self.messages))

    def weigh(self, message: Message) -> int:
        """Tokens of a message that stands in for another; counted once."""
        known = self._weighed.get(id(message))
        if known is None or known[0] is not message:
            known = self._weighed[id(message)] = (message, message_tokens(message, self.family))
        return known[1]

    @property
    def total(self) -> int:
        """Tokens of all messages."""
        return self.pinned_tokens + self.full[-1]

    @property
    def tail(self) -> int:
        """Where the newest user message's group begins: what the model is working on."""
        return 0 if self.last_user is None else self.start_at_or_before(self.last_user)

    def start_at_or_before(self, index: int) -> int:
        """The nearest place at or before `index` where the log may be cut."""
        place = bisect_right(self.starts, index)
        return self.starts[place - 1] if place else 0

    def start_at_or_after(self, index: int) -> int:
        """The nearest place at or after `index` where the log may be cut; its end, if there is none."""
        place = bisect_left(self.starts, index)
        return self.starts[place] if place < len(self.starts) else len(self.messages)

    def last_groups(self, count: int) -> int:
        """Where the last `count` groups begin."""
        return self.starts[max(0, len(self.starts) - count)] if self.starts else 0

    def systems_before(self, index: int) -> list[int]:
        """The system messages before `index`."""
        return self.systems[: bisect_left(self.systems, index)]
