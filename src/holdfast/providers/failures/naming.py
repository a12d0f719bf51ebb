"""From evidence to the typed error: the table gives the class, the evidence gives the facts."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from holdfast.errors import (
    ContentFilterError,
    ContextOverflowError,
    InvalidRequestError,
    ModelError,
    QuotaExhaustedError,
    RateLimitError,
    RequestTooLargeError,
)
from holdfast.providers.failures.categories import categories_of, scope_of, stage_of
from holdfast.providers.failures.evidence import Evidence
from holdfast.providers.failures.limits import limit_of
from holdfast.providers.failures.quotas import quota_of
from holdfast.providers.failures.retry_after import retry_after
from holdfast.providers.failures.rule import Match, Table
from holdfast.redact import redact

_METERED: Final = (RateLimitError, QuotaExhaustedError)
_ASKED: Final = frozenset(("requested", "afford", "tokens", "token"))
_REQUEST_IDS: Final = (
    "x-request-id",  # OpenAI, Groq, DashScope, most others
    "request-id",  # Anthropic
    "x-amzn-requestid",
    "apim-request-id",  # Azure
    "x-ms-request-id",
    "x-goog-request-id",
    "x-litellm-call-id",
    "x-generation-id",
    "x-correlation-id",
    "cf-ray",
)
_MESSAGE: Final = 1_000


def name_failure(
    evidence: Evidence, table: Table, *, model: str | None = None, unknown: type[ModelError] = InvalidRequestError
) -> ModelError:
    """The typed error for this evidence; `certain` is False where only the status, or less, suggested the class.

    `unknown` is the class of a failure of which not even the status is known: by default one that nobody sends again.
    """
    match = table.match(evidence)
    if match is None:
        return unknown(_message(evidence), certain=False, **_facts(evidence, model, None))
    rule, error = match.rule, match.rule.error
    return error(
        _message(evidence),
        **_facts(evidence, model, match.proof if match.step in ("code", "type") else None),
        scope=(stage_of(evidence) or rule.scope or table.scope(evidence) or scope_of(evidence))
        if error is ContentFilterError
        else None,
        categories=categories_of(evidence) if error is ContentFilterError else (),
        limit=limit_of(evidence) if _sized(error, evidence) else None,
        quota=rule.quota or (quota_of(evidence) if error in _METERED else None),
        phase=rule.phase,
        certain=_certain(match),
        rule=rule.name,
        proof=f"{match.step}: {match.proof}",
    )


def _facts(evidence: Evidence, model: str | None, proof: str | None) -> Any:
    return {
        "provider": evidence.provider,
        "model": model,
        "status": evidence.status,
        "code": _code(evidence, proof),
        "request_id": request_id(evidence.headers, evidence.details),
        "retry_after": retry_after(evidence),
        "raw": evidence.raw or None,
    }


def _code(evidence: Evidence, proof: str | None) -> str | None:
    """The provider's own code as it wrote it: what stands under "code", else what proved the rule, else the first."""
    codes = evidence.codes
    if not codes:
        return None
    said = str(evidence.details.get("code", "")).lower()
    word = said if said in codes else proof if proof in codes else codes[0]
    return redact(evidence.spelling.get(word, word))  # a text can put anything in the place of a code


def request_id(headers: Mapping[str, str], details: Mapping[str, Any]) -> str | None:
    """The provider's id for the request, from its headers or its body."""
    found = next((headers[name] for name in _REQUEST_IDS if name in headers), None) if headers else None
    if found is None:
        inside = details.get("request_id") or details.get("requestid")
        found = inside if isinstance(inside, str) else None
    return found[:200] if found else None


def _sized(error: type[ModelError], evidence: Evidence) -> bool:
    """Whether the numbers in the text can be those of a limit on tokens."""
    if error in (ContextOverflowError, RequestTooLargeError):
        return True
    words = evidence.words.words
    return error in (RateLimitError, QuotaExhaustedError, InvalidRequestError) and not words.isdisjoint(_ASKED)


def _certain(match: Match) -> bool:
    return match.rule.sure or match.step not in ("pair", "hint", "status")


def _message(evidence: Evidence) -> str:
    if evidence.messages:
        return evidence.messages[0].strip()[:_MESSAGE]
    if evidence.codes:
        return evidence.codes[0]
    if evidence.status is None:
        return "An unknown failure"
    try:
        return f"HTTP {evidence.status} {HTTPStatus(evidence.status).phrase}, without a word"
    except ValueError:
        return f"HTTP {evidence.status}, without a word"
