"""What an LLM alone cannot do: fill a long silence, keep the stored history clean, know whose turn it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from livekit.agents import Agent, AgentSession, ConversationItemAddedEvent, ModelSettings, llm

from holdfast.adapters.livekit.context import NOTES
from holdfast.adapters.livekit.filler import Chunk, Silence, chunks_of, filled
from holdfast.adapters.livekit.handler import Reply
from holdfast.adapters.livekit.llm import HoldfastLLM
from holdfast.errors import ModelError
from holdfast.runtime.clock import Clock, SystemClock


class HoldfastVoice(Agent):
    """An agent, or one base of an agent, that says a word when it has to think long, and mends its history.

        class Receptionist(HoldfastVoice):
            filler = "One moment, I am still with you. "
            filler_after = 1.5

    Override `on_llm_error` to decide about the failures of this agent's turns. Your own `llm_node` composes with it
    through `super()`, from below (`Mine(HoldfastVoice)`) and from above (`Mine(HoldfastVoice, YourAgent)`). After each
    reply

    - messages that a content filter refused leave the agent's chat context; `session.history` keeps the record;
    - a reply that broke off is marked `interrupted`;
    - the filler is taken out of the reply: it is no part of the conversation.

    Attributes:
        filler: what is said, at most once in a turn and only before anything else; None: nothing.
        filler_after: seconds of silence before it.
        clock: where time comes from.
    """

    filler: str | None = "One moment, I am still with you. "
    filler_after: float = 2.0
    clock: Clock = SystemClock()

    _listens_to: AgentSession[Any] | None = None
    _voiced: str | None = None  # the id of the speech in which something was said
    _filled: bool = False  # whether the filler stands in the reply that is on its way

    async def llm_node(
        self, chat_ctx: llm.ChatContext, tools: list[llm.Tool], model_settings: ModelSettings
    ) -> AsyncGenerator[Chunk, None]:
        """The chunks of the node above, with the filler where it is needed."""
        self._listen()
        chunks = filled(
            chunks_of(super().llm_node(chat_ctx, tools, model_settings)),
            self.filler,
            Silence(self.session, self.filler_after, self.clock),
            may_fill=self._may_fill,
            handler=self.on_llm_error,
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                if _speaks(chunk) and self.session.agent_state in ("thinking", "speaking"):
                    self._voiced = self._speech_id()
                yield chunk

    async def on_llm_error(self, error: ModelError, llm_: llm.LLM[Any], chat_ctx: llm.ChatContext) -> Reply:  # noqa: ARG002  # for those who override it
        """What this agent makes of a failure, before the LLM's handler is asked; None passes on."""
        return None

    async def on_exit(self) -> None:
        """Listen no more."""
        if self._listens_to is not None:
            self._listens_to.off("conversation_item_added", self._mend)
            self._listens_to = None
        await super().on_exit()

    def _listen(self) -> None:
        if self._listens_to is not self.session:
            self._listens_to = self.session
            self._mending: set[asyncio.Task[None]] = set()
            self.session.on("conversation_item_added", self._mend)

    def _speech_id(self) -> str | None:
        speech = self.session.current_speech
        return speech.id if speech is not None else None

    def _may_fill(self) -> bool:
        speech = self._speech_id()
        if speech is None or speech == self._voiced:
            return False
        self._filled = True
        return True

    def _mend(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if not isinstance(item, llm.ChatMessage) or item.role != "assistant":
            return
        if self._filled:
            self._filled = False
            _strip(item, self.filler or "")
        if item.extra.get(NOTES, {}).get("truncated"):
            item.interrupted = True
        if any(known.id in self._filtered() for known in self.chat_ctx.items):
            task = asyncio.ensure_future(self._drop_filtered())
            self._mending.add(task)
            task.add_done_callback(self._mending.discard)

    async def _drop_filtered(self) -> None:
        filtered = self._filtered()
        items = [item for item in self.chat_ctx.items if item.id not in filtered]
        await self.update_chat_ctx(llm.ChatContext(items), exclude_invalid_function_calls=False)

    def _filtered(self) -> dict[str, None]:
        used = self.llm if isinstance(self.llm, HoldfastLLM) else self.session.llm
        return used.filtered if isinstance(used, HoldfastLLM) else {}


def _speaks(chunk: Chunk) -> bool:
    match chunk:
        case str():
            return bool(chunk)
        case llm.ChatChunk(delta=delta):
            return delta is not None and bool(delta.content)
        case _:
            return False


def _strip(reply: llm.ChatMessage, filler: str) -> None:
    """Take the filler, or what was heard of it, from the head of the reply."""
    text = reply.raw_text_content or ""
    words = filler.strip()
    if text.lstrip().startswith(words):
        reply.content = [text.lstrip().removeprefix(words).lstrip()]
    elif words.startswith(text.strip()):
        reply.content = [""]
