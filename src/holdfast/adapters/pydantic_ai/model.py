"""A Pydantic AI model whose requests a Holdfast client answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, ClassVar, Self, cast

import anyio
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model as PydanticAIModel
from pydantic_ai.models import ModelRequestParameters, StreamedResponse, check_allow_model_requests
from pydantic_ai.native_tools import SUPPORTED_NATIVE_TOOLS, AbstractNativeTool
from pydantic_ai.profiles import ModelProfile, ModelProfileSpec, merge_profile
from pydantic_ai.settings import ModelSettings, merge_model_settings
from pydantic_ai.tools import RunContext
from pydantic_ai.usage import RequestUsage

from holdfast.adapters.pydantic_ai.errors import to_theirs
from holdfast.adapters.pydantic_ai.files import with_files
from holdfast.adapters.pydantic_ai.limits import Limits, limits_of
from holdfast.adapters.pydantic_ai.messages import from_history
from holdfast.adapters.pydantic_ai.naming import split
from holdfast.adapters.pydantic_ai.private import OwnBounds, carry_attempts, current_run, instructions, tool_choice
from holdfast.adapters.pydantic_ai.profile import abilities_of, inner_models, leaves
from holdfast.adapters.pydantic_ai.request import AgentRequest, Asked, request_of
from holdfast.adapters.pydantic_ai.responses import attempts_before, filtered, nothing_usable, to_response
from holdfast.adapters.pydantic_ai.stream import HoldfastStream
from holdfast.errors import ContentFilterError, ModelError
from holdfast.model import Model
from holdfast.recovery.screen import OnBreak
from holdfast.runtime.ask import Ask
from holdfast.runtime.client import Client


class HoldfastModel(OwnBounds, PydanticAIModel[Client]):
    """A chain of models as one Pydantic AI model.

    Args:
        models: a `Client`; or what one is made of: names such as `"openai/gpt-5-mini"` and Holdfast models, the primary
            first. A client that is given stays its owner's to close.
        on_break: what happens when a stream breaks after something was shown, for every request. By default it depends
            on the request: plain text goes on where it broke (`"resume"`), and an answer with tools or a structured
            output comes when it is whole (`"hold"`). A client's own `on_break` counts for its own calls only.
        profile: laid over what the weakest model of the chain can do.
        settings: defaults for every request.

    `request_timeout`, `first_event_timeout` and `timeout` are kept by the engine, over all attempts together or for
    each of them; see `holdfast.adapters.pydantic_ai.limits`. `max_retries` is not looked at: how often is asked is the
    client's concern (`max_attempts`, `policies`).

    Example:
        ```python
        model = HoldfastModel("openai/gpt-5-mini", "anthropic/claude-sonnet-4-5")
        agent = Agent(model, output_type=City)
        ```
    """

    unsupported_settings: ClassVar[frozenset[Any]] = frozenset(
        {"max_retries", "service_tier", "logit_bias", "citations"}
    )

    def __init__(
        self,
        *models: Client | Model | str,
        on_break: OnBreak | None = None,
        profile: ModelProfileSpec | None = None,
        settings: ModelSettings | None = None,
    ) -> None:
        first = models[0] if models else None
        self._owns = not isinstance(first, Client)
        self.client = first if isinstance(first, Client) else Client(*cast("tuple[Model | str, ...]", models))
        self.on_break: OnBreak | None = on_break
        abilities = abilities_of(self.client)
        self._json_mode = abilities.json_mode
        self._inners = inner_models(self.client)
        self._sends = len(self._inners) < len(leaves(self.client))
        self._entered = 0
        self._entering = asyncio.Lock()
        self._exits = AsyncExitStack()
        super().__init__(settings=settings, profile=_over(abilities.profile, profile))

    def __repr__(self) -> str:
        return f"HoldfastModel({self.client!r})"

    def __eq__(self, other: object) -> bool:
        return self is other  # two chains of one profile are two

    def __hash__(self) -> int:
        return id(self)

    @property
    def model_name(self) -> str:
        """The primary's name, without its endpoint."""
        return split(self.client.model.name)[1]

    @property
    def system(self) -> str:
        """The primary's provider."""
        return split(self.client.model.name)[0]

    def inners(self) -> Sequence[PydanticAIModel[Any]]:
        """The Pydantic AI models behind this one."""
        return self._inners

    @classmethod
    def supported_native_tools(cls) -> frozenset[type[AbstractNativeTool]]:
        """All of them: which the chain takes is in its profile, none where a member is no Pydantic AI model."""
        return SUPPORTED_NATIVE_TOOLS

    def unsent_settings(self) -> frozenset[Any]:
        """The settings that a user is warned about; Pydantic AI's own models get them all, and know for themselves."""
        return self.unsupported_settings if self._sends else frozenset()

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """The whole answer to one step of an agent.

        A refused answer comes back empty, with `finish_reason="content_filter"`; everything else that fails is raised
        as Pydantic AI's own error, from ours.
        """
        messages = await self._ready(messages)
        request, _ = self._request(messages, model_settings, model_request_parameters, current_run())
        limits = self._limits(request, stream=False)
        began, name = datetime.now(UTC), self.client.model.name
        try:
            response = await self.client.create(request, **self._ask(request, limits))
        except ContentFilterError as error:
            return filtered(error, model=name, began=began)
        except ModelError as error:
            attempts = attempts_before(error, began)
            exhausted = nothing_usable(error)
            if exhausted is not None:
                answer = to_response(exhausted, model=name, began=began)
                answer.failed_attempts = attempts[:-1] or None
                return answer
            raised = to_theirs(error, self.model_name, limits)
            carry_attempts(raised, attempts)
            raise raised from error
        return to_response(response, model=name, began=began)

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse, None]:
        """The answer as it comes. Errors are raised while it is read, also those of the first event."""
        run = run_context or current_run()
        messages = await self._ready(messages)
        request, parameters = self._request(messages, model_settings, model_request_parameters, run)
        limits = self._limits(request, stream=True)
        try:
            source = self.client.stream(request, **self._ask(request, limits))
        except ModelError as error:
            raise to_theirs(error, self.model_name, limits) from error
        stream = HoldfastStream(
            parameters, source=source, model=self.client.model.name, limits=limits, began=datetime.now(UTC)
        )
        try:
            yield stream
        finally:
            with anyio.CancelScope(shield=True):
                await stream.close_stream()

    def prepare_messages(
        self, messages: list[ModelMessage], model_request_parameters: ModelRequestParameters | None = None
    ) -> list[ModelMessage]:
        """The messages as this model takes them; to be prepared once only, so it is left to each model inside."""
        return messages if self._inners else super().prepare_messages(messages, model_request_parameters)

    async def count_tokens(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> RequestUsage:
        """How many tokens the primary would read; counted here, nothing is sent."""
        request, _ = self._request(messages, model_settings, model_request_parameters, None)
        return RequestUsage(input_tokens=self.client.count_tokens(request))

    def continuation_delay(self, response: ModelResponse) -> float | None:
        """Seconds until a suspended answer of an inner model is asked for again."""
        delays = (inner.continuation_delay(response) for inner in self._inners)
        return next((delay for delay in delays if delay is not None), None)

    async def cancel_suspended_response(self, response: ModelResponse) -> None:
        """Have the inner models cancel what goes on at their providers; each knows its own."""
        for inner in self._inners:
            with suppress(Exception):
                await inner.cancel_suspended_response(response)

    async def __aenter__(self) -> Self:
        async with self._entering:
            if self._entered == 0:
                async with AsyncExitStack() as stack:
                    for inner in self._inners:
                        await stack.enter_async_context(inner)
                    self._exits = stack.pop_all()
            self._entered += 1
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        async with self._entering:
            self._entered -= 1
            if self._entered == 0:
                await self._exits.aclose()
                if self._owns:
                    await self.client.close()

    async def _ready(self, messages: list[ModelMessage]) -> list[ModelMessage]:
        """Ask whether requests are allowed, and download files; Pydantic AI's own models do both themselves."""
        if not self._sends:
            return messages
        check_allow_model_requests()
        return await with_files(messages)

    def _request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run: RunContext[Any] | None,
    ) -> tuple[AgentRequest, ModelRequestParameters]:
        """Our request, and the parameters as prepared for this model."""
        prepared, parameters = self.prepare_request(model_settings, model_request_parameters)
        ready = super().prepare_messages(messages, model_request_parameters) if self._inners else messages
        asked = Asked(
            messages=messages,
            settings=merge_model_settings(self.settings, model_settings) or {},
            parameters=model_request_parameters,
            converted=from_history(ready, instructions(self, ready, parameters)),
            run=run,
        )
        settings = prepared or {}
        choice = tool_choice(settings, parameters)
        return request_of(asked, settings, parameters, choice, json_mode=self._json_mode), parameters

    def _limits(self, request: AgentRequest, *, stream: bool) -> Limits:
        options = self.client.model.options
        base = Limits(deadline=options.deadline, timeouts=options.timeouts)
        if request.asked is None:
            return base
        return limits_of(request.asked.settings, base, request.asked.run, stream=stream)

    def _ask(self, request: AgentRequest, limits: Limits) -> Ask:
        on_break = self.on_break or _fitting(request)
        return Ask(deadline=limits.deadline, timeouts=limits.timeouts, on_break=on_break)


def _fitting(request: AgentRequest) -> OnBreak:
    """What suits a request whose stream breaks: words may go on, a call or a structured output is needed whole."""
    prompted = request.asked is not None and request.asked.parameters.output_mode == "prompted"
    if request.tools or request.output is not None or prompted:
        return "hold"
    return "resume"


def _over(known: ModelProfile, profile: ModelProfileSpec | None) -> ModelProfileSpec:
    if not callable(profile):
        return merge_profile(known, profile)

    def resolve(default: ModelProfile) -> ModelProfile:
        return profile(merge_profile(default, known))

    return resolve
