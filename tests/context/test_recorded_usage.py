"""Estimates against what providers billed, where recorded traffic is at hand."""

from collections import defaultdict
from itertools import pairwise
from urllib.parse import urlsplit

import msgspec
import pytest

from holdfast.context.count import Counter
from holdfast.errors import ModelError
from holdfast.messages import Message, Text, Thinking, ToolCall, ToolResult
from holdfast.providers.catalog import make_codec, make_service
from holdfast.providers.codec import Dialect, decode_all
from holdfast.request import Request
from holdfast.response import Response, fold
from recordings import Recording, recordings

pytest.importorskip("splintr")

CODECS = {
    "openai_chat": ("openai_chat", "openai"),
    "openai_responses": ("openai_responses", "openai"),
    "anthropic_messages": ("anthropic", "anthropic"),
    "google_generate": ("gemini", "google"),
    "bedrock_converse": ("bedrock", "bedrock"),
    "mistral_chat": ("openai_chat", "mistral"),
    "deepseek_chat": ("openai_chat", "deepseek"),
}


class Call(msgspec.Struct):
    model: str
    number: int
    request: Request
    response: Response


def read(recording: Recording) -> Call | None:
    """The recorded call in our values; None for one that failed or cannot be read."""
    codec, provider = CODECS[recording.api]
    if recording.status != 200 or recording.request is None:
        return None
    data = recording.data
    provider = "vertex" if data["via"] == "vertex" else provider
    try:
        path, body = urlsplit(data["request"]["uri"]).path, msgspec.json.encode(recording.request)
        served = make_service(codec).read(path, {}, body)
        decoder = make_codec(codec, Dialect(provider=provider)).decoder(served.request, served.model, recording.headers)
        response = fold(decode_all(decoder, [recording.body]))
    except ModelError:
        return None
    return Call(f"{provider}/{data['model'] or served.model}", data["interaction"], served.request, response)


def calls() -> dict[tuple[str, str], list[Call]]:
    """The calls of each recorded run with each model, in order."""
    runs = defaultdict(list)
    for recording in recordings(*CODECS):
        call = read(recording)
        if call is not None and call.response.usage.input_tokens:
            runs[recording.api + recording.data["path"], call.model].append(call)
    return {key: sorted(run, key=lambda call: call.number) for key, run in runs.items()}


def goes_on(one: Call, other: Call) -> bool:
    """Whether the second call continues the first with words, calls and results, and no tool changed."""
    size = len(one.request.messages)
    before, after = one.request, other.request
    new = after.messages[size:]
    same = before.messages == after.messages[:size] and before.tools == after.tools and before.extra == after.extra
    return bool(new) and same and all(map(is_words, after.messages))


def is_words(message: Message) -> bool:
    inner = [each for part in message.parts if isinstance(part, ToolResult) for each in part.content]
    return all(isinstance(part, Text | Thinking | ToolCall | ToolResult) for part in message.parts) and all(
        isinstance(each, str | Text) for each in inner
    )


@pytest.fixture(scope="module")
def runs():
    return calls() or pytest.skip("no recorded traffic at hand")


def test_the_next_turn_is_estimated_within_one_percent(runs):
    errors = []
    for run in runs.values():
        for one, other in pairwise(run):
            if goes_on(one, other):
                counter = Counter()
                counter.observe(one.request, one.response.usage, one.model)
                billed = other.response.usage.input_tokens
                errors.append(abs(counter.count(other.request, other.model).tokens - billed) / billed)
    assert len(errors) >= 30
    assert sum(errors) / len(errors) < 0.01
    assert sorted(errors)[len(errors) // 2] < 0.006


def test_what_is_called_exact_is_exact(runs):
    exact = [
        (count.tokens, call.response.usage.input_tokens, call.model)
        for run in runs.values()
        for call in run
        if (count := Counter().count(call.request, call.model)).exact
    ]
    assert len(exact) >= 8
    assert [each for each in exact if each[0] != each[1]] == []
