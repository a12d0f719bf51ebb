"""What people hold: wrong questions end here, what is stated for one call holds for one call."""

from __future__ import annotations

import json
import math

import pytest

from holdfast import (
    Client,
    ConfigurationError,
    ContentFilterError,
    Endpoint,
    Image,
    InvalidRequestError,
    ModelError,
    ServerError,
    SystemMessage,
    Text,
    Timeouts,
    Tool,
    UserMessage,
    answer,
    fallback,
    on_error,
    retry,
)
from holdfast.providers.codec import Dialect
from holdfast.request import NamedTool, Request, Settings
from holdfast.testing import ScriptedModel
from wire import serving, whole

TOOL = Tool("look")
CHAT = b'{"id":"1","model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"content":"Hello"}}]}'
WRONG = {
    "no messages": ([], {}, "no messages"),
    "a dict for a message": ([{"role": "user", "content": "Hi"}], {}, "Message 0 is a dict"),
    "an unknown argument": ("Hi", {"temprature": 1}, "Unknown argument temprature"),
    "streaming": ("Hi", {"stream": True}, "Unknown argument stream"),
    "two tools of one name": ("Hi", {"tools": [TOOL, TOOL]}, "share a name"),
    "a choice without tools": ("Hi", {"tool_choice": "required"}, "there are no tools"),
    "a choice of nothing": ("Hi", {"tools": [TOOL], "tool_choice": NamedTool("leap")}, "'leap'"),
    "a choice that is none": ("Hi", {"tools": [TOOL], "tool_choice": "some"}, "'some'"),
    "no tokens": ("Hi", {"max_tokens": 0}, "max_tokens is 0"),
    "no number": ("Hi", {"temperature": math.nan}, "temperature is nan"),
    "no schema": ("Hi", {"output": object()}, "No JSON schema"),
}


@pytest.mark.parametrize(("messages", "ask", "said"), WRONG.values(), ids=WRONG)
async def test_a_wrong_question_is_refused_before_anything_is_sent(messages, ask, said):
    model = ScriptedModel("Hello")
    client = Client(model)
    with pytest.raises(InvalidRequestError, match=said):
        await client.create(messages, **ask)
    with pytest.raises(InvalidRequestError, match=said):
        client.stream(messages, **ask)
    assert not model.requests


@pytest.mark.parametrize("messages", ["Hi", UserMessage("Hi"), [UserMessage("Hi")], (m for m in [UserMessage("Hi")])])
async def test_messages_are_given_in_any_of_these_forms(messages):
    model = ScriptedModel("Hello")
    await Client(model).create(messages)
    assert model.requests[0].messages == (UserMessage("Hi"),)


async def test_a_whole_requests_own_settings_win_over_the_clients():
    model = ScriptedModel("Yes.")
    client = Client(model, settings=Settings(temperature=0.1, seed=1))
    await client.create(Request(messages=(UserMessage("Hi"),), settings=Settings(temperature=0.9)), top_p=0.5)
    assert model.requests[0].settings == Settings(temperature=0.9, top_p=0.5, seed=1)


async def test_a_setting_of_the_call_wins_over_its_settings_and_these_over_the_clients():
    model = ScriptedModel("Hello")
    client = Client(model, settings=Settings(temperature=0.1, top_p=0.1, seed=1))
    await client.create("Hi", settings=Settings(temperature=0.2, top_p=0.2), temperature=0.3, stop="END")
    assert model.requests[0].settings == Settings(temperature=0.3, top_p=0.2, seed=1, stop=("END",))


async def test_a_whole_request_is_sent_as_it_is():
    model = ScriptedModel("Hello")
    request = Request(messages=(SystemMessage("Be brief."), UserMessage("Hi")), tools=(TOOL,), extra={"store": False})
    await Client(model).create(request, max_tokens=5)
    sent = model.requests[0]
    assert (sent.messages, sent.tools, sent.extra, sent.settings.max_tokens) == (
        request.messages,
        request.tools,
        request.extra,
        5,
    )


async def test_what_is_stated_for_one_call_holds_for_that_call():
    model = ScriptedModel(*[ServerError("broken")] * 3, then="cycle")
    client = Client(model, random=lambda: 0.0)
    with pytest.raises(ServerError) as caught:
        await client.create("Hi", max_attempts=1)
    assert len(caught.value.history) == 1
    with pytest.raises(ServerError) as caught:
        await client.create("Hi")
    assert len(caught.value.history) == 3


async def test_the_callers_own_values_are_never_changed():
    model = ScriptedModel("Hello")
    messages, tools, extra = [UserMessage("Hi")], [TOOL], {"store": False}
    await Client(model).create(messages, tools=tools, extra=extra)
    assert (messages, tools, extra) == ([UserMessage("Hi")], [TOOL], {"store": False})


@pytest.mark.parametrize("bound", [{"deadline": 0}, {"deadline": math.nan}, {"max_attempts": 0}, {"on_break": "pray"}])
async def test_a_bound_that_makes_no_sense_is_refused_for_a_client_and_for_a_call(bound):
    ((name, _),) = bound.items()
    with pytest.raises(ConfigurationError, match=name):
        Client(ScriptedModel("Hello"), **bound)
    with pytest.raises(ConfigurationError, match=name):
        await Client(ScriptedModel("Hello")).create("Hi", **bound)


def test_a_client_needs_a_model():
    with pytest.raises(ConfigurationError, match="at least one model"):
        Client()


def test_a_client_describes_what_it_will_do():
    client = Client(ScriptedModel(name="one/m"), ScriptedModel(name="two/m"), deadline=30, timeouts=Timeouts(idle=7))
    client.on_error(ContentFilterError)(lambda call: call.answer("No."))
    said = client.describe()
    for words in ("1. one/m", "2. two/m", "1. on_error", "retry", "fallback", "idle 7 s", "at most 30 s"):
        assert words in said
    assert repr(client) == "Client('one/m', 'two/m')"


def test_policies_are_described_with_their_arguments():
    policies = [retry(3, on=(ServerError,)), on_error(ServerError, len), answer("No. " * 50), lambda history: None]
    said = Client(ScriptedModel(), policies=policies).describe()
    for words in (
        "1. retry(attempts=3, on=(ServerError))",
        "handler=len",
        "3. answer(content='No. ",
        "...')",
        "4. test_",
    ):
        assert words in said


async def test_a_closed_client_opens_again_when_it_is_used():
    async with serving([whole(CHAT)]) as wire:
        client = Client(Endpoint("mine", base_url=wire.url).model("m"))
        for _ in range(2):
            assert (await client.create("Hi")).text == "Hello"
            await client.close()
    assert len(wire.requests) == 2


async def test_extra_fields_headers_and_options_of_the_endpoint_reach_the_wire():
    async with serving([whole(CHAT)]) as wire:
        dialect = Dialect(provider="mine", options={"store": False, "tier": "a"})
        async with Client(Endpoint("mine", base_url=wire.url, dialect=dialect).model("m")) as client:
            await client.create("Hi", extra={"tier": "b"}, headers={"x-run": "7"})
    head, _, body = wire.requests[0].partition(b"\r\n\r\n")
    assert b"x-run: 7" in head
    assert (json.loads(body)["store"], json.loads(body)["tier"]) == (False, "b")


async def test_an_error_knows_who_failed():
    async with serving([whole(b'{"error":{"message":"broken"}}', 500)]) as wire:
        client = Client(Endpoint("mine", base_url=wire.url).model("m"), policies=())
        with pytest.raises(ServerError) as caught:
            await client.create("Hi")
        await client.close()
    assert (caught.value.provider, caught.value.model, caught.value.status) == ("mine", "m", 500)


async def test_what_was_changed_to_fit_the_wire_is_told():
    async with serving([whole(CHAT)]) as wire:
        here = Endpoint("mine", base_url=wire.url, dialect=Dialect(provider="mine", images=False))
        async with Client(here.model("m")) as client:
            response = await client.create(
                UserMessage((Text("What is this?"), Image(data=b"PNG", media_type="image/png")))
            )
    assert response.context is not None
    assert "image" in str(response.context["adapted"])


async def test_a_client_inside_another_is_one_model():
    inner = Client(
        ScriptedModel(ServerError("broken"), name="one/m"), ScriptedModel("Hello", name="two/m"), policies=[fallback()]
    )
    outer = Client(inner.model, ScriptedModel(name="three/m"))
    response = await outer.create("Hi")
    assert response.text == "Hello"
    assert [attempt.model for attempt in response.attempts] == ["one/m", "two/m"]
    assert outer.totals.requests_by_model == {"one/m": 1, "two/m": 1}


async def test_every_error_of_a_call_is_a_model_error():
    for wrong in ({"deadline": -1}, {"max_tokens": 0}, {"oops": 1}):
        with pytest.raises(ModelError):
            await Client(ScriptedModel("Hello")).create("Hi", **wrong)


async def test_a_stream_that_was_left_unread_makes_no_call_afterwards():
    model = ScriptedModel("Yes.")
    async with Client(model).stream("Hi") as stream:
        pass
    assert [event async for event in stream] == []
    assert model.requests == []
