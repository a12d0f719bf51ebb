"""Amazon Bedrock's failures.

The wire: an HTTP status, the exception's name in `x-amzn-errortype` (or `__type`), and `{"message": ...}`; inside an
event stream a message whose `:exception-type` names it and whose payload is the same JSON.
"""

from __future__ import annotations

from typing import Any, Final

from holdfast.errors import (
    AuthenticationError,
    InvalidResponseError,
    ModelError,
    ModelNotFoundError,
    ModelTimeoutError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExhaustedError,
    RateLimitError,
    ServerError,
)
from holdfast.providers.failures.rule import Rule, Table
from holdfast.providers.failures.shared import SHARED
from holdfast.providers.failures.wire import WireErrors

RULES: Final = (
    Rule(
        name="aws-throttled",
        error=RateLimitError,
        source="Bedrock 'Troubleshooting API error codes': ThrottlingException (429)",
        codes=(
            "throttlingexception",
            "toomanyrequestsexception",
            "provisionedthroughputexceededexception",
            "limitexceededexception",
        ),
        meaning="The account's limit on requests or tokens per minute was hit.",
    ),
    Rule(
        name="aws-quota",
        error=QuotaExhaustedError,
        source="Bedrock 'Troubleshooting API error codes': ServiceQuotaExceededException (400)",
        codes=("servicequotaexceededexception",),
        quota="account",
    ),
    Rule(
        name="aws-unavailable",
        error=OverloadedError,
        source="Bedrock 'API error codes': ServiceUnavailableException (503), ModelNotReadyException (429)",
        codes=("serviceunavailableexception", "modelnotreadyexception"),
        meaning="The service is at capacity, or the model is being loaded.",
    ),
    Rule(
        name="aws-timeout",
        error=ModelTimeoutError,
        source="Bedrock InvokeModel: ModelTimeoutException (408)",
        codes=("modeltimeoutexception",),
    ),
    Rule(
        name="aws-model-stream",
        error=ServerError,
        source=(
            "Bedrock InvokeModelWithResponseStream: ModelStreamErrorException (424), InternalServerException (500);"
            " InvokeModel: ModelErrorException (424), 'an error while processing the model'"
        ),
        codes=("internalserverexception", "internalfailure"),
        types=("modelstreamerrorexception", "modelerrorexception"),
    ),
    Rule(
        name="aws-model-error",
        error=InvalidResponseError,
        source="Bedrock Converse: ModelErrorException (424), 'invalid sequence as part of ToolUse'",
        phrases=("invalid sequence",),
    ),
    Rule(
        name="aws-credentials",
        error=AuthenticationError,
        source="AWS 'Common error types'",
        codes=(
            "unrecognizedclientexception",
            "invalidsignatureexception",
            "expiredtokenexception",
            "expiredtoken",
            "missingauthenticationtokenexception",
            "missingauthenticationtoken",
            "incompletesignature",
            "invalidclienttokenid",
            "requestexpired",
            "nocredentialserror",
        ),
    ),
    Rule(
        name="aws-agreement-pending",
        error=OverloadedError,
        source="Bedrock model access: 'MPAgreementBeingCreated' (403) while the subscription is set up",
        codes=("mpagreementbeingcreated",),
        phrases=("mpagreementbeingcreated",),
        meaning="The account's agreement for this model is being set up.",
    ),
    Rule(
        name="aws-access",
        error=PermissionDeniedError,
        source="Bedrock 'Troubleshooting API error codes': AccessDeniedException (403)",
        codes=("accessdeniedexception", "optinrequired"),
    ),
    Rule(
        name="aws-not-found",
        error=ModelNotFoundError,
        source="Bedrock: ResourceNotFoundException (404); ValidationException 'model identifier is invalid'",
        types=("resourcenotfoundexception",),
        phrases=("provided model identifier is invalid", "on-demand throughput isn't supported"),
    ),
)
"""Rules of AWS's own."""

TABLE: Final = Table(RULES, SHARED)


_ERRORS: Final = WireErrors(TABLE)
error: Final = _ERRORS.error


def stream_error(exception_type: str, payload: Any, *, provider: str, model: str | None = None) -> ModelError:
    """The typed error of an exception inside an event stream: its `:exception-type` and its payload."""
    return _ERRORS.stream_error({"__type": exception_type, "body": payload}, provider=provider, model=model)
