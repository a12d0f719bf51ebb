"""The stream: words, a mark where it begins again, a result at the end, in every `on_break` mode."""

from __future__ import annotations

import pytest

pytest.importorskip("autogen_core")

from autogen_core.models import CreateResult
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autogen_asking import HELLO, follows_the_contract, said, streamed
from holdfast import Endpoint, ModelError, Timeouts
from holdfast.adapters.autogen import HoldfastChatCompletionClient, TruncatedCreateResult
from holdfast.errors import ContentFilterError, RateLimitError, ServerError, StreamInterruptedError
from holdfast.events import Finish, ResponseStart, UsageUpdate
from holdfast.messages import Text, Thinking, ToolCall
from holdfast.simulator import Rule, SimulatedModel, When, expected_answer
from holdfast.simulator.faults import vocabulary
from holdfast.usage import Usage

CUT = StreamInterruptedError("cut")
FAULTS = {entry.name: entry.kind for entry in vocabulary()}


async def test_a_stream_is_words_and_a_result(scripted):
    client = scripted(["Hel", "lo.", UsageUpdate(Usage(input_tokens=4, output_tokens=2))])
    items, error = await streamed(client, include_usage=False)
    assert error is None
    assert items[:-1] == ["Hel", "lo."]
    assert (items[-1].content, items[-1].usage.prompt_tokens) == ("Hello.", 4)
    assert type(items[-1]) is not TruncatedCreateResult


async def test_a_break_is_told_and_what_came_before_it_is_void(scripted):
    items, error = await streamed(scripted(["Hel", CUT], "Whole."))
    assert error is None
    assert follows_the_contract(items)
    reset = next(item for item in items if isinstance(item, TruncatedCreateResult))
    assert (reset.content, reset.error["kind"], reset.finish_reason) == ("Hel", "stream_interrupted", "unknown")
    after = items[items.index(reset) + 1 :]
    assert "".join(after[:-1]) == after[-1].content == "Whole."


async def test_a_break_before_the_first_word_needs_no_mark(scripted):
    items, _ = await streamed(scripted([Thinking("Hm."), CUT], "Whole."))
    assert not any(isinstance(item, TruncatedCreateResult) for item in items)


@pytest.mark.parametrize(
    ("on_break", "words", "last"),
    [
        ("hold", ["Whole."], "Whole."),
        ("restart", ["Hel", "Whole."], "Whole."),
        ("truncate", ["Hel"], "Hel"),
    ],
)
async def test_each_mode_ends_in_a_result(scripted, on_break, words, last):
    items, error = await streamed(scripted(["Hel", CUT], "Whole.", on_break=on_break))
    assert error is None
    assert [item for item in items if isinstance(item, str)] == words
    assert items[-1].content == last
    assert isinstance(items[-1], TruncatedCreateResult) == (on_break == "truncate")


async def test_resumed_words_are_joined(scripted):
    whole = "The kelp holds the rock while the storm goes by."
    items, error = await streamed(
        scripted([whole[:20], CUT], [ResponseStart(continues=True), whole[20:]], on_break="resume")
    )
    assert error is None
    assert "".join(item for item in items if isinstance(item, str)) == items[-1].content == whole


async def test_a_strict_caller_gets_the_error(scripted):
    items, error = await streamed(scripted(["Hel", CUT], on_break="raise"))
    assert items == ["Hel"]
    assert isinstance(error, StreamInterruptedError)
    assert error.partial.text == "Hel"


async def test_thinking_is_never_among_the_words(scripted):
    items, _ = await streamed(scripted([Thinking("Hm, "), Thinking("let me see."), "Yes."]))
    assert items[0] == "Yes."
    assert items[-1].thought == "Hm, let me see."


async def test_words_and_calls_in_one_answer_are_both_kept(scripted):
    items, _ = await streamed(scripted([Text("I look."), ToolCall("1", "f", '{"a": 1}')]))
    assert items[0] == "I look."
    assert (items[-1].content[0].arguments, items[-1].thought) == ('{"a": 1}', "I look.")


async def test_a_callback_ends_a_broken_stream_with_a_result(scripted):
    sorry = CreateResult(
        finish_reason="unknown", content="Sorry.", usage={"prompt_tokens": 0, "completion_tokens": 0}, cached=False
    )
    client = scripted(["Hel", CUT], *[CUT] * 2, error_callbacks={StreamInterruptedError: lambda error: sorry})
    items, error = await streamed(client)
    assert error is None
    assert [item for item in items if isinstance(item, TruncatedCreateResult)]
    assert items[-1] is sorry


async def test_an_answer_that_a_filter_cut_is_not_taken_for_a_whole_one(scripted):
    items, error = await streamed(scripted(["Some words", Finish("content_filter")]))
    assert error is None
    assert isinstance(items[-2], TruncatedCreateResult)
    assert items[-1].finish_reason == "content_filter"
    assert "Some words" not in items[-1].content


async def test_the_last_error_leaves_a_stream(scripted):
    items, error = await streamed(scripted(*[ServerError("down")] * 3))
    assert items == []
    assert isinstance(error, ServerError)


async def test_a_filtered_prompt_streams_the_neutral_answer(scripted):
    items, error = await streamed(scripted(ContentFilterError("no", scope="prompt")))
    assert error is None
    assert [item.finish_reason for item in items] == ["content_filter"]


async def test_a_stream_that_is_left_lets_go_of_its_model(scripted):
    client = scripted(["One", "two", "three"])
    stream = client.create_stream(HELLO)
    assert await anext(stream) == "One"
    await stream.aclose()
    assert client.model.active == 0


def answers():
    """Scripts of one call: answers that break somewhere, and a whole one at the end."""
    words = st.lists(st.sampled_from(["a ", "b ", "c. ", "", "the kelp "]), max_size=4)
    thinking = st.lists(st.builds(Thinking, st.sampled_from(["hm ", "so "])), max_size=2)
    faults = st.sampled_from(
        [CUT, ServerError("down"), RateLimitError("slow"), ContentFilterError("no"), Finish("error")]
    )
    broken = st.builds(lambda thought, said, fault: [*thought, *said, fault], thinking, words, faults)
    return st.lists(broken, max_size=4)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(broken=answers(), on_break=st.sampled_from(["raise", "restart", "resume", "hold", "truncate"]))
async def test_the_words_that_count_are_the_answer_however_often_it_breaks(scripted, broken, on_break):
    client = scripted(*broken, *["Whole."] * 6, on_break=on_break)
    items, error = await streamed(client)
    if error is not None:
        assert isinstance(error, ModelError)
        assert not any(type(item) is not TruncatedCreateResult and not isinstance(item, str) for item in items)
        return
    assert follows_the_contract(items)
    marks = [index for index, item in enumerate(items[:-1]) if isinstance(item, TruncatedCreateResult)]
    valid = items[marks[-1] + 1 :] if marks else items
    assert sum(isinstance(item, CreateResult) for item in valid) == 1
    if items[-1].finish_reason == "content_filter":
        assert valid == items[-1:]  # nothing of a refused answer counts
    else:
        assert "".join(valid[:-1]) == items[-1].content
    assert client.model.active == 0


async def test_a_truncated_call_says_so(scripted):
    result = await scripted(["Hel", CUT], on_break="truncate").create(HELLO)
    assert isinstance(result, TruncatedCreateResult)
    assert (result.content, result.error["kind"]) == ("Hel", "stream_interrupted")


@pytest.mark.parametrize("after", [0, 1, 7])
@pytest.mark.parametrize(
    "fault", ["reset_after", "early_end", "stall", "error_event", "malformed_chunk", "no_finish_reason"]
)
async def test_streams_broken_over_real_http_are_told_and_end_right(simulator, fault, after):
    parameters = FAULTS[fault].__struct_fields__
    tuned = {name: value for name, value in {"after": after, "seconds": 3.0}.items() if name in parameters}
    broken = SimulatedModel(rules=(Rule(FAULTS[fault](**tuned), When(attempts=1)),))
    running = await simulator(broken=broken)
    here = Endpoint("here", base_url=running.base_url(), api_key="key")
    quick = Timeouts(connect=2, first_event=0.3, idle=0.3, total=3)
    client = HoldfastChatCompletionClient(here.model("broken"), timeouts=quick)
    items, error = await streamed(client, [said("What is kelp?")])
    await client.close()
    assert error is None
    assert follows_the_contract(items)
    marks = [index for index, item in enumerate(items) if isinstance(item, TruncatedCreateResult)]
    valid = items[marks[-1] + 1 :] if marks else items
    assert "".join(valid[:-1]) == valid[-1].content == expected_answer("What is kelp?")
