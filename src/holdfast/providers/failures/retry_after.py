"""How long the server asks to wait, in seconds, from every place where servers say so.

The order is that of precision: `retry-after-ms`, `Retry-After` (seconds, fractions, a date), fields of the body
(Google's `RetryInfo`, `estimated_time`, ...), words ("try again in 6m0s"), and last the reset headers, which tell when
the limit is full again and not when it lets the next request through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from holdfast.providers.failures.reading import Reading, lowered
from holdfast.providers.failures.words import names

_LONGEST: Final = 366 * 86_400.0  # anything longer is no waiting time
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_STEP: Final = (
    r"\d{1,12}(?:\.\d{1,12})?\s?(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)"
)
_DURATION: Final = re.compile(rf"{_STEP}(?![A-Za-z])(?:[\s,]{{0,3}}(?:and )?{_STEP}(?![A-Za-z])){{0,5}}", re.IGNORECASE)
_RUN: Final = re.compile(r"(?:\d{1,12}(?:\.\d{1,12})?(?:ms|[smhdw])){1,5}", re.IGNORECASE)
ASKING: Final = names(
    "again next retry retrying wait waiting reset resets refreshes replenished reactivated retrydelay"
)
"""Words that ask to wait."""
_DIGITS: Final = re.compile(r"\d")
_DIGIT: Final = re.compile(r"(?:[^\n\d]|\n(?!\n)){0,40}(?=\d)")
_CLOCK: Final = re.compile(r"(?:(\d{1,3})\.)?(\d{1,2}):(\d\d):(\d\d)\b")  # .NET's TimeSpan, d.hh:mm:ss
_BARE: Final = re.compile(r"retry[ _-]?after[\"':= ]{1,4}(\d{1,9}(?:\.\d{1,9})?)(?![\w.])", re.IGNORECASE)
_DELAY: Final = re.compile(
    r"retry_delay\s{0,4}\{\s{0,9}seconds:\s{0,4}(\d{1,9})"
)  # google.rpc.RetryInfo, as Python prints it
_DATE: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?\s?(?:Z|UTC|[+-]\d\d:?\d\d)?", re.IGNORECASE
)
_MAX_STEPS: Final = 8
_HEAD: Final = 96  # characters that a time may take
_STEPS: Final = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)\s?([A-Za-z]{1,12})")
_WAITS: Final = {  # fields of bodies, and what one of each is in seconds
    "retrydelay": 1.0,  # google.rpc.RetryInfo
    "retry_after_ms": 0.001,
    "retry_after": 1.0,
    "retryafter": 1.0,
    "retry_after_seconds": 1.0,
    "retry_after_sec": 1.0,
    "retry_in": 1.0,
    "resets_in_seconds": 1.0,  # Codex
    "clears_in": 1.0,  # ChatGPT
    "estimated_time": 1.0,  # Hugging Face
}
_MOMENTS: Final = ("resets_at", "reset_at")  # the same, as a moment
_FIELDS: Final = frozenset((*_WAITS, *_MOMENTS))

# Header names, by how they count. Sources: the vendors' pages on rate limits.
_RESETS: Final = (
    ("x-ratelimit-reset-requests", "x-ratelimit-remaining-requests"),  # OpenAI, Azure, Groq, Cerebras
    ("x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens"),
    ("x-rate-limit-reset-requests", "x-rate-limit-remaining-requests"),  # Azure behind API Management
    ("x-rate-limit-reset-tokens", "x-rate-limit-remaining-tokens"),
    ("x-ratelimit-reset-project-tokens", "x-ratelimit-remaining-project-tokens"),
    ("x-ratelimit-reset-requests-day", "x-ratelimit-remaining-requests-day"),  # Cerebras
    ("x-ratelimit-reset-tokens-minute", "x-ratelimit-remaining-tokens-minute"),
    ("x-ratelimit-reset-requests-minute", "x-ratelimit-remaining-requests-minute"),
    ("anthropic-ratelimit-requests-reset", "anthropic-ratelimit-requests-remaining"),
    ("anthropic-ratelimit-tokens-reset", "anthropic-ratelimit-tokens-remaining"),
    ("anthropic-ratelimit-input-tokens-reset", "anthropic-ratelimit-input-tokens-remaining"),
    ("anthropic-ratelimit-output-tokens-reset", "anthropic-ratelimit-output-tokens-remaining"),
    ("anthropic-ratelimit-unified-reset", "anthropic-ratelimit-unified-remaining"),
    ("x-ratelimit-reset", "x-ratelimit-remaining"),  # OpenRouter (ms since 1970), GitHub (s since 1970), Together (s)
    ("ratelimit-reset", "ratelimit-remaining"),  # IETF draft, Hugging Face
    ("ratelimitbysize-reset", "ratelimitbysize-remaining"),  # Mistral
    ("x-ratelimitbysize-reset-minute", "x-ratelimitbysize-remaining-minute"),
    ("x-ratelimit-limit-reset", "x-ratelimit-limit-remaining"),
)


def retry_after(reading: Reading, asking: frozenset[str] = ASKING) -> float | None:
    """Seconds to wait as the server asks, or None. A moment that has passed is 0.

    `asking` are the words of `ASKING` that are known to be there.
    """
    headers, asides = reading.headers, reading.asides
    if not headers and not asides and not asking:
        return None
    behind = lowered(asides["headers"]) if "headers" in asides else None  # OpenRouter: of the provider behind it
    if not headers and not behind:
        return _in_body(reading, asking, reading.now)
    clock = _clock(headers, reading.now)
    found = from_headers(headers, clock)
    if found is None and behind:
        found = from_headers(behind, clock)
    if found is None:
        found = _in_body(reading, asking, clock)
    if found is None:
        found = _from_resets(headers, clock)
    return _from_resets(behind, clock) if found is None and behind else found


def _in_body(reading: Reading, asking: frozenset[str], clock: float | None) -> float | None:
    """What the body asks for, in fields or in words."""
    if not _FIELDS.isdisjoint(reading.asides) and (found := _from_fields(reading.asides, clock)) is not None:
        return found
    return from_words(reading.text, clock, asking) if asking else None


def from_headers(headers: Mapping[str, str], clock: float | None = None) -> float | None:
    """What `retry-after-ms`, `x-ms-retry-after-ms` and `retry-after` say; `clock` is seconds since 1970."""
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        if (value := _number(headers.get(name))) is not None:
            return _sane(value / 1000)
    if (said := headers.get("retry-after")) is None:
        return None
    if (value := _number(said)) is not None:
        return _sane(value)
    if (value := duration(said)) is not None:
        return _sane(value)
    return _until(said, clock)


def duration(text: str) -> float | None:
    """The seconds of `"1s"`, `"6m0s"`, `"12ms"`, `"5 days 22 hours"`; None when `text` is no duration."""
    text = text.strip()
    if _DURATION.fullmatch(text) is None and _RUN.fullmatch(text) is None:
        return None
    return _sum(text)


def from_words(text: str, clock: float | None = None, asking: frozenset[str] = ASKING) -> float | None:
    """What a sentence asks for: a duration or a moment after "try again", "retry", "wait" or "resets".

    `asking` are those of the words that ask for it which are known to be there.
    """
    if _DIGITS.search(text) is None:
        return None
    lowered = text.lower()
    if "retry_delay" in lowered and (told := _DELAY.search(text)) is not None:
        return _sane(float(told[1]))
    for at in _asked(lowered, asking):
        if (found := _told(text, at, clock)) is not None:
            return found
    bare = _BARE.search(text) if "after" in lowered else None
    return None if bare is None else _sane(float(bare[1]))


def _asked(text: str, asking: frozenset[str]) -> list[int]:
    """Where a number stands closely after a word that asks to wait."""
    found = set()
    for word in asking:
        at = text.find(word)
        for _ in range(_MAX_STEPS):
            if at < 0:
                break
            if (gap := _DIGIT.match(text, at + len(word))) is not None:
                found.add(gap.end())
            at = text.find(word, at + 1)
    return sorted(found)


def _told(text: str, at: int, clock: float | None) -> float | None:
    head = text[at : at + _HEAD]
    if ":" in head:
        if (date := _DATE.match(head)) is not None:
            return _until(date[0], clock)
        if (span := _CLOCK.match(head)) is not None:
            days, hours, minutes, seconds = (int(group or 0) for group in span.groups())
            return _sane(days * 86_400.0 + hours * 3_600 + minutes * 60 + seconds)
    run, longer = _RUN.match(head), _DURATION.match(head)
    if run is None or (longer is not None and longer.end() > run.end()):
        run = longer
    return None if run is None else _sane(_sum(run[0]))


def _from_fields(fields: Mapping[str, Any], clock: float | None) -> float | None:
    for name, scale in _WAITS.items():
        if name in fields and (found := _amount(fields[name])) is not None:
            return _sane(found * scale)
    for name in _MOMENTS:
        if (value := fields.get(name)) is not None and (found := _until(str(value), clock)) is not None:
            return found
    return None


def _amount(value: Any) -> float | None:
    if isinstance(value, Mapping):  # a protobuf Duration
        seconds, nanos = _number(value.get("seconds", 0)), _number(value.get("nanos", 0))
        return None if seconds is None or nanos is None else seconds + nanos / 1e9
    if (number := _number(value)) is not None:
        return number
    return duration(value) if isinstance(value, str) else None


def _from_resets(headers: Mapping[str, str], clock: float | None) -> float | None:
    known = [
        (headers.get(remaining), wait)
        for reset, remaining in _RESETS
        if (said := headers.get(reset)) is not None and (wait := _reset(said, clock)) is not None
    ]
    empty = [wait for remaining, wait in known if _number(remaining) == 0]
    return max(empty or [wait for _, wait in known], default=None)


def _reset(said: str, clock: float | None) -> float | None:
    if (number := _number(said)) is not None:
        return _sane(number) if number < 1e9 else _until(said, clock)
    if (found := duration(said)) is not None:
        return _sane(found)
    return _until(said, clock)


def _until(said: str, clock: float | None) -> float | None:
    moment = _moment(said.strip())
    return None if moment is None or clock is None else _sane(max(0.0, moment - clock))


def _moment(said: str) -> float | None:
    """Seconds since 1970 of a number, an RFC 3339 time or an HTTP date."""
    if (number := _number(said)) is not None:
        return number / 1000 if number > 1e11 else number if number > 1e9 else None
    try:
        moment = datetime.fromisoformat(said.replace("UTC", "+00:00").replace(" +", "+"))
    except ValueError:
        try:
            moment = parsedate_to_datetime(said)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (OverflowError, ValueError):
        return None


def _clock(headers: Mapping[str, str], now: float | None) -> float | None:
    date = headers.get("date")
    server = _moment(date.strip()) if date else None
    return server if server is not None else now


def _sum(text: str) -> float:
    return sum(float(number) * _unit(unit) for number, unit in _steps(text))


def _steps(text: str) -> Iterable[tuple[str, str]]:
    return _STEPS.findall(text)[:_MAX_STEPS]


def _unit(word: str) -> float:
    word = word.lower()
    return _UNITS["ms"] if word.startswith(("ms", "milli")) else _UNITS.get(word[0], 0.0)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if -1e15 < number < 1e15 else None


def _sane(seconds: float) -> float | None:
    return seconds if 0 <= seconds <= _LONGEST else None
