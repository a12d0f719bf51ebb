"""Failures in log files: which lines tell of one, and a summary by kind and provider.

A line counts when it names a failure by more than a single word, reads like a report of one (it has a level of warning
or worse, the name of an exception, an HTTP status of 400 or more, or an error object) and speaks of a call to a model.
Ordinary lines about limits, timeouts or models do not count, nor do the requests that a server of one's own answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from holdfast.errors import ErrorInfo, ModelError
from holdfast.providers.classify import classify
from holdfast.providers.failures.again import retry_same
from holdfast.providers.failures.guide import advice_for, step_of

_LINE: Final = 16_384
_TIME: Final = re.compile(
    r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d\b"
)
_CALM: Final = re.compile(
    r"\b(?:DEBUG|INFO|TRACE|NOTICE|info|debug|trace)\b|\"(?:GET|POST|PUT|DELETE) [^\"]{1,400}\" [123]\d\d\b"
)
_ALARM: Final = re.compile(
    r"\b(?:ERROR|WARN|WARNING|CRITICAL|FATAL|SEVERE|error|warn|warning|fatal|Exception|Traceback)\b"
    r"|\b[A-Z][A-Za-z]{1,60}(?:Error|Exception|Timeout|Failure)\b"
    r"|[\"'](?:error|type|code)[\"']\s{0,3}:"
    r"|\b(?:[Ee]rror code|[Ss]tatus(?: ?[Cc]ode)?|HTTP(?:/[\d.]{1,3})?)\W{1,3}[45]\d\d\b"
    r"|\" [45]\d\d\b"
    r"|^\W{0,3}[45]\d\d\b|\b(?:failed|failure|refused|rejected|exhausted|denied|aborted)\b"
)
_ACCESS: Final = re.compile(r"\"(?:GET|POST|PUT|DELETE|HEAD|PATCH|OPTIONS) /[^\"]{0,400}\" [1-5]\d\d\b")
_OURS: Final = re.compile(  # what tells a call to a model from a database, a payment or a login
    r"openai|anthropic|claude|\bgpt|gemini|vertex|bedrock|mistral|cohere|llm|groq|ollama|openrouter|deepseek|\bmodels?\b"
    r"|\btokens\b|prompt|completion|\bchat\b|\bAPI[A-Za-z]{0,30}Error\b|error code: \d\d\d"
    r"|[\"'](?:error|type)[\"']\s{0,3}:"
    r"|\b(?:httpx|httpcore|aiohttp|botocore|requests|urllib3|litellm)\b|RateLimitError|ResourceExhausted|^\W{0,3}[45]\d\d\b"
    r"|rate.limit|overloaded|context (?:length|window)|content.(?:filter|policy)|quota|api key",
    re.IGNORECASE,
)
_FRAME: Final = re.compile(r'^\s{2,}(?:File "|\^|at |raise |return |await |response = |self\.|\.\.\.)')


class Row(Struct, frozen=True, kw_only=True):
    """The lines of one kind at one provider: how many, the first and the last time seen in them, one example."""

    kind: str
    provider: str | None
    count: int
    first: str | None
    last: str | None
    advice: str
    retry_same: bool
    example: ErrorInfo


def failure_in_line(line: str) -> ModelError | None:
    """The failure that a line of a log tells of, or None for an ordinary line."""
    line = line[:_LINE].rstrip("\n")
    if not line.strip() or _FRAME.match(line) or _ACCESS.search(line) is not None:
        return None
    if _ALARM.search(line) is None or _OURS.search(_bare(line).lstrip()) is None:
        return None
    error = classify(_bare(line))
    if error.rule is None or not _telling(error):
        return error if error.rule is not None and error.status is not None and error.status >= 400 else None
    calm = _CALM.search(line[:200]) is not None
    told = error.status is not None and error.status >= 400
    return None if calm and not told and error.code is None else error


def _telling(error: ModelError) -> bool:
    """Whether more than one word, or a bare status, spoke for it."""
    return error.certain or step_of(error) == "pair"


def summarise(lines: Iterable[str]) -> list[Row]:
    """The failures in `lines` by kind and provider, the most frequent first."""
    groups: dict[tuple[str, str | None], _Group] = {}
    for line in lines:
        if (error := failure_in_line(line)) is not None:
            groups.setdefault((error.kind, error.provider), _Group(error)).add(line)
    rows = [group.row(kind, provider) for (kind, provider), group in groups.items()]
    return sorted(rows, key=lambda row: (-row.count, row.kind, row.provider or ""))


class _Group:
    def __init__(self, example: ModelError) -> None:
        self._example = example
        self._count = 0
        self._first: str | None = None
        self._last: str | None = None

    def add(self, line: str) -> None:
        self._count += 1
        if (time := _TIME.search(line[:_LINE])) is not None:
            self._first = self._first or time[0]
            self._last = time[0]

    def row(self, kind: str, provider: str | None) -> Row:
        return Row(
            kind=kind,
            provider=provider,
            count=self._count,
            first=self._first,
            last=self._last,
            advice=advice_for(self._example),
            retry_same=retry_same(self._example),
            example=self._example.info,
        )


def _bare(line: str) -> str:
    """The line without its time, whose digits mean nothing here."""
    return _TIME.sub(" ", line, count=1)
