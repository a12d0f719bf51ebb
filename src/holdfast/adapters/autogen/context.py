"""A model context that fits a limit on tokens and keeps every tool call with its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from autogen_core import Component, ComponentModel
from autogen_core.model_context import ChatCompletionContext
from autogen_core.models import ChatCompletionClient, LLMMessage
from autogen_core.tools import ToolSchema
from pydantic import BaseModel

from holdfast.adapters.autogen.client import HoldfastChatCompletionClient
from holdfast.adapters.autogen.messages import message_to_autogen, messages_of, tools_of
from holdfast.context import STRATEGIES, Conversation, Thresholds, fit
from holdfast.errors import ConfigurationError
from holdfast.messages import Message
from holdfast.request import Request

_THRESHOLDS = Thresholds()


class TokenLimitedContextConfig(BaseModel):
    """All that makes a `TokenLimitedContext`; its docstring describes each field."""

    model_client: ComponentModel
    token_limit: int | None = None
    tool_schema: list[ToolSchema] | None = None
    initial_messages: list[LLMMessage] | None = None


class TokenLimitedContext(ChatCompletionContext, Component[TokenLimitedContextConfig]):
    """Gives as much of a conversation as fits, in the place of AutoGen's context of nearly the same name.

    What is old goes first: tool results become a note, then whole turns are dropped, calls together with their results.
    The task and the newest user message stay. All messages are kept and saved; only what is given is cut.

    Args:
        model_client: whose tokens are counted.
        token_limit: tokens of the messages and tools, at most. Without it the smallest window of the client's models
            counts, less the room for an answer; 15 % are left for an agent's own instructions.
        tool_schema: tools that are sent along.
        initial_messages: how the conversation begins.

    Raises:
        ConfigurationError: the limit is not positive, or there is none and the client is not Holdfast's.
    """

    component_config_schema = TokenLimitedContextConfig
    component_provider_override = "holdfast.adapters.autogen.TokenLimitedContext"

    def __init__(
        self,
        model_client: ChatCompletionClient,
        *,
        token_limit: int | None = None,
        tool_schema: Sequence[ToolSchema] | None = None,
        initial_messages: list[LLMMessage] | None = None,
    ) -> None:
        super().__init__(initial_messages)
        if token_limit is not None and token_limit <= 0:
            raise ConfigurationError(f"token_limit={token_limit} must be more than 0.")
        if token_limit is None and not isinstance(model_client, HoldfastChatCompletionClient):
            raise ConfigurationError("Give a token_limit: only Holdfast's own client knows the windows of its models.")
        self._model_client = model_client
        self._token_limit = token_limit
        self._tool_schema = list(tool_schema or ())
        self._conversation = Conversation()
        self._originals: list[tuple[Message, LLMMessage]] = []

    async def get_messages(self) -> list[LLMMessage]:
        """The messages that fit, in order.

        Raises:
            ContextOverflowError: they cannot be made to fit; the message says which part takes how much.
        """
        conversation = self._entered()
        request = Request(messages=(), tools=tools_of(self._tool_schema))
        model, limit, act = self._bounds(conversation, request)
        room = conversation.counter.overhead(request, model)
        conversation.view = fit(
            conversation.ledger(model),
            conversation.view,
            max(0, limit - room),
            act=max(0, act - room),
            strategies=STRATEGIES,
        )
        known = {id(ours): original for ours, original in self._originals}
        return [known.get(id(each)) or message_to_autogen(each, "assistant") for each in conversation.sent]

    async def clear(self) -> None:
        """Forget the conversation."""
        await super().clear()
        self._forget()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take the messages of a saved state."""
        await super().load_state(state)
        self._forget()

    def _forget(self) -> None:
        self._conversation, self._originals = Conversation(), []

    def _entered(self) -> Conversation:
        """The conversation, with what was added since the last time."""
        known = [original for _, original in self._originals]
        if any(one is not other for one, other in zip(known, self._messages, strict=False)) or len(known) > len(
            self._messages
        ):
            self._forget()
        for message in self._messages[len(self._originals) :]:
            (ours,) = messages_of((message,))
            self._conversation.append(ours)
            self._originals.append((ours, message))
        return self._conversation

    def _bounds(self, conversation: Conversation, request: Request) -> tuple[str, int, int]:
        """Whose tokens are meant, how many are allowed, and from how many on to cut."""
        client = self._model_client
        names = client.model_names if isinstance(client, HoldfastChatCompletionClient) else ("",)
        if self._token_limit is not None:
            return names[0], self._token_limit, self._token_limit
        conversation.windows = client.windows  # type: ignore[attr-defined]  # without a limit it is Holdfast's client
        limit, name = min((conversation.budget(request, name), name) for name in names)
        return name, limit, _THRESHOLDS.tokens(_THRESHOLDS.act, limit)

    def _to_config(self) -> TokenLimitedContextConfig:
        return TokenLimitedContextConfig(
            model_client=self._model_client.dump_component(),
            token_limit=self._token_limit,
            tool_schema=self._tool_schema or None,
            initial_messages=self._initial_messages,
        )

    @classmethod
    def _from_config(cls, config: TokenLimitedContextConfig) -> Self:
        return cls(
            ChatCompletionClient.load_component(config.model_client),
            token_limit=config.token_limit,
            tool_schema=config.tool_schema,
            initial_messages=config.initial_messages,
        )
