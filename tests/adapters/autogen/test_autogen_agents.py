"""AutoGen's own agents and teams over the client."""

from __future__ import annotations

from typing import get_args

import pytest

pytest.importorskip("autogen_agentchat")

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.messages import (
    HandoffMessage,
    ModelClientStreamingChunkEvent,
    StructuredMessage,
    TextMessage,
    ThoughtEvent,
)
from autogen_agentchat.teams import RoundRobinGroupChat, SelectorGroupChat
from autogen_core import FunctionCall
from autogen_core.model_context import BufferedChatCompletionContext
from autogen_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    SystemMessage,
    UserMessage,
)
from pydantic import BaseModel

from holdfast import Endpoint
from holdfast.adapters.autogen import (
    HoldfastChatCompletionClient,
    ModelClientStreamResetEvent,
    ModelConfig,
    ResilientAssistantAgent,
)
from holdfast.adapters.autogen.filtered import FILTERED, WITHHELD
from holdfast.errors import ContentFilterError, RateLimitError, StreamInterruptedError
from holdfast.messages import Thinking, ToolCall
from holdfast.providers.catalog import CodecName
from holdfast.simulator import Rule, SimulatedModel, When, expected_answer
from holdfast.simulator.answers import Manner
from holdfast.simulator.reading import fault_named

CUT = StreamInterruptedError("cut")


class Forecast(BaseModel):
    city: str
    sunny: bool


def weather(city: str) -> str:
    """The weather."""
    return f"Sun in {city}."


def agent(client, kind=AssistantAgent, name="bot", **settings):
    return kind(name, model_client=client, **settings)


async def watched(agent, task="Say it."):
    return [item async for item in agent.run_stream(task=task)]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_stock_agent_answers_through_failures(scripted, stream):
    client = scripted(RateLimitError("slow"), "Hello.")
    result = await agent(client, model_client_stream=stream).run(task="Say it.")
    assert result.messages[-1].content == "Hello."


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_are_called_and_reflected_upon(scripted, stream):
    client = scripted([Thinking("Hm."), ToolCall("1", "weather", '{"city": "Oslo"}')], "It is sunny in Oslo.")
    bot = agent(client, tools=[weather], reflect_on_tool_use=True, model_client_stream=stream)
    result = await bot.run(task="How is the weather?")
    assert result.messages[-1].content == "It is sunny in Oslo."
    assert any(isinstance(message, ThoughtEvent) and message.content == "Hm." for message in result.messages)
    reflection = client.model.requests[1]
    assert (reflection.tool_choice, reflection.tools) == ("none", ())
    assert reflection.messages[-1].text == "Sun in Oslo."


async def test_structured_output_is_validated_before_the_agent_sees_it(scripted):
    client = scripted("Sunny!", '{"city": "Oslo", "sunny": true}')
    result = await agent(client, output_content_type=Forecast).run(task="How is the weather?")
    message = result.messages[-1]
    assert isinstance(message, StructuredMessage)
    assert message.content == Forecast(city="Oslo", sunny=True)


@pytest.mark.parametrize("arguments", ["[1]", "null", '"s"', "1"])
async def test_arguments_that_would_hang_a_handoff_are_asked_for_again(scripted, arguments):
    client = scripted([ToolCall("1", "transfer_to_ada", arguments)], [ToolCall("1", "transfer_to_ada", "{}")])
    result = await agent(client, handoffs=["ada"]).run(task="Ask ada.")
    assert isinstance(result.messages[-1], HandoffMessage)
    assert len(client.model.requests) == 2


async def test_a_refused_message_does_not_end_the_conversation(scripted):
    client = scripted(ContentFilterError("no", scope="prompt"), "Fine.")
    bot = agent(client, system_message=None)
    assert (await bot.run(task="bad")).messages[-1].content == FILTERED
    assert (await bot.run(task="good")).messages[-1].content == "Fine."
    assert [message.text for message in client.model.requests[1].messages] == [WITHHELD, FILTERED, "good"]


async def test_orphans_of_a_cut_history_are_sent_without_harm(scripted):
    client = scripted([ToolCall("1", "weather", '{"city": "Oslo"}')], "Yes.", "And yes.")
    bot = agent(client, tools=[weather], model_context=BufferedChatCompletionContext(1))
    await bot.run(task="How is the weather?")
    assert (await bot.run(task="Really?")).messages[-1].content == "Yes."


class TestResets:
    async def test_whoever_watches_is_told_that_the_answer_begins_again(self, scripted):
        client = scripted(["Hel", CUT], ["Who", "le."])
        items = await watched(agent(client, ResilientAssistantAgent, model_client_stream=True))
        reset = next(item for item in items if isinstance(item, ModelClientStreamResetEvent))
        before = [item for item in items[: items.index(reset)] if isinstance(item, ModelClientStreamingChunkEvent)]
        after = [item for item in items[items.index(reset) :] if isinstance(item, ModelClientStreamingChunkEvent)]
        assert "".join(item.content for item in before) == "Hel"
        assert "".join(item.content for item in after) == items[-1].messages[-1].content == "Whole."
        assert {item.full_message_id for item in (*before, reset, *after)} == {items[-1].messages[-1].id}
        assert reset.reason == "stream_interrupted"
        assert "begins again" in reset.to_text()

    async def test_an_answer_without_a_break_has_no_reset(self, scripted):
        items = await watched(agent(scripted(["Hel", "lo."]), ResilientAssistantAgent, model_client_stream=True))
        assert not any(isinstance(item, ModelClientStreamResetEvent) for item in items)

    async def test_a_truncated_answer_is_no_reset(self, scripted):
        client = scripted(["Hel", CUT], on_break="truncate")
        items = await watched(agent(client, ResilientAssistantAgent, model_client_stream=True))
        assert not any(isinstance(item, ModelClientStreamResetEvent) for item in items)
        assert items[-1].messages[-1].content == "Hel"

    async def test_a_reset_in_the_reflection_is_told_too(self, scripted):
        client = scripted([ToolCall("1", "weather", '{"city": "Oslo"}')], ["It is", CUT], "Sunny.")
        bot = agent(
            client, ResilientAssistantAgent, tools=[weather], reflect_on_tool_use=True, model_client_stream=True
        )
        items = await watched(bot)
        (reset,) = [item for item in items if isinstance(item, ModelClientStreamResetEvent)]
        assert reset.full_message_id == items[-1].messages[-1].id
        assert items[-1].messages[-1].content == "Sunny."

    async def test_in_a_team_the_reset_is_a_chunk_that_every_team_knows(self, scripted):
        client = scripted(["Hel", CUT], "Whole.")
        bot = agent(client, ResilientAssistantAgent, model_client_stream=True)
        team = RoundRobinGroupChat([bot], termination_condition=MaxMessageTermination(2))
        items = [item async for item in team.run_stream(task="Say it.")]
        resets = [item for item in items if getattr(item, "metadata", {}).get("stream_reset")]
        assert [(item.content, item.metadata["stream_reset"]) for item in resets] == [("", "stream_interrupted")]
        assert items[-1].messages[-1].content == "Whole."

    async def test_the_stock_agent_takes_a_reset_for_nothing_and_ends_right(self, scripted):
        items = await watched(agent(scripted(["Hel", CUT], "Whole."), model_client_stream=True))
        assert items[-1].messages[-1].content == "Whole."

    def test_the_agent_is_dumped_and_loaded_as_itself(self, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        client = HoldfastChatCompletionClient("openai/gpt-5-mini")
        bot = agent(client, ResilientAssistantAgent, model_client_stream=True, tools=None)
        dumped = bot.dump_component()
        loaded = AssistantAgent.load_component(dumped)
        assert isinstance(loaded, ResilientAssistantAgent)
        assert loaded.dump_component() == dumped
        assert dumped.config["model_client"]["provider"].startswith("holdfast.adapters.autogen.")

    def test_the_event_survives_json(self):
        event = ModelClientStreamResetEvent(source="bot", full_message_id="1", reason="timeout")
        assert ModelClientStreamResetEvent.load(event.dump()) == event


class TestTeams:
    async def test_a_round_robin_team_goes_on_through_failures(self, scripted):
        client = scripted(RateLimitError("slow"), "One.", CUT, "Two.")
        agents = [agent(client, name=name) for name in ("ada", "bob")]
        team = RoundRobinGroupChat(agents, termination_condition=MaxMessageTermination(3))
        result = await team.run(task="Count.")
        assert [message.content for message in result.messages] == ["Count.", "One.", "Two."]

    @pytest.mark.parametrize("stream", [False, True])
    async def test_a_selector_team_bears_a_broken_selection(self, scripted, stream):
        client = scripted(["al", CUT], "bob", "Two.", "ada", "One.")
        agents = [agent(client, name=name) for name in ("ada", "bob")]
        team = SelectorGroupChat(
            agents,
            model_client=client,
            termination_condition=MaxMessageTermination(3),
            model_client_streaming=stream,
            allow_repeated_speaker=True,
        )
        result = await team.run(task="Count.")
        assert [(message.source, message.content) for message in result.messages[1:]] == [
            ("bob", "Two."),
            ("ada", "One."),
        ]

    def test_a_team_is_dumped_and_loaded(self, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
        client = HoldfastChatCompletionClient(ModelConfig(model="openai/gpt-5-mini"))
        team = RoundRobinGroupChat([agent(client)], termination_condition=MaxMessageTermination(2))
        assert RoundRobinGroupChat.load_component(team.dump_component()).dump_component() == team.dump_component()


@pytest.fixture
async def over_http(simulator):
    """A way to a client of a simulated model that speaks this wire."""
    clients = []

    async def make(wire, **manner):
        running = await simulator(calm=SimulatedModel(**manner))
        here = Endpoint("here", base_url=running.base_url(wire), api_key="key", codec=wire)
        clients.append(HoldfastChatCompletionClient(here.model("calm")))
        return clients[-1], running

    yield make
    for client in clients:
        await client.close()


async def test_a_task_result_counts_the_tokens_of_the_answer(over_http):
    client, _ = await over_http("openai_chat")
    result = await agent(client, model_client_stream=True).run(task="What is kelp?")
    assert isinstance(result, TaskResult)
    message = result.messages[-1]
    assert isinstance(message, TextMessage)
    assert message.content == expected_answer("What is kelp?")
    assert message.models_usage.completion_tokens > 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wire", get_args(CodecName))
async def test_a_tool_loop_with_thinking_works_over_every_wire(over_http, wire, stream):
    client, running = await over_http(wire, manner=Manner(think=True))
    bot = agent(client, tools=[weather], max_tool_iterations=3, model_client_stream=stream, system_message="Be kind.")
    result = await bot.run(task="Please call weather for me.")
    last = result.messages[-1]
    assert isinstance(last, TextMessage)
    assert last.content.startswith("[")
    assert any(isinstance(message, ThoughtEvent) for message in result.messages)
    assert (await bot.run(task="Thank you.")).messages[-1].content == expected_answer("Thank you.")
    assert [request.fault for request in running.requests] == [None, None, None]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_that_was_cut_in_the_middle_is_asked_for_again(over_http, stream):
    cut = Rule(fault_named("tool_arguments_cut"), When(attempts=1))
    client, running = await over_http("openai_chat", rules=(cut,))
    bot = agent(client, tools=[weather], model_client_stream=stream)
    result = await bot.run(task="Please call weather for me.")
    assert result.messages[-1].content.startswith("Sun in ")
    assert [request.fault for request in running.requests] == ["tool_arguments_cut", None]


async def test_signed_thinking_goes_back_with_the_results_of_its_calls(over_http):
    client, running = await over_http("anthropic", manner=Manner(think=True))
    await agent(client, tools=[weather], max_tool_iterations=2).run(task="Please call weather for me.")
    assert b"signed-" not in running.requests[0].body
    assert b"signed-" in running.requests[1].body


@pytest.mark.parametrize("wire", get_args(CodecName))
async def test_any_history_is_sent_over_every_wire(over_http, wire):
    client, running = await over_http(wire)
    orphans = [
        FunctionExecutionResultMessage(content=[FunctionExecutionResult(content="?", name="f", call_id="lost")]),
        AssistantMessage(content=[], source="bot"),
        AssistantMessage(content="", source="bot"),
        AssistantMessage(content=[FunctionCall("", "[1]", "f"), FunctionCall("", None, "f")], source="bot"),
        UserMessage(content="", source="a name with spaces"),
        SystemMessage(content="Late instructions."),
        AssistantMessage(content="trailing space ", source="bot"),
        UserMessage(content="What is kelp?", source="user"),
    ]
    result = await client.create(orphans, tool_choice="none")
    assert result.content == expected_answer("What is kelp?")
    assert [request.fault for request in running.requests] == [None]
