"""Histories that move between providers: whatever was said elsewhere becomes valid here. Pure; nothing is mutated.

    RULES = HistoryRules(origin="anthropic", system="one", ...)          # once, in a codec
    adapted = adapt(request.messages, RULES)                             # in `encode`
    adapted.messages, adapted.notes                                      # what to encode, and what had to be changed
    problems(messages, RULES)                                            # what the wire would refuse, in words

A history that fits already comes back as it is. Adapting twice changes nothing more. In the result:

- a tool message follows the assistant's message whose calls it answers, and holds the results of all of them;
- ids of calls are unique in the whole history and within the wire's alphabet; arguments are JSON objects;
- signatures, ids of items and opaque items are the wire's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from holdfast.messages import Message
from holdfast.providers.check import problems
from holdfast.providers.fitting import fit, is_plain
from holdfast.providers.pairing import pair
from holdfast.providers.rules import ALL_KINDS, HistoryRules, Kind, kind_of
from holdfast.providers.turns import arrange

__all__ = ["ALL_KINDS", "Adapted", "HistoryRules", "Kind", "adapt", "kind_of", "problems"]


class Adapted(Struct, frozen=True):
    """A history that fits, and what was done to it: one note for each kind of change, in plain words."""

    messages: tuple[Message, ...]
    notes: tuple[str, ...] = ()


def adapt(messages: Sequence[Message], rules: HistoryRules) -> Adapted:
    """`messages` made to fit `rules`; the same tuple when nothing had to change.

    Any history gives a valid one. An empty history stays empty.
    """
    if not messages:
        return Adapted(())
    given = messages if isinstance(messages, tuple) else tuple(messages)
    notes: list[str] = []
    fitted = _fitted(given, rules, notes)
    arranged = arrange(pair(fitted, rules, notes), rules, notes)
    if arranged is given:
        return Adapted(given)
    return Adapted(tuple(arranged), tuple(dict.fromkeys(notes)))


def _fitted(messages: tuple[Message, ...], rules: HistoryRules, notes: list[str]) -> Sequence[Message]:
    out: list[Message] = []
    changed = False
    for message in messages:
        kept = (message,) if is_plain(message, rules) else fit(message, rules, notes)
        changed = changed or len(kept) != 1 or kept[0] is not message
        out += kept
    return out if changed else messages
