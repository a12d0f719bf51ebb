"""The makers of the five wires, and the clouds that serve their models."""

from __future__ import annotations

from typing import Final

from holdfast.providers.endpoints.entry import FIXED_SAMPLING, OPENAI, PREFILLED_CLAUDES, SIMPLE, at, bearer, key
from holdfast.providers.spec import AuthSpec

MAKERS: Final = (
    at(
        "openai",
        "https://api.openai.com/v1",
        bearer("OPENAI_API_KEY"),
        env=("OPENAI_BASE_URL",),
        **OPENAI,
    ),
    at(
        "openai-responses",
        "https://api.openai.com/v1",
        bearer("OPENAI_API_KEY"),
        codec="openai_responses",
        env=("OPENAI_BASE_URL",),
        provider="openai",
        fixed_sampling=FIXED_SAMPLING,
    ),
    # The v1 surface needs no api-version (Azure docs, "API version lifecycle").
    at(
        "azure",
        "{AZURE_OPENAI_ENDPOINT}/openai/v1",
        key("api-key", "AZURE_OPENAI_API_KEY"),
        **OPENAI,
    ),
    at(
        "azure-responses",
        "{AZURE_OPENAI_ENDPOINT}/openai/v1",
        key("api-key", "AZURE_OPENAI_API_KEY"),
        codec="openai_responses",
        provider="azure",
        fixed_sampling=FIXED_SAMPLING,
    ),
    at(
        "azure-deployments",
        "{AZURE_OPENAI_ENDPOINT}",
        key("api-key", "AZURE_OPENAI_API_KEY"),
        provider="azure",
        deployments=True,
        api_version="2024-10-21",
        **OPENAI,
    ),
    at(
        "anthropic",
        "https://api.anthropic.com",
        key("x-api-key", "ANTHROPIC_API_KEY"),
        codec="anthropic",
        env=("ANTHROPIC_BASE_URL",),
        prefill="assistant",
        prefill_models=PREFILLED_CLAUDES,
        max_body=32 << 20,  # Anthropic docs, "Errors": request_too_large
    ),
    at(
        "gemini",
        "https://generativelanguage.googleapis.com/v1beta",
        key("x-goog-api-key", "GEMINI_API_KEY", "GOOGLE_API_KEY"),
        codec="gemini",
    ),
    at(
        "gemini-openai",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        bearer("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        provider="gemini",
        thought_signatures=True,
        **SIMPLE,
    ),
    # "global" has a host of its own (Google Cloud docs, "Deployments and endpoints").
    at(
        "vertex",
        "https://{GOOGLE_CLOUD_LOCATION:global}-aiplatform.googleapis.com/v1beta1/projects/{GOOGLE_CLOUD_PROJECT}"
        "/locations/{GOOGLE_CLOUD_LOCATION:global}",
        AuthSpec(scheme="google"),
        codec="gemini",
        variants={
            "GOOGLE_CLOUD_LOCATION=global": "https://aiplatform.googleapis.com/v1beta1/projects/{GOOGLE_CLOUD_PROJECT}"
            "/locations/global"
        },
        vertex=True,
    ),
    at(
        "bedrock",
        "https://bedrock-runtime.{AWS_REGION|AWS_DEFAULT_REGION}.amazonaws.com",
        AuthSpec(scheme="aws", env=("AWS_BEARER_TOKEN_BEDROCK",)),
        codec="bedrock",
        prefill="assistant",
        prefill_models=PREFILLED_CLAUDES,
        max_images=20,  # Bedrock API reference, "Message"
    ),
    # Amazon Bedrock user guide, "Responses API" and "Chat Completions API".
    at(
        "bedrock-openai",
        "https://bedrock-runtime.{AWS_REGION|AWS_DEFAULT_REGION}.amazonaws.com/openai/v1",
        bearer("AWS_BEARER_TOKEN_BEDROCK"),
        provider="bedrock",
        max_tokens_field="max_completion_tokens",
        **SIMPLE,
    ),
    at(
        "bedrock-mantle",
        "https://bedrock-mantle.{AWS_REGION|AWS_DEFAULT_REGION}.api.aws/v1",
        bearer("AWS_BEARER_TOKEN_BEDROCK"),
        provider="bedrock",
        max_tokens_field="max_completion_tokens",
        **SIMPLE,
    ),
    at(
        "bedrock-responses",
        "https://bedrock-runtime.{AWS_REGION|AWS_DEFAULT_REGION}.amazonaws.com/openai/v1",
        bearer("AWS_BEARER_TOKEN_BEDROCK"),
        codec="openai_responses",
        provider="bedrock",
    ),
    # Some models are served under this prefix only, others under /v1 only (the same page).
    at(
        "bedrock-mantle-responses",
        "https://bedrock-mantle.{AWS_REGION|AWS_DEFAULT_REGION}.api.aws/openai/v1",
        bearer("AWS_BEARER_TOKEN_BEDROCK"),
        codec="openai_responses",
        provider="bedrock",
    ),
)
