"""What people are told about a failure: what it is, why we think so, what Holdfast does about it, what they can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from holdfast.errors import ErrorInfo, ModelError
from holdfast.providers.failures.again import retry_same, rule_of

DEFAULTS: Final[Mapping[str, str]] = {
    "rate_limit": "Waits as long as the server asked, within the deadline, then asks the same model; goes to the next"
    " model when that is sooner.",
    "quota_exhausted": "Goes to the next model at once; this endpoint rests.",
    "request_too_large": "Shrinks the request if a context policy can, else goes to the next model.",
    "context_overflow": "Learns the real limit, makes the history fit and sends it again; else takes a model with a"
    " larger window.",
    "content_filter": "Never sends the same again; asks your `on_content_filter` handler, else raises.",
    "overloaded": "Backs off, asks again, then goes to the next model.",
    "server_error": "Backs off, asks again, then goes to the next model.",
    "timeout": "Asks again, or goes to the next model.",
    "connection": "Asks again, or goes to the next model.",
    "stream_interrupted": "Does what `on_break` says: restart, resume, hold, truncate or raise.",
    "malformed_response": "Asks again, with the validation error where a schema was not met, then goes to the next"
    " model.",
    "authentication": "Goes to the next model at once and says so; never asks the same one again.",
    "permission": "Goes to the next model at once and says so; never asks the same one again.",
    "model_not_found": "Goes to the next model at once and says so; never asks the same one again.",
    "invalid_request": "Raises at once: no retry and no fallback can help.",
    "cancelled": "Lets the cancellation through and closes the connection.",
    "configuration": "Raises before anything is sent.",
    "error": "Raises.",
}
"""What the default policies do, by the `kind` of the error (docs/architecture.md, "The error tree")."""

_STEPS: Final[Mapping[str, str]] = {
    "code": "it found `{}`, a code that is sent only for this",
    "details": "it found {}",
    "phrase": 'it found the words "{}", which are said only of this',
    "type": "it found `{}`, a general code or type",
    "name": "it found `{}`, the name of an exception",
    "pair": 'it found "{}", words that often mean this together',
    "hint": 'it found "{}", which often means this',
    "status": "it found nothing but the HTTP status {}",
}
"""How each kind of proof is told."""


class Explanation(Struct, frozen=True, kw_only=True):
    """An error, explained; every field but `error` is a text for people, or a fact to act on.

    - `what`: what it is. `why`: which rule named it, what the rule looks at, and where that is documented.
    - `default`: what Holdfast's default policies do about it. `advice`: what the user can do.
    - `retry_same`: whether the same request may be sent to the same endpoint again, with hope.
    """

    error: ErrorInfo
    what: str
    why: str
    default: str
    advice: str
    retry_same: bool


def explain(error: ModelError) -> Explanation:
    """`error`, explained from the tables that named it."""
    rule = rule_of(error)
    return Explanation(
        error=error.info,
        what=(rule.meaning if rule is not None and rule.meaning else f"{error.what}."),
        why=_why(error),
        default=DEFAULTS.get(error.kind, DEFAULTS["error"]),
        advice=advice_for(error),
        retry_same=retry_same(error),
    )


def advice_for(error: ModelError) -> str:
    """What the user can do: what the rule says, or else the class; with the time to wait, where the server named it."""
    rule = rule_of(error)
    advice = rule.advice if rule is not None and rule.advice else type(error).advice
    wait = error.retry_after
    return advice if wait is None else f"{advice} The server asks to wait {wait:g} s."


def step_of(error: ModelError) -> str:
    """The kind of proof that named an error: `"code"`, `"phrase"`, `"pair"`, `"status"`, ...; "" where no table did."""
    return (error.proof or "").partition(": ")[0]


def _why(error: ModelError) -> str:
    rule = rule_of(error)
    if rule is None:
        status = f"the HTTP status {error.status}" if error.status else "what is known of it"
        return f"No rule knows this failure; {status} suggests it."
    step = step_of(error)
    proof = (error.proof or "").removeprefix(f"{step}: ")
    found = _STEPS.get(step, "it looks at how the answer ended").format(proof)
    sure = "" if error.certain else " Not certain: that is less than a proof."
    return f"Rule `{rule.name}` ({rule.source}): {found}.{sure}"
