"""Which quota was hit: per second, minute, hour, day, week or month; zero; credit."""

from __future__ import annotations

from typing import Final

from holdfast.providers.failures.evidence import Evidence
from holdfast.providers.failures.phrases import Phrasebook, any_of

_ZERO: Final = any_of("limit: 0", "limit 0, used 0", "quota limit '0'")
_PERIODS: Final = (
    ("month", ("monthly", "per month", "month")),
    ("week", ("weekly", "per week", "7 day", "7-day")),
    ("day", ("daily", "per day", "rpd", "tpd", "day")),
    ("hour", ("hourly", "per hour", "5-hour", "5 hour", "session usage limit")),
    ("minute", ("per minute", "per min", "tpm", "rpm", "/ min", "tokens per minute", "/min", "minute limit")),
    ("second", ("per second", "rps", "qps", "/ sec", "tps")),
    ("concurrency", ("concurrency", "concurrent", "concurrent requests", "parallel requests", "connections")),
)
_WORDED: Final = Phrasebook((phrase, period) for period, written in _PERIODS for phrase in written)
# Google's quota ids: "GenerateRequestsPerMinutePerProjectPerModel-FreeTier".
_IDS: Final = (
    ("perday", "day"),
    ("perminute", "minute"),
    ("perhour", "hour"),
    ("permonth", "month"),
    ("persecond", "second"),
)


def quota_of(evidence: Evidence) -> str | None:
    """The quota that the evidence speaks of, or None."""
    words = evidence.words
    if "0" in words.words and _ZERO.any(words):
        return "zero"
    named = str(evidence.details.get("quotaid", "")).lower()
    for part, period in _IDS:
        if part in named:
            return period
    spoken = _WORDED.first(words)
    return None if spoken is None else spoken[1]
