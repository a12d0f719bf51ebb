"""What evidence proves: the class of the failure, and those of its facts that would be the same another time."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from holdfast.errors import (
    ContentFilterError,
    ContextOverflowError,
    Facts,
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
from holdfast.providers.failures.retry_after import ASKING
from holdfast.providers.failures.rule import Match, Rule, Table

_METERED: Final = (RateLimitError, QuotaExhaustedError)
_PERHAPS_SIZED: Final = (*_METERED, InvalidRequestError)
_ASKED: Final = frozenset(("requested", "afford", "tokens", "token"))
"""Where one of these words stands, the numbers in the text can be those of a limit on tokens."""
_GUESSED: Final = ("pair", "hint", "status")


class Diagnosis(Struct, frozen=True):
    """What a failure is: its class (None if not even the status is known) and its facts.

    `asking` are the words in the text that ask to wait.
    """

    error: type[ModelError] | None
    facts: Facts
    asking: frozenset[str]


def diagnose(evidence: Evidence, table: Table) -> Diagnosis:
    """The diagnosis of a table; `certain` is False where only the status, or less, suggested the class."""
    match = table.match(evidence)
    asking = ASKING & evidence.words.words
    if match is None:
        return Diagnosis(None, {"certain": False, "code": _code(evidence, "")}, asking)
    return Diagnosis(match.rule.error, _facts(match, evidence, table), asking)


def _facts(match: Match, evidence: Evidence, table: Table) -> Facts:
    rule, step, proof = match.rule, match.step, match.proof
    facts: Facts = {
        "code": _code(evidence, proof),
        "certain": rule.sure or step not in _GUESSED,
        "rule": rule.name,
        "proof": f"{step}: {proof}",
    }
    if rule.phase is not None:
        facts["phase"] = rule.phase
    if rule.error is ContentFilterError:
        facts["scope"] = stage_of(evidence) or rule.scope or table.scope(evidence) or scope_of(evidence)
        facts["categories"] = categories_of(evidence)
    else:
        _measure(facts, rule, evidence)
    return facts


def _measure(facts: Facts, rule: Rule, evidence: Evidence) -> None:
    """Add which quota is used up and what the limit is, where the failure is one of quantities."""
    error = rule.error
    if rule.quota is not None:
        facts["quota"] = rule.quota
    elif error in _METERED:
        facts["quota"] = quota_of(evidence)
    counted = not evidence.words.words.isdisjoint(_ASKED)
    if error is ContextOverflowError or error is RequestTooLargeError:
        facts["limit"] = limit_of(evidence, above=counted or error is ContextOverflowError)
    elif counted and error in _PERHAPS_SIZED:
        facts["limit"] = limit_of(evidence)


def _code(evidence: Evidence, proof: str) -> str | None:
    """The provider's own code as it wrote it: what stands under "code", else what proved the rule, else the first."""
    codes = evidence.codes
    if not codes:
        return None
    said = str(evidence.details.get("code", "")).lower()
    return codes.get(said) or codes.get(proof) or next(iter(codes.values()))
