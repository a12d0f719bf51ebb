"""What a simulator does, as a value read from TOML: models, each with its manner, its limits and its rules.

A rule is a fault and a when. Rules with a share draw lots together: one number from a hash of the seed, the model, the
prompt and how often it was asked before falls to at most one of them, so that a run can be repeated. Rules without a
share apply whenever their conditions hold, the first one that does, before any lot is drawn. Pure but for `load`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from holdfast.errors import ConfigurationError
from holdfast.simulator.answers import Manner
from holdfast.simulator.bucket import RateLimit
from holdfast.simulator.continuations import Style
from holdfast.simulator.faults import KINDS, AnyFault, Fault, Seconds, Share, vocabulary

Count = Annotated[int, Meta(ge=1)]
_ERROR_IN: Final = re.compile(r" - at `\$(?P<path>.*)`$")


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
    """

    latency: float = 0.0
    pace: float = 0.0
    manner: Manner = Manner()
    window: Window | None = None
    rate_limit: RateLimit | None = None
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


def scenario_from(data: Mapping[str, Any]) -> Scenario:
    """The scenario that a dict (of the TOML's shape) describes, with the built-in models beneath its own.

    Raises:
        ConfigurationError: a key or a value is wrong; the message names it.
    """
    scenario = _read_scenario(data)
    return msgspec.structs.replace(scenario, models={**builtin("storm").models, **scenario.models})


def parse(text: str) -> Scenario:
    """The scenario in this TOML; raises `ConfigurationError` as `scenario_from` does."""
    return scenario_from(_toml(text, "the scenario"))


def load(source: str | Path) -> Scenario:
    """The scenario in a file, or the built-in one of that name (`"storm"`, `"streams"`, `"windows"`).

    Raises:
        ConfigurationError: there is no such file, or its content is wrong; the message names the key.
    """
    path = Path(source)
    if str(source) in BUILT_IN and not path.exists():
        return scenario_from(_packaged(str(source)))
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        known = ", ".join(BUILT_IN)
        message = f"There is no scenario {str(source)!r}: no file of that name, and none of {known}."
        raise ConfigurationError(message) from error
    return scenario_from(_toml(text, str(source)))


BUILT_IN: Final = ("storm", "streams", "windows")
"""The scenarios that come with the package."""


@cache
def builtin(name: str) -> Scenario:
    """The built-in scenario called `name`, without the models of the others."""
    return _read_scenario(_packaged(name))


def _packaged(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("scenarios", f"{name}.toml").read_text(encoding="utf-8"))


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{where} is no TOML: {error}") from error


def _read_scenario(data: Mapping[str, Any]) -> Scenario:
    models = _table(data, "models", "")
    _only(data, {"seed", "models", "api_key"}, "")
    return Scenario(
        seed=_convert(data.get("seed", 0), int, "seed"),
        models={name: _read_model(_table(models, name, "models"), f"models.{name}") for name in models},
        api_key=_convert(data.get("api_key"), str | None, "api_key"),
    )


def _read_model(data: Mapping[str, Any], where: str) -> SimulatedModel:
    read: dict[str, Any] = {
        "latency": Seconds,
        "pace": Seconds,
        "window": Window | None,
        "rate_limit": RateLimit | None,
    }
    manner = {"think": bool, "sentences": Count | None, "continuation": Style}
    _only(data, {*read, *manner, "rules"}, where)
    stated = {key: _convert(data[key], kind, f"{where}.{key}") for key, kind in read.items() if key in data}
    spoken = {key: _convert(data[key], kind, f"{where}.{key}") for key, kind in manner.items() if key in data}
    rules = _convert(data.get("rules", []), list[dict[str, Any]], f"{where}.rules")
    made = tuple(_read_rule(rule, f"{where}.rules[{place}]") for place, rule in enumerate(rules))
    if (total := sum(rule.when.share or 0 for rule in made)) > 1 + 1e-9:
        raise ConfigurationError(f"The shares in `{where}.rules` add up to {total:g}; together they may be 1 at most.")
    return SimulatedModel(**stated, manner=Manner(**spoken), rules=made)


def _read_rule(data: Mapping[str, Any], where: str) -> Rule:
    conditions = {key: data[key] for key in When.__struct_fields__ if key in data}
    described = {key: value for key, value in data.items() if key not in conditions}
    name = described.get("fault")
    if name in KINDS:
        described |= {"fault": "error", "kind": name}
    known = {entry.name: entry for entry in vocabulary()}
    if described.get("fault") not in known:
        words = ", ".join((*KINDS, *known))
        raise ConfigurationError(f"`{where}.fault` is {name!r}; it must be one of {words}.")
    entry = known[described["fault"]]
    _only(data, {"fault", *When.__struct_fields__, *entry.parameters}, where)
    when = _convert(conditions, When, where)
    _check_pattern(when.prompt, f"{where}.prompt")
    fault: Any = _convert(described, entry.kind, where)
    return Rule(fault, when)


def _check_pattern(pattern: str | None, where: str) -> None:
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise ConfigurationError(f"`{where}` is no regular expression: {error}.") from error


def _table(data: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    table: Mapping[str, Any] = _convert(data.get(key, {}), dict[str, Any], f"{where}.{key}".lstrip("."))
    return table


def _only(data: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in data:
        if key not in known:
            path = f"{where}.{key}".lstrip(".")
            raise ConfigurationError(f"`{path}` is no key of a scenario. Here may stand: {', '.join(sorted(known))}.")


def _convert(value: Any, kind: Any, where: str) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        said = str(error)
        inner = match["path"] if (match := _ERROR_IN.search(said)) else ""
        raise ConfigurationError(f"`{where}{inner}`: {_ERROR_IN.sub('', said)}.") from error


def fault_named(name: str, **parameters: Any) -> Fault:
    """The fault that a scenario calls `name`, with these parameters; raises `ConfigurationError` as `parse` does."""
    return _read_rule({"fault": name, **parameters}, "fault").fault
