"""The port of a provider: what a codec and its server's side must be able to do, without any IO.

A codec turns a `Request` into an `HTTPRequest`, bytes into events, and a failed response into a `ModelError`. The same
bytes in any chunking give the same events and the same error. Where endpoints that share a wire differ, the difference
is data: a `Dialect` from the catalog.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

from holdfast.errors import ModelError
from holdfast.events import Event
from holdfast.request import Request
from holdfast.response import Response

Headers: TypeAlias = Mapping[str, str]
"""HTTP headers with lower-case names."""


class HTTPRequest(Struct, frozen=True, kw_only=True):
    """One HTTP request. A codec's `url` is a path (with query) that the endpoint's base URL is put before.

    `notes` says, for reports, what was changed in the request so that this wire can carry it.
    """

    url: str
    body: bytes = b""
    method: str = "POST"
    headers: Headers = {}
    connect_timeout: float | None = None
    notes: tuple[str, ...] = ()


Prefill: TypeAlias = Literal["none", "assistant", "prefix_flag", "continue_final_message"]
"""How an endpoint continues a half-finished answer: not at all; from a last assistant message; from one marked
`"prefix": true` (Mistral, DeepSeek beta); from one with `continue_final_message` (vLLM, SGLang)."""


class Dialect(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How one endpoint speaks its wire. Data, never code; the catalog has one for each endpoint."""

    provider: str = ""
    prefill: Prefill = "none"
    prefill_models: tuple[str, ...] | None = None
    """Beginnings of the names of the models that take a prefill; None: all of them."""
    may_omit_finish: bool = False
    """Whether a stream without a finish reason is complete once its terminator (`[DONE]`) has come."""
    max_tokens_field: str = "max_tokens"
    system_role: Literal["system", "developer", "user"] = "system"
    """The role that instructions are given; `"user"` where a model takes no other."""
    one_system_message: bool = False
    alternating_roles: bool = False
    stream_usage: bool = True
    """Whether `stream_options.include_usage` is understood."""
    json_schema: bool = True
    json_mode: bool = True
    strict_tools: bool = True
    tool_choice: bool = True
    parallel_tool_calls: bool = True
    images: bool = True
    names: bool = True
    """Whether a user message may carry a name."""
    reasoning_effort: bool = True
    reasoning_field: str | None = None
    """The field in which thinking goes back in the next turn: `"reasoning_content"`, `"reasoning"`,
    `"reasoning_details"` (OpenRouter), `"content"` (Mistral's thinking chunks); None: it is dropped."""
    think_tags: bool = False
    """Whether thinking may come as `<think>` text."""
    tool_id_pattern: str | None = None
    """A regular expression that a tool call's id must match in full; others are rewritten."""
    api_version: str | None = None
    deployments: bool = False
    """Azure's older surface: `/openai/deployments/{model}/chat/completions?api-version=...`."""
    vertex: bool = False
    """Google's Vertex surface, whose paths name project, location and publisher."""
    options: Mapping[str, Any] = {}
    """Fields laid under every encoded body."""
    max_body: int | None = None
    """Bytes of the largest request body that the endpoint takes."""
    max_images: int | None = None
    """Pictures that one request may hold."""
    documents: Literal["none", "file", "document_url"] = "file"
    """How a file is sent in chat: not at all; as OpenAI's `file` part; as Mistral's `document_url` part."""
    file_urls: bool = False
    """Whether a `file` part may name a URL (OpenRouter)."""
    audio: bool = True
    video: bool = False
    """Whether `video_url` parts are understood (OpenRouter, vLLM, Qwen)."""
    cache_points: Literal["none", "cache_control", "breakpoint"] = "none"
    """How a `CachePoint` is sent in chat: not at all; as Anthropic's `cache_control` (OpenRouter); as OpenAI's
    `prompt_cache_breakpoint`."""
    thought_signatures: bool = False
    """Whether tool calls carry Google's `extra_content.google.thought_signature`, which has to come back."""
    user_after_tool: bool = True
    """Whether a user may speak right after tool results (not at Mistral)."""
    top_k: bool = False
    seed_field: str = "seed"
    fixed_sampling: str | None = None
    """A regular expression for the names of models that refuse `temperature` and its kin (OpenAI's reasoning ones)."""


class Decoder(Protocol):
    """Reads one response. Feed it bytes as they come, then close it once at the end of the body."""

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that these bytes complete; raises a `ModelError` after those that came before the failure."""
        ...

    def close(self) -> Iterator[Event]:
        """The last events; raises `StreamInterruptedError` or `InvalidResponseError` if the answer is not whole."""
        ...


class Codec(Protocol):
    """One provider's wire, without IO. Made as `SomeCodec(dialect)`."""

    name: str
    dialect: Dialect

    def encode(self, request: Request, model: str) -> HTTPRequest:
        """The HTTP request for `request`; raises `InvalidRequestError` for what this wire cannot carry."""
        ...

    def decoder(self, request: Request, model: str, headers: Headers) -> Decoder:
        """A decoder for the body of a response with status 2xx and these headers."""
        ...

    def error(
        self, status: int, headers: Headers, body: bytes, *, model: str | None = None, now: float | None = None
    ) -> ModelError:
        """The typed error of a response with any other status; `now` is the time in seconds since 1970, for dates."""
        ...


class Checkpoint(Struct, frozen=True):
    """Where a broken answer can be taken up again natively.

    `key` is what the provider knows it by: the id of the response, or a token. `after` is the number of the last event
    that was read, where events have numbers; None asks for the answer as a whole.
    """

    key: str
    after: int | None = None


@runtime_checkable
class ResumableDecoder(Decoder, Protocol):
    """A decoder that can go on with the body of another response, so that nothing is generated twice."""

    @property
    def checkpoint(self) -> Checkpoint | None:
        """From where to resume; None when this answer cannot be resumed, or is over."""
        ...

    def reconnect(self) -> None:
        """Forget the half-read event: what is fed next is the body of the answer to `codec.resume(checkpoint, ...)`."""
        ...


@runtime_checkable
class ResumableCodec(Codec, Protocol):
    """A codec of a wire that keeps an answer while it is generated. Its decoders are `ResumableDecoder`s."""

    def resume(self, checkpoint: Checkpoint, request: Request, model: str) -> HTTPRequest:
        """The HTTP request for the rest of the answer to `request`."""
        ...


@runtime_checkable
class CountingCodec(Codec, Protocol):
    """A codec of a wire whose provider counts tokens on request."""

    def encode_count(self, request: Request, model: str) -> HTTPRequest:
        """The HTTP request that has the tokens of `request` counted."""
        ...

    def read_count(self, body: bytes) -> int:
        """The number in the reply; raises `InvalidResponseError` when there is none."""
        ...


class HTTPReply(Struct, frozen=True, kw_only=True):
    """A whole HTTP response."""

    status: int = 200
    headers: Headers = {}
    body: bytes = b""


class ServedRequest(Struct, frozen=True, kw_only=True):
    """What came to a server: the model that was asked for, and the request (which says whether to stream)."""

    model: str
    request: Request


class StreamWriter(Protocol):
    """Writes one streamed response, event by event."""

    headers: Headers

    def feed(self, event: Event) -> bytes:
        """The bytes that tell of this event; may be empty."""
        ...

    def error(self, error: ModelError) -> bytes:
        """The bytes that tell, inside the stream, that it failed."""
        ...

    def close(self) -> bytes:
        """The bytes that end the stream."""
        ...


class Service(Protocol):
    """The server's side of a wire: reads requests, writes responses, streams and errors."""

    name: str

    def matches(self, method: str, path: str) -> bool:
        """Whether a request with this path (no query) is one of this wire's."""
        ...

    def read(self, path: str, headers: Headers, body: bytes) -> ServedRequest:
        """The request in our values; raises `InvalidRequestError` when it cannot be read."""
        ...

    def write(self, response: Response, served: ServedRequest) -> HTTPReply:
        """A whole response."""
        ...

    def writer(self, served: ServedRequest) -> StreamWriter:
        """A writer for a streamed response."""
        ...

    def error(self, error: ModelError) -> HTTPReply:
        """A failed response, in the provider's own form."""
        ...


def decode_all(decoder: Decoder, chunks: Iterable[bytes]) -> Iterator[Event]:
    """All events of a body that is given in chunks."""
    for chunk in chunks:
        yield from decoder.feed(chunk)
    yield from decoder.close()
