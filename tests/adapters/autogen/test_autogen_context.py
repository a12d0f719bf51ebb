"""The token-limited context: it fits, and it never parts a call from its result."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("autogen_agentchat")

from autogen_agentchat.agents import AssistantAgent
from autogen_core import FunctionCall
from autogen_core.model_context import ChatCompletionContext
from autogen_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    UserMessage,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_asking import said
from holdfast.adapters.autogen import HoldfastChatCompletionClient, TokenLimitedContext
from holdfast.errors import ConfigurationError, ContextOverflowError
from holdfast.testing import ScriptedModel


def client(window=8000, *scripts):
    return HoldfastChatCompletionClient(ScriptedModel(*scripts, name="own/small"), windows={"own/small": window})


def turn(number, size=40):
    """A question, a call, its result and an answer."""
    return [
        said(f"Question {number}: " + "word " * size),
        AssistantMessage(content=[FunctionCall(f"c{number}", "{}", "look")], source="bot"),
        FunctionExecutionResultMessage(
            content=[FunctionExecutionResult(content="fact " * size, name="look", call_id=f"c{number}")]
        ),
        AssistantMessage(content=f"Answer {number}.", source="bot"),
    ]


async def filled(context, turns, size=40):
    for number in range(turns):
        for message in turn(number, size):
            await context.add_message(message)
    return context


def paired(messages):
    """Whether every call has its result right after it, and every result its call."""
    waiting = set()
    for message in messages:
        if isinstance(message, FunctionExecutionResultMessage):
            if {result.call_id for result in message.content} != waiting:
                return False
            waiting = set()
        elif waiting:
            return False
        elif isinstance(message, AssistantMessage) and not isinstance(message.content, str):
            waiting = {call.id for call in message.content}
    return not waiting


async def test_what_fits_comes_back_as_it_is():
    context = await filled(TokenLimitedContext(client(), token_limit=5000), 3)
    given = await context.get_messages()
    assert given == [message for number in range(3) for message in turn(number)]
    assert given[0] is context._messages[0]


@settings(max_examples=25, deadline=None)
@given(turns=st.integers(1, 25), size=st.integers(1, 60), limit=st.integers(500, 3000))
async def test_it_fits_and_calls_keep_their_results(turns, size, limit):
    holder = client()
    context = await filled(TokenLimitedContext(holder, token_limit=limit), turns, size)
    given = await context.get_messages()
    assert holder.count_tokens(given) <= limit
    assert paired(given)
    assert given[-1].content == f"Answer {turns - 1}."
    assert any(isinstance(message, UserMessage) and f"Question {turns - 1}:" in message.content for message in given)


async def test_without_a_limit_the_smallest_window_counts():
    holder = client(window=2000)
    context = await filled(TokenLimitedContext(holder), 30)
    given = await context.get_messages()
    assert holder.remaining_tokens(given) > 500
    assert paired(given)


async def test_cuts_are_deep_so_that_the_beginning_stays_the_same():
    context = await filled(TokenLimitedContext(client(), token_limit=2000), 20)
    before = await context.get_messages()
    await context.add_message(said("And now?"))
    assert (await context.get_messages())[: len(before)] == before


async def test_what_cannot_fit_is_a_typed_error_and_not_an_empty_list():
    context = await filled(TokenLimitedContext(client(), token_limit=5), 2)
    with pytest.raises(ContextOverflowError):
        await context.get_messages()


async def test_all_messages_are_saved_and_come_back():
    context = await filled(TokenLimitedContext(client(), token_limit=600), 10)
    saved = json.loads(json.dumps(await context.save_state()))
    again = TokenLimitedContext(client(), token_limit=600)
    await again.add_message(said("forgotten"))
    await again.get_messages()
    await again.load_state(saved)
    assert len(again._messages) == 40
    assert await again.get_messages() == await context.get_messages()
    await again.clear()
    assert await again.get_messages() == []


async def test_tools_take_their_share_of_the_limit():
    tool = {"name": "look", "description": "word " * 200, "parameters": {"type": "object", "properties": {}}}
    plain = await filled(TokenLimitedContext(client(), token_limit=1500), 20)
    loaded = await filled(TokenLimitedContext(client(), token_limit=1500, tool_schema=[tool]), 20)
    counted = client().count_tokens(await loaded.get_messages(), tools=[tool])
    assert counted <= 1500
    assert len(await loaded.get_messages()) < len(await plain.get_messages())


def test_a_limit_must_make_sense():
    with pytest.raises(ConfigurationError):
        TokenLimitedContext(client(), token_limit=0)


def test_it_is_dumped_and_loaded(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    holder = HoldfastChatCompletionClient("openai/gpt-5-mini")
    context = TokenLimitedContext(holder, token_limit=100, initial_messages=[said("Hi")])
    dumped = context.dump_component()
    assert ChatCompletionContext.load_component(dumped).dump_component() == dumped


async def test_an_agent_works_over_it():
    holder = client(8000, *[f"Answer {number}." for number in range(12)])
    bot = AssistantAgent("bot", model_client=holder, model_context=TokenLimitedContext(holder, token_limit=300))
    for number in range(12):
        result = await bot.run(task=f"Question {number}: " + "word " * 40)
        assert result.messages[-1].content == f"Answer {number}."
