"""How much a model holds: the user's word, else what an error taught, else our table, else the registry, else 128 k."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Final, Literal

from msgspec import Struct

from holdfast.context.families import family_of
from holdfast.request import Request

DEFAULT_WINDOW: Final = 128_000
DEFAULT_OUTPUT: Final = 16_384

Source = Literal["user", "learnt", "table", "registry", "default"]


class Window(Struct, frozen=True, omit_defaults=True, gc=False):
    """Tokens that a model holds, and of these the most it writes in one answer (None: not known).

    `source` says how it is known; `"default"` is a guess.
    """

    tokens: int
    output: int | None = None
    source: Source = "user"


class Windows:
    """The windows of models, by name.

    Args:
        known: windows as the user states them, numbers of tokens or `Window`s, by the whole name
            (`"openai/gpt-5-mini"`) or the part after the endpoint.
    """

    def __init__(self, known: Mapping[str, int | Window] = {}) -> None:  # only read
        self._known = {name: each if isinstance(each, Window) else Window(each) for name, each in known.items()}
        self._learnt: dict[str, int] = {}

    def find(self, model: str) -> Window:
        """The window of a model. Every name has one."""
        stated = self._known.get(model) or self._known.get(model.partition("/")[2])
        if stated is not None:
            return stated
        learnt = self._learnt.get(model)
        if learnt is not None:
            return Window(learnt, family_of(model).output, "learnt")
        return _published(model)

    def window(self, model: str) -> int:
        """Tokens that a model holds."""
        return self.find(model).tokens

    def learn(self, model: str, tokens: int) -> None:
        """Take a limit that the provider stated. The smallest stated one counts: gateways differ."""
        if tokens > 0:
            self._learnt[model] = min(tokens, self._learnt.get(model, tokens))

    def observe(self, model: str, used: int) -> None:
        """Take a number of tokens that the model did hold: a window cannot be smaller."""
        if used > self.window(model) and model not in self._known:
            self._learnt[model] = used

    def reserve(self, request: Request, model: str) -> int:
        """Tokens kept free for the answer: `max_tokens` if stated, else at most 16 k and a quarter of the window.

        A thinking budget lies inside `max_tokens` (Anthropic docs, "Extended thinking") and is not added.
        """
        window = self.find(model)
        if request.settings.max_tokens is not None:
            return request.settings.max_tokens
        return min(window.output or DEFAULT_OUTPUT, DEFAULT_OUTPUT, window.tokens // 4)


@lru_cache(maxsize=1024)
def _published(model: str) -> Window:
    family = family_of(model)
    if family.window is not None:
        return Window(family.window, family.output, "table")
    size = _registered(model)
    return Window(DEFAULT_WINDOW, source="default") if size is None else Window(size, source="registry")


def _registered(model: str) -> int | None:
    """What `genai-prices` (an extra) says, from the data in its wheel. Its first look-up takes some 0.1 s."""
    if find_spec("genai_prices") is None:
        return None
    from genai_prices import data_snapshot  # noqa: PLC0415  # an extra, read when a window is first asked for

    snapshot: Any = data_snapshot.get_snapshot()
    endpoint, _, rest = model.partition("/")
    for name, provider in ((rest, endpoint), (rest, None), (model, None)):
        try:
            _, found = snapshot.find_provider_model(name, None, provider, None)
        except LookupError:
            continue
        if found.context_window:
            return int(found.context_window)
    return None
