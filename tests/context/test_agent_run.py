"""Five hundred turns against a model whose window is small, shrinks, or lies, and whose tokens are not ours."""

from random import Random

import pytest

from context.histories import broken_laws
from holdfast.context.conversation import Conversation
from holdfast.context.limits import limit_results, result_limits
from holdfast.context.overflow import repair
from holdfast.context.tokenizer import tokenizer
from holdfast.errors import ContextOverflowError, Limit
from holdfast.messages import AssistantMessage, SystemMessage, Text, ToolCall, ToolMessage, ToolResult, UserMessage
from holdfast.request import Request, Settings
from holdfast.usage import Usage

pytest.importorskip("splintr")

MODEL, HIDDEN, TURNS = "x/y", 1000, 500


class Provider:
    """Counts with a tokenizer of its own, adds hidden tokens, and enforces its window in its own way."""

    def __init__(self, manner: str) -> None:
        self.manner = manner
        self.window = 16_000
        self.refused = 0
        self._sizes: dict[int, tuple] = {}

    def answer(self, request: Request, turn: int) -> Usage:
        window = self.window // 2 if self.manner == "shrinks" and turn > TURNS // 2 else self.window
        used = HIDDEN + sum(5 + self.size(message) for message in request.messages)
        asked = request.settings.max_tokens
        if used + asked <= window:
            return Usage(input_tokens=used, output_tokens=40)
        if self.manner == "cuts":
            return Usage(input_tokens=min(used, window - asked), output_tokens=40)
        self.refused += 1
        stated = {"lies": 2 * window, "silent": None}.get(self.manner, window)
        numbers = Limit(max_tokens=stated, input_tokens=used, output_tokens=asked) if stated else None
        raise ContextOverflowError("too long", limit=numbers)

    def size(self, message) -> int:
        known = self._sizes.get(id(message))
        if known is None:
            known = self._sizes[id(message)] = (message, self.count(message))
        return known[1]

    def count(self, message) -> int:
        calls = message.tool_calls if isinstance(message, AssistantMessage) else ()
        engine = tokenizer("mistral_v3")
        return engine.count(message.text) + sum(10 + engine.count(call.arguments) for call in calls)


def run(manner: str, seed: int) -> tuple[Provider, Conversation, int]:
    """The loop of an agent: fit, send, repair at most twice, observe, go on. Says how often a prompt was cut unasked."""
    random, provider, cut = Random(seed), Provider(manner), 0
    talk = Conversation([SystemMessage("You read logs."), UserMessage("TASK find the fault")])
    base = Request(messages=(), settings=Settings(max_tokens=1000))
    for turn in range(TURNS):
        request = fitted = talk.fit(base, MODEL)
        for _ in range(3):
            try:
                usage = provider.answer(request, turn)
                break
            except ContextOverflowError as error:
                request = repair(request, error, MODEL, counter=talk.counter, windows=talk.windows)
        assert not broken_laws(list(talk.messages), request.messages)
        if request is fitted:
            cut += not talk.observe(base, usage, MODEL)
        talk.append(AssistantMessage([Text(f"Step {turn}."), ToolCall(f"c{turn}", "tail", f'{{"n": {turn}}}')]))
        printed = f"{random.getrandbits(60):x} value\n" * int(random.lognormvariate(4, 1.5))
        result = ToolMessage([ToolResult(f"c{turn}", printed, "tail")])
        talk.append(limit_results(result, result_limits(talk.budget(base, MODEL))))
        if random.random() < 0.05:
            talk.append(AssistantMessage("So far, so good."))
            talk.append(UserMessage(f"USER{turn} go on"))
    return provider, talk, cut


@pytest.mark.parametrize(("manner", "refusals"), [("states", 4), ("shrinks", 8), ("silent", 12), ("lies", 12)])
def test_every_turn_is_answered(manner, refusals):
    provider, talk, _ = run(manner, 7)
    assert len(talk.messages) > 2 * TURNS
    assert 0 < provider.refused <= refusals
    assert talk.windows.window(MODEL) <= 17_000


def test_a_provider_that_cuts_without_a_word_is_noticed():
    provider, talk, cut = run("cuts", 7)
    assert provider.refused == 0
    assert cut > 10
    assert talk.windows.find(MODEL).source == "default"
