"""An `llm.LLM` that hands over every word once, and fails only when nothing else is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, NotGivenOr, llm, utils
from msgspec import Struct
from msgspec.structs import replace

from holdfast.adapters.livekit.handler import Consultation, ErrorHandler, last_words, patient, stay_silent
from holdfast.adapters.livekit.stream import HoldfastStream
from holdfast.errors import ConfigurationError
from holdfast.model import Model
from holdfast.recovery.attempt import Policy
from holdfast.recovery.screen import HoldBack, OnBreak
from holdfast.request import Settings, Timeouts
from holdfast.runtime.client import Client
from holdfast.runtime.clock import Clock
from holdfast.runtime.endpoint import model_by_name
from holdfast.runtime.layers import hedge, rate_limit

_REMEMBERED: Final = 10_000
"""Filtered items whose ids are kept, the latest ones; a session has some hundred items."""


class Bounds(Struct, frozen=True):
    """The limits of one call, in seconds."""

    deadline: float
    timeouts: Timeouts
    backup: Timeouts


class HoldfastLLM(llm.LLM[Literal["holdfast"]]):
    """A LiveKit LLM over a chain of models.

        llm = HoldfastLLM("openai/gpt-5-mini", "anthropic/claude-haiku-4-5", on_llm_error=apologise)
        session = AgentSession(llm=llm, ...)

    Emits `"error"` for every failure (recoverable where the turn goes on), `"metrics_collected"` once for a turn, and
    `"holdfast"` with a `CallReport` for every call. `model` and `provider` name who answers.

    Args:
        *models: a `Client`, which its maker closes; or names and models, for a client of its own.
        on_llm_error: asked about every failure first, see `holdfast.adapters.livekit.handler`.
        on_break: what happens when an answer breaks after its first words: `"resume"` it, `"hold"` everything back
            until it is complete, `"truncate"` it, or `"raise"`.
        deadline: seconds for a whole call, with all its attempts; a client's shorter one holds.
        first_token: seconds until the first word or tool call. The `timeout` of LiveKit's `conn_options` (10 s) and a
            client's shorter limit cap it; give both more for models that think long.
        backup_first_token: the same for all models but the primary; by default as long.
        stall: seconds between two words.
        hedge_after: ask the next model as well after so many seconds of silence; the first to speak is heard.
        hedge_share: the share of calls (0 to 1) that may be hedged in the long run.
        apology: what is said when no model answered and nothing else was decided. None: the error is raised.
        closing: the same when an answer broke off for good after its first words, under `on_break="resume"`.
        hold_back: how much of an answer is kept back until it has proved alive: a break in there begins anew, unheard.
            By default that of the client, which is nothing.
        whole_sentences: hand over an answer sentence by sentence, so that one that breaks off is not begun. A voice
            that reads sentences loses no time by it.
        allow_empty: an answer without a word is a silent turn, and not a failure.
        settings: temperature and the like, for every call.
        clock: where time comes from, for a client of its own.

    Raises:
        ConfigurationError: `on_break="restart"` (spoken words cannot be taken back), no model, or hedging without a
            second model or with a client (which has layers for that).
    """

    def __init__(  # noqa: PLR0913  # what a voice needs, by keyword
        self,
        *models: Client | Model | str,
        on_llm_error: ErrorHandler | None = None,
        on_break: OnBreak = "resume",
        deadline: float = 30.0,
        first_token: float = 5.0,
        backup_first_token: float | None = None,
        stall: float = 5.0,
        hedge_after: float | None = None,
        hedge_share: float = 0.1,
        apology: str | None = None,
        closing: str | None = None,
        hold_back: HoldBack | None = None,
        whole_sentences: bool = False,
        allow_empty: bool = False,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        if on_break not in ("resume", "hold", "truncate", "raise"):
            raise ConfigurationError(
                f"on_break={on_break!r} is not for a voice: words that were spoken cannot be taken back. "
                "Take 'resume', 'hold', 'truncate' or 'raise'."
            )
        self.on_llm_error = on_llm_error
        self.on_break: OnBreak = on_break
        self.hold_back = hold_back
        self.whole_sentences = whole_sentences
        self.settings = settings or Settings()
        self.filtered: dict[str, None] = {}
        self._deadline = deadline
        self._first_token = first_token
        self._backup_first_token = backup_first_token or first_token
        self._stall = stall
        self._apology = apology
        self._closing = closing
        self._silence: tuple[Policy, ...] = (stay_silent,) if allow_empty else ()
        self._owns_client = not isinstance(models[0] if models else None, Client)
        self.client = _client(models, hedge_after, hedge_share, clock)
        self._answers = self.client.model.name

    @property
    def model(self) -> str:
        """The model that answers, or answered last; before that, the primary."""
        return self._answers.partition("/")[2] or self._answers

    @property
    def provider(self) -> str:
        """The endpoint of that model."""
        return self._answers.partition("/")[0]

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> HoldfastStream:
        """Ask. Of `conn_options` only `timeout` counts, as a cap: the client retries, and nobody else.

        `extra_kwargs` may hold settings (`temperature`, `max_tokens`, ...); what else is in there goes into the body.
        """
        return HoldfastStream(
            self,
            chat_ctx=chat_ctx,
            tools=tools or [],
            conn_options=conn_options,
            tool_choice=tool_choice if utils.is_given(tool_choice) else None,
            parallel_tool_calls=parallel_tool_calls if utils.is_given(parallel_tool_calls) else None,
            arguments=extra_kwargs if utils.is_given(extra_kwargs) else None,
        )

    async def _prewarm_impl(self) -> None:
        await self.client.warm()

    async def aclose(self) -> None:
        """Let go of everything; a client that was given stays open."""
        await super().aclose()
        if self._owns_client:
            await self.client.close()

    def bounds(self, conn_options: APIConnectOptions) -> Bounds:
        """The limits of a call: the shortest of the client's, of ours and of LiveKit's."""
        options = self.client.model.options
        cap = conn_options.timeout or float("inf")
        stated = options.timeouts
        theirs = cap if stated.first_event is None else min(cap, stated.first_event)
        timeouts = replace(
            stated,
            connect=min(stated.connect, cap),
            first_event=min(theirs, self._first_token),
            idle=min(stated.idle, self._stall),
        )
        backup = replace(timeouts, first_event=min(theirs, self._backup_first_token))
        return Bounds(min(options.deadline, self._deadline), timeouts, backup)

    def policies(
        self, bounds: Bounds, consultations: Iterable[Consultation], begun: Callable[[], bool]
    ) -> list[Policy]:
        """Who decides about the failures of a call: the handlers, then the client's policies, then the last words."""
        consulted = (consultation.policy for consultation in consultations)
        primary = self.client.model.name
        deciding = (*consulted, *self._silence, *self.client.model.policies)
        last = last_words(lambda: self._closing if begun() else self._apology)
        return [*(patient(policy, primary, bounds.backup) for policy in deciding), last]

    def leave_out(self, ids: Iterable[str]) -> None:
        """Keep the items with these ids out of every later request. Their record stays in the session's history."""
        self.filtered.update(dict.fromkeys(ids))
        while len(self.filtered) > _REMEMBERED:
            del self.filtered[next(iter(self.filtered))]

    def answers(self, name: str) -> None:
        """Note which model speaks."""
        self._answers = name


def _client(
    models: tuple[Client | Model | str, ...], hedge_after: float | None, hedge_share: float, clock: Clock | None
) -> Client:
    leaves: list[Model] = []
    for model in models:
        if isinstance(model, Client):
            if len(models) > 1 or hedge_after is not None:
                raise ConfigurationError("A HoldfastLLM takes one client, with its models and layers, or models.")
            return model
        leaves.append(model_by_name(model, clock=clock) if isinstance(model, str) else model)
    if hedge_after is None:
        return Client(*leaves, clock=clock)
    if len(leaves) < 2:
        raise ConfigurationError("hedge_after needs a second model to ask.")
    hedged = hedge(leaves[1], hedge_after, max_share=hedge_share, clock=clock)

    def hedge_primary(model: Model) -> Model:
        return hedged(model) if model.name == leaves[0].name else model

    return Client(*leaves, layers=(hedge_primary, rate_limit(when_full="send", clock=clock)), clock=clock)
