"""Dump, load, pickle: nothing is lost, and no key is in it."""

from __future__ import annotations

import json
import math
import pickle
import re
from pathlib import Path

import pytest

pytest.importorskip("autogen_core")

from autogen_core import ComponentModel
from autogen_core.models import ChatCompletionClient, CreateResult, RequestUsage

from autogen_asking import HELLO
from holdfast import DEFAULT_POLICIES, AuthenticationError, Client, ConfigurationError, ServerError, Timeouts, retry
from holdfast.adapters.autogen import HoldfastChatCompletionClient, ModelConfig
from holdfast.simulator import Rule, SimulatedModel, When
from holdfast.simulator.faults import Refuse
from holdfast.testing import ScriptedModel

KEY = "sk-" + "f00dfeed" * 4


def sorry(error):
    return CreateResult(finish_reason="unknown", content="Sorry.", usage=RequestUsage(0, 0), cached=False)


def passing(history):
    return None


def handle(call):
    return call.answer("Handled.")


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("MY_KEY", KEY)
    return KEY


def whole():
    """A client with everything that can be written down."""
    client = HoldfastChatCompletionClient(
        "openai/gpt-5-mini",
        ModelConfig(model="mine/gpt-4o", base_url="http://127.0.0.1:1/v1", codec="openai_chat", api_key_env="MY_KEY"),
        {"model": "other/x", "base_url": "http://127.0.0.1:2/v1", "headers": {"x-team": "blue"}},
        policies=[passing, retry(4, patience=2.5), *DEFAULT_POLICIES],
        error_callbacks={ServerError: sorry, "teapot": sorry},
        answer_to_filtered="No.",
        on_break="resume",
        deadline=math.inf,
        max_attempts=4,
        timeouts=Timeouts(first_event=2.5, total=math.inf),
        model_info={"vision": False},
        windows={"mine/gpt-4o": 5000},
        names=False,
        add_name_prefixes=True,
        temperature=0.5,
        stop=["END"],
    )
    client.on_error(ServerError, times=2)(handle)
    return client


def test_everything_survives_json(key):
    dumped = whole().dump_component()
    written = dumped.model_dump_json()
    assert KEY not in written
    loaded = ChatCompletionClient.load_component(ComponentModel(**json.loads(written)))
    assert isinstance(loaded, HoldfastChatCompletionClient)
    assert loaded.dump_component() == dumped
    assert loaded.model_names == ("openai/gpt-5-mini", "mine/gpt-4o", "other/x")
    assert loaded.remaining_tokens([]) <= 5000
    options = loaded.holdfast.model.options
    assert (options.on_break, options.deadline, options.max_attempts) == ("resume", math.inf, 4)
    assert options.timeouts == Timeouts(first_event=2.5, total=math.inf)
    assert [getattr(policy, "__name__", None) for policy in loaded.holdfast.model.policies[:2]] == [
        "handling",
        "passing",
    ]
    assert len(loaded.holdfast.model.policies) == 2 + 1 + len(DEFAULT_POLICIES)


def test_the_shortest_configuration_is_enough(key):
    loaded = ChatCompletionClient.load_component(
        {
            "provider": "holdfast.adapters.autogen.HoldfastChatCompletionClient",
            "config": {"models": [{"model": "openai/gpt-5-mini"}]},
        }
    )
    assert loaded.dump_component() == HoldfastChatCompletionClient("openai/gpt-5-mini").dump_component()


async def test_a_client_that_can_be_written_down_is(key):
    inner = Client("openai/gpt-5-mini", deadline=7, on_break="resume")
    client = HoldfastChatCompletionClient(inner, names=False, temperature=0.5)
    loaded = ChatCompletionClient.load_component(json.loads(client.dump_component().model_dump_json()))
    assert loaded.dump_component() == client.dump_component()
    assert (loaded.holdfast.model.options.deadline, loaded.holdfast.model.options.on_break) == (7, "resume")
    await loaded.close()


def test_raising_on_filtered_content_is_not_lost(key):
    client = HoldfastChatCompletionClient("openai/gpt-5-mini", answer_to_filtered=False)
    assert ChatCompletionClient.load_component(client.dump_component())._setup.answer is False


def test_a_missing_key_is_named_on_load(key, monkeypatch):
    dumped = whole().dump_component()
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(AuthenticationError, match="OPENAI_API_KEY"):
        ChatCompletionClient.load_component(dumped)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: HoldfastChatCompletionClient(ScriptedModel("x")), "given as an object"),
        (lambda: HoldfastChatCompletionClient("openai/gpt-5-mini", policies=[lambda history: None]), "own name"),
        (
            lambda: HoldfastChatCompletionClient("openai/gpt-5-mini", error_callbacks={"x": lambda error: None}),
            "own name",
        ),
        (lambda: HoldfastChatCompletionClient("openai/gpt-5-mini", response_format=CreateResult), "creation arguments"),
        (
            lambda: HoldfastChatCompletionClient("openai/gpt-5-mini", extra_headers={"Authorization": KEY}),
            "looks like a credential",
        ),
    ],
)
def test_what_cannot_be_written_down_is_an_error_and_not_lost(key, make, said):
    with pytest.raises(ConfigurationError, match=said) as caught:
        make().dump_component()
    assert KEY not in str(caught.value)


def test_a_credential_among_the_headers_is_refused(key):
    with pytest.raises(ConfigurationError, match="api_key_env"):
        HoldfastChatCompletionClient(
            ModelConfig(model="mine/x", base_url="http://127.0.0.1:1/v1", headers={"Authorization": KEY})
        )


async def test_a_pickle_has_counters_and_handlers_and_no_key(key, simulator):
    running = await simulator(
        api_key=key, gpt=SimulatedModel(rules=(Rule(Refuse(kind="server_error"), When(prompt="broken")),))
    )
    client = HoldfastChatCompletionClient(
        ModelConfig(model="mine/gpt", base_url=running.base_url(), api_key_env="MY_KEY"),
        error_callbacks={ServerError: sorry},
        policies=[passing],
    )
    await client.create(HELLO)
    before = client.actual_usage()
    assert before.completion_tokens > 0
    pickled = pickle.dumps(client)
    await client.close()
    assert KEY.encode() not in pickled
    again = pickle.loads(pickled)  # noqa: S301  # made two lines above
    assert (again.actual_usage(), again.total_usage()) == (before, before)
    await again.create(HELLO)
    assert again.actual_usage().completion_tokens == 2 * before.completion_tokens
    broken = [HELLO[0].model_copy(update={"content": "broken"})]
    assert (await again.create(broken)).content == "Sorry."
    await again.close()


def test_a_handler_is_there_after_loading(key):
    client = ChatCompletionClient.load_component(whole().dump_component())
    assert [written["call"] for written in client.dump_component().config["handlers"]] == [f"{__name__}:handle"]


def test_the_configuration_on_the_page_loads(key, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
    page = (Path(__file__).parents[3] / "docs" / "autogen.md").read_text()
    written = re.search(r"```json\n(.*?)```", page, re.DOTALL)[1]
    client = ChatCompletionClient.load_component(json.loads(written))
    assert client.model_names == ("openai/gpt-5-mini", "anthropic/claude-sonnet-4-6")
