"""Scenarios from TOML and dicts. Every key and every value is checked, and an error names the one that is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Optional

import msgspec

from holdfast.errors import ConfigurationError
from holdfast.simulator.answers import Manner
from holdfast.simulator.bucket import RateLimit
from holdfast.simulator.continuations import Style
from holdfast.simulator.faults import KINDS, Fault, Seconds, vocabulary
from holdfast.simulator.scenario import Count, Rule, Scenario, SimulatedModel, When, Window

BUILT_IN: Final = ("storm", "streams", "windows")
"""The scenarios that come with the package."""

_ERROR_IN: Final = re.compile(r" - at `\$(?P<path>.*)`$")


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


@cache
def builtin(name: str) -> Scenario:
    """The built-in scenario called `name`, without the models of the others."""
    return _read_scenario(_packaged(name))


def _packaged(name: str) -> dict[str, Any]:
    return tomllib.loads(files("holdfast.simulator").joinpath("scenarios", f"{name}.toml").read_text(encoding="utf-8"))


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
        "resumable": bool,
    }
    manner = {"think": bool, "sentences": Optional[Count], "continuation": Style}  # noqa: UP045  # Annotated has no "|"
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
