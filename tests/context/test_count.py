# random histories are no secrets
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from context.histories import history, recount
from holdfast.context.count import Count, Counter
from holdfast.context.families import family_of
from holdfast.context.measure import message_tokens, overhead_tokens, replayed_tokens, tools_tokens
from holdfast.messages import (
    AssistantMessage,
    Document,
    Image,
    SystemMessage,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    UserMessage,
)
from holdfast.request import OutputSchema, Request, Tool
from holdfast.usage import Usage

# OpenAI cookbook, "How to count tokens with tiktoken": the example and the counts that the API billed for it.
COOKBOOK = Request(
    messages=(
        SystemMessage(
            "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."
        ),
        UserMessage("New synergies will help drive top-line growth.", name="example_user"),
    )
)
WEATHER = Tool(
    "get_current_weather",
    "Get the current weather in a given location",
    {
        "type": "object",
        "properties": {
            "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
            "unit": {
                "type": "string",
                "description": "The unit of temperature to return",
                "enum": ["celsius", "fahrenheit"],
            },
        },
        "required": ["location"],
    },
)


def test_tools_count_as_the_cookbook_counts_them():
    """The cookbook's example: 101 tokens for gpt-4o, 105 for gpt-4, messages included."""
    messages = (
        SystemMessage("You are a helpful assistant that can answer to questions about the weather."),
        UserMessage("What's the weather like in San Francisco?"),
    )
    request = Request(messages=messages, tools=(WEATHER,))
    assert Counter().count(request, "openai/gpt-4o").tokens == 101
    assert Counter().count(request, "openai/gpt-4").tokens == 105


def test_a_plain_request_is_counted_exactly():
    request = Request(messages=(UserMessage("Hello, world!"),))
    assert Counter().count(request, "openai/gpt-4o") == Count(3 + 1 + 4 + 3, exact=True)


@pytest.mark.parametrize(
    "request_",
    [
        COOKBOOK.replace(tools=(WEATHER,)),
        COOKBOOK.replace(messages=(UserMessage([Image(url="https://example.com/a.png")]),)),
        COOKBOOK.replace(output=OutputSchema("o", {"type": "object"})),
    ],
)
def test_what_no_published_rule_covers_is_not_exact(request_):
    assert not Counter().count(request_, "openai/gpt-4o").exact


@pytest.mark.parametrize(
    "model", ["", "nobody/nothing", "openai/gpt-99", "bedrock/eu.anthropic.claude-opus-4-7", "ollama/qwen3:8b", "🎉"]
)
def test_every_model_is_counted(model):
    count = Counter().count(COOKBOOK, model)
    assert 20 < count.tokens < 80


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("openai/gpt-4o-mini", "gpt-4o"),
        ("azure/gpt-4-turbo", "gpt-4"),
        ("azure/gpt-35-turbo", "gpt-4"),
        ("openai/gpt-5-mini", "gpt-5-mini"),
        ("openai/gpt-5", "gpt-5"),
        ("openai/gpt-5.4-mini", "gpt-5-mini"),
        ("openai/gpt-5.5", "gpt-6"),
        ("openai/o3-mini", "o3"),
        ("openai/o4-mini", "o4"),
        ("groq/openai/gpt-oss-120b", "gpt-oss"),
        ("anthropic/claude-sonnet-4-20250514", "claude"),
        ("anthropic/claude-sonnet-4-5", "claude"),
        ("anthropic/claude-opus-4-6", "claude-4.6"),
        ("anthropic/claude-opus-4-7", "claude-5"),
        ("bedrock/us.anthropic.claude-sonnet-5-20260601-v1:0", "claude-5"),
        ("bedrock/us.anthropic.claude-3-5-sonnet-20241022-v2:0", "claude"),
        ("google/gemini-2.5-flash", "gemini-2"),
        ("google/gemini-3-pro", "gemini"),
        ("mistral/mistral-large-latest", "mistral"),
        ("groq/llama-3.3-70b-versatile", "llama3"),
        ("x/y", "any"),
    ],
)
def test_the_family_is_found_by_the_name(model, family):
    assert family_of(model).name == family


ODD = (
    {},
    {"type": "object"},
    {"type": "object", "properties": {}},
    {"type": "object", "properties": {"n": {"enum": [1, 2, None, True]}}},
    {"type": "object", "properties": {"n": {"type": ["string", "null"], "description": None}}},
    {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}, "$defs": {"N": {"type": "integer"}}},
    {
        "type": "object",
        "properties": {"n": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "integer"}}]}},
    },
    {"type": "object", "properties": {"n": True}},
    {"properties": ["odd"]},
    {"type": "object", "properties": {"n": {"type": "object", "properties": {"m": {"const": object}}}}},
    {"type": "object", "properties": {"<|endoftext|>": {"description": "<|im_end|>"}}},
)


@pytest.mark.parametrize("parameters", ODD)
@pytest.mark.parametrize("model", ["openai/gpt-4o", "anthropic/claude-sonnet-4-5", "x/y"])
def test_no_schema_is_refused(parameters, model):
    request = Request(messages=(), tools=(Tool("f", "", parameters),), output=OutputSchema("o", parameters))
    assert Counter().count(request, model).tokens > 0


def test_nested_schemas_count_all_that_is_in_them():
    nested = {"type": "object", "properties": {f"field_{n}": {"type": "string"} for n in range(40)}}
    tool = Tool("f", "", {"type": "object", "properties": {"outer": nested}})
    assert tools_tokens((tool,), family_of("openai/gpt-4o")) > 250


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 20), st.lists(st.integers(1, 60), max_size=6))
def test_counting_as_it_grows_is_counting_anew(seed, steps, stops):
    log = tuple(history(Random(seed), steps))
    counter = Counter()
    for stop in (*sorted(stops), len(log)):
        request = Request(messages=log[:stop])
        for model in ("openai/gpt-4o", "anthropic/claude-opus-4-7"):
            family = family_of(model)
            assert counter.count(request, model).tokens == recount(request.messages, family) + overhead_tokens(
                request, family
            )


def test_usage_is_the_truth_and_only_the_rest_is_estimated():
    counter, model = Counter(), "anthropic/claude-sonnet-4-5"
    first = Request(messages=(UserMessage("word " * 100),))
    counted = counter.count(first, model).tokens
    counter.observe(first, Usage(input_tokens=1000), model)
    assert counter.count(first, model).tokens == 1000
    more = first.replace(messages=(*first.messages, AssistantMessage("yes")))
    added = message_tokens(AssistantMessage("yes"), family_of(model))
    assert counter.count(more, model) == Count(1000 + added)
    assert counted != 1000


def test_the_ratio_is_learnt_from_what_was_added():
    counter, model = Counter(), "x/y"
    messages = (UserMessage("word " * 100),)
    for turn in range(8):
        request = Request(messages=messages)
        size = recount(messages, family_of(model)) + overhead_tokens(request, family_of(model))
        counter.observe(request, Usage(input_tokens=500 + 2 * size), model)
        messages = (*messages, UserMessage(f"{turn} " + "word " * 2500))
    assert counter.estimator(model).ratio == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("usage", [Usage(), Usage(input_tokens=10**6, estimated=True)])
def test_an_estimated_or_empty_usage_teaches_nothing(usage):
    counter = Counter()
    before = counter.count(COOKBOOK, "x/y")
    assert counter.observe(COOKBOOK, usage, "x/y")
    assert counter.count(COOKBOOK, "x/y") == before


def test_a_prompt_that_was_cut_without_a_word_is_noticed_and_teaches_nothing():
    counter, model = Counter(), "ollama/qwen3"
    first = Request(messages=(UserMessage("word " * 3000),))
    assert counter.observe(first, Usage(input_tokens=3010), model)
    second = first.replace(messages=(*first.messages, AssistantMessage("ok"), UserMessage("word " * 3000)))
    assert not counter.observe(second, Usage(input_tokens=2048), model)
    assert counter.count(second, model).tokens > 6000


def test_a_list_of_messages_that_grows_in_place_is_followed():
    counter, messages = Counter(), [UserMessage("a")]
    before = counter.count(Request(messages=messages), "openai/gpt-4o").tokens
    messages.append(AssistantMessage("b"))
    assert counter.count(Request(messages=messages), "openai/gpt-4o").tokens == before + 5


def test_equal_messages_of_another_list_are_the_same_conversation():
    counter, model = Counter(), "x/y"
    request = Request(messages=(UserMessage("a"), AssistantMessage("b")))
    counter.observe(request, Usage(input_tokens=77), model)
    same = msgspec.json.decode(msgspec.json.encode(request), type=Request)
    assert counter.count(same, model).tokens == 77


@pytest.mark.parametrize(
    ("part", "model", "low", "high"),
    [
        (Thinking("hm " * 100, signature="s", origin="anthropic"), "anthropic/claude-opus-4-7", 100, 180),
        (Thinking("hm " * 100, signature="s", origin="anthropic"), "anthropic/claude-sonnet-4-5", 0, 10),
        (Thinking("hm " * 100), "openai/gpt-4o", 0, 10),
        (Thinking("", data="x" * 500, origin="openai_responses"), "openai/gpt-5", 100, 120),
        (ToolCall("id", "f", '{"a": 1}'), "openai/gpt-4o", 10, 25),
    ],
)
def test_a_part_counts_by_what_its_wire_sends_back(part, model, low, high):
    assert low <= message_tokens(AssistantMessage([part]), family_of(model)) <= high


CALL = ToolCall("c", "f", "{}")
SEALED = ToolCall("c", "f", "{}", signature="sig", origin="gemini")
USAGE = Usage(input_tokens=10, output_tokens=500, reasoning_tokens=400)


@pytest.mark.parametrize(
    ("parts", "usage", "model", "tokens"),
    [
        ([CALL], USAGE, "openai/gpt-5", 100),
        ([CALL], Usage(input_tokens=10, output_tokens=80), "anthropic/claude-sonnet-4-5", 80),
        ([SEALED], USAGE, "google/gemini-3-pro", 500),
        ([SEALED], USAGE, "vertex/gemini-3-pro", 100),
        ([Thinking("hm", origin="deepseek"), CALL], USAGE, "deepseek/deepseek-reasoner", 500),
        ([Text("words")], Usage(input_tokens=10, output_tokens=80), "anthropic/claude-opus-5", 80),
        ([Text("words")], Usage(input_tokens=10, output_tokens=80), "openai/gpt-4o", None),
        ([Thinking("hm"), Text("words")], USAGE, "anthropic/claude-sonnet-4-5", None),
        ([CALL], Usage(input_tokens=10, output_tokens=0), "anthropic/claude-sonnet-4-5", None),
        ([CALL], Usage(input_tokens=10, output_tokens=5, estimated=True), "anthropic/claude-sonnet-4-5", None),
    ],
)
def test_an_answer_that_is_sent_back_takes_what_its_usage_says(parts, usage, model, tokens):
    assert replayed_tokens(AssistantMessage(parts), usage, family_of(model)) == tokens


def test_the_reply_is_known_from_the_same_usage():
    counter, model = Counter(), "anthropic/claude-sonnet-4-5"
    request = Request(messages=(UserMessage("TASK"),))
    counter.observe(request, Usage(input_tokens=100, output_tokens=60), model)
    answered = request.replace(messages=(*request.messages, AssistantMessage([CALL])))
    assert counter.count(answered, model).tokens == 160
    result = ToolMessage([ToolResult("c", "x")])
    more = request.replace(messages=(*answered.messages, result))
    assert counter.count(more, model).tokens == 160 + message_tokens(result, family_of(model))


def test_files_of_text_count_as_text():
    family = family_of("openai/gpt-4o")
    words = "word " * 100
    as_text = message_tokens(UserMessage([Document(text=words)]), family)
    assert as_text == message_tokens(UserMessage([Document(data=words.encode(), media_type="text/plain")]), family)
    assert as_text == message_tokens(UserMessage([Text(words)]), family)


def test_every_result_of_a_message_has_its_own_framing():
    family = family_of("openai/gpt-4o")
    one, two = ToolResult("a", "x"), ToolResult("b", "x")
    assert message_tokens(ToolMessage([one, two]), family) == 2 * message_tokens(ToolMessage([one]), family)


def test_text_alone_is_exact_in_a_known_vocabulary():
    assert Counter().count_text("Hello, world!", "openai/gpt-5") == Count(4, exact=True)
    assert Counter().count_text("Hello, world!", "groq/llama-3.3-70b").exact
    assert not Counter().count_text("Hello, world!", "anthropic/claude-opus-5").exact
