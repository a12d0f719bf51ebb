"""Servers that broke."""

from __future__ import annotations

from typing import Final

from holdfast.errors import ServerError
from holdfast.providers.failures.phrases import near, then
from holdfast.providers.failures.rule import Rule

NOT_LOADED: Final = Rule(
    name="model-does-not-load",
    error=ServerError,
    source="Ollama 500 'model requires more system memory'; llama.cpp, vLLM: out of memory while loading",
    phrases=(
        "unable to load model",
        "error loading model",
        "system memory",
        "load the model ... memory",
        "failed to load model",
        "unable to allocate",
    ),
    retry_same=False,
    meaning="The server's machine cannot load the model, most often for want of memory.",
    advice="Free memory there, take a smaller model, or use another endpoint.",
)

DEGRADED: Final = Rule(
    name="degraded-deployment",
    error=ServerError,
    source="NVIDIA 400 'DEGRADED function cannot be invoked'; Cloudflare AI Gateway 400 with code 2005",
    phrases=(
        "degraded function",
        "function is degraded",
        "failed to get response from provider",
    ),
    meaning="What serves the model is broken, though the status blames the request.",
)

RULES: Final = (
    Rule(
        name="broke-inside",
        error=ServerError,
        source="OpenAI 'server_error'; Anthropic 'api_error'; Google INTERNAL; AWS InternalServerException",
        codes=(
            "internalserverexception",
            "internalfailure",
            "vector_store_timeout",
            "bad_response_status_code",
            "do_request_failed",
        ),
        phrases=(
            "系统异常",
            "服务器异常",
            "服务端错误",
            "finish_reason error",
            "error processing your request",
            "encountered an unexpected error",
            "unexpected error while",
            "failed to process",
            "internal exception",
            "internal failure",
            "engine error",
            "engine died",
            "oom",
            "out of memory",
            "segmentation fault",
            "assertion failed",
            "系统错误",
            "未知错误",
            "internal error encountered",
            "server had an error",
            "an error occurred while processing your request",
            "internal error has occurred",
            "bad gateway",
            "web server is returning an unknown error",
            "web server is down",
            "origin is unreachable",
            "cuda error",
            "enginecore encountered an issue",
            "enginedeaderror",
            "llama runner process",
            "内部错误",
            "服务器错误",
            "服务异常",
            "error in processing",
        ),
        pairs=(
            then("provider", "returned error"),
            then("upstream", "error, request failed"),
            then("something", "went wrong"),
            then("server", "error"),
            then("system", "error"),
            near(
                "server internal upstream backend provider process engine runner worker gpu cuda memory query",
                "error, failed, failure, crashed, died, dead, terminated, insufficient, unexpected, "
                "unexpectedly, stopped, exited",
            ),
        ),
        vague=(
            "server_error",
            "internal_error",
            "internal_server_error",
            "internalservererror",
            "upstream_error",
            "bad_gateway",
            "badgateway",
            "provider_error",
            "provider_unavailable",
        ),
        hints=(
            "request failed",
            "processing your request",
            "rst_stream",
            "vram",
            "crashed",
            "error occurred",
            "unable to process",
            "something wrong",
            "failure",
            "internal error",
            "unknown error",
            "unexpected error",
            # in other languages
            "服务端",
            "服务器",
            "内部",
            "サーバーエラー",
            "내부 오류",
            "서버 오류",
            "error interno",
            "erro interno",
            "erreur interne",
            "interner fehler",
            "внутренняя ошибка",
            "ошибка сервера",
        ),
        not_at=(400, 401, 402, 403, 404, 408, 413, 422, 429, 503, 504, 524, 529),
        meaning="The provider broke.",
    ),
)
"""Rules of `ServerError`."""
