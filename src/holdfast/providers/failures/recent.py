"""Verdicts of late: while an endpoint is down, the same failure comes with every call, and is judged once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, TypeAlias

import msgspec

from holdfast.providers.failures.reading import Reading
from holdfast.providers.failures.rule import Table
from holdfast.providers.failures.verdicts import Verdict

MOST: Final = 1_024
"""Verdicts that are kept."""

Key: TypeAlias = tuple[Hashable, ...]

_verdicts: Final[dict[Key, Verdict]] = {}


def key_of(reading: Reading, text: str, table: Table) -> Key | None:
    """All that a verdict rests on; None where the details are no JSON, so that nothing can be compared."""
    try:
        details = msgspec.json.encode(reading.details) if reading.details else b""
    except (TypeError, ValueError, RecursionError):
        return None
    names = (*reading.codes.values(), None, *reading.names.values())
    return (table, reading.status, reading.provider, text, names, details)


def recall(key: Key | None) -> Verdict | None:
    """The verdict that was kept for this key."""
    return None if key is None else _verdicts.get(key)


def keep(key: Key, verdict: Verdict) -> None:
    """Keep a verdict for the next time."""
    if len(_verdicts) >= MOST:
        _verdicts.clear()  # in one step, so that threads need no lock
    _verdicts[key] = verdict


def forget() -> None:
    """Forget every verdict: for whoever measures what judging costs."""
    _verdicts.clear()
