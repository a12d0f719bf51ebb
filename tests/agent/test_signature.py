# annotations are read at run time, so these functions need theirs
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Annotated, Literal

import msgspec
import pydantic
import pytest

from holdfast.agent.signature import docstring, signature_of
from holdfast.errors import ConfigurationError


@dataclass
class Place:
    name: str
    depth: int = 0


class Boat(pydantic.BaseModel):
    length: int
    home: str = "Bergen"


def weather(place: str, days: int = 1, unit: Literal["C", "F"] = "C") -> str:
    """The weather of a place.

    Of any place.

    Args:
        place: where, such as "Oslo";
            a town or an island.
        days (int): how many.

    Returns:
        Words.
    """


def test_signature_and_docstring_give_the_schema():
    found = signature_of(weather)
    assert found.description == "The weather of a place.\n\nOf any place."
    assert found.parameters == {
        "type": "object",
        "properties": {
            "place": {"type": "string", "description": 'where, such as "Oslo"; a town or an island.'},
            "days": {"type": "integer", "description": "how many.", "default": 1},
            "unit": {"enum": ["C", "F"], "default": "C"},
        },
        "required": ["place"],
        "additionalProperties": False,
    }


def f_string(x: Annotated[str, "said here"]): ...
def f_meta(x: Annotated[int, msgspec.Meta(ge=1, description="at least one")]): ...
def f_list(x: list[int]): ...
def f_optional(x: int | None = None): ...
def f_bare(x): ...
def f_mapping(x: dict[str, float]): ...


@pytest.mark.parametrize(
    ("function", "schema", "given", "read"),
    [
        (f_string, {"type": "string", "description": "said here"}, "a", "a"),
        (f_meta, {"type": "integer", "minimum": 1, "description": "at least one"}, "3", 3),
        (f_list, {"type": "array", "items": {"type": "integer"}}, ["1", 2], [1, 2]),
        (f_optional, {"anyOf": [{"type": "integer"}, {"type": "null"}]}, None, None),
        (f_bare, {}, {"any": 1}, {"any": 1}),
        (f_mapping, {"type": "object", "additionalProperties": {"type": "number"}}, {"a": 1}, {"a": 1.0}),
    ],
)
def test_every_annotation_has_its_schema_and_is_read(function, schema, given, read):
    found = signature_of(function)
    assert found.parameters["properties"]["x"] == schema
    assert found.read({"x": given}) == ([], {"x": read})


def sail(boat: Boat, places: list[Place], fleet: list[Boat] | None = None): ...


def test_models_and_dataclasses_are_arguments_and_their_definitions_stand_at_the_top():
    found = signature_of(sail)
    assert set(found.parameters["$defs"]) == {"Place", "Boat"}
    assert all("$defs" not in each for each in found.parameters["properties"].values())
    _, named = found.read(
        {"boat": {"length": 3}, "places": [{"name": "Oslo"}], "fleet": [{"length": 1, "home": "Voss"}]}
    )
    assert named == {"boat": Boat(length=3), "places": [Place("Oslo")], "fleet": [Boat(length=1, home="Voss")]}


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "'place' is missing"),
        ({"place": 5}, "place: Expected `str`, got `int`"),
        ({"place": "Oslo", "days": "many"}, "days: Expected `int`, got `str`"),
        ({"place": "Oslo", "unit": "K"}, "unit: Invalid enum value"),
        ({"place": "Oslo", "when": 1}, "unknown argument 'when'; known: days, place, unit"),
    ],
)
def test_what_does_not_fit_is_said(given, complaint):
    with pytest.raises(ValueError, match=complaint.replace("(", "\\(")):
        signature_of(weather).read(given)


def test_positional_only_arguments_are_passed_by_position():
    def add(one: int, /, other: int): ...

    assert signature_of(add).read({"other": 2, "one": 1}) == ([1], {"other": 2})


def test_methods_partials_and_callable_objects_have_signatures():
    class Thing:
        def method(self, x: int): ...

        def __call__(self, y: int):
            """Do it."""

    assert list(signature_of(Thing().method).parameters["properties"]) == ["x"]
    assert signature_of(Thing()).description == "Do it."
    assert list(signature_of(Thing()).parameters["properties"]) == ["y"]
    assert signature_of(partial(weather, "Oslo")).parameters["required"] == []


def open_ended(*names: str): ...
def keyworded(**names: str): ...
def undefined(x: "Nowhere"): ...  # noqa: F821  # that is the point
def impossible(x: Annotated[Thread, "a thread"]): ...


@pytest.mark.parametrize("function", [open_ended, keyworded, undefined, impossible])
def test_a_function_without_a_schema_is_refused_when_the_agent_is_made(function):
    with pytest.raises(ConfigurationError, match=function.__name__):
        signature_of(function)


def test_a_docstring_without_sections_is_all_description():
    assert docstring("One.\n\nTwo: three.") == ("One.\n\nTwo: three.", {})
    assert docstring("") == ("", {})
    assert docstring("Do.\n\nArgs:\n    a: x\n    b: y:z\n\nRaises:\n    ValueError: never.") == (
        "Do.",
        {"a": "x", "b": "y:z"},
    )
