"""Whether the same request may be sent to the same endpoint once more, with hope."""

from __future__ import annotations

from functools import cache
from typing import Final

from holdfast.errors import (
    InvalidResponseError,
    ModelConnectionError,
    ModelError,
    ModelTimeoutError,
    OverloadedError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from holdfast.providers.failures import finish
from holdfast.providers.failures.rule import Rule
from holdfast.providers.openai_responses.errors import TABLE

_HOPEFUL: Final = (
    RateLimitError,
    OverloadedError,
    ServerError,
    ModelTimeoutError,
    ModelConnectionError,
    StreamInterruptedError,
    InvalidResponseError,
)


HOPEFUL: Final = frozenset(error.kind for error in _HOPEFUL)
"""The kinds of errors after which the same request may pass later."""


@cache
def rules() -> dict[str, Rule]:
    """Every rule by its name."""
    return {rule.name: rule for rule in (*TABLE.rules, *finish.RULES)}


def rule_of(error: ModelError) -> Rule | None:
    """The rule that named this error, or None for an error that no table named."""
    return rules().get(error.rule or "")


def retry_same(error: ModelError) -> bool:
    """Whether the same request may pass at the same endpoint later: what its rule says, or else its class.

    It says nothing of when (`error.retry_after`), nor of what the caller can afford.
    """
    rule = rule_of(error)
    if rule is not None and rule.retry_same is not None:
        return rule.retry_same
    return isinstance(error, _HOPEFUL)
