"""A log with its ledgers: one for each family of models that was asked, brought up to date when it is asked again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from msgspec.structs import replace

from holdfast.context.estimate import Anchor
from holdfast.context.families import ANY, Family, family_of
from holdfast.context.lean import LEAN, Form
from holdfast.context.ledger import Ledger
from holdfast.context.measure import replayed_tokens
from holdfast.messages import AssistantMessage, Message
from holdfast.usage import Usage


class Books:
    """The messages of one conversation, append-only, and their tokens in every family that asked.

    `anchors` holds, by the model's name, the last request of this conversation whose true size is known.
    """

    def __init__(self, messages: Iterable[Message] = (), *, form: Form = LEAN) -> None:
        self.messages: list[Message] = list(messages)
        self.anchors: dict[str, Anchor] = {}
        self._replies: dict[str, tuple[int, Usage]] = {}
        self._form = form
        self._ledgers: dict[str, Ledger] = {}

    def extend(self, messages: Iterable[Message]) -> None:
        """Enter more messages. They are counted when their tokens are asked for."""
        self.messages.extend(messages)

    def ledger(self, family: Family) -> Ledger:
        """The books in one family, up to date."""
        ledger = self._ledgers.get(family.name)
        if ledger is None:
            ledger = self._ledgers[family.name] = Ledger(family=family, form=self._form)
        for index in range(len(ledger), len(self.messages)):
            ledger.append(self.messages[index])
        return ledger

    def any_ledger(self) -> Ledger:
        """The books in the family that asked first, where no tokens are wanted but what is where."""
        family = next(iter(self._ledgers.values())).family if self._ledgers else ANY
        return self.ledger(family)

    def anchored(self, model: str, anchor: Anchor, usage: Usage, sent: int) -> None:
        """Take the true size of what was sent to `model`; the message at `sent` is the answer it came with."""
        self.anchors[model] = anchor
        self._replies[model] = (sent, usage)

    def anchor(self, model: str) -> Anchor | None:
        """The last request whose true size is known, with its answer, once that has been entered."""
        anchor = self.anchors.get(model)
        place, usage = self._replies.get(model, (len(self.messages), None))
        if anchor is None or usage is None or place >= len(self.messages):
            return anchor
        del self._replies[model]
        family, message = family_of(model), self.messages[place]
        tokens = replayed_tokens(message, usage, family) if isinstance(message, AssistantMessage) else None
        if tokens is not None:
            anchor = replace(anchor, reply=tokens, reply_counted=self.ledger(family).tokens[place])
            self.anchors[model] = anchor
        return anchor


class Grows(Protocol):
    """What can go on with more messages."""

    def extend(self, messages: Iterable[Message], /) -> None:
        """Take more messages."""
        ...


G = TypeVar("G", bound=Grows)


class Recent(Generic[G]):
    """Conversations found again by their beginning, for callers who send the whole list each time.

    Args:
        make: makes an empty one.
        size: how many are remembered; the one that was used longest ago goes first.
    """

    def __init__(self, make: Callable[[], G], size: int = 64) -> None:
        self._make = make
        self._size = size
        self._seen: OrderedDict[int, tuple[tuple[Message, ...], G]] = OrderedDict()

    def find(self, messages: Sequence[Message]) -> G:
        """The conversation that `messages` go on from, with the new ones entered; a new one if there is none."""
        messages = tuple(messages)
        key = next((key for key, (known, _) in reversed(self._seen.items()) if _goes_on(known, messages)), None)
        known, found = ((), self._make()) if key is None else self._seen.pop(key)
        found.extend(messages[len(known) :])
        self._seen[id(found)] = (messages, found)
        if len(self._seen) > self._size:
            self._seen.popitem(last=False)
        return found


def _goes_on(known: tuple[Message, ...], messages: tuple[Message, ...]) -> bool:
    """Whether `messages` begin with `known`. Looks at the newest first: most conversations differ there."""
    size = len(known)
    if not 0 < size <= len(messages):
        return False
    one, other = messages[size - 1], known[-1]
    if one is not other and one != other:
        return False
    return messages[:size] == known  # the same objects: some 5 ns each
