"""Any Pydantic AI model as a Holdfast model: a member of a chain, with our errors and our events.

Behind `HoldfastModel` it is asked in the agent's own words (messages, settings, parameters), so that nothing is lost in
translation; only a request that a policy has changed, or that has to go on a broken answer, is translated back.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from pydantic_ai import exceptions as theirs
from pydantic_ai.models import Model as PydanticAIModel
from pydantic_ai.models import infer_model

from holdfast.adapters.pydantic_ai.asking import Question, question_of
from holdfast.adapters.pydantic_ai.events import Translation
from holdfast.adapters.pydantic_ai.failures import to_ours
from holdfast.errors import InvalidRequestError, ModelConnectionError, ModelError, StreamInterruptedError
from holdfast.events import Event
from holdfast.request import Request
from holdfast.response import unfold


class PydanticModel:
    """A Pydantic AI model, asked through Holdfast.

    Args:
        inner: a model, or the name of one as an agent takes it, such as `"openai:gpt-5-mini"`.
        name: how it is called in histories and reports; by default its provider's name and its own. Two members of a
            chain need two names.
        needs_finish: whether a stream without a finish reason counts as cut. By default it does for models that have a
            provider: Pydantic AI itself takes a stream that ends too early for a whole answer.
    """

    def __init__(
        self, inner: PydanticAIModel[Any] | str, *, name: str | None = None, needs_finish: bool | None = None
    ) -> None:
        self.inner: PydanticAIModel[Any] = infer_model(inner)
        self.name = name or f"{self.inner.system}/{self.inner.model_name}"
        self._needs_finish = self.inner.provider is not None if needs_finish is None else needs_finish

    def __repr__(self) -> str:
        return f"PydanticModel({self.name!r})"

    async def stream(self, request: Request) -> AsyncGenerator[Event, None]:
        """The events of one answer; their errors come out as ours, from theirs."""
        begun = False
        try:
            question = question_of(request, self.inner)
            events = self._streamed(question) if request.stream else self._whole(question)
            async with aclosing(events):
                async for event in events:
                    begun = True
                    yield event
        except ModelError:
            raise
        except theirs.UserError as error:
            raise InvalidRequestError(error.message, model=self.inner.model_name) from error
        except Exception as error:
            ours = to_ours(error, provider=self.inner.system, model=self.inner.model_name)
            if ours is None:  # a fault of the program is none of a provider's
                raise
            if begun and isinstance(ours, ModelConnectionError):
                ours = StreamInterruptedError(ours.message, provider=ours.provider, model=ours.model, phase=ours.phase)
            raise ours from error

    async def _whole(self, question: Question) -> AsyncGenerator[Event, None]:
        response = await self.inner.request(question.messages, question.settings, question.parameters)
        for event in unfold(Translation(self.inner).response(response)):
            yield event

    async def _streamed(self, question: Question) -> AsyncGenerator[Event, None]:
        translation = Translation(self.inner)
        opened = self.inner.request_stream(question.messages, question.settings, question.parameters, question.run)
        async with opened as stream:
            yield translation.start(stream)
            async for event in stream:
                for ours in translation.feed(event):
                    yield ours
            response = stream.get()
            for ours in translation.end(response, cut=self._needs_finish and _is_cut(response)):
                yield ours


def _is_cut(response: Any) -> bool:
    """Whether the provider never said why the answer ended: their own default for a missing reason is `stop`."""
    said = (response.provider_details or {}).get("finish_reason")
    return said is None and response.finish_reason != "content_filter" and response.state != "suspended"
