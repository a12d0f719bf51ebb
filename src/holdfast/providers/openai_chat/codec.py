"""The codec of OpenAI's chat completions, and of everyone who speaks like them."""

from __future__ import annotations

from typing import Final

from holdfast.errors import ModelError
from holdfast.events import ResponseStart
from holdfast.providers.codec import Dialect, Headers, HTTPRequest
from holdfast.providers.openai_chat.answer import Answer
from holdfast.providers.openai_chat.decode import ChatDecoder
from holdfast.providers.openai_chat.encode import answer_tool_of, continues_natively, encode, in_terms_of, tool_names
from holdfast.providers.openai_chat.errors import error
from holdfast.providers.thinking import ThinkTags, starts_inside
from holdfast.request import Request

_REQUEST_ID: Final = ("x-request-id", "apim-request-id", "request-id", "x-amzn-requestid", "cf-ray")


class OpenAIChatCodec:
    """Chat completions as `dialect` speaks them; see `holdfast.providers.codec.Codec`."""

    name = "openai_chat"

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def encode(self, request: Request, model: str) -> HTTPRequest:
        """The HTTP request for `request`; raises `InvalidRequestError` for what this wire cannot carry."""
        return encode(request, model, self.dialect)

    def decoder(self, request: Request, model: str, headers: Headers) -> ChatDecoder:
        """A decoder for a response with status 2xx and these headers."""
        dialect = self.dialect
        request_id = next((headers[name] for name in _REQUEST_ID if name in headers), None)
        continues = continues_natively(dialect, model, request)
        audio = request.extra.get("audio")
        sound = audio.get("format") if isinstance(audio, dict) else None
        asked = in_terms_of(request, dialect)
        answer = Answer(
            ResponseStart(model, dialect.provider or None, None, request_id, continues),
            seed=str(len(request.messages)),
            names=tool_names(asked),
            # An answer that goes on from words is past its thinking.
            tags=ThinkTags(inside=starts_inside(model) and not continues) if dialect.think_tags else None,
            audio_type=f"audio/{sound}" if isinstance(sound, str) else None,
        )
        return ChatDecoder(
            answer,
            provider=dialect.provider,
            model=model,
            request_id=request_id,
            may_omit_finish=dialect.may_omit_finish,
            answer_tool=answer_tool_of(request, dialect),
        )

    def error(
        self, status: int, headers: Headers, body: bytes, *, model: str | None = None, now: float | None = None
    ) -> ModelError:
        """The typed error of a response with any other status."""
        return error(status, headers, body, provider=self.dialect.provider, model=model, now=now)
