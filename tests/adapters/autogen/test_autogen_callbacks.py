"""Error callbacks, and refused prompts that do not spoil what comes after them."""

from __future__ import annotations

import pytest

pytest.importorskip("autogen_core")

from autogen_core import FunctionCall
from autogen_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    RequestUsage,
)

from autogen_asking import HELLO, said
from holdfast.adapters.autogen.filtered import FILTERED, WITHHELD, Refused
from holdfast.errors import (
    AuthenticationError,
    ContentFilterError,
    ModelError,
    QuotaExhaustedError,
    ServerError,
)
from holdfast.events import Finish, UsageUpdate
from holdfast.messages import AssistantMessage as OurAnswer
from holdfast.messages import ToolMessage, ToolResult, UserMessage
from holdfast.recovery.policies import DEFAULT_POLICIES, answer, on_content_filter
from holdfast.usage import Usage

REFUSED = ContentFilterError("secret words of the provider", scope="prompt", code="content_filter")


def result(text):
    return CreateResult(finish_reason="unknown", content=text, usage=RequestUsage(0, 0), cached=False)


async def later(error):
    return result("later")


@pytest.mark.parametrize(
    ("callbacks", "error", "expected"),
    [
        ({ServerError: lambda error: result("server")}, ServerError("down"), "server"),
        ({ModelError: lambda error: result("any")}, QuotaExhaustedError("empty"), "any"),
        ({Exception: later}, AuthenticationError("key"), "later"),
        ({"no_money": lambda error: result("code")}, QuotaExhaustedError("empty", code="no_money"), "code"),
        ({"quota_exhausted": lambda error: result("kind")}, QuotaExhaustedError("empty"), "kind"),
        (
            {QuotaExhaustedError: lambda error: None, ModelError: lambda error: result("next")},
            QuotaExhaustedError("empty"),
            "next",
        ),
        ({ContentFilterError: lambda error: result("mine")}, REFUSED, "mine"),
        ({ContentFilterError: lambda error: None}, REFUSED, FILTERED),
    ],
    ids=["class", "parent", "async", "code", "kind", "passed on", "filter", "filter passed on"],
)
async def test_the_first_callback_that_gives_a_result_answers(scripted, callbacks, error, expected):
    client = scripted(error, policies=(), error_callbacks=callbacks)
    assert (await client.create(HELLO)).content == expected


async def test_callbacks_come_after_recovery(scripted):
    asked = []
    client = scripted(ServerError("down"), "Hello.", error_callbacks={ServerError: asked.append})
    assert (await client.create(HELLO)).content == "Hello."
    assert asked == []


async def test_a_callback_that_is_for_something_else_is_not_asked(scripted):
    client = scripted(ServerError("down"), policies=(), error_callbacks={"teapot": lambda error: result("no")})
    with pytest.raises(ServerError):
        await client.create(HELLO)


async def test_a_refusal_is_a_neutral_answer_that_says_what_it_is(scripted):
    client = scripted([UsageUpdate(Usage(input_tokens=9)), Finish("content_filter")])
    answered = await client.create(HELLO)
    assert (answered.finish_reason, answered.content) == ("content_filter", FILTERED)
    assert answered.degraded == "answered by the adapter after content_filter"
    assert answered.usage.prompt_tokens == 9


async def test_the_providers_words_do_not_become_the_assistants(scripted):
    assert "secret words" not in (await scripted(REFUSED).create(HELLO)).content


async def test_a_caller_may_choose_the_answer_or_the_error(scripted):
    assert (await scripted(REFUSED, answer_to_filtered="Nope.").create(HELLO)).content == "Nope."
    with pytest.raises(ContentFilterError):
        await scripted(REFUSED, answer_to_filtered=False).create(HELLO)


async def test_structured_output_is_not_answered_with_an_apology(scripted):
    with pytest.raises(ContentFilterError):
        await scripted(REFUSED).create(HELLO, json_output=True)


async def test_a_refused_message_is_withheld_from_later_requests(scripted):
    client = scripted(REFUSED, "Fine.")
    bad, apology, good = said("bad"), AssistantMessage(content=FILTERED, source="bot"), said("good")
    await client.create([bad])
    assert (await client.create([bad, apology, good])).content == "Fine."
    sent = client.model.requests[1].messages
    assert [message.text for message in sent] == [WITHHELD, FILTERED, "good"]
    assert bad.content == "bad"


async def test_what_was_answered_before_is_innocent(scripted):
    client = scripted("Hi.", REFUSED, "Fine.")
    await client.create([said("first")])
    await client.create([said("first"), said("bad")])
    await client.create([said("first"), said("bad"), said("good")])
    assert [message.text for message in client.model.requests[2].messages] == ["first", WITHHELD, "good"]


async def test_a_refused_tool_result_keeps_its_call(scripted):
    client = scripted("Hi.", REFUSED, "Fine.")
    call = AssistantMessage(content=[FunctionCall("1", "{}", "f")], source="bot")
    results = FunctionExecutionResultMessage(content=[FunctionExecutionResult(content="bad", name="f", call_id="1")])
    await client.create([said("first")])
    await client.create([said("first"), call, results])
    await client.create([said("first"), call, results, said("good")])
    withheld = client.model.requests[2].messages[2]
    assert (withheld.parts[0].call_id, withheld.text) == ("1", WITHHELD)


async def test_a_refused_answer_says_nothing_against_the_question(scripted):
    client = scripted(ContentFilterError("no", scope="response"), "Fine.")
    await client.create([said("odd")])
    await client.create([said("odd"), said("good")])
    assert [message.text for message in client.model.requests[1].messages] == ["odd", "good"]


async def test_a_policys_answer_to_a_refusal_does_not_make_the_prompt_innocent(scripted):
    client = scripted(
        REFUSED, "Fine.", policies=[on_content_filter(lambda call: call.answer("No.")), *DEFAULT_POLICIES]
    )
    assert (await client.create([said("bad")])).degraded is not None
    await client.create([said("bad"), said("good")])
    assert [message.text for message in client.model.requests[1].messages] == [WITHHELD, "good"]


async def test_a_policys_answer_to_an_outage_refuses_nothing(scripted):
    client = scripted(ServerError("down"), "Fine.", policies=[answer("Later.")])
    await client.create([said("hello")])
    await client.create([said("hello"), said("again")])
    assert [message.text for message in client.model.requests[1].messages] == ["hello", "again"]


async def test_the_same_message_said_again_is_sent_again(scripted):
    client = scripted(REFUSED, "Fine.")
    await client.create([said("bad")])
    await client.create([said("bad"), said("bad")])
    assert [message.text for message in client.model.requests[1].messages] == [WITHHELD, "bad"]


async def test_a_message_that_passes_after_all_is_innocent(scripted):
    client = scripted(REFUSED, "Fine.", "And yes.")
    await client.create([said("odd")])
    await client.create([said("odd")])
    await client.create([said("odd"), said("good")])
    assert [message.text for message in client.model.requests[2].messages] == ["odd", "good"]


def test_only_what_is_new_is_suspected():
    refused = Refused(FILTERED)
    old, new = UserMessage("old"), UserMessage("new")
    results = ToolMessage((ToolResult("1", "page"),))
    refused.refuse((old, OurAnswer("Yes."), new, results, UserMessage(FILTERED)), "prompt")
    assert refused.withheld((old, new, results, new)) == (
        old,
        UserMessage(WITHHELD),
        ToolMessage((ToolResult("1", WITHHELD, None, True),)),
        new,
    )
