"""Calls that somebody, or something, put an end to."""

from __future__ import annotations

from typing import Final

from holdfast.errors import CallCancelledError, ServerError
from holdfast.providers.failures.evidence import Evidence
from holdfast.providers.failures.rule import Rule


def cancelled_there(evidence: Evidence) -> bool:
    """Status 499: nginx's and gRPC's word for a call that somebody closed; it is never a refusal."""
    return evidence.status == 499


RULES: Final = (
    Rule(
        name="cancelled-here",
        error=CallCancelledError,
        source="asyncio.CancelledError, anyio's cancel scopes, AbortController; the OpenAI SDK's APIUserAbortError",
        codes=(
            "cancellederror",
            "apiuseraborterror",
            "aborterror",
            "requestabortederror",
        ),
        phrases=(
            "cancelled by cancel scope",
            "context canceled",
            "context cancelled",
            "user aborted",
            "client has disconnected",
            "cancelled by user",
            "canceled by user",
            "client disconnected",
            "client closed request",
        ),
        types=(
            "canceledexception",
            "cancellationexception",
            "jobcancellationexception",
            "operationcanceledexception",
        ),
        hints=(
            "request was aborted",
            "request has been aborted",
            "operation was aborted",
            "request aborted",
            "canceled",
            "cancelled",
        ),
        not_at=(400, 429, 500, 502, 503, 504),
        retry_same=False,
        meaning="Somebody on this side cancelled the call.",
        advice="Nothing is wrong with the provider; let the cancellation through.",
    ),
    Rule(
        name="runner-died",
        error=ServerError,
        source="Ollama 500: 'an error was encountered while running the model'; vLLM 'EngineDeadError'",
        phrases=(
            "process exited",
            "process has terminated",
            "server process died",
            "encountered while running the model",
            "llama runner process",
            "enginedeaderror",
            "engine core died",
            "background loop ... errored",
        ),
        meaning="The process that runs the model died or broke.",
    ),
    Rule(
        name="cancelled-there",
        error=ServerError,
        source="Google status CANCELLED (499); OpenAI Responses `response.cancelled`",
        test=cancelled_there,
        phrases=("status aborted",),
        types=(
            "cancelled",
            "canceled",
        ),
        meaning="The provider cancelled the call.",
    ),
)
"""Rules of cancellations, and of a model whose process died; they are asked before those of the network."""
