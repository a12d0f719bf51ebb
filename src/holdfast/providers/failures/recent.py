"""Diagnoses of late: while an endpoint is down, the same failure comes with every call, and is diagnosed once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, TypeAlias

import msgspec

from holdfast.providers.failures.diagnosis import Diagnosis
from holdfast.providers.failures.reading import Reading
from holdfast.providers.failures.rule import Table

MOST: Final = 1_024
"""Diagnoses that are kept."""

Key: TypeAlias = tuple[Hashable, ...]

_diagnoses: Final[dict[Key, Diagnosis]] = {}


def key_of(reading: Reading, text: str, table: Table) -> Key | None:
    """All that a diagnosis rests on; None where the details are no JSON, so that nothing can be compared."""
    try:
        details = msgspec.json.encode(reading.details) if reading.details else b""
    except (TypeError, ValueError, RecursionError):
        return None
    names = (*reading.codes.values(), None, *reading.names.values())
    return (table, reading.status, reading.provider, text, names, details)


def recall(key: Key | None) -> Diagnosis | None:
    """The diagnosis that was kept for this key."""
    return None if key is None else _diagnoses.get(key)


def keep(key: Key, diagnosis: Diagnosis) -> None:
    """Keep a diagnosis for the next time."""
    if len(_diagnoses) >= MOST:
        _diagnoses.clear()  # in one step, so that threads need no lock
    _diagnoses[key] = diagnosis


def forget() -> None:
    """Forget every diagnosis: for whoever measures what a diagnosis costs."""
    _diagnoses.clear()
