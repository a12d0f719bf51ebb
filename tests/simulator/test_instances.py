from __future__ import annotations

import dataclasses
import enum
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from holdfast.schema import json_schema
from holdfast.simulator.instances import instance


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclasses.dataclass
class Inner:
    colour: Colour
    size: Annotated[int, Meta(ge=3, le=5)]
    weight: float | None = None


class Tree(msgspec.Struct):
    name: Annotated[str, Meta(min_length=3, max_length=9)]
    kind: Literal["leaf", "branch"]
    inner: Inner
    children: list[Tree]
    tags: Annotated[list[str], Meta(min_length=2)]
    either: int | str | None = None


@given(st.integers(min_value=0, max_value=2**32))
@settings(max_examples=50)
def test_an_instance_is_accepted_by_the_type_that_its_schema_was_made_of(seed):
    value = instance(json_schema(Tree), seed)
    assert isinstance(msgspec.convert(value, Tree), Tree)
    assert value == instance(json_schema(Tree), seed)


@pytest.mark.parametrize(
    ("schema", "fits"),
    [
        ({"type": "integer", "exclusiveMinimum": 3, "maximum": 4}, lambda value: value == 4),
        ({"type": "integer", "maximum": -5}, lambda value: value <= -5),
        ({"type": "integer", "minimum": 7, "multipleOf": 5}, lambda value: value % 5 == 0 and value >= 7),
        ({"type": ["null", "boolean"]}, lambda value: isinstance(value, bool)),
        ({"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}, lambda value: isinstance(value["a"], str)),
        ({"const": 9}, lambda value: value == 9),
        ({"enum": ["x", 2]}, lambda value: value in ("x", 2)),
        (
            {"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]},
            {"a": 1, "b": 2}.__eq__,
        ),
        ({"type": "array", "items": {"type": "null"}, "maxItems": 0}, [].__eq__),
        ({"type": "string", "format": "date"}, "2025-01-02".__eq__),
        ({}, lambda value: isinstance(value, str)),
    ],
)
@pytest.mark.parametrize("seed", [0, 1, 17])
def test_an_instance_keeps_the_rules_of_its_schema(schema, fits, seed):
    assert fits(instance(schema, seed))
