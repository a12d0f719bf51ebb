"""Every way in which a call can fail. A class is *what a caller would do differently*.

    ModelError
    ├── RateLimitError            wait, then the same again
    ├── QuotaExhaustedError       credit or plan used up: another endpoint
    ├── RequestTooLargeError      this request can never pass here, though the window may hold it
    ├── ContextOverflowError      prompt (and reserved output) exceed the window: shrink
    ├── ContentFilterError        refused: never the same again
    ├── OverloadedError           at capacity: back off
    ├── ServerError               the provider broke: back off
    ├── ModelTimeoutError         no answer in time
    ├── ModelConnectionError      no connection, or it broke before the answer began
    ├── StreamInterruptedError    the answer broke off
    ├── InvalidResponseError      an answer that cannot be understood or used
    ├── AuthenticationError       the key is missing or wrong
    ├── PermissionDeniedError     the key may not do this
    ├── ModelNotFoundError        no such model or endpoint
    ├── InvalidRequestError       the request itself is wrong
    ├── CallCancelledError        somebody on this side cancelled it; only `classify` says so
    └── ConfigurationError        the client was put together wrongly

An error carries facts. It is typed once, where the provider's words are known; nobody downstream reads them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypedDict, Unpack

from msgspec import Struct

from holdfast.redact import KEY_REMOVED, redact

if TYPE_CHECKING:
    from holdfast.recovery.attempt import Failure
    from holdfast.response import Response

Scope = Literal["prompt", "response"]


class Limit(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True, gc=False):
    """The numbers that an overflow or a too-large error states, in tokens."""

    max_tokens: int | None = None
    requested_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class ErrorInfo(Struct, frozen=True, omit_defaults=True, repr_omit_defaults=True):
    """An error as a plain value, for logs, files and wires. `kind` names the class, such as `"rate_limit"`."""

    kind: str
    message: str
    provider: str | None = None
    model: str | None = None
    status: int | None = None
    code: str | None = None
    request_id: str | None = None
    retry_after: float | None = None
    scope: str | None = None
    categories: tuple[str, ...] = ()
    limit: Limit | None = None
    phase: str | None = None
    quota: str | None = None
    certain: bool = True
    rule: str | None = None
    proof: str | None = None


class Facts(TypedDict, total=False):
    """What an error may know; see `ModelError`."""

    provider: str | None
    model: str | None
    status: int | None
    code: str | None
    request_id: str | None
    retry_after: float | None
    scope: Scope | None
    categories: tuple[str, ...]
    limit: Limit | None
    phase: str | None
    quota: str | None
    partial: Response | None
    raw: str | None
    history: tuple[Failure, ...]
    certain: bool
    rule: str | None
    proof: str | None


class ModelError(Exception):
    """A call failed. `except ModelError` catches everything that the library raises for a call.

    Attributes (None where not known):
        provider, model: who failed; the endpoint's name and the model's.
        status, code, request_id: HTTP status, the provider's code or type, its id for the request.
        retry_after: seconds to wait, as the server asked.
        scope, categories: of a content filter: `"prompt"` or `"response"`, and what it objected to.
        limit: the numbers of an overflow.
        phase: where a timeout or a connection error struck (`"connect"`, `"first_event"`, `"idle"`, `"total"`, ...).
        quota: which quota is used up (`"minute"`, `"day"`, `"month"`, `"zero"`, `"credit"`, ...).
        partial: the response so far; nothing received is lost.
        raw: the beginning of what the provider sent, without keys.
        history: the failed attempts of the call, this one last; empty until the call has failed for good.
        certain: False when only the status, or less, suggested the class.
        rule: which rule of which table named the failure, and
        proof: what it found: `"code: insufficient_quota"`, `"phrase: rate limit"`, `"status: 503"`, ...
    """

    kind: ClassVar[str] = "error"
    what: ClassVar[str] = "The call failed"
    advice: ClassVar[str] = "Look at `error.raw` for what the provider said."

    provider: str | None = None
    model: str | None = None
    status: int | None = None
    code: str | None = None
    request_id: str | None = None
    retry_after: float | None = None
    scope: Scope | None = None
    categories: tuple[str, ...] = ()
    limit: Limit | None = None
    phase: str | None = None
    quota: str | None = None
    partial: Response | None = None
    raw: str | None = None
    history: tuple[Failure, ...] = ()
    certain: bool = True
    rule: str | None = None
    proof: str | None = None

    def __init__(self, message: str, **facts: Unpack[Facts]) -> None:
        self.__dict__.update(facts)
        raw, clean, code = self.raw, "", self.code
        if raw is not None:
            self.raw = redact(raw)
            clean = raw if raw is self.raw else ""
        # what stands in a text without keys has none, and need not be searched again
        self.message = message if message in clean else redact(message)
        if code is not None and code not in clean:
            self.code = redact(code)  # a server can put anything in the place of a code
        super().__init__(self.message)

    def __str__(self) -> str:
        where = "/".join(name for name in (self.provider, self.model) if name)
        status = f" [{self.status}]" if self.status else ""
        return f"{where}{status}: {self.message}" if where or status else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message), self.__dict__)

    @property
    def info(self) -> ErrorInfo:
        """The error as a plain value."""
        return ErrorInfo(
            kind=self.kind,
            message=self.message,
            provider=self.provider,
            model=self.model,
            status=self.status,
            code=self.code,
            request_id=self.request_id,
            retry_after=self.retry_after,
            scope=self.scope,
            categories=self.categories,
            limit=self.limit,
            phase=self.phase,
            quota=self.quota,
            certain=self.certain,
            rule=self.rule,
            proof=self.proof,
        )

    def with_facts(self, **facts: Unpack[Facts]) -> Self:
        """This error with those of the facts that it does not know yet filled in."""
        for name, value in facts.items():
            if getattr(self, name) in (None, ()):
                setattr(self, name, value)
        return self

    def forget(self, secret: str) -> None:
        """Take every mention of `secret` out of the error's words: some servers echo the key that they refuse."""
        self.message = self.message.replace(secret, KEY_REMOVED)
        self.args = (self.message,)
        self.raw = self.raw and self.raw.replace(secret, KEY_REMOVED)

    def explain(self) -> str:
        """What happened and what the caller can do, in two sentences."""
        who = "/".join(name for name in (self.provider, self.model) if name)
        facts = [f"HTTP {self.status}"] if self.status else []
        facts += [str(fact) for fact in (self.code, self.phase, self.scope) if fact]
        detail = f" ({', '.join(facts)})" if facts else ""
        at = f" at {who}" if who else ""
        said = self.message.rstrip(".")
        return f"{self.what}{at}{detail}: {said}. {self._advice()}"

    def _advice(self) -> str:
        return self.advice


def _rebuild(cls: type[ModelError], message: str) -> ModelError:
    return cls(message)


class RateLimitError(ModelError):
    """A temporary limit on requests or tokens."""

    kind = "rate_limit"
    what = "A rate limit was hit"
    advice = "Wait and send the same again, slow down, or name a fallback model."

    def _advice(self) -> str:
        return self.advice if self.retry_after is None else f"Wait {self.retry_after:g} s, or name a fallback model."


class QuotaExhaustedError(ModelError):
    """Credit or plan is used up; seconds of waiting do not help."""

    kind = "quota_exhausted"
    what = "The quota or credit is used up"
    advice = "Top up the account or raise its limit; until then use another endpoint."


class RequestTooLargeError(ModelError):
    """This request can never pass here: too many bytes, images, or more tokens than a minute's limit allows."""

    kind = "request_too_large"
    what = "The request is larger than this endpoint ever lets through"
    advice = "Send less (shorter messages, fewer or smaller files), or use another endpoint."


class ContextOverflowError(ModelError):
    """Prompt, or prompt and reserved output, exceed the model's window."""

    kind = "context_overflow"
    what = "The conversation does not fit the model's window"
    advice = "Shorten or compact the history, lower `max_tokens`, or use a model with a larger window."

    def _advice(self) -> str:
        limit = self.limit
        if limit is None or limit.max_tokens is None or limit.requested_tokens is None:
            return self.advice
        return f"It holds {limit.max_tokens} tokens and {limit.requested_tokens} were asked for. {self.advice}"


class ContentFilterError(ModelError):
    """Refused by a filter, a guardrail or the model itself; `scope` says whether prompt or response, where known."""

    kind = "content_filter"
    what = "The content was refused"
    advice = "Change the messages (never send the same again), or answer the user yourself with `on_content_filter`."


class OverloadedError(ModelError):
    """The provider is at capacity, or is still loading the model."""

    kind = "overloaded"
    what = "The provider is overloaded"
    advice = "Try again a little later, or name a fallback model."


class ServerError(ModelError):
    """The provider broke."""

    kind = "server_error"
    what = "The provider had an internal error"
    advice = "Try again, or name a fallback model; report the request id to the provider if it stays."


class ModelTimeoutError(ModelError):
    """No answer in time; `phase` says which limit it was."""

    kind = "timeout"
    what = "The answer did not come in time"
    advice = "Try again, allow more time (`timeouts=`), or name a fallback model."


class ModelConnectionError(ModelError):
    """DNS, refused, reset, TLS, proxies: no connection, or it broke before the answer began."""

    kind = "connection"
    what = "The connection failed"
    advice = "Check the address, the network and the proxy settings; try again, or name a fallback model."


class StreamInterruptedError(ModelError):
    """The answer ended or broke before it was finished; what came is in `partial`."""

    kind = "stream_interrupted"
    what = "The answer broke off in the middle"
    advice = "Choose with `on_break` what shall happen; what had arrived is in `error.partial`."


class InvalidResponseError(ModelError):
    """An answer that cannot be understood or used."""

    kind = "malformed_response"
    what = "The answer cannot be used"
    advice = "Ask again, or name a fallback model; `error.raw` shows what came."


class AuthenticationError(ModelError):
    """The key is missing, wrong or expired."""

    kind = "authentication"
    what = "The provider does not accept the key"
    advice = "Set the right key; no retry can help."


class PermissionDeniedError(ModelError):
    """The key is fine but may not do this."""

    kind = "permission"
    what = "The key may not use this"
    advice = "Ask for access to the model, region or feature, or use another one."


class ModelNotFoundError(ModelError):
    """The model, deployment or endpoint does not exist, or was retired."""

    kind = "model_not_found"
    what = "There is no such model or endpoint"
    advice = "Check the model's name and the base URL."


class InvalidRequestError(ModelError):
    """The request itself is wrong."""

    kind = "invalid_request"
    what = "The request is wrong"
    advice = "Change the request as the message says; sending it again or elsewhere will not help."


class CallCancelledError(ModelError):
    """Somebody on this side cancelled the call.

    Only a report about a failure says so (`classify`, logs): a call that is cancelled raises `asyncio.CancelledError`,
    which is no `ModelError` and must be let through.
    """

    kind = "cancelled"
    what = "The call was cancelled by its caller"
    advice = "Nothing is wrong with the provider; let the cancellation through."


class ConfigurationError(ModelError):
    """The client was put together wrongly: an unknown endpoint, an impossible setting."""

    kind = "configuration"
    what = "The client is not set up rightly"
    advice = "Change the set-up as the message says."


ERRORS: dict[str, type[ModelError]] = {cls.kind: cls for cls in ModelError.__subclasses__()}
"""The classes by their `kind`."""


def error_from_info(info: ErrorInfo) -> ModelError:
    """The error that `info` describes."""
    facts: Any = {name: getattr(info, name) for name in ErrorInfo.__struct_fields__ if name not in ("kind", "message")}
    return ERRORS.get(info.kind, ModelError)(info.message, **facts)
