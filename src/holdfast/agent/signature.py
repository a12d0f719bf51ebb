"""What a function's signature and docstring say: the JSON schema of its arguments, and how to read them. Pure.

    def weather(place: str, days: int = 1) -> str:
        '''The weather of a place.

Args:
            place: where, such as "Oslo".
        '''

gives the description, the properties with their descriptions and defaults, and which of them are required.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from holdfast.errors import ConfigurationError, InvalidRequestError
from holdfast.schema import json_schema

_SECTION: Final = re.compile(
    r"^(Args|Arguments|Parameters|Returns?|Raises|Yields?|Examples?|Notes?):\s*$", re.MULTILINE
)
_ARGUMENTS: Final = ("Args", "Arguments", "Parameters")
_ENTRY: Final = re.compile(r"^(\w+)\s*(?:\([^)]*\))?:\s*(.*)$")
_VARIADIC: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Argument(Struct, frozen=True, kw_only=True):
    """One argument: its schema, and the function that reads its JSON value (raises ValueError)."""

    name: str
    schema: Mapping[str, Any]
    read: Callable[[Any], Any]
    required: bool
    positional: bool = False


class Signature(Struct, frozen=True, kw_only=True):
    """What a function takes. `parameters` is the JSON schema of an object."""

    description: str
    parameters: dict[str, Any]
    arguments: tuple[Argument, ...]

    def read(self, given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Positional and keyword arguments for the call.

        Raises:
            ValueError: something is missing, unknown, or of the wrong type; the message says what.
        """
        known = {argument.name for argument in self.arguments}
        if unknown := [name for name in given if name not in known]:
            raise ValueError(f"unknown argument {', '.join(map(repr, unknown))}; known: {', '.join(sorted(known))}")
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for argument in self.arguments:
            if argument.name in given:
                value = _read(argument, given[argument.name])
                if argument.positional:
                    positional.append(value)
                else:
                    named[argument.name] = value
            elif argument.required:
                raise ValueError(f"the argument {argument.name!r} is missing")
        return positional, named


def _read(argument: Argument, value: Any) -> Any:
    try:
        return argument.read(value)
    except ValueError as error:
        raise ValueError(f"{argument.name}: {error}") from error


def signature_of(function: Callable[..., Any]) -> Signature:
    """The signature of a function, method, partial or callable object.

    Raises:
        ConfigurationError: it takes `*args` or `**kwargs`, or an argument has no JSON schema.
    """
    bare = _bare(function)
    hints = _hints(bare)
    summary, described = docstring(inspect.getdoc(bare) or "")
    definitions: dict[str, Any] = {}
    arguments = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in _VARIADIC:
            raise ConfigurationError(f"The tool {_name(bare)!r} takes *{name}: give its arguments names of their own.")
        argument = _argument(parameter, hints.get(name, Any), described.get(name), _name(bare))
        definitions |= argument.schema.get("$defs", {})
        arguments.append(argument)
    properties = {each.name: {key: value for key, value in each.schema.items() if key != "$defs"} for each in arguments}
    parameters: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "required": [each.name for each in arguments if each.required],
        "additionalProperties": False,
    }
    if definitions:
        parameters["$defs"] = definitions
    return Signature(description=summary, parameters=parameters, arguments=tuple(arguments))


def _argument(parameter: inspect.Parameter, hint: Any, description: str | None, tool: str) -> Argument:
    if get_origin(hint) is Annotated:
        extras = get_args(hint)[1:]
        description = next((each for each in extras if isinstance(each, str)), description)
        if not any(isinstance(each, msgspec.Meta) for each in extras):
            hint = get_args(hint)[0]
    try:
        schema, read = _form(hint)
    except InvalidRequestError as error:
        raise ConfigurationError(f"The argument {parameter.name!r} of tool {tool!r}: {error.message}") from error
    if description:
        schema = {**schema, "description": description}
    required = parameter.default is inspect.Parameter.empty
    if not required and (default := _plain(parameter.default)) is not None:
        schema = {**schema, "default": default}
    return Argument(
        name=parameter.name,
        schema=schema,
        read=read,
        required=required,
        positional=parameter.kind is inspect.Parameter.POSITIONAL_ONLY,
    )


def _form(hint: Any) -> tuple[dict[str, Any], Callable[[Any], Any]]:
    """The schema of a type and how to read it: by msgspec, or by pydantic where the type has to do with it.

    Reading is lax, because models write numbers as text.
    """
    pydantic = sys.modules.get("pydantic")  # whoever writes its types has imported it
    try:
        if pydantic is None or not (isinstance(hint, type) and issubclass(hint, pydantic.BaseModel)):
            return json_schema(hint), partial(msgspec.convert, type=hint, strict=False)
    except InvalidRequestError:
        if pydantic is None:
            raise
    try:
        adapter = pydantic.TypeAdapter(hint)
        return adapter.json_schema(), adapter.validate_python
    except pydantic.PydanticUserError as error:
        raise InvalidRequestError(f"No JSON schema can be made of {hint!r}: {error}") from error


def _plain(value: Any) -> Any:
    try:
        return msgspec.to_builtins(value)
    except TypeError:
        return None


def _bare(function: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(function, partial):
        function = function.func
    return function if hasattr(function, "__name__") else type(function).__call__


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", function))


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ConfigurationError(f"An annotation of tool {_name(function)!r} cannot be resolved: {error}") from error


def docstring(text: str) -> tuple[str, dict[str, str]]:
    """The words before the first section of a Google-style docstring, and what it says of each argument."""
    summary, *sections = _SECTION.split(text)
    described: dict[str, str] = {}
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        if title in _ARGUMENTS:
            described |= _entries(body)
    return summary.strip(), described


def _entries(body: str) -> dict[str, str]:
    lines = inspect.cleandoc(body).splitlines()
    entries: dict[str, str] = {}
    name = ""
    for line in lines:
        found = _ENTRY.match(line)
        if found:
            name, entries[found[1]] = found[1], found[2]
        elif name and line.strip():
            entries[name] = f"{entries[name]} {line.strip()}".strip()
    return entries
