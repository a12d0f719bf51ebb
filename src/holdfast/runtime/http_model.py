"""One model for all providers: a codec says what to send and what came; this sends it and reads it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from holdfast.errors import (
    InvalidRequestError,
    ModelConnectionError,
    ModelError,
    ModelTimeoutError,
    OverloadedError,
    RateLimitError,
    ServerError,
    StreamInterruptedError,
)
from holdfast.events import Event, Finish
from holdfast.providers.codec import Codec, CountingCodec, Decoder, HTTPRequest
from holdfast.providers.size import check_size
from holdfast.redact import is_secret
from holdfast.request import Request, Timeouts
from holdfast.runtime.auth import Auth
from holdfast.runtime.clock import Clock, SystemClock
from holdfast.runtime.native_resume import Resumption
from holdfast.runtime.secret import refuse_secrets
from holdfast.runtime.transport import AiohttpTransport, HTTPResponse, Transport
from holdfast.runtime.watch import Watch

if TYPE_CHECKING:
    from holdfast.runtime.endpoint import Endpoint

_SHORTEST_KEY: Final = 6
"""Characters; anything shorter is a placeholder that may be a word of the message."""
_ERROR_BODY: Final = 2**20
"""Bytes of a failed response that are read at most."""
_PASSING: Final = (RateLimitError, OverloadedError, ServerError, ModelConnectionError, ModelTimeoutError)
"""Failures of a native resume after which it is tried again."""


class HTTPModel:
    """A model behind an HTTP endpoint. Made by `Endpoint.model`.

    Args:
        name: how it is called in histories and reports.
        model: how the provider calls it.
        base_url: what the codec's paths are put after.
        transport: the network. A client lends its own to a model that has none; used alone, the model makes one.
        endpoint: whose model it is.
    """

    def __init__(
        self,
        name: str,
        *,
        model: str,
        base_url: str,
        codec: Codec,
        auth: Auth,
        transport: Transport | None = None,
        headers: dict[str, str] | None = None,
        clock: Clock | None = None,
        endpoint: Endpoint | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._name = name
        self._model = model
        self._base_url = base_url.rstrip("/")
        self._codec = codec
        self._auth = auth
        self._transport = transport
        self._lent = False
        self._headers = headers or {}
        self._clock = clock or SystemClock()

    @property
    def name(self) -> str:
        """The endpoint's name and the model's, such as `"openai/gpt-5-mini"`."""
        return self._name

    def __repr__(self) -> str:
        return f"HTTPModel({self._name!r}, base_url={self._base_url!r})"

    def __getstate__(self) -> dict[str, Any]:
        refuse_secrets(self._headers, self._name)
        return {**self.__dict__, "_transport": None, "_lent": False}

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """The events of one answer; raises a typed error that knows who it comes from."""
        response: HTTPResponse | None = None
        finish: Finish | None = None
        broken: ModelConnectionError | None = None
        begun = False
        signed: HTTPRequest | None = None
        # One generator and not a tower of them: each costs 0.4 us an event, and an inner one outlives the outer.
        try:
            if request.extra_origin not in (None, self._codec.name):
                request = request.replace(extra={})
            encoded = self._codec.encode(request, self._model)
            check_size(request, encoded, self._codec.dialect)
            signed = await self._prepare(encoded, request)
            response = await self._network().send(signed)
            if not 200 <= response.status < 300:
                raise await self._error(response)
            decoder = self._codec.decoder(request, self._model, response.headers)
            resumption = Resumption(self._codec, decoder, request, self._model)
            more, arrived, taken = True, False, 0
            while more and finish is None:
                try:
                    unwatched = request.stream or not arrived
                    data = await (response.read() if unwatched else self._next(response, request, taken))
                except ModelConnectionError as error:
                    data, broken = b"", error
                more = arrived = bool(data)
                taken += len(data)
                try:
                    for event in decoder.feed(data) if data else _last(decoder, broken, begun=begun):
                        if type(event) is Finish:
                            finish = event
                            break
                        begun = True
                        yield event
                except (StreamInterruptedError, ModelConnectionError) as error:
                    response.close()
                    response = await self._take_up(resumption, request, error, broken=broken is not None)
                    more, broken = True, None
            if finish is not None:
                yield _told(finish, encoded.notes, resumption.count)
        except ModelError as error:
            error.with_facts(provider=self._provider, model=self._model)
            _forget_keys(error, signed)
            raise
        finally:
            if response is not None and finish is not None and broken is None:
                await response.release()
            elif response is not None:
                response.close()

    async def count_tokens(self, request: Request) -> int:
        """How many tokens the provider counts in `request`. Nothing is generated.

        Raises:
            InvalidRequestError: this wire cannot count.
            ModelError: the provider's answer was a failure, or none came within the limits of `request.timeouts`.
        """
        codec = self._codec
        if not isinstance(codec, CountingCodec):
            raise InvalidRequestError(f"The wire {codec.name!r} has no way to count tokens.")
        timeouts = request.timeouts or Timeouts()
        watch = Watch(self._clock)
        try:
            return await watch.wait(self._counted(codec, request), self._clock.now() + timeouts.total)
        except TimeoutError:
            message = f"The tokens were not counted within {timeouts.total:g} s."
            raise ModelTimeoutError(message, phase="total", provider=self._provider, model=self._model) from None
        except ModelError as error:
            error.with_facts(provider=self._provider, model=self._model)
            raise
        finally:
            watch.close()

    async def _counted(self, codec: CountingCodec, request: Request) -> int:
        encoded = codec.encode_count(request, self._model)
        response = await self._network().send(await self._prepare(encoded, request))
        try:
            if not 200 <= response.status < 300:
                raise await self._error(response)
            return codec.read_count(await _bounded(response))
        finally:
            response.close()  # after the whole body it has let go of its connection already

    @property
    def _provider(self) -> str | None:
        return self._codec.dialect.provider or None

    def borrow(self, transport: Transport) -> None:
        """Use `transport` if there is none yet, until `close`."""
        if self._transport is None:
            self._transport, self._lent = transport, True

    async def warm(self) -> None:
        """Connect, so that the next call need not wait for it. Costs no tokens, carries no key, and never fails."""
        with suppress(ModelError):
            # Not HEAD: gateways exist that answer it with a body, and so spoil the connection.
            request = HTTPRequest(url=self._base_url, method="GET", connect_timeout=Timeouts().connect)
            response = await self._network().send(request)
            await response.release()

    async def close(self) -> None:
        """Close the connections that this model made for itself, and give back what was lent."""
        transport, self._transport = self._transport, None
        lent, self._lent = self._lent, False
        if transport is not None and not lent:
            await transport.close()

    def _network(self) -> Transport:
        if self._transport is None:
            self._transport = AiohttpTransport()
        return self._transport

    async def _prepare(self, encoded: HTTPRequest, request: Request) -> HTTPRequest:
        timeouts = request.timeouts or Timeouts()
        absolute = replace(
            encoded,
            url=f"{self._base_url}{encoded.url}",
            headers={**self._headers, **encoded.headers, **request.headers},
            connect_timeout=timeouts.connect,
        )
        return await self._auth.sign(absolute)

    async def _next(self, response: HTTPResponse, request: Request, taken: int) -> bytes:
        """The next piece of an unstreamed body. It is written in one go: once begun, a long silence is a stall."""
        if taken == _length(response.headers):
            return b""
        idle = (request.timeouts or Timeouts()).idle
        watch = Watch(self._clock)
        try:
            return await watch.wait(response.read(), self._clock.now() + idle)
        except TimeoutError:
            raise ModelTimeoutError(f"The body paused for more than {idle:g} s.", phase="idle") from None
        finally:
            watch.close()

    async def _take_up(
        self, resumption: Resumption, request: Request, failure: ModelError, *, broken: bool
    ) -> HTTPResponse:
        """The response with the rest of a broken answer; raises `failure` where there is none to be had."""
        while (again := resumption.plan(broken=broken)) is not None:
            if again.delay:
                await self._clock.sleep(again.delay)
            try:
                response = await self._network().send(await self._prepare(again.request, request))
                if 200 <= response.status < 300:
                    resumption.go_on()
                    return response
                try:
                    raise await self._error(response)
                finally:
                    response.close()
            except _PASSING:
                broken = True
            except ModelError:
                break
        raise failure

    async def _error(self, response: HTTPResponse) -> ModelError:
        body = await _bounded(response)
        return self._codec.error(response.status, response.headers, body, model=self._model, now=self._clock.wall())


def _length(headers: Mapping[str, str]) -> int | None:
    """How many bytes the body has, where that is announced: nobody need wait for what comes after the last."""
    length = headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() and "content-encoding" not in headers else None


def _forget_keys(error: ModelError, signed: HTTPRequest | None) -> None:
    for name, value in signed.headers.items() if signed is not None else ():
        key = value.rpartition(" ")[2]
        if len(key) >= _SHORTEST_KEY and is_secret(name):
            error.forget(key)


def _told(finish: Finish, notes: tuple[str, ...], resumed: int) -> Finish:
    """The finish, with what was done to the request, and how often the answer was taken up natively."""
    context: dict[str, Any] = dict(finish.context or {})
    if notes:
        context["adapted"] = notes
    if resumed:
        context["resumed"] = resumed
    return replace(finish, context=context) if context else finish


def _last(decoder: Decoder, broken: ModelConnectionError | None, *, begun: bool) -> Iterator[Event]:
    """The events that the end of the body completes. A break after the finish reason costs nothing."""
    try:
        yield from decoder.close()
    except ModelError as error:
        if broken is None:
            raise
        if begun:
            raise StreamInterruptedError(broken.message, phase=broken.phase) from error
        raise broken from error


async def _bounded(response: HTTPResponse) -> bytes:
    """The beginning of a body; a break in an error's body is no news."""
    received = bytearray()
    with suppress(ModelConnectionError):
        while len(received) < _ERROR_BODY and (data := await response.read()):
            received += data
    return bytes(received[:_ERROR_BODY])
