"""Schemas for strict modes: the same meaning, or none at all."""

from __future__ import annotations

import copy

import pytest
from openai.lib._pydantic import to_strict_json_schema
from pydantic import BaseModel

from holdfast.providers.output import strict_schema


def obj(properties, **more):
    return {"type": "object", "properties": properties, "required": list(properties), **more}


class Inner(BaseModel):
    value: int


class Outer(BaseModel):
    name: str
    inner: Inner
    many: list[Inner]
    maybe: Inner | None


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (obj({"a": {"type": "string"}}), obj({"a": {"type": "string"}}, additionalProperties=False)),
        (
            {"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}}},
            obj({"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, additionalProperties=False),
        ),
        (
            {"type": "object", "properties": {"a": {"type": ["string", "null"]}}},
            obj({"a": {"type": ["string", "null"]}}, additionalProperties=False),
        ),
        ({"type": "object", "properties": {}}, obj({}, additionalProperties=False)),
        (
            obj({"a": {"allOf": [obj({"b": {"type": "integer"}})], "description": "d"}}),
            obj(
                {"a": {**obj({"b": {"type": "integer"}}, additionalProperties=False), "description": "d"}},
                additionalProperties=False,
            ),
        ),
    ],
)
def test_a_schema_is_closed_where_that_keeps_its_meaning(schema, strict):
    before = copy.deepcopy(schema)
    assert strict_schema(schema) == strict
    assert strict_schema(strict) == strict
    assert schema == before


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {"type": "object", "properties": {"a": {"type": "integer", "default": 3}}},
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "string"}},
        obj({"a": {"type": "object"}}),
        obj({"a": {}}, additionalProperties=True),
        obj({"a": {"oneOf": [{"type": "string"}, {"type": "integer"}]}}),
        obj({"a": {"not": {"type": "string"}}}),
        obj({"a": {"type": "string", "minLength": 3}}),
        obj({"a": {"type": "string", "format": "uri"}}),
        obj({"a": {"type": "object", "patternProperties": {}}}),
        obj({"a": True}),
        {"type": "array", "items": {"type": "string"}},
        {"anyOf": [obj({}), obj({"a": {"type": "null"}})]},
    ],
)
def test_a_schema_that_would_change_its_meaning_is_left_alone(schema):
    assert strict_schema(schema) is None


def test_a_pydantic_model_gives_what_the_vendors_sdk_makes_of_it():
    assert strict_schema(Outer.model_json_schema()) == to_strict_json_schema(Outer)
