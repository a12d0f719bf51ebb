"""The page docs/failures.md, written from the tables so that it cannot drift.

Run as a module it prints the page: python -m holdfast.providers.failures.page > docs/failures.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Final

from holdfast.errors import ERRORS, ConfigurationError
from holdfast.providers.anthropic.errors import RULES as ANTHROPIC
from holdfast.providers.bedrock.errors import RULES as AWS
from holdfast.providers.failures import compatible, finish, statuses
from holdfast.providers.failures.again import HOPEFUL
from holdfast.providers.failures.guide import DEFAULTS
from holdfast.providers.failures.rule import Rule
from holdfast.providers.failures.wording import (
    answers,
    content,
    keys,
    models,
    money,
    network,
    rates,
    requests,
    rights,
    servers,
    sizes,
    stops,
    windows,
)
from holdfast.providers.gemini.errors import RULES as GOOGLE
from holdfast.providers.openai_chat.errors import RULES as OPENAI
from holdfast.providers.openai_responses.errors import RULES as RESPONSES

_INTRO: Final = """\
# Failures, by their right names

What providers send when a call fails, what it means, and what to do. This page is written from the tables that
Holdfast itself uses (`python -m holdfast.providers.failures.page`); a test fails where they differ.

Proofs are asked in this order: codes that mean one thing only; structured details and numbers; words that mean one
thing only; general codes; words near each other that often mean it; codes that only say that the request is at fault;
hints; the HTTP status alone. What only a pair of words, a hint or a status suggests is marked `certain=False`, and the
first bytes of the body are kept in `error.raw`. "Again" says whether the same request may be
sent to the same endpoint with hope.

```python
from holdfast import classify

error = classify(TimeoutError("no answer"))                            # an exception of any SDK or HTTP library
error = classify("Error code: 429 - {'error': {'code': 'insufficient_quota'}}")                       # a text
error = classify(provider="groq", status=429, headers={"retry-after": "7"}, body="{}")    # the parts of a response
assert error is not None and error.retry_after == 7
```
"""

_SECTIONS: Final[tuple[tuple[str, str, tuple[Rule, ...]], ...]] = (
    ("OpenAI Chat Completions and Azure OpenAI", "", OPENAI),
    ("OpenAI Responses", "Besides those of Chat Completions, and also inside a stream.", RESPONSES),
    ("Anthropic", "400 `invalid_request_error` says little; the words tell.", ANTHROPIC),
    ("Google: Gemini API and Vertex AI", "`status` is a gRPC word; `details` tells more.", GOOGLE),
    ("Amazon Bedrock", "The exception's name is in `x-amzn-errortype`, or `:exception-type` in a stream.", AWS),
    ("Zhipu, Z.ai", "Numbers in `error.code`.", compatible.ZHIPU),
    ("MiniMax", "Numbers in `base_resp.status_code`, or at the end of the message.", compatible.MINIMAX),
    ("Baidu Qianfan", "Numbers in `error_code`.", compatible.BAIDU),
    ("iFlytek Spark", "Numbers in `header.code`.", compatible.SPARK),
    ("SiliconFlow", "Numbers in `code`.", compatible.SILICON),
    ("Cloudflare Workers AI", "Numbers in `errors[].code`.", compatible.CLOUDFLARE),
    ("Other endpoints, by name", "DashScope, Volcengine, Moonshot, Tencent, one-api and others.", compatible.NAMED),
    ("Any server: credit and plans", "", money.RULES),
    ("Any server: rates and capacity", "", (rates.STATED, *rates.RULES)),
    ("Any server: sizes", "", sizes.RULES),
    ("Any server: the window", "", windows.RULES),
    ("Any server: content", "", content.RULES),
    ("Any server: keys", "", keys.RULES),
    ("Any server: models", "", models.RULES),
    ("Any server: rights", "", (*rights.STATED, *rights.RULES)),
    ("Any server: the request", "", (requests.NOT_READ, *requests.RULES)),
    ("What was stopped", "", stops.RULES),
    ("The network and the clock", "", (*network.ENDED_HERE, *network.RULES)),
    ("The answer", "", (answers.QUOTED, *answers.RULES)),
    ("The server", "", (servers.NOT_LOADED, servers.DEGRADED, *servers.RULES)),
    ("Inside a success", "Status 200, and no use.", finish.RULES),
    ("General codes and bare statuses", "Asked last.", statuses.RULES),
)
_SHOWN: Final = 12


def page() -> str:
    """The whole page, as Markdown."""
    return "\n".join([_INTRO, *_classes(), *(line for section in _SECTIONS for line in _section(*section))]) + "\n"


def _classes() -> Iterator[str]:
    yield "## The classes\n"
    yield "| class | what it is | what Holdfast does by default | what you can do |\n|---|---|---|---|"
    for kind, error in ERRORS.items():
        if error is not ConfigurationError:
            yield f"| `{error.__name__}` | {error.what} | {DEFAULTS[kind]} | {error.advice} |"
    yield ""


def _section(title: str, note: str, rules: Iterable[Rule]) -> Iterator[str]:
    yield f"## {title}\n"
    if note:
        yield f"{note}\n"
    yield "| comes over the wire | class | again | what it means; what to do | source |\n|---|---|---|---|---|"
    for rule in rules:
        cells = (
            _wire(rule),
            f"`{rule.error.__name__}`{_facts(rule)}",
            _again(rule),
            _meaning(rule),
            _cell(rule.source),
        )
        yield f"| {' | '.join(cells)} |"
    yield ""


def _wire(rule: Rule) -> str:
    told = [
        _list("", [f"`{code}`" for code in (*rule.codes, *rule.types, *rule.vague)]),
        _list("", [f'"{phrase}"' for phrase in (*rule.phrases, *rule.hints)]),
        _list("status ", [str(status) for status in rule.statuses]),
        "some of these words near each other" if rule.pairs and not rule.phrases else "",
        "details" if rule.test is not None else "",
    ]
    return _cell("; ".join(text for text in told if text) or "see the source")


def _list(head: str, items: list[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return f"{head}{', '.join(items[:_SHOWN])}{more}" if items else ""


def _facts(rule: Rule) -> str:
    facts = [f"`{name}={value}`" for name in ("scope", "quota", "phase") if (value := getattr(rule, name))]
    return f" {', '.join(facts)}" if facts else ""


def _again(rule: Rule) -> str:
    hopeful = rule.retry_same if rule.retry_same is not None else rule.error.kind in HOPEFUL
    return "yes" if hopeful else "no"


def _meaning(rule: Rule) -> str:
    return _cell(f"{rule.meaning or f'{rule.error.what}.'} {rule.advice or rule.error.advice}")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    sys.stdout.write(page())
