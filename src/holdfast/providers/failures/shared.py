"""The rules that every wire shares, in the order in which they are asked."""

from __future__ import annotations

from typing import Final

from holdfast.providers.failures import compatible, statuses
from holdfast.providers.failures.rule import Rule
from holdfast.providers.failures.wording import (
    answers,
    content,
    keys,
    models,
    money,
    network,
    rates,
    requests,
    rights,
    servers,
    sizes,
    stops,
    windows,
)

SHARED: Final[tuple[Rule, ...]] = (
    *compatible.RULES,
    rates.STATED,
    *money.RULES,
    *rights.STATED,
    answers.QUOTED,
    *content.RULES,
    windows.RESERVED,
    sizes.OUTPUT_CAP,
    servers.NOT_LOADED,
    servers.DEGRADED,
    requests.NOT_READ,
    *rates.RULES,
    *windows.RULES,
    *sizes.RULES,
    *keys.RULES,
    *models.RULES,
    *rights.RULES,
    *network.ENDED_HERE,
    *stops.RULES,
    *network.RULES,
    *answers.RULES,
    *servers.RULES,
    *requests.RULES,
    *statuses.RULES,
)
"""Rules of codes and wording that any server may use, from the most telling to the bare status."""
