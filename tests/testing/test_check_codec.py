from __future__ import annotations

import pytest

from holdfast.errors import InvalidResponseError, ServerError
from holdfast.events import Finish, ResponseStart, TextDelta
from holdfast.messages import UserMessage
from holdfast.providers.catalog import make_codec
from holdfast.providers.codec import Dialect, HTTPRequest
from holdfast.request import Request
from holdfast.testing import CodecCase, check_codec

HELLO = Request(messages=(UserMessage("Hello"),), stream=True)
CASE = CodecCase(request=HELLO, body="größer\nals\ngedacht\n".encode())


class LineDecoder:
    """Each line is a text; the body ends with one."""

    def __init__(self):
        self._rest = b""
        self._started = False

    def feed(self, data):
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if not self._started:
                self._started = True
                yield ResponseStart()
            yield TextDelta(line.decode())

    def close(self):
        if self._rest:
            raise InvalidResponseError("half a line")
        if not self._started:
            raise InvalidResponseError("nothing")
        yield Finish("stop")


class LineCodec:
    name = "lines"
    dialect = Dialect()
    decoder_class = LineDecoder

    def encode(self, request, model):
        return HTTPRequest(url="/lines", body=b'{"model": "m"}')

    def decoder(self, request, model, headers):
        return self.decoder_class()

    def error(self, status, headers, body, *, model=None, now=None):
        return ServerError("broken", status=status)


def test_a_codec_that_keeps_the_laws_passes():
    check_codec(LineCodec(), [CASE, CodecCase(request=HELLO, body=b"half"), CodecCase(request=HELLO, body=b"")])


class ByChunk(LineDecoder):
    def feed(self, data):
        if not self._started:
            self._started = True
            yield ResponseStart()
        yield TextDelta(data.decode("utf-8", "replace"))


class Grumpy(LineDecoder):
    def close(self):
        raise KeyError("choices")


class Endless(LineDecoder):
    def close(self):
        yield from ()


class Forgetful(LineCodec):
    times = 0

    def encode(self, request, model):
        self.times += 1
        return HTTPRequest(url="/lines", body=b"%d" % self.times)


class NoJSON(LineCodec):
    def encode(self, request, model):
        return HTTPRequest(url="/lines", body=b"a=1")


class Absolute(LineCodec):
    def encode(self, request, model):
        return HTTPRequest(url="https://elsewhere/lines", body=b"{}")


class Shouting(LineCodec):
    def encode(self, request, model):
        return HTTPRequest(url="/lines", body=b"{}", headers={"X-Shout": "1"})


class Strict(LineCodec):
    def error(self, status, headers, body, *, model=None, now=None):
        return ServerError(body.decode())


class Silent(LineCodec):
    def error(self, status, headers, body, *, model=None, now=None):
        return None


def decoding(decoder):
    return type("Wrong", (LineCodec,), {"decoder_class": decoder})()


@pytest.mark.parametrize(
    ("codec", "law"),
    [
        (decoding(ByChunk), "chunks of the same bytes give another result"),
        (decoding(Grumpy), "a decoder raises a ModelError, not KeyError"),
        (decoding(Endless), "without a Finish"),
        (Forgetful(), "another HTTP request the second time"),
        (NoJSON(), "no JSON"),
        (Absolute(), "is a path"),
        (Shouting(), "lower-case"),
        (Strict(), r"error\(\) raises UnicodeDecodeError"),
        (Silent(), "gives a ModelError, not None"),
    ],
)
def test_a_broken_law_is_found(codec, law):
    with pytest.raises(AssertionError, match=law):
        check_codec(codec, [CASE])


CHAT = b"".join(
    b"data: %b\n\n" % chunk
    for chunk in (
        b'{"id":"c1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}',
        '{"id":"c1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"grüß"}}]}'.encode(),
        b'{"id":"c1","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
        b"[DONE]",
    )
)


@pytest.mark.parametrize("name", ["openai_chat", "openai_responses", "anthropic", "gemini", "bedrock"])
def test_the_codecs_of_this_library_keep_the_laws(name):
    codec = make_codec(name, Dialect(provider=name))
    bodies = [b"", b"<html>", b"{}", b"data: {}\n\n", b"null"]
    cases = [CodecCase(request=HELLO, body=body, headers={"content-type": "text/event-stream"}) for body in bodies]
    check_codec(codec, [*cases, CodecCase(request=HELLO.replace(stream=False), body=b"[1]")])


def test_a_recorded_stream_of_chat_keeps_the_laws():
    codec = make_codec("openai_chat", Dialect(provider="openai"))
    check_codec(codec, [CodecCase(request=HELLO, body=CHAT, headers={"content-type": "text/event-stream"})])
