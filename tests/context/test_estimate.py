"""The estimator against models whose tokens are others': hidden tokens, another tokenizer, one usage per call."""
# random histories are no secrets

from random import Random

import pytest

from holdfast.context.count import Counter
from holdfast.context.tokenizer import tokenizer
from holdfast.messages import AssistantMessage, SystemMessage, ToolCall, ToolMessage, ToolResult, UserMessage
from holdfast.request import Request
from holdfast.usage import Usage

pytest.importorskip("splintr")

HIDDEN = 1500  # a tool prompt that nobody publishes
PROSE = [
    "the",
    "agent",
    "reads",
    "a",
    "file",
    "and",
    "finds",
    "that",
    "every",
    "line",
    "of",
    "it",
    "holds",
    "one",
    "more",
    "value",
    "than",
    "it",
    "had",
    "before",
]
CHINESE = "代理读取文件并发现每一行都比上一个版本多一个值"


def prose(random: Random, size: int) -> str:
    return " ".join(random.choices(PROSE, k=size))


def json_and_hex(random: Random, size: int) -> str:
    return "".join(f'{{"id":"{random.getrandbits(64):016x}","n":{random.randrange(1000)}}},' for _ in range(size // 8))


def chinese(random: Random, size: int) -> str:
    return "".join(random.choices(CHINESE, k=size))


def agent(random: Random, results) -> list:
    log = [SystemMessage(prose(random, 100)), UserMessage(prose(random, 50))]
    for step in range(200):
        log.append(AssistantMessage([ToolCall(f"c{step}", "read", f'{{"path": "src/{step}.py"}}')]))
        log.append(ToolMessage([ToolResult(f"c{step}", results(random, int(random.lognormvariate(5, 1))))]))
    return log


def billed(message, vocabulary: str) -> int:
    engine = tokenizer(vocabulary)
    calls = message.tool_calls if isinstance(message, AssistantMessage) else ()
    return 6 + engine.count(message.text) + sum(12 + engine.count(call.name + call.arguments) for call in calls)


@pytest.mark.parametrize(
    ("vocabulary", "results", "mean", "worst"),
    [
        ("o200k_base", prose, 0.001, 0.01),
        ("o200k_base", chinese, 0.001, 0.01),
        ("llama3", chinese, 0.001, 0.01),
        ("mistral_v3", chinese, 0.001, 0.01),
        ("mistral_v3", json_and_hex, 0.003, 0.10),
        ("deepseek_v3", json_and_hex, 0.001, 0.01),
    ],
)
def test_calls_are_estimated_closely_whatever_the_tokenizer(vocabulary, results, mean, worst):
    log, counter, errors = agent(Random(4), results), Counter(), []
    truth = HIDDEN + sum(billed(message, vocabulary) for message in log[:2])
    for end in range(2, len(log), 2):
        request = Request(messages=tuple(log[:end]))
        errors.append((counter.count(request, "x/y").tokens - truth) / truth)
        reply = billed(log[end], vocabulary)
        counter.observe(request, Usage(input_tokens=truth, output_tokens=reply), "x/y")
        truth += reply + billed(log[end + 1], vocabulary)
    later = errors[1:]
    assert sum(map(abs, later)) / len(later) < mean
    assert min(later) > -worst
