"""AutoGen's model client over a Holdfast client."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Self, TypeVar

from autogen_core import CancellationToken, Component
from autogen_core.models import ChatCompletionClient, CreateResult, LLMMessage, ModelInfo, RequestUsage
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel

from holdfast.adapters.autogen.arguments import arguments_of
from holdfast.adapters.autogen.asked import Asked, asked_of, check
from holdfast.adapters.autogen.callbacks import (
    ErrorCallbacks,
    filtered_result,
    read_callbacks,
    result_by,
)
from holdfast.adapters.autogen.cancelling import Cancellation
from holdfast.adapters.autogen.config import (
    HoldfastClientConfig,
    read_policies,
    resolve,
)
from holdfast.adapters.autogen.events import log_call, log_end, log_start
from holdfast.adapters.autogen.filtered import FILTERED, Refused
from holdfast.adapters.autogen.info import info_of
from holdfast.adapters.autogen.messages import Choice, Naming, messages_of, tools_of
from holdfast.adapters.autogen.recall import Recall
from holdfast.adapters.autogen.results import (
    result_of,
    truncated,
    unfitting_result,
    usage_of,
    wordy,
)
from holdfast.adapters.autogen.setup import Given, Setup
from holdfast.context import Counter, Windows
from holdfast.errors import ContentFilterError, ModelError
from holdfast.events import Restart, TextDelta
from holdfast.recovery.attempt import Decision, Policy
from holdfast.recovery.call import Call
from holdfast.recovery.screen import OnBreak
from holdfast.request import Request, Timeouts
from holdfast.response import Response
from holdfast.runtime.client import Client
from holdfast.usage import Usage

H = TypeVar("H", bound=Callable[[Call], Decision | Awaitable[Decision]])


class HoldfastChatCompletionClient(ChatCompletionClient, Component[HoldfastClientConfig]):
    """A model client for AutoGen whose calls end well: with an answer, a result that you chose, or one typed error.

    Args:
        models: the primary, then the fallbacks: names such as `"openai/gpt-5-mini"`, `ModelConfig`s for other
            endpoints, or models (which cannot be dumped); or one Holdfast `Client`, which brings its own bounds and is
            yours to close.
        policies: what happens after a failure; by default `holdfast.DEFAULT_POLICIES`.
        error_callbacks: what becomes of an error that recovery could not mend: by its class, its `code` or its `kind`,
            a sync or async function from the error to a `CreateResult`, or to None to pass on.
        answer_to_filtered: what is answered when a content filter refuses, with `finish_reason="content_filter"`, so
            that the conversation goes on. The refused message is withheld from later requests. False raises the
            `ContentFilterError`; so does any call for structured output, which no apology fits.
        on_break: what happens when a stream breaks after something was shown; see `holdfast.Client`. By default it
            begins again, after a `TruncatedCreateResult`.
        deadline, max_attempts, timeouts: bounds of a call and of an attempt; see `holdfast.Client`.
        model_info: where you know better than the catalog what the models can do.
        windows: tokens that models hold, by name, where the catalog is wrong.
        names: whether the sources of user messages are sent as their names, where a model takes names.
        add_name_prefixes: whether they stand in front of the words, as in `"ada said:"`.
        create_args: sampling and other settings, by OpenAI's names; `extra_create_args` of a call go over them.

    Raises:
        ConfigurationError: an endpoint is unknown, or a bound makes no sense.
        AuthenticationError: a key is missing; the message names the variable to set.
        InvalidRequestError: a creation argument is unknown.

    Example:
        >>> client = HoldfastChatCompletionClient("openai/gpt-5-mini", "anthropic/claude-sonnet-4-5", deadline=60)
        >>> agent = AssistantAgent("assistant", model_client=client)
    """

    component_type = "model"
    component_config_schema = HoldfastClientConfig
    component_provider_override = "holdfast.adapters.autogen.HoldfastChatCompletionClient"
    component_description = "A model client whose calls end well."

    def __init__(  # all settings of a client are made here, by keyword
        self,
        *models: Given,
        policies: Sequence[Policy] | None = None,
        error_callbacks: ErrorCallbacks | None = None,
        answer_to_filtered: str | bool = FILTERED,
        on_break: OnBreak | None = None,
        deadline: float | None = None,
        max_attempts: int | None = None,
        timeouts: Timeouts | Mapping[str, float] | None = None,
        model_info: ModelInfo | Mapping[str, Any] | None = None,
        windows: Mapping[str, int] | None = None,
        names: bool = True,
        add_name_prefixes: bool = False,
        **create_args: Any,
    ) -> None:
        arguments_of(create_args)
        self._setup = Setup(
            models=models,
            policies=None if policies is None else tuple(policies),
            bounds={
                "on_break": on_break,
                "deadline": deadline,
                "max_attempts": max_attempts,
                "timeouts": timeouts if timeouts is None or isinstance(timeouts, Timeouts) else Timeouts(**timeouts),
            },
            callbacks=dict(error_callbacks or {}),
            answer=answer_to_filtered or False,
            info=dict(model_info or {}),
            windows=dict(windows or {}),
            naming=Naming(names=names, prefixes=add_name_prefixes),
            arguments=dict(create_args),
        )
        self._windows = Windows(self._setup.windows)
        self._client = self._setup.build(self._windows)
        self._owned = self._setup.client is None
        self._info = info_of(self.model_names, self._setup.info)
        self._counter = Counter()
        self._recall = Recall()
        self._refused = Refused(self._setup.answer)
        self._earlier = (Usage(), Usage())
        self._from_cache = Usage()

    @property
    def holdfast(self) -> Client:
        """The Holdfast client that asks."""
        return self._client

    @property
    def model_names(self) -> tuple[str, ...]:
        """The chain, the primary first, each as in `"openai/gpt-5-mini"`."""
        return tuple(model.name for model in self._client.models)

    @property
    def windows(self) -> Windows:
        """How much each model holds."""
        return self._windows

    def on_error(self, *kinds: type[ModelError], times: int = 1) -> Callable[[H], H]:
        """Decorate a handler that decides about failures of these kinds before the policies do.

        Unlike an error callback it can let the call go on: `call.retry()`, `call.resend(...)`, `call.switch(...)`; see
        `holdfast.Client.on_error`.
        """

        def register(handler: H) -> H:
            self._setup.handlers.append((kinds, handler, times))
            return self._client.on_error(*kinds, times=times)(handler)

        return register

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = (),
        tool_choice: Choice = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},  # only read
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """One answer, whole.

        Raises:
            ModelError: the last typed error, when neither recovery nor a callback made a result.
            InvalidRequestError: the request cannot be right; nothing was sent.
            asyncio.CancelledError: the token was cancelled.
        """
        call = self._asked(messages, tools, tool_choice, json_output, extra_create_args)
        link = Cancellation(cancellation_token)
        try:
            response = await link.wait(lambda: self._client.create(call.messages, **call.ask))
            result = self._result(call, response)
        except ModelError as error:
            rescued = await link.wait(partial(self._rescued, call, error))
            log_call(call.messages, call.tools, rescued or error)
            if rescued is None:
                raise
            return rescued
        log_call(call.messages, call.tools, result)
        return result

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = (),
        tool_choice: Choice = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},  # only read
        cancellation_token: CancellationToken | None = None,
        include_usage: bool | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """The answer in pieces, and the whole at the end.

        Strings are words of the answer, never of its thinking. A `TruncatedCreateResult` says that the words before it
        are void, because the answer begins again; the last item is always a `CreateResult`. Usage always comes,
        whatever `include_usage` says.

        Raises:
            ModelError, InvalidRequestError, asyncio.CancelledError: as `create` does.
        """
        del include_usage
        call = self._asked(messages, tools, tool_choice, json_output, extra_create_args)
        link = Cancellation(cancellation_token)
        log_start(call.messages)
        stream = self._client.stream(call.messages, **call.ask)
        spoken = False
        rescued: CreateResult | None = None
        try:
            async with stream:
                while (event := await link.wait(lambda: anext(stream, None))) is not None:
                    match event:
                        case TextDelta() if event.text:
                            spoken = True
                            yield event.text
                        case Restart() if spoken:
                            spoken = False
                            yield truncated(event.reason.partial or Response(), event.reason)
            result = self._result(call, stream.response())
        except ModelError as error:
            failed = error
            rescued = await link.wait(partial(self._rescued, call, error))
            log_end(rescued or error)
            if rescued is None:
                raise
        else:
            log_end(result)
            yield result
            return
        said = failed.partial or stream.response()
        if spoken and rescued.content != said.text:
            yield truncated(said, failed)
        yield rescued

    def _asked(
        self,
        messages: Sequence[LLMMessage],
        tools: Sequence[Tool | ToolSchema],
        choice: Choice,
        json_output: bool | type[BaseModel] | None,
        extra: Mapping[str, Any],
    ) -> Asked:
        converted = self._refused.withheld(messages_of(messages, self._setup.naming, self._recall))
        asked = asked_of(converted, tools, choice, json_output, {**self._setup.arguments, **extra})
        check(asked, self._info)
        return asked

    def _result(self, call: Asked, response: Response) -> CreateResult:
        result = result_of(wordy(response) if call.is_wordy else response)
        if response.cached:
            self._from_cache += response.usage
        self._recall.keep(response)
        if response.degraded is None:
            self._refused.passed(call.messages)
        elif response.attempts and (error := response.attempts[-1].error) and error.kind == ContentFilterError.kind:
            self._refused.refuse(call.messages, error.scope)
        return result

    async def _rescued(self, call: Asked, error: ModelError) -> CreateResult | None:
        """The result that stands for a failed call: a callback's, the answer to a filter, or what did not fit."""
        if isinstance(error, ContentFilterError):
            self._refused.refuse(call.messages, error.scope)
        result = await result_by(self._setup.callbacks, error)
        if result is not None:
            return result
        answer = self._setup.answer
        if isinstance(error, ContentFilterError) and answer and not call.is_shaped:
            return filtered_result(error, str(answer))
        said = error.partial
        return unfitting_result(said, error) if said is not None and call.misses(said) else None

    async def close(self) -> None:
        """Close all connections. A client that was given is left open."""
        if self._owned:
            await self._client.close()

    def actual_usage(self) -> RequestUsage:
        """Tokens that were paid for, those of failed and cancelled attempts included."""
        return usage_of(self._earlier[0] + self._client.totals.total)

    def total_usage(self) -> RequestUsage:
        """The same, and what answers from a cache would have cost."""
        return usage_of(self._earlier[1] + self._client.totals.total + self._from_cache)

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        """Tokens of a request, for the model of the chain that needs most. Offline; every model is known."""
        request = self._counted(messages, tools)
        return max(self._counter.count(request, name).tokens for name in self.model_names)

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        """Tokens that the smallest window of the chain still has for more messages and the answer; may be negative."""
        request = self._counted(messages, tools)
        return min(self._windows.window(name) - self._counter.count(request, name).tokens for name in self.model_names)

    def _counted(self, messages: Sequence[LLMMessage], tools: Sequence[Tool | ToolSchema]) -> Request:
        return Request(messages=messages_of(messages, self._setup.naming, self._recall), tools=tools_of(tools))

    @property
    def model_info(self) -> ModelInfo:
        """What every model of the chain can do; the family is the primary's."""
        return self._info.copy()

    @property
    def capabilities(self) -> Any:
        """The older form of `model_info`."""
        return {name: self._info[name] for name in ("vision", "function_calling", "json_output")}

    def _to_config(self) -> HoldfastClientConfig:
        return self._setup.written()

    @classmethod
    def _from_config(cls, config: HoldfastClientConfig) -> Self:
        chain: dict[str, Any] = {}
        models: Sequence[Given] = config.models
        if config.client is not None:
            models = (Client.from_config(config.client),)
        else:
            chain = {name: getattr(config, name) for name in ("on_break", "deadline", "max_attempts", "timeouts")}
            chain["policies"] = None if config.policies is None else read_policies(config.policies)
        client = cls(
            *models,
            **chain,
            error_callbacks=read_callbacks(config.error_callbacks or []),
            answer_to_filtered=config.answer_to_filtered,
            model_info=config.model_info,
            windows=config.windows,
            names=config.names,
            add_name_prefixes=config.add_name_prefixes,
            **config.create_args,
        )
        client._owned = True
        for handler in config.handlers or ():
            client.on_error(*map(resolve, handler.kinds), times=handler.times)(resolve(handler.call))
        return client

    def __reduce__(self) -> tuple[Any, ...]:
        total = self._client.totals.total
        spent = (self._earlier[0] + total, self._earlier[1] + total + self._from_cache)
        return _restored, (type(self), self._to_config().model_dump(), spent)


def _restored(
    kind: type[HoldfastChatCompletionClient], config: dict[str, Any], spent: tuple[Usage, Usage]
) -> HoldfastChatCompletionClient:
    client = kind._from_config(HoldfastClientConfig(**config))  # noqa: SLF001  # its own class
    client._earlier = spent  # noqa: SLF001  # as above
    return client
