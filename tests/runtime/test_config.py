"""Clients as plain mappings, and back; what is wrong is told by its key, and no key of a provider is ever in them."""

from __future__ import annotations

import math
import pickle

import msgspec
import pytest

from holdfast import (
    DEFAULT_POLICIES,
    AuthenticationError,
    Client,
    ConfigurationError,
    Endpoint,
    HoldBack,
    RateLimitError,
    ServerError,
    Timeouts,
    answer,
    fallback,
    on_content_filter,
    on_error,
    on_overflow,
    retry,
    sync,
)
from holdfast.providers.codec import Dialect
from holdfast.recovery.backoff import Backoff
from holdfast.request import Settings
from holdfast.runtime.layers.rate_limit import rate_limit
from holdfast.runtime.prices import Price
from holdfast.runtime.secret import Secret
from holdfast.simulator import local_url
from holdfast.testing import ScriptedModel

KEY = "sk-a-key-that-must-not-be-seen-0123456789"
FULL = {
    "models": ["openai/gpt-5-mini", "mine/llama", "near/qwen"],
    "endpoints": {
        "mine": {
            "codec": "anthropic",
            "base_url": "http://10.0.0.7:8000",
            "headers": {"x-team": "search"},
            "auth": {"scheme": "header", "env": ["MY_KEY"], "header": "x-key"},
            "dialect": {"images": False, "options": {"store": False}},
        },
        "near": {"base_url": "http://127.0.0.1:9000/v1"},
    },
    "policies": [
        {"on_overflow": {"action": "terminate"}},
        {"retry": {"attempts": 3, "on": ["rate_limit", "overloaded"], "backoff": {"base": 1.0, "cap": 9.0}}},
        "fallback",
        {"answer": {"content": "Later."}},
    ],
    "deadline": 30.0,
    "max_attempts": 4,
    "timeouts": {"first_event": 5.0, "total": math.inf},
    "on_break": "resume",
    "hold_back": {"tokens": 20},
    "settings": {"temperature": 0.5, "stop": ["END"]},
    "windows": {"mine/llama": 32_000},
    "prices": {"mine/llama": {"input": 0.2, "output": 0.6}},
}


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("MY_KEY", KEY)


def test_a_full_configuration_comes_back_as_it_was():
    written = Client.from_config(FULL).to_config()
    assert written == FULL
    assert msgspec.json.decode(msgspec.json.encode(written | {"timeouts": None})) == written | {"timeouts": None}


def test_a_configuration_means_what_it_says():
    client = Client.from_config(FULL)
    options = client.model.options
    assert [model.name for model in client.models] == FULL["models"]
    assert (options.deadline, options.max_attempts, options.on_break) == (30, 4, "resume")
    assert (options.timeouts, options.hold_back) == (Timeouts(first_event=5, total=math.inf), HoldBack(tokens=20))
    assert len(client.model.policies) == 4


def test_a_file_says_the_same(tmp_path):
    path = tmp_path / "holdfast.toml"
    path.write_text(
        'models = ["openai/gpt-5-mini", "mine/llama"]\ndeadline = 30\npolicies = ["defaults", "ask_again"]\n'
        '[endpoints.mine]\nbase_url = "http://10.0.0.7:8000/v1"\nlike = "vllm"\napi_key = { env = "MY_KEY" }\n'
    )
    client = Client.from_config(path)
    assert Client.from_config(str(path)).to_config() == client.to_config()
    assert client.to_config()["endpoints"]["mine"]["auth"] == {"env": ["MY_KEY"]}
    assert client.model.policies[:-1] == DEFAULT_POLICIES
    assert Client.from_config(client.to_config()).to_config() == client.to_config()


def test_a_plain_client_is_only_its_models():
    assert Client("openai/gpt-5-mini", "sim/calm").to_config() == {"models": ["openai/gpt-5-mini", "sim/calm"]}


def test_a_client_made_in_code_is_written_down():
    far = Endpoint("openai", base_url="https://far.example/v1", api_key=Secret(variable="MY_KEY"))
    open_ = Endpoint("anthropic", base_url="http://127.0.0.1:9", dialect=Dialect(provider="anthropic"))
    client = Client(
        far.model("gpt"),
        open_.model("claude"),
        policies=[on_overflow(times=1), retry(4, on=(ServerError,), backoff=Backoff(base=2)), answer("No.")],
        settings=Settings(seed=1),
        windows={"gpt": 100},
        prices={"gpt": Price(input=1, output=2)},
        timeouts=Timeouts(idle=3),
    )
    written = client.to_config()
    assert written["endpoints"]["openai"] == {
        "base_url": "https://far.example/v1",
        "auth": {"env": ["MY_KEY"]},
    }
    again = Client.from_config(written)
    assert again.to_config() == written
    assert [leaf.endpoint.describe() for leaf in again._leaves] == [far.describe(), open_.describe()]


WRONG = [
    ({"modles": []}, r"modles: no such key\. Did you mean 'models'\?"),
    ({"models": "openai/gpt"}, "models: "),
    ({"deadline": "soon"}, "deadline: "),
    ({"deadline": 0}, "deadline=0"),
    ({"max_attempts": 1.5}, "max_attempts: "),
    ({"timeouts": {"frist_event": 1}}, r"timeouts\.frist_event: no such key\. Did you mean 'first_event'"),
    ({"timeouts": {"idle": "x"}}, r"timeouts\.idle: "),
    ({"timeouts": 5}, "timeouts: expected a table"),
    ({"on_break": "pray"}, "on_break: "),
    ({"hold_back": {"words": 3}}, r"hold_back\.words: no such key"),
    ({"settings": {"temprature": 1}}, r"settings\.temprature: no such key"),
    ({"windows": {"m": "big"}}, "windows: "),
    ({"prices": {"m": {"input": 1}}}, r"prices\.m: "),
    ({"prices": {"m": {"input": 1, "output": 1, "think": 1}}}, r"prices\.m\.think: no such key"),
    ({"policies": "retry"}, "policies: expected a list"),
    ({"policies": ["retyr"]}, r"policies\[0\]: there is no policy 'retyr'\. Did you mean 'retry'"),
    ({"policies": ["fallback", {"retry": {"attemps": 1}}]}, r"policies\[1\]\.retry\.attemps: no such key"),
    ({"policies": [{"retry": {"on": ["rate"]}}]}, r"policies\[0\]\.retry\.on: there is no failure 'rate'"),
    ({"policies": [{"retry": {"attempts": "x"}}]}, r"policies\[0\]\.retry\.attempts: "),
    ({"policies": [{"retry": {"backoff": {"top": 1}}}]}, r"policies\[0\]\.retry\.backoff\.top: no such key"),
    ({"policies": [{"retry": {}, "fallback": {}}]}, r"policies\[0\]: one policy a table"),
    ({"policies": ["answer"]}, r"policies\[0\]\.answer\.content is missing"),
    ({"endpoints": []}, "endpoints: expected a table"),
    ({"endpoints": {"mine": {"codec": "anthropic"}}}, r"endpoints\.mine\.base_url is missing"),
    ({"endpoints": {"mine": {"base_url": "http://h", "api_key": KEY}}}, r"endpoints\.mine\.api_key: .*variable"),
    ({"endpoints": {"openai": {"auth": {"key": KEY}}}}, r"endpoints\.openai\.auth\.key: .*variable"),
    ({"endpoints": {"openai": {"headers": {"Authorization": KEY}}}}, r"endpoints\.openai\.headers\.Authorization: "),
]


@pytest.mark.parametrize(("given", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_wrong_configuration_is_told_by_its_key_and_no_key_of_a_provider_with_it(given, message):
    with pytest.raises(ConfigurationError, match=f"^{message}") as caught:
        Client.from_config({"models": ["openai/gpt"]} | given)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(("text", "message"), [(None, "cannot be read"), ("models = [", "not TOML")])
def test_a_file_that_is_missing_or_no_toml_is_told_by_its_path(tmp_path, text, message):
    path = tmp_path / "some.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigurationError, match=f"some.toml.*{message}"):
        Client.from_config(path)


def test_a_missing_key_names_its_variable(monkeypatch):
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(AuthenticationError, match="MY_KEY"):
        Client.from_config(FULL)


def _handler(call):
    return call.answer("No.")


CODE = {
    "a handler": ({"policies": [on_content_filter(_handler)]}, r"policies\[0\]: 'on_content_filter' is code"),
    "another": ({"policies": [fallback(), on_error(RateLimitError, _handler)]}, r"policies\[1\]: 'on_error' is code"),
    "a policy": ({"policies": [lambda history: None]}, r"policies\[0\]: '<lambda>' is code"),
    "a repair": ({"policies": [on_overflow(lambda *_: None)]}, r"policies\[0\]\.action: a function has no place"),
    "a layer": ({"layers": [rate_limit()]}, "layers: "),
    "a verdict": ({"verdicts": [lambda response: None]}, "verdicts: "),
}


@pytest.mark.parametrize(("options", "message"), CODE.values(), ids=CODE)
def test_code_is_not_dropped_silently(options, message):
    with pytest.raises(ConfigurationError, match=message):
        Client("openai/gpt", **options).to_config()


def test_a_handler_that_was_registered_is_not_dropped_either():
    client = Client("openai/gpt")
    client.on_error(RateLimitError)(_handler)
    with pytest.raises(ConfigurationError, match="policies"):
        client.to_config()


UNWRITABLE = {
    "a value": lambda: Endpoint("mine", base_url="http://h", api_key=KEY).model("m"),
    "a function": lambda: Endpoint("mine", base_url="http://h", token=lambda: KEY).model("m"),
    "a header": lambda: Endpoint("mine", base_url="http://h", headers={"Authorization": KEY}).model("m"),
    "a model of one's own": lambda: ScriptedModel("Hi"),
}


@pytest.mark.parametrize("make", UNWRITABLE.values(), ids=UNWRITABLE)
def test_what_cannot_be_written_is_an_error_that_shows_no_key(make):
    client = Client(make())
    for write in (client.to_config, lambda: pickle.dumps(client)):
        with pytest.raises(ConfigurationError) as caught:
            write()
        assert KEY not in str(caught.value)


@pytest.mark.parametrize("make", [Client, sync.Client])
def test_a_client_survives_pickling_and_its_keys_do_not(make):
    client = make.from_config(FULL)
    data = pickle.dumps(client)
    assert KEY.encode() not in data
    assert pickle.loads(data).to_config() == FULL  # noqa: S301  # our own
    for shown in (repr(client), str(client), client.describe(), str(client.to_config())):
        assert KEY not in shown


async def test_a_pickled_client_and_model_work_where_the_key_is_set():
    here = Endpoint("here", base_url=local_url(), api_key=Secret(variable="MY_KEY"))
    model = here.model("calm")
    async with Client(model) as client:
        first = await client.create("Hi")
        for data in (pickle.dumps(client), pickle.dumps(model)):
            assert KEY.encode() not in data
            again = pickle.loads(data)  # noqa: S301  # our own
            async with again if isinstance(again, Client) else Client(again) as twin:
                assert (await twin.create("Hi")).text == first.text


async def test_a_pickled_model_has_lost_a_key_that_was_a_value():
    model = Endpoint("here", base_url=local_url(), api_key=KEY).model("calm")
    data = pickle.dumps(model)
    assert KEY.encode() not in data
    with pytest.raises(AuthenticationError, match="Give the key again"):
        await Client(pickle.loads(data)).create("Hi")  # noqa: S301  # our own


def test_options_of_code_win_over_the_configuration():
    assert Client.from_config(FULL, deadline=5).model.options.deadline == 5
