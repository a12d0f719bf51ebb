from __future__ import annotations

import logging
from contextlib import aclosing

import pytest

from holdfast.errors import ServerError
from holdfast.events import Finish
from holdfast.messages import Opaque, SystemMessage, Text, Thinking, ToolCall, UserMessage
from holdfast.request import NamedTool, OutputSchema, Settings, Timeouts, Tool
from holdfast.response import Response
from holdfast.runtime.layers.cache import MemoryStore, cache, request_key
from holdfast.testing import ScriptedModel, check_events
from holdfast.usage import Usage
from runtime.layers.asking import HELLO, ask, events_of


async def test_the_same_request_is_asked_once():
    inner = ScriptedModel("fresh", usage=Usage(input_tokens=3, output_tokens=1))
    model = cache()(inner)
    first, second = await ask(model), await ask(model)
    assert (first.text, first.cached) == ("fresh", False)
    assert (second.text, second.cached, second.usage) == ("fresh", True, first.usage)
    assert len(inner.requests) == 1


@pytest.mark.parametrize("streamed_first", [True, False])
async def test_a_hit_serves_streamed_and_unstreamed_calls_alike(streamed_first):
    parts = (Thinking("hm", signature="s"), Text("words"), ToolCall("1", "f", '{"a":1}'), Opaque("anthropic", {"b": 2}))
    answer = Response(parts=parts, finish_reason="tool_calls", raw_finish_reason="tool_use", model="m", id="r1")
    model = cache()(ScriptedModel(answer))
    await ask(model, HELLO.replace(stream=streamed_first))
    events = await events_of(model, HELLO.replace(stream=not streamed_first))
    response = check_events(events)
    assert response.parts == parts
    assert (response.raw_finish_reason, response.model, response.id) == ("tool_use", "m", "r1")


@pytest.mark.parametrize(
    "other",
    [
        HELLO.replace(stream=True),
        HELLO.replace(timeouts=Timeouts(total=1)),
        HELLO.replace(headers={"x-trace": "1"}),
        HELLO.replace(output=OutputSchema("o", {"type": "object"}, type=dict)),
    ],
)
async def test_what_does_not_change_the_answer_does_not_change_the_key(other):
    base = HELLO.replace(output=OutputSchema("o", {"type": "object"})) if other.output else HELLO
    assert request_key(other, "m") == request_key(base, "m")


VARIANTS = [
    HELLO,
    HELLO.replace(messages=(UserMessage("Hello!"),)),
    HELLO.replace(messages=(SystemMessage("Hello"),)),
    HELLO.replace(messages=(UserMessage("Hello", name="ann"),)),
    HELLO.replace(tools=(Tool("f"),)),
    HELLO.replace(tools=(Tool("f"),), tool_choice="required"),
    HELLO.replace(tools=(Tool("f"),), tool_choice=NamedTool("f")),
    HELLO.replace(output="json"),
    HELLO.replace(output=OutputSchema("o", {"type": "object"})),
    HELLO.replace(settings=Settings(temperature=0)),
    HELLO.replace(settings=Settings(max_tokens=5)),
    HELLO.replace(settings=Settings(stop=("a",))),
    HELLO.replace(settings=Settings(stop=("a", "b"))),
    HELLO.replace(extra={"top_a": 1}),
    HELLO.replace(extra={"top_a": "1"}),
]


def test_whatever_changes_the_answer_changes_the_key():
    keys = [request_key(request, "m") for request in VARIANTS]
    keys += [request_key(HELLO, "other"), request_key(HELLO, "m", "tenant")]
    assert len(set(keys)) == len(keys)
    assert None not in keys


def test_the_order_of_extra_fields_is_no_difference():
    one, two = HELLO.replace(extra={"a": 1, "b": 2}), HELLO.replace(extra={"b": 2, "a": 1})
    assert request_key(one, "m") == request_key(two, "m")


@pytest.mark.parametrize(
    "script",
    [
        ["cut", Finish("length")],
        ["cut", Finish("content_filter")],
        ["cut", Finish("stop", truncated=True)],
        ["sorry", Finish("stop", degraded="answered by a policy")],
        ["?", Finish("unknown")],
        ["...", Finish("pause")],
        [Finish("stop")],
    ],
)
async def test_an_answer_that_is_not_whole_is_never_kept(script):
    store = MemoryStore()
    inner = ScriptedModel(script, then="last")
    model = cache(store)(inner)
    await ask(model)
    await ask(model)
    assert (len(inner.requests), len(store)) == (2, 0)


async def test_a_failed_answer_is_not_kept():
    model = cache()(ScriptedModel(["half", ServerError("broken")], "whole"))
    with pytest.raises(ServerError):
        await ask(model)
    assert (await ask(model)).text == "whole"


async def test_an_answer_that_was_left_early_is_not_kept():
    inner = ScriptedModel(["a", "b"], "whole")
    model = cache()(inner)
    async with aclosing(model.stream(HELLO)) as events:
        await anext(events)
        await anext(events)
    assert (inner.active, inner.abandoned) == (0, 1)
    assert (await ask(model)).text == "whole"


async def test_what_a_caller_does_to_a_hit_changes_no_other_hit():
    answer = Response(parts=(Text("x"),), finish_reason="stop", extra={"safety": ["low"]})
    model = cache()(ScriptedModel(answer))
    (await ask(model)).extra["safety"].append("high")
    (await ask(model)).extra["safety"].append("high")
    assert (await ask(model)).extra == {"safety": ["low"]}


async def test_a_request_that_continues_an_answer_is_not_looked_up():
    inner = ScriptedModel("one", "two")
    model = cache()(inner)
    assert (await ask(model, HELLO.replace(prefix="o"))).text == "one"
    assert (await ask(model, HELLO.replace(prefix="o"))).text == "two"


async def test_extra_that_is_no_json_is_not_looked_up():
    model = cache()(ScriptedModel("one", "two"))
    request = HELLO.replace(extra={"callback": object()})
    assert [(await ask(model, request)).text for _ in range(2)] == ["one", "two"]


class BrokenStore:
    async def get(self, _):
        raise ConnectionError("no store")

    async def set(self, *_):
        raise ConnectionError("no store")


async def test_a_store_that_fails_is_told_of_and_changes_nothing(caplog):
    model = cache(BrokenStore())(ScriptedModel("one", "two"))
    with caplog.at_level(logging.WARNING):
        assert [(await ask(model)).text for _ in range(2)] == ["one", "two"]
    assert "could not be read" in caplog.text
    assert "could not be cached" in caplog.text


async def test_a_value_that_cannot_be_read_is_a_miss():
    store = MemoryStore()
    model = cache(store)(ScriptedModel("one", "two"))
    await ask(model)
    await store.set(request_key(HELLO, "scripted"), b'{"parts": 5}', None)
    assert (await ask(model)).text == "two"
    assert (await ask(model)).cached


async def test_an_answer_is_forgotten_after_its_time(clock):
    model = cache(MemoryStore(clock=clock), ttl=60)(ScriptedModel("one", "two"))
    await ask(model)
    await clock.advance(59)
    assert (await ask(model)).text == "one"
    await clock.advance(1)
    assert (await ask(model)).text == "two"


async def test_memory_is_bounded_in_entries_and_in_bytes_and_forgets_the_least_used():
    store = MemoryStore(max_entries=3, max_bytes=100)
    for key in "abc":
        await store.set(key, b"x" * 10, None)
    await store.get("a")
    await store.set("d", b"x" * 10, None)
    assert [await store.get(key) is not None for key in "abcd"] == [True, False, True, True]
    await store.set("e", b"x" * 85, None)
    assert [await store.get(key) is not None for key in "acde"] == [False, False, True, True]
    await store.set("f", b"x" * 101, None)
    assert len(store) == 2


async def test_setting_a_key_again_counts_its_bytes_once():
    store = MemoryStore(max_bytes=100)
    for _ in range(10):
        await store.set("a", b"x" * 60, None)
    await store.set("b", b"x" * 40, None)
    assert len(store) == 2
