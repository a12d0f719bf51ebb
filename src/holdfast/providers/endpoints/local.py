"""Servers that people run themselves."""

from __future__ import annotations

from typing import Final

from holdfast.providers.endpoints.entry import SIMPLE, at, bearer

LOCAL: Final = (
    at(
        "ollama",
        "http://127.0.0.1:11434/v1",
        bearer("OLLAMA_API_KEY", required=False),
        env=("OLLAMA_BASE_URL",),
        may_omit_finish=True,  # finish_reason may stay null to the end
        parallel_tool_calls=False,  # not among the supported fields (Ollama docs, "OpenAI compatibility")
        reasoning_field="reasoning",
        think_tags=True,
        **SIMPLE,
    ),
    at(
        "ollama-cloud",
        "https://ollama.com/v1",
        bearer("OLLAMA_API_KEY"),
        provider="ollama",
        may_omit_finish=True,
        parallel_tool_calls=False,
        reasoning_field="reasoning",
        think_tags=True,
        **SIMPLE,
    ),
    # vLLM docs, "OpenAI-Compatible Server", extra parameters; SGLang takes the same.
    at(
        "vllm",
        "http://127.0.0.1:8000/v1",
        bearer("VLLM_API_KEY", required=False),
        env=("VLLM_BASE_URL",),
        prefill="continue_final_message",
        think_tags=True,
        top_k=True,
        video=True,
        documents="none",
    ),
    at(
        "sglang",
        "http://127.0.0.1:30000/v1",
        bearer("SGLANG_API_KEY", required=False),
        env=("SGLANG_BASE_URL",),
        prefill="continue_final_message",
        think_tags=True,
        top_k=True,
        video=True,
        documents="none",
    ),
    at(
        "lmstudio",
        "http://127.0.0.1:1234/v1",
        bearer("LMSTUDIO_API_KEY", required=False),
        env=("LMSTUDIO_BASE_URL",),
        json_mode=False,  # "'response_format.type' must be 'json_schema' or 'text'"
        think_tags=True,
        **SIMPLE,
    ),
    # llama-server continues a last assistant message unless started with --no-prefill-assistant (its README).
    at(
        "llamacpp",
        "http://127.0.0.1:8080/v1",
        bearer("LLAMA_SERVER_API_KEY", required=False),
        env=("LLAMACPP_BASE_URL",),
        prefill="assistant",
        think_tags=True,
        top_k=True,
        documents="none",
        strict_tools=False,
    ),
)
