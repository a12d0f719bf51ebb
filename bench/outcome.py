"""How a contender came through a storm: what `bench/resilience.py` counts, for each of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """Of the prompts that were asked: the exact answer, a wrong one given as right, an error, none within the time."""

    name: str
    right: int
    wrong: int
    errors: int
    hung: int
