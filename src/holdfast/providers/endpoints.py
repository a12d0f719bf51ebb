"""The endpoints that are known by name, as one table. Quirks stand here only where the vendor documents or shows them.

A base URL ends where its codec's path begins: `/chat/completions`, `/responses`, `/v1/messages` (Anthropic),
`/models/MODEL:generateContent` (Gemini; on Vertex `/publishers/google/models/...`), `/model/MODEL/converse` (Bedrock).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from holdfast.providers.codec import Dialect
from holdfast.providers.spec import AuthSpec, CodecName, EndpointSpec

# "Prefilling Claude's response" holds for these; from 4.6 on the conversation must end with the user (Anthropic docs,
# "What's new in Claude 4.6", "Prefill removal").
_PREFILLED_CLAUDES: Final = (
    "claude-2",
    "claude-instant",
    "claude-3",
    "claude-opus-4-0",
    "claude-opus-4-1",
    "claude-opus-4-2025",
    "claude-opus-4-5",
    "claude-sonnet-4-0",
    "claude-sonnet-4-2025",
    "claude-sonnet-4-5",
    "claude-haiku-4-5",
)
# The same models as OpenRouter names them.
_PREFILLED_ROUTED: Final = ("claude-3", "claude-opus-4.1", "claude-opus-4.5", "claude-sonnet-4.5", "claude-haiku-4.5")
# Reasoning models take no sampling settings (OpenAI docs, "Using GPT-5"); from 5.1 on it depends on the effort.
_FIXED_SAMPLING: Final = r"o\d|gpt-5(?![.\d]|-chat)"
_OPENAI_IDS: Final = r"[\s\S]{1,40}"  # "string too long ... maximum length 40" is the API's own complaint


def _bearer(*env: str, required: bool = True) -> AuthSpec:
    return AuthSpec(env=env, required=required)


def _key(header: str, *env: str) -> AuthSpec:
    return AuthSpec(scheme="header", header=header, env=env)


def _at(
    name: str,
    base_url: str,
    auth: AuthSpec,
    *,
    codec: CodecName = "openai_chat",
    env: tuple[str, ...] = (),
    variants: Mapping[str, str] | None = None,
    provider: str = "",
    **dialect: Any,
) -> EndpointSpec:
    return EndpointSpec(
        name=name,
        codec=codec,
        base_url=base_url,
        base_url_env=env,
        variants=variants or {},
        auth=auth,
        dialect=Dialect(provider=provider or name, **dialect),
    )


_OPENAI: Final[Mapping[str, Any]] = {
    "max_tokens_field": "max_completion_tokens",
    "fixed_sampling": _FIXED_SAMPLING,
    "tool_id_pattern": _OPENAI_IDS,
}
_PLAIN: Final[Mapping[str, Any]] = {"documents": "none", "audio": False}
"""Text and images only."""
_SIMPLE: Final[Mapping[str, Any]] = {**_PLAIN, "strict_tools": False}

_MAKERS: Final = (
    _at(
        "openai",
        "https://api.openai.com/v1",
        _bearer("OPENAI_API_KEY"),
        env=("OPENAI_BASE_URL",),
        **_OPENAI,
    ),
    _at(
        "openai-responses",
        "https://api.openai.com/v1",
        _bearer("OPENAI_API_KEY"),
        codec="openai_responses",
        env=("OPENAI_BASE_URL",),
        provider="openai",
        fixed_sampling=_FIXED_SAMPLING,
    ),
    # The v1 surface needs no api-version (Azure docs, "API version lifecycle").
    _at(
        "azure",
        "{AZURE_OPENAI_ENDPOINT}/openai/v1",
        _key("api-key", "AZURE_OPENAI_API_KEY"),
        **_OPENAI,
    ),
    _at(
        "azure-responses",
        "{AZURE_OPENAI_ENDPOINT}/openai/v1",
        _key("api-key", "AZURE_OPENAI_API_KEY"),
        codec="openai_responses",
        provider="azure",
        fixed_sampling=_FIXED_SAMPLING,
    ),
    _at(
        "azure-deployments",
        "{AZURE_OPENAI_ENDPOINT}",
        _key("api-key", "AZURE_OPENAI_API_KEY"),
        provider="azure",
        deployments=True,
        api_version="2024-10-21",
        **_OPENAI,
    ),
    _at(
        "anthropic",
        "https://api.anthropic.com",
        _key("x-api-key", "ANTHROPIC_API_KEY"),
        codec="anthropic",
        env=("ANTHROPIC_BASE_URL",),
        prefill="assistant",
        prefill_models=_PREFILLED_CLAUDES,
        tool_id_pattern=r"[a-zA-Z0-9_-]{1,64}",
    ),
    _at(
        "gemini",
        "https://generativelanguage.googleapis.com/v1beta",
        _key("x-goog-api-key", "GEMINI_API_KEY", "GOOGLE_API_KEY"),
        codec="gemini",
    ),
    _at(
        "gemini-openai",
        "https://generativelanguage.googleapis.com/v1beta/openai",
        _bearer("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        provider="gemini",
        thought_signatures=True,
        **_SIMPLE,
    ),
    # "global" has a host of its own (Google Cloud docs, "Deployments and endpoints").
    _at(
        "vertex",
        "https://{GOOGLE_CLOUD_LOCATION:global}-aiplatform.googleapis.com/v1/projects/{GOOGLE_CLOUD_PROJECT}"
        "/locations/{GOOGLE_CLOUD_LOCATION:global}",
        AuthSpec(scheme="google"),
        codec="gemini",
        variants={
            "GOOGLE_CLOUD_LOCATION=global": "https://aiplatform.googleapis.com/v1/projects/{GOOGLE_CLOUD_PROJECT}"
            "/locations/global"
        },
        vertex=True,
    ),
    _at(
        "bedrock",
        "https://bedrock-runtime.{AWS_REGION|AWS_DEFAULT_REGION}.amazonaws.com",
        AuthSpec(scheme="aws", env=("AWS_BEARER_TOKEN_BEDROCK",)),
        codec="bedrock",
        prefill="assistant",
        prefill_models=_PREFILLED_CLAUDES,
        tool_id_pattern=r"[a-zA-Z0-9_-]{1,64}",
    ),
    # Both endpoints: Amazon Bedrock user guide, "Responses API" and "Chat Completions API".
    _at(
        "bedrock-openai",
        "https://bedrock-runtime.{AWS_REGION|AWS_DEFAULT_REGION}.amazonaws.com/openai/v1",
        _bearer("AWS_BEARER_TOKEN_BEDROCK"),
        provider="bedrock",
        max_tokens_field="max_completion_tokens",
        **_SIMPLE,
    ),
    _at(
        "bedrock-mantle",
        "https://bedrock-mantle.{AWS_REGION|AWS_DEFAULT_REGION}.api.aws/v1",
        _bearer("AWS_BEARER_TOKEN_BEDROCK"),
        provider="bedrock",
        max_tokens_field="max_completion_tokens",
        **_SIMPLE,
    ),
)

_LOCAL: Final = (
    _at(
        "ollama",
        "http://127.0.0.1:11434/v1",
        _bearer("OLLAMA_API_KEY", required=False),
        env=("OLLAMA_BASE_URL",),
        may_omit_finish=True,  # finish_reason may stay null to the end
        tool_choice=False,  # not among the supported fields (Ollama docs, "OpenAI compatibility")
        parallel_tool_calls=False,
        reasoning_field="reasoning",
        think_tags=True,
        **_SIMPLE,
    ),
    # vLLM docs, "OpenAI-Compatible Server", extra parameters; SGLang takes the same.
    _at(
        "vllm",
        "http://127.0.0.1:8000/v1",
        _bearer("VLLM_API_KEY", required=False),
        env=("VLLM_BASE_URL",),
        prefill="continue_final_message",
        think_tags=True,
        top_k=True,
        video=True,
        documents="none",
    ),
    _at(
        "sglang",
        "http://127.0.0.1:30000/v1",
        _bearer("SGLANG_API_KEY", required=False),
        env=("SGLANG_BASE_URL",),
        prefill="continue_final_message",
        think_tags=True,
        top_k=True,
        video=True,
        documents="none",
    ),
    _at(
        "lmstudio",
        "http://127.0.0.1:1234/v1",
        _bearer("LMSTUDIO_API_KEY", required=False),
        env=("LMSTUDIO_BASE_URL",),
        json_mode=False,  # "'response_format.type' must be 'json_schema' or 'text'"
        think_tags=True,
        **_SIMPLE,
    ),
    # llama-server continues a last assistant message unless started with --no-prefill-assistant (its README).
    _at(
        "llamacpp",
        "http://127.0.0.1:8080/v1",
        _bearer("LLAMA_SERVER_API_KEY", required=False),
        env=("LLAMACPP_BASE_URL",),
        prefill="assistant",
        think_tags=True,
        top_k=True,
        documents="none",
        strict_tools=False,
    ),
)

_HOSTS: Final = (
    _at(
        "groq",
        "https://api.groq.com/openai/v1",
        _bearer("GROQ_API_KEY"),
        env=("GROQ_BASE_URL",),
        prefill="assistant",  # docs, "Assistant Message Prefilling": text-to-text models
        prefill_models=("llama", "gemma"),
        max_tokens_field="max_completion_tokens",
        json_schema=False,  # few models take one (docs, "Structured Outputs"); all take JSON mode
        think_tags=True,  # `reasoning_format` is "raw" unless set (docs, "Reasoning")
        **_SIMPLE,
    ),
    _at(
        "deepseek",
        "https://api.deepseek.com",
        _bearer("DEEPSEEK_API_KEY"),
        json_schema=False,  # docs, "JSON Output"
        parallel_tool_calls=False,
        images=False,
        reasoning_field="reasoning_content",  # docs, "Thinking Mode": goes back within a tool loop
        **_SIMPLE,
    ),
    # The beta surface adds the prefix flag and strict tools (docs, "Chat Prefix Completion (Beta)").
    _at(
        "deepseek-beta",
        "https://api.deepseek.com/beta",
        _bearer("DEEPSEEK_API_KEY"),
        provider="deepseek",
        prefill="prefix_flag",
        json_schema=False,
        parallel_tool_calls=False,
        images=False,
        reasoning_field="reasoning_content",
        **_PLAIN,
    ),
    _at(
        "mistral",
        "https://api.mistral.ai/v1",
        _bearer("MISTRAL_API_KEY"),
        prefill="prefix_flag",  # docs, "Prefix"
        tool_id_pattern=r"[a-zA-Z0-9]{9}",  # "Tool call id ... must be a-z, A-Z, 0-9, with a length of 9"
        names=False,
        user_after_tool=False,  # "Unexpected role 'user' after role 'tool'"
        stream_usage=False,  # the last chunk has it unasked; unknown fields are refused
        seed_field="random_seed",
        documents="document_url",
        reasoning_field="content",
    ),
    _at(
        "xai",
        "https://api.x.ai/v1",
        _bearer("XAI_API_KEY"),
        max_tokens_field="max_completion_tokens",
        **_SIMPLE,
    ),
    # docs, "Assistant Prefill"; only where the model behind it goes on as well.
    _at(
        "openrouter",
        "https://openrouter.ai/api/v1",
        _bearer("OPENROUTER_API_KEY"),
        prefill="assistant",
        prefill_models=_PREFILLED_ROUTED,
        reasoning_field="reasoning_details",  # docs, "Reasoning Tokens", preserving reasoning blocks
        cache_points="cache_control",  # docs, "Prompt Caching"
        file_urls=True,  # docs, "PDF Inputs"
        video=True,
        top_k=True,
    ),
    _at(
        "together",
        "https://api.together.xyz/v1",
        _bearer("TOGETHER_API_KEY"),
        env=("TOGETHER_BASE_URL",),
        think_tags=True,
        top_k=True,
        **_SIMPLE,
    ),
    _at(
        "fireworks",
        "https://api.fireworks.ai/inference/v1",
        _bearer("FIREWORKS_API_KEY"),
        reasoning_field="reasoning_content",  # docs, "Reasoning", interleaved thinking
        think_tags=True,
        top_k=True,
        **_SIMPLE,
    ),
    _at(
        "cerebras",
        "https://api.cerebras.ai/v1",
        _bearer("CEREBRAS_API_KEY"),
        env=("CEREBRAS_BASE_URL",),
        max_tokens_field="max_completion_tokens",
        think_tags=True,
        **_PLAIN,
    ),
    # docs, "Chat Completions": system first, then user and assistant in turns; no tools; usage in every chunk.
    _at(
        "perplexity",
        "https://api.perplexity.ai",
        _bearer("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
        one_system_message=True,
        alternating_roles=True,
        stream_usage=False,
        json_mode=False,
        tool_choice=False,
        parallel_tool_calls=False,
        names=False,
        think_tags=True,
        **_SIMPLE,
    ),
    _at(
        "huggingface",
        "https://router.huggingface.co/v1",
        _bearer("HF_TOKEN"),
        think_tags=True,
        **_SIMPLE,
    ),
    _at(
        "nvidia",
        "https://integrate.api.nvidia.com/v1",
        _bearer("NVIDIA_API_KEY"),
        think_tags=True,
        **_SIMPLE,
    ),
    _at(
        "github",
        "https://models.github.ai/inference",
        _bearer("GITHUB_TOKEN", "GITHUB_API_KEY"),
        think_tags=True,
        **_SIMPLE,
    ),
    _at(
        "meta",
        "https://api.llama.com/compat/v1",
        _bearer("LLAMA_API_KEY"),
        max_tokens_field="max_completion_tokens",
        **_SIMPLE,
    ),
    _at(
        "moonshot",
        "https://api.moonshot.ai/v1",
        _bearer("MOONSHOT_API_KEY"),
        json_schema=False,
        reasoning_field="reasoning_content",  # docs, "Use the Kimi K2 Thinking Model": goes back within a tool loop
        **_SIMPLE,
    ),
    # docs, "Chat Completion": tool_choice knows "auto" only, response_format text and json_object.
    _at(
        "zai",
        "https://api.z.ai/api/paas/v4",
        _bearer("ZAI_API_KEY"),
        json_schema=False,
        tool_choice=False,
        parallel_tool_calls=False,
        reasoning_field="reasoning_content",
        **_SIMPLE,
    ),
    _at(
        "zhipu",
        "https://open.bigmodel.cn/api/paas/v4",
        _bearer("ZHIPUAI_API_KEY"),
        json_schema=False,
        tool_choice=False,
        parallel_tool_calls=False,
        reasoning_field="reasoning_content",
        **_SIMPLE,
    ),
    _at(
        "dashscope",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        _bearer("DASHSCOPE_API_KEY"),
        env=("DASHSCOPE_BASE_URL",),
        json_schema=False,  # docs, "Structured output": a few models only; JSON mode everywhere
        strict_tools=False,
        documents="none",
        video=True,
        top_k=True,
    ),
    # docs, "OpenAI API": thinking comes as `<think>` text unless split off, and must come back whole.
    _at(
        "minimax",
        "https://api.minimax.io/v1",
        _bearer("MINIMAX_API_KEY"),
        max_tokens_field="max_completion_tokens",
        json_schema=False,
        json_mode=False,
        tool_choice=False,
        parallel_tool_calls=False,
        reasoning_effort=False,
        reasoning_field="reasoning_details",
        think_tags=True,
        options={"reasoning_split": True},
        **_SIMPLE,
    ),
    _at(
        "sambanova",
        "https://api.sambanova.ai/v1",
        _bearer("SAMBANOVA_API_KEY"),
        think_tags=True,
        **_SIMPLE,
    ),
    # docs, "Compatibility API": schemas go through json_object; parallel_tool_calls is not supported.
    _at(
        "cohere",
        "https://api.cohere.ai/compatibility/v1",
        _bearer("COHERE_API_KEY", "CO_API_KEY"),
        json_schema=False,
        parallel_tool_calls=False,
        names=False,
        **_SIMPLE,
    ),
    # docs, "Cortex REST API"; finish_reason may stay null to the end of a stream.
    _at(
        "snowflake",
        "https://{SNOWFLAKE_ACCOUNT}.snowflakecomputing.com/api/v2/cortex/v1",
        _bearer("SNOWFLAKE_PAT", "SNOWFLAKE_TOKEN"),
        may_omit_finish=True,
        max_tokens_field="max_completion_tokens",
        **_SIMPLE,
    ),
)

CATALOG: Final[Mapping[str, EndpointSpec]] = {spec.name: spec for spec in (*_MAKERS, *_LOCAL, *_HOSTS)}
"""The endpoints that are known by name."""
