"""Failures of OpenAI Chat Completions, of Azure OpenAI, and of the many servers that speak that wire.

The wire: `{"error": {"message", "type", "param", "code"}}`; compatible servers also send `error` as a string, `detail`,
a bare `message`, a list, or a page. Gateways pass on what others said, so the rules of the other wires count here, too.
"""

from __future__ import annotations

from typing import Final

from holdfast.errors import (
    AuthenticationError,
    ContentFilterError,
    ContextOverflowError,
    ModelNotFoundError,
    PermissionDeniedError,
    QuotaExhaustedError,
    ServerError,
)
from holdfast.providers.anthropic.errors import RULES as ANTHROPIC
from holdfast.providers.bedrock.errors import RULES as AWS
from holdfast.providers.failures.rule import Rule, Table
from holdfast.providers.failures.shared import SHARED
from holdfast.providers.failures.wire import WireErrors
from holdfast.providers.gemini.errors import RULES as GOOGLE

RULES: Final = (
    Rule(
        name="openai-quota",
        error=QuotaExhaustedError,
        source="OpenAI 'Error codes': 429 'You exceeded your current quota'; code insufficient_quota",
        types=("insufficient_quota",),
        codes=(
            "billing_hard_limit_reached",
            "billing_not_active",
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
        ),
        quota="credit",
        meaning="The account has run out of credit, or has reached its spending limit.",
    ),
    Rule(
        name="openai-window",
        error=ContextOverflowError,
        source="OpenAI 'Error codes': context_length_exceeded",
        codes=("context_length_exceeded",),
        not_at=(429,),
    ),
    Rule(
        name="azure-filter",
        error=ContentFilterError,
        source="Azure OpenAI 'Content filtering': 400 content_filter, innererror ResponsibleAIPolicyViolation",
        codes=("responsibleaipolicyviolation",),
        scope="prompt",
        meaning="Azure's filter refused the prompt; `error.categories` says for what.",
    ),
    Rule(
        name="openai-filter",
        error=ContentFilterError,
        source="OpenAI 'Error codes': content_policy_violation, content_filter, invalid_prompt",
        codes=("content_filter", "content_policy_violation"),
    ),
    Rule(
        name="openai-key",
        error=AuthenticationError,
        source="OpenAI 'Error codes': 401 invalid_api_key, mismatched_organization",
        codes=("invalid_api_key", "mismatched_organization", "invalid_organization", "account_deactivated"),
    ),
    Rule(
        name="openai-region",
        error=PermissionDeniedError,
        source="OpenAI 'Error codes': 403 'Country, region, or territory not supported'",
        codes=("unsupported_country_region_territory", "request_forbidden"),
        meaning="The provider does not serve the country that the request comes from.",
        advice="Use an endpoint in a supported region.",
    ),
    Rule(
        name="openai-model",
        error=ModelNotFoundError,
        source="OpenAI 'Error codes': model_not_found; Azure: DeploymentNotFound",
        codes=("model_not_found", "deploymentnotfound"),
        not_at=(403,),
    ),
    Rule(
        name="openai-server",
        error=ServerError,
        source="OpenAI 'Error codes': 500 server_error",
        vague=("server_error",),
        not_at=(401, 402, 403, 404, 413, 429, 503, 504),
    ),
)
"""Rules of OpenAI's and Azure's own."""

TABLE: Final = Table(RULES, ANTHROPIC, AWS, GOOGLE, SHARED)


_ERRORS: Final = WireErrors(TABLE)
error: Final = _ERRORS.error
stream_error: Final = _ERRORS.stream_error
