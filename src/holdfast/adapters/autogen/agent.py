"""The stock agent, which tells those who watch its stream when an answer begins again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any, Literal

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    ModelClientStreamingChunkEvent,
)
from autogen_core import CancellationToken, MessageHandlerContext
from autogen_core.models import ChatCompletionClient, CreateResult

from holdfast.adapters.autogen.results import TruncatedCreateResult


class ModelClientStreamResetEvent(BaseAgentEvent):
    """The chunks of `full_message_id` that came before this event are void: the answer begins again.

    `reason` is the kind of the error that broke it, such as `"stream_interrupted"`.
    """

    full_message_id: str | None = None
    reason: str = "unknown"
    type: Literal["ModelClientStreamResetEvent"] = "ModelClientStreamResetEvent"

    def to_text(self) -> str:
        """The event in words."""
        return f"[The answer broke off ({self.reason}) and begins again.]"


class ResilientAssistantAgent(AssistantAgent):
    """AutoGen's `AssistantAgent`, with a `ModelClientStreamResetEvent` wherever a streamed answer begins again.

    It takes what the stock agent takes; set `model_client_stream=True`. Inside a team only event types that the team
    was told of may be sent, so there the event is an empty `ModelClientStreamingChunkEvent` whose metadata has
    `stream_reset` (the reason).
    """

    component_provider_override = "holdfast.adapters.autogen.ResilientAssistantAgent"

    def __init__(self, name: str, model_client: ChatCompletionClient, **settings: Any) -> None:
        super().__init__(name, model_client, **settings)
        self._tap = _Tap(model_client)
        self._model_client: Any = self._tap  # the stock agent asks whatever is here

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """The stock agent's events, and the resets between them."""
        self._tap.resets.clear()
        shown: str | None = None
        async for item in super().on_messages_stream(messages, cancellation_token):
            for reason in self._tap.take():
                yield self._reset(shown, reason)
            if isinstance(item, ModelClientStreamingChunkEvent):
                shown = item.full_message_id
            yield item

    def _reset(self, shown: str | None, reason: str) -> BaseAgentEvent:
        if _in_team():
            return ModelClientStreamingChunkEvent(
                content="", source=self.name, full_message_id=shown, metadata={"stream_reset": reason}
            )
        return ModelClientStreamResetEvent(source=self.name, full_message_id=shown, reason=reason)


class _Tap:
    """A model client that notes the resets in its streams, and is the one inside in all else."""

    def __init__(self, client: ChatCompletionClient) -> None:
        self._client = client
        self.resets: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name == "_client":  # a copy in the making has none yet
            raise AttributeError(name)
        return getattr(self._client, name)

    def take(self) -> list[str]:
        """The reasons of the resets since the last time."""
        resets, self.resets[:] = list(self.resets), []
        return resets

    async def create_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[str | CreateResult, None]:
        """The client's stream. A truncated result is a reset if anything comes after it."""
        broken: TruncatedCreateResult | None = None
        async for item in self._client.create_stream(*args, **kwargs):
            if broken is not None:
                self.resets.append(str((broken.error or {}).get("kind", "unknown")))
            broken = item if isinstance(item, TruncatedCreateResult) else None
            yield item


def _in_team() -> bool:
    try:
        MessageHandlerContext.agent_id()
    except RuntimeError:
        return False
    return True
