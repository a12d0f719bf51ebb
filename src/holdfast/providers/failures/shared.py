"""The rules that every wire shares, in the order in which they are asked."""

from __future__ import annotations

from typing import Final

from holdfast.providers.failures import compatible, statuses
from holdfast.providers.failures.rule import Rule
from holdfast.providers.failures.wording import access, breaks, content, money, rates, requests, sizes

SHARED: Final[tuple[Rule, ...]] = (
    *compatible.RULES,
    *money.RULES,
    *content.RULES,
    sizes.OUTPUT_CAP,
    *rates.RULES,
    *sizes.RULES,
    *access.RULES,
    *breaks.RULES,
    *requests.RULES,
    *statuses.RULES,
)
"""Rules of codes and wording that any server may use, from the most telling to the bare status."""
