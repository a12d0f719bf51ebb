"""Keys go to the host they belong to, in the form that it wants, and to no other; over real connections."""

from __future__ import annotations

from contextlib import suppress

import pytest

from holdfast import AuthenticationError, Client, ConfigurationError, Endpoint, ModelError
from holdfast.providers.catalog import CATALOG, AuthSpec, EndpointSpec
from holdfast.providers.codec import Dialect
from holdfast.runtime.endpoint import model_by_name
from holdfast.runtime.secret import Secret
from wire import serving, whole

KEY = "sk-a-key-that-must-not-be-seen-0123456789"
CHAT = b'{"id":"1","model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"content":"Hello"}}]}'


def headers_of(request: bytes) -> dict[str, str]:
    lines = request.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


async def sent(endpoint: Endpoint, wire, model: str = "m") -> dict[str, str]:
    """The headers of a request to `endpoint`, whatever comes of it."""
    async with Client(endpoint.model(model), policies=()) as client:
        with suppress(ModelError):
            await client.create("Hi")
    return headers_of(wire.requests[-1])


@pytest.mark.parametrize("name", sorted(name for name, spec in CATALOG.items() if spec.auth.env))
async def test_a_key_of_the_environment_never_goes_to_another_address(monkeypatch, name):
    for variable in CATALOG[name].auth.env:
        monkeypatch.setenv(variable, KEY)
    async with serving([whole(CHAT)]) as wire:
        headers = await sent(Endpoint(name, base_url=wire.url), wire)
    assert KEY not in str(headers)


async def test_the_address_of_the_environment_gets_the_key_of_the_environment(monkeypatch):
    async with serving([whole(CHAT)]) as wire:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv(CATALOG["openai"].base_url_env[0], wire.url)
        headers = await sent(Endpoint("openai"), wire)
        assert headers["authorization"] == f"Bearer {KEY}"
        same = await sent(Endpoint("openai", base_url=f"{wire.url}/"), wire)
    assert same["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("name", "header", "value"),
    [
        ("openai", "authorization", f"Bearer {KEY}"),
        ("anthropic", "x-api-key", KEY),
        ("gemini", "x-goog-api-key", KEY),
        ("azure", "api-key", KEY),
        ("unheard-of", "authorization", f"Bearer {KEY}"),
    ],
)
async def test_a_given_key_is_sent_in_the_form_of_its_endpoint(name, header, value):
    async with serving([whole(CHAT)]) as wire:
        headers = await sent(Endpoint(name, base_url=wire.url, api_key=KEY), wire)
    assert headers[header] == value
    assert str(headers).count(KEY) == 1


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_token_is_asked_for_anew_with_each_request(asynchronous):
    given = iter(("first", "second"))

    async def later() -> str:
        return next(given)

    source = later if asynchronous else lambda: next(given)
    async with (
        serving([whole(CHAT)]) as wire,
        Client(Endpoint("a", base_url=wire.url, token=source).model("m")) as client,
    ):
        await client.create("Hi")
        await client.create("Hi")
    assert [headers_of(each)["authorization"] for each in wire.requests] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_an_error_and_nothing_follows_it(status):
    async with (
        serving([whole(CHAT)]) as elsewhere,
        serving([whole(b"", status, location=elsewhere.url)]) as wire,
        Client(Endpoint("mine", base_url=wire.url, api_key=KEY).model("m"), policies=()) as client,
    ):
        with pytest.raises(ModelError):
            await client.create("Hi")
    assert (len(wire.requests), elsewhere.requests) == (1, [])


@pytest.mark.parametrize("name", ["openai", "anthropic", "groq", "mistral"])
def test_a_missing_key_names_the_variable_to_set(monkeypatch, name):
    for variable in CATALOG[name].auth.env:
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(AuthenticationError, match=CATALOG[name].auth.env[0]):
        Endpoint(name)


async def test_a_key_that_vanishes_later_is_an_error_of_the_call(monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)
    model = Endpoint("mine", base_url="http://127.0.0.1:9", api_key=Secret(variable="MY_KEY")).model("m")
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(AuthenticationError, match="MY_KEY"):
        await Client(model, policies=()).create("Hi")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpt-5", "names no endpoint"),
        ("openai/", "names no endpoint"),
        ("opnai/gpt-5", "no endpoint 'opnai'"),
    ],
)
def test_a_name_that_leads_nowhere_says_what_would(name, message):
    with pytest.raises(ConfigurationError, match=message):
        model_by_name(name)


def test_an_endpoint_without_an_address_says_so():
    with pytest.raises(ConfigurationError, match="base_url"):
        Endpoint("unheard-of")


def test_no_key_is_shown_anywhere(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    endpoint = Endpoint("mine", base_url="http://h", api_key=KEY)
    for shown in (endpoint, endpoint.model("m"), Endpoint("openai").model("m"), Secret(KEY), Secret(variable="MY")):
        assert KEY not in f"{shown!r}{shown}"
    assert KEY not in repr(vars(endpoint))


async def test_headers_of_the_endpoint_and_of_the_call_are_sent_and_the_call_wins():
    spec = EndpointSpec(name="mine", codec="openai_chat", base_url="", auth=AuthSpec(scheme="none"), dialect=Dialect())
    async with serving([whole(CHAT)]) as wire:
        endpoint = Endpoint("mine", base_url=wire.url, spec=spec, headers={"x-team": "search", "x-run": "1"})
        async with Client(endpoint.model("m")) as client:
            await client.create("Hi", headers={"x-run": "2"})
    headers = headers_of(wire.requests[0])
    assert (headers["x-team"], headers["x-run"]) == ("search", "2")
    assert "authorization" not in headers


async def test_the_url_is_the_base_and_the_path_of_the_wire_with_one_slash():
    async with serving([whole(CHAT)]) as wire:
        await sent(Endpoint("mine", base_url=f"{wire.url}/v1/"), wire)
    assert wire.requests[0].startswith(b"POST /v1/chat/completions ")
