"""Verdicts of late: while an endpoint is down, the same failure comes with every call, and is judged once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, TypeAlias

from holdfast.providers.failures.reading import Reading
from holdfast.providers.failures.rule import Table
from holdfast.providers.failures.verdicts import Verdict

MOST: Final = 256
"""Verdicts that are kept."""

Key: TypeAlias = tuple[Hashable, ...]

_verdicts: Final[dict[Key, Verdict]] = {}


def key_of(reading: Reading, text: str, table: Table) -> Key:
    """All that a verdict rests on; it cannot be hashed where one of the details cannot."""
    return (
        table,
        reading.status,
        reading.provider,
        text,
        (*reading.codes.values(), None, *reading.names.values()),
        tuple(reading.details.items()),
    )


def recall(key: Key) -> Verdict | None:
    """The verdict that was kept for this key."""
    try:
        return _verdicts.get(key)
    except TypeError:
        return None


def keep(key: Key, verdict: Verdict) -> None:
    """Keep a verdict for the next time."""
    if len(_verdicts) >= MOST:
        _verdicts.clear()  # in one step, so that threads need no lock
    try:
        _verdicts[key] = verdict
    except TypeError:
        return
