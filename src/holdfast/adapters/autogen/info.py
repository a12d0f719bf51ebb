"""What AutoGen asks about a model, for a whole chain: what every one of its models can do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from autogen_core.models import ModelFamily, ModelInfo, validate_model_info

from holdfast.errors import ConfigurationError
from holdfast.providers.catalog import CATALOG
from holdfast.providers.codec import Dialect

_FAMILIES: Final = tuple(
    (re.compile(pattern), family)
    for pattern, family in (
        (r"gpt-5", ModelFamily.GPT_5),
        (r"gpt-4\.1", ModelFamily.GPT_41),
        (r"gpt-4\.5", ModelFamily.GPT_45),
        (r"gpt-4o", ModelFamily.GPT_4O),
        (r"gpt-4", ModelFamily.GPT_4),
        (r"gpt-3\.?5", ModelFamily.GPT_35),
        (r"\bo1\b", ModelFamily.O1),
        (r"\bo3\b", ModelFamily.O3),
        (r"\bo4\b", ModelFamily.O4),
        (r"deepseek-r1|deepseek-reasoner", ModelFamily.R1),
        (r"gemini-1\.5-flash", ModelFamily.GEMINI_1_5_FLASH),
        (r"gemini-1\.5-pro", ModelFamily.GEMINI_1_5_PRO),
        (r"gemini-2\.0-flash", ModelFamily.GEMINI_2_0_FLASH),
        (r"gemini-2\.5-flash", ModelFamily.GEMINI_2_5_FLASH),
        (r"gemini", ModelFamily.GEMINI_2_5_PRO),
        (r"claude-3-haiku", ModelFamily.CLAUDE_3_HAIKU),
        (r"claude-3-sonnet", ModelFamily.CLAUDE_3_SONNET),
        (r"claude-3-opus", ModelFamily.CLAUDE_3_OPUS),
        (r"claude-3-5-haiku", ModelFamily.CLAUDE_3_5_HAIKU),
        (r"claude-3-5-sonnet", ModelFamily.CLAUDE_3_5_SONNET),
        (r"claude-3-7-sonnet", ModelFamily.CLAUDE_3_7_SONNET),
        (r"claude-opus", ModelFamily.CLAUDE_4_OPUS),
        (r"claude", ModelFamily.CLAUDE_4_SONNET),
        (r"llama-?3\.3-8b", ModelFamily.LLAMA_3_3_8B),
        (r"llama-?3\.3", ModelFamily.LLAMA_3_3_70B),
        (r"llama-?4-scout", ModelFamily.LLAMA_4_SCOUT),
        (r"llama-?4", ModelFamily.LLAMA_4_MAVERICK),
        (r"codestral-mamba", ModelFamily.OPEN_CODESRAL_MAMBA),
        (r"codestral", ModelFamily.CODESRAL),
        (r"pixtral", ModelFamily.PIXTRAL),
        (r"ministral", ModelFamily.MINISTRAL),
        (r"mi[sx]tral", ModelFamily.MISTRAL),
    )
)
"""AutoGen's names for families, by a model's; newer models go with the family they follow."""

_BLIND: Final = re.compile(
    r"gpt-3\.?5|gpt-4-0|gpt-oss|\bo1-(mini|preview)|\bo3-mini|deepseek|codestral|devstral|magistral|mi[sx]tral-(7b|8x|nemo)"
    r"|llama-?(2|3(?!\.2-(11b|90b)))|qwq|qwen(?!.*(vl|omni))|\bphi-?[34](?!.*vision)|kimi-k2|glm-4(?!.*v\b)|command"
)
"""Models that see no pictures."""


def info_of(names: Iterable[str], stated: Mapping[str, Any] | None = None) -> ModelInfo:
    """The weakest of these models, each called as in `"openai/gpt-5-mini"`; the family is the first one's.

    A structured answer works with every model: where there is no schema, Holdfast asks for one by a tool, by JSON mode
    or in words, and checks what comes.

    Args:
        names: the chain.
        stated: what the caller knows better.

    Raises:
        ConfigurationError: what is stated is not complete enough to be a `ModelInfo`, or names an unknown field.
    """
    chain = [name.lower() for name in names]
    info: ModelInfo = {
        "vision": all(map(_sees, chain)),
        "function_calling": True,
        "json_output": True,
        "family": family_of(chain[0]),
        "structured_output": True,
        "multiple_system_messages": True,
    }
    unknown = sorted(set(stated or ()) - ModelInfo.__annotations__.keys())
    if unknown:
        raise ConfigurationError(
            f"model_info has no {', '.join(unknown)}; it has {', '.join(ModelInfo.__annotations__)}."
        )
    info.update(stated or {})  # type: ignore[typeddict-item]  # its fields were checked just now
    validate_model_info(info)
    return info


def family_of(name: str) -> str:
    """AutoGen's family of a model."""
    return next((family for pattern, family in _FAMILIES if pattern.search(name)), ModelFamily.UNKNOWN)


def _sees(name: str) -> bool:
    spec = CATALOG.get(name.partition("/")[0])
    dialect = spec.dialect if spec is not None else Dialect()
    return dialect.images and not _BLIND.search(name)
