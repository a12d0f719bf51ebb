"""What a handler is given: the failed call, and the verbs for what may happen next."""

from __future__ import annotations

from typing import Any

from holdfast.errors import ModelError
from holdfast.messages import Message
from holdfast.model import Model
from holdfast.recovery.attempt import Answer, Attempt, Fail, History
from holdfast.request import Request
from holdfast.response import Response


class Call:
    """One failed call, as a handler sees it. Each verb returns a decision for the handler to return; None passes on."""

    def __init__(self, history: History) -> None:
        self.history = history

    @property
    def error(self) -> ModelError:
        """What the last attempt ended in."""
        return self.history.error

    @property
    def request(self) -> Request:
        """What the caller asked for."""
        return self.history.request

    @property
    def model(self) -> Model:
        """The model that failed."""
        return self.history.current

    def retry(self, after: float = 0.0) -> Attempt:
        """Send the same again to the same model, `after` seconds from now."""
        return Attempt(model=self.model, request=self.request, delay=after, reason="asked by a handler")

    def resend(self, request: Request | None = None, *, messages: Any = None, **changes: Any) -> Attempt:
        """Send another request to the same model: `request`, or this one with fields changed."""
        base = request or self.request
        if messages is not None:
            listed: list[Message] = list(messages)
            base = base.replace(messages=listed)
        return Attempt(model=self.model, request=base.replace(**changes), reason="changed by a handler")

    def switch(self, model: Model | str, request: Request | None = None) -> Attempt:
        """Ask another model: one of the chain by its name, or any other."""
        chosen = self._named(model) if isinstance(model, str) else model
        return Attempt(model=chosen, request=request or self.request, reason="switched by a handler")

    def answer(self, content: str | Response, reason: str | None = None) -> Answer:
        """Answer with this instead of a model."""
        return Answer(content, reason or f"answered by a handler after {self.error.kind}")

    def fail(self, error: ModelError | None = None) -> Fail:
        """Give up now, with `error` or the one at hand."""
        return Fail(error)

    def _named(self, name: str) -> Model:
        for model in self.history.models:
            if model.name == name:
                return model
        known = ", ".join(model.name for model in self.history.models)
        raise LookupError(f"There is no model {name!r} in this chain ({known}); pass a model to switch elsewhere.")
