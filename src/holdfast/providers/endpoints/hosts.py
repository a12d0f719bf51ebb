"""Services that host models, their own or others', behind OpenAI's chat wire."""

from __future__ import annotations

from typing import Final

from holdfast.providers.endpoints.entry import PLAIN, PREFILLED_ROUTED, SIMPLE, at, bearer

HOSTS: Final = (
    at(
        "groq",
        "https://api.groq.com/openai/v1",
        bearer("GROQ_API_KEY"),
        env=("GROQ_BASE_URL",),
        prefill="assistant",  # docs, "Assistant Message Prefilling": text-to-text models
        prefill_models=("llama", "gemma"),
        max_tokens_field="max_completion_tokens",
        json_schema=False,  # few models take one (docs, "Structured Outputs"); all take JSON mode
        think_tags=True,  # `reasoning_format` is "raw" unless set (docs, "Reasoning")
        **SIMPLE,
    ),
    at(
        "deepseek",
        "https://api.deepseek.com",
        bearer("DEEPSEEK_API_KEY"),
        json_schema=False,  # docs, "JSON Output"
        parallel_tool_calls=False,
        images=False,
        reasoning_field="reasoning_content",  # docs, "Thinking Mode": goes back within a tool loop
        **SIMPLE,
    ),
    at(
        "deepseek-responses",
        "https://api.deepseek.com",
        bearer("DEEPSEEK_API_KEY"),
        codec="openai_responses",
        provider="deepseek",
        images=False,
        json_schema=False,
        strict_tools=False,
    ),
    # The beta surface adds the prefix flag and strict tools (docs, "Chat Prefix Completion (Beta)").
    at(
        "deepseek-beta",
        "https://api.deepseek.com/beta",
        bearer("DEEPSEEK_API_KEY"),
        provider="deepseek",
        prefill="prefix_flag",
        json_schema=False,
        parallel_tool_calls=False,
        images=False,
        reasoning_field="reasoning_content",
        **PLAIN,
    ),
    at(
        "mistral",
        "https://api.mistral.ai/v1",
        bearer("MISTRAL_API_KEY"),
        prefill="prefix_flag",  # docs, "Prefix"
        tool_id_pattern=r"[a-zA-Z0-9]{9}",  # "Tool call id ... must be a-z, A-Z, 0-9, with a length of 9"
        names=False,
        user_after_tool=False,  # "Unexpected role 'user' after role 'tool'"
        stream_usage=False,  # the last chunk has it unasked; unknown fields are refused
        seed_field="random_seed",
        documents="document_url",
        reasoning_field="content",
    ),
    at(
        "xai",
        "https://api.x.ai/v1",
        bearer("XAI_API_KEY"),
        max_tokens_field="max_completion_tokens",
        **SIMPLE,
    ),
    # docs, "Assistant Prefill"; only where the model behind it goes on as well.
    at(
        "openrouter",
        "https://openrouter.ai/api/v1",
        bearer("OPENROUTER_API_KEY"),
        prefill="assistant",
        prefill_models=PREFILLED_ROUTED,
        reasoning_field="reasoning_details",  # docs, "Reasoning Tokens", preserving reasoning blocks
        cache_points="cache_control",  # docs, "Prompt Caching"
        file_urls=True,  # docs, "PDF Inputs"
        video=True,
        top_k=True,
    ),
    at(
        "openrouter-responses",
        "https://openrouter.ai/api/v1",
        bearer("OPENROUTER_API_KEY"),
        codec="openai_responses",
        provider="openrouter",
    ),
    at(
        "together",
        "https://api.together.xyz/v1",
        bearer("TOGETHER_API_KEY"),
        env=("TOGETHER_BASE_URL",),
        think_tags=True,
        top_k=True,
        **SIMPLE,
    ),
    at(
        "fireworks",
        "https://api.fireworks.ai/inference/v1",
        bearer("FIREWORKS_API_KEY"),
        reasoning_field="reasoning_content",  # docs, "Reasoning", interleaved thinking
        think_tags=True,
        top_k=True,
        **SIMPLE,
    ),
    at(
        "cerebras",
        "https://api.cerebras.ai/v1",
        bearer("CEREBRAS_API_KEY"),
        env=("CEREBRAS_BASE_URL",),
        max_tokens_field="max_completion_tokens",
        think_tags=True,
        **PLAIN,
    ),
    # Users (or tools) and the assistant alternate, after the system messages (the API's own complaint); every chunk has
    # the usage so far (docs, "Chat Completions").
    at(
        "perplexity",
        "https://api.perplexity.ai",
        bearer("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
        one_system_message=True,
        alternating_roles=True,
        stream_usage=False,
        json_mode=False,
        tool_choice=False,
        parallel_tool_calls=False,
        names=False,
        think_tags=True,
        **SIMPLE,
    ),
    at(
        "huggingface",
        "https://router.huggingface.co/v1",
        bearer("HF_TOKEN"),
        think_tags=True,
        **SIMPLE,
    ),
    at(
        "nvidia",
        "https://integrate.api.nvidia.com/v1",
        bearer("NVIDIA_API_KEY"),
        think_tags=True,
        **SIMPLE,
    ),
    at(
        "github",
        "https://models.github.ai/inference",
        bearer("GITHUB_TOKEN", "GITHUB_API_KEY"),
        think_tags=True,
        **SIMPLE,
    ),
    at(
        "meta",
        "https://api.llama.com/compat/v1",
        bearer("LLAMA_API_KEY"),
        max_tokens_field="max_completion_tokens",
        **SIMPLE,
    ),
    at(
        "moonshot",
        "https://api.moonshot.ai/v1",
        bearer("MOONSHOT_API_KEY"),
        max_tokens_field="max_completion_tokens",  # docs, "Create Chat Completion": `max_tokens` is deprecated
        json_schema=False,
        video=True,
        reasoning_field="reasoning_content",  # docs, "Use the Kimi K2 Thinking Model": goes back within a tool loop
        **SIMPLE,
    ),
    # docs, "Chat Completion": tool_choice knows "auto" only, response_format text and json_object.
    at(
        "zai",
        "https://api.z.ai/api/paas/v4",
        bearer("ZAI_API_KEY"),
        json_schema=False,
        tool_choice=False,
        parallel_tool_calls=False,
        reasoning_field="reasoning_content",
        **SIMPLE,
    ),
    at(
        "zhipu",
        "https://open.bigmodel.cn/api/paas/v4",
        bearer("ZHIPUAI_API_KEY"),
        json_schema=False,
        tool_choice=False,
        parallel_tool_calls=False,
        reasoning_field="reasoning_content",
        **SIMPLE,
    ),
    at(
        "dashscope",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        bearer("DASHSCOPE_API_KEY"),
        env=("DASHSCOPE_BASE_URL",),
        json_schema=False,  # docs, "Structured output": a few models only; JSON mode everywhere
        strict_tools=False,
        documents="none",
        video=True,
        top_k=True,
    ),
    # docs, "OpenAI API": thinking comes as `<think>` text unless split off, and must come back whole.
    at(
        "minimax",
        "https://api.minimax.io/v1",
        bearer("MINIMAX_API_KEY"),
        max_tokens_field="max_completion_tokens",
        json_schema=False,
        json_mode=False,
        tool_choice=False,
        parallel_tool_calls=False,
        reasoning_effort=False,
        reasoning_field="reasoning_details",
        think_tags=True,
        options={"reasoning_split": True},
        **SIMPLE,
    ),
    at(
        "sambanova",
        "https://api.sambanova.ai/v1",
        bearer("SAMBANOVA_API_KEY"),
        think_tags=True,
        **SIMPLE,
    ),
    # docs, "Compatibility API": schemas go through json_object; parallel_tool_calls is not supported.
    at(
        "cohere",
        "https://api.cohere.ai/compatibility/v1",
        bearer("COHERE_API_KEY", "CO_API_KEY"),
        json_schema=False,
        parallel_tool_calls=False,
        names=False,
        **SIMPLE,
    ),
    # docs, "Cortex REST API"; finish_reason may stay null to the end of a stream.
    at(
        "snowflake",
        "https://{SNOWFLAKE_ACCOUNT}.snowflakecomputing.com/api/v2/cortex/v1",
        bearer("SNOWFLAKE_PAT", "SNOWFLAKE_TOKEN"),
        may_omit_finish=True,
        max_tokens_field="max_completion_tokens",
        **SIMPLE,
    ),
)
