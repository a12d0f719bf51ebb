"""Every fault over real loopback HTTP: the wire shows exactly what was described."""

from __future__ import annotations

import json
import zlib

import pytest

from holdfast.simulator import expected_answer, vocabulary
from holdfast.simulator import faults as f
from holdfast.simulator.faults import KINDS
from raw_client import PROMPT, chat, show

ANSWER = expected_answer(PROMPT)
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"place": {"type": "string"}}}},
}


async def test_without_a_fault_the_whole_answer_comes():
    whole, streamed = await show(None), await show(None, stream=True)
    assert whole.text == streamed.text == ANSWER
    assert whole.finish == streamed.finish == "stop"
    assert streamed.events[-1] == "[DONE]"
    assert whole.ended == streamed.ended == "whole"
    assert whole.json["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_has_the_form_of_the_provider(kind):
    seen = await show(f.Refuse(kind=kind))
    assert 400 <= seen.status <= 599
    assert seen.json["error"]["message"]
    assert seen.ended == "whole"


@pytest.mark.parametrize(
    ("wait", "header", "value"),
    [
        ("native", "retry-after", "3"),
        ("seconds", "retry-after", "3"),
        ("milliseconds", "retry-after-ms", "3000"),
        ("reset", "x-ratelimit-reset-requests", "3s"),
    ],
)
async def test_a_refusal_states_its_wait_in_the_form_that_was_asked_for(wait, header, value):
    seen = await show(f.Refuse(kind="rate_limit", retry_after=3, wait=wait))
    assert seen.status == 429
    assert seen.headers[header] == value


async def test_a_wait_may_stand_in_the_message_or_be_a_date():
    text = await show(f.Refuse(kind="rate_limit", retry_after=3, wait="text"))
    assert "try again in 3s" in text.json["error"]["message"]
    assert "retry-after" not in text.headers
    date = await show(f.Refuse(kind="rate_limit", retry_after=3, wait="date"))
    assert date.headers["retry-after"].endswith("GMT")


async def test_a_refused_prompt_names_its_categories_as_azure_does():
    seen = await show(f.Refuse(kind="content_filter"))
    assert seen.status == 400
    assert seen.json["error"]["code"] == "content_filter"
    assert seen.json["error"]["innererror"]["content_filter_result"]["violence"]["filtered"] is True


async def test_a_status_has_the_body_and_the_headers_that_were_written():
    seen = await show(f.Status(status=402, body="pay", headers={"X-Why": "money"}))
    assert (seen.status, seen.body, seen.headers["x-why"]) == (402, b"pay", "money")


async def test_html_is_a_page_with_any_status():
    seen = await show(f.Html(status=503, title="Down"))
    assert seen.status == 503
    assert seen.headers["content-type"].startswith("text/html")
    assert b"<title>Down</title>" in seen.body


@pytest.mark.parametrize("stream", [False, True])
async def test_an_empty_body_is_empty(stream):
    seen = await show(f.EmptyBody(), stream=stream)
    assert (seen.status, seen.body, seen.ended) == (200, b"", "whole")


async def test_a_redirect_leads_elsewhere():
    seen = await show(f.Redirect(status=308, location="http://127.0.0.1:9/x"))
    assert (seen.status, seen.headers["location"]) == (308, "http://127.0.0.1:9/x")


async def test_an_error_in_200_is_an_error_under_a_good_status():
    seen = await show(f.ErrorIn200(kind="server_error"))
    assert (seen.status, "error" in seen.json) == (200, True)


async def test_cut_json_cannot_be_read_though_its_length_is_right():
    seen = await show(f.CutJson(keep=0.7))
    assert seen.ended == "whole"
    with pytest.raises(json.JSONDecodeError):
        json.loads(seen.body)
    assert b"[" in seen.body


@pytest.mark.parametrize("stream", [False, True])
async def test_null_choices_are_null(stream):
    seen = await show(f.NullChoices(), stream=stream)
    body = json.loads(seen.events[0]) if stream else seen.json
    assert body["choices"] is None


async def test_json_comes_for_a_stream():
    seen = await show(f.JsonForStream(), stream=True)
    assert seen.headers["content-type"].startswith("application/json")
    assert seen.text == ANSWER


@pytest.mark.parametrize("stream", [False, True])
async def test_an_empty_completion_says_nothing_and_calls_itself_finished(stream):
    seen = await show(f.EmptyCompletion(), stream=stream)
    assert (seen.text, seen.finish) == ("", "stop")


@pytest.mark.parametrize("stream", [False, True])
async def test_without_a_finish_reason_all_the_words_are_there(stream):
    seen = await show(f.NoFinishReason(), stream=stream)
    assert (seen.text, seen.finish) == (ANSWER, None)
    assert not stream or seen.events[-1] == "[DONE]"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("fault", "reason"), [(f.FilterFinish(after=4), "content_filter"), (f.LengthFinish(after=4), "length")]
)
async def test_a_finish_cuts_the_answer_after_some_events(fault, reason, stream):
    seen = await show(fault, stream=stream)
    assert seen.finish == reason
    assert seen.text == " ".join(ANSWER.split(" ")[:3])  # the first event is the start


@pytest.mark.parametrize("stream", [False, True])
async def test_tool_arguments_stop_in_the_middle(stream):
    body = chat("call weather", stream=stream, tools=[TOOL])
    seen = await show(f.ToolArgumentsCut(keep=0.5), body=body)
    assert seen.finish == "tool_calls"
    if stream:
        chunks = [json.loads(event) for event in seen.events[:-1]]
        calls = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls") or ()]
        arguments = "".join(call["function"].get("arguments") or "" for call in calls)
    else:
        arguments = seen.json["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    assert arguments.startswith('{"pl')
    with pytest.raises(json.JSONDecodeError):
        json.loads(arguments)


@pytest.mark.parametrize("after", [0, 1, 5, -1])
async def test_an_early_end_is_clean(after):
    seen = await show(f.EarlyEnd(after=after), stream=True)
    full = await show(None, stream=True)
    assert seen.ended == "whole"
    assert seen.events == full.events[:after]


async def test_an_early_end_may_close_the_connection_instead():
    seen = await show(f.EarlyEnd(after=5, framing="close"), stream=True)
    assert "transfer-encoding" not in seen.headers
    assert len(seen.events) == 5


async def test_no_done_leaves_out_the_terminator_only():
    seen = await show(f.NoDone(), stream=True)
    assert (seen.text, seen.finish, seen.ended) == (ANSWER, "stop", "whole")
    assert "[DONE]" not in seen.events


async def test_an_error_event_stands_inside_the_stream():
    seen = await show(f.ErrorEvent(after=3, kind="overloaded"), stream=True)
    assert seen.status == 200
    assert len(seen.events) == 4
    assert "error" in json.loads(seen.events[3])


async def test_one_event_is_malformed_and_the_rest_follows():
    seen, full = await show(f.MalformedChunk(after=3), stream=True), await show(None, stream=True)
    with pytest.raises(json.JSONDecodeError):
        json.loads(seen.events[3])
    assert [*seen.events[:3], *seen.events[4:]] == [*full.events[:3], *full.events[4:]]


async def test_a_null_event_is_one_more():
    seen, full = await show(f.NullChunk(after=3), stream=True), await show(None, stream=True)
    assert seen.events == [*full.events[:3], "null", *full.events[3:]]


@pytest.mark.parametrize("stream", [False, True])
async def test_garbage_makes_no_sense(stream):
    seen = await show(f.Garbage(length=64), stream=stream)
    assert len(seen.body) == 64
    with pytest.raises(UnicodeDecodeError):
        seen.body.decode()


async def test_keep_alives_are_no_events():
    seen, full = await show(f.KeepAlives(after=3, seconds=0, count=5), stream=True), await show(None, stream=True)
    assert seen.body.count(b": keep-alive\n\n") == 5
    assert seen.events == full.events


async def test_a_double_finish_says_it_twice():
    seen = await show(f.DoubleFinish(), stream=True)
    assert seen.events.count("[DONE]") == 2
    assert sum('"finish_reason":"stop"' in event for event in seen.events) == 2


async def test_before_the_headers_a_reset_is_told_from_a_hang_up():
    reset, hung_up = await show(f.ResetBeforeHeaders()), await show(f.HangUpBeforeHeaders())
    assert (reset.ended, hung_up.ended) == ("reset", "closed")
    assert reset.headers == hung_up.headers == {}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("after", [0, 3])
async def test_a_reset_in_the_middle_comes_after_what_was_sent(after, stream):
    seen, full = await show(f.ResetAfter(after=after), stream=stream), await show(None, stream=stream)
    assert seen.ended == "reset"
    assert full.body.startswith(seen.body)
    assert len(seen.events) == after if stream else len(seen.body) == 32 * after


@pytest.mark.parametrize("count", [0, 1, 77])
async def test_a_cut_can_be_made_at_every_byte(count):
    full = await show(None, stream=True)
    ended = await show(f.EarlyEnd(bytes=count), stream=True)
    reset = await show(f.ResetAfter(bytes=count), stream=True)
    assert ended.body == reset.body == full.body[:count]
    assert (ended.ended, reset.ended) == ("whole", "reset")


@pytest.mark.parametrize(
    "fault", [f.Stall(after=3, seconds=0.02), f.Latency(seconds=0.02), f.SlowDrip(bytes=900, seconds=0)]
)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_slow_answer_is_whole_in_the_end(fault, stream):
    seen = await show(fault, stream=stream)
    assert (seen.text, seen.finish, seen.ended) == (ANSWER, "stop", "whole")


@pytest.mark.parametrize(("encoding", "wbits"), [("gzip", 31), ("deflate", 15)])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_compressed_answer_is_the_same_and_a_cut_one_is_shorter(encoding, wbits, stream):
    seen = await show(f.Compressed(encoding=encoding), stream=stream)
    cut = await show(f.Compressed(encoding=encoding, keep=0.5), stream=stream)
    full = await show(None, stream=stream)
    assert seen.headers["content-encoding"] == encoding
    assert zlib.decompress(seen.body, wbits) == full.body
    assert seen.body.startswith(cut.body)
    assert len(cut.body) == len(seen.body) // 2


@pytest.mark.parametrize(("by", "ended"), [(10, "closed"), (-10, "whole")])
async def test_a_wrong_length_is_wrong_by_that_many_bytes(by, ended):
    seen, full = await show(f.WrongLength(by=by)), await show(None)
    assert int(seen.headers["content-length"]) == len(full.body) + by
    assert seen.ended == ended


def test_no_word_of_the_vocabulary_is_left_out_here():
    here = __import__("pathlib").Path(__file__).read_text(encoding="utf-8")
    assert [entry.name for entry in vocabulary() if f"f.{entry.kind.__name__}(" not in here] == []
