"""What is fitted is accepted by every wire: a cut log encodes wherever the whole one does."""
# random histories are no secrets

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.histories import history
from holdfast.context.families import family_of
from holdfast.context.fit import fit
from holdfast.context.ledger import Ledger
from holdfast.context.strategies import STRATEGIES
from holdfast.context.view import WHOLE, render
from holdfast.errors import ContextOverflowError, InvalidRequestError
from holdfast.messages import UserMessage
from holdfast.providers.catalog import make_codec
from holdfast.providers.codec import Dialect
from holdfast.request import Request, Settings, Tool

TOOL = Tool("read_file", "Read a file.", {"type": "object", "properties": {"path": {"type": "string"}}})
CODECS = {
    "openai_chat": "gpt-4o",
    "openai_responses": "gpt-5",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-3-pro",
    "bedrock": "anthropic.claude-sonnet-4-5-v1:0",
}


def encodes(codec: str, messages: tuple) -> bool:
    request = Request(messages=messages, tools=(TOOL,), settings=Settings(max_tokens=100))
    try:
        make_codec(codec, Dialect(provider=codec, one_system_message=True)).encode(request, CODECS[codec])
    except InvalidRequestError:
        return False
    return True


def check(seed: int, steps: int, share: float) -> None:
    log = history(Random(seed), steps)
    if not any(isinstance(message, UserMessage) for message in log):
        return
    ledger = Ledger(log, family=family_of("openai/gpt-4o"))
    try:
        sent = render(ledger, fit(ledger, WHOLE, int(ledger.total * share), strategies=STRATEGIES))
    except ContextOverflowError:
        return
    for codec in CODECS:
        assert encodes(codec, sent) or not encodes(codec, tuple(log)), codec


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(0, 30), share=st.floats(0.02, 0.9))
def test_a_cut_log_encodes_wherever_the_whole_one_does(seed, steps, share):
    check(seed, steps, share)


@pytest.mark.parametrize("codec", CODECS)
def test_most_random_logs_encode_at_all(codec):
    logs = [tuple(history(Random(seed), 10)) for seed in range(30)]
    assert sum(encodes(codec, log) for log in logs) > 20
