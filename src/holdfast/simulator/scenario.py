"""What a simulator does, as a value: models, each with its manner, its limits and its rules.

A rule is a fault and a when. Rules with a share draw lots together: one number from a hash of the seed, the model, the
prompt and how often it was asked before falls to at most one of them, so that a run can be repeated. Rules without a
share apply whenever their conditions hold, the first one that does, before any lot is drawn. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated

from msgspec import Meta, Struct

from holdfast.simulator.answers import Manner
from holdfast.simulator.bucket import RateLimit
from holdfast.simulator.faults import AnyFault, Share

Count = Annotated[int, Meta(ge=1)]


class When(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a rule applies; conditions that are not stated always hold.

    - `share`: to which part of the requests, drawn by lot.
    - `first`: to the first n requests to the model; `every`: to each nth of them.
    - `attempts`: to the first n times that the same prompt is asked.
    - `prompt`: where this regular expression is found in the prompt's last message.
    - `stream`: to streamed requests only, or to others only.
    """

    share: Share | None = None
    first: Count | None = None
    every: Count | None = None
    attempts: Count | None = None
    prompt: str | None = None
    stream: bool | None = None

    def holds(self, occasion: Occasion) -> bool:
        """Whether the conditions hold, the share left out."""
        return (
            (self.first is None or occasion.number <= self.first)
            and (self.every is None or occasion.number % self.every == 0)
            and (self.attempts is None or occasion.attempt <= self.attempts)
            and (self.prompt is None or re.search(self.prompt, occasion.prompt) is not None)
            and (self.stream is None or self.stream == occasion.stream)
        )


class Occasion(Struct, frozen=True, kw_only=True):
    """One request as the rules see it: the `number`th to its model, the `attempt`th with this prompt, from 1."""

    model: str
    prompt: str = ""
    number: int = 1
    attempt: int = 1
    stream: bool = False


class Rule(Struct, frozen=True):
    """A fault, and when it strikes."""

    fault: AnyFault
    when: When = When()


class Window(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How much a model can read, in tokens of `answers.prompt_tokens`, and how honest it is about that.

    - `states`: the number that its errors name, where that is another one; 0: they name none.
    - `truncates`: it says nothing, and reads only the end.
    - `shrinks_by`: tokens that the window loses with every request, down to `least`.
    - `reserves`: whether `max_tokens` of the output count as well.
    """

    tokens: Count
    states: Annotated[int, Meta(ge=0)] | None = None
    truncates: bool = False
    shrinks_by: Annotated[int, Meta(ge=0)] = 0
    least: Count = 1
    reserves: bool = True

    def at(self, number: int) -> int:
        """The window at the `number`th request, from 1."""
        return max(self.tokens - self.shrinks_by * (number - 1), min(self.least, self.tokens))


class SimulatedModel(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model of a scenario.

    - `latency`: seconds before the headers; `pace`: seconds before each event of a stream.
    - `manner`: how it answers. `rules`: what goes wrong.
    - `resumable`: whether Gemini's events bear continuation tokens.
    """

    latency: float = 0.0
    pace: float = 0.0
    manner: Manner = Manner()
    window: Window | None = None
    rate_limit: RateLimit | None = None
    resumable: bool = False
    rules: tuple[Rule, ...] = ()

    def fault(self, occasion: Occasion, seed: int = 0) -> AnyFault | None:
        """What goes wrong on this occasion; None: nothing."""
        holding = [rule for rule in self.rules if rule.when.holds(occasion)]
        for rule in holding:
            if rule.when.share is None:
                return rule.fault
        lot = _lot(occasion, seed)
        for rule in holding:
            lot -= rule.when.share or 0.0
            if lot < 0:
                return rule.fault
        return None


class Scenario(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The models that a simulator knows; `"*"` stands for every other name.

    `api_key`: the key that requests must carry; None lets everybody in.
    """

    seed: int = 0
    models: Mapping[str, SimulatedModel] = {}
    api_key: str | None = None

    def model(self, name: str) -> SimulatedModel | None:
        """The model called `name`, with or without `sim/` before it; None when there is none."""
        bare = name.removeprefix("sim/")
        return self.models.get(name) or self.models.get(bare) or self.models.get("*")


def _lot(occasion: Occasion, seed: int) -> float:
    text = f"{seed}\0{occasion.model}\0{occasion.prompt}\0{occasion.attempt}"
    return int(sha256(text.encode(errors="surrogatepass")).hexdigest()[:13], 16) / 16**13
