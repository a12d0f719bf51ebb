"""Which provider a text speaks of: by the host it names, or by a wrapper's name for it."""

from __future__ import annotations

import re
from typing import Final

_HOSTS: Final = (
    ("openai.azure.com", "azure"),
    ("cognitiveservices.azure.com", "azure"),
    ("services.ai.azure.com", "azure"),
    ("azure openai", "azure"),
    ("azureexception", "azure"),
    ("openrouter", "openrouter"),
    ("api.anthropic.com", "anthropic"),
    ("anthropic", "anthropic"),
    ("generativelanguage.googleapis.com", "google"),
    ("aiplatform.googleapis.com", "vertex"),
    ("vertex", "vertex"),
    ("gemini", "google"),
    ("bedrock", "bedrock"),
    ("amazonaws.com", "bedrock"),
    ("botocore", "bedrock"),
    ("groq", "groq"),
    ("deepseek", "deepseek"),
    ("mistral", "mistral"),
    ("api.x.ai", "xai"),
    ("grok.com", "xai"),
    ("xaiexception", "xai"),
    ("together", "together"),
    ("fireworks", "fireworks"),
    ("cerebras", "cerebras"),
    ("cohere", "cohere"),
    ("huggingface", "huggingface"),
    ("dashscope", "dashscope"),
    ("aliyun", "dashscope"),
    ("bigmodel.cn", "zhipu"),
    ("api.z.ai", "zai"),
    ("minimax", "minimax"),
    ("moonshot", "moonshot"),
    ("volcengine", "volcengine"),
    ("volces.com", "volcengine"),
    ("siliconflow", "siliconflow"),
    ("watsonx", "watsonx"),
    ("databricks", "databricks"),
    ("snowflake", "snowflake"),
    ("nvidia", "nvidia"),
    ("githubcopilot", "github-copilot"),
    ("models.github.ai", "github-models"),
    ("sambanova", "sambanova"),
    ("perplexity", "perplexity"),
    ("replicate", "replicate"),
    ("ollama", "ollama"),
    ("vllm", "vllm"),
    ("llama.cpp", "llama.cpp"),
    ("lm studio", "lmstudio"),
    ("api.openai.com", "openai"),
    ("openai.com", "openai"),
)
_OPENAI: Final = re.compile(r"openaiexception|aka\.ms/oai|\bgpt-[345]", re.IGNORECASE)
_BOUND: Final = 4_000


def origin_of(text: str) -> str | None:
    """The name of the provider that the beginning of `text` names, or None."""
    line = text[:_BOUND].lower()
    found = next((name for part, name in _HOSTS if part in line), None)
    return found or ("openai" if _OPENAI.search(line) else None)
