"""Takes a request in and decides by the scenario what it gets. It counts and remembers; it neither waits nor sends."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from holdfast.errors import Limit, ModelError
from holdfast.messages import SystemMessage
from holdfast.providers.catalog import CodecName, make_service
from holdfast.providers.codec import HTTPReply, ServedRequest, Service
from holdfast.redact import redact
from holdfast.request import Request
from holdfast.response import Response
from holdfast.simulator.answers import answer, prompt_tokens
from holdfast.simulator.bucket import RateLimiter, headers_of
from holdfast.simulator.faults import AnyFault, Refuse, name_of
from holdfast.simulator.kept import KeptAnswers, with_tokens
from holdfast.simulator.reply import Act, Draft, Scene, Wait, answered, drafted, written
from holdfast.simulator.scenario import Occasion, Scenario, SimulatedModel
from holdfast.simulator.staging import stage
from holdfast.simulator.staging.refusals import error_of
from holdfast.simulator.wire import Asked

_KEYS: Final = ("authorization", "api-key", "x-api-key", "x-goog-api-key")
_SECRET: Final = frozenset({*_KEYS, "cookie", "x-amz-security-token"})
_HELD: Final = 64 << 20  # bytes of bodies that are remembered
_PROMPTS: Final = 50_000  # different prompts whose attempts are counted
# The header in which each provider names the request (its API reference); Gemini has none.
_REQUEST_ID: Final = {
    "openai_chat": "x-request-id",
    "openai_responses": "x-request-id",
    "anthropic": "request-id",
    "bedrock": "x-amzn-requestid",
}
# Where each provider counts tokens, and the field of its reply (its API reference, "Count tokens").
_COUNTERS: Final = (
    ("/messages/count_tokens", "input_tokens"),
    ("/responses/input_tokens", "input_tokens"),
    (":countTokens", "totalTokens"),
    ("/count-tokens", "inputTokens"),
)


class Received(Struct, frozen=True, kw_only=True):
    """One request that came, and what it got: `fault` is the fault's name, None for a plain answer.

    `at` is in seconds of the simulator's clock; `body` is what was sent; keys are taken out of the headers.
    """

    at: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    wire: str = ""
    model: str = ""
    streamed: bool = False
    number: int = 0
    attempt: int = 0
    request_id: str = ""
    fault: str | None = None


class Reception:
    """What one simulator knows between its requests: how often each prompt was asked, and what the limits hold."""

    def __init__(self, scenario: Scenario, wires: Sequence[CodecName], max_records: int) -> None:
        self.scenario = scenario
        self._wires = tuple(wires)
        self._services: dict[CodecName, Service] = {}
        self.received: deque[Received] = deque()
        self._max_records, self._held = max_records, 0
        self._numbers: Counter[str] = Counter()
        self._attempts: OrderedDict[bytes, int] = OrderedDict()
        self._limiters: dict[str, RateLimiter] = {}
        self._kept = KeptAnswers()
        self._count = 0

    def take(self, asked: Asked, *, now: float, wall: float) -> Iterator[Act]:
        """The acts of the reply; `now` in seconds that never go back, `wall` in seconds since 1970."""
        self._count += 1
        record = Received(
            at=now,
            method=asked.method,
            path=redact(asked.target),
            headers=_masked(asked.headers),
            body=asked.body,
            request_id=f"sim-request-{self._count}",
        )
        service = self._service(asked)
        if service is None:
            self._remember(record)
            return written(self._kept.find(asked) or drafted(self._elsewhere(asked)))
        record, draft = self._read(asked, service, replace(record, wire=service.name), wall)
        self._remember(record)
        stated = {_REQUEST_ID[service.name]: record.request_id} if service.name in _REQUEST_ID else {}
        return written(replace(draft, headers={**stated, **draft.headers}))

    def _remember(self, record: Received) -> None:
        self.received.append(record)
        self._held += len(record.body)
        while len(self.received) > self._max_records or (self._held > _HELD and len(self.received) > 1):
            self._held -= len(self.received.popleft().body)

    def _read(self, asked: Asked, service: Service, record: Received, wall: float) -> tuple[Received, Draft]:
        try:
            served = service.read(asked.target, asked.headers, asked.body)
        except ModelError as error:
            return replace(record, fault=error.kind), drafted(service.error(error))
        occasion = self._occasion(served)
        scene = Scene(service=service, served=served, response=Response(model=served.model), now=wall)
        fault, draft = self._serve(asked, scene, occasion, record.at)
        seen = replace(record, model=served.model, streamed=occasion.stream, fault=fault)
        return replace(seen, number=occasion.number, attempt=occasion.attempt), draft

    def _service(self, asked: Asked) -> Service | None:
        """The wire that this request speaks; a wire is loaded when no other one before it matches."""
        for name in self._wires if asked.method == "POST" else ():
            service = self._services.get(name) or self._services.setdefault(name, make_service(name))
            if service.matches(asked.method, asked.path):
                return service
        return None

    def _serve(self, asked: Asked, scene: Scene, occasion: Occasion, now: float) -> tuple[str | None, Draft]:
        """The name of the fault, and the reply."""
        model = self.scenario.model(scene.served.model)
        refusal = self._refusal(asked, scene)
        if model is None or refusal is not None:
            error = refusal or self._unknown(scene)
            return error.kind, drafted(scene.service.error(error))
        scene, wrong = _fitted(model, replace(scene, pace=model.pace), occasion)
        if wrong is not None:
            return wrong.kind, drafted(scene.service.error(wrong))
        scene = self._resumable(model, scene)
        headers, limited = self._limited(model, scene, now)
        fault = limited or model.fault(occasion, self.scenario.seed)
        draft = answered(scene) if fault is None else stage(fault, scene)
        late = (Wait(model.latency),) if model.latency else ()
        draft = replace(draft, headers={**headers, **draft.headers}, before=(*late, *draft.before))
        return None if fault is None else name_of(fault), draft

    def _resumable(self, model: SimulatedModel, scene: Scene) -> Scene:
        """The scene as it is shown where the wire can take up a broken answer again, and the client asks for that."""
        match scene.service.name:
            case "openai_responses" if scene.served.request.extra.get("background"):
                return self._kept.keep(scene)
            case "gemini" if model.resumable:
                return with_tokens(scene)
            case _:
                return scene

    def _refusal(self, asked: Asked, scene: Scene) -> ModelError | None:
        """The error of a request whose key is wrong."""
        key = self.scenario.api_key
        if key is None or any(asked.headers.get(name, "").endswith(key) for name in _KEYS):
            return None
        return error_of("authentication", scene)

    def _unknown(self, scene: Scene) -> ModelError:
        """The error of a request for a model that nobody knows."""
        known = ", ".join(self.scenario.models)
        return error_of("model_not_found", scene, f"The model {scene.served.model!r} does not exist; {known} do.")

    def _occasion(self, served: ServedRequest) -> Occasion:
        key, messages = _asked(served), served.request.messages
        self._numbers[served.model] += 1
        self._attempts[key] = attempt = self._attempts.pop(key, 0) + 1
        if len(self._attempts) > _PROMPTS:
            self._attempts.popitem(last=False)
        return Occasion(
            model=served.model,
            prompt=messages[-1].text if messages else "",
            number=self._numbers[served.model],
            attempt=attempt,
            stream=served.request.stream,
        )

    def _limited(self, model: SimulatedModel, scene: Scene, now: float) -> tuple[Mapping[str, str], AnyFault | None]:
        """The headers of the model's rate limit, and the refusal when it is hit."""
        if model.rate_limit is None:
            return {}, None
        name = scene.served.model
        limiter = self._limiters.setdefault(name, RateLimiter(model.rate_limit, now))
        grant = limiter.ask(scene.response.usage.input_tokens, now)
        headers = headers_of(grant, scene.service.name, scene.now)
        if grant.never:
            return headers, Refuse(kind="request_too_large", status=429)
        if grant.wait:
            return headers, Refuse(kind="rate_limit", retry_after=round(grant.wait, 3))
        return headers, None

    def _elsewhere(self, asked: Asked) -> HTTPReply:
        """Replies that no wire's service gives: the list of models, counted tokens, 404."""
        if asked.method == "GET" and asked.path.endswith("/models"):
            models = [{"id": name, "object": "model", "created": 0, "owned_by": "sim"} for name in self.scenario.models]
            return _json({"object": "list", "data": models})
        for ending, field in _COUNTERS:
            if asked.method == "POST" and asked.path.endswith(ending):
                return _json({field: max(len(asked.body) // 4, 1)})
        return _json(
            {"error": {"message": f"Nothing is served at {asked.path}.", "type": "invalid_request_error"}}, 404
        )


def _fitted(model: SimulatedModel, scene: Scene, occasion: Occasion) -> tuple[Scene, ModelError | None]:
    """The scene with its answer, as far as the model's window holds the prompt; or why there is none."""
    request = scene.served.request
    read = prompt_tokens(request.messages, request.tools)
    if (window := model.window) is not None:
        size = window.at(occasion.number)
        reserved = (request.settings.max_tokens or 0) if window.reserves else 0
        if read + reserved > size and window.truncates:
            request = _last_of(request, size)
        elif read + reserved > size:
            stated = size if window.states is None else window.states
            limit = Limit(
                max_tokens=stated or None, requested_tokens=read + reserved, input_tokens=read, output_tokens=reserved
            )
            return scene, error_of("context_overflow", scene, limit=limit)
    try:
        response = answer(request, model=scene.served.model, origin=scene.service.name, manner=model.manner)
    except (LookupError, TypeError, ValueError) as error:  # from an instance of a schema that is none
        return scene, error_of("invalid_request", scene, f"A schema of the request cannot be understood: {error!r}.")
    return replace(scene, response=response), None


def _last_of(request: Request, size: int) -> Request:
    """The request without its oldest messages, instructions kept, as servers cut prompts that say nothing about it."""
    instructions = tuple(message for message in request.messages if isinstance(message, SystemMessage))
    others = [message for message in request.messages if not isinstance(message, SystemMessage)]
    while len(others) > 1 and prompt_tokens((*instructions, *others), request.tools) > size:
        del others[0]
    return request.replace(messages=(*instructions, *others))


def _asked(served: ServedRequest) -> bytes:
    return sha256(served.model.encode() + msgspec.json.encode(served.request.messages)).digest()


def _masked(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name: "[key removed]" if name in _SECRET else redact(text) for name, text in headers.items()}


def _json(value: object, status: int = 200) -> HTTPReply:
    headers = {"content-type": "application/json"}
    return HTTPReply(status=status, headers=headers, body=msgspec.json.encode(value))
