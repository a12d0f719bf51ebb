"""Endpoints as data: complete, well-formed, and safe with keys."""

from __future__ import annotations

import re

import msgspec
import pytest

from holdfast.errors import ConfigurationError
from holdfast.providers.catalog import CATALOG, AuthSpec, EndpointSpec, address, endpoints_from_config, make_codec
from holdfast.providers.codec import Dialect
from holdfast.providers.continuation import prefills

ENVIRON = {
    "AZURE_OPENAI_ENDPOINT": "https://mine.openai.azure.com/",
    "AWS_REGION": "eu-west-1",
    "GOOGLE_CLOUD_PROJECT": "my-project",
    "SNOWFLAKE_ACCOUNT": "myorg-myaccount",
}
WANTED = [
    "openai",
    "openai-responses",
    "azure",
    "azure-responses",
    "anthropic",
    "gemini",
    "vertex",
    "bedrock",
    "bedrock-mantle",
    "ollama",
    "vllm",
    "lmstudio",
    "llamacpp",
    "groq",
    "deepseek",
    "mistral",
    "xai",
    "openrouter",
    "together",
    "fireworks",
    "cerebras",
    "perplexity",
    "huggingface",
    "nvidia",
    "github",
    "meta",
    "moonshot",
    "zai",
    "zhipu",
    "dashscope",
    "minimax",
    "sambanova",
    "cohere",
    "snowflake",
]


def test_the_catalog_knows_every_endpoint_that_it_promises():
    assert set(WANTED) <= set(CATALOG)


@pytest.mark.parametrize("spec", CATALOG.values(), ids=lambda spec: spec.name)
def test_an_entry_is_well_formed(spec):
    url = address(spec, ENVIRON)
    assert re.fullmatch(r"https?://[a-z0-9.:-]+(/[\w./-]*[^/])?", url)
    assert url.startswith("https://") or "127.0.0.1" in url
    assert spec.auth.env or spec.auth.scheme == "google"
    assert spec.dialect.provider
    if spec.auth.scheme == "header":
        assert spec.auth.header not in ("", "authorization")
    if spec.dialect.tool_id_pattern:
        re.compile(spec.dialect.tool_id_pattern)
    if spec.dialect.prefill_models:
        assert spec.dialect.prefill != "none"
    assert msgspec.convert(msgspec.to_builtins(spec), EndpointSpec) == spec


def test_no_two_vendors_share_a_variable_for_their_keys():
    vendors: dict[str, set[str]] = {}
    for spec in CATALOG.values():
        for name in spec.auth.env:
            vendors.setdefault(name, set()).add(spec.dialect.provider)
    assert {name: found for name, found in vendors.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "https://api.openai.com/v1"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1/"}, "http://127.0.0.1:1/v1"),
        ({"OPENAI_BASE_URL": ""}, "https://api.openai.com/v1"),
    ],
)
def test_a_variable_may_stand_in_for_the_address(environ, url):
    assert address(CATALOG["openai"], environ) == url


@pytest.mark.parametrize(
    ("name", "environ", "url"),
    [
        ("azure", ENVIRON, "https://mine.openai.azure.com/openai/v1"),
        ("azure-deployments", ENVIRON, "https://mine.openai.azure.com"),
        ("bedrock", ENVIRON, "https://bedrock-runtime.eu-west-1.amazonaws.com"),
        ("bedrock", {"AWS_DEFAULT_REGION": "us-west-2"}, "https://bedrock-runtime.us-west-2.amazonaws.com"),
        ("vertex", ENVIRON, "https://aiplatform.googleapis.com/v1beta1/projects/my-project/locations/global"),
        (
            "vertex",
            {**ENVIRON, "GOOGLE_CLOUD_LOCATION": "global"},
            "https://aiplatform.googleapis.com/v1beta1/projects/my-project/locations/global",
        ),
        (
            "vertex",
            {**ENVIRON, "GOOGLE_CLOUD_LOCATION": "europe-west4"},
            "https://europe-west4-aiplatform.googleapis.com/v1beta1/projects/my-project/locations/europe-west4",
        ),
        ("snowflake", ENVIRON, "https://myorg-myaccount.snowflakecomputing.com/api/v2/cortex/v1"),
    ],
)
def test_an_address_is_made_from_the_environment(name, environ, url):
    assert address(CATALOG[name], environ) == url


@pytest.mark.parametrize(
    ("name", "variable"),
    [("azure", "AZURE_OPENAI_ENDPOINT"), ("bedrock", "AWS_REGION"), ("vertex", "GOOGLE_CLOUD_PROJECT")],
)
def test_a_missing_variable_is_named(name, variable):
    with pytest.raises(ConfigurationError, match=variable):
        address(CATALOG[name], {})


@pytest.mark.parametrize(
    ("name", "model", "takes"),
    [
        ("anthropic", "claude-sonnet-4-5-20250929", True),
        ("anthropic", "claude-3-haiku-20240307", True),
        ("anthropic", "claude-sonnet-4-20250514", True),
        ("anthropic", "claude-opus-4-6", False),
        ("anthropic", "claude-sonnet-5", False),
        ("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", True),
        ("bedrock", "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-3-haiku", True),
        ("bedrock", "us.anthropic.claude-opus-4-6-v1", False),
        ("bedrock", "amazon.nova-pro-v1:0", False),
        ("openrouter", "anthropic/claude-sonnet-4.5", True),
        ("openrouter", "anthropic/claude-opus-4.6", False),
        ("openrouter", "openai/gpt-5", False),
        ("groq", "meta-llama/llama-4-scout-17b", True),
        ("groq", "deepseek-r1-distill-llama-70b", False),
        ("mistral", "mistral-large-latest", True),
        ("vllm", "anything", True),
        ("openai", "gpt-4o", False),
        ("gemini", "gemini-3-pro", False),
        ("deepseek", "deepseek-chat", False),
        ("deepseek-beta", "deepseek-chat", True),
    ],
)
def test_prefill_is_offered_where_the_vendor_says_so(name, model, takes):
    assert prefills(CATALOG[name].dialect, model) is takes


@pytest.mark.parametrize("name", [name for name, spec in CATALOG.items() if spec.codec == "openai_chat"])
def test_every_endpoint_of_the_chat_wire_gets_its_codec(name):
    spec = CATALOG[name]
    assert make_codec(spec.codec, spec.dialect).dialect is spec.dialect


def test_an_unknown_codec_is_named_with_those_that_are_known():
    with pytest.raises(ConfigurationError, match=r"'smoke'.*openai_chat"):
        make_codec("smoke", Dialect())  # type: ignore[arg-type]


def test_a_user_describes_an_endpoint_of_his_own():
    given = {
        "mine": {
            "base_url": "http://10.0.0.7:8000/v1",
            "codec": "openai_chat",
            "auth": {"env": ["MY_KEY"], "scheme": "header", "header": "x-key"},
            "headers": {"x-team": "search"},
            "dialect": {"images": False, "options": {"top_k": 4}},
        }
    }
    assert endpoints_from_config(given) == {
        "mine": EndpointSpec(
            name="mine",
            codec="openai_chat",
            base_url="http://10.0.0.7:8000/v1",
            auth=AuthSpec(scheme="header", env=("MY_KEY",), header="x-key"),
            headers={"x-team": "search"},
            dialect=Dialect(provider="mine", think_tags=True, images=False, options={"top_k": 4}),
        )
    }


def test_an_endpoint_may_be_like_another_one():
    spec = endpoints_from_config({"far": {"like": "vllm", "base_url": "https://far.example/v1"}})["far"]
    assert spec.dialect == CATALOG["vllm"].dialect
    assert address(spec, {"VLLM_BASE_URL": "http://elsewhere"}) == "https://far.example/v1"


@pytest.mark.parametrize("given", [{"base_url": "https://evil.example"}, {"base_url_env": ["EVIL"]}])
def test_a_key_never_goes_to_another_host_with_an_endpoint_that_is_like_its_own(given):
    assert endpoints_from_config({"openai": given})["openai"].auth.env == ()
    assert endpoints_from_config({"copy": {"like": "openai", **given}})["copy"].auth.env == ()
    assert endpoints_from_config({"copy": {"like": "openai"}})["copy"].auth.env == ("OPENAI_API_KEY",)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mine": {"base_url": "http://h", "dialct": {}}}, r"mine\.dialct: no such key\. Did you mean 'dialect'"),
        ({"mine": {}}, r"mine\.base_url is missing"),
        ({"mine": 3}, r"mine: expected a table, got int"),
        ({"mine": {"base_url": 3}}, r"mine\.base_url: "),
        ({"mine": {"base_url": "http://h", "dialect": {"images": "no"}}}, r"mine\.dialect\.images: "),
        ({"mine": {"base_url": "http://h", "dialect": {"imges": True}}}, r"mine\.dialect\.imges: .*'images'"),
        ({"mine": {"base_url": "http://h", "dialect": 1}}, r"mine\.dialect: expected a table"),
        ({"mine": {"base_url": "http://h", "auth": {"envs": []}}}, r"mine\.auth\.envs: .*'env'"),
        ({"mine": {"base_url": "http://h", "codec": "smoke"}}, r"mine\.codec: "),
        ({"mine": {"like": "vlm"}}, r"mine\.like: .*'vllm'"),
        ({"mine": {"base_url": "http://h", "api_key": "sk-1"}}, r"mine\.api_key: .*variable"),
        ({"mine": {"base_url": "http://h", "auth": {"token": "t"}}}, r"mine\.auth\.token: .*variable"),
    ],
)
def test_a_wrong_configuration_is_told_by_its_key(given, message):
    with pytest.raises(ConfigurationError, match=message) as caught:
        endpoints_from_config(given)
    assert "sk-1" not in str(caught.value)
