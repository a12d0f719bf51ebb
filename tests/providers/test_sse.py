"""The event stream's rules, and that chunking never matters."""

from __future__ import annotations

import json
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import InvalidResponseError
from holdfast.providers.sse import ServerSentEvent, SSEDecoder, encode_event


def events_of(stream: bytes, cuts: list[int] | None = None, limit: int = 1 << 20) -> list[ServerSentEvent]:
    decoder = SSEDecoder(limit)
    places = [0, *sorted({cut % (len(stream) + 1) for cut in cuts or ()}), len(stream)]
    return [event for begin, end in pairwise(places) for event in decoder.feed(stream[begin:end])]


def data_of(stream: bytes) -> list[bytes]:
    return [event.data for event in events_of(stream)]


RULES = {
    "one line of data": (b"data: a\n\n", [b"a"]),
    "no space after the colon": (b"data:a\n\n", [b"a"]),
    "one space is taken, no more": (b"data:  a\n\n", [b" a"]),
    "lines of data are joined by newlines": (b"data: a\ndata: b\n\n", [b"a\nb"]),
    "carriage returns end lines": (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
    "CRLF ends lines": (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
    "line ends may be mixed": (b"data: a\r\ndata: b\n\r\ndata: c\n\n", [b"a\nb", b"c"]),
    "comments say nothing": (b": ping\n\ndata: a\n: in between\ndata: b\n\n", [b"a\nb"]),
    "a byte order mark is skipped": (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
    "only the first one is": (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [b"a"]),
    "a field without a colon is empty": (b"data\n\n", [b""]),
    "an empty field counts as data": (b"data:\ndata:\n\n", [b"\n"]),
    "unknown fields are ignored": (b"foo: 1\ndata: a\nbar\n\n", [b"a"]),
    "an event without data is none": (b"event: ping\n\ndata: a\n\n", [b"a"]),
    "empty lines in a row say nothing": (b"\n\n\ndata: a\n\n\n\n\ndata: b\n\n", [b"a", b"b"]),
    "an unfinished event is discarded": (b"data: a\n\ndata: b\n", [b"a"]),
    "field names are case-sensitive": (b"Data: a\n\n", []),
    "other Unicode line ends are no line ends": (
        b"data: a\xe2\x80\xa8b\x0bc\x0cd\x85\n\n",
        [b"a\xe2\x80\xa8b\x0bc\x0cd\x85"],
    ),
}


@pytest.mark.parametrize(("stream", "expected"), RULES.values(), ids=RULES)
def test_the_rules_of_the_stream(stream: bytes, expected: list[bytes]) -> None:
    assert data_of(stream) == expected
    assert [event.data for event in events_of(stream, list(range(len(stream))))] == expected


def test_the_type_belongs_to_one_event_and_the_id_stays() -> None:
    stream = b"event: error\nid: 7\ndata: a\n\ndata: b\n\nid: 8\0\ndata: c\n\nid\ndata: d\n\n"
    assert events_of(stream) == [
        ServerSentEvent(b"a", "error", "7"),
        ServerSentEvent(b"b", "", "7"),
        ServerSentEvent(b"c", "", "7"),
        ServerSentEvent(b"d", "", ""),
    ]


@pytest.mark.parametrize(
    ("stream", "left"),
    [
        (b"data: a\n\ndata: b\n", b"b"),
        (b"data: a\n\ndata: b", b"b"),
        (b"data: a\n\ndata: b\ndata: c", b"b\nc"),
        (b"data: a\r\n\r\ndata: b\r", b"b"),
        (b"data: a\n\n", None),
        (b"data: a\n\n: bye\n", None),
        (b"data: a\n\nevent: x\n", None),
        (b"", None),
        (b"\xef\xbb", None),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_what_the_end_left_unfinished_can_be_seen(stream: bytes, left: bytes | None, size: int) -> None:
    decoder = SSEDecoder()
    for at in range(0, len(stream), size):
        decoder.feed(stream[at : at + size])
    unfinished = decoder.close()
    assert (unfinished.data if unfinished else None) == left


pieces = st.lists(
    st.sampled_from(
        [b"data: ", b"data:", b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"{}", b'{"a":1}', b": ping", b"event: x",
         b"id: 1", b"\xef\xbb\xbf", "ünï".encode(), b"[DONE]", b"data: {}\n\n", b"retry: 3", b"\0"]
    ),
    max_size=30,
).map(b"".join)  # fmt: skip
cuts = st.lists(st.integers(0, 400), max_size=12)


@settings(max_examples=300)
@given(pieces, cuts)
def test_chunking_never_matters(stream: bytes, cuts: list[int]) -> None:
    whole = events_of(stream)
    assert events_of(stream, cuts) == whole
    assert events_of(stream, list(range(len(stream)))) == whole


@settings(max_examples=100)
@given(st.lists(st.tuples(st.text(max_size=20), st.sampled_from(["", "error", "ping"])), max_size=6), cuts)
def test_what_is_encoded_comes_back(told: list[tuple[str, str]], cuts: list[int]) -> None:
    stream = b"".join(encode_event(text.encode(), event) for text, event in told)
    read = [(event.data, event.event) for event in events_of(stream, cuts)]
    assert read == [(text.replace("\r\n", "\n").replace("\r", "\n").encode(), event) for text, event in told]


def test_an_id_is_encoded_where_there_is_one() -> None:
    assert encode_event(b"a\nb", "x", id="3") == b"event: x\nid: 3\ndata: a\ndata: b\n\n"


@pytest.mark.parametrize("size", [1, 10, 1000])
@pytest.mark.parametrize(
    "stream",
    [b"data: " + b"x" * 200 + b"\n\n", b"data: " + b"x" * 200, b"data: xxxxxxxxx\n" * 20, b"x" * 200],
    ids=["whole", "unfinished line", "many lines", "no field"],
)
def test_an_event_over_the_limit_is_an_error_in_any_chunking(stream: bytes, size: int) -> None:
    with pytest.raises(InvalidResponseError, match="larger than 100 bytes"):
        events_of(stream, list(range(0, len(stream), size)), limit=100)


def test_the_limit_counts_for_one_event_and_not_for_comments() -> None:
    decoder = SSEDecoder(limit=100)
    for _ in range(50):
        assert decoder.feed(b": keep-alive\n") == []
        assert len(decoder.feed(b"data: " + b"x" * 80 + b"\n\n")) == 1


def test_a_long_event_in_small_pieces_takes_time_in_proportion_to_its_length() -> None:
    def seconds(length: int) -> float:
        decoder = SSEDecoder()
        begin = time.process_time()
        for _ in range(length):
            decoder.feed(b"xxxx")
        return time.process_time() - begin

    seconds(1000)
    short, long = min(seconds(5_000) for _ in range(3)), min(seconds(40_000) for _ in range(3))
    assert long < short * 8 * 4  # quadratic would be 64 times


def test_many_events_in_one_chunk_are_all_read() -> None:
    stream = b"".join(b"data: %s\n\n" % json.dumps({"n": n}).encode() for n in range(1000))
    assert [json.loads(event.data)["n"] for event in events_of(b": hi\n\n" + stream, [6])] == list(range(1000))


def test_a_bare_json_line_can_be_seen_though_it_is_no_field() -> None:
    decoder = SSEDecoder()
    assert decoder.feed(b'data: a\n\n{"error": 1}\n\ndata: b\n\n') == [ServerSentEvent(b"a"), ServerSentEvent(b"b")]
    assert decoder.stray == b'{"error": 1}'
