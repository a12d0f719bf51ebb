"""The vocabulary of faults. Plain values: what goes wrong, and where; `staging` says how it looks on a wire.

    instead of an answer     Refuse Status Html EmptyBody Redirect ErrorIn200 CutJson NullChoices JsonForStream
    another answer           EmptyCompletion NoFinishReason FilterFinish LengthFinish ToolArgumentsCut
    in the stream            EarlyEnd NoDone ErrorEvent MalformedChunk NullChunk Garbage KeepAlives DoubleFinish
    on the connection        ResetBeforeHeaders HangUpBeforeHeaders ResetAfter Stall SlowDrip Latency Compressed
                             WrongLength

`after` is a position: how many pieces of the body are sent before the fault strikes. A piece is one event of a stream,
or 32 bytes of a whole body; a negative number counts from the end; a number beyond the end is the end. `bytes`, where
a fault has it, counts bytes of the body instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias, get_args

from msgspec import Meta, Struct
from msgspec.structs import fields

Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Seconds: TypeAlias = Annotated[float, Meta(ge=0)]
Natural: TypeAlias = Annotated[int, Meta(ge=0)]
HTTPStatus: TypeAlias = Annotated[int, Meta(ge=200, le=599)]

ErrorKind: TypeAlias = Literal[
    "rate_limit",
    "quota_exhausted",
    "request_too_large",
    "context_overflow",
    "content_filter",
    "overloaded",
    "server_error",
    "timeout",
    "authentication",
    "permission",
    "model_not_found",
    "invalid_request",
]
"""The errors that a server can state: `kind` of a class of `holdfast.errors`."""

WaitForm: TypeAlias = Literal["native", "seconds", "milliseconds", "date", "reset", "text"]
"""Where a refusal states its wait: where the wire has it; in `retry-after` as seconds or as a date; in
`retry-after-ms`; in `x-ratelimit-reset-requests`; in the message."""


class Fault(Struct, frozen=True, tag_field="fault", kw_only=True, omit_defaults=True):
    """Something that goes wrong."""


class Refuse(Fault, frozen=True, tag="error", kw_only=True, omit_defaults=True):
    """An error in the provider's own form. In a scenario `fault = "rate_limit"` is short for this with that `kind`."""

    kind: ErrorKind = "server_error"
    status: HTTPStatus | None = None
    message: str | None = None
    code: str | None = None
    retry_after: Seconds | None = None
    wait: WaitForm = "native"


class Status(Fault, frozen=True, tag="status", kw_only=True, omit_defaults=True):
    """Any status with any body and headers."""

    status: HTTPStatus
    body: str = ""
    headers: Mapping[str, str] = {}


class Html(Fault, frozen=True, tag="html", kw_only=True, omit_defaults=True):
    """A web page, as proxies and login walls send it."""

    status: HTTPStatus = 200
    title: str = "Service unavailable"


class EmptyBody(Fault, frozen=True, tag="empty_body", kw_only=True, omit_defaults=True):
    """The headers of an answer, and no body."""

    status: HTTPStatus = 200


class Redirect(Fault, frozen=True, tag="redirect", kw_only=True, omit_defaults=True):
    """A redirect to somewhere else."""

    status: HTTPStatus = 307
    location: str = "http://127.0.0.1:9/elsewhere"


class ErrorIn200(Fault, frozen=True, tag="error_in_200", kw_only=True, omit_defaults=True):
    """The body of an error under the status of a success."""

    kind: ErrorKind = "server_error"


class CutJson(Fault, frozen=True, tag="cut_json", kw_only=True, omit_defaults=True):
    """A whole JSON answer of which the rest is missing, though the length announced is right."""

    keep: Share = 0.5


class NullChoices(Fault, frozen=True, tag="null_choices", kw_only=True, omit_defaults=True):
    """An answer whose list of choices (output, content, candidates) is null."""


class JsonForStream(Fault, frozen=True, tag="json_for_stream", kw_only=True, omit_defaults=True):
    """A whole JSON answer, though a stream was asked for."""


class EmptyCompletion(Fault, frozen=True, tag="empty_completion", kw_only=True, omit_defaults=True):
    """An answer that says nothing and calls itself finished."""


class NoFinishReason(Fault, frozen=True, tag="no_finish_reason", kw_only=True, omit_defaults=True):
    """All the words, no finish reason; a stream still has its terminator."""


class FilterFinish(Fault, frozen=True, tag="filter_finish", kw_only=True, omit_defaults=True):
    """A content filter ends the answer after some events."""

    after: int = 4


class LengthFinish(Fault, frozen=True, tag="length_finish", kw_only=True, omit_defaults=True):
    """The limit on output tokens ends the answer after some events."""

    after: int = 4


class ToolArgumentsCut(Fault, frozen=True, tag="tool_arguments_cut", kw_only=True, omit_defaults=True):
    """The arguments of the tool calls stop in the middle; the answer still says that it is finished."""

    keep: Share = 0.5
    finish: Literal["tool_calls", "length", "stop"] = "tool_calls"


class EarlyEnd(Fault, frozen=True, tag="early_end", kw_only=True, omit_defaults=True):
    """The body ends too soon, and cleanly: nothing in HTTP shows it. `framing="close"`: by closing the connection."""

    after: int = 4
    bytes: Natural | None = None
    framing: Literal["chunked", "close"] = "chunked"


class NoDone(Fault, frozen=True, tag="no_done", kw_only=True, omit_defaults=True):
    """A whole stream, its finish reason included, without its terminator, on the wires that have one."""


class ErrorEvent(Fault, frozen=True, tag="error_event", kw_only=True, omit_defaults=True):
    """An error inside the stream, under status 200."""

    after: int = 4
    kind: ErrorKind = "overloaded"


class MalformedChunk(Fault, frozen=True, tag="malformed_chunk", kw_only=True, omit_defaults=True):
    """One event of the stream is broken; the rest follows."""

    after: int = 4


class NullChunk(Fault, frozen=True, tag="null_chunk", kw_only=True, omit_defaults=True):
    """An event of the stream is `null`; the rest follows. No harm, if the client takes none."""

    after: int = 4


class Garbage(Fault, frozen=True, tag="garbage", kw_only=True, omit_defaults=True):
    """Bytes without sense, instead of the body (`after` 0) or of its rest."""

    after: int = 0
    length: Natural = 200


class KeepAlives(Fault, frozen=True, tag="keep_alives", kw_only=True, omit_defaults=True):
    """Signs of life without progress, `seconds` apart: `count` of them, then the rest of the answer."""

    after: int = 0
    seconds: Seconds = 0.05
    count: Natural = 100_000


class DoubleFinish(Fault, frozen=True, tag="double_finish", kw_only=True, omit_defaults=True):
    """The last event and the terminator come twice."""


class ResetBeforeHeaders(Fault, frozen=True, tag="reset_before_headers", kw_only=True, omit_defaults=True):
    """The connection is reset once the request has been read."""


class HangUpBeforeHeaders(Fault, frozen=True, tag="hang_up_before_headers", kw_only=True, omit_defaults=True):
    """The connection is closed, politely, without a word."""


class ResetAfter(Fault, frozen=True, tag="reset_after", kw_only=True, omit_defaults=True):
    """The connection is reset in the middle of the body."""

    after: int = 4
    bytes: Natural | None = None


class Stall(Fault, frozen=True, tag="stall", kw_only=True, omit_defaults=True):
    """Silence for `seconds` in the middle of the body, then the rest."""

    after: int = 4
    seconds: Seconds = 3600.0


class SlowDrip(Fault, frozen=True, tag="slow_drip", kw_only=True, omit_defaults=True):
    """The body comes in crumbs of `bytes`, `seconds` apart."""

    bytes: Annotated[int, Meta(ge=1)] = 1
    seconds: Seconds = 0.01


class Latency(Fault, frozen=True, tag="latency", kw_only=True, omit_defaults=True):
    """Silence for `seconds` before the headers, then the answer."""

    seconds: Seconds = 1.0


class Compressed(Fault, frozen=True, tag="compressed", kw_only=True, omit_defaults=True):
    """A compressed answer, asked for or not; `keep` below 1 cuts it short."""

    encoding: Literal["gzip", "deflate"] = "gzip"
    keep: Share = 1.0


class WrongLength(Fault, frozen=True, tag="wrong_length", kw_only=True, omit_defaults=True):
    """A `content-length` that is not the body's: too large by `by` bytes, or too small."""

    by: int = 10


AnyFault: TypeAlias = (
    Refuse
    | Status
    | Html
    | EmptyBody
    | Redirect
    | ErrorIn200
    | CutJson
    | NullChoices
    | JsonForStream
    | EmptyCompletion
    | NoFinishReason
    | FilterFinish
    | LengthFinish
    | ToolArgumentsCut
    | EarlyEnd
    | NoDone
    | ErrorEvent
    | MalformedChunk
    | NullChunk
    | Garbage
    | KeepAlives
    | DoubleFinish
    | ResetBeforeHeaders
    | HangUpBeforeHeaders
    | ResetAfter
    | Stall
    | SlowDrip
    | Latency
    | Compressed
    | WrongLength
)
KINDS: tuple[ErrorKind, ...] = get_args(ErrorKind)


class Entry(Struct, frozen=True):
    """One word of the vocabulary: its name in scenarios, its class, its parameters, and what happens in a sentence."""

    name: str
    kind: type[Fault]
    parameters: tuple[str, ...]
    summary: str

    @property
    def positional(self) -> bool:
        """Whether it strikes at a position, and so can be tried at every one."""
        return "after" in self.parameters


def vocabulary() -> tuple[Entry, ...]:
    """Every fault there is, in the order of the module's table."""
    return tuple(_entry(kind) for kind in get_args(AnyFault))


def _entry(kind: type[Fault]) -> Entry:
    parameters = tuple(field.name for field in fields(kind))
    return Entry(name_of(kind), kind, parameters, (kind.__doc__ or "").split("\n")[0])


def name_of(fault: Fault | type[Fault]) -> str:
    """What a fault is called in scenarios and records."""
    if isinstance(fault, Refuse):
        return fault.kind
    return str(fault.__struct_config__.tag)
