"""What is known of each family of models about tokens, as data. A model is looked up by its name; none is unknown.

`ratio` is the first guess of true tokens per token of `vocabulary`; what usage teaches replaces it. Where a provider
publishes no rule the numbers are users' measurements, and `exact` is False.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from msgspec import Struct

from holdfast.context.images import (
    CLAUDE,
    CLAUDE_HIGH,
    GEMINI_CROPS,
    GEMINI_FLAT,
    OPENAI_PATCHES_12,
    OPENAI_PATCHES_O4,
    OPENAI_PATCHES_WIDE,
    OPENAI_TILES,
    OPENAI_TILES_5,
    UNKNOWN,
    ImageRule,
)


class Family(Struct, frozen=True, kw_only=True):
    """How one family counts.

    - `exact`: whether `vocabulary` is the model's own; `framed`: whether the framing is published as well, so that a
      request of plain words is counted exactly.
    - `per_message`, `per_name`, `priming`: tokens around each message, for a name, and before the answer.
    - `per_call`, `per_result`: tokens around a tool call and its result; `per_parallel_call`: more around each of
      several calls in one answer; `per_answer`: around an answer that calls no tool.
    - `tool_prompt`, `per_tool`: hidden text when there are tools, and around each one.
    - `declarations`: tools are rendered as declarations (OpenAI), not as their JSON.
    - `replays_thinking`: whether a turn's thinking is sent back with the history; `keeps_thinking`: whether it counts
      once the turn is over.
    - `window`, `output`: tokens, where the registries are known to be wrong.
    """

    name: str
    vocabulary: str = "o200k_base"
    exact: bool = False
    framed: bool = False
    ratio: float = 1.0
    per_message: int = 4
    per_name: int = 1
    priming: int = 3
    per_call: int = 8
    per_parallel_call: int = 0
    per_result: int = 4
    per_answer: int = 0
    tool_prompt: int = 0
    per_tool: int = 7
    declarations: bool = False
    replays_thinking: bool = True
    keeps_thinking: bool = True
    images: ImageRule = UNKNOWN
    per_page: int = 1000
    audio_second: float = 32.0
    window: int | None = None
    output: int | None = None


def _openai(name: str, images: ImageRule, **differences: object) -> Family:
    # OpenAI cookbook, "How to count tokens with tiktoken": 3 per message, its role's one token, 3 before the answer,
    # 7 per function (10 for gpt-4 and gpt-3.5) and 12 after the last. Calls and results, and what differs for reasoning
    # models (2 before the answer, a longer preamble for tools), are not published: from recorded usages.
    fields = {
        "exact": True,
        "framed": True,
        "declarations": True,
        "tool_prompt": 12,
        "replays_thinking": False,
        "per_parallel_call": 6,
        "per_result": 5,
        "images": images,
        "audio_second": 10.0,
        **differences,
    }
    return Family(name=name, **fields)  # type: ignore[arg-type]  # the fields above


_REASONING: Final = {"framed": False, "priming": 2, "tool_prompt": 70, "per_answer": 8}


def _claude(name: str, ratio: float, images: ImageRule, **differences: int) -> Family:
    # Anthropic docs, "Tool use", "Pricing": 346 hidden tokens with tools on Claude 4; recorded usages show 150 more.
    # "PDF support": 1 500 to 3 000 a page; "Extended thinking": thinking of past turns does not count up to 4.5.
    fields = {"tool_prompt": 490, "per_tool": 12, "per_call": 30, "per_result": 8, "per_page": 2500, **differences}
    return Family(name=name, ratio=ratio, images=images, **fields)  # type: ignore[arg-type]  # the fields above


# Anthropic docs, "Models overview": from Opus 4.7 and Sonnet 5 on a new tokenizer, about 30 % more tokens.
# Gemini docs, "Understand and count tokens": 258 a page, 32 a second of sound.
_FAMILIES: Final = (
    (r"gpt-4o|gpt-4\.1|gpt-4\.5|chatgpt-4o", _openai("gpt-4o", OPENAI_TILES)),
    (r"gpt-4\b|gpt-4-|gpt-3\.5|gpt-35", _openai("gpt-4", OPENAI_TILES, vocabulary="cl100k_base", per_tool=10)),
    (r"gpt-5(\.\d+)?-(mini|nano)|gpt-5\.[2-4]", _openai("gpt-5-mini", OPENAI_PATCHES_12, **_REASONING)),
    (r"gpt-5\.[5-9]|gpt-[6-9]", _openai("gpt-6", OPENAI_PATCHES_WIDE, **_REASONING)),
    (r"gpt-5", _openai("gpt-5", OPENAI_TILES_5, **_REASONING)),
    (r"gpt-oss", Family(name="gpt-oss", exact=True, declarations=True, tool_prompt=12, priming=63)),
    (r"\bo4", _openai("o4", OPENAI_PATCHES_O4, **_REASONING)),
    (r"\bo[13]\b", _openai("o3", OPENAI_TILES, **_REASONING)),
    (
        r"claude-(opus-4[-.][7-9]|(opus|sonnet|haiku|fable|mythos)-([5-9]|\d\d)(\b|[-.]))",
        _claude("claude-5", 1.45, CLAUDE_HIGH),
    ),
    (r"claude-(opus|sonnet)-4[-.]6", _claude("claude-4.6", 1.10, CLAUDE, window=1_000_000)),
    (r"claude-3-opus", _claude("claude-3-opus", 1.10, CLAUDE, tool_prompt=530, window=200_000, keeps_thinking=False)),
    (r"claude-3-haiku", _claude("claude-3-haiku", 1.10, CLAUDE, tool_prompt=264, window=200_000, keeps_thinking=False)),
    (r"claude", _claude("claude", 1.10, CLAUDE, window=200_000, keeps_thinking=False)),
    # Recorded usages: Vertex does not count the reasoning that thought signatures send back, AI Studio does.
    (
        r"vertex.*gemini-[3-9]",
        Family(
            name="gemini-vertex",
            ratio=1.05,
            images=GEMINI_FLAT,
            per_page=560,
            per_message=0,
            priming=0,
            per_result=8,
            replays_thinking=False,
        ),
    ),
    (
        r"gemini-(1|2)",
        Family(name="gemini-2", ratio=1.05, images=GEMINI_CROPS, per_page=258, per_message=0, priming=0, per_result=14),
    ),
    (
        r"gemini",
        Family(name="gemini", ratio=1.05, images=GEMINI_FLAT, per_page=560, per_message=0, priming=0, per_result=14),
    ),
    (r"nova-2", Family(name="nova-2", per_message=0, priming=0, per_result=24, tool_prompt=840)),
    (r"amazon\.nova|\bnova-", Family(name="nova", per_message=0, priming=0, per_result=24, tool_prompt=350)),
    (r"gemma", Family(name="gemma", ratio=1.05, images=GEMINI_CROPS)),
    (
        r"mi[sx]tral|codestral|pixtral|devstral|magistral",
        Family(name="mistral", exact=True, vocabulary="mistral_v3", per_message=3, priming=0),
    ),
    (r"deepseek", Family(name="deepseek", exact=True, vocabulary="deepseek_v3")),
    (r"qwen|qwq", Family(name="qwen", exact=True, vocabulary="qwen3", per_message=5)),
    (r"llama-?3", Family(name="llama3", exact=True, vocabulary="llama3", per_message=5)),
    (r"llama", Family(name="llama", ratio=1.10)),
    (r"glm", Family(name="glm", exact=True, vocabulary="glm4")),
    (r"kimi|moonshot", Family(name="kimi", exact=True, vocabulary="kimi_k2")),
    (r"phi-?4", Family(name="phi", exact=True, vocabulary="phi4")),
    (r"gpt-?4", _openai("gpt-4o", OPENAI_TILES)),
)
_TABLE: Final = tuple((re.compile(pattern), family) for pattern, family in _FAMILIES)

ANY: Final = Family(name="any", ratio=1.05)
"""What is taken for a name that no row knows."""


@lru_cache(maxsize=1024)
def family_of(model: str) -> Family:
    """The family of a model by its whole name (`"openai/gpt-5-mini"`, `"bedrock/eu.anthropic.claude-..."`)."""
    name = model.lower()
    return next((family for pattern, family in _TABLE if pattern.search(name)), ANY)
